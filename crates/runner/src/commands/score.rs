use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use gpt2_runner::score;

use crate::cli::{ComputeArgs, ModelName};
use crate::output;

/// How well does the model foretell a text?
///
/// The mean cross-entropy in nats, and the perplexity. The text is cut into rows, and each token is
/// foretold from those before it in its row.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  gpt2 score --model demo --text tinyshakespeare.txt --rows 4 --row-len 64
  gpt2 score --model path/to/gpt2 --ids 464,3290,373,1043 --json")]
pub(crate) struct Args {
    /// `demo`, or a directory with config.json and model.safetensors
    #[arg(long, value_name = "MODEL", default_value = "demo")]
    model: ModelName,
    #[command(flatten)]
    tokens: Tokens,
    /// At most this many rows; all of the text otherwise
    #[arg(long, value_name = "N")]
    rows: Option<usize>,
    /// The tokens of a row; the whole context of the model otherwise
    #[arg(long, value_name = "N")]
    row_len: Option<usize>,
    /// Print one JSON object: rows, tokens, `mean_cross_entropy`, perplexity
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    compute: ComputeArgs,
}

#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
struct Tokens {
    /// A file with the text, for the model's own tokenizer
    #[arg(long, value_name = "FILE")]
    text: Option<PathBuf>,
    /// The tokens themselves
    #[arg(long, value_name = "1,2,3", value_delimiter = ',')]
    ids: Option<Vec<u32>>,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let source = args.model.resolve()?;
    let mut ids = match (&args.tokens.text, &args.tokens.ids) {
        (Some(file), _) => {
            let text = std::fs::read_to_string(file).with_context(|| file.display().to_string())?;
            source.tokenizer()?.encode(&text)?
        }
        (None, ids) => ids.clone().unwrap_or_default(),
    };
    let model = args.compute.model(&source.weights()?)?;
    let row_len = args.row_len.unwrap_or(model.config().n_positions);
    if let Some(rows) = args.rows {
        // One more: the last is a target alone.
        ids.truncate(rows.saturating_mul(row_len).saturating_add(1));
    }
    let score = score(&model, &ids, row_len)?;
    output::print(&if args.json {
        serde_json::to_string(&score).context("the score")? + "\n"
    } else {
        format!(
            "mean cross-entropy {:.6} nats, perplexity {:.3} ({} tokens, rows of {row_len})\n",
            score.mean_cross_entropy, score.perplexity, score.tokens,
        )
    })?;
    Ok(ExitCode::SUCCESS)
}
