//! Nothing that lies in a checkout is run, whatever its git configuration says.

use std::{
    ffi::OsString,
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, SystemTime},
};

use crate::support::{ADA, Project, Sandbox, many, run};

/// A repository that wants to run something, and how plain git falls for it.
struct Trap {
    name: &'static str,
    /// The folder of the project.
    project: &'static str,
    set: fn(&Checkout),
    /// What plain git is told, in the project's folder; nothing if git knows better by itself.
    git: &'static [&'static str],
    /// What the environment has, with `@` for the checkout's folder and `$` for what it had.
    env: &'static [(&'static str, &'static str)],
}

const STATUS: &[&str] = &["status", "--porcelain"];
const DIFF: &[&str] = &["diff", "HEAD~1", "HEAD"];

const TRAPS: &[Trap] = &[
    trap("a bare repository in a folder of a repository", "chat", |here| {
        here.repository("chat");
        here.bare("chat");
    }),
    trap("a bare repository that is the project", ".", |here| here.bare(".")),
    trap("a bare repository above the project", "below/chat", |here| here.bare("below")),
    trap("a bare repository whose top folder has an empty .git", ".", |here| {
        here.bare(".");
        fs::create_dir(here.path(".git")).expect("a folder");
    }),
    trap("a monitor", ".", |here| {
        here.repository(".");
        here.config("core.fsmonitor", &here.canary());
    }),
    trap("a monitor in a file that is included", ".", |here| {
        here.repository(".");
        here.file("evil.cfg", &format!("[core]\n\tfsmonitor = \"{}\"\n", here.canary()));
        here.config("includeIf.gitdir:**.path", "../evil.cfg");
    }),
    trap("a filter for what is committed", ".", |here| {
        here.repository(".");
        here.file(".gitattributes", "*.yaml filter=x\n");
        here.config("filter.x.clean", &format!("{}; cat", here.canary()));
    }),
    trap("a filter that is a process, of attributes outside of the files", "chat", |here| {
        here.repository("chat");
        here.file(".git/info/attributes", "* filter=a.b\n");
        here.config("filter.a.b.process", &here.canary());
        here.config("filter.a.b.required", "true");
    }),
    trap("a filter in a file that is included", ".", |here| {
        here.repository(".");
        here.file(".gitattributes", "* filter=Inc\n");
        here.file("evil.cfg", &format!("[filter \"Inc\"]\n\tclean = \"{}\"\n", here.canary()));
        here.config("include.path", "../evil.cfg");
    }),
    trap("a filter whose name cannot be overridden", ".", |here| {
        here.repository(".");
        here.file(".gitattributes", "* filter=a=b\n");
        here.file("more.cfg", &format!("[filter \"a=b\"]\n\tclean = \"{}\"\n", here.canary()));
        here.config("include.path", "../more.cfg");
    }),
    trap("a hook", ".", |here| {
        here.repository(".");
        here.program(".git/hooks/post-index-change");
    }),
    trap("a hook among the files", ".", |here| {
        here.repository(".");
        here.program("hooks/post-index-change");
        here.config("core.hooksPath", "hooks");
    }),
    trap("a submodule with a monitor of its own", ".", |here| {
        here.repository(".");
        here.git(&["init", "-q", "sub"]);
        here.git(&["-C", "sub", "commit", "-q", "--allow-empty", "-m", "x"]);
        here.git(&[
            "-c",
            "protocol.file.allow=always",
            "submodule",
            "--quiet",
            "add",
            "./sub",
            "sub",
        ]);
        here.git(&["commit", "-q", "-m", "sub"]);
        here.git(&["-C", "sub", "config", "core.fsmonitor", &here.canary()]);
    }),
    trap("a .git file that points into the project", "chat", |here| {
        here.repository("chat");
        fs::rename(here.path(".git"), here.path("chat/data")).expect("renamed");
        here.file(".git", "gitdir: chat/data\n");
        here.git(&["config", "core.fsmonitor", &here.canary()]);
    }),
    trap("a linked work tree with a configuration of its own", "tree", |here| {
        here.repository(".");
        here.git(&["worktree", "add", "-q", "tree"]);
        here.config("extensions.worktreeConfig", "true");
        here.file(
            ".git/worktrees/tree/config.worktree",
            &format!("[core]\n\tfsmonitor = \"{}\"\n", here.canary()),
        );
    }),
    trap("a partial clone whose remote is a command", ".", |here| {
        here.partial(".");
        here.config("remote.origin.uploadpack", &here.canary());
    }),
    trap("a partial clone over a transport that is a command", ".", |here| {
        here.partial(&format!("ext::{}", here.script("transport").display()));
        here.config("protocol.ext.allow", "always");
    }),
    trap("a partial clone over ssh", ".", |here| {
        here.partial("ssh://example.invalid/x");
        here.config("core.sshCommand", &here.canary());
    }),
    Trap {
        git: DIFF,
        ..trap("a driver for differences", ".", |here| {
            here.repository(".");
            here.file(".gitattributes", "* diff=d\n");
            here.config("diff.d.command", &here.canary());
        })
    },
    Trap {
        git: DIFF,
        ..trap("a converter to text", ".", |here| {
            here.repository(".");
            here.file(".git/info/attributes", "* diff=d\n");
            here.config("diff.d.textconv", &here.canary());
        })
    },
    Trap {
        git: DIFF,
        ..trap("a program for all differences", ".", |here| {
            here.repository(".");
            here.config("diff.external", &here.canary());
        })
    },
    Trap {
        git: &[],
        ..trap("an alias and a pager", ".", |here| {
            here.repository(".");
            for command in ["status", "rev-parse", "ls-files", "config", "check-ignore"] {
                here.config(&format!("alias.{command}"), &format!("!{}", here.canary()));
                here.config(&format!("pager.{command}"), &here.canary());
            }
        })
    },
    Trap {
        env: &[("PATH", ".:$")],
        ..trap("a git in the project, and PATH begins here", ".", |here| {
            here.repository(".");
            here.program("git");
        })
    },
    Trap {
        env: &[("PATH", ":$")],
        ..trap("a git in the project, and PATH has an empty part", ".", |here| {
            here.repository(".");
            here.program("git");
        })
    },
    Trap {
        env: &[("PATH", "@/tools:$")],
        ..trap("a git in a folder of the checkout", "chat", |here| {
            here.repository("chat");
            here.program("tools/git");
        })
    },
    Trap {
        env: &[("PATH", "@/tools:$")],
        ..trap("a git around a submodule", "chat", |here| {
            here.repository(".");
            here.program("tools/git");
            fs::create_dir_all(here.path(".git/modules")).expect("a folder");
            here.git(&["init", "-q", "--separate-git-dir", ".git/modules/chat", "chat"]);
        })
    },
    Trap {
        env: &[("HOME", "@")],
        ..trap("a configuration of the user in the checkout", "chat", |here| {
            here.repository("chat");
            here.file(".gitconfig", &format!("[core]\n\tfsmonitor = \"{}\"\n", here.canary()));
        })
    },
    Trap {
        env: &[("GIT_DIR", "@/chat")],
        ..trap("a variable that names the repository", "chat", |here| {
            here.repository("chat");
            here.bare("chat");
        })
    },
    Trap {
        env: &[
            ("GIT_CONFIG_COUNT", "1"),
            ("GIT_CONFIG_KEY_0", "core.fsmonitor"),
            ("GIT_CONFIG_VALUE_0", "sh @/x"),
        ],
        ..trap("a configuration in the environment", ".", |here| {
            here.repository(".");
            here.program("x");
        })
    },
];

