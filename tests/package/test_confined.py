# SPDX-License-Identifier: Apache-2.0
"""What mote does for a user who has nothing: no privilege, no capability, no /proc, no /dev."""

import gzip
import os
import subprocess
from pathlib import Path

import pytest

SOURCE = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("MOTE_BUILD_DIR", SOURCE / "build")).resolve()
MOTE, GUESTS = BUILD / "bin/mote", BUILD / "guests"
LIMIT_S = 60
# In namespaces of its own, where it is root of nothing: first what is left, then the command.
CONFINE = """
set -e
mount -t tmpfs -o ro none /proc
mount -t tmpfs -o ro none /dev
exec setpriv --no-new-privs --bounding-set=-all --inh-caps=-all sh -c '
    setpriv --dump >&2
    echo "files: $(ls -A /proc /dev | grep -v : | wc -w)" >&2
    exec env -i "$@"' sh "$@"
"""
LEFT = ["no_new_privs: 1", "Capability bounding set: [none]", "Inheritable capabilities: [none]",
        "files: 0"]  # fmt: skip
NOTE = "mote: note: isolation by driver process, not by hardware: kvm: open /dev/kvm: "


def confined(*command, **settings):
    """Runs a command without anything; returns status, output and what else it said."""
    words = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", CONFINE, "sh", *command]
    done = subprocess.run(list(map(str, words)), capture_output=True, timeout=LIMIT_S, check=False,
                          **settings)  # fmt: skip
    said = done.stderr.decode()
    for line in LEFT:
        assert f"{line}\n" in said, said
    return done.returncode, done.stdout, said.split("files: 0\n")[1]


@pytest.fixture(autouse=True)
def namespaces():
    done = subprocess.run(["unshare", "--user", "--map-root-user", "--mount", "true"],
                          stderr=subprocess.PIPE, text=True, check=False)  # fmt: skip
    if done.returncode != 0:
        pytest.skip(f"namespaces are not to be had here: {done.stderr.strip()}")


def test_a_guest_is_called():
    status, out, said = confined(MOTE, "call", GUESTS / "hello.elf", "SayHello", "str:nobody")
    assert (status, out) == (0, b"Hello, nobody!\n"), said
    assert said == f"{NOTE}No such file or directory\n"


def test_a_guest_decompresses():
    plain = b"".join(b"line %d\n" % i for i in range(100_000))
    command = [MOTE, "call", GUESTS / "inflate.elf", "Inflate", "bytes:-"]
    status, out, said = confined(*command, input=gzip.compress(plain))
    assert status == 0, said
    assert out == plain


@pytest.mark.parametrize(
    "function, status, code",
    [("Crash", 4, "MOTE_E_GUEST_FAULT"), ("Spin", 5, "MOTE_E_TIME_LIMIT")],
)
def test_a_guest_is_stopped(function, status, code):
    given, _, said = confined(MOTE, "call", GUESTS / "hello.elf", function, "--time-limit", "100ms")
    assert given == status
    assert f"\nmote: {code}: " in said


@pytest.mark.parametrize(
    "program", ["api_call_test", "api_host_function_test", "record_sandbox_c_test", "record_threads_c_test"]
)
def test_the_tests_pass(program):
    """Among them snapshots, restores, and a hundred sandboxes at once."""
    status, out, said = confined("MOTE_TEST_DRIVER=process", BUILD / "tests" / program)
    assert status == 0, out.decode() + said
    printed = out.decode() + said
    assert "[  PASSED  ]" in printed and "SKIPPED" not in printed
