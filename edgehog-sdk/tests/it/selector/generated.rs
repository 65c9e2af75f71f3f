//! Laws that hold for every selector.

use edgehog_sdk::Selector;
use proptest::prelude::*;

/// A selector as the tests see it: how to write it, and what it means.
#[derive(Debug, Clone)]
enum Tree {
    Leaf { text: String, holds: fn(&str, &[String]) -> bool, argument: String },
    And(Vec<Self>),
    Or(Vec<Self>),
}

impl Tree {
    /// Written with more parentheses and blanks than needed.
    fn text(&self, blank: &str) -> String {
        let join = |all: &[Self], word: &str| {
            let all: Vec<_> = all.iter().map(|each| each.text(blank)).collect();
            format!("({blank}{})", all.join(&format!("{blank}{word}{blank}")))
        };
        match self {
            Self::Leaf { text, .. } => text.replace(' ', blank),
            Self::And(all) => join(all, "aNd"),
            Self::Or(all) => join(all, "OR"),
        }
    }

    /// Written with the parentheses that precedence asks for.
    fn terse(&self) -> String {
        let join = |texts: Vec<String>, word: &str| texts.join(word);
        match self {
            Self::Leaf { text, .. } => text.clone(),
            Self::Or(all) => join(all.iter().map(Self::terse).collect(), " or "),
            Self::And(all) => {
                let factor = |each: &Self| match each {
                    Self::Or(_) => format!("({})", each.terse()),
                    _ => each.terse(),
                };
                join(all.iter().map(factor).collect(), " and ")
            }
        }
    }

    fn holds(&self, tags: &[String]) -> bool {
        match self {
            Self::Leaf { holds, argument, .. } => holds(argument, tags),
            Self::And(all) => !all.iter().any(|each| !each.holds(tags)),
            Self::Or(all) => all.iter().any(|each| each.holds(tags)),
        }
    }
}

/// The definition of a glob, taken literally.
fn fits(glob: &[char], text: &[char]) -> bool {
    match (glob.first(), text.first()) {
        (None, None) => true,
        (Some('*'), _) => fits(&glob[1..], text) || (!text.is_empty() && fits(glob, &text[1..])),
        (Some('?'), Some(_)) => fits(&glob[1..], &text[1..]),
        (Some(wanted), Some(found)) => wanted == found && fits(&glob[1..], &text[1..]),
        _ => false,
    }
}

fn some_tag_fits(glob: &str, tags: &[String]) -> bool {
    let chars = |text: &str| text.chars().collect::<Vec<_>>();
    tags.iter().any(|tag| fits(&chars(glob), &chars(tag)))
}

fn tag() -> impl Strategy<Value = String> {
    "[abä%_.]{0,5}"
}

fn leaf() -> impl Strategy<Value = Tree> {
    let make = |text, holds, argument| Tree::Leaf { text, holds, argument };
    let attribute = prop_oneof![
        Just("1"),
        Just("-2.50"),
        Just("true"),
        Just("now()"),
        Just("\"X\\\"\""),
        Just("datetime(\"x\")"),
        Just("binaryblob(\"y\")"),
    ];
    prop_oneof![
        tag().prop_map(move |t| make(format!("\"{t}\" in tags"), |t, tags| tags.iter().any(|it| it == t), t)),
        tag().prop_map(move |t| {
            make(format!("\"{t}\" not in tags"), |t, tags| !tags.iter().any(|it| it == t), t)
        }),
        "[abÄ*?%_]{0,5}"
            .prop_map(move |t| { make(format!("\"{t}\" ~= tags"), some_tag_fits, t.to_lowercase()) }),
        "[abÄ*?%_]{0,5}".prop_map(move |t| {
            make(format!("\"{t}\" !~= tags"), |t, tags| !some_tag_fits(t, tags), t.to_lowercase())
        }),
        "[abä]{0,3}".prop_map(move |t| {
            make(format!("/{t}/ ~= tags"), |t, tags| tags.iter().any(|it| it.contains(t)), t)
        }),
        "[abä]{0,3}".prop_map(move |t| {
            make(format!("/^{t}/ !~= tags"), |t, tags| !tags.iter().any(|it| it.starts_with(t)), t)
        }),
        attribute.prop_map(move |value| {
            make(format!("attributes[\"n:k\"] != {value}"), |_, _| false, String::new())
        }),
    ]
}

