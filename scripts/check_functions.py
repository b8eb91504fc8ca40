#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Checks that no C function is long. A test's function may be as long as what it tells."""

import re
import sys

import tree

LONGEST_LINES = 80
WARN_LINES = 50
NAME = re.compile(r"(\w+)\s*\(")


def functions(text):
    """Yields (name, first line, lines) of each function: Linux braces, so `{` stands alone."""
    lines = text.splitlines()
    start = None
    for number, line in enumerate(lines, 1):
        if line == "{":
            start = number
        elif line.startswith("}") and start is not None:
            yield name_before(lines, start), start, number - start - 1
            start = None


def name_before(lines, brace):
    """The name in the declaration that ends above line number brace."""
    first = brace - 1
    while first > 0 and lines[first - 1] and not lines[first - 1].startswith(("}", "/*", " */")):
        first -= 1
    match = NAME.search(" ".join(lines[first : brace - 1]))
    return match[1] if match else "?"


def main():
    problems, checked = [], 0
    for path in tree.files(".c", ".h"):
        for name, line, length in functions(tree.read(path)):
            checked += 1
            text = f"{path}:{line}: {name} has {length} lines"
            if length > LONGEST_LINES and not path.name.endswith("_test.c"):
                problems.append(f"{text}; the most is {LONGEST_LINES}")
            elif length > WARN_LINES:
                print(f"note: {text}")
    return tree.report("functions", problems, f"{checked} functions")


if __name__ == "__main__":
    sys.exit(main())
