# SPDX-License-Identifier: Apache-2.0
"""mote bench and mote doctor."""

import errno
import os
import re
import resource

import pytest
from mote_cli import DRIVER, HAS_KVM, HELLO, NOBODY, call, hardware, mote, needs_kvm


def bench(function, *words, **settings):
    return mote("bench", HELLO, function, *words, **settings)


def test_bench_in_json():
    done = bench("Nothing", "--calls", "200", "--json")
    answer = done.json()
    assert (done.status, done.err) == (0, b"")
    assert list(answer) == ["ok", "function", "driver", "calls", "restore", "us", "per_call"]
    assert (answer["ok"], answer["function"], answer["driver"]) == (True, "Nothing", DRIVER)
    assert (answer["calls"], answer["restore"]) == (200, False)
    assert list(answer["us"]) == ["min", "p50", "p90", "p99", "max"]
    times = list(answer["us"].values())
    assert times == sorted(times) and times[0] > 0
    assert list(answer["per_call"]) == ["exits", "host_calls", "system_calls"]


def test_a_warm_call_is_one_exit_and_the_fewest_system_calls():
    per_call = bench("Nothing", "--calls", "500", "--json").json()["per_call"]
    assert per_call["exits"] == pytest.approx(1.0, abs=0.05)
    assert per_call["host_calls"] == 0.0
    assert per_call["system_calls"] == pytest.approx(1.0 if HAS_KVM else 2.0, abs=0.05)


def test_bench_makes_a_thousand_calls_without_an_option():
    assert bench("Add", "i32:1", "i32:2", "--json").json()["calls"] == 1000


@pytest.mark.parametrize("words", [["Print", "str:hello"], ["Log", "i32:4", "str:hello"]])
def test_nothing_is_printed_between_timed_calls(words):
    done = bench(*words, "--calls", "50", "--json")
    assert (done.status, done.json()["calls"]) == (0, 50)
    # Calls that warm up print as always; there are fewer than ten.
    assert 1 <= done.err.count(b"hello") < 10
    assert done.err.endswith(b"hello\n")


def test_bench_of_one_call():
    us = bench("Nothing", "--calls", "1", "--json").json()["us"]
    assert us["min"] == us["p50"] == us["max"]


def test_bench_keeps_the_sandbox_between_calls():
    assert bench("Count", "--calls", "10").status == 0


def test_bench_brings_the_sandbox_back_when_asked():
    answer = bench("Nothing", "--calls", "500", "--restore", "--json").json()
    assert answer["restore"] is True
    # A restore is one system call more on kvm, on process one for each part that is scanned.
    assert 2.0 <= answer["per_call"]["system_calls"] < (2.1 if HAS_KVM else 8.0)


def test_bench_prints_percentiles_and_counts():
    out = bench("Nothing", "--calls", "50").out.decode()
    assert out.startswith(f"50 calls, driver {DRIVER}\n")
    for name in ("min", "p50", "p90", "p99", "max"):
        assert re.search(rf"^{name} +\d+\.\d{{3}} us$", out, re.MULTILINE)
    for name in ("exits", "host calls", "system calls"):
        assert re.search(rf"^{name} +\d+\.\d{{3}} per call$", out, re.MULTILINE)


@pytest.mark.parametrize(
    "words, status",
    [
        (["NoSuch"], 1),
        (["Add", "i32:1", "i32:2", "--returns", "str"], 2),
        (["Crash"], 4),
        (["Spin", "--time-limit", "20ms"], 5),
        (["HostEchoI32", "i32:1"], 6),
    ],
)
def test_bench_fails_as_call_does(words, status):
    done = bench(*words, "--json")
    single = call(*words, "--json")
    assert done.status == single.status == status
    assert done.json()["code"] == single.json()["code"]


DRIVER_KEYS = ["name", "isolation", "kind", "hardware", "works", "reason", "advice", "operation",
               "errno", "errno_name", "max_sandboxes", "create_ns", "call_ns", "spin_call_ns",
               "stop_ns"]  # fmt: skip


@needs_kvm
def test_doctor_says_what_works_and_what_the_limits_are():
    done = mote("doctor")
    out = done.out.decode()
    assert (done.status, done.err) == (0, b"")
    assert re.search(r"^driver kvm: works; hardware virtualisation \(kvm\w*\)$", out, re.MULTILINE)
    soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    assert re.search(rf"^open files: {soft}\b", out, re.MULTILINE)
    assert re.search(r"^  measured: create [\d.]+ us, call [\d.]+ us, stop ", out, re.MULTILINE)
    assert re.search(r"^  sandboxes: at most \d+ ", out, re.MULTILINE)


