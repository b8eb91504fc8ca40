# SPDX-License-Identifier: Apache-2.0
"""The words of the command line: commands, options, arguments. Nothing here needs a guest file."""

import os

import pytest
from mote_cli import MAX_LINE_BYTES, mote, usage_error

COMMANDS = ["call", "bench", "list", "inspect", "doctor"]
# It is not there: words are judged before the guest file is looked for.
GUEST = "no-such-guest.elf"


def test_version_is_one_line():
    done = mote("--version")
    assert (done.status, done.out, done.err) == (0, b"mote 0.1.0\n", b"")


def test_help_names_every_command_with_an_example():
    done = mote("--help")
    assert (done.status, done.err) == (0, b"")
    for command in COMMANDS:
        assert f"\n  mote {command}".encode() in done.out
    assert b"mote call hello.elf Add i32:3 i32:4" in done.out


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_an_example(command):
    done = mote(command, "--help")
    assert (done.status, done.err) == (0, b"")
    assert f"\nExample:\n  mote {command}".encode() in done.out


@pytest.mark.parametrize("command", ["call", "bench"])
def test_help_names_every_option(command):
    out = mote(command, "--help").out
    options = ["--returns TYPE", "--time-limit DURATION", "--cpu-limit DURATION", "--init-limit DURATION", "--heap SIZE",
               "--stack SIZE", "--input SIZE", "--output SIZE", "--driver NAME", "--log LEVEL",
               "--json", "--verbose"]  # fmt: skip
    for option in options + ["--calls N", "--restore"] * (command == "bench") + ["--dump FILE"] * (command == "call"):
        assert f"\n  {option} ".encode() in out


def test_help_wins_over_what_stands_behind_it():
    assert mote("call", "--help", "--nonsense").status == 0


@pytest.mark.parametrize(
    "words, named",
    [
        (["frob"], "frob"),
        (["--frob"], "--frob"),
        (["Call"], "Call"),
        (["call", GUEST, "F", "--frob"], "--frob"),
        (["call", GUEST, "F", "-x"], "-x"),
        (["call", GUEST, "F", "--json=yes"], "--json=yes"),
        (["call", GUEST, "F", "--calls", "3"], "--calls"),
        (["list", GUEST, "--heap", "1M"], "--heap"),
        (["list", GUEST, "more"], "more"),
        (["inspect", GUEST, "more"], "more"),
        (["doctor", "more"], "more"),
        (["call", GUEST, "F", "--heap"], "--heap"),
    ],
)
def test_a_wrong_word_is_named(words, named):
    text, argument = usage_error(*words)
    assert named.split("=", maxsplit=1)[0] in text
    assert argument == named


@pytest.mark.parametrize(
    "words", [["call"], ["call", GUEST], ["bench", GUEST], ["list"], ["inspect"]]
)
def test_missing_words_are_a_usage_error(words):
    text, argument = usage_error(*words)
    assert "GUEST" in text
    assert argument is None


def test_no_command_is_a_usage_error():
    done = mote()
    assert (done.status, done.out, done.code()) == (2, b"", "MOTE_E_USAGE")


def test_an_empty_function_name_is_a_usage_error():
    text, argument = usage_error("call", GUEST, "")
    assert ("empty" in text, argument) == (True, "")


@pytest.mark.parametrize("option", ["--heap", "--stack", "--input", "--output"])
@pytest.mark.parametrize("value", ["1023M", "1G", "2G", "1071644673", "18446744073709551616", "9" * 40])
def test_a_size_over_its_cap_is_told_with_the_cap(option, value):
    text, argument = usage_error("call", GUEST, "F", option, value)
    assert option in text and "cap of 1022M" in text
    assert argument == value


@pytest.mark.parametrize("option", ["--time-limit", "--cpu-limit", "--init-limit"])
def test_a_duration_over_its_cap_is_told_with_the_cap(option):
    text, _ = usage_error("call", GUEST, "F", option, "31536001s")
    assert "cap of 31536000s" in text


def test_calls_over_their_cap_are_told_with_the_cap():
    assert "cap of 10000000" in usage_error("bench", GUEST, "F", "--calls", "10000001")[0]


