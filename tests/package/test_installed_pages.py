# SPDX-License-Identifier: Apache-2.0
"""The pages that libmote-dev installs link to files that it installs."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SOURCE = Path(__file__).resolve().parents[2]
PACKAGING = SOURCE / "packaging"
LOOSEN = PACKAGING / "loose_links.py"
sys.path.insert(0, str(PACKAGING))
import loose_links  # noqa: E402


def listed(suffix):
    """The files and folders that one of the packaging's lists names."""
    lines = (PACKAGING / "debian" / f"libmote-dev.{suffix}").read_text().splitlines()
    return [path for line in lines if not line.startswith("#") for path in sorted(SOURCE.glob(line))]


def put(paths, folder):
    folder.mkdir(exist_ok=True)
    for path in paths:
        (shutil.copytree if path.is_dir() else shutil.copy)(path, folder / path.name)


@pytest.fixture(name="pages")
def installed_pages(tmp_path):
    """A folder as the package's /usr/share/doc is before its links are looked at."""
    folder = tmp_path / "libmote-dev"
    put(listed("docs"), folder)
    put(listed("examples"), folder / "examples")
    return folder


def shown(page):
    """The text of a page without the targets and brackets of links."""
    return re.sub(r"\]\([^()\s]+\)|[][]", "", page.read_text())


def loosen(folder):
    subprocess.run([sys.executable, LOOSEN, folder], check=True)


def all_loose(folder):
    return [
        f"{page.relative_to(folder)}: {match[0]}"
        for page in sorted(folder.rglob("*.md"))
        for match in loose_links.loose_links(page, page.read_text(), folder)
    ]


def test_no_page_of_the_package_links_to_what_is_not_there(pages):
    assert all_loose(pages)  # or else nothing is tested here
    loosen(pages)
    assert all_loose(pages) == []


def test_pages_lose_nothing_but_targets(pages):
    before = {page: shown(page) for page in pages.rglob("*.md")}
    loosen(pages)
    assert {page: shown(page) for page in before} == before


def test_pages_that_others_lead_to_are_installed(pages):
    for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md", "docs/install.md", "examples/README.md"):
        assert (pages / name).is_file()


def test_the_package_is_made_so():
    assert f"{LOOSEN.relative_to(SOURCE)} debian/libmote-dev/" in (PACKAGING / "debian" / "rules").read_text()


@pytest.mark.parametrize(
    "text, becomes",
    [
        ("[a](there.md) [b](there.md#part) [c](#here)", None),
        ("[web](https://www.debian.org/x) [mail](mailto:a@b.invalid)", None),
        ("see [this](gone.md#part), [that\none](../gone/)", "see this, that\none"),
        ("[outside](../outside.md)", "outside"),
        ("```c\ntable[i](x);\n```\n[x](y)", "```c\ntable[i](x);\n```\nx"),
    ],
)
def test_links(text, becomes, tmp_path):
    (tmp_path / "outside.md").write_text("")
    folder = tmp_path / "pages"
    folder.mkdir()
    (folder / "there.md").write_text("")
    (folder / "page.md").write_text(text)
    loosen(folder)
    assert (folder / "page.md").read_text() == (becomes or text)
