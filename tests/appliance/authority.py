# SPDX-License-Identifier: BSD-3-Clause
"""A certification authority of openssl(1), for signatures of policies.

    with Authority() as ca:
        ca.issue("Alice")
        ca.sign("policy.json", "Alice", "policy.json.1.p7s")      # plain "openssl cms -sign"
        ca.revoke("Alice")

Subjects are "CN=<name>,O=CMB". Nothing outlives the folder.
"""

import datetime
import os
import shutil
import subprocess
import tempfile

from tap import Failed

USAGE = "1.3.6.1.4.1.99999.1"

CONFIG = """
[req]
distinguished_name = dn
x509_extensions = authority
prompt = no
[dn]
[authority]
basicConstraints = critical,CA:TRUE
keyUsage = critical,keyCertSign,cRLSign
subjectKeyIdentifier = hash
[signer]
basicConstraints = CA:FALSE
keyUsage = digitalSignature
extendedKeyUsage = {usage}
[web]
basicConstraints = CA:FALSE
extendedKeyUsage = serverAuth
[ca]
default_ca = here
[here]
database = {folder}/index.txt
new_certs_dir = {folder}
serial = {folder}/serial
crlnumber = {folder}/crlnumber
default_md = sha256
default_days = 30
default_crl_days = 30
unique_subject = no
policy = any
certificate = {folder}/{name}.pem
private_key = {folder}/{name}.key
[any]
organizationName = supplied
commonName = supplied
"""


def openssl(*words, **more):
    """Runs openssl; its standard output."""
    done = subprocess.run(["openssl", *words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, timeout=60, check=False, **more)
    if done.returncode != 0:
        raise Failed(f"openssl {' '.join(words)}: {done.stderr.decode()}")
    return done.stdout


def asn1_time(days):
    """A time so many days from now, as openssl wants it."""
    moment = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=days)
    return moment.strftime("%Y%m%d%H%M%SZ")


class Authority:
    """A CA with a folder of its own: <name>.pem and <name>.key of whoever it knows, crl.pem."""

    def __init__(self, name="Root"):
        self.folder = tempfile.mkdtemp(prefix="ppsfw-ca.")
        self.name = name
        for file, text in (("index.txt", ""), ("serial", "1000\n"), ("crlnumber", "01\n"),
                           ("ca.cnf", CONFIG.format(folder=self.folder, name=name,
                                                    usage=USAGE))):
            with open(self.path(file), "w", encoding="ascii") as out:
                out.write(text)
        self._make_key(name)
        self._certify(name, name, "authority", -90, 60, "-selfsign")
        self.write_crl()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.folder, ignore_errors=True)

    def path(self, name):
        """A file of the folder."""
        return os.path.join(self.folder, name)

    def cert(self, name):
        """Somebody's certificate."""
        return self.path(name + ".pem")

    def key(self, name):
        """Somebody's private key."""
        return self.path(name + ".key")

    def _make_key(self, name):
        openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out",
                self.key(name))

    def _certify(self, name, file, kind, since, until, *options):
        openssl("req", "-new", "-config", self.path("ca.cnf"), "-subj", f"/O=CMB/CN={name}",
                "-key", self.key(file), "-out", self.path(file + ".csr"))
        openssl("ca", "-batch", "-notext", "-config", self.path("ca.cnf"), "-extensions", kind,
                "-startdate", asn1_time(since), "-enddate", asn1_time(until), *options,
                "-in", self.path(file + ".csr"), "-out", self.cert(file))

    def issue(self, name, *, since=-1, until=30, kind="signer", file=None):
        """A key and a certificate for a name; in days from now. 'file' keeps it apart from others
        of the same name."""
        file = file or name
        self._make_key(file)
        self._certify(name, file, kind, since, until)
        return file

    def write_crl(self):
        """The revocation list, anew."""
        openssl("ca", "-config", self.path("ca.cnf"), "-gencrl", "-out", self.path("crl.pem"))

    def revoke(self, name):
        """Revokes somebody's certificate."""
        openssl("ca", "-config", self.path("ca.cnf"), "-revoke", self.cert(name))
        self.write_crl()

    def sign(self, path, name, out, *options):
        """Signs a file as anybody would who has openssl alone."""
        openssl("cms", "-sign", "-binary", "-in", path, "-signer", self.cert(name), "-inkey",
                self.key(name), "-outform", "DER", "-out", out, *options)
        return out
