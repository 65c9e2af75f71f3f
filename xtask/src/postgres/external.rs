//! A PostgreSQL server that is not ours: is it there?

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};
use tokio::time::timeout;

const PATIENCE: Duration = Duration::from_secs(5);

/// Where a connection URL points.
#[derive(Debug, PartialEq, Eq)]
enum Address {
    Tcp { host: String, port: u16 },
    Unix(PathBuf),
}

/// Asks the server behind a connection URL for a sign of life. Whether it lets the user in is not asked.
pub(super) async fn check(url: &str) -> Result<()> {
    let address = Address::of(url)?;
    timeout(PATIENCE, address.greet()).await.context("no answer in time")?
}

impl Address {
    fn of(url: &str) -> Result<Self> {
        let (scheme, rest) = url.split_once("://").unwrap_or_default();
        if !matches!(scheme, "postgres" | "postgresql") {
            bail!("not a URL of the form postgres://user@host:port/database");
        }
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let authority = rest.split_once('/').map_or(rest, |(authority, _database)| authority);
        let server = authority.rsplit_once('@').map_or(authority, |(_user, server)| server);
        let (host, port) = match server.rsplit_once(':') {
            // The colons inside [..] are those of an IPv6 address.
            Some((host, port)) if !port.ends_with(']') => (host, port.parse().context("not a port number")?),
            _ => (server, 5432),
        };
        let host = query.split('&').find_map(|pair| pair.strip_prefix("host=")).unwrap_or(host);
        let host = host.trim_matches(['[', ']']).replace("%2F", "/").replace("%2f", "/");
        Ok(match host {
            host if host.starts_with('/') => Self::Unix(PathBuf::from(host).join(format!(".s.PGSQL.{port}"))),
            host if host.is_empty() => Self::Tcp { host: "localhost".into(), port },
            host => Self::Tcp { host, port },
        })
    }

    async fn greet(&self) -> Result<()> {
        match self {
            Self::Tcp { host, port } => {
                let stream = TcpStream::connect((host.as_str(), *port)).await;
                greet(stream.with_context(|| format!("cannot connect to {host}:{port}"))?).await
            }
            Self::Unix(path) => {
                let stream = UnixStream::connect(path).await;
                greet(stream.with_context(|| format!("cannot connect to {}", path.display()))?).await
            }
        }
    }
}

/// The question "do you speak TLS?", which PostgreSQL answers with one letter before any log-in.
async fn greet(mut stream: impl AsyncRead + AsyncWrite + Unpin) -> Result<()> {
    const SSL_REQUEST: [u8; 8] = [0, 0, 0, 8, 4, 210, 22, 47];
    stream.write_all(&SSL_REQUEST).await.context("connection lost")?;
    match stream.read_u8().await {
        Ok(b'S' | b'N') => Ok(()),
        Ok(_) => bail!("what listens there is not PostgreSQL"),
        Err(error) => Err(error).context("connection lost"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_say_where_the_server_is() {
        let tcp = |host: &str, port| Address::Tcp { host: host.into(), port };
        let cases = [
            ("postgres://localhost", tcp("localhost", 5432)),
            ("postgresql://me:p%40ss@db.example:6543/edgehog?sslmode=require", tcp("db.example", 6543)),
            ("postgres://me:p@ss@db.example/edgehog", tcp("db.example", 5432)),
            ("postgres://me@[::1]:6543/edgehog", tcp("::1", 6543)),
            ("postgres://me@[::1]/edgehog", tcp("::1", 5432)),
            ("postgres:///edgehog", tcp("localhost", 5432)),
            (
                "postgres:///edgehog?host=/run/postgresql",
                Address::Unix("/run/postgresql/.s.PGSQL.5432".into()),
            ),
            ("postgres://me@%2Frun%2Fpg:6543/x", Address::Unix("/run/pg/.s.PGSQL.6543".into())),
        ];
        for (url, address) in cases {
            assert_eq!(Address::of(url).unwrap(), address, "{url}");
        }
    }

    #[test]
    fn other_urls_are_refused() {
        for url in ["", "edgehog", "mysql://localhost/edgehog", "postgres://localhost:pg/edgehog"] {
            assert!(Address::of(url).is_err(), "{url}");
        }
    }

    #[tokio::test]
    async fn only_postgresql_passes_the_check() {
        for (answer, ok) in [(&b"N"[..], true), (b"S", true), (b"H", false), (b"", false)] {
            let (ours, mut theirs) = tokio::io::duplex(64);
            let server = async {
                let mut request = [0; 8];
                theirs.read_exact(&mut request).await.unwrap();
                theirs.write_all(answer).await.unwrap();
                drop(theirs);
            };
            let (result, ()) = tokio::join!(greet(ours), server);
            assert_eq!(result.is_ok(), ok, "{answer:?}");
        }
    }
}
