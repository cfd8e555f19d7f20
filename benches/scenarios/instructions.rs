//! How many instructions three scenarios take, under valgrind: the same on a busy machine and on an
//! idle one, so that CI can hold them against what was committed.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use serde::{Deserialize, Serialize};
use tempfile::TempDir;

use crate::{
    applies::is_there,
    ground,
    projects::{self, Kind},
    table::grouped,
};

/// The exit status that says: left out.
const LEFT_OUT: i32 = 75;

/// Threads that wait for each other take more instructions or fewer; the least of several runs varies
/// by less than one in a hundred.
const RUNS: usize = 3;

#[derive(clap::Args)]
pub(crate) struct Instructions {
    /// Write what was counted, instead of comparing with it.
    #[arg(long)]
    renew: bool,
    /// The program.
    #[arg(long, default_value = "target/release/pushsync")]
    binary: PathBuf,
    /// What was counted before.
    #[arg(long, default_value = "benches/instructions.json")]
    counts: PathBuf,
}

#[derive(Serialize, Deserialize)]
struct Counts {
    made_with: MadeWith,
    tolerance_percent: f64,
    instructions: BTreeMap<String, u64>,
}

/// Where any of this differs, counts cannot be compared.
#[derive(PartialEq, Serialize, Deserialize)]
struct MadeWith {
    /// The folder of the program: `release`.
    profile: String,
    compiler: String,
    /// With what libraries choose their code by at run time.
    processor: String,
}

impl MadeWith {
    fn here(binary: &Path) -> Self {
        let folder = binary.parent().and_then(Path::file_name);
        let compiler = Command::new("rustc").arg("--version").output();
        let compiler = compiler.map(|said| String::from_utf8_lossy(&said.stdout).trim().to_owned());
        // Valgrind has no more than AVX2, whatever the machine has.
        #[cfg(target_arch = "x86_64")]
        let more = if std::arch::is_x86_feature_detected!("avx2") { " with AVX2" } else { "" };
        #[cfg(not(target_arch = "x86_64"))]
        let more = "";
        Self {
            profile: folder.map(|name| name.to_string_lossy().into_owned()).unwrap_or_default(),
            compiler: compiler.unwrap_or_else(|_| "an unknown compiler".to_owned()),
            processor: format!("{}{more}", std::env::consts::ARCH),
        }
    }

    fn words(&self) -> String {
        let Self { profile, compiler, processor } = self;
        format!("{compiler}, profile {profile}, {processor}")
    }
}

/// Counts, and compares or writes; the exit status.
pub(crate) fn run(args: Instructions) -> i32 {
    let Instructions { renew, binary, counts } = args;
    if !is_there("valgrind") {
        eprintln!("left out: valgrind is not installed");
        return LEFT_OUT;
    }
    let Ok(binary) = binary.canonicalize() else {
        eprintln!("there is no program at {}: cargo build --release", binary.display());
        return 1;
    };
    let here = MadeWith::here(&binary);
    let before = fs::read(&counts).ok().map(|text| {
        serde_json::from_slice::<Counts>(&text)
            .unwrap_or_else(|error| panic!("{}: {error}; --renew writes it anew", counts.display()))
    });
    if let (false, Some(before)) = (renew, &before)
        && before.made_with != here
    {
        eprintln!(
            "left out: {} was made with {}, and this is {}; --renew writes it anew",
            counts.display(),
            before.made_with.words(),
            here.words()
        );
        return LEFT_OUT;
    }
    let now = count_all(&binary);
    match before {
        Some(before) if !renew => compare(&before, &now, &binary),
        None if !renew => {
            eprintln!("there is no {}; --renew writes it", counts.display());
            1
        }
        before => {
            let tolerance_percent = before.map_or(5.0, |before| before.tolerance_percent);
            let all = Counts { made_with: here, tolerance_percent, instructions: now };
            let text = serde_json::to_string_pretty(&all).expect("words and numbers") + "\n";
            fs::write(&counts, text).expect("the counts are written");
            0
        }
    }
}

