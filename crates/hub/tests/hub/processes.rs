//! More than one process: two at once, one that is killed, one on a small disk.

use std::env;
use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::support::server::Reply;
use crate::support::{COMMIT, CONFIG, Cache, FakeHub, fetch, hub, noise, say, sha256, skipped};

/// What tells a process of this test that it is the one that fetches.
const ENDPOINT: &str = "GPT2_HUB_TEST_ENDPOINT";
const CACHE: &str = "GPT2_HUB_TEST_CACHE";

/// Not a test: what the processes run that the tests start.
#[test]
#[ignore = "run by the tests beside it, in processes of their own"]
fn child() {
    let (Some(endpoint), Some(cache)) = (env::var(ENDPOINT).ok(), env::var_os(CACHE)) else {
        return;
    };
    let (result, events) = fetch(&hub(Path::new(&cache), &endpoint));
    for event in events {
        say(&event);
    }
    if let Err(error) = result {
        say(&format!("{error:?}"));
        std::process::exit(9);
    }
}

fn as_child<'a>(command: &'a mut Command, server: &FakeHub, cache: &Path) -> &'a mut Command {
    command.env(ENDPOINT, server.hub.url()).env(CACHE, cache).stdout(Stdio::piped())
}

fn start(server: &FakeHub, cache: &Path) -> Child {
    let mut command = Command::new(env::current_exe().expect("this program"));
    command.args(["processes::child", "--exact", "--ignored", "--nocapture"]);
    as_child(&mut command, server, cache).spawn().expect("a process")
}

/// A hub whose weights come at `speed` bytes per second.
fn slow(size: usize, speed: usize) -> (FakeHub, Vec<u8>) {
    let weights = noise(size, 7);
    let files: [(&str, &[u8]); 3] =
        [("config.json", CONFIG), ("tokenizer.json", b"{}"), ("model.safetensors", &weights)];
    let server = FakeHub::tampered(COMMIT, &files, move |request, reply| {
        let speed = request.path.starts_with("/blob/").then_some(speed);
        Reply { speed, ..reply }
    });
    (server, weights)
}

fn assert_whole(cache: &Path, weights: &[u8]) {
    let repo = cache.join("models--owner--model");
    let file = repo.join("snapshots").join(COMMIT).join("model.safetensors");
    assert_eq!(sha256(&fs::read(file).expect("a file")), sha256(weights));
    assert!(!repo.join("blobs").join(sha256(weights) + ".incomplete").exists());
}

#[test]
fn two_processes_download_once() {
    let (server, weights) = slow(300_000, 600_000);
    let cache = Cache::new();
    let children: Vec<Child> = (0..2).map(|_| start(&server, cache.path())).collect();
    let outputs: Vec<String> = children
        .into_iter()
        .map(|child| {
            let output = child.wait_with_output().expect("an end");
            let told = String::from_utf8_lossy(&output.stdout).into_owned();
            assert!(output.status.success(), "{told}");
            told
        })
        .collect();
    assert_whole(cache.path(), &weights);
    assert_eq!(server.ranges("model.safetensors"), [None], "once, and whole");
    let waited = outputs.iter().filter(|told| told.contains("wait model.safetensors")).count();
    assert_eq!(waited, 1, "{outputs:?}");
}

