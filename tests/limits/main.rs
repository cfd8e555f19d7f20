//! Projects of at most 10 MB that mean harm: each is checked and planned with bounded memory, or
//! refused in words.

mod program;
mod shapes;

use std::fmt::Write as _;

use program::{Program, Run};
use shapes::{Folder, MOST_BYTES, Shape};
use tempfile::TempDir;

const FORMATS: [&str; 5] = ["text", "json", "markdown", "html", "github"];

/// Writes a project, and what was applied before it.
fn made(shape: &Shape, program: &Program) -> TempDir {
    let folder = TempDir::new().expect("a folder");
    if let Some(before) = shape.before {
        before(&Folder(folder.path()));
        let run = program.run(folder.path(), &["apply", "--sandbox", "--yes"]);
        assert!(run.status == Some(0), "{}: {}", shape.name, run.told());
    }
    (shape.make)(&Folder(folder.path()));
    assert!(Folder(folder.path()).bytes() <= MOST_BYTES, "{} is too large", shape.name);
    folder
}

/// Not a test: a table of what each shape takes. `PUSHSYNC_MEASURE` is the program.
#[test]
#[ignore = "measures a program that was built for speed"]
fn measure() {
    let program = Program::measured(std::env::var("PUSHSYNC_MEASURE").expect("a program"));
    let only = std::env::var("PUSHSYNC_SHAPES").unwrap_or_default();
    let slow: f64 = std::env::var("PUSHSYNC_SLOW").ok().and_then(|s| s.parse().ok()).unwrap_or(2.0);
    let fat: f64 = std::env::var("PUSHSYNC_FAT").ok().and_then(|s| s.parse().ok()).unwrap_or(300.0);
    for shape in shapes::all() {
        if !only.is_empty() && !only.split(',').any(|part| shape.name.contains(part)) {
            continue;
        }
        let folder = made(&shape, &program);
        let mut commands = vec![vec!["validate"], vec!["validate", "--format", "json"]];
        let sandbox: &[&str] = if shape.before.is_some() { &["--sandbox"] } else { &[] };
        for format in FORMATS {
            commands.push([&["plan", "--format", format], sandbox].concat());
        }
        let mut line = format!("{:40}", shape.name);
        for command in commands {
            let Run { status, used, stdout, stderr } = program.run(folder.path(), &command);
            let used = used.expect("measured");
            let odd = status.is_none_or(|status| status > 3);
            if odd || used.seconds > slow || used.megabytes > fat {
                let _ = write!(
                    line,
                    "\n    {:30} {status:?} {:6.2} s {:6.0} MB  {}",
                    command.join(" "),
                    used.seconds,
                    used.megabytes,
                    String::from_utf8_lossy(if stderr.is_empty() { &stdout } else { &stderr })
                        .lines()
                        .next()
                        .unwrap_or_default()
                        .chars()
                        .take(100)
                        .collect::<String>()
                );
            }
            // What cannot be read cannot be planned either.
            if command.len() == 1 && status == Some(1) && only.is_empty() {
                break;
            }
        }
        eprintln!("{line}");
    }
}
