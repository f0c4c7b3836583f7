#!/usr/bin/env python3
"""squirectl for people: log, top in a terminal, events; and try and bench with
programs that need no proxy."""

import fcntl
import json
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "..", "support"))
import squire_test
from squire_test import BUILD, Origin, Squire, answer, wait_for

SQUIRECTL = os.path.join(BUILD, "src", "squirectl")
SQUID = "/usr/lib/squid/"


def run(*arguments, **options):
    """The ended squirectl, with its output."""
    variables = {name: value for name, value in os.environ.items()
                 if name not in ("PYTHONUNBUFFERED", "SQUIRE_MANAGER")}
    return subprocess.run([SQUIRECTL, *arguments], capture_output=True,
                          encoding="latin-1", timeout=squire_test.PATIENCE,
                          check=False, env=variables, **options)


class Log(unittest.TestCase):
    """Without a proxy: a file of known lines."""

    LINES = ["2026/11/22 20:15:01.123 kid1 84,1| rewrite #1 (pid 7): one\n",
             "2026/11/22 20:15:01.124 84,1| rewrite #12 (pid 8): two\n",
             "  goes on\n",
             "2026/11/22 20:15:01.125 84,2| rewrite: three\n",
             "2026/11/22 20:15:01.126 3,0| four 84,1| rewrite #1 x\n",
             "2026/11/22 20:15:01.127 84,1| rewriter #1 (pid 9): five\n",
             "2026/11/22 20:15:01.128 84,1| other | 3,1| six\n"]

    def setUp(self):
        self.folder = tempfile.TemporaryDirectory(prefix="squire-log-")
        self.addCleanup(self.folder.cleanup)
        self.path = os.path.join(self.folder.name, "debug.log")
        with open(self.path, "w", encoding="utf-8") as file:
            file.writelines(self.LINES)

    def chosen(self, *arguments):
        result = run("log", "-f", self.path, *arguments)
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        return [self.LINES.index(line + "\n")
                for line in result.stdout.splitlines()]

    def test_filters(self):
        for arguments, lines in (
                ((), [0, 1, 2, 3, 4, 5, 6]),
                (("--section", "84"), [0, 1, 2, 3, 5, 6]),
                (("--section", "config"), [4]),
                (("--section", "3,HELPER"), [0, 1, 2, 3, 4, 5, 6]),
                (("--level", "0"), [4]),
                (("--level", "1", "--section", "84"), [0, 1, 2, 5, 6]),
                (("--helper", "rewrite"), [0, 1, 2, 3]),
                (("--helper", "rewrite#1"), [0]),
                (("--helper", "rewrite #12"), [1, 2]),
                (("--grep", "goes"), [2]),
                (("--grep", "(pid", "--helper", "rewrite"), [0, 1]),
                (("-n", "2"), [5, 6]),
                (("-n", "0"), []),
                (("-n", "1", "--helper", "rewrite#1"), [0])):
            self.assertEqual(self.chosen(*arguments), lines, arguments)

    def test_misuse(self):
        for arguments in (("--section", "nonsense"), ("--level", "10"),
                          ("-n", "-1"), ("-n", "x"), ("--section", "100")):
            result = run("log", "-f", self.path, *arguments)
            self.assertEqual(result.returncode, 2, arguments)
        result = run("log", "-f", self.path + "x")
        self.assertEqual(result.returncode, 1)
        self.assertIn("No such file", result.stderr)

    def append(self, text):
        with open(self.path, "a", encoding="utf-8") as file:
            file.write(text)

    def test_follow_survives_rotation_and_truncation(self):
        process = subprocess.Popen(
            [SQUIRECTL, "log", "-f", self.path, "-F", "-n", "1"],
            stdout=subprocess.PIPE, encoding="utf-8")
        with process:
            line = process.stdout.readline
            self.assertEqual(line(), self.LINES[-1])
            self.append("84,1| half")
            self.append(" a line\n")
            self.assertEqual(line(), "84,1| half a line\n")
            self.append("before the rename\n")
            os.rename(self.path, self.path + ".0")
            self.append("after it\n")
            self.assertEqual(line(), "before the rename\n")
            self.assertEqual(line(), "after it\n")
            os.truncate(self.path, 0)
            time.sleep(1)
            self.append("anew\n")
            self.assertEqual(line(), "anew\n")
            process.terminate()

