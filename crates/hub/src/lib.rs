#![doc = include_str!("../README.md")]

mod check;
mod contents;
mod download;
mod error;
mod fetch;
mod hash;
mod http;
mod hub;
mod id;
mod lock;
mod partial;
mod pins;
mod progress;
mod remote;
mod repo;
mod retry;
mod url;
mod vars;
mod verify;

pub use error::HubError;
pub use hub::Hub;
pub use id::{IdError, ModelId};
pub use progress::{Event, Progress, Silent};
pub use retry::Retry;
pub use verify::{Proof, Verified};
