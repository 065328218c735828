#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""A policy that not enough people have signed never comes into force, whatever way it takes.

    test_signatures.py PPSFWD PPSFW SOURCE_ROOT
"""

import base64
import datetime
import hashlib
import json
import os
import pty
import re
import shutil
import signal
import subprocess

from authority import USAGE, Authority, openssl
from harness import (
    FAILED, OK, PPSFW, ROOT, USAGE as WRONG_USAGE, Appliance, RpcError, approve, policy)
from operators import refused
from tap import Failed, check, check_equal, check_in, check_not_in, main, test, wait_until

WEB = approve("WEB", "inbound", "https", to="198.51.100.10")
ONE = policy(WEB, name="one", revision=1)
TWO = policy(WEB, name="two", revision=2)
THREE = policy(WEB, name="three", revision=3)

ALICE, BOB = "CN=Alice,O=CMB", "CN=Bob,O=CMB"


def rules(ca, required=2, **more):
    """What a configuration says."""
    return {"ca": ca.cert(ca.name), "extended_key_usage": USAGE, "signatures_required": required,
            **more}


def box_of(ca, document=ONE, signers=("Alice", "Bob"), **more):
    """An appliance whose configured policy these people have signed."""
    box = Appliance(document, state="state", signatures=rules(ca, **more))
    for number, name in enumerate(signers, 1):
        ca.sign(box.path("policy.json"), name, box.path(f"policy.json.{number}.p7s"))
    return box


def write_signed(box, ca, document, name, signers=("Alice", "Bob")):
    """A policy file beside its signatures; its path."""
    path = box.write(name, document)
    for number, signer in enumerate(signers, 1):
        ca.sign(path, signer, f"{path}.{number}.p7s")
    return path


def in_force(box):
    """Name and number of the policy in force."""
    status = box.call("status")
    return status["policy"]["name"], status["change"]["number"]


def counted(signers):
    """Who counts."""
    return [signer["subject"] for signer in signers if signer["counts"]]


def blobs(path):
    """The signatures beside a file, as they are sent."""
    folder, base = os.path.split(path)
    found = {}
    for name in os.listdir(folder):
        if name.startswith(base + ".") and name.endswith(".p7s"):
            with open(os.path.join(folder, name), "rb") as file:
                found[name] = base64.b64encode(file.read()).decode()
    return found


def send(box, path, **more):
    """Loads as any other client would."""
    with open(path, encoding="utf-8") as file:
        return box.call("load", {"name": path, "text": file.read(), **more})


def reasons(error):
    """What a refusal says."""
    return " / ".join(f"{item['path']}: {item['text']}" for item in error.data)


def events(box, kind):
    """The events of a kind, from the daemon."""
    return box.call("events", {"filter": {"event": kind}})["events"]


def flip(path, at):
    """Changes one bit."""
    with open(path, "r+b") as file:
        file.seek(at, os.SEEK_END if at < 0 else os.SEEK_SET)
        byte = file.read(1)
        file.seek(-1, os.SEEK_CUR)
        file.write(bytes([byte[0] ^ 1]))


def flip_after(path, text):
    """Changes the byte behind this text so that it is a policy still."""
    with open(path, "rb") as file:
        flip(path, file.read().index(text) + len(text))


def rewrite(path, data):
    """Puts other bytes in a file's place."""
    with open(path, "wb") as file:
        file.write(data)


# ---- the way in ----

@test
def nothing_crosses_before_enough_people_have_signed_the_first_policy():
    for signers, said in (((), "signatures: 0 of the 2 that are required count"),
                          (("Alice",), "signatures: 1 of the 2 that are required count")):
        with box_of(CA, signers=signers) as box:
            check_equal(box.run(), FAILED)
            check_in(said, box.errors())
            check_not_in("forwarding", box.errors())
            check(not os.path.exists(box.path("state/history.json")), "it was recorded")
            check_in(said, run_check(box))


def run_check(box):
    """What ppsfwd --check says; it fails."""
    done = subprocess.run(box.command("--check"), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          timeout=60, check=False)
    check_equal(done.returncode, FAILED)
    return done.stderr.decode()


