#!/usr/bin/env python3
"""Every class of helper at once, below one proxy, while they are killed,
stopped, slow, talk nonsense or break off: each client request has one
answer, and one that the policy of its pools allows. What is forbidden stays
so, whatever the helpers do.

By hand: SQUIRE_TEST_CHAOS=60 goes on for so many seconds, and
SQUIRE_TEST_SEED=N begins as a run before did."""

import base64
import collections
import contextlib
import hashlib
import os
import random
import re
import signal
import sys
import threading
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "..", "support"))
import squire_test
from squire_test import (BUILD, PATIENCE, Connection, Origin, Squire, answer,
                         children, wait_for)

SECONDS = float(os.environ.get("SQUIRE_TEST_CHAOS", "6"))
SEED = int(os.environ.get("SQUIRE_TEST_SEED", random.randrange(1 << 32)))
CLIENTS = 16
KEYS = 40

# One program for all classes. Once in a while it misbehaves.
HELPER = r'''
import hashlib, os, random, sys, time
kind, concurrent = sys.argv[1], sys.argv[2] == "ids"
dice = random.Random(os.getpid())

def rewrite(words):
    return 'OK rewrite-url="%s"' % words[0].replace("/ask/", "/got/")

def storeid(words):
    return 'OK store-id="http://key/%s"' % words[0].split("key=")[1]

def site(words):
    return "ERR" if "/denied/" in words[0] else 'OK tag="site"'

def basic(words):
    return "OK" if words[1] == "right-" + words[0] else "ERR wrong"

def digest(words):
    user, realm = words[0].split(":")[0].strip('"'), "chaos"
    if not user.startswith("user"):
        return "ERR"
    text = "%s:%s:right-%s" % (user, realm, user)
    return 'OK ha1="%s"' % hashlib.md5(text.encode()).hexdigest()

step = [None]
def ntlm(words):
    if words[0] == "YR":
        step[0] = words[1]
        return "TT CHALLENG" + words[1]
    known, step[0] = step[0], None
    if known is None:
        return "BH no dialog"
    good = words[1] == "GOOD" + known
    return "AF " + known if good else "NA wrong"

kinds = {f.__name__: f for f in (rewrite, storeid, site, basic, digest, ntlm)}
for line in sys.stdin:
    words = line.split()
    channel = words.pop(0) + " " if concurrent else ""
    text = channel + kinds[kind](words)
    roll = dice.random()
    if roll < 0.004:
        os._exit(3)
    elif roll < 0.008:
        text = "what is this?"
    elif roll < 0.012:
        text = text[:len(text) // 2]
        sys.stdout.write(text)
        sys.stdout.flush()
        os._exit(0)
    elif roll < 0.02:
        text = channel + "BH message=\"not now\""
    elif roll < 0.024:
        continue
    elif roll < 0.04:
        time.sleep(dice.random() / 5)
    sys.stdout.write(text + "\n")
    sys.stdout.flush()
'''

CONF = """\
auth_param basic program {helper} basic ids
auth_param basic children 3 startup=2 concurrency=20 timeout=2 collapse=on
auth_param basic credentialsttl 1 seconds
auth_param digest program {helper} digest ids
auth_param digest children 3 startup=2 concurrency=20 timeout=2
auth_param digest realm chaos
auth_param ntlm program {helper} ntlm no-ids
auth_param ntlm children 12 startup=4 timeout=2
external_acl_type site ttl=0 children-max=3 children-startup=2 \
    concurrency=20 timeout=2 %URI %un {helper} site ids
acl user proxy_auth REQUIRED
acl site external site
http_access deny !user
http_access deny !site
http_access allow all
url_rewrite_program {helper} rewrite ids
url_rewrite_children 3 startup=2 concurrency=20 timeout=2
store_id_program {helper} storeid ids
store_id_children 3 startup=2 concurrency=20 timeout=2
store_id_bypass off
access_log daemon:{access} squid
logfile_daemon {log_file}
"""

SCHEMES = ("basic", "digest", "ntlm")


def md5(*texts):
    return hashlib.md5(":".join(texts).encode()).hexdigest()


