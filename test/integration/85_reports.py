#!/usr/bin/env python3
"""The manager's documents under Squid's names, asked for at an http_port."""

import os
import re
import shutil
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "..", "support"))
import squire_test  # noqa: E402
from squire_test import Connection, Origin, Squire, answer  # noqa: E402

ACCESS = ("acl here src 127.0.0.0/8\n"
          "http_access allow localhost manager\n"
          "http_access deny manager\nhttp_access allow all\n")


def raw(squire, target, *fields, method="GET", host="127.0.0.1"):
    """The answer to a request line that no client library would write."""
    with Connection(squire.port, host) as connection:
        connection.send("".join(f"{line}\r\n" for line in (
            f"{method} {target} HTTP/1.0", *fields, "")))
        return connection.read_response(method)


class Reports(unittest.TestCase):
    def test_all_forms_are_the_same(self):
        with Squire("visible_hostname proxy.test\n", ACCESS) as squire:
            path = "/squid-internal-mgr/info"
            forms = ["cache_object://whatever/info", path,
                     f"http://proxy.test:{squire.port}{path}",
                     f"http://localhost:{squire.port}{path}",
                     f"http://127.0.0.1:{squire.port}{path}"]
            for form in forms:
                response = raw(squire, form)
                self.assertEqual(response.status, 200, form)
                self.assertIn(b"Number of HTTP requests received:",
                              response.body)
                self.assertIn("text/plain", response.get("Content-Type"))
            url = f"http://proxy.test:{squire.port}{path}"
            for words in squire.wait_logged(len(forms)):
                self.assertEqual((words[3], words[6], words[8], words[9]),
                                 ("TCP_MISS/200", url, "HIER_NONE/-",
                                  "text/plain"))

    def test_other_hosts_and_ports_are_elsewhere(self):
        origin = Origin({"/squid-internal-mgr/info": answer(200, b"theirs")})
        self.addCleanup(origin.close)
        with Squire() as squire:
            response = squire.get(origin.url("/squid-internal-mgr/info"))
            self.assertEqual(response.body, b"theirs")

    def test_a_page_of_another_site_gets_none(self):
        """Its own name may lead here (DNS rebinding)."""
        with Squire("visible_hostname proxy.test\n", ACCESS) as squire:
            path = "/squid-internal-mgr/info"
            for host, status in (("evil.test", 400), ("evil.test:3128", 400),
                                 ("proxy.test", 200), ("localhost:1", 200),
                                 ("[::1]", 200)):
                self.assertEqual(raw(squire, path, f"Host: {host}").status,
                                 status, host)

    def test_http_access_decides(self):
        with Squire("http_access deny all\n", ACCESS) as squire:
            for form in ("cache_object://localhost/info",
                         "/squid-internal-mgr/info"):
                self.assertEqual(raw(squire, form).status, 200)
            squire.access = "http_access deny manager\nhttp_access allow all\n"
            squire.reconfigure("")
            for form in ("cache_object://localhost/info",
                         "/squid-internal-mgr/info", "/squid-internal-mgr/"):
                self.assertEqual(raw(squire, form).status, 403)

    def test_the_old_acl_matches_all_forms(self):
        with Squire("", "acl mine proto cache_object\nhttp_access deny mine\n"
                        "http_access allow all\n") as squire:
            for form in ("cache_object://localhost/info",
                         "/squid-internal-mgr/info"):
                self.assertEqual(raw(squire, form).status, 403)

    def test_passwords(self):
        with Squire("cachemgr_passwd secret info rotate\n"
                    "cachemgr_passwd disable counters\n", ACCESS) as squire:
            for name, status in (("info", 401), ("info@wrong", 401),
                                 ("info@secret", 200), ("menu", 200),
                                 ("counters", 401), ("counters@disable", 401),
                                 ("shutdown", 401), ("shutdown@", 401),
                                 ("nonsense", 404)):
                response = raw(squire, f"cache_object://localhost/{name}")
                self.assertEqual(response.status, status, name)
                if status == 401:
                    self.assertRegex(response.get("WWW-Authenticate"),
                                     "^Basic realm=")
            # u:secret
            self.assertEqual(raw(squire, "/squid-internal-mgr/info",
                                 "Authorization: Basic dTpzZWNyZXQ=").status,
                             200)
            self.assertEqual(squire.ask_manager(
                "/squid-internal-mgr/info").status, 401)
            self.assertEqual(raw(
                squire, "cache_object://localhost/rotate@secret").status, 200)
            squire_test.wait_for("the rotation",
                                 lambda: "logs reopened" in squire.log())
            self.assertNotIn("secret", squire.read("access.log"))
            menu = raw(squire, "/squid-internal-mgr/menu").body.decode()
            self.assertRegex(menu, r"(?m)^ info .*\tprotected$")
            self.assertRegex(menu, r"(?m)^ counters .*\tdisabled$")
            self.assertRegex(menu, r"(?m)^ shutdown .*\thidden$")

    def test_shutdown(self):
        squire = Squire("cachemgr_passwd secret all\n", ACCESS).start()
        self.assertEqual(raw(
            squire, "cache_object://localhost/shutdown@secret").status, 200)
        self.assertEqual(squire.process.wait(squire_test.PATIENCE), 0)
        squire.stop(check=False)

    def test_methods(self):
        with Squire("", ACCESS) as squire:
            path = "/squid-internal-mgr/info"
            response = raw(squire, path, method="HEAD")
            self.assertEqual((response.status, response.body), (200, b""))
            response = raw(squire, path, "Content-Length: 0", method="POST")
            self.assertEqual((response.status, response.get("Allow")),
                             (405, "GET, HEAD"))
            response = raw(squire, "cache_object://h/" + "x" * 5000)
            self.assertEqual(response.status, 404)
            self.assertEqual(raw(squire, "cache_object://h").status, 400)
            self.assertEqual(raw(squire, "cache_objects://h/info").status,
                             400)

    def test_helpers_are_not_asked(self):
        squire = Squire("", ACCESS)
        program = squire.rewriter("def rewrite(url, extras):\n"
                                  "    return 'OK url=http://evil.test/'\n")
        squire.write_conf(f"url_rewrite_program {program}\n"
                          "url_rewrite_children 1 concurrency=10\n")
        with squire:
            self.assertEqual(raw(squire, "/squid-internal-mgr/info").status,
                             200)
            self.assertEqual(squire.get("http://a.test/").status, 302)

    def test_at_a_port_for_web_servers_a_path_is_theirs(self):
        origin = Origin({"/squid-internal-mgr/info": answer(200, b"theirs")})
        self.addCleanup(origin.close)
        squire = Squire("", ACCESS)
        squire.write_conf(
            f"cache_peer 127.0.0.1 parent {origin.port} 0 originserver\n")
        text = squire.read("squire.conf").replace(
            "http_port 127.0.0.1:0", "http_port 127.0.0.1:0 accel "
            "defaultsite=www.test").replace(ACCESS, "http_access allow all\n")
        squire.write("squire.conf", text)
        with squire:
            path = "/squid-internal-mgr/info"
            self.assertEqual(raw(squire, path).body, b"theirs")
            self.assertIn(b"Start Time", raw(
                squire, path, f"Host: localhost:{squire.port}").body)

    def figures(self, squire, name):
        """What programs for monitoring read: NAME = VALUE or NAME: VALUE."""
        body = raw(squire, f"cache_object://localhost/{name}").body.decode()
        return dict(re.findall(r"(?m)^\t?([^=:\n]*?) *[=:][ \t]*(.*)$", body))

    def test_figures(self):
        origin = Origin({"/": answer(200, b"x" * 2048,
                                     "Cache-Control: max-age=60")})
        self.addCleanup(origin.close)
        squire = Squire("", ACCESS)
        squire.write_conf(
            f"cache_dir lmdb {squire.path('store')} 32\n"
            "cache_peer 127.0.0.1 parent 9 0 no-query name=other\n"
            "always_direct allow all\n")
        with squire:
            for _ in range(4):
                squire.get(origin.url("/"))
            squire.get("http://127.0.0.1:1/")
            squire.wait_logged(5)
            counters = self.figures(squire, "counters")
            for name, value in (("client_http.requests", "5"),
                                ("client_http.hits", "3"),
                                ("client_http.errors", "1"),
                                ("client_http.hit_kbytes_out", "6"),
                                ("server.all.requests", "2"),
                                ("server.http.errors", "1"),
                                ("server.http.kbytes_in", "2"),
                                ("aborted_requests", "0")):
                self.assertEqual(counters[name], value, name)
            self.assertGreaterEqual(int(counters["client_http.kbytes_out"]), 8)
            for name in ("5min", "60min"):
                rates = self.figures(squire, name)
                self.assertRegex(rates["client_http.requests"],
                                 r"^\d+\.\d{6}/sec$")
                self.assertGreater(float(rates["client_http.hits"][:-4]), 0)
                self.assertGreater(float(
                    rates["client_http.all_median_svc_time"].split()[0]), 0)
                self.assertRegex(rates["cpu_usage"], r"^\d+\.\d{6}%$")
            info = self.figures(squire, "info")
            self.assertEqual(info["Number of clients accessing cache"], "1")
            self.assertRegex(info["Hits as % of all requests"],
                             r"^5min: 37\.5%, 60min: 37\.5%$")
            self.assertEqual(info["Request failure ratio"], "0.14")
            self.assertRegex(info["Storage Swap capacity"],
                             r"^[\d.]+% used, [\d.]+% free$")
            self.assertIn("HTTP Requests (All)", info)
            storedir = self.figures(squire, "storedir")
            self.assertEqual(storedir["Maximum Swap Size"], "32768 KB")
            self.assertIn("HTTP Requests (All)",
                          self.figures(squire, "service_times"))
            self.assertIn(b"127.0.0.1/9/0", raw(
                squire, "cache_object://h/server_list").body)
            self.assertIn(b"Stored in memory: ", raw(
                squire, "cache_object://h/mem").body)

    def test_clients_and_requests(self):
        with Squire("", ACCESS) as squire:
            with squire.connect() as connection:
                connection.request("http://127.0.0.1:1/")
                text = raw(squire, "cache_object://h/client_list").body
                self.assertIn(b"Address: 127.0.0.1\n", text)
                self.assertIn(b"established connections: 2\n", text)
                text = raw(squire, "cache_object://h/active_requests").body
                self.assertEqual(text.count(b"Connection: "), 1)
                self.assertIn(b"/squid-internal-mgr/active_requests\n", text)

    @unittest.skipUnless(shutil.which("squidclient"), "no squidclient")
    def test_squidclient(self):
        with Squire("cachemgr_passwd secret counters\n", ACCESS) as squire:
            for target, wanted in (
                    ("mgr:info", "Squire Object Cache: Version"),
                    ("mgr:counters@secret", "client_http.requests = 1"),
                    ("mgr:counters", "401 Unauthorized")):
                done = subprocess.run(
                    ["squidclient", "-h", "127.0.0.1", "-p",
                     str(squire.port), target],
                    capture_output=True, text=True, check=False,
                    timeout=squire_test.PATIENCE)
                self.assertIn(wanted, done.stdout, target)


if __name__ == "__main__":
    squire_test.main()
