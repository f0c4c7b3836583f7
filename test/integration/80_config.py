#!/usr/bin/env python3
"""The configuration as operators meet it: squire -k parse, real files."""

import gzip
import os
import re
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "..", "support"))
import squire_test
from squire_test import Origin, Squire, answer

DEBIAN = "/etc/squid/squid.conf"
DOCUMENTED = "/usr/share/doc/squid-common/squid.conf.documented.gz"

# Each is put on line 2 of a file; what must be said about it.
WRONG = [
    ("http_port 127.0.0.1:99999", "2: error: expected PORT"),
    ("http_port 3129 intercept", "2: error: http_port: option \"intercept\""),
    ("http_port 3129 ssl-bump cert=/x generate-host-certificates=on",
     "2: error: http_port: option \"ssl-bump\" is not supported: TLS is not"),
    ("http_port 3129 require-proxy-header", "2: error: http_port: option"),
    ("http_port 3129 color=red", "2: error: http_port: there is no option"),
    ("acl who ident x\nhttp_access deny who",
     "3: error: acl who cannot be used: kind ident is not supported: clients"),
    ("acl bad user_cert nonsense x", "2: error: acl bad: \"nonsense\": expec"),
    ("acl bad connections_encrypted x", "2: error: acl bad: \"x\": the kind"),
    ("cache_mem 256 XB", "2: error: expected a size such as 64 KB"),
    ("read_timeout fast", "2: error: expected a time such as 30 seconds"),
    ("via yes", "2: error: expected on or off, not \"yes\""),
    ("forwarded_for never", "2: error: expected on, off, transparent"),
    ("acl bad src 10.0.0.0/33", "2: error: acl bad: \"10.0.0.0/33\": expec"),
    ("acl bad src 10.0.0.9-10.0.0.1", "2: error: acl bad: \"10.0.0.9-10.0.0"),
    ("acl bad dst %s.invalid" % ("x" * 64), "2: error: acl bad: the name x"),
    ("acl bad port 0-70000", "2: error: acl bad: \"0-70000\": expected a po"),
    ("acl bad url_regex *x", "2: error: acl bad: \"*x\": expected a POSIX"),
    ("acl bad dstdom .x.com", "2: error: acl bad: unknown kind \"dstdom\""),
    ("acl bad src \"/nonexistent\"", "2: error: acl bad: cannot read /non"),
    ("acl all port 80", "2: error: acl all is of kind src, not port"),
    ("http_access deny localhots",
     "2: error: no acl is called \"localhots\", did you mean \"localhost\"?"),
    ("http_access all allow", "2: error: expected: http_access allow|deny"),
    ("http_access allow \\\n all \\\n none", "2: error: no acl is called"),
    ("access_log pipe:/x", "2: error: expected FILE, stdio:FILE"),
    ("access_log syslog:demon.info squid",
     "2: error: access_log: \"syslog:demon.info\": expected FACILITY.PRIOR"),
    ("access_log udp://127.0.0.1 squid",
     "2: error: access_log: \"udp://127.0.0.1\": expected //HOST:PORT"),
    ("access_log tcp://host:99999 squid", "2: error: access_log: \"tcp://h"),
    ("access_log /x squid rotate=many", "2: error: rotate= expected a number"),
    ("access_log stdio:", "2: error: access_log: \"stdio:\": expected the"),
    ("access_log /x combind", "2: error: access_log: no logformat is called "
     "\"combind\", did you mean \"combined\"?"),
    ("access_log /x logformat=nothing", "2: error: access_log: no logformat"),
    ("access_log /x squid color=red", "2: error: access_log: \"color=red\""),
    ("access_log /x squid nobody", "2: error: no acl is called \"nobody\""),
    ("logformat x %>a %zz %ru", "2: error: logformat x: unknown code \"%zz\""),
    ("logformat x", "2: error: expected: logformat NAME TEXT"),
    ("logformat y \"a\\nb\"", "2: error: logformat y: a line of a log has no"),
    ("request_header_access Via", "2: error: expected: request_header_acc"),
    ("request_header_access Via maybe all",
     "2: error: expected: request_header_access NAME"),
    ("request_header_access V:a deny all", "2: error: request_header_access: \"V:a\" is"),
    ("reply_header_access Content-Length deny all",
     "2: error: reply_header_access: Content-Length cannot"),
    ("reply_header_replace All x",
     "2: error: reply_header_replace: expected the name of"),
    ("request_header_add X \"%zz\"",
     "2: error: request_header_add: unknown code"),
    ("request_header_add X y nobody", "2: error: no acl is called \"nobody"),
    ("reply_body_max_size huge", "2: error: expected a size such as"),
    ("reply_body_max_size 1 MB nobody", "2: error: no acl is called"),
    ("reply_body_max_size 0 nobody", "2: error: no acl is called"),
    ("range_offset_limit", "2: error: expected: range_offset_limit SIZE|none"),
    ("range_offset_limit -2", "2: error: expected a size such as"),
    ("range_offset_limit none nobody", "2: error: no acl is called"),
    ("cache_peer h parent 80 0 login=user",
     "2: error: login= expected USER:PASSWORD"),
    ("cache_peer h parent 80 0 connect-timeout=x",
     "2: error: connect-timeout= expected seconds"),
    ("cache_peer uplink parent 80 0\\\n no-query\n"
     "cache_peer_access uplnk allow all",
     "4: error: no cache_peer is called \"uplnk\", did you mean \"uplink"),
    ("cache_peer h sibling 80 0 name=sib\ncache_peer_access h allow all",
     "3: error: no cache_peer is called \"h\""),
    ("never_direct perhaps all", "2: error: expected: never_direct allow"),
    ("deny_info ERR_DNS_FAIL nobody", "2: error: deny_info: no acl is called"),
    ("deny_info 200:ERR_DNS_FAIL all", "2: error: deny_info 200:ERR_DNS_FAIL:"),
    ("deny_info 403:http://x/ all", "2: error: deny_info 403:http://x/: with"),
    ("deny_info ERR_DNS_FAIL", "2: error: expected: deny_info [STATUS:]PAGE"),
    ("umask 99", "2: error: expected an octal number from 0 to 0777"),
    ("max_filedescriptors 10", "2: error: expected 0 or a number from 64"),
    ("quick_abort_min -2", "2: error: expected a size such as"),
    ("forward_max_tries often", "2: error: expected a number from 0"),
    ("tcp_outgoing_address example.com", "2: error: expected an address, not"),
    ("tcp_outgoing_address 127.0.0.1 nobody", "2: error: no acl is called"),
    ("debug_options everything", "2: error: expected SECTION,LEVEL"),
    ("url_rewrite_program", "2: error: expected: url_rewrite_program"),
    ("url_rewrite_children 10 concurrency=lots",
     "2: error: concurrency= expected a number from 0, not \"lots\""),
    ("url_rewrite_children 10 \\\n startup=1 \\\n stderr=blue",
     "4: error: stderr= expected tag or raw, not \"blue\""),
    ("url_rewrite_timeout 5 seconds on_timeout=pray",
     "2: error: on_timeout= expected fail, bypass, retry"),
    ("refresh_pattern . 0 20%", "2: error: expected [-i] REGEX MIN PERCENT"),
    ("refresh_pattern ( 0 20% 4320", "2: error: \"(\": expected a POSIX"),
    ("refresh_pattern . x 20% 4320",
     "2: error: expected a number of minutes, not \"x\""),
    ("refresh_pattern . 0 % 4320", "2: error: expected N%, not \"%\""),
    ("refresh_pattern . 0 20% 4320 max-stale=x",
     "2: error: max-stale= expected a number of minutes, not \"x\""),
    ("include missing.conf", "2: error: include: no file "),
    ("acl bad src parameters(x)", "2: error: expected parameters(\"FILE\")"),
    ("acl bad src parameters(\"x\"", "2: error: expected parameters("),
    ("acl bad src parameters(\"/nonexistent\")",
     "2: error: acl bad: cannot read /nonexistent"),
    ("via parameters(\"x\")", "2: error: parameters() is for lines of acl"),
    ("visible_hostname \"x", "2: error: a quoted text does not end"),
]

