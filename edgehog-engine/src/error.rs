use crate::Problem;

/// What can go wrong in the engine, by what the caller can do about it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The database did not do as asked.
    #[error(transparent)]
    Store(#[from] edgehog_store::Error),
    /// Astarte did not do as asked.
    #[error(transparent)]
    Astarte(#[from] edgehog_astarte::Error),
    /// A device could not be read or sent something to.
    #[error(transparent)]
    Device(#[from] edgehog_sdk::Error),
    /// An interface of the collection is not well formed.
    #[error("an interface is not well formed")]
    Interface(#[from] edgehog_astarte::interface::InterfaceError),
    /// A trigger could not be installed in a realm.
    #[error("the trigger {name} could not be installed")]
    Trigger {
        /// Its name.
        name: String,
        /// What Astarte said.
        #[source]
        source: edgehog_astarte::Error,
    },
    /// An attribute of a new tenant breaks a rule.
    #[error("{field} {problem}")]
    Invalid {
        /// The attribute, in snake_case.
        field: &'static str,
        /// The rule, as the end of a sentence that begins with the attribute.
        problem: &'static str,
    },
    /// The request is not possible as it is. Nothing was done.
    #[error("the request is refused: {}", list(.0))]
    Refused(
        /// All that is wrong with it.
        Vec<Problem>,
    ),
    /// There is no forwarder for sessions with devices.
    #[error("there is no forwarder")]
    NoForwarder,
    /// The tenant has no realm, or one whose URL or key is of no use.
    #[error("the tenant has no usable Astarte realm")]
    NoRealm,
}

fn list(problems: &[Problem]) -> String {
    problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

impl From<Problem> for Error {
    fn from(problem: Problem) -> Self {
        Self::Refused(vec![problem])
    }
}

impl Error {
    /// What went wrong with a write, as a problem of the request where it is one.
    pub(crate) fn of_write(error: edgehog_store::Error) -> Self {
        match error {
            edgehog_store::Error::Taken { field, .. } => {
                Problem::attribute(field, "has already been taken").into()
            }
            edgehog_store::Error::StillReferenced(_) => {
                Problem::attribute("id", "would leave records behind").into()
            }
            other => Self::Store(other),
        }
    }
}
