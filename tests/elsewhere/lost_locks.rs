//! A run stands still, loses its lock, and goes on: it sends nothing more, and loses nothing of what it sent.

use std::{
    collections::BTreeMap,
    fs,
    path::Path,
    sync::{Arc, Mutex, mpsc},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use crate::{
    bucket::{
        self,
        proxy::{Fate, Proxy},
    },
    moving::Reaching,
    postgres,
    support::{ADA, Answer, Fake, Project, Run, many, until},
};

/// The option that names the environment of a project that has one.
fn environment_of(project: &Project) -> String {
    let yaml = project.read("pushsync.yaml");
    let name = yaml.split_once("environments: { ").and_then(|(_, rest)| rest.split(':').next());
    name.map(|name| format!("--env {name}")).unwrap_or_default()
}

/// One way in which a run can lose its lock.
pub(super) struct Loss {
    pub(super) name: &'static str,
    /// The binary, with its state there.
    pub(super) there: Box<dyn Fn(Run) -> Run>,
    /// The same for the run that takes the lock over.
    pub(super) taking_over: Box<dyn Fn(Run) -> Run>,
    pub(super) take: Box<dyn Fn(&Project)>,
    /// What the run that lost it says of it.
    told: &'static [&'static str],
}

/// All of them whose servers are here.
pub(super) fn losses() -> Vec<Loss> {
    let mut losses = Vec::new();
    if let Some(server) = bucket::server::get() {
        let place = || {
            let place = server.place();
            let url = format!("s3://{}/{}", place.bucket, place.prefix);
            let at = {
                let (place, url) = (place.clone(), url.clone());
                move |run: Run| run.env("PUSHSYNC_STATE", &url).reaching(&place)
            };
            (place, url, at)
        };
        let (_, _, at) = place();
        losses.push(Loss {
            name: "unlock --force",
            there: Box::new(at.clone()),
            taking_over: Box::new(at.clone()),
            take: Box::new(move |project| {
                let environment = environment_of(project);
                at(project.run(&format!("state unlock --force {environment}"))).ok();
            }),
            told: &["its lock was taken over by `pushsync apply`", "which has given it back"],
        });
        let (place, url, at) = place();
        // For the next run, ten minutes have passed.
        let later = Proxy::start(server.address, |_| Fate::Pass);
        later.shift_dates(600);
        let through = place.through(later.address);
        losses.push(Loss {
            name: "a lease that ran out",
            there: Box::new(at),
            taking_over: Box::new(move |run| {
                let _lives = &later;
                run.env("PUSHSYNC_STATE", &url).reaching(&through)
            }),
            take: Box::new(|_| {}),
            told: &["its lock was taken over by `pushsync ", "which has given it back"],
        });
    }
    if let Some(cluster) = postgres::cluster::shared() {
        let database = Arc::new(cluster.database());
        let url = database.url();
        let at = move |run: Run| run.env("PUSHSYNC_STATE", &url);
        losses.push(Loss {
            name: "a session that was ended",
            there: Box::new(at.clone()),
            taking_over: Box::new(at),
            take: Box::new(move |_| database.cut()),
            told: &[
                "terminating connection due to administrator command",
                "its lock ended with the connection",
                "nobody is known to hold it",
            ],
        });
    }
    losses
}

/// An API that keeps what it is told, and stops the process that sends a certain request before it answers.
pub(super) struct Api {
    fake: Fake,
    messages: Arc<Mutex<BTreeMap<String, String>>>,
    /// Stops this process at its request of this number, from 1.
    pub(super) stop: mpsc::Sender<(u32, usize)>,
}