class Client(threading.Thread):
    """Asks for things in the name of a user, right or wrong, and knows what
    it may be told."""

    def __init__(self, chaos, number):
        super().__init__(daemon=True)
        self.chaos = chaos
        self.random = random.Random(SEED + number)
        self.user = f"user{number}"
        self.scheme = SCHEMES[number % len(SCHEMES)]
        self.told = collections.Counter()
        self.wrong = []
        self.asked = 0
        self.connection = None
        self.nonce = None
        self.count = 0

    def url(self, is_allowed):
        what = "ask" if is_allowed else "denied"
        self.key = self.random.randrange(KEYS)
        return (f"http://{self.chaos.origin.authority}/{what}/"
                f"{self.random.randrange(1000)}?key={self.key}")

    def basic(self, password):
        text = f"{self.user}:{password}"
        return "Basic " + base64.b64encode(text.encode()).decode()

    def digest(self, url, password):
        self.count += 1
        nc = f"{self.count:08x}"
        ha1 = md5(self.user, "chaos", password)
        proof = md5(ha1, self.nonce, nc, "c", "auth", md5("GET", url))
        return (f'Digest username="{self.user}", realm="chaos", '
                f'nonce="{self.nonce}", uri="{url}", qop=auth, nc={nc}, '
                f'cnonce="c", response="{proof}"')

    def ask(self, url, credentials=None):
        """One request, one answer, and nothing after it."""
        headers = []
        if credentials:
            headers.append(("Proxy-Authorization", credentials))
        self.asked += 1
        response = self.connection.request(url, headers=headers)
        if response.truncated:
            self.wrong.append(f"{url}: cut short")
        if self.connection.buffer:
            self.wrong.append(f"{url}: more than one answer: "
                              f"{self.connection.buffer[:200]!r}")
        self.told[response.status] += 1
        if (response.get("Connection") or "").lower() == "close":
            self.leave()
        return response

    def leave(self):
        if self.connection is not None:
            self.connection.close()
        self.connection = None

    def enter(self):
        self.leave()
        self.connection = Connection(self.chaos.squire.port)
        self.nonce, self.count = None, 0

    def challenge(self, response, scheme):
        """What is behind the name of the scheme in a 407."""
        for value in response.get_all("Proxy-Authenticate"):
            if value.split(" ")[0].lower() == scheme:
                return value[len(scheme):].strip()
        self.wrong.append(f"407 without {scheme}: {response.headers}")
        return ""

    def by_basic(self, url, is_right):
        password = "right-" + self.user if is_right else "wrong"
        return self.ask(url, self.basic(password))

    def by_digest(self, url, is_right):
        password = "right-" + self.user if is_right else "wrong"
        for _ in range(2):
            if self.nonce is None:
                found = re.search(r'nonce="([^"]*)"', self.challenge(
                    self.ask(url), "digest"))
                if found is None or self.connection is None:
                    return None
                self.nonce, self.count = found.group(1), 0
            response = self.ask(url, self.digest(url, password))
            if response.status != 407:
                return response
            offer = self.challenge(response, "digest")
            self.nonce = None
            if "stale=true" not in offer.lower() or self.connection is None:
                return response
        return response

    def by_ntlm(self, url, is_right):
        token = base64.b64encode(self.user.encode()).decode()
        response = self.ask(url, "NTLM " + token)
        if response.status != 407 or self.connection is None:
            return response
        offer = self.challenge(response, "ntlm")
        if not offer:  # the dialog broke off
            return response
        if offer != "CHALLENG" + token:
            self.wrong.append(f"a challenge of another: {offer}")
        word = ("GOOD" if is_right else "EVIL") + token
        return self.ask(url, "NTLM " + word)

    def judge(self, response, is_right, is_allowed):
        """Only what the policies allow. A pool that cannot answer: the
        user is not known (407), the site is not allowed (403), the URL
        cannot be rewritten or named (5xx)."""
        status = response.status
        if not is_right:
            legal = {407}
        elif not is_allowed:
            legal = {407, 403}
        else:
            legal = {200, 407, 403, 500, 502, 503}
        if status not in legal:
            self.wrong.append(f"{self.scheme}, right={is_right}, allowed="
                              f"{is_allowed}: {status}")
        if status == 200 and response.body != b"key %d\n" % self.key:
            self.wrong.append(f"key {self.key}: {response.body!r}")
        if is_right and is_allowed:
            self.chaos.count(self.scheme, status)

    def one(self):
        is_right = self.random.random() < 0.8
        is_allowed = self.random.random() < 0.8
        if self.connection is None or self.scheme == "ntlm" \
                or self.random.random() < 0.05:
            self.enter()
        response = getattr(self, "by_" + self.scheme)(
            self.url(is_allowed), is_right)
        if response is not None:
            self.judge(response, is_right, is_allowed)

    def run(self):
        while not self.chaos.is_over:
            try:
                self.one()
            except (OSError, EOFError, ValueError) as error:
                self.wrong.append(f"{self.scheme}: no answer: {error!r}")
                self.leave()
        self.leave()


