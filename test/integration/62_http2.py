#!/usr/bin/env python3
"""https_port with http2: requests of one connection side by side."""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "..", "support"))
import squire_test
import tls
from http2_client import Http2Client
from squire_test import Origin, answer, wait_for
from tls import Authority, TlsSquire

NO_ERROR, INTERNAL_ERROR, CANCEL = 0, 2, 8


class Case(unittest.TestCase):
    conf = ""
    options = ""

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="squire-http2-")
        cls.addClassCleanup(shutil.rmtree, cls.folder, True)
        cls.ca = Authority(cls.folder)
        cls.ca.make("a", "localhost")
        cls.big = os.urandom(3 << 20)
        cls.gate = threading.Event()
        cls.origin = Origin({
            "/small": answer(200, b"hello\n", "Cache-Control: max-age=60"),
            "/big": answer(200, cls.big, "Cache-Control: max-age=60"),
            "/empty": answer(204, b""),
            "/echo": lambda request, sock: answer(
                200, request.body, f"X-Asked: {request.method} "
                f"{request.target} {request.get('Host')}"),
            "/fields": lambda request, sock: answer(
                200, repr(request.headers).encode()),
            "/held": cls.serve_held, "/cut": cls.serve_cut,
            "/hints": cls.serve_hints, "/trailer": cls.serve_trailer})
        cls.addClassCleanup(cls.origin.close)

    @classmethod
    def serve_held(cls, request, sock):
        cls.gate.wait(squire_test.PATIENCE)
        return answer(200, b"at last")

    @staticmethod
    def serve_cut(request, sock):
        sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")

    @staticmethod
    def serve_hints(request, sock):
        sock.sendall(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n")
        return answer(200, b"late")

    @staticmethod
    def serve_trailer(request, sock):
        sock.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n"
                     b"Trailer: X-Sum\r\n\r\n4\r\nbody\r\n0\r\n"
                     b"X-Sum: 4\r\n\r\n")

    def setUp(self):
        self.gate.clear()
        self.squire = TlsSquire(f"http2 {self.ca.words('a')} {self.options}",
                                self.conf.format(port=self.origin.port))
        self.squire.start()
        self.addCleanup(self.squire.stop)

    def connect(self, **more):
        client = Http2Client(self.squire.tls_port, self.ca.client(), **more)
        self.addCleanup(client.sock.close)
        return client


