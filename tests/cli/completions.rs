//! Completions, as bash asks for them: with the script that `completions bash` prints.

use std::{path::Path, process::Command};

use crate::support::{ADA, Project, run};

/// What the shell offers for the last word of this line.
fn offered(project: &Project, line: &str) -> Vec<String> {
    let script = run(project.path(), ["completions", "bash"]).ok().out;
    let bin = Path::new(env!("CARGO_BIN_EXE_pushsync")).parent().expect("a folder");
    let path = std::env::var_os("PATH").expect("a path");
    // The words as bash makes them: an `@` is one of its own.
    let ask = format!(
        "{script}\nCOMP_LINE=$LINE COMP_POINT=${{#LINE}}\n\
         IFS=' ' read -ra COMP_WORDS <<< \"${{LINE//@/ @ }}\"\n\
         [[ $LINE == *[' @'] ]] && COMP_WORDS+=('')\n\
         COMP_CWORD=$(( ${{#COMP_WORDS[@]}} - 1 ))\n\
         _pushsync pushsync \"${{COMP_WORDS[COMP_CWORD]}}\"\nprintf '%s\\n' \"${{COMPREPLY[@]}}\""
    );
    let asked = Command::new("bash")
        .args(["--norc", "-c", &ask])
        .env("LINE", line)
        .env("PATH", format!("{}:{}", bin.display(), path.display()))
        .current_dir(project.path())
        .output()
        .expect("bash is there");
    assert!(asked.status.success() && asked.stderr.is_empty(), "{asked:?}");
    let out = String::from_utf8_lossy(&asked.stdout);
    // Options are offered wherever a word may begin.
    out.lines()
        .filter(|word| !word.starts_with('-') && !word.is_empty())
        .map(str::to_owned)
        .collect()
}

fn project() -> Project {
    let project = Project::empty();
    project.settings(
        "environments: { staging: {}, production: {} }",
        "messages:\n  note: { from: support, to: ada, text: one }\n  \
         news: { from: support, to: team, text: two }",
    );
    project
}

#[test]
fn a_shell_offers_the_keys_environments_senders_and_addresses_of_the_project() {
    let project = project();
    for (line, words) in [
        ("pushsync show n", &["news", "note"][..]),
        ("pushsync show not", &["note"]),
        ("pushsync plan --target ne", &["news"]),
        ("pushsync state history no", &["note"]),
        ("pushsync plan --env ", &["staging", "production"]),
        ("pushsync --env st", &["staging"]),
        ("pushsync presence --from l", &["liz"]),
        ("pushsync state show no", &["note@"]),
        ("pushsync explain unknown-se", &["unknown-sender"]),
        ("pushsync val", &["validate"]),
        ("pushsync audience show t", &["team"]),
    ] {
        assert_eq!(offered(&project, line), words, "{line}");
    }
    // The rest of the word is what follows the `@`.
    assert_eq!(offered(&project, "pushsync plan --target note@"), [ADA]);
    assert_eq!(offered(&project, &format!("pushsync state rm note@{}", &ADA[..5])), [ADA]);
}

#[test]
fn the_project_is_the_one_that_the_line_names() {
    let elsewhere = Project::empty();
    let project = project();
    let folder = project.path().display().to_string();
    for line in ["-C FOLDER show no", "show --directory FOLDER no", "-CFOLDER plan --target no"] {
        let line = format!("pushsync {}", line.replace("FOLDER", &folder));
        assert_eq!(offered(&elsewhere, &line), ["note"], "{line}");
    }
}

#[test]
fn without_a_project_or_with_a_broken_one_a_shell_is_told_what_there_is_and_nothing_else() {
    assert!(offered(&Project::empty(), "pushsync show n").is_empty());
    let project = project();
    let yaml = project.read("pushsync.yaml");
    project.file("pushsync.yaml", yaml.replace("text: one", "txet: one"));
    assert_eq!(offered(&project, "pushsync show n"), ["news"]);
    project.file("pushsync.yaml", "{ not: [ yaml");
    assert!(offered(&project, "pushsync show n").is_empty());
}
