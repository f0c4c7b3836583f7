#!/usr/bin/env python3
"""Requests that read an answer while it arrives for another one (RFC 9111 4,
RFC 9211 2.6)."""

import os
import queue
import socket
import sys
import threading
import time
import urllib.parse

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "..", "support"))
import squire_test
from squire_test import SharedCase, answer, wait_for

FRESH = "Cache-Control: max-age=60"
MEGABYTE = 1 << 20
SANITIZED = "-fsanitize" in os.environ.get("SQUIRE_CFLAGS", "")
CUT = object()  # the origin's connection ends


def octets(length, start=0):
    """Octets that tell where they are."""
    block = b"".join(b"%07d\n" % i for i in range(8192))
    whole = block * ((start + length) // len(block) + 1)
    return whole[start:start + length]


class Slow:
    """A route whose answer comes piece by piece, as the test says."""

    def __init__(self, length, *fields, status=200):
        self.pieces = queue.Queue()
        self.length = length
        framing = ("Transfer-Encoding: chunked" if length is None
                   else f"Content-Length: {length}")
        lines = [f"HTTP/1.1 {status} OK", framing, FRESH, *fields, "", ""]
        self.head = "\r\n".join(lines).encode()

    def __call__(self, request, sock):
        sock.sendall(self.head)
        sent = 0
        while True:
            piece = self.pieces.get(timeout=squire_test.PATIENCE)
            if piece is CUT:
                return None
            if piece is None:
                return b"0\r\n\r\n" if self.length is None else b""
            if self.length is None:
                sock.sendall(b"%x\r\n" % len(piece))
            sock.sendall(piece)
            if self.length is None:
                sock.sendall(b"\r\n")
            sent += len(piece)
            if sent == self.length:
                return b""

    def send(self, *pieces):
        for piece in pieces:
            self.pieces.put(piece)


class Reader:
    """A client that reads as far as it is told; a body's octets are checked
    against octets()."""

    def __init__(self, squire, url, *headers, method="GET", version="1.1",
                 window=None):
        self.connection = squire.connect()
        if window:  # before anything was sent
            self.connection.sock.setsockopt(socket.SOL_SOCKET,
                                            socket.SO_RCVBUF, window)
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers)
        self.connection.send(f"{method} {url} HTTP/{version}\r\n"
                             f"Host: x\r\n{lines}\r\n")
        self.body = b""

    def head(self):
        status, headers = self.connection.read_head()
        self.answer = squire_test.Response(status, headers, b"")
        self.is_chunked = self.answer.get("Transfer-Encoding") is not None
        return self.answer

    def read(self, count):
        """Read on to count octets of the body in all."""
        while len(self.body) < count:
            if self.is_chunked:
                size = int(self.connection.read_line(), 16)
                self.body += self.connection.read_exactly(size)
                if self.connection.read_line() != "":
                    raise ValueError("chunk without its end")
                if size == 0:
                    raise EOFError("last chunk")
            elif self.connection.buffer or self.connection.fill():
                self.body += self.connection.buffer
                self.connection.buffer = b""
            else:
                raise EOFError("closed")
        return self.body

    def is_cut(self):
        """Read to the end: True when that shows that something is missing."""
        try:
            self.read(1 << 40)
        except ConnectionError:
            return True
        except EOFError as error:
            if self.is_chunked:
                return str(error) != "last chunk"
            length = self.answer.get("Content-Length")
            return length is not None and len(self.body) < int(length)

    def rest(self, length):
        """Read to the end, which must be that of the body."""
        if self.is_chunked:
            if self.is_cut():
                raise EOFError("cut short")
        else:
            self.read(length)
        return self.body

    def close(self):
        self.connection.close()


class FollowCase(SharedCase):
    conf = ("maximum_object_size 64 MB\n"
            "maximum_object_size_in_memory 64 MB\n")

    def start(self, length, *fields, **keywords):
        """A slow answer, and its first reader, who has the head."""
        self.slow = Slow(length, *fields, **keywords)
        self.url = self.serve(self.slow)
        first = self.reader()
        first.head()
        return first

    def reader(self, *headers, **keywords):
        reader = Reader(self.squire, self.url, *headers, **keywords)
        self.addCleanup(reader.close)
        return reader

    def follower(self, *headers, **keywords):
        reader = self.reader(*headers, **keywords)
        reader.head()
        return reader

    def results(self):
        """Those that the access log has for this path."""
        return [line[3] for line in self.squire.access_lines()
                if line[6] == self.url]


