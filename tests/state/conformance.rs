//! What every store promises. Each crate of tests says in `stores.rs` which stores it has.

use std::ops::Bound;

use pushsync::{
    model::{
        Approval, ChangeIntent, Drift, Kind, KnownSecrets, MessageId, Record, SecretFingerprint,
        Superseded, Target, Window,
    },
    state::{Digest, Run, StateError, Store, Write},
};

use super::support::*;

pub(crate) async fn a_new_state_is_empty(store: &dyn Store) {
    let meta = store.meta().await.expect("answers");
    assert_eq!((meta.serial, meta.records, meta.digest), (0, 0, Digest(0)));
    assert_eq!((meta.environment.as_str(), meta.lineage), ("default", LINEAGE));
    let page = store.page(Bound::Unbounded, Bound::Unbounded, 10).await.expect("answers");
    assert_eq!((page.len(), page.digest), (0, Digest(0)));
    assert_eq!(store.record(&address("a@v")).await.expect("answers"), None);
    assert_eq!(store.intents().await.expect("answers"), []);
    assert_eq!(store.runs(10).await.expect("answers"), []);
    assert_eq!(store.verify().await.expect("answers").problems, [""; 0]);
}

pub(crate) async fn records_come_back_as_they_were_put(store: &dyn Store) {
    for text in [
        "plain",
        "with drift",
        "a replaced one",
        "updating",
        "deleting",
        "shouted",
        "restored",
        "",
        "\u{1F600} \u{0} \"'",
    ] {
        let meta = store.commit(vec![put("a@v", text)]).await.expect("commits");
        assert_eq!(meta.records, 1);
        let found = store.record(&address("a@v")).await.expect("answers");
        assert_eq!(found, Some(record("a@v", text)));
    }
}

pub(crate) async fn a_text_of_200_kb_is_kept(store: &dyn Store) {
    let long = "0123456789".repeat(20_000);
    store.commit(vec![put("a@v", &long), put("b@v", "short")]).await.expect("commits");
    let found = store.record(&address("a@v")).await.expect("answers");
    assert_eq!(found, Some(record("a@v", &long)));
    let page = store.page(Bound::Unbounded, Bound::Unbounded, 9).await.expect("answers");
    assert_eq!(page.records().expect("reads"), [record("a@v", &long), record("b@v", "short")]);
    // Shorter, then gone: nothing of it may stay behind.
    store.commit(vec![put("a@v", &long[..30_000])]).await.expect("commits");
    let found = store.record(&address("a@v")).await.expect("answers");
    assert_eq!(found, Some(record("a@v", &long[..30_000])));
    let meta = store.commit(vec![Write::Remove(address("a@v"))]).await.expect("commits");
    assert_eq!(meta.records, 1);
    assert_eq!(store.verify().await.expect("answers").problems, [""; 0]);
}

pub(crate) async fn pages_are_in_the_order_of_addresses(store: &dyn Store) {
    let names = ["a-b@a", "a.b@a", "a0@a", "a@a", "a@z", "b@\u{e9}"];
    let writes = names.iter().rev().map(|name| put(name, "text")).collect();
    let meta = store.commit(writes).await.expect("commits");
    let mut seen = Vec::new();
    let mut digest = Digest(0);
    let mut from = Bound::Unbounded;
    loop {
        let bound = from.as_ref().map(String::as_str);
        let page = store.page(bound, Bound::Unbounded, 4).await.expect("answers");
        digest = Digest(digest.0.wrapping_add(page.digest.0));
        let records = page.records().expect("reads");
        seen.extend(records.iter().map(|record| record.address.as_str().to_owned()));
        match records.last() {
            Some(last) if records.len() == 4 => {
                from = Bound::Excluded(last.address.as_str().to_owned());
            }
            _ => break,
        }
    }
    assert_eq!(seen, names);
    assert_eq!((digest, meta.records), (meta.digest, 6));
}

