//! Nothing is sent, changed or deleted that nobody agreed to, whatever is merged, and at whatever moment a run
//! dies.

use std::{
    collections::{BTreeMap, BTreeSet},
    num::NonZeroUsize,
    sync::Arc,
    time::Duration,
};

use jiff::SignedDuration;
use proptest::{prelude::*, sample::select};
use tokio::time::timeout;

use super::{
    faults::{process, resolve},
    server::*,
};
use crate::{
    apply::apply,
    model::{Sender, Window},
    plan::{Plan, ReviewStatus},
    state::{Store as _, Write},
};

/// What happens next.
#[derive(Debug, Clone)]
enum Step {
    /// A merge: another text or none for each message.
    Merge(Vec<Option<&'static str>>),
    /// Somebody agrees to the plan, and it is carried out.
    Agree(Ending),
    /// What was agreed to is carried out.
    Resume(Ending),
}

#[derive(Debug, Clone, Copy)]
enum Ending {
    Alone,
    /// It stops in good order after this number of requests.
    Stops(u64),
    /// It dies after this number of milliseconds.
    Dies(u64),
}

const MESSAGES: usize = 6;
/// Hours between two steps.
const PAUSE: i64 = 2;

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let ending = || {
        prop_oneof![
            1 => Just(Ending::Alone),
            2 => (0..5_u64).prop_map(Ending::Stops),
            2 => (0..120_u64).prop_map(Ending::Dies),
        ]
    };
    let texts = select(vec![None, Some("one"), Some("one"), Some("two"), Some("three")]);
    let step = prop_oneof![
        2 => proptest::collection::vec(texts, MESSAGES).prop_map(Step::Merge),
        2 => ending().prop_map(Step::Agree),
        3 => ending().prop_map(Step::Resume),
    ];
    proptest::collection::vec(step, 1..14)
}

fn fates() -> impl Strategy<Value = Vec<Fate>> {
    let fate = select(vec![
        Fate::Works,
        Fate::Works,
        Fate::Works,
        Fate::NotConnected,
        Fate::LostRequest,
        Fate::LostAnswer,
        Fate::FailsAfter,
        Fate::Limited,
        Fate::Status(400),
    ]);
    proptest::collection::vec(fate, 0..25)
}

/// Windows of some messages: hours after the beginning.
fn windows() -> impl Strategy<Value = BTreeMap<String, Window>> {
    let edge = || select(vec![None, Some(3), Some(7), Some(11)]);
    proptest::collection::vec((0..MESSAGES, edge(), edge()), 0..4).prop_map(|windows| {
        let instant = |hours: i64| epoch() + SignedDuration::from_hours(hours);
        let windows =
            windows.into_iter().filter(|(_, from, until)| until.is_none() || from < until);
        windows
            .map(|(n, from, until)| {
                let (from, until) = (from.map(instant), until.map(instant));
                (format!("m{n}"), Window { from, until })
            })
            .collect()
    })
}

/// The messages there: visitor → texts. Each message has a visitor of its own.
fn there(scene: &Scene) -> BTreeMap<String, Vec<String>> {
    let mut there: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (visitor, _, text) in scene.server.messages.lock().expect("not poisoned").values() {
        there.entry(visitor.as_str().to_owned()).or_default().push(text.clone());
    }
    there
}

/// What somebody has agreed to for a visitor.
#[derive(Debug, Clone, Default)]
struct Agreed {
    /// The texts that may be there: the last one, and those that were applied before.
    texts: BTreeSet<String>,
    /// Whether it may go.
    absent: bool,
}

fn agree(agreed: &mut BTreeMap<String, Agreed>, scene: &Scene, plan: &Plan) {
    let asked: BTreeSet<_> = plan
        .changes
        .iter()
        .filter(|change| change.review == ReviewStatus::ToReview)
        .map(|change| &change.address)
        .chain(plan.upcoming.iter().map(|upcoming| &upcoming.address))
        .chain(plan.withdrawn.iter().map(|gone| &gone.address))
        .collect();
    for address in asked {
        let agreed = agreed.entry(address.visitor_str().to_owned()).or_default();
        let wanted = scene.wanted.iter().find(|(name, ..)| name == address.as_str());
        let window = scene.windows.get(address.key_str()).copied().unwrap_or_default();
        *agreed = match wanted {
            Some((_, text, _)) => {
                Agreed { texts: [text.clone()].into(), absent: !window.is_open() }
            }
            None => Agreed { texts: BTreeSet::new(), absent: true },
        };
    }
}

