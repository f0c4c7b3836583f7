#!/usr/bin/env python3
"""Parts of what is stored (RFC 9110 14 and 15.3.7, RFC 9111 3.3)."""

import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "..", "support"))
import squire_test
from squire_test import SharedCase, answer

BODY = b"0123456789"
FRESH = "Cache-Control: max-age=60"
DAY = "Sun, 06 Nov 1994 08:49:37 GMT"


class Ranges(SharedCase):
    conf = ("maximum_object_size_in_memory 16 MB\n"
            "maximum_object_size 16 MB\n")

    def stored(self, body=BODY, *fields):
        url = self.serve(answer(200, body, FRESH, *fields))
        self.squire.get(url)
        return url

    def ask(self, url, value, *headers, method="GET"):
        return self.squire.get(url, [("Range", value), *headers],
                               method=method)

    def check_part(self, response, body, place):
        self.assertEqual((response.status, response.body), (206, body))
        self.assertEqual(response.get("Content-Range"), f"bytes {place}")
        self.assertEqual(response.get_all("Content-Length"),
                         [str(len(body))])

    def test_part_of_a_stored_whole_9110_14_1_2(self):
        url = self.stored(BODY, 'ETag: "1"', "X-Other: kept")
        for value, body, place in (
                ("bytes=0-3", b"0123", "0-3/10"),
                ("bytes=5-", b"56789", "5-9/10"),
                ("bytes=-2", b"89", "8-9/10"),
                ("bytes=0-100", BODY, "0-9/10"),
                ("bytes=9-9", b"9", "9-9/10")):
            response = self.ask(url, value)
            self.check_part(response, body, place)
            self.assertEqual(response.get("ETag"), '"1"')
            self.assertEqual(response.get("X-Other"), "kept")
            self.assertIsNotNone(response.get("Age"))
            self.assertIn("test.proxy;hit", response.get("Cache-Status"))
        self.assertEqual(self.asked(), 1)

    def test_part_of_many_chunks(self):
        body = os.urandom(300000)
        url = self.stored(body)
        with self.squire.connect() as connection:
            for first, last in ((0, 0), (65530, 65540), (1, 299998),
                                (131072, 262143), (299999, 299999)):
                response = connection.request(
                    url, headers=[("Range", f"bytes={first}-{last}")])
                self.check_part(response, body[first:last + 1],
                                f"{first}-{last}/300000")
        self.assertEqual(self.asked(), 1)

    def test_range_that_is_not_there_is_416_9110_15_5_17(self):
        url = self.stored()
        with self.squire.connect() as connection:
            for value in ("bytes=10-", "bytes=10-20", "bytes=-0"):
                response = connection.request(url,
                                              headers=[("Range", value)])
                self.assertEqual((response.status, response.body),
                                 (416, b""))
                self.assertEqual(response.get("Content-Range"),
                                 "bytes */10")
        self.assertEqual(self.asked(), 1)

    def test_what_is_no_range_gets_the_whole_9110_14_2(self):
        url = self.stored()
        for value in ("bytes=3-1", "bytes=x", "lines=1-2", "bytes=0-1,4-3"):
            response = self.ask(url, value)
            self.assertEqual((response.status, response.body), (200, BODY))
        self.assertEqual(self.asked(), 1)

    def check_parts(self, response, body, *places):
        """All parts of a multipart/byteranges answer, in this order."""
        self.assertEqual(response.status, 206)
        self.assertIsNone(response.get("Content-Range"))
        self.assertEqual(response.get_all("Content-Length"),
                         [str(len(response.body))])
        kind, boundary = response.get("Content-Type").split("; boundary=")
        self.assertEqual(kind, "multipart/byteranges")
        line = b"\r\n--" + boundary.encode()
        before, *parts, end = response.body.split(line)
        self.assertEqual((before, end), (b"", b"--\r\n"))
        self.assertEqual(len(parts), len(places))
        for part, (first, last) in zip(parts, places):
            head, octets = part.split(b"\r\n\r\n", 1)
            self.assertEqual(octets, body[first:last + 1])
            self.assertEqual(
                head.decode(), "\r\nContent-Type: text/x\r\nContent-Range: "
                f"bytes {first}-{last}/{len(body)}")

    def test_several_parts_of_a_stored_whole_9110_14_6(self):
        url = self.stored(BODY, 'ETag: "1"', "Content-Type: text/x",
                          "X-Other: kept")
        with self.squire.connect() as connection:
            for value, places in (
                    ("bytes=0-0,9-9", ((0, 0), (9, 9))),
                    ("bytes=-1, 2-4,,0-0", ((9, 9), (2, 4), (0, 0))),
                    ("bytes=0-1,20-30,4-5", ((0, 1), (4, 5))),
                    ("bytes=6-8,2-3,5-5", ((5, 8), (2, 3)))):
                response = connection.request(url, headers=[("Range", value)])
                self.check_parts(response, BODY, *places)
                self.assertEqual(response.get("ETag"), '"1"')
                self.assertEqual(response.get("X-Other"), "kept")
                self.assertIn("test.proxy;hit", response.get("Cache-Status"))
            for value, body, place in (
                    ("bytes=0-1,2-3", b"0123", "0-3/10"),
                    ("bytes=4-4,10-11", b"4", "4-4/10")):
                self.check_part(connection.request(
                    url, headers=[("Range", value)]), body, place)
            response = connection.request(
                url, headers=[("Range", "bytes=10-,11-12")])
            self.assertEqual((response.status, response.body), (416, b""))
        self.assertEqual(self.asked(), 1)

    def test_boundary_is_not_to_be_foreseen(self):
        url = self.stored(BODY)
        one, two = (self.ask(url, "bytes=0-0,2-2") for _ in range(2))
        self.assertNotEqual(one.get("Content-Type"), two.get("Content-Type"))

    def test_many_ranges_get_the_whole_9110_17_15(self):
        body = os.urandom(5000)
        url = self.stored(body, "Content-Type: text/x")
        places = [(100 * i, 100 * i + 9) for i in range(17)]
        def ask(some):
            return self.ask(url, "bytes=" + ",".join(f"{a}-{b}"
                                                     for a, b in some))
        self.check_parts(ask(places[:16]), body, *places[:16])
        for some in (places, [(0, 4999)] * 3, [(0, 9), (5, 14), (12, 20)],
                     places * 60):
            response = ask(some)
            self.assertEqual((response.status, response.body), (200, body))

    def test_large_parts_for_a_slow_client(self):
        body = os.urandom(4000000)
        url = self.stored(body, "Content-Type: text/x")
        places = ((2000000, 3999999), (0, 1500000), (1500010, 1500011))
        value = ",".join(f"{a}-{b}" for a, b in places)
        with self.squire.connect() as connection:
            connection.send(f"GET {url} HTTP/1.1\r\nHost: x\r\n"
                            f"Range: bytes={value}\r\n\r\n")
            time.sleep(0.3)
            self.check_parts(connection.read_response(), body, *places)
            self.check_part(connection.request(
                url, headers=[("Range", "bytes=1-2")]), body[1:3],
                "1-2/4000000")
        self.assertEqual(self.asked(), 1)

    def test_head_has_no_ranges_9110_14_2(self):
        response = self.ask(self.stored(), "bytes=0-1", method="HEAD")
        self.assertEqual(response.status, 200)
        self.assertEqual(response.get("Content-Length"), "10")

    def test_only_a_200_has_parts_9110_14_2(self):
        url = self.serve(answer(404, b"none", FRESH))
        self.squire.get(url)
        response = self.ask(url, "bytes=0-1")
        self.assertEqual((response.status, response.body), (404, b"none"))
        self.assertEqual(self.asked(), 1)

    def test_if_range_9110_13_1_5(self):
        url = self.stored(BODY, 'ETag: "1"', f"Last-Modified: {DAY}")
        for value, status in (('"1"', 206), ('"2"', 200), ('W/"1"', 200),
                              (DAY, 206),
                              ("Sun, 06 Nov 1994 08:49:38 GMT", 200)):
            response = self.ask(url, "bytes=0-1", ("If-Range", value))
            self.assertEqual(response.status, status, value)
        self.assertEqual(self.asked(), 1)

    def test_conditions_come_before_ranges_9110_13_2_2(self):
        url = self.stored(BODY, 'ETag: "1"')
        response = self.ask(url, "bytes=0-1", ("If-None-Match", '"1"'))
        self.assertEqual(response.status, 304)
        response = self.ask(url, "bytes=0-1", ("If-None-Match", '"2"'))
        self.check_part(response, b"01", "0-1/10")

    def test_range_is_answered_after_a_304(self):
        def route(request, sock):
            if request.get("If-None-Match") == '"1"':
                self.assertIsNone(request.get("Range"))
                return b'HTTP/1.1 304 No\r\nETag: "1"\r\n\r\n'
            return answer(200, BODY, 'ETag: "1"', "Cache-Control: no-cache")

        url = self.serve(route)
        self.squire.get(url)
        self.check_part(self.ask(url, "bytes=2-4"), b"234", "2-4/10")
        self.assertEqual(self.asked(), 2)

    def test_range_with_nothing_stored_goes_to_the_origin(self):
        def route(request, sock):
            if request.get("Range"):
                return answer(206, b"12", "Content-Range: bytes 1-2/10")
            return answer(200, BODY, FRESH)

        url = self.serve(route)
        self.check_part(self.ask(url, "bytes=1-2"), b"12", "1-2/10")
        self.assertEqual(self.origin.last().get("Range"), "bytes=1-2")
        self.assertEqual(self.squire.get(url).body, BODY)

    def test_whole_answer_to_a_range_is_stored(self):
        url = self.serve(answer(200, BODY, FRESH))
        self.assertEqual(self.ask(url, "bytes=1-2").status, 200)
        self.check_part(self.ask(url, "bytes=1-2"), b"12", "1-2/10")
        self.assertEqual(self.asked(), 1)

    def parts(self, *fields, tag='"1"', body=BODY):
        """A route that answers every range with 206, all else with 200."""
        def route(request, sock):
            value = request.get("Range")
            if not value:
                return answer(200, body, f"ETag: {tag}", *fields)
            first, last = value[len("bytes="):].split("-")
            first = int(first) if first else len(body) - int(last)
            last = int(last) if last and value[6] != "-" else len(body) - 1
            part = body[first:last + 1]
            return answer(206, part, f"ETag: {tag}",
                          f"Content-Range: bytes {first}-{last}/{len(body)}",
                          *fields)
        return route

    def test_part_is_stored_9111_3_3(self):
        url = self.serve(self.parts(FRESH, "X-Other: kept"))
        self.check_part(self.ask(url, "bytes=2-7"), b"234567", "2-7/10")
        for value, body, place in (("bytes=2-7", b"234567", "2-7/10"),
                                   ("bytes=3-4", b"34", "3-4/10"),
                                   ("bytes=7-7", b"7", "7-7/10")):
            response = self.ask(url, value)
            self.check_part(response, body, place)
            self.assertEqual(response.get("X-Other"), "kept")
            self.assertIn(";hit", response.get("Cache-Status"))
        self.assertEqual(self.asked(), 1)
        for value in ("bytes=1-3", "bytes=7-8", "bytes=7-", "bytes=-2"):
            url = self.serve(self.parts(FRESH))
            self.ask(url, "bytes=2-7")
            self.assertEqual(self.ask(url, value).status, 206)
            self.assertEqual(self.asked(), 2, value)

    def test_several_ranges_of_a_stored_part_9110_14_6(self):
        url = self.serve(self.parts(FRESH, "Content-Type: text/x"))
        self.ask(url, "bytes=2-7")
        self.check_parts(self.ask(url, "bytes=6-7,2-2"), BODY,
                         (6, 7), (2, 2))
        self.check_part(self.ask(url, "bytes=3-4,5-6"), b"3456", "3-6/10")
        self.assertEqual(self.asked(), 1)
        self.origin.routes[self.path] = answer(200, BODY)
        self.assertEqual(self.ask(url, "bytes=2-2,7-8").body, BODY)
        self.assertEqual(self.asked(), 2)

    def test_part_at_the_end_answers_open_ranges_9111_3_3(self):
        url = self.serve(self.parts(FRESH))
        self.check_part(self.ask(url, "bytes=-4"), b"6789", "6-9/10")
        self.check_part(self.ask(url, "bytes=7-"), b"789", "7-9/10")
        self.check_part(self.ask(url, "bytes=-1"), b"9", "9-9/10")
        self.assertEqual(self.asked(), 1)

    def test_part_never_answers_for_the_whole_9111_3_3(self):
        url = self.serve(self.parts(FRESH))
        self.ask(url, "bytes=0-4")
        response = self.squire.get(url)
        self.assertEqual((response.status, response.body), (200, BODY))
        self.assertEqual(self.squire.get(url).body, BODY)
        self.assertEqual(self.asked(), 2)

    def test_beginning_is_completed_9111_3_3(self):
        body = os.urandom(200000)
        for first, last in ((0, 0), (0, 40000), (0, 65535), (0, 199998)):
            url = self.serve(self.parts(FRESH, body=body))
            self.ask(url, f"bytes={first}-{last}")
            response = self.squire.get(url)
            self.assertEqual((response.status, response.body), (200, body))
            self.assertEqual(response.get_all("Content-Length"), ["200000"])
            self.assertIsNone(response.get("Content-Range"))
            self.assertEqual(self.origin.last().get("Range"),
                             f"bytes={last + 1}-")
            self.assertEqual(self.origin.last().get("If-Range"), '"1"')
            self.assertEqual(self.squire.get(url).body, body)
            self.assertEqual(self.asked(), 2)

    def test_stale_beginning_is_completed_unless_it_is_a_reload(self):
        for field in ("Cache-Control: max-age=0", "Cache-Control: no-cache"):
            for asked, start in (((), "bytes=4-"),
                                 ((("Cache-Control", "max-age=0"),),
                                  "bytes=4-"),
                                 ((("Cache-Control", "no-cache"),), None),
                                 ((("Pragma", "no-cache"),), None)):
                url = self.serve(self.parts(field))
                self.ask(url, "bytes=0-3")
                response = self.squire.get(url, asked)
                self.assertEqual((response.status, response.body),
                                 (200, BODY))
                self.assertEqual(self.origin.last().get("Range"), start)

    def test_large_beginning_for_a_slow_client(self):
        """The rest comes on a connection that was idle, while it has to
        wait; often so soon that libcurl does not look at its socket before."""
        body = os.urandom(13000000)
        begin = self.parts(FRESH, body=body)

        def route(request, sock):
            text = begin(request, sock)
            if not request.get("If-Range"):
                return text
            sock.sendall(text[:1000])
            time.sleep(0.1)
            return text[1000:]

        for _ in range(5):
            url = self.serve(route)
            self.ask(url, "bytes=0-12000000")
            with self.squire.connect() as connection:
                connection.send(f"GET {url} HTTP/1.1\r\nHost: x\r\n\r\n")
                time.sleep(0.2)
                self.assertTrue(connection.read_response().body == body)
                response = connection.request(url)
            self.assertTrue(response.body == body)
            self.assertIn(";hit", response.get("Cache-Status"))
            self.assertEqual(self.asked(), 2)

    def test_client_that_leaves_in_the_beginning(self):
        body = os.urandom(3000000)
        url = self.serve(self.parts(FRESH, body=body))
        self.ask(url, "bytes=0-2000000")
        with self.squire.connect() as connection:
            connection.send(f"GET {url} HTTP/1.1\r\nHost: x\r\n\r\n")
            connection.read_head()
            connection.reset()
        self.assertEqual(self.squire.get(url).body, body)

    def cut(self, body, at, *fields, tag='"1"'):
        """A route whose 200s and 206s end early."""
        parts = self.parts(FRESH, *fields, body=body, tag=tag)

        def route(request, sock):
            head, _, octets = parts(request, sock).partition(b"\r\n\r\n")
            sock.sendall(head + b"\r\n\r\n" + octets[:at])
        return route

    def get_cut(self, url):
        response = self.squire.get(url)
        self.assertTrue(response.truncated)

    def test_what_came_of_a_whole_is_kept_9111_3_3(self):
        body = os.urandom(300000)
        url = self.serve(self.cut(body, 100000))
        self.get_cut(url)
        self.get_cut(url)
        self.assertEqual(self.origin.last().get("Range"), "bytes=100000-")
        self.check_part(self.ask(url, "bytes=99999-199999"),
                        body[99999:200000], "99999-199999/300000")
        self.assertEqual(self.asked(), 2)
        response = self.squire.get(url)
        self.assertEqual((response.status, response.body), (200, body))
        self.assertEqual(self.origin.last().get("Range"), "bytes=200000-")
        response = self.squire.get(url)
        self.assertEqual(response.body, body)
        self.assertIn(";hit", response.get("Cache-Status"))
        self.assertEqual(self.asked(), 3)

    def test_what_came_of_a_whole_is_of_its_variant(self):
        body = os.urandom(200000)
        url = self.serve(self.cut(body, 100000, "Vary: X-A"))
        self.squire.get(url, [("X-A", "1")])
        self.squire.get(url, [("X-A", "2")])
        self.assertIsNone(self.origin.last().get("Range"))
        response = self.squire.get(url, [("X-A", "1")])
        self.assertEqual(self.origin.last().get("Range"), "bytes=100000-")
        self.assertEqual(response.body, body)

    def test_client_that_leaves_leaves_the_beginning(self):
        body = os.urandom(12000000)
        url = self.serve(self.parts(FRESH, body=body))
        with self.squire.connect() as connection:
            connection.send(f"GET {url} HTTP/1.1\r\nHost: x\r\n\r\n")
            connection.read_head()
            connection.reset()
        squire_test.wait_for("a part", lambda: self.ask(
            url, "bytes=0-65535", ("Cache-Control", "only-if-cached")).status
            == 206)
        self.assertTrue(self.squire.get(url).body == body)
        self.assertRegex(self.origin.last().get("Range"), "^bytes=[1-9]")

    def test_what_came_of_a_whole_that_is_not_kept(self):
        body = os.urandom(200000)
        for route in (self.cut(body, 100000, tag='W/"1"'),
                      self.cut(body, 60000),
                      self.cut(body, 0),
                      self.cut(body, 100000, "Cache-Control: no-store")):
            url = self.serve(route)
            self.get_cut(url)
            self.get_cut(url)
            self.assertIsNone(self.origin.last().get("Range"))

    def test_beginning_of_another_one_is_not_used_9111_3_4(self):
        def other(request, sock):
            if request.get("Range"):
                return answer(206, b"x", 'ETag: "2"',
                              "Content-Range: bytes 4-4/5")
            return answer(200, b"whole", 'ETag: "2"', FRESH)

        for later in (answer(200, b"whole", 'ETag: "2"', FRESH), other,
                      lambda request, _: answer(416, b"") if
                      request.get("Range") else answer(200, b"whole")):
            url = self.serve(self.parts(FRESH))
            self.ask(url, "bytes=0-3")
            self.origin.routes[self.path] = later
            response = self.squire.get(url)
            self.assertEqual((response.status, response.body),
                             (200, b"whole"))

    def test_only_a_known_beginning_is_completed(self):
        body = os.urandom(100000)
        for value, tag in (("bytes=1-3", '"1"'), ("bytes=0-3", 'W/"1"')):
            url = self.serve(self.parts(FRESH, tag=tag, body=body))
            self.ask(url, value)
            self.assertEqual(self.squire.get(url).body, body)
            self.assertIsNone(self.origin.last().get("Range"))

    def test_rest_that_is_cut_is_cut_for_the_client(self):
        def cut(request, sock):
            sock.sendall(b'HTTP/1.1 206 Part\r\nETag: "1"\r\n'
                         b"Content-Range: bytes 4-9/10\r\n"
                         b"Content-Length: 6\r\n\r\n45")

        url = self.serve(self.parts(FRESH))
        self.ask(url, "bytes=0-3")
        self.origin.routes[self.path] = cut
        with self.squire.connect() as connection:
            connection.send(f"GET {url} HTTP/1.1\r\nHost: x\r\n\r\n")
            connection.read_head()
            with self.assertRaises((OSError, EOFError)):
                connection.read_exactly(10)

    def test_conditions_on_a_part_9111_4_3_2(self):
        url = self.serve(self.parts(FRESH))
        self.ask(url, "bytes=0-4")
        response = self.ask(url, "bytes=0-1", ("If-None-Match", '"1"'))
        self.assertEqual(response.status, 304)
        self.check_part(self.ask(url, "bytes=0-1", ("If-Range", '"1"')),
                        b"01", "0-1/10")
        self.assertEqual(self.asked(), 1)
        self.ask(url, "bytes=0-1", ("If-Range", '"2"'))
        self.assertEqual(self.asked(), 2)

    def test_part_that_may_not_be_stored(self):
        for fields in (["Cache-Control: no-store"],
                       ["Cache-Control: max-age=0"], [FRESH, "Vary: *"]):
            url = self.serve(self.parts(*fields))
            for count in (1, 2):
                self.check_part(self.ask(url, "bytes=0-1"), b"01", "0-1/10")
                self.assertEqual(self.asked(), count)

    def test_stale_part_is_asked_for_again(self):
        url = self.serve(self.parts("Cache-Control: max-age=1"))
        for count in (1, 2):
            self.check_part(self.ask(url, "bytes=0-1",
                                     ("Cache-Control", "no-cache")),
                            b"01", "0-1/10")
            self.assertEqual(self.asked(), count)

    def test_parts_are_put_together_9111_3_4(self):
        body = os.urandom(100000)
        for order in (("0-29999", "30000-59999", "60000-99999"),
                      ("60000-99999", "30000-59999", "0-29999"),
                      ("30000-59999", "20000-70000", "0-20000", "70000-"),
                      ("20000-70000", "30000-59999", "0-50000", "50000-")):
            url = self.serve(self.parts(FRESH, body=body))
            for part in order:
                self.assertEqual(self.ask(url, "bytes=" + part).status, 206)
            before = self.asked()
            self.assertLessEqual(before, len(order))
            self.check_part(self.ask(url, "bytes=100-99000"),
                            body[100:99001], "100-99000/100000")
            response = self.squire.get(url)
            self.assertEqual((response.status, response.body), (200, body))
            self.assertIsNone(response.get("Content-Range"))
            self.assertEqual(self.asked(), before, order)

    def test_parts_of_others_are_not_put_together_9111_3_4(self):
        for tags in (('"1"', '"2"'), ('W/"1"', 'W/"1"')):
            url = self.serve(self.parts(FRESH, tag=tags[0]))
            self.ask(url, "bytes=0-4")
            self.origin.routes[self.path] = self.parts(FRESH, tag=tags[1])
            self.ask(url, "bytes=5-9")
            self.check_part(self.ask(url, "bytes=6-7"), b"67", "6-7/10")
            self.assertEqual(self.asked(), 2)
            self.ask(url, "bytes=4-6")
            self.assertEqual(self.asked(), 3)

    def test_parts_with_a_gap_are_not_put_together_9111_3_4(self):
        url = self.serve(self.parts(FRESH))
        self.ask(url, "bytes=0-3")
        self.ask(url, "bytes=5-9")
        self.ask(url, "bytes=3-6")
        self.assertEqual(self.asked(), 3)

    def test_multipart_is_not_stored(self):
        url = self.serve(answer(206, b"xx", FRESH,
                                "Content-Type: multipart/byteranges"))
        for count in (1, 2):
            self.assertEqual(self.ask(url, "bytes=0-0,2-2").status, 206)
            self.assertEqual(self.asked(), count)

    def test_part_is_invalidated_9111_4_4(self):
        url = self.serve(self.parts(FRESH))
        self.ask(url, "bytes=0-4")
        self.squire.get(url, method="POST", body=b"")
        self.ask(url, "bytes=0-4")
        self.assertEqual(self.asked(), 3)


