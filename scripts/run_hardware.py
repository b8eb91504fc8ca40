#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Runs test programs on hardware KVM: AMD SVM, emulated by QEMU, under Debian's own kernel.

QEMU's emulator (TCG) implements SVM with nested paging, so that the kernel inside serves /dev/kvm
by kvm_amd. The programs, the libraries they need and the guests go into an initramfs, at the same
paths as outside; their TAP comes back over the serial line.
"""

import argparse
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

from run_tests import FAILED, PASSED, SKIPPED, Result, parse_tap

MODULES = [
    "virt/lib/irqbypass.ko",
    "drivers/crypto/ccp/ccp.ko",
    "arch/x86/kvm/kvm.ko",
    "arch/x86/kvm/kvm-amd.ko",
]
QEMU = [
    "qemu-system-x86_64", "-accel", "tcg", "-cpu", "max", "-smp", "1", "-m", "2048", "-nographic",
    "-nic", "none", "-no-reboot",
]  # fmt: skip
KERNEL_OPTIONS = "console=ttyS0 quiet panic=-1 mitigations=off"
INIT = """#!/bin/busybox sh
/bin/busybox --install -s /bin
export PATH=/bin CMOCKA_MESSAGE_OUTPUT=TAP
mount -t proc none /proc && mount -t sysfs none /sys && mount -t devtmpfs none /dev
ulimit -n 1024
for module in irqbypass ccp kvm kvm-amd; do insmod /modules/$module.ko; done
{runs}
poweroff -f
"""
RUN = """echo '@@begin {name}'
timeout {limit_s} {path}
echo "@@end {name} $?"
"""
# The programs that drive a virtual CPU.
SUITE = ["*contract_test", "kvm_test", "api_*_test", "hostile*_test"]
SECTION = re.compile(r"@@begin (\S+)\r?\n(.*?)@@end \1 (\d+)", re.S)


def fetch_kernel(folder):
    """Unpacks Debian's kernel package once; returns its image and the folder of its modules."""
    unpacked = folder / "kernel"
    if not any(unpacked.glob("boot/vmlinuz-*")):
        folder.mkdir(parents=True, exist_ok=True)
        depends = subprocess.run(
            ["apt-cache", "depends", "linux-image-amd64"],
            check=True, capture_output=True, text=True,
        ).stdout  # fmt: skip
        package = re.search(r"Depends: (linux-image-\S+)", depends)[1]
        subprocess.run(
            ["apt-get", "download", "-q", package], check=True, cwd=folder, stdout=subprocess.DEVNULL
        )
        archive = next(folder.glob("linux-image-*.deb"))
        subprocess.run(["dpkg", "-x", archive, unpacked], check=True)
        archive.unlink()
    return next(unpacked.glob("boot/vmlinuz-*")), next(unpacked.glob("lib/modules/*/kernel"))


def copy_into(root, path):
    """Copies a file to the same path under root."""
    target = root / path.relative_to("/")
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy2(path, target)


def libraries_of(program):
    listing = subprocess.run(["ldd", program], check=True, capture_output=True, text=True).stdout
    return [Path(path) for path in re.findall(r"(/\S+\.so\S*)", listing)]


def make_root(root, build, programs, modules, limit_s):
    """Fills the folder that becomes the initramfs."""
    shutil.rmtree(root, ignore_errors=True)
    for name in ("bin", "dev", "proc", "sys", "tmp", "modules", "etc"):
        (root / name).mkdir(parents=True)
    shutil.copy2("/bin/busybox", root / "bin/busybox")
    for module in MODULES:
        shutil.copy2(modules / module, root / "modules")
    (root / "etc/passwd").write_text("root:x:0:0::/:/bin/sh\n")
    files = set(programs)
    for program in programs:
        files.update(libraries_of(program))
    files.update(build.glob("guests/*.elf"))
    files.update(build.glob("tests/guests/*.elf"))
    for path in files:
        copy_into(root, path)
    runs = "".join(RUN.format(name=path.name, path=path, limit_s=limit_s) for path in programs)
    init = root / "init"
    init.write_text(INIT.format(runs=runs))
    init.chmod(0o755)


def pack(root, archive):
    """Makes the initramfs of a folder."""
    names = subprocess.run(["find", "."], cwd=root, check=True, capture_output=True).stdout
    packed = subprocess.run(
        ["cpio", "-o", "-H", "newc", "--quiet", "-R", "0:0"],
        cwd=root, input=names, check=True, capture_output=True,
    ).stdout  # fmt: skip
    archive.write_bytes(packed)


def boot(kernel, archive, log, limit_s):
    """Runs the machine until it switches itself off; returns what it printed."""
    command = [*QEMU, "-kernel", kernel, "-initrd", archive, "-append", KERNEL_OPTIONS]
    with log.open("wb") as output:
        try:
            subprocess.run(
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
                timeout=limit_s, check=False,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            output.write(b"\n@@timeout\n")
    return log.read_bytes().decode("utf-8", "replace").replace("\r\n", "\n")


def read_results(text, programs):
    """One result for each program; one that did not end, or counted nothing, has failed."""
    sections = {name: (body, int(status)) for name, body, status in SECTION.findall(text)}
    results = []
    for program in programs:
        result = Result(program.name)
        if program.name not in sections:
            result.fail("did not end")
        else:
            body, status = sections[program.name]
            planned = parse_tap(body, result)
            if not result.cases or (planned != len(result.cases) and not result.count(FAILED)):
                result.fail(f"{planned} cases planned, {len(result.cases)} reported")
            elif status != 0 and not result.count(FAILED):
                result.fail(f"exit status {status}, but no case failed")
        results.append(result)
    return results


def show(results):
    """Prints a line per program and what went wrong; returns the totals."""
    totals = dict.fromkeys((PASSED, FAILED, SKIPPED), 0)
    for result in results:
        counts = {outcome: result.count(outcome) for outcome in totals}
        print(f"{result.name}: " + ", ".join(f"{n} {what}" for what, n in counts.items()))
        for case in result.cases:
            if case.outcome != PASSED:
                print(f"  {case.outcome}: {case.name}: {case.detail.strip()}")
        for outcome, n in counts.items():
            totals[outcome] += n
    return totals


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", type=Path, default=Path("build"))
    parser.add_argument("--limit", type=float, default=1200, help="seconds for the whole machine")
    parser.add_argument("programs", nargs="*", default=SUITE, help="patterns in the build's tests/")
    arguments = parser.parse_args()
    build = arguments.build.resolve()
    programs = sorted({p for name in arguments.programs for p in build.glob(f"tests/{name}")})
    folder = build / "hw"
    started = time.monotonic()
    kernel, modules = fetch_kernel(folder)
    make_root(folder / "root", build, programs, modules, 300)
    pack(folder / "root", folder / "initramfs")
    text = boot(kernel, folder / "initramfs", folder / "console.log", arguments.limit)
    totals = show(read_results(text, programs))
    print(f"console: {folder / 'console.log'}, {time.monotonic() - started:.0f} s")
    print(
        f"hardware KVM: {totals[PASSED]} passed, {totals[FAILED]} failed, {totals[SKIPPED]} skipped"
    )
    return 1 if totals[FAILED] or not totals[PASSED] else 0


if __name__ == "__main__":
    sys.exit(main())
