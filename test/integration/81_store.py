#!/usr/bin/env python3
"""cache_dir: what is kept on disk, over restarts, kills and full disks."""

import contextlib
import hashlib
import itertools
import os
import random
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "..", "support"))
import squire_test
from squire_test import Origin, Squire, answer, wait_for

FRESH = "Cache-Control: max-age=86400"
SANITIZED = "-fsanitize" in os.environ.get("SQUIRE_CFLAGS", "")
ROUNDS = int(os.environ.get("SQUIRE_TEST_STORE_KILLS", "5"))


def body_of(path):
    """Octets that only this path has, of a length between 0 and 300000."""
    rng = random.Random(path)
    return rng.randbytes(rng.choice([0, 1, 900, 4096, 5000, 65512, 65513,
                                     100000, rng.randrange(300000)]))


class AnyBody(dict):
    """Routes of an origin that has every path."""

    def get(self, path, default=None):
        return super().get(path) or answer(200, body_of(path), FRESH)


def numbered(origin):
    origin.routes = AnyBody()
    return origin


class Disk(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="squire-store-")
        self.addCleanup(shutil.rmtree, self.folder, True)
        self.store = os.path.join(self.folder, "store")
        self.origin = Origin()
        self.addCleanup(self.origin.close)

    def start(self, more="", megabytes=64, store=None):
        squire = Squire(f"cache_dir lmdb {store or self.store} {megabytes}\n"
                        "cache_mem 1 MB\nmaximum_object_size 4 GB\n"
                        + more).start()
        self.addCleanup(squire.stop, False)
        return squire

    def stored(self, squire):
        return squire.info()["disk"]["objects"]

    def wait_stored(self, squire, count):
        wait_for(f"{count} stored responses",
                 lambda: self.stored(squire) >= count)

    def check_hit(self, squire, path):
        response = squire.get(self.origin.url(path))
        self.assertEqual(response.body, body_of(path), path)
        self.assertIn(";hit", response.get("Cache-Status"), path)


