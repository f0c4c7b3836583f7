#!/usr/bin/env python3
"""Origins that break the rules of HTTP, break off, or keep still: what the
client gets never looks complete when it is not, and is not cached."""

import os
import socket
import sys
import threading
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "..", "support"))
import squire_test
import torture
from squire_test import PATIENCE, Connection, Origin, Squire, answer

FRESH = "Cache-Control: max-age=600\r\n"
GOOD = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n" + FRESH.encode() + \
    b"\r\nbody"
CUT = "cut"  # the client sees that something is missing


def head(text, status="200 OK", body=b"", version="1.1"):
    """The octets of an answer that could be cached, if it were right."""
    return (f"HTTP/{version} {status}\r\n{FRESH}".encode() +
            text.encode("latin-1") + b"\r\n" + body)


# Name, octets of the whole answer, what the client gets: a status of our
# own, or CUT after a head of 200. None of it may be cached.
BROKEN = [
    ("nothing", b"", 502),
    ("one octet", b"H", 502),
    ("an empty line", b"\r\n", 502),
    ("garbage", b"what is this?\r\n\r\n", 502),
    ("HTTP/0.9", b"<html>an old server</html>", 502),
    ("binary", bytes(range(256)) * 8, 502),
    ("other protocol", b"SSH-2.0-OpenSSH_9.2p1\r\n", 502),
    ("no status", b"HTTP/1.1\r\n\r\n", 502),
    ("status of letters", b"HTTP/1.1 abc OK\r\n\r\n", 502),
    ("status 0", head("", "000 Zero"), 502),
    ("status 99", head("", "99 OK"), 502),
    ("status 1000", head("", "1000 OK"), 502),
    ("status -200", head("", "-200 OK"), 502),
    ("HTTP/2.0", head("", version="2.0"), 502),
    ("HTTP/3.7", head("", version="3.7"), 502),
    ("HTTP/9.9", head("", version="9.9"), 502),
    ("head without end", b"HTTP/1.1 200 OK\r\n" + FRESH.encode(), 502),
    ("half a status line", b"HTTP/1.1 20", 502),
    ("unasked 101", head("Upgrade: x\r\nConnection: upgrade\r\n",
                         "101 Switching Protocols"), 502),
    ("field without colon", head("X-A\r\n"), 502),
    ("first line folded", b"HTTP/1.1 200 OK\r\n X-A: b\r\n" + FRESH.encode() +
     b"Content-Length: 4\r\n\r\nbody", 502),
    ("first line folded, after 100",
     b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\tX-A: b\r\n"
     b"Content-Length: 4\r\n\r\nbody", 502),
    ("blank before the colon of the coding",
     head("Transfer-Encoding : chunked\r\n",
          body=b"4\r\nbody\r\n0\r\n\r\n"), 502),
    ("field without name", head(": b\r\n"), 502),
    ("blank in the name", head("X A: b\r\n"), 502),
    ("NUL in the name", head("X\0A: b\r\n"), 502),
    ("NUL in the value", head("X-A: b\0c\r\n"), 502),
    ("bare CR in the value", head("X-A: b\rX-B: c\r\n"), 502),
    ("ESC in the value", head("X-A: \x1b[2J\r\n"), 502),
    ("1 MB in one field", head("X-A: " + "a" * 1000000 + "\r\n"), 502),
    ("1 MB in many fields",
     head("".join(f"X-{i}: {'a' * 990}\r\n" for i in range(1000))), 502),
    ("10,000 fields", head("X: a\r\n" * 10000), 502),
    ("two different lengths",
     head("Content-Length: 4\r\nContent-Length: 5\r\n", body=b"body"), 502),
    ("list of different lengths",
     head("Content-Length: 4, 5\r\n", body=b"body"), 502),
    ("negative length", head("Content-Length: -4\r\n", body=b"body"), 502),
    ("length with plus", head("Content-Length: +4\r\n", body=b"body"), 502),
    ("length of letters", head("Content-Length: four\r\n", body=b"body"),
     502),
    ("length with rubbish", head("Content-Length: 4a\r\n", body=b"body"),
     502),
    ("empty length", head("Content-Length:\r\n", body=b"body"), 502),
    ("length of 2**64 + 4",
     head(f"Content-Length: {2 ** 64 + 4}\r\n", body=b"body"), 502),
    ("unknown coding",
     head("Transfer-Encoding: xchunked\r\n", body=b"body"), 502),
    ("gzip, chunked", head("Transfer-Encoding: gzip, chunked\r\n",
                           body=b"4\r\nbody\r\n0\r\n\r\n"), 502),
    ("chunked twice", head("Transfer-Encoding: chunked, chunked\r\n",
                           body=b"4\r\nbody\r\n0\r\n\r\n"), 502),
    ("body shorter than its length",
     head("Content-Length: 100\r\n", body=b"body"), CUT),
    ("no body at all", head("Content-Length: 100\r\n"), CUT),
    ("chunks without end",
     head("Transfer-Encoding: chunked\r\n", body=b"4\r\nbody\r\n"), CUT),
    ("half a chunk",
     head("Transfer-Encoding: chunked\r\n", body=b"40\r\nbody"), CUT),
    ("half a last chunk",
     head("Transfer-Encoding: chunked\r\n", body=b"4\r\nbody\r\n0\r\n"),
     CUT),
    ("no chunk", head("Transfer-Encoding: chunked\r\n"), CUT),
    ("chunk size of letters",
     head("Transfer-Encoding: chunked\r\n", body=b"four\r\nbody\r\n"), CUT),
    ("chunk size of 65 bits",
     head("Transfer-Encoding: chunked\r\n",
          body=b"10000000000000004\r\nbody\r\n0\r\n\r\n"), CUT),
    ("chunk longer than its size",
     head("Transfer-Encoding: chunked\r\n",
          body=b"2\r\nbody\r\n0\r\n\r\n"), CUT),
    ("chunk size without end",
     head("Transfer-Encoding: chunked\r\n", body=b"1" * 100000), CUT),
]

