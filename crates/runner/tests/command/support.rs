//! Running the command, and copies of the demo model to damage.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

/// What came of a run.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ran {
    /// Checks the exit code, and shows everything if it is another.
    #[track_caller]
    pub(crate) fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{self:#?}");
        assert!(!self.stderr.contains("panicked"), "{self:#?}");
        self
    }

    /// Checks that stdout or stderr has all of this in it.
    #[track_caller]
    pub(crate) fn says(self, texts: &[&str]) -> Self {
        for text in texts {
            assert!(
                self.stdout.contains(text) || self.stderr.contains(text),
                "{text:?} is not in {self:#?}"
            );
        }
        self
    }
}

/// The command with these arguments.
pub(crate) fn command(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gpt2"));
    command.args(args);
    command
}

/// Runs `gpt2` with these arguments to its end.
pub(crate) fn gpt2(args: &[&str]) -> Ran {
    run(&mut command(args))
}

/// Runs a command to its end.
pub(crate) fn run(command: &mut Command) -> Ran {
    let output = command.output().expect("the command starts");
    Ran {
        code: output.status.code().expect("it ends by itself"),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// The demo model in a directory of its own, with the references of these names.
pub(crate) fn copy_of_demo(references: &[&str]) -> TempDir {
    let directory = TempDir::new().expect("a temporary directory");
    let write = |name: String, bytes: &[u8]| {
        std::fs::write(directory.path().join(name), bytes).expect("a file in it");
    };
    write("config.json".to_owned(), gpt2_demo::CONFIG_JSON.as_bytes());
    write("model.safetensors".to_owned(), gpt2_demo::MODEL_SAFETENSORS);
    write("tokenizer.json".to_owned(), gpt2_demo::TOKENIZER_JSON.as_bytes());
    std::fs::create_dir(directory.path().join("reference")).expect("a folder in it");
    for reference in gpt2_demo::REFERENCES.iter().filter(|r| references.contains(&r.name)) {
        write(format!("reference/{}.safetensors", reference.name), reference.f32);
        write(format!("reference/{}.f64.safetensors", reference.name), reference.f64);
    }
    directory
}

/// The file of a reference in such a directory.
pub(crate) fn reference(directory: &Path, name: &str) -> PathBuf {
    directory.join("reference").join(format!("{name}.safetensors"))
}

/// A reference of the demo as a file in the repository.
pub(crate) fn demo_reference(name: &str) -> String {
    let path = format!("../demo/model/reference/{name}.safetensors");
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path).display().to_string()
}

/// The path as an argument.
pub(crate) fn arg(path: &Path) -> &str {
    path.to_str().expect("a UTF-8 path")
}

/// A safetensors file, taken apart to be damaged.
pub(crate) struct Safetensors {
    pub(crate) header: Value,
    pub(crate) data: Vec<u8>,
}

impl Safetensors {
    pub(crate) fn read(path: &Path) -> Self {
        let bytes = std::fs::read(path).expect("the file");
        let (length, rest) = bytes.split_first_chunk().expect("a length");
        let (header, data) = rest.split_at(u64::from_le_bytes(*length) as usize);
        Safetensors {
            header: serde_json::from_slice(header).expect("a JSON header"),
            data: data.to_vec(),
        }
    }

    pub(crate) fn write(&self, path: &Path) {
        let mut header = self.header.to_string().into_bytes();
        header.resize(header.len().next_multiple_of(8), b' ');
        let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
        bytes.extend(header);
        bytes.extend(&self.data);
        std::fs::write(path, bytes).expect("the file");
    }

    /// Where the bytes of a tensor are.
    pub(crate) fn range(&self, tensor: &str) -> std::ops::Range<usize> {
        let offsets = &self.header[tensor]["data_offsets"];
        let offset = |i: usize| offsets[i].as_u64().expect("an offset") as usize;
        offset(0)..offset(1)
    }

    /// Takes a tensor out, and closes the hole that it leaves.
    pub(crate) fn remove(&mut self, tensor: &str) {
        let hole = self.range(tensor);
        let header = self.header.as_object_mut().expect("an object");
        header.remove(tensor).expect("the tensor");
        for (name, entry) in header {
            if name == "__metadata__" {
                continue;
            }
            for offset in entry["data_offsets"].as_array_mut().expect("two offsets") {
                let value = offset.as_u64().expect("an offset");
                if value as usize >= hole.end {
                    *offset = (value - hole.len() as u64).into();
                }
            }
        }
        self.data.drain(hole);
    }

    /// The metadata, as it would be without digests: made by someone who has none.
    pub(crate) fn forget_digests(&mut self) {
        let metadata = self.header["__metadata__"].as_object_mut().expect("metadata");
        metadata.remove("tensors");
        metadata.remove("digest");
    }
}
