use std::path::{Path, PathBuf};

use gpt2_trace::{Trace, TraceError};

use crate::RunnerError;
use crate::environment::{sha256, sha256_of_file};

/// The ending of the f64 run of a reference.
const TRUTH: &str = ".f64.safetensors";
/// The ending of a trace.
const TRACE: &str = ".safetensors";

/// A reference trace and, where there is one, the same run in f64.
#[derive(Clone, Debug)]
pub struct ReferenceSource {
    name: String,
    place: Place,
}

#[derive(Clone, Debug)]
enum Place {
    Embedded(gpt2_demo::Reference),
    Files { path: PathBuf, truth: Option<PathBuf> },
}

impl ReferenceSource {
    /// A file. The f64 run is looked for beside it: `short.f64.safetensors` for
    /// `short.safetensors`.
    pub fn file(path: impl Into<PathBuf>) -> Self {
        let path = path.into();
        let stem = path.file_name().unwrap_or_default().to_string_lossy();
        let name = stem.strip_suffix(TRACE).unwrap_or(&stem).to_owned();
        ReferenceSource { name, place: Place::Files { truth: truth_beside(&path), path } }
    }

    /// Those embedded in `gpt2-demo`.
    pub(crate) fn demo() -> Vec<Self> {
        let source = |reference: &gpt2_demo::Reference| ReferenceSource {
            name: reference.name.to_owned(),
            place: Place::Embedded(*reference),
        };
        gpt2_demo::REFERENCES.iter().map(source).collect()
    }

    /// Every trace in a directory, sorted by name; none if there is no such directory.
    pub(crate) fn in_directory(directory: &Path) -> Result<Vec<Self>, RunnerError> {
        let error = |source| RunnerError::References { directory: directory.to_owned(), source };
        let entries = match std::fs::read_dir(directory) {
            Ok(entries) => entries,
            Err(missing) if missing.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(source) => return Err(error(source)),
        };
        let mut paths = Vec::new();
        for entry in entries {
            let path = entry.map_err(error)?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if name.ends_with(TRACE) && !name.ends_with(TRUTH) {
                paths.push(path);
            }
        }
        paths.sort();
        Ok(paths.into_iter().map(ReferenceSource::file).collect())
    }

    /// What reports call it: the name of the file without its ending.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The file, or `None` if it is embedded.
    pub fn path(&self) -> Option<&Path> {
        match &self.place {
            Place::Embedded(_) => None,
            Place::Files { path, .. } => Some(path),
        }
    }

    /// The SHA-256 of the trace and of its f64 run, in hex; `None` for what cannot be read.
    pub(crate) fn digests(&self) -> (Option<String>, Option<String>) {
        match &self.place {
            Place::Embedded(it) => (Some(sha256(it.f32)), Some(sha256(it.f64))),
            Place::Files { path, truth } => {
                (sha256_of_file(path), truth.as_deref().and_then(sha256_of_file))
            }
        }
    }

    /// Reads the trace and, where there is one, the f64 run.
    ///
    /// # Errors
    ///
    /// [`TraceError`], naming the file and the tensor.
    pub fn read(&self) -> Result<(Trace, Option<Trace>), TraceError> {
        match &self.place {
            Place::Embedded(reference) => {
                let read = |bytes, ending: &str| {
                    Trace::from_bytes(bytes, &format!("{}{ending}", self.name))
                };
                Ok((read(reference.f32, TRACE)?, Some(read(reference.f64, TRUTH)?)))
            }
            Place::Files { path, truth } => {
                let truth = truth.as_deref().map(Trace::open).transpose()?;
                Ok((Trace::open(path)?, truth))
            }
        }
    }
}

/// The f64 run of a trace, if it is there: `short.f64.safetensors` beside `short.safetensors`.
pub fn truth_beside(path: &Path) -> Option<PathBuf> {
    let name = path.file_name()?.to_str()?.strip_suffix(TRACE)?;
    let truth = path.with_file_name(format!("{name}{TRUTH}"));
    truth.is_file().then_some(truth)
}
