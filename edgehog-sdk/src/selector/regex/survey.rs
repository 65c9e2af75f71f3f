//! Whether a regular expression means the same to PostgreSQL and to us, and is small enough for both.

use regex_syntax::ast::parse::ParserBuilder;
use regex_syntax::ast::{
    AssertionKind, Ast, ErrorKind, Group, GroupKind, HexLiteralKind, Literal, LiteralKind, Repetition,
    RepetitionKind, RepetitionRange, Span,
};
use regex_syntax::hir::ClassUnicode;

use super::super::{RegexFault, Unsupported};
use super::class;

/// How deep groups may nest.
const MAX_NESTING: u32 = 64;

/// The highest repetition count of PostgreSQL.
const MAX_COUNT: u32 = 255;

/// How large the expression may be with its repetitions written out.
const MAX_SIZE: usize = 8_192;

/// How many parts may be optional, repetitions written out. PostgreSQL needs time with the cube of this.
const MAX_OPTIONS: usize = 128;

/// What repeats a part that can match nothing is as costly as one more option for this much of its size.
const SIZE_PER_OPTION: usize = 16;

/// A class of this many ranges is as large as a character.
const RANGES_PER_SIZE: usize = 16;

type Result<T> = std::result::Result<T, RegexFault>;

/// The expression in words that leave nothing to a locale, and its size.
pub(super) fn survey(source: &str) -> Result<(String, usize)> {
    let mut parser = ParserBuilder::new().nest_limit(MAX_NESTING).build();
    let ast = parser.parse(source).map_err(|error| fault(error.kind()))?;
    let mut survey = Survey { source, copied: 0, portable: String::new() };
    let extent = survey.walk(&ast)?;
    survey.portable.push_str(&source[survey.copied..]);
    Ok((survey.portable, extent.size))
}

/// PostgreSQL has escapes and groups that the parser takes for mistakes.
fn fault(kind: &ErrorKind) -> RegexFault {
    match kind {
        ErrorKind::UnsupportedBackreference => Unsupported::BackReference.into(),
        ErrorKind::UnsupportedLookAround => Unsupported::LookAround.into(),
        ErrorKind::EscapeUnrecognized | ErrorKind::ClassEscapeInvalid => Unsupported::Escape.into(),
        ErrorKind::NestLimitExceeded(_) => RegexFault::TooLarge,
        other => RegexFault::Invalid(other.to_string()),
    }
}

/// What a part of the expression amounts to, repetitions written out.
#[derive(Clone, Copy)]
struct Extent {
    size: usize,
    options: usize,
    /// Whether it can match nothing at all.
    nullable: bool,
    /// Whether it holds an anchor.
    anchored: bool,
}

impl Extent {
    const EMPTY: Self = Self { size: 0, options: 0, nullable: true, anchored: false };

    fn one(size: usize) -> Self {
        Self { size, nullable: false, ..Self::EMPTY }
    }

    fn within_limits(self) -> Result<Self> {
        if self.size > MAX_SIZE || self.options > MAX_OPTIONS {
            return Err(RegexFault::TooLarge);
        }
        Ok(self)
    }
}

struct Survey<'a> {
    source: &'a str,
    /// How much of the source is in `portable`, as it was or in other words.
    copied: usize,
    portable: String,
}

