//! One line on stderr that says what is being done, and goes away; nothing where nobody looks.

use std::io::{IsTerminal, Write};

use gpt2_runner::Progress;

/// How wide the bar is.
const BAR: usize = 20;

/// A line that is overwritten by the next one.
pub(crate) struct ProgressLine {
    terminal: bool,
}

impl ProgressLine {
    pub(crate) fn new() -> Self {
        ProgressLine { terminal: std::io::stderr().is_terminal() }
    }

    pub(crate) fn show(&mut self, progress: Progress<'_>) {
        self.write(&line(progress));
    }

    /// Leaves no trace of it.
    pub(crate) fn clear(&mut self) {
        self.write("");
    }

    fn write(&mut self, text: &str) {
        if self.terminal {
            let mut stderr = std::io::stderr().lock();
            // To the first column, and erase to the end. It is decoration: nothing depends on it.
            let _ = write!(stderr, "\r\x1b[K{text}").and_then(|()| stderr.flush());
        }
    }
}

impl Drop for ProgressLine {
    /// An error message begins on an empty line.
    fn drop(&mut self) {
        self.clear();
    }
}

fn line(progress: Progress<'_>) -> String {
    let Progress { done, total, now } = progress;
    let filled = (BAR * done).checked_div(total).unwrap_or(0).min(BAR);
    format!("[{}{}] {}/{total} {now}", "#".repeat(filled), "-".repeat(BAR - filled), done + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_which_part_comes_now() {
        let progress = Progress { done: 1, total: 4, now: "comparing with short" };
        assert_eq!(line(progress), "[#####---------------] 2/4 comparing with short");
        assert!(line(Progress { done: 0, total: 0, now: "" }).starts_with("[-"));
    }
}
