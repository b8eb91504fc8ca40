# SPDX-License-Identifier: Apache-2.0
"""docs/first-hour.md is true: its commands print what it shows."""

import sys
from pathlib import Path

import pytest

SOURCE = Path(__file__).resolve().parents[2]
PAGE = SOURCE / "docs" / "first-hour.md"
sys.path.insert(0, str(SOURCE / "scripts"))

# pylint: disable=wrong-import-position
import replay  # noqa: E402

PAGE_OF_TWO = """\
**a.txt**, a file:

```text
hello
```

```console
$ cat a.txt
hello
$ false
$ echo $?
1
$ printf 'took 17 ms\\nand more\\nend'
took 3.5 ms
...
end
```
"""


@pytest.fixture(scope="module")
def runs():
    return replay.replay(PAGE)


@pytest.mark.parametrize("index", range(len(replay.read_steps(PAGE.read_text()))))
def test_step_prints_what_the_page_shows(runs, index):
    assert index < len(runs), f"the shell ended before: {runs[-1].printed}"
    run = runs[index]
    shown, printed = "\n".join(run.step.shown), "\n".join(run.printed)
    assert replay.matches(
        run.step.shown, run.printed, replay.hardware.has_kvm()
    ), f"{run.step.command}\n{shown}\n---\n{printed}"


def test_page_is_run_in_one_shell(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(PAGE_OF_TWO)
    found = replay.replay(page)
    assert [run.step.command for run in found][:2] == ["a.txt", "cat a.txt"]
    assert all(replay.matches(run.step.shown, run.printed) for run in found)


@pytest.mark.parametrize(
    "shown, printed, result",
    [
        (["a"], ["a"], True),
        (["a"], ["b"], False),
        (["a"], [], False),
        ([], ["a"], False),
        (["at 0x... in f"], ["at 0x12 in f"], True),
        (["at 0x... in f"], ["at 0x12 in g"], False),
        (["...", "z"], ["x", "y", "z"], True),
        (["...", "z"], ["z"], True),
        (["...", "z"], ["x", "y"], False),
        (["5 ms"], ["17.25 ms"], True),
        (["5 ms"], ["5 us"], False),
        (["5 bytes"], ["6 bytes"], False),
        (["a.b"], ["axb"], False),
    ],
)
def test_what_matches(shown, printed, result):
    assert replay.matches(shown, printed) == result


DOCTOR = ["driver kvm: works; hardware", "  measured: 5 us", "driver process: works"]
NO_KVM = ["driver kvm: does not work; hardware", "  reason: none", "  advice: none", "driver process: works"]
NOTE = "mote: note: isolation by driver process, not by hardware: kvm: open /dev/kvm: why"


@pytest.mark.parametrize(
    "shown, printed, result",
    [
        (DOCTOR, NO_KVM, True),
        (DOCTOR, DOCTOR, False),
        (["system calls  1.00... per call"], ["system calls  2.101 per call"], True),
        (["exits  1.00... per call"], ["exits  2.101 per call"], False),
        (["4"], [NOTE, "4"], True),
        (["4"], ["4", "mote: note: another"], False),
    ],
)
def test_what_matches_without_hardware(shown, printed, result):
    assert replay.matches(shown, printed, hardware=False) == result
    assert not replay.matches(shown, printed) or shown == printed
