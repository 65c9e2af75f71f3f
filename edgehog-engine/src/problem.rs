use std::fmt;

/// What is wrong with a request, for whoever made it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}{message}", Prefix(*.field))]
#[non_exhaustive]
pub struct Problem {
    /// What kind of problem it is.
    pub kind: ProblemKind,
    /// The attribute or argument at fault, in `snake_case`.
    pub field: Option<&'static str>,
    /// The rule that is broken, as the end of a sentence that begins with the field.
    pub message: String,
}

/// Kinds of problems, by what the caller can do about them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ProblemKind {
    /// A value must be given.
    Required,
    /// A value breaks a rule of what it is to become a part of.
    InvalidAttribute,
    /// An argument is of the wrong form, or not possible now.
    InvalidArgument,
    /// There is no such record.
    NotFound,
}

struct Prefix(Option<&'static str>);

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.map_or(Ok(()), |field| write!(f, "{field} "))
    }
}

impl Problem {
    pub(crate) fn new(kind: ProblemKind, field: &'static str, message: impl Into<String>) -> Self {
        Self { kind, field: Some(field), message: message.into() }
    }

    pub(crate) fn required(field: &'static str) -> Self {
        Self::new(ProblemKind::Required, field, "is required")
    }

    pub(crate) fn attribute(field: &'static str, message: impl Into<String>) -> Self {
        Self::new(ProblemKind::InvalidAttribute, field, message)
    }

    pub(crate) fn argument(field: &'static str, message: impl Into<String>) -> Self {
        Self::new(ProblemKind::InvalidArgument, field, message)
    }

    /// There is no record with the key that was given.
    pub(crate) fn not_found() -> Self {
        Self::new(ProblemKind::NotFound, "id", "could not be found")
    }
}

/// Collects all that is wrong with a request, rather than the first thing.
#[derive(Debug, Default)]
pub(crate) struct Check(Vec<Problem>);

impl Check {
    /// A text that must not be blank, without the blanks around it.
    pub(crate) fn text(&mut self, field: &'static str, value: &str) -> String {
        let text = value.trim();
        if text.is_empty() {
            self.0.push(Problem::required(field));
        }
        text.to_owned()
    }

    /// A name for programs.
    pub(crate) fn handle(&mut self, value: &str) -> String {
        let handle = self.text("handle", value);
        let fits = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-');
        if !handle.bytes().all(fits) {
            self.0.push(Problem::attribute(
                "handle",
                "should only contain lower case ASCII letters (from a to z), digits and -",
            ));
        }
        handle
    }

    /// A list of texts, none of them blank, each once.
    pub(crate) fn texts(&mut self, field: &'static str, values: &[String]) -> Vec<String> {
        if values.is_empty() {
            self.0.push(Problem::argument(field, "must have 1 or more items"));
        }
        let mut texts: Vec<String> = values.iter().map(|value| value.trim().to_owned()).collect();
        if texts.iter().any(String::is_empty) {
            self.0.push(Problem::argument(field, "no nil values"));
        }
        texts.sort_unstable();
        texts.dedup();
        texts
    }

    pub(crate) fn problem(&mut self, problem: Problem) {
        self.0.push(problem);
    }

    /// # Errors
    ///
    /// [`crate::Error::Refused`] where anything was wrong.
    pub(crate) fn finish(self) -> Result<(), crate::Error> {
        if self.0.is_empty() { Ok(()) } else { Err(crate::Error::Refused(self.0)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_that_is_wrong_is_told() {
        let mut check = Check::default();
        assert_eq!(check.text("name", " Lift "), "Lift");
        check.text("name", " ");
        check.handle("Lift_1");
        assert_eq!(check.handle("-lift-1"), "-lift-1");
        check.texts("tags", &[]);
        assert_eq!(check.texts("tags", &["b".into(), " a".into(), "b ".into()]), ["a", "b"]);
        check.texts("tags", &["b".into(), "\t".into()]);
        let Err(crate::Error::Refused(problems)) = check.finish() else { panic!("must be refused") };
        let told: Vec<_> = problems.iter().map(|it| (it.kind, it.field.unwrap_or_default())).collect();
        assert_eq!(
            told,
            [
                (ProblemKind::Required, "name"),
                (ProblemKind::InvalidAttribute, "handle"),
                (ProblemKind::InvalidArgument, "tags"),
                (ProblemKind::InvalidArgument, "tags"),
            ]
        );
        assert_eq!(problems[0].to_string(), "name is required");
    }
}
