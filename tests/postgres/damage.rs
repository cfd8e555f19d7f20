//! A damaged state is an error, and never taken for an empty one.

use pushsync::state::{self, Access, OpenOptions, StateError, Write};

use super::{
    cluster::{Database, refusal, server},
    forge::{FORGERIES, Forgery, forged},
    support::*,
};

fn filled() -> Option<Database> {
    let database = super::cluster::shared()?.database();
    fill(&*database.open().expect("opens"));
    Some(database)
}

/// Both ways of opening refuse it as damaged.
fn damaged(database: &Database) -> String {
    let mut said = Vec::new();
    for access in [Access::Read, Access::Write] {
        let error = state::open(OpenOptions { access, ..database.options() });
        let error = error.map(drop).expect_err("it is damaged");
        assert!(matches!(error, StateError::Damaged { .. }), "{error}");
        said.push(error.to_string());
    }
    assert_eq!(said[0], said[1]);
    said.remove(0)
}

#[test]
fn a_newer_schema_is_refused() {
    let database = server!(filled());
    database.admin("INSERT INTO pushsync_schema (version) VALUES (2)");
    for access in [Access::Read, Access::Write] {
        let error = state::open(OpenOptions { access, ..database.options() });
        let newer = matches!(error, Err(StateError::Newer { found: 2, known: 1, .. }));
        assert!(newer, "{error:?}");
    }
}

#[test]
fn an_environment_whose_header_is_gone_is_not_taken_for_a_new_one() {
    for left in ["pushsync_records", "pushsync_intents", "pushsync_runs", "pushsync_run_parts"] {
        let database = server!(super::cluster::shared()).database();
        let store = database.open().expect("opens");
        commit(&*store, vec![put("a@v", "x"), intend("b@v"), log(1), part(1, 1, "x")]);
        drop(store);
        database.admin("DELETE FROM pushsync_states");
        for table in ["pushsync_records", "pushsync_intents", "pushsync_runs", "pushsync_run_parts"]
        {
            if table != left {
                database.admin(&format!("DELETE FROM {table}"));
            }
        }
        let said = damaged(&database);
        assert!(said.contains("the environment \"default\" has vanished from it"), "{said}");
    }
}

#[test]
fn a_table_that_is_missing_is_damage() {
    for table in ["records", "intents", "runs", "run_parts", "states"] {
        let database = server!(filled());
        database.admin(&format!("DROP TABLE pushsync_{table}"));
        let found = database.open().map(|store| {
            let verified = runtime().block_on(store.verify()).expect("answers");
            verified.problems.join("; ")
        });
        let said = found.unwrap_or_else(|error| {
            assert!(matches!(error, StateError::Damaged { .. }), "{error}");
            error.to_string()
        });
        assert!(said.contains(&format!("\"pushsync_{table}\" does not exist")), "{said}");
    }
    let database = server!(filled());
    database.admin("DROP TABLE pushsync_schema");
    let said = refusal(database.open());
    assert!(said.contains("is damaged") && said.contains("already exists"), "{said}");
    let database = server!(filled());
    database.admin("DELETE FROM pushsync_schema");
    let said = damaged(&database);
    assert!(said.contains("pushsync_schema is empty"), "{said}");
}

#[test]
fn a_row_that_a_person_edited_is_noticed() {
    for change in [
        "serial = serial - 1",
        "sequence = sequence - 1",
        "records = 0",
        "intents = 9",
        "runs = 0",
        "lineage = gen_random_uuid()",
    ] {
        let database = server!(filled());
        let store = database.open().expect("opens");
        database.admin(&format!("UPDATE pushsync_states SET {change}"));
        let problems = runtime().block_on(store.verify()).expect("answers").problems.join("; ");
        drop(store);
        let said = damaged(&database);
        for said in [said, problems] {
            assert!(said.contains("was changed by something else"), "{change}: {said}");
        }
    }
}

