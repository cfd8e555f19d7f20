//! The objects of one environment. Each operation repeats its requests until their outcome is
//! known, or until its patience ends.

use std::{sync::Arc, time::Duration};

use futures_util::TryStreamExt as _;
use jiff::Timestamp;
use object_store::{
    Error, GetOptions, GetRange, ObjectMeta, ObjectStore, ObjectStoreExt as _, PutMode,
    UpdateVersion, aws::AmazonS3, path::Path,
};
use uuid::Uuid;

use super::{error::RequestError, http::ServerClock};
use crate::{
    network::{Attempts, Request, pauses},
    state::StateError,
};

/// An object as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Object {
    pub(super) bytes: Vec<u8>,
    pub(super) etag: String,
    /// When it was written, by the server's clock.
    pub(super) written: Timestamp,
}

/// An object in a list.
#[derive(Debug, Clone)]
pub(super) struct Listed {
    /// Its name within the environment.
    pub(super) name: String,
    /// When it was written, by the server's clock.
    pub(super) written: Timestamp,
}

/// The outcome of a conditional put.
#[derive(Debug)]
pub(super) enum Put {
    /// The object has these bytes.
    Done { etag: String },
    /// The object has other bytes, or does not exist.
    Refused(Option<Object>),
}

/// The objects of one environment. Cheap to clone.
#[derive(Clone)]
pub(super) struct Objects {
    store: Arc<AmazonS3>,
    /// With the environment, and a '/' at its end.
    prefix: String,
    location: String,
    clock: ServerClock,
    /// How long one operation is repeated.
    patience: Duration,
    /// For the jitter of its pauses.
    seed: u64,
}

impl Objects {
    pub(super) fn new(
        store: AmazonS3,
        prefix: String,
        location: String,
        clock: ServerClock,
        patience: Duration,
    ) -> Self {
        let seed = Uuid::new_v4().as_u64_pair().0;
        Self { store: Arc::new(store), prefix, location, clock, patience, seed }
    }

    /// The same objects, with less patience.
    pub(super) fn with_patience(&self, patience: Duration) -> Self {
        Self { patience: patience.min(self.patience), ..self.clone() }
    }

    pub(super) fn location(&self) -> &str {
        &self.location
    }

    /// The server's time; `None` if its answers do not tell it.
    pub(super) fn server_time(&self) -> Option<Timestamp> {
        self.clock.now()
    }

    fn path(&self, name: &str) -> Path {
        Path::from(format!("{}{name}", self.prefix))
    }

    /// An object; `None` if it does not exist.
    pub(super) async fn get(&self, name: &str) -> Result<Option<Object>, StateError> {
        self.get_with(name, GetOptions::default()).await
    }

    /// The first bytes of an object.
    pub(super) async fn start_of(
        &self,
        name: &str,
        length: u64,
    ) -> Result<Option<Vec<u8>>, StateError> {
        let range = Some(GetRange::Bounded(0..length));
        let found = self.get_with(name, GetOptions { range, ..Default::default() }).await?;
        Ok(found.map(|object| object.bytes))
    }

    async fn get_with(
        &self,
        name: &str,
        options: GetOptions,
    ) -> Result<Option<Object>, StateError> {
        let path = self.path(name);
        let get = || async {
            let found = self.store.get_opts(&path, options.clone()).await?;
            let etag = found.meta.e_tag.clone().unwrap_or_default();
            let written = Timestamp::from_second(found.meta.last_modified.timestamp());
            let written = written.unwrap_or(Timestamp::MAX);
            Ok(Object { bytes: found.bytes().await?.to_vec(), etag, written })
        };
        self.repeat(format!("GET {name}"), || async {
            match get().await {
                Err(Error::NotFound { .. }) => Ok(Ok(None)),
                answer => Ok(answer.map(Some)),
            }
        })
        .await
    }

    /// Writes an object that must not exist yet. An object with exactly these bytes counts as
    /// written: an earlier attempt of this call had its effect, although no answer came. So no other
    /// writer may ever write the same bytes.
    pub(super) async fn create(&self, name: &str, bytes: &[u8]) -> Result<Put, StateError> {
        self.put(name, bytes, None).await
    }

    /// Writes an object over the version with this tag.
    pub(super) async fn replace(
        &self,
        name: &str,
        bytes: &[u8],
        etag: &str,
    ) -> Result<Put, StateError> {
        self.put(name, bytes, Some(etag)).await
    }

