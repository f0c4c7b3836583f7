#!/usr/bin/env python3
"""A loop turn costs one wait, one read and one write: no more system calls.

The same program makes 100 and 1,100 turns under strace; the difference is
what 1,000 turns cost. Timeouts are moved and a deferred call is queued in
every turn.
"""

import os
import subprocess
import sys
import tempfile

PROGRAM = os.path.join(os.environ["SQUIRE_BUILD"], "test", "comm_turns")
MORE = 1000
NOISE = 50  # a sanitizer reads /proc when it starts, not always as often


def count(turns):
    """Calls by name; None when tracing is not possible here."""
    # The leak check of the address sanitizer cannot work under a tracer.
    env = dict(os.environ, ASAN_OPTIONS="detect_leaks=0")
    with tempfile.NamedTemporaryFile("r") as out:
        run = subprocess.run(
            ["strace", "-c", "-U", "name,calls", "-o", out.name, PROGRAM,
             str(turns)],
            env=env, timeout=100, stderr=subprocess.PIPE, text=True)
        rows = [line.split() for line in out.read().splitlines()]
    if run.returncode:
        print(run.stderr, file=sys.stderr)
        return None
    return {row[0]: int(row[1]) for row in rows
            if len(row) == 2 and row[1].isdigit() and row[0] != "total"}


def main():
    probe = subprocess.run(["sh", "-c", "strace -o /dev/null true"],
                           stderr=subprocess.DEVNULL)
    if probe.returncode:
        print("strace cannot trace here")
        return 77
    few, many = count(100), count(100 + MORE)
    if few is None or many is None:
        return 1
    cost = {name: many[name] - few.get(name, 0) for name in many}
    cost = {name: calls for name, calls in cost.items() if calls}
    print("calls of %d turns: %s" % (MORE, cost))
    expected = {"epoll_wait": MORE, "read": MORE, "write": MORE}
    wrong = {name for name in set(cost) | set(expected)
             if abs(cost.get(name, 0) - expected.get(name, 0)) > NOISE}
    for name in sorted(wrong):
        print("%s: %d calls, not %d" % (name, cost.get(name, 0),
                                        expected.get(name, 0)))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
