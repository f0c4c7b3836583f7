#!/usr/bin/env python3
"""squire-mux, driven as Squid would: real helpers and bad ones behind it, and
every request answered once whatever happens to them."""

import contextlib
import os
import random
import re
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
from channel import BUILD, DEADLINE, check, equal, wait_until

MUX = os.path.join(BUILD, "src", "squire-mux")
FAKE = os.path.join(BUILD, "test", "fake_helper")
SQUID_LIB = "/usr/lib/squid"
SLOW = os.environ.get("SQUIRE_TEST_SLOW")


class Mux:
    """A running squire-mux with its log in a file."""

    def __init__(self, *words, stdout=None):
        self.sock, theirs = socket.socketpair()
        self.sock.settimeout(DEADLINE)
        self.log = tempfile.TemporaryFile()
        self.process = subprocess.Popen([MUX, *words], stdin=theirs,
                                        stdout=stdout or theirs,
                                        stderr=self.log)
        theirs.close()
        self.buffer = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.sock.close()
        if self.process.poll() is None:
            try:
                self.process.wait(DEADLINE)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.log.close()

    def send(self, data):
        self.sock.sendall(data.encode("latin-1") if isinstance(data, str)
                          else data)

    def line(self):
        while b"\n" not in self.buffer:
            data = self.sock.recv(65536)
            if not data:
                raise EOFError(f"end; the log: {self.logged()}")
            self.buffer += data
        line, self.buffer = self.buffer.split(b"\n", 1)
        return line.decode("latin-1")

    def lines(self, count):
        return [self.line() for _ in range(count)]

    def ask(self, line):
        self.send(line + "\n")
        return self.line()

    def is_silent(self):
        return not self.buffer and not select.select([self.sock], [], [],
                                                     0.2)[0]

    def end(self):
        """Close the input; the lines still to come, and the status."""
        self.sock.shutdown(socket.SHUT_WR)
        rest = self.buffer
        while data := self.sock.recv(65536):
            rest += data
        return rest.decode("latin-1").splitlines(), self.status()

    def status(self):
        return self.process.wait(DEADLINE)

    def children(self):
        path = f"/proc/{self.process.pid}/task/{self.process.pid}/children"
        with open(path, encoding="ascii") as file:
            return [int(word) for word in file.read().split()]

    def logged(self):
        return os.pread(self.log.fileno(), 1 << 20, 0).decode("latin-1")


def ok(text):
    """What fake_helper answers."""
    return f'OK message="{text}"'


def fake(*words):
    return ["--", FAKE, *words]


def run_once(*words):
    done = subprocess.run([MUX, *words], stdin=subprocess.DEVNULL,
                          capture_output=True, timeout=DEADLINE,
                          encoding="latin-1", check=False)
    return done.returncode, done.stdout, done.stderr


def try_command_line():
    equal(run_once()[0], 2)
    check("no PROGRAM" in run_once("--max", "3")[2], "PROGRAM is missed")
    for words, cause in ((["--max", "many"], "--max many: expected a number"),
                         (["--fail", "x"], "closed or open or stale"),
                         (["--timeout", "1y"], "expected a time"),
                         (["--nonsense"], "no such option"),
                         (["--max"], "needs a value"),
                         (["--log", "/no/such/folder/x"], "/no/such/folder"),
                         (["--max", "0"], "numbers")):
        status, out, err = run_once(*words, "--", "x")[0:3]
        if words == ["--max"]:
            status, out, err = run_once(*words)
        equal((status, out), (2, ""), words)
        check(cause in err, f"{words}: {err}")
    status, out, _ = run_once("-h")
    check(status == 0 and "usage: squire-mux" in out, out)
    status, out, _ = run_once("-v")
    check(status == 0 and out.startswith("squire-mux "), out)


def try_no_program():
    with Mux("--", "/no/such/program") as mux:
        for i in range(3):
            check(mux.ask(f"{i} x").startswith(
                f'{i} BH message="cannot start /no/such/program: No such'),
                "told why")
        check("cannot start /no/such/program" in mux.logged(), "logged")
        equal(mux.end(), ([], 0))
    with Mux("--fail", "open", "--", "/no/such/program") as mux:
        equal(mux.ask("5 x"), "5 OK")


