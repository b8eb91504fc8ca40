# SPDX-License-Identifier: Apache-2.0
"""A warm call is one system call, with the default time limit in force."""

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

SOURCE = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(SOURCE / "scripts"))
import hardware  # noqa: E402

BUILD = Path(os.environ.get("MOTE_BUILD_DIR", SOURCE / "build"))


def trace(n_calls, folder, *more):
    """Count the system calls of a program that makes n_calls warm calls; KVM_RUN by its own name."""
    log = folder / f"strace-{n_calls}"
    program = [BUILD / "tests/support/warm_call", BUILD / "guests/hello.elf", str(n_calls), *more]
    subprocess.run(["strace", "-f", "-o", log, *program], check=True)
    counts = Counter()
    for line in log.read_text(encoding="utf-8").splitlines():
        words = line.split(None, 1)[1]
        if "resumed>" in words or words.startswith(("---", "+++")):
            continue
        name = words.split("(", 1)[0]
        counts["KVM_RUN" if "KVM_RUN" in words else name] += 1
    return counts


@pytest.mark.skipif(not hardware.has_kvm(), reason="no access to /dev/kvm")
@pytest.mark.parametrize("more", [[], ["counted"]])
def test_a_warm_call_is_one_system_call(tmp_path, more):
    twenty = trace(20000, tmp_path, *more)
    ten = trace(10000, tmp_path, *more)
    added = Counter({name: twenty[name] - ten[name] for name in twenty | ten})
    others = sum(abs(n) for name, n in added.items() if name != "KVM_RUN")
    assert 10000 <= added["KVM_RUN"] <= 10020, added
    assert others < 20, added
    assert twenty["rt_sigaction"] == 0 and ten["rt_sigaction"] == 0
    assert twenty["clone"] == 0 and twenty["clone3"] == 0


@pytest.mark.skipif(not hardware.has_kvm(), reason="no access to /dev/kvm")
def test_the_timer_is_one_per_thread(tmp_path):
    counts = trace(1000, tmp_path)
    assert counts["timer_create"] == 1 and counts["timer_delete"] == 1
