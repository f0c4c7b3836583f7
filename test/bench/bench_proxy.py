#!/usr/bin/env python3
"""The proxy beside nginx, Squid and Varnish, with 1 KiB objects.

Each server has CPU 0 (with its helper, if any), wrk and the origin (nginx)
have CPU 1. All are up the whole time; rounds alternate between Squire and
its peers, and the figures are medians. Environment: BENCH_ROUNDS,
BENCH_SECONDS, BENCH_ONLY (names of figures: rewrite hit miss tunnel idle).
"""

import contextlib
import http.client
import json
import os
import re
import resource
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

BUILD = Path(os.environ.get("SQUIRE_BUILD", "build")).resolve()
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "5"))
SECONDS = int(os.environ.get("BENCH_SECONDS", "4"))
ONLY = os.environ.get("BENCH_ONLY", "rewrite hit miss tunnel idle").split()
SERVER_CPU, CLIENT_CPU = "0", "1"
OBJECTS = 100
START_S = 15
IDLE_CLIENTS = 10000
TUNNEL_MB = 4096
BODY = b"x" * 1024

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
    keepalive_requests 1000000000;
    server {{
        listen 127.0.0.1:{port};
        root {folder}/www;
        add_header Cache-Control "{cache_control}";
        # What an origin copies is not what CONNECT is measured by.
        location = /big.bin {{ sendfile on; }}
    }}
}}
"""

SQUID_CONF = """\
http_port 127.0.0.1:{port}
http_access allow all
{rewrite}
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
{rewrite}
cache_mem 256 MB
maximum_object_size_in_memory 512 KB
access_log none
cache_log {folder}/squire.log
pid_filename none
coredump_dir {folder}
shutdown_lifetime 1 seconds
"""

REWRITE = """\
url_rewrite_program {rewriter} {folder}/rewrite.rules
url_rewrite_children 1 startup=1 idle=1 concurrency=1000
"""

WRK_LUA = """\
local paths, next = {}, 0
for i = 0, %d do
    paths[i] = wrk.format("GET", "%s" .. i .. ".bin", {Host = "front.test"})
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
    """The servers of one run. A server is asked for base + N.bin."""

    def __init__(self, stack):
        self.stack = stack
        self.folder = Path(tempfile.mkdtemp(prefix="squire-bench-"))
        self.folder.chmod(0o777)
        stack.callback(shutil.rmtree, self.folder, ignore_errors=True)
        self.rewrite = REWRITE.format(
            rewriter=BUILD / "helpers" / "url_rewrite_map",
            folder=self.folder)
        (self.folder / "www").mkdir()
        for i in range(OBJECTS):
            (self.folder / "www" / f"{i}.bin").write_bytes(BODY)
        with open(self.folder / "www" / "big.bin", "wb") as big:
            big.truncate(TUNNEL_MB << 20)
        self.origin = self.start_nginx("origin", CLIENT_CPU, "max-age=86400")
        self.fresh = self.start_nginx("fresh", CLIENT_CPU, "no-store")
        self.write("rewrite.rules",
                   "regex ^http://front\\.test/(.*)$ "
                   f"http://127.0.0.1:{self.origin}/\\1\n")

    def write(self, name, text):
        path = self.folder / name
        path.write_text(text)
        return str(path)

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
                return process
            time.sleep(0.05)
        sys.exit(f"{command[0]} did not start:\n"
                 + (self.folder / "out.log").read_text())

    def start_nginx(self, name, cpu, cache_control):
        port = free_port()
        conf = self.write(f"{name}.conf", NGINX_CONF.format(
            folder=self.folder, port=port, cache_control=cache_control))
        self.start(["nginx", "-c", conf, "-e",
                    str(self.folder / "nginx-error.log")], cpu, port)
        return port

    def start_squid(self, name, rewrite=""):
        port = free_port()
        conf = self.write(f"{name}.conf", SQUID_CONF.format(
            folder=self.folder, port=port, rewrite=rewrite))
        self.start(["squid", "-N", "-f", conf], SERVER_CPU, port)
        return port

    def start_squire(self, name, rewrite=""):
        port = free_port()
        conf = self.write(f"{name}.conf", SQUIRE_CONF.format(
            folder=self.folder, port=port, rewrite=rewrite))
        self.process = self.start(
            [str(BUILD / "src" / "squire"), "-N", "-f", conf], SERVER_CPU,
            port)
        return port

    def start_varnish(self):
        port = free_port()
        self.start(["varnishd", "-F", "-n", str(self.folder / "varnish"),
                    "-a", f"127.0.0.1:{port}",
                    "-b", f"127.0.0.1:{self.origin}",
                    "-s", "default=malloc,256m", "-j", "none"],
                   SERVER_CPU, port)
        return port

    def wrk(self, port, base, connections, seconds):
        """One round; returns requests per second and p50 in us."""
        script = self.write("wrk.lua", WRK_LUA % (OBJECTS - 1, base, OBJECTS))
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


def warm(port, base):
    """Fill the cache, and prove that what comes is the origin's."""
    for i in range(OBJECTS):
        for _ in range(2):
            client = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
            client.request("GET", f"{base}{i}.bin",
                           headers={"Host": "front.test"})
            if client.getresponse().read() != BODY:
                sys.exit(f"port {port}: not the origin's object")
            client.close()


