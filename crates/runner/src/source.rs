use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use gpt2_weights::{Checkpoint, Config, Gpt2Weights};

use crate::{Modules, ReferenceSource, RunnerError, Tokenizer, TokenizerError};

/// Where a model comes from.
///
/// ```
/// use gpt2_runner::ModelSource;
///
/// let source: ModelSource = "demo".parse()?;
/// assert_eq!(source.weights()?.config().n_layer, 5);
/// assert!("no/such/directory".parse::<ModelSource>().is_err());
/// # Ok::<(), gpt2_runner::RunnerError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ModelSource {
    /// The model that is embedded in `gpt2-demo`.
    Demo,
    /// A directory as HuggingFace's `save_pretrained` writes it.
    Directory {
        /// What reports call the model.
        name: String,
        /// The directory.
        path: PathBuf,
        /// `OWNER/NAME`, if it was fetched from the hub.
        repository: Option<String>,
    },
}

impl ModelSource {
    /// A directory, called by its own path.
    pub fn directory(path: impl Into<PathBuf>) -> Self {
        let path = path.into();
        ModelSource::Directory { name: path.display().to_string(), path, repository: None }
    }

    /// The weights, opened and checked, not yet read.
    ///
    /// # Errors
    ///
    /// [`RunnerError::Weights`].
    pub fn weights(&self) -> Result<Gpt2Weights, RunnerError> {
        Ok(match self {
            ModelSource::Demo => {
                Gpt2Weights::from_bytes(gpt2_demo::CONFIG_JSON, gpt2_demo::MODEL_SAFETENSORS)?
            }
            ModelSource::Directory { path, .. } => Gpt2Weights::open(path)?,
        })
    }

    /// What there is of the weights, checked only where it is used: see [`Modules::open`].
    ///
    /// # Errors
    ///
    /// [`RunnerError::Weights`].
    pub fn modules(&self) -> Result<Modules, RunnerError> {
        match self {
            ModelSource::Demo => Ok(Modules {
                config: Config::from_json(gpt2_demo::CONFIG_JSON, "config.json")?,
                checkpoint: Checkpoint::from_bytes(
                    gpt2_demo::MODEL_SAFETENSORS,
                    "model.safetensors",
                )?,
            }),
            ModelSource::Directory { path, .. } => Modules::open(path),
        }
    }

    /// The tokenizer.
    ///
    /// # Errors
    ///
    /// [`RunnerError::Tokenizer`], also when there is none.
    pub fn tokenizer(&self) -> Result<Tokenizer, RunnerError> {
        Ok(match self {
            ModelSource::Demo => {
                Tokenizer::from_json(gpt2_demo::TOKENIZER_JSON, "demo/tokenizer.json")?
            }
            ModelSource::Directory { path, .. } => Tokenizer::open(path)?,
        })
    }

    /// The tokenizer, or `None` if the model has none.
    ///
    /// # Errors
    ///
    /// [`RunnerError::Tokenizer`] for one that cannot be read.
    pub fn tokenizer_if_any(&self) -> Result<Option<Tokenizer>, RunnerError> {
        match self.tokenizer() {
            Ok(tokenizer) => Ok(Some(tokenizer)),
            Err(RunnerError::Tokenizer(TokenizerError::NotFound { .. })) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The reference traces that come with the model: those embedded, or `reference/*.safetensors` of
    /// the directory. None is not an error.
    ///
    /// # Errors
    ///
    /// [`RunnerError::References`] when the folder is there and cannot be listed.
    pub fn references(&self) -> Result<Vec<ReferenceSource>, RunnerError> {
        match self {
            ModelSource::Demo => Ok(ReferenceSource::demo()),
            ModelSource::Directory { path, .. } => {
                ReferenceSource::in_directory(&path.join("reference"))
            }
        }
    }
}

impl FromStr for ModelSource {
    type Err = RunnerError;

    /// `demo`, or the path of a directory (`./demo` for one of that name).
    fn from_str(text: &str) -> Result<Self, RunnerError> {
        if text == "demo" {
            return Ok(ModelSource::Demo);
        }
        let path = PathBuf::from(text);
        if path.is_dir() {
            return Ok(ModelSource::directory(path));
        }
        Err(RunnerError::NoSuchModel { name: text.to_owned() })
    }
}

impl fmt::Display for ModelSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ModelSource::Demo => f.write_str("demo"),
            ModelSource::Directory { name, .. } => f.write_str(name),
        }
    }
}
