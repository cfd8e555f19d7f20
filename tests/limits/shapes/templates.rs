//! Texts and conditions that run long, or make much of little.

use super::{Folder, Named, each};

pub(super) const ALL: &[Named] = &[
    ("template-fuel-of-each-row", |f| rows(f, 100_000, "{% for i in range(9000) %}{% endfor %}t")),
    ("template-fuel-of-each-message", |f| {
        let text = "{% for i in range(9000) %}{% endfor %}t";
        f.project(format!(
            "messages:\n{}",
            each(50_000, |n| format!("  m{n}: {{ to: {{ visitor: v }}, text: '{text}{n}' }}\n"))
        ));
    }),
    ("template-out-of-fuel", |f| {
        let text = "{% for i in range(9999) %}{% for i in range(9999) %}{% endfor %}{% endfor %}t";
        f.project(format!(
            "messages:\n{}",
            each(50_000, |n| format!("  m{n}: {{ to: {{ visitor: v }}, text: '{text}{n}' }}\n"))
        ));
    }),
    ("template-condition-fuel", |f| {
        f.file("a.csv", format!("visitor_id\n{}", each(100_000, |n| format!("v{n}\n"))));
        f.project("audiences: { a: { file: a.csv } }\nmessages: { m: { to: { audience: a, where: 'range(9999)|sum > 3' }, text: t } }\n");
    }),
    ("template-long-condition", |f| {
        f.file("a.csv", format!("visitor_id,c\n{}", each(100_000, |n| format!("v{n},c\n"))));
        let condition = "c == 1 or ".repeat(450) + "true";
        f.project(format!("audiences: {{ a: {{ file: a.csv }} }}\nmessages: {{ m: {{ to: {{ audience: a, where: '{condition}' }}, text: t }} }}\n"));
    }),
    ("template-filters-of-each-row", |f| {
        let long = "x".repeat(60_000);
        f.file("a.csv", format!("visitor_id\n{}", each(100_000, |n| format!("v{n}\n"))));
        f.project(format!("vars: {{ long: {long} }}\naudiences: {{ a: {{ file: a.csv }} }}\nmessages: {{ m: {{ to: a, text: '{{% for i in range(60) %}}{{{{ long|upper|length }}}}{{% endfor %}}' }} }}\n"));
    }),
    ("template-sorts-of-each-row", |f| {
        let long = "b a ".repeat(400);
        f.file("a.csv", format!("visitor_id\n{}", each(100_000, |n| format!("v{n}\n"))));
        f.project(format!("vars: {{ long: '{long}' }}\naudiences: {{ a: {{ file: a.csv }} }}\nmessages: {{ m: {{ to: a, text: '{{% for i in range(100) %}}{{{{ long|split|sort|unique|length }}}}{{% endfor %}}' }} }}\n"));
    }),
    ("template-replaces-of-each-row", |f| {
        let long = "a".repeat(30_000);
        f.file("a.csv", format!("visitor_id\n{}", each(100_000, |n| format!("v{n}\n"))));
        f.project(format!("vars: {{ long: '{long}' }}\naudiences: {{ a: {{ file: a.csv }} }}\nmessages: {{ m: {{ to: a, text: '{{% for i in range(100) %}}{{{{ long|replace(\"a\", \"b\")|length }}}}{{% endfor %}}' }} }}\n"));
    }),
    ("template-in-of-each-row", |f| {
        let items = "a,".repeat(1_500);
        f.file("a.csv", format!("visitor_id\n{}", each(100_000, |n| format!("v{n}\n"))));
        f.project(format!("vars: {{ items: [{items}] }}\naudiences: {{ a: {{ file: a.csv }} }}\nmessages: {{ m: {{ to: a, text: '{{% for i in range(80) %}}{{{{ i in items }}}}{{% endfor %}}' }} }}\n"));
    }),
    ("template-in-long-text", |f| {
        let long = "a".repeat(60_000);
        let needle = "a".repeat(30_000);
        f.file("a.csv", format!("visitor_id\n{}", each(100_000, |n| format!("v{n}\n"))));
        f.project(format!("vars: {{ long: {long}, needle: {needle}b }}\naudiences: {{ a: {{ file: a.csv }} }}\nmessages: {{ m: {{ to: a, text: '{{% set l = long %}}{{% set n = needle %}}{{% for i in range(9000) %}}{{{{ n in l }}}}{{% endfor %}}' }} }}\n"));
    }),
    ("template-compares-long-texts", |f| {
        let long = "a".repeat(60_000);
        f.file("a.csv", format!("visitor_id\n{}", each(100_000, |n| format!("v{n}\n"))));
        f.project(format!("vars: {{ long: {long}, other: {long} }}\naudiences: {{ a: {{ file: a.csv }} }}\nmessages: {{ m: {{ to: a, text: '{{% set l = long %}}{{% set o = other %}}{{% for i in range(9000) %}}{{% if l != o %}}x{{% endif %}}{{% endfor %}}t' }} }}\n"));
    }),
    ("template-compares-long-lists", |f| {
        let items = "a,".repeat(1_900);
        f.file("a.csv", format!("visitor_id\n{}", each(20_000, |n| format!("v{n}\n"))));
        f.project(format!("vars: {{ l: [{items}], o: [{items}] }}\naudiences: {{ a: {{ file: a.csv }} }}\nmessages: {{ m: {{ to: a, text: '{{% set x = l %}}{{% set y = o %}}{{% for i in range(9000) %}}{{% if x != y %}}x{{% endif %}}{{% endfor %}}t' }} }}\n"));
    }),
    ("template-joins-in-a-loop", |f| {
        let long = "a".repeat(60_000);
        f.file("a.csv", format!("visitor_id\n{}", each(20_000, |n| format!("v{n}\n"))));
        f.project(format!("vars: {{ long: {long} }}\naudiences: {{ a: {{ file: a.csv }} }}\nmessages: {{ m: {{ to: a, text: '{{% set x = long %}}{{% for i in range(9000) %}}{{% set y = x ~ x ~ x ~ x %}}{{% endfor %}}t' }} }}\n"));
    }),
    ("template-shows-long-texts", |f| {
        let long = "a".repeat(60_000);
        f.file("a.csv", format!("visitor_id\n{}", each(100_000, |n| format!("v{n}\n"))));
        f.project(format!("vars: {{ long: {long} }}\naudiences: {{ a: {{ file: a.csv }} }}\nmessages: {{ m: {{ to: a, text: '{}' }} }}\n", "{{ long }}".repeat(16)));
    }),
    ("template-one-text-for-each-row", |f| {
        rows(f, 100_000, &format!("{{{{ 1 }}}}{}", "x".repeat(60_000)))
    }),
    ("template-medium-text-for-each-row", |f| {
        rows(f, 100_000, &format!("{{{{ 1 }}}}{}", "x".repeat(6_000)))
    }),
    ("template-text-of-the-row", |f| {
        f.file(
            "a.csv",
            format!("visitor_id,a\n{}", each(150, |n| format!("v{n},{}\n", "x".repeat(60_000)))),
        );
        let messages = each(1_000, |n| format!("  m{n}: {{ to: a, text: '{{{{ a }}}}{n}' }}\n"));
        f.project(format!("audiences: {{ a: {{ file: a.csv }} }}\nmessages:\n{messages}"));
    }),
    ("template-long-literal-for-many", |f| {
        f.file("a.csv", format!("visitor_id\n{}", each(300_000, |n| format!("v{n}\n"))));
        f.project(format!("audiences: {{ a: {{ file: a.csv }} }}\nmessages: {{ m: {{ to: a, text: {} }}, n: {{ to: a, text: '{{{{ 1 }}}}' }} }}\n", "x".repeat(5_000_000)));
    }),
    ("template-huge", |f| texts(f, &format!("{{{{ 1 }}}}{}", "x".repeat(9_000_000)))),
    ("template-many-huge", |f| {
        let text = "{{ 1 }}".to_owned() + &"{{ v }}".repeat(999) + &"x".repeat(50_000);
        let messages =
            each(160, |n| format!("  m{n}: {{ to: {{ visitor: v }}, text: '{text}{n}' }}\n"));
        f.project(format!("vars: {{ v: w }}\nmessages:\n{messages}"));
    }),
    ("template-many-small", |f| {
        let messages = each(120_000, |n| {
            format!("  m{n}: {{ to: {{ visitor: v }}, text: '{{{{ v }}}}{n}' }}\n")
        });
        f.project(format!("vars: {{ v: w }}\nmessages:\n{messages}"));
    }),
    ("template-many-names", |f| {
        let names = each(400, |n| format!("{{% set a{} = a{n} %}}", n + 1));
        let reversed = each(400, |n| format!("{{% set b{} = b{} %}}", 400 - n, 399 - n));
        let messages = each(400, |n| {
            format!(
                "  m{n}: {{ to: {{ visitor: v }}, text: '{{% set b0 = 1 ~ 2 %}}{names}{reversed}{n}' }}\n"
            )
        });
        f.project(format!("vars: {{ a0: w }}\nmessages:\n{messages}"));
    }),
    ("template-many-brackets", |f| {
        let text = format!("{{{{ {} }}}}", "(1)+".repeat(490) + "(1)");
        let messages =
            each(3_000, |n| format!("  m{n}: {{ to: {{ visitor: v }}, text: '{text}{n}' }}\n"));
        f.project(format!("messages:\n{messages}"));
    }),
    ("template-nested-brackets", |f| {
        let text = format!("{{{{ {}1{} }}}}", "(".repeat(140), ")*1".repeat(140));
        let messages =
            each(9_000, |n| format!("  m{n}: {{ to: {{ visitor: v }}, text: '{text}{n}' }}\n"));
        f.project(format!("messages:\n{messages}"));
    }),
    ("template-many-lists", |f| {
        let text = format!(
            "{{{{ {} }}}}",
            "[1]|join ~ ".repeat(8) + &"[1,".repeat(100) + &"]".repeat(100)
        );
        let messages =
            each(12_000, |n| format!("  m{n}: {{ to: {{ visitor: v }}, text: '{text}{n}' }}\n"));
        f.project(format!("messages:\n{messages}"));
    }),
    ("template-open", |f| {
        let messages = each(150, |n| {
            format!("  m{n}: {{ to: {{ visitor: v }}, text: '{}{n}' }}\n", "{{".repeat(30_000))
        });
        f.project(format!("messages:\n{messages}"));
    }),
    ("template-open-comments", |f| texts(f, &"{# ".repeat(3_000_000))),
    ("template-errors-in-one-text", |f| {
        f.file("a.csv", format!("visitor_id\n{}", each(500_000, |n| format!("v{n}\n"))));
        f.project("audiences: { a: { file: a.csv } }\nmessages: { m: { to: a, text: '{{ \"a\"|int }}' } }\n");
    }),
    ("template-errors-in-long-file", |f| {
        f.file("a.csv", format!("visitor_id\n{}", each(20, |n| format!("v{n}\n"))));
        let messages = each(8_000, |n| {
            format!("  m{n}: {{ to: a, text: '{{{{ \"a\"|int }}}}{}' }}\n", "x".repeat(1_000))
        });
        f.project(format!("audiences: {{ a: {{ file: a.csv }} }}\nmessages:\n{messages}"));
    }),
    ("template-errors-in-one-line", |f| {
        f.file("a.csv", format!("visitor_id\n{}", each(20, |n| format!("v{n}\n"))));
        let messages = each(20_000, |n| format!("m{n}: {{ to: a, text: '{{{{ nobody }}}}' }}, "));
        f.project(format!("audiences: {{ a: {{ file: a.csv }} }}\nmessages: {{ {messages} }}\n"));
    }),
    ("template-folded-errors", |f| {
        let text = "      {{ 1 }} and words\n".repeat(999);
        let messages = each(350, |n| {
            format!(
                "  m{n}:\n    to: {{ visitor: v }}\n    text: >\n{text}      {{{{ nobody{n} }}}}\n"
            )
        });
        f.project(format!("messages:\n{messages}"));
    }),
    ("template-enumerates-many-columns", |f| {
        let columns = each(10_000, |n| format!(",c{n}"));
        f.file(
            "a.csv",
            format!(
                "visitor_id{columns}\n{}",
                each(500, |n| format!("v{n}{}\n", ",".repeat(10_000)))
            ),
        );
        f.project("audiences: { a: { file: a.csv } }\nmessages: { m: { to: a, text: '{{ nobody }}' }, n: { to: a, text: '{{ c9999 }}' } }\n");
    }),
    ("template-large-vars-of-each-row", |f| {
        let items = "a,".repeat(4_000_000);
        f.file("a.csv", format!("visitor_id\n{}", each(50_000, |n| format!("v{n}\n"))));
        f.project(format!("vars: {{ items: [{items}] }}\naudiences: {{ a: {{ file: a.csv }} }}\nmessages: {{ m: {{ to: a, text: '{{{{ items }}}}' }} }}\n"));
    }),
    ("template-twins", |f| {
        f.file("a.csv", format!("visitor_id\n{}", each(400_000, |n| format!("v{n}\n"))));
        f.project("audiences: { a: { file: a.csv } }\nmessages: { m: { to: a, text: '{{ 1 }}' }, n: { to: a, text: '{{ 1 }}' } }\n");
    }),
    ("template-twins-of-each-pair", |f| {
        f.file("a.csv", format!("visitor_id\n{}", each(1_000, |n| format!("v{n}\n"))));
        let messages = each(800, |n| format!("  m{n}: {{ to: a, text: '{{{{ 1 }}}}' }}\n"));
        f.project(format!("audiences: {{ a: {{ file: a.csv }} }}\nmessages:\n{messages}"));
    }),
];

fn rows(f: &Folder, count: usize, text: &str) {
    f.file("a.csv", format!("visitor_id\n{}", each(count, |n| format!("v{n}\n"))));
    f.project(format!(
        "audiences: {{ a: {{ file: a.csv }} }}\nmessages: {{ m: {{ to: a, text: '{text}' }} }}\n"
    ));
}

fn texts(f: &Folder, text: &str) {
    f.project(format!("messages: {{ m: {{ to: {{ visitor: v }}, text: '{text}' }} }}\n"));
}
