use std::ops::ControlFlow;
use std::process::ExitCode;

use anyhow::Context;
use gpt2_runner::{GenerationOptions, Sampling, generate};

use crate::cli::{ComputeArgs, ModelName};
use crate::output;

/// Continue a text
///
/// Greedy unless a temperature is given. The text streams to stdout, the prompt first.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  gpt2 generate --model demo --prompt \"ROMEO:\" -n 60
  gpt2 generate --model demo --prompt \"ROMEO:\" -n 60 --ids-out
  gpt2 generate --model path/to/gpt2 --prompt \"Once upon\" -n 100 --temperature 0.8 --top-k 40 --seed 7")]
pub(crate) struct Args {
    /// `demo`, or a directory with config.json and model.safetensors
    #[arg(long, value_name = "MODEL")]
    model: ModelName,
    /// The text to continue
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    prompt: String,
    /// How many tokens to generate, at most
    #[arg(short, value_name = "N", default_value_t = 32)]
    n: usize,
    /// Go on after the end-of-text token
    #[arg(long)]
    ignore_eos: bool,
    /// 0 takes the likeliest token, 1 samples from the model's distribution
    #[arg(long, value_name = "T", default_value_t = 0.0)]
    temperature: f64,
    /// Sample from the K likeliest tokens
    #[arg(long, value_name = "K")]
    top_k: Option<usize>,
    /// Sample from the likeliest tokens that have the probability P together
    #[arg(long, value_name = "P", default_value_t = 1.0)]
    top_p: f64,
    /// The same seed samples the same text
    #[arg(long, value_name = "SEED", default_value_t = 0)]
    seed: u64,
    /// Print the ids of the generated tokens instead of the text
    #[arg(long, conflicts_with = "json")]
    ids_out: bool,
    /// Print one JSON object instead of the text: ids, generated, text, stop
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    compute: ComputeArgs,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let source = args.model.resolve()?;
    let tokenizer = source.tokenizer()?;
    let ids = tokenizer.encode(&args.prompt)?;
    let model = args.compute.model(&source.weights()?)?;
    let sampling = Sampling {
        temperature: args.temperature,
        top_k: args.top_k,
        top_p: args.top_p,
        seed: args.seed,
    };
    let options = GenerationOptions { n: args.n, sampling, stop_at_eos: !args.ignore_eos };

    let streams = !args.ids_out && !args.json;
    let mut begun = false;
    let generation = generate(&model, &tokenizer, &ids, options, |text| {
        if !streams {
            return ControlFlow::Continue(());
        }
        // Only now is it certain that the model takes the prompt.
        let reading = (begun || output::stream(&args.prompt)) && output::stream(text);
        begun = true;
        if reading { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    })?;

    if args.json {
        output::print(&(serde_json::to_string(&generation).context("the generation")? + "\n"))?;
    } else if args.ids_out {
        let ids: Vec<String> = generation.generated.iter().map(ToString::to_string).collect();
        output::print(&(ids.join(",") + "\n"))?;
    } else {
        output::print(if begun { "\n" } else { "" })?;
    }
    Ok(ExitCode::SUCCESS)
}
