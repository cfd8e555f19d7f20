//! Reads everything of a state, and compares it.

use std::{
    collections::{BTreeMap, HashSet},
    ops::Bound,
};

use serde::de::DeserializeOwned;

use super::{Engine, approvals::begins_behind};
use crate::{
    model::{Approval, Intent, MessageId, Record},
    state::{
        Digest, Run, RunPart, StateError, Verification,
        codec::{self, Undecodable},
        header::{StateHeader, Tally},
        id_index,
        keys::{self, Table},
        kv::Kv,
    },
};

/// At most this many problems are listed: a store of which nothing is left would fill the screen.
const MAX_PROBLEMS: usize = 100;

impl<K: Kv> Engine<K> {
    pub(in crate::state) fn verify(&self) -> Result<Verification, StateError> {
        let mut found = Verification::default();
        let mut problems = Problems::default();
        let beside = self.kv.verify()?;
        match self.kv.get(keys::HEADER)? {
            None => problems.add("the header is missing".to_owned()),
            Some(bytes) => match StateHeader::decode(&self.location, &bytes) {
                Ok(header) if header == self.header => {}
                Ok(_) => problems.add("the header is not what was last written".to_owned()),
                Err(error) => problems.add_error(error)?,
            },
        }
        let mut ids = Ids::default();
        found.records = self.verify_table(Table::Records, &mut problems, |key, bytes| {
            let (record, digest) = self.decode_record(key, bytes)?;
            ids.add(&record);
            Ok(digest)
        })?;
        let mut index = Tally::default();
        self.verify_table(Table::Ids, &mut problems, |key, bytes| {
            let (_, digest) =
                codec::check(key, bytes).map_err(|error| error.at(&self.location, key))?;
            index.add(digest);
            Ok(digest)
        })?;
        if !ids.twice.is_empty() {
            self.name_twice(&ids.twice, &mut problems)?;
        } else if index != ids.expected && problems.is_empty() {
            problems.add("its index of message ids does not fit its records".to_owned());
        }
        found.intents = self.verify_named::<Intent>(Table::Intents, &mut problems)?;
        found.approvals = self.verify_approvals(&mut problems)?;
        found.runs = self.verify_named::<Run>(Table::Runs, &mut problems)?;
        self.verify_named::<RunPart>(Table::RunParts, &mut problems)?;
        found.problems = problems.into_list();
        found.problems.extend(beside);
        Ok(found)
    }

    /// The approvals and their pages. Answers with the number of approvals.
    fn verify_approvals(&self, problems: &mut Problems) -> Result<u64, StateError> {
        let mut found = 0;
        let mut last: Option<Approval> = None;
        let mut whole = true;
        self.verify_table(Table::Approvals, problems, |key, bytes| {
            let decoded = self.decode_approvals(key, bytes);
            whole &= decoded.is_ok();
            let (page, digest) = decoded?;
            found += page.len() as u64;
            let before = std::mem::replace(&mut last, page.into_iter().next_back());
            if before.is_some_and(|before| !begins_behind(key, &before)) {
                return Err(Undecodable::Name.at(&self.location, key));
            }
            Ok(digest)
        })?;
        let expected = self.header.meta.approvals;
        if whole && found != expected {
            problems.add(format!("it should have {expected} approvals, and has {found}"));
        }
        Ok(found)
    }

    /// Says which deliveries have these messages, each of which is in more than one record.
    fn name_twice(
        &self,
        twice: &HashSet<MessageId>,
        problems: &mut Problems,
    ) -> Result<(), StateError> {
        let mut holders = BTreeMap::<MessageId, Vec<String>>::new();
        let (from, to) =
            (Table::Records.from(Bound::Unbounded), Table::Records.to(Bound::Unbounded));
        self.kv.walk(from, to, false, &mut |key, bytes| {
            // One that cannot be read was reported.
            if let Ok((record, _)) = self.decode_record(key, bytes) {
                for id in id_index::of(&record).filter(|id| twice.contains(*id)) {
                    holders.entry(id.clone()).or_default().push(record.address.masked());
                }
            }
            Ok(true)
        })?;
        for (id, holders) in holders {
            problems.add(format!(
                "message {id} is in several deliveries, and deleting one would delete that of the others: {}",
                holders.join(", ")
            ));
        }
        Ok(())
    }

    fn verify_named<T: DeserializeOwned + Named>(
        &self,
        table: Table,
        problems: &mut Problems,
    ) -> Result<u64, StateError> {
        self.verify_table(table, problems, |key, bytes| {
            let (value, digest) = self.decode::<T>(key, bytes)?;
            if key.get(1..) == Some(&value.name()) {
                return Ok(digest);
            }
            Err(Undecodable::Name.at(&self.location, key))
        })
    }

    /// `check` reads one of them, and answers with its digest.
    fn verify_table(
        &self,
        table: Table,
        problems: &mut Problems,
        mut check: impl FnMut(&[u8], &[u8]) -> Result<Digest, StateError>,
    ) -> Result<u64, StateError> {
        let mut tally = Tally::default();
        let (from, to) = (table.from(Bound::Unbounded), table.to(Bound::Unbounded));
        let mut whole = true;
        let walked = self.kv.walk(from, to, false, &mut |key, bytes| {
            match check(key, bytes) {
                Ok(digest) => tally.add(digest),
                Err(error) => {
                    whole = false;
                    problems.add_error(error)?;
                }
            }
            Ok(true)
        });
        if let Err(error) = walked {
            whole = false;
            problems.add_error(error)?;
        }
        if let Some(what) = self.header.tally(table).mismatch(table, tally) {
            // With a bad value among them, a wrong sum says nothing new; a wrong count may.
            if whole || tally.count != self.header.tally(table).count {
                problems.add(what);
            }
        }
        Ok(tally.count)
    }
}

