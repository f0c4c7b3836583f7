"""Debian's Squid, run by a test in a folder of its own."""

import http.client
import os
import pwd
import shutil
import socket
import subprocess

from channel import DEADLINE, check, wait_until

SQUID = shutil.which("squid", path="/usr/sbin:/usr/bin:" + os.environ["PATH"])

CONF = """
http_port 127.0.0.1:{port}
pid_filename {folder}/squid.pid
cache_log {folder}/cache.log
netdb_filename none
coredump_dir {folder}
pinger_enable off
shutdown_lifetime 0 seconds
visible_hostname squid.test
"""


def free_port():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


class Squid:
    """A private Squid in the foreground. conf may name {port}, {folder}."""

    def __init__(self, folder, conf):
        self.folder = folder
        self.port = free_port()
        self.log = os.path.join(folder, "cache.log")
        self.conf = os.path.join(folder, "squid.conf")
        with open(self.conf, "w", encoding="utf-8") as file:
            file.write((CONF + conf).format(port=self.port, folder=folder))
        self.process = subprocess.Popen(
            [SQUID, "-N", "-f", self.conf], cwd=folder,
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL)
        try:
            wait_until(self.is_up, "Squid listens")
        except SystemExit:
            self.print_log()
            self.stop()
            raise

    def is_up(self):
        check(self.process.poll() is None, "Squid ended at its start")
        try:
            socket.create_connection(("127.0.0.1", self.port), 1).close()
            return True
        except OSError:
            return False

    def print_log(self):
        if os.path.exists(self.log):
            with open(self.log, encoding="utf-8", errors="replace") as file:
                print(file.read()[-3000:])

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(DEADLINE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        if kind:
            self.print_log()
        self.stop()

    def get(self, url, headers=None):
        """Status, and body or Location."""
        client = http.client.HTTPConnection("127.0.0.1", self.port,
                                            timeout=DEADLINE)
        client.request("GET", url, headers=headers or {})
        answer = client.getresponse()
        body = answer.read().decode("latin-1")
        client.close()
        return answer.status, answer.getheader("Location") or body


def make_folder(parent, name):
    """A folder that Squid's user can write."""
    folder = os.path.join(parent, name)
    os.mkdir(folder, 0o755)
    if os.geteuid() == 0:
        user = pwd.getpwnam("proxy")
        os.chown(folder, user.pw_uid, user.pw_gid)
    return folder


def install(folder, source):
    """A copy of a program that Squid's user can reach."""
    target = os.path.join(folder, os.path.basename(source))
    shutil.copyfile(source, target)
    os.chmod(target, 0o755)
    return target
