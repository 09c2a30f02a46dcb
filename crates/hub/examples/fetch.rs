//! Fetches a model as the environment says: `cargo run -p gpt2-hub --example fetch -- gpt2`.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program, not a library")]

use std::error::Error;
use std::process::ExitCode;

use gpt2_hub::{Event, Hub, ModelId};

fn main() -> ExitCode {
    let name = std::env::args().nth(1).unwrap_or_else(|| "gpt2".to_owned());
    match fetch(&name) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn fetch(name: &str) -> Result<(), Box<dyn Error>> {
    let id: ModelId = name.parse()?;
    let hub = Hub::from_vars(|name| std::env::var_os(name))?;
    let folder = hub.fetch(&id, &|event: &Event<'_>| match event {
        Event::Received { file, offset, size: Some(size), .. } => {
            eprint!("\r{file} {} of {} kB ", offset / 1000, size / 1000);
        }
        Event::Retrying { wait, error, .. } => eprintln!("\n{error}; again in {wait:.1?}"),
        Event::Finished { .. } => eprintln!(),
        _ => {}
    })?;
    println!("{}", folder.display());
    Ok(())
}