class Accelerator(Case):
    """Browsers ask a web server by HTTP/2."""

    options = "accel defaultsite=localhost"
    conf = ("cache_peer 127.0.0.1 parent {port} 0 no-query originserver\n"
            "acl secure connections_encrypted\n"
            "request_header_add X-Secure yes secure\n"
            "reply_body_max_size none\n")
    site = "https://localhost"

    def test_miss_and_hit(self):
        client = self.connect()
        for _ in range(2):
            got = client.get(self.site + "/small")
            self.assertEqual((got.status, got.body), (200, b"hello\n"))
        self.assertIn("hit", got.head["cache-status"])
        self.assertNotIn("connection", got.head)
        self.assertEqual(self.origin.last().get("X-Secure"), "yes")
        lines = self.squire.wait_logged(2)
        self.assertIn("TCP_MEM_HIT/200", lines[1][3])
        self.assertEqual(lines[1][2], "127.0.0.1")

    def test_many_at_once(self):
        client = self.connect()
        held = client.ask(self.site + "/held")
        streams = [client.ask(self.site + "/small") for _ in range(90)]
        for stream in streams:
            self.assertEqual(client.answer(stream).body, b"hello\n")
        self.assertFalse(client.answers[held].is_over)
        self.gate.set()
        self.assertEqual(client.answer(held).body, b"at last")

    def test_big_answers(self):
        client = self.connect()
        streams = [client.ask(self.site + "/big") for _ in range(5)]
        for stream in streams:
            self.assertTrue(client.answer(stream).body == self.big)

    def test_uploads(self):
        client = self.connect()
        for size in (0, 1, 16384, 300000, 3 << 20):
            body = os.urandom(size)
            for fields in ((), (("content-length", str(size)),)):
                got = client.get(self.site + "/echo", method="POST",
                                 fields=fields, body=body)
                self.assertEqual(got.head["x-asked"], "POST /echo localhost")
                self.assertTrue(got.body == body)

    def test_answers_without_a_body(self):
        client = self.connect()
        self.assertEqual(client.get(self.site + "/empty").status, 204)
        got = client.get(self.site + "/small", method="HEAD")
        self.assertEqual((got.head["content-length"], got.body), ("6", b""))
        client.get(self.site + "/small")
        got = client.get(self.site + "/small",
                         fields=[("if-none-match", "*")])
        self.assertEqual(got.status, 304)

    def test_hints_come_before_the_answer(self):
        got = self.connect().get(self.site + "/hints")
        self.assertEqual([head[":status"] for head in got.interim], ["103"])
        self.assertEqual(got.body, b"late")

    def test_a_trailer(self):
        got = self.connect().get(self.site + "/trailer",
                                 fields=[("te", "trailers")])
        self.assertEqual((got.body, got.trailer), (b"body", {"x-sum": "4"}))

    def test_an_answer_that_is_cut_is_reset(self):
        got = self.connect().get(self.site + "/cut")
        self.assertEqual((got.body, got.is_ended, got.reset),
                         (b"half", False, INTERNAL_ERROR))

    def test_100_continue(self):
        client = self.connect()
        stream = client.ask(self.site + "/echo", "POST",
                            [("expect", "100-continue")], more=True)
        client.wait(lambda: client.answers[stream].interim)
        client.send(stream, b"now")
        self.assertEqual(client.answer(stream).body, b"now")

    def test_cookies(self):
        got = self.connect().get(self.site + "/fields",
                                 fields=[("cookie", "a=1"), ("cookie", "b=2")])
        self.assertIn("a=1; b=2", got.body.decode())

    def test_a_client_that_cancels(self):
        client = self.connect()
        stream = client.ask(self.site + "/held")
        wait_for("the origin", lambda: self.origin.count("/held"))
        client.h2.reset_stream(stream, CANCEL)
        client.flush()
        self.assertEqual(client.get(self.site + "/small").status, 200)
        lines = self.squire.wait_logged(2)
        self.assertIn("ABORTED", "".join(line[3] for line in lines))
        self.gate.set()

    def test_one_that_reads_nothing_holds_nobody_up(self):
        slow = self.connect(is_slow=True)
        stream = slow.ask(self.site + "/big")
        slow.wait(lambda: slow.answers[stream].body)
        got = self.connect().get(self.site + "/big")
        self.assertTrue(got.body == self.big)
        self.assertFalse(slow.answers[stream].is_over)
        # Others on the same connection have windows of their own, but share
        # that of the connection.
        slow.h2.increment_flow_control_window(1 << 20)
        other = slow.ask(self.site + "/small")
        self.assertEqual(slow.answer(other).body, b"hello\n")

    def test_what_one_could_smuggle_by_is_refused(self):
        client = self.connect(check=False)
        before = self.origin.count("/small")
        head = [(":method", "GET"), (":scheme", "https"),
                (":authority", "localhost"), (":path", "/small")]
        for change in ([("x", "y\r\nz: 1")], [("host", "other")],
                       [("transfer-encoding", "chunked")],
                       [("connection", "close")], [("X-Large", "x")],
                       [("content-length", "5"), ("content-length", "6")]):
            stream = client.ask_raw(head + change)
            got = client.answer(stream)
            self.assertTrue(got.reset or got.status == 400, change)
            if client.is_closed or client.goaway is not None:
                client = self.connect(check=False)
        for path in ("/a b", "/\r\nx", "no-slash"):
            stream = client.ask_raw(head[:3] + [(":path", path)])
            got = client.answer(stream)
            self.assertTrue(got.reset or got.status == 400, path)
        self.assertEqual(self.origin.count("/small"), before)

    def test_a_length_that_is_not_true(self):
        client = self.connect(check=False)
        stream = client.ask(self.site + "/echo", "POST",
                            [("content-length", "5")], b"123456789")
        self.assertTrue(client.answer(stream).reset)

    def test_a_head_that_is_too_large(self):
        client = self.connect()
        got = client.get(self.site + "/small",
                         fields=[(f"x-{i}", "y" * 8000) for i in range(7)] +
                         [(f"z-{i}", "") for i in range(140)])
        self.assertEqual(got.status, 431)

    def test_streams_that_are_opened_and_reset_at_once(self):
        client = self.connect()
        for _ in range(3000):
            stream = client.ask(self.site + "/small")
            client.h2.reset_stream(stream, CANCEL)
            client.flush()
            if client.is_closed:
                break
        client.wait(lambda: client.is_closed or client.goaway is not None, 5)
        self.assertEqual(self.connect().get(self.site + "/small").status, 200)

    def test_pings_that_nobody_reads(self):
        client = self.connect()
        client.sock.settimeout(2)
        try:
            for _ in range(20000):
                client.h2.ping(b"12345678")
                client.sock.sendall(client.h2.data_to_send())
        except OSError:
            pass
        self.assertEqual(self.connect().get(self.site + "/small").status, 200)

    def test_octets_that_are_no_http2(self):
        context = self.ca.client()
        context.set_alpn_protocols(["h2"])
        sock = context.wrap_socket(
            socket.create_connection(("127.0.0.1", self.squire.tls_port)),
            server_hostname="localhost")
        sock.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        sock.settimeout(squire_test.PATIENCE)
        while sock.recv(4096):
            pass
        sock.close()

    def start_curl(self, path, *arguments):
        """It writes the body and the HTTP version."""
        return subprocess.Popen(
            ["curl", "-sS", "--http2", "--cacert", self.ca.path("ca.crt"),
             "-m", str(squire_test.PATIENCE), "-w", "%{http_version}",
             *arguments, f"https://localhost:{self.squire.tls_port}{path}"],
            stdout=subprocess.PIPE)

    def test_a_shutdown_lets_answers_finish(self):
        before = self.origin.count("/held")
        with self.start_curl("/held") as curl:
            wait_for("the origin",
                     lambda: self.origin.count("/held") > before)
            self.squire.process.terminate()
            wait_for("the stop", lambda: "stopping" in self.squire.log())
            self.gate.set()
            self.assertEqual(curl.communicate()[0], b"at last2")
        wait_for("the end", lambda: self.squire.process.poll() is not None)

    def test_clients_that_leave(self):
        for path in ("/small", "/big", "/held"):
            client = self.connect()
            client.ask(self.site + path)
            client.sock.close()
        self.gate.set()
        self.squire.check_idle()

    def test_others_still_speak_http1(self):
        context = self.ca.client()
        context.set_alpn_protocols(["http/1.1"])
        with self.squire.connect_tls(context) as connection:
            connection.send("GET /small HTTP/1.1\r\nHost: localhost\r\n\r\n")
            self.assertEqual(connection.read_response().body, b"hello\n")

    def test_curl(self):
        with self.start_curl("/echo", "-d", "data") as curl:
            self.assertEqual(curl.communicate()[0], b"data2")


