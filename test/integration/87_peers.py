#!/usr/bin/env python3
"""Parents (cache_peer) and distances: who is asked, in which order, and what
happens when nobody is there. Round trips are chosen by a pinger of our own,
and measured by the real one."""

import json
import os
import socket
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
import squire_test
from squire_test import BUILD, Connection, Origin, Squire, answer, wait_for

PINGER = os.path.join(BUILD, "helpers", "pinger")
NEAR, FAR = "127.0.0.2", "127.0.0.1"

# Answers with the milliseconds of `rtts`, and not at all for others.
FAKE_PINGER = '''#!{python}
import socket, struct
rtts = {rtts!r}
channel = socket.socket(fileno=0)
while True:
    data = channel.recv(100)
    if len(data) != 24:
        break
    kind, family, sequence, address = struct.unpack(">xBBxI16s", data)
    text = socket.inet_ntop(socket.AF_INET6, address) if family == 6 \\
        else socket.inet_ntop(socket.AF_INET, address[:4])
    if text in rtts:
        channel.send(struct.pack(">BBBxI16sII", 1, 2, family, sequence,
                                 address, int(rtts[text] * 1000), 5))
'''


class Parent(Origin):
    """A proxy, as far as it takes: tells its address, echoes in tunnels."""

    def __init__(self, address, port=0, refuses=False):
        self.address = address
        self.refuses = refuses
        super().__init__(place=(address, port))

    def answer(self, request, sock):
        if request.method != "CONNECT":
            return answer(200, self.address.encode() + request.body,
                          "Cache-Control: no-store", "Connection: close")
        if self.refuses:
            return answer(403, b"no tunnels here")
        sock.sendall(b"HTTP/1.1 200 OK\r\nX-Of: the parent\r\n\r\nhello ")
        while data := sock.recv(4096):
            sock.sendall(data)
        return None


def closed_port():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


def twins(kind=Parent):
    """Two servers with one port at two addresses."""
    while True:
        far = kind(FAR)
        try:
            return far, kind(NEAR, far.port)
        except OSError:
            far.close()


class PeerSquire(Squire):
    def fake_pinger(self, rtts):
        path = self.write("fake_pinger", FAKE_PINGER.format(
            python=sys.executable, rtts=rtts), 0o755)
        return f"pinger_enable on\npinger_program {path}\n"

    def distances(self):
        return {row["address"]: row["rtt_ms"] for row in
                json.loads(self.ask_manager("/pinger").body)}

    def peers(self):
        return {row["name"]: row for row in
                json.loads(self.ask_manager("/peers").body)}

    def wait_known(self, get, *addresses):
        """Ask until the distances are there; they come with use."""
        def known():
            get()
            rows = self.distances()
            return all(rows.get(address) for address in addresses)
        wait_for("round trips to " + " ".join(addresses), known)

    def last_hierarchy(self, count):
        return self.wait_logged(count)[-1][8]


def peer(server, *options):
    return (f"cache_peer {server.address} parent {server.port} 0 no-query "
            f"{' '.join(options)}\n")


