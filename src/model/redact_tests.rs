use super::*;
use crate::model::mask::{likely_ids, visitors_of_addresses};

const ID: &str = "kZMvWhf8npAu3H6qd57w2Hv6nh6rnxvg";

struct Ids<'a>(&'a [&'a str]);

impl IdSource for Ids<'_> {
    fn ids(&self, found: &mut dyn FnMut(&str)) {
        self.0.iter().for_each(|id| found(id));
    }
}

fn redactor(ids: &[&str]) -> Redactor {
    Redactor::of([&Ids(ids) as &dyn IdSource])
}

#[test]
fn an_id_is_found_anywhere_and_in_any_case() {
    let redactor = redactor(&[ID]);
    for (text, shown) in [
        (format!("the visitor {ID}!"), "the visitor kZMv…xvg!"),
        (format!("a{ID}{ID}b"), "akZMv…xvgkZMv…xvgb"),
        (ID.to_ascii_uppercase(), "KZMV…XVG"),
        (ID.to_ascii_lowercase(), "kzmv…xvg"),
        ("nothing".to_owned(), "nothing"),
    ] {
        assert_eq!(redactor.redact(&text), shown);
    }
}

#[test]
fn an_id_is_found_in_each_of_its_forms() {
    let ids = ["anna+b@example.com", "größe@7\"x", "o'brien&co"];
    let redactor = redactor(&ids);
    for text in [
        "anna%2Bb%40example.com",
        "anna%2bb%40EXAMPLE.com",
        "gr\\u00f6\\u00dfe@7\\\"x",
        "größe@7\\\"x",
        "gr%C3%B6%C3%9Fe%407%22x",
        "o&#39;brien&co",
        "o'brien&amp;co",
    ] {
        let shown = redactor.redact(&format!("of {text}, who")).into_owned();
        assert!(shown.contains('…') && shown.ends_with(", who"), "{text}: {shown}");
        assert!(shown.len() < text.len() + 6, "{text}: {shown}");
    }
}

#[test]
fn more_than_half_of_an_id_is_masked_where_it_was_cut_off() {
    let redactor = redactor(&[ID]);
    let cut = &ID[..20];
    assert_eq!(redactor.redact(&format!("of {cut}")), "of kZMv…57w");
    assert_eq!(redactor.redact("of kZMvWhf8"), "of kZMvWhf8");
}

#[test]
fn an_id_that_begins_another_does_not_hide_it() {
    let redactor = redactor(&[&ID[..9], ID, "annabelle", "anna"]);
    assert_eq!(
        redactor.redact(&format!("{ID} {} anna annabelle", &ID[..9])),
        "kZMv…xvg kZ…8n a…a an…le"
    );
}

#[test]
fn a_short_id_is_a_whole_word_and_a_shorter_one_is_quoted() {
    let redactor = redactor(&["anna", "7", "ab"]);
    for (text, shown) in [
        ("anna, (anna) anna's", "a…a, (a…a) a…a's"),
        ("annabelle hosanna anna-2 anna_x", "annabelle hosanna anna-2 anna_x"),
        ("audiences/anna.csv", "audiences/a…a.csv"),
        ("7 cells in line 7", "7 cells in line 7"),
        ("the audience `7`, note@7, \"ab\"", "the audience `…`, note@…, \"…\""),
    ] {
        assert_eq!(redactor.redact(text), shown);
    }
}

#[test]
fn text_that_looks_like_an_id_is_masked_and_words_and_message_ids_are_not() {
    let found = |text: &str| likely_ids(text).len();
    for id in [
        ID,
        "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "1b4e28ba-2fa1-11d2-883f-0016d3cca427",
        "0123456789abcdef",
    ] {
        assert_eq!(found(&format!("x: {id}, y")), 1, "{id}");
        assert_eq!(found(&format!("anna_{id}")), 1, "{id}");
    }
    for word in ["PjRBMhWGen6aRHjif", "AXCR3k9bpSY7bpuh7", "launch-of-the-new-product-in-2026"] {
        assert_eq!(found(word), 0, "{word}");
    }
}

#[test]
fn an_address_is_masked_behind_its_first_at_sign_and_only_once() {
    let shown = |text: &str| replaced(text, &visitors_of_addresses(text)).into_owned();
    let shape = "it is postgres://USER:PASSWORD@HOST:PORT/DATABASE, with";
    assert_eq!(shown(shape), shape);
    assert_eq!(shown("`note@liz@example.com`, a"), "`note@l…com`, a");
    assert_eq!(shown("note@kZMv…xvg"), "note@kZMv…xvg");
    assert_eq!(shown("at @ and @anna"), "at @ and @anna");
}

#[test]
fn a_hundred_thousand_ids_are_searched_in_few_steps() {
    let ids: Vec<String> = (0..100_000).map(|n| format!("customer-{n:09}")).collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    let redactor = redactor(&ids);
    let text = "the visitor customer-000012345 of customer-999 ".repeat(2_000);
    assert_eq!(redactor.spans(&text).len(), 2_000);
}

proptest::proptest! {
    #[test]
    fn no_text_brings_an_id_through(
        parts in proptest::collection::vec(
            proptest::prop_oneof![
                proptest::prelude::Just(ID.to_owned()),
                proptest::prelude::Just("annabelle".to_owned()),
                proptest::prelude::Just("grüße@x.example".to_owned()),
                ".{0,4}",
            ],
            0..12,
        ),
    ) {
        let ids = [ID, "annabelle", "grüße@x.example", "annab"];
        let shown = redactor(&ids).redact(&parts.concat()).to_lowercase();
        for id in &ids[..3] {
            proptest::prop_assert!(!shown.contains(&id.to_lowercase()), "{shown}");
        }
    }
}
