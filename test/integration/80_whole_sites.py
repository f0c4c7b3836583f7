#!/usr/bin/env python3
"""Whole configurations as sites have them, moved over from Squid: what is said
of them, and what clients get."""

import os
import re
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "..", "support"))
import squire_test  # noqa: E402
from auth_test import HELPER, basic  # noqa: E402
from squire_test import Origin, Squire, answer, wait_for  # noqa: E402


class Site(unittest.TestCase):
    """conf is all but ports, files of the run and programs."""

    def setUp(self):
        self.origin = Origin({
            "/": answer(200, b"hello", "Cache-Control: no-store",
                        "Server: nginx", "Content-Type: text/html"),
            "/kept.png": answer(200, b"png", "Last-Modified: Mon, 02 Jan 2023 "
                                "00:00:00 GMT", "Content-Type: image/png"),
            "/film": answer(200, b"film", "Content-Type: video/mp4")})
        self.addCleanup(self.origin.close)

    def helper(self, squire, name, body):
        path = squire.write(name + ".py", HELPER.format(
            body=body, seen=squire.path(name + ".seen")))
        return f"{sys.executable} {path}"

    def run_site(self, squire, conf, warned=()):
        """Start with conf; warned are the words that its warnings, one a
        line, begin with."""
        squire.access = ""
        squire.write_conf(conf)
        parse = subprocess.run(squire.command("-k", "parse"), text=True,
                               capture_output=True, check=False,
                               timeout=squire_test.PATIENCE)
        self.assertEqual(parse.returncode, 0, parse.stderr)
        said = re.findall(r"(?m)^\S*squire\.conf:\d+: warning: (.*)$",
                          parse.stderr)
        self.assertEqual(len(said), parse.stderr.count("\n"), parse.stderr)
        self.assertEqual(len(said), len(warned), parse.stderr)
        for line, words in zip(said, warned):
            self.assertTrue(line.startswith(words), f"{line}: {words}")
        squire.start()
        self.addCleanup(squire.stop)

    def status(self, squire, *fields, path="/", **more):
        return squire.get(self.origin.url(path), headers=fields, **more).status


class School(Site):
    CONF = """\
auth_param basic program {ldap}
auth_param basic children 5 startup=1 idle=1
auth_param basic realm School
auth_param basic credentialsttl 2 hours
auth_param basic casesensitive off
external_acl_type ldap_group ttl=300 children-max=2 %LOGIN {group}
acl localnet src 10.0.0.0/8 127.0.0.0/8
acl Safe_ports port 80 21 443 1025-65535
acl SSL_ports port 443
acl teachers external ldap_group teachers
acl pupils external ldap_group pupils
acl lessons time SMTWHFA 00:00-24:00
acl bad dstdomain "bad.list"
acl words url_regex -i "words.list"
acl films rep_mime_type -i ^video/
acl many max_user_ip -s 5
acl login urllogin -i .
http_access deny manager
http_access deny !Safe_ports
http_access deny CONNECT !SSL_ports
http_access deny bad
http_access deny words
http_access deny login
http_access deny many
http_access allow localnet teachers
http_access allow localnet pupils lessons
http_access deny all
http_reply_access deny films !teachers
http_reply_access allow all
deny_info http://portal.test/blocked?url=%u bad
deny_info ERR_SCHOOL words
reply_body_max_size 50 MB pupils
delay_pools 1
delay_access 1 allow pupils
cache_dir ufs /var/spool/squid 100 16 256
refresh_pattern -i (/cgi-bin/|\\?) 0 0% 0
refresh_pattern . 0 20% 4320
forwarded_for delete
via off
error_default_language de
hosts_file /etc/hosts
"""
    WARNED = ("directive delay_pools is not", "directive delay_access is",
              "cache_dir: there are no stores of type \"ufs\"",
              "directive error_default_language is",
              "deny_info: there is no page \"ERR_SCHOOL\"")

    def test_school(self):
        squire = Squire()
        squire.write("bad.list", "# games\n.bad.test\t# and below\n")
        squire.write("words.list", "casino\n")
        self.run_site(squire, self.CONF.format(
            ldap=self.helper(squire, "ldap", "def reply(line):\n    return "
                             "'OK' if line.endswith(' secret') else 'ERR'"),
            group=self.helper(squire, "group", "def reply(line):\n    user, "
                              "group = line.split()\n    return 'OK' if "
                              "group.startswith(user) else 'ERR'")),
            self.WARNED)
        teacher = basic("teacher", "secret")
        pupil = basic("pupil", "secret")
        self.assertEqual(self.status(squire), 407)
        self.assertEqual(self.status(squire, basic("pupil", "wrong")), 407)
        self.assertEqual(self.status(squire, pupil), 200)
        request = self.origin.last()
        self.assertIsNone(request.get("Via"))
        self.assertIsNone(request.get("X-Forwarded-For"))
        self.assertEqual(self.status(squire, basic("guest", "secret")), 403)
        self.assertEqual(self.status(squire, pupil, path="/film"), 403)
        self.assertEqual(self.status(squire, teacher, path="/film"), 200)
        response = squire.get("http://www.bad.test/x", headers=[pupil])
        self.assertEqual(response.get("Location"), "http://portal.test/"
                         "blocked?url=http%3A%2F%2Fwww.bad.test%2Fx")
        response = squire.get("http://a.test/Casino", headers=[pupil])
        self.assertEqual(response.status, 403)
        self.assertIn(b"ERR_SCHOOL", response.body)
        self.assertEqual(squire.get("http://a.test:25/",
                                    headers=[pupil]).status, 403)
        self.assertEqual(squire.get("cache_object://x/info").status, 403)


