#!/usr/bin/env python3
"""squire-mux as helper of Debian's Squid: url_rewrite_program,
external_acl_type and auth_param, with helpers that are killed meanwhile."""

import base64
import http.server
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
from channel import check, equal
from mux_install import install_mux
from squid import SQUID, Squid, make_folder

LOAD_S = float(os.environ.get("SQUIRE_TEST_LOAD_S", "4"))
NCSA = "/usr/lib/squid/basic_ncsa_auth"

COMMON = """
cache deny all
access_log none
"""

REWRITE = """
url_rewrite_program @mux@ @options@ -- @helper@
url_rewrite_children 1 startup=1 idle=1 concurrency=@concurrency@
http_access allow all
""" + COMMON

ALL = """
auth_param basic program @mux@ --max 3 -- @auth@
auth_param basic children 1 startup=1 idle=1 concurrency=50
auth_param basic realm test
external_acl_type gate ttl=0 negative_ttl=0 children-max=1 children-startup=1 concurrency=50 %SRC %URI @mux@ --max 3 -- @gate@
acl passes external gate
acl locked urlpath_regex ^/locked
acl known proxy_auth REQUIRED
http_access deny !passes
http_access allow locked known
http_access deny locked
http_access allow all
url_rewrite_program @mux@ --max 3 -- @rewrite@
url_rewrite_children 1 startup=1 idle=1 concurrency=50
""" + COMMON

REWRITER = """#!/bin/sh
while read -r url rest; do
    case $url in
    http://old.test/*) echo "OK rewrite-url=http://127.0.0.1:ORIGIN/${url#http://old.test/}" ;;
    *) echo ERR ;;
    esac
done
"""

GATE = """#!/bin/sh
while read -r src uri rest; do
    case $uri in */closed*) echo 'ERR message="closed"' ;; *) echo OK ;; esac
done
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


def fill(text, **values):
    for name, value in values.items():
        text = text.replace(f"@{name}@", str(value))
    return text


def script(folder, name, text):
    path = os.path.join(folder, name)
    with open(path, "w", encoding="ascii") as file:
        file.write(text)
    os.chmod(path, 0o755)
    return path


def try_forms(parent, origin):
    """The empty answer and an answer of each kind reach Squid; also without
    concurrency."""
    helper = "/usr/lib/squid/url_fake_rewrite.sh"
    mux = install_mux(parent)
    for concurrency, options in ((20, "--max 2"), (0, "--plain --max 2")):
        folder = make_folder(parent, f"forms{concurrency}")
        rewriter = script(folder, "rewriter",
                          REWRITER.replace("ORIGIN", str(origin)))
        for program in (helper, rewriter):
            if not os.path.exists(program):
                continue
            conf = fill(REWRITE, mux=mux, options=options, helper=program,
                        concurrency=concurrency)
            with Squid(folder, conf) as squid:
                equal(squid.get(f"http://127.0.0.1:{origin}/same"),
                      (200, "/same"), program)
                if program == rewriter:
                    equal(squid.get("http://old.test/a"), (200, "/a"))


def try_misset(parent, origin):
    """Without concurrency= and without --plain: the log tells what to do."""
    folder = make_folder(parent, "misset")
    rewriter = script(folder, "rewriter",
                      REWRITER.replace("ORIGIN", str(origin)))
    conf = fill(REWRITE, mux=install_mux(parent), options="", helper=rewriter,
                concurrency=0)
    with Squid(folder, conf) as squid:
        thread = threading.Thread(target=quietly, daemon=True, args=(
            squid.get, f"http://127.0.0.1:{origin}/same"))
        thread.start()
        for _ in range(200):
            with open(squid.log, encoding="latin-1") as file:
                if "is concurrency= set in squid.conf" in file.read():
                    return
            time.sleep(0.05)
        check(False, "the log tells why")


def quietly(function, *args):
    try:
        function(*args)
    except OSError:
        pass


def muxes_below(pid):
    """Numbers of the helpers of all squire-mux of a Squid."""
    found = []
    for mux in children(pid):
        found += children(mux)
    return found


def children(pid):
    try:
        with open(f"/proc/{pid}/task/{pid}/children",
                  encoding="ascii") as file:
            return [int(word) for word in file.read().split()]
    except OSError:
        return []


def ask_all(squid, origin, credentials, wrong, end):
    """One client: requests whose right answer is known."""
    header = {"Proxy-Authorization": "Basic " + credentials}
    base = f"http://127.0.0.1:{origin}"
    asked = 0
    while time.monotonic() < end:
        for url, status, headers in (
                (f"http://old.test/x{asked}", 200, {}),
                (f"{base}/closed", 403, {}),
                (f"{base}/locked", 200, header),
                (f"{base}/locked", 407, {})):
            got = squid.get(url, headers)
            asked += 1
            if got[0] != status:
                wrong.append((url, status, got[0], got[1][:200]))
    check(asked > 0, "something was asked")


def try_kills(parent, origin):
    folder = make_folder(parent, "kills")
    users = script(folder, "users", "ann:" + subprocess.run(
        ["openssl", "passwd", "-apr1", "secret"], check=True,
        capture_output=True, encoding="ascii").stdout)
    rng = random.Random(1)
    wrong = []
    conf = fill(ALL, mux=install_mux(parent), auth=f"{NCSA} {users}",
                gate=script(folder, "gate", GATE),
                rewrite=script(folder, "rewriter",
                               REWRITER.replace("ORIGIN", str(origin))))
    with Squid(folder, conf) as squid:
        end = time.monotonic() + LOAD_S
        credentials = base64.b64encode(b"ann:secret").decode()
        clients = [threading.Thread(target=ask_all, args=(
            squid, origin, credentials, wrong, end)) for _ in range(6)]
        for client in clients:
            client.start()
        kills = 0
        while time.monotonic() < end:
            time.sleep(0.1)
            helpers = muxes_below(squid.process.pid)
            if helpers:
                os.kill(rng.choice(helpers), signal.SIGKILL)
                kills += 1
        for client in clients:
            client.join()
        equal(wrong, [], f"after {kills} kills")
        check(kills > 3, "helpers were killed")
        check(squid.process.poll() is None, "Squid lives")


def main():
    if not SQUID or not os.path.exists(NCSA):
        print("squid is not there")
        sys.exit(77)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Origin)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    origin = server.server_address[1]
    with tempfile.TemporaryDirectory() as parent:
        os.chmod(parent, 0o755)
        for step in (try_forms, try_misset, try_kills):
            print(step.__name__, flush=True)
            step(parent, origin)
    server.shutdown()


main()
