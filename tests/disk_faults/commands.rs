//! The commands that run on a disk that fails, each in a project of its own.

use std::{fs, path::Path};

use serde_json::Value;
use tempfile::TempDir;

use super::shim::{Log, MARK};
use crate::support::{ADA, Project, Run, Sandbox, resolve};

const KEY: &str = "correct horse battery staple";
const NEW_KEY: &str = "another passphrase for it";

/// A command, and what is around it.
pub(super) struct Scene<'a> {
    pub(super) project: Project,
    sandbox: &'a Sandbox,
    /// In each text, so that scenes can share a server.
    tag: String,
    command: &'static str,
    args: String,
    /// The folder that has the state when all is done.
    state: &'static str,
    key: Option<&'static str>,
}

/// A folder in memory, where there is one: the disk that fails is the library's.
fn scratch() -> TempDir {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() { TempDir::new_in(memory) } else { TempDir::new() }.expect("a folder")
}

impl<'a> Scene<'a> {
    /// Everything up to the command.
    pub(super) fn new(sandbox: &'a Sandbox, command: &'static str, number: usize) -> Self {
        let tag = format!("{command}{number}");
        let (project, state, key) = (Project::within(scratch(), Vec::new()), MARK, None);
        let args = "apply --yes --allow-deletes all".to_owned();
        let mut scene = Self { project, sandbox, tag, command, args, state, key };
        let message = |key: &str, from: &str| {
            format!("  {key}: {{ from: {from}, to: ada, text: {} {key} }}\n", scene.tag)
        };
        let all = |keys: &[&str]| {
            keys.iter().fold("messages:\n".to_owned(), |yaml, key| yaml + &message(key, "support"))
        };
        match command {
            "create" => scene.write(&all(&["a", "b", "c", "d", "e"])),
            "change" => {
                scene.apply(&all(&["a", "b", "c", "d", "e"]));
                let changed = all(&["a", "b", "f"]).replace(" a }", " a2 }");
                scene.write(&(changed + &message("c", "liz")));
            }
            "refresh" => {
                scene.apply(&all(&["a", "b", "c"]));
                scene.args = "refresh".to_owned();
            }
            "adopt" => {
                scene.write(&format!("messages:\n{}", message("a", "liz")));
                let id = sandbox.send("pushed", ADA, &format!("{} a", scene.tag));
                scene.args = format!("import a@{ADA} {id}");
            }
            "moved" => {
                scene.apply(&all(&["a", "b"]));
                let yaml = all(&["c", "b"]).replace(" c }", " a }");
                scene.write(&format!("{yaml}moved: [ {{ from: a, to: c }} ]"));
            }
            "resolve" => {
                scene.write(&all(&["a"]));
                let died = scene.run("apply --yes").env("PUSHSYNC_DIE_AFTER", "request:1").wait();
                assert_eq!(died.status, -1, "{}", died.err);
                let sent = scene.created().pop();
                let answer = sent.map_or("--not-sent".to_owned(), |message| {
                    format!("--unchecked --sent {}", message["id"].as_str().expect("an id"))
                });
                scene.args = format!("state resolve a@{ADA} {answer}");
            }
            "import" => {
                scene.apply(&all(&["a", "b", "c"]));
                scene.run("state export out.jsonl").ok();
                fs::remove_dir_all(scene.project.join(MARK)).expect("is there");
                scene.args = "state import out.jsonl".to_owned();
            }
            "migrate" => {
                scene.apply(&all(&["a", "b", "c"]));
                scene.args = "state migrate --to bad-disk-2".to_owned();
            }
            "rekey" => {
                scene.key = Some(KEY);
                scene.apply(&all(&["a", "b"]));
                scene.args = "state rekey".to_owned();
            }
            "compact" => {
                scene.apply(&all(&["a", "b", "c"]));
                scene.args = "state compact".to_owned();
            }
            other => panic!("{other} is not a command"),
        }
        scene
    }

    fn write(&self, yaml: &str) {
        self.project.settings(&format!("state: {}", self.state), yaml);
    }

    fn apply(&self, yaml: &str) {
        self.write(yaml);
        self.run("apply --yes").ok();
    }

    fn run(&self, args: &str) -> Run {
        let run = self.project.with(self.sandbox, args);
        match self.key {
            Some(key) => run.env("PUSHSYNC_STATE_KEY", key),
            None => run,
        }
    }

    /// The command.
    pub(super) fn command(&self) -> Run {
        let run = self.run(&self.args);
        if self.command == "rekey" { run.env("PUSHSYNC_NEW_STATE_KEY", NEW_KEY) } else { run }
    }

    /// The messages of this scene that were ever created.
    fn created(&self) -> Vec<Value> {
        let begin = format!("{} ", self.tag);
        let mut all = self.sandbox.created();
        all.retain(|message| message["text"].as_str().is_some_and(|text| text.starts_with(&begin)));
        all
    }

    /// A command on a disk that works believes what the system says; then the system drops what was lost.
    pub(super) fn next_and_lose(&self, log: &Log) -> usize {
        let _whatever = self.run("plan").wait();
        log.lose(self.project.path())
    }

    /// The same command and what a person does after it: in the end each message is there once, and was created
    /// once.
    pub(super) fn ends_well(&mut self) -> Result<(), String> {
        let again = self.command().wait();
        // What was done before it failed is not done again.
        let done = [
            "in the state already",
            "is not empty",
            "was moved to",
            "under another key",
            "is not unknown",
            "has no",
        ]
        .iter()
        .any(|words| again.err.contains(words));
        if !([0, 4].contains(&again.status) || done && again.status == 1) {
            return Err(format!("again: {}\n{}", again.status, again.err));
        }
        match self.command {
            "migrate" => {
                self.state = "bad-disk-2";
                let yaml = self.project.read("pushsync.yaml");
                self.project.file(
                    "pushsync.yaml",
                    yaml.replace("state: bad-disk\n", "state: bad-disk-2\n"),
                );
            }
            "rekey" => {
                self.key = Some(NEW_KEY);
            }
            _ => {}
        }
        if again.status == 4 || self.command == "resolve" {
            resolve(self.sandbox, &self.project);
        }
        for args in ["apply --yes --allow-deletes all", "plan --detailed-exitcode", "state verify"]
        {
            let ran = self.run(args).wait();
            if ran.status != 0 {
                return Err(format!("{args}: {}\n{}\n{}", ran.status, ran.out, ran.err));
            }
        }
        let (created, mut there) = (self.created(), Vec::new());
        for message in created.iter().filter(|message| message["deleted"] == false) {
            let text = message["text"].as_str().expect("a text");
            there.push(text.trim_start_matches(&self.tag).trim().to_owned());
        }
        there.sort();
        let wanted: (&[&str], usize) = match self.command {
            "create" => (&["a", "b", "c", "d", "e"], 5),
            "change" => (&["a2", "b", "c", "f"], 7),
            "adopt" | "resolve" => (&["a"], 1),
            "moved" | "rekey" => (&["a", "b"], 2),
            _ => (&["a", "b", "c"], 3),
        };
        if there != wanted.0 || created.len() != wanted.1 {
            return Err(format!("{there:?} are there, {} were created", created.len()));
        }
        Ok(())
    }
}
