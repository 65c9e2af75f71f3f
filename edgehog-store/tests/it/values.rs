//! Values of every kind, and how they compare, as the tests understand it.

use std::cmp::Ordering;
use std::collections::HashMap;

use chrono::{DateTime, TimeDelta, Utc};
use edgehog_store::{Attribute, Kind, Value};
use sqlx::{FromRow, PgConnection};

/// Texts that are prone to be mistaken for something else.
pub(crate) const TEXTS: [&str; 12] =
    ["", " ", "%", "_", "\\", "a%b", "a_b", "a\\b", "\u{c4}rger", "\u{e4}rger", "Abc", "abcabc"];

/// Values of a kind, from the least to the greatest but for texts.
pub(crate) fn of(kind: Kind) -> Vec<Value> {
    let time = |of: fn(i64) -> TimeDelta, number| {
        Value::Time(DateTime::<Utc>::UNIX_EPOCH + TimeDelta::days(20_000) + of(number))
    };
    match kind {
        Kind::Key | Kind::Integer => [-7, 0, 3, i64::from(i32::MAX) + 1].map(Value::Integer).to_vec(),
        Kind::Boolean => vec![Value::Boolean(false), Value::Boolean(true)],
        Kind::Text => TEXTS.map(|text| Value::Text(text.to_owned())).to_vec(),
        Kind::Seconds => [-90_000, 0, 1, 3_600].map(|it| time(TimeDelta::seconds, it)).to_vec(),
        Kind::Time => [-1, 0, 1, 1_000_000].map(|it| time(TimeDelta::microseconds, it)).to_vec(),
        Kind::Uuid => [0, 1, 1 << 127].map(|it| Value::Uuid(uuid::Uuid::from_u128(it))).to_vec(),
        Kind::Json => vec![Value::Json(serde_json::json!({})), Value::Json(serde_json::json!({"a": 1}))],
        other => panic!("a new kind needs values: {other:?}"),
    }
}

/// The same, and null where the attribute may have none.
pub(crate) fn for_attribute(attribute: &Attribute) -> Vec<Value> {
    let null = attribute.nullable.then_some(Value::Null);
    null.into_iter().chain(of(attribute.kind)).collect()
}

/// What only the database's collation knows about texts.
#[derive(Default)]
pub(crate) struct Collation {
    rank: HashMap<String, i64>,
    lower: HashMap<String, String>,
}

impl Collation {
    pub(crate) async fn of(connection: &mut PgConnection, values: &[Value]) -> Self {
        #[derive(FromRow)]
        struct Text {
            text: String,
            rank: i64,
            lower: String,
        }

        let texts: Vec<&str> = values.iter().filter_map(Value::as_text).collect();
        let texts: Vec<Text> = sqlx::query_as(
            "SELECT text, dense_rank() OVER (ORDER BY text) AS rank, lower(text) AS lower FROM unnest($1::text[]) AS text",
        )
        .bind(texts)
        .fetch_all(connection)
        .await
        .unwrap();
        let mut collation = Self::default();
        for Text { text, rank, lower } in texts {
            collation.rank.insert(text.clone(), rank);
            collation.lower.insert(text, lower);
        }
        collation
    }

    pub(crate) fn lower(&self, text: &str) -> &str {
        &self.lower[text]
    }

    /// How two values of one kind compare. Null compares to nothing.
    pub(crate) fn compare(&self, one: &Value, other: &Value) -> Option<Ordering> {
        Some(match (one, other) {
            (Value::Null, _) | (_, Value::Null) => return None,
            (Value::Integer(one), Value::Integer(other)) => one.cmp(other),
            (Value::Boolean(one), Value::Boolean(other)) => one.cmp(other),
            (Value::Text(one), Value::Text(other)) => self.rank[one].cmp(&self.rank[other]),
            (Value::Time(one), Value::Time(other)) => one.cmp(other),
            (Value::Uuid(one), Value::Uuid(other)) => one.cmp(other),
            (one, other) => panic!("nobody knows how {one:?} compares to {other:?}"),
        })
    }
}

/// Whether a text fits a pattern of `LIKE`.
pub(crate) fn is_like(text: &str, pattern: &str) -> bool {
    fn fits(text: &[char], pattern: &[char]) -> bool {
        match pattern {
            [] => text.is_empty(),
            ['%', rest @ ..] => (0..=text.len()).any(|start| fits(&text[start..], rest)),
            ['_', rest @ ..] => !text.is_empty() && fits(&text[1..], rest),
            ['\\', literal, rest @ ..] | [literal, rest @ ..] => {
                text.first() == Some(literal) && fits(&text[1..], rest)
            }
        }
    }
    let chars = |text: &str| text.chars().collect::<Vec<_>>();
    fits(&chars(text), &chars(pattern))
}