fn tree() -> impl Strategy<Value = Tree> {
    leaf().prop_recursive(5, 40, 4, |inner| {
        let some = prop::collection::vec(inner, 1..4);
        prop_oneof![some.clone().prop_map(Tree::And), some.prop_map(Tree::Or)]
    })
}

/// Pieces of selectors in any order: mostly wrong, in every place.
fn pieces() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        " ",
        "\n",
        "\"a\"",
        "\"",
        "/",
        "/a/",
        "\\",
        "in",
        "not",
        "tags",
        "~=",
        "!~=",
        "and",
        "or",
        "(",
        ")",
        "attributes[\"a:b\"]",
        "attributes",
        "[\"",
        "\"]",
        "==",
        "<",
        "1",
        "-",
        ".",
        "true",
        "now()",
        "datetime(\"",
        "\")",
        "ä",
        "😀",
        "\0",
        "\"a\" in tags",
        " and ",
        "/[\\d]{2}/",
    ]);
    prop::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

proptest! {
    /// However it is written, a selector means what its parts mean.
    #[test]
    fn evaluation_agrees_with_the_definition(
        tree in tree(),
        tags in prop::collection::vec(tag(), 0..4),
        blank in "[ \t\r\n]{1,3}",
    ) {
        let expected = tree.holds(&tags);
        for text in [tree.text(&blank), tree.terse()] {
            let selector = Selector::parse(&text).map_err(|error| TestCaseError::fail(format!("{text}: {error}")))?;
            prop_assert_eq!(selector.matches(&tags), expected, "{}", text);
        }
    }

    /// The canonical text says the same, and is its own canonical text.
    #[test]
    fn printing_and_parsing_is_the_identity(tree in tree()) {
        let selector: Selector = tree.text(" ").parse().unwrap();
        let canonical = selector.to_string();
        prop_assert_eq!(&canonical.parse::<Selector>().unwrap(), &selector);
        prop_assert_eq!(canonical.parse::<Selector>().unwrap().to_string(), canonical);
    }

    /// The same for literals of any characters, escapes included.
    #[test]
    fn any_literal_survives_printing(literal in "\\PC{0,12}|[\"\\\\/aΣİ]{0,8}", operator in "~=|!~=|in|not in") {
        for text in [format!("\"{literal}\" {operator} tags"), format!("/{literal}/ {operator} tags")] {
            if let Ok(selector) = Selector::parse(&text) {
                prop_assert_eq!(selector.to_string().parse(), Ok(selector));
            }
        }
    }

    /// Any text is a selector or a mistake with a place within the text.
    #[test]
    fn no_text_is_too_much(text in prop_oneof![pieces(), any::<String>()]) {
        match Selector::parse(&text) {
            Ok(selector) => prop_assert_eq!(selector.to_string().parse(), Ok(selector)),
            Err(error) => {
                prop_assert!(error.position.line <= text.matches('\n').count() + 1);
                prop_assert!(error.position.column <= text.chars().count() + 1);
            }
        }
    }

    /// Neither is any regular expression.
    #[test]
    fn no_regex_is_too_much(source in "[ab()|*+?{}0-9,\\[\\]^$.\\\\dwsDWSxu:-]{0,20}") {
        if let Ok(selector) = Selector::parse(&format!("\"/{source}/\" ~= tags")) {
            prop_assert_eq!(selector.to_string().parse(), Ok(selector));
        }
    }
}
