//! Which features the command `gpt2` needs for its arguments.

use std::path::Path;

/// `openblas` for `--backend openblas`; `hub` for a `--model` that is neither `demo` nor a directory.
pub(crate) fn features(args: &[String]) -> Vec<&'static str> {
    let mut features = Vec::new();
    if value(args, "--backend") == Some("openblas") {
        features.push("openblas");
    }
    if value(args, "--model").is_some_and(is_on_the_hub) {
        features.push("hub");
    }
    features
}

/// Whether a model has to be looked for in the cache of the hub: `NAME` or `OWNER/NAME`, and no
/// directory. Other paths are left to `gpt2`, which says that they are not there.
pub(crate) fn is_on_the_hub(model: &str) -> bool {
    let looks_like_a_path = model.starts_with(['.', '/', '~'])
        || model.split('@').next().unwrap_or_default().matches('/').count() > 1;
    model != "demo" && !looks_like_a_path && !Path::new(model).is_dir()
}

/// The value of `--key VALUE` or `--key=VALUE`.
fn value<'a>(args: &'a [String], key: &str) -> Option<&'a str> {
    let i = args.iter().position(|arg| {
        arg.strip_prefix(key).is_some_and(|rest| rest.is_empty() || rest.starts_with('='))
    })?;
    args[i].split_once('=').map(|(_, value)| value).or_else(|| args.get(i + 1).map(String::as_str))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn features_follow_the_arguments() {
        let features =
            |args: &str| features(&args.split_whitespace().map(str::to_owned).collect::<Vec<_>>());
        assert_eq!(features(""), [""; 0]);
        assert_eq!(features("--model demo --json x"), [""; 0]);
        assert_eq!(features("--model /"), [""; 0]);
        assert_eq!(features("--model ./typo"), [""; 0]);
        assert_eq!(features("--model path/to/typo"), [""; 0]);
        assert_eq!(features("--model gpt2"), ["hub"]);
        assert_eq!(features("--model owner/name@refs/pr/1"), ["hub"]);
        assert_eq!(features("--json x --model=gpt2-xl --backend=openblas"), ["openblas", "hub"]);
        assert_eq!(features("--backend openblas"), ["openblas"]);
        assert_eq!(features("--model"), [""; 0]);
    }
}