# Name, octets, body. What is odd, and can be understood.
ODD = [
    ("both length and coding: the coding counts",
     head("Content-Length: 2\r\nTransfer-Encoding: chunked\r\n",
          body=b"4\r\nbody\r\n0\r\n\r\n"), b"body"),
    ("both, the other way round",
     head("Transfer-Encoding: chunked\r\nContent-Length: 40\r\n",
          body=b"4\r\nbody\r\n0\r\n\r\n"), b"body"),
    ("no reason", b"HTTP/1.1 200\r\nContent-Length: 4\r\n\r\nbody", b"body"),
    ("bare LF", b"HTTP/1.1 200 OK\nContent-Length: 4\n\nbody", b"body"),
    ("two equal lengths",
     head("Content-Length: 4\r\nContent-Length: 4\r\n", body=b"body"),
     b"body"),
    ("list of equal lengths",
     head("Content-Length: 4, 4\r\n", body=b"body"), b"body"),
    ("more than its length",
     head("Content-Length: 4\r\n", body=b"body and more"), b"body"),
    ("chunks and more",
     head("Transfer-Encoding: chunked\r\n",
          body=b"4\r\nbody\r\n0\r\n\r\nand more"), b"body"),
    ("chunk extensions and trailers",
     head("Transfer-Encoding: chunked\r\n",
          body=b'4;a="b"\r\nbody\r\n0;c\r\nX-Late: d\r\n\r\n'), b"body"),
    ("obs-fold", head("X-A: b\r\n c\r\nContent-Length: 4\r\n",
                      body=b"body"), b"body"),
    ("blank before the colon",
     head("X-A : b\r\nContent-Length: 4\r\n", body=b"body"), b"body"),
    ("octets above ASCII",
     head("X-A: \xe4\r\nContent-Length: 4\r\n", body=b"body"), b"body"),
    ("ten times 103",
     b"HTTP/1.1 103 Early Hints\r\nLink: <a>\r\n\r\n" * 10 + GOOD, b"body"),
    ("unasked 100", b"HTTP/1.1 100 Continue\r\n\r\n" + GOOD, b"body"),
    ("102", b"HTTP/1.1 102 Processing\r\n\r\n" + GOOD, b"body"),
    ("HTTP/1.0 to the end", b"HTTP/1.0 200 OK\r\n\r\nbody", b"body"),
    ("HTTP/1.1 to the end", b"HTTP/1.1 200 OK\r\n\r\nbody", b"body"),
    ("204 with a body", b"HTTP/1.1 204 No\r\nContent-Length: 4\r\n\r\nbody",
     b""),
    ("204 with chunks", b"HTTP/1.1 204 No\r\nTransfer-Encoding: chunked\r\n"
     b"\r\n4\r\nbody\r\n0\r\n\r\n", b""),
    ("unasked 304 with a body",
     b"HTTP/1.1 304 Not Modified\r\nContent-Length: 4\r\n\r\nbody", b""),
]


