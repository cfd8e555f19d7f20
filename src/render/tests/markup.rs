//! A reader of HTML that forgives nothing: what it accepts, every browser reads the same way.

/// A piece of a page.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Token {
    Open {
        name: String,
        attributes: Vec<(String, String)>,
    },
    Close(String),
    /// With its entities decoded.
    Text(String),
    Comment(String),
    Doctype,
}

/// The elements and attributes that our formats use.
const OURS: [(&str, &[&str]); 31] = [
    ("article", &["data-key", "data-action"]),
    ("body", &[]),
    ("code", &["class"]),
    ("del", &[]),
    ("details", &["class"]),
    ("div", &["aria-label", "class", "hidden", "id", "role", "tabindex"]),
    ("h1", &[]),
    ("h2", &["id"]),
    ("h3", &[]),
    ("h4", &[]),
    ("head", &[]),
    ("header", &[]),
    ("html", &["lang"]),
    ("input", &["autocomplete", "id", "spellcheck", "type"]),
    ("ins", &[]),
    ("label", &[]),
    ("li", &[]),
    ("main", &[]),
    ("meta", &["charset", "content", "http-equiv", "name"]),
    ("option", &["value"]),
    ("p", &["class", "dir", "id", "role"]),
    ("script", &[]),
    ("section", &["aria-labelledby"]),
    ("select", &["id"]),
    ("span", &["aria-hidden", "class"]),
    ("strong", &[]),
    ("style", &[]),
    ("sub", &[]),
    ("summary", &[]),
    ("title", &[]),
    ("ul", &["class"]),
];

const VOID: [&str; 2] = ["input", "meta"];

/// The pieces of a page; panics if a tag is not ours, or not closed as it was opened.
pub(super) fn read(page: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut open: Vec<String> = Vec::new();
    let mut rest = page;
    while !rest.is_empty() {
        if let Some(after) = rest.strip_prefix("<!--") {
            let end = after.find("-->").expect("a comment that ends");
            tokens.push(Token::Comment(after[..end].to_owned()));
            rest = &after[end + 3..];
        } else if let Some(after) = rest.strip_prefix("<!doctype html>") {
            tokens.push(Token::Doctype);
            rest = after;
        } else if let Some(after) = rest.strip_prefix("</") {
            let end = after.find('>').expect("a tag that ends");
            let name = &after[..end];
            assert_eq!(open.pop().as_deref(), Some(name), "closed as opened");
            tokens.push(Token::Close(name.to_owned()));
            rest = &after[end + 1..];
        } else if let Some(after) = rest.strip_prefix('<') {
            let (token, after) = tag(after);
            rest = after;
            let Token::Open { name, .. } = &token else { unreachable!("a tag opens") };
            let name = name.clone();
            tokens.push(token);
            if name == "script" || name == "style" {
                let close = format!("</{name}>");
                let end = rest.find(&close).expect("it ends");
                tokens.push(Token::Text(rest[..end].to_owned()));
                tokens.push(Token::Close(name));
                rest = &rest[end + close.len()..];
            } else if !VOID.contains(&&*name) {
                open.push(name);
            }
        } else {
            let end = rest.find('<').unwrap_or(rest.len());
            tokens.push(Token::Text(decoded(&rest[..end])));
            rest = &rest[end..];
        }
    }
    assert_eq!(open, Vec::<String>::new(), "all is closed");
    tokens
}

/// What follows a `<`.
fn tag(text: &str) -> (Token, &str) {
    let end = text.find([' ', '>']).expect("a tag that ends");
    let name = &text[..end];
    let ours = OURS.iter().find(|(ours, _)| *ours == name);
    let (_, known) = ours.unwrap_or_else(|| panic!("<{name}> is not ours"));
    let mut attributes = Vec::new();
    let mut rest = &text[end..];
    loop {
        if let Some(after) = rest.strip_prefix('>') {
            return (Token::Open { name: name.to_owned(), attributes }, after);
        }
        rest = rest.strip_prefix(' ').expect("a space before an attribute");
        let end = rest.find(['=', ' ', '>']).expect("an attribute that ends");
        let attribute = &rest[..end];
        assert!(known.contains(&attribute), "{attribute} of <{name}> is not ours");
        rest = &rest[end..];
        let mut value = "";
        if let Some(after) = rest.strip_prefix("=\"") {
            let end = after.find('"').expect("a value that ends");
            value = &after[..end];
            assert!(!value.contains('<'), "{value}");
            rest = &after[end + 1..];
        }
        attributes.push((attribute.to_owned(), decoded(value)));
    }
}

/// Only the entities that we write.
fn decoded(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        out.push_str(&rest[..at]);
        let end = rest[at..].find(';').expect("an entity that ends") + at;
        out.push_str(match &rest[at..=end] {
            "&amp;" => "&",
            "&lt;" => "<",
            "&gt;" => ">",
            "&quot;" => "\"",
            "&#39;" => "'",
            other => panic!("{other} is not ours"),
        });
        rest = &rest[end + 1..];
    }
    out.push_str(rest);
    out
}
