#!/usr/bin/env python3
"""url_rewrite_map and the examples as url_rewrite_program of Debian's Squid:
the same helpers serve both proxies."""

import http.server
import os
import sys
import tempfile
import threading

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
from channel import BUILD, SOURCE, check, equal, wait_until
from squid import SQUID, Squid, install, make_folder

CONF = """
http_access allow all
acl moved dstdomain new.test
adapted_http_access deny moved
cache deny all
url_rewrite_program %s
url_rewrite_children 2 startup=1 idle=1 concurrency=%d
access_log none
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


def try_map(parent, origin, concurrency):
    folder = make_folder(parent, f"map{concurrency}")
    rules = os.path.join(folder, "rules")
    with open(rules, "w", encoding="utf-8") as file:
        file.write(RULES.format(origin=origin))
    os.chmod(rules, 0o644)
    program = install(folder, os.path.join(BUILD, "helpers",
                                           "url_rewrite_map"))
    with Squid(folder, CONF % (f"{program} {rules}", concurrency)) as squid:
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
        with Squid(folder, CONF % (program, concurrency)) as squid:
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
