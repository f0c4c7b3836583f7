#!/usr/bin/env python3
"""Origins by TLS: whom we trust, what we show, and what clients are told."""

import contextlib
import os
import re
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "..", "support"))
import squire_test
import tls
from squire_test import Connection, Origin, Squire, answer, wait_for
from tls import Authority, TlsSquire


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as sock:
        return sock.getsockname()[1]


class Case(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="squire-tls-")
        cls.addClassCleanup(shutil.rmtree, cls.folder, True)
        cls.ca = Authority(cls.folder)
        cls.ca.make("a", "localhost")
        cls.trust = f"cafile={cls.ca.path('ca.crt')}"

    def start(self, options=None):
        conf = "" if options is None else f"tls_outgoing_options {options}\n"
        squire = Squire(conf)
        squire.start()
        self.addCleanup(squire.stop)
        return squire

    def origin(self, name="a", context=None):
        origin = Origin({"/": answer(200, b"secret")},
                        tls=context or self.ca.server(name))
        self.addCleanup(origin.close)
        origin.address = f"https://localhost:{origin.port}/"
        return origin

    def assert_fetched(self, squire, url):
        response = squire.get(url)
        self.assertEqual((response.status, response.body), (200, b"secret"),
                         squire.log())

    def assert_refused(self, squire, url, why):
        response = squire.get(url)
        self.assertEqual(response.status, 503)
        self.assertIn("ERR_SECURE_CONNECT_FAIL",
                      response.get("X-Squire-Error"))
        self.assertRegex(response.body.decode(), why)
        self.assertNotIn(b"secret", response.body)


class Trust(Case):
    def test_an_authority_that_is_named(self):
        origin = self.origin()
        squire = self.start(self.trust)
        for _ in range(3):
            self.assert_fetched(squire, origin.address)
        self.assertEqual(origin.connections, 1)

    def test_an_authority_that_is_not_known(self):
        self.assert_refused(self.start(), self.origin().address,
                            "unable to get local issuer certificate")

    def test_a_certificate_for_another_name(self):
        self.ca.make("b", "b.test")
        origin = self.origin("b")
        self.assert_refused(self.start(self.trust), origin.address,
                            "no alternative certificate subject name matches")
        self.assert_fetched(
            self.start(self.trust + " flags=DONT_VERIFY_DOMAIN"),
            origin.address)

    def test_an_expired_certificate(self):
        self.ca.make("old", "localhost", days="-1")
        self.assert_refused(self.start(self.trust),
                            self.origin("old").address,
                            "certificate has expired")

    def test_nobody_is_verified_where_that_is_off(self):
        self.assert_fetched(self.start("flags=DONT_VERIFY_PEER"),
                            self.origin().address)

    def test_authorities_of_the_system(self):
        origin = self.origin()
        with self.system_trusts("ca.crt"):
            self.assert_fetched(self.start(), origin.address)
            self.assert_refused(self.start("default-ca=off"), origin.address,
                                "unable to get local issuer certificate")

    @contextlib.contextmanager
    def system_trusts(self, name):
        os.environ["SSL_CERT_FILE"] = self.ca.path(name)
        try:
            yield
        finally:
            del os.environ["SSL_CERT_FILE"]

    def test_a_folder_of_authorities(self):
        folder = os.path.join(self.folder, "hashed")
        os.mkdir(folder)
        shutil.copy(self.ca.path("ca.crt"), folder)
        self.ca.openssl("rehash", folder)
        self.assert_fetched(self.start(f"capath={folder}"),
                            self.origin().address)

    def test_connections_of_older_trust_are_not_used(self):
        origin = self.origin()
        squire = self.start(self.trust)
        self.assert_fetched(squire, origin.address)
        squire.reconfigure("tls_outgoing_options default-ca=off\n")
        self.assert_refused(squire, origin.address, "certificate")
        squire.reconfigure(f"tls_outgoing_options {self.trust}\n")
        self.assert_fetched(squire, origin.address)

    def test_several_lines_hold_together(self):
        origin = self.origin()
        squire = self.start("default-ca=off\ntls_outgoing_options "
                            "options=NO_SSLv3\ntls_outgoing_options "
                            f"cafile={self.ca.path('ca.crt')}")
        self.assert_fetched(squire, origin.address)
        squire.reconfigure("tls_outgoing_options default-ca=off\n"
                           "tls_outgoing_options min-version=1.3\n")
        self.assert_refused(squire, origin.address, "certificate")