class Provider(Site):
    CONF = """\
icp_port 0
snmp_port 0
acl QUERY urlpath_regex cgi-bin \\?
hierarchy_stoplist cgi-bin ?
no_cache deny QUERY
acl customers src 192.0.2.0/24 127.0.0.0/255.0.0.0
acl crowd maxconn 50
cache_mem 64 MB
memory_replacement_policy lru
cache_replacement_policy heap LFUDA
memory_pools off
maximum_object_size 300 MB
quick_abort_min 0 KB
quick_abort_max 0 KB
half_closed_clients off
reload_into_ims on
pipeline_prefetch 1
request_header_max_size 64 KB
refresh_pattern -i \\.(gif|png|jpg)$ 10080 90% 43200 override-expire ignore-no-cache
refresh_pattern . 0 40% 40320
logfile_rotate 7
access_log stdio:{folder}/native.log squid customers
access_log none QUERY
access_log {folder}/common.log common
useragent_log {folder}/agents.log
http_access deny manager !localhost
http_access deny crowd
http_access allow customers
http_access deny all
miss_access allow customers
unique_hostname cache1.isp.test
visible_hostname cache.isp.test
workers 2
tcp_outgoing_tos 0x20 customers
"""
    WARNED = ("directive hierarchy_stoplist", "directive cache_replacement",
              "directive pipeline_prefetch", "option \"ignore-no-cache\"",
              "directive workers",
              "directive tcp_outgoing_tos")

    def test_provider(self):
        squire = Squire()
        self.run_site(squire, self.CONF.format(folder=squire.folder),
                      self.WARNED)
        agent = ("User-Agent", "Mozilla")
        for _ in range(2):
            self.assertEqual(self.status(squire, agent, path="/kept.png"), 200)
            self.assertEqual(self.status(squire, agent, path="/kept.png?q"),
                             200)
        self.assertEqual(self.origin.count("/kept.png"), 1 + 2)
        self.assertIn("cache1.isp.test", self.origin.last().get("Via"))
        wait_for("the logs", lambda: [squire.read(name + ".log").count("\n")
                                      for name in ("native", "common",
                                                   "agents")] == [4, 2, 2])
        self.assertRegex(squire.read("common.log").splitlines()[1],
                         r'^127\.0\.0\.1 - - \[.*\] "GET .*/kept\.png HTTP/1\.1'
                         r'" 200 \d+ TCP_MEM_HIT:HIER_NONE$')
        self.assertEqual(squire.get(
            "cache_object://localhost/counters").status, 200)


class Office(Site):
    CONF = """\
if ${{process_number}} = 1
auth_param ntlm program /bin/cat
auth_param ntlm children 2
auth_param ntlm keep_alive off
auth_param ntlm max_challenge_reuses 0
endif
auth_param basic program {ldap}
auth_param basic children 2
authenticate_ttl 1 hour
authenticate_cache_garbage_interval 1 hour
acl inner dst 127.0.0.2
acl office src 127.0.0.1
acl auth proxy_auth REQUIRED
acl boss proxy_auth -i Boss
acl PURGE method PURGE
http_access allow PURGE localhost
http_access deny PURGE
http_access deny !auth
http_access allow office
http_access deny all
always_direct allow inner
never_direct allow all
cache_peer 127.0.0.1 parent {port} 0 no-query default login=PASSTHRU name=up no-digest
cache_peer 127.0.0.1 parent {port} 0 no-query login=*:pw userhash max-conn=100 name=hashed
cache_peer_access hashed deny boss
cache_peer_domain hashed .test
header_access From deny all
request_header_access User-Agent deny all
request_header_replace User-Agent Office/1.0
client_request_buffer_max_size 100 MB
icap_enable off
cachemgr_passwd disable all
persistent_request_timeout 2 minutes
"""
    WARNED = ("auth_param ntlm max_challenge_reuses has no effect",
              "directive authenticate_cache_garbage_interval",
              "option \"max-conn=\" of cache_peer",
              "directive client_request_buffer_max_size")

    def test_office(self):
        parent = Origin({"http://a.test/": answer(200, b"parent")})
        self.addCleanup(parent.close)
        squire = Squire()
        self.run_site(squire, self.CONF.format(
            port=parent.port,
            ldap=self.helper(squire, "ldap",
                             "def reply(line):\n    return 'OK'")),
            self.WARNED)
        response = squire.get("http://a.test/")
        self.assertEqual(response.status, 407)
        self.assertEqual(response.get_all("Proxy-Authenticate"),
                         ["NTLM", 'Basic realm="Squire proxy"'])
        for user, sent, way in (
                ("eve", basic("eve", "pw")[1], "USERHASH_PARENT"),
                ("boss", basic("boss", "x")[1], "DEFAULT_PARENT")):
            response = squire.get("http://a.test/", headers=[
                basic(user, "x"), ("From", "me"), ("User-Agent", "curl")])
            self.assertEqual(response.body, b"parent")
            request = parent.last()
            self.assertEqual(request.get("Proxy-Authorization"), sent)
            self.assertEqual(request.get("User-Agent"), "Office/1.0")
            self.assertIsNone(request.get("From"))
            self.assertIn(way, squire.wait_logged(
                2 if user == "eve" else 3)[-1][8])
        self.assertEqual(squire.get("cache_object://x/info", headers=[
            basic("eve", "x")]).status, 401)


