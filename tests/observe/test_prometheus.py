# SPDX-License-Identifier: Apache-2.0
"""The text of the metrics: promtool accepts it, no label is open, and the documentation lists all."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

SOURCE = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("MOTE_BUILD_DIR", SOURCE / "build")).resolve()
PAGE = SOURCE / "docs/observability.md"
SAMPLE = re.compile(r'^(?P<name>[a-z_]+)(?:\{(?P<label>[a-z_]+)="(?P<value>[^"]*)"\})? [0-9.]+$')
LABELS = {
    "outcome": re.compile(r"ok|guest_error|usage|load|guest_fault|time_limit|host"),
    "kind": re.compile(r"port|fault|refused|interrupted|died"),
    "error_code": re.compile(r"[1-5]?[0-9]|6[0-3]|other"),
    "le": re.compile(r"\d+\.\d{6}|\+Inf"),
}


def exposition(*arguments):
    done = subprocess.run([BUILD / "tests/support/exposition", *arguments], check=True,
                          stdout=subprocess.PIPE, text=True)  # fmt: skip
    return done.stdout


def judge(text):
    """What promtool says of metrics: its status, and its complaints."""
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is not installed (Debian package prometheus)")
    done = subprocess.run([promtool, "check", "metrics"], input=text, text=True, check=False,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)  # fmt: skip
    return done.returncode, done.stdout


@pytest.mark.parametrize("arguments", [[], ["none"]])
def test_promtool_has_no_complaint(arguments):
    assert judge(exposition(*arguments)) == (0, "")


def test_promtool_would_complain():
    assert judge("# TYPE mote_calls counter\nmote_calls 1\n")[0] != 0
    assert judge(exposition().replace('outcome="ok"', 'outcome="o\nk"'))[0] != 0


def test_labels_come_from_closed_sets():
    samples = [SAMPLE.match(line) for line in exposition().splitlines() if line[0] != "#"]
    assert len(samples) > 200 and all(samples)
    for sample in samples:
        if sample["label"] is not None:
            assert LABELS[sample["label"]].fullmatch(sample["value"]), sample[0]


def test_series_are_unique():
    series = [line.rsplit(" ", 1)[0] for line in exposition().splitlines() if line[0] != "#"]
    assert len(series) == len(set(series))


def test_every_metric_is_documented_and_no_other():
    types = re.findall(r"^# TYPE (mote_\w+) (\w+)$", exposition(), re.MULTILINE)
    rows = re.findall(r"^\| `(mote_\w+)` \| (\w+) \|", PAGE.read_text("utf-8"), re.MULTILINE)
    assert len(types) == 20
    assert sorted(rows) == sorted(types)
