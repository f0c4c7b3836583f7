#!/usr/bin/env python3
"""auth_param basic and digest, acls of users, and who gets 407."""

import base64
import os
import subprocess
import sys
import threading
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "..", "support"))
import squire_test
from auth_test import LIB, AuthProxy, basic, digest, digest_offer, md5

ALL_OK = "def reply(line):\n    return 'OK'\n"
NONE_OK = "def reply(line):\n    return 'ERR'\n"
SECRET = ("import hashlib\n"
          "def reply(line):\n"
          "    user = line[1:].split('\"')[0]\n"
          "    text = user + ':Squire proxy:secret'\n"
          "    return 'OK ha1=\"%s\"' % hashlib.md5("
          "text.encode('latin-1')).hexdigest()\n")


def passwords(squire):
    crypted = subprocess.check_output(
        ["openssl", "passwd", "-apr1", "-salt", "saltsalt", "wonder land"],
        text=True).strip()
    return squire.write("passwords", f"alice:{crypted}\n")


def raw_basic(octets):
    return ("Proxy-Authorization",
            "Basic " + base64.b64encode(octets).decode())


class Addresses(unittest.TestCase):
    """max_user_ip, with addresses that a proxy before us tells."""

    def proxy(self, extra):
        squire = AuthProxy(
            access="acl here src 127.0.0.1\n"
                   "follow_x_forwarded_for allow here\n")
        squire.write_conf(
            squire.scheme("basic", squire.helper(ALL_OK)) +
            "acl many max_user_ip -s 2\nacl users proxy_auth REQUIRED\n"
            "http_access deny many\nhttp_access allow users\n" + extra)
        return squire

    def come(self, squire, user, *addresses):
        return [squire.status(basic(user, "x"), ("X-Forwarded-For", address))
                for address in addresses]

    def test_only_so_many(self):
        with self.proxy("authenticate_ip_ttl 1 hour\n") as squire:
            self.assertEqual(
                self.come(squire, "bob", "10.0.0.1", "10.0.0.2", "10.0.0.3",
                          "10.0.0.1", "10.0.0.3", "10.0.0.2"),
                [200, 200, 407, 200, 407, 200])
            self.assertEqual(self.come(squire, "eve", "10.0.0.3"), [200])
            self.assertEqual(squire.status(), 407)

    def test_they_are_forgotten(self):
        with self.proxy("authenticate_ip_ttl 200 milliseconds\n") as squire:
            self.come(squire, "bob", "10.0.0.1", "10.0.0.2")
            squire_test.wait_for("the others to be forgotten", lambda: self.come(
                squire, "bob", "10.0.0.3") == [200])


