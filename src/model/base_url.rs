use std::{
    fmt,
    net::{IpAddr, Ipv6Addr},
};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use url::Url;

/// Where Brevo's API is.
const BREVO: &str = "https://api.brevo.com/v3";
/// The one host that a manifest may name beside loopback addresses.
const BREVO_HOST: &str = "api.brevo.com";

/// Where the API is: `https://api.brevo.com/v3`, or a server on this machine.
///
/// The API key goes there, so it must be https, or http on a loopback address. Two texts that name
/// the same place are the same `BaseUrl`.
#[derive(Clone, PartialEq, Eq)]
pub struct BaseUrl {
    url: Url,
}

/// Why a text is not a [`BaseUrl`]. The key would go there, so nothing is guessed. The text is in no
/// message: it may hold a password, or what a variable holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ParseBaseUrlError {
    /// It is not an absolute URL.
    #[error("the base URL is not a URL; write it like https://api.brevo.com/v3")]
    Malformed,
    /// There is white space, a control character or a backslash in it.
    #[error(
        "the base URL has white space, a control character or a backslash in it; write it like https://api.brevo.com/v3"
    )]
    Character,
    /// It has no host.
    #[error("the base URL names no host; write it like https://api.brevo.com/v3")]
    NoHost,
    /// Its host is written in another way than it is sent.
    #[error(
        "the host of the base URL is not written as it is sent; write it in plain ASCII letters, without percent-encoding, and an IP address as 127.0.0.1 or [::1]"
    )]
    Host,
    /// Neither https nor http.
    #[error("the base URL must start with https://")]
    Scheme,
    /// http to another machine: everybody on the way could read the key.
    #[error(
        "the base URL is http to another machine, which would send the API key unencrypted; use https (http is only for 127.0.0.0/8, [::1] and localhost)"
    )]
    Plain,
    /// A user name or a password.
    #[error("the base URL must not hold a user name or a password; the API key is set apart")]
    UserInfo,
    /// A query.
    #[error("the base URL must not have a query (from the '?' on)")]
    Query,
    /// A fragment.
    #[error("the base URL must not have a fragment (from the '#' on)")]
    Fragment,
}

impl BaseUrl {
    /// Checks `text`. A slash at its end is tolerated and dropped.
    ///
    /// # Errors
    ///
    /// See [`ParseBaseUrlError`].
    pub fn parse(text: &str) -> Result<Self, ParseBaseUrlError> {
        let text = text.trim();
        // The parser would drop or turn some of them without a word.
        if text.contains(|c: char| c.is_control() || c.is_whitespace() || c == '\\') {
            return Err(ParseBaseUrlError::Character);
        }
        let mut url = Url::parse(text).map_err(|_| ParseBaseUrlError::Malformed)?;
        if !matches!(url.scheme(), "https" | "http") {
            return Err(ParseBaseUrlError::Scheme);
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(ParseBaseUrlError::UserInfo);
        }
        // The parser would find a host behind any number of slashes, and without one.
        let (_, rest) = text.split_once("://").ok_or(ParseBaseUrlError::Malformed)?;
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        let host = url.host_str().unwrap_or_default();
        if authority.is_empty() || host.is_empty() {
            return Err(ParseBaseUrlError::NoHost);
        }
        // An empty user name is none to the parser.
        if authority.contains('@') {
            return Err(ParseBaseUrlError::UserInfo);
        }
        if !is_written(authority, host) {
            return Err(ParseBaseUrlError::Host);
        }
        if url.scheme() == "http" && !is_loopback(host) {
            return Err(ParseBaseUrlError::Plain);
        }
        if url.query().is_some() {
            return Err(ParseBaseUrlError::Query);
        }
        if url.fragment().is_some() {
            return Err(ParseBaseUrlError::Fragment);
        }
        let path = url.path().trim_end_matches('/').to_owned();
        url.set_path(&path);
        Ok(Self { url })
    }

    /// Brevo's own.
    pub fn brevo() -> Self {
        #[expect(clippy::expect_used, reason = "a constant, which a test parses")]
        Self::parse(BREVO).expect("is a base URL")
    }

    /// The URL, without a slash at its end.
    pub fn as_str(&self) -> &str {
        self.url.as_str().trim_end_matches('/')
    }

    /// Scheme, host and port: what a message may show.
    pub fn origin(&self) -> String {
        self.url.origin().ascii_serialization()
    }

