# shellcheck shell=bash disable=SC2154,SC2034 # variables of the script that sources this
# Requests to the API of GitHub or GitLab. Sourced.
#
# A request without a usable answer is repeated where that cannot do harm. No request follows a redirect, and the
# token goes to the API alone: curl reads it from a pipe, so it is in no argument, no environment and no file.

# api METHOD URL [FILE]: the answer's body is in $work/answer, its headers in $work/headers, its status in
# $http (000: none).
api() {
  local method=$1 url=$2 body=${3:-} try=0 pause
  # -q comes first: curl reads no .curlrc.
  local args=(-q --silent --show-error --globoff --proto "=https,http" --connect-timeout 10 --max-time 60
    --max-filesize 50000000 --request "$method" --header @- --header "accept: application/json"
    --header "user-agent: pushsync-ci" --dump-header "$work/headers" --output "$work/answer"
    --write-out "%{http_code}")
  if [ -n "$body" ]; then
    args+=(--header "content-type: application/json" --data-binary "@$body")
  fi
  while :; do
    : >"$work/answer"
    : >"$work/headers"
    # A hostile URL must not name a file to curl: everything except the URL is ours.
    http=$(printf '%s\n' "$authorization" | curl "${args[@]}" --url "$url" 2>"$work/curl") || http=000
    case $http in
      2??) return 0 ;;
      429) ;;
      403) limited || return 1 ;;
      # It may have taken effect all the same: the caller looks first.
      5?? | 000) if [ "$method" = POST ]; then return 1; fi ;;
      *) return 1 ;;
    esac
    try=$((try + 1))
    [ "$try" -lt 5 ] || return 1
    pause=$(pause_before "$try") || return 1
    sleep "$pause"
  done
}

# A header of the last answer.
header() {
  tr -d '\r' <"$work/headers" | awk -v name="$1:" 'tolower($1) == name { sub(/^[^:]*:[ \t]*/, ""); value = $0 } END { print value }'
}

# Whether a 403 means that we should wait.
limited() {
  [ -n "$(header retry-after)" ] || [ "$(header x-ratelimit-remaining)" = 0 ]
}

# Seconds to wait; fails if that is too long.
pause_before() {
  local asked reset
  asked=$(header retry-after)
  reset=$(header x-ratelimit-reset)
  if [[ $asked =~ ^[0-9]{1,6}$ ]]; then
    :
  elif [ "$(header x-ratelimit-remaining)" = 0 ] && [[ $reset =~ ^[0-9]{1,12}$ ]]; then
    asked=$((reset - $(date +%s) + 1))
  else
    asked=$((${PUSHSYNC_CI_PAUSE:-1} * (1 << ($1 - 1))))
  fi
  [ "$asked" -le 60 ] || return 1
  echo "$((asked > 0 ? asked : 0))"
}

# The words of the last answer.
why_not() {
  local said
  if [ "$http" = 000 ]; then
    said=$(head -c 300 "$work/curl")
    echo "no answer: ${said:-the connection failed}"
  else
    said=$(jq -r '.message // .error // empty | if type == "string" then . else tojson end | .[:300]' <"$work/answer" 2>/dev/null) || said=""
    echo "$http${said:+: $said}"
  fi
}

# every_page URL FILTER [--arg NAME VALUE]…: the output of jq's FILTER for the JSON of each page, in $work/pages.
every_page() {
  local url=$1 filter=$2 pages=0
  shift 2
  : >"$work/pages"
  while [ -n "$url" ]; do
    pages=$((pages + 1))
    if [ "$pages" -gt 100 ]; then
      echo "there are more than 100 pages" >"$work/curl"
      http=000
      return 1
    fi
    api GET "$url" || return 1
    if ! jq -c "$@" "$filter" <"$work/answer" >>"$work/pages" 2>"$work/curl"; then
      http=000
      return 1
    fi
    url=$(header link | tr ',' '\n' | sed -n 's/^[[:space:]]*<\([^>]*\)>.*;[[:space:]]*rel="\{0,1\}next"\{0,1\}.*$/\1/p' | head -n 1)
    # The token goes to no other host.
    case $url in
      "" | "$api_url"/*) ;;
      *)
        echo "the next page would be on another server" >"$work/curl"
        http=000
        return 1
        ;;
    esac
  done
}
