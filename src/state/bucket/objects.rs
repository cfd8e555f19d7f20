//! The objects of one environment, and the few things that are done with them: each is repeated
//! until it is known what came of it, or for as long as patience lasts.

use std::{
    error::Error as _,
    sync::Arc,
    time::{Duration, Instant},
};

use jiff::Timestamp;
use object_store::{
    Error, GetOptions, GetRange, ObjectMeta, ObjectStore, ObjectStoreExt, PutMode, PutOptions,
    PutPayload, UpdateVersion,
    aws::AmazonS3,
    list::{PaginatedListOptions, PaginatedListStore},
    path::Path,
};

use super::http::{ServerTime, Trouble};
use crate::state::StateError;

/// The first pause before a repeat; each is twice as long as the one before, up to the longest.
const PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(3);

/// An object as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Object {
    pub(super) bytes: Vec<u8>,
    pub(super) etag: String,
}

/// An object in a list.
#[derive(Debug, Clone)]
pub(super) struct Listed {
    /// Its name below the environment's.
    pub(super) name: String,
    /// When it was written, by the server's clock.
    pub(super) written: Timestamp,
}

/// What became of a conditional put.
#[derive(Debug)]
pub(super) enum Put {
    /// The object is what was to be written.
    Done { etag: String },
    /// It is something else, or not there at all.
    Refused(Option<Object>),
}

/// See above. Cheap to clone.
#[derive(Clone)]
pub(super) struct Objects {
    store: Arc<AmazonS3>,
    /// With the environment, and a '/' at its end.
    prefix: String,
    place: String,
    time: ServerTime,
    patience: Duration,
}

impl Objects {
    pub(super) fn new(
        store: AmazonS3,
        prefix: String,
        place: &str,
        time: ServerTime,
        patience: Duration,
    ) -> Self {
        Self { store: Arc::new(store), prefix, place: place.to_owned(), time, patience }
    }

    /// The same objects, for what is not worth waiting so long.
    pub(super) fn with_patience(&self, patience: Duration) -> Self {
        Self { patience: patience.min(self.patience), ..self.clone() }
    }

    pub(super) fn place(&self) -> &str {
        &self.place
    }

    /// The server's clock, as it was told last.
    pub(super) fn server_time(&self) -> Option<Timestamp> {
        self.time.last()
    }

    fn path(&self, name: &str) -> Path {
        Path::from(format!("{}{name}", self.prefix))
    }

    /// An object; `None` if there is none.
    pub(super) async fn get(&self, name: &str) -> Result<Option<Object>, StateError> {
        self.read(name, GetOptions::default()).await
    }

    /// The first bytes of an object.
    pub(super) async fn start_of(
        &self,
        name: &str,
        length: u64,
    ) -> Result<Option<Vec<u8>>, StateError> {
        let options =
            GetOptions { range: Some(GetRange::Bounded(0..length)), ..Default::default() };
        Ok(self.read(name, options).await?.map(|object| object.bytes))
    }

    async fn read(&self, name: &str, options: GetOptions) -> Result<Option<Object>, StateError> {
        let path = self.path(name);
        let mut tries = Tries::new(self);
        loop {
            let result = async {
                let found = self.store.get_opts(&path, options.clone()).await?;
                let etag = found.meta.e_tag.clone().unwrap_or_default();
                Ok(Object { bytes: found.bytes().await?.to_vec(), etag })
            };
            match result.await {
                Ok(object) => return Ok(Some(object)),
                Err(Error::NotFound { .. }) => return Ok(None),
                Err(error) => tries.again(&error).await?,
            }
        }
    }

    /// Writes an object that must not be there yet. It is no error if it is there with exactly
    /// these bytes: then an earlier attempt of this call had its effect, though no answer came.
    /// So the bytes must be such that nobody else would write them.
    pub(super) async fn create(&self, name: &str, bytes: &[u8]) -> Result<Put, StateError> {
        let path = self.path(name);
        let mut tries = Tries::new(self);
        loop {
            let payload = PutPayload::from(bytes.to_vec());
            match self.store.put_opts(&path, payload, PutMode::Create.into()).await {
                Ok(put) => return Ok(Put::Done { etag: put.e_tag.unwrap_or_default() }),
                // 412, or 409 if somebody is at it right now.
                Err(error @ (Error::AlreadyExists { .. } | Error::Precondition { .. })) => {
                    match self.get(name).await? {
                        Some(found) if found.bytes == bytes => {
                            return Ok(Put::Done { etag: found.etag });
                        }
                        Some(found) => return Ok(Put::Refused(Some(found))),
                        None => tries.again(&error).await?,
                    }
                }
                Err(error) => tries.again(&error).await?,
            }
        }
    }

    /// Writes an object over the version with this tag.
    pub(super) async fn replace(
        &self,
        name: &str,
        bytes: &[u8],
        etag: &str,
    ) -> Result<Put, StateError> {
        let path = self.path(name);
        let mut tries = Tries::new(self);
        loop {
            let version = UpdateVersion { e_tag: Some(etag.to_owned()), version: None };
            let options = PutOptions::from(PutMode::Update(version));
            let payload = PutPayload::from(bytes.to_vec());
            match self.store.put_opts(&path, payload, options).await {
                Ok(put) => return Ok(Put::Done { etag: put.e_tag.unwrap_or_default() }),
                Err(
                    error @ (Error::AlreadyExists { .. }
                    | Error::Precondition { .. }
                    | Error::NotFound { .. }),
                ) => match self.get(name).await? {
                    Some(found) if found.bytes == bytes => {
                        return Ok(Put::Done { etag: found.etag });
                    }
                    // Refused, and yet as it was: somebody was at it at the same moment.
                    Some(found) if found.etag == etag => tries.again(&error).await?,
                    found => return Ok(Put::Refused(found)),
                },
                Err(error) => tries.again(&error).await?,
            }
        }
    }

