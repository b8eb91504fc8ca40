# SPDX-License-Identifier: Apache-2.0
"""mote-cc from outside: its options, and guests that only it shows to be right."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "cli"))
from mote_cli import BUILD, call  # noqa: E402

GUESTS = HERE / "guests"


def mote_cc(*words, **settings):
    return subprocess.run(
        [BUILD / "bin" / "mote-cc", *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True, check=False, **settings)  # fmt: skip


def made(folder, *words, **settings):
    """A guest that is made without a word."""
    guest = folder / "guest.elf"
    done = mote_cc("-Wall", "-Wextra", "-Werror", *words, "-o", guest, **settings)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    return guest


# ---- C++ ----


@pytest.fixture(scope="module")
def cxx(tmp_path_factory):
    return made(tmp_path_factory.mktemp("cxx"), "-std=c++17", GUESTS / "cxx.cc")


@pytest.mark.parametrize(
    "function, printed",
    [("IsAligned", b"true\n"), ("OfThread", b"80\n"), ("Virtual", b"42\n")],
)
def test_cxx_without_its_library(cxx, function, printed):
    done = call(function, guest=cxx)
    assert (done.status, done.err, done.out) == (0, b"", printed)


def test_aligned_new_without_memory_fails_the_call(cxx):
    done = call("TooMuch", guest=cxx)
    assert done.code() == "MOTE_E_GUEST_ERROR"
    assert "no memory for 134217856 bytes" in done.text()