class Shown(Case):
    def test_our_certificate(self):
        self.ca.make("proxy", "proxy")
        context = self.ca.server("a")
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(self.ca.path("ca.crt"))
        origin = self.origin(context=context)
        self.assert_fetched(
            self.start(f"{self.trust} {self.ca.words('proxy')}"),
            origin.address)
        self.assert_refused(self.start(self.trust), origin.address,
                            "handshake|alert")

    def test_versions(self):
        context = self.ca.server("a")
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        origin = self.origin(context=context)
        self.assert_fetched(self.start(self.trust), origin.address)
        self.assert_refused(self.start(self.trust + " min-version=1.3"),
                            origin.address, "version")

    def test_what_speaks_no_tls(self):
        origin = Origin({"/": answer(200, b"secret")})
        self.addCleanup(origin.close)
        self.assert_refused(self.start(),
                            f"https://localhost:{origin.port}/", "SSL|TLS")


class Parents(Case):
    def parent(self, name="a"):
        """A squire with an https_port."""
        parent = TlsSquire(self.ca.words(name),
                           "visible_hostname parent.test\n")
        parent.start()
        self.addCleanup(parent.stop)
        return parent

    def ask(self, parent, options):
        """A squire that asks it."""
        squire = Squire(f"cache_peer localhost parent {parent.tls_port} 0 "
                        f"no-query {options}\n")
        squire.start()
        self.addCleanup(squire.stop)
        return squire

    def setUp(self):
        self.plain = Origin({"/": answer(200, b"plain", "Cache-Control: "
                                         "no-store")})
        self.addCleanup(self.plain.close)
        self.parent_squire = self.parent()

    def assert_by_parent(self, squire):
        before = len(self.parent_squire.access_lines())
        for _ in range(2):
            self.assertEqual(squire.get(self.plain.url("/")).body, b"plain")
        lines = squire.wait_logged(2)
        self.assertIn("FIRSTUP_PARENT", lines[-1][8])
        self.parent_squire.wait_logged(before + 2)

    def test_requests(self):
        self.assert_by_parent(self.ask(self.parent_squire,
                                       f"tls tls-{self.trust}"))

    def test_names_as_in_older_configurations(self):
        self.assert_by_parent(self.ask(self.parent_squire,
                                       f"ssl ssl{self.trust}"))

    def test_the_name_of_the_certificate(self):
        self.ca.make("p", "parent.test")
        self.parent_squire = self.parent("p")
        self.assert_by_parent(self.ask(
            self.parent_squire,
            f"tls tls-{self.trust} tls-domain=parent.test"))
        self.assert_direct(f"tls tls-{self.trust}", "no alternative")

    def assert_direct(self, options, why):
        squire = self.ask(self.parent_squire, options)
        self.assertEqual(squire.get(self.plain.url("/")).body, b"plain")
        self.assertIn("HIER_DIRECT", squire.wait_logged(1)[0][8])
        self.assertIn(why, squire.log())

    def test_one_that_is_not_trusted_is_left_out(self):
        self.assert_direct("tls", "unable to get local issuer certificate")

    def tunnel(self, squire, target):
        connection = squire.connect()
        self.addCleanup(connection.close)
        connection.send(f"CONNECT {target} HTTP/1.1\r\n"
                        f"Host: {target}\r\n\r\n")
        return connection, connection.read_response("CONNECT")

    def test_tunnels(self):
        squire = self.ask(self.parent_squire, f"tls tls-{self.trust}")
        self.plain.routes["/echo"] = lambda request, sock: answer(
            200, request.body)
        connection, response = self.tunnel(squire, self.plain.authority)
        self.assertEqual(response.status, 200)
        for size in (1, 100000, 1 << 20):
            body = os.urandom(size)
            connection.send(f"POST /echo HTTP/1.1\r\nContent-Length: {size}"
                            "\r\n\r\n".encode() + body)
            self.assertTrue(connection.read_response().body == body)
        connection.close()
        self.assertIn("FIRSTUP_PARENT", squire.wait_logged(1)[0][8])
        self.assertEqual(self.parent_squire.wait_logged(1)[0][5], "CONNECT")
        squire.check_idle()
        self.parent_squire.check_idle()

    def test_tunnels_by_one_that_is_not_trusted_go_direct(self):
        squire = self.ask(self.parent_squire, "tls")
        connection, response = self.tunnel(squire, self.plain.authority)
        self.assertEqual(response.status, 200)
        connection.close()
        self.assertIn("HIER_DIRECT", squire.wait_logged(1)[0][8])
        self.assertIn("unable to get local issuer", squire.log())

    def fake_parent(self, serve, options=""):
        """A squire, whose parent answers CONNECT a.test:443 with serve."""
        fake = self.origin()
        fake.routes["a.test:443"] = serve
        squire = Squire(f"cache_peer localhost parent {fake.port} 0 "
                        f"no-query tls tls-{self.trust} {options}\n"
                        "never_direct allow all\n")
        squire.start()
        self.addCleanup(squire.stop)
        return squire, fake

    def test_what_follows_the_answer_is_the_servers(self):
        def serve(request, sock):
            sock.sendall(b"HTTP/1.1 103 Early\r\n\r\n"
                         b"HTTP/1.1 200 OK\r\nA: b\r\n\r\nhello")
            sock.sendall(sock.recv(100))

        squire, fake = self.fake_parent(serve, "login=user:word")
        connection, response = self.tunnel(squire, "a.test:443")
        self.assertEqual(response.status, 200)
        self.assertEqual(connection.read_exactly(5), b"hello")
        connection.send("back")
        self.assertEqual(connection.read_to_end(), b"back")
        self.assertEqual(fake.last().get("Proxy-Authorization"),
                         "Basic dXNlcjp3b3Jk")
        self.assertEqual(fake.last().get("Host"), "a.test:443")

    def test_answers_that_are_no_yes(self):
        for text, status, why in (
                (answer(403, b"no"), 502, "answers CONNECT with 403"),
                (b"SSH-2.0\r\n\r\n", 502, "not HTTP"),
                (b"HTTP/1.1 200 OK\r\nX: " + b"x" * 20000, 502, "too large"),
                (b"HTTP/1.1 200 OK\r\n", 502, "reset")):
            squire, _ = self.fake_parent(
                lambda _, sock, text=text: sock.sendall(text))
            connection, response = self.tunnel(squire, "a.test:443")
            self.assertEqual(response.status, status, text[:30])
            self.assertRegex(response.body.decode(), "localhost: .*" + why)
            connection.close()
            squire.check_idle()

    def test_a_parent_that_says_nothing(self):
        done = threading.Event()
        self.addCleanup(done.set)
        squire, _ = self.fake_parent(
            lambda *_: done.wait(squire_test.PATIENCE) and None,
            "connect-timeout=1")
        _, response = self.tunnel(squire, "a.test:443")
        self.assertEqual(response.status, 504)
        self.assertIn(b"it takes too long", response.body)

    def test_clients_that_leave_meanwhile(self):
        asked, done = threading.Event(), threading.Event()
        self.addCleanup(done.set)

        def serve(request, sock):
            asked.set()
            done.wait(squire_test.PATIENCE)

        squire, _ = self.fake_parent(serve)
        with squire.connect() as connection:
            connection.send("CONNECT a.test:443 HTTP/1.1\r\n"
                            "Host: a.test:443\r\n\r\n")
            self.assertTrue(asked.wait(squire_test.PATIENCE))
            connection.reset()
        squire.check_idle()

    def test_a_web_server(self):
        origin = self.origin()
        port = free_port()
        for options, status in ((f"tls-{self.trust}", 200), ("", 503)):
            squire = Squire(f"http_port 127.0.0.1:{port} accel\n"
                            f"cache_peer localhost parent {origin.port} 0 "
                            f"originserver tls {options}\n")
            squire.start()
            with Connection(port) as connection:
                connection.send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n")
                response = connection.read_response()
            self.assertEqual(response.status, status)
            squire.stop()
        self.assertIn(b"unable to get local issuer certificate",
                      response.body)
        self.assertIn("SECURE_CONNECT", response.get("X-Squire-Error"))


