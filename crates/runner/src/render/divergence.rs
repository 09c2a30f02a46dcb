//! Where a trace leaves the reference, and why.

use gpt2_runner::Comparison;
use gpt2_trace::Diagnosis;

use super::list;

/// How a trace from elsewhere was read.
pub(crate) fn matched(notes: &[String], unmatched: &[String]) -> String {
    let mut text = list("How its arrays were read:", notes);
    text += &list("Arrays that mean nothing here, which is a failure:", unmatched);
    text
}

/// The first divergence; with the model at hand also the first operation that is wrong, and why.
pub(crate) fn divergence(comparison: &Comparison) -> String {
    let Some(divergence) = &comparison.divergence else { return String::new() };
    let mut text = format!("\nFirst divergence\n  {divergence}\n");
    if let Some(isolated) = &comparison.isolated {
        text += &format!(
            "\nFirst operation that is wrong by itself, on its own inputs\n  {isolated}\n"
        );
    }
    match &comparison.diagnosis {
        Some(diagnosis) => text += &findings(diagnosis),
        None => text += "\nWith --model it is also told which operation is wrong, and why.\n",
    }
    text
}

/// What explains it.
pub(crate) fn findings(diagnosis: &Diagnosis) -> String {
    list("Diagnosis", &diagnosis.sentences())
}
