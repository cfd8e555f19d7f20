//! Projects of a size, and states in which all of them was sent.

use std::{
    fmt::Write as _,
    fs,
    io::{BufWriter, Write as _},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    time::Duration,
};

use jiff::Timestamp;
use pushsync::{
    desired::Deliveries,
    manifest::{Limits, LoadOptions, Project, load},
    model::{Content, MessageId, Record},
    state::{self, Access, LockHolder, Mode, OpenOptions, StateTarget, Write},
};
use uuid::Uuid;

/// The sender.
pub(crate) const GROUP: &str = "PjRBMhWGen6aRHjif";

/// How the deliveries are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// One message for the rows of a CSV file.
    Csv,
    /// A message each, of 200 bytes, 1,000 in a file.
    Yaml,
    /// One message in two languages for the rows of a CSV file with user ids and columns with types.
    Users,
}

/// Writes a project with this number of deliveries.
pub(crate) fn make(folder: &Path, kind: Kind, count: usize) -> std::io::Result<()> {
    fs::create_dir_all(folder.join("messages"))?;
    let sender = format!("version: 1\nsenders: {{ support: {{ group: {GROUP} }} }}\n");
    match kind {
        Kind::Csv => {
            fs::write(
                folder.join("pushsync.yaml"),
                format!(
                    "{sender}audiences: {{ all: {{ file: all.csv }} }}\nmessages:\n  news:\n    from: support\n    to: all\n    \
                     text: \"Hi {{{{ name }}}}, dark mode is here: Settings > Appearance. Tell us what you think of it.\"\n"
                ),
            )?;
            let mut csv = BufWriter::new(fs::File::create(folder.join("all.csv"))?);
            csv.write_all(b"visitor_id,name,plan\n")?;
            for row in 0..count {
                writeln!(csv, "{},name {row},pro", visitor(row))?;
            }
            csv.flush()
        }
        Kind::Users => {
            fs::write(
                folder.join("pushsync.yaml"),
                format!(
                    "{sender}locale: {{ column: lang, fallback: en }}\naudiences:\n  all:\n    file: all.csv\n    \
                     delimiter: \";\"\n    missing: [\"NULL\"]\n    \
                     visitor: {{ column: user_id, hmac_sha256: PUSHSYNC_VISITOR_SECRET }}\n    \
                     columns: {{ seats: integer, price: number, vip: boolean, since: date }}\n\
                     messages:\n  news:\n    from: support\n    to: {{ audience: all, where: seats|default(0) >= 0 }}\n    \
                     text:\n      en: \"Hi {{{{ name | default('there') }}}}, dark mode is here: Settings > Appearance.\"\n      \
                     fr: \"Bonjour {{{{ name | default('') }}}}, le mode sombre est là : Settings > Appearance.\"\n"
                ),
            )?;
            let mut csv = BufWriter::new(fs::File::create(folder.join("all.csv"))?);
            csv.write_all(b"user_id;name;lang;seats;price;vip;since\n")?;
            for row in 0..count {
                let name = if row % 10 == 0 { "NULL".to_owned() } else { format!("name {row}") };
                let lang = ["en", "fr", "fr-CA"][row % 3];
                let (seats, price, day) = (row % 50, row % 100, row % 28 + 1);
                let vip = if row % 2 == 0 { "yes" } else { "no" };
                writeln!(csv, "{row};{name};{lang};{seats};{price}.50;{vip};2026-01-{day:02}")?;
            }
            csv.flush()
        }
        Kind::Yaml => {
            fs::write(folder.join("pushsync.yaml"), sender)?;
            for file in 0..count.div_ceil(1000) {
                let mut text = "messages:\n".to_owned();
                for n in file * 1000..count.min((file + 1) * 1000) {
                    let _ = write!(
                        text,
                        "  message-{n:06}:\n    from: support\n    to: {{ visitor: {} }}\n    text: |\n      \
                         Dark mode is here! Turn it on under Settings, and tell us what you think.\n",
                        visitor(n)
                    );
                }
                fs::write(folder.join(format!("messages/{file:04}.yaml")), text)?;
            }
            Ok(())
        }
    }
}

