# shellcheck shell=bash
# Sourced by ./dev: Debian's packages, installed when missing and only then.

packages_of() {
  case $1 in
    base) echo g++ meson ninja-build pkgconf libpq-dev libspdlog-dev doctest-dev postgresql openssl pgbouncer ;;
    bench) echo libbenchmark-dev nlohmann-json3-dev ;;
    clang) echo clang-19 libclang-rt-19-dev ;;
    lint) echo clang-format-19 clang-tidy-19 shellcheck ;;
    *) die "there is no set of packages called '$1'" "the sets are: base, bench, clang, lint" ;;
  esac
}

has_apt() { command -v apt-get >/dev/null && command -v dpkg-query >/dev/null; }

is_installed() {
  # Any release of the server will do, also one that came without the package that names Debian's default.
  if [[ $1 == postgresql ]] && compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null; then return 0; fi
  [[ $(dpkg-query -W -f '${db:Status-Status}\n' "$1" 2>/dev/null) == installed* ]]
}

may_become_root() {
  ((EUID == 0)) || { command -v sudo >/dev/null && { [[ -t 0 ]] || sudo -n true 2>/dev/null; }; }
}

as_root() {
  if ((EUID == 0)); then "$@"; else sudo "$@"; fi
}

apt_get() { as_root env DEBIAN_FRONTEND=noninteractive apt-get -q "$@"; }

apt_install() {
  apt_get install -y --no-install-recommends "$@" || return
  if [[ " $* " == *' pgbouncer '* ]]; then disable_pgbouncer; fi
}

# Debian starts a service once it is installed. The tests start a PgBouncer of their own; this one would serve nobody.
disable_pgbouncer() {
  if as_root update-rc.d pgbouncer disable && as_root invoke-rc.d pgbouncer stop; then return; fi
  say "setup: could not stop the pgbouncer service that its package starts; nothing here needs it"
}

has_package_lists() { compgen -G '/var/lib/apt/lists/*_Packages*' >/dev/null; }

install_packages() {
  setup_result=done
  if ! may_become_root; then
    die "missing: $*" "neither root nor sudo is at hand; run this as root, then ./dev again:" \
      "  apt-get update && apt-get install --no-install-recommends $*"
  fi
  say "setup: installs $*"
  if has_package_lists && apt_install "$@"; then return; fi
  say "setup: refreshes apt's package lists, then installs $*"
  apt_get update
  apt_install "$@" || die "apt-get could not install: $*" "its own words are above; put that right and run ./dev again"
}

require_programs() {
  local program missing=()
  for program in c++ meson ninja pkg-config pg_config; do
    command -v "$program" >/dev/null || missing+=("$program")
  done
  say "setup: no apt-get here; what Debian calls these is needed: $*"
  ((${#missing[@]} == 0)) || die "not found: ${missing[*]}" "install what provides them, then run ./dev again"
}

provide_packages() {
  if ! has_apt; then
    require_programs "$@"
    return
  fi
  local package missing=()
  for package in "$@"; do
    is_installed "$package" || missing+=("$package")
  done
  ((${#missing[@]} == 0)) || install_packages "${missing[@]}"
}
