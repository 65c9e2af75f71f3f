use sqlx::Row as _;
use sqlx::postgres::PgRow;

use super::{Resource, Value, from_json};
use crate::query::{Reach, Selection};
use crate::{Error, Page};

/// A row as far as it was asked for: the values of its attributes, and the records that it was wanted with.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    resource: &'static Resource,
    values: Box<[Value]>,
    related: Vec<Related>,
}

/// What one relation of a record leads to.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Related {
    /// One record, or none.
    One(Option<Box<Record>>),
    /// Many of them.
    Many(Page<Record>),
}

impl Record {
    /// What it is a record of.
    #[must_use]
    pub const fn resource(&self) -> &'static Resource {
        self.resource
    }

    /// The value of the attribute at this place of [`Resource::attributes`]; null if it was not asked for.
    #[must_use]
    pub fn value(&self, attribute: usize) -> &Value {
        self.values.get(attribute).unwrap_or(&Value::Null)
    }

    /// The value of its key.
    #[must_use]
    pub fn key(&self) -> &Value {
        self.value(0)
    }

    /// What was asked for along relations, in the order of [`Selection::reaches`].
    #[must_use]
    pub fn related(&self) -> &[Related] {
        &self.related
    }

    pub(crate) fn take(&mut self, attribute: usize) -> Value {
        self.values.get_mut(attribute).map_or(Value::Null, |value| std::mem::replace(value, Value::Null))
    }

    fn blank(resource: &'static Resource, selection: &Selection) -> Self {
        let values = vec![Value::Null; resource.attributes.len()].into();
        Self { resource, values, related: Vec::with_capacity(selection.reaches().len()) }
    }

    /// Reads a row whose columns are the selection's attributes, then what its relations lead to.
    pub(crate) fn from_row(selection: &Selection, row: &PgRow) -> Result<Self, sqlx::Error> {
        let resource = selection.resource();
        let mut record = Self::blank(resource, selection);
        let mut column = 0;
        for &attribute in selection.attributes() {
            let kind = resource.attributes[attribute].kind;
            record.values[attribute] = Value::from_column(row, column, kind)?;
            column += 1;
        }
        for reach in selection.reaches() {
            let json: Option<serde_json::Value> = row.try_get(column)?;
            let related = Related::from_json(reach, json.unwrap_or_default());
            record.related.push(related.ok_or_else(|| decode_error(column))?);
            column += 1;
        }
        Ok(record)
    }

    fn from_json(selection: &Selection, json: serde_json::Value) -> Option<Self> {
        let serde_json::Value::Array(members) = json else { return None };
        let resource = selection.resource();
        let mut members = members.into_iter();
        let mut record = Self::blank(resource, selection);
        for &attribute in selection.attributes() {
            let value = from_json(members.next()?, resource.attributes[attribute].kind)?;
            record.values[attribute] = value;
        }
        for reach in selection.reaches() {
            record.related.push(Related::from_json(reach, members.next()?)?);
        }
        Some(record)
    }
}

impl Related {
    fn from_json(reach: &Reach, json: serde_json::Value) -> Option<Self> {
        let Some(list) = reach.list() else {
            if json.is_null() {
                return Some(Self::One(None));
            }
            return Some(Self::One(Some(Box::new(Record::from_json(reach.selection(), json)?))));
        };
        let serde_json::Value::Array(members) = json else { return None };
        let mut members = members.into_iter();
        let serde_json::Value::Array(rows) = members.next()? else { return None };
        let count = members.next()?.as_i64();
        let rows = rows.into_iter().map(|row| Record::from_json(reach.selection(), row));
        Some(Self::Many(list.request().page(rows.collect::<Option<Vec<_>>>()?, count)))
    }
}

fn decode_error(column: usize) -> sqlx::Error {
    sqlx::Error::ColumnDecode { index: column.to_string(), source: "JSON of an unexpected shape".into() }
}

/// A Rust type whose values are rows of one resource.
pub trait Row: Sized {
    /// The resource.
    const RESOURCE: &'static Resource;

    /// Takes all attributes out of a record that was asked for with all of them.
    ///
    /// # Errors
    ///
    /// [`RowError`] where an attribute is missing.
    fn from_record(record: Record) -> Result<Self, RowError>;

    /// The values of its attributes, in their order.
    fn values(&self) -> Vec<Value>;
}

/// A record lacks an attribute that its Rust type must have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a record of {resource} was read without its {attribute}")]
pub struct RowError {
    pub(crate) resource: &'static str,
    pub(crate) attribute: &'static str,
}

impl From<RowError> for Error {
    fn from(error: RowError) -> Self {
        Self::Database(sqlx::Error::Decode(Box::new(error)))
    }
}