@test
def who_signed_is_in_the_status_the_history_and_the_events():
    with box_of(CA).start() as box:
        status = box.call("status")
        check_equal(counted(status["policy"]["signers"]), [ALICE, BOB])
        check_equal(status["policy"]["lapsed"], None)
        check_equal(status["signatures"], rules(CA))
        check_equal(counted(events(box, "policy_loaded")[0]["signers"]), [ALICE, BOB])
        entry = box.call("history")["entries"][0]
        check_equal((counted(entry["signers"]), entry["signatures"]),
                    ([ALICE, BOB], ["policy.json.1.p7s", "policy.json.2.p7s"]))
        check_equal(box.call("history", {"number": 1})["signatures"],
                    blobs(box.path("policy.json")))
        check_in(f"signed by {ALICE}; {BOB}", box.cli("status").out)
        check_in(f"{ALICE}; {BOB}", box.cli("-v", "history").out)
        path = write_signed(box, CA, TWO, "two.json", ("Bob", "Carol"))
        check_in(f"signed by {BOB}; CN=Carol,O=CMB", box.cli("-v", "load", path).out)
        check_equal(in_force(box), ("two", 2))
        check_equal(counted(events(box, "policy_loaded")[1]["signers"]), [BOB, "CN=Carol,O=CMB"])
        done = subprocess.run(box.command("--check"), stdout=subprocess.PIPE, timeout=60,
                              check=False)
        check_equal(done.returncode, OK)


@test
def no_load_of_any_form_goes_without_signatures():
    with box_of(CA).start() as box:
        path = box.write("two.json", TWO)
        for more in ({}, {"force": True}, {"confirm_sec": 60}, {"signatures": {}},
                     {"signatures": {"x": ""}}, {"files": {}}):
            error = refused(lambda more=more: send(box, path, **more))
            check_in("signatures: 0 of the 2 that are required count", reasons(error))
        for words in ([], ["--force"], ["--confirm", "60"]):
            result = box.cli("load", *words, path)
            check_equal(result.code, FAILED)
            check_in("refused: signatures: 0 of the 2 that are required count", result.err)
        # Not even to be told that it is no policy: it is not looked at.
        check_in("signatures: 0 of the 2", reasons(refused(
            lambda: box.call("load", {"name": "x", "text": "{ no policy"}))))
        for bad in ([], {"x": 1}, {"x": "AAA"}, {"x": "A" * 100000},
                    {str(number): "" for number in range(33)}):
            try:
                send(box, path, signatures=bad)
                raise Failed(f"{bad} was taken")
            except RpcError as error:
                check_equal(error.code, -32602)
        check_equal(in_force(box), ("one", 1))
        check_equal(len(events(box, "policy_refused")), 10)


@test
def a_signed_replay_of_an_older_revision_is_refused_and_force_needs_signatures_too():
    with box_of(CA, TWO).start() as box:
        old = write_signed(box, CA, ONE, "old.json")
        check_in("revision: 1 is older than 2", box.cli("load", old).err)
        check_equal(in_force(box), ("two", 1))
        check_equal(counted(events(box, "policy_refused")[0]["signers"]), [ALICE, BOB])
        check_equal(box.cli("load", "--force", old).code, OK)
        check_equal(in_force(box), ("one", 2))


@test
def a_signal_reads_the_file_and_its_signatures():
    with box_of(CA).start() as box:
        box.write_policy(TWO)
        box.signal(signal.SIGHUP)
        wait_until(lambda: len(events(box, "policy_refused")) == 1, "the refusal")
        event = events(box, "policy_refused")[0]
        check_in("it is a signature of something else", json.dumps(event["errors"]))
        check_equal((in_force(box), event["cause"]), (("one", 1), "sighup"))
        for number, name in enumerate(("Alice", "Bob"), 1):
            CA.sign(box.path("policy.json"), name, box.path(f"policy.json.{number}.p7s"))
        box.signal(signal.SIGHUP)
        wait_until(lambda: in_force(box) == ("two", 2), "the file")


# ---- tampering ----

def sign_by(name, *options):
    """The second signature is somebody else's, or another."""
    def tamper(path):
        CA.sign(path, name, path + ".2.p7s", *options)
    return tamper


def put(data):
    """The second signature is these bytes."""
    return lambda path: rewrite(path + ".2.p7s", data)


def put_by(make):
    """The second signature is no file."""
    def tamper(path):
        os.unlink(path + ".2.p7s")
        make(path + ".2.p7s")
    return tamper


def sign_other(path):
    """The second signature is of another file."""
    with open(path + ".other", "w", encoding="ascii") as file:
        file.write("{}")
    CA.sign(path + ".other", "Bob", path + ".2.p7s")


def sign_attached(path):
    """The second signature carries its content."""
    CA.sign(path, "Bob", path + ".2.p7s", "-nodetach")


def sign_text(path):
    """The second signature was made without -binary: openssl changes line ends then."""
    with open(path, "r+", encoding="utf-8") as file:
        text = file.read().replace(",", ",\n")
        file.seek(0)
        file.write(text)
    CA.sign(path, "Alice", path + ".1.p7s")
    openssl("cms", "-sign", "-in", path, "-signer", CA.cert("Bob"), "-inkey", CA.key("Bob"),
            "-outform", "DER", "-out", path + ".2.p7s")


