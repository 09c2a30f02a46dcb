use std::collections::{BTreeMap, BTreeSet};

use gpt2_model::{Gpt2, Site, Tap, Value, greedy};

use crate::{Tensor, Trace, TraceError};

/// A [`Tap`] that keeps what it is shown.
#[derive(Clone, Debug, Default)]
pub struct Recorder {
    /// Record only these names; `None` records everything.
    only: Option<BTreeSet<String>>,
    prefix: String,
    tensors: BTreeMap<String, Tensor>,
}

impl Recorder {
    /// Records every site of every pass.
    pub fn all() -> Self {
        Recorder::default()
    }

    /// Records these names (with `step.{n}.` for decode steps) and nothing else.
    pub fn only(names: impl IntoIterator<Item = String>) -> Self {
        Recorder { only: Some(names.into_iter().collect()), ..Recorder::default() }
    }

    /// What was recorded.
    pub fn into_tensors(self) -> BTreeMap<String, Tensor> {
        self.tensors
    }

    fn name(&self, site: Site) -> String {
        match site {
            // Of the whole run, not of the step that happened to be last.
            Site::Generated => site.to_string(),
            _ => format!("{}{site}", self.prefix),
        }
    }
}

impl Tap for Recorder {
    fn wants(&self, site: Site) -> bool {
        self.only.as_ref().is_none_or(|only| only.contains(&self.name(site)))
    }

    fn record(&mut self, site: Site, value: Value<'_>) {
        let tensor = match value {
            Value::F32(x) => Tensor::F32(x.to_owned()),
            Value::I64(x) => Tensor::I64(x.to_owned()),
        };
        self.tensors.insert(self.name(site), tensor);
    }

    fn begin_step(&mut self, step: usize) {
        self.prefix = if step == 0 { String::new() } else { format!("step.{step}.") };
    }
}

/// Runs `model` over the prompt `ids`, decodes `decode` greedy tokens through the cache, and keeps
/// what `recorder` asks for.
///
/// # Errors
///
/// [`TraceError::Model`] when the model refuses the tokens.
pub fn record(
    model: &Gpt2,
    ids: &[u32],
    decode: usize,
    mut recorder: Recorder,
) -> Result<Trace, TraceError> {
    let mut fed = model.decode(ids, decode, &mut recorder, greedy)?;
    // The last one is not fed.
    fed.pop();
    let metadata = [
        ("format", "gpt2-trace/1".to_owned()),
        ("source", format!("gpt2-model {}", env!("CARGO_PKG_VERSION"))),
        ("dtype", "f32".to_owned()),
        ("ids", format!("{ids:?}")),
        ("fed", format!("{fed:?}")),
        ("decode", decode.to_string()),
        ("backend", model.compute().backend().name().to_owned()),
    ];
    Ok(Trace {
        tensors: recorder.into_tensors(),
        metadata: metadata.map(|(key, value)| (key.to_owned(), value)).into(),
    })
}
