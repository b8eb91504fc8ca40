# SPDX-License-Identifier: Apache-2.0
"""fuzz/run_fuzz.py counts, holds targets to their floors and keeps what they find; fake targets."""

import subprocess
import tarfile
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "fuzz" / "run_fuzz.py"

TARGET = """#!/bin/sh
for word; do
    case $word in
    -merge=1) merges=1 ;;
    -max_total_time=*) echo "$word" ;;
    -*) ;;
    *) [ -n "$folder" ] || folder=$word; last=$word ;;
    esac
done
if [ -n "$merges" ]; then
    cp "$last"/* "$folder"
    exit 0
fi
echo "#2 INITED cov: 10 ft: 12"
printf found >"$folder/input"
echo "$@"
echo "#9 DONE   cov: {edges} ft: 99"
echo "stat::number_of_executed_units: {runs}"
exit {status}
"""


@pytest.fixture
def fuzz(tmp_path):
    """Runs the script over fake targets: {name: (edges, runs, status)}."""
    targets = tmp_path / "build" / "targets"
    targets.mkdir(parents=True)

    def run(fakes, floors, *words):
        for name, (edges, runs, status) in fakes.items():
            path = targets / f"fuzz_{name}"
            path.write_text(TARGET.format(edges=edges, runs=runs, status=status))
            path.chmod(0o755)
        (tmp_path / "floors.txt").write_text("# a head\n" + floors)
        command = ["/usr/bin/python3", SCRIPT, "--build", tmp_path / "build"]
        command += ["--corpus", tmp_path / "corpus", "--floors", tmp_path / "floors.txt", *words]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    run.folder = tmp_path
    return run


def last_line(done):
    return done.stdout.splitlines()[-1]


def test_a_target_at_its_floor_passes(fuzz):
    done = fuzz({"a": (100, 5000, 0)}, "a 100\n")
    assert done.returncode == 0
    assert last_line(done) == "1 passed, 0 failed, 0 skipped"
    assert "5000 executions" in done.stdout
    assert "100 edges (floor 100)" in done.stdout


def test_a_target_below_its_floor_fails(fuzz):
    done = fuzz({"a": (99, 5000, 0), "b": (7, 1, 0)}, "a 100\nb 7\n")
    assert done.returncode == 1
    assert last_line(done) == "1 passed, 1 failed, 0 skipped"
    assert "reached 99 edges; the floor is 100" in done.stdout


def test_a_finding_fails_and_shows_the_end_of_the_log(fuzz):
    done = fuzz({"a": (500, 5000, 77)}, "a 100\n")
    assert done.returncode == 1
    assert "ended with status 77" in done.stdout
    assert "cov: 500" in done.stdout


def test_a_target_without_a_floor_fails_until_one_is_recorded(fuzz):
    assert fuzz({"a": (200, 1, 0)}, "").returncode == 1
    fuzz({"a": (200, 1, 0)}, "", "--record")
    assert (fuzz.folder / "floors.txt").read_text() == "# a head\n\na 190\n"


def test_a_target_that_ran_nothing_fails(fuzz):
    assert fuzz({"a": (200, 0, 0)}, "a 1\n").returncode == 1


def test_a_target_that_is_gone_fails(fuzz):
    done = fuzz({"a": (200, 1, 0)}, "a 1\nb 1\n")
    assert done.returncode == 1
    assert last_line(done) == "1 passed, 1 failed, 0 skipped"
    assert "b: has a floor and no program" in done.stdout
    assert fuzz({"a": (200, 1, 0)}, "a 1\nb 1\n", "a").returncode == 0


def test_no_targets_at_all_fail(fuzz):
    assert fuzz({}, "").returncode == 1


def test_target_and_seconds_can_be_named(fuzz):
    done = fuzz({"a": (1, 1, 0), "b": (1, 1, 0)}, "a 1\nb 1\n", "b", "7")
    assert last_line(done) == "1 passed, 0 failed, 0 skipped"
    assert "-max_total_time=7" in (fuzz.folder / "build" / "logs" / "b.log").read_text()
    assert not (fuzz.folder / "build" / "logs" / "a.log").exists()


def test_an_unknown_target_is_named(fuzz):
    done = fuzz({"a": (1, 1, 0)}, "a 1\n", "c")
    assert done.returncode != 0
    assert "no target c; there are a" in done.stderr


def test_what_is_found_can_be_kept_and_seeds_the_next_run(fuzz):
    fuzz({"a": (1, 1, 0)}, "a 1\n", "--keep")
    with tarfile.open(fuzz.folder / "corpus" / "a.tar.xz") as archive:
        assert archive.extractfile("000").read() == b"found"
    fuzz({"a": (1, 1, 0)}, "a 1\n")
    log = (fuzz.folder / "build" / "logs" / "a.log").read_text()
    assert str(fuzz.folder / "build" / "kept" / "a") in log
