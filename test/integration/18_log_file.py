#!/usr/bin/env python3
"""log_file over the wire: commands, rotation, lines of any length, disks that
are full or slow, signals. No line is lost that is not counted."""

import os
import re
import resource
import signal
import stat
import subprocess
import sys
import tempfile
import threading

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
from channel import (BUILD, DEADLINE, Helper, check, equal, manual_blocks, run,
                     wait_until)

PROGRAM = os.path.join(BUILD, "helpers", "log_file")


def read(path):
    with open(path, encoding="latin-1") as file:
        return file.read()


def wait_text(path, text):
    wait_until(lambda: os.path.exists(path) and read(path) == text,
               f"{path} holds {text[:60]!r}")


def lost_of(log):
    """Lines lost, by the last message that says so."""
    counts = re.findall(r"(\d+) lines (?:lost|were lost)", read(log))
    return int(counts[-1]) if counts else 0


def test_commands(folder):
    path, log = folder + "/access.log", folder + "/stderr"
    with Helper(PROGRAM, path, stderr_path=log) as helper:
        helper.send("r3\nb0\nLline one\nLline two %20 raw\n")
        wait_text(path, "line one\nline two %20 raw\n")
        helper.send("R\nLafter rotate\n")
        wait_text(path, "after rotate\n")
        equal(read(path + ".0"), "line one\nline two %20 raw\n")
        helper.send("b1\nLheld\n")
        helper.send("T\nLkept\n")
        helper.send("F\n")
        wait_text(path, "kept\n")
        os.rename(path, path + ".moved")
        helper.send("O\nL\nF\n")
        wait_text(path, "\n")
        helper.send("Zgarbage\n\nb2\nr-1\nFx\nr99999999\nr\nLend\nLhalf")
        equal(helper.end(), 0, "exit status at EOF")
    equal(read(path), "\nend\nhalf\n")
    equal(read(log).count("not a command: "), 7, read(log))
    check('"Zgarbage"' in read(log), read(log))
    equal(stat.S_IMODE(os.stat(path).st_mode) & 0o137, 0, "mode")


def test_reopen_within_a_line(folder):
    """Another writer was cut: the next line is one of its own."""
    path = folder + "/cut.log"
    with Helper(PROGRAM, path) as helper:
        helper.send("Lone\n")
        wait_text(path, "one\n")
        with open(path, "a", encoding="latin-1") as file:
            file.write("half")
        helper.send("O\nLtwo\n")
        wait_text(path, "one\nhalf\ntwo\n")


def test_rotation(folder):
    path = folder + "/rotated.log"
    with Helper(PROGRAM, path) as helper:
        helper.send("r3\nb1\n")
        for i in range(6):
            helper.send(f"L{i}\nR\n")
        helper.send("Llast\n")
        equal(helper.end(), 0)
    equal([read(path + end) for end in ("", ".0", ".1", ".2")],
          ["last\n", "5\n", "4\n", "3\n"])
    check(not os.path.exists(path + ".3"), "a file too many")
    with Helper(PROGRAM, path) as helper:
        helper.send("r0\nLmore\nR\nLand more\n")
        equal(helper.end(), 0)
    equal(read(path), "last\nmore\nand more\n", "r0 opens the file anew")


def test_long_lines(folder):
    """Kept whole, also when what follows 64 KiB looks like a command."""
    path, log = folder + "/long.log", folder + "/long.stderr"
    lines = ["R" * 70000, "x" * 3000000, "short", "y" * 65535, "z" * 65536]
    with Helper(PROGRAM, path, stderr_path=log) as helper:
        helper.send("b1\n")
        for line in lines:
            helper.send(f"L{line}\n")
        helper.send("L" + "R\r" * 2500000 + "\nLafter\n")
        equal(helper.end(), 0)
    equal(read(path).split("\n"), lines + ["after", ""])
    equal(lost_of(log), 1, "5 MB are too long")


def test_full_disk(folder):
    """A limit on the size of files is a disk that is full."""
    path, log = folder + "/full.log", folder + "/full.stderr"

    def limit(size):
        resource.prlimit(helper.process.pid, resource.RLIMIT_FSIZE,
                         (size, resource.RLIM_INFINITY))

    with Helper(PROGRAM, path, stderr_path=log) as helper:
        helper.send("b1\n")
        limit(1004)
        helper.send("".join(f"L{i:09}\n" for i in range(200)) + "F\n")
        wait_until(lambda: lost_of(log) > 0, "the loss is told")
        limit(resource.RLIM_INFINITY)
        helper.send("".join(f"L{i:09}\n" for i in range(200, 300)))
        equal(helper.end(), 0)
    lines = read(path).split("\n")
    whole = [int(line) for line in lines if len(line) == 9]
    equal(whole, list(range(100)) + list(range(200, 300)))
    equal(lost_of(log), 100, "one of them was cut")
    equal(lines[100], "0000", "the cut line has its end")


