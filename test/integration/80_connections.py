#!/usr/bin/env python3
"""How long connections are kept, how much is fetched and tried, and what the
process may have."""

import os
import re
import socket
import sys
import threading
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "..", "support"))
import squire_test  # noqa: E402
from squire_test import Origin, Squire, answer, wait_for  # noqa: E402


def closed_ports(count):
    """Ports where nobody listens."""
    socks = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [sock.getsockname()[1] for sock in socks]
    for sock in socks:
        sock.close()
    return ports


class Connections(unittest.TestCase):
    def setUp(self):
        self.origin = Origin({
            "/": answer(200, b"x", "Cache-Control: no-store"),
            "/small": answer(200, b"12345", "Cache-Control: max-age=60"),
            "/large": answer(200, b"1234567890",
                             "Cache-Control: max-age=60")})
        self.addCleanup(self.origin.close)

    def test_client_connections_are_closed(self):
        with Squire("client_persistent_connections off\n") as squire, \
                squire.connect() as connection:
            response = connection.request(self.origin.url("/"))
            self.assertEqual(response.get("Connection"), "close")
            self.assertTrue(connection.at_end())

    def test_connections_of_one_address(self):
        with Squire("client_ip_max_connections 2\n") as squire:
            with squire.connect() as one, squire.connect() as two:
                for connection in (one, two):
                    self.assertEqual(connection.request(
                        self.origin.url("/")).status, 200)
                with squire.connect() as third:
                    third.send("GET http://a.test/ HTTP/1.1\r\n")
                    self.assertTrue(third.at_end())
            wait_for("them to be counted off", lambda: squire.info()[
                "clients"] == 0)
            self.assertEqual(squire.get(self.origin.url("/")).status, 200)

    def test_server_connections_are_closed(self):
        with Squire("server_persistent_connections off\n") as squire:
            for _ in range(3):
                squire.get(self.origin.url("/"))
            self.assertEqual(self.origin.connections, 3)
            squire.reconfigure("")
            for _ in range(3):
                squire.get(self.origin.url("/"))
            self.assertEqual(self.origin.connections, 4)

    def test_server_connections_grow_old(self):
        with Squire("pconn_timeout 1 second\n") as squire:
            for _ in range(2):
                squire.get(self.origin.url("/"))
            self.assertEqual(self.origin.connections, 1)
            time.sleep(2.5)
            squire.get(self.origin.url("/"))
            self.assertEqual(self.origin.connections, 2)

    def half_close(self, squire):
        with squire.connect() as connection:
            connection.send(f"GET {self.origin.url('/')} HTTP/1.1\r\n"
                            f"Host: {self.origin.authority}\r\n\r\n")
            connection.sock.shutdown(socket.SHUT_WR)
            return connection.read_to_end()

    def test_half_closed_clients(self):
        def slowly(request, sock):
            del request, sock
            time.sleep(0.5)
            return answer(200, b"x", "Cache-Control: no-store")
        self.origin.routes["/"] = slowly
        with Squire() as squire:
            self.assertIn(b"200 OK", self.half_close(squire))
            squire.reconfigure("half_closed_clients off\n")
            self.assertEqual(self.half_close(squire), b"")
            squire.check_idle()

    def test_small_answers_are_not_kept(self):
        def chunked(request, sock):
            del request, sock
            return (b"HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\n"
                    b"Transfer-Encoding: chunked\r\n\r\n"
                    b"3\r\nabc\r\n0\r\n\r\n")
        self.origin.routes["/chunked"] = chunked
        with Squire("minimum_object_size 6 bytes\n") as squire:
            for path in ("/small", "/large", "/chunked"):
                for _ in range(2):
                    squire.get(self.origin.url(path))
            self.assertEqual([self.origin.count(path) for path in
                              ("/small", "/large", "/chunked")], [2, 1, 2])

    def leave(self, squire, path):
        """Ask, read the head, and go away."""
        with squire.connect() as connection:
            connection.send(f"GET {self.origin.url(path)} HTTP/1.1\r\n"
                            f"Host: {self.origin.authority}\r\n\r\n")
            connection.read_head()
            connection.reset()

    def test_what_is_fetched_to_its_end(self):
        def slowly(request, sock):
            del request
            sock.sendall(b"HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\n"
                         b"Content-Length: 1000\r\n\r\n" + b"x" * 500)
            time.sleep(1)
            sock.sendall(b"x" * 500)
        self.origin.routes["/slow"] = slowly
        self.origin.routes["/slow2"] = slowly
        with Squire("quick_abort_min 0 KB\nquick_abort_max 0 KB\n") as squire:
            self.leave(squire, "/slow")
            squire.check_idle()
            self.assertEqual(len(squire.get(self.origin.url("/slow")).body),
                             1000)
            self.assertEqual(self.origin.count("/slow"), 2)
            squire.reconfigure("quick_abort_min -1\n")
            self.leave(squire, "/slow2")
            wait_for("the answer to be kept", lambda: "hit" in squire.get(
                self.origin.url("/slow2")).get("Cache-Status"))
            self.assertEqual(self.origin.count("/slow2"), 1)

    def test_what_decides_whether_the_rest_is_fetched(self):
        whole, begin = 1000 << 10, 900 << 10

        def halting(request, sock):
            del request
            sock.sendall(b"HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\n"
                         b"Content-Length: %d\r\n\r\n" % whole
                         + b"x" * begin)
            go.wait(squire_test.PATIENCE)
            return b"x" * (whole - begin)

        cases = ((101, 0, 99, True), (99, 0, 0, False), (0, 101, 89, True),
                 (0, 101, 91, False), (0, 99, 89, False))
        with Squire("maximum_object_size_in_memory 4 MB\n") as squire:
            for number, (least, most, share, goes_on) in enumerate(cases):
                squire.reconfigure("maximum_object_size_in_memory 4 MB\n"
                                   f"quick_abort_min {least} KB\n"
                                   f"quick_abort_max {most} KB\n"
                                   f"quick_abort_pct {share}\n")
                go = threading.Event()
                path = f"/halting{number}"
                self.origin.routes[path] = halting
                with squire.connect() as connection:
                    connection.send(
                        f"GET {self.origin.url(path)} HTTP/1.1\r\n"
                        f"Host: {self.origin.authority}\r\n\r\n")
                    connection.read_head()
                    connection.read_exactly(begin)
                    connection.reset()
                wait_for("the client to be gone",
                         lambda: squire.info()["active"] == 0)
                self.assertEqual(squire.info()["origins"], int(goes_on),
                                 cases[number])
                go.set()
                squire.check_idle()
                told = squire.get(self.origin.url(path)).get("Cache-Status")
                self.assertEqual("hit" in told, goes_on, cases[number])

    def test_how_often_a_request_is_tried(self):
        ports = closed_ports(3)
        conf = "".join(f"cache_peer 127.0.0.1 parent {port} 0 no-query "
                       f"name=p{port}\n" for port in ports)
        with Squire(conf + "forward_max_tries 2\n") as squire:
            self.assertEqual(squire.get(self.origin.url("/")).status, 503)
            self.assertEqual(
                len(re.findall(r"cache_peer p\d+: ", squire.log())), 2)
            squire.reconfigure(conf.replace("name=p", "name=q"))
            self.assertEqual(squire.get(self.origin.url("/")).status, 200)

    def test_what_the_process_may(self):
        squire = Squire("max_filedescriptors 300\numask 0077\n")
        with squire:
            with open(f"/proc/{squire.pid}/limits", encoding="ascii") as file:
                limits = file.read()
            self.assertRegex(limits, r"(?m)^Max open files +300 ")
            with open(f"/proc/{squire.pid}/status", encoding="ascii") as file:
                self.assertRegex(file.read(), r"(?m)^Umask:\s+0077$")


if __name__ == "__main__":
    squire_test.main()
