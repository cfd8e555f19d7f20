//! How to connect to a database, as its URL says, and how messages name it.

use std::{net::IpAddr, path::PathBuf, str::FromStr, time::Duration};

use percent_encoding::percent_decode_str;
use secrecy::{ExposeSecret, SecretString};
use tokio_postgres::{
    Config,
    config::{Host, SslMode},
};

use super::error::{Passwords, Unavailable, one_line};

/// How long one address may take to answer, if the URL does not say.
const CONNECT: Duration = Duration::from_secs(10);
/// With these, a server that is gone is noticed after about a minute. The URL can say otherwise.
const IDLE: Duration = Duration::from_secs(30);
const INTERVAL: Duration = Duration::from_secs(10);
const RETRIES: u32 = 3;
const UNANSWERED: Duration = Duration::from_secs(60);

/// What messages call a database whose URL cannot be read.
const UNREADABLE: &str = "postgres://…";

const SHAPE: &str = "its URL cannot be read: it is postgres://USER:PASSWORD@HOST:PORT/DATABASE, \
    with special characters in a user or password percent-encoded (@ is %40, / is %2F), and known \
    parameters are sslmode (disable, prefer, require, verify-full), sslrootcert, options, \
    application_name, connect_timeout, target_session_attrs, hostaddr, channel_binding";

/// A database, and how to connect to it.
#[derive(Clone)]
pub(crate) struct ConnectOptions {
    pub(super) config: Config,
    /// A file with the only certificates that are trusted; without it, those of the system are.
    pub(super) root_certificates: Option<PathBuf>,
    /// For messages: without user and password.
    pub(crate) location: String,
    /// Where a password may come from, for advice.
    pub(super) passwords: Passwords,
}

/// Splits a URL into the driver's configuration and the parameters about TLS, which the driver does
/// not know in all their forms. `None` if the URL cannot be read.
pub(super) fn split(url: &str) -> Option<(Config, Vec<(&str, &str)>)> {
    if url.matches('@').count() > 1 {
        return None;
    }
    // A password may hold a '?'.
    let host = url.find('@').unwrap_or(0);
    let query = url[host..].find('?').map_or(url.len(), |at| host + at);
    let (base, query) = url.split_at(query);
    let mut own = Vec::new();
    let mut others = Vec::new();
    for pair in query.trim_start_matches('?').split('&').filter(|pair| !pair.is_empty()) {
        match pair.split_once('=')? {
            own_pair @ ("sslmode" | "sslrootcert", _) => own.push(own_pair),
            _ => others.push(pair),
        }
    }
    let mut config = Config::from_str(&format!("{base}?{}", others.join("&"))).ok()?;
    if !others.iter().any(|pair| pair.starts_with("keepalives_idle=")) {
        config.keepalives_idle(IDLE);
    }
    Some((config, own))
}

impl ConnectOptions {
    /// Reads `postgres://USER:PASSWORD@HOST:PORT/DATABASE?…`. The error shows no part of a URL that
    /// cannot be read: any part may be the password.
    pub(crate) fn parse(url: &str) -> Result<Self, Unavailable> {
        let bad = |why: &str| Unavailable::new(UNREADABLE, why);
        let (mut config, own) = split(url).ok_or_else(|| bad(SHAPE))?;
        let location = shown(&config);
        if config.get_hosts().is_empty() && config.get_hostaddrs().is_empty() {
            return Err(Unavailable::new(&location, "its URL names no host"));
        }
        config.ssl_mode(if is_local(&config) { SslMode::Disable } else { SslMode::Require });
        let mut root_certificates = None;
        for (name, value) in own {
            match (name, value) {
                ("sslrootcert", file) => {
                    let file = percent_decode_str(file).decode_utf8();
                    let file = file.map_err(|_| bad(SHAPE))?;
                    root_certificates = Some(PathBuf::from(&*file));
                }
                (_, "disable") => _ = config.ssl_mode(SslMode::Disable),
                (_, "prefer") => _ = config.ssl_mode(SslMode::Prefer),
                // With TLS, the certificate is always checked in full.
                (_, "require" | "verify-ca" | "verify-full") => {
                    config.ssl_mode(SslMode::Require);
                }
                _ => {
                    let known = "its sslmode is not one of disable, prefer, require, verify-full";
                    return Err(bad(known));
                }
            }
        }
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(CONNECT);
        }
        if config.get_tcp_user_timeout().is_none() {
            config.tcp_user_timeout(UNANSWERED);
        }
        if config.get_keepalives_interval().is_none() {
            config.keepalives_interval(INTERVAL);
        }
        if config.get_keepalives_retries().is_none() {
            config.keepalives_retries(RETRIES);
        }
        let passwords = Passwords::UrlOrEnvironment;
        Ok(Self { config, root_certificates, location, passwords })
    }

    /// The same, with a password of the URL alone.
    pub(crate) fn with_passwords_of_url(self) -> Self {
        Self { passwords: Passwords::Url, ..self }
    }

    /// Whether the URL has a password in it.
    pub(crate) fn has_password(&self) -> bool {
        self.config.get_password().is_some()
    }

    /// What the URL says, for the driver.
    pub(crate) fn config(&self) -> &Config {
        &self.config
    }

    /// How long connecting may take in all.
    pub(super) fn patience(&self) -> Duration {
        let addresses = self.config.get_hosts().len().max(self.config.get_hostaddrs().len());
        let each = self.config.get_connect_timeout().copied().unwrap_or(CONNECT);
        // TLS and the password take some round trips more.
        each.saturating_mul(u32::try_from(addresses).unwrap_or(u32::MAX))
            .saturating_add(Duration::from_secs(20))
    }
}

