#!/usr/bin/env python3
"""The live page in a browser. Screenshots of it are left in
test/integration/screenshots of the build folder, for people to look at."""

import contextlib
import json
import os
import re
import subprocess
import sys
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "..", "support"))
import browser
import squire_test
from squire_test import BUILD, Origin, Squire, answer, wait_for

SHOTS = os.path.join(BUILD, "test", "integration", "screenshots")

ASKED = ("return performance.getEntriesByType('resource')"
         ".map((entry) => entry.name)")


@contextlib.contextmanager
def load(squire, origin):
    """A client that asks for stored and for other answers."""
    script = squire.write("load.lua", f'''
local n = 0
request = function()
  n = n + 1
  local path = n % 50 == 0 and "/none" or n % 5 == 0 and "/miss" or
    "/?" .. n % 7
  return "GET {origin.url("")}" .. path .. " HTTP/1.1\\r\\n" ..
    "Host: {origin.authority}\\r\\n\\r\\n"
end
''')
    client = subprocess.Popen(
        ["wrk", "-t1", "-c4", "-d60", "-s", script,
         f"http://127.0.0.1:{squire.port}/"], stdout=subprocess.DEVNULL)
    try:
        yield
    finally:
        client.terminate()
        client.wait()


def setUpModule():
    """One browser for all: it is slow to start."""
    if not browser.is_there():
        raise unittest.SkipTest("no chromium and chromedriver")
    Page.page = browser.Browser()
    unittest.addModuleCleanup(Page.page.close)


