#!/usr/bin/env python3
"""store_id_program: several URLs, one stored answer."""

import os
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
import squire_test  # noqa: E402
from squire_test import Origin, Squire, answer, wait_for  # noqa: E402

SQUID = "/usr/lib/squid/storeid_file_rewrite"
FRESH = "Cache-Control: max-age=60"


def with_storer(body, options="", children="2 concurrency=10"):
    squire = Squire()
    squire.write_conf(f"store_id_program {squire.rewriter(body)}\n"
                      f"store_id_children {children}\n{options}")
    return squire


class StoreId(unittest.TestCase):
    def setUp(self):
        self.origin = Origin({f"/{n}": answer(200, b"body", FRESH)
                              for n in range(8)})

    def tearDown(self):
        self.origin.close()

    def hit(self, squire, path, method="GET"):
        response = squire.get(self.origin.url(path), method=method)
        self.assertEqual(response.status, 200)
        return ";hit" in response.get("Cache-Status")

    def test_two_urls_share_one_answer(self):
        with with_storer("def rewrite(url, extras):\n"
                         "    return 'OK store-id=http://k.internal/x'"
                         ) as squire:
            self.assertFalse(self.hit(squire, "/1"))
            self.assertTrue(self.hit(squire, "/2"))
            self.assertTrue(self.hit(squire, "/1?q"))
            self.assertEqual(self.origin.count("/1"), 1)
            self.assertEqual(self.origin.count("/2"), 0)
            lines = squire.wait_logged(3)
            self.assertEqual(lines[1][6], self.origin.url("/2"),
                             "the log has the URL")

    def test_everything_else_leaves_the_url(self):
        for reply in ("OK", "ERR", "BH", "", "http://k.internal/x",
                      "OK store-id=", "OK store-id=%0a"):
            with with_storer(f"def rewrite(url, extras): return {reply!r}",
                             children="2 concurrency=10 attempts=1"
                             ) as squire:
                self.assertFalse(self.hit(squire, "/1"), reply)
                self.assertFalse(self.hit(squire, "/2"), reply)
                self.assertTrue(self.hit(squire, "/1"), reply)

    def test_extras_and_rules(self):
        with with_storer("def rewrite(url, extras):\n"
                         "    return 'OK store-id=' + '/'.join(extras)",
                         'store_id_extras "k %>rm"\n'
                         "acl three url_regex /3$\n"
                         "store_id_access deny three\n"
                         "store_id_access allow all\n") as squire:
            self.assertFalse(self.hit(squire, "/1"))
            self.assertTrue(self.hit(squire, "/2"))
            self.assertFalse(self.hit(squire, "/3"))

    def test_a_change_forgets_the_shared_answer(self):
        with with_storer("def rewrite(url, extras):\n"
                         "    return 'OK store-id=k'") as squire:
            self.hit(squire, "/1")
            self.assertTrue(self.hit(squire, "/2"))
            squire.get(self.origin.url("/5"), method="DELETE")
            self.assertFalse(self.hit(squire, "/2"))

    def test_without_an_answer(self):
        body = "def rewrite(url, extras): return None"
        children = "1 concurrency=5 timeout=300ms attempts=1"
        with with_storer(body, "", children) as squire:
            self.assertFalse(self.hit(squire, "/1"))
            wait_for("the reason", lambda: "store_id: TIMEOUT" in squire.log())
        with with_storer(body, "store_id_bypass off\n", children) as squire:
            self.assertEqual(squire.get(self.origin.url("/1")).status, 500)

    def test_behind_the_rewriter(self):
        with with_storer("def rewrite(url, extras):\n"
                         "    return 'OK store-id=k' + url[-2:]") as squire:
            rewriter = squire.rewriter(
                "def rewrite(url, extras):\n"
                f"    return 'OK rewrite-url={self.origin.url('/7')}'",
                name="other.py")
            storer = squire.rewriter(
                "def rewrite(url, extras):\n"
                f"    with open({squire.path('seen')!r}, 'a') as file:\n"
                "        file.write(' '.join([url] + extras) + '\\n')\n"
                "    return 'OK store-id=k' + url[-2:]")
            squire.reconfigure(f"url_rewrite_program {rewriter}\n"
                               "url_rewrite_children 1 concurrency=5\n"
                               f"store_id_program {storer}\n"
                               "store_id_children 1 concurrency=5\n"
                               "store_id_extras \"%>ru %>rp %ru %rp\"\n")
            self.assertFalse(self.hit(squire, "/1"))
            self.assertTrue(self.hit(squire, "/2"))
            self.assertEqual(self.origin.count("/7"), 1)
            new = self.origin.url("/7")
            self.assertEqual(squire.read("seen").splitlines(), [
                f"{new} {self.origin.url(path)} {path} {new} /7"
                for path in ("/1", "/2")])
            # As in Squid, whose native format has %ru.
            self.assertEqual([line[6] for line in squire.wait_logged(2)],
                             [new, new])

    @unittest.skipUnless(os.path.exists(SQUID), f"no {SQUID}")
    def test_squids_own_helper(self):
        for children in ("1", "1 concurrency=10"):
            squire = Squire()
            squire.write("db", r"^http://127\.0\.0\.1:[0-9]+/[0-9]"
                         "\thttp://all.squid.internal/$1\n")
            squire.write_conf(f"store_id_program {SQUID} {squire.path('db')}\n"
                              f"store_id_children {children}\n")
            with squire:
                self.assertFalse(self.hit(squire, "/1"))
                self.assertTrue(self.hit(squire, "/2"))


if __name__ == "__main__":
    squire_test.main()