const fn trap(name: &'static str, project: &'static str, set: fn(&Checkout)) -> Trap {
    Trap { name, project, set, git: STATUS, env: &[] }
}

/// A folder that somebody else has filled.
struct Checkout {
    project: Project,
    outside: tempfile::TempDir,
}

impl Checkout {
    fn new(trap: &Trap) -> Self {
        let here = Self {
            project: Project::empty(),
            outside: tempfile::TempDir::new().expect("a folder"),
        };
        fs::create_dir_all(here.path(trap.project)).expect("a folder");
        (trap.set)(&here);
        here
    }

    fn path(&self, name: &str) -> PathBuf {
        self.project.join(name)
    }

    fn file(&self, name: &str, text: &str) {
        self.project.file(name, text);
    }

    fn touched(&self) -> PathBuf {
        self.outside.path().join("canary")
    }

    /// A command that leaves a trace.
    fn canary(&self) -> String {
        format!("sh {}", self.script("canary.sh").display())
    }

    fn script(&self, name: &str) -> PathBuf {
        let script = self.outside.path().join(name);
        program_at(&script, &self.touched());
        script
    }

    fn program(&self, name: &str) {
        self.file(name, "");
        program_at(&self.path(name), &self.touched());
    }

    fn git(&self, args: &[&str]) {
        let done = git(self.project.path(), args).output().expect("git is there");
        assert!(done.status.success(), "git {args:?}: {done:?}");
    }

    fn config(&self, key: &str, value: &str) {
        self.git(&["config", key, value]);
    }

