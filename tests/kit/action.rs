//! The step of `action.yml`, as GitHub's runner would run it.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use serde_json::Value;
use tempfile::TempDir;

/// A token and a key that must be seen nowhere.
pub(crate) const TOKEN: &str = "ghs_token";
pub(crate) const KEY: &str = "xkeysib-of-a-test";

/// A job, about to be run.
pub(crate) struct Job {
    pub(crate) inputs: BTreeMap<String, String>,
    pub(crate) env: BTreeMap<String, String>,
    pub(crate) event: Value,
    folder: TempDir,
}

/// What became of it.
#[derive(Debug)]
pub(crate) struct Done {
    pub(crate) status: i32,
    pub(crate) log: String,
    pub(crate) summary: String,
    pub(crate) outputs: BTreeMap<String, String>,
    /// What git, which pushsync asks for the commit, could see: see [`spying_git`]. Empty if it was not asked.
    pub(crate) seen: String,
}

pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A folder with a git that notes in a file what it was asked, its environment, and the arguments and the environment
/// of each process that it descends from, up to this test, and the names of the job's files with a secret in them.
/// Nothing else that pushsync starts could see these.
pub(crate) fn spying_git(tools: &Path, seen: &Path, folder: &Path) {
    fs::create_dir_all(tools).expect("a folder");
    let path = std::env::var_os("PATH").expect("a path");
    let git = std::env::split_paths(&path).map(|folder| folder.join("git"));
    let git = git.into_iter().find(|git| git.is_file()).expect("git is there");
    let text = format!("{}\nexec '{}' \"$@\"", spying(seen, folder), git.display());
    script(&tools.join("git"), &text);
}

/// The lines that note it.
pub(crate) fn spying(seen: &Path, folder: &Path) -> String {
    format!(
        "{{\n\
         printf '%s\\n' \"args: $*\"\n\
         env\n\
         pid=$$\n\
         while [ -r /proc/$pid/environ ] && [ $pid != {harness} ]; do\n\
         printf 'process: '; tr '\\0' ' ' </proc/$pid/cmdline; echo\n\
         tr '\\0' '\\n' </proc/$pid/environ\n\
         pid=$(sed -n 's/^PPid:[[:space:]]*//p' /proc/$pid/status)\n\
         done\n\
         grep -rl --exclude=seen -e 'gh[s]_token' -e 'xkeysi[b]-of' '{folder}' | sed 's/^/a file has a secret: /'\n\
         }} >>'{seen}'\n",
        harness = std::process::id(),
        folder = folder.display(),
        seen = seen.display(),
    )
}

/// A script that can be run.
pub(crate) fn script(path: &Path, text: &str) {
    fs::write(path, format!("#!/bin/sh\n{text}\n")).expect("writable");
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    fs::set_permissions(path, mode).expect("its own");
}

fn action() -> Value {
    let text = fs::read_to_string(root().join("action.yml")).expect("action.yml");
    serde_yaml::from_str(&text).expect("YAML")
}

impl Job {
    pub(crate) fn new(event_name: &str, event: Value) -> Self {
        let env = [("GITHUB_EVENT_NAME", event_name), ("PUSHSYNC_CI_PAUSE", "0")];
        let env =
            env.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        let folder = TempDir::new().expect("a folder");
        // The project of these tests has environments.
        let inputs = BTreeMap::from([("environment".to_owned(), "default".to_owned())]);
        Self { inputs, env, event, folder }
    }

    pub(crate) fn input(mut self, name: &str, value: impl Into<String>) -> Self {
        self.inputs.insert(name.to_owned(), value.into());
        self
    }

    pub(crate) fn env(mut self, name: &str, value: impl Into<String>) -> Self {
        self.env.insert(name.to_owned(), value.into());
        self
    }

    /// Where programs are looked for: first in a folder with a git that notes what it sees.
    pub(crate) fn path(&self) -> String {
        let tools = self.join("tools");
        spying_git(&tools, &self.join("seen"), self.folder.path());
        let path = std::env::var_os("PATH").expect("a path");
        format!("{}:{}", tools.display(), path.display())
    }

