#!/usr/bin/env python3
"""external_acl_type: what helpers are told, and what their answers do."""

import ctypes
import os
import sys
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "support"))
import squire_test  # noqa: E402
from squire_test import Origin, Squire, answer, wait_for  # noqa: E402

SQUID = "/usr/lib/squid"

ASKER = '''\
import os, sys, time, urllib.parse
{body}
for line in sys.stdin.buffer:
    text = line.decode("latin-1").rstrip("\\n")
    with open({log!r}, "a") as log:
        log.write(text + "\\n")
    channel, text = text.split(" ", 1) if {concurrent} else ("", text)
    reply = decide(text.split(" "))
    if reply is not None:
        sys.stdout.buffer.write(
            (channel + " " * {concurrent} + reply + "\\n").encode("latin-1"))
        sys.stdout.buffer.flush()
'''


class Asked(Squire):
    """A proxy with one external_acl_type called "asker"."""

    def __init__(self, body, form="%SRC", options="", concurrent=False,
                 rules="acl who external asker\nhttp_access allow who\n",
                 after=""):
        super().__init__(access="")
        self.write("asker.py", ASKER.format(
            body=body, log=self.path("asked"), concurrent=concurrent))
        if concurrent:
            options += " concurrency=10"
        self.asker = f"{sys.executable} {self.path('asker.py')}"
        self.define = (f"external_acl_type asker {options} {form} "
                       f"{self.asker}\n")
        self.write_conf(self.define + rules + after)

    def asked(self):
        return self.read("asked").splitlines()


def make_tdb(path):
    """ext_session_acl cannot make its own database."""
    try:
        tdb = ctypes.CDLL("libtdb.so.1")
    except OSError:
        return False
    tdb.tdb_open.restype = ctypes.c_void_p
    handle = tdb.tdb_open(path.encode(), 0, 0, os.O_RDWR | os.O_CREAT, 0o600)
    return handle is not None


def says(reply):
    return f"def decide(words): return {reply!r}"


class Lines(unittest.TestCase):
    """What the helper reads is what Squid sends, with % escaped, too."""

    def ask(self, form, rules, url="/a%20b?x=1&y=z", headers=(), options="",
            concurrent=False, method="GET"):
        origin = Origin({"/a%20b": answer(200, b"x")})
        with Asked(says("OK"), form, options, concurrent, rules) as squire:
            if method == "CONNECT":
                with squire.connect() as connection:
                    connection.send(f"CONNECT {origin.authority} HTTP/1.1\r\n"
                                    f"Host: {origin.authority}\r\n\r\n")
                    connection.read_response("CONNECT")
            else:
                squire.get(origin.url(url), headers)
            return squire.asked()[0], origin

    def test_tokens_of_old_and_words_of_the_acl(self):
        line, origin = self.ask(
            "%SRC %METHOD %DST %PORT %PROTO %PATH %>ha{User-Agent} %DATA",
            'acl who external asker one -i 100%\nhttp_access allow who\n',
            headers=[("User-Agent", 'agent "q" 100% \\back')])
        self.assertEqual(
            line, f"127.0.0.1 GET 127.0.0.1 {origin.port} http "
            "/a%2520b?x=1&y=z agent%20%22q%22%20100%25%20%5Cback "
            "one -i 100%25")

    def test_words_come_last_without_data(self):
        line, _ = self.ask("%METHOD %>{X-None}", "acl who external asker a b\n"
                           "http_access allow who\n")
        self.assertEqual(line, "GET - a b")

    def test_words_from_a_file_with_blanks(self):
        folder = Squire()
        path = folder.write("words", "a b\nc\n")
        line, _ = self.ask("%METHOD", f'acl who external asker "{path}"\n'
                           "http_access allow who\n")
        self.assertEqual(line, "GET a%20b c")
        line, _ = self.ask("%METHOD", f'acl who external asker "{path}"\n'
                           "http_access allow who\n", options="quote=shell")
        self.assertEqual(line, 'GET "a b" c')

    def test_values_are_quoted_as_the_words(self):
        line, _ = self.ask('%METHOD %>ha{X-Name} %#>ha{X-Name} %DATA',
                           "acl who external asker one\n"
                           "http_access allow who\n",
                           options="protocol=2.5",
                           headers=[("X-Name", 'a "b" %')])
        self.assertEqual(line, 'GET "a \\"b\\" %" a%20%22b%22%20%25 one')

    def test_connect(self):
        line, origin = self.ask("%METHOD %URI %PATH", "acl who external asker"
                                "\nhttp_access allow who\n", method="CONNECT")
        self.assertEqual(line, f"CONNECT {origin.authority} -")

    def test_channel_ids_and_tcp(self):
        for options in ("", "ipv4", "ipv6"):
            line, _ = self.ask("%METHOD", "acl who external asker\n"
                               "http_access allow who\n", options=options,
                               concurrent=True)
            self.assertRegex(line, r"^\d+ GET$")


