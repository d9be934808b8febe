# shellcheck shell=bash
# SPDX-License-Identifier: MIT
#
# golden.bash: what the files share that hold what is shown against tests/golden. Sourced after common.bash.

golden_setup() {
	need python3
	GOLDEN=$SOURCE/tests/golden
	masks=()
}

# Adds to what is masked from now on, as tests/golden/terminal takes it.
mask() { # -m|-w RE TEXT
	masks+=("$@")
}

# Runs a verb, and adds what it showed to the transcript.
look() { # VERB [ARG]...
	{
		printf '$ resrunctl'
		printf ' %s' "${@//"$BATS_TEST_TMPDIR"//tmp/test}"
		printf '\n'
		"$GOLDEN/terminal" "${masks[@]}" -m "$BATS_TEST_TMPDIR" /tmp/test resrunctl "$@"
		printf '\n'
	} >>transcript
}

# The transcript is what VERB.txt says, or from now on what it says.
compare() { # VERB
	if [[ ${RESRUN_GOLDEN:-} == renew ]]; then
		cp transcript "$GOLDEN/$1.txt"
	fi
	run diff -u "$GOLDEN/$1.txt" transcript
	assert_success
}

# One that runs and one that waits; what tells them from those of another day is masked.
a_present() { # [OPTION]... of the one that runs
	mkfifo gate
	printf '#!/bin/sh\necho >holding\nread -r word <gate\n' >hold
	chmod +x hold
	background resrun --name film -m 100M "$@" -- ./hold
	holder=$LAST_PID
	eventually 20 test -e holding
	background resrun --name 'a waiter with quite a long name' -w inf -- true
	waiter=$LAST_PID
	eventually 20 queued 1 1
	local id
	while read -r id; do
		mask -m "$id" film-film-
	done < <(resrunctl status --json | jq -r '.running[].job_id')
	while read -r id; do
		mask -m "$id" waiterwait
	done < <(resrunctl status --json | jq -r '.waiting[].job_id')
	mask -m "\\b$holder\\b" PID -m "\\b$waiter\\b" PID
}

mask_host() {
	mask -m '[0-9.]+%' N% -m '[0-9.]+GB' NGB -m '^CPU use is that .*' 'CPU use is that of …'
}
