//! What is said when the server does not do what it should; and what is never said.

use std::time::{Duration, Instant};

use pushsync::state::{self, StateError, StateTarget, Store, bucket};

use super::{
    place::{Place, SECRET},
    proxy::{Fate, Proxy},
    server::server,
    support::*,
};

/// Patient enough for one repeat, so that the tests are not.
fn hasty(place: &Place) -> Place {
    place.with(|limits| {
        limits.request = Duration::from_millis(800);
        limits.patience = Duration::from_secs(1);
    })
}

/// The words of an error that says that the state cannot be used. They hold no secret.
fn words(result: Result<Box<dyn Store>, StateError>) -> String {
    let error = result.expect_err("is refused");
    assert!(matches!(error, StateError::Unavailable { .. }), "{error:?}");
    let said = format!("{error} {error:?}");
    assert!(!said.contains(SECRET) && !said.contains("AKIDEXAMPLE"), "{said}");
    error.to_string()
}

#[test]
fn a_server_that_answers_with_errors_or_not_at_all_is_told() {
    let server = server!();
    let place = hasty(&server.place());
    for (fate, says) in [
        (Fate::Answer { status: 500, effect: false }, "GET head.json: answered 500 AsTold ("),
        (Fate::Answer { status: 503, effect: false }, "GET head.json: answered 503 AsTold ("),
        (Fate::Answer { status: 403, effect: false }, "allowed to list, read, write and delete"),
        (
            Fate::Answer { status: 301, effect: false },
            "answered 301, a redirect; it is not followed: set AWS_REGION",
        ),
        (
            Fate::Answer { status: 404, effect: false },
            "answered 404 AsTold: check AWS_ENDPOINT_URL",
        ),
        (Fate::Drop { effect: false }, "sent, but the answer was lost: "),
        (Fate::Hang { effect: false }, "no answer within 0.8 s"),
    ] {
        let proxy = Proxy::start(server.address, move |_| fate);
        let said = words(place.through(proxy.address).open());
        assert!(said.contains(says), "{fate:?}: {said}");
        assert!(said.starts_with("the state s3://pushsync-tests/team "), "{said}");
        // What passes is tried again, what does not is not.
        let passes = !matches!(fate, Fate::Answer { status: 301 | 403 | 404, .. });
        assert_eq!(proxy.asked().len() > 1, passes, "{fate:?}");
    }
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = nobody.local_addr().expect("an address");
    drop(nobody);
    let said = words(place.through(address).open());
    assert!(
        said.contains(&format!("GET head.json: no connection to http://{address}: ")),
        "{said}"
    );
    assert!(said.contains("check AWS_ENDPOINT_URL and the network"), "{said}");
}

#[test]
fn a_404_that_is_not_the_buckets_own_is_never_a_state_that_is_not_there() {
    let server = server!();
    let place = hasty(&server.place());
    commit(&*place.open().expect("opens"), vec![put("a@v", "x")]);
    // A gateway without a route to the bucket, from the first request on and from any later one.
    for from in 0..6 {
        let mut asked = 0;
        let proxy = Proxy::start(server.address, move |_| {
            asked += 1;
            if asked > from { Fate::Answer { status: 404, effect: false } } else { Fate::Pass }
        });
        let through = place.through(proxy.address);
        for access in [state::Access::Read, state::Access::Write] {
            let options = state::OpenOptions { access, ..through.options() };
            if let Err(error) = state::open(options) {
                let said = error.to_string();
                assert!(
                    matches!(error, StateError::Unavailable { .. }),
                    "{from} {access:?}: {said}"
                );
            }
        }
    }
    assert_eq!(scan(&*place.open().expect("opens")).expect("reads").len(), 1);
}

