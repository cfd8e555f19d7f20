//! The packed form of a record: small, and comparable without decoding it.
//!
//! | what | bytes |
//! |---|---|
//! | flags | one, or two if the record is not a plain one: kind, protection, the form of the sender, whether there is drift, whether something is superseded, whether there is an intent, an answered text, a restore |
//! | sender | no, one, two or three texts, as its form says |
//! | message id | a text |
//! | created, updated, verified | nanoseconds: since 1970, since created, since updated |
//! | drift, superseded, intent, answered text, restore | each a text, JSON, if the flags say so |
//! | text | the rest |
//!
//! Flags and numbers are LEB128, those that may be negative zigzag before that; a text is its length and its
//! bytes. The address is not in it: a record is stored under its address.

use jiff::Timestamp;
use serde::de::DeserializeOwned;

use super::{Address, Content, Kind, MessageId, Record, Sender, leb128};

// The flags of most records fit into seven bits, which are one byte.
const AGENT: u16 = 1;
const PROTECT: u16 = 1 << 1;
const DRIFT: u16 = 1 << 2;
const SUPERSEDED: u16 = 1 << 3;
/// Three bits for the form of the sender.
const FORM: u16 = 4;
const FORMS: u16 = 0b111;
const INTENT: u16 = 1 << 7;
const ANSWERED: u16 = 1 << 8;
const RESTORED: u16 = 1 << 9;

/// Appends the packed form of a record.
///
/// # Errors
///
/// Never in practice: the parts that are JSON can be written as such.
pub fn pack(record: &Record, out: &mut Vec<u8>) -> Result<(), serde_json::Error> {
    // Exhaustive, so that a new field is not forgotten here.
    let Record {
        address: _,
        kind,
        id,
        content: Content { text, from },
        answered_text,
        restored,
        protect,
        created_at,
        updated_at,
        verified_at,
        drift,
        superseded,
        intent,
    } = record;
    let agent = match kind {
        Kind::Pushed => 0,
        Kind::Agent => AGENT,
    };
    let (form, texts) = form_of(from);
    let flag = |set: bool, flag: u16| if set { flag } else { 0 };
    let flags = agent
        | flag(*protect, PROTECT)
        | flag(drift.is_some(), DRIFT)
        | flag(superseded.is_some(), SUPERSEDED)
        | flag(intent.is_some(), INTENT)
        | flag(answered_text.is_some(), ANSWERED)
        | flag(restored.is_some(), RESTORED)
        | form << FORM;
    leb128::put(out, flags.into());
    for part in texts.into_iter().flatten() {
        put_text(out, part.as_bytes());
    }
    put_text(out, id.as_str().as_bytes());
    let [created, updated, verified] =
        [created_at, updated_at, verified_at].map(|time| time.as_nanosecond());
    put_signed(out, created);
    put_signed(out, updated - created);
    put_signed(out, verified - updated);
    if let Some(drift) = drift {
        put_text(out, &serde_json::to_vec(drift)?);
    }
    if let Some(superseded) = superseded {
        put_text(out, &serde_json::to_vec(superseded)?);
    }
    if let Some(intent) = intent {
        put_text(out, &serde_json::to_vec(intent)?);
    }
    if let Some(answered) = answered_text {
        put_text(out, &serde_json::to_vec(answered)?);
    }
    if let Some(restored) = restored {
        put_text(out, &serde_json::to_vec(restored)?);
    }
    out.extend_from_slice(text.as_bytes());
    Ok(())
}

/// The form of a sender, and the texts that it has.
fn form_of(from: &Sender) -> (u16, [Option<&str>; 3]) {
    match from {
        Sender::Random => (0, [None; 3]),
        Sender::Group(id) => (1, [Some(id), None, None]),
        Sender::Agent { id, received_from: None } => (2, [Some(id), None, None]),
        Sender::Agent { id, received_from: Some(mark) } => (3, [Some(id), Some(mark), None]),
        Sender::Helpdesk { email, name, received_from } => {
            (4, [Some(email), Some(name), Some(received_from)])
        }
    }
}

/// Why bytes are not a packed record.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotARecord {
    /// The bytes after the first ones are not what [`pack`] writes.
    #[error("matches its checksum but cannot be read (column {0})")]
    Bytes(usize),
    /// It is not stored under an address.
    #[error("lies under a name that is not an address")]
    Name,
}

