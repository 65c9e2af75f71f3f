//! A living fleet on an emulated Astarte: devices of several models that connect, send telemetry, drop out and come
//! back, and what a person would tell a server about them.

mod demo;
mod device;
mod models;

pub use demo::{Server, describe};
pub use device::{device_id, model_of, spawn};
pub use models::{Cpu, GATEWAY, MODELS, Model, PANEL, SENSOR, TRACKER};
