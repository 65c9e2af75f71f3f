//! Requests as the console's page makes them, and answers as it reads them.

use anyhow::{Context, Result, ensure};
use reqwest::header::{ACCEPT_LANGUAGE, ORIGIN};
use reqwest::multipart::{Form, Part};
use reqwest::{Method, RequestBuilder, Response};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use url::Url;

use crate::Target;

/// The page in a browser, logged in.
pub(crate) struct Client {
    target: Target,
    http: reqwest::Client,
}

/// An error of a mutation, as a form of the console shows it.
#[derive(Debug, PartialEq)]
pub(crate) struct Shown {
    pub(crate) text: String,
    pub(crate) code: Option<String>,
}

impl Client {
    pub(crate) fn new(target: &Target) -> Result<Self> {
        let http = reqwest::Client::builder().build().context("no HTTP client can be made")?;
        Ok(Self { target: target.clone(), http })
    }

    /// The same page, whose user came with another tenant or token.
    pub(crate) fn logged_in(&self, tenant: &str, token: &str) -> Self {
        let target =
            Target { tenant: tenant.into(), token: SecretString::from(token), ..self.target.clone() };
        Self { target, http: self.http.clone() }
    }

    pub(crate) fn target(&self) -> &Target {
        &self.target
    }

    /// The address of the API, made as the console does: relative to the base, in the way of web pages.
    pub(crate) fn api(&self) -> Result<Url> {
        Ok(self.target.url.join(&format!("tenants/{}/api", self.target.tenant))?)
    }

    /// What a browser asks before the first request to another origin.
    pub(crate) async fn preflight(&self) -> Result<Response> {
        let request = self.http.request(Method::OPTIONS, self.api()?);
        let request = request
            .header(ORIGIN, &self.target.origin)
            .header("Access-Control-Request-Method", "POST")
            .header("Access-Control-Request-Headers", "authorization,content-type");
        Ok(request.send().await?)
    }

    /// The whole answer to an operation, whatever it says.
    pub(crate) async fn answer(&self, query: &str, variables: &Value) -> Result<Value> {
        let request = self.post()?.header(ACCEPT_LANGUAGE, "en-US");
        read(request.json(&json!({ "query": query, "variables": variables }))).await
    }

    /// What an operation gives that goes well.
    pub(crate) async fn data(&self, query: &str, variables: Value) -> Result<Value> {
        let answer = self.answer(query, &variables).await?;
        data(answer, query)
    }

    /// A mutation that goes well: what it gives.
    pub(crate) async fn mutate(&self, name: &str, query: &str, variables: Value) -> Result<Value> {
        let mut data = self.data(query, variables).await?;
        let result = data[name]["result"].take();
        ensure!(result.is_object(), "{name} gives no result: {data}");
        Ok(result)
    }

    /// The same with a file: its part comes first, the query and the variables after it.
    pub(crate) async fn mutate_with_file(
        &self,
        name: &str,
        query: &str,
        variables: &Value,
        (part, file): (&'static str, Part),
    ) -> Result<Value> {
        let form = Form::new()
            .part(part, file)
            .text("query", query.to_owned())
            .text("variables", variables.to_string());
        let mut data = data(read(self.post()?.multipart(form)).await?, query)?;
        let result = data[name]["result"].take();
        ensure!(result.is_object(), "{name} gives no result: {data}");
        Ok(result)
    }

    /// A mutation that is refused: what the form shows.
    pub(crate) async fn refusal(&self, name: &str, query: &str, variables: Value) -> Result<Vec<Shown>> {
        let answer = self.answer(query, &variables).await?;
        let refused = answer["data"].get(name).is_some_and(Value::is_null);
        ensure!(refused, "data must be there, with {name} as null: {answer}");
        let errors = answer["errors"].as_array().filter(|errors| !errors.is_empty());
        let errors = errors.with_context(|| format!("nothing is said about the refusal: {answer}"))?;
        errors.iter().map(shown).collect()
    }

    /// What an `<img>` of this address loads.
    pub(crate) async fn image(&self, url: &str) -> Result<(Option<String>, Vec<u8>)> {
        let answer = self.http.get(url).send().await?.error_for_status()?;
        let kind = answer.headers().get("content-type").and_then(|kind| kind.to_str().ok());
        let kind = kind.map(str::to_owned);
        Ok((kind, answer.bytes().await?.to_vec()))
    }

    fn post(&self) -> Result<RequestBuilder> {
        let request = self.http.post(self.api()?).header(ORIGIN, &self.target.origin);
        Ok(request.bearer_auth(self.target.token.expose_secret()))
    }
}

/// The body, which is JSON whatever the status, and open to the page.
async fn read(request: RequestBuilder) -> Result<Value> {
    let answer = request.send().await?;
    let status = answer.status();
    let open = answer.headers().get("access-control-allow-origin").is_some_and(|origin| origin == "*");
    ensure!(open, "a page of another origin may not read the answer ({status})");
    let body = answer.text().await?;
    serde_json::from_str(&body).with_context(|| format!("the answer ({status}) is no JSON: {body}"))
}

fn data(mut answer: Value, query: &str) -> Result<Value> {
    ensure!(answer.get("errors").is_none(), "{query}\nis refused: {answer}");
    let data = answer["data"].take();
    ensure!(data.is_object(), "{query}\ngives nothing: {answer}");
    Ok(data)
}

/// `fields` is read without a look whether it is there: a form would break over its absence.
fn shown(error: &Value) -> Result<Shown> {
    let fields = error["fields"].as_array().with_context(|| format!("an error without fields: {error}"))?;
    let message = error["message"].as_str().with_context(|| format!("an error without message: {error}"))?;
    let mut words: Vec<_> = fields.iter().filter_map(Value::as_str).collect();
    ensure!(words.len() == fields.len(), "fields that are no names: {error}");
    words.push(message);
    Ok(Shown { text: words.join(" "), code: error["code"].as_str().map(str::to_owned) })
}
