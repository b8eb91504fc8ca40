# SPDX-License-Identifier: Apache-2.0
"""./dev installs what is missing, or says how; commands replaced by small fakes."""

import os
import shutil
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
# What is to fail is what has the word FAILS.
FAIL = 'case " $* " in *" ${FAILS:-none} "*) exit 1 ;; esac\n'


@pytest.fixture
def dev(tmp_path):
    """Runs a copy of ./dev with fakes for the commands that ask or change the machine, or build."""
    record = tmp_path / "record"
    record.touch()
    tree = tmp_path / "tree"
    (tree / "scripts").mkdir(parents=True)
    (tree / "scripts" / "run_tests.py").write_text("print('1 passed')\n")
    shutil.copy(SOURCE / "dev", tree)

    def fake(name, text):
        path = tmp_path / name
        path.write_text(text)
        path.chmod(0o755)

    def run(*arguments, user=0, missing="", sudo_works=False, cargo=99, fails=""):
        fake("cargo", f"#!/bin/sh\necho cargo 1.{cargo}.0\n")
        fake("cmake", RECORD + FAIL)
        fake("ninja", RECORD)
        fake("dpkg-query", DPKG_QUERY)
        fake("apt-get", RECORD)
        fake("id", f"#!/bin/sh\necho {user}\n")
        fake("sudo", RECORD + ("exec true\n" if sudo_works else "exit 1\n"))
        environment = dict(os.environ, MISSING=missing, RECORD=str(record), FAILS=fails)
        environment["PATH"] = f"{tmp_path}:{environment['PATH']}"
        done = subprocess.run(
            [tree / "dev", *arguments],
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


def test_rust_is_named_with_the_rest_and_its_lack_ends_nothing(dev, tmp_path):
    """For who may not install: one command for all; the tests of Rust guests are skipped without."""
    done, _ = dev("test", user=1000, missing="cmake cargo-web", cargo=60)
    assert done.returncode == 1
    assert "apt-get install --no-install-recommends -y cmake cargo-web\n" in done.stderr
    done, commands = dev("test", "--quick", user=1000, missing="cargo-web", cargo=60)
    assert (done.returncode, done.stderr) == (0, "")
    assert "== no cargo 1.79 or newer: the tests of Rust guests will be skipped" in done.stdout
    assert "apt-get install --no-install-recommends -y cargo-web" in done.stdout
    assert done.stdout.endswith("== testing\n1 passed\n")
    assert not [command for command in commands if "rust_guests" in command]


def test_cargo_that_came_from_elsewhere_will_do(dev):
    done, commands = dev("test", "--quick", user=1000, missing="cargo-web", cargo=79)
    assert done.returncode == 0
    assert [command for command in commands if command.endswith("--target rust_guests")]


def test_rust_guests_of_an_earlier_build_do_not_stay(dev, tmp_path):
    """Tests would pass with them whatever the sources are now."""
    guest = tmp_path / "tree/build/guests/rust01_simple.elf"
    guest.parent.mkdir(parents=True)
    guest.touch()
    dev("test", "--quick")
    assert guest.exists()
    done, _ = dev("test", "--quick", fails="rust_guests")
    assert done.returncode == 0
    assert "there are no Rust guests: their tests will be skipped" in done.stdout
    assert not guest.exists()


def test_root_installs_what_rust_needs(dev):
    _, commands = dev("test", "--quick", missing="cargo-web", cargo=60)
    assert [command for command in commands if command.endswith(" cargo-web")]


def test_packages_that_came_since_are_looked_for(dev, tmp_path):
    """Whoever installed them: a compiler that was missing would be so for ever."""
    plan = tmp_path / "tree/build/build.ninja"
    plan.parent.mkdir()
    plan.touch()
    _, commands = dev("build")
    assert "cmake --preset release" not in commands
    os.utime(plan, (0, 0))
    _, commands = dev("build")
    assert "cmake --preset release" in commands


@pytest.mark.parametrize("way", ["link", "CDPATH"])
def test_it_works_on_the_tree_that_it_is_in(dev, tmp_path, way):
    dev("help")
    elsewhere = tmp_path / "elsewhere"
    (elsewhere / "tree").mkdir(parents=True)
    (elsewhere / "dev").symlink_to("../tree/dev")
    (tmp_path / "tree/build").mkdir()
    environment = dict(os.environ, CDPATH=str(elsewhere))
    command = ["bash", "elsewhere/dev" if way == "link" else "tree/dev", "clean"]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, check=False)
    assert done.returncode == 0
    assert not (tmp_path / "tree/build").exists()


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
