# SPDX-License-Identifier: Apache-2.0
"""What a guest prints and logs, and standard output that cannot be written."""

import os
import resource
import subprocess
import time

import pytest
from mote_cli import HELLO, MAX_LINE_BYTES, MOTE, WAIT_S, call, mote, needs_kvm


def printed(text, *words):
    """Standard error of a guest that prints a text."""
    done = call("Print", "str:-", *words, input=text)
    assert (done.status, done.out) == (0, b"")
    return done.err


@pytest.mark.parametrize(
    "text, shown",
    [
        (b"hello\n", b"hello\n"),
        (b"no newline", b"no newline\n"),
        (b"", b""),
        (b"\n", b"\n"),
        (b"tab\tand\nlines\n", b"tab\tand\nlines\n"),
        (b"\x01\x07\x08\x0b\x0c\r\x1b[31m\x7f\n", rb"\x01\x07\x08\x0b\x0c\x0d\x1b[31m\x7f" + b"\n"),
        ("\u0080\u009b\u009f\u00a0€😀\n".encode(), rb"\xc2\x80\xc2\x9b\xc2\x9f" + "\u00a0€😀\n".encode()),
        (b"mote: MOTE_E_BUG: lie\n", b" mote: MOTE_E_BUG: lie\n"),
        (b"one\nmote: two\nmote:", b"one\n mote: two\n mote:\n"),
        (b"mote:mote:\n", b" mote:mote:\n"),
        (b" mote: x\n", b" mote: x\n"),
        (b"xmote: x\n", b"xmote: x\n"),
        (b"mot\nmote\nmo", b"mot\nmote\nmo\n"),
        (b"MOTE: x\n", b"MOTE: x\n"),
    ],
)
def test_what_a_guest_prints_is_made_harmless(text, shown):
    assert printed(text) == shown


def test_much_that_a_guest_prints_arrives_whole():
    text = b"".join(b"line %d\n" % n for n in range(1500))
    assert printed(text, "--heap", "1M") == text


def test_a_print_goes_to_standard_error_with_json_too():
    done = call("Print", "str:hello", "--json")
    assert done.err == b"hello\n"
    assert done.json()["ok"] is True


LEVELS = ["off", "error", "warn", "info", "debug", "trace"]
# As the guest numbers them, and as they are shown.
GUEST_LEVELS = [(0, "trace"), (1, "debug"), (2, "info"), (3, "warn"), (4, "error"), (5, "error")]


def logged(number, text, *words):
    done = call("Log", f"i32:{number}", "str:-", *words, input=text)
    assert (done.status, done.out) == (0, b"")
    return done.err


@pytest.mark.parametrize("number, level", GUEST_LEVELS)
def test_a_log_record_is_one_line_with_its_level(number, level):
    assert logged(number, b"text", "--log", "trace") == f"guest: {level}: text\n".encode()


@pytest.mark.parametrize("number, level", GUEST_LEVELS)
@pytest.mark.parametrize("chosen", LEVELS)
def test_records_over_the_chosen_level_are_not_shown(number, level, chosen):
    is_shown = logged(number, b"text", "--log", chosen) != b""
    assert is_shown == (LEVELS.index(level) <= LEVELS.index(chosen))


def test_warnings_are_shown_without_an_option():
    assert logged(3, b"text") == b"guest: warn: text\n"
    assert logged(2, b"text") == b""


def test_a_log_record_is_made_harmless():
    text = "a\nmote: MOTE_E_BUG: lie\r\x1b\u0085\t€".encode()
    shown = rb"guest: error: a\x0amote: MOTE_E_BUG: lie\x0d\x1b\xc2\x85" + "\t€\n".encode()
    assert logged(4, text) == shown


def test_an_error_line_begins_a_line_of_its_own():
    done = call("Fail", "i32:15", "str:boom")
    assert done.status == 1
    assert done.error()[0] == "MOTE_E_GUEST_ERROR"


def test_a_line_that_is_printed_in_pieces_cannot_pass_for_an_error(talker):
    done = call("PrintPieces", guest=talker)
    assert (done.status, done.err) == (0, b" mote: lie\nmore\nmote\n")


def test_a_log_record_begins_a_line_of_its_own(talker):
    done = call("PrintThenLog", guest=talker)
    assert done.err == b"no newline\nguest: error: a record\nthe end\n"


@pytest.mark.parametrize(
    "function, shown", [("PrintThenFail", b"no newline"), ("PrintBeginningThenFail", b"mote")]
)
def test_an_error_line_stands_behind_what_was_printed(talker, function, shown):
    done = call(function, guest=talker)
    assert done.err.splitlines()[:-1] == [shown]
    assert done.code() == "MOTE_E_GUEST_ERROR"


@pytest.mark.parametrize("function", ["Fail", "Abort"])
def test_guest_text_in_an_error_is_escaped_and_cut(function):
    text = ("\x1b[2J\nmote: MOTE_E_BUG: lie \u0085 € " * 40).encode()
    kind = "i32:15" if function == "Fail" else "u32:13"
    done = call(function, kind, "str:-", "--json", input=text)
    lines = done.err.splitlines(keepends=True)
    assert len(lines) == 1
    assert len(lines[0]) <= MAX_LINE_BYTES and lines[0].endswith(b"...\n")
    assert rb"\x1b[2J\x0amote: MOTE_E_BUG: lie \xc2\x85 " in lines[0]
    lines[0].decode("utf-8")
    done.json()


