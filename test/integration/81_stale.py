#!/usr/bin/env python3
"""Stale answers (RFC 9111 4.2.4, RFC 5861), and requests that wait for one
answer."""

import os
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "..", "support"))
import squire_test
from squire_test import SharedCase, answer, wait_for

FRESH = "Cache-Control: max-age=60"


class Stale(SharedCase):
    def versions(self, *fields, conditional=True):
        """A route whose body is the number of the question."""
        def route(request, sock):
            if conditional and request.get("If-None-Match") == self.tag:
                return (f"HTTP/1.1 304 No\r\nETag: {self.tag}\r\n"
                        "Cache-Control: max-age=60\r\n\r\n").encode()
            return answer(200, b"%d" % self.asked(), f"ETag: {self.tag}",
                          *fields)
        self.tag = '"1"'
        return route

    def test_stale_while_revalidate_5861_3(self):
        url = self.serve(self.versions(
            "Age: 10",
            "Cache-Control: max-age=5, stale-while-revalidate=60"))
        self.assertEqual(self.get(url).body, b"1")
        response = self.get(url)
        self.assertEqual(response.body, b"1")
        self.assertRegex(response.get("Cache-Status"), r";hit;ttl=-\d+$")
        wait_for("the background validation", lambda: self.asked() == 2)
        self.assertEqual(self.origin.last().get("If-None-Match"), '"1"')
        self.squire.check_idle()
        self.assertNotIn("ttl=-", self.get(url).get("Cache-Status"))
        self.assertEqual(self.asked(), 2)

    def test_background_fetch_brings_a_new_answer(self):
        url = self.serve(self.versions(
            "Age: 10", "Cache-Control: max-age=5, stale-while-revalidate=60",
            conditional=False))
        self.assertEqual(self.get(url).body, b"1")
        self.assertEqual(self.get(url, ("Range", "bytes=0-0")).status, 206)
        self.squire.check_idle()
        self.assertIsNone(self.origin.last().get("Range"))
        self.assertEqual(self.get(url, method="HEAD").status, 200)
        self.squire.check_idle()
        self.assertEqual(self.origin.last().method, "GET")
        self.assertEqual(self.get(url).body, b"3")

    def test_one_background_fetch_at_a_time(self):
        go = threading.Event()

        def route(request, sock):
            if request.get("If-None-Match"):
                go.wait(squire_test.PATIENCE)
            return answer(200, b"x", 'ETag: "1"', "Age: 10", "Cache-Control: "
                          "max-age=5, stale-while-revalidate=60")

        url = self.serve(route)
        for _ in range(5):
            self.assertEqual(self.get(url).body, b"x")
        go.set()
        self.squire.check_idle()
        self.assertEqual(self.asked(), 2)

    def test_failed_background_fetch_leaves_the_stale_one(self):
        alive = True

        def route(request, sock):
            if not alive:
                return answer(503, b"down")
            return answer(200, b"x", 'ETag: "1"', "Age: 10", "Cache-Control: "
                          "max-age=5, stale-while-revalidate=60")

        url = self.serve(route)
        self.get(url)
        alive = False
        for _ in range(2):
            self.assertEqual(self.get(url).body, b"x")
            self.squire.check_idle()

    def test_stale_beyond_the_window_waits_5861_3(self):
        url = self.serve(self.versions(
            "Age: 100",
            "Cache-Control: max-age=5, stale-while-revalidate=60",
            conditional=False))
        self.assertEqual(self.get(url).body, b"1")
        self.assertEqual(self.get(url).body, b"2")

    def failing(self, directives, how):
        """Store, let the origin fail, ask again with each of headers."""
        alive = True

        def route(request, sock):
            if alive:
                return answer(200, b"old", 'ETag: "1"', "Age: 10",
                              f"Cache-Control: max-age=5{directives}")
            return how

        url = self.serve(route)
        self.get(url)
        alive = False
        return url

    def test_stale_if_error_5861_4(self):
        for how in (None, answer(500, b"no"), answer(502, b"no"),
                    answer(503, b"no"), answer(504, b"no")):
            url = self.failing(", stale-if-error=60", how)
            response = self.get(url)
            self.assertEqual((response.status, response.body),
                             (200, b"old"), how)
            self.assertIn("fwd=stale", response.get("Cache-Status"))

    def test_other_errors_are_passed_on(self):
        for status in (404, 501, 505):
            url = self.failing(", stale-if-error=60", answer(status, b"no"))
            self.assertEqual(self.get(url).status, status)

    def test_stale_if_error_of_a_request_5861_4(self):
        url = self.failing(", stale-if-error=1", answer(503, b"no"))
        self.assertEqual(self.get(url).status, 503)
        self.assertEqual(
            self.get(url, ("Cache-Control", "stale-if-error=60")).status, 200)

    def test_what_must_be_validated_is_not_served_9111_5_2_2_2(self):
        for directive in ("must-revalidate", "proxy-revalidate", "no-cache",
                          "s-maxage=5"):
            url = self.failing(f", {directive}, stale-if-error=60", None)
            self.assertEqual(self.get(url).status, 504, directive)
            url = self.failing(f", {directive}, stale-if-error=60",
                               answer(503, b"no"))
            self.assertEqual(self.get(url).status, 503, directive)

    def test_no_cache_of_the_request_gets_the_error_9111_5_2_1_4(self):
        url = self.failing(", stale-if-error=60", None)
        for field in (("Cache-Control", "no-cache"), ("Pragma", "no-cache")):
            self.assertEqual(self.get(url, field).status, 502)

    def test_max_stale_9111_5_2_1_2(self):
        url = self.failing("", None)
        response = self.get(url, ("Cache-Control", "max-stale=60"))
        self.assertEqual((response.status, response.body), (200, b"old"))
        self.assertEqual(self.asked(), 1)

    def test_pipelined_request_after_a_stale_answer(self):
        url = self.failing(", stale-if-error=60", answer(503, b"no"))
        self.origin.routes["/other"] = answer(200, b"other")
        other = self.origin.url("/other")
        with self.squire.connect() as connection:
            connection.send(f"GET {url} HTTP/1.1\r\nHost: x\r\n\r\n"
                            f"GET {other} HTTP/1.1\r\nHost: x\r\n\r\n")
            self.assertEqual(connection.read_response().body, b"old")
            self.assertEqual(connection.read_response().body, b"other")


