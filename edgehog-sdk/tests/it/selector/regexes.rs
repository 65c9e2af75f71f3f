//! The regular expressions that PostgreSQL and the `regex` crate read alike.

use edgehog_sdk::{
    Selector,
    selector::{Expr, Regex, RegexFault, SelectorErrorKind, TagPattern, Unsupported},
};

/// As quoted text, where slashes need no escape.
fn parse(source: &str) -> Result<Regex, SelectorErrorKind> {
    let text = format!("\"/{}/\" ~= tags", source.replace('"', "\\\""));
    let selector = Selector::parse(&text).map_err(|error| error.kind)?;
    let Expr::Tag(filter) = selector.expr() else { panic!("{text}") };
    let TagPattern::Regex(regex) = &filter.pattern else { panic!("{text}") };
    assert_eq!(regex.as_str(), source);
    Ok(regex.clone())
}

/// What is allowed finds what PostgreSQL finds: these answers are PostgreSQL's.
#[test]
fn allowed() {
    for (source, fitting, unfitting) in [
        ("", &["", "a"][..], &[][..]),
        ("b", &["abc"], &["ac"]),
        ("^b$", &["b"], &["abc", "a\nb", "b\n"]),
        (r"\Ab", &["bc"], &["ab", "a\nb"]),
        ("^a.c$", &["abc", "a\nc", "a😀c"], &["ac", "abbc"]),
        (r"^\d+$", &["0", "123"], &["", "٣", "12a"]),
        (r"^\D$", &["٣", "a"], &["1"]),
        (r"^\w+$", &["bär_1", "٣", "日本"], &["a-b", "a b", "😀"]),
        (r"^\W$", &["-", "\n"], &["ä", "_"]),
        (r"^\s$", &[" ", "\n", "\u{b}", "\u{3000}"], &["\u{a0}", "\u{85}", "a"]),
        (r"^\S$", &["\u{a0}", "a"], &[" "]),
        ("^[a-c]+$", &["abc"], &["abd", "-"]),
        ("^[^a]$", &["b", "\n", "ä"], &["a"]),
        ("^[]a]$", &["]", "a"], &["[]a]"]),
        ("^[^]a]$", &["b"], &["]", "a"]),
        (r"^[\d\-_]$", &["5", "-", "_"], &["\\", "d"]),
        (r"^[^\W\d]$", &["a", "_"], &["5", "-"]),
        ("^[&~^]$", &["&", "~", "^"], &["\\"]),
        ("^(a|bc)?d$", &["d", "ad", "bcd"], &["abcd"]),
        ("^(?:a|)$", &["", "a"], &["aa"]),
        ("^a{2,3}?$", &["aa", "aaa"], &["a", "aaaa"]),
        ("^a*?b+?c??$", &["b", "aabbc"], &["ac"]),
        ("^a{0}b$", &["b"], &["ab"]),
        ("^(^a|b$)?$", &["", "a", "b"], &["ab"]),
        (r"^\.\*\\\-\/$", &[r".*\-/"], &["aa"]),
        (r"^\u00e4\U0001f600$", &["ä😀"], &["ä"]),
        ("^ #$", &[" #"], &["#"]),
    ] {
        let regex = parse(source).unwrap_or_else(|error| panic!("{source}: {error}"));
        for tag in fitting {
            assert!(regex.is_match(tag), "{source:?} {tag:?}");
        }
        for tag in unfitting {
            assert!(!regex.is_match(tag), "{source:?} {tag:?}");
        }
    }
}

/// What depends on a locale or reads otherwise there is spelled out for PostgreSQL.
#[test]
fn spelled_out() {
    for (source, postgres) in [
        ("a.b|(c)?", "a.b|(c)?"),
        (r"^\d+$", "^[0-9]+$"),
        (r"\d\.\d", r"[0-9]\.[0-9]"),
        (r"[\d\-_]", r"[\-0-9\_]"),
        (r"[^a]", "[\u{1}-\\`b-\u{10ffff}]"),
        (r"[]a]ä", r"[\]a]ä"),
        (r"\s", "[\t-\r \u{1680}\u{2000}-\u{2006}\u{2008}-\u{200a}\u{2028}-\u{2029}\u{205f}\u{3000}]"),
    ] {
        assert_eq!(parse(source).unwrap().postgres(), postgres, "{source}");
    }
    assert!(parse(r"\w").unwrap().postgres().starts_with("[0-9A-Z\\_a-zª"));
}

