//! The hub against a real HTTP server on loopback, which the tests start. No other host is asked.
#![cfg(unix)]

mod cache;
mod faults;
mod fetch;
mod limits;
mod processes;
mod support;
mod token;
