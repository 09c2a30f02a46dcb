//! What is known of a model from elsewhere: how a model is recognised, and what counts as agreeing.

use std::fs;
use std::path::Path;
use std::sync::LazyLock;

use gpt2_model::Gpt2;
use gpt2_runner::{
    Inspection, KnownAnswer, KnownAnswers, KnownResult, ModelSource, Question, Text, TextFile,
    TextPlaces, Tokenizer, Validation, Verdict, score,
};
use gpt2_trace::Tolerances;
use gpt2_weights::Gpt2Weights;

static WEIGHTS: LazyLock<Gpt2Weights> =
    LazyLock::new(|| ModelSource::Demo.weights().expect("the embedded model"));
static MODEL: LazyLock<Gpt2> = LazyLock::new(|| Gpt2::new(&WEIGHTS).expect("the embedded model"));

fn tokenizer() -> Tokenizer {
    ModelSource::Demo.tokenizer().expect("the embedded tokenizer")
}

fn builtin() -> KnownAnswers {
    KnownAnswers::builtin().expect("the data file")
}

fn of_demo() -> Vec<KnownAnswer> {
    builtin().of(&ModelSource::Demo, WEIGHTS.checkpoint()).expect("nothing to read").to_vec()
}

fn ask(answer: &KnownAnswer) -> KnownResult {
    answer.check(&MODEL, Some(&tokenizer()), &TextPlaces::default())
}

fn answer(question: Question) -> KnownAnswer {
    KnownAnswer { name: "a question".to_owned(), source: "a test".to_owned(), question }
}

fn problem(result: &KnownResult) -> &str {
    result.problem.as_deref().unwrap_or_default()
}

/// The number of answers known of the model in a directory.
fn known_in(path: &Path) -> usize {
    let source = ModelSource::directory(path);
    let weights = source.weights().expect("a model");
    builtin().of(&source, weights.checkpoint()).expect("readable").len()
}

#[test]
fn the_embedded_model_gives_every_answer_of_huggingface() {
    let answers = of_demo();
    assert_eq!(answers.len(), 3);
    for answer in &answers {
        let result = ask(answer);
        assert_eq!(result.verdict, Verdict::Pass, "{result:?}");
    }
}

#[test]
fn another_answer_fails_and_says_how() {
    for mut answer in of_demo() {
        let says = match &mut answer.question {
            Question::GreedyIds { expected, .. } => {
                expected[7] += 1;
                "token 7 is 458, it should be 459"
            }
            Question::GreedyText { expected, .. } => {
                expected.push('!');
                "it is \"\\nI'll tell thee"
            }
            Question::CrossEntropy { expected, .. } => {
                *expected += 1.1e-5;
                "2.755720 is 1.1e-5 from 2.755731, allowed 1.0e-5"
            }
            other => panic!("{other:?}"),
        };
        let result = ask(&answer);
        assert_eq!(result.verdict, Verdict::Fail, "{result:?}");
        assert!(problem(&result).contains(says), "{result:?}");
    }
}

#[test]
fn the_next_token_needs_its_id_and_its_logit() {
    let prompt = "ROMEO:".to_owned();
    let logits = MODEL
        .next_logits(&[814, 26], &mut MODEL.new_cache(), &mut ())
        .expect("two tokens of the vocabulary");
    let ask_for = |expected: u32, logit: f32, off: f64| {
        let logit = f64::from(logit) + off;
        ask(&answer(Question::NextToken {
            prompt: prompt.clone(),
            expected,
            logit,
            tolerance: 1e-3,
        }))
    };
    assert_eq!(ask_for(199, logits[199], 5e-4).verdict, Verdict::Pass);
    assert_eq!(ask_for(199, logits[199], 2e-3).verdict, Verdict::Fail);
    let other = ask_for(198, logits[198], 0.0);
    assert_eq!(other.verdict, Verdict::Fail);
    assert_eq!(problem(&other), "the token is 199, it should be 198");
    assert_eq!(ask_for(5000, 0.0, 0.0).verdict, Verdict::Fail, "beyond the vocabulary");
}

#[test]
fn what_the_model_refuses_fails() {
    let result = ask(&answer(Question::GreedyIds { prompt: vec![9999], expected: vec![1] }));
    assert_eq!(result.verdict, Verdict::Fail);
    assert!(problem(&result).contains("9999"), "{result:?}");
}

