use jiff::Timestamp;

use crate::{
    model::{Approval, Intent, MessageId, Record, Superseded},
    state::{Decided, RunChange, Write},
};

/// What the history says of a [`resolution`]: all that `state resolve --again` needs to take it back.
pub fn decision(
    action: &str,
    intent: &Intent,
    id: Option<MessageId>,
    earlier: Option<&Record>,
    approval: Option<Approval>,
) -> RunChange {
    let decided = Decided { intent: intent.clone(), earlier: earlier.cloned(), approval };
    RunChange {
        address: intent.address.clone(),
        action: action.to_owned(),
        outcome: "done".to_owned(),
        id,
        error: None,
        decided: Some(Box::new(decided)),
    }
}

/// What the state says of a create whose answer was lost, once somebody looked: it is there under
/// `id`, or it was never sent. `earlier` is the record that it was to replace, if any.
pub fn resolution(
    intent: Intent,
    id: Option<MessageId>,
    earlier: Option<Record>,
    now: Timestamp,
) -> Vec<Write> {
    let Intent { address, kind, content, protect, at, run: _, again: _, trouble: _, request_id: _ } =
        intent;
    let mut writes = vec![Write::Settle(address.clone())];
    writes.extend(id.map(|id| {
        Write::Put(Box::new(Record {
            address,
            kind,
            id,
            content,
            answered_text: None,
            restored: None,
            protect,
            created_at: at,
            updated_at: at,
            verified_at: now,
            drift: None,
            // An interrupted replace goes on: the old message is still to be deleted.
            superseded: earlier.map(|old| Superseded { id: old.id, kind: old.kind }),
            intent: None,
        }))
    }));
    writes
}
