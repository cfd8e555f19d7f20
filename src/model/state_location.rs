use std::{
    fmt,
    path::{Path, PathBuf},
};

use secrecy::{ExposeSecret, SecretString};

/// Where a state is kept, as somebody names it: in `state:`, in `--state`, or in `--to`.
#[derive(Clone)]
pub enum StateLocation {
    /// A folder.
    Folder(PathBuf),
    /// A PostgreSQL database: `postgres://…`. It may hold a password.
    Postgres(SecretString),
    /// A bucket: `s3://bucket/prefix`. A mistake may have put a password into it.
    Bucket(SecretString),
}

/// Why a text does not name a place for a state. The text is in no message: it may hold a password,
/// or what a variable holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ParseStateLocationError {
    /// There is nothing.
    #[error("the location of the state is empty")]
    Empty,
    /// There is white space at an end, or a control character, or white space in a URL.
    #[error(
        "the location of the state has white space or a control character where none belongs; it is not shown, because it may hold a password"
    )]
    Space,
    /// A URL of something that people know, and that no store goes by.
    #[error(
        "there is no store for {0}://; the location of the state is not shown, because it may hold a password"
    )]
    NoStore(&'static str),
    /// A URL of another kind.
    #[error(
        "the location of the state is a URL that no store goes by; it is not shown, because it may hold a password"
    )]
    Scheme,
    /// Nothing follows the scheme.
    #[error("the location of the state is a URL that names no host and no bucket")]
    NoHost,
    /// Too much like a URL, or like the parameters of a connection, to be a folder.
    #[error(
        "the location of the state looks like a URL that is not written right, or like the parameters of a connection; it is not shown, because it may hold a password"
    )]
    LikeUrl,
}

impl ParseStateLocationError {
    /// What to write instead.
    pub const CURE: &str = "write a folder, postgres://USER@HOST/DATABASE, or s3://BUCKET/PREFIX; a folder whose name looks like a URL is written ./NAME";
}

impl StateLocation {
    /// What `text` names. A folder is relative to `base`.
    ///
    /// What looks like a URL, or like the parameters of a connection, is never taken for a folder:
    /// a password in it would become a folder's name, and be shown. `./NAME` always is a folder.
    ///
    /// # Errors
    ///
    /// See [`ParseStateLocationError`].
    pub fn parse(text: &str, base: &Path) -> Result<Self, ParseStateLocationError> {
        use ParseStateLocationError as Error;
        if text.trim().is_empty() {
            return Err(Error::Empty);
        }
        if text.contains(char::is_control) {
            return Err(Error::Space);
        }
        if is_plainly_a_path(text) {
            return Ok(Self::Folder(base.join(text)));
        }
        if text.trim() != text {
            return Err(Error::Space);
        }
        let Some((scheme, rest)) = text.split_once("://").filter(|(scheme, _)| is_scheme(scheme))
        else {
            if looks_like_a_url(text) {
                return Err(Error::LikeUrl);
            }
            return Ok(Self::Folder(base.join(text)));
        };
        // The case of a scheme does not matter.
        let scheme = scheme.to_ascii_lowercase();
        let url = format!("{scheme}://{rest}").into();
        let location = match &*scheme {
            "postgres" | "postgresql" => Self::Postgres(url),
            "s3" => Self::Bucket(url),
            other => {
                let known = KNOWN.into_iter().find(|known| *known == other);
                return Err(known.map_or(Error::Scheme, Error::NoStore));
            }
        };
        if rest.is_empty() {
            return Err(Error::NoHost);
        }
        // A prefix in a bucket may have blanks.
        if matches!(location, Self::Postgres(_)) && rest.contains(char::is_whitespace) {
            return Err(Error::Space);
        }
        Ok(location)
    }

    /// Whether it certainly holds no password. A URL may have one after its user, or among its parameters.
    pub fn may_be_shown(&self) -> bool {
        match self {
            Self::Folder(_) => true,
            Self::Postgres(url) | Self::Bucket(url) => {
                let rest = url.expose_secret().split_once("://").map_or("", |(_, rest)| rest);
                let has_password =
                    rest.rsplit_once('@').is_some_and(|(user, _)| user.contains([':', '/']));
                let bucket = matches!(self, Self::Bucket(_));
                // A password that is not encoded may hold any of these.
                let strange =
                    rest.matches('@').count() > usize::from(!bucket) || rest.contains('?');
                !has_password && !strange
            }
        }
    }

    /// Whether it is a store elsewhere, and not a folder on this machine.
    pub fn is_url(&self) -> bool {
        !matches!(self, Self::Folder(_))
    }
}

fn is_scheme(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c))
}

/// Whether it begins as only a path does.
fn is_plainly_a_path(text: &str) -> bool {
    let relative = ["./", "../"].iter().any(|start| text.starts_with(start));
    let absolute = text.starts_with('/') && !text.starts_with("//");
    let windows = cfg!(windows)
        && ([".\\", "..\\", "\\"].iter().any(|start| text.starts_with(start))
            || (text.as_bytes().get(1) == Some(&b':')
                && text.starts_with(|c: char| c.is_ascii_alphabetic())));
    relative || absolute || windows
}

/// Schemes that are shown: nobody has these words as a password.
const KNOWN: [&str; 14] = [
    "azure", "file", "ftp", "gcs", "git", "gs", "http", "https", "mariadb", "mongodb", "mysql",
    "redis", "sqlite", "ssh",
];

