#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""loose_links.py FOLDER: pages lose the links to files that are not in FOLDER, and keep their texts.

What a package installs is a part of the tree, whose pages name files of all of it.
"""

import re
import sys
from pathlib import Path

# [text](target); a text may go on in the next line.
LINK = re.compile(r"\[(?P<text>[^][]*)\]\((?P<target>[^()\s]+)\)")
# Code holds no links, even if it looks so.
FENCED = re.compile(r"(^```.*?^```$)", re.MULTILINE | re.DOTALL)


def leads_nowhere(page, target, folder):
    path = target.split("#")[0]
    if not path or re.match(r"[a-z]+:", path):
        return False
    found = (page.parent / path).resolve()
    return not found.exists() or not found.is_relative_to(folder.resolve())


def loose_links(page, text, folder):
    """The matches of links on a page that lead out of the folder, or to nothing in it."""
    parts = FENCED.split(text)
    return [
        match
        for part in parts[::2]
        for match in LINK.finditer(part)
        if leads_nowhere(page, match["target"], folder)
    ]


def without_loose_links(page, text, folder):
    def plain(match):
        return match["text"] if leads_nowhere(page, match["target"], folder) else match[0]

    parts = FENCED.split(text)
    parts[::2] = [LINK.sub(plain, part) for part in parts[::2]]
    return "".join(parts)


def main(folder):
    for page in sorted(folder.rglob("*.md")):
        text = page.read_text(encoding="utf-8")
        page.write_text(without_loose_links(page, text, folder), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
