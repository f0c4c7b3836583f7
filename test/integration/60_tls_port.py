#!/usr/bin/env python3
"""https_port: clients by TLS, by curl, openssl s_client and Python."""

import contextlib
import os
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "..", "support"))
import squire_test
import tls
from squire_test import Connection, Origin, Squire, answer, wait_for
from tls import Authority, TlsSquire


class Case(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="squire-tls-")
        cls.addClassCleanup(shutil.rmtree, cls.folder, True)
        cls.ca = Authority(cls.folder)
        cls.ca.make("a", "localhost")
        cls.big = os.urandom(3 << 20)
        cls.origin = Origin({
            "/small": answer(200, b"hello\n", "Cache-Control: max-age=60"),
            "/big": answer(200, cls.big, "Cache-Control: max-age=60"),
            "/echo": lambda request, sock: answer(200, request.body)})
        cls.addClassCleanup(cls.origin.close)

    def start(self, options, conf=""):
        squire = TlsSquire(options, conf)
        squire.start()
        self.addCleanup(squire.stop)
        return squire


class Proxying(Case):
    def setUp(self):
        self.squire = self.start(self.ca.words("a"))

    def curl(self, path, *arguments):
        return self.squire.curl(self.origin.url(path), "--proxy-cacert",
                                self.ca.path("ca.crt"), *arguments)

    def test_curl_with_an_https_proxy(self):
        for _ in range(2):
            body, told = self.curl("/small")
            self.assertEqual((body, told), (b"hello\n", "200 000 0\n"))
        lines = self.squire.wait_logged(2)
        self.assertIn("TCP_MEM_HIT/200", lines[1][3])

    def test_curl_that_does_not_trust(self):
        body, told = self.squire.curl(self.origin.url("/small"))
        self.assertEqual(body, b"")
        self.assertIn("certificate", told)
        wait_for("the alert", lambda: "alert unknown ca" in self.squire.log())

    def test_big_answers_from_origin_and_cache(self):
        for _ in range(2):
            self.assertTrue(self.curl("/big")[0] == self.big)

    def test_uploads(self):
        with self.squire.connect_tls(self.ca.client()) as connection:
            for size in (0, 1, 16384, 16385, 1 << 20):
                body = os.urandom(size)
                got = connection.request(self.origin.url("/echo"), "POST",
                                         body=body)
                self.assertTrue(got.body == body)

    def test_many_requests_on_one_connection(self):
        with self.squire.connect_tls(self.ca.client()) as connection:
            connection.send("".join(
                f"GET {self.origin.url('/small')} HTTP/1.1\r\n"
                f"Host: {self.origin.authority}\r\n\r\n"
                for _ in range(300)))
            for _ in range(300):
                self.assertEqual(connection.read_response().body, b"hello\n")

    def test_an_answer_until_the_end_has_its_end_told(self):
        def serve(request, sock):
            sock.sendall(b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 100000)

        self.origin.routes["/endless"] = serve
        with self.squire.connect_tls(self.ca.client()) as connection:
            got = connection.request(self.origin.url("/endless"),
                                     version="1.0")
            self.assertEqual(len(got.body), 100000)
            self.assertFalse(got.truncated)

    def test_a_cut_answer_has_no_end_told(self):
        def serve(request, sock):
            sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")

        self.origin.routes["/cut"] = serve
        with self.squire.connect_tls(self.ca.client()) as connection:
            connection.sock.suppress_ragged_eofs = False
            connection.send(f"GET {self.origin.url('/cut')} HTTP/1.0\r\n\r\n")
            with self.assertRaises((ssl.SSLEOFError, ConnectionError)):
                connection.read_to_end()

    def test_clients_that_leave(self):
        context = self.ca.client()
        for text in ("", "GET http://x", f"GET {self.origin.url('/big')} "
                     "HTTP/1.1\r\nHost: x\r\n\r\n"):
            for is_reset in (False, True):
                connection = self.squire.connect_tls(context)
                connection.send(text)
                if is_reset:
                    connection.reset()
                else:
                    connection.close()
        self.squire.check_idle()

    def tunnel(self, port):
        connection = self.squire.connect_tls(self.ca.client())
        connection.send(f"CONNECT 127.0.0.1:{port} HTTP/1.1\r\n"
                        f"Host: 127.0.0.1:{port}\r\n\r\n")
        self.assertEqual(connection.read_response("CONNECT").status, 200)
        return connection

    def test_tunnels(self):
        with self.tunnel(self.origin.port) as connection:
            for data in (b"", b"x", self.big):
                connection.send(f"POST /echo HTTP/1.1\r\nContent-Length: "
                                f"{len(data)}\r\n\r\n".encode() + data)
                self.assertTrue(connection.read_response().body == data)
        self.squire.check_idle()

    def test_end_of_a_tunnel_is_told(self):
        def serve(request, sock):
            sock.sendall(b"x" * 300000)

        self.origin.routes["/last"] = serve
        with self.tunnel(self.origin.port) as connection:
            connection.send("GET /last HTTP/1.1\r\n\r\n")
            self.assertEqual(len(connection.read_to_end()), 300000)

    def test_tls_inside_tls(self):
        inner = Origin({"/": answer(200, b"inner")},
                       tls=self.ca.server("a"))
        self.addCleanup(inner.close)
        body, told = self.squire.curl(
            f"https://localhost:{inner.port}/", "--proxy-cacert",
            self.ca.path("ca.crt"), "--cacert", self.ca.path("ca.crt"))
        self.assertEqual((body, told), (b"inner", "200 200 0\n"))


    def test_a_client_that_reads_late_gets_all(self):
        self.origin.routes["/much"] = answer(200, self.big * 4,
                                             "Cache-Control: no-store")
        connection = self.squire.connect_tls(self.ca.client())
        with connection:
            connection.send(f"GET {self.origin.url('/much')} HTTP/1.1\r\n"
                            f"Host: {self.origin.authority}\r\n\r\n")
            wait_for("the origin", lambda: self.origin.count("/much"))
            time.sleep(0.3)  # until nothing fits any more
            self.assertTrue(connection.read_response().body == self.big * 4)

    def test_what_arrives_is_read_by_others_at_their_pace(self):
        squire = self.start(self.ca.words("a"),
                            "maximum_object_size 64 MB\n"
                            "maximum_object_size_in_memory 64 MB\n")
        body = self.big * 4

        def serve(request, sock):
            sock.sendall(b"HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\n"
                         b"Transfer-Encoding: chunked\r\n\r\n")
            at, size = 0, 1
            while at < len(body):
                piece = body[at:at + size]
                sock.sendall(b"%x\r\n%s\r\n" % (len(piece), piece))
                at, size = at + size, size * 7 % 90001
            return b"0\r\n\r\n"

        for path, route in (
                ("/chunked", serve),
                ("/whole", answer(200, body, "Cache-Control: max-age=60"))):
            self.origin.routes[path] = route
            with contextlib.ExitStack() as stack:
                connections = [
                    stack.enter_context(squire.connect_tls(self.ca.client()))
                    for _ in range(4)]
                for connection in connections:
                    connection.send(f"GET {self.origin.url(path)} HTTP/1.1\r\n"
                                    f"Host: {self.origin.authority}\r\n\r\n")
                for connection in connections[1:] + connections[:1]:
                    time.sleep(0.3)  # until nothing fits any more
                    self.assertTrue(connection.read_response().body == body)
            self.assertEqual(self.origin.count(path), 1)

    def test_an_end_told_early_does_not_stop_the_answer(self):
        connection = self.squire.connect_tls(self.ca.client())
        with connection:
            connection.send(f"GET {self.origin.url('/small')} HTTP/1.1\r\n"
                            f"Host: {self.origin.authority}\r\n\r\n")
            sock = connection.sock
            sock.settimeout(squire_test.PATIENCE)
            # Python has no half-close: what unwrap() sends is the end, and
            # what it then reads is the answer.
            with self.assertRaisesRegex(ssl.SSLError, "application data"):
                sock.unwrap()
        self.assertEqual(self.squire.wait_logged(1)[-1][3][-3:], "200")


