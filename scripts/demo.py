#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Decompresses a file of this machine inside a sandbox, and compares with gzip."""

import argparse
import base64
import gzip
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

STATUS_HOST = 6
SHARE = Path("/usr/share")
# A sandbox has at most 1 GiB in all; what is left is for the guest itself.
LARGEST_SUM_BYTES = 900 << 20
HEADROOM_BYTES = 64 << 10
TIME_LIMIT = "60s"


def fail(text, status=1):
    print(f"demo: {text}", file=sys.stderr)
    sys.exit(status)


def run_json(command, **settings):
    """Runs a command that prints one JSON object; returns (exit status, object)."""
    done = subprocess.run(command, stdout=subprocess.PIPE, check=False, **settings)
    try:
        return done.returncode, json.loads(done.stdout)
    except ValueError:
        fail(f"exit status {done.returncode} and no JSON from: {' '.join(map(str, command))}")


def own_files(source):
    """Files under /usr/share that an installed mote put there: none may be the demo's input."""
    manifest = source / "build" / "install_manifest.txt"
    return set(manifest.read_text().splitlines()) if manifest.exists() else set()


def gz_files(skip):
    """Every readable .gz file under /usr/share, the largest first."""
    found = []
    for folder, _, names in os.walk(SHARE):
        for name in names:
            path = Path(folder, name)
            if name.endswith(".gz") and path.is_file() and not path.is_symlink():
                if str(path) not in skip and os.access(path, os.R_OK):
                    found.append((path.stat().st_size, path))
    return [path for _, path in sorted(found, reverse=True)]


def decompress_with_gzip(path):
    done = subprocess.run(["gzip", "-dc", path], stdout=subprocess.PIPE, check=False)
    return done.stdout if done.returncode == 0 else None


def choose_input(source, scratch):
    """Returns (path of a .gz file, its content according to gzip)."""
    for path in gz_files(own_files(source)):
        if path.stat().st_size > LARGEST_SUM_BYTES:
            continue
        plain = decompress_with_gzip(path)
        if plain and path.stat().st_size + len(plain) <= LARGEST_SUM_BYTES:
            return path, plain
    path = Path(scratch) / "bash.gz"
    with gzip.open(path, "wb") as target:
        target.write(Path("/bin/bash").read_bytes())
    return path, decompress_with_gzip(path)


def examine_host(mote):
    """Returns the driver that guests get here, as doctor reports it; ends the demo without one."""
    _, report = run_json([mote, "doctor", "--json"], stderr=subprocess.DEVNULL)
    drivers = report.get("drivers", [])
    working = [d for d in drivers if d.get("works")]
    if working:
        return {driver["name"]: driver for driver in working}
    reasons = [f"{d.get('name')}: {d.get('reason')}" for d in drivers if not d.get("works")]
    fail("; ".join(reasons) or "no driver works here", STATUS_HOST)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", type=Path, required=True, metavar="FOLDER")
    build = parser.parse_args().build.absolute()
    mote, guest = build / "bin" / "mote", build / "guests" / "inflate.elf"
    for needed in (mote, guest):
        if not needed.exists():
            fail(f"the build made no {needed.relative_to(build.parent)}")
    drivers = examine_host(mote)
    with tempfile.TemporaryDirectory() as scratch:
        path, plain = choose_input(build.parent, scratch)
        print(f"file      {path}")
        command = [mote, "call", guest, "Inflate", f"bytes:@{path}", "--json",
                   "--time-limit", TIME_LIMIT, "--output", str(len(plain) + HEADROOM_BYTES)]  # fmt: skip
        started = time.monotonic()
        status, answer = run_json(command)
        elapsed_s = time.monotonic() - started
        compressed_bytes = path.stat().st_size
    if not answer.get("ok"):
        fail(f"{answer.get('code')}: {answer.get('text')}", status or 1)
    if base64.b64decode(answer["result"]["base64"]) != plain:
        fail("the guest's output differs from that of gzip -dc")
    stats, driver = answer["stats"], answer["driver"]
    kind = drivers.get(driver, {}).get("kind")
    print(f"size      {compressed_bytes} bytes compressed, {len(plain)} bytes decompressed")
    print(f"time      {stats['wall_us'] / 1000:.1f} ms in the call, {elapsed_s:.2f} s in all")
    print(f"driver    {driver}{', ' + kind if kind else ''}")
    print("compared  the same as gzip -dc")
    print("1 passed, 0 failed, 0 skipped")


if __name__ == "__main__":
    main()
