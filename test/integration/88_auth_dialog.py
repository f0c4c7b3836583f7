#!/usr/bin/env python3
"""auth_param ntlm and negotiate: dialogs that make a connection a user's."""

import contextlib
import os
import signal
import sys
import threading
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "..", "support"))
import squire_test
from auth_test import LIB, TYPE_1, TYPE_3, AuthProxy, basic

# YR TOKEN gives TT TOKEN, KK TOKEN the user of that token.
GOOD = ("def reply(line):\n"
        "    word, token = line.split(' ')\n"
        "    if word == 'YR':\n"
        "        return 'TT Q0hBTExFTkdF'\n"
        "    return 'AF user' + token.rstrip('=')\n")


def answers(first, second):
    return ("def reply(line):\n"
            f"    return {first!r} if line.startswith('YR') else {second!r}\n")


def field(token, scheme="NTLM"):
    return ("Proxy-Authorization", f"{scheme} {token}")


class Dialog:
    """What holds for both schemes."""

    SCHEME = None

    def proxy(self, body=GOOD, children="2 startup=1", *more):
        name = self.SCHEME.lower()
        squire = AuthProxy()
        squire.write_conf(squire.scheme(name, squire.helper(body), children,
                                        *more))
        return squire

    def pool(self, squire):
        return squire.pool(f"{self.SCHEME.lower()}authenticator")

    def ask(self, client, squire, token=None, **more):
        headers = [field(token, self.SCHEME)] if token else []
        return client.request(squire.url(), headers=headers, **more)

    def login(self, client, squire, token="QUxJ"):
        """Both turns; the second answer."""
        first = self.ask(client, squire, "WUVT")
        self.assertEqual(first.status, 407)
        self.assertEqual(first.get_all("Proxy-Authenticate"),
                         [f"{self.SCHEME} Q0hBTExFTkdF"])
        self.assertNotEqual(first.get("Connection"), "close")
        return self.ask(client, squire, token)

    def check_works(self, squire):
        with squire.connect() as client:
            self.assertEqual(self.login(client, squire).status, 200)
        squire.check_idle()

    def test_the_connection_is_the_users(self):
        with self.proxy() as squire:
            with squire.connect() as client:
                self.assertEqual(self.login(client, squire).status, 200)
                for _ in range(3):
                    self.assertEqual(self.ask(client, squire).status, 200)
                self.assertEqual(self.ask(client, squire, "QUxJ").status, 200)
            self.assertEqual(squire.seen(), ["YR WUVT", "KK QUxJ"])
            self.assertEqual(squire.users(6), ["-"] + ["userQUxJ"] * 5)
            self.assertEqual(squire.status(), 407)
            self.assertIsNone(squire.origin.last().get("Proxy-Authorization"))
            squire.check_idle()

    def test_one_turn_can_be_enough(self):
        for said in ("AF me", "OK user=me", "AF Q0hB me",
                     "OK token=Q0hB user=me group=x", "AF = me"):
            with self.subTest(said=said):
                with self.proxy(answers(said, "BH")) as squire:
                    with squire.connect() as client:
                        response = self.ask(client, squire, "WUVT")
                        self.assertEqual(response.status, 200)
                        info = response.get("Proxy-Authentication-Info")
                        self.assertEqual(
                            info, f"{self.SCHEME} Q0hB" if "Q0hB" in said
                            else None)
                        self.assertEqual(self.ask(client, squire).status, 200)
                    self.assertEqual(squire.users(2), ["me", "me"])

    def test_the_token_comes_with_stored_answers_and_tunnels(self):
        with self.proxy(answers("OK token=Q0hB user=me", "BH")) as squire:
            for _ in range(2):
                response = squire.get(squire.url("/cached"),
                                      [field("WUVT", self.SCHEME)])
                self.assertEqual(response.get("Proxy-Authentication-Info"),
                                 f"{self.SCHEME} Q0hB")
                self.assertEqual(response.body, b"kept")
            with squire.connect() as client:
                client.send(f"CONNECT {squire.origin.authority} HTTP/1.1\r\n"
                            f"Host: {squire.origin.authority}\r\n"
                            f"Proxy-Authorization: {self.SCHEME} WUVT\r\n\r\n")
                response = client.read_response("CONNECT")
                self.assertEqual(response.status, 200)
                self.assertEqual(response.get("Proxy-Authentication-Info"),
                                 f"{self.SCHEME} Q0hB")

    def test_a_helper_that_is_killed_between_the_turns(self):
        with self.proxy() as squire:
            with squire.connect() as client:
                self.ask(client, squire, "WUVT")
                for process in self.pool(squire)["helpers"]:
                    os.kill(process["pid"], signal.SIGKILL)
                response = self.ask(client, squire, "QUxJ")
                self.assertEqual(response.status, 407)
            self.check_works(squire)

    def check_login(self, squire):
        with squire.connect() as client:
            self.assertEqual(self.login(client, squire).status, 200)


