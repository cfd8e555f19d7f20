use super::*;
#[test]
fn dump() {
    let text = "# c\nmessages:\n  dark-mode:\n    text: |\n      a {{ b }}\n\n      c\n    folded: >-\n      x\n      y\n    from: {group: \"G\", agent: 'A'}\n    list: [a, b]\n    nothing:\n    é: ü é\n    blk:\n    - a\n    -\n      b: c\n    t: !foo bar\n    u: !!str 5\n    v: ! 5\n";
    let tree = Tree::parse(text).unwrap();
    for (id, n) in tree.nodes() {
        println!("{id} {n:?}");
    }
}