    /// A repository of two commits, with a project in a folder of it.
    fn repository(&self, project: &str) {
        self.manifest(project, 1);
        self.git(&["init", "-q", "-b", "main"]);
        self.git(&["add", "."]);
        self.git(&["commit", "-qm", "one"]);
        self.manifest(project, 2);
        self.git(&["commit", "-qam", "two"]);
    }

    /// A repository that lacks an object, which it would get there.
    fn partial(&self, url: &str) {
        self.repository(".");
        for (key, value) in [
            ("core.repositoryformatversion", "1"),
            ("extensions.partialClone", "origin"),
            ("remote.origin.url", url),
            ("remote.origin.promisor", "true"),
        ] {
            self.config(key, value);
        }
        let tree = self.project.git("rev-parse HEAD^{tree}");
        let (folder, name) = tree.split_at(2);
        fs::remove_file(self.path(&format!(".git/objects/{folder}/{name}"))).expect("is there");
    }

    /// What is enough to be taken for a bare repository.
    fn bare(&self, folder: &str) {
        self.file(&format!("{folder}/HEAD"), "ref: refs/heads/main\n");
        self.file(&format!("{folder}/objects/.keep"), "");
        self.file(&format!("{folder}/refs/.keep"), "");
        let work = self.path(folder);
        let config = format!(
            "[core]\n\trepositoryformatversion = 0\n\tbare = false\n\tworktree = {}\n\tfsmonitor = \"{}\"\n",
            work.display(),
            self.canary()
        );
        self.file(&format!("{folder}/config"), &config);
    }

    fn manifest(&self, folder: &str, text: usize) {
        let settings = Project::many(2).read("pushsync.yaml");
        self.file(&format!("{folder}/pushsync.yaml"), &format!("{settings}\n# {text}\n"));
    }

    /// Git has to look into every file again.
    fn stir(&self) {
        for entry in walkdir::WalkDir::new(self.project.path()).into_iter().flatten() {
            let inside = entry.path().components().any(|part| part.as_os_str() == ".git");
            if entry.file_type().is_file() && !inside {
                let file = fs::File::options().append(true).open(entry.path()).expect("writable");
                let later = SystemTime::now() + Duration::from_secs(fastrand::u64(5..10_000));
                file.set_modified(later).expect("a time");
            }
        }
    }

    fn variable(&self, value: &str) -> OsString {
        let path = path();
        value.replace('@', &self.project.path().display().to_string()).replace('$', &path).into()
    }

    /// Whether plain git falls for it.
    fn springs(&self, trap: &Trap) -> bool {
        self.stir();
        let mut plain = Command::new("sh");
        plain
            .args(["-c", "exec git \"$@\"", "git"])
            .args(trap.git)
            .current_dir(self.path(trap.project));
        for (name, value) in trap.env {
            plain.env(name, self.variable(value));
        }
        plain.output().expect("it runs");
        let touched = self.touched().exists();
        let _ = fs::remove_file(self.touched());
        touched
    }
}

/// The machine's own `PATH`.
fn path() -> String {
    let path = std::env::var_os("PATH").expect("PATH is set");
    path.into_string().expect("UTF-8")
}

fn program_at(file: &Path, touched: &Path) {
    fs::write(file, format!("#!/bin/sh\n: > '{}'\n", touched.display())).expect("a file");
    fs::set_permissions(file, fs::Permissions::from_mode(0o755)).expect("executable");
}

fn git(folder: &Path, args: &[&str]) -> Command {
    let mut git = Command::new("git");
    git.args(["-c", "user.name=n", "-c", "user.email=e@example.com"])
        .args(args)
        .current_dir(folder);
    git
}

/// The commands that read the commit, the folder in the repository, or whether the state is tracked.
const COMMANDS: [&str; 8] = [
    "plan --format github",
    "apply --yes --max-requests 1",
    "apply --yes --resume",
    "refresh",
    "import later@ADA AXCR3k9bpSY7bpuh7",
    "state mv m00@ADA m09@ADA",
    "state rm m09@ADA",
    "state compact",
];