pub(crate) async fn bounds_cut_a_key_out(store: &dyn Store) {
    let writes = ["a@1", "a@2", "a-b@1", "ab@1", "b@1"].iter().map(|n| put(n, "text")).collect();
    store.commit(writes).await.expect("commits");
    let names = async |from, to, limit| -> Vec<String> {
        let page = store.page(from, to, limit).await.expect("answers");
        let records = page.records().expect("reads");
        records.iter().map(|record| record.address.as_str().to_owned()).collect()
    };
    use Bound::{Excluded, Included, Unbounded};
    assert_eq!(names(Included("a@"), Excluded("aA"), 9).await, ["a@1", "a@2"]);
    assert_eq!(names(Included("a@1"), Included("a@1"), 9).await, ["a@1"]);
    assert_eq!(names(Excluded("a@1"), Unbounded, 9).await, ["a@2", "ab@1", "b@1"]);
    assert_eq!(names(Unbounded, Excluded("a@2"), 9).await, ["a-b@1", "a@1"]);
    assert_eq!(names(Unbounded, Unbounded, 0).await, [""; 0]);
    assert_eq!(names(Excluded("b@"), Excluded("b@"), 9).await, [""; 0]);
    assert_eq!(names(Included("z@"), Included("a@"), 9).await, [""; 0]);
}

pub(crate) async fn one_commit_may_touch_an_address_twice(store: &dyn Store) {
    let writes =
        vec![put("a@v", "one"), put("a@v", "two"), Write::Remove(address("b@v")), put("b@v", "x")];
    let meta = store.commit(writes).await.expect("commits");
    assert_eq!(meta.records, 2);
    let again = vec![Write::Remove(address("a@v")), Write::Remove(address("a@v"))];
    let meta = store.commit(again).await.expect("commits");
    assert_eq!(meta.records, 1);
    assert_eq!(store.verify().await.expect("answers").problems, [""; 0]);
}

pub(crate) async fn the_digest_depends_on_contents_not_on_the_way(store: &dyn Store) {
    let one = store.commit(vec![put("a@v", "one"), put("b@v", "two")]).await.expect("commits");
    let other = store.commit(vec![put("a@v", "other")]).await.expect("commits");
    assert_ne!(one.digest, other.digest);
    let back = store.commit(vec![put("a@v", "one")]).await.expect("commits");
    assert_eq!(one.digest, back.digest);
    let gone = vec![Write::Remove(address("a@v")), Write::Remove(address("b@v"))];
    assert_eq!(store.commit(gone).await.expect("commits").digest, Digest(0));
}

pub(crate) async fn the_serial_rises_with_records_and_intents_only(store: &dyn Store) {
    let mut serials = Vec::new();
    for writes in [
        vec![],
        vec![put("a@v", "x"), put("b@v", "x")],
        vec![Write::Budget(budget(7))],
        vec![log(1)],
        vec![intend("c@v")],
        vec![Write::Settle(address("c@v")), log(2)],
        vec![Write::Remove(address("a@v"))],
    ] {
        serials.push(store.commit(writes).await.expect("commits").serial);
    }
    assert_eq!(serials, [0, 1, 1, 1, 2, 3, 4]);
    assert_eq!(store.meta().await.expect("answers").budget, Some(budget(7)));
}

pub(crate) async fn a_budget_that_is_forgotten_is_gone_and_nothing_else_is(store: &dyn Store) {
    let before = store.commit(vec![put("a@v", "x"), Write::Budget(budget(0))]).await;
    let before = before.expect("commits");
    let after = store.commit(vec![Write::ForgetBudget, log(1)]).await.expect("commits");
    assert_eq!((before.budget, after.budget), (Some(budget(0)), None));
    assert_eq!((after.serial, after.records), (before.serial, before.records));
    let again = store.commit(vec![Write::ForgetBudget, Write::Budget(budget(5))]).await;
    assert_eq!(again.expect("commits").budget, Some(budget(5)), "the last write counts");
}

