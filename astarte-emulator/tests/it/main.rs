//! The emulator from outside: over REST, over MQTT, and with the official device SDK as the peer.

mod sdk;
mod world;