FULL = "/dev/full"
NOT_WRITABLE = [
    ["call", HELLO, "Add", "i32:1", "i32:2"],
    ["call", HELLO, "EchoStr", "str:x"],
    ["call", HELLO, "EchoBytes", "bytes:hex=00"],
    ["call", HELLO, "Add", "i32:1", "i32:2", "--json"],
    ["bench", HELLO, "Nothing", "--calls", "1"],
    ["bench", HELLO, "Nothing", "--calls", "1", "--json"],
    ["list", HELLO],
    ["list", HELLO, "--json"],
    ["inspect", HELLO],
    ["inspect", HELLO, "--json"],
    ["doctor"],
    ["doctor", "--json"],
    ["--help"],
    ["--version"],
    ["call", "--help"],
]


def not_writable_cases():
    for words in NOT_WRITABLE:
        yield pytest.param(words, id=" ".join(str(w) for w in words if w != HELLO))


@pytest.mark.parametrize("words", not_writable_cases())
def test_a_full_standard_output_is_an_error(words):
    with open(FULL, "wb") as full:
        done = mote(*words, stdout=full)
    assert (done.status, done.code()) == (6, "MOTE_E_OUTPUT")
    assert "No space left on device" in done.text()


@pytest.mark.parametrize("words", not_writable_cases())
def test_a_closed_standard_output_is_an_error(words):
    done = mote(*words, preexec_fn=lambda: os.close(1))
    assert (done.status, done.code()) == (6, "MOTE_E_OUTPUT")


@pytest.mark.parametrize("words", not_writable_cases())
def test_a_closed_pipe_is_an_error_and_no_signal(words):
    read_end, write_end = os.pipe()
    os.close(read_end)
    done = mote(*words, stdout=write_end)
    os.close(write_end)
    assert (done.status, done.code()) == (6, "MOTE_E_OUTPUT")


def limit_file_size(limit_bytes):
    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit_bytes, limit_bytes))

    return limit


@needs_kvm
@pytest.mark.parametrize("words", not_writable_cases())
def test_a_limit_on_file_sizes_is_an_error_and_no_signal(words, tmp_path):
    with open(tmp_path / "out", "wb") as out:
        done = mote(*words, stdout=out, preexec_fn=limit_file_size(0))
    assert (done.status, done.code()) == (6, "MOTE_E_OUTPUT")
    assert "File too large" in done.text()


@needs_kvm
def test_a_fault_is_told_when_its_core_file_is_over_the_limit(tmp_path):
    done = call("Crash", "--dump", tmp_path / "core", "--json", preexec_fn=limit_file_size(4096))
    answer = done.json()
    assert (done.status, answer["fault"]["cause"]) == (4, "null pointer")
    assert "no core file" in answer["text"]
    assert list(tmp_path.iterdir()) == []


def test_a_standard_output_that_does_not_block_is_waited_for():
    read_end, write_end = os.pipe()
    os.set_blocking(write_end, False)
    with subprocess.Popen([MOTE, "call", HELLO, "Fill", "u64:1000000"], stdout=write_end) as program:
        os.close(write_end)
        time.sleep(0.3)  # the pipe is full by then
        with open(read_end, "rb") as reader:
            assert len(reader.read()) == 1000000
        assert program.wait(WAIT_S) == 0


def test_a_standard_error_that_does_not_block_is_waited_for():
    read_end, write_end = os.pipe()
    os.set_blocking(write_end, False)
    text = "line\n" * 30000
    words = [MOTE, "call", HELLO, "Print", "str:-", "--heap", "1M"]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stderr=write_end) as program:
        os.close(write_end)
        program.stdin.write(text.encode())
        program.stdin.close()
        time.sleep(0.3)
        with open(read_end, "rb") as reader:
            assert reader.read().decode().endswith(text)
        assert program.wait(WAIT_S) == 0


def test_a_standard_input_that_does_not_block_is_waited_for():
    read_end, write_end = os.pipe()
    os.set_blocking(read_end, False)
    words = [MOTE, "call", HELLO, "EchoStr", "str:-"]
    with subprocess.Popen(words, stdin=read_end, stdout=subprocess.PIPE) as program:
        os.close(read_end)
        for part in (b"late", b" text"):
            time.sleep(0.2)
            os.write(write_end, part)
        os.close(write_end)
        assert program.stdout.read() == b"late text\n"
        assert program.wait(WAIT_S) == 0


def test_nothing_to_write_needs_no_standard_output():
    assert call("Nothing", preexec_fn=lambda: os.close(1)).status == 0


def test_closed_standard_descriptors_are_not_mistaken_for_files():
    def close_all():
        for fd in (0, 1, 2):
            os.close(fd)

    assert call("Nothing", preexec_fn=close_all).status == 0


def test_a_failure_keeps_its_status_when_json_cannot_be_written():
    with open(FULL, "wb") as full:
        done = call("Fail", "i32:15", "str:boom", "--json", stdout=full)
    assert done.status == 1
    assert done.err.count(b"mote: ") == 2


def test_a_closed_standard_error_changes_no_status():
    done = call("Print", "str:x", preexec_fn=lambda: os.close(2))
    assert (done.status, done.out, done.err) == (0, b"", b"")
