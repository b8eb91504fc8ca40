# SPDX-License-Identifier: Apache-2.0
"""A guest that declares no functions: it is asked at run time, for a result of a type that is told."""

import re
import subprocess

import pytest
from mote_cli import BUILD, HELLO, call, mote

GUEST = BUILD / "guests" / "abi01.elf"


def test_list_says_that_functions_register_at_run_time():
    done = mote("list", GUEST)
    assert (done.status, done.out) == (0, b"")
    assert b"register at run time" in done.err


def test_inspect_names_the_abi_and_the_default_sizes():
    answer = mote("inspect", GUEST, "--json").json()
    assert answer["abi"] == "hyperlight 0.1"
    assert (answer["heap_bytes"], answer["stack_bytes"]) == (128 << 10, 64 << 10)
    assert b"functions    register at run time\n" in mote("inspect", GUEST).out


@pytest.mark.parametrize("command", ["call", "bench"])
def test_the_type_of_the_result_is_needed(command):
    done = mote(command, GUEST, "Echo", "str:hi")
    assert (done.status, done.out, done.code()) == (2, b"", "MOTE_E_TYPE")
    assert "--returns" in done.text()


def test_a_result_of_the_type_asked_for():
    done = call("Echo", "str:hi", "--returns", "str", guest=GUEST)
    assert (done.status, done.out, done.err) == (0, b"hi\n", b"")


def test_a_result_of_another_type_is_a_protocol_violation():
    done = call("Echo", "str:hi", "--returns", "i32", "--json", guest=GUEST)
    answer = done.json()
    assert (done.status, done.code()) == (4, "MOTE_E_PROTOCOL")
    assert list(answer) == ["ok", "class", "status", "code", "text", "protocol"]
    assert (answer["class"], answer["status"]) == ("guest-fault", 4)
    assert list(answer["protocol"]) == ["buffer", "field", "value"]
    assert answer["protocol"]["buffer"] == "output"
    assert re.fullmatch("0x[0-9a-f]+", answer["protocol"]["value"])


def test_an_unknown_function_is_answered_by_the_guest():
    answer = call("NoSuch", "--returns", "str", "--json", guest=GUEST).json()
    assert (answer["class"], answer["status"]) == ("guest-error", 1)
    assert answer["guest"] == {"code": 4, "name": "GuestFunctionNotFound", "message": "NoSuch"}


def test_wrong_arguments_are_answered_by_the_guest():
    answer = call("Echo", "i32:1", "--returns", "str", "--json", guest=GUEST).json()
    assert (answer["status"], answer["guest"]["code"]) == (1, 14)


def test_bench_of_such_a_guest():
    answer = mote("bench", GUEST, "Echo", "str:hi", "--returns", "str", "--calls", "20", "--json").json()
    assert (answer["ok"], answer["calls"]) == (True, 20)


OPEN_GUEST = """
#include <mote_guest/moteg.h>
%s
moteg_value moteg_fallback(const moteg_call *call)
{
    return (moteg_value){.type = MOTEG_TYPE_U64, .as.u64 = call->n_args};
}
"""


def open_guest(folder, function):
    """A guest of mote's own ABI that takes calls of any name, and may declare a function besides."""
    source = folder / "open.c"
    source.write_text(OPEN_GUEST % function)
    subprocess.run([BUILD / "bin" / "mote-cc", source, "-o", folder / "open.elf"], check=True)
    return folder / "open.elf"


def test_list_says_so_of_a_guest_of_either_abi(tmp_path):
    for guest in (BUILD / "guests" / "c01_simple.elf", open_guest(tmp_path, "")):
        done = mote("list", guest)
        assert (done.status, done.out) == (0, b"")
        assert done.err.count(b"\n") == 1 and b"register at run time" in done.err
        answer = mote("list", guest, "--json").json()
        assert (answer["abi"], answer["functions"], answer["other_functions"]) == ("mote 1", None, True)


def test_list_says_so_of_a_guest_that_declares_some_of_its_functions(tmp_path):
    guest = open_guest(tmp_path, "MOTEG_FUNCTION(void, Nothing) {}")
    done = mote("list", guest)
    assert (done.status, done.out) == (0, b"Nothing() -> void\n")
    assert done.err.count(b"\n") == 1 and b"register at run time" in done.err
    answer = mote("list", guest, "--json").json()
    assert [function["name"] for function in answer["functions"]] == ["Nothing"]
    assert answer["other_functions"] is True


def test_list_says_nothing_of_a_guest_that_declares_them_all():
    done = mote("list", HELLO, "--json")
    assert (done.err, done.json()["other_functions"]) == (b"", False)
