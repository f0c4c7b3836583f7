#!/usr/bin/env python3
"""Cached 1 KiB hits through url_rewrite: Squire beside Debian's Squid.

Both run with the same rewriter (one child, concurrency=1000) and the same
rules, each with its helper on CPU 0; wrk and nginx, the origin, are on CPU 1.
Both are up the whole time; rounds of wrk alternate between them, and the
figures are medians. Environment: BENCH_ROUNDS, BENCH_SECONDS, BENCH_ONLY.
"""

import contextlib
import json
import os
import re
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

BUILD = Path(os.environ.get("SQUIRE_BUILD", "build")).resolve()
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "5"))
SECONDS = int(os.environ.get("BENCH_SECONDS", "4"))
ONLY = os.environ.get("BENCH_ONLY", "squire squid").split()
SERVER_CPU, CLIENT_CPU = "0", "1"
OBJECTS = 100
START_S = 15

NGINX_CONF = """\
worker_processes 1;
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/nginx-error.log;
events {{ worker_connections 1024; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    server {{
        listen 127.0.0.1:{port};
        root {folder}/www;
        add_header Cache-Control "max-age=86400";
    }}
}}
"""

SQUID_CONF = """\
http_port 127.0.0.1:{port}
http_access allow all
url_rewrite_program {rewriter} {folder}/rewrite.rules
url_rewrite_children 1 startup=1 idle=1 concurrency=1000
cache_mem 256 MB
memory_cache_shared off
maximum_object_size_in_memory 512 KB
access_log none
cache_store_log none
cache_log {folder}/squid.log
pid_filename none
coredump_dir {folder}
shutdown_lifetime 1 seconds
pinger_enable off
"""

SQUIRE_CONF = """\
http_port 127.0.0.1:{port}
http_access allow all
url_rewrite_program {rewriter} {folder}/rewrite.rules
url_rewrite_children 1 startup=1 idle=1 concurrency=1000
cache_mem 256 MB
maximum_object_size_in_memory 512 KB
access_log none
cache_log {folder}/squire.log
pid_filename none
coredump_dir {folder}
shutdown_lifetime 1 seconds
"""