#[test]
fn nothing_that_lies_in_a_checkout_is_run() {
    for trap in TRAPS {
        let here = Checkout::new(trap);
        if !here.path(trap.project).join("pushsync.yaml").exists() {
            here.manifest(trap.project, 2);
        }
        assert_eq!(here.springs(trap), !trap.git.is_empty(), "{}: plain git", trap.name);
        for command in COMMANDS {
            let command = command.replace("ADA", ADA);
            here.stir();
            let mut run =
                run(&here.path(trap.project), command.split_whitespace()).arg("--sandbox");
            for (name, value) in trap.env {
                run = run.env(name, here.variable(value));
            }
            let ran = run.wait();
            assert!(!here.touched().exists(), "{}: {command}\n{}{}", trap.name, ran.out, ran.err);
            assert!((0..=4).contains(&ran.status), "{}: {command}\n{}", trap.name, ran.err);
        }
        // It was armed all the time.
        assert_eq!(here.springs(trap), !trap.git.is_empty(), "{}: plain git at the end", trap.name);
    }
}

#[test]
fn a_resume_needs_no_git() {
    let (project, sandbox) = (Project::new(&many(3, "text")), Sandbox::start());
    project.file(".gitignore", "/state/\n");
    project.git("init -q");
    project.git("add .");
    project.git("commit -qm x");
    project.with(&sandbox, "apply --yes --max-requests 1").exits(3);
    let resume = |args: &str| project.with(&sandbox, &format!("apply --resume {args}"));
    resume("--max-requests 1").env("PATH", "").exits(3);
    std::fs::remove_dir_all(project.join(".git")).expect("removed");
    resume("").ok();
    assert_eq!(sandbox.created().len(), 3);
}

#[test]
fn a_repository_of_somebody_else_is_not_asked() {
    let (project, sandbox) = (Project::new(&many(2, "text")), Sandbox::start());
    project.file(".gitignore", "/state/\n");
    project.git("init -q");
    project.git("add .");
    project.git("commit -qm x");
    project.with(&sandbox, "apply --yes --max-requests 1").exits(3);
    for path in [project.path().to_owned(), project.join(".git")] {
        if std::os::unix::fs::chown(path, Some(12345), None).is_err() {
            eprintln!("left out: only root can give files away");
            return;
        }
    }
    assert!(project.run("plan --format json").ok().json().get("commit").is_none());
}

#[test]
fn a_plan_names_the_commit_where_a_filter_is_set_and_harmless() {
    let project = Project::note("one");
    project.file(".gitignore", "/state/\n");
    project.git("init -q");
    project.git("config filter.lfs.clean cat");
    project.git("config filter.lfs.required true");
    project.file(".gitattributes", "*.csv filter=lfs\n");
    project.file("a.csv", "visitor_id\n");
    project.git("add .");
    project.git("commit -qm x");
    let commit = project.git("rev-parse HEAD");
    let of = || project.run("plan --format json").ok().json()["commit"].clone();
    assert_eq!(of(), serde_json::json!({ "id": commit, "dirty": false }));
    project.file("a.csv", "visitor_id\nx\n");
    assert_eq!(of(), serde_json::json!({ "id": commit, "dirty": true }));
}

#[test]
fn looking_at_the_states_folder_costs_one_git_and_none_without_a_repository() {
    let tools = tempfile::TempDir::new().expect("a folder");
    let (log, wrapper) = (tools.path().join("log"), tools.path().join("git"));
    let path = path();
    let real =
        path.split(':').map(|folder| Path::new(folder).join("git")).find(|git| git.is_file());
    let script = format!(
        "#!/bin/sh\necho . >> '{}'\nexec '{}' \"$@\"\n",
        log.display(),
        real.expect("git is there").display()
    );
    fs::write(&wrapper, script).expect("a file");
    fs::set_permissions(&wrapper, fs::Permissions::from_mode(0o755)).expect("executable");
    let count = |project: &Project, args: &str| {
        let _ = fs::remove_file(&log);
        project.run(args).env("PATH", format!("{}:{path}", tools.path().display())).ok();
        fs::read_to_string(&log).map_or(0, |log| log.lines().count())
    };
    let project = Project::note("one");
    project.run("apply --yes --sandbox").ok();
    assert_eq!(count(&project, "plan --sandbox"), 0);
    project.file(".gitignore", "/state/\n");
    project.git("init -q");
    project.git("add .");
    project.git("commit -qm x");
    let commit = 2;
    assert_eq!(count(&project, "plan --sandbox"), commit + 1);
    assert_eq!(count(&project, "plan --sandbox --format markdown"), commit + 1);
    assert_eq!(count(&project, "apply --sandbox --yes"), commit + 1);
    assert_eq!(count(&project, "state list --sandbox"), 1);
    assert_eq!(count(&project, "validate"), 0);
    let elsewhere = tools.path().join("state").display().to_string();
    project.run(&format!("apply --yes --sandbox --state {elsewhere}")).ok();
    assert_eq!(count(&project, &format!("plan --sandbox --state {elsewhere}")), commit);
}
