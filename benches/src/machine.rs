//! What a table of results must say about where and when it was made.

use std::process::Command;

use serde::Serialize;

/// Where and when.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Machine {
    /// `2026-01-31`, UTC.
    pub(crate) date: String,
    /// As the CPU calls itself.
    pub(crate) cpu: String,
    /// How many the process may use.
    pub(crate) cpus: usize,
    /// The instructions that the native kernels choose here.
    pub(crate) isa: &'static str,
}

impl Machine {
    pub(crate) fn detect() -> Self {
        Machine {
            date: output("date", &["-u", "+%Y-%m-%d"]),
            cpu: cpu(),
            cpus: std::thread::available_parallelism().map_or(1, usize::from),
            isa: gpt2_tensor::Isa::detect().name(),
        }
    }
}

impl std::fmt::Display for Machine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}, {}, {} CPUs, {}", self.date, self.cpu, self.cpus, self.isa)
    }
}

/// The model name; where that is bare, as in many virtual machines, the family and model too.
fn cpu() -> String {
    let Ok(info) = std::fs::read_to_string("/proc/cpuinfo") else {
        return output("sysctl", &["-n", "machdep.cpu.brand_string"]);
    };
    let field = |name: &str| {
        let line = info.lines().find(|line| line.split(':').next().map(str::trim) == Some(name))?;
        Some(line.split_once(':')?.1.trim())
    };
    match (field("model name"), field("cpu family"), field("model")) {
        (Some(name), Some(family), Some(model)) => {
            format!("{name} (family {family}, model {model})")
        }
        (Some(name), ..) => name.to_owned(),
        _ => std::env::consts::ARCH.to_owned(),
    }
}

fn output(program: &str, args: &[&str]) -> String {
    Command::new(program)
        .args(args)
        .output()
        .ok()
        .and_then(|output| String::from_utf8(output.stdout).ok())
        .map_or_else(|| "unknown".to_owned(), |text| text.trim().to_owned())
}
