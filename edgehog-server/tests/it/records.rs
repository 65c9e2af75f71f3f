//! Records that tests begin with, and answers in few words.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures::future::join_all;
use serde_json::{Value, json};

use crate::Server;

/// The global id of a record that may not exist.
pub(crate) fn global_id(type_name: &str, key: i64) -> String {
    STANDARD.encode(format!("{type_name}:{key}"))
}

/// The number in a global id.
pub(crate) fn key(id: &str) -> i64 {
    let id = String::from_utf8(STANDARD.decode(id).unwrap()).unwrap();
    id.split_once(':').unwrap().1.parse().unwrap()
}

/// The errors of an answer without data, each as one line: its code, fields, message and path.
pub(crate) fn refused(answer: &Value) -> Vec<String> {
    let data = answer["data"].as_object().unwrap_or_else(|| panic!("{answer}"));
    assert!(data.values().all(Value::is_null), "{answer}");
    errors(answer)
}

/// The same of an answer that may have data.
pub(crate) fn errors(answer: &Value) -> Vec<String> {
    let line = |error: &Value| {
        assert!(error["short_message"].is_string(), "{error}");
        assert!(error["locations"].is_array(), "{error}");
        let texts = |name: &str| -> Vec<_> {
            let list = error[name].as_array().unwrap_or_else(|| panic!("{name} is missing: {error}"));
            list.iter().map(|it| it.as_str().unwrap().to_owned()).collect()
        };
        let (fields, path) = (texts("fields").join(","), texts("path").join("."));
        let (code, message) = (error["code"].as_str(), error["message"].as_str().unwrap());
        format!("{} [{fields}] {message} @ {path}", code.unwrap_or("no code"))
    };
    answer["errors"].as_array().into_iter().flatten().map(line).collect()
}

/// The value of one member of each item of a connection.
pub(crate) fn column(connection: &Value, name: &str) -> Vec<Value> {
    let edges = connection["edges"].as_array().unwrap_or_else(|| panic!("no connection: {connection}"));
    edges.iter().map(|edge| edge["node"][name].clone()).collect()
}

/// So many devices, `device-0` and on, at most ten. Gives their global ids, in this order.
pub(crate) async fn connect(server: &Server, count: usize) -> Vec<String> {
    for n in 0..count {
        connect_one(server, n).await;
    }
    let answer = server.query("{ devices { edges { node { id } } } }").await;
    let ids = column(&answer["data"]["devices"], "id");
    ids.iter().map(|id| id.as_str().unwrap().to_owned()).collect()
}

/// So many devices, `device-0` and on, made in any order.
pub(crate) async fn connect_many(server: &Server, count: usize) {
    join_all((0..count).map(|n| connect_one(server, n))).await;
}

async fn connect_one(server: &Server, n: usize) {
    let body = json!({
        "device_id": format!("device-{n}"), "timestamp": "2026-01-02T03:04:05Z",
        "event": { "type": "device_connected" },
    });
    assert_eq!(server.deliver(body.to_string()).await.status(), 200);
}

impl Server {
    /// Runs a mutation that must succeed. Gives its result.
    pub(crate) async fn done(&self, mutation: &str, variables: Value) -> Value {
        let answer = self.query_with(mutation, variables).await;
        assert!(answer.get("errors").is_none(), "{answer}");
        let payload = answer["data"].as_object().unwrap().values().next().unwrap().clone();
        payload["result"].clone()
    }

    async fn made(&self, mutation: &str, input: Value) -> String {
        self.done(mutation, json!({ "input": input })).await["id"].as_str().unwrap().to_owned()
    }

    pub(crate) async fn tag(&self, device: &str, tags: &[&str]) {
        let mutation = "mutation ($id: ID!, $input: AddDeviceTagsInput!) {
            addDeviceTags(id: $id, input: $input) { result { id } }
        }";
        self.done(mutation, json!({ "id": device, "input": { "tags": tags } })).await;
    }

    pub(crate) async fn make_group(&self, handle: &str, selector: &str) -> String {
        let mutation = "mutation ($input: CreateDeviceGroupInput!) {
            createDeviceGroup(input: $input) { result { id } }
        }";
        let input = json!({ "handle": handle, "name": format!("Group {handle}"), "selector": selector });
        self.made(mutation, input).await
    }

    pub(crate) async fn make_hardware_type(&self, handle: &str, part_numbers: &[&str]) -> String {
        let mutation = "mutation ($input: CreateHardwareTypeInput!) {
            createHardwareType(input: $input) { result { id } }
        }";
        let name = format!("Type {handle}");
        self.made(mutation, json!({ "handle": handle, "name": name, "partNumbers": part_numbers })).await
    }

    /// A system model of a hardware type of its own.
    pub(crate) async fn make_system_model(&self, handle: &str, part_numbers: &[&str]) -> String {
        let hardware_type = self.make_hardware_type(&format!("of-{handle}"), &[handle]).await;
        self.make_system_model_of(&hardware_type, handle, part_numbers).await
    }

    pub(crate) async fn make_system_model_of(
        &self,
        hardware_type: &str,
        handle: &str,
        part_numbers: &[&str],
    ) -> String {
        let mutation = "mutation ($input: CreateSystemModelInput!) {
            createSystemModel(input: $input) { result { id } }
        }";
        let input = json!({
            "handle": handle, "name": format!("Model {handle}"), "partNumbers": part_numbers,
            "hardwareTypeId": hardware_type,
        });
        self.made(mutation, input).await
    }
}
