//! A password that the URL leaves open: `PGPASSWORD`, then the file of passwords that `psql` reads.

use std::{fs, path::PathBuf, str::FromStr};

use secrecy::{ExposeSecret, SecretString};
use tokio_postgres::{Config, config::Host};

use super::connect_options::encoded;

/// The URL with a password, if it has none and the environment knows one. `variable` reads the
/// environment.
pub(in crate::state) fn with_variables(
    url: SecretString,
    variable: &dyn Fn(&str) -> Option<String>,
) -> SecretString {
    let text = url.expose_secret();
    // Those that this version of the driver does not know are no matter here.
    let plain = text.split_once('?').map_or(text, |(plain, _)| plain);
    let asks = |name: &str| {
        text.split(['?', '&']).skip(1).any(|pair| pair.split('=').next() == Some(name))
    };
    let Ok(config) = Config::from_str(plain) else { return url };
    if config.get_password().is_some() || asks("password") {
        return url;
    }
    let parameter = |name: &str| {
        text.split(['?', '&'])
            .skip(1)
            .find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))
            .and_then(super::connect_options::decoded)
    };
    let password = variable("PGPASSWORD")
        .filter(|password| !password.is_empty())
        .map(String::into_bytes)
        .or_else(|| {
            let file = variable("PGPASSFILE")
                .map(PathBuf::from)
                .or_else(|| Some(PathBuf::from(variable("HOME")?).join(".pgpass")))?;
            let host = match config.get_hosts().first() {
                Some(Host::Tcp(name)) => name.clone(),
                // What libpq calls a socket in this file.
                _ => parameter("host")
                    .filter(|host| !host.starts_with('/'))
                    .unwrap_or_else(|| "localhost".to_owned()),
            };
            let port = config.get_ports().first().copied();
            let port = port.map(|port| port.to_string()).or_else(|| parameter("port"));
            let user = config
                .get_user()
                .map(str::to_owned)
                .or_else(|| parameter("user"))
                .or_else(|| variable("USER"))?;
            let database = config.get_dbname().map(str::to_owned).or_else(|| parameter("dbname"));
            let wanted = [
                host,
                port.unwrap_or_else(|| "5432".to_owned()),
                database.unwrap_or_else(|| user.clone()),
                user,
            ];
            from_file(&file, &wanted)
        });
    match password {
        Some(password) => {
            let sign = if text.contains('?') { '&' } else { '?' };
            format!("{text}{sign}password={}", encoded(&password)).into()
        }
        None => url,
    }
}

/// The password in the first line that fits host, port, database and user.
fn from_file(file: &std::path::Path, wanted: &[String; 4]) -> Option<Vec<u8>> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        // As libpq does: a file that others can read is not believed.
        if fs::metadata(file).ok()?.permissions().mode() & 0o077 != 0 {
            return None;
        }
    }
    let text = fs::read_to_string(file).ok()?;
    text.lines().filter(|line| !line.starts_with('#')).find_map(|line| {
        let fields = fields(line);
        let (password, names) = fields.split_last().filter(|(_, names)| names.len() == 4)?;
        let fits = names.iter().zip(wanted).all(|(name, wanted)| name == "*" || name == wanted);
        fits.then(|| password.clone().into_bytes())
    })
}

/// The fields of a line: five at most, `\` before a `:` or `\` that belongs to a field.
fn fields(line: &str) -> Vec<String> {
    let mut fields = vec![String::new()];
    let mut characters = line.chars();
    while let Some(mut c) = characters.next() {
        if c == ':' && fields.len() < 5 {
            fields.push(String::new());
            continue;
        }
        if c == '\\' {
            let Some(next) = characters.next() else { break };
            c = next;
        }
        if let Some(last) = fields.last_mut() {
            last.push(c);
        }
    }
    fields
}

#[cfg(test)]
mod tests {
    use super::*;

    fn completed(url: &str, variables: &[(&str, &str)]) -> String {
        let variable = |name: &str| {
            variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        };
        with_variables(url.into(), &variable).expose_secret().to_owned()
    }

    fn password(url: &str) -> Option<String> {
        let config = Config::from_str(url).expect("can be read");
        config.get_password().map(|bytes| String::from_utf8_lossy(bytes).into_owned())
    }

    #[test]
    fn the_password_of_the_url_comes_first() {
        let variables = [("PGPASSWORD", "other")];
        for url in ["postgres://ada:hush@db/state", "postgres://ada@db/state?password=hush"] {
            assert_eq!(completed(url, &variables), url);
        }
    }

    #[test]
    fn any_password_of_the_environment_fits_into_the_url() {
        let variables = [("PGPASSWORD", "a @/?&=#%é")];
        for url in ["postgres://ada@db/state", "postgres://ada@db/state?connect_timeout=3"] {
            assert_eq!(password(&completed(url, &variables)).as_deref(), Some("a @/?&=#%é"));
        }
    }

    #[test]
    fn the_file_of_passwords_is_read_as_psql_reads_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("pgpass");
        let lines = "# a comment\ndb:5432:other:ada:no\ndb:*:state:ada:hu\\:sh:\\\\\n\
                     *:*:*:*:any\n";
        fs::write(&file, lines).expect("can be written");
        let path = file.to_str().expect("is text");
        let variables = [("PGPASSFILE", path)];
        let set_mode = |mode| {
            use std::os::unix::fs::PermissionsExt;
            fs::set_permissions(&file, fs::Permissions::from_mode(mode)).expect("can be set");
        };
        set_mode(0o600);
        let found = |url| password(&completed(url, &variables));
        assert_eq!(found("postgres://ada@db/state").as_deref(), Some("hu:sh:\\"));
        assert_eq!(found("postgres://bob@db/state").as_deref(), Some("any"));
        set_mode(0o644);
        assert_eq!(found("postgres://ada@db/state"), None);
    }
}
