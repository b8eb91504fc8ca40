#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Checks that every public function says its units, owner, threads and errors where declared."""

import re
import sys
from pathlib import Path

import declarations
import tree

# A guest has one thread, so that its headers need not speak of threads.
WANTED = {
    "include/mote/": ["Units", "Owner", "Threads", "Errors"],
    "include/mote_guest/": ["Units", "Owner", "Errors"],
}
# What macros expand to, and nobody writes by name.
WITHOUT_DOCS = {Path("include/mote_guest/macros.h")}


def check(declaration, wanted):
    place = f"{declaration.path}:{declaration.line}: {declaration.name}"
    if not declaration.doc:
        return [f"{place}: no /** comment before it"]
    problems = []
    for label in wanted:
        if not re.search(rf"^ \* {label}: +\S", declaration.doc, re.MULTILINE):
            problems.append(f"{place}: no line `{label}:`")
    first = next((t for t in map(clean, declaration.doc.splitlines()) if t), "")
    if not re.match(r"[A-Z]", first):
        problems.append(f"{place}: its comment does not begin with a sentence")
    return problems


def clean(line):
    return line.strip().removeprefix("*").strip()


def main():
    problems, checked = [], 0
    for folder, wanted in WANTED.items():
        for path in declarations.public_headers(folder):
            if path in WITHOUT_DOCS:
                continue
            for declaration in declarations.read_declarations(path):
                checked += 1
                problems += check(declaration, wanted)
    return tree.report("docs", problems, f"{checked} functions")


if __name__ == "__main__":
    sys.exit(main())
