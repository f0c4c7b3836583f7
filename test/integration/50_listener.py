#!/usr/bin/env python3
"""A server on the listener's CALLBACK strategy, seen from its clients and from
the system: CPU, descriptors, limits. (S003: G1, G2, G5, G8.)"""

import os
import resource
import socket
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
from channel import BUILD, DEADLINE, check, equal, wait_until

PROGRAM = os.path.join(BUILD, "test", "fake_listener")


class Server:
    def __init__(self, *args, limit=None):
        def lower():
            hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
            resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))

        self.process = subprocess.Popen(
            [PROGRAM, *map(str, args)], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            preexec_fn=lower if limit else None)
        first = self.process.stdout.readline().split()
        self.port = int(first[1]) if first else None
        if first:
            self.turns()  # its loop runs, with all descriptors it needs

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout,
                     self.process.stderr):
            pipe.close()

    def connect(self):
        sock = socket.create_connection(("127.0.0.1", self.port), DEADLINE)
        sock.settimeout(DEADLINE)
        return sock

    def turns(self):
        self.process.stdin.write("?\n")
        self.process.stdin.flush()
        return int(self.process.stdout.readline().split()[1])

    def cpu_ticks(self):
        with open(f"/proc/{self.process.pid}/stat", encoding="ascii") as file:
            fields = file.read().rsplit(")", 1)[1].split()
        return int(fields[11]) + int(fields[12])

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def end(self):
        """Status, last line of output and the log."""
        output, log = self.process.communicate(timeout=DEADLINE)
        return self.process.returncode, output.strip(), log


def echo(sock, text=b"ping"):
    sock.sendall(text)
    got = b""
    while len(got) < len(text):
        more = sock.recv(len(text) - len(got))
        if not more:
            return False
        got += more
    return got == text


def test_two_clients_at_once():
    """G2, G5: both are served, in any order, and nothing is left open."""
    with Server("127.0.0.1:0") as server:
        before = server.descriptors()
        silent, a, b = (server.connect() for _ in range(3))
        for sock in (a, b, a, b):
            check(echo(sock), "two clients at once")
        check(echo(silent), "the first client, speaking last")
        for sock in (silent, a, b):
            sock.close()
        wait_until(lambda: server.descriptors() == before,
                   "descriptors are closed")
        left = server.connect()
        wait_until(lambda: server.descriptors() == before + 1, "accepted")
        equal(server.end()[:2], (0, "leaked 0"))
        equal(left.recv(1), b"")
        left.close()


def test_reset_by_client():
    """G4: a client that is gone at once harms nobody."""
    with Server("127.0.0.1:0") as server:
        for say in (b"", b"x" * 1000):
            sock = server.connect()
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                            b"\1\0\0\0\0\0\0\0")
            sock.sendall(say)
            sock.close()
        sock = server.connect()
        check(echo(sock), "served after two resets")
        sock.close()
        equal(server.end()[:2], (0, "leaked 0"))


def idle_for(server, seconds):
    """CPU ticks and loop turns of an idle time."""
    turns, ticks = server.turns(), server.cpu_ticks()
    time.sleep(seconds)
    return server.cpu_ticks() - ticks, server.turns() - turns


def test_idle_costs_nothing():
    """G1: also with a silent client, and one held back by the limit."""
    with Server("127.0.0.1:0", 0, 1) as server:
        ticks, turns = idle_for(server, 1)
        check(ticks <= 5 and turns <= 5, f"idle: {ticks} ticks, {turns} turns")
        silent, later = server.connect(), server.connect()
        later.sendall(b"l")
        ticks, turns = idle_for(server, 1)
        check(ticks <= 5 and turns <= 10, f"full: {ticks} ticks, {turns} turns")
        check(echo(silent), "the silent one speaks")
        equal(later.recv(1), b"l", "then the next one is served")
        silent.close()
        later.close()


def test_silent_clients_are_closed():
    with Server("127.0.0.1:0", 100) as server:
        sock = server.connect()
        talker = server.connect()
        check(echo(talker), "a talker is served")
        equal(sock.recv(1), b"", "the silent one sees the end")
        check(echo(talker), "the talker stays")
        sock.close()
        talker.close()


def test_port_in_use():
    with Server("127.0.0.1:0") as server:
        with Server(f"127.0.0.1:{server.port}") as second:
            status, _, log = second.end()
            equal(status, 1)
            check("Address already in use" in log, log)
        sock = server.connect()
        check(echo(sock), "the first one goes on")
        sock.close()


def test_out_of_descriptors():
    """G8: at the limit it neither spins nor gives up; one line in the log."""
    with Server("127.0.0.1:0", limit=64) as server:
        before = server.descriptors()
        socks = [server.connect() for _ in range(150)]
        for sock in socks:
            sock.sendall(b"x")
        wait_until(lambda: server.descriptors() == 64, "the limit is reached")
        ticks, turns = idle_for(server, 1)
        check(ticks <= 20 and turns <= 100,
              f"at the limit: {ticks} ticks, {turns} turns")
        for sock in socks:
            equal(sock.recv(1), b"x", "served in the end")
            sock.close()
        wait_until(lambda: server.descriptors() == before, "all closed")
        status, output, log = server.end()
        equal((status, output), (0, "leaked 0"))
        lines = [line for line in log.splitlines() if "accept" in line]
        check(len(lines) == 1 and "Too many open files" in lines[0], log)


def main():
    test_two_clients_at_once()
    test_reset_by_client()
    test_idle_costs_nothing()
    test_silent_clients_are_closed()
    test_port_in_use()
    test_out_of_descriptors()


main()
