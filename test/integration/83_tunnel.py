#!/usr/bin/env python3
"""CONNECT: what goes in comes out, both ways, until both have ended."""

import os
import socket
import sys
import threading
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "..", "support"))
import squire_test
from squire_test import Squire


class Server:
    """Runs serve(socket) for each connection."""

    def __init__(self, serve):
        self.sock = socket.create_server(("127.0.0.1", 0))
        self.port = self.sock.getsockname()[1]
        self.serve = serve
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                sock, _ = self.sock.accept()
            except OSError:
                return
            sock.settimeout(squire_test.PATIENCE)
            threading.Thread(target=self.run, args=(sock,),
                             daemon=True).start()

    def run(self, sock):
        with sock:
            try:
                self.serve(sock)
            except OSError:
                pass

    def close(self):
        self.sock.close()


def echo(sock):
    while data := sock.recv(65536):
        sock.sendall(data)


class Tunnels(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.squire = Squire().start()

    @classmethod
    def tearDownClass(cls):
        cls.squire.check_idle()
        cls.squire.stop()

    def connect(self, port, early=b""):
        connection = self.squire.connect()
        connection.send(f"CONNECT 127.0.0.1:{port} HTTP/1.1\r\n"
                        f"Host: 127.0.0.1:{port}\r\n\r\n".encode() + early)
        response = connection.read_response("CONNECT")
        self.assertEqual(response.status, 200)
        self.assertIsNone(response.get("Content-Length"))
        return connection

    def test_both_ways(self):
        server = Server(echo)
        with self.connect(server.port) as connection:
            for size in (1, 100, 100000):
                data = os.urandom(size)
                connection.send(data)
                self.assertTrue(connection.read_exactly(size) == data)
        server.close()

    def test_octets_sent_with_the_request(self):
        server = Server(echo)
        with self.connect(server.port, b"early bird") as connection:
            self.assertEqual(connection.read_exactly(10), b"early bird")
        server.close()

    def test_much_at_once_both_ways(self):
        server = Server(echo)
        data = os.urandom(8 << 20)
        with self.connect(server.port) as connection:
            sender = threading.Thread(target=connection.send, args=(data,))
            sender.start()
            self.assertTrue(connection.read_exactly(len(data)) == data)
            sender.join(squire_test.PATIENCE)
        server.close()

    def test_server_speaks_first_and_ends(self):
        server = Server(lambda sock: sock.sendall(b"hello"))
        with self.connect(server.port) as connection:
            self.assertEqual(connection.read_to_end(), b"hello")
        server.close()

    def test_half_close_by_the_client(self):
        def count(sock):
            total = 0
            while data := sock.recv(65536):
                total += len(data)
            sock.sendall(b"%d" % total)

        server = Server(count)
        with self.connect(server.port) as connection:
            connection.send(b"x" * 300000)
            connection.sock.shutdown(socket.SHUT_WR)
            self.assertEqual(connection.read_to_end(), b"300000")
        server.close()

    def test_half_close_by_the_server(self):
        heard = []
        done = threading.Event()

        def serve(sock):
            sock.sendall(b"bye")
            sock.shutdown(socket.SHUT_WR)
            while data := sock.recv(65536):
                heard.append(data)
            done.set()

        server = Server(serve)
        with self.connect(server.port) as connection:
            self.assertEqual(connection.read_to_end(), b"bye")
            connection.send(b"still here")
            connection.sock.shutdown(socket.SHUT_WR)
            self.assertTrue(done.wait(squire_test.PATIENCE))
        self.assertEqual(b"".join(heard), b"still here")
        server.close()

    def test_reset_passes_through(self):
        ended = threading.Event()

        def serve(sock):
            try:
                while sock.recv(65536):
                    pass
            except OSError:
                pass
            ended.set()

        server = Server(serve)
        connection = self.connect(server.port)
        connection.send(b"x")
        connection.reset()
        self.assertTrue(ended.wait(squire_test.PATIENCE))
        server.close()

    def test_nobody_there(self):
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = listener.getsockname()[1]
        with self.squire.connect() as connection:
            connection.send(f"CONNECT 127.0.0.1:{port} HTTP/1.1\r\n"
                            f"Host: 127.0.0.1:{port}\r\n\r\n")
            self.assertEqual(connection.read_response().status, 503)

    def test_bad_targets(self):
        for target in ("http://x.test/", "x.test", "x.test:0", "x.test:99999",
                       ":80", "u@x.test:80"):
            with self.squire.connect() as connection:
                connection.send(f"CONNECT {target} HTTP/1.1\r\n"
                                "Host: x.test\r\n\r\n")
                self.assertEqual(connection.read_response().status, 400,
                                 target)

    def test_access_log(self):
        server = Server(lambda sock: sock.sendall(b"12345"))
        with self.connect(server.port) as connection:
            connection.read_to_end()

        def line():
            for words in self.squire.access_lines():
                if words[6] == f"127.0.0.1:{server.port}":
                    return words
            return None

        words = squire_test.wait_for("the access log", line)
        self.assertEqual(words[3], "TCP_TUNNEL/200")
        self.assertEqual(words[5], "CONNECT")
        self.assertEqual(words[8], "HIER_DIRECT/127.0.0.1")
        self.assertGreaterEqual(int(words[4]), 5)
        server.close()

    def test_many(self):
        server = Server(echo)
        tunnels = [self.connect(server.port) for _ in range(60)]
        for number, tunnel in enumerate(tunnels):
            tunnel.send(b"%03d" % number)
        for number, tunnel in enumerate(tunnels):
            self.assertEqual(tunnel.read_exactly(3), b"%03d" % number)
        self.assertEqual(self.squire.info()["tunnels"], 60)
        for tunnel in tunnels:
            tunnel.close()
        server.close()


class Idle(unittest.TestCase):
    def test_idle_tunnel_is_closed(self):
        server = Server(echo)
        with Squire("read_timeout 1 second\n") as squire, \
                squire.connect() as connection:
            connection.send(f"CONNECT 127.0.0.1:{server.port} HTTP/1.1\r\n"
                            f"Host: 127.0.0.1:{server.port}\r\n\r\n")
            connection.read_response("CONNECT")
            self.assertTrue(connection.at_end())
            squire.check_idle()
        server.close()


if __name__ == "__main__":
    squire_test.main()
