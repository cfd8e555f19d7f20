#!/usr/bin/env bash
# pushsync in a job of GitLab CI: gitlab.sh plan, apply or resume. See docs/ci.md.
#
# The same as github.sh, but for what differs between the two; settings come by the same variables,
# PUSHSYNC_CI_…. The token for notes is in PUSHSYNC_GITLAB_TOKEN.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

PUSHSYNC_CI_COMMAND=${1:-}
source_of_pipeline=${CI_PIPELINE_SOURCE:-}
api_url=${CI_API_V4_URL:-https://gitlab.com/api/v4}
project="$api_url/projects/${CI_PROJECT_ID:-0}"
branch=${PUSHSYNC_CI_BRANCH:-${CI_DEFAULT_BRANCH:-}}
commit=${CI_COMMIT_SHA:-}
link=${CI_JOB_URL:-https://gitlab.com}
elsewhere="in the job's log"
author=""
fork=""
request=""

notice() { printf 'notice: %s: %s\n' "$1" "$2"; }
warning() { printf 'warning: %s: %s\n' "$1" "$2"; }
error_note() { printf 'error: %s: %s\n' "$1" "$2"; }
hush() { :; }
unhush() { :; }
show() { cat "$1"; }
annotate() { :; }
output() { :; }
summarise() {
  cat "$1"
  echo
}

# Whose notes are ours: those of whoever has the token.
find_author() {
  if [ -n "$author" ]; then return 0; fi
  api GET "$api_url/user" || return 1
  author=$(jq -r '.username // empty | strings' <"$work/answer") || return 1
  [ -n "$author" ]
}

comments_of() {
  find_author || return 1
  every_page "$project/merge_requests/$1/notes?per_page=100&order_by=created_at&sort=asc" \
    ".[] | {id, body: (.body // \"\"), url: \"\", mine: (.author.username == $(jq -n --arg author "$author" '$author') and (.system | not))}"
}
create_comment() { api POST "$project/merge_requests/$1/notes" "$2"; }
update_comment() { api PUT "$project/merge_requests/$1/notes/$2" "$3"; }
delete_comment() { api DELETE "$project/merge_requests/$1/notes/$2"; }

# The merge request that made this commit: by a merge, a squash, or a fast-forward.
find_request() {
  request=""
  every_page "$project/repository/commits/$commit/merge_requests?per_page=100" \
    ".[] | select(.state == \"merged\" and ([.merge_commit_sha, .squash_commit_sha, .sha] | index(\"$commit\"))) | .iid" || return 1
  request=$(grep -E '^[0-9]+$' "$work/pages" | sort -n | tail -n 1) || request=""
}

is_superseded() {
  local now
  if [ -z "$request" ] || [ -z "$has_token" ]; then return 1; fi
  api GET "$project/merge_requests/$request" || return 1
  now=$(jq -r '.sha // empty' <"$work/answer" 2>/dev/null) || return 1
  [ -n "$now" ] && [ "$now" != "${CI_MERGE_REQUEST_SOURCE_BRANCH_SHA:-$commit}" ]
}

guard() {
  case $command in
    plan)
      if [ "$source_of_pipeline" != merge_request_event ]; then return 0; fi
      if [[ ${CI_MERGE_REQUEST_IID:-} =~ ^[0-9]+$ ]]; then request=$CI_MERGE_REQUEST_IID; fi
      if [ "${CI_MERGE_REQUEST_SOURCE_PROJECT_ID:-}" != "${CI_PROJECT_ID:-?}" ]; then
        fork=yes
        if [ -n "${BREVO_API_KEY:-}${BREVO_API_KEY_FILE:-}${BREVO_PARTNER_KEY:-}" ]; then
          refuse "there is an API key in a job for a fork" "What comes from a fork must see no secret, and a plan needs none: make the variable a protected one."
        fi
      fi
      ;;
    apply | resume)
      case $source_of_pipeline in
        push | schedule | web | api | trigger) ;;
        *) refuse "$command does not run in a pipeline of $source_of_pipeline" "Apply what was merged: in the pipeline of the default branch." ;;
      esac
      if [ -z "$branch" ] || [ "${CI_COMMIT_BRANCH:-}" != "$branch" ]; then
        refuse "$command runs only on the branch $branch" "This is ${CI_COMMIT_BRANCH:-no branch}. Another branch can be named by PUSHSYNC_CI_BRANCH."
      fi
      ;;
    *) refuse "there is no command ${command:-in the arguments}" "It is plan, apply or resume." ;;
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

take_token PUSHSYNC_GITLAB_TOKEN "PRIVATE-TOKEN:"
unset CI_JOB_TOKEN CI_REGISTRY_PASSWORD CI_DEPLOY_PASSWORD CI_DEPENDENCY_PROXY_PASSWORD CI_REPOSITORY_URL
if ! [[ $commit =~ ^[0-9a-f]{40,64}$ ]]; then
  refuse "CI_COMMIT_SHA is no commit" "This runs in GitLab CI."
fi
guard
find_binary
set_bounds
"do_$command"