class Collapsed(SharedCase):
    """Several ask at once: RFC 9111 4, RFC 9211 2.6."""

    def ask(self, url, count, *headers):
        """count clients that ask now; a function that reads the answers."""
        clients = [self.squire.connect() for _ in range(count)]
        for client in clients:
            lines = "".join(f"{name}: {value}\r\n" for name, value in headers)
            client.send(f"GET {url} HTTP/1.1\r\nHost: x\r\n{lines}\r\n")

        def read():
            answers = [client.read_response() for client in clients]
            for client in clients:
                client.close()
            return answers
        self.clients = clients
        return read

    def held(self, make):
        """A path whose first answer is held back until self.go is set."""
        self.go = threading.Event()

        def route(request, sock):
            if self.asked() == 1:
                self.go.wait(squire_test.PATIENCE)
            return make(request)

        return self.serve(route)

    def settle(self):
        wait_for("the first question", lambda: self.asked() >= 1)
        time.sleep(0.2)

    def test_one_answer_for_all(self):
        url = self.held(lambda _: answer(200, b"text", FRESH))
        read = self.ask(url, 8)
        self.settle()
        self.assertEqual(self.asked(), 1)
        self.go.set()
        answers = read()
        self.assertEqual([a.body for a in answers], [b"text"] * 8)
        told = sorted(a.get("Cache-Status") for a in answers)
        self.assertEqual(told, ["test.proxy;fwd=uri-miss;collapsed"] * 7
                         + ["test.proxy;fwd=uri-miss;stored"])
        self.assertEqual(self.asked(), 1)

    def test_what_is_not_stored_is_asked_for_by_each(self):
        for fields in (["Cache-Control: no-store"],
                       ["Cache-Control: private, max-age=60"],
                       [FRESH, "Vary: *"]):
            url = self.held(lambda _, fields=fields: answer(200, b"x",
                                                            *fields))
            read = self.ask(url, 4)
            self.settle()
            self.go.set()
            self.assertEqual([a.body for a in read()], [b"x"] * 4)
            self.assertEqual(self.asked(), 4)

    def test_what_was_not_stored_is_not_waited_for_again(self):
        go = threading.Event()

        def route(request, sock):
            if self.asked() > 1:
                go.wait(squire_test.PATIENCE)
            return answer(200, b"x", "Cache-Control: no-store")

        url = self.serve(route)
        self.get(url)
        read = self.ask(url, 3)
        wait_for("four questions", lambda: self.asked() == 4)
        go.set()
        self.assertEqual([a.body for a in read()], [b"x"] * 3)

    def test_what_each_validates_is_not_waited_for_again(self):
        go = threading.Event()

        def route(request, sock):
            if self.asked() > 2:
                go.wait(squire_test.PATIENCE)
            fields = ['ETag: "1"', "Cache-Control: max-age=0"]
            if request.get("If-None-Match"):
                return ("HTTP/1.1 304 No\r\n" + "\r\n".join(fields)
                        + "\r\n\r\n").encode()
            return answer(200, b"x", *fields)

        url = self.serve(route)
        for _ in range(2):
            self.get(url)
        read = self.ask(url, 3)
        wait_for("five questions", lambda: self.asked() == 5)
        go.set()
        self.assertEqual([a.body for a in read()], [b"x"] * 3)

    def test_slow_head_is_not_waited_for(self):
        url = self.held(lambda _: answer(200, b"x", FRESH))
        slow = self.ask(url, 1)
        self.settle()
        began = time.monotonic()
        self.assertEqual(self.ask(url, 1)()[0].body, b"x")
        self.assertGreater(time.monotonic() - began, 4)
        self.go.set()
        slow()

    def test_no_cache_is_validated_for_each_9111_5_2_2_4(self):
        url = self.held(lambda _: answer(200, b"x", "Cache-Control: no-cache",
                                         'ETag: "1"'))
        read = self.ask(url, 3)
        self.settle()
        self.go.set()
        self.assertEqual([a.body for a in read()], [b"x"] * 3)
        self.assertEqual(self.asked(), 3)

    def test_variants_are_told_apart(self):
        url = self.held(lambda request: answer(
            200, (request.get("X-Lang") or "none").encode(), FRESH,
            "Vary: X-Lang"))
        reads = [self.ask(url, 2)]
        self.settle()
        reads.append(self.ask(url, 2, ("X-Lang", "de")))
        time.sleep(0.2)
        self.go.set()
        bodies = [a.body for read in reads for a in read()]
        self.assertEqual(bodies, [b"none"] * 2 + [b"de"] * 2)

    def test_those_who_want_their_own_do_not_wait(self):
        url = self.held(lambda _: answer(200, b"x",
                                         "Cache-Control: no-store"))
        reads = [self.ask(url, 1)]
        self.settle()
        for count, field in enumerate((("Cache-Control", "no-cache"),
                                       ("Cache-Control", "no-store"),
                                       ("Cache-Control", "max-age=0"),
                                       ("Pragma", "no-cache"),
                                       ("Authorization", "Basic eDp5"))):
            read = self.ask(url, 1, field)
            wait_for("another question", lambda: self.asked() == count + 2)
            self.assertEqual(read()[0].body, b"x")
        read = self.ask(url, 1, ("Cache-Control", "only-if-cached"))
        self.go.set()
        self.assertIn(read()[0].status, (200, 504))
        reads[0]()

    def test_validation_is_shared_too(self):
        def make(request):
            if request.get("If-None-Match") == '"1"':
                return (b'HTTP/1.1 304 No\r\nETag: "1"\r\n'
                        b"Cache-Control: max-age=60\r\n\r\n")
            return answer(200, b"text", 'ETag: "1"',
                          "Cache-Control: max-age=1")

        self.go = threading.Event()

        def route(request, sock):
            if request.get("If-None-Match"):
                self.go.wait(squire_test.PATIENCE)
            return make(request)

        url = self.serve(route)
        self.get(url)
        time.sleep(2.1)
        read = self.ask(url, 5)
        wait_for("the validation", lambda: self.asked() == 2)
        time.sleep(0.2)
        self.go.set()
        self.assertEqual([a.body for a in read()], [b"text"] * 5)
        self.assertEqual(self.asked(), 2)

    def test_first_client_may_leave(self):
        url = self.held(lambda _: answer(200, b"text", FRESH))
        first = self.ask(url, 1)
        self.settle()
        leaver = self.clients[0]
        read = self.ask(url, 2)
        time.sleep(0.2)
        leaver.reset()
        time.sleep(0.2)
        self.go.set()
        self.assertEqual([a.body for a in read()], [b"text"] * 2)
        self.assertEqual(self.asked(), 1)
        del first

    def test_those_who_wait_may_leave(self):
        url = self.held(lambda _: answer(200, b"text", FRESH))
        read = self.ask(url, 1)
        self.settle()
        self.ask(url, 3)
        time.sleep(0.2)
        for client in self.clients:
            client.reset()
        time.sleep(0.2)
        self.go.set()
        self.assertEqual(read()[0].body, b"text")
        self.assertEqual(self.asked(), 1)

    def test_origin_that_fails_is_asked_by_each(self):
        def make(request):
            if self.asked() == 1:
                return b"this is no answer\r\n\r\n"
            return answer(200, b"x", FRESH)

        url = self.held(make)
        read = self.ask(url, 3)
        self.settle()
        self.go.set()
        self.assertEqual(sorted(a.status for a in read()), [200, 200, 502])


class NotCollapsed(SharedCase):
    conf = "collapsed_forwarding off\n"

    def test_each_asks_for_itself(self):
        go = threading.Event()

        def route(request, sock):
            go.wait(squire_test.PATIENCE)
            return answer(200, b"x", FRESH)

        url = self.serve(route)
        read = Collapsed.ask(self, url, 3)
        wait_for("three questions", lambda: self.asked() == 3)
        go.set()
        self.assertEqual([a.body for a in read()], [b"x"] * 3)


if __name__ == "__main__":
    squire_test.main()
