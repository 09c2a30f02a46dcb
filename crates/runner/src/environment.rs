use std::collections::BTreeMap;
use std::path::Path;

use gpt2_tensor::Compute;
use serde::Serialize;
use sha2::{Digest, Sha256};

/// What was run on what: enough to run it again, or to see why two reports differ.
#[derive(Clone, Debug, Serialize)]
pub struct Environment {
    /// The processor by its own name, where the system tells it.
    pub cpu: Option<String>,
    /// The instruction sets of the CPU that matter here.
    pub cpu_features: Vec<&'static str>,
    /// How many hardware threads the process may use.
    pub cpus: usize,
    /// `x86_64 linux` and the like.
    pub target: String,
    /// The instructions that the native kernels used.
    pub isa: &'static str,
    /// The threads that the native kernels used.
    pub threads: usize,
    /// The compiler.
    pub rustc: &'static str,
    /// `release` or `debug`.
    pub profile: &'static str,
    /// The optional features of this crate that are in the build.
    pub cargo_features: Vec<&'static str>,
    /// SHA-256 over all weights: of one line `name digest\n` for each parameter, sorted by name, where
    /// the digest is the SHA-256 of its stored bytes in hex.
    pub weights_sha256: String,
}

impl Environment {
    /// This process, computing with `compute`, on weights with these digests
    /// ([`gpt2_trace::fingerprint`]).
    pub fn new(compute: &Compute, weights: &BTreeMap<String, String>) -> Self {
        Environment {
            cpu: cpu_name(),
            cpu_features: cpu_features(),
            cpus: std::thread::available_parallelism().map_or(1, usize::from),
            target: format!("{} {}", std::env::consts::ARCH, std::env::consts::OS),
            isa: compute.isa().name(),
            threads: compute.threads(),
            rustc: env!("GPT2_RUSTC"),
            profile: if cfg!(debug_assertions) { "debug" } else { "release" },
            cargo_features: [
                ("hub", cfg!(feature = "hub")),
                ("openblas", cfg!(feature = "openblas")),
            ]
            .into_iter()
            .filter_map(|(name, on)| on.then_some(name))
            .collect(),
            weights_sha256: over(weights),
        }
    }
}

/// The SHA-256 of `bytes` in hex.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The SHA-256 of a file in hex; `None` if it cannot be read.
pub(crate) fn sha256_of_file(path: &Path) -> Option<String> {
    Some(sha256(&std::fs::read(path).ok()?))
}

fn over(digests: &BTreeMap<String, String>) -> String {
    let lines: String = digests.iter().map(|(name, digest)| format!("{name} {digest}\n")).collect();
    sha256(lines.as_bytes())
}

/// Linux says it in `/proc/cpuinfo`, under another key for each architecture.
fn cpu_name() -> Option<String> {
    name_in(&std::fs::read_to_string("/proc/cpuinfo").ok()?)
}

fn name_in(cpuinfo: &str) -> Option<String> {
    ["model name", "Model", "Hardware"].iter().find_map(|wanted| {
        let mut fields = cpuinfo.lines().filter_map(|line| line.split_once(':'));
        fields.find(|(key, _)| key.trim() == *wanted).map(|(_, value)| value.trim().to_owned())
    })
}

#[cfg(target_arch = "x86_64")]
fn cpu_features() -> Vec<&'static str> {
    let found = [
        ("sse4.2", std::is_x86_feature_detected!("sse4.2")),
        ("avx", std::is_x86_feature_detected!("avx")),
        ("f16c", std::is_x86_feature_detected!("f16c")),
        ("fma", std::is_x86_feature_detected!("fma")),
        ("avx2", std::is_x86_feature_detected!("avx2")),
        ("avx512f", std::is_x86_feature_detected!("avx512f")),
        ("avx512bw", std::is_x86_feature_detected!("avx512bw")),
        ("avx512vnni", std::is_x86_feature_detected!("avx512vnni")),
    ];
    found.into_iter().filter_map(|(name, there)| there.then_some(name)).collect()
}

#[cfg(target_arch = "aarch64")]
fn cpu_features() -> Vec<&'static str> {
    let found = [
        ("neon", std::arch::is_aarch64_feature_detected!("neon")),
        ("fp16", std::arch::is_aarch64_feature_detected!("fp16")),
        ("sve", std::arch::is_aarch64_feature_detected!("sve")),
    ];
    found.into_iter().filter_map(|(name, there)| there.then_some(name)).collect()
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
fn cpu_features() -> Vec<&'static str> {
    Vec::new()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_processor_has_a_name() {
        let cpuinfo = "processor\t: 0\nmodel\t\t: 85\nmodel name\t: A CPU @ 2.00GHz\n";
        assert_eq!(name_in(cpuinfo).as_deref(), Some("A CPU @ 2.00GHz"));
        assert_eq!(name_in("Hardware\t: BCM2835\n").as_deref(), Some("BCM2835"));
        assert_eq!(name_in(""), None);
    }

    #[test]
    fn the_digest_over_all_weights_is_of_the_lines() {
        let digests = [("b", "2"), ("a", "1")].map(|(k, v)| (k.to_owned(), v.to_owned())).into();
        assert_eq!(over(&digests), sha256(b"a 1\nb 2\n"));
    }
}
