//! What is embedded is what the folder holds, and the README tells the truth about it.

use std::collections::BTreeSet;
use std::path::Path;

fn model(file: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("model").join(file)
}

#[test]
fn every_reference_of_the_folder_is_embedded() {
    let files: BTreeSet<String> = std::fs::read_dir(model("reference"))
        .expect("the folder of references")
        .map(|entry| entry.expect("an entry").file_name().into_string().expect("a name"))
        .filter(|name| name.ends_with(".safetensors"))
        .collect();
    let embedded: BTreeSet<String> = gpt2_demo::REFERENCES
        .iter()
        .flat_map(|reference| {
            [".safetensors", ".f64.safetensors"].map(|e| format!("{}{e}", reference.name))
        })
        .collect();
    assert_eq!(files, embedded);
}

#[test]
fn the_readme_reports_the_losses_of_the_training() {
    let readme = include_str!("../README.md");
    for key in ["val_loss_per_token", "val_loss_per_character"] {
        let (_, rest) = gpt2_demo::TRAINING_JSON.split_once(key).expect("the key");
        let value: String = rest
            .chars()
            .skip_while(|c| !c.is_ascii_digit())
            .take_while(|c| "0123456789.".contains(*c))
            .collect();
        assert!(readme.contains(&format!("{value} per")), "the README lacks {key} = {value}");
    }
}