/// Compares what a run did with what somebody agreed to.
fn check(
    agreed: &BTreeMap<String, Agreed>,
    before: &BTreeMap<String, Vec<String>>,
    after: &BTreeMap<String, Vec<String>>,
) -> Result<(), TestCaseError> {
    for (visitor, texts) in after {
        let before = before.get(visitor).cloned().unwrap_or_default();
        let allowed = agreed.get(visitor).cloned().unwrap_or_default();
        prop_assert!(texts.len() <= 1, "{visitor} has {texts:?}");
        for text in texts.iter().filter(|text| !before.contains(text)) {
            prop_assert!(allowed.texts.contains(text), "{visitor} got {text}: {allowed:?}");
        }
    }
    for (visitor, texts) in before {
        let gone = !texts.is_empty() && !after.contains_key(visitor);
        let allowed = agreed.get(visitor).cloned().unwrap_or_default();
        prop_assert!(!gone || allowed.absent, "{visitor} lost {texts:?}: {allowed:?}");
    }
    Ok(())
}

async fn carry_out(scene: &Scene, plan: Plan, ending: Ending) {
    let mut session = scene.session();
    if let Ending::Stops(after) = ending {
        session.options.max_requests = Some(after);
    }
    let run = apply(plan, session);
    match ending {
        Ending::Dies(after) => _ = timeout(Duration::from_millis(after), run).await,
        Ending::Alone | Ending::Stops(_) => _ = run.await.expect("the state works"),
    }
}

fn run(
    steps: Vec<Step>,
    fates: Vec<Fate>,
    windows: BTreeMap<String, Window>,
    concurrency: usize,
) -> Result<(), TestCaseError> {
    let mut scene = process(async { Scene::new(Server::with_script(fates)) });
    scene.options.concurrency = NonZeroUsize::new(concurrency).expect("not zero");
    scene.windows = windows;
    let server = Arc::clone(&scene.server);
    *server.hold.lock().expect("not poisoned") = Some(Duration::from_millis(20));
    let mut agreed: BTreeMap<String, Agreed> = BTreeMap::new();
    for n in 0..MESSAGES {
        scene = scene.want(&format!("m{n}@v{n}"), "one");
    }
    for (number, step) in (0_i64..).zip(steps) {
        *scene.ahead.lock().expect("not poisoned") = SignedDuration::from_hours(PAUSE * number);
        let before = there(&scene);
        match step {
            Step::Merge(texts) => {
                scene.wanted.clear();
                for (n, text) in texts.into_iter().enumerate() {
                    let name = format!("m{n}@v{n}");
                    let wanted = text.map(|text| (name, text.to_owned(), Sender::Random));
                    scene.wanted.extend(wanted);
                }
            }
            Step::Agree(ending) => process(async {
                let plan = scene.plan().await;
                agree(&mut agreed, &scene, &plan);
                carry_out(&scene, plan, ending).await;
            }),
            Step::Resume(ending) => process(async {
                let (mut plan, _) = scene.plan().await.only_approved();
                for gone in &plan.withdrawn {
                    // What was applied last may be restored, after an update of which nobody knows the outcome.
                    let record = scene.store.record(&gone.address).await.expect("readable");
                    let applied = record.map(|record| record.content.text.to_string());
                    let agreed = agreed.entry(gone.address.visitor_str().to_owned()).or_default();
                    *agreed = Agreed { texts: applied.into_iter().collect(), absent: false };
                }
                let lapsed: BTreeSet<_> = plan.lapsed_approvals().cloned().collect();
                let approvals = scene.store.approvals().await.expect("readable").into_iter();
                let approvals = approvals.filter(|one| lapsed.contains(&one.address));
                let lapsed = approvals.map(|one| Write::Approve(Box::new(one.once_lapsed())));
                let finished = plan.finished.drain(..).map(Write::Withdraw);
                scene.store.commit(lapsed.chain(finished).collect()).await.expect("writable");
                plan.withdrawn.clear();
                carry_out(&scene, plan, ending).await;
            }),
        }
        check(&agreed, &before, &there(&scene))?;
        scene.stopper = Default::default();
        process(resolve(&scene));
    }
    // Once somebody agrees, what waits is carried out, and no approval is left but of windows to come.
    server.script.lock().expect("not poisoned").clear();
    let plan = process(scene.plan());
    process(carry_out(&scene, plan, Ending::Stops(1)));
    for _ in 0..3 {
        scene.stopper = Default::default();
        process(async {
            let plan = scene.plan().await;
            let changes = plan.changes.clone();
            let (mut plan, left_out) = plan.only_approved();
            assert_eq!((left_out, &plan.withdrawn[..]), (0, &[][..]), "{changes:?}");
            let finished = plan.finished.drain(..).map(Write::Withdraw).collect();
            scene.store.commit(finished).await.expect("writable");
            carry_out(&scene, plan, Ending::Alone).await;
        });
    }
    let end = process(scene.plan());
    prop_assert!(end.changes.is_empty() && end.upcoming.is_empty(), "{:?}", end.changes);
    for approval in process(scene.store.approvals()).expect("readable") {
        prop_assert!(
            approval.target.window().is_some_and(|window| !window.is_open()),
            "{approval:?}"
        );
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn nothing_is_done_that_nobody_agreed_to_at_whatever_moment_a_run_dies(
        steps in steps(), fates in fates(), windows in windows(), concurrency in 1..4_usize,
    ) {
        run(steps, fates, windows, concurrency)?;
    }
}
