# SPDX-License-Identifier: Apache-2.0
"""Every link of the documentation leads somewhere, and the glossary has each word once."""

import re
import sys
from pathlib import Path

import pytest

SOURCE = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(SOURCE / "scripts"))
import tree  # noqa: E402

LINK = re.compile(r"\]\((?!\w+:)([^)#\s]*)(?:#([^)\s]*))?\)")
HEADING = re.compile(r"^#+ (.*)$", re.MULTILINE)
BLOCK = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
WORD = re.compile(r"^\| ([^|]+) \| [^|]+ \| \[", re.MULTILINE)
PAGES = [path for path in tree.files() if path.suffix == ".md"]


def anchors(text):
    """What a page's headings can be reached by, as the places that host repositories make it."""
    headings = HEADING.findall(BLOCK.sub("", text))
    plain = [re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).lower() for heading in headings]
    return {re.sub(r"[^\w\- ]", "", heading).strip().replace(" ", "-") for heading in plain}


def dead_links(page, text):
    for target, anchor in LINK.findall(BLOCK.sub("", text)):
        path = (SOURCE / page.parent / target) if target else SOURCE / page
        if not path.exists():
            yield f"{target}: there is no such file"
        elif anchor and anchor not in anchors(path.read_text(encoding="utf-8")):
            yield f"{target}#{anchor}: there is no such heading"


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_links_lead_somewhere(page):
    assert list(dead_links(page, tree.read(page))) == []


def test_dead_links_are_found():
    text = "[a](README.md) [b](none.md) [c](README.md#none) [d](#here) [e](#there)\n# Here\n"
    found = list(dead_links(Path("README.md"), text))
    assert [line.partition(":")[0] for line in found] == ["none.md", "README.md#none", "#here", "#there"]


def test_anchors_are_made_of_words():
    text = "# What `mote` *is*: a [link](x.md)\n```\n# none\n```\n## Under 0.1's names\n"
    assert anchors(text) == {"what-mote-is-a-link", "under-01s-names"}


def test_the_glossary_has_each_word_once_and_in_order():
    words = [word.casefold() for word in WORD.findall(tree.read(Path("docs/glossary.md")))]
    assert len(words) > 50
    assert words == sorted(set(words))
