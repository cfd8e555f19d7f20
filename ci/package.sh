#!/usr/bin/env bash
# Packs a release: package.sh TARGET FOLDER-OF-THE-PROGRAM DESTINATION makes
# DESTINATION/pushsync-VERSION-TARGET.tar.gz, with the program, its manual, completions,
# licences, these scripts, and the files of deploy/.
#
# package.sh --check TAG: fails unless the tag is the version of Cargo.toml.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

version=$(sed -n 's/^version = "\(.*\)"$/\1/p' "$root/Cargo.toml" | head -n 1)
if [ "$1" = --check ]; then
  if [ "$2" != "v$version" ]; then
    echo "the tag is $2, and Cargo.toml says $version: the tag must be v$version" >&2
    exit 1
  fi
  exit 0
fi

target=$1 from=$2 destination=$3
name="pushsync-$version-$target"
made="$destination/$name"
program="$from/pushsync"

mkdir -p "$made/man" "$made/completions"
cp "$program" "$made/"
cp "$root/LICENSE-APACHE" "$root/LICENSE-MIT" "$root/README.md" "$root/CHANGELOG.md" "$made/"
cp -R "$root/ci" "$made/ci"
cp -R "$root/deploy" "$made/deploy"
"$program" man >"$made/man/pushsync.1"
"$program" completions bash >"$made/completions/pushsync.bash"
"$program" completions fish >"$made/completions/pushsync.fish"
"$program" completions zsh >"$made/completions/_pushsync"
"$program" completions powershell >"$made/completions/pushsync.ps1"

cd "$destination"
tar -czf "$name.tar.gz" "$name"
rm -rf "$name"
