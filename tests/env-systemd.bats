#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# Places under systemd other than a login: services, cron, and what is left when systemd cannot be asked (see
# environments.bash). The guest's own user `tester` is everybody's ordinary user here.
#
# runs: systemd
# shellcheck disable=SC2016,SC2154  # what others expand; output, stderr: set by run

source "$BATS_TEST_DIRNAME/common.bash"
source "$BATS_TEST_DIRNAME/environments.bash"

setup() {
	environments_setup
	need_disk
	uid=$(id -u tester)
}

teardown() {
	end_background
	[[ -e /etc/systemd/system/user@.service.d/resrun.conf ]] || return 0
	rm /etc/systemd/system/user@.service.d/resrun.conf
	command systemctl daemon-reload
}

# As a service that the system's manager starts, and that ends with COMMAND.
service() { # PROPERTY... -- COMMAND [ARG]...
	local words=(systemd-run --quiet --pipe --wait --collect --service-type=exec --working-directory="$PWD") line
	while [[ $1 != -- ]]; do
		words+=(-p "$1")
		shift
	done
	while read -r line; do
		words+=("--setenv=$line")
	done < <(our_environment)
	run -0 --separate-stderr "${words[@]}" "${@:2}"
}

# What hides paths of this place from COMMAND.
without() { # PATH... -- COMMAND [ARG]...
	local hide=''
	while [[ $1 != -- ]]; do
		hide+="if [ -d $1 ]; then mount -t tmpfs none $1; elif [ -e $1 ]; then mount --bind /dev/null $1; fi; "
		shift
	done
	run -0 --separate-stderr unshare --mount sh -ec "$hide"'exec "$@"' sh "${@:2}"
}

as_tester=(setpriv --reuid=tester --regid=tester --init-groups)

manager_is() { # active|inactive
	[[ $(systemctl is-active "user@$uid.service") == "$1" && ($1 == inactive || -S /run/user/$uid/systemd/private) ]]
}

# Whether tester has a service manager without having logged in.
linger() { # enable|disable
	loginctl "$1-linger" tester
	eventually 120 manager_is "$([[ $1 == enable ]] && echo active || echo inactive)"
}

@test "a service with Delegate=yes: root's, and a user's" {
	service Delegate=yes -- bash look
	found 'a systemd service with Delegate=yes' delegated all
	forget
	service Delegate=yes User=tester -- bash look
	found 'a systemd service with Delegate=yes and User=' delegated all
	[[ $(doctor_says 'user manager') == ok:* ]] || fail "$(doctor_says 'user manager')"
	# Only what the unit lets it have.
	forget
	service Delegate=pids User=tester -- resrunctl doctor --json
	[[ $(jq -r '.findings[] | select(.topic == "limit io_max") | .remedy' <<<"$output") == 'Delegate=cpu io memory pids in'* ]]
}

@test "a service without Delegate" {
	service -- bash look
	found 'a systemd service' systemd-system all
}

@test "a user from cron: without XDG_RUNTIME_DIR; with a manager that lingers, after what the doctor says, and without" {
	linger disable
	service User=tester -- bash look
	found "a user from cron, who has no service manager" process "${PROCESS[@]}"
	assert_equal "$(remedy_for placement)" 'sudo loginctl enable-linger tester'
	sudo() { "$@"; }
	eval "$(remedy_for placement)"
	eventually 120 manager_is active
	forget
	service User=tester -- bash look
	found "a user from cron, whose service manager lingers" systemd-user all no-io_max
	[[ $(doctor_says 'user manager') == 'ok: runs, and stays'* ]]
}

@test "root without a bus: the manager's own socket does; without that one too there is no cgroup" {
	without /run/dbus -- bash look
	found 'root, under systemd, without a bus' systemd-system all
	forget
	without /run/dbus /run/systemd/private -- bash look
	found 'root, where systemd cannot be asked' process "${PROCESS[@]}"
	[[ $(remedy_for placement) == *'/run/systemd'* ]]
}

@test "the same of a user's" {
	linger enable
	without /run/dbus "/run/user/$uid/bus" -- "${as_tester[@]}" bash look
	found 'a user without a bus' systemd-user all no-io_max
	forget
	without "/run/user/$uid" -- "${as_tester[@]}" bash look
	found 'a user whose manager cannot be asked' process "${PROCESS[@]}"
	assert_equal "$(remedy_for 'user manager')" "sudo systemctl start user@$uid.service"
}

@test "inside a job of another resrun" {
	run -0 --separate-stderr resrun -m 400M -- bash look
	found 'inside a job of another resrun, under systemd' delegated all
	[[ $(head -n 1 job) == cgroup=/sys/fs/cgroup/system.slice/resrun-*.scope/rr-*/rr-* ]]
}

# The last, as systemd may leave a controller on that nobody asks for any more.
@test "a user's manager is given the io controller by the command that the doctor names" {
	linger enable
	service User=tester -- resrunctl doctor --json
	printf '%s\n' "$output" >doctor.json
	sudo() { "$@"; }
	# What root does not run is run by the user.
	systemctl() {
		if [[ $1 == --user ]]; then
			"${as_tester[@]}" env XDG_RUNTIME_DIR="/run/user/$uid" systemctl "$@"
		else
			command systemctl "$@"
		fi
	}
	eval "$(remedy_for 'limit io_max')"
	forget
	service User=tester -- bash look
	found 'a user whose manager was given io by the command that the doctor names' systemd-user all
}

@test "what the doctor says as JSON is as its schema says" {
	assert_doctors_valid
}
