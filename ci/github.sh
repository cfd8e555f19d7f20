#!/usr/bin/env bash
# What action.yml runs: pushsync in a job of GitHub Actions. See docs/ci.md.
#
# Everything comes by environment variables, and nothing of them is taken for code.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

event_name=${GITHUB_EVENT_NAME:-}
event=${GITHUB_EVENT_PATH:-/dev/null}
api_url=${GITHUB_API_URL:-https://api.github.com}
repository=${GITHUB_REPOSITORY:-}
author=${PUSHSYNC_CI_COMMENT_AUTHOR:-github-actions[bot]}
branch=${PUSHSYNC_CI_BRANCH:-}
commit=${GITHUB_SHA:-}
# Releases are where the action is from. In a composite action GitHub says where only by the folder.
if [ -z "${PUSHSYNC_RELEASES:-}" ] && [[ ${GITHUB_ACTION_PATH:-} =~ [/\\]_actions[/\\]([A-Za-z0-9_.-]+)[/\\]([A-Za-z0-9_.-]+)[/\\] ]]; then
  export PUSHSYNC_RELEASES="${GITHUB_SERVER_URL:-https://github.com}/${BASH_REMATCH[1]}/${BASH_REMATCH[2]}/releases/download"
fi
link="${GITHUB_SERVER_URL:-https://github.com}/$repository/actions/runs/${GITHUB_RUN_ID:-0}"
elsewhere="in the job's summary"
fork=""
request=""

# The escapes of a command to the workflow.
escaped() {
  local text=$1
  text=${text//'%'/%25}
  text=${text//$'\r'/%0D}
  text=${text//$'\n'/%0A}
  if [ "${2:-}" = property ]; then
    text=${text//:/%3A}
    text=${text//,/%2C}
  fi
  printf '%s' "$text"
}

tell_workflow() { printf '::%s title=%s::%s\n' "$1" "$(escaped "$2" property)" "$(escaped "$3")"; }
notice() { tell_workflow notice "$1" "$2"; }
warning() { tell_workflow warning "$1" "$2"; }
error_note() { tell_workflow error "$1" "$2"; }

# Between these, no line of a log is a command: the word that ends it cannot be guessed.
hush() {
  hushed=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')
  echo "::stop-commands::$hushed"
}
unhush() { printf '\n::%s::\n' "$hushed"; }

show() {
  hush
  cat "$1"
  unhush
}

# pushsync's own annotations, and nothing else.
annotate() { grep -E '^::(error|warning|notice) ' "$1" || true; }

# Only numbers, words and what jq wrote on one line.
output() {
  if [[ $2 == *$'\n'* ]]; then return 0; fi
  printf '%s=%s\n' "$1" "$2" >>"${GITHUB_OUTPUT:-/dev/null}"
}

# GitHub shows no summary of more than 1 MiB.
summarise() {
  local there=0
  if [ -f "${GITHUB_STEP_SUMMARY:-}" ]; then there=$(wc -c <"$GITHUB_STEP_SUMMARY"); fi
  if [ $((there + $(wc -c <"$1"))) -gt 1000000 ]; then
    warning "pushsync: no summary" "It would be larger than GitHub allows."
    return 0
  fi
  cat "$1" >>"${GITHUB_STEP_SUMMARY:-/dev/null}"
}

of_event() { jq -r "$1 // empty" <"$event" 2>/dev/null || true; }

comments_of() {
  every_page "$api_url/repos/$repository/issues/$1/comments?per_page=100" \
    ".[] | {id, body: (.body // \"\"), url: .html_url, mine: (.user.login == $author_json)}"
}
create_comment() { api POST "$api_url/repos/$repository/issues/$1/comments" "$2"; }
update_comment() { api PATCH "$api_url/repos/$repository/issues/comments/$2" "$3"; }
delete_comment() { api DELETE "$api_url/repos/$repository/issues/comments/$2"; }

# The pull request whose merge made this commit.
find_request() {
  request=""
  every_page "$api_url/repos/$repository/commits/$commit/pulls?per_page=100" \
    ".[] | select(.merged_at != null and .merge_commit_sha == \"$commit\") | .number" || return 1
  request=$(grep -E '^[0-9]+$' "$work/pages" | sort -n | tail -n 1) || request=""
}

# Whether the pull request has commits that this job does not know.
is_superseded() {
  local ours now
  ours=$(of_event .pull_request.head.sha)
  if [ -z "$request" ] || [ -z "$has_token" ] || [ -z "$ours" ]; then return 1; fi
  api GET "$api_url/repos/$repository/pulls/$request" || return 1
  now=$(jq -r '.head.sha // empty' <"$work/answer" 2>/dev/null) || return 1
  [ -n "$now" ] && [ "$now" != "$ours" ]
}

# What this job may do.
guard() {
  if [ "$event_name" = pull_request_target ]; then
    refuse "not on pull_request_target" "It gives secrets to what others wrote. Use on: pull_request."
  fi
  case $command in
    plan)
      if [ "$event_name" != pull_request ]; then return 0; fi
      request=$(of_event .pull_request.number)
      # A fork that was deleted has no name.
      if [ "$(jq -r '.pull_request | (.head.repo.full_name // "") == (.base.repo.full_name // "?")' <"$event")" != true ]; then
        fork=yes
        if [ -n "${BREVO_API_KEY:-}${BREVO_API_KEY_FILE:-}${BREVO_PARTNER_KEY:-}" ]; then
          refuse "there is an API key in a job for a fork" "What comes from a fork must see no secret, and a plan needs none: take the key out of this job."
        fi
      fi
      ;;
    apply | resume)
      case $event_name in
        push | schedule | workflow_dispatch | repository_dispatch | release | deployment) ;;
        *) refuse "$command does not run on the event $event_name" "Apply what was merged: on: push of the default branch." ;;
      esac
      if [ "$event_name" != schedule ]; then
        if [ -z "$branch" ]; then branch=$(of_event .repository.default_branch); fi
        if [ -n "$branch" ] && [ "${GITHUB_REF:-}" != "refs/heads/$branch" ]; then
          refuse "$command runs only on the branch $branch" "This is ${GITHUB_REF:-no branch}. Another branch can be named by the input branch."
        fi
      fi
      ;;
    *) refuse "there is no command ${command:-in the inputs}" "It is plan, apply or resume." ;;
  esac
}

# shellcheck source=ci/common.sh
. "$here/common.sh"
# shellcheck source=ci/api.sh
. "$here/api.sh"
# shellcheck source=ci/comment.sh
. "$here/comment.sh"
# shellcheck source=ci/commands.sh
. "$here/commands.sh"

take_token PUSHSYNC_CI_TOKEN "authorization: Bearer"
unset GITHUB_TOKEN GH_TOKEN ACTIONS_RUNTIME_TOKEN ACTIONS_ID_TOKEN_REQUEST_TOKEN
author_json=$(jq -n --arg author "$author" '$author')
if ! [[ $commit =~ ^[0-9a-f]{40,64}$ ]]; then
  refuse "GITHUB_SHA is no commit" "This runs in GitHub Actions."
fi
guard
find_binary
set_bounds
"do_$command"
