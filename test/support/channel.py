"""A helper program at the other end of a socketpair, for integration tests."""

import os
import re
import socket
import subprocess
import sys
import time

BUILD = os.environ.get("SQUIRE_BUILD", "build")
SOURCE = os.environ.get("SQUIRE_SOURCE", ".")
DEADLINE = 20  # seconds; generous, no test measures time


class Helper:
    """A running helper. With stderr_path its messages go to that file."""

    def __init__(self, *argv, stderr_path=None, env=None):
        self.sock, theirs = socket.socketpair()
        self.sock.settimeout(DEADLINE)
        stderr = open(stderr_path, "ab") if stderr_path else None
        self.process = subprocess.Popen(argv, stdin=theirs, stdout=theirs,
                                        stderr=stderr, env=env)
        theirs.close()
        if stderr:
            stderr.close()
        self.reader = self.sock.makefile("rb")

    def send(self, text):
        self.sock.sendall(text.encode("latin-1"))

    def reply(self):
        return self.reader.readline().decode("latin-1").rstrip("\n")

    def ask(self, line):
        self.send(line + "\n")
        return self.reply()

    def end(self):
        """Close the channel; the exit status."""
        self.reader.close()
        self.sock.close()
        try:
            return self.process.wait(DEADLINE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        self.end()


def check(condition, text):
    if not condition:
        caller = sys._getframe(1)
        print(f"FAIL line {caller.f_lineno}: {text}", flush=True)
        sys.exit(1)


def equal(got, expected, text=""):
    if got != expected:
        caller = sys._getframe(1)
        print(f"FAIL line {caller.f_lineno}: {text}\n  got      {got!r}\n"
              f"  expected {expected!r}", flush=True)
        sys.exit(1)


def manual_blocks(name):
    """The .Bd -literal blocks of a manual page of doc/, as text."""
    with open(os.path.join(SOURCE, "doc", name), encoding="utf-8") as file:
        page = file.read()
    blocks = re.findall(r"^\.Bd -literal[^\n]*\n(.*?)^\.Ed$", page,
                        re.S | re.M)
    return [block.replace("\\e", "\\") for block in blocks]


def manual_session(name):
    """Of a manual page: the literal block before its session, which is the
    file that the session needs, and the session's lines ("> " typed, "< "
    answered)."""
    blocks = manual_blocks(name)
    session = [block.startswith("> ") for block in blocks].index(True)
    return blocks[session - 1], blocks[session].splitlines()


def try_session(helper, lines):
    for request, expected in zip(lines[::2], lines[1::2]):
        equal("< " + helper.ask(request[2:]), expected, request)


def run(*argv):
    """A program without input: its exit status and messages."""
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, text=True,
                          capture_output=True, timeout=DEADLINE)
    return done.returncode, done.stderr


def write_file(path, text):
    """As editors do: a new file under the old name."""
    with open(path + ".new", "w", encoding="latin-1") as file:
        file.write(text)
    os.rename(path + ".new", path)


def wait_until(condition, text):
    """Poll until condition() is true; fail at the deadline."""
    end = time.monotonic() + DEADLINE
    while time.monotonic() < end:
        result = condition()
        if result:
            return result
        time.sleep(0.05)
    print(f"FAIL: not within {DEADLINE} s: {text}", flush=True)
    sys.exit(1)
