#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# Where resrun stands when it is simply called: the places that the test guest itself offers (see environments.bash).
#
# runs: plain plain-user hybrid systemd systemd-user user-manager
# shellcheck disable=SC2154  # output: set by run

source "$BATS_TEST_DIRNAME/common.bash"
source "$BATS_TEST_DIRNAME/environments.bash"

setup() {
	environments_setup
}

@test "placement and limits are those of the place, and the memory cap holds" {
	((EUID)) || need_disk
	run -0 bash look
	case $RESRUN_TEST_ENV in
	plain) found 'root, without systemd' direct all ;;
	plain-user) found 'a user, without systemd' process "${PROCESS[@]}" ;;
	hybrid) found 'a hybrid host (controllers on cgroup v1)' process "${PROCESS[@]}" ;;
	systemd) found 'root, under systemd' systemd-system all ;;
	systemd-user) found 'a user in a login session (SSH)' systemd-user all no-io_max ;;
	user-manager) found "a unit of a user's own service manager (desktop)" systemd-user all no-io_max ;;
	esac
}

@test "what the doctor says of the place: what is the matter, and the command that changes it" {
	resrunctl doctor --json >doctor.json
	case $RESRUN_TEST_ENV in
	plain | systemd)
		assert_equal "$(doctor_says placement | head -n 1)" "ok: jobs are placed by the backend '$(
			jq -r .placement doctor.json)', in a cgroup of their own"
		RESRUN_ISOLATION=process resrunctl doctor --json >doctor.json
		[[ $(doctor_says placement) == *'note: but isolation=process is configured'*'isolation = auto'* ]]
		;;
	plain-user) [[ $(remedy_for placement) == "sudo sh -c "*'cgroup.procs'* ]] ;;
	hybrid) [[ $(remedy_for hierarchy) == *systemd.unified_cgroup_hierarchy=1* ]] ;;
	systemd-user | user-manager) [[ $(remedy_for 'limit io_max') == *Delegate=cpu*io*memory*pids* ]] ;;
	esac
}
