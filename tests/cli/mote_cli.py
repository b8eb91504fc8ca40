# SPDX-License-Identifier: Apache-2.0
"""Running the command line from outside, and what its tests share."""

import json
import os
import re
import struct
import subprocess
import sys
from pathlib import Path

import pytest

SOURCE = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(SOURCE / "scripts"))
import hardware  # noqa: E402

BUILD = Path(os.environ.get("MOTE_BUILD_DIR", SOURCE / "build")).resolve()
MOTE = BUILD / "bin" / "mote"
HELLO = BUILD / "guests" / "hello.elf"
INFLATE = BUILD / "guests" / "inflate.elf"

ERROR_LINE = re.compile(rb"mote: (MOTE_E_[A-Z_]+): ([^\n]*)\n")
MAX_LINE_BYTES = 512
WAIT_S = 60
NOBODY = 65534

# Where there is no hypervisor the program says so, and runs the guest in a process: the tests that
# need a driver run there as well, without the note.
HAS_KVM = hardware.has_kvm()
NOTE = re.compile(rb"mote: note: isolation by driver process, not by hardware: kvm: [^\n]*\n")
DRIVER = "kvm" if HAS_KVM else "process"
needs_kvm = pytest.mark.skipif(not HAS_KVM, reason="/dev/kvm is missing or may not be opened")


class Run:
    """One finished run of the program."""

    def __init__(self, done):
        self.status = done.returncode
        self.out = done.stdout
        self.all_err = done.stderr
        self.err = done.stderr if HAS_KVM else NOTE.sub(b"", done.stderr)

    def error(self):
        """The code and text of the error line, which is the last of standard error."""
        lines = self.err.splitlines(keepends=True)
        assert lines, "no error line"
        assert len(lines[-1]) <= MAX_LINE_BYTES
        match = ERROR_LINE.fullmatch(lines[-1])
        assert match, lines[-1]
        return match[1].decode(), match[2].decode()

    def code(self):
        return self.error()[0]

    def text(self):
        return self.error()[1]

    def json(self):
        """The one line of JSON on standard output."""
        assert self.out.endswith(b"\n") and self.out.count(b"\n") == 1, self.out
        return json.loads(self.out.decode("utf-8"))


def mote(*words, **settings):
    """Run the program with words that are str, bytes or paths."""
    settings.setdefault("stdout", subprocess.PIPE)
    settings.setdefault("input", b"")
    done = subprocess.run(
        [MOTE, *map(os.fsencode, words)], stderr=subprocess.PIPE, timeout=WAIT_S, check=False,
        **settings)  # fmt: skip
    assert 0 <= done.returncode <= 6
    return Run(done)


def call(function, *words, guest=HELLO, **settings):
    return mote("call", guest, function, *words, **settings)


def result(function, *words, **settings):
    """Standard output of a call that succeeds and says nothing else."""
    done = call(function, *words, **settings)
    assert (done.status, done.err) == (0, b"")
    return done.out


def usage_error(*words, **settings):
    """The text of a usage error, whose JSON object has its keys and no others."""
    done = mote(*words, **settings)
    assert (done.status, done.out) == (2, b"")
    code, text = done.error()
    assert code == "MOTE_E_USAGE"
    in_json = mote(*words[:1], "--json", *words[1:], **settings)
    assert in_json.status == 2
    answer = in_json.json()
    assert list(answer) == ["ok", "class", "status", "code", "text", "argument"]
    assert (answer["ok"], answer["class"], answer["status"]) == (False, "usage", 2)
    assert answer["code"] == code
    return text, answer["argument"]


def patched(folder, offset, layout, *values, guest=HELLO):
    """A copy of a guest file with other values at an offset."""
    data = bytearray(Path(guest).read_bytes())
    struct.pack_into(layout, data, offset, *values)
    path = folder / "patched.elf"
    path.write_bytes(data)
    return path


def first_load_header(guest=HELLO):
    """The offset of the first PT_LOAD program header of an ELF file."""
    data = Path(guest).read_bytes()
    start, size, count = (
        struct.unpack_from("<Q", data, 0x20)[0],
        struct.unpack_from("<H", data, 0x36)[0],
        struct.unpack_from("<H", data, 0x38)[0],
    )
    for i in range(count):
        if struct.unpack_from("<I", data, start + i * size)[0] == 1:
            return start + i * size
    raise AssertionError("no PT_LOAD")
