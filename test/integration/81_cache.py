#!/usr/bin/env python3
"""What is answered from the cache, and what is not (RFC 9111)."""

import os
import sys
import threading
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "..", "support"))
import squire_test
from squire_test import Origin, SharedCase, Squire, answer

HIT = "TCP_MEM_HIT"
OLD = "Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT"


class Caching(SharedCase):
    def check_hit(self, *fields, body=b"text"):
        url = self.serve(answer(200, body, *fields))
        first = self.squire.get(url)
        second = self.squire.get(url)
        self.assertEqual(self.asked(), 1, fields)
        self.assertEqual(second.body, first.body)
        self.assertEqual(second.status, 200)
        self.assertIsNotNone(second.get("Age"))
        self.assertEqual(first.get("Cache-Status"),
                         "test.proxy;fwd=uri-miss;stored")
        self.assertRegex(second.get("Cache-Status"),
                         r"^test\.proxy;hit;ttl=\d+$")
        self.assertEqual(len(second.get_all("Via")), 1)
        return second

    def check_miss(self, *fields, headers=(), status=200):
        url = self.serve(answer(status, b"text", *fields))
        for count in (1, 2):
            response = self.squire.get(url, headers)
            self.assertEqual(response.status, status)
            self.assertIn("test.proxy;fwd=", response.get("Cache-Status"))
            self.assertEqual(self.asked(), count, fields)

    def test_max_age_9111_5_2_2_1(self):
        self.check_hit("Cache-Control: max-age=60", "X-Other: kept")

    def test_s_maxage_and_expires_9111_4_2_1(self):
        self.check_hit("Cache-Control: s-maxage=60, max-age=0")
        self.check_hit("Date: Sun, 22 Nov 2026 20:00:00 GMT",
                       "Expires: Fri, 01 Jan 2066 00:00:00 GMT")

    def test_big_body(self):
        body = os.urandom(3 << 20)
        self.squire_body = self.check_hit("Cache-Control: max-age=60",
                                          body=body[:400000])

    def test_heuristic_9111_4_2_2(self):
        self.check_hit(OLD)

    def test_not_stored_9111_3(self):
        self.check_miss("Cache-Control: no-store")
        self.check_miss("Cache-Control: private, max-age=60")
        self.check_miss("Cache-Control: max-age=60", "Vary: *")
        self.check_miss("Cache-Control: max-age=60",
                        headers=[("Authorization", "Basic eDp5")])
        self.check_miss("Cache-Control: max-age=60",
                        headers=[("Cache-Control", "no-store")])
        self.check_miss()

    def test_public_answer_to_an_authorized_request_9111_3_5(self):
        url = self.serve(answer(200, b"x", "Cache-Control: public, "
                                           "max-age=60"))
        for _ in range(2):
            self.squire.get(url, [("Authorization", "Basic eDp5")])
        self.assertEqual(self.asked(), 1)

    def test_empty_body_of_a_request_is_none(self):
        url = self.serve(answer(200, b"text", "Cache-Control: max-age=60"))
        with self.squire.connect() as connection:
            for _ in range(2):
                response = connection.request(
                    url, headers=[("Content-Length", "0")])
                self.assertEqual(response.body, b"text")
        self.assertEqual(self.asked(), 1)

    def test_chunked_answer_is_stored_whole(self):
        def chunked(request, sock):
            return (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n"
                    b"Cache-Control: max-age=60\r\n\r\n"
                    b"3\r\nabc\r\n3\r\ndef\r\n0\r\n\r\n")

        url = self.serve(chunked)
        for _ in range(2):
            self.assertEqual(self.squire.get(url).body, b"abcdef")
        self.assertEqual(self.asked(), 1)

    def test_head_is_answered_from_a_stored_get_9110_9_3_2(self):
        url = self.serve(answer(200, b"text", "Cache-Control: max-age=60"))
        self.squire.get(url)
        with self.squire.connect() as connection:
            for _ in range(2):
                response = connection.request(url, "HEAD")
                self.assertEqual(response.get("Content-Length"), "4")
        self.assertEqual(self.asked(), 1)

    def test_head_is_not_stored(self):
        url = self.serve(answer(200, b"", "Cache-Control: max-age=60"))
        self.squire.get(url, method="HEAD")
        self.squire.get(url)
        self.assertEqual(self.asked(), 2)

    def test_errors_that_may_be_stored_9110_15_1(self):
        url = self.serve(answer(404, b"no", "Cache-Control: max-age=60"))
        for _ in range(2):
            self.assertEqual(self.squire.get(url).status, 404)
        self.assertEqual(self.asked(), 1)

    def test_vary_9111_4_1(self):
        def vary(request, sock):
            language = request.get("Accept-Language") or "none"
            return answer(200, language.encode(),
                          "Cache-Control: max-age=60",
                          "Vary: Accept-Language")

        url = self.serve(vary)
        for _ in range(2):
            for language in ("de", "en", "fr"):
                response = self.squire.get(
                    url, [("Accept-Language", language)])
                self.assertEqual(response.body, language.encode())
        self.assertEqual(self.squire.get(url).body, b"none")
        self.assertEqual(self.asked(), 4)

    def status_of(self, *arguments, **keywords):
        return self.squire.get(*arguments, **keywords).get_all(
            "Cache-Status")

    def test_cache_status_tells_what_was_done_9211_2(self):
        url = self.serve(answer(200, b"text", "Cache-Control: max-age=600",
                                "Vary: Accept", "Cache-Status: cdn;hit"))
        told = [
            ("uri-miss;stored", ()),
            ("vary-miss;stored", [("Accept", "a/b")]),
            ("request;stored", [("Cache-Control", "no-cache")]),
            ("bypass;stored", [("If-Match", '"1"')])]
        for reason, headers in told:
            self.assertEqual(self.status_of(url, headers), [
                "cdn;hit", f"test.proxy;fwd={reason}"])
        hit = self.status_of(url)
        self.assertEqual(hit[0], "cdn;hit")
        self.assertRegex(hit[1], r"^test\.proxy;hit;ttl=(600|59\d)$")
        self.assertEqual(self.status_of(url, method="OPTIONS"),
                         ["cdn;hit", "test.proxy;fwd=method"])
        self.assertRegex(self.status_of(url, [("If-None-Match", "*")])[0],
                         "^test.proxy;hit")
        stale = self.serve(self.conditional('ETag: "1"', "If-None-Match",
                                            '"1"'))
        self.squire.get(stale)
        self.assertEqual(self.status_of(stale),
                         ["test.proxy;fwd=stale;fwd-status=304"])
        self.assertEqual(self.status_of("http://127.0.0.1:1/"), [])

    def conditional(self, field, name, value):
        """A route that answers 304 to the right condition."""
        def route(request, sock):
            if request.get(name) == value:
                return (f"HTTP/1.1 304 Not Modified\r\n{field}\r\n"
                        "Cache-Control: max-age=60\r\nX-New: yes\r\n"
                        "\r\n").encode()
            return answer(200, b"text", field, "Cache-Control: no-cache")
        return route

    def check_revalidated(self, field, name, value):
        url = self.serve(self.conditional(field, name, value))
        self.assertEqual(self.squire.get(url).body, b"text")
        second = self.squire.get(url)
        self.assertEqual((second.status, second.body), (200, b"text"))
        self.assertEqual(second.get("X-New"), "yes")
        self.assertEqual(self.asked(), 2)
        # The 304 made it fresh.
        self.assertEqual(self.squire.get(url).body, b"text")
        self.assertEqual(self.asked(), 2)

    def test_revalidation_by_etag_9111_4_3_1(self):
        self.check_revalidated('ETag: "v1"', "If-None-Match", '"v1"')

    def test_revalidation_by_date_9111_4_3_1(self):
        self.check_revalidated(OLD, "If-Modified-Since", OLD[15:])

    def test_revalidation_that_finds_a_new_answer_9111_4_3_3(self):
        versions = iter(range(10))

        def changing(request, sock):
            version = next(versions)
            return answer(200, b"%d" % version, f'ETag: "{version}"',
                          "Cache-Control: max-age=0")

        url = self.serve(changing)
        for version in range(3):
            self.assertEqual(self.squire.get(url).body, b"%d" % version)
        self.assertEqual(self.asked(), 3)

    def test_304_of_another_answer_is_not_believed_9111_4_3_4(self):
        def wrong(request, sock):
            if request.get("If-None-Match"):
                return b'HTTP/1.1 304 No\r\nETag: "other"\r\n\r\n'
            return answer(200, b"%d" % self.asked(), 'ETag: "mine"',
                          "Cache-Control: no-cache")

        url = self.serve(wrong)
        self.assertEqual(self.squire.get(url).body, b"1")
        self.assertEqual(self.squire.get(url).body, b"3")

    def test_client_conditions_9111_4_3_2(self):
        url = self.serve(answer(200, b"text", 'ETag: "v1"', OLD,
                                "Cache-Control: max-age=60"))
        self.squire.get(url)
        with self.squire.connect() as connection:
            for name, value, status in (
                    ("If-None-Match", '"v1"', 304),
                    ("If-None-Match", 'W/"v1"', 304),
                    ("If-None-Match", '"v2"', 200),
                    ("If-None-Match", "*", 304),
                    ("If-Modified-Since", OLD[15:], 304),
                    ("If-Modified-Since",
                     "Sat, 05 Nov 1994 08:49:37 GMT", 200)):
                response = connection.request(url, headers=[(name, value)])
                self.assertEqual(response.status, status, (name, value))
                if status == 304:
                    self.assertEqual(response.get("ETag"), '"v1"')
                    self.assertIsNone(response.get("Content-Length"))
        self.assertEqual(self.asked(), 1)

    def test_client_condition_with_nothing_stored(self):
        url = self.serve(self.conditional('ETag: "v1"', "If-None-Match",
                                          '"v1"'))
        response = self.squire.get(url, [("If-None-Match", '"v1"')])
        self.assertEqual(response.status, 304)
        self.assertEqual(self.squire.get(url).status, 200)

    def test_client_asks_for_freshness_9111_5_2_1(self):
        url = self.serve(answer(200, b"x", "Cache-Control: max-age=60"))
        self.squire.get(url)
        for field in (("Cache-Control", "no-cache"), ("Pragma", "no-cache"),
                      ("Cache-Control", "max-age=0")):
            before = self.asked()
            self.squire.get(url, [field])
            self.assertEqual(self.asked(), before + 1, field)

    def test_only_if_cached_9111_5_2_1_7(self):
        url = self.serve(answer(200, b"x", "Cache-Control: max-age=60"))
        only = [("Cache-Control", "only-if-cached")]
        self.assertEqual(self.squire.get(url, only).status, 504)
        self.squire.get(url)
        self.assertEqual(self.squire.get(url, only).status, 200)
        self.assertEqual(self.asked(), 1)

    def test_unsafe_methods_invalidate_9111_4_4(self):
        for method in ("POST", "PUT", "DELETE", "PATCH", "M-SEARCH"):
            url = self.serve(answer(200, b"x", "Cache-Control: max-age=60"))
            self.squire.get(url)
            self.squire.get(url, method=method, body=b"")
            self.squire.get(url)
            self.assertEqual(self.asked(), 3, method)

    def test_safe_methods_do_not_invalidate_9111_4_4(self):
        for method in ("OPTIONS", "HEAD"):
            url = self.serve(answer(200, b"x", "Cache-Control: max-age=60"))
            self.squire.get(url)
            self.squire.get(url, [("Cache-Control", "no-cache")],
                            method=method)
            before = self.asked()
            self.squire.get(url)
            self.assertEqual(self.asked(), before, method)

    def test_answer_to_a_post_that_get_may_have_9110_9_3_3(self):
        def route(request, sock):
            where = request.get("X-Where")
            fields = [f"Content-Location: {where}"] if where else []
            return answer(200, request.body or b"got",
                          "Cache-Control: max-age=60", *fields)

        for make, body in ((lambda path, url: path, b"posted"),
                           (lambda path, url: url, b"posted"),
                           (lambda path, url: path + "x", b"got"),
                           (lambda path, url: None, b"got")):
            url = self.serve(route)
            where = make(self.path, url)
            self.squire.get(url)
            self.squire.get(url, [("X-Where", where)] if where else [],
                            method="POST", body=b"posted")
            self.assertEqual(self.squire.get(url).body, body, where)
            # each POST is for the origin
            before = self.asked()
            self.squire.get(url, method="POST", body=b"again")
            self.assertEqual(self.asked(), before + 1)

    def test_failed_post_does_not_invalidate_9111_4_4(self):
        def route(request, sock):
            status = 200 if request.method == "GET" else 500
            return answer(status, b"x", "Cache-Control: max-age=60")

        url = self.serve(route)
        self.squire.get(url)
        self.squire.get(url, method="POST", body=b"")
        self.squire.get(url)
        self.assertEqual(self.asked(), 2)

    def test_named_urls_are_invalidated_9111_4_4(self):
        """Location and Content-Location, of the same origin only."""
        target = self.serve(answer(200, b"x", "Cache-Control: max-age=60"))
        path = self.path
        for name in ("Location", "Content-Location"):
            for value, is_same in (
                    (path, True), (target, True), (path[1:], True),
                    ("./a/.." + path, True), (target + "#part", True),
                    (target[5:], True), (target.upper(), True),
                    (target.replace("127.0.0.1", "localhost"), False),
                    (target.replace("http:", "https:"), False),
                    (path + "?q", False)):
                self.squire.get(target)
                before = self.origin.count(path)
                poster = self.serve(answer(201, b"", f"{name}: {value}"))
                self.squire.get(poster, method="POST", body=b"")
                self.squire.get(target)
                self.assertEqual(self.origin.count(path), before + is_same,
                                 (name, value))

    def test_stale_answer_when_the_origin_fails_5861_4(self):
        alive = True

        def route(request, sock):
            if alive:
                return answer(200, b"x", 'ETag: "1"',
                              "Cache-Control: max-age=0, stale-if-error=60")
            return None

        url = self.serve(route)
        self.squire.get(url)
        alive = False
        response = self.squire.get(url)
        self.assertEqual((response.status, response.body), (200, b"x"))

    def test_must_revalidate_is_not_served_stale_9111_5_2_2_2(self):
        alive = True

        def route(request, sock):
            if alive:
                return answer(200, b"x", 'ETag: "1"',
                              "Cache-Control: max-age=0, must-revalidate")
            return None

        url = self.serve(route)
        self.squire.get(url)
        alive = False
        self.assertEqual(self.squire.get(url).status, 504)

    def test_small_rest_is_stored_after_the_client_left(self):
        go = threading.Event()

        def slow(request, sock):
            sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n"
                         b"Cache-Control: max-age=60\r\n\r\nhalf")
            go.wait(squire_test.PATIENCE)
            return b"half"

        url = self.serve(slow)
        connection = self.squire.connect()
        connection.send(f"GET {url} HTTP/1.1\r\nHost: x.test\r\n\r\n")
        connection.read_head()
        connection.read_exactly(4)
        connection.close()
        time.sleep(0.2)
        go.set()
        self.squire.check_idle()
        self.assertEqual(self.squire.get(url).body, b"halfhalf")
        self.assertEqual(self.asked(), 1)

    def test_log_says_what_happened(self):
        url = self.serve(answer(200, b"x", 'ETag: "1"',
                                "Cache-Control: max-age=60"))
        self.squire.get(url)
        self.squire.get(url)
        self.squire.get(url, [("If-None-Match", '"1"')])

        def results():
            return [words[3] for words in self.squire.access_lines()
                    if words[6] == url]

        squire_test.wait_for("three lines", lambda: len(results()) == 3)
        self.assertEqual(results(), ["TCP_MISS/200", f"{HIT}/200",
                                     "TCP_INM_HIT/304"])


    def test_log_tells_kept_errors(self):
        url = self.serve(answer(404, b"x", "Cache-Control: max-age=60"))
        for _ in range(2):
            self.assertEqual(self.squire.get(url).status, 404)

        def results():
            return [words[3] for words in self.squire.access_lines()
                    if words[6] == url]

        squire_test.wait_for("two lines", lambda: len(results()) == 2)
        self.assertEqual(results(), ["TCP_MISS/404", "TCP_NEGATIVE_HIT/404"])


