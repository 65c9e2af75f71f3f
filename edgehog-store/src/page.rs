use std::fmt;
use std::str::FromStr;

use crate::Error;

/// The most rows that one page holds, whatever was asked for.
pub const MAX_PAGE_SIZE: u32 = 250;

/// A place between two rows of a list: right after the row it was made from. Opaque text on the wire.
///
/// It holds that row's values of what the list is sorted by, not its position, so rows that come or go elsewhere do not
/// move it. It is good for lists of the same resource in the same order and no others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor(pub(crate) String);

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Cursor {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is_base64 = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        match !text.is_empty() && text.bytes().all(is_base64) {
            true => Ok(Self(text.to_owned())),
            false => Err(Error::InvalidCursor),
        }
    }
}

/// Which part of a list is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PageRequest {
    /// The rows after a cursor, or the first ones.
    Forward {
        /// Rows wanted; more than [`MAX_PAGE_SIZE`] are never given.
        first: u32,
        /// Where to start.
        after: Option<Cursor>,
    },
    /// The rows right before a cursor, in the list's own order.
    Backward {
        /// Rows wanted; more than [`MAX_PAGE_SIZE`] are never given.
        last: u32,
        /// Where to end.
        before: Cursor,
    },
    /// Rows by their position.
    Window {
        /// Rows wanted; all where not given.
        limit: Option<u32>,
        /// Rows to leave out at the start.
        offset: u32,
    },
}

impl Default for PageRequest {
    fn default() -> Self {
        Self::Forward { first: MAX_PAGE_SIZE, after: None }
    }
}

impl PageRequest {
    /// All rows.
    #[must_use]
    pub const fn all() -> Self {
        Self::Window { limit: None, offset: 0 }
    }

    /// Rows to give at most.
    const fn size(&self) -> Option<u32> {
        match self {
            Self::Forward { first: wanted, .. } | Self::Backward { last: wanted, .. } => {
                Some(if *wanted < MAX_PAGE_SIZE { *wanted } else { MAX_PAGE_SIZE })
            }
            Self::Window { limit, .. } => *limit,
        }
    }

    /// Rows to ask the database for: of a page one more than fit, which tells whether there are more.
    pub(crate) fn limit(&self) -> Option<u64> {
        self.size().map(|size| u64::from(size) + u64::from(!matches!(self, Self::Window { .. })))
    }

    /// Makes the page of the rows that a query found in the request's direction.
    pub(crate) fn page<T>(&self, mut rows: Vec<T>, count: Option<i64>) -> Page<T> {
        let more = self.size().is_some_and(|size| rows.len() > size as usize);
        if let Some(size) = self.size() {
            rows.truncate(size as usize);
        }
        let (has_previous, has_next) = match self {
            Self::Forward { after, .. } => (after.is_some(), more),
            Self::Backward { .. } => (more, !rows.is_empty()),
            Self::Window { offset, .. } => (*offset > 0, false),
        };
        if matches!(self, Self::Backward { .. }) {
            rows.reverse();
        }
        Page { rows, has_previous, has_next, count }
    }
}

/// A part of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Page<T> {
    /// The rows, in the list's order.
    pub rows: Vec<T>,
    /// Whether there are rows before these. Going forward, that there is a cursor to come from is enough.
    pub has_previous: bool,
    /// Whether there are rows after these. Going backward, that there are rows here is enough.
    pub has_next: bool,
    /// How many rows there are on all pages, if that was asked for.
    pub count: Option<i64>,
}

impl<T> Page<T> {
    /// The same page of something else.
    ///
    /// # Errors
    ///
    /// The first one of `turn`.
    pub fn try_map<U, E>(self, turn: impl FnMut(T) -> Result<U, E>) -> Result<Page<U>, E> {
        let rows = self.rows.into_iter().map(turn).collect::<Result<_, _>>()?;
        Ok(Page { rows, has_previous: self.has_previous, has_next: self.has_next, count: self.count })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `hasNextPage` and `hasPreviousPage` say what the API's rules for each direction say.
    #[test]
    fn flags_follow_the_direction() {
        let cursor = || Cursor("a".to_owned());
        let forward = |first, after| PageRequest::Forward { first, after };
        let backward = |last| PageRequest::Backward { last, before: cursor() };
        for (request, found, rows, previous, next) in [
            (forward(2, None), vec![1, 2, 3], vec![1, 2], false, true),
            (forward(2, None), vec![1, 2], vec![1, 2], false, false),
            (forward(2, Some(cursor())), vec![2, 3], vec![2, 3], true, false),
            (backward(2), vec![8, 7, 6], vec![7, 8], true, true),
            (backward(2), vec![8, 7], vec![7, 8], false, true),
            (backward(2), vec![], vec![], false, false),
            (PageRequest::all(), vec![1, 2, 3], vec![1, 2, 3], false, false),
        ] {
            let page = request.page(found, None);
            assert_eq!((page.rows, page.has_previous, page.has_next), (rows, previous, next), "{request:?}");
        }
    }
}
