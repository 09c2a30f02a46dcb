//! The command line, and what several commands have in common.

use std::path::PathBuf;
use std::str::FromStr;

use anyhow::Context;
use clap::{Args, Parser};
use gpt2_model::Gpt2;
use gpt2_runner::{ModelSource, RunnerError, export};
use gpt2_tensor::{Backend, Compute, Isa, TensorError};
use gpt2_weights::Gpt2Weights;

use crate::commands::Command;
use crate::output;

/// GPT-2 on the CPU, checked layer by layer against HuggingFace.
#[derive(Debug, Parser)]
#[command(name = "gpt2", version, arg_required_else_help = true)]
#[command(after_help = "\
Examples:
  gpt2 validate                                     is the embedded model right, at every layer?
  gpt2 generate --model demo --prompt \"ROMEO:\" -n 60
  gpt2 inspect --model path/to/gpt2
  gpt2 trace --model path/to/gpt2 --prompt \"Hello.\" --decode 8 --out ours.safetensors
  gpt2 compare ours.safetensors reference.safetensors

A MODEL is `demo`, which is embedded, or a directory with config.json and model.safetensors.

Exit codes: 0 all is well; 1 the numbers disagree; 2 it could not be done, and `error: ...` says why.")]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// How to compute.
#[derive(Args, Clone, Debug)]
pub(crate) struct ComputeArgs {
    /// Who multiplies the matrices: `native`, or `openblas` in a build that has it
    #[arg(long, value_name = "NAME", default_value = "native", value_parser = backend)]
    backend: Backend,
    /// Threads; 0 is one for each physical core
    #[arg(long, value_name = "N", default_value_t = 0)]
    threads: usize,
    /// Which instructions the native kernels use; all give the same bits [default: the fastest of this CPU]
    #[arg(long, value_name = "avx512|avx2|portable", env = "GPT2_ISA", value_parser = isa)]
    isa: Option<Isa>,
}

impl ComputeArgs {
    /// Fails for instructions that this CPU lacks.
    pub(crate) fn compute(&self) -> Result<Compute, TensorError> {
        let compute = Compute::builder().backend(self.backend).threads(self.threads);
        self.isa.map_or(compute, |isa| compute.isa(isa)).build()
    }

    /// The model, prepared to run that way.
    pub(crate) fn model(&self, weights: &Gpt2Weights) -> anyhow::Result<Gpt2> {
        Ok(Gpt2::with_compute(weights, self.compute()?)?)
    }
}

/// An empty `GPT2_ISA` is one that is not set.
fn isa(name: &str) -> Result<Isa, String> {
    if name.is_empty() {
        return Ok(Isa::detect());
    }
    Isa::from_name(name).ok_or_else(|| {
        let names: Vec<_> = Isa::ALL.iter().map(|isa| format!("`{}`", isa.name())).collect();
        format!("--isa and GPT2_ISA take one of {}", names.join(", "))
    })
}

fn backend(name: &str) -> Result<Backend, String> {
    match Backend::ALL.iter().find(|backend| backend.name() == name) {
        Some(backend) => Ok(*backend),
        None if name == "openblas" => {
            Err("this build has no OpenBLAS: install libopenblas-dev, then build with \
             `cargo build --release -p gpt2-runner --features openblas`"
                .to_owned())
        }
        None => Err("expected `native` or `openblas`".to_owned()),
    }
}

/// A model as it was named: resolved only when the command runs, since that may take a download.
#[derive(Clone, Debug)]
pub(crate) enum ModelName {
    /// It is here.
    Local(ModelSource),
    /// It is on the hub, or in its cache.
    #[cfg(feature = "hub")]
    Hub(gpt2_hub::ModelId),
}

impl ModelName {
    /// Where it is; downloads it if it has to.
    pub(crate) fn resolve(&self) -> anyhow::Result<ModelSource> {
        match self {
            ModelName::Local(source) => Ok(source.clone()),
            #[cfg(feature = "hub")]
            ModelName::Hub(id) => {
                let path = crate::fetch::fetch(id, false)?;
                Ok(ModelSource::Directory {
                    name: id.to_string(),
                    path,
                    repository: Some(id.repository()),
                })
            }
        }
    }
}

impl FromStr for ModelName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let error = match text.parse() {
            Ok(source) => return Ok(ModelName::Local(source)),
            Err(error) => error,
        };
        not_here(text, error)
    }
}

#[cfg(feature = "hub")]
fn not_here(text: &str, error: RunnerError) -> Result<ModelName, String> {
    match text.parse() {
        Ok(id) => Ok(ModelName::Hub(id)),
        Err(not_a_name) => Err(format!("{error}; nor is it on the hub: {not_a_name}")),
    }
}

#[cfg(not(feature = "hub"))]
fn not_here(_text: &str, error: RunnerError) -> Result<ModelName, String> {
    Err(format!(
        "{error}; models of the HuggingFace hub need a build with \
         `cargo build --release -p gpt2-runner --features hub`"
    ))
}

/// The files that a result is written to.
#[derive(Args, Clone, Debug)]
pub(crate) struct ReportArgs {
    /// Write the whole result to a file, `-` for stdout in place of the table
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Write a page to look at: charts, heat maps, every tensor
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Write `JUnit` XML, for a CI system
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    /// Write Markdown, for a pull request
    #[arg(long, value_name = "FILE")]
    markdown: Option<PathBuf>,
}

impl ReportArgs {
    /// Writes those that were asked for. `false` if stdout is taken.
    pub(crate) fn write<'a>(&self, report: impl Into<export::Report<'a>>) -> anyhow::Result<bool> {
        let report = report.into();
        if let Some(path) = &self.json {
            output::json(&report, path)?;
        }
        if let Some(path) = &self.html {
            output::file(&export::html(report.clone()).context("the page")?, path)?;
        }
        if let Some(path) = &self.junit {
            output::file(&export::junit(report.clone()), path)?;
        }
        if let Some(path) = &self.markdown {
            output::file(&export::markdown(report.clone()), path)?;
        }
        Ok(self.json.as_deref() != Some("-".as_ref()))
    }
}

/// Tokens, as text or as ids.
#[derive(Args, Clone, Debug)]
#[group(required = true, multiple = false)]
pub(crate) struct PromptArgs {
    /// The prompt as text, for the model's own tokenizer
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    pub(crate) prompt: Option<String>,
    /// The prompt as token ids, which needs no tokenizer
    #[arg(long, value_name = "1,2,3", value_delimiter = ',')]
    pub(crate) ids: Option<Vec<u32>>,
}

impl PromptArgs {
    /// The token ids. Text needs the tokenizer of `source`.
    pub(crate) fn ids(&self, source: &ModelSource) -> anyhow::Result<Vec<u32>> {
        match (&self.prompt, &self.ids) {
            (Some(text), _) => Ok(source.tokenizer()?.encode(text)?),
            (None, ids) => Ok(ids.clone().unwrap_or_default()),
        }
    }
}
