#!/usr/bin/env python3
"""What is stored, seen and removed: squirectl cache, and PURGE."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "..", "support"))
import squire_test
from squire_test import BUILD, Origin, Squire, answer, wait_for

FRESH = "Cache-Control: max-age=600"
PURGE = """acl purge method PURGE
acl trusted src 127.0.0.1
http_access allow purge trusted
"""


class Stored(unittest.TestCase):
    """With both levels."""

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="squire-purge-")
        cls.origin = Origin()
        cls.squire = Squire(f"cache_dir lmdb {cls.folder}/store 64\n"
                            "maximum_object_size_in_memory 100 KB\n",
                            PURGE + "http_access allow all\n").start()

    @classmethod
    def tearDownClass(cls):
        cls.squire.stop()
        cls.origin.close()
        shutil.rmtree(cls.folder, True)

    def ctl(self, *arguments):
        return subprocess.run(
            [os.path.join(BUILD, "src", "squirectl"), "-u",
             f"127.0.0.1:{self.squire.manager}", "cache", *arguments],
            capture_output=True, text=True, timeout=squire_test.PATIENCE)

    def store(self, path, body=b"text", *fields):
        self.origin.routes[path] = answer(200, body, FRESH, *fields)
        url = self.origin.url(path)
        before = self.squire.info()["disk"]["stores"]
        self.squire.get(url)
        wait_for("the disk", lambda:
                 self.squire.info()["disk"]["stores"] > before)
        return url

    def is_hit(self, url):
        return ";hit" in self.squire.get(url).get("Cache-Status")

    def test_list_get_purge(self):
        small = self.store("/small", b"text", "X-Test: yes",
                           "Vary: Accept")
        large = self.store("/large", b"x" * 200000)
        lines = self.ctl("ls", self.origin.url("/")).stdout.splitlines()
        self.assertRegex(lines[0], r"^ *STATUS +BYTES +AGE +FRESH +LEVEL +URL$")
        rows = {line.split()[5]: line.split() for line in lines[1:]}
        self.assertEqual(rows[small][:2], ["200", "4"])
        self.assertEqual(rows[small][6:], ["vary:", "accept"])
        self.assertEqual(rows[large][:2], ["200", "200000"])
        self.assertEqual(rows[large][4], "disk")
        listed = [json.loads(line) for line in
                  self.ctl("ls", "--json", small).stdout.splitlines()]
        self.assertEqual([row["url"] for row in listed], [small])
        self.assertLessEqual(listed[0]["fresh_for"], 600)
        got = self.ctl("get", small.replace("http", "HTTP"))
        self.assertEqual(got.stdout.count("HTTP/1.1 200 OK"), 2, got.stdout)
        self.assertIn("X-Test: yes", got.stdout)
        self.assertIn("# memory, ", got.stdout)
        self.assertIn("# disk, ", got.stdout)
        self.assertTrue(self.is_hit(small) and self.is_hit(large))
        for url in small, large:
            self.assertEqual(self.ctl("purge", url).stdout, "1 removed\n")
            for action in "get", "purge":
                gone = self.ctl(action, url)
                self.assertEqual((gone.returncode, gone.stderr),
                                 (1, "squirectl cache: it is not stored\n"))
            self.assertFalse(self.is_hit(url))

    def test_a_long_list_comes_in_pages(self):
        self.origin.routes.update(
            {f"/page/{number}": answer(200, b"x", FRESH)
             for number in range(1100)})
        with self.squire.connect() as connection:
            for number in range(1100):
                connection.request(self.origin.url(f"/page/{number}"))
        prefix = self.origin.url("/page/")
        wait_for("the disk", lambda: len(
            self.ctl("ls", prefix).stdout.splitlines()) >= 1101)
        urls = [json.loads(line)["url"] for line in
                self.ctl("ls", "--json", prefix).stdout.splitlines()]
        self.assertEqual(sorted(urls), sorted(
            self.origin.url(f"/page/{number}") for number in range(1100)))
        self.assertEqual(len(self.ctl("ls", "--json", "-n", "7", prefix)
                             .stdout.splitlines()), 7)

    def test_stats(self):
        self.store("/stats")
        text = self.ctl("stats").stdout
        self.assertRegex(text, r"(?m)^memory objects [1-9]\d*$")
        self.assertRegex(text, r"(?m)^disk bytes_max 67108864$")
        both = json.loads(self.ctl("stats", "--json").stdout)
        self.assertGreater(both["disk"]["stores"], 0)
        self.assertGreater(both["memory"]["stores"], 0)

    def test_misuse(self):
        for arguments in ((), ("nonsense",), ("get",), ("purge",),
                          ("stats", "x"), ("ls", "a", "b"), ("ls", "-n", "0")):
            result = self.ctl(*arguments)
            self.assertEqual(result.returncode, 2, arguments)
            self.assertIn("shows the usage", result.stderr)

    def test_what_the_manager_refuses(self):
        for path, method, status in (
                ("/cache?from=12", "GET", 400), ("/cache/object", "GET", 400),
                ("/cache/purge?url=x", "GET", 405),
                ("/cache/purge", "POST", 400), ("/cache", "POST", 405)):
            self.assertEqual(
                self.squire.ask_manager(path, method,
                                        {"X-Squire": "1"}).status,
                status, path)
        self.assertEqual(self.squire.ask_manager("/cache").status, 403)

    def test_purge_by_method(self):
        url = self.store("/by-method")
        asked = len(self.origin.requests)
        self.assertTrue(self.is_hit(url))
        self.assertEqual(self.squire.get(url, method="PURGE").status, 200)
        self.assertEqual(self.squire.get(url, method="PURGE").status, 404)
        self.assertEqual(len(self.origin.requests), asked)
        self.assertFalse(self.is_hit(url))

    def test_purge_reaches_a_large_one_and_every_variant(self):
        large = self.store("/large-by-method", b"x" * 200000)

        def vary(request, sock):
            return answer(200, b"x", FRESH, "Vary: Accept-Language")

        self.origin.routes["/vary"] = vary
        url = self.origin.url("/vary")
        for language in "de", "en":
            self.squire.get(url, [("Accept-Language", language)])
        for purged in large, url:
            self.assertEqual(self.squire.get(purged, method="PURGE").status,
                             200)
        for language in "de", "en":
            response = self.squire.get(url, [("Accept-Language", language)])
            self.assertNotIn(";hit", response.get("Cache-Status"))
        self.assertFalse(self.is_hit(large))


class Denied(unittest.TestCase):
    def check(self, access):
        origin = Origin({"/": answer(200, b"text", FRESH)})
        squire = Squire("", access + "http_access allow all\n").start()
        url = origin.url("/")
        squire.get(url)
        self.assertEqual(squire.get(url, method="PURGE").status, 403)
        self.assertIn(";hit", squire.get(url).get("Cache-Status"))
        self.assertEqual(len(origin.requests), 1)
        squire.stop()
        origin.close()

    def test_purge_is_denied_unless_an_acl_is_about_it(self):
        self.check("")

    def test_purge_is_denied_by_http_access(self):
        self.check("acl purge method PURGE\nhttp_access deny purge\n")


if __name__ == "__main__":
    squire_test.main()