class Idle(Case):
    """Those without a request are told to go."""

    options = Accelerator.options
    site = Accelerator.site
    conf = Accelerator.conf + "client_idle_pconn_timeout 1 second\n"

    def test_an_idle_connection_ends(self):
        client = self.connect()
        client.get(self.site + "/small")
        client.wait(lambda: client.is_closed)
        self.assertEqual((client.goaway, client.is_closed), (NO_ERROR, True))


class Forward(Case):
    """A proxy for clients that are told of an HTTPS proxy."""

    def test_a_url(self):
        client = self.connect()
        got = client.get(self.origin.url("/small"))
        self.assertEqual((got.status, got.body), (200, b"hello\n"))

    def test_a_tunnel(self):
        client = self.connect(check=False)
        stream = client.ask(self.origin.authority, "CONNECT", more=True)
        client.wait(lambda: client.answers[stream].head)
        self.assertEqual(client.answers[stream].status, 200)
        client.send(stream, b"GET /cut HTTP/1.1\r\nHost: x\r\n\r\n",
                    end=False)
        got = client.answer(stream)
        self.assertTrue(got.is_ended)
        self.assertTrue(got.body.endswith(b"half"))

    def test_a_tunnel_that_the_client_ends(self):
        client = self.connect(check=False)
        stream = client.ask(self.origin.authority, "CONNECT", more=True)
        client.wait(lambda: client.answers[stream].head)
        client.send(stream, b"GET /small HTTP/1.1\r\nHost: x\r\n\r\n")
        self.assertIn(b"hello\n", client.answer(stream).body)

    def test_a_tunnel_that_is_denied(self):
        client = self.connect(check=False)
        got = client.get("127.0.0.1:25", method="CONNECT")
        self.assertIn(got.status, (403, 503))


class Certificates(Case):
    """Rules see the certificate of the connection."""

    conf = ("acl user user_cert CN user\n"
            "acl stranger user_cert CN stranger\n"
            "http_reply_access deny stranger\n"
            "http_reply_access deny !user\n")

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.options = f"clientca={cls.ca.path('ca.crt')}"
        for name in ("user", "stranger"):
            cls.ca.make(name, name)

    def ask_as(self, name):
        with Http2Client(self.squire.tls_port, self.ca.client(name)) as client:
            return client.get(self.origin.url("/small")).status

    def test_rules(self):
        self.assertEqual(self.ask_as("user"), 200)
        self.assertEqual(self.ask_as("stranger"), 403)

    def test_a_client_that_leaves_while_an_origin_is_asked(self):
        with Http2Client(self.squire.tls_port,
                         self.ca.client("user")) as client:
            client.ask(self.origin.url("/held"))
            wait_for("the origin", lambda: self.origin.count("/held"))
        lines = self.squire.wait_logged(1)
        self.assertIn("ABORTED", lines[0][3])
        self.gate.set()
        self.squire.check_idle()


class Crowded(Case):
    """What counts is connections, not requests."""

    conf = "client_ip_max_connections 1\n"

    def test_limit(self):
        first = self.connect()
        held = [first.ask(self.origin.url("/held")) for _ in range(3)]
        other = self.connect()
        self.assertIsNone(other.get(self.origin.url("/small")).head)
        self.assertTrue(other.is_closed)
        self.gate.set()
        for stream in held:
            self.assertEqual(first.answer(stream).status, 200)


class Off(Case):
    """It is not offered unless it is asked for."""

    def setUp(self):
        self.squire = TlsSquire(self.ca.words("a"))
        self.squire.start()
        self.addCleanup(self.squire.stop)

    def test_alpn(self):
        said, _ = self.squire.s_client("-alpn", "h2,http/1.1")
        self.assertIn("ALPN protocol: http/1.1", said)


if __name__ == "__main__":
    tls.skip_without_openssl()
    unittest.main()
