# SPDX-License-Identifier: Apache-2.0
"""A machine whose KVM is hardware KVM: AMD SVM, emulated by QEMU, under Debian's own kernel.

QEMU's emulator (TCG) implements SVM with nested paging, so that the kernel inside serves /dev/kvm
by kvm_amd. The programs, the libraries they need and the guests go into an initramfs, at the same
paths as outside; what they print comes back over the serial line.
"""

import re
import shutil
import subprocess
from pathlib import Path

MODULES = [
    "virt/lib/irqbypass.ko",
    "drivers/crypto/ccp/ccp.ko",
    "arch/x86/kvm/kvm.ko",
    "arch/x86/kvm/kvm-amd.ko",
]
QEMU = [
    "qemu-system-x86_64", "-cpu", "max", "-smp", "1", "-m", "2048", "-nographic", "-nic", "none",
    "-no-reboot",
]  # fmt: skip
FAST = ["-accel", "tcg"]
# The clock advances by one nanosecond with each instruction, and by nothing else.
COUNTING = ["-accel", "tcg,thread=single", "-icount", "shift=0,sleep=off"]
KERNEL_OPTIONS = "console=ttyS0 quiet panic=-1 mitigations=off"
INIT = """#!/bin/busybox sh
/bin/busybox --install -s /bin
export PATH=/bin
mount -t proc none /proc && mount -t sysfs none /sys && mount -t devtmpfs none /dev
ulimit -n 1024
for module in irqbypass ccp kvm kvm-amd; do insmod /modules/$module.ko; done
{script}
poweroff -f
"""


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


# What a program may load that its own list of libraries does not name.
PTHREAD_EXIT = Path("/lib/x86_64-linux-gnu/libgcc_s.so.1")


def copy_into(root, path):
    """Copies a file to the same path under root."""
    target = root / path.relative_to("/")
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy2(path, target)


def libraries_of(program):
    listing = subprocess.run(["ldd", program], check=True, capture_output=True, text=True).stdout
    return [Path(path) for path in re.findall(r"(/\S+\.so\S*)", listing)]


def make_root(root, build, programs, modules, script):
    """Fills the folder that becomes the initramfs: after its start the machine runs the script."""
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
    files.add(build / "lib/libmote.so")
    files.add(PTHREAD_EXIT)
    files.update(build.glob("guests/*.elf"))
    files.update(build.glob("guests/*.exe"))
    files.update(build.glob("tests/guests/*.elf"))
    for path in files:
        copy_into(root, path)
    init = root / "init"
    init.write_text(INIT.format(script=script))
    init.chmod(0o755)


def pack(root, archive):
    """Makes the initramfs of a folder."""
    names = subprocess.run(["find", "."], cwd=root, check=True, capture_output=True).stdout
    packed = subprocess.run(
        ["cpio", "-o", "-H", "newc", "--quiet", "-R", "0:0"],
        cwd=root, input=names, check=True, capture_output=True,
    ).stdout  # fmt: skip
    archive.write_bytes(packed)


def boot(kernel, archive, log, limit_s, options):
    """Runs the machine until it switches itself off; returns what it printed."""
    command = [*QEMU, *options, "-kernel", kernel, "-initrd", archive, "-append", KERNEL_OPTIONS]
    with log.open("wb") as output:
        try:
            subprocess.run(
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
                timeout=limit_s, check=False,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            output.write(b"\n@@timeout\n")
    return log.read_bytes().decode("utf-8", "replace").replace("\r\n", "\n")


def run(build, name, programs, script, limit_s, options):
    """Boots a machine that runs a shell script, and returns what it printed. Its files are kept in
    the build's hw/NAME; the kernel, which all share, beside them."""
    folder = build / "hw" / name
    kernel, modules = fetch_kernel(build / "hw")
    make_root(folder / "root", build, programs, modules, script)
    pack(folder / "root", folder / "initramfs")
    return boot(kernel, folder / "initramfs", folder / "console.log", limit_s, options)
