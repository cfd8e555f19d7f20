#!/usr/bin/env bash
# What action.yml runs: installs pushsync, unless the job has one, and becomes `pushsync ci`. See docs/ci.md.
#
# All input comes by environment variables, and none of it is code. pushsync chooses its environment itself; what runs
# before it gets no secret.
{ set +xv; } 2>/dev/null # a trace would show the values
set -euo pipefail
here=${BASH_SOURCE[0]%/*}
checkout=${GITHUB_WORKSPACE:-.}
binary=${PUSHSYNC_CI_BINARY:-}
version=${PUSHSYNC_CI_VERSION:-}
sha256=${PUSHSYNC_CI_SHA256:-}
folder=""

# The escapes of a command to the workflow.
escaped() {
  local text=$1
  text=${text//'%'/%25}
  text=${text//$'\r'/%0D}
  text=${text//$'\n'/%0A}
  printf '%s' "$text"
}

# Ends the job, with words on what to do.
refuse() {
  printf '::error title=pushsync was not started::%s. %s\n' "$(escaped "$1")" "$(escaped "$2")"
  echo "**pushsync was not started.** The job's log says why." >>"${GITHUB_STEP_SUMMARY:-/dev/null}"
  echo "status=1" >>"${GITHUB_OUTPUT:-/dev/null}"
  if [ -n "$folder" ]; then rm -rf "$folder"; fi
  exit 1
}

# Whether a folder is in another one: is_in FOLDER ROOT.
is_in() {
  local folder root
  folder=$(cd -P -- "$1" 2>/dev/null && pwd -P) || return 1
  root=$(cd -P -- "$2" 2>/dev/null && pwd -P) || return 1
  [ "$root" != / ] && [[ $folder/ == "$root"/* ]]
}

# Programs are looked for in absolute folders outside of the checkout, where a pull request cannot put one.
clean_path() {
  local entry found=""
  local entries=()
  IFS=: read -r -d '' -a entries < <(printf '%s\0' "${PATH:-}")
  for entry in ${entries[@]+"${entries[@]}"}; do
    if [[ $entry == /* ]] && ! is_in "$entry" "$checkout"; then found+=":$entry"; fi
  done
  PATH=${found#:}
  export PATH=${PATH:-/usr/bin:/bin}
}

# Runs the installer, in whose environment are no secrets, and prints the path of the program.
install() {
  local name
  while IFS= read -r name; do
    case $name in
      PATH | TMPDIR | LANG | LC_* | *_proxy | *_PROXY | SSL_CERT_* | CURL_CA_BUNDLE) ;;
      *) export -n "${name?}" ;;
    esac
  done < <(compgen -e)
  # There is no .curlrc in its home.
  export HOME=$folder PUSHSYNC_RELEASES=${PUSHSYNC_RELEASES:-}
  exec "$BASH" -p "$here/install.sh" "$folder" "$version" "$sha256" 2>"$folder/said"
}

clean_path
umask 077
if [ -n "$binary" ]; then
  if [ -n "$sha256" ]; then
    refuse "there is a checksum and no download" "sha256 is compared with a downloaded archive: leave out sha256, or binary"
  fi
  pushsync=$(type -P -- "$binary") || refuse "there is no program $binary" "Install pushsync first, outside of the checkout, or name a version instead"
  if is_in "${pushsync%/*}" "$checkout"; then
    refuse "the program $binary is in the checkout" "A pull request could change it: install it elsewhere"
  fi
else
  # Releases come from the repository of the action. In a composite action, only the folder says which one that is.
  if [ -z "${PUSHSYNC_RELEASES:-}" ] && [[ ${GITHUB_ACTION_PATH:-} =~ [/\\]_actions[/\\]([A-Za-z0-9_.-]+)[/\\]([A-Za-z0-9_.-]+)[/\\] ]]; then
    PUSHSYNC_RELEASES="${GITHUB_SERVER_URL:-https://github.com}/${BASH_REMATCH[1]}/${BASH_REMATCH[2]}/releases/download"
  fi
  if [ -n "$(type -P curl)" ]; then :; else
    refuse "there is no curl" "Install it, in a folder of PATH that is outside of the checkout; or install pushsync, and name it by the input binary"
  fi
  folder=$(mktemp -d "${RUNNER_TEMP:-${TMPDIR:-/tmp}}/pushsync.XXXXXXXXXX")
  trap 'rm -rf "$folder"; exit 1' HUP INT TERM
  if ! pushsync=$(install); then
    refuse "pushsync could not be installed" "$(tail -n 1 "$folder/said")"
  fi
  # pushsync removes it once it runs.
  export PUSHSYNC_CI_DOWNLOAD=$folder
fi
exec "$pushsync" --color never ci -- "${PUSHSYNC_CI_COMMAND:-}"
