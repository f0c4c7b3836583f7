#!/usr/bin/env python3
"""squirectl against a running proxy: the table of helpers, the commands, and
who may give them."""

import json
import os
import re
import signal
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "..", "support"))
import squire_test
from squire_test import BUILD, Origin, Squire, answer, wait_for

SQUIRECTL = os.path.join(BUILD, "src", "squirectl")


def run(*arguments, environment=None, **options):
    """The ended squirectl, with its output."""
    variables = {name: value for name, value in os.environ.items()
                 if name != "SQUIRE_MANAGER"}
    variables.update(environment or {})
    return subprocess.run([SQUIRECTL, *arguments], capture_output=True,
                          text=True, timeout=squire_test.PATIENCE,
                          env=variables, **options)


class Usage(unittest.TestCase):
    def test_help_names_every_command(self):
        result = run("-h")
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        names = re.findall(r"(?m)^  ([a-z]+) ", result.stdout)
        self.assertIn("helpers", names)
        for name in names:
            single = run("help", name)
            self.assertEqual(single.returncode, 0)
            self.assertTrue(single.stdout.startswith(
                f"usage: squirectl [-s SOCKET|-u URL] {name}"), single.stdout)
            self.assertEqual(run(name, "-h").stdout, single.stdout)
            self.assertLess(max(map(len, single.stdout.splitlines())), 81)

    def test_version(self):
        self.assertRegex(run("-v").stdout, r"^squirectl \d+\.\d+\.\d+\n$")

    def test_misuse(self):
        for arguments in ((), ("nonsense",), ("-x",), ("-s",),
                          ("helpers", "-x"), ("helpers", "--nonsense"),
                          ("helpers", "word"), ("helpers", "-p"),
                          ("help", "nonsense"), ("rotate", "now")):
            result = run(*arguments)
            self.assertEqual(result.returncode, 2, arguments)
            self.assertIn("squirectl", result.stderr)
            self.assertIn("shows the usage", result.stderr)
            self.assertEqual(result.stdout, "")

    def test_nobody_listens(self):
        for arguments in (("-u", "http://127.0.0.1:1"),
                          ("-u", "127.0.0.1:1"),
                          ("-s", "/nonexistent/manager.sock")):
            result = run(*arguments, "helpers")
            self.assertEqual(result.returncode, 1)
            self.assertRegex(result.stderr, r"^squirectl helpers: cannot "
                             r"connect to \S+: (Connection refused|No such "
                             r"file or directory); is manager_port set\?\n$")

    def test_the_environment_says_where(self):
        result = run("metrics", environment={
            "SQUIRE_MANAGER": "unix:/nonexistent/here"})
        self.assertIn("/nonexistent/here", result.stderr)

    def test_snoop_is_for_later(self):
        result = run("snoop")
        self.assertEqual(result.returncode, 2)
        self.assertIn("squire-snoop", result.stderr)


