# SPDX-License-Identifier: Apache-2.0
"""Calls that fail: every class, its status, its line and its JSON object."""

import re
import resource
import time

import pytest
from mote_cli import DRIVER, HELLO, call, mote, patched

ADDRESS = re.compile("0x[0-9a-f]+")
# Longer than any call that ends at its limit, on however busy a machine.
ENDLESS_S = 30
COMMON_KEYS = ["ok", "class", "status", "code", "text"]


def failure(function, *words, status, code, class_name, objects, **settings):
    """The JSON object of a failed call, which has the common keys and those named."""
    done = call(function, *words, **settings)
    assert (done.status, done.out) == (status, b"")
    line_code, _ = done.error()
    assert line_code == code
    in_json = call(function, *words, "--json", **settings)
    answer = in_json.json()
    assert in_json.status == status
    assert in_json.code() == code
    assert list(answer) == COMMON_KEYS + objects
    assert (answer["ok"], answer["class"], answer["status"]) == (False, class_name, status)
    assert answer["code"] == code
    return answer


def guest_error(function, *words, **settings):
    answer = failure(function, *words, status=1, code="MOTE_E_GUEST_ERROR", class_name="guest-error",
                     objects=["guest"], **settings)  # fmt: skip
    assert list(answer["guest"]) == ["code", "name", "message"]
    return answer


def fault(function, *words, **settings):
    answer = failure(function, *words, status=4, code="MOTE_E_GUEST_FAULT", class_name="guest-fault",
                     objects=["fault"], **settings)  # fmt: skip
    facts = answer["fault"]
    keys = ["cause", "vector", "name", "error_code", "access", "rip", "rsp", "address", "region", "symbol"]
    assert list(facts)[: len(keys)] == keys
    assert ADDRESS.fullmatch(facts["rip"]) and ADDRESS.fullmatch(facts["rsp"])
    return answer


# ---- The guest's own errors, and the check before it ----


def test_the_guests_own_error():
    answer = guest_error("Fail", "i32:15", "str:boom")
    assert answer["guest"] == {"code": 15, "name": "GuestError", "message": "boom"}
    assert "boom" in answer["text"]


def test_an_empty_message_is_empty_and_not_missing():
    assert guest_error("Fail", "i32:15", "str:")["guest"]["message"] == ""


def test_a_code_without_a_name():
    assert guest_error("Fail", "i32:4242", "str:x")["guest"]["name"] == "UnknownError"


def test_an_unknown_function_is_answered_with_near_names_and_their_types():
    answer = guest_error("Ad", "i32:1", "i32:2")
    assert answer["guest"] == {"code": 4, "name": "GuestFunctionNotFound", "message": "Ad"}
    assert "Ad" in answer["text"] and "Add(i32, i32) -> i32" in answer["text"]


def test_a_wrong_type_is_answered_with_function_number_wanted_and_got():
    answer = guest_error("EchoStr", "i32:1")
    message = "Expected parameter type String for parameter index 0 of function EchoStr but got Int."
    assert answer["guest"]["code"] == 14
    assert answer["guest"]["name"] == "GuestFunctionParameterTypeMismatch"
    assert answer["guest"]["message"] == message
    for part in ("EchoStr", "0", "String", "Int"):
        assert part in answer["text"]


def test_the_number_of_the_wrong_parameter_counts():
    assert "parameter index 1 of" in guest_error("Add", "i32:1", "u32:1")["guest"]["message"]


@pytest.mark.parametrize("words", [[], ["i32:1"], ["i32:1"] * 3, ["i32:1"] * 11])
def test_a_wrong_number_of_arguments(words):
    answer = guest_error("Add", *words)
    assert answer["guest"]["code"] == 5
    assert answer["guest"]["name"] == "GuestFunctionIncorrecNoOfParameters"
    assert answer["guest"]["message"] == f"Called function Add with {len(words)} parameters but it takes 2."


def test_a_type_that_differs_from_the_declared_one_is_a_usage_error():
    answer = failure("Add", "i32:1", "i32:2", "--returns", "i64", status=2, code="MOTE_E_TYPE",
                     class_name="usage", objects=["argument"])  # fmt: skip
    for part in ("Add", "i32", "i64"):
        assert part in answer["text"]


