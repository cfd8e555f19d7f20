# shellcheck shell=bash disable=SC2154,SC2034 # variables of the script that sources this
# Finds the pushsync to run: an installed one, or a release. Sourced.

binary=${PUSHSYNC_CI_BINARY:-}
version=${PUSHSYNC_CI_VERSION:-}
sha256=${PUSHSYNC_CI_SHA256:-}

# Sets $pushsync.
find_binary() {
  if [ -n "$binary" ]; then
    if [ -n "$sha256" ]; then
      refuse "there is a checksum and no download" "sha256 is compared with a downloaded archive: leave out sha256, or binary."
    fi
    pushsync=$(type -P -- "$binary") || refuse "there is no program $binary" "Install pushsync first, outside of the checkout, or name a version instead."
    if in_one_of "${pushsync%/*}" "$checkout"; then
      refuse "the program $binary is in the checkout" "A pull request could change it: install it elsewhere."
    fi
    return
  fi
  mkdir "$work/release"
  if ! pushsync=$(PUSHSYNC_RELEASES=${PUSHSYNC_RELEASES:-} "$BASH" -p "$here/install.sh" "$work/release" "$version" "$sha256" 2>"$work/install"); then
    show "$work/install"
    refuse "pushsync could not be installed" "$(tail -n 1 "$work/install")"
  fi
}