class Basic(unittest.TestCase):
    def proxy(self, body=ALL_OK, *more, children="2 startup=1", extra=""):
        squire = AuthProxy()
        squire.write_conf(squire.scheme("basic", squire.helper(body), children,
                                        *more) + extra)
        return squire

    @unittest.skipUnless(os.path.exists(f"{LIB}/basic_ncsa_auth"), "no squid")
    def test_real_helper_and_curl(self):
        squire = AuthProxy()
        squire.write_conf(squire.scheme(
            "basic", f"{LIB}/basic_ncsa_auth {passwords(squire)}",
            "2 startup=1", "realm The inner circle"))
        with squire:
            url = squire.url()
            user = ["--proxy-basic", "--proxy-user"]
            self.assertEqual(squire.curl(url), [407])
            self.assertEqual(squire.curl(*user, "Alice:wonder land", url, url),
                             [200, 200])
            self.assertEqual(squire.curl(*user, "alice:wrong", url), [407])
            self.assertEqual(squire.curl(*user, "bob:x", url), [407])
            self.assertEqual(
                squire.curl("-p", *user, "alice:wonder land", url), [200])
            self.assertEqual(squire.users(6),
                             ["-", "alice", "alice", "alice", "bob",
                              "alice"])
            self.assertIsNone(squire.origin.last().get("Proxy-Authorization"))
            self.assertEqual(squire.get(url).get("Proxy-Authenticate"),
                             'Basic realm="The inner circle"')
            squire.wait_log("client 127.0.0.1: basic: the helper refused the "
                            "credentials")
            squire.check_idle()
            self.assertEqual(squire.pool("basicauthenticator")["ok"], 1)

    @unittest.skipUnless(os.path.exists(f"{LIB}/basic_fake_auth"), "no squid")
    def test_helper_that_believes_everybody(self):
        squire = AuthProxy()
        squire.write_conf(squire.scheme("basic", f"{LIB}/basic_fake_auth"))
        with squire:
            self.assertEqual(squire.status(basic("any", "thing")), 200)
            self.assertEqual(squire.status(), 407)

    def test_what_the_helper_reads(self):
        with self.proxy(ALL_OK, "key_extras \"%>a\"") as squire:
            self.assertEqual(
                squire.status(basic("Al Ice%", "p@ss \"w\\ord")), 200)
            self.assertEqual(
                squire.seen(),
                ["al%20ice%25 p@ss%20%22w%5Cord 127.0.0.1"])
            self.assertEqual(squire.users(1), ["al%20ice%25"])

    def test_case_and_charset(self):
        with self.proxy(ALL_OK, "casesensitive on", "utf8 on") as squire:
            self.assertEqual(squire.status(basic("J\xe4s", "\xfc")), 200)
            self.assertEqual(squire.status(raw_basic(
                "J\xe4s:\xfc".encode())), 200)
            self.assertEqual(squire.seen(), ["J%C3%A4s %C3%BC"])
            self.assertIn('charset="UTF-8"', squire.get(
                squire.url()).get("Proxy-Authenticate"))

    def test_refused_without_asking(self):
        bad = [("a:", "an empty password"), (":b", "no user name"),
               ("ab", "without a colon"), ("a\0:b", "a control octet"),
               ("a:b\r\nOK", "a control octet"), ("a:b\x7f", "control octet"),
               ("a" * 1024 + ":b", "a user name that is too long"),
               ("a:" + "b" * 6000, "too long"),
               ("a:" + " " * 4000, "too long for the helper")]
        for text, reason in bad:
            with self.subTest(reason=reason, text=text[:20]):
                with self.proxy() as squire:
                    self.assertEqual(
                        squire.status(raw_basic(text.encode("latin-1"))), 407)
                    squire.wait_log(reason)
                    self.assertEqual(squire.status(basic("a", "b")), 200)
                    self.assertEqual(squire.seen(), ["a b"])

    def test_nonsense_fields(self):
        with self.proxy() as squire:
            for value in ("Basic", "Basic ===", "Basic a b", "Bearer x", "",
                          "=", "Digest x", "NTLM abcd", "Basic \xff\xfe"):
                self.assertEqual(squire.status(("Proxy-Authorization", value)),
                                 407, value)
            self.assertEqual(squire.seen(), [])
            squire.check_idle()

    def test_answers_are_kept(self):
        with self.proxy() as squire:
            for _ in range(5):
                self.assertEqual(squire.status(basic("a", "b")), 200)
            self.assertEqual(squire.status(basic("a", "c")), 200)
            self.assertEqual(squire.seen(), ["a b", "a c"])

    def test_answers_are_kept_for_a_while(self):
        with self.proxy(ALL_OK, "credentialsttl 0 seconds") as squire:
            for _ in range(3):
                self.assertEqual(squire.status(basic("a", "b")), 200)
            self.assertEqual(squire.seen(), ["a b"] * 3)

    def test_refusals_are_not_kept(self):
        with self.proxy(NONE_OK) as squire:
            for _ in range(3):
                self.assertEqual(squire.status(basic("a", "b")), 407)
            self.assertEqual(squire.seen(), ["a b"] * 3)

    def test_those_who_ask_the_same_wait_together(self):
        slow = "def reply(line):\n    time.sleep(1)\n    return 'OK'\n"
        with self.proxy(slow) as squire:
            found = []
            threads = [threading.Thread(target=lambda: found.append(
                squire.status(basic("a", "b")))) for _ in range(10)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join(squire_test.PATIENCE)
            self.assertEqual(found, [200] * 10)
            self.assertEqual(squire.seen(), ["a b"])
            squire.check_idle()

    def test_a_client_that_leaves_does_not_disturb(self):
        slow = "def reply(line):\n    time.sleep(0.5)\n    return 'OK'\n"
        with self.proxy(slow) as squire:
            name, value = basic("a", "b")
            gone = squire.connect()
            gone.send(f"GET {squire.url()} HTTP/1.1\r\nHost: x\r\n"
                      f"{name}: {value}\r\n\r\n")
            squire_test.wait_for("the question", squire.seen)
            gone.reset()
            self.assertEqual(squire.status(basic("a", "b")), 200)
            squire.check_idle()

    def test_notes_and_messages(self):
        body = ("def reply(line):\n"
                "    if line.startswith('a '):\n"
                "        return 'OK group=staff group=x tag=t'\n"
                "    return 'ERR message=\"Ask <Bob>\"'\n")
        squire = AuthProxy("acl authed proxy_auth REQUIRED\n"
                           "acl staff note group staff\n"
                           "http_access deny !authed\n"
                           "http_access allow staff\n")
        squire.write_conf(squire.scheme("basic", squire.helper(body)))
        with squire:
            self.assertEqual(squire.status(basic("a", "b")), 200)
            self.assertEqual(squire.status(basic("a", "b")), 200)
            response = squire.get(squire.url(), [basic("c", "b")])
            self.assertEqual(response.status, 407)
            self.assertIn(b"Ask &lt;Bob&gt;", response.body)

    def test_helpers_that_fail(self):
        for body in ("def reply(line):\n    return 'BH broken'\n",
                     "def reply(line):\n    return 'nonsense'\n",
                     "def reply(line):\n    os._exit(1)\n",
                     "def reply(line):\n    return None\n"):
            with self.subTest(body=body):
                with self.proxy(
                        body, children="2 startup=1 timeout=700ms") as squire:
                    response = squire.get(squire.url(), [basic("a", "b")])
                    self.assertEqual(response.status, 407)
                    squire.wait_log("basic: ")
                    squire.check_idle()

    def test_reconfigure_keeps_what_is_the_same(self):
        with self.proxy() as squire:
            self.assertEqual(squire.status(basic("a", "b")), 200)
            pid = squire.pool("basicauthenticator")["helpers"][0]["pid"]
            conf = squire.scheme("basic", squire.helper(ALL_OK),
                                 "2 startup=1", "realm Other")
            squire.reconfigure(conf)
            self.assertEqual(
                squire.pool("basicauthenticator")["helpers"][0]["pid"], pid)
            self.assertIn("Other",
                          squire.get(squire.url()).get("Proxy-Authenticate"))
            self.assertEqual(squire.status(basic("a", "b")), 200)
            self.assertEqual(squire.seen(), ["a b"])
            squire.reconfigure(squire.scheme(
                "basic", squire.helper(NONE_OK, "other"), "2 startup=1"))
            self.assertEqual(squire.status(basic("a", "b")), 407)
            squire_test.wait_for("the old helper to leave", lambda: pid
                                 not in squire_test.children(squire.pid))


    def test_answers_of_a_program_that_was_replaced_are_not_kept(self):
        slow = ("def reply(line):\n    time.sleep(2)\n    return 'OK'\n")
        with self.proxy(slow, children="1 startup=1") as squire:
            first = []
            thread = threading.Thread(target=lambda: first.append(
                squire.status(basic("a", "b"))))
            thread.start()
            squire_test.wait_for("the question",
                                 lambda: squire.seen() == ["a b"])
            squire.reconfigure(squire.scheme(
                "basic", squire.helper(NONE_OK, "other"), "1 startup=1"))
            self.assertEqual(squire.status(basic("a", "b")), 407)
            thread.join()
            self.assertEqual(first, [200])
            self.assertEqual(squire.status(basic("a", "b")), 407)

    def test_rotation_replaces_those_that_write_to_the_log(self):
        for stderr, same in (("tag", True), ("raw", False)):
            with self.proxy(ALL_OK, "credentialsttl 0 seconds",
                            children=f"1 startup=1 stderr={stderr}") as squire:
                self.assertEqual(squire.status(basic("a", "b")), 200)
                before = squire.pool("basicauthenticator")["helpers"][0]
                squire.signal(squire_test.signal.SIGUSR1)
                squire.wait_log("logs reopened")
                self.assertEqual(squire.status(basic("a", "b")), 200)
                now = [helper["pid"] for pool in squire.helpers()
                       for helper in pool["helpers"]
                       if helper["state"] == "ready"]
                self.assertEqual(now == [before["pid"]], same)

    def test_nobody_may_listen(self):
        with self.proxy() as squire:
            self.assertEqual(squire.status(basic("a", "secret")), 200)
            for more in ("", "&last=1"):
                response = squire.ask_manager(
                    f"/tap?pool=basicauthenticator{more}",
                    headers={"X-Squire": "1"})
                self.assertEqual(response.status, 403)
                self.assertNotIn(b"secret", response.body)
        with self.proxy(children="1 startup=1 trace=9") as squire:
            self.assertEqual(squire.status(basic("a", "b")), 200)
            response = squire.ask_manager(
                "/tap?pool=basicauthenticator&last=1",
                headers={"X-Squire": "1"})
            self.assertEqual(response.status, 200)
            self.assertIn(b"a b", response.body)


class Rules(unittest.TestCase):
    def check(self, access, *expected):
        """expected: (user or None, status)."""
        squire = AuthProxy("acl authed proxy_auth REQUIRED\n"
                           "acl alice proxy_auth alice\n"
                           "acl names proxy_auth -i ALICE Zoe bob\n"
                           "acl pattern proxy_auth_regex -i ^ali\n" + access)
        squire.write_conf(squire.scheme("basic", squire.helper(ALL_OK)))
        with squire:
            for user, status in expected:
                fields = [basic(user, "x")] if user else []
                self.assertEqual(squire.status(*fields), status,
                                 (access, user))

    def test_helpers_that_are_told_the_user(self):
        """Nobody's request does not reach them; the client is asked."""
        squire = AuthProxy("")
        group = squire.helper("def reply(line):\n    return 'OK' if "
                              "line == 'alice' else 'ERR'\n", "group")
        squire.write_conf(
            squire.scheme("basic", squire.helper(
                "def reply(line):\n    return 'OK' if line.endswith(' x') "
                "else 'ERR'\n")) +
            f"external_acl_type group %LOGIN {group}\n"
            "acl staff external group\nhttp_access allow staff\n")
        with squire:
            self.assertEqual(squire.status(), 407)
            self.assertEqual(squire.status(basic("alice", "y")), 407)
            self.assertEqual(squire.seen(), ["alice y"])
            self.assertEqual(squire.status(basic("alice", "x")), 200)
            self.assertEqual(squire.status(basic("bob", "x")), 407)
            self.assertNotIn("-", squire.seen())
            self.assertEqual(squire.users(4), ["-", "alice", "alice", "bob"])

    def test_allow(self):
        self.check("http_access allow alice\n",
                   (None, 407), ("alice", 200), ("bob", 407))
        self.check("http_access allow alice\nhttp_access deny all\n",
                   (None, 407), ("alice", 200), ("bob", 403))

    def test_deny(self):
        self.check("http_access deny !authed\nhttp_access allow all\n",
                   (None, 407), ("alice", 200))
        self.check("http_access deny alice\nhttp_access allow authed\n",
                   (None, 407), ("alice", 407), ("bob", 200))
        self.check("http_access deny alice all\nhttp_access allow authed\n",
                   (None, 407), ("alice", 403), ("bob", 200))
        self.check("http_access deny !alice all\nhttp_access allow all\n",
                   (None, 407), ("alice", 200), ("bob", 403))

    def test_users_are_asked_for_only_when_it_matters(self):
        self.check("acl lo src 127.0.0.1\nhttp_access allow lo\n"
                   "http_access allow authed\n", (None, 200))
        self.check("acl other src 192.0.2.1\nhttp_access deny other authed\n"
                   "http_access allow all\n", (None, 200))

    def test_kinds(self):
        self.check("http_access allow names\nhttp_access deny all\n",
                   ("alice", 200), ("zoe", 200), ("bob", 200), ("eve", 403))
        self.check("http_access allow pattern\nhttp_access deny all\n",
                   (None, 407), ("alina", 200), ("bob", 403))

    def test_manager_of_the_configuration(self):
        squire = AuthProxy()
        cases = {
            "": ":3: error: acl authed is about users",
            "auth_param basic": "expected:",
            "auth_param bsic program /x": "expected basic, digest",
            "auth_param basic realms x": "did you mean \"realm\"",
            "auth_param basic nonce_max_count 3": "no parameter",
            "auth_param ntlm realm x": "no parameter",
            "auth_param basic children 0": "expected a number",
            "auth_param basic children": "expected a number",
            "auth_param basic children 3 concurency=1": "did you mean \"concurrency=\"",
            "external_acl_type x ttll=3 %SRC /x": "did you mean \"ttl=\"",
            "external_acl_type group %SRC /bin/cat\nacl g external grup":
            "did you mean \"group\"",
            "auth_param basic children 3 fail=open": "let everybody in",
            "auth_param basic children 3 cache=100": "cache= would keep pass",
            "auth_param digest children 3 cache=1": "cache= would keep pass",
            "auth_param basic children 3 fail=stale": "keeps no answers",
            "auth_param ntlm children 3 concurrency=1": "concurrency=",
            "auth_param negotiate children 3 concurrency=1": "concurrency=",
            "auth_param basic utf8 maybe": "on or off",
            "auth_param basic credentialsttl x": "",
            "auth_param basic credentialsttl 3 hours more": "a time",
            "auth_param digest nonce_max_count 0": "a number from 1",
            "auth_param digest post_workaround 1": "on or off",
            "auth_param digest realm a\\\"b": "without quotes",
            "auth_param basic program": "expected a program",
            "authenticate_ttl x": ""}
        for line, reason in cases.items():
            with self.subTest(line=line):
                squire.write_conf((f"auth_param digest program /bin/cat\n"
                                   if line else "") + line + "\n")
                done = subprocess.run(squire.command("-k", "parse"),
                                      capture_output=True, text=True,
                                      timeout=60, check=False)
                self.assertNotEqual(done.returncode, 0, line)
                self.assertIn(reason, done.stdout + done.stderr)
                if line:
                    self.assertRegex(done.stdout + done.stderr,
                                     r"squire\.conf:\d+: ")
        squire.origin.close()


class Digest(unittest.TestCase):
    def proxy(self, *more, body=SECRET):
        squire = AuthProxy()
        squire.write_conf(squire.scheme("digest", squire.helper(body),
                                        "2 startup=1", *more))
        return squire

    def offer(self, squire):
        return digest_offer(squire.get(squire.url()))

    @unittest.skipUnless(os.path.exists(f"{LIB}/digest_file_auth"), "no squid")
    def test_real_helper_and_curl(self):
        secret = md5("alice", "Squire proxy", "secret")
        for option, line in (("", "alice:secret"),
                             ("-c ", f"alice:Squire proxy:{secret}")):
            with self.subTest(option=option):
                self.check_real(option, line)

    def check_real(self, option, line):
        squire = AuthProxy()
        path = squire.write("users", line + "\n")
        squire.write_conf(squire.scheme(
            "digest", f"{LIB}/digest_file_auth {option}{path}"))
        with squire:
            url = squire.url("/x?a=b")
            user = ["--proxy-digest", "--proxy-user"]
            self.assertEqual(squire.curl(*user, "alice:secret", url, url),
                             [200, 200])
            self.assertEqual(squire.curl(*user, "alice:wrong", url), [407])
            self.assertEqual(squire.curl(*user, "bob:secret", url), [407])
            self.assertEqual(
                squire.curl("-p", *user, "alice:secret", url), [200])
            self.assertIn("alice", squire.users(4))
            squire.check_idle()

    def test_offer(self):
        with self.proxy() as squire:
            offer = self.offer(squire)
            self.assertEqual((offer["realm"], offer["qop"], offer["stale"]),
                             ("Squire proxy", "auth", "false"))
            self.assertNotEqual(offer["nonce"], self.offer(squire)["nonce"])

    def test_all_forms(self):
        with self.proxy() as squire:
            path, whole = "/x", squire.url()
            for more in ({}, {"sess": True}, {"qop": None}):
                for uri in (path, whole):
                    nonce = self.offer(squire)["nonce"]
                    self.assertEqual(squire.status(digest(
                        "alice", "secret", uri, nonce, **more)), 200, more)
            self.assertEqual(squire.seen(), ['"alice":"Squire proxy"'])

    def test_replay(self):
        with self.proxy() as squire:
            nonce = self.offer(squire)["nonce"]
            field = digest("alice", "secret", "/x", nonce)
            self.assertEqual(squire.status(field), 200)
            response = squire.get(squire.url(), [field])
            self.assertEqual(response.status, 407)
            self.assertEqual(digest_offer(response)["stale"], "true")
            squire.wait_log("used with this count already")
            self.assertEqual(squire.status(digest(
                "alice", "secret", "/x", nonce, nc="00000003")), 200)
            self.assertEqual(squire.status(digest(
                "alice", "secret", "/x", nonce, nc="00000002")), 200)

    def test_strictness(self):
        with self.proxy("nonce_strictness on") as squire:
            nonce = self.offer(squire)["nonce"]
            self.assertEqual(squire.status(digest(
                "alice", "secret", "/x", nonce, nc="00000002")), 407)
            self.assertEqual(squire.status(digest(
                "alice", "secret", "/x", nonce)), 200)

    def test_uses_and_the_next_nonce(self):
        with self.proxy("nonce_max_count 2") as squire:
            nonce = self.offer(squire)["nonce"]
            for count, status in (("1", 200), ("2", 200), ("3", 407)):
                response = squire.get(squire.url(), [digest(
                    "alice", "secret", "/x", nonce, nc="0000000" + count)])
                self.assertEqual(response.status, status)
                info = response.get("Proxy-Authentication-Info")
                self.assertEqual(info is not None, count == "2")
                if info:
                    following = info.split('"')[1]
            self.assertEqual(digest_offer(response)["stale"], "true")
            self.assertEqual(squire.status(digest(
                "alice", "secret", "/x", following)), 200)

    def test_old_nonces(self):
        with self.proxy("nonce_max_duration 0 seconds") as squire:
            nonce = self.offer(squire)["nonce"]
            squire_test.time.sleep(0.01)
            for password, stale in (("secret", "true"), ("wrong", "false")):
                response = squire.get(squire.url(), [digest(
                    "alice", password, "/x", nonce)])
                self.assertEqual(digest_offer(response)["stale"], stale)

    def test_foreign_nonces(self):
        with self.proxy() as squire:
            for nonce in ("x", "0" * 64, self.offer(squire)["nonce"][:-1]):
                response = squire.get(squire.url(), [digest(
                    "alice", "secret", "/x", nonce)])
                self.assertEqual(digest_offer(response)["stale"], "true")

    def test_wrong_ones(self):
        with self.proxy() as squire:
            nonce = self.offer(squire)["nonce"]
            cases = [
                (digest("alice", "wrong", "/x", nonce), "a wrong response"),
                (digest("alice", "secret", "/y", nonce), "for another uri"),
                (digest("alice", "secret", "/x", nonce, realm="Other"),
                 "another realm"),
                (digest("alice", "secret", "/x", nonce, method="POST"),
                 "a wrong response"),
                (digest("alice", "secret", "/x", nonce,
                        name='alice":"Squire proxy'), "a quote in the user"),
                (digest("a" * 1024, "secret", "/x", nonce), "too long")]
            for field, reason in cases:
                self.assertEqual(squire.status(field), 407, reason)
            for line in squire.seen():
                self.assertEqual(line.count('"'), 4)

    def test_a_changed_password(self):
        squire = AuthProxy()
        word = squire.path("word")
        body = ("import hashlib\n"
                "def reply(line):\n"
                f"    word = open({word!r}).read()\n"
                "    return 'OK ha1=\"%s\"' % hashlib.md5(("
                "'alice:Squire proxy:' + word).encode()).hexdigest()\n")
        squire.write_conf(squire.scheme("digest", squire.helper(body)))
        squire.write("word", "old")
        with squire:
            for password, status in (("old", 200), ("new", 407)):
                self.assertEqual(squire.status(digest(
                    "alice", password, "/x", self.offer(squire)["nonce"])),
                    status)
            squire.write("word", "new")
            for password, status in (("new", 200), ("old", 407)):
                self.assertEqual(squire.status(digest(
                    "alice", password, "/x", self.offer(squire)["nonce"])),
                    status)

    def test_helpers_that_answer_nonsense(self):
        for said in ("OK", "OK ha1=abc", "ERR", "BH", "junk",
                     "OK ha1=\\\"" + "g" * 32 + "\\\""):
            with self.subTest(said=said):
                with self.proxy(body="def reply(line):\n"
                                f"    return \"{said}\"\n") as squire:
                    self.assertEqual(squire.status(digest(
                        "alice", "secret", "/x",
                        self.offer(squire)["nonce"])), 407)

    def test_old_helpers_say_the_secret_alone(self):
        body = SECRET.replace("'OK ha1=\"%s\"'", "'%s'")
        with self.proxy(body=body) as squire:
            self.assertEqual(squire.status(digest(
                "alice", "secret", "/x", self.offer(squire)["nonce"])), 200)


if __name__ == "__main__":
    squire_test.main()
