//! The help: an example for each command, and the global options in a few lines where it is short.

use clap::{Command, CommandFactory, FromArgMatches};

use super::{
    commands::Cli,
    reference::{EXAMPLES, EXIT_STATUSES},
};

/// The options that every command takes, as `-h` names them; `--help` explains them.
const GLOBAL: &str = "\
Global options (--help explains them):
  -C DIR  --env NAME  --state URL  --base-url URL  --sandbox  --lock-timeout D
  --api-key-file FILE  --allow-outside  --raise-limit NAME=N  --color WHEN
  --refuse-state-url  --mask-visitors WHEN  --log-format FORMAT  -v  -q";

/// How the completions of each shell are loaded.
const INSTALLATION: &str = "\
Each shell loads the script when it starts:
  bash        echo 'source <(pushsync completions bash)' >> ~/.bashrc
  zsh         echo 'source <(pushsync completions zsh)' >> ~/.zshrc
              (after the line with `compinit`; if there is none, put
              `autoload -U compinit; compinit` before it)
  fish        echo 'pushsync completions fish | source' \\
                > ~/.config/fish/completions/pushsync.fish
  elvish      echo 'eval (pushsync completions elvish | slurp)' >> ~/.config/elvish/rc.elv
  powershell  Add-Content $PROFILE 'pushsync completions powershell | Out-String | Invoke-Expression'";

/// The command line with its help.
pub(crate) fn command() -> Command {
    explained(Cli::command(), "")
}

/// Reads the command line of the process.
pub(crate) fn parse() -> Result<Cli, clap::Error> {
    let mut command = command();
    let matches = command.try_get_matches_from_mut(std::env::args_os())?;
    Cli::from_arg_matches(&matches).map_err(|error| error.format(&mut command))
}

/// The exit statuses in one sentence.
fn exit_statuses() -> String {
    let all: Vec<_> = EXIT_STATUSES.iter().map(|(code, what)| format!("{code} {what}")).collect();
    format!("Exit status: {}.", all.join("; "))
}

/// The examples of a command, each on its line.
pub(crate) fn examples(path: &str) -> Option<String> {
    let (_, lines) = EXAMPLES.iter().find(|(of, _)| *of == path)?;
    Some(lines.join("\n  "))
}

fn explained(command: Command, path: &str) -> Command {
    let mut parts: Vec<_> = examples(path)
        .map(|lines| {
            let title = if lines.contains('\n') { "Examples" } else { "Example" };
            format!("{title}:\n  {lines}")
        })
        .into_iter()
        .collect();
    let mut long = parts.clone();
    match path {
        "" => long.push(exit_statuses()),
        "completions" => {
            parts.insert(0, INSTALLATION.to_owned());
            long.insert(0, INSTALLATION.to_owned());
        }
        _ => {}
    }
    parts.insert(0, GLOBAL.to_owned());
    command.after_help(parts.join("\n\n")).after_long_help(long.join("\n\n")).mut_subcommands(
        |below| {
            let path = format!("{path} {}", below.get_name());
            explained(below, path.trim())
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(command: &Command, path: &str, visit: &mut impl FnMut(&str, &Command)) {
        visit(path, command);
        for below in command.get_subcommands().filter(|below| below.get_name() != "help") {
            all(below, format!("{path} {}", below.get_name()).trim(), visit);
        }
    }

    #[test]
    fn every_command_has_an_example_that_it_accepts() {
        let mut told = 0;
        all(&command(), "", &mut |path, _| {
            let lines = examples(path).unwrap_or_else(|| panic!("`{path}` has no example"));
            told += 1;
            for line in lines.lines().map(str::trim) {
                assert!(line.starts_with(format!("pushsync {path}").trim()), "{path}: {line}");
                let parsed = command().try_get_matches_from(line.split(' '));
                assert!(parsed.is_ok(), "{line}: {}", parsed.expect_err("it is wrong"));
            }
        });
        assert_eq!(told, EXAMPLES.len(), "an example of a command that does not exist");
    }

    #[test]
    fn the_short_help_of_every_command_fits_a_screen() {
        all(&command(), "", &mut |path, _| {
            for (width, most) in [(80, 40), (60, 60)] {
                let line = format!("pushsync {path} -h");
                let mut command = command().term_width(width);
                let help = command
                    .try_get_matches_from_mut(line.split_whitespace())
                    .expect_err("it is the help")
                    .to_string();
                let lines = help.lines().count();
                assert!(lines <= most, "{line}: {lines} lines at {width} columns\n{help}");
            }
        });
    }

    #[test]
    fn the_short_help_names_every_global_option() {
        let root = command();
        for option in root.get_arguments().filter(|option| option.is_global_set()) {
            let named = option.get_short().map(|short| format!("-{short}"));
            let named = named.or_else(|| option.get_long().map(|long| format!("--{long}")));
            let named = named.expect("an option");
            assert!(GLOBAL.contains(&format!("  {named}")), "{named}");
        }
    }
}