WRK_LUA = """\
local paths, next = {}, 0
for i = 0, %d do
    paths[i] = wrk.format("GET", "http://front.test/" .. i .. ".bin",
                          {Host = "front.test"})
end
request = function()
    next = (next + 1) %% %d
    return paths[next]
end
done = function(summary, latency, requests)
    io.write(string.format(
        "RESULT %%d %%d %%d %%f\\n", summary.requests, summary.duration,
        summary.errors.status + summary.errors.connect +
        summary.errors.read + summary.errors.write + summary.errors.timeout,
        latency:percentile(50)))
end
"""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Bench:
    def __init__(self, stack):
        self.stack = stack
        self.folder = Path(tempfile.mkdtemp(prefix="squire-bench-"))
        self.folder.chmod(0o777)
        stack.callback(shutil.rmtree, self.folder, ignore_errors=True)
        self.origin = free_port()

    def start(self, command, cpu, port):
        """Start a server on a CPU; it is stopped when the bench ends."""
        log = open(self.folder / "out.log", "ab")
        process = subprocess.Popen(
            ["taskset", "-c", cpu] + command, stdin=subprocess.DEVNULL,
            stdout=log, stderr=log, start_new_session=True)
        log.close()
        self.stack.callback(stop, process)
        deadline = time.monotonic() + START_S
        while time.monotonic() < deadline and process.poll() is None:
            with contextlib.suppress(OSError):
                socket.create_connection(("127.0.0.1", port), 1).close()
                return
            time.sleep(0.05)
        sys.exit(f"{command[0]} did not start:\n"
                 + (self.folder / "out.log").read_text())

    def write(self, name, text, **values):
        path = self.folder / name
        path.write_text(text.format(folder=self.folder, **values)
                        if values else text)
        return str(path)

    def start_origin(self):
        (self.folder / "www").mkdir()
        for i in range(OBJECTS):
            (self.folder / "www" / f"{i}.bin").write_bytes(b"x" * 1024)
        conf = self.write("nginx.conf", NGINX_CONF, port=self.origin)
        self.start(["nginx", "-c", conf, "-e",
                    str(self.folder / "nginx-error.log")],
                   CLIENT_CPU, self.origin)

    def start_proxies(self):
        rewriter = BUILD / "helpers" / "url_rewrite_map"
        self.write("rewrite.rules",
                   "regex ^http://front\\.test/(.*)$ "
                   f"http://127.0.0.1:{self.origin}/\\1\n")
        ports = {name: free_port() for name in ONLY}
        if "squid" in ONLY:
            conf = self.write("squid.conf", SQUID_CONF, port=ports["squid"],
                              rewriter=rewriter)
            self.start(["squid", "-N", "-f", conf], SERVER_CPU,
                       ports["squid"])
        if "squire" in ONLY:
            conf = self.write("squire.conf", SQUIRE_CONF,
                              port=ports["squire"], rewriter=rewriter)
            self.start([str(BUILD / "src" / "squire"), "-N", "-f", conf],
                       SERVER_CPU, ports["squire"])
        return ports

    def warm(self, port):
        """Fill the cache, and prove that what comes is the origin's."""
        opener = urllib.request.build_opener(urllib.request.ProxyHandler(
            {"http": f"http://127.0.0.1:{port}"}))
        for i in range(OBJECTS):
            for _ in range(2):
                with opener.open(f"http://front.test/{i}.bin",
                                 timeout=10) as reply:
                    if reply.read() != b"x" * 1024:
                        sys.exit("not the origin's object")

    def wrk(self, port, connections, seconds):
        """One round; returns requests per second and p50 in us."""
        script = self.write("wrk.lua", WRK_LUA % (OBJECTS - 1, OBJECTS))
        output = subprocess.run(
            ["taskset", "-c", CLIENT_CPU, "wrk", "-t1", f"-c{connections}",
             f"-d{seconds}s", "-s", script, f"http://127.0.0.1:{port}/"],
            check=True, stdout=subprocess.PIPE, text=True,
            timeout=seconds + 30).stdout
        requests, duration, errors, p50 = map(float, re.search(
            r"RESULT (\d+) (\d+) (\d+) ([\d.]+)", output).groups())
        if errors:
            sys.exit(f"port {port}: {errors:.0f} requests failed")
        return requests / duration * 1e6, p50


def stop(process):
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def emit(figure, unit, values, target, sense):
    """values: medians by proxy."""
    line = {"figure": figure, "unit": unit,
            "value": round(values.get("squire", values.get("squid")), 1)}
    if len(values) == 2:
        line.update(peer="squid", peer_value=round(values["squid"], 1),
                    target=target, sense=sense)
    print(json.dumps(line), flush=True)


def measure(bench, ports, connections, pick):
    """Alternating rounds; medians by proxy of what pick takes."""
    seen = {name: [] for name in ports}
    for port in ports.values():
        bench.wrk(port, connections, 1)
    for _ in range(ROUNDS):
        for name, port in ports.items():
            seen[name].append(pick(bench.wrk(port, connections, SECONDS)))
    for name, values in seen.items():
        print(f"{name}: {[round(value) for value in values]}", flush=True)
    return {name: statistics.median(v) for name, v in seen.items()}


def main():
    with contextlib.ExitStack() as stack:
        bench = Bench(stack)
        bench.start_origin()
        ports = bench.start_proxies()
        for port in ports.values():
            bench.warm(port)
        emit("cached 1 KiB hit through url_rewrite, c=64", "1/s",
             measure(bench, ports, 64, lambda r: r[0]), 2.0, "min")
        emit("the same, c=1, p50", "us",
             measure(bench, ports, 1, lambda r: r[1]), 1.0, "max")


if __name__ == "__main__":
    main()
