#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""config/ppsfwd.schema.json says yes and no where ppsfwd does. Speaks TAP.

That the schema has the keys, defaults and sentences of the program's tables is
tested in test_config_files.c; here it is a schema, and judges values.
"""

import copy
import json
import pathlib
import sys

CONFIG = pathlib.Path(__file__).resolve().parents[2] / "config"

MINIMAL = {
    "segments": [{"name": "s", "inside": "a", "outside": "b"}],
    "policy": "p.json",
}

# What is set in the smallest good file, and whether the result is good.
CASES = [
    ("the smallest file is good", [], None, True),
    ("an unknown key is refused", ["sockets"], "x", False),
    ("an unknown key of a segment is refused", ["segments", 0, "mtus"], 1500, False),
    ("audit mode is good", ["mode"], "audit", True),
    ("observer mode is good", ["mode"], "observer", True),
    ("a mode nobody has is refused", ["mode"], "watch", False),
    ("captured time is good", ["clock"], "capture", True),
    ("sixty-four workers are good", ["workers"], 64, True),
    ("sixty-five workers are refused", ["workers"], 65, False),
    ("1024 flows are good", ["flows"], 1024, True),
    ("1023 flows are refused", ["flows"], 1023, False),
    ("more than 2^26 flows are refused", ["flows"], 2**26 + 1, False),
    ("bounds on half-open flows are good", ["half_open"], {"max": 1, "per_source": 1}, True),
    ("no half-open flow is refused", ["half_open"], {"max": 0}, False),
    ("a source without any is refused", ["half_open"], {"per_source": 0}, False),
    ("an unknown bound is refused", ["half_open"], {"total": 5}, False),
    ("a jumbo MTU is good", ["segments", 0, "mtu"], 9600, True),
    ("an MTU of 575 is refused", ["segments", 0, "mtu"], 575, False),
    ("a segment name with a space is refused", ["segments", 0, "name"], "my dmz", False),
    ("an empty port is refused", ["segments", 0, "inside"], "", False),
    ("a port of 64 characters is refused", ["segments", 0, "inside"], "x" * 64, False),
    ("no segment is refused", ["segments"], [], False),
    ("an empty policy path is refused", ["policy"], "", False),
    ("a control character in a path is refused", ["state"], "a\x1bb", False),
    ("no events file is good", ["events"], {"file": None}, True),
    ("an events file that is no path is refused", ["events"], {"file": False}, False),
    ("files of no size are refused", ["events"], {"rotate_mib": 0}, False),
    ("a socket path of 108 bytes is refused", ["socket"], "/" * 108, False),
    ("users and groups are good", ["access"], {"admin": ["root"], "view": ["@adm"]}, True),
    ("a group without a name is refused", ["access"], {"view": ["@"]}, False),
    ("EAL's arguments are strings", ["eal"], ["-m", 512], False),
    ("no argument for EAL is good", ["eal"], [], True),
    ("a day of picking up is good", ["tcp_loose_seconds"], 86400, True),
    ("more than a day of picking up", ["tcp_loose_seconds"], 86401, False),
    ("building without a limit is good", ["build_mib"], 0, True),
    ("signatures by people of a list are good", ["signatures"],
     {"ca": "a", "crl": "b", "subjects": ["CN=A"], "signatures_required": 1}, True),
    ("signatures for a purpose are good", ["signatures"],
     {"ca": "a", "extended_key_usage": "codeSigning", "signatures_required": 32}, True),
    ("signatures by anybody are refused", ["signatures"],
     {"ca": "a", "signatures_required": 1}, False),
    ("signatures of no CA are refused", ["signatures"],
     {"subjects": ["CN=A"], "signatures_required": 1}, False),
    ("signatures by nobody are refused", ["signatures"],
     {"ca": "a", "subjects": ["CN=A"], "signatures_required": 0}, False),
    ("signatures without a number are refused", ["signatures"],
     {"ca": "a", "subjects": ["CN=A"]}, False),
    ("an unknown log level is refused", ["log"], "chatty", False),
]

MIRROR = {"name": "s", "mirror": "m"}
PREFIXES, MACS = {"inside_prefixes": ["198.51.100.0/24", "::1"]}, {"inside_macs": ["02:00:00:00:00:0a"]}

# Segments of an observer, and whether they are good.
OBSERVED = [
    ("a mirror port with prefixes is good", {**MIRROR, **PREFIXES}, True),
    ("a mirror port with MAC addresses is good", {**MIRROR, **MACS}, True),
    ("a mirror port with neither is refused", MIRROR, False),
    ("a mirror port with both is refused", {**MIRROR, **PREFIXES, **MACS}, False),
    ("a mirror port beside others is refused",
     {**MIRROR, **PREFIXES, "inside": "a", "outside": "b"}, False),
    ("prefixes without a mirror port are refused",
     {"name": "s", "inside": "a", "outside": "b", **PREFIXES}, False),
    ("one tap is refused", {"name": "s", "inside": "a"}, False),
    ("no prefix is refused", {**MIRROR, "inside_prefixes": []}, False),
    ("everything as a prefix is refused", {**MIRROR, "inside_prefixes": ["::/0"]}, False),
    ("the MAC address of a group is refused",
     {**MIRROR, "inside_macs": ["01:00:5e:00:00:01"]}, False),
]


def set_value(document, path, value):
    for step in path[:-1]:
        document = document[step]
    document[path[-1]] = value


def main():
    try:
        import jsonschema
    except ImportError:
        print("1..0 # SKIP python3-jsonschema is not installed")
        return 0
    schema = json.loads((CONFIG / "ppsfwd.schema.json").read_text())
    results = []
    try:
        jsonschema.Draft202012Validator.check_schema(schema)
        results.append(("the schema is a schema", True))
    except jsonschema.SchemaError as error:
        print(f"# {error.message}")
        results.append(("the schema is a schema", False))
    validator = jsonschema.Draft202012Validator(schema)
    for sentence, path, value, good in CASES:
        document = copy.deepcopy(MINIMAL)
        if path:
            set_value(document, path, value)
        results.append((sentence, validator.is_valid(document) == good))
    for key in MINIMAL:
        document = copy.deepcopy(MINIMAL)
        del document[key]
        results.append((f"a file without {key} is refused", not validator.is_valid(document)))
    for sentence, segment, good in OBSERVED:
        document = {"segments": [segment], "policy": "p.json", "mode": "observer"}
        results.append((sentence, validator.is_valid(document) == good))
    for mode in ({}, {"mode": "inline"}, {"mode": "audit"}):
        document = {"segments": [{**MIRROR, **PREFIXES}], "policy": "p.json", **mode}
        results.append((f"a mirror port is refused with {mode}", not validator.is_valid(document)))
    for name in ("ppsfwd.example.json", "ppsfwd.observer.json"):
        example = json.loads((CONFIG / name).read_text())
        results.append((f"{name} is good", validator.is_valid(example)))

    print(f"1..{len(results)}")
    for number, (sentence, passed) in enumerate(results, 1):
        print(f"{'ok' if passed else 'not ok'} {number} - {sentence}")
    return 0 if all(passed for _, passed in results) else 1


if __name__ == "__main__":
    sys.exit(main())
