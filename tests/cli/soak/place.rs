//! A server that fails and is away at times, and the process that keeps it as the project says.

use std::{net::TcpListener, path::PathBuf, thread, time::Duration};

use fastrand::Rng;
use serde_json::Value;

use super::project::{Changing, Chats};
use crate::support::{PATIENCE, Run, Running, Sandbox, ask, run, until};

/// How the server fails.
const FAULTS: &str = "--fail 0.03 --drop-replies 0.03 --latency 3ms --limit 100/5s";

/// What goes wrong with its events.
const WEBHOOK_FAULTS: &str = "--webhook-fault twice,shuffled,others";

const TOKEN: &str = "a-t0ken.of_many~letters";

/// What is measured is what the process keeps, and not what glibc does with what was freed: it gives threads areas of their
/// own, up to eight a core, and raises the size from which memory is given back. With both, the memory grows for a quarter
/// of an hour, up to what the largest cycles have needed. (The releases are built with musl, which does neither.)
const MALLOC: [(&str, &str); 2] = [("MALLOC_ARENA_MAX", "1"), ("MALLOC_MMAP_THRESHOLD_", "131072")];

pub(super) struct Place {
    name: &'static str,
    port: u16,
    /// Where the process takes events.
    webhooks: u16,
    token: PathBuf,
    project: PathBuf,
    state: PathBuf,
    data: PathBuf,
    server: Option<Sandbox>,
    /// How many changes of the project there are until the server comes back.
    away: usize,
    process: Option<Running>,
    pub(super) events: Events,
}

/// What happened to it.
#[derive(Debug, Default)]
pub(super) struct Events {
    kills: usize,
    ends: usize,
    hangups: usize,
    outages: usize,
    settled: usize,
}

impl Place {
    pub(super) fn new(name: &'static str, project: &Changing, rng: &mut Rng) -> Self {
        let mut place = Self {
            name,
            port: free_port(rng),
            webhooks: free_port(rng),
            token: project.beside(&format!("token-{name}")),
            project: project.path(),
            state: project.beside(&format!("state-{name}")),
            data: project.beside(&format!("sandbox-{name}.jsonl")),
            server: None,
            away: 0,
            process: None,
            events: Events::default(),
        };
        std::fs::write(&place.token, TOKEN).expect("a file");
        place.serve(FAULTS, rng);
        place.start();
        place
    }

    /// The server, with what it had before.
    fn serve(&mut self, faults: &str, rng: &mut Rng) {
        self.server = None;
        let data = self.data.display();
        let seed = rng.u32(..);
        let webhook =
            format!("--webhook http://127.0.0.1:{}/webhooks/brevo/{TOKEN}", self.webhooks);
        let options = format!("--data {data} {faults} {webhook} {WEBHOOK_FAULTS} --seed {seed}");
        self.server = Some(Sandbox::at(self.port, &options));
    }

    fn server(&self) -> &Sandbox {
        self.server.as_ref().expect("it is there")
    }

    /// A command on the project, with this state and this server.
    fn command(&self, args: &str) -> Run {
        run(self.project.parent().expect("a folder"), args.split_whitespace())
            .arg("--directory")
            .arg(&self.project)
            .arg("--state")
            .arg(&self.state)
            .env("BREVO_BASE_URL", format!("http://127.0.0.1:{}/v3", self.port))
            .env("BREVO_API_KEY", "any")
    }

    fn start(&mut self) {
        let mut run = self
            .command("run --every 1s --lock-timeout 10s")
            .arg("--listen")
            .arg(self.webhooks.to_string())
            .arg("--webhook-token-file")
            .arg(&self.token);
        for (name, value) in MALLOC {
            run = run.env(name, value);
        }
        self.process = Some(run.start());
    }

    fn process(&mut self) -> &mut Running {
        self.process.as_mut().expect("it runs")
    }

    /// Nothing that the process finds ends it.
    pub(super) fn must_run(&mut self) {
        let name = self.name;
        if !self.process().is_running() {
            let ended = self.process.take().expect("it ran").wait();
            panic!("{name}: it has ended with {}\n{}\n{}", ended.status, ended.out, ended.err);
        }
    }

    pub(super) fn hang_up(&mut self) {
        self.process().signal("HUP");
        self.events.hangups += 1;
    }

    /// It dies, and the next one starts.
    pub(super) fn kill(&mut self, rng: &mut Rng) {
        self.process().signal("KILL");
        let _ = self.process.take().expect("it ran").wait();
        self.events.kills += 1;
        self.start_after_a_look(rng);
    }

    /// It ends in good order, and the next one starts.
    pub(super) fn end(&mut self, rng: &mut Rng) {
        self.stop();
        self.events.ends += 1;
        self.start_after_a_look(rng);
    }

    /// Ends it in good order.
    pub(super) fn stop(&mut self) {
        self.process().signal("TERM");
        let ended = self.process.take().expect("it ran").wait();
        assert_eq!(ended.status, 0, "{}: {}\n{}", self.name, ended.out, ended.err);
    }

    fn start_after_a_look(&mut self, rng: &mut Rng) {
        if rng.bool() {
            // Requests under way end with the server.
            self.away = 0;
            self.serve(FAULTS, rng);
            self.settle();
        }
        self.start();
    }

    /// The server goes away, or comes back.
    pub(super) fn goes_on(&mut self, rng: &mut Rng) {
        match self.away {
            0 if rng.u8(..40) == 0 => {
                self.server = None;
                self.away = rng.usize(1..6);
                self.events.outages += 1;
            }
            0 => {}
            1 => {
                self.away = 0;
                self.serve(FAULTS, rng);
            }
            _ => self.away -= 1,
        }
    }