class Restart(Disk):
    def test_hits_after_restart(self):
        numbered(self.origin)
        squire = self.start()
        paths = [f"/{number}" for number in range(40)]
        for path in paths:
            self.assertEqual(squire.get(self.origin.url(path)).body,
                             body_of(path))
        self.wait_stored(squire, len(paths))
        squire.stop()
        squire = self.start()
        for path in paths * 2:
            self.check_hit(squire, path)
        self.assertEqual(len(self.origin.requests), len(paths))
        part = squire.get(self.origin.url(paths[3]),
                          [("Range", "bytes=1-3")])
        if len(body_of(paths[3])) > 3:
            self.assertEqual(part.body, body_of(paths[3])[1:4])
        squire.check_idle()
        squire.stop()

    def test_the_log_tells_memory_from_disk(self):
        """A hit that was read from the disk is TCP_HIT, whatever is kept of it
        in memory then."""
        self.origin.routes["/small"] = answer(200, b"x", FRESH)
        self.origin.routes["/large"] = answer(200, b"x" * 200000, FRESH)
        for results in (["TCP_MISS/200", "TCP_MEM_HIT/200", "TCP_MISS/200"],
                        ["TCP_HIT/200", "TCP_MEM_HIT/200", "TCP_HIT/200"]):
            squire = self.start("maximum_object_size_in_memory 100 KB\n")
            for path in ("/small", "/small", "/large"):
                squire.get(self.origin.url(path))
            self.wait_stored(squire, 2)
            wait_for("three lines", lambda: len(squire.access_lines()) == 3)
            self.assertEqual([words[3] for words in squire.access_lines()],
                             results)
            squire.stop()

    def test_parts_after_restart_9110_14_6(self):
        body = random.Random(1).randbytes(5000000)
        self.origin.routes["/"] = answer(200, body, FRESH)
        url = self.origin.url("/")
        squire = self.start()
        self.assertEqual(squire.get(url).body, body)
        self.wait_stored(squire, 1)
        squire.stop()
        squire = self.start()
        places = ((3000000, 4999999), (0, 70000), (2000000, 2000000))
        value = "bytes=" + ",".join(f"{a}-{b}" for a, b in places)
        part = squire.get(url, [("Range", value)])
        self.assertEqual(part.status, 206)
        boundary = part.get("Content-Type").split("boundary=")[1]
        self.assertEqual(
            [text.split(b"\r\n\r\n", 1)[1] for text in
             part.body.split(f"\r\n--{boundary}".encode())[1:-1]],
            [body[a:b + 1] for a, b in places])
        self.assertEqual(len(self.origin.requests), 1)
        squire.check_idle()
        squire.stop()

    def test_beginning_is_completed_after_restart_9111_3_3(self):
        body = random.Random(2).randbytes(30000000)

        def route(request, sock):
            first = int((request.get("Range") or "=0-").split("=")[1]
                        .split("-")[0])
            last = len(body) - 1 if first else 24999999
            return answer(206, body[first:last + 1], 'ETag: "1"', FRESH,
                          f"Content-Range: bytes {first}-{last}/{len(body)}")

        self.origin.routes["/"] = route
        url = self.origin.url("/")
        squire = self.start()
        squire.get(url, [("Range", "bytes=0-24999999")])
        self.wait_stored(squire, 1)
        squire.stop()
        squire = self.start()
        self.assertEqual(squire.get(url).body, body)
        self.assertEqual(self.origin.last().get("Range"), "bytes=25000000-")
        self.wait_stored(squire, 2)
        response = squire.get(url)
        self.assertEqual(response.body, body)
        self.assertIn(";hit", response.get("Cache-Status"))
        squire.check_idle()
        squire.stop()

    def test_invalidation_and_304_last(self):
        etag = 'ETag: "1"'

        def route(request, sock):
            if request.method == "POST":
                return answer(200, b"")
            if request.get("If-None-Match"):
                return answer(304, b"", etag, FRESH, "X-New: yes")
            return answer(200, b"text" * 5000, etag,
                          "Cache-Control: max-age=0")

        self.origin.routes.update({"/gone": route, "/kept": route})
        squire = self.start()
        for path in ("/gone", "/kept"):
            squire.get(self.origin.url(path))
        self.wait_stored(squire, 2)
        squire.get(self.origin.url("/kept"))
        squire.get(self.origin.url("/gone"), method="POST", body=b"x")
        wait_for("both changes", lambda: squire.info()["disk"]["updates"] == 1
                 and self.stored(squire) == 1)
        squire.stop()
        squire = self.start()
        kept = squire.get(self.origin.url("/kept"))
        self.assertEqual(kept.get("X-New"), "yes")
        self.assertEqual(kept.body, b"text" * 5000)
        self.assertIn(";hit", kept.get("Cache-Status"))
        gone = squire.get(self.origin.url("/gone"))
        self.assertIn(";fwd=uri-miss", gone.get("Cache-Status"))
        squire.stop()

    def test_foreign_files_stay(self):
        os.mkdir(self.store)
        data = os.path.join(self.store, "data.mdb")
        with open(data, "wb") as file:
            file.write(b"precious" * 5000)
        self.origin.routes["/a"] = answer(200, b"text", FRESH)
        squire = self.start()
        self.assertIn(f"cache_dir {self.store}: ", squire.log())
        for _ in range(2):
            self.assertEqual(squire.get(self.origin.url("/a")).body, b"text")
        self.assertEqual(len(self.origin.requests), 1, "memory is used")
        self.assertNotIn("disk", squire.info())
        squire.stop()
        with open(data, "rb") as file:
            self.assertEqual(file.read(), b"precious" * 5000)

    def fill(self, count):
        """Responses in a store that nobody has open; their paths."""
        numbered(self.origin)
        squire = self.start()
        paths = [f"/{number}" for number in range(count)]
        for path in paths:
            squire.get(self.origin.url(path))
        self.wait_stored(squire, count)
        squire.stop()
        return paths

    def check_complaint(self, paths, text):
        squire = self.start()
        for path in paths:
            self.assertEqual(squire.get(self.origin.url(path)).body,
                             body_of(path))
        self.assertIn(f"cache_dir {self.store}: {text}", squire.log())
        squire.stop()

    def test_damage_is_noticed(self):
        paths = self.fill(30)
        data = os.path.join(self.store, "data.mdb")
        with open(data, "r+b") as file:
            for at in range(8 * 4096, os.path.getsize(data), 4096):
                file.seek(at)
                file.write(b"\0" * 4096)
        self.check_complaint(paths, "")

    def test_a_changed_body_is_noticed(self):
        paths = self.fill(30)
        data = os.path.join(self.store, "data.mdb")
        largest = max(paths, key=lambda path: len(body_of(path)))
        with open(data, "r+b") as file:
            at = file.read().index(body_of(largest)[1000:1100])
            file.seek(at)
            file.write(b"lie")
        squire = self.start()
        with contextlib.suppress(EOFError, ConnectionError):
            response = squire.get(self.origin.url(largest))
            self.assertTrue(response.truncated or
                            response.body == body_of(largest))
        self.assertIn(f"cache_dir {self.store}: ", squire.log())
        self.assertEqual(squire.get(self.origin.url(largest)).body,
                         body_of(largest))
        squire.stop()

    def test_a_file_cut_short_is_noticed(self):
        paths = self.fill(60)
        os.truncate(os.path.join(self.store, "data.mdb"), 8 * 4096)
        self.check_complaint(paths, "data.mdb has been cut short")


