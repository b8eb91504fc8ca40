# SPDX-License-Identifier: Apache-2.0
"""Runs every example as its README says, and compares with what its README shows."""

import os
import re
import shlex
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
BUILD = Path(os.environ.get("MOTE_BUILD_DIR", ROOT / "build"))
EXAMPLES = sorted(path.name for path in (ROOT / "examples").iterdir() if path.is_dir())
PYTHON = ["env", f"LD_LIBRARY_PATH={BUILD}/lib", "/usr/bin/python3", "-B"]
BLOCK = re.compile(r"^```\n\$ (?P<command>.+)\n(?P<output>(?:.*\n)*?)```$", re.MULTILINE)
LIMIT_S = 60


def shown_runs(name):
    """Yields (command, output) of each block of the README that shows one."""
    text = (ROOT / "examples" / name / "README.md").read_text(encoding="utf-8")
    for match in BLOCK.finditer(text):
        yield match["command"], match["output"]


def run(command, **variables):
    """Runs a command of a README, in whichever folder the build is; returns what it printed."""
    words = [re.sub("(^|=)build/", rf"\1{BUILD}/", word) for word in shlex.split(command)]
    environment = {k: v for k, v in os.environ.items() if k != "MOTE_DRIVER"} | variables
    environment["PYTHONDONTWRITEBYTECODE"] = "1"
    done = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          cwd=ROOT, env=environment, timeout=LIMIT_S, check=False)  # fmt: skip
    assert done.returncode == 0, done.stdout
    return done.stdout


def is_python(name):
    return (ROOT / "examples" / name / "host.py").exists()


def host(name):
    """The words that start an example's host."""
    if is_python(name):
        return [*PYTHON, ROOT / "examples" / name / "host.py"]
    return [BUILD / "examples" / name / "host"]


@pytest.mark.parametrize("name", EXAMPLES)
def test_example_is_complete(name):
    folder = ROOT / "examples" / name
    source = "host.py" if is_python(name) else "host.c"
    assert {source, "guest.c", "README.md"} <= {path.name for path in folder.iterdir()}
    started = f"examples/{name}/host.py" if is_python(name) else f"build/examples/{name}/host"
    commands = [command for command, _ in shown_runs(name)]
    assert any(command.endswith(f"{started} build/examples/{name}/guest.elf") for command in commands)


# Left to itself, a host takes hardware where there is some.
@pytest.mark.parametrize("variables", [{}, {"MOTE_DRIVER": "process"}], ids=["first", "process"])
@pytest.mark.parametrize("name", EXAMPLES)
def test_example_prints_what_its_readme_shows(name, variables):
    for command, output in shown_runs(name):
        assert run(command, **variables) == output


@pytest.mark.parametrize("name", EXAMPLES)
def test_example_takes_the_driver_that_it_is_told(name):
    command = next(command for command, _ in shown_runs(name))
    with pytest.raises(AssertionError, match='no driver "nonsense"; there are: kvm process'):
        run(command, MOTE_DRIVER="nonsense")


def test_host_without_a_guest_says_how_it_is_used():
    for name in EXAMPLES:
        done = subprocess.run(host(name), stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True, timeout=LIMIT_S, check=False)  # fmt: skip
        assert (done.returncode, done.stdout) == (2, ""), name
        assert "usage: host GUEST" in done.stderr, name


def test_host_with_a_missing_guest_fails_with_a_reason():
    for name in EXAMPLES:
        done = subprocess.run([*host(name), "/nonexistent/guest.elf"], stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True, timeout=LIMIT_S, check=False)  # fmt: skip
        assert (done.returncode, done.stdout) == (1, ""), name
        assert "/nonexistent/guest.elf" in done.stderr, name


def test_there_are_examples():
    assert EXAMPLES[0] == "01_hello"
