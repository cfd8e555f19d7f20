//! What a newcomer meets first: init, validate, help, wrong usage.

use crate::support::{Project, Sandbox, run};

#[test]
fn init_writes_a_project_that_is_valid_and_applies_in_the_sandbox() {
    let folder = Project::empty();
    folder.run("init shop").ok().warns(&["shop/pushsync.yaml", "apply --sandbox -C shop"]);
    folder.run("validate -C shop").ok().says(&["The project is valid: 1 message"]);
    let applied = folder.run("apply -C shop --sandbox --yes").ok();
    applied.says(&["2 changes in 2 requests"]).warns(&["next:", "pushsync plan --sandbox -C shop"]);
    folder.run("plan -C shop --sandbox --detailed-exitcode").ok().says(&["No changes"]);
    // A change is seen, and nothing was done for real.
    let welcome = folder.read("shop/messages/welcome.yaml").replace("Hi {{", "Hello {{");
    folder.file("shop/messages/welcome.yaml", welcome);
    folder.run("plan -C shop --sandbox").ok().says(&["[-Hi-]{+Hello+} Ada", "2 to update"]);
    folder.run("plan -C shop").ok().says(&["2 to create"]).warns(&["add --sandbox"]);
    assert!(folder.read("shop/.gitignore").contains("/state/"));
    // Editors find the schema that the first line names.
    let first = folder.read("shop/pushsync.yaml").lines().next().map(str::to_owned);
    let named = first.as_deref().and_then(|line| line.split("$schema=").nth(1)).map(str::to_owned);
    let schema = folder.read(&format!("shop/{}", named.expect("a schema")));
    assert_eq!(schema, folder.run("schema project").ok().out);
}

#[test]
fn init_takes_the_folder_of_c_and_says_no_dot_folder_for_the_working_directory() {
    let folder = Project::empty();
    folder.run("-C there init").ok();
    assert!(folder.join("there/pushsync.yaml").exists());
    let here = Project::empty();
    here.run("init").ok().never_says(&["-C ."]);
    here.run("apply --sandbox --yes").ok().never_says(&["in ., "]);
}

#[test]
fn init_overwrites_nothing_not_even_one_file_of_many() {
    let folder = Project::empty();
    folder.file("audiences/beta.csv", "mine");
    folder.run("init").exits(1).warns(&["audiences/beta.csv", "nothing is overwritten"]);
    assert_eq!(folder.read("audiences/beta.csv"), "mine");
    assert!(!folder.join("pushsync.yaml").exists(), "a refused init writes nothing at all");
    folder.run("init sub").ok();
    folder.run("init sub").exits(1);
}

#[test]
fn validate_reports_every_problem_at_once_with_its_place() {
    let project = Project::new(
        "messages:\n  note:\n    from: suport\n    to: ada\n    text: hi\n    colour: red\n  other:\n    to: nobody\n    text: ''",
    );
    let wrong = project.run("validate").exits(1).says(&[
        "pushsync.yaml:13:11",
        "did you mean `support`?",
        "colour",
        "n…y",
    ]);
    assert!(wrong.out.contains("4 errors"), "{}", wrong.out);
    // The same, for programs.
    let document = project.run("validate --format json").exits(1).json();
    assert_eq!(document["format"], "pushsync/diagnostics/1");
    let problems = document["diagnostics"].as_array().expect("a list");
    assert_eq!(problems.len(), 4);
    for problem in problems {
        assert_eq!(problem["severity"], "error");
        assert_eq!(problem["file"], "pushsync.yaml");
        assert!(problem["line"].as_u64() > Some(0) && problem["column"].as_u64() > Some(0));
        assert!(problem["code"].is_string() && problem["message"].is_string());
    }
    let github = project.run("validate --format github").exits(1);
    let annotations = github.out.lines().filter(|line| line.starts_with("::error ")).count();
    assert_eq!(annotations, 4, "{}", github.out);
    github.says(&["file=pushsync.yaml,line=13"]);
    // Other commands tell the same on stderr, and write no result.
    for command in ["plan", "show note", "apply --yes", "refresh", "state list"] {
        let ran = project.run(command).exits(1).warns(&["did you mean `support`?"]);
        assert_eq!(ran.out, "", "{command}");
    }
}

#[test]
fn a_warning_is_not_an_error() {
    let long = "word ".repeat(1100);
    let project = Project::note(&long);
    project.run("validate").ok().says(&["warning", "The project is valid"]);
    let document = project.run("validate --format json").ok().json();
    assert_eq!(document["diagnostics"][0]["severity"], "warning");
    project.run("validate --format github").ok().says(&["::warning "]);
    // It is in the plan too, and --quiet leaves it out of stderr.
    let plan = project.run("plan --format json").ok().json();
    assert_eq!(plan["diagnostics"][0]["code"], document["diagnostics"][0]["code"]);
    assert!(!project.run("plan --quiet").ok().err.contains("warning"));
}

#[test]
fn without_a_project_every_command_says_what_is_missing() {
    let folder = Project::empty();
    for command in ["validate", "plan", "apply --yes", "show note", "refresh", "state list"] {
        let ran = folder.run(command).exits(1);
        assert!(format!("{}{}", ran.out, ran.err).contains("pushsync.yaml"), "{command}: {ran:?}");
    }
    folder.run("plan -C nowhere").exits(1).warns(&["nowhere"]);
    folder.file("pushsync.yml", "version: 1");
    let ran = folder.run("validate").exits(1);
    ran.says(&["pushsync.yml", "pushsync.yaml"]);
}

