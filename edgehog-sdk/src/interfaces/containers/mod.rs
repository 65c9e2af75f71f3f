//! Containers on a device: what it has, what we ask of it, what they use.

mod available;
mod deployments;
mod requests;
mod stats;

pub use available::*;
pub use deployments::*;
pub use requests::*;
pub use stats::*;