DAMAGED = "two.json.2.p7s: it is not a CMS signature in DER or PEM, or it is damaged"
FORGED = f"two.json.2.p7s: {BOB}: it was not made with the key of its certificate, or was changed"
ANOTHER = f"{BOB}: it is a signature of something else: these bytes were changed since"

# What is done to a good policy with two good signatures, and what is then said.
TAMPERINGS = [
    ("a byte of the policy's name", lambda path: flip_after(path, b'"policy": "'),
     f"two.json.1.p7s: {ALICE}: it is a signature of something else"),
    ("the revision", lambda path: flip_after(path, b'"revision": '), ANOTHER),
    ("a byte more", lambda path: rewrite(path, json.dumps(TWO, indent=1).encode() + b" "),
     ANOTHER),
    ("a byte of the signature", lambda path: flip(path + ".2.p7s", -3), FORGED),
    ("the first byte of the signature", lambda path: flip(path + ".2.p7s", 0), DAMAGED),
    ("a signer of another CA", lambda path: OTHER.sign(path, "Bob", path + ".2.p7s"),
     "no chain leads from its certificate to a CA of"),
    ("an expired certificate", sign_by("Old"),
     "CN=Old,O=CMB: its certificate expired at "),
    ("a certificate of tomorrow", sign_by("New"),
     "CN=New,O=CMB: its certificate is not valid before "),
    ("the same signer twice", sign_by("Alice"),
     f"two.json.2.p7s: {ALICE}: the same signer is counted once, for two.json.1.p7s"),
    ("a renewed certificate of the same signer", sign_by("Alice2"),
     f"two.json.2.p7s: {ALICE}: the same signer is counted once, for two.json.1.p7s"),
    ("the same file twice", lambda path: shutil.copy(path + ".1.p7s", path + ".2.p7s"),
     "the same signer is counted once"),
    ("a revoked certificate", sign_by("Mallory"), "CN=Mallory,O=CMB: its certificate is revoked"),
    ("a certificate for web servers", sign_by("Web"),
     f'CN=Web,O=CMB: its certificate has no extended key usage "{USAGE}"'),
    ("a weak digest", sign_by("Bob", "-md", "sha1"), f"{BOB}: its digest, sha1, is not taken"),
    ("a signature without attributes", sign_by("Bob", "-noattr"), "it has no signed attributes"),
    ("a signature without its certificate", sign_by("Bob", "-nocerts"),
     "the certificate of its signer is not in it"),
    ("the signature of another file", sign_other, ANOTHER),
    ("a signature with its content", sign_attached,
     "two.json.2.p7s: it carries content of its own; only detached signatures are taken"),
    ("a signature of text", sign_text, "was made without -binary"),
    ("a huge signature", put(b"\x30" * (64 * 1024 + 1)),
     "signatures: 1 of the 2 that are required count"),
    ("a signature as large as it may be", put(b"\x30" * (64 * 1024)), DAMAGED),
    ("an empty signature", put(b""), "two.json.2.p7s: it is empty"),
    ("garbage", put(os.urandom(5000)), DAMAGED),
    ("text", put(b"-----BEGIN CMS-----\nAAAA\n-----END CMS-----\n"), DAMAGED),
    ("a certificate", lambda path: shutil.copy(CA.cert("Bob"), path + ".2.p7s"), DAMAGED),
    ("no signature", lambda path: os.unlink(path + ".2.p7s"),
     "signatures: 1 of the 2 that are required count"),
    ("a pipe", put_by(os.mkfifo), "signatures: 1 of the 2 that are required count"),
    ("a folder", put_by(os.mkdir), "signatures: 1 of the 2 that are required count"),
    ("a link to itself", put_by(lambda path: os.symlink(path, path)),
     "signatures: 1 of the 2 that are required count"),
]


def remove(path):
    """Whatever it is."""
    if os.path.isdir(path) and not os.path.islink(path):
        os.rmdir(path)
    elif os.path.lexists(path):
        os.unlink(path)


@test
def tampering_is_refused_with_the_exact_reason_and_the_policy_in_force_stays():
    with box_of(CA, crl=CA.path("crl.pem")).start() as box:
        for n_refused, (what, tamper, said) in enumerate(TAMPERINGS, 1):
            path = write_signed(box, CA, TWO, "two.json")
            tamper(path)
            result = box.cli("load", path)
            check_equal((what, result.code), (what, FAILED))
            check(said in result.err, f"{what}: {result.err}")
            check_in("refused: signatures: ", result.err)
            check_equal((what, in_force(box)), (what, ("one", 1)))
            check_equal((what, len(events(box, "policy_refused"))), (what, n_refused))
            remove(path + ".2.p7s")
        # Beside the file, the daemon meets them itself.
        check_equal(box.cli("load", write_signed(box, CA, TWO, "two.json")).code, OK)


