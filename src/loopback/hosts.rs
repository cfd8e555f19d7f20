//! Which requests a server answers: those for a host that it listens on, and not those of another site's page.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
};

use axum::http::{Method, Request, header, uri::Scheme};

/// The port of an `http://` URL without a port.
const HTTP: u16 = 80;

/// The hosts that a server answers to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Hosts(SocketAddr);

/// Why a request is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Stranger {
    #[error("the request must name its host, once: Host")]
    NoHost,
    #[error("the request is for another host")]
    OtherHost,
    #[error("the request was made by a page of another site")]
    OtherSite,
}

impl Hosts {
    /// The hosts of a server that listens at this address.
    pub(super) fn of(address: SocketAddr) -> Self {
        Self(address)
    }

    /// Whether a request is for this server.
    pub(super) fn check<B>(self, request: &Request<B>) -> Result<(), Stranger> {
        let mut hosts = request.headers().get_all(header::HOST).iter();
        let (Some(host), None) = (hosts.next(), hosts.next()) else {
            return Err(Stranger::NoHost);
        };
        if !host.to_str().is_ok_and(|host| self.are(host)) {
            return Err(Stranger::OtherHost);
        }
        // A target that names a host (`GET http://…`) is for that host, whatever the header says.
        let uri = request.uri();
        let named = uri.authority().is_none_or(|host| self.are(host.as_str()));
        if !named || uri.scheme().is_some_and(|scheme| *scheme != Scheme::HTTP) {
            return Err(Stranger::OtherHost);
        }
        // A browser names the site whose page sent the request. Other clients do not send this header.
        let ours = |origin: &str| origin.strip_prefix("http://").is_some_and(|host| self.are(host));
        let mut origins = request.headers().get_all(header::ORIGIN).iter();
        if changes(request) && !origins.all(|origin| origin.to_str().is_ok_and(ours)) {
            return Err(Stranger::OtherSite);
        }
        Ok(())
    }

    /// Whether a request that [`Hosts::check`] refuses may have what is open to strangers: the server listens on an
    /// address that others reach by names that it does not know (a service's, a proxy's), or without any (a probe in
    /// HTTP/1.0), and no page of a browser asks for a change. On loopback there are no such names: anyone who uses one
    /// has a page that a browser was led to (DNS rebinding).
    pub(super) fn admits<B>(self, request: &Request<B>) -> bool {
        let Self(address) = self;
        let by_page = changes(request) && request.headers().contains_key(header::ORIGIN);
        !address.ip().is_loopback() && !by_page
    }

    /// Whether a text like `localhost:8025` names one of these hosts.
    fn are(self, host: &str) -> bool {
        let Some((name, port)) = split(host) else { return false };
        let Self(address) = self;
        let named = match name {
            Name::Ip(ip) => {
                ip == Ipv4Addr::LOCALHOST
                    || ip == Ipv6Addr::LOCALHOST
                    || ip == address.ip()
                    // The server listens on every address. A page of another site uses a name, not an address.
                    || address.ip().is_unspecified()
            }
            Name::Localhost => true,
        };
        named && port == address.port()
    }
}

/// The hosts to use instead, for people.
impl fmt::Display for Hosts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(address) = self;
        let port = address.port();
        if !address.ip().is_loopback() && !address.ip().is_unspecified() {
            write!(f, "{address}, ")?;
        }
        write!(f, "127.0.0.1:{port}, localhost:{port} and [::1]:{port}")
    }
}

fn changes<B>(request: &Request<B>) -> bool {
    !matches!(*request.method(), Method::GET | Method::HEAD)
}

enum Name {
    Ip(IpAddr),
    Localhost,
}

