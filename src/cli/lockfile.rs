//! `pushsync.lock`: which state has the messages of an environment, to be committed beside `pushsync.yaml`.
//!
//! A state that is lost, or taken for another one, looks like a new one: everything would be sent again. Each
//! state has a lineage, made once; this file has that of each environment and API.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    fs::{self, File, OpenOptions},
    io::{self, ErrorKind, Write as _},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::failure::Failure;
use crate::{
    files,
    manifest::DEFAULT_ENVIRONMENT,
    model::{BaseUrl, Key, one_line},
    state::private_file,
};

/// The file, beside `pushsync.yaml`.
pub(super) const LOCKFILE: &str = "pushsync.lock";

const VERSION: u32 = 1;
/// Larger than any: a line takes about 150 bytes.
const MOST_BYTES: u64 = 16 << 20;

const HEAD: &str = "# pushsync writes this file: commit it. It says which state has the messages of an environment. Without it, a
# state that is lost or mistaken for another one looks like a new one, and everything would be sent again.
";

/// The lineages, by environment and API.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Lockfile {
    states: BTreeMap<(String, String), Uuid>,
}

/// Why a state is not the one that the file names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Mismatch {
    /// There is none.
    Missing { expected: Uuid },
    /// It is another one.
    Other { expected: Uuid, found: Uuid },
    /// There is none, and these environments, which are no longer declared, have one.
    Renamed { from: Vec<String> },
    /// It is that of another environment: a copy.
    Copied { of: String },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    version: u32,
    #[serde(default)]
    states: Vec<Entry>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    environment: String,
    api: BaseUrl,
    lineage: Uuid,
}

