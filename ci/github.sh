#!/usr/bin/env bash
# shellcheck disable=SC2016 # the variables in filters are those of jq
# What action.yml runs: pushsync in a job of GitHub Actions. See docs/ci.md.
#
# All input comes by environment variables, and none of it is code.
set -euo pipefail
# shellcheck source=ci/clean.sh
. "${BASH_SOURCE[0]%/*}/clean.sh"
if [ "${1:-}" != --clean ]; then start_clean "${PUSHSYNC_CI_COMMAND:-}"; fi
take_variables
here=$(cd "${BASH_SOURCE[0]%/*}" && pwd)

checkout=${GITHUB_WORKSPACE:-}
event_name=${GITHUB_EVENT_NAME:-}
event=${GITHUB_EVENT_PATH:-/dev/null}
api_url=${GITHUB_API_URL:-https://api.github.com}
repository=${GITHUB_REPOSITORY:-}
author=${PUSHSYNC_CI_COMMENT_AUTHOR:-github-actions[bot]}
branch=${PUSHSYNC_CI_BRANCH:-}
commit=${GITHUB_SHA:-}
ref=${GITHUB_REF:-}
# Releases come from the repository of the action. In a composite action, only the folder says which one that is.
if [ -z "${PUSHSYNC_RELEASES:-}" ] && [[ ${GITHUB_ACTION_PATH:-} =~ [/\\]_actions[/\\]([A-Za-z0-9_.-]+)[/\\]([A-Za-z0-9_.-]+)[/\\] ]]; then
  PUSHSYNC_RELEASES="${GITHUB_SERVER_URL:-https://github.com}/${BASH_REMATCH[1]}/${BASH_REMATCH[2]}/releases/download"
fi
link="${GITHUB_SERVER_URL:-https://github.com}/$repository/actions/runs/${GITHUB_RUN_ID:-0}"
elsewhere="in the job's summary"
# The reason, in words, if the job gets no secret.
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

# Between these two, no line of a log is a command: nobody can guess the word that ends it.
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

# pushsync's own annotations, and nothing else. For the runner, a carriage return ends a line too.
annotate() { tr '\r' '\n' <"$1" | grep -E '^::(error|warning|notice) ' || true; }

# Only numbers, words and single lines of jq. A value of several lines could set other outputs.
output() {
  if [[ $2 == *[[:cntrl:]]* ]]; then return 0; fi
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
    '.[] | {id, body: (.body // ""), url: .html_url, mine: (.user.login == $author)}' --arg author "$author"
}
create_comment() { api POST "$api_url/repos/$repository/issues/$1/comments" "$2"; }
update_comment() { api PATCH "$api_url/repos/$repository/issues/comments/$2" "$3"; }
delete_comment() { api DELETE "$api_url/repos/$repository/issues/comments/$2"; }

# The pull request whose merge into this branch made this commit. A request into another branch can have the
# same commit, and a plan that somebody reviewed for that branch.
find_request() {
  request=""
  every_page "$api_url/repos/$repository/commits/$commit/pulls?per_page=100" \
    '.[] | select(.merged_at != null and .merge_commit_sha == $commit and .base.ref == $branch
      and (.base.repo.full_name // $repository) == $repository) | .number' \
    --arg commit "$commit" --arg branch "${ref#refs/heads/}" --arg repository "$repository" || return 1
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

# Whether this is true of the event; false without an event.
event_says() { jq -e --arg repository "$repository" "$1" <"$event" >/dev/null 2>&1; }

# Whether the files that this job plans may come from outside of the repository. Then $fork says why.
look_for_fork() {
  case $event_name in
    pull_request)
      # A deleted fork has no name.
      if ! event_says '.pull_request | .head.repo.full_name == $repository and .base.repo.full_name == $repository'; then
        fork="This comes from a fork"
        if [ -n "$has_key" ]; then
          refuse "there is an API key in a job for a fork" "A job for a fork must see no secret, and a plan needs none: take the key out of this job."
        fi
      fi
      ;;
    # It contains the commits of all requests before it in the queue, and GitHub does not say whose they are.
    merge_group) fork="A merge group can hold commits of forks" ;;
    # A fork that pushes, or runs its own workflow, is itself the repository of the job, and has only its own secrets.
    *)
      if ! event_says '(.repository.full_name // $repository) == $repository'; then
        fork="The event does not say that it is of this repository"
      fi
      ;;
  esac
  # GitHub gives it no secrets, whatever the event.
  case "${GITHUB_ACTOR:-} ${GITHUB_TRIGGERING_ACTOR:-}" in
    *'dependabot[bot]'*) fork=${fork:-Dependabot started this job} ;;
  esac
}

# The commands that this job may run.
guard() {
  case $command/$event_name in
    plan/pull_request | plan/merge_group | plan/push | plan/workflow_dispatch) ;;
    apply/push | apply/workflow_dispatch) ;;
    resume/schedule | resume/push | resume/workflow_dispatch) ;;
    plan/* | apply/* | resume/*)
      refuse "$command does not run on the event ${event_name:-without a name}" \
        "plan runs on pull_request, merge_group, push and workflow_dispatch; apply on push and workflow_dispatch; resume on these two and on schedule."
      ;;
    *) refuse "there is no command ${command:-in the inputs}" "It is plan, apply or resume." ;;
  esac
  if [ "$command" = plan ]; then
    look_for_fork
    if [ "$event_name" = pull_request ]; then request=$(of_event '.pull_request.number | numbers'); fi
  elif [ "$event_name" != schedule ]; then
    if [ -z "$branch" ]; then branch=$(of_event .repository.default_branch); fi
    if [ -z "$branch" ]; then
      refuse "nothing says which branch is applied" "Name it by the input branch."
    fi
    if [ "$ref" != "refs/heads/$branch" ]; then
      refuse "$command runs only on the branch $branch" "This is ${ref:-no branch}. Another branch can be named by the input branch."
    fi
  fi
}

# shellcheck source=ci/common.sh
. "$here/common.sh"
# shellcheck source=ci/binary.sh
. "$here/binary.sh"
# shellcheck source=ci/api.sh
. "$here/api.sh"
# shellcheck source=ci/comment.sh
. "$here/comment.sh"
# shellcheck source=ci/commands.sh
. "$here/commands.sh"

needs curl jq
take_token PUSHSYNC_CI_TOKEN "authorization: Bearer"
if ! [[ $commit =~ ^[0-9a-f]{40,64}$ ]]; then
  refuse "GITHUB_SHA is not a commit" "This runs in GitHub Actions."
fi
if ! [[ $repository =~ ^[A-Za-z0-9_.-]+/[A-Za-z0-9_.-]+$ ]]; then
  refuse "GITHUB_REPOSITORY is not a repository" "This runs in GitHub Actions."
fi
guard
find_binary
read_inputs
"do_$command"
