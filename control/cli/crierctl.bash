# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
# Completion for crierctl.  The program itself knows its commands and options, and
# asks crierd for rooms and settings: see crierctl __complete.

_crierctl() {
	local words

	COMPREPLY=()
	mapfile -t words < <("${COMP_WORDS[0]}" __complete "$COMP_CWORD" "${COMP_WORDS[@]}" 2>/dev/null)
	if [[ ${words[0]-} == @files ]]; then
		compopt -o filenames 2>/dev/null
		mapfile -t COMPREPLY < <(compgen -f -- "${COMP_WORDS[COMP_CWORD]}")
		return
	fi
	COMPREPLY=("${words[@]}")
}

complete -F _crierctl crierctl
