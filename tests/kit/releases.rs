//! Releases: how they are packed, and how they are installed.

use std::{fs, path::Path, process::Command};

use tempfile::TempDir;

use crate::{
    action::{root, script},
    fake::{Answer, Fake},
    needs_tools,
    repository::{Repository, note},
};

const VERSION: &str = env!("CARGO_PKG_VERSION");

fn target() -> String {
    format!("{}-unknown-linux-musl", std::env::consts::ARCH)
}

fn package(args: &[&str]) -> std::process::Output {
    Command::new("bash").arg(root().join("ci/package.sh")).args(args).output().expect("bash starts")
}

/// A server with this release; bytes are in files, because the answers of the stand-in are text.
fn served(sums: String) -> (Fake, TempDir) {
    let folder = TempDir::new().expect("a folder");
    let fake = Fake::start(move |_, asked| {
        if asked.line.contains("/SHA256SUMS") {
            Answer::Is(200, String::new(), sums.clone())
        } else {
            Answer::Is(200, String::new(), "not an archive".to_owned())
        }
    });
    (fake, folder)
}

#[test]
#[cfg(target_os = "linux")]
fn a_release_is_packed_and_its_program_runs() {
    needs_tools!();
    let folder = TempDir::new().expect("a folder");
    let program = Path::new(env!("CARGO_BIN_EXE_pushsync"));
    let from = program.parent().expect("a folder").display().to_string();
    let to = folder.path().display().to_string();
    let done = package(&[&target(), &from, &to]);
    assert!(done.status.success(), "{done:?}");
    let name = format!("pushsync-{VERSION}-{}", target());
    let unpacked = Command::new("tar")
        .args(["-xzf", &format!("{name}.tar.gz")])
        .current_dir(folder.path())
        .status();
    assert!(unpacked.expect("tar is there").success());
    let made = folder.path().join(name);
    for file in [
        "LICENSE-MIT",
        "LICENSE-APACHE",
        "man/pushsync.1",
        "completions/_pushsync",
        "ci/install.sh",
    ] {
        assert!(fs::metadata(made.join(file)).is_ok_and(|file| file.len() > 0), "{file}");
    }
    let ran = Command::new(made.join("pushsync")).arg("--version").output().expect("it runs");
    assert!(String::from_utf8_lossy(&ran.stdout).contains(VERSION));
}

#[test]
fn a_tag_that_is_not_the_version_makes_no_release() {
    needs_tools!();
    assert!(package(&["--check", &format!("v{VERSION}")]).status.success());
    for tag in ["v9.9.9", VERSION, "v", "$(true)"] {
        let done = package(&["--check", tag]);
        assert!(
            !done.status.success() && String::from_utf8_lossy(&done.stderr).contains("the tag is"),
            "{tag}"
        );
    }
}

#[test]
#[cfg(target_os = "linux")]
fn a_download_with_another_checksum_is_not_used() {
    needs_tools!();
    let repository = Repository::new(&note("one"));
    let name = format!("pushsync-{VERSION}-{}.tar.gz", target());
    let sum = "f".repeat(64);
    for sums in [format!("{sum}  {name}\n"), format!("{sum}  other\n"), String::new()] {
        let (server, _folder) = served(sums);
        let job = repository
            .pull_request()
            .input("version", VERSION)
            .env("PUSHSYNC_RELEASES", server.base_url());
        job.exits(1).notes("error", "could not be installed").notes("error", "SHA256SUMS says");
    }
}

#[test]
#[cfg(target_os = "linux")]
fn a_download_with_the_right_checksum_is_used_and_by_default_it_is_the_version_of_the_action() {
    needs_tools!();
    let release = release();
    let repository = Repository::new(&note("one"));
    let job = repository.pull_request().input("binary", "").env("PUSHSYNC_RELEASES", &release.url);
    // That of GNU tar has options that run programs.
    let options = format!(
        "--checkpoint=1 --checkpoint-action=exec=touch\\ {}/PWNED",
        repository.path().display()
    );
    job.env("TAR_OPTIONS", options).ok().sums_up(&["+ one"]);
    assert!(!repository.path().join("PWNED").exists());
    for version in ["1.2", "../1.2.3", "1.2.3/x", "latest"] {
        let job = repository
            .pull_request()
            .input("version", version)
            .env("PUSHSYNC_RELEASES", &release.url);
        job.exits(1).notes("error", "is not a version");
    }
    for url in [
        "http://example.com/x",
        "http://localhost:80@example.com/x",
        "https://user:secret@example.com/x",
        "file:///etc",
    ] {
        let job = repository.pull_request().input("version", VERSION).env("PUSHSYNC_RELEASES", url);
        let done = job.exits(1).notes("error", "must be https");
        assert!(!done.log.contains("secret"), "{}", done.log);
    }
}