class Follow(FollowCase):
    def check_all(self, length):
        """Octets reach all who ask, as they come."""
        body = octets(MEGABYTE)
        first = self.start(length)
        readers = [first, self.follower()]
        for at in range(0, MEGABYTE, 100000):
            self.slow.send(body[at:at + 100000])
            for reader in readers:
                reader.read(min(at + 100000, MEGABYTE))
            if at + 100000 < MEGABYTE:
                readers.append(self.follower())  # comes late
                readers[-1].read(at + 100000)
        self.slow.send(None)
        for reader in readers:
            self.assertEqual(reader.rest(MEGABYTE), body)
        self.assertEqual(self.asked(), 1)
        told = {reader.answer.get("Cache-Status") for reader in readers[1:]}
        self.assertEqual(told, {"test.proxy;fwd=uri-miss;collapsed"})
        self.assertEqual(first.answer.get("Cache-Status"),
                         "test.proxy;fwd=uri-miss;stored")
        later = self.get(self.url)
        self.assertEqual(later.body, body)
        self.assertIn(";hit", later.get("Cache-Status"))
        self.assertEqual(self.asked(), 1)
        wait_for("the log", lambda: len(self.results()) == 13)
        self.assertEqual(self.results().count("TCP_CF_HIT/200"), 11)
        self.assertEqual(self.results().count("TCP_MISS/200"), 1)

    def test_body_with_a_length(self):
        self.check_all(MEGABYTE)

    def test_body_without_a_length(self):
        self.check_all(None)

    def test_octets_come_at_once_however_few_there_are(self):
        for length in (9, None):
            first = self.start(length)
            follower = self.follower()
            for i in range(9):
                self.slow.send(b"%d" % i)
                self.assertEqual(follower.read(i + 1), b"012345678"[:i + 1])
            self.slow.send(None)
            for reader in (first, follower):
                self.assertEqual(reader.rest(9), b"012345678")

    def test_those_who_waited_for_the_head_follow(self):
        go = threading.Event()
        slow = Slow(2)

        def route(request, sock):
            go.wait(squire_test.PATIENCE)
            return slow(request, sock)

        self.url = self.serve(route)
        readers = [self.reader() for _ in range(5)]
        wait_for("the question", lambda: self.asked() == 1)
        time.sleep(0.2)
        go.set()
        slow.send(b"a")
        for reader in readers:
            reader.head()
            self.assertEqual(reader.read(1), b"a")
        slow.send(b"b")
        for reader in readers:
            self.assertEqual(reader.rest(2), b"ab")
        self.assertEqual(self.asked(), 1)

    def test_connections_go_on(self):
        for length in (3, None):
            self.start(length)
            follower = self.follower()
            self.slow.send(b"abc", None)
            self.assertEqual(follower.rest(3), b"abc")
            again = follower.connection.request(self.url)
            self.assertEqual(again.body, b"abc")

    def test_http_1_0(self):
        for length in (3, None):
            self.start(length)
            follower = self.follower(version="1.0")
            self.assertIsNone(follower.answer.get("Transfer-Encoding"))
            self.slow.send(b"ab")
            self.assertEqual(follower.read(2), b"ab")
            self.slow.send(b"c", None)
            self.assertEqual(follower.rest(3), b"abc")
            self.assertTrue(follower.connection.at_end())

    def test_slow_follower_holds_nobody_back(self):
        body = octets(10 * MEGABYTE)
        first = self.start(len(body))
        slow = self.follower(window=131072)
        quick = self.follower()
        self.slow.send(body)
        self.assertEqual(first.rest(len(body)), body)
        self.assertEqual(quick.rest(len(body)), body)
        self.assertEqual(slow.rest(len(body)), body)
        self.assertEqual(self.asked(), 1)

    def test_slow_first_client_holds_nobody_back(self):
        for length in (10 * MEGABYTE, None):
            body = octets(10 * MEGABYTE)
            self.slow = Slow(length)
            self.url = self.serve(self.slow)
            first = self.reader(window=131072)
            first.head()
            quick = self.follower()
            self.slow.send(body, None)
            self.assertEqual(quick.rest(len(body)), body)
            self.assertEqual(first.rest(len(body)), body)
            self.assertEqual(self.asked(), 1)

    def test_many_followers(self):
        body = octets(MEGABYTE)
        self.start(len(body))
        readers = [self.follower() for _ in range(100)]
        for at in range(0, len(body), 65536):
            self.slow.send(body[at:at + 65536])
        for reader in readers:
            self.assertEqual(reader.rest(len(body)), body)
        self.assertEqual(self.asked(), 1)

    def test_first_client_may_leave(self):
        for length in (6, None):
            first = self.start(length)
            followers = [self.follower() for _ in range(2)]
            self.slow.send(b"abc")
            first.read(3)
            first.connection.reset()
            time.sleep(0.2)
            self.slow.send(b"def", None)
            for follower in followers:
                self.assertEqual(follower.rest(6), b"abcdef")
            self.assertEqual(self.asked(), 1)

    def test_followers_may_leave(self):
        first = self.start(6)
        followers = [self.follower() for _ in range(3)]
        self.slow.send(b"abc")
        for follower in followers[1:]:
            follower.read(3)
            follower.connection.reset()
        self.slow.send(b"def")
        self.assertEqual(first.rest(6), b"abcdef")
        self.assertEqual(followers[0].rest(6), b"abcdef")

    def test_origin_that_dies_is_seen_by_all(self):
        for length in (MEGABYTE, None):
            first = self.start(length)
            followers = [self.follower() for _ in range(3)]
            self.slow.send(octets(200000))
            for follower in followers:
                self.assertEqual(follower.read(200000), octets(200000))
            self.slow.send(CUT)
            for reader in [first] + followers:
                self.assertTrue(reader.is_cut())
            self.squire.check_idle()
            self.origin.routes[self.path] = answer(200, b"new", FRESH)
            self.assertEqual(self.get(self.url).body, b"new")

    def test_head(self):
        self.start(5)
        head = self.follower(method="HEAD")
        self.assertEqual(head.answer.status, 200)
        self.assertEqual(head.answer.get("Content-Length"), "5")
        self.assertIn(";collapsed", head.answer.get("Cache-Status"))
        self.slow.send(b"hello")
        self.assertEqual(self.asked(), 1)

    def test_conditions_are_answered_at_once(self):
        first = self.start(5, 'ETag: "a"')
        answered = self.follower(("If-None-Match", '"a"')).answer
        self.assertEqual(answered.status, 304)
        self.assertIn(";collapsed", answered.get("Cache-Status"))
        other = self.follower(("If-None-Match", '"b"'))
        self.assertEqual(other.answer.status, 200)
        self.slow.send(b"hello")
        self.assertEqual(other.rest(5), b"hello")
        first.rest(5)
        self.assertEqual(self.asked(), 1)
        wait_for("the log", lambda: len(self.results()) == 3)
        self.assertIn("TCP_CF_HIT/304", self.results())

    def test_ranges_of_what_has_arrived_follow(self):
        body = octets(400000)
        first = self.start(len(body))
        self.slow.send(body[:200000])
        first.read(200000)
        for begin, end in ((0, 1), (0, 399999), (199999, 300000), (150000, "")):
            part = self.reader(("Range", f"bytes={begin}-{end}"))
            part.head()
            self.assertEqual(part.answer.status, 206)
            self.assertIn(";collapsed", part.answer.get("Cache-Status"))
            part.end = len(body) if end == "" else end + 1
            part.begin = begin
            self.addCleanup(lambda part=part: self.assertEqual(
                part.rest(part.end - part.begin), body[part.begin:part.end]))
        none = self.follower(("Range", "bytes=400000-"))
        self.assertEqual(none.answer.status, 416)
        self.assertEqual(self.asked(), 1)
        self.slow.send(body[200000:])
        self.assertEqual(first.rest(len(body)), body)

    def test_range_of_what_has_not_arrived_is_asked_for(self):
        for length in (MEGABYTE, None):
            first = self.start(length)
            self.slow.send(b"abc")
            first.read(3)
            self.origin.routes[self.path] = (
                b"HTTP/1.1 206 OK\r\nContent-Range: bytes 500-501/1048576\r\n"
                b"Content-Length: 2\r\n\r\nxy")
            part = self.follower(("Range", "bytes=500-501"))
            self.assertEqual(part.rest(2), b"xy")
            self.assertEqual(self.asked(), 2)
            self.slow.send(CUT)
            self.assertTrue(first.is_cut())

    def test_other_variants_do_not_follow(self):
        first = self.start(5, "Vary: X-Lang")
        self.origin.routes[self.path] = answer(200, b"de", FRESH,
                                               "Vary: X-Lang")
        other = self.follower(("X-Lang", "de"))
        self.assertEqual(other.rest(2), b"de")
        same = self.follower()
        self.slow.send(b"hello")
        self.assertEqual(first.rest(5), b"hello")
        self.assertEqual(same.rest(5), b"hello")
        self.assertEqual(self.asked(), 2)

    def test_what_may_not_be_shared_is_not_followed(self):
        for fields in (["Cache-Control: private"], ["Cache-Control: no-store"],
                       ["Cache-Control: no-cache"], ["Set-Cookie: a=b",
                        "Cache-Control: private"], ["Vary: *"]):
            first = self.start(5, *fields)
            self.origin.routes[self.path] = answer(200, b"own", FRESH)
            self.assertEqual(self.get(self.url).body, b"own", fields)
            self.slow.send(b"hello")
            self.assertEqual(first.rest(5), b"hello")

    def test_what_was_purged_is_not_followed_any_more(self):
        first = self.start(5)
        before = self.follower()
        purged = self.squire.ask_manager(
            "/cache/purge?url=" + urllib.parse.quote(self.url, safe=""),
            "POST", {"X-Squire": "1"})
        self.assertEqual(purged.status, 200)
        self.origin.routes[self.path] = answer(200, b"new", FRESH)
        self.assertEqual(self.get(self.url).body, b"new")
        self.slow.send(b"hello")
        self.assertEqual(first.rest(5), b"hello")
        self.assertEqual(before.rest(5), b"hello")
        self.assertEqual(self.get(self.url).body, b"new")

    def test_unsafe_request_ends_following(self):
        first = self.start(5)
        self.origin.routes[self.path] = answer(200, b"new", FRESH)
        self.assertEqual(self.get(self.url, method="DELETE").status, 200)
        self.assertEqual(self.get(self.url).body, b"new")
        self.slow.send(b"hello")
        self.assertEqual(first.rest(5), b"hello")
        self.assertEqual(self.get(self.url).body, b"new")