/// Things that know the name they are stored under.
trait Named {
    fn name(&self) -> Vec<u8>;
}

impl Named for Intent {
    fn name(&self) -> Vec<u8> {
        self.address.as_str().as_bytes().to_vec()
    }
}

impl Named for Run {
    fn name(&self) -> Vec<u8> {
        keys::run_name(self)
    }
}

impl Named for RunPart {
    fn name(&self) -> Vec<u8> {
        keys::part_name(self)
    }
}

/// The message ids that records stand for.
#[derive(Default)]
struct Ids {
    /// Hashes of those that were seen.
    seen: HashSet<u128>,
    twice: HashSet<MessageId>,
    /// What the index should have.
    expected: Tally,
}

impl Ids {
    fn add(&mut self, record: &Record) {
        for id in id_index::of(record) {
            let hash = blake3::hash(id.as_str().as_bytes());
            let (hash, _) = hash.as_bytes().split_first_chunk().unwrap_or((&[0; 16], &[]));
            if !self.seen.insert(u128::from_le_bytes(*hash)) {
                self.twice.insert(id.clone());
            }
            self.expected.add(codec::digest(&codec::encode_empty(&id_index::key(id))));
        }
    }
}

#[derive(Default)]
struct Problems {
    list: Vec<String>,
    more: usize,
}

impl Problems {
    fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    fn add(&mut self, problem: String) {
        if self.list.len() < MAX_PROBLEMS {
            self.list.push(problem);
        } else {
            self.more += 1;
        }
    }

    /// Damage is a finding; anything else (a file that cannot be read) ends the search.
    fn add_error(&mut self, error: StateError) -> Result<(), StateError> {
        match error {
            StateError::Damaged { what, .. } => self.add(what),
            StateError::Newer { .. } => self.add(error.to_string()),
            other => return Err(other),
        }
        Ok(())
    }

    fn into_list(mut self) -> Vec<String> {
        if self.more > 0 {
            self.list.push(format!("and {} more", self.more));
        }
        self.list
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use uuid::Uuid;

    use super::*;
    use crate::{
        model::{Address, Content, Kind, Sender, Superseded},
        state::{Write, memory::MemoryKv},
    };

    fn record(name: &str, id: &str) -> Record {
        let now = Timestamp::UNIX_EPOCH;
        Record {
            address: Address::parse(name).expect("an address"),
            kind: Kind::Pushed,
            id: MessageId::new(id),
            content: Content { text: "hi".into(), from: Sender::Random },
            protect: false,
            created_at: now,
            updated_at: now,
            verified_at: now,
            drift: None,
            superseded: None,
            intent: None,
            answered_text: None,
            restored: None,
        }
    }

    fn engine(records: &[&Record]) -> Engine<MemoryKv> {
        let header = StateHeader::new("default", Uuid::nil(), Timestamp::UNIX_EPOCH);
        let mut engine =
            Engine::create(MemoryKv::default(), "here", header, None).expect("an empty state");
        for record in records {
            let write = Write::Put(Box::new((*record).clone()));
            engine.commit(&[write]).expect("a commit");
        }
        engine
    }

    /// Another record at the place of one, with the checksums, count and digest of the header to match.
    fn forged(engine: &mut Engine<MemoryKv>, record: &Record) {
        let key = Table::Records.key(record.address.as_str().as_bytes());
        let value = codec::encode_record(&key, record).expect("encoded");
        let mut header = engine.header.clone();
        let mut tally = header.tally(Table::Records);
        let before = engine.kv.get(&key).expect("readable").expect("is there");
        tally.remove(codec::digest(&before));
        tally.add(codec::digest(&value));
        header.set_tally(Table::Records, tally);
        let mut changes = header.alone().expect("encoded");
        changes.insert(key, Some(value));
        engine.kv.write(&changes).expect("written");
        engine.header = header;
    }

    #[test]
    fn a_message_in_two_records_is_found_with_both_deliveries() {
        let (a, b) = (record("a@visitor-one", "1"), record("b@visitor-two", "2"));
        for second in [
            record("b@visitor-two", "1"),
            Record {
                superseded: Some(Superseded { id: a.id.clone(), kind: Kind::Agent }),
                ..b.clone()
            },
        ] {
            let mut engine = engine(&[&a, &b]);
            forged(&mut engine, &second);
            let problems = engine.verify().expect("readable").problems;
            assert_eq!(problems.len(), 1, "{problems:?}");
            let masked = [&a, &b].map(|record| record.address.masked());
            assert!(problems[0].starts_with("message 1 is in several deliveries"), "{problems:?}");
            assert!(masked.iter().all(|name| problems[0].contains(name)), "{problems:?}");
        }
    }

    #[test]
    fn an_index_that_does_not_fit_the_records_is_found() {
        let (a, b) = (record("a@v", "1"), record("b@v", "2"));
        let mut engine = engine(&[&a, &b]);
        forged(&mut engine, &record("b@v", "3"));
        let problems = engine.verify().expect("readable").problems;
        assert_eq!(problems, ["its index of message ids does not fit its records"]);
    }
}
