//! Which bucket, and how to reach it: the URL, and the usual `AWS_*` variables.

use std::{collections::BTreeMap, fmt, time::Duration};

use object_store::{
    ClientOptions, RetryConfig,
    aws::{AmazonS3Builder, AmazonS3ConfigKey},
};
use secrecy::{ExposeSecret, SecretString};

use super::{
    http::{Connector, ServerClock},
    objects::Objects,
};
use crate::{model::BaseUrl, state::StateError};

/// The variables that count.
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

/// Times and numbers. The defaults are for everyone; tests have others.
#[derive(Debug, Clone)]
pub struct Limits {
    /// How long the lock lasts if its holder does not prolong it.
    pub lease: Duration,
    /// How long a request waits without a byte.
    pub request: Duration,
    /// How long an operation is repeated.
    pub patience: Duration,
    /// This number of segments becomes a snapshot when the state is closed.
    pub segments: usize,
    /// At most this number of snapshots is kept.
    pub snapshots: usize,
    /// Objects that are not needed any more are removed at this age. Much longer than `lease`: see
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

/// A bucket, a prefix in it, and how to reach it.
#[derive(Clone)]
pub struct Bucket {
    url: String,
    variables: BTreeMap<&'static str, SecretString>,
    limits: Limits,
}

/// For messages. A URL that names no bucket is not shown: it may hold a password.
impl fmt::Display for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.location().unwrap_or_else(|_| UNREADABLE.to_owned()))
    }
}

impl fmt::Debug for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Bucket").field(&self.to_string()).finish()
    }
}

const UNREADABLE: &str = "s3://…";

impl Bucket {
    /// The bucket and prefix of `s3://bucket/prefix`.
    pub fn new(url: impl Into<String>) -> Self {
        Self { url: url.into(), variables: BTreeMap::new(), limits: Limits::default() }
    }

    /// With the variables of the environment: `AWS_ACCESS_KEY_ID`, `AWS_REGION`, `AWS_ENDPOINT_URL`…
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
    pub(super) fn location(&self) -> Result<String, StateError> {
        let (bucket, prefix) = self.split()?;
        Ok(format!("s3://{bucket}/{prefix}").trim_end_matches('/').to_owned())
    }

    /// The bucket and the prefix.
    fn split(&self) -> Result<(&str, &str), StateError> {
        let plain = |text: &str, also: &str| {
            text.chars().all(|c| c.is_ascii_alphanumeric() || also.contains(c))
        };
        let rest = self.url.strip_prefix("s3://").unwrap_or_default();
        let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        let prefix = prefix.trim_end_matches('/');
        let whole =
            prefix.is_empty() || prefix.split('/').all(|part| !matches!(part, "" | "." | ".."));
        if bucket.is_empty() || !plain(bucket, ".-_") || !plain(prefix, "/.-_=+@ ") || !whole {
            return Err(StateError::unavailable(
                UNREADABLE,
                "its URL should be s3://BUCKET/PREFIX; a prefix has letters, digits, '.', '-', \
                 '_', '=', '+', '@' and blanks between its '/'",
            ));
        }
        Ok((bucket, prefix))
    }

    /// The objects of one environment.
    pub(super) fn objects(&self, environment: &str) -> Result<Objects, StateError> {
        let (bucket, prefix) = self.split()?;
        let location = self.location()?;
        let mut builder = AmazonS3Builder::new();
        for (name, value) in &self.variables {
            let key: AmazonS3ConfigKey = name.to_ascii_lowercase().parse().map_err(|_| {
                StateError::unavailable(&location, format!("{name} cannot be used"))
            })?;
            builder = builder.with_config(key, value.expose_secret());
        }
        // As in the AWS tools, the endpoint of the service wins over the general one.
        let endpoint = ["AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT"]
            .iter()
            .find_map(|name| Some((name, self.variables.get(name)?.expose_secret())));
        let mut plain = false;
        if let Some((name, endpoint)) = endpoint {
            plain = is_plain(endpoint)
                .map_err(|why| StateError::unavailable(&location, format!("{name} {why}")))?;
            builder = builder.with_endpoint(endpoint);
        }
        let clock = ServerClock::default();
        let connector = Connector { clock: clock.clone(), patience: self.limits.request };
        let builder = builder
            .with_bucket_name(bucket)
            .with_client_options(ClientOptions::new().with_allow_http(plain))
            // `Objects` repeats requests.
            .with_retry(RetryConfig { max_retries: 0, ..RetryConfig::default() })
            .with_disable_bulk_delete(true)
            .with_http_connector(connector);
        // The crate's words could quote the value of a variable.
        let store = builder.build().map_err(|_| {
            let names: Vec<_> = self.variables.keys().copied().collect();
            let why = format!(
                "these variables do not go together, or one has no valid value: {} \
                 (AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY come in a pair)",
                names.join(", ")
            );
            StateError::unavailable(&location, why)
        })?;
        // The names of the sandbox's environments have a ':'.
        let folder = format!("{prefix}/{}/", environment.replace(':', "+"));
        let folder = folder.trim_start_matches('/').to_owned();
        Ok(Objects::new(store, folder, location, clock, self.limits.patience))
    }
}

/// Whether an endpoint is without TLS, which only this machine's may be.
fn is_plain(endpoint: &str) -> Result<bool, &'static str> {
    BaseUrl::parse(endpoint).map(|url| !url.is_https()).map_err(
        |_| "should be an https:// URL, or http:// on this machine, without a user or a query",
    )
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
            assert_eq!(Bucket::new(url).location().expect("is one"), place);
        }
        for url in ["s3://", "s3:///a", "s3://b//a", "s3://b/../a", "s3://b/a?x=1", "s3://b/a#b"] {
            assert!(Bucket::new(url).location().is_err(), "{url}");
        }
    }

    #[test]
    fn a_url_with_a_password_is_refused_and_not_quoted() {
        let bucket = Bucket::new("s3://key:very-secret@bucket/prefix");
        let error = bucket.location().expect_err("is refused").to_string();
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
