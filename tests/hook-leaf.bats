#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# The cgroups of hooks: where they are, what they hold, and that nothing of a hook is left, however it or its launcher ends.
#
# runs: plain systemd
# shellcheck disable=SC2154  # stderr: set by run
# shellcheck disable=SC2016  # what hooks and jobs expand

source "$BATS_TEST_DIRNAME/common.bash"

setup() {
	resrun_setup
	# Writes into FILE the directory of the cgroup that it runs in.
	printf '#!/bin/sh\necho "/sys/fs/cgroup$(sed s/^0::// /proc/$$/cgroup)" >"$1"\n' >where
	# A daemon: it has left the session, and minds no polite signal; its pid is in FILE.
	printf '#!/bin/sh\n(trap "" TERM HUP; exec setsid sh -c '\''echo $$ >"$0"; exec sleep 1000'\'' "$1" >/dev/null 2>&1) &\nuntil [ -s "$1" ]; do sleep 0.05; done\n' >daemon
	chmod 755 where daemon
}

teardown() {
	end_background
}

no_leaf_left() {
	[[ ! $(find /sys/fs/cgroup -type d -name 'rr-*' ! -name rr-sup) ]]
}

# A launcher that is at its hook, which has left a daemon. Its launcher is $launcher.
at_hook() { # before|cleanup [OPTION]...
	rm -f busy pid
	background resrun --name victim "${@:2}" "--$1" './daemon pid; echo "$RESRUN_CGROUP" >leaf; echo >busy; exec sleep 1000' -- true
	launcher=$LAST_PID
	eventually 60 test -e busy
	[[ -d $(<leaf).hooks ]]
	run ! is_gone "$(<pid)"
}

@test "a hook runs beside the job's leaf, in a cgroup of its own, with none of the job's limits" {
	run -0 resrun -m 200M --pids 50 --before './where before' --cleanup './where after; cat "$(cat after)/memory.max" "$(cat after)/pids.max" >limits; echo "$RESRUN_CGROUP" >leaf' \
		-- ./where job
	assert_equal "$(<job)" "$(<leaf)"
	[[ $(<before) == "$(<leaf).hooks/rr-"* && $(<after) == "$(<leaf).hooks/rr-"* && $(<before) != "$(<after)" ]]
	assert_equal "$(<limits)" $'max\nmax'
	no_leaf_left
}

@test "a daemon of hook_before is there for the job and the hooks after it, and ends with the try" {
	run -0 --separate-stderr resrun --before './daemon pid' --cleanup 'kill -0 "$(cat pid)" && echo >after' -- sh -c 'kill -0 "$(cat pid)"'
	assert_equal "$stderr" ''
	[[ -e after ]]
	eventually 20 is_gone "$(<pid)"
	no_leaf_left
}

@test "past its time limit a hook is killed with what has left its process group, and no other hook's" {
	export RESRUN_HOOK_TIMEOUT=20s
	run -0 --separate-stderr resrun --before './daemon first' \
		--cleanup './daemon second; RESRUN_HOOK_TIMEOUT= exec sleep 1000' \
		--cleanup 'until [ ! -e "/proc/$(cat second)" ]; do sleep 0.05; done; kill -0 "$(cat first)" && echo >well' --report report -- true
	[[ $stderr == *'took too long, status 124' ]]
	assert_equal "$(report '.hooks | map("\(.event) \(.status)") | join(" ")')" 'before 0 after 124 after 0'
	[[ -e well ]]
	eventually 20 is_gone "$(<first)" "$(<second)"
	no_leaf_left
}

