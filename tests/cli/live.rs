//! The pages that follow what happens, in a real browser: that of the sandbox, and the preview.

use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
};

use crate::{
    browser::{Counter, chromium, hostile},
    support::{ADA, BEN, Page, Project, Sandbox, quoted},
};

/// The bubbles on the page, chat by chat.
const BUBBLES: &str = "[...document.querySelectorAll('.chat')].map((chat) => [chat.querySelector('h2').textContent, ...[...chat.querySelectorAll('.bubble')].map((bubble) => bubble.textContent)].join('|')).join('\\n')";
/// The instant in the field.
const SHOWN: &str = "new Date(document.getElementById('at').value).toISOString()";
/// What is wider than the window.
const WIDE: &str = "[...document.querySelectorAll('body *')].filter((one) => one.getBoundingClientRect().right > innerWidth).map((one) => one.outerHTML).join()";

/// The page in both widths and both schemes: nothing is wider than the window, and the pictures
/// stay.
fn fits(page: &mut Page, name: &str) {
    for width in [1280, 360] {
        for (scheme, dark) in [("dark", true), ("light", false)] {
            page.looks(width, dark);
            page.until("innerWidth", width);
            page.until(WIDE, "");
            page.picture(&format!("{name}-{width}-{scheme}.png"));
        }
    }
    page.looks(1280, false);
}

#[test]
fn messages_appear_change_and_vanish_in_the_chats_of_the_sandbox_as_they_are_applied() {
    let Some(browser) = chromium() else { return };
    let (project, sandbox) = (Project::empty(), Sandbox::start());
    let mut page = Page::open(&browser, &format!("http://{}/", sandbox.address()));
    page.until("document.getElementById('status').textContent", "0 messages in 0 chats");
    page.until("document.querySelector('.empty') !== null", true);

    project.rewrite("messages:\n  note: { from: support, to: team, text: one }\n  news: { from: liz, kind: agent, to: ada, text: two }");
    project.apply(&sandbox);
    page.until("document.getElementById('status').textContent", "3 messages in 2 chats");
    let by_ada = format!("{ADA}|two|one\n{BEN}|one");
    let or = format!("{ADA}|one|two\n{BEN}|one");
    page.until(&format!("[`{by_ada}`, `{or}`].includes({BUBBLES})"), true);

    project.rewrite("messages:\n  note: { from: support, to: team, text: other words }");
    project.apply(&sandbox);
    page.until(BUBBLES, format!("{ADA}|other words\n{BEN}|other words"));
    page.until("document.querySelectorAll('.agent').length", 0);
    fits(&mut page, "sandbox");

    page.fill("visitor", &BEN[..5]);
    page.until(BUBBLES, format!("{BEN}|other words"));
    page.fill("visitor", "");
    page.eval("document.getElementById('deleted').click()");
    page.until("document.querySelector('.gone .bubble').textContent", "two");
    page.eval("document.getElementById('deleted').click()");

    project.rewrite("messages:\n  note: { from: support, to: { visitor: nobody }, text: x }");
    project.with(&sandbox, "apply --yes").ok();
    page.until(BUBBLES, "nobody|x");
    drop(sandbox);
    page.until("document.getElementById('status').textContent", "the sandbox has ended");
}

/// As YAML of many messages.
fn messages(texts: &[String]) -> String {
    let mut yaml = "messages:\n".to_owned();
    for (n, text) in texts.iter().enumerate() {
        let text = quoted(text);
        yaml.push_str(&format!(
            "  m{n:02}: {{ from: support, to: ada, raw: true, text: {text} }}\n"
        ));
    }
    yaml
}

/// Nothing of hostile texts is more than text.
fn is_only_text(page: &mut Page, counter: &Counter, texts: usize) {
    page.until("document.querySelectorAll('.bubble').length", texts);
    for element in ["img", "iframe", ".bubble *", "main script", "main style", "main a"] {
        page.until(&format!("document.querySelectorAll({element:?}).length"), 0);
    }
    page.until("document.title.includes('PWNED')", false);
    assert_eq!(counter.count(), 0, "something was fetched");
}