#[test]
fn an_unknown_environment_is_told_with_those_that_exist() {
    let project = Project::note("hi");
    project.run("plan --env staging").exits(1).warns(&["staging"]);
    project.settings("environments: { staging: {} }", "messages: {}");
    project.run("plan --env stagin").exits(1).warns(&["did you mean `staging`?"]);
    project.run("plan --env staging").ok();
}

#[test]
fn wrong_usage_exits_1_and_help_and_version_exit_0() {
    let folder = Project::empty();
    for wrong in [
        "",
        "plann",
        "plan --frobnicate",
        "plan --format yaml",
        "plan --target BAD@",
        "plan --at yesterday",
        "apply --max-wait soon",
        "apply --max-duration 876001h",
        "apply --max-wait 99999999999999999999s",
        "sandbox --latency 18446744073709551615ms",
        "apply --concurrency 0",
        "apply --concurrency 513",
        "refresh --concurrency 18446744073709551615",
        "apply FILE --target x",
        "state resolve a@b",
        "state resolve a@b --sent X --not-sent",
        "sandbox --fail 2",
        "sandbox --limit lots",
        "presence --from x --once --for 3m",
        "completions tcsh",
        "import note@v",
        "-q -v plan",
    ] {
        let ran = folder.run(wrong).exits(1);
        assert_eq!(ran.out, "", "{wrong}");
        assert!(!ran.err.is_empty(), "{wrong}");
    }
    let version = folder.run("--version").ok();
    assert_eq!(version.out, format!("pushsync {}\n", env!("CARGO_PKG_VERSION")));
    let help = folder.run("--help").ok();
    help.says(&["plan", "apply", "refresh", "sandbox", "state", "--env", "PUSHSYNC_ENV"])
        .says(&["Exit status:", "3 stopped early"]);
    for command in ["plan", "apply", "state resolve", "presence", "sandbox", "show"] {
        folder.run(&format!("{command} --help")).ok().says(&["Usage: pushsync"]);
    }
    folder
        .run("plan --help")
        .env("BREVO_API_KEY_FILE", "/secret/place")
        .ok()
        .never_says(&["/secret"]);
}

#[test]
fn no_number_duration_or_instant_is_too_large_for_words() {
    let sandbox = Sandbox::start();
    let values = [
        "0",
        "18446744073709551615",
        "18446744073709551616",
        "0s",
        "876000h",
        "99999999999h",
        "9999-12-30T22:00:00Z",
        "-009999-01-02T01:59:59Z",
    ];
    for options in [
        "apply --yes --max-requests",
        "apply --yes --max-duration",
        "apply --yes --max-wait",
        "apply --yes --concurrency",
        "apply --yes --allow-deletes",
        "apply --yes --lock-timeout",
        "apply --yes --at",
        "plan --at",
        "refresh --max-requests",
        "refresh --max-duration",
        "refresh --concurrency",
    ] {
        for value in values {
            let project = Project::many(2);
            if options.starts_with("refresh") {
                project.with(&sandbox, "apply --yes -q").ok();
            }
            // In one word, as a value may begin with a dash.
            let ran = project.with(&sandbox, &format!("{options}={value}")).wait();
            assert!([0, 1, 3].contains(&ran.status), "{options}={value}: {}", ran.err);
            ran.never_says(&["panicked"]);
        }
    }
}

#[test]
fn completions_are_scripts_that_their_shells_accept() {
    let folder = Project::empty();
    for shell in ["bash", "zsh", "fish"] {
        let script = folder
            .run(&format!("completions {shell}"))
            .ok()
            .says(&["pushsync", "PUSHSYNC_COMPLETE"]);
        folder.file(&format!("script.{shell}"), &script.out);
    }
    let bash =
        std::process::Command::new("bash").arg("-n").arg(folder.join("script.bash")).output();
    assert!(bash.expect("bash is there").status.success());
}

#[test]
fn a_closed_pipe_is_not_an_error() {
    let project = Project::many(60);
    let sandbox = Sandbox::start();
    project.apply(&sandbox);
    let binary = env!("CARGO_BIN_EXE_pushsync");
    for command in [
        "plan --destroy",
        "plan --show-unchanged",
        "plan --format json",
        "state list",
        "state export",
        "state history",
        "--help",
        "completions bash",
    ] {
        // The reader is gone before the first byte, then after one line.
        for reader in ["true", "head -n 1 >/dev/null"] {
            let script = format!("set -o pipefail; '{binary}' {command} | {reader}");
            let ran = std::process::Command::new("bash")
                .args(["-c", &script])
                .current_dir(project.path())
                .env_remove("PUSHSYNC_ENV")
                .output()
                .expect("bash is there");
            let err = String::from_utf8_lossy(&ran.stderr);
            assert_eq!(ran.status.code(), Some(0), "{command} | {reader}: {err}");
            assert!(!err.contains("error") && !err.contains("panic"), "{command}: {err}");
        }
    }
    run(project.path(), ["plan"]).ok();
}