@test
def tampering_with_the_configured_file_keeps_the_wire_closed():
    with box_of(CA, crl=CA.path("crl.pem")) as box:
        for what, tamper, said in TAMPERINGS:
            path = write_signed(box, CA, TWO, "two.json")
            tamper(path)
            box.config["policy"] = "two.json"
            check(said in run_check(box), f"{what}: {run_check(box)}")
            remove(path + ".2.p7s")
        check_equal(box.run(), FAILED)
        for what, said in (("mkfifo", "it is not a regular file"), ("mkdir", "Is a directory")):
            path = write_signed(box, CA, TWO, "two.json", ("Alice",))
            getattr(os, what)(path + ".2.p7s")
            check_in(f"two.json.2.p7s: cannot read it: {said}", run_check(box))
            remove(path + ".2.p7s")
        os.symlink("two.json.2.p7s", path + ".2.p7s")
        check_in("two.json.2.p7s: cannot read it: Too many levels", run_check(box))
        remove(path + ".2.p7s")
        rewrite(path + ".2.p7s", bytes(65537))
        check_in("two.json.2.p7s: it has more than 65536 bytes", run_check(box))


@test
def one_bad_signature_more_does_not_spoil_enough_good_ones():
    with box_of(CA).start() as box:
        path = write_signed(box, CA, TWO, "two.json", ("Web", "Alice", "Bob"))
        check_equal(box.cli("load", path).code, OK)
        signers = box.call("status")["policy"]["signers"]
        check_equal((len(signers), counted(signers)), (3, [ALICE, BOB]))


@test
def only_those_who_are_listed_may_sign():
    with Appliance(ONE, signatures={"ca": CA.cert("Root"), "subjects": [ALICE, BOB],
                                    "signatures_required": 1}) as box:
        CA.sign(box.path("policy.json"), "Bob", box.path("policy.json.p7s"))
        box.start()
        path = write_signed(box, CA, TWO, "two.json", ("Carol",))
        check_in("CN=Carol,O=CMB: its subject is not one of those that may sign",
                 box.cli("load", path).err)


@test
def a_ca_file_that_cannot_be_read_refuses_everything():
    with box_of(CA) as box:
        shutil.copy(CA.cert("Root"), box.path("ca.pem"))
        box.config["signatures"]["ca"] = "ca.pem"
        box.start()
        path = write_signed(box, CA, TWO, "two.json")
        for content, said in ((b"none", "has no certificate in it"),
                              (b"-----BEGIN CERTIFICATE-----\nAAAA\n", "is damaged"),
                              (None, "No such file or directory")):
            if content is None:
                os.unlink(box.path("ca.pem"))
            else:
                rewrite(box.path("ca.pem"), content)
            check_in(said, box.cli("load", path).err)
        check_equal(in_force(box), ("one", 1))
        # Read at every check: one that is renewed holds.
        shutil.copy(CA.cert("Root"), box.path("ca.pem"))
        check_equal(box.cli("load", path).code, OK)


# ---- lists of sources ----

@test
def signatures_cover_the_source_lists_that_a_policy_names():
    listed = policy(WEB, name="listed", revision=2, sources={"block": ["file:bad.txt"]})
    with box_of(CA).start() as box:
        box.write("bad.txt", "192.0.2.0/24\n")
        path = box.write("listed.json", listed)
        for name in ("Alice", "Bob"):
            check_equal(box.cli("sign", "--cert", CA.cert(name), "--key", CA.key(name),
                                path).code, OK)
        check_equal(box.cli("load", path).code, OK)
        digest = box.call("status")["policy"]["digest"]
        # What is signed are the lines of sha256sum(1): anybody can make and check them.
        lines = "".join(
            f"{hashlib.sha256(open(box.path(file), 'rb').read()).hexdigest()}  {name}\n"
            for file, name in (("listed.json", "policy"), ("bad.txt", "bad.txt")))
        check_equal(hashlib.sha256(lines.encode()).hexdigest(), digest)
        openssl("cms", "-verify", "-binary", "-inform", "DER", "-in", path + ".1.p7s", "-content",
                box.write("lines", lines), "-CAfile", CA.cert("Root"), "-purpose", "any")
        box.write("bad.txt", "198.51.0.0/16\n")
        check_in("it is a signature of something else", box.cli("load", path).err)
        check_equal(box.call("status")["policy"]["digest"], digest)
        # A signature of the policy alone is none of both.
        for number, name in enumerate(("Alice", "Bob"), 1):
            CA.sign(path, name, f"{path}.{number}.p7s")
        check_in("it is a signature of something else", box.cli("load", path).err)
        check_equal(box.stop(), OK)
        box.start()
        check_equal(box.call("status")["policy"]["digest"], digest)


# ---- the history ----

