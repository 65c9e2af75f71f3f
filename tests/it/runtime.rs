//! A device that nobody here wrote: the stock `edgehog-device-runtime`, built from its published source.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use edgehog_astarte::{DeviceId, PairingAgent};
use edgehog_sdk::Interface;
use edgehog_sdk::interfaces::{StorageUsage, SystemStatus};
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use crate::world::{REALM, World};

const VERSION: &str = "0.13.1";

/// What the runtime says, to be read when it does not show up.
const LOG: &str = concat!(env!("CARGO_TARGET_TMPDIR"), "/edgehog-device-runtime.log");

/// Pairs, connects over MQTT, shows up with what its machine is, and is offline when killed.
#[tokio::test]
async fn a_stock_device_shows_up() {
    let world = World::with_tenant().await;
    let device_id = DeviceId::random();
    let dir = tempfile::tempdir().unwrap();
    let bus = SystemBus::start(dir.path()).await;
    let mut runtime = start_runtime(&world, &device_id, &dir, &bus).await;

    let selection = "online serialNumber partNumber lastSeenIp capabilities
        hardwareInfo { cpuArchitecture cpuModelName cpuVendor memoryTotalBytes }
        osInfo { name version }
        runtimeInfo { name version }
        storageUsage { label totalBytes freeBytes }
        systemStatus { bootId taskCount timestamp }";
    let device = shown_whole(&world, &device_id, selection).await;
    assert_eq!(device["online"], true);
    assert_eq!((&device["serialNumber"], &device["partNumber"]), (&"journey-1".into(), &"journey".into()));
    assert_eq!(device["lastSeenIp"], "127.0.0.1");
    is_this_machine(&device);

    runtime.kill().await.unwrap();
    let offline =
        world.device_that(device_id.as_str(), "online lastDisconnection", |it| it["online"] == false).await;
    assert!(offline["lastDisconnection"].is_string());
}

/// Waits until the device has told everything.
///
/// A property that is set at the very moment when the device's SDK has connected is sent only when it connects again
/// (0.15.1 asks for what is left to send before it says that it is connected). So a device that leaves something out is
/// cut off, as a bad network would, until it has told everything.
async fn shown_whole(world: &World, device_id: &DeviceId, selection: &str) -> Value {
    let machine = this_machine();
    let told_later = ["serialNumber", "partNumber", "systemStatus"];
    let is_whole = |device: &Value| {
        device["online"] == true
            && tells_all(device, &machine)
            && told_later.iter().all(|name| !device[name].is_null())
            && !device["storageUsage"][0].is_null()
    };
    let cut_off = async {
        loop {
            tokio::time::sleep(Duration::from_secs(8)).await;
            world.realm.disconnect_device(device_id.as_str()).unwrap();
        }
    };
    tokio::select! {
        device = world.device_that(device_id.as_str(), selection, is_whole) => device,
        () = cut_off => unreachable!("it goes on until the device has told everything"),
    }
}

/// Whether a device tells anything at all wherever the machine has something to tell.
fn tells_all(device: &Value, machine: &Value) -> bool {
    match machine {
        Value::Object(members) => members.iter().all(|(name, machine)| tells_all(&device[name], machine)),
        machine => machine.is_null() || !device.is_null(),
    }
}

/// What this machine says of itself, read from where it says it.
fn this_machine() -> Value {
    let cpu = fields("/proc/cpuinfo", ':');
    let memory = fields("/proc/meminfo", ':')["MemTotal"].trim_end_matches(" kB").parse::<i64>().unwrap();
    let os = fields("/etc/os-release", '=');
    json!({
        "hardwareInfo": {
            "cpuArchitecture": std::env::consts::ARCH,
            "cpuModelName": cpu.get("model name"),
            "cpuVendor": cpu.get("vendor_id"),
            "memoryTotalBytes": memory * 1024,
        },
        "osInfo": { "name": os.get("NAME"), "version": os.get("VERSION_ID") },
        "runtimeInfo": { "name": "edgehog-device-runtime", "version": VERSION },
    })
}

fn is_this_machine(device: &Value) {
    for (section, machine) in this_machine().as_object().unwrap() {
        assert_eq!(&device[section], machine, "{section}");
    }
    let sizes = file_system_sizes();
    for unit in device["storageUsage"].as_array().unwrap() {
        let (total, free) = (unit["totalBytes"].as_i64().unwrap(), unit["freeBytes"].as_i64().unwrap());
        assert!(sizes.contains(&total), "{unit} among {sizes:?}");
        assert!((0..=total).contains(&free), "{unit}");
    }
    let boot_id = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap();
    assert_eq!(device["systemStatus"]["bootId"], boot_id.trim());
}

