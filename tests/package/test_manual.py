# SPDX-License-Identifier: Apache-2.0
"""Every program, command and public function has a manual page, and formatters take all of them."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

SOURCE = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("MOTE_BUILD_DIR", SOURCE / "build")).resolve()
MAN = BUILD / "share" / "man"
sys.path.insert(0, str(SOURCE / "scripts"))

# pylint: disable=wrong-import-position
import command_help  # noqa: E402
import declarations  # noqa: E402
import make_man  # noqa: E402


def pages():
    return sorted(MAN.glob("man*/*"))


def run(*command):
    done = subprocess.run(
        list(map(str, command)), cwd=MAN, capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout, done.stderr


def formatted(name):
    status, text, errors = run("groff", "-man", "-Tascii", "-P-c", "-rLL=100n", MAN / name)
    assert status == 0, errors
    return re.sub(r".\x08", "", text)


def help_of(*words):
    return command_help.ask(BUILD / "bin" / "mote", *words)


def commands():
    return [command.name for command in command_help.read_commands(help_of())[1]]


def test_mandoc_has_nothing_to_say():
    status, text, errors = run("mandoc", "-T", "lint", "-W", "warning", *pages())
    assert (status, text + errors) == (0, "")


def test_groff_has_nothing_to_say():
    status, _, errors = run("groff", "-ww", "-man", "-Tutf8", "-z", *pages())
    assert (status, errors) == (0, "")


def test_mandoc_notices_a_bad_page(tmp_path):
    page = (MAN / "man1" / "mote.1").read_text().replace(".SH NAME", ".SH NAME\n.Nonsense")
    (tmp_path / "bad.1").write_text(page)
    status, _, _ = run("mandoc", "-T", "lint", "-W", "warning", tmp_path / "bad.1")
    assert status != 0


def test_page_of_mote_names_every_command():
    text = formatted("man1/mote.1")
    assert commands()
    for name in commands():
        assert f"mote-{name}(1)" in text


@pytest.mark.parametrize("command", commands())
def test_page_of_a_command_has_its_options_and_what_they_mean(command):
    text = formatted(f"man1/mote-{command}.1")
    parsed = command_help.read_help(f"mote {command}", help_of(command))
    body = " ".join(text.split())
    assert parsed.options
    for option in parsed.options:
        for name in option.names:
            assert re.search(rf"(?<!\S){name}(?!\S)", body), name
        assert option.meaning[1:] in body
    assert "EXIT STATUS" in text and "EXAMPLES" in text


def test_page_of_mote_cc_has_its_options():
    text = formatted("man1/mote-cc.1")
    for name in ("--heap SIZE", "--stack SIZE", "--help", "--version"):
        assert name in text


@pytest.mark.parametrize("folder", ["include/mote/", "include/mote_guest/"])
def test_every_function_has_a_page_that_describes_it(folder):
    declared = [
        (declaration.name, path)
        for path in declarations.public_headers(folder)
        for declaration in declarations.read_declarations(path)
        if declaration.doc
    ]
    assert declared
    for name, path in declared:
        page = MAN / "man3" / f"{name}.3"
        assert page.exists(), name
        lines = page.read_text().replace("\\", "").splitlines()
        assert f".SS {name}()" in lines, name
        assert f"#include <{path.relative_to('include')}>" in lines, name


def test_overview_names_the_page_of_every_header():
    text = formatted("man3/libmote.3")
    headers = (SOURCE / "include" / "mote").glob("*.h")
    names = {make_man.page_name(path.relative_to(SOURCE)) for path in headers}
    assert "mote_sandbox" in names
    for name in names - {"libmote"}:
        assert f"{name}(3)" in text


def test_links_lead_to_pages():
    links = [path for path in pages() if path.is_symlink()]
    assert links
    for path in links:
        assert path.resolve().parent == path.parent.resolve() and path.resolve().is_file()


@pytest.mark.parametrize(
    "text, made",
    [
        (".TH of a file", "\\&.TH of a file"),
        ("a \\ and 'quoted'", "a \\e and \\(aqquoted\\(aq"),
        ("see --heap SIZE", "see \\fB\\-\\-heap\\fR SIZE"),
        ("mote_call() is one", "\\fBmote_call()\\fR is one"),
        ("a sub-range", "a sub-range"),
    ],
)
def test_text_stays_what_it_is(text, made):
    assert make_man.prose(text) == made


def test_help_that_is_laid_out_otherwise_is_refused():
    with pytest.raises(command_help.Problem):
        command_help.read_help("mote call", "no options here: none\n")
    with pytest.raises(command_help.Problem):
        command_help.read_commands("mote\n\nnothing\n")
