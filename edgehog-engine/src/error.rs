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
    /// An interface of the collection is not well formed.
    #[error("an interface is not well formed")]
    Interface(#[from] edgehog_astarte::interface::InterfaceError),
    /// An attribute of a new tenant breaks a rule.
    #[error("{field} {problem}")]
    Invalid {
        /// The attribute, in snake_case.
        field: &'static str,
        /// The rule, as the end of a sentence that begins with the attribute.
        problem: &'static str,
    },
    /// The tenant has no realm, or one whose URL or key is of no use.
    #[error("the tenant has no usable Astarte realm")]
    NoRealm,
}