class Peers(unittest.TestCase):
    def setUp(self):
        self.far, self.near = twins()
        self.addCleanup(self.far.close)
        self.addCleanup(self.near.close)

    def both(self, *options):
        return peer(self.far, "name=far", *options) + \
            peer(self.near, "name=near", *options)

    def test_the_first_parent_gets_proxy_requests(self):
        with PeerSquire(self.both()) as squire:
            response = squire.get("http://nowhere.test:81/a?b=c")
            self.assertEqual((response.status, response.body),
                             (200, FAR.encode()))
            request = self.far.last()
            self.assertEqual(request.target, "http://nowhere.test:81/a?b=c")
            self.assertEqual(request.get("Host"), "nowhere.test:81")
            self.assertIn("squire", request.get("Via"))
            self.assertEqual(squire.last_hierarchy(1),
                             f"FIRSTUP_PARENT/{FAR}")
            self.assertEqual(squire.peers()["far"]["requests"], 1)
            response = squire.get("http://nowhere.test/", method="POST",
                                  body=b" and a body")
            self.assertEqual(response.body, FAR.encode() + b" and a body")
            squire.check_idle()

    def test_the_nearest_parent_is_taken(self):
        squire = PeerSquire()
        squire.write_conf(squire.fake_pinger({NEAR: 1, FAR: 40}) +
                          self.both())
        with squire:
            squire.wait_known(lambda: squire.get("http://nowhere.test/"),
                              NEAR, FAR)
            self.assertEqual(squire.distances(), {NEAR: 1, FAR: 40})
            count = len(squire.access_lines())
            for _ in range(3):
                self.assertEqual(squire.get("http://nowhere.test/").body,
                                 NEAR.encode())
            self.assertEqual(squire.last_hierarchy(count + 3),
                             f"CLOSEST_PARENT/{NEAR}")
            metrics = squire.ask_manager("/metrics").body.decode()
            self.assertIn("squire_pinger_up 1\n", metrics)
            self.assertIn("squire_pinger_addresses 2\n", metrics)
            self.assertIn('squire_peer_up{peer="near"} 1\n', metrics)
            squire.check_idle()

    def test_round_robin(self):
        with PeerSquire(self.both("round-robin")) as squire:
            bodies = [squire.get("http://nowhere.test/").body
                      for _ in range(6)]
            self.assertEqual(bodies, [FAR.encode(), NEAR.encode()] * 3)
            self.assertIn("ROUNDROBIN_PARENT/", squire.last_hierarchy(6))

    def test_dead_parents_then_direct(self):
        origin = Origin({"/x": answer(200, b"from the origin",
                                      "Cache-Control: no-store")})
        self.addCleanup(origin.close)
        conf = (f"cache_peer 127.0.0.1 parent {closed_port()} 0 no-query "
                "name=dead\n" + peer(self.near, "name=near"))
        with PeerSquire(conf) as squire:
            for number in range(3):
                response = squire.get(origin.url("/x"), method="POST",
                                      body=b"!")
                self.assertEqual(response.body, NEAR.encode() + b"!")
                self.assertEqual(squire.last_hierarchy(number + 1),
                                 f"FIRSTUP_PARENT/{NEAR}")
            rows = squire.peers()
            self.assertEqual(rows["dead"]["state"], "dead")
            self.assertEqual(rows["dead"]["requests"], 1)
            self.assertEqual(rows["near"]["state"], "alive")
            self.assertIn("cache_peer dead: ", squire.log())
            self.near.close()
            self.assertEqual(squire.get(origin.url("/x")).body,
                             b"from the origin")
            self.assertEqual(squire.last_hierarchy(4),
                             "HIER_DIRECT/127.0.0.1")
            squire.reconfigure(conf.replace("name=near", "name=other"))
            self.assertEqual(squire.peers()["dead"]["state"], "dead")
            self.assertEqual(squire.peers()["other"]["state"], "alive")
            squire.check_idle()

    def tunnel(self, squire, target):
        connection = Connection(squire.port)
        connection.send(f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n\r\n")
        return connection.read_head()[0], connection

    def test_tunnels_go_through_the_parent(self):
        with PeerSquire(peer(self.far)) as squire:
            status, connection = self.tunnel(squire, "nowhere.test:443")
            with connection:
                self.assertEqual(status, 200)
                self.assertEqual(connection.read_exactly(6), b"hello ")
                connection.send("and good bye")
                self.assertEqual(connection.read_exactly(12), b"and good bye")
            self.assertEqual(self.far.last().target, "nowhere.test:443")
            self.assertEqual(squire.last_hierarchy(1),
                             f"FIRSTUP_PARENT/{FAR}")
            squire.check_idle()

    def test_a_refused_tunnel_is_an_error(self):
        self.far.refuses = True
        with PeerSquire(peer(self.far)) as squire:
            status, connection = self.tunnel(squire, "nowhere.test:443")
            with connection:
                self.assertIn(status, (502, 503))
            self.assertEqual(squire.peers()[FAR]["state"], "alive")
            squire.check_idle()

    def test_tunnels_pass_a_dead_parent(self):
        conf = (f"cache_peer 127.0.0.1 parent {closed_port()} 0 no-query "
                "name=dead\n" + peer(self.near))
        with PeerSquire(conf) as squire:
            status, connection = self.tunnel(squire, "nowhere.test:443")
            with connection:
                self.assertEqual(status, 200)
            squire.check_idle()

    def test_addresses_and_urls_have_parents_of_their_own(self):
        conf = ("follow_x_forwarded_for allow all\n"
                f"{self.both('%s')}never_direct allow all\n")
        with PeerSquire(conf % ("sourcehash", "sourcehash")) as squire:
            def of_address(number):
                return squire.get("http://nowhere.test/", headers=[
                    ("X-Forwarded-For", f"10.0.0.{number}")]).body

            def of_url(number):
                return squire.get(f"http://nowhere.test/{number}").body

            first = [of_address(number) for number in range(1, 33)]
            self.assertEqual(set(first), {FAR.encode(), NEAR.encode()})
            self.assertEqual(first, [of_address(number)
                                     for number in range(1, 33)])
            self.assertIn("SOURCEHASH_PARENT/", squire.last_hierarchy(64))
            squire.reconfigure(conf % ("carp", "carp weight=2"))
            first = [of_url(number) for number in range(32)]
            self.assertEqual(set(first), {FAR.encode(), NEAR.encode()})
            self.near.close()
            for number, body in enumerate(first):
                if body == FAR.encode():
                    self.assertEqual(of_url(number), body)
            self.assertEqual(of_url(first.index(NEAR.encode())), FAR.encode())
            self.assertIn("CARP/", squire.last_hierarchy(100))

    def test_what_is_not_supported_is_told(self):
        squire = PeerSquire()
        squire.write_conf(
            "cache_peer a.test sibling 3128 3130\n"
            "cache_peer b.test parent 80 0 max-conn=5 color=red\n"
            "cache_peer c.test parent 3128 3130 htcp weight=2\n")
        result = subprocess.run(squire.command("-k", "parse"), text=True,
                                capture_output=True, check=False)
        text = result.stdout + result.stderr
        self.assertEqual(result.returncode, 0, text)
        for line in ("type sibling is not supported, the line is ignored: peers",
                     '"max-conn=" of cache_peer .*: the number of conn',
                     '"color=" of cache_peer is not known',
                     '"htcp" of cache_peer .*: peers are not asked by ICP',
                     "taken as no-query: peers are not asked"):
            self.assertRegex(text, r"squire.conf:\d+: warning: .*" + line)
        for bad in ("a.test parent 0 0", "a.test parent 80", "a.test uncle 1 0",
                    "a.test parent 80 0 weight=0", "a.test parent 80 x",
                    "a.test parent 80 0 name=",
                    "a.test parent 1 0\ncache_peer a.test parent 2 0"):
            squire.write_conf(f"cache_peer {bad}\n")
            result = subprocess.run(squire.command("-k", "parse"), text=True,
                                    capture_output=True, check=False)
            self.assertNotEqual(result.returncode, 0, bad)
            self.assertRegex(result.stdout + result.stderr,
                             r"squire.conf:\d+: error: ")


class NamedSquire(PeerSquire):
    """With a hosts file of its own."""

    def command(self, *arguments):
        hosts = self.write("hosts", "127.0.0.1 localhost twin.test\n"
                                    "127.0.0.2 twin.test\n")
        return ["unshare", "-m", "sh", "-c",
                'mount --bind "$0" /etc/hosts && exec "$@"', hosts,
                *super().command(*arguments)]


def can_mount():
    return subprocess.run(
        ["unshare", "-m", "mount", "--bind", "/etc/hosts", "/etc/hosts"],
        stderr=subprocess.DEVNULL, check=False).returncode == 0


class Twin(Parent):
    """An origin that tells its address."""


class Origins(unittest.TestCase):
    def setUp(self):
        self.far, self.near = twins(Twin)
        self.addCleanup(self.far.close)
        self.addCleanup(self.near.close)
        self.url = f"http://twin.test:{self.far.port}/"

    def check_nearest(self, nearest, farthest):
        squire = NamedSquire()
        squire.write_conf(squire.fake_pinger({nearest: 0.5, farthest: 90}))
        with squire:
            squire.wait_known(lambda: squire.get(self.url), NEAR, FAR)
            for _ in range(3):
                self.assertEqual(squire.get(self.url).body, nearest.encode())
            wait_for("its address in the log", lambda: squire.wait_logged(1)
                     [-1][8] == f"HIER_DIRECT/{nearest}")
            with Connection(squire.port) as connection:
                connection.send(f"CONNECT twin.test:{self.far.port} "
                                "HTTP/1.1\r\nHost: twin.test\r\n\r\n")
                self.assertEqual(connection.read_head()[0], 200)
                connection.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
                self.assertEqual(connection.read_response().body,
                                 nearest.encode())
            squire.check_idle()

    @unittest.skipUnless(can_mount(), "no right to mount")
    def test_the_nearest_address_of_an_origin(self):
        self.check_nearest(NEAR, FAR)

    @unittest.skipUnless(can_mount(), "no right to mount")
    def test_the_nearest_address_of_an_origin_the_other_way(self):
        self.check_nearest(FAR, NEAR)

    @unittest.skipUnless(can_mount(), "no right to mount")
    def test_a_near_address_that_refuses_is_passed(self):
        squire = NamedSquire()
        squire.write_conf(squire.fake_pinger({NEAR: 0.5, FAR: 90}))
        with squire:
            squire.wait_known(lambda: squire.get(self.url), NEAR, FAR)
            self.near.close()
            self.assertEqual(squire.get(self.url).body, FAR.encode())

    def test_the_real_pinger(self):
        squire = PeerSquire(f"pinger_enable on\npinger_program {PINGER}\n" +
                            peer(self.far, "closest-only"))
        url = self.far.url("/")
        with squire:
            squire.get(url)
            if "it needs a group" in squire.log():
                self.skipTest("no right to send ICMP")
            squire.wait_known(lambda: squire.get(url), FAR)
            row, = json.loads(squire.ask_manager("/pinger").body)
            self.assertEqual(row["hops"], 1)
            self.assertGreaterEqual(row["samples"], 1)
            self.assertGreaterEqual(row["age"], 0)
            count = len(squire.access_lines())
            squire.get(url)
            self.assertEqual(squire.last_hierarchy(count + 1),
                             f"CLOSEST_PARENT/{FAR}")

    def check_harmless(self, program, mark):
        squire = PeerSquire()
        path = squire.write("bad_pinger", program, 0o755)
        squire.write_conf(f"pinger_enable on\npinger_program {path}\n")
        with squire:
            wait_for("a word of the pinger", lambda: mark in squire.log())
            for _ in range(5):
                self.assertEqual(squire.get(self.far.url("/")).body,
                                 FAR.encode())
            self.assertEqual([rtt for rtt in squire.distances().values()
                              if rtt], [])
            squire.check_idle()

    def test_pingers_that_do_not_work_do_no_harm(self):
        self.check_harmless("#!/bin/sh\necho I cannot >&2\nexit 1\n",
                            "ended with status 0x100")
        self.check_harmless("#!/bin/sh\necho garbage\nsleep 0.2\n",
                            "pinger ")
        self.check_harmless("#!/nonexistent/interpreter\n",
                            "No such file or directory")

    def test_a_pinger_that_is_killed_is_started_again(self):
        squire = PeerSquire()
        squire.write_conf(squire.fake_pinger({FAR: 3}))
        with squire:
            squire.wait_known(lambda: squire.get(self.far.url("/")), FAR)
            first, = squire_test.children(squire.pid)
            os.kill(first, 9)
            def replaced():
                now = squire_test.children(squire.pid)
                return len(now) == 1 and now[0] != first
            wait_for("another pinger", replaced)
            self.assertEqual(squire.distances(), {FAR: 3})
            squire.reconfigure("pinger_enable off\n")
            wait_for("no pinger",
                     lambda: not squire_test.children(squire.pid))
            self.assertEqual(squire.distances(), {})


if __name__ == "__main__":
    squire_test.main()
