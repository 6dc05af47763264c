#!/usr/bin/env bash
# usage: by_pkg_config.sh SOURCE_ROOT
# Installs the library into a folder, and builds and runs the consumer with what pkg-config says: shared, then static.
# shellcheck source=tests/consumer/common.sh
source "$(dirname "$0")/common.sh"

readonly prefix=$work/prefix
readonly shared_library=$prefix/lib/libpqlease.so
export PKG_CONFIG_PATH=$prefix/lib/pkgconfig${PKG_CONFIG_PATH:+:$PKG_CONFIG_PATH}

install_library() {
  step 'builds and installs the library, shared and static'
  meson setup "$work/build" "$source_root" --prefix="$prefix" --libdir=lib --buildtype=plain -Ddefault_library=both \
    -Dtests=disabled -Dbenchmarks=disabled -Ddocs=disabled "${joined[@]}"
  meson compile -C "$work/build"
  meson install -C "$work/build" --no-rebuild --quiet
}

# Whoever links the library must not meet another's symbols in it.
check_exports() {
  local foreign
  step "looks at what $shared_library exports"
  foreign=$(nm --dynamic --demangle --defined-only "$shared_library" | grep -E '\b(spdlog|fmt|doctest)::' || true)
  [[ -z $foreign ]] || fail "the shared library exports symbols that are not its own:"$'\n'"$foreign"
}

# build PROGRAM PACKAGE...
build() {
  local program=$1 flags compiler
  shift
  step "compiles $program with pkg-config --cflags --libs $*"
  flags=$(pkg-config --cflags --libs "$@")
  read -ra flags <<<"$flags"
  read -ra compiler <<<"${CXX:-c++}"
  "${compiler[@]}" -std=c++20 "$project/main.cpp" -o "$program" "${flags[@]}" "-Wl,-rpath,$prefix/lib"
}

uses_shared_library() { [[ $(ldd "$1") == *libpqlease.so.* ]]; }

check_shared() {
  build "$work/shared" pqlease
  uses_shared_library "$work/shared" || fail "ldd $work/shared does not show libpqlease"
  run_consumer "$work/shared"
}

# With the shared libraries gone, the linker has only the static ones to take. libpq stays the system's shared one:
# --static would ask for all the libraries that a static libpq needs.
check_static() {
  rm "$prefix"/lib/*.so*
  build "$work/static" pqlease
  ! uses_shared_library "$work/static" || fail "ldd $work/static shows a shared libpqlease"
  run_consumer "$work/static"
}

install_library
check_exports
check_shared
check_static
