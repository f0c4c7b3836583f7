#!/usr/bin/env python3
"""The pinger: echoes of the loopback addresses over a real datagram pair,
by raw sockets and by ping sockets, and what it does with everything else."""

import os
import signal
import socket
import struct
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
import squire_test

PINGER = os.path.join(squire_test.BUILD, "helpers", "pinger")
SECONDS = 10


def ask(sequence, address, family=None):
    packed = socket.inet_pton(
        socket.AF_INET6 if ":" in address else socket.AF_INET, address)
    family = family or (6 if ":" in address else 4)
    return struct.pack(">BBBxI16s", 1, 1, family, sequence, packed)


class Pinger:
    def __init__(self, *wrapper):
        self.sock, theirs = socket.socketpair(socket.AF_UNIX,
                                              socket.SOCK_DGRAM)
        self.sock.settimeout(SECONDS)
        self.process = subprocess.Popen(
            [*wrapper, PINGER], stdin=theirs, stdout=theirs,
            stderr=subprocess.PIPE, text=True)
        theirs.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.sock.close()
        self.process.terminate()
        self.process.wait(SECONDS)
        self.process.stderr.close()

    def answer(self):
        data = self.sock.recv(100)
        version, kind, family, sequence, address, rtt, hops = struct.unpack(
            ">BBBxI16sII", data)
        assert (version, kind) == (1, 2), data
        address = socket.inet_ntop(socket.AF_INET6, address) if family == 6 \
            else socket.inet_ntop(socket.AF_INET, address[:4])
        return sequence, address, rtt, hops

    def status(self, name):
        with open(f"/proc/{self.process.pid}/status",
                  encoding="ascii") as file:
            for line in file:
                if line.startswith(name + ":"):
                    return line.split(":")[1].strip()
        return None


def can_ping():
    with Pinger() as pinger:
        pinger.sock.send(ask(0, "127.0.0.1"))
        pinger.sock.settimeout(2)
        try:
            return pinger.answer()[0] == 0
        except OSError:
            return False


CAN_PING = can_ping()
HAS_IPV6 = os.path.exists("/proc/net/if_inet6")


