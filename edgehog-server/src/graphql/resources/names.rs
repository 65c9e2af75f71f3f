//! Names of declarations, as the schema spells them.

/// `last_seen_ip` as a field: `lastSeenIp`.
pub(super) fn field(name: &str) -> String {
    let mut spelled = String::with_capacity(name.len());
    let mut upper = false;
    for letter in name.chars() {
        if letter == '_' {
            upper = true;
        } else if std::mem::take(&mut upper) {
            spelled.extend(letter.to_uppercase());
        } else {
            spelled.push(letter);
        }
    }
    spelled
}

/// `last_seen_ip` as a part of a type's name: `LastSeenIp`.
pub(super) fn part(name: &str) -> String {
    field(&format!("_{name}"))
}

/// `last_seen_ip` as a value of an enumeration: `LAST_SEEN_IP`.
pub(super) fn value(name: &str) -> String {
    name.to_uppercase()
}

/// `lastSeenIp` as errors name fields: `last_seen_ip`.
pub(super) fn snake_case(field: &str) -> String {
    let mut spelled = String::with_capacity(field.len() + 4);
    for letter in field.chars() {
        if letter.is_uppercase() {
            spelled.push('_');
        }
        spelled.extend(letter.to_lowercase());
    }
    spelled
}

/// The text of a declaration's documentation.
pub(super) fn doc(text: &str) -> String {
    text.lines().map(str::trim).collect::<Vec<_>>().join("\n").trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_spelled_by_their_place() {
        for (name, as_field, as_part, as_value) in
            [("id", "id", "Id", "ID"), ("last_seen_ip", "lastSeenIp", "LastSeenIp", "LAST_SEEN_IP")]
        {
            assert_eq!((field(name).as_str(), part(name).as_str()), (as_field, as_part));
            assert_eq!(value(name), as_value);
            assert_eq!(snake_case(as_field), name);
        }
    }
}
