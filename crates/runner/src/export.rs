//! A [`Validation`](crate::Validation) or a [`Comparison`](crate::Comparison) as a page to look at, as `JUnit`
//! XML for a CI system, and as Markdown for a pull request.

mod html;
mod junit;
mod markdown;
mod report;
mod text;

pub use html::html;
pub use junit::junit;
pub use markdown::markdown;
pub use report::Report;
