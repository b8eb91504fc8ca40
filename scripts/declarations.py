# SPDX-License-Identifier: Apache-2.0
"""Reads the function declarations of the public headers, each with the comment before it."""

import re
from dataclasses import dataclass

import tree

COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
PROTOTYPE = re.compile(
    r"""(?:^|(?<=[;}\n]))\s*
    (?P<head>(?!typedef\b|return\b|\#)[A-Za-z_][\w\s*]*?[\s*])
    (?P<name>(?:mote|moteg)_\w+)\s*
    \((?P<parameters>[^;{}]*)\)\s*
    (?P<end>[;{]|__attribute__)""",
    re.VERBOSE,
)
DOC = re.compile(r"/\*\*(?P<text>(?:(?!\*/).)*)\*/\s*$", re.DOTALL)


@dataclass
class Declaration:
    """One function of a public header."""

    path: object
    line: int
    name: str
    head: str
    doc: str


def blank(match):
    return re.sub(r"[^\n]", " ", match[0])


def blank_directives(text):
    """Blanks preprocessor lines, continued ones too, so that macros are not read as code."""
    return re.sub(r"^[ \t]*#(?:[^\n\\]|\\.|\\\n)*", blank, text, flags=re.MULTILINE)


def read_declarations(path):
    """Every function that the header declares; doc is "" where no /** comment precedes it."""
    text = tree.read(path)
    code = blank_directives(COMMENT.sub(blank, text))
    found = []
    for match in PROTOTYPE.finditer(code):
        start = match.start("head")
        doc = DOC.search(text[:start])
        line = text.count("\n", 0, start) + 1
        head = " ".join(match["head"].split())
        found.append(Declaration(path, line, match["name"], head, doc["text"] if doc else ""))
    return found


def public_headers(folder):
    return [path for path in tree.files(".h") if str(path).startswith(folder)]
