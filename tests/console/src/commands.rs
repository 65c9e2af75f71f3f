//! What a device is told to do.

use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};

use crate::client::Client;
use crate::{Report, devices};

/// How long the console waits for a terminal.
const PATIENCE: Duration = Duration::from_secs(10);

const BLINK: &str = "mutation LedBehaviorDropdown_setDeviceLedBehavior_Mutation($deviceId: ID!, $input: SetDeviceLedBehaviorInput!) {
  setDeviceLedBehavior(id: $deviceId, input: $input) { result { id } }
}";

const CONFIG: &str = "query { forwarderConfig { id hostname port secureSessions } }";

const REQUEST: &str = "mutation DeviceConnectionStatus_requestForwarderSession_Mutation($input: RequestForwarderSessionInput!) {
  requestForwarderSession(input: $input)
}";

const SESSION: &str =
    "query DeviceConnectionStatus_getForwarderSession_Query($deviceId: ID!, $sessionToken: String!) {
  forwarderSession(deviceId: $deviceId, token: $sessionToken) {
    id token status secure forwarderHostname forwarderPort
  }
}";

pub(crate) async fn check(client: &Client, report: &mut Report<'_>) -> Result<()> {
    on_some_device(client, blink).await.context("the light")?;
    report.passed("a device blinks");
    on_some_device(client, open_terminal).await.context("the terminal")?;
    report.passed("a device's terminal can be opened");
    Ok(())
}

/// Devices come and go: what one cannot do any more, another one may.
async fn on_some_device(client: &Client, act: impl AsyncFn(&Client, &Value) -> Result<()>) -> Result<()> {
    let mut last = Ok(());
    for device in devices::online(client).await? {
        last = act(client, &device["id"]).await;
        if last.is_ok() {
            return Ok(());
        }
    }
    last.and_then(|()| bail!("no device is online"))
}

async fn blink(client: &Client, device: &Value) -> Result<()> {
    for behavior in ["BLINK", "DOUBLE_BLINK", "SLOW_BLINK"] {
        let variables = json!({ "deviceId": device, "input": { "behavior": behavior } });
        let result = client.mutate("setDeviceLedBehavior", BLINK, variables).await?;
        ensure!(result["id"] == *device, "another device blinks: {result}");
    }
    Ok(())
}

async fn open_terminal(client: &Client, device: &Value) -> Result<()> {
    let config = client.data(CONFIG, json!({})).await?["forwarderConfig"].take();
    ensure!(config.is_object(), "this server has no forwarder");
    let data = client.data(REQUEST, json!({ "input": { "deviceId": device } })).await?;
    let variables = json!({ "deviceId": device, "sessionToken": data["requestForwarderSession"] });
    let session = tokio::time::timeout(PATIENCE, connected(client, &variables)).await;
    let session = session.context("the device does not connect")??;
    ensure!(session["token"] == variables["sessionToken"], "another session: {session}");
    for (of_session, of_config) in
        [("forwarderHostname", "hostname"), ("forwarderPort", "port"), ("secure", "secureSessions")]
    {
        ensure!(session[of_session] == config[of_config], "{session} is not at {config}");
    }
    Ok(())
}

async fn connected(client: &Client, variables: &Value) -> Result<Value> {
    let mut pause = Duration::from_millis(50);
    loop {
        let session = client.data(SESSION, variables.clone()).await?["forwarderSession"].take();
        if session["status"] == "CONNECTED" {
            return Ok(session);
        }
        tokio::time::sleep(pause).await;
        pause *= 2;
    }
}
