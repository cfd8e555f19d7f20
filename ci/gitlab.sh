#!/usr/bin/env bash
# shellcheck disable=SC2016 # the variables in filters are those of jq
# pushsync in a job of GitLab CI: gitlab.sh plan, apply or resume. See docs/ci.md.
#
# The counterpart of github.sh. Settings come by the same variables, PUSHSYNC_CI_…. The token for notes is in
# PUSHSYNC_GITLAB_TOKEN.
set -euo pipefail
# shellcheck source=ci/clean.sh
. "${BASH_SOURCE[0]%/*}/clean.sh"
if [ "${1:-}" != --clean ]; then start_clean "${1:-}" "$@"; fi
take_variables
here=$(cd "${BASH_SOURCE[0]%/*}" && pwd)

PUSHSYNC_CI_COMMAND=${2:-}
checkout=${CI_PROJECT_DIR:-}
source_of_pipeline=${CI_PIPELINE_SOURCE:-}
api_url=${CI_API_V4_URL:-https://gitlab.com/api/v4}
project="$api_url/projects/${CI_PROJECT_ID:-0}"
branch=${PUSHSYNC_CI_BRANCH:-${CI_DEFAULT_BRANCH:-}}
commit=${CI_COMMIT_SHA:-}
link=${CI_JOB_URL:-https://gitlab.com}
elsewhere="in the job's log"
author=""
# The reason, in words, if the job gets no secret.
fork=""
request=""
# The template's folder with the release is removed at the end, if these scripts are from it.
download=${PUSHSYNC_CI_DOWNLOAD:-}
if [ -n "$download" ] && ! in_one_of "$here" "$download"; then download=""; fi

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

# Notes by the token's user are ours.
find_author() {
  if [ -n "$author" ]; then return 0; fi
  api GET "$api_url/user" || return 1
  author=$(jq -r '.username // empty | strings' <"$work/answer") || return 1
  [ -n "$author" ]
}

comments_of() {
  find_author || return 1
  every_page "$project/merge_requests/$1/notes?per_page=100&order_by=created_at&sort=asc" \
    '.[] | {id, body: (.body // ""), url: "", mine: (.author.username == $author and (.system | not))}' --arg author "$author"
}
create_comment() { api POST "$project/merge_requests/$1/notes" "$2"; }
update_comment() { api PUT "$project/merge_requests/$1/notes/$2" "$3"; }
delete_comment() { api DELETE "$project/merge_requests/$1/notes/$2"; }

# The merge request into this branch that made this commit: by a merge, a squash, or a fast-forward.
find_request() {
  request=""
  every_page "$project/repository/commits/$commit/merge_requests?per_page=100" \
    '.[] | select(.state == "merged" and ([.merge_commit_sha, .squash_commit_sha, .sha] | index($commit))
      and .target_branch == $branch and (.target_project_id // $project | tostring) == $project) | .iid' \
    --arg commit "$commit" --arg branch "$branch" --arg project "${CI_PROJECT_ID:-0}" || return 1
  request=$(grep -E '^[0-9]+$' "$work/pages" | sort -n | tail -n 1) || request=""
}

is_superseded() {
  local now
  if [ -z "$request" ] || [ -z "$has_token" ]; then return 1; fi
  api GET "$project/merge_requests/$request" || return 1
  now=$(jq -r '.sha // empty' <"$work/answer" 2>/dev/null) || return 1
  [ -n "$now" ] && [ "$now" != "${CI_MERGE_REQUEST_SOURCE_BRANCH_SHA:-$commit}" ]
}

# Whether the files that this job plans may come from outside of the project. Then $fork says why.
look_for_fork() {
  local ours=${CI_PROJECT_ID:-?}
  # A member of the project can run the pipeline of a fork's request here, with the variables of the project.
  # In its own project, a fork's pipeline names the request of another project.
  if [ "${CI_MERGE_REQUEST_SOURCE_PROJECT_ID:-}" != "$ours" ] || [ "${CI_MERGE_REQUEST_PROJECT_ID:-$ours}" != "$ours" ]; then
    fork="This comes from a fork"
    if [ -n "$has_key" ]; then
      refuse "there is an API key in a job for a fork" "A job for a fork must see no secret, and a plan needs none: make the variable a protected one."
    fi
  elif [ "${CI_MERGE_REQUEST_EVENT_TYPE:-}" = merge_train ]; then
    fork="A merge train can hold commits of forks"
  elif [[ ${CI_MERGE_REQUEST_IID:-} =~ ^[0-9]+$ ]]; then
    request=$CI_MERGE_REQUEST_IID
  fi
}

# The commands that this job may run.
guard() {
  case $command/$source_of_pipeline in
    plan/merge_request_event) look_for_fork ;;
    plan/push | plan/web) ;;
    apply/push | apply/web) ;;
    resume/schedule | resume/push | resume/web) ;;
    plan/* | apply/* | resume/*)
      refuse "$command does not run in a pipeline ${source_of_pipeline:+of }${source_of_pipeline:-without a source}" \
        "plan runs in pipelines of merge_request_event, push and web; apply of push and web; resume of these two and of schedule."
      ;;
    *) refuse "there is no command ${command:-in the arguments}" "It is plan, apply or resume." ;;
  esac
  if [ "$command" != plan ] && { [ -z "$branch" ] || [ "${CI_COMMIT_BRANCH:-}" != "$branch" ]; }; then
    refuse "$command runs only on the branch $branch" "This is ${CI_COMMIT_BRANCH:-no branch}. Another branch can be named by PUSHSYNC_CI_BRANCH."
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
take_token PUSHSYNC_GITLAB_TOKEN "PRIVATE-TOKEN:"
if ! [[ $commit =~ ^[0-9a-f]{40,64}$ ]]; then
  refuse "CI_COMMIT_SHA is not a commit" "This runs in GitLab CI."
fi
guard
find_binary
read_inputs
"do_$command"
