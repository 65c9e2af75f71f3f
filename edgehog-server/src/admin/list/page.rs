use std::cmp::Ordering;
use std::ops::Range;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use edgehog_engine::store::Tenant;
use poem_openapi::Object;
use url::form_urlencoded;

use super::sort::{Key, Sort};
use super::{Family, Problem, invalid};
use crate::admin::documents::ListLinks;

/// The part of the list to show: all of it where the client does not say.
#[derive(Debug, Default, Object)]
pub(in crate::admin) struct Page {
    /// How many tenants at most.
    #[oai(validator(minimum(value = "1")))]
    limit: Option<usize>,
    /// How many to leave out at the beginning.
    offset: Option<usize>,
    /// The place in the list to begin behind, as links of a page name it.
    after: Option<String>,
    /// The place in the list to end before, as links of a page name it.
    before: Option<String>,
    /// Whether to tell how many there are on all pages.
    count: Option<bool>,
}

impl Family for Page {
    const NAME: &'static str = "page";
    type Schema = Self;

    fn take(&mut self, path: &[&str], value: &str) -> Result<(), &'static str> {
        match path {
            ["limit"] => {
                let limit = value.parse().ok().filter(|limit| *limit > 0);
                self.limit = Some(limit.ok_or("must be a number from 1")?);
            }
            ["offset"] => self.offset = Some(value.parse().map_err(|_| "must be a number from 0")?),
            ["after"] => self.after = Some(value.to_owned()),
            ["before"] => self.before = Some(value.to_owned()),
            ["count"] => self.count = Some(value.parse().map_err(|_| "must be true or false")?),
            _ => return Err("is not known here; there are limit, offset, after, before and count"),
        }
        Ok(())
    }
}

/// A page of a list of a certain order.
#[derive(Debug)]
pub(in crate::admin) struct Cut<'a> {
    sort: &'a Sort,
    place: Place,
    limit: Option<usize>,
    counts: bool,
    /// Whether the client asked for pages at all.
    is_page: bool,
}

#[derive(Debug)]
enum Place {
    Start,
    Offset(usize),
    After(Key),
    Before(Key),
}

impl Page {
    /// Reads it for a list of this order.
    pub(in crate::admin) fn cut<'a>(&self, sort: &'a Sort, problems: &mut Vec<Problem>) -> Cut<'a> {
        let mut key = |name, cursor: &str| {
            let key = read_cursor(cursor).filter(|key| sort.fits(key));
            if key.is_none() {
                problems.push(invalid(name, "is no place in a list of this order"));
            }
            key
        };
        let after = self.after.as_deref().and_then(|cursor| key("page[after]", cursor)).map(Place::After);
        let before = self.before.as_deref().and_then(|cursor| key("page[before]", cursor)).map(Place::Before);
        let places = [self.after.is_some(), self.before.is_some(), self.offset.is_some()];
        if places.into_iter().filter(|given| *given).count() > 1 {
            problems.push(invalid("page", "takes one of offset, after and before"));
        }
        let place = after.or(before).or(self.offset.map(Place::Offset)).unwrap_or(Place::Start);
        let counts = self.count.unwrap_or_default();
        let is_page = self.limit.is_some() || !matches!(place, Place::Start);
        Cut { sort, place, limit: self.limit, counts, is_page }
    }
}

/// What is shown of a list, and where its neighbours are.
#[derive(Debug)]
pub(in crate::admin) struct Shown {
    pub(in crate::admin) tenants: Vec<Tenant>,
    /// How many there are on all pages, if the client asked.
    pub(in crate::admin) total: Option<u64>,
    is_page: bool,
    prev: Option<Neighbour>,
    next: Option<Neighbour>,
}

/// A parameter that shows another page, and its value.
type Neighbour = (&'static str, String);

impl Cut<'_> {
    /// Sorts and cuts.
    pub(in crate::admin) fn apply(&self, tenants: Vec<Tenant>) -> Shown {
        let mut rows: Vec<_> = tenants.into_iter().map(|tenant| (self.sort.key(&tenant), tenant)).collect();
        rows.sort_by(|(one, _), (other, _)| self.sort.compare(one, other));
        let count = rows.len();
        let range = self.range(&rows);
        let neighbour = |row: Option<usize>, name| {
            let (key, _) = rows.get(row?)?;
            Some((name, write_cursor(key)?))
        };
        let (prev, next) = match self.place {
            Place::Offset(offset) => {
                let limit = self.limit.unwrap_or(count);
                (
                    (offset > 0).then(|| ("page[offset]", offset.saturating_sub(limit).to_string())),
                    (range.end < count).then(|| ("page[offset]", range.end.to_string())),
                )
            }
            _ => (
                neighbour(Some(range.start).filter(|start| *start > 0), "page[before]"),
                neighbour(range.end.checked_sub(1).filter(|_| range.end < count), "page[after]"),
            ),
        };
        let total = self.counts.then(|| u64::try_from(count).unwrap_or(u64::MAX));
        let tenants = rows.drain(range).map(|(_, tenant)| tenant).collect();
        Shown { tenants, total, is_page: self.is_page, prev, next }
    }

    fn range(&self, rows: &[(Key, Tenant)]) -> Range<usize> {
        let count = rows.len();
        let limit = self.limit.unwrap_or(count);
        let before = |key: &Key, also: Ordering| {
            rows.partition_point(|(row, _)| {
                let order = self.sort.compare(row, key);
                order == Ordering::Less || order == also
            })
        };
        let start = match &self.place {
            Place::Start => 0,
            Place::Offset(offset) => (*offset).min(count),
            Place::After(key) => before(key, Ordering::Equal),
            Place::Before(key) => {
                let end = before(key, Ordering::Less);
                return end.saturating_sub(limit)..end;
            }
        };
        start..start.saturating_add(limit).min(count)
    }
}

impl Shown {
    /// Where this page, got from the URL `own`, and its neighbours are.
    pub(in crate::admin) fn links(&self, own: String) -> ListLinks {
        let (path, query) = own.split_once('?').unwrap_or((&own, ""));
        let others = || {
            let pairs = form_urlencoded::parse(query.as_bytes());
            pairs.filter(|(name, _)| !matches!(&**name, "page[offset]" | "page[after]" | "page[before]"))
        };
        let link = |place: Option<&Neighbour>| {
            let mut query = form_urlencoded::Serializer::new(String::new());
            let query = query.extend_pairs(others()).extend_pairs(place).finish();
            format!("{path}?{query}")
        };
        let (prev, next) = (self.prev.as_ref(), self.next.as_ref());
        ListLinks {
            first: self.is_page.then(|| link(None)),
            prev: prev.map(|place| link(Some(place))),
            next: next.map(|place| link(Some(place))),
            own,
        }
    }
}

fn write_cursor(key: &Key) -> Option<String> {
    serde_json::to_vec(key).ok().map(|key| URL_SAFE_NO_PAD.encode(key))
}

fn read_cursor(cursor: &str) -> Option<Key> {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(cursor).ok()?).ok()
}
