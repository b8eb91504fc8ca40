# SPDX-License-Identifier: Apache-2.0
"""The guest of these tests is the same to the bit from one build to the next, as all guests are."""

import os
import re
import subprocess
from pathlib import Path

import pytest

SOURCE = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("MOTE_BUILD_DIR", SOURCE / "build"))
PARTS = ["hostile.c", "misdeeds.S", "zoo.S"]
GUESTS = sorted([*BUILD.glob("guests/*.elf"), *BUILD.glob("tests/guests/*.elf")])


def build(folder):
    """In a folder of its own, with temporary files of other names."""
    folder.mkdir()
    guest = folder / "hostile.elf"
    command = [
        BUILD / "bin/mote-cc", f"-I{SOURCE}", f"-ffile-prefix-map={folder}=.",
        *(SOURCE / "guests/hostile" / part for part in PARTS), "-o", guest,
    ]  # fmt: skip
    environment = {**os.environ, "TMPDIR": str(folder)}
    subprocess.run(command, check=True, cwd=folder, env=environment)
    return guest.read_bytes()


def test_the_hostile_guest_is_the_same_from_two_builds(tmp_path):
    assert build(tmp_path / "one") == build(tmp_path / "another")


@pytest.mark.parametrize("guest", GUESTS, ids=lambda guest: guest.stem)
def test_no_name_of_a_temporary_file_is_in_a_guest(guest):
    """The linker gives its own name to what has no source's: that of the compiler's temporary."""
    done = subprocess.run(["readelf", "-sW", guest], capture_output=True, text=True, check=True)
    names = re.findall(r" FILE .* (\S+)$", done.stdout, re.MULTILINE)
    assert [name for name in names if re.fullmatch(r"cc\w{6}\.o", name)] == []