class FetchedWhole(SharedCase):
    """range_offset_limit: a range is cut out of the whole, which is kept."""

    conf = ("acl far urlpath_regex far\n"
            "acl plain urlpath_regex plain\n"
            "reply_body_max_size 100 KB plain\n"
            "range_offset_limit none far\n"
            "range_offset_limit 0 plain\n"
            "range_offset_limit 10 KB\n"
            "maximum_object_size_in_memory 8 MB\n"
            "maximum_object_size 8 MB\n"
            "quick_abort_min -1\n")
    BODY = os.urandom(1000000)

    def serve(self, body, *fields, suffix=""):
        url = super().serve(None) + suffix
        self.path += suffix
        self.origin.routes[self.path] = self.route(body, *fields)
        return url

    def route(self, body, *fields):
        def route(request, sock):
            value = request.get("Range")
            if value:
                first, last = value[len("bytes="):].split("-")
                first = int(first or len(body) - int(last))
                part = body[first:int(last) + 1 if value[6] != "-" else None]
                return answer(206, part, f"Content-Range: bytes {first}-"
                              f"{first + len(part) - 1}/{len(body)}", *fields)
            return answer(200, body, *fields)
        return route

    def check(self, response, first, last):
        self.assertEqual(response.status, 206)
        self.assertEqual(response.body, self.BODY[first:last + 1])
        self.assertEqual(response.get("Content-Range"),
                         f"bytes {first}-{last}/{len(self.BODY)}")
        self.assertEqual(response.get_all("Content-Length"),
                         [str(last - first + 1)])

    def ranged(self, url, value, *headers):
        return self.squire.get(url, [("Range", value), *headers])

    def wait_hit(self, url):
        squire_test.wait_for("the whole", lambda: self.squire.get(
            url, [("Cache-Control", "only-if-cached")]).status == 200)

    def test_range_of_what_is_fetched_whole(self):
        for value, first, last in (("bytes=0-0", 0, 0),
                                   ("bytes=0-", 0, 999999),
                                   ("bytes=10240-10250", 10240, 10250),
                                   ("bytes=17-700000", 17, 700000)):
            url = self.serve(self.BODY, FRESH, 'ETag: "1"')
            self.check(self.ranged(url, value), first, last)
            self.assertIsNone(self.origin.last().get("Range"))
            self.wait_hit(url)
            self.check(self.ranged(url, "bytes=5-9"), 5, 9)
            self.assertEqual(self.squire.get(url).body, self.BODY)
            self.assertEqual(self.asked(), 1)

    def test_ranges_beyond_the_limit_are_asked_for_as_they_are(self):
        for value, suffix in (("bytes=10241-10250", ""), ("bytes=-5", ""),
                              ("bytes=0-5", "plain")):
            url = self.serve(self.BODY, FRESH, suffix=suffix)
            self.assertEqual(self.ranged(url, value).status, 206)
            self.assertEqual(self.origin.last().get("Range"), value)

    def test_without_a_limit_every_range_is_of_the_whole(self):
        for value, first, last in (("bytes=900000-", 900000, 999999),
                                   ("bytes=-5", 999995, 999999)):
            url = self.serve(self.BODY, FRESH, suffix="far")
            self.check(self.ranged(url, value), first, last)
            self.assertIsNone(self.origin.last().get("Range"))

    def test_several_ranges_are_asked_for_as_they_are(self):
        url = self.serve(self.BODY, FRESH, suffix="far")
        self.origin.routes[self.path] = answer(200, self.BODY)
        self.ranged(url, "bytes=0-1,5-6")
        self.assertEqual(self.origin.last().get("Range"), "bytes=0-1,5-6")

    def test_range_that_is_not_there(self):
        url = self.serve(self.BODY[:100], FRESH)
        with self.squire.connect() as connection:
            for _ in range(2):
                response = connection.request(
                    url, headers=[("Range", "bytes=100-")])
                self.assertEqual((response.status, response.body),
                                 (416, b""))
                self.assertEqual(response.get("Content-Range"),
                                 "bytes */100")
            self.assertEqual(connection.request(url).body, self.BODY[:100])

    def test_if_range_is_about_the_answer_9110_13_1_5(self):
        url = self.serve(self.BODY, FRESH, 'ETag: "1"')
        self.check(self.ranged(url, "bytes=0-5", ("If-Range", '"1"')), 0, 5)
        self.assertIsNone(self.origin.last().get("If-Range"))
        url = self.serve(self.BODY, FRESH, 'ETag: "1"')
        response = self.ranged(url, "bytes=0-5", ("If-Range", '"2"'))
        self.assertEqual((response.status, response.body), (200, self.BODY))

    def test_answers_that_are_no_whole_are_passed_on(self):
        for other in (answer(404, b"none"), answer(206, b"x"),
                      b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                      b"3\r\nabc\r\n0\r\n\r\n"):
            url = self.serve(b"")
            self.origin.routes[self.path] = other
            response = self.ranged(url, "bytes=0-0")
            self.assertEqual(response.status, int(other.split()[1]))

    def test_what_may_not_be_stored_is_cut_too(self):
        url = self.serve(self.BODY, "Cache-Control: no-store")
        with self.squire.connect() as connection:
            for _ in range(2):
                self.check(connection.request(
                    url, headers=[("Range", "bytes=7-9000")]), 7, 9000)

    def test_new_answer_to_a_validation_is_cut_9111_4_3_3(self):
        url = self.serve(self.BODY, "Cache-Control: max-age=0", 'ETag: "1"',
                         suffix="plain")
        self.origin.routes[self.path] = answer(
            200, b"old", "Cache-Control: max-age=0", 'ETag: "0"')
        self.squire.get(url)
        self.origin.routes[self.path] = self.route(
            self.BODY[:90000], FRESH, 'ETag: "1"')
        response = self.ranged(url, "bytes=80000-80009")
        self.assertEqual((response.status, response.body),
                         (206, self.BODY[80000:80010]))
        self.assertEqual(self.origin.last().get("If-None-Match"), '"0"')

    def test_origin_that_stops_after_the_range(self):
        def cut(request, sock):
            sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n"
                         + FRESH.encode() + b"\r\n\r\n" + self.BODY[:50000])

        url = self.serve(b"")
        self.origin.routes[self.path] = cut
        with self.squire.connect() as connection:
            for _ in range(2):
                self.check(connection.request(
                    url, headers=[("Range", "bytes=0-40000")]), 0, 40000)
            connection.send(f"GET {url} HTTP/1.1\r\nHost: x\r\n"
                            "Range: bytes=0-60000\r\n\r\n")
            connection.read_head()
            with self.assertRaises((OSError, EOFError)):
                connection.read_exactly(60001)


if __name__ == "__main__":
    squire_test.main()