fn compare(before: &Counts, now: &BTreeMap<String, u64>, binary: &Path) -> i32 {
    let mut status = 0;
    for (scenario, &count) in now {
        let Some(&was) = before.instructions.get(scenario) else {
            println!("{scenario}: {} instructions, and none to compare with", grouped(count));
            status = 1;
            continue;
        };
        let percent = (count as f64 / was as f64 - 1.0) * 100.0;
        let verdict = if percent > before.tolerance_percent {
            "TOO MANY"
        } else if percent < -before.tolerance_percent {
            "far fewer: renew, so that it stays so"
        } else {
            "as before"
        };
        if percent.abs() > before.tolerance_percent {
            status = 1;
        }
        println!("{scenario}: {} instructions, {percent:+.1} %: {verdict}", grouped(count));
    }
    if status != 0 {
        println!(
            "\nMore than {} % away from benches/instructions.json. If that is as it should be, say why in the commit, \
             with the counts of\n  cargo run --example bench -- instructions --renew --binary {}\n\
             To see where they go: valgrind --tool=callgrind --fair-sched=yes pushsync …, then callgrind_annotate.",
            before.tolerance_percent,
            binary.display()
        );
    }
    status
}

fn count_all(binary: &Path) -> BTreeMap<String, u64> {
    let sent = |kind, size| {
        let folder = TempDir::new().expect("a temporary folder");
        projects::made(folder.path(), kind, size);
        settle(binary, folder.path());
        folder
    };
    let csv = sent(Kind::Csv, 10_000);
    let yaml = sent(Kind::Yaml, 1_000);
    let fresh = TempDir::new().expect("a temporary folder");
    projects::make(fresh.path(), Kind::Yaml, 200).expect("a project is written");
    let scenarios = [
        ("plan of 10,000 unchanged deliveries in CSV", &csv, "plan"),
        ("plan of 1,000 unchanged messages in YAML", &yaml, "plan"),
        ("apply of 200 creates to the sandbox inside", &fresh, "apply --sandbox --yes -q"),
    ];
    scenarios
        .into_iter()
        .map(|(name, folder, args)| {
            let least = (0..RUNS)
                .map(|_| {
                    if args.starts_with("apply") {
                        // It is not there before the first run.
                        let _ = fs::remove_dir_all(folder.path().join("state"));
                    }
                    count(binary, folder.path(), args)
                })
                .min();
            (name.to_owned(), least.expect("there are runs"))
        })
        .collect()
}

/// Opened for the first time, sled ends its last segment sooner or later, so that there are two or three of them,
/// which makes a twentieth of a scan. Once rewritten after that, there are two.
fn settle(binary: &Path, folder: &Path) {
    for args in ["plan", "state compact", "plan"] {
        let mut command = Command::new(binary);
        ground::clean(&mut command);
        let done = command.args(args.split_whitespace()).current_dir(folder).output();
        let done = done.expect("the program starts");
        assert!(done.status.success(), "{args}: {}", String::from_utf8_lossy(&done.stderr));
    }
}

fn count(binary: &Path, folder: &Path, args: &str) -> u64 {
    let mut command = Command::new("valgrind");
    // Threads that spin while another one works would make the count depend on chance.
    command.args(["--tool=callgrind", "--callgrind-out-file=/dev/null", "--fair-sched=yes"]);
    command.arg(binary).args(args.split_whitespace()).stdin(Stdio::null());
    ground::clean(&mut command);
    let done = command.current_dir(folder).output().expect("valgrind starts");
    let said = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "pushsync {args} failed under valgrind:\n{said}");
    let collected = said.lines().find_map(|line| line.split_once("Collected :"));
    let number = collected.and_then(|(_, number)| number.trim().parse().ok());
    number.unwrap_or_else(|| panic!("valgrind did not say how many instructions it saw:\n{said}"))
}
