#!/usr/bin/env python3
"""The proxy forwards HTTP/1.1 as it should: methods, bodies, connections."""

import os
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "..", "support"))
import squire_test
from squire_test import Origin, Squire, answer

BIG = bytes(range(256)) * 8192  # 2 MiB


def echo(request, _):
    return answer(200, request.body, f"X-Method: {request.method}",
                  f"X-Target: {request.target}", "Cache-Control: no-store")


def chunked(request, sock):
    sock.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n"
                 b"Cache-Control: no-store\r\nTrailer: X-Sum\r\n\r\n"
                 b"4;ext=1\r\nWiki\r\n5\r\npedia\r\n0\r\nX-Sum: 9\r\n\r\n")
    return b""


def to_the_end(request, sock):
    sock.sendall(b"HTTP/1.0 200 OK\r\nCache-Control: no-store\r\n\r\nall")


def cut(request, sock):
    sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n"
                 b"Cache-Control: max-age=60\r\n\r\nonly this")


def cut_chunk(request, sock):
    sock.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n"
                 b"Cache-Control: max-age=60\r\n\r\n9\r\nonly this\r\n")


def early(request, sock):
    sock.sendall(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n")
    return answer(200, b"late")


def hop(request, _):
    return answer(200, b"x", "Connection: X-Private, keep-alive",
                  "X-Private: 1", "Keep-Alive: timeout=5",
                  "Proxy-Authenticate: Basic", "X-Public: 2")


def folded(request, sock):
    sock.sendall(b"HTTP/1.1 200 OK\r\nX-Long: one\r\n  two\r\n"
                 b"Content-Length: 2\r\n\r\nok")


def garbage(request, sock):
    sock.sendall(b"what is this?\r\n\r\n")


def silent(request, sock):
    pass


class Forwarding(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.origin = Origin({
            "/echo": echo, "/chunked": chunked, "/end": to_the_end,
            "/cut": cut, "/cutchunk": cut_chunk, "/early": early,
            "/hop": hop, "/folded": folded, "/garbage": garbage,
            "/silent": silent, "/big": answer(200, BIG),
            "/empty": answer(204)})
        cls.squire = Squire("visible_hostname test.proxy\n").start()

    @classmethod
    def tearDownClass(cls):
        cls.squire.check_idle()
        cls.squire.stop()
        cls.origin.close()

    def url(self, path):
        return self.origin.url(path)

    def test_get(self):
        response = self.squire.get(self.url("/echo?a=%20b&c"))
        self.assertEqual(response.status, 200)
        self.assertEqual(response.get("X-Target"), "/echo?a=%20b&c")
        self.assertEqual(response.get("Via"), "1.1 test.proxy (squire)")
        self.assertIsNotNone(response.get("Date"))

    def test_options_without_a_path_is_for_the_server(self):
        for url, target in ((self.origin.url(""), "*"),
                            (self.origin.url("/"), "/")):
            self.squire.get(url, method="OPTIONS")
            self.assertEqual(self.origin.requests[-1].target, target)

    def test_target_is_passed_on_octet_by_octet(self):
        for target in ("/echo?x=/../y", "/echo?q={a}|^%2F", "/echo?%zz"):
            response = self.squire.get(self.url(target))
            self.assertEqual(response.get("X-Target"), target)

    def test_head(self):
        response = self.squire.get(self.url("/big"), method="HEAD")
        self.assertEqual(response.status, 200)
        self.assertEqual(response.get("Content-Length"), str(len(BIG)))

    def test_head_leaves_the_connection_in_step(self):
        with self.squire.connect() as connection:
            for _ in range(3):
                connection.request(self.url("/echo"), "HEAD")
                response = connection.request(self.url("/echo"))
                self.assertEqual(response.status, 200)

    def test_post(self):
        for body in (b"", b"x", BIG):
            response = self.squire.get(self.url("/echo"), method="POST",
                                       body=body)
            self.assertTrue(response.body == body)
            self.assertEqual(response.get("X-Method"), "POST")

    def test_other_methods(self):
        for method in ("PUT", "DELETE", "PATCH", "OPTIONS", "PROPFIND", "FOO",
                       "X-2!"):
            response = self.squire.get(self.url("/echo"), method=method,
                                       body=b"body")
            self.assertEqual(response.get("X-Method"), method)
            self.assertEqual(response.body, b"body")
        self.assertEqual(self.squire.get(self.url("/echo"), method="FOO").get(
            "X-Method"), "FOO")

    def test_methods_are_written_in_capitals(self):
        count = self.origin.count("/echo")
        for method in ("get", "Foo"):
            self.assertEqual(self.squire.get(self.url("/echo"),
                                             method=method).status, 501)
        self.assertEqual(self.origin.count("/echo"), count)

    def test_chunked_upload(self):
        with self.squire.connect() as connection:
            connection.send(f"POST {self.url('/echo')} HTTP/1.1\r\n"
                            f"Host: {self.origin.authority}\r\n"
                            "Transfer-Encoding: chunked\r\n\r\n")
            for _ in range(64):
                connection.send(b"10000;x=y\r\n" + b"z" * 65536 + b"\r\n")
            connection.send(b"0\r\nTrailer: x\r\n\r\n")
            response = connection.read_response()
            self.assertTrue(response.body == b"z" * 65536 * 64)
            self.assertEqual(connection.request(self.url("/echo")).status,
                             200)
        self.assertEqual(self.origin.last().get("Trailer"), None)

    def test_slow_upload_arrives_piece_by_piece(self):
        with self.squire.connect() as connection:
            connection.send(f"POST {self.url('/echo')} HTTP/1.1\r\n"
                            f"Host: {self.origin.authority}\r\n"
                            "Content-Length: 6\r\n\r\n")
            for octet in "abcdef":
                time.sleep(0.02)
                connection.send(octet)
            self.assertEqual(connection.read_response().body, b"abcdef")

    def test_expect_100_continue(self):
        with self.squire.connect() as connection:
            connection.send(f"POST {self.url('/echo')} HTTP/1.1\r\n"
                            f"Host: {self.origin.authority}\r\n"
                            "Content-Length: 4\r\n"
                            "Expect: 100-continue\r\n\r\n")
            self.assertEqual(connection.read_head()[0], 100)
            connection.send("body")
            response = connection.read_response()
            self.assertEqual(response.body, b"body")

    def test_expect_refused_by_origin(self):
        def refuse(request, sock):
            sock.sendall(b"HTTP/1.1 417 No\r\nContent-Length: 4\r\n\r\nnope")

        listener = socket.create_server(("127.0.0.1", 0))
        port = listener.getsockname()[1]

        def serve():
            sock, _ = listener.accept()
            with sock:
                sock.recv(65536)
                refuse(None, sock)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        with self.squire.connect() as connection, listener:
            connection.send(f"POST http://127.0.0.1:{port}/ HTTP/1.1\r\n"
                            f"Host: 127.0.0.1:{port}\r\n"
                            "Content-Length: 4\r\n"
                            "Expect: 100-continue\r\n\r\n")
            self.assertEqual(connection.read_head()[0], 417)
        thread.join(squire_test.PATIENCE)

    def test_unknown_expectation_is_417(self):
        response = self.squire.get(self.url("/echo"), [("Expect", "tea")])
        self.assertEqual(response.status, 417)

    def test_keep_alive(self):
        before = self.squire.info()["connections"]
        with self.squire.connect() as connection:
            for number in range(20):
                response = connection.request(self.url(f"/echo?{number}"))
                self.assertEqual(response.get("X-Target"),
                                 f"/echo?{number}")
        self.assertEqual(self.squire.info()["connections"], before + 1)

    def test_a_connection_that_may_be_a_users_is_not_shared(self):
        origin = squire_test.Origin({"/": squire_test.answer(
            200, b"x", "Cache-Control: no-store")})
        self.addCleanup(origin.close)
        for more, count in ((None, 1), (None, 1), ("NTLM abcd", 2), (None, 2),
                            ("negotiate abcd", 3), (None, 3),
                            ("Basic abcd", 3)):
            headers = [("Authorization", more)] if more else []
            self.assertEqual(
                self.squire.get(origin.url("/"), headers).status, 200)
            self.assertEqual(origin.connections, count, more)

    def test_connection_close_is_honoured(self):
        with self.squire.connect() as connection:
            response = connection.request(self.url("/echo"),
                                          headers=[("Connection", "close")])
            self.assertEqual(response.get("Connection"), "close")
            self.assertTrue(connection.at_end())

    def test_http_10(self):
        with self.squire.connect() as connection:
            response = connection.request(self.url("/echo"), version="1.0")
            self.assertEqual(response.status, 200)
            self.assertTrue(connection.at_end())

    def test_http_10_keep_alive(self):
        with self.squire.connect() as connection:
            for _ in range(3):
                response = connection.request(
                    self.url("/echo"), version="1.0",
                    headers=[("Connection", "keep-alive")])
                self.assertEqual(response.get("Connection"), "keep-alive")

    def test_pipelining_answers_in_order(self):
        with self.squire.connect() as connection:
            text = "".join(
                f"GET {self.url('/echo')}?{number} HTTP/1.1\r\n"
                f"Host: {self.origin.authority}\r\n\r\n"
                for number in range(50))
            connection.send(text)
            for number in range(50):
                response = connection.read_response()
                self.assertEqual(response.get("X-Target"),
                                 f"/echo?{number}")

    def test_pipelined_post_and_get(self):
        with self.squire.connect() as connection:
            connection.send(
                f"POST {self.url('/echo')} HTTP/1.1\r\n"
                f"Host: {self.origin.authority}\r\n"
                "Content-Length: 5\r\n\r\nhello"
                f"GET {self.url('/echo')} HTTP/1.1\r\n"
                f"Host: {self.origin.authority}\r\n\r\n")
            self.assertEqual(connection.read_response().body, b"hello")
            self.assertEqual(connection.read_response().get("X-Method"),
                             "GET")

    def test_request_in_single_octets(self):
        text = (f"GET {self.url('/echo')} HTTP/1.1\r\n"
                f"Host: {self.origin.authority}\r\n\r\n")
        with self.squire.connect() as connection:
            connection.sock.setsockopt(socket.IPPROTO_TCP,
                                       socket.TCP_NODELAY, 1)
            for octet in text:
                connection.send(octet)
            self.assertEqual(connection.read_response().status, 200)

    def test_chunked_answer(self):
        response = self.squire.get(self.url("/chunked"))
        self.assertEqual(response.body, b"Wikipedia")
        self.assertEqual(response.get("Transfer-Encoding"), "chunked")

    def test_chunked_answer_to_http_10(self):
        with self.squire.connect() as connection:
            response = connection.request(self.url("/chunked"),
                                          version="1.0")
            self.assertEqual(response.body, b"Wikipedia")
            self.assertIsNone(response.get("Transfer-Encoding"))

    def test_answer_without_length(self):
        response = self.squire.get(self.url("/end"))
        self.assertEqual(response.body, b"all")

    def test_big_answer(self):
        self.assertTrue(self.squire.get(self.url("/big")).body == BIG)

    def test_slow_reader_gets_all(self):
        body = os.urandom(8 << 20)
        self.origin.routes["/huge"] = answer(200, body,
                                             "Cache-Control: no-store")
        with self.squire.connect() as connection:
            connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF,
                                       32768)
            connection.send(f"GET {self.url('/huge')} HTTP/1.1\r\n"
                            f"Host: {self.origin.authority}\r\n\r\n")
            time.sleep(0.5)
            self.assertTrue(connection.read_response().body == body)

    def test_cut_answer_is_cut_for_the_client(self):
        for path in ("/cut", "/cutchunk"):
            for _ in range(2):
                response = self.squire.get(self.url(path))
                self.assertTrue(response.truncated, path)
            self.assertEqual(self.origin.count(path), 2)

    def test_early_hints_do_not_confuse(self):
        with self.squire.connect() as connection:
            connection.send(f"GET {self.url('/early')} HTTP/1.1\r\n"
                            f"Host: {self.origin.authority}\r\n\r\n")
            self.assertEqual(connection.read_head(),
                             (103, [("Link", "</a>")]))
            self.assertEqual(connection.read_response().body, b"late")

    def test_old_clients_get_no_informational_answers(self):
        with self.squire.connect() as connection:
            connection.send(f"GET {self.url('/early')} HTTP/1.0\r\n\r\n")
            status, _ = connection.read_head()
            self.assertEqual(status, 200)

    def test_no_content(self):
        with self.squire.connect() as connection:
            for _ in range(2):
                response = connection.request(self.url("/empty"))
                self.assertEqual(response.status, 204)
                self.assertIsNone(response.get("Transfer-Encoding"))

    def test_hop_by_hop_fields_stay_here(self):
        response = self.squire.get(self.url("/hop"), [
            ("Connection", "X-Secret, keep-alive"), ("X-Secret", "s"),
            ("Proxy-Connection", "keep-alive"), ("TE", "gzip"),
            ("Proxy-Authorization", "Basic eA=="), ("X-Kept", "k"),
            ("Upgrade", "h2c")])
        for name in ("X-Private", "Keep-Alive", "Proxy-Authenticate"):
            self.assertIsNone(response.get(name), name)
        self.assertEqual(response.get("X-Public"), "2")
        request = self.origin.last()
        for name in ("X-Secret", "Proxy-Connection", "TE", "Upgrade",
                     "Proxy-Authorization", "Connection"):
            self.assertIsNone(request.get(name), name)
        self.assertEqual(request.get("X-Kept"), "k")

    def test_fields_that_the_origin_gets(self):
        self.squire.get(self.url("/echo"), [
            ("X-Forwarded-For", "192.0.2.1"), ("X-Empty", "")])
        request = self.origin.last()
        self.assertEqual(request.get("Host"), self.origin.authority)
        self.assertEqual(request.get("Via"), "1.1 test.proxy (squire)")
        self.assertEqual(request.get("X-Empty"), "")
        for name in ("User-Agent", "Accept", "Expect", "Accept-Encoding"):
            self.assertIsNone(request.get(name), name)
        self.assertEqual(
            [value for name, value in request.headers
             if name == "X-Forwarded-For"], ["192.0.2.1", "127.0.0.1"])

    def test_a_path_alone_is_told_that_this_is_a_proxy(self):
        with self.squire.connect() as connection:
            connection.send("GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
            response = connection.read_response()
        self.assertEqual(response.status, 400)
        self.assertIn(b"this is a proxy", response.body)

    def test_host_comes_from_the_url(self):
        with self.squire.connect() as connection:
            connection.send(f"GET {self.url('/echo')} HTTP/1.1\r\n"
                            "Host: elsewhere.test\r\n\r\n")
            self.assertEqual(connection.read_response().status, 200)
        self.assertEqual(self.origin.last().get("Host"),
                         self.origin.authority)

    def test_folded_answer_field(self):
        response = self.squire.get(self.url("/folded"))
        self.assertEqual(response.get("X-Long"), "one two")

    def test_origin_that_talks_garbage(self):
        self.assertEqual(self.squire.get(self.url("/garbage")).status, 502)

    def test_origin_that_says_nothing(self):
        self.assertEqual(self.squire.get(self.url("/silent")).status, 502)

    def test_origin_that_refuses(self):
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = listener.getsockname()[1]
        response = self.squire.get(f"http://127.0.0.1:{port}/")
        self.assertEqual(response.status, 503)
        self.assertIn("CONNECT_FAIL", response.get("X-Squire-Error"))

    def test_host_that_is_not_there(self):
        response = self.squire.get("http://nowhere.invalid/")
        self.assertEqual(response.status, 503)
        self.assertIn("DNS_FAIL", response.get("X-Squire-Error"))

    def test_path_alone_is_refused(self):
        with self.squire.connect() as connection:
            connection.send("GET /echo HTTP/1.1\r\nHost: x.test\r\n\r\n")
            self.assertEqual(connection.read_response().status, 400)

    def test_loop_is_noticed(self):
        response = self.squire.get(self.url("/echo"), [
            ("Via", "1.0 other, 1.1 test.proxy (squire)")])
        self.assertEqual(response.status, 508)

    def test_max_forwards(self):
        before = len(self.origin.requests)
        response = self.squire.get(self.url("/echo"), [
            ("Max-Forwards", "0")], method="OPTIONS")
        self.assertEqual(response.status, 200)
        self.assertIn("GET", response.get("Allow"))
        self.assertEqual(len(self.origin.requests), before)
        self.squire.get(self.url("/echo"), [("Max-Forwards", "7")],
                        method="OPTIONS")
        self.assertEqual(self.origin.last().get("Max-Forwards"), "6")

    def trailer(self, te, fields, version="1.1"):
        """What follows the last chunk of an answer with such fields."""
        def route(request, sock):
            return (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n"
                    b"Trailer: X-Sum\r\n\r\n1\r\nx\r\n0\r\n"
                    + fields.encode() + b"\r\n")

        self.origin.routes["/trailer"] = route
        te = f"TE: {te}\r\nConnection: TE\r\n" if te else ""
        with self.squire.connect() as connection:
            connection.send(f"GET {self.url('/trailer')} HTTP/{version}\r\n"
                            f"Host: x\r\n{te}\r\n")
            response = squire_test.Response(*connection.read_head(), b"")
            if version == "1.0":
                return response, connection.read_to_end().decode()
            self.assertEqual(connection.read_line(), "1")
            self.assertEqual(connection.read_line(), "x")
            self.assertEqual(connection.read_line(), "0")
            lines = []
            while (line := connection.read_line()) != "":
                lines.append(line)
            return response, lines

    def test_trailer_fields_for_those_who_want_them_9110_6_5(self):
        response, lines = self.trailer("trailers", "X-Sum: 1\r\nX-B: 2\r\n")
        self.assertEqual(lines, ["X-Sum: 1", "X-B: 2"])
        self.assertEqual(response.get("Trailer"), "X-Sum")
        self.assertEqual(self.origin.last().get("TE"), "trailers")
        self.assertEqual(self.origin.last().get("Connection"), "TE")
        response, lines = self.trailer("trailers", "")
        self.assertEqual(lines, [])

    def test_trailer_fields_for_nobody_else(self):
        for te in (None, "gzip"):
            response, lines = self.trailer(te, "X-Sum: 1\r\n")
            self.assertEqual(lines, [])
            self.assertIsNone(response.get("Trailer"))
            self.assertIsNone(self.origin.last().get("TE"))
        response, text = self.trailer("trailers", "X-Sum: 1\r\n", "1.0")
        self.assertEqual(text, "x")
        self.assertIsNone(response.get("Trailer"))

    def test_trailer_fields_that_may_not_be_there_9110_6_5_1(self):
        _, lines = self.trailer(
            "trailers", "Set-Cookie: a=b\r\nX-Sum: 1\r\nCache-Control: a\r\n"
            "Connection: X-Hop\r\nX-Hop: 1\r\nKeep-Alive: 1\r\n"
            "Content-Type: a/b\r\n")
        self.assertEqual(lines, ["X-Sum: 1"])
        for bad in ("Content-Length: 5\r\nX-Sum: 1\r\n",
                    "Transfer-Encoding: x\r\n"):
            _, lines = self.trailer("trailers", bad)
            self.assertIn(lines, ([], ["X-Sum: 1"]), bad[:40])

    def test_trace_is_sent_back_by_the_last_hop_9110_9_3_8(self):
        before = len(self.origin.requests)
        response = self.squire.get(self.url("/echo?a"), [
            ("Max-Forwards", "0"), ("X-Test", "1"), ("Cookie", "a=b"),
            ("Authorization", "Basic eDp5")], method="TRACE")
        self.assertEqual(response.status, 200)
        self.assertEqual(response.get("Content-Type"), "message/http")
        text = response.body.decode()
        self.assertTrue(text.startswith(
            f"TRACE {self.url('/echo?a')} HTTP/1.1\r\n"), text)
        self.assertIn("X-Test: 1\r\n", text)
        self.assertTrue(text.endswith("\r\n\r\n"), text)
        self.assertNotIn("Cookie", text)
        self.assertNotIn("Authorization", text)
        self.assertEqual(len(self.origin.requests), before)

    def test_idle_origin_connection_that_went_stale(self):
        """A kept connection that the origin closes is not an error."""
        def once(request, sock):
            sock.sendall(answer(200, b"fine", "Cache-Control: no-store"))

        self.origin.routes["/once"] = once
        for _ in range(10):
            self.assertEqual(self.squire.get(self.url("/once")).body,
                             b"fine")

    def test_access_log(self):
        count = len(self.squire.access_lines())
        self.squire.get(self.url("/echo?log"), method="POST", body=b"1234")

        def line():
            for words in self.squire.access_lines()[max(0, count - 1):]:
                if words[6] == self.url("/echo?log"):
                    return words
            return None

        words = squire_test.wait_for("the access log", line)
        self.assertEqual(words[2], "127.0.0.1")
        self.assertEqual(words[3], "TCP_MISS/200")
        self.assertGreater(int(words[4]), 4)
        self.assertEqual(words[5], "POST")
        self.assertTrue(words[8].startswith("HIER_DIRECT/127.0.0.1"))


class Tls(unittest.TestCase):
    """https:// URLs of clients: fetched, with the certificate checked."""

    def test_unknown_authority_is_refused(self):
        with tempfile.TemporaryDirectory() as folder:
            key, cert = folder + "/key.pem", folder + "/cert.pem"
            try:
                subprocess.run(
                    ["openssl", "req", "-x509", "-newkey", "rsa:2048",
                     "-nodes", "-keyout", key, "-out", cert, "-days", "2",
                     "-subj", "/CN=localhost", "-addext",
                     "subjectAltName=IP:127.0.0.1"],
                    check=True, capture_output=True)
            except FileNotFoundError:
                self.skipTest("no openssl")
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(cert, key)
            origin = Origin({"/": answer(200, b"secret")}, context)
            with Squire() as squire:
                response = squire.get(f"https://{origin.authority}/")
                self.assertEqual(response.status, 503)
                self.assertNotIn(b"secret", response.body)
            origin.close()


class EarlyClose(unittest.TestCase):
    def test_client_that_leaves_stops_the_origin(self):
        stopped = threading.Event()

        def endless(request, sock):
            sock.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
            try:
                while True:
                    sock.sendall(b"x" * 65536)
            except OSError:
                stopped.set()

        origin = Origin({"/endless": endless})
        with Squire() as squire:
            for end in ("close", "reset"):
                stopped.clear()
                connection = squire.connect()
                connection.send(f"GET {origin.url('/endless')} HTTP/1.1\r\n"
                                f"Host: {origin.authority}\r\n\r\n")
                connection.read_exactly(100000)
                getattr(connection, end)()
                self.assertTrue(stopped.wait(squire_test.PATIENCE), end)
            squire.check_idle()
            self.assertEqual(squire.info()["aborted"], 2)
            lines = squire.wait_logged(2)
            self.assertEqual(lines[0][3], "TCP_MISS_ABORTED/200")
        origin.close()

    def test_client_that_leaves_while_the_origin_thinks(self):
        wait = threading.Event()

        def slow(request, sock):
            wait.wait(squire_test.PATIENCE)
            return answer(200, b"late")

        origin = Origin({"/slow": slow})
        with Squire() as squire:
            connection = squire.connect()
            connection.send(f"GET {origin.url('/slow')} HTTP/1.1\r\n"
                            f"Host: {origin.authority}\r\n\r\n")
            squire_test.wait_for("the origin", lambda: origin.requests)
            connection.reset()
            squire.check_idle()
            wait.set()
        origin.close()


def get(origin, path, method="GET", *fields):
    lines = [f"{method} {origin.url(path)} HTTP/1.1",
             f"Host: {origin.authority}", *fields]
    return "\r\n".join(lines) + "\r\n\r\n"


class HalfClosed(unittest.TestCase):
    """A client that sends its last octet and shuts down its side."""

    @classmethod
    def setUpClass(cls):
        cls.wait = threading.Event()

        def slow(request, sock):
            cls.wait.wait(squire_test.PATIENCE)
            return answer(200, b"late", "Cache-Control: no-store")

        cls.origin = Origin({"/echo": echo, "/slow": slow, "/cached": answer(
            200, b"kept", "Cache-Control: max-age=60"),
            "/big": answer(200, BIG)})

    @classmethod
    def tearDownClass(cls):
        cls.origin.close()

    def setUp(self):
        self.wait.clear()

    def ask(self, squire, text):
        """Send all of it and no more."""
        connection = squire.connect()
        self.addCleanup(connection.close)
        connection.send(text)
        connection.sock.shutdown(socket.SHUT_WR)
        return connection

    def test_answer_arrives(self):
        with Squire() as squire:
            for path, body in (("/echo", b""), ("/cached", b"kept"),
                               ("/cached", b"kept"), ("/big", BIG)):
                connection = self.ask(squire, get(self.origin, path))
                self.assertEqual(connection.read_response().body, body)
                self.assertTrue(connection.at_end(), path)
            squire.check_idle()
            self.assertEqual(squire.info()["aborted"], 0)

    def test_end_is_seen_while_the_origin_thinks(self):
        with Squire() as squire:
            connection = self.ask(squire, get(self.origin, "/slow"))
            squire_test.wait_for("the origin", lambda: self.origin.count(
                "/slow"))
            time.sleep(0.1)
            self.wait.set()
            response = connection.read_response()
            self.assertEqual(response.body, b"late")
            self.assertEqual(response.get("Connection"), "close")
            self.assertTrue(connection.at_end())

    def test_body_that_is_here_is_sent_on(self):
        body = "x" * 100000
        with Squire() as squire:
            connection = self.ask(squire, get(
                self.origin, "/echo", "POST", "Content-Length: 100000")
                + body)
            self.assertEqual(connection.read_response().body, body.encode())
            connection = self.ask(squire, get(
                self.origin, "/echo", "POST", "Transfer-Encoding: chunked")
                + "5\r\nWiki!\r\n0\r\n\r\n")
            self.assertEqual(connection.read_response().body, b"Wiki!")

    def test_pipelined_requests_are_answered_too(self):
        with Squire() as squire:
            connection = self.ask(squire, 3 * get(self.origin, "/cached"))
            bodies = [connection.read_response().body for _ in range(3)]
            self.assertEqual(bodies, 3 * [b"kept"])
            self.assertTrue(connection.at_end())
            squire.check_idle()

    def test_tunnel(self):
        with Squire() as squire:
            connection = self.ask(
                squire, f"CONNECT {self.origin.authority} HTTP/1.1\r\n"
                f"Host: {self.origin.authority}\r\n\r\n"
                "GET /cached HTTP/1.1\r\nHost: x\r\n\r\n")
            self.assertEqual(connection.read_response("CONNECT").status, 200)
            self.assertEqual(connection.read_response().body, b"kept")

    def test_half_a_request_is_none(self):
        with Squire() as squire:
            for text in ("GET http://x.test/ HT",
                         get(self.origin, "/echo", "POST",
                             "Content-Length: 9")):
                connection = self.ask(squire, text)
                connection.read_to_end()
            connection = self.ask(squire, get(
                self.origin, "/echo", "POST", "Content-Length: 9") + "half")
            self.assertIn(connection.read_to_end()[:12],
                          (b"", b"HTTP/1.1 400"))
            squire.check_idle()

    def test_client_that_closed_is_not_waited_for_long(self):
        with Squire() as squire:
            connection = squire.connect()
            connection.send(get(self.origin, "/slow"))
            before = self.origin.count("/slow")
            squire_test.wait_for("the origin", lambda: self.origin.count(
                "/slow") > before)
            connection.close()
            squire.check_idle()
            self.assertEqual(squire.wait_logged(1)[0][3],
                             "TCP_MISS_ABORTED/000")


class Timeouts(unittest.TestCase):
    CONF = ("request_timeout 1 second\nclient_idle_pconn_timeout 1 second\n"
            "read_timeout 1 second\n")

    def test_slow_head_is_408(self):
        with Squire(self.CONF) as squire, squire.connect() as connection:
            connection.send("GET http://x.test/ HT")
            self.assertEqual(connection.read_response().status, 408)
            self.assertTrue(connection.at_end())

    def test_silent_client_is_closed(self):
        with Squire(self.CONF) as squire, squire.connect() as connection:
            self.assertTrue(connection.at_end())

    def test_idle_client_is_closed(self):
        origin = Origin({"/": answer(200, b"x")})
        with Squire(self.CONF) as squire, squire.connect() as connection:
            connection.request(origin.url("/"))
            self.assertTrue(connection.at_end())
        origin.close()

    def test_stalled_upload_is_408(self):
        origin = Origin({"/": echo})
        with Squire(self.CONF) as squire, squire.connect() as connection:
            connection.send(f"POST {origin.url('/')} HTTP/1.1\r\n"
                            f"Host: {origin.authority}\r\n"
                            "Content-Length: 10\r\n\r\nhalf")
            self.assertEqual(connection.read_response().status, 408)
            squire_test.wait_for("the end", connection.at_end)
        origin.close()

    def test_silent_origin_is_504(self):
        def think(request, sock):
            time.sleep(5)

        origin = Origin({"/": think})
        with Squire(self.CONF) as squire:
            self.assertEqual(squire.get(origin.url("/")).status, 504)
            squire.check_idle()
        origin.close()


class Limits(unittest.TestCase):
    def test_body_above_the_limit(self):
        origin = Origin({"/": echo})
        with Squire("request_body_max_size 1 KB\n") as squire:
            url = origin.url("/")
            self.assertEqual(squire.get(url, method="POST",
                                        body=b"x" * 1024).status, 200)
            self.assertEqual(squire.get(url, method="POST",
                                        body=b"x" * 1025).status, 413)
            with squire.connect() as connection:
                connection.send(f"POST {url} HTTP/1.1\r\n"
                                f"Host: {origin.authority}\r\n"
                                "Transfer-Encoding: chunked\r\n\r\n"
                                "1000\r\n" + "x" * 4096 + "\r\n")
                self.assertEqual(connection.read_response().status, 413)
            squire.check_idle()
        origin.close()

    def test_answer_head_above_the_limit(self):
        origin = Origin({"/": answer(200, b"", "X-Long: " + "x" * 90000)})
        with Squire() as squire:
            self.assertEqual(squire.get(origin.url("/")).status, 502)
        origin.close()

    def test_heads_are_bounded_whatever_is_configured(self):
        fields = [f"X-{i}: " + "x" * 60000 for i in range(5)]
        origin = Origin({"/": answer(200, b"", *fields),
                         "/less": answer(200, b"ok", fields[0])})
        with Squire("reply_header_max_size 1 MB\n") as squire:
            self.assertEqual(squire.get(origin.url("/")).status, 502)
            self.assertEqual(squire.get(origin.url("/less")).body, b"ok")
        origin.close()


class Access(unittest.TestCase):
    def test_rules(self):
        origin = Origin({"/": answer(200, b"x"), "/no": answer(200, b"x")})
        access = ("acl no url_regex /no$\nacl post method POST FOO\n"
                  "http_access deny no\nhttp_access deny post\n"
                  "http_access allow localhost\nhttp_access deny all\n")
        with Squire(access=access) as squire:
            self.assertEqual(squire.get(origin.url("/")).status, 200)
            self.assertEqual(squire.get(origin.url("/no")).status, 403)
            self.assertEqual(squire.get(origin.url("/"), method="POST",
                                        body=b"x").status, 403)
            self.assertEqual(squire.get(origin.url("/"),
                                        method="FOO").status, 403)
            lines = squire.wait_logged(4)
            self.assertEqual(lines[1][3], "TCP_DENIED/403")
        self.assertEqual(origin.count("/no"), 0)
        origin.close()

    def test_addresses_of_names(self):
        origin = Origin({"/": answer(200, b"x")})
        access = ("acl home dst 127.0.0.0/8 ::1\nhttp_access deny home\n"
                  "http_access allow all\n")
        with Squire(access=access) as squire:
            url = f"http://localhost:{origin.port}/"
            self.assertEqual(squire.get(url).status, 403)
            self.assertEqual(squire.get(origin.url("/")).status, 403)
        origin.close()


if __name__ == "__main__":
    squire_test.main()
