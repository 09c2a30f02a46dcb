use gpt2_trace::Trace;
use tempfile::TempDir;

use crate::support::{arg, demo_reference, gpt2};

#[test]
fn text_and_ids_give_the_trace_that_huggingface_gives() {
    let directory = TempDir::new().expect("a temporary directory");
    let out = directory.path().join("ours.safetensors");
    for prompt in [["--prompt", "ROMEO:\nBut soft"], ["--ids", "814,26,199,450,366,70,84"]] {
        let args = ["trace", "--model", "demo", "--decode", "4", "--out", arg(&out)];
        gpt2(&[&args[..], &prompt].concat()).exits(0).says(&["7 prompt tokens, 4 decoded"]);
        let trace = Trace::open(&out).expect("a trace");
        assert_eq!(trace.ids(), Some(vec![814, 26, 199, 450, 366, 70, 84]));
        assert_eq!(trace.metadata["model"], "demo");
        assert!(trace.weights().is_some_and(|weights| weights.contains_key("wte.weight")));
        gpt2(&["compare", arg(&out), &demo_reference("short")]).exits(0).says(&["PASS: agrees"]);
    }
}

#[test]
fn what_cannot_be_traced_is_said() {
    let out = "/nonexistent/ours.safetensors";
    let trace = |args: &[&str]| {
        gpt2(&[&["trace", "--model", "demo", "--out", out], args].concat()).exits(2)
    };
    trace(&["--ids", "1"]).says(&["error: /nonexistent/ours.safetensors: No such file"]);
    trace(&["--ids", "1,5000"]).says(&["token 5000", "1024"]);
    trace(&["--ids", "1", "--decode", "257"]).says(&["the context is full"]);
    trace(&["--ids", "1", "--decode", "0"]).says(&["--decode"]);
    trace(&["--ids", "1,x"]).says(&["--ids"]);
    trace(&["--ids", "-1"]).says(&["error"]);
    trace(&["--prompt", ""]).says(&["no tokens"]);
    trace(&[]).says(&["--prompt", "--ids"]);
    trace(&["--prompt", "x", "--ids", "1"]).says(&["cannot be used with"]);
}