class Answers(unittest.TestCase):
    def setUp(self):
        self.origin = Origin({"/": answer(200, b"here", "Cache-Control: "
                                          "no-store")})

    def tearDown(self):
        self.origin.close()

    def status(self, reply, rule="http_access allow who"):
        with Asked(says(reply), rules="acl who external asker\n"
                   f"{rule}\n", options="attempts=2") as squire:
            return squire.get(self.origin.url("/")).status

    def test_ok_err_and_neither(self):
        for reply, allowed, negated in (
                ("OK", 200, 403), ("ERR", 403, 200), ("BH", 403, 403),
                ("BH message=broken", 403, 403), ("nonsense", 403, 403),
                ("OK user=%0d%0a", 403, 403),
                ("OK user=" + "u" * 300, 403, 403)):
            self.assertEqual(self.status(reply), allowed, reply)
            self.assertEqual(
                self.status(reply, "http_access deny who\n"
                            "http_access allow all"),
                negated, reply)

    def test_a_check_that_cannot_be_told_is_denied(self):
        self.assertEqual(self.status("BH", "http_access allow !who"), 403)

    def test_why_is_in_the_log(self):
        for reply, why in (("BH message=broken", "could not decide (BH): message=broken"),
                           ("OK user=" + "u" * 300, "user name that is too "
                            "long")):
            with Asked(says(reply), options="attempts=1") as squire:
                squire.get(self.origin.url("/"))
                wait_for("the reason", lambda: why in squire.log())

    def test_answers_are_kept(self):
        with Asked(says("OK"), options="ttl=60", concurrent=True) as squire:
            for _ in range(5):
                self.assertEqual(squire.get(self.origin.url("/")).status, 200)
            self.assertEqual(len(squire.asked()), 1)
        with Asked(says("ERR"), options="ttl=0") as squire:
            for _ in range(3):
                squire.get(self.origin.url("/"))
            self.assertEqual(len(squire.asked()), 3)
        with Asked(says("BH"), options="attempts=1") as squire:
            for _ in range(3):
                squire.get(self.origin.url("/"))
            self.assertEqual(len(squire.asked()), 3, "BH is never kept")

    def test_equal_questions_are_asked_once(self):
        body = ("def decide(words):\n    time.sleep(1)\n    return 'OK'")
        with Asked(body) as squire:
            connections = [squire.connect() for _ in range(5)]
            for connection in connections:
                connection.send(f"GET {self.origin.url('/')} HTTP/1.1\r\n"
                                f"Host: x\r\n\r\n")
            for connection in connections:
                self.assertEqual(connection.read_response().status, 200)
                connection.close()
            self.assertEqual(len(squire.asked()), 1)

    def test_stale_answers_when_helpers_fail(self):
        body = ("def decide(words):\n"
                "    if os.path.exists(sys.argv[0] + '.broken'):\n"
                "        os._exit(1)\n"
                "    return 'OK'")
        with Asked(body, options="ttl=1 fail=stale attempts=1 timeout=2s "
                   "children-max=1") as squire:
            self.assertEqual(squire.get(self.origin.url("/")).status, 200)
            squire.write("asker.py.broken", "")
            time.sleep(1.2)
            self.assertEqual(squire.get(self.origin.url("/")).status, 200)
            self.assertGreaterEqual(len(squire.asked()), 2)

    def test_fail_open_and_closed(self):
        body = "def decide(words): os._exit(1)"
        for policy, status in (("open", 200), ("closed", 403)):
            with Asked(body, options=f"fail={policy} attempts=1 timeout=2s "
                       "children-max=1") as squire:
                self.assertEqual(squire.get(self.origin.url("/")).status,
                                 status)

    def test_a_line_that_is_too_long_is_not_sent(self):
        with Asked(says("OK"), form="%>ha{X-Long}") as squire:
            url = self.origin.url("/")
            self.assertEqual(
                squire.get(url, [("X-Long", "y" * 8000)]).status, 200)
            self.assertEqual(
                squire.get(url, [("X-Long", "y" * 9000)]).status, 403)
            self.assertEqual(len(squire.asked()), 1)
            wait_for("the reason", lambda: "longer than line-max=" in
                     squire.log())
        with Asked(says("OK"), form="%>ha{X-Long}",
                   options="line-max=32KB") as squire:
            self.assertEqual(
                squire.get(url, [("X-Long", "y" * 9000)]).status, 200)


    def test_clients_that_leave_and_a_stop_while_asked(self):
        with Asked("def decide(words): return None",
                   options="timeout=20s") as squire:
            url = self.origin.url("/")
            for _ in range(3):
                connection = squire.connect()
                connection.send(f"GET {url} HTTP/1.1\r\nHost: x\r\n\r\n")
                wait_for("the question", squire.asked)
                connection.reset()
            squire.check_idle()
            connection = squire.connect()
            connection.send(f"GET {url} HTTP/1.1\r\nHost: x\r\n\r\n")
            wait_for("the request", lambda: squire.info()["active"] == 1)
        connection.close()

    def test_helpers_that_die_are_replaced(self):
        body = ("import random\n"
                "def decide(words):\n"
                "    if random.random() < 0.3:\n"
                "        os._exit(1)\n"
                "    return 'OK' if words[0][0] == 'y' else 'ERR'")
        with Asked(body, form="%>{X-Word}", options="attempts=20 "
                   "children-startup=2") as squire:
            with squire.connect() as connection:
                for number in range(40):
                    word = f"{'yn'[number % 2]}{number}"
                    self.assertEqual(
                        connection.request(self.origin.url("/"), headers=[
                            ("X-Word", word)]).status,
                        403 if number % 2 else 200, word)