def try_forms():
    """Replies pass as they are; what cannot be asked is refused."""
    with Mux("--", "/bin/sed", "-u", "s/^x //") as mux:
        for reply in ("OK", "ERR", "ERR free text", "OK url=\"a b\"",
                      "http://new/ 1.2.3.4/- - GET", "301:http://new/",
                      "TT abc=", "AF user", "NA no", "!g!x", " OK ", "x"):
            equal(mux.ask(f"7 x {reply}"), f"7 {reply}")
        equal(mux.ask("8 "), "8 ")
        equal(mux.ask("8"), "8 ")
        equal(mux.ask("18446744073709551615 OK"), "18446744073709551615 OK")
        reply = mux.ask("9 x OK url=http://x/%0d%0aA:%20b")
        check(reply.startswith("9 BH message="), reply)
    with Mux(*fake()) as mux:
        mux.send(b"1 a\0b\n2 ok\n")
        equal(sorted(mux.lines(2)),
              ['1 BH message="there is a NUL in the request"', f"2 {ok('ok')}"])
        mux.send("no id\n\nx 3\n123456789012345678901 x\n4 d\n")
        equal(mux.line(), f"4 {ok('d')}")
        check("is concurrency= set in squid.conf" in mux.logged(), "why")
        mux.send("5 cut short")
        equal(mux.end(), ([], 0))
        check("within a line" in mux.logged(), "the cut line is told")


def try_long_lines():
    with Mux("--line-max", "70000", "--reply-max", "80k", *fake()) as mux:
        query = "q" * 65536
        equal(mux.ask(f"1 {query}"), f"1 {ok(query)}")
        for length in (69999, 70000, 70100, 200000, 500000):
            reply = mux.ask(f"2 {'q' * length}")
            expected = ("2 " + ok("q" * length) if length <= 69999 else
                        '2 BH message="the request is longer than the limit"')
            equal(reply, expected)
        mux.send("z" * 300000 + "\n3 c\n")
        equal(mux.line(), f"3 {ok('c')}")
    with Mux("--concurrency", "2", "--line-max", "100",
             *fake("ids")) as mux:  # room for the longest ID
        equal(mux.ask("1 " + "q" * 88), "1 " + ok("q" * 88))
        check("longer than" in mux.ask("1 " + "q" * 89), "one more")
    with Mux("--plain", *fake()) as mux:
        mux.send("a\n" + "z" * 300000 + "\nb\n")
        equal(mux.lines(3),
              [ok("a"), 'BH message="the request is longer than the limit"',
               ok("b")])


def try_octets():
    with Mux(*fake("bytes")) as mux:
        for octet in "1 abc\n22 d e\n":
            mux.send(octet)
        equal(sorted(mux.lines(2)), [f"1 {ok('abc')}", f"22 {ok('d e')}"])


def try_concurrent():
    with Mux("--concurrency", "50", "--max", "2",
             *fake("ids", "bursts=5")) as mux:
        mux.send("".join(f"{i} line {i}\n" for i in range(1000, 1100)))
        equal(sorted(mux.lines(100)),
              sorted(f"{i} {ok(f'line {i}')}" for i in range(1000, 1100)))


def try_plain_order():
    """The helpers take their time at random; order stays."""
    script = ("while read n; do sleep 0.0$(( (n * 7919) % 7 )); "
              "echo OK $n; done")
    with Mux("--plain", "--max", "8", "--", "/bin/sh", "-c", script) as mux:
        mux.send("".join(f"{i}\n" for i in range(1, 101)))
        equal(mux.lines(100), [f"OK {i}" for i in range(1, 101)])
        check(len(mux.children()) > 1, "several at work")


def try_kills():
    """Children die under load: each request has one answer."""
    count = 3000 if SLOW else 20000
    rng = random.Random(1)
    with Mux("--max", "4", "--attempts", "50", *fake()) as mux:
        wanted = {}
        sent, kills = 0, 0
        while sent < count or wanted:
            batch = ""
            while sent < count and len(wanted) < 100:
                wanted[str(sent)] = ok(f"r{sent}")
                batch += f"{sent} r{sent}\n"
                sent += 1
            mux.send(batch)
            ident, _, reply = mux.line().partition(" ")
            equal(reply, wanted.pop(ident, None), f"answer to {ident}")
            if rng.random() < 0.005:
                for pid in mux.children()[:2]:
                    # One that was killed before may go just now.
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGKILL)
                        kills += 1
        check(kills > 3 and mux.is_silent(), "no answer twice")
        equal(mux.end(), ([], 0))


def try_stopped():
    """A helper that stands still loses its request to another one."""
    with Mux("--max", "2", "--startup", "2", "--timeout", "2",
             *fake()) as mux:
        equal(mux.ask("1 a"), f"1 {ok('a')}")
        wait_until(lambda: len(mux.children()) == 2, "both run")
        for pid in mux.children():
            os.kill(pid, signal.SIGSTOP)
        equal(mux.ask("2 b"), '2 BH message="no answer in time"')
        for pid in mux.children():
            os.kill(pid, signal.SIGCONT)
        wait_until(lambda: mux.ask("3 c") == f"3 {ok('c')}", "it goes on")