# As those, but lines after them do not count, or count as others.
WRONG_CONDITIONS = [
    ("if 1\nendif", "2: error: if: expected true, false or NUMBER = NUMBER"),
    ("if yes\nvia maybe\nendif", "2: error: if: expected true, false"),
    ("if true\nvia on", "2: error: the if has no endif"),
    ("via on\nelse", "3: error: else without an if before it"),
    ("endif # x", "2: error: endif without an if before it"),
    ("if true\nelse\nelse\nendif", "4: error: else without an if"),
    ("if true\nelse if false\nendif", "3: error: else and endif stand alone"),
    ("if 1 = 2\nelse\nvia maybe\nendif", "4: error: expected on or off"),
]

WARNED = [
    ("wccp2_router 10.0.0.1", "2: warning: directive wccp2_router"),
    ("refresh_pattern . 0 20% 4320 ignore-moon",
     "2: warning: option \"ignore-moon\" of refresh_pattern"),
    ("acl bad http_status 500\nhttp_access deny bad",
     "acl bad is about the answer, which is not there yet"),
    ("acl bad http_status 500\nrequest_header_access Via deny bad",
     "acl bad is about the answer, which is not there yet"),
    ("cache_replacement_policy heap LFUDA", "2: warning: directive cache_replac"),
    ("deny_info ERR_ACESS_DENIED all",
     "2: warning: deny_info: there is no page \"ERR_ACESS_DENIED\" (did you"),
    ("auth_param ntlm max_challenge_reuses 0",
     "2: warning: auth_param ntlm max_challenge_reuses has no effect: a chall"),
    ("auth_param basic blankpassword off", "2: warning: auth_param basic bla"),
    ("refresh_pattern . 0 20% 4320 ignore-no-cache",
     "2: warning: option \"ignore-no-cache\" of refresh_pattern is not suppo"),
    ("cache_dir ufs /var/spool/squid 100 16 256",
     "2: warning: cache_dir: there are no stores of type \"ufs\", the line is "
     "ignored and nothing is kept on disk by it: say cache_dir lmdb DIRECTORY "
     "100,"),
    ("http_port 0 ignore-cc", "2: warning: http_port: option \"ignore-cc\" is"),
    ("acl who ident x", "2: warning: acl who: kind ident is not supported: c"),
    ("logformat x %dt %ui", "2: warning: logformat x: %dt is always - here"),
    ("logformat x %\"ssl::<cert", "2: warning: logformat x: %\"ssl::<cert is "),
    ("external_acl_type x %>eui /bin/cat", "2: warning: external_acl_type: %>"),
    ("acl bad user_cert CN", "2: warning: empty acl: acl bad has no pattern"),
    ("htp_port 80", "unknown directive \"htp_port\" (did you mean \"http_p"),
    ("acl manager proto cache_object", "2: warning: acl manager is built in"),
    ("logformat common %>a",
     "2: warning: logformat common is there already, the line is ignored"),
    ("logformat x %>a\nlogformat x %ru", "3: warning: logformat x is there"),
    ("cache_peer a.test sibling 3128 3130 name=sib\n"
     "cache_peer_access sib deny all",
     "3: warning: the cache_peer \"sib\" is ignored, and so is the line"),
    ("cache_peer a.test multicast 3128 3130\n"
     "cache_peer_access a.test allow all",
     "3: warning: the cache_peer \"a.test\" is ignored, and"),
    ("acl posts method post PUT", "2: warning: acl posts: \"post\" is taken as "
     "POST"),
    ("acl bad src", "2: warning: empty acl: acl bad has no value in this"),
    ("auth_param basic program /bin/cat\nacl bad max_user_ip -s",
     "3: warning: empty acl: acl bad has no value"),
    ("acl bad url_regex -i", "2: warning: empty acl: acl bad has no value"),
    ("acl bad src \"empty.list\"", "2: warning: empty acl: acl bad has no"),
    ("acl bad req_header User-Agent",
     "2: warning: empty acl: acl bad has no pattern in this line"),
    ("acl who ident REQUIRED", "2: warning: acl who: kind ident is not su"),
    ("acl odd src 10.1.2.3/8", "2: warning: acl odd: \"10.1.2.3/8\": the ma"),
    ("url_rewrite_children 5 on-persistent-overload=die",
     "2: warning: on-persistent-overload=die is taken as ERR"),
    ("url_rewrite_children 5 queue-size=0",
     "2: warning: queue-size=0 is taken as 1"),
    ("reply_header_max_size 1 MB", "2: warning: reply_header_max_size is taken as 96 KB"),
]