impl Lockfile {
    /// Reads the file of a project; an empty one if there is none.
    pub(super) fn read(folder: &Path) -> Result<Self, Failure> {
        let path = Self::path(folder);
        // A ConfigMap has links to its own files. One that leads elsewhere may be a stranger's.
        if !leads_within(&path, folder) {
            private_file::refuse_link(&path)?;
        }
        let failed = |why: String| {
            Failure::new(format!("could not read {}: {why}", path.display())).help(
                "nothing was done; correct it, or bring it back from the repository: git checkout -- pushsync.lock",
            )
        };
        let bytes = match files::read(&path, MOST_BYTES) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Self::default()),
            read => read.map_err(|error| failed(error.to_string()))?,
        };
        let text = String::from_utf8(bytes).map_err(|_| failed("it is not UTF-8".to_owned()))?;
        Self::parse(&text).map_err(failed)
    }

    /// The file of the project in a folder.
    pub(super) fn path(folder: &Path) -> PathBuf {
        folder.join(LOCKFILE)
    }

    fn parse(text: &str) -> Result<Self, String> {
        let marks = ["<<<<<<<", "=======", ">>>>>>>"];
        let conflict =
            text.lines().position(|line| marks.iter().any(|mark| line.starts_with(mark)));
        if let Some(line) = conflict {
            return Err(format!(
                "line {} is a mark of a merge conflict: keep the lines of both sides, one for each environment and API",
                line + 1
            ));
        }
        let document: Document = serde_yaml::from_str(text).map_err(|error| error.to_string())?;
        if document.version != VERSION {
            return Err(format!(
                "it is version {}, and this pushsync knows version {VERSION}",
                document.version
            ));
        }
        let mut states = BTreeMap::new();
        for Entry { environment, api, lineage } in document.states {
            Key::parse(&environment).map_err(|error| {
                format!(
                    "{:?}: {}",
                    environment,
                    error.to_string().replace("a key", "an environment's name")
                )
            })?;
            let name = (environment, api.to_string());
            if let Some(other) = states.insert(name.clone(), lineage)
                && other != lineage
            {
                return Err(format!(
                    "it has two states for the environment {} at {}: keep the line of the one that is used",
                    one_line(&name.0),
                    name.1
                ));
            }
        }
        Ok(Self { states })
    }

    /// Whether the state with this lineage, if there is one, is the one of this environment and API.
    pub(super) fn check(
        &self,
        environment: &str,
        api: &BaseUrl,
        found: Option<Uuid>,
        declared: &[String],
    ) -> Result<(), Mismatch> {
        let expected = self.states.get(&(environment.to_owned(), api.to_string())).copied();
        let here = || {
            let here = self.states.iter().filter(|((_, at), _)| *at == api.to_string());
            here.map(|((name, _), lineage)| (name, *lineage))
        };
        match (expected, found) {
            (Some(expected), Some(found)) if expected == found => Ok(()),
            (Some(expected), None) => Err(Mismatch::Missing { expected }),
            (expected, Some(found)) => match (here().find(|(_, one)| *one == found), expected) {
                (Some((of, _)), _) => Err(Mismatch::Copied { of: of.clone() }),
                (None, Some(expected)) => Err(Mismatch::Other { expected, found }),
                (None, None) => Ok(()),
            },
            (None, None) => {
                let is_known =
                    |name: &String| name == DEFAULT_ENVIRONMENT || declared.contains(name);
                let from: Vec<_> =
                    here().map(|(name, _)| name).filter(|name| !is_known(name)).cloned().collect();
                if from.is_empty() { Ok(()) } else { Err(Mismatch::Renamed { from }) }
            }
        }
    }

    /// Whether it names a state of this environment and API.
    pub(super) fn names(&self, environment: &str, api: &BaseUrl) -> bool {
        self.states.contains_key(&(environment.to_owned(), api.to_string()))
    }

    /// Notes the state of an environment and API. Returns whether that is new.
    pub(super) fn set(&mut self, environment: &str, api: &BaseUrl, lineage: Uuid) -> bool {
        let name = (environment.to_owned(), api.to_string());
        self.states.insert(name, lineage) != Some(lineage)
    }

    /// Gives the state with this lineage the name of another environment. Returns whether the file has it.
    pub(super) fn rename(&mut self, old: &str, new: &str, lineage: Uuid) -> bool {
        self.replace(|(name, api), one| {
            (name == old && one == lineage).then(|| (new.to_owned(), api.clone()))
        })
    }

    /// Gives the state with this lineage another API. Returns whether the file has it.
    pub(super) fn set_api(&mut self, environment: &str, url: &BaseUrl, lineage: Uuid) -> bool {
        self.replace(|(name, _), one| {
            (name == environment && one == lineage).then(|| (name.clone(), url.to_string()))
        })
    }

    fn replace(
        &mut self,
        new_name: impl Fn(&(String, String), Uuid) -> Option<(String, String)>,
    ) -> bool {
        let old = self.states.clone();
        let named = |(name, lineage)| {
            let name: &(String, String) = name;
            (new_name(name, lineage).unwrap_or_else(|| name.clone()), lineage)
        };
        self.states = old.iter().map(|(name, lineage)| named((name, *lineage))).collect();
        self.states != old
    }

    /// The line of an environment and API.
    pub(super) fn line(environment: &str, api: &BaseUrl, lineage: Uuid) -> String {
        line(environment, api.as_str(), lineage)
    }

    /// How somebody adds a line to a file with these contents by hand. A message has one line, so a new file has one too.
    pub(super) fn how_to_add(&self, line: &str) -> String {
        let line = line.trim_start();
        match self.states.is_empty() {
            true => format!(
                "Commit a file {LOCKFILE} with this line: {{ version: {VERSION}, states: [{}] }}",
                line.trim_start_matches("- ")
            ),
            false => format!(
                "Add this line at the end of {LOCKFILE}, with two spaces before it, and commit it: {line}"
            ),
        }
    }

    fn text(&self) -> String {
        let mut out = format!("{HEAD}version: {VERSION}\nstates:\n");
        if self.states.is_empty() {
            out = format!("{HEAD}version: {VERSION}\nstates: []\n");
        }
        for ((environment, api), lineage) in &self.states {
            _ = writeln!(out, "{}", line(environment, api, *lineage));
        }
        out
    }

    /// Keeps other processes from changing the file of a project, as long as it is held: between reading and writing it,
    /// their lines would be lost. Where a folder cannot be locked, nothing keeps them.
    pub(super) fn alone(folder: &Path) -> Option<File> {
        let folder =
            File::open(if folder.as_os_str().is_empty() { Path::new(".") } else { folder });
        folder.ok().filter(|folder| folder.lock().is_ok())
    }

    /// Whether the file of a project could be written: something else is written beside it, and removed.
    pub(super) fn check_writable(folder: &Path) -> io::Result<()> {
        if Self::path(folder).is_symlink() {
            return Err(io::Error::other("it is a symbolic link"));
        }
        // A name that neither another process nor a link of the checkout has.
        let beside = folder.join(format!("{LOCKFILE}.{}", Uuid::new_v4()));
        OpenOptions::new().write(true).create_new(true).open(&beside)?;
        fs::remove_file(&beside)
    }

    /// Writes the file of a project: after a crash there is the old one or the new one.
    pub(super) fn write(&self, folder: &Path) -> io::Result<()> {
        let path = Self::path(folder);
        if path.is_symlink() {
            return Err(io::Error::other("it is a symbolic link, and a file would take its place"));
        }
        let beside = folder.join(format!("{LOCKFILE}.new"));
        match fs::remove_file(&beside) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file = OpenOptions::new().write(true).create_new(true).open(&beside)?;
        file.write_all(self.text().as_bytes()).and_then(|()| file.sync_all())?;
        fs::rename(&beside, &path)?;
        // The name too. Not every file system can sync a folder.
        let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
        _ = File::open(folder).and_then(|folder| folder.sync_all());
        Ok(())
    }
}

