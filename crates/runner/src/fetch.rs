//! Models of the hub: downloaded with a bar on a terminal, in silence elsewhere.

use std::cell::RefCell;
use std::io::IsTerminal;
use std::path::PathBuf;

use gpt2_hub::{Event, Hub, ModelId};
use indicatif::{ProgressBar, ProgressStyle};

/// The folder with the files of a model, downloaded if they are not in the cache. `refresh` asks the
/// hub whether there is a newer revision.
pub(crate) fn fetch(id: &ModelId, refresh: bool) -> anyhow::Result<PathBuf> {
    let hub = hub()?.with_refresh(refresh);
    let bars = Bars { current: RefCell::new(None), terminal: std::io::stderr().is_terminal() };
    Ok(hub.fetch(id, &|event: &Event<'_>| bars.show(event))?)
}

/// The hub that the user's variables describe.
pub(crate) fn hub() -> anyhow::Result<Hub> {
    Ok(Hub::from_vars(|name| std::env::var_os(name))?)
}

/// One bar at a time: files come one after another.
struct Bars {
    current: RefCell<Option<ProgressBar>>,
    terminal: bool,
}

impl Bars {
    fn show(&self, event: &Event<'_>) {
        let mut current = self.current.borrow_mut();
        match *event {
            Event::Started { file, offset, size } => {
                let bar = self.bar(file, size);
                bar.set_position(offset);
                // Speed and time left are of what comes now, not of what an earlier fetch left.
                bar.reset_eta();
                *current = Some(bar);
            }
            Event::Received { offset, .. } => {
                if let Some(bar) = current.as_ref() {
                    bar.set_position(offset);
                }
            }
            Event::Finished { .. } => {
                if let Some(bar) = current.take() {
                    bar.finish();
                }
            }
            Event::Waiting { file } => {
                note(&current, &format!("{file}: another process is downloading it"))
            }
            Event::Restarted { file, reason } => {
                note(&current, &format!("{file}: begins again: {reason}"))
            }
            Event::Retrying { file, wait, error, .. } => {
                note(&current, &format!("{file}: {error}; trying again in {} s", wait.as_secs()));
            }
            Event::Unreachable { error } => {
                note(&current, &format!("using what is in the cache: {error}"))
            }
            _ => {}
        }
    }

    fn bar(&self, file: &str, size: Option<u64>) -> ProgressBar {
        if !self.terminal {
            return ProgressBar::hidden();
        }
        let template = match size {
            Some(_) => {
                "{msg:24} {bar:30} {bytes:>11} of {total_bytes:11} {bytes_per_sec:>13}, {eta} left"
            }
            None => "{msg:24} {bytes:>11} {bytes_per_sec:>13}",
        };
        let style =
            ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
        let bar = size.map_or_else(ProgressBar::no_length, ProgressBar::new).with_style(style);
        bar.with_message(file.to_owned())
    }
}

/// A line above the bar; without a bar, on stderr.
fn note(bar: &Option<ProgressBar>, text: &str) {
    use std::io::Write;
    match bar {
        Some(bar) if !bar.is_hidden() => bar.println(text),
        // Nobody is left to tell if this fails.
        _ => drop(writeln!(std::io::stderr().lock(), "{text}")),
    }
}