    fn join(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The value of an expression; there are only these.
    fn value(&self, text: &str, inputs: &Value) -> String {
        let Some(inner) = text.strip_prefix("${{ ").and_then(|rest| rest.strip_suffix(" }}"))
        else {
            assert!(!text.contains("${{"), "{text}");
            return text.to_owned();
        };
        match inner {
            "github.token" => TOKEN.to_owned(),
            _ => {
                let name = inner.strip_prefix("inputs.").expect("an input");
                assert!(inputs.get(name).is_some(), "no input {name}");
                let default = || inputs[name]["default"].as_str().unwrap_or_default().to_owned();
                let given = self.inputs.get(name).cloned().unwrap_or_else(default);
                self.value(&given, inputs)
            }
        }
    }

    pub(crate) fn start(mut self) -> Running {
        let action = action();
        let steps = action["runs"]["steps"].as_array().expect("steps");
        assert_eq!(steps.len(), 1);
        let step = &steps[0];
        assert_eq!(step["shell"], "bash");
        let script = step["run"].as_str().expect("a script");
        assert!(!script.contains("${{"), "expressions do not belong in code");
        fs::write(self.join("script.sh"), script).expect("writable");
        fs::write(self.join("event.json"), self.event.to_string()).expect("writable");
        fs::write(self.join("summary"), "").expect("writable");
        if !self.inputs.contains_key("binary") && !self.inputs.contains_key("version") {
            let program = env!("CARGO_BIN_EXE_pushsync").to_owned();
            self.inputs.insert("binary".to_owned(), program);
        }
        for name in self.inputs.keys() {
            assert!(action["inputs"].get(name).is_some(), "action.yml has no input {name}");
        }
        let mut command = Command::new("bash");
        // As the runner does, with standard error in the same log.
        let log = fs::File::create(self.join("log")).expect("writable");
        command
            .args(["--noprofile", "--norc", "-e", "-o", "pipefail"])
            .arg(self.join("script.sh"))
            .env_clear()
            .env("PATH", self.path())
            .env("HOME", self.folder.path())
            .env("RUNNER_TEMP", self.folder.path())
            .env("GITHUB_WORKSPACE", self.env.get("REPOSITORY").expect("a repository"))
            .env("GITHUB_ACTION_PATH", root())
            .env("GITHUB_EVENT_PATH", self.join("event.json"))
            .env("GITHUB_STEP_SUMMARY", self.join("summary"))
            .env("GITHUB_OUTPUT", self.join("output"))
            .env("GITHUB_TOKEN", TOKEN)
            .env("GITHUB_REPOSITORY", "acme/chat")
            .env("GITHUB_SERVER_URL", "https://github.example")
            .env("GITHUB_RUN_ID", "42")
            .env("GITHUB_ACTIONS", "true")
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a file"))
            .stderr(log);
        for (name, value) in step["env"].as_object().expect("an env") {
            let value = self.value(value.as_str().expect("a text"), &action["inputs"]);
            command.env(name, value);
        }
        command.envs(&self.env).current_dir(self.env.get("REPOSITORY").expect("a repository"));
        Running { child: command.spawn().expect("bash starts"), job: self }
    }

    pub(crate) fn wait(self) -> Done {
        self.start().wait()
    }

    pub(crate) fn exits(self, status: i32) -> Done {
        let done = self.wait();
        assert_eq!(done.status, status, "{}\n--- summary\n{}", done.log, done.summary);
        done
    }

    pub(crate) fn ok(self) -> Done {
        self.exits(0)
    }
}

/// A job under way.
pub(crate) struct Running {
    child: Child,
    job: Job,
}

impl Running {
    pub(crate) fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        let sent = Command::new("kill").args(["-s", name, &pid]).status().expect("kill is there");
        assert!(sent.success());
    }