class Ntlm(Dialog, unittest.TestCase):
    SCHEME = "NTLM"

    def test_another_user_on_the_same_connection(self):
        with self.proxy() as squire:
            with squire.connect() as client:
                self.login(client, squire)
                self.assertEqual(self.login(client, squire, "Qk9C").status,
                                 200)
            self.assertEqual(squire.users(4), ["-", "userQUxJ", "-",
                                               "userQk9C"])

    def test_a_body_does_not_break_the_dialog(self):
        with self.proxy() as squire:
            with squire.connect() as client:
                for token, status in (("WUVT", 407), ("QUxJ", 200)):
                    self.assertEqual(self.ask(client, squire, token,
                                              method="POST",
                                              body=b"x" * 5000).status, status)

    def begin_post(self, client, squire, fields, first):
        client.send(f"POST {squire.url()} HTTP/1.1\r\nHost: x\r\n"
                    "Proxy-Authorization: NTLM WUVT\r\n"
                    f"{fields}\r\n\r\n{first}")
        squire_test.wait_for("the question", squire.seen)
        time.sleep(0.1)  # for the helper's answer

    def test_a_body_that_comes_later_does_not_break_the_dialog(self):
        size = 100000
        for fields, first, rest in (
                (f"Content-Length: {size}", "", "x" * size),
                (f"Content-Length: {size}", "x" * 10, "x" * (size - 10)),
                ("Transfer-Encoding: chunked", "5\r\nab",
                 "cde\r\n%x\r\n%s\r\n0\r\n\r\n" % (size, "x" * size))):
            with self.subTest(fields=fields, first=first):
                with self.proxy() as squire, squire.connect() as client:
                    self.begin_post(client, squire, fields, first)
                    client.send(rest[:1])
                    time.sleep(0.05)
                    client.send(rest[1:])
                    response = client.read_response("POST")
                    self.assertEqual(response.status, 407)
                    self.assertNotEqual(response.get("Connection"), "close")
                    self.assertEqual(self.ask(client, squire, "QUxJ",
                                              method="POST", body=b"abcde"
                                              ).status, 200)
                    self.assertEqual(squire.origin.last().body, b"abcde")

    def test_a_body_that_does_not_come(self):
        with self.proxy(GOOD, "2 startup=1",
                        "keep_alive on\nrequest_timeout 1 second") as squire:
            with squire.connect() as client:
                self.begin_post(client, squire, "Content-Length: 9", "x")
                response = client.read_response("POST")
                self.assertEqual(response.status, 407)
                self.assertEqual(response.get("Connection"), "close")
                self.assertTrue(client.at_end())
            with squire.connect() as client:  # chunks without an end
                self.begin_post(client, squire, "Transfer-Encoding: chunked",
                                ("1000\r\n" + "x" * 4096 + "\r\n") * 70)
                response = client.read_response("POST")
                self.assertEqual(response.status, 407)
                self.assertEqual(response.get("Connection"), "close")
            with squire.connect() as client:
                self.begin_post(client, squire, "Content-Length: 9", "x")
            squire.check_idle()

    def test_extras(self):
        with self.proxy(answers("TT Q0hB", "AF me"), "1 startup=1",
                        "key_extras \"%>a %rm\"") as squire:
            with squire.connect() as client:
                self.ask(client, squire, "WUVT")
                self.ask(client, squire, "QUxJ")
            self.assertEqual(squire.seen(), ["YR WUVT 127.0.0.1 GET",
                                             "KK QUxJ 127.0.0.1 GET"])

    def test_answers_that_refuse(self):
        long_user = "u" * 1024
        for said in ("ERR", "ERR message=no", "NA no way", "BH broken", "BH",
                     "OK", "AF", "OK token=Q0hB", "TT", "junk", "",
                     f"AF {long_user}", "OK user=", "TT Q0%0aB=",
                     "OK user=a%0d%0ab", "TT ****"):
            with self.subTest(said=said[:30]):
                with self.proxy(answers("TT Q0hBTExFTkdF", said)) as squire:
                    with squire.connect() as client:
                        response = self.login(client, squire)
                        self.assertEqual(response.status, 407)
                        self.assertTrue(response.get(
                            "Proxy-Authenticate").startswith(self.SCHEME))
                        self.assertEqual(response.get("Connection"), "close")
                        self.assertTrue(client.at_end())
                    squire.wait_log(f"client 127.0.0.1: {self.SCHEME.lower()}")
                    squire.check_idle()
                    self.assertEqual(self.pool(squire)["inflight"], 0)

    def test_bad_tokens(self):
        with self.proxy() as squire:
            for token in ("abc", "ab c", "****", "A" * 65004, "A\tB"):
                with squire.connect() as client:
                    with contextlib.suppress(ConnectionError, EOFError):
                        self.assertIn(self.ask(client, squire, token).status,
                                      (407, 431))
            self.assertEqual(squire.seen(), [])
            self.check_works(squire)

    def test_a_helper_that_dies_of_the_second_turn(self):
        body = ("def reply(line):\n"
                "    if line == 'KK RElF':\n"
                "        os.kill(os.getpid(), 9)\n") + GOOD[len(
                    "def reply(line):\n"):]
        with self.proxy(body) as squire:
            with squire.connect() as client:
                self.assertEqual(self.login(client, squire, "RElF").status,
                                 407)
            self.check_works(squire)
            self.assertEqual(squire.seen().count("KK RElF"), 1)

    def test_a_helper_that_is_silent(self):
        body = GOOD.replace("    if word == 'YR'",
                            "    if token == 'Tk9O':\n        return None\n"
                            "    if word == 'YR'")
        with self.proxy(body, "1 startup=1 timeout=3") as squire:
            with squire.connect() as client:
                self.assertEqual(self.login(client, squire, "Tk9O").status,
                                 407)
            self.check_works(squire)

    def test_a_client_that_leaves_between_the_turns(self):
        with self.proxy(GOOD, "1 startup=1") as squire:
            for end in ("close", "reset"):
                client = squire.connect()
                self.ask(client, squire, "WUVT")
                getattr(client, end)()
                self.check_works(squire)
            self.assertEqual(self.pool(squire)["restarts"], 0)

    def test_a_client_that_leaves_during_a_turn(self):
        body = GOOD.replace("    if word",
                            "    if token == 'U0xP':\n"
                            "        time.sleep(0.5)\n    if word")
        with self.proxy(body, "1 startup=1") as squire:
            client = squire.connect()
            client.send(f"GET {squire.url()} HTTP/1.1\r\nHost: x\r\n"
                        f"Proxy-Authorization: {self.SCHEME} U0xP\r\n\r\n")
            squire_test.wait_for("the question", squire.seen)
            client.reset()
            self.check_works(squire)

    def test_a_cap_for_each_client(self):
        with self.proxy(GOOD, "5 startup=1 reservations-per-client=2"
                        ) as squire:
            clients = [squire.connect() for _ in range(3)]
            tokens = [self.ask(client, squire, "WUVT").get(
                "Proxy-Authenticate") for client in clients]
            self.assertEqual(tokens, [f"{self.SCHEME} Q0hBTExFTkdF"] * 2 +
                             [self.SCHEME])
            squire.wait_log("too many dialogs of one client")
            for client in clients:
                client.close()
            self.check_works(squire)

    def test_a_dialog_that_is_idle_is_taken_back(self):
        with self.proxy(GOOD, "1 startup=1 reservation-timeout=300ms"
                        ) as squire:
            idle = squire.connect()
            self.ask(idle, squire, "WUVT")
            self.check_login(squire)
            self.assertEqual(self.ask(idle, squire, "QUxJ").status, 407)
            idle.close()
            self.check_works(squire)

    def test_keep_alive_off(self):
        with self.proxy(GOOD, "1 startup=1", "keep_alive off") as squire:
            self.assertEqual(squire.get(squire.url()).get("Connection"),
                             "close")
            self.check_works(squire)

    def test_not_offered_where_the_connection_ends(self):
        squire = AuthProxy()
        helper = squire.helper(GOOD)
        name = self.SCHEME.lower()
        squire.write_conf(squire.scheme(name, helper) +
                          squire.scheme("basic", helper))
        with squire:
            with squire.connect() as client:
                response = client.request(squire.url(), version="1.0")
                self.assertEqual(response.get_all("Proxy-Authenticate"),
                                 ['Basic realm="Squire proxy"'])
            response = squire.get(squire.url())
            self.assertEqual(response.get_all("Proxy-Authenticate"),
                             [self.SCHEME, 'Basic realm="Squire proxy"'])

    def test_many_at_once(self):
        count = 200
        with self.proxy(GOOD, "5 startup=5 queue-size=400 timeout=30"
                        ) as squire:
            found = [None] * count

            def one(number):
                with contextlib.suppress(Exception):
                    with squire.connect() as client:
                        found[number] = self.login(client, squire).status
            threads = [threading.Thread(target=one, args=(number,))
                       for number in range(count)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join(60)
            self.assertEqual(found.count(200), count)
            squire.check_idle()
            pool = self.pool(squire)
            self.assertEqual((pool["requests"], pool["inflight"],
                              pool["queue"], pool["restarts"]),
                             (2 * count, 0, 0, 0))

    def test_another_program_knows_nobody(self):
        name = self.SCHEME.lower()
        with self.proxy() as squire:
            with squire.connect() as client:
                self.assertEqual(self.login(client, squire).status, 200)
                squire.reconfigure(squire.scheme(name, squire.helper(GOOD)))
                self.assertEqual(self.ask(client, squire).status, 200)
                squire.reconfigure(squire.scheme(
                    name, squire.helper(GOOD, "other")))
                self.assertEqual(self.ask(client, squire).status, 407)
                self.assertEqual(self.login(client, squire).status, 200)
            squire.check_idle()

    def test_a_long_body_asks_for_another_connection(self):
        with self.proxy() as squire:
            with squire.connect() as client:
                client.send(f"POST {squire.url()} HTTP/1.1\r\nHost: x\r\n"
                            "Content-Length: 300000\r\n\r\n")
                client.send("x" * 1000)
                response = client.read_response("POST")
                self.assertEqual(response.status, 407)
                self.assertEqual(response.get_all("Proxy-Authenticate"),
                                 [self.SCHEME])
                self.assertEqual(response.get("Connection"), "close")
            self.check_works(squire)

    def test_reconfigure_between_the_turns(self):
        with self.proxy() as squire:
            with squire.connect() as client:
                self.ask(client, squire, "WUVT")
                squire.reconfigure(squire.scheme(
                    "basic", squire.helper(GOOD)))
                response = self.ask(client, squire, "QUxJ")
                self.assertEqual(response.status, 407)
                self.assertEqual(response.get_all("Proxy-Authenticate"),
                                 ['Basic realm="Squire proxy"'])
            squire.check_idle()


class Negotiate(Dialog, unittest.TestCase):
    SCHEME = "Negotiate"


class Real(unittest.TestCase):
    @unittest.skipUnless(os.path.exists(f"{LIB}/ntlm_fake_auth"), "no squid")
    def test_ntlm_and_curl(self):
        squire = AuthProxy()
        squire.write_conf(squire.scheme("ntlm", f"{LIB}/ntlm_fake_auth"))
        with squire:
            url = squire.url()
            user = ["--proxy-ntlm", "--proxy-user", "DOM\\alice:secret"]
            self.assertEqual(squire.curl(*user, url, url), [200, 200])
            self.assertEqual(squire.curl(*user, "-d", "body", url), [200])
            self.assertEqual(squire.curl("-p", *user, url), [200])
            users = squire.users(7)
            data = squire.write("data", "x" * 200000)
            self.assertEqual(squire.curl("--proxy-anyauth", *user[1:],
                                         "--data-binary", f"@{data}", url),
                             [200])
            self.assertEqual(len(squire.origin.last().body), 200000)
            self.assertEqual([name != "-" for name in users],
                             [False, True, True, False, True, False, True])
            self.assertTrue(users[1].upper().startswith("DOM"), users)
            squire.check_idle()

    def raw(self, squire, scheme, tokens):
        with squire.connect() as client:
            return [client.request(squire.url(),
                                   headers=[field(token, scheme)])
                    for token in tokens]

    @unittest.skipUnless(os.path.exists(f"{LIB}/negotiate_wrapper_auth"),
                         "no squid")
    def test_negotiate_with_ntlm_tokens(self):
        squire = AuthProxy()
        squire.write_conf(squire.scheme(
            "negotiate", f"{LIB}/negotiate_wrapper_auth "
            f"--ntlm {LIB}/ntlm_fake_auth "
            f"--kerberos {LIB}/negotiate_kerberos_auth -s HTTP/localhost"))
        with squire:
            first, second = self.raw(squire, "Negotiate", [TYPE_1, TYPE_3])
            self.assertEqual((first.status, second.status), (407, 200))
            self.assertTrue(first.get("Proxy-Authenticate").startswith(
                "Negotiate TlRMTVNTUAAC"))
            self.assertIn("alice", squire.users(2)[1])
            refused, = self.raw(squire, "Negotiate", ["YIIBAAYGKwYBBQUC"])
            self.assertEqual(refused.status, 407)
            self.assertEqual(squire.curl("--proxy-negotiate", "--proxy-user",
                                         ":", squire.url()), [407])
            squire.check_idle()

    @unittest.skipUnless(os.path.exists(f"{LIB}/ntlm_fake_auth"), "no squid")
    def test_all_schemes_in_their_order(self):
        squire = AuthProxy()
        ok = squire.helper("def reply(line):\n    return 'OK'\n")
        squire.write_conf(
            "auth_param negotiate keep_alive on\n" +
            squire.scheme("ntlm", f"{LIB}/ntlm_fake_auth") +
            squire.scheme("digest", ok) + squire.scheme("basic", ok) +
            squire.scheme("negotiate", f"{LIB}/ntlm_fake_auth"))
        with squire:
            offers = squire.get(squire.url()).get_all("Proxy-Authenticate")
            self.assertEqual([text.split(" ")[0] for text in offers],
                             ["Negotiate", "NTLM", "Digest", "Basic"])
            self.assertEqual(squire.status(basic("a", "b")), 200)
            self.assertEqual(squire.curl("--proxy-ntlm", "--proxy-user",
                                         "DOM\\alice:x", squire.url()), [200])
            names = {pool["name"] for pool in squire.helpers()}
            self.assertLessEqual({"basicauthenticator", "digestauthenticator",
                                  "ntlmauthenticator",
                                  "negotiateauthenticator"}, names)


if __name__ == "__main__":
    squire_test.main()
