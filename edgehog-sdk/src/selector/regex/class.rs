//! Classes of characters, spelled out so that no locale can change them.

use regex_syntax::Parser;
use regex_syntax::ast::{ClassBracketed, ClassPerl, ClassPerlKind, ClassSet, ClassSetItem};
use regex_syntax::hir::{Class, ClassUnicode, ClassUnicodeRange, HirKind};

use super::super::Unsupported;
use super::survey::check_literal;

/// What `\s` means in PostgreSQL under a UTF-8 locale: blanks without those that forbid a line break.
const SPACES: [(char, char); 8] = [
    ('\t', '\r'),
    (' ', ' '),
    ('\u{1680}', '\u{1680}'),
    ('\u{2000}', '\u{2006}'),
    ('\u{2008}', '\u{200a}'),
    ('\u{2028}', '\u{2029}'),
    ('\u{205f}', '\u{205f}'),
    ('\u{3000}', '\u{3000}'),
];

const ASCII_WORD: [(char, char); 4] = [('0', '9'), ('A', 'Z'), ('_', '_'), ('a', 'z')];

/// `\d`, `\s` or `\w` in any place.
pub(super) fn perl(class: &ClassPerl) -> ClassUnicode {
    let mut characters = match class.kind {
        ClassPerlKind::Digit => of(&[('0', '9')]),
        ClassPerlKind::Space => of(&SPACES),
        ClassPerlKind::Word => word(),
    };
    if class.negated {
        characters.negate();
    }
    characters
}

/// `[...]`
pub(super) fn bracketed(class: &ClassBracketed) -> Result<ClassUnicode, Unsupported> {
    let mut characters = ClassUnicode::empty();
    match &class.kind {
        ClassSet::Item(item) => add(&mut characters, item)?,
        ClassSet::BinaryOp(_) => return Err(Unsupported::NestedClass),
    }
    if class.negated {
        characters.negate();
    }
    Ok(characters)
}

/// Text that both PostgreSQL and the `regex` crate read as this class.
pub(super) fn print(class: &ClassUnicode) -> Result<String, Unsupported> {
    let mut text = String::from("[");
    for range in class.ranges() {
        // No text of PostgreSQL holds a NUL, its patterns included.
        let (start, end) = (range.start().max('\u{1}'), range.end());
        if start <= end {
            push(&mut text, start);
        }
        if start < end {
            text.push('-');
            push(&mut text, end);
        }
    }
    if text.len() == 1 {
        return Err(Unsupported::EmptyClass);
    }
    text.push(']');
    Ok(text)
}

fn push(text: &mut String, char: char) {
    if char.is_ascii_punctuation() {
        text.push('\\');
    }
    text.push(char);
}

fn add(characters: &mut ClassUnicode, item: &ClassSetItem) -> Result<(), Unsupported> {
    match item {
        ClassSetItem::Empty(_) => {}
        ClassSetItem::Literal(literal) => {
            check_literal(literal)?;
            characters.push(ClassUnicodeRange::new(literal.c, literal.c));
        }
        ClassSetItem::Range(range) => {
            check_literal(&range.start)?;
            check_literal(&range.end)?;
            characters.push(ClassUnicodeRange::new(range.start.c, range.end.c));
        }
        ClassSetItem::Perl(class) => characters.union(&perl(class)),
        ClassSetItem::Union(union) => union.items.iter().try_for_each(|item| add(characters, item))?,
        ClassSetItem::Ascii(_) => return Err(Unsupported::PosixClass),
        ClassSetItem::Unicode(_) => return Err(Unsupported::UnicodeClass),
        ClassSetItem::Bracketed(_) => return Err(Unsupported::NestedClass),
    }
    Ok(())
}

fn word() -> ClassUnicode {
    match Parser::new().parse(r"\w").map(regex_syntax::hir::Hir::into_kind) {
        Ok(HirKind::Class(Class::Unicode(class))) => class,
        // Unreachable with the tables of Unicode compiled in.
        _ => of(&ASCII_WORD),
    }
}

fn of(ranges: &[(char, char)]) -> ClassUnicode {
    ClassUnicode::new(ranges.iter().map(|(start, end)| ClassUnicodeRange::new(*start, *end)))
}
