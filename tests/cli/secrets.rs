//! Keys: where they come from, where they go, and where they never appear.

use crate::support::{Answer, Fake, Project, Sandbox};

const KEY: &str = "xkeysib-0123456789abcdef-SECRET";
const PARTNER: &str = "partner-0123456789-SECRET";

fn echoing() -> Fake {
    // A server that says back what it was told, as proxies do on their error pages.
    Fake::start(|n, asked| match n {
        0 => Answer::created("m1"),
        _ => Answer::json(
            400,
            &serde_json::json!({ "code": "bad", "message": asked.head }).to_string(),
        ),
    })
}

#[test]
fn without_a_key_it_is_said_how_to_give_one() {
    let project = Project::note("hi");
    let fake = Fake::untouched();
    for args in ["apply --yes", "plan --refresh", "refresh", "presence --from liz --once"] {
        let ran = project.run(args).env("BREVO_BASE_URL", fake.base_url()).wait();
        // Without a state there is nothing to refresh.
        if ran.status != 0 {
            ran.warns(&["there is no API key", "BREVO_API_KEY", "--api-key-file", "--sandbox"]);
        }
    }
    project.run("apply --yes").env("BREVO_API_KEY", "  ").exits(1).warns(&["no API key"]);
    assert_eq!(fake.asked().len(), 0);
    // Nothing was done that a run with a key would trip over.
    let sandbox = Sandbox::start();
    project.apply(&sandbox);
}

#[test]
fn keys_reach_the_server_and_nobody_else() {
    let project = Project::note("hi");
    project.file("key", format!("{KEY}\r\nsecond line\n"));
    for (n, way) in ["env", "flag", "file"].iter().enumerate() {
        let fake = echoing();
        let run = |args: &str| {
            let run = project
                .run(args)
                .env("BREVO_BASE_URL", fake.base_url())
                .env("BREVO_PARTNER_KEY", PARTNER);
            match *way {
                "env" => run.env("BREVO_API_KEY", KEY),
                "flag" => run.env("BREVO_API_KEY", "another").arg("--api-key-file").arg("key"),
                _ => run.env("BREVO_API_KEY_FILE", project.join("key")),
            }
        };
        let yaml = |text: &str| {
            format!("messages: {{ note{n}: {{ from: support, to: ada, text: {text} }} }}")
        };
        project.rewrite(&yaml("one"));
        if n > 0 {
            project.run(&format!("state set-api {}", fake.base_url())).ok();
        }
        let mut outputs =
            vec![run("apply --yes -vv --destroy").wait(), run("apply --yes -vv").ok()];
        project.rewrite(&yaml("two"));
        outputs.push(run("apply --yes -vv").exits(1));
        outputs.push(run("apply --yes -vv --log-format json --format json").exits(1));
        outputs.push(run("refresh -vv").wait());
        outputs.push(run("presence --from liz --once -vv").wait());
        outputs.push(run("plan --format json").wait());
        outputs.push(run("state export").wait());
        outputs.push(run("state history --format json").wait());
        for ran in outputs {
            ran.never_says(&[KEY, PARTNER, "SECRET"]);
        }
        let asked = fake.asked();
        assert!(asked.len() >= 4, "{way}");
        for asked in asked {
            let head = asked.head.to_lowercase();
            assert!(head.contains(&format!("api-key: {}", KEY.to_lowercase())), "{way}: {head}");
            assert!(head.contains(&format!("partner-key: {}", PARTNER.to_lowercase())), "{head}");
            assert!(head.contains("user-agent: pushsync/"), "{head}");
        }
        project.run(&format!("state rm note{n}@{}", crate::support::ADA)).ok();
    }
    // Nor in any file that it wrote.
    for file in walk(&project.join("state")) {
        let bytes = std::fs::read(&file).expect("readable");
        let found = bytes.windows(6).any(|window| window == b"SECRET");
        assert!(!found, "{}", file.display());
    }
}

fn walk(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let entries =
        std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
    entries.flat_map(|path| if path.is_dir() { walk(&path) } else { vec![path] }).collect()
}

#[test]
fn key_files_that_hold_no_key_are_told() {
    let project = Project::note("hi");
    let fake = Fake::untouched();
    project.file("empty", "\nxkeysib-on-the-second-line");
    for file in ["empty", "missing", "."] {
        let ran = project
            .run("apply --yes --api-key-file")
            .arg(file)
            .env("BREVO_BASE_URL", fake.base_url())
            .exits(1);
        ran.warns(&[file]).never_says(&["xkeysib-on"]);
    }
    assert_eq!(fake.asked().len(), 0);
}

#[test]
fn a_key_that_cannot_be_a_header_is_told_without_showing_it() {
    let project = Project::note("hi");
    let fake = Fake::untouched();
    let ran = project
        .run("apply --yes")
        .env("BREVO_BASE_URL", fake.base_url())
        .env("BREVO_API_KEY", "xkeysib-SEC\u{7f}RET\nx")
        .exits(1);
    ran.never_says(&["SEC", "RET"]);
    assert_eq!(fake.asked().len(), 0);
}

#[test]
fn the_key_is_not_sent_in_the_clear() {
    let project = Project::note("hi");
    for url in [
        "http://example.com/v3",
        "http://127.0.0.1.example.com",
        "http://10.0.0.1",
        "ftp://x",
        "nonsense",
        "https://user:SECRET@api.brevo.com",
    ] {
        let ran = project
            .run("apply --yes")
            .env("BREVO_API_KEY", KEY)
            .arg("--base-url")
            .arg(url)
            .exits(1);
        ran.warns(&["base URL"]).never_says(&["SECRET"]);
    }
    project.settings("api: { base_url: http://example.com }", "messages: {}");
    let ran = project.run("validate").wait();
    assert!(ran.status == 1 || project.run("refresh").env("BREVO_API_KEY", KEY).wait().status <= 1);
}

#[test]
fn a_proxy_does_not_see_requests_to_loopback() {
    let (project, sandbox) = (Project::note("hi"), Sandbox::start());
    let proxy = Fake::untouched();
    let url = proxy.base_url();
    let run = project.with(&sandbox, "apply --yes");
    run.env("HTTP_PROXY", &url).env("http_proxy", &url).env("ALL_PROXY", &url).ok();
    assert_eq!(proxy.asked().len(), 0);
}
