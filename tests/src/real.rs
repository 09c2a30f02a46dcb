//! Attention and LayerNorm with the real weights of GPT-2 124M.

use std::sync::LazyLock;

use gpt2_model::{Attention, LayerNorm, Tap as _};
use gpt2_tensor::{Compute, KeyValues};
use gpt2_trace::{Recorder, Tensor, Trace, fingerprint, weights_differ};
use gpt2_weights::{Access, AttentionParams, Checkpoint, Config, NormParams};
use ndarray::Array2;

use crate::run::{References, Run, activations};
use crate::{files, root, skipped};

/// The prompt pass, and one token decoded through the cache.
const STEPS: [&str; 2] = ["", "step.1."];
/// What every module was fed; it is no tap.
const INPUT: &str = "input";

/// Real weights, and what HuggingFace's modules computed with them.
#[derive(Debug)]
pub struct Real {
    config: Config,
    checkpoint: Checkpoint,
    references: References,
    /// The hidden states fed in each step.
    inputs: [Array2<f32>; 2],
}

impl Real {
    /// The weights, if this machine has them; if not, `test` is reported as skipped.
    pub fn find_or_skip(test: &str) -> Option<&'static Real> {
        static REAL: LazyLock<Result<Real, String>> =
            LazyLock::new(|| files::real_weights().map(|path| Real::open(&path)));
        REAL.as_ref().inspect_err(|why| skipped(test, why)).ok()
    }

    fn open(path: &std::path::Path) -> Real {
        let checkpoint = Checkpoint::open(path, Access::Mmap).unwrap_or_else(|e| panic!("{e}"));
        let file = root().join("tests/data/real_gpt2/attention.safetensors");
        let mut references = References::open("real", &file);
        let made_with = references.f32.weights().expect("the reference says which weights made it");
        let differ = weights_differ(&fingerprint(&checkpoint), &made_with);
        assert!(differ.is_empty(), "{}: {}", path.display(), differ.join("\n"));
        let inputs = STEPS.map(|step| {
            let name = format!("{step}{INPUT}");
            let input = matrix(&references.f32, &name);
            references.f32.tensors.remove(&name);
            references.f64.tensors.remove(&name);
            input
        });
        Real { config: Config::default(), checkpoint, references, inputs }
    }

    /// The references, without what was fed.
    pub fn references(&self) -> &References {
        &self.references
    }

    /// Every LayerNorm on the recorded hidden states, and every attention: on HuggingFace's output
    /// of `ln_1` if `isolated`, else on our own.
    pub fn run(&self, compute: &Compute, isolated: bool) -> Run {
        let mut ours = Trace::default();
        for block in 0..self.config.n_layer {
            let attention = self.attention(compute, block);
            self.run_block(compute, block, &attention, isolated, &mut ours);
        }
        self.run_norm(
            compute,
            "ln_f",
            &self.norm("ln_f", self.config.layer_norm_epsilon),
            &mut ours,
        );
        let entries = self.references.hold(&ours);
        Run { name: if isolated { "isolated" } else { "chained" }.to_owned(), ours, entries }
    }

    /// Both steps of one block through `attention`, and of its norms, recorded in `ours`.
    pub fn run_block(
        &self,
        compute: &Compute,
        block: usize,
        attention: &Attention,
        isolated: bool,
        ours: &mut Trace,
    ) {
        for norm in ["ln_1", "ln_2"] {
            let name = format!("h.{block}.{norm}");
            let norm = self.norm(&name, self.config.layer_norm_epsilon);
            self.run_norm(compute, &name, &norm, ours);
        }
        let capacity = self.inputs.iter().map(Array2::nrows).sum();
        let mut kv = KeyValues::new(self.config.n_head, self.config.head_dim(), capacity);
        let mut recorder = Recorder::all();
        for (step, prefix) in STEPS.iter().enumerate() {
            let name = format!("{prefix}h.{block}.ln_1");
            let normed = matrix(if isolated { &self.references.f32 } else { ours }, &name);
            recorder.begin_step(step);
            attention
                .forward(compute, normed.view(), &mut kv, &mut recorder)
                .unwrap_or_else(|error| panic!("block {block}: {error}"));
        }
        ours.tensors.extend(recorder.into_tensors());
    }

    /// `norm` on the hidden states of both steps, recorded under `name`.
    pub fn run_norm(&self, compute: &Compute, name: &str, norm: &LayerNorm, ours: &mut Trace) {
        for (prefix, input) in STEPS.iter().zip(&self.inputs) {
            let y = norm.forward(compute, input.view()).unwrap_or_else(|e| panic!("{name}: {e}"));
            ours.tensors.insert(format!("{prefix}{name}"), Tensor::F32(y.into_dyn()));
        }
    }

    /// The attention of a block.
    pub fn attention(&self, compute: &Compute, block: usize) -> Attention {
        Attention::new(compute, self.attention_params(block), &self.config, block)
    }

    /// The parameters of the attention of a block.
    pub fn attention_params(&self, block: usize) -> AttentionParams<'_> {
        AttentionParams::from_checkpoint(&self.checkpoint, block, self.config.n_embd)
            .unwrap_or_else(|error| panic!("{error}"))
    }

    /// The LayerNorm called `name`, with an epsilon of one's own.
    pub fn norm(&self, name: &str, epsilon: f32) -> LayerNorm {
        let params = NormParams::from_checkpoint(&self.checkpoint, name, self.config.n_embd);
        LayerNorm::new(params.unwrap_or_else(|error| panic!("{error}")), epsilon)
    }

    /// The config of GPT-2 124M.
    pub fn config(&self) -> &Config {
        &self.config
    }
}

fn matrix(trace: &Trace, name: &str) -> Array2<f32> {
    let view = activations(trace, name).view().into_dimensionality();
    view.unwrap_or_else(|error| panic!("{name}: {error}")).to_owned()
}
