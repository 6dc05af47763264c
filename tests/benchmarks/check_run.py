#!/usr/bin/env python3
"""Runs the benchmarks as briefly as can be: they come to an end, and what they write can be read. No figure is judged.

usage: check_run.py THROWAWAY_SERVER RATIOS MICROBENCHMARKS
"""

import json
import pathlib
import subprocess
import sys
import tempfile

LIMITED_ROWS = 13  # as many as the limits that docs/benchmarks.md lists
SKIPPED = 77


def run(*command):
    status = subprocess.run(command, check=False).returncode
    if status == SKIPPED:
        sys.exit(SKIPPED)
    if status != 0:
        sys.exit(f"{command[-1]}: status {status}")


def check_ratios(report):
    rows = report["rows"]
    for row in rows:
        spread = row["figure"]
        assert spread["smallest"] <= spread["median"] <= spread["largest"], row
        assert len(row["rounds"]) in (1, 2), row
    limited = [row for row in rows if "limit" in row]
    assert len(limited) == LIMITED_ROWS, [row["name"] for row in limited]
    assert report["holds"] == all(row["holds"] for row in limited), report["holds"]


def check_micro(report):
    names = {entry["name"] for entry in report["benchmarks"]}
    assert {"empty_lease", "try_lease", "with_lease", "status", "statistics"} <= names, names
    for entry in report["benchmarks"]:
        assert not entry.get("error_occurred"), entry


def main(server, ratios, micro):
    with tempfile.TemporaryDirectory(prefix="pqlease-bench.") as folder:
        ratios_json = pathlib.Path(folder) / "new folder" / "ratios.json"
        micro_json = pathlib.Path(folder) / "micro.json"
        run(server, "--", ratios, "--quick", f"--json={ratios_json}")
        run(server, "--", micro, "--benchmark_min_time=0.001", f"--benchmark_out={micro_json}")
        check_ratios(json.loads(ratios_json.read_text(encoding="utf-8")))
        check_micro(json.loads(micro_json.read_text(encoding="utf-8")))


if __name__ == "__main__":
    main(*sys.argv[1:])
