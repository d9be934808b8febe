#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# A subtree that somebody gave to us: by systemd with Delegate=yes, by hand, or to a container. To root and to another user.
#
# runs: plain systemd
# shellcheck disable=SC2016  # what the job expands

source "$BATS_TEST_DIRNAME/common.bash"

NOBODY=65534

setup() {
	resrun_setup
	# The other user works here too.
	chmod 711 "$BATS_RUN_TMPDIR" "${BATS_TEST_TMPDIR%/*}"
	chmod 777 "$BATS_TEST_TMPDIR"
	given=/sys/fs/cgroup/given
	cat >job <<-'END'
		resrun -m 100M -c 0.5 --strict --report report -- cat /proc/self/cgroup
		resrun -m 50M --swap 0 -- alloc 200
		echo $?
		resrun -- resrun -j 2 -w 5s --report inner -- true
		cd "/sys/fs/cgroup$(cut -c 4- /proc/self/cgroup)/.." && echo rr-*
	END
}

teardown() {
	end_background
	[[ ! -d $given ]] || rmdir "$given"/rr-* "$given" 2>/dev/null || true
}

# Runs ./job in a fresh cgroup that belongs to UID.
in_given() { # UID
	if [[ $RESRUN_TEST_ENV == systemd ]]; then
		local words=(systemd-run --quiet --pipe --wait --collect --service-type=exec -p Delegate=yes -p "User=$1" --unit=given) name
		for name in PATH RESRUN_STATE_DIR RESRUN_RUNTIME_DIR XDG_CONFIG_HOME RESRUN_CPU_THRESHOLD RESRUN_MEMORY_THRESHOLD; do
			words+=("--setenv=$name=${!name}")
		done
		"${words[@]}" --working-directory="$PWD" sh job
		return
	fi
	echo '+cpu +memory +pids' >/sys/fs/cgroup/cgroup.subtree_control
	mkdir "$given"
	chown "$1" "$given" "$given/cgroup.procs" "$given/cgroup.subtree_control"
	sh -c 'echo 0 >"$1/cgroup.procs" && exec setpriv --reuid="$2" --regid="$2" --clear-groups sh job' sh "$given" "$1"
}

assert_delegated() { # UNIT
	[[ ${lines[0]} == "0::"*"$1/rr-$(report .job_id)" ]] || fail "$output"
	assert_equal "$(report '[.placement, .limits.memory.enforced, .limits.cpu.enforced] | @json')" '["delegated","cgroup","cgroup"]'
	assert_equal "$(report .placement inner)" delegated
	assert_output --partial $'\n137\n'
	# The launcher's own place stays as long as the subtree; leaves do not.
	assert_equal "${lines[-1]}" rr-sup
}

@test "root, in a subtree that was given away, stays in it" {
	[[ $RESRUN_TEST_ENV == systemd ]] || given_to_a_container
	[[ $RESRUN_TEST_ENV != systemd ]] || run -0 in_given 0
	assert_delegated "$([[ $RESRUN_TEST_ENV == systemd ]] && echo /given.service || true)"
}

# As runtimes do it: a cgroup namespace whose root is the container's cgroup, mounted writable.
given_to_a_container() {
	echo '+cpu +memory +pids' >/sys/fs/cgroup/cgroup.subtree_control
	mkdir "$given"
	run -0 sh -c 'echo 0 >"$1/cgroup.procs" && exec unshare --cgroup --mount sh -c "
		umount /sys/fs/cgroup; mount -t cgroup2 cgroup2 /sys/fs/cgroup && exec sh job"' sh "$given"
}

@test "an ordinary user, in a subtree that root gave to that user" {
	run -0 in_given "$NOBODY"
	assert_delegated "/given$([[ $RESRUN_TEST_ENV != systemd ]] || echo .service)"
}
