//! The page of a plan in a real browser: nothing of others runs, and nothing is fetched.

#![expect(clippy::print_stderr, reason = "who runs the tests is told what is left out")]

use std::{
    fs,
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use tempfile::TempDir;

use crate::support::{ADA, BEN, Project, Sandbox, quoted};

/// The browser, if it is here. `PUSHSYNC_NEED_CHROMIUM=1` says that it must be.
pub(crate) fn chromium() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let names = ["chromium", "chromium-browser", "google-chrome"];
    let mut all = std::env::split_paths(&path).flat_map(|at| names.map(|name| at.join(name)));
    let found = all.find(|file| file.is_file());
    let needed = std::env::var_os("PUSHSYNC_NEED_CHROMIUM").is_some_and(|value| value == "1");
    assert!(found.is_some() || !needed, "PUSHSYNC_NEED_CHROMIUM is set, and there is no browser");
    if found.is_none() {
        eprintln!("left out: there is no chromium");
    }
    found
}

/// Opens a page; what it says on stdout.
fn open(browser: &Path, page: &Path, args: &[&str]) -> String {
    let profile = TempDir::new().expect("a temporary folder");
    let done = Command::new(browser)
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run"])
        .args(["--disable-background-networking", "--disable-component-update", "--disable-sync"])
        .args(["--hide-scrollbars", "--disable-dev-shm-usage", "--virtual-time-budget=3000"])
        .arg(format!("--user-data-dir={}", profile.path().display()))
        .args(args)
        .arg(format!("file://{}", page.display()))
        .stderr(Stdio::null())
        .output()
        .expect("the browser starts");
    assert!(done.status.success(), "{done:?}");
    String::from_utf8_lossy(&done.stdout).into_owned()
}

/// A server that only counts who comes.
pub(crate) struct Counter {
    pub(crate) url: String,
    count: Arc<AtomicUsize>,
}

impl Counter {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let count = Arc::new(AtomicUsize::new(0));
        let counting = Arc::clone(&count);
        // Its thread lives as long as the test's process.
        std::thread::spawn(move || {
            for connection in listener.incoming() {
                counting.fetch_add(1, Ordering::SeqCst);
                drop(connection);
            }
        });
        Self { url, count }
    }

    pub(crate) fn count(&self) -> usize {
        self.count.load(Ordering::SeqCst)
    }
}

/// Texts that would load something or run something if they were more than texts.
pub(crate) fn hostile(url: &str) -> Vec<String> {
    let corpus = include_str!("../fixtures/hostile/texts.json");
    let mut texts: Vec<String> = serde_json::from_str(corpus).expect("a list of texts");
    texts.extend([
        format!("<img src=\"{url}/a\" onerror=\"document.title='PWNED'\">"),
        format!("<script src=\"{url}/b\"></script><link rel=stylesheet href=\"{url}/c\">"),
        format!(
            "<iframe src=\"{url}/d\"></iframe><meta http-equiv=refresh content=\"0;url={url}/e\">"
        ),
        format!("<style>@import '{url}/f'; body {{ background: url({url}/g) }}</style>"),
        format!("</script><script>document.title='PWNED';fetch('{url}/h')</script>"),
    ]);
    texts
}

/// A plan with corrections and new messages, of these texts.
fn page(texts: &[String]) -> String {
    let (project, sandbox) = (Project::empty(), Sandbox::start());
    let write = |suffix: &str| {
        let mut yaml = "messages:\n".to_owned();
        for (n, text) in texts.iter().enumerate() {
            let text = quoted(&format!("{text} {suffix}"));
            yaml.push_str(&format!(
                "  m{n:02}: {{ from: support, to: team, raw: true, text: {text} }}\n"
            ));
        }
        yaml
    };
    project.rewrite(&write("old words"));
    project.apply(&sandbox);
    project.rewrite(&format!(
        "{}  last: {{ from: liz, to: ada, text: A new message for one }}\n",
        write("new words")
    ));
    let ran = project.run("plan --format html").ok().never_says(&[ADA, BEN]);
    assert!(ran.out.matches("PWNED").count() > texts.len(), "the texts are in it");
    ran.out
}