def stop(process):
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def emit(figure, unit, value, **more):
    line = {"figure": figure, "unit": unit, "value": round(value, 2)}
    line.update(more)
    print(json.dumps(line), flush=True)


def measure(rounds):
    """rounds: name -> function of one round. Medians by name, of rounds that
    alternate."""
    seen = {name: [] for name in rounds}
    for name, play in rounds.items():
        play(1)
    for _ in range(ROUNDS):
        for name, play in rounds.items():
            seen[name].append(play(SECONDS))
    for name, values in seen.items():
        print(f"{name}: {[round(value) for value in values]}",
              file=sys.stderr, flush=True)
    return {name: statistics.median(v) for name, v in seen.items()}


def compare(figure, unit, rounds, targets):
    """Squire's median beside that of each peer; targets: peer -> (target,
    sense)."""
    values = measure(rounds)
    for peer, (target, sense) in targets.items():
        if peer in values:
            emit(figure, unit, values["squire"], peer=peer,
                 peer_value=round(values[peer], 2), target=target,
                 sense=sense)


def loads(bench, servers, connections, which):
    """Rounds of wrk on servers: name -> (port, base)."""
    def load(port, base):
        return lambda seconds: bench.wrk(port, base, connections,
                                         seconds)[which]
    return {name: load(*where) for name, where in servers.items()}


def measure_rewrite(bench):
    servers = {"squid": (bench.start_squid("squid-rw", bench.rewrite),
                         "http://front.test/"),
               "squire": (bench.start_squire("squire-rw", bench.rewrite),
                          "http://front.test/")}
    for where in servers.values():
        warm(*where)
    compare("cached hit through url_rewrite, c=64", "1/s",
            loads(bench, servers, 64, 0), {"squid": (2.5, "min")})
    # What a round trip costs here without any helper is told beside it.
    servers["nginx, no rewriting"] = (
        bench.start_nginx("static", SERVER_CPU, "max-age=86400"), "/")
    compare("the same, c=1, p50", "us", loads(bench, servers, 1, 1),
            {"squid": (0.65, "max"), "nginx, no rewriting": (None, "max")})


def measure_hits(bench):
    base = f"http://127.0.0.1:{bench.origin}/"
    servers = {"nginx": (bench.start_nginx("static", SERVER_CPU,
                                           "max-age=86400"), "/"),
               "squid": (bench.start_squid("squid"), base),
               "squire": (bench.start_squire("squire"), base)}
    if shutil.which("varnishd"):
        servers["varnish"] = (bench.start_varnish(), "/")
    for where in servers.values():
        warm(*where)
    compare("cached hit, c=64", "1/s", loads(bench, servers, 64, 0),
            {"nginx": (1, "min"), "squid": (2, "min"),
             "varnish": (1.5, "min")})


def measure_misses(bench):
    base = f"http://127.0.0.1:{bench.fresh}/"
    servers = {"squid": (bench.start_squid("squid-miss"), base),
               "squire": (bench.start_squire("squire-miss"), base)}
    compare("miss, kept origin connections, c=64", "1/s",
            loads(bench, servers, 64, 0), {"squid": (1.5, "min")})


def tunnel(bench, port):
    """Megabytes a second of one download by CONNECT."""
    speed = subprocess.run(
        ["taskset", "-c", CLIENT_CPU, "curl", "-s", "-p", "-o", "/dev/null",
         "-w", "%{speed_download}", "-x", f"http://127.0.0.1:{port}",
         f"http://127.0.0.1:{bench.origin}/big.bin"],
        check=True, stdout=subprocess.PIPE, text=True, timeout=300).stdout
    return float(speed) / 1e6


def measure_tunnel(bench):
    ports = {"squid": bench.start_squid("squid-tunnel"),
             "squire": bench.start_squire("squire-tunnel")}
    compare("CONNECT, one download", "MB/s",
            {name: (lambda seconds, port=port: tunnel(bench, port))
             for name, port in ports.items()}, {"squid": (1, "min")})


def resident(pid):
    text = Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+)", text).group(1))


def measure_idle(bench):
    """Clients that have had one answer and stay."""
    base = f"http://127.0.0.1:{bench.origin}/"
    port = bench.start_squire("squire-idle")
    pid = bench.process.pid
    warm(port, base)
    before = resident(pid)
    request = f"GET {base}0.bin HTTP/1.1\r\nHost: x\r\n\r\n".encode()
    with contextlib.ExitStack() as stack:
        for _ in range(IDLE_CLIENTS):
            client = stack.enter_context(
                socket.create_connection(("127.0.0.1", port), 10))
            client.sendall(request)
            if not client.recv(4096).startswith(b"HTTP/1.1 200"):
                sys.exit("an idle client got no answer")
        used = resident(pid) - before
    emit(f"memory per idle client, {IDLE_CLIENTS} of them", "KiB",
         used / IDLE_CLIENTS, target=8, sense="max")


FIGURES = {
    "rewrite": measure_rewrite,
    "hit": measure_hits,
    "miss": measure_misses,
    "tunnel": measure_tunnel,
    "idle": measure_idle,
}


def main():
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
    for name in ONLY:
        with contextlib.ExitStack() as stack:
            FIGURES[name](Bench(stack))


if __name__ == "__main__":
    main()