@pytest.mark.parametrize(
    "option, value",
    [
        *[(size, v) for size in ("--heap", "--stack", "--input", "--output")
          for v in ("", "K", "1T", "1k", "-1", "+1", " 1", "1 ", "0x10", "1.5M", "1KK", "0")],
        *[(limit, v) for limit in ("--time-limit", "--cpu-limit", "--init-limit")
          for v in ("", "ms", "1m", "1h", "-1", "1.5s", "1 s", "0", "0us")],
        ("--calls", "0"), ("--calls", "1K"), ("--calls", "-1"), ("--calls", ""),
        ("--returns", "i8"), ("--returns", ""), ("--returns", "any"), ("--returns", "I32"),
        ("--log", "loud"), ("--log", ""), ("--log", "3"), ("--log", "WARN"),
    ],
)  # fmt: skip
def test_a_bad_value_of_an_option_is_named(option, value):
    text, argument = usage_error("bench", GUEST, "F", option, value)
    assert option in text
    assert argument == value
    assert usage_error("bench", GUEST, "F", f"{option}={value}")[0] == text


GOOD_OPTIONS = [
    *[("--returns", v) for v in "i32 u32 i64 u64 f32 f64 bool str bytes void".split()],
    *[("--log", v) for v in "off error warn info debug trace".split()],
    *[("--heap", v) for v in ("1", "4096", "1K", "1022M", "1071644672", "0001K")],
    *[("--time-limit", v) for v in ("1", "1us", "1ms", "1s", "31536000s")],
    *[("--calls", v) for v in ("1", "10000000")],
]


@pytest.mark.parametrize("option, value", GOOD_OPTIONS)
@pytest.mark.parametrize("form", ["{} {}", "{}={}"])
def test_good_options_reach_the_guest_file(option, value, form):
    words = form.format(option, value).split()
    done = mote("bench", *words, GUEST, "F", "i32:1")
    assert (done.status, done.code()) == (3, "MOTE_E_IMAGE_OPEN")


@pytest.mark.parametrize("option, command", [("--dump", "call"), ("--driver", "call"), ("--driver", "bench")])
def test_an_empty_text_of_an_option_is_named(option, command):
    text, argument = usage_error(command, GUEST, "F", option, "")
    assert (option in text, argument) == (True, "")
    assert usage_error(command, GUEST, "F", f"{option}=") == (text, argument)


def test_two_dashes_end_the_options():
    done = mote("call", "--", "--json", "--help", "i32:1")
    assert (done.status, done.out, done.code()) == (3, b"", "MOTE_E_IMAGE_OPEN")
    assert "--json" in done.text()


BAD_ARGUMENTS = [
    "", "5", "i32", ":5", "i8:5", "I32:5", "void:", "any:1", "string:x", " i32:1",
    "i32:", "i32:abc", "i32:1.0", "i32: 1", "i32:1 ", "i32:+1", "i32:--1", "i32:-", "i32:1e3",
    "i32:0x", "i32:0xg", "i32:2147483648", "i32:-2147483649", "i32:0x80000000", "i32:" + "9" * 99,
    "u32:-1", "u32:-0", "u32:4294967296", "u32:abc", "u32:",
    "i64:9223372036854775808", "i64:-9223372036854775809", "i64:18446744073709551615", "i64:x",
    "u64:18446744073709551616", "u64:-1", "u64:0x10000000000000000", "u64:",
    "f32:", "f32:abc", "f32:1x", "f32: 1", "f32:1e39", "f32:-1e39", "f32:3.5e38", "f32:1,5",
    "f64:", "f64:abc", "f64:\t1", "f64:1e309", "f64:-1e309", "f64:1.0.0",
    "bool:", "bool:yes", "bool:1", "bool:TRUE", "bool:true ",
    "bytes:", "bytes:abc", "bytes:hex=0", "bytes:hex=0g", "bytes:hex=00 ff", "bytes:hex", "bytes:HEX=00",
    "bytes:@", "str:@", "bytes:@/no/such/file", "str:@/no/such/file", "str:@/", "bytes:@.",
]  # fmt: skip


@pytest.mark.parametrize("word", BAD_ARGUMENTS)
def test_a_bad_argument_is_named(word):
    text, argument = usage_error("call", GUEST, "F", "i32:1", word)
    assert f'"{word}"' in text or len(word) > 90
    assert argument == word


@pytest.mark.parametrize(
    "word, reason",
    [
        ("i32:2147483648", "does not fit in i32"),
        ("u32:-1", "does not fit in u32"),
        ("f32:1e39", "does not fit in f32"),
        ("i32:abc", "not of type i32"),
        ("bytes:@/no/such/file", "No such file or directory"),
        ("bytes:@/", "Is a directory"),
        ("i8:5", "i32 u32 i64 u64 f32 f64 bool str bytes"),
    ],
)
def test_a_bad_argument_is_explained(word, reason):
    assert reason in usage_error("call", GUEST, "F", word)[0]