pub(crate) async fn the_secrets_of_visitors_ids_are_known_until_others_take_their_place(
    store: &dyn Store,
) {
    let secrets = |numbers: &[u8]| -> KnownSecrets {
        let of = |number: &u8| (format!("SECRET_{number}"), SecretFingerprint([*number; 8]));
        numbers.iter().map(of).collect()
    };
    assert_eq!(store.meta().await.expect("answers").secrets, secrets(&[]));
    let first = store.commit(vec![put("a@v", "x"), Write::Secrets(secrets(&[7, 2]))]).await;
    let first = first.expect("commits");
    assert_eq!(first.secrets, secrets(&[2, 7]));
    // A plan depends on them, so one that was saved before is of an earlier state.
    let second = store.commit(vec![Write::Secrets(secrets(&[9]))]).await.expect("commits");
    assert_eq!((second.serial, &second.secrets), (first.serial + 1, &secrets(&[9])));
    let again = store.commit(vec![Write::Secrets(secrets(&[9])), log(1)]).await.expect("commits");
    // The same secrets of other variables are others.
    let swapped: KnownSecrets = [("SECRET_9".to_owned(), SecretFingerprint([7; 8]))].into();
    let third = store.commit(vec![Write::Secrets(swapped.clone())]).await.expect("commits");
    assert_eq!((third.serial, &third.secrets), (second.serial + 1, &swapped));
    store.commit(vec![Write::Secrets(secrets(&[9]))]).await.expect("commits");
    assert_eq!((again.serial, &again.secrets), (second.serial, &secrets(&[9])));
    assert_eq!(store.meta().await.expect("answers").secrets, secrets(&[9]));
    assert_eq!(store.verify().await.expect("answers").problems, [""; 0]);
}

pub(crate) async fn the_highest_number_of_a_run_is_known(store: &dyn Store) {
    for (number, last) in [(8, 4), (2, 4), (6, 4), (10, 5)] {
        let meta = store.commit(vec![log(number)]).await.expect("commits");
        assert_eq!(meta.last_run, last, "after run {number}");
    }
}

pub(crate) async fn intents_stay_until_they_are_settled(store: &dyn Store) {
    store.commit(vec![intend("b@v"), intend("a@v")]).await.expect("commits");
    let found = store.intents().await.expect("answers");
    assert_eq!(found, [intent("a@v"), intent("b@v")]);
    store.commit(vec![Write::Settle(address("a@v")), put("a@v", "x")]).await.expect("commits");
    assert_eq!(store.intents().await.expect("answers"), [intent("b@v")]);
    assert_eq!(store.meta().await.expect("answers").records, 1);
}

pub(crate) async fn a_run_has_the_changes_that_were_added_to_it(store: &dyn Store) {
    store.commit(vec![log(3), part(3, 1, "first")]).await.expect("commits");
    store.commit(vec![log(4), part(4, 1, "of another")]).await.expect("commits");
    let serial = store.commit(vec![part(3, 2, "second")]).await.expect("commits").serial;
    // The run itself is replaced, as it is with every commit.
    store.commit(vec![log(3)]).await.expect("commits");
    let runs = store.runs(10).await.expect("answers");
    let added = |at: usize| -> Vec<String> {
        let own = run(4).changes.len();
        runs[at].changes[own..].iter().map(|change| change.action.clone()).collect()
    };
    assert_eq!(
        (runs.len(), added(0), added(1)),
        (2, vec!["of another".to_owned()], vec!["first".to_owned(), "second".to_owned()])
    );
    assert_eq!(store.meta().await.expect("answers").serial, serial);
    let verified = store.verify().await.expect("answers");
    assert_eq!((verified.runs, verified.problems), (2, vec![]));
}

