# SPDX-License-Identifier: Apache-2.0
"""libmote.a of a build with musl makes programs that are one file, and the demo is one."""

import gzip
import os
import subprocess
import sys
from pathlib import Path

import pytest

SOURCE = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(SOURCE / "scripts"))
import hardware  # noqa: E402

BUILD = Path(os.environ.get("MOTE_BUILD_DIR", SOURCE / "build")).resolve()
GUEST = BUILD / "guests" / "inflate.elf"
# More than one page of input, and far more of output.
PLAIN = b"".join(b"line %d of a text that decompresses to much more\n" % i for i in range(100_000))
CONFIGURE = """
-G Ninja --toolchain cmake/musl.cmake -DCMAKE_BUILD_TYPE=RelWithDebInfo
-DMOTE_BUILD_PROGRAMS=OFF -DMOTE_BUILD_TESTS=OFF
""".split()


def run(*command, **options):
    done = subprocess.run(
        list(map(str, command)), cwd=SOURCE, capture_output=True, check=False, **options
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
    return done.stdout


@pytest.fixture(scope="session")
def program(tmp_path_factory):
    """The demo, linked with musl's libc.a and a libmote.a that was compiled for it."""
    library = BUILD / "musl"
    run("cmake", "-S", SOURCE, "-B", library, *CONFIGURE)
    run("cmake", "--build", library, "--target", "mote_static")
    path = tmp_path_factory.mktemp("static") / "inflate_host"
    run("musl-gcc", "-static", "-Wall", "-Wextra", "-Werror", "-O2", "-Iinclude",
        "tests/package/inflate_host.c", library / "lib" / "libmote.a", "-o", path)  # fmt: skip
    return path


def test_program_needs_nothing(program):
    headers = run("readelf", "--program-headers", "--dynamic", program).decode()
    assert "INTERP" not in headers and "NEEDED" not in headers


def test_program_holds_no_glibc(program):
    data = program.read_bytes()
    assert b"GLIBC" not in data and b"GNU C Library" not in data


@pytest.mark.parametrize("driver", ["kvm", "process"])
def test_program_runs_the_demo(program, driver):
    if driver == "kvm" and not hardware.has_kvm():
        pytest.skip("/dev/kvm cannot be opened for reading and writing")
    # Nothing of this machine's environment, and only what the program brings itself.
    assert run(program, driver, GUEST, input=gzip.compress(PLAIN), env={}) == PLAIN


def test_errors_name_what_the_system_said(program):
    done = subprocess.run(
        [program, "process", "/nonexistent"], input=b"", capture_output=True, check=False
    )
    assert done.returncode == 1
    assert b"MOTE_E_IMAGE_OPEN: " in done.stderr and b"No such file or directory" in done.stderr