class Raw:
    """A server that sends given octets for each connection and closes."""

    def __init__(self):
        self.data = b""
        self.count = 0
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            self.count += 1
            threading.Thread(target=self.answer, args=(sock,),
                             daemon=True).start()

    def answer(self, sock):
        reader = Connection.__new__(Connection)
        reader.sock, reader.buffer = sock, b""
        sock.settimeout(PATIENCE)
        try:
            while reader.read_line() != "":
                pass
            sock.sendall(self.data)
            sock.shutdown(socket.SHUT_WR)
            while reader.fill():
                pass
        except (OSError, EOFError):
            pass
        sock.close()

    def url(self, path):
        return f"http://127.0.0.1:{self.port}{path}"

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()


class Answers(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.raw = Raw()
        cls.squire = Squire().start()
        cls.raw.data = GOOD
        cls.squire.get(cls.raw.url("/first"))
        cls.fds = torture.idle_fds(cls.squire)

    @classmethod
    def tearDownClass(cls):
        cls.raw.data = GOOD
        cls.squire.get(cls.raw.url("/last"))
        torture.check_fds(cls.squire, cls.fds)
        cls.squire.stop()
        cls.raw.close()

    def ask(self, name, method="GET"):
        """Ask twice: what is not cached is asked for twice."""
        before = self.raw.count
        path = "/" + name.replace(" ", "_").replace("*", "x")
        for _ in range(2):
            with self.squire.connect() as connection:
                response = connection.request(self.raw.url(path), method)
        return response, self.raw.count - before

    def test_broken(self):
        for name, data, expected in BROKEN:
            with self.subTest(name):
                self.raw.data = data
                response, count = self.ask(name)
                if expected == CUT:
                    self.assertEqual(response.status, 200)
                    self.assertTrue(response.truncated)
                else:
                    self.assertEqual(response.status, expected)
                    self.assertFalse(response.truncated)
                    self.assertIsNotNone(response.get("X-Squire-Error"))
                self.assertGreaterEqual(count, 2)
                self.assertTrue(self.squire.process.poll() is None)

    def test_the_log_names_who_was_asked(self):
        for name, data, why in (
                ("log 1", head("Content-Length: 4\r\nContent-Length: 5\r\n",
                               body=b"body"), b"Content-Length appears twice"),
                ("log 2", b"", b"Empty reply from server")):
            self.raw.data = data
            response, _ = self.ask(name)
            self.assertIn(why, response.body)
            path = name.replace(" ", "_")
            squire_test.wait_for("its lines",
                                 lambda: len(self.logged(path)) == 2)
            self.assertEqual(self.logged(path),
                             ["TCP_MISS/502 HIER_DIRECT/127.0.0.1"] * 2)

    def logged(self, path):
        return [words[3] + " " + words[8]
                for words in self.squire.access_lines()
                if words[6].endswith("/" + path)]

    def test_broken_does_not_follow_into_the_next_answer(self):
        with self.squire.connect() as connection:
            for name, data, expected in BROKEN:
                if expected == CUT:
                    continue
                self.raw.data = data
                url = self.raw.url(f"/{time.monotonic_ns()}")
                self.assertEqual(connection.request(url).status, expected,
                                 name)

    def test_cut_body_for_http_10(self):
        """There is no framing to break: only an RST tells."""
        for name, data, expected in BROKEN:
            if expected != CUT or "chunk" not in name:
                continue
            with self.subTest(name), self.squire.connect() as connection:
                self.raw.data = data
                response = connection.request(self.raw.url("/http10"),
                                              version="1.0")
                self.assertTrue(response.truncated)

    def test_odd(self):
        for name, data, body in ODD:
            with self.subTest(name), self.squire.connect() as connection:
                self.raw.data = data
                response = connection.request(
                    self.raw.url(f"/{time.monotonic_ns()}"))
                self.assertLess(response.status, 400)
                self.assertEqual(response.body, body)
                self.assertFalse(response.truncated)
                # What was too much of it is not taken for the next answer.
                self.raw.data = GOOD
                response = connection.request(
                    self.raw.url(f"/{time.monotonic_ns()}"))
                self.assertEqual(response.body, b"body")

    def test_body_on_head(self):
        for data in (GOOD, head("Transfer-Encoding: chunked\r\n",
                                body=b"4\r\nbody\r\n0\r\n\r\n")):
            with self.squire.connect() as connection:
                self.raw.data = data
                response = connection.request(
                    self.raw.url(f"/{time.monotonic_ns()}"), "HEAD")
                self.assertEqual(response.status, 200)
                self.raw.data = GOOD
                response = connection.request(
                    self.raw.url(f"/{time.monotonic_ns()}"))
                self.assertEqual(response.body, b"body")

    def test_answer_before_the_request_is_whole(self):
        """The origin answers at the head and closes; the client goes on
        sending its body."""
        self.raw.data = b"HTTP/1.1 403 No\r\nContent-Length: 2\r\n\r\nno"
        with self.squire.connect() as connection:
            connection.send(f"POST {self.raw.url('/upload')} HTTP/1.1\r\n"
                            "Host: x.test\r\n"
                            f"Content-Length: {64 << 20}\r\n\r\n")
            stop = threading.Event()

            def pour():
                try:
                    for _ in range(1024):
                        if stop.is_set():
                            return
                        connection.sock.sendall(b"x" * 65536)
                except OSError:
                    pass

            thread = threading.Thread(target=pour, daemon=True)
            thread.start()
            response = connection.read_response()
            stop.set()
            connection.sock.shutdown(socket.SHUT_RDWR)
            thread.join(PATIENCE)
            self.assertEqual(response.status, 403)

    def test_every_prefix_of_a_good_answer(self):
        whole = (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n" +
                 FRESH.encode() + b"\r\n4\r\nbody\r\n0\r\n\r\n")
        # The very last octet tells nothing new.
        for length in range(len(whole) - 1):
            self.raw.data = whole[:length]
            response = self.squire.get(self.raw.url(f"/prefix{length}"))
            self.assertTrue(response.status == 502 or response.truncated,
                            whole[:length])


POISON = answer(200, b"poison", "Cache-Control: max-age=600")

# Name, method, octets that come before an answer nobody asked for, on a
# connection that stays open.
POISONED = [
    ("after a body", "GET", GOOD),
    ("after chunks", "GET", head("Transfer-Encoding: chunked\r\n",
                                 body=b"4\r\nbody\r\n0\r\n\r\n")),
    ("after an empty body", "GET", answer(200)),
    ("as the body of HEAD", "HEAD",
     b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(POISON)),
    ("as the body of 204", "GET",
     b"HTTP/1.1 204 No\r\nContent-Length: %d\r\n\r\n" % len(POISON)),
    ("as the body of 304", "GET",
     b"HTTP/1.1 304 No\r\nContent-Length: %d\r\n\r\n" % len(POISON)),
]


class Poison(unittest.TestCase):
    """An answer that nobody asked for is not the answer to the next."""

    def setUp(self):
        self.data = b""
        self.delay = 0

        def route(request, sock):
            if request.target.startswith("/next"):
                return answer(200, b"right", "Cache-Control: no-store")
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self.delay:
                sock.sendall(self.data)
                time.sleep(self.delay)
                return POISON
            return self.data + POISON

        self.origin = Origin({"/first": route, "/next": route})
        self.squire = Squire().start()
        self.addCleanup(self.squire.stop, check=False)

    def tearDown(self):
        self.squire.stop()
        self.origin.close()

    def test_poison(self):
        for name, method, self.data in POISONED:
            for self.delay in (0, 0.05):
                with self.subTest(name, delay=self.delay):
                    with self.squire.connect() as connection:
                        url = self.origin.url(f"/first?{name.split()[-1]}"
                                              f"{method}{self.delay}")
                        connection.request(url, method)
                        time.sleep(3 * self.delay)
                        for _ in range(2):
                            response = connection.request(
                                self.origin.url("/next"))
                            self.assertEqual(response.body, b"right")


class Unreachable(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.squire = Squire("read_timeout 1 second\n"
                            "connect_timeout 1 second\n").start()

    @classmethod
    def tearDownClass(cls):
        cls.squire.check_idle()
        cls.squire.stop()

    def test_refused(self):
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = listener.getsockname()[1]
        for url, method in ((f"http://127.0.0.1:{port}/", "GET"),
                            (f"127.0.0.1:{port}", "CONNECT")):
            response = self.squire.get(url, method=method)
            self.assertEqual(response.status, 503)
            self.assertIn("CONNECT_FAIL", response.get("X-Squire-Error"))

    def test_no_such_name(self):
        for url, method in (("http://nowhere.invalid/", "GET"),
                            ("nowhere.invalid:443", "CONNECT")):
            response = self.squire.get(url, method=method)
            self.assertEqual(response.status, 503)
            self.assertIn("DNS_FAIL", response.get("X-Squire-Error"))

    def test_accepts_nobody(self):
        """A full backlog: the connection is never made."""
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            listener.listen(0)
            port = listener.getsockname()[1]
            fillers = []
            for _ in range(8):
                sock = socket.socket()
                sock.setblocking(False)
                sock.connect_ex(("127.0.0.1", port))
                fillers.append(sock)
            for url, method in ((f"http://127.0.0.1:{port}/", "GET"),
                                (f"127.0.0.1:{port}", "CONNECT")):
                response = self.squire.get(url, method=method)
                self.assertEqual(response.status, 504)
            for sock in fillers:
                sock.close()

    def test_no_answer(self):
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = listener.getsockname()[1]
            for method, body in (("GET", None), ("POST", b"x" * 1000)):
                response = self.squire.get(f"http://127.0.0.1:{port}/",
                                           method=method, body=body)
                self.assertEqual(response.status, 504)
                self.assertIn("READ_TIMEOUT",
                              response.get("X-Squire-Error"))

    def test_silence_in_the_head(self):
        def route(_, sock):
            sock.sendall(b"HTTP/1.1 200 OK\r\nX-A: b")
            time.sleep(5)

        origin = Origin({"/": route})
        self.assertEqual(self.squire.get(origin.url("/")).status, 504)
        origin.close()

    def test_silence_in_the_body(self):
        def route(_, sock):
            sock.sendall(GOOD[:-2])
            time.sleep(5)

        origin = Origin({"/": route})
        for _ in range(2):
            response = self.squire.get(origin.url("/"))
            self.assertEqual(response.status, 200)
            self.assertTrue(response.truncated)
        self.assertEqual(origin.count("/"), 2)
        origin.close()

    def test_slow_drip_is_not_silence(self):
        def route(_, sock):
            for octet in GOOD:
                time.sleep(0.03)
                sock.sendall(bytes([octet]))

        origin = Origin({"/": route})
        response = self.squire.get(origin.url("/"))
        self.assertEqual((response.status, response.body), (200, b"body"))
        origin.close()

    def test_reset(self):
        for sent in (b"", GOOD[:20], GOOD[:-2]):
            def route(_, sock, sent=sent):
                sock.sendall(sent)
                time.sleep(0.1)
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                                b"\1\0\0\0\0\0\0\0")

            origin = Origin({"/": route})
            response = self.squire.get(origin.url("/"))
            self.assertTrue(response.status == 502 or response.truncated)
            origin.close()


class Large(unittest.TestCase):
    """What a slow client does not take yet is not fetched into memory."""

    SIZE = 256 << 20
    LIMIT_KB = 16 * 1024

    def setUp(self):
        self.block = os.urandom(1 << 16)

        def huge(_, sock):
            sock.sendall(b"HTTP/1.1 200 OK\r\nConnection: close\r\n"
                         b"Cache-Control: max-age=600\r\n"
                         b"Content-Length: %d\r\n\r\n" % self.SIZE)
            for _ in range(self.SIZE >> 16):
                sock.sendall(self.block)

        def endless(_, sock):
            sock.sendall(b"HTTP/1.1 200 OK\r\nConnection: close\r\n"
                         b"Cache-Control: max-age=600\r\n"
                         b"Transfer-Encoding: chunked\r\n\r\n")
            chunk = b"10000\r\n" + self.block + b"\r\n"
            for _ in range(self.SIZE >> 16):
                sock.sendall(chunk)
            sock.sendall(b"0\r\n\r\n")

        self.origin = Origin({"/huge": huge, "/endless": endless})
        self.squire = Squire("cache_mem 8 MB\n").start()
        self.addCleanup(self.squire.stop, check=False)

    def tearDown(self):
        self.squire.check_idle()
        self.squire.stop()
        self.origin.close()

    def test_memory_is_bounded(self):
        if torture.is_slow():
            self.SIZE = 64 << 20
        before = torture.rss_kb(self.squire.pid)
        for path in ("/huge", "/endless"):
            with self.squire.connect() as connection:
                connection.send(f"GET {self.origin.url(path)} HTTP/1.1\r\n"
                                f"Host: {self.origin.authority}\r\n\r\n")
                time.sleep(0.5)  # the client sleeps, the origin pushes
                status, headers = connection.read_head()
                self.assertEqual(status, 200)
                total = 0
                while total < self.SIZE:
                    if not connection.buffer:
                        self.assertTrue(connection.fill())
                    total += len(connection.buffer)
                    connection.buffer = b""
            if not torture.is_sanitized():
                grown = torture.rss_kb(self.squire.pid) - before
                self.assertLess(grown, self.LIMIT_KB)


if __name__ == "__main__":
    squire_test.main()
