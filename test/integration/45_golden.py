#!/usr/bin/env python3
"""Golden transcripts of Squid's helper programs and of squidGuard, asked again
through our codec and a pool by `squirectl replay`, with and without
channel-IDs. What each program must answer is in test/golden/*.rec.

Elsewhere: log_file_daemon, which never answers (18_log_file, 86_log_daemon),
and pinger, which talks in datagrams (30_ipc_programs).
"""

import os
import shutil
import struct
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "..", "support"))
import squire_test
from squire_test import BUILD, SOURCE

SQUIRECTL = os.path.join(BUILD, "src", "squirectl")
SQUID = "/usr/lib/squid/"
GOLDEN = os.path.join(SOURCE, "test", "golden")

NONE, IDS = "0", "5"  # --concurrency

# Record, program, arguments, and with which concurrency it must do well and
# with which it must fail without harm. {w} is the folder of made files.
PROGRAMS = (
    ("basic_ncsa_auth", "basic_ncsa_auth {w}/htpasswd", (NONE,), (IDS,)),
    ("basic_fake_auth", "basic_fake_auth", (NONE,), (IDS,)),
    ("digest_file_auth", "digest_file_auth {w}/digest", (NONE, IDS), ()),
    ("digest_file_auth_c", "digest_file_auth -c {w}/digest_c", (NONE, IDS),
     ()),
    ("ext_file_userip_acl", "ext_file_userip_acl -f {w}/userip", (NONE,),
     (IDS,)),
    ("ext_unix_group_acl", "ext_unix_group_acl -p", (NONE,), (IDS,)),
    ("ext_unix_group_acl_g", "ext_unix_group_acl -g root", (NONE,), ()),
    ("ext_time_quota_acl", "ext_time_quota_acl -b {w}/quota.db {w}/quota",
     (NONE,), (IDS,)),
    ("ext_session_acl", "ext_session_acl -a -t 60 -b {w}/sessions", ("1",),
     (NONE,)),
    ("ext_session_acl_passive", "ext_session_acl -t 60 -b {w}/sessions",
     ("1",), (NONE,)),
    ("storeid_file_rewrite", "storeid_file_rewrite {w}/storeid", (NONE, IDS),
     ()),
    ("url_fake_rewrite", "url_fake_rewrite", (NONE, IDS), ()),
    ("url_fake_rewrite_sh", "url_fake_rewrite.sh", (NONE,), (IDS,)),
    ("ntlm_fake_auth", "ntlm_fake_auth", (NONE,), ()),
    ("negotiate_wrapper_auth",
     "negotiate_wrapper_auth --ntlm " + SQUID + "ntlm_fake_auth --kerberos "
     + SQUID + "negotiate_kerberos_auth -s HTTP/localhost", (NONE,), ()),
    ("negotiate_kerberos_auth", "negotiate_kerberos_auth -s HTTP/localhost",
     (NONE,), ()),
    ("unlinkd", "unlinkd", (NONE,), (IDS,)),
    ("diskd", "diskd", (NONE,), ()),
    ("helper_mux_dead", "helper-mux /bin/sh {w}/dying", ("1",), ()),
    ("helper_mux", "helper-mux " + SQUID + "basic_ncsa_auth {w}/htpasswd",
     ("1",), ()),
    ("squidguard", "/usr/bin/squidGuard -c {w}/squidguard.conf", (NONE,), ()),
)

# The same for programs that make or check certificates.
CERTIFICATES = (
    ("security_file_certgen", "security_file_certgen -s {w}/ssl_db -M 4MB",
     (NONE,), (IDS,)),
    ("security_file_certgen_self", "security_file_certgen", (NONE,), (IDS,)),
    ("security_file_certgen_nodb", "security_file_certgen -s {w}/none -M 4MB",
     (NONE, IDS), ()),
    ("security_fake_certverify", "security_fake_certverify", ("1", IDS),
     (NONE,)),
    ("security_fake_certverify_plain", "security_fake_certverify", (NONE,),
     ()),
)

# Two answers for one line too long for their buffers (hazard 1): what follows
# would get a wrong answer if such a line were sent.
SHORT_BUFFERS = (
    ("basic_ncsa_auth {w}/htpasswd", "alice ", "alice wonder%20land", "OK"),
    ("digest_file_auth {w}/digest", '"', '"alice":"squid"',
     'OK ha1="9b6e285ec11dd39774af5a5916382688"'),
    ("url_fake_rewrite", "http://www.example.com/",
     "http://www.example.com/", "ERR"),
    ("ext_file_userip_acl -f {w}/userip", "10.1.2.3 ", "10.1.2.3 alice",
     "OK"),
)
REFUSED = "(refused: longer than a helper is asked)"

FILES = {
    "dying": "read x; exit 3\n",
    "digest": "alice:secret\n",
    "digest_c": "bob:squid:e7bd4536827605fec8ab8bdff9f5e2da\n",
    "userip": "10.1.2.0/255.255.255.0 alice\n"
              "192.168.0.0/255.255.0.0 ALL\n127.0.0.1 ALL\n",
    "quota": "alice 8h / 1d\nbob 1s / 1d\n",
    "storeid": "^http://cdn[0-9]*\\.example\\.com/(.*)\t"
               "http://cdn.example.com.squid.internal/$1\n",
    "domains": "bad.example.com\nevil.org\n",
    "urls": "site.example.net/porn\n",
    "squidguard.conf": """
dbhome {w}
logdir {w}
dest bad {{
    domainlist domains
    urllist urls
}}
acl {{
    default {{
        pass !bad all
        redirect 302:http://proxy.test/blocked?u=%u&c=%a
    }}
}}
""",
}


