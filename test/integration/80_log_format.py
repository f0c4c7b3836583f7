#!/usr/bin/env python3
"""access_log: formats, several logs, acls."""

import os
import re
import sys
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "..", "support"))
import squire_test  # noqa: E402
from squire_test import Origin, Squire, answer, wait_for  # noqa: E402


class Logs(unittest.TestCase):
    def setUp(self):
        self.origin = Origin({
            "/a": answer(200, b"12345", "Server: nginx",
                         "Content-Type: text/plain; charset=utf-8"),
            "/b": answer(404, b"none"),
            "/kept": answer(200, b"kept", "Cache-Control: max-age=60",
                            "X-Kept: yes")})
        self.addCleanup(self.origin.close)

    def lines(self, squire, name, count):
        wait_for(f"{count} lines in {name}",
                 lambda: squire.read(name).count("\n") >= count)
        lines = squire.read(name).splitlines()
        self.assertEqual(len(lines), count, lines)
        return lines

    def log(self, squire, name):
        return squire.path(name)

    def test_the_formats_that_are_always_there(self):
        squire = Squire()
        names = ("squid", "common", "combined", "referrer", "useragent")
        squire.write_conf("".join(
            f"access_log {squire.path(name)} {name}\n" for name in names))
        with squire:
            squire.get(self.origin.url("/a"), headers=[
                ("User-Agent", "say \"hi\""), ("Referer", "http://r.test/")])
            url = re.escape(self.origin.url("/a"))
            clf = (r"127\.0\.0\.1 - - \[\d\d/\w{3}/\d{4}:\d\d:\d\d:\d\d "
                   rf"[+-]\d{{4}}\] \"GET {url} HTTP/1\.1\" 200 \d+")
            want = {
                "squid": r"\d{10}\.\d{3} +\d+ 127\.0\.0\.1 TCP_MISS/200 \d+ "
                         rf"GET {url} - HIER_DIRECT/127\.0\.0\.1 text/plain",
                "common": clf + " TCP_MISS:HIER_DIRECT",
                "combined": clf + r' "http://r\.test/" "say \\"hi\\"" '
                                  "TCP_MISS:HIER_DIRECT",
                "referrer": r"\d{10}\.\d{3} 127\.0\.0\.1 http://r\.test/ "
                            + url,
                "useragent": r"127\.0\.0\.1 \[[^]]+\] \"say \\\"hi\\\"\""}
            for name in names:
                line = self.lines(squire, name, 1)[0]
                self.assertRegex(line, f"^{want[name]}$")

    def test_a_format_of_ones_own(self):
        squire = Squire()
        squire.write_conf(
            "strip_query_terms on\n"
            "logformat own %>Hs %<Hs %mt %<bs %{Server}<h %ru %>ru [%>h] "
            "%err_code # is no comment %rv\n"
            f"access_log stdio:{squire.path('own')} logformat=own\n")
        with squire:
            squire.get(self.origin.url("/a?q=%20x"))
            squire.get("http://nowhere.invalid/")
            first, second = self.lines(squire, "own", 2)
        port = self.origin.port
        self.assertEqual(
            first, f"200 200 text/plain 5 nginx http://127.0.0.1:{port}/a? "
            f"http://127.0.0.1:{port}/a?q=%20x "
            f"[Host: 127.0.0.1:{port}\\r\\n] - # is no comment 1.1")
        self.assertTrue(second.startswith("503 0 text/html 0 - "), second)
        self.assertIn(" ERR_DNS_FAIL ", second)

    def test_who_was_asked_from_where_and_how_long(self):
        def slowly(request, sock):
            del request
            sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n"
                         b"Cache-Control: max-age=60\r\n\r\nab")
            time.sleep(0.3)
            return b"cd"
        self.origin.routes["/slow"] = slowly
        squire = Squire()
        squire.write_conf("logformat own %<p %<la %<lp %<pt %<tt\n"
                          f"access_log {squire.path('own')} own\n")
        with squire:
            for _ in range(2):
                squire.get(self.origin.url("/slow"))
            with squire.connect() as connection:
                connection.request(self.origin.authority, method="CONNECT")
            first, second, tunnel = self.lines(squire, "own", 3)
        words = first.split()
        self.assertEqual(words[:2], [str(self.origin.port), "127.0.0.1"])
        self.assertGreater(int(words[2]), 0)
        self.assertGreaterEqual(int(words[3]), 250)
        self.assertGreaterEqual(int(words[4]), int(words[3]))
        self.assertEqual(second, "- - - - -")
        self.assertRegex(tunnel, rf"^{self.origin.port} 127\.0\.0\.1 \d+ - -$")

    def test_fields_of_kept_answers(self):
        squire = Squire()
        squire.write_conf("logformat own %Ss %{X-Kept}<h\n"
                          f"access_log {squire.path('own')} own\n")
        with squire:
            for _ in range(2):
                squire.get(self.origin.url("/kept"))
            self.assertEqual(self.lines(squire, "own", 2),
                             ["TCP_MISS yes", "TCP_MEM_HIT yes"])

    def test_acls_say_what_is_in_which_log(self):
        squire = Squire()
        squire.write_conf(
            "acl bad http_status 400-599\n"
            "acl secret urlpath_regex secret\n"
            "acl plain rep_mime_type ^text/plain\n"
            "logformat own %>Hs %rp\n"
            f"access_log {squire.path('plain')} own plain\n"
            "access_log none secret\n"
            f"access_log {squire.path('bad')} own bad\n"
            f"access_log {squire.path('good')} logformat=own !bad\n")
        with squire:
            squire.get(self.origin.url("/a"))
            squire.get(self.origin.url("/b"))
            squire.get(self.origin.url("/secret"))
            squire.get(self.origin.url("/a?secret"))
            squire.get(self.origin.url("/b"))
            self.assertEqual(self.lines(squire, "bad", 2),
                             ["404 /b", "404 /b"])
            self.assertEqual(self.lines(squire, "good", 1), ["200 /a"])
            self.assertEqual(self.lines(squire, "plain", 2),
                             ["200 /a", "200 /a?secret"])

    def test_headers_in_the_native_log(self):
        with Squire("log_mime_hdrs on\n") as squire:
            squire.get(self.origin.url("/a"), headers=[("X-One", "a [b]")])
            line = self.lines(squire, "access.log", 1)[0]
        self.assertRegex(line, r" text/plain \[Host: [^]]*X-One: a %5Bb%5D"
                               r"\\r\\n\] \[[^]]*Server: nginx\\r\\n[^]]*\]$")

    def test_formats_change_with_the_configuration(self):
        squire = Squire()
        with squire:
            squire.get(self.origin.url("/a"))
            self.lines(squire, "access.log", 1)
            squire.reconfigure(
                "logformat own now %>Hs\n"
                f"access_log {squire.path('own')} own\n")
            squire.get(self.origin.url("/b"))
            self.assertEqual(self.lines(squire, "own", 1), ["now 404"])
            self.lines(squire, "access.log", 2)

    def test_no_value_breaks_a_line(self):
        squire = Squire()
        squire.write_conf("logformat own %'{X-Odd}>h|%{X-Odd}>h|\n"
                          f"access_log {squire.path('own')} own\n")
        with squire:
            squire.get(self.origin.url("/a"), headers=[
                ("X-Odd", "a\tb \u00e4" + "x" * 40000)])
            line = self.lines(squire, "own", 1)[0]
        self.assertTrue(line.startswith("a\tb"), line[:20])
        self.assertLessEqual(len(line), 32 * 1024)


if __name__ == "__main__":
    squire_test.main()
