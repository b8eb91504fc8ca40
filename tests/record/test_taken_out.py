# SPDX-License-Identifier: Apache-2.0
"""How ./dev taken-out reads its list of edits and judges; trying them all takes a while."""

import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

SOURCE = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(SOURCE / "scripts"))

# pylint: disable=wrong-import-position
import check_hyperlight  # noqa: E402
import mutants  # noqa: E402
import removals  # noqa: E402
import taken_out  # noqa: E402
import tree  # noqa: E402

ROWS = check_hyperlight.rows_with_tests(tree.read(check_hyperlight.PAGE))
TEST = "host/base/checked_test.c::test_range_ok_rejects_wrap"
GOOD = f"""["X1"]
test = "{TEST}"
file = "host/base/checked.h"
old = "len <= limit - start"
new = "true"
"""


def problems(text, rows=None):
    rows = rows or {"X1": [tuple(TEST.split("::"))]}
    return removals.read_entries(text, rows)[1]


def test_every_row_with_a_test_has_an_edit():
    entries, found = removals.read_entries(tree.read(removals.EDITS), ROWS)
    assert found == []
    assert list(entries) == [row for row in ROWS if row in entries] and len(entries) == len(ROWS)


@pytest.mark.parametrize(
    "old, new, found",
    [
        ("len <= limit", "len << limit", "not there exactly once: len << limit"),
        ("len <= limit - start", "uint64_t", "not there exactly once: uint64_t"),
        ('new = "true"', 'new = "len <= limit - start"', "not there exactly once"),
        ("host/base/checked.h", "host/base/chequed.h", "no file host/base/chequed.h"),
        ("rejects_wrap", "at_its_edges", "does not name"),
        ("X1", "X2", "does not name"),
        ("::", " ", "names no test"),
        ("old =", "odd =", "a key is unknown"),
        ('new = "true"', "", "file, old or new is missing"),
        ('new = "true"', 'new = "true"\nalso = [{ file = "README.md" }]', "a key is unknown"),
    ],
)
def test_what_is_wrong_with_an_entry_is_found(old, new, found):
    assert problems(GOOD) == []
    assert GOOD.count(old) == 1 or old == "::"
    assert found in "\n".join(problems(GOOD.replace(old, new)))


def test_a_row_without_an_edit_is_found():
    assert problems("") == [f"{removals.EDITS}: nothing takes out what X1 stands for"]


def test_an_edit_for_two_rows_wants_one_test():
    tests = [tuple(TEST.split("::")), ("host/base/checked_test.c", "test_range_ok_at_its_edges")]
    twice = GOOD + GOOD.replace("X1", "X2")
    rows = {"X1": tests, "X2": tests}
    assert problems(twice, rows) == []
    other = GOOD + GOOD.replace("X1", "X2").replace("rejects_wrap", "at_its_edges")
    assert problems(other, rows) == [f"{removals.EDITS}: X1 and X2 have one edit and two tests"]


class Bench(taken_out.Workshop):
    """Where no compiler runs: a test is what a function makes of the file's text."""

    def __init__(self, folder, judge):
        super().__init__(folder)
        self.judge_of = judge
        path = self.source / "host/base/checked.h"
        path.parent.mkdir(parents=True)
        path.write_text(tree.read("host/base/checked.h"), encoding="utf-8")
        self.path = path

    def build_for(self, entry):
        if "does not build" in self.path.read_text(encoding="utf-8"):
            raise mutants.NoVerdict("does not build")

    def outcome(self, entry):
        return self.judge_of("len <= limit - start" in self.path.read_text(encoding="utf-8")), ""


def entry_of(text=GOOD):
    return removals.read_entries(text, {"X1": [tuple(TEST.split("::"))]})[0]["X1"]


@pytest.mark.parametrize(
    "judge, verdict",
    [
        (lambda is_whole: "passed" if is_whole else "failed", "passed"),
        (lambda is_whole: "passed", "failed"),
        (lambda is_whole: "failed", "failed"),
        (lambda is_whole: "skipped", "skipped"),
        (lambda is_whole: "passed" if is_whole else "skipped", "failed"),
    ],
)
def test_a_test_must_pass_with_the_behaviour_and_fail_without(judge, verdict, tmp_path):
    bench = Bench(tmp_path, judge)
    assert bench.verdict(entry_of())[0] == verdict
    assert bench.path.read_text(encoding="utf-8") == tree.read("host/base/checked.h")


def test_what_does_not_build_proves_nothing(tmp_path):
    bench = Bench(tmp_path, lambda is_whole: "passed" if is_whole else "failed")
    verdict = bench.verdict(entry_of(GOOD.replace('"true"', '"does not build"')))
    assert verdict == ("failed", "no verdict: does not build")
    assert bench.path.read_text(encoding="utf-8") == tree.read("host/base/checked.h")


@pytest.mark.parametrize(
    "script, outcome",
    [
        ("echo 1..1; echo ok 1 - test_x", "passed"),
        ("echo 1..1; echo not ok 1 - test_x; exit 1", "failed"),
        ("kill -SEGV $$", "failed"),
        ("echo ok 1 '#' SKIP test_x", "skipped"),
    ],
)
def test_a_program_is_judged_by_its_case(script, outcome, tmp_path):
    bench = taken_out.Workshop(tmp_path)
    assert bench.judge(["sh", "-c", script], {"PATH": "/usr/bin:/bin"})[0] == outcome


def test_a_program_without_the_case_proves_nothing(tmp_path):
    with pytest.raises(mutants.NoVerdict):
        taken_out.Workshop(tmp_path).judge(["sh", "-c", "echo 1..0"], {"PATH": "/usr/bin:/bin"})


def test_the_seed_chooses():
    entries = {str(n): SimpleNamespace(row=str(n)) for n in range(100)}
    chosen = taken_out.choose(entries, [], 6, "a")
    assert len(chosen) == 6 and chosen == taken_out.choose(entries, [], 6, "a")
    assert chosen != taken_out.choose(entries, [], 6, "b")
    assert taken_out.choose(entries, ["7"], None, "") == [entries["7"]]
    with pytest.raises(SystemExit):
        taken_out.choose(entries, ["X9"], None, "")
