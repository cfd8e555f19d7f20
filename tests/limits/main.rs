//! Projects of at most 10 MB that mean harm: each is checked and planned with bounded memory, or
//! refused in words.

#![expect(clippy::expect_used, reason = "a test that cannot go on says so by failing")]

mod program;
mod shapes;

use std::fmt::Write as _;

use program::{Program, Run};
use shapes::{Folder, MOST_BYTES, Shape};
use tempfile::TempDir;

const FORMATS: [&str; 5] = ["text", "json", "markdown", "html", "github"];

/// Shapes that go beyond a limit, and its name: the refusal names it, and how to raise it.
const REFUSED: [(&str, &str); 10] = [
    ("yaml-tiny-scalars", "yaml-parts"),
    ("yaml-scalar-aliased", "yaml-aliased-bytes"),
    ("yaml-list-aliased", "yaml-aliased"),
    ("files-300000-patterns", "patterns"),
    ("files-links-that-fan-out", "entries"),
    ("csv-150000-columns", "columns"),
    ("removed-same", "problems"),
    ("deliveries-2000-by-20000", "deliveries"),
    ("template-fuel-of-each-row", "template-steps"),
    ("template-shows-long-texts", "template-steps"),
];

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

/// Checks and plans each project of a group, with the formats of plans in turn. A project beyond a limit is
/// refused by the name of the limit.
fn bounded(group: &str) {
    // The engine is slow without optimisation.
    let program = Program::bounded().with("PUSHSYNC_LIMITS", "template-steps=5000000");
    let mut planned = 0;
    let mut failed = String::new();
    for shape in shapes::all().iter().filter(|shape| shape.name.starts_with(group)) {
        let folder = made(shape, &program);
        let limit = REFUSED.iter().find(|(name, _)| *name == shape.name).map(|(_, limit)| limit);
        let mut check = |args: &[&str]| {
            let run = program.run(folder.path(), args);
            let told = run.told();
            let good = match run.status {
                Some(0) => true,
                Some(1) => told.contains("error[") && !told.contains("panicked"),
                _ => false,
            } && limit.is_none_or(|limit| {
                told.contains("error[limit]")
                    && told.contains(&format!("the limit `{limit}` is"))
                    && told.contains(&format!("--raise-limit {limit}=NUMBER"))
            });
            if !good {
                let told: String = told.chars().take(300).collect();
                let _ = writeln!(failed, "{} {args:?}: {:?} {told}", shape.name, run.status);
            }
            run.status == Some(0)
        };
        if check(&["validate"]) {
            let format = FORMATS[planned % FORMATS.len()];
            planned += 1;
            let sandbox: &[&str] = if shape.before.is_some() { &["--sandbox"] } else { &[] };
            check(&[&["plan", "--env", "default", "--format", format], sandbox].concat());
        }
    }
    assert!(failed.is_empty(), "{failed}");
}

macro_rules! bounded {
    ($($test:ident: $group:literal,)+) => {
        const GROUPS: &[&str] = &[$($group),+];

        $(#[test]
        fn $test() {
            bounded($group);
        })+
    };
}

bounded! {
    // The two longest begin first: tests start in the order of their names.
    all_yaml_is_read_with_bounded_memory: "yaml-",
    all_templates_are_rendered_with_bounded_memory: "template-",
    many_files_are_read_with_bounded_memory: "files-",
    moves_are_followed_with_bounded_memory: "moves-",
    removals_are_checked_with_bounded_memory: "removed-",
    imports_are_checked_with_bounded_memory: "imports-",
    unknown_senders_are_told_with_bounded_memory: "senders-",
    unknown_audiences_are_told_with_bounded_memory: "audiences-",
    unknown_fields_are_told_with_bounded_memory: "fields-",
    unknown_values_are_told_with_bounded_memory: "kinds-",
    unknown_variables_are_told_with_bounded_memory: "variables-",
    unknown_columns_are_told_with_bounded_memory: "columns-",
    environments_are_read_with_bounded_memory: "environments-",
    csv_files_are_read_with_bounded_memory: "csv-",
    lists_are_read_with_bounded_memory: "list-",
    deliveries_are_planned_with_bounded_memory: "deliveries-",
    differences_are_shown_with_bounded_memory: "state-",
}

#[test]
fn a_limit_is_raised_on_the_command_line_and_by_a_variable_and_not_in_yaml() {
    let folder = TempDir::new().expect("a folder");
    let ids: String = (0..100).map(|n| format!("v{n}, ")).collect();
    let yaml = format!("messages: {{ m: {{ to: {{ visitors: [{ids}] }}, text: t }} }}\n");
    Folder(folder.path()).project(&yaml);
    let program = Program::bounded();
    let told = |args: &[&str]| program.run(folder.path(), args).told();
    let refused = "the limit `deliveries` is 99";
    assert!(told(&["plan", "--raise-limit", "deliveries=99"]).contains(refused));
    assert!(told(&["plan", "--raise-limit", "deliveries=100"]).contains("100 to create"));
    assert!(told(&["plan", "--raise-limit", "plan-bytes=1000"]).contains("the limit `plan-bytes`"));
    assert!(
        told(&["plan", "--raise-limit", "delivreies=1"]).contains("did you mean `deliveries`?")
    );
    let lowered = program.with("PUSHSYNC_LIMITS", "yaml-bytes=1000000,deliveries=99");
    assert!(lowered.run(folder.path(), &["plan"]).told().contains(refused));
    let raised = lowered.run(folder.path(), &["plan", "--raise-limit", "deliveries=100"]);
    assert_eq!(raised.status, Some(0), "{}", raised.told());
    Folder(folder.path()).project(format!("limits: {{ deliveries: 100 }}\n{yaml}"));
    assert!(told(&["validate"]).contains("unknown field `deliveries`"));
}

#[test]
fn every_shape_is_in_one_group_and_every_limit_that_is_asserted_has_a_shape() {
    let all = shapes::all();
    assert!(all.len() >= 150, "{}", all.len());
    for shape in &all {
        let groups = GROUPS.iter().filter(|group| shape.name.starts_with(**group)).count();
        assert_eq!(groups, 1, "{}", shape.name);
    }
    for (name, _) in REFUSED {
        assert!(all.iter().any(|shape| shape.name == name), "{name}");
    }
}

/// Not a test: a table of what each shape takes. `PUSHSYNC_MEASURE` is the program.
#[test]
#[ignore = "measures a program that was built for speed"]
fn measure() {
    let variable = |wanted: &str| {
        let found = std::env::vars_os().find(|(name, _)| name == wanted);
        found.map(|(_, value)| value.to_string_lossy().into_owned())
    };
    let number = |name: &str, usual: f64| {
        variable(name).map_or(usual, |text| text.parse().expect("a number"))
    };
    let program = Program::measured(variable("PUSHSYNC_MEASURE").expect("a program"));
    let only = variable("PUSHSYNC_SHAPES").unwrap_or_default();
    let (slow, fat) = (number("PUSHSYNC_SLOW", 2.0), number("PUSHSYNC_FAT", 300.0));
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
