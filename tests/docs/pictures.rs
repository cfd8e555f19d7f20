//! The pictures in the README are of what the program prints today.
//!
//! `UPDATE_EXPECT=1 cargo test --test docs pictures` makes them anew (with Chromium); look at them
//! before you commit them.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::OnceLock,
};

use anstyle_svg::{Palette, Term};
use pulldown_cmark::{Options, Parser};
use tempfile::TempDir;

use super::{browser, copy, generated, pushsync, read, root, runs, text, updates, words};

/// What differs from what was sent: a word, a message, and one message less.
const EDITS: [(&str, &str); 2] = [
    ("messages/dark-mode.yaml", include_str!("pictures/dark-mode.diff")),
    ("messages/programme.yaml", include_str!("pictures/programme.diff")),
];

/// Of each PNG, the digest of the page that it is a picture of.
const DIGESTS: &str = "docs/pictures/digests.txt";

/// A project of which everything was sent, and then something was changed.
fn project() -> &'static Path {
    static PROJECT: OnceLock<(TempDir, PathBuf)> = OnceLock::new();
    let (_, folder) = PROJECT.get_or_init(|| {
        let temp = TempDir::new().expect("a folder");
        let folder = temp.path().join("examples/announcements");
        copy(&root().join("examples/announcements"), &folder);
        let sent = pushsync(&folder, &words("apply --sandbox --yes"));
        assert!(sent.status.success(), "{}", text(&sent.stderr));
        for (file, diff) in EDITS {
            runs::edit(&folder.join(file), &diff.lines().collect::<Vec<_>>());
        }
        (temp, folder)
    });
    folder
}

fn plan(args: &str) -> String {
    let planned =
        pushsync(project(), &words(&format!("plan --sandbox --at 2026-12-01T09:00:00Z {args}")));
    assert!(planned.status.success(), "{}", text(&planned.stderr));
    let shown = text(&planned.stdout).to_owned();
    // Nobody's whole id is published.
    let visitors = read(&project().join("audiences/beta.csv"));
    for id in visitors.lines().skip(1).filter_map(|row| row.split(',').next()) {
        assert!(id.len() > 20 && !shown.contains(id), "{args}: {id} is not masked");
    }
    // How many writes shared a commit is a matter of time.
    match shown.split_once("state serial ") {
        Some((before, after)) => {
            let after = after.trim_start_matches(|c: char| c.is_ascii_digit());
            format!("{before}state serial 9{after}")
        }
        None => shown,
    }
}

/// Foreground, background, and the colours that a terminal gives names.
type Scheme = [u32; 8];
const LIGHT: Scheme =
    [0x1f2328, 0xf6f8fa, 0xcf222e, 0x116329, 0x7d4e00, 0x0550ae, 0x8250df, 0x1b7c83];
const DARK: Scheme =
    [0xe6edf3, 0x161b22, 0xff7b72, 0x56d364, 0xe3b341, 0x79c0ff, 0xd2a8ff, 0x76e3ea];

fn terminal(shown: &str, scheme: Scheme) -> String {
    let rgb = |colour: u32| {
        let [_, red, green, blue] = colour.to_be_bytes();
        anstyle::RgbColor(red, green, blue)
    };
    let [foreground, background, named @ ..] = scheme.map(rgb);
    let [red, green, yellow, blue, magenta, cyan] = named;
    let eight = [background, red, green, yellow, blue, magenta, cyan, foreground];
    let palette = std::array::from_fn(|at| eight[at % 8]);
    let term = Term::new()
        .palette(Palette(palette))
        .fg_color(foreground.into())
        .bg_color(background.into());
    term.render_svg(shown).lines().map(|line| format!("{}\n", line.trim_end())).collect()
}

#[test]
fn the_picture_of_a_plan_in_a_terminal_is_up_to_date() {
    let shown = format!("$ pushsync plan\n\n{}", plan("--color always"));
    for sign in ["\u{1b}[32m+", "\u{1b}[33m~", "\u{1b}[31m-", "{+", "(4 visitors)"] {
        assert!(shown.contains(sign), "there is no {sign:?} in it: {shown:?}");
    }
    for (name, scheme) in [("light", LIGHT), ("dark", DARK)] {
        let path = root().join(format!("docs/pictures/plan-{name}.svg"));
        generated(&path, &terminal(&shown, scheme));
    }
}

/// It is drawn by hand, once, with names in the place of colours.
#[test]
fn the_picture_of_a_rollout_is_the_same_in_light_and_in_dark() {
    let drawn = include_str!("pictures/rollout.svg");
    for (name, scheme) in [("light", LIGHT), ("dark", DARK)] {
        let [foreground, background, _, green, _, blue, ..] = scheme;
        let colours = [
            ("FOREGROUND", foreground),
            ("BACKGROUND", background),
            ("GREEN", green),
            ("BLUE", blue),
        ];
        let picture = colours.iter().fold(drawn.to_owned(), |picture, (name, colour)| {
            picture.replace(name, &format!("#{colour:06x}"))
        });
        generated(&root().join(format!("docs/pictures/rollout-{name}.svg")), &picture);
    }
    let page = read(&root().join("docs/ci.md"));
    assert!(["light", "dark"].iter().all(|name| page.contains(&format!("rollout-{name}.svg"))));
}