@test
def a_rollback_needs_signatures_that_count_today():
    with Authority() as ca:
        for name in ("Alice", "Bob"):
            ca.issue(name)
        with box_of(ca, crl=ca.path("crl.pem")).start() as box:
            check_equal(box.cli("load", write_signed(box, ca, TWO, "two.json")).code, OK)
            check_equal(box.cli("rollback").code, OK)
            check_equal(in_force(box), ("one", 3))
            check_equal(counted(box.call("status")["policy"]["signers"]), [ALICE, BOB])
            ca.revoke("Bob")
            check_in(f"{BOB}: its certificate is revoked", box.cli("rollback").err)
            check_equal(in_force(box), ("one", 3))


@test
def a_pending_policy_gives_way_to_the_one_before_without_asking_again():
    with Authority() as ca:
        for name in ("Alice", "Bob"):
            ca.issue(name)
        with box_of(ca, crl=ca.path("crl.pem")).start() as box:
            path = write_signed(box, ca, TWO, "two.json")
            check_equal(box.cli("load", "--confirm", "600", path).code, OK)
            ca.revoke("Bob")
            check_equal(box.cli("rollback").code, OK)
            check_equal(in_force(box), ("one", 1))
            check_equal(counted(box.call("status")["policy"]["signers"]), [ALICE, BOB])


@test
def a_start_takes_the_confirmed_policy_though_a_signer_was_revoked_since_and_says_so():
    with Authority() as ca:
        for name in ("Alice", "Bob"):
            ca.issue(name)
        with box_of(ca, crl=ca.path("crl.pem")).start() as box:
            check_equal(box.stop(), OK)
            ca.revoke("Bob")
            box.start()
            check_equal(in_force(box), ("one", 1))
            check_in("could not be loaded today", box.errors())
            event = box.events("signatures_lapsed")[-1]
            check_in(f"{BOB}: its certificate is revoked", json.dumps(event["errors"]))
            check_equal((event["policy"], event["number"]), ("one", 1))
            check_in("would not today", box.cli("status").out)
            check_in("its certificate is revoked",
                     json.dumps(box.call("status")["policy"]["lapsed"]))


@test
def an_exception_ends_whoever_may_sign_today():
    with Authority() as ca:
        for name in ("Alice", "Bob"):
            ca.issue(name)
        ends = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=3)
        exception = {"id": "EXC", "direction": "inbound", "service": "ssh", "source": "any",
                     "destination": "198.51.100.10", "approved_by": "CMB", "reason": "repair",
                     "expires": ends.strftime("%Y-%m-%dT%H:%M:%SZ")}
        with box_of(ca, policy(WEB, exceptions=[exception]), crl=ca.path("crl.pem")).start() as box:
            ca.revoke("Bob")
            wait_until(lambda: events(box, "exception_expired"), "the end")
            check_equal(counted(box.call("status")["policy"]["signers"]), [ALICE, BOB])


def days_ago(days):
    """A time as records have it."""
    moment = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(days=days)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.000Z")


def rewrite_entry(box, number, entry):
    """Puts another record in the place of one."""
    path = box.path("state/history.json")
    with open(path, encoding="utf-8") as file:
        index = json.load(file)
    index["entries"] = [entry if old["number"] == number else old for old in index["entries"]]
    with open(path, "w", encoding="utf-8") as file:
        json.dump(index, file)


@test
def a_start_takes_a_policy_whose_signers_certificates_have_expired_since_it_was_loaded():
    with box_of(CA, signers=("Old", "Older")) as box:
        signatures = box.config.pop("signatures")
        box.start()
        # Nobody asked for signatures: only what a client sends is kept.
        path = write_signed(box, CA, TWO, "two.json", ("Old", "Older"))
        check_equal(box.cli("load", path).code, OK)
        check_equal(box.call("status")["policy"]["signers"], None)
        check_equal(box.stop(), OK)
        box.config["signatures"] = signatures
        check_equal(box.run(), FAILED)
        check_in("CN=Old,O=CMB: its certificate expired at", box.errors())
        del box.config["signatures"]
        box.start()
        entry = box.call("history", {"number": 2})["entry"]
        check_equal(box.stop(), OK)
        box.config["signatures"] = signatures
        rewrite_entry(box, 2, dict(entry, time=days_ago(45)))
        box.start()
        check_equal(in_force(box), ("two", 2))
        check_in("expired at", json.dumps(box.events("signatures_lapsed")[-1]["errors"]))
        check_equal(counted(box.call("status")["policy"]["signers"]),
                    ["CN=Old,O=CMB", "CN=Older,O=CMB"])


