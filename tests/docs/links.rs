//! Links lead somewhere, on GitHub and in the book.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Component, Path, PathBuf},
};

use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};

use super::{documents, read, root, walk};

/// What a document links to, pictures too.
fn targets(document: &str) -> Vec<String> {
    let mut found = Vec::new();
    for event in Parser::new_ext(document, Options::ENABLE_TABLES) {
        match event {
            Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => {
                found.push(dest_url.into_string());
            }
            Event::Html(html) | Event::InlineHtml(html) => {
                for name in [" src=\"", " srcset=\"", " href=\""] {
                    let values = html.split(name).skip(1);
                    found.extend(values.filter_map(|value| Some(value.split_once('"')?.0.into())));
                }
            }
            _ => {}
        }
    }
    found
}

/// What GitHub and mdBook call the headings of a document.
pub(super) fn anchors(document: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut seen = BTreeMap::new();
    let mut heading: Option<String> = None;
    for event in Parser::new_ext(document, Options::ENABLE_TABLES) {
        match event {
            Event::Start(Tag::Heading { .. }) => heading = Some(String::new()),
            Event::Text(text) | Event::Code(text) => {
                heading.iter_mut().for_each(|heading| heading.push_str(&text));
            }
            Event::End(TagEnd::Heading(_)) => {
                let words = heading.take().unwrap_or_default().to_lowercase();
                let kept = words.trim().chars();
                let kept = kept.filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
                let anchor: String = kept.map(|c| if c == ' ' { '-' } else { c }).collect();
                let times = seen.entry(anchor.clone()).or_insert(0);
                found.insert(if *times == 0 { anchor } else { format!("{anchor}-{times}") });
                *times += 1;
            }
            _ => {}
        }
    }
    found
}

/// Without `..`.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => {
                plain.pop();
            }
            part => plain.push(part),
        }
    }
    plain
}

#[test]
fn every_link_leads_somewhere() {
    let mut checked = 0;
    let mut wrong = Vec::new();
    for path in documents() {
        for target in targets(&read(&path)) {
            if target.contains("://") {
                continue;
            }
            checked += 1;
            let (file, anchor) = target.split_once('#').unwrap_or((&target, ""));
            let file = match file {
                "" => path.clone(),
                _ => plain(&path.parent().expect("a folder").join(file)),
            };
            let inside = file.starts_with(root());
            let good = inside
                && file.exists()
                && (anchor.is_empty() || anchors(&read(&file)).contains(anchor));
            if !good {
                wrong.push(format!("{}: {target}", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(checked >= 150, "only {checked} links were found");
}

/// Files and folders in code: `src/apply/run.rs`, and `run.rs` alone.
#[test]
fn every_file_that_the_architecture_names_exists() {
    let page = read(&root().join("docs/architecture.md"));
    let files: Vec<_> = ["src", "tests"].iter().flat_map(|top| walk(&root().join(top))).collect();
    let mut wrong = Vec::new();
    let mut checked = 0;
    for name in page.split('`').skip(1).step_by(2) {
        let whole = ["src/", "tests/"].iter().any(|top| name.starts_with(top));
        if whole || name.ends_with(".rs") {
            checked += 1;
            let exists = root().join(name).exists();
            if !(exists || !whole && files.iter().any(|file| file.ends_with(name))) {
                wrong.push(name);
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(checked > 100, "only {checked} files were found");
}

#[test]
fn every_page_is_in_the_book_once() {
    let docs = root().join("docs");
    let mut listed = targets(&read(&docs.join("SUMMARY.md")));
    listed.sort();
    let pages = walk(&docs).into_iter().filter_map(|path| {
        let name = path.strip_prefix(&docs).expect("in docs").to_str().expect("UTF-8").to_owned();
        (name.ends_with(".md") && name != "SUMMARY.md").then_some(name)
    });
    let mut pages: Vec<String> = pages.collect();
    pages.sort();
    assert_eq!(listed, pages);
}

#[test]
fn anchors_are_those_of_github() {
    let document =
        "# The budget\n\n## `state:` and _more_\n\n## The budget\n\n```\n# no heading\n```\n";
    let expected = ["state-and-more", "the-budget", "the-budget-1"].map(str::to_owned);
    assert_eq!(anchors(document), BTreeSet::from(expected));
}
