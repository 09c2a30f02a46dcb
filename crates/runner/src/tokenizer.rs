use std::path::{Path, PathBuf};

use tokenizers::models::bpe::BPE;
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::{AddedToken, Tokenizer as HfTokenizer};

/// Why there is no tokenizer, or it could not do what was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TokenizerError {
    /// Neither form of tokenizer is in the directory.
    #[error("{}: no tokenizer.json, and no vocab.json with merges.txt", directory.display())]
    NotFound {
        /// The directory.
        directory: PathBuf,
    },
    /// The file is not a tokenizer.
    #[error("{file}: not a tokenizer: {reason}")]
    Invalid {
        /// The file, or what the bytes were called.
        file: String,
        /// What the `tokenizers` crate said.
        reason: String,
    },
    /// The text could not be encoded.
    #[error("the text could not be encoded: {0}")]
    Encode(String),
    /// The tokens could not be decoded.
    #[error("the tokens could not be decoded: {0}")]
    Decode(String),
}

/// What stands for a token that the tokenizer does not have.
const UNKNOWN: char = char::REPLACEMENT_CHARACTER;

/// Text to token ids and back, as HuggingFace does it: the `tokenizers` crate underneath.
///
/// ```
/// let tokenizer = gpt2_runner::Tokenizer::from_json(gpt2_demo::TOKENIZER_JSON, "demo")?;
/// let ids = tokenizer.encode("ROMEO:")?;
/// assert_eq!(ids, [814, 26]);
/// assert_eq!(tokenizer.decode(&ids)?, "ROMEO:");
/// # Ok::<(), gpt2_runner::TokenizerError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Tokenizer {
    inner: HfTokenizer,
}

impl Tokenizer {
    /// The tokenizer of a model's directory: `tokenizer.json`, else `vocab.json` and `merges.txt`.
    ///
    /// # Errors
    ///
    /// [`TokenizerError::NotFound`], [`TokenizerError::Invalid`].
    pub fn open(directory: &Path) -> Result<Self, TokenizerError> {
        let json = directory.join("tokenizer.json");
        if json.is_file() {
            let inner = HfTokenizer::from_file(&json).map_err(|error| invalid(&json, error))?;
            return Ok(Tokenizer { inner });
        }
        let (vocab, merges) = (directory.join("vocab.json"), directory.join("merges.txt"));
        if vocab.is_file() && merges.is_file() {
            return Tokenizer::from_vocab_and_merges(&vocab, &merges);
        }
        Err(TokenizerError::NotFound { directory: directory.to_owned() })
    }

    /// The text of a `tokenizer.json`, which errors call `name`.
    ///
    /// # Errors
    ///
    /// [`TokenizerError::Invalid`].
    pub fn from_json(json: impl AsRef<[u8]>, name: &str) -> Result<Self, TokenizerError> {
        let inner = HfTokenizer::from_bytes(json).map_err(|error| TokenizerError::Invalid {
            file: name.to_owned(),
            reason: error.to_string(),
        })?;
        Ok(Tokenizer { inner })
    }

    /// GPT-2's byte-level BPE from the two files of the original release, with `<|endoftext|>` as its
    /// special token. The same as HuggingFace makes of them.
    ///
    /// # Errors
    ///
    /// [`TokenizerError::Invalid`].
    pub fn from_vocab_and_merges(vocab: &Path, merges: &Path) -> Result<Self, TokenizerError> {
        let as_str = |path: &Path| {
            path.to_str().map(str::to_owned).ok_or_else(|| invalid(path, "the path is not UTF-8"))
        };
        let model = BPE::from_file(&as_str(vocab)?, &as_str(merges)?)
            .build()
            .map_err(|error| invalid(vocab, format!("with {}: {error}", merges.display())))?;
        let mut inner = HfTokenizer::new(model);
        inner.with_pre_tokenizer(Some(ByteLevel::default().add_prefix_space(false)));
        inner.with_post_processor(Some(ByteLevel::default().trim_offsets(false)));
        inner.with_decoder(Some(ByteLevel::default()));
        inner.add_special_tokens(&[AddedToken::from("<|endoftext|>", true)]);
        Ok(Tokenizer { inner })
    }

    /// The token ids of `text`.
    ///
    /// # Errors
    ///
    /// [`TokenizerError::Encode`] for text that the vocabulary cannot express, which byte-level
    /// vocabularies always can.
    pub fn encode(&self, text: &str) -> Result<Vec<u32>, TokenizerError> {
        let encoding = self
            .inner
            .encode_fast(text, true)
            .map_err(|error| TokenizerError::Encode(error.to_string()))?;
        Ok(encoding.get_ids().to_vec())
    }

    /// The text of `ids`, special tokens included. Bytes that are not UTF-8 become U+FFFD, and so
    /// does an id that is no token (a model's vocabulary may be padded).
    ///
    /// # Errors
    ///
    /// [`TokenizerError::Decode`].
    pub fn decode(&self, ids: &[u32]) -> Result<String, TokenizerError> {
        let known = |id: &u32| self.inner.id_to_token(*id).is_some();
        let mut text = String::new();
        for run in ids.chunk_by(|a, b| known(a) == known(b)) {
            if run.first().is_some_and(known) {
                let decoded = self.inner.decode(run, false);
                text += &decoded.map_err(|error| TokenizerError::Decode(error.to_string()))?;
            } else {
                text.extend(run.iter().map(|_| UNKNOWN));
            }
        }
        Ok(text)
    }

    /// How many tokens there are, special ones included.
    pub fn vocab_size(&self) -> usize {
        self.inner.get_vocab_size(true)
    }
}

fn invalid(file: &Path, reason: impl ToString) -> TokenizerError {
    TokenizerError::Invalid { file: file.display().to_string(), reason: reason.to_string() }
}