class Pairs(unittest.TestCase):
    """What an answer says beside yes and no."""

    def setUp(self):
        self.origin = Origin({"/": answer(200, b"here")})

    def tearDown(self):
        self.origin.close()

    def test_user_is_logged_and_told_to_the_rewriter_escaped(self):
        with Asked(says('OK user="al ice%"')) as squire:
            rewriter = squire.rewriter(
                "def rewrite(url, extras):\n"
                "    return 'OK url=http://t.test/?' + '|'.join(extras)"
                ".replace('%', '^')")
            squire.write_conf(
                squire.define + "acl who external asker\n"
                "http_access allow who\n"
                f"url_rewrite_program {rewriter}\n"
                "url_rewrite_children 1 concurrency=5\n"
                'url_rewrite_extras "%un %ue %ul"\n')
            squire.reconfigure()
            location = squire.get(self.origin.url("/")).get("Location")
            self.assertEqual(location,
                             "http://t.test/?al^20ice^25|al^20ice^25|-")
            self.assertEqual(squire.wait_logged(1)[0][7], "al%20ice%25")

    def test_message_is_on_the_page(self):
        with Asked(says('ERR message="go <away>"')) as squire:
            response = squire.get(self.origin.url("/"))
            self.assertEqual(response.status, 403)
            self.assertIn(b"go &lt;away&gt;", response.body)

    def test_tags_and_notes_are_compared_later(self):
        rules = ("acl who external asker\nacl red tag red\n"
                 "acl staff note group staff\nacl al ext_user al\n"
                 "http_access deny who !all\n"
                 "http_access allow red staff al\n")
        for reply, status in (("OK tag=red group=staff user=al", 200),
                              ("ERR tag=red group=staff user=al", 200),
                              ("OK tag=blue group=staff user=al", 403),
                              ("OK tag=red group=boss user=al", 403),
                              ("OK tag=red group=staff user=bo", 403)):
            with Asked(says(reply), rules=rules) as squire:
                self.assertEqual(squire.get(self.origin.url("/")).status,
                                 status, reply)

    def test_a_tag_of_the_connection_stays(self):
        body = ("def decide(words):\n"
                "    return 'OK clt_conn_tag=known' if words[0] == 'in'"
                " else 'ERR'")
        rules = ("acl known note clt_conn_tag known\n"
                 "http_access allow known\n"
                 "acl who external asker\nhttp_access allow who\n")
        with Asked(body, form="%>{X-Word}", rules=rules) as squire:
            url = self.origin.url("/")
            with squire.connect() as connection:
                self.assertEqual(connection.request(url).status, 403)
                self.assertEqual(
                    connection.request(url, headers=[("X-Word", "in")]).status,
                    200)
                self.assertEqual(connection.request(url).status, 200)
            self.assertEqual(squire.get(url).status, 403)

    def test_one_helper_is_told_what_another_said(self):
        with Asked("def decide(words):\n"
                   "    return 'OK tag=t1 user=al log=x room=r7'"
                   " if words[0] == 'first' else 'OK'",
                   form="%DATA %EXT_USER %TAG %EXT_LOG %note{room} %ACL",
                   rules="acl a external asker first\n"
                   "acl b external asker second\n"
                   "http_access allow a b\n") as squire:
            squire.get(self.origin.url("/"))
            self.assertEqual(squire.asked(),
                             ["first - - - - a", "second al t1 x r7 b"])

    def test_a_rewritten_url_is_asked_about_again(self):
        other = Origin({"/new": answer(200, b"new")})
        with Asked(says("OK store-id=x"), form="%URI %ru") as squire:
            rewriter = squire.rewriter(
                "def rewrite(url, extras):\n"
                f"    return 'OK rewrite-url={other.url('/new')}'")
            storer = squire.rewriter(
                "def rewrite(url, extras): return 'ERR'", name="storer.py")
            squire.write_conf(
                squire.define + "acl who external asker\n"
                "http_access allow who\n"
                f"url_rewrite_program {rewriter}\n"
                "url_rewrite_children 1 concurrency=5\n"
                f"store_id_program {storer}\n"
                "store_id_children 1 concurrency=5\n"
                "store_id_access allow who\n")
            squire.reconfigure()
            self.assertEqual(squire.get(self.origin.url("/")).body, b"new")
            old, new = self.origin.url("/"), other.url("/new")
            self.assertEqual(squire.asked(), [f"{old} {old}",
                                              f"{old} {new}"])
        other.close()