# As Squid's, with a value that asks for nothing else than is done.
SAME = """\
pconn_lifetime 0 seconds
acl secure connections_encrypted
http_access allow secure
http_port 3129 tcpkeepalive=60,30,3 disable-pmtu-discovery=always
cache_dir null /tmp
acl here myip 127.0.0.1
acl there myport 3128
http_access allow here there
access_log syslog squid
access_log syslog:local4.notice
access_log syslog:daemon|info combined
access_log udp://192.0.2.1:5555 squid manager
access_log tcp://[2001:db8::1]:5555 logformat=squid
access_log tcp://log.example.com:5555
icp_port 0
htcp_port 0
snmp_port 0
workers 1
delay_pools 0
icap_enable off
digest_generation off
hosts_file /etc/hosts
cache_replacement_policy lru
cache_store_log none
"""

# What sites have: nothing of it is warned of.
USUAL = """\
http_port 3128
http_port 0.0.0.0:8080 accel defaultsite=www.example.com vhost name=site
acl localnet src 10.0.0.0/8 fc00::/7
acl SSL_ports port 443 563
acl Safe_ports port 80 443 1025-65535
acl work time MTWHF 08:00-18:00
acl weekend time S A
acl bad dstdomain "deny.list"
acl badre dstdom_regex -i (^|\\.)casino
acl media rep_mime_type -i ^video/
acl exe urlpath_regex -i \\.exe$ \\.msi$
acl QUERY urlpath_regex cgi-bin \\?
acl users proxy_auth REQUIRED
acl some proxy_auth -i bob alice
acl office myportname 3128
acl robots browser -i bot spider
acl agents req_header User-Agent -i wget
acl greedy maxconn 20
acl nights any-of weekend !work
auth_param basic program /usr/lib/squid/basic_ncsa_auth /etc/squid/passwd
auth_param basic children 5
auth_param basic realm Squid proxy
http_access allow localhost manager
http_access deny manager
http_access deny !Safe_ports
http_access deny CONNECT !SSL_ports
http_access deny bad
http_access deny badre
http_access deny robots greedy
http_access deny exe nights
http_access allow localnet some
http_access allow localnet users
http_access deny all
http_reply_access deny media work
http_reply_access allow all
deny_info ERR_ACCESS_DENIED bad
deny_info 303:http://intranet/blocked?u=%u&c=%i badre
cache_peer up.example.com parent 3128 0 no-query default login=PASS no-digest
cache_peer 10.0.0.5 parent 80 0 no-query originserver name=web round-robin
cache_peer_access web allow all
cache_peer_access up.example.com deny office
never_direct allow !office
always_direct allow localnet
cache deny QUERY
cache_mem 512 MB
maximum_object_size 100 MB
minimum_object_size 0 KB
logformat own %{%H:%M:%S}tl %>a %[un "%rm %ru" %>Hs %<st "%{Referer}>h" %<tt
access_log daemon:/var/log/squid/access.log own !localhost
access_log stdio:/var/log/squid/combined.log combined
cache_log /var/log/squid/cache.log
logfile_rotate 7
strip_query_terms off
buffered_logs on
refresh_pattern -i \\.(gif|png|jpg)$ 1440 90% 10080
refresh_pattern . 0 20% 4320
quick_abort_min 0 KB
quick_abort_max 0 KB
negative_ttl 5 minutes
visible_hostname proxy.example.com
cache_mgr webmaster@example.com
httpd_suppress_version_string on
via off
forwarded_for delete
follow_x_forwarded_for allow localhost
request_header_access From deny all
request_header_access X-Forwarded-For deny all
request_header_replace User-Agent Mozilla/5.0
request_header_add X-Org "ACME %>a" localnet
reply_header_access X-Cache deny all
reply_body_max_size 50 MB media
range_offset_limit 10 MB !media
range_offset_limit 0 office
range_offset_limit none
tcp_outgoing_address 10.0.0.1 office
connect_timeout 30 seconds
half_closed_clients off
pconn_timeout 2 minutes
forward_max_tries 10
max_filedescriptors 65535
umask 027
cache_effective_user proxy
coredump_dir /var/spool/squid
"""