class Kill(Disk):
    def load(self, squire, stop, seen):
        """Ask for many paths until stop is set; what comes whole is right."""
        rng = random.Random()
        while not stop.is_set():
            path = f"/{rng.randrange(400)}"
            try:
                response = squire.get(self.origin.url(path))
            except (OSError, EOFError, ValueError):
                continue
            if not response.truncated and response.body != body_of(path):
                seen.append(path)

    def check_all(self, squire):
        hits = 0
        for number in range(400):
            path = f"/{number}"
            response = squire.get(self.origin.url(path))
            self.assertFalse(response.truncated, path)
            self.assertEqual(response.body, body_of(path), path)
            hits += ";hit" in response.get("Cache-Status")
        return hits

    @contextlib.contextmanager
    def loaded(self, squire, wrong):
        stop = threading.Event()
        threads = [threading.Thread(target=self.load,
                                    args=(squire, stop, wrong))
                   for _ in range(3)]
        for thread in threads:
            thread.start()
        yield
        stop.set()
        for thread in threads:
            thread.join(squire_test.PATIENCE)

    def kill_one(self, wrong):
        """A proxy that dies under load."""
        squire = self.start(megabytes=32)
        with self.loaded(squire, wrong):
            time.sleep(0.2 + random.random() * 0.6)
            squire.process.kill()
        squire.process.wait()
        squire.stop(check=False)
        self.assertEqual(wrong, [])

    def test_kills_while_another_proxy_stores(self):
        numbered(self.origin)
        wrong = []
        survivor = self.start(megabytes=32)
        with self.loaded(survivor, wrong):
            for _ in range(ROUNDS):
                self.kill_one(wrong)
        self.check_all(survivor)
        before = survivor.info()["disk"]["stores"]
        self.check_all(survivor)
        self.origin.routes = {"/last": answer(200, b"text", FRESH)}
        survivor.get(self.origin.url("/last"))
        wait_for("one more response", lambda:
                 survivor.info()["disk"]["stores"] > before)
        self.assertNotIn(" 20,0| ", survivor.log())
        survivor.stop()

    def test_kills_in_the_middle_of_storing(self):
        numbered(self.origin)
        wrong, kept = [], 0
        for _ in range(ROUNDS):
            self.kill_one(wrong)
            squire = self.start(megabytes=32)
            kept += self.check_all(squire)
            squire.stop()
        self.assertGreater(kept, 0)


