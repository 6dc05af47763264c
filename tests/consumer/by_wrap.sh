#!/usr/bin/env bash
# usage: by_wrap.sh SOURCE_ROOT
# Builds and runs the consumer with the library as its subproject.
# shellcheck source=tests/consumer/common.sh
source "$(dirname "$0")/common.sh"

readonly subprojects=$work/consumer/subprojects

# What `git clone` would put there, and the archives that were downloaded already: nothing here needs the network.
place_library() {
  local library=$subprojects/pqlease
  mkdir -p "$library/subprojects"
  (cd "$source_root" && cp -r meson.build meson_options.txt include lib tests docs "$library")
  cp -r "$source_root"/subprojects/{*.wrap,packagefiles} "$library/subprojects"
  if [[ -d $source_root/subprojects/packagecache ]]; then
    cp -r "$source_root/subprojects/packagecache" "$subprojects"
  fi
}

step 'copies the project and the library'
cp -r "$project" "$work/consumer"
place_library

step 'builds the project'
meson setup --force-fallback-for=pqlease "${joined[@]}" "$work/build" "$work/consumer"
meson compile -C "$work/build"

run_consumer "$work/build/consumer"
