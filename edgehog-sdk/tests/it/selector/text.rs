//! What may be written, and how it is printed.

use edgehog_sdk::{
    Selector,
    selector::{MAX_DEPTH, MAX_LENGTH},
};

/// Freedom of writing leaves no trace in the canonical text.
#[test]
fn canonical_text() {
    for (text, canonical) in [
        (r#""a" in tags"#, r#""a" in tags"#),
        (" \t\r\n\"a\"\n in\t tags\r\n", r#""a" in tags"#),
        (r#""a" IN tags"#, r#""a" in tags"#),
        (r#""a" nOt  In tags"#, r#""a" not in tags"#),
        (r#""A\"B" in tags"#, r#""a\"b" in tags"#),
        (r#""a\\"b" in tags"#, r#""a\\"b" in tags"#),
        ("\"a\nb\" in tags", "\"a\nb\" in tags"),
        (r#""" ~= tags"#, r#""" ~= tags"#),
        (r#""A*" !~= tags"#, r#""a*" !~= tags"#),
        ("/A\\d/ ~= tags", "/A\\d/ ~= tags"),
        ("// ~= tags", "// ~= tags"),
        (r#""/" ~= tags"#, "// ~= tags"),
        (r#""//" !~= tags"#, "// !~= tags"),
        (r#""/a\"b/" in tags"#, r#""/a\"b/" in tags"#),
        (r#""/a\"b/" ~= tags"#, r#"/a"b/ ~= tags"#),
        (r#""/a/b/" ~= tags"#, r"/a\/b/ ~= tags"),
        (r#""/a\\/" ~= tags"#, r#""/a\\/" ~= tags"#),
        (r#"("a" in tags)"#, r#""a" in tags"#),
        (r#"( ( "a" in tags ) ) AND "b" in tags"#, r#""a" in tags and "b" in tags"#),
        (r#"("a" in tags or "b" in tags) or "c" in tags"#, r#""a" in tags or "b" in tags or "c" in tags"#),
        (
            r#""a" in tags and ("b" in tags Or ("c" in tags and "d" in tags))"#,
            r#""a" in tags and ("b" in tags or "c" in tags and "d" in tags)"#,
        ),
        (r#"attributes["A-b_C:d-e_f"]==1"#, r#"attributes["a-b_c:d-e_f"] == 1"#),
        (r#"attributes["a:b"] != -007"#, r#"attributes["a:b"] != -007"#),
        (r#"attributes["a:b"]>=10.50"#, r#"attributes["a:b"] >= 10.50"#),
        (r#"attributes["a:b"] > "X\"Y""#, r#"attributes["a:b"] > "X\"Y""#),
        (r#"attributes["a:b"]<=true"#, r#"attributes["a:b"] <= true"#),
        (r#"attributes["a:b"]<false"#, r#"attributes["a:b"] < false"#),
        (r#"attributes["a:b"] == now()"#, r#"attributes["a:b"] == now()"#),
        (r#"attributes["a:b"] == datetime("2026")"#, r#"attributes["a:b"] == datetime("2026")"#),
        (r#"attributes["a:b"] == binaryblob("A=")"#, r#"attributes["a:b"] == binaryblob("A=")"#),
    ] {
        let selector = Selector::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(selector.to_string(), canonical, "{text}");
        assert_eq!(canonical.parse(), Ok(selector), "{text}");
    }
}

/// What the limits still allow is parsed, printed, evaluated and dropped.
#[test]
fn large_selectors() {
    let deep = format!("{}\"a\" in tags{}", "(".repeat(MAX_DEPTH), ")".repeat(MAX_DEPTH));
    let alternating = (0..MAX_DEPTH).fold(String::from(r#""a" in tags"#), |inner, level| {
        format!(r#""a" in tags {} ({inner})"#, if level % 2 == 0 { "and" } else { "or" })
    });
    let filters = MAX_LENGTH / r#""a" in tags and "#.len();
    let chain = |word: &str| vec![r#""a" in tags"#; filters].join(word);
    let blanks = format!(r#""a" in tags{}"#, " ".repeat(MAX_LENGTH - 11));
    for text in [deep, alternating, chain(" and "), chain(" or "), blanks] {
        let selector = Selector::parse(&text).unwrap_or_else(|error| panic!("{error}"));
        assert!(selector.matches(&["a"]));
        assert_eq!(selector.to_string().parse(), Ok(selector));
    }
}
