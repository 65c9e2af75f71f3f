//! A process from its start to its end.

use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use futures::StreamExt;
use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio_tungstenite::connect_async;
use tokio_tungstenite::tungstenite::Message;

use crate::processes::{PATIENCE, Process, Site};

const QUERY: &str = r#"{"query": "{ tenantInfo { slug } }"}"#;

fn terminate(process: &Process) {
    kill_process(Pid::from_child(&process.child), Signal::TERM).unwrap();
}

async fn until(mut is_so: impl AsyncFnMut() -> bool) {
    let waited = async {
        while !is_so().await {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, waited).await.unwrap();
}

async fn end(process: &mut Process) -> ExitStatus {
    let mut status = None;
    until(async || {
        status = process.child.try_wait().unwrap();
        status.is_some()
    })
    .await;
    status.unwrap()
}

/// A request whose head is with its handler, which waits for the body.
async fn begin_request(site: &Site, process: &Process) -> BufReader<TcpStream> {
    let mut stream = BufReader::new(TcpStream::connect(("127.0.0.1", process.port)).await.unwrap());
    let head = format!(
        "POST /tenants/plant-one/api HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {}\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\nExpect: 100-continue\r\n\r\n",
        site.token,
        QUERY.len()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut line = String::new();
    tokio::time::timeout(PATIENCE, stream.read_line(&mut line)).await.unwrap().unwrap();
    assert_eq!(line, "HTTP/1.1 100 Continue\r\n");
    stream
}

/// Who is told to end takes no new connections, tells sockets to come again, finishes what it began, and ends well.
#[tokio::test]
async fn what_was_begun_is_finished() {
    let site = Site::new().await;
    let mut command = site.command(&["serve"]);
    command.env("SHUTDOWN_GRACE_SECONDS", "600");
    let mut process = Process::start(command, &site.token).await;
    let url = format!(
        "ws://127.0.0.1:{}/socket/websocket?vsn=2.0.0&tenant=plant-one&token={}",
        process.port, site.token
    );
    let (mut socket, _) = connect_async(url).await.unwrap();
    let mut request = begin_request(&site, &process).await;
    terminate(&process);
    let closed = async {
        loop {
            if let Some(Ok(Message::Close(frame))) = socket.next().await {
                return frame.map(|frame| u16::from(frame.code));
            }
        }
    };
    assert_eq!(tokio::time::timeout(PATIENCE, closed).await.unwrap(), Some(1012));
    drop(socket);
    until(async || TcpStream::connect(("127.0.0.1", process.port)).await.is_err()).await;
    assert!(process.child.try_wait().unwrap().is_none(), "a request is not answered yet");
    request.write_all(QUERY.as_bytes()).await.unwrap();
    let mut answer = String::new();
    tokio::time::timeout(PATIENCE, request.read_to_string(&mut answer)).await.unwrap().unwrap();
    assert!(answer.contains("HTTP/1.1 200 OK") && answer.contains("plant-one"), "{answer}");
    assert_eq!(end(&mut process).await.code(), Some(0));
}

/// While load balancers notice, a server that is told to end says that it is not ready, and serves. Told a second time, it
/// ends at once.
#[tokio::test]
async fn load_balancers_are_given_time() {
    let site = Site::new().await;
    let mut command = site.command(&["serve"]);
    command.env("SHUTDOWN_DELAY_SECONDS", "600").stderr(Stdio::null());
    let mut process = Process::start(command, &site.token).await;
    assert_eq!(process.status("/ready").await, Some(200));
    let port = process.port.to_string();
    assert!(site.command(&["health", "--port", &port]).status().unwrap().success());
    terminate(&process);
    until(async || process.status("/ready").await == Some(503)).await;
    assert_eq!(process.status("/health").await, Some(200));
    assert_eq!(process.status("/version").await, Some(200));
    let _unfinished = begin_request(&site, &process).await;
    terminate(&process);
    assert_eq!(end(&mut process).await.code(), Some(1));
}

/// The log of a real server holds one line for each event, with the request that it belongs to.
#[tokio::test]
async fn the_log_tells_requests_apart() {
    let site = Site::new().await;
    let mut command = site.command(&["serve", "--log-format", "json"]);
    command.stdout(Stdio::piped());
    let mut process = Process::start(command, &site.token).await;
    let url = format!("http://127.0.0.1:{}/tenants/no-such-tenant/api", process.port);
    let id = "an-id-of-a-request-to-find";
    let answer = reqwest::Client::new().post(url).header("x-request-id", id).send().await.unwrap();
    assert_eq!(answer.status(), 403);
    terminate(&process);
    let mut log = process.child.stdout.take().unwrap();
    let log = tokio::task::spawn_blocking(move || std::io::read_to_string(&mut log).unwrap());
    let log = tokio::time::timeout(PATIENCE, log).await.unwrap().unwrap();
    assert_eq!(end(&mut process).await.code(), Some(0));
    let lines: Vec<serde_json::Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines[0]["tag"], "edgehog_start");
    let of_request: Vec<_> = lines.iter().filter(|line| line["request_id"] == id).collect();
    assert_eq!(of_request.len(), 2, "{log}");
    assert!(of_request.iter().all(|line| line["path"] == "/tenants/no-such-tenant/api"), "{log}");
    assert_eq!((&of_request[1]["message"], &of_request[1]["status"]), (&"answered".into(), &403.into()));
}
