# SPDX-License-Identifier: Apache-2.0
"""mote-cc from outside: its options, and guests that only it shows to be right."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "cli"))
from mote_cli import BUILD, call  # noqa: E402

GUESTS = HERE / "guests"


def mote_cc(*words, **settings):
    return subprocess.run(
        [BUILD / "bin" / "mote-cc", *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True, check=False, **settings)  # fmt: skip


def made(folder, *words, **settings):
    """A guest that is made without a word."""
    guest = folder / "guest.elf"
    done = mote_cc("-Wall", "-Wextra", "-Werror", *words, "-o", guest, **settings)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    return guest


# ---- C++ ----


@pytest.fixture(scope="module")
def cxx(tmp_path_factory):
    return made(tmp_path_factory.mktemp("cxx"), "-std=c++17", GUESTS / "cxx.cc")


@pytest.mark.parametrize(
    "function, printed",
    [("IsAligned", b"true\n"), ("OfThread", b"80\n"), ("Virtual", b"42\n")],
)
def test_cxx_without_its_library(cxx, function, printed):
    done = call(function, guest=cxx)
    assert (done.status, done.err, done.out) == (0, b"", printed)


def test_aligned_new_without_memory_fails_the_call(cxx):
    done = call("TooMuch", guest=cxx)
    assert done.code() == "MOTE_E_GUEST_ERROR"
    assert "no memory for 134217856 bytes" in done.text()


# ---- Objects of another C library ----

FORTIFIED = """#include <setjmp.h>
#include <string.h>
static jmp_buf place;
char copied[8];
int copy(const char *text, unsigned long n) { return (int)(stpncpy(copied, text, n) - copied); }
static __attribute__((noinline)) void jump(int value) { longjmp(place, value); }
int come_back(int value)
{
    int thrown = setjmp(place);
    if (thrown == 0)
        jump(value);
    return thrown;
}
"""
CALLER = """#include <mote_guest/moteg.h>
int copy(const char *text, unsigned long n);
int come_back(int value);
MOTEG_FUNCTION(i32, Copy, (u64, n)) { return copy("text", n); }
MOTEG_FUNCTION(i32, ComeBack, (i32, value)) { return come_back(value); }
"""


def test_fortified_objects_are_linked(tmp_path):
    (tmp_path / "library.c").write_text(FORTIFIED)
    (tmp_path / "caller.c").write_text(CALLER)
    subprocess.run(
        ["gcc", "-O2", "-fpie", "-fno-stack-protector", "-U_FORTIFY_SOURCE", "-D_FORTIFY_SOURCE=2",
         "-c", "library.c"], cwd=tmp_path, check=True)  # fmt: skip
    names = subprocess.run(
        ["nm", "library.o"], cwd=tmp_path, stdout=subprocess.PIPE, text=True, check=True
    ).stdout
    for name in ("__stpncpy_chk", "_setjmp", "__longjmp_chk"):
        assert f" U {name}\n" in names
    guest = made(tmp_path, "caller.c", "library.o", cwd=tmp_path)
    assert call("Copy", "u64:8", guest=guest).out == b"4\n"
    assert call("ComeBack", "i32:7", guest=guest).out == b"7\n"
    done = call("Copy", "u64:9", guest=guest)
    assert "buffer overflow: 9 bytes into 8" in done.text()


# ---- Both SDKs in one guest ----

BOTH = """#include <mote_guest/moteg.h>
#include <hyperlight_guest.h>
#include <printf.h>
static char *kept;
static void put(char c, void *to) { *(char *)to = c; }
void moteg_main(void) { kept = hlmalloc(10); }
moteg_value moteg_fallback(const moteg_call *call)
{
    fctprintf(put, kept, "%zu", call->n_args);
    LOG(hl_Level_Info, "asked");
    if (call->n_args > 9)
        hl_abort_with_code(99);
    return (moteg_value){.type = MOTEG_TYPE_I32, .as.i32 = kept[0]};
}
"""
ONLY_MAIN = """#include <mote_guest/moteg.h>
#include <hyperlight_guest.h>
MOTEG_FUNCTION(i32, One) { return 1; }
void hyperlight_main(void) { hl_abort_with_code_and_message(77, "in main"); }
"""


def test_hyperlights_helpers_bring_no_entry_points(tmp_path):
    (tmp_path / "both.c").write_text(BOTH)
    guest = made(tmp_path, "both.c", cwd=tmp_path)
    done = call("Any", "i32:1", "i32:2", "--returns", "i32", guest=guest)
    assert (done.status, done.err, done.out) == (0, b"", b"50\n")


def test_hyperlight_main_runs_in_whatever_guest(tmp_path):
    (tmp_path / "only.c").write_text(ONLY_MAIN)
    done = call("One", guest=made(tmp_path, "only.c", cwd=tmp_path))
    assert done.code() == "MOTE_E_GUEST_ABORT"
    assert "in main" in done.text()


# ---- Options ----

C_SOURCE = """#include <mote_guest/moteg.h>
MOTEG_FUNCTION(u64, HeapBytes) { return moteg_heap_bytes(); }
"""
CXX_SOURCE = """#include <mote_guest/moteg.h>
static int n;
struct Base { virtual int f() { return 1; } };
struct Derived : Base { int f() override { return 2; } };
struct Counted { Counted() { n++; } };
MOTEG_FUNCTION(i32, Local) { static Counted counted; return n; }
MOTEG_FUNCTION(i32, Virtual) { Base *made = new Derived; return made->f(); }
"""


@pytest.fixture(scope="module")
def sources(tmp_path_factory):
    """Sources in C and in C++."""
    folder = tmp_path_factory.mktemp("sources")
    (folder / "a.c").write_text(C_SOURCE)
    (folder / "b.cc").write_text(CXX_SOURCE)
    (folder / "b.txt").write_text(CXX_SOURCE)
    return folder


def assert_refused(*words, text, status=2, **settings):
    done = mote_cc(*words, **settings)
    assert (done.returncode, done.stdout) == (status, "")
    assert done.stderr.count("\n") <= 2
    assert text in done.stderr


@pytest.mark.parametrize("words", [["-Wall", "a.c", "b.cc"], ["-x", "c++", "b.txt"], ["-xc++", "b.txt"]])
def test_languages_are_mixed_and_told(sources, tmp_path, words):
    guest = made(tmp_path, *words, cwd=sources)
    assert call("Local", guest=guest).out == b"1\n"
    assert call("Virtual", guest=guest).out == b"2\n"


@pytest.mark.parametrize(
    "size, n_bytes",
    [("300K", 307200), ("0300K", 307200), ("08K", 8192), ("0000000000000000001M", 1048576),
     ("65536", 65536), ("2m", 2097152)],
)  # fmt: skip
def test_a_size_is_decimal(sources, tmp_path, size, n_bytes):
    for words in (["--heap", size], [f"--heap={size}"]):
        guest = made(tmp_path, *words, sources / "a.c")
        assert call("HeapBytes", guest=guest).out == b"%d\n" % n_bytes


@pytest.mark.parametrize("option", ["--heap", "--stack"])
@pytest.mark.parametrize("size", ["bogus", "", "K", "1T", "-1", "1KK", "0x10"])
def test_what_is_no_size_is_refused(sources, tmp_path, option, size):
    for words in ([option, size], [f"{option}={size}"]):
        assert_refused(*words, sources / "a.c", text=f"{option}: not a size: {size}", cwd=tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("size", ["2G", "1025M", "1073741825", "99999999999999999999999", "10000000000G"])
def test_more_than_the_most_is_refused(sources, tmp_path, size):
    assert_refused(
        f"--heap={size}", sources / "a.c", text=f"--heap: {size} is more than 1G", cwd=tmp_path)
    made(tmp_path, "--heap", "1G", "--stack=1G", sources / "a.c")


@pytest.mark.parametrize("words", [["--heap", "1M"], ["-o", "x.elf"], ["-O2", "-I", "folder"], ["-x", "c"]])
def test_without_a_file_there_is_no_guest(tmp_path, words):
    assert_refused(*words, text="no input files", status=1, cwd=tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_the_compiler_answers_for_itself(tmp_path):
    done = mote_cc("-dumpmachine", cwd=tmp_path)
    assert (done.returncode, done.stdout[:7], done.stderr) == (0, "x86_64-", "")


@pytest.mark.parametrize("name", ["no-such-compiler", "/no/such/compiler", "gcc -O1"])
def test_a_compiler_that_is_not_there_is_named(sources, tmp_path, name):
    environment = dict(os.environ, MOTE_CC=name)
    assert_refused(
        sources / "a.c", text=f"mote-cc: found no compiler {name}", cwd=tmp_path, env=environment)
    assert list(tmp_path.iterdir()) == []


STRICT_SOURCE = """#include <mote_guest/moteg.h>
MOTEG_HOST_FUNCTION(i32, HostAdd, (i32, a), (i32, b));
MOTEG_FUNCTION(i32, Answer, (i32, n)) { return n + 42; }
"""


@pytest.mark.parametrize("standard", ["c90", "c99", "c11", "c17", "c2x"])
def test_strict_standards_of_c_will_do(tmp_path, standard):
    (tmp_path / "strict.c").write_text(STRICT_SOURCE)
    guest = made(tmp_path, f"-std={standard}", tmp_path / "strict.c")
    assert call("Answer", "i32:1", guest=guest).out == b"43\n"


# ---- Functions that guests bring along ----

# Hyperlight 0.1's C library lacks these, so that its guests had to have their own, made of what there is.
OWN_SOURCE = """#include "hyperlight_guest.h"
#include "printf.h"
#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
static int n;
char *strcpy(char *to, const char *from) { n++; memcpy(to, from, strlen(from) + 1); return to; }
char *stpcpy(char *to, const char *from) { n++; return strcpy(to, from) + strlen(from); }
char *strcat(char *to, const char *from) { n++; strcpy(to + strlen(to), from); return to; }
char *strdup(const char *text) { n++; return strcpy(hlmalloc(strlen(text) + 1), text); }
char *strrchr(const char *text, int c) { n++; (void)c; return (char *)text; }
size_t strnlen(const char *text, size_t most) { n++; return strlen(text) < most ? strlen(text) : most; }
int strcasecmp(const char *a, const char *b) { n++; return strncasecmp(a, b, strlen(a) + 1); }
int ispunct(int c) { n++; return isgraph(c) && !isalnum(c); }
int abs(int value) { n++; return value < 0 ? -value : value; }
long atol(const char *text) { n++; return strtol(text, NULL, 10); }
double scalbn(double value, int exponent) { n++; return ldexp(value, exponent); }
int putchar(int c) { n++; _putchar((char)c); return c; }
int puts(const char *text) { n++; return printf("%s\\n", text); }
static int use(const char *text)
{
    char to[20] = "";
    n = 0;
    strcat(stpcpy(to, text), strdup(text));
    strrchr(to, 'a'), strnlen(to, 3), strcasecmp(to, to), ispunct('!'), abs(-1), atol("3");
    volatile double two = fmod(scalbn(1, 3), 3);
    putchar('0' + (int)two), puts(to), srand(1), toupper('a');
    return n;
}
HYPERLIGHT_WRAP_FUNCTION(use, Int, 1, String)
void hyperlight_main(void) { HYPERLIGHT_REGISTER_FUNCTION("Use", use); }
"""


@pytest.mark.parametrize("words", [["-O0"], ["-O2"], ["-O2", "-flto"]])
def test_a_guest_may_bring_what_hyperlights_library_lacks(tmp_path, words):
    (tmp_path / "own.c").write_text(OWN_SOURCE)
    guest = tmp_path / "guest.elf"
    done = mote_cc("-w", "-fno-builtin", *words, tmp_path / "own.c", "-o", guest)
    assert (done.returncode, done.stderr) == (0, "")
    done = call("Use", "str:ab", "--returns", "i32", guest=guest)
    assert (done.status, done.err, done.out) == (0, b"2abab\n", b"15\n")
