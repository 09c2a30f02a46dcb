use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use anyhow::{Context, Result, bail};
use serde_json::Value;

/// An engine that runs and answers.
pub(crate) struct Process {
    pub(crate) key: &'static str,
    /// `gpt2-rs, native`; `transformers`.
    pub(crate) name: String,
    pub(crate) version: String,
    child: Child,
    /// Closed to end it.
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
    /// What it writes to stderr.
    log: PathBuf,
}

impl Process {
    /// Starts it, and does not wait.
    pub(crate) fn spawn(key: &'static str, command: &mut Command, log: PathBuf) -> Result<Self> {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(File::create(&log).with_context(|| log.display().to_string())?)
            .spawn()
            .with_context(|| format!("cannot start {}", command.get_program().display()))?;
        let input = child.stdin.take();
        let output = BufReader::new(child.stdout.take().context("no stdout")?);
        Ok(Process { key, name: key.to_owned(), version: String::new(), child, input, output, log })
    }

    /// Waits until it is loaded.
    pub(crate) fn wait_until_ready(&mut self) -> Result<()> {
        let ready = self.read()?;
        let text = |field: &str| ready[field].as_str().map(str::to_owned);
        self.name = text("engine").context("the engine does not say what it is")?;
        self.version = text("version").unwrap_or_default();
        Ok(())
    }

    /// Sends a request and waits for the reply.
    pub(crate) fn ask(&mut self, request: &Value) -> Result<Value> {
        self.send(request)?;
        self.read()
    }

    pub(crate) fn send(&mut self, request: &Value) -> Result<()> {
        let input = self.input.as_mut().context("the engine's input is closed")?;
        writeln!(input, "{request}").and_then(|()| input.flush()).with_context(|| self.key)
    }

    pub(crate) fn read(&mut self) -> Result<Value> {
        let mut line = String::new();
        self.output.read_line(&mut line)?;
        if line.is_empty() {
            let log = std::fs::read_to_string(&self.log).unwrap_or_default();
            bail!("it ended, {}: {}", self.child.wait()?, last_line(&log));
        }
        serde_json::from_str(&line).with_context(|| format!("{} says: {line}", self.key))
    }

    /// The most bytes that were resident so far, mapped files included; Linux only.
    pub(crate) fn peak_memory(&self) -> Option<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
        Some(1024 * line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?)
    }
}

/// Of all that a failed program said, what went wrong.
pub(crate) fn last_line(text: &str) -> &str {
    text.lines().rfind(|line| !line.trim().is_empty()).unwrap_or("it said nothing")
}

impl Drop for Process {
    fn drop(&mut self) {
        // It ends when its input does; an engine that hangs is ended.
        drop(self.input.take());
        for _ in 0..50 {
            match self.child.try_wait() {
                Ok(None) => std::thread::sleep(std::time::Duration::from_millis(100)),
                _ => return,
            }
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