class Parse(unittest.TestCase):
    def setUp(self):
        self.squire = Squire()

    def parse(self, text, name="test.conf"):
        path = self.squire.write(name, text)
        return self.parse_file(path)

    def parse_file(self, path):
        result = subprocess.run(
            [self.squire.command()[0], "-f", path, "-k", "parse"],
            capture_output=True, check=False, timeout=squire_test.PATIENCE,
            text=True)
        self.assertIn(result.returncode, (0, 1), result.stderr)
        return result

    def test_each_error_names_its_place(self):
        for line, complaint in WRONG + WRONG_CONDITIONS:
            with self.subTest(line):
                result = self.parse(f"http_port 3128\n{line}\nvia on\n")
                self.assertEqual(result.returncode, 1)
                self.assertIn("/test.conf:" + complaint, result.stderr)
                self.assertEqual(result.stderr.count("error:"), 1)
                self.assertEqual(result.stdout, "")

    def test_each_warning_names_its_place(self):
        self.squire.write("empty.list", "# nobody yet\n\n")
        for line, complaint in WARNED:
            with self.subTest(line):
                result = self.parse(f"http_port 3128\n{line}\nvia on\n")
                self.assertEqual(result.returncode, 0, result.stderr)
                self.assertRegex(result.stderr,
                                 "/test.conf:[23]: warning: ")
                self.assertIn(complaint, result.stderr)
                self.assertIn("http_port 3128", result.stdout)

    def test_all_errors_are_told_at_once(self):
        text = "".join(line + "\n" for line, _ in WRONG if "\"x" not in line or
                       "parameters" in line)
        result = self.parse(text)
        self.assertEqual(result.returncode, 1)
        self.assertGreaterEqual(result.stderr.count(": error: "),
                                len(WRONG) - 2)

    def test_errors_in_included_files(self):
        os.mkdir(self.squire.path("conf.d"))
        self.squire.write("conf.d/10-good.conf", "acl ten src 10.0.0.0/8\n")
        self.squire.write("conf.d/20-bad.conf", "\n\nacl ten src 10.0.0.256\n")
        self.squire.write("names", "# ours\na.example\nhttp://b.example/\n")
        result = self.parse("http_port 3128\ninclude conf.d/*.conf\n"
                            "acl names dstdomain \"names\"\n"
                            "http_access allow ten names\n")
        self.assertEqual(result.returncode, 1)
        self.assertIn("/conf.d/20-bad.conf:3: error: acl ten: ",
                      result.stderr)
        self.assertIn("/names:3: error: acl names: ", result.stderr)
        self.assertEqual(result.stderr.count("error:"), 2)

    def test_the_table_says_where_values_come_from(self):
        self.squire.write("more.conf", "\ncache_mem 2048 MB\n")
        result = self.parse("http_port 3128\ncache_mem 1 GB\n"
                            "include more.conf\nread_timeout 90 seconds\n")
        self.assertEqual(result.returncode, 0, result.stderr)
        rows = dict(re.findall(r"^(\w+) .*# (.*)$", result.stdout, re.M))
        self.assertRegex(rows["http_port"], r"/test\.conf:1$")
        self.assertRegex(rows["cache_mem"], r"/more\.conf:2$")
        self.assertRegex(rows["read_timeout"], r"/test\.conf:4$")
        self.assertEqual(rows["connect_timeout"], "default")
        self.assertRegex(result.stdout, r"(?m)^cache_mem 2 GB ")
        self.assertRegex(result.stdout, r"(?m)^# manager_port is not set$")

    def test_the_table_can_be_parsed_again(self):
        first = self.parse("http_port 127.0.0.1:3128 name=\"a b\"\n"
                           "url_rewrite_program /bin/x \"two words\" # c\n"
                           "acl x url_regex -i a|b \\.gif$\n"
                           "logformat f %ts \"%{Referer}>h\" [%'un] #%ru \n"
                           "access_log /x f\n"
                           "http_access deny x\n")
        second = self.parse(first.stdout)
        self.assertEqual(second.returncode, 0, second.stderr)

        def values(text):
            return [re.sub(r" *# .*", "", line) for line in
                    text.splitlines() if not line.startswith("#")]
        self.assertEqual(values(first.stdout), values(second.stdout))

    def test_what_sites_have_is_accepted_without_a_word(self):
        self.squire.write("deny.list", "bad.example\n.ads.example\n")
        result = self.parse(USUAL)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual(result.stderr, "")
        second = self.parse(result.stdout)
        self.assertEqual(second.returncode, 0, second.stderr)

    def test_what_is_done_instead_is_told(self):
        for line, instead in (
                ("delay_pools 2", "no limit is applied"),
                ("icap_enable on", "nothing is scanned or changed"),
                ("ssl_bump peek all", "tunnels are passed through"),
                ("dns_nameservers 10.0.0.1", "looked up by the system"),
                ("icp_port 3130", "neither asked nor answered by ICP")):
            result = self.parse(f"http_port 3128\n{line}\n")
            self.assertRegex(result.stderr,
                             f"conf:2: warning: .* is ignored: .*{instead}")
            self.assertEqual(result.returncode, 0)

    def test_conditions_and_macros(self):
        self.squire.write("a.list", "10.1.0.0/16 # home\n#\n10.2.0.0/16\t#x\n")
        result = self.parse(
            "http_port 3128\n"
            "if ${process_number} = 1\n"
            "  visible_hostname ${process_name}.test\n"
            "  if 2 = -2 # never\n"
            "    nonsense \"without an end\n"
            "    if true\n      via off\n    else\n      via off\n    endif\n"
            "  else\n"
            "    cache_mgr ${service_name} $x ${nothing}\n"
            "  endif\n"
            "else\n"
            "  via off\n"
            "endif\n"
            "configuration_includes_quoted_values on\n"
            "acl spaced browser \"Mozilla 4\"\n"
            "acl nets src parameters(\"a.list\")\n"
            "configuration_includes_quoted_values off\n"
            "acl nets src \"a.list\"\n")
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        for line in ("visible_hostname squire1.test ",
                     "cache_mgr squire $x ${nothing} ", "via on "):
            self.assertIn("\n" + line, result.stdout)

    def test_an_if_ends_in_its_file(self):
        self.squire.write("part.conf", "if true\n")
        result = self.parse("http_port 3128\ninclude part.conf\nendif\n")
        self.assertRegex(result.stderr, "part.conf:1: error: the if has no")
        self.assertRegex(result.stderr, "conf:3: error: endif without an if")

    def test_values_that_mean_the_same_are_no_warning(self):
        result = self.parse("http_port 3128\n" + SAME)
        self.assertEqual((result.returncode, result.stderr), (0, ""))

    def test_no_file(self):
        result = self.parse_file("/nonexistent/squire.conf")
        self.assertEqual(result.returncode, 1)
        self.assertIn("/nonexistent/squire.conf: error: cannot read: No such "
                      "file or directory", result.stderr)

    def test_odd_octets(self):
        path = self.squire.path("odd.conf")
        with open(path, "wb") as file:
            file.write(b"http_port 3128\n" + bytes(range(256)) + b"\n" +
                       b"\\\n" * 1000 + b"x" * 100000)
        self.assertEqual(self.parse_file(path).returncode, 1)

    @unittest.skipUnless(os.path.exists(DEBIAN), "no Squid installed")
    def test_squids_own_configuration_is_accepted(self):
        result = self.parse_file(DEBIAN)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertNotIn("error", result.stderr)
        for line in result.stderr.splitlines():
            self.assertRegex(line, "^/etc/squid/.*: warning: directive .* is "
                                   "not supported, the line is ignored: ")


    @unittest.skipUnless(os.path.exists(DOCUMENTED), "no Squid installed")
    def test_every_directive_of_squid_is_known_by_name(self):
        with gzip.open(DOCUMENTED, "rt", encoding="utf-8") as file:
            names = re.findall(r"(?m)^#  TAG: ([\w.]+)", file.read())
        self.assertGreater(len(names), 300)
        result = self.parse("http_port 3128\n" + "".join(
            name + "\n" for name in names))
        self.assertNotIn("unknown directive", result.stderr)

    @unittest.skipUnless(os.path.exists(DOCUMENTED), "no Squid installed")
    def test_squids_defaults_written_out_are_no_error(self):
        with gzip.open(DOCUMENTED, "rt", encoding="utf-8") as file:
            parts = re.split(r"(?m)^#  TAG: ", file.read())[1:]
        lines = []
        for part in parts:
            name = re.match(r"[\w.]+", part).group()
            default = re.search(r"(?m)^#Default:\n((?:# .*\n)+)", part)
            lines += [line[2:] for line in
                      (default.group(1) if default else "").splitlines()
                      if line.startswith(f"# {name} ")]
        self.assertGreater(len(lines), 150)
        result = self.parse("http_port 3128\n" + "\n".join(lines) + "\n")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertNotIn("unknown", result.stderr)

    @unittest.skipUnless(os.path.exists(DEBIAN), "no Squid installed")
    def test_squids_own_configuration_runs(self):
        with open(DEBIAN, encoding="utf-8") as file:
            text = file.read()
        squire = Squire()
        text = re.sub(r"(?m)^http_port 3128$", "", text)
        text = re.sub(r"(?m)^coredump_dir .*$", "", text)
        squire.access = text
        squire.write_conf("")
        origin = Origin({"/": answer(200, b"x")})
        with squire:
            # Its port is not one of Safe_ports unless it is a high one.
            self.assertGreater(origin.port, 1024)
            self.assertEqual(squire.get(origin.url("/")).status, 200)
            self.assertEqual(squire.get("http://127.0.0.1:25/").status, 403)
            with squire.connect() as connection:
                self.assertEqual(connection.request(
                    origin.authority, method="CONNECT").status, 403)
        origin.close()


