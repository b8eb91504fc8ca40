# SPDX-License-Identifier: Apache-2.0
"""What pytest needs to know: where the shared module is, and the guest of these tests' own."""

import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

# pylint: disable=wrong-import-position
from mote_cli import BUILD  # noqa: E402


@pytest.fixture(scope="session")
def talker(tmp_path_factory):
    """A guest that the tests make with the build's mote-cc."""
    guest = tmp_path_factory.mktemp("guests") / "talker.elf"
    subprocess.run([BUILD / "bin" / "mote-cc", HERE / "talker.c", "-o", guest], check=True)
    return guest