    /// What follows the origin, without a slash at its end.
    pub fn path(&self) -> &str {
        self.url.path().trim_end_matches('/')
    }

    /// Whether the connection is encrypted; if not, it stays on this machine.
    pub fn is_https(&self) -> bool {
        self.url.scheme() == "https"
    }

    /// Whether the host is this machine.
    pub fn is_loopback(&self) -> bool {
        self.url.host_str().is_some_and(is_loopback)
    }

    /// Whether it is Brevo's own, which everybody expects.
    pub fn is_brevo(&self) -> bool {
        self.as_str() == BREVO
    }

    /// Whether a file that others write may name it: Brevo's host or this machine. The API key goes
    /// to no other without a flag or a variable.
    pub fn may_be_in_a_manifest(&self) -> bool {
        let brevo = self.is_https()
            && self.url.host_str() == Some(BREVO_HOST)
            && self.url.port_or_known_default() == Some(443);
        brevo || self.is_loopback()
    }
}

/// Whether the host in `authority` is written as it is sent, but for the case of letters. What a
/// parser decodes, maps or calculates looks like another host to a reader.
fn is_written(authority: &str, host: &str) -> bool {
    let end = match authority.strip_prefix('[') {
        Some(rest) => rest.find(']').map_or(authority.len(), |at| at + 2),
        None => authority.find(':').unwrap_or(authority.len()),
    };
    let written = authority.get(..end).unwrap_or(authority);
    let address = |text: &str| bare(text).parse::<Ipv6Addr>().ok();
    written.eq_ignore_ascii_case(host)
        || address(written).is_some_and(|written| Some(written) == address(host))
}

fn bare(host: &str) -> &str {
    host.trim_start_matches('[').trim_end_matches(']')
}

fn is_loopback(host: &str) -> bool {
    let bare = bare(host);
    match bare.parse::<IpAddr>() {
        Ok(IpAddr::V4(v4)) => v4.is_loopback(),
        Ok(IpAddr::V6(v6)) => v6.is_loopback(),
        // RFC 6761: `localhost` is this machine.
        Err(_) => bare.eq_ignore_ascii_case("localhost"),
    }
}

impl fmt::Display for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BaseUrl({})", self.as_str())
    }
}

impl Serialize for BaseUrl {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for BaseUrl {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

/// Which API a plan is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Endpoint {
    /// A server inside the process, on a port that changes.
    Sandbox,
    /// The one at this URL.
    At(BaseUrl),
}

/// How the sandbox is written. It is not a URL.
const SANDBOX: &str = "sandbox";

impl Endpoint {
    /// Whether it is the sandbox.
    pub fn is_sandbox(&self) -> bool {
        *self == Self::Sandbox
    }

    /// Whether it is Brevo's own, which everybody expects.
    pub fn is_brevo(&self) -> bool {
        matches!(self, Self::At(url) if url.is_brevo())
    }

    /// Its URL; a sandbox has no lasting one.
    pub fn url(&self) -> Option<&BaseUrl> {
        match self {
            Self::Sandbox => None,
            Self::At(url) => Some(url),
        }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sandbox => f.write_str(SANDBOX),
            Self::At(url) => url.fmt(f),
        }
    }
}

impl Serialize for Endpoint {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Endpoint {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        if text == SANDBOX {
            return Ok(Self::Sandbox);
        }
        BaseUrl::parse(&text).map(Self::At).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Result<String, ParseBaseUrlError> {
        BaseUrl::parse(text).map(|url| url.as_str().to_owned())
    }

    #[test]
    fn https_anywhere_and_http_on_this_machine_are_accepted() {
        for (text, expected) in [
            ("https://api.brevo.com/v3", "https://api.brevo.com/v3"),
            ("https://api.brevo.com/v3/", "https://api.brevo.com/v3"),
            ("https://API.brevo.com:443/v3", "https://api.brevo.com/v3"),
            ("https://gateway.example:8443/a/b//", "https://gateway.example:8443/a/b"),
            ("http://127.0.0.1:4010", "http://127.0.0.1:4010"),
            ("http://127.9.9.9:4010/v3", "http://127.9.9.9:4010/v3"),
            ("http://[::1]:4010/v3", "http://[::1]:4010/v3"),
            ("http://[0:0:0:0:0:0:0:1]:4010/v3", "http://[::1]:4010/v3"),
            ("http://LOCALHOST:4010/", "http://localhost:4010"),
        ] {
            assert_eq!(parsed(text), Ok(expected.to_owned()), "{text}");
        }
        assert!(BaseUrl::brevo().is_brevo());
    }

