//! `pushsync run`: what begins a cycle, what it does, and that nothing but a signal ends it.

use std::{
    fs,
    io::Write as _,
    os::unix::fs::PermissionsExt as _,
    process::Command,
    time::{Duration, SystemTime},
};

use tempfile::TempDir;

use crate::{
    ignored_signals::is_ignored,
    support::{ADA, Answer, BEN, Fake, Project, Running, Sandbox, Waiting, run_as, until},
};

/// One that begins a cycle every second.
fn run(project: &Project, sandbox: &Sandbox, args: &str) -> Running {
    project.with(sandbox, &format!("run --every 1s -v {args}")).start()
}

/// A message to both.
fn team(text: &str) -> Project {
    let project = Project::empty();
    project.rewrite(&format!("messages:\n  note: {{ from: support, to: team, text: {text} }}"));
    project
}

/// Ends it in good order.
fn end(running: Running) -> String {
    running.signal("TERM");
    running.exits(0).warns(&["stopped in good order"]).err
}

#[test]
fn changes_of_the_folder_reach_the_visitors_and_a_signal_ends_it_with_0() {
    for signal in ["TERM", "INT"] {
        let (project, sandbox) = (team("one"), Sandbox::start());
        let running = run(&project, &sandbox, "");
        until("it is sent", || sandbox.there().len() == 2);
        project.rewrite("messages:\n  note: { from: support, to: team, text: two }");
        let all = |text: &'static str| sandbox.there().iter().all(|(_, _, there)| there == text);
        until("it is updated", || all("two"));
        project.rewrite("messages:\n  note: { from: support, to: ada, text: two }");
        until("one has left", || sandbox.there().len() == 1);
        running.signal(signal);
        running.exits(0).warns(&["start: all is as it should be, 2 changes applied", "stopped"]);
        assert_eq!(sandbox.created().len(), 2, "none was sent twice");
        project.is_settled();
    }
}

#[test]
fn an_interval_without_a_length_is_refused() {
    let ran = team("one").run("run --sandbox --every 0s").exits(1);
    ran.warns(&["invalid value '0s' for '--every <D>': the shortest is 1s"]);
}

#[test]
fn a_hangup_begins_a_cycle_at_once_and_ends_nothing() {
    if is_ignored(1) {
        return;
    }
    let (project, sandbox) = (team("one"), Sandbox::start());
    let running = project.with(&sandbox, "run --every 1h -v").start();
    running.until_it_says("start: all is as it should be");
    running.signal("HUP");
    running.until_it_says("hangup: all is as it should be");
    end(running);
}

#[test]
fn a_second_signal_ends_it_at_once_and_what_was_under_way_is_unknown() {
    let (project, sandbox) = (Project::many(5), Sandbox::with("--latency 30s"));
    let running = run(&project, &sandbox, "");
    until("a request is under way", || !sandbox.created().is_empty());
    running.signal("TERM");
    std::thread::sleep(Duration::from_millis(400));
    running.signal("TERM");
    running.exits(3);
    let planned = project.planned("");
    let unknown = planned.iter().filter(|(action, ..)| action == "unknown").count();
    assert_eq!(unknown, sandbox.created().len());
}

#[test]
fn nothing_that_it_finds_ends_it_and_each_problem_is_told_once() {
    let (project, sandbox) = (team("one"), Sandbox::start());
    let running = run(&project, &sandbox, "");
    until("it is sent", || sandbox.there().len() == 2);
    for (broken, told) in [
        ("messages: [", "unclosed-bracket"),
        ("messages: { note: { from: nobody, to: team, text: x } }", "nobody"),
        // A manifest that wants nothing.
        ("messages: {}", "state has 2 deliveries"),
        ("messages: { note: { from: support, to: team, text: '{{ nothing }}' } }", "nothing"),
    ] {
        project.rewrite(broken);
        running.until_it_says(told);
        // Another try, and another.
        let tries = || running.err_so_far().matches("retry: ").count();
        let before = tries();
        until("it is tried again", || tries() > before);
        let errors = || {
            let err = running.err_so_far();
            err.matches("error[").count() + err.matches("error:").count()
        };
        let times = errors();
        let before = tries();
        until("it is tried once more", || tries() > before);
        assert_eq!(errors(), times, "{broken}:\n{}", running.err_so_far());
        project.rewrite("messages:\n  note: { from: support, to: team, text: one }");
        let good = || running.err_so_far().trim_end().lines().last().map(str::to_owned);
        until("all is well", || good().is_some_and(|line| line.contains("all is as it should be")));
    }
    assert_eq!(sandbox.total(), 2, "nothing was sent meanwhile");
    end(running);
}

