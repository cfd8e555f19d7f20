# shellcheck shell=bash disable=SC2154,SC2034 # variables of the script that sources this
# The common parts of the scripts for GitHub and GitLab. Sourced, in strict mode, by a script that has set $here and
# $checkout.
#
# For bash 3.2 and later, curl and jq. Words of others are data: they are in files and variables, never in
# code, and reach a log only through `show`.

command=${PUSHSYNC_CI_COMMAND:-}
directory=${PUSHSYNC_CI_DIRECTORY:-.}
named=${PUSHSYNC_CI_ENVIRONMENT:-${PUSHSYNC_ENV:-}}
# The name in comments.
environment=${named:-default}
comment=${PUSHSYNC_CI_COMMENT:-true}
fresh=${PUSHSYNC_CI_FRESH:-false}
fail_on_stop=${PUSHSYNC_CI_FAIL_ON_STOP:-false}
allow_state_url=${PUSHSYNC_CI_ALLOW_STATE_URL:-false}
state=${PUSHSYNC_CI_STATE:-${PUSHSYNC_STATE:-}}

umask 077
clean_path
work=$(mktemp -d "${RUNNER_TEMP:-${TMPDIR:-/tmp}}/pushsync.XXXXXXXXXX")
child=""
trap 'rm -rf "$work" ${download:+"$download"}' EXIT

# The environment of curl, jq and the other tools. Their home is empty: they find no .curlrc, .netrc or .jq.
home=${HOME:-}
if [ -n "$home" ] && in_one_of "$home" "${checkout:-.}"; then home=""; fi
export HOME=$work
for name in ${given[@]+"${given[@]}"}; do
  case $name in
    TMPDIR | TZ | LANG | LC_* | *_proxy | *_PROXY | SSL_CERT_* | CURL_CA_BUNDLE)
      if [ -n "${!name}" ]; then export "${name?}"; fi
      ;;
  esac
done

# needs TOOL…
needs() {
  local tool
  for tool in "$@"; do
    if [ -z "$(type -P "$tool")" ]; then
      error_note "pushsync: there is no $tool" "Install it, in a folder of PATH that is outside of the checkout."
      exit 1
    fi
  done
}

# take_token NAME HEADER: takes the token from a variable into the header of requests; no file and no environment has it.
take_token() {
  local value=${!1:-}
  unset "$1"
  if [[ $value == *[[:cntrl:]]* ]]; then
    refuse "the token has a line break" "Put the token alone into the variable $1."
  fi
  if [ -n "$value" ]; then has_token=yes; else has_token=""; fi
  authorization="$2 $value"
}

# Ends the script, with words on what to do.
refuse() {
  error_note "$1" "$2"
  printf '%s.\n%s\n' "$1" "$2" >"$work/refusal"
  {
    echo "**pushsync was not started:**"
    echo
    fenced "$work/refusal" 4000
  } >"$work/refusal.md"
  summarise "$work/refusal.md"
  output status 1
  exit 1
}

# start SUBCOMMAND ARGS…: runs pushsync in place of a subshell. Its environment has the variables that the subcommand
# needs and nothing else: `validate` takes no secret, `plan` takes no key, and a fork gets neither.
start() {
  local name
  for name in ${given[@]+"${given[@]}"}; do
    case $name in
      USER | XDG_*_HOME | GITHUB_ACTIONS | GITLAB_CI | BREVO_BASE_URL | PUSHSYNC_LIMITS | PUSHSYNC_MASK_VISITORS) ;;
      PUSHSYNC_VAR_*)
        if [ -z "$fork" ]; then export "${name?}"; fi
        continue
        ;;
      PUSHSYNC_STATE_KEY | PUSHSYNC_STATE_KEY_FILE | AWS_* | PG[A-Z]*) [ "$1" != validate ] || continue ;;
      BREVO_*) [ "$1" = apply ] || continue ;;
      *) continue ;;
    esac
    # A secret that does not exist is an empty variable.
    if [ -n "${!name}" ]; then export "${name?}"; fi
  done
  # With it, pushsync masks visitors whatever the manifest says.
  export CI=true
  # A home in the checkout does not count: a pull request could put a configuration there.
  if [ -n "$home" ]; then export HOME=$home; else unset HOME; fi
  if [ -n "$named" ]; then export PUSHSYNC_ENV=$named; fi
  if [ "$1" != validate ]; then
    if [ -n "$state" ]; then export PUSHSYNC_STATE=$state; fi
    if [ -z "$allow_state_url" ]; then set -- "$@" --refuse-state-url; fi
  fi
  exec "$pushsync" --color never -C "$directory" "$@"
}

# run OUT ERR ARGS…: runs pushsync; its exit status is in $status. Its stderr is shown as it comes. A signal to this
# script is passed on, so that pushsync stops in good order and awaits the requests under way.
run() {
  local out=$1 err=$2 passed="" again teller
  shift 2
  rm -f "$work/fifo"
  mkfifo "$work/fifo"
  hush
  tee "$err" <"$work/fifo" &
  teller=$!
  start "$@" >"$out" 2>"$work/fifo" </dev/null &
  child=$!
  trap 'if [ -z "$passed" ]; then passed=yes; kill -TERM "$child" 2>/dev/null || true; fi' HUP INT TERM
  status=0
  wait "$child" || status=$?
  if [ -n "$passed" ]; then
    # A signal cut the wait short; otherwise the process is gone, and this wait returns at once.
    again=0
    wait "$child" 2>/dev/null || again=$?
    if [ "$again" -ne 127 ]; then status=$again; fi
  fi
  trap - HUP INT TERM
  wait "$teller" || true
  unhush
}

# The same, quietly: for questions.
ask() {
  local out=$1 err=$2
  shift 2
  status=0
  (start "$@") >"$out" 2>"$err" </dev/null || status=$?
}

# read_inputs: the bounds of apply, as options in the array $bounds, and whether a state may be at a URL.
read_inputs() {
  bounds=()
  local option name
  for option in max-requests max-duration max-wait allow-creates allow-deletes allow-resends lock-timeout; do
    name=PUSHSYNC_CI_$(printf '%s' "$option" | tr 'a-z-' 'A-Z_')
    # With `=`, a value cannot become another option.
    if [ -n "${!name:-}" ]; then bounds+=("--$option=${!name}"); fi
  done
  if is_true "$allow_state_url"; then allow_state_url=yes; else allow_state_url=""; fi
}

is_true() {
  case $1 in
    true | True | TRUE | yes | 1) return 0 ;;
    false | False | FALSE | no | 0 | "") return 1 ;;
    *) refuse "an input is neither true nor false" "Write one of them." ;;
  esac
}
