use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use gpt2_model::{Attention, LayerNorm, ModelError, Site, Tap as _};
use gpt2_tensor::{Compute, KeyValues};
use gpt2_trace::{Place, Recorder, Tensor, Trace, fingerprint};
use gpt2_weights::{Access, AttentionParams, Checkpoint, Config, NormParams};
use ndarray::Array2;

use crate::RunnerError;

/// A checkpoint that may hold only some of the modules of a GPT-2, each of which can be run by itself.
#[derive(Debug)]
pub struct Modules {
    /// How they compute.
    pub config: Config,
    /// Their parameters.
    pub checkpoint: Checkpoint,
}

/// Whose `ln_1` an attention is fed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Feed {
    /// Ours, as in the model.
    #[default]
    Ours,
    /// The reference's: the attention alone is judged.
    Reference,
}

impl Modules {
    /// Opens a safetensors file or a directory with one. The config is the `config.json` in the same
    /// folder, or that of GPT-2 124M ([`Config::default`]) if there is none.
    ///
    /// # Errors
    ///
    /// [`RunnerError::Weights`].
    pub fn open(path: &Path) -> Result<Modules, RunnerError> {
        let folder = if path.is_dir() { path } else { path.parent().unwrap_or(path) };
        let config = folder.join("config.json");
        // Not `exists()`: a symbolic link to nothing is an error to report, not an absence.
        let config = match config.symlink_metadata() {
            Ok(_) => Config::open(config)?,
            Err(_) => Config::default(),
        };
        Ok(Modules { config, checkpoint: Checkpoint::open(path, Access::Mmap)? })
    }

    /// Runs every LayerNorm and every attention that the checkpoint holds, and the trace `reference`
    /// holds values of, on what the reference was fed.
    ///
    /// That is `input` for the prompt and `step.{n}.input` for decode step `n`, hidden states `[T, C]`
    /// each, which every LayerNorm gets as they are; an attention gets `ln_1` of them, through a cache of
    /// its own. They are in the trace given back as well, and its metadata says which weights made it.
    ///
    /// # Errors
    ///
    /// [`RunnerError::Trace`] when the reference cannot be read, [`RunnerError::NoInput`] and
    /// [`RunnerError::Input`] when it does not hold what to feed, [`RunnerError::NoModules`] when the two
    /// have nothing in common, [`RunnerError::Weights`] when a parameter of a module is missing or has
    /// another shape.
    pub fn trace(
        &self,
        reference: &Path,
        feed: Feed,
        compute: &Compute,
    ) -> Result<Trace, RunnerError> {
        let theirs = Fed::open(reference, self.config.n_embd)?;
        let (norms, attentions) = self.common(&theirs.trace);
        if norms.is_empty() && attentions.is_empty() {
            return Err(RunnerError::NoModules {
                checkpoint: self.checkpoint.source().to_owned(),
                reference: reference.to_owned(),
            });
        }
        let mut tensors = theirs.inputs.clone();
        for norm in norms {
            for (step, y) in self.norm(norm, &theirs, compute)?.into_iter().enumerate() {
                tensors.insert(name(step, &norm.to_string()), Tensor::F32(y.into_dyn()));
            }
        }
        for block in attentions {
            let normed = match feed {
                Feed::Ours => self.norm(Site::Ln1(block), &theirs, compute)?,
                Feed::Reference => theirs.every_step(&Site::Ln1(block).to_string())?,
            };
            tensors.extend(self.attention(block, &normed, compute)?);
        }
        let mut ours = Trace { tensors, metadata: BTreeMap::new() };
        for key in ["ids", "fed", "decode", "input"] {
            if let Some(value) = theirs.trace.metadata.get(key) {
                ours.metadata.insert(key.to_owned(), value.clone());
            }
        }
        let about = [
            ("format", "gpt2-trace/1".to_owned()),
            ("source", format!("gpt2-model {}", env!("CARGO_PKG_VERSION"))),
            ("dtype", "f32".to_owned()),
            ("backend", compute.backend().name().to_owned()),
        ];
        ours.metadata.extend(about.map(|(key, value)| (key.to_owned(), value)));
        ours.set_weights(fingerprint(&self.checkpoint));
        Ok(ours)
    }

    /// Every LayerNorm, and the block of every attention, that is in both.
    fn common(&self, reference: &Trace) -> (BTreeSet<Site>, BTreeSet<usize>) {
        let held = |start: String| self.checkpoint.names().any(|name| name.starts_with(&start));
        let (mut norms, mut attentions) = (BTreeSet::new(), BTreeSet::new());
        for place in reference.tensors.keys().filter_map(|name| Place::parse(name)) {
            match place.site {
                Site::Ln1(_) | Site::Ln2(_) | Site::LnF => {
                    norms.insert(place.site);
                }
                Site::Mlp(_) | Site::Block(_) => {}
                // What else is in a block is its attention.
                _ => attentions.extend(place.block()),
            }
        }
        norms.retain(|norm| held(format!("{norm}.")));
        // Not `attn.` alone: old checkpoints store the causal mask there.
        attentions.retain(|block| held(format!("h.{block}.attn.c_")));
        (norms, attentions)
    }