#[test]
fn hostile_texts_are_texts_in_the_sandbox_and_in_the_preview() {
    let Some(browser) = chromium() else { return };
    let (project, sandbox, counter) = (Project::empty(), Sandbox::start(), Counter::start());
    let texts = hostile(&counter.url);
    project.rewrite(&messages(&texts));
    project.apply(&sandbox);
    let mut page = Page::open(&browser, &format!("http://{}/", sandbox.address()));
    is_only_text(&mut page, &counter, texts.len());
    fits(&mut page, "sandbox-hostile");
    let preview = Preview::start(&project, "");
    let mut page = Page::open(&browser, &preview.page);
    is_only_text(&mut page, &counter, texts.len());
    fits(&mut page, "preview-hostile");
}

/// `pushsync preview` in a process of its own.
struct Preview {
    child: Child,
    page: String,
}

impl Preview {
    fn start(project: &Project, args: &str) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_pushsync"))
            .args(["preview", "--port", "0"])
            .args(args.split_whitespace())
            .current_dir(project.path())
            .env_remove("PUSHSYNC_ENV")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the preview starts");
        let mut line = String::new();
        let out = child.stdout.take().expect("piped");
        BufReader::new(out).read_line(&mut line).expect("it says where it listens");
        let page = line.trim().strip_prefix("preview on ").expect("where").to_owned();
        Self { child, page }
    }
}

