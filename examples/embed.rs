//! Edgehog inside a program of your own: `cargo run -p edgehog-examples --bin embed`, with the environment of
//! `cargo xtask dev` (`. target/dev/edgehog.env; export DATABASE_URL EDGEHOG_ENCRYPTION_KEYS EDGEHOG_TENANT`).

use edgehog_engine::store::{Device, List};
use edgehog_engine::{Engine, Keyring, Store, StoreConfig};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let keyring = Keyring::from_base64(&std::env::var("EDGEHOG_ENCRYPTION_KEYS")?.into())?;
    let store = Store::connect(StoreConfig::new(std::env::var("DATABASE_URL")?.parse()?, keyring)).await?;
    let engine = Engine::builder(store, "http://localhost:4000".parse()?).build()?;
    let Some(tenant) = engine.tenant(&std::env::var("EDGEHOG_TENANT")?).await? else {
        anyhow::bail!("there is no such tenant")
    };
    let reads = tenant.device_reads();
    for device in tenant.rows::<Device>(&List::default()).await?.rows {
        let hardware =
            reads.read(&device.device_id, |device| async move { device.hardware_info().await }).await;
        let cpu = hardware.and_then(|hardware| hardware.cpu_model_name).unwrap_or_default();
        println!("{:8} {} {cpu}", if device.online { "online" } else { "offline" }, device.name);
    }
    Ok(())
}
