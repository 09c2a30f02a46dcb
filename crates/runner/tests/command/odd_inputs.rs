use crate::support::{arg, copy_of_demo, gpt2};

#[test]
fn no_command_shows_the_help() {
    gpt2(&[]).exits(2).says(&["Usage: gpt2", "Examples:"]);
    for command in ["validate", "generate", "inspect", "trace", "compare"] {
        gpt2(&[command, "--help"]).exits(0).says(&["Example", &format!("gpt2 {command}")]);
    }
    gpt2(&["--version"]).exits(0).says(&["gpt2 0."]);
}

#[test]
fn a_model_that_is_not_there() {
    for model in ["nowhere", "/nonexistent/model", "", "Cargo.toml"] {
        gpt2(&["inspect", "--model", model]).exits(2).says(&["error: "]);
    }
    gpt2(&["inspect", "--model", "/"]).exits(2).says(&["error: /config.json: No such file"]);
}

#[test]
fn an_error_is_said_once() {
    let ran = gpt2(&["inspect", "--model", "/"]).exits(2);
    assert_eq!(ran.stdout, "");
    assert_eq!(ran.stderr.lines().count(), 1, "{}", ran.stderr);
    assert_eq!(ran.stderr.matches("No such file").count(), 1, "{}", ran.stderr);
}

#[test]
fn prompts() {
    let generate =
        |prompt: &str, n: &str| gpt2(&["generate", "--model", "demo", "--prompt", prompt, "-n", n]);
    generate("", "4").exits(2).says(&["error: no tokens were given"]);
    generate("x", "300").exits(2).says(&["the context is full", "256 positions"]);
    generate(&"word ".repeat(400), "1").exits(2).says(&["the context is full"]);
    generate("x", "0").exits(0);
    generate("-n --prompt", "2").exits(0).says(&["-n --prompt"]);
    generate("é 42  🙂\r\n\u{1}\u{7f}漢字", "8").exits(0).says(&["é 42  🙂\r\n\u{1}\u{7f}漢字"]);
    generate("<|endoftext|>", "2").exits(0);
}

#[test]
fn sampling_parameters() {
    let with = |key: &str, value: &str| {
        gpt2(&["generate", "--model", "demo", "--prompt", "x", key, value]).exits(2)
    };
    with("--temperature", "-1").says(&["error"]);
    with("--temperature", "NaN").says(&["the temperature is NaN"]);
    with("--top-p", "0").says(&["top-p is 0"]);
    with("--top-k", "0").says(&["top-k is 0"]);
    with("--backend", "cuda").says(&["native"]);
}

#[test]
#[cfg(not(feature = "openblas"))]
fn a_build_without_openblas_says_how_to_get_it() {
    gpt2(&["validate", "--backend", "openblas"])
        .exits(2)
        .says(&["--features openblas", "libopenblas-dev"]);
}

#[test]
fn a_model_without_a_tokenizer() {
    let copy = copy_of_demo(&["one_token"]);
    std::fs::remove_file(copy.path().join("tokenizer.json")).expect("removed");
    let model = arg(copy.path());
    gpt2(&["generate", "--model", model, "--prompt", "x"]).exits(2).says(&["no tokenizer.json"]);
    gpt2(&["inspect", "--model", model]).exits(0).says(&["tokenizer", "none"]);
    let out = copy.path().join("ours.safetensors");
    gpt2(&["trace", "--model", model, "--ids", "1,2", "--out", arg(&out)]).exits(0);
    gpt2(&["validate", "--quick", "--model", model]).exits(0);

    std::fs::write(copy.path().join("tokenizer.json"), "{}").expect("written");
    gpt2(&["generate", "--model", model, "--prompt", "x"])
        .exits(2)
        .says(&["tokenizer.json: not a tokenizer"]);
}

#[test]
fn inspect_counts() {
    let ran = gpt2(&["inspect", "--model", "demo", "--json"]).exits(0);
    let report: serde_json::Value = serde_json::from_str(&ran.stdout).expect("JSON");
    let parameters = report["parameters"].as_object().expect("an object");
    let sum: u64 = parameters
        .iter()
        .filter(|(kind, _)| *kind != "total")
        .filter_map(|(_, n)| n.as_u64())
        .sum();
    assert_eq!(parameters["total"], sum);
    assert_eq!(sum, 1_155_456);
    assert_eq!(report["dtypes"]["F32"], sum);
    assert_eq!((&report["tied"], &report["tokenizer_size"]), (&true.into(), &1024.into()));
    gpt2(&["inspect", "--model", "demo"]).exits(0).says(&["1,155,456", "tied to wte", "gelu_new"]);
}
