//! Commands that are shown to be copied do what they say when they are copied.

use std::{path::Path, process::Command};

use tempfile::Builder;

use crate::support::{ADA, BEN, Project, Run, Sandbox, run, run_as};

/// A project in a folder whose name must be quoted; commands run beside it.
struct Scene {
    project: Project,
    api: Sandbox,
    name: String,
}

impl Scene {
    fn new(yaml: &str) -> Self {
        let folder = Builder::new().prefix("it's a $HOME \"x\" ").tempdir().expect("a folder");
        let name = folder.path().file_name().expect("a name").to_str().expect("UTF-8").to_owned();
        let project = Project::within(folder, Vec::new());
        project.rewrite(yaml);
        Self { project, api: Sandbox::start(), name }
    }

    fn beside(&self) -> &Path {
        self.project.path().parent().expect("a parent")
    }

    fn with(&self, run: Run) -> Run {
        run.env("BREVO_BASE_URL", self.api.base_url()).env("BREVO_API_KEY", "any")
    }

    fn run(&self, args: &str) -> Run {
        let mut all: Vec<&str> = args.split_whitespace().collect();
        all.extend(["-C", &self.name]);
        self.with(run(self.beside(), all))
    }

    /// The command that follows these words on stderr, run by a shell with more words.
    fn copied(&self, said: &str, after: &str, more: &str) -> Run {
        let (_, rest) = said.split_once(after).unwrap_or_else(|| panic!("{after} in {said}"));
        let line = rest.lines().next().expect("a line");
        assert!(line.starts_with("pushsync "), "{line}");
        let mut shell = Command::new("sh");
        let binary = Path::new(env!("CARGO_BIN_EXE_pushsync")).parent().expect("a folder");
        let path = format!("{}:/usr/local/bin:/usr/bin:/bin", binary.display());
        shell.env("PATH", path);
        self.with(run_as(shell, self.beside(), ["-c", &format!("{line} {more}")]))
    }
}

const TWO: &str = "messages:\n  a: { from: support, to: team, text: hi }\n  b: { from: support, to: ada, text: hi }";

#[test]
fn the_hint_of_a_plan_applies_that_plan_and_no_more() {
    let scene = Scene::new(TWO);
    let plan = scene.run(&format!("plan --target a@{BEN}")).ok();
    assert!(!plan.err.contains(BEN), "{}", plan.err);
    scene.copied(&plan.err, "next: ", "--yes").ok();
    scene.api.holds(&[(BEN, "hi")]);
    let plan = scene.run(&format!("plan --target b --target a@{BEN}")).ok();
    scene.copied(&plan.err, "next: ", "--yes").ok();
    assert_eq!(scene.api.there().len(), 2);
    let plan = scene.run("plan --destroy --target b").ok();
    scene.copied(&plan.err, "next: ", "--yes").ok();
    scene.api.holds(&[(BEN, "hi")]);
    let plan = scene.run("plan").arg("--out").arg("it's b.json").ok();
    scene.copied(&plan.err, "next: ", "").ok();
    assert_eq!(scene.api.there().len(), 3);
    std::fs::remove_file(scene.beside().join("it's b.json")).expect("there");
}

#[test]
fn the_hint_of_a_plan_as_of_an_instant_has_it() {
    let scene = Scene::new(
        "messages: { a: { from: support, to: ada, text: hi, active: { from: 2100-01-01T00:00:00Z } } }",
    );
    let plan = scene.run("plan --at 2100-02-01T00:00:00Z").ok();
    scene.copied(&plan.err, "next: ", "--yes").ok();
    scene.api.holds(&[(ADA, "hi")]);
}

#[test]
fn nothing_is_suggested_that_would_be_refused() {
    let many: String =
        (0..7).map(|n| format!("\n  m{n}: {{ from: support, to: ada, text: hi }}")).collect();
    let scene = Scene::new(&format!("messages:{many}"));
    scene.run("apply --yes").ok();
    scene.project.rewrite("messages:\n  m0: { from: support, to: ada, text: hi }");
    for args in ["plan", "plan --out plan.json"] {
        let plan = scene.run(args).ok();
        let plan = plan.warns(&["apply will refuse", "apply with --allow-deletes 6"]);
        assert!(!plan.err.contains("next:"), "{}", plan.err);
    }
}

#[test]
fn a_run_that_stops_says_how_to_go_on_with_the_same() {
    let scene = Scene::new(TWO);
    let ran = scene.run("apply --yes --target a --max-requests 1 --concurrency 1").exits(3);
    scene.copied(&ran.err, "to go on: ", "").ok();
    assert_eq!(scene.api.there().len(), 2);
}

#[test]
fn a_masked_target_that_fits_several_deliveries_is_not_in_the_command_that_goes_on() {
    let ids = ["v0000111zzz", "v0002222zzz"];
    let scene = Scene::new(&format!(
        "messages: {{ a: {{ from: support, to: {{ visitors: [{}, {}] }}, text: hi }} }}",
        ids[0], ids[1]
    ));
    let args = "apply --yes --max-requests 1 --concurrency 1";
    let ran = scene.run(&format!("{args} --target a@{} --target a@{}", ids[0], ids[1])).exits(3);
    let ran = ran.never_says(&ids).warns(&["it carries out all that is approved"]);
    assert!(!ran.err.contains("--target a@"), "{}", ran.err);
    scene.copied(&ran.err, "to go on: ", "").ok();
    assert_eq!(scene.api.there().len(), 2);
}

#[test]
fn what_is_said_of_an_unknown_delivery_works_when_it_is_copied() {
    let scene = Scene::new("messages: { a: { from: support, to: ada, text: hi } }");
    let lossy = Sandbox::with("--drop-replies 1");
    let ran = scene.run("apply --yes").env("BREVO_BASE_URL", lossy.base_url()).exits(4);
    scene.run(&format!("state set-api {}", scene.api.base_url())).ok();
    let ran = ran.err.replace(&lossy.base_url(), &scene.api.base_url());
    let list = scene.copied(&ran, "see what needs a decision: ", "").ok();
    scene.copied(&list.err, "if it is not there: ", "").ok();
    scene.copied(&list.err, "if it is not there: ", "").exits(1);
    scene.run(&format!("state resolve a@{ADA} --again")).ok();
    let plan = scene.run("plan").ok();
    assert!(!plan.out.contains(ADA) && plan.err.contains("see what needs a decision: "));
    let id = scene.api.send("pushed", ADA, "hi");
    let told = plan.out.replace("--sent ID", &format!("--sent {id}"));
    scene.copied(&told, "if the message is there: ", "").ok();
    scene.run("plan").ok().says(&["No changes"]);
}