GOOD_ARGUMENTS = [
    "i32:0", "i32:-0", "i32:2147483647", "i32:-2147483648", "i32:0x7fffffff", "i32:-0x80000000",
    "u32:4294967295", "u32:0xFFFFFFFF", "i64:9223372036854775807", "i64:-9223372036854775808",
    "u64:18446744073709551615", "u64:0xffffffffffffffff", "u64:007",
    "f32:1e38", "f32:1e-99", "f32:nan", "f32:-inf", "f64:1e308", "f64:.5", "f64:5.", "f64:infinity",
    "f64:0x1p-3", "bool:true", "bool:false", "str:", "str:a:b", "str:-x", "str:hex=00",
    "bytes:hex=", "bytes:hex=00fF", "bytes:-", "str:-", "bytes:@/dev/null", "str:@/dev/null",
]  # fmt: skip


@pytest.mark.parametrize("word", GOOD_ARGUMENTS)
def test_good_arguments_reach_the_guest_file(word):
    done = mote("call", GUEST, "F", word)
    assert (done.status, done.code()) == (3, "MOTE_E_IMAGE_OPEN")


def test_standard_input_is_taken_once():
    text, argument = usage_error("call", GUEST, "F", "bytes:-", "str:-")
    assert "standard input" in text
    assert argument == "str:-"


def test_a_closed_standard_input_cannot_be_read():
    done = mote("call", GUEST, "F", "bytes:-", input=None, preexec_fn=lambda: os.close(0))
    assert (done.status, done.code()) == (2, "MOTE_E_USAGE")
    assert "cannot be read" in done.text()


@pytest.mark.parametrize("data", [b"\xff", b"a\xc0\x80", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xe2\x82"])
def test_text_that_is_not_utf_8_is_a_usage_error(data, tmp_path):
    (tmp_path / "text").write_bytes(data)
    assert "not UTF-8" in usage_error("call", GUEST, "F", f"str:@{tmp_path}/text")[0]
    assert "not UTF-8" in usage_error("call", GUEST, "F", "str:-", input=data)[0]
    assert "not UTF-8" in usage_error("call", GUEST, "F", b"str:" + data)[0]


def test_a_function_name_that_is_not_utf_8_is_a_usage_error():
    assert "not UTF-8" in usage_error("call", GUEST, b"F\xff")[0]


def test_an_endless_file_ends_at_the_cap():
    done = mote("call", GUEST, "F", "bytes:@/dev/zero")
    assert (done.status, done.code()) == (2, "MOTE_E_USAGE")
    assert "cap of 1G" in done.text()


def test_eleven_arguments_are_the_most():
    eleven = ["i32:1"] * 11
    assert mote("call", GUEST, "F", *eleven).status == 3
    text, argument = usage_error("call", GUEST, "F", *eleven, "i32:12")
    assert "at most 11" in text
    assert argument == "i32:12"


@pytest.mark.parametrize("name, known", [("frob", "kvm"), ("loadlibrary", "needs Windows")])
def test_a_driver_that_is_not_there_is_a_usage_error_before_the_guest_file(name, known):
    done = mote("call", GUEST, "F", "--driver", name, "--json")
    answer = done.json()
    assert (done.status, done.code()) == (2, "MOTE_E_DRIVER")
    assert list(answer) == ["ok", "class", "status", "code", "text", "argument"]
    assert (answer["class"], answer["code"], answer["argument"]) == ("usage", "MOTE_E_DRIVER", name)
    assert known in answer["text"]


HOSTILE = b"i32:\x1b[31m\nmote: MOTE_E_BUG: lie\r\x07\x7f\xc2\x85\xff\xe2\x82 \xe2\x82\xac\""


def test_hostile_words_stay_on_one_harmless_line():
    done = mote("call", GUEST, "F", HOSTILE)
    assert done.err.count(b"\n") == 1
    text = done.text()
    assert r"\x1b[31m\x0amote: MOTE_E_BUG: lie\x0d\x07\x7f\xc2\x85\xff\xe2\x82 €" in text


def test_hostile_words_leave_json_valid():
    answer = mote("call", "--json", GUEST, "F", HOSTILE).json()
    assert answer["argument"].endswith('\\xe2\\x82 €"')


def test_an_error_line_is_cut_between_characters():
    done = mote("call", GUEST, "F", "i32:" + "€" * 1000)
    assert done.err.endswith(b"...\n")
    assert MAX_LINE_BYTES - 8 < len(done.err) <= MAX_LINE_BYTES
    done.err.decode("utf-8")


def test_json_is_one_line_wherever_the_option_stands():
    for words in (["--json", GUEST, "F", "x"], [GUEST, "F", "x", "--json"], ["--frob", "--json"]):
        assert mote("call", *words).json()["status"] == 2
    assert mote("frob", "--json").json()["argument"] == "frob"