class Terminal:
    """A command in a terminal of its own."""

    def __init__(self, *arguments, columns=80, rows=24):
        self.master, slave = pty.openpty()
        self.resize(columns, rows)
        self.before = termios.tcgetattr(slave)
        self.slave = slave
        self.output = b""
        self.process = subprocess.Popen(
            [SQUIRECTL, *arguments], stdin=slave, stdout=slave, stderr=slave,
            start_new_session=True, preexec_fn=lambda: fcntl.ioctl(
                0, termios.TIOCSCTTY, 0))

    def resize(self, columns, rows):
        fcntl.ioctl(self.master, termios.TIOCSWINSZ,
                    struct.pack("HHHH", rows, columns, 0, 0))

    def read(self, patience=0.1):
        while select.select([self.master], [], [], patience)[0]:
            self.output += os.read(self.master, 65536)
        return self.output

    def pictures(self):
        """The lines of each picture, without escape sequences."""
        text = self.read().decode()
        found = []
        for picture in text.split("\033[H")[1:]:
            picture = picture.split("\033[J")[0]
            picture = re.sub(r"\033\[[0-9;?]*[A-Za-z]", "", picture)
            found.append(picture.split("\r\n"))
        return found

    def key(self, text):
        os.write(self.master, text.encode())

    def finish(self):
        """Exit status; the terminal must be as it was."""
        status = self.process.wait(squire_test.PATIENCE)
        text = self.read()
        assert termios.tcgetattr(self.slave) == self.before, "other modes"
        if b"\033[?1049h" in text:
            tail = text[text.rindex(b"\033[?1049h"):]
            assert b"\033[?25h\033[?1049l" in tail, text[-200:]
        os.close(self.slave)
        os.close(self.master)
        return status


