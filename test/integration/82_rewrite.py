#!/usr/bin/env python3
"""url_rewrite_program: every kind of answer, and helpers that fail."""

import os
import signal
import sys
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "..", "support"))
import squire_test
from squire_test import Origin, Squire, answer

# The reply to /reply?TEXT is TEXT; TEXT may have %HH.
REPLY = """
from urllib.parse import unquote
def rewrite(url, extras):
    return unquote(url.split("?", 1)[1], "latin-1") if "?" in url else "ERR"
"""


def with_rewriter(body, options="", children=None, concurrent=True):
    squire = Squire()
    command = squire.rewriter(body, concurrent)
    if children is None:
        children = ("2 startup=1 concurrency=10" if concurrent
                    else "4 startup=1 concurrency=0")
    squire.write_conf(f"url_rewrite_program {command}\n"
                      f"url_rewrite_children {children}\n{options}")
    return squire


class Replies(unittest.TestCase):
    CONCURRENT = True

    @classmethod
    def setUpClass(cls):
        cls.origin = Origin({
            "/reply": answer(200, b"unchanged"),
            "/other": answer(200, b"other")})
        cls.squire = with_rewriter(REPLY,
                                   concurrent=cls.CONCURRENT).start()

    @classmethod
    def tearDownClass(cls):
        cls.squire.check_idle()
        cls.squire.stop()
        cls.origin.close()

    def ask(self, reply):
        quoted = "".join(f"%{ord(c):02X}" if c in "% \"\\<>\r" else c
                         for c in reply)
        return self.squire.get(self.origin.url("/reply?" + quoted))

    def check_unchanged(self, reply):
        response = self.ask(reply)
        self.assertEqual((response.status, response.body),
                         (200, b"unchanged"), reply)

    def check_redirect(self, reply, status, location):
        response = self.ask(reply)
        self.assertEqual(response.status, status, reply)
        self.assertEqual(response.get("Location"), location)

    def test_unchanged(self):
        for reply in ("OK", "OK ", "ERR", "ERR nothing", "",
                      "OK message=x"):
            self.check_unchanged(reply)

    def test_rewritten(self):
        other = self.origin.url("/other")
        for reply in (f"OK rewrite-url={other}",
                      f'OK rewrite-url="{other}"',
                      f"OK rewrite-url={other} message=x\r",
                      other, f"{other} 127.0.0.1/- - GET",
                      f"!group!{other}"):
            self.assertEqual(self.ask(reply).body, b"other", reply)
        self.assertEqual(self.origin.last().target, "/other")

    def test_redirected(self):
        there = "http://new.test/x"
        self.check_redirect(f"OK url={there}", 302, there)
        for status in (301, 302, 303, 307, 308):
            self.check_redirect(f"OK status={status} url={there}", status,
                                there)
            self.check_redirect(f"{status}:{there}", status, there)
        self.check_redirect(f"OK rewrite-url=http://a.test/ url={there}",
                            302, there)
        self.check_redirect("OK url=http://new.test/x%20y%41&z=1", 302,
                            "http://new.test/x%20yA&z=1")

    def test_nonsense_is_unchanged(self):
        for reply in ("OK status=200 url=http://a.test/", "garbage",
                      "0 ERR", "OK rewrite-url=ftp://a.test/",
                      "OK rewrite-url=http://", "302:", "TT x",
                      "OK url=http://a.test/%0d%0aX-Injected:%20yes",
                      "BH message=broken"):
            self.check_unchanged(reply)
        self.assertIn("garbage", squire_test.wait_for(
            "the complaint", lambda: "url_rewrite: " in self.squire.log()
            and self.squire.log()) + "garbage")

    def test_host_follows_the_rewritten_url(self):
        response = self.ask("OK rewrite-url=http://localhost:"
                            f"{self.origin.port}/other")
        self.assertEqual(response.body, b"other")
        self.assertEqual(self.origin.last().get("Host"),
                         f"localhost:{self.origin.port}")


class RepliesInOrder(Replies):
    CONCURRENT = False


