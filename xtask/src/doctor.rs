use std::fmt::Write;
use std::path::PathBuf;
use std::process::{Command, ExitCode};

use anyhow::Result;

use crate::openblas::{self, OpenBlas};
use crate::{process, python};

/// What is on this machine: CPU, Rust, OpenBLAS, Python, models
#[derive(clap::Args)]
pub(crate) struct Args {}

pub(crate) fn run(_: &Args) -> Result<ExitCode> {
    let mut text = String::new();
    for (key, value) in [
        ("CPU", cpu()),
        ("instructions", instructions()),
        ("cores", cores()),
        (
            "Rust",
            process::output(Command::new("rustc").arg("--version"))
                .unwrap_or_else(|| "no rustc".to_owned()),
        ),
        ("OpenBLAS", openblas()),
        ("Python", python()),
        ("models", models()),
    ] {
        for (i, line) in value.lines().enumerate() {
            // Writing to a String does not fail.
            let _ = writeln!(text, "{:<14}{line}", if i == 0 { key } else { "" });
        }
    }
    process::print(&text)?;
    Ok(ExitCode::SUCCESS)
}

fn cpu() -> String {
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = info
        .lines()
        .find(|line| line.starts_with("model name"))
        .and_then(|line| line.split_once(": "));
    format!("{} ({})", name.map_or("unknown", |(_, name)| name), std::env::consts::ARCH)
}

/// The threads that this process may use, and the physical cores they are on.
fn cores() -> String {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let of =
        |cpu: &str, key: &str| cpu.lines().find(|line| line.starts_with(key)).map(str::to_owned);
    let mut cores: Vec<_> = info
        .split("\n\n")
        .filter_map(|cpu| Some((of(cpu, "physical id")?, of(cpu, "core id")?)))
        .collect();
    cores.sort();
    cores.dedup();
    match cores.len() {
        0 => format!("{threads} threads"),
        n => format!("{n} physical, {threads} threads for this process"),
    }
}

#[cfg(target_arch = "x86_64")]
fn instructions() -> String {
    macro_rules! detected {
        ($($name:tt)*) => {
            [$(($name, std::arch::is_x86_feature_detected!($name))),*]
        };
    }
    let all = detected!("avx" "avx2" "fma" "f16c" "avx512f" "avx512bw" "avx512vl" "avx512dq" "avx512vnni" "avx512bf16");
    let have = |wanted: bool| {
        let names: Vec<&str> =
            all.iter().filter(|(_, has)| *has == wanted).map(|(name, _)| *name).collect();
        if names.is_empty() { "none".to_owned() } else { names.join(" ") }
    };
    format!("{} (not: {})", have(true), have(false))
}

#[cfg(not(target_arch = "x86_64"))]
fn instructions() -> String {
    "the portable kernels are used".to_owned()
}

fn openblas() -> String {
    let Some(found) = OpenBlas::find() else {
        return "not found; only `--backend openblas` and some benches want it (Debian: libopenblas-dev)".to_owned();
    };
    let core = found.core.as_deref().unwrap_or("unknown");
    let mut text = format!("{}\nkernels for {core}", found.library.display());
    if let Some(better) = found.better_core() {
        text += &format!(
            ", which waste this CPU: it is newer than this OpenBLAS. Set OPENBLAS_CORETYPE={better};\n\
             `cargo xtask` does so where it starts OpenBLAS"
        );
    }
    if !openblas::can_be_linked() {
        text += "\nprograms cannot be linked with it: install libopenblas-dev";
    }
    text
}

fn python() -> String {
    let python = python::of_the_machine().map_or("none".to_owned(), |(_, version)| version);
    let venv = match python::state() {
        python::Venv::Ready => ".venv is ready",
        python::Venv::Stale => ".venv is stale, `cargo xtask reference` makes it anew",
        python::Venv::Missing => "no .venv, `cargo xtask reference` makes it",
    };
    format!("{python}; {venv}")
}

/// The models in the cache that Python and `cargo xtask fetch` share.
fn models() -> String {
    let Some(cache) = cache() else { return "no HuggingFace cache: HOME is not set".to_owned() };
    let mut names: Vec<String> = std::fs::read_dir(&cache)
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter_map(|name| Some(name.strip_prefix("models--")?.replace("--", "/")))
        .collect();
    names.sort();
    if names.is_empty() {
        return format!("none in {}; `cargo xtask fetch gpt2` brings one", cache.display());
    }
    format!("{} in {}", names.join(", "), cache.display())
}

fn cache() -> Option<PathBuf> {
    let var = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    var("HF_HUB_CACHE")
        .or_else(|| var("HF_HOME").map(|home| home.join("hub")))
        .or_else(|| var("XDG_CACHE_HOME").map(|cache| cache.join("huggingface/hub")))
        .or_else(|| var("HOME").map(|home| home.join(".cache/huggingface/hub")))
}
