#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# scope = host: slots and starts of all users are counted together, and nobody can harm what others wrote. The place is fixed
# (/var/lib/resrun/shared), so this runs only where it can be thrown away.
#
# runs: plain
# shellcheck disable=SC2154  # stderr: set by run

source "$BATS_TEST_DIRNAME/common.bash"

setup() {
	resrun_setup
	export RESRUN_SCOPE=host
	rm -rf /var/lib/resrun
	# Below a directory that others may enter, as that of bats is not.
	nobody=$(mktemp -d /tmp/nobody.XXXXXX)
	chmod 777 "$nobody"
}

teardown() {
	end_background
	rm -rf "$nobody"
}

as_user() { # COMMAND [ARG]...
	setpriv --reuid 65534 --regid 65534 --clear-groups env -C "$nobody" RESRUN_STATE_DIR="$nobody" RESRUN_RUNTIME_DIR="$nobody" XDG_CONFIG_HOME="$nobody" "$@"
}

@test "not prepared, it says who is to do what; doctor --fix prepares it" {
	run -125 --separate-stderr resrun -- true
	[[ $stderr == *'sudo resrunctl doctor --fix'* ]] || fail "$stderr"
	resrunctl doctor --fix >/dev/null || true
	assert_equal "$(stat -c '%a %u' /var/lib/resrun/shared /var/lib/resrun/shared/lock)" $'1777 0\n644 0'
	run -0 resrun -- true
	run -0 resrunctl doctor
	assert_line --regexp '^ok +shared directory'
}

@test "root and a user share one slot and one rate, and see each other" {
	resrunctl doctor --fix >/dev/null || true
	hold_slot
	run -75 as_user resrun -w 0 -- true
	as_user resrunctl status --json >status
	assert_equal "$(jq -r '.running[0].user' status)" root
	let_go
	await "$holder"
	run -0 as_user resrun -r 1/1h -w 20s -- true
	run -75 resrun -r 1/1h -w 0 -- true
	# What a user has there, only that user (and root) can remove.
	run as_user rm -f /var/lib/resrun/shared/ledger-0 /var/lib/resrun/shared/lock
	[[ -f /var/lib/resrun/shared/ledger-0 && -f /var/lib/resrun/shared/lock ]]
}

@test "another user's job is seen, and not steered; root steers all" {
	resrunctl doctor --fix >/dev/null || true
	printf '1710151200 0 1000000 1 9000 success\n' | "$SOURCE/tests/past" learned "$STATE" default:sleep
	hold_slot --name roots
	run -1 --separate-stderr as_user resrunctl cancel roots
	[[ $stderr == *": it is a job of user root's; you are not" ]] || fail "$stderr"
	let_go
	background as_user resrun --name theirs -- sleep 1000
	eventually 20 sh -c 'resrunctl status --json | jq -e ".running[0].state == \"running\""'
	# What root has learned of a key is nothing that is known of the user's.
	run -0 resrunctl status --json
	holds '.running[0] | .user == "nobody" and .left_by == null and .left_s == null'
	run -0 env COLUMNS=120 resrunctl top --once
	assert_output --regexp 'theirs +running .* - .* sleep'
	refute_output --regexp '~[0-9]'
	run -0 resrunctl set theirs timeout=1h
	run -0 resrunctl cancel theirs
	await "$LAST_PID"
	[[ $status -ne 0 ]]
}

idle_says() { # RE
	run resrunctl idle --for 1h
	[[ $output =~ $1 ]]
}

@test "idle: another user's job counts while it runs, and from its end on" {
	resrunctl doctor --fix >/dev/null || true
	run -0 resrunctl idle --for 1h
	assert_output 'idle: no job has ever run here'
	background as_user resrun --name theirs -- sleep 1000
	eventually 20 idle_says "^not idle: job [a-z0-9]{10} 'theirs'"
	run -0 resrunctl cancel theirs
	await "$LAST_PID"
	eventually 20 idle_says "^not idle: the last job, another user's, was over [0-9hms.]+ ago; 1h was asked for"
	run -1 resrunctl idle --for 1h --json
	holds '.last_job_id == null and .jobs == 0 and .idle_s < 3600'
	eventually 20 resrunctl idle --for 1s
	# What comes later counts anew.
	run -0 resrun --name ours -- true
	eventually 20 idle_says '^not idle: the last job, [a-z0-9]{10}, was over '
}