class Accelerator(Site):
    CONF = """\
http_port 127.0.0.1:0 accel defaultsite=www.one.test vhost ignore-cc
cache_peer 127.0.0.1 parent {one} 0 no-query originserver name=one round-robin
cache_peer 127.0.0.1 parent {two} 0 no-query originserver name=two front-end-https=auto
acl site1 dstdomain www.one.test
acl site2 dstdomain www.two.test
acl admin urlpath_regex ^/admin
acl office src 203.0.113.0/24
cache_peer_access one allow site1
cache_peer_access one deny all
cache_peer_access two allow site2
cache_peer_access two deny all
http_access deny !office admin
http_access allow site1
http_access allow site2
http_access deny all
reply_header_access Server deny all
reply_header_replace Server WWW
request_header_add X-Forwarded-Proto http all
logformat combined2 %>a %[ui %[un [%tl] "%rm %ru HTTP/%rv" %>Hs %<st "%{{Referer}}>h" "%{{User-Agent}}>h" %Ss:%Sh
access_log stdio:{folder}/combined.log logformat=combined2 site1
deny_info TCP_RESET admin
httpd_accel_surrogate_id edge
"""
    WARNED = ("http_port: option \"ignore-cc\"",
              "option \"front-end-https=\"",
              "directive httpd_accel_surrogate_id")

    def test_two_sites(self):
        two = Origin({"/": answer(200, b"two")})
        self.addCleanup(two.close)
        squire = Squire()
        self.run_site(squire, self.CONF.format(
            one=self.origin.port, two=two.port, folder=squire.folder),
            self.WARNED)

        def ask(path, *fields):
            with squire.connect() as connection:
                connection.send("".join(f"{line}\r\n" for line in (
                    f"GET {path} HTTP/1.1", *fields, "")))
                return connection.read_response()

        one, other = "Host: www.one.test", "Host: www.two.test"
        response = ask("/", one, "Referer: http://r.test/")
        self.assertEqual((response.body, response.get("Server")),
                         (b"hello", "WWW"))
        self.assertEqual(self.origin.last().get("Host"), "www.one.test")
        self.assertEqual(self.origin.last().get("X-Forwarded-Proto"), "http")
        self.assertEqual(ask("/", other).body, b"two")
        self.assertEqual(ask("/", "Host: www.three.test").status, 403)
        with self.assertRaises(OSError):
            ask("/admin/", one)
        wait_for("the line", lambda: squire.read("combined.log"))
        self.assertRegex(
            squire.read("combined.log"),
            r'^127\.0\.0\.1 - - \[[^]]*\] "GET http://www\.one\.test/ '
            r'HTTP/1\.1" 200 \d+ "http://r\.test/" "-" '
            r'TCP_MISS:ROUNDROBIN_PARENT\n')