def openssl(*arguments):
    return subprocess.run(["openssl", "passwd", *arguments], text=True,
                          capture_output=True, check=True).stdout


def make_ca(folder):
    """What records of programs for certificates have in braces."""
    key, cert = (os.path.join(folder, name) for name in ("key", "cert"))
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048",
                    "-nodes", "-subj", "/CN=Golden CA", "-days", "30",
                    "-keyout", key, "-out", cert],
                   capture_output=True, check=True)
    with open(key) as key_file, open(cert) as cert_file:
        cert, key = cert_file.read(), key_file.read()
    return {"{cert}": cert.replace("\n", "\\n"),
            "{ca}": (cert + key).replace("\n", "\\n")}


def fill(line, texts):
    """A line of a record with the certificates, and the length of its
    body."""
    for name, text in texts.items():
        line = line.replace(name, text)
    body = line.partition("{length} ")[2]
    return line.replace("{length}", str(len(body.replace("\\n", "\n"))))


def has_perl_module(name):
    return subprocess.run(["perl", "-M" + name, "-e", "1"],
                          capture_output=True, check=False).returncode == 0


class Golden(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="squire-golden-")
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        for name, text in FILES.items():
            self.write(name, text.format(w=self.folder) if "{w}" in text
                       else text)
        self.write("htpasswd", "alice:"
                   + openssl("-apr1", "-salt", "saltsalt", "wonder land")
                   + "bob:" + openssl("-1", "-salt", "saltsalt", "p%ss"))
        # An empty database; the program cannot make one.
        with open(os.path.join(self.folder, "sessions"), "wb") as file:
            file.write(b"TDB file\n".ljust(32, b"\0")
                       + struct.pack("<II", 0x26011967 + 6, 131)
                       + bytes(128 + 4 * 132))

    def write(self, name, text):
        path = os.path.join(self.folder, name)
        with open(path, "w", encoding="latin-1") as file:
            file.write(text)
        return path

    def command(self, text):
        words = text.format(w=self.folder).split()
        if not words[0].startswith("/"):
            words[0] = SQUID + words[0]
        return words

    def replay(self, record, program, *options):
        for name in ("unlinked", "quota.db"):
            path = os.path.join(self.folder, name)
            if os.path.exists(path):
                os.unlink(path)
        self.write("unlinked", "")
        return subprocess.run(
            [SQUIRECTL, "replay", *options, record, "--",
             *self.command(program)], capture_output=True, cwd=self.folder,
            encoding="latin-1", timeout=120, check=False)

    def available(self, program):
        if os.access(self.command(program)[0], os.X_OK):
            return True
        print("skipped:", program, "is not here")
        return False

    def check_row(self, record, program, good, bad, *options):
        for concurrency in good:
            with self.subTest(record, concurrency=concurrency):
                result = self.replay(record, program, *options,
                                     "--concurrency", concurrency)
                self.assertEqual(result.returncode, 0,
                                 result.stdout + result.stderr)
                self.assertIn(" 0 differ\n", result.stdout)
        for concurrency in bad:
            with self.subTest(record, concurrency=concurrency):
                result = self.replay(record, program, *options,
                                     "--concurrency", concurrency)
                self.assertEqual(result.returncode, 1, result.stderr)
                self.assertRegex(
                    result.stdout + result.stderr,
                    "without channel-ID|exited with status 1|a line too many")

    def test_programs_answer_as_recorded(self):
        """And a wrong concurrency is told and harms nobody."""
        for name, program, good, bad in PROGRAMS:
            if self.available(program):
                self.check_row(os.path.join(GOLDEN, name + ".rec"), program,
                               good, bad)

    def test_programs_for_certificates(self):
        database = os.path.join(self.folder, "ssl_db")
        texts = make_ca(self.folder)
        for name, program, good, bad in CERTIFICATES:
            if not self.available(program):
                continue
            if "certverify" in name and not has_perl_module(
                    "Crypt::OpenSSL::X509"):
                print("skipped:", program, "misses a module of Perl")
                continue
            shutil.rmtree(database, ignore_errors=True)
            if "{w}/ssl_db" in program:
                subprocess.run([*self.command(program), "-c"],
                               capture_output=True, check=True)
            with open(os.path.join(GOLDEN, name + ".rec")) as file:
                record = self.write("made.rec", "".join(
                    fill(line, texts) for line in file))
            self.check_row(record, program, good, bad, "--timeout", "2")

    def test_a_line_too_long_is_not_sent(self):
        for program, start, request, answer in SHORT_BUFFERS:
            if not self.available(program):
                continue
            record = self.record((start + "x" * 9000, REFUSED),
                                 (request, answer),
                                 (start + "x" * 8190, REFUSED),
                                 (request, answer))
            with self.subTest(program):
                result = self.replay(record, program)
                self.assertEqual(result.returncode, 0, result.stdout)
                self.assertNotIn("put down", result.stderr)

    def record(self, *exchanges):
        """The path of a record of (request, answer)s."""
        return self.write("made.rec", "# squire record 1\n" + "".join(
            f"> {request}\n< {answer}\n" for request, answer in exchanges))


if __name__ == "__main__":
    if not os.path.exists(SQUID + "url_fake_rewrite"):
        print("no squid helpers here")
        sys.exit(77)
    squire_test.main()
