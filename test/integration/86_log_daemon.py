#!/usr/bin/env python3
"""access_log daemon: lines survive daemons that die, stand still, are not
there or have no disk; what is lost is counted."""

import os
import re
import signal
import sys
import threading
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
import squire_test
from squire_test import BUILD, Connection, Origin, Squire, wait_for

OURS = os.path.join(BUILD, "helpers", "log_file")
SQUIDS = "/usr/lib/squid/log_file_daemon"


def conf(squire, program=OURS, name="daemon.log", more=""):
    """Besides the log that Squire always has in tests."""
    return (f"logfile_daemon {program}\n"
            f"access_log daemon:{squire.path(name)} squid\n"
            "logfile_rotate 2\n" + more)


def make(program=OURS, name="daemon.log", more=""):
    squire = Squire()
    squire.write_conf(conf(squire, program, name, more))
    return squire


def paths_of(text):
    """What each whole line was about."""
    return re.findall(r"^\S+ +\d+ .* GET http://[^/]*(/\S*) - \S+ \S+$", text,
                      re.M)


def state(squire):
    """The manager's row of the daemon's log."""
    return next(row for row in squire.info()["access_log"]
                if row["type"] == "daemon")


class LogDaemon(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.origin = Origin()

    @classmethod
    def tearDownClass(cls):
        cls.origin.close()

    def send(self, squire, first, count):
        """Requests on one connection; a 404 is logged as well."""
        with Connection(squire.port) as client:
            for i in range(first, first + count):
                client.request(self.origin.url(f"/{i}"))

    def expect(self, squire, count, name="daemon.log"):
        """All lines, in order, none twice."""
        expected = [f"/{i}" for i in range(count)]
        wait_for(f"{count} lines", lambda: len(
            paths_of(squire.read(name))) >= count)
        self.assertEqual(paths_of(squire.read(name)), expected)

    def pid(self, squire):
        def find():
            for pid in squire_test.children(squire.pid):
                try:
                    with open(f"/proc/{pid}/cmdline", "rb") as file:
                        if b"(logfile-daemon)" in file.read():
                            return pid
                except OSError:
                    pass
            return None
        return wait_for("a log daemon", find)

    def programs(self):
        return [program for program in (OURS, SQUIDS)
                if os.access(program, os.X_OK)]

    def test_lines_and_rotation(self):
        for program in self.programs():
            for more in ("buffered_logs on\n", "buffered_logs off\n"):
                with self.subTest(program=program, more=more), \
                        make(program, more=more) as squire:
                    self.send(squire, 0, 5)
                    self.expect(squire, 5)
                    squire.signal(signal.SIGUSR1)
                    wait_for("rotation", lambda: len(paths_of(
                        squire.read("daemon.log.0"))) == 5)
                    self.send(squire, 0, 3)
                    self.expect(squire, 3)
                    row = state(squire)
                    self.assertEqual(row["path"], squire.path("daemon.log"))
                    self.assertEqual((row["lines"], row["lost"],
                                      row["restarts"]), (8, 0, 0))
                    wait_for("nothing to be queued",
                             lambda: state(squire)["queued"] == 0)

    def test_shutdown_writes_all(self):
        for program in self.programs():
            with self.subTest(program=program):
                squire = make(program, more="buffered_logs on\n").start()
                path = squire.path("daemon.log")
                self.send(squire, 0, 50)
                squire.process.terminate()
                squire.process.wait(squire_test.PATIENCE)
                with open(path, encoding="utf-8") as file:
                    self.assertEqual(len(paths_of(file.read())), 50)
                squire.stop(check=False)

    def test_shutdown_does_not_wait_for_ever(self):
        squire = make().start()
        pid = self.pid(squire)
        os.kill(pid, signal.SIGSTOP)
        self.send(squire, 0, 5)
        squire.process.terminate()
        squire.process.wait(squire_test.PATIENCE)
        self.assertIn("5 lines lost", squire.log())
        wait_for("the daemon to be gone",
                 lambda: not os.path.exists(f"/proc/{pid}"))
        squire.stop(check=False)

    def test_killed_under_load(self):
        """Ours acknowledges: nothing is missing. Squid's does not: nothing is
        missing either, but what it had just written comes again."""
        for program in self.programs():
            with self.subTest(program=program), make(program) as squire:
                threads = [threading.Thread(target=self.send, args=(
                    squire, 1000 * i, 300)) for i in range(3)]
                for thread in threads:
                    thread.start()
                kills = 0
                while any(thread.is_alive() for thread in threads):
                    os.kill(self.pid(squire), signal.SIGKILL)
                    kills += 1
                    time.sleep(0.15)
                for thread in threads:
                    thread.join()
                wait_for("all lines", lambda: state(squire)["queued"] == 0)
                wanted = {f"/{1000 * i + j}" for i in range(3)
                          for j in range(300)}
                wait_for("lines in the file", lambda: set(paths_of(
                    squire.read("daemon.log"))) >= wanted)
                found = paths_of(squire.read("daemon.log"))
                row = state(squire)
                self.assertEqual((row["lines"], row["lost"]), (900, 0))
                self.assertGreaterEqual(row["restarts"], 1)
                print(f"{os.path.basename(program)}: {kills} kills, "
                      f"{len(found) - 900} lines twice", file=sys.stderr)
                if program == OURS:
                    self.assertLess(len(found), 900 + 100 * kills)

    def test_standing_still(self):
        """SIGSTOP: the proxy goes on, memory is bounded, lines are counted."""
        with make() as squire:
            os.kill(self.pid(squire), signal.SIGSTOP)
            long = "x" * 7000
            count = 0
            begin = time.monotonic()
            with Connection(squire.port) as client:
                while state(squire)["lost"] == 0 and count < 3000:
                    for _ in range(100):
                        client.request(self.origin.url(f"/{count}?{long}"))
                        count += 1
            self.assertLess(time.monotonic() - begin, 120)
            row = state(squire)
            self.assertGreater(row["lost"], 0)
            self.assertLess(row["queued"] * 7000, 5 * 1024 * 1024)
            self.assertIn("takes too few lines", squire.log())
            os.kill(self.pid(squire), signal.SIGCONT)
            wait_for("the queue to empty",
                     lambda: state(squire)["queued"] == 0)
            row = state(squire)
            wait_for("what is not lost", lambda: len(paths_of(squire.read(
                "daemon.log"))) == count - row["lost"])

    def test_full_disk(self):
        with make() as squire:
            squire.write_conf(
                conf(squire).replace(squire.path("daemon.log"), "/dev/full"))
            squire.reconfigure()
            self.send(squire, 0, 5)
            wait_for("losses to be counted",
                     lambda: state(squire)["lost"] == 5)
            wait_for("them to be told",
                     lambda: "No space left" in squire.log())

    def test_missing_program(self):
        squire = Squire()
        program = squire.path("later")
        squire.write_conf(conf(squire, program))
        with squire:
            self.send(squire, 0, 3)
            self.assertIn(f"cannot start {program}", squire.log())
            self.assertEqual(state(squire)["queued"], 3)
            os.symlink(OURS, program)
            self.expect(squire, 3)

    def test_program_that_ends_at_once(self):
        """It is not started all the time."""
        with make("/bin/false") as squire:
            self.send(squire, 0, 3)
            time.sleep(1.5)
            row = state(squire)
            self.assertLess(row["restarts"], 8)
            self.assertEqual((row["lost"], row["queued"]), (0, 3))
            self.assertIn("exit status 1", squire.log())

    def test_reconfigure(self):
        """Another path: the old file gets its lines, the new one the rest."""
        with make() as squire:
            self.send(squire, 0, 5)
            pid = self.pid(squire)
            squire.reconfigure()
            self.assertEqual(self.pid(squire), pid, "nothing has changed")
            squire.write_conf(conf(squire, name="other.log"))
            squire.reconfigure()
            self.send(squire, 0, 2)
            self.expect(squire, 2, "other.log")
            self.expect(squire, 5)
            wait_for("the old daemon to end",
                     lambda: not os.path.exists(f"/proc/{pid}"))
            squire.write_conf("")
            squire.reconfigure()
            wait_for("no daemon", lambda: not squire_test.children(
                squire.pid))
            self.assertEqual([row["type"] for row in
                              squire.info()["access_log"]], ["stdio"])


squire_test.main()
