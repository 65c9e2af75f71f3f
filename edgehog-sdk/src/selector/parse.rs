//! Text into conditions. No part of the text is tried in two ways, so the time is linear.

use super::error::{Position, SelectorError, SelectorErrorKind as Kind, Token};
use super::{
    AttributeFilter, AttributeValue, Comparison, Expr, Glob, MAX_DEPTH, MAX_LENGTH, Quantifier, Regex,
    TagFilter, TagPattern,
};

/// The most that the regular expressions of a selector may cost together. See [`Regex::cost`].
const MAX_REGEX_COST: usize = 16_384;

/// What a regular expression costs beyond its size.
const BASE_REGEX_COST: usize = 16;

type Result<T> = std::result::Result<T, Fault>;

/// A mistake and the byte where it is.
struct Fault {
    kind: Kind,
    offset: usize,
}

pub(super) fn selector(text: &str) -> std::result::Result<Expr, SelectorError> {
    let mut parser = Parser { text, at: 0, depth: 0, regex_cost: 0 };
    parser
        .selector()
        .map_err(|Fault { kind, offset }| SelectorError { kind, position: Position::of(text, offset) })
}

struct Parser<'a> {
    text: &'a str,
    /// How many bytes are read.
    at: usize,
    /// How many parentheses are open.
    depth: usize,
    regex_cost: usize,
}

/// What the left side of a tag operator can be.
enum Literal {
    Text(String),
    Regex(String),
}

impl<'a> Parser<'a> {
    fn selector(&mut self) -> Result<Expr> {
        if self.text.len() > MAX_LENGTH {
            return Err(Fault { kind: Kind::TooLong, offset: MAX_LENGTH });
        }
        if let Some(offset) = self.text.find('\0') {
            return Err(Fault { kind: Kind::Nul, offset });
        }
        self.blanks();
        let expr = self.any_of()?;
        self.close(Token::End, Self::at_end)?;
        Ok(expr)
    }

    fn any_of(&mut self) -> Result<Expr> {
        let mut all = Vec::new();
        loop {
            match self.all_of()? {
                Expr::Or(inner) => all.extend(inner),
                other => all.push(other),
            }
            if !self.connective("or")? {
                return Ok(one_or(all, Expr::Or));
            }
        }
    }

    fn all_of(&mut self) -> Result<Expr> {
        let mut all = Vec::new();
        loop {
            match self.factor()? {
                Expr::And(inner) => all.extend(inner),
                other => all.push(other),
            }
            if !self.connective("and")? {
                return Ok(one_or(all, Expr::And));
            }
        }
    }

    /// Steps over the word and the blanks around it, or stays where it is.
    fn connective(&mut self, word: &str) -> Result<bool> {
        let start = self.at;
        if self.blanks() && self.word(word) {
            self.need_blanks()?;
            return Ok(true);
        }
        self.at = start;
        Ok(false)
    }

    fn factor(&mut self) -> Result<Expr> {
        let start = self.at;
        if self.eat("(") {
            return self.parenthesised(start);
        }
        if self.eat("attributes") {
            return self.attribute_filter().map(Expr::Attribute);
        }
        let literal = if self.eat("\"") {
            Literal::Text(self.delimited('"', Kind::UnterminatedText)?)
        } else if self.eat("/") {
            Literal::Regex(self.delimited('/', Kind::UnterminatedRegex)?)
        } else {
            return self.expected(&[Token::Filter]);
        };
        self.tag_filter(literal, start).map(Expr::Tag)
    }

    fn parenthesised(&mut self, start: usize) -> Result<Expr> {
        if self.depth == MAX_DEPTH {
            return Err(Fault { kind: Kind::TooDeep, offset: start });
        }
        self.depth += 1;
        self.blanks();
        let expr = self.any_of()?;
        self.close(Token::ClosingParenthesis, |parser| parser.eat(")"))?;
        self.depth -= 1;
        Ok(expr)
    }

