# shellcheck shell=bash disable=SC2154,SC2034 # variables of the script that sources this
# The three commands: plan, apply, resume. Sourced; what differs between GitHub and GitLab is in the script
# that sources this: refuse, output, summarise, show, notice, warning, error_note, link, and the requests.

# A file as a fenced block of $2 characters at most.
fenced() {
  jq -Rsr -L "$here" --argjson most "$2" 'include "text"; .[:$most] as $head | (if length > $most then $head + "\n… (cut; the log has all)" else . end) | fence' <"$1"
}

heading() {
  jq -nr -L "$here" --arg what "$1" --arg environment "$environment" --arg directory "$directory" --arg more "$2" \
    'include "text"; "### pushsync \($what) for \($environment | code)\(if $directory == "." then "" else " in \($directory | code)" end)\($more)\n"'
}

foot() {
  jq -nr -L "$here" --arg link "$link" --arg commit "$commit" \
    'include "text"; "\n<sub>[This job](\($link)), commit \($commit[:12] | code).</sub>"'
}

# tell KIND REQUEST BODY [MODE]: into the summary, and as a comment.
tell() {
  local kind=$1 request=$2 body=$3 mode=${4:-}
  {
    marker "$kind"
    jq -Rsr -L "$here" --argjson most 64000 'include "text"; fit($most)' <"$body"
    foot
  } >"$work/comment.md"
  # The summary comes first: if the comment fails, nothing is lost.
  summarise "$work/comment.md"
  if [ -z "$request" ] || ! is_true "$comment"; then return 0; fi
  if [ -z "$has_token" ]; then
    warning "pushsync: no comment" "There is no token to write it with. What it would say is $elsewhere."
    return 0
  fi
  if ! put_comment "$request" "$kind" "$work/comment.md" "$mode"; then
    warning "pushsync: no comment" "It could not be written ($(why_not)). What it would say is $elsewhere."
  # A workflow may put it into a script.
  elif [[ $comment_url =~ ^https?://[A-Za-z0-9._~:/?#=\&%-]+$ ]]; then
    output comment-url "$comment_url"
  fi
}

validate() {
  ask "$work/valid" "$work/valid.err" validate --format github
  annotate "$work/valid"
  if [ "$status" -eq 0 ]; then return 0; fi
  show "$work/valid.err"
  local found=$status
  ask "$work/valid.txt" "$work/valid.err" validate
  cat "$work/valid.err" >>"$work/valid.txt"
  status=$found
  return 1
}

# Plans as JSON, Markdown and annotations. They must have the same changes: another run may apply meanwhile.
make_plan() {
  local try changes
  for try in 1 2 3; do
    run "$work/plan.json" "$work/err" plan --format json
    if [ "$status" -ne 0 ]; then return 1; fi
    digest=$(jq -r '.changes_digest // "" | select(test("^[0-9a-f]{64}$"))' <"$work/plan.json")
    ask "$work/plan.md" "$work/err" plan --format markdown
    if [ "$status" -ne 0 ]; then return 1; fi
    ask "$work/plan.txt" "$work/err" plan --format github
    if [ "$status" -ne 0 ]; then return 1; fi
    changes=$(changes_in <"$work/plan.md")
    if [ "$changes" = "$digest" ]; then return 0; fi
  done
  echo "the state changed three times while the plan was made; run the job again" >"$work/err"
  status=1
  return 1
}

# The digest in the hidden line of a plan: the first or the second line.
changes_in() {
  sed -n '1,2s/^<!-- pushsync:plan [^>]* changes=\([0-9a-f]\{64\}\) -->.\{0,1\}$/\1/p' | head -n 1
}

# The digest of each comment that was found, one line each; an empty one for a plan that failed.
digests_found() {
  local body
  while IFS= read -r body; do
    printf '%s\n' "$(jq -r '.body' <<<"$body" | changes_in)"
  done <"$work/found"
}

is_empty() {
  jq -e '(.changes | length) == 0 and ((.protect // []) | length) == 0' <"$1" >/dev/null
}

do_plan() {
  if [ -n "$has_key" ]; then
    warning "pushsync: an API key in a plan" "A plan needs none: take it out of this job."
  fi
  if ! validate; then
    output status "$status"
    {
      heading plan ": the project is not valid"
      fenced "$work/valid.txt" 50000
    } >"$work/body.md"
    if [ -n "$fork" ]; then request=""; fi
    tell comment "$request" "$work/body.md"
    error_note "pushsync: the project is not valid" "The annotations and $elsewhere say where."
    return 1
  fi
  if [ -n "$fork" ]; then
    {
      heading plan ": only checked"
      printf '%s\n' "$fork. It was checked without secrets, so there was no state to compare it with." \
        "The project is valid. To see what it would change, somebody who may write here pushes the commits to" \
        "a branch of this repository and opens a request from it."
    } >"$work/body.md"
    tell comment "" "$work/body.md"
    notice "pushsync: only checked" "$fork: it was checked without secrets and without the state. The project is valid."
    output status 0
    return 0
  fi
  if ! make_plan; then
    output status "$status"
    show "$work/err"
    {
      heading plan " failed"
      fenced "$work/err" 50000
    } >"$work/body.md"
    tell comment "$request" "$work/body.md"
    error_note "pushsync plan failed" "$(jq -Rsr '.[:2000]' <"$work/err")"
    return 1
  fi
  annotate "$work/plan.txt"
  output status 0
  output changes "$(jq '.changes | length' <"$work/plan.json")"
  output summary "$(jq -c '.summary | with_entries(select(.value | type == "number"))' <"$work/plan.json")"
  output requests "$(jq '.summary.requests | numbers' <"$work/plan.json")"
  output digest "$digest"
  if is_superseded; then
    notice "pushsync: no comment" "There are newer commits: their job comments."
    request=""
  fi
  local mode=""
  if is_empty "$work/plan.json"; then mode=only-update; fi
  tell comment "$request" "$work/plan.md" "$mode"
}

# The digest that was reviewed: that of our comment on the request whose merge made this commit.
# Sets $request, and $reviewed or $doubt.
find_review() {
  local first
  request="" reviewed="" doubt=""
  if [ -z "$has_token" ]; then
    doubt="there is no token to look for its review with"
    return
  fi
  if ! find_request; then
    doubt="the request that it comes from could not be looked up ($(why_not))"
    return
  fi
  if [ -z "$request" ]; then
    doubt="no merged request ends in commit ${commit:0:12}"
    return
  fi
  if ! find_comments "$request" comment; then
    doubt="the comments of request $request could not be read ($(why_not))"
    return
  fi
  if [ -z "$(last_found id)" ]; then
    doubt="request $request has no plan for the environment $environment by $author"
    return
  fi
  # Two jobs at once can leave two comments. Nobody knows which of them was reviewed.
  if [ "$(digests_found | sort -u | grep -c '')" -gt 1 ]; then
    doubt="request $request has comments with different plans"
    return
  fi
  first=$(last_found body | changes_in)
  if [ -z "$first" ]; then
    doubt="the last plan of request $request failed, or is of an older version"
    return
  fi
  reviewed=$first
}

do_apply() {
  if is_true "$fresh"; then
    if [ -n "$has_token" ] && is_true "$comment"; then find_request || request=""; fi
    run "$work/out.json" "$work/err" apply --yes --format json ${bounds[@]+"${bounds[@]}"}
    outcome
    return
  fi
  find_review
  if [ -n "$reviewed" ]; then
    run "$work/out.json" "$work/err" apply --yes --reviewed "$reviewed" --format json ${bounds[@]+"${bounds[@]}"}
    outcome
    return
  fi
  # If nothing is to be reviewed, the job does not fail.
  run "$work/plan.json" "$work/err" plan --format json
  if [ "$status" -eq 0 ] && is_empty "$work/plan.json"; then
    notice "pushsync: nothing to apply" "Nobody reviewed a plan ($doubt), and there are no changes."
    {
      heading apply ""
      echo "Nothing to apply."
    } >"$work/body.md"
    tell outcome "" "$work/body.md"
    output status 0
    return 0
  fi
  if [ "$status" -ne 0 ]; then
    {
      heading apply " failed"
      fenced "$work/err" 20000
    } >"$work/body.md"
  else
    {
      heading apply ": nothing was done"
      jq -nr -L "$here" --arg doubt "$doubt" --argjson n "$(jq '.changes | length' <"$work/plan.json")" \
        'include "text"; "There are \($n | count("change"; "changes")), and nobody has reviewed them: \($doubt | line).\n"'
      echo "To apply a fresh plan, run this with \`fresh: true\`."
    } >"$work/body.md"
  fi
  output status 1
  tell outcome "$request" "$work/body.md"
  error_note "pushsync: nothing was applied" "$doubt. To apply a fresh plan, run this with fresh: true."
  return 1
}

# Whether a run got as far as printing its outcome.
has_outcome() {
  jq -es 'length == 1 and .[0].format == "pushsync/apply/1"' <"$work/out.json" >/dev/null 2>&1
}

do_resume() {
  request=""
  run "$work/out.json" "$work/err" apply --yes --resume --format json ${bounds[@]+"${bounds[@]}"}
  if [ "$status" -eq 0 ] && has_outcome && jq -e '(.applied + .remaining + .requests) == 0' <"$work/out.json" >/dev/null; then
    notice "pushsync: nothing to resume" "The last run came to its end."
    {
      heading apply ""
      echo "Nothing to resume."
    } >"$work/body.md"
    tell outcome "" "$work/body.md"
    output status 0
    return 0
  fi
  if [ -n "$has_token" ] && is_true "$comment"; then find_request || request=""; fi
  outcome
}

# The outcome of a run: its summary, its comment, its outputs, and whether the job fails.
outcome() {
  local end=$status stopped="" found
  output status "$end"
  if ! has_outcome; then
    {
      heading apply " failed"
      fenced "$work/err" 50000
      if [ -n "${reviewed:-}" ]; then
        echo "If the plan differs from the reviewed one: \`fresh: true\` applies a fresh one."
      fi
    } >"$work/body.md"
    tell outcome "$request" "$work/body.md"
    error_note "pushsync apply failed" "$(jq -Rsr '.[:2000]' <"$work/err")"
    return 1
  fi
  stopped=$(jq -r '.stopped // "" | select(test("^[a-z]*$"))' <"$work/out.json")
  output applied "$(jq '.applied | numbers' <"$work/out.json")"
  output failed "$(jq '.failed | length' <"$work/out.json")"
  output unknown "$(jq '.unknown | length' <"$work/out.json")"
  output remaining "$(jq '.remaining | numbers' <"$work/out.json")"
  output requests "$(jq '.requests | numbers' <"$work/out.json")"
  output stopped "$stopped"
  # The runs so far, if this one continues them.
  : >"$work/rows"
  if [ -n "$request" ] && is_true "$comment" && find_comments "$request" outcome; then
    found=$(last_found body)
    printf '%s\n' "$found" | tr -d '\r' | grep -E '^\| \[[^]|]*\]\([^)|]*\)( \| [0-9]+){5} \|$' | tail -n 50 >"$work/rows" || true
  fi
  heading apply "" >"$work/body.md"
  jq -r -L "$here" --arg link "$link" --arg now "$(date -u '+%Y-%m-%d %H:%M')" --argjson exit "$end" --rawfile rows "$work/rows" '
    include "text";
    (if $exit == 0 then "**Done.** \(.applied | count("change"; "changes")) in \(.requests | count("request"; "requests"))."
     elif $exit == 3 then
       "**Stopped early, in good order** (\(.stopped // "" | line)): \(.remaining | count("change remains"; "changes remain")). The next run of `resume` goes on."
     elif $exit == 4 then
       "**\(.unknown | length | count("delivery is unknown"; "deliveries are unknown"))** and need a decision: whether they were sent, nobody knows, and they are not sent again.\(if (.failed | length) > 0 then " \(.failed | length | count("change"; "changes")) failed." else "" end)\(if .remaining > 0 then " \(.remaining | count("change remains"; "changes remain"))\(if .stopped then " (stopped early: \(.stopped | line))" else "" end)." else "" end)"
     else "**Failed.** \(.failed | length | count("change"; "changes")) failed\(if .stopped == "fatal" then ", and the run was stopped" elif .stopped == "outage" then ", and the run was stopped: the API gave no usable answer five times in a row" else "" end)."
     end),
    "",
    "| run | applied | failed | unknown | remaining | requests |",
    "|---|--:|--:|--:|--:|--:|",
    ($rows | split("\n")[] | select(. != "")),
    "| [\($now)](\($link)) | \(.applied) | \(.failed | length) | \(.unknown | length) | \(.remaining) | \(.requests) |",
    (if (.failed | length) > 0 then
      "", "**Failed:**", "",
      (.failed[:20][] | "- \(.address | address | code) \(.action | line): \(.status // "" | tostring) \(.message // "" | cut(300) | code)\(if .request_id then ", request \(.request_id | tostring | cut(100) | code)" else "" end)"),
      (if (.failed | length) > 20 then "- … and \((.failed | length) - 20) more" else empty end)
     else empty end),
    (if (.unknown | length) > 0 then
      "", "**Unknown:**", "",
      (.unknown[:20][] | "- \(address | code)"),
      (if (.unknown | length) > 20 then "- … and \((.unknown | length) - 20) more" else empty end),
      "", "Look into the visitor'"'"'s chat in Brevo, then say `pushsync state resolve ADDRESS --sent ID`, or `pushsync state resolve ADDRESS --not-sent`. Masked addresses will do; `pushsync state resolve` lists them with numbers."
     else empty end)
  ' <"$work/out.json" >>"$work/body.md"
  tell outcome "$request" "$work/body.md"
  case $end in
    0) return 0 ;;
    3)
      notice "pushsync: stopped early" "In good order ($stopped): the state is right, and the next run of resume goes on."
      if is_true "$fail_on_stop"; then return 3; fi
      return 0
      ;;
    4)
      error_note "pushsync: a delivery is unknown" "Whether it was sent, nobody knows. Look into the visitor's chat in Brevo. pushsync state resolve lists them, and takes what you found."
      return 4
      ;;
    *)
      error_note "pushsync: not everything was applied" "What failed is $elsewhere."
      return 1
      ;;
  esac
}
