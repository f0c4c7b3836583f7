#!/usr/bin/env python3
"""Clients that break the rules of HTTP, or leave, or never read: each gets
its exact answer, nothing of it reaches an origin, nothing is leaked."""

import collections
import contextlib
import os
import signal
import socket
import sys
import threading
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "..", "support"))
import squire_test
import torture
from squire_test import PATIENCE, Connection, Origin, Squire, answer, wait_for

OK = 200
WAITS = "waits"  # no answer before request_timeout, then 408
SILENT = "silent"  # closed without an answer


def line(text):
    """A request with this first line and a good Host."""
    return text.encode("latin-1") + b"\r\nHost: x.test\r\n\r\n"


def fields(text, method="GET", version="1.1", body=b""):
    """A request with these fields besides a good Host."""
    if isinstance(text, str):
        text = text.encode("latin-1")
    return (f"{method} http://ORIGIN/echo HTTP/{version}\r\n"
            "Host: ORIGIN\r\n").encode() + text + b"\r\n" + body


def chunks(body):
    return fields("Transfer-Encoding: chunked\r\n\r\n", "POST",
                  body=b"")[:-2] + body


# Request lines: name, octets, status.
REQUEST_LINES = [
    ("nothing but noise", line("x" * 100), 400),
    ("method alone", line("GET"), 400),
    ("no version: HTTP/0.9", b"GET http://x.test/\r\n\r\n", 400),
    ("two blanks before the target", line("GET  http://x.test/ HTTP/1.1"),
     400),
    ("two blanks before the version", line("GET http://x.test/  HTTP/1.1"),
     400),
    ("blank at the end", line("GET http://x.test/ HTTP/1.1 "), 400),
    ("blank at the start", line(" GET http://x.test/ HTTP/1.1"), 400),
    ("tabs for blanks", line("GET\thttp://x.test/\tHTTP/1.1"), 400),
    ("no target", line("GET  HTTP/1.1"), 400),
    ("separator in the method", line("G@T http://x.test/ HTTP/1.1"), 400),
    ("octet above ASCII in the method",
     line("G\xcbT http://x.test/ HTTP/1.1"), 400),
    ("HTTP/2.0", line("GET http://x.test/ HTTP/2.0"), 505),
    ("HTTP/3.7", line("GET http://x.test/ HTTP/3.7"), 505),
    ("HTTP/2 preface", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
    ("HTTP/10.1", line("GET http://x.test/ HTTP/10.1"), 505),
    ("HTTP/0.9 by name", line("GET http://x.test/ HTTP/0.9"), 400),
    ("HTTP/1", line("GET http://x.test/ HTTP/1"), 400),
    ("HTTP/1.", line("GET http://x.test/ HTTP/1."), 400),
    ("HTTP/1.10", line("GET http://x.test/ HTTP/1.10"), 400),
    ("HTTP/-1.1", line("GET http://x.test/ HTTP/-1.1"), 400),
    ("http/1.1 in small letters", line("GET http://x.test/ http/1.1"), 400),
    ("HTTPS/1.1", line("GET http://x.test/ HTTPS/1.1"), 400),
    ("ICY 200 OK", line("ICY 200 OK"), 400),
    ("an answer", line("HTTP/1.1 200 OK"), 400),
    ("NUL in the target", line("GET http://x.test/\0 HTTP/1.1"), 400),
    ("DEL in the target", line("GET http://x.test/\x7f HTTP/1.1"), 400),
    ("CR in the target", line("GET http://x.test/\ra HTTP/1.1"), 400),
    ("bare LF", b"GET http://x.test/ HTTP/1.1\nHost: x.test\n\n", 400),
    ("bare LF after the line",
     b"GET http://x.test/ HTTP/1.1\nHost: x.test\r\n\r\n", 400),
    ("bare CR", b"GET http://x.test/ HTTP/1.1\rHost: x.test\r\r\n\r\n", 400),
    ("bare LF before it", b"\n" + line("GET http://x.test/ HTTP/1.1"), 400),
    ("CR before it", b"\rG" + line("ET http://x.test/ HTTP/1.1"), 400),
    ("empty lines without end", b"\r\n" * 1000, 400),
    ("path alone", line("GET / HTTP/1.1"), 400),
    ("no scheme", line("GET x.test/ HTTP/1.1"), 400),
    ("no host", line("GET http:/// HTTP/1.1"), 400),
    ("scheme alone", line("GET http:// HTTP/1.1"), 400),
    ("unknown scheme", line("GET gopher://x.test/ HTTP/1.1"), 400),
    ("fragment", line("GET http://x.test/#a HTTP/1.1"), 400),
    ("user", line("GET http://user@x.test/ HTTP/1.1"), 400),
    ("user and password", line("GET http://u:p@x.test/ HTTP/1.1"), 400),
    ("port 0", line("GET http://x.test:0/ HTTP/1.1"), 400),
    ("port 65536", line("GET http://x.test:65536/ HTTP/1.1"), 400),
    ("port of 30 digits",
     line("GET http://x.test:" + "8" * 30 + "/ HTTP/1.1"), 400),
    ("port with sign", line("GET http://x.test:+80/ HTTP/1.1"), 400),
    ("negative port", line("GET http://x.test:-80/ HTTP/1.1"), 400),
    ("port with letters", line("GET http://x.test:80a/ HTTP/1.1"), 400),
    ("two ports", line("GET http://x.test:80:80/ HTTP/1.1"), 400),
    ("IPv6 without end", line("GET http://[::1/ HTTP/1.1"), 400),
    ("IPv6 with rubbish", line("GET http://[::g]/ HTTP/1.1"), 400),
    ("IPv6 with zone", line("GET http://[fe80::1%25lo]/ HTTP/1.1"), 400),
    ("IPv6 and more", line("GET http://[::1]x/ HTTP/1.1"), 400),
    ("IPv4 in brackets", line("GET http://[127.0.0.1]/ HTTP/1.1"), 400),
    ("IPv4 of two numbers", line("GET http://127.1/ HTTP/1.1"), 400),
    ("IPv4 as one number", line("GET http://2130706433/ HTTP/1.1"), 400),
    ("IPv4 in hex", line("GET http://0x7f000001/ HTTP/1.1"), 400),
    ("IPv4 in octal", line("GET http://0177.0.0.1/ HTTP/1.1"), 400),
    ("empty label", line("GET http://x..test/ HTTP/1.1"), 400),
    ("long label", line("GET http://" + "x" * 64 + ".test/ HTTP/1.1"), 400),
    ("long host", line("GET http://" + "x." * 130 + "test/ HTTP/1.1"), 400),
    ("blank in the host", line("GET http://x%20.test/ HTTP/1.1"), 400),
    ("line of 20,000 octets",
     line("GET http://x.test/" + "a" * 20000 + " HTTP/1.1"), 414),
    ("line of 20,000 octets without end", b"GET http://x.test/" +
     b"a" * 20000, 414),
    ("method of 20,000 octets",
     line("G" * 20000 + " http://x.test/ HTTP/1.1"), 414),
    ("CONNECT without port", line("CONNECT x.test HTTP/1.1"), 400),
    ("CONNECT with empty port", line("CONNECT x.test: HTTP/1.1"), 400),
    ("CONNECT to port 0", line("CONNECT x.test:0 HTTP/1.1"), 400),
    ("CONNECT to port 65536", line("CONNECT x.test:65536 HTTP/1.1"), 400),
    ("CONNECT without host", line("CONNECT :443 HTTP/1.1"), 400),
    ("CONNECT with two ports", line("CONNECT x.test:1:2 HTTP/1.1"), 400),
    ("CONNECT with a URL", line("CONNECT http://x.test/ HTTP/1.1"), 400),
    ("CONNECT with a path", line("CONNECT x.test:443/ HTTP/1.1"), 400),
    ("CONNECT with a user", line("CONNECT u@x.test:443 HTTP/1.1"), 400),
    ("CONNECT to bare IPv6", line("CONNECT ::1:443 HTTP/1.1"), 400),
    ("CONNECT to nothing", line("CONNECT  HTTP/1.1"), 400),
]

# Header fields of a GET to a good origin: name, fields, status.
HEADERS = [
    ("no Host", b"GET http://ORIGIN/echo HTTP/1.1\r\n\r\n", 400),
    ("two Hosts", fields("Host: x.test\r\n"), 400),
    ("empty Host", b"GET http://ORIGIN/echo HTTP/1.1\r\nHost:\r\n\r\n", 400),
    ("Host with rubbish",
     b"GET http://ORIGIN/echo HTTP/1.1\r\nHost: a b\r\n\r\n", 400),
    ("Host with a path",
     b"GET http://ORIGIN/echo HTTP/1.1\r\nHost: x.test/y\r\n\r\n", 400),
    ("Host with a user",
     b"GET http://ORIGIN/echo HTTP/1.1\r\nHost: u@x.test\r\n\r\n", 400),
    ("Host with a bad port",
     b"GET http://ORIGIN/echo HTTP/1.1\r\nHost: x.test:99999\r\n\r\n", 400),
    ("blank before the colon", fields("X-A : b\r\n"), 400),
    ("tab before the colon", fields("X-A\t: b\r\n"), 400),
    ("blank before the colon of Content-Length",
     fields("Content-Length : 4\r\n", "POST", body=b"body"), 400),
    ("blank before the colon of Transfer-Encoding",
     fields("Transfer-Encoding : chunked\r\n", "POST",
            body=b"0\r\n\r\n"), 400),
    ("no colon", fields("X-A\r\n"), 400),
    ("no name", fields(": b\r\n"), 400),
    ("blank in the name", fields("X A: b\r\n"), 400),
    ("slash in the name", fields("X/A: b\r\n"), 400),
    ("octet above ASCII in the name", fields("X-\xe4: b\r\n"), 400),
    ("NUL in the name", fields("X\0A: b\r\n"), 400),
    ("NUL in the value", fields("X-A: b\0c\r\n"), 400),
    ("DEL in the value", fields("X-A: b\x7fc\r\n"), 400),
    ("ESC in the value", fields("X-A: b\x1bc\r\n"), 400),
    ("bare CR in the value", fields("X-A: b\rc\r\n"), 400),
    ("bare LF ends a field", fields("X-A: b\n"), 400),
    ("bare LF ends the head",
     b"GET http://ORIGIN/echo HTTP/1.1\r\nHost: ORIGIN\r\n\n", 400),
    ("obs-fold by a blank", fields("X-A: b\r\n c\r\n"), 400),
    ("obs-fold by a tab", fields("X-A: b\r\n\tc\r\n"), 400),
    ("obs-fold of the first field",
     b"GET http://ORIGIN/echo HTTP/1.1\r\n Host: ORIGIN\r\n\r\n", 400),
    ("obs-fold of Content-Length",
     fields("Content-Length:\r\n 4\r\n", "POST", body=b"body"), 400),
    ("obs-fold of Transfer-Encoding",
     fields("Transfer-Encoding:\r\n chunked\r\n", "POST",
            body=b"0\r\n\r\n"), 400),
    ("64 KB in one field", fields("X-A: " + "a" * 65536 + "\r\n"), 431),
    ("64 KB in many fields",
     fields("".join(f"X-{i}: {'a' * 900}\r\n" for i in range(75))), 431),
    ("64 KB without end", fields("X-A: " + "a" * 70000)[:-2], 431),
    ("200 fields", fields("".join(f"X-{i}: a\r\n" for i in range(200))),
     431),
    ("10,000 fields", fields("A:\r\n" * 10000), 431),
    ("HTTP/1.0 and Transfer-Encoding",
     fields("Transfer-Encoding: chunked\r\n", "POST", "1.0",
            b"0\r\n\r\n"), 400),
]

# How long the body is: name, octets, status.
FRAMING = [
    ("both Content-Length and Transfer-Encoding",
     fields("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", "POST",
            body=b"0\r\n\r\n"), 400),
    ("both, the other way round",
     fields("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", "POST",
            body=b"0\r\n\r\n"), 400),
    ("both in a GET",
     fields("Transfer-Encoding: chunked\r\nContent-Length: 0\r\n",
            body=b"0\r\n\r\n"), 400),
    ("two equal lengths",
     fields("Content-Length: 4\r\nContent-Length: 4\r\n", "POST",
            body=b"body"), 400),
    ("two different lengths",
     fields("Content-Length: 4\r\nContent-Length: 5\r\n", "POST",
            body=b"body"), 400),
    ("list of equal lengths",
     fields("Content-Length: 4, 4\r\n", "POST", body=b"body"), 400),
    ("list of different lengths",
     fields("Content-Length: 4, 5\r\n", "POST", body=b"body"), 400),
    ("negative length",
     fields("Content-Length: -1\r\n", "POST", body=b"body"), 400),
    ("length with plus",
     fields("Content-Length: +4\r\n", "POST", body=b"body"), 400),
    ("length in hex",
     fields("Content-Length: 0x4\r\n", "POST", body=b"body"), 400),
    ("length with a point",
     fields("Content-Length: 4.0\r\n", "POST", body=b"body"), 400),
    ("length with rubbish",
     fields("Content-Length: 4a\r\n", "POST", body=b"body"), 400),
    ("length in two words",
     fields("Content-Length: 4 4\r\n", "POST", body=b"body"), 400),
    ("empty length",
     fields("Content-Length:\r\n", "POST", body=b"body"), 400),
    ("length of 2**63",
     fields(f"Content-Length: {2 ** 63}\r\n", "POST", body=b"body"), 400),
    ("length of 2**64",
     fields(f"Content-Length: {2 ** 64}\r\n", "POST", body=b"body"), 400),
    ("length of 2**64 + 4",
     fields(f"Content-Length: {2 ** 64 + 4}\r\n", "POST", body=b"body"),
     400),
    ("length of 100 digits",
     fields("Content-Length: " + "9" * 100 + "\r\n", "POST", body=b"body"),
     400),
    ("length beyond request_body_max_size",
     fields("Content-Length: 1024001\r\n", "POST", body=b"body"), 413),
    ("empty coding", fields("Transfer-Encoding:\r\n", "POST"), 400),
    ("unknown coding",
     fields("Transfer-Encoding: xchunked\r\n", "POST"), 501),
    ("identity", fields("Transfer-Encoding: identity\r\n", "POST"), 501),
    ("gzip, chunked",
     fields("Transfer-Encoding: gzip, chunked\r\n", "POST"), 501),
    ("chunked twice",
     fields("Transfer-Encoding: chunked, chunked\r\n", "POST"), 400),
    ("chunked, identity",
     fields("Transfer-Encoding: chunked, identity\r\n", "POST"), 400),
    ("two fields of chunked",
     fields("Transfer-Encoding: chunked\r\n" * 2, "POST"), 400),
    ("chunked and rubbish",
     fields("Transfer-Encoding: chunked foo\r\n", "POST"), 400),
    ("quoted chunked",
     fields('Transfer-Encoding: "chunked"\r\n', "POST"), 400),
    ("vertical tab before chunked",
     fields("Transfer-Encoding: \x0bchunked\r\n", "POST"), 400),
    ("CONNECT with a length",
     b"CONNECT ORIGIN HTTP/1.1\r\nHost: ORIGIN\r\nContent-Length: 4\r\n\r\n"
     b"body", 400),
    ("CONNECT with chunks",
     b"CONNECT ORIGIN HTTP/1.1\r\nHost: ORIGIN\r\n"
     b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
]

# Chunked bodies that are wrong after a good head: name, octets.
CHUNKS = [
    ("no size", b"\r\n"),
    ("no hex digit", b"g\r\n"),
    ("negative size", b"-1\r\n"),
    ("plus", b"+1\r\n"),
    ("0x", b"0x1\r\na\r\n"),
    ("blank before", b" 1\r\na\r\n"),
    ("size of 64 bits", b"ffffffffffffffff\r\nabc"),
    ("size of 65 bits", b"10000000000000001\r\nabc"),
    ("size of 1000 digits", b"0" * 1000 + b"1\r\na\r\n"),
    ("size without end", b"1" * 100000),
    ("bare LF after the size", b"1\na\r\n0\r\n\r\n"),
    ("bare LF after the data", b"1\r\na\n0\r\n\r\n"),
    ("bare CR after the size", b"1\ra\r\n0\r\n\r\n"),
    ("data longer than its size", b"1\r\nab\r\n0\r\n\r\n"),
    ("NUL in the extension", b"1;\0\r\na\r\n0\r\n\r\n"),
    ("LF in the extension", b"1;a\n=b\r\na\r\n0\r\n\r\n"),
    ("extension without end", b"1;" + b"a" * 100000),
    ("extension of 100,000 octets",
     b"1;" + b"a" * 100000 + b"\r\na\r\n0\r\n\r\n"),
    ("trailer without end", b"0\r\n" + b"X-A: " + b"a" * 100000),
    ("trailer of 10,000 fields", b"0\r\n" + b"X: a\r\n" * 10000 + b"\r\n"),
    ("bare LF in the trailer", b"0\r\nX: a\n\r\n"),
    ("bare LF at the end", b"0\r\n\n"),
]

# What looks odd and is right: name, octets.
GOOD = [
    ("empty lines before", b"\r\n\r\n" + fields("")),
    ("HTTP/1.2", fields("", version="1.2")),
    ("HTTP/1.9", fields("", version="1.9")),
    ("scheme in capitals", b"GET HTTP://ORIGIN/echo HTTP/1.1\r\n"
     b"Host: ORIGIN\r\n\r\n"),
    ("no path", b"GET http://ORIGIN HTTP/1.1\r\nHost: ORIGIN\r\n\r\n"),
    ("query and no path",
     b"GET http://ORIGIN?a HTTP/1.1\r\nHost: ORIGIN\r\n\r\n"),
    ("octets above ASCII in a value", fields("X-A: \xe4\xff\r\n")),
    ("no blank after the colon", fields("X-A:b\r\n")),
    ("blanks and tabs around a value", fields("X-A: \t b \t\r\n")),
    ("empty value", fields("X-A:\r\n")),
    ("Chunked in another case",
     fields("transfer-encoding: CHUNKED\r\n", "POST", body=b"0\r\n\r\n")),
    ("length with leading zeros",
     fields("Content-Length: 0004\r\n", "POST", body=b"body")),
    ("chunk extensions",
     chunks(b'4;a="b c";d\r\nbody\r\n0;z\r\n\r\n')),
    ("chunk size with leading zeros", chunks(b"00004\r\nbody\r\n00\r\n\r\n")),
    ("trailer", chunks(b"4\r\nbody\r\n0\r\nX-A: b\r\n\r\n")),
    ("60 KB of fields", fields("".join(
        f"X-{i}: {'a' * 1000}\r\n" for i in range(59)))),
    ("line of 8000 octets", b"GET http://ORIGIN/echo?" + b"a" * 8000 +
     b" HTTP/1.1\r\nHost: ORIGIN\r\n\r\n"),
    ("name with a final dot",
     b"GET http://ORIGIN/echo HTTP/1.1\r\nHost: x.test.\r\n\r\n"),
]


def echo(request, _):
    return answer(200, request.body, "Connection: close",
                  "Cache-Control: no-store")


class Broken(unittest.TestCase):
    """Requests that are wrong in themselves. Behind each of them stands
    another request, which must not be believed."""

    @classmethod
    def setUpClass(cls):
        cls.origin = Origin({"/echo": echo, "/": echo})
        cls.squire = Squire("request_body_max_size 1000 KB\n").start()
        cls.squire.get(cls.origin.url("/echo"))
        # The first tunnel makes a pipe, which is kept for the next one.
        cls.squire.get(cls.origin.authority, method="CONNECT")
        cls.fds = torture.idle_fds(cls.squire)

    @classmethod
    def tearDownClass(cls):
        torture.check_fds(cls.squire, cls.fds)
        cls.squire.stop()
        cls.origin.close()

    def setUp(self):
        self.origin.routes["/smuggled"] = answer(200, b"smuggled")
        self.origin.requests.clear()

    def tearDown(self):
        self.assertEqual(self.squire.get(self.origin.url("/echo")).status,
                         OK)
        self.assertEqual(self.origin.count("/smuggled"), 0)

    def octets(self, data):
        return data.replace(b"ORIGIN", self.origin.authority.encode())

    def send(self, connection, data):
        """Send all; the proxy may have closed before the end."""
        with contextlib.suppress(ConnectionError):
            connection.send(data)

    def check_refused(self, data, status):
        smuggled = self.octets(b"GET http://ORIGIN/smuggled HTTP/1.1\r\n"
                               b"Host: ORIGIN\r\n\r\n")
        with self.squire.connect() as connection:
            self.send(connection, self.octets(data) + smuggled)
            response = connection.read_response()
            self.assertEqual(response.status, status)
            self.assertEqual(response.get("Connection"), "close")
            self.assertIsNotNone(response.get("X-Squire-Error"))
            self.assertFalse(response.truncated)
            self.assertTrue(connection.at_end())

    def check_table(self, table):
        for name, data, status in table:
            with self.subTest(name):
                self.check_refused(data, status)
                self.assertEqual(self.origin.requests, [])

    def test_request_lines(self):
        self.check_table(REQUEST_LINES)

    def test_headers(self):
        self.check_table(HEADERS)

    def test_framing(self):
        self.check_table(FRAMING)

    def test_chunks(self):
        """The origin has the head already; it must not see an end."""
        for name, data in CHUNKS:
            with self.subTest(name):
                self.check_refused(chunks(data), 400)
                self.assertEqual(self.origin.requests, [])

    def test_chunks_beyond_request_body_max_size(self):
        self.check_refused(chunks(b"10000\r\n" + b"a" * 65536 + b"\r\n" +
                                  (b"10000\r\n" + b"a" * 65536 + b"\r\n")
                                  * 20), 413)

    def test_one_octet_at_a_time_is_refused_as_well(self):
        for name, data, status in (REQUEST_LINES[1], HEADERS[7],
                                   HEADERS[20], FRAMING[0], FRAMING[17]):
            with self.subTest(name), self.squire.connect() as connection:
                connection.sock.setsockopt(socket.IPPROTO_TCP,
                                           socket.TCP_NODELAY, 1)
                for octet in self.octets(data):
                    self.send(connection, bytes([octet]))
                self.assertEqual(connection.read_response().status, status)

    def test_odd_but_good(self):
        for name, data in GOOD:
            with self.subTest(name), self.squire.connect() as connection:
                connection.send(self.octets(data + fields("X-Next: 1\r\n")))
                for _ in range(2):
                    self.assertEqual(connection.read_response().status, OK)

    def test_connect_forms_that_are_good(self):
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = listener.getsockname()[1]
            for text, status in (
                    (f"CONNECT 127.0.0.1:{port} HTTP/1.1\r\n"
                     f"Host: 127.0.0.1:{port}\r\n\r\n", 200),
                    (f"CONNECT 127.0.0.1:{port} HTTP/1.0\r\n\r\n", 200),
                    (f"CONNECT 127.0.0.1:{port} HTTP/1.1\r\nHost: x.test\r\n"
                     "Content-Length: 0\r\n\r\n", 200),
                    ("CONNECT [::1]:1 HTTP/1.1\r\nHost: [::1]:1\r\n\r\n",
                     503),
                    ("CONNECT nowhere.invalid:443 HTTP/1.1\r\n"
                     "Host: nowhere.invalid\r\n\r\n", 503)):
                with self.subTest(text), self.squire.connect() as connection:
                    connection.send(text)
                    self.assertEqual(connection.read_head()[0], status)

    def test_good_request_before_a_bad_one(self):
        for name, data, status in (REQUEST_LINES[0], HEADERS[3], FRAMING[0],
                                   FRAMING[7]):
            with self.subTest(name), self.squire.connect() as connection:
                connection.send(self.octets(fields("") + data))
                self.assertEqual(connection.read_response().status, OK)
                self.assertEqual(connection.read_response().status, status)
                self.assertTrue(connection.at_end())

    def test_expect_100_continue_and_a_body_that_never_comes(self):
        with self.squire.connect() as connection:
            connection.send(self.octets(fields(
                "Content-Length: 4\r\nExpect: 100-continue\r\n", "POST")))
            self.assertEqual(connection.read_head()[0], 100)

    def test_expect_100_continue_of_http_10_is_ignored(self):
        with self.squire.connect() as connection:
            connection.send(self.octets(fields(
                "Content-Length: 4\r\nExpect: 100-continue\r\n", "POST",
                "1.0", b"body")))
            self.assertEqual(connection.read_response().body, b"body")

    def test_unknown_expectation(self):
        """It is refused, and leaves the connection in step."""
        with self.squire.connect() as connection:
            connection.send(self.octets(fields("Expect: tea\r\n") +
                                        fields("")))
            self.assertEqual(connection.read_response().status, 417)
            self.assertEqual(connection.read_response().status, OK)

    def test_answers_to_head_have_no_body(self):
        with self.squire.connect() as connection:
            connection.send(b"HEAD http://nowhere.invalid/ HTTP/1.1\r\n"
                            b"Host: x.test\r\n\r\n" +
                            self.octets(fields("")))
            self.assertEqual(connection.read_response("HEAD").status, 503)
            self.assertEqual(connection.read_response().status, OK)

    def test_noise(self):
        """Random octets get a refusal or nothing, and harm nothing."""
        for seed in range(64):
            noise = bytes((seed * 31 + i * i * 7 + (i >> 3)) & 255
                          for i in range(2000))
            with self.squire.connect() as connection:
                self.send(connection, noise + b"\r\n\r\n")
                connection.sock.shutdown(socket.SHUT_WR)
                with contextlib.suppress(ConnectionError, EOFError,
                                         ValueError):
                    self.assertIn(connection.read_response().status,
                                  (400, 505))


class Slow(unittest.TestCase):
    """Clients that take their time: request_timeout is a bound."""

    @classmethod
    def setUpClass(cls):
        cls.origin = Origin({"/echo": echo})
        cls.squire = Squire("request_timeout 1 second\n"
                            "client_idle_pconn_timeout 1 second\n").start()
        cls.head = (f"POST {cls.origin.url('/echo')} HTTP/1.1\r\n"
                    f"Host: {cls.origin.authority}\r\n"
                    "Content-Length: 6\r\n\r\n")

    @classmethod
    def tearDownClass(cls):
        cls.squire.check_idle()
        cls.squire.stop()
        cls.origin.close()

    def check_timed_out(self, connection):
        response = connection.read_response()
        self.assertEqual(response.status, 408)
        self.assertEqual(response.get("Connection"), "close")
        self.assertTrue(connection.at_end())

    def test_not_a_word(self):
        with self.squire.connect() as connection:
            self.assertTrue(connection.at_end())

    def test_half_a_head(self):
        with self.squire.connect() as connection:
            connection.send(self.head[:20])
            self.check_timed_out(connection)

    def test_empty_line_alone(self):
        with self.squire.connect() as connection:
            connection.send("\r\n")
            self.check_timed_out(connection)

    def test_head_octet_by_octet(self):
        """Each octet in time does not make the whole in time."""
        with self.squire.connect() as connection:
            with contextlib.suppress(ConnectionError):
                for octet in self.head * 4:
                    connection.send(octet)
                    time.sleep(0.1)
                    connection.sock.setblocking(False)
                    with contextlib.suppress(BlockingIOError):
                        if not connection.fill() or connection.buffer:
                            break
                    connection.sock.settimeout(PATIENCE)
            connection.sock.settimeout(PATIENCE)
            self.check_timed_out(connection)

    def test_second_head(self):
        with self.squire.connect() as connection:
            connection.request(self.origin.url("/echo"))
            connection.send(self.head[:20])
            self.check_timed_out(connection)

    def test_no_second_request(self):
        with self.squire.connect() as connection:
            connection.request(self.origin.url("/echo"))
            self.assertTrue(connection.at_end())

    def test_body_that_stops(self):
        for part in ("", "bod"):
            with self.squire.connect() as connection:
                connection.send(self.head + part)
                self.check_timed_out(connection)
        self.assertEqual([request for request in self.origin.requests
                          if len(request.body) == 6], [])

    def test_slow_body_that_goes_on(self):
        with self.squire.connect() as connection:
            connection.send(self.head)
            for octet in "slowly":
                time.sleep(0.3)
                connection.send(octet)
            self.assertEqual(connection.read_response().body, b"slowly")


class Leaving(unittest.TestCase):
    """Clients that go away in each phase, by FIN and by RST."""

    BODY = b"b" * (4 << 20)

    def setUp(self):
        self.go = threading.Event()
        self.asked = threading.Event()

        def late(request, sock):
            self.asked.set()
            self.go.wait(PATIENCE)
            return answer(200, b"late", "Connection: close")

        def half(request, sock):
            sock.sendall(answer(200, self.BODY, "Connection: close",
                                "Cache-Control: max-age=60")[:1 << 20])
            self.asked.set()
            self.go.wait(PATIENCE)

        self.origin = Origin({
            "/echo": echo, "/late": late, "/half": half,
            "/big": answer(200, self.BODY, "Connection: close",
                           "Cache-Control: no-store")})
        self.squire = Squire()
        self.squire.write_conf("url_rewrite_program "
                               f"{torture.FAKE_HELPER} ids bare\n"
                               "url_rewrite_children 2 startup=2 "
                               "concurrency=100\n")
        self.squire.start()
        self.addCleanup(self.squire.stop, check=False)
        self.squire.get(self.origin.url("/echo"))
        # The first tunnel makes a pipe, which is kept for the next one.
        self.squire.get(self.origin.authority, method="CONNECT")
        wait_for("two helpers",
                 lambda: len(squire_test.children(self.squire.pid)) == 2)
        self.fds = torture.idle_fds(self.squire)
        self.helpers = squire_test.children(self.squire.pid)

    def tearDown(self):
        self.go.set()
        torture.check_fds(self.squire, self.fds)
        self.assertEqual(squire_test.children(self.squire.pid), self.helpers)
        self.assertEqual(self.squire.get(self.origin.url("/echo")).status,
                         OK)
        self.squire.stop()
        self.origin.close()

    def head(self, path, method="GET", more=""):
        return (f"{method} {self.origin.url(path)} HTTP/1.1\r\n"
                f"Host: {self.origin.authority}\r\n{more}\r\n")

    def leave_after(self, text, read=0, asked=False):
        """Both ways of leaving, several clients of each; NUMBER in the text
        is another one for each."""
        for number, is_reset in enumerate((False, True) * 4):
            self.asked.clear()
            connection = self.squire.connect()
            connection.send(text.replace("NUMBER", str(number)))
            if asked:
                self.assertTrue(self.asked.wait(PATIENCE))
            if read:
                connection.read_exactly(read)
            if is_reset:
                connection.reset()
            else:
                connection.close()

    def test_before_the_first_octet(self):
        self.leave_after("")

    def test_in_the_request_line(self):
        self.leave_after(self.head("/echo")[:12])

    def test_in_the_head(self):
        self.leave_after(self.head("/echo")[:-2])

    def test_in_a_body_of_known_length(self):
        for body in ("", "half"):
            self.leave_after(self.head("/echo", "POST",
                                       "Content-Length: 8\r\n") + body)
        self.squire.check_idle()
        # The empty GET of setUp is the only whole one.
        self.assertEqual(len(self.origin.requests), 1)

    def test_in_a_chunked_body(self):
        for body in ("", "8", "8\r\nhalf", "4\r\nfull\r\n", "0\r\n",
                     "4\r\nfull\r\n0\r\n"):
            self.leave_after(self.head("/echo", "POST",
                                       "Transfer-Encoding: chunked\r\n") +
                             body)
        self.squire.check_idle()
        self.assertEqual(len(self.origin.requests), 1)

    def test_right_after_the_head(self):
        self.leave_after(self.head("/echo"))

    def test_before_the_answer(self):
        # Who asks for the same would wait for the first one's answer.
        self.leave_after(self.head("/late?NUMBER"), asked=True)

    def test_between_the_octets_of_the_answer(self):
        self.leave_after(self.head("/half"), read=1000)
        self.go.set()
        # What was cut is not in the cache.
        self.assertTrue(self.squire.get(self.origin.url("/half")).truncated)

    def test_in_the_answer(self):
        self.leave_after(self.head("/big"), read=1000)

    def test_between_pipelined_answers(self):
        self.leave_after(self.head("/echo") * 100, read=100)

    def test_in_a_tunnel(self):
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = listener.getsockname()[1]
            for is_reset in (False, True) * 4:
                connection = self.squire.connect()
                connection.send(f"CONNECT 127.0.0.1:{port} HTTP/1.1\r\n"
                                "Host: x.test\r\n\r\n")
                peer, _ = listener.accept()
                with peer:
                    connection.read_head()
                    connection.send("x" * 1000)
                    peer.settimeout(PATIENCE)
                    self.assertTrue(peer.recv(1))
                    if is_reset:
                        connection.reset()
                    else:
                        connection.close()
                    with contextlib.suppress(ConnectionError):
                        while peer.recv(65536):
                            pass

    def test_storm_of_resets(self):
        texts = ("", self.head("/echo")[:12], self.head("/echo"),
                 self.head("/big"), self.head("/echo") * 3,
                 self.head("/echo", "POST", "Content-Length: 8\r\n") + "half",
                 "rubbish\r\n\r\n")
        for number in range(100 if torture.is_slow() else 300):
            text = texts[number % len(texts)]
            connection = self.squire.connect()
            with contextlib.suppress(ConnectionError):
                connection.send(text)
            connection.reset()
        self.assertEqual(self.squire.get(self.origin.url("/echo")).status,
                         OK)


class NeverReading(unittest.TestCase):
    """What nobody takes is not fetched, and not kept in memory."""

    CLIENTS = 20
    LIMIT_KB = 40 * 1024

    def setUp(self):
        self.sent = [0]
        self.stop = threading.Event()

        def endless(request, sock):
            sock.sendall(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")
            while not self.stop.is_set():
                self.sent[0] += sock.send(b"e" * 65536)

        self.origin = Origin({"/endless": endless, "/echo": echo})
        self.squire = Squire().start()
        self.addCleanup(self.squire.stop, check=False)
        self.squire.get(self.origin.url("/echo"))
        self.fds = torture.idle_fds(self.squire)
        self.clients = []

    def tearDown(self):
        for client in self.clients:
            client.close()
        self.stop.set()
        torture.check_fds(self.squire, self.fds)
        self.squire.stop()
        self.origin.close()

    def check_memory(self, before):
        grown = torture.rss_kb(self.squire.pid) - before
        if not torture.is_sanitized():
            self.assertLess(grown, self.LIMIT_KB)

    def test_answers_without_end(self):
        before = torture.rss_kb(self.squire.pid)
        for _ in range(self.CLIENTS):
            client = self.squire.connect()
            client.send(f"GET {self.origin.url('/endless')} HTTP/1.1\r\n"
                        f"Host: {self.origin.authority}\r\n\r\n")
            self.clients.append(client)
        torture.wait_until_still(lambda: self.sent[0])
        self.check_memory(before)
        self.assertEqual(self.squire.get(self.origin.url("/echo")).status,
                         OK)
        # And they get the rest, once they read.
        for client in self.clients:
            self.assertEqual(client.read_head()[0], OK)
            client.read_exactly(2 << 20)

    def test_requests_without_end(self):
        text = (f"GET {self.origin.url('/echo')} HTTP/1.1\r\n"
                f"Host: {self.origin.authority}\r\n"
                f"X-Long: {'x' * 1000}\r\n\r\n").encode()
        before = torture.rss_kb(self.squire.pid)
        client = self.squire.connect()
        client.sock.setblocking(False)
        self.clients.append(client)
        given = [0]

        def give():
            with contextlib.suppress(BlockingIOError):
                rest = text[given[0] % len(text):]
                given[0] += client.sock.send(rest + text * 100)
            return given[0] // 4000000

        # Answers fill the way back, then requests fill the way there.
        torture.wait_until_still(give)
        self.check_memory(before)


class Limited(Squire):
    """A squire that may have few descriptors."""

    COUNT = 128

    def command(self, *arguments):
        return ["sh", "-c", f'ulimit -n {self.COUNT} && exec "$0" "$@"',
                *super().command(*arguments)]


class FewDescriptors(unittest.TestCase):
    """Thousands of clients and a low limit of descriptors."""

    def setUp(self):
        self.count = 500 if torture.is_slow() else 2000
        if torture.may_open(self.count + 500) < self.count + 500:
            self.skipTest("this user may not open so many descriptors")

    def start(self):
        squire = Limited()
        squire.write_conf("url_rewrite_program "
                          f"{torture.FAKE_HELPER} ids bare\n"
                          "url_rewrite_children 3 startup=3 "
                          "concurrency=100\n"
                          "request_timeout 5 seconds\n")
        squire.start()
        self.addCleanup(squire.stop, check=False)
        return squire

    def crowd(self, squire, text, count):
        clients = []
        for _ in range(count):
            sock = socket.socket()
            self.addCleanup(sock.close)
            sock.setblocking(False)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
            with contextlib.suppress(BlockingIOError):
                sock.connect(("127.0.0.1", squire.port))
            clients.append(sock)
        for sock in clients:
            with contextlib.suppress(BlockingIOError, ConnectionError):
                sock.send(text)
        return clients

    def test_accepting_pauses_and_goes_on(self):
        origin = Origin({"/echo": echo})
        squire = self.start()
        squire.get(origin.url("/echo"))
        wait_for("three helpers",
                 lambda: len(squire_test.children(squire.pid)) == 3)
        fds = torture.idle_fds(squire)
        clients = self.crowd(squire, b"GET ", self.count)  # and no more
        wait_for("the pause", lambda: "cannot accept" in squire.log())
        # Not all is for clients: a helper that dies is replaced,
        os.kill(squire_test.children(squire.pid)[0], signal.SIGKILL)
        wait_for("its end", lambda: "killed by SIGKILL" in squire.log())
        wait_for("another helper",
                 lambda: len(squire_test.children(squire.pid)) == 3)
        # and those who were accepted are served from origins.
        clients[0].setblocking(True)
        clients[0].settimeout(PATIENCE)
        first = Connection.__new__(Connection)
        first.sock, first.buffer = clients[0], b""
        first.send(f"{origin.url('/echo')} HTTP/1.1\r\n"
                   f"Host: {origin.authority}\r\n\r\n")
        self.assertEqual(first.read_response().status, OK)
        for sock in clients:
            sock.close()
        self.assertEqual(squire.get(origin.url("/echo")).status, OK)
        torture.check_fds(squire, fds)
        squire.stop()
        origin.close()

    def test_idle_clients_give_way(self):
        """The one that has been idle longest goes first."""
        origin = Origin({"/echo": echo})
        squire = self.start()
        wait_for("three helpers",
                 lambda: len(squire_test.children(squire.pid)) == 3)
        clients = []
        for _ in range(2 * Limited.COUNT):
            client = squire.connect()
            self.addCleanup(client.close)
            self.assertEqual(client.request(origin.url("/echo")).status, OK)
            clients.append(client)
        self.assertTrue(clients[0].at_end())
        self.assertEqual(clients[-1].request(origin.url("/echo")).status, OK)
        self.assertNotIn("cannot accept", squire.log())
        squire.stop()
        origin.close()

    def test_tunnels_leave_descriptors_too(self):
        """Their pipes are many when nobody reads."""
        squire = self.start()
        wait_for("three helpers",
                 lambda: len(squire_test.children(squire.pid)) == 3)
        with socket.create_server(("127.0.0.1", 0), backlog=100) as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
            text = (f"CONNECT 127.0.0.1:{listener.getsockname()[1]} "
                    "HTTP/1.1\r\nHost: x.test\r\n\r\n").encode()
            ends = self.crowd(squire, text, 60)
            listener.settimeout(0.5)
            with contextlib.suppress(TimeoutError):
                while True:
                    sock, _ = listener.accept()
                    self.addCleanup(sock.close)
                    sock.setblocking(False)
                    ends.append(sock)
        self.assertGreater(len(ends), 60 + 20)
        given = [0]

        def push():
            for sock in ends:
                with contextlib.suppress(BlockingIOError):
                    while True:
                        given[0] += sock.send(b"x" * 65536)
            return given[0]

        torture.wait_until_still(push)
        # The manager can still be asked, and helpers be started.
        self.assertLess(len(squire_test.open_fds(squire.pid)),
                        Limited.COUNT - 16)
        self.assertGreater(squire.info()["tunnels"], 20)
        os.kill(squire_test.children(squire.pid)[0], signal.SIGKILL)
        wait_for("its end", lambda: "killed by SIGKILL" in squire.log())
        wait_for("another helper",
                 lambda: len(squire_test.children(squire.pid)) == 3)
        for sock in ends:
            sock.close()
        squire.check_idle()
        squire.stop()

    def test_all_of_a_crowd_are_served(self):
        """Those who wait in the backlog have their turn."""
        origin = Origin({"/echo": echo})
        squire = self.start()
        text = (f"GET {origin.url('/echo')} HTTP/1.1\r\n"
                f"Host: {origin.authority}\r\nConnection: close\r\n\r\n")
        answers = collections.Counter()

        def one():
            for _ in range(self.count // 200):
                with squire.connect() as connection:
                    connection.send(text)
                    answers[connection.read_response().status] += 1

        threads = [threading.Thread(target=one, daemon=True)
                   for _ in range(200)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(4 * PATIENCE)
        self.assertEqual(answers, {OK: self.count // 200 * 200})
        self.assertEqual(squire.pool()["restarts"], 0)
        squire.stop()
        origin.close()


if __name__ == "__main__":
    squire_test.main()