class Reconfigured(unittest.TestCase):
    def test_only_what_changed_is_replaced(self):
        origin = Origin({"/": answer(200, b"here")})
        with Asked(says("OK")) as squire:
            rewriter = squire.rewriter(
                "def rewrite(url, extras): return 'ERR'")
            conf = squire.define + ("acl who external asker\n"
                                    "http_access allow who\n"
                                    f"url_rewrite_program {rewriter}\n")
            squire.reconfigure(conf + "url_rewrite_children 2 startup=1 "
                               "concurrency=5\n")
            squire.get(origin.url("/"))

            def pids():
                return {pool["name"]: {helper["pid"]
                                       for helper in pool["helpers"]
                                       if helper["state"] == "ready"}
                        for pool in squire.helpers()}

            before = pids()
            self.assertEqual(set(before), {"external/asker", "url_rewrite"})
            squire.reconfigure(conf + "url_rewrite_children 2 startup=1 "
                               "concurrency=5\nvia off\n")
            self.assertEqual(pids(), before)
            squire.reconfigure(conf + "url_rewrite_children 2 startup=1 "
                               "concurrency=7 stderr=raw\n")
            self.assertEqual(squire.get(origin.url("/")).status, 200)
            after = pids()
            self.assertEqual(after["external/asker"], before["external/asker"])
            self.assertNotEqual(after["url_rewrite"], before["url_rewrite"])
            squire.reconfigure("http_access allow all\n")
            wait_for("the pools to end", lambda: squire.helpers() == [])
            self.assertEqual(squire.get(origin.url("/")).status, 200)
        origin.close()

    def test_rotation_replaces_those_that_write_to_the_log(self):
        origin = Origin({"/": answer(200, b"here")})
        for stderr, same in (("tag", True), ("raw", False)):
            with Asked(says("OK"), options=f"stderr={stderr} "
                       "children-startup=1 ttl=0") as squire:
                squire.get(origin.url("/"))
                before = squire.pool("external/asker")["helpers"][0]["pid"]
                squire.signal(squire_test.signal.SIGUSR1)
                wait_for("the rotation",
                         lambda: "logs reopened" in squire.log())
                self.assertEqual(squire.get(origin.url("/")).status, 200)
                now = [helper["pid"] for pool in squire.helpers()
                       for helper in pool["helpers"]
                       if helper["state"] == "ready"]
                self.assertEqual(before in now and len(now) == 1, same)
        origin.close()


