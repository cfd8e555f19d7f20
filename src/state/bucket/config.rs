//! Where a bucket is, and how it is reached: the URL, and the usual `AWS_*` variables.

use std::{collections::BTreeMap, fmt, time::Duration};

use object_store::{
    ClientOptions, RetryConfig,
    aws::{AmazonS3Builder, AmazonS3ConfigKey},
};
use secrecy::{ExposeSecret, SecretString};

use super::{
    http::{Connector, ServerTime},
    objects::Objects,
};
use crate::state::StateError;

/// The variables that are asked for.
const VARIABLES: [&str; 21] = [
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_REGION",
    "AWS_DEFAULT_REGION",
    "AWS_ENDPOINT",
    "AWS_ENDPOINT_URL",
    "AWS_ENDPOINT_URL_S3",
    "AWS_ENDPOINT_URL_STS",
    "AWS_VIRTUAL_HOSTED_STYLE_REQUEST",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_ROLE_ARN",
    "AWS_ROLE_SESSION_NAME",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
    "AWS_METADATA_ENDPOINT",
    "AWS_SERVER_SIDE_ENCRYPTION",
    "AWS_SSE_KMS_KEY_ID",
    "AWS_SSE_BUCKET_KEY_ENABLED",
    "AWS_REQUEST_PAYER",
];

/// How long things take and how much is kept. The defaults are for everyone; tests have others.
#[derive(Debug, Clone)]
pub struct Limits {
    /// How long the lock is held without a word from its holder.
    pub lease: Duration,
    /// How long a request waits without a byte.
    pub request: Duration,
    /// How long one thing is tried again and again.
    pub patience: Duration,
    /// So many segments become a snapshot when the state is closed.
    pub segments: usize,
    /// So many snapshots are kept.
    pub snapshots: usize,
    /// What is not needed any more is removed when it is so old. Much longer than `lease`: see
    /// [`super`].
    pub grace: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            lease: Duration::from_secs(60),
            request: Duration::from_secs(20),
            patience: Duration::from_secs(60),
            segments: 64,
            snapshots: 30,
            grace: Duration::from_secs(3600),
        }
    }
}

/// A bucket, a prefix in it, and how it is reached.
#[derive(Clone)]
pub struct Bucket {
    url: String,
    variables: BTreeMap<&'static str, SecretString>,
    limits: Limits,
}

/// Fit for messages: what is no bucket's name is left out, there may be a password in it.
impl fmt::Display for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.place().unwrap_or_else(|_| "s3://…".to_owned()))
    }
}

impl fmt::Debug for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Bucket").field(&self.to_string()).finish()
    }
}

struct Parts<'a> {
    bucket: &'a str,
    prefix: &'a str,
}

impl Parts<'_> {
    fn place(&self) -> String {
        match self.prefix {
            "" => format!("s3://{}", self.bucket),
            prefix => format!("s3://{}/{prefix}", self.bucket),
        }
    }
}

impl Bucket {
    /// What `s3://bucket/prefix` names.
    pub fn new(url: impl Into<String>) -> Self {
        Self { url: url.into(), variables: BTreeMap::new(), limits: Limits::default() }
    }

    /// With what the environment says: `AWS_ACCESS_KEY_ID`, `AWS_REGION`, `AWS_ENDPOINT_URL`…
    #[must_use]
    pub fn with_variables(mut self, variable: &dyn Fn(&str) -> Option<String>) -> Self {
        let found = VARIABLES.iter().filter_map(|name| Some((*name, variable(name)?)));
        let found = found.filter(|(_, value)| !value.trim().is_empty());
        self.variables = found.map(|(name, value)| (name, value.trim().into())).collect();
        self
    }

    /// With other limits.
    #[must_use]
    pub fn with_limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    pub(super) fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Its name in messages.
    pub(super) fn place(&self) -> Result<String, StateError> {
        Ok(self.parts()?.place())
    }

