# SPDX-License-Identifier: Apache-2.0
"""What runs on the host was built so that a mistake in it is hard to use; readelf shows it."""

import json
import os
import re
import shlex
import subprocess
from pathlib import Path

import pytest

SOURCE = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("MOTE_BUILD_DIR", SOURCE / "build")).resolve()
PROGRAMS = ["bin/mote", "bin/mote-bench", "bin/mote-floor", "bin/mote-floor-process"]
LIBRARY = "lib/libmote.so"
# Folders of what runs on the host.
HOST = ("host", "wire", "tools", "bench", "examples")
# What runs in a sandbox or beside it, where there is no C library: the guest library, which has wire/
# too, guests, the stub that a guest of the process driver shares its child with, and what makes the
# children that a benchmark compares with.
OTHERS = ("moteg", "guest_abi01", "mote_process_stub", "mote-floor-zygote", "test_guest_old")
FLAGS = """
-fstack-protector-strong -fstack-clash-protection -fcf-protection=full -D_FORTIFY_SOURCE=3
-fno-delete-null-pointer-checks -fno-strict-overflow -fno-strict-aliasing -O2
""".split()


def readelf(option, name, path=None):
    command = ["readelf", "--wide", option, str(path or BUILD / name)]
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout


def segments(name, path=None):
    """(type, rights) of every program header."""
    text = readelf("--program-headers", name, path)
    return re.findall(r"^  (\w+) +(?:0x\w+ ){5}([R ][W ][E ]) 0x\w+$", text, re.MULTILINE)


def problems_of_segments(found):
    """What is wrong with the segments of a program."""
    problems = []
    if ("GNU_STACK", "RW ") not in found:
        problems.append("stack")
    if "GNU_RELRO" not in [kind for kind, _ in found]:
        problems.append("relro")
    loads = [rights for kind, rights in found if kind == "LOAD"]
    if loads.count("R E") != 1 or any("W" in rights and "E" in rights for rights in loads):
        problems.append("code")
    # Headers and constants are not with the code.
    if loads[:1] != ["R  "] or loads.count("R  ") < 2:
        problems.append("constants")
    return problems


@pytest.mark.parametrize("name", [*PROGRAMS, LIBRARY])
def test_segments(name):
    assert problems_of_segments(segments(name)) == []


@pytest.mark.parametrize("name", [*PROGRAMS, LIBRARY])
def test_everything_is_bound_before_it_is_read_only(name):
    dynamic = readelf("--dynamic", name)
    assert re.search(r"\(FLAGS\) +.*BIND_NOW", dynamic) or re.search(r"\(FLAGS_1\).* NOW", dynamic)
    assert not re.search(r"\((?:TEXTREL|RPATH|RUNPATH)\)", dynamic)


@pytest.mark.parametrize("name", PROGRAMS)
def test_program_lies_anywhere(name):
    assert re.search(r"Type: +DYN", readelf("--file-header", name))
    assert re.search(r"\(FLAGS_1\).* PIE", readelf("--dynamic", name))


@pytest.mark.parametrize("name", ["bin/mote", "bin/mote-bench", LIBRARY])
def test_checked_functions_are_used(name):
    symbols = readelf("--dyn-syms", name)
    assert "UND __stack_chk_fail@" in symbols
    assert re.search(r"UND __\w+_chk@", symbols)


@pytest.mark.parametrize("function", ["mote_call", "mote_open", "mote_sandbox_cancel"])
def test_functions_are_marked_as_targets_of_jumps(function):
    command = ["objdump", f"--disassemble={function}", "--no-show-raw-insn", BUILD / LIBRARY]
    text = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout
    first = text.split(f"<{function}>:\n", 1)[1].splitlines()[0]
    assert first.split()[1] == "endbr64"


def test_every_file_of_the_host_is_compiled_so():
    entries = json.loads((BUILD / "compile_commands.json").read_text())
    checked = 0
    for entry in entries:
        path = Path(entry["file"]).relative_to(SOURCE)
        target = re.search(r"CMakeFiles/([\w-]+)\.dir", entry["command"])[1]
        if path.parts[0] not in HOST or path.suffix != ".c" or target in OTHERS:
            continue
        words = shlex.split(entry["command"])
        missing = [flag for flag in FLAGS if flag not in words]
        assert not missing, f"{path} in {target}"
        checked += 1
    assert checked > 50


def test_a_program_without_all_this_is_noticed(tmp_path):
    (tmp_path / "a.c").write_text("int main(void) { return 0; }\n")
    flags = ["-no-pie", "-Wl,-z,execstack,-z,norelro,-z,noseparate-code"]
    subprocess.run(["gcc", "a.c", *flags, "-o", "a"], cwd=tmp_path, check=True)
    found = problems_of_segments(segments("a", tmp_path / "a"))
    assert found == ["stack", "relro", "constants"]
