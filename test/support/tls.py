"""Certificates, and a squire with an https_port, for integration tests."""

import os
import re
import ssl
import subprocess
import sys

import squire_test
from squire_test import Connection, Squire


class Authority:
    """Makes certificates in a folder: NAME.crt and NAME.key."""

    def __init__(self, folder):
        self.folder = folder
        self.serial = 0
        self.make("ca", ca=True)

    def path(self, name):
        return os.path.join(self.folder, name)

    def openssl(self, *arguments):
        subprocess.run(["openssl", *arguments], check=True,
                       stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                       stderr=subprocess.PIPE,
                       timeout=squire_test.PATIENCE)

    def make(self, name, host=None, ca=False, signer="ca", days="2",
             purpose="serverAuth,clientAuth"):
        """A certificate for a host, its own signer if it is an authority.
        Returns the path of the certificate."""
        self.serial += 1
        self.openssl("req", "-new", "-newkey", "ec", "-pkeyopt",
                     "ec_paramgen_curve:P-256", "-nodes", "-subj",
                     f"/CN={host or name}", "-keyout", self.path(name + ".key"),
                     "-out", self.path(name + ".csr"))
        with open(self.path(name + ".ext"), "w", encoding="ascii") as file:
            if ca:
                file.write("basicConstraints=critical,CA:TRUE\n")
            else:
                file.write(f"subjectAltName=DNS:{host},IP:127.0.0.1\n"
                           f"extendedKeyUsage={purpose}\n")
        by = (["-signkey", self.path(name + ".key")] if ca else
              ["-CA", self.path(signer + ".crt"),
               "-CAkey", self.path(signer + ".key")])
        self.openssl("x509", "-req", "-in", self.path(name + ".csr"),
                     "-days", days, "-set_serial", str(self.serial),
                     "-extfile", self.path(name + ".ext"), *by,
                     "-out", self.path(name + ".crt"))
        return self.path(name + ".crt")

    def words(self, name):
        """The certificate and key as options of https_port."""
        return f"cert={self.path(name)}.crt key={self.path(name)}.key"

    def client(self, cert=None, verify=True):
        """A Python client that trusts us."""
        context = ssl.create_default_context(cafile=self.path("ca.crt"))
        if not verify:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        if cert is not None:
            context.load_cert_chain(self.path(cert + ".crt"),
                                    self.path(cert + ".key"))
        return context

    def server(self, name):
        """The context of an Origin."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.path(name + ".crt"),
                                self.path(name + ".key"))
        return context


class TlsSquire(Squire):
    """Has an https_port, too; options are the words after its address."""

    def __init__(self, options, conf=""):
        self.options = options
        super().__init__(conf)

    def write_conf(self, conf):
        super().write_conf(f"https_port 127.0.0.1:0 {self.options}\n{conf}")

    @property
    def tls_port(self):
        return int(re.findall(r"accepting HTTPS at \S*:(\d+)",
                              self.log())[-1])

    def connect_tls(self, context, name="localhost"):
        connection = Connection(self.tls_port)
        connection.sock = context.wrap_socket(connection.sock,
                                              server_hostname=name)
        return connection

    def s_client(self, *arguments, text=b""):
        """What `openssl s_client` says, and its exit status."""
        done = subprocess.run(
            ["openssl", "s_client", "-connect",
             f"127.0.0.1:{self.tls_port}", *arguments], input=text,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
            timeout=squire_test.PATIENCE)
        return done.stdout.decode("utf-8", "replace"), done.returncode

    def curl(self, url, *arguments):
        """curl by the https proxy: the body and what it was told of it."""
        done = subprocess.run(
            ["curl", "-sS", "--noproxy", "", "--proxy",
             f"https://localhost:{self.tls_port}", "-w", "%{stderr}"
             "%{http_code} %{http_connect} %{proxy_ssl_verify_result}\n",
             *arguments, url], stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, check=False,
            timeout=squire_test.PATIENCE)
        return done.stdout, done.stderr.decode()


def skip_without_openssl():
    for program in ("openssl", "curl"):
        try:
            subprocess.run([program, "version"], check=False,
                           stdout=subprocess.DEVNULL,
                           stderr=subprocess.DEVNULL)
        except FileNotFoundError:
            print(program + " is missing")
            sys.exit(77)
