#!/usr/bin/env python3
"""storeid_rules and ext_file_acl over the wire: rules, IDs, bad files,
changes, the databases of Squid's storeid_file_rewrite."""

import os
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
from channel import (BUILD, Helper, check, equal, manual_session, run,
                     try_session, wait_until, write_file)

STOREID = os.path.join(BUILD, "helpers", "storeid_rules")
ACL = os.path.join(BUILD, "helpers", "ext_file_acl")

STOREID_RULES = r"""
# comment
exact  http://a.test/x        http://a.internal/y
prefix http://cdn1.test/      http://cdn.internal/
prefix http://cdn1.test/deep/ http://deep.internal/
regex  ^http://r\d+\.test/(a)?(.*?)(\?.*)?$  http://r.internal/[$1]$2$x$$
""" + """\
^http:\\/\\/cdn[0-9]\\.example\\.com\\/(.*)\thttp://cdn.example.com.squid.internal/$1
^http://t\\.test/(\\d) \t \thttp://t.internal/$1
regex\thttp://two.columns/
^(a+)+$\thttp://never.internal/
^ftp://(.*)\t$1
^long://(.*)\tx$1$1
"""

STOREID_CASES = [
    ("http://a.test/x", 'OK store-id="http://a.internal/y"'),
    ("http://a.test/x/", "ERR"),
    ("http://cdn1.test/a?b", 'OK store-id="http://cdn.internal/a?b"'),
    ("http://cdn1.test/deep/a", 'OK store-id="http://deep.internal/a"'),
    ("http://cdn1.test/dee", 'OK store-id="http://cdn.internal/dee"'),
    ("http://cdn1.test", "ERR"),
    ("http://r12.test/abc?d", 'OK store-id="http://r.internal/[a]bc$x$$"'),
    ("http://r1.test/b", 'OK store-id="http://r.internal/[]b$x$$"'),
    ("http://cdn3.example.com/a/b.jpg",
     'OK store-id="http://cdn.example.com.squid.internal/a/b.jpg"'),
    ("http://t.test/5", 'OK store-id="http://t.internal/5"'),
    ("x regex x", "ERR"),
    ("x-regex-x", 'OK store-id="http://two.columns/"'),
    ("a" * 40 + "b", "ERR"),
    ("ftp://", "ERR the rule gives no usable store-id"),
    ("ftp://a\x01", "ERR the rule gives no usable store-id"),
    ("long://" + "x" * 5000, "ERR the rule gives no usable store-id"),
    ('ftp://q"\\', 'OK store-id="q\\"\\\\"'),
    ("", "ERR"),
    ("garbage", "ERR"),
]

STOREID_BROKEN = [
    ("exact a", 1, "a rule is"),
    ("# x\n\nnothing", 3, "a rule is"),
    ("regex a b c", 1, "a rule is"),
    ("a\tb c", 1, "a rule is"),
    ("exact a b\nexact a c", 2, "already"),
    ("prefix a b\nprefix a c", 2, "already"),
    ("regex (a b", 1, "parenthes"),
    ("(a\tb", 1, "parenthes"),
    ("regex (a) $2", 1, "names no group"),
    ("exact a\0b c", 1, "NUL"),
]

ACL_RULES = """\
group admins root "ad min"
deny src 10.9.0.0/16 message="This network has no access"
allow user @admins user=admin tag=a log="x \\"y\\""
allow data office src 10.0.0.0/8
deny time mon-sun message=always
"""

ALWAYS = 'ERR message="always"'
ACL_CASES = [
    ("10.9.1.1 root", 'ERR message="This network has no access"'),
    ("10.1.1.1 ad%20min",
     'OK user="admin" tag="a" log="x \\"y\\""'),
    ("10.1.1.1 bob", ALWAYS),
    ("10.1.1.1 bob office ", "OK"),
    ("10.1.1.1 - x office", "OK"),
    ("2001:db8::1 root", 'OK user="admin" tag="a" log="x \\"y\\""'),
    ("- root", 'OK user="admin" tag="a" log="x \\"y\\""'),
    ("10.1.1.1", 'BH message="Fewer words than fields"'),
    ("", 'BH message="Fewer words than fields"'),
    ("example.com root", 'BH message="Not an address"'),
    ("10.1.1.1 bob" + " x" * 100, 'BH message="Too many words"'),
]


def concurrency(told):
    """Our environment, with what a pool says of its lines."""
    return dict(os.environ, **{"SQUIRE_CONCURRENCY": told} if told else {})


def try_cases(program, path, cases, *options):
    with Helper(program, *options, path) as helper:
        for query, expected in cases:
            equal(helper.ask(query), expected, query)
            equal(helper.ask("77 " + query), "77 " + expected, query)
        equal(helper.end(), 0, "exit status at EOF")


def test_storeid(path):
    write_file(path, STOREID_RULES)
    try_cases(STOREID, path, STOREID_CASES)
    with Helper(STOREID, path) as helper:
        equal(helper.ask("1 http://cdn3.example.com/a 10.0.0.1/- - GET"),
              '1 OK store-id="http://cdn.example.com.squid.internal/a"')


