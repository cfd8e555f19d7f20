use std::fmt;

use reqwest::Url;

use crate::model::{BaseUrl, ParseBaseUrlError};

/// Where Brevo gives tokens, on the host of its API.
const PATH: &str = "/realms/partner/oauth/token";

/// Where access tokens come from.
///
/// The client's secret goes there, so it must be https, or http on a loopback address.
#[derive(Clone, PartialEq, Eq)]
pub struct TokenUrl {
    url: Url,
    is_loopback: bool,
}

/// Why a text is not a [`TokenUrl`]. The text is in no message: it may hold a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{}", said(*.0))]
pub struct ParseTokenUrlError(ParseBaseUrlError);

fn said(why: ParseBaseUrlError) -> &'static str {
    match why {
        ParseBaseUrlError::Character => {
            "the token URL has white space, a control character or a backslash in it"
        }
        ParseBaseUrlError::NoHost => "the token URL names no host",
        ParseBaseUrlError::Host => {
            "the host of the token URL is not written as it is sent; write it in plain ASCII letters, without percent-encoding, and an IP address as 127.0.0.1 or [::1]"
        }
        ParseBaseUrlError::Scheme => "the token URL must start with https://",
        ParseBaseUrlError::Plain => {
            "the token URL is http to another machine, which would send the client secret unencrypted; use https (http is only for 127.0.0.0/8, [::1] and localhost)"
        }
        ParseBaseUrlError::UserInfo => {
            "the token URL must not hold a user name or a password; the client's id and secret are set apart"
        }
        ParseBaseUrlError::Query => "the token URL must not have a query (from the '?' on)",
        ParseBaseUrlError::Fragment => "the token URL must not have a fragment (from the '#' on)",
        ParseBaseUrlError::Malformed => "the token URL is not a URL",
    }
}

impl TokenUrl {
    /// That of the API at this URL: on the same host.
    pub fn of(base_url: &BaseUrl) -> Self {
        // An origin and a constant path are a URL.
        #[expect(clippy::expect_used, reason = "a test parses it")]
        Self::parse(&format!("{}{PATH}", base_url.origin())).expect("is a URL")
    }

    /// Checks `text`.
    ///
    /// # Errors
    ///
    /// See [`ParseTokenUrlError`].
    pub fn parse(text: &str) -> Result<Self, ParseTokenUrlError> {
        let text = text.trim();
        let checked = BaseUrl::parse(text).map_err(ParseTokenUrlError)?;
        // As it was given: here a slash at the end counts.
        let url = Url::parse(text).map_err(|_| ParseTokenUrlError(ParseBaseUrlError::Malformed))?;
        Ok(Self { url, is_loopback: checked.is_loopback() })
    }

    /// The URL.
    pub fn as_str(&self) -> &str {
        self.url.as_str()
    }

    pub(super) fn url(&self) -> Url {
        self.url.clone()
    }

    /// Scheme, host and port.
    pub(super) fn origin(&self) -> String {
        self.url.origin().ascii_serialization()
    }

    /// Whether the connection is encrypted; if not, it stays on this machine.
    pub fn is_https(&self) -> bool {
        self.url.scheme() == "https"
    }

    /// Whether the host is this machine.
    pub fn is_loopback(&self) -> bool {
        self.is_loopback
    }
}

impl fmt::Display for TokenUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for TokenUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TokenUrl({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_on_the_host_of_the_api_whatever_the_path() {
        for (base, expected) in [
            ("https://api.brevo.com/v3", "https://api.brevo.com/realms/partner/oauth/token"),
            ("https://gw.example:8443/a/b", "https://gw.example:8443/realms/partner/oauth/token"),
            ("http://127.0.0.1:4010/v3/", "http://127.0.0.1:4010/realms/partner/oauth/token"),
            ("http://[::1]:4010", "http://[::1]:4010/realms/partner/oauth/token"),
        ] {
            let url = TokenUrl::of(&BaseUrl::parse(base).expect("a base URL"));
            assert_eq!(url.as_str(), expected);
        }
    }

    #[test]
    fn the_secret_never_goes_to_another_machine_unencrypted() {
        for text in [
            "http://oauth.brevo.com/token",
            "http://10.0.0.1/token",
            "ftp://hush/",
            "oauth.brevo.com/token",
            "https://hush:hush@x/token",
            "https://x/token?a=hush",
            "https://x/#hush",
            "https://a.b\n.c/",
            "",
        ] {
            let told = TokenUrl::parse(text).expect_err(text).to_string();
            assert!(told.contains("token URL") && !told.contains("hush"), "{told}");
        }
        let kept = TokenUrl::parse(" https://x.example/oauth/token/ ").expect("a URL");
        assert_eq!(kept.as_str(), "https://x.example/oauth/token/");
    }
}
