#!/usr/bin/env python3
"""Start, reconfigure, rotate, stop."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "..", "support"))
import squire_test
from squire_test import Connection, Origin, Squire, answer

UNCHANGED = "def rewrite(url, extras): return 'ERR'\n"


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as sock:
        return sock.getsockname()[1]


def listening(port):
    """The inode of the socket that listens at 127.0.0.1:port, or None."""
    with open("/proc/net/tcp", encoding="ascii") as file:
        rows = [line.split() for line in file.readlines()[1:]]
    return next((row[9] for row in rows if row[3] == "0A" and
                 row[1] == f"0100007F:{port:04X}"), None)


def pids(squire):
    return sorted(helper["pid"] for helper in squire.pool()["helpers"])


class Starting(unittest.TestCase):
    def run_once(self, squire, *arguments):
        return subprocess.run(squire.command(*arguments),
                              capture_output=True, check=False,
                              timeout=squire_test.PATIENCE)

    def test_error_in_the_configuration(self):
        squire = Squire("http_access perhaps all\n")
        result = self.run_once(squire, "-N")
        self.assertEqual(result.returncode, 1)
        line = squire.read("squire.conf").splitlines().index(
            "http_access perhaps all") + 1
        self.assertIn(f"squire.conf:{line}:", result.stderr.decode())

    def test_port_in_use(self):
        with socket.create_server(("127.0.0.1", 0)) as sock:
            port = sock.getsockname()[1]
            squire = Squire(f"http_port 127.0.0.1:{port}\n")
            result = self.run_once(squire, "-N")
        self.assertEqual(result.returncode, 1)
        self.assertIn(str(port), result.stderr.decode())
        self.assertIn("in use", result.stderr.decode())

    def test_log_that_cannot_be_written(self):
        squire = Squire("access_log /nonexistent/access.log\n")
        result = self.run_once(squire, "-N")
        self.assertEqual(result.returncode, 1)
        self.assertIn("/nonexistent/access.log", result.stderr.decode())

    def test_second_start_is_refused(self):
        with Squire() as squire:
            result = self.run_once(squire, "-N")
            self.assertEqual(result.returncode, 1)
            self.assertIn(f"already running as process {squire.pid}",
                          result.stderr.decode())
            squire.write_conf(f"http_port 127.0.0.1:{squire.port}\n")
            result = self.run_once(squire, "-N")
            self.assertIn("already running", result.stderr.decode())
            self.assertEqual(self.run_once(squire, "-k", "check").returncode,
                             0)

    def test_warnings_are_told_at_the_start_only(self):
        with Squire("wccp2_router 10.0.0.1\n") as squire:
            for text in (squire.read("stderr"), squire.log()):
                self.assertEqual(text.count(": warning: "), 1, text)
                self.assertIn("wccp2_router", text)
            for word in ("check", "rotate", "shutdown"):
                result = self.run_once(squire, "-k", word)
                self.assertEqual(result.stderr, b"", word)

    def test_background(self):
        squire = Squire()
        result = self.run_once(squire)
        self.assertEqual(result.returncode, 0, result.stderr)
        pid = int(squire.read("squire.pid"))
        self.assertEqual(self.run_once(squire, "-k", "check").returncode, 0)
        self.assertEqual(
            self.run_once(squire, "-k", "shutdown").returncode, 0)
        squire_test.wait_for("its end", lambda: not os.path.exists(
            f"/proc/{pid}"))
        self.assertFalse(os.path.exists(squire.path("squire.pid")))
        self.assertEqual(self.run_once(squire, "-k", "check").returncode, 1)

    def test_standard_descriptors_closed(self):
        squire = Squire("url_rewrite_program /bin/cat\n"
                        "url_rewrite_children 1 startup=1\n")
        process = subprocess.Popen(
            ["sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh",
             *squire.command("-N")])
        squire.process = process
        squire.errors = open(squire.path("stderr"), "wb")
        squire_test.wait_for("the start", squire.is_up)
        origin = Origin({"/": answer(200, b"x")})
        self.assertEqual(squire.get(origin.url("/")).status, 200)
        origin.close()
        squire.stop()


class Reconfiguring(unittest.TestCase):
    def test_same_configuration_keeps_helpers_and_cache(self):
        origin = Origin({"/": answer(200, b"x",
                                     "Cache-Control: max-age=60")})
        squire = Squire()
        conf = (f"url_rewrite_program {squire.rewriter(UNCHANGED)}\n"
                "url_rewrite_children 3 startup=3 concurrency=5\n")
        squire.write_conf(conf)
        with squire:
            squire.get(origin.url("/"))
            squire_test.wait_for("three helpers",
                                 lambda: len(pids(squire)) == 3)
            before = pids(squire)
            with squire.connect() as connection:
                connection.request(origin.url("/"))
                squire.reconfigure(conf + "via off\n")
                self.assertEqual(connection.request(
                    origin.url("/")).status, 200)
            self.assertEqual(pids(squire), before)
        self.assertEqual(origin.count("/"), 1)
        origin.close()

    def test_other_rewriter_replaces_the_pool(self):
        squire = Squire()
        old = squire.rewriter(
            "import time\ndef rewrite(url, extras):\n"
            "    time.sleep(1)\n    return 'OK url=http://old.test/'\n",
            name="old.py")
        new = squire.rewriter(
            "def rewrite(url, extras): return 'OK url=http://new.test/'\n",
            name="new.py")
        children = "url_rewrite_children 2 startup=1 concurrency=5\n"
        squire.write_conf(f"url_rewrite_program {old}\n{children}")
        with squire, squire.connect() as connection:
            before = squire_test.wait_for("a helper", lambda: pids(squire))
            connection.send("GET http://x.test/ HTTP/1.1\r\n"
                            "Host: x.test\r\n\r\n")
            squire_test.wait_for("the question", lambda: squire.pool()[
                "inflight"] == 1)
            squire.reconfigure(f"url_rewrite_program {new}\n{children}")
            self.assertEqual(squire.get("http://x.test/").get("Location"),
                             "http://new.test/")
            # The request that was at the old helper is answered by it.
            self.assertEqual(connection.read_response().get("Location"),
                             "http://old.test/")
            squire_test.wait_for("the old helper's end", lambda: not any(
                os.path.exists(f"/proc/{pid}") for pid in before))
            squire_test.wait_for("one pool",
                                 lambda: len(squire.helpers()) == 1)

    def test_rewriter_removed_and_added(self):
        origin = Origin({"/": answer(200, b"x")})
        squire = Squire()
        conf = "url_rewrite_program " + squire.rewriter(
            "def rewrite(url, extras): return 'OK url=http://r.test/'\n"
        ) + "\nurl_rewrite_children 1 concurrency=5\n"
        with squire:
            for number in range(4):
                expected = 302 if number % 2 else 200
                squire.reconfigure(conf if number % 2 else "")
                self.assertEqual(squire.get(origin.url("/")).status,
                                 expected)
        origin.close()

    def test_ports_come_and_go(self):
        first, second = free_port(), free_port()
        origin = Origin({"/": answer(200, b"x")})

        def answers(port):
            try:
                with Connection(port) as connection:
                    return connection.request(origin.url("/")).status == 200
            except OSError:
                return False

        with Squire(f"http_port 127.0.0.1:{first}\n") as squire:
            self.assertTrue(answers(first))
            kept = Connection(first)
            kept.request(origin.url("/"))
            for ports in ((second,), (first, second), (first,)):
                squire.reconfigure("".join(f"http_port 127.0.0.1:{port}\n"
                                           for port in ports))
                for port in (first, second):
                    self.assertEqual(answers(port), port in ports)
            self.assertEqual(kept.request(origin.url("/")).status, 200)
            kept.close()
        origin.close()

    def test_relative_path_is_found_again(self):
        squire = Squire()
        squire.command = lambda *arguments: [
            os.path.join(squire_test.BUILD, "src", "squire"), "-f",
            os.path.relpath(squire.path("squire.conf")), *arguments]
        squire.write_conf("coredump_dir /\n")
        with squire:
            squire.reconfigure("via off\n")
            self.assertIn("reconfigured", squire.log())

    def test_error_leaves_the_old_configuration(self):
        origin = Origin({"/": answer(200, b"x")})
        with Squire() as squire:
            squire.reconfigure("http_port nonsense\n")
            self.assertIn("squire.conf:", squire.log())
            self.assertEqual(squire.get(origin.url("/")).status, 200)
        origin.close()

    def refused(self, squire, line):
        """Ask for a configuration with a last line that cannot be had."""
        squire.write_conf(line + "\n")
        number = len(squire.read("squire.conf").splitlines())
        response = squire.ask_manager("/reconfigure", "POST",
                                      {"X-Squire": "1"})
        text = response.body.decode()
        self.assertEqual(response.status, 409, text)
        self.assertIn(f"{squire.path('squire.conf')}:{number}: {line}: ",
                      text)
        self.assertIn(text.splitlines()[-1], squire.log())
        self.assertTrue(squire.log().endswith(
            "is refused; the configuration in force stays\n"))
        return text

    def test_what_cannot_be_had_changes_nothing(self):
        origin = Origin({"/": answer(200, b"x")})
        with Squire() as squire, socket.create_server(
                ("127.0.0.1", 0)) as other:
            before = [listening(squire.port), listening(squire.manager)]
            self.assertNotIn(None, before)
            port = other.getsockname()[1]
            for line in (f"http_port 127.0.0.1:{port}",
                         f"manager_port 127.0.0.1:{port}"):
                self.assertIn("in use", self.refused(squire, line))
            for line in ("access_log /nonexistent/a.log",
                         "cache_log /nonexistent/c.log",
                         "manager_port /nonexistent/socket"):
                self.assertIn("No such file", self.refused(squire, line))
            self.assertEqual([listening(squire.port),
                              listening(squire.manager)], before)
            self.assertEqual(squire.get(origin.url("/")).status, 200)
            squire.wait_logged(1)
        origin.close()

    def test_port_that_is_in_the_way_of_its_successor(self):
        origin = Origin({"/": answer(200, b"x")})
        port = free_port()
        with Squire() as squire:
            for line in (f"http_port 127.0.0.1:{port}", f"http_port {port}",
                         f"http_port 127.0.0.1:{port} name=two",
                         f"http_port {port} name=three"):
                squire.reconfigure(line + "\n")
                self.assertNotIn("refused", squire.log())
                with Connection(port) as connection:
                    self.assertEqual(connection.request(
                        origin.url("/")).status, 200)
            # What was closed for the sake of the refused one is opened.
            squire.reconfigure(f"http_port 127.0.0.1:{port}\n"
                               "access_log /nonexistent/a.log\n")
            self.assertIn("refused", squire.log())
            with Connection(port) as connection:
                self.assertEqual(connection.request(
                    origin.url("/")).status, 200)
        origin.close()

    def test_rules_change_for_the_next_request(self):
        origin = Origin({"/": answer(200, b"x")})
        with Squire() as squire, squire.connect() as connection:
            self.assertEqual(connection.request(origin.url("/")).status, 200)
            squire.access = "http_access deny all\n"
            squire.reconfigure("")
            self.assertEqual(connection.request(origin.url("/")).status, 403)
        origin.close()


class Rotating(unittest.TestCase):
    def test_logs_are_reopened_and_helpers_stay(self):
        origin = Origin({"/": answer(200, b"x")})
        squire = Squire()
        squire.write_conf(
            f"url_rewrite_program {squire.rewriter(UNCHANGED)}\n"
            "url_rewrite_children 2 startup=2 concurrency=5\n")
        with squire:
            squire_test.wait_for("two helpers",
                                 lambda: len(pids(squire)) == 2)
            before = pids(squire)
            squire.get(origin.url("/"))
            squire.wait_logged(1)
            for name in ("access.log", "debug.log"):
                os.rename(squire.path(name), squire.path(name + ".0"))
            squire.signal(signal.SIGUSR1)
            squire_test.wait_for("the new log",
                                 lambda: "reopened" in squire.log())
            squire.get(origin.url("/"))
            self.assertEqual(len(squire.wait_logged(1)), 1)
            self.assertEqual(len(squire.read("access.log.0").splitlines()),
                             1)
            self.assertEqual(pids(squire), before)
        origin.close()


    def test_log_that_cannot_be_reopened(self):
        with Squire() as squire:
            squire.reconfigure("access_log "
                               + squire.path("sub/access.log\n"))
            self.assertIn("is refused", squire.log())
            os.mkdir(squire.path("sub"))
            squire.reconfigure()
            os.rename(squire.path("sub"), squire.path("gone"))
            response = squire.ask_manager("/rotate", "POST",
                                          {"X-Squire": "1"})
            self.assertEqual(response.status, 409)
            self.assertIn("sub/access.log: No such file",
                          response.body.decode())
            self.assertNotIn("logs reopened", squire.log())
            self.assertIn("not all logs could be reopened", squire.log())
            os.rename(squire.path("gone"), squire.path("sub"))
            response = squire.ask_manager("/rotate", "POST",
                                          {"X-Squire": "1"})
            self.assertEqual(response.status, 200)


class Stopping(unittest.TestCase):
    def setUp(self):
        self.go = threading.Event()

        def slow(request, sock):
            sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nhalf")
            self.go.wait(squire_test.PATIENCE)
            return b"half"

        self.origin = Origin({"/slow": slow, "/": answer(200, b"x")})

    def tearDown(self):
        self.go.set()
        self.origin.close()

    def begin(self, squire):
        connection = squire.connect()
        connection.send(f"GET {self.origin.url('/slow')} HTTP/1.1\r\n"
                        f"Host: {self.origin.authority}\r\n\r\n")
        connection.read_head()
        return connection

    def test_requests_in_progress_are_finished(self):
        with Squire() as squire:
            connection = self.begin(squire)
            self.addCleanup(connection.close)
            with squire.connect() as idle:
                idle.request(self.origin.url("/"))
                squire.signal(signal.SIGTERM)
                self.assertTrue(idle.at_end())
            with self.assertRaises(OSError):
                squire.connect()
            self.go.set()
            self.assertEqual(connection.read_exactly(8), b"halfhalf")
            self.assertEqual(squire.process.wait(squire_test.PATIENCE), 0)

    def test_shutdown_lifetime_is_a_bound(self):
        with Squire("shutdown_lifetime 1 second\n") as squire:
            connection = self.begin(squire)
            squire.signal(signal.SIGTERM)
            self.assertEqual(squire.process.wait(squire_test.PATIENCE), 0)
            connection.close()

    def test_signals_while_it_ends_do_not_kill_it(self):
        with Squire() as squire:
            deadline = time.monotonic() + squire_test.PATIENCE
            while squire.process.poll() is None:
                self.assertLess(time.monotonic(), deadline)
                squire.process.terminate()

    def test_second_signal_stops_at_once(self):
        with Squire("shutdown_lifetime 1 hour\n") as squire:
            connection = self.begin(squire)
            squire.signal(signal.SIGINT)
            squire_test.wait_for("the first", lambda: "stopping" in
                                 squire.log())
            self.assertIsNone(squire.process.poll())
            squire.signal(signal.SIGTERM)
            self.assertEqual(squire.process.wait(squire_test.PATIENCE), 0)
            connection.close()

    def test_helpers_end_with_the_proxy(self):
        squire = Squire()
        squire.write_conf(
            f"url_rewrite_program {squire.rewriter(UNCHANGED)}\n"
            "url_rewrite_children 5 startup=5 concurrency=5\n")
        with squire:
            squire_test.wait_for("five helpers",
                                 lambda: len(pids(squire)) == 5)
            before = pids(squire)
            squire.signal(signal.SIGTERM)
            self.assertEqual(squire.process.wait(squire_test.PATIENCE), 0)
            squire_test.wait_for("their end", lambda: not any(
                os.path.exists(f"/proc/{pid}") for pid in before))

    def test_pid_file_goes(self):
        with Squire() as squire:
            self.assertEqual(int(squire.read("squire.pid")), squire.pid)
            squire.signal(signal.SIGTERM)
            squire.process.wait(squire_test.PATIENCE)
            self.assertFalse(os.path.exists(squire.path("squire.pid")))


if __name__ == "__main__":
    squire_test.main()