class Accelerating(Case):
    def test_paths_have_urls_of_https(self):
        with socket.create_server(("127.0.0.1", 0)) as sock:
            port = sock.getsockname()[1]
        squire = self.start(
            self.ca.words("a"),
            f"https_port 127.0.0.1:{port} {self.ca.words('a')} accel\n"
            f"cache_peer 127.0.0.1 parent {self.origin.port} 0 no-query "
            "originserver\n")
        for _ in range(2):
            with Connection(port) as connection:
                connection.sock = self.ca.client().wrap_socket(
                    connection.sock, server_hostname="localhost")
                connection.send("GET /small HTTP/1.1\r\nHost: www.test"
                                "\r\n\r\n")
                self.assertEqual(connection.read_response().body, b"hello\n")
        lines = squire.wait_logged(2)
        self.assertEqual([line[6] for line in lines],
                         ["https://www.test/small"] * 2)
        self.assertIn("HIT", lines[1][3])


class Handshakes(Case):
    def test_sni(self):
        self.ca.make("b", "b.test")
        self.ca.make("w", "*.w.test")
        squire = self.start(" ".join(map(self.ca.words, ("a", "b", "w"))))
        for name, shown in (("b.test", "b.test"), ("x.w.test", "*.w.test"),
                            ("localhost", "localhost"),
                            ("unknown.test", "localhost")):
            said, _ = squire.s_client("-servername", name)
            self.assertIn(f"subject=CN = {shown}\n", said)
        said, _ = squire.s_client("-noservername")
        self.assertIn("subject=CN = localhost\n", said)

    def test_alpn(self):
        squire = self.start(self.ca.words("a"))
        said, _ = squire.s_client("-alpn", "h2,http/1.1")
        self.assertIn("ALPN protocol: http/1.1", said)
        said, status = squire.s_client("-alpn", "h2")
        self.assertIn("no application protocol", said)
        self.assertNotEqual(status, 0)

    def test_versions(self):
        squire = self.start(self.ca.words("a"))
        self.assertIn("New, TLSv1.3", squire.s_client("-tls1_3")[0])
        self.assertIn("New, TLSv1.2", squire.s_client("-tls1_2")[0])
        said, status = squire.s_client("-tls1_1", "-cipher",
                                       "DEFAULT@SECLEVEL=0")
        self.assertNotEqual(status, 0, said)
        wait_for("the log", lambda: "unsupported protocol" in squire.log())

    def test_version_1_3_only(self):
        squire = self.start(self.ca.words("a") + " tls-min-version=1.3")
        self.assertEqual(squire.s_client("-tls1_3")[1], 0)
        self.assertNotEqual(squire.s_client("-tls1_2")[1], 0)

    def resume(self, squire, *version):
        path = os.path.join(self.folder, "session")
        ask = b"GET http://x HTTP/1.0\r\n\r\n"
        said, _ = squire.s_client("-sess_out", path, "-ign_eof", *version,
                                  text=ask)
        self.assertIn("New, TLS", said)
        return squire.s_client("-sess_in", path, "-ign_eof", *version,
                               text=ask)[0]

    def test_resumption(self):
        squire = self.start(self.ca.words("a"))
        self.assertIn("Reused, TLSv1.3", self.resume(squire))
        self.assertIn("Reused, TLSv1.2", self.resume(squire, "-tls1_2"))

    def test_no_resumption(self):
        squire = self.start(self.ca.words("a") + " options=NO_TICKET")
        self.assertNotIn("Reused", self.resume(squire, "-tls1_2"))

    def test_client_certificates(self):
        self.ca.make("user", "user")
        self.ca.make("other", ca=True)
        self.ca.make("stranger", "stranger", signer="other")
        demand = f" clientca={self.ca.path('ca.crt')}"
        squire = self.start(self.ca.words("a") + demand)
        self.assert_let_in(squire, {"user": True, "stranger": False,
                                    None: False})
        self.assertIn("Acceptable client certificate CA names\nCN = ca\n",
                      squire.s_client()[0])
        squire = self.start(self.ca.words("a") + demand +
                            " sslflags=CONDITIONAL_AUTH")
        self.assert_let_in(squire, {"user": True, "stranger": False,
                                    None: True})

    def test_rules_and_logs_know_the_connection(self):
        self.ca.make("user", "user")
        squire = self.start(
            f"{self.ca.words('a')} clientca={self.ca.path('ca.crt')} "
            "sslflags=CONDITIONAL_AUTH",
            "cache deny all\nacl user user_cert CN other user\n"
            "acl nobody user_cert CN nobody\n"
            "acl whole user_cert DN /CN=user\n"
            "acl signed ca_cert CN ca\n"
            "acl tls connections_encrypted\n"
            "request_header_add X-Rules user user\n"
            "request_header_add X-Rules nobody nobody\n"
            "request_header_add X-Rules whole whole\n"
            "request_header_add X-Rules signed signed\n"
            "request_header_add X-Rules tls tls\n"
            "request_header_add X-Tls \"%ssl::>sni %ssl::>negotiated_version "
            "%ssl::>negotiated_cipher %ssl::>cert_subject "
            "%ssl::>cert_issuer %USER_CERT_CN/%USER_CA_CERT_CN\"\n")

        def told(request):
            return ([value for name, value in request.headers
                     if name == "X-Rules"], request.get("X-Tls"))

        url = self.origin.url("/small")
        with squire.connect_tls(self.ca.client("user")) as peer:
            peer.request(url)
            version, cipher = peer.sock.version(), peer.sock.cipher()[0]
        self.assertEqual(told(self.origin.last()), (
            ["user", "whole", "signed", "tls"],
            f"localhost {version} {cipher} /CN=user /CN=ca user/ca"))
        with squire.connect_tls(self.ca.client()) as peer:
            peer.request(url)
        self.assertEqual(told(self.origin.last()), (
            ["tls"], f"localhost {version} {cipher} - - -/-"))
        squire.get(url)
        self.assertEqual(told(self.origin.last()), ([], "- - - - - -/-"))

    def assert_let_in(self, squire, who):
        for name, is_welcome in who.items():
            with self.subTest(name=name):
                try:
                    with squire.connect_tls(self.ca.client(name)) as peer:
                        response = peer.request(self.origin.url("/small"))
                    self.assertEqual(response.status, 200)
                    self.assertTrue(is_welcome)
                except (OSError, EOFError):
                    self.assertFalse(is_welcome)


