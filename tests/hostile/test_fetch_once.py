# SPDX-License-Identifier: Apache-2.0
"""Whatever the compiler and however it optimises, guest memory is fetched once (catalogue C04)."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

SOURCE = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("MOTE_BUILD_DIR", SOURCE / "build"))
# The accessor and its user are compiled here; all else comes from the library.
SOURCES = ["tests/hostile/fetch_once.c", "host/memory/guest_memory.c", "host/memory/buffers.c"]
WAYS = ["-O0", "-O1", "-O2", "-O3", "-O3 -march=native", "-O2 -flto"]
COMPILERS = [name for name in ("gcc", "clang") if shutil.which(name)]


def ways():
    for compiler in COMPILERS:
        for way in WAYS:
            if compiler == "gcc" or "-flto" not in way:
                yield compiler, way


@pytest.mark.parametrize(("compiler", "way"), list(ways()))
def test_guest_memory_is_fetched_once(compiler, way, tmp_path):
    program = tmp_path / "fetch_once"
    command = [
        compiler, "-std=c17", "-D_GNU_SOURCE", *way.split(), f"-I{SOURCE}", f"-I{SOURCE}/include",
        *SOURCES, BUILD / "lib/libmote.a", "-pthread", "-o", program,
    ]  # fmt: skip
    subprocess.run(command, check=True, cwd=SOURCE)
    done = subprocess.run([program], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout
