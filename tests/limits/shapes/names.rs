//! Names that refer to others: moves, imports, removals, senders, audiences.

use super::{Folder, Named, each};

pub(super) const ALL: &[Named] = &[
    ("moves-chain", |f| moves(f, 5_000, |n| (n, n + 1))),
    ("moves-long-chain", |f| moves(f, 240_000, |n| (n, n + 1))),
    ("moves-chain-backwards", |f| moves(f, 200_000, |n| (200_000 - n, 199_999 - n))),
    ("moves-circle", |f| moves(f, 200_000, |n| (n, (n + 1) % 200_000))),
    ("moves-circles", |f| moves(f, 200_000, |n| (n, n ^ 1))),
    ("moves-into-a-circle", |f| {
        moves(f, 200_000, |n| (n, if n == 199_999 { 100_000 } else { n + 1 }))
    }),
    ("moves-star", |f| moves(f, 240_000, |n| (n, 1_000_000))),
    ("moves-of-one", |f| moves(f, 240_000, |n| (0, n + 1))),
    ("moves-apart", |f| moves(f, 200_000, |n| (2 * n, 2 * n + 1))),
    ("moves-bad-keys", |f| {
        f.project(format!(
            "moved: [{}]\n",
            each(200_000, |n| format!("{{ from: 'A {n}', to: 'B {n}' }},"))
        ))
    }),
    ("removed-many", |f| {
        f.project(format!("removed: [{}]\n", each(400_000, |n| format!("{{ key: k{n} }},"))))
    }),
    ("removed-same", |f| f.project(format!("removed: [{}]\n", "{ key: k },".repeat(400_000)))),
    ("removed-and-moved", |f| {
        f.project(format!(
            "moved: [{}]\nremoved: [{}]\n",
            each(100_000, |n| format!("{{ from: k{n}, to: l{n} }},")),
            each(100_000, |n| format!("{{ key: k{n} }},"))
        ));
    }),
    ("removed-and-declared", |f| {
        f.project(format!(
            "messages: {{ {} }}\nremoved: [{}]\n",
            each(100_000, |n| format!("k{n}: {{ to: {{ visitor: v }}, text: t{n} }},")),
            each(100_000, |n| format!("{{ key: k{n} }},"))
        ));
    }),
    ("imports-many", |f| {
        f.project(format!(
            "import: [{}]\n",
            each(200_000, |n| format!("{{ to: k@v{n}, id: i{n} }},"))
        ))
    }),
    ("imports-same", |f| {
        f.project(format!("import: [{}]\n", "{ to: k@v, id: i },".repeat(200_000)))
    }),
    ("imports-bad", |f| {
        f.project(format!("import: [{}]\n", "{ to: nobody, id: 'a b' },".repeat(200_000)))
    }),
    ("senders-unknown", |f| unknown(f, 4_000, 4_000, "sender-")),
    ("senders-unknown-long", |f| unknown(f, 1_000, 1_000, &"s".repeat(3_000))),
    ("senders-unknown-many", |f| unknown(f, 90_000, 90_000, "s")),
    ("senders-one-unknown-very-long", |f| unknown(f, 1, 1, &"s".repeat(4_000_000))),
    ("audiences-unknown", |f| {
        f.project(format!(
            "audiences:\n{}messages:\n{}",
            each(50_000, |n| format!("  audience-{n}: {{ visitors: [v{n}] }}\n")),
            each(50_000, |n| format!("  m{n}: {{ to: audiense-{n}, text: t }}\n"))
        ));
    }),
    ("fields-unknown-long", |f| {
        f.project(each(2_000, |n| format!("{}{n}: x\n", "messages".repeat(500))))
    }),
    ("kinds-unknown", |f| {
        f.project(format!(
            "messages:\n{}",
            each(1_000, |n| format!(
                "  m{n}: {{ kind: {}, to: {{ visitor: v }}, text: t }}\n",
                "p".repeat(8_000)
            ))
        ));
    }),
    ("variables-unknown", |f| {
        f.project(format!(
            "vars:\n{}messages:\n{}",
            each(20_000, |n| format!("  variable_{n}: v\n")),
            each(20_000, |n| format!(
                "  m{n}: {{ to: {{ visitor: v }}, text: '{{{{ varaible_{n} }}}}' }}\n"
            ))
        ));
    }),
    ("columns-unknown", |f| {
        let columns = each(20_000, |n| format!(",column_{n}"));
        f.file("a.csv", format!("visitor_id{columns}\nv{}\n", ",".repeat(20_000)));
        f.project(format!(
            "audiences: {{ a: {{ file: a.csv }} }}\nmessages:\n{}",
            each(20_000, |n| format!(
                "  m{n}: {{ to: {{ audience: a, where: colunm_{n} }}, text: t }}\n"
            ))
        ));
    }),
    ("columns-unknown-in-one-expression", |f| {
        let columns = each(20_000, |n| format!(",column_{n}"));
        f.file("a.csv", format!("visitor_id{columns}\nv{}\n", ",".repeat(20_000)));
        let terms = each(900, |n| format!("colunm_{n} or "));
        f.project(format!(
            "audiences: {{ a: {{ file: a.csv }} }}\nmessages:\n{}",
            each(400, |n| format!(
                "  m{n}: {{ to: {{ audience: a, where: '{terms} x' }}, text: t }}\n"
            ))
        ));
    }),
    ("environments-5000-messages", |f| {
        let envs = each(5_000, |n| {
            format!(
                "  e{n}: {{ vars: {{ a: b }}, messages: {{ {} }} }}\n",
                each(30, |m| format!("m{m}: {{ text: e{n} }}, "))
            )
        });
        let messages = each(30, |n| format!("  m{n}: {{ to: {{ visitor: v }}, text: t{n} }}\n"));
        f.project(format!("messages:\n{messages}environments:\n{envs}"));
    }),
];

fn moves(f: &Folder, count: usize, step: fn(usize) -> (usize, usize)) {
    let entry = |n| {
        let (from, to) = step(n);
        format!("- {{ from: k{from}, to: k{to} }}\n")
    };
    f.project(format!("moved:\n{}", each(count, entry)));
}

fn unknown(f: &Folder, known: usize, asked: usize, name: &str) {
    f.project(format!(
        "senders:\n{}messages:\n{}",
        each(known, |n| format!("  ? {name}{n}\n  : {{ group: g }}\n")),
        each(asked, |n| format!("  m{n}: {{ from: {name}x{n}, to: {{ visitor: v }}, text: t }}\n"))
    ));
}
