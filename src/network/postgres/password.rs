//! A password that the URL leaves open: `PGPASSWORD`, then the password file that `psql` reads.

use std::{fs, path::PathBuf};

use percent_encoding::{NON_ALPHANUMERIC, percent_encode};
use secrecy::{ExposeSecret, SecretString};
use tokio_postgres::{Config, config::Host};

use super::connect_options::split;
use crate::files;

/// More than a file of passwords has.
const MOST_BYTES: u64 = 1 << 20;

/// The URL with a password, if it has none and the environment knows one. `variable` reads the
/// environment.
pub(crate) fn with_variables(
    url: SecretString,
    variable: &dyn Fn(&str) -> Option<String>,
) -> SecretString {
    let text = url.expose_secret();
    // A URL that cannot be read is refused when it is opened.
    let Some((config, _)) = split(text).filter(|(config, _)| config.get_password().is_none())
    else {
        return url;
    };
    let password = variable("PGPASSWORD").filter(|password| !password.is_empty());
    match password.or_else(|| from_file(&config, variable)) {
        Some(password) => {
            let sign = if text.contains('?') { '&' } else { '?' };
            let password = percent_encode(password.as_bytes(), NON_ALPHANUMERIC);
            format!("{text}{sign}password={password}").into()
        }
        None => url,
    }
}

/// The password in the first line of the file that fits host, port, database and user.
fn from_file(config: &Config, variable: &dyn Fn(&str) -> Option<String>) -> Option<String> {
    let file = variable("PGPASSFILE")
        .map(PathBuf::from)
        .or_else(|| Some(PathBuf::from(variable("HOME")?).join(".pgpass")))?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        // As libpq does: a file that others can read does not count.
        if fs::metadata(&file).ok()?.permissions().mode() & 0o077 != 0 {
            return None;
        }
    }
    let host = match config.get_hosts().first() {
        Some(Host::Tcp(name)) => name,
        // What libpq calls a socket in this file.
        _ => "localhost",
    };
    let port = config.get_ports().first().copied().unwrap_or(5432).to_string();
    let user = config.get_user().map(str::to_owned).or_else(|| variable("USER"))?;
    let wanted = [host, &port, config.get_dbname().unwrap_or(&user), &user];
    let text = String::from_utf8(files::read(&file, MOST_BYTES).ok()?).ok()?;
    text.lines().filter(|line| !line.starts_with('#')).find_map(|line| {
        let mut fields = fields(line);
        let password = fields.pop().filter(|_| fields.len() == wanted.len())?;
        let fits = fields.iter().zip(wanted).all(|(field, wanted)| field == "*" || field == wanted);
        fits.then_some(password)
    })
}

/// The fields of a line, at most five. A `:` or `\` that belongs to a field has a `\` before it.
fn fields(line: &str) -> Vec<String> {
    let mut fields = Vec::new();
    let mut field = String::new();
    let mut characters = line.chars();
    while let Some(c) = characters.next() {
        match c {
            ':' if fields.len() < 4 => fields.push(std::mem::take(&mut field)),
            '\\' => field.extend(characters.next()),
            c => field.push(c),
        }
    }
    fields.push(field);
    fields
}

#[cfg(test)]
mod tests {
    use std::str::FromStr as _;

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
