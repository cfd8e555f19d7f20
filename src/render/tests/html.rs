use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use ring::digest::{SHA256, digest};

use super::{
    Format, View,
    markup::{Token, read},
    masked,
    plans::{address, change, content, everything, of, sized},
    show,
};
use crate::{
    diagnostics::{Code, Diagnostic},
    model::Sender,
    plan::{Action, Operation, Plan, Reason, safety::Refusal},
};

fn html(plan: &Plan) -> String {
    masked(plan, Format::Html)
}

/// The page without its style and script, up to this number of lines, and its size.
fn outline(page: &str, most: usize) -> String {
    let cut = |page: &str, from: &str, to: &str| {
        let (start, end) = (page.find(from).expect(from) + from.len(), page.find(to).expect(to));
        format!("{}[…]{}", &page[..start], &page[end..])
    };
    let short = cut(&cut(page, "<style>", "</style>"), "<script>", "</script>");
    let hash = |text: &str| text.split("sha256-").nth(1).map(|rest| rest[..44].to_owned());
    let short = hash(&short).map_or(short.clone(), |hash| short.replace(&hash, "[STYLE]"));
    let second = short.split("sha256-").nth(2).map(|rest| rest[..44].to_owned());
    let short = second.map_or(short.clone(), |hash| short.replace(&hash, "[SCRIPT]"));
    let lines: Vec<_> = short.lines().collect();
    if lines.len() <= most {
        return short;
    }
    format!(
        "{}\n[{} lines, {} articles, {} bubbles]",
        lines[..most].join("\n"),
        lines.len(),
        page.matches("<article").count(),
        page.matches("class=\"bubble").count()
    )
}

#[test]
fn a_page_with_every_action() {
    insta::assert_snapshot!(outline(&html(&everything()), 1_000));
}

#[test]
fn a_page_of_3_changes() {
    insta::assert_snapshot!(outline(&html(&sized(3)), 1_000));
}

#[test]
fn a_page_of_300_changes() {
    insta::assert_snapshot!(outline(&html(&sized(300)), 90));
}

#[test]
fn a_page_of_30_000_changes() {
    insta::assert_snapshot!(outline(&html(&sized(30_000)), 60));
}

#[test]
fn a_page_fetches_nothing_and_runs_only_its_own_script() {
    let page = html(&everything());
    let tokens = read(&page);
    let inside = |wanted: &str| {
        let at = tokens
            .iter()
            .position(|token| matches!(token, Token::Open { name, .. } if name == wanted))
            .expect(wanted);
        match &tokens[at + 1] {
            Token::Text(text) => text.clone(),
            other => panic!("{other:?}"),
        }
    };
    let hash = |text: &str| BASE64.encode(digest(&SHA256, text.as_bytes()));
    let (style, script) = (inside("style"), inside("script"));
    let policy = format!(
        "default-src 'none'; style-src 'sha256-{}'; script-src 'sha256-{}'; base-uri 'none'; form-action 'none'",
        hash(&style),
        hash(&script)
    );
    assert!(page.contains(&format!("content=\"{policy}\"")), "{policy}");
    let code = format!("{style}{script}");
    for word in ["url(", "@import", "http", "fetch", "XMLHttp", "import(", "eval", "innerHTML"] {
        assert!(!code.contains(word), "{word}");
    }
    assert!(!page.contains("http:") && !page.contains("https:") && !page.contains(" src="));
    assert_eq!(page.matches("<script").count(), 1);
}

#[test]
fn a_page_can_be_used_without_eyes_and_without_a_mouse() {
    let long = change(
        "long",
        1,
        Reason::New,
        Operation::Create { after: content(&"word ".repeat(1_000), &Sender::Random) },
    );
    for page in [html(&everything()), html(&of(vec![long]))] {
        let tokens = read(&page);
        let mut last = 0;
        for token in &tokens {
            let Token::Open { name, attributes } = token else { continue };
            let has = |wanted: &str| attributes.iter().any(|(name, _)| name == wanted);
            if let Some(level) = name.strip_prefix('h').and_then(|n| n.parse::<u8>().ok()) {
                assert!(level <= last + 1, "h{level} after h{last}");
                last = level;
            }
            // Signs are seen, words are heard.
            assert_eq!(
                name == "span" && has("aria-hidden"),
                attributes.iter().any(|(_, v)| v.starts_with("sign "))
            );
            // What can be reached has a name.
            assert_eq!(has("tabindex"), has("aria-label") && !has("hidden"), "{attributes:?}");
            if name == "input" || name == "select" {
                let at = tokens.iter().position(|other| other == token).expect("there");
                let before = tokens[..at]
                    .iter()
                    .rev()
                    .find(|t| matches!(t, Token::Open { .. } | Token::Close(_)));
                assert!(matches!(before, Some(Token::Open { name, .. }) if name == "label"));
            }
        }
        assert!(page.contains("<html lang=\"en\">") && page.contains("role=\"status\""));
    }
}

#[test]
fn a_big_plan_is_a_page_of_bounded_size_with_complete_counts() {
    let changes = (0..20_000).map(|n| {
        let after = content(&format!("{n} {}", "word ".repeat(100)), &Sender::Random);
        change(&format!("key-{n}"), n, Reason::New, Operation::Create { after })
    });
    let page = html(&of(changes.collect()));
    assert!(page.len() < 5 << 20, "{} bytes", page.len());
    assert!(page.contains("<strong>20,000</strong> to create"));
    assert!(page.contains("Left out, for want of room:"));
    let page = html(&sized(30_000));
    assert!(page.len() < 5 << 20, "{} bytes", page.len());
    assert!(page.contains("and 9,996 more</summary>"), "one text for many is one entry");
}

#[test]
fn visitors_on_a_page_are_masked_unless_they_may_be_shown() {
    let whole = address("text", 1);
    assert!(!html(&everything()).contains(whole.visitor_str()));
    let mut out = Vec::new();
    show(&everything(), Format::Html, View::new(false, 80), &mut out).expect("a Vec takes all");
    assert!(String::from_utf8(out).expect("utf-8").contains(whole.visitor_str()));
}

#[test]
fn a_page_says_what_apply_would_refuse_and_what_was_noticed() {
    let mut plan = sized(3);
    plan.diagnostics = vec![Diagnostic::warning(Code::SameText, "twice the same")];
    let refusals = [Refusal::Protected { address: address("vip", 1), action: Action::Delete }];
    let mut out = Vec::new();
    let view = View { refusals: &refusals, ..View::new(true, 80) };
    show(&plan, Format::Html, view, &mut out).expect("a Vec takes all");
    let page = String::from_utf8(out).expect("utf-8");
    read(&page);
    assert!(page.contains("is protected, and this plan would delete it"), "{page}");
    assert!(page.contains("warning[same-text]: twice the same"), "{page}");
}
