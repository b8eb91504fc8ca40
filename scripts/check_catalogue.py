#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Checks that docs/security.md has a row for each attack of the catalogue and names real tests."""

import re
import sys
from pathlib import Path

import tree

PAGE = Path("docs/security.md")
# How many attacks each group has, and which of them do not block a release.
GROUPS = {"A": 17, "B": 21, "C": 8, "D": 9, "E": 10, "F": 13, "G": 10, "H": 18, "I": 14, "J": 16,
          "K": 12, "L": 9, "M": 7, "N": 18}  # fmt: skip
NO_BLOCKERS = set(
    "A11 A12 A13 A14 A15 A17 B13 B17 B21 C07 C08 D09 E09 E10 F08 F10 F11 F12 G10 H11 H15 H18 I06 "
    "I10 I13 I14 J13 J15 J16 K09 K10 K11 K12 L06 L08 L09 M06 M07 N15 N16 N17 N18".split()
)
ROW = re.compile(r"^\| ([A-Z]\d\d)( !)? \| (.*) \| (.*) \| (.*) \|$", re.MULTILINE)
TEST = re.compile(r"`([\w./-]+\.(?:c|py))::(\w+)`")
REASONS = ("not applicable: ", "not defended: ", "to come: ")


def wanted():
    return [f"{group}{n:02}" for group, count in GROUPS.items() for n in range(1, count + 1)]


def is_test(path, name):
    """Whether a file has that case, and runs it."""
    if not (tree.ROOT / path).is_file():
        return False
    text = tree.read(path)
    if path.endswith(".py"):
        return re.search(rf"^def {name}\(", text, re.MULTILINE) is not None
    is_defined = re.search(rf"^static void {name}\(void \*\*", text, re.MULTILINE)
    return is_defined is not None and re.search(rf"(?:cmocka_unit_test\w*|TEST)\(\s*{name}\b", text)


def check_rows(text):
    problems = []
    seen = []
    for identifier, mark, attack, _, shown in ROW.findall(text):
        seen.append(identifier)
        if bool(mark) == (identifier in NO_BLOCKERS):
            problems.append(f'{PAGE}: {identifier}: "!" is {"there" if mark else "missing"}')
        if not attack.strip():
            problems.append(f"{PAGE}: {identifier}: does not say what the attack is")
        if not TEST.search(shown) and not shown.startswith(REASONS):
            problems.append(f"{PAGE}: {identifier}: neither a test nor a reason")
    problems += [f"{PAGE}: no row for {i}" for i in wanted() if i not in seen]
    problems += [f"{PAGE}: two rows for {i}" for i in sorted({i for i in seen if seen.count(i) > 1})]
    problems += [f"{PAGE}: unknown attack {i}" for i in sorted(set(seen) - set(wanted()))]
    return problems


def check_tests(text):
    tests = sorted(set(TEST.findall(text)))
    return [f"{PAGE}: no test {path}::{name}" for path, name in tests if not is_test(path, name)]


def main():
    text = tree.read(PAGE)
    n_tests = len(set(TEST.findall(text)))
    problems = check_rows(text) + check_tests(text)
    return tree.report("catalogue", problems, f"{len(wanted())} attacks and {n_tests} tests")


if __name__ == "__main__":
    sys.exit(main())