    /// What ends an expression, with or without blanks before it.
    fn close(&mut self, token: Token, found: impl Fn(&mut Self) -> bool) -> Result<()> {
        let blanks = self.blanks();
        match (found(self), blanks, token) {
            (true, _, _) => Ok(()),
            (false, true, Token::End) => self.expected(&[Token::And, Token::Or, Token::End]),
            (false, true, _) => self.expected(&[Token::And, Token::Or, Token::ClosingParenthesis]),
            (false, false, Token::End) => self.expected(&[Token::Blank, Token::End]),
            (false, false, _) => self.expected(&[Token::Blank, Token::ClosingParenthesis]),
        }
    }

    fn tag_filter(&mut self, literal: Literal, start: usize) -> Result<TagFilter> {
        self.need_blanks()?;
        let (quantifier, pattern) = match literal {
            Literal::Regex(source) => {
                let Some(quantifier) = self.match_operator() else {
                    return self.expected(&[Token::Like, Token::NotLike]);
                };
                (quantifier, self.regex(&source, start)?)
            }
            Literal::Text(text) => match self.match_operator() {
                Some(quantifier) => (quantifier, self.glob_or_regex(&text, start)?),
                None => (self.in_operator()?, TagPattern::Exact(text.to_lowercase())),
            },
        };
        self.need_blanks()?;
        self.need("tags", &[Token::Tags])?;
        Ok(TagFilter { quantifier, pattern })
    }

    fn match_operator(&mut self) -> Option<Quantifier> {
        if self.eat("~=") {
            return Some(Quantifier::Any);
        }
        self.eat("!~=").then_some(Quantifier::None)
    }

    fn in_operator(&mut self) -> Result<Quantifier> {
        if self.word("in") {
            return Ok(Quantifier::Any);
        }
        if !self.word("not") {
            return self.expected(&[Token::In, Token::NotIn, Token::Like, Token::NotLike]);
        }
        self.need_blanks()?;
        if !self.word("in") {
            return self.expected(&[Token::In]);
        }
        Ok(Quantifier::None)
    }

    fn glob_or_regex(&mut self, text: &str, start: usize) -> Result<TagPattern> {
        let between_slashes = text.strip_prefix('/').map(|rest| match rest {
            // One slash is both the first and the last.
            "" => Some(""),
            _ => rest.strip_suffix('/'),
        });
        match between_slashes.flatten() {
            Some(source) => self.regex(source, start),
            None => Ok(TagPattern::Glob(Glob::new(text))),
        }
    }

    fn regex(&mut self, source: &str, start: usize) -> Result<TagPattern> {
        let fault = |kind| Fault { kind, offset: start };
        let regex = Regex::new(source).map_err(|error| fault(error.into()))?;
        self.regex_cost += regex.cost() + BASE_REGEX_COST;
        if self.regex_cost > MAX_REGEX_COST {
            return Err(fault(Kind::TooManyRegexes));
        }
        Ok(TagPattern::Regex(regex))
    }

    fn attribute_filter(&mut self) -> Result<AttributeFilter> {
        self.need("[\"", &[Token::OpeningBracket])?;
        let is_name = |char: char| char.is_ascii_alphabetic() || matches!(char, '-' | '_');
        let namespace = self.need_some(is_name, &[Token::Namespace])?.to_ascii_lowercase();
        self.need(":", &[Token::Colon])?;
        let is_key = |char: char| is_name(char) && !char.is_ascii_uppercase();
        let key = self.need_some(is_key, &[Token::Key])?.to_owned();
        self.need("\"]", &[Token::ClosingBracket])?;
        self.blanks();
        let Some(comparison) = Comparison::ALL.into_iter().find(|each| self.eat(each.as_str())) else {
            return self.expected(&[Token::Comparison]);
        };
        self.blanks();
        let value = self.value()?;
        Ok(AttributeFilter { namespace, key, comparison, value })
    }

    fn value(&mut self) -> Result<AttributeValue> {
        if self.eat("\"") {
            return self.delimited('"', Kind::UnterminatedText).map(AttributeValue::String);
        }
        if self.eat("datetime(\"") {
            return self.ascii().map(AttributeValue::DateTime);
        }
        if self.eat("binaryblob(\"") {
            return self.ascii().map(AttributeValue::BinaryBlob);
        }
        if self.eat("now()") {
            return Ok(AttributeValue::Now);
        }
        if self.eat("true") {
            return Ok(AttributeValue::Boolean(true));
        }
        if self.eat("false") {
            return Ok(AttributeValue::Boolean(false));
        }
        self.number()
    }

