# SPDX-License-Identifier: Apache-2.0
"""The structs that examples/11_python/mote.py declares lie in memory as those of include/mote/ do."""

import ctypes
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
BUILD = Path(os.environ.get("MOTE_BUILD_DIR", ROOT / "build"))
STRUCTS = {
    "mote_str_view": "View",
    "mote_bytes_view": "View",
    "mote_value": "Value",
    "mote_function": "Function",
    "mote_host_function": "HostFunction",
    "mote_fault": "Fault",
    "mote_limit": "Limit",
    "mote_load": "Load",
    "mote_error": "Error",
    "mote_config": "Config",
}
CONSTANTS = {
    "MOTE_POLICY_HARDWARE_PREFERRED": "POLICY_HARDWARE_PREFERRED",
    "MOTE_MAX_PARAMETERS": "MAX_PARAMETERS",
} | {f"MOTE_TYPE_{name}": name for name in
     ("I32", "U32", "I64", "U64", "F32", "F64", "STR", "BOOL", "BYTES", "VOID", "ANY")}  # fmt: skip


@pytest.fixture(scope="module")
def mote():
    """The example's module. It loads the library by its name, which has no path here."""
    load = ctypes.CDLL
    ctypes.CDLL = lambda name: load(str(BUILD / "lib" / name))
    sys.path.insert(0, str(ROOT / "examples/11_python"))
    sys.dont_write_bytecode = True
    try:
        import mote as module
    finally:
        ctypes.CDLL = load
    return module


def as_python_sees_it(mote):
    for struct, name in STRUCTS.items():
        declared = getattr(mote, name)
        yield f"{struct} {ctypes.sizeof(declared)}"
        for member, *_ in declared._fields_:
            field = getattr(declared, member)
            yield f"{struct}.{member.rstrip('_')} {field.offset} {field.size}"
    for constant, name in CONSTANTS.items():
        yield f"{constant} {getattr(mote, name)}"


def as_c_sees_it(mote, folder):
    lines = []
    for struct, name in STRUCTS.items():
        lines.append(f'    printf("{struct} %zu\\n", sizeof({struct}));')
        for member, *_ in getattr(mote, name)._fields_:
            member = member.rstrip("_")
            lines.append(f'    printf("{struct}.{member} %zu %zu\\n", offsetof({struct}, {member}),'
                         f" sizeof((({struct} *)0)->{member}));")  # fmt: skip
    lines += [f'    printf("{constant} %d\\n", {constant});' for constant in CONSTANTS]
    source = folder / "layout.c"
    source.write_text("#include <mote/mote.h>\n#include <stddef.h>\n#include <stdio.h>\n"
                      "int main(void)\n{\n" + "\n".join(lines) + "\n}\n")  # fmt: skip
    subprocess.run(["cc", "-I", ROOT / "include", source, "-o", folder / "layout"], check=True)
    done = subprocess.run([folder / "layout"], stdout=subprocess.PIPE, text=True, check=True)
    return done.stdout.splitlines()


def test_structs_and_constants_are_those_of_the_headers(mote, tmp_path):
    assert list(as_python_sees_it(mote)) == as_c_sees_it(mote, tmp_path)


def test_a_wrong_number_of_arguments_is_refused_before_the_library_sees_it(mote):
    with mote.Sandbox(BUILD / "examples/01_hello/guest.elf") as sandbox:
        with pytest.raises(TypeError, match="SayHello takes 1 arguments, not 0"):
            sandbox.call("SayHello")
        with pytest.raises(mote.MoteError, match="no function Sayhello"):
            sandbox.call("Sayhello", "World")
        assert sandbox.call("SayHello", "World") == "Hello, World!"


def test_text_keeps_its_nuls_in_both_directions(mote):
    with mote.Sandbox(BUILD / "examples/11_python/guest.elf") as sandbox:
        assert sandbox.call("Reverse", b"\0a\0") == b"\0a\0"
        assert sandbox.call("Reverse", b"") == b""
