"""A proxy that wants users, and helpers in Python that can misbehave."""

import base64
import hashlib
import re
import subprocess
import sys

from squire_test import Origin, Squire, answer, wait_for

LIB = "/usr/lib/squid"
ACCESS = "acl authed proxy_auth REQUIRED\nhttp_access allow authed\n"

# Answers what reply(line) says; every line is kept in a file, and a reply of
# None is silence.
HELPER = '''\
import os
import sys
import time
{body}
seen = open({seen!r}, "ab", buffering=0)
for line in sys.stdin.buffer:
    text = line.decode("latin-1").rstrip("\\n")
    seen.write((text + "\\n").encode("latin-1"))
    said = reply(text)
    if said is not None:
        sys.stdout.buffer.write((said + "\\n").encode("latin-1"))
        sys.stdout.buffer.flush()
'''

TYPE_1 = "TlRMTVNTUAABAAAAt4II4gAAAAAAAAAAAAAAAAAAAAAGAbEdAAAADw=="
TYPE_3 = ("TlRMTVNTUAADAAAAGAAYAEAAAAAYABgAWAAAAAYABgBwAAAABQAFAHYAAAACAAIAewA"
          "AAAAAAAB9AAAAAoIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
          "AAAAAAAAAAAAAAAERPTUFJTmFsaWNlV1M=")


def basic(user, password):
    text = f"{user}:{password}".encode("latin-1")
    return ("Proxy-Authorization", "Basic " + base64.b64encode(text).decode())


def md5(*texts):
    return hashlib.md5(":".join(texts).encode("latin-1")).hexdigest()


def digest_offer(response):
    """The parameters of a 407's Digest field."""
    for value in response.get_all("Proxy-Authenticate"):
        if value.startswith("Digest "):
            return {name: quoted or token for name, quoted, token in
                    re.findall(r'(\w+)=(?:"([^"]*)"|([^ ,]*))', value)}
    raise AssertionError(f"no Digest in {response.headers}")


def digest(user, password, uri, nonce, **more):
    """The field of a right response, unless more says otherwise."""
    values = {"realm": "Squire proxy", "method": "GET", "nc": "00000001",
              "cnonce": "c", "qop": "auth", "name": user, "sess": False}
    values.update(more)
    secret = md5(user, values["realm"], password)
    if values["sess"]:
        secret = md5(secret, nonce, values["cnonce"])
    asked = md5(values["method"], uri)
    if values["qop"]:
        response = md5(secret, nonce, values["nc"], values["cnonce"], "auth",
                       asked)
        rest = (f', qop=auth, nc={values["nc"]}, '
                f'cnonce="{values["cnonce"]}"')
    else:
        response, rest = md5(secret, nonce, asked), ""
    if values["sess"]:
        rest += ", algorithm=MD5-sess"
    name = values["name"].replace("\\", "\\\\").replace('"', '\\"')
    return ("Proxy-Authorization",
            f'Digest username="{name}", realm="{values["realm"]}", '
            f'nonce="{nonce}", uri="{uri}", response="{response}"{rest}')


class AuthProxy(Squire):
    """With an origin beside it that answers /x and keeps /cached."""

    def __init__(self, access=ACCESS):
        super().__init__(access=access)
        self.origin = Origin({
            "/x": answer(200, b"hello", "Cache-Control: no-store"),
            "/cached": answer(200, b"kept", "Cache-Control: max-age=600")})

    def scheme(self, name, program, children="3 startup=1", *more):
        lines = [f"auth_param {name} program {program}",
                 f"auth_param {name} children {children}"]
        lines += [f"auth_param {name} {line}" for line in more]
        return "\n".join(lines) + "\n"

    def helper(self, body, name="helper"):
        """A helper's command line; body defines reply(line)."""
        path = self.write(name + ".py",
                          HELPER.format(body=body, seen=self.path("seen")))
        return f"{sys.executable} {path}"

    def seen(self):
        """The lines that helpers made by helper() read."""
        return self.read_raw("seen").decode("latin-1").splitlines()

    def read_raw(self, name):
        try:
            with open(self.path(name), "rb") as file:
                return file.read()
        except FileNotFoundError:
            return b""

    def url(self, path="/x"):
        return self.origin.url(path)

    def status(self, *fields, path="/x"):
        return self.get(self.url(path), fields).status

    def curl(self, *arguments):
        """Status codes of the requests of one curl, in order."""
        done = subprocess.run(
            ["curl", "-s", "--max-time", "20", "-x",
             f"http://127.0.0.1:{self.port}",
             "-w", "%{stderr}%{http_code}\n", *arguments],
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
            check=False)
        return [int(word) for word in done.stderr.split()]

    def users(self, count):
        """The users of the first count lines of the access log."""
        self.wait_logged(count)
        return [words[7] for words in self.access_lines()[:count]]

    def wait_log(self, text):
        wait_for(f"{text!r} in the log", lambda: text in self.log())

    def stop(self, check=True):
        super().stop(check)
        self.origin.close()

