use std::ops::ControlFlow;
use std::process::ExitCode;

use anyhow::Context;
use gpt2_runner::{GenerationOptions, Sampling, generate, generate_ids};

use crate::cli::{ComputeArgs, ModelName, PromptArgs};
use crate::output;

/// Continue a text
///
/// Greedy unless a temperature is given. The text streams to stdout, the prompt first; of a model
/// without a tokenizer it is the ids of the new tokens.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  gpt2 generate --model demo --prompt \"ROMEO:\" -n 60
  gpt2 generate --model demo --prompt \"ROMEO:\" -n 60 --ids-out
  gpt2 generate --model path/to/synthetic --ids 464,3290
  gpt2 generate --model path/to/gpt2 --prompt \"Once upon\" -n 100 --temperature 0.8 --top-k 40 --seed 7")]
pub(crate) struct Args {
    /// `demo`, or a directory with config.json and model.safetensors
    #[arg(long, value_name = "MODEL")]
    model: ModelName,
    #[command(flatten)]
    prompt: PromptArgs,
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
    let tokenizer = source.tokenizer_if_any()?;
    let ids = args.prompt.ids(&source)?;
    let model = args.compute.model(&source.weights()?)?;
    let sampling = Sampling {
        temperature: args.temperature,
        top_k: args.top_k,
        top_p: args.top_p,
        seed: args.seed,
    };
    let options = GenerationOptions { n: args.n, sampling, stop_at_eos: !args.ignore_eos };

    let mut out = Stream { shown: !args.ids_out && !args.json, begun: false };
    let generation = match &tokenizer {
        Some(tokenizer) => {
            let prompt = match &args.prompt.prompt {
                Some(text) => text.clone(),
                None => tokenizer.decode(&ids)?,
            };
            let on_text = |text: &str| out.push(&prompt, text);
            generate(&model, tokenizer, &ids, options, on_text)?
        }
        None => generate_ids(&model, &ids, options, |id| {
            let comma = if out.begun { "," } else { "" };
            out.push("", &format!("{comma}{id}"))
        })?,
    };

    if args.json {
        output::print(&(serde_json::to_string(&generation).context("the generation")? + "\n"))?;
    } else if args.ids_out {
        let ids: Vec<String> = generation.generated.iter().map(ToString::to_string).collect();
        output::print(&(ids.join(",") + "\n"))?;
    } else {
        output::print(if out.begun { "\n" } else { "" })?;
    }
    Ok(ExitCode::SUCCESS)
}

/// What is printed as it comes.
struct Stream {
    shown: bool,
    begun: bool,
}

impl Stream {
    /// A piece more; `first` goes before the first piece, since only then is it certain that the model
    /// takes the prompt. Breaks when nobody reads any more.
    fn push(&mut self, first: &str, text: &str) -> ControlFlow<()> {
        if !self.shown {
            return ControlFlow::Continue(());
        }
        let reading = (self.begun || output::stream(first)) && output::stream(text);
        self.begun = true;
        if reading { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    }
}
