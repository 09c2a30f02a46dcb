use std::fmt::Write;
use std::process::ExitCode;

use anyhow::Context;
use gpt2_runner::Inspection;

use crate::cli::ModelName;
use crate::{output, render};

/// What is in a checkpoint?
///
/// The config, the parameters by kind, how they are stored, and whether any of them is not a number.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  gpt2 inspect --model demo
  gpt2 inspect --model path/to/gpt2 --json")]
pub(crate) struct Args {
    /// `demo`, or a directory with config.json and model.safetensors
    #[arg(long, value_name = "MODEL")]
    model: ModelName,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let source = args.model.resolve()?;
    let weights = source.weights()?;
    let tokenizer = source.tokenizer_if_any()?;
    let inspection = Inspection::new(&source.to_string(), &weights, tokenizer.as_ref());
    if args.json {
        let text = serde_json::to_string_pretty(&inspection).context("the inspection")? + "\n";
        output::print(&text)?;
    } else {
        output::print(&report(&inspection))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn report(inspection: &Inspection) -> String {
    let config = &inspection.config;
    let count = render::thousands;
    let mut text = String::new();
    let mut row = |key: &str, value: String| {
        // Writing to a String does not fail.
        let _ = writeln!(text, "{key:<32}{value}");
    };
    row("model", inspection.name.clone());
    for file in &inspection.files {
        row("file", file.display().to_string());
    }
    for (key, value) in [
        ("n_layer", config.n_layer),
        ("n_head", config.n_head),
        ("n_embd", config.n_embd),
        ("n_inner", config.n_inner),
        ("n_positions", config.n_positions),
        ("vocab_size", config.vocab_size),
    ] {
        row(key, value.to_string());
    }
    row("layer_norm_epsilon", format!("{:e}", config.layer_norm_epsilon));
    row("activation_function", config.activation_function.to_string());
    row("scale_attn_weights", config.scale_attn_weights.to_string());
    row("scale_attn_by_inverse_layer_idx", config.scale_attn_by_inverse_layer_idx.to_string());
    row("reorder_and_upcast_attn", config.reorder_and_upcast_attn.to_string());
    row("eos_token_id", config.eos_token_id.map_or("none".to_owned(), |id| id.to_string()));
    row("output head", if inspection.tied { "tied to wte" } else { "its own lm_head" }.to_owned());

    let parameters = &inspection.parameters;
    row("parameters", count(parameters.total));
    for (kind, n) in [
        ("  token embedding", parameters.token_embedding),
        ("  position embedding", parameters.position_embedding),
        ("  attention", parameters.attention),
        ("  feed-forward", parameters.feed_forward),
        ("  LayerNorm", parameters.layer_norm),
        ("  output head", parameters.output_head),
    ] {
        row(kind, count(n));
    }
    for (dtype, n) in &inspection.dtypes {
        row("stored as", format!("{dtype} ({})", count(*n)));
    }
    row("bytes", count(inspection.bytes));
    let tokens = |n: usize| format!("{} tokens", count(n));
    row("tokenizer", inspection.tokenizer_size.map_or("none".to_owned(), tokens));
    for name in &inspection.ignored {
        row("not used", name.clone());
    }
    for tensor in &inspection.non_finite {
        row("NaN or infinite", format!("{} elements of {}", count(tensor.count), tensor.tensor));
    }
    if inspection.non_finite.is_empty() {
        row("NaN or infinite", "none".to_owned());
    }
    text
}