def try_end():
    slow = fake("slow=300")
    with Mux("--max", "5", *slow) as mux:
        mux.send("".join(f"{i} x\n" for i in range(5)))
        answers, status = mux.end()
        equal((sorted(answers), status), ([f"{i} {ok('x')}" for i in range(5)], 0))
    for signo in (signal.SIGTERM, signal.SIGINT):
        with Mux("--max", "5", *slow) as mux:
            equal(mux.ask("9 x"), f"9 {ok('x')}")
            mux.send("".join(f"{i} x\n" for i in range(5)))
            time.sleep(0.1)
            mux.process.send_signal(signo)
            equal(sorted(mux.lines(5)), [f"{i} {ok('x')}" for i in range(5)])
            equal((mux.sock.recv(10), mux.status()), (b"", 0))
    with Mux("--drain", "200ms", *fake("silent")) as mux:
        mux.send("1 x\n")
        equal(mux.end(), (['1 BH message="the pool is closed"'], 0))


def try_squid_gone():
    """Nobody reads: it ends, its helpers with it."""
    with Mux("--max", "3", "--startup", "3", *fake("slow=100")) as mux:
        equal(mux.ask("1 x"), f"1 {ok('x')}")
        wait_until(lambda: len(mux.children()) == 3, "three run")
        pids = mux.children()
        mux.send("".join(f"{i} x\n" for i in range(50)))
        mux.sock.close()
        equal(mux.status(), 0)
        check(not any(os.path.exists(f"/proc/{pid}") for pid in pids),
              "none is left")


def try_back_pressure():
    """Squid does not read: it is let wait, and memory stays bounded."""
    query = "q" * 4000
    with Mux("--max", "2", *fake()) as mux:
        mux.sock.settimeout(1)
        sent = 0
        try:
            while sent < 50000:
                mux.send(f"{sent} {query}\n")
                sent += 1
        except TimeoutError:
            pass
        check(sent < 50000, "it stops reading")
        with open(f"/proc/{mux.process.pid}/status",
                  encoding="ascii") as file:
            rss = int(re.search(r"VmRSS:\s+(\d+)", file.read())[1])
        check(rss < 100000 or "build-asan" in BUILD, f"{rss} KiB")
        mux.sock.settimeout(DEADLINE)
        got = mux.lines(sent)
        equal(sorted(int(line.split()[0]) for line in got),
              list(range(sent)))


def try_gone_while_waiting():
    """Nobody reads, and requests that were read wait for room: it ends."""
    for words in ((), ("--plain",)):
        with Mux("--max", "2", *words, *fake()) as mux:
            mux.sock.settimeout(1)
            try:
                while True:
                    mux.send("7 " + "q" * 4000 + "\n")
            except TimeoutError:
                pass
            mux.sock.close()
            equal(mux.status(), 0)


def try_stats():
    with Mux("--max", "3", *fake()) as mux:
        for i in range(10):
            mux.ask(f"{i} x")
        mux.process.send_signal(signal.SIGHUP)
        mux.process.send_signal(signal.SIGUSR1)
        wait_until(lambda: "service ms: p50" in mux.logged(), "figures")
        check("10 requests, 10 answers" in mux.logged(), mux.logged())
        check(re.search(r"#1 pid \d+ ready: 10 requests", mux.logged()),
              mux.logged())
        os.kill(mux.children()[0], signal.SIGKILL)
        equal(mux.ask("11 x"), f"11 {ok('x')}")
        wait_until(lambda: "killed by SIGKILL" in mux.logged(), "its death")
        mux.process.send_signal(signal.SIGUSR1)
        wait_until(lambda: "that went: signal 1" in mux.logged(), "why")


def try_answers():
    """Kept answers and questions asked once, when opted in."""
    script = "n=0; while read l; do n=$((n+1)); sleep 0.3; echo OK n=$n; done"
    with Mux("--max", "4", "--collapse", "--cache", "10", "--ttl", "1h",
             "--", "/bin/sh", "-c", script) as mux:
        mux.send("1 a\n2 a\n3 a\n")
        equal(sorted(mux.lines(3)), ["1 OK n=1", "2 OK n=1", "3 OK n=1"])
        equal(mux.ask("4 a"), "4 OK n=1")
        equal(mux.ask("5 b"), "5 OK n=2")


def try_pipeline():
    """Lines go ahead to a quick process; its end loses none of them."""
    with Mux("--max", "1", "--pipeline", "64", *fake()) as mux:
        for _ in range(5):
            mux.send("".join(f"{i} l{i}\n" for i in range(200)))
            equal(mux.lines(200), [f"{i} {ok(f'l{i}')}" for i in range(200)])
        pid = mux.children()[0]
        mux.send("".join(f"{i} l{i}\n" for i in range(200)))
        os.kill(pid, signal.SIGKILL)
        equal(sorted(mux.lines(200)),
              sorted(f"{i} {ok(f'l{i}')}" for i in range(200)))


