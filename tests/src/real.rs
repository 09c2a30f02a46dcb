//! Attention and LayerNorm with the real weights of GPT-2 124M.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use gpt2_runner::{Feed, Modules};
use gpt2_tensor::Compute;
use gpt2_trace::{Trace, fingerprint, weights_differ};
use gpt2_weights::{Checkpoint, Config};
use ndarray::{ArrayD, IxDyn};
use safetensors::Dtype;
use safetensors::tensor::TensorView;

use crate::run::{References, Run};
use crate::{files, root, skipped};

/// Real weights, and what HuggingFace's modules computed with them.
#[derive(Debug)]
pub struct Real {
    modules: Modules,
    file: PathBuf,
    references: References,
}

/// Parameters by their names.
pub type Parameters = BTreeMap<String, ArrayD<f32>>;

impl Real {
    /// The weights, if this machine has them; if not, `test` is reported as skipped.
    pub fn find_or_skip(test: &str) -> Option<&'static Real> {
        static REAL: LazyLock<Result<Real, String>> =
            LazyLock::new(|| files::real_weights().map(|path| Real::open(&path)));
        REAL.as_ref().inspect_err(|why| skipped(test, why)).ok()
    }

    fn open(path: &Path) -> Real {
        let modules = Modules::open(path).unwrap_or_else(|e| panic!("{e}"));
        let file = real_reference();
        let mut references = References::open("real", &file);
        let made_with = references.f32.weights().expect("the reference says which weights made it");
        let differ = weights_differ(&fingerprint(&modules.checkpoint), &made_with);
        assert!(differ.is_empty(), "{}: {}", path.display(), differ.join("\n"));
        for trace in [&mut references.f32, &mut references.f64] {
            assert_eq!(trace.take_inputs().len(), 2, "the prompt pass, and one token decoded");
        }
        Real { modules, file, references }
    }

    /// The references, without what was fed.
    pub fn references(&self) -> &References {
        &self.references
    }

    /// Every LayerNorm on the recorded hidden states, and every attention: on HuggingFace's output
    /// of `ln_1` if `isolated`, else on our own.
    pub fn run(&self, compute: &Compute, isolated: bool) -> Run {
        let (name, feed) =
            if isolated { ("isolated", Feed::Reference) } else { ("chained", Feed::Ours) };
        let ours = self.trace(&self.modules, feed, compute);
        let entries = self.references.hold(&ours);
        Run { name: name.to_owned(), ours, entries }
    }

    /// Other modules on the same hidden states, attention on HuggingFace's output of `ln_1`.
    pub fn trace_of(&self, parameters: &Parameters, config: Config) -> Trace {
        let bytes: BTreeMap<_, Vec<u8>> = parameters
            .iter()
            .map(|(name, x)| (name, x.iter().flat_map(|x| x.to_le_bytes()).collect()))
            .collect();
        let view = |(name, x): (&String, &ArrayD<f32>)| {
            let view = TensorView::new(Dtype::F32, x.shape().to_vec(), &bytes[name]);
            (name.clone(), view.unwrap_or_else(|error| panic!("{name}: {error}")))
        };
        let file = safetensors::serialize(parameters.iter().map(view), None);
        let file = file.unwrap_or_else(|error| panic!("{error}"));
        let checkpoint = Checkpoint::from_bytes(file, "altered");
        let checkpoint = checkpoint.unwrap_or_else(|error| panic!("{error}"));
        self.trace(&Modules { config, checkpoint }, Feed::Reference, &Compute::default())
    }

    fn trace(&self, modules: &Modules, feed: Feed, compute: &Compute) -> Trace {
        modules.trace(&self.file, feed, compute).unwrap_or_else(|error| panic!("{error}"))
    }

    /// The parameters whose names begin with `start`.
    pub fn parameters(&self, start: &str) -> Parameters {
        let checkpoint = &self.modules.checkpoint;
        let names = checkpoint.names().filter(|name| name.starts_with(start));
        let read = |name: &str| {
            let shape = checkpoint.raw(name)?.shape;
            let x = checkpoint.tensor(name, IxDyn(shape)).unwrap_or_else(|e| panic!("{e}"));
            Some((name.to_owned(), x.into_owned()))
        };
        let found: Parameters = names.filter_map(read).collect();
        assert!(!found.is_empty(), "no parameter begins with {start}");
        found
    }

    /// The config of GPT-2 124M.
    pub fn config(&self) -> &Config {
        &self.modules.config
    }
}

/// What HuggingFace's modules computed with the real weights: a file of the repository.
pub fn real_reference() -> PathBuf {
    root().join("tests/data/real_gpt2/attention.safetensors")
}
