"""Start a squire, origins, rewriters and clients for integration tests.

A test is a unittest.TestCase in test/integration/NN_topic.py that ends in
`squire_test.main()`. Python's standard library only; every wait has an end.
"""

import atexit
import contextlib
import faulthandler
import http.client
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest

BUILD = os.environ.get("SQUIRE_BUILD", os.path.join(os.getcwd(), "build"))
SOURCE = os.environ.get("SQUIRE_SOURCE", os.path.dirname(os.path.dirname(
    os.path.dirname(os.path.abspath(__file__)))))
PATIENCE = 30  # seconds for anything that should happen at once
TEST_LIMIT = 600  # seconds for a whole script


def wait_for(what, check, patience=PATIENCE):
    """Call check until it gives something true; return that."""
    deadline = time.monotonic() + patience
    while True:
        result = check()
        if result:
            return result
        if time.monotonic() > deadline:
            raise AssertionError("waited in vain for " + what)
        time.sleep(0.02)


def open_fds(pid):
    """{number: what it refers to} of a process."""
    found = {}
    for number in os.listdir(f"/proc/{pid}/fd"):
        with contextlib.suppress(OSError):
            found[int(number)] = os.readlink(f"/proc/{pid}/fd/{number}")
    return found


def children(pid):
    """Process numbers of the living children of a process."""
    found = []
    for task in os.listdir(f"/proc/{pid}/task"):
        with contextlib.suppress(OSError):
            with open(f"/proc/{pid}/task/{task}/children",
                      encoding="ascii") as file:
                found += [int(word) for word in file.read().split()]
    return found


class Response:
    """What came back for one request."""

    def __init__(self, status, headers, body, truncated=False):
        self.status = status
        self.headers = headers  # list of (name, value)
        self.body = body
        self.truncated = truncated

    def get(self, name):
        """First value of a field, or None."""
        for key, value in self.headers:
            if key.lower() == name.lower():
                return value
        return None

    def get_all(self, name):
        return [value for key, value in self.headers
                if key.lower() == name.lower()]