@test
def a_state_folder_cannot_bring_in_what_nobody_signed():
    def forge(box):
        """Another policy, with a record that fits it."""
        with open(box.path("state/1/policy.json"), "w", encoding="utf-8") as file:
            json.dump(TWO, file)
        with open(box.path("state/1/policy.json"), "rb") as file:
            digest = hashlib.sha256(file.read()).hexdigest()
        with open(box.path("state/history.json"), encoding="utf-8") as file:
            entry = json.load(file)["entries"][0]
        rewrite_entry(box, 1, dict(entry, content=digest, digest=digest))

    def take_away(box):
        """The record says that it was never signed."""
        with open(box.path("state/history.json"), encoding="utf-8") as file:
            entry = json.load(file)["entries"][0]
        rewrite_entry(box, 1, dict(entry, signatures=[]))

    for damage, said in ((forge, "it is a signature of something else"),
                         (take_away, "signatures: 0 of the 2 that are required count"),
                         (lambda box: flip(box.path("state/1/signature-1"), -3),
                          "it was not made with the key of its certificate"),
                         (lambda box: os.unlink(box.path("state/1/signature-1")),
                          "cannot be read")):
        with box_of(CA).start() as box:
            check_equal(box.stop(), OK)
            damage(box)
            for name in ("policy.json.1.p7s", "policy.json.2.p7s"):
                os.unlink(box.path(name))
            check_equal(box.run(), FAILED)
            check_in(said, box.errors())


@test
def a_policy_in_force_is_signed_in_place_before_signatures_are_asked_for():
    with box_of(CA, signers=()) as box:
        signatures = box.config.pop("signatures")
        box.start()
        check_equal(box.stop(), OK)
        box.config["signatures"] = signatures
        check_equal(box.run(), FAILED)
        check_in("signatures: 0 of the 2", box.errors())
        for name in ("Alice", "Bob"):
            check_equal(box.cli("sign", "--cert", CA.cert(name), "--key", CA.key(name),
                                box.path("policy.json")).code, OK)
        box.start()
        check_equal(in_force(box), ("one", 1))
        check_equal(counted(box.call("status")["policy"]["signers"]), [ALICE, BOB])


# ---- ppsfw sign, ppsfw verify, openssl ----

def sign(box, name, path, *words):
    """ppsfw sign."""
    return box.cli("sign", "--cert", CA.cert(name), "--key", CA.key(name), *words, path)


@test
def what_ppsfw_signs_openssl_verifies_and_the_other_way_round():
    with Appliance(ONE) as box:
        path = box.path("policy.json")
        check_equal(sign(box, "Alice", path).code, OK)
        verified = openssl("cms", "-verify", "-binary", "-inform", "DER", "-in", path + ".1.p7s",
                           "-content", path, "-CAfile", CA.cert("Root"), "-purpose", "any")
        with open(path, "rb") as file:
            check_equal(verified, file.read())
        for out, *options in (("a", "-outform", "PEM"), ("b", "-keyid"), ("c", "-md", "sha512"),
                              ("d", "-cades"), ("e", "-nosmimecap")):
            os.unlink(f"{path}.1.p7s")
            CA.sign(path, "Bob", f"{path}.1.p7s", *options)
            result = box.cli("verify", "--ca", CA.cert("Root"), "--eku", USAGE, path)
            check_equal((out, result.code, result.err), (out, OK, ""))
            check_in(f"policy.json.1.p7s: counts: {BOB}, valid until 20", result.out)
        # Two signers in one file, as "openssl cms -resign" adds them.
        openssl("cms", "-resign", "-binary", "-inform", "DER", "-in", f"{path}.1.p7s", "-content",
                path, "-signer", CA.cert("Alice"), "-inkey", CA.key("Alice"), "-outform", "DER",
                "-out", f"{path}.2.p7s")
        os.unlink(f"{path}.1.p7s")
        result = box.cli("verify", "--ca", CA.cert("Root"), "--required", "2", path)
        check_equal((result.code, result.err), (OK, ""))
        check_in("policy.json: ok: signed by 2, 2 required", result.out)


@test
def signing_takes_the_next_free_name_and_writes_over_nothing():
    with Appliance(ONE) as box:
        path = box.path("policy.json")
        check_equal(sign(box, "Alice", path).out, "")
        check_in(f"is signed by {BOB}: {path}.2.p7s", sign(box, "Bob", path, "-v").out)
        answer = json.loads(sign(box, "Carol", path, "--json").out)
        check_equal((answer["file"], answer["subject"], answer["revision"]),
                    (path + ".3.p7s", "CN=Carol,O=CMB", 1))
        with open(path + ".1.p7s", "rb") as file:
            before = file.read()
        result = sign(box, "Bob", path, "--out", path + ".1.p7s")
        check_equal(result.code, FAILED)
        check_in("it is there already, and is not written over", result.err)
        with open(path + ".1.p7s", "rb") as file:
            check_equal(file.read(), before)
        check_equal(sign(box, "Bob", path, "--out", box.path("elsewhere")).code, OK)
        os.mkdir(box.path("policy.json.4.p7s"))
        check_equal(sign(box, "Bob", path).code, OK)
        check(os.path.exists(path + ".5.p7s"), "the next free name")