class Rules(unittest.TestCase):
    def test_refresh_pattern_and_negative_ttl_9111_4_2_2(self):
        origin = Origin()
        conf = ("refresh_pattern /kept 5 20% 10 ignore-no-store\n"
                "refresh_pattern /page 5 20% 10\nnegative_ttl 1 minute\n")
        rows = (("/kept", answer(200, b"x", "Cache-Control: no-store"), 1),
                ("/page", answer(200, b"x"), 1),
                ("/other", answer(200, b"x"), 2),
                ("/error", answer(503, b"x"), 1),
                ("/error2", answer(503, b"x", "Cache-Control: no-store"), 2))
        with Squire(conf) as squire:
            for path, octets, asked in rows:
                origin.routes[path] = octets
                for _ in range(2):
                    self.assertEqual(squire.get(origin.url(path)).body, b"x")
                self.assertEqual(origin.count(path), asked, path)
        origin.close()


class Bounds(unittest.TestCase):
    def test_cache_mem_is_a_bound(self):
        origin = Origin()
        with Squire("cache_mem 1 MB\n") as squire:
            for number in range(200):
                origin.routes[f"/{number}"] = answer(
                    200, os.urandom(20000), "Cache-Control: max-age=60")
                squire.get(origin.url(f"/{number}"))
            cache = squire.info()["cache"]
            self.assertLessEqual(cache["bytes"], 1 << 20)
            self.assertGreater(cache["evictions"], 0)
            squire.get(origin.url("/199"))
            self.assertEqual(origin.count("/199"), 1)
        origin.close()


if __name__ == "__main__":
    squire_test.main()
