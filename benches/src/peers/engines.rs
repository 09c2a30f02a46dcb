use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde::Serialize;

use super::process::{Process, last_line};
use super::{Args, venv};

const OURS: &str = "native";

/// A program that answers the protocol.
pub(crate) struct Engine {
    /// `native`, `openblas`, or the stem of its files under `benches/peers`.
    pub(crate) key: &'static str,
    program: PathBuf,
    args: Vec<OsString>,
    env: Vec<(&'static str, String)>,
}

/// One that could not be had.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Absent {
    pub(crate) name: String,
    pub(crate) reason: String,
}

impl Absent {
    pub(crate) fn new(name: &str, error: &anyhow::Error) -> Self {
        let reason = format!("{error:#}").replace(['\n', '|'], " ");
        eprintln!("{name} is absent: {reason}");
        Absent { name: name.to_owned(), reason }
    }
}

/// The engines written in Python, and the packages of each.
const PYTHON: [(&str, &[&str]); 4] = [
    ("transformers", &["torch", "transformers", "safetensors", "numpy"]),
    ("llama_cpp", &["llama-cpp-python", "gguf", "safetensors", "numpy"]),
    ("ctranslate2", &["ctranslate2", "safetensors", "numpy"]),
    ("onnxruntime", &["onnxruntime", "onnx", "safetensors", "numpy"]),
];

impl Engine {
    fn new(key: &'static str, program: impl Into<PathBuf>) -> Self {
        Engine { key, program: program.into(), args: Vec::new(), env: Vec::new() }
    }

    fn args(mut self, args: impl IntoIterator<Item = impl Into<OsString>>) -> Self {
        self.args.extend(args.into_iter().map(Into::into));
        self
    }

    pub(crate) fn is_ours(&self) -> bool {
        self.key == OURS
    }

    /// Starts it on a model, and does not wait.
    pub(crate) fn spawn(&self, model: &Path, threads: usize) -> Result<Process> {
        let mut command = Command::new(&self.program);
        command.args(&self.args).arg("--model").arg(model);
        command.args(["--threads", &threads.to_string()]);
        command.envs(self.env.iter().map(|(name, value)| (name, value)));
        Process::spawn(self.key, &mut command, model.join(format!("{}.log", self.key)))
    }

    /// Starts it and waits until the model is loaded.
    pub(crate) fn start(&self, model: &Path, threads: usize) -> Result<Process> {
        let mut process = self.spawn(model, threads)?;
        process.wait_until_ready()?;
        Ok(process)
    }
}

/// Ours first, then all that can be had here, with `models` converted for each.
pub(crate) fn prepare(
    args: &Args,
    work: &Path,
    models: &[&Path],
) -> Result<(Vec<Engine>, Vec<Absent>)> {
    let this = std::env::current_exe().context("where this program is")?;
    let mut engines = vec![Engine::new(OURS, this).args(["engine"])];
    let mut absent = Vec::new();
    if let Some(openblas) = args.openblas.as_ref().filter(|_| args.wants("openblas")) {
        let mut engine =
            Engine::new("openblas", openblas).args(["engine", "--backend", "openblas"]);
        engine.env.extend(args.better_core.clone().map(|core| ("OPENBLAS_CORETYPE", core)));
        engines.push(engine);
    }
    for (key, packages) in PYTHON.into_iter().filter(|(key, _)| args.wants(key)) {
        match python(key, packages, args, work, models) {
            Ok(engine) => engines.push(engine),
            Err(error) => absent.push(Absent::new(key, &error)),
        }
    }
    if args.wants("candle") {
        match candle(args, work) {
            Ok(engine) => engines.push(engine),
            Err(error) => absent.push(Absent::new("candle", &error)),
        }
    }
    Ok((engines, absent))
}

fn python(
    key: &'static str,
    packages: &[&str],
    args: &Args,
    work: &Path,
    models: &[&Path],
) -> Result<Engine> {
    let python = match &args.venv {
        Some(venv) => venv::interpreter(venv),
        None => venv::ready(
            &work.join("venv").join(key),
            &args.scripts.join("requirements.txt"),
            packages,
        )?,
    };
    let convert = args.scripts.join(format!("{key}_convert.py"));
    if convert.exists() {
        for model in models {
            // Kept from an earlier run unless the weights or the script are newer.
            let stamp = model.join(format!("{key}.converted"));
            if ![&model.join("model.safetensors"), &convert].iter().all(|x| is_older(x, &stamp)) {
                eprintln!("{key}: converting {}", model.display());
                succeed(Command::new(&python).arg(&convert).arg(model))?;
                std::fs::write(&stamp, "")?;
            }
        }
    }
    Ok(Engine::new(key, python).args([args.scripts.join(format!("{key}_engine.py"))]))
}

/// Built for this CPU, as its authors advise.
fn candle(args: &Args, work: &Path) -> Result<Engine> {
    let target = work.join("candle");
    eprintln!("candle: building");
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args(["build", "--quiet", "--release", "--locked", "--manifest-path"]);
    cargo.arg(args.scripts.join("candle/Cargo.toml")).arg("--target-dir").arg(&target);
    succeed(cargo.env("RUSTFLAGS", "-C target-cpu=native"))?;
    Ok(Engine::new("candle", target.join("release/candle-gpt2")))
}

fn is_older(file: &Path, than: &Path) -> bool {
    let modified = |path: &Path| path.metadata().and_then(|metadata| metadata.modified()).ok();
    matches!((modified(file), modified(than)), (Some(file), Some(than)) if file <= than)
}

/// Runs to the end; the error is the last line that it wrote.
pub(crate) fn succeed(command: &mut Command) -> Result<()> {
    let program = command.get_program().display().to_string();
    let output = command.output().with_context(|| format!("cannot start {program}"))?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    ensure!(output.status.success(), "{program}: {}: {}", output.status, last_line(&said));
    Ok(())
}
