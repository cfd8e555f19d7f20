#!/usr/bin/env bash
# Downloads a release of pushsync for this machine, compares its checksum, and prints the program's path:
# install.sh [VERSION]. Without a version, the one of these scripts.
#
# PUSHSYNC_RELEASES says where releases are: https://HOST/OWNER/pushsync/releases/download
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

fail() {
  echo "$1" >&2
  exit 1
}

version=${1:-}
if [ -z "$version" ]; then
  version=$(sed -n 's/^version = "\(.*\)"$/\1/p' "$here/../Cargo.toml" | head -n 1)
fi
version=${version#v}
[[ $version =~ ^[0-9]+\.[0-9]+\.[0-9]+(-[0-9A-Za-z.-]+)?$ ]] || fail "this is no version of pushsync: write it like 1.2.3"

releases=${PUSHSYNC_RELEASES:-}
[ -n "$releases" ] || fail "nothing says where the releases of pushsync are: set PUSHSYNC_RELEASES, or name an installed binary"
case $releases in
  https://* | http://127.0.0.1:* | http://localhost:*) ;;
  *) fail "PUSHSYNC_RELEASES must be https" ;;
esac

case "$(uname -s)-$(uname -m)" in
  Linux-x86_64) target=x86_64-unknown-linux-musl ;;
  Linux-aarch64 | Linux-arm64) target=aarch64-unknown-linux-musl ;;
  Darwin-x86_64) target=x86_64-apple-darwin ;;
  Darwin-arm64) target=aarch64-apple-darwin ;;
  *) fail "there is no release for $(uname -s) on $(uname -m): build it with cargo, and name the binary" ;;
esac

name="pushsync-$version-$target"
folder="${RUNNER_TEMP:-${TMPDIR:-/tmp}}/pushsync-$version-$$"
mkdir -p "$folder"
for file in "$name.tar.gz" SHA256SUMS; do
  curl --fail --silent --show-error --location --proto "=https,http" --proto-redir "=https" --retry 4 \
    --connect-timeout 10 --max-time 300 --output "$folder/$file" --url "$releases/v$version/$file" \
    || fail "could not download $file of version $version from $releases"
done

wanted=$(awk -v file="$name.tar.gz" '$2 == file || $2 == "*" file { print $1; exit }' "$folder/SHA256SUMS")
if command -v sha256sum >/dev/null; then
  found=$(sha256sum "$folder/$name.tar.gz")
else
  found=$(shasum -a 256 "$folder/$name.tar.gz")
fi
found=${found%% *}
if ! [[ $wanted =~ ^[0-9a-f]{64}$ ]] || [ "$wanted" != "$found" ]; then
  rm -f "$folder/$name.tar.gz"
  fail "the checksum of $name.tar.gz is $found, and SHA256SUMS says ${wanted:-nothing}: it is not used"
fi

tar -xzf "$folder/$name.tar.gz" -C "$folder"
program="$folder/$name/pushsync"
[ -x "$program" ] || fail "there is no pushsync in $name.tar.gz"
echo "$program"
