#!/usr/bin/env python3
"""Ports that stand for web servers: whose URLs they serve, where they ask,
and CDN-Cache-Control (RFC 9213)."""

import os
import re
import shutil
import socket
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "..", "support"))
import squire_test
from squire_test import Connection, Origin, SharedCase, Squire, answer
from tls import Authority, TlsSquire

FRESH = "Cache-Control: max-age=60"


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as sock:
        return sock.getsockname()[1]


class Accelerator(SharedCase):
    options = ""
    peer = True

    @classmethod
    def start_squire(cls):
        cls.port = free_port()
        conf = f"http_port 127.0.0.1:{cls.port} accel {cls.options}\n"
        if cls.peer:
            conf += (f"cache_peer 127.0.0.1 parent {cls.origin.port} 0 "
                     "no-query originserver\n")
        squire = Squire(conf).start()
        # the forward port is the one that is configured first
        squire.port = int(re.search(r"accepting HTTP at \S*:(\d+)",
                                    squire.log()).group(1))
        return squire

    def serve(self, route):
        super().serve(route)
        return self.path

    def get(self, path, host="www.test", headers=(), method="GET",
            version="1.1"):
        lines = [f"{method} {path} HTTP/{version}"]
        if host is not None:
            lines.append(f"Host: {host}")
        lines += [f"{name}: {value}" for name, value in headers]
        with Connection(self.port) as connection:
            connection.send("\r\n".join(lines) + "\r\n\r\n")
            return connection.read_response(method)


class Usual(Accelerator):
    def test_path_is_asked_for_with_the_host_of_the_client(self):
        path = self.serve(answer(200, b"text", FRESH))
        for _ in range(2):
            self.assertEqual(self.get(path + "?q=1").body, b"text")
        self.assertEqual(self.asked(), 1)
        last = self.origin.last()
        self.assertEqual((last.target, last.get("Host")),
                         (path + "?q=1", "www.test"))

    def test_hosts_are_told_apart(self):
        path = self.serve(lambda request, _: answer(
            200, request.get("Host").encode(), FRESH))
        for _ in range(2):
            for host in ("a.test", "b.test", "a.test:8080"):
                self.assertEqual(self.get(path, host).body, host.encode())
        self.assertEqual(self.get(path, "A.TEST").body, b"a.test")
        self.assertEqual(self.asked(), 3)

    def test_absolute_url_is_the_same(self):
        path = self.serve(answer(200, b"text", FRESH))
        self.get(path)
        self.get("http://www.test" + path, host="other.test")
        self.assertEqual(self.asked(), 1)

    def test_without_host_there_is_no_site(self):
        self.assertEqual(self.get("/", host=None, version="1.0").status, 400)

    def test_there_are_no_tunnels(self):
        self.assertEqual(self.get("www.test:443", method="CONNECT").status,
                         400)

    def test_options_of_the_server(self):
        self.origin.routes["*"] = answer(200, b"", "Allow: GET")
        self.assertEqual(self.get("*", method="OPTIONS").get("Allow"), "GET")
        self.assertEqual(self.origin.last().target, "*")

    def test_post_invalidates(self):
        path = self.serve(answer(200, b"text", FRESH))
        self.get(path)
        self.get(path, headers=[("Content-Length", "0")], method="POST")
        self.get(path)
        self.assertEqual(self.asked(), 3)

    def test_location_of_this_site_is_invalidated(self):
        path = self.serve(answer(200, b"x", FRESH))
        self.get(path)
        poster = self.serve(answer(201, b"", "Location: "
                                   f"http://www.test{path}"))
        self.get(poster, headers=[("Content-Length", "0")], method="POST")
        self.get(path)
        self.assertEqual(self.origin.count(path), 2)

    def check_stored(self, count, *fields):
        path = self.serve(answer(200, b"text", *fields))
        for _ in range(2):
            self.get(path)
        self.assertEqual(self.asked(), count, fields)

    def test_cdn_cache_control_9213_2_2(self):
        self.check_stored(1, "CDN-Cache-Control: max-age=60",
                          "Cache-Control: no-store")
        self.check_stored(1, "CDN-Cache-Control: max-age=60",
                          "Cache-Control: private, no-cache")
        self.check_stored(2, "CDN-Cache-Control: no-store", FRESH)
        self.check_stored(2, "CDN-Cache-Control: private", FRESH)
        self.check_stored(2, "CDN-Cache-Control: max-age=0", FRESH)
        self.check_stored(2, "CDN-Cache-Control: none",
                          "Expires: Fri, 01 Jan 2066 00:00:00 GMT")
        self.check_stored(1, "CDN-Cache-Control: max-age=&", FRESH)
        self.check_stored(2, "CDN-Cache-Control: max-age=60,",
                          "Cache-Control: no-store")

    def test_cdn_cache_control_of_a_304_counts_too(self):
        def route(request, sock):
            if request.get("If-None-Match"):
                return (b'HTTP/1.1 304 No\r\nETag: "1"\r\nCDN-Cache-Control'
                        b": max-age=60\r\nCache-Control: no-store\r\n\r\n")
            return answer(200, b"text", 'ETag: "1"',
                          "CDN-Cache-Control: max-age=0",
                          "Cache-Control: no-store")

        path = self.serve(route)
        for _ in range(3):
            self.assertEqual(self.get(path).body, b"text")
        self.assertEqual(self.asked(), 2)

    def test_cdn_cache_control_is_passed_on_9213_3(self):
        path = self.serve(answer(200, b"x", "CDN-Cache-Control: max-age=60",
                                 "Cache-Control: max-age=5"))
        for _ in range(2):
            response = self.get(path)
            self.assertEqual(response.get("CDN-Cache-Control"), "max-age=60")
            self.assertEqual(response.get("Cache-Control"), "max-age=5")

    def test_forward_port_does_not_know_it(self):
        path = self.serve(answer(200, b"x", "CDN-Cache-Control: no-store",
                                 FRESH))
        for _ in range(2):
            self.squire.get(self.origin.url(path))
        self.assertEqual(self.asked(), 1)
        path = self.serve(answer(200, b"x", "CDN-Cache-Control: max-age=60",
                                 "Cache-Control: no-store"))
        for _ in range(2):
            self.squire.get(self.origin.url(path))
        self.assertEqual(self.asked(), 2)

    def test_forward_port_does_not_ask_the_web_server(self):
        other = Origin({"/": answer(200, b"other")})
        self.assertEqual(self.squire.get(other.url("/")).body, b"other")
        other.close()