#[test]
fn killed_at_any_moment_it_resumes() {
    // Two seconds of download in all, of which ten kills take a tenth of a second or so each.
    const SIZE: usize = 2_000_000;
    let (server, weights) = slow(SIZE, SIZE / 2);
    let cache = Cache::new();
    let incomplete =
        cache.repo("models--owner--model/blobs").join(sha256(&weights) + ".incomplete");
    let length = || fs::metadata(&incomplete).map_or(0, |metadata| metadata.len());

    let seed = std::hash::BuildHasher::hash_one(&std::collections::hash_map::RandomState::new(), 0);
    let moments: Vec<u64> = noise(10, seed).into_iter().map(|byte| u64::from(byte) % 150).collect();
    let mut lengths = vec![0];
    for (number, moment) in moments.iter().enumerate() {
        let before = server.ranges("model.safetensors").len();
        let mut child = start(&server, cache.path());
        // From when the bytes begin to come: the moments before are few and do little.
        let patience = Instant::now();
        while server.ranges("model.safetensors").len() == before {
            assert!(
                patience.elapsed() < Duration::from_secs(20),
                "kill {number}: no download began"
            );
            thread::sleep(Duration::from_millis(1));
        }
        thread::sleep(Duration::from_millis(*moment));
        child.kill().expect("SIGKILL");
        let output = child.wait_with_output().expect("an end");
        assert_eq!(output.status.code(), None, "kill {number} came too late: {moments:?}");
        assert!(length() >= lengths[number], "what was there is still there: {moments:?}");
        lengths.push(length());
    }
    assert!(lengths[10] > 0 && lengths[10] < SIZE as u64, "{lengths:?}");

    let child = start(&server, cache.path()).wait_with_output().expect("an end");
    let told = String::from_utf8_lossy(&child.stdout);
    assert!(child.status.success(), "{moments:?}: {told}");
    assert_whole(cache.path(), &weights);
    assert!(told.contains(&format!("start model.safetensors at {}", lengths[10])), "{told}");
    assert!(!told.contains("restart"), "no byte that was kept was wrong: {told}");
    let starts: Vec<u64> =
        server.ranges("model.safetensors").iter().map(|start| start.unwrap_or(0) as u64).collect();
    assert_eq!(starts, lengths, "each went on where the one before was killed");
}

/// A real file system that is too small, in a mount namespace that ends with the test.
#[test]
fn a_small_disk_gets_full_and_later_has_room() {
    let namespace = ["--mount", "--map-root-user"];
    let mount = "mount -t tmpfs -o size=200k none";
    let cache = Cache::new();
    let mut can = Command::new("unshare");
    can.args(namespace).args(["sh", "-c", &format!("{mount} \"$0\"")]).arg(cache.path());
    if !can.stderr(Stdio::null()).status().is_ok_and(|status| status.success()) {
        return skipped("a_small_disk_gets_full_and_later_has_room", "no tmpfs for this user");
    }
    let size = 500_000;
    for announced in [true, false] {
        let weights = noise(size, 3);
        let files: [(&str, &[u8]); 3] =
            [("config.json", CONFIG), ("tokenizer.json", b"{}"), ("model.safetensors", &weights)];
        // If nobody tells the size beforehand, only the disk can.
        let server = FakeHub::tampered(COMMIT, &files, move |_, reply| match announced {
            true => reply,
            false => reply.without("X-Linked-Size"),
        });
        let script = format!(
            "{mount} \"$2\"
            \"$1\" processes::child --exact --ignored --nocapture; echo \"status $?\"
            du -bL \"$2\"/models--owner--model/blobs/*.incomplete
            mount -o remount,size=4m \"$2\"
            \"$1\" processes::child --exact --ignored --nocapture; echo \"status $?\"
            sha256sum \"$2\"/models--owner--model/snapshots/*/model.safetensors"
        );
        let mut command = Command::new("unshare");
        command.args(namespace).args(["sh", "-c", &script, "sh"]);
        command.arg(env::current_exe().expect("this program")).arg(cache.path());
        let output = as_child(&mut command, &server, cache.path()).output().expect("unshare");
        let told = String::from_utf8_lossy(&output.stdout);
        let (first, second) =
            told.split_once("status 9").unwrap_or_else(|| panic!("not full: {told}"));
        assert!(first.contains("DiskFull"), "{told}");
        assert!(second.contains("status 0") && second.contains(&sha256(&weights)), "{told}");
        let starts = server.ranges("model.safetensors");
        match announced {
            true => assert_eq!(starts, [None], "not begun where there was no room"),
            false => assert!(matches!(starts[..], [None, Some(1..)]), "resumed: {starts:?}"),
        }
    }
}
