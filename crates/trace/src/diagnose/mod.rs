//! Which operation is the first to be wrong, and which known mistake explains it.

pub(crate) mod distance;
mod divergence;
mod explain;
mod finding;
mod hypothesis;
mod location;

pub use divergence::{Divergence, Mode, Right, Search, Wrong, first_divergence};
pub use explain::{Diagnosis, diagnose};
pub use finding::{Explanation, Finding};
pub use location::Location;