class Unfinished(Disk):
    """Bodies that nobody completes any more."""
    GOOD = [f"/{number}" for number in range(20)]
    SENT = 30 << 20

    def half(self, request, sock):
        """A large body that stops before its end, until the proxy dies."""
        sock.sendall((f"HTTP/1.1 200 OK\r\nContent-Length: {50 << 20}\r\n"
                      f"{FRESH}\r\nConnection: close\r\n\r\n").encode())
        with contextlib.suppress(OSError):
            sock.sendall(bytes(self.SENT))
            sock.recv(1)

    def used(self, squire):
        return squire.info()["disk"]["bytes"]

    def wait_used(self, squire, octets):
        """About so many are in use."""
        wait_for(f"{octets} octets in use",
                 lambda: abs(self.used(squire) - octets) < 1 << 20)

    def get_half(self, squire):
        client = squire.connect()
        self.addCleanup(client.close)
        client.send(f"GET {self.origin.url('/half')} HTTP/1.1\r\n"
                    "Host: x\r\n\r\n")
        client.read_head()
        client.read_exactly(self.SENT)

    def die(self, squire):
        squire.process.kill()
        squire.process.wait()
        squire.stop(check=False)

    def prepare(self):
        """A proxy that has stored good responses."""
        numbered(self.origin).routes["/half"] = self.half
        squire = self.start()
        for path in self.GOOD:
            squire.get(self.origin.url(path))
        self.wait_stored(squire, len(self.GOOD))
        return squire

    def check_good(self, squire):
        for path in self.GOOD:
            self.check_hit(squire, path)
        self.assertEqual(squire.info()["disk"]["evictions"], 0)
        self.assertNotIn(" 20,0| ", squire.log())

    def test_what_a_killed_proxy_left_goes_at_the_next_start(self):
        squire = self.prepare()
        live = self.used(squire)
        for _ in range(3):  # more than fits, if it stayed
            self.get_half(squire)
            self.wait_used(squire, live + self.SENT)
            self.die(squire)
            squire = self.start()
            self.wait_used(squire, live)
        self.check_good(squire)
        squire.stop()

    def test_what_a_killed_proxy_left_goes_when_another_wants_room(self):
        survivor = self.prepare()
        live = self.used(survivor)
        squire = self.start()
        for proxy in (squire, survivor):
            self.get_half(proxy)
            self.wait_used(survivor, live + self.SENT)
            if proxy is squire:
                self.die(squire)
        self.check_good(survivor)
        survivor.stop(check=False)


