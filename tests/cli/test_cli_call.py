# SPDX-License-Identifier: Apache-2.0
"""Calls that succeed: every type as an argument, as a result, and in JSON."""

import base64
import gzip
import random
import struct
import zlib

import pytest
from mote_cli import DRIVER, HELLO, INFLATE, call, result



def in_json(function, *words, **settings):
    """The JSON object of a call that succeeded, without its statistics."""
    done = call(function, *words, "--json", **settings)
    assert (done.status, done.err) == (0, b"")
    answer = done.json()
    assert list(answer) == ["ok", "function", "result", "driver", "stats"]
    assert list(answer["stats"]) == ["wall_us", "exits", "host_calls"]
    assert all(isinstance(n, int) for n in answer["stats"].values())
    assert (answer["ok"], answer["function"], answer["driver"]) == (True, function, DRIVER)
    return answer["result"]


def test_the_first_example():
    assert result("Add", "i32:3", "i32:4") == b"7\n"
    assert in_json("Add", "i32:3", "i32:4") == {"type": "i32", "value": 7}


def test_text_is_followed_by_one_newline():
    assert result("EchoStr", "str:hello") == b"hello\n"
    assert result("EchoStr", "str:") == b"\n"
    assert result("EchoStr", "str:two\n") == b"two\n\n"


def test_nothing_is_printed_for_void():
    assert result("Nothing") == b""
    assert in_json("Nothing") == {"type": "void"}


def test_bytes_are_raw():
    everything = bytes(range(256))
    assert result("EchoBytes", "bytes:hex=" + everything.hex()) == everything
    assert result("EchoBytes", "bytes:hex=") == b""


WHOLE_NUMBERS = [
    ("EchoI32", "i32", [0, 1, -1, 2**31 - 1, -(2**31)]),
    ("EchoU32", "u32", [0, 1, 2**31, 2**32 - 1]),
    ("EchoI64", "i64", [0, 1, -1, 2**53 + 1, 2**63 - 1, -(2**63)]),
    ("EchoU64", "u64", [0, 1, 2**53 + 1, 2**63, 2**64 - 1]),
]


@pytest.mark.parametrize(
    "function, kind, number", [(f, k, n) for f, k, numbers in WHOLE_NUMBERS for n in numbers]
)
def test_whole_numbers(function, kind, number):
    assert result(function, f"{kind}:{number}") == f"{number}\n".encode()
    expected = str(number) if kind in ("i64", "u64") else number
    assert in_json(function, f"{kind}:{number}") == {"type": kind, "value": expected}


def test_hexadecimal_numbers():
    assert result("EchoU64", "u64:0xffffffffffffffff") == b"18446744073709551615\n"
    assert result("EchoI32", "i32:-0x80000000") == b"-2147483648\n"


@pytest.mark.parametrize("value", ["true", "false"])
def test_booleans(value):
    assert result("EchoBool", f"bool:{value}") == f"{value}\n".encode()
    assert in_json("EchoBool", f"bool:{value}") == {"type": "bool", "value": value == "true"}


def python_repr(value):
    """How Python writes the shortest digits, without the .0 of whole numbers."""
    text = repr(value)
    return text[:-2] if text.endswith(".0") else text


def f64(bits):
    return struct.unpack("<d", struct.pack("<Q", bits))[0]


RANDOM = random.Random(20)
F64_NUMBERS = [
    0.0, -0.0, 1.0, -1.5, 0.1, 1 / 3, 100.0, 1e15, 1e16, 123456789012345680.0, 1e-4, 1e-5, 5e-324,
    1.7976931348623157e308, 2.0**53, 2.0**-44, 9.5367431640625e-07, 2.0**-1022, 7.120236347223045e-307,
    *[f64(RANDOM.getrandbits(64) & ~(1 << 62)) for _ in range(12)],
]  # fmt: skip


@pytest.mark.parametrize("value", F64_NUMBERS)
def test_f64_has_the_fewest_digits_that_read_back(value):
    out = result("EchoF64", f"f64:{value!r}")
    assert out.decode() == python_repr(value) + "\n"
    answer = in_json("EchoF64", f"f64:{value!r}")
    assert answer["type"] == "f64"
    assert struct.pack("<d", answer["value"]) == struct.pack("<d", value)


def as_f32(value):
    return struct.pack("<f", value)


F32_TEXTS = ["0", "-0", "1", "0.1", "16777216", "3.4028235e+38", "1e-45", "1.1754944e-38", "0.33333334",
             "100", "1e+10", "1e+16", "8388607.5", "-2.5", "1.0000001", "1.18592055e+23", "1.05559405e+12", "1.20114296e-26"]  # fmt: skip


@pytest.mark.parametrize("text", F32_TEXTS)
def test_f32_has_the_fewest_digits_that_read_back(text):
    out = result("EchoF32", f"f32:{text}").decode().strip()
    digits = out.lower().split("e", maxsplit=1)[0].replace("-", "").replace(".", "").strip("0")
    expected = text.lower().split("e", maxsplit=1)[0].replace("-", "").replace(".", "").strip("0")
    assert as_f32(float(out)) == as_f32(float(text))
    assert len(digits) <= len(expected) and len(digits) <= 9


def test_an_f32_is_printed_as_an_f32():
    assert result("EchoF32", "f32:0.1") == b"0.1\n"
    assert in_json("EchoF32", "f32:0.1") == {"type": "f32", "value": 0.1}


