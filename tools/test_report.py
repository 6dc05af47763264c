#!/usr/bin/env python3
"""Counts what one `meson test` run did, and looks for a leaked secret in what it logged.

usage: test_report.py LOG_FOLDER SECRET

A doctest program counts by its test cases, any other test as one, and the search for SECRET as one more. Prints a line
for each suite and for each thing that went wrong; the last line reads `N passed, N failed, N skipped`. Exit status 1
when anything failed.
"""

from __future__ import annotations

import json
import re
import sys
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

DOCTEST_SUMMARY = re.compile(r'^\[doctest\] test cases: +(\d+) \| +(\d+) passed \| +(\d+) failed', re.MULTILINE)


@dataclass
class Count:
    passed: int = 0
    failed: int = 0
    skipped: int = 0

    def add(self, other: Count) -> None:
        self.passed += other.passed
        self.failed += other.failed
        self.skipped += other.skipped

    def __str__(self) -> str:
        return f'{self.passed} passed, {self.failed} failed, {self.skipped} skipped'


def suite_of(test: dict) -> str:
    """The suite of a test that Meson calls `project:suite+suite / name`, or `project / name` when it has none."""
    suites = test['name'].split(' / ')[0].partition(':')[2]
    return suites or 'no suite'


def count(test: dict) -> Count:
    if test['result'] == 'SKIP':
        return Count(skipped=1)
    ok = test['result'] in ('OK', 'EXPECTEDFAIL')
    summaries = DOCTEST_SUMMARY.findall(test['stdout'])
    if not summaries:
        return Count(passed=1) if ok else Count(failed=1)
    cases, passed, failed = map(int, summaries[-1])
    # A program can fail with every case passed (a sanitizer's report at exit), and a mistyped filter runs none.
    ok = ok and cases > 0
    return Count(passed=passed, failed=failed if ok else max(failed, 1))


def explain(test: dict, what: Count) -> None:
    if what.skipped:
        print(f"SKIPPED: {test['name']}")
    if what.failed:
        reason = 'ran no test case' if test['result'] == 'OK' else test['result'].lower()
        print(f"FAILED: {test['name']} ({reason})")


def look_for_secret(folder: Path, secret: str) -> Count:
    leaks = [file for file in sorted(folder.iterdir()) if file.is_file() and secret.encode() in file.read_bytes()]
    for file in leaks:
        print(f'FAILED: the tests\' password stands in {file}: something printed it unmasked')
    return Count(failed=1) if leaks else Count(passed=1)


def main(folder: Path, secret: str) -> int:
    suites: dict[str, Count] = defaultdict(Count)
    for line in (folder / 'testlog.json').read_text(encoding='utf-8').splitlines():
        test = json.loads(line)
        what = count(test)
        explain(test, what)
        suites[suite_of(test)].add(what)
    suites['no secret in the logs'].add(look_for_secret(folder, secret))

    total = Count()
    width = max(map(len, suites))
    for suite, what in suites.items():
        print(f'{suite:{width}}  {what}')
        total.add(what)
    print(total)
    return 1 if total.failed else 0


if __name__ == '__main__':
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    sys.exit(main(Path(sys.argv[1]), sys.argv[2]))
