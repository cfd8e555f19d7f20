# shellcheck shell=bash disable=SC2154,SC2034 # variables of the script that sources this
# One comment for each matter, updated in place. Sourced.
#
# A comment is ours if the forge says that we wrote it and its first line is the marker. We search nothing else of
# it, because it has texts of others.

# The first line of a comment, by which we find it: marker KIND.
marker() {
  jq -nr --arg kind "$1" --arg environment "$environment" --arg directory "$directory" -L "$here" \
    'include "text"; "<!-- pushsync:\($kind) environment=\($environment | marker) directory=\($directory | marker) -->"'
}

# find_comments REQUEST KIND: our comments of this kind in $work/found, the oldest first: {id, body, url}.
find_comments() {
  comments_of "$1" || return 1
  jq -c --arg marker "$(marker "$2")" \
    'select(.mine and (.body | split("\n")[0] | rtrimstr("\r")) == $marker) | {id, body, url}' \
    <"$work/pages" >"$work/found"
}

# A field of the last comment that was found: last_found FIELD.
last_found() {
  tail -n 1 "$work/found" | jq -r ".$1 // empty"
}

# put_comment REQUEST KIND FILE [MODE]: the mode `only-update` makes no new comment. Sets $comment_url.
put_comment() {
  local request=$1 kind=$2 file=$3 mode=${4:-} id try=0 surplus
  comment_url=""
  jq -Rs '{body: .}' <"$file" >"$work/body.json"
  while :; do
    find_comments "$request" "$kind" || return 1
    id=$(last_found id)
    if [ -n "$id" ]; then
      if update_comment "$request" "$id" "$work/body.json"; then
        comment_url=$(last_found url)
        # Two jobs at once may each have made one.
        for surplus in $(jq -r .id <"$work/found" | sed '$d'); do
          delete_comment "$request" "$surplus" || true
        done
        return 0
      fi
      # Somebody may have deleted it meanwhile.
      [ "$http" = 404 ] || return 1
    elif [ "$mode" = only-update ]; then
      return 0
    elif create_comment "$request" "$work/body.json"; then
      comment_url=$(jq -r '.html_url // empty' <"$work/answer" 2>/dev/null) || true
      return 0
    else
      case $http in 5?? | 000 | 404) ;; *) return 1 ;; esac
    fi
    try=$((try + 1))
    [ "$try" -lt 4 ] || return 1
    sleep "$((${PUSHSYNC_CI_PAUSE:-1} * (1 << (try - 1))))"
  done
}
