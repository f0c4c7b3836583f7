#!/usr/bin/env python3
"""The examples in sh, Python, Perl and C: with IDs, without, at EOF, and the
languages' code in ten lines at most."""

import os
import re
import shutil
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
from channel import BUILD, SOURCE, Helper, check, equal

EXAMPLES = os.path.join(SOURCE, "helpers", "examples")
SCRIPTS = {"sh": "url_rewrite.sh", "python3": "url_rewrite.py",
           "perl": "url_rewrite.pl"}

MOVED = [
    ("http://old.test/", "http://new.test/"),
    ("http://old.test/a%20b?c=d&e=%22", "http://new.test/a%20b?c=d&e=%22"),
]
# How these look inside the quotes, for programs that can quote them.
QUOTED = [
    ('http://old.test/"x', 'http://new.test/\\"x'),
    ("http://old.test/a\\b", "http://new.test/a\\\\b"),
    # What an echo of sh would stop at, or make lines of.
    ("http://old.test/\\c", "http://new.test/\\\\c"),
    ("http://old.test/\\n7\\0101", "http://new.test/\\\\n7\\\\0101"),
]
KEPT = ["http://other.test/", "http://old.test.example/", "old.test:443",
        "http://old.testx/", "http://h/?http://old.test/"]


def try_program(argv, quotes):
    with Helper(*argv) as helper:
        for head in ("", "0 ", "12345 "):
            for url, new in MOVED + (QUOTED if quotes else []):
                equal(helper.ask(f"{head}{url} 10.0.0.1/- - GET"),
                      f'{head}OK rewrite-url="{new}"', argv)
                equal(helper.ask(head + url), f'{head}OK rewrite-url="{new}"')
            for url in KEPT + ([] if quotes else [url for url, _ in QUOTED]):
                equal(helper.ask(f"{head}{url} 10.0.0.1/- - GET"),
                      head + "ERR", f"{argv}: {url}")
        equal(helper.ask(""), "ERR", "empty line")
        equal(helper.ask("http://h/\xff\xfe 10.0.0.1/- - GET"), "ERR",
              f"{argv}: not UTF-8")
        helper.send("1 http://a/ x\n2 http://old.test/ x\n3 http://c/ x\n")
        check([helper.reply().split()[0] for _ in range(3)] ==
              ["1", "2", "3"], "several at a time")
        equal(helper.end(), 0, f"{argv}: exit status")


def code_lines(path):
    with open(path, encoding="utf-8") as file:
        return [line for line in file
                if not re.match(r"\s*(#|$)", line)]


def main():
    for interpreter, name in SCRIPTS.items():
        path = os.path.join(EXAMPLES, name)
        lines = len(code_lines(path))
        check(lines <= 10, f"{name} has {lines} lines of code")
        if shutil.which(interpreter):
            try_program([interpreter, path], quotes=interpreter != "sh")
        else:
            print(f"{interpreter} is not there: {name} not tried")
    try_program([os.path.join(BUILD, "helpers", "example_url_rewrite")], True)


main()
