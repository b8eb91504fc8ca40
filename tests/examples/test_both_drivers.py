# SPDX-License-Identifier: Apache-2.0
"""Every function of every guest that the build makes ends the same on both drivers."""

import gzip
import json
import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "scripts"))
import hardware  # noqa: E402

BUILD = Path(os.environ.get("MOTE_BUILD_DIR", ROOT / "build")).resolve()
GUESTS = sorted(path for folder in ("guests", "tests/guests") for path in (BUILD / folder).iterdir()
                if path.suffix in (".elf", ".exe"))  # fmt: skip
DRIVERS = ["kvm", "process"]
LINE = re.compile(r"^(\w+)\((.*)\) -> (\w+)$", re.MULTILINE)
NOTE = re.compile(rb"^mote: note: [^\n]*\n", re.MULTILINE)
# Endless functions end at the first; where only one driver got there, both have the second.
LIMITS = ["100ms", "20s"]
WAIT_S = 120

# Two values of each type: one within, one at an edge.
VALUES = [
    {"i32": "3", "u32": "2", "i64": "-5", "u64": "4096", "f32": "1.5", "f64": "-2.25",
     "bool": "true", "str": "text", "bytes": "hex=0102037f"},
    {"i32": "-1", "u32": "4294967295", "i64": "-9223372036854775808",
     "u64": "18446744073709551615", "f32": "-0", "f64": "inf", "bool": "false", "str": "",
     "bytes": "hex="},
]  # fmt: skip
# Functions with other arguments than those.
INSTEAD = {
    # That it is told of a page to resume from is for the driver kvm.
    ("keeper", "Look"): [["u64:18446744073709551615", "bool:false"]],
}
# Further arguments of functions that those say little about.
ADDRESSES = ["u64:0", "u64:0x100000", "u64:0x101000", "u64:0x1ff000", "u64:0x200000",
             "u64:0x205000", "u64:0x40000000"]  # fmt: skip
MORE = {
    ("hostile", "ReadAt"): [[address] for address in ADDRESSES],
    ("hostile", "WriteAt"): [[address] for address in ADDRESSES],
    ("hostile", "CallAt"): [[address] for address in ADDRESSES],
    ("inflate", "Inflate"): [["bytes:@text.gz"]],
}
# What guests without a table have: that of another guest, or a list.
BORROWED = {
    "c01_simple": "simple.elf", "c01_callback": "callback.elf",
    "rust01_simple": "simple.elf", "rust01_callback": "callback.elf",
}  # fmt: skip
LISTED = {
    "bare": "Next(i32) -> i32", "old": "Any() -> i32",
    "names": "LeaveResult() -> i32\nTakeResult() -> str",
}  # fmt: skip
ABI01 = """
Abort(i32) -> void
Add(i32, i32) -> i32
Echo(str) -> str
HostAdd(i32, i32) -> i32
LogMessage(str, str, i32) -> void
UseStack(i32) -> i32
WriteCode() -> void
"""
# What need not be the same, and what is compared instead; why is in docs/drivers.md.
FAULTS = ("status", "class", "code")
DIFFERENT = {
    ("hostile", "Interrupt"): FAULTS,  # kvm_pvm takes `int` for an invalid opcode
    ("hostile", "Syscall"): FAULTS,  # refused before it runs, or an exception
    ("hostile", "LogForever"): FAULTS,  # as often as time allows
    ("hostile", "PrintForever"): FAULTS,
    ("sdk", "Random"): ("status", "ok"),  # another number each time
    ("secrets", "Random"): ("status", "ok"),
    ("smash", "Canary"): ("status", "ok"),
}


def functions(guest):
    """(name, types of parameters, type of result) of each function."""
    text = mote("list", guest).stdout.decode()
    if guest.stem in BORROWED:
        text = mote("list", BUILD / "guests" / BORROWED[guest.stem]).stdout.decode()
    elif guest.stem.startswith("abi01"):
        text = ABI01
    elif guest.stem in LISTED:
        text = LISTED[guest.stem]
    return [(name, [word for word in types.split(", ") if word], returns)
            for name, types, returns in LINE.findall(text)]  # fmt: skip


