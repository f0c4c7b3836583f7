#!/usr/bin/env python3
"""Everything bad at once, at random: clients, origins and helpers of the
tests before this one, kills, and new configurations. The proxy stays up, and
after it nothing is left: no client, descriptor, process or memory.

By hand: SQUIRE_TEST_CHAOS=600 goes on for so many seconds, and
SQUIRE_TEST_SEED=N begins as a run before did."""

import contextlib
import importlib
import os
import random
import signal
import socket
import sys
import threading
import time
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "support"))
sys.path.insert(0, HERE)
import squire_test
import torture
from squire_test import PATIENCE, Connection, Squire, children, wait_for

bad_clients = importlib.import_module("92_bad_clients")
bad_helpers = importlib.import_module("91_bad_helpers")
bad_origins = importlib.import_module("93_bad_origins")

SECONDS = float(os.environ.get("SQUIRE_TEST_CHAOS", "5"))
SEED = int(os.environ.get("SQUIRE_TEST_SEED", random.randrange(1 << 32)))
CLIENTS = 24

BAD_REQUESTS = [row[1] for table in (
    bad_clients.REQUEST_LINES, bad_clients.HEADERS, bad_clients.FRAMING)
    for row in table] + [bad_clients.chunks(data)
                         for _, data in bad_clients.CHUNKS]
GOOD_REQUESTS = [row[1] for row in bad_clients.GOOD]
ANSWERS = [row[1] for row in bad_origins.BROKEN + bad_origins.ODD] + \
    [bad_origins.GOOD] * 30


class Origin(bad_origins.Raw):
    """Answers at random, in pieces, after a while, or not at all."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        super().__init__()

    def answer(self, sock):
        self.data = self.random.choice(ANSWERS)
        roll = self.random.random()
        if roll < 0.05:
            sock.close()
        elif roll < 0.1:
            time.sleep(self.random.random())
            super().answer(sock)
        elif roll < 0.15:
            with contextlib.suppress(OSError):
                sock.recv(65536)
                for octet in self.data[:60]:
                    sock.sendall(bytes([octet]))
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                                b"\1\0\0\0\0\0\0\0")
            sock.close()
        else:
            super().answer(sock)


class Client(threading.Thread):
    """Opens connections, says something good or bad, and leaves somehow."""

    def __init__(self, chaos, seed):
        super().__init__(daemon=True)
        self.chaos = chaos
        self.random = random.Random(seed)

    def text(self):
        roll = self.random.random()
        authority = f"127.0.0.1:{self.chaos.origin.port}".encode()
        if roll < 0.3:
            text = self.random.choice(BAD_REQUESTS)
        elif roll < 0.4:
            text = b"CONNECT ORIGIN HTTP/1.1\r\nHost: ORIGIN\r\n\r\n" \
                b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
        elif roll < 0.6:
            text = b"".join(self.random.choices(GOOD_REQUESTS, k=10))
        else:
            text = self.random.choice(GOOD_REQUESTS)
        return text.replace(b"ORIGIN", authority)

    def one(self, connection):
        text = self.text()
        roll = self.random.random()
        if roll < 0.2:
            text = text[:self.random.randrange(len(text) + 1)]
        connection.sock.settimeout(2)
        connection.send(text)
        # Mostly impatient.
        connection.sock.settimeout(2 * self.random.random() ** 4 + 0.01)
        if roll < 0.4:
            connection.reset()
            return
        if roll < 0.5:
            connection.sock.shutdown(socket.SHUT_WR)
        for _ in range(self.random.randrange(4)):
            if not connection.fill():
                return

    def run(self):
        while not self.chaos.is_over:
            with contextlib.suppress(OSError):
                with Connection(self.chaos.squire.port, patience=2) as it:
                    self.one(it)


class Chaos(unittest.TestCase):
    CONF = ("request_timeout 2 seconds\nread_timeout 1 second\n"
            "client_idle_pconn_timeout 1 second\ncache_mem 1 MB\n")

    def setUp(self):
        print(f"SQUIRE_TEST_SEED={SEED}", file=sys.stderr)
        self.random = random.Random(SEED)
        self.is_over = False
        self.origin = Origin(SEED + 1)
        self.addCleanup(self.origin.close)
        self.squire = Squire()
        self.addCleanup(self.squire.stop, check=False)

    def calm(self):
        return self.CONF + bad_helpers.conf(
            f"{bad_helpers.FAKE} ids bare", 100, False)

    def wild(self):
        _, told, concurrency, *_ = self.random.choice(bad_helpers.MODES)
        if self.random.random() < 0.5:
            told, concurrency = "ids bare", 100
        if self.random.random() < 0.1:
            return self.CONF
        return self.CONF + bad_helpers.conf(
            f"{bad_helpers.FAKE} {told}", concurrency,
            self.random.random() < 0.5, timeout=1)

    def signal_child(self, number):
        pids = children(self.squire.pid)
        if pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.random.choice(pids), number)

    def step(self):
        roll = self.random.random()
        if roll < 0.1:
            self.squire.write_conf(self.wild())
            self.squire.signal(signal.SIGHUP)
        elif roll < 0.15:
            self.squire.signal(signal.SIGUSR1)
        elif roll < 0.2:
            self.signal_child(signal.SIGSTOP)
        elif roll < 0.3:
            self.squire.ask_manager(self.random.choice(
                ["/helpers", "/metrics", "/info", "/", "/nothing"]))
        elif roll < 0.6:
            self.signal_child(signal.SIGKILL)

    def run_wild(self):
        clients = [Client(self, SEED + 2 + number)
                   for number in range(CLIENTS)]
        for client in clients:
            client.start()
        end = time.monotonic() + SECONDS
        while time.monotonic() < end:
            self.step()
            self.assertIsNone(self.squire.process.poll(),
                              self.squire.read("stderr"))
            time.sleep(0.02)
        info = self.squire.info()
        print(f"{info['connections']} connections, {info['requests']} "
              "requests", file=sys.stderr)
        return clients

    def test_and_calm_again(self):
        squire = self.squire
        squire.write_conf(self.calm())
        squire.start()
        wait_for("its helpers", lambda: len(children(squire.pid)) == 2)
        squire.check_idle()
        before = self.other_fds()
        clients = self.run_wild()
        self.is_over = True
        for client in clients:
            client.join(PATIENCE)
        squire.reconfigure(self.calm())
        wait_for("one pool", lambda: len(squire.helpers()) == 1)
        squire.check_idle()
        wait_for("its own children alone", lambda: sorted(
            children(squire.pid)) == sorted(
                row["pid"] for row in squire.pool()["helpers"]))
        wait_for("the descriptors there were before",
                 lambda: self.other_fds() == before)
        squire.stop()

    def other_fds(self):
        """Descriptors that belong to no client, origin or helper."""
        kinds = torture.helper_fds(self.squire.pid)
        helpers = len(children(self.squire.pid))
        for kind in ("socket", "anon_inode:[pidfd]"):
            kinds[kind] -= helpers
        del kinds["pipe"]  # tunnels keep some for the next
        return kinds

    def test_and_shut_down(self):
        """In the middle of it all."""
        squire = self.squire
        squire.write_conf(self.calm())
        squire.start()
        clients = self.run_wild()
        squire.stop()
        self.is_over = True
        for client in clients:
            client.join(PATIENCE)


if __name__ == "__main__":
    squire_test.main()