    /// The URL is not quoted in the error: there may be a password in what is no bucket's name.
    fn parts(&self) -> Result<Parts<'_>, StateError> {
        let plain = |text: &str, also: &str| {
            text.chars().all(|c| c.is_ascii_alphanumeric() || also.contains(c))
        };
        let rest = self.url.strip_prefix("s3://").unwrap_or_default();
        let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        let prefix = prefix.trim_end_matches('/');
        let whole =
            prefix.is_empty() || prefix.split('/').all(|part| !matches!(part, "" | "." | ".."));
        if bucket.is_empty() || !plain(bucket, ".-_") || !plain(prefix, "/.-_=+@ ") || !whole {
            return Err(unavailable(
                "s3://…",
                "its URL should be s3://BUCKET/PREFIX; a prefix has letters, digits, '.', '-', \
                 '_', '=', '+', '@' and blanks between its '/'",
            ));
        }
        Ok(Parts { bucket, prefix })
    }

    /// The objects of one environment.
    pub(super) fn objects(&self, environment: &str) -> Result<Objects, StateError> {
        let parts = self.parts()?;
        let place = parts.place();
        let mut builder = AmazonS3Builder::new();
        for (name, value) in &self.variables {
            let key: AmazonS3ConfigKey = name
                .to_ascii_lowercase()
                .parse()
                .map_err(|_| unavailable(&place, format!("{name} cannot be used")))?;
            builder = builder.with_config(key, value.expose_secret());
        }
        // As in the AWS tools, the service's own endpoint counts before the general one.
        let endpoint = ["AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT"]
            .iter()
            .find_map(|name| Some((name, self.variables.get(name)?.expose_secret())));
        let mut plain = false;
        if let Some((name, endpoint)) = endpoint {
            plain =
                is_plain(endpoint).map_err(|why| unavailable(&place, format!("{name} {why}")))?;
            builder = builder.with_endpoint(endpoint);
        }
        let time = ServerTime::default();
        let builder = builder
            .with_bucket_name(parts.bucket)
            .with_client_options(ClientOptions::new().with_allow_http(plain))
            // Repeats are ours: see `objects`.
            .with_retry(RetryConfig { max_retries: 0, ..RetryConfig::default() })
            .with_disable_bulk_delete(true)
            .with_http_connector(Connector {
                time: time.clone(),
                patience: self.limits.request,
                user_agent: concat!("pushsync/", env!("CARGO_PKG_VERSION")).to_owned(),
            });
        // The crate's words could quote a variable's value.
        let store = builder.build().map_err(|_| {
            let names: Vec<_> = self.variables.keys().copied().collect();
            let why = format!(
                "these variables do not go together, or one has no valid value: {} \
                 (AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY come in a pair)",
                names.join(", ")
            );
            unavailable(&place, why)
        })?;
        // ':' is in the names of the sandbox's environments.
        let folder = environment.replace(':', "+");
        let prefix = match parts.prefix {
            "" => format!("{folder}/"),
            prefix => format!("{prefix}/{folder}/"),
        };
        Ok(Objects::new(store, prefix, &place, time, self.limits.patience))
    }
}

/// Whether an endpoint is one without TLS, which only this machine's may be.
fn is_plain(endpoint: &str) -> Result<bool, &'static str> {
    let why = "should be an https:// URL, or http:// on this machine, without a user or a query";
    let url = reqwest::Url::parse(endpoint).map_err(|_| why)?;
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    let loopback = host == "localhost"
        || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback());
    let bare = url.username().is_empty() && url.password().is_none() && url.query().is_none();
    match url.scheme() {
        "https" if bare => Ok(false),
        "http" if bare && loopback => Ok(true),
        _ => Err(why),
    }
}

fn unavailable(place: &str, why: impl Into<String>) -> StateError {
    StateError::Unavailable { location: place.to_owned(), why: why.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_names_a_bucket_and_a_prefix() {
        for (url, place) in [
            ("s3://b", "s3://b"),
            ("s3://b/", "s3://b"),
            ("s3://my.bucket/a/b/", "s3://my.bucket/a/b"),
        ] {
            assert_eq!(Bucket::new(url).place().expect("is one"), place);
        }
        for url in ["s3://", "s3:///a", "s3://b//a", "s3://b/../a", "s3://b/a?x=1", "s3://b/a#b"] {
            assert!(Bucket::new(url).place().is_err(), "{url}");
        }
    }

    #[test]
    fn a_url_with_a_password_is_refused_and_not_quoted() {
        let bucket = Bucket::new("s3://key:very-secret@bucket/prefix");
        let error = bucket.place().expect_err("is refused").to_string();
        assert!(!format!("{error} {bucket:?}").contains("very-secret"), "{error}");
    }

    #[test]
    fn http_is_for_this_machine_only() {
        for (endpoint, plain) in [
            ("http://127.0.0.1:9000", Some(true)),
            ("http://localhost:9000/", Some(true)),
            ("http://[::1]:9000", Some(true)),
            ("https://abc.r2.cloudflarestorage.com", Some(false)),
            ("http://minio.example.com", None),
            ("http://127.0.0.1.example.com", None),
            ("https://user:word@example.com", None),
            ("minio:9000", None),
        ] {
            assert_eq!(is_plain(endpoint).ok(), plain, "{endpoint}");
        }
    }

    #[test]
    fn no_variable_is_quoted() {
        let secret = |name: &str| match name {
            "AWS_SECRET_ACCESS_KEY" => Some("very-secret".to_owned()),
            "AWS_ENDPOINT_URL" => Some("http://user:very-secret@example.com".to_owned()),
            _ => None,
        };
        let both = Bucket::new("s3://b").with_variables(&secret);
        let alone = Bucket::new("s3://b")
            .with_variables(&|name| secret(name).filter(|_| name == "AWS_SECRET_ACCESS_KEY"));
        for bucket in [both, alone] {
            let error = bucket.objects("default").err().expect("is refused");
            let said = format!("{error} {error:?} {bucket:?}");
            assert!(!said.contains("very-secret"), "{said}");
        }
    }
}