    fn number(&mut self) -> Result<AttributeValue> {
        let start = self.at;
        let is_digit = |char: char| char.is_ascii_digit();
        let digit_or_value: &[Token] = if self.eat("-") { &[Token::Digit] } else { &[Token::Value] };
        self.need_some(is_digit, digit_or_value)?;
        let is_float = self.eat(".");
        if is_float {
            self.need_some(is_digit, &[Token::Digit])?;
        }
        let number = self.text[start..self.at].to_owned();
        Ok(if is_float { AttributeValue::Float(number) } else { AttributeValue::Integer(number) })
    }

    /// The rest of a `datetime` or `binaryblob` after its opening quote.
    fn ascii(&mut self) -> Result<String> {
        let text = self.need_some(|char| char.is_ascii() && char != '"', &[Token::Character]);
        match self.rest().chars().next() {
            Some(char) if !char.is_ascii() => self.fail(Kind::NotAscii(char)),
            _ => {
                let text = text?.to_owned();
                self.need("\")", &[Token::ClosingCall])?;
                Ok(text)
            }
        }
    }

    /// The rest of a text after its opening delimiter. A backslash before a delimiter makes it part of the text.
    fn delimited(&mut self, delimiter: char, unterminated: Kind) -> Result<String> {
        let start = self.at;
        let mut text = String::new();
        while let Some((part, rest)) = self.rest().split_once(delimiter) {
            self.at = self.text.len() - rest.len();
            let Some(part) = part.strip_suffix('\\') else {
                text.push_str(part);
                return Ok(text);
            };
            text.push_str(part);
            text.push(delimiter);
        }
        Err(Fault { kind: unterminated, offset: start - delimiter.len_utf8() })
    }

    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn at_end(&mut self) -> bool {
        self.rest().is_empty()
    }

    fn eat(&mut self, wanted: &str) -> bool {
        let found = self.rest().starts_with(wanted);
        if found {
            self.at += wanted.len();
        }
        found
    }

    /// [`Parser::eat`] in any case of ASCII letters.
    fn word(&mut self, wanted: &str) -> bool {
        let start = self.rest().get(..wanted.len());
        let found = start.is_some_and(|start| start.eq_ignore_ascii_case(wanted));
        if found {
            self.at += wanted.len();
        }
        found
    }

    fn some(&mut self, wanted: impl Fn(char) -> bool) -> &'a str {
        let rest = self.rest();
        let found = &rest[..rest.find(|char| !wanted(char)).unwrap_or(rest.len())];
        self.at += found.len();
        found
    }

    fn blanks(&mut self) -> bool {
        !self.some(|char| matches!(char, ' ' | '\n' | '\r' | '\t')).is_empty()
    }

    fn need(&mut self, wanted: &str, tokens: &'static [Token]) -> Result<()> {
        if self.eat(wanted) { Ok(()) } else { self.expected(tokens) }
    }

    fn need_some(&mut self, wanted: impl Fn(char) -> bool, tokens: &'static [Token]) -> Result<&'a str> {
        let found = self.some(wanted);
        if found.is_empty() { self.expected(tokens) } else { Ok(found) }
    }

    fn need_blanks(&mut self) -> Result<()> {
        if self.blanks() { Ok(()) } else { self.expected(&[Token::Blank]) }
    }

    fn expected<T>(&self, tokens: &'static [Token]) -> Result<T> {
        self.fail(Kind::Expected(tokens))
    }

    fn fail<T>(&self, kind: Kind) -> Result<T> {
        Err(Fault { kind, offset: self.at })
    }
}

/// Parentheses around a single condition leave no trace.
fn one_or(mut all: Vec<Expr>, many: impl Fn(Vec<Expr>) -> Expr) -> Expr {
    match all.pop() {
        Some(only) if all.is_empty() => only,
        Some(last) => {
            all.push(last);
            many(all)
        }
        None => many(all),
    }
}
