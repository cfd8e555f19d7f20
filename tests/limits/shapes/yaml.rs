//! YAML itself.

use super::{Named, each};

pub(super) const ALL: &[Named] = &[
    ("yaml-nested-flow", |f| f.project(format!("vars: {}", "[".repeat(5_000_000)))),
    ("yaml-nested-maps", |f| f.project(format!("vars: {}", "{a: ".repeat(2_000_000)))),
    ("yaml-nested-dashes", |f| f.project(format!("vars:\n  {}x", "- ".repeat(4_000_000)))),
    ("yaml-nested-blocks", |f| {
        f.project(format!("vars:\n{}", each(4_000, |n| format!("{}a:\n", " ".repeat(n + 1)))));
    }),
    ("yaml-wide-vars", |f| {
        f.project(format!("vars:\n{}", each(700_000, |n| format!("  k{n}: v\n"))))
    }),
    ("yaml-wide-vars-with-environment", |f| {
        let vars = |indent: &str| each(200_000, |n| format!("{indent}k{n}: v\n"));
        f.project(format!(
            "vars:\n{}environments:\n  e:\n    vars:\n{}",
            vars("  "),
            vars("      ")
        ));
    }),
    ("yaml-same-key", |f| f.project("a: b\n".repeat(2_000_000))),
    ("yaml-tiny-scalars", |f| f.project(format!("vars:\n  a: [{}a]\n", "a,".repeat(5_000_000)))),
    ("yaml-tiny-ids", |f| {
        f.project(format!("audiences: {{ a: {{ visitors: [{}a] }} }}\n", "a,".repeat(5_000_000)));
    }),
    ("yaml-empty-maps", |f| f.project(format!("vars:\n  a: [{}]\n", "{},".repeat(3_000_000)))),
    ("yaml-scalar-aliased", |f| {
        let text = "x".repeat(300_000);
        let refs = "*a, ".repeat(8_000);
        f.project(format!("vars:\n  a: &a {text}\n  b: [{refs}]\n"));
    }),
    ("yaml-scalar-aliased-in-messages", |f| {
        let refs = each(8_000, |n| format!("  m{n}: {{ to: {{ visitor: v{n} }}, text: *a }}\n"));
        f.project(format!(
            "messages:\n  m: {{ to: {{ visitor: v }}, text: &a {} }}\n{refs}",
            "x".repeat(300_000)
        ));
    }),
    ("yaml-list-aliased", |f| {
        let ids = each(20_000, |n| format!("v{n},"));
        let refs = each(1_500, |n| format!("  a{n}: {{ visitors: *a }}\n"));
        f.project(format!("audiences:\n  a: {{ visitors: &a [{ids}] }}\n{refs}"));
    }),
    ("yaml-map-aliased", |f| {
        let vars = each(9_000, |n| format!("      k{n}: v\n"));
        let refs = each(9_000, |n| format!("    b{n}: *a\n"));
        f.project(format!("vars:\n    a: &a\n{vars}{refs}"));
    }),
    ("yaml-alias-of-alias", |f| {
        let bomb = each(40, |n| format!("  a{}: &a{} [*a{n}, *a{n}]\n", n + 1, n + 1));
        f.project(format!("vars:\n  a0: &a0 [x, x]\n{bomb}"));
    }),
    ("yaml-alias-chain", |f| {
        let chain = each(150_000, |n| format!("  a{}: &a{} [*a{n}]\n", n + 1, n + 1));
        f.project(format!("vars:\n  a0: &a0 x\n{chain}"));
    }),
    ("yaml-scalar-keys-aliased", |f| {
        let refs = each(200_000, |n| format!("- {{ *a : {n} }}\n"));
        f.project(format!(
            "vars:\n  k: &a {}\n  l:\n  {}",
            "k".repeat(2_000),
            refs.replace("\n-", "\n  -")
        ));
    }),
    ("yaml-anchors", |f| {
        f.project(format!("vars:\n{}", each(150_000, |n| format!("  k{n}: &anchor{n} v\n"))))
    }),
    ("yaml-anchors-in-one-line", |f| {
        f.project(format!("vars: {{ l: [{}] }}", each(700_000, |n| format!("&a{n} v,"))));
    }),
    ("yaml-one-anchor-again-and-again", |f| {
        f.project(format!("vars: {{ l: [{}] }}", "&a v,*a,".repeat(900_000)));
    }),
    ("yaml-anchored-nests", |f| {
        let open = each(60, |n| format!("&a{n} ["));
        f.project(format!(
            "vars: {{ l: {open}{}{} }}",
            "*a,".repeat(0) + &"x,".repeat(3_000_000),
            "]".repeat(60)
        ));
    }),
    ("yaml-anchored-nests-with-aliases", |f| {
        let open = each(60, |n| format!("&a{n} ["));
        f.project(format!(
            "vars: {{ s: &s x, l: {open}{}{} }}",
            "*s,".repeat(9_000),
            "]".repeat(60)
        ));
    }),
    ("yaml-merge-keys", |f| {
        let refs = each(100_000, |n| format!("  m{n}: {{ <<: *m, text: t{n} }}\n"));
        f.project(format!("messages:\n  m: &m {{ to: {{ visitor: v }}, text: a }}\n{refs}"));
    }),
    ("yaml-one-scalar", |f| f.project(format!("vars: {{ a: {} }}", "x".repeat(10_000_000)))),
    ("yaml-one-scalar-no-project", |f| f.project("x".repeat(10_000_000))),
    ("yaml-one-text", |f| {
        f.project(format!(
            "messages: {{ m: {{ to: {{ visitor: v }}, text: {} }} }}",
            "x".repeat(10_000_000)
        ));
    }),
    ("yaml-documents", |f| f.project("---\na: b\n".repeat(100_000))),
    ("yaml-empty-documents", |f| f.project("---\n".repeat(2_500_000))),
    ("yaml-comments", |f| f.project("#\n".repeat(5_000_000))),
    ("yaml-one-comment", |f| f.project(format!("#{}\nversion: 2\n", "x".repeat(10_000_000)))),
    ("yaml-blank-lines", |f| f.project("\n".repeat(10_000_000))),
    ("yaml-spaces", |f| f.project(format!("vars:{}x: y\n", " ".repeat(10_000_000)))),
    ("yaml-tags", |f| f.project(format!("vars: {{ l: [{}] }}", "!t v,".repeat(1_500_000)))),
    ("yaml-tag-directives", |f| {
        f.project(format!(
            "{}---\na: b\n",
            each(200_000, |n| format!("%TAG !t{n}! tag:x{n},2000:\n"))
        ))
    }),
    ("yaml-long-tag", |f| f.project(format!("vars: !{} x\n", "t".repeat(9_000_000)))),
    ("yaml-block-scalars", |f| {
        f.project(format!("vars:\n{}", each(300_000, |n| format!("  k{n}: |\n    a\n    b\n"))))
    }),
    ("yaml-block-of-blank-lines", |f| {
        f.project(format!("vars:\n  k: |\n{}    b\n", "\n".repeat(9_000_000)))
    }),
    ("yaml-folded-lines", |f| f.project(format!("vars:\n  k: >\n{}", "    b\n".repeat(1_500_000)))),
    ("yaml-plain-lines", |f| f.project(format!("vars:\n  k: a\n{}", "    b\n".repeat(1_500_000)))),
    ("yaml-tabs", |f| f.project(format!("vars:\n{}", "\t".repeat(9_000_000)))),
    ("yaml-tab-lines", |f| f.project(format!("vars:\n{}", "\ta: b\n".repeat(1_500_000)))),
    ("yaml-escapes", |f| f.project(format!("vars: {{ a: \"{}\" }}", "\\u0041".repeat(1_600_000)))),
    ("yaml-line-escapes", |f| {
        f.project(format!("vars: {{ a: \"{}\" }}", "\\\n ".repeat(3_000_000)))
    }),
    ("yaml-open-quote", |f| f.project(format!("vars: {{ a: \"{}", "x\n ".repeat(3_000_000)))),
    ("yaml-open-quotes", |f| f.project(format!("vars:\n{}", "  a: 'x\n".repeat(1_000_000)))),
    ("yaml-long-key", |f| f.project(format!("{}: x\n", "k".repeat(9_000_000)))),
    ("yaml-question-marks", |f| f.project("? a\n".repeat(2_000_000))),
    ("yaml-colons", |f| f.project(format!("vars: {{ {} }}", ":,".repeat(3_000_000)))),
    ("yaml-complex-keys", |f| f.project(format!("vars: {{ {} }}", "[a]: b,".repeat(1_000_000)))),
    ("yaml-long-lines-of-words", |f| {
        f.project(format!("vars: {{ a: {} }}", "a ".repeat(5_000_000)))
    }),
    ("yaml-simple-key-candidates", |f| f.project(format!("vars: [{}", "a, ".repeat(3_000_000)))),
    ("yaml-control-character-at-the-end", |f| {
        f.project(format!("vars: {{ a: \"{}\u{1}\" }}", "x\n".repeat(4_000_000)))
    }),
    ("yaml-not-utf8", |f| f.project(vec![0xff; 10_000_000])),
    ("yaml-not-utf8-at-the-end", |f| f.project([vec![b'a'; 9_999_999], vec![0xff]].concat())),
    ("yaml-utf16", |f| f.project([b"\xff\xfe".to_vec(), b"a\0".repeat(4_000_000)].concat())),
    ("yaml-one-unknown-field", |f| f.project(each(500_000, |n| format!("unknown{n}: x\n")))),
    ("yaml-unknown-fields", |f| {
        f.project(format!(
            "messages:\n{}",
            each(60_000, |n| format!(
                "  m{n}: {{ to: {{ visitor: v }}, text: t, unknown: 1, txet: 2, fromm: 3 }}\n"
            ))
        ));
    }),
    ("yaml-wrong-types", |f| {
        f.project(format!(
            "messages:\n{}",
            each(200_000, |n| format!("  m{n}: {{ to: [], text: {{}} }}\n"))
        ))
    }),
    ("yaml-wrong-types-in-one-line", |f| {
        f.project(format!(
            "messages: {{ {} }}",
            each(200_000, |n| format!("m{n}: {{ to: [], text: {{}} }}, "))
        ));
    }),
    ("yaml-wrong-items", |f| f.project(format!("include: [{}]\n", "{},".repeat(1_000_000)))),
    ("yaml-wrong-moves", |f| {
        f.project(format!("moved: [{}]\n", "{ from: [], to: [] },".repeat(400_000)))
    }),
    ("yaml-empty-entries", |f| {
        f.project(format!("moved: [{}]\nimport: [{0}]\nremoved: [{0}]\n", "{},".repeat(1_000_000)))
    }),
    ("yaml-null-messages", |f| {
        f.project(format!("messages:\n{}", each(700_000, |n| format!("  m{n}:\n"))))
    }),
    ("yaml-duplicates-in-messages", |f| {
        f.project(format!(
            "messages:\n{}",
            "  m: { to: { visitor: v }, text: t }\n".repeat(250_000)
        ))
    }),
    ("yaml-environments", |f| {
        let envs = each(5_000, |n| {
            format!(
                "  e{n}: {{ messages: {{ {} }} }}\n",
                each(20, |m| format!("M{m}: {{ text: t }}, "))
            )
        });
        f.project(format!(
            "messages: {{ m: {{ to: {{ visitor: v }}, text: t }} }}\nenvironments:\n{envs}"
        ));
    }),
    ("yaml-environments-bad-names", |f| {
        f.project(format!("environments:\n{}", each(300_000, |n| format!("  E {n}: {{}}\n"))))
    }),
    ("yaml-senders", |f| {
        f.project(format!(
            "senders:\n{}",
            each(150_000, |n| format!("  s{n}: {{ group: 'a b', agent: x }}\n"))
        ))
    }),
    ("yaml-good-senders", |f| {
        f.project(format!(
            "senders:\n{}",
            each(300_000, |n| format!("  s{n}: {{ group: g{n} }}\n"))
        ))
    }),
    ("yaml-messages", |f| {
        f.project(format!(
            "messages:\n{}",
            each(200_000, |n| format!("  m{n}: {{ to: {{ visitor: v }}, text: t{n} }}\n"))
        ))
    }),
    ("yaml-messages-same-text", |f| {
        f.project(format!(
            "messages:\n{}",
            each(200_000, |n| format!("  m{n}: {{ to: {{ visitor: v }}, text: t }}\n"))
        ))
    }),
    ("yaml-bad-keys", |f| {
        f.project(format!(
            "messages:\n{}",
            each(150_000, |n| format!("  'M {n}': {{ to: {{ visitor: v }}, text: t }}\n"))
        ))
    }),
    ("yaml-long-bad-keys", |f| {
        f.project(format!(
            "messages:\n{}",
            each(300, |n| format!(
                "  '{}{n}': {{ to: {{ visitor: v }}, text: t }}\n",
                "M ".repeat(15_000)
            ))
        ))
    }),
    ("yaml-dollars", |f| f.project(format!("state: \"{}\"\n", "${".repeat(4_000_000)))),
    ("yaml-windows", |f| {
        f.project(format!(
            "messages:\n{}",
            each(100_000, |n| format!(
                "  m{n}: {{ to: {{ visitor: v }}, text: t, active: {{ from: x, until: y }} }}\n"
            ))
        ))
    }),
    ("yaml-passed-windows", |f| {
        f.project(format!("messages:\n{}", each(100_000, |n| format!("  m{n}: {{ to: {{ visitor: v }}, text: t{n}, active: {{ until: 2020-01-01T00:00:00Z }} }}\n"))))
    }),
];
