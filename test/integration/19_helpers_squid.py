#!/usr/bin/env python3
"""The shipped helpers under Debian's Squid: basic and digest with curl, an
external acl, store-ids, the log daemon."""

import http.server
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
from channel import BUILD, DEADLINE, check, equal, wait_until, write_file
from squid import SQUID, Squid, install, make_folder

CURL = shutil.which("curl")
HELPERS = os.path.join(BUILD, "helpers")
HASH = "$apr1$saltsalt$n8hLDVHT9AZelJlDMwxV0/"  # wonder land


class Origin(http.server.BaseHTTPRequestHandler):
    """Answers with the path it was asked for; counts."""

    seen = []

    def do_GET(self):
        self.seen.append(self.path)
        body = self.path.encode("latin-1")
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "max-age=3600")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


def curl(squid, url, *options):
    """The status that curl got through the proxy."""
    done = subprocess.run(
        [CURL, "-s", "-o", "/dev/null", "-w", "%{http_code}", "-x",
         f"http://127.0.0.1:{squid.port}", *options, url],
        capture_output=True, text=True, timeout=DEADLINE)
    return done.stdout


def write(folder, name, text):
    path = os.path.join(folder, name)
    write_file(path, text)
    os.chmod(path, 0o644)
    return path


def auth_conf(scheme, command, concurrency):
    return (f"auth_param {scheme} program {command}\n"
            f"auth_param {scheme} children 2 startup=1 idle=1 "
            f"concurrency={concurrency}\n"
            f"auth_param {scheme} realm squid\n"
            "acl users proxy_auth REQUIRED\nhttp_access allow users\n"
            "http_access deny all\naccess_log none\ncache deny all\n")


def try_basic(parent, url, concurrency):
    folder = make_folder(parent, f"basic{concurrency}")
    program = install(folder, os.path.join(HELPERS, "basic_file_auth"))
    users = write(folder, "users", f"alice:{HASH}\n1234:{HASH}\n")
    conf = auth_conf("basic", f"{program} {users}", concurrency)
    with Squid(folder, conf) as squid:
        equal(curl(squid, url), "407")
        for user in ("alice", "1234"):
            equal(curl(squid, url, "--proxy-user", f"{user}:wonder land"),
                  "200", user)
            equal(curl(squid, url, "--proxy-user", f"{user}:wonder"), "407")
        equal(curl(squid, url, "--proxy-user", "bob:wonder land"), "407")
        write(folder, "users", f"bob:{HASH}\n")
        wait_until(lambda: curl(squid, url, "--proxy-user",
                                "bob:wonder land") == "200",
                   "a user that is added can log in")


def try_digest(parent, url, options, line):
    folder = make_folder(parent, "digest" + "".join(options))
    program = install(folder, os.path.join(HELPERS, "digest_file_auth"))
    users = write(folder, "users", line)
    conf = auth_conf("digest", " ".join([program, *options, users]), 10)
    with Squid(folder, conf) as squid:
        equal(curl(squid, url), "407")
        equal(curl(squid, url, "--proxy-digest", "--proxy-user",
                   "alice:secret"), "200")
        equal(curl(squid, url, "--proxy-digest", "--proxy-user",
                   "alice:secrets"), "407")
        equal(curl(squid, url, "--proxy-digest", "--proxy-user",
                   "bob:secret"), "407")


