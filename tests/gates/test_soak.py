# SPDX-License-Identifier: Apache-2.0
"""./dev soak in small: it passes on what it should, and notices each kind of leak."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

SOURCE = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(SOURCE / "scripts"))
import soak as soak_parts  # noqa: E402

BUILD = Path(os.environ.get("MOTE_BUILD_DIR", SOURCE / "build"))


def started(program, *arguments):
    """The command line: "futex" is the process driver where it has to wait by futex."""
    under = [BUILD / "tests/support/without_listener"] if "futex" in arguments else []
    rest = ["process" if argument == "futex" else argument for argument in arguments]
    return [*under, BUILD / "tests/support" / program, *rest]


def soak(*arguments):
    return subprocess.run(
        [*started("soak", *arguments), BUILD / "guests/hello.elf"],
        capture_output=True,
        text=True,
        check=False,
    )


def drivers():
    """The drivers that work here."""
    done = subprocess.run(
        [BUILD / "bin/mote", "doctor", "--json"], capture_output=True, text=True, check=False
    )
    return [row["name"] for row in json.loads(done.stdout)["drivers"] if row["works"]]


@pytest.fixture(params=["kvm", "process", "futex"])
def driver(request):
    name = "process" if request.param == "futex" else request.param
    if name not in drivers():
        pytest.skip(f"the driver {request.param} does not work here")
    return request.param


NONE = ["--rounds", "0", "--calls", "0", "--resets", "0", "--failures", "0", "--cancels", "0"]


def test_lives_calls_and_cancels_leave_nothing_behind(driver):
    counts = ["--rounds", "50", "--calls", "1000", "--cancels", "200"]
    done = soak("--driver", driver, *NONE, *counts)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.endswith("3 passed, 0 failed, 0 skipped\n")
    hits = [int(n) for n in re.findall(r"(\d+) of \d+ calls were cancelled", done.stdout)]
    assert sum(hits) > 0, "no cancel ever met a call"


def test_restores_leave_nothing_behind(driver):
    done = soak("--driver", driver, *NONE, "--resets", "2000")
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.endswith("1 passed, 0 failed, 0 skipped\n")


def test_failures_that_are_restored_leave_nothing_behind(driver):
    done = soak("--driver", driver, *NONE, "--failures", "500")
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.endswith("1 passed, 0 failed, 0 skipped\n")


def test_no_part_at_all_fails(driver):
    done = soak("--driver", driver, *NONE)
    assert (done.returncode, done.stdout) == (1, "0 passed, 0 failed, 0 skipped\n")


def lateness(driver, *arguments, guest=BUILD / "guests/hostile.elf"):
    return subprocess.run(
        [*started("lateness", "--driver", driver, "--times", "3", *arguments), guest],
        capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_endless_loops_end(driver):
    """How late is for ./dev soak to judge: other tests may run beside this one."""
    done = lateness(driver, "--most-us", "5000000")
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.endswith("22 passed, 0 failed, 0 skipped\n")
    assert len(re.findall(r"us median|faults at once", done.stdout)) == 22


def test_lateness_is_noticed(driver):
    done = lateness(driver, "--most-us", "0")
    assert done.returncode == 1
    assert done.stdout.count("LATE") >= 20


FAULTS = """#include <mote_guest/moteg.h>
MOTEG_FUNCTION(void, Loop, (u32, kind)) { (void)kind; __builtin_trap(); }
MOTEG_FUNCTION(void, HostCallForever) { __builtin_trap(); }
MOTEG_FUNCTION(void, LogForever) { __builtin_trap(); }
MOTEG_FUNCTION(void, PrintForever) { __builtin_trap(); }
MOTEG_FUNCTION(void, LoopForever) { __builtin_trap(); }
"""


def test_loops_that_are_none_are_noticed(driver, tmp_path):
    """Interrupts and split locks alone may end at once."""
    (tmp_path / "guest.c").write_text(FAULTS)
    command = [BUILD / "bin/mote-cc", tmp_path / "guest.c", "-o", tmp_path / "guest.elf"]
    subprocess.run(command, check=True)
    done = lateness(driver, guest=tmp_path / "guest.elf")
    assert done.returncode == 1
    assert done.stdout.count("NO LOOP") == 18
    assert done.stdout.endswith("\n4 passed, 18 failed, 0 skipped\n")


PARTS = [
    ("[  PASSED  ] 2 test(s).\n", 0, (2, 0)),
    ("[  FAILED  ] 1 test(s), listed below:\n[  PASSED  ] 1 test(s).\n", 1, (1, 1)),
    ("3 passed, 0 failed, 0 skipped\n", 0, (3, 0)),
    ("2 passed, 1 failed, 0 skipped\n", 1, (2, 1)),
    ("3 passed, 0 failed, 0 skipped\n", 9, (3, 1)),
    ("calls: 1000 after 2 s\n", 0, (0, 1)),
]


@pytest.mark.parametrize("text, status, wanted", PARTS)
def test_a_part_that_counts_nothing_or_dies_has_failed(tmp_path, text, status, wanted):
    program = tmp_path / "part"
    program.write_text(f"#!/bin/sh\nprintf '{text}'\nexit {status}\n")
    program.chmod(0o755)
    assert soak_parts.run("a part", [program], {}) == wanted


@pytest.mark.parametrize(
    "leak, what",
    [
        ("memory", "resident bytes"),
        ("descriptor", "descriptors"),
        ("mapping", "mappings"),
        ("thread", "threads"),
    ],
)
def test_a_leak_is_noticed(driver, leak, what):
    done = soak("--driver", driver, *NONE, "--rounds", "30", "--spoil", leak)
    assert done.returncode == 1
    assert re.search(rf"^rounds: {what} grew from \d+ to \d+$", done.stdout, re.MULTILINE)
    assert done.stdout.endswith("0 passed, 1 failed, 0 skipped\n")
