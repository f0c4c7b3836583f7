#!/usr/bin/env python3
"""Pools over the two programs for certificates that come with Squid, asked
through the codec (fakes/cert_run): one makes them, the other one checks."""

import os
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "..", "support"))
import squire_test
from squire_test import BUILD

CERT_RUN = os.path.join(BUILD, "test", "cert_run")
MAKER = "/usr/lib/squid/security_file_certgen"
CHECKER = "/usr/lib/squid/security_fake_certverify"
WRONG = ("wrong\t0 X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT "
         "(Checked by Cert Validator) cert_0")


def openssl(*arguments):
    return subprocess.run(["openssl", *arguments], text=True,
                          capture_output=True, check=True).stdout


def can_check():
    if not os.access(CHECKER, os.X_OK):
        return False
    module = subprocess.run(["perl", "-MCrypt::OpenSSL::X509", "-e", "1"],
                            capture_output=True, check=False)
    return module.returncode == 0


class Certificates(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="squire-certificates-")
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        self.log = self.path("debug.log")
        openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj",
                "/CN=Test CA", "-days", "30", "-keyout", self.path("key"),
                "-out", self.path("cert"))
        with open(self.path("ca"), "w") as both:
            for name in ("cert", "key"):
                with open(self.path(name)) as file:
                    both.write(file.read())

    def path(self, name):
        return os.path.join(self.folder, name)

    def run_pool(self, what, pem, program, **options):
        """What came of each request, in order, and the figures."""
        words = [f"{name}={value}" for name, value in options.items()]
        result = subprocess.run(
            [CERT_RUN, "log=" + self.log, *words, what, self.path(pem),
             self.folder, "--", *program],
            text=True, capture_output=True, timeout=120, check=True)
        answers, figures = {}, {}
        for line in result.stdout.splitlines():
            name, _, rest = line.partition("\t")
            if name == "figures":
                figures = {key: int(value) for key, _, value in
                           (word.partition("=") for word in rest.split("\t"))}
            else:
                self.assertNotIn(int(name), answers, "answered twice")
                answers[int(name)] = rest
        self.assertEqual(sorted(answers), list(range(options["count"])))
        return [answers[i] for i in sorted(answers)], figures

    def check_made(self, number, host):
        path = self.path(f"{number}.pem")
        self.assertIn(": OK", openssl("verify", "-CAfile", self.path("cert"),
                                      path))
        self.assertIn(host, openssl("x509", "-in", path, "-noout",
                                    "-subject"))
        self.assertEqual(openssl("x509", "-in", path, "-noout", "-pubkey"),
                         openssl("pkey", "-in", path, "-pubout"))

    def read(self, name):
        with open(self.path(name)) as file:
            return file.read()

    @unittest.skipUnless(os.access(MAKER, os.X_OK), "no generator here")
    def test_certificates_are_made_and_kept(self):
        database = [MAKER, "-s", self.path("db"), "-M", "4MB"]
        subprocess.run([*database, "-c"], capture_output=True, check=True)
        answers, figures = self.run_pool("make", "ca", database, count=6,
                                         repeat=2, max=1)
        self.assertEqual(answers, ["made"] * 6)
        self.assertEqual(figures["restarts"], 0)
        for i in range(6):
            self.check_made(i, f"h{i // 2}.test")
        self.assertEqual(self.read("0.pem"), self.read("1.pem"))
        self.assertNotEqual(self.read("1.pem"), self.read("2.pem"))

    @unittest.skipUnless(os.access(MAKER, os.X_OK), "no generator here")
    def test_none_is_lost_when_generators_are_killed(self):
        answers, figures = self.run_pool("make", "ca", [MAKER], count=60,
                                         kill=2, max=3, attempts=20)
        self.assertEqual(answers, ["made"] * 60)
        self.assertGreaterEqual(figures["kills"], 5)
        self.assertGreaterEqual(figures["restarts"], 4)
        self.assertGreaterEqual(figures["retries"], 1)
        for i in range(0, 60, 6):
            self.check_made(i, f"h{i}.test")

    @unittest.skipUnless(os.access(MAKER, os.X_OK), "no generator here")
    def test_a_generator_without_its_database(self):
        answers, _ = self.run_pool("make", "ca", [MAKER, "-s",
                                                  self.path("none")], count=2)
        for answer in answers:
            self.assertIn("UNKNOWN: it is not OK: ", answer)
            self.assertIn("exited with status 1", answer)

    @unittest.skipUnless(can_check(), "no validator, or no module of it")
    def test_certificates_are_checked(self):
        for concurrency in (1, 8):
            with self.subTest(concurrency=concurrency):
                answers, figures = self.run_pool(
                    "check", "cert", [CHECKER], count=40, max=2,
                    concurrency=concurrency)
                self.assertEqual(answers, ["valid", WRONG] * 20)
                self.assertEqual(figures["restarts"], 0)

    @unittest.skipUnless(can_check(), "no validator, or no module of it")
    def test_no_verdict_is_lost_when_validators_are_killed(self):
        answers, figures = self.run_pool(
            "check", "cert", [CHECKER], count=60, max=2, concurrency=4,
            kill=5, attempts=20)
        self.assertEqual(answers, ["valid", WRONG] * 30)
        self.assertGreaterEqual(figures["kills"], 2)
        self.assertGreaterEqual(figures["restarts"], 1)

    @unittest.skipUnless(can_check(), "no validator, or no module of it")
    def test_a_validator_without_channel_ids_is_no_verdict(self):
        answers, _ = self.run_pool("check", "cert", [CHECKER], count=2,
                                   max=1, concurrency=0)
        for answer in answers:
            self.assertIn("it is neither OK nor ERR", answer)


if __name__ == "__main__":
    squire_test.main()
