use std::{fmt, net::IpAddr};

use reqwest::Url;

/// Where the API is: `https://api.brevo.com/v3`, or a server on this machine.
///
/// The API key goes there, so it must be https, or http on a loopback address.
#[derive(Clone, PartialEq, Eq)]
pub struct BaseUrl {
    url: Url,
}

/// Why a text is no [`BaseUrl`]. The key would go there, so nothing is guessed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ParseBaseUrlError {
    /// It is no absolute URL.
    #[error("the base URL is no URL ({0}); write it like https://api.brevo.com/v3")]
    Malformed(String),
    /// It has no host.
    #[error("the base URL names no host; write it like https://api.brevo.com/v3")]
    NoHost,
    /// Neither https nor http.
    #[error("the base URL must start with https://, not with {0}:")]
    Scheme(String),
    /// http to another machine: everybody on the way could read the key.
    #[error(
        "the base URL is http to {0}, which would send the API key unencrypted; use https (http is only for 127.0.0.0/8, [::1] and localhost)"
    )]
    Plain(String),
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
    pub fn parse(text: &str) -> Result<Self, ParseBaseUrlError> {
        let text = text.trim();
        // The parser would drop some of them without a word.
        if text.contains(|c: char| c.is_control() || c.is_whitespace()) {
            let why = "white space or a control character in it".to_owned();
            return Err(ParseBaseUrlError::Malformed(why));
        }
        let mut url = Url::parse(text).map_err(|e| ParseBaseUrlError::Malformed(e.to_string()))?;
        match url.scheme() {
            "https" | "http" => {}
            other => return Err(ParseBaseUrlError::Scheme(other.to_owned())),
        }
        let host = url.host_str().filter(|h| !h.is_empty()).ok_or(ParseBaseUrlError::NoHost)?;
        if url.scheme() == "http" && !is_loopback(host) {
            return Err(ParseBaseUrlError::Plain(host.to_owned()));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(ParseBaseUrlError::UserInfo);
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

    /// The URL, without a slash at its end.
    pub fn as_str(&self) -> &str {
        self.url.as_str().trim_end_matches('/')
    }

    /// Scheme, host and port: what a message may show.
    pub fn origin(&self) -> String {
        self.url.origin().ascii_serialization()
    }

    /// Whether the connection is encrypted; if not, it stays on this machine.
    pub fn is_https(&self) -> bool {
        self.url.scheme() == "https"
    }

    /// Whether the host is this machine.
    pub fn is_loopback(&self) -> bool {
        self.url.host_str().is_some_and(is_loopback)
    }
}

fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
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
            ("https://gateway.example:8443/a/b//", "https://gateway.example:8443/a/b"),
            ("http://127.0.0.1:4010", "http://127.0.0.1:4010"),
            ("http://127.9.9.9:4010/v3", "http://127.9.9.9:4010/v3"),
            ("http://[::1]:4010/v3", "http://[::1]:4010/v3"),
            ("http://LOCALHOST:4010/", "http://localhost:4010"),
        ] {
            assert_eq!(parsed(text), Ok(expected.to_owned()), "{text}");
        }
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
            "http://[::ffff:10.0.0.1]",
        ] {
            assert!(matches!(parsed(text), Err(ParseBaseUrlError::Plain(_))), "{text}");
        }
    }

    #[test]
    fn what_is_no_base_url_says_why() {
        assert!(matches!(parsed("api.brevo.com"), Err(ParseBaseUrlError::Malformed(_))));
        assert!(matches!(parsed("https://a.b\n.c/"), Err(ParseBaseUrlError::Malformed(_))));
        assert!(matches!(parsed(""), Err(ParseBaseUrlError::Malformed(_))));
        assert_eq!(parsed("ftp://x/"), Err(ParseBaseUrlError::Scheme("ftp".into())));
        assert_eq!(parsed("https://me@x/"), Err(ParseBaseUrlError::UserInfo));
        assert_eq!(parsed("https://:pw@x/"), Err(ParseBaseUrlError::UserInfo));
        assert_eq!(parsed("https://x/?a=b"), Err(ParseBaseUrlError::Query));
        assert_eq!(parsed("https://x/#a"), Err(ParseBaseUrlError::Fragment));
        let error = BaseUrl::parse("https://me:secret@x/").expect_err("a password");
        assert!(!error.to_string().contains("secret"));
    }
}
