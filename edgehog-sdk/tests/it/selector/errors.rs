//! Every mistake is refused with its place and what would be right.

use edgehog_sdk::{
    Selector,
    selector::{MAX_DEPTH, MAX_LENGTH, RegexFault, SelectorErrorKind},
};

const FILTER: &str = r#"expected a quoted text, a regular expression, "attributes" or "(""#;
const OPERATOR: &str = r#"expected "in", "not in", "~=" or "!~=""#;
const MATCH: &str = r#"expected "~=" or "!~=""#;
const BLANK: &str = "expected a blank";
const BLANK_OR_END: &str = "expected a blank or the end";
const MORE: &str = r#"expected "and", "or" or the end"#;
const MORE_INSIDE: &str = r#"expected "and", "or" or ")""#;
const TAGS: &str = r#"expected "tags""#;
const COMPARISON: &str = r#"expected "==", "!=", ">=", ">", "<=" or "<""#;
const VALUE: &str =
    r#"expected a quoted text, a number, "true", "false", "now()", "datetime" or "binaryblob""#;
const NAMESPACE: &str = "expected a namespace (ASCII letters, - and _)";
const KEY: &str = "expected a key (lower-case ASCII letters, - and _)";
const CLOSING_CALL: &str = r#"expected '")'"#;

fn check(table: &[(&str, &str, usize)]) {
    for (text, message, column) in table {
        let error = Selector::parse(text).expect_err(text);
        assert_eq!(error.to_string(), format!("{message} at line 1, column {column}"), "{text}");
    }
}

/// Filters on tags: blanks, operators, words.
#[test]
fn tags() {
    check(&[
        ("", FILTER, 1),
        ("   ", FILTER, 4),
        ("tags", FILTER, 1),
        ("not \"a\" in tags", FILTER, 1),
        ("!\"a\" in tags", FILTER, 1),
        ("'a' in tags", FILTER, 1),
        ("# note", FILTER, 1),
        ("\"a\"", BLANK, 4),
        ("\"a\"in tags", BLANK, 4),
        ("\"a\"~= tags", BLANK, 4),
        ("\"a\" ", OPERATOR, 5),
        ("\"a\" on tags", OPERATOR, 5),
        ("\"ä\" == tags", OPERATOR, 5),
        ("\"a\" intags", BLANK, 7),
        ("\"a\" ~=tags", BLANK, 7),
        ("\"a\" !~=tags", BLANK, 8),
        ("\"a\" in", BLANK, 7),
        ("\"a\" notin tags", BLANK, 8),
        ("\"a\" not tags", "expected \"in\"", 9),
        ("\"a\" not ~= tags", "expected \"in\"", 9),
        ("\"a\" in Tags", TAGS, 8),
        ("\"a\" in tag", TAGS, 8),
        ("\"a\" in attributes", TAGS, 8),
        ("/a/ in tags", MATCH, 5),
        ("/a/ not in tags", MATCH, 5),
        ("\"a in tags", "text without a closing \"", 1),
        ("\"a\\\" in tags", "text without a closing \"", 1),
        ("/a ~= tags", "regular expression without a closing /", 1),
        ("/a\\/ ~= tags", "regular expression without a closing /", 1),
        ("\"a\" in ta\0gs", "NUL character", 10),
    ]);
}

/// `and`, `or`, parentheses and what is left over.
#[test]
fn connectives() {
    check(&[
        ("\"a\" in tagsx", BLANK_OR_END, 12),
        ("\"a\" in tags)", BLANK_OR_END, 12),
        ("\"a\" in tags )", MORE, 13),
        ("\"a\" in tags x", MORE, 13),
        ("\"a\" in tags \"b\" in tags", MORE, 13),
        ("\"a\" in tags && \"b\" in tags", MORE, 13),
        ("\"a\" in tags and", BLANK, 16),
        ("\"a\" in tags and ", FILTER, 17),
        ("\"a\" in tags and or", FILTER, 17),
        ("\"a\" in tags or", BLANK, 15),
        ("\"a\" in tags or(\"b\" in tags)", BLANK, 15),
        ("(\"a\" in tags)and(\"b\" in tags)", BLANK_OR_END, 14),
        ("(\"a\" in tags)and (\"b\" in tags)", BLANK_OR_END, 14),
        ("(\"a\" in tags) and(\"b\" in tags)", BLANK, 18),
        ("(\"a\" in tags", "expected a blank or \")\"", 13),
        ("(\"a\" in tags ", MORE_INSIDE, 14),
        ("(\"a\" in tags x", MORE_INSIDE, 14),
        ("()", FILTER, 2),
        ("(", FILTER, 2),
        (")", FILTER, 1),
    ]);
}