class Running(unittest.TestCase):
    """Over a unix socket and over TCP."""

    @classmethod
    def setUpClass(cls):
        cls.origin = Origin({"/": answer(200, b"x")})
        cls.squire = Squire()
        program = cls.squire.rewriter(
            "def rewrite(url, extras): return 'ERR'\n")
        cls.socket = cls.squire.path("manager.sock")
        cls.conf = (f"manager_port {cls.socket}\n"
                    f"url_rewrite_program {program}\n"
                    "url_rewrite_children 4 startup=2 concurrency=7\n")
        cls.squire.write_conf(cls.conf)
        cls.squire.start()
        wait_for("the socket", lambda: os.path.exists(cls.socket))
        for _ in range(10):
            cls.squire.get(cls.origin.url("/"))
        cls.places = (("-s", cls.socket), ("-u", cls.url()))

    @classmethod
    def tearDownClass(cls):
        cls.squire.check_idle()
        cls.squire.stop()
        cls.origin.close()

    @classmethod
    def url(cls):
        return f"http://127.0.0.1:{cls.squire.manager}/"

    def test_helpers_as_table(self):
        for place in self.places:
            result = run(*place, "helpers")
            self.assertEqual((result.returncode, result.stderr), (0, ""))
            titles, row = [line.split() for line in
                           result.stdout.splitlines()]
            row = dict(zip(titles, row))
            self.assertEqual(row["POOL"], "url_rewrite")
            requests = str(self.squire.pool()["requests"])
            self.assertEqual((row["REQUESTS"], row["ERR"], row["OK"]),
                             (requests, requests, "0"))
            self.assertTrue(row["PROCS"].endswith("/4"), row)

    def test_helpers_with_processes(self):
        for choice in (("-a",), ("-p", "url_rewrite")):
            result = run("-s", self.socket, "helpers", *choice)
            pools, processes = result.stdout.split("\n\n")
            pids = {int(line.split()[2])
                    for line in processes.splitlines()[1:]}
            self.assertEqual(pids, {row["pid"] for row in
                                    self.squire.pool()["helpers"]})
            starts = {match.start() for line in processes.splitlines()
                      for match in re.finditer(r"\bPID|\d+ MB$", line)}
            self.assertTrue(starts)
        result = run("-s", self.socket, "helpers", "-p", "nonsense")
        self.assertEqual(result.returncode, 1)
        self.assertIn('no pool "nonsense"', result.stderr)

    def test_helpers_as_json(self):
        result = run("-s", self.socket, "helpers", "--json")
        pool, = json.loads(result.stdout)
        self.assertGreaterEqual(pool["requests"], 10)
        result = run("-s", self.socket, "helpers", "--json", "-p", "none")
        self.assertEqual(json.loads(result.stdout), [])

    def test_metrics(self):
        result = run("-u", self.url(), "metrics")
        self.assertIn("squire_helper_requests_total", result.stdout)
        self.assertTrue(result.stdout.endswith("# EOF\n"))

    def test_reconfigure_tells_what_is_wrong(self):
        self.squire.write_conf(self.conf + "nonsense_directive 1\n")
        result = run("-s", self.socket, "reconfigure")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn("nonsense_directive", result.stderr)
        self.squire.write_conf(self.conf + "via perhaps\n")
        result = run("-s", self.socket, "reconfigure")
        self.assertEqual(result.returncode, 1)
        self.assertRegex(result.stderr, r"409: .*squire.conf:\d+: error: ")
        self.squire.write_conf(self.conf)
        result = run("-u", self.url(), "reconfigure")
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        self.assertIn("reconfigure was asked for", self.squire.log())

    def test_rotate(self):
        log = self.squire.path("debug.log")
        os.rename(log, log + ".0")
        result = run("-s", self.socket, "rotate")
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        wait_for("the new log", lambda: "logs reopened" in self.squire.log())
        with open(log + ".0", encoding="utf-8") as file:
            first = file.read()
        with open(log, "a", encoding="utf-8") as file:
            file.write(first)  # the ports are in it

    def test_commands_are_not_for_everybody(self):
        ask = self.squire.ask_manager
        for path in ("/rotate", "/reconfigure", "/shutdown"):
            self.assertEqual(ask(path).status, 405)
            for headers in ({}, {"X-Squire": "0"},
                            {"X-Squire": "1", "Host": "evil.example"}):
                self.assertEqual(ask(path, "POST", headers).status, 403)
            result = subprocess.run(
                ["curl", "-s", "-m", "10", "-o", "/dev/null", "-w",
                 "%{http_code}", "-X", "POST", "-H", "X-Squire: 1", "-x",
                 f"http://127.0.0.1:{self.squire.port}", self.url()[:-1]
                 + path], capture_output=True, text=True, check=False)
            self.assertEqual(result.stdout, "403", "by the proxy")
            with self.squire.connect() as tunnel:
                address = f"127.0.0.1:{self.squire.manager}"
                tunnel.send(f"CONNECT {address} HTTP/1.1\r\n"
                            f"Host: {address}\r\n\r\n")
                self.assertEqual(tunnel.read_response("CONNECT").status, 200)
                tunnel.send(f"POST {path} HTTP/1.1\r\nHost: {address}\r\n"
                            "X-Squire: 1\r\nContent-Length: 0\r\n\r\n")
                response = tunnel.read_response("POST")
                self.assertEqual(response.status, 403, "by a tunnel")
                self.assertIn(b"not through the proxy", response.body)
        self.assertIsNone(self.squire.process.poll())

    def test_clients_of_the_proxy_do_not_reach_the_manager(self):
        port = self.squire.manager
        for host in ("127.0.0.1", "localhost", "[::ffff:127.0.0.1]",
                     "0.0.0.0"):
            for path in ("/", "/helpers", "/events",
                         "/squid-internal-mgr/info"):
                with self.subTest(host=host, path=path), \
                        self.squire.connect() as client:
                    response = client.request(f"http://{host}:{port}{path}")
                    self.assertEqual(response.status, 403)
                    self.assertEqual(response.body,
                                     b"not through the proxy\n")
            for line in ("GET /helpers", "POST /shutdown"):
                with self.subTest(tunnel=host, line=line), \
                        self.squire.connect() as tunnel:
                    tunnel.send(f"CONNECT {host}:{port} HTTP/1.1\r\n"
                                f"Host: {host}:{port}\r\n\r\n")
                    self.assertEqual(tunnel.read_response("CONNECT").status,
                                     200)
                    tunnel.send(f"{line} HTTP/1.1\r\nHost: {host}:{port}\r\n"
                                "X-Squire: 1\r\nContent-Length: 0\r\n\r\n")
                    self.assertEqual(tunnel.read_response("GET").status, 403)
        self.assertEqual(self.squire.ask_manager("/helpers").status, 200)