/// The record whose packed form is stored under this name.
///
/// # Errors
///
/// If it is not what [`pack`] writes, or the name is not an address.
pub fn unpack(name: &[u8], packed: &[u8]) -> Result<Record, NotARecord> {
    let parts = PackedRecord::read(packed)?;
    let address = std::str::from_utf8(name).ok().and_then(|name| Address::parse(name).ok());
    parts.decode(address.ok_or(NotARecord::Name)?).ok_or(NotARecord::Bytes(packed.len()))
}

/// The parts of a packed record. Texts may be invalid UTF-8, and times out of range, until it is decoded.
pub(super) struct PackedRecord<'a> {
    flags: u16,
    sender: [Option<&'a [u8]>; 3],
    id: &'a [u8],
    created: i128,
    updated: i128,
    verified: i128,
    drift: Option<&'a [u8]>,
    superseded: Option<&'a [u8]>,
    intent: Option<&'a [u8]>,
    answered_text: Option<&'a [u8]>,
    restored: Option<&'a [u8]>,
    text: &'a [u8],
}

impl<'a> PackedRecord<'a> {
    /// Finds the parts.
    pub(super) fn read(payload: &'a [u8]) -> Result<Self, NotARecord> {
        let mut reader = Reader(payload);
        Self::parts(&mut reader).ok_or(NotARecord::Bytes(payload.len() - reader.0.len()))
    }

    fn parts(reader: &mut Reader<'a>) -> Option<Self> {
        let flags = u16::try_from(leb128::take(&mut reader.0)?).ok()?;
        let texts = match flags >> FORM & FORMS {
            0 => 0,
            1 | 2 => 1,
            3 => 2,
            4 => 3,
            _ => return None,
        };
        let mut sender = [None; 3];
        for part in &mut sender[..texts] {
            *part = Some(reader.text()?);
        }
        let id = reader.text()?;
        let created = reader.signed()?;
        let updated = created.checked_add(reader.signed()?)?;
        let verified = updated.checked_add(reader.signed()?)?;
        let drift = if flags & DRIFT > 0 { Some(reader.text()?) } else { None };
        let superseded = if flags & SUPERSEDED > 0 { Some(reader.text()?) } else { None };
        let intent = if flags & INTENT > 0 { Some(reader.text()?) } else { None };
        let answered_text = if flags & ANSWERED > 0 { Some(reader.text()?) } else { None };
        let restored = if flags & RESTORED > 0 { Some(reader.text()?) } else { None };
        let text = std::mem::take(&mut reader.0);
        Some(Self {
            flags,
            sender,
            id,
            created,
            updated,
            verified,
            drift,
            superseded,
            intent,
            answered_text,
            restored,
            text,
        })
    }

    fn kind(&self) -> Kind {
        if self.flags & AGENT > 0 { Kind::Agent } else { Kind::Pushed }
    }

    fn protect(&self) -> bool {
        self.flags & PROTECT > 0
    }

    /// See [`super::LazyRecord::certainly_has`].
    pub(super) fn certainly_has(
        &self,
        kind: Kind,
        from: &Sender,
        text: &str,
        protect: Option<bool>,
    ) -> bool {
        // Exhaustive, so that a new part is not forgotten here.
        let Self {
            flags,
            sender,
            id: _,
            created: _,
            updated: _,
            verified: _,
            drift,
            superseded,
            intent,
            // What the API made of the text is of no interest to a plan.
            answered_text: _,
            restored: _,
            text: stored,
        } = self;
        let (form, texts) = form_of(from);
        drift.is_none()
            && superseded.is_none()
            && intent.is_none()
            && self.kind() == kind
            && protect.is_none_or(|protect| protect == self.protect())
            && flags >> FORM & FORMS == form
            && *sender == texts.map(|text| text.map(str::as_bytes))
            && *stored == text.as_bytes()
    }

