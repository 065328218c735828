# SPDX-License-Identifier: BSD-3-Clause
# Completion for ppsfw. The words come from the program itself: "ppsfw help --words WORD..." prints
# what may follow these, one a line, and FILE where the name of a file may.
_ppsfw()
{
	local current=${COMP_WORDS[COMP_CWORD]} words
	local before=("${COMP_WORDS[@]:1:COMP_CWORD-1}")

	COMPREPLY=()
	words=$("${COMP_WORDS[0]}" help --words "${before[@]}" 2>/dev/null) || return 0
	if [[ $'\n'$words$'\n' == *$'\n'FILE$'\n'* ]]; then
		compopt -o filenames 2>/dev/null
		mapfile -t COMPREPLY < <(compgen -f -- "$current")
		words=${words//FILE/}
	fi
	# Options only when one was begun: they would hide the words.
	if [[ $current != -* ]]; then
		words=$(printf '%s\n' "$words" | grep -v '^-')
	fi
	mapfile -t -O "${#COMPREPLY[@]}" COMPREPLY < <(compgen -W "$words" -- "$current")
}
complete -F _ppsfw ppsfw
