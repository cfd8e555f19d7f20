//! Texts and files that mean harm, or are merely odd.

use crate::support::{ADA, Project, Sandbox};

const HOSTILE: &str = "\\e[31mred\\e]0;title\\a \\u202Ereversed\\u2066 \\x9b bell\\x07 \\u200b";

fn raw(text: &str) -> bool {
    text.contains(['\u{1b}', '\u{7}', '\u{9b}', '\u{202e}', '\u{2066}', '\u{200b}', '\r'])
}

#[test]
fn control_characters_of_a_text_never_reach_the_terminal_raw() {
    let sandbox = Sandbox::start();
    let project = Project::new(&format!(
        "messages: {{ note: {{ from: {{ group: \"g\\e[1m\" }}, to: ada, text: \"{HOSTILE}\" }} }}"
    ));
    let first = project.run("validate").wait();
    if first.status != 0 {
        // Then it is refused, without showing it.
        assert!(!raw(&first.out) && !raw(&first.err));
        project.rewrite(&format!(
            "messages: {{ note: {{ from: support, to: ada, text: \"{HOSTILE}\" }} }}"
        ));
    }
    let mut outputs = vec![
        project.run("validate").wait(),
        project.run("validate --format github").wait(),
        project.run("show note").wait(),
        project.run("plan").wait(),
        project.run("plan --color never").wait(),
        project.run("plan --format markdown").wait(),
        project.run("plan --format html").wait(),
        project.run("plan --format github").wait(),
        project.run("validate --format sarif").wait(),
        project.with(&sandbox, "apply --yes -v").wait(),
    ];
    if outputs[0].status == 0 {
        sandbox.alter("pushed", &sandbox.only_id(), "theirs \u{1b}[2J \u{202e}");
        outputs.push(project.with(&sandbox, "refresh").ok());
        outputs.push(project.run("plan").ok());
        outputs.push(project.run(&format!("state show note@{ADA}")).ok());
        outputs.push(project.run("state list").ok());
        outputs.push(project.run("state history").ok());
        outputs.push(project.run("plan --format json").ok());
        outputs.push(project.run("show note --format json").ok());
    }
    for ran in &outputs {
        let text = format!("{}{}", ran.out, ran.err);
        assert!(!raw(&text), "{text:?}");
    }
}

#[test]
fn names_of_files_and_environment_are_data_too() {
    let project = Project::note("hi");
    for args in
        ["plan --env \u{1b}[31mx", "plan --state \u{1b}[31m/\u{1}x", "show x --visitor \u{1b}[31m"]
    {
        let ran = project.run(args).wait();
        assert!(!raw(&ran.out) && !raw(&ran.err), "{args:?}: {ran:?}");
    }
    project.file("messages/\u{1b}[31m.yaml", "messages: { note: { colour: red } }");
    let ran = project.run("validate").exits(1);
    assert!(!raw(&ran.out), "{:?}", ran.out);
    let ran = project.run("validate --format github").exits(1);
    assert!(!raw(&ran.out), "{:?}", ran.out);
}

#[test]
fn a_huge_text_is_sent_whole_and_shown_in_part() {
    let sandbox = Sandbox::start();
    let project = Project::empty();
    let lines: String = (0..20_000).map(|n| format!("      line {n} of a long text\n")).collect();
    project.settings(
        "",
        &format!("messages:\n  note:\n    from: support\n    to: ada\n    text: |\n{lines}"),
    );
    let plan = project.run("plan").ok();
    assert!(plan.out.lines().count() < 40, "{}", plan.out.lines().count());
    plan.says(&["more lines"]).warns(&["text-too-long"]);
    project.apply(&sandbox);
    let (_, _, text) = &sandbox.there()[0];
    assert_eq!(text.lines().count(), 20_000);
    project.settings(
        "",
        &format!(
            "messages:\n  note:\n    from: support\n    to: ada\n    text: |\n{}",
            lines.replace("line 9999 ", "row 9999 ")
        ),
    );
    let plan = project.run("plan").ok().says(&["[-line-]{+row+} 9999"]);
    assert!(plan.out.lines().count() < 40, "{}", plan.out);
}