@pytest.mark.parametrize("kind", ["f32", "f64"])
@pytest.mark.parametrize("word, text", [("nan", "nan"), ("inf", "inf"), ("-inf", "-inf"), ("-infinity", "-inf")])
def test_numbers_that_are_not_finite(kind, word, text):
    function = "Echo" + kind.upper()
    assert result(function, f"{kind}:{word}") == f"{text}\n".encode()
    assert in_json(function, f"{kind}:{word}") == {"type": kind, "value": text}


TEXTS = ["", "plain", 'quote " and \\ backslash', "line\nbreak\ttab\rreturn", "€ 😀 \u00e9",
         "\x01\x1f\x7f\x80\x9f\u2028", "</script>", "a" * 20000]  # fmt: skip


@pytest.mark.parametrize("text", TEXTS, ids=range(len(TEXTS)))
def test_text_in_json(text):
    answer = in_json("EchoStr", "str:-", input=text.encode())
    assert answer == {"type": "str", "value": text}


def test_control_characters_do_not_reach_json_raw():
    out = call("EchoStr", "str:-", "--json", input="\x00\x1b\x7f\x9b\n".encode()).out
    assert not any(byte < 0x20 or byte == 0x7F for byte in out[:-1])
    assert rb"\u0000\u001b\u007f\u009b\n" in out


def test_text_with_a_nul():
    assert result("EchoStr", "str:-", input=b"a\0b") == b"a\0b\n"


@pytest.mark.parametrize("length", [0, 1, 2, 3, 4, 255, 256, 8191, 8192, 8193, 100000])
def test_bytes_in_json_are_base64(length):
    data = RANDOM.randbytes(length)
    answer = in_json("EchoBytes", "bytes:-", input=data)
    assert list(answer) == ["type", "base64", "length"]
    assert (answer["type"], answer["length"]) == ("bytes", length)
    assert base64.b64decode(answer["base64"], validate=True) == data


# Around the default input buffer of 16 KiB, and far beyond it.
@pytest.mark.parametrize("length", [0, 1, 15000, 16383, 16384, 16385, 1 << 20, 20_000_001])
def test_large_bytes_from_a_file_and_from_standard_input(length, tmp_path):
    data = RANDOM.randbytes(length)
    (tmp_path / "data").write_bytes(data)
    total = f"{sum(data)}\n".encode()
    assert result("Sum", f"bytes:@{tmp_path}/data") == total
    assert result("Sum", "bytes:-", input=data) == total


def test_large_text_from_a_file_comes_back(tmp_path):
    text = ("0123456789€" * 7000).encode()
    (tmp_path / "text").write_bytes(text)
    assert result("EchoStr", f"str:@{tmp_path}/text", "--heap", "1M") == text + b"\n"


@pytest.mark.parametrize("compress", [zlib.compress, gzip.compress], ids=["zlib", "gzip"])
def test_inflate_of_a_compressed_file(compress, tmp_path):
    data = b"".join(b"%d bottles\n" % n for n in range(200000))
    (tmp_path / "packed").write_bytes(compress(data))
    words = [f"bytes:@{tmp_path}/packed", "--time-limit", "10s"]
    assert result("Inflate", *words, guest=INFLATE) == data


def test_a_large_result_needs_no_option():
    out = result("Fill", "u64:50000000", "--heap", "256M", "--time-limit", "20s")
    assert len(out) == 50000000


def test_eleven_arguments():
    words = [f"i32:{n}" for n in range(11)]
    out = result("Eleven", *words).decode()
    assert all(str(n) in out for n in range(11))


def test_each_call_has_a_new_sandbox():
    assert result("Count") == result("Count")


@pytest.mark.parametrize("words", [["--returns", "i32"], ["--returns=i32"]])
def test_the_declared_type_may_be_asked_for(words):
    assert result("Add", "i32:1", "i32:2", *words) == b"3\n"


def test_returns_void_is_a_type():
    assert result("Nothing", "--returns", "void") == b""


def test_options_stand_anywhere():
    done = call("Add", "--heap", "1M", "i32:1", "--log=off", "i32:2", "--driver", DRIVER)
    assert (done.status, done.out) == (0, b"3\n")
    assert result("EchoStr", "--", "str:--json") == b"--json\n"


def test_sizes_below_the_least_are_raised():
    words = ["--heap", "1", "--stack", "16K", "--input", "1", "--output", "1"]
    assert result("Add", "i32:1", "i32:2", *words) == b"3\n"


def test_statistics_count_the_call_alone():
    stats = call("Nothing", "--json").json()["stats"]
    assert (stats["exits"], stats["host_calls"]) == (1, 0)


def test_verbose_says_what_is_done_on_standard_error():
    done = call("Add", "i32:1", "i32:2", "--verbose")
    assert (done.status, done.out) == (0, b"3\n")
    lines = done.err.decode().splitlines()
    assert lines and all(line.startswith("verbose: ") for line in lines)
    assert any(f"driver {DRIVER}" in line for line in lines)


def test_a_guest_whose_name_begins_with_a_dash(tmp_path):
    (tmp_path / "-guest.elf").write_bytes(HELLO.read_bytes())
    done = call("Nothing", guest="./-guest.elf", cwd=tmp_path)
    assert done.status == 0
