#![doc = include_str!("../README.md")]

mod devices;
mod discovery;
mod engine;
mod error;
mod events;
mod feed;
pub mod forwarder;
mod geolocation;
mod groups;
mod hardware_types;
mod ingest;
mod measures;
mod problem;
mod provisioning;
mod realm_resources;
mod reconciler;
mod records;
mod request_cache;
mod selectors;
pub mod storage;
mod strangers;
mod system_models;
mod tags;
mod tenants;
mod token;
mod trigger_guard;

pub use devices::DeviceReads;
pub use engine::{Engine, EngineBuilder};
pub use error::Error;
pub use feed::Changes;
pub use forwarder::{ForwarderConfig, ForwarderConfigError, ForwarderError, ForwarderSession};
pub use geolocation::{
    DeviceSensors, GeocodingProvider, Geolocation, GeolocationBuilder, GeolocationConfig, GeolocationError,
    GeolocationProvider, GoogleGeocoding, GoogleWifi, Ipbase, Location, Position, ServiceError,
};
pub use groups::DeviceGroupUpdate;
pub use ingest::EventError;
pub use measures::describe_metrics;
pub use problem::{Problem, ProblemKind};
pub use system_models::{PictureFile, PictureSource, SystemModelDraft, SystemModelUpdate};
pub use tenants::Tenant;
pub use token::{InvalidPublicKey, TokenError, VerifyingKey, mint_admin_token, mint_tenant_token};
pub use trigger_guard::{TRIGGER_SECRET_HEADER, UntrustedEvent};

/// The parts of the floors below that the engine's users meet.
pub use edgehog_astarte::{
    Error as AstarteError, Event, EventError as InvalidEvent, HttpConfig, SigningKey, TriggerEvent,
};
pub use edgehog_sdk as sdk;
pub use edgehog_store as store;
pub use edgehog_store::{
    Config as StoreConfig, InvalidKeyring, Keyring, NewTenant, PgConnectOptions, PgSslMode, Reconciliation,
    Store, TenantId, TenantScope,
};
