//! From nothing to a validated model: `gpt2 fetch` and `--model OWNER/NAME` against a hub on loopback
//! that has the embedded model.
#![cfg(feature = "hub")]

use std::io::{self, BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Output};
use std::sync::{Arc, Mutex};
use std::thread;

use sha2::{Digest, Sha256};
use tempfile::TempDir;

const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

/// A hub with the embedded model as `someone/demo`, and the paths that were asked for.
struct LoopbackHub {
    url: String,
    asked: Arc<Mutex<Vec<String>>>,
}

impl LoopbackHub {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port on loopback");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let asked = Arc::new(Mutex::new(Vec::new()));
        let log = asked.clone();
        // It runs until the process ends: the test is over before that matters.
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let log = log.clone();
                thread::spawn(move || serve(&stream, &log).ok());
            }
        });
        LoopbackHub { url, asked }
    }

    fn asked(&self) -> usize {
        self.asked.lock().expect("no thread panicked").len()
    }

    /// Runs `gpt2` with this hub, and a cache in `home`.
    fn gpt2(&self, home: &Path, offline: bool, args: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_gpt2"));
        command.args(args).env_clear().env("HF_HOME", home).env("HF_ENDPOINT", &self.url);
        if offline {
            command.env("HF_HUB_OFFLINE", "1");
        }
        command.output().expect("the command starts")
    }
}

fn serve(mut stream: &TcpStream, log: &Mutex<Vec<String>>) -> io::Result<()> {
    let mut lines = BufReader::new(stream).lines();
    while let Some(first) = lines.next().transpose()? {
        // No header matters here.
        for line in lines.by_ref() {
            if line?.is_empty() {
                break;
            }
        }
        let mut words = first.split(' ').map(str::to_owned);
        let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        log.lock().expect("no thread panicked").push(path.clone());
        let name = path.strip_prefix("/someone/demo/resolve/");
        let name = name.and_then(|rest| Some(rest.split_once('/')?.1));
        let file: Option<&[u8]> = name.and_then(|name| match name {
            "config.json" => Some(gpt2_demo::CONFIG_JSON.as_bytes()),
            "model.safetensors" => Some(gpt2_demo::MODEL_SAFETENSORS),
            "tokenizer.json" => Some(gpt2_demo::TOKENIZER_JSON.as_bytes()),
            _ => None,
        });
        let (status, headers, body) = match (name, file) {
            (_, Some(body)) => ("200 OK", format!("ETag: \"{}\"\r\n", sha256(body)), body),
            (Some(_), None) => ("404", "X-Error-Code: EntryNotFound\r\n".to_owned(), &[][..]),
            (None, _) => ("404", "X-Error-Code: RepoNotFound\r\n".to_owned(), &[][..]),
        };
        let length = body.len();
        write!(
            stream,
            "HTTP/1.1 {status}\r\n{headers}X-Repo-Commit: {COMMIT}\r\nContent-Length: {length}\r\n\r\n"
        )?;
        if method != "HEAD" {
            stream.write_all(body)?;
        }
    }
    Ok(())
}

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[track_caller]
fn expect(output: &Output, code: i32, says: &[&str]) {
    let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{text}");
    for part in says {
        assert!(text.contains(part), "{part:?} is not in:\n{text}");
    }
}

#[test]
fn a_model_is_fetched_validated_and_used_again_without_the_network() {
    let (hub, home) = (LoopbackHub::start(), TempDir::new().expect("a folder"));
    let gpt2 = |offline: bool, args: &[&str]| hub.gpt2(home.path(), offline, args);

    let fetched = gpt2(false, &["fetch", "someone/demo", "--verify"]);
    expect(&fetched, 0, &["model.safetensors", "the hash that the hub gave", COMMIT]);
    assert_eq!(String::from_utf8_lossy(&fetched.stderr), "", "quiet where it is no terminal");
    let snapshot = home.path().join("hub/models--someone--demo/snapshots").join(COMMIT);
    assert!(snapshot.join("tokenizer.json").is_file(), "the layout of Python's cache");

    // The model that came over the network is recognised by its bytes: what is known of it is asked.
    let asked = hub.asked();
    let validated = gpt2(false, &["validate", "--quick", "--model", "someone/demo"]);
    expect(&validated, 0, &["PASS: 3 of 3 known answers agree", "there is no reference trace"]);
    expect(&gpt2(true, &["validate", "--quick", "--model", "someone/demo"]), 0, &["PASS"]);
    let prompt = ["generate", "--model", "someone/demo", "--prompt", "ROMEO:", "-n", "6"];
    expect(&gpt2(true, &prompt), 0, &["ROMEO:\nI'll tell thee,"]);
    assert_eq!(hub.asked(), asked, "what is in the cache needs no network");
}

#[test]
fn a_model_that_is_not_in_the_cache_is_fetched_by_the_way() {
    let (hub, home) = (LoopbackHub::start(), TempDir::new().expect("a folder"));
    let inspected = hub.gpt2(home.path(), false, &["inspect", "--model", "someone/demo@main"]);
    expect(&inspected, 0, &["someone/demo@main", "1,155,456"]);
}

#[test]
fn what_cannot_be_fetched_is_said() {
    let (hub, home) = (LoopbackHub::start(), TempDir::new().expect("a folder"));
    let gpt2 = |offline: bool, args: &[&str]| hub.gpt2(home.path(), offline, args);
    expect(&gpt2(true, &["fetch", "someone/demo"]), 2, &["error: ", "HF_HUB_OFFLINE"]);
    expect(&gpt2(false, &["fetch", "someone/else"]), 2, &["error: ", "someone/else"]);
    expect(
        &gpt2(false, &["validate", "--quick", "--model", "gpt3"]),
        2,
        &["no model is called `gpt3`"],
    );
    expect(&gpt2(false, &["fetch", "../../etc/passwd"]), 2, &["error: "]);
    assert!(!home.path().join("hub/models--someone--demo/snapshots").exists());
}