#[test]
fn a_page_runs_nothing_of_others_and_fetches_nothing() {
    let Some(browser) = chromium() else { return };
    let counter = Counter::start();
    let folder = TempDir::new().expect("a temporary folder");
    let file = folder.path().join("plan.html");
    let html = page(&hostile(&counter.url));
    fs::write(&file, &html).expect("written");
    let dom = open(&browser, &file, &["--dump-dom"]);
    assert!(dom.contains("<title>pushsync plan for default</title>"), "{dom}");
    // Our own script ran: the policy lets it.
    let articles = html.matches("<article").count();
    assert!(dom.contains(&format!("{articles} of {articles} entries")), "{dom}");
    for element in ["<img", "<iframe", "<link", "<svg", "<a "] {
        let element = element.to_owned();
        assert!(!dom.contains(&element), "{element}");
    }
    assert_eq!(counter.count(), 0, "something was fetched");
    // If an escape were forgotten, the policy would still hold.
    let open_texts = "<script>document.title='PWNED'</script><img src=\"URL/x\" onerror=\"document.title='PWNED'\"><style>@import 'URL/y';</style>";
    let raw = open_texts.replace("URL", &counter.url);
    fs::write(&file, html.replacen("<main>", &format!("<main>{raw}"), 1)).expect("written");
    let dom = open(&browser, &file, &["--dump-dom"]);
    assert!(
        dom.contains("<img") && dom.contains("<title>pushsync plan for default</title>"),
        "{dom}"
    );
    assert_eq!(counter.count(), 0, "the policy lets something through");
    // And without both, this test would see it.
    fs::write(&file, format!("<title>x</title><body>{raw}")).expect("written");
    let dom = open(&browser, &file, &["--dump-dom"]);
    assert!(dom.contains("<title>PWNED</title>") && counter.count() > 0, "{dom}");
}

/// The page with a script of a test at its end, and without the policy that would stop it.
fn with_script(html: &str, script: &str) -> String {
    let policy = html.find("<meta http-equiv").expect("a policy");
    let end = policy + html[policy..].find('>').expect("its end") + 1;
    let open = format!("{}{}", &html[..policy], &html[end..]);
    open.replace("</body>", &format!("<script>{script}</script></body>"))
}

#[test]
fn a_page_is_filtered_by_key_action_and_visitor() {
    let Some(browser) = chromium() else { return };
    let folder = TempDir::new().expect("a temporary folder");
    let file = folder.path().join("plan.html");
    let html = page(&["PWNED one", "PWNED two", "PWNED three"].map(str::to_owned));
    for (fields, found) in [
        (&[][..], "4 of 4"),
        (&[("by-key", "M0")], "3 of 4"),
        (&[("by-key", "m01")], "1 of 4"),
        (&[("by-action", "create")], "1 of 4"),
        (&[("by-visitor", "ben")], "3 of 4"),
        (&[("by-visitor", "nobody")], "0 of 4"),
        (&[("by-visitor", "ada"), ("by-key", "m0"), ("by-action", "create")], "0 of 4"),
    ] {
        let script: String = fields
            .iter()
            .map(|(field, value)| {
                format!("{{ const at = document.getElementById('{field}'); at.value = '{value}'; at.dispatchEvent(new Event('input')); }}")
            })
            .collect();
        fs::write(&file, with_script(&html, &script)).expect("written");
        let dom = open(&browser, &file, &["--dump-dom"]);
        assert!(dom.contains(&format!("role=\"status\">{found} entries</p>")), "{fields:?}");
        let shown = dom.matches("<article").count() - dom.matches("hidden=\"\">\n<h3>").count();
        assert_eq!(found[..1].parse(), Ok(shown), "{fields:?}");
    }
}

#[test]
fn a_page_fits_a_desk_and_a_phone_in_light_and_dark() {
    let Some(browser) = chromium() else { return };
    let shots = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/screenshots");
    fs::create_dir_all(&shots).expect("a folder");
    let folder = TempDir::new().expect("a temporary folder");
    let file = folder.path().join("plan.html");
    let html = page(&hostile("http://127.0.0.1:9"));
    fs::write(&file, &html).expect("written");
    // Dark and light, as Blink counts them.
    let schemes = [
        ("dark", "--blink-settings=preferredColorScheme=0"),
        ("light", "--blink-settings=preferredColorScheme=1"),
    ];
    let mut seen = Vec::new();
    for (width, height) in [(1280, 2400), (360, 2400)] {
        for (name, scheme) in schemes {
            let shot = shots.join(format!("plan-{width}-{name}.png"));
            // A picture of an earlier run does not show this one.
            let _ = fs::remove_file(&shot);
            let (size, to) = (
                format!("--window-size={width},{height}"),
                format!("--screenshot={}", shot.display()),
            );
            open(&browser, &file, &[&size, &to, scheme]);
            let image = fs::read(&shot).expect("a screenshot");
            let at = |from: usize| u32::from_be_bytes(image[from..from + 4].try_into().expect("4"));
            assert_eq!((at(16), at(20)), (width, height));
            assert!(!seen.contains(&image), "light and dark are the same");
            seen.push(image);
        }
        // Nothing is wider than the window: a script of the test measures it. (A window of a
        // browser is never narrower than 500 pixels, so the page is made so.)
        let measure = format!(
            "document.documentElement.style.width = '{width}px';\
             const wide = [...document.querySelectorAll('body *')].filter((one) => one.getBoundingClientRect().right > {width});\
             document.title = `wide: ${{wide.map((one) => one.outerHTML)}}`;"
        );
        fs::write(folder.path().join("wide.html"), with_script(&html, &measure)).expect("written");
        let size = format!("--window-size={width},{height}");
        let dom = open(&browser, &folder.path().join("wide.html"), &["--dump-dom", &size]);
        assert!(dom.contains("<title>wide: </title>"), "{}", &dom[..dom.len().min(4000)]);
    }
}
