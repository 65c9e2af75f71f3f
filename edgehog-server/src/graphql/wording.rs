//! What the GraphQL library says of wrong arguments, in the words that clients have always looked for.

/// Rewords a message of the library, or leaves it as it is.
pub(super) fn of_argument(message: &str) -> Option<String> {
    let rest = message.strip_prefix("Invalid value for argument \"")?;
    let (path, reason) = rest.split_once("\", ")?;
    let mut path = path.split('.');
    let argument = path.next()?;
    let mut text = format!("Argument \"{argument}\" has invalid value.\n");
    for field in path {
        text.push_str(&format!("In field \"{field}\": "));
    }
    let quoted: Vec<_> = reason.split('"').collect();
    match quoted.as_slice() {
        ["expected type ", ty, ""] => text.push_str(&format!("Expected type \"{ty}\".")),
        ["field ", field, " of type ", ty, " is required but not provided"] => {
            text.push_str(&format!("In field \"{field}\": Expected type \"{ty}\", found null."));
        }
        ["unknown field ", field, ..] => text.push_str(&format!("In field \"{field}\": Unknown field.")),
        ["enumeration type ", ty, _, value, ""] => {
            text.push_str(&format!("Expected type \"{ty}\", found {value}."));
        }
        _ => return None,
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrong_arguments_are_told_by_their_place() {
        for (library, ours) in [
            (
                r#"Invalid value for argument "first", expected type "Int""#,
                "Argument \"first\" has invalid value.\nExpected type \"Int\".",
            ),
            (
                r#"Invalid value for argument "input.name", expected type "String""#,
                "Argument \"input\" has invalid value.\nIn field \"name\": Expected type \"String\".",
            ),
            (
                r#"Invalid value for argument "input", field "name" of type "String!" is required but not provided"#,
                "Argument \"input\" has invalid value.\nIn field \"name\": Expected type \"String!\", found null.",
            ),
            (
                r#"Invalid value for argument "filter.tags", unknown field "colour" of type "TagFilterInput""#,
                "Argument \"filter\" has invalid value.\nIn field \"tags\": In field \"colour\": Unknown field.",
            ),
            (
                r#"Invalid value for argument "sort.0.field", enumeration type "TagSortField" does not contain the value "X""#,
                "Argument \"sort\" has invalid value.\nIn field \"0\": In field \"field\": Expected type \
                 \"TagSortField\", found X.",
            ),
        ] {
            assert_eq!(of_argument(library).as_deref(), Some(ours));
        }
        assert_eq!(of_argument("Unknown field \"x\" on type \"Device\""), None);
    }
}
