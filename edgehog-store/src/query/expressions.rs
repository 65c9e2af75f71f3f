//! The small parts of which statements are made.

use sea_query::{
    Alias, ArrayType, BinOper, ColumnRef, Expr, ExprTrait, Func, IntoColumnRef, Value as SqlValue,
};

use crate::Value;
use crate::resource::Kind;

pub(super) fn column(alias: &str, name: &'static str) -> Expr {
    let column: ColumnRef = (Alias::new(alias), Alias::new(name)).into_column_ref();
    Expr::col(column)
}

pub(super) fn table(name: &'static str) -> Alias {
    Alias::new(name)
}

pub(super) fn binary(left: Expr, operator: &'static str, right: Expr) -> Expr {
    left.binary(BinOper::Custom(operator), right)
}

pub(super) fn parameter(value: Value) -> Expr {
    Expr::val(match value {
        Value::Null => SqlValue::String(None),
        Value::Integer(number) => number.into(),
        Value::Boolean(flag) => flag.into(),
        Value::Text(text) => text.into(),
        Value::Time(at) => at.into(),
        Value::Uuid(uuid) => uuid.into(),
        Value::Json(json) => json.into(),
    })
}

/// A list of values as one parameter, so that the statement is the same however many there are.
pub(super) fn parameters(values: &[Value], kind: Kind) -> Expr {
    let kind = match kind {
        Kind::Key | Kind::Integer => ArrayType::BigInt,
        Kind::Boolean => ArrayType::Bool,
        Kind::Text => ArrayType::String,
        Kind::Seconds | Kind::Time => ArrayType::ChronoDateTimeUtc,
        Kind::Uuid => ArrayType::Uuid,
        Kind::Json => ArrayType::Json,
    };
    let values =
        values.iter().filter(|value| **value != Value::Null).map(|value| match parameter(value.clone()) {
            Expr::Value(value) => value,
            _ => SqlValue::String(None),
        });
    Func::cust("ANY").arg(Expr::val(SqlValue::Array(kind, Some(Box::new(values.collect()))))).into()
}