    #[test]
    fn the_key_never_goes_to_another_machine_unencrypted() {
        for text in [
            "http://api.brevo.com/v3",
            "http://10.0.0.1",
            "http://localhost.example.com",
            "http://127.0.0.1.example.com",
            "http://[::2]",
            "http://0.0.0.0:80",
            "http://[::ffff:a00:1]",
        ] {
            assert_eq!(parsed(text), Err(ParseBaseUrlError::Plain), "{text}");
        }
    }

    #[test]
    fn a_host_that_is_not_written_as_it_is_sent_is_refused() {
        for text in [
            "https://api%2Ebrevo.com/v3",
            "https://ａpi.brevo.com/v3",
            "https://api.brev\u{ad}o.com/v3",
            "https://api。brevo。com/v3",
            "https://bücher.example/v3",
            "http://2130706433/v3",
            "http://0x7f.1/v3",
            "http://0177.0.0.1/v3",
            "http://127.1/v3",
            "http://127.0.0.1./v3",
        ] {
            assert_eq!(parsed(text), Err(ParseBaseUrlError::Host), "{text}");
        }
    }

    #[test]
    fn a_manifest_names_brevo_or_this_machine() {
        let allowed = |text: &str| BaseUrl::parse(text).map(|url| url.may_be_in_a_manifest());
        for text in [
            "https://api.brevo.com/v3",
            "https://api.brevo.com",
            "https://API.BREVO.COM:443/v3",
            "https://localhost:8443/v3",
            "http://127.0.0.2:1/v3",
            "http://[::1]/v3",
        ] {
            assert_eq!(allowed(text), Ok(true), "{text}");
        }
        for text in [
            "https://api.brevo.com.evil.example/v3",
            "https://api.brevo.com./v3",
            "https://api.brevo.com:8443/v3",
            "https://api-brevo.com/v3",
            "https://xapi.brevo.com/v3",
            "https://brevo.com/v3",
            "https://xn--bcher-kva.brevo.com/v3",
            "https://127.0.0.1.evil.example/v3",
            "https://localhost.evil.example/v3",
            "https://localhost./v3",
            "https://0.0.0.0/v3",
            "https://[::]/v3",
            "https://[::ffff:7f00:1]/v3",
            "https://128.0.0.1/v3",
        ] {
            assert_eq!(allowed(text), Ok(false), "{text}");
        }
    }

    #[test]
    fn text_that_is_not_a_base_url_is_refused_with_the_reason_and_not_shown() {
        for (text, why) in [
            ("api.brevo.com", ParseBaseUrlError::Malformed),
            ("https:api.brevo.com", ParseBaseUrlError::Malformed),
            ("", ParseBaseUrlError::Malformed),
            ("https:///api.brevo.com", ParseBaseUrlError::NoHost),
            ("https://a.b\n.c/", ParseBaseUrlError::Character),
            ("https://api.brevo.com\t.evil.example", ParseBaseUrlError::Character),
            ("https://evil.example\\@api.brevo.com", ParseBaseUrlError::Character),
            ("https:\\\\api.brevo.com", ParseBaseUrlError::Character),
            ("ftp://hush/", ParseBaseUrlError::Scheme),
            ("https://hush@api.brevo.com/", ParseBaseUrlError::UserInfo),
            ("https://api.brevo.com@evil.example/", ParseBaseUrlError::UserInfo),
            ("https://:hush@x/", ParseBaseUrlError::UserInfo),
            ("https://@x/", ParseBaseUrlError::UserInfo),
            ("http://hush.example/", ParseBaseUrlError::Plain),
            ("https://x/?a=hush", ParseBaseUrlError::Query),
            ("https://x/#hush", ParseBaseUrlError::Fragment),
        ] {
            let error = BaseUrl::parse(text).expect_err(text);
            assert_eq!(error, why, "{text}");
            assert!(!format!("{error} {error:?}").contains("hush"), "{error}");
        }
    }

    #[test]
    fn an_endpoint_reads_what_it_writes() {
        for endpoint in [Endpoint::Sandbox, Endpoint::At(BaseUrl::brevo())] {
            let text = serde_json::to_string(&endpoint).expect("can be written");
            assert_eq!(serde_json::from_str::<Endpoint>(&text).ok(), Some(endpoint), "{text}");
        }
        assert!(serde_json::from_str::<Endpoint>("\"https://a@b/\"").is_err());
    }
}
