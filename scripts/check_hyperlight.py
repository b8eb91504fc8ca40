#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Checks that docs/hyperlight.md has a row for everything that Hyperlight 0.1 could, did or got wrong,
and that each row names a test that is there - with --ran, one that ran and passed - or a reason; and
that for each row with a test there is an edit that takes out what it stands for. With --ran also that the
tests ran which other pages name: one that no program is made of is in its file all the same."""

import argparse
import re
import sys
from collections import Counter
from pathlib import Path

import check_catalogue
import removals
import tree

PAGE = Path("docs/hyperlight.md")
RESULTS = Path("logs/results.tsv")
OTHER_PAGES = [check_catalogue.PAGE, Path("docs/testing.md")]
# Subsections of each section of the record that describes what there was.
SUBSECTIONS = {1: 9, 2: 5, 3: 5, 4: 6, 5: 8, 6: 9, 7: 9, 8: 2, 9: 4}
COUNTS = {"D": 32, "N": 27, "B": 19}
ROWS = 136
MAX_ROWS_OF_A_TEST = 3
MAX_NOTHING_TO_KEEP = 12
ROW = re.compile(r"^\| ([A-Z][\d.]+) \| (.*) \| (.*) \| (.*) \|$", re.MULTILINE)
REASON = re.compile(r"^(not here|nothing to keep): \S.*$")
# What the linker is given for a test program, in ninja's words.
LINK = re.compile(r"^build tests/(\w+): \S+((?: \S+\.o)+)", re.MULTILINE)


def wanted():
    capabilities = [f"C{s}.{n}" for s, count in SUBSECTIONS.items() for n in range(1, count + 1)]
    others = [f"{letter}{n:02}" for letter, count in COUNTS.items() for n in range(1, count + 1)]
    return [*capabilities, "C10", *others]


def rows_with_tests(text):
    """Row -> the tests that it names, of the rows that name any."""
    rows = {row[0]: check_catalogue.TEST.findall(row[3]) for row in ROW.findall(text)}
    return {row: tests for row, tests in rows.items() if tests}


def check_edits(text):
    """For each of them there is an edit that takes out what it stands for (scripts/taken_out.py)."""
    return removals.read_entries(tree.read(removals.EDITS), rows_with_tests(text))[1]


def check_rows(text):
    problems = []
    seen = []
    for identifier, then, now, shown in ROW.findall(text):
        seen.append(identifier)
        if not then.strip() or not now.strip():
            problems.append(f"{PAGE}: {identifier}: a cell is empty")
        if not check_catalogue.TEST.search(shown) and not REASON.match(shown):
            problems.append(f"{PAGE}: {identifier}: neither a test nor a reason")
        elif check_catalogue.TEST.search(shown) and REASON.match(shown):
            problems.append(f"{PAGE}: {identifier}: a test and a reason")
    problems += [f"{PAGE}: no row for {i}" for i in wanted() if i not in seen]
    problems += [f"{PAGE}: two rows for {i}" for i, n in Counter(seen).items() if n > 1]
    problems += [f"{PAGE}: unknown row {i}" for i in sorted(set(seen) - set(wanted()))]
    return problems


def check_shares(text):
    """No test stands for everything, and what is left out is counted."""
    problems = []
    rows_of_test = Counter()
    n_left_out = 0
    for _, _, _, shown in ROW.findall(text):
        rows_of_test.update(set(check_catalogue.TEST.findall(shown)))
        n_left_out += shown.startswith("nothing to keep: ")
    for (path, name), n_rows in sorted(rows_of_test.items()):
        if n_rows > MAX_ROWS_OF_A_TEST:
            problems.append(f"{PAGE}: {path}::{name} serves {n_rows} rows")
    if n_left_out > MAX_NOTHING_TO_KEEP:
        problems.append(f"{PAGE}: {n_left_out} rows with nothing to keep")
    return problems


def tests_of(text):
    return sorted({test for row in ROW.findall(text) for test in check_catalogue.TEST.findall(row[3])})


def check_tests(text):
    return [
        f"{PAGE}: no test {path}::{name}"
        for path, name in tests_of(text)
        if not check_catalogue.is_test(path, name)
    ]


def programs_of_sources(ninja):
    """Which test programs each source file is linked into."""
    programs = {}
    for program, objects in LINK.findall(ninja):
        for path in objects.split():
            source = re.sub(r"CMakeFiles/\w+\.dir/", "", path).removesuffix(".o")
            programs.setdefault(source, set()).add(program)
    return programs


def read_results(text):
    """(program or suite, case) -> outcomes, of every lane and driver."""
    outcomes = {}
    for line in text.splitlines():
        name, case, outcome = line.split("\t")
        outcomes.setdefault((name.rpartition(":")[2], case), []).append(outcome)
    return outcomes


def cases_of(path, name, programs, outcomes):
    if path.endswith(".py"):
        suite = "/".join(Path(path).parts[:2])
        label = path.removesuffix(".py").replace("/", ".") + f".{name}"
        return [
            outcome
            for (program, case), found in outcomes.items()
            if program == suite and case.partition("[")[0] == label
            for outcome in found
        ]
    return [o for program in programs.get(path, ()) for o in outcomes.get((program, name), ())]


def check_ran(text, ninja, results):
    """Each test passed somewhere, and failed nowhere."""
    problems = []
    programs, outcomes = programs_of_sources(ninja), read_results(results)
    for path, name in tests_of(text):
        found = cases_of(path, name, programs, outcomes)
        if "passed" not in found or "failed" in found:
            what = ", ".join(sorted(set(found))) or "did not run"
            problems.append(f"{PAGE}: {path}::{name}: {what}")
    return problems


def check_others_ran(page, text, ninja, results):
    """Each test that a page names ran; whether it may have been skipped is for others to say."""
    programs, outcomes = programs_of_sources(ninja), read_results(results)
    tests = sorted(set(check_catalogue.TEST.findall(text)))
    return [
        f"{page}: {path}::{name}: did not run"
        for path, name in tests
        if not cases_of(path, name, programs, outcomes)
    ]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", type=Path, default=Path("build"))
    parser.add_argument("--ran", action="store_true", help="look into the last run's results, too")
    arguments = parser.parse_args()
    text = tree.read(PAGE)
    problems = check_rows(text) + check_shares(text) + check_tests(text) + check_edits(text)
    assert len(wanted()) == ROWS
    checked = f"{ROWS} rows and {len(tests_of(text))} tests"
    if not arguments.ran:
        return tree.report("hyperlight", problems, checked)
    build = tree.ROOT / arguments.build
    if not (build / RESULTS).is_file():
        sys.exit(f"check_hyperlight: no {build / RESULTS}: run `./dev test` first")
    ninja, results = tree.read(build / "build.ninja"), tree.read(build / RESULTS)
    problems += check_ran(text, ninja, results)
    for page in OTHER_PAGES:
        problems += check_others_ran(page, tree.read(page), ninja, results)
    status = tree.report("hyperlight", problems, checked)
    print(f"{max(0, ROWS - len(problems))} passed, {len(problems)} failed, 0 skipped")
    return status


if __name__ == "__main__":
    sys.exit(main())