    /// Whether the server refuses to write an object that exists already (without `over`), or over a version that
    /// is not the present one. The caller knows that it should.
    pub(super) async fn refuses(
        &self,
        name: &str,
        bytes: &[u8],
        over: Option<&str>,
    ) -> Result<bool, StateError> {
        let (path, mode) = (self.path(name), put_mode(over));
        self.repeat(format!("PUT {name}"), || async {
            let put = self.store.put_opts(&path, bytes.to_vec().into(), mode.clone().into());
            Ok(match put.await {
                Ok(_) => Ok(false),
                Err(Error::AlreadyExists { .. } | Error::Precondition { .. }) => Ok(true),
                Err(error) => Err(error),
            })
        })
        .await
    }

    async fn put(&self, name: &str, bytes: &[u8], over: Option<&str>) -> Result<Put, StateError> {
        let (path, mode) = (self.path(name), put_mode(over));
        self.repeat(format!("PUT {name}"), || async {
            let put = self.store.put_opts(&path, bytes.to_vec().into(), mode.clone().into());
            let error = match put.await {
                Ok(put) => {
                    return Ok(Ok(Put::Done { etag: put.e_tag.unwrap_or_default() }));
                }
                // 412, or 409 while another request is under way: the object tells.
                Err(
                    error @ (Error::AlreadyExists { .. }
                    | Error::Precondition { .. }
                    | Error::NotFound { .. }),
                ) => error,
                Err(error) => return Ok(Err(error)),
            };
            let found = self.get(name).await?;
            Ok(match found {
                Some(found) if found.bytes == bytes => Ok(Put::Done { etag: found.etag }),
                // Refused, although it is as it should be: another request was under way.
                found if found.as_ref().map(|found| found.etag.as_str()) == over => Err(error),
                found => Ok(Put::Refused(found)),
            })
        })
        .await
    }

    /// Removes an object, if it exists.
    pub(super) async fn delete(&self, name: &str) -> Result<(), StateError> {
        let path = self.path(name);
        self.repeat(format!("DELETE {name}"), || async {
            match self.store.delete(&path).await {
                Err(Error::NotFound { .. }) => Ok(Ok(())),
                answer => Ok(answer),
            }
        })
        .await
    }

    /// The objects in a folder whose names come after `after`, sorted.
    pub(super) async fn list(&self, folder: &str, after: &str) -> Result<Vec<Listed>, StateError> {
        let (prefix, after) = (self.path(folder), self.path(&format!("{folder}{after}")));
        let all: Vec<ObjectMeta> = self
            .repeat(format!("LIST {folder}"), || async {
                Ok(self.store.list_with_offset(Some(&prefix), &after).try_collect().await)
            })
            .await?;
        let listed = |meta: &ObjectMeta| {
            let name = meta.location.as_ref().strip_prefix(&self.prefix)?.to_owned();
            let written = Timestamp::from_second(meta.last_modified.timestamp()).ok()?;
            Some(Listed { name, written })
        };
        let mut all: Vec<_> = all.iter().filter_map(listed).collect();
        all.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(all)
    }

    pub(super) fn unavailable(&self, why: impl Into<String>) -> StateError {
        StateError::unavailable(&self.location, why)
    }

    /// Repeats an attempt as long as its error may pass and patience lasts.
    async fn repeat<T, F>(
        &self,
        operation: String,
        attempt: impl Fn() -> F,
    ) -> Result<T, StateError>
    where
        F: Future<Output = Result<Result<T, Error>, StateError>>,
    {
        let mut pauses = pauses(Request::Object, self.seed);
        let mut attempts = Attempts::first();
        loop {
            let error = match attempt().await? {
                Ok(done) => return Ok(done),
                Err(error) => RequestError::of(&error),
            };
            let pause = pauses.next().unwrap_or_default();
            if !error.may_pass() || attempts.elapsed() + pause > self.patience {
                let RequestError { kind, cure } = error;
                return Err(self.unavailable(format!("{operation}: {kind}{attempts}: {cure}")));
            }
            tokio::time::sleep(pause).await;
            attempts.next();
        }
    }
}

/// Only if the object does not exist, or only over the version with this tag.
fn put_mode(over: Option<&str>) -> PutMode {
    over.map_or(PutMode::Create, |etag| {
        PutMode::Update(UpdateVersion { e_tag: Some(etag.to_owned()), version: None })
    })
}