/// Filters on attributes.
#[test]
fn attributes() {
    check(&[
        ("Attributes[\"a:b\"] == 1", FILTER, 1),
        ("attributes == 1", "expected '[\"'", 11),
        ("attributes['a:b'] == 1", "expected '[\"'", 11),
        ("attributes[\":b\"] == 1", NAMESPACE, 13),
        ("attributes[\"a1:b\"] == 1", "expected \":\"", 14),
        ("attributes[\"a\"] == 1", "expected \":\"", 14),
        ("attributes[\"a:\"] == 1", KEY, 15),
        ("attributes[\"a:B\"] == 1", KEY, 15),
        ("attributes[\"a:bB\"] == 1", "expected '\"]'", 16),
        ("attributes[\"a:b.c\"] == 1", "expected '\"]'", 16),
        ("attributes[\"a:b/c\"] == 1", "expected '\"]'", 16),
        ("attributes[\"a:b\"]", COMPARISON, 18),
        ("attributes[\"a:b\"] = 1", COMPARISON, 19),
        ("attributes[\"a:b\"] in 1", COMPARISON, 19),
        ("attributes[\"a:b\"] ==", VALUE, 21),
        ("attributes[\"a:b\"] == +1", VALUE, 22),
        ("attributes[\"a:b\"] == .5", VALUE, 22),
        ("attributes[\"a:b\"] == True", VALUE, 22),
        ("attributes[\"a:b\"] == /a/", VALUE, 22),
        ("attributes[\"a:b\"] == now", VALUE, 22),
        ("attributes[\"a:b\"] == Now()", VALUE, 22),
        ("attributes[\"a:b\"] == datetime()", VALUE, 22),
        ("attributes[\"a:b\"] == -", "expected a digit", 23),
        ("attributes[\"a:b\"] == -.5", "expected a digit", 23),
        ("attributes[\"a:b\"] == 1.", "expected a digit", 24),
        ("attributes[\"a:b\"] == 1e5", BLANK_OR_END, 23),
        ("attributes[\"a:b\"] == 1.5e5", BLANK_OR_END, 25),
        ("attributes[\"a:b\"] == truest", BLANK_OR_END, 26),
        ("attributes[\"a:b\"] == now() + 1", MORE, 28),
        ("attributes[\"a:b\"] == \"x", "text without a closing \"", 22),
        ("attributes[\"a:b\"] == datetime(\"\")", "expected a character", 32),
        ("attributes[\"a:b\"] == datetime(\"x", CLOSING_CALL, 33),
        ("attributes[\"a:b\"] == datetime(\"x\" )", CLOSING_CALL, 33),
        ("attributes[\"a:b\"] == datetime(\"xä\")", "character 'ä' beyond ASCII", 33),
        ("attributes[\"a:b\"] == binaryblob(\"😀\")", "character '😀' beyond ASCII", 34),
    ]);
}

/// Lines end at line feeds; columns count characters, not bytes.
#[test]
fn positions() {
    for (text, line, column) in [
        ("\"äöü\" on tags", 1, 7),
        ("\"a\" in tags\nor \"b\" on tags", 2, 8),
        ("\n\n x", 3, 2),
        ("\"a\r\nb\" in tags\r\n and 😀", 3, 6),
    ] {
        let position = Selector::parse(text).expect_err(text).position;
        assert_eq!((position.line, position.column), (line, column), "{text}");
    }
}

/// One more than a limit is too much, and says so rather than overflow a stack.
#[test]
fn limits() {
    let long = " ".repeat(MAX_LENGTH + 1);
    let deep = "(".repeat(MAX_DEPTH + 1);
    let deeper = "(".repeat(MAX_LENGTH);
    let many = |filter: &str, count: usize| vec![filter; count].join(" or ");
    for (text, kind) in [
        (long, SelectorErrorKind::TooLong),
        (deep, SelectorErrorKind::TooDeep),
        (deeper, SelectorErrorKind::TooDeep),
        (many("// ~= tags", 1_025), SelectorErrorKind::TooManyRegexes),
        (many(r"/\w{160}/ ~= tags", 3), SelectorErrorKind::TooManyRegexes),
        (String::from(r"/\w{255}/ ~= tags"), RegexFault::TooLarge.into()),
    ] {
        assert_eq!(Selector::parse(&text).expect_err("beyond a limit").kind, kind);
    }
    let error = Selector::parse(&"(".repeat(MAX_DEPTH + 1)).expect_err("too deep");
    assert_eq!(error.to_string(), "more than 128 open parentheses at line 1, column 129");
}