class Top(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.origin = Origin({"/": answer(200, b"x")})
        cls.squire = Squire()
        program = cls.squire.rewriter(
            "def rewrite(url, extras): return 'ERR'\n")
        cls.socket = cls.squire.path("manager.sock")
        cls.squire.write_conf(
            f"manager_port {cls.socket}\nurl_rewrite_program {program}\n"
            "url_rewrite_children 40 startup=30 concurrency=7\n")
        cls.squire.start()
        wait_for("the socket", lambda: os.path.exists(cls.socket))
        wait_for("its helpers", lambda: len(
            cls.squire.pool()["helpers"]) == 30)
        cls.squire.get(cls.origin.url("/"))

    @classmethod
    def tearDownClass(cls):
        cls.squire.stop()
        cls.origin.close()

    def top(self, *arguments, **options):
        return Terminal("-s", self.socket, "top", *arguments, **options)

    def check_size(self, picture, columns, rows):
        self.assertLessEqual(len(picture), rows)
        self.assertLessEqual(max(map(len, picture)), columns, picture)

    def test_80_columns_and_keys(self):
        terminal = self.top("-d", "0.2")
        wait_for("some pictures", lambda: len(terminal.pictures()) > 3)
        picture = terminal.pictures()[-2]
        self.check_size(picture, 80, 24)
        self.assertEqual(len(picture), 24)
        self.assertRegex(picture[0], r"^squire \S+  up .* by rate$")
        self.assertRegex(picture[2], r"^POOL +REQ/s +BUSY +QUEUE")
        self.assertRegex(picture[3], r"^url_rewrite .* 30/40 ")
        self.assertRegex(picture[5], r"^POOL +ID +PID +STATE")
        self.assertRegex(picture[6], r"^url_rewrite +1 ")
        terminal.key("s")
        wait_for("another order", lambda: " by busy"
                 in terminal.pictures()[-1][0])
        terminal.key("q")
        self.assertEqual(terminal.finish(), 0)

    def test_resize(self):
        terminal = self.top("-d", "60", columns=120, rows=50)
        wait_for("a picture", terminal.pictures)
        self.check_size(terminal.pictures()[0], 120, 50)
        self.assertGreater(len(terminal.pictures()[0]), 30)
        terminal.resize(40, 10)
        wait_for("another", lambda: len(terminal.pictures()) > 1)
        self.check_size(terminal.pictures()[-1], 40, 10)
        terminal.key("q")
        self.assertEqual(terminal.finish(), 0)

    def test_terminal_is_given_back(self):
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            terminal = self.top("-d", "60")
            wait_for("a picture", terminal.pictures)
            terminal.process.send_signal(number)
            self.assertEqual(terminal.finish(), 0)
        terminal = self.top("-d", "60")
        wait_for("a picture", terminal.pictures)
        terminal.key("\3")
        self.assertEqual(terminal.finish(), 0)

    def test_manager_that_goes_away(self):
        with Squire() as squire:
            path = squire.path("sock")
            squire.reconfigure(f"manager_port {path}\n")
            terminal = Terminal("-s", path, "top", "-d", "0.1")
            wait_for("a picture", terminal.pictures)
            squire.reconfigure("")
            status = terminal.process.wait(squire_test.PATIENCE)
            text = terminal.read().decode()
            self.assertEqual((terminal.finish(), status), (1, 1))
            self.assertRegex(text, r"1049l.*squirectl top: .*sock: ")

    def test_batch(self):
        result = run("-s", self.socket, "top", "-b", "-n", "2", "-d", "0.1")
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        self.assertEqual(result.stdout.count("REQ/s"), 4)
        self.assertEqual(result.stdout.count("\nurl_rewrite "), 62)
        self.assertNotIn("\033", result.stdout)
        result = run("-s", self.socket, "top")
        self.assertEqual(result.returncode, 1)
        self.assertIn("-b is for pipes", result.stderr)

    def test_batch_does_not_cut_names(self):
        name = "group_of_users_by_some_directory"
        with Squire() as squire:
            path = squire.path("sock")
            squire.reconfigure(f"manager_port {path}\n"
                               f"external_acl_type {name} children-startup=1 "
                               f"%SRC /bin/cat\nacl x external {name}\n")
            result = run("-s", path, "top", "-b", "-n", "1")
            self.assertEqual(result.stdout.count(f"\nexternal/{name} "), 2,
                             result.stdout)

    def test_percentiles_are_of_the_last_interval(self):
        with Squire() as squire:
            program = squire.rewriter(
                "import time\n"
                "def rewrite(url, extras):\n"
                "    time.sleep(0.5 if 'slow' in url else 0)\n"
                "    return 'ERR'\n")
            squire.reconfigure(f"url_rewrite_program {program}\n"
                               "url_rewrite_children 1 startup=1 "
                               "concurrency=5\n")
            squire.get("http://127.0.0.1:1/slow")
            with subprocess.Popen(
                    [SQUIRECTL, "-u", f"127.0.0.1:{squire.manager}", "top",
                     "-b", "-n", "3", "-d", "1"], stdout=subprocess.PIPE,
                    encoding="utf-8") as process:
                lines = iter(process.stdout.readline, "")

                def p99():
                    notes = []
                    for line in lines:
                        notes.append(line.strip())
                        if re.match(r"url_rewrite .* 1/1 ", line):
                            return line.split()[6], notes[-3]
                    return None
                value, note = p99()
                self.assertEqual(note, "P50ms and P99ms: since the start")
                self.assertAlmostEqual(float(value), 500, delta=400)
                for _ in range(10):
                    squire.get("http://127.0.0.1:1/quick")
                value, note = p99()
                self.assertRegex(note, r"P99ms: of the last \d\.\d s$")
                self.assertLess(float(value), 400)
                value, note = p99()
                self.assertEqual(value, "-")

    def test_rates(self):
        process = subprocess.Popen(
            [SQUIRECTL, "-s", self.socket, "top", "-b", "-n", "2", "-d", "1"],
            stdout=subprocess.PIPE, encoding="utf-8")
        with process:
            while not process.stdout.readline().startswith("url_rewrite"):
                pass
            for _ in range(10):
                self.squire.get(self.origin.url("/"))
            text = process.stdout.read()
        rates = [float(line.split()[1]) for line in text.splitlines()
                 if re.match(r"url_rewrite .* 30/40 ", line)]
        self.assertGreater(rates[-1], 0, text)


def connections(path):
    """Open connections to a unix socket."""
    with open("/proc/net/unix", encoding="utf-8", errors="replace") as file:
        return sum(line.split()[5] == "03" and line.rstrip().endswith(path)
                   for line in file.readlines()[1:])


class LogOfHelpers(unittest.TestCase):
    def test_stderr_has_a_tag_and_the_end_its_last_lines(self):
        with Squire() as squire:
            program = squire.rewriter(
                "def rewrite(url, extras):\n"
                "    if 'exit' in url:\n"
                "        sys.stderr.write('no more\\nmemory\\n')\n"
                "        sys.stderr.flush()\n"
                "        sys.exit(7)\n"
                "    for i in range(100):\n"
                "        sys.stderr.write('noise %d\\n' % i)\n"
                "    sys.stderr.flush()\n"
                "    return 'ERR'\n")
            socket = squire.path("sock")
            squire.reconfigure(
                f"manager_port {socket}\nurl_rewrite_program {program}\n"
                "url_rewrite_children 1 startup=1 concurrency=1 attempts=1\n")
            squire.get("http://127.0.0.1:1/fine")
            squire.get("http://127.0.0.1:1/exit")
            wait_for("the end of it", lambda: "status 7" in squire.log())
            result = run("-s", socket, "log", "--helper", "url_rewrite#1")
            self.assertEqual((result.returncode, result.stderr), (0, ""))
            lines = result.stdout.splitlines()
            for line in lines:
                self.assertRegex(line, r" 84,\d\| url_rewrite #1 \(pid \d+\)")
            noise = [line for line in lines if "noise" in line]
            self.assertIn(len(noise), range(20, 41))
            self.assertRegex(result.stdout, r"\d+ lines suppressed")
            self.assertRegex(result.stdout, r"exited with status 7; .*"
                             r"it last said: .*no more \| memory\n")
            result = run("-s", socket, "log", "--helper", "url_rewrite#1",
                         "-n", "1", "--grep", "status")
            self.assertEqual(result.stdout.count("\n"), 1)
            self.assertIn("status 7", result.stdout)


class Events(unittest.TestCase):
    def test_what_happens_is_told(self):
        with Squire() as squire:
            program = squire.rewriter(
                "import os, time\n"
                "def rewrite(url, extras):\n"
                "    if 'exit' in url: os._exit(3)\n"
                "    if 'nonsense' in url: return 'x\\n1 y\\nz'\n"
                "    if 'slow' in url: time.sleep(100)\n"
                "    return 'ERR'\n")
            socket = squire.path("sock")
            squire.reconfigure(
                f"manager_port {socket}\n"
                f"url_rewrite_program {program}\n"
                "url_rewrite_children 2 startup=1 concurrency=1 "
                "attempts=1 timeout=5s\n")
            process = subprocess.Popen(
                [SQUIRECTL, "-s", socket, "events", "--json"],
                stdout=subprocess.PIPE, encoding="utf-8")
            text = subprocess.Popen(
                [SQUIRECTL, "-s", socket, "events"], stdout=subprocess.PIPE,
                encoding="utf-8")
            with process, text:
                wait_for("both readers", lambda: connections(socket) == 2)
                for word in ("exit", "fine", "nonsense", "slow"):
                    squire.get(f"http://127.0.0.1:1/{word}")
                seen = {}
                while set(seen) < {"start", "exit", "timeout", "fail"}:
                    event = json.loads(process.stdout.readline())
                    seen[event["event"]] = event
                    self.assertEqual(event["pool"], "url_rewrite")
                process.send_signal(signal.SIGINT)
                text.send_signal(signal.SIGTERM)
                self.assertEqual(process.wait(squire_test.PATIENCE), 0)
                self.assertEqual(text.wait(squire_test.PATIENCE), 0)
                self.assertRegex(text.stdout.read(),
                                 r"exit +url_rewrite #1 \(pid \d+\): exited "
                                 r"with status 3")
            self.assertIn("no answer in time", seen["timeout"]["text"])
            squire.check_idle()

    def test_time_limit(self):
        with Squire() as squire:
            started = time.monotonic()
            result = run("-u", f"127.0.0.1:{squire.manager}", "events", "-t",
                         "0.3")
            self.assertEqual((result.returncode, result.stdout), (0, ""))
            self.assertLess(time.monotonic() - started, 20)


HELPER = """
import sys, time, os
{body}
for line in sys.stdin:
    line = line.rstrip("\\n")
    answer(line)
"""


class Try(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory(prefix="squire-try-")
        self.addCleanup(self.folder.cleanup)

    def helper(self, body):
        path = os.path.join(self.folder.name, "helper.py")
        with open(path, "w", encoding="utf-8") as file:
            file.write(HELPER.format(body=body))
        return [sys.executable, path]

    def ask(self, program, text, *options):
        return run("try", *options, *program, input=text)

    def hints(self, body, text, *options):
        result = self.ask(self.helper(body), text, *options)
        found = re.findall(r"(?m)^  hint: (.*)$", result.stdout)
        return result.returncode, found, result.stdout

    def check_hint(self, body, words, *options, status=None, text="a b\n"):
        code, found, output = self.hints(body, text, *options)
        self.assertTrue(any(words in hint for hint in found), output)
        if status is not None:
            self.assertEqual(code, status, output)

    def test_answers_are_taken_apart(self):
        code, found, output = self.hints(
            "def answer(line): print('OK url=\"a b\" message=c%20d rest', "
            "flush=True)\n", "x\ny\n")
        self.assertEqual((code, found), (0, []), output)
        self.assertEqual(output.count("\n  url = a b\n"), 2)
        self.assertEqual(output.count("\n  message = c d\n"), 2)
        self.assertIn("\n  text: rest\n", output)
        self.assertRegex(output, r"\n  OK in \d+\.\d+ ms\n")
        self.assertIn("it ended with status 0", output)

    def test_hints(self):
        say = "def answer(line): print({!r}, flush=True)\n"
        self.check_hint(say.format("OK"), "no channel-ID", "--concurrency",
                        "1")
        self.check_hint(say.format("0 OK"), "none was sent")
        self.check_hint(say.format("7 OK"), "not that of the request",
                        "--concurrency", "1")
        self.check_hint(say.format("ok"), "in capitals")
        self.check_hint(say.format("http://x/"), "no result word")
        self.check_hint(say.format('OK url="http://x/'), "not closed")
        self.check_hint(say.format("OK url = x"), "no blank beside")
        self.check_hint(say.format("OK urk=x"), "does not know")
        self.check_hint(say.format("OK\nOK"), "more than one line",
                        status=1)
        self.check_hint(say.format("OK"), "longer than 8191",
                        text="x" * 8190 + "\n")
        code, found, output = self.hints(say.format("OK url=%0d%0aX"), "a\n")
        self.assertIn("not used: ", output)
        self.assertNotIn("\r", output)

    def test_output_before_the_first_request(self):
        program = self.helper("print('hello', flush=True)\n"
                              "def answer(line): print('OK', flush=True)\n")
        process = subprocess.Popen([SQUIRECTL, "try", *program],
                                   stdin=subprocess.PIPE,
                                   stdout=subprocess.PIPE, encoding="utf-8")
        with process:
            self.assertEqual(process.stdout.readline(), "< hello\n")
            process.stdin.write("a\n")
            process.stdin.close()
            output = process.stdout.read()
            self.assertIn("before it is asked", output)
            self.assertIn("  OK in ", output)
            self.assertEqual(process.wait(squire_test.PATIENCE), 0)

    def test_silence(self):
        self.check_hint("def answer(line): print('OK')\n",
                        "does not flush", "--timeout", "0.5")
        self.check_hint("def answer(line):\n"
                        "    sys.stdout.write('OK'); sys.stdout.flush()\n",
                        "no line end", "--timeout", "0.5")
        code, found, output = self.hints("def answer(line): pass\n", "a\nb\n",
                                         "--timeout", "0.2")
        self.assertEqual((code, output.count("no answer within 0.2 s")),
                         (1, 2))

    def test_ends(self):
        code, _, output = self.hints(
            "sys.stderr.write('no rules\\n'); sys.exit(7)\n", "a\n")
        self.assertEqual(code, 1)
        self.assertIn("stderr| no rules\n", output)
        self.assertIn("it ended with status 7", output)
        code, _, output = self.hints(
            "def answer(line): os.kill(os.getpid(), 11)\n", "a\n")
        self.assertIn("ended by signal 11", output)
        result = self.ask(["/nonexistent/program"], "")
        self.assertEqual(result.returncode, 1)
        self.assertIn("cannot start /nonexistent/program: No such file",
                      result.stderr)
        code, _, output = self.hints(
            "import signal\n"
            "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
            "def answer(line):\n"
            "    print('OK', flush=True)\n"
            "    time.sleep(100)\n", "a\n")
        self.assertIn("did not leave", output)
        self.assertEqual(code, 1)

    def test_in_a_terminal(self):
        program = self.helper("def answer(line): print('OK', flush=True)\n")
        terminal = Terminal("try", *program)
        wait_for("a prompt", lambda: terminal.read().endswith(b"? "))
        terminal.key("http://a/\n")
        wait_for("an answer", lambda: b"OK in" in terminal.read())
        terminal.key("\4")
        self.assertEqual(terminal.finish(), 0)

    @unittest.skipUnless(os.path.exists(SQUID), "no squid helpers here")
    def test_squids_own(self):
        result = self.ask([SQUID + "url_fake_rewrite"], "http://a/\n\nx\n")
        self.assertEqual(result.returncode, 0, result.stdout)
        self.assertEqual(result.stdout.count("  ERR in "), 3)
        self.assertNotIn("hint", result.stdout)
        result = self.ask([SQUID + "basic_fake_auth"], "a b\n",
                          "--concurrency", "4")
        self.assertIn("does not know", result.stdout)
        result = self.ask([SQUID + "ntlm_fake_auth"], "YR\n")
        self.assertRegex(result.stdout, r"  TT in .*\n  token = TlRM")


class Bench(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory(prefix="squire-bench-")
        self.addCleanup(self.folder.cleanup)
        self.path = os.path.join(self.folder.name, "helper.py")
        self.program = [sys.executable, self.path]
        with open(self.path, "w", encoding="utf-8") as file:
            file.write("import sys\nfor line in sys.stdin:\n"
                       "    words = line.split()\n"
                       "    print(words[0], 'OK' if words[1] == 'a' else "
                       "'ERR', flush=True)\n")

    def test_figures(self):
        lines = os.path.join(self.folder.name, "lines")
        with open(lines, "w", encoding="utf-8") as file:
            file.write("a\nb\n")
        result = run("bench", "--concurrency", "4", "--processes", "2",
                     "--time", "0.5", "--file", lines, "--json",
                     *self.program)
        self.assertEqual(result.returncode, 0, result.stderr)
        figures = json.loads(result.stdout)
        self.assertGreater(figures["requests"], 10)
        self.assertEqual(figures["inflight"], 8)
        results = figures["results"]
        self.assertEqual(sum(results.values()), figures["requests"])
        self.assertLess(abs(results["OK"] - results["ERR"]),
                        figures["requests"] / 4 + 10)
        self.assertLessEqual(figures["service_ms"]["p50"],
                             figures["service_ms"]["p99"])

    def test_text_and_interrupt(self):
        process = subprocess.Popen(
            [SQUIRECTL, "bench", "--concurrency", "1", "--time", "100",
             "--line", "a", *self.program], stdout=subprocess.PIPE,
            encoding="utf-8")
        time.sleep(2)
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate(timeout=squire_test.PATIENCE)
        self.assertEqual(process.returncode, 0)
        self.assertRegex(output, r"^\d+ requests/s: \d+ answers in ")
        self.assertRegex(output, r"(?m)^service +p50 ")

    def test_a_program_that_does_not_work(self):
        for program in (["/nonexistent/program"], ["/bin/false"]):
            result = run("bench", "--time", "5", *program)
            self.assertEqual(result.returncode, 1)
            self.assertIn("squirectl bench: no answer: ", result.stderr)


if __name__ == "__main__":
    squire_test.main()
