#!/usr/bin/env python3
"""Clients that ask for everything at once and leave when they like, an origin
that answers as it likes: no answer ever has a wrong octet.

The body of a path is made of the path and a version; the entity tag is the
version, so that each answer can be judged by itself."""

import hashlib
import os
import random
import re
import sys
import tempfile
import threading
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "..", "support"))
import squire_test
from squire_test import Origin, Squire, answer

SECONDS = 4
CLIENTS = 8
SIZES = (0, 1, 10, 1000, 50000, 200000)
DIRECTIVES = (
    "max-age=1", "max-age=0", "max-age=0, stale-while-revalidate=5",
    "max-age=60", "no-cache", "no-store", "private",
    "max-age=1, stale-if-error=9", "max-age=1, must-revalidate",
    'max-age=5, private="X-Private"')
FOLLOW = ("maximum_object_size 200 KB\n"
          "maximum_object_size_in_memory 200 KB\n")
WISHES = ("no-cache", "max-age=0", "only-if-cached", "max-stale=9",
          "no-store")


def body_of(path, version):
    size = int(path.split("-")[1])
    seed = hashlib.sha256(f"{path} {version}".encode()).digest()
    return (seed * (size // len(seed) + 1))[:size]


def chance(share):
    return random.random() < share


class Moody:
    """The origin's side."""

    def __init__(self, sizes, count):
        self.versions = {}
        self.paths = [f"/{i}-{size}-{'vary' if i % 3 == 0 else 'plain'}"
                      for i in range(count) for size in sizes]
        self.origin = Origin({path: self.route for path in self.paths})

    def tag(self, path):
        return f'"{self.versions.get(path, 0)}"'

    def route(self, request, sock):
        path = request.target
        time.sleep(random.choice((0, 0, 0.005, 0.03)))
        if request.method == "POST" or chance(0.1):
            self.versions[path] = self.versions.get(path, 0) + 1
        if request.method == "POST":
            return answer(200, b"done", f"Location: {path}")
        if chance(0.03):
            return None
        if chance(0.03):
            return answer(503, b"not now")
        return self.content(request, sock, path)

    def content(self, request, sock, path):
        tag = self.tag(path)
        fields = [f"ETag: {tag}", "X-Private: 1",
                  f"Cache-Control: {random.choice(DIRECTIVES)}"]
        if path.endswith("vary"):
            fields.append("Vary: X-Lang")
        lines = "\r\n".join(fields) + "\r\n\r\n"
        if tag in (request.get("If-None-Match") or "") and chance(0.9):
            return f"HTTP/1.1 304 Same\r\n{lines}".encode()
        body = body_of(path, tag.strip('"'))
        part = self.part(request, tag, body, fields)
        if part is not None:
            return part
        head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n{lines}"
        if request.method == "HEAD":
            return head.encode()
        if chance(0.05):
            sock.sendall(head.encode() + body[:len(body) // 2])
            return None
        if chance(0.3):
            return self.chunked(sock, lines, body)
        return self.slowly(sock, head.encode() + body)

    def part(self, request, tag, body, fields):
        asked = re.match(r"bytes=(\d+)-(\d*)$", request.get("Range") or "")
        if not asked or request.get("If-Range") not in (None, tag):
            return None
        first = int(asked[1])
        last = min(int(asked[2] or len(body)), len(body) - 1)
        if first > last:
            return None
        return answer(206, body[first:last + 1], f"Content-Range: bytes "
                      f"{first}-{last}/{len(body)}", *fields)

    def chunked(self, sock, lines, body):
        sock.sendall(f"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n"
                     f"{lines}".encode())
        for at in range(0, len(body), 17000):
            piece = body[at:at + 17000]
            sock.sendall(b"%x\r\n" % len(piece) + piece + b"\r\n")
            time.sleep(0.002)
        return b"0\r\nX-Trailer: 1\r\n\r\n"


    def slowly(self, sock, octets):
        at, size = 0, random.choice((7000, 17000, 1 << 20))
        while at + size < len(octets):
            sock.sendall(octets[at:at + size])
            at += size
            time.sleep(0.002)
        return octets[at:]


class Chaos(unittest.TestCase):
    def fields(self, path):
        fields = []
        if chance(0.3):
            fields.append(("X-Lang", random.choice("ab")))
        if chance(0.1):
            fields.append(("Cache-Control", random.choice(WISHES)))
        if chance(0.2):
            fields.append(("If-None-Match", self.moody.tag(path)))
        if chance(0.2):
            size = int(path.split("-")[1])
            first = random.randrange(size + 1)
            last = random.choice(("", first + random.randrange(size + 1)))
            fields.append(("Range", f"bytes={first}-{last}"))
        return fields

    def judge(self, path, response):
        """What is wrong with an answer to GET, or None."""
        if response.status not in (200, 206):
            return (None if response.status in (304, 416, 502, 503, 504)
                    else f"{path}: {response.status}")
        body = body_of(path, response.get("ETag").strip('"'))
        if response.status == 206:
            first, last, total = re.match(
                r"bytes (\d+)-(\d+)/(\d+)$",
                response.get("Content-Range")).groups()
            if int(total) != len(body):
                return f"{path}: a part of {total} octets"
            body = body[int(first):int(last) + 1]
        return None if response.body == body else f"{path}: wrong octets"

    def leave(self, connection, url, fields):
        lines = "".join(f"{name}: {value}\r\n" for name, value in fields)
        connection.send(f"GET {url} HTTP/1.1\r\nHost: x\r\n{lines}\r\n")
        time.sleep(random.choice((0, 0, 0.01, 0.03)))
        connection.reset()

    def ask(self, connection):
        """One request; False when the connection is over."""
        path = random.choice(self.moody.paths)
        url = self.moody.origin.url(path)
        method = random.choices(("GET", "HEAD", "POST"), (20, 2, 1))[0]
        fields = self.fields(path)
        if chance(0.06):
            self.leave(connection, url, fields)
            return False
        response = connection.request(url, method, fields,
                                      b"" if method == "POST" else None)
        if response.truncated:
            return False
        self.count += 1
        wrong = self.judge(path, response) if method == "GET" else None
        if wrong:
            self.wrong.append(wrong)
        return True

    def client(self, squire):
        while time.monotonic() < self.end:
            try:
                with squire.connect() as connection:
                    while time.monotonic() < self.end:
                        if not self.ask(connection):
                            break
            except (OSError, EOFError):
                pass  # the proxy cuts what the origin has cut

    def check(self, conf, sizes=SIZES, count=4):
        self.moody = Moody(sizes, count)
        self.count, self.wrong = 0, []
        with Squire(conf) as squire:
            self.end = time.monotonic() + SECONDS
            threads = [threading.Thread(target=self.client, args=(squire,))
                       for _ in range(CLIENTS)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            squire.check_idle()
        self.moody.origin.close()
        self.assertEqual(self.wrong[:10], [])
        self.assertGreater(self.count, 100)

    def test_in_memory(self):
        self.check("")

    def test_on_disk(self):
        with tempfile.TemporaryDirectory(prefix="squire-chaos-") as folder:
            self.check(f"cache_dir lmdb {folder}/store 64\ncache_mem 0 KB\n")

    def test_many_read_what_arrives(self):
        """Some of it becomes too large, which is not said before."""
        self.check(FOLLOW, (150000, 400000), 1)

    def test_many_read_what_arrives_on_disk(self):
        with tempfile.TemporaryDirectory(prefix="squire-chaos-") as folder:
            self.check(f"{FOLLOW}cache_dir lmdb {folder}/store 64\n"
                       "cache_mem 0 KB\n", (150000, 400000), 1)



if __name__ == "__main__":
    squire_test.main()
