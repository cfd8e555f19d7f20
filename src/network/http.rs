//! How the HTTP clients are set up: nothing is followed, repeated or remembered.

use std::time::Duration;

use reqwest::ClientBuilder;

/// A client for https, or for plain http. One for this machine uses no proxy.
pub(crate) fn client(https: bool, loopback: bool, timeout: Duration) -> ClientBuilder {
    // An error means that one is installed already, which serves as well.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut http = reqwest::Client::builder()
        .timeout(timeout)
        .connect_timeout(connect_timeout(timeout))
        // A connection that has carried something may be closed, or hold the rest of an earlier answer, when
        // the next request leaves: a POST that meets that is neither known to be done nor known not to be.
        // At the API's rate a connection for each request costs nothing.
        .pool_max_idle_per_host(0)
        .tcp_nodelay(true)
        // A bad header of a gateway takes no id with it.
        .http1_allow_obsolete_multiline_headers_in_responses(true)
        .http1_allow_spaces_after_header_name_in_responses(true)
        .http1_ignore_invalid_headers_in_responses(true)
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .referer(false);
    http = if https {
        http.https_only(true)
    } else {
        // No roots to read: there is no TLS.
        http.tls_certs_only([])
    };
    if loopback { http.no_proxy() } else { http }
}

/// The time that a connection may take: shorter than the whole, so that a connection that could
/// not be made is known as such, and not taken for a lost answer.
fn connect_timeout(timeout: Duration) -> Duration {
    (timeout / 2).min(Duration::from_secs(10))
}
