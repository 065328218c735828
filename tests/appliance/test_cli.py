#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""ppsfw as a program: options, sockets, words, completion, hostile text, terminals and pipes.

    test_cli.py PPSFW SOURCE_ROOT
"""

import json
import os
import re
import socket
import subprocess
import tempfile

from cli import (
    DENY, EXPLAINED, FAILED, FLOW, GOOD_POLICY, OK, POLICY, PPSFW, ROOT, RULE, SOURCES, STATUS,
    USAGE, ask, changed, check_exit, environment, policy_file, run, run_on_terminal)
from fake_daemon import FakeDaemon, Refusal
from tap import check, check_equal, check_in, check_not_in, main, skip, test


# ---- JSON ----

@test
def json_is_the_daemons_answer_sorted_on_one_line():
    result, _ = ask({"status": STATUS}, "--json")
    check_equal(result.out, json.dumps(STATUS, sort_keys=True, separators=(",", ":")) + "\n")


@test
def every_command_that_asks_the_daemon_prints_its_answer_with_json():
    with policy_file(GOOD_POLICY) as file:
        for method, words in (
                ("status", ["status"]), ("load", ["load", file.name]),
                ("show_rules", ["show", "rules"]), ("show_flows", ["show", "flows"]),
                ("show_exceptions", ["show", "exceptions"]),
                ("show_drops", ["show", "drops"]), ("show_policy", ["show", "policy"]),
                ("kill_flows", ["kill", "flows", "all"]), ("events", ["events"]),
                ("explain", ["explain", "inbound", "tcp", "10.0.0.1:1", "10.0.0.2:2"])):
            answer = {"of": method, "text": "ä\u009b\x7f", "list": [1, {"b": None}]}
            result, calls = ask({method: answer}, *words, "--json")
            check_exit(result, OK)
            check_equal(json.loads(result.out), answer)
            check_equal([call[0] for call in calls], [method])
            check(all(31 < ord(c) < 127 for c in result.out[:-1]), repr(result.out))


@test
def json_on_a_terminal_is_indented():
    with FakeDaemon({"status": STATUS}) as daemon:
        result = run_on_terminal("--json", daemon=daemon)
    check_equal(json.loads(result.out), STATUS)
    check(len(result.out.splitlines()) > 50, result.out)


@test
def options_are_accepted_before_and_after_the_command():
    with FakeDaemon({"show_drops": {"drops": []}}) as daemon:
        for words in (["--json", "--socket", daemon.path, "show", "drops"],
                      ["show", "drops", "--json", "--socket", daemon.path],
                      ["show", f"--socket={daemon.path}", "drops", "--json"]):
            result = run(*words)
            check_exit(result, OK)
            check_equal(result.out, '{"drops":[]}\n')


# ---- where the daemon is ----

@test
def the_environment_names_the_socket_and_the_option_beats_it():
    with FakeDaemon({"status": {"mode": "first"}}) as one, \
            FakeDaemon({"status": {"mode": "second"}}) as two:
        result = run("--json", env=environment(PPSFW_SOCKET=one.path))
        check_equal(result.out, '{"mode":"first"}\n')
        result = run("--json", daemon=two, env=environment(PPSFW_SOCKET=one.path))
        check_equal(result.out, '{"mode":"second"}\n')


@test
def an_empty_variable_means_the_usual_socket():
    if os.path.exists("/run/ppsfw/ppsfw.sock"):
        skip("a daemon runs here")
    result = run(env=environment(PPSFW_SOCKET=""))
    check_exit(result, FAILED)
    check_in("/run/ppsfw/ppsfw.sock", result.err)


@test
def a_missing_socket_is_answered_with_what_to_do():
    result = run("--socket", "/nonexistent/ppsfw.sock")
    check_exit(result, FAILED)
    check_equal(result.out, "")
    check_in("ppsfw: status: ", result.err)
    check_in("/nonexistent/ppsfw.sock", result.err)
    check_in("ppsfwd", result.err)


@test
def a_stale_socket_is_answered_with_what_to_do():
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "stale.sock")
        with socket.socket(socket.AF_UNIX) as stale:
            stale.bind(path)
        result = run("--socket", path)
    check_exit(result, FAILED)
    check_in("ppsfwd", result.err)


def can_nobody_run_it():
    """Whether every folder above the program lets everybody through."""
    folder = os.path.dirname(PPSFW)
    while os.stat(folder).st_mode & 0o001:
        if folder == "/":
            return True
        folder = os.path.dirname(folder)
    return False


@test
def no_permission_is_answered_with_who_may():
    if os.geteuid() != 0:
        skip("needs root to become somebody else")
    with FakeDaemon({"status": STATUS}) as daemon:
        os.chmod(os.path.dirname(daemon.path), 0o755)
        os.chmod(daemon.path, 0o660)
        if not can_nobody_run_it():
            skip("another user cannot run the program where it is built")
        done = subprocess.run([PPSFW, "--socket", daemon.path], capture_output=True, text=True,
                              env=environment(), timeout=60, user=65534, group=65534,
                              extra_groups=[])
    check_equal(done.returncode, FAILED)
    check_in("permission", done.stderr)
    check_in("user root and members of group root", done.stderr)


@test
def a_path_too_long_for_a_socket_is_said():
    result = run("--socket", "/tmp/" + "x" * 200)
    check_exit(result, FAILED)


@test
def a_daemon_that_dies_in_mid_answer_is_a_failure():
    for raw in (b"", b'{"jsonrpc": "2.0", "id": 1, "result": {"mode"', b"\n"):
        with FakeDaemon(raw=raw) as daemon:
            result = run(daemon=daemon)
        check_exit(result, FAILED)
        check_equal(result.out, "")
        check(result.err.startswith("ppsfw: status: "), result.err)


@test
def what_is_no_ppsfwd_is_not_believed():
    for raw in (b"220 mail.example ESMTP\n", b"[]\n", b'{"jsonrpc":"2.0","id":1}\n',
                b'{"jsonrpc":"2.0","id":1,"result":7}\n', b'{"jsonrpc":"2.0","id":1,"error":7}\n',
                b"\xff\xfe\n", b"[" * 100000 + b"\n"):
        with FakeDaemon(raw=raw) as daemon:
            result = run(daemon=daemon)
        check_exit(result, FAILED)
        check_equal(result.out, "")


@test
def failures_are_objects_when_json_was_asked_for():
    result = run("--json", "--socket", "/nonexistent/x.sock")
    check_exit(result, FAILED)
    check_in("/nonexistent", json.loads(result.out)["error"]["data"][0]["text"])

    def refuse(_):
        raise Refusal(-32001, "you may look only")

    result, _ = ask({"kill_flows": refuse}, "kill", "flows", "all", "--json")
    check_exit(result, FAILED)
    check_equal(json.loads(result.out), {"error": {"code": -32001, "message": "you may look only"}})
    check_equal(result.err, "ppsfw: kill flows: not permitted: you may look only\n")


# ---- words ----

@test
def a_wrong_command_lists_the_right_ones_and_the_nearest():
    for word in ("statsu", "census", "watch", "sta"):
        result = run(word)
        check_exit(result, USAGE)
        check_equal(result.out, "")
        check_in("choose from: status, check, load, sign, verify, confirm, rollback, history, diff, "
                 "show, explain, kill, events, registry, version, help", result.err)
    check_in('did you mean "status"?', run("statsu").err)


@test
def a_wrong_object_lists_the_right_ones_and_the_nearest():
    result = run("show", "flow")
    check_exit(result, USAGE)
    check_in('did you mean "flows"?', result.err)
    check_in("rules, flows, drops, sources, exceptions, policy", result.err)
    result = run("show")
    check_exit(result, USAGE)
    check_equal(result.err, "ppsfw: show what?\n"
                            "ppsfw: choose from: rules, flows, drops, sources, exceptions, policy\n")
    check_exit(run("kill", "rules"), USAGE)


@test
def a_wrong_kind_of_event_lists_the_right_ones():
    result = run("events", "event", "nope")
    check_exit(result, USAGE)
    check_in('event: "nope" is none of flow_start, flow_end, deny, daemon_start, ', result.err)
    check_in("worker_recovered", result.err)


@test
def a_wrong_option_lists_the_right_ones_and_the_nearest():
    result = run("--jsno")
    check_exit(result, USAGE)
    check_in('did you mean "--json"?', result.err)
    check_in("--socket", result.err)
    for words in (["status", "--follow"], ["--json=yes"], ["--socket"], ["events", "--max", "0"],
                  ["events", "--max", "x"], ["show", "rules", "--max", "5"], ["load", "--strict"]):
        check_exit(run(*words), USAGE)


@test
def words_too_many_are_a_usage_error():
    for words in (["status", "now"], ["show", "rules", "x"], ["show", "drops", "x"],
                  ["show", "policy", "x"], ["version", "x"], ["load", "a", "b"]):
        result = run(*words)
        check_exit(result, USAGE)
        check_in("usage: ppsfw", result.err)


@test
def help_lists_every_command_and_explains_each():
    result = run("help")
    check_exit(result, OK)
    check_equal(run("--help").out, result.out)
    names = command_names()
    check_equal(len(names), 21)
    for name in names:
        check_in(f"  ppsfw {name}", result.out)
        one = run("help", *name.split())
        check_exit(one, OK)
        check(one.out.startswith(f"ppsfw {name}"), one.out)
        check_equal(run(*name.split(), "--help").out, one.out)
    check_in("destination_port", run("help", "kill", "flows").out)
    check_in("ppsfw show drops", run("help", "show").out)
    check_exit(run("help", "nonsense"), USAGE)


@test
def version_is_the_projects():
    with open(os.path.join(ROOT, "meson.build"), encoding="utf-8") as file:
        version = re.search(r"version: '([0-9.]+)'", file.read()).group(1)
    check_equal(run("version").out, f"ppsfw {version}\n")
    check_equal(run("--version").out, f"ppsfw {version}\n")
    check_equal(json.loads(run("version", "--json").out), {"version": version})


@test
def the_later_commands_are_not_in_the_table():
    for words in (["census"], ["assess"],
                  ["capture"], ["watch"]):
        check_exit(run(*words), USAGE)


# ---- completion and manual ----

def command_names():
    """The names of the table in main.c."""
    with open(os.path.join(SOURCES, "main.c"), encoding="utf-8") as file:
        table = file.read().split("commands[] = {")[1].split("\n};")[0]
    return re.findall(r'\{"([a-z ]+)",', table)


def words_after(*words):
    """What the program says may follow."""
    result = run("help", "--words", *words)
    check_exit(result, OK)
    return result.out.split()


@test
def completion_offers_what_the_table_has():
    names = command_names()
    firsts = list(dict.fromkeys(name.split()[0] for name in names))
    check_equal([word for word in words_after() if word[0] != "-"], firsts)
    for first in ("show", "kill"):
        seconds = [name.split()[1] for name in names if name.startswith(first + " ")]
        check_equal([word for word in words_after(first) if word[0] != "-"], seconds)


@test
def completion_knows_arguments_and_pairs():
    def plain(*words):
        return [word for word in words_after(*words) if word[0] != "-"]

    check_equal(plain("check"), ["FILE"])
    check_equal(plain("load", "x.json"), [])
    check_equal(words_after("--socket"), ["FILE"])
    check_in("--follow", words_after("events"))
    check_not_in("--follow", words_after("status"))
    check_equal(plain("explain"), ["inbound", "outbound"])
    check_in("icmpv6", plain("explain", "inbound"))
    check_equal(plain("explain", "inbound", "tcp"), [])
    check_in("vlan", plain("explain", "inbound", "tcp", "a", "b"))
    check_in("syn-ack", plain("explain", "inbound", "tcp", "a", "b", "flags"))
    check_in("all", plain("kill", "flows"))
    check_not_in("all", plain("show", "flows"))
    check_equal(plain("kill", "flows", "direction"), ["inbound", "outbound"])
    check_not_in("direction", plain("kill", "flows", "direction", "inbound"))
    check_in("https", plain("registry"))
    check_equal(plain("help", "show"), ["rules", "flows", "drops", "sources", "exceptions", "policy"])
    check_equal(plain("nonsense", "x"), [])


def complete(*words):
    """What bash would offer for the last of these words."""
    script = ('source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _ppsfw; '
              'printf "%s\\n" "${COMPREPLY[@]}"')
    done = subprocess.run(["bash", "-c", script, "bash", os.path.join(SOURCES, "ppsfw.bash"),
                           PPSFW, *words], capture_output=True, text=True, env=environment(),
                          timeout=20)
    check_equal(done.stderr, "")
    return done.stdout.split()


@test
def bash_completes_commands_objects_files_and_options():
    check_equal(complete("st"), ["status"])
    check_equal(complete("show", ""), ["rules", "flows", "drops", "sources", "exceptions", "policy"])
    check_equal(complete("--json", "show", "fl"), ["flows"])
    check_equal(complete("--str"), [])
    check_equal(complete("check", "--str"), ["--strict"])
    check_equal(complete("kill", "flows", "dest"), ["destination", "destination_port"])
    with policy_file(GOOD_POLICY) as file:
        check_equal(complete("load", file.name[:-3]), [file.name])


@test
def the_manual_describes_every_command_and_option():
    with open(os.path.join(SOURCES, "ppsfw.1"), encoding="utf-8") as file:
        manual = file.read()
    for name in command_names():
        check(re.search(r"^\.It Cm " + name + r"\b", manual, re.M), f"{name} is not described")
        check(re.search(r"^\.Dl .*ppsfw( --\w+)*" + ("" if name == "status" else f" {name}") +
                        r"\b", manual, re.M), f"{name} has no example")
    for option in ("json", "socket", "timeout", "verbose", "help", "version", "strict", "follow",
                   "max", "diff", "history", "cert", "key", "chain", "out", "passin", "ca", "crl",
                   "required", "subject", "eku"):
        check_in(f"Fl -{option}", manual)
    for word in re.findall(r'^\s+\{"([a-z_]+)", (?:NULL|"[a-z_]+"), VALUE_',
                           open(os.path.join(SOURCES, "filter_words.c"), encoding="utf-8").read(),
                           re.M):
        check_in(word, manual)


@test
def the_manual_is_well_formed():
    try:
        done = subprocess.run(["mandoc", "-Tlint", "-Wwarning", os.path.join(SOURCES, "ppsfw.1")],
                              capture_output=True, text=True, timeout=20)
    except FileNotFoundError:
        skip("mandoc is not installed")
    check_equal((done.returncode, done.stdout), (0, ""))


# ---- hostile text ----

EVIL = "\x1b]0;owned\x07\x1b[2J\r\nfake line\u009b31m\u202egnp.exe\x7f\u200b"


def poison(value, text):
    """The same structure with every text replaced."""
    if isinstance(value, dict):
        return {key: poison(member, text) for key, member in value.items()}
    if isinstance(value, list):
        return [poison(member, text) for member in value]
    return text if isinstance(value, str) else value


def check_harmless(out):
    """No character that a terminal obeys, or that reorders text."""
    for char in out:
        code = ord(char)
        bad = (code < 32 and char != "\n") or 0x7f <= code < 0xa0 or char in "\u202e\u200b"
        check(not bad, f"{char!r} in {out!r}")


@test
def escape_sequences_of_the_daemon_never_reach_the_terminal():
    def refuse(_):
        raise Refusal(-32002, EVIL, [{"path": EVIL, "text": EVIL}])

    for answers, words in (
            ({"status": poison(STATUS, EVIL)}, ["-v"]),
            ({"show_rules": {"rules": [poison(RULE, EVIL)]}}, ["show", "rules"]),
            ({"show_exceptions": {"exceptions": [poison(RULE, EVIL)]}}, ["show", "exceptions"]),
            ({"show_flows": {"flows": [poison(FLOW, EVIL)]}}, ["show", "flows"]),
            ({"show_sources": {"block": {"files": [EVIL], "reason": EVIL, "top": [
                {"source": EVIL}]}, "files": [{"name": EVIL, "digest": EVIL}]}},
             ["show", "sources"]),
            ({"show_drops": {"drops": [{"reason": EVIL, "step": EVIL, "text": EVIL}]}},
             ["show", "drops"]),
            ({"show_policy": {"policy": poison(POLICY, EVIL), "document": {EVIL: EVIL}}},
             ["show", "policy"]),
            ({"explain": poison(EXPLAINED, EVIL)},
             ["explain", "inbound", "tcp", "10.0.0.1:1", "10.0.0.2:2"]),
            ({"events": {"events": [dict(poison(DENY, EVIL), **{EVIL: [EVIL]})]}}, ["events"]),
            ({"kill_flows": refuse}, ["kill", "flows", "all"])):
        clean = poison(answers, "text") if not callable(answers.get("kill_flows")) else None
        with FakeDaemon(answers) as daemon:
            for more in ([], ["--json"]):
                result = run(*words, *more, daemon=daemon)
                check_harmless(result.out + result.err)
        if clean is not None:
            lines = ask(clean, *words)[0].out.count("\n")
            check_equal(ask(answers, *words)[0].out.count("\n"), lines)
        check_in("owned", result.out + result.err)


@test
def words_of_the_command_line_and_of_files_are_escaped_too():
    check_harmless(run(EVIL).err)
    check_harmless(run("show", "flows", EVIL, EVIL).err)
    check_harmless(run("--socket", "/tmp/" + EVIL.replace("/", "")).err)
    check_harmless(run("check", "/tmp/" + EVIL).out)
    check_harmless(run("check", "/tmp/" + EVIL, "--json").out)
    with policy_file(dict(GOOD_POLICY, policy=EVIL, **{EVIL: EVIL})) as file:
        result = run("check", file.name)
        check_exit(result, FAILED)
        check_harmless(result.out)
        check_harmless(run("load", file.name).err)


@test
def what_is_not_utf8_is_shown_as_bytes():
    done = subprocess.run([PPSFW, b"\xff\xc0\xaf\xed\xa0\x80"], capture_output=True,
                          env=environment(), timeout=20)
    check_equal(done.returncode, USAGE)
    check_in(rb'"\xff\xc0\xaf\xed\xa0\x80"', done.stderr)
    done = subprocess.run([PPSFW, "show", "flows", "rule", b"\xff"], capture_output=True,
                          env=environment(), timeout=20)
    check_equal(done.returncode, USAGE)


@test
def letters_of_all_alphabets_are_shown_as_they_are():
    rule = changed(RULE, id="Zürich-火")
    result, _ = ask({"show_rules": {"rules": [rule]}}, "show", "rules")
    check_in("Zürich-火", result.out)


# ---- terminals and pipes ----

@test
def colours_appear_on_a_terminal_and_nowhere_else():
    with FakeDaemon({"status": STATUS}) as daemon:
        check_in("\x1b[32mINLINE\x1b[0m", run_on_terminal(daemon=daemon).out)
        check_not_in("\x1b", run(daemon=daemon).out)
        for env in (environment(NO_COLOR="1"), environment(TERM="dumb")):
            check_not_in("\x1b", run_on_terminal(daemon=daemon, env=env).out)
        check_in("\x1b", run_on_terminal(daemon=daemon, env=environment(NO_COLOR="")).out)


@test
def lines_carry_no_blanks_at_their_end():
    for answers, words in (({"status": STATUS}, ["-v"]),
                           ({"show_rules": {"rules": [RULE, RULE]}}, ["show", "rules"]),
                           ({"explain": EXPLAINED},
                            ["explain", "inbound", "tcp", "10.0.0.1:1", "10.0.0.2:2"])):
        result, _ = ask(answers, *words)
        for line in result.out.splitlines():
            check_equal(line, line.rstrip())


@test
def a_reader_that_leaves_early_gets_no_complaint():
    flows = [changed(FLOW, source_port=port) for port in range(5000)]
    with FakeDaemon({"show_flows": {"flows": flows, "matched": 5000, "shown": 5000}}) as daemon:
        process = subprocess.Popen([PPSFW, "--socket", daemon.path, "show", "flows"],
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                   env=environment())
        process.stdout.readline()
        process.stdout.close()
        err = process.stderr.read()
        process.stderr.close()
        check_equal((process.wait(20), err), (FAILED, b""))


@test
def a_full_disk_is_a_failure():
    with FakeDaemon({"status": STATUS}) as daemon, open("/dev/full", "w", encoding="ascii") as full:
        done = subprocess.run([PPSFW, "--socket", daemon.path], stdout=full,
                              stderr=subprocess.PIPE, text=True, env=environment(), timeout=20)
    check_equal(done.returncode, FAILED)
    check_in("standard output: No space left on device", done.stderr)


@test
def a_closed_standard_output_does_not_crash():
    with FakeDaemon({"status": STATUS}) as daemon:
        done = subprocess.run(["bash", "-c", '"$0" --socket "$1" >&-', PPSFW, daemon.path],
                              stderr=subprocess.PIPE, text=True, env=environment(), timeout=20)
    check_equal(done.returncode, FAILED)


main()