    /// A LayerNorm of what each step was fed.
    fn norm(
        &self,
        norm: Site,
        fed: &Fed<'_>,
        compute: &Compute,
    ) -> Result<Vec<Array2<f32>>, RunnerError> {
        let Config { n_embd, layer_norm_epsilon, .. } = self.config;
        let params = NormParams::from_checkpoint(&self.checkpoint, &norm.to_string(), n_embd)?;
        let norm = LayerNorm::new(params, layer_norm_epsilon);
        let run = |x: Array2<f32>| norm.forward(compute, x.view()).map_err(ModelError::from);
        Ok(fed.every_step(INPUT)?.into_iter().map(run).collect::<Result<_, _>>()?)
    }

    /// Everything recorded in the attention of a block over the steps, which share a cache.
    fn attention(
        &self,
        block: usize,
        normed: &[Array2<f32>],
        compute: &Compute,
    ) -> Result<BTreeMap<String, Tensor>, RunnerError> {
        let config = &self.config;
        let params = AttentionParams::from_checkpoint(&self.checkpoint, block, config.n_embd)?;
        let attention = Attention::new(compute, params, config, block);
        let positions = normed.iter().map(Array2::nrows).sum();
        let mut kv = KeyValues::new(config.n_head, config.head_dim(), positions);
        let mut recorder = Recorder::all();
        for (step, x) in normed.iter().enumerate() {
            recorder.begin_step(step);
            attention
                .forward(compute, x.view(), &mut kv, &mut recorder)
                .map_err(ModelError::from)?;
        }
        Ok(recorder.into_tensors())
    }
}

/// What a reference was fed.
const INPUT: &str = "input";

/// A reference that was fed hidden states.
struct Fed<'a> {
    file: &'a Path,
    /// What it holds besides.
    trace: Trace,
    inputs: BTreeMap<String, Tensor>,
    steps: usize,
    width: usize,
}

impl<'a> Fed<'a> {
    /// Reads it. There must be an input for every step of which there is a value.
    fn open(file: &'a Path, width: usize) -> Result<Self, RunnerError> {
        let mut trace = Trace::open(file)?;
        let inputs = trace.take_inputs();
        let step = |tensor: &String| Place::parse(tensor).map(|place| place.step);
        let last = trace.tensors.keys().filter_map(step).max().unwrap_or(0);
        let fed = Fed { file, trace, inputs, steps: last.saturating_add(1), width };
        let rows = fed.every_step(INPUT)?[0].nrows();
        if let Some(ids) = fed.trace.ids().filter(|ids| ids.len() != rows) {
            let expected = format!("[{}, {width}] for its {0} tokens", ids.len());
            let actual = format!("[{rows}, {width}]");
            return Err(RunnerError::Input {
                file: file.to_owned(),
                tensor: INPUT.to_owned(),
                expected,
                actual,
            });
        }
        Ok(fed)
    }

    /// The matrix `site` of every step, `[T, width]`.
    fn every_step(&self, site: &str) -> Result<Vec<Array2<f32>>, RunnerError> {
        (0..self.steps).map(|step| self.matrix(&name(step, site))).collect()
    }

    fn matrix(&self, tensor: &str) -> Result<Array2<f32>, RunnerError> {
        let Some(found) = self.inputs.get(tensor).or_else(|| self.trace.tensors.get(tensor)) else {
            let (file, tensor) = (self.file.to_owned(), tensor.to_owned());
            return Err(RunnerError::NoInput { file, tensor });
        };
        let dtype = match found {
            Tensor::F32(x) => {
                if let Ok(x) = x.view().into_dimensionality()
                    && x.nrows() > 0
                    && x.ncols() == self.width
                {
                    return Ok(x.to_owned());
                }
                "f32"
            }
            Tensor::F64(_) => "f64",
            _ => "i64",
        };
        Err(RunnerError::Input {
            file: self.file.to_owned(),
            tensor: tensor.to_owned(),
            expected: format!("[T, {}] in f32: positions, n_embd of the config", self.width),
            actual: format!("{:?} in {dtype}", found.shape()),
        })
    }
}

/// The recorded name of `site` in a step.
fn name(step: usize, site: &str) -> String {
    if step == 0 { site.to_owned() } else { format!("step.{step}.{site}") }
}
