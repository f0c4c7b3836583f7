#!/usr/bin/env python3
"""url_rewrite_map over the wire: rules, IDs, quoting, reloading, bad files."""

import os
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
from channel import (BUILD, Helper, check, equal, manual_session, run,
                     try_session, wait_until, write_file)

PROGRAM = os.path.join(BUILD, "helpers", "url_rewrite_map")

RULES = r"""
# comment, and an empty line

exact   http://a.test/x           http://b.test/y
exact   http://a.test/moved       http://b.test/moved        308
exact   c.test:443                d.test:443
domain  old.test                  http://\1new.test\2        301
domain  .deep.old.test            http://deeper.test\2
domain  UPPER.test                http://lower.test/?was=\0  rewrite
regex   ^http://([^/]+)/cgi/(.*)$ http://cgi.test/\1/\2      302
regex   /cgi/                     http://never.test/
regex   ^http://re.test/(a)?(.*)  http://re.test/[\1]\\\2    303
regex   ^http://quote.test/(.*)   http://q.test/"\1
regex   ^ftp://(.*)               \1
regex   ^http://long.test/(.*)    http://x/\1\1\1\1          307
"""

CASES = [
    ("http://a.test/x", 'OK rewrite-url="http://b.test/y"'),
    ("http://a.test/x?", "ERR"),
    ("http://a.test/moved", 'OK status="308" url="http://b.test/moved"'),
    ("c.test:443", 'OK rewrite-url="d.test:443"'),
    ("http://old.test/p?q=1", 'OK status="301" url="http://new.test/p?q=1"'),
    ("http://old.test", 'OK status="301" url="http://new.test"'),
    ("http://OLD.Test:8080/p", 'OK status="301" url="http://new.test/p"'),
    ("http://old.test./p", 'OK status="301" url="http://new.test/p"'),
    ("http://u:p@a.b.old.test/",
     'OK status="301" url="http://a.b.new.test/"'),
    ("http://x.deep.old.test/p", 'OK rewrite-url="http://deeper.test/p"'),
    ("http://notold.test/", "ERR"),
    ("http://test/?u=http://old.test/", "ERR"),
    ("http://h/?@old.test", "ERR"),
    ("old.test:443", "ERR"),
    ("http://[::1]/", "ERR"),
    ("http://upper.test/",
     'OK rewrite-url="http://lower.test/?was=http://upper.test/"'),
    ("http://h.test/cgi/a/b%20c",
     'OK status="302" url="http://cgi.test/h.test/a/b%20c"'),
    ("http://re.test/b", 'OK status="303" url="http://re.test/[]\\\\b"'),
    ('http://quote.test/a"b', 'OK rewrite-url="http://q.test/\\"a\\"b"'),
    ("ftp://", "ERR the rule gives no usable URL"),
    ("ftp://a\x01", "ERR the rule gives no usable URL"),
    ("http://long.test/" + "x" * 3000, "ERR the rule gives no usable URL"),
    ("", "ERR"),
    ("http://", "ERR"),
    ("http://" + "a." * 4000, "ERR"),
]

BROKEN = [
    ("exact http://a", 1, "a rule is"),
    ("# fine\n\nexact a b\nnothing a b", 4, "begins with"),
    ("exact a b 304", 1, "the action is"),
    ("exact a b 301 x", 1, "more than four"),
    ("exact a b\nexact a c", 2, "already"),
    ("domain a.test b\ndomain .A.test c", 2, "already"),
    ("domain http://a.test b", 1, "not a domain"),
    ("domain . b", 1, "not a domain"),
    ("regex (a b", 1, "("),
    ("regex (a) \\2", 1, "names no group"),
    ("domain a.test \\3", 1, "names no group"),
    ("exact a \\1", 1, "names no group"),
    ("exact a b\\x", 1, "must be"),
    ("exact a b\\", 1, "must be"),
    ("exact a\0b c", 1, "NUL"),
]


def test_rules(path):
    write_file(path, RULES)
    with Helper(PROGRAM, path) as helper:
        for url, expected in CASES:
            equal(helper.ask(url), expected, url)
            equal(helper.ask(f"{url} 10.0.0.1/- - GET myip=x"), expected, url)
            equal(helper.ask(f"77 {url} 10.0.0.1/- - GET"),
                  f"77 {expected}", url)
        equal(helper.end(), 0, "exit status at EOF")


def test_crlf_file(path):
    write_file(path, "exact http://a/ http://b/\r\n# c\r\n\r\n")
    with Helper(PROGRAM, path) as helper:
        equal(helper.ask("http://a/"), 'OK rewrite-url="http://b/"')


def test_batch(path):
    write_file(path, RULES)
    with Helper(PROGRAM, path) as helper:
        helper.send("".join(f"{i} http://a.test/x\n" for i in range(500)))
        for i in range(500):
            equal(helper.reply(), f'{i} OK rewrite-url="http://b.test/y"')


def test_broken_at_start(path):
    for text, line, why in BROKEN:
        write_file(path, text + "\n")
        status, errors = run(PROGRAM, path)
        equal(status, 1, text)
        check(f"{path}:{line}: " in errors and why in errors,
              f"{text!r}: {errors!r}")
    os.unlink(path)
    for argv in ([PROGRAM, path], [PROGRAM], [PROGRAM, os.path.dirname(path)]):
        status, errors = run(*argv)
        equal(status, 1, argv)
        check(errors, "no message")


def test_reload(path, log):
    def answers(expected):
        return lambda: helper.ask("3 http://a/") == f"3 {expected}"

    def log_has(text):
        with open(log, encoding="utf-8") as file:
            return text in file.read()

    write_file(path, "exact http://a/ http://one/\n")
    with Helper(PROGRAM, path, stderr_path=log) as helper:
        one, two = 'OK rewrite-url="http://one/"', 'OK rewrite-url="http://two/"'
        equal(helper.ask("http://a/"), one)
        write_file(path, "exact http://a/ http://two/\n")
        wait_until(answers(two), "changed file is read")
        check(not log_has(":"), "a good file needs no message")

        write_file(path, "exact http://a/ http://three/\nregex ( x\n")
        wait_until(lambda: answers(two)() and log_has(f"{path}:2: "),
                   "broken file is reported")
        equal(helper.ask("http://a/"), two, "old rules stay")

        os.unlink(path)
        wait_until(lambda: answers(two)() and log_has("No such file"),
                   "missing file is reported")
        write_file(path, "exact http://a/ http://one/\n")
        wait_until(answers(one), "file that came back is read")
        equal(helper.end(), 0)
    with open(log, encoding="utf-8") as file:
        equal(len(file.read().splitlines()), 2, "one message for each event")


def test_manual(path):
    """The rules and the session of the manual page."""
    rules, session = manual_session("url_rewrite_map.8")
    write_file(path, rules)
    with Helper(PROGRAM, path) as helper:
        try_session(helper, session)


def main():
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "rules")
        test_rules(path)
        test_manual(path)
        test_crlf_file(path)
        test_batch(path)
        test_broken_at_start(path)
        test_reload(path, os.path.join(folder, "stderr"))


main()
