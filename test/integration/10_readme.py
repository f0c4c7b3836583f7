#!/usr/bin/env python3
"""The programs in README.md work, built against an installed tree.

Installs the build below a temporary folder, takes each code block of
README.md, and runs it: three helpers, and a program that embeds libsquire
and asks each of them.
"""

import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

BUILD = Path(os.environ["SQUIRE_BUILD"])
SOURCE = Path(os.environ["SQUIRE_SOURCE"])
CC = shlex.split(os.environ.get("SQUIRE_CC", "cc"))
CFLAGS = shlex.split(os.environ.get("SQUIRE_CFLAGS", ""))
STRICT = ["-Wall", "-Wextra", "-Werror"]
TIMEOUT_S = 60

REQUEST = "http://old.test/ 127.0.0.1/- - GET\n"
NEW_URL = "http://new.test/"


def blocks(language):
    text = (SOURCE / "README.md").read_text()
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.M | re.S)


def run(command, **options):
    return subprocess.run(command, check=True, text=True, timeout=TIMEOUT_S,
                          stdout=subprocess.PIPE, **options).stdout


class ReadmeTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory(prefix="squire-readme-")
        cls.addClassCleanup(folder.cleanup)
        cls.folder = Path(folder.name)
        cls.root = cls.folder / "root"
        environment = {key: value for key, value in os.environ.items()
                       if key not in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS")}
        subprocess.run(["make", "-s", "-C", str(BUILD), "install",
                        f"DESTDIR={cls.root}"], check=True, env=environment,
                       stdout=subprocess.DEVNULL, timeout=300)
        found = list(cls.root.rglob("squire.pc"))
        cls.environment = dict(
            environment, PKG_CONFIG_PATH=str(found[0].parent),
            PKG_CONFIG_SYSROOT_DIR=str(cls.root),
            LD_LIBRARY_PATH=str(found[0].parent.parent))
        cls.helpers = cls.make_helpers()

    @classmethod
    def compile(cls, name, text):
        source = cls.folder / f"{name}.c"
        source.write_text(text)
        flags = run(["pkg-config", "--cflags", "--libs", "squire"],
                    env=cls.environment).split()
        subprocess.run(CC + CFLAGS + STRICT + ["-o", cls.folder / name,
                                               source] + flags,
                       check=True, timeout=TIMEOUT_S)
        return cls.folder / name

    @classmethod
    def make_helpers(cls):
        helpers = {}
        for language, ending in (("sh", "sh"), ("python", "py")):
            path = cls.folder / f"helper.{ending}"
            path.write_text(blocks(language)[0])
            path.chmod(0o755)
            helpers[language] = path
        source, = [b for b in blocks("c") if "helper_serve.h" in b]
        helpers["c"] = cls.compile("helper", source)
        return helpers

    def test_helpers_answer_with_the_number_of_the_request(self):
        for language, path in self.helpers.items():
            with self.subTest(language=language):
                answer = run([path], env=self.environment,
                             input="7 " + REQUEST + "8 http://other.test/x\n")
                self.assertEqual(answer.splitlines(), [
                    f'7 OK rewrite-url="{NEW_URL}"', "8 ERR"])

    def test_helpers_send_nothing_of_a_client_s_making(self):
        asked = [b"http://old.test/\\c", b"http://old.test/\\n8\\0101",
                 b'http://old.test/"x=y', b"http://old.test/\xff"]
        odd = [b'http://new.test/\\\\c', b"http://new.test/\\\\n8\\\\0101",
               b'http://new.test/\\"x=y']
        for language, path in self.helpers.items():
            with self.subTest(language=language):
                answers = subprocess.run(
                    [path], env=self.environment, check=True,
                    timeout=TIMEOUT_S, stdout=subprocess.PIPE,
                    input=b"".join(b"7 %s 127.0.0.1/- - GET\n" % url
                                   for url in asked)).stdout.splitlines()
                self.assertEqual(answers[-1],
                                 b'7 OK rewrite-url="http://new.test/\xff"')
                self.assertEqual(answers[:-1], [
                    b"7 ERR" if language == "sh" else
                    b'7 OK rewrite-url="%s"' % url for url in odd])

    def test_embedding_program_asks_each_helper(self):
        source, = [b for b in blocks("c") if "commLoopRun" in b]
        program = self.compile("embed", source)
        for language, path in self.helpers.items():
            with self.subTest(language=language):
                self.assertEqual(run([program, path], env=self.environment),
                                 f"new URL: {NEW_URL}\n")

    def test_every_public_header_stands_alone(self):
        headers = sorted((self.root.rglob("include/squire/*.h")))
        self.assertGreater(len(headers), 5)
        for header in headers:
            with self.subTest(header=header.name):
                self.compile("alone", f"#include <squire/{header.name}>\n"
                             "int main(void)\n{\n    return 0;\n}\n")

    @unittest.skipUnless(shutil.which("c++"), "no C++ compiler")
    def test_every_public_header_is_for_cxx_too(self):
        flags = run(["pkg-config", "--cflags", "squire"],
                    env=self.environment).split()
        text = "".join(f"#include <squire/{header.name}>\n" for header in
                       sorted(self.root.rglob("include/squire/*.h")))
        source = self.folder / "headers.cc"
        source.write_text(text + "int main() { return commIsRunning(); }\n")
        subprocess.run(["c++", "-fsyntax-only", *STRICT, source, *flags],
                       check=True, timeout=TIMEOUT_S)
        self.assertEqual(text.count("#include"), sum(
            'extern "C"' in header.read_text() or
            header.name == "debug_sections.h"
            for header in self.root.rglob("include/squire/*.h")))

    def test_the_installed_configuration_is_right(self):
        squire, = self.root.rglob("sbin/squire")
        conf, = self.root.rglob("etc/squire/squire.conf")
        table = run([squire, "-f", conf, "-k", "parse"],
                    env=self.environment, stderr=subprocess.STDOUT)
        self.assertIn("http_access deny all", table)
        self.assertNotIn("warning", table.lower())

    def test_what_is_installed(self):
        for name in ("sbin/squire", "libexec/squire/url_rewrite_map",
                     "lib/libsquire.so", "lib/pkgconfig/squire.pc",
                     "share/man/man8/squire.8",
                     "share/man/man5/squire.conf.5"):
            with self.subTest(name=name):
                self.assertTrue(list(self.root.rglob(name)), name)


if __name__ == "__main__":
    sys.exit(unittest.main())
