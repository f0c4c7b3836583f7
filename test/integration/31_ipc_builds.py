#!/usr/bin/env python3
"""Starting helpers as systems do that lack what Debian has: by plain fork, and
without a filter of system calls. The library and its ipc tests, built so."""

import os
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
from channel import BUILD, SOURCE, check

LIMIT = 300  # seconds for each command; all take some ten
OPTIONS = ["--enable-werror", "--disable-shared", "--disable-vm-spawn",
           "--without-seccomp", f"CC={os.environ.get('SQUIRE_CC', 'cc')}",
           "CFLAGS=-O0"]
TESTS = "test_ipc test_ipc_confine test_ipc_faults"


def is_sanitized():
    return "-fsanitize" in os.environ.get("SQUIRE_CFLAGS", "")


def run(folder, *command):
    # What the make above us has set is not for the one here.
    env = {name: value for name, value in os.environ.items()
           if name not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL", "SQUIRE_BUILD")}
    done = subprocess.run(command, cwd=folder, env=env, text=True,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, timeout=LIMIT,
                          check=False)
    check(done.returncode == 0, f"{' '.join(command)}\n{done.stdout[-9000:]}")
    return done.stdout


def defined(folder):
    with open(os.path.join(folder, "build_config.h"),
              encoding="utf-8") as file:
        return {line.split()[1] for line in file
                if line.startswith("#define ")}


def main():
    if is_sanitized():
        print("the build without sanitizers does it")
        sys.exit(77)
    with tempfile.TemporaryDirectory(prefix="squire-builds-") as folder:
        run(folder, "sh", os.path.join(SOURCE, "configure"), "-q", *OPTIONS)
        check("IPC_PLAIN_FORK" in defined(folder), "--disable-vm-spawn")
        check("HAVE_LIBSECCOMP" not in defined(folder), "--without-seccomp")
        run(folder, "make", "-s", "-j2", "-C", "lib")
        told = run(folder, "make", "-s", "-j2", "-C", "test", "check",
                   f"TESTS={TESTS}", f"check_PROGRAMS={TESTS} fake_child")
        check(f"# PASS:  {len(TESTS.split())}" in told, told)


main()