def try_lost_lines():
    """A program that drops what comes with a line is found out early."""
    with Mux("--max", "2", "--pipeline", "64",
             *fake("one-per-read")) as mux:
        for _ in range(20):
            mux.send("".join(f"{i} l{i}\n" for i in range(100)))
            equal(sorted(mux.lines(100)),
                  sorted(f"{i} {ok(f'l{i}')}" for i in range(100)))
        check(mux.is_silent(), "no answer twice")


def try_skipped_line():
    """A line without answer makes one request late, and no other wrong."""
    script = 'while read l; do [ "$l" = skip ] || echo "OK message=\\"$l\\""; done'
    with Mux("--max", "2", "--timeout", "1", "--", "/bin/sh", "-c",
             script) as mux:
        wanted = {}
        for i in range(300):
            word = "skip" if i == 100 else f"l{i}"
            wanted[i] = ok(word)
            mux.send(f"{i} {word}\n")
        wanted[100] = 'BH message="no answer in time"'
        equal(sorted(mux.lines(300)),
              sorted(f"{i} {reply}" for i, reply in wanted.items()))


def try_env():
    os.environ["MUX_TEST_SEEN"] = "yes"
    show = "while read x; do echo OK a=$MUX_TEST_SEEN b=$B h=$HOME; done"
    with Mux("--env", "MUX_TEST_SEEN", "--env", "B=2", "--cwd", "/", "--",
             "/bin/sh", "-c", show) as mux:
        equal(mux.ask("1 x"), "1 OK a=yes b=2 h=")


def try_real_helpers(folder):
    helper = os.path.join(SQUID_LIB, "basic_ncsa_auth")
    if os.path.exists(helper):
        users = os.path.join(folder, "users")
        with open(users, "w", encoding="ascii") as file:
            file.write("ann:$1$abcdefgh$irWbblnpmw.5z7wgBnprh0\n")
        with Mux("--max", "3", "--", helper, users) as mux:
            mux.send("".join(f"{i} nobody secret\n" for i in range(30)))
            answers = mux.lines(30)
            equal(sorted(int(line.split()[0]) for line in answers),
                  list(range(30)))
            check(all(" ERR" in line for line in answers), answers[0])
    for name in ("url_fake_rewrite", "url_fake_rewrite.sh"):
        helper = os.path.join(SQUID_LIB, name)
        if not os.path.exists(helper):
            continue
        for extra in ([], ["--concurrency", "10"]):
            if extra and name.endswith(".sh"):
                continue
            with Mux(*extra, "--max", "3", "--", helper) as mux:
                mux.send("".join(f"{i} http://a.test/{i} 127.0.0.1/- - GET\n"
                                 for i in range(30)))
                got = [line.split()[0] for line in mux.lines(30)]
                equal(sorted(map(int, got)), list(range(30)), name)
    helper = os.path.join(SQUID_LIB, "storeid_file_rewrite")
    if os.path.exists(helper):
        rules = os.path.join(folder, "rules")
        with open(rules, "w", encoding="ascii") as file:
            file.write("^http://(\\w+)\\.cdn\\.test/(.*)\thttp://cdn/$2\n")
        for extra in ([], ["--concurrency", "10"]):
            with Mux(*extra, "--", helper, rules) as mux:
                equal(mux.ask("4 http://a.cdn.test/x"),
                      "4 OK store-id=http://cdn/x")
    helper = shutil.which("squidGuard")
    if helper:
        conf = os.path.join(folder, "squidGuard.conf")
        with open(conf, "w", encoding="ascii") as file:
            file.write(f"dbhome {folder}\nlogdir {folder}\n"
                       "acl { default { pass none redirect "
                       "http://block.test/ } }\n")
        with Mux("--", helper, "-c", conf) as mux:
            reply = mux.ask("6 http://a.test/ 127.0.0.1/- - GET")
            check(reply.startswith("6 ") and "http://block.test/" in reply,
                  reply)


def main():
    for step in (try_command_line, try_no_program, try_forms, try_long_lines,
                 try_octets, try_concurrent, try_plain_order, try_kills,
                 try_stopped, try_end, try_squid_gone, try_back_pressure,
                 try_gone_while_waiting, try_stats, try_answers, try_pipeline,
                 try_lost_lines, try_skipped_line, try_env):
        print(step.__name__, flush=True)
        step()
    with tempfile.TemporaryDirectory() as folder:
        try_real_helpers(folder)


main()
