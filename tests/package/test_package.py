# SPDX-License-Identifier: Apache-2.0
"""A stranger installs mote, and builds and runs the README's own example with what is there."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SOURCE = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(SOURCE / "scripts"))
import hardware  # noqa: E402

BUILD = Path(os.environ.get("MOTE_BUILD_DIR", SOURCE / "build"))

WANTED_FILES = [
    "bin/mote",
    "bin/mote-cc",
    "include/mote/mote.h",
    "include/mote_guest/moteg.h",
    "lib/libmote.a",
    "lib/libmote.so",
    "lib/libmote.so.0",
    "lib/pkgconfig/mote.pc",
    "lib/cmake/mote/mote-config.cmake",
    "share/man/man1/mote-call.1",
    "share/man/man3/mote_call.3",
    "share/bash-completion/completions/mote",
    "share/bash-completion/completions/mote-cc",
    "share/zsh/site-functions/_mote",
    "share/fish/vendor_completions.d/mote.fish",
]

CMAKE_PROJECT = """
cmake_minimum_required(VERSION 3.25)
project(stranger C)
find_package(mote 0.1 REQUIRED COMPONENTS shared static guest)
add_executable(host_shared host.c)
target_link_libraries(host_shared PRIVATE mote::shared)
add_executable(host_static host.c)
target_link_libraries(host_static PRIVATE mote::static)
mote_add_guest(hello hello.c)
"""


SOURCES = pytest.mark.parametrize("source", ["host.c", "anywhere.c"])


def run(command, **options):
    done = subprocess.run(
        list(map(str, command)), capture_output=True, text=True, check=False, **options
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
    return done.stdout


def readme_block(name):
    """The C block of the README that follows the line which names a file."""
    text = (SOURCE / "README.md").read_text(encoding="utf-8")
    match = re.search(rf"^.*{re.escape(name)}.*\n+```c\n((?s:.*?))^```$", text, re.M)
    assert match, f"README.md has no line with {name} and a ```c block after it"
    return match[1]


def with_another_policy(host):
    """The README's host as it is where a process will do."""
    declared = "    mote_config config = MOTE_CONFIG_INIT;\n    config.policy = MOTE_POLICY_HARDWARE_PREFERRED;\n"
    host, n = re.subn(r"(?<=\{\n)(?=    mote_error err;\n)", declared, host)
    assert n == 1
    host, n = re.subn(r'(?<="hello.elf", )NULL', "&config", host)
    assert n == 1
    return host


@pytest.fixture(scope="session")
def prefix(tmp_path_factory):
    """An installed mote that was moved after the installation."""
    folder = tmp_path_factory.mktemp("install")
    run(["cmake", "--install", BUILD, "--prefix", folder / "first"])
    return (folder / "first").rename(folder / "moved")


@pytest.fixture(scope="session")
def example(tmp_path_factory, prefix):
    """A folder with the README's files, and the guest compiled by the installed mote-cc."""
    folder = tmp_path_factory.mktemp("example")
    (folder / "hello.c").write_text(readme_block("hello.c"))
    (folder / "host.c").write_text(readme_block("host.c"))
    (folder / "anywhere.c").write_text(with_another_policy(readme_block("host.c")))
    run([prefix / "bin" / "mote-cc", "hello.c", "-o", "hello.elf"], cwd=folder)
    return folder


def pkg_config(prefix, *arguments):
    environment = dict(os.environ, PKG_CONFIG_PATH=str(prefix / "lib" / "pkgconfig"))
    return run(["pkg-config", *arguments, "mote"], env=environment).split()


def check_host(program, source, folder, prefix):
    """The README's host says hello, or why it does not where there is no hardware virtualisation."""
    environment = dict(os.environ, LD_LIBRARY_PATH=str(prefix / "lib"))
    done = subprocess.run([program], cwd=folder, env=environment, capture_output=True, text=True,
                          check=False)  # fmt: skip
    if source == "anywhere.c" or hardware.has_kvm():
        assert (done.returncode, done.stdout, done.stderr) == (0, "Hello, World!\n", "")
    else:
        assert (done.returncode, done.stdout) == (1, "")
        assert "/dev/kvm" in done.stderr


@pytest.mark.parametrize("name", WANTED_FILES)
def test_installed(prefix, name):
    assert (prefix / name).exists()


def test_no_internal_header_is_installed(prefix):
    folders = {path.name for path in (prefix / "include").iterdir()}
    assert folders == {"mote", "mote_guest"}


def test_pkg_config_version(prefix):
    assert pkg_config(prefix, "--modversion") == ["0.1.0"]


def test_soname(prefix):
    dynamic = run(["readelf", "-d", prefix / "lib" / "libmote.so"])
    assert "[libmote.so.0]" in dynamic


def test_guest_of_readme_is_what_the_tool_lists(prefix, example):
    listed = run([prefix / "bin" / "mote", "list", "hello.elf"], cwd=example)
    assert listed.strip()