impl Survey<'_> {
    /// The recursion is limited by [`MAX_NESTING`].
    fn walk(&mut self, ast: &Ast) -> Result<Extent> {
        match ast {
            Ast::Empty(_) => Ok(Extent::EMPTY),
            Ast::Flags(_) => Err(Unsupported::Flags.into()),
            Ast::Literal(literal) => {
                check_literal(literal)?;
                Ok(Extent::one(1))
            }
            Ast::Dot(_) => Ok(Extent::one(1)),
            Ast::Assertion(assertion) => match assertion.kind {
                AssertionKind::StartLine | AssertionKind::EndLine | AssertionKind::StartText => {
                    Ok(Extent { size: 1, anchored: true, ..Extent::EMPTY })
                }
                _ => Err(Unsupported::Anchor.into()),
            },
            Ast::ClassUnicode(_) => Err(Unsupported::UnicodeClass.into()),
            Ast::ClassPerl(class) => self.class(class.span, &class::perl(class)),
            Ast::ClassBracketed(class) => self.class(class.span, &class::bracketed(class)?),
            Ast::Repetition(repetition) => self.repetition(repetition),
            Ast::Group(group) => self.group(group),
            Ast::Alternation(alternation) => self.alternation(&alternation.asts),
            Ast::Concat(concat) => self.concat(&concat.asts),
        }
    }

    fn class(&mut self, span: Span, class: &ClassUnicode) -> Result<Extent> {
        self.portable.push_str(&self.source[self.copied..span.start.offset]);
        self.portable.push_str(&class::print(class)?);
        self.copied = span.end.offset;
        Ok(Extent::one(class.ranges().len() / RANGES_PER_SIZE + 1))
    }

    fn group(&mut self, group: &Group) -> Result<Extent> {
        match &group.kind {
            GroupKind::CaptureIndex(_) => {}
            GroupKind::NonCapturing(flags) if flags.items.is_empty() => {}
            GroupKind::NonCapturing(_) => return Err(Unsupported::Flags.into()),
            GroupKind::CaptureName { .. } => return Err(Unsupported::NamedGroup.into()),
        }
        self.walk(&group.ast)
    }

    fn concat(&mut self, asts: &[Ast]) -> Result<Extent> {
        let mut sum = Extent::EMPTY;
        for ast in asts {
            let part = self.walk(ast)?;
            sum.size += part.size;
            sum.options += part.options;
            sum.nullable &= part.nullable;
            sum.anchored |= part.anchored;
        }
        sum.within_limits()
    }

    fn alternation(&mut self, asts: &[Ast]) -> Result<Extent> {
        let mut sum = Extent { nullable: false, ..Extent::EMPTY };
        for ast in asts {
            let part = self.walk(ast)?;
            sum.size += part.size;
            sum.options += part.options;
            sum.nullable |= part.nullable;
            sum.anchored |= part.anchored;
        }
        sum.options += usize::from(sum.nullable);
        sum.within_limits()
    }

    fn repetition(&mut self, repetition: &Repetition) -> Result<Extent> {
        if matches!(*repetition.ast, Ast::Repetition(_) | Ast::Assertion(_)) {
            return Err(Unsupported::Repetition.into());
        }
        let span = repetition.op.span;
        if self.source[span.start.offset..span.end.offset].contains(char::is_whitespace) {
            return Err(Unsupported::RepetitionCount.into());
        }
        let (least, most) = match &repetition.op.kind {
            RepetitionKind::ZeroOrOne => (0, Some(1)),
            RepetitionKind::ZeroOrMore => (0, None),
            RepetitionKind::OneOrMore => (1, None),
            RepetitionKind::Range(RepetitionRange::Exactly(count)) => (*count, Some(*count)),
            RepetitionKind::Range(RepetitionRange::AtLeast(least)) => (*least, None),
            RepetitionKind::Range(RepetitionRange::Bounded(least, most)) => (*least, Some(*most)),
        };
        let written = most.unwrap_or(least).max(1);
        if written > MAX_COUNT {
            return Err(Unsupported::RepetitionCount.into());
        }
        let (part, written) = (self.walk(&repetition.ast)?, written as usize);
        // PostgreSQL can take minutes for these.
        if part.anchored && most != Some(1) {
            return Err(Unsupported::Repetition.into());
        }
        let size = part.size * written;
        let mut options = part.options * written + usize::from(most != Some(least));
        if part.nullable {
            options += size / SIZE_PER_OPTION;
        }
        let nullable = part.nullable || least == 0;
        Extent { size, options, nullable, ..part }.within_limits()
    }
}

/// Escapes of code points mean the same to both only where the number of digits is fixed.
pub(super) fn check_literal(literal: &Literal) -> std::result::Result<(), Unsupported> {
    match literal.kind {
        LiteralKind::Verbatim
        | LiteralKind::Meta
        | LiteralKind::Superfluous
        | LiteralKind::Special(_)
        | LiteralKind::HexFixed(HexLiteralKind::UnicodeShort | HexLiteralKind::UnicodeLong) => Ok(()),
        LiteralKind::HexFixed(HexLiteralKind::X) | LiteralKind::HexBrace(_) | LiteralKind::Octal => {
            Err(Unsupported::Escape)
        }
    }
}