    /// Removes an object, if it is there.
    pub(super) async fn delete(&self, name: &str) -> Result<(), StateError> {
        let path = self.path(name);
        let mut tries = Tries::new(self);
        loop {
            match self.store.delete(&path).await {
                Ok(()) | Err(Error::NotFound { .. }) => return Ok(()),
                Err(error) => tries.again(&error).await?,
            }
        }
    }

    /// All objects below `folder` (which ends with '/') whose names come after `after`, sorted.
    pub(super) async fn list(&self, folder: &str, after: &str) -> Result<Vec<Listed>, StateError> {
        let prefix = format!("{}{folder}", self.prefix);
        let offset = (!after.is_empty()).then(|| format!("{prefix}{after}"));
        let mut all = Vec::new();
        let mut page = None;
        let mut tries = Tries::new(self);
        loop {
            let options = PaginatedListOptions {
                offset: offset.clone(),
                page_token: page.clone(),
                ..Default::default()
            };
            match self.store.list_paginated(Some(&prefix), options).await {
                Ok(found) => {
                    all.extend(found.result.objects.iter().filter_map(|meta| self.listed(meta)));
                    page = found.page_token;
                    if page.is_none() {
                        break;
                    }
                    tries = Tries::new(self);
                }
                Err(error) => tries.again(&error).await?,
            }
        }
        all.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(all)
    }

    fn listed(&self, meta: &ObjectMeta) -> Option<Listed> {
        let name = meta.location.as_ref().strip_prefix(&self.prefix)?.to_owned();
        let written = Timestamp::from_second(meta.last_modified.timestamp()).ok()?;
        Some(Listed { name, written })
    }

    pub(super) fn unavailable(&self, why: impl Into<String>) -> StateError {
        StateError::Unavailable { location: self.place.clone(), why: why.into() }
    }
}

/// The attempts at one thing.
struct Tries<'a> {
    objects: &'a Objects,
    start: Instant,
    pause: Duration,
    count: u32,
}

impl<'a> Tries<'a> {
    fn new(objects: &'a Objects) -> Self {
        Self { objects, start: Instant::now(), pause: PAUSE, count: 1 }
    }

    /// Waits for the next attempt, if there is to be one.
    async fn again(&mut self, error: &Error) -> Result<(), StateError> {
        let trouble = trouble(error);
        let passes = match (&trouble, error) {
            (Some(trouble), _) => trouble.passes,
            // Somebody else was at it: see where this is called.
            (None, Error::AlreadyExists { .. } | Error::Precondition { .. }) => true,
            (None, _) => false,
        };
        let over = self.start.elapsed() + self.pause > self.objects.patience;
        if !passes || over {
            return Err(self.objects.unavailable(self.words(trouble.as_ref(), error)));
        }
        let jitter = 0.5 + fastrand::f64() / 2.0;
        tokio::time::sleep(self.pause.mul_f64(jitter)).await;
        self.pause = (self.pause * 2).min(LONGEST_PAUSE);
        self.count += 1;
        Ok(())
    }

    fn words(&self, trouble: Option<&Trouble>, error: &Error) -> String {
        let Some(trouble) = trouble else {
            return match error {
                Error::AlreadyExists { .. } | Error::Precondition { .. } => {
                    "the server goes on refusing to write: run again".to_owned()
                }
                // These words may quote what a server said; they are for the log only.
                _ => "the server's answer cannot be understood: is AWS_ENDPOINT_URL that of an \
                      S3 server, and are the AWS_* variables right?"
                    .to_owned(),
            };
        };
        let tried = match self.count {
            1 => String::new(),
            count => format!(", {count} times in {:.0} s", self.start.elapsed().as_secs_f32()),
        };
        format!("{trouble}{tried}: {}", cure(trouble))
    }
}

/// What to do about it.
fn cure(trouble: &Trouble) -> &'static str {
    match (trouble.status, trouble.code.as_str()) {
        _ if trouble.credentials => {
            "there are no credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
        }
        (_, "NoSuchBucket") => "make the bucket first, or correct its name",
        (_, "RequestTimeTooSkewed") => "the clock of this machine is wrong",
        (_, "ExpiredToken") => "the credentials have expired: get new ones",
        (_, "AuthorizationHeaderMalformed" | "PermanentRedirect") | (Some(301 | 307), _) => {
            "set AWS_REGION to the region of the bucket"
        }
        (_, "SignatureDoesNotMatch" | "InvalidAccessKeyId") | (Some(401), _) => {
            "check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
        }
        (Some(403), _) => {
            "these credentials must be allowed to list, read, write and delete objects there"
        }
        (Some(501), _) => "this server does not know conditional writes, which are needed",
        _ if trouble.passes => {
            "check AWS_ENDPOINT_URL and the network, and run again: what was written is safe"
        }
        _ => "check AWS_ENDPOINT_URL, AWS_REGION and the name of the bucket",
    }
}

/// What our HTTP client said, below the layers of the crate.
fn trouble(error: &Error) -> Option<Trouble> {
    let mut next = error.source();
    while let Some(cause) = next {
        if let Some(trouble) = cause.downcast_ref::<Trouble>() {
            return Some(trouble.clone());
        }
        next = cause.source();
    }
    None
}
