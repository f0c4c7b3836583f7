#!/usr/bin/env python3
"""Access logs that go to other places than files: udp:, tcp:."""

import os
import socket
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "..", "support"))
import squire_test  # noqa: E402
from squire_test import Origin, Squire, answer  # noqa: E402


class Receiver:
    """Listens at a port, the same one again when it is opened again."""

    def __init__(self, kind=socket.SOCK_STREAM, port=0):
        self.socket = socket.socket(socket.AF_INET, kind)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.settimeout(squire_test.PATIENCE)
        self.socket.bind(("127.0.0.1", port))
        self.port = self.socket.getsockname()[1]
        self.connection = None
        if kind == socket.SOCK_STREAM:
            self.socket.listen()

    def close(self):
        if self.connection is not None:
            self.connection.close()
        self.socket.close()

    def lines(self, count):
        """Wait for that many lines by one connection."""
        if self.connection is None:
            self.connection = self.socket.accept()[0]
            self.connection.settimeout(squire_test.PATIENCE)
        data = b""
        while data.count(b"\n") < count:
            more = self.connection.recv(65536)
            if not more:
                raise AssertionError(f"the connection ended: {data}")
            data += more
        return data.decode().splitlines()


class Places(unittest.TestCase):
    def setUp(self):
        self.origin = Origin({"/": answer(200, b"x")})
        self.addCleanup(self.origin.close)

    def test_udp(self):
        receiver = Receiver(socket.SOCK_DGRAM)
        self.addCleanup(receiver.close)
        with Squire(f"logformat short %rm %>Hs\n"
                    f"access_log udp://127.0.0.1:{receiver.port} short\n"
                    ) as squire:
            for _ in range(3):
                squire.get(self.origin.url("/"))
            data = b""
            while data.count(b"\n") < 3:
                data += receiver.socket.recv(65536)
            self.assertEqual(data, b"GET 200\n" * 3)
            logs = {log["type"]: log for log in squire.info()["access_log"]}
            self.assertEqual(logs["udp"]["lost"], 0)

    def test_tcp_comes_and_goes(self):
        receiver = Receiver()
        port = receiver.port
        receiver.close()
        with Squire(f"logformat short %rp\n"
                    f"access_log tcp://127.0.0.1:{port} short\n") as squire:
            squire.get(self.origin.url("/?1"))
            receiver = Receiver(port=port)
            self.assertEqual(receiver.lines(1), ["/?1"])
            receiver.close()
            receiver = Receiver(port=port)
            self.addCleanup(receiver.close)
            squire.get(self.origin.url("/?2"))
            squire.get(self.origin.url("/?3"))
            # What was on its way when the connection ended may be lost.
            last = receiver.lines(1)[-1]
            self.assertIn(last, ("/?2", "/?3"))
            squire.reconfigure()
            squire.get(self.origin.url("/?4"))
            self.assertIn("/?4", receiver.lines(1))

    def test_old_files_are_kept(self):
        squire = Squire()
        conf = (f"access_log {squire.path('one.log')} squid rotate=1\n"
                f"access_log {squire.path('other.log')} squid\n"
                f"access_log stdio:{squire.path('other.log')} common\n")
        squire.write_conf(conf + "logfile_rotate 2\n"
                          "debug_options ALL,1 rotate=1\n")
        with squire:
            for number in range(3):
                squire.get(self.origin.url(f"/?{number}"))
                self.assertEqual(squire.ask_manager("/rotate", "POST", {
                    "X-Squire": "1"}).status, 200)
            self.assertEqual(squire.read("access.log"), "")
            for name, number in (("access.log.0", 2), ("access.log.1", 1)):
                self.assertEqual(squire.read(name).count("\n"), 1)
                self.assertIn(f"/?{number} ", squire.read(name))
            self.assertEqual(squire.read("other.log.0").count("/?2 "), 2)
            self.assertEqual(squire.read("other.log.1").count("/?1 "), 2)
            self.assertIn("/?2 ", squire.read("one.log.0"))
            for name in ("access.log.2", "one.log.1"):
                self.assertFalse(os.path.exists(squire.path(name)), name)
            self.assertFalse(os.path.exists(squire.path("debug.log.1")))
            self.assertIn("logs reopened", squire.read("debug.log.0") +
                          squire.read("debug.log"))
            squire.reconfigure(conf + "logfile_rotate 0\n")
            squire.get(self.origin.url("/?3"))
            squire.ask_manager("/rotate", "POST", {"X-Squire": "1"})
            self.assertIn("/?3 ", squire.read("access.log"))
            self.assertNotIn("/?3 ", squire.read("access.log.0"))

    def test_acls_choose(self):
        receiver = Receiver()
        self.addCleanup(receiver.close)
        with Squire("logformat short %rp\nacl one urlpath_regex one\n"
                    f"access_log tcp://127.0.0.1:{receiver.port} short one\n"
                    ) as squire:
            for name in ("two", "one", "three"):
                squire.get(self.origin.url(f"/?{name}"))
            self.assertEqual(receiver.lines(1), ["/?one"])

    def test_a_host_without_an_address_is_told(self):
        squire = Squire("access_log udp://log.invalid:514\n")
        with self.assertRaisesRegex(AssertionError,
                                    "access_log udp://log.invalid:514: "):
            squire.start()
        squire.stop(check=False)


if __name__ == "__main__":
    squire_test.main()