#[test]
fn every_value_has_a_checksum_and_all_are_counted() {
    let broken = "set_byte(value, 40, get_byte(value, 40) # 1)";
    for (table, noun) in [("records", "record"), ("intents", "intent"), ("runs", "run")] {
        for change in [
            format!(
                "UPDATE pushsync_{table} SET value = {broken} WHERE name = (SELECT name FROM pushsync_{table} ORDER BY name LIMIT 1)"
            ),
            format!(
                "DELETE FROM pushsync_{table} WHERE name = (SELECT name FROM pushsync_{table} ORDER BY name LIMIT 1)"
            ),
            format!(
                "INSERT INTO pushsync_{table} SELECT environment, name || 'x', value FROM pushsync_{table} LIMIT 1"
            ),
        ] {
            let database = server!(filled());
            database.admin(&change);
            let store = database.open().expect("opens");
            let problems = runtime().block_on(store.verify()).expect("answers").problems.join("; ");
            assert!(problems.contains(noun), "{change}: {problems}");
        }
    }
    let database = server!(filled());
    database.admin(&format!(
        "UPDATE pushsync_states SET header = {}",
        broken.replace("value", "header")
    ));
    let said = damaged(&database);
    assert!(said.contains("the header does not match its checksum"), "{said}");
}

#[test]
fn an_environment_under_the_name_of_another_is_refused() {
    let database = server!(filled());
    for table in ["states", "records", "intents", "runs", "run_parts"] {
        database.admin(&format!("UPDATE pushsync_{table} SET environment = 'staging'"));
    }
    let options = OpenOptions { environment: "staging".into(), ..database.options() };
    let error = state::open(options).map(drop).expect_err("is another");
    assert!(matches!(error, StateError::OtherEnvironment { .. }), "{error}");
}

#[test]
fn one_environment_cannot_see_another() {
    let database = server!(filled());
    let options = OpenOptions { environment: "staging".into(), ..database.options() };
    let staging = state::open(options).expect("opens");
    assert_eq!(digest_of(&*staging).0, 0);
    commit(&*staging, vec![put("only@staging", "x"), intend("i@staging"), log(99)]);
    let default = database.open().expect("opens");
    for store in [&staging, &default] {
        assert_eq!(runtime().block_on(store.verify()).expect("answers").problems, [""; 0]);
    }
    let found = runtime().block_on(default.record(&address("only@staging"))).expect("answers");
    assert_eq!(found, None);
}

#[test]
fn a_header_that_was_not_written_under_the_key_is_refused() {
    let cluster = server!(super::cluster::shared());
    let encrypted = |database: &Database, access| OpenOptions {
        key: Some(key("correct horse battery")),
        access,
        ..database.options()
    };
    // What its columns say has to be the same.
    let columns = [
        Forgery {
            name: "an older serial",
            change: |header| header["meta"]["serial"] = serde_json::json!(1),
        },
        Forgery {
            name: "without its records",
            change: |header| {
                header["meta"]["records"] = serde_json::json!(0);
                header["meta"]["digest"] = serde_json::json!("0".repeat(32));
            },
        },
    ];
    for Forgery { name, change } in FORGERIES.iter().chain(&columns) {
        let database = cluster.database();
        let store = state::open(encrypted(&database, Access::Write)).expect("opens");
        commit(&*store, vec![put("a@v", "x"), intend("b@v"), log(1)]);
        commit(&*store, vec![put("a@v", "y"), Write::Budget(budget(42))]);
        drop(store);
        let hex = database.admin("SELECT encode(header, 'hex') FROM pushsync_states").concat();
        let hex = hex.concat();
        let byte = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).expect("hex");
        let stored: Vec<u8> = (0..hex.len()).step_by(2).map(byte).collect();
        let hex: String =
            forged(&stored, change).iter().map(|byte| format!("{byte:02x}")).collect();
        database.admin(&format!("UPDATE pushsync_states SET header = decode('{hex}', 'hex')"));
        match *name {
            "an older serial" => _ = database.admin("UPDATE pushsync_states SET serial = 1"),
            "without its records" => {
                database.admin("UPDATE pushsync_states SET records = 0");
                database.admin("DELETE FROM pushsync_records");
            }
            _ => {}
        }
        for access in [Access::Read, Access::Write] {
            let said = refusal(state::open(encrypted(&database, access)));
            assert!(said.contains("not written under the state's key"), "{name}: {said}");
        }
    }
}
