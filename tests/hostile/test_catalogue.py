# SPDX-License-Identifier: Apache-2.0
"""The check of the table in docs/security.md finds what is wrong with one."""

import sys
from pathlib import Path

import pytest

SOURCE = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(SOURCE / "scripts"))

# pylint: disable=wrong-import-position
import check_catalogue  # noqa: E402
import tree  # noqa: E402

PAGE = tree.read(check_catalogue.PAGE)


def row(identifier):
    """The line of the page that begins with this attack."""
    return next(line for line in PAGE.splitlines(True) if line.startswith(f"| {identifier} "))


def test_page_has_every_attack_and_real_tests():
    assert check_catalogue.check_rows(PAGE) == []
    assert check_catalogue.check_tests(PAGE) == []


CHANGES = {
    "no row for B07": lambda: PAGE.replace(row("B07"), ""),
    "two rows for B07": lambda: PAGE.replace(row("B07"), row("B07") * 2),
    "unknown attack B99": lambda: PAGE + row("B07").replace("B07", "B99"),
    'A01: "!" is missing': lambda: PAGE.replace("| A01 ! |", "| A01 |"),
    'A11: "!" is there': lambda: PAGE.replace("| A11 |", "| A11 ! |"),
    "B13: neither a test nor a reason": lambda: PAGE.replace(row("B13"), "| B13 | a | - | - |\n"),
    "B13: does not say what": lambda: PAGE.replace(row("B13"), "| B13 |  | - | to come: it |\n"),
}


@pytest.mark.parametrize("found", CHANGES)
def test_wrong_rows_are_found(found):
    problems = check_catalogue.check_rows(CHANGES[found]())
    assert len(problems) == 1 and found in problems[0]


@pytest.mark.parametrize(
    "name",
    [
        "tests/hostile/nowhere_test.c::test_one",
        "tests/hostile/memory_test.c::test_that_is_not_there",
        "tests/hostile/memory_test.c::child_reads_the_same",
        "tests/hostile/test_catalogue.py::test_that_is_not_there",
    ],
)
def test_tests_that_are_not_there_are_found(name):
    assert check_catalogue.check_tests(f"`{name}`") == [f"docs/security.md: no test {name}"]
