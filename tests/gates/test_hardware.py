# SPDX-License-Identifier: Apache-2.0
"""What ./dev hw makes of what the machine printed; the machine itself takes too long here."""

import sys
from pathlib import Path

import pytest

SOURCE = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(SOURCE / "scripts"))
import run_hardware  # noqa: E402

ONE = "@@begin one_test\n1..2\nok 1 - test_a\nok 2 - test_b\n@@end one_test 0\n"
OTHER = "@@begin other_test\n1..1\nok 1 - test_c\n@@end other_test 0\n"


@pytest.fixture
def hw(tmp_path, monkeypatch, capsys):
    """Runs the script for the programs one_test and other_test on a machine that prints a text."""
    (tmp_path / "tests").mkdir()
    for name in ("one_test", "other_test"):
        (tmp_path / "tests" / name).touch()

    def run(printed, *patterns):
        words = ["run_hardware", "--build", str(tmp_path), *(patterns or ("one_test", "other_test"))]
        monkeypatch.setattr(run_hardware.machine, "run", lambda *_: printed)
        monkeypatch.setattr(sys, "argv", words)
        status = run_hardware.main()
        return status, capsys.readouterr().out

    return run


def test_all_that_passed_is_counted(hw):
    status, printed = hw(ONE + OTHER)
    assert status == 0
    assert printed.endswith("\nhardware KVM: 3 passed, 0 failed, 0 skipped\n")


def test_a_skip_fails(hw):
    """Where the machine has no KVM after all, every case of the driver is skipped."""
    skipped = OTHER.replace("ok 1 - test_c", "skipped: driver kvm does not work\nok 1 # SKIP test_c")
    status, printed = hw(ONE + skipped)
    assert status == 1
    assert "  skipped: test_c: skipped: driver kvm does not work\n" in printed
    assert printed.endswith("\nhardware KVM: 2 passed, 0 failed, 1 skipped\n")


@pytest.mark.parametrize(
    "printed",
    [
        OTHER.replace("ok 1", "not ok 1"),
        OTHER.replace("ok 1 - test_c\n", ""),
        OTHER.replace("1..1", "1..2"),
        OTHER.replace("other_test 0", "other_test 139"),
        OTHER.replace("@@end other_test 0\n", "\n@@timeout\n"),
        "",
    ],
)
def test_what_failed_died_or_is_missing_is_one_failure(hw, printed):
    status, text = hw(ONE + printed)
    assert status == 1
    assert ", 1 failed, 0 skipped\n" in text.splitlines(keepends=True)[-1]


def test_a_pattern_of_no_program_is_refused(hw):
    with pytest.raises(SystemExit, match="no program is named gone"):
        hw(ONE + OTHER, "one_test", "gone*_test")
