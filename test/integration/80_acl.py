#!/usr/bin/env python3
"""acl: each kind as it decides about real requests."""

import contextlib
import os
import sys
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "..", "support"))
import squire_test  # noqa: E402
from squire_test import Origin, Squire, answer, wait_for  # noqa: E402


class Kinds(unittest.TestCase):
    def setUp(self):
        self.origin = Origin({"/": answer(200, b"x"),
                              "/a": answer(200, b"x")})
        self.addCleanup(self.origin.close)

    def status(self, squire, path="/", **fields):
        return squire.get(self.origin.url(path), headers=[
            (name.replace("_", "-"), value)
            for name, value in fields.items()]).status

    def test_fields_of_requests(self):
        access = ("acl old browser ^Mozilla/4\n"
                  "acl linked referer_regex -i ://EVIL\\.example\n"
                  "acl odd req_header X-Odd ^yes$\n"
                  "acl form req_mime_type ^application/x-www-form\n"
                  "http_access deny old\nhttp_access deny linked\n"
                  "http_access deny odd\nhttp_access deny form\n"
                  "http_access allow all\n")
        with Squire(access=access) as squire:
            self.assertEqual(self.status(squire), 200)
            self.assertEqual(self.status(squire, User_Agent="Mozilla/5"), 200)
            self.assertEqual(self.status(squire, User_Agent="Mozilla/4"), 403)
            self.assertEqual(
                self.status(squire, Referer="http://evil.example/"), 403)
            self.assertEqual(self.status(squire, X_Odd="yes"), 403)
            self.assertEqual(self.status(squire, X_Odd="yes!"), 200)
            self.assertEqual(self.status(
                squire, Content_Type="application/x-www-form-urlencoded"),
                403)

    def test_escapes_hide_nothing(self):
        access = ("acl bad url_regex -i /BAD\n"
                  "acl path urlpath_regex ^/secret\n"
                  "http_access deny bad\nhttp_access deny path\n"
                  "http_access deny manager\nhttp_access allow all\n")
        with Squire(access=access) as squire:
            for path, status in [("/bad", 403), ("/%62ad", 403),
                                 ("/%73ecret", 403), ("/s%65cret", 403),
                                 ("/squid%2dinternal-mgr/menu", 403),
                                 ("/x%00/b%61d", 403),
                                 ("/%2562ad", 404), ("/%61", 404)]:
                self.assertEqual(self.status(squire, path), status, path)

    def test_the_time_of_the_day(self):
        # An hour that is over, and one that is now.
        day = "SMTWHFA"[(time.localtime().tm_wday + 1) % 7]
        days = "SMTWHFA".replace(day, "")
        access = (f"acl other time {days}\nacl now time 0:00-24:00\n"
                  "http_access deny other\nhttp_access allow now\n")
        with Squire(access=access) as squire:
            self.assertEqual(self.status(squire), 200)

    def test_connections_of_one_client(self):
        access = ("acl many maxconn 2\nhttp_access deny many\n"
                  "http_access allow all\n")
        with Squire(access=access) as squire, contextlib.ExitStack() as stack:
            held = [stack.enter_context(squire.connect()) for _ in range(2)]
            for connection in held:
                self.assertEqual(
                    connection.request(self.origin.url("/")).status, 200)
            self.assertEqual(self.status(squire), 403)
            held[0].close()
            wait_for("the connection to be counted off",
                     lambda: self.status(squire) == 200)

    def test_names_of_clients(self):
        access = ("acl ours srcdomain localhost\n"
                  "acl far srcdom_regex example\n"
                  "http_access deny far\nhttp_access allow ours\n")
        with Squire(access=access) as squire:
            self.assertEqual(self.status(squire), 200)
            with squire.connect() as connection:
                for _ in range(3):
                    self.assertEqual(
                        connection.request(self.origin.url("/")).status, 200)

    def test_groups(self):
        access = ("acl get method GET\nacl a urlpath_regex ^/a\n"
                  "acl odd req_header X-Odd .\n"
                  "acl either any-of a odd\n"
                  "acl bad all-of get either\n"
                  "http_access deny bad\nhttp_access allow all\n")
        with Squire(access=access) as squire:
            self.assertEqual(self.status(squire), 200)
            self.assertEqual(self.status(squire, "/a"), 403)
            self.assertEqual(self.status(squire, X_Odd="1"), 403)
            self.assertEqual(squire.get(self.origin.url("/a"),
                                        method="POST", body=b"").status, 200)

    def test_values_in_files(self):
        squire = Squire(access="acl old browser \"agents\"\n"
                               "http_access deny old\n"
                               "http_access allow all\n")
        squire.write("agents", "# those that hurt\n\n^bad one\n^worse\n")
        with squire:
            self.assertEqual(self.status(squire, User_Agent="bad one/2"), 403)
            self.assertEqual(self.status(squire, User_Agent="worse"), 403)
            self.assertEqual(self.status(squire, User_Agent="good"), 200)


if __name__ == "__main__":
    squire_test.main()
