#!/usr/bin/env python3
"""squirectl with 1,000 helper processes: how long its table takes, and how
long the proxy's loop stands still for it: what GET /helpers takes beyond a
small answer of the same port. Environment: BENCH_HELPERS, BENCH_ROUNDS.
"""

import json
import os
import socket
import statistics
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "support"))
from squire_test import BUILD, Squire, wait_for

HELPERS = int(os.environ.get("BENCH_HELPERS", "1000"))
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "21"))
FAKE_HELPER = os.path.join(BUILD, "test", "fake_helper")
# The program itself: libtool's script before it takes longer than it does.
SQUIRECTL = os.path.join(BUILD, "src", ".libs", "squirectl")
if not os.path.exists(SQUIRECTL):
    SQUIRECTL = os.path.join(BUILD, "src", "squirectl")
os.environ["LD_LIBRARY_PATH"] = os.path.join(BUILD, "lib", ".libs")


def get(path, target):
    """Milliseconds for one answer of the manager."""
    with socket.socket(socket.AF_UNIX) as sock:
        started = time.perf_counter()
        sock.connect(path)
        sock.sendall(f"GET {target} HTTP/1.0\r\n\r\n".encode())
        while sock.recv(1 << 20):
            pass
        return (time.perf_counter() - started) * 1000


def run(path, *arguments):
    started = time.perf_counter()
    subprocess.run([SQUIRECTL, "-s", path, *arguments], check=True,
                   stdout=subprocess.DEVNULL)
    return (time.perf_counter() - started) * 1000


def figure(name, value, target):
    print(json.dumps({"figure": f"{name}, {HELPERS:,} helpers", "unit": "ms",
                      "value": round(value, 3), "target": target,
                      "sense": "max"}), flush=True)


def main():
    squire = Squire()
    path = squire.path("manager.sock")
    squire.write_conf(f"manager_port {path}\n"
                      f"url_rewrite_program {FAKE_HELPER}\n"
                      f"url_rewrite_children {HELPERS} startup={HELPERS}\n")
    with squire:
        wait_for("the helpers",
                 lambda: squire.pool()["active"] == HELPERS, 120)
        time.sleep(1)
        tables = [run(path, "helpers", "-a") for _ in range(ROUNDS)]
        whole = [get(path, "/helpers") for _ in range(ROUNDS)]
        small = [get(path, "/info") for _ in range(ROUNDS)]
    figure("squirectl helpers -a", statistics.median(tables), 100)
    figure("GET /helpers beyond GET /info",
           statistics.median(whole) - statistics.median(small), 5)


if __name__ == "__main__":
    main()