pub(crate) async fn the_runs_that_began_last_come_first_whatever_their_clock_says(
    store: &dyn Store,
) {
    let at = |number, started_at| Run {
        number,
        started_at,
        ..run(u32::try_from(number).expect("small"))
    };
    let ahead = at(1, time(400 * 86_400));
    for run in [&ahead, &at(2, time(5)), &at(3, time(-7))] {
        store.commit(vec![Write::Run(Box::new(run.clone()))]).await.expect("commits");
    }
    // A run is written with each of its commits.
    store.commit(vec![Write::Run(Box::new(ahead.clone()))]).await.expect("commits");
    assert_eq!(
        store.runs(9).await.expect("answers"),
        [at(3, time(-7)), at(2, time(5)), ahead.clone()]
    );
}

pub(crate) async fn the_newest_runs_come_first(store: &dyn Store) {
    for number in [4, 1, 9, 3] {
        store.commit(vec![log(number)]).await.expect("commits");
    }
    assert_eq!(store.runs(3).await.expect("answers"), [run(9), run(4), run(3)]);
    assert_eq!(store.runs(99).await.expect("answers").len(), 4);
    assert_eq!(store.runs(0).await.expect("answers"), []);
}

pub(crate) async fn verify_counts_everything(store: &dyn Store) {
    let mut writes = vec![put("a@v", "x"), put("b@v", "y"), intend("c@v"), log(1), log(2), log(3)];
    let approvals = ["c@v", "c@w", "d@v", "e@v"].map(|name| approval(name, "x", until(60)));
    writes.extend(approvals.iter().map(approve));
    store.commit(writes).await.expect("commits");
    let found = store.verify().await.expect("answers");
    assert_eq!((found.records, found.intents, found.approvals, found.runs), (2, 1, 4, 3));
    assert_eq!(found.problems, [""; 0]);
}

pub(crate) async fn an_approval_stays_until_its_target_is_reached(store: &dyn Store) {
    let open = Window::default();
    let of = async || store.approvals().await.expect("answers");
    let all = ["b@v", "a@v", "a@u"].map(|name| approval(name, "new", open));
    let meta = store.commit(all.iter().map(approve).collect()).await.expect("commits");
    assert_eq!((meta.serial, meta.approvals, meta.records), (1, 3, 0));
    let [b, a, first] = all;
    assert_eq!(of().await, [first.clone(), a.clone(), b.clone()], "in address order");
    // Another target for the same delivery.
    let b = Approval { run: 2, ..approval("b@v", "newer", until(60)) };
    let other = Approval { target: Target::Absent, ..first };
    store.commit(vec![approve(&b), approve(&other)]).await.expect("commits");
    assert_eq!(of().await, [other.clone(), a.clone(), b.clone()]);

    // An older text, a request under way, drift: nothing is reached.
    let with = |name, text, change: fn(&mut Record)| {
        let mut record = record(name, text);
        change(&mut record);
        Write::Put(Box::new(record))
    };
    let drift = |record: &mut Record| record.drift = Some(Drift::Gone);
    let intent = |record: &mut Record| record.intent = Some(ChangeIntent::Delete { at: time(4) });
    let not_yet = vec![
        put("a@v", "old"),
        with("b@v", "newer", intent),
        with("a@v", "new", drift),
        put("a@u", "old"),
        intend("a@v"),
    ];
    let meta = store.commit(not_yet).await.expect("commits");
    assert_eq!((meta.approvals, of().await), (3, vec![other, a, b.clone()]));

    // Reached: what has an end stays until then, and sends nothing again.
    let reached = vec![put("a@v", "new"), put("b@v", "newer"), Write::Remove(address("a@u"))];
    let meta = store.commit(reached).await.expect("commits");
    let opened = Approval { opened: true, ..b };
    assert_eq!((meta.approvals, of().await), (1, vec![opened]));
    let meta = store.commit(vec![Write::Remove(address("b@v"))]).await.expect("commits");
    assert_eq!((meta.approvals, of().await), (0, vec![]));
    assert_eq!(store.verify().await.expect("answers").problems, [""; 0]);
}

