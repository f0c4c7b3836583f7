#!/usr/bin/env python3
"""Pools over the helper programs that come with Debian's Squid, and
squidGuard, with and without channel-IDs."""

import base64
import os
import shutil
import struct
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
from channel import check, equal
from pools import ask

SQUID = "/usr/lib/squid/"
CONCURRENCIES = (0, 1, 10)

SQUIDGUARD = """
dbhome {folder}
logdir {folder}
dest bad {{
    domainlist domains
}}
acl {{
    default {{
        pass !bad all
        redirect 302:http://proxy.test/blocked?u=%u&c=%a
    }}
}}
"""


def short(outcome):
    return [(answer.result, answer.text) for answer in outcome.answers]


def url_fake_rewrite():
    """It finds out by itself whether there is a channel-ID."""
    lines = [f"http://www.example.com/{i} 127.0.0.1/- - GET"
             for i in range(200)]
    for concurrency in CONCURRENCIES:
        outcome = ask([SQUID + "url_fake_rewrite"], lines,
                      concurrency=concurrency)
        equal(short(outcome), [("ERR", "")] * 200, concurrency)
        equal(outcome.figures["restarts"], 0)


def url_fake_rewrite_sh():
    """An empty line is ERR: no change. It knows no channel-IDs: that is told
    in the log, and harms neither the pool nor the caller."""
    program = [SQUID + "url_fake_rewrite.sh"]
    outcome = ask(program, ["http://a/", "", "garbage"])
    equal(short(outcome), [("ERR", "")] * 3)

    outcome = ask(program, ["http://a/ 127.0.0.1/- - GET"], concurrency=10)
    equal(short(outcome), [("UNKNOWN", "")])
    check("without channel-ID; is concurrency= set" in outcome.log,
          outcome.log)
    check("without channel-ID" in outcome.answers[0].message,
          outcome.answers[0])


def storeid_file_rewrite(folder):
    """Perl, with and without IDs; a word that makes it end."""
    rules = os.path.join(folder, "rules")
    with open(rules, "w") as file:
        file.write("^http://cdn[0-9]*\\.example\\.com/(.*)\t"
                   "http://cdn.example.com.squid.internal/$1\n")
    lines, expected = [], []
    for i in range(100):
        lines += [f"http://cdn{i}.example.com/{i}.jpg", "http://other.org/"]
        expected += [{"store-id":
                      f"http://cdn.example.com.squid.internal/{i}.jpg"}, {}]
    program = [SQUID + "storeid_file_rewrite", rules]
    for concurrency in CONCURRENCIES:
        outcome = ask(program, lines, concurrency=concurrency)
        equal([answer.pairs for answer in outcome.answers], expected)
        equal([answer.result for answer in outcome.answers],
              ["OK", "ERR"] * 100)

    outcome = ask(program, ["http://cdn1.example.com/", "quit",
                            "http://cdn2.example.com/"], max=1)
    equal([answer.result for answer in outcome.answers],
          ["OK", "UNKNOWN", "OK"], "only the poisonous one is lost")


def basic_ncsa_auth(folder):
    """Writes an answer in two pieces."""
    passwords = os.path.join(folder, "passwords")
    with open(passwords, "w") as file:
        subprocess.run(["openssl", "passwd", "-apr1", "-salt", "saltsalt",
                        "wonder land"], stdout=file, check=True)
    with open(passwords) as file:
        line = "alice:" + file.read()
    with open(passwords, "w") as file:
        file.write(line)
    program = [SQUID + "basic_ncsa_auth", passwords]
    lines = ["alice wonder%20land", "alice wrong", "nobody x", ""] * 10
    outcome = ask(program, lines)
    equal([(answer.result, answer.message) for answer in outcome.answers],
          [("OK", ""), ("ERR", "Wrong password"), ("ERR", "No such user"),
           ("ERR", "")] * 10)
    equal(outcome.figures["restarts"], 0)

    outcome = ask(program, ["alice " + "x" * 9000])
    equal(short(outcome), [("refused", "EMSGSIZE")],
          "its buffer would make two answers of it")

    outcome = ask([SQUID + "basic_ncsa_auth", folder + "/none"], ["a b"])
    equal(short(outcome), [("UNKNOWN", "")])
    check("exited with status 1" in outcome.log, outcome.log)
    check("FATAL: cannot stat" in outcome.log, "its last words are told")


