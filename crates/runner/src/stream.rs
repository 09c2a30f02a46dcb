use crate::{Tokenizer, TokenizerError};

/// Turns tokens into text as they come, never cutting a character in two.
///
/// The bytes of one character may be spread over several tokens; they are held back until it is
/// whole. All that [`TextStream::push`] and [`TextStream::finish`] give, put together, is what
/// [`Tokenizer::decode`] gives for all tokens.
///
/// ```
/// use gpt2_runner::{TextStream, Tokenizer};
///
/// let tokenizer = Tokenizer::from_json(gpt2_demo::TOKENIZER_JSON, "demo")?;
/// let mut stream = TextStream::new(&tokenizer);
/// let mut parts = Vec::new();
/// for id in tokenizer.encode("o é")? {
///     parts.push(stream.push(id)?);
/// }
/// assert_eq!(parts, ["o", " ", "", "é"]);
/// assert_eq!(stream.finish()?, "");
/// # Ok::<(), gpt2_runner::TokenizerError>(())
/// ```
#[derive(Debug)]
pub struct TextStream<'a> {
    tokenizer: &'a Tokenizer,
    /// The tokens of `shown` and those after them.
    ids: Vec<u32>,
    /// How many of `ids` have been shown. They are kept because a decoder may look at the token
    /// before (to join or to space words).
    context: usize,
    /// The text of `ids[..context]`.
    shown: String,
}

impl<'a> TextStream<'a> {
    /// An empty text.
    pub fn new(tokenizer: &'a Tokenizer) -> Self {
        TextStream { tokenizer, ids: Vec::new(), context: 0, shown: String::new() }
    }

    /// Takes a token, and gives the text that is complete with it; often none, or more than its own.
    ///
    /// # Errors
    ///
    /// [`TokenizerError::Decode`].
    pub fn push(&mut self, id: u32) -> Result<String, TokenizerError> {
        self.ids.push(id);
        let text = self.tokenizer.decode(&self.ids)?;
        if text.ends_with(char::REPLACEMENT_CHARACTER) {
            return Ok(String::new());
        }
        let new = text.get(self.shown.len()..).unwrap_or_default().to_owned();
        self.ids.drain(..self.context);
        self.context = self.ids.len();
        self.shown = self.tokenizer.decode(&self.ids)?;
        Ok(new)
    }

    /// What was held back: bytes that never became a character, as U+FFFD.
    ///
    /// # Errors
    ///
    /// [`TokenizerError::Decode`].
    pub fn finish(self) -> Result<String, TokenizerError> {
        let text = self.tokenizer.decode(&self.ids)?;
        Ok(text.get(self.shown.len()..).unwrap_or_default().to_owned())
    }
}