    /// The whole record; `None` if a part of it is not what it should be.
    fn decode(&self, address: Address) -> Option<Record> {
        let Self {
            flags,
            sender,
            id,
            created,
            updated,
            verified,
            drift,
            superseded,
            intent,
            answered_text,
            restored,
            text,
        } = self;
        let mut texts = [const { String::new() }; 3];
        for (text, bytes) in texts.iter_mut().zip(sender) {
            *text = owned(bytes.unwrap_or_default())?;
        }
        let [first, second, third] = texts;
        let from = match flags >> FORM & FORMS {
            0 => Sender::Random,
            1 => Sender::Group(first),
            2 => Sender::Agent { id: first, received_from: None },
            3 => Sender::Agent { id: first, received_from: Some(second) },
            _ => Sender::Helpdesk { email: first, name: second, received_from: third },
        };
        Some(Record {
            address,
            kind: self.kind(),
            id: MessageId::new(owned(id)?),
            content: Content { text: std::str::from_utf8(text).ok()?.into(), from },
            answered_text: json(*answered_text)?,
            restored: json(*restored)?,
            protect: self.protect(),
            created_at: time(*created)?,
            updated_at: time(*updated)?,
            verified_at: time(*verified)?,
            drift: json(*drift)?,
            superseded: json(*superseded)?,
            intent: json(*intent)?,
        })
    }
}

fn owned(bytes: &[u8]) -> Option<String> {
    std::str::from_utf8(bytes).ok().map(str::to_owned)
}

fn time(nanoseconds: i128) -> Option<Timestamp> {
    Timestamp::from_nanosecond(nanoseconds).ok()
}

/// What may be missing; the outer `None` if it is there and cannot be read.
#[expect(clippy::option_option, reason = "a missing part is none, a broken one another none")]
fn json<T: DeserializeOwned>(bytes: Option<&[u8]>) -> Option<Option<T>> {
    bytes.map(serde_json::from_slice).transpose().ok()
}

fn put_signed(out: &mut Vec<u8>, number: i128) {
    leb128::put(out, ((number << 1) ^ (number >> 127)) as u128);
}

fn put_text(out: &mut Vec<u8>, text: &[u8]) {
    leb128::put(out, text.len() as u128);
    out.extend_from_slice(text);
}

