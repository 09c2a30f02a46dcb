//! Directories without the files, and files that are none.

use std::fs;
use std::path::Path;

use super::{Case, bytes, case, model};
use crate::common::Model;

/// The sound model with something else in the place of `name`.
fn replaced(name: &'static str, put: impl Fn(&Path)) -> impl Fn(&Path) {
    move |directory| {
        Model::new().write(directory);
        let path = directory.join(name);
        fs::remove_file(&path).unwrap();
        put(&path);
    }
}

fn content(bytes: &'static [u8]) -> impl Fn(&Path) {
    replaced("model.safetensors", move |path| fs::write(path, bytes).unwrap())
}

fn pickle(name: &'static str) -> impl Fn(&Path) {
    replaced("model.safetensors", move |path| {
        fs::write(path.with_file_name(name), b"PK\x03\x04").unwrap();
    })
}

pub(super) fn cases() -> Vec<Case> {
    let mut cases = vec![
        case!("directory: empty", |_| (), Io { .. }, "config.json: "),
        case!("directory: no config", replaced("config.json", |_| ()), Io { .. }, "config.json: "),
        case!(
            "directory: no weights",
            replaced("model.safetensors", |_| ()),
            NoCheckpoint { .. },
            "no model.safetensors and no model.safetensors.index.json"
        ),
        case!(
            "directory: only a pickle",
            pickle("pytorch_model.bin"),
            OnlyPickle { pickle: "pytorch_model.bin", .. },
            "    from transformers import GPT2LMHeadModel\n    GPT2LMHeadModel.from_pretrained("
        ),
        case!(
            "directory: only sharded pickles",
            pickle("pytorch_model.bin.index.json"),
            OnlyPickle { .. },
            ").save_pretrained("
        ),
        case!(
            "file: a directory for a config",
            replaced("config.json", |path| fs::create_dir(path).unwrap()),
            NotAFile { .. },
            "config.json: expected a regular file, found a directory"
        ),
        case!(
            "file: a directory for the weights",
            replaced("model.safetensors", |path| fs::create_dir(path).unwrap()),
            NotAFile { .. },
            "model.safetensors: expected a regular file, found a directory"
        ),
        case!("file: empty", content(b""), Empty { .. }, "model.safetensors: the file is empty"),
        case!(
            "file: seven bytes",
            content(b"\x02\0\0\0\0\0\0"),
            NotSafetensors { .. },
            "fewer than eight bytes"
        ),
        case!(
            "file: a Git LFS pointer",
            content(b"version https://git-lfs.github.com/spec/v1\noid sha256:24\nsize 548105171\n"),
            NotSafetensors { .. },
            "a Git LFS pointer"
        ),
        case!(
            "file: a web page",
            content(b"<!DOCTYPE html><title>404</title>"),
            NotSafetensors { .. },
            "a web page"
        ),
        case!(
            "file: a pickle in a zip",
            content(b"PK\x03\x04\x00\x00\x08\x08\x00\x00archive/data.pkl"),
            NotSafetensors { .. },
            "a zip archive"
        ),
        case!(
            "file: text",
            content(b"four score and seven years ago"),
            HeaderLength { .. },
            "it must be from 1 to the 22 bytes that follow it"
        ),
        case!(
            "file: truncated by one byte",
            bytes(|b| {
                b.pop();
            }),
            Truncated { .. },
            "truncated: the tensors end at byte"
        ),
        case!(
            "file: truncated in the header",
            bytes(|b| b.truncate(100)),
            HeaderLength { .. },
            "to the 92 bytes that follow it"
        ),
        case!(
            "file: one trailing byte",
            bytes(|b| b.push(0)),
            TrailingBytes { .. },
            "trailing bytes: the tensors end at byte"
        ),
        case!(
            "file: data gone",
            model(|m| m.data.clear()),
            Truncated { .. },
            "(from tensor \"wte.weight\" on)"
        ),
    ];
    #[cfg(unix)]
    cases.extend([
        case!(
            "file: a link to nothing",
            replaced("model.safetensors", |path| {
                std::os::unix::fs::symlink("nowhere", path).unwrap();
            }),
            Io { .. },
            "model.safetensors: No such file"
        ),
        case!(
            "file: unreadable",
            replaced("model.safetensors", unreadable),
            Io { .. },
            "model.safetensors: "
        ),
        case!(
            "file: a device",
            replaced("model.safetensors", |path| {
                std::os::unix::fs::symlink("/dev/zero", path).unwrap();
            }),
            NotAFile { .. },
            "found a special file"
        ),
        case!(
            "file: a socket",
            replaced("config.json", |path| {
                std::os::unix::net::UnixListener::bind(path).unwrap();
            }),
            NotAFile { .. },
            "config.json: expected a regular file, found a special file"
        ),
    ]);
    cases
}

/// A file that cannot be opened: without permissions, or for root, whom those do not stop, a link
/// to itself.
#[cfg(unix)]
fn unreadable(path: &Path) {
    use std::os::unix::fs::PermissionsExt;
    fs::write(path, b"12345678").unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o0)).unwrap();
    if fs::File::open(path).is_ok() {
        fs::remove_file(path).unwrap();
        std::os::unix::fs::symlink(path, path).unwrap();
    }
}