/// A comment as GitHub shows it.
fn comment() -> String {
    let markdown = plan("--format markdown");
    // Its first line is for programs: it names the plan's digest, and nobody sees it.
    let (mark, markdown) = markdown.split_once('\n').expect("lines");
    assert!(mark.starts_with("<!-- ") && mark.ends_with(" -->"), "{mark}");
    let mut body = String::new();
    let options = Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH;
    pulldown_cmark::html::push_html(&mut body, Parser::new_ext(markdown, options));
    // GitHub colours differences; and somebody has unfolded the first entry.
    let body = body.replacen("<details>", "<details open>", 1);
    let lines = body.split_inclusive('\n').map(|line| {
        let (end, bare) = (&line[line.trim_end().len()..], line.trim_end());
        let code = bare.rsplit("<code class=\"language-diff\">").next().unwrap_or(bare);
        let before = &bare[..bare.len() - code.len()];
        match code.chars().next() {
            Some('+') => format!("{before}<ins>{code}</ins>{end}"),
            Some('-') => format!("{before}<del>{code}</del>{end}"),
            _ => line.to_owned(),
        }
    });
    include_str!("pictures/comment.html").replace("COMMENT", &lines.collect::<String>())
}

struct Png {
    name: &'static str,
    size: (u32, u32),
    /// The page that it is a picture of, and the files beside it.
    page: String,
    beside: BTreeMap<&'static str, String>,
}

fn pngs() -> [Png; 3] {
    let report = plan("--format html");
    let beside = BTreeMap::from([("report.html", report.clone())]);
    [
        Png { name: "comment.png", size: (860, 800), page: comment(), beside: BTreeMap::new() },
        Png { name: "report.png", size: (1000, 860), page: report, beside: BTreeMap::new() },
        Png {
            name: "report-phone.png",
            size: (500, 860),
            // A window of Chromium is never as narrow as a phone.
            page: include_str!("pictures/phone.html").to_owned(),
            beside,
        },
    ]
}

impl Png {
    fn digest(&self) -> String {
        let mut hasher = blake3::Hasher::new();
        hasher.update(format!("{:?}", self.size).as_bytes());
        for part in [&self.page].into_iter().chain(self.beside.values()) {
            hasher.update(part.as_bytes());
        }
        hasher.finalize().to_hex()[..32].to_owned()
    }

    fn path(&self) -> PathBuf {
        root().join("docs/pictures").join(self.name)
    }

    fn make(&self) {
        let folder = TempDir::new().expect("a folder");
        let page = folder.path().join("page.html");
        fs::write(&page, &self.page).expect("writable");
        for (name, text) in &self.beside {
            fs::write(folder.path().join(name), text).expect("writable");
        }
        browser::picture(&page, &self.path(), self.size);
    }
}

/// A picture differs from one version of a browser to the next, so what it is made of is compared.
#[test]
fn the_pictures_of_a_comment_and_of_a_report_are_of_what_is_printed_today() {
    let path = root().join(DIGESTS);
    let pngs = pngs();
    let fresh: String = pngs.iter().map(|png| format!("{} {}\n", png.digest(), png.name)).collect();
    let found = fs::read_to_string(&path).unwrap_or_default();
    if updates() {
        let old: Vec<_> = found.lines().collect();
        for (png, line) in pngs.iter().zip(fresh.lines()) {
            if !old.contains(&line) || !png.path().exists() {
                png.make();
            }
        }
        fs::write(&path, &fresh).expect("writable");
    } else {
        assert!(
            found == fresh,
            "the pictures in docs/pictures are of an older output. Make them anew, with Chromium, \
             and look at them: UPDATE_EXPECT=1 cargo test --test docs pictures\n\
             --- {DIGESTS}\n{found}--- now\n{fresh}"
        );
    }
    for png in &pngs {
        let bytes = fs::read(png.path()).expect(png.name);
        let at = |from: usize| u32::from_be_bytes(bytes[from..from + 4].try_into().expect("4"));
        assert_eq!((at(16), at(20)), png.size, "{}", png.name);
        assert!(bytes.len() < 150_000, "{} has {} bytes", png.name, bytes.len());
    }
}

/// Its comments are left out.
#[test]
fn the_message_in_the_readme_is_that_of_the_pictures() {
    let readme = read(&root().join("README.md"));
    let shown = readme.split_once("<pre lang=\"yaml\">\n").expect("a message").1;
    let shown = shown.split_once("</pre>").expect("its end").0;
    let file = read(&project().join("messages/dark-mode.yaml"));
    let lines = file.lines().filter(|line| !line.trim_start().starts_with('#'));
    let file: String = lines.map(|line| format!("{line}\n")).collect();
    assert!(file.starts_with(shown), "{file}");
}

#[test]
fn every_picture_is_shown_and_says_in_words_what_it_shows() {
    let readme = read(&root().join("README.md"));
    let first = readme.find("## What to try next").expect("a heading");
    for name in ["plan-light.svg", "plan-dark.svg", "comment.png", "report.png", "report-phone.png"]
    {
        let at = readme.find(&format!("docs/pictures/{name}")).unwrap_or_else(|| panic!("{name}"));
        assert!(at < first, "{name} is not on the first screens");
    }
    let ci = read(&root().join("docs/ci.md"));
    for image in readme.split("<img ").skip(1).chain(ci.split("<img ").skip(1)) {
        let tag = image.split('>').next().unwrap_or_default();
        let alt = tag.split("alt=\"").nth(1).and_then(|rest| rest.split('"').next());
        assert!(alt.is_some_and(|alt| alt.len() > 30), "{tag}");
    }
    assert_eq!(readme.matches("![").count(), readme.matches("![A ").count(), "alt texts begin so");
}