/// The first value of each name in a file of `name: value` or `NAME="value"` lines.
fn fields(file: &str, separator: char) -> BTreeMap<String, String> {
    let text = std::fs::read_to_string(file).unwrap();
    let mut fields = BTreeMap::new();
    for (name, value) in text.lines().filter_map(|line| line.split_once(separator)) {
        fields.entry(name.trim().to_owned()).or_insert_with(|| value.trim().trim_matches('"').to_owned());
    }
    fields
}

fn file_system_sizes() -> Vec<i64> {
    let df = std::process::Command::new("df").args(["--block-size=1", "--output=size"]).output().unwrap();
    String::from_utf8(df.stdout).unwrap().lines().filter_map(|line| line.trim().parse().ok()).collect()
}

async fn start_runtime(world: &World, device_id: &DeviceId, dir: &TempDir, bus: &SystemBus) -> Child {
    let program = std::env::var_os("EDGEHOG_DEVICE_RUNTIME");
    let program = PathBuf::from(program.unwrap_or_else(|| {
        panic!(
            "EDGEHOG_DEVICE_RUNTIME must name edgehog-device-runtime {VERSION}; `cargo xtask test` sets it"
        )
    }));
    let version = Command::new(&program).arg("--version").output().await.unwrap();
    let version = String::from_utf8(version.stdout).unwrap();
    assert!(version.contains(VERSION), "{} is {version}", program.display());

    let secret = world.client.register(device_id, &BTreeMap::new()).await.unwrap();
    let pairing_url = world.emulator.base_url().join("pairing").unwrap();
    let store = dir.path().join("store");
    std::fs::create_dir(&store).unwrap();
    let config = dir.path().join("edgehog-config.toml");
    let text = format!(
        "astarte_library = \"astarte-device-sdk\"\n\
         store_directory = {store:?}\n\
         download_directory = {store:?}\n\
         [astarte_device_sdk]\n\
         realm = \"{REALM}\"\n\
         device_id = \"{device_id}\"\n\
         pairing_url = \"{pairing_url}\"\n\
         credentials_secret = \"{}\"\n{}{}",
        secret.expose_secret(),
        periodically(SystemStatus::NAME),
        periodically(StorageUsage::NAME),
    );
    std::fs::write(&config, text).unwrap();
    // The device trusts the broker for its certificate, like any other device would.
    let authority = dir.path().join("ca.pem");
    std::fs::write(&authority, world.emulator.ca_certificate_pem()).unwrap();
    let log = std::fs::File::create(LOG).unwrap();
    Command::new(program)
        .arg("--config")
        .arg(config)
        .env("SSL_CERT_FILE", authority)
        .env("DBUS_SYSTEM_BUS_ADDRESS", &bus.address)
        .env("EDGEHOG_SYSTEM_SERIAL_NUMBER", "journey-1")
        .env("EDGEHOG_SYSTEM_PART_NUMBER", "journey")
        .current_dir(dir.path())
        .stdin(Stdio::null())
        .stdout(log.try_clone().unwrap())
        .stderr(log)
        .kill_on_drop(true)
        .spawn()
        .unwrap()
}

/// What the runtime measures is sent once when it starts, perhaps before it has connected, and is lost then; so it is
/// told to send it again and again.
fn periodically(interface: &str) -> String {
    format!("[[telemetry_config]]\ninterface_name = \"{interface}\"\nenabled = true\nperiod = 1\n")
}

/// A system bus of our own: the runtime looks there for the services of an embedded Linux, and does without them.
struct SystemBus {
    address: String,
    _daemon: Child,
}

impl SystemBus {
    async fn start(dir: &Path) -> Self {
        let config = dir.join("bus.conf");
        let socket = dir.join("bus");
        let text = format!(
            "<busconfig><type>system</type><listen>unix:path={}</listen><auth>EXTERNAL</auth>\
             <policy context=\"default\"><allow send_destination=\"*\"/><allow receive_sender=\"*\"/><allow own=\"*\"/></policy></busconfig>",
            socket.display()
        );
        std::fs::write(&config, text).unwrap();
        let mut daemon = Command::new("dbus-daemon")
            .arg(format!("--config-file={}", config.display()))
            .args(["--nofork", "--print-address=1"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap_or_else(|error| {
                panic!("dbus-daemon must be installed; `cargo xtask test` does it: {error}")
            });
        // It prints its address once it listens.
        let mut lines = BufReader::new(daemon.stdout.take().unwrap()).lines();
        let address = lines.next_line().await.unwrap().unwrap();
        Self { address, _daemon: daemon }
    }
}
