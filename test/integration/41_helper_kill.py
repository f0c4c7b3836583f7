#!/usr/bin/env python3
"""A pool under load whose processes are killed with -9 as fast as that goes:
no request is lost, each death is counted and told in the log."""

import os
import random
import signal
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
from channel import check, equal
from pools import FAKE_HELPER, finish, start

SECONDS = 3


def is_helper(pid):
    """Not one of the programs that libtool's wrapper runs first."""
    with open(f"/proc/{pid}/comm") as file:
        return file.read() == "fake_helper\n"


def helpers(pid):
    with open(f"/proc/{pid}/task/{pid}/children") as file:
        return [int(child) for child in file.read().split()]


def kill_for(process, seconds, pause):
    """Kill random children; how many."""
    end = time.monotonic() + seconds
    killed = 0
    while time.monotonic() < end:
        try:
            helper = random.choice(helpers(process.pid))
            if is_helper(helper):
                os.kill(helper, signal.SIGKILL)
                killed += 1
        except (IndexError, FileNotFoundError, ProcessLookupError):
            pass
        time.sleep(pause)
    return killed


def torture(pause, helper, **options):
    with tempfile.TemporaryDirectory(prefix="squire-kill-") as folder:
        process = start([FAKE_HELPER, *helper], folder, load=SECONDS + 1,
                        **options)
        killed = kill_for(process, SECONDS, pause)
        outcome = finish(process, folder)
    equal(outcome.answers, [], "answers other than OK")
    figures = outcome.figures
    check(figures["ok"] == figures["requests"] > 0, figures)
    check(figures["restarts"] > 0, figures)
    # A process may get the signal twice before it has gone.
    check(figures["restarts"] <= killed, (figures, killed))
    equal(outcome.log.count("killed by SIGKILL; after "),
          figures["restarts"], "deaths in the log")


def main():
    random.seed(41)
    torture(0.05, ["slow=5"], max=8, startup=4, inflight=16)
    torture(0.005, ["slow=1"], max=8, startup=8, inflight=16)
    torture(0.005, ["ids"], max=2, concurrency=50, inflight=100)
    torture(0.01, ["ids", "bytes", "crlf"], max=1, concurrency=50, inflight=30)


if __name__ == "__main__":
    main()