@SOURCES
def test_host_of_readme_with_pkg_config(prefix, example, source):
    flags = pkg_config(prefix, "--cflags", "--libs")
    run(["gcc", "-Wall", "-Werror", source, *flags, "-o", "host"], cwd=example)
    check_host(example / "host", source, example, prefix)


@SOURCES
def test_host_of_readme_linked_statically(prefix, example, source):
    flags = pkg_config(prefix, "--static", "--cflags", "--libs")
    run(["gcc", "-static", source, *flags, "-o", "host-static"], cwd=example)
    check_host(example / "host-static", source, example, prefix)


@SOURCES
def test_host_and_guest_of_readme_with_cmake(prefix, example, tmp_path, source):
    (tmp_path / "hello.c").write_text((example / "hello.c").read_text())
    (tmp_path / "host.c").write_text((example / source).read_text())
    (tmp_path / "CMakeLists.txt").write_text(CMAKE_PROJECT)
    build = tmp_path / "build"
    run(["cmake", "-S", tmp_path, "-B", build, "-G", "Ninja", f"-DCMAKE_PREFIX_PATH={prefix}"])
    run(["cmake", "--build", build])
    assert (build / "hello.elf").exists()
    check_host(build / "host_shared", source, build, prefix)
    check_host(build / "host_static", source, build, prefix)


GUEST_PROJECT = """
cmake_minimum_required(VERSION 3.25)
project(stranger C)
find_package(mote 0.1 REQUIRED COMPONENTS guest)
add_subdirectory(guest)
"""

GUEST_FOLDER = """
add_custom_command(OUTPUT made.c COMMAND ${CMAKE_COMMAND} -E copy ${CMAKE_CURRENT_SOURCE_DIR}/made.in made.c
    DEPENDS made.in VERBATIM)
mote_add_guest(two written.c made.c)
"""

# Of the sources of the guest: written.c includes a header, made.c is written by the build.
GUEST_FILES = {
    "guest/CMakeLists.txt": GUEST_FOLDER,
    "guest/name.h": "#define NAME First\n",
    "guest/written.c": "#include <mote_guest/moteg.h>\n#include \"name.h\"\nMOTEG_FUNCTION(void, NAME) {}\n",
    "guest/made.in": "#include <mote_guest/moteg.h>\nMOTEG_FUNCTION(void, Made) {}\n",
    "CMakeLists.txt": GUEST_PROJECT,
}


class GuestProject:
    """A project whose guest is built again and again."""

    def __init__(self, prefix, folder, generator):
        self.prefix, self.folder, self.build = prefix, folder, folder / "build"
        for name, text in GUEST_FILES.items():
            self.write(name, text)
        run(["cmake", "-S", folder, "-B", self.build, "-G", generator, f"-DCMAKE_PREFIX_PATH={prefix}"])

    def write(self, name, text):
        (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
        (self.folder / name).write_text(text)

    def functions(self):
        """What the guest declares after another build."""
        run(["cmake", "--build", self.build])
        listed = run([self.prefix / "bin" / "mote", "list", self.guest()])
        return [line.split("(")[0] for line in listed.splitlines()]

    def guest(self):
        return self.build / "guest" / "two.elf"

    def time_ns(self):
        return self.guest().stat().st_mtime_ns


@pytest.fixture(name="project", params=["Ninja", "Unix Makefiles"])
def guest_project(prefix, tmp_path, request):
    if request.param == "Unix Makefiles" and shutil.which("make") is None:
        pytest.skip("no make")
    return GuestProject(prefix, tmp_path / "with space", request.param)


def test_a_guest_of_cmake_follows_its_sources_and_headers(project):
    assert project.functions() == ["First", "Made"]
    built_ns = project.time_ns()
    assert project.functions() == ["First", "Made"]
    assert project.time_ns() == built_ns
    project.write("guest/name.h", "#define NAME Second\n")
    assert project.functions() == ["Made", "Second"]
    project.write("guest/made.in", GUEST_FILES["guest/made.in"].replace("Made", "Again"))
    assert project.functions() == ["Again", "Second"]


def test_a_guest_of_cmake_follows_the_guest_library(project):
    project.functions()
    built_ns = project.time_ns()
    (project.prefix / "lib" / "libmoteg.a").touch()
    project.functions()
    assert project.time_ns() > built_ns


def test_cmake_refuses_an_unknown_component(prefix, tmp_path):
    (tmp_path / "CMakeLists.txt").write_text(
        "cmake_minimum_required(VERSION 3.25)\nproject(stranger C)\n"
        "find_package(mote REQUIRED COMPONENTS nonsense)\n"
    )
    done = subprocess.run(
        ["cmake", "-S", tmp_path, "-B", tmp_path / "build", "-G", "Ninja",
         f"-DCMAKE_PREFIX_PATH={prefix}"],  # fmt: skip
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    assert "nonsense" in done.stderr
