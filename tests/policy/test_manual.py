#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Keeps config/ppsfw-policy.5 true: test_manual.py PAGE FIELDS EXAMPLE

FIELDS is the program that prints the tables the parser reads by. The page speaks of every key, its
example is the shipped one, its table of timeouts has the defaults, and its table of findings is the
one that lint has. TAP on standard output.
"""
import re
import subprocess
import sys

RESULTS = []


def report(name, problems):
    RESULTS.append(not problems)
    print(f"{'not ' if problems else ''}ok {len(RESULTS)} - {name}")
    for problem in problems:
        print(f'# {problem}')


def read(path):
    with open(path, encoding='utf-8') as file:
        return file.read()


def table(program, *words):
    lines = subprocess.run([program, *words], check=True, capture_output=True, text=True).stdout
    return [line.split('\t') for line in lines.splitlines()]


def main():
    page_path, fields, example = sys.argv[1:]
    page = read(page_path)
    rows = table(fields)
    words = set(re.findall(r'\w+', ' '.join(re.findall(r'^\.(?:It )?Cm (.*)$', page, re.M))))
    report('the page speaks of every key', sorted({key for _, key, _, _ in rows} - words))
    literal = re.search(r'^\.Bd -literal\n(.*?)^\.Ed', page, re.M | re.S)
    report('the example is config/policy.example.json',
           [] if literal and literal[1] == read(example) else ['another text'])
    shown = dict(re.findall(r'^\.It Cm (\w+) Ta (\d+) Ta', page, re.M))
    used = {key: text.rsplit('; ', 1)[1] for name, key, _, text in rows if name == 'timeouts'}
    report('the defaults of timeouts are those in use',
           [] if shown == used else [f'{shown} is not {used}'])
    told = re.findall(r'^\.It Cm (\S+) Ta (note|warning|error) Ta (.*)$', page, re.M)
    found = [tuple(row) for row in table(fields, '--findings')]
    report('the findings are those of lint, in its order',
           [f'{a} is not {b}' for a, b in zip(told + [None], found + [None]) if a != b]
           or ([] if len(told) == len(found) else [f'{len(told)} are not {len(found)}']))
    print(f'1..{len(RESULTS)}')
    return 0 if all(RESULTS) else 1


if __name__ == '__main__':
    sys.exit(main())
