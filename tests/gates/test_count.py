# SPDX-License-Identifier: Apache-2.0
"""What ./dev count makes of what the machine printed; the machine itself takes too long here."""

import sys
from pathlib import Path

import pytest

SOURCE = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(SOURCE / "scripts"))
import count_instructions as count  # noqa: E402

PRINTED = """Booting from ROM..c[2J@@begin
{"floors":{"run":{"median_us":3.0}},"figures":{"call":{"median_us":4.5,"system_calls":1},\
"host call":{"median_us":6.0,"system_calls":2}}}
@@end 0
@@begin
0x555500000000 0x205000 10
@@end 0
"""
KERNEL, MOTE, GUEST = "ffffffff81000000", "555500001000", "206020"


@pytest.fixture
def counted():
    return count.operations(count.read_report(count.sections(PRINTED)[0]))


@pytest.fixture
def profile(tmp_path):
    path = tmp_path / "counts"
    path.write_text(f"0 {GUEST} 5\n1 {KERNEL} 30000\n1 {MOTE} 20000\n1 {GUEST} 10000\n")
    return count.read_profile(path, count.sections(PRINTED)[1])


def test_a_host_call_stands_with_its_call(counted):
    assert [(o.name, o.kilo_instructions, o.ratio) for o in counted] == [
        ("bare KVM_RUN", 3.0, 1.0),
        ("call", 4.5, 1.5),
        ("call with a host call", 10.5, 3.5),
    ]
    assert [o.system_calls for o in counted] == [1, 1, 2]


def test_instructions_are_told_apart_by_address(profile):
    assert [profile.kilo(1, part) for part in count.PARTS] == [3.0, 2.0, 1.0]
    assert profile.guest_start == 0x205000


def test_a_program_that_fails_gives_nothing(tmp_path):
    failed = count.sections(PRINTED.replace("@@end 0", "@@end 1"))
    assert failed == [None, None]
    assert count.read_report(failed[0]) is None
    assert count.read_profile(tmp_path / "none", failed[1]) is None
    assert count.sections("panic") == [None, None]


def test_growth_up_to_three_percent_passes(counted):
    recorded = {"bare KVM_RUN": 1.0, "call": 1.5 / 1.0299, "call with a host call": 3.5}
    assert count.judge(counted, recorded) == []


def test_growth_of_more_fails_and_says_how_much(counted):
    recorded = {"bare KVM_RUN": 1.0, "call": 1.5 / 1.0301, "call with a host call": 4.0}
    problems = count.judge(counted, recorded)
    assert len(problems) == 1
    assert problems[0].startswith("call: ratio 1.500, 3.0 % over 1.456")


def test_what_was_never_recorded_fails(counted):
    assert len(count.judge(counted, {})) == 3


def test_recording_keeps_the_text_around_the_table(tmp_path, counted, profile):
    path = tmp_path / "table"
    path.write_text("# above\noperation\nbare KVM_RUN  1  1\n\n# below\n")
    made = count.table(counted, profile)
    count.record(path, made)
    count.record(path, made)
    assert path.read_text() == f"# above\n{made}\n# below\n"
    assert count.recorded_ratios(path.read_text()) == {o.name: o.ratio for o in counted}
    assert "MISSED" in made and "2.7" in made


def test_a_file_without_a_table_is_left_alone(tmp_path, counted, profile):
    path = tmp_path / "table"
    path.write_text("# nothing\n")
    with pytest.raises(ValueError, match="no table"):
        count.record(path, count.table(counted, profile))
    assert path.read_text() == "# nothing\n"


def test_the_recorded_table_has_every_operation():
    assert set(count.recorded_ratios(count.TABLE.read_text(encoding="utf-8"))) == set(count.OTHERS)


def test_symbols_are_found_by_address():
    symbols = count.Symbols("0000000000000010 t first\n0000000000000020 T second\n", 0x1000)
    assert [symbols.name(a) for a in (0x100F, 0x1010, 0x101F, 0x1020)] == [
        "?", "first", "first", "second",
    ]  # fmt: skip
