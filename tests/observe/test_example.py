# SPDX-License-Identifier: Apache-2.0
"""The examples as a scraper sees the metrics of one, and a viewer the trace of the other."""

import http.client
import json
import os
import subprocess
from pathlib import Path

from test_prometheus import judge

SOURCE = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("MOTE_BUILD_DIR", SOURCE / "build")).resolve()
METRICS = [BUILD / "examples/07_metrics/host", BUILD / "examples/07_metrics/guest.elf"]
TRACING = [BUILD / "examples/08_tracing/host", BUILD / "examples/08_tracing/guest.elf"]
LIMIT_S = 60


def check(text):
    assert judge(text) == (0, "")
    lines = text.splitlines()
    assert 'mote_guest_function_calls_total{outcome="ok"} 180' in lines
    assert "mote_guest_function_call_duration_seconds_count 205" in lines
    assert "mote_cancelled_guest_executions_total 5" in lines


def test_everything_is_shown():
    done = subprocess.run([*METRICS, "all"], stdout=subprocess.PIPE, text=True, check=True,
                          timeout=LIMIT_S)  # fmt: skip
    check(done.stdout)


def test_a_scraper_is_served():
    with subprocess.Popen([*METRICS, "0"], stdout=subprocess.PIPE, text=True) as server:
        try:
            address = server.stdout.readline().strip()
            for _ in range(2):
                connection = http.client.HTTPConnection(address, timeout=LIMIT_S)
                connection.request("GET", "/metrics")
                answer = connection.getresponse()
                assert answer.status == 200
                assert answer.headers["Content-Type"] == "text/plain; version=0.0.4"
                check(answer.read().decode("ascii"))
                connection.close()
        finally:
            server.kill()


def test_a_trace_is_well_formed_and_nests(tmp_path):
    path = tmp_path / "trace.json"
    subprocess.run([*TRACING, path], stdout=subprocess.DEVNULL, check=True, timeout=LIMIT_S)
    events = json.loads(path.read_text("utf-8"))["traceEvents"]
    times = [event["ts"] for event in events]
    assert times == sorted(times)
    begun, ended = [], []
    for event in events:
        if event["ph"] == "B":
            begun.append(event["name"])
        else:
            assert event["ph"] == "E" and begun.pop() == event["name"]
            ended.append((event["name"], event["args"]["status"]))
    assert begun == []
    assert ended[:5] == [(name, "MOTE_OK") for name in
                         ("create", "init", "snapshot", "host call Translate", "host call Translate")]  # fmt: skip
    assert ended[5:] == [("call Greet", "MOTE_OK"), ("restore", "MOTE_OK"),
                         ("call Break", "MOTE_E_GUEST_FAULT"), ("restore", "MOTE_OK")]  # fmt: skip
