# SPDX-License-Identifier: Apache-2.0
"""The list of edits that take out what a row of docs/hyperlight.md stands for: read, and checked
without trying any."""

import re
import tomllib
from dataclasses import dataclass, field
from pathlib import Path

import tree

EDITS = Path("tests/record/taken_out.toml")
KEYS = {"test", "file", "old", "new", "also", "needs"}
EDIT_KEYS = {"file", "old", "new"}
TEST = re.compile(r"([\w./-]+\.(?:c|py))::(\w+)")


@dataclass
class Entry:
    """How a row's behaviour is taken out, and the test that must notice."""

    row: str
    path: str  # of the test's file
    case: str
    edits: list  # of (file, old text, new text)
    needs: list = field(default_factory=list)  # what a pytest case needs of the build


def read_entry(row, table):
    """Raises ValueError for a table that says too much or too little."""
    edits = [{key: table.get(key) for key in EDIT_KEYS}, *table.get("also", [])]
    if set(table) - KEYS or any(set(edit) != EDIT_KEYS for edit in edits):
        raise ValueError("a key is unknown")
    if not all(isinstance(text, str) for edit in edits for text in edit.values()):
        raise ValueError("file, old or new is missing")
    test = TEST.fullmatch(table.get("test", ""))
    if test is None:
        raise ValueError("names no test")
    edits = [(edit["file"], edit["old"], edit["new"]) for edit in edits]
    return Entry(row, test[1], test[2], edits, table.get("needs", []))


def applied(text, old, new):
    """The text with the edit made; None unless its old text is there exactly once."""
    return text.replace(old, new) if old and old != new and text.count(old) == 1 else None


def problems_of(entry, tests):
    """What is wrong with an entry, without trying it."""
    if (entry.path, entry.case) not in tests:
        yield f"the row does not name {entry.path}::{entry.case}"
    texts = {}
    for file, old, new in entry.edits:
        if not (tree.ROOT / file).is_file():
            yield f"no file {file}"
            continue
        edited = applied(texts.setdefault(file, tree.read(file)), old, new)
        if edited is None:
            yield f"{file}: this is not there exactly once: {old.strip().partition(chr(10))[0]}"
        else:
            texts[file] = edited


def problems_of_shares(entries):
    """One edit serves two rows only if both name the same test."""
    seen = {}
    for entry in entries.values():
        first = seen.setdefault(tuple(entry.edits), entry)
        if (first.path, first.case) != (entry.path, entry.case):
            yield f"{EDITS}: {first.row} and {entry.row} have one edit and two tests"


def read_entries(text, rows):
    """(entries by row, problems), of the rows with the tests that each names."""
    entries, problems = {}, []
    for row, table in tomllib.loads(text).items():
        try:
            entries[row] = read_entry(row, table)
        except ValueError as reason:
            problems.append(f"{EDITS}: {row}: {reason}")
    for row, entry in entries.items():
        problems += [f"{EDITS}: {row}: {why}" for why in problems_of(entry, rows.get(row, []))]
    missing = [row for row in rows if row not in entries]
    problems += [f"{EDITS}: nothing takes out what {row} stands for" for row in missing]
    return entries, problems + list(problems_of_shares(entries))