class Page(unittest.TestCase):
    page = None

    @classmethod
    def setUpClass(cls):
        cls.origin = Origin({
            "/": answer(200, b"x" * 1024, "Cache-Control: max-age=600"),
            "/miss": answer(200, b"x" * 3000, "Cache-Control: no-store"),
            "/none": answer(404, b"", "Cache-Control: no-store")})
        cls.addClassCleanup(cls.origin.close)
        cls.squire = cls.make_squire()
        cls.addClassCleanup(cls.squire.stop)
        cls.squire.start()

    @staticmethod
    def make_squire():
        squire = Squire()
        program = squire.rewriter("def rewrite(url, extras): return 'ERR'\n")
        squire.write_conf(
            f"url_rewrite_program {program}\n"
            "url_rewrite_children 4 startup=2 concurrency=50\n"
            f"store_id_program {program}\n"
            "store_id_children 2 startup=1 concurrency=50\n")
        return squire

    def setUp(self):
        self.page.resize(1280, 900)
        self.page.media(prefers_color_scheme="light")
        self.page.open(f"http://127.0.0.1:{self.squire.manager}/")
        self.page.js("localStorage.clear()")
        self.wait_state("running")

    def tearDown(self):
        wrong = [row for row in self.page.console()
                 if "/events" not in row["message"]]
        self.assertEqual(wrong, [])

    def text(self, selector):
        return self.page.js("const node = document.querySelector(arguments[0]);"
                            "return node && node.textContent", selector)

    def wait_state(self, state):
        wait_for("state " + state, lambda: self.text("#state") == state)

    def wait_text(self, selector, pattern):
        wait_for(f"{pattern} in {selector}", lambda: re.search(
            pattern, self.text(selector) or ""))

    def shot(self, name):
        self.page.screenshot(os.path.join(SHOTS, name + ".png"))

    def is_wide(self):
        return self.page.js("return document.documentElement.scrollWidth > "
                            "document.documentElement.clientWidth")

    def chart(self, title):
        """What the chart says in words."""
        return self.page.js(
            "return [...document.querySelectorAll('.chart')].find((chart) => "
            "chart.querySelector('h3').textContent === arguments[0])"
            ".querySelector('svg').getAttribute('aria-label')", title)

    def test_charts_move_and_look_well(self):
        with load(self.squire, self.origin):
            for title, pattern in (
                    ("Requests", r"now \d[\d,]+.*highest \d[\d,]+"),
                    ("Hit ratio", r"now [5-9]\d %"),
                    ("Errors", r"now [\d.]+, lowest 0, highest [1-9]"),
                    ("Traffic", r"now [\d.]+ [KM]iB/s"),
                    ("Client latency", r"now [\d.,]+ (µs|ms)"),
                    ("Connections", r"now 4,")):
                wait_for(title, lambda: re.search(pattern, self.chart(title)))
            wait_for("a line", lambda: self.page.js(
                "return document.querySelector('.line.blue').getAttribute('d')"
                ".split('L').length > 5"))
            self.page.js("document.querySelector('[data-pool=url_rewrite] "
                         "details').open = true")
            self.wait_text("[data-pool=url_rewrite] details tbody",
                           r"#\d+(ready|starting)[\d,]+")
            self.shot("desktop-light")
            self.page.media(prefers_color_scheme="dark")
            self.shot("desktop-dark")
            self.page.media(prefers_color_scheme="light")
            self.page.resize(360, 780, is_phone=True)
            self.shot("phone")
        self.wait_text("[data-pool=url_rewrite] table",
                       r"last minute.*helper[\d.]+ (µs|ms).*since")
        self.assertIn("half took", self.page.js(
            "return document.querySelector('.histograms figure:last-child svg')"
            ".getAttribute('aria-label')"))

    def test_the_past_is_there_at_once(self):
        """Also when nobody watched, and in a tab that was hidden."""
        for _ in range(3):
            self.squire.get(self.origin.url("/none"))
        victim = self.squire.pool()["helpers"][0]["pid"]
        os.kill(victim, 9)
        wait_for("a replacement", lambda: victim not in [
            helper["pid"] for helper in self.squire.pool()["helpers"]])
        time.sleep(2)
        self.page.command("/refresh", {})
        self.wait_text("#events", rf"exiturl_rewrite #\d+ pid {victim}")
        self.assertGreater(self.page.js("return points.length"), 3)
        self.assertRegex(self.chart("Errors"), "highest [1-9]")
        wait_for("a pool's past", lambda: self.page.js(
            "return document.querySelector('[data-pool=url_rewrite] .rate "
            ".line')?.getAttribute('d')?.split('L').length > 3"))
        self.page.js("document.getElementById('clear').click();"
                     "points.length = 0; connect()")
        self.wait_text("#events", "since the list was cleared")
        wait_for("points", lambda: self.page.js("return points.length > 3"))
        self.wait_text("#events", "since the list was cleared")

    def test_no_sideways_scrolling_at_any_width(self):
        for width in (320, 360, 480, 700, 1000, 1600):
            self.page.resize(width, 780, is_phone=width < 500)
            self.page.js("for (const one of document.querySelectorAll("
                         "'details')) one.open = true")
            self.assertFalse(self.is_wide(), width)

    def test_nothing_comes_from_elsewhere(self):
        names = self.page.js(ASKED)
        base = f"http://127.0.0.1:{self.squire.manager}/"
        self.assertEqual([name for name in names
                          if not name.startswith((base, "data:"))], [])

    def test_a_killed_helper_is_told_at_once(self):
        victim = self.squire.pool()["helpers"][0]["pid"]
        killed = time.time()
        os.kill(victim, 9)
        self.wait_text("#events", rf"exiturl_rewrite #\d+ pid {victim}killed "
                                  "by SIGKILL")
        shown = self.page.js("return events.find((event) => "
                             "event.pid === arguments[0]).time", victim)
        self.assertLess(shown - killed, 2)
        self.wait_text("[data-pool=url_rewrite] .why", r"signal \d")
        self.wait_text("[data-pool=url_rewrite] .trouble",
                       r"Last trouble, \d s ago: .*SIGKILL")
        self.wait_text("#events", r"starturl_rewrite")
        self.filter_events(victim)

    def filter_events(self, victim):
        self.page.js("document.getElementById('filter').value = arguments[0];"
                     "document.getElementById('filter').dispatchEvent("
                     "new Event('input'))", str(victim))
        self.assertEqual(self.page.js(
            "return [...document.querySelectorAll('#events li .kind')]"
            ".map((node) => node.textContent)"), ["exit", "start"])
        self.page.js("document.getElementById('filter').value = 'no such';"
                     "document.getElementById('filter').dispatchEvent("
                     "new Event('input'))")
        self.wait_text("#events", r"None of \d+ events")

    def test_paused_events_come_later(self):
        self.page.js("document.getElementById('clear').click();"
                     "document.getElementById('pause').click()")
        pid = self.squire.pool("store_id")["helpers"][0]["pid"]
        os.kill(pid, 9)
        self.wait_text("#pause", r"Go on \(\d new\)")
        self.assertNotIn(str(pid), self.text("#events"))
        self.page.js("document.getElementById('pause').click()")
        self.wait_text("#events", str(pid))

    def background(self):
        return self.page.js(
            "return getComputedStyle(document.body).backgroundColor")

    def test_dark_and_light(self):
        light = self.background()
        self.page.media(prefers_color_scheme="dark")
        dark = self.background()
        self.assertNotEqual(light, dark)
        self.page.js("document.getElementById('theme').click()")
        self.assertEqual(self.background(), light)
        self.page.command("/refresh", {})
        self.assertEqual(self.background(), light)
        self.page.js("document.getElementById('theme').click()")
        self.page.media(prefers_color_scheme="light")
        self.assertEqual(self.background(), dark)

    def test_every_control_has_a_name(self):
        self.assertEqual(self.page.js("""
            return [...document.querySelectorAll(
              "button, input, select, a, [tabindex], svg[role=img]")]
              .filter((node) => !(node.textContent.trim() ||
                node.getAttribute("aria-label") ||
                node.labels && node.labels.length))
              .map((node) => node.outerHTML)"""), [])

    def test_a_pool_that_was_not_asked_is_short(self):
        self.page.js("""
            const sample = arguments[0];
            const pool = {...sample.pools[0], name: "new", requests: 0};
            sample.time = points[points.length - 1].t;
            sample.pools = [pool];
            disconnect();
            showPools(sample);""", json.loads(self.squire.ask_manager(
                "/", headers={"Accept": "application/json"}).body))
        columns = ("return getComputedStyle(document.querySelector("
                   "'[data-pool=new] .columns')).display")
        self.assertEqual(self.page.js(columns), "none")
        self.assertRegex(self.text("[data-pool=new] .unused"),
                         r"Not asked yet. \d of at most 4 processes run.")
        self.page.js("""
            showPool(pools.get("new"), {...arguments[0].pools[0], requests: 1},
              points[points.length - 1].t + 1, arguments[0].info.pid);""",
            json.loads(self.squire.ask_manager(
                "/", headers={"Accept": "application/json"}).body))
        self.assertEqual(self.page.js(columns), "grid")
        self.assertTrue(self.page.js("return document.querySelector("
                                     "'[data-pool=new] .unused').hidden"))

    def test_many_pools_have_a_list(self):
        """Two are no reason for one."""
        self.assertTrue(self.page.js(
            "return document.getElementById('index').hidden"))
        self.page.js("""
            const sample = arguments[0];
            const pool = sample.pools[0];
            sample.time = points[points.length - 1].t;
            sample.pools = [1, 2, 3, 4].map((i) =>
              ({...pool, name: "external/many " + i, queue: i - 1}));
            disconnect();
            showPools(sample);""", json.loads(self.squire.ask_manager(
                "/", headers={"Accept": "application/json"}).body))
        self.assertEqual(self.page.js("""
            return [...document.querySelectorAll("#index a")].map((link) =>
              [link.firstChild.textContent, link.className])"""),
            [["external/many 1", ""]] +
            [[f"external/many {i}", "waits"] for i in (2, 3, 4)])
        self.page.js("document.querySelector('#index a:last-child').click()")
        wait_for("the last pool in sight", lambda: self.page.js("""
            return document.getElementById("pool-external/many 4")
              .getBoundingClientRect().top < innerHeight"""))
        self.assertFalse(self.is_wide())

    def test_scales_have_whole_middles(self):
        self.assertEqual(self.page.js(
            "return [0, 1, 2, 3, 5, 10, 11, 99, 101, 4001].map((value) => "
            "niceTop(value))"), [2, 2, 2, 4, 6, 10, 20, 100, 200, 6000])
        self.assertEqual(self.page.js(
            "return [0, 1024, 1025, 3000, 5e5, 2e6].map((value) => "
            "niceTop(value, 1024) / 1024)"), [1, 1, 2, 4, 600, 2048])

    def test_facts(self):
        self.assertEqual(self.page.js(
            "return [...document.querySelectorAll('#facts dt')]"
            ".map((node) => node.textContent)"),
            ["Running for", "Requests", "In memory", "Objects", "At origins",
             "Longest stall"])
        self.wait_text("#facts", r"In memory[\d.]+ \w+ of 256 MiB")

    def test_charts_can_be_read_by_keyboard(self):
        self.page.js("document.querySelector('.chart svg').focus()")
        wait_for("two points", lambda: self.page.js(
            "return points.length > 2"))
        for key, is_back in (("ArrowLeft", True), ("Escape", False)):
            self.page.js("document.activeElement.dispatchEvent("
                         "new KeyboardEvent('keydown', {key: arguments[0], "
                         "bubbles: true}))", key)
            self.assertEqual(self.page.js("return cursor !== null"), is_back)

    def test_hidden_pages_ask_nothing(self):
        hide = ("Object.defineProperty(document, 'hidden', {configurable: "
                "true, get: () => arguments[0]});"
                "document.dispatchEvent(new Event('visibilitychange'));"
                "return stream === null")
        self.assertTrue(self.page.js(hide.replace("arguments[0]", "true")))
        count = self.page.js("return points.length")
        time.sleep(1.5)
        self.assertEqual(self.page.js("return points.length"), count)
        self.assertFalse(self.page.js(hide.replace("arguments[0]", "false")))
        wait_for("samples", lambda: self.page.js(
            "return points.length > arguments[0]", count))