fn split(host: &str) -> Option<(Name, u16)> {
    let (name, port) = match host.strip_prefix('[') {
        Some(rest) => {
            let (ip, rest) = rest.split_once(']')?;
            let port = if rest.is_empty() { None } else { Some(rest.strip_prefix(':')?) };
            (Name::Ip(ip.parse::<Ipv6Addr>().ok()?.into()), port)
        }
        None => {
            let (name, port) = host.split_once(':').map_or((host, None), |(n, p)| (n, Some(p)));
            let name = match name.eq_ignore_ascii_case("localhost") {
                true => Name::Localhost,
                false => Name::Ip(name.parse::<Ipv4Addr>().ok()?.into()),
            };
            (name, port)
        }
    };
    let port = match port {
        None => HTTP,
        // Rust would read "+80" as a number.
        Some(port) if port.bytes().all(|byte| byte.is_ascii_digit()) => port.parse().ok()?,
        Some(_) => return None,
    };
    Some((name, port))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(listens: &str, request: &str) -> Result<(), Stranger> {
        let mut lines = request.lines();
        let (method, uri) = lines.next().and_then(|line| line.split_once(' ')).expect("a line");
        let mut made = Request::builder().method(method).uri(uri);
        for line in lines {
            let (name, value) = line.split_once(": ").expect("a header");
            made = made.header(name, value);
        }
        let request = made.body(()).expect("a request");
        Hosts::of(listens.parse().expect("an address")).check(&request)
    }

    #[test]
    fn a_server_answers_to_the_hosts_that_it_listens_on_and_no_other() {
        for (listens, hosts) in [
            (
                "127.0.0.1:8025",
                &["127.0.0.1:8025", "localhost:8025", "LocalHost:8025", "[::1]:8025"][..],
            ),
            ("127.0.0.1:80", &["127.0.0.1", "localhost", "[::1]", "localhost:80"]),
            ("192.0.2.7:9000", &["192.0.2.7:9000", "127.0.0.1:9000"]),
            ("[2001:db8::7]:9000", &["[2001:db8::7]:9000", "[2001:DB8:0::7]:9000"]),
            ("0.0.0.0:9000", &["192.0.2.7:9000", "localhost:9000", "[2001:db8::7]:9000"]),
        ] {
            for host in hosts {
                assert_eq!(checked(listens, &format!("GET /\nhost: {host}")), Ok(()), "{host}");
            }
        }
        for host in [
            "evil.example",
            "evil.example:8025",
            "127.0.0.1.evil.example:8025",
            "localhost.:8025",
            "localhost.evil.example:8025",
            "evil.localhost:8025",
            "127.0.0.1:8026",
            "localhost",
            "127.0.0.1",
            "[::1]",
            "[::1]:8026",
            "::1:8025",
            "[::1:8025",
            "[::1]8025",
            "127.1:8025",
            "0x7f.0.0.1:8025",
            "2130706433:8025",
            "192.0.2.7:8025",
            "[::2]:8025",
            "0.0.0.0:8025",
            "localhost:+8025",
            "localhost:08025:",
            "localhost:",
            "me@localhost:8025",
            "localhost:8025@evil.example",
            "localhost:8025/",
            " localhost:8025",
            "",
            "localhost:8025, localhost:8025",
            "[::ffff:127.0.0.1]:8025",
            "127.0.0.1:65536",
        ] {
            let told = checked("127.0.0.1:8025", &format!("GET /\nhost: {host}"));
            assert_eq!(told, Err(Stranger::OtherHost), "{host}");
            let told = checked("0.0.0.0:8025", "GET /\nhost: evil.example:8025");
            assert_eq!(told, Err(Stranger::OtherHost));
        }
    }

    #[test]
    fn strangers_are_admitted_only_where_others_reach_the_server_and_no_page_asks() {
        let admitted = |listens: &str, method: &str, headers: &[(&str, &str)]| {
            let made = headers.iter().fold(Request::builder().method(method), |made, header| {
                made.header(header.0, header.1)
            });
            let request = made.body(()).expect("a request");
            Hosts::of(listens.parse().expect("an address")).admits(&request)
        };
        let service = ("host", "pushsync.default.svc:9100");
        let page = ("origin", "http://evil.example");
        for listens in ["0.0.0.0:9100", "[::]:9100", "192.0.2.7:9100", "[2001:db8::7]:9100"] {
            assert!(admitted(listens, "GET", &[service]), "{listens}");
            assert!(admitted(listens, "GET", &[]), "{listens}");
            assert!(admitted(listens, "POST", &[service]), "{listens}");
            assert!(!admitted(listens, "POST", &[service, page]), "{listens}");
        }
        for listens in ["127.0.0.1:9100", "[::1]:9100", "127.0.0.2:9100"] {
            for method in ["GET", "POST"] {
                assert!(!admitted(listens, method, &[service]), "{listens} {method}");
            }
        }
    }

    #[test]
    fn a_request_names_its_host_once() {
        for request in [
            "GET /",
            "GET /\nhost: localhost:8025\nhost: localhost:8025",
            "POST /\nhost: localhost:8025\nhost: evil.example",
        ] {
            assert_eq!(checked("127.0.0.1:8025", request), Err(Stranger::NoHost), "{request}");
        }
    }

    #[test]
    fn a_host_in_the_target_counts_too() {
        for (target, allowed) in [
            ("http://localhost:8025/a", true),
            ("http://127.0.0.1:8025/", true),
            ("http://evil.example/a", false),
            ("http://evil.example:8025/a", false),
            ("https://localhost:8025/a", false),
            ("http://localhost:8025@evil.example/", false),
            ("evil.example:8025", false),
        ] {
            let told = checked("127.0.0.1:8025", &format!("GET {target}\nhost: localhost:8025"));
            assert_eq!(told.is_ok(), allowed, "{target}");
        }
    }

    #[test]
    fn a_page_of_another_site_changes_nothing() {
        for method in ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"] {
            let with = |origin: &str| {
                checked("127.0.0.1:8025", &format!("{method} /\nhost: localhost:8025{origin}"))
            };
            for ours in ["", "\norigin: http://localhost:8025", "\norigin: http://[::1]:8025"] {
                assert_eq!(with(ours), Ok(()), "{method}{ours}");
            }
            for other in [
                "null",
                "http://evil.example",
                "http://localhost:3000",
                "https://localhost:8025",
                "http://localhost",
                "file://",
                "http://localhost:8025.evil.example",
                "",
            ] {
                let told = with(&format!("\norigin: {other}"));
                assert_eq!(told, Err(Stranger::OtherSite), "{method} {other}");
                let two = format!("\norigin: http://localhost:8025\norigin: {other}");
                assert_eq!(with(&two), Err(Stranger::OtherSite), "{method} {other}");
            }
        }
        // Another site's page may send a GET, but the browser does not let it read the answer.
        let told = checked("127.0.0.1:8025", "GET /\nhost: localhost:8025\norigin: null");
        assert_eq!(told, Ok(()));
    }
}
