#!/usr/bin/env python3
"""The manager port: JSON, metrics, the page, and who may read them."""

import base64
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "..", "support"))
import auth_test
import squire_test
from squire_test import BUILD, Connection, Origin, Squire, answer

LATENCY = {"p50", "p90", "p99", "max"}
POOL = {"name", "program", "max", "active", "idle", "queue", "inflight",
        "requests", "replies", "ok", "err", "bh", "unknown", "timeouts",
        "retries", "restarts", "overloads", "queue_ms", "service_ms",
        "reserved", "failed_open", "restarts_by", "trouble", "helpers", "results",
        "cancelled"}
HELPER = {"id", "pid", "state", "requests", "inflight", "rss_kb"}


class Watcher:
    """A reader of a stream of events."""

    def __init__(self, port, target):
        self.connection = Connection(port)
        self.connection.send(f"GET {target} HTTP/1.1\r\nHost: localhost\r\n"
                             "\r\n")
        self.head = dict(self.connection.read_head()[1])
        self.text = ""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.connection.close()

    def next(self):
        """(name, object) of the next event."""
        while True:
            while "\n\n" not in self.text:
                size = int(self.connection.read_line(), 16)
                self.text += self.connection.read_exactly(size).decode()
                self.connection.read_line()
            block, self.text = self.text.split("\n\n", 1)
            fields = dict(line.split(": ", 1) for line in block.split("\n"))
            if fields.get("event"):
                return fields["event"], json.loads(fields["data"])

    def sample(self):
        while True:
            name, data = self.next()
            if name == "sample":
                return data