class WebServerAway(Accelerator):
    def test_it_is_tried_again_at_once(self):
        self.origin.close()
        for _ in range(2):
            self.assertEqual(self.get("/").status, 503)
        type(self).origin = Origin({"/": answer(200, b"back")},
                                   place=("127.0.0.1", self.origin.port))
        self.assertEqual(self.get("/").body, b"back")


class DefaultSite(Accelerator):
    options = "defaultsite=site.test"

    def test_without_host(self):
        path = self.serve(answer(200, b"text", FRESH))
        self.get(path, host=None, version="1.0")
        self.assertEqual(self.origin.last().get("Host"), "site.test")
        self.get(path, host="site.test")
        self.assertEqual(self.asked(), 1)
        self.get(path, host="other.test")
        self.assertEqual(self.origin.last().get("Host"), "other.test")


class OneSite(Accelerator):
    options = "defaultsite=site.test no-vhost vport=8080"

    def test_all_hosts_are_one(self):
        path = self.serve(answer(200, b"text", FRESH))
        for host in ("a.test", "b.test:99"):
            self.get(path, host)
        self.assertEqual(self.asked(), 1)
        self.assertEqual(self.origin.last().get("Host"), "site.test:8080")


class NoPeer(Accelerator):
    peer = False

    def test_nothing_is_asked(self):
        path = self.serve(answer(200, b"text"))
        self.assertEqual(self.get(path, self.origin.authority).status, 503)
        self.assertEqual(self.asked(), 0)


class Direct(Accelerator):
    options = "allow-direct"
    peer = False

    def test_host_is_asked(self):
        path = self.serve(answer(200, b"text", FRESH))
        for _ in range(2):
            self.assertEqual(self.get(path, self.origin.authority).body,
                             b"text")
        self.assertEqual(self.asked(), 1)


@unittest.skipUnless(shutil.which("openssl"), "openssl is missing")
class Tls(unittest.TestCase):
    def test_https_port_stands_for_https_servers(self):
        folder = tempfile.mkdtemp(prefix="squire-accel-")
        self.addCleanup(shutil.rmtree, folder, True)
        ca = Authority(folder)
        ca.make("a", "localhost")
        origin = Origin({"/": answer(200, b"text", "CDN-Cache-Control: "
                                     "max-age=60")})
        self.addCleanup(origin.close)
        squire = TlsSquire(f"{ca.words('a')} accel",
                           f"cache_peer 127.0.0.1 parent {origin.port} 0 "
                           "no-query originserver\n")
        squire.start()
        self.addCleanup(squire.stop)
        with squire.connect_tls(ca.client()) as connection:
            for _ in range(2):
                connection.send("GET / HTTP/1.1\r\nHost: www.test\r\n\r\n")
                self.assertEqual(connection.read_response().body, b"text")
        self.assertEqual(origin.count("/"), 1)
        urls = [words[6] for words in squire.wait_logged(2)]
        self.assertEqual(urls, ["https://www.test/"] * 2)


del Accelerator

if __name__ == "__main__":
    squire_test.main()