/// Adds a message for this number of further visitors; `first` is how many there are already.
pub(crate) fn add_fresh(folder: &Path, first: usize, count: usize) -> std::io::Result<()> {
    let text = fresh_text(0).replace("name 0", "{{ name }}");
    fs::write(
        folder.join("messages/fresh.yaml"),
        format!(
            "audiences: {{ fresh: {{ file: ../fresh.csv }} }}\nmessages:\n  fresh: {{ from: support, to: fresh, text: \"{text}\" }}\n"
        ),
    )?;
    let mut csv = "visitor_id,name\n".to_owned();
    for row in 0..count {
        let _ = writeln!(csv, "{},name {row}", visitor(first + row));
    }
    fs::write(folder.join("fresh.csv"), csv)
}

/// The text of one of those.
pub(crate) fn fresh_text(row: usize) -> String {
    format!("Hi name {row}, your workspace can be shared now: Settings > Team.")
}

/// The files that hold texts.
pub(crate) fn with_texts(folder: &Path) -> Vec<PathBuf> {
    let more = fs::read_dir(folder.join("messages")).expect("a folder of messages");
    let mut all: Vec<_> = more.map(|entry| entry.expect("an entry of the folder").path()).collect();
    all.push(folder.join("pushsync.yaml"));
    all
}

/// What the state takes on the disk.
pub(crate) fn state_size(folder: &Path) -> u64 {
    fn of(path: &Path) -> u64 {
        let about = fs::symlink_metadata(path).expect("a file of the state");
        if !about.is_dir() {
            // What is allocated, in units of 512 bytes: files may have holes, or be longer than used.
            return about.blocks() * 512;
        }
        fs::read_dir(path).expect("a folder").map(|e| of(&e.expect("an entry").path())).sum()
    }
    of(&folder.join("state"))
}

/// As long as a real one, and in no order.
pub(crate) fn visitor(n: usize) -> String {
    format!("{:032x}", (n as u128 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835))
}

fn project(folder: &Path) -> Project {
    let now = Timestamp::now();
    let options = LoadOptions {
        queries: pushsync::manifest::Queries::LeaveOut,
        secrets: pushsync::manifest::VisitorSecrets::Optional,
        allow_change: &[],
        environment: None,
        allow_outside: false,
        env: &|_| None,
        // The largest are made on purpose.
        limits: Limits { deliveries: u64::MAX, template_steps: u64::MAX, ..Limits::default() },
        now,
    };
    load(folder, &options).project.expect("a valid project")
}

/// Writes a project and a state in which all of it was sent.
pub(crate) fn made(folder: &Path, kind: Kind, count: usize) {
    make(folder, kind, count).expect("a project is written");
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(fill(folder));
}

pub(crate) fn opening(folder: &Path, mode: Mode, access: Access) -> OpenOptions {
    let now = Timestamp::now();
    OpenOptions {
        target: StateTarget::Folder(folder.join("state")),
        environment: "default".into(),
        mode,
        access,
        holder: LockHolder {
            pid: std::process::id(),
            host: "here".into(),
            command: "bench".into(),
            since: now,
        },
        lock_timeout: Duration::ZERO,
        new_lineage: Uuid::from_u128(1),
        now,
        key: None,
        close_errors: state::CloseErrors::default(),
    }
}

/// Writes a state in which everything of the project was sent.
async fn fill(folder: &Path) {
    let project = project(folder);
    let now = Timestamp::now();
    let store = state::open(opening(folder, Mode::CreateIfAbsent, Access::Write)).expect("a state");
    let mut writes = Vec::new();
    for (n, delivery) in Deliveries::new(&project, now).enumerate() {
        let delivery = delivery.expect("renders");
        writes.push(Write::Put(Box::new(Record {
            address: delivery.address.clone(),
            kind: delivery.spec.kind,
            id: MessageId::new(format!("AXCR3k9b{n:09}")),
            content: Content { text: delivery.text.clone(), from: delivery.spec.sender.clone() },
            protect: false,
            created_at: now,
            updated_at: now,
            verified_at: now,
            drift: None,
            superseded: None,
            intent: None,
            answered_text: None,
            restored: None,
        })));
        if writes.len() == 10_000 {
            store.commit(std::mem::take(&mut writes)).await.expect("committed");
        }
    }
    store.commit(writes).await.expect("committed");
    // Closes it.
    drop(store);
}
