#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""House rules that a machine can check. TAP.

usage: style.py SOURCE-ROOT
"""

import os
import re
import shutil
import subprocess
import sys

ROOT = sys.argv[1]
TOP = {'app', 'lib', 'config', 'tests', 'tools', 'meson.build', 'README.md', 'LICENSE'}
FUNCTION_LINES_MAX = 80
FILE_LINES_MAX = 700


def files():
    """Every file of the source tree, build folders left out."""
    for folder, folders, names in os.walk(ROOT):
        if folder == ROOT:
            folders[:] = [f for f in folders if f in TOP or f in ('.ci', '.github')]
            names = [n for n in names if n in TOP or n.startswith('.')]
        folders[:] = [f for f in folders if f != '__pycache__']
        for name in names:
            yield os.path.join(folder, name)


def text(path):
    with open(path, encoding='utf-8', errors='replace') as file:
        return file.read()


def relative(path):
    return os.path.relpath(path, ROOT)


ALL = sorted(files())
C = [f for f in ALL if f.endswith(('.c', '.h'))]
SCRIPTS = [f for f in ALL if os.access(f, os.X_OK) and text(f).startswith('#!')]
SHELL = [f for f in SCRIPTS if re.match(r'#!.*\b(ba)?sh\b', text(f))]
PAGES = [f for f in ALL if re.search(r'\.[1-8]$', f)]


def run(*command):
    """The lines a tool complains with; none when it is content."""
    if shutil.which(command[0]) is None:
        return None
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          cwd=ROOT, check=False)
    return [] if done.returncode == 0 else (done.stdout.splitlines() or ['it failed'])


def sources_are_formatted():
    return run('clang-format', '--dry-run', '-Werror', *C)


def shell_scripts_are_clean():
    return run('shellcheck', '-x', *SHELL)


def manual_pages_are_clean():
    return run('mandoc', '-Tlint', '-Wwarning', *PAGES)


def manual_pages_are_installed():
    builds = ''.join(text(f) for f in ALL if f.endswith('meson.build'))
    installed = set(re.findall(r"'([^']+)'", ' '.join(re.findall(r'install_man\((.*?)\)', builds,
                                                                re.S))))
    return [relative(f) for f in PAGES if os.path.basename(f) not in installed]


def every_source_names_its_licence():
    wanted = [f for f in ALL if f.endswith(('.c', '.h', '.py', 'meson.build'))] + SCRIPTS
    return [relative(f) for f in wanted
            if 'SPDX-License-Identifier: BSD-3-Clause' not in '\n'.join(text(f).splitlines()[:4])]


def functions_fit_on_a_screen_or_two():
    long = []
    for path in (f for f in C if '/tests/' not in f):
        start = None
        for number, line in enumerate(text(path).splitlines(), 1):
            if line == '{':
                start = number
            elif line == '}' and start is not None:
                if number - start > FUNCTION_LINES_MAX:
                    long.append(f'{relative(path)}:{start} ({number - start} lines)')
                start = None
    return long


def files_hold_one_idea():
    return [f'{relative(f)} ({text(f).count(chr(10))} lines)' for f in C
            if '/tests/' not in f and text(f).count('\n') > FILE_LINES_MAX]


def nothing_is_left_for_later():
    word = re.compile(r'\b(TO' + r'DO|FIX' + r'ME|XX' + r'X|HA' + r'CK)\b')
    return [relative(f) for f in ALL if not f.endswith('.pcap') and word.search(text(f))]


def lines_do_not_end_in_spaces():
    kinds = ('.c', '.h', '.py', '.md', '.json', '.build', '.sh')
    return [relative(f) for f in ALL if (f.endswith(kinds) or f in SCRIPTS)
            and re.search(r'[ \t]+$', text(f), re.M)]


TESTS = [sources_are_formatted, shell_scripts_are_clean, manual_pages_are_clean,
         manual_pages_are_installed, every_source_names_its_licence,
         functions_fit_on_a_screen_or_two, files_hold_one_idea, nothing_is_left_for_later,
         lines_do_not_end_in_spaces]


def main():
    print(f'1..{len(TESTS)}')
    good = True
    for number, test in enumerate(TESTS, 1):
        found = test()
        sentence = test.__name__.replace('_', ' ')
        if found is None:
            print(f'ok {number} - {sentence} # SKIP the tool is not installed')
            continue
        print(f'{"ok" if not found else "not ok"} {number} - {sentence}')
        for line in found[:40]:
            print('# ' + line)
        good = good and not found
    return 0 if good else 1


if __name__ == '__main__':
    sys.exit(main())