class Size(Disk):
    def test_eviction_keeps_the_size_and_what_is_used(self):
        body = os.urandom(200000)
        self.origin.routes = AnyBody()
        self.origin.routes.get = lambda path, default=None: answer(
            200, body, FRESH)
        squire = self.start("maximum_object_size_in_memory 1 KB\n",
                            megabytes=16)
        for number in range(200):
            squire.get(self.origin.url(f"/{number}"))
            used = squire.get(self.origin.url("/0"))
            self.assertEqual(used.body, body)
            if number % 10 == 9:  # uses are told to the disk now and then
                time.sleep(0.06)
        info = squire.info()["disk"]
        self.assertLessEqual(info["bytes"], 16 << 20)
        self.assertLessEqual(
            os.path.getsize(os.path.join(self.store, "data.mdb")), 16 << 20)
        self.assertGreater(info["evictions"], 50)
        self.assertGreater(info["objects"], 20)
        squire.stop()

    def test_a_slow_client_stops_nobody(self):
        """It reads a large response from the disk; much more than the disk
        holds is stored meanwhile, and another one of its URL."""
        bodies = [os.urandom(6 << 20), os.urandom(6 << 20)]
        self.origin.routes["/slow"] = answer(200, bodies[0], FRESH)
        squire = self.start("maximum_object_size_in_memory 1 KB\n",
                            megabytes=32)
        url = self.origin.url("/slow")
        squire.get(url)
        self.wait_stored(squire, 1)
        slow = squire.connect()
        self.addCleanup(slow.close)
        slow.send(f"GET {url} HTTP/1.1\r\nHost: x\r\n\r\n")
        start = slow.read_head(), slow.read_exactly(1000)
        self.origin.routes["/slow"] = answer(200, bodies[1], FRESH)
        squire.get(url, [("Cache-Control", "no-cache")])
        for number in range(60):
            path = f"/other/{number}"
            self.origin.routes[path] = answer(200, bodies[0][:1 << 20], FRESH)
            squire.get(self.origin.url(path))
        rest = slow.read_exactly(len(bodies[0]) - 1000)
        self.assertEqual(start[1] + rest, bodies[0])
        self.assertGreater(squire.info()["disk"]["evictions"], 20)
        self.assertNotIn(" 20,0| ", squire.log())
        squire.stop()

    def big_route(self, size):
        """A body of that many octets, made of numbered blocks."""
        def route(request, sock):
            sock.sendall((f"HTTP/1.1 200 OK\r\nContent-Length: {size}\r\n"
                          f"{FRESH}\r\nConnection: close\r\n\r\n").encode())
            for block in self.blocks(size):
                sock.sendall(block)
        return route

    @staticmethod
    def blocks(size):
        base = bytes(range(256)) * 256
        number = 0
        while size > 0:
            block = number.to_bytes(8, "big") + base[8:]
            yield block[:size]
            size -= len(block)
            number += 1

    def fetch(self, squire, url):
        """Digest and length of a body, without keeping it."""
        digest, length = hashlib.sha256(), 0
        with squire.connect() as connection:
            host = self.origin.authority
            connection.send(f"GET {url} HTTP/1.1\r\nHost: {host}\r\n"
                            "Connection: close\r\n\r\n")
            _, headers = connection.read_head()
            while connection.buffer or connection.fill():
                digest.update(connection.buffer)
                length += len(connection.buffer)
                connection.buffer = b""
        return digest.hexdigest(), length, dict(headers)

    def test_a_big_object_needs_little_memory(self):
        size = (64 if SANITIZED else 512) << 20
        digest = hashlib.sha256()
        for block in self.blocks(size):
            digest.update(block)
        self.origin.routes["/big"] = self.big_route(size)
        squire = self.start(megabytes=(size >> 20) + (size >> 22) + 32)
        hits = 0
        for turn in range(5):  # a disk that is late for seconds gets none
            found, length, headers = self.fetch(squire,
                                                self.origin.url("/big"))
            self.assertEqual(length, size)
            self.assertEqual(found, digest.hexdigest(), f"turn {turn}")
            hits += ";hit" in headers["Cache-Status"]
            if hits > 0:
                break
        self.assertEqual(hits, 1)
        if not SANITIZED:  # freed memory is kept for a while there
            self.assertLess(self.private_kb(squire.pid), 64 * 1024)
        squire.stop()

    @staticmethod
    def private_kb(pid):
        """Most memory of its own that a process has had; the map's pages are
        the kernel's."""
        with open(f"/proc/{pid}/status", encoding="ascii") as file:
            for line in file:
                if line.startswith("RssAnon:"):
                    return int(line.split()[1])
        raise AssertionError("no RssAnon")


