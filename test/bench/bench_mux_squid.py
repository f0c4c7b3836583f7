#!/usr/bin/env python3
"""Cached 1 KiB hits of Debian's Squid through url_rewrite_program, with
squire-mux and with Squid's own helper-mux in front of the same helper.

Both Squids are up the whole time, rounds of wrk (64 connections) alternate
between them, and the figures are medians. Environment: BENCH_ROUNDS,
BENCH_SECONDS.
"""

import contextlib
import http.server
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import urllib.request

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
from channel import wait_until
from mux_install import install_mux
from squid import SQUID, Squid, make_folder

WARM_S = 10  # helper-mux starts its helpers one after another
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "5"))
SECONDS = int(os.environ.get("BENCH_SECONDS", "4"))
HELPER_MUX = "/usr/lib/squid/helper-mux"
HELPER = "/usr/lib/squid/url_fake_rewrite"
OBJECTS = 20

CONF = """
http_access allow all
url_rewrite_program PROGRAM
url_rewrite_children 1 startup=1 idle=1 concurrency=100
cache_mem 64 MB
memory_cache_shared off
access_log none
cache_store_log none
"""

WRK_LUA = """\
local paths, next = {}, 0
for i = 0, %d do
    paths[i] = wrk.format("GET", "http://127.0.0.1:%d/" .. i)
end
request = function()
    next = (next + 1) %% %d
    return paths[next]
end
done = function(summary, latency, requests)
    io.write(string.format("RESULT %%d %%d %%d %%f\\n", summary.requests,
        summary.duration, summary.errors.status + summary.errors.connect +
        summary.errors.read + summary.errors.write + summary.errors.timeout,
        latency:percentile(99)))
end
"""


class Origin(http.server.BaseHTTPRequestHandler):
    """1 KiB that may be kept for a day."""

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "1024")
        self.send_header("Cache-Control", "max-age=86400")
        self.end_headers()
        self.wfile.write(b"x" * 1024)

    def log_message(self, *args):
        pass


def warm(squid, origin):
    """All objects are in the cache."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler(
        {"http": f"http://127.0.0.1:{squid.port}"}))
    for i in range(OBJECTS):
        with opener.open(f"http://127.0.0.1:{origin}/{i}", timeout=20) as got:
            got.read()


def drive(squid, script, seconds=SECONDS):
    """Requests a second, and the 99th percentile in milliseconds."""
    out = subprocess.run(
        ["wrk", "-t1", "-c64", "--timeout", "20s", f"-d{seconds}s",
         "-s", script,
         f"http://127.0.0.1:{squid.port}"], check=True, capture_output=True,
        encoding="ascii", timeout=seconds + 60).stdout
    words = next(line.split() for line in out.splitlines()
                 if line.startswith("RESULT"))
    requests, duration_us, errors = map(int, words[1:4])
    if errors:
        print(f"{squid.folder}: {errors} errors of {requests} requests")
    if not requests:
        print(f"{squid.folder}: no answer in {seconds} s")
    return max(requests, 1) * 1e6 / duration_us, float(words[4]) / 1000


def print_figure(name, unit, values, peers, target, sense):
    print(json.dumps({
        "figure": name, "unit": unit, "value": statistics.median(values),
        "peer": "helper-mux", "peer_value": statistics.median(peers),
        "ratio": statistics.median(a / max(b, 1e-3) for a, b in zip(values, peers)),
        "target": target, "sense": sense}), flush=True)


def measure(ours, theirs, script):
    rates, rates_peer, tails, tails_peer = [], [], [], []
    for squid in (theirs, ours):
        drive(squid, script, WARM_S)
    for _ in range(ROUNDS):
        peer = drive(theirs, script)
        value = drive(ours, script)
        rates.append(value[0])
        tails.append(value[1])
        rates_peer.append(peer[0])
        tails_peer.append(peer[1])
    print_figure("Squid with squire-mux, 64 connections", "/s", rates,
                 rates_peer, 1.2, "min")
    print_figure("its p99", "ms", tails, tails_peer, 1, "max")


def main():
    for needed in (SQUID, shutil.which("wrk"), HELPER_MUX, HELPER):
        if not needed or not os.path.exists(needed):
            print(f"left out: {needed or 'squid or wrk'} is not there")
            return
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Origin)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    origin = server.server_address[1]
    with contextlib.ExitStack() as stack:
        parent = stack.enter_context(tempfile.TemporaryDirectory())
        os.chmod(parent, 0o755)
        script = os.path.join(parent, "load.lua")
        with open(script, "w", encoding="ascii") as file:
            file.write(WRK_LUA % (OBJECTS - 1, origin, OBJECTS))
        mux = install_mux(parent)
        squids = []
        for name, program in (("ours", f"{mux} --max 20 -- {HELPER}"),
                              ("theirs", f"{HELPER_MUX} {HELPER}")):
            folder = make_folder(parent, name)
            squids.append(stack.enter_context(
                Squid(folder, CONF.replace("PROGRAM", program))))
            wait_until(squids[-1].is_up, "Squid listens")
            warm(squids[-1], origin)
        measure(*squids, script)
    server.shutdown()


main()
