#!/usr/bin/env python3
"""Attempts to make the cache answer one request with what was made for
another, or to make it work for nothing."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "..", "support"))
import squire_test
from squire_test import Origin, SharedCase, answer

FRESH = "Cache-Control: max-age=60"


class Poison(SharedCase):
    def test_host_beside_a_url_is_not_believed(self):
        url = self.serve(lambda request, _: answer(
            200, request.get("Host").encode(), FRESH))
        with self.squire.connect() as connection:
            connection.send(f"GET {url} HTTP/1.1\r\nHost: evil.test\r\n\r\n")
            poisoned = connection.read_response()
        self.assertEqual(poisoned.body, self.origin.authority.encode())
        self.assertEqual(self.squire.get(url).body, poisoned.body)
        self.assertEqual(self.asked(), 1)

    def test_end_to_end_fields_are_not_removed_by_connection(self):
        url = self.serve(lambda request, _: answer(
            200, (request.get("Cookie") or "none").encode(),
            "Cache-Control: no-store", "Connection: Cache-Control, Vary"))
        response = self.squire.get(url, [("Cookie", "mine"),
                                         ("Connection", "Cookie, Host")])
        self.assertEqual(response.body, b"mine")
        self.assertEqual(self.squire.get(url).body, b"none")
        self.assertEqual(self.asked(), 2)

    def test_answer_to_a_get_with_a_body_is_not_kept(self):
        url = self.serve(lambda request, _: answer(200, request.body, FRESH))
        self.assertEqual(self.squire.get(url, body=b"evil").body, b"evil")
        self.assertEqual(self.squire.get(url).body, b"")
        self.assertEqual(self.asked(), 2)

    def test_urls_that_look_alike_are_kept_apart(self):
        def route(request, _):
            return answer(200, request.target.encode(), FRESH)

        for path in ("/k", "/K", "/k/", "//k", "/k/.", "/x/../k", "/%6b",
                     "/k%3Fa", "/k%00", "/k;a"):
            self.origin.routes[path] = route
        targets = ["/k", "/K", "/k/", "//k", "/k/.", "/x/../k", "/%6b",
                   "/k?a", "/k%3Fa", "/k?A", "/k?", "/k??a", "/k%00", "/k;a",
                   "/k?a&b", "/k?b&a"]
        for _ in range(2):
            for target in targets:
                self.assertEqual(
                    self.squire.get(self.origin.url(target)).body,
                    target.encode())
        asked = [r.target for r in self.origin.requests
                 if r.target in targets]
        self.assertEqual(sorted(asked), sorted(targets))

    def test_many_ranges_are_no_more_work_than_none(self):
        body = os.urandom(100000)
        url = self.serve(answer(200, body, FRESH))
        self.squire.get(url)
        for value in ("bytes=" + ",".join("0-" for _ in range(1000)),
                      "bytes=" + ",".join(f"{i}-{i}" for i in range(3000))):
            response = self.squire.get(url, [("Range", value)])
            self.assertEqual((response.status, response.body), (200, body))
        response = self.squire.get(url, [
            ("Range", "bytes=" + "," * 10000 + "0-0, -1")])
        self.assertEqual(response.status, 206)
        self.assertLess(len(response.body), 500)
        for _ in range(2):
            response = self.squire.get(url, [("Range", "bytes=0-1"),
                                             ("Range", "bytes=5-6")])
            self.assertEqual((response.status, response.body), (200, body))
        self.assertEqual(self.asked(), 1)

    def test_many_variants_are_not_many_objects(self):
        url = self.serve(answer(200, 1000 * b"x", FRESH, "Vary: X-Any"))
        before = self.squire.info()["cache"]["objects"]
        for number in range(100):
            self.squire.get(url, [("X-Any", str(number))])
        after = self.squire.info()["cache"]["objects"]
        self.assertLessEqual(after - before, 20)

    def test_claims_of_a_request_are_not_believed_of_others(self):
        for name in ("X-Forwarded-Host", "X-Original-URL", "X-Rewrite-URL",
                     "X-Forwarded-Proto", "X-HTTP-Method-Override"):
            with self.subTest(name):
                url = self.serve(lambda request, _, name=name: answer(
                    200, (request.get(name) or "none").encode(), FRESH))
                claim = [(name, "evil")]
                self.assertEqual(self.squire.get(url, claim).body, b"evil")
                self.assertEqual(self.squire.get(url).body, b"none")
                self.assertEqual(self.squire.get(url).get("Age") is None,
                                 False)

    def test_same_claim_is_a_hit(self):
        """As of a balancer that adds it to every request."""
        url = self.serve(answer(200, b"x", FRESH))
        for _ in range(3):
            self.squire.get(url, [("X-Forwarded-Host", "site.test")])
        self.assertEqual(self.asked(), 1)

    def test_vary_that_cannot_be_kept_is_not_stored(self):
        for vary in ("a b", ",".join(f"x{i}" for i in range(100)),
                     "X-A, *", "*, X-A"):
            url = self.serve(answer(200, b"x", FRESH, f"Vary: {vary}"))
            for count in (1, 2):
                self.squire.get(url)
                self.assertEqual(self.asked(), count, vary)

    def test_invalidation_of_others_is_refused(self):
        """A server removes nothing of another one (RFC 9111 4.4)."""
        victim = self.serve(answer(200, b"x", FRESH))
        path = self.path
        self.squire.get(victim)
        evil = Origin({"/evil": answer(201, b"", f"Location: {victim}",
                                       f"Content-Location: {victim}")})
        self.squire.get(evil.url("/evil"), method="POST", body=b"")
        self.squire.get(victim)
        self.assertEqual(self.origin.count(path), 1)
        evil.close()


if __name__ == "__main__":
    squire_test.main()