#[test]
fn a_refused_key_and_an_api_that_is_away_end_nothing_and_work_goes_on_afterwards() {
    let (project, sandbox) = (team("one"), Sandbox::start());
    // No key yet.
    let running = project
        .run("run --every 1s -v")
        .env("BREVO_BASE_URL", sandbox.base_url())
        .env("BREVO_API_KEY_FILE", project.join("key"))
        .start();
    running.until_it_says("the API cannot be used");
    project.file("key", "any\n");
    until("it is sent", || sandbox.there().len() == 2);
    drop(sandbox);
    project.rewrite("messages:\n  note: { from: support, to: team, text: two }");
    running.until_it_says("no connection");
    end(running);
}

#[test]
fn an_outage_leaves_few_creates_unknown_however_many_cycles_it_lasts() {
    let (project, sandbox) = (Project::many(60), Sandbox::with("--fail 1"));
    let running = run(&project, &sandbox, "--concurrency 1");
    until("some cycles", || running.err_so_far().matches("the API is out").count() >= 2);
    end(running);
    assert_eq!(sandbox.created().len(), sandbox.there().len());
    let planned = project.planned("");
    let unknown = planned.iter().filter(|(action, ..)| action == "unknown").count();
    assert!(unknown <= 5, "{unknown} are unknown");
}

#[test]
fn a_process_that_starts_again_in_an_outage_loses_single_creates_and_not_five() {
    let project = Project::many(60);
    let data = format!("--data {}", project.join("sandbox.jsonl").display());
    // It answers the question, and no create.
    let out = format!("{data} --fault bad-gateway --after 1");
    let mut sandbox = Sandbox::with(&out);
    let mut unknown = Vec::new();
    for _ in 0..4 {
        sandbox = sandbox.again(&out);
        let running = run(&project, &sandbox, "--concurrency 1");
        running.until_it_says("the API is out");
        end(running);
        let planned = project.planned("");
        unknown.push(planned.iter().filter(|(action, ..)| action == "unknown").count());
    }
    assert_eq!(unknown, [5, 6, 7, 8]);
    // The next one is tried alone, and it leads back to the others.
    let sandbox = sandbox.again(&data);
    let running = run(&project, &sandbox, "--concurrency 1");
    until("the others are sent", || sandbox.there().len() == 60 - 8);
    let err = end(running);
    assert!(err.contains("1 change applied, 2 requests"), "{err}");
}

#[test]
fn after_an_outage_single_creates_lead_back_to_all_of_them() {
    let project = Project::many(20);
    let data = format!("--data {}", project.join("sandbox.jsonl").display());
    let sandbox = Sandbox::with(&format!("{data} --fault bad-gateway --after 3"));
    let running = run(&project, &sandbox, "--concurrency 1");
    running.until_it_says("the API is out");
    let sandbox = sandbox.again(&data);
    until("the others are sent", || sandbox.there().len() == 20 - 5);
    let err = end(running);
    // A question, and the first of them alone.
    assert!(err.contains("1 change applied, 2 requests"), "{err}");
    assert_eq!(sandbox.created().len(), 15);
}

