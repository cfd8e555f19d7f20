//! A browser that is asked what its page shows, and told what to do there: the developer tools'
//! protocol, over pipes.

use std::{
    fs::{File, OpenOptions},
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use base64::Engine as _;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::PATIENCE;

/// A page in a browser of its own.
pub(crate) struct Page {
    child: Child,
    to: File,
    from: BufReader<File>,
    session: Option<String>,
    asked: u64,
    /// What the console shows: errors, warnings, exceptions.
    complaints: Vec<String>,
    /// All that was fetched.
    fetched: Vec<String>,
    _profile: TempDir,
}

impl Page {
    /// Opens a page.
    pub(crate) fn open(browser: &Path, url: &str) -> Self {
        let profile = TempDir::new().expect("a temporary folder");
        let pipe = |name: &str| -> PathBuf { profile.path().join(name) };
        let (to, from) = (pipe("to"), pipe("from"));
        let made = Command::new("mkfifo").args([&to, &from]).status().expect("mkfifo is there");
        assert!(made.success());
        let child = Command::new("sh")
            .args(["-c", "exec \"$0\" \"$@\" 3<\"$TO\" 4>\"$FROM\""])
            .arg(browser)
            .args(["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run"])
            .args(["--disable-background-networking", "--disable-component-update"])
            .args(["--disable-sync", "--hide-scrollbars", "--disable-dev-shm-usage"])
            .arg("--remote-debugging-pipe")
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .env("TO", &to)
            .env("FROM", &from)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the browser starts");
        let to = OpenOptions::new().write(true).open(to).expect("the browser reads");
        let from = BufReader::new(File::open(from).expect("the browser writes"));
        let mut page = Self {
            child,
            to,
            from,
            session: None,
            asked: 0,
            complaints: Vec::new(),
            fetched: Vec::new(),
            _profile: profile,
        };
        let target = page.ask("Target.createTarget", &json!({ "url": "about:blank" }));
        let attach = json!({ "targetId": target["targetId"], "flatten": true });
        let session = page.ask("Target.attachToTarget", &attach);
        page.session = Some(session["sessionId"].as_str().expect("a session").to_owned());
        for domain in ["Runtime.enable", "Log.enable", "Network.enable"] {
            page.ask(domain, &json!({}));
        }
        page.ask("Page.navigate", &json!({ "url": url }));
        page
    }

    fn ask(&mut self, method: &str, params: &Value) -> Value {
        self.asked += 1;
        let mut question = json!({ "id": self.asked, "method": method, "params": params });
        if let Some(session) = &self.session {
            question["sessionId"] = json!(session);
        }
        write!(self.to, "{question}\0").expect("the browser is there");
        loop {
            let mut answer = Vec::new();
            self.from.read_until(0, &mut answer).expect("the browser answers");
            assert_eq!(answer.pop(), Some(0), "the browser has ended");
            let answer: Value = serde_json::from_slice(&answer).expect("JSON");
            if answer["id"] == self.asked {
                assert!(answer["error"].is_null(), "{method}: {answer}");
                return answer["result"].clone();
            }
            self.take_in(&answer);
        }
    }

    fn take_in(&mut self, event: &Value) {
        let params = &event["params"];
        match event["method"].as_str() {
            Some("Runtime.consoleAPICalled" | "Runtime.exceptionThrown" | "Log.entryAdded") => {
                self.complaints.push(params.to_string());
            }
            Some("Network.requestWillBeSent") => {
                let url = params["request"]["url"].as_str().unwrap_or_default();
                self.fetched.push(url.to_owned());
            }
            _ => {}
        }
    }

    /// The console is empty so far, and everything came from here.
    pub(crate) fn is_quiet(&mut self, from: &str) {
        self.eval("1");
        assert!(self.complaints.is_empty(), "{:#?}", self.complaints);
        let elsewhere: Vec<_> = self
            .fetched
            .iter()
            .filter(|url| !url.starts_with(from) && !url.starts_with("data:"))
            .collect();
        assert!(!self.fetched.is_empty() && elsewhere.is_empty(), "{elsewhere:?}");
    }

    /// What an expression is, on the page.
    pub(crate) fn eval(&mut self, expression: &str) -> Value {
        let params = json!({ "expression": expression, "returnByValue": true });
        let answer = self.ask("Runtime.evaluate", &params);
        assert!(answer["exceptionDetails"].is_null(), "{expression}: {answer}");
        answer["result"]["value"].clone()
    }

    /// Waits until that is what an expression is.
    pub(crate) fn until(&mut self, expression: &str, wanted: impl Into<Value>) {
        let wanted = wanted.into();
        let since = Instant::now();
        loop {
            // A page that is still loading may lack anything.
            let guarded = format!(
                "(() => {{ try {{ return {expression} }} catch (e) {{ return String(e) }} }})()"
            );
            let found = self.eval(&guarded);
            if found == wanted {
                return;
            }
            assert!(
                since.elapsed() < PATIENCE,
                "{expression} is {found} and not {wanted}; the page:\n{}",
                self.eval("document.body.innerText")
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Gives a field a value, as somebody who types would.
    pub(crate) fn fill(&mut self, field: &str, value: &str) {
        let (field, value) = (json!(field), json!(value));
        self.eval(&format!(
            "{{ const at = document.getElementById({field}); at.value = {value}; at.dispatchEvent(new Event('input', {{ bubbles: true }})); at.dispatchEvent(new Event('change', {{ bubbles: true }})); }}"
        ));
    }

    /// Makes the window so wide, in light or dark.
    pub(crate) fn looks(&mut self, width: u32, dark: bool) {
        let size =
            json!({ "width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600 });
        self.ask("Emulation.setDeviceMetricsOverride", &size);
        let scheme = if dark { "dark" } else { "light" };
        let media = json!({ "features": [{ "name": "prefers-color-scheme", "value": scheme }] });
        self.ask("Emulation.setEmulatedMedia", &media);
    }

    /// Keeps a picture of the page.
    pub(crate) fn picture(&mut self, name: &str) {
        let answer = self.ask("Page.captureScreenshot", &json!({ "format": "png" }));
        let image = answer["data"].as_str().expect("an image");
        let image = base64::engine::general_purpose::STANDARD.decode(image).expect("base64");
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/screenshots");
        std::fs::create_dir_all(&folder).expect("a folder");
        std::fs::write(folder.join(name), image).expect("written");
    }
}

impl Drop for Page {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