@test "kill -9 of the launcher at a hook: soon nothing of the hook is left, with no other resrun" {
	local hook
	for hook in before cleanup; do
		at_hook "$hook"
		kill -KILL "$launcher"
		eventually 30 is_gone "$(<pid)"
		eventually 30 no_leaf_left
		await "$launcher"
		rm -f state/unfinished/*
	done
}

@test "the same without the keeper: after the next start, which runs what was missed" {
	at_hook before
	kill_with_keeper "$launcher"
	run -0 resrun -w 100s -- true
	eventually 20 is_gone "$(<pid)"
	no_leaf_left
	# The hook that was missed meets no daemon of its first time.
	rm -f busy pid again
	background resrun --cleanup '[ ! -e busy ] || { kill -0 "$(cat pid)" || echo >again; exit; }; ./daemon pid; echo >busy; exec sleep 1000' -- true
	eventually 60 test -e busy
	kill_with_keeper "$LAST_PID"
	run -0 --separate-stderr resrun -w 100s -- true
	[[ $stderr == *'running the hooks that its killed launcher missed'* ]]
	[[ -e again ]]
	is_gone "$(<pid)"
	no_leaf_left
}

@test "hooks that were missed have a cgroup of their own, too, and nothing of them is left" {
	background resrun --name dead --cleanup './where after; ./daemon pid' -- sh -c 'echo >begun; exec sleep 1000'
	eventually 60 test -e begun
	kill_with_keeper "$LAST_PID"
	run -0 --separate-stderr resrun --recover
	[[ $stderr == *'running the hooks that its killed launcher missed'* ]]
	[[ $(<after) == "/sys/fs/cgroup/"*"/rr-$(history 'map(select(.name == "dead"))[0].job_id' | tr -d '"').hooks/rr-"* ]] || fail "$(<after)"
	is_gone "$(<pid)"
	no_leaf_left
	# One that had none has none then.
	rm after pid begun
	background resrun --isolation process --cleanup './where after' -- sh -c 'echo >begun; exec sleep 1000'
	eventually 60 test -e begun
	kill_with_keeper "$LAST_PID"
	run -0 resrun --recover
	[[ -s after && $(<after) != *.hooks/* ]] || fail "$(<after)"
	# Who makes up for them is placed from where it stands, and not where they were.
	rm after begun
	background resrun --name last --cleanup 'echo >after' -- sh -c 'echo >begun; exec sleep 1000'
	eventually 60 test -e begun
	kill_with_keeper "$LAST_PID"
	run -0 resrun -w 100s -- ./where job
	[[ -e after && -s job && $(<job) != *"$(history 'map(select(.name == "last"))[0].job_id' | tr -d '"')"* ]] || fail "$(<job)"
}

@test "on_launcher_death=keep: what a hook has made for the job stays as long as the job" {
	export RESRUN_ON_LAUNCHER_DEATH=keep
	mkfifo gate
	background resrun --before './daemon pid' -- sh -c 'echo >begun; read -r word <gate'
	eventually 60 test -e begun
	kill -KILL "$LAST_PID"
	run -75 resrun -w 1s -- true
	run ! is_gone "$(<pid)"
	echo go >gate
	run -0 resrun -w 100s -- true
	eventually 20 is_gone "$(<pid)"
	no_leaf_left
}

@test "hook_on_alert has a cgroup of its own, too, and goes with the try without a word" {
	write_config <<-END
		[default]
		hook_on_alert = cd $PWD; ./daemon pid; ./where alert; exec sleep 1000
		hook_timeout = 1h
	END
	run -0 --separate-stderr resrun --on-busy run -w 0 -q --memory-threshold 0.1 --cleanup 'echo "$RESRUN_CGROUP" >leaf' --report report -- \
		sh -c 'until [ -s alert ]; do sleep 0.1; done'
	assert_equal "$stderr" ''
	[[ $(<alert) == "$(<leaf).hooks/rr-"* ]]
	assert_equal "$(report .leftover_processes)" 0
	is_gone "$(<pid)"
	no_leaf_left
}

@test "a job that a hook starts with -d goes on when the hook's job is over" {
	mkfifo gate
	run -0 resrun -j 9 --cleanup 'resrun -j 9 -d -- sh -c "echo >begun; read -r word <gate; echo \$word" >id' -- true
	eventually 60 test -e begun
	echo go >gate
	run -0 resrunctl wait "$(<id)"
	run -0 resrunctl logs "$(<id)"
	assert_output go
	eventually 20 no_leaf_left
}

@test "a job in a hook has its limits, and ends with the hook" {
	run -0 resrun -j 9 --before 'resrun -j 9 -m 100M --report inner --isolation cgroup -- true' -- true
	assert_equal "$(report .limits.memory.enforced inner)" cgroup
	no_leaf_left
}

@test "a hook that can have no cgroup of its own runs all the same" {
	run -0 --separate-stderr resrun -v --cleanup './where after' -- sh -c 'echo 1 >"${RESRUN_CGROUP%/*}/cgroup.max.descendants"'
	[[ $stderr == *"hook_after './where after' has no cgroup of its own: "* || $RESRUN_TEST_ENV != plain ]]
	[[ -s after ]]
	no_leaf_left
	[[ ! -d /sys/fs/cgroup/resrun ]] || echo max >/sys/fs/cgroup/resrun/cgroup.max.descendants
}

@test "audit finds the cgroup that the hooks of an ended job have left, and mends" {
	local leaf
	run -0 resrun --cleanup 'echo "$RESRUN_CGROUP" >leaf' -- true
	leaf=/sys/fs/cgroup/resrun/$(basename "$(<leaf)").hooks
	mkdir -p "$leaf/rr-1-1"
	run -1 resrunctl audit
	assert_line "found   leaf: $leaf: the empty cgroup of a job that is no more"
	run -0 resrunctl audit --fix
	[[ ! -d $leaf ]]
	run -0 resrunctl audit
	assert_output clean
}
