#!/usr/bin/env python3
"""Which way requests go (always_direct, never_direct, cache_peer_access, the
options of cache_peer), and what the cache may do about them."""

import base64
import os
import re
import socket
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "..", "support"))
import squire_test  # noqa: E402
from squire_test import Connection, Origin, Squire, answer  # noqa: E402


def basic(text):
    return "Basic " + base64.b64encode(text.encode()).decode()


class Parent(Origin):
    """Another proxy, or an origin that serves everything: tells its name and
    what it was asked."""

    def __init__(self, name):
        self.name = name.encode()
        super().__init__()

    def answer(self, request, sock):
        if request.method != "CONNECT":
            return answer(200, self.name, "Cache-Control: max-age=60")
        sock.sendall(b"HTTP/1.1 200 OK\r\n\r\nhello from " + self.name)
        while data := sock.recv(4096):
            sock.sendall(data)
        return None


class Routes(unittest.TestCase):
    def setUp(self):
        self.origin = Parent("origin")
        self.first = Parent("first")
        self.second = Parent("second")
        for server in (self.origin, self.first, self.second):
            self.addCleanup(server.close)

    def peers(self, first="", second=""):
        return (f"cache_peer 127.0.0.1 parent {self.first.port} 0 no-query "
                f"name=first {first}\n"
                f"cache_peer 127.0.0.1 parent {self.second.port} 0 no-query "
                f"name=second {second}\n")

    def ask(self, squire, path, **fields):
        return squire.get(self.origin.url(path), headers=[
            (name.replace("_", "-"), value)
            for name, value in fields.items()])

    def test_always_and_never_direct(self):
        conf = self.peers() + (
            "acl near urlpath_regex ^/near\n"
            "acl far urlpath_regex ^/far\n"
            "acl here dst 127.0.0.0/8\n"
            "acl odd req_header X-Odd .\n"
            "always_direct allow near here\n"
            "always_direct deny all\n"
            "cache_peer_access first deny odd\n"
            "cache_peer_access second deny odd\n"
            "cache_peer_access first allow all\n"
            "cache_peer_access second allow all\n"
            "never_direct allow far\n")
        with Squire(conf) as squire:
            self.assertEqual(self.ask(squire, "/near").body, b"origin")
            name = f"http://localhost:{self.origin.port}/near2"
            self.assertEqual(squire.get(name).body, b"origin")
            self.assertEqual(self.ask(squire, "/other").body, b"first")
            self.assertEqual(self.ask(squire, "/far").body, b"first")
            self.assertEqual(self.ask(squire, "/x", X_Odd="1").body,
                             b"origin")
            response = self.ask(squire, "/far2", X_Odd="1")
            self.assertEqual(response.status, 503)
            self.assertRegex(response.get("X-Squire-Error"),
                             "^ERR_CANNOT_FORWARD ")
            squire.check_idle()

    def test_parents_for_some_requests_only(self):
        conf = self.peers() + ("acl two urlpath_regex ^/2\n"
                               "cache_peer_access first deny two\n"
                               "cache_peer_access second allow two\n")
        with Squire(conf) as squire:
            self.assertEqual(self.ask(squire, "/2").body, b"second")
            self.assertEqual(self.ask(squire, "/1").body, b"first")
            self.assertEqual(squire.wait_logged(2)[0][8],
                             "FIRSTUP_PARENT/127.0.0.1")

    def test_never_direct_when_no_parent_answers(self):
        with socket.socket() as sock:
            sock.bind(("127.0.0.1", 0))
            dead = sock.getsockname()[1]
        conf = (f"cache_peer 127.0.0.1 parent {dead} 0 no-query\n"
                "never_direct allow all\n")
        with Squire(conf) as squire:
            self.assertEqual(self.ask(squire, "/").status, 503)
            with squire.connect() as connection:
                response = connection.request(self.origin.authority,
                                              method="CONNECT")
                self.assertEqual(response.status, 503)
            self.assertEqual(self.origin.requests, [])

    def test_a_peer_that_is_the_origin(self):
        conf = self.peers(first="originserver no-digest",
                          second="originserver forceddomain=inner.test "
                                 "login=site:secret")
        conf += ("http_port 127.0.0.1:0 accel vhost name=site\n"
                 "acl two urlpath_regex ^/2\n"
                 "cache_peer_access first deny two\n")
        with Squire(conf) as squire:
            port = int(re.findall(r"accepting HTTP at \S*:(\d+)",
                                  squire.log())[-1])

            def get(path):
                with Connection(port) as connection:
                    connection.send(f"GET {path} HTTP/1.1\r\n"
                                    "Host: www.example.test\r\n\r\n")
                    connection.read_response()
            get("/1?x")
            request = self.first.last()
            self.assertEqual(request.target, "/1?x")
            self.assertEqual(request.get("Host"), "www.example.test")
            self.assertIsNone(request.get("Authorization"))
            get("/2")
            request = self.second.last()
            self.assertEqual(request.get("Host"), "inner.test")
            self.assertEqual(request.get("Authorization"),
                             basic("site:secret"))

    def tunnel(self, squire, headers=()):
        with squire.connect() as connection:
            connection.request("h.test:443", method="CONNECT",
                               headers=headers)
            return connection.read_exactly(len(b"hello from first"))

    def test_credentials_for_parents(self):
        conf = self.peers(first="login=us%65r:p%3ass%zz")
        with Squire(conf) as squire:
            squire.get("http://h.test/")
            want = basic("user:p:ss%zz")
            self.assertEqual(self.first.last().get("Proxy-Authorization"),
                             want)
            self.assertEqual(self.tunnel(squire), b"hello from first")
            request = self.first.last()
            self.assertEqual(request.method, "CONNECT")
            self.assertEqual(request.get("Proxy-Authorization"), want)

    def test_credentials_that_are_passed_on(self):
        own = [("Proxy-Authorization", basic("me:mine"))]
        with Squire(self.peers(first="login=PASS")) as squire:
            squire.get("http://h.test/", headers=own)
            self.assertEqual(self.first.last().get("Proxy-Authorization"),
                             own[0][1])
            self.assertEqual(self.tunnel(squire, own), b"hello from first")
            self.assertEqual(self.first.last().get("Proxy-Authorization"),
                             own[0][1])
            squire.reconfigure(self.peers())
            squire.get("http://h.test/2", headers=own)
            self.assertIsNone(self.first.last().get("Proxy-Authorization"))

    def test_answers_of_some_parents_are_not_kept(self):
        with Squire(self.peers(first="proxy-only")) as squire:
            for _ in range(2):
                self.ask(squire, "/")
            self.assertEqual(self.first.count("/"), 0)
            self.assertEqual(len(self.first.requests), 2)
            squire.reconfigure(self.peers())
            for _ in range(2):
                self.ask(squire, "/")
            self.assertEqual(len(self.first.requests), 3)

    def test_origins_before_parents(self):
        conf = self.peers() + ("acl far urlpath_regex ^/far\n"
                               "never_direct allow far\n")
        with Squire(conf + "prefer_direct on\n") as squire:
            self.assertEqual(self.ask(squire, "/").body, b"origin")
            self.assertEqual(self.ask(squire, "/far").body, b"first")
            # Where there is no origin, a parent may know one.
            self.assertEqual(squire.get("http://nowhere.invalid/").body,
                             b"first")
            squire.reconfigure(conf + "nonhierarchical_direct on\n")
            self.assertEqual(self.ask(squire, "/2").body, b"first")
            response = squire.get(self.origin.url("/3"), method="POST",
                                  body=b"")
            self.assertEqual(response.body, b"origin")
            with squire.connect() as connection:
                connection.request(self.origin.authority, method="CONNECT")
                self.assertEqual(connection.request("/in").body, b"origin")
            self.assertEqual(squire.wait_logged(6)[5][8],
                             "HIER_DIRECT/127.0.0.1")

    def test_a_failure_is_told_when_no_way_is_left(self):
        with Squire("prefer_direct on\n") as squire:
            response = squire.get("http://nowhere.invalid/")
            self.assertEqual(response.status, 503)
            self.assertIn("ERR_DNS_FAIL", response.get("X-Squire-Error"))

    def test_a_parent_is_asked_again(self):
        def mistaken(request, sock):
            del sock
            if request.get("If-None-Match"):
                return answer(304, b"", "ETag: \"other\"")
            return answer(200, b"new", "ETag: \"e\"",
                          "Cache-Control: max-age=0")
        self.first.answer = mistaken
        conf = (f"cache_peer 127.0.0.1 parent {self.first.port} 0 no-query\n"
                "never_direct allow all\n")
        with Squire(conf) as squire:
            for _ in range(2):
                self.assertEqual(squire.get("http://h.test/").body, b"new")
            self.assertEqual(len(self.first.requests), 3)

    def test_our_address(self):
        seen = []

        def whence(request, sock):
            del request
            seen.append(sock.getpeername()[0])
            return answer(200, b"x", "Cache-Control: no-store")
        origin = Origin({"/": whence, "/far": whence})
        self.addCleanup(origin.close)
        conf = ("acl far urlpath_regex ^/far\n"
                "acl tunnels method CONNECT\n"
                "tcp_outgoing_address 127.0.0.3 far\n"
                "tcp_outgoing_address 127.0.0.4 tunnels\n"
                "tcp_outgoing_address 127.0.0.2 !far\n")
        with Squire(conf) as squire:
            for path in ("/", "/far", "/"):
                self.assertEqual(squire.get(origin.url(path)).status, 200)
            with squire.connect() as connection:
                connection.request(origin.authority, method="CONNECT")
                connection.request("/", headers=[("X-One", "1")])
            self.assertEqual(seen, ["127.0.0.2", "127.0.0.3", "127.0.0.2",
                                    "127.0.0.4"])

    def test_whose_requests_are_forwarded(self):
        conf = ("acl known req_header X-Known .\n"
                "miss_access allow known\n")
        with Squire(conf) as squire:
            response = self.ask(squire, "/")
            self.assertEqual(response.status, 403)
            self.assertIn("ERR_FORWARDING_DENIED",
                          response.get("X-Squire-Error"))
            self.assertEqual(self.ask(squire, "/", X_Known="1").status, 200)
            self.assertEqual(self.ask(squire, "/").status, 200)
            self.assertEqual(self.origin.count("/"), 1)
            with squire.connect() as connection:
                self.assertEqual(connection.request(
                    self.origin.authority, method="CONNECT").status, 403)

    def test_who_uses_the_cache(self):
        conf = ("acl odd req_header X-Odd .\n"
                "acl fresh req_header X-Fresh .\n"
                "acl private urlpath_regex ^/private\n"
                "acl html rep_header Cache-Control max-age\n"
                "cache deny odd\n"
                "send_hit deny fresh\n"
                "store_miss deny private html\n")
        with Squire(conf) as squire:
            for _ in range(2):
                self.ask(squire, "/a", X_Odd="1")
            self.assertEqual(self.origin.count("/a"), 2)
            for _ in range(2):
                response = self.ask(squire, "/a")
            self.assertEqual(self.origin.count("/a"), 3)
            self.assertIn("hit", response.get("Cache-Status"))
            response = self.ask(squire, "/a", X_Odd="1")
            self.assertIn("fwd=bypass", response.get("Cache-Status"))
            self.ask(squire, "/a", X_Fresh="1")
            self.assertEqual(self.origin.count("/a"), 5)
            for _ in range(2):
                self.ask(squire, "/private")
            self.assertEqual(self.origin.count("/private"), 2)


if __name__ == "__main__":
    squire_test.main()