class Queries(unittest.TestCase):
    def asked(self, options=""):
        """What the helper is told for one GET of /x."""
        squire = with_rewriter(
            "def rewrite(url, extras):\n"
            "    return 'OK url=http://t.test/?' + '|'.join([url] + extras)"
            ".replace('=', ':').replace('%', '^')", options)
        with squire:
            location = squire.get("http://host.test/x").get("Location")
            return location.split("?", 1)[1].split("|"), squire.port

    def test_default_extras(self):
        words, port = self.asked()
        self.assertEqual(words, [
            "http://host.test/x", "127.0.0.1/-", "-", "GET",
            "myip:127.0.0.1", f"myport:{port}"])

    def test_other_extras(self):
        words, _ = self.asked('url_rewrite_extras "%>rm %%"\n')
        self.assertEqual(words, ["http://host.test/x", "GET", "^"])

    def test_access_decides_who_is_asked(self):
        origin = Origin({"/a": answer(200, b"a"), "/b": answer(200, b"b")})
        squire = with_rewriter(
            "def rewrite(url, extras): return 'OK url=http://t.test/'",
            "acl b url_regex /b$\nurl_rewrite_access deny b\n"
            "url_rewrite_access allow all\n")
        with squire:
            self.assertEqual(squire.get(origin.url("/a")).status, 302)
            self.assertEqual(squire.get(origin.url("/b")).status, 200)
        origin.close()

    def test_url_too_long_for_the_helper(self):
        with with_rewriter(REPLY) as squire:
            url = "http://host.test/" + "x" * 8150
            self.assertEqual(squire.get(url).status, 414)

    def test_cache_is_behind_the_rewriter(self):
        origin = Origin({"/same": answer(200, b"x",
                                         "Cache-Control: max-age=60")})
        squire = with_rewriter(
            "def rewrite(url, extras):\n"
            f"    return 'OK rewrite-url={origin.url('/same')}'")
        with squire:
            for number in range(5):
                squire.get(f"http://any.test/{number}")
        self.assertEqual(origin.count("/same"), 1)
        origin.close()

    def test_connect_is_asked_about_too(self):
        origin = Origin({"/": answer(200, b"through")})
        squire = with_rewriter(
            "def rewrite(url, extras):\n"
            f"    return 'OK rewrite-url={origin.authority}'"
            " if url == 'secret.test:443' and extras[2] == 'CONNECT'"
            " else 'ERR'")
        with squire, squire.connect() as connection:
            connection.send("CONNECT secret.test:443 HTTP/1.1\r\n"
                            "Host: secret.test:443\r\n\r\n")
            self.assertEqual(connection.read_response("CONNECT").status,
                             200)
            connection.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            self.assertEqual(connection.read_response().body, b"through")
        origin.close()


SLOW = """
import time
def rewrite(url, extras):
    if "slow" in url:
        time.sleep(3)
    return "ERR"
"""


class Failures(unittest.TestCase):
    def setUp(self):
        self.origin = Origin({path: answer(200, b"x") for path in
                              ("/", "/slow", "/die", "/mute")})

    def tearDown(self):
        self.origin.close()

    def statuses_of_slow(self, options, concurrent=True):
        squire = with_rewriter(SLOW, options, concurrent=concurrent)
        with squire:
            before = time.monotonic()
            response = squire.get(self.origin.url("/slow"))
            self.assertLess(time.monotonic() - before, 20)
            squire.check_idle()
            return response

    def test_timeout(self):
        for concurrent in (True, False):
            for on_timeout, status in (
                    ("fail", 500), ("bypass", 200),
                    ("use_configured_response "
                     'response="OK url=http://late.test/"', 302)):
                response = self.statuses_of_slow(
                    f"url_rewrite_timeout 1 second on_timeout={on_timeout}\n",
                    concurrent)
                self.assertEqual(response.status, status, on_timeout)

    def test_timeout_retry(self):
        body = """
import time
seen = set()
def rewrite(url, extras):
    if url in seen or "slow" not in url:
        return "OK url=http://again.test/"
    seen.add(url)
    return None
"""
        squire = with_rewriter(
            body, "url_rewrite_timeout 1 second on_timeout=retry\n",
            "1 startup=1 concurrency=10")
        with squire:
            response = squire.get(self.origin.url("/slow"))
            self.assertIn(response.status, (302, 500))

    def test_helper_that_dies_is_replaced(self):
        body = """
import os, sys
def rewrite(url, extras):
    if "die" in url and not os.path.exists(sys.argv[0] + ".died"):
        open(sys.argv[0] + ".died", "w").close()
        os._exit(1)
    return "ERR"
"""
        with with_rewriter(body) as squire:
            self.assertEqual(squire.get(self.origin.url("/die")).status, 200)
            self.assertGreaterEqual(squire.pool()["restarts"], 1)

    def test_helper_that_always_dies(self):
        body = "import sys\nsys.exit(1)\n"
        with with_rewriter(body, "url_rewrite_bypass on\n") as squire:
            self.assertEqual(squire.get(self.origin.url("/")).status, 200)
        with with_rewriter(body) as squire:
            self.assertEqual(squire.get(self.origin.url("/")).status, 500)

    def test_program_that_is_not_there(self):
        conf = ("url_rewrite_program /nonexistent/rewriter\n"
                "url_rewrite_children 2 startup=1\n")
        with Squire(conf) as squire:
            self.assertEqual(squire.get(self.origin.url("/")).status, 500)
            self.assertIn("nonexistent", squire.log())
        with Squire(conf + "url_rewrite_bypass on\n") as squire:
            self.assertEqual(squire.get(self.origin.url("/")).status, 200)

    def test_client_that_leaves_while_the_helper_thinks(self):
        with with_rewriter(SLOW) as squire:
            for _ in range(3):
                connection = squire.connect()
                connection.send(f"GET {self.origin.url('/slow')} HTTP/1.1"
                                f"\r\nHost: {self.origin.authority}\r\n\r\n")
                time.sleep(0.2)
                connection.close()
            self.assertEqual(squire.get(self.origin.url("/")).status, 200)
            squire.check_idle()

    def test_killed_helper_loses_nothing(self):
        with with_rewriter(REPLY, children="3 startup=3 concurrency=10") \
                as squire, squire.connect() as connection:
            for number in range(60):
                if number % 10 == 5:
                    helpers = squire.pool()["helpers"]
                    os.kill(helpers[0]["pid"], signal.SIGKILL)
                response = connection.request(self.origin.url("/?ERR"))
                self.assertEqual(response.status, 200)
            self.assertGreaterEqual(squire.pool()["restarts"], 5)


if __name__ == "__main__":
    squire_test.main()