class Troubles(unittest.TestCase):
    def test_why_processes_have_gone(self):
        with Squire() as squire:
            program = squire.rewriter(
                "import os\n"
                "def rewrite(url, extras): os._exit(9)\n")
            squire.reconfigure(
                f"url_rewrite_program {program}\n"
                "url_rewrite_children 1 concurrency=1 attempts=1\n")
            squire.get("http://127.0.0.1:1/")
            result = run("-u", f"127.0.0.1:{squire.manager}", "helpers", "-a")
            self.assertRegex(result.stdout,
                             r"(?m)^url_rewrite: [12] gone by exit$")
            self.assertRegex(result.stdout,
                             r"(?m)^url_rewrite: last trouble, \d s ago: "
                             r".*rewriter\.py: exited with status 9")
            squire.check_idle()


class Ports(unittest.TestCase):
    def test_ports_come_and_go(self):
        with Squire() as squire:
            one, two = squire.path("one"), squire.path("two")
            squire.reconfigure(f"manager_port {one}\n")
            self.assertEqual(run("-s", one, "metrics").returncode, 0)
            before = os.stat(one).st_ino
            squire.reconfigure(f"manager_port {two}\nmanager_port {one}\n")
            self.assertEqual(os.stat(one).st_ino, before)
            self.assertEqual(run("-s", two, "metrics").returncode, 0)
            squire.write_conf(f"manager_port {two}\n")
            self.assertEqual(run("-s", one, "reconfigure").returncode, 0)
            self.assertFalse(os.path.exists(one))
            self.assertEqual(run("-s", two, "metrics").returncode, 0)
            # One that cannot be had does not take the others away.
            squire.reconfigure("manager_port /nonexistent/socket\n"
                               f"manager_port {two}\n")
            self.assertIn("manager_port /nonexistent/socket: No such file",
                          squire.log())
            self.assertEqual(run("-s", two, "metrics").returncode, 0)

    def test_a_socket_left_behind_is_no_obstacle(self):
        squire = Squire()
        path = squire.path("manager.sock")
        squire.write_conf(f"manager_port {path}\n")
        squire.start()
        squire.process.send_signal(signal.SIGKILL)
        squire.process.wait()
        squire.errors.close()
        self.assertTrue(os.path.exists(path))
        os.unlink(squire.path("debug.log"))
        with squire:
            wait_for("an answer", lambda: run("-s", path, "metrics")
                     .returncode == 0)

    def test_shutdown_without_a_pid_file(self):
        squire = Squire()
        path = squire.path("manager.sock")
        squire.write_conf(f"manager_port {path}\npid_filename none\n")
        squire.start()
        wait_for("the socket", lambda: os.path.exists(path))
        result = run("-s", path, "shutdown")
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        self.assertEqual(squire.process.wait(squire_test.PATIENCE), 0)
        self.assertIn("shutdown was asked for", squire.log())
        self.assertEqual(run("-s", path, "helpers").returncode, 1)
        squire.stop()


if __name__ == "__main__":
    squire_test.main()
