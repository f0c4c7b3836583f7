#!/usr/bin/env python3
"""basic_file_auth and digest_file_auth over the wire: passwords, IDs, names
that are numbers, files that change or are wrong, what Squid's own answer."""

import os
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
from channel import (BUILD, Helper, check, equal, manual_session, run,
                     try_session, wait_until, write_file)

BASIC = os.path.join(BUILD, "helpers", "basic_file_auth")
DIGEST = os.path.join(BUILD, "helpers", "digest_file_auth")

ALICE = "$apr1$saltsalt$n8hLDVHT9AZelJlDMwxV0/"  # wonder land
BOB = "$1$saltsalt$yKJDmzg8ivwF61d6WYjDo0"  # p%ss w
WRONG = 'ERR message="Wrong user name or password"'
MISSING = 'ERR message="A name and a password are needed"'

BASIC_CASES = [
    ("alice wonder%20land", "OK"),
    ("al%69ce wonder%20land", "OK"),
    ("alice wonder%20land extra key=val", "OK"),
    ("alice wonder%20land\r", "OK"),
    ("alice wonder land", WRONG),
    ("alice wrong", WRONG),
    ("ALICE wonder%20land", WRONG),
    ("nobody wonder%20land", WRONG),
    ("bob p%25ss%20w", "OK"),
    ("al%20ice%25 p%25ss%20w", "OK"),
    ("1234 p%25ss%20w", "OK"),
    ("1234 wrong", WRONG),
    ("alice", MISSING),
    ("", MISSING),
    ("alice wonder%20land%00", WRONG),
    ("alice " + "x" * 9000, WRONG),
    ("0 alice wonder%20land", "0 OK"),
    ("7 1234 p%25ss%20w", "7 OK"),
    ("2147483647 alice wrong", "2147483647 " + WRONG),
]

DIGEST_CASES = [
    ('"alice":"squid"', 'OK ha1="9b6e285ec11dd39774af5a5916382688"'),
    ('"alice":"squid" more', 'OK ha1="9b6e285ec11dd39774af5a5916382688"'),
    ('"nobody":"squid"', 'ERR message="No such user"'),
    ("garbage", 'BH message="Invalid line received"'),
    ("", 'BH message="Invalid line received"'),
    ('"alice"', 'BH message="Invalid line received"'),
    ('"' + 9000 * "a" + '":"squid"', 'ERR message="No such user"'),
]

DIGEST_HA1_CASES = [
    ('"bob":"squid"', 'OK ha1="e7bd4536827605fec8ab8bdff9f5e2da"'),
    ('"bob":"other"', 'ERR message="No such user"'),
]


def test_basic(path):
    write_file(path, f"alice:{ALICE}\nbob:{BOB}\nal ice%:{BOB}\n1234:{BOB}\n")
    with Helper(BASIC, path) as helper:
        for query, expected in BASIC_CASES:
            equal(helper.ask(query), expected, query)
        helper.send("alice wonder%20land\nalice bad\n3 nobody x\n")
        equal([helper.reply() for _ in range(3)], ["OK", WRONG, "3 " + WRONG])
        equal(helper.end(), 0, "exit status at EOF")


def test_digest(path):
    write_file(path, "alice:secret\n")
    with Helper(DIGEST, path) as helper:
        for query, expected in DIGEST_CASES:
            equal(helper.ask(query), expected, query)
            equal(helper.ask("77 " + query), "77 " + expected, query)
        equal(helper.end(), 0)
    write_file(path, "bob:squid:e7bd4536827605fec8ab8bdff9f5e2da\n")
    with Helper(DIGEST, "-c", path) as helper:
        for query, expected in DIGEST_HA1_CASES:
            equal(helper.ask(query), expected, query)


def test_as_squids(path):
    """What Debian's digest_file_auth answers to the same lines."""
    theirs = "/usr/lib/squid/digest_file_auth"
    if not os.access(theirs, os.X_OK):
        return
    cases = [query for query, _ in DIGEST_CASES if len(query) < 8000]
    write_file(path, "alice:secret\n")
    with Helper(theirs, path) as squids, Helper(DIGEST, path) as ours:
        for query in cases:
            for line in (query, "7 " + query):
                if line.endswith(" more"):
                    continue
                equal(ours.ask(line), squids.ask(line), line)


def test_wrong_lines(path):
    """They are told and left out; the others count."""
    write_file(path, f"nonsense\nalice:{ALICE}\neve:!\nalice:{BOB}\n")
    log = path + ".log"
    with Helper(BASIC, path, stderr_path=log) as helper:
        equal(helper.ask("alice wonder%20land"), "OK")
        equal(helper.ask("eve x"), WRONG)
        helper.end()
    with open(log, encoding="utf-8") as file:
        lines = file.read().splitlines()
    equal(len(lines), 3, lines)
    for number, line in zip((1, 3, 4), lines):
        check(f"basic_file_auth: {path}:{number}: " in line, line)


def test_changes(path):
    log = path + ".changes"
    write_file(path, f"alice:{ALICE}\n")
    with Helper(BASIC, path, stderr_path=log) as helper:
        equal(helper.ask("bob p%25ss%20w"), WRONG)
        write_file(path, f"bob:{BOB}\n")
        wait_until(lambda: helper.ask("bob p%25ss%20w") == "OK",
                   "the changed file is read")
        equal(helper.ask("alice wonder%20land"), WRONG)
        os.unlink(path)
        wait_until(lambda: helper.ask("bob p%25ss%20w") == "OK" and
                   os.path.getsize(log) > 0, "a missing file is told")
        equal(helper.ask("bob p%25ss%20w"), "OK", "the users stay")


def test_start(path):
    for program in (BASIC, DIGEST):
        status, errors = run(program, path + ".none")
        equal(status, 1)
        check("No such file" in errors, errors)
        status, errors = run(program)
        equal(status, 1)
        check("usage: " in errors, errors)


def test_manual(path):
    for program, page in ((BASIC, "basic_file_auth.8"),
                          (DIGEST, "digest_file_auth.8")):
        users, session = manual_session(page)
        write_file(path, users)
        with Helper(program, path) as helper:
            try_session(helper, session)


def main():
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "users")
        test_basic(path)
        test_digest(path)
        test_as_squids(path)
        test_wrong_lines(path)
        test_changes(path)
        test_start(path)
        test_manual(path)


main()
