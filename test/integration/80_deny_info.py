#!/usr/bin/env python3
"""What clients are told when something is denied or fails: deny_info,
error_directory, cache_mgr."""

import os
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "..", "support"))
import squire_test  # noqa: E402
from squire_test import Origin, Squire, answer  # noqa: E402

SQUIDS = "/usr/share/squid/errors/en"

ACCESS = ("acl page urlpath_regex ^/page\n"
          "acl gone urlpath_regex ^/gone\n"
          "acl move urlpath_regex ^/move\n"
          "acl other urlpath_regex ^/other\n"
          "acl reset urlpath_regex ^/reset\n"
          "acl own urlpath_regex ^/own\n"
          "acl big rep_header X-Big .\n"
          "http_access deny page\nhttp_access deny gone\n"
          "http_access deny move\nhttp_access deny other\n"
          "http_access deny reset\nhttp_access deny all own\n"
          "http_access allow all\n"
          "http_reply_access deny big\n")


class DenyInfo(unittest.TestCase):
    def setUp(self):
        self.origin = Origin({"/big": answer(200, b"x", "X-Big: 1"),
                              "/": answer(200, b"x")})
        self.addCleanup(self.origin.close)

    def start(self, conf, files=()):
        squire = Squire(conf, access=ACCESS)
        os.mkdir(squire.path("errors"))
        for name, text in files:
            squire.write("errors/" + name, text)
        return squire

    def test_pages_and_redirections(self):
        conf = ("deny_info ERR_CANNOT_FORWARD page\n"
                "deny_info 404:ERR_DNS_FAIL gone\n"
                "deny_info http://login.test/?from=%U&ip=%i&m=%M&100%% move\n"
                "deny_info 301:http://new.test/ other\n"
                "deny_info TCP_RESET reset\n")
        with self.start(conf) as squire:
            url = self.origin.url
            response = squire.get(url("/page"))
            self.assertEqual(response.status, 403)
            self.assertIn(b"ERR_CANNOT_FORWARD", response.body)
            response = squire.get(url("/gone"))
            self.assertEqual(response.status, 404)
            self.assertIn(b"Host name not found", response.body)
            response = squire.get(url("/move?a b".replace(" ", "%20")))
            self.assertEqual(response.status, 302)
            self.assertEqual(
                response.get("Location"), "http://login.test/?from=http%3A%2F"
                f"%2F127.0.0.1%3A{self.origin.port}%2Fmove%3Fa%2520b&"
                "ip=127.0.0.1&m=GET&100%")
            response = squire.get(url("/move"), method="POST", body=b"")
            self.assertEqual(response.status, 307)
            response = squire.get(url("/other"))
            self.assertEqual((response.status, response.get("Location")),
                             (301, "http://new.test/"))
            with self.assertRaises((ConnectionError, EOFError)):
                squire.get(url("/reset"))
            self.assertEqual(squire.get(url("/own")).status, 403)
            self.assertEqual(squire.get(url("/")).status, 200)
            lines = squire.wait_logged(8)
            self.assertEqual([line[3] for line in lines[:6]],
                             ["TCP_DENIED/403", "TCP_DENIED/404",
                              "TCP_DENIED/302", "TCP_DENIED/307",
                              "TCP_DENIED/301", "TCP_DENIED/403"])

    def test_pages_of_ones_own(self):
        conf = ("error_directory errors\n"
                "cache_mgr admin@example.test\n"
                "visible_hostname proxy.test\n"
                "httpd_suppress_version_string off\n"
                "deny_info ERR_OWN own\n"
                "deny_info 451:ERR_OWN big\n")
        files = (("ERR_OWN", "<p>%U|%M|%P|%H|%p|%R|%i|%h|%w|%c|%a|%o|100%|"
                             "%%|%l|%z</p>\n"),
                 ("ERR_DNS_FAIL", "no such host: %H by %s\n"))
        with self.start(conf, files) as squire:
            response = squire.get(self.origin.url("/own?<b>&'"))
            self.assertEqual(response.status, 403)
            port = self.origin.port
            self.assertEqual(
                response.body.decode(),
                f"<p>http://127.0.0.1:{port}/own?&lt;b&gt;&amp;&#39;|GET|http|"
                f"127.0.0.1|{port}|/own?&lt;b&gt;&amp;&#39;|127.0.0.1|"
                "proxy.test|admin@example.test|ERR_OWN|-|[no message]|100%|%|"
                "|[no details]</p>\n")
            self.assertEqual(response.get("Content-Length"),
                             str(len(response.body)))
            response = squire.get(self.origin.url("/big"))
            self.assertEqual(response.status, 451)
            self.assertIn(b"/big|GET|", response.body)
            response = squire.get("http://nowhere.invalid/")
            self.assertEqual(response.status, 503)
            self.assertRegex(response.body.decode(),
                             r"^no such host: nowhere\.invalid by "
                             r"squire/\d+\.\d+")
            self.assertRegex(response.get("Server"), r"^squire/\d")
            # Where there is no file, it is ours.
            response = squire.get(self.origin.url("/page"))
            self.assertIn(b"ERR_ACCESS_DENIED from proxy.test", response.body)
            self.assertIn(b"admin@example.test", response.body)
            response = squire.get(self.origin.url("/"))
            self.assertRegex(self.origin.last().get("Via"),
                             r"^1\.1 proxy\.test \(squire/\d")

    @unittest.skipUnless(os.path.isdir(SQUIDS), "no pages of Squid installed")
    def test_squids_pages(self):
        with self.start(f"error_directory {SQUIDS}\n"
                        "cache_mgr admin@example.test\n"
                        "err_page_stylesheet errors/style\n",
                        [("style", "body { color: <red> }\n")]) as squire:
            body = squire.get(self.origin.url("/page")).body.decode()
            self.assertIn("<b>Access Denied.</b>", body)
            self.assertIn(f'<a href="{self.origin.url("/page")}">', body)
            self.assertIn('<body id="ERR_ACCESS_DENIED">', body)
            self.assertIn("body { color: <red> }", body)
            self.assertIn('<a href="mailto:admin@example.test">', body)
            self.assertNotRegex(body, r"%[a-zA-Z]")


if __name__ == "__main__":
    squire_test.main()
