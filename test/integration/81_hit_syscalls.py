#!/usr/bin/env python3
"""A cached hit costs one read and one writev, and one wait where clients ask
one by one: no more system calls."""

import contextlib
import os
import re
import signal
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "..", "support"))
from squire_test import PATIENCE, Connection, Origin, Squire, answer, wait_for

HITS = 1000
NOISE = 50  # timers of once a second, and what a sanitizer does


@contextlib.contextmanager
def counted(pid, calls):
    """Counts into calls, by name, what the process asks of the kernel."""
    with tempfile.NamedTemporaryFile("r") as out, subprocess.Popen(
            ["strace", "-c", "-U", "name,calls", "-o", out.name, "-p",
             str(pid)], stderr=subprocess.PIPE, text=True) as tracer:
        tracer.stderr.readline()  # it has attached
        yield
        tracer.send_signal(signal.SIGINT)
        tracer.wait(PATIENCE)
        for line in out.read().splitlines():
            row = line.split()
            if len(row) == 2 and row[1].isdigit() and row[0] != "total":
                calls[row[0]] = int(row[1])


def main():
    probe = subprocess.run(["sh", "-c", "strace -o /dev/null true"],
                           stderr=subprocess.DEVNULL, check=False)
    if probe.returncode:
        print("strace cannot trace here")
        return 77
    origin = Origin({"/x": answer(200, b"x" * 1024,
                                  "Cache-Control: max-age=600")})
    calls = {}
    squire = Squire()
    conf = re.sub(r"access_log \S+", "access_log none",
                  squire.read("squire.conf"))
    squire.write("squire.conf", conf)
    with squire, Connection(squire.port) as client:
        request = (f"GET {origin.url('/x')} HTTP/1.1\r\n"
                   f"Host: {origin.authority}\r\n\r\n")
        for _ in range(2):
            client.send(request)
            client.read_response()
        with counted(squire.pid, calls):
            for _ in range(HITS):
                client.send(request)
                client.read_response()
        wait_for("hits", lambda: squire.info()["requests"] == HITS + 2)
    asked = origin.count("/x")
    origin.close()
    print(f"calls of {HITS} hits: {calls}")
    expected = {"epoll_wait": HITS, "recvfrom": HITS, "writev": HITS}
    wrong = {name for name in set(calls) | set(expected)
             if abs(calls.get(name, 0) - expected.get(name, 0)) > NOISE}
    for name in sorted(wrong):
        print(f"{name}: {calls.get(name, 0)} calls, "
              f"not {expected.get(name, 0)}")
    return 1 if wrong or asked != 1 else 0


if __name__ == "__main__":
    sys.exit(main())
