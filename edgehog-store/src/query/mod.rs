//! Questions to the rows of a resource: what to show, which rows, in what order, which part of them.

mod expressions;
mod filter;
mod formula;
mod selectors;
mod sort;
mod sql;

pub use filter::{Comparison, Condition, Filter, TextMatch};
pub(crate) use selectors::GroupPredicate;
pub use selectors::{TagPattern, TagPredicate};
pub use sort::Sort;
pub(crate) use sql::Compiler;

use crate::resource::Cardinality;
use crate::{Cursor, Error, PageRequest, Record, Resource, Row, Value};

/// What to show of a row: some attributes, and records that relations lead to.
#[derive(Clone, Debug, PartialEq)]
pub struct Selection {
    resource: &'static Resource,
    attributes: Vec<usize>,
    reaches: Vec<Reach>,
}

/// What to show along one relation.
#[derive(Clone, Debug, PartialEq)]
pub struct Reach {
    relation: usize,
    selection: Selection,
    list: Option<List>,
}

/// Which records of a list, in what order, which part of them.
#[derive(Clone, Debug, Default, PartialEq)]
#[must_use]
pub struct List {
    filter: Filter,
    sort: Vec<Sort>,
    request: PageRequest,
    counted: bool,
    only_counted: bool,
}

impl Selection {
    /// Nothing but the key.
    #[must_use]
    pub fn key(resource: &'static Resource) -> Self {
        Self { resource, attributes: vec![0], reaches: Vec::new() }
    }

    /// All attributes.
    #[must_use]
    pub fn all(resource: &'static Resource) -> Self {
        Self { resource, attributes: (0..resource.attributes.len()).collect(), reaches: Vec::new() }
    }

    /// Shows an attribute too, by its place in [`Resource::attributes`].
    pub fn add(&mut self, attribute: usize) {
        if let Err(place) = self.attributes.binary_search(&attribute)
            && attribute < self.resource.attributes.len()
        {
            self.attributes.insert(place, attribute);
        }
    }

    /// Shows something along a relation too.
    pub fn reach(&mut self, reach: Reach) {
        self.reaches.push(reach);
    }

    /// What it is a selection of.
    #[must_use]
    pub const fn resource(&self) -> &'static Resource {
        self.resource
    }

    /// The attributes, in the order of their places.
    #[must_use]
    pub fn attributes(&self) -> &[usize] {
        &self.attributes
    }

    /// What is shown along relations.
    #[must_use]
    pub fn reaches(&self) -> &[Reach] {
        &self.reaches
    }

    fn check(&self) -> Result<(), Error> {
        self.reaches.iter().try_for_each(|reach| match &reach.list {
            Some(list) => list.check(&reach.selection),
            None => reach.selection.check(),
        })
    }

    fn uses_selectors(&self) -> bool {
        self.reaches.iter().any(|reach| {
            let relation = &self.resource.relations[reach.relation];
            relation.join.uses_selectors()
                || reach.selection.uses_selectors()
                || reach.list.as_ref().is_some_and(|list| list.filter.uses_selectors(relation.target))
        })
    }
}

impl Reach {
    /// The one record that a relation of `resource` leads to. `None` where it leads to many, or is no relation.
    #[must_use]
    pub fn one(resource: &Resource, relation: usize, selection: Selection) -> Option<Self> {
        let leads_to = resource.relations.get(relation)?;
        let fits = leads_to.cardinality == Cardinality::One && leads_to.target == selection.resource;
        fits.then_some(Self { relation, selection, list: None })
    }

    /// The records that a relation of `resource` leads to. `None` where it leads to one at most, or is no relation.
    #[must_use]
    pub fn many(resource: &Resource, relation: usize, mut selection: Selection, list: List) -> Option<Self> {
        let leads_to = resource.relations.get(relation)?;
        let fits = leads_to.cardinality != Cardinality::One && leads_to.target == selection.resource;
        list.complete(&mut selection);
        fits.then_some(Self { relation, selection, list: Some(list) })
    }

    /// What is shown of each record.
    #[must_use]
    pub const fn selection(&self) -> &Selection {
        &self.selection
    }

    /// Which records, where there may be many.
    #[must_use]
    pub const fn list(&self) -> Option<&List> {
        self.list.as_ref()
    }
}

impl List {
    /// All rows that pass `filter`, first page, oldest first.
    pub fn new(filter: Filter) -> Self {
        Self { filter, ..Self::default() }
    }

    /// Sorts by these, one after the other; what is equal in all of them by the key.
    pub fn sort(mut self, sort: Vec<Sort>) -> Self {
        self.sort = sort;
        self
    }

    /// Takes this part of the list.
    pub fn page(mut self, request: PageRequest) -> Self {
        self.request = request;
        self
    }

    /// Counts the rows of all pages as well.
    pub const fn counted(mut self, counted: bool) -> Self {
        self.counted = counted;
        self
    }

    /// Counts the rows without reading any.
    pub const fn only_counted(mut self) -> Self {
        self.counted = true;
        self.only_counted = true;
        self
    }

    pub(crate) const fn request(&self) -> &PageRequest {
        &self.request
    }

    /// The cursor right after a record of this list.
    #[must_use]
    pub fn cursor(&self, record: &Record) -> Cursor {
        sort::cursor(&self.sort, record.resource(), |attribute| record.value(attribute).to_json())
    }

    /// The same of a row of its Rust type.
    #[must_use]
    pub fn cursor_of<R: Row>(&self, row: &R) -> Cursor {
        let values = row.values();
        let json = |value: Option<&Value>| value.map(Value::to_json).unwrap_or_default();
        sort::cursor(&self.sort, R::RESOURCE, |attribute| json(values.get(attribute)))
    }

    /// Shows what cursors are made of as well.
    pub(crate) fn complete(&self, selection: &mut Selection) {
        for sort in &self.sort {
            selection.add(sort.attribute);
        }
    }

    pub(crate) fn uses_selectors(&self, selection: &Selection) -> bool {
        selection.uses_selectors() || self.filter.uses_selectors(selection.resource)
    }

    pub(crate) const fn wants_rows(&self) -> bool {
        !self.only_counted
    }

    pub(crate) const fn wants_count(&self) -> bool {
        self.counted
    }

    /// Refuses what does not fit the resource, in this list and in those that are wanted with its records.
    pub(crate) fn check(&self, selection: &Selection) -> Result<(), Error> {
        let attributes = selection.resource.attributes.len();
        if self.sort.iter().any(|by| by.attribute >= attributes) {
            return Err(Error::InvalidFilter);
        }
        self.filter.check(selection.resource)?;
        selection.check()
    }
}
