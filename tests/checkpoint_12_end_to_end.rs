//! Checkpoint 12, end to end: greedy decoding, each step through the cache.

use gpt2_model::{Gpt2, greedy};
use gpt2_tests::{
    assert_agrees, assert_caught, assert_fails_at, demo_model, demo_references, demo_run, demo_runs,
};
use gpt2_trace::{Checkpoint, Tensor};
use ndarray::Array1;

#[test]
fn agrees_with_huggingface() {
    assert_agrees(demo_runs(), Checkpoint::EndToEnd, 5);
}

/// Sixty tokens, as HuggingFace's own `generate` gives them.
#[test]
fn agrees_with_generate() {
    let json: serde_json::Value = serde_json::from_str(gpt2_demo::GREEDY_JSON).expect("JSON");
    let ids = |field: &str| -> Vec<u32> {
        let list = json[field].as_array().expect("a list of ids");
        list.iter().map(|id| id.as_u64().expect("an id") as u32).collect()
    };
    let expected = ids("generated");
    assert_eq!(expected.len(), 60);
    let ours = demo_model().decode(&ids("ids"), expected.len(), &mut (), greedy);
    assert_eq!(ours.expect("it fits"), expected);
}

/// The mean cross-entropy of a text, as HuggingFace computes it in f64.
#[test]
fn agrees_on_the_score_of_a_text() {
    let json: serde_json::Value = serde_json::from_str(gpt2_demo::SCORING_JSON).expect("JSON");
    let ids: Vec<u32> = serde_json::from_value(json["ids"].clone()).expect("ids");
    let row_len = json["row_len"].as_u64().expect("a length") as usize;
    let rows = json["rows"].as_u64().expect("a number") as usize;
    assert_eq!(ids.len(), rows * row_len + 1);
    let model = demo_model();
    let mut sum = 0.0;
    for start in (0..rows * row_len).step_by(row_len) {
        let row = &ids[start..start + row_len];
        let logits = model.forward(row, &mut model.new_cache(), &mut ()).expect("it fits");
        for (logits, &next) in logits.outer_iter().zip(&ids[start + 1..]) {
            let max = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            let total: f64 = logits.iter().map(|&x| f64::from(x - max).exp()).sum();
            sum += total.ln() - f64::from(logits[next as usize] - max);
        }
    }
    let mean = sum / (rows * row_len) as f64;
    for dtype in ["f32", "f64"] {
        let expected = json[format!("mean_cross_entropy_{dtype}")].as_f64().expect("a number");
        assert!((mean - expected).abs() < 1e-6, "{mean}, HuggingFace in {dtype}: {expected}");
    }
}

/// What `decode` gives for the prompt of a reference must not pass for its generated ids.
fn assert_wrong_decoder(case: &str, decode: impl Fn(&Gpt2, &[u32], usize) -> Vec<u32>) {
    let (references, run) = demo_run(case);
    let ids = references.f32.ids().expect("ids");
    let generated = decode(demo_model(), &ids, references.f32.decode());
    let generated: Array1<i64> = generated.iter().map(|&id| i64::from(id)).collect();
    let tensor = Tensor::I64(generated.into_dyn());
    assert_fails_at(&references.hold_with(&run.ours, &[("generated", tensor)]), "generated");
}

/// A decoder that feeds only the last token, and has forgotten what was before it.
#[test]
fn forgetting_the_cache_fails() {
    assert_wrong_decoder("to_the_brim", |model, ids, n| {
        let mut tokens = ids.to_vec();
        for _ in 0..n {
            let last = &tokens[tokens.len() - 1..];
            let logits = model.next_logits(last, &mut model.new_cache(), &mut ());
            tokens.extend(greedy(logits.expect("one token fits").view()));
        }
        tokens.split_off(ids.len())
    });
}

/// A decoder that overwrites the last position of the cache instead of going on after it.
#[test]
fn cache_written_one_position_off_fails() {
    assert_wrong_decoder("to_the_brim", |model, ids, n| {
        let mut cache = model.new_cache();
        let mut feed = ids.to_vec();
        let mut generated = Vec::new();
        for step in 0..n {
            if step > 0 {
                cache.truncate(cache.len() - 1);
            }
            let logits = model.next_logits(&feed, &mut cache, &mut ()).expect("it fits");
            feed = vec![greedy(logits.view()).expect("a token")];
            generated.extend(&feed);
        }
        generated
    });
}

#[test]
fn the_least_likely_token_fails() {
    for references in demo_references() {
        assert_wrong_decoder(&references.name, |model, ids, n| {
            let choose = |logits: ndarray::ArrayView1<'_, f32>| greedy(logits.mapv(|x| -x).view());
            model.decode(ids, n, &mut (), choose).expect("it fits")
        });
    }
}

#[test]
fn one_token_less_fails() {
    assert_wrong_decoder("short", |model, ids, n| {
        model.decode(ids, n - 1, &mut (), greedy).expect("it fits")
    });
}

#[test]
fn known_mistakes_fail() {
    assert_caught(Checkpoint::EndToEnd, &["stale-logits"]);
}
