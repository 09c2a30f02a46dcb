use crate::Config;

impl Config {
    /// The configuration of a published size: `gpt2`, `gpt2-medium`, `gpt2-large`, `gpt2-xl`,
    /// `distilgpt2`; `None` for another name.
    ///
    /// From the `config.json` of the repositories of these names.
    #[must_use]
    pub fn preset(name: &str) -> Option<Self> {
        let (n_layer, n_head, n_embd) = match name {
            "gpt2" => (12, 12, 768),
            "gpt2-medium" => (24, 16, 1024),
            "gpt2-large" => (36, 20, 1280),
            "gpt2-xl" => (48, 25, 1600),
            "distilgpt2" => (6, 12, 768),
            _ => return None,
        };
        Some(Self { n_layer, n_head, n_embd, n_inner: 4 * n_embd, ..Self::default() })
    }

    /// The names that [`Config::preset`] knows.
    pub const PRESETS: [&str; 5] = ["gpt2", "gpt2-medium", "gpt2-large", "gpt2-xl", "distilgpt2"];
}