#[test]
fn a_commit_that_fails_says_so_and_the_next_one_is_not_tried() {
    let server = server!();
    let proxy = Proxy::start(server.address, |_| Fate::Pass);
    let place = hasty(&server.place());
    let store = place.through(proxy.address).open().expect("opens");
    commit(&*store, vec![put("a@v", "x")]);
    proxy.decide(|_| Fate::Answer { status: 503, effect: false });
    let failed = runtime().block_on(store.commit(vec![put("b@v", "x")])).expect_err("fails");
    assert!(failed.to_string().contains("503"), "{failed}");
    proxy.decide(|_| Fate::Pass);
    let after = runtime().block_on(store.commit(vec![put("c@v", "x")])).expect_err("fails");
    assert!(matches!(after, StateError::Failed { .. }), "{after}");
    drop(store);
    assert_eq!(scan(&*place.open().expect("opens")).expect("reads").len(), 1);
}

#[test]
fn closing_does_not_wait_long_for_a_server_that_is_gone() {
    let server = server!();
    let proxy = Proxy::start(server.address, |_| Fate::Pass);
    let place = server.place().with(|limits| limits.patience = Duration::from_secs(3600));
    let store = place.through(proxy.address).open().expect("opens");
    commit(&*store, vec![put("a@v", "x")]);
    proxy.cut();
    let start = Instant::now();
    drop(store);
    // Not an hour.
    assert!(start.elapsed() < Duration::from_secs(300));
}

#[test]
fn a_bucket_that_does_not_exist_is_told() {
    let server = server!();
    let place = Place { bucket: "no-such-bucket".to_owned(), ..hasty(&server.place()) };
    assert!(words(place.open()).contains("make the bucket first"));
    let missing = state::OpenOptions { access: state::Access::Read, ..place.options() };
    assert!(words(state::open(missing)).contains("make the bucket first"));
}

#[test]
fn a_server_without_conditional_writes_is_refused_before_anything_is_written() {
    let server = server!();
    for (headers, named) in [
        (&["if-none-match"][..], "keep to If-None-Match when"),
        (&["if-match"], "keep to If-Match when"),
        (&["if-match", "if-none-match"], "keep to If-None-Match and If-Match when"),
    ] {
        let place = server.place();
        let proxy = Proxy::stripping(server.address, headers, |_| Fate::Pass);
        let said = words(place.through(proxy.address).open());
        assert!(said.contains("nothing was sent") && said.contains(named), "{said}");
        assert_eq!(place.names(), ["lock.json"], "{headers:?}");
        place.open().expect("what was tried is in nobody's way");
    }
}

#[test]
fn no_debug_output_and_no_request_has_a_secret() {
    let server = server!();
    let place = server.place();
    let store = place.open().expect("opens");
    let options = place.options();
    let said = format!("{options:?} {:?} {} {store:?}", options.target, options.target);
    assert!(!said.contains(SECRET) && !said.contains("AKIDEXAMPLE"), "{said}");
    assert!(said.contains("s3://pushsync-tests/team "), "{said}");
    // Nothing that is sent holds it either; requests are signed with it.
    let proxy = Proxy::start(server.address, |_| Fate::Pass);
    drop(store);
    drop(place.through(proxy.address).open().expect("opens"));
    assert!(proxy.asked().iter().all(|asked| !format!("{asked:?}").contains(SECRET)));
    assert!(proxy.asked().iter().all(|asked| asked.head.contains("AWS4-HMAC-SHA256")));
}

#[test]
fn without_credentials_it_is_said_which_variables_to_set() {
    let server = server!();
    let endpoint = format!("http://{}", server.address);
    let limits = bucket::Limits { patience: Duration::from_secs(1), ..Default::default() };
    let bucket = bucket::Bucket::new("s3://b/p")
        .with_variables(&|name| match name {
            "AWS_ENDPOINT_URL" => Some(endpoint.clone()),
            // Nobody is there: as on a machine that is in no cloud.
            "AWS_METADATA_ENDPOINT" => Some("http://169.254.255.254".to_owned()),
            _ => None,
        })
        .with_limits(limits);
    let location = StateTarget::Bucket(bucket);
    let said =
        words(state::open(state::OpenOptions { target: location, ..server.place().options() }));
    assert!(said.contains("set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"), "{said}");
}
