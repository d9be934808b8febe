# shellcheck shell=bash
# SPDX-License-Identifier: MIT
#
# Bash's completion of resrunctl, which tells itself what fits: see control/complete.c.

# The words up to the cursor as resrunctl would get them, into `words`: readline cuts at = and : too.
_resrunctl_words() {
	local rest=${COMP_LINE:0:COMP_POINT} part left at
	words=()
	for ((at = 0; at <= COMP_CWORD; at++)); do
		left=${rest#"${rest%%[![:blank:]]*}"}
		part=${COMP_WORDS[at]}
		# Of the last one, what stands before the cursor.
		((at < COMP_CWORD)) || part=$left
		if ((at > 0)) && [[ -n $part && $left == "$rest" ]]; then
			words[${#words[@]} - 1]+=$part
		else
			words+=("$part")
		fi
		rest=${left#"$part"}
	done
}

# Files or directories (-f, -d) behind the = of an option, or in a word of their own.
_resrunctl_files() { # -f|-d CURRENT CUT
	local value=$2 name
	[[ $2 != --*=* ]] || value=${2#*=}
	while IFS= read -r name; do
		name=${2%"$value"}$name
		COMPREPLY+=("${name#"$3"}")
	done < <(compgen "$1" -- "$value")
	compopt -o filenames 2>/dev/null || true
}

# What follows the --.
_resrunctl_command() {
	local at
	for ((at = 1; at < COMP_CWORD; at++)); do
		[[ ${COMP_WORDS[at]} != -- ]] || break
	done
	if declare -F _command_offset >/dev/null; then
		_command_offset $((at + 1))
	else
		mapfile -t COMPREPLY < <(compgen -c -- "${COMP_WORDS[COMP_CWORD]}")
	fi
}

_resrunctl() {
	local -a words
	local line word current cut='' breaks=${COMP_WORDBREAKS//[!=:]/}
	_resrunctl_words
	current=${words[${#words[@]} - 1]}
	# readline puts the answer behind the last = or :.
	[[ -z $breaks || $current != *["$breaks"]* ]] || cut=${current%"${current##*["$breaks"]}"}
	COMPREPLY=()
	while IFS= read -r line; do
		case $line in
		$'\tfiles') _resrunctl_files -f "$current" "$cut" ;;
		$'\tdirs') _resrunctl_files -d "$current" "$cut" ;;
		$'\tcommand') _resrunctl_command ;;
		*)
			printf -v word %q "${line%%$'\t'*}"
			[[ $word != *= ]] || compopt -o nospace 2>/dev/null || true
			COMPREPLY+=("${word#"$cut"}")
			;;
		esac
	done < <(resrunctl complete -- "${words[@]:1}" 2>/dev/null)
}

complete -F _resrunctl resrunctl