class Filter(Site):
    """As pfSense writes it, with squidGuard behind, and its logs for SARG and
    lightsquid."""
    CONF = """\
icp_port 0
digest_generation off
dns_v4_first off
pid_filename {folder}/squid.pid
error_default_language en
icon_directory /usr/local/etc/squid/icons
cache_store_log none
netdb_filename {folder}/netdb.state
pinger_enable off
debug_options rotate=7
forwarded_for on
uri_whitespace strip
acl dynamic urlpath_regex cgi-bin \\?
cache deny dynamic
offline_mode off
cache_swap_low 90
cache_dir null /tmp
acl donotcache dstdomain "{folder}/nocache"
cache deny donotcache
cache allow all
acl allsrc src all
acl safeports port 21 70 80 443 1025-65535
acl sslports port 443
acl purge method PURGE
acl connect method CONNECT
acl HTTP proto HTTP
acl banned_hosts src "{folder}/empty"
acl whitelist dstdom_regex -i "{folder}/white"
acl youtube dstdomain -n www.youtube.com
http_access allow manager localhost
http_access deny manager
http_access allow purge localhost
http_access deny purge
http_access deny !safeports
http_access deny CONNECT !sslports
http_access deny banned_hosts
http_access allow whitelist
http_access allow localhost
http_access deny allsrc
request_header_access YouTube-Restrict deny all
request_header_add YouTube-Restrict moderate youtube
redirect_program {guard}
redirector_bypass off
url_rewrite_children 3 startup=1 idle=1 concurrency=0
delay_pools 0
icap_enable off
ssl_bump splice all
logformat sarg %ts.%03tu %6tr %>a %Ss/%03>Hs %<st %rm %ru %un %Sh/%<A %mt
access_log {folder}/sarg.log sarg
"""
    WARNED = ("directive error_default_language", "directive icon_directory",
              "directive netdb_filename", "directive uri_whitespace",
              "directive cache_swap_low", "empty acl: acl donotcache",
              "empty acl: acl banned_hosts", "directive ssl_bump")

    def test_filter(self):
        squire = Squire()
        for name, text in (("nocache", "\n"), ("empty", ""),
                           ("white", "^ok\\.\n")):
            squire.write(name, text)
        guard = self.helper(
            squire, "guard", "def reply(line):\n    return ('302:http://"
            "block.test/?' + line.split()[1]) if '/film' in line else ''")
        self.run_site(squire, self.CONF.format(folder=squire.folder,
                                               guard=guard), self.WARNED)
        self.assertEqual(self.status(squire), 200)
        self.assertEqual(
            squire.get(self.origin.url("/film")).get("Location"),
            "http://block.test/?127.0.0.1/-")
        self.assertEqual(self.status(squire, method="PURGE"), 404)
        wait_for("the lines", lambda: squire.read("sarg.log").count("\n") == 3)
        self.assertRegex(
            squire.read("sarg.log").splitlines()[0],
            rf"^\d+\.\d{{3}} +\d+ 127\.0\.0\.1 TCP_MISS/200 \d+ GET "
            rf"{self.origin.url('/')} - HIER_DIRECT/127\.0\.0\.1 text/html$")


class Templates(Site):
    """As ansible roles write it, with WPAD and pieces in conf.d."""
    CONF = """\
# Ansible managed
acl localhost src 127.0.0.1/32 ::1
acl to_localhost dst 127.0.0.0/8 0.0.0.0/32 ::1
acl all src all
acl manager proto cache_object
acl Safe_ports port 80 443 1025-65535
acl CONNECT method CONNECT
acl SSL_ports port 443
acl wpad urlpath_regex ^/wpad\\.dat$ ^/proxy\\.pac$
include {folder}/conf.d/*.conf
include {folder}/conf.d/*.none
http_access deny !Safe_ports
http_access deny CONNECT !SSL_ports
http_access allow localhost manager
http_access deny manager
http_access allow lan
http_access deny all
access_log none wpad
logfile_daemon {daemon}
access_log daemon:{folder}/daemon.log squid
coredump_dir {folder}
refresh_pattern ^ftp: 1440 20% 10080
refresh_pattern . 0 20% 4320
visible_hostname ${{service_name}}.test
client_lifetime 1 day
"""

    def test_pieces(self):
        squire = Squire()
        os.mkdir(squire.path("conf.d"))
        squire.write("conf.d/10-lan.conf", "acl lan src 10.0.0.0/8\n")
        squire.write("conf.d/20-here.conf",
                     "acl lan src 127.0.0.1/32\nlogfile_rotate 0\n")
        self.run_site(squire, self.CONF.format(
            folder=squire.folder,
            daemon=os.path.join(squire_test.BUILD, "helpers", "log_file")),
            ("acl manager is built in",))
        self.assertEqual(self.status(squire), 200)
        self.assertIn("squire.test", self.origin.last().get("Via"))
        self.assertEqual(self.status(squire, path="/wpad.dat"), 404)
        self.assertEqual(squire.get("http://127.0.0.1:22/").status, 403)
        with squire.connect() as connection:
            self.assertEqual(connection.request(
                "a.test:25", method="CONNECT").status, 403)
        self.assertEqual(squire.get("cache_object://x/menu").status, 200)
        wait_for("the daemon's lines",
                 lambda: squire.read("daemon.log").count("\n") == 4)
        self.assertNotIn("wpad", squire.read("daemon.log"))


if __name__ == "__main__":
    squire_test.main()
