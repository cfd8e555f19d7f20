use std::{
    fs,
    path::{Path, PathBuf},
};

use tempfile::TempDir;

use super::{
    Sandbox, run,
    run::{Ran, Run},
};

/// Visitors, as long as real ones.
pub(crate) const ADA: &str = "adaMvWhf8npAu3H6qd57w2Hv6nh6rnxvg";
pub(crate) const BEN: &str = "benTnXc2LmRz9VbKs4WyFhGd8JpEu5AoN";
pub(crate) const CLEO: &str = "cleoXc2LmRz9VbKs4WyFhGd8JpEu5A7qR";

/// A project in a folder of its own.
pub(crate) struct Project {
    folder: TempDir,
    /// Variables for each run of the binary.
    variables: Vec<(&'static str, String)>,
}

impl Project {
    /// With this `pushsync.yaml`, after `version: 1` and the usual senders and audiences:
    /// `support` is a group, `liz` an agent, `team` are Ada and Ben, `ada` and `ben` one each.
    pub(crate) fn new(yaml: &str) -> Self {
        let project = Self::empty();
        project.settings("", yaml);
        project
    }

    /// Without any file.
    pub(crate) fn empty() -> Self {
        Self::with_variables(Vec::new())
    }

    /// Without any file; the binary always runs with these variables.
    pub(crate) fn with_variables(variables: Vec<(&'static str, String)>) -> Self {
        let folder = TempDir::new().expect("a temporary folder");
        Self { variables, ..Self::within(folder) }
    }

    /// In this folder.
    pub(crate) fn within(folder: TempDir) -> Self {
        Self { folder, variables: Vec::new() }
    }

    /// One message of one text to one visitor.
    pub(crate) fn note(text: &str) -> Self {
        Self::new(&format!("messages: {{ note: {{ from: support, to: ada, text: {text:?} }} }}"))
    }

    /// This number of messages `m00`, `m01`, … to Ada.
    pub(crate) fn many(count: usize) -> Self {
        Self::new(&many(count, "text"))
    }

    /// Writes `pushsync.yaml` anew; `settings` come before what every project has.
    pub(crate) fn settings(&self, settings: &str, yaml: &str) {
        self.file(
            "pushsync.yaml",
            format!(
                "version: 1\n{settings}\nsenders:\n  support: {{ group: PjRBMhWGen6aRHjif }}\n  \
                 liz: {{ agent: d9nKoegKSjmCtyK78 }}\n  \
                 desk: {{ email: liz@example.com, name: Liz, received_from: pushsync }}\n\
                 audiences:\n  team: {{ visitors: [{ADA}, {BEN}] }}\n  \
                 ada: {{ visitors: [{ADA}] }}\n  ben: {{ visitors: [{BEN}] }}\n{yaml}\n"
            ),
        );
    }

    /// Writes what comes after the usual senders and audiences.
    pub(crate) fn rewrite(&self, yaml: &str) {
        self.settings("", yaml);
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn join(&self, name: &str) -> PathBuf {
        self.path().join(name)
    }

    pub(crate) fn file(&self, name: &str, text: impl AsRef<[u8]>) {
        let path = self.join(name);
        fs::create_dir_all(path.parent().expect("in a folder")).expect("a folder");
        fs::write(path, text).expect("a file");
    }

    pub(crate) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// Git in this folder; what it says.
    pub(crate) fn git(&self, args: &str) -> String {
        let done = std::process::Command::new("git")
            .args(["-c", "user.name=n", "-c", "user.email=e@example.com"])
            .args(args.split_whitespace())
            .current_dir(self.path())
            .output()
            .expect("git is there");
        assert!(done.status.success(), "git {args}: {done:?}");
        String::from_utf8_lossy(&done.stdout).trim().to_owned()
    }

    /// The binary in this folder, without a key and without a server.
    pub(crate) fn run(&self, args: &str) -> Run {
        let run = run(self.path(), args.split_whitespace());
        self.variables.iter().fold(run, |run, (name, value)| run.env(name, value))
    }

    /// The binary in this folder, against a server.
    pub(crate) fn with(&self, sandbox: &Sandbox, args: &str) -> Run {
        self.run(args).env("BREVO_BASE_URL", sandbox.base_url()).env("BREVO_API_KEY", "any")
    }

    /// Applies, which leaves nothing to do.
    pub(crate) fn apply(&self, sandbox: &Sandbox) -> Ran {
        let ran = self.with(sandbox, "apply --yes").ok();
        self.is_settled();
        ran
    }

    /// There is nothing to do.
    pub(crate) fn is_settled(&self) {
        self.run("plan --detailed-exitcode").exits(0).says(&["No changes"]);
    }

    /// The actions of the plan, with their addresses' keys and their reasons.
    pub(crate) fn planned(&self, args: &str) -> Vec<(String, String, String)> {
        let plan = self.run(&format!("plan --format json {args}")).ok().json();
        let text = |value: &serde_json::Value| value.as_str().expect("a string").to_owned();
        let changes = plan["changes"].as_array().expect("changes");
        changes.iter().map(|c| (text(&c["action"]), text(&c["key"]), text(&c["reason"]))).collect()
    }

    /// The plan is one change.
    pub(crate) fn plans(&self, action: &str, key: &str, reason: &str) {
        assert_eq!(self.planned(""), [(action.to_owned(), key.to_owned(), reason.to_owned())]);
    }

    /// Every change of the plan is this one, of this message.
    pub(crate) fn plans_all(&self, action: &str, key: &str) {
        let planned = self.planned("");
        assert!(
            !planned.is_empty() && planned.iter().all(|(a, k, _)| a == action && k == key),
            "{planned:?}"
        );
    }
}

/// `messages:` with this many messages, whose texts begin with this.
pub(crate) fn many(count: usize, text: &str) -> String {
    let mut yaml = "messages:\n".to_owned();
    for n in 0..count {
        yaml.push_str(&format!("  m{n:02}: {{ from: support, to: ada, text: {text} {n} }}\n"));
    }
    yaml
}

/// A text in double quotes, as YAML takes it: it holds control characters and the byte order mark only as escapes, and
/// JSON leaves some.
pub(crate) fn quoted(text: &str) -> String {
    let text = serde_json::to_string(text).expect("a text");
    let escaped = |c: char| match c.is_control() || c == '\u{feff}' {
        true => format!("\\u{:04x}", u32::from(c)),
        false => c.to_string(),
    };
    text.chars().map(escaped).collect()
}