def basic_fake_auth():
    """Answers OK to anything, without the channel-ID it was given."""
    outcome = ask([SQUID + "basic_fake_auth"], ["user pass"], concurrency=5)
    equal(short(outcome), [("UNKNOWN", "")])
    check("without channel-ID" in outcome.log, outcome.log)


def digest_file_auth(folder):
    passwords = os.path.join(folder, "digest")
    with open(passwords, "w") as file:
        file.write("alice:secret\n")
    for concurrency in CONCURRENCIES:
        outcome = ask([SQUID + "digest_file_auth", passwords],
                      ['"alice":"squid"', '"nobody":"squid"'],
                      concurrency=concurrency)
        equal(outcome.answers[0].pairs,
              {"ha1": "9b6e285ec11dd39774af5a5916382688"})
        equal(outcome.answers[1].pairs, {"message": "No such user"})

    outcome = ask([SQUID + "digest_file_auth", passwords], ["garbage"])
    equal(outcome.answers[0].result, "BH")
    equal(outcome.figures["retries"], 2, "BH is asked three times in all")


def squidguard(folder):
    program = shutil.which("squidGuard")
    if not program:
        return
    with open(os.path.join(folder, "domains"), "w") as file:
        file.write("bad.example.com\n")
    conf = os.path.join(folder, "squidguard.conf")
    with open(conf, "w") as file:
        file.write(SQUIDGUARD.format(folder=folder))
    outcome = ask([program, "-c", conf],
                  ["http://bad.example.com/x 10.0.0.1/- - GET",
                   "http://www.ok.com/ 10.0.0.1/- - GET"] * 20)
    equal([answer.result for answer in outcome.answers], ["OK", "ERR"] * 20)
    equal(outcome.answers[0].pairs,
          {"status": "302",
           "url": "http://proxy.test/blocked?u=http://bad.example.com/x"
                  "&c=10.0.0.1"})


def ntlm_type3(user):
    """The last message of a client; no passwords are in it."""
    name = user.encode("ascii")
    empty = struct.pack("<HHI", 0, 0, 64)
    return base64.b64encode(
        b"NTLMSSP\0" + struct.pack("<I", 3) + empty + empty + empty +
        struct.pack("<HHI", len(name), len(name), 64) + empty + empty +
        struct.pack("<I", 2) + name).decode("ascii")


def ntlm_fake_auth():
    """Forty dialogs over three processes, all at once: each gets its own
    user, from the process that gave the challenge."""
    type1 = base64.b64encode(b"NTLMSSP\0" + struct.pack(
        "<II", 1, 0xe20882b7) + bytes(24)).decode("ascii")
    users = [f"user{i}" for i in range(40)]
    outcome = ask([SQUID + "ntlm_fake_auth"],
                  [f"YR {type1}\tKK {ntlm_type3(user)}" for user in users],
                  dialogs=1, max=3)
    # It reads a domain where there is none.
    equal([(answer.result, answer.text.split("\\")[-1])
           for answer in outcome.answers], [("AF", user) for user in users])
    equal(outcome.figures["restarts"], 0)
    equal(outcome.figures["requests"], 80)

    # What it does not know it does not answer: the dialog ends in time.
    outcome = ask([SQUID + "ntlm_fake_auth"], [f"YR {type1}\tgarbage"],
                  dialogs=1, max=1, timeout=300)
    equal(short(outcome), [("TIMEOUT", "")])


def main():
    if not os.path.exists(SQUID + "url_fake_rewrite"):
        print("no squid helpers here")
        sys.exit(77)
    with tempfile.TemporaryDirectory(prefix="squire-squid-") as folder:
        url_fake_rewrite()
        url_fake_rewrite_sh()
        storeid_file_rewrite(folder)
        basic_ncsa_auth(folder)
        basic_fake_auth()
        ntlm_fake_auth()
        digest_file_auth(folder)
        squidguard(folder)


if __name__ == "__main__":
    main()