#[test]
fn a_text_is_prepared_and_scored_only_if_it_is_the_right_one() {
    let folder = tempfile::tempdir().expect("a folder");
    let text =
        "First Citizen:\nSpeak.\n\nAll:\nSpeak, speak.\n\nFirst Citizen:\nYou are all resolved.";
    let prepared = "é".to_owned() + &text.replace("\n\n", "\n\né");
    let ids = tokenizer().encode(&prepared).expect("text");
    let expected = score(&MODEL, &ids[..17], 8).expect("17 tokens").mean_cross_entropy;
    let file = TextFile {
        file: "play.txt".to_owned(),
        sha256: "8cb1e1b1c3ee4ef1e0a6aab3a43c5d6bb8b7dbb6f9e0e0d6f0e1f0b3c6a9d8e7".to_owned(),
        before_each_paragraph: "é".to_owned(),
    };
    let ask = |file: &TextFile, rows: usize, places: &TextPlaces| {
        let text = Text::File(file.clone());
        let tolerance = 0.0;
        let question = Question::CrossEntropy { text, rows, row_len: 8, expected, tolerance };
        answer(question).check(&MODEL, Some(&tokenizer()), places)
    };
    let places = TextPlaces { file: None, folders: vec![folder.path().to_owned()] };

    let missing = ask(&file, 2, &places);
    assert_eq!(missing.verdict, Verdict::NotCompared);
    assert!(problem(&missing).starts_with("there is no play.txt in "), "{missing:?}");

    fs::write(folder.path().join("play.txt"), text).expect("a file");
    let other = ask(&file, 2, &places);
    assert_eq!(other.verdict, Verdict::NotCompared);
    let digest = problem(&other)
        .split_once("its SHA-256 is ")
        .and_then(|(_, rest)| rest.split_once(','))
        .map(|(digest, _)| digest.to_owned())
        .expect("its digest is told");

    let file = TextFile { sha256: digest, ..file };
    assert_eq!(ask(&file, 2, &places).verdict, Verdict::Pass);
    let given = TextPlaces { file: Some(folder.path().join("play.txt")), folders: Vec::new() };
    assert_eq!(ask(&file, 2, &given).verdict, Verdict::Pass);
    let short = ask(&file, 1000, &places);
    assert_eq!(short.verdict, Verdict::NotCompared);
    assert!(problem(&short).contains("it needs 8001"), "{short:?}");
}

#[test]
fn without_a_tokenizer_text_cannot_be_asked() {
    let verdicts: Vec<Verdict> = of_demo()
        .iter()
        .map(|answer| answer.check(&MODEL, None, &TextPlaces::default()).verdict)
        .collect();
    assert_eq!(verdicts, [Verdict::Pass, Verdict::NotCompared, Verdict::Pass]);
}

#[test]
fn a_model_is_recognised_by_its_bytes_and_not_by_its_folder() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("openai-community").join("gpt2");
    fs::create_dir_all(&path).expect("a folder");
    fs::write(path.join("config.json"), gpt2_demo::CONFIG_JSON).expect("a file");
    let weights = path.join("model.safetensors");
    fs::write(&weights, gpt2_demo::MODEL_SAFETENSORS).expect("a file");
    assert_eq!(known_in(&path), 3);

    let mut bytes = gpt2_demo::MODEL_SAFETENSORS.to_vec();
    if let Some(last) = bytes.last_mut() {
        *last ^= 1;
    }
    fs::write(&weights, bytes).expect("a file");
    assert_eq!(known_in(&path), 0);
}

#[test]
fn a_model_of_the_hub_is_recognised_by_its_repository() {
    let known = |repository: &str| {
        let source = ModelSource::Directory {
            name: "x".to_owned(),
            path: "x".into(),
            repository: Some(repository.to_owned()),
        };
        let names: Vec<String> = builtin()
            .of(&source, WEIGHTS.checkpoint())
            .expect("nothing to read")
            .iter()
            .map(|answer| format!("{} ({})", answer.name, answer.source))
            .collect();
        names
    };
    assert_eq!(known("openai-community/gpt2").len(), 4);
    assert_eq!(known("distilbert/distilgpt2").len(), 2);
    assert_eq!(
        known("openai-community/gpt2-medium"),
        ["10 greedy tokens after \"Hello.\" (tinygrad/tinygrad, examples/gpt2.py)"]
    );
}

#[test]
fn known_answers_are_part_of_the_verdict() {
    let tolerances = Tolerances::builtin().expect("tolerances");
    let validate = |references: &[_], known: Vec<KnownResult>| {
        let facts = Inspection::new("demo", &WEIGHTS, None);
        let validation = Validation::run(&MODEL, &WEIGHTS, facts, references, &tolerances);
        validation.with_known_answers(known)
    };
    let passing: Vec<KnownResult> = of_demo().iter().map(ask).collect();
    let mut failing = passing.clone();
    failing[1].verdict = Verdict::Fail;
    let mut not_asked = passing.clone();
    for result in &mut not_asked {
        result.verdict = Verdict::NotCompared;
    }

    let alone = validate(&[], passing.clone());
    assert_eq!((alone.verdict, alone.known_answers_asked()), (Verdict::Pass, (3, 3)));
    assert!(alone.checkpoints.iter().all(|row| row.verdict == Verdict::NotCompared));
    assert_eq!(validate(&[], failing.clone()).verdict, Verdict::Fail);
    assert_eq!(validate(&[], not_asked.clone()).verdict, Verdict::Fail);
    assert_eq!(validate(&[], Vec::new()).verdict, Verdict::Fail);

    let references = ModelSource::Demo.references().expect("embedded");
    let first = &references[..2];
    assert_eq!(validate(first, Vec::new()).verdict, Verdict::Pass);
    assert_eq!(validate(first, not_asked).verdict, Verdict::Pass);
    let failed = validate(first, failing);
    assert_eq!(failed.verdict, Verdict::Fail);
    assert_eq!(failed.problems.len(), 1, "{:?}", failed.problems);
    let json = serde_json::to_value(&failed).expect("JSON");
    assert_eq!(json["known_answers"][1]["verdict"], "fail");
    assert_eq!(json["known_answers"][2]["expected"], "2.755720");
}
