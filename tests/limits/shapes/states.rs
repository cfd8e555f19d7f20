//! Plans against a state: differences, and what goes.

use super::{Folder, Named, each};

pub(super) const ALL: &[Named] = &[
    ("state-long-text-changed", |f| one(f, &lines(60_000, "y"))),
    ("state-long-word-changed", |f| one(f, &"y".repeat(900_000))),
    ("state-long-words-changed", |f| one(f, &"y ".repeat(450_000))),
    ("state-texts-changed", |f| many(f, 20, &lines(20_000, "y"))),
    ("state-medium-texts-changed", |f| many(f, 1_000, &lines(250, "y"))),
    ("state-medium-words-changed", |f| many(f, 1_000, &"y ".repeat(1_900))),
    ("state-short-texts-changed", |f| many(f, 5_000, "y a b c d")),
    ("state-all-go", |f| f.project("version: 1\n")),
    ("state-moves", |f| {
        let moves = each(5_000, |n| format!("- {{ from: m{n}, to: n{n} }}\n"));
        let messages =
            each(5_000, |n| format!("  n{n}: {{ to: {{ visitor: v{n} }}, text: x a b c d }}\n"));
        f.project(format!("moved:\n{moves}messages:\n{messages}"));
    }),
];

type Make = fn(&Folder);

/// What was applied before.
pub(super) fn before(name: &str) -> Option<Make> {
    let make: Make = match name {
        "state-long-text-changed" => |f| one(f, &lines(60_000, "x")),
        "state-long-word-changed" => |f| one(f, &"x".repeat(900_000)),
        "state-long-words-changed" => |f| one(f, &"x ".repeat(450_000)),
        "state-texts-changed" => |f| many(f, 20, &lines(20_000, "x")),
        "state-medium-texts-changed" => |f| many(f, 1_000, &lines(250, "x")),
        "state-medium-words-changed" => |f| many(f, 1_000, &"x ".repeat(1_900)),
        "state-short-texts-changed" | "state-all-go" | "state-moves" => {
            |f| many(f, 5_000, "x a b c d")
        }
        _ => return None,
    };
    Some(make)
}

/// Every other line is another one.
fn lines(count: usize, word: &str) -> String {
    each(count, |n| format!("{} {n}\n", if n % 2 == 0 { word } else { "same" }))
}

fn block(text: &str) -> String {
    format!("|\n{}", text.lines().map(|line| format!("      {line}\n")).collect::<String>())
}

fn one(f: &Folder, text: &str) {
    many(f, 1, text);
}

fn many(f: &Folder, count: usize, text: &str) {
    let text = block(text);
    f.project(format!(
        "messages:\n{}",
        each(count, |n| format!(
            "  m{n}:\n    to: {{ visitor: v{n} }}\n    raw: true\n    text: {text}"
        ))
    ));
}