# ---- The order of the checks ----


def test_words_come_before_the_file():
    assert call("F", "i32:x", guest="no/such.elf").status == 2
    assert call("F", "--heap", "9G", guest="no/such.elf").status == 2
    assert call("F", "bytes:@no/such", guest="no/such.elf").status == 2


def test_the_file_comes_before_the_function():
    assert call("NoSuch", "i32:1", "--returns", "i64", guest="no/such.elf").status == 3


def test_the_function_and_its_arguments_come_before_the_type():
    assert call("NoSuch", "--returns", "i64").status == 1
    assert call("Add", "--returns", "i64").status == 1
    assert call("Add", "i32:1", "str:x", "--returns", "i64").status == 1
    assert call("Add", "i32:1", "i32:2", "--returns", "i64").status == 2


# ---- Memory ----


def test_too_much_memory_is_answered_with_what_was_asked_for_and_what_there_is():
    answer = guest_error("Allocate", "u64:1000000000", "--heap", "1M")
    assert (answer["guest"]["code"], answer["guest"]["name"]) == (13, "MallocFailed")
    assert "1000000000" in answer["text"]
    assert re.search(r"\b1048576\b|\b1 MiB\b|\b1024 KiB\b", answer["text"])


def test_the_heap_option_counts():
    assert call("Allocate", "u64:4000000").status == 1
    assert call("Allocate", "u64:4000000", "--heap", "8M").status == 0


# ---- Faults ----


def test_a_crash_is_told_with_vector_address_region_function_and_source_line():
    answer = fault("Crash")
    facts = answer["fault"]
    assert (facts["cause"], facts["vector"], facts["name"]) == ("null pointer", 14, "#PF")
    assert (facts["access"], facts["address"]) == ("write", "0x0")
    assert facts["symbol"].startswith("crash_here+0x")
    line = re.fullmatch(
        r"vector 14 \(#PF\), null pointer: write at 0x0[^,]*, rip 0x[0-9a-f]+ in "
        r"crash_here\+0x[0-9a-f]+ at hello\.c:(\d+)",
        answer["text"],
    )
    assert line, answer["text"]
    assert facts["source"] == {"file": "hello.c", "line": int(line[1]), "function": "crash_here"}


def test_a_stack_overflow_is_told():
    answer = fault("Recurse")
    facts = answer["fault"]
    assert (facts["cause"], facts["vector"], facts["region"]) == ("stack overflow", 14, "guard")
    assert facts["access"] == "write"
    assert isinstance(facts["error_code"], int)
    assert facts["symbol"].startswith("recurse")
    assert re.match(
        r"vector 14 \(#PF\), stack overflow: write at 0x[0-9a-f]+ in guard, "
        r"rip 0x[0-9a-f]+ in recurse\+0x[0-9a-f]+ at hello\.c:\d+$",
        answer["text"],
    )


def test_a_division_by_zero_has_neither_address_nor_error_code():
    facts = fault("Divide", "i32:1", "i32:0")["fault"]
    assert (facts["vector"], facts["name"]) == (0, "#DE")
    for key in ("error_code", "access", "address", "region"):
        assert facts[key] is None


def test_debug_information_that_lies_changes_no_status(tmp_path):
    """Sections of debug information are noise: the fault is told all the same."""
    data = bytearray(HELLO.read_bytes())
    start = data.index(b"crash_here")
    tail = range(start - start % 16, len(data) - 0x1000, 7)
    for at in tail:
        data[at] ^= 0x5A
    path = tmp_path / "lies.elf"
    path.write_bytes(data)
    done = call("Crash", guest=path)
    assert done.status in (3, 4)


def test_an_abort_is_told_with_code_and_message():
    answer = failure("Abort", "u32:13", "str:out of cheese", status=4, code="MOTE_E_GUEST_ABORT",
                     class_name="guest-fault", objects=["abort"])  # fmt: skip
    assert answer["abort"] == {"code": 13, "message": "out of cheese"}
    assert "13" in answer["text"] and "out of cheese" in answer["text"]
    assert "vector" not in answer["text"]


def test_an_abort_without_a_message_has_none():
    assert call("Abort", "u32:13", "str:", "--json").json()["abort"] == {"code": 13, "message": None}


