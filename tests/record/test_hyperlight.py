# SPDX-License-Identifier: Apache-2.0
"""The check of docs/hyperlight.md finds what is wrong with the page, and with a run of the tests."""

import sys
from pathlib import Path

import pytest

SOURCE = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(SOURCE / "scripts"))

# pylint: disable=wrong-import-position
import check_catalogue  # noqa: E402
import check_hyperlight  # noqa: E402
import tree  # noqa: E402

PAGE = tree.read(check_hyperlight.PAGE)
A_TEST = "`tests/record/test_hyperlight.py::test_page_has_every_row_and_real_tests`"


def row(identifier):
    """The line of the page that begins with this name."""
    return next(line for line in PAGE.splitlines(True) if line.startswith(f"| {identifier} "))


def test_page_has_every_row_and_real_tests():
    assert len(check_hyperlight.wanted()) == check_hyperlight.ROWS == 136
    assert len(check_hyperlight.ROW.findall(PAGE)) == 136
    assert check_hyperlight.check_rows(PAGE) == []
    assert check_hyperlight.check_shares(PAGE) == []
    assert check_hyperlight.check_tests(PAGE) == []


CHANGES = {
    "no row for C4.3": lambda: PAGE.replace(row("C4.3"), ""),
    "two rows for D14": lambda: PAGE + row("D14"),
    "unknown row N28": lambda: PAGE + row("N01").replace("N01", "N28"),
    "B03: a cell is empty": lambda: PAGE.replace(row("B03"), f"| B03 | a |  | {A_TEST} |\n"),
    "B03: neither a test nor": lambda: PAGE.replace(row("B03"), "| B03 | a | b | kept |\n"),
    "B03: a test and a reason": lambda: PAGE.replace(
        row("B03"), f"| B03 | a | b | not here: {A_TEST} |\n"
    ),
}


@pytest.mark.parametrize("found", CHANGES)
def test_wrong_rows_are_found(found):
    problems = check_hyperlight.check_rows(CHANGES[found]())
    assert len(problems) == 1 and found in problems[0]


def test_a_test_for_too_many_rows_is_found():
    rows = [f"| X{n} | a | b | {A_TEST} |\n" for n in range(4)]
    assert check_hyperlight.check_shares("".join(rows[:3])) == []
    assert "serves 4 rows" in check_hyperlight.check_shares("".join(rows))[0]


def test_too_much_with_nothing_to_keep_is_found():
    rows = [f"| X{n} | a | - | nothing to keep: a remark |\n" for n in range(13)]
    assert check_hyperlight.check_shares("".join(rows[:12])) == []
    assert "13 rows" in check_hyperlight.check_shares("".join(rows))[0]


def test_tests_that_are_not_there_are_found():
    text = "| X1 | a | b | `tests/record/script_test.c::test_no_such` |\n"
    assert check_hyperlight.check_tests(text) == [
        "docs/hyperlight.md: no test tests/record/script_test.c::test_no_such"
    ]


def test_tests_that_the_readme_names_are_there():
    text = tree.read(Path("tests/record/README.md"))
    names = [
        (path if "/" in path else f"tests/record/{path}", name)
        for path, name in check_catalogue.TEST.findall(text)
    ]
    assert len(names) > 60
    assert [n for n in names if not check_catalogue.is_test(*n)] == []


NINJA = (
    "build tests/one_test: C_LINK a/CMakeFiles/one_test.dir/x_test.c.o b/CMakeFiles/m.dir/y.c.o | z\n"
)


@pytest.mark.parametrize(
    "results, found",
    [
        ("one_test\ttest_x\tpassed\nprocess:one_test\ttest_x\tskipped\n", None),
        ("asan:process:one_test\ttest_x\tpassed\n", None),
        ("one_test\ttest_x\tskipped\n", "skipped"),
        ("one_test\ttest_x\tpassed\ntsan:one_test\ttest_x\tfailed\n", "failed, passed"),
        ("other_test\ttest_x\tpassed\n", "did not run"),
        ("one_test\ttest_xy\tpassed\n", "did not run"),
    ],
)
def test_whether_a_test_ran(results, found):
    text = "| X1 | a | b | `a/x_test.c::test_x` |\n"
    problems = check_hyperlight.check_ran(text, NINJA, results)
    assert problems == ([f"docs/hyperlight.md: a/x_test.c::test_x: {found}"] if found else [])


@pytest.mark.parametrize(
    "results, is_found",
    [("one_test\ttest_x\tskipped\n", False), ("one_test\ttest_y\tpassed\n", True), ("", True)],
)
def test_a_test_of_another_page_that_did_not_run_is_found(results, is_found):
    problems = check_hyperlight.check_others_ran("a.md", "`a/x_test.c::test_x`", NINJA, results)
    assert problems == (["a.md: a/x_test.c::test_x: did not run"] if is_found else [])


def test_whether_a_python_test_ran():
    text = "| X1 | a | b | `tests/cli/test_a.py::test_x` |\n"
    results = "tests/cli\ttests.cli.test_a.test_x[2]\tpassed\n"
    assert check_hyperlight.check_ran(text, NINJA, results) == []
    assert len(check_hyperlight.check_ran(text, NINJA, results.replace("test_x", "test_y"))) == 1