def try_acl(parent, url, concurrency):
    folder = make_folder(parent, f"acl{concurrency}")
    program = install(folder, os.path.join(HELPERS, "ext_file_acl"))
    rules = write(folder, "rules",
                  "deny data closed message=\"It is shut\"\n"
                  "allow src 127.0.0.1 !data other user=guest tag=here\n")
    conf = (f"external_acl_type rules ttl=1 children-max=2 "
            f"concurrency={concurrency} %SRC %>ha{{{{User-Agent}}}} "
            f"{program} -f src,- {rules}\n"
            "acl closed urlpath_regex ^/closed\n"
            "acl other urlpath_regex ^/other\n"
            "acl rule external rules\n"
            "acl rule_closed external rules closed\n"
            "acl rule_other external rules other\n"
            "http_access deny closed !rule_closed\n"
            "http_access deny other !rule_other\n"
            "http_access allow rule\nhttp_access deny all\n"
            "logformat t %rp %un %et\n"
            f"access_log stdio:{folder}/log t\ncache deny all\n")
    with Squid(folder, conf) as squid:
        equal(squid.get(url + "open")[0], 200)
        equal(squid.get(url + "closed")[0], 403)
        equal(squid.get(url + "other")[0], 403)
        wait_until(lambda: os.path.exists(folder + "/log") and
                   "/open guest here" in read(folder + "/log"),
                   "user= and tag= are used")


def try_store_id(parent, origin, concurrency):
    folder = make_folder(parent, f"storeid{concurrency}")
    program = install(folder, os.path.join(HELPERS, "storeid_rules"))
    rules = write(
        folder, "rules",
        f"^http:\\/\\/127\\.0\\.0\\.1:{origin}\\/m[0-9]\\/(.*)"
        f"\thttp://m{concurrency}.squid.internal/$1\n")
    conf = (f"store_id_program {program} {rules}\n"
            f"store_id_children 2 startup=1 concurrency={concurrency}\n"
            "http_access allow all\naccess_log none\n")
    Origin.seen.clear()
    with Squid(folder, conf) as squid:
        base = f"http://127.0.0.1:{origin}"
        equal(squid.get(base + "/m1/a.jpg"), (200, "/m1/a.jpg"))
        equal(squid.get(base + "/m2/a.jpg"), (200, "/m1/a.jpg"),
              "the second URL is a hit")
        equal(squid.get(base + "/m2/b.jpg"), (200, "/m2/b.jpg"))
        equal(squid.get(base + "/x/a.jpg"), (200, "/x/a.jpg"))
    equal(Origin.seen, ["/m1/a.jpg", "/m2/b.jpg", "/x/a.jpg"])


def read(path):
    """The lines of requests: a client that only connects is logged too."""
    with open(path, encoding="utf-8") as file:
        return "".join(line for line in file if line.startswith("/"))


def try_log(parent, url, buffered):
    folder = make_folder(parent, "log" + buffered)
    program = install(folder, os.path.join(HELPERS, "log_file"))
    path = folder + "/access.log"
    conf = (f"logfile_daemon {program}\nlogformat path %rp\n"
            f"access_log daemon:{path} path\nlogfile_rotate 2\n"
            f"buffered_logs {buffered}\n"
            "http_access allow all\ncache deny all\n")

    def log_is(name, text):
        wait_until(lambda: os.path.exists(name) and read(name) == text,
                   f"{name} is {text!r}")

    with Squid(folder, conf) as squid:
        for i in range(3):
            squid.get(f"{url}a{i}")
        log_is(path, "/a0\n/a1\n/a2\n")
        squid.process.send_signal(signal.SIGUSR1)
        log_is(path + ".0", "/a0\n/a1\n/a2\n")
        squid.get(url + "after")
        log_is(path, "/after\n")
        squid.get(url + "last")
    log_is(path, "/after\n/last\n")


def main():
    if not SQUID or not CURL:
        print("squid or curl is not there")
        sys.exit(77)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Origin)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    origin = server.server_address[1]
    url = f"http://127.0.0.1:{origin}/"
    with tempfile.TemporaryDirectory() as parent:
        os.chmod(parent, 0o755)
        for concurrency in (0, 10):
            try_basic(parent, url, concurrency)
            try_acl(parent, url, concurrency)
            try_store_id(parent, origin, concurrency)
        try_digest(parent, url, [], "alice:secret\n")
        try_digest(parent, url, ["-c"],
                   "alice:squid:9b6e285ec11dd39774af5a5916382688\n")
        for buffered in ("off", "on"):
            try_log(parent, url, buffered)
    server.shutdown()


main()
