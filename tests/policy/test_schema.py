#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Keeps config/policy.schema.json true: test_schema.py SCHEMA FIELDS GOLDEN [EXAMPLE ...]

FIELDS is the program that prints the tables the parser reads by; GOLDEN the folder of golden
files. What the parser accepts, the schema accepts; what the parser refuses for its shape (2xx), the
schema refuses; both know the same keys and describe them in the same words. TAP on standard output.
"""
import json
import os
import re
import subprocess
import sys

import jsonschema

RESULTS = []


def report(name, problems):
    RESULTS.append(not problems)
    print(f"{'not ' if problems else ''}ok {len(RESULTS)} - {name}")
    for problem in problems:
        print(f'# {problem}')


def no_duplicates(pairs):
    keys = [key for key, _ in pairs]
    if len(set(keys)) != len(keys):
        raise ValueError('duplicate key')
    return dict(pairs)


def load(path):
    """The value in a file, or None where the text is not JSON."""
    with open(path, encoding='utf-8') as file:
        try:
            return json.load(file, object_pairs_hook=no_duplicates)
        except ValueError:
            return None


def find_object(schema, name):
    return schema if name == 'policy' else schema['$defs'].get(name, {})


def compare_fields(schema, rows):
    objects = {}
    for name, key, need, text in rows:
        objects.setdefault(name, {})[key] = (need, text)
    for name, fields in objects.items():
        described = find_object(schema, name)
        properties = described.get('properties', {})
        required = {key for key, (need, _) in fields.items() if need == 'required'}
        problems = [f'{key}: in one, not in the other' for key in set(fields) ^ set(properties)]
        if required != set(described.get('required', [])):
            problems.append(f'required: {sorted(required)} is not what the schema says')
        if described.get('additionalProperties') is not False:
            problems.append('the schema accepts unknown keys')
        for key in set(fields) & set(properties):
            need, text = fields[key]
            if (need == 'refused') != (properties[key].get('not') == {}):
                problems.append(f'{key}: refused by one alone')
            if properties[key].get('description') != text:
                problems.append(f'{key}: described as "{text}" by the parser')
            if not properties[key].get('title'):
                problems.append(f'{key}: has no title')
        report(f'schema and parser know the same keys of {name}', problems)


def describe_all(schema):
    bare = [name for name, value in schema['$defs'].items()
            if not value.get('title') or not value.get('description')]
    report('every definition has a title and a description', bare)


def check_accepted(validator, name, path):
    value = load(path)
    errors = ['not JSON'] if value is None else [
        f'{error.json_path}: {error.message[:100]}' for error in validator.iter_errors(value)]
    report(f'schema accepts {name}', errors)


LISTS = {'approved': 'approved', 'exceptions': 'exception', 'banned': 'ban'}


def blamed_rules(path):
    """(list, index) of every rule that an error of the .err file blames."""
    with open(path, encoding='utf-8') as file:
        found = (re.match(r'(approved|exceptions|banned)\[(\d+)\]', line) for line in file)
        return sorted({(match[1], int(match[2])) for match in found if match})


def check_refused(schema, validator, golden, stem):
    """The schema refuses the file, and every single rule that the parser blames."""
    value = load(os.path.join(golden, stem + '.json'))
    if value is None:
        report(f'{stem} is not JSON', [])
        return
    problems = ['accepted'] if validator.is_valid(value) else []
    for key, index in blamed_rules(os.path.join(golden, stem + '.err')):
        part = validator.evolve(schema={'$ref': '#/$defs/' + LISTS[key], '$defs': schema['$defs']})
        if part.is_valid(value[key][index]):
            problems.append(f'{key}[{index}] accepted')
    report(f'schema refuses {stem}', problems)


def main():
    schema_path, fields, golden, *examples = sys.argv[1:]
    schema = load(schema_path)
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    lines = subprocess.run([fields], check=True, capture_output=True, text=True).stdout
    compare_fields(schema, [line.split('\t') for line in lines.splitlines()])
    describe_all(schema)
    for path in examples:
        check_accepted(validator, os.path.basename(path), path)
    for name in sorted(os.listdir(golden)):
        stem, extension = os.path.splitext(name)
        path = os.path.join(golden, name)
        if extension == '.ok':
            check_accepted(validator, stem, os.path.join(golden, stem + '.json'))
            check_accepted(validator, name, path)
        elif extension == '.err' and name.startswith('2'):
            check_refused(schema, validator, golden, stem)
    print(f'1..{len(RESULTS)}')
    return 0 if all(RESULTS) else 1


if __name__ == '__main__':
    sys.exit(main())
