//! What documents tell to do is done, in their order, and what they show is what came of it.

use std::{fmt::Write as _, fs, path::Path};

use tempfile::TempDir;

use super::{blocks, copy, generated, pushsync, read, root, text, words};

/// A comment before a block says what the block is.
enum Comment<'a> {
    /// `<!-- run: pushsync … -->`, `<!-- run 1: pushsync … -->`: a command, and what it prints on
    /// stdout and then on stderr. It ends with this status.
    Run(i32, &'a str),
    /// `<!-- edit: FILE -->`: lines of a file that are replaced.
    Edit(&'a str),
    /// `<!-- file: FILE -->`: all that a file holds, as an earlier command made it.
    Shown(&'a str),
}

fn comment(line: &str) -> Option<Comment<'_>> {
    let inner = line.strip_prefix("<!-- ")?.strip_suffix(" -->")?;
    let (what, rest) = inner.split_once(": ")?;
    match what.split_once(' ').unwrap_or((what, "0")) {
        ("run", status) => {
            let command = rest.strip_prefix("pushsync ").expect("a command of pushsync");
            Some(Comment::Run(status.parse().expect("a status"), command))
        }
        ("edit", _) => Some(Comment::Edit(rest)),
        ("file", _) => Some(Comment::Shown(rest)),
        _ => None,
    }
}

/// The document as it should be, and how many commands were run.
fn carried_out(document: &str, folder: &Path) -> (String, usize) {
    let mut fresh = String::new();
    let mut lines = document.lines();
    let mut runs = 0;
    while let Some(line) = lines.next() {
        let _ = writeln!(fresh, "{line}");
        let Some(comment) = comment(line) else { continue };
        let fence = lines.next().expect("a block");
        assert!(fence.starts_with("```"), "after {line}");
        let body: Vec<_> = lines.by_ref().take_while(|line| *line != "```").collect();
        let _ = writeln!(fresh, "{fence}");
        match comment {
            Comment::Run(status, command) => {
                runs += 1;
                // A console shows the command, too.
                if fence == "```console" {
                    let _ = writeln!(fresh, "$ pushsync {command}");
                }
                let output = pushsync(folder, &words(command));
                let (out, err) = (text(&output.stdout), text(&output.stderr));
                assert_eq!(output.status.code(), Some(status), "{command}: {out}{err}");
                let lines: Vec<_> = out.lines().chain(err.lines()).map(str::trim_end).collect();
                let _ = writeln!(fresh, "{}", lines.join("\n").trim_end());
            }
            Comment::Edit(file) => {
                edit(&folder.join(file), &body);
                body.iter().for_each(|line| {
                    let _ = writeln!(fresh, "{line}");
                });
            }
            Comment::Shown(file) => {
                let held = read(&folder.join(file));
                let _ = writeln!(fresh, "{}", held.trim_end());
            }
        }
        let _ = writeln!(fresh, "```");
    }
    (fresh, runs)
}

/// Replaces the lines that begin with `-` by those that begin with `+`. Lines of either kind that
/// follow each other are one place.
pub(super) fn edit(file: &Path, diff: &[&str]) {
    let mut edited = read(file);
    let (mut old, mut new) = (String::new(), String::new());
    for line in diff.iter().chain(&[""]) {
        match (line.strip_prefix('-'), line.strip_prefix('+')) {
            (Some(line), _) => old = old + line + "\n",
            (_, Some(line)) => new = new + line + "\n",
            _ if old.is_empty() && new.is_empty() => {}
            _ => {
                assert_eq!(edited.matches(&old).count(), 1, "{} has once: {old}", file.display());
                edited = edited.replace(&old, &new);
                (old, new) = Default::default();
            }
        }
    }
    fs::write(file, edited).expect("writable");
}

fn check(name: &str, folder: &Path) -> usize {
    let path = root().join(name);
    let (fresh, runs) = carried_out(&read(&path), folder);
    generated(&path, &fresh);
    runs
}

#[test]
fn the_output_in_the_readme_is_real() {
    let temp = TempDir::new().expect("a folder");
    copy(&root().join("examples"), &temp.path().join("examples"));
    assert_eq!(check("README.md", temp.path()), 2);
}

/// A newcomer who follows the page sees what is on it.
#[test]
fn the_quick_start_can_be_followed() {
    let temp = TempDir::new().expect("a folder");
    assert!(check("docs/quick-start.md", temp.path()) >= 8);
    let page = read(&root().join("docs/quick-start.md"));
    for block in blocks(&page).iter().filter(|block| block.language == "sh") {
        assert!(!block.body.contains("pushsync "), "it is not run: {}", block.body);
    }
}