    pub(crate) fn wait(mut self) -> Done {
        let status = self.child.wait().expect("it can be waited for").code().unwrap_or(-1);
        for entry in fs::read_dir(self.job.folder.path()).expect("its folder").flatten() {
            let name = entry.file_name();
            assert!(!name.to_string_lossy().starts_with("pushsync."), "{name:?} was left behind");
        }
        let read = |name: &str| fs::read_to_string(self.job.join(name)).unwrap_or_default();
        let outputs = outputs_in(&read("output"));
        let done = Done {
            status,
            log: read("log"),
            summary: read("summary"),
            outputs,
            seen: read("seen"),
        };
        for place in [&done.log, &done.summary, &done.seen] {
            assert!(!place.contains(TOKEN), "the token is seen:\n{place}");
            assert!(!place.contains("a file has a secret"), "{place}");
        }
        for place in [&done.log, &done.summary] {
            assert!(!place.contains(KEY), "the key is seen:\n{place}");
            for visitor in [crate::repository::ADA, crate::repository::BEN] {
                assert!(!place.contains(visitor), "a visitor is seen whole:\n{place}");
            }
        }
        done.commands();
        done
    }
}

/// The outputs of a file, in both of its forms: a line, and lines up to a word that nobody can guess.
fn outputs_in(file: &str) -> BTreeMap<String, String> {
    let mut outputs = BTreeMap::new();
    let mut lines = file.lines();
    while let Some(line) = lines.next() {
        if let Some((name, end)) = line.split_once("<<") {
            assert!(end.len() >= 32, "a word that cannot be guessed");
            let value: Vec<_> = lines.by_ref().take_while(|line| *line != end).collect();
            outputs.insert(name.to_owned(), value.join("\n"));
        } else {
            let (name, value) = line.split_once('=').expect("NAME=VALUE");
            outputs.insert(name.to_owned(), value.to_owned());
        }
    }
    outputs
}

impl Done {
    /// What the runner takes for commands, in both of its forms: (name, title or properties, message).
    pub(crate) fn commands(&self) -> Vec<(String, String, String)> {
        let (mut found, mut stopped) = (Vec::new(), None::<String>);
        // The runner ends a line at a carriage return too.
        for line in self.log.split(['\n', '\r']) {
            let line = line.trim_start();
            if let Some(token) = &stopped {
                if line.trim_end() == format!("::{token}::") {
                    stopped = None;
                }
                continue;
            }
            if let Some(token) = line.strip_prefix("::stop-commands::") {
                assert!(token.len() >= 32, "a word that cannot be guessed");
                stopped = Some(token.to_owned());
                continue;
            }
            if let Some(rest) = line.strip_prefix("::") {
                let (head, message) = rest.split_once("::").expect("a command");
                let (name, properties) = head.split_once(' ').unwrap_or((head, ""));
                let known = ["error", "warning", "notice"];
                assert!(known.contains(&name), "a command of somebody else: {line}");
                found.push((name.to_owned(), properties.to_owned(), message.to_owned()));
            } else {
                assert!(!line.contains("##["), "a command of the old form: {line}");
            }
        }
        assert!(stopped.is_none(), "commands are stopped for good:\n{}", self.log);
        found
    }

    /// There is a command of this level that says this.
    pub(crate) fn notes(self, level: &str, part: &str) -> Self {
        let commands = self.commands();
        assert!(
            commands.iter().any(|(name, title, said)| {
                name == level && (said.contains(part) || title.contains(part))
            }),
            "no {level} with {part:?}: {commands:#?}"
        );
        self
    }

    /// The summary has all of these.
    pub(crate) fn sums_up(self, parts: &[&str]) -> Self {
        for part in parts {
            assert!(self.summary.contains(part), "no {part:?} in\n{}\n{}", self.summary, self.log);
        }
        self
    }

    pub(crate) fn output(&self, name: &str) -> &str {
        self.outputs.get(name).map(String::as_str).unwrap_or_default()
    }
}
