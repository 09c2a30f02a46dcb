//! `--isa`, and `GPT2_ISA` which is the same.

use gpt2_tensor::Isa;
use serde_json::Value;

use crate::support::{Ran, command, run};

/// Runs `gpt2` with this value of `GPT2_ISA`.
fn with(isa: &str, args: &[&str]) -> Ran {
    run(command(args).env("GPT2_ISA", isa))
}

/// The instructions of which a report says that they were used.
fn reported(ran: Ran) -> String {
    let report: Value = serde_json::from_str(&ran.exits(0).stdout).expect("JSON");
    report["environment"]["isa"].as_str().expect("a name").to_owned()
}

const VALIDATE: [&str; 4] = ["validate", "--quick", "--json", "-"];

#[test]
fn every_path_of_this_cpu_can_be_forced_and_no_other() {
    for isa in Isa::ALL.iter().map(|isa| isa.name()) {
        let ran = with(isa, &VALIDATE);
        if Isa::from_name(isa).is_some_and(Isa::is_available) {
            assert_eq!(reported(ran), isa);
        } else {
            ran.exits(2).says(&["error: ", &format!("this CPU has no {isa}")]);
        }
    }
}

#[test]
fn unset_and_empty_mean_the_fastest_and_the_option_goes_first() {
    let fastest = Isa::detect().name();
    assert_eq!(reported(with("", &VALIDATE)), fastest);
    assert_eq!(reported(run(command(&VALIDATE).env_remove("GPT2_ISA"))), fastest);
    let option = [&VALIDATE[..], &["--isa", "portable"]].concat();
    assert_eq!(reported(with(fastest, &option)), "portable");
}

#[test]
fn a_name_that_is_none_is_2_and_the_names_are_listed() {
    let names: Vec<_> = Isa::ALL.iter().map(|isa| format!("`{}`", isa.name())).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    for name in ["nonsense", "AVX2", " "] {
        with(name, &VALIDATE).exits(2).says(&names).says(&["GPT2_ISA", name]);
    }
}

#[test]
fn the_path_does_not_change_what_is_said() {
    let args = ["generate", "--model", "demo", "--prompt", "To be", "-n", "24", "--ids-out"];
    let portable = with("portable", &args).exits(0).stdout;
    assert_eq!(with("", &args).exits(0).stdout, portable);
    assert_eq!(portable.split(',').count(), 24, "{portable}");
}