#[test]
#[cfg(target_os = "linux")]
fn the_checksum_of_the_input_decides_and_not_that_of_the_release() {
    needs_tools!();
    let release = release();
    let repository = Repository::new(&note("one"));
    let with = |sha256: &str| {
        let job = repository.pull_request().input("binary", "").input("sha256", sha256);
        job.env("PUSHSYNC_RELEASES", &release.url)
    };
    for other in ["0".repeat(64), release.sha256.replace(|c: char| c.is_ascii_digit(), "f")] {
        with(&other).exits(1).notes("error", "the input sha256 says");
    }
    for nonsense in ["abc", &release.sha256[..63], &format!("{}  x", release.sha256), "$(true)"] {
        with(nonsense).exits(1).notes("error", "is not a checksum");
    }
    let done = with(&release.sha256).input("binary", "sh").exits(1);
    done.notes("error", "no download");
    // The sums of the release say otherwise, or are not there.
    let sums = release.folder.path().join("SHA256SUMS");
    let name = format!("pushsync-{VERSION}-{}.tar.gz", target());
    fs::write(&sums, format!("{}  {name}\n", "f".repeat(64))).expect("writable");
    with(&release.sha256).ok().sums_up(&["+ one"]);
    fs::remove_file(&sums).expect("it was there");
    with(&release.sha256.to_uppercase()).ok().sums_up(&["+ one"]);
    with("").exits(1).notes("error", "could not download SHA256SUMS");
}

#[test]
#[cfg(target_os = "linux")]
fn an_archive_without_the_program_or_with_a_link_in_its_place_is_not_used() {
    needs_tools!();
    let repository = Repository::new(&note("one"));
    for making in
        ["mv $0/pushsync $0/other", "ln -sf /bin/true $0/pushsync", "chmod -x $0/pushsync"]
    {
        let release = release_with(making);
        let job = repository.pull_request().input("binary", "").input("sha256", &release.sha256);
        let job = job.env("PUSHSYNC_RELEASES", &release.url);
        job.exits(1).notes("error", "there is no pushsync in");
    }
}

/// A release with a script in the place of the program.
struct Release {
    folder: TempDir,
    url: String,
    sha256: String,
}

fn release() -> Release {
    release_with("true")
}

/// After these commands, in which `$0` is its folder.
fn release_with(making: &str) -> Release {
    let folder = TempDir::new().expect("a folder");
    let name = format!("pushsync-{VERSION}-{}", target());
    fs::create_dir(folder.path().join(&name)).expect("a folder");
    // The program itself is large: the script takes its place beside itself, as it would be unpacked.
    let text = format!(
        "own=\"${{0%/*}}/program\"\nln '{program}' \"$own\" 2>/dev/null || cp '{program}' \"$own\"\nexec \"$own\" \"$@\"",
        program = env!("CARGO_BIN_EXE_pushsync")
    );
    script(&folder.path().join(&name).join("pushsync"), &text);
    let archive = "tar --format=ustar -cf - $0 | gzip -9 >$0.tar.gz";
    let made = Command::new("sh")
        .args(["-ec", &format!("{making}; {archive}; sha256sum $0.tar.gz >SHA256SUMS"), &name])
        .current_dir(folder.path())
        .status();
    assert!(made.expect("tar is there").success());
    let sums = fs::read_to_string(folder.path().join("SHA256SUMS")).expect("sums");
    Release { url: files(folder.path()), sha256: sums[..64].to_owned(), folder }
}

/// Serves `vVERSION/FILE` from a folder; its address. Its thread lives as long as the test's process.
fn files(folder: &Path) -> String {
    use std::io::{BufRead, BufReader, Write};
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    let folder = folder.to_owned();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut lines =
                BufReader::new(stream.try_clone().expect("a stream")).lines().map_while(Result::ok);
            let asked = lines.next().unwrap_or_default();
            while lines.next().is_some_and(|line| !line.is_empty()) {}
            let path = asked.split(' ').nth(1).unwrap_or_default();
            let file = path.strip_prefix(&format!("/v{VERSION}/")).unwrap_or("nothing");
            let answer = match fs::read(folder.join(file)) {
                Ok(bytes) => [
                    format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", bytes.len())
                        .into_bytes(),
                    bytes,
                ]
                .concat(),
                Err(_) => b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n".to_vec(),
            };
            let _ = stream.write_all(&answer);
        }
    });
    format!("http://{address}")
}