class Strangers(Case):
    def test_a_slow_handshake_hits_the_deadline(self):
        squire = self.start(self.ca.words("a"), "request_timeout 1 second\n")
        for octets in (b"", b"\x16\x03\x01\x02\x00"):
            with Connection(squire.tls_port) as connection:
                connection.send(octets)
                self.assertTrue(connection.at_end())
        self.assertEqual(squire.log().count("it takes too long"), 1)
        squire.check_idle()

    def read_what_comes(self, connection):
        with contextlib.suppress(ConnectionError):
            connection.read_to_end()

    def test_garbage_is_one_line(self):
        squire = self.start(self.ca.words("a"))
        for _ in range(20):
            with Connection(squire.tls_port) as connection:
                connection.send(b"GET http://x.test/ HTTP/1.1\r\n\r\n")
                self.read_what_comes(connection)
            with Connection(squire.tls_port) as connection:
                # Not the beginning of a record of which more would be due.
                connection.send(b"\0\0" + os.urandom(600))
                self.read_what_comes(connection)
        self.assertEqual(squire.log().count("TLS handshake"), 1)
        self.assertIn("plain HTTP where TLS is due", squire.log())
        self.assertEqual(squire.info()["tls_failures"], 40)
        self.assertIn(b"squire_client_tls_failures_total 40\n",
                      squire.ask_manager("/metrics").body)
        squire.check_idle()
        body, _ = squire.curl(self.origin.url("/small"), "--proxy-cacert",
                              self.ca.path("ca.crt"))
        self.assertEqual(body, b"hello\n")


