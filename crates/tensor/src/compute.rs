//! How to compute: chosen once by the caller, passed to every operation that has a choice.

/// Who multiplies the matrices.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Backend {
    /// Pure Rust. Keeps the determinism contract.
    #[default]
    Native,
    /// The system's OpenBLAS, for comparison. Its bits depend on the number of threads and on
    /// the number of rows, so it is held to tolerances only.
    #[cfg(feature = "openblas")]
    OpenBlas,
}

impl Backend {
    /// Every backend that this build contains.
    pub const ALL: &[Backend] = &[
        Backend::Native,
        #[cfg(feature = "openblas")]
        Backend::OpenBlas,
    ];

    /// The name on a command line: `native`, `openblas`.
    pub fn name(self) -> &'static str {
        match self {
            Backend::Native => "native",
            #[cfg(feature = "openblas")]
            Backend::OpenBlas => "openblas",
        }
    }
}

/// How to compute: the backend, and whatever it needs to run.
///
/// Weights are prepared for one `Compute` and must be used with it.
#[derive(Clone, Debug, Default)]
pub struct Compute {
    backend: Backend,
}

impl Compute {
    /// Computes with `backend`.
    pub fn new(backend: Backend) -> Self {
        Compute { backend }
    }

    /// The backend chosen.
    pub fn backend(&self) -> Backend {
        self.backend
    }
}
