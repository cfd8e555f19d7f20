//! Stores and things to put into them.

use std::{fs, path::Path, time::Duration};

use jiff::Timestamp;
use pushsync::{
    model::{
        Address, Approval, BudgetNote, ChangeIntent, Content, Drift, Intent, Kind, MessageId,
        Record, Restored, Sender, Superseded, Target, TextThere, Window,
    },
    state::{
        self, Access, CloseErrors, Digest, LockHolder, MemoryStore, Mode, OpenOptions, Run,
        RunChange, RunPart, StateError, StateKey, StateTarget, Store, Write, scan::Records,
    },
};
use tokio::runtime::Runtime;
use uuid::Uuid;

pub(crate) const LINEAGE: Uuid = Uuid::from_u128(0x0123_4567_89ab_cdef_0123_4567_89ab_cdef);

pub(crate) fn time(second: i64) -> Timestamp {
    Timestamp::from_second(1_790_000_000 + second).expect("in range")
}

pub(crate) fn address(text: &str) -> Address {
    Address::parse(text).expect("a valid address")
}

pub(crate) fn record(name: &str, text: &str) -> Record {
    Record {
        address: address(name),
        kind: Kind::Pushed,
        id: MessageId::new(format!("id-of-{name}")),
        content: Content { text: text.into(), from: Sender::Group("PjRBMhWGen6aRHjif".into()) },
        answered_text: text.contains("shouted").then(|| TextThere::of(&text.to_uppercase(), text)),
        restored: text
            .contains("restored")
            .then(|| Restored { from: TextThere::of("what somebody wrote", text), tries_left: 2 }),
        protect: text.len() % 2 == 1,
        created_at: time(1),
        updated_at: time(2),
        verified_at: time(3),
        drift: text.contains("drift").then(|| Drift::Text("as somebody wrote it".into())),
        superseded: text.contains("replaced").then(|| Superseded {
            id: MessageId::new(format!("the-old-one-of-{name}")),
            kind: Kind::Agent,
        }),
        intent: match text {
            _ if text.contains("updating") => {
                Some(ChangeIntent::Update { text: "what it may be".into(), at: time(4) })
            }
            _ if text.contains("deleting") => Some(ChangeIntent::Delete { at: time(4) }),
            _ => None,
        },
    }
}

pub(crate) fn put(name: &str, text: &str) -> Write {
    Write::Put(Box::new(record(name, text)))
}

pub(crate) fn intent(name: &str) -> Intent {
    Intent {
        address: address(name),
        kind: Kind::Agent,
        content: Content {
            text: "hello".into(),
            from: Sender::Agent { id: "d9nKoegKSjmCtyK78".into(), received_from: None },
        },
        protect: false,
        at: time(4),
        run: Uuid::from_u128(7),
        again: 0,
        trouble: Some("timed out after 30 s".into()),
        request_id: None,
    }
}

pub(crate) fn intend(name: &str) -> Write {
    Write::Intend(Box::new(intent(name)))
}

pub(crate) fn run(number: u32) -> Run {
    Run {
        id: Uuid::from_u128(u128::from(number)),
        number: u64::from(number / 2),
        command: "apply".into(),
        started_at: time(i64::from(number / 2)),
        ended_at: time(i64::from(number) + 10),
        commit: Some("84718bb".into()),
        dirty: false,
        files: None,
        requests: 3,
        approved: 0,
        stopped: None,
        changes: vec![RunChange {
            address: address("dark-mode@visitor"),
            action: "create".into(),
            outcome: "done".into(),
            id: Some(MessageId::new("AXCR3k9bpSY7bpuh7")),
            error: None,
            decided: None,
        }],
    }
}

/// That somebody agreed in run 1: `name` becomes the record with this text.
pub(crate) fn approval(name: &str, text: &str, window: Window) -> Approval {
    let Record { address, kind, content, .. } = record(name, text);
    Approval {
        address,
        target: Target::present(kind, &content, window),
        run: 1,
        opened: false,
        lapsed: false,
    }
}

/// Approvals of one message for visitors with ids of 32 letters and digits, or of 64 hexadecimal digits, each with
/// a text of its own; in address order.
pub(crate) fn approvals_of_many(count: usize, digits: usize) -> Vec<Approval> {
    const SIGNS: &[u8; 62] = b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    let id = |n: usize| {
        let hash = blake3::hash(&n.to_le_bytes());
        let sign = |byte: &u8| char::from(SIGNS[usize::from(*byte) % SIGNS.len()]);
        let id: String = match digits {
            32 => hash.as_bytes().iter().map(sign).collect(),
            _ => hash.to_hex().to_string(),
        };
        assert_eq!(id.len(), digits);
        id
    };
    let of = |n| approval(&format!("dark-mode-launch@{}", id(n)), &format!("Hi {n}!"), until(60));
    let mut approvals: Vec<_> = (0..count).map(of).collect();
    approvals.sort_by(|one, other| one.address.cmp(&other.address));
    approvals
}