class RealServers(Case):
    def test_openssl_s_server(self):
        server = subprocess.Popen(
            ["openssl", "s_server", "-accept", "127.0.0.1:0", "-www",
             "-cert", self.ca.path("a.crt"), "-key", self.ca.path("a.key")],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL, start_new_session=True)
        self.addCleanup(server.stdout.close)
        self.addCleanup(server.wait)
        self.addCleanup(server.kill)
        while not (found := re.search(rb"ACCEPT .*:(\d+)",
                                      server.stdout.readline())):
            pass
        url = f"https://localhost:{int(found.group(1))}/"
        response = self.start(self.trust).get(url)
        self.assertEqual(response.status, 200)
        self.assertIn(b"Protocol  : TLSv1.3", response.body)
        self.assert_refused(self.start(), url, "certificate")

    def test_nginx(self):
        nginx = shutil.which("nginx", path=os.environ["PATH"] + ":/usr/sbin")
        if nginx is None:
            self.skipTest("no nginx")
        port = free_port()
        path = os.path.join(self.folder, "nginx.conf")
        with open(path, "w", encoding="ascii") as file:
            file.write(f"""daemon off; master_process off;
pid {self.folder}/nginx.pid; error_log {self.folder}/nginx.log;
events {{}}
http {{ access_log off; client_body_temp_path {self.folder}/1;
 proxy_temp_path {self.folder}/2; fastcgi_temp_path {self.folder}/3;
 uwsgi_temp_path {self.folder}/4; scgi_temp_path {self.folder}/5;
 server {{ listen 127.0.0.1:{port} ssl;
  ssl_certificate {self.folder}/a.crt;
  ssl_certificate_key {self.folder}/a.key;
  location / {{ return 200 secret; }} }} }}
""")
        server = subprocess.Popen([nginx, "-c", path, "-p", self.folder],
                                  stdin=subprocess.DEVNULL,
                                  stderr=subprocess.DEVNULL,
                                  start_new_session=True)
        self.addCleanup(server.wait)
        self.addCleanup(server.kill)
        wait_for("nginx", lambda: self.is_open(port))
        url = f"https://localhost:{port}/"
        self.assert_fetched(self.start(self.trust), url)
        self.assert_refused(self.start(), url, "certificate")

    def is_open(self, port):
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", port)).close()
            return True
        return False


