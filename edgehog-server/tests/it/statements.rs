//! What a page costs the database.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::json;
use sqlx::postgres::PgConnectOptions;
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy};
use tokio::net::{TcpListener, TcpStream};

use crate::Server;
use crate::records::{connect_many, errors};

/// The version that begins a session; other first messages ask for something else, such as TLS.
const SESSION: u32 = 196_608;

/// Counts the statements that go to the database of `server`. Gives the way there that is counted.
pub(crate) async fn counted(server: &Server) -> (PgConnectOptions, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let database = (server.database.get_host().to_owned(), server.database.get_port());
    let statements = Arc::<AtomicUsize>::default();
    let counter = statements.clone();
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let database = TcpStream::connect(&database).await.unwrap();
            tokio::spawn(pass_on(client, database, counter.clone()));
        }
    });
    (server.database.clone().host("127.0.0.1").port(port), statements)
}

/// Passes both directions on until one ends.
async fn pass_on(
    mut client: TcpStream,
    mut database: TcpStream,
    statements: Arc<AtomicUsize>,
) -> std::io::Result<()> {
    let (mut from_client, mut to_client) = client.split();
    let (mut from_database, mut to_database) = database.split();
    let requests = async {
        let mut in_session = false;
        loop {
            let kind = if in_session { Some(from_client.read_u8().await?) } else { None };
            let length = from_client.read_u32().await?;
            let mut body = vec![0; length as usize - 4];
            from_client.read_exact(&mut body).await?;
            in_session = in_session || body.starts_with(&SESSION.to_be_bytes());
            // Execute, and a query in one message.
            if matches!(kind, Some(b'E' | b'Q')) {
                statements.fetch_add(1, Ordering::SeqCst);
            }
            let mut message = Vec::from_iter(kind);
            message.extend(length.to_be_bytes());
            message.extend(body);
            to_database.write_all(&message).await?;
        }
    };
    let answers = copy(&mut from_database, &mut to_client);
    tokio::select! {
        ended = requests => ended,
        ended = answers => ended.map(drop),
    }
}

/// A page costs as many statements as one record of it, and hardly more if much is selected, however deep.
#[tokio::test]
async fn a_page_costs_a_constant_number_of_statements() {
    let server = Server::start().await;
    connect_many(&server, 30).await;
    let answer = server.query("{ devices { edges { node { id } } } }").await;
    for edge in answer["data"]["devices"]["edges"].as_array().unwrap() {
        server.tag(edge["node"]["id"].as_str().unwrap(), &["a", "b"]).await;
    }
    server.make_group("group", r#""a" in tags"#).await;
    server.make_group("other", r#""b" in tags"#).await;
    server.make_system_model("model", &["P", "Q"]).await;
    let (database, statements) = counted(&server).await;
    let twin = server.twin(database).await;
    let cost = async |document: &str, first: u32| {
        let before = statements.load(Ordering::SeqCst);
        let answer = twin.query_with(document, json!({ "first": first })).await;
        assert_eq!(errors(&answer), [""; 0], "{answer}");
        statements.load(Ordering::SeqCst) - before
    };
    let flat = "query ($first: Int) { devices(first: $first) { edges { node { name } } } }";
    let deep = "query ($first: Int) { devices(first: $first) { count edges { node {
        tags { count edges { node { name } } } systemModel { hardwareType { partNumbers { count } } }
        deviceGroups { devices(limit: 3) { tags(first: 1) { count edges { node { name } } } deviceGroups { handle } } }
    } } } }";
    // Once, as the tenant is looked up and remembered, and what types PostgreSQL has.
    for document in [flat, deep] {
        cost(document, 1).await;
    }
    let (least, most) = (cost(flat, 1).await, cost(deep, 1).await);
    // Groups are told apart by their selectors, which are read before; the whole list is counted apart.
    assert!(least > 0 && most <= least + 2, "{least} {most}");
    assert_eq!((cost(flat, 30).await, cost(deep, 30).await), (least, most));
}
