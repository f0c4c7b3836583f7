#!/usr/bin/env python3
"""Helpers that misbehave in every way below a proxy: each request of a client
is answered as configured, the log names the helper and the reason, and
another pool beside it works on."""

import collections
import concurrent.futures
import contextlib
import os
import re
import signal
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "..", "support"))
import squire_test
import torture
from squire_test import (BUILD, PATIENCE, Origin, Squire, answer, children,
                         wait_for)

FAKE = torture.FAKE_HELPER
CLIENTS = 6
AT_A_TIME = 8
UNCHANGED = "unchanged"  # a usable answer: go on
BROKEN = "broken"  # no usable answer: url_rewrite_bypass decides
LATE = "late"  # the same, after the timeout
MIXED = "mixed"  # either, which depends on who comes first
TWO_MB = 2 << 20

Mode = collections.namedtuple(
    "Mode", "name program concurrency outcome reason")

# Name, what fake_helper is told, concurrency, outcome, what the log says.
MODES = [
    ("garbage", "garbage", 0, UNCHANGED,
     r"url_rewrite: rewrites to what is no URL: "),
    ("garbage with IDs", "ids garbage", 10, UNCHANGED,
     r"url_rewrite: rewrites to what is no URL: "),
    ("octet by octet", "bytes", 0, UNCHANGED, None),
    ("octet by octet with IDs", "ids bytes", 10, UNCHANGED, None),
    ("CR LF", "ids crlf", 10, UNCHANGED, None),
    ("noise on stderr", "ids noise=500", 10, UNCHANGED,
     r"url_rewrite #\d+ \(pid \d+\): noise \d+"),
    ("BH", "bh", 0, UNCHANGED, r"url_rewrite: could not decide \(BH\)"),
    ("control octets in a value", "ids control", 10, UNCHANGED,
     r"#\d+ \(pid \d+\): answer not used: "),
    ("one answer each", "one-shot", 0, UNCHANGED, None),
    ("two lines for one", "two-for-one", 0, BROKEN,
     r"#\d+ \(pid \d+\) is put down: it answered with a line too many"),
    ("two lines for one with IDs", "ids two-for-one", 10, MIXED,
     r"is put down: it answered a channel-ID that is not asked: twice"),
    ("a second line later", "two-later", 0, MIXED, None),
    ("IDs of its own", "ids unknown-id", 10, BROKEN,
     r"is put down: it answered a channel-ID that is not asked"),
    ("no IDs", "ids no-id", 10, BROKEN,
     r"is put down: it answered without channel-ID; is concurrency= set"),
    ("concurrency for a helper without IDs", "crlf", 10, BROKEN,
     r"is put down: it answered without channel-ID; is concurrency= set"),
    ("line of 2 MB", f"ids bigline={TWO_MB}", 10, BROKEN,
     r"is put down: its answer is longer than the limit"),
    ("NUL", "ids nul", 10, BROKEN, r"NUL"),
    ("speaks first", "banner", 0, MIXED,
     r"is put down: it spoke without being asked"),
    ("speaks first with IDs", "ids banner", 10, BROKEN,
     r"is put down: it answered without channel-ID"),
    ("half a line and the end", "ids half-line", 10, BROKEN,
     r"#\d+ \(pid \d+\) exited with status 0; after 0 answers"),
    ("closed stdout", "ids close-stdout", 10, BROKEN,
     r"is put down: closed its output, but did not end"),
    ("crash", "crash-after=0", 0, BROKEN,
     r"#\d+ \(pid \d+\) exited with status 3; after 0 answers, with 1 req"),
    ("crash after an answer", "ids crash-after=1", 10, MIXED,
     r"#\d+ \(pid \d+\) exited with status 3; after 1 answers"),
    ("abort", "ids abort-after=0 last-words", 10, BROKEN,
     r"#\d+ \(pid \d+\) killed by SIGABRT"),
    ("kill -9 of itself", "ids kill-after=0", 10, BROKEN,
     r"#\d+ \(pid \d+\) killed by SIGKILL"),
    ("end at the start", "exit-at-start last-words", 0, BROKEN,
     r"#\d+ \(pid \d+\) exited with status 1; .* it last said: .*last words"),
    ("no answer", "silent", 0, LATE, r"is put down: no answer in time"),
    ("no answer with IDs", "ids silent", 10, LATE,
     r"url_rewrite: TIMEOUT"),
    ("no line end", "no-newline", 0, LATE,
     r"is put down: no answer in time"),
    ("no line end with IDs", "ids no-newline", 10, LATE,
     r"url_rewrite: TIMEOUT"),
    ("late", "slow=5000", 0, LATE, r"is put down: no answer in time"),
    ("deaf", "ids deaf", 10, LATE, r"url_rewrite: TIMEOUT"),
    ("deaf and stubborn", "ids deaf stubborn", 10, LATE,
     r"url_rewrite: TIMEOUT"),
]

