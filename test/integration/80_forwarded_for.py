#!/usr/bin/env python3
"""Clients behind other proxies: follow_x_forwarded_for, and what goes by
it."""

import os
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "..", "support"))
import squire_test  # noqa: E402
from squire_test import Origin, Squire, answer  # noqa: E402

ACCESS = ("acl bad src 192.0.2.0/24 2001:db8::/32\n"
          "http_access deny bad\nhttp_access allow all\n")


class Forwarded(unittest.TestCase):
    def setUp(self):
        self.origin = Origin({"/": answer(200, b"x",
                                          "Cache-Control: no-store")})
        self.addCleanup(self.origin.close)

    def status(self, squire, *values):
        return squire.get(self.origin.url("/"), headers=[
            ("X-Forwarded-For", value) for value in values]).status

    def test_nobody_is_believed_without_rules(self):
        with Squire(access=ACCESS) as squire:
            self.assertEqual(self.status(squire, "192.0.2.7"), 200)
            self.assertEqual(squire.wait_logged(1)[0][2], "127.0.0.1")

    def test_proxies_are_believed(self):
        conf = ("acl proxies src 127.0.0.1 198.51.100.0/24\n"
                "follow_x_forwarded_for allow proxies\n")
        cases = [(("192.0.2.7",), 403, "192.0.2.7"),
                 (("192.0.2.7, 203.0.113.1",), 200, "203.0.113.1"),
                 (("192.0.2.7, 198.51.100.1",), 403, "192.0.2.7"),
                 (("192.0.2.7", "198.51.100.1"), 403, "192.0.2.7"),
                 (("192.0.2.7, unknown, 198.51.100.1",), 200, "198.51.100.1"),
                 (("2001:db8::1",), 403, "2001:db8::1"),
                 (("unknown",), 200, "127.0.0.1"),
                 ((), 200, "127.0.0.1")]
        with Squire(conf, access=ACCESS) as squire:
            for values, status, _ in cases:
                self.assertEqual(self.status(squire, *values), status, values)
            lines = squire.wait_logged(len(cases))
            self.assertEqual([line[2] for line in lines],
                             [client for _, _, client in cases])
            # The next proxy is told who has really connected.
            self.status(squire, "203.0.113.1")
            self.assertEqual(
                ", ".join(value for name, value in self.origin.last().headers
                          if name == "X-Forwarded-For"),
                "203.0.113.1, 127.0.0.1")

    def test_not_for_acls_not_for_logs(self):
        conf = ("follow_x_forwarded_for allow localhost\n"
                "acl_uses_indirect_client off\n")
        with Squire(conf, access=ACCESS) as squire:
            self.assertEqual(self.status(squire, "192.0.2.7"), 200)
            self.assertEqual(squire.wait_logged(1)[0][2], "192.0.2.7")
            squire.reconfigure("follow_x_forwarded_for allow localhost\n"
                               "log_uses_indirect_client off\n")
            self.assertEqual(self.status(squire, "192.0.2.7"), 403)
            self.assertEqual(squire.wait_logged(2)[1][2], "127.0.0.1")


if __name__ == "__main__":
    squire_test.main()