class TooLarge(FollowCase):
    """What turns out to be too large for the store goes on, to all."""

    conf = ("maximum_object_size 200 KB\n"
            "maximum_object_size_in_memory 200 KB\n")

    def test_all_get_what_is_given_up(self):
        body = octets(3 * MEGABYTE)
        first = self.start(None)
        readers = [first, self.follower(), self.follower(version="1.0"),
                   self.follower(window=131072)]
        self.slow.send(body[:100000])
        readers.append(self.follower())

        def read(reader):
            results.append(reader.rest(len(body)) == body)

        results = []
        threads = [threading.Thread(target=read, args=(reader,))
                   for reader in readers]
        for thread in threads:
            thread.start()
        for at in range(100000, len(body), 30000):
            self.slow.send(body[at:at + 30000])
        self.slow.send(None)
        for thread in threads:
            thread.join()
        self.assertEqual(results, [True] * 5)
        self.assertEqual(self.asked(), 1)
        self.assertNotIn("collapsed", self.get_own())

    def get_own(self):
        """Nothing was stored, and nobody waits for the next one."""
        self.origin.routes[self.path] = answer(200, b"own", FRESH)
        return self.get(self.url).get("Cache-Status")

    def test_one_who_reads_nothing_is_cut_off(self):
        body = octets(20 * MEGABYTE)
        first = self.start(None)
        stuck = self.follower(window=131072)
        began = time.monotonic()
        self.slow.send(body, None)
        self.assertEqual(first.rest(len(body)), body)
        self.assertLess(time.monotonic() - began, 30)
        self.assertTrue(stuck.is_cut())

    def test_first_client_who_reads_nothing_is_cut_off(self):
        body = octets(20 * MEGABYTE)
        self.slow = Slow(None)
        self.url = self.serve(self.slow)
        stuck = self.follower(window=131072)
        follower = self.follower()
        for at in range(0, 300000, 30000):  # the kernel has room for these
            self.slow.send(body[at:at + 30000])
            follower.read(at + 30000)
        self.slow.send(body[300000:], None)
        self.assertEqual(follower.rest(len(body)), body)
        self.assertTrue(stuck.is_cut())

    def test_first_client_may_leave(self):
        body = octets(MEGABYTE)
        first = self.start(None)
        follower = self.follower()
        self.slow.send(body[:300000])
        first.read(1)
        first.connection.reset()
        follower.read(300000)
        self.slow.send(body[300000:], None)
        self.assertEqual(follower.rest(len(body)), body)

    def test_origin_that_dies(self):
        first = self.start(None)
        follower = self.follower()
        self.slow.send(octets(300000))
        follower.read(300000)
        self.slow.send(CUT)
        self.assertTrue(first.is_cut())
        self.assertTrue(follower.is_cut())


