# shellcheck shell=bash
# Sourced by the consumer tests: SCRIPT SOURCE_ROOT. Each works in a folder of its own, which goes when it ends.
set -euo pipefail

readonly source_root=$1
# shellcheck disable=SC2034 # used by the scripts that source this
readonly project=$source_root/tests/consumer/project
work=$(mktemp -d "${TMPDIR:-/tmp}/pqlease-consumer.XXXXXX")
readonly work
trap 'rm -rf "$work"' EXIT

# Several files are compiled at once, since what is built here is built only once.
# shellcheck disable=SC2034 # used by the scripts that source this
readonly joined=(-Dunity=on -Dunity_size=8)

step() { echo "== $*"; }

fail() {
  echo "FAILED: $*" >&2
  exit 1
}

# expect_line TEXT LINES: one of the lines is the text.
expect_line() { grep -qxF -e "$1" <<<"$2" || fail "expected the line '$1', but got:"$'\n'"$2"; }

# Runs the consumer; it asks a server only when one is named.
run_consumer() {
  local output
  step "runs $1"
  output=$("$1") || fail "$1 ended with status $?"
  expect_line '<ManagedConnection: postgres:///postgres (closed)>' "$output"
  [[ -z ${PGHOST:-} ]] || expect_line 'SELECT 1: 1' "$output"
}