class Restart(unittest.TestCase):
    def test_the_page_goes_on_by_itself(self):
        page = Page.page
        with Page.make_squire() as squire:
            page.open(f"http://127.0.0.1:{squire.manager}/")
            state = ("return document.getElementById('state').textContent + "
                     "document.getElementById('about').textContent")
            wait_for("the page", lambda: f"process {squire.pid} " in
                     page.js(state))
            keep_ports(squire)
            squire.process.terminate()
            self.assertEqual(squire.process.wait(squire_test.PATIENCE), 0)
            wait_for("its loss", lambda: "no connection" in page.js(state))
            self.assertIn("goes on by itself", page.js(
                "return document.getElementById('lost').innerText"))
            os.remove(squire.path("debug.log"))
            squire.errors.close()
            squire.start()
            wait_for("it", lambda: re.match(
                rf"running.*process {squire.pid} ", page.js(state)))
            self.assertTrue(page.js(
                "return document.getElementById('lost').hidden"))


class Login(unittest.TestCase):
    def test_the_page_works_with_a_password(self):
        squire = Page.make_squire()
        program = squire.write("login.py", (
            "import sys\n"
            "for line in sys.stdin:\n"
            "    print('OK' if line == 'alice secret\\n' else 'ERR',"
            " flush=True)\n"))
        squire.write("squire.conf", squire.read("squire.conf") + (
            f"manager_auth basic program {sys.executable} {program}\n"))
        page = Page.page
        with squire:
            page.open(f"http://alice:secret@127.0.0.1:{squire.manager}/")
            wait_for("the page", lambda: page.js(
                "return document.getElementById('state').textContent === "
                "'running' && document.querySelector('details') !== null"))
            page.js("document.querySelector('details').open = true")
            wait_for("its table", lambda: re.search("ready|starting", page.js(
                "return document.querySelector('details tbody').innerText")))
            self.assertEqual(page.console(), [])


def keep_ports(squire):
    """The next start has the same ports."""
    text = squire.read("squire.conf")
    for name, port in (("http", squire.port), ("manager", squire.manager)):
        text = text.replace(f"{name}_port 127.0.0.1:0",
                            f"{name}_port 127.0.0.1:{port}")
    squire.write("squire.conf", text)


if __name__ == "__main__":
    squire_test.main()