pub(crate) fn approve(approval: &Approval) -> Write {
    Write::Approve(Box::new(approval.clone()))
}

/// A window that ends.
pub(crate) fn until(seconds: i64) -> Window {
    Window { from: None, until: Some(time(seconds)) }
}

pub(crate) fn log(number: u32) -> Write {
    Write::Run(Box::new(run(number)))
}

/// A change that was added to a run.
pub(crate) fn part(number: u32, part: u32, action: &str) -> Write {
    let Run { id, number, changes, .. } = run(number);
    let changes =
        changes.into_iter().map(|change| RunChange { action: action.into(), ..change }).collect();
    Write::RunPart(Box::new(RunPart { id, number, part, changes }))
}

pub(crate) fn budget(remaining: u64) -> BudgetNote {
    BudgetNote {
        limit: 100,
        remaining,
        resets_at: time(3600),
        retry_at: None,
        seen_at: time(5),
        assumed: false,
    }
}

pub(crate) fn memory() -> MemoryStore {
    MemoryStore::new("default", LINEAGE, time(0)).expect("can be made")
}

pub(crate) fn options(folder: &Path) -> OpenOptions {
    OpenOptions {
        target: StateTarget::Folder(folder.into()),
        environment: "default".into(),
        mode: Mode::CreateIfAbsent,
        access: Access::Write,
        holder: LockHolder {
            pid: 4242,
            host: "ci-runner".into(),
            command: "apply".into(),
            since: time(0),
        },
        lock_timeout: Duration::ZERO,
        new_lineage: LINEAGE,
        now: time(0),
        key: None,
        close_errors: CloseErrors::default(),
    }
}

pub(crate) fn open(folder: &Path) -> Result<Box<dyn Store>, StateError> {
    state::open(options(folder))
}

pub(crate) fn runtime() -> Runtime {
    tokio::runtime::Builder::new_current_thread().build().expect("a runtime")
}

pub(crate) fn commit(store: &dyn Store, writes: Vec<Write>) {
    runtime().block_on(store.commit(writes)).expect("can be written");
}

pub(crate) fn scan(store: &dyn Store) -> Result<Vec<Record>, StateError> {
    Records::new(store, runtime().handle().clone())
        .map(|located| Ok(located?.record.decode()?))
        .collect()
}

/// Everything that a store answers, as one text to compare.
pub(crate) fn contents(store: &dyn Store) -> Result<String, StateError> {
    let runtime = runtime();
    let meta = runtime.block_on(store.meta())?;
    let records = scan(store)?;
    let intents = runtime.block_on(store.intents())?;
    let approvals = runtime.block_on(store.approvals())?;
    let runs = runtime.block_on(store.runs(usize::MAX))?;
    Ok(serde_json::to_string(&(meta, records, intents, approvals, runs)).expect("serialises"))
}

/// With a key.
pub(crate) fn encrypted(folder: &Path) -> OpenOptions {
    OpenOptions { key: Some(key("correct horse battery")), ..options(folder) }
}

pub(crate) fn key(passphrase: &str) -> StateKey {
    StateKey::new(passphrase.to_owned().into()).expect("long enough")
}

/// The digest of all records, added up page by page.
pub(crate) fn digest_of(store: &dyn Store) -> (u64, Digest) {
    use std::ops::Bound::Unbounded;
    let page = runtime().block_on(store.page(Unbounded, Unbounded, usize::MAX)).expect("reads");
    (page.len() as u64, page.digest)
}

/// A copy of a folder as it is now: with the store still open, as a killed process leaves it.
pub(crate) fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("can be created");
    for entry in fs::read_dir(from).expect("can be read") {
        let entry = entry.expect("can be read");
        let target = to.join(entry.file_name());
        if entry.file_type().expect("is known").is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).expect("can be copied");
        }
    }
}

/// A store with a history: records added, replaced and removed over several commits.
pub(crate) fn fill(store: &dyn Store) {
    for round in 0..6 {
        let mut writes: Vec<_> = (0..40)
            .map(|i| put(&format!("key-{}@visitor-{i}", i % 3), &format!("text {round} of {i}")))
            .collect();
        writes.push(Write::Remove(address(&format!("key-0@visitor-{}", round * 3))));
        writes.push(log(round));
        commit(store, writes);
    }
    let approvals = ["key-1@visitor-1", "new@visitor-2", "later@visitor-1", "later@visitor-2"]
        .map(|name| approval(name, "agreed", until(600)));
    commit(store, approvals.iter().map(approve).collect());
    commit(store, vec![Write::Withdraw(address("later@visitor-1"))]);
    commit(store, vec![put("long@visitor", &"a long text. ".repeat(20_000))]);
    commit(store, vec![intend("new@visitor-1"), intend("new@visitor-2")]);
    commit(store, vec![Write::Settle(address("new@visitor-1")), Write::Budget(budget(42))]);
}
