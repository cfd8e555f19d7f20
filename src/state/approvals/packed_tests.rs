//! Pages are read as they were written, and nothing else is read as one.

use jiff::Timestamp;
use proptest::prelude::*;

use super::packed::*;
use crate::model::{Address, Approval, ContentDigest, Presence, Target, Window, leb128};

const NAME: &[u8] = b"key@";

fn ids() -> impl Strategy<Value = String> {
    prop_oneof!["[0-9a-f]{1,70}", "[0-9A-Za-z_-]{1,40}", "[!-~\u{e4}\u{1f600}]{1,60}"]
}

fn times() -> impl Strategy<Value = Option<Timestamp>> {
    let (least, most) = (Timestamp::MIN.as_nanosecond(), Timestamp::MAX.as_nanosecond());
    let time = (least..=most).prop_map(|time| Timestamp::from_nanosecond(time).expect("in range"));
    proptest::option::of(prop_oneof![time, Just(Timestamp::UNIX_EPOCH)])
}

fn targets() -> impl Strategy<Value = Target> {
    let present = (0..3_u8, times(), times()).prop_map(|(digest, from, until)| {
        let content = ContentDigest([digest; ContentDigest::BYTES]);
        Target::Present(Presence { content, window: Window { from, until } })
    });
    prop_oneof![3 => present, 1 => Just(Target::Absent), 1 => Just(Target::Unmanaged)]
}

fn pages() -> impl Strategy<Value = Vec<Approval>> {
    let run = prop_oneof![0..3_u64, any::<u64>()];
    let one = (targets(), run, any::<(bool, bool)>());
    proptest::collection::btree_map(ids(), one, 1..60).prop_map(|all| {
        let approval = |(id, (target, run, (opened, lapsed))): (String, _)| {
            let address = Address::parse(&format!("key@{id}")).expect("an address");
            let approval = Approval { address, target, run, opened, lapsed: false };
            if lapsed { approval.once_lapsed() } else { approval }
        };
        all.into_iter().map(approval).collect()
    })
}

fn packed(page: &[Approval]) -> Vec<u8> {
    let mut out = Vec::new();
    pack(page, &mut out);
    out
}

fn name(page: &[Approval]) -> &[u8] {
    page[0].address.as_str().as_bytes()
}

proptest! {
    #[test]
    fn a_page_is_read_as_it_was(page in pages()) {
        let bytes = packed(&page);
        prop_assert_eq!(unpack(name(&page), &bytes), Ok(page.clone()));
        // Its first approvals may be gone.
        prop_assert_eq!(unpack(b"key@!", &bytes), Ok(page.clone()));
        // About its length was known before.
        prop_assert!(bytes.len() < length_of(page.iter()) + 40 * page.len() + 20);
    }

    #[test]
    fn a_page_that_is_cut_or_followed_by_something_is_refused(page in pages(), share in 0.0..1.0) {
        let bytes = packed(&page);
        let cut = (bytes.len() as f64 * share) as usize;
        prop_assert!(unpack(name(&page), &bytes[..cut]).is_err());
        prop_assert!(unpack(name(&page), &[&bytes[..], b"x"].concat()).is_err());
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        if let Ok(page) = unpack(b"key@!", &bytes) {
            prop_assert!(page.is_sorted_by(|one, other| one.address < other.address));
        }
    }
}

#[test]
fn a_page_that_begins_before_its_name_or_under_none_is_refused() {
    let approval = |id: &str| Approval {
        address: Address::parse(&format!("key@{id}")).expect("an address"),
        target: Target::Absent,
        run: 1,
        opened: false,
        lapsed: false,
    };
    let page = [approval("b"), approval("c")];
    let bytes = packed(&page);
    assert_eq!(unpack(b"key@b", &bytes).map(|page| page.len()), Ok(2));
    for name in [&b"key@bb"[..], NAME, b"", b"\xff"] {
        assert!(unpack(name, &bytes).is_err(), "{name:?}");
    }
    for page in [&[approval("c"), approval("b")][..], &[approval("b"), approval("b")], &[]] {
        assert!(unpack(b"key@a", &packed(page)).is_err(), "{page:?}");
    }
}

#[test]
fn lengths_beyond_what_the_bytes_can_hold_take_no_memory() {
    let mut bytes = vec![1, 1, 0, 0, 1, 1];
    leb128::put(&mut bytes, u128::from(u64::MAX));
    leb128::put(&mut bytes, u128::from(u64::MAX));
    bytes.extend([0; 20]);
    assert!(unpack(b"key@a", &bytes).is_err());
}
