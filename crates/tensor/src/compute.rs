//! How to compute: chosen once by the caller, passed to every operation that has a choice.

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::kernels::pool::Pool;
use crate::kernels::simd::Simd;
use crate::kernels::{Kernel, Path};
use crate::{Isa, TensorError, threads};

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

/// How to compute: the backend, the threads, the instruction set.
///
/// Clones share one pool of threads. Weights are prepared for one `Compute` and must be used with
/// it or with one of the same backend.
#[derive(Clone)]
pub struct Compute {
    inner: Arc<Inner>,
}

struct Inner {
    backend: Backend,
    path: Path,
    threads: usize,
    pool: Pool,
    /// Memory that operations leave for the next one.
    scratch: Mutex<Vec<Vec<f32>>>,
    /// How many kernels each of [`Isa::ALL`] has run.
    kernels_run: [AtomicU64; Isa::ALL.len()],
}

impl Compute {
    /// Computes with `backend`, on as many threads as there are physical cores, with the fastest
    /// instructions of this CPU.
    pub fn new(backend: Backend) -> Self {
        let path = Path::detect();
        Compute::assemble(backend, path, threads::physical_cores())
    }

    /// Other threads, other instructions.
    ///
    /// ```
    /// use gpt2_tensor::{Compute, Isa};
    ///
    /// let compute = Compute::builder().threads(1).isa(Isa::Portable).build()?;
    /// assert_eq!(compute.isa().name(), "portable");
    /// # Ok::<(), gpt2_tensor::TensorError>(())
    /// ```
    pub fn builder() -> ComputeBuilder {
        ComputeBuilder::default()
    }

    fn assemble(backend: Backend, path: Path, threads: usize) -> Self {
        let pool = match backend {
            Backend::Native => Pool::new(threads),
            // Two pools would fight for the same cores.
            #[cfg(feature = "openblas")]
            Backend::OpenBlas => {
                crate::kernels::openblas::set_threads(threads);
                Pool::new(1)
            }
        };
        Compute {
            inner: Arc::new(Inner {
                backend,
                path,
                threads,
                pool,
                scratch: Mutex::default(),
                kernels_run: Default::default(),
            }),
        }
    }

    /// The backend chosen.
    pub fn backend(&self) -> Backend {
        self.inner.backend
    }

    /// The instructions that the native kernels use.
    pub fn isa(&self) -> Isa {
        self.inner.path.isa()
    }

    /// The threads that it computes with, the caller's among them.
    pub fn threads(&self) -> usize {
        self.inner.threads
    }

    /// How many kernels have run compiled for `isa`, in this `Compute` and its clones.
    ///
    /// Counted by the kernels themselves: a test that forces a path can see that it was taken.
    pub fn kernels_run(&self, isa: Isa) -> u64 {
        self.inner.kernels_run[isa as usize].load(Ordering::Relaxed)
    }

    /// Runs `kernel` on this thread.
    pub(crate) fn run<K: Kernel>(&self, kernel: K) -> K::Output {
        self.inner.path.run(Counted { kernel, runs: &self.inner.kernels_run })
    }

    /// Calls `task` with every number below `tasks`, on the threads of the pool.
    pub(crate) fn parallel(&self, tasks: usize, task: impl Fn(usize) + Sync) {
        self.inner.pool.run(tasks, &task);
    }

    /// [`Compute::parallel`] if it is worth it, or else on this thread.
    pub(crate) fn parallel_if(&self, worth: bool, tasks: usize, task: impl Fn(usize) + Sync) {
        if worth {
            self.parallel(tasks, task);
        } else {
            (0..tasks).for_each(task);
        }
    }

    /// `len` values of any content.
    pub(crate) fn scratch(&self, len: usize) -> Scratch<'_> {
        let mut values = self.lock_scratch().pop().unwrap_or_default();
        if values.len() < len {
            values.resize(len, 0.0);
        }
        Scratch { values, len, compute: self }
    }

    fn lock_scratch(&self) -> impl DerefMut<Target = Vec<Vec<f32>>> {
        self.inner.scratch.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for Compute {
    fn default() -> Self {
        Compute::new(Backend::default())
    }
}

impl fmt::Debug for Compute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Compute")
            .field("backend", &self.backend())
            .field("isa", &self.isa())
            .field("threads", &self.threads())
            .finish()
    }
}

/// The options of a [`Compute`].
#[derive(Clone, Copy, Debug, Default)]
pub struct ComputeBuilder {
    backend: Backend,
    threads: Option<usize>,
    isa: Option<Isa>,
}

impl ComputeBuilder {
    /// Who multiplies the matrices; [`Backend::Native`] unless said otherwise.
    pub fn backend(mut self, backend: Backend) -> Self {
        self.backend = backend;
        self
    }

    /// How many threads, the caller's among them; 0 means one for each physical core that the
    /// process may use, which is also what happens unless said otherwise.
    ///
    /// With `Backend::OpenBlas` it is OpenBLAS that gets them, for the whole process.
    pub fn threads(mut self, threads: usize) -> Self {
        self.threads = (threads > 0).then_some(threads);
        self
    }

    /// Which instructions; the fastest of this CPU unless said otherwise.
    pub fn isa(mut self, isa: Isa) -> Self {
        self.isa = Some(isa);
        self
    }

    /// The `Compute` of these options. Threads are started when they are first needed.
    ///
    /// # Errors
    ///
    /// [`TensorError::MissingIsa`] when the CPU lacks the instructions asked for.
    pub fn build(self) -> Result<Compute, TensorError> {
        let path = match self.isa {
            None => Path::detect(),
            Some(isa) => Path::new(isa).ok_or(TensorError::MissingIsa { isa: isa.name() })?,
        };
        let threads = self.threads.unwrap_or_else(threads::physical_cores);
        Ok(Compute::assemble(self.backend, path, threads))
    }
}

/// A kernel that says which instructions it was compiled for.
struct Counted<'a, K> {
    kernel: K,
    runs: &'a [AtomicU64; Isa::ALL.len()],
}

impl<K: Kernel> Kernel for Counted<'_, K> {
    type Output = K::Output;

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) -> K::Output {
        self.runs[S::ISA as usize].fetch_add(1, Ordering::Relaxed);
        self.kernel.run(simd)
    }
}

/// Borrowed memory; goes back when dropped.
pub(crate) struct Scratch<'a> {
    values: Vec<f32>,
    len: usize,
    compute: &'a Compute,
}

impl Deref for Scratch<'_> {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        &self.values[..self.len]
    }
}

impl DerefMut for Scratch<'_> {
    fn deref_mut(&mut self) -> &mut [f32] {
        &mut self.values[..self.len]
    }
}

impl Drop for Scratch<'_> {
    fn drop(&mut self) {
        self.compute.lock_scratch().push(std::mem::take(&mut self.values));
    }
}
