use sqlx::error::ErrorKind;
use sqlx::migrate::MigrateError;

/// What can go wrong in the store, by what the caller can do about it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A value that must be unique is taken. Choose another one.
    #[error("{field} has already been taken")]
    Taken {
        /// The attribute whose value is taken, in snake_case.
        field: &'static str,
        /// What PostgreSQL said.
        #[source]
        source: sqlx::Error,
    },
    /// A row that this one must refer to does not exist in the tenant.
    #[error("a related record does not exist")]
    MissingReference(#[source] sqlx::Error),
    /// A value breaks a rule of the schema, or PostgreSQL cannot hold it (a NUL character, say).
    #[error("a value is not acceptable")]
    Unacceptable(#[source] sqlx::Error),
    /// Other rows refer to the row, so it cannot be deleted.
    #[error("the record is still referred to")]
    StillReferenced(#[source] sqlx::Error),
    /// The filter or the order does not fit the resource: it names what is not there, compares with values of another
    /// kind, or has a pattern that ends within an escape.
    #[error("the filter does not fit")]
    InvalidFilter,
    /// The filter has more parts, or lies deeper, than is of use to anybody.
    #[error("the filter is too large")]
    FilterTooLarge,
    /// The cursor was not made by this store, or for another order.
    #[error("the cursor is not valid")]
    InvalidCursor,
    /// A secret of the database cannot be opened.
    #[error("a stored secret cannot be opened: {0}")]
    Sealed(#[from] crate::SealError),
    /// A secret could not be sealed.
    #[error("a secret could not be sealed")]
    Sealing(#[from] aws_lc_rs::error::Unspecified),
    /// The database login can see every tenant whatever the policies say, or lacks the roles of the migrations.
    #[error("the database login is not fit for use: {0}")]
    Login(&'static str),
    /// The migrations could not be applied.
    #[error("the database schema could not be brought up to date")]
    Migrate(#[from] MigrateError),
    /// The database is away, overloaded, or answered in a way that has no better variant. Trying again may help.
    #[error("the database did not do as asked")]
    Database(#[source] sqlx::Error),
}

/// Unique constraints by the attribute that a person would call taken.
const UNIQUE: &[(&str, &str)] = &[
    ("tenants_name_key", "name"),
    ("tenants_slug_key", "slug"),
    ("realms_name_cluster_key", "realm_name"),
    ("realms_one_per_tenant", "realm"),
    ("device_groups_handle_key", "handle"),
    ("device_groups_name_key", "name"),
    ("hardware_types_handle_key", "handle"),
    ("hardware_types_name_key", "name"),
    ("system_models_handle_key", "handle"),
    ("system_models_name_key", "name"),
];

/// SQLSTATEs of a database that is about to go away: it is shut down, or one of its processes crashed.
const GOING_AWAY: [&str; 2] = ["57P01", "57P02"];

/// SQLSTATEs of a database that takes no connection now: too many of them, starting.
const NOT_READY: [&str; 2] = ["53300", "57P03"];

/// SQLSTATE class 22: data exceptions, such as characters that text cannot hold.
const DATA_EXCEPTION: &str = "22";

impl Error {
    /// Whether the database is away, or cannot take one more connection: nothing is wrong with what it was asked, and
    /// asking again later may help. Of work that was to be committed nobody knows then whether it was.
    #[must_use]
    pub fn is_unavailable(&self) -> bool {
        let source = match self {
            Self::Database(source)
            | Self::Migrate(MigrateError::Execute(source) | MigrateError::ExecuteMigration(source, _)) => {
                source
            }
            _ => return false,
        };
        match source {
            sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed => true,
            source => is_lost(source) || has_code(source, &NOT_READY),
        }
    }

    /// What went wrong with a deletion: there a foreign key means that something refers to the row.
    pub(crate) fn of_deletion(error: sqlx::Error) -> Self {
        match Self::from(error) {
            Self::MissingReference(source) => Self::StillReferenced(source),
            other => other,
        }
    }
}

/// Whether the connection is gone, or will be at once.
pub(crate) fn is_lost(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_) | sqlx::Error::Protocol(_) => true,
        error => has_code(error, &GOING_AWAY),
    }
}

fn has_code(error: &sqlx::Error, codes: &[&str]) -> bool {
    let code = error.as_database_error().and_then(|error| error.code());
    code.is_some_and(|code| codes.contains(&&*code))
}

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        crate::measures::failed(&error);
        let Some(database) = error.as_database_error() else {
            return Self::Database(error);
        };
        match database.kind() {
            ErrorKind::UniqueViolation => {
                let field = UNIQUE
                    .iter()
                    .find(|(constraint, _)| database.constraint() == Some(constraint))
                    .map_or("id", |(_, field)| field);
                Self::Taken { field, source: error }
            }
            ErrorKind::ForeignKeyViolation => Self::MissingReference(error),
            ErrorKind::CheckViolation | ErrorKind::NotNullViolation => Self::Unacceptable(error),
            _ if database.code().is_some_and(|code| code.starts_with(DATA_EXCEPTION)) => {
                Self::Unacceptable(error)
            }
            _ => Self::Database(error),
        }
    }
}