/// What messages call the database of this URL: without user and password.
pub(crate) fn location(url: &SecretString) -> String {
    ConnectOptions::parse(url.expose_secret())
        .map_or_else(|_| UNREADABLE.to_owned(), |options| options.location)
}

/// Whether the connection stays on this machine: a socket or loopback.
fn is_local(config: &Config) -> bool {
    let addresses = config.get_hostaddrs();
    if !addresses.is_empty() {
        return addresses.iter().all(IpAddr::is_loopback);
    }
    config.get_hosts().iter().all(|host| match host {
        Host::Tcp(name) => {
            name == "localhost" || name.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
        }
        #[cfg(unix)]
        Host::Unix(_) => true,
    })
}

fn shown(config: &Config) -> String {
    let ports = config.get_ports();
    let port = |at: usize| ports.get(at).or(ports.first()).copied().unwrap_or(5432);
    let mut hosts = Vec::new();
    let mut sockets = Vec::new();
    for (at, host) in config.get_hosts().iter().enumerate() {
        match host {
            Host::Tcp(name) if name.contains(':') => {
                hosts.push(format!("[{}]:{}", one_line(name), port(at)));
            }
            Host::Tcp(name) => hosts.push(format!("{}:{}", one_line(name), port(at))),
            #[cfg(unix)]
            Host::Unix(folder) => {
                sockets.push(format!("host={}", one_line(&folder.to_string_lossy())));
            }
        }
    }
    if config.get_hosts().is_empty() {
        let addresses = config.get_hostaddrs().iter();
        hosts.extend(addresses.map(|address| format!("{address}:{}", port(0))));
    }
    let database = config.get_dbname().or(config.get_user()).map(one_line).unwrap_or_default();
    let query = if sockets.is_empty() { "" } else { "?" };
    format!("postgres://{}/{database}{query}{}", hosts.join(","), sockets.join("&"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(url: &str) -> ConnectOptions {
        ConnectOptions::parse(url).map_err(|error| error.to_string()).expect("can be read")
    }

    #[test]
    fn tls_is_required_unless_the_way_is_on_this_machine_or_the_url_says_otherwise() {
        for (url, mode) in [
            ("postgres://db.example.com/state", SslMode::Require),
            ("postgres://10.0.0.1/state", SslMode::Require),
            ("postgres://localhost.example.com/state", SslMode::Require),
            ("postgres://localhost,db.example.com/state", SslMode::Require),
            ("postgres://localhost/state?hostaddr=10.0.0.1", SslMode::Require),
            ("postgres://db.example.com/state?sslmode=verify-full", SslMode::Require),
            ("postgres://localhost/state?sslmode=require", SslMode::Require),
            ("postgres://db.example.com/state?sslmode=disable", SslMode::Disable),
            ("postgres://db.example.com/state?sslmode=prefer", SslMode::Prefer),
            ("postgres://localhost/state", SslMode::Disable),
            ("postgres://127.0.0.9/state", SslMode::Disable),
            ("postgres://[::1]/state", SslMode::Disable),
            ("postgres:///state?host=%2Frun%2Fpostgresql", SslMode::Disable),
        ] {
            assert_eq!(options(url).config.get_ssl_mode(), mode, "{url}");
        }
    }

    #[test]
    fn a_location_has_neither_user_nor_password() {
        for (url, location) in [
            ("postgres://ada:hush@db.example.com/state", "postgres://db.example.com:5432/state"),
            ("postgresql://ada:hu%40sh@db:6543/state?sslmode=disable", "postgres://db:6543/state"),
            ("postgres://ada@[::1]:1/state?password=hush", "postgres://[::1]:1/state"),
            ("postgres://one:1,two:2/state", "postgres://one:1,two:2/state"),
            ("postgres://ada:hush@%2Frun%2Fpg/state", "postgres:///state?host=/run/pg"),
            ("postgres:///state?hostaddr=10.0.0.1", "postgres://10.0.0.1:5432/state"),
        ] {
            assert_eq!(options(url).location, location);
        }
    }

    #[test]
    fn a_url_that_cannot_be_read_is_not_shown() {
        for url in [
            "postgres://ada:hush@hush@db/state",
            "postgres://ada:hush/hush@db:hush/state",
            "postgres://ada:hush",
            "postgres://ada@db/state?password=a&hush",
            "postgres://ada@db/state?hush=hush",
            "postgres://ada:hush@db/state?sslmode=hush",
            "postgres://ada:hush@db/%FFhush",
            "postgres:///state?password=hush",
        ] {
            let error = ConnectOptions::parse(url).err().expect("cannot be read");
            assert!(!format!("{error} {error:?}").contains("hush"), "{error}");
        }
    }

    #[test]
    fn root_certificates_are_taken_out_of_the_url() {
        let options = options("postgres://db/state?sslrootcert=%2Fetc%2Fca.pem&connect_timeout=3");
        assert_eq!(options.root_certificates, Some(PathBuf::from("/etc/ca.pem")));
        assert_eq!(options.config.get_connect_timeout(), Some(&Duration::from_secs(3)));
    }
}
