//! A model run over the tokens of a reference, and held against it.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::LazyLock;

use gpt2_demo::REFERENCES;
use gpt2_model::Gpt2;
use gpt2_tensor::Compute;
use gpt2_trace::{
    Entry, Recorder, Tensor, Tolerances, Trace, compare, fingerprint, record, weights_differ,
};
use gpt2_weights::Gpt2Weights;
use ndarray::ArrayD;

use crate::files;

/// What HuggingFace computed from one prompt: in f32, and the same in f64.
#[derive(Debug)]
pub struct References {
    /// What reports call it.
    pub name: String,
    /// The f32 run.
    pub f32: Trace,
    /// The f64 run.
    pub f64: Trace,
}

/// Our run of the same prompt, and how it compares.
#[derive(Debug)]
pub struct Run {
    /// The name of the reference.
    pub name: String,
    /// What we computed.
    pub ours: Trace,
    /// One entry for each tensor of the reference, in the order of the forward pass.
    pub entries: Vec<Entry>,
}

impl References {
    /// Reads `FILE.safetensors` and `FILE.f64.safetensors`.
    pub fn open(name: &str, f32: &Path) -> Self {
        let read = |path: &Path| Trace::open(path).unwrap_or_else(|error| panic!("{error}"));
        References {
            name: name.to_owned(),
            f32: read(f32),
            f64: read(&f32.with_extension("f64.safetensors")),
        }
    }

    /// Runs `model` over the same tokens, recording what the reference holds.
    pub fn record(&self, model: &Gpt2) -> Trace {
        let ids = self.f32.ids().unwrap_or_else(|| panic!("{}: no ids", self.name));
        let recorder = Recorder::only(self.f32.tensors.keys().cloned());
        record(model, &ids, self.f32.decode(), recorder)
            .unwrap_or_else(|error| panic!("{}: {error}", self.name))
    }

    /// Holds a trace of ours against both.
    pub fn hold(&self, ours: &Trace) -> Vec<Entry> {
        compare(ours, &self.f32, Some(&self.f64), tolerances())
    }

    /// [`References::record`], then [`References::hold`].
    pub fn run(&self, model: &Gpt2) -> Run {
        let ours = self.record(model);
        let entries = self.hold(&ours);
        Run { name: self.name.clone(), ours, entries }
    }

    /// The entries of our trace with some tensors replaced.
    pub fn hold_with(&self, ours: &Trace, replaced: &[(&str, Tensor)]) -> Vec<Entry> {
        let mut tensors: BTreeMap<_, _> = ours.tensors.clone();
        for (name, tensor) in replaced {
            let old = tensors.insert((*name).to_owned(), tensor.clone());
            assert!(old.is_some(), "{name} is not in our trace");
        }
        self.hold(&Trace { tensors, metadata: ours.metadata.clone() })
    }
}

/// The tolerances that the workspace ships.
pub(crate) fn tolerances() -> &'static Tolerances {
    static TOLERANCES: LazyLock<Tolerances> =
        LazyLock::new(|| Tolerances::builtin().unwrap_or_else(|error| panic!("{error}")));
    &TOLERANCES
}

/// The weights of the embedded demo model.
pub fn demo_weights() -> &'static Gpt2Weights {
    static WEIGHTS: LazyLock<Gpt2Weights> = LazyLock::new(|| {
        Gpt2Weights::from_bytes(gpt2_demo::CONFIG_JSON, gpt2_demo::MODEL_SAFETENSORS)
            .unwrap_or_else(|error| panic!("{error}"))
    });
    &WEIGHTS
}

/// The embedded demo model.
pub fn demo_model() -> &'static Gpt2 {
    static MODEL: LazyLock<Gpt2> =
        LazyLock::new(|| Gpt2::new(demo_weights()).unwrap_or_else(|error| panic!("{error}")));
    &MODEL
}

/// The references of the demo model.
pub fn demo_references() -> &'static [References] {
    static READ: LazyLock<Vec<References>> = LazyLock::new(|| {
        let read = |bytes, name| Trace::from_bytes(bytes, name).unwrap_or_else(|e| panic!("{e}"));
        REFERENCES
            .iter()
            .map(|it| References {
                name: it.name.to_owned(),
                f32: read(it.f32, it.name),
                f64: read(it.f64, it.name),
            })
            .collect()
    });
    &READ
}

/// The demo model against all of its references: computed once for all tests.
pub fn demo_runs() -> &'static [Run] {
    static RUNS: LazyLock<Vec<Run>> =
        LazyLock::new(|| demo_references().iter().map(|it| it.run(demo_model())).collect());
    &RUNS
}

/// One reference of the demo model, and our run of it.
pub fn demo_run(name: &str) -> (&'static References, &'static Run) {
    let position = demo_references().iter().position(|it| it.name == name);
    let position = position.unwrap_or_else(|| panic!("the demo has no reference {name}"));
    (&demo_references()[position], &demo_runs()[position])
}

/// A tiny model of `tests/data/variants`, and what HuggingFace computed with it.
#[derive(Debug)]
pub struct Variant {
    /// Its weights.
    pub weights: Gpt2Weights,
    /// Its references, called after its folder.
    pub references: References,
}

impl Variant {
    /// All of them, sorted by name; each has the very weights that its references were made with.
    pub fn all() -> Vec<Self> {
        let folders = files::variant_folders();
        assert!(!folders.is_empty(), "tests/data/variants is empty");
        folders.iter().map(|folder| Variant::open(folder)).collect()
    }

    fn open(folder: &Path) -> Self {
        let name = folder.file_name().expect("a folder has a name").to_string_lossy();
        let weights = Gpt2Weights::open(folder).unwrap_or_else(|e| panic!("{name}: {e}"));
        let references = References::open(&name, &folder.join("reference/trace.safetensors"));
        let made_with = references.f32.weights().expect("the reference says which weights made it");
        let differ = weights_differ(&fingerprint(weights.checkpoint()), &made_with);
        assert!(differ.is_empty(), "{name}: {}", differ.join("\n"));
        Variant { weights, references }
    }

    /// Runs it.
    pub fn run(&self, compute: Compute) -> Run {
        let model = Gpt2::with_compute(&self.weights, compute);
        self.references.run(&model.unwrap_or_else(|e| panic!("{}: {e}", self.references.name)))
    }
}

/// The activations called `name`.
pub fn activations<'a>(trace: &'a Trace, name: &str) -> &'a ArrayD<f32> {
    match trace.tensors.get(name) {
        Some(Tensor::F32(array)) => array,
        other => panic!("{name} should hold activations, not {other:?}"),
    }
}
