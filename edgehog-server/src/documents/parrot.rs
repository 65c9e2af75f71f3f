//! A small schema for tests of transports: what is said comes back.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_graphql::{Context, Error, ErrorExtensions, Object, Request, Response, Schema, Subscription};
use edgehog_engine::TenantId;
use futures::future::BoxFuture;
use futures::stream::{self, BoxStream, Stream, StreamExt};
use tokio::sync::broadcast;
use tokio_stream::wrappers::BroadcastStream;

use super::{Documents, Unanswered};
use crate::graphql::Opened;
use crate::uploads::Uploads;

type Said = Schema<Query, Mutation, Hearing>;

/// A tenant's parrot. Clones are the same parrot.
#[derive(Clone)]
pub(crate) struct Parrot {
    tenant: TenantId,
    schema: Said,
    words: broadcast::Sender<String>,
    listening: Arc<AtomicUsize>,
}

impl Parrot {
    pub(crate) fn new(tenant: i64) -> Self {
        let words = broadcast::channel(100_000).0;
        let listening = Arc::<AtomicUsize>::default();
        let schema =
            Schema::build(Query, Mutation, Hearing).data(words.clone()).data(listening.clone()).finish();
        Self { tenant: tenant.into(), schema, words, listening }
    }

    pub(crate) fn say(&self, word: &str) {
        let _ = self.words.send(word.to_owned());
    }

    /// How many subscriptions were begun.
    pub(crate) fn begun(&self) -> usize {
        self.listening.load(Ordering::SeqCst)
    }

    /// How many are running.
    pub(crate) fn running(&self) -> usize {
        self.words.receiver_count()
    }
}

impl Documents for Parrot {
    fn tenant(&self) -> TenantId {
        self.tenant
    }

    fn execute(&self, request: Request) -> BoxFuture<'static, Result<String, Unanswered>> {
        let schema = self.schema.clone();
        Box::pin(async move { Ok(crate::graphql::to_json(&schema.execute(request).await)) })
    }

    fn subscribe(&self, request: Request) -> BoxStream<'static, Response> {
        self.schema.execute_stream(request)
    }
}

struct Query;

#[Object]
impl Query {
    async fn hello(&self) -> &str {
        "hello"
    }

    /// What became of a file: its name, type, size and bytes.
    async fn file(&self, context: &Context<'_>, name: String) -> Result<Option<String>, Error> {
        let Some(upload) = context.data::<Uploads>()?.get(&name) else { return Ok(None) };
        let text = std::fs::read_to_string(upload.path())?;
        Ok(Some(format!("{} {:?} {} {text}", upload.file_name(), upload.content_type(), upload.size())))
    }
}

struct Mutation;

#[Object]
impl Mutation {
    async fn say(&self, context: &Context<'_>, word: String) -> Result<bool, Error> {
        Ok(context.data::<broadcast::Sender<String>>()?.send(word).is_ok())
    }
}

struct Hearing;

#[Subscription]
impl Hearing {
    /// Every word. `bad` cannot be told, `odd` only in part.
    async fn heard(
        &self,
        context: &Context<'_>,
        #[graphql(default)] of: String,
    ) -> Result<impl Stream<Item = Result<Word, Error>> + use<>, Error> {
        if of == "nobody" {
            // As looking something up would.
            tokio::task::yield_now().await;
            return Err(Error::new("nobody speaks").extend_with(|_, it| it.set("code", "not_found")));
        }
        context.data::<Arc<AtomicUsize>>()?.fetch_add(1, Ordering::SeqCst);
        let words = BroadcastStream::new(context.data::<broadcast::Sender<String>>()?.subscribe());
        context.data::<Opened>()?.tell();
        Ok(words.filter_map(async |word| word.ok()).map(|word| match word.as_str() {
            "bad" => Err(Error::new("gone").extend_with(|_, it| it.set("code", "not_found"))),
            _ => Ok(Word(word)),
        }))
    }

    /// One word, and the end.
    async fn once(&self, context: &Context<'_>) -> Result<impl Stream<Item = i32> + use<>, Error> {
        context.data::<Opened>()?.tell();
        Ok(stream::once(async {
            tokio::task::yield_now().await;
            1
        }))
    }

    /// It never tells that it has begun.
    async fn silence(&self) -> impl Stream<Item = i32> + use<> {
        stream::pending()
    }
}

struct Word(String);

#[Object]
impl Word {
    async fn word(&self) -> Option<Result<&str, Error>> {
        match self.0.as_str() {
            "odd" => Some(Err(Error::new("odd").extend_with(|_, it| it.set("code", "astarte_api_error")))),
            word => Some(Ok(word)),
        }
    }
}
