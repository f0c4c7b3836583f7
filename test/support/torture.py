"""What the tests under load and with bad input share, beyond squire_test:
real origins and clients, and figures of a running process."""

import collections
import contextlib
import functools
import os
import re
import resource
import shutil
import socket
import subprocess
import tempfile
import time

import squire_test
from squire_test import BUILD, PATIENCE, open_fds, wait_for

FAKE_HELPER = os.path.join(BUILD, "test", "fake_helper")
SQUID_HELPERS = "/usr/lib/squid"


@functools.cache
def is_sanitized():
    """Whether the build has sanitizers, which take time and memory."""
    with open(os.path.join(BUILD, "config.status"),
              encoding="utf-8", errors="replace") as file:
        return 'S["SANITIZERS_TRUE"]=""' in file.read()


@functools.cache
def is_slow():
    """Whether programs may be many times slower than usual."""
    return bool(os.environ.get("SQUIRE_TEST_SLOW")) or is_sanitized()


def find_program(name):
    """Where a program is, also in the folders of root; None if nowhere."""
    path = os.environ.get("PATH", "") + ":/usr/local/sbin:/usr/sbin:/sbin"
    return shutil.which(name, path=path)


def may_open(count):
    """Let this process have that many descriptors, if it is allowed to.
    Returns how many it may have."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < count:
        soft = min(count, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return soft


def rss_kb(pid):
    """Memory of a process that is in use now."""
    with open(f"/proc/{pid}/status", encoding="ascii",
              errors="replace") as file:
        return int(re.search(r"VmRSS:\s*(\d+)", file.read()).group(1))


def kinds_of_fds(pid):
    """How many descriptors of each kind a process has open."""
    return collections.Counter(
        re.sub(r":\[\d+\]$", "", what) for what in open_fds(pid).values())


def helper_fds(pid):
    """How many descriptors of each kind a process has open, without those
    of clients and origins, which may be kept for others."""
    with open("/proc/net/unix", encoding="ascii", errors="replace") as file:
        unix = {row.split()[6] for row in file}
    kinds = kinds_of_fds(pid)
    kinds["socket"] = sum(what[8:-1] in unix
                          for what in open_fds(pid).values()
                          if what.startswith("socket:["))
    return kinds


def idle_fds(squire):
    """What squire has open when it has nothing to do."""
    squire.check_idle()
    last, since = kinds_of_fds(squire.pid), time.monotonic()
    while time.monotonic() - since < 0.1:
        time.sleep(0.01)
        now = kinds_of_fds(squire.pid)
        if now != last:
            last, since = now, time.monotonic()
    return last


def check_fds(squire, before):
    """Wait until squire has nothing open that it had not before."""
    squire.check_idle()
    try:
        wait_for("descriptors to be closed",
                 lambda: not kinds_of_fds(squire.pid) - before)
    except AssertionError as error:
        now = open_fds(squire.pid)
        raise AssertionError(f"too many of "
                             f"{kinds_of_fds(squire.pid) - before} in "
                             f"{now}") from error


def wait_until_still(figure):
    """Wait until a figure does not change for a while; return it."""
    last, since = figure(), time.monotonic()
    while time.monotonic() - since < 1:
        time.sleep(0.1)
        now = figure()
        if now != last:
            last, since = now, time.monotonic()
    return last


NGINX_CONF = """\
daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections 4096; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    keepalive_requests 1000000;
    server {{
        listen 127.0.0.1:{port} backlog=4096;
        location /kept {{
            add_header Cache-Control max-age=600;
            return 200 "kept\\n";
        }}
        location / {{
            add_header Cache-Control no-store;
            return 200 "fresh\\n";
        }}
    }}
}}
"""


class Nginx:
    """A real web server: /kept may be cached, all else may not."""

    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="squire-nginx-")
        os.chmod(self.folder, 0o755)
        # The listening socket is inherited, so that no other takes the port.
        self.sock = socket.create_server(("127.0.0.1", 0), backlog=4096)
        self.port = self.sock.getsockname()[1]
        self.authority = f"127.0.0.1:{self.port}"
        conf = os.path.join(self.folder, "nginx.conf")
        with open(conf, "w", encoding="utf-8") as file:
            file.write(NGINX_CONF.format(folder=self.folder, port=self.port))
        number = self.sock.fileno()
        self.process = subprocess.Popen(
            [find_program("nginx"), "-c", conf, "-p", self.folder,
             "-e", os.path.join(self.folder, "error.log")],
            pass_fds=[number], stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            env=dict(os.environ, NGINX=f"{number};"))
        wait_for("nginx", self.is_up)

    def is_up(self):
        if self.process.poll() is not None:
            with open(os.path.join(self.folder, "error.log"),
                      encoding="utf-8") as file:
                raise AssertionError("nginx: " + file.read())
        with contextlib.suppress(OSError), squire_test.Connection(
                self.port, patience=1) as connection:
            return connection.request(self.url("/")).status == 200
        return False

    def url(self, path):
        return f"http://{self.authority}{path}"

    def close(self):
        self.process.terminate()
        try:
            self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.sock.close()
        shutil.rmtree(self.folder, ignore_errors=True)


# One request in four is for something new, the others are for the same.
WRK_SCRIPT = """\
local base = "{base}"
local count = 0
local thread = 0
function setup(t)
    t:set("id", thread)
    thread = thread + 1
end
function request()
    count = count + 1
    local path = "/kept"
    if count % 4 == 0 then
        path = "/new?" .. id .. "-" .. count
    end
    return wrk.format("GET", base .. path, {{["Host"] = "{authority}"}})
end
function done(summary, latency, requests)
    local e = summary.errors
    print(string.format("FIGURES %d %d %d %d %d %d", summary.requests,
          e.connect, e.read, e.write, e.status, e.timeout))
end
"""

Load = collections.namedtuple(
    "Load", "requests connect read write status timeout")


class Wrk:
    """wrk in the background, through a proxy."""

    def __init__(self, squire, authority, seconds, connections=16):
        script = squire.write("load.lua", WRK_SCRIPT.format(
            base="http://" + authority, authority=authority))
        self.process = subprocess.Popen(
            [find_program("wrk"), "-t1", f"-c{connections}",
             f"-d{seconds}s", f"--timeout={PATIENCE}s", "-s", script,
             f"http://127.0.0.1:{squire.port}/"],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True)
        self.patience = seconds + 2 * PATIENCE

    def is_running(self):
        return self.process.poll() is None

    def finish(self):
        """Wait for its end; its figures."""
        try:
            text, _ = self.process.communicate(timeout=self.patience)
        except subprocess.TimeoutExpired:
            self.process.kill()
            text, _ = self.process.communicate()
        figures = re.search(r"^FIGURES (.*)$", text, re.M)
        if figures is None:
            raise AssertionError("wrk: " + text)
        return Load(*(int(word) for word in figures.group(1).split()))