class Confined(unittest.TestCase):
    """Options of the pool hold for its processes."""

    def test_environment_limits_and_rights(self):
        origin = Origin({"/": answer(200, b"here")})
        body = (
            "import resource\n"
            "status = dict(line.split(':', 1) for line in "
            "open('/proc/self/status'))\n"
            "told = ' '.join([\n"
            "    os.environ.get('ONLY', 'none'), str('HOME' in os.environ),\n"
            "    str(resource.getrlimit(resource.RLIMIT_NOFILE)[0]),\n"
            "    status['NoNewPrivs'].strip(), status['CapEff'].strip(),\n"
            "    os.getcwd()])\n"
            "def decide(words): return f'ERR message=\"{told}\"'")
        with Asked(body, options="env=ONLY=this env=PATH files-limit=33 "
                   "no-new-privs=on capabilities=none cwd=/usr") as squire:
            page = squire.get(origin.url("/")).body.decode()
            self.assertIn("this False 33 1 0000000000000000 /usr", page)
        origin.close()


@unittest.skipUnless(os.path.isdir(SQUID), "Squid's helpers are not here")
class RealHelpers(unittest.TestCase):
    """Squid's own helpers, unchanged."""

    def setUp(self):
        self.origin = Origin({"/": answer(200, b"here")})

    def tearDown(self):
        self.origin.close()

    def proxy(self, conf):
        squire = Squire(access="")
        squire.write_conf(conf.replace("FOLDER", squire.folder))
        return squire

    def ask(self, squire, *headers):
        return squire.get(self.origin.url("/"), list(headers))

    def test_file_userip(self):
        squire = self.proxy(
            "external_acl_type userip %SRC %>{X-User} "
            f"{SQUID}/ext_file_userip_acl -f FOLDER/userip\n"
            "acl ok external userip\nhttp_access allow ok\n")
        squire.write("userip", "127.0.0.1 al\n")
        with squire:
            self.assertEqual(self.ask(squire, ("X-User", "al")).status, 200)
            self.assertEqual(self.ask(squire, ("X-User", "bo")).status, 403)
            self.assertEqual(self.ask(squire, ("X-User", "a" * 8170)).status,
                             403)
            self.assertEqual(self.ask(squire, ("X-User", "al")).status, 200)

    def test_unix_group(self):
        squire = self.proxy(
            "external_acl_type unixgroup %>{X-User} "
            f"{SQUID}/ext_unix_group_acl -p\n"
            "acl ok external unixgroup root\nhttp_access allow ok\n")
        with squire:
            self.assertEqual(self.ask(squire, ("X-User", "root")).status, 200)
            self.assertEqual(self.ask(squire, ("X-User", "daemon")).status,
                             403)
            self.assertEqual(self.ask(squire, ("X-User", "no one")).status,
                             403)

    def test_time_quota(self):
        squire = self.proxy(
            "external_acl_type quota ttl=0 %>{X-User} "
            f"{SQUID}/ext_time_quota_acl -b FOLDER/quota.db FOLDER/quota\n"
            "acl ok external quota\nhttp_access deny !ok\n"
            "http_access allow all\n")
        squire.write("quota", "al 8h / 1d\nbo 1s / 1d\n")
        with squire:
            self.assertEqual(self.ask(squire, ("X-User", "al")).status, 200)

    def test_session(self):
        squire = self.proxy(
            "external_acl_type session concurrency=5 ttl=0 %SRC "
            f"{SQUID}/ext_session_acl -t 60 -b FOLDER/session.tdb\n"
            "acl ok external session\nhttp_access allow ok\n")
        if not make_tdb(squire.path("session.tdb")):
            self.skipTest("no libtdb")
        with squire:
            response = self.ask(squire)
            self.assertEqual(response.status, 403)
            self.assertIn(b"Welcome", response.body)

    def test_a_wrong_concurrency_is_told(self):
        squire = self.proxy(
            "external_acl_type unixgroup concurrency=5 attempts=1 timeout=3s "
            f"%>{{X-User}} {SQUID}/ext_unix_group_acl -p\n"
            "acl ok external unixgroup root\nhttp_access allow ok\n")
        with squire:
            self.assertEqual(self.ask(squire, ("X-User", "root")).status, 403)
            self.assertIn("concurrency", squire.log())


if __name__ == "__main__":
    squire_test.main()