# ---- Limits ----


def time_limit(function, *words):
    answer = failure(function, *words, status=5, code="MOTE_E_TIME_LIMIT", class_name="time-limit",
                     objects=["limit"])  # fmt: skip
    assert list(answer["limit"]) == ["kind", "phase", "limit_us", "elapsed_us"]
    return answer


def test_an_endless_loop_is_ended_with_limit_and_elapsed_time():
    answer = time_limit("Spin", "--time-limit", "200ms")
    limit = answer["limit"]
    assert (limit["kind"], limit["phase"], limit["limit_us"]) == ("wall", "call", 200000)
    assert 200000 <= limit["elapsed_us"] < ENDLESS_S * 1000000
    assert "200000" in answer["text"] and str(limit["elapsed_us"]) in answer["text"]


def test_a_limit_on_processor_time_says_which_it_is():
    limit = time_limit("Spin", "--cpu-limit", "50ms", "--time-limit", "20s")["limit"]
    assert (limit["kind"], limit["phase"], limit["limit_us"]) == ("cpu", "call", 50000)
    assert 50000 <= limit["elapsed_us"] < ENDLESS_S * 1000000


def test_a_limit_is_on_without_an_option():
    started = time.monotonic()
    assert call("Spin").status == 5
    assert 1.0 <= time.monotonic() - started < ENDLESS_S


@pytest.mark.parametrize("duration, limit_us", [("50", 50000), ("50ms", 50000), ("70000us", 70000), ("1s", 1000000)])
def test_units_of_a_limit(duration, limit_us):
    assert call("Spin", "--time-limit", duration, "--json").json()["limit"]["limit_us"] == limit_us


def test_the_initialisation_has_a_limit_of_its_own():
    done = call("Nothing", "--init-limit", "1us", "--json")
    answer = done.json()
    assert done.status == 5
    assert (answer["limit"]["phase"], answer["limit"]["limit_us"]) == ("init", 1)


# ---- The host ----


@pytest.mark.parametrize("kind, value", [("i32", "1"), ("str", "x"), ("bytes", "hex=00"), ("bool", "true")])
def test_a_host_function_that_nobody_exposed(kind, value):
    function = "HostEcho" + kind.capitalize()
    answer = failure(function, f"{kind}:{value}", status=6, code="MOTE_E_HOST_FUNCTION_UNKNOWN",
                     class_name="host", objects=["host_function"])  # fmt: skip
    assert list(answer["host_function"]) == ["name", "code", "message"]
    assert answer["host_function"]["name"] == "Echo" + kind.capitalize()
    assert answer["host_function"]["code"] is None


def test_descriptors_for_the_file_but_not_for_the_machine():
    def limit():
        resource.setrlimit(resource.RLIMIT_NOFILE, (4, 4))

    done = call("Nothing", "--json", "--driver", DRIVER, preexec_fn=limit)
    answer = done.json()
    assert done.status == 6
    assert list(answer) == COMMON_KEYS + ["host"]
    assert list(answer["host"]) == ["operation", "errno", "errno_name"]
    assert (answer["host"]["errno"], answer["host"]["errno_name"]) == (24, "EMFILE")


def test_arguments_that_do_not_fit_the_chosen_input_are_a_usage_error():
    done = call("Sum", "bytes:-", "--input", "8K", "--json", input=bytes(100000))
    assert done.status == 2
    assert done.json()["code"] == "MOTE_E_INPUT_FULL"


def test_sizes_that_do_not_fit_together_are_told():
    done = call("Nothing", "--heap", "1000M", "--output", "1000M")
    assert done.status == 3
    assert "max_memory_bytes" in done.text()


def test_only_faults_name_a_vector():
    for words in (["Spin", "--time-limit", "10ms"], ["Abort", "u32:1", "str:x"], ["Fail", "i32:1", "str:x"]):
        assert "vector" not in call(*words).text()


def test_a_patched_entry_point_is_no_crash_of_the_program(tmp_path):
    e_entry = 0x18
    done = mote("call", patched(tmp_path, e_entry, "<Q", 0xFFFFFFFFFFFFFFFF), "Nothing")
    assert (done.status, done.code()) == (3, "MOTE_E_IMAGE_ENTRY")
