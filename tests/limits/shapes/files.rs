//! Many files, deep folders, patterns.

use super::{Named, each};

const MESSAGE: &str = "{ to: { visitor: v }, text: t }";

pub(super) const ALL: &[Named] = &[
    ("files-20000", |f| {
        f.project("version: 1\n");
        for n in 0..20_000 {
            f.file(&format!("messages/m{n}.yaml"), format!("messages: {{ m{n}: {MESSAGE} }}\n"));
        }
    }),
    ("files-20000-with-an-error-each", |f| {
        f.project("version: 1\n");
        for n in 0..20_000 {
            f.file(&format!("messages/m{n}.yaml"), "messages: [");
        }
    }),
    ("files-20000-that-are-not-included", |f| {
        f.project("version: 1\n");
        for n in 0..20_000 {
            f.file(&format!("messages/m{n}.yml"), "");
        }
    }),
    ("files-20000-with-the-same-message", |f| {
        f.project("version: 1\n");
        for n in 0..20_000 {
            f.file(&format!("messages/m{n}.yaml"), format!("messages: {{ m: {MESSAGE} }}\n"));
        }
    }),
    ("files-many-patterns-many-files", |f| {
        f.project(format!(
            "include: [{}]\n",
            each(5_000, |n| format!("'messages/**/*{n}.yaml', "))
        ));
        for n in 0..2_000 {
            f.file(&format!("messages/m{n}.yaml"), "");
        }
    }),
    ("files-300000-patterns", |f| {
        f.project(format!("include: [{}]\n", each(300_000, |n| format!("'**/*{n}.yaml', "))));
    }),
    ("files-300000-names", |f| {
        f.project(format!("include: [{}]\n", each(300_000, |n| format!("messages/m{n}.yaml, "))));
        for n in 0..1_000 {
            f.file(&format!("messages/x{n}.yaml"), "");
        }
    }),
    ("files-one-name-300000-times", |f| {
        f.project(format!("include: [{}]\n", "a.yaml, ".repeat(300_000)));
        f.file("a.yaml", format!("messages: {{ m: {MESSAGE} }}\n"));
    }),
    ("files-stars", |f| {
        f.project(format!("include: ['{}.yaml']\n", "*a".repeat(100)));
        for n in 0..500 {
            f.file(&format!("{}{n}.yaml", "a".repeat(200)), "");
        }
    }),
    ("files-many-stars", |f| {
        f.project(format!("include: ['{}.yaml']\n", "*a".repeat(100_000)));
        f.file(&format!("{}.yaml", "a".repeat(200)), "");
    }),
    ("files-double-stars", |f| {
        f.project(format!("include: ['{}x.yaml']\n", "**/".repeat(3_000)));
        f.file(&format!("{}y.yaml", "a/".repeat(200)), "");
    }),
    ("files-braces", |f| {
        f.project(format!("include: ['{}.yaml']\n", "{a,b}".repeat(10_000)));
        f.file("aaaa.yaml", "");
    }),
    ("files-nested-braces", |f| {
        f.project(format!("include: ['{}a{}.yaml']\n", "{a,".repeat(5_000), "}".repeat(5_000)));
        f.file("aaaa.yaml", "");
    }),
    ("files-classes", |f| {
        f.project(format!("include: ['{}.yaml']\n", "[a-z\u{e0}-\u{fffd}]".repeat(2_000)));
        f.file("aaaa.yaml", "");
    }),
    ("files-long-pattern", |f| f.project(format!("include: ['{}*']\n", "a/".repeat(4_000_000)))),
    ("files-long-name", |f| f.project(format!("include: ['{}']\n", "a".repeat(9_000_000)))),
    ("files-link-to-itself", |f| {
        f.project("include: ['**/*.yaml']\n");
        f.file("messages/a.yaml", "");
        std::os::unix::fs::symlink(".", f.0.join("messages/loop")).expect("a link");
    }),
    ("files-links-that-fan-out", |f| {
        f.project("version: 1\n");
        for level in 0..30 {
            f.file(&format!("messages/d{level}/keep.txt"), "");
        }
        for level in 0..29 {
            for n in 0..2 {
                let link = f.0.join(format!("messages/d{level}/l{n}"));
                std::os::unix::fs::symlink(format!("../d{}", level + 1), link).expect("a link");
            }
        }
    }),
    ("files-links-to-one-file", |f| {
        f.project("version: 1\n");
        f.file("big.yaml", format!("vars: {{ a: {} }}\n", "x".repeat(5_000_000)));
        std::fs::create_dir_all(f.0.join("messages")).expect("a folder");
        for n in 0..10_000 {
            let link = f.0.join(format!("messages/l{n}.yaml"));
            std::os::unix::fs::symlink("../big.yaml", link).expect("a link");
        }
    }),
    ("files-deep-folders", |f| {
        f.project("version: 1\n");
        let mut deep = "messages".to_owned();
        while deep.len() < 3_500 {
            deep.push_str("/d");
        }
        f.file(&format!("{deep}/a.yaml"), "");
    }),
    ("files-hard-audience-again", |f| {
        f.file("a.csv", format!("visitor_id\n{}", each(200_000, |n| format!("visitor-{n}\n"))));
        f.project(format!(
            "audiences:\n{}",
            each(1_000, |n| format!("  a{n}: {{ file: a.csv }}\n"))
        ));
    }),
    ("files-audience-of-each-message", |f| {
        f.file("a.csv", format!("visitor_id\n{}", each(200_000, |n| format!("visitor-{n}\n"))));
        f.project(format!(
            "audiences:\n{}messages:\n{}",
            each(200, |n| format!("  a{n}: {{ file: ./a.csv }}\n")),
            each(200, |n| format!("  m{n}: {{ to: a{n}, text: t }}\n"))
        ));
    }),
    ("files-audience-is-a-device", |f| {
        f.project("audiences: { a: { file: dev } }\nmessages: { m: { to: a, text: t } }\n");
        std::os::unix::fs::symlink("/dev/zero", f.0.join("dev")).expect("a link");
    }),
    ("files-missing-audiences", |f| {
        f.project(format!(
            "audiences:\n{}",
            each(100_000, |n| format!("  a{n}: {{ file: audiences/b{n}.csv }}\n"))
        ));
        for n in 0..1_000 {
            f.file(&format!("audiences/a{n}.csv"), "");
        }
    }),
];
