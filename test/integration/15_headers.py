#!/usr/bin/env python3
"""Each public header compiles alone, as strict C11 and C++17, and a C++
program links with the library and gets an answer from a pool."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

SOURCE = Path(os.environ["SQUIRE_SOURCE"])
BUILD = Path(os.environ["SQUIRE_BUILD"])
WARNINGS = ["-Wall", "-Wextra", "-Wpedantic", "-Werror"]

PROGRAM = """\
#include <squire/comm.h>
#include <squire/debug.h>
#include <squire/helper.h>
#include <squire/helper_serve.h>
#include <squire/ipc.h>
#include <squire/listener.h>
#include <cstdio>

static void onReply(const HelperReply *reply, void *)
{
    std::printf("answer: %s\\n", reply->text);
    commLoopStop();
}

int main()
{
    static const char *const argv[] = {"cat", nullptr};
    HelperConfig config;

    if (commInit() || debugOptions("ALL,1"))
        return 1;
    helperConfigInit(&config);
    config.name = "echo";
    config.argv = argv;
    HelperPool *pool = helperPoolCreate(&config);
    helperSubmit(pool, "http://a.test/", onReply, nullptr);
    commLoopRun();
    helperPoolDestroy(&pool);
    commFini();
}
"""


def public_headers():
    text = (SOURCE / "lib/Makefile.am").read_text()
    block = re.search(r"squireinclude_HEADERS = (.*?)\n\n", text, re.S)
    return re.findall(r"\w+\.h", block.group(1))


def compiler(name):
    """The path of a compiler; without one the test is skipped."""
    path = shutil.which(name)
    if not path:
        raise unittest.SkipTest(f"no {name}")
    return path


class HeadersTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="squire-headers-")
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        (self.folder / "squire").symlink_to(SOURCE / "lib")

    def compile(self, command, name, text, *more):
        path = self.folder / name
        path.write_text(text)
        return subprocess.run(
            [*command, *WARNINGS, "-I", self.folder, path, *more],
            cwd=self.folder, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, timeout=120)

    def each_header_alone(self, command, suffix):
        for header in public_headers():
            with self.subTest(header=header):
                done = self.compile(
                    [*command, "-fsyntax-only"], "alone" + suffix,
                    f"#include <squire/{header}>\nextern int nothing;\n")
                self.assertEqual(done.returncode, 0, done.stdout)

    def test_c11(self):
        self.each_header_alone([compiler("cc"), "-std=c11"], ".c")

    def test_cxx17(self):
        self.each_header_alone([compiler("c++"), "-std=c++17"], ".cc")

    def test_cxx_program(self):
        library = BUILD / "lib/.libs"
        if "-fsanitize" in (BUILD / "config.status").read_text():
            self.skipTest("the library needs a sanitizer's runtime")
        done = self.compile(
            [compiler("c++"), "-std=c++17", "-o", "program"], "program.cc",
            PROGRAM, "-L", library, "-lsquire", f"-Wl,-rpath,{library}")
        self.assertEqual(done.returncode, 0, done.stdout)
        output = subprocess.run([self.folder / "program"], timeout=60,
                                check=True, stdout=subprocess.PIPE, text=True)
        self.assertEqual(output.stdout, "answer: http://a.test/\n")


if __name__ == "__main__":
    sys.exit(unittest.main())