class Connection:
    """A raw client connection that reads HTTP/1 answers strictly."""

    def __init__(self, port, host="127.0.0.1", patience=PATIENCE):
        self.sock = socket.create_connection((host, port), patience)
        self.buffer = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.sock.close()

    def reset(self):
        """Close with an RST."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                             b"\1\0\0\0\0\0\0\0")
        self.sock.close()

    def send(self, data):
        self.sock.sendall(data.encode("latin-1") if isinstance(data, str)
                          else data)

    def fill(self):
        """Read more; False at the end."""
        data = self.sock.recv(65536)
        self.buffer += data
        return bool(data)

    def at_end(self):
        """True when the peer closes without another octet."""
        try:
            return not self.buffer and not self.fill()
        except ConnectionError:
            return not self.buffer

    def read_line(self):
        while b"\n" not in self.buffer:
            if not self.fill():
                raise EOFError(f"end in the middle of {self.buffer!r}")
        line, self.buffer = self.buffer.split(b"\n", 1)
        if not line.endswith(b"\r"):
            raise ValueError(f"line without CR: {line!r}")
        return line[:-1].decode("latin-1")

    def read_exactly(self, count):
        while len(self.buffer) < count:
            if not self.fill():
                raise EOFError(f"{len(self.buffer)} octets of {count}")
        data, self.buffer = self.buffer[:count], self.buffer[count:]
        return data

    def read_to_end(self):
        while self.fill():
            pass
        data, self.buffer = self.buffer, b""
        return data

    def read_chunks(self):
        data = b""
        while True:
            size = int(self.read_line().split(";")[0], 16)
            data += self.read_exactly(size)
            if self.read_line() != "":
                raise ValueError("chunk without its end")
            if size == 0:
                return data

    def read_head(self):
        version, status, *_ = self.read_line().split(" ", 2)
        if version not in ("HTTP/1.1", "HTTP/1.0"):
            raise ValueError(f"not HTTP: {version!r}")
        headers = []
        while True:
            line = self.read_line()
            if line == "":
                return int(status), headers
            name, value = line.split(":", 1)
            headers.append((name, value.strip()))

    def read_body(self, response, method):
        coding = response.get("Transfer-Encoding")
        length = response.get("Content-Length")
        if method == "HEAD" or response.status in (204, 304):
            return b""
        if method == "CONNECT" and response.status == 200:
            return b""
        if coding is not None:
            return self.read_chunks()
        if length is not None:
            return self.read_exactly(int(length))
        return self.read_to_end()

    def read_response(self, method="GET"):
        """One answer; 1xx answers are skipped."""
        while True:
            status, headers = self.read_head()
            if status >= 200:
                break
        response = Response(status, headers, b"")
        try:
            response.body = self.read_body(response, method)
        except (EOFError, ConnectionError):
            response.truncated = True
        return response

    def request(self, url, method="GET", headers=(), body=None,
                version="1.1"):
        """Send a request for a URL through the proxy; read the answer."""
        host = re.sub(r"^[a-z_]+://([^/?]*).*", r"\1", url)
        lines = [f"{method} {url} HTTP/{version}", f"Host: {host}"]
        lines += [f"{name}: {value}" for name, value in headers]
        if body is not None:
            lines.append(f"Content-Length: {len(body)}")
        head = "\r\n".join(lines) + "\r\n\r\n"
        self.send(head.encode("latin-1") + (body or b""))
        return self.read_response(method)


class OriginRequest:
    """What an origin was asked."""

    def __init__(self, method, target, headers, body):
        self.method = method
        self.target = target
        self.headers = headers  # list of (name, value)
        self.body = body

    def get(self, name):
        for key, value in self.headers:
            if key.lower() == name.lower():
                return value
        return None


class Origin:
    """A web server in threads. Routes map a path (without query) to a
    function of (OriginRequest, socket) that returns the octets of a whole
    answer, or None after it has sent what it wanted and the connection is to
    be closed. Every request is kept in `requests`."""

    def __init__(self, routes=None, tls=None, place=("127.0.0.1", 0)):
        self.tls = tls
        self.routes = dict(routes or {})
        self.requests = []
        self.lock = threading.Lock()
        self.connections = 0
        self.sock = socket.create_server(place, backlog=256)
        self.port = self.sock.getsockname()[1]
        self.authority = f"{place[0]}:{self.port}"
        threading.Thread(target=self.accept, daemon=True).start()

    def url(self, path):
        return f"http://{self.authority}{path}"

    def close(self):
        with contextlib.suppress(OSError):
            self.sock.shutdown(socket.SHUT_RDWR)
        self.sock.close()

    def accept(self):
        while True:
            try:
                sock, _ = self.sock.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self.serve, args=(sock,),
                             daemon=True).start()

    def read_request(self, reader):
        line = reader.read_line()
        method, target, _ = line.split(" ")
        headers = []
        while (line := reader.read_line()) != "":
            name, value = line.split(":", 1)
            headers.append((name, value.strip()))
        request = OriginRequest(method, target, headers, b"")
        if request.get("Expect"):
            reader.send("HTTP/1.1 100 Continue\r\n\r\n")
        if request.get("Transfer-Encoding"):
            request.body = reader.read_chunks()
        elif request.get("Content-Length"):
            request.body = reader.read_exactly(
                int(request.get("Content-Length")))
        return request

    def serve(self, sock):
        sock.settimeout(PATIENCE)
        reader = Connection.__new__(Connection)
        with sock, contextlib.suppress(OSError, EOFError, ValueError):
            if self.tls is not None:
                sock = self.tls.wrap_socket(sock, server_side=True)
            reader.sock, reader.buffer = sock, b""
            with sock:
                while True:
                    request = self.read_request(reader)
                    with self.lock:
                        self.requests.append(request)
                    answer = self.answer(request, sock)
                    if answer is None:
                        return
                    sock.sendall(answer)

    def answer(self, request, sock):
        path = request.target.split("?")[0]
        route = self.routes.get(path)
        if route is None:
            return answer(404, b"nothing here\n")
        if callable(route):
            return route(request, sock)
        return route

    def count(self, path):
        """How often a path was asked for."""
        with self.lock:
            return sum(request.target.split("?")[0] == path
                       for request in self.requests)

    def last(self):
        with self.lock:
            return self.requests[-1]


def answer(status=200, body=b"", *fields):
    """The octets of an HTTP answer with Content-Length; fields are lines."""
    lines = [f"HTTP/1.1 {status} Text", f"Content-Length: {len(body)}"]
    lines += fields
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1") + body


REWRITER = '''\
import sys
{body}
for line in sys.stdin.buffer:
    words = line.decode("latin-1").rstrip("\\n").split(" ")
    channel = words.pop(0) + " " if {concurrent} else ""
    reply = rewrite(words[0], words[1:])
    if reply is not None:
        sys.stdout.buffer.write((channel + reply + "\\n").encode("latin-1"))
        sys.stdout.buffer.flush()
'''


class Squire:
    """One running proxy with a folder of its own, on ports of its own."""

    def __init__(self, conf="", access="http_access allow all\n"):
        self.folder = tempfile.mkdtemp(prefix="squire-proxy-")
        atexit.register(shutil.rmtree, self.folder, ignore_errors=True)
        self.process = None
        self.port = self.manager = None
        self.access = access
        self.write_conf(conf)

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, text, mode=0o644):
        with open(self.path(name), "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(self.path(name), mode)
        return self.path(name)

    def rewriter(self, body, concurrent=True, name="rewriter.py"):
        """A rewriter in Python: body defines rewrite(url, extras), which
        returns a reply line or None for silence. Its command line."""
        self.write(name, REWRITER.format(body=body, concurrent=concurrent))
        return f"{sys.executable} {self.path(name)}"

    def write_conf(self, conf):
        text = ("http_port 127.0.0.1:0\nmanager_port 127.0.0.1:0\n"
                f"{self.access}"
                f"cache_log {self.path('debug.log')}\n"
                f"access_log {self.path('access.log')}\n"
                "strip_query_terms off\n"
                f"pid_filename {self.path('squire.pid')}\n"
                f"coredump_dir {self.folder}\n"
                "shutdown_lifetime 5 seconds\n" + conf)
        self.write("squire.conf", text)

    def command(self, *arguments):
        return [os.path.join(BUILD, "src", "squire"), "-f",
                self.path("squire.conf"), *arguments]

    def start(self):
        """Start in the foreground and wait until it accepts."""
        self.errors = open(self.path("stderr"), "wb")
        self.process = subprocess.Popen(
            self.command("-N"), stdin=subprocess.DEVNULL,
            stdout=self.errors, stderr=self.errors)
        wait_for("squire to start", self.is_up)
        self.first_fds = open_fds(self.pid)
        return self

    def __enter__(self):
        return self.start()

    def __exit__(self, kind, *_):
        if kind is not None:
            sys.stderr.write(f"--- {self.folder}\n{self.log()}"
                             f"{self.read('stderr')}---\n")
        self.stop(check=kind is None)

    @property
    def pid(self):
        return self.process.pid

    def read(self, name):
        try:
            with open(self.path(name), encoding="utf-8",
                      errors="replace") as file:
                return file.read()
        except FileNotFoundError:
            return ""

    def log(self):
        return self.read("debug.log")

    def access_lines(self):
        return [line.split() for line in
                self.read("access.log").splitlines()]

    def is_up(self):
        if self.process.poll() is not None:
            raise AssertionError(f"squire ended with "
                                 f"{self.process.returncode}: "
                                 f"{self.read('stderr')}{self.log()}")
        ports = re.findall(r"accepting HTTP at \S*:(\d+)", self.log())
        managers = re.findall(r"manager at \S*:(\d+)", self.log())
        if not ports or not managers:
            return False
        self.port, self.manager = int(ports[-1]), int(managers[-1])
        return True

    def connect(self):
        return Connection(self.port)

    def get(self, url, headers=(), method="GET", body=None):
        """One request on a connection of its own."""
        with self.connect() as connection:
            return connection.request(url, method, headers, body)

    def ask_manager(self, path, method="GET", headers=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.manager,
                                                timeout=PATIENCE)
        with contextlib.closing(connection):
            connection.request(method, path, headers=headers or {})
            response = connection.getresponse()
            return Response(response.status, response.getheaders(),
                            response.read())

    def helpers(self):
        return json.loads(self.ask_manager("/helpers").body)

    def info(self):
        return json.loads(self.ask_manager("/info").body)

    def pool(self, name="url_rewrite"):
        """The figures of one pool; None while there is none."""
        for pool in self.helpers():
            if pool["name"] == name:
                return pool
        return None

    def signal(self, number):
        os.kill(self.pid, number)

    def reconfigure(self, conf=None):
        """Write another configuration, send HUP, wait for the outcome."""
        if conf is not None:
            self.write_conf(conf)
        before = len(re.findall(r"reconfigure", self.log()))
        self.signal(signal.SIGHUP)
        wait_for("the reconfiguration", lambda: len(
            re.findall(r"reconfigure", self.log())) > before)

    def wait_logged(self, count):
        """Wait until the access log has that many lines; return them."""
        wait_for(f"{count} lines in the access log",
                 lambda: len(self.access_lines()) >= count)
        return self.access_lines()

    def leaked(self):
        """Client and origin sockets, pipes: what an idle proxy must not
        have open. Kept origin connections do not count."""
        now = open_fds(self.pid)
        info = self.info()
        return {"clients": info["clients"], "active": info["active"],
                "tunnels": info["tunnels"], "origins": info["origins"],
                "files": [what for what in now.values()
                          if "(deleted)" in what]}

    def check_idle(self):
        """Wait until nothing is in progress; fails when that never is."""
        nothing = {"clients": 0, "active": 0, "tunnels": 0, "origins": 0,
                   "files": []}
        wait_for("an idle proxy", lambda: self.leaked() == nothing)

    def stop(self, check=True):
        """SIGTERM, then make sure that it ended well and left nothing."""
        if self.process is None:
            return
        left = []
        if self.process.poll() is None:
            left = children(self.pid)
            self.process.terminate()
        try:
            self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.errors.close()
        status, self.process = self.process.returncode, None
        errors, log = self.read("stderr"), self.log()
        shutil.rmtree(self.folder, ignore_errors=True)
        if not check:
            return
        if status != 0:
            raise AssertionError(f"squire ended with {status}: "
                                 f"{log}{errors}")
        if "ERROR: " in errors or "runtime error" in errors:
            raise AssertionError(errors)
        wait_for("its helpers to end", lambda: not any(
            os.path.exists(f"/proc/{pid}") for pid in left))


class SharedCase(unittest.TestCase):
    """Cases that share one squire and one origin; each serves paths of its
    own. conf: further lines of the configuration."""

    conf = ""

    @classmethod
    def start_squire(cls):
        return Squire("visible_hostname test.proxy\n" + cls.conf).start()

    @classmethod
    def setUpClass(cls):
        cls.origin = Origin()
        cls.squire = cls.start_squire()
        cls.number = 0

    @classmethod
    def tearDownClass(cls):
        cls.squire.check_idle()
        cls.squire.stop()
        cls.origin.close()

    def serve(self, route):
        """The URL of a new path; route as in Origin."""
        type(self).number += 1
        self.path = f"/{self.number}"
        self.origin.routes[self.path] = route
        return self.origin.url(self.path)

    def asked(self):
        """How often the origin was asked for that path."""
        return self.origin.count(self.path)

    def get(self, url, *headers, method="GET"):
        return self.squire.get(url, headers, method=method)


def main():
    """Run the tests of the calling script."""
    if not os.access(os.path.join(BUILD, "src", "squire"), os.X_OK):
        print("no squire in " + BUILD)
        sys.exit(77)
    faulthandler.dump_traceback_later(TEST_LIMIT, exit=True)
    unittest.main(verbosity=2)