/// What only one of the two knows, or each knows in its own way, is refused.
#[test]
fn unsupported() {
    use Unsupported::*;
    for (source, expected) in [
        (r"(a)\1", BackReference),
        ("(?=a)", LookAround),
        ("(?<!a)", LookAround),
        ("(?i)a", Flags),
        ("(?i:a)", Flags),
        ("a(?s)b", Flags),
        ("(?<n>a)", NamedGroup),
        ("(?P<n>a)", NamedGroup),
        (r"\ba", Anchor),
        (r"\Ba", Anchor),
        (r"a\z", Anchor),
        (r"\<a", Anchor),
        (r"\x41", Escape),
        (r"\x{41}", Escape),
        (r"\u{41}", Escape),
        (r"\y", Escape),
        (r"\m", Escape),
        (r"a\Z", Escape),
        (r"\e", Escape),
        (r"\cA", Escape),
        (r"[\x41]", Escape),
        (r"[\x41-z]", Escape),
        (r"[\b]", Escape),
        ("[[:alpha:]]", PosixClass),
        (r"\pL", UnicodeClass),
        (r"[\p{L}]", UnicodeClass),
        ("[a[b]]", NestedClass),
        ("[a&&b]", NestedClass),
        ("[a--b]", NestedClass),
        ("[a~~b]", NestedClass),
        ("[[.a.]]", NestedClass),
        (r"[^\d\D]", EmptyClass),
        ("a{256}", RepetitionCount),
        ("a{1,256}", RepetitionCount),
        ("a{ 2 }", RepetitionCount),
        ("a**", Repetition),
        ("a*+", Repetition),
        ("a{2}{3}", Repetition),
        ("^*", Repetition),
        ("(^a|b)*", Repetition),
        ("(a$){2}", Repetition),
    ] {
        assert_eq!(parse(source), Err(RegexFault::from(expected).into()), "{source}");
    }
}

/// What is no regular expression at all is refused, with the reason.
#[test]
fn invalid() {
    for source in ["(", ")", "[", "[]", "*", "a|*", "a{", "a{x}", "a{,2}", "a{3,2}", "[z-a]", "(?", r"a\"] {
        let found = parse(source);
        assert!(
            matches!(found, Err(SelectorErrorKind::Regex(RegexFault::Invalid(_)))),
            "{source}: {found:?}"
        );
    }
    let error = Selector::parse(r#""a" in tags and /(/ ~= tags"#).unwrap_err();
    assert_eq!(error.to_string(), "invalid regular expression (unclosed group) at line 1, column 17");
    let error = Selector::parse(r"/\ba/ ~= tags").unwrap_err();
    assert_eq!(
        error.to_string(),
        "regular expression with an anchor other than ^ and $, which selectors do not have, at line 1, column 1"
    );
}

/// Sizes that would keep PostgreSQL busy for long are refused, those of everyday use are not.
#[test]
fn sizes() {
    let words = vec!["warehouse"; 500].join("|");
    for source in ["^[a-z]{1,255}[0-9]{0,255}$", r"^\w{1,64}-\w+-\d*$", "^(a{1,20}b?){50}$", &words] {
        assert!(parse(source).is_ok(), "{source}");
    }
    let nested = format!("{}a{}", "(".repeat(100), ")".repeat(100));
    for source in ["(a{255}){255}", "(a?){255}", "(a{0,32}){0,255}", r"\w{255}", &"a?".repeat(129), &nested] {
        assert_eq!(parse(source), Err(RegexFault::TooLarge.into()), "{source}");
    }
}
