//! Relay connections.

use async_graphql::Error;
use edgehog_engine::{MAX_PAGE_SIZE, PageRequest};

use super::error::{Code, error};

/// Declares the connection and the edge type of a list of nodes, and how to make them of a page of rows.
macro_rules! connection {
    ($connection:ident, $edge:ident, $node:ident of $row:ident) => {
        /// A page of a list.
        #[derive(async_graphql::SimpleObject)]
        pub(super) struct $connection {
            /// How many items the list has on all its pages.
            count: Option<i64>,
            /// Where this page lies in the list.
            page_info: async_graphql::connection::PageInfo,
            /// The items of this page.
            edges: Option<Vec<$edge>>,
        }

        /// An item of a list, with its place.
        #[derive(async_graphql::SimpleObject)]
        pub(super) struct $edge {
            /// The place right after this item.
            cursor: String,
            /// The item.
            node: $node,
        }

        impl $connection {
            /// Makes a page of rows. `count` is there only if it was asked for.
            pub(super) fn new(page: edgehog_engine::Page<$row>, count: Option<i64>) -> Self {
                let edge = |row: $row| $edge {
                    cursor: edgehog_engine::List::default().cursor_of(&row).to_string(),
                    node: $node::from(row),
                };
                let edges: Vec<_> = page.rows.into_iter().map(edge).collect();
                let page_info = async_graphql::connection::PageInfo {
                    has_previous_page: page.has_previous,
                    has_next_page: page.has_next,
                    start_cursor: edges.first().map(|edge| edge.cursor.clone()),
                    end_cursor: edges.last().map(|edge| edge.cursor.clone()),
                };
                Self { count, page_info, edges: Some(edges) }
            }
        }
    };
}

pub(super) use connection;

/// Reads the arguments that every connection has.
pub(super) fn page_request(
    first: Option<i64>,
    before: Option<&str>,
    after: Option<&str>,
    last: Option<i64>,
) -> Result<PageRequest, Error> {
    let invalid = |field, message| error(Code::InvalidQuery, &[field], message);
    let size = |field, wanted: Option<i64>| match wanted {
        None => Ok(MAX_PAGE_SIZE),
        Some(wanted) if wanted <= 0 => Err(invalid(field, "must be greater than 0")),
        Some(wanted) => Ok(u32::try_from(wanted).unwrap_or(MAX_PAGE_SIZE)),
    };
    let cursor = |text: &str| {
        text.parse().map_err(|_| error(Code::InvalidKeyset, &[], "is not a cursor of this list"))
    };
    match (first, after, last, before) {
        (Some(_), _, Some(_), _) => Err(invalid("first", "cannot be given together with last")),
        (Some(_), _, _, Some(_)) => Err(invalid("first", "cannot be given together with before")),
        (_, Some(_), Some(_), _) => Err(invalid("last", "cannot be given together with after")),
        (_, _, Some(_), None) => Err(invalid("last", "can be given only together with before")),
        (_, Some(_), _, Some(_)) => Err(invalid("after", "cannot be given together with before")),
        (None, None, last, Some(before)) => {
            Ok(PageRequest::Backward { last: size("last", last)?, before: cursor(before)? })
        }
        (first, after, None, None) => {
            Ok(PageRequest::Forward { first: size("first", first)?, after: after.map(cursor).transpose()? })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_asked_for_in_one_direction() {
        let all = PageRequest::default();
        assert_eq!(page_request(None, None, None, None).unwrap(), all);
        let after = Some("a".parse().unwrap());
        let forward = |first| PageRequest::Forward { first, after: after.clone() };
        assert_eq!(page_request(Some(2), None, Some("a"), None).unwrap(), forward(2));
        assert_eq!(page_request(Some(10_000), None, Some("a"), None).unwrap(), forward(10_000));
        assert_eq!(page_request(Some(i64::MAX), None, Some("a"), None).unwrap(), forward(MAX_PAGE_SIZE));
        let backward = PageRequest::Backward { last: 2, before: "a".parse().unwrap() };
        assert_eq!(page_request(None, Some("a"), None, Some(2)).unwrap(), backward);
    }

    #[test]
    fn senseless_pages_are_refused() {
        let (one, cursor) = (Some(1), Some("a"));
        for (first, before, after, last) in [
            (one, None, None, one),
            (one, cursor, None, None),
            (None, cursor, cursor, None),
            (None, None, cursor, one),
            (None, None, None, one),
            (Some(0), None, None, None),
            (Some(-1), None, None, None),
            (None, cursor, None, Some(0)),
            (None, None, Some("?"), None),
        ] {
            assert!(
                page_request(first, before, after, last).is_err(),
                "{first:?} {before:?} {after:?} {last:?}"
            );
        }
    }
}
