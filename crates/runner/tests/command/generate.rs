use std::io::Read;
use std::process::Stdio;

use serde_json::Value;

use crate::support::{command, gpt2};

fn greedy() -> Value {
    serde_json::from_str(gpt2_demo::GREEDY_JSON).expect("JSON")
}

#[test]
fn the_demo_says_what_huggingface_makes_it_say() {
    let greedy = greedy();
    let (prompt, n) = (greedy["prompt"].as_str().expect("text"), greedy["n"].to_string());
    let base =
        ["generate", "--model", "demo", "--prompt", prompt, "-n", n.as_str(), "--ignore-eos"];

    let json = gpt2(&[&base[..], &["--json"]].concat()).exits(0);
    let json: Value = serde_json::from_str(&json.stdout).expect("one JSON object");
    for key in ["ids", "generated", "text"] {
        assert_eq!(json[key], greedy[key], "{key}");
    }
    assert_eq!(json["stop"], "length");

    let text = gpt2(&base).exits(0);
    assert_eq!(text.stdout, format!("{prompt}{}\n", greedy["text"].as_str().expect("text")));

    let ids = gpt2(&[&base[..], &["--ids-out"]].concat()).exits(0);
    let ids: Vec<Value> = ids
        .stdout
        .trim()
        .split(',')
        .map(|id| Value::from(id.parse::<u64>().expect("an id")))
        .collect();
    assert_eq!(Value::Array(ids), greedy["generated"]);
}

#[test]
fn the_seed_decides_what_is_sampled() {
    let sample = |seed: &str| {
        let args = ["--temperature", "0.9", "--top-k", "50", "--top-p", "0.95", "--seed", seed];
        let base = ["generate", "--model", "demo", "--prompt", "To be", "-n", "24", "--ids-out"];
        gpt2(&[&base[..], &args].concat()).exits(0).stdout
    };
    assert_eq!(sample("1"), sample("1"));
    assert_ne!(sample("1"), sample("2"));
}

#[test]
fn threads_do_not_change_what_is_said() {
    let with = |threads: &str| {
        let args =
            ["generate", "--model", "demo", "--prompt", "To be", "-n", "24", "--threads", threads];
        gpt2(&args).exits(0).stdout
    };
    assert_eq!(with("1"), with("3"));
}

#[test]
fn a_reader_who_goes_away_is_no_error() {
    let mut child = command(&["generate", "--model", "demo", "--prompt", "ROMEO:", "-n", "200"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the command starts");
    drop(child.stdout.take());
    let mut stderr = String::new();
    child.stderr.take().expect("a pipe").read_to_string(&mut stderr).expect("text");
    assert_eq!((child.wait().expect("an end").code(), stderr.as_str()), (Some(0), ""));
}