@test
def what_cannot_be_loaded_is_not_signed():
    with Appliance(ONE) as box:
        bad = box.write("bad.json", {"policy": "bad"})
        check_equal(sign(box, "Alice", bad).code, FAILED)
        check_equal(sign(box, "Old", box.path("policy.json")).code, FAILED)
        check_in("expired at", sign(box, "Old", box.path("policy.json")).err)
        result = box.cli("sign", "--cert", CA.cert("Alice"), "--key", CA.key("Bob"),
                         box.path("policy.json"))
        check_in("is not the key of the certificate", result.err)
        result = box.cli("sign", "--cert", CA.cert("Alice"), box.path("policy.json"))
        check_equal(result.code, WRONG_USAGE)
        check_in("--key is missing", result.err)
        check_equal([name for name in os.listdir(box.folder) if name.endswith(".p7s")], [])


@test
def a_passphrase_comes_from_a_file_or_is_asked_for():
    with Appliance(ONE) as box:
        path, key = box.path("policy.json"), box.path("locked.key")
        openssl("pkey", "-in", CA.key("Alice"), "-aes256", "-passout", "pass:open sesame", "-out",
                key)
        words = ["sign", "--cert", CA.cert("Alice"), "--key", key]
        box.write("right", "open sesame\nmore\n")
        box.write("wrong", "open barley\n")
        check_equal(box.cli(*words, "--passin", box.path("right"), path).code, OK)
        for file in ("wrong", "nothing"):
            result = box.cli(*words, "--passin", box.path(file), path)
            check_equal(result.code, FAILED)
            check_in("the passphrase is wrong", result.err)
        check_in(key, type_at(b"passphrase of ", b"open sesame\n", *words, path))
        check(os.path.exists(path + ".2.p7s"), "nothing was signed")


