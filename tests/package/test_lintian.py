# SPDX-License-Identifier: Apache-2.0
"""What ./dev package --check makes of what lintian says; packages take too long here."""

import os
import sys
from pathlib import Path

import pytest

SOURCE = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(SOURCE / "scripts"))
import package  # noqa: E402


@pytest.mark.parametrize(
    "script, problems",
    [
        ("exit 0", []),
        ("echo W: mote: a-tag", ["W: mote: a-tag"]),
        ("echo E: mote: a-tag; exit 2", ["E: mote: a-tag"]),
        ("kill -KILL $$", ["lintian ended with status -9"]),
    ],
)
def test_lintian_has_nothing_to_say_only_when_it_ended_well(tmp_path, monkeypatch, script, problems):
    (tmp_path / "lintian").write_text(f"#!/bin/sh\n{script}\n")
    (tmp_path / "lintian").chmod(0o755)
    (tmp_path / "x.changes").touch()
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    assert package.lint(tmp_path) == problems
