//! The units for systemd.

use std::{fs, process::Command};

use tempfile::TempDir;

use crate::{deploy, is_here, pushsync, read, said, succeeds};

const NEEDED: &str = "PUSHSYNC_NEED_SYSTEMD";
const UNITS: [&str; 3] = ["pushsync.service", "pushsync-pull.service", "pushsync-pull.timer"];

/// The units, with the programs where they are here.
fn units() -> TempDir {
    let folder = TempDir::new().expect("a folder");
    let pull = deploy("systemd/pushsync-pull");
    for name in UNITS {
        let unit = read(&deploy(&format!("systemd/{name}")))
            .replace("/usr/bin/pushsync", env!("CARGO_BIN_EXE_pushsync"))
            .replace("/usr/local/bin/pushsync-pull", pull.to_str().expect("UTF-8"));
        fs::write(folder.path().join(name), unit).expect("a file");
    }
    folder
}

#[test]
fn systemd_takes_the_units() {
    if !is_here("systemd-analyze", NEEDED) {
        return;
    }
    let folder = units();
    let mut verify = Command::new("systemd-analyze");
    verify.args(["verify", "--man=no"]).args(UNITS.map(|name| folder.path().join(name)));
    let said = succeeds(&mut verify);
    let about_ours: Vec<_> = said.lines().filter(|line| line.contains("pushsync")).collect();
    assert!(about_ours.is_empty(), "{said}");
}

#[test]
fn the_unit_leaves_the_process_nothing_that_it_does_not_need() {
    if !is_here("systemd-analyze", NEEDED) {
        return;
    }
    let folder = units();
    let mut security = Command::new("systemd-analyze");
    security.args(["security", "--offline=true", "--no-pager", "--threshold=15"]);
    succeeds(security.arg(folder.path().join("pushsync.service")));
}

/// The values of a setting, in all its lines.
fn settings(unit: &str, name: &str) -> Vec<String> {
    let start = format!("{name}=");
    unit.lines().filter_map(|line| line.strip_prefix(&*start)).map(str::to_owned).collect()
}

#[test]
fn the_command_of_the_unit_is_one_of_the_program() {
    let unit = read(&deploy("systemd/pushsync.service"));
    let start = settings(&unit, "ExecStart").remove(0);
    let arguments = start.strip_prefix("/usr/bin/pushsync ").expect("the program").split(' ');
    let output = pushsync().args(arguments).arg("--help").output().expect("it runs");
    assert!(output.status.success(), "{}", said(&output));
    assert!(settings(&unit, "Restart") == ["always"], "it starts again when it is killed");
    assert!(settings(&unit, "ExecReload").remove(0).ends_with("kill -HUP $MAINPID"));
}

#[test]
fn the_key_is_a_credential_and_in_no_environment() {
    let unit = read(&deploy("systemd/pushsync.service"));
    let credential = settings(&unit, "LoadCredential").remove(0);
    let (name, _) = credential.split_once(':').expect("a name and a file");
    let variables = settings(&unit, "Environment").join(" ");
    assert!(variables.contains(&format!("BREVO_API_KEY_FILE=%d/{name}")));
    assert!(!variables.contains("BREVO_API_KEY="));
}