class QuickAbort(FollowCase):
    conf = FollowCase.conf + "quick_abort_min 0 KB\nquick_abort_max 0 KB\n"

    def test_the_last_one_to_leave_ends_the_fetch(self):
        first = self.start(MEGABYTE)
        followers = [self.follower() for _ in range(2)]
        self.slow.send(octets(1000))
        for reader in [first] + followers:
            reader.read(1000)
        for reader in [first, followers[0]]:
            reader.connection.reset()
        self.slow.send(octets(1000))
        followers[1].read(2000)
        followers[1].connection.reset()
        self.squire.check_idle()
        self.slow.send(CUT)


class Limits(FollowCase):
    conf = FollowCase.conf + "reply_body_max_size 100 KB\n"

    def test_body_that_becomes_too_large_is_cut_short(self):
        first = self.start(None)
        follower = self.follower()
        self.slow.send(octets(50000))
        follower.read(50000)
        self.slow.send(octets(100000), None)
        self.assertTrue(follower.is_cut())
        self.assertTrue(first.is_cut())


class NoHits(FollowCase):
    conf = FollowCase.conf + "acl no rep_header X-No .\nsend_hit deny no\n"

    def test_send_hit_is_asked(self):
        first = self.start(5, "X-No: 1")
        self.origin.routes[self.path] = answer(200, b"own", FRESH)
        self.assertEqual(self.get(self.url).body, b"own")
        self.slow.send(b"hello")
        self.assertEqual(first.rest(5), b"hello")