impl Api {
    /// `refuse` answers the request that stops its sender with 429.
    pub(super) fn start(refuse: bool) -> Self {
        let messages: Arc<Mutex<BTreeMap<String, String>>> = Arc::default();
        let kept = Arc::clone(&messages);
        let (stop, told) = mpsc::channel::<(u32, usize)>();
        let due = Mutex::new(None);
        let fake = Fake::start(move |number, asked| {
            let mut due = due.lock().expect("not poisoned");
            if let Ok(next) = told.try_recv() {
                *due = Some(next);
            }
            if let Some((process, left)) = due.as_mut() {
                *left -= 1;
                if *left == 0 {
                    let process = *process;
                    let number = i32::try_from(process).expect("a number");
                    kill(Pid::from_raw(number), Signal::SIGSTOP).expect("is there");
                    *due = None;
                    // On a busy machine a part of it may run on for a while: it must not get the answer.
                    until("each of its threads stands still", || stands_still(process));
                    if refuse {
                        let headers = "content-type: application/json\r\n\
                                       x-sib-ratelimit-limit: 100\r\n\
                                       x-sib-ratelimit-remaining: 0\r\n\
                                       x-sib-ratelimit-reset: 1\r\n";
                        return Answer::Is(429, headers.into(), r#"{"code":"x"}"#.into());
                    }
                }
            }
            let mut messages = kept.lock().expect("not poisoned");
            let path = asked.line.split(' ').nth(1).unwrap_or_default();
            let id = path.rsplit('/').next().unwrap_or_default().to_owned();
            let text = || {
                let body: serde_json::Value = serde_json::from_str(&asked.body).expect("JSON");
                body["text"].as_str().expect("a text").to_owned()
            };
            let gone = || Answer::json(404, r#"{"code":"document_not_found","message":"gone"}"#);
            match asked.line.split(' ').next() {
                Some("POST") => {
                    let id = format!("message{number}");
                    messages.insert(id.clone(), text());
                    Answer::created(&id)
                }
                Some("PUT") => match messages.get_mut(&id) {
                    Some(known) => {
                        *known = text();
                        Answer::created(&id)
                    }
                    None => gone(),
                },
                Some("DELETE") => match messages.remove(&id) {
                    Some(_) => Answer::Is(204, String::new(), String::new()),
                    None => gone(),
                },
                _ => match messages.get(&id) {
                    Some(text) => Answer::json(200, &format!(r#"{{"id":"{id}","text":"{text}"}}"#)),
                    None => gone(),
                },
            }
        });
        Self { fake, messages, stop }
    }

    pub(super) fn with(&self, run: Run) -> Run {
        run.env("BREVO_BASE_URL", self.fake.base_url()).env("BREVO_API_KEY", "any")
    }

    pub(super) fn texts(&self) -> Vec<String> {
        let mut texts: Vec<_> =
            self.messages.lock().expect("not poisoned").values().cloned().collect();
        texts.sort();
        texts
    }

    /// The requests that may change something: after what may have been an outage, a copy asks a question first.
    pub(super) fn count(&self) -> usize {
        self.fake.asked().iter().filter(|asked| !asked.line.starts_with("GET")).count()
    }
}

/// Whether each thread of a process is stopped.
pub(super) fn stands_still(process: u32) -> bool {
    let is_stopped = |folder: &Path| {
        fs::read_to_string(folder.join("stat"))
            .is_ok_and(|stat| stat.rsplit(')').next().is_some_and(|rest| rest.starts_with(" T")))
    };
    fs::read_dir(format!("/proc/{process}/task"))
        .is_ok_and(|threads| threads.flatten().all(|thread| is_stopped(&thread.path())))
}

#[test]
fn a_run_that_waits_with_its_intent_written_and_loses_its_lock_sends_nothing() {
    for Loss { name, there, taking_over, take, told } in losses() {
        let (project, api) = (Project::note("hi"), Api::start(true));
        let waits = there(api.with(project.run("apply --yes"))).start();
        api.stop.send((waits.id(), 1)).expect("listens");
        until("its request is refused and it stands still", || stands_still(waits.id()));
        take(&project);
        // Somebody sees that it is unknown, and finds nothing in the chat.
        let resolve = format!("state resolve note@{ADA} --not-sent");
        taking_over(project.run(&resolve)).ok();
        taking_over(api.with(project.run("apply --yes"))).ok();
        assert_eq!((api.count(), api.texts()), (2, vec!["hi".to_owned()]), "{name}");
        // It wakes up, and waits for the end of the period.
        waits.signal("CONT");
        let ran = waits.wait();
        assert_eq!(ran.status, 1, "{name}: {}", ran.err);
        let ran = ran.warns(told).warns(&["this run sends and records nothing more", "run again"]);
        assert_eq!((api.count(), api.texts()), (2, vec!["hi".to_owned()]), "{name}: {}", ran.err);
        // What it could not record is of no more use.
        taking_over(api.with(project.run("apply --yes"))).ok();
        taking_over(project.run("plan --detailed-exitcode")).exits(0);
        assert_eq!(api.count(), 2, "{name}");
    }
}

#[test]
fn a_run_that_stood_still_in_the_middle_of_updates_and_deletes_sends_nothing_more() {
    for Loss { name, there, taking_over, take, told } in losses() {
        // Corrections come in the order of their addresses: some deletes, then some updates.
        for at in [2, 6, 9] {
            let (project, api) = (Project::many(12), Api::start(false));
            let state = format!("lost-{at}");
            let env = |run: Run| run.env("PUSHSYNC_ENV", &state);
            let environments = format!("environments: {{ {state}: {{}} }}\n");
            let write = |yaml: &str| project.rewrite(&format!("{environments}{yaml}"));
            write(&many(12, "text"));
            let base = "apply --yes --concurrency 1 --allow-deletes all";
            there(env(api.with(project.run(base)))).ok();
            let mut wanted: Vec<_> = (4..12).map(|n| format!("other {n}")).collect();
            wanted.sort();
            let kept = many(12, "other");
            let kept: Vec<_> = kept
                .lines()
                .filter(|line| !(0..4).any(|n| line.contains(&format!("m{n:02}:"))))
                .collect();
            write(&kept.join("\n"));
            let stopped = there(env(api.with(project.run(base)))).start();
            api.stop.send((stopped.id(), at)).expect("listens");
            until("it stands still", || stands_still(stopped.id()));
            take(&project);
            if name == "unlock --force" {
                there(env(project.run("state unlock --force"))).wait();
            }
            taking_over(env(api.with(project.run(base)))).ok();
            assert_eq!(api.texts(), wanted, "{name}");
            let before = api.count();
            stopped.signal("CONT");
            let ran = stopped.wait();
            assert_eq!(ran.status, 1, "{name}: {}", ran.err);
            let did = if at <= 4 { "deleted" } else { "updated" };
            // The change that was under way is told by its address, its kind and its message.
            let line = ran.err.lines().find(|line| line.contains("could not record it"));
            let line = line.unwrap_or_else(|| panic!("{name}: {}", ran.err));
            for part in ["m0", "(pushed)", "message message", did] {
                assert!(line.contains(part), "{name}: {line}");
            }
            let _ = ran.warns(told);
            assert_eq!(api.count(), before, "{name}: not one request more");
            assert_eq!(api.texts(), wanted, "{name}");
            taking_over(env(api.with(project.run("plan --detailed-exitcode")))).exits(0);
        }
    }
}

#[test]
fn an_id_that_a_run_without_its_lock_could_not_record_is_told_until_somebody_has_looked() {
    for Loss { name, there, taking_over, take, .. } in losses() {
        let (project, api) = (Project::note("hi"), Api::start(false));
        let home = tempfile::TempDir::new().expect("a folder");
        let home = |run: Run| run.env("XDG_STATE_HOME", home.path());
        let sends = home(there(api.with(project.run("apply --yes")))).start();
        api.stop.send((sends.id(), 1)).expect("listens");
        until("its answer is under way and it stands still", || stands_still(sends.id()));
        take(&project);
        // Somebody looks too early.
        taking_over(project.run(&format!("state resolve note@{ADA} --not-sent"))).ok();
        taking_over(api.with(project.run("apply --yes"))).ok();
        sends.signal("CONT");
        let ran = sends.wait();
        assert_eq!(ran.status, 1, "{name}: {}", ran.err);
        let ran = ran.warns(&["was created as message message0 (pushed)", "could not record it"]);
        assert_eq!(api.texts(), ["hi", "hi"], "{name}: {}", ran.err);
        for _ in 0..2 {
            let ran = home(taking_over(api.with(project.run("apply --yes")))).ok();
            ran.warns(&[
                "message message0 (pushed) was sent for note@",
                "the state does not have it",
            ]);
        }
        assert_eq!(api.count(), 2, "{name}");
    }
}