# What is in a file that is no program, its mode, what exec says.
NO_PROGRAMS = [
    ("missing", None, 0, "No such file or directory"),
    ("text", "no program\n", 0o644, "Permission denied"),
    ("script", "echo OK\n", 0o755, "Exec format error"),
    ("interpreter", "#!/nonexistent/sh\n", 0o755,
     "No such file or directory"),
]


def conf(program, concurrency, bypass, more="", timeout=PATIENCE):
    return (f"url_rewrite_program {program}\n"
            f"url_rewrite_children 3 startup=2 timeout={timeout} "
            f"concurrency={concurrency}\n"
            f"url_rewrite_bypass {'on' if bypass else 'off'}\n"
            f"debug_options ALL,1 84,2\n{more}")


class Proxy:
    """A squire with one misbehaving rewriter, and an origin."""

    def __init__(self, origin):
        self.origin = origin
        self.squire = Squire()

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if kind is not None:
            sys.stderr.write(self.squire.log() + self.squire.read("stderr"))
        self.squire.stop(check=kind is None)

    def start(self, text):
        self.squire.write_conf(text)
        self.squire.start()

    def ask(self, path="/"):
        response = self.squire.get(self.origin.url(path))
        if response.status == 200 and response.body != b"from the origin":
            raise AssertionError(response.body)
        return response

    def ask_many(self):
        with concurrent.futures.ThreadPoolExecutor(CLIENTS) as pool:
            return list(pool.map(self.ask, ["/"] * CLIENTS))

    def two_helpers(self):
        return wait_for("two helpers",
                        lambda: len(children(self.squire.pid)) == 2 and
                        children(self.squire.pid))

    def check_answers(self, outcome, bypass):
        broken = 200 if bypass else 500
        expected = {UNCHANGED: [200], BROKEN: [broken], LATE: [broken],
                    MIXED: [200, broken]}[outcome]
        for response in self.ask_many():
            page = response.get("X-Squire-Error") or ""
            if response.status not in expected or (
                    response.status == 500 and
                    "GATEWAY_FAILURE" not in page):
                raise AssertionError(f"{response.status} {page}, not "
                                     f"{expected}; bypass: {bypass}")

    def check_another_pool(self):
        rules = self.squire.write("rules", "regex . http://new.test/ 302\n")
        program = os.path.join(BUILD, "helpers", "url_rewrite_map")
        self.squire.reconfigure(conf(f"{program} {rules}", 10, False))
        # The old ones serve until the new ones are there.
        wait_for("the new program alone", lambda: self.serving() and all(
            "url_rewrite_map" in text for text in self.serving()))
        for response in self.ask_many():
            if response.get("Location") != "http://new.test/":
                raise AssertionError(f"the new pool: {response.status}")

    def serving(self):
        """The command lines of the processes that get requests."""
        texts = []
        for row in self.squire.pool()["helpers"]:
            if row["state"] in ("starting", "ready"):
                with contextlib.suppress(OSError), open(
                        f"/proc/{row['pid']}/cmdline", encoding="latin-1",
                        errors="replace") as file:
                    texts.append(file.read())
        return texts

    def check_left(self):
        """The bad pool goes, and its processes."""
        wait_for("one pool", lambda: len(self.squire.helpers()) == 1)
        wait_for("its own children alone", lambda: sorted(
            children(self.squire.pid)) == sorted(
                row["pid"] for row in self.squire.pool()["helpers"]))

    def check(self, mode):
        timeout = 1 if mode.outcome == LATE else PATIENCE
        self.start(conf(mode.program, mode.concurrency, False,
                        timeout=timeout))
        self.check_answers(mode.outcome, False)
        self.squire.reconfigure(conf(mode.program, mode.concurrency, True,
                                     timeout=timeout))
        self.check_answers(mode.outcome, True)
        # While the bad pool is still on its way out.
        self.check_another_pool()
        if mode.reason is not None:
            wait_for(f"{mode.reason} in the log",
                     lambda: re.search(mode.reason, self.squire.log()))
        self.check_left()


