//! Shared by the checkpoint tests.