class Errors(Case):
    def test_errors_have_file_and_line(self):
        for options, text in (
                ("cafile=/nowhere/ca", "/nowhere/ca: No such file"),
                ("key=/nowhere/key", "key= comes after the cert="),
                (f"cert={self.folder}/ca.crt key={self.folder}/a.key",
                 "the key does not belong to the certificate"),
                ("min-version=x", "expected 1.2 or 1.3"),
                ("flags=WHATEVER", '"WHATEVER" is not supported'),
                ("disable", 'option "disable" is not supported'),
                ("default-ca=maybe", "expected on or off")):
            self.assert_error(f"tls_outgoing_options {options}", text)
        for options, text in (
                ("tls-cafile=/nowhere", "need the word tls"),
                ("tls tls-cafile=/nowhere", "/nowhere: No such file"),
                ("tls sslflags=WHATEVER", '"WHATEVER" is not supported')):
            self.assert_error(f"cache_peer a.test parent 1 0 {options}", text)

    def assert_error(self, line, text):
        with self.subTest(line=line):
            squire = Squire(line + "\n")
            self.addCleanup(shutil.rmtree, squire.folder, True)
            done = subprocess.run(squire.command("-k", "parse"),
                                  stdout=subprocess.PIPE, check=False,
                                  stderr=subprocess.STDOUT,
                                  timeout=squire_test.PATIENCE)
            self.assertNotEqual(done.returncode, 0)
            self.assertRegex(done.stdout.decode(),
                             rf"squire\.conf:\d+: error: .*{text}")


if __name__ == "__main__":
    tls.skip_without_openssl()
    squire_test.main()