class CommandLine(unittest.TestCase):
    def run_squire(self, *arguments):
        command = Squire().command()[:1]
        return subprocess.run([*command, *arguments], capture_output=True,
                              check=False, text=True,
                              timeout=squire_test.PATIENCE)

    def test_version(self):
        result = self.run_squire("-v")
        self.assertEqual(result.returncode, 0)
        self.assertRegex(result.stdout, r"^squire \d+\.\d+")

    def test_help(self):
        result = self.run_squire("-h")
        self.assertEqual(result.returncode, 0)
        self.assertIn("-k", result.stdout)

    def test_wrong_words(self):
        for arguments in (["-k", "explode"], ["-x"], ["more"], ["-f"]):
            result = self.run_squire(*arguments)
            self.assertNotEqual(result.returncode, 0)
            self.assertRegex(result.stderr, "^squire: ")

    def test_upgrade_is_to_come(self):
        squire = Squire()
        result = self.run_squire("-f", squire.path("squire.conf"), "-k",
                                 "upgrade")
        self.assertEqual(result.returncode, 1)
        self.assertIn("not supported yet", result.stderr)


class Running(unittest.TestCase):
    def control(self, squire, *arguments):
        return subprocess.run(squire.command("-k", *arguments),
                              capture_output=True, check=False, text=True,
                              timeout=squire_test.PATIENCE)

    def test_a_bad_configuration_is_not_sent(self):
        origin = Origin({"/": answer(200, b"x")})
        with Squire() as squire:
            squire.write_conf("http_access deny nonesuch\n")
            result = self.control(squire, "reconfigure")
            self.assertEqual(result.returncode, 1)
            self.assertIn("squire.conf:", result.stderr)
            self.assertIn("error: no acl is called \"nonesuch\"",
                          result.stderr)
            self.assertEqual(squire.get(origin.url("/")).status, 200)
            # It does not hinder the other words either.
            self.assertEqual(self.control(squire, "check").returncode, 0)
            squire.write_conf("")
            result = self.control(squire, "reconfigure")
            self.assertEqual(result.returncode, 0, result.stderr)
        origin.close()

    def test_acls_decide(self):
        origin = Origin({"/good": answer(200, b"x"),
                         "/bad": answer(200, b"x")})
        access = ("acl bad urlpath_regex ^/bad\n"
                  "acl post method POST\n"
                  "acl home dst 127.0.0.0/8\n"
                  "http_access deny bad\n"
                  "http_access deny post\n"
                  "http_access allow localhost home\n"
                  "http_access deny all\n")
        with Squire(access=access) as squire:
            self.assertEqual(squire.get(origin.url("/good")).status, 200)
            denied = squire.get(origin.url("/bad"))
            self.assertEqual(denied.status, 403)
            self.assertRegex(denied.get("X-Squire-Error"),
                             "^ERR_ACCESS_DENIED ")
            self.assertIn(b"ERR_ACCESS_DENIED", denied.body)
            self.assertEqual(
                squire.get(origin.url("/good"), method="POST",
                           body=b"").status, 403)
            port = origin.url("/").split(":")[2].split("/")[0]
            self.assertEqual(squire.get(
                f"http://localhost:{port}/good").status, 200,
                "the name is looked up for dst")
            lines = squire.wait_logged(4)
            self.assertEqual(lines[1][3], "TCP_DENIED/403")
        origin.close()

    def test_queries_are_left_out_of_the_access_log(self):
        origin = Origin({"/q?secret": answer(200, b"x")})
        with Squire("strip_query_terms on\n") as squire:
            squire.get(origin.url("/q?secret"))
            squire.wait_logged(1)
            squire.reconfigure("strip_query_terms off\n")
            squire.get(origin.url("/q?secret"))
            urls = [line[6] for line in squire.wait_logged(2)]
        self.assertEqual(urls, [origin.url("/q?"), origin.url("/q?secret")])
        origin.close()


if __name__ == "__main__":
    squire_test.main()
