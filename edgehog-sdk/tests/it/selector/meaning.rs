//! What each filter means.

use edgehog_sdk::{
    Selector,
    selector::{Expr, TagPattern},
};

const NO_TAGS: [&str; 0] = [];

fn matches(text: &str, tags: &[&str]) -> bool {
    Selector::parse(text).unwrap_or_else(|error| panic!("{text}: {error}")).matches(tags)
}

/// Each operator on tags finds what the table of the language's documentation says.
#[test]
fn operators_on_tags() {
    for (text, tags, expected) in [
        (r#""a" in tags"#, &["a"][..], true),
        (r#""a" in tags"#, &["b", "ab"], false),
        (r#""a" in tags"#, &NO_TAGS, false),
        (r#""a" not in tags"#, &["a", "b"], false),
        (r#""a" not in tags"#, &["b"], true),
        (r#""a" not in tags"#, &NO_TAGS, true),
        (r#""a*" ~= tags"#, &["b", "abc"], true),
        (r#""a*" !~= tags"#, &["b", "abc"], false),
        (r#""a*" !~= tags"#, &NO_TAGS, true),
        ("/b/ ~= tags", &["abc"], true),
        ("/b/ !~= tags", &["abc"], false),
        ("/b/ !~= tags", &NO_TAGS, true),
        // Equality is of the whole tag, and knows neither wildcards nor slashes.
        (r#""a*" in tags"#, &["abc"], false),
        (r#""a*" in tags"#, &["a*"], true),
        (r#""/a/" in tags"#, &["a"], false),
        (r#""/a/" in tags"#, &["/a/"], true),
        (r#""" in tags"#, &["a"], false),
    ] {
        assert_eq!(matches(text, tags), expected, "{text} {tags:?}");
    }
}

/// Stored tags are lower-case, so literals and globs are folded. Regular expressions say what they mean.
#[test]
fn folding() {
    for (text, tag, expected) in [
        (r#""Foo" in tags"#, "foo", true),
        (r#""BÄR" in tags"#, "bär", true),
        (r#""BÄ*" ~= tags"#, "bär", true),
        (r#""Foo" not in tags"#, "foo", false),
        ("/Foo/ ~= tags", "foo", false),
        (r#"" foo" in tags"#, "foo", false),
    ] {
        assert_eq!(matches(text, &[tag]), expected, "{text} {tag}");
    }
}

/// A glob fits the whole tag; only `*` and `?` are wildcards, also in SQL.
#[test]
fn globs() {
    for (glob, like, fitting, unfitting) in [
        ("a", "a", &["a"][..], &["", "ab", "ba"][..]),
        ("", "", &[""], &["a"]),
        ("*", "%", &["", "a", "a\nb"], &[]),
        ("?", "_", &["a", "ä", "😀", "\n"], &["", "ab"]),
        ("a*b*c", "a%b%c", &["abc", "axxbyyc", "abcbc"], &["ab", "abcd", "acb"]),
        ("*ab", "%ab", &["ab", "aab", "abab"], &["aba"]),
        ("a?c", "a_c", &["abc"], &["ac", "abbc"]),
        ("s_ngle", r"s\_ngle", &["s_ngle"], &["single"]),
        ("100%", r"100\%", &["100%"], &["1000"]),
        (r"a\*", r"a\\%", &[r"a\", r"a\b"], &["a*", "ab"]),
    ] {
        let text = format!("\"{glob}\" ~= tags");
        let selector = Selector::parse(&text).unwrap();
        let Expr::Tag(filter) = selector.expr() else { panic!("{text}") };
        let TagPattern::Glob(parsed) = &filter.pattern else { panic!("{text}") };
        assert_eq!((parsed.as_str(), parsed.like().as_str()), (glob, like));
        for tag in fitting {
            assert!(parsed.matches(tag), "{glob} {tag}");
        }
        for tag in unfitting {
            assert!(!parsed.matches(tag), "{glob} {tag}");
        }
    }
}

/// `and` binds tighter than `or`, parentheses tighter than both.
#[test]
fn precedence() {
    let (a, b, c) = (r#""a" in tags"#, r#""b" in tags"#, r#""c" in tags"#);
    for (text, tags, expected) in [
        (format!("{a} or {b} and {c}"), &["a"][..], true),
        (format!("({a} or {b}) and {c}"), &["a"], false),
        (format!("{a} and {b} or {c}"), &["c"], true),
        (format!("{a} and ({b} or {c})"), &["c"], false),
        (format!("{a} and ({b} or {c})"), &["a", "c"], true),
    ] {
        assert_eq!(matches(&text, tags), expected, "{text} {tags:?}");
    }
}

/// No device has attributes: no comparison holds, inequality no more than the others.
#[test]
fn attributes_never_match() {
    for operator in ["==", "!=", ">=", ">", "<=", "<"] {
        for value in
            ["1", "-2.5", "true", "false", r#""x""#, "now()", r#"datetime("x")"#, r#"binaryblob("x")"#]
        {
            let text = format!("attributes[\"a:b\"] {operator} {value}");
            assert!(!matches(&text, &["a", "b"]), "{text}");
            assert!(matches(&format!("{text} or \"a\" in tags"), &["a"]), "{text}");
        }
    }
}
