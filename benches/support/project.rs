//! Projects to plan, and the records of what they have applied.

use std::{collections::BTreeMap, fmt::Write as _, fs, path::Path};

use jiff::Timestamp;
use pushsync::{
    manifest::{LoadOptions, Project, load},
    model::{BaseUrl, Content, Delivery, Endpoint, MessageId, Record},
    plan::{Budget, Declared, Inputs, Selection, StateRef},
};
use tempfile::TempDir;

pub(crate) const NOW: Timestamp = Timestamp::UNIX_EPOCH;

pub(crate) fn write(folder: &Path, name: &str, text: &str) {
    let path = folder.join(name);
    fs::create_dir_all(path.parent().expect("inside the folder")).expect("a folder");
    fs::write(path, text).expect("a file");
}

/// One message for this number of visitors.
pub(crate) fn audience(rows: usize) -> TempDir {
    let folder = TempDir::new().expect("a folder");
    write(
        folder.path(),
        "pushsync.yaml",
        "version: 1\nsenders: { s: { group: g } }\naudiences: { all: { file: all.csv } }\n\
         messages:\n  news: { from: s, to: all, text: \"Hi {{ name }}, dark mode is here!\" }\n",
    );
    let mut csv = "visitor_id,name,plan\n".to_owned();
    for row in 0..rows {
        let id = (row as u128).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c);
        let _ = writeln!(csv, "{id:032x},name {row},pro");
    }
    write(folder.path(), "all.csv", &csv);
    folder
}

pub(crate) fn project(folder: &Path) -> Project {
    let options = LoadOptions {
        queries: pushsync::manifest::Queries::LeaveOut,
        secrets: pushsync::manifest::VisitorSecrets::Optional,
        allow_change: &[],
        environment: None,
        allow_outside: false,
        env: &|_| None,
        limits: Default::default(),
        now: NOW,
    };
    load(folder, &options).project.expect("a valid project")
}

pub(crate) fn record(delivery: &Delivery) -> Record {
    Record {
        address: delivery.address.clone(),
        kind: delivery.spec.kind,
        id: MessageId::new("AXCR3k9bpSY7bpuh7"),
        content: Content { text: delivery.text.clone(), from: delivery.spec.sender.clone() },
        protect: false,
        created_at: NOW,
        updated_at: NOW,
        verified_at: NOW,
        drift: None,
        superseded: None,
        intent: None,
        answered_text: None,
        restored: None,
    }
}

pub(crate) fn inputs(project: &Project) -> Inputs {
    Inputs {
        environment: "default".to_owned(),
        api: Endpoint::At(BaseUrl::brevo()),
        as_of: NOW,
        state: StateRef { lineage: None, serial: 0 },
        secrets: Default::default(),
        declared: project
            .keys_at(NOW)
            .into_iter()
            .map(|(key, presence)| {
                let window = project.message(&key).map(|message| message.spec.window);
                let window = window.unwrap_or_default();
                (
                    key,
                    Declared {
                        presence,
                        window,
                        protect: None,
                        on_leave: Default::default(),
                        guards: Default::default(),
                    },
                )
            })
            .collect(),
        imports: Vec::new(),
        removed: BTreeMap::new(),
        moved: BTreeMap::new(),
        approvals: Vec::new(),
        recheck: Default::default(),
        intents: Vec::new(),
        selection: Selection::default(),
        destroy: false,
        budget: Budget::at(NOW, None, 100),
        keep_unchanged: false,
        most_bytes: u64::MAX,
    }
}
