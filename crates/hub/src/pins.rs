//! Files whose bytes are known beforehand, whatever the server says about them.

use crate::ModelId;

/// A file that must be exactly this one.
#[derive(Debug)]
pub(crate) struct Pin {
    repository: &'static str,
    commit: &'static str,
    file: &'static str,
    pub(crate) size: Option<u64>,
    pub(crate) sha256: &'static str,
}

/// The commit of `openai-community/gpt2` that the sizes and hashes below were taken from.
const GPT2: &str = "607a30d783dfa663caf39e06633721c8d4cfcd7e";

const PINS: [Pin; 3] = [
    Pin {
        repository: "openai-community/gpt2",
        commit: GPT2,
        file: "model.safetensors",
        size: Some(548_105_171),
        sha256: "248dfc3911869ec493c76e65bf2fcf7f615828b0254c12b473182f0f81d3a707",
    },
    Pin {
        repository: "openai-community/gpt2",
        commit: GPT2,
        file: "vocab.json",
        size: None,
        sha256: "196139668be63f3b5d6574427317ae82f612a97c5d1cdaf36ed2256dbf636783",
    },
    Pin {
        repository: "openai-community/gpt2",
        commit: GPT2,
        file: "merges.txt",
        size: None,
        sha256: "1ce1664773c50f3e0cc8842619a93edc4624525b728b188a9e0be33b7726adc5",
    },
];

/// What is known of a file beforehand.
pub(crate) fn find(id: &ModelId, commit: &str, file: &str) -> Option<&'static Pin> {
    let repository = id.repository();
    PINS.iter().find(|pin| pin.repository == repository && pin.commit == commit && pin.file == file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pin_is_well_formed() {
        for pin in &PINS {
            assert!(crate::id::is_commit(pin.commit), "{pin:?}");
            assert!(pin.repository.parse::<ModelId>().is_ok(), "{pin:?}");
            assert!(
                pin.sha256.len() == 64 && pin.sha256.bytes().all(|b| b.is_ascii_hexdigit()),
                "{pin:?}"
            );
        }
    }

    #[test]
    fn a_pin_holds_for_its_commit_alone() {
        let id: ModelId = "gpt2".parse().expect("an id");
        assert!(find(&id, GPT2, "model.safetensors").is_some());
        assert!(find(&id, &"0".repeat(40), "model.safetensors").is_none());
        assert!(find(&id, GPT2, "config.json").is_none());
        let other: ModelId = "gpt2-xl".parse().expect("an id");
        assert!(find(&other, GPT2, "model.safetensors").is_none());
    }
}