/// Whether a path is there and stays in this folder, whatever links are in it.
fn leads_within(path: &Path, folder: &Path) -> bool {
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    match (path.canonicalize(), folder.canonicalize()) {
        (Ok(path), Ok(folder)) => path.starts_with(folder),
        _ => false,
    }
}

fn line(environment: &str, api: &str, lineage: Uuid) -> String {
    format!(
        "  - {{ environment: {}, api: {}, lineage: {lineage} }}",
        serde_json::Value::from(environment),
        serde_json::Value::from(api)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> BaseUrl {
        BaseUrl::parse(text).expect("a URL")
    }

    fn file() -> (Lockfile, Uuid, Uuid) {
        let (one, two) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let mut file = Lockfile::default();
        assert!(file.set("1.5", &BaseUrl::brevo(), one));
        assert!(file.set("staging", &url("http://127.0.0.1:8080/v3"), two));
        assert!(!file.set("staging", &url("http://127.0.0.1:8080/v3"), two));
        (file, one, two)
    }

    #[test]
    fn the_file_is_read_as_it_was_written() {
        let (file, ..) = file();
        assert_eq!(Lockfile::parse(&file.text()), Ok(file));
        let empty = Lockfile::default();
        assert_eq!(Lockfile::parse(&empty.text()), Ok(empty));
    }

    #[test]
    fn what_somebody_is_told_to_add_by_hand_is_read() {
        let (mut file, ..) = file();
        let (url, lineage) = (url("http://127.0.0.1:1/v3"), Uuid::from_u128(3));
        let told = |file: &Lockfile| {
            let told = file.how_to_add(&Lockfile::line("other", &url, lineage));
            told.split_once(": ").expect("a line").1.to_owned()
        };
        let mut alone = Lockfile::default();
        let (first, next) = (told(&alone), format!("{}  {}\n", file.text(), told(&file)));
        alone.set("other", &url, lineage);
        file.set("other", &url, lineage);
        assert_eq!((Lockfile::parse(&first), Lockfile::parse(&next)), (Ok(alone), Ok(file)));
    }

    #[test]
    fn a_file_that_is_cut_or_in_conflict_is_refused() {
        let (file, ..) = file();
        let text = file.text();
        for bad in [
            "",
            "version: 2\nstates: []\n",
            &text[..text.len() - 20],
            &format!("<<<<<<< HEAD\n{text}=======\n"),
            "version: 1\nstates:\n- { environment: a, lineage: x }\n",
            "version: 1\nstate: []\n",
            "version: 1\nstates:\n- { environment: '$(x)', api: 'https://a.b', lineage: 6f6ce1f5-6d7f-4c5b-9f0e-0b7a2f0f6b0e }\n",
        ] {
            assert!(Lockfile::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_state_is_bound_to_its_environment_and_its_api() {
        let (file, one, two) = file();
        let (brevo, local) = (BaseUrl::brevo(), url("http://127.0.0.1:8080/v3"));
        let other = Uuid::from_u128(3);
        let declared = ["1.5".to_owned(), "staging".to_owned()];
        let check = |environment: &str, api, found| file.check(environment, api, found, &declared);
        assert_eq!(check("1.5", &brevo, Some(one)), Ok(()));
        assert_eq!(check("1.5", &brevo, None), Err(Mismatch::Missing { expected: one }));
        let mismatch = Mismatch::Other { expected: one, found: other };
        assert_eq!(check("1.5", &brevo, Some(other)), Err(mismatch));
        // A trial elsewhere neither binds nor is bound.
        assert_eq!(check("staging", &brevo, None), Ok(()));
        assert_eq!(check("1.5", &local, None), Ok(()));
        // Copies of a state would change the same messages.
        assert_eq!(check("qa", &local, Some(two)), Err(Mismatch::Copied { of: "staging".into() }));
        // An environment that was renamed.
        let renamed = Mismatch::Renamed { from: vec!["1.5".into()] };
        assert_eq!(file.check("2", &brevo, None, &["2".to_owned()]), Err(renamed));
    }

    #[test]
    fn names_and_apis_change_with_their_state_alone() {
        let (mut file, one, two) = file();
        assert!(!file.rename("1.5", "new", two));
        assert!(file.rename("1.5", "new", one));
        assert!(file.set_api("staging", &BaseUrl::brevo(), two));
        assert_eq!(file.check("new", &BaseUrl::brevo(), Some(one), &[]), Ok(()));
        assert_eq!(file.check("staging", &BaseUrl::brevo(), Some(two), &[]), Ok(()));
    }
}