class SmallMemory(FollowCase):
    """A large object and a slow reader of it do not make the process large."""

    conf = ("cache_mem 8 MB\nmaximum_object_size 50 MB\n"
            "maximum_object_size_in_memory 50 MB\n")

    def anonymous(self):
        with open(f"/proc/{self.squire.pid}/status") as file:
            for line in file:
                if line.startswith("RssAnon:"):
                    return int(line.split()[1]) * 1024

    def check(self, length):
        size = 40 * MEGABYTE
        body = octets(MEGABYTE)
        self.slow = Slow(length)
        self.url = self.serve(self.slow)
        before = self.anonymous()
        first = self.follower()
        readers = [first, self.follower(window=131072), self.follower()]
        results = []

        def read(reader, pause):
            count = 0
            digest_ok = True
            while count < size:
                reader.body = b""
                reader.read(1)
                time.sleep(pause)
                want = octets(len(reader.body), count % 65536)
                digest_ok = digest_ok and reader.body == want
                count += len(reader.body)
            results.append(digest_ok)

        threads = [threading.Thread(target=read, args=(reader, pause))
                   for reader, pause in zip(readers, (0, 0.00005, 0))]
        for thread in threads:
            thread.start()
        peak = 0
        for _ in range(40):
            self.slow.send(body)
            time.sleep(0.02)
            peak = max(peak, self.anonymous())
        self.slow.send(None)
        while any(thread.is_alive() for thread in threads):
            peak = max(peak, self.anonymous())
            time.sleep(0.02)
        self.assertEqual(results, [True] * 3)
        if not SANITIZED:  # freed memory is kept for a while there
            self.assertLess(peak - before, 24 * MEGABYTE)

    def test_body_without_a_length(self):
        self.check(None)

    def test_body_with_a_length(self):
        self.check(40 * MEGABYTE)


if __name__ == "__main__":
    squire_test.main()
