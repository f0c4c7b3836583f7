#!/usr/bin/env python3
"""squirectl tap, record and replay: what a pool asks and is told, live, saved,
and asked again of another program."""

import json
import os
import re
import socket
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "..", "support"))
import squire_test
from squire_test import BUILD, Origin, Squire, answer, wait_for

SQUIRECTL = os.path.join(BUILD, "src", "squirectl")


def run(*arguments, **options):
    """The ended squirectl, with its output."""
    return subprocess.run([SQUIRECTL, *arguments], capture_output=True,
                          encoding="utf-8", timeout=squire_test.PATIENCE,
                          check=False, **options)


class Tap(unittest.TestCase):
    def setUp(self):
        self.origin = Origin({"/": answer(200, b"x")})
        self.addCleanup(self.origin.close)
        self.squire = Squire()
        self.socket = self.squire.path("manager.sock")
        self.program = self.squire.rewriter(
            "def rewrite(url, extras):\n"
            "    return 'OK note_=' + url[-1] if url[-1] in 'abc' "
            "else 'ERR'\n")
        self.conf = (f"manager_port {self.socket}\n"
                     f"url_rewrite_program {self.program}\n"
                     "url_rewrite_children 2 startup=1 concurrency=9\n"
                     "url_rewrite_extras \"%>rm\"\n")
        self.squire.write_conf(self.conf)
        self.squire.start()
        wait_for("the socket", lambda: os.path.exists(self.socket))
        self.addCleanup(self.squire.stop)

    def get(self, word):
        self.squire.get(self.origin.url("/?" + word))

    def ctl(self, *arguments):
        return run("-s", self.socket, *arguments)

    def follow(self, *arguments):
        """A running squirectl that the manager knows about."""
        before = self.readers()
        process = subprocess.Popen(
            [SQUIRECTL, "-s", self.socket, *arguments],
            stdout=subprocess.PIPE, encoding="utf-8")
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        wait_for("the reader", lambda: self.readers() > before)
        return process

    def readers(self):
        """Open connections to the unix socket."""
        with open("/proc/net/unix", encoding="ascii") as file:
            return sum(line.split()[5] == "03" and
                       line.rstrip().endswith(self.socket)
                       for line in file.readlines()[1:])

    def test_follow(self):
        process = self.follow("tap", "url_rewrite", "--json", "-n", "2")
        self.get("a")
        self.get("x")
        lines, _ = process.communicate(timeout=squire_test.PATIENCE)
        first, second = [json.loads(line) for line in lines.splitlines()]
        self.assertEqual(process.returncode, 0)
        self.assertEqual((first["request"], first["reply"], first["result"]),
                         (self.origin.url("/?a") + " GET", "OK note_=a",
                          "OK"))
        self.assertEqual((second["reply"], second["result"]), ("ERR", "ERR"))
        pids = [row["pid"] for row in self.squire.pool()["helpers"]]
        self.assertIn(first["pid"], pids)
        self.assertGreater(first["service_ms"], 0)
        self.assertLess(abs(first["time"] - time.time()), 60)

    def test_last(self):
        for word in "abx":
            self.get(word)
        result = self.ctl("tap", "url_rewrite", "--last")
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        url = re.escape(self.origin.url("/?"))
        self.assertRegex(result.stdout, r"(?s)^\d\d:\d\d:\d\d\.\d{3}  #\d+ "
                         rf"\(pid \d+\)  OK  .* ms\n  > {url}a GET\n"
                         rf"  < OK note_=a\n.*  > {url}x GET\n  < ERR\n$")

    def test_a_process_that_is_late_is_named(self):
        silent = self.squire.rewriter(
            "def rewrite(url, extras):\n    __import__('time').sleep(9)\n"
            "    return 'OK'\n", name="silent.py")
        conf = self.conf.replace(self.program, silent).replace(
            "concurrency=9", "concurrency=9 timeout=1s")
        for fail in ("closed", "open"):
            self.squire.reconfigure(conf.replace("=1s", f"=1s fail={fail}"))
            process = self.follow("tap", "url_rewrite", "-n", "1")
            self.get("late")
            lines, _ = process.communicate(timeout=squire_test.PATIENCE)
            word = "TIMEOUT" if fail == "closed" else "OK by the pool"
            self.assertRegex(lines, rf"  #\d+ \(pid \d+\)  {word}  "
                                    r"[19]\d+\.\d{3} ms\b")
        result = self.ctl("record", "url_rewrite", "-", "--last")
        self.assertIn("\n<! silence\n", result.stdout)
        self.assertIn("\n# left out: answered by the pool, OK\n",
                      result.stdout)

    def test_refusals(self):
        result = self.ctl("tap", "nonsense")
        self.assertEqual(result.returncode, 1)
        self.assertIn("404: there is no such pool", result.stderr)
        self.assertEqual(self.ctl("tap").returncode, 2)
        ask = self.squire.ask_manager
        self.assertEqual(ask("/tap?pool=url_rewrite").status, 403)
        guarded = {"X-Squire": "1"}
        self.assertEqual(ask("/tap", headers=guarded).status, 400)
        self.assertEqual(ask("/tap?pool=x", headers=guarded).status, 404)
        self.assertEqual(ask("/tap?pool=x", "POST", guarded).status, 405)
        response = self.squire.get(
            f"http://127.0.0.1:{self.squire.manager}/tap?pool=url_rewrite",
            headers=[("X-Squire", "1")])
        self.assertEqual(response.status, 403)

    def test_what_is_lost_is_told_before_the_end(self):
        count = 120
        reader = squire_test.Connection.__new__(squire_test.Connection)
        reader.buffer = b""
        with socket.socket(socket.AF_UNIX) as reader.sock:
            reader.sock.settimeout(squire_test.PATIENCE)
            reader.sock.connect(self.socket)
            reader.send(f"GET /tap?pool=url_rewrite&n={count} HTTP/1.1\r\n"
                        "Host: localhost\r\nX-Squire: 1\r\n\r\n")
            reader.read_head()
            with self.squire.connect() as client:
                for _ in range(count):
                    client.request(self.origin.url("/?" + "x" * 7000))
            self.assertEqual(self.squire.pool()["requests"], count)
            data = reader.read_chunks()
            self.assertTrue(reader.at_end())
        lost = sum(map(int, re.findall(rb'\{"lost": (\d+)\}', data)))
        self.assertGreater(lost, 0)
        self.assertEqual(data.count(b'"request"') + lost, count)

    def test_a_slow_reader_is_told_what_it_lost(self):
        with socket.socket(socket.AF_UNIX) as sock:
            sock.settimeout(squire_test.PATIENCE)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            sock.connect(self.socket)
            sock.sendall(b"GET /tap?pool=url%5Frewrite HTTP/1.1\r\n"
                         b"Host: localhost\r\nX-Squire: 1\r\n\r\n")
            head = b""
            while not head.endswith(b"\r\n\r\n"):
                head += sock.recv(1)
            self.assertIn(b"Transfer-Encoding: chunked", head)
            count = 200
            for _ in range(count):
                self.get("x" * 6000)
            self.assertEqual(self.squire.pool()["requests"], count)
            self.assertEqual(self.squire.pool()["queue"], 0)
            lost = seen = 0
            data = b""
            while seen + lost < count:
                data += sock.recv(65536)
                seen = data.count(b'"result": ')
                lost = sum(map(int, re.findall(rb'\{"lost": (\d+)\}', data)))
            self.assertGreater(lost, 0)
            self.assertEqual(seen + lost, count)
            self.get("again")
            while b"?again" not in data:
                data += sock.recv(65536)

    def test_the_end_of_the_pool_ends_it(self):
        process = self.follow("tap", "url_rewrite")
        self.squire.reconfigure(self.conf.replace(
            f"url_rewrite_program {self.program}\n", ""))
        self.assertEqual(process.wait(squire_test.PATIENCE), 0)

    def test_record_and_replay(self):
        path = self.squire.path("exchanges.rec")
        process = self.follow("record", "url_rewrite", path, "-n", "3")
        for word in "axb":
            self.get(word)
        self.assertEqual(process.wait(squire_test.PATIENCE), 0)
        text = self.squire.read("exchanges.rec")
        self.assertTrue(text.startswith(
            f"# squire record 1\nprogram {self.program}\nconcurrency 9\n"), text)
        result = run("replay", path)
        self.assertEqual((result.returncode, result.stdout),
                         (0, "3 exchanges, 0 differ\n"), result.stderr)
        self.assertIn("\n< OK note_=a\n", text)
        for concurrency in ("1", "3"):
            result = run("replay", "--concurrency", concurrency, path, "--",
                         *self.program.split())
            self.assertEqual((result.returncode, result.stdout),
                             (0, "3 exchanges, 0 differ\n"), result.stderr)

        other = self.squire.rewriter(
            "def rewrite(url, extras): return 'OK note_=b'\n",
            name="other.py").split()
        result = run("replay", "--concurrency", "1", path, "--", *other)
        self.assertEqual(result.returncode, 1)
        self.assertEqual(result.stdout.count("\n  + OK note_=b\n"), 2)
        self.assertIn("?a GET\n  - OK note_=a\n  + OK note_=b\n",
                      result.stdout)
        self.assertIn("?x GET\n  - ERR\n  + OK note_=b\n", result.stdout)
        self.assertTrue(result.stdout.endswith("3 exchanges, 2 differ\n"))
        result = run("replay", "--concurrency", "1", "-q", path, "--", *other)
        self.assertEqual((result.returncode, result.stdout), (1, ""))

        result = self.ctl("record", "url_rewrite", "-", "--last")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual(re.sub(" time=[^ ]*", "", result.stdout),
                         re.sub(" time=[^ ]*", "", text))
        result = self.ctl("record", "url_rewrite", "/nonexistent/file")
        self.assertEqual(result.returncode, 1)
        self.assertIn("No such file", result.stderr)


