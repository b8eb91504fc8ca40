# SPDX-License-Identifier: Apache-2.0
"""Core files of guests, as gdb sees them."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "scripts"))
import hardware  # noqa: E402

BUILD = Path(os.environ.get("MOTE_BUILD_DIR", ROOT / "build"))
GUEST = BUILD / "tests/guests/dumper.elf"
LIMIT_S = 60


@pytest.fixture(params=["kvm", "process"])
def driver(request):
    if request.param == "kvm" and not hardware.has_kvm():
        pytest.skip("/dev/kvm cannot be opened")
    return request.param


def crash(folder, driver, *words):
    """Lets the guest crash; returns where its core file is."""
    core = folder / "core"
    done = subprocess.run([BUILD / "bin/mote", "call", GUEST, "Crash", "--driver", driver,
                           "--dump", core, *words], stderr=subprocess.PIPE, text=True,
                          timeout=LIMIT_S, check=False)  # fmt: skip
    assert done.returncode == 4, done.stderr
    assert "null pointer" in done.stderr
    return core


def ask_gdb(core, *commands):
    words = [word for command in commands for word in ("-ex", command)]
    done = subprocess.run(["gdb", "-nx", "-batch", *words, GUEST, core], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, timeout=LIMIT_S, check=False)  # fmt: skip
    return done.stdout


def test_gdb_shows_frame_local_and_backtrace(tmp_path, driver):
    core = crash(tmp_path, driver)
    said = ask_gdb(core, "bt", "frame 0", "info locals", "print level_reached", "frame 1",
                   "print depth")  # fmt: skip
    assert "SIGSEGV" in said
    frames = {line.split()[0]: line for line in said.splitlines() if line.startswith("#")}
    for i, depth in enumerate((3, 2, 1)):
        assert f"crash_at (depth={depth})" in frames[f"#{i}"], said
    assert "in Crash ()" in frames["#3"] and "dumper.c" in frames["#3"], said
    assert "doubled = 6" in said
    assert "$1 = 3" in said and "$2 = 2" in said


def test_gdb_reads_registers_and_code(tmp_path, driver):
    said = ask_gdb(crash(tmp_path, driver), "print $rip", "x/i $rip", "info registers mxcsr")
    assert "<crash_at+" in said
    assert "mxcsr          0x1f80" in said
    assert "Unexpected size" not in said and "warning: Error" not in said, said


def test_readelf_has_no_complaint(tmp_path, driver):
    done = subprocess.run(["readelf", "-hln", crash(tmp_path, driver)], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, timeout=LIMIT_S, check=False)  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    for part in ("CORE (Core file)", "NT_PRSTATUS", "NT_FPREGSET", "NT_X86_XSTATE", "NT_AUXV"):
        assert part in done.stdout


def test_the_file_is_for_its_owner_alone_and_mostly_holes(tmp_path, driver):
    core = crash(tmp_path, driver, "--heap", "256M")
    facts = core.stat()
    assert facts.st_mode & 0o777 == 0o600
    assert facts.st_size > 256 << 20
    assert facts.st_blocks * 512 < 4 << 20


def test_a_file_that_cannot_be_written_does_not_hide_the_fault(tmp_path, driver):
    done = subprocess.run([BUILD / "bin/mote", "call", GUEST, "Crash", "--driver", driver,
                           "--dump", tmp_path / "missing/core"], stderr=subprocess.PIPE, text=True,
                          timeout=LIMIT_S, check=False)  # fmt: skip
    assert done.returncode == 4
    assert "null pointer" in done.stderr
    # The guest's words, and where they are in its source, come last and together.
    assert re.search(r", rip 0x[0-9a-f]+ \(no core file: open of the core file: [\w ]+\) in [\w.]+"
                     r"\+0x[0-9a-f]+( at \S+:\d+)?$", done.stderr, re.MULTILINE), done.stderr  # fmt: skip


def test_a_call_that_succeeds_leaves_no_file(tmp_path, driver):
    core = tmp_path / "core"
    done = subprocess.run([BUILD / "bin/mote", "call", GUEST, "Level", "--driver", driver, "--dump",
                           core], stdout=subprocess.PIPE, text=True, timeout=LIMIT_S, check=False)  # fmt: skip
    assert (done.returncode, done.stdout, core.exists()) == (0, "41\n", False)
