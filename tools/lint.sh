# shellcheck shell=bash
# Sourced by ./dev: the checks that read the code instead of running it. Each one counts as passed or failed.

readonly lint_build=build-lint
lint_passed=0
lint_failed=0

# check NAME COMMAND...: runs the command and shows what it printed only when it fails.
check() {
  local name=$1 start=$SECONDS output
  shift
  printf '%-56s ' "$name"
  if output=$("$@" 2>&1); then
    lint_passed=$((lint_passed + 1))
    echo "ok, $((SECONDS - start)) s"
  else
    lint_failed=$((lint_failed + 1))
    printf 'FAILED\n%s\n' "$output"
  fi
}

cxx_files() { find include lib tests docs -name "$1" | sort; }

code_is_formatted() {
  local files
  mapfile -t files < <(cxx_files '*.[ch]pp')
  clang-format-19 --dry-run --Werror "${files[@]}" && return
  echo "to put it right: clang-format-19 -i FILE..."
  return 1
}

scripts_are_clean() {
  local files
  mapfile -t files < <(find tests -name '*.sh' | sort)
  shellcheck --external-sources --check-sourced dev .ci/run "${files[@]}"
}

# absent PATTERN [GREP_OPTION...] FOLDER...: nothing beneath the folders matches.
absent() {
  local status=0
  grep -rnE --include='*.[ch]pp' --include='*.[ch]pp.in' -e "$@" || status=$?
  ((status == 1)) # 0 is a match, 2 is a folder that is not there
}

# Clang checks the annotations of what a mutex guards while it builds everything.
locks_are_held() {
  CC=clang-19 CXX=clang++-19 BUILD_DIR=$lint_build \
    MESON_ARGS='-Dwerror=true -Db_pch=false -Doptimization=0 -Dunity=subprojects -Dunity_size=8 -Dcpp_args=-Wthread-safety' \
    ./dev build
}

headers_stand_alone() {
  meson test -C "$lint_build" --no-rebuild --print-errorlogs --suite pqlease:headers
}

# clang-tidy spends most of its time in the headers of others, so the library's sources are read eight at a time, as Meson
# joins them for a unity build. Each is a file that includes others, and those count as headers: HeaderFilterRegex has them.
readonly tidy_build=build-tidy

configure_tidy() {
  [[ -f $tidy_build/build.ninja ]] || CC=clang-19 CXX=clang++-19 meson setup "$tidy_build" \
    -Db_pch=false -Dunity=on -Dunity_size=8 -Dtests=disabled -Ddocs=disabled -Dbenchmarks=disabled
}

# tidy FOLDER OPTION...: the files that are named on the standard input, with the commands of that build folder.
tidy() {
  xargs --max-procs="$(nproc)" --max-args=1 clang-tidy-19 -p "$1" --quiet --warnings-as-errors='*' "${@:2}"
}

library_is_tidy() {
  configure_tidy
  find "$tidy_build/lib" -name '*-unity*.cpp' | sort | tidy "$tidy_build" --checks=-bugprone-suspicious-include
}

examples_are_tidy() { find docs -name '*.cpp' | sort | tidy "$lint_build"; }

run_lint() {
  check 'the scripts pass shellcheck' scripts_are_clean
  check 'the code is formatted' code_is_formatted
  check 'only lib/session/ includes libpq' absent 'include.*libpq-fe\.h' --exclude-dir=session include lib docs
  check 'no public header includes libpq or all of spdlog' absent 'include.*(libpq-fe|spdlog/spdlog)\.h' include
  check 'nothing sleeps but stress tests' absent '\b(sleep_for|sleep_until|usleep|nanosleep)\b' lib tests/unit tests/integration
  check 'Clang builds it, every lock held where it must be' locks_are_held
  check 'every public header compiles alone' headers_stand_alone
  check 'clang-tidy has no remark about the library' library_is_tidy
  check 'clang-tidy has no remark about the examples' examples_are_tidy
  echo "$lint_passed passed, $lint_failed failed"
  ((lint_failed == 0))
}
