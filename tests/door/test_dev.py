# SPDX-License-Identifier: Apache-2.0
"""./dev installs what is missing, or says how; commands replaced by small fakes."""

import os
import subprocess
from pathlib import Path

import pytest

SOURCE = Path(__file__).resolve().parents[2]

DPKG_QUERY = """#!/bin/sh
# Everything is installed but what MISSING names.
for package; do :; done
case " $MISSING " in *" $package "*) exit 1 ;; esac
printf installed
"""
RECORD = """#!/bin/sh
printf '%s\\n' "$0 $*" >>"$RECORD"
"""


@pytest.fixture
def dev(tmp_path):
    """Runs ./dev with fakes for the commands that ask or change the machine."""
    record = tmp_path / "record"
    record.touch()

    def fake(name, text):
        path = tmp_path / name
        path.write_text(text)
        path.chmod(0o755)

    def run(*arguments, user=0, missing="", sudo_works=False):
        fake("dpkg-query", DPKG_QUERY)
        fake("apt-get", RECORD)
        fake("id", f"#!/bin/sh\necho {user}\n")
        fake("sudo", RECORD + ("exec true\n" if sudo_works else "exit 1\n"))
        environment = dict(os.environ, MISSING=missing, RECORD=str(record))
        environment["PATH"] = f"{tmp_path}:{environment['PATH']}"
        done = subprocess.run(
            [SOURCE / "dev", *arguments],
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        return done, [line.removeprefix(f"{tmp_path}/") for line in record.read_text().splitlines()]

    return run


def test_nothing_missing_installs_nothing(dev):
    done, commands = dev("setup")
    assert done.returncode == 0
    assert commands == []


def test_root_installs_only_what_is_missing_after_an_update(dev):
    done, commands = dev("setup", missing="cmake libcmocka-dev")
    assert done.returncode == 0
    assert len(commands) == 2
    assert commands[0].startswith("apt-get ") and commands[0].endswith(" update")
    assert commands[1].split(" install ")[1].split() == [
        "--no-install-recommends",
        "cmake",
        "libcmocka-dev",
    ]
    assert all("DPkg::Lock::Timeout=300" in command for command in commands)


def test_user_installs_through_sudo(dev):
    done, commands = dev("setup", user=1000, missing="cmake", sudo_works=True)
    assert done.returncode == 0
    assert commands[0] == "sudo -n true"
    assert [command.split()[0] for command in commands[1:]] == ["sudo", "sudo"]


def test_user_without_sudo_is_told_the_one_command(dev):
    done, commands = dev("setup", user=1000, missing="cmake ninja-build")
    assert done.returncode == 1
    assert "apt-get install --no-install-recommends -y cmake ninja-build" in done.stderr
    assert not [command for command in commands if command.startswith("apt-get")]


def test_setup_for_ci_needs_more(dev):
    assert dev("setup", missing="debootstrap")[1] == []
    assert dev("setup", "ci", missing="debootstrap")[1] != []


def test_help_names_every_command(dev):
    done, _ = dev("help")
    assert done.returncode == 0
    for command in "setup build demo test check bench clean help".split():
        assert f"  {command} " in done.stdout


@pytest.mark.parametrize("arguments", [["nonsense"], ["build", "nonsense"], ["test", "--nonsense"]])
def test_wrong_words_are_refused(dev, arguments):
    done, _ = dev(*arguments)
    assert done.returncode == 1
    assert "nonsense" in done.stderr