@needs_kvm
def test_doctor_in_json():
    done = mote("doctor", "--json")
    answer = done.json()
    assert done.status == 0
    assert answer["ok"] is True
    assert [list(driver) for driver in answer["drivers"]] == [DRIVER_KEYS] * len(answer["drivers"])
    kvm = next(driver for driver in answer["drivers"] if driver["name"] == "kvm")
    assert (kvm["hardware"], kvm["works"], kvm["reason"]) == (True, True, None)
    assert kvm["kind"].startswith("kvm")
    assert 0 < kvm["call_ns"] < kvm["create_ns"] and kvm["stop_ns"] > 0
    assert answer["limits"]["open_files"]["soft"] == resource.getrlimit(resource.RLIMIT_NOFILE)[0]


def test_doctor_tells_how_many_sandboxes_a_small_limit_allows():
    def limit():
        resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))

    answer = mote("doctor", "--json", preexec_fn=limit).json()
    assert 0 < answer["drivers"][0]["max_sandboxes"] < 64


def without_kvm():
    """Settings of a run that has no KVM, and what fails for it: operation, error number."""
    why_not = hardware.why_not()
    if why_not is not None:
        return {}, why_not
    if os.geteuid() != 0:
        pytest.skip("needs root, to give up rights")
    return {"user": NOBODY, "group": NOBODY, "extra_groups": []}, ("open /dev/kvm", errno.EACCES)


def host_facts(operation, number):
    return {"operation": operation, "errno": number, "errno_name": errno.errorcode[number]}


def test_doctor_says_what_to_do_where_nothing_works():
    settings, (_, number) = without_kvm()
    done = mote("doctor", **settings)
    out = done.out.decode()
    assert (done.status, done.code()) == (6, "MOTE_E_NO_HYPERVISOR")
    assert "driver kvm: does not work" in out
    assert re.search(f"^  reason: .*{os.strerror(number)}", out, re.MULTILINE)
    assert re.search("^  advice: .+", out, re.MULTILINE)


def test_doctor_in_json_where_nothing_works():
    settings, why_not = without_kvm()
    done = mote("doctor", "--json", **settings)
    answer = done.json()
    assert done.status == 6
    keys = ["ok", "class", "status", "code", "text", "host", "drivers", "limits"]
    assert list(answer) == keys
    assert (answer["ok"], answer["class"], answer["status"]) == (False, "host", 6)
    assert answer["host"] == host_facts(*why_not)


def call_without_kvm(tmp_path, *words):
    """A call by somebody who may not open /dev/kvm, nor the build folder; and why not."""
    settings, why_not = without_kvm()
    guest = tmp_path / "hello.elf"
    guest.write_bytes(HELLO.read_bytes())
    with open(guest, "rb") as readable:
        return why_not, call(*words, guest=f"/proc/self/fd/{readable.fileno()}",
                            pass_fds=[readable.fileno()], **settings)  # fmt: skip


def test_a_call_that_insists_on_a_hypervisor(tmp_path):
    why_not, done = call_without_kvm(tmp_path, "Nothing", "--json", "--driver", "kvm")
    answer = done.json()
    assert (done.status, done.code()) == (6, "MOTE_E_NO_HYPERVISOR")
    assert list(answer) == ["ok", "class", "status", "code", "text", "host"]
    assert answer["host"] == host_facts(*why_not)


def test_a_call_without_a_hypervisor_says_what_isolates_it(tmp_path):
    (operation, number), done = call_without_kvm(tmp_path, "SayHello", "str:nobody")
    assert (done.status, done.out) == (0, b"Hello, nobody!\n")
    assert done.all_err.decode() == (
        "mote: note: isolation by driver process, not by hardware: "
        f"kvm: {operation}: {os.strerror(number)}\n"
    )


def test_the_environment_names_a_driver_and_the_command_line_overrules_it():
    named = dict(os.environ, MOTE_DRIVER="process")
    done = call("SayHello", "str:x", env=named)
    assert (done.status, done.err) == (
        0,
        b"mote: note: isolation by driver process, not by hardware: the driver was named\n",
    )
    if HAS_KVM:
        assert call("SayHello", "str:x", "--driver", "kvm", env=named).err == b""
    unknown = call("SayHello", "str:x", env=dict(os.environ, MOTE_DRIVER="magic"))
    assert (unknown.status, unknown.code()) == (2, "MOTE_E_DRIVER")
