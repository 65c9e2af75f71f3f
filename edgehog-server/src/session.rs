//! Documents of any kind, run with the subscriptions that are running.

use std::collections::HashMap;
use std::sync::Arc;

use async_graphql::Request;
use async_graphql::parser::types::OperationType;
use serde::de::IgnoredAny;
use tokio_util::sync::CancellationToken;

use crate::documents::{Documents, kind};
use crate::subscriptions::{Hub, Subscription};

/// Documents with the subscriptions that are running.
#[derive(Clone)]
pub(crate) struct Session {
    pub(crate) documents: Arc<dyn Documents>,
    pub(crate) hub: Hub,
    /// Cancelled when the tenant is deleted: whoever is connected is let go.
    pub(crate) gone: CancellationToken,
}

/// What became of a document.
pub(crate) enum Answer {
    /// It was run; the whole answer.
    Executed(String),
    Subscribed(Subscription),
    /// It was not run, or a subscription did not begin; an answer with nothing but errors.
    Refused(String),
}

impl Session {
    /// Runs a document of any kind. A subscription is running when this returns.
    pub(crate) async fn run(&self, mut request: Request) -> Answer {
        if kind(&mut request) == Some(OperationType::Subscription) {
            return match self.hub.subscribe(self.documents.as_ref(), request).await {
                Ok(subscription) => Answer::Subscribed(subscription),
                Err(refused) => Answer::Refused(refused.0),
            };
        }
        let answer = match self.documents.execute(request).await {
            Ok(answer) => answer,
            Err(reason) => return Answer::Refused(reason.to_json()),
        };
        let members: Result<HashMap<String, IgnoredAny>, _> = serde_json::from_str(&answer);
        if members.is_ok_and(|members| members.contains_key("data")) {
            Answer::Executed(answer)
        } else {
            Answer::Refused(answer)
        }
    }
}
