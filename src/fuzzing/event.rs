//! Events that come over a webhook.

use jiff::Timestamp;
use uuid::Uuid;

use super::assert_harmless;
use crate::{
    controller::webhooks::{Sightings, findings, read},
    model::{Address, Content, Intent, Kind, Sender},
};

/// One event; what it says is compared with a delivery that it may be about.
pub fn event(data: &[u8]) {
    let event = match read(data) {
        Ok(event) => event,
        Err(error) => return assert_harmless(&error.to_string()),
    };
    let mut sightings = Sightings::default();
    for sighting in event.iter().cloned() {
        sightings.add(sighting);
    }
    let once = sightings.len();
    // The same event once more says nothing new.
    let news = event.into_iter().filter(|sighting| sightings.add(sighting.clone())).count();
    assert_eq!((news, sightings.len()), (0, once));
    let Ok(address) = Address::parse("note@kZMvWhf8npAu3H6qd57w2Hv6nh6rnxvg") else { return };
    for kind in [Kind::Pushed, Kind::Agent] {
        let intent = Intent {
            address: address.clone(),
            kind,
            content: Content { text: "hi".into(), from: Sender::Random },
            protect: false,
            at: Timestamp::UNIX_EPOCH,
            run: Uuid::nil(),
            again: 0,
            trouble: None,
            request_id: None,
        };
        for found in findings(&[intent], &sightings, |_, _| false) {
            if let Err(unsettled) = found.proof {
                assert_harmless(&unsettled.to_string());
            }
        }
    }
}
