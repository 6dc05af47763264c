# shellcheck shell=bash
# Sourced by ./dev: a libpqxx that is new enough, from the system or as the archive that the Meson wrap names.

readonly libpqxx_wanted=7.10
readonly libpqxx_wrap=subprojects/libpqxx.wrap

wrap_value() { sed -n "s/^$1 *= *//p" "$libpqxx_wrap"; }

has_libpqxx() { pkg-config --exists "libpqxx >= $libpqxx_wanted" 2>/dev/null; }

# Debian 13 has a libpqxx that is new enough, Debian 12 has not.
install_libpqxx() {
  local candidate
  has_apt && may_become_root || return 1
  candidate=$(apt-cache policy libpqxx-dev 2>/dev/null | awk '$1 == "Candidate:" { print $2 }')
  [[ -n $candidate && $candidate != '(none)' ]] || return 1
  dpkg --compare-versions "$candidate" ge "$libpqxx_wanted" || return 1
  install_packages libpqxx-dev
}

# Python comes with Meson; curl and wget may be missing.
download() {
  timeout 120 python3 - "$1" "$2" 2>/dev/null <<'PYTHON'
import shutil, sys, urllib.request
with urllib.request.urlopen(sys.argv[1], timeout=10) as answer, open(sys.argv[2], 'wb') as file:
    shutil.copyfileobj(answer, file)
PYTHON
}

# The Debian mirrors that this machine uses, whichever form its apt configuration has. Without package lists apt does
# not know who publishes what, so then every archive it has is a candidate.
debian_mirrors() {
  local mirrors query=(apt-get indextargets --format "\$(REPO_URI)" 'Created-By: Packages' 'Component: main')
  mirrors=$("${query[@]}" 'Label: Debian')
  [[ -n $mirrors ]] || mirrors=$("${query[@]}")
  sort -u <<<"$mirrors"
}

debian_keyring() {
  local keyring
  for keyring in /usr/share/keyrings/debian-archive-keyring.{gpg,pgp}; do
    if [[ -r $keyring ]]; then
      echo "$keyring"
      return
    fi
  done
  return 1
}

# Downloads the upstream archive of Debian 13's source package of libpqxx from mirror $1 into folder $2. Everything apt
# reads or writes here lies in that folder: the system's own configuration, lists and cache stay as they are.
download_debian_source() {
  local mirror=$1 folder=$2 keyring
  keyring=$(debian_keyring) || return 1
  mkdir -p "$folder"/{lists,cache/archives}/partial || return 1
  echo "deb-src [signed-by=$keyring] $mirror trixie main" >"$folder/sources.list" || return 1
  local private=(
    -q
    -o "Dir::Etc::sourcelist=$folder/sources.list" -o Dir::Etc::sourceparts=/dev/null
    -o "Dir::State::lists=$folder/lists" -o "Dir::Cache=$folder/cache"
    -o APT::Sandbox::User=root # apt's own user could not write to the folder
  )
  (cd "$folder" && apt-get "${private[@]}" update && apt-get "${private[@]}" source --download-only --tar-only libpqxx) \
    >>"$folder/log" 2>&1 </dev/null
}

# Looks in folder $1 for a file with the wrap's hash and moves it to $2.
accept_archive() {
  local file hash
  hash=$(wrap_value source_hash)
  for file in "$1"/*.tar.gz; do
    if [[ -f $file && $(sha256sum <"$file") == "$hash "* ]]; then
      mkdir -p "$(dirname "$2")" && mv "$file" "$2"
      return
    fi
  done
  return 1
}

fetch_archive() (
  folder=$(mktemp -d "${TMPDIR:-/tmp}/pqlease-libpqxx.XXXXXX")
  trap 'rm -rf "$folder"' EXIT

  say "setup: downloads libpqxx from the address in $libpqxx_wrap"
  if download "$(wrap_value source_url)" "$folder/upstream.tar.gz" && accept_archive "$folder" "$1"; then return; fi

  say "setup: not to be had there; takes the same file out of Debian 13's source package of libpqxx"
  command -v apt-get >/dev/null || return 1
  for mirror in $(debian_mirrors); do
    if download_debian_source "$mirror" "$folder" && accept_archive "$folder" "$1"; then return; fi
  done
  tail -n 20 "$folder/log" >&2
  return 1
)

# What was unpacked some time ago has the build files of then; Meson does not look again.
refresh_build_files() {
  local ours unpacked file
  ours=subprojects/packagefiles/$(wrap_value patch_directory)
  unpacked=subprojects/$(wrap_value directory)
  [[ -d $unpacked ]] || return 0
  while read -r file; do
    cmp -s "$ours/$file" "$unpacked/$file" || cp "$ours/$file" "$unpacked/$file"
  done < <(cd "$ours" && find . -type f)
}

provide_libpqxx() {
  local archive
  refresh_build_files
  archive=subprojects/packagecache/$(wrap_value source_filename)
  if has_libpqxx || [[ -f $archive ]]; then return; fi
  setup_result=done
  if install_libpqxx || fetch_archive "$archive"; then return; fi
  die "no libpqxx >= $libpqxx_wanted here, and its source could not be fetched; either" \
    "  install libpqxx >= $libpqxx_wanted where pkg-config finds it, or" \
    "  download $(wrap_value source_url)" \
    "  elsewhere, put it here as $archive (sha256 $(wrap_value source_hash))," \
    "  and run ./dev again"
}