class Changes(Case):
    def shown(self, squire):
        return squire.s_client("-servername", "localhost")[0]

    def test_new_certificates_under_open_connections(self):
        self.ca.make("c", "localhost")
        squire = self.start(self.ca.words("c"))
        with squire.connect_tls(self.ca.client()) as connection:
            before = connection.sock.getpeercert()["serialNumber"]
            connection.request(self.origin.url("/small"))
            self.ca.make("c", "localhost")
            subprocess.run(squire.command("-k", "reconfigure"), check=True,
                           timeout=squire_test.PATIENCE)
            wait_for("reconfigured", lambda: "reconfigured" in squire.log())
            got = connection.request(self.origin.url("/small"))
            self.assertEqual(got.body, b"hello\n")
            with squire.connect_tls(self.ca.client()) as other:
                after = other.sock.getpeercert()["serialNumber"]
        self.assertNotEqual(before, after)
        self.assertEqual(squire.log().count("accepting HTTPS"), 1)

    def test_sessions_outlive_a_change(self):
        squire = self.start(self.ca.words("a"))
        context = self.ca.client()
        with squire.connect_tls(context) as connection:
            connection.request(self.origin.url("/small"))
            session = connection.sock.session
        squire.reconfigure("via off\n")
        connection = Connection(squire.tls_port)
        connection.sock = context.wrap_socket(
            connection.sock, server_hostname="localhost", session=session)
        with connection:
            self.assertTrue(connection.sock.session_reused)

    def test_a_bad_file_is_refused_and_nothing_changes(self):
        self.ca.make("d", "localhost")
        squire = self.start(self.ca.words("d"))
        with open(self.ca.path("d.crt"), "w", encoding="ascii") as file:
            file.write("nothing\n")
        squire.reconfigure()
        self.assertRegex(squire.log(), r"squire\.conf:\d+: error: \S+/d\.crt: "
                         "there is no certificate in it")
        self.assertIn("subject=CN = localhost\n", self.shown(squire))

    def test_a_plain_port_becomes_tls_and_back(self):
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = listener.getsockname()[1]
        plain = f"http_port 127.0.0.1:{port}\n"
        secure = f"https_port 127.0.0.1:{port} {self.ca.words('a')}\n"
        squire = self.start(self.ca.words("a"), plain)
        squire.reconfigure(secure)
        self.assertEqual(squire.tls_port, port)
        self.assertIn("subject=CN = localhost\n", self.shown(squire))
        squire.reconfigure(plain)
        with Connection(port) as connection:
            got = connection.request(self.origin.url("/small"))
        self.assertEqual(got.body, b"hello\n")

    @unittest.skipUnless(os.geteuid() == 0, "needs root")
    def test_files_that_only_root_may_read(self):
        self.ca.make("r", "localhost")
        os.chmod(self.folder, 0o755)
        os.chmod(self.ca.path("r.key"), 0o600)
        squire = TlsSquire(self.ca.words("r"),
                           "cache_effective_user nobody\n")
        shutil.chown(squire.folder, "nobody")
        os.chmod(squire.path("squire.conf"), 0o644)
        squire.start()
        self.addCleanup(squire.stop)
        squire.reconfigure("cache_effective_user nobody\nvia off\n")
        self.assertIn("r.key: Permission denied", squire.log())
        self.assertIn("goes on with the certificates that it has",
                      squire.log())
        self.assertIn("subject=CN = localhost\n", self.shown(squire))
        squire.options += " tls-min-version=1.3"
        squire.reconfigure("cache_effective_user nobody\n")
        self.assertRegex(squire.log(), "https_port .*: Permission denied")
        self.assertEqual(squire.s_client("-tls1_2")[1], 0)