pub(crate) async fn an_approval_is_withdrawn_and_the_writes_of_a_commit_follow_each_other(
    store: &dyn Store,
) {
    let new = approval("a@v", "new", Window::default());
    let withdraw = || Write::Withdraw(address("a@v"));
    let nothing = store.commit(vec![withdraw()]).await.expect("commits");
    assert_eq!((nothing.serial, nothing.approvals), (0, 0));
    store.commit(vec![approve(&new)]).await.expect("commits");
    let meta = store.commit(vec![withdraw(), withdraw()]).await.expect("commits");
    assert_eq!((meta.serial, meta.approvals), (2, 0));
    for (writes, left) in [
        (vec![approve(&new), put("a@v", "new")], 0),
        (vec![put("a@v", "new"), approve(&new)], 1),
        (vec![withdraw(), approve(&new), withdraw()], 0),
        (vec![withdraw(), approve(&new)], 1),
        // It was not there yet: it is still to be sent.
        (vec![Write::Remove(address("a@v"))], 1),
        (vec![approve(&Approval { target: Target::Unmanaged, ..new.clone() })], 1),
        (vec![Write::Remove(address("a@v"))], 0),
    ] {
        let told = format!("{writes:?}");
        let meta = store.commit(writes).await.expect("commits");
        assert_eq!(meta.approvals, left, "{told}");
        assert_eq!(store.approvals().await.expect("answers").len() as u64, left, "{told}");
    }
    assert_eq!(store.verify().await.expect("answers").problems, [""; 0]);
}

