//! Nothing that lies in the checkout runs or configures anything.

use std::fs;

use crate::{
    action::{KEY, script},
    needs_tools,
    repository::{Repository, exists, note},
};

const TOOLS: [&str; 16] = [
    "awk", "cat", "curl", "date", "dirname", "env", "git", "grep", "head", "jq", "mktemp", "od",
    "pushsync", "rm", "sed", "tr",
];

/// A repository with a program for each tool, and with the files that tools read in a home.
fn booby_trapped() -> Repository {
    let repository = Repository::new(&note("one"));
    for folder in ["", "bin"] {
        let folder = repository.path().join(folder);
        fs::create_dir_all(&folder).expect("a folder");
        for tool in TOOLS {
            script(&folder.join(tool), "echo x >>\"$(dirname \"$0\")/PWNED\"; exit 1");
        }
    }
    repository.file(".curlrc", "url = \"http://127.0.0.1:9/PWNED\"\noutput = \"PWNED\"\n");
    repository.file(".netrc", "machine 127.0.0.1 login PWNED password PWNED\n");
    repository.file(".jq", "def PWNED(: this does not compile\n");
    repository
}

fn is_untouched(repository: &Repository) {
    for name in ["PWNED", "bin/PWNED"] {
        assert!(!exists(&repository.path().join(name)), "{name}");
    }
}

#[test]
fn no_program_and_no_file_of_the_checkout_is_used() {
    needs_tools!();
    let repository = booby_trapped();
    let checkout = repository.path().display().to_string();
    let path = std::env::var_os("PATH").expect("a path");
    let link = repository.path().join("../link");
    std::os::unix::fs::symlink(repository.path().join("bin"), &link).expect("a link");
    let path = format!(
        "{checkout}:{checkout}/bin:{}:.:bin::./bin/../:{checkout}/bin/..:{}",
        link.display(),
        path.display()
    );
    for merged in [false, true] {
        let job = if merged { repository.merged() } else { repository.pull_request() };
        let job = job.env("PATH", &path).env("HOME", &checkout).env("CURL_HOME", &checkout);
        let job = job.env("BASH_FUNC_jq%%", "() { touch PWNED; }").env("CDPATH", &checkout);
        job.ok();
        is_untouched(&repository);
    }
    let done = repository.pull_request().input("binary", "pushsync").env("PATH", &path).wait();
    is_untouched(&repository);
    assert_eq!(done.seen, "");
    assert_eq!(repository.texts(), ["one"]);
}

#[test]
fn a_binary_that_a_pull_request_could_change_is_refused() {
    needs_tools!();
    let repository = booby_trapped();
    for name in
        ["./pushsync", "bin/pushsync", &format!("{}/bin/pushsync", repository.path().display())]
    {
        let job = repository.pull_request().input("binary", name).env("BREVO_API_KEY", KEY);
        job.exits(1).notes("error", "is in the checkout");
        is_untouched(&repository);
    }
    let job = repository.pull_request().input("binary", "is_true");
    job.exits(1).notes("error", "there is no program");
}
