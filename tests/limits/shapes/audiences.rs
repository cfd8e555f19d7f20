//! CSV files and lists of visitors, and how many get how much.

use super::{Folder, Named, each};

const ALL_OF_A: &str = "audiences: { a: { file: a.csv } }\nmessages: { m: { to: a, text: t } }\n";

pub(super) const ALL: &[Named] = &[
    ("csv-150000-columns", |f| columns(f, each(150_000, |n| format!(",c{n}")))),
    ("csv-2000000-columns", |f| columns(f, each(1_000_000, |n| format!(",{n}")))),
    ("csv-nameless-columns", |f| columns(f, ",".repeat(9_000_000))),
    ("csv-same-columns", |f| columns(f, ",c".repeat(4_000_000))),
    ("csv-near-columns", |f| csv(f, format!("{}\n", each(500_000, |n| format!("visitorid{n},"))))),
    ("csv-one-long-near-column", |f| {
        csv(f, format!("{}visitor_id\n", "visitor_id".repeat(900_000)))
    }),
    ("csv-semicolons", |f| {
        csv(f, format!("visitor_id;a\n{}", each(700_000, |n| format!("v{n};b\n"))))
    }),
    ("csv-rows", |f| csv(f, format!("visitor_id\n{}", each(1_100_000, |n| format!("{n}\n"))))),
    ("csv-empty-rows", |f| csv(f, format!("visitor_id\n{}", "\n".repeat(10_000_000)))),
    ("csv-bad-rows", |f| csv(f, format!("visitor_id,a\n{}", "x\n".repeat(5_000_000)))),
    ("csv-bad-rows-quoted", |f| {
        csv(f, format!("visitor_id,a\n\"x\",y\n{}", "x\n".repeat(5_000_000)))
    }),
    ("csv-same-visitors", |f| csv(f, format!("visitor_id\n{}", "v\n".repeat(5_000_000)))),
    ("csv-same-long-visitors", |f| {
        csv(f, format!("visitor_id\n{}", format!("{}\n", "v".repeat(500)).repeat(20_000)))
    }),
    ("csv-bad-visitors", |f| csv(f, format!("visitor_id\n{}", "a b\n".repeat(2_500_000)))),
    ("csv-one-long-visitor", |f| csv(f, format!("visitor_id\n{}\n", "v".repeat(10_000_000)))),
    ("csv-quotes", |f| csv(f, format!("visitor_id\n{}", each(600_000, |n| format!("\"v{n}\"\n"))))),
    ("csv-quoted-cells", |f| {
        csv(
            f,
            format!(
                "visitor_id{}\n{}",
                each(1_000, |n| format!(",c{n}")),
                each(2_000, |n| format!("\"v{n}\"{}\n", ",\"\"".repeat(1_000)))
            ),
        )
    }),
    ("csv-many-quoted-cells", |f| {
        csv(
            f,
            format!(
                "visitor_id{}\n{}",
                each(50, |n| format!(",c{n}")),
                each(150_000, |n| format!("\"{n}\"{}\n", ",".repeat(50)))
            ),
        )
    }),
    ("csv-open-quote", |f| csv(f, format!("visitor_id\n\"{}", "a\n".repeat(4_000_000)))),
    ("csv-odd-quotes", |f| csv(f, format!("visitor_id\n{}", "a\"\n".repeat(2_999_999)))),
    ("csv-one-cell", |f| csv(f, format!("visitor_id,a\nv,{}\n", "x".repeat(10_000_000)))),
    ("csv-one-quoted-cell", |f| {
        csv(f, format!("visitor_id,a\nv,\"{}\"\n", "x\n".repeat(5_000_000)))
    }),
    ("csv-doubled-quotes", |f| {
        csv(f, format!("visitor_id,a\nv,\"{}\"\n", "\"\"".repeat(5_000_000)))
    }),
    ("csv-not-utf8", |f| {
        let mut bytes = b"visitor_id\n".to_vec();
        bytes.extend(vec![0xff; 10_000_000]);
        f.file("a.csv", bytes);
        f.project(ALL_OF_A);
    }),
    ("csv-carriage-returns", |f| {
        csv(f, format!("visitor_id\r{}", each(800_000, |n| format!("v{n}\r"))))
    }),
    ("csv-one-long-bad-line", |f| csv(f, format!("visitor_id\n{}\n", ",".repeat(10_000_000)))),
    ("csv-long-bad-lines", |f| {
        csv(f, format!("visitor_id\n{}", format!("{}\n", ",".repeat(50_000)).repeat(200)))
    }),
    ("csv-wide-rows-without-a-visitor", |f| {
        let header = each(50_000, |n| format!("c{n},")) + "visitor_id\n";
        csv(f, header + &format!("{}\n", ",".repeat(50_000)).repeat(180));
    }),
    ("csv-wide-table-last-column", |f| {
        let header = "visitor_id".to_owned() + &each(1_000, |n| format!(",c{n}")) + ",z\n";
        f.file("a.csv", header + &each(8_000, |n| format!("v{n}{}z{n}\n", ",".repeat(1_001))));
        let messages = each(300, |n| format!("  m{n}: {{ to: a, text: '{{{{ z }}}}{n}' }}\n"));
        f.project(format!("audiences: {{ a: {{ file: a.csv }} }}\nmessages:\n{messages}"));
    }),
    ("csv-many-columns-used", |f| {
        let header = "visitor_id".to_owned() + &each(2_000, |n| format!(",c{n}")) + "\n";
        f.file("a.csv", header + &each(2_000, |n| format!("v{n}{}\n", ",x".repeat(2_000))));
        let text = each(900, |n| format!("{{{{ c{} }}}}", n + 1_000));
        f.project(format!("audiences: {{ a: {{ file: a.csv }} }}\nmessages: {{ m: {{ to: a, text: '{text}' }} }}\n"));
    }),
    ("list-of-visitors", |f| {
        f.project(format!(
            "audiences: {{ a: {{ visitors: [{}] }} }}\nmessages: {{ m: {{ to: a, text: t }} }}\n",
            each(1_000_000, |n| format!("v{n},"))
        ));
    }),
    ("list-bad-visitors", |f| {
        f.project(format!(
            "audiences: {{ a: {{ visitors: [{}] }} }}\nmessages: {{ m: {{ to: a, text: t }} }}\n",
            "'a b',".repeat(1_000_000)
        ));
    }),
    ("list-same-visitors", |f| {
        f.project(format!(
            "audiences: {{ a: {{ visitors: [{}] }} }}\nmessages: {{ m: {{ to: a, text: t }} }}\n",
            "v,".repeat(1_000_000)
        ));
    }),
    ("list-bad-after-dropped-ones", |f| {
        f.project(format!(
            "audiences: {{ a: {{ visitors: [{}{}] }} }}\n",
            "{},".repeat(40),
            "'a b',".repeat(100_000)
        ));
    }),
    ("deliveries-2000-by-20000", |f| grid(f, 2_000, 20_000, |n| format!("t{n}"))),
    ("deliveries-100-by-100000", |f| grid(f, 100, 100_000, |n| format!("t{n}"))),
    ("deliveries-20-by-100000", |f| grid(f, 20, 100_000, |n| format!("t{n}"))),
    ("deliveries-10-by-100000-long-ids", |f| {
        f.file(
            "a.csv",
            format!("visitor_id\n{}", each(19_000, |n| format!("{}{n}\n", "v".repeat(500)))),
        );
        let messages = each(50, |n| format!("  m{n}: {{ to: a, text: t{n} }}\n"));
        f.project(format!("audiences: {{ a: {{ file: a.csv }} }}\nmessages:\n{messages}"));
    }),
    ("deliveries-700000", |f| grid(f, 1, 700_000, |n| format!("t{n}"))),
    ("deliveries-same-text", |f| grid(f, 50, 20_000, |_| "t".to_owned())),
    ("deliveries-with-long-senders", |f| {
        let ids = each(100_000, |n| format!("v{n},"));
        let messages =
            each(9, |n| format!("  m{n}: {{ kind: agent, from: s, to: a, text: t{n} }}\n"));
        f.project(format!(
            "senders: {{ s: {{ agent: {}, received_from: {} }} }}\naudiences: {{ a: {{ visitors: [{ids}] }} }}\nmessages:\n{messages}",
            "a".repeat(100_000),
            "r".repeat(100_000)
        ));
    }),
    ("deliveries-nobody-is-meant", |f| {
        let ids = each(100_000, |n| format!("v{n}\n"));
        f.file("a.csv", format!("visitor_id\n{ids}"));
        let messages = each(1_000, |n| {
            format!("  m{n}: {{ to: {{ audience: a, where: false }}, text: t{n} }}\n")
        });
        f.project(format!("audiences: {{ a: {{ file: a.csv }} }}\nmessages:\n{messages}"));
    }),
    ("deliveries-protected", |f| {
        let messages = each(100_000, |n| {
            format!("  m{n}: {{ to: {{ visitor: v{n} }}, text: t{n}, protect: true }}\n")
        });
        f.project(format!("messages:\n{messages}"));
    }),
];

fn csv(f: &Folder, content: String) {
    f.file("a.csv", content);
    f.project(ALL_OF_A);
}

fn columns(f: &Folder, more: String) {
    csv(f, format!("visitor_id{more}\n"));
}

fn grid(f: &Folder, messages: usize, visitors: usize, text: fn(usize) -> String) {
    f.file("a.csv", format!("visitor_id\n{}", each(visitors, |n| format!("visitor{n}\n"))));
    let messages = each(messages, |n| format!("  m{n}: {{ to: a, text: {} }}\n", text(n)));
    f.project(format!("audiences: {{ a: {{ file: a.csv }} }}\nmessages:\n{messages}"));
}
