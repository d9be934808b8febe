#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# Alerts in the system's log: as syslog messages to whoever listens at /dev/log, or with fields to journald.
#
# runs: outside outside-user
# shellcheck disable=SC2154  # stderr: set by run

source "$BATS_TEST_DIRNAME/common.bash"

setup() {
	resrun_setup
	need jq
}

teardown() {
	end_background
}

# A job that runs until it has seen memory change its level.
until_seen() { # LOG [OPTION]...
	resrun --on-busy run -w 0 -q -t 120 -j 9 --log "$1" "${@:2}" -- \
		sh -c 'until grep "\"message\":\"alert\"" "$1" | grep -q "\"resource\":\"memory\""; do sleep 0.1; done' sh "$1"
}

# In a mount namespace of its own, in which SOCKET is ours: what came there is in the file `heard`, a datagram a line, quoted.
with_listener() { # SOCKET COMMAND [ARG]...
	cat >listener <<-'END'
		import os, socket, sys
		ours = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
		ours.bind(sys.argv[1])
		if os.fork():
		    os.execvp(sys.argv[2], sys.argv[2:])
		with open("heard", "w", buffering=1) as heard:
		    while (text := ours.recv(65536)) != b"end":
		        print(repr(text.decode()), file=heard)
	END
	cat >inside <<-'END'
		set -e
		if [ "$1" = /dev/log ]; then
			mkdir dev
			touch dev/null
			mount --bind /dev/null dev/null
			mount --rbind dev /dev
		else
			mount -t tmpfs none /run
			mkdir -p "${1%/*}"
		fi
		exec python3 listener "$@"
	END
	unshare -rm true 2>/dev/null || skip 'no mount namespace'
	unshare -rm sh ./inside "$@"
}

# Two jobs at once see that memory is critical; with OK another one then sees that it is well again.
write_story() { # [OK]
	{
		echo 'set -e'
		declare -f until_seen
		echo 'until_seen log1 --memory-threshold 0.1 & until_seen log2 --memory-threshold 0.1; wait $!'
		[[ -z ${1:-} ]] || echo 'resrun --on-busy run -w 0 -q -t 120 --log log3 -- sh -c "until grep -q severity...ok $STATE/alerts; do sleep 0.1; done"'
		# The listener is to hear no more.
		echo 'python3 -c "import socket, sys; socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).sendto(b\"end\", sys.argv[1])" "$1"'
	} >story
	sed -i "s|\$STATE|$STATE|" story
}

@test "at /dev/log: one message for each change, whoever sees it" {
	need python3 unshare
	write_story ok
	with_listener /dev/log bash ./story /dev/log
	eventually 20 has_lines heard 2
	assert_equal "$(grep -c memory heard)" 2
	grep -qE "^'<10>[A-Z][a-z]{2} [ 0-9]{2} [0-9:]{8} resrun\[[0-9]+\]: memory is critical: [0-9.]+%, threshold 0.1% \(seen by job [a-z0-9]{10}\)'\$" heard
	grep -qE "^'<13>.* resrun\[[0-9]+\]: memory is ok: [0-9.]+%, threshold 100.0% " heard
}

@test "to journald: the same with fields, by its own protocol" {
	need python3 unshare
	write_story
	with_listener /run/systemd/journal/socket bash ./story /run/systemd/journal/socket
	eventually 20 has_lines heard 1
	grep RESRUN_RESOURCE=memory heard >first
	assert_equal "$(wc -l <first)" 1
	grep -qE "^'MESSAGE=memory is critical: [^\\]*\\\\nPRIORITY=2\\\\nSYSLOG_IDENTIFIER=resrun\\\\nRESRUN_RESOURCE=memory\\\\nRESRUN_SEVERITY=critical\\\\nRESRUN_VALUE=[0-9.]+\\\\nRESRUN_THRESHOLD=0.1\\\\nRESRUN_JOB_ID=[a-z0-9]{10}\\\\n'\$" first
}

@test "syslog = no: nothing is told" {
	need python3 unshare
	printf '[resrun]\nsyslog = no\n' | write_config
	write_story
	with_listener /dev/log bash ./story /dev/log
	eventually 20 test -e heard
	assert_equal "$(grep -c memory heard || true)" 0
	assert_equal "$(resrunctl alerts --json | jq '[.alerts[] | select(.resource == "memory")] | length')" 1
}

@test "where nobody listens the job is none the worse" {
	run -0 until_seen log --memory-threshold 0.1
	assert_output ''
}
