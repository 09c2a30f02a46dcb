//! Asking a model what is known.

use std::fs;

use gpt2_model::{Gpt2, greedy};
use serde::Serialize;

use super::{KnownAnswer, Question, Text, TextFile, TextPlaces, sha256};
use crate::{RunnerError, Tokenizer, Verdict, score};

/// A known answer held against ours.
#[derive(Clone, Debug, Serialize)]
pub struct KnownResult {
    /// The question in a few words.
    pub name: String,
    /// Who says so, and where.
    pub source: String,
    /// Whether ours is the same; [`Verdict::NotCompared`] if the question could not be asked.
    pub verdict: Verdict,
    /// The known answer.
    pub expected: String,
    /// Ours.
    pub ours: Option<String>,
    /// How far apart the two numbers are, if they are numbers.
    pub difference: Option<f64>,
    /// How far apart they may be.
    pub allowed: Option<f64>,
    /// Why it could not be asked, or what differs.
    pub problem: Option<String>,
}

/// Why there is no answer of ours.
enum NoAnswer {
    /// Something is missing that does not belong to the model.
    NotAsked(String),
    /// The model could not do it.
    Failed(RunnerError),
}

impl<E: Into<RunnerError>> From<E> for NoAnswer {
    fn from(error: E) -> Self {
        NoAnswer::Failed(error.into())
    }
}

impl KnownAnswer {
    /// Asks `model`. What cannot be asked, for want of the tokenizer or the text, is
    /// [`Verdict::NotCompared`]; what the model refuses is [`Verdict::Fail`].
    pub fn check(
        &self,
        model: &Gpt2,
        tokenizer: Option<&Tokenizer>,
        places: &TextPlaces,
    ) -> KnownResult {
        let mut result = KnownResult {
            name: self.name.clone(),
            source: self.source.clone(),
            verdict: Verdict::Fail,
            expected: String::new(),
            ours: None,
            difference: None,
            allowed: None,
            problem: None,
        };
        match self.question.ask(model, tokenizer, places, &mut result) {
            Ok(agrees) => result.verdict = Verdict::of(agrees),
            Err(NoAnswer::Failed(error)) => result.problem = Some(error.to_string()),
            Err(NoAnswer::NotAsked(reason)) => {
                result.verdict = Verdict::NotCompared;
                result.problem = Some(reason);
            }
        }
        result
    }
}

impl Question {
    /// Fills in `result`, and says whether the answers agree.
    fn ask(
        &self,
        model: &Gpt2,
        tokenizer: Option<&Tokenizer>,
        places: &TextPlaces,
        result: &mut KnownResult,
    ) -> Result<bool, NoAnswer> {
        match self {
            Question::GreedyIds { prompt, expected } => {
                result.expected = list(expected);
                let ours = model.decode(prompt, expected.len(), &mut (), greedy)?;
                result.ours = Some(list(&ours));
                let differs = ours.iter().zip(expected).position(|(a, b)| a != b);
                result.problem = differs
                    .map(|i| format!("token {i} is {}, it should be {}", ours[i], expected[i]));
                Ok(ours == *expected)
            }
            Question::GreedyText { prompt, tokens, expected } => {
                result.expected.clone_from(expected);
                let tokenizer = needs(tokenizer)?;
                let prompt = tokenizer.encode(prompt)?;
                let ours = model.decode(&prompt, *tokens, &mut (), greedy)?;
                let ours = tokenizer.decode(&ours)?;
                let agrees = ours == *expected;
                result.problem = (!agrees).then(|| format!("it is {ours:?}"));
                result.ours = Some(ours);
                Ok(agrees)
            }
            Question::NextToken { prompt, expected, logit, tolerance } => {
                result.expected = format!("{expected} with logit {logit}");
                let prompt = needs(tokenizer)?.encode(prompt)?;
                let logits = model.next_logits(&prompt, &mut model.new_cache(), &mut ())?;
                let id = greedy(logits.view());
                // The logit of the expected token, so that a near miss is seen as one.
                let ours = logits.get(*expected as usize).copied().map_or(f64::NAN, f64::from);
                let said = id.map_or("nothing".to_owned(), |id| id.to_string());
                result.ours = Some(format!("{said} with logit {ours}"));
                let near = result.numbers(ours, *logit, *tolerance);
                if id != Some(*expected) {
                    result.problem = Some(format!("the token is {said}, it should be {expected}"));
                }
                Ok(near && id == Some(*expected))
            }
            Question::CrossEntropy { text, rows, row_len, expected, tolerance } => {
                result.expected = format!("{expected:.6}");
                let wanted = rows * row_len + 1;
                let ids = text.ids(tokenizer, places)?;
                let Some(ids) = ids.get(..wanted) else {
                    let reason = format!("the text has {} tokens, it needs {wanted}", ids.len());
                    return Err(NoAnswer::NotAsked(reason));
                };
                let ours = score(model, ids, *row_len)?.mean_cross_entropy;
                result.ours = Some(format!("{ours:.6}"));
                Ok(result.numbers(ours, *expected, *tolerance))
            }
        }
    }
}

impl KnownResult {
    /// Takes down how far apart two numbers are. A NaN is near to nothing.
    fn numbers(&mut self, ours: f64, expected: f64, tolerance: f64) -> bool {
        let difference = (ours - expected).abs();
        self.difference = Some(difference);
        self.allowed = Some(tolerance);
        let near = difference <= tolerance;
        self.problem = (!near).then(|| {
            format!("{ours:.6} is {difference:.1e} from {expected:.6}, allowed {tolerance:.1e}")
        });
        near
    }
}

impl Text {
    fn ids(
        &self,
        tokenizer: Option<&Tokenizer>,
        places: &TextPlaces,
    ) -> Result<Vec<u32>, NoAnswer> {
        match self {
            Text::Ids(ids) => Ok(ids.clone()),
            Text::File(file) => Ok(needs(tokenizer)?.encode(&file.read(places)?)?),
        }
    }
}

impl TextFile {
    /// The text, prepared; only if it is the right one.
    fn read(&self, places: &TextPlaces) -> Result<String, NoAnswer> {
        let path = places.find(&self.file).map_err(NoAnswer::NotAsked)?;
        let not_asked = |reason: &dyn ToString| {
            NoAnswer::NotAsked(format!("{}: {}", path.display(), reason.to_string()))
        };
        let text = fs::read_to_string(&path).map_err(|error| not_asked(&error))?;
        let digest = sha256(text.as_bytes()).map_err(|error| not_asked(&error))?;
        if digest != self.sha256 {
            let reason = format!("its SHA-256 is {digest}, that of the text is {}", self.sha256);
            return Err(not_asked(&reason));
        }
        let mark = &self.before_each_paragraph;
        Ok(format!("{mark}{}", text.replace("\n\n", &format!("\n\n{mark}"))))
    }
}

fn needs(tokenizer: Option<&Tokenizer>) -> Result<&Tokenizer, NoAnswer> {
    tokenizer.ok_or_else(|| NoAnswer::NotAsked("the model has no tokenizer".to_owned()))
}

fn list(ids: &[u32]) -> String {
    ids.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
}