/// What is left to read.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn signed(&mut self) -> Option<i128> {
        let number = leb128::take(&mut self.0)?;
        Some((number >> 1) as i128 ^ -((number & 1) as i128))
    }

    fn text(&mut self) -> Option<&'a [u8]> {
        let length = usize::try_from(leb128::take(&mut self.0)?).ok()?;
        let (text, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(text)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::{ChangeIntent, Drift, Restored, Superseded, TextThere};

    fn senders() -> impl Strategy<Value = Sender> {
        prop_oneof![
            Just(Sender::Random),
            ".{0,9}".prop_map(Sender::Group),
            (".{0,9}", any::<Option<String>>())
                .prop_map(|(id, received_from)| Sender::Agent { id, received_from }),
            (".{0,9}", ".{0,9}", ".{0,9}").prop_map(|(email, name, received_from)| {
                Sender::Helpdesk { email, name, received_from }
            }),
        ]
    }

    fn times() -> impl Strategy<Value = Timestamp> {
        let (least, most) = (Timestamp::MIN.as_nanosecond(), Timestamp::MAX.as_nanosecond());
        (least..=most).prop_map(|time| Timestamp::from_nanosecond(time).expect("in range"))
    }

    fn kinds() -> impl Strategy<Value = Kind> {
        any::<bool>().prop_map(|agent| if agent { Kind::Agent } else { Kind::Pushed })
    }

    fn records() -> impl Strategy<Value = Record> {
        let drift = prop_oneof![
            3 => Just(None),
            1 => Just(Some(Drift::Gone)),
            1 => Just(Some(Drift::Forgotten)),
            1 => any::<String>().prop_map(|text| Some(Drift::Text(text))),
        ];
        let old = (any::<String>(), kinds())
            .prop_map(|(id, kind)| Superseded { id: MessageId::new(id), kind });
        let intent = prop_oneof![
            3 => Just(None),
            1 => (any::<String>(), times())
                .prop_map(|(text, at)| Some(ChangeIntent::Update { text: text.into(), at })),
            1 => times().prop_map(|at| Some(ChangeIntent::Delete { at })),
        ];
        // Some are far longer than the text, so that a digest is kept.
        let there = |weight| {
            let text = prop_oneof![any::<String>(), "[a-z]{9}".prop_map(|text| text.repeat(999))];
            proptest::option::weighted(weight, text.prop_map(|text| TextThere::of(&text, "sent")))
        };
        let restored = (there(0.3), any::<u8>())
            .prop_map(|(from, tries_left)| from.map(|from| Restored { from, tries_left }));
        let old = proptest::option::weighted(0.3, old);
        let rest = (any::<bool>(), drift, old, intent, there(0.3), restored);
        (kinds(), any::<String>(), any::<String>(), senders(), [times(), times(), times()], rest)
            .prop_map(|(kind, id, text, from, times, rest)| {
                let (protect, drift, superseded, intent, answered_text, restored) = rest;
                Record {
                    address: Address::parse("a@v").expect("valid"),
                    kind,
                    id: MessageId::new(id),
                    content: Content { text: text.into(), from },
                    answered_text,
                    restored,
                    protect,
                    created_at: times[0],
                    updated_at: times[1],
                    verified_at: times[2],
                    drift,
                    superseded,
                    intent,
                }
            })
    }

    fn packed(record: &Record) -> Vec<u8> {
        let mut out = Vec::new();
        pack(record, &mut out).expect("packs");
        out
    }

    proptest! {
        #[test]
        fn a_packed_record_is_read_as_it_was(record in records()) {
            let bytes = packed(&record);
            let read = PackedRecord::read(&bytes).ok().and_then(|p| p.decode(record.address.clone()));
            prop_assert_eq!(read, Some(record));
        }

        #[test]
        fn only_what_is_plain_and_the_same_is_called_so(
            record in records(),
            other in records(),
            mixed in any::<[bool; 4]>(),
            said in any::<bool>(),
        ) {
            // A mixture, so that each part alone is sometimes the only one that differs.
            let pick = |at: usize| if mixed[at] { &other } else { &record };
            let (kind, from) = (pick(0).kind, &pick(1).content.from);
            let (text, protect) = (&pick(2).content.text, said.then_some(pick(3).protect));
            let same = record.drift.is_none()
                && record.superseded.is_none()
                && record.intent.is_none()
                && kind == record.kind
                && *from == record.content.from
                && *text == record.content.text
                && protect.is_none_or(|protect| protect == record.protect);
            let bytes = packed(&record);
            let read = PackedRecord::read(&bytes).expect("reads");
            prop_assert_eq!(read.certainly_has(kind, from, text, protect), same);
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
            if let Ok(read) = PackedRecord::read(&bytes) {
                let _ = read.decode(Address::parse("a@v").expect("valid"));
            }
        }
    }

    /// Full of everything that a record can have.
    fn full() -> Record {
        Record {
            address: Address::parse("a@v").expect("valid"),
            kind: Kind::Agent,
            id: MessageId::new("an-id"),
            content: Content { text: "".into(), from: Sender::Group("g".to_owned()) },
            answered_text: Some(TextThere::of("answered", "")),
            restored: Some(Restored { from: TextThere::of("", ""), tries_left: 1 }),
            protect: true,
            created_at: Timestamp::UNIX_EPOCH,
            updated_at: Timestamp::UNIX_EPOCH,
            verified_at: Timestamp::UNIX_EPOCH,
            drift: Some(Drift::Gone),
            superseded: None,
            intent: Some(ChangeIntent::Delete { at: Timestamp::UNIX_EPOCH }),
        }
    }

    #[test]
    fn what_a_record_does_not_have_takes_no_byte() {
        let plain = Record {
            drift: None,
            intent: None,
            answered_text: None,
            restored: None,
            content: Content { text: "Hi".into(), from: Sender::Group("g".to_owned()) },
            ..full()
        };
        // Flags, sender, id, three times, text.
        assert_eq!(packed(&plain).len(), 1 + 2 + 6 + 3 + 2);
        let answered_text = Some(TextThere::of("Hi!", "Hi"));
        // A second byte of flags, a length, quotes.
        let answered = Record { answered_text, ..plain.clone() };
        assert_eq!(packed(&answered).len(), packed(&plain).len() + 1 + 1 + 5);
    }

    #[test]
    fn a_cut_off_record_has_no_parts() {
        let bytes = packed(&full());
        for length in 0..bytes.len() {
            assert!(PackedRecord::read(&bytes[..length]).is_err(), "{length} bytes");
        }
    }
}
