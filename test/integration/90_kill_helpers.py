#!/usr/bin/env python3
"""Real helpers are killed under load, a random one every 50 ms: no request
fails, the proxy stays up, each death is counted and explained in the log.

By hand: SQUIRE_TEST_KILLS=1000 makes the longest round that long, and
SQUIRE_TEST_KILL_MS=5 kills faster than helpers can start."""

import os
import random
import re
import signal
import sys
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "..", "support"))
import squire_test
import torture
from squire_test import BUILD, Squire, children, wait_for

INTERVAL = float(os.environ.get("SQUIRE_TEST_KILL_MS", "50")) / 1000
LONG_KILLS = int(os.environ.get("SQUIRE_TEST_KILLS", "200"))
SHORT_KILLS = 50
HELPERS = 5
SEED = random.randrange(1 << 32)

SQUID_GUARD = """\
dbhome {folder}
logdir {folder}
dest bad {{
    domainlist domains
}}
acl {{
    default {{
        pass !bad all
        redirect http://blocked.test/?u=%u
    }}
}}
"""


class Killer:
    """Kills a random child of squire every INTERVAL."""

    def __init__(self, squire):
        self.squire = squire
        self.random = random.Random(SEED)
        self.killed = []

    def kill_one(self):
        pids = children(self.squire.pid)
        if not pids:
            return
        pid = self.random.choice(pids)
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            return
        self.killed.append(pid)

    def run(self, kills):
        for _ in range(kills):
            self.kill_one()
            time.sleep(INTERVAL)


class Killing(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        for name in ("nginx", "wrk"):
            if torture.find_program(name) is None:
                raise unittest.SkipTest("no " + name)
        cls.nginx = torture.Nginx()
        print(f"seed {SEED}", file=sys.stderr)

    @classmethod
    def tearDownClass(cls):
        cls.nginx.close()

    def setUp(self):
        self.squire = Squire()
        self.addCleanup(self.squire.stop, check=False)

    def squid_helper(self, name):
        path = os.path.join(torture.SQUID_HELPERS, name)
        if not os.access(path, os.X_OK):
            self.skipTest("no " + path)
        return path

    def start(self, program, concurrency):
        self.squire.write_conf(
            f"url_rewrite_program {program}\n"
            f"url_rewrite_children {HELPERS} startup={HELPERS} "
            f"concurrency={concurrency}\n"
            "debug_options ALL,1 84,2\n")
        self.squire.start()
        wait_for("all helpers",
                 lambda: len(children(self.squire.pid)) == HELPERS)

    def check_deaths(self, killed):
        """Every death is in the log, with pid and signal, and counted."""
        log = self.squire.log()
        started = {int(pid) for pid in
                   re.findall(r"url_rewrite #\d+ \(pid (\d+)\) started",
                              log)}
        died = [int(pid) for pid in
                re.findall(r"url_rewrite #\d+ \(pid (\d+)\) killed by "
                           r"SIGKILL; after \d+ answers", log)]
        self.assertEqual(len(died), len(set(died)))
        # One that was killed before its exec has never been a helper.
        unborn = set(killed) - started
        self.assertEqual(set(died), set(killed) - unborn)
        self.assertGreaterEqual(log.count("cannot start"), len(unborn))
        self.assertEqual(self.squire.pool()["restarts"], len(died))
        self.assertNotIn("put down", log)

    def check_load(self, load):
        self.assertGreater(load.requests, 100)
        self.assertEqual(load[1:], (0, 0, 0, 0, 0), load)

    def check_after(self, url, fds):
        self.squire.check_idle()
        wait_for("all helpers",
                 lambda: len(children(self.squire.pid)) == HELPERS)
        wait_for("what was open before, and no more",
                 lambda: torture.helper_fds(self.squire.pid) == fds)
        self.assertEqual(self.squire.get(url).body, b"fresh\n")

    def round(self, program, concurrency, kills=SHORT_KILLS, authority=None):
        authority = authority or self.nginx.authority
        url = f"http://{authority}/"
        self.start(program, concurrency)
        self.assertEqual(self.squire.get(url).body, b"fresh\n")
        fds = torture.helper_fds(self.squire.pid)
        load = torture.Wrk(self.squire, authority,
                           round(kills * INTERVAL) + 2)
        killer = Killer(self.squire)
        killer.run(kills)
        self.assertTrue(load.is_running())
        figures = load.finish()
        print(f"\n{len(killer.killed)} kills, {figures}", file=sys.stderr)
        self.check_load(figures)
        if INTERVAL >= 0.05:
            self.assertGreaterEqual(len(killer.killed), kills // 2)
        self.check_after(url, fds)
        self.check_deaths(killer.killed)
        self.squire.stop()

    def test_url_fake_rewrite_with_concurrency(self):
        self.round(self.squid_helper("url_fake_rewrite"), 100, LONG_KILLS)

    def test_url_fake_rewrite_sh(self):
        self.round(self.squid_helper("url_fake_rewrite.sh"), 0)

    def test_storeid_file_rewrite(self):
        rules = self.squire.write("storeid", "^http://a\\.test/(.*)\t"
                                  "http://b.test/$1\n")
        self.round(self.squid_helper("storeid_file_rewrite") + " " + rules,
                   10)

    def test_squid_guard(self):
        program = torture.find_program("squidGuard")
        if program is None:
            self.skipTest("no squidGuard")
        self.squire.write("domains", "bad.example.com\n")
        conf = self.squire.write("guard.conf", SQUID_GUARD.format(
            folder=self.squire.folder))
        self.round(f"{program} -c {conf}", 0)

    def test_url_rewrite_map(self):
        """Nothing but a rewritten URL leads anywhere."""
        program = os.path.join(BUILD, "helpers", "url_rewrite_map")
        rules = self.squire.write(
            "rules", f"domain old.test http://{self.nginx.authority}\\2\n")
        self.round(f"{program} {rules}", 100, authority="old.test")


if __name__ == "__main__":
    squire_test.main()
