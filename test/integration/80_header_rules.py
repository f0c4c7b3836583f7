#!/usr/bin/env python3
"""Rules about fields and about answers: request_header_access and its like,
http_reply_access, reply_body_max_size."""

import os
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "..", "support"))
import squire_test  # noqa: E402
from squire_test import Origin, Squire, answer  # noqa: E402


def without_length(request, sock):
    """10 pieces of 1000 octets and the end of the connection."""
    del request
    sock.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
    for _ in range(10):
        sock.sendall(b"x" * 1000)


class Fields(unittest.TestCase):
    def setUp(self):
        self.origin = Origin({
            "/": answer(200, b"hello", "Server: nginx", "X-Two: 2",
                        "Content-Type: text/html"),
            "/kept": answer(200, b"0123456789", "Server: nginx",
                            "Cache-Control: max-age=60", "ETag: \"e\""),
            "/zip": answer(200, b"PK", "Content-Type: application/zip"),
            "/long": without_length})
        self.addCleanup(self.origin.close)

    def asked(self, squire, headers, path="/"):
        self.assertEqual(
            squire.get(self.origin.url(path), headers=headers).status, 200)
        return self.origin.last()

    def test_fields_of_requests_are_left_out(self):
        with Squire("acl ours src 127.0.0.1\n"
                    "request_header_access From deny ours\n"
                    "request_header_access Cookie allow ours\n"
                    "request_header_access Cookie deny all\n"
                    "request_header_access Via deny all\n") as squire:
            request = self.asked(squire, [("From", "me"), ("Cookie", "a=1"),
                                          ("X-One", "1"), ("from", "you")])
        self.assertIsNone(request.get("From"))
        self.assertIsNone(request.get("Via"))
        self.assertEqual(request.get("Cookie"), "a=1")
        self.assertEqual(request.get("X-One"), "1")

    def test_all_and_other(self):
        with Squire("request_header_access Accept allow all\n"
                    "request_header_access X-Good allow all\n"
                    "request_header_access Other deny all\n") as squire:
            request = self.asked(squire, [
                ("Accept", "*/*"), ("X-Good", "1"), ("X-Bad", "1"),
                ("Referer", "http://r.test/")])
            self.assertIsNone(request.get("X-Bad"))
            self.assertEqual(request.get("X-Good"), "1")
            self.assertIsNotNone(request.get("Referer"))
            squire.reconfigure("request_header_access Accept allow all\n"
                               "request_header_access All deny all\n")
            request = self.asked(squire, [
                ("Accept", "*/*"), ("X-Bad", "1"),
                ("Referer", "http://r.test/")])
            self.assertEqual([name.lower() for name, _ in request.headers],
                             ["host", "accept"])

    def test_fields_of_requests_are_replaced_and_added(self):
        with Squire("acl chrome browser Chrome\n"
                    "request_header_access User-Agent deny chrome\n"
                    "request_header_replace User-Agent Nutscrape/1.0 (CP/M)\n"
                    "request_header_replace Accept never used\n"
                    "request_header_add X-Client \"%>a for %{Cookie}>h\" all\n"
                    "request_header_add X-Plain 100%>a\n"
                    "request_header_add X-None x !all\n") as squire:
            request = self.asked(squire, [("User-Agent", "Chrome/1"),
                                          ("Accept", "*/*"),
                                          ("Cookie", "a b")])
            self.assertEqual(request.get("User-Agent"),
                             "Nutscrape/1.0 (CP/M)")
            self.assertEqual(request.get("Accept"), "*/*")
            self.assertEqual(request.get("X-Client"), "127.0.0.1 for a b")
            self.assertEqual(request.get("X-Plain"), "100%>a")
            self.assertIsNone(request.get("X-None"))
            request = self.asked(squire, [("User-Agent", "Firefox/1")])
            self.assertEqual(request.get("User-Agent"), "Firefox/1")

    def test_fields_of_answers(self):
        conf = ("acl html rep_mime_type ^text/html\n"
                "acl good http_status 200\n"
                "reply_header_access Server deny all\n"
                "reply_header_replace Server secret\n"
                "reply_header_access X-Two deny html\n"
                "reply_header_add X-Seen \"%>rs %{ETag}<h\" good\n")
        with Squire(conf) as squire:
            response = squire.get(self.origin.url("/"))
            self.assertEqual(response.get("Server"), "secret")
            self.assertIsNone(response.get("X-Two"))
            self.assertEqual(response.get("X-Seen"), "http -")
            self.assertEqual(response.body, b"hello")
            with squire.connect() as connection:
                for fields in ((), (), [("Range", "bytes=2-4")],
                               [("If-None-Match", "\"e\"")]):
                    response = connection.request(self.origin.url("/kept"),
                                                  headers=fields)
                    self.assertEqual(response.get("Server") or "secret",
                                     "secret")
                    self.assertEqual(
                        response.get("X-Seen"),
                        "http \"e\"" if response.status == 200 else None)
                self.assertEqual(response.status, 304)
                response = connection.request(self.origin.url("/kept"))
                self.assertEqual(response.body, b"0123456789")
                self.assertIn("hit", response.get("Cache-Status"))
            self.assertEqual(self.origin.count("/kept"), 1)

    def test_answers_are_denied(self):
        conf = ("acl zip rep_mime_type -i ^application/zip\n"
                "acl kept urlpath_regex ^/kept\n"
                "acl tag rep_header ETag .\n"
                "http_reply_access deny zip\n"
                "http_reply_access deny kept tag\n"
                "http_reply_access allow all\n")
        with Squire(conf) as squire:
            self.assertEqual(squire.get(self.origin.url("/")).status, 200)
            response = squire.get(self.origin.url("/zip"))
            self.assertEqual(response.status, 403)
            self.assertNotIn(b"PK", response.body)
            self.assertEqual(squire.get(self.origin.url("/kept")).status, 403)
            lines = squire.wait_logged(3)
            self.assertEqual([line[3] for line in lines],
                             ["TCP_MISS/200", "TCP_DENIED_REPLY/403",
                              "TCP_DENIED_REPLY/403"])
            squire.check_idle()

    def test_answers_with_cookies_are_kept_out(self):
        self.origin.routes["/cookie"] = answer(
            200, b"x", "Cache-Control: max-age=60", "Set-Cookie: a=b")
        url = self.origin.url("/cookie")
        for conf, asked in (("", 1), ("acl cookie rep_header Set-Cookie .\n"
                                      "store_miss deny cookie\n", 3)):
            with Squire(conf) as squire:
                for _ in range(2):
                    self.assertEqual(squire.get(url).get("Set-Cookie"), "a=b")
            self.assertEqual(self.origin.count("/cookie"), asked)

    def test_request_after_one_whose_answer_is_denied(self):
        with Squire("acl zip rep_mime_type ^application/zip\n"
                    "http_reply_access deny zip\n") as squire:
            with squire.connect() as connection:
                connection.send("".join(
                    f"GET {self.origin.url(path)} HTTP/1.1\r\nHost: x\r\n\r\n"
                    for path in ("/zip", "/zip", "/", "/zip", "/")))
                self.assertEqual(
                    [connection.read_response().status for _ in range(5)],
                    [403, 403, 200, 403, 200])
            squire.check_idle()

    def test_rest_of_what_is_kept_in_part_is_denied(self):
        def part(request, sock):
            first, last = (6, 9) if request.get("If-Range") else (0, 5)
            return answer(206, b"0123456789"[first:last + 1], "ETag: \"e\"",
                          "Cache-Control: max-age=60",
                          f"Content-Range: bytes {first}-{last}/10")

        self.origin.routes["/part"] = part
        with Squire("acl late rep_header Content-Range ^bytes.6\n"
                    "http_reply_access deny late\n"
                    "reply_body_max_size 8 bytes\n") as squire:
            url = self.origin.url("/part")
            self.assertEqual(
                squire.get(url, [("Range", "bytes=0-5")]).status, 206)
            self.assertEqual(squire.get(url).status, 403)
            self.assertEqual(self.origin.last().get("Range"), "bytes=6-")
            squire.check_idle()

    def test_what_a_helper_said_before_counts(self):
        squire = Squire(access="")
        helper = squire.write("helper.py", (
            "import sys\n"
            "for line in sys.stdin:\n"
            "    print('OK' if '/zip' in line else 'ERR', flush=True)\n"))
        squire.access = (
            f"external_acl_type asker %URI {sys.executable} {helper}\n"
            "acl found external asker\n"
            "http_access deny found !all\nhttp_access allow all\n"
            "http_reply_access deny found\n"
            "reply_header_access Server deny found\n")
        squire.write_conf("")
        with squire:
            self.assertEqual(squire.get(self.origin.url("/zip")).status, 403)
            response = squire.get(self.origin.url("/"))
            self.assertEqual(response.status, 200)
            self.assertEqual(response.get("Server"), "nginx")

    def test_kept_answers_are_denied_too(self):
        with Squire("acl tag rep_header ETag .\n") as squire:
            self.assertEqual(squire.get(self.origin.url("/kept")).status, 200)
            squire.reconfigure("acl tag rep_header ETag .\n"
                               "http_reply_access deny tag\n")
            self.assertEqual(squire.get(self.origin.url("/kept")).status, 403)
            self.assertEqual(self.origin.count("/kept"), 1)

    def test_answers_that_are_too_large(self):
        conf = ("acl long urlpath_regex ^/long\n"
                "acl head method HEAD\n"
                "reply_body_max_size none head\n"
                "reply_body_max_size 3000 bytes long\n"
                "reply_body_max_size 5 bytes all\n")
        with Squire(conf) as squire:
            self.assertEqual(squire.get(self.origin.url("/")).status, 200)
            for _ in range(2):
                response = squire.get(self.origin.url("/kept"))
                self.assertEqual(response.status, 403)
                self.assertIn("ERR_REPLY_BODY_TOO_BIG",
                              response.get("X-Squire-Error"))
            response = squire.get(self.origin.url("/long"))
            self.assertEqual(response.status, 200)
            self.assertTrue(response.truncated)
            self.assertLessEqual(len(response.body), 3000)
            squire.check_idle()


if __name__ == "__main__":
    squire_test.main()