    /// From now on, the server fails no more.
    pub(super) fn recovers(&mut self, rng: &mut Rng) {
        self.away = 0;
        self.serve("", rng);
    }

    /// What a person does: looks into the chats, and tells the state what is there. Nothing may be under way.
    pub(super) fn settle(&mut self) {
        let created = self.server().created();
        let known = self.deliveries();
        let knows = |id: &Value| {
            known.iter().any(|known| known["id"] == *id || known["replaces"]["id"] == *id)
        };
        for delivery in known.iter().filter(|delivery| delivery["status"] == "unknown") {
            let there = created.iter().find(|message| {
                message["deleted"] == false
                    && message["visitorId"] == delivery["visitor"]
                    && message["text"] == delivery["text"]
                    && !knows(&message["id"])
            });
            let address = delivery["address"].as_str().expect("an address");
            let answer = match there {
                Some(message) => {
                    format!("--sent {} --unchecked", message["id"].as_str().expect("an id"))
                }
                None => "--not-sent".to_owned(),
            };
            self.command(&format!("state resolve {address} {answer} --lock-timeout 60s")).ok();
            self.events.settled += 1;
        }
    }

    fn deliveries(&self) -> Vec<Value> {
        let ran = self.command("state list --format json --lock-timeout 60s").wait();
        if ran.status == 1 && ran.err.contains("there is no state") {
            return Vec::new();
        }
        assert_eq!(ran.status, 0, "{}: {}", self.name, ran.err);
        ran.json()["deliveries"].as_array().expect("a list").clone()
    }

    /// The messages that are there.
    pub(super) fn there(&self) -> Chats {
        self.server().there()
    }

    /// Waits until the server has exactly the wanted messages.
    pub(super) fn converges(&mut self, wanted: impl Fn() -> Chats) {
        // Each look takes up to two seconds; on a loaded machine, commands wait for each other.
        for _ in 0..PATIENCE.as_secs() {
            self.must_run();
            self.settle();
            if self.there() == wanted() {
                return;
            }
            self.hang_up();
            thread::sleep(Duration::from_secs(1));
        }
        let (there, wanted) = (self.there(), wanted());
        let missing: Vec<_> = wanted.iter().filter(|one| !there.contains(one)).collect();
        let extra: Vec<_> = there.iter().filter(|one| !wanted.contains(one)).collect();
        self.stop_and_show(&format!("missing: {missing:#?}\ntoo many: {extra:#?}"));
    }

    fn stop_and_show(&mut self, what: &str) {
        let known = self.deliveries();
        self.process().signal("TERM");
        let ended = self.process.take().expect("it ran").wait();
        let log: Vec<_> = ended.err.lines().rev().take(60).collect();
        let log: Vec<_> = log.into_iter().rev().collect();
        let odd: Vec<_> = known.iter().filter(|known| known["status"] != "ok").collect();
        panic!("{}: it does not converge\n{what}\n{odd:#?}\n{}", self.name, log.join("\n"));
    }

    /// How many unknown deliveries its events have settled since the process began.
    pub(super) fn settled_by_events(&self) -> u64 {
        let address = ([127, 0, 0, 1], self.webhooks).into();
        let (_, metrics) = ask(address, "GET", "/metrics", "");
        let mut lines = metrics.lines();
        let settled = lines.find_map(|line| line.strip_prefix("pushsync_settled_total "));
        settled.and_then(|settled| settled.parse().ok()).expect("a number")
    }

    /// Nothing was ever created twice, and the state knows all that is there, each as what it is.
    pub(super) fn check(&self, wanted: &Chats) {
        let name = self.name;
        let created = self.server().created();
        let mut times = std::collections::BTreeMap::<_, usize>::new();
        for message in &created {
            let text = message["text"].as_str().expect("a text");
            let identity = text.split(" version").next().expect("a text").to_owned();
            *times.entry((message["visitorId"].to_string(), identity)).or_default() += 1;
        }
        let twice: Vec<_> = times.iter().filter(|(_, times)| **times > 1).collect();
        assert!(twice.is_empty(), "{name}: created twice: {twice:#?}");
        let known = self.deliveries();
        let odd: Vec<_> = known.iter().filter(|known| known["status"] != "ok").collect();
        assert!(odd.is_empty(), "{name}: {odd:#?}");
        assert_eq!(known.len(), wanted.len(), "{name}: the state has another number of deliveries");
        for delivery in &known {
            let made = created.iter().find(|message| message["id"] == delivery["id"]);
            let made = made.unwrap_or_else(|| panic!("{name}: nobody made {delivery}"));
            let is = |message: &Value, visitor| (message[visitor].clone(), message["text"].clone());
            assert_eq!(is(made, "visitorId"), is(delivery, "visitor"), "{name}: another's message");
        }
        self.command("state verify").ok();
        self.command("plan --detailed-exitcode").exits(0).says(&["No changes"]);
    }

    /// How much memory the process has now.
    pub(super) fn memory(&mut self) -> Memory {
        let status = format!("/proc/{}/status", self.process().id());
        let status = std::fs::read_to_string(status).expect("it runs");
        let field = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name)).expect("a line");
            line.trim().trim_end_matches(" kB").parse().expect("a number")
        };
        Memory { resident: field("VmRSS:"), own: field("RssAnon:") }
    }
}

/// Memory in KiB.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Memory {
    /// All that is not in a file.
    pub(super) own: u64,
    /// That, and the parts of the program that were read from its file: they grow when a part runs for the first time.
    pub(super) resident: u64,
}

/// A port outside of those that the system gives to connections: while the server is away, nobody else gets it.
fn free_port(rng: &mut Rng) -> u16 {
    let mut port = 0;
    until("a port is free", || {
        port = rng.u16(20_000..30_000);
        TcpListener::bind(("127.0.0.1", port)).is_ok()
    });
    port
}