impl Drop for Preview {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

const WINDOWS: &str = "messages:
  note: { from: support, to: team, text: always }
  xmas: { from: liz, to: ada, text: merry, active: { from: 2030-12-24T00:00:00Z, until: 2030-12-27T00:00:00Z } }
";

#[test]
fn a_preview_shows_what_each_visitor_would_see_by_message_visitor_and_instant() {
    let Some(browser) = chromium() else { return };
    let project = Project::new(WINDOWS);
    let preview = Preview::start(&project, "");
    let mut page = Page::open(&browser, &preview.page);
    let both = format!("{ADA}|always\n{BEN}|always");
    page.until(BUBBLES, &*both);
    page.until("document.getElementById('status').textContent", "default: 2 messages in 2 chats");
    fits(&mut page, "preview");
    // Nothing is sent, and nothing is written.
    assert!(!project.join("state").exists());

    page.fill("visitor", "ben");
    page.until(BUBBLES, format!("{BEN}|always"));
    page.fill("visitor", "");
    page.fill("key", "xmas");
    page.until(BUBBLES, "");
    page.until("document.querySelector('.empty').checkVisibility()", true);
    page.fill("turn", "2030-12-24T00:00:00Z");
    page.until(BUBBLES, format!("{ADA}|merry"));
    page.fill("key", "");
    page.until(BUBBLES, format!("{ADA}|always|merry\n{BEN}|always"));
    page.fill("turn", "2030-12-27T00:00:00Z");
    page.until(BUBBLES, &*both);
    page.fill("turn", "other");
    page.fill("at", "2030-12-25T12:00");
    page.until(BUBBLES, format!("{ADA}|always|merry\n{BEN}|always"));

    let later = Preview::start(&project, "--at 2030-12-25T00:00:00Z");
    let mut page = Page::open(&browser, &later.page);
    page.until(BUBBLES, format!("{ADA}|always|merry\n{BEN}|always"));
    // Nothing is chosen, and the field says which instant that is.
    page.until(SHOWN, "2030-12-25T00:00:00.000Z");
    page.until(
        "document.getElementById('turn').selectedOptions[0].textContent.includes('as of')",
        true,
    );
    page.until("document.getElementById('zone').textContent.length > 3", true);
    page.fill("turn", "2030-12-27T00:00:00Z");
    page.until(SHOWN, "2030-12-27T00:00:00.000Z");
}

#[test]
fn a_preview_follows_the_files_and_says_what_is_wrong_in_them() {
    let Some(browser) = chromium() else { return };
    let project = Project::new(WINDOWS);
    let preview = Preview::start(&project, "");
    let mut page = Page::open(&browser, &preview.page);
    page.until(BUBBLES, format!("{ADA}|always\n{BEN}|always"));
    project.rewrite(&WINDOWS.replace("text: always", "text: as ever"));
    page.until(BUBBLES, format!("{ADA}|as ever\n{BEN}|as ever"));
    // A file that is new.
    project.file("messages/more.yaml", "messages: { more: { to: ben, text: more } }");
    page.until(BUBBLES, format!("{ADA}|as ever\n{BEN}|more|as ever"));
    // A typo: it is told, and what was there stays.
    project.file("messages/more.yaml", "messages: { more: { to: ben, txet: more } }");
    page.until("document.getElementById('problems').textContent.includes('txet')", true);
    page.until("document.body.classList.contains('broken')", true);
    page.until(BUBBLES, format!("{ADA}|as ever\n{BEN}|more|as ever"));
    fits(&mut page, "preview-broken");
    // An editor that writes a new file and moves it to its place.
    project.file("messages/.more.swp", "messages: { more: { to: ben, text: mended } }");
    std::fs::rename(project.join("messages/.more.swp"), project.join("messages/more.yaml"))
        .expect("moved");
    page.until(BUBBLES, format!("{ADA}|as ever\n{BEN}|mended|as ever"));
    page.until("document.getElementById('problems').hidden", true);
}

#[test]
fn a_preview_does_not_answer_requests_for_another_host() {
    let project = Project::new(WINDOWS);
    let preview = Preview::start(&project, "--format text");
    let address = preview.page.strip_prefix("http://").expect("an address");
    let ask = |host: &str| {
        use std::io::{Read, Write};
        let mut stream = std::net::TcpStream::connect(address).expect("it listens");
        write!(stream, "GET /view HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n")
            .expect("written");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("answered");
        answer
    };
    let port = address.rsplit(':').next().expect("a port");
    for host in [address, &format!("localhost:{port}"), &format!("[::1]:{port}")] {
        let answer = ask(host);
        assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("always"), "{answer}");
    }
    for host in [
        "evil.example",
        &format!("evil.example:{port}"),
        "127.0.0.1.evil.example",
        "localhost:1",
        "",
    ] {
        let answer = ask(host);
        assert!(answer.starts_with("HTTP/1.1 403") && !answer.contains("always"), "{answer}");
    }
}

#[test]
fn a_preview_shows_each_language_once_with_how_many_get_it() {
    let Some(browser) = chromium() else { return };
    let project = Project::empty();
    let rows = ["de-AT", "de", "fr", "en", "it"];
    let rows = rows.iter().enumerate().map(|(n, lang)| format!("visitor-number-{n},{lang}\n"));
    project.file("all.csv", format!("visitor_id,lang\n{}", rows.collect::<String>()));
    project.file(
        "pushsync.yaml",
        "version: 1\nlocale: { column: lang, fallback: en }\naudiences: { all: { file: all.csv } }\n\
         messages: { hello: { to: all, text: { en: Hello, de: Hallo, fr: Salut } } }\n",
    );
    let preview = Preview::start(&project, "");
    let mut page = Page::open(&browser, &preview.page);
    let languages = "[...document.querySelectorAll('#language option')].map((one) => one.textContent).join('; ')";
    page.until(languages, "all; de (2 messages); en (2 messages, the fallback); fr (1 message)");
    let bubbles =
        "[...document.querySelectorAll('p.bubble')].map((one) => one.textContent).sort().join(' ')";
    page.until(bubbles, "Hallo Hallo Hello Hello Salut");
    page.fill("language", "de");
    page.until(bubbles, "Hallo Hallo");
    page.fill("language", "");
    page.until(bubbles, "Hallo Hallo Hello Hello Salut");
    fits(&mut page, "preview-languages");
}
