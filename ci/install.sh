#!/usr/bin/env bash
# Downloads a release of pushsync for this machine, compares its checksum, and prints the program's path:
# install.sh FOLDER [VERSION [SHA256]]. FOLDER is empty, and belongs to the caller alone. Without a version, it takes
# that of these scripts. SHA256 is the checksum of the archive; without it, SHA256SUMS of the release decides.
#
# PUSHSYNC_RELEASES is the URL of the releases: https://HOST/OWNER/pushsync/releases/download
set -euo pipefail
here=$(cd "${BASH_SOURCE[0]%/*}" && pwd)

fail() {
  echo "$1" >&2
  exit 1
}

folder=$1
version=${2:-}
wanted=${3:-}
if [ -z "$version" ]; then
  version=$(sed -n 's/^version = "\(.*\)"$/\1/p' "$here/../Cargo.toml" | head -n 1)
fi
version=${version#v}
[[ $version =~ ^[0-9]+\.[0-9]+\.[0-9]+(-[0-9A-Za-z.-]+)?$ ]] || fail "this is not a version of pushsync: write it like 1.2.3"

releases=${PUSHSYNC_RELEASES:-}
[ -n "$releases" ] || fail "nothing says where the releases of pushsync are: set PUSHSYNC_RELEASES, or name an installed binary"
secure='^(https://[A-Za-z0-9.-]+(:[0-9]+)?|http://(127\.0\.0\.1|localhost):[0-9]+)(/[A-Za-z0-9._~/-]*)?$'
[[ $releases =~ $secure ]] || fail "PUSHSYNC_RELEASES must be https, without a name or a password in it"
if [ -n "$wanted" ]; then
  wanted=$(printf '%s' "$wanted" | tr 'A-F' 'a-f')
  [[ $wanted =~ ^[0-9a-f]{64}$ ]] || fail "the input sha256 is not a checksum: it has 64 digits from 0 to f"
  said="the input sha256"
fi

case "$(uname -s)-$(uname -m)" in
  Linux-x86_64) target=x86_64-unknown-linux-musl ;;
  Linux-aarch64 | Linux-arm64) target=aarch64-unknown-linux-musl ;;
  Darwin-x86_64) target=x86_64-apple-darwin ;;
  Darwin-arm64) target=aarch64-apple-darwin ;;
  *) fail "there is no release for $(uname -s) on $(uname -m): build it with cargo, and name the binary" ;;
esac

name="pushsync-$version-$target"
get() {
  curl -q --fail --silent --show-error --location --proto "=https,http" --proto-redir "=https" --retry 4 \
    --connect-timeout 10 --max-time 300 --max-filesize 500000000 --output "$folder/$1" --url "$releases/v$version/$1" \
    || fail "could not download $1 of version $version from $releases"
}

get "$name.tar.gz"
if [ -z "$wanted" ]; then
  get SHA256SUMS
  wanted=$(awk -v file="$name.tar.gz" '$2 == file || $2 == "*" file { print $1; exit }' "$folder/SHA256SUMS")
  said="SHA256SUMS"
fi
if [ -n "$(type -P sha256sum)" ]; then
  found=$(sha256sum "$folder/$name.tar.gz")
else
  found=$(shasum -a 256 "$folder/$name.tar.gz")
fi
found=${found%% *}
if ! [[ $wanted =~ ^[0-9a-f]{64}$ ]] || [ "$wanted" != "$found" ]; then
  fail "the checksum of $name.tar.gz is $found, and $said says ${wanted:-nothing}: it is not used"
fi

program="$name/pushsync"
tar -xzf "$folder/$name.tar.gz" -C "$folder" "$program" || fail "there is no pushsync in $name.tar.gz"
if [ -L "$folder/$program" ] || ! [ -f "$folder/$program" ] || ! [ -x "$folder/$program" ]; then
  fail "there is no pushsync in $name.tar.gz"
fi
echo "$folder/$program"