class Helpers(unittest.TestCase):
    def setUp(self):
        self.origin = Origin({"/": answer(200, b"from the origin",
                                          "Connection: close",
                                          "Cache-Control: no-store")})
        self.addCleanup(self.origin.close)

    def check_all(self, modes):
        """They mostly wait, so several at a time."""
        def check(mode):
            try:
                with Proxy(self.origin) as proxy:
                    proxy.check(mode)
            except Exception as error:  # told below, with the name
                return error
            return None

        with concurrent.futures.ThreadPoolExecutor(AT_A_TIME) as pool:
            outcomes = list(pool.map(check, modes))
        for mode, error in zip(modes, outcomes):
            with self.subTest(mode.name):
                if error is not None:
                    raise error

    def test_modes(self):
        self.check_all([Mode(name, f"{FAKE} {told}", *rest)
                        for name, told, *rest in MODES])

    def test_programs_that_are_none(self):
        with tempfile.TemporaryDirectory(prefix="squire-none-") as folder:
            modes = []
            for name, text, bits, reason in NO_PROGRAMS:
                path = os.path.join(folder, name)
                if text is not None:
                    with open(path, "w", encoding="ascii") as file:
                        file.write(text)
                    os.chmod(path, bits)
                modes.append(Mode(name, path, 0, BROKEN,
                                  f"cannot start {path}: {reason}"))
            modes.append(Mode("folder", folder, 0, BROKEN,
                              f"cannot start {folder}: Permission denied"))
            self.check_all(modes)

    def test_on_timeout(self):
        """What url_rewrite_timeout says goes before url_rewrite_bypass."""
        def ask(case):
            bypass, action, _ = case
            with Proxy(self.origin) as proxy:
                proxy.start(conf(f"{FAKE} ids silent", 10, bypass,
                                 "url_rewrite_timeout 1 second "
                                 f"on_timeout={action}\n"))
                return proxy.ask().status

        cases = [(bypass, action, status)
                 for bypass in (False, True)
                 for action, status in (
                     ("fail", 500), ("bypass", 200), ("retry", 500),
                     ('use_configured_response response="OK url=http://r/"',
                      302))]
        with concurrent.futures.ThreadPoolExecutor(AT_A_TIME) as pool:
            for case, status in zip(cases, pool.map(ask, cases)):
                self.assertEqual(status, case[2], case)

    def test_stopped(self):
        """SIGSTOP: it is there and does nothing; SIGTERM does not end it."""
        with Proxy(self.origin) as proxy:
            proxy.start(conf(f"{FAKE} ids bare", 10, False, timeout=1))
            wait_for("an answer", lambda: proxy.ask().status == 200)
            stopped = proxy.two_helpers()
            for pid in stopped:
                os.kill(pid, signal.SIGSTOP)
            outcomes = {response.status for response in proxy.ask_many()}
            self.assertLessEqual(outcomes, {200, 500})
            wait_for("other helpers", lambda: proxy.ask().status == 200)
            for pid in stopped:
                wait_for("the end of what was stopped",
                         lambda pid=pid: proxy.ask_many() and
                         not os.path.exists(f"/proc/{pid}"))
            self.assertRegex(proxy.squire.log(),
                             "is put down: .*(overdue|in time)")

    def test_stopped_at_shutdown(self):
        with Proxy(self.origin) as proxy:
            proxy.start(conf(f"{FAKE} ids stubborn", 10, False))
            self.assertEqual(proxy.ask().status, 200)
            os.kill(proxy.two_helpers()[0], signal.SIGSTOP)

    def test_second_line_later(self):
        """It is nobody's answer, once the first one is taken."""
        for told, concurrency, reason in (
                ("two-later", 0, "it spoke without being asked"),
                ("ids two-later", 10, "it answered a channel-ID that is "
                 "not asked: twice")):
            with Proxy(self.origin) as proxy:
                proxy.start(conf(f"{FAKE} {told}", concurrency, False))
                self.assertEqual(proxy.ask().status, 200)
                wait_for(reason, lambda reason=reason:
                         f"is put down: {reason}" in proxy.squire.log())

    def test_deaf_and_much_to_say(self):
        """The channel fills up: what is not answered in time goes on."""
        with Proxy(self.origin) as proxy:
            proxy.start(conf(f"{FAKE} ids deaf", 1000, True, timeout=1))
            with concurrent.futures.ThreadPoolExecutor(50) as pool:
                paths = ["/?" + "x" * 6000] * 200
                statuses = {response.status
                            for response in pool.map(proxy.ask, paths)}
            self.assertEqual(statuses, {200})

    def test_all_of_a_group_end(self):
        """What a stubborn helper has started itself ends with it."""
        with Proxy(self.origin) as proxy:
            script = proxy.squire.write(
                "family", "#!/bin/sh\ntrap '' TERM\nsleep 1000 &\n"
                f"exec {FAKE} ids bare stubborn\n", 0o755)
            proxy.start(conf(script, 10, False))
            self.assertEqual(proxy.ask().status, 200)
            sleepers = wait_for("their children", lambda: [
                pid for helper in proxy.two_helpers()
                for pid in children(helper)])
        wait_for("the end of all", lambda: not any(
            os.path.exists(f"/proc/{pid}") for pid in sleepers))


if __name__ == "__main__":
    squire_test.main()