HELPER = """
import os, sys, time
for line in sys.stdin:
    word = line.rstrip("\\n")
    if word == "silence":
        continue
    if word == "exit":
        os._exit(3)
    if word == "signal":
        os.kill(os.getpid(), 9)
    if word.startswith("sleep"):
        time.sleep(0.1)
    print(word.upper(), flush=True)
os._exit(4)
"""


class Replay(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="squire-replay-")
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        self.program = [sys.executable, self.write("helper.py", HELPER)]

    def write(self, name, text):
        path = os.path.join(self.folder, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return path

    def replay(self, text, *options, program=None):
        path = self.write("some.rec", "# squire record 1\n" + text)
        return run("replay", *options, path, "--", *(program or self.program))

    def test_silence_and_ends(self):
        good = ("> silence\n<! silence\n> ok\n< OK\n> exit\n<! exit 3\n"
                "> ok\n< OK\n> signal\n<! signal 9\n> err\n< ERR\n"
                ">! eof\n<! exit 4\n")
        result = self.replay(good, "--timeout", "3")
        self.assertEqual((result.returncode, result.stdout),
                         (0, "7 exchanges, 0 differ\n"), result.stderr)
        for old, new, shown in (
                ("silence\n<! silence", "silence\n< OK",
                 "- OK\n  + (TIMEOUT: no answer in time)"),
                ("exit 3", "exit 0", "- (exited with status 0)\n"
                 "  + (exited with status 3)"),
                ("signal 9", "signal 11", "- (killed by SIGSEGV)\n"
                 "  + (killed by SIGKILL)"),
                ("exit 4", "exit 0", "> (end of input)\n"
                 "  - (exited with status 0)\n  + (exited with status 4)"),
                ("< ERR", "<~ O*", "- like O*\n  + ERR")):
            result = self.replay(good.replace(old, new), "--timeout", "3")
            self.assertEqual(result.returncode, 1)
            self.assertIn(shown, result.stdout)
            self.assertIn("7 exchanges, 1 differ\n", result.stdout)

    def test_order(self):
        counter = [sys.executable, self.write(
            "counter.py", "import sys\nfor i, line in enumerate(sys.stdin):\n"
            "    print('OK', i, flush=True)\n")]
        text = "> q\n< OK 1\n> q\n< OK 0\n> r\n< OK 2\n"
        self.assertEqual(self.replay(text, program=counter).returncode, 1)
        result = self.replay(text, "--ignore-order", program=counter)
        self.assertEqual(result.returncode, 0, result.stdout)
        text = "> q\n< OK 1\n> r\n< OK 0\n"
        result = self.replay(text, "--ignore-order", program=counter)
        self.assertEqual(result.returncode, 1)

    def test_what_expects_nothing_is_asked_and_not_compared(self):
        text = ("> ok\n> silence\n> exit\n> ok\n< OK\n"
                "> err\n\n>! eof\n")
        result = self.replay(text, "--timeout", "3")
        self.assertEqual((result.returncode, result.stdout),
                         (0, "6 exchanges, 0 differ\n"), result.stderr)
        text = "> 1\n> 2\n> q\n< OK 2\n> q\n< OK 3\n"
        counter = [sys.executable, self.write(
            "counter.py", "import sys\nfor i, line in enumerate(sys.stdin):\n"
            "    print('OK', i, flush=True)\n")]
        self.assertEqual(self.replay(text, program=counter).returncode, 0)

    def test_pace(self):
        text = "".join(f"@ time=2026-01-01T00:00:0{i}.000000Z\n> ok\n< OK\n"
                       for i in (1, 3))
        started = time.monotonic()
        result = self.replay(text, "--speed", "4")
        self.assertEqual(result.returncode, 0, result.stdout)
        self.assertGreater(time.monotonic() - started, 0.5)

    def test_program_of_the_record(self):
        path = self.write("own.rec", "# squire record 1\nprogram "
                          + " ".join(self.program) + "\n> ok\n< OK\n")
        self.assertEqual(run("replay", path).returncode, 0)

    def test_misuse(self):
        result = self.replay("nonsense\n")
        self.assertEqual(result.returncode, 1)
        self.assertIn("some.rec:2: ", result.stderr)
        for arguments in ((), ("--speed", "0", "x"), ("--concurrency", "-1")):
            self.assertEqual(run("replay", *arguments).returncode, 2)
        result = run("replay", "/nonexistent.rec", "--", "true")
        self.assertIn("No such file", result.stderr)
        result = self.replay("> ok\n< OK\n", program=["/nonexistent/x"])
        self.assertEqual(result.returncode, 1)


if __name__ == "__main__":
    squire_test.main()
