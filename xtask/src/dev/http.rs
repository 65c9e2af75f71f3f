//! As much HTTP as it takes to ask a server on this machine whether it is ready.

use std::net::Ipv4Addr;
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

const PATIENCE: Duration = Duration::from_secs(5);
const LARGEST_ANSWER: u64 = 1 << 20;

/// A request, as it goes over the wire. HTTP/1.0, so that the answer ends with the connection.
pub(super) struct Request(String);

impl Request {
    pub(super) fn get(path: &str) -> Self {
        Self(format!("GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n"))
    }

    /// A GraphQL query without quotation marks in it.
    pub(super) fn graphql(path: &str, token: &str, query: &str) -> Self {
        let body = format!("{{\"query\":\"{query}\"}}");
        Self(format!(
            "POST {path} HTTP/1.0\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        ))
    }

    /// Whether the server on this port answers with success.
    pub(super) async fn succeeds(&self, port: u16) -> bool {
        self.send(port).await.is_ok_and(|answer| body_of_success(&answer).is_some())
    }

    /// The number called `count` in a successful answer.
    pub(super) async fn count(&self, port: u16) -> Option<u32> {
        let answer = self.send(port).await.ok()?;
        count(body_of_success(&answer)?)
    }

    async fn send(&self, port: u16) -> Result<String> {
        timeout(PATIENCE, self.exchange(port)).await.context("no answer in time")?
    }

    async fn exchange(&self, port: u16) -> Result<String> {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await?;
        stream.write_all(self.0.as_bytes()).await?;
        let mut answer = Vec::new();
        stream.take(LARGEST_ANSWER).read_to_end(&mut answer).await?;
        Ok(String::from_utf8_lossy(&answer).into_owned())
    }
}

fn body_of_success(answer: &str) -> Option<&str> {
    let (head, body) = answer.split_once("\r\n\r\n")?;
    let status = head.strip_prefix("HTTP/1.")?.split(' ').nth(1)?;
    (status == "200").then_some(body)
}

fn count(json: &str) -> Option<u32> {
    let (_, after) = json.split_once("\"count\":")?;
    let after = after.trim_start();
    let end = after.find(|c: char| !c.is_ascii_digit()).unwrap_or(after.len());
    after[..end].parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_200_is_success() {
        assert_eq!(body_of_success("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nOK"), Some("OK"));
        assert_eq!(body_of_success("HTTP/1.0 200 OK\r\n\r\n"), Some(""));
        for answer in ["", "HTTP/1.1 503 Unavailable\r\n\r\nOK", "HTTP/1.1 200 OK\r\n", "SSH-2.0-x\r\n\r\n"] {
            assert_eq!(body_of_success(answer), None, "{answer:?}");
        }
    }

    #[test]
    fn counts_are_found_in_json() {
        assert_eq!(count(r#"{"data":{"devices":{"count":25}}}"#), Some(25));
        assert_eq!(count(r#"{"data": {"devices": {"count": 7, "edges": []}}}"#), Some(7));
        assert_eq!(count(r#"{"data":{"devices":{"count":null}}}"#), None);
        assert_eq!(count(r#"{"errors":[]}"#), None);
    }

    #[test]
    fn a_query_travels_as_json() {
        let Request(text) = Request::graphql("/api", "t0ken", "{ devices { count } }");
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        assert_eq!(body, r#"{"query":"{ devices { count } }"}"#);
        assert!(head.contains("Authorization: Bearer t0ken"), "{head}");
        assert!(head.contains(&format!("Content-Length: {}", body.len())), "{head}");
    }
}
