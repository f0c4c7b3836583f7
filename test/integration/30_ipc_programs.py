#!/usr/bin/env python3
"""Real programs by ipcCreate: the helpers of Debian's Squid, shell scripts
and cat. (S004-3, S004-4, S004-13, S004-14; every transport.)"""

import os
import shutil
import socket
import struct
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
from channel import BUILD, Helper, check, equal, wait_until

RUN = os.path.join(BUILD, "test", "ipc_run")
SQUID = "/usr/lib/squid"
STREAMS = ("tcp", "fifo", "unix-stream")
DATAGRAMS = ("udp", "unix-dgram")


def squid(name):
    path = os.path.join(SQUID, name)
    if not os.path.exists(path):
        print(f"{path} is not there")
        sys.exit(77)
    return path


def small_programs():
    for kind in STREAMS:
        with Helper(RUN, kind, "cat") as helper:
            equal(helper.ask("a line"), "a line", kind)
        with Helper(RUN, kind, "/bin/sh", "-c",
                    "echo ready; while read x; do echo got $x; done") as helper:
            equal(helper.reply(), "ready", kind)
            equal(helper.ask("this"), "got this", kind)
        with Helper(RUN, kind, "true") as helper:
            equal(helper.reply(), "", kind)
    for kind in DATAGRAMS:
        with Helper(RUN, kind, "cat") as helper:
            equal(helper.ask("00ff"), "00ff", kind)
            equal(helper.ask("31"), "31", kind)


def failed_starts():
    for kind in STREAMS + DATAGRAMS:
        with Helper(RUN, kind, "/nonexistent/helper") as helper:
            equal(helper.reply(), "2 No such file or directory", kind)
        with Helper(RUN, kind, "/etc/passwd") as helper:
            equal(helper.reply(), "13 Permission denied", kind)


def is_sanitized(path):
    with open(path, "rb") as file:
        return b"__asan_init" in file.read()


def under_valgrind():
    """Who embeds the library looks for leaks with it. It knows no clone()
    with memory in common and no pidfd."""
    program = os.path.join(BUILD, "test", ".libs", "ipc_run")
    if not shutil.which("valgrind") or not os.path.exists(program) or \
            is_sanitized(program):
        print("not run under valgrind")
        return
    os.environ["LD_LIBRARY_PATH"] = os.path.join(BUILD, "lib", ".libs")
    for kind in STREAMS:
        with Helper("valgrind", "-q", program, kind, "cat") as helper:
            equal(helper.ask("a line"), "a line", kind)
    del os.environ["LD_LIBRARY_PATH"]


def rewriters(folder):
    for kind in STREAMS:
        with Helper(RUN, kind, squid("url_fake_rewrite")) as helper:
            equal(helper.ask("http://a/ 127.0.0.1/- - GET -"), "ERR", kind)
            equal(helper.ask("7 http://a/ 127.0.0.1/- - GET -"), "7 ERR")
        with Helper(RUN, kind, squid("url_fake_rewrite.sh")) as helper:
            equal(helper.ask("http://a/ 127.0.0.1/- - GET -"), "", kind)
    rules = os.path.join(folder, "rules")
    with open(rules, "w", encoding="ascii") as file:
        file.write("^http://one\\.example/(.*)\thttp://all.example/$1\n")
    with Helper(RUN, "unix-stream", squid("storeid_file_rewrite"),
                rules) as helper:
        equal(helper.ask("http://one.example/x"),
              "OK store-id=http://all.example/x")
        equal(helper.ask("3 http://two.example/x"), "3 ERR")


def read(path):
    with open(path, encoding="latin-1") as file:
        return file.read()


def unlink_daemon(folder):
    path = os.path.join(folder, "object")
    with open(path, "w", encoding="ascii") as file:
        file.write("x")
    with Helper(RUN, "fifo", squid("unlinkd")) as helper:
        equal(helper.ask(path), "OK")
        check(not os.path.exists(path), "unlinkd removed nothing")
        equal(helper.ask(path), "ERR")


def log_daemon(folder):
    """Commands without answers, as in the golden transcripts."""
    path = os.path.join(folder, "access.log")

    def is_done():
        return os.path.exists(path) and read(path) == (
            "after rotate\nZgarbage line\n\nbuffered\n")

    with Helper(RUN, "unix-stream", squid("log_file_daemon"),
                path) as helper:
        helper.send("r3\nb0\nLline one\nLline two %20 raw\nF\nR\n"
                    "Lafter rotate\nT\nO\nZgarbage line\n\nb1\n"
                    "Lbuffered\nF\n")
        wait_until(is_done, "the log daemon writes")
        equal(read(path + ".0"), "line one\nline two %20 raw\n")
    errors = os.path.join(folder, "errors")
    with Helper(RUN, "unix-stream", squid("log_file_daemon"),
                folder + "/none/log", stderr_path=errors) as helper:
        equal(helper.reply(), "", "it ends")
    check("No such file or directory" in read(errors), read(errors))


def pinger():
    """An echo of 127.0.0.1 through the one real user of IPC_DGRAM."""
    if os.getuid():
        print("pinger needs root")
        return
    address = struct.pack("<HHI16sI", socket.AF_INET6, 0, 0,
                          b"\0" * 10 + b"\xff\xff" +
                          socket.inet_aton("127.0.0.1"), 0)
    request = struct.pack("<28sBxxxi", address, 1, 4) + b"ping"
    for kind in DATAGRAMS:
        with Helper(RUN, kind, squid("pinger"),
                    stderr_path=os.devnull) as helper:
            helper.send(b"short".hex() + "\n")  # not answered
            reply = bytes.fromhex(helper.ask(request.hex()))
            check(len(reply) >= 44, f"{kind}: {len(reply)} octets")
            equal(reply[:28][8:24], address[8:24], kind)


def main():
    small_programs()
    failed_starts()
    under_valgrind()
    with tempfile.TemporaryDirectory() as folder:
        rewriters(folder)
        unlink_daemon(folder)
        log_daemon(folder)
    pinger()


if __name__ == "__main__":
    main()
