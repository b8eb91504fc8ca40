# SPDX-License-Identifier: Apache-2.0
"""The in-process driver under gdb and valgrind, by the commands of docs/debugging.md."""

import os
import re
import shlex
import signal
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
BUILD = Path(os.environ.get("MOTE_BUILD_DIR", ROOT / "build"))
MOTE = BUILD / "bin/mote"
GUEST = BUILD / "tests/guests/debuggee.elf"
PAGE = (ROOT / "docs/debugging.md").read_text(encoding="utf-8")
LIMIT_S = 120


def run(words):
    return subprocess.run(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, timeout=LIMIT_S,
                          check=False)  # fmt: skip


def documented(start):
    """The words of the page's one command that begins so, with this build's program and guest."""
    lines = [line.strip().removeprefix("$ ") for line in PAGE.splitlines()]
    (line,) = [line for line in lines if line.startswith(start)]
    names = {"mote": str(MOTE), "guest.elf": str(GUEST)}
    return [names.get(word, word) for word in shlex.split(line)]


def image_address():
    """Where `mote inspect` says that the image lies: behind the page tables."""
    said = run(documented("mote inspect")).stdout
    return re.search(r"-(0x\w+) .* page tables$", said, re.MULTILINE)[1]


def gdb_commands():
    said = re.findall(r"^    \(gdb\) (.*)$", PAGE, re.MULTILINE)
    assert any(line.startswith("add-symbol-file guest.elf -o ") for line in said)
    return [re.sub(r"guest\.elf -o \w+", f"{GUEST} -o {image_address()}", line) for line in said]


def ask_gdb(commands, program):
    words = [word for command in commands for word in ("-ex", command)]
    return run(["gdb", "-nx", "-batch", *words, *program]).stdout


def test_gdb_stops_in_a_guest_and_sees_its_host():
    said = ask_gdb(gdb_commands(), documented("gdb --args")[1:])
    frames = [line for line in said.splitlines() if re.match(r"#\d+ ", line)]
    places = [
        next(i for i, frame in enumerate(frames) if name in frame)
        for name in ("doubled (n=21)", " Double (n=21)", " mt_run (", " mt_inprocess_switch ",
                     " mt_inprocess_run ", " mote_call (")
    ]  # fmt: skip
    assert places == sorted(places), said
    assert places[0] == 0 and "debuggee.c" in frames[0], said
    assert "$1 = 21" in said and "Value returned is $2 = 42" in said, said


def test_gdb_stops_at_a_fault():
    program = [word for word in documented("gdb --args")[1:] if word != "i32:21"]
    program[program.index("Double")] = "Crash"
    commands = [c for c in gdb_commands() if c.split()[0] not in ("print", "finish")]
    commands.remove("break doubled")
    said = ask_gdb(commands, program)
    assert "Program received signal SIGSEGV" in said
    assert re.search(r"^#0 .* Crash \(\) .*debuggee\.c", said, re.MULTILINE), said
    assert " mote_call (" in said, said


def test_without_a_debugger_a_fault_ends_the_process():
    done = run([MOTE, "call", GUEST, "Crash", "--driver", "inprocess"])
    assert done.returncode == -signal.SIGSEGV
    assert "mote: note: no isolation: driver inprocess runs the guest in this process" in done.stdout


@pytest.mark.parametrize("function, status", [("Double", 0), ("Guess", 9)])
def test_valgrind_sees_reads_of_what_was_never_written(function, status):
    words = documented("valgrind --")
    words[words.index("Double")] = function
    if function == "Guess":
        words.remove("i32:21")
    done = run(words)
    assert done.returncode == status, done.stdout
    assert ("depends on uninitialised value" in done.stdout) == (status == 9), done.stdout
    assert re.search(r"^(42|2|1)$", done.stdout, re.MULTILINE), done.stdout
