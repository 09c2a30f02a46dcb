//! The real vocabulary of GPT-2 on awkward text: the ids of HuggingFace's tokenizer.

use gpt2_runner::Tokenizer;
use gpt2_tests::{root, skipped, tokenizer_files};

struct Case {
    name: String,
    text: String,
    ids: Vec<u32>,
}

fn cases() -> Vec<Case> {
    let path = root().join("tests/data/tokenizer/cases.json");
    let text = std::fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let json: Vec<serde_json::Value> = serde_json::from_slice(&text).expect("a list");
    let cases = json.into_iter().map(|case| Case {
        name: case["name"].as_str().expect("a name").to_owned(),
        text: case["text"].as_str().expect("a text").to_owned(),
        ids: serde_json::from_value(case["ids"].clone()).expect("ids"),
    });
    cases.collect()
}

/// GPT-2's own, or why it is not here.
fn gpt2() -> Result<Tokenizer, String> {
    let (vocab, merges) = tokenizer_files()?;
    Ok(Tokenizer::from_vocab_and_merges(&vocab, &merges).unwrap_or_else(|e| panic!("{e}")))
}

#[test]
fn agrees_with_huggingface() {
    let tokenizer = match gpt2() {
        Ok(tokenizer) => tokenizer,
        Err(why) => return skipped(module_path!(), &why),
    };
    assert_eq!(tokenizer.vocab_size(), 50257);
    assert_eq!(tokenizer.encode("Hello.").expect("text"), [15496, 13]);
    let cases = cases();
    assert!(cases.len() >= 40, "only {} cases", cases.len());
    for case in &cases {
        let ids = tokenizer.encode(&case.text).unwrap_or_else(|e| panic!("{}: {e}", case.name));
        assert_eq!(ids, case.ids, "{}: {:?}", case.name, case.text);
        let text = tokenizer.decode(&case.ids).unwrap_or_else(|e| panic!("{}: {e}", case.name));
        assert_eq!(text, case.text, "{}", case.name);
    }
}

/// The demo's tokenizer, which every machine has: every byte is in its vocabulary, so any text comes
/// back.
#[test]
fn any_text_comes_back_from_the_demo() {
    let tokenizer = Tokenizer::from_json(gpt2_demo::TOKENIZER_JSON, "the demo's tokenizer.json");
    let tokenizer = tokenizer.unwrap_or_else(|error| panic!("{error}"));
    for case in cases() {
        let ids = tokenizer.encode(&case.text).unwrap_or_else(|e| panic!("{}: {e}", case.name));
        let text = tokenizer.decode(&ids).unwrap_or_else(|e| panic!("{}: {e}", case.name));
        assert_eq!(text, case.text, "{}", case.name);
    }
}