def test_dev_full(folder):
    log = folder + "/devfull.stderr"
    with Helper(PROGRAM, "/dev/full", stderr_path=log) as helper:
        helper.send("r2\nb0\nLone\n")
        wait_until(lambda: lost_of(log) == 1, "one line is lost")
        helper.send("Ltwo\nR\nLthree\n")
        equal(helper.end(), 0)
    equal(read(log).count("No space left"), 1, "told at most once a minute")


def test_slow_disk(folder):
    """The writer of lines never waits; what has no room is counted."""
    fifo, log = folder + "/fifo", folder + "/slow.stderr"
    os.mkfifo(fifo)
    reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    total, got = 100000, bytearray()
    with Helper(PROGRAM, "-m", "1", fifo, stderr_path=log) as helper:
        helper.send("b1\n")
        for i in range(0, total, 1000):
            helper.send("".join(f"Lline {j:07} {'x' * 30}\n"
                                for j in range(i, i + 1000)))
        helper.sock.shutdown(1)
        os.set_blocking(reader, True)
        drain = threading.Thread(target=lambda: [
            got.extend(part) for part in iter(
                lambda: os.read(reader, 65536), b"")], daemon=True)
        drain.start()
        drain.join(DEADLINE)
        check(not drain.is_alive(), "the log ends")
        equal(helper.end(), 0)
    os.close(reader)
    lines = got.decode().splitlines()
    numbers = [int(line.split()[1]) for line in lines]
    check(numbers == sorted(set(numbers)), "in order, none twice")
    check(0 < lost_of(log) < total, read(log))
    equal(len(lines) + lost_of(log), total)


def test_sigterm(folder):
    """As Squid ends it: the channel closed, and SIGTERM at once."""
    path = folder + "/term.log"
    lines = "".join(f"L{i}\n" for i in range(2000))
    with Helper(PROGRAM, path) as helper:
        wait_until(lambda: os.path.exists(path), "it has started")
        helper.send("b1\n" + lines)
        helper.process.send_signal(signal.SIGTERM)
        equal(helper.process.wait(DEADLINE), 0, "with the channel open")
    equal(read(path), lines.replace("L", ""))
    os.unlink(path)
    with Helper(PROGRAM, path) as helper:
        wait_until(lambda: os.path.exists(path), "it has started")
        helper.send("b1\n" + lines)
        helper.sock.shutdown(1)
        helper.process.send_signal(signal.SIGTERM)
        equal(helper.end(), 0)
    equal(read(path), lines.replace("L", ""))


def test_start(folder):
    status, errors = run(PROGRAM, folder + "/none/access.log")
    equal(status, 1)
    check("No such file" in errors, errors)
    for argv in ([], ["-m", "x", "f"], ["-m", "0", "f"], ["a", "b"]):
        status, errors = run(PROGRAM, *argv)
        equal(status, 1, argv)
        check("usage: " in errors, errors)


def test_as_squids(folder):
    """The same commands give the same files."""
    theirs = "/usr/lib/squid/log_file_daemon"
    if not os.access(theirs, os.X_OK):
        return
    commands = "r3\nb0\nLa\nLb %41\nF\nR\nLc\nR\nb1\nLd\nF\nLe\nT\nO\nLf\n"
    found = []
    for name, program in (("ours", PROGRAM), ("theirs", theirs)):
        path = f"{folder}/{name}.log"
        with Helper(program, path) as helper:
            helper.send(commands.replace("T\n", "").replace("O\n", ""))
            equal(helper.end(), 0)
        found.append([read(path + end) for end in ("", ".0", ".1")])
    equal(*found)


def test_manual(folder):
    session = next(block for block in manual_blocks("log_file.8")
                   if block.startswith("$ "))
    script = "".join(line[2:] + "\n" for line in session.splitlines()
                     if line.startswith("$ "))
    done = subprocess.run(
        ["sh", "-c", script.replace("/tmp/log", folder + "/manual")],
        env={"PATH": os.path.dirname(PROGRAM) + ":/usr/bin:/bin"},
        capture_output=True, text=True, timeout=DEADLINE)
    equal(done.stdout, "".join(line + "\n" for line in session.splitlines()
                               if not line.startswith("$ ")), done.stderr)


def main():
    with tempfile.TemporaryDirectory() as folder:
        test_commands(folder)
        test_reopen_within_a_line(folder)
        test_rotation(folder)
        test_long_lines(folder)
        test_full_disk(folder)
        test_dev_full(folder)
        test_slow_disk(folder)
        test_sigterm(folder)
        test_start(folder)
        test_as_squids(folder)
        test_manual(folder)


main()
