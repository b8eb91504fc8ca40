# SPDX-License-Identifier: Apache-2.0
"""./dev soak in small: it passes on what it should, and notices each kind of leak."""

import json
import os
import re
import subprocess
from pathlib import Path

import pytest

SOURCE = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("MOTE_BUILD_DIR", SOURCE / "build"))


def soak(*arguments):
    return subprocess.run(
        [BUILD / "tests/support/soak", *arguments, BUILD / "guests/hello.elf"],
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


@pytest.fixture(params=["kvm", "process"])
def driver(request):
    if request.param not in drivers():
        pytest.skip(f"the driver {request.param} does not work here")
    return request.param


def test_lives_calls_and_cancels_leave_nothing_behind(driver):
    done = soak("--driver", driver, "--rounds", "50", "--calls", "1000", "--cancels", "200")
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.endswith("3 passed, 0 failed, 0 skipped\n")
    hits = [int(n) for n in re.findall(r"(\d+) of \d+ calls were cancelled", done.stdout)]
    assert sum(hits) > 0, "no cancel ever met a call"


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
    counts = ["--rounds", "30", "--calls", "0", "--cancels", "0"]
    done = soak("--driver", driver, *counts, "--spoil", leak)
    assert done.returncode == 1
    assert re.search(rf"^rounds: {what} grew from \d+ to \d+$", done.stdout, re.MULTILINE)
    assert done.stdout.endswith("0 passed, 1 failed, 0 skipped\n")