class Manager(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.origin = Origin({"/": answer(200, b"x",
                                         "Cache-Control: max-age=60")})
        cls.squire = Squire()
        program = cls.squire.rewriter(
            "def rewrite(url, extras): return 'ERR'\n")
        cls.squire.write_conf(
            f"url_rewrite_program {program}\n"
            "url_rewrite_children 4 startup=2 concurrency=7\n"
            "visible_hostname proxy.example\n")
        cls.squire.start()
        for _ in range(10):
            cls.squire.get(cls.origin.url("/"))

    @classmethod
    def tearDownClass(cls):
        cls.squire.check_idle()
        cls.squire.stop()
        cls.origin.close()

    def test_helpers(self):
        response = self.squire.ask_manager("/helpers")
        self.assertEqual(response.get("Content-Type"), "application/json")
        self.assertEqual(response.get("Cache-Control"), "no-store")
        pools = json.loads(response.body)
        self.assertEqual(len(pools), 1)
        pool = pools[0]
        self.assertLessEqual(POOL, set(pool))
        self.assertEqual(set(pool["queue_ms"]), LATENCY)
        self.assertEqual(set(pool["service_ms"]), LATENCY)
        self.assertEqual(pool["name"], "url_rewrite")
        self.assertEqual(set(pool["restarts_by"].values()), {0})
        self.assertEqual(pool["trouble"], "")
        self.assertIn("rewriter.py", pool["program"])
        self.assertEqual((pool["max"], pool["requests"], pool["err"]),
                         (4, 10, 10))
        self.assertEqual(pool["results"]["ERR"], 10)
        self.assertEqual(sum(pool["results"].values()) + pool["cancelled"],
                         pool["requests"])
        self.assertIn("max_requests", pool["restarts_by"])
        self.assertEqual((pool["reserved"], pool["trouble"]), (0, ""))
        for helper in pool["helpers"]:
            self.assertLessEqual(HELPER, set(helper))
            self.assertTrue(os.path.exists(f"/proc/{helper['pid']}"))
            self.assertGreater(helper["rss_kb"], 0)
        self.assertEqual(sum(helper["requests"]
                             for helper in pool["helpers"]), 10)

    def test_metrics(self):
        response = self.squire.ask_manager("/metrics")
        self.assertIn("text/plain", response.get("Content-Type"))
        text = response.body.decode()
        line = re.compile(r'[a-z][a-z0-9_]*(\{[a-z]+="[^"]*"(,[a-z]+="[^"]*")*\})? '
                          r"[0-9.]+$")
        for row in text.splitlines():
            self.assertTrue(row.startswith("#") or line.match(row), row)
        self.assertIn('squire_helper_requests_total{pool="url_rewrite"} 10',
                      text)
        self.assertIn(
            'squire_client_requests_total{result="TCP_MEM_HIT"} 9', text)
        self.assertIn("squire_cache_objects 1\n", text)
        self.assertIn("squire_client_request_seconds_count 10\n", text)
        self.assertRegex(text,
                         r"squire_client_request_seconds_sum 0\.0*[1-9]")
        self.assertRegex(text, "squire_helper_service_seconds_sum"
                               r'{pool="url_rewrite"} 0\.0*[1-9]')
        self.assertRegex(text, 'squire_client_request_seconds'
                               '{quantile="1"} 0.0*[1-9]')
        self.assertIn('squire_helper_gone_total{pool="url_rewrite",'
                      'reason="signal"} 0\n', text)
        self.assertIn("squire_loop_stall_seconds", text)

    def test_page_needs_nothing_from_elsewhere(self):
        response = self.squire.ask_manager("/")
        page = response.body.decode()
        self.assertIn("text/html", response.get("Content-Type"))
        policy = response.get("Content-Security-Policy")
        self.assertIn("default-src 'none'", policy)
        self.assertNotIn("unsafe", policy)
        for part in ("style", "script"):
            text = re.search(f"<{part}>(.*?)</{part}>", page, re.S).group(1)
            digest = base64.b64encode(hashlib.sha256(text.encode()).digest())
            self.assertIn(f"{part}-src 'sha256-{digest.decode()}'", policy)
        self.assertLess(len(response.body), 60000)
        names = re.findall(r"^(?:async )?function (\w+)", page, re.M)
        self.assertEqual(sorted(names), sorted(set(names)))
        self.assertNotRegex(page, r"(src|href)=[\"']?(https?:)?//")
        self.assertIn("viewport", page)
        self.assertIn("prefers-color-scheme", page)

    def test_json_for_those_who_want_it(self):
        for accept, kind in (("application/json", "application/json"),
                             ("application/json, */*;q=0.1",
                              "application/json"),
                             ("text/html, application/json", None),
                             ("*/*", None)):
            for path, other in (("/", "text/html"), ("/metrics", "text/plain")):
                response = self.squire.ask_manager(
                    path, headers={"Accept": accept})
                self.assertIn(kind or other, response.get("Content-Type"))
                self.assertEqual(response.get("Vary"), "Accept")
                if kind:
                    figures = json.loads(response.body)
                    self.assertEqual(figures["info"]["requests"], 10)
                    self.assertEqual(figures["pools"][0]["err"], 10)

    def text(self, name):
        response = self.squire.ask_manager("/squid-internal-mgr/" + name)
        self.assertEqual(response.status, 200, name)
        self.assertIn("text/plain", response.get("Content-Type"))
        return response.body.decode()

    def test_names_of_squid(self):
        self.assertEqual([line.split()[0] for line in
                          self.text("menu").splitlines()],
                         ["menu", "shutdown", "reconfigure", "rotate", "info",
                          "counters", "5min", "60min", "service_times",
                          "storedir", "mem", "client_list",
                          "active_requests", "server_list", "idns",
                          "redirector"])
        self.assertEqual(self.text(""), self.text("menu"))
        counters = dict(line.split(" = ") for line in
                        self.text("counters").splitlines())
        self.assertEqual((counters["client_http.requests"],
                          counters["client_http.hits"]), ("10", "9"))
        self.assertGreater(float(counters["wall_time"]), 0)
        self.assertIn("HTTP requests received:\t10\n", self.text("info"))
        self.assertIn("all requests:\t5min: 90.0%, 60min: 90.0%", self.text("info"))
        text = self.text("redirector")
        for line in ("number active: 2 of 4\n", "requests sent: 10\n",
                     "replies received: 10\n", "queue length: 0\n"):
            self.assertIn(line, text)
        for helper in self.squire.pool()["helpers"]:
            self.assertRegex(text, rf"(?m)^ +{helper['id']} +{helper['pid']} ")
        for name, method, status in (("store_id", "GET", 404),
                                     ("nonsense", "GET", 404),
                                     ("shutdown", "GET", 401),
                                     ("info", "POST", 405),
                                     ("info", "HEAD", 200)):
            self.assertEqual(self.squire.ask_manager(
                "/squid-internal-mgr/" + name, method).status, status)

    @unittest.skipUnless(shutil.which("squidclient"), "no squidclient")
    def test_squidclient(self):
        for target in ("mgr:info", f"http://127.0.0.1:{self.squire.manager}"
                       "/squid-internal-mgr/info"):
            done = subprocess.run(
                ["squidclient", "-h", "127.0.0.1", "-p",
                 str(self.squire.manager), target],
                capture_output=True, text=True, check=True,
                timeout=squire_test.PATIENCE)
            self.assertIn("Squire Object Cache: Version", done.stdout)

    def test_head(self):
        response = self.squire.ask_manager("/helpers", "HEAD")
        self.assertEqual((response.status, response.body), (200, b""))
        self.assertGreater(int(response.get("Content-Length")), 100)

    def test_other_paths_and_methods(self):
        self.assertEqual(self.squire.ask_manager("/nothing").status, 404)
        self.assertEqual(self.squire.ask_manager("/helpers?x=1").status, 200)
        response = self.squire.ask_manager("/helpers", "POST")
        self.assertEqual(response.status, 405)
        self.assertEqual(response.get("Allow"), "GET, HEAD")

    def test_names_from_elsewhere_are_refused(self):
        """A page of another site must not read this by DNS rebinding."""
        for host, status in (("evil.test", 403), ("evil.test:80", 403),
                             ("proxy.example", 200), ("Proxy.Example:9", 200),
                             ("x.proxy.example", 403),
                             ("127.0.0.1", 200), ("localhost:9", 200),
                             ("[::1]:80", 200)):
            response = self.squire.ask_manager("/helpers",
                                               headers={"Host": host})
            self.assertEqual(response.status, status, host)

    def test_bad_requests(self):
        for text in ("nonsense\r\n\r\n", "GET / HTTP/1.1\r\n\r\n",
                     "GET /helpers HTTP/1.1\r\nHost: x\nX: y\r\n\r\n",
                     "GET / HTTP/1.1\r\nA: " + "x" * 100000 + "\r\n\r\n"):
            with Connection(self.squire.manager) as connection:
                try:
                    connection.send(text)
                    status = connection.read_response().status
                except (ConnectionError, EOFError):
                    continue
                self.assertGreaterEqual(status, 400)
        self.assertEqual(self.squire.ask_manager("/helpers").status, 200)


class Samples(unittest.TestCase):
    """The stream that the live page reads."""

    @classmethod
    def setUpClass(cls):
        cls.origin = Origin({"/": answer(200, b"x" * 5000)})
        cls.squire = Squire()
        cls.squire.write_conf(
            "url_rewrite_program "
            + cls.squire.rewriter("def rewrite(url, extras): return 'ERR'\n")
            + "\nurl_rewrite_children 3 startup=1 concurrency=7\n")
        cls.squire.start()

    @classmethod
    def tearDownClass(cls):
        cls.squire.check_idle()
        cls.squire.stop()
        cls.origin.close()

    def watch(self, query):
        return Watcher(self.squire.manager, "/events" + query)

    def test_what_happened_since_the_one_before(self):
        with self.watch("?samples=1") as watcher:
            before = watcher.sample()
            for _ in range(7):
                self.squire.get(self.origin.url("/"))
            after, latencies = before, 0
            while after["requests"] < before["requests"] + 7:
                after = watcher.sample()
                latencies += after["latency_ms"]["count"]
                self.assertGreater(after["interval_ms"], 500)
        self.assertEqual(after["requests"], before["requests"] + 7)
        self.assertEqual(latencies, 7)
        self.assertEqual(after["info"]["requests"], after["requests"])
        self.assertGreater(after["octets_out"], before["octets_out"] + 35000)
        pool, = after["pools"]
        self.assertLessEqual(POOL - {"helpers"}, set(pool))
        self.assertNotIn("helpers", pool)
        self.assertEqual(sum(pool["service_histogram"]), pool["replies"])
        self.assertEqual(sum(pool["queue_histogram"]), pool["requests"])
        self.assertEqual(after["info"]["state"], "running")
        self.assertEqual(after["peers"], [])

    def past(self):
        """What who begins to watch is told first."""
        with self.watch("?samples=1") as watcher:
            name, past = watcher.next()
        self.assertEqual(name, "past")
        return past

    def test_what_was_before_somebody_watched(self):
        count = len(self.past()["points"])
        for path in ("/", "/none"):
            self.squire.get(self.origin.url(path))
        pid = self.squire.pool()["helpers"][0]["pid"]
        os.kill(pid, 9)
        squire_test.wait_for(
            "points", lambda: len(self.past()["points"]) >= count + 2)
        past = self.past()
        points, last = past["points"], past["points"][-1]
        for before, after in zip(points, points[1:]):
            self.assertAlmostEqual(after["time"] - before["time"],
                                   after["interval_ms"] / 1000, delta=0.1)
        self.assertEqual(sum(point["latency_ms"]["count"]
                             for point in points), last["requests"])
        self.assertGreaterEqual(
            last["client_errors"], points[count - 1]["client_errors"] + 1)
        self.assertEqual(last["pid"], self.squire.info()["pid"])
        requests = past["pools"]["url_rewrite"]
        self.assertEqual((len(requests), requests[-1]),
                         (len(points), last["requests"]))
        self.assertEqual([event["event"] for event in past["events"]
                          if event["pid"] == pid][-1:], ["exit"])

    def test_errors_are_counted_by_class(self):
        def classes():
            text = self.squire.ask_manager("/metrics").body.decode()
            return {name: int(value) for name, value in re.findall(
                r'squire_client_responses_total{class="(.xx)"} (\d+)', text)}

        before = classes()
        for path, status in (("/none", 404), ("/none", 404), ("/", 200)):
            self.assertEqual(self.squire.get(self.origin.url(path)).status,
                             status)
        self.assertEqual(self.squire.get("http://127.0.0.1:1/").status, 503)
        self.assertEqual(
            {name: value - before[name] for name, value in classes().items()},
            {"1xx": 0, "2xx": 1, "3xx": 0, "4xx": 2, "5xx": 1})
        self.assertEqual(self.squire.info()["statuses"], classes())

    def test_all_who_watch_get_the_same(self):
        with self.watch("?samples=1") as one, self.watch("?samples=1") as two:
            first = two.sample()
            mine = one.sample()
            while mine["time"] <= first["time"]:
                mine = one.sample()
            self.assertEqual([mine, one.sample()],
                             [two.sample(), two.sample()])

    def test_nobody_gets_them_without_asking(self):
        with self.watch("") as events, self.watch("?samples=1") as samples:
            samples.sample()
            samples.sample()
            os.kill(self.squire.pool()["helpers"][0]["pid"], 9)
            name, event = events.next()
            self.assertEqual((name, event["pool"]), ("exit", "url_rewrite"))
            names = [samples.next()[0]]
            while "start" not in names:
                names.append(samples.next()[0])
            self.assertIn("exit", names)

    def test_the_last_one_leaves(self):
        """A point a second is all that goes on then."""
        with self.watch("?samples=1") as watcher:
            watcher.sample()
        squire_test.wait_for("an idle loop", self.is_quiet)

    def is_quiet(self):
        """Looking costs turns of its own."""
        counts = []
        for _ in range(3):
            counts.append(self.squire.info()["loop"]["turns"])
        look = counts[2] - counts[1]
        time.sleep(1.5)
        return self.squire.info()["loop"]["turns"] - counts[2] <= look + 2


class Login(unittest.TestCase):
    """manager_auth."""

    RIGHT = {"Authorization": auth_test.basic("alice", "secret")[1]}

    def squire(self, scheme="basic", body=None):
        squire = auth_test.AuthProxy(access="http_access allow all\n")
        program = squire.helper(body or (
            "def reply(line):\n"
            "    return 'OK' if line == 'alice secret' else 'ERR'\n"))
        self.lines = (f"manager_auth {scheme} program {program}\n"
                      f"manager_auth {scheme} children 2 startup=1\n")
        self.socket = f"manager_port {squire.path('socket')}\n"
        squire.write_conf(self.lines + self.socket)
        return squire

    def check_refused(self, squire, headers):
        for path in ("/", "/helpers", "/events", "/demo", "/nothing"):
            response = squire.ask_manager(path, headers=headers)
            self.assertEqual(response.status, 401, path)
            self.assertEqual(response.get("WWW-Authenticate"),
                             'Basic realm="Squire manager"')
            self.assertIsNone(response.get("Proxy-Authenticate"))
        response = squire.ask_manager("/shutdown", "POST",
                                      dict(headers, **{"X-Squire": "1"}))
        self.assertEqual(response.status, 401)

    def test_only_those_who_are_known(self):
        with self.squire() as squire:
            wrong = auth_test.basic("alice", "wrong")[1]
            for headers in ({}, {"Authorization": wrong},
                            {"Authorization": "Basic x"},
                            {"Authorization": "Nonsense"},
                            {"Proxy-Authorization":
                             self.RIGHT["Authorization"]}):
                self.check_refused(squire, headers)
            for path in ("/", "/helpers", "/info", "/metrics"):
                self.assertEqual(squire.ask_manager(
                    path, headers=self.RIGHT).status, 200, path)
            self.assertEqual(squire.seen().count("alice secret"), 1)
            self.assertEqual(squire.ask_manager(
                "/", headers=dict(self.RIGHT, Host="evil.test")).status, 403)
            self.assertEqual(squire.get(squire.url()).status, 200)

    def test_commands_name_who_gave_them(self):
        with self.squire() as squire:
            headers = dict(self.RIGHT, **{"X-Squire": "1"})
            self.assertEqual(squire.ask_manager(
                "/reconfigure", "POST", headers).status, 200)
            self.assertIn("reconfigure was asked for by alice", squire.log())

    def squirectl(self, *arguments):
        return subprocess.run(
            [os.path.join(BUILD, "src", "squirectl"), *arguments],
            capture_output=True, text=True, check=False,
            timeout=squire_test.PATIENCE)

    def test_squirectl(self):
        with self.squire() as squire:
            place = f"127.0.0.1:{squire.manager}"
            result = self.squirectl("-u", place, "helpers")
            self.assertEqual(result.returncode, 1)
            self.assertIn("a name and a password", result.stderr)
            for where in (("-u", f"http://alice:secret@{place}"),
                          ("-s", squire.path("socket"))):
                result = self.squirectl(*where, "helpers")
                self.assertEqual((result.returncode, result.stderr), (0, ""))
                self.assertIn("manager_basicauthenticator", result.stdout)
        result = self.squirectl("-u", "http://alice:secret@127.0.0.1:1",
                                "helpers")
        self.assertIn("127.0.0.1:1", result.stderr)
        self.assertNotIn("secret", result.stderr)

    def test_digest(self):
        body = ("import hashlib\n"
                "def reply(line):\n"
                "    return 'OK ha1=\"%s\"' % hashlib.md5("
                "b'alice:Squire manager:secret').hexdigest()\n")
        with self.squire("digest", body) as squire:
            place = f"127.0.0.1:{squire.manager}"
            for password, status in (("secret", 0), ("wrong", 1)):
                result = self.squirectl(
                    "-u", f"http://alice:{password}@{place}", "helpers")
                self.assertEqual(result.returncode, status, result.stderr)

    def test_reconfiguration(self):
        with self.squire() as squire:
            self.assertEqual(squire.ask_manager("/info").status, 401)
            squire.reconfigure(self.socket)
            self.assertEqual(squire.ask_manager("/info").status, 200)
            squire_test.wait_for("its helpers to leave", lambda:
                                 squire.helpers() == [])
            squire.reconfigure(self.lines + self.socket)
            self.assertEqual(squire.ask_manager("/info").status, 401)
            self.assertEqual(squire.ask_manager(
                "/info", headers=self.RIGHT).status, 200)

    def test_a_helper_that_cannot_answer_lets_nobody_in(self):
        for body in ("def reply(line):\n    return 'BH message=no'\n",
                     "raise SystemExit\n"):
            with self.squire(body=body) as squire:
                self.assertEqual(squire.ask_manager(
                    "/info", headers=self.RIGHT).status, 401)

    def test_who_leaves_while_the_helper_thinks(self):
        body = "def reply(line):\n    time.sleep(2)\n    return 'OK'\n"
        with self.squire(body=body) as squire:
            with Connection(squire.manager) as connection:
                connection.send("GET / HTTP/1.1\r\nHost: localhost\r\n"
                                "Authorization: " +
                                self.RIGHT["Authorization"] + "\r\n\r\n")
                squire_test.wait_for("the question", squire.seen)
                connection.reset()
            self.assertEqual(squire.ask_manager(
                "/info", headers=self.RIGHT).status, 200)

    def test_bad_lines(self):
        for lines, why in (
                ("manager_auth basic realm X\n", "no \"manager_auth SCHEME"),
                ("manager_auth ntlm program /bin/cat\n",
                 "expected basic or digest, not \"ntlm\""),
                ("manager_auth basic progam /bin/cat\n",
                 "manager_auth basic has no parameter \"progam\", did you "
                 "mean \"program\"?"),
                ("manager_auth basic program /bin/cat\n"
                 "manager_auth basic children 1 fail=open\n",
                 "manager_auth basic children: fail=open would let")):
            squire = Squire(lines)
            result = subprocess.run(squire.command("-k", "parse"), text=True,
                                    capture_output=True, check=False)
            self.assertNotEqual(result.returncode, 0)
            self.assertIn(why, result.stderr)


class Demo(unittest.TestCase):
    def test_demo_can_be_cached_by_the_proxy(self):
        with Squire() as squire:
            url = f"http://127.0.0.1:{squire.manager}/demo"
            self.assertIn(";fwd=uri-miss", squire.get(url).get("Cache-Status"))
            self.assertIn(";hit", squire.get(url).get("Cache-Status"))


if __name__ == "__main__":
    squire_test.main()