def test_acl(path):
    write_file(path, ACL_RULES)
    try_cases(ACL, path, ACL_CASES)
    write_file(path, "allow user 1234 data x\ndeny all\n")
    with Helper(ACL, "-f", "user", path) as helper:
        equal(helper.ask("1234"), "ERR")
        equal(helper.ask("7 1234 x"), "7 OK")
        equal(helper.ask("bob x"), "ERR")
    with Helper(ACL, "-f", "-,user,src", path) as helper:
        equal(helper.ask("GET 1234 10.0.0.1 x"), "OK")


def test_numbers_as_names(path):
    """A user's name is taken for a channel-ID only where nothing else tells."""
    write_file(path, "group staff 1234 alice\nallow user @staff data staff\n")
    off = [ACL, "-i", "off", "-f", "user", path]
    on = [ACL, "-i", "on", "-f", "user", path]
    for argv, told in ((off, None), (off, "9"), (off[:1] + off[3:], "0")):
        with Helper(*argv, env=concurrency(told)) as helper:
            equal(helper.ask("1234 staff"), "OK", (argv, told))
            equal(helper.ask("7 alice staff"), "ERR", (argv, told))
    for argv, told in ((on, None), (on, "0"), (on[:1] + on[3:], "1")):
        with Helper(*argv, env=concurrency(told)) as helper:
            equal(helper.ask("7 1234 staff"), "7 OK", (argv, told))
            equal(helper.ask("1234 staff"), "1234 ERR", (argv, told))
            equal(helper.ask("alice staff"),
                  'BH message="no channel-ID in the request"', (argv, told))
    with Helper(*off[:1], *off[3:], env=concurrency("x")) as helper:
        equal(helper.ask("1234 staff"), "1234 ERR", "detected as ever")


def test_all_know_the_option(path):
    for name, request, text in (
            ("basic_file_auth", "1 a b", "x:y\n"),
            ("digest_file_auth", '1 "a":"b"', "a:b\n"),
            ("storeid_rules", "1 x", "exact x y\n"),
            ("url_rewrite_map", "1 x", "exact x y\n")):
        program = os.path.join(BUILD, "helpers", name)
        write_file(path, text)
        with Helper(program, "-i", "on", path) as helper:
            equal(helper.ask(request).split()[0], "1", name)
            equal(helper.ask(request[2:]).split()[0], "BH", name)
        with Helper(program, "-i", "off", path) as helper:
            check(helper.ask(request)[:2] in ("OK", "ER", "BH"), name)
        for wrong in (["-i", "maybe", path], ["-i", "on"], ["-x", path]):
            status, errors = run(program, *wrong)
            equal(status, 1, wrong)
            check("usage: " + name in errors.replace("lt-", ""), errors)


def test_acl_time(path):
    """Of the helper's local time."""
    now = time.localtime()
    today = "sun mon tue wed thu fri sat".split()[(now.tm_wday + 1) % 7]
    other = "sun mon tue wed thu fri sat".split()[(now.tm_wday + 4) % 7]
    write_file(path, f"allow time {other} tag=other\n"
                     f"allow time {today} tag=today\n")
    with Helper(ACL, path) as helper:
        equal(helper.ask("10.0.0.1 -"), 'OK tag="today"')


def test_broken(path):
    for text, line, why in STOREID_BROKEN:
        write_file(path, text + "\n")
        status, errors = run(STOREID, path)
        equal(status, 1, text)
        check(f"storeid_rules: {path}:{line}: " in errors and why in errors,
              f"{text!r}: {errors!r}")
    write_file(path, "allow all\nallow src 10.0.0.0/99\n")
    status, errors = run(ACL, path)
    equal(status, 1)
    check(f"ext_file_acl: {path}:2: a prefix" in errors, errors)
    for argv in ([STOREID], [ACL], [ACL, "-f", "x", path], [ACL, "-x", path]):
        status, errors = run(*argv)
        equal(status, 1, argv)
        check("usage: " in errors, errors)


def test_change(path):
    """A broken file leaves the rules as they were."""
    log = path + ".log"
    write_file(path, "allow all tag=one\n")
    with Helper(ACL, path, stderr_path=log) as helper:
        equal(helper.ask("10.0.0.1 -"), 'OK tag="one"')
        write_file(path, "allow all tag=two\n")
        wait_until(lambda: helper.ask("10.0.0.1 -") == 'OK tag="two"',
                   "the changed file is read")
        write_file(path, "allow all tag=three\nallow\n")
        wait_until(lambda: helper.ask("10.0.0.1 -") and os.path.getsize(log),
                   "the broken file is told")
        equal(helper.ask("10.0.0.1 -"), 'OK tag="two"')
    with open(log, encoding="utf-8") as file:
        check(f"{path}:2: " in file.read(), "no line number")


def test_manual(path):
    for program, page in ((STOREID, "storeid_rules.8"),
                          (ACL, "ext_file_acl.8")):
        rules, session = manual_session(page)
        write_file(path, rules)
        with Helper(program, path) as helper:
            try_session(helper, session)


def main():
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "rules")
        test_storeid(path)
        test_acl(path)
        test_numbers_as_names(path)
        test_all_know_the_option(path)
        test_acl_time(path)
        test_broken(path)
        test_change(path)
        test_manual(path)


main()