pub(crate) async fn many_approvals_come_and_go_and_all_others_stay(store: &dyn Store) {
    let name =
        |n: u32| format!("launch@{:032x}", u128::from(n).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let of = |n: u32| approval(&name(n), &format!("text {n}"), Window::default());
    let mut expected: Vec<_> = (0..1000).map(of).collect();
    store.commit(expected.iter().map(approve).collect()).await.expect("commits");
    expected.extend([approval("a@v", "x", until(9)), approval("launcha@v", "x", until(9))]);
    let more = expected[1000..].iter().map(approve).collect();
    store.commit(more).await.expect("commits");
    expected.sort_by(|a, b| a.address.cmp(&b.address));
    assert_eq!(store.approvals().await.expect("answers"), expected);
    for rest in [7, 3, 2] {
        let (reached, left): (Vec<_>, Vec<_>) =
            (0..1000).map(|n| (name(n), n)).partition(|(_, n)| n % rest != 0);
        let writes = reached.iter().map(|(name, n)| put(name, &format!("text {n}"))).collect();
        store.commit(writes).await.expect("commits");
        let left: Vec<_> = left.into_iter().map(|(name, _)| address(&name)).collect();
        expected.retain(|one| one.address.key_str() != "launch" || left.contains(&one.address));
        assert_eq!(store.approvals().await.expect("answers"), expected);
        assert_eq!(store.verify().await.expect("answers").problems, [""; 0]);
    }
    assert_eq!(store.meta().await.expect("answers").approvals, expected.len() as u64);
}

pub(crate) async fn no_message_is_that_of_two_deliveries(store: &dyn Store) {
    let with = |name: &str, id: &str, old: Option<&str>| {
        let mut record = record(name, "text");
        record.id = MessageId::new(id);
        record.superseded =
            old.map(|old| Superseded { id: MessageId::new(old), kind: Kind::Pushed });
        Write::Put(Box::new(record))
    };
    let holder = async |id: &str| -> Option<String> {
        let found = store.address_of(&MessageId::new(id)).await.expect("answers");
        found.map(|address| address.as_str().to_owned())
    };
    store
        .commit(vec![with("a@v", "one", Some("old")), with("b@v", "two", None)])
        .await
        .expect("commits");
    let before = store.meta().await.expect("answers");
    for refused in [
        vec![with("c@v", "one", None)],
        vec![with("c@v", "old", None)],
        vec![with("c@v", "new", Some("two"))],
        vec![with("b@v", "one", None)],
        vec![with("c@v", "new", None), with("d@v", "new", None)],
        vec![with("c@v", "new", Some("new"))],
        // What else is in the commit does not happen either.
        vec![put("fine@v", "text"), intend("fine@v"), with("c@v", "two", None)],
        vec![Write::Remove(address("a@v")), with("c@v", "two", None)],
    ] {
        let error = store.commit(refused.clone()).await.expect_err("an id in use");
        assert!(matches!(error, StateError::IdInUse { .. }), "{error}");
        assert_eq!(store.meta().await.expect("answers"), before, "{refused:?}");
    }
    for id in ["", ".", "..", "a/b", "a b", "%2e"] {
        let error = store.commit(vec![with("c@v", id, None)]).await.expect_err("no id");
        assert!(matches!(error, StateError::UnusableId { .. }), "{error}");
    }
    assert_eq!(store.verify().await.expect("answers").problems, [""; 0]);

    // An id goes with its delivery, however the commit says it, and is free once it is gone.
    let swap = vec![with("a@v", "two", None), with("b@v", "one", None)];
    store.commit(swap).await.expect("commits");
    assert_eq!((holder("one").await, holder("old").await), (Some("b@v".to_owned()), None));
    let moved = vec![with("c@v", "one", None), Write::Remove(address("b@v"))];
    store.commit(moved).await.expect("commits");
    assert_eq!(holder("one").await.as_deref(), Some("c@v"));
    let back = vec![Write::Remove(address("c@v")), with("b@v", "one", Some("old"))];
    store.commit(back).await.expect("commits");
    assert_eq!(holder("old").await.as_deref(), Some("b@v"));
    store.commit(vec![with("b@v", "one", None), with("c@v", "old", None)]).await.expect("commits");
    let last = vec![with("d@v", "new", None), with("d@v", "newer", None)];
    store.commit(last).await.expect("commits");
    assert_eq!((holder("new").await, holder("newer").await), (None, Some("d@v".to_owned())));
    store.commit(vec![Write::Remove(address("d@v"))]).await.expect("commits");
    assert_eq!(holder("newer").await, None);
    assert_eq!(store.verify().await.expect("answers").problems, [""; 0]);
}

macro_rules! conformance {
    ($store:ident, $with:expr, $($promise:ident),* $(,)?) => {
        mod $store {
            use super::*;
            $(
                #[test]
                fn $promise() {
                    let with: fn(&dyn Fn(&dyn Store)) = $with;
                    with(&|store| runtime().block_on(conformance::$promise(store)));
                }
            )*
        }
    };
    ($store:ident, $with:expr) => {
        conformance!(
            $store,
            $with,
            a_new_state_is_empty,
            records_come_back_as_they_were_put,
            a_text_of_200_kb_is_kept,
            pages_are_in_the_order_of_addresses,
            bounds_cut_a_key_out,
            one_commit_may_touch_an_address_twice,
            the_digest_depends_on_contents_not_on_the_way,
            the_serial_rises_with_records_and_intents_only,
            intents_stay_until_they_are_settled,
            the_runs_that_began_last_come_first_whatever_their_clock_says,
            a_budget_that_is_forgotten_is_gone_and_nothing_else_is,
            the_secrets_of_visitors_ids_are_known_until_others_take_their_place,
            the_highest_number_of_a_run_is_known,
            the_newest_runs_come_first,
            a_run_has_the_changes_that_were_added_to_it,
            verify_counts_everything,
            no_message_is_that_of_two_deliveries,
            an_approval_stays_until_its_target_is_reached,
            an_approval_is_withdrawn_and_the_writes_of_a_commit_follow_each_other,
            many_approvals_come_and_go_and_all_others_stay,
        );
    };
}

pub(crate) use conformance;
