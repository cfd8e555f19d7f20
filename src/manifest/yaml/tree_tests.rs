use super::*;

fn tree(text: &str) -> Tree {
    Tree::parse(text, &Limits::default()).expect("a tree")
}

/// Line and column of the value under the keys.
fn start(text: &str, keys: &[&str]) -> (u32, u32) {
    let tree = tree(text);
    let mut node = tree.root.expect("a root");
    for key in keys {
        node = tree.entry(node, key).expect("an entry").1;
    }
    let Mark { line, column } = tree.node(node).span.start;
    (line, column)
}

#[test]
fn nodes_know_where_they_start() {
    let text = "# c\na:\n  b: |\n\n    x\n  é: { \"c\": 'd' }\n  e:\n  - f\n";
    assert_eq!(start(text, &["a"]), (3, 2));
    assert_eq!(start(text, &["a", "é"]), (6, 5));
    assert_eq!(start(text, &["a", "é", "c"]), (6, 12));
    let tree = tree(text);
    let (_, a) = tree.entry(tree.root.expect("a root"), "a").expect("a");
    let (_, e) = tree.entry(a, "e").expect("e");
    assert_eq!(tree.items(e).len(), 1);
    assert_eq!(tree.text(tree.items(e)[0]), Some("f"));
}

#[test]
fn large_mappings_are_found_like_small_ones() {
    let text: String = (0..100).map(|n| format!("k{n}: v{n}\n")).collect();
    let tree = tree(&text);
    let root = tree.root.expect("a root");
    for n in 0..100 {
        let (_, value) = tree.entry(root, &format!("k{n}")).expect("there");
        assert_eq!(tree.text(value), Some(&*format!("v{n}")));
    }
    assert!(tree.entry(root, "k100").is_none());
}

#[test]
fn aliases_may_repeat_a_little_and_not_explode() {
    let good = "a: &a [1, 2, 3]\nb: [*a, *a]\n";
    assert!(Tree::parse(good, &Limits::default()).is_ok());
    let mut bomb = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for n in 1..12 {
        let before = format!("*a{}, ", n - 1).repeat(10);
        bomb.push_str(&format!("a{n}: &a{n} [{before}]\n"));
    }
    assert!(matches!(Tree::parse(&bomb, &Limits::default()), Err(Flaw::Grows { .. })));
    assert!(matches!(Tree::parse("a: &a [*a]", &Limits::default()), Err(Flaw::Endless { .. })));
    assert!(matches!(Tree::parse("a: *nobody", &Limits::default()), Err(Flaw::Syntax { .. })));
}

#[test]
fn what_is_nested_too_deeply_is_refused_before_it_is_read_to_its_end() {
    for text in ["[".repeat(1_000_000), "{a: ".repeat(300_000), "- ".repeat(300_000)] {
        assert!(matches!(
            Tree::parse(&text, &Limits::default()),
            Err(Flaw::TooDeep { .. } | Flaw::Syntax { .. })
        ));
    }
}

#[test]
fn a_second_document_is_refused_where_it_begins() {
    let at = Mark { line: 2, column: 0 };
    assert_eq!(
        Tree::parse("a: b\n---\nc: d\n", &Limits::default()).err(),
        Some(Flaw::SeveralDocuments { at })
    );
    assert!(Tree::parse("---\na: b\n...\n", &Limits::default()).is_ok());
}

#[test]
fn tags_that_are_uris_are_remembered() {
    let tree = tree("a: !include x\nb: !!str 5\nc: ! d\ne: !<tag:x,2000:y> f\n");
    let tags: Vec<_> = tree.nodes().filter_map(|(_, node)| node.tag.as_deref()).collect();
    assert_eq!(tags, ["tag:x,2000:y"]);
}

#[test]
fn what_aliases_add_is_counted_in_bytes_too() {
    let limits = Limits { yaml_aliased_bytes: 1_000, ..Limits::default() };
    let text = |times: usize| format!("a: &a {}\nb: [{}]\n", "x".repeat(100), "*a, ".repeat(times));
    assert!(Tree::parse(&text(10), &limits).is_ok());
    let flaw = Tree::parse(&text(11), &limits).err();
    assert!(matches!(flaw, Some(Flaw::Grows { limit: "yaml-aliased-bytes", .. })), "{flaw:?}");
    // Inside what is aliased again, too.
    let nested = format!("a: &a {}\nb: &b [*a, *a]\nc: [*b, *b, *b, *b]\n", "x".repeat(100));
    assert!(Tree::parse(&nested, &limits).is_ok());
    let nested = nested.replace("[*b, *b", "[*b, *b, *b, *b");
    assert!(matches!(Tree::parse(&nested, &limits), Err(Flaw::Grows { .. })));
}
