#!/usr/bin/env python3
"""Validation and freshening of what is stored (RFC 9111 4.3)."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "..", "support"))
import squire_test
from squire_test import SharedCase, answer

DAY = "Sun, 06 Nov 1994 08:49:37 GMT"
STALE = "Cache-Control: max-age=0"
FRESH = "Cache-Control: max-age=60"


def not_modified(*fields):
    return ("\r\n".join(["HTTP/1.1 304 Not Modified", *fields])
            + "\r\n\r\n").encode()


class Validation(SharedCase):
    def serve(self, *answers):
        """A path that gives these answers in turn, the last for ever; each is
        octets or a function."""
        left = list(answers)

        def route(request, sock):
            now = left.pop(0) if len(left) > 1 else left[0]
            return now(request, sock) if callable(now) else now

        return super().serve(route)

    def test_304_updates_the_stored_fields_9111_3_2(self):
        url = self.serve(
            answer(200, b"text", 'ETag: "1"', STALE, "X-A: old", "X-B: old",
                   "Content-Type: text/plain", "Content-Encoding: x",
                   "Content-MD5: x", "Set-Cookie: a=1"),
            not_modified('ETag: "1"', FRESH, "X-A: new", "X-A: 2",
                         "Content-Type: text/html", "Content-Encoding: y",
                         "Content-MD5: y", "Content-Length: 9", "Set-Cookie: a=2",
                         "Connection: X-C", "X-C: hop"))
        self.get(url)
        for _ in range(2):
            response = self.get(url)
            self.assertEqual((response.status, response.body),
                             (200, b"text"))
            self.assertEqual(response.get_all("X-A"), ["new", "2"])
            self.assertEqual(response.get_all("X-B"), ["old"])
            self.assertEqual(response.get_all("Content-Type"), ["text/html"])
            self.assertEqual(response.get_all("Content-Encoding"), ["x"])
            self.assertEqual(response.get_all("Content-MD5"), ["x"])
            self.assertEqual(response.get_all("Content-Length"), ["4"])
            self.assertEqual(response.get_all("Set-Cookie"), ["a=2"])
            self.assertEqual(response.get_all("Cache-Control"),
                             ["max-age=60"])
            self.assertIsNone(response.get("X-C"))
        self.assertEqual(self.asked(), 2)

    def test_304_that_forbids_to_store_is_used_once(self):
        url = self.serve(
            answer(200, b"1", 'ETag: "1"', STALE),
            not_modified('ETag: "1"', "Cache-Control: no-store, max-age=60"),
            answer(200, b"2", FRESH))
        self.assertEqual(self.get(url).body, b"1")
        self.assertEqual(self.get(url).body, b"1")
        self.assertEqual(self.get(url).body, b"2")
        self.assertIsNone(self.origin.last().get("If-None-Match"))

    def test_both_validators_are_sent_9111_4_3_1(self):
        url = self.serve(answer(200, b"text", 'ETag: W/"1"', STALE,
                                f"Last-Modified: {DAY}"),
                         not_modified('ETag: W/"1"'))
        self.get(url)
        self.assertEqual(self.get(url).body, b"text")
        self.assertEqual(self.origin.last().get("If-None-Match"), 'W/"1"')
        self.assertEqual(self.origin.last().get("If-Modified-Since"), DAY)

    def test_malformed_tag_validates_as_it_is_9110_8_8_3(self):
        url = self.serve(answer(200, b"text", "ETag: a-1", STALE),
                         not_modified("ETag: a-1", FRESH))
        self.get(url)
        self.assertEqual(self.get(url).body, b"text")
        self.assertEqual(self.origin.last().get("If-None-Match"), "a-1")
        for value, status in (("a-1", 304), ('"b", a-1', 304),
                              ('"a-1"', 200), ("a-1 b", 200)):
            response = self.squire.get(url, [("If-None-Match", value)])
            self.assertEqual(response.status, status, value)
        self.assertEqual(
            self.squire.get(url, [("Range", "bytes=0-0"),
                                  ("If-Range", "a-1")]).status, 200)
        self.assertEqual(self.asked(), 2)

    def test_tags_of_the_client_are_asked_about_too_9111_4_3_1(self):
        url = self.serve(answer(200, b"old", 'ETag: "1"', STALE),
                         not_modified('ETag: "2"', "X-New: yes"))
        self.get(url)
        response = self.get(url, ("If-None-Match", '"2"'))
        self.assertEqual(self.origin.last().get("If-None-Match"),
                         '"1", "2"')
        self.assertEqual(response.status, 304)
        self.assertEqual(response.get("ETag"), '"2"')
        self.assertEqual(response.get("X-New"), "yes")

    def variants(self, *fields):
        """A route with the same text for "de" and "en", another for others;
        each has an entity tag."""
        def route(request, sock):
            tag = '"2"' if request.get("X-Lang") == "fr" else '"1"'
            if tag in (request.get("If-None-Match") or ""):
                return not_modified(f"ETag: {tag}", FRESH, "Vary: X-Lang",
                                    "X-New: yes", *fields)
            return answer(200, b"text " + tag.encode(), f"ETag: {tag}",
                          FRESH, "Vary: X-Lang", *fields)
        return route

    def test_variant_for_others_may_be_the_answer_9111_4_1(self):
        url = self.serve(self.variants())
        self.get(url, ("X-Lang", "de"))
        response = self.get(url, ("X-Lang", "en"))
        self.assertEqual((response.status, response.body),
                         (200, b'text "1"'))
        self.assertEqual(response.get("X-New"), "yes")
        self.assertEqual(response.get("Cache-Status"),
                         "test.proxy;fwd=vary-miss;fwd-status=304")
        self.assertEqual(self.origin.last().get("If-None-Match"), '"1"')
        self.get(url, ("X-Lang", "fr"))
        self.assertEqual(self.origin.last().get("If-None-Match"), '"1"')
        # all are stored now
        for lang, tag in (("de", "1"), ("en", "1"), ("fr", "2")):
            response = self.get(url, ("X-Lang", lang))
            self.assertEqual(response.body, f'text "{tag}"'.encode())
        self.assertEqual(self.asked(), 3)
        self.get(url)
        self.assertEqual(sorted(self.origin.last().get(
            "If-None-Match").split(", ")), ['"1"', '"2"'])

    def test_variant_that_may_not_be_stored_is_used_once(self):
        def route(request, sock):
            if request.get("If-None-Match"):
                return not_modified('ETag: "1"', "Cache-Control: no-store")
            return answer(200, b"text", 'ETag: "1"', FRESH, "Vary: X-Lang")

        url = self.serve(route)
        self.get(url, ("X-Lang", "de"))
        for count in (2, 3):
            self.assertEqual(self.get(url, ("X-Lang", "en")).body, b"text")
            self.assertEqual(self.asked(), count)
        self.assertEqual(self.get(url, ("X-Lang", "de")).body, b"text")
        self.assertEqual(self.asked(), 3)

    def test_304_about_no_variant_is_not_believed(self):
        def route(request, sock):
            if request.get("If-None-Match"):
                return not_modified('ETag: "9"')
            return answer(200, b"%d" % self.asked(), 'ETag: "1"', FRESH,
                          "Vary: X-Lang")

        url = self.serve(route)
        self.get(url, ("X-Lang", "de"))
        self.assertEqual(self.get(url, ("X-Lang", "en")).body, b"3")

    def test_conditions_of_the_client_are_its_own_with_variants(self):
        url = self.serve(self.variants())
        self.get(url, ("X-Lang", "de"))
        response = self.get(url, ("X-Lang", "en"), ("If-None-Match", '"7"'))
        self.assertEqual(response.status, 200)
        self.assertEqual(self.origin.last().get("If-None-Match"), '"7"')

    def test_condition_of_the_client_after_validation_9111_4_3_2(self):
        for tag, status in (('"1"', 304), ('"2"', 200)):
            url = self.serve(answer(200, b"text", 'ETag: "1"', STALE),
                             not_modified('ETag: "1"'))
            self.get(url)
            response = self.get(url, ("If-None-Match", tag))
            self.assertEqual(response.status, status)
            self.assertEqual(response.body,
                             b"text" if status == 200 else b"")

    def test_conditions_of_others_go_to_the_origin_9111_4_3_2(self):
        url = self.serve(answer(200, b"text", 'ETag: "1"', FRESH),
                         answer(412, b"no"))
        self.get(url)
        response = self.get(url, ("If-Match", '"2"'))
        self.assertEqual(response.status, 412)
        self.assertEqual(self.get(url).status, 200)
        self.assertEqual(self.asked(), 2)

    def test_stale_without_validators_is_asked_as_the_client_does(self):
        url = self.serve(answer(200, b"1", STALE + ", stale-if-error=60"),
                         answer(206, b"x", "Content-Range: bytes 0-0/2"))
        self.get(url)
        response = self.get(url, ("Range", "bytes=0-0"))
        self.assertEqual((response.status, response.body), (206, b"x"))
        self.assertEqual(self.origin.last().get("Range"), "bytes=0-0")

    def test_new_answer_replaces_the_stored_one_9111_4_3_3(self):
        url = self.serve(answer(200, b"1", 'ETag: "1"', STALE),
                         answer(200, b"2", 'ETag: "2"', FRESH))
        self.assertEqual(self.get(url).body, b"1")
        for _ in range(2):
            self.assertEqual(self.get(url).body, b"2")
        self.assertEqual(self.asked(), 2)

    def test_head_validates_and_freshens_9111_4_3_4(self):
        url = self.serve(answer(200, b"text", 'ETag: "1"', STALE),
                         not_modified('ETag: "1"', FRESH))
        self.get(url)
        response = self.get(url, method="HEAD")
        self.assertEqual((response.status, response.get("Content-Length")),
                         (200, "4"))
        self.assertEqual(self.get(url).body, b"text")
        self.assertEqual(self.asked(), 2)

    def head(self, *fields):
        """Store, send HEAD past the cache, and GET; how often the origin was
        asked, and the last answer."""
        url = self.serve(answer(200, b"text", 'ETag: "1"', FRESH, "X: old"),
                         ("\r\n".join(["HTTP/1.1 200 OK", *fields])
                          + "\r\n\r\n").encode(),
                         answer(200, b"later", FRESH))
        self.get(url)
        self.get(url, ("Cache-Control", "no-cache"), method="HEAD")
        return self.asked(), self.get(url)

    def test_head_updates_what_is_stored_9111_4_3_5(self):
        for fields in (('ETag: "1"', FRESH, "X: new"),
                       ('ETag: "1"', FRESH, "X: new", "Content-Length: 4"),
                       (FRESH, "X: new", "Content-Length: 4")):
            asked, response = self.head(*fields)
            self.assertEqual((asked, self.asked()), (2, 2))
            self.assertEqual(response.body, b"text")
            self.assertEqual(response.get("X"), "new")

    def test_head_of_another_one_invalidates_9111_4_3_5(self):
        for fields in (('ETag: "2"', FRESH, "Content-Length: 4"),
                       ('ETag: "1"', FRESH, "Content-Length: 5"),
                       ("Last-Modified: " + DAY, FRESH,
                        "Content-Length: 5")):
            asked, response = self.head(*fields)
            self.assertEqual((asked, self.asked()), (2, 3))
            self.assertEqual(response.body, b"later")

    def test_failed_head_changes_nothing(self):
        url = self.serve(answer(200, b"text", 'ETag: "1"', FRESH),
                         b"HTTP/1.1 404 No\r\nContent-Length: 9\r\n\r\n")
        self.get(url)
        self.get(url, ("Cache-Control", "no-cache"), method="HEAD")
        self.assertEqual(self.get(url).body, b"text")
        self.assertEqual(self.asked(), 2)

    def test_fields_that_are_not_to_be_stored_9111_5_2_2_4(self):
        for directive in ("no-cache", "private"):
            url = self.serve(answer(200, b"text", FRESH, "X-A: 1", "X-B: 2",
                                    f'Cache-Control: {directive}="X-A"'))
            first, second = self.get(url), self.get(url)
            self.assertEqual((first.get("X-A"), first.get("X-B")),
                             ("1", "2"))
            self.assertEqual((second.get("X-A"), second.get("X-B")),
                             (None, "2"))
            self.assertEqual(self.asked(), 1)

    def test_fields_of_one_connection_are_not_stored_9111_3_1(self):
        url = self.serve(answer(
            200, b"text", FRESH, "Connection: a, X-Hop", "A: 1", "X-Hop: 1",
            "Keep-Alive: 1", "Proxy-Connection: 1", "TE: 1", "Upgrade: 1",
            "Proxy-Authenticate: 1", "Proxy-Authentication-Info: 1",
            "X-Kept: 1", "Set-Cookie: a=b"))
        self.get(url)
        response = self.get(url)
        self.assertEqual(response.get("X-Kept"), "1")
        self.assertEqual(response.get("Set-Cookie"), "a=b")
        for name in ("A", "X-Hop", "Keep-Alive", "Proxy-Connection", "TE",
                     "Upgrade", "Proxy-Authenticate",
                     "Proxy-Authentication-Info"):
            self.assertIsNone(response.get(name), name)

    def test_age_grows_and_date_stays_9111_5_1(self):
        url = self.serve(answer(200, b"x", "Cache-Control: max-age=900",
                                "Age: 100"))
        first = self.get(url)
        self.assertEqual(first.get_all("Age"), ["100"])
        second = self.get(url)
        self.assertEqual(len(second.get_all("Age")), 1)
        self.assertIn(int(second.get("Age")), range(100, 105))
        self.assertEqual(second.get("Date"), first.get("Date"))

    def test_informational_answers_are_not_stored(self):
        early = b"HTTP/1.1 103 Early\r\nLink: <a>\r\nX-Early: 1\r\n\r\n"
        url = self.serve(early + answer(200, b"text", FRESH))
        self.get(url)
        response = self.get(url)
        self.assertEqual((response.status, response.body), (200, b"text"))
        self.assertIsNone(response.get("X-Early"))
        self.assertEqual(self.asked(), 1)


if __name__ == "__main__":
    squire_test.main()