/// What libpq and others call the parts of a connection.
const PARAMETERS: [&str; 13] = [
    "host", "hostaddr", "port", "dbname", "database", "db", "user", "username", "uid", "password",
    "pwd", "server", "service",
];

/// Whether somebody may have meant a URL, or the parameters of a connection.
fn looks_like_a_url(text: &str) -> bool {
    // `postgres:/u:pw@h`, `u:pw@h/db`, `host:5432/db`, `s3//b`, `\\server\share`.
    text.contains([':', '@']) || text.contains("//") || text.contains("\\\\") || {
        let mut before = text.split('=');
        // What follows the last one is a value.
        before.next_back();
        before.any(|part| {
            let word = part.trim_end().rsplit(|c: char| !c.is_ascii_alphanumeric()).next();
            word.is_some_and(|word| PARAMETERS.iter().any(|name| word.eq_ignore_ascii_case(name)))
        })
    }
}

impl fmt::Debug for StateLocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Folder(path) => write!(f, "Folder({path:?})"),
            Self::Postgres(_) => f.write_str("Postgres(…)"),
            Self::Bucket(_) => f.write_str("Bucket(…)"),
        }
    }
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    fn parsed(text: &str) -> Result<String, ParseStateLocationError> {
        Ok(match StateLocation::parse(text, Path::new("/p"))? {
            StateLocation::Folder(path) => format!("folder {}", path.display()),
            StateLocation::Postgres(url) => format!("postgres {}", url.expose_secret()),
            StateLocation::Bucket(url) => format!("bucket {}", url.expose_secret()),
        })
    }

    #[test]
    fn folders_and_urls_are_told_apart() {
        for (text, expected) in [
            ("state", "folder /p/state"),
            ("state/of-2026.10", "folder /p/state/of-2026.10"),
            ("a b=c", "folder /p/a b=c"),
            ("../state", "folder /p/../state"),
            ("/var/lib/pushsync", "folder /var/lib/pushsync"),
            ("./postgres:/u:pw@h", "folder /p/./postgres:/u:pw@h"),
            ("./host=x", "folder /p/./host=x"),
            ("postgres://u:pw@h/d", "postgres postgres://u:pw@h/d"),
            ("postgresql://h/d?x=y", "postgres postgresql://h/d?x=y"),
            ("POSTGRES://U@h/D", "postgres postgres://U@h/D"),
            ("s3://b/p q", "bucket s3://b/p q"),
            ("S3://b", "bucket s3://b"),
        ] {
            assert_eq!(parsed(text), Ok(expected.to_owned()), "{text}");
        }
    }

    #[test]
    fn what_looks_like_a_url_is_never_a_folder_and_not_shown() {
        for text in [
            "postgres:/u:hush@h",
            "postgres:u:hush@h/db",
            "postgres//u:hush@h/db",
            "postgresql//hush/db",
            "Postgres:\\\\u:hush@h\\db",
            "u:hush@h/db",
            "hush@h",
            "my_user:hush@h:5432/db",
            "db.example.com:5432/hush",
            "//u:hush@h/db",
            "//hush/db",
            "host=h password=hush",
            "HOST = h PassWord = hush",
            "dbname=d user=u password='hu sh'",
            "password=hush",
            "Server=h;Database=d;User Id=u;Pwd=hush",
            "s3:/b/hush",
            "s3:b/hush",
            "s3//b/hush",
            "s3.://b/hush@",
            "://hush",
            "mysql://u:hush@h/d",
            "https://bucket.s3.amazonaws.com/hush",
            "file:///hush",
            "jdbc:postgresql://h/d?user=u&password=hush",
            "postgres+ssl://u:hush@h/d",
            " postgres://u:hush@h/d",
            "postgres://u:hush@h/d ",
            "postgres://u:hu sh@h/d",
            "post\tgres://u:hush@h/d",
            "postgres://u:hush\n@h/d",
            "postgres://",
            "s3://",
            "\\\\hush\\share",
            "",
            "  ",
        ] {
            let error = StateLocation::parse(text, Path::new("/p")).expect_err(text);
            assert!(!format!("{error} {error:?}").contains("hu"), "{error}");
        }
    }

    #[test]
    fn only_a_location_that_holds_no_password_may_be_shown() {
        for (text, shown) in [
            ("a b", true),
            ("postgres://h:5432/d", true),
            ("postgres://u@h/d", true),
            ("s3://b/p q", true),
            ("postgres://u:hush@h/d", false),
            ("postgres://u:hu/sh@h/d", false),
            ("postgres://u:hu?sh@h/d", false),
            ("postgres://u:hu@sh@h/d", false),
            ("postgres://h/d?password=hush", false),
            ("s3://key:hush@b/p", false),
            ("s3://hush@b/p", false),
        ] {
            let location = StateLocation::parse(text, Path::new("/p")).expect("is one");
            assert_eq!(location.may_be_shown(), shown, "{text}");
        }
    }

    #[test]
    fn a_password_in_a_place_is_not_shown() {
        for text in ["postgres://u:hush@h/d", "s3://hush@b/p"] {
            let location = StateLocation::parse(text, Path::new("/p")).expect("is one");
            assert!(!format!("{location:?}").contains("hush"), "{text}");
        }
    }
}
