#!/usr/bin/env python3
"""What `make run` starts: it answers, follows its rules, ends cleanly, and
says so when a port is taken."""

import http.server
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest
from pathlib import Path

BUILD = Path(os.environ["SQUIRE_BUILD"])
SCRIPT = Path(os.environ["SQUIRE_SOURCE"], "setup", "run")
PATIENCE_S = 60


def free_address():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return "127.0.0.1:%d" % probe.getsockname()[1]


class Elsewhere(http.server.BaseHTTPRequestHandler):
    """A site that a changed rule leads to."""

    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"elsewhere")

    def log_message(self, *args):
        pass


class MakeRunTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="squire-run-")
        self.addCleanup(folder.cleanup)
        self.build = Path(folder.name)
        for name in ("src", "helpers", "lib"):
            (self.build / name).symlink_to(BUILD / name)
        self.proxy, self.manager = free_address(), free_address()

    def start(self):
        """Start the script in a group of its own, as a terminal does, and
        with Ctrl-C at work, also where it is ignored here."""
        process = subprocess.Popen(
            ["sh", SCRIPT, self.build, self.proxy, self.manager],
            start_new_session=True, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))
        self.addCleanup(process.stdout.close)
        self.addCleanup(self.stop, process)
        return process

    def stop(self, process):
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGINT)
        return process.wait(PATIENCE_S)

    def greeting(self, process):
        """What it prints until it is up."""
        text = ""
        for line in process.stdout:
            text += line
            if "Ctrl-C" in line:
                return text
        self.fail("it ended with: " + text)

    def elsewhere(self):
        """The URL of another site."""
        site = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Elsewhere)
        self.addCleanup(site.server_close)
        self.addCleanup(site.shutdown)
        threading.Thread(target=site.serve_forever, daemon=True).start()
        return "http://127.0.0.1:%d/" % site.server_port

    def run_line(self, greeting):
        """Run the curl line that was printed."""
        line = re.search(r"(curl .*)", greeting).group(1)
        return subprocess.run(["sh", "-c", line + " -sS -w '\n%{http_code}'"],
                              check=True, stdout=subprocess.PIPE, text=True,
                              timeout=PATIENCE_S).stdout

    def test_the_line_works_and_the_rules_are_followed(self):
        process = self.start()
        greeting = self.greeting(process)
        answer = self.run_line(greeting)
        self.assertIn("It works", answer)
        self.assertTrue(answer.endswith("\n200"), answer)
        rules = self.build / "run/rewrite.rules"
        rules.write_text(rules.read_text().replace(
            f"http://{self.manager}/demo", self.elsewhere()))
        deadline = time.monotonic() + PATIENCE_S
        while "elsewhere" not in answer:
            self.assertLess(time.monotonic(), deadline, answer)
            time.sleep(0.2)
            answer = self.run_line(greeting)
        self.assertEqual(self.stop(process), 0)
        log = (self.build / "run/debug.log").read_text()
        self.assertIn("ends", log.splitlines()[-1])
        self.assertFalse((self.build / "run/squire.pid").exists())

    def test_the_acl_helper_decides(self):
        process = self.start()
        greeting = self.greeting(process)
        line = re.search(r"(curl .*)", greeting).group(1)
        blocked = line.replace("demo.squire", "blocked.squire")
        answer = subprocess.run(["sh", "-c", blocked + " -sS"], check=True,
                                stdout=subprocess.PIPE, text=True,
                                timeout=PATIENCE_S).stdout
        self.assertIn("Blocked by access.rules", answer)
        self.assertEqual(self.stop(process), 0)

    def test_it_runs_twice_and_keeps_the_rules(self):
        for _ in range(2):
            process = self.start()
            self.greeting(process)
            rules = self.build / "run/rewrite.rules"
            rules.write_text("# edited\n")
            self.assertEqual(self.stop(process), 0)
        self.assertEqual(rules.read_text(), "# edited\n")

    def test_a_taken_port_is_named(self):
        for taken in ("proxy", "manager"):
            with self.subTest(taken=taken), socket.socket() as other:
                other.bind(("127.0.0.1", 0))
                other.listen()
                address = "127.0.0.1:%d" % other.getsockname()[1]
                setattr(self, taken, address)
                process = self.start()
                output = process.stdout.read()
                self.assertEqual(process.wait(PATIENCE_S), 1)
                self.assertIn(address, output)
                self.assertIn("Address already in use", output)
                setattr(self, taken, free_address())


if __name__ == "__main__":
    sys.exit(unittest.main())