#[test]
fn a_delivery_that_may_be_sent_again_is_sent_again_seldom_while_all_answers_are_lost() {
    let project = Project::empty();
    project.rewrite("messages:\n  note: { from: support, to: ada, text: x, on_unknown: resend }");
    let sandbox = Sandbox::with("--drop-replies 1");
    let running = run(&project, &sandbox, "");
    running.until_it_says("start: the API is out");
    // Whatever begins other cycles meanwhile.
    for n in 0..4 {
        let before = running.err_so_far().lines().count();
        project.file("messages/other.yaml", format!("# {n}\n"));
        until("another cycle", || running.err_so_far().lines().count() > before);
        running.signal("HUP");
    }
    end(running);
    assert!(sandbox.created().len() <= 2, "{} copies", sandbox.created().len());
}

#[test]
fn a_restart_makes_no_pause_shorter_before_a_delivery_is_sent_again() {
    let project =
        Project::new("messages:\n  note: { from: support, to: ada, text: x, on_unknown: resend }");
    // It has the effect of a create, and does not say so.
    let fake = Fake::start(|_, asked| match asked.line.starts_with("POST") {
        true => Answer::json(502, "{}"),
        false => Answer::json(404, r#"{"code":"document_not_found","message":"no"}"#),
    });
    let sent = || fake.asked().iter().filter(|asked| asked.line.starts_with("POST")).count();
    let start = || {
        let run = project.run("run --every 1s -v").env("BREVO_BASE_URL", fake.base_url());
        run.env("BREVO_API_KEY", "any").start()
    };
    let running = start();
    until("it is sent", || sent() == 1);
    end(running);
    let running = start();
    until("it is sent again after five seconds", || sent() == 2);
    end(running);
    for _ in 0..3 {
        let running = start();
        running.until_it_says("start: ");
        end(running);
    }
    assert_eq!(sent(), 2, "the next pause has twenty seconds");
    project.run("state list --format json").ok().says(&["unknown"]);
}

#[test]
fn a_question_that_was_cut_short_after_an_outage_is_no_answer() {
    let (project, sandbox) = (Project::many(15), Sandbox::with("--drop-replies 1"));
    let running = run(&project, &sandbox, "");
    running.until_it_says("the API is out");
    let created = sandbox.created().len();
    for n in 0..3 {
        let asked = sandbox.counts()[1];
        until("the API is asked", || sandbox.counts()[1] > asked);
        project.file("messages/other.yaml", format!("# {n}\n"));
    }
    let err = end(running);
    assert!(!err.contains("the API answers"), "{err}");
    assert_eq!(sandbox.created().len(), created);
}

#[test]
fn only_what_somebody_has_agreed_to_is_carried_out_with_approved() {
    let (project, sandbox) = (team("one"), Sandbox::start());
    let running = run(&project, &sandbox, "--approved");
    running.until_it_says("every: all that can be done is done, 2 not approved");
    assert_eq!(sandbox.total(), 0);
    let running = {
        end(running);
        // Agreed to, and too large for the budget of this run.
        project.with(&sandbox, "apply --yes --max-requests 0").exits(3);
        run(&project, &sandbox, "--approved")
    };
    until("it is sent", || sandbox.there().len() == 2);
    // What is committed later is not agreed to.
    project.rewrite("messages:\n  note: { from: support, to: team, text: two }");
    running.until_it_says("2 not approved");
    assert!(sandbox.there().iter().all(|(_, _, text)| text == "one"));
    end(running);
    assert_eq!(sandbox.total(), 2);
}

#[test]
fn a_checkout_that_lags_behind_ends_no_approval_of_a_newer_commit() {
    let (project, sandbox) = (team("one"), Sandbox::start());
    project.apply(&sandbox);
    let running = run(&project, &sandbox, "--approved");
    running.until_it_says("every: all is as it should be");
    // A job approves the next commit in a checkout of its own, and its budget is spent.
    let job = team("two");
    let state = project.join("state").display().to_string();
    job.with(&sandbox, "apply --yes --max-requests 0 --lock-timeout 60s")
        .env("PUSHSYNC_STATE", state)
        .exits(3);
    running.until_it_says("warning: a command has applied other files (run");
    running.until_it_says("every: the files here may be outdated");
    // Now the commit comes.
    project.rewrite("messages:\n  note: { from: support, to: team, text: two }");
    until("it is sent", || sandbox.there().iter().all(|(_, _, text)| text == "two"));
    end(running);
}

#[test]
fn a_window_opens_and_closes_at_its_instants() {
    let (project, sandbox) = (Project::empty(), Sandbox::start());
    let now = jiff::Timestamp::try_from(SystemTime::now()).expect("in range");
    let soon = now + Duration::from_secs(4);
    let later = soon + Duration::from_secs(4);
    project.rewrite(&format!(
        "messages:\n  note: {{ from: support, to: team, text: x, active: {{ from: {soon:.0}, until: {later:.0} }} }}"
    ));
    // Neither the interval nor a file begins these cycles.
    let running = project.with(&sandbox, "run --every 1h -v").start();
    running.until_it_says("start: all is as it should be");
    assert_eq!(sandbox.total(), 0);
    running.until_it_says("window: all is as it should be, 2 changes applied");
    assert_eq!(sandbox.there().len(), 2);
    until("it closes", || sandbox.there().is_empty());
    let err = end(running);
    assert_eq!(err.matches("window: ").count(), 2, "{err}");
}

#[test]
fn it_waits_for_the_budget_without_the_lock_and_goes_on_when_it_is_reset() {
    let (project, sandbox) = (Project::many(25), Sandbox::with("--limit 10/4s"));
    let running = project.with(&sandbox, "run --every 1h -v").start();
    running.until_it_says("work is left, 10 changes applied, 10 requests, 15 changes left");
    // It sleeps, and the state is free.
    project.run("state list").ok();
    until("all are sent", || sandbox.there().len() == 25);
    let err = end(running);
    assert_eq!(err.matches("budget: ").count(), 2, "{err}");
    assert_eq!(sandbox.answered("429"), 0, "no request was refused");
    assert_eq!(sandbox.created().len(), 25);
}

#[test]
fn the_bounds_of_apply_hold_for_each_cycle() {
    let (project, sandbox) = (Project::many(5), Sandbox::start());
    let running = run(&project, &sandbox, "--max-requests 2");
    until("all are sent", || sandbox.there().len() == 5);
    let err = end(running);
    assert_eq!(err.matches("2 changes applied, 2 requests").count(), 2, "{err}");
}

#[test]
fn what_is_left_of_the_budget_finds_drift_and_the_next_cycle_mends_it() {
    let (project, sandbox) = (team("one"), Sandbox::with("--limit 100/h"));
    project.apply(&sandbox);
    let (kind, id) = ("pushed", sandbox.created()[0]["id"].as_str().expect("an id").to_owned());
    sandbox.alter(kind, &id, "somebody else's");
    // What was verified within the hour is not asked about again.
    let running = project
        .with(&sandbox, "run --every 1h -v --refresh-share 50%")
        .env("PUSHSYNC_CLOCK_AHEAD", "3700")
        .start();
    running.until_it_says("drift: all is as it should be, 1 change applied");
    sandbox.holds(&[(ADA, "one"), (BEN, "one")]);
    end(running);
    assert_eq!(sandbox.counts()[1], 2, "each delivery was asked about once");
}

#[test]
fn what_a_cycle_verifies_counts_for_its_bound_of_requests() {
    let (project, sandbox) = (team("one"), Sandbox::with("--limit 100/h"));
    project.apply(&sandbox);
    project
        .file("messages/more.yaml", "messages:\n  more: { from: support, to: ada, text: new }\n");
    let running = project
        .with(&sandbox, "run --every 1h -v --refresh-share 50% --max-requests 2")
        .env("PUSHSYNC_CLOCK_AHEAD", "3700")
        .start();
    running
        .until_it_says("start: all is as it should be, 1 change applied, 1 verified, 2 requests");
    end(running);
    assert_eq!(sandbox.total(), 4);
}

#[test]
fn the_share_for_verifying_is_never_exceeded() {
    let (project, sandbox) = (Project::many(30), Sandbox::with("--limit 100/h"));
    project.apply(&sandbox);
    let running = project
        .with(&sandbox, "run --every 1s -v --refresh-share 10%")
        .env("PUSHSYNC_CLOCK_AHEAD", "3700")
        .start();
    until("some cycles", || running.err_so_far().matches("every: ").count() >= 4);
    end(running);
    assert_eq!(sandbox.counts()[1], 10);
}

#[test]
fn a_state_that_is_gone_or_another_one_sends_nothing_again() {
    let (project, sandbox) = (team("one"), Sandbox::start());
    let running = run(&project, &sandbox, "");
    until("it is sent", || sandbox.there().len() == 2);
    running.until_it_says("every: all is as it should be");
    // Neither the file that names it nor the state is there any more.
    fs::rename(project.join("state"), project.join("away")).expect("renamed");
    fs::remove_file(project.join("pushsync.lock")).expect("removed");
    running.until_it_says("is not the one that this process has worked on");
    fs::rename(project.join("away"), project.join("state")).expect("renamed");
    let good = || running.err_so_far().trim_end().ends_with("(every)");
    until("it goes on", good);
    end(running);
    assert_eq!(sandbox.created().len(), 2);
}

#[test]
fn a_new_state_that_no_file_can_name_sends_nothing_until_its_line_is_committed() {
    let (project, sandbox) = (team("one"), Sandbox::start());
    // The folder cannot be written: by root neither, without the right to write everywhere.
    let setpriv = || Command::new("setpriv");
    if setpriv().arg("--version").output().is_err() {
        let _ = writeln!(std::io::stderr(), "left out: there is no setpriv");
        return;
    }
    let state = TempDir::new().expect("a temporary folder");
    let writes = |mode| {
        fs::set_permissions(project.path(), fs::Permissions::from_mode(mode)).expect("changed");
    };
    writes(0o555);
    let args = [
        "--bounding-set=-dac_override",
        env!("CARGO_BIN_EXE_pushsync"),
        "run",
        "--every",
        "1s",
        "--state",
        state.path().to_str().expect("UTF-8"),
    ];
    let running = run_as(setpriv(), project.path(), args)
        .env("BREVO_BASE_URL", sandbox.base_url())
        .env("BREVO_API_KEY", "any")
        .start();
    running.until_it_says("Commit a file pushsync.lock with this line: ");
    let err = running.err_so_far();
    let (_, line) = err.split_once("with this line: ").expect("it says which line");
    let line = line.lines().next().expect("a line");
    assert_eq!(sandbox.total(), 0);
    writes(0o755);
    project.file("pushsync.lock", line);
    writes(0o555);
    until("it is sent", || sandbox.there().len() == 2);
    end(running);
    writes(0o755);
}

#[test]
fn every_line_of_its_log_is_an_object_with_its_time_level_and_event() {
    let (project, sandbox) = (team("one"), Sandbox::start());
    let running = project.with(&sandbox, "run --every 1s -v --log-format json").start();
    until("it is sent", || sandbox.there().len() == 2);
    project.rewrite("messages: [");
    running.until_it_says("unclosed");
    let mut cycles = 0;
    running.signal("TERM");
    let ran = running.exits(0);
    assert_eq!(ran.out, "");
    for line in ran.err.lines() {
        let line: serde_json::Value = serde_json::from_str(line).expect(line);
        for field in ["timestamp", "level", "event"] {
            assert!(line[field].is_string(), "{line}");
        }
        cycles += usize::from(line["event"] == "cycle");
    }
    assert!(cycles >= 2, "{}", ran.err);
    ran.never_says(&[ADA, BEN]);
}