@unittest.skipUnless(CAN_PING, "no right to send ICMP")
class PingerTest(unittest.TestCase):
    def check_echo(self, pinger, address):
        for sequence in (0, 1, 0xffffffff):
            pinger.sock.send(ask(sequence, address))
            got, who, rtt, hops = pinger.answer()
            self.assertEqual((got, who, hops), (sequence, address, 1))
            self.assertLess(rtt, SECONDS * 1000000)

    def test_echo_of_both_families(self):
        with Pinger() as pinger:
            self.check_echo(pinger, "127.0.0.1")
            self.check_echo(pinger, "127.0.0.2")
            if HAS_IPV6:
                self.check_echo(pinger, "::1")

    def test_echo_by_ping_sockets(self):
        """In a network of its own, as a user without rights."""
        script = ("ip link set lo up && "
                  "echo 0 2147483647 >/proc/sys/net/ipv4/ping_group_range && "
                  'exec setpriv --reuid 65534 --regid 65534 --clear-groups '
                  '--inh-caps=-all --bounding-set=-all "$0"')
        wrapper = ["unshare", "-n", "sh", "-c", script]
        probe = subprocess.run([*wrapper, "/bin/true"],
                               stderr=subprocess.DEVNULL, check=False)
        if probe.returncode != 0:
            self.skipTest("no network namespaces here")
        with Pinger(*wrapper) as pinger:
            self.check_echo(pinger, "127.0.0.1")
            if HAS_IPV6:
                self.check_echo(pinger, "::1")
            self.assertIn("65534\t65534\t65534", pinger.status("Uid"))

    def test_many_at_once(self):
        with Pinger() as pinger:
            wanted = {}
            for sequence in range(8):
                address = f"127.0.0.{sequence + 1}"
                pinger.sock.send(ask(sequence, address))
                wanted[sequence] = address
            while wanted:
                sequence, address, _, _ = pinger.answer()
                self.assertEqual(wanted.pop(sequence), address)

    def test_rights_are_gone(self):
        with Pinger() as pinger:
            self.check_echo(pinger, "127.0.0.1")
            for name in ("CapPrm", "CapEff", "CapInh", "CapAmb"):
                self.assertEqual(int(pinger.status(name), 16), 0, name)
            self.assertEqual(pinger.status("NoNewPrivs"), "1")

    def test_what_is_no_question_is_dropped(self):
        good = ask(7, "127.0.0.1")
        with Pinger() as pinger:
            for bad in (b"x", good[:-1], good + b"x", b"\2" + good[1:],
                        good[:1] + b"\2" + good[2:], ask(1, "127.0.0.1", 5),
                        b"\0" * 24, b"\xff" * 24, b"GET / HTTP/1.0\r\n\r\n",
                        b"y" * 9000, ask(3, "0.0.0.0"),
                        ask(4, "255.255.255.255"), ask(5, "240.0.0.1")):
                pinger.sock.send(bad)
            pinger.sock.send(good)
            while True:
                sequence, address, _, _ = pinger.answer()
                if sequence == 7:
                    break
                # Some systems answer to "any".
                self.assertEqual(sequence, 3)
            self.assertEqual(address, "127.0.0.1")

    def test_ends_with_an_empty_datagram(self):
        with Pinger() as pinger:
            self.check_echo(pinger, "127.0.0.1")
            pinger.sock.send(b"")
            self.assertEqual(pinger.process.wait(SECONDS), 0)

    def test_ends_when_the_peer_is_gone(self):
        """With an answer on its way, so that it has something to write."""
        with Pinger() as pinger:
            self.check_echo(pinger, "127.0.0.1")
            os.kill(pinger.process.pid, signal.SIGSTOP)
            pinger.sock.send(ask(1, "127.0.0.1"))
            pinger.sock.close()
            os.kill(pinger.process.pid, signal.SIGCONT)
            self.assertEqual(pinger.process.wait(SECONDS), 0)

    def test_ends_with_its_parent(self):
        """The channel stays open at our end, and nothing is ever asked."""
        script = ("import os, subprocess, sys, time\n"
                  "p = subprocess.Popen([sys.argv[1]], stdin=0, stdout=0)\n"
                  "print(p.pid, flush=True)\n"
                  "time.sleep(60)\n")
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        with ours, theirs:
            parent = subprocess.Popen(
                [sys.executable, "-c", script, PINGER], stdin=theirs,
                stdout=subprocess.PIPE, text=True)
            pid = int(parent.stdout.readline())
            ours.settimeout(SECONDS)
            ours.send(ask(1, "127.0.0.1"))
            ours.recv(100)  # it has seen its parent
            parent.kill()
            parent.wait(SECONDS)
            parent.stdout.close()
            squire_test.wait_for("the pinger to end", lambda: gone(pid))


def gone(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as file:
            return file.read().rsplit(")", 1)[1].split()[0] in "ZX"
    except OSError:
        return True


class WithoutRights(unittest.TestCase):
    def test_says_what_it_needs(self):
        if os.geteuid() != 0:
            self.skipTest("needs root to give rights up")
        with open("/proc/sys/net/ipv4/ping_group_range",
                  encoding="ascii") as file:
            low, high = map(int, file.read().split())
        if low <= 65534 <= high:
            self.skipTest("everybody may send pings here")
        with Pinger("setpriv", "--reuid", "65534", "--regid", "65534",
                    "--clear-groups") as pinger:
            self.assertEqual(pinger.process.wait(SECONDS), 1)
            self.assertIn("ping_group_range", pinger.process.stderr.read())


if __name__ == "__main__":
    squire_test.main()
