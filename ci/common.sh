# shellcheck shell=bash disable=SC2154,SC2034 # variables of the script that sources this
# What the scripts for GitHub and GitLab share. Sourced, in strict mode, by one that has set $here.
#
# For bash 3.2 and later, curl and jq. Words of others are data: they are in files and variables, never in
# code, and reach a log only through `show`.

command=${PUSHSYNC_CI_COMMAND:-}
directory=${PUSHSYNC_CI_DIRECTORY:-.}
environment=${PUSHSYNC_CI_ENVIRONMENT:-${PUSHSYNC_ENV:-default}}
binary=${PUSHSYNC_CI_BINARY:-}
version=${PUSHSYNC_CI_VERSION:-}
comment=${PUSHSYNC_CI_COMMENT:-true}
fresh=${PUSHSYNC_CI_FRESH:-false}
fail_on_stop=${PUSHSYNC_CI_FAIL_ON_STOP:-false}
if [ "$environment" != default ]; then export PUSHSYNC_ENV=$environment; else unset PUSHSYNC_ENV; fi
if [ -n "${PUSHSYNC_CI_STATE:-}" ]; then export PUSHSYNC_STATE=$PUSHSYNC_CI_STATE; fi
# A secret that is not there is an empty variable.
if [ -z "${PUSHSYNC_STATE:-}" ]; then unset PUSHSYNC_STATE; fi

umask 077
work=$(mktemp -d)
child=""
trap 'rm -rf "$work"' EXIT

# take_token NAME HEADER: from the environment into a file, so that no program that is started sees it.
take_token() {
  local value=${!1:-}
  unset "$1"
  if [[ $value == *[$'\r\n']* ]]; then
    refuse "the token has a line break" "Put the token alone into the variable $1."
  fi
  if [ -n "$value" ]; then has_token=yes; else has_token=""; fi
  printf '%s %s\n' "$2" "$value" >"$work/token"
}

# Ends the script, with what to do.
refuse() {
  error_note "$1" "$2"
  printf '**pushsync %s: %s.** %s\n' "$command" "$1" "$2" >"$work/refusal.md"
  summarise "$work/refusal.md"
  output status 1
  exit 1
}

# run OUT ERR ARGS…: pushsync; its exit status is in $status. What it says on stderr is shown as it comes.
# A signal to this script is passed on, so that it stops in good order and what is under way is awaited.
run() {
  local out=$1 err=$2 passed="" again teller
  shift 2
  rm -f "$work/fifo"
  mkfifo "$work/fifo"
  hush
  tee "$err" <"$work/fifo" &
  teller=$!
  "$pushsync" --color never -C "$directory" "$@" >"$out" 2>"$work/fifo" </dev/null &
  child=$!
  trap 'if [ -z "$passed" ]; then passed=yes; kill -TERM "$child" 2>/dev/null || true; fi' INT TERM
  status=0
  wait "$child" || status=$?
  if [ -n "$passed" ]; then
    # The wait was cut short; if it was not, there is nobody to wait for any more.
    again=0
    wait "$child" 2>/dev/null || again=$?
    if [ "$again" -ne 127 ]; then status=$again; fi
  fi
  trap - INT TERM
  wait "$teller" || true
  unhush
}

# The same, quietly: for what is only asked.
ask() {
  local out=$1 err=$2
  shift 2
  status=0
  "$pushsync" --color never -C "$directory" "$@" >"$out" 2>"$err" </dev/null || status=$?
}

# Which pushsync: $binary, or the release. Sets $pushsync.
find_binary() {
  if [ -n "$binary" ]; then
    pushsync=$(command -v -- "$binary") || refuse "there is no program $binary" "Install pushsync first, or name a version instead."
    return
  fi
  if ! pushsync=$("$BASH" "$here/install.sh" "$version" 2>"$work/install"); then
    show "$work/install"
    refuse "pushsync could not be installed" "$(tail -n 1 "$work/install")"
  fi
}

# set_bounds: what the inputs say to apply, in the array $bounds.
set_bounds() {
  bounds=()
  local option name
  for option in max-requests max-duration max-wait allow-deletes allow-resends lock-timeout; do
    name=PUSHSYNC_CI_$(printf '%s' "$option" | tr 'a-z-' 'A-Z_')
    # With `=`, nothing is taken for another option.
    if [ -n "${!name:-}" ]; then bounds+=("--$option=${!name}"); fi
  done
}

is_true() {
  case $1 in
    true | True | TRUE | yes | 1) return 0 ;;
    false | False | FALSE | no | 0 | "") return 1 ;;
    *) refuse "an input is neither true nor false" "Write one of them." ;;
  esac
}