def calls(guest):
    """(function, arguments, type of result): everything that is tried on a guest."""
    for name, types, returns in functions(guest):
        plain = [[f"{kind}:{values[kind]}" for kind in types] for values in VALUES[: 2 if types else 1]]
        tried = INSTEAD.get((guest.stem, name), plain) + MORE.get((guest.stem, name), [])
        for arguments in tried:
            yield name, arguments, returns


def mote(*words, **settings):
    return subprocess.run([BUILD / "bin/mote", *words], stdin=subprocess.DEVNULL, check=False,
                          capture_output=True, timeout=WAIT_S, **settings)  # fmt: skip


def answer(folder, driver, limit, guest, call):
    """What a call gives, without what is a matter of time: (JSON, text of the guest)."""
    name, arguments, returns = call
    done = mote("call", guest, name, *arguments, "--returns", returns, "--driver", driver, "--json",
                "--time-limit", limit, cwd=folder)  # fmt: skip
    *printed, last = done.stdout.splitlines() or [b"null"]
    said = json.loads(last) or {}
    said["status"] = done.returncode
    # The error's line on standard error is the text in JSON again.
    records = [line for line in NOTE.sub(b"", done.stderr).splitlines() if not line.startswith(b"mote: ")]
    for key in ("stats", "driver"):
        said.pop(key, None)
    if "limit" in said:
        del said["limit"]["elapsed_us"], said["text"]
    if "access to the monitor" in str(said):
        said["fault"]["error_code"] &= ~1  # whether a page is there that the guest may not touch
    return said, printed, records


def compared(guest, call, given):
    keys = DIFFERENT.get((guest.stem, call[0]))
    return {key: given[0].get(key) for key in keys} if keys else given


def both(folder, guest, call):
    """What a call gives on each driver."""
    given = []
    for limit in LIMITS:
        given = [compared(guest, call, answer(folder, driver, limit, guest, call)) for driver in DRIVERS]
        if given[0] == given[1] or "time-limit" not in str(given):
            break
    return given


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("arguments")
    (path / "text.gz").write_bytes(gzip.compress(b"the same everywhere\n" * 200, mtime=0))
    return path


@pytest.mark.skipif(not hardware.has_kvm(), reason="needs kvm beside process, to compare")
@pytest.mark.parametrize("guest", GUESTS, ids=lambda path: path.name)
def test_every_function_ends_the_same_on_both_drivers(folder, guest):
    tried = list(calls(guest))
    with ThreadPoolExecutor(2) as pool:
        results = list(pool.map(lambda call: both(folder, guest, call), tried))
    differences = [f"{call}\n  kvm:     {kvm}\n  process: {process}"
                   for call, (kvm, process) in zip(tried, results) if kvm != process]  # fmt: skip
    assert not differences, "\n".join(differences)


@pytest.mark.parametrize("guest", GUESTS, ids=lambda path: path.name)
def test_the_functions_of_every_guest_are_known(guest):
    assert list(calls(guest)), f"{guest.name} has no table: BORROWED or LISTED must say what it has"


def test_some_calls_succeed_and_some_fail(folder):
    """The comparison is of results, not of refusals."""
    given = {}
    for call in calls(BUILD / "guests/hello.elf"):
        said, _, _ = answer(folder, "process", LIMITS[0], BUILD / "guests/hello.elf", call)
        given.setdefault(call[0], said)
    assert given["EchoStr"]["ok"] and given["Fill"]["ok"]
    assert given["Crash"]["class"] == "guest-fault" and given["Spin"]["class"] == "time-limit"
    (call,) = [call for call in calls(BUILD / "guests/inflate.elf") if "bytes:@text.gz" in call[1]]
    assert answer(folder, "process", LIMITS[0], BUILD / "guests/inflate.elf", call)[0]["ok"]


def test_every_source_of_a_guest_is_here():
    """A folder of guests/ gives its name to what it makes; those of pe are other builds of abi01."""
    names = [path.name for path in GUESTS]
    sources = [path.name for path in (ROOT / "guests").iterdir() if path.is_dir() and path.name != "rust01"]
    sources += [path.stem for path in (ROOT / "tests").glob("*/guests/*.c")]
    assert "hello" in sources and "misbehave" in sources
    for source in sources:
        wanted = ".exe" if source == "pe" else source
        assert [name for name in names if wanted in name], f"{source} makes no guest that is tried here"
