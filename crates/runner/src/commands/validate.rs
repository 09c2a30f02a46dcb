use std::path::PathBuf;
use std::process::ExitCode;

use gpt2_model::Gpt2;
use gpt2_runner::{
    Determinism, Inspection, KnownAnswers, KnownResult, ModelSource, NegativeControls, Progress,
    ReferenceSource, RunnerError, TextPlaces, Tokenizer, Validation, Verdict, failures,
};
use gpt2_trace::Tolerances;
use gpt2_weights::Gpt2Weights;

use crate::cli::{ComputeArgs, ModelName, ReportArgs};
use crate::progress_line::ProgressLine;
use crate::{output, render};

/// Is the model right, at every layer?
///
/// Runs the tokens of every reference trace through the model, and holds each layer against what
/// HuggingFace computed from the same weights, at twelve checkpoints from the first LayerNorm to
/// the generated tokens. The references carry the SHA-256 of the weights that made them and of
/// themselves, so a changed byte in either is found and named.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  gpt2 validate                                       the embedded model
  gpt2 validate --model path/to/gpt2                  with path/to/gpt2/reference/*.safetensors
  gpt2 validate --model path/to/gpt2 --reference hello.safetensors --json report.json
  gpt2 validate --html report.html --junit report.xml --markdown report.md

References are made by HuggingFace itself, through `cargo xtask reference --model DIR --prompt TEXT --out FILE`.

Exit codes: 0 every checkpoint passes; 1 one does not, or was not compared; 2 the model cannot be
loaded.")]
pub(crate) struct Args {
    /// `demo`, or a directory with config.json and model.safetensors
    #[arg(long, value_name = "MODEL", default_value = "demo")]
    model: ModelName,
    /// A reference trace, instead of those that come with the model; may be repeated
    #[arg(long, value_name = "FILE.safetensors")]
    reference: Vec<PathBuf>,
    /// The text that a known answer is about (tinyshakespeare.txt), which is looked for in the model's
    /// directory, in this one and in `data` otherwise
    #[arg(long, value_name = "FILE")]
    text: Option<PathBuf>,
    #[command(flatten)]
    reports: ReportArgs,
    /// Only the references and the known answers: no determinism, no negative controls
    #[arg(long)]
    quick: bool,
    #[command(flatten)]
    compute: ComputeArgs,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let source = args.model.resolve()?;
    let weights = source.weights()?;
    let references = match args.reference.as_slice() {
        [] => source.references()?,
        given => given.iter().map(ReferenceSource::file).collect(),
    };
    let model = args.compute.model(&weights)?;
    let tokenizer = source.tokenizer().ok();
    let facts = Inspection::new(&source.to_string(), &weights, tokenizer.as_ref());
    let tolerances = Tolerances::builtin()?;
    let mut line = ProgressLine::new();
    let mut watch = |progress: Progress<'_>| line.show(progress);
    let validation =
        Validation::watched(&model, &weights, facts, &references, &tolerances, &mut watch);
    watch(Progress { done: 0, total: 1, now: "asking what is known of the model" });
    let known = known_answers(args, &source, &weights, &model, tokenizer.as_ref())?;
    let mut validation = validation.with_known_answers(known);
    if !args.quick {
        validation = validation
            .with_determinism(Determinism::check(&model, &weights, &mut watch)?)
            .with_negative_controls(NegativeControls::run(&tolerances, &mut watch)?);
    }
    line.clear();
    let passes = validation.verdict == Verdict::Pass;

    if args.reports.write(&validation)? {
        output::print(&report(&validation, &source))?;
    }
    Ok(if passes { ExitCode::SUCCESS } else { ExitCode::from(output::DISAGREE) })
}

/// Asks the model what is known of it.
fn known_answers(
    args: &Args,
    source: &ModelSource,
    weights: &Gpt2Weights,
    model: &Gpt2,
    tokenizer: Option<&Tokenizer>,
) -> Result<Vec<KnownResult>, RunnerError> {
    let mut folders = vec![PathBuf::from("."), PathBuf::from("data")];
    if let ModelSource::Directory { path, .. } = source {
        folders.insert(0, path.clone());
    }
    let places = TextPlaces { file: args.text.clone(), folders };
    let known = KnownAnswers::builtin()?;
    let answers = known.of(source, weights.checkpoint())?;
    Ok(answers.iter().map(|answer| answer.check(model, tokenizer, &places)).collect())
}

fn report(validation: &Validation, source: &ModelSource) -> String {
    let mut text = render::model(&validation.model, &validation.backend);
    if validation.cases.is_empty() {
        text += &render::known_answers(&validation.known_answers);
        text += &render::proofs(validation);
        text += &render::problems(&validation.problems);
        text += &render::verdict_by_answers(validation);
        return text + &how_to_make_a_reference(source);
    }
    text += &render::made_by(&validation.cases);
    text += &render::cases(&validation.cases);
    text += &render::checkpoints(&validation.checkpoints, &validation.cases);
    text += &render::far_from_truth(&validation.checkpoints);
    text += &render::failures(&failures(&validation.cases), &validation.cases);
    text += &render::known_answers(&validation.known_answers);
    text += &render::proofs(validation);
    text += &render::problems(&validation.problems);
    text += &render::verdict(
        validation.verdict == Verdict::Pass,
        &validation.checkpoints,
        "HuggingFace",
    );
    text
}

fn how_to_make_a_reference(source: &ModelSource) -> String {
    let place = match source {
        ModelSource::Directory { path, .. } => path.display().to_string(),
        ModelSource::Demo => "DIR".to_owned(),
    };
    format!(
        "{place}/reference holds no reference trace, and --reference names none.\nHuggingFace makes one \
         (it needs Python, and takes the packages from PyPI):\n\n    \
         cargo xtask reference --model {place} --prompt \"Hello.\" --decode 8 --out {place}/reference/hello.safetensors\n",
    )
}
