#!/usr/bin/env python3
"""Directives that files of many years have: they do what they did."""

import os
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "..", "support"))
import squire_test  # noqa: E402
from squire_test import Origin, Squire, answer, wait_for  # noqa: E402


class Older(unittest.TestCase):
    def setUp(self):
        self.origin = Origin({
            "/": answer(200, b"x", "Server: nginx", "Cache-Control: no-store"),
            "/kept": answer(200, b"kept", "Cache-Control: max-age=60",
                            "ETag: \"e\"")})
        self.addCleanup(self.origin.close)

    def test_header_access_is_about_both_ways(self):
        with Squire("header_access From deny all\n"
                    "header_access Server deny all\n"
                    "header_replace From nobody\n"
                    "header_replace Server secret\n") as squire:
            response = squire.get(self.origin.url("/"),
                                  headers=[("From", "me")])
        self.assertEqual(self.origin.last().get("From"), "nobody")
        self.assertEqual(response.get("Server"), "secret")

    def test_no_cache(self):
        with Squire("acl kept urlpath_regex ^/kept\n"
                    "no_cache deny kept\n") as squire:
            for count in (1, 2):
                squire.get(self.origin.url("/kept"))
                self.assertEqual(self.origin.count("/kept"), count)

    def test_logs_of_agents_and_referers(self):
        squire = Squire()
        squire.write_conf(f"useragent_log {squire.path('agents')}\n"
                          f"referer_log {squire.path('referers')}\n"
                          "referrer_log none\n")
        with squire:
            url = self.origin.url("/")
            squire.get(url, headers=[("User-Agent", "curl 1"),
                                     ("Referer", "http://r.test/")])
            wait_for("both logs", lambda: squire.read("agents") and
                     squire.read("referers"))
            self.assertRegex(squire.read("agents"),
                             r'^127\.0\.0\.1 \[[^]]*\] "curl 1"\n$')
            self.assertRegex(
                squire.read("referers"),
                rf"^[\d.]+ 127\.0\.0\.1 http://r\.test/ {url}\n$")
            squire.wait_logged(1)

    def test_domains_of_peers(self):
        other = Origin({"http://a.test/": answer(200, b"a"),
                        "http://b.a.test/": answer(200, b"b"),
                        "http://c.test/": answer(200, b"c")})
        self.addCleanup(other.close)
        with Squire(f"cache_peer 127.0.0.1 parent {other.port} 0 no-query "
                    "name=one\nnever_direct allow all\n"
                    "cache_peer_domain one !b.a.test .a.test\n") as squire:
            self.assertEqual(squire.get("http://a.test/").body, b"a")
            for host in ("b.a.test", "c.test"):
                self.assertEqual(squire.get(f"http://{host}/").status, 503,
                                 host)
            squire.reconfigure(
                f"cache_peer 127.0.0.1 parent {other.port} 0 no-query\n"
                "never_direct allow all\n"
                "cache_peer_domain 127.0.0.1 !b.a.test\n"
                "cache_peer_access 127.0.0.1 deny manager\n")
            self.assertEqual(squire.get("http://c.test/").body, b"c")
            self.assertEqual(squire.get("http://b.a.test/").status, 503)

    def test_reloads_become_validations(self):
        with Squire("reload_into_ims on\n") as squire:
            squire.get(self.origin.url("/kept"))
            squire.get(self.origin.url("/kept"),
                       headers=[("Cache-Control", "no-cache")])
        self.assertEqual(self.origin.last().get("If-None-Match"), "\"e\"")

    def test_conditions_ask_the_origin(self):
        with Squire("refresh_all_ims on\n") as squire:
            for _ in range(2):
                squire.get(self.origin.url("/kept"), headers=[
                    ("If-Modified-Since", "Mon, 02 Jan 2023 00:00:00 GMT")])
        self.assertEqual(self.origin.count("/kept"), 2)

    def test_host_of_what_was_rewritten(self):
        url = self.origin.url("/")
        for conf, host in (("", self.origin.authority),
                           ("url_rewrite_host_header off\n", "old.test:81")):
            squire = Squire()
            program = squire.rewriter("def rewrite(url, extras):\n"
                                      f"    return 'OK rewrite-url={url}'\n")
            squire.write_conf(f"url_rewrite_program {program}\n"
                              "url_rewrite_children 1 concurrency=10\n" + conf)
            with squire:
                self.assertEqual(squire.get("http://old.test:81/x", headers=[
                    ("X-Host", "evil.test")]).status, 200)
                self.assertEqual(self.origin.last().get("Host"), host)

    def test_a_name_of_ones_own_in_via(self):
        conf = "visible_hostname cluster.test\n"
        with Squire(conf + "unique_hostname b.test\n") as second:
            with Squire(conf + "unique_hostname a.test\ncache_peer 127.0.0.1 "
                        f"parent {second.port} 0 no-query\n"
                        "never_direct allow all\n") as first:
                self.assertEqual(first.get(self.origin.url("/")).status, 200)
                names = [value.split()[1] for name, value in
                         self.origin.last().headers if name == "Via"]
                self.assertEqual(names, ["a.test", "b.test"])
                second.reconfigure(conf + "unique_hostname a.test\n")
                self.assertNotEqual(first.get(self.origin.url("/")).status,
                                    200)

    def test_access_after_the_rewriter(self):
        for name in ("adapted_http_access", "http_access2"):
            squire = Squire()
            program = squire.rewriter(
                "def rewrite(url, extras):\n"
                "    return 'OK rewrite-url=' + url.replace('old', 'new')\n")
            squire.write_conf(
                f"url_rewrite_program {program}\n"
                "url_rewrite_children 1 concurrency=10\n"
                f"acl new urlpath_regex ^/new\n{name} deny new\n")
            with squire:
                self.assertEqual(squire.get(self.origin.url("/old")).status,
                                 403)
                self.assertEqual(squire.get(self.origin.url("/")).status, 200)


if __name__ == "__main__":
    squire_test.main()
