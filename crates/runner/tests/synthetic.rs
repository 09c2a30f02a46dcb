//! Checkpoints from `gpt2 synth`, models without a tokenizer or with a larger vocabulary than it has,
//! and `gpt2 score`.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};
use tempfile::TempDir;

/// Runs `gpt2`; its exit code, stdout and stderr.
fn gpt2(args: &[&str]) -> (Option<i32>, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_gpt2")).args(args).output().expect("it starts");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

/// What a run printed, which must succeed.
#[track_caller]
fn stdout(args: &[&str]) -> String {
    let (code, stdout, stderr) = gpt2(args);
    assert_eq!(code, Some(0), "{stdout}{stderr}");
    stdout
}

/// A folder with `tiny.json`, the config of a model with `vocab_size` tokens.
fn tiny(vocab_size: usize) -> (TempDir, String, String) {
    let folder = TempDir::new().expect("a folder");
    let config = json!({
        "model_type": "gpt2", "n_layer": 2, "n_head": 2, "n_embd": 16, "n_positions": 32,
        "vocab_size": vocab_size, "eos_token_id": null, "n_ctx": 32,
        "task_specific_params": { "text-generation": { "do_sample": true, "max_length": 1000 } },
    });
    let path = |name: &str| folder.path().join(name).display().to_string();
    fs::write(path("tiny.json"), config.to_string()).expect("a file");
    let (config, out) = (path("tiny.json"), path("out"));
    (folder, config, out)
}

fn names(directory: &str) -> Vec<String> {
    let entries = fs::read_dir(directory).expect("a folder");
    let mut names: Vec<String> = entries
        .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

#[test]
fn a_checkpoint_is_written_once_and_replaced_only_when_told_to() {
    let (_folder, config, out) = tiny(61);
    let said = stdout(&["synth", &config, "--out", &out]);
    assert!(said.ends_with("out: 8,080 parameters, F32, 32,320 bytes, 1 file\n"), "{said}");
    assert_eq!(names(&out), ["config.json", "model.safetensors"]);
    fs::write(Path::new(&out).join("notes.txt"), "mine").expect("a file");

    let (code, _, stderr) = gpt2(&["synth", &config, "--out", &out, "--seed", "1"]);
    assert_eq!(code, Some(2));
    assert!(
        stderr.contains("config.json is there (one of 2 files): --force replaces them"),
        "{stderr}"
    );

    let sharded = ["synth", &config, "--out", &out, "--force", "--dtype", "bf16", "--shards", "2"];
    let said = stdout(&sharded);
    assert!(said.ends_with("BF16, 16,160 bytes, 2 files\n"), "{said}");
    let shards = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"];
    let expected =
        ["config.json", shards[0], shards[1], "model.safetensors.index.json", "notes.txt"];
    assert_eq!(names(&out), expected, "one file would hide the shards");
    stdout(&["inspect", "--model", &out]);
}

#[test]
fn what_cannot_be_made_is_said() {
    let (_folder, config, out) = tiny(61);
    for (args, says) in [
        (["synth", "gpt3", "--out", &out], "the sizes that need none are gpt2, gpt2-medium"),
        (["synth", &config, "--out", &config], "tiny.json"),
        (["synth", &out, "--out", &out], "out"),
    ] {
        let (code, _, stderr) = gpt2(&args);
        assert_eq!(code, Some(2), "{stderr}");
        assert!(stderr.contains(says), "{stderr}");
    }
    for option in [["--dtype", "int8"], ["--shards", "0"]] {
        assert_eq!(gpt2(&["synth", &config, "--out", &out, option[0], option[1]]).0, Some(2));
    }
}

#[test]
fn without_a_tokenizer_ids_go_in_and_come_out() {
    let (_folder, config, out) = tiny(61);
    stdout(&["synth", &config, "--out", &out]);
    let generate = ["generate", "--model", &out, "--ids", "5,17,60", "-n", "8"];
    let ids = stdout(&generate);
    let parsed: Vec<u32> = ids.trim().split(',').map(|id| id.parse().expect("an id")).collect();
    assert_eq!(parsed.len(), 8);
    assert_eq!(stdout(&[&generate[..], &["--ids-out"]].concat()), ids);
    let json: Value =
        serde_json::from_str(&stdout(&[&generate[..], &["--json"]].concat())).expect("JSON");
    assert_eq!((&json["generated"], &json["text"]), (&json!(parsed), &json!("")));

    let (code, _, stderr) = gpt2(&["generate", "--model", &out, "--prompt", "Hello."]);
    assert_eq!(code, Some(2));
    assert!(stderr.contains("no tokenizer.json"), "{stderr}");
}

#[test]
fn a_token_beyond_the_tokenizer_is_shown_as_unknown() {
    let (_folder, config, out) = tiny(2000);
    stdout(&["synth", &config, "--out", &out]);
    fs::write(Path::new(&out).join("tokenizer.json"), gpt2_demo::TOKENIZER_JSON).expect("a file");
    // Sampling at a high temperature reaches all over the vocabulary, half of which is padding.
    let generate = ["generate", "--model", &out, "--ids", "814,26,1999", "-n", "29"];
    let sample = [&generate[..], &["--temperature", "9", "--ignore-eos"]].concat();
    let ids = stdout(&[&sample[..], &["--ids-out"]].concat());
    let beyond =
        ids.trim().split(',').filter(|id| id.parse::<u32>().expect("an id") >= 1024).count();
    assert!(beyond > 5, "{ids}");
    let text = stdout(&sample);
    assert!(text.starts_with("ROMEO:\u{fffd}"), "{text}");
    assert!(text.matches('\u{fffd}').count() > beyond, "{text}");
}

#[test]
fn the_demo_scores_as_huggingface_says() {
    let scoring: Value = serde_json::from_str(gpt2_demo::SCORING_JSON).expect("JSON");
    let ids: Vec<String> =
        scoring["ids"].as_array().expect("ids").iter().map(Value::to_string).collect();
    let args = ["score", "--ids", &ids.join(","), "--rows", "4", "--row-len", "64", "--json"];
    let score: Value = serde_json::from_str(&stdout(&args)).expect("JSON");
    let number = |value: &Value| value.as_f64().expect("a number");
    let theirs = number(&scoring["mean_cross_entropy_f64"]);
    assert!((number(&score["mean_cross_entropy"]) - theirs).abs() < 1e-6, "{score} {theirs}");
    assert_eq!((&score["rows"], &score["tokens"]), (&json!(4), &json!(256)));

    let said = stdout(&["score", "--ids", &ids.join(","), "--row-len", "64"]);
    assert_eq!(
        said,
        "mean cross-entropy 2.755720 nats, perplexity 15.732 (256 tokens, rows of 64)\n"
    );
}

#[test]
fn what_cannot_be_scored_is_said() {
    for (ids, more, says) in [
        ("5", &[][..], "1 tokens in rows of 256: there is nothing to score"),
        ("5,6", &["--row-len", "0"][..], "there is nothing to score"),
        ("5,1024", &[][..], "1024"),
        ("5,6,7", &["--rows", "0"][..], "there is nothing to score"),
    ] {
        let (code, _, stderr) = gpt2(&[&["score", "--ids", ids], more].concat());
        assert_eq!(code, Some(2), "{stderr}");
        assert!(stderr.contains(says), "{stderr}");
    }
}