class Failure(Disk):
    def mount(self, *options):
        place = os.path.join(self.folder, "disk")
        os.mkdir(place)
        if subprocess.run(["mount", *options, place], check=False,
                          capture_output=True).returncode != 0:
            self.skipTest("nothing can be mounted here")
        self.addCleanup(subprocess.run, ["umount", "-l", place], check=False)
        return place

    def test_a_full_disk(self):
        place = self.mount("-t", "tmpfs", "-o", "size=8m", "tmpfs")
        numbered(self.origin)
        squire = self.start(store=os.path.join(place, "store"))
        for number in range(400):
            path = f"/{number}"
            self.assertEqual(squire.get(self.origin.url(path)).body,
                             body_of(path))
        wait_for("a complaint", lambda: "No space left" in squire.log())
        self.assertEqual(squire.log().count("No space left"), 1)
        hits = 0
        for number in range(200):
            path = f"/{number}"
            response = squire.get(self.origin.url(path))
            self.assertEqual(response.body, body_of(path))
            hits += ";hit" in response.get("Cache-Status")
        self.assertGreater(hits, 5)
        squire.stop()

    def test_a_disk_that_has_room_again(self):
        place = self.mount("-t", "tmpfs", "-o", "size=40m", "tmpfs")
        numbered(self.origin)
        squire = self.start(store=os.path.join(place, "store"))
        squire.get(self.origin.url("/first"))
        self.wait_stored(squire, 1)
        filler = os.path.join(place, "filler")
        with open(filler, "wb", buffering=0) as file, \
                contextlib.suppress(OSError):
            while file.write(bytes(4096)) == 4096:
                pass
        paths = (f"/{number}" for number in itertools.count())

        def ask(text):
            squire.get(self.origin.url(next(paths)))
            return text in squire.log()

        wait_for("a complaint", lambda: ask("No space left"))
        os.unlink(filler)
        wait_for("new responses", lambda: ask("are stored there again"))
        squire.stop()

    def test_a_disk_that_can_only_be_read(self):
        place = self.mount("-t", "tmpfs", "-o", "size=40m", "tmpfs")
        store = os.path.join(place, "store")
        numbered(self.origin)
        squire = self.start(store=store)
        for number in range(10):
            squire.get(self.origin.url(f"/{number}"))
        self.wait_stored(squire, 10)
        squire.stop()
        subprocess.run(["mount", "-o", "remount,ro", place], check=True)
        squire = self.start(store=os.path.join(place, "missing"))
        self.assertIn("missing: Read-only file system", squire.log())
        squire.stop()
        squire = self.start(store=store)
        for number in range(10):
            self.check_hit(squire, f"/{number}")
        self.assertEqual(squire.get(self.origin.url("/new")).body,
                         body_of("/new"))
        self.assertIn("it can only be read", squire.log())
        squire.stop()


class Shared(Disk):
    def test_two_proxies_share_a_store(self):
        numbered(self.origin)
        squires = [self.start(), self.start()]
        for number in range(30):
            squires[number % 2].get(self.origin.url(f"/{number}"))
        self.wait_stored(squires[0], 30)
        for number in range(30):
            self.check_hit(squires[(number + 1) % 2], f"/{number}")
        self.assertEqual(len(self.origin.requests), 30)
        for squire in squires:
            squire.stop()

    def test_what_one_invalidates_the_other_forgets(self):
        self.origin.routes["/a"] = answer(200, b"text", FRESH)
        squires = [self.start(), self.start()]
        url = self.origin.url("/a")
        squires[0].get(url)
        self.wait_stored(squires[1], 1)
        for squire in squires:  # it is in the memory of both now
            self.assertIn(";hit", squire.get(url).get("Cache-Status"))
        squires[0].get(url, method="POST", body=b"x")
        wait_for("the change to be written",
                 lambda: self.stored(squires[1]) == 0)
        self.assertIn(";fwd=uri-miss", squires[1].get(url)
                      .get("Cache-Status"))
        for squire in squires:
            squire.stop()

    def test_one_dies_while_both_store(self):
        numbered(self.origin)
        first, second = self.start(), self.start()
        for number in range(60):
            with contextlib.suppress(OSError, EOFError, ValueError):
                first.get(self.origin.url(f"/{number}"))
            second.get(self.origin.url(f"/{number + 30}"))
            if number == 30:
                first.process.kill()
        first.process.wait()
        first.stop(check=False)
        for number in range(90):
            path = f"/{number}"
            self.assertEqual(second.get(self.origin.url(path)).body,
                             body_of(path))
        second.stop()


if __name__ == "__main__":
    squire_test.main()
