#![doc = include_str!("../README.md")]

mod devices;
mod discovery;
mod engine;
mod error;
mod events;
pub mod forwarder;
mod geolocation;
mod ingest;
mod provisioning;
mod realm_resources;
mod reconciler;
mod request_cache;
pub mod storage;
mod tenants;
mod token;

pub use devices::DeviceReads;
pub use engine::{Engine, EngineBuilder};
pub use error::Error;
pub use forwarder::{ForwarderConfig, ForwarderConfigError, ForwarderError, ForwarderSession};
pub use geolocation::{
    DeviceSensors, GeocodingProvider, Geolocation, GeolocationBuilder, GeolocationConfig, GeolocationError,
    GeolocationProvider, GoogleGeocoding, GoogleWifi, Ipbase, Location, Position, ServiceError,
};
pub use ingest::EventError;
pub use tenants::Tenant;
pub use token::{InvalidPublicKey, TokenError, VerifyingKey, mint_admin_token, mint_tenant_token};

/// The parts of the floors below that the engine's users meet.
pub use edgehog_astarte::{EventError as InvalidEvent, HttpConfig, SigningKey, TriggerEvent};
pub use edgehog_sdk as sdk;
pub use edgehog_store::{
    Config as StoreConfig, Cursor, Device, DeviceKey, Error as StoreError, Filter, List, MAX_PAGE_SIZE,
    NewTenant, Page, PageRequest, PgConnectOptions, PgSslMode, Store, TenantId, TenantScope,
};
