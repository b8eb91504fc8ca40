# SPDX-License-Identifier: Apache-2.0
"""A sandbox that a failed case leaves behind ends no test program, and hides nothing."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

SOURCE = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(SOURCE / "scripts"))
import hardware  # noqa: E402

BUILD = Path(os.environ.get("MOTE_BUILD_DIR", SOURCE / "build"))

pytestmark = pytest.mark.skipif(not hardware.has_kvm(), reason="no access to /dev/kvm")


def run(*arguments):
    environment = {**os.environ, "MOTE_TEST_DRIVER": "kvm", "CMOCKA_MESSAGE_OUTPUT": "tap"}
    return subprocess.run([BUILD / "tests/support/leak", *arguments], env=environment, text=True,
                          capture_output=True, timeout=60, check=False)  # fmt: skip


def test_the_cases_after_a_failed_one_run():
    done = run()
    assert done.returncode > 0, done.stdout
    assert "not ok 1 - test_leaves_a_sandbox" in done.stdout
    assert "\nok 2 - test_comes_after_it" in done.stdout


def test_a_signal_that_comes_though_no_case_failed_is_a_failure():
    done = run("stray")
    assert "\nok 2 - test_comes_after_it" in done.stdout
    assert "not ok" not in done.stdout
    assert done.returncode == 99
