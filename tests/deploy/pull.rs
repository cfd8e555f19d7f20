//! The script that brings a project to a server.

use std::{fs, path::Path, process::Command};

use tempfile::TempDir;

use crate::{deploy, environment, said, succeeds};

fn git(folder: &Path, args: &str) -> String {
    let mut git = Command::new("git");
    environment::without_this_machines(&mut git);
    git.current_dir(folder).args(["-c", "user.name=n", "-c", "user.email=e@example.com"]);
    succeeds(git.args(args.split(' '))).trim().to_owned()
}

fn commit(origin: &Path, text: &str) -> String {
    fs::write(origin.join("pushsync.yaml"), text).expect("a file");
    git(origin, "add .");
    git(origin, "commit --quiet -m change");
    git(origin, "rev-parse HEAD")
}

fn pull(folder: &Path, origin: &Path) -> Command {
    let mut pull = Command::new(deploy("systemd/pushsync-pull"));
    environment::without_this_machines(&mut pull);
    pull.env("PUSHSYNC_FOLDER", folder).env("PUSHSYNC_REPOSITORY", origin);
    pull
}

fn target(folder: &Path) -> String {
    let target = fs::read_link(folder.join("project")).expect("a link");
    target.to_str().expect("UTF-8").to_owned()
}

#[test]
fn a_commit_takes_the_place_of_the_one_before_as_a_whole() {
    let (folder, origin) = (TempDir::new().expect("a folder"), TempDir::new().expect("a folder"));
    let (folder, origin) = (folder.path(), origin.path());
    git(origin, "init --quiet --initial-branch main");
    let commits = ["first", "second", "third"].map(|text| {
        let commit = commit(origin, text);
        succeeds(&mut pull(folder, origin));
        assert_eq!(target(folder), format!("checkouts/{commit}"));
        assert_eq!(
            fs::read_to_string(folder.join("project/pushsync.yaml")).expect("it is there"),
            text
        );
        commit
    });
    // A cycle may still read the last one, and no older one.
    assert!(!folder.join("checkouts").join(&commits[0]).exists());
    assert!(folder.join("checkouts").join(&commits[1]).exists());

    let said_again = succeeds(&mut pull(folder, origin));
    assert_eq!(said_again, "", "nothing has changed");

    // A repository that cannot be reached leaves everything as it was.
    fs::rename(origin.join(".git"), origin.join("gone")).expect("renamed");
    let output = pull(folder, origin).output().expect("it runs");
    assert!(!output.status.success(), "{}", said(&output));
    assert_eq!(target(folder), format!("checkouts/{}", commits[2]));
    fs::rename(origin.join("gone"), origin.join(".git")).expect("renamed");

    // Back to an older commit, whose checkout is gone.
    git(origin, &format!("reset --quiet --hard {}", commits[0]));
    succeeds(&mut pull(folder, origin));
    assert_eq!(target(folder), format!("checkouts/{}", commits[0]));
}

#[test]
fn nothing_is_pulled_without_the_name_of_a_repository() {
    let folder = TempDir::new().expect("a folder");
    let mut pull = pull(folder.path(), Path::new("/"));
    let output = pull.env_remove("PUSHSYNC_REPOSITORY").output().expect("it runs");
    assert!(!output.status.success());
    assert!(said(&output).contains("names no repository"), "{}", said(&output));
}

#[test]
fn another_repository_or_branch_takes_the_place_of_the_first_one() {
    let [folder, first, other] = [(); 3].map(|()| TempDir::new().expect("a folder"));
    let (folder, first, other) = (folder.path(), first.path(), other.path());
    for origin in [first, other] {
        git(origin, "init --quiet --initial-branch main");
    }
    commit(first, "first");
    succeeds(&mut pull(folder, first));
    let commits = ["other", "on a branch"].map(|text| commit(other, text));
    git(other, "branch staging");
    git(other, &format!("reset --quiet --hard {}", commits[0]));
    succeeds(&mut pull(folder, other));
    assert_eq!(target(folder), format!("checkouts/{}", commits[0]));
    succeeds(pull(folder, other).env("PUSHSYNC_BRANCH", "staging"));
    assert_eq!(target(folder), format!("checkouts/{}", commits[1]));
    let output = pull(folder, Path::new("/does/not/exist")).output().expect("it runs");
    assert!(!output.status.success(), "{}", said(&output));
}

#[test]
fn what_a_pull_has_left_that_was_cut_short_is_in_nobodys_way() {
    let [folder, origin] = [(); 2].map(|()| TempDir::new().expect("a folder"));
    let (folder, origin) = (folder.path(), origin.path());
    git(origin, "init --quiet --initial-branch main");
    let commit = commit(origin, "text");
    for left in ["repository.new/objects".to_owned(), format!("checkouts/{commit}.new/x")] {
        fs::create_dir_all(folder.join(left)).expect("a folder");
    }
    fs::write(folder.join(format!("checkouts/{commit}.tar")), "half").expect("a file");
    std::os::unix::fs::symlink("checkouts/none", folder.join("project.new")).expect("a link");
    succeeds(&mut pull(folder, origin));
    assert_eq!(target(folder), format!("checkouts/{commit}"));
    let mut there: Vec<_> = fs::read_dir(folder.join("checkouts"))
        .expect("a folder")
        .map(|one| one.expect("an entry").file_name().into_string().expect("UTF-8"))
        .collect();
    there.sort();
    assert_eq!(there, [commit]);
}