class ChaosOfClasses(unittest.TestCase):
    def setUp(self):
        print(f"SQUIRE_TEST_SEED={SEED}", file=sys.stderr)
        self.random = random.Random(SEED)
        self.is_over = False
        self.lock = threading.Lock()
        self.outcomes = collections.Counter()
        self.origin = Origin()
        self.addCleanup(self.origin.close)
        self.origin.answer = self.by_key
        self.squire = Squire(access="")
        self.addCleanup(self.squire.stop, check=False)
        path = self.squire.write("site_helper.py", HELPER)
        self.log = self.squire.path("daemon.log")
        self.squire.write_conf(CONF.format(
            helper=f"{sys.executable} -S -E {path}", access=self.log,
            log_file=os.path.join(BUILD, "helpers", "log_file")))

    @staticmethod
    def by_key(request, _sock):
        key = request.target.split("key=")[1]
        if not request.target.startswith("/got/"):
            return answer(500, b"not rewritten\n")
        return answer(200, b"key %s\n" % key.encode(),
                      "Cache-Control: max-age=60")

    def count(self, scheme, status):
        with self.lock:
            self.outcomes[scheme, status == 200] += 1

    def hurt(self, stopped):
        """Something bad to one of the helpers."""
        pids = children(self.squire.pid)
        if not pids:
            return
        pid = self.random.choice(pids)
        with contextlib.suppress(ProcessLookupError):
            if self.random.random() < 0.6:
                os.kill(pid, signal.SIGKILL)
            else:
                os.kill(pid, signal.SIGSTOP)
                stopped.append((time.monotonic() + 0.3, pid))

    @staticmethod
    def wake(stopped, now):
        while stopped and stopped[0][0] <= now:
            with contextlib.suppress(ProcessLookupError):
                os.kill(stopped.pop(0)[1], signal.SIGCONT)

    def run_wild(self):
        clients = [Client(self, number) for number in range(CLIENTS)]
        for client in clients:
            client.start()
        stopped, end = [], time.monotonic() + SECONDS
        while time.monotonic() < end:
            time.sleep(0.05)
            self.hurt(stopped)
            self.wake(stopped, time.monotonic())
            self.assertIsNone(self.squire.process.poll(),
                              self.squire.read("stderr"))
        self.wake(stopped, float("inf"))
        self.is_over = True
        for client in clients:
            client.join(PATIENCE)
            self.assertFalse(client.is_alive(), "a client hangs")
        return clients

    def check_log(self, asked):
        """A line for each request; a kill in the middle of a write may have
        made one twice; what was lost is counted."""
        def lines():
            with open(self.log, encoding="utf-8") as file:
                return len(file.readlines())
        row = self.squire.info()["access_log"][0]
        wait_for("the log", lambda: lines() + row["lost"] >= asked)
        self.assertLess(lines(), asked * 1.05 + 100)
        self.assertEqual(row["lost"], 0)

    def test_each_request_has_the_answer_its_policies_allow(self):
        squire = self.squire
        squire.start()
        clients = self.run_wild()
        asked = sum(client.asked for client in clients)
        for client in clients:
            self.assertEqual(client.wrong[:5], [], client.scheme)
        told = sum((client.told for client in clients),
                   collections.Counter())
        print(f"{asked} requests: {dict(told)}; {dict(self.outcomes)}",
              file=sys.stderr)
        self.assertEqual(sum(told.values()), asked)
        for scheme in SCHEMES:
            good = self.outcomes[scheme, True]
            bad = self.outcomes[scheme, False]
            self.assertGreater(good, bad, scheme)
        squire.check_idle()
        self.assertEqual(squire.info()["requests"], asked)
        self.check_log(asked)
        for pool in squire.helpers():
            self.assertEqual(pool["inflight"] + pool["queue"], 0, pool)
        squire.stop()


if __name__ == "__main__":
    squire_test.main()
