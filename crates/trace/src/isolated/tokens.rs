use crate::{Tensor, Trace};

/// The tokens that each pass of a run was fed.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tokens {
    /// Those of the prompt, then one for each further step.
    steps: Vec<Vec<u32>>,
}

impl Tokens {
    /// What `trace` says: metadata `ids` and `fed`, or its own `generated`.
    pub(crate) fn of(trace: &Trace) -> Option<Tokens> {
        let fed: Vec<u32> = match trace.metadata.get("fed") {
            Some(fed) => serde_json::from_str(fed).ok()?,
            None => match trace.tensors.get("generated") {
                // The last one is not fed.
                Some(Tensor::I64(ids)) => {
                    let ids: Option<Vec<u32>> =
                        ids.iter().map(|&id| u32::try_from(id).ok()).collect();
                    let mut ids = ids?;
                    ids.pop();
                    ids
                }
                _ => Vec::new(),
            },
        };
        let mut steps = vec![trace.ids()?];
        steps.extend(fed.into_iter().map(|id| vec![id]));
        Some(Tokens { steps })
    }

    /// The tokens of the prompt alone.
    pub(crate) fn of_prompt(prompt: Vec<u32>) -> Tokens {
        Tokens { steps: vec![prompt] }
    }

    /// The tokens that `step` feeds.
    pub(crate) fn fed(&self, step: usize) -> Option<&[u32]> {
        self.steps.get(step).map(Vec::as_slice)
    }

    /// How many tokens come before those of `step`.
    pub(crate) fn past(&self, step: usize) -> usize {
        self.steps.iter().take(step).map(Vec::len).sum()
    }

    /// How many passes there are.
    pub(crate) fn steps(&self) -> usize {
        self.steps.len()
    }
}