#[test]
fn files_from_another_system_mean_the_same() {
    let sandbox = Sandbox::start();
    let project = Project::note("x");
    let unix = "messages:\n  note:\n    from: support\n    to: list\n    text: |\n      one {{ name }}\n      two\n";
    let table = format!("visitor_id,name\n{ADA},Ada\n");
    project.rewrite("");
    project.file("messages/note.yaml", unix);
    project.file("messages/list.yaml", "audiences: { list: { file: ../list.csv } }");
    project.file("list.csv", &table);
    project.apply(&sandbox);
    sandbox.holds(&[(ADA, "one Ada\ntwo")]);
    let windows = |text: &str| format!("\u{feff}{}", text.replace('\n', "\r\n"));
    project.file("messages/note.yaml", windows(unix));
    project.file("list.csv", windows(&table));
    let yaml = windows(&project.read("pushsync.yaml"));
    project.file("pushsync.yaml", yaml);
    project.is_settled();
    // An error is still where it is.
    project.file("messages/note.yaml", windows(&unix.replace("to: list", "to: lsit")));
    project.run("validate").exits(1).says(&["note.yaml:4:9", "did you mean `list`?"]);
}

#[test]
fn a_template_that_renders_to_nothing_is_an_error_that_names_the_visitor_masked() {
    let project = Project::new(
        "messages: { note: { from: support, to: ada, text: '{% if false %}never{% endif %}' } }",
    );
    for args in ["validate", "plan", "show note", "apply --yes"] {
        let ran = project.run(args).env("BREVO_API_KEY", "x").exits(1);
        let all = format!("{}{}", ran.out, ran.err);
        assert!(all.contains("empty") && all.contains("pushsync.yaml:"), "{args}: {all}");
        assert!(!all.contains(ADA), "{args}: {all}");
    }
}

#[test]
fn a_template_error_is_where_it_is_and_stops_everything() {
    let sandbox = Sandbox::start();
    let project = Project::new(
        "messages:\n  good: { from: support, to: ada, text: hi }\n  bad:\n    from: support\n    to: team\n    text: |\n      line one\n      Hi {{ nmae }}!",
    );
    for args in ["validate", "plan", "apply --yes"] {
        let ran = project.with(&sandbox, args).exits(1);
        let all = format!("{}{}", ran.out, ran.err);
        assert!(all.contains("pushsync.yaml:18:") && all.contains("nmae"), "{args}: {all}");
    }
    assert_eq!(sandbox.total(), 0, "nothing is sent for the good one either");
}

#[test]
fn a_table_that_was_cut_off_is_told_with_its_line() {
    let project =
        Project::new("messages: { note: { from: support, to: list, text: 'Hi {{ name }}' } }\n");
    project.file("messages/list.yaml", "audiences: { list: { file: ../list.csv } }");
    project.file("list.csv", format!("visitor_id,name\n{ADA},Ada\nbenTnXc2LmRz9VbKs4\n"));
    let ran = project.run("plan").exits(1).warns(&["list.csv:3"]);
    ran.never_says(&[ADA]);
}

#[test]
fn text_that_is_white_space_is_refused_before_the_api_does() {
    let project = Project::new("messages: { note: { from: support, to: ada, text: '  ' } }");
    project.run("validate").exits(1).says(&["empty"]);
}

#[test]
fn json_on_stdout_is_complete_whatever_a_text_holds() {
    let project = Project::new(
        "messages: { note: { from: support, to: ada, text: \"a \\x9b2J b \\e[1m \\u202e ##[error]c\" } }",
    );
    let plan = project.run("plan --format json").ok();
    assert!(!raw(&plan.out) && !plan.out.contains("##["), "{}", plan.out);
    let text = "a \u{9b}2J b \u{1b}[1m \u{202e} ##[error]c";
    assert_eq!(plan.json()["changes"][0]["after"]["text"], text);
    assert_eq!(project.run("show note --format json").ok().json()["text"], text);
}
