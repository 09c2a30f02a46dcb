use std::path::PathBuf;
use std::process::ExitCode;

use gpt2_runner::{Comparison, Verdict, failures, truth_beside};
use gpt2_trace::Tolerances;

use crate::cli::{ModelName, ReportArgs};
use crate::{output, render};

/// Hold one trace against another
///
/// Everything that REFERENCE holds is expected in OURS, and has to lie within the tolerance of its
/// checkpoint. With the same run in f64 at hand, it is also told who is nearer to it, and being much
/// farther than the reference is a failure too. OURS may be anyone's: safetensors, `.npz` or a folder
/// of `.npy`, with the names of HuggingFace, TransformerLens or nanoGPT.
///
/// With --model, a difference is followed to the first operation that is wrong by itself, and to the
/// known mistake that explains it.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example:
  gpt2 compare ours.safetensors reference.safetensors --html page.html --json report.json
  gpt2 compare ours.npz reference.safetensors --model path/to/gpt2

Exit codes: 0 they agree; 1 they diverge (the first tensors that do are printed, in the order of the
computation), a tensor of the reference is missing, has another shape or a NaN; 2 they could not be
compared: a file is unreadable or was changed, or the traces are of other tokens or weights.")]
pub(crate) struct Args {
    /// The trace to judge
    #[arg(value_name = "OURS")]
    ours: PathBuf,
    /// The trace that is right
    #[arg(value_name = "REFERENCE")]
    reference: PathBuf,
    /// The reference's run in f64 [default: FILE.f64.safetensors beside a REFERENCE FILE.safetensors]
    #[arg(long, value_name = "FILE.f64.safetensors")]
    truth: Option<PathBuf>,
    /// The model that both ran, to say which operation is wrong and why
    #[arg(long, value_name = "MODEL")]
    model: Option<ModelName>,
    #[command(flatten)]
    reports: ReportArgs,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let truth = args.truth.clone().or_else(|| truth_beside(&args.reference));
    let tolerances = Tolerances::builtin()?;
    let weights = match &args.model {
        Some(model) => Some(model.resolve()?.weights()?),
        None => None,
    };
    let comparison = Comparison::of_files(
        &args.ours,
        &args.reference,
        truth.as_deref(),
        weights.as_ref(),
        &tolerances,
    )?;
    let passes = comparison.verdict == Verdict::Pass;

    if args.reports.write(&comparison)? {
        let cases = &comparison.cases;
        let mut text = format!("ours       {}\n", args.ours.display());
        text += &format!("reference  {}\n", args.reference.display());
        text += &match &truth {
            Some(truth) => format!("f64        {}\n", truth.display()),
            None => "f64        none: who is nearer to the truth is not known\n".to_owned(),
        };
        text += &render::cases(cases);
        text += &render::checkpoints(&comparison.checkpoints, cases);
        text += &render::far_from_truth(&comparison.checkpoints);
        text += &render::failures(&failures(cases), cases);
        text += &render::matched(&comparison.notes, &comparison.unmatched);
        text += &render::divergence(&comparison);
        text += &render::verdict(passes, &comparison.checkpoints, "the reference");
        output::print(&text)?;
    }
    Ok(if passes { ExitCode::SUCCESS } else { ExitCode::from(output::DISAGREE) })
}
