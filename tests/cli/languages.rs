//! Texts by language: who gets which, and how plans, `show` and the preview name it.

use crate::support::{ADA, BEN, CLEO, Project};

const SETTINGS: &str = "locale: { column: lang, fallback: en }";

fn project(texts: &str) -> Project {
    let project = Project::empty();
    write(&project, texts);
    project.file("messages/audience.yaml", "audiences: { users: { file: ../users.csv } }");
    project.file("users.csv", format!("visitor_id,lang\n{ADA},de_AT\n{BEN},es\n{CLEO},\n"));
    project
}

fn write(project: &Project, texts: &str) {
    let message = format!("messages: {{ hello: {{ from: support, to: users, text: {texts} }} }}");
    project.settings(SETTINGS, &message);
}

const TEXTS: &str = "{ en: Hello, de: Hallo, fr: Salut }";

#[test]
fn a_plan_names_the_language_of_each_text_in_every_format_and_through_a_file() {
    let project = project(TEXTS);
    let json = project.run("plan --sandbox --format json").ok().json();
    let languages: Vec<_> = json["changes"]
        .as_array()
        .expect("changes")
        .iter()
        .map(|change| {
            (
                change["visitor"].as_str().expect("a visitor").to_owned(),
                change["locale"].as_str().expect("a language").to_owned(),
            )
        })
        .collect();
    assert!(languages.contains(&(ADA.to_owned(), "de".to_owned())), "{languages:?}");
    assert!(languages.contains(&(BEN.to_owned(), "en".to_owned())), "{languages:?}");
    let warning = "2 visitors get the fallback en: 1 of es, 1 has no language";
    let text = project.run("plan --sandbox").ok();
    assert!(text.out.contains("in en for 2 visitors, de for 1"), "{}", text.out);
    text.warns(&[warning]);
    for (format, shown) in [
        ("markdown", "| `en` | 2 |"),
        ("html", "<code>en</code>"),
        ("github", "in en for 2 visitors, de for 1"),
    ] {
        let out = project.run(&format!("plan --sandbox --format {format}")).ok().out;
        assert!(out.contains(shown), "{format}: {out}");
    }
    project.run("plan --sandbox --out plan.json").ok();
    project.run("apply plan.json --sandbox").ok();
    project.run("plan --sandbox --detailed-exitcode").ok();
}

#[test]
fn another_name_for_a_language_changes_nothing_and_a_removed_text_only_its_visitors() {
    let project = project(TEXTS);
    project.run("apply --sandbox --yes").ok();
    let same = "{ fr: Salut, DE_at: Hallo, EN: Hello }";
    project.settings(
        SETTINGS,
        &format!("messages:\n  hello:\n    from: support\n    to: users\n    text: {same}"),
    );
    project.run("plan --sandbox --detailed-exitcode").ok();
    let without = "{ en: Hello, fr: Salut }";
    project.settings(
        SETTINGS,
        &format!("messages:\n  hello:\n    from: support\n    to: users\n    text: {without}"),
    );
    let json = project.run("plan --sandbox --format json").ok().json();
    let changes = json["changes"].as_array().expect("changes");
    assert_eq!(changes.len(), 1, "{changes:?}");
    assert_eq!(changes[0]["visitor"], ADA);
    assert_eq!(changes[0]["after"]["text"], "Hello");
}

#[test]
fn a_text_is_shown_by_its_language_also_if_nobody_has_it() {
    let project = project(TEXTS);
    let german = project.run("show hello --locale de-CH").ok();
    assert_eq!(german.out, "Hallo\n");
    german.warns(&["in de"]);
    let french = project.run("show hello --locale fr").ok();
    assert_eq!(french.out, "Salut\n");
    french.warns(&["no visitor gets this text"]);
    let json = project.run(&format!("show hello --visitor {BEN} --format json")).ok().json();
    assert_eq!(json["locale"], "en");
    project.run("show hello --locale it").exits(1).warns(&["no text in it", "`de`, `en` and `fr`"]);
    project.run("show hello --locale German").exits(1).warns(&["not a language tag"]);
    project
        .run(&format!("show hello --visitor {BEN} --locale de"))
        .exits(1)
        .warns(&["in en, not in de"])
        .never_says(&[BEN]);
}
