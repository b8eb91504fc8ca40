#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Builds the Debian packages of this tree, from packaging/debian.

With --check also: lintian finds nothing in them, and a second build, in a folder of another name and
length, makes the same files to the bit.
"""

import argparse
import filecmp
import os
import re
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from email.utils import formatdate
from pathlib import Path

import tree

# Of the packaging alone, when the tree is as before.
REVISION = 1
CHANGELOG = """\
mote ({version}) unstable; urgency=medium

  * Packages of mote {upstream}; CHANGELOG.md has what is new.

 -- {maintainer}  {date}
"""


class Problem(Exception):
    """What ends this program, said in one line."""


def upstream_version():
    found = re.search(r"^project\(mote VERSION (\S+)", tree.read("CMakeLists.txt"), re.MULTILINE)
    if found is None:
        raise Problem("CMakeLists.txt: no version")
    return found[1]


def source_epoch():
    """Seconds that stand for "now" in everything that is made: the last commit's."""
    given = os.environ.get("SOURCE_DATE_EPOCH")
    if given:
        return int(given)
    command = ["git", "-C", str(tree.ROOT), "log", "-1", "--format=%ct"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode == 0 and done.stdout.strip():
        return int(done.stdout)
    return int((tree.ROOT / "CMakeLists.txt").stat().st_mtime)


def copy_tree(folder, epoch):
    """The tree as a source package has it: with packaging/debian as debian/."""
    for path in tree.files():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(tree.ROOT / path, target, follow_symlinks=False)
    shutil.copytree(folder / "packaging" / "debian", folder / "debian")
    control = (folder / "debian" / "control").read_text()
    upstream = upstream_version()
    text = CHANGELOG.format(
        version=f"{upstream}-{REVISION}",
        upstream=upstream,
        maintainer=re.search(r"^Maintainer: (.*)$", control, re.MULTILINE)[1],
        date=formatdate(epoch),
    )
    (folder / "debian" / "changelog").write_text(text)


def build(folder, jobs):
    """Builds the packages below a folder; returns them, and where the log is."""
    shutil.rmtree(folder, ignore_errors=True)
    source = folder / f"mote-{upstream_version()}"
    epoch = source_epoch()
    copy_tree(source, epoch)
    environment = dict(
        os.environ, SOURCE_DATE_EPOCH=str(epoch), DEB_BUILD_OPTIONS=f"parallel={jobs}"
    )
    # The packages follow the tree alone, not whoever builds them.
    for name in ("CFLAGS", "CPPFLAGS", "LDFLAGS", "CC", "CMAKE_GENERATOR"):
        environment.pop(name, None)
    log = folder / "build.log"
    with log.open("w") as output:
        done = subprocess.run(
            ["dpkg-buildpackage", "--build=binary", "--no-sign"],
            cwd=source,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            check=False,
        )
    if done.returncode != 0:
        sys.stderr.write("".join(log.read_text().splitlines(keepends=True)[-60:]))
        raise Problem(f"dpkg-buildpackage failed; its log is {log}")
    packages = sorted(folder.glob("*.deb"))
    if not packages:
        raise Problem(f"no packages were made; the log is {log}")
    return packages


def lint(folder):
    """What lintian says, without the tags that need an archive to be right."""
    (changes,) = folder.glob("*.changes")
    # There is no bug of an archive that this would close.
    command = [
        "lintian",
        "--no-cfg",
        "--allow-root",
        "--suppress-tags",
        "initial-upload-closes-no-bugs",
    ]
    done = subprocess.run([*command, changes], capture_output=True, text=True, check=False)
    said = (done.stdout + done.stderr).splitlines()
    return said or ([f"lintian ended with status {done.returncode}"] if done.returncode else [])


def differences(packages, others):
    names = [path.name for path in packages]
    if names != [path.name for path in others]:
        return [f"the second build made {' '.join(path.name for path in others)}"]
    return [a.name for a, b in zip(packages, others) if not filecmp.cmp(a, b, shallow=False)]


def report(case, problems):
    print(f"{'FAIL' if problems else 'ok':4} {case}")
    for problem in problems:
        print(f"       {problem}")
    return not problems


def check(folder, packages, second):
    results = [
        report("lintian has nothing to say", lint(folder)),
        report("a second build is the same to the bit", differences(packages, second)),
    ]
    print(f"{results.count(True)} passed, {results.count(False)} failed, 0 skipped")
    return 0 if all(results) else 1


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, metavar="FOLDER")
    parser.add_argument("--check", action="store_true", help="build twice, compare, run lintian")
    arguments = parser.parse_args()
    out = arguments.out.absolute()
    folders = [out / "one", out / "two" / "in-another-folder"][: 1 + arguments.check]
    jobs = max(1, len(os.sched_getaffinity(0)) // len(folders))
    try:
        for old in out.glob("*.deb"):
            old.unlink()
        with ThreadPoolExecutor() as pool:
            built = list(pool.map(lambda folder: build(folder, jobs), folders))
        for package in built[0]:
            if "-dbgsym_" not in package.name:
                shutil.copy2(package, out)
                print(f"{package.stat().st_size:9} bytes  {package.name}")
        return check(folders[0], *built) if arguments.check else 0
    except Problem as problem:
        sys.exit(f"package: {problem}")


if __name__ == "__main__":
    sys.exit(main())
