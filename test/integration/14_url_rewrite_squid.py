#!/usr/bin/env python3
"""url_rewrite_map and the examples as url_rewrite_program of Debian's Squid:
the same helpers serve both proxies."""

import http.client
import http.server
import os
import pwd
import shutil
import socket
import subprocess
import sys
import tempfile
import threading

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
from channel import BUILD, DEADLINE, SOURCE, check, equal, wait_until

SQUID = shutil.which("squid", path="/usr/sbin:/usr/bin:" + os.environ["PATH"])

CONF = """
http_port 127.0.0.1:{port}
http_access allow all
acl moved dstdomain new.test
adapted_http_access deny moved
cache deny all
url_rewrite_program {program}
url_rewrite_children 2 startup=1 idle=1 concurrency={concurrency}
pid_filename {folder}/squid.pid
cache_log {folder}/cache.log
access_log none
netdb_filename none
coredump_dir {folder}
pinger_enable off
shutdown_lifetime 0 seconds
visible_hostname squid.test
"""

RULES = r"""
exact  http://exact.test/page http://127.0.0.1:{origin}/exact
domain old.test               http://127.0.0.1:{origin}\2
domain gone.test              http://new.test\2 301
regex  ^http://re.test/(.*)/(.*)$ http://127.0.0.1:{origin}/\2/\1
"""


class Origin(http.server.BaseHTTPRequestHandler):
    """Answers with the path it was asked for."""

    def do_GET(self):
        body = self.path.encode("latin-1")
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


def free_port():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


class Squid:
    """A private Squid in the foreground, in a folder of its own."""

    def __init__(self, folder, program, concurrency):
        self.folder = folder
        self.port = free_port()
        self.log = os.path.join(folder, "cache.log")
        conf = os.path.join(folder, "squid.conf")
        with open(conf, "w", encoding="utf-8") as file:
            file.write(CONF.format(port=self.port, folder=folder,
                                   program=program, concurrency=concurrency))
        self.process = subprocess.Popen(
            [SQUID, "-N", "-f", conf], cwd=folder,
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL)
        try:
            wait_until(self.is_up, "Squid listens")
        except SystemExit:
            self.print_log()
            self.stop()
            raise

    def is_up(self):
        check(self.process.poll() is None, "Squid ended at its start")
        try:
            socket.create_connection(("127.0.0.1", self.port), 1).close()
            return True
        except OSError:
            return False

    def print_log(self):
        if os.path.exists(self.log):
            with open(self.log, encoding="utf-8", errors="replace") as file:
                print(file.read()[-3000:])

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(DEADLINE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        if kind:
            self.print_log()
        self.stop()

    def get(self, url):
        """Status, and body or Location."""
        client = http.client.HTTPConnection("127.0.0.1", self.port,
                                            timeout=DEADLINE)
        client.request("GET", url)
        answer = client.getresponse()
        body = answer.read().decode("latin-1")
        client.close()
        return answer.status, answer.getheader("Location") or body


def make_folder(parent, name):
    folder = os.path.join(parent, name)
    os.mkdir(folder, 0o755)
    if os.geteuid() == 0:
        user = pwd.getpwnam("proxy")
        os.chown(folder, user.pw_uid, user.pw_gid)
    return folder


def install(folder, source):
    """A copy that Squid's user can reach."""
    target = os.path.join(folder, os.path.basename(source))
    shutil.copyfile(source, target)
    os.chmod(target, 0o755)
    return target


def try_map(parent, origin, concurrency):
    folder = make_folder(parent, f"map{concurrency}")
    rules = os.path.join(folder, "rules")
    with open(rules, "w", encoding="utf-8") as file:
        file.write(RULES.format(origin=origin))
    os.chmod(rules, 0o644)
    program = install(folder, os.path.join(BUILD, "helpers",
                                           "url_rewrite_map"))
    with Squid(folder, f"{program} {rules}", concurrency) as squid:
        equal(squid.get("http://exact.test/page"), (200, "/exact"))
        equal(squid.get("http://www.old.test/a%20b?c"), (200, "/a%20b?c"))
        equal(squid.get("http://gone.test/x"), (301, "http://new.test/x"))
        equal(squid.get("http://re.test/a/b"), (200, "/b/a"))
        equal(squid.get(f"http://127.0.0.1:{origin}/same"), (200, "/same"))
        with open(rules, "a", encoding="utf-8") as file:
            file.write(f"exact http://new.rule/ http://127.0.0.1:{origin}/new\n")
        wait_until(lambda: squid.get("http://new.rule/") == (200, "/new"),
                   "the changed file is followed")


def try_example(parent, origin, argv, name):
    """The example leaves the origin's own URL alone, and moves old.test to
    new.test, which Squid refuses then: no name has to be looked up."""
    for concurrency in (0, 10):
        folder = make_folder(parent, f"{name}{concurrency}")
        source = argv[-1]
        program = " ".join(argv[:-1] + [install(folder, source)])
        with Squid(folder, program, concurrency) as squid:
            equal(squid.get(f"http://127.0.0.1:{origin}/same"),
                  (200, "/same"), name)
            status, body = squid.get("http://old.test/moved")
            check(status == 403 and "http://new.test/moved" in body,
                  f"{name}: {status} {body[:300]!r}")


def main():
    if not SQUID:
        print("squid is not there")
        sys.exit(77)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Origin)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    origin = server.server_address[1]
    examples = os.path.join(SOURCE, "helpers", "examples")
    with tempfile.TemporaryDirectory() as parent:
        os.chmod(parent, 0o755)
        try_map(parent, origin, 0)
        try_map(parent, origin, 20)
        for interpreter, name in (("/bin/sh", "url_rewrite.sh"),
                                  ("/usr/bin/perl", "url_rewrite.pl"),
                                  ("/usr/bin/python3", "url_rewrite.py")):
            if os.path.exists(interpreter):
                try_example(parent, origin,
                            [interpreter, os.path.join(examples, name)], name)
        try_example(parent, origin,
                    [os.path.join(BUILD, "helpers", "example_url_rewrite")],
                    "c")
    server.shutdown()


main()
