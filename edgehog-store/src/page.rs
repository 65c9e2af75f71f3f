use std::fmt;
use std::str::FromStr;

use crate::Error;

/// The most rows that one page holds, whatever was asked for.
pub const MAX_PAGE_SIZE: u32 = 250;

/// A place between two rows of a list: right after the row it was made from. Opaque text on the wire.
///
/// It holds that row's sort key, not its position, so rows that come or go elsewhere do not move it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor(i64);

impl Cursor {
    pub(crate) const fn after(id: i64) -> Self {
        Self(id)
    }

    pub(crate) const fn key(self) -> i64 {
        self.0
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:x}", self.0)
    }
}

impl FromStr for Cursor {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        i64::from_str_radix(text, 16).map(Self).map_err(|_| Error::InvalidCursor)
    }
}

/// Which part of a list is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
}

impl Default for PageRequest {
    fn default() -> Self {
        Self::Forward { first: MAX_PAGE_SIZE, after: None }
    }
}

impl PageRequest {
    /// Rows to give at most.
    pub(crate) fn size(self) -> u32 {
        let (Self::Forward { first: wanted, .. } | Self::Backward { last: wanted, .. }) = self;
        wanted.min(MAX_PAGE_SIZE)
    }

    /// Makes the page of the rows that a query found in the request's direction, asked for one row more than fit.
    pub(crate) fn page<T>(self, mut rows: Vec<T>) -> Page<T> {
        let size = self.size() as usize;
        let more = rows.len() > size;
        rows.truncate(size);
        let (has_previous, has_next) = match self {
            Self::Forward { after, .. } => (after.is_some(), more),
            Self::Backward { .. } => (more, !rows.is_empty()),
        };
        if matches!(self, Self::Backward { .. }) {
            rows.reverse();
        }
        Page { rows, has_previous, has_next }
    }
}

/// A part of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Page<T> {
    /// The rows, in the list's order.
    pub rows: Vec<T>,
    /// Whether there are rows before these. Only looked for when paging backwards; forwards it says whether a cursor
    /// was given.
    pub has_previous: bool,
    /// Whether there are rows after these.
    pub has_next: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_reads_back_and_rejects_anything_else() {
        for id in [1, 42, i64::MAX] {
            let cursor = Cursor::after(id);
            assert_eq!(cursor.to_string().parse::<Cursor>().unwrap(), cursor);
        }
        for text in ["", "x", "1 ", "ffffffffffffffffff"] {
            assert!(matches!(text.parse::<Cursor>(), Err(Error::InvalidCursor)), "{text}");
        }
    }

    /// `hasNextPage` and `hasPreviousPage` say what the API's rules for each direction say.
    #[test]
    fn flags_follow_the_direction() {
        let after = Some(Cursor::after(1));
        let forward = |first, after| PageRequest::Forward { first, after };
        let backward = |last| PageRequest::Backward { last, before: Cursor::after(9) };
        for (request, found, rows, previous, next) in [
            (forward(2, None), vec![1, 2, 3], vec![1, 2], false, true),
            (forward(2, None), vec![1, 2], vec![1, 2], false, false),
            (forward(2, after), vec![2, 3], vec![2, 3], true, false),
            (backward(2), vec![8, 7, 6], vec![7, 8], true, true),
            (backward(2), vec![8, 7], vec![7, 8], false, true),
            (backward(2), vec![], vec![], false, false),
        ] {
            let page = request.page(found);
            assert_eq!((page.rows, page.has_previous, page.has_next), (rows, previous, next), "{request:?}");
        }
    }
}