def type_at(prompt, text, *words):
    """Runs ppsfw on a terminal and types the text at the prompt; what it printed."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.execv(PPSFW, [PPSFW, *words])
    seen = b""
    while prompt not in seen:
        seen += os.read(terminal, 1000)
    os.write(terminal, text)
    try:
        while part := os.read(terminal, 1000):
            seen += part
    except OSError:
        pass
    os.close(terminal)
    check_equal(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), OK)
    check_not_in(text.strip(), seen)
    return seen.decode()


@test
def verify_says_of_each_signer_whether_it_counts_and_fails_when_they_are_too_few():
    with Appliance(ONE) as box:
        path = write_signed(box, CA, ONE, "one.json", ("Alice", "Web"))
        words = ["verify", "--ca", CA.cert("Root"), "--eku", USAGE]
        result = box.cli(*words, path)
        check_equal(result.code, OK)
        check_in(f'two.p7s: does not count: CN=Web,O=CMB: its certificate has no extended key '
                 f'usage "{USAGE}"'.replace("two", "one.json.2"), result.out)
        result = box.cli(*words, "--required", "2", path)
        check_equal(result.code, FAILED)
        check_in("one.json: not ok: signed by 1, 2 required", result.out)
        check_in("1 of the 2 that are required count", result.err)
        answer = json.loads(box.cli("--json", *words, "--required", "2", path).out)
        check_equal((answer["ok"], answer["counted"], answer["required"]), (False, 1, 2))
        check_equal([signer["counts"] for signer in answer["signers"]], [True, False])
        check_equal(box.cli("verify", "--ca", CA.cert("Root"), "--subject", BOB, path).code, FAILED)
        check_equal(box.cli("verify", "--ca", CA.cert("Root"), "--subject", BOB, "--subject",
                            ALICE, path).code, OK)
        check_equal(box.cli("verify", "--ca", CA.cert("Root"), "--crl", CA.path("crl.pem"),
                            path).code, OK)
        for wrong in (["--eku", USAGE], ["--ca", "x", "--eku", "policing"],
                      ["--ca", "x", "--required", "0"]):
            check_equal(box.cli("verify", *wrong, path).code, WRONG_USAGE)
        for path in ("/nonexistent", box.write("alone.json", ONE)):
            check_equal(box.cli("verify", "--ca", CA.cert("Root"), path).code, FAILED)


@test
def verify_asks_the_daemon_what_counts():
    with box_of(CA, crl=CA.path("crl.pem")).start() as box:
        path = write_signed(box, CA, TWO, "two.json", ("Alice", "Mallory"))
        result = box.cli("verify", path)
        check_equal(result.code, FAILED)
        check_in("CN=Mallory,O=CMB: its certificate is revoked", result.out)
        CA.sign(path, "Carol", path + ".3.p7s")
        check_in("two.json: ok: signed by 2, 2 required", box.cli("verify", path).out)
    with Appliance(ONE).start() as box:
        check_in("the daemon asks for no signatures", box.cli("verify", "policy.json").err)


@test
def a_ca_between_goes_along():
    with Appliance(ONE) as box:
        openssl("req", "-new", "-config", CA.path("ca.cnf"), "-subj", "/O=CMB/CN=Between", "-key",
                CA.key("Between"), "-out", box.path("csr"))
        openssl("ca", "-batch", "-notext", "-config", CA.path("ca.cnf"), "-extensions",
                "authority", "-in", box.path("csr"), "-out", box.path("between.pem"))
        words = ["sign", "--cert", BETWEEN.cert("Dora"), "--key", BETWEEN.key("Dora")]
        path = box.path("policy.json")
        check_equal(box.cli(*words, path).code, OK)
        verify = ["verify", "--ca", CA.cert("Root"), path]
        check_in("no chain leads from its certificate", box.cli(*verify).out)
        check_equal(box.cli(*words, "--chain", box.path("between.pem"), path).code, OK)
        check_equal(box.cli(*verify).code, OK)


# ---- the manual ----

def literal_block(page, section):
    """The first literal block of a section, as it is read."""
    with open(os.path.join(ROOT, page), encoding="utf-8") as file:
        text = file.read().split(f".Sh {section}\n")[1].split("\n.Sh ")[0]
    block = text.split(".Bd -literal -offset indent\n")[1].split(".Ed\n")[0]
    return re.sub(r"\\(.)", lambda match: {"e": "\\", "-": "-"}.get(match[1], match[1]), block)


@test
def the_commands_of_the_manual_do_what_it_says():
    with Appliance(ONE) as box:
        for name, file in (("Alice", "alice"), ("Bob", "bob")):
            shutil.copy(CA.cert(name), box.path(file + ".pem"))
            shutil.copy(CA.key(name), box.path(file + ".key"))
        shutil.copy(CA.cert("Root"), box.path("approvers.pem"))
        os.symlink(PPSFW, box.path("ppsfw"))
        script = literal_block("app/ppsfwd/ppsfwd.8", "SIGNATURES")
        check_in("openssl cms -sign", script)
        check_in("ppsfw sign", script)
        check_in("ppsfw verify", script)
        done = subprocess.run(["sh", "-ec", script], cwd=box.folder, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, timeout=60, check=False,
                              env=dict(os.environ, PATH=f"{box.folder}:{os.environ['PATH']}"))
        check_equal((done.returncode, done.stderr.decode()), (OK, ""))
        check_in("policy.json: ok: signed by 2, 2 required", done.stdout.decode())


@test
def the_examples_of_sign_and_verify_do_their_work():
    with open(os.path.join(ROOT, "app/ppsfw/ppsfw.1"), encoding="utf-8") as file:
        commands = re.findall(r"^\.Dl (ppsfw (?:sign|verify) .*)$", file.read(), re.M)
    check(len(commands) > 2, commands)
    with box_of(CA, signers=("Bob", "Carol")) as box:
        shutil.copy(CA.cert("Alice"), box.path("alice.pem"))
        shutil.copy(CA.key("Alice"), box.path("alice.key"))
        shutil.copy(CA.cert("Root"), box.path("approvers.pem"))
        os.mkdir(box.path("bin"))
        with open(box.path("bin/ppsfw"), "w", encoding="utf-8") as script:
            script.write(f'#!/bin/sh\nexec {PPSFW} --socket {box.socket} "$@"\n')
        os.chmod(box.path("bin/ppsfw"), 0o755)
        box.start()
        for command in commands:
            done = subprocess.run(
                ["sh", "-c", command], cwd=box.folder, stdout=subprocess.PIPE,
                stderr=subprocess.PIPE, timeout=60, check=False,
                env=dict(os.environ, PATH=f"{box.path('bin')}:{os.environ['PATH']}"))
            check_equal((command, done.returncode, done.stderr.decode()), (command, OK, ""))
        check_in("policy.json: ok: signed by 3, 2 required", done.stdout.decode())


with Authority() as CA, Authority() as OTHER, Authority("Between") as BETWEEN:
    for who in ("Alice", "Bob", "Carol", "Mallory"):
        CA.issue(who)
    CA.issue("Alice", file="Alice2")
    CA.issue("Old", since=-60, until=-1)
    CA.issue("Older", since=-60, until=-1)
    CA.issue("New", since=1)
    CA.issue("Web", kind="web")
    CA.revoke("Mallory")
    OTHER.issue("Bob")
    BETWEEN.issue("Dora")
    shutil.copy(BETWEEN.key("Between"), CA.key("Between"))
    main()