class Errors(Case):
    def parse(self, line):
        squire = Squire(line + "\n")
        self.addCleanup(shutil.rmtree, squire.folder, True)
        done = subprocess.run(squire.command("-k", "parse"),
                              stdout=subprocess.PIPE, check=False,
                              stderr=subprocess.STDOUT,
                              timeout=squire_test.PATIENCE)
        with open(squire.path("squire.conf"), encoding="utf-8") as file:
            number = file.read().splitlines().index(line) + 1
        return done.stdout.decode(), done.returncode, number

    def assert_refused(self, line, text):
        said, status, number = self.parse(line)
        self.assertNotEqual(status, 0)
        self.assertRegex(said, rf"squire\.conf:{number}: .*{text}")

    def test_errors_have_file_and_line(self):
        a = self.ca.words("a")
        for line, text in (
                ("https_port 0", "https_port needs cert=FILE"),
                (f"https_port 0 cert={self.folder}/none.crt",
                 "none.crt: No such file or directory"),
                (f"https_port 0 cert={self.folder}/a.crt",
                 r"a.crt: there is no private key in it \(PEM\)"),
                (f"https_port 0 cert={self.folder}/a.crt "
                 f"key={self.folder}/ca.key",
                 "ca.key: the key does not belong to the certificate in "),
                (f"https_port 0 key={self.folder}/a.key",
                 "key= comes after the cert="),
                (f"https_port 0 {a} tls-min-version=4",
                 "min-version= expected 1.2 or 1.3"),
                (f"https_port 0 {a} sslflags=DELAYED_AUTH",
                 'flags= "DELAYED_AUTH" is not supported'),
                (f"https_port 0 {a} clientca={self.folder}/ca.crt "
                 "sslflags=VERIFY_CRL", "https_port: VERIFY_CRL needs crlfile"),
                (f"https_port 0 {a} cipher=NONSENSE",
                 "NONSENSE: no cipher match"),
                (f"https_port 0 {a} clientca={self.folder}/none",
                 "none: No such file or directory"),
                (f"https_port 0 {a} ssl-bump",
                 'https_port: option "ssl-bump" is not supported: '),
                (f"http_port 0 {a}",
                 'http_port: option "cert" is not supported: it is about TLS')):
            with self.subTest(line=line):
                self.assert_refused(line, text)

    def test_an_expired_certificate_is_a_warning(self):
        self.ca.make("old", "localhost", days="-1")
        said, status, number = self.parse(
            f"https_port 0 {self.ca.words('old')}")
        self.assertEqual(status, 0, said)
        self.assertRegex(said, rf"squire\.conf:{number}: warning: "
                         r".*/old\.crt: the certificate has expired")

    def test_old_words_are_taken(self):
        said, status, _ = self.parse(
            f"https_port 0 tls-cert={self.folder}/a.crt "
            f"tls-key={self.folder}/a.key options=NO_SSLv3,NO_TLSv1 "
            "tls-dh=prime256v1:/none sslcontext=x tls-min-version=1.0")
        self.assertEqual(status, 0, said)
        self.assertIn("TLS 1.0 is not supported: taken as 1.2", said)
        self.assertIn("dh= has no effect", said)


if __name__ == "__main__":
    tls.skip_without_openssl()
    squire_test.main()
