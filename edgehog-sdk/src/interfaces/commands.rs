//! Orders that a device carries out at once.

use super::{SIXTY_DAYS, texts};
use crate::{definition::Reliability, interface};

interface! {
    name: "io.edgehog.devicemanager.LedBehavior",
    version: (0, 1),
    kind: server individual at "/%{led_id}",
    flags: { reliability: Reliability::Unique, database_retention_ttl: SIXTY_DAYS },

    /// Makes a light of the device blink, so that people find it.
    #[derive(Debug, Clone, PartialEq)]
    pub struct LedBehavior {
        /// Which light.
        pub led: Led = key,
        /// How it blinks.
        pub behavior: LedPattern = "behavior",
    }
}

texts! {
    /// A light of a device.
    pub enum Led {
        /// The one light that every device has.
        Indicator = "indicator",
    }
}

texts! {
    /// How a light blinks for a minute.
    pub enum LedPattern {
        /// One second on, one second off.
        Blink = "Blink60Seconds",
        /// Two short pulses, then a pause.
        DoubleBlink = "DoubleBlink60Seconds",
        /// Two seconds on, two seconds off.
        SlowBlink = "SlowBlink60Seconds",
    }
}

interface! {
    name: "io.edgehog.devicemanager.Commands",
    version: (0, 1),
    kind: server individual,
    flags: { reliability: Reliability::Unique, explicit_timestamp: true },

    /// A command to the whole device.
    #[derive(Debug, Clone, PartialEq)]
    pub struct Command {
        /// What to do.
        pub request: CommandRequest = "request",
    }
}

texts! {
    /// What a device can be told to do.
    pub enum CommandRequest {
        /// Boot again.
        Reboot = "Reboot",
    }
}
