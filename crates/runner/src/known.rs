mod check;
mod demo;

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use gpt2_weights::Checkpoint;
use serde::Deserialize;
use sha2::{Digest, Sha256};

use crate::{ModelSource, RunnerError};
pub use check::KnownResult;

/// What is known to be the answer of certain models to certain questions: published facts, each with
/// its source.
///
/// ```
/// use gpt2_runner::{KnownAnswers, ModelSource};
///
/// let source = ModelSource::Demo;
/// let known = KnownAnswers::builtin()?;
/// let answers = known.of(&source, source.weights()?.checkpoint())?;
/// assert_eq!(answers[0].name, "60 greedy tokens after \"ROMEO:\", by their ids");
/// # Ok::<(), gpt2_runner::RunnerError>(())
/// ```
#[derive(Clone, Debug)]
pub struct KnownAnswers {
    models: Vec<KnownModel>,
}

/// `data/known_answers.json`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct DataFile {
    /// For the reader of the file.
    #[serde(rename = "about")]
    _about: String,
    models: Vec<KnownModel>,
}

/// A model, by what it is recognised.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct KnownModel {
    /// `OWNER/NAME` on the hub.
    repository: String,
    /// Weight files that are this model.
    #[serde(default)]
    weights: Vec<WeightFile>,
    answers: Vec<KnownAnswer>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct WeightFile {
    size: u64,
    sha256: String,
}

/// A question to a model, and the answer that somebody else got.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KnownAnswer {
    /// The question in a few words.
    pub name: String,
    /// Who says so, and where.
    pub source: String,
    /// What is asked, and what has to come out.
    pub question: Question,
}

/// What is asked, and what has to come out.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum Question {
    /// The greedy continuation of some tokens.
    GreedyIds {
        /// The tokens that go in.
        prompt: Vec<u32>,
        /// The tokens that follow.
        expected: Vec<u32>,
    },
    /// The greedy continuation of a text.
    GreedyText {
        /// The text that goes in.
        prompt: String,
        /// How many tokens to generate.
        tokens: usize,
        /// Their text.
        expected: String,
    },
    /// The likeliest next token, and its logit.
    NextToken {
        /// The text that goes in.
        prompt: String,
        /// The token with the highest logit.
        expected: u32,
        /// That logit.
        logit: f64,
        /// How far from it ours may be.
        tolerance: f64,
    },
    /// The mean cross-entropy over the first tokens of a text, in nats.
    CrossEntropy {
        /// The text.
        text: Text,
        /// How many rows of tokens.
        rows: usize,
        /// How many tokens each row has.
        row_len: usize,
        /// The mean over all of them.
        expected: f64,
        /// How far from it ours may be.
        tolerance: f64,
    },
}

/// A text to score.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(untagged)]
#[non_exhaustive]
pub enum Text {
    /// Its tokens.
    Ids(Vec<u32>),
    /// A file that the user may have or not.
    File(TextFile),
}

/// A text that is too large to bring along.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TextFile {
    /// What it is usually called.
    pub file: String,
    /// The SHA-256 of its bytes.
    pub sha256: String,
    /// What is put before the text and after each of its empty lines; may be nothing.
    pub before_each_paragraph: String,
}

/// Where the texts of known answers may lie.
#[derive(Clone, Debug, Default)]
pub struct TextPlaces {
    /// A file that is meant, whatever it is called.
    pub file: Option<PathBuf>,
    /// Folders in which to look for it by its usual name.
    pub folders: Vec<PathBuf>,
}

impl KnownAnswers {
    /// Those of `data/known_answers.json`, and what HuggingFace says of the embedded model.
    ///
    /// # Errors
    ///
    /// [`RunnerError::KnownAnswers`]; never, as long as the tests of this crate pass.
    pub fn builtin() -> Result<Self, RunnerError> {
        let name = "known_answers.json";
        let file: DataFile = parse(include_str!("../data/known_answers.json"), name)?;
        let mut models = file.models;
        models.push(demo::model()?);
        Ok(KnownAnswers { models })
    }

    /// The answers known of a model; none if it is not one of those.
    ///
    /// The model is recognised by its repository if it came from the hub, else by the size and the
    /// SHA-256 of its one weight file. What its directory is called says nothing.
    ///
    /// # Errors
    ///
    /// [`RunnerError::File`] if the weights cannot be read.
    pub fn of(
        &self,
        source: &ModelSource,
        weights: &Checkpoint,
    ) -> Result<&[KnownAnswer], RunnerError> {
        let repository = match source {
            ModelSource::Demo => Some(demo::NAME),
            ModelSource::Directory { repository, .. } => repository.as_deref(),
        };
        let named = self.models.iter().find(|model| Some(model.repository.as_str()) == repository);
        if let Some(model) = named {
            return Ok(&model.answers);
        }
        let mut files = weights.files();
        match (files.next(), files.next()) {
            (Some(file), None) => self.of_file(file),
            _ => Ok(&[]),
        }
    }

    fn of_file(&self, file: &Path) -> Result<&[KnownAnswer], RunnerError> {
        let error = |source| RunnerError::File { file: file.to_owned(), source };
        let size = std::fs::metadata(file).map_err(error)?.len();
        let is_of_size = |model: &&KnownModel| model.weights.iter().any(|w| w.size == size);
        if !self.models.iter().any(|model| is_of_size(&model)) {
            return Ok(&[]);
        }
        let digest = sha256(File::open(file).map_err(error)?).map_err(error)?;
        let found = self
            .models
            .iter()
            .find(|model| model.weights.iter().any(|w| w.size == size && w.sha256 == digest));
        Ok(found.map_or(&[], |model| &model.answers))
    }
}

impl TextPlaces {
    /// The file, or why there is none.
    fn find(&self, name: &str) -> Result<PathBuf, String> {
        if let Some(file) = &self.file {
            return Ok(file.clone());
        }
        let paths = self.folders.iter().map(|folder| folder.join(name));
        paths.into_iter().find(|path| path.is_file()).ok_or_else(|| {
            let folders: Vec<String> =
                self.folders.iter().map(|folder| folder.display().to_string()).collect();
            match folders.as_slice() {
                [] => format!("no {name} was given"),
                folders => format!("there is no {name} in {}", folders.join(" or ")),
            }
        })
    }
}

fn parse<T: serde::de::DeserializeOwned>(json: &str, name: &str) -> Result<T, RunnerError> {
    serde_json::from_str(json)
        .map_err(|error| RunnerError::KnownAnswers { file: name.to_owned(), source: error })
}

/// In hexadecimal digits.
fn sha256(mut bytes: impl io::Read) -> io::Result<String> {
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 1 << 20];
    loop {
        match bytes.read(&mut buffer)? {
            0 => break,
            n => hasher.update(&buffer[..n]),
        }
    }
    Ok(hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}
