# shellcheck shell=bash
# SPDX-License-Identifier: MIT
#
# common.bash: what the measuring scripts share: what they say meanwhile, and the sums they make of lines of numbers.

# One live line, on a terminal.
say() { [[ ! -t 2 ]] || printf '\r\033[K%s' "$*" >&2; }

# Value at that share of the sorted last fields of FILE's lines that begin with these words, in the given form; a dash when
# there are none.
at() { # SHARE FORM FILE WORD...
	awk -v key="${*:4} " 'index($0, key) == 1 { print $NF }' "$3" | sort -g |
		awk -v share="$1" -v form="$2" '{ v[NR] = $1 }
			END { i = int(NR * share + 0.999); if (NR) printf form "\n", v[i < 1 ? 1 : i]; else print "-" }'
}

# Of a Debian package.
version() { dpkg-query -W -f '${Version}' "$1" 2>/dev/null || echo '?'; }

# Jobs are not to wait for headroom: a busy machine is what is measured, or must not matter.
ignore_headroom() {
	# shellcheck disable=SC2086  # names
	unset ${!RESRUN_*} ${!RESOURCE_*}
	export RESRUN_CPU_THRESHOLD=100 RESRUN_MEMORY_THRESHOLD=100 RESRUN_DISK_THRESHOLD=100
}
