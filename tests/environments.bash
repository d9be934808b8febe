# shellcheck shell=bash
# SPDX-License-Identifier: MIT
#
# environments.bash: what the files about the places where resrun runs share (env-*.bats). Sourced after common.bash.
#
# Each case goes to a place and has ./look run there: a job with every limit, one that eats more memory than it may, and
# the doctor. found() then holds what they said against what the place must give, and prints the row of that place, which
# scripts/gen-environments puts into docs/environments.md.
# shellcheck disable=SC2016  # what the job expands
# shellcheck disable=SC2154  # lines: set by run

LIMITS=(memory memory_high swap cpu cpu_weight pids io_weight io_max)
# What is left without a cgroup.
# shellcheck disable=SC2034  # for the files that source this
PROCESS=(memory=sampled cpu=affinity cpu_weight=nice)

# A cgroup of its own for each place, as the one before left controllers on in it.
given=/sys/fs/cgroup/given
fresh_given() { # [OWNER]
	drop_given
	mkdir "$given"
	chown "${1:-0}" "$given" "$given/cgroup.procs" "$given/cgroup.subtree_control"
	forget
}

# What one place has left, which another user could not write anew.
forget() {
	rm -rf state run report killed killed.err killed.status job job.err dry-run doctor.json
}

drop_given() {
	rmdir "$given"/*/ "$given" 2>/dev/null || true
}

# Users other than root work in these directories too.
environments_setup() {
	resrun_setup
	chmod 711 "$BATS_RUN_TMPDIR" "${BATS_TEST_TMPDIR%/*}"
	mkdir -m 777 "$BATS_TEST_TMPDIR/here"
	cd "$BATS_TEST_TMPDIR/here" || return
	export RESRUN_STATE_DIR=$PWD/state RESRUN_RUNTIME_DIR=$PWD/run XDG_CONFIG_HOME=$PWD/config
	write_look
}

# All that a place has to be told of us, for those that start with an environment of their own.
our_environment() { # prints NAME=VALUE lines
	local name
	for name in PATH LC_ALL RESRUN_STATE_DIR RESRUN_RUNTIME_DIR XDG_CONFIG_HOME RESRUN_CPU_THRESHOLD RESRUN_MEMORY_THRESHOLD \
		RESRUN_DISK_THRESHOLD RESRUN_MAX_WAIT; do
		echo "$name=${!name}"
	done
}

# A disk whose limits can be set: anyone may name it, nobody reads it.
write_look() {
	cat >look <<-'END'
		set -- -m 100M --memory-high 80M --swap 0 -c 1 --cpu-weight 50 --pids 100 --io-weight 50 --io-max '/dev/loop0 rbps=1M'
		resrun -n "$@" -- true >dry-run 2>&1
		resrun "$@" --report report -- sh -c '
			echo "cgroup=$RESRUN_CGROUP"
			[ -z "$RESRUN_CGROUP" ] || cd "$RESRUN_CGROUP" && for file in memory.max cpu.max pids.max io.max; do
				[ ! -e $file ] || echo "$file=$(cat $file)"
			done' >job 2>job.err
		resrun -m 20M --swap 0 --report killed -- alloc 60 60 >/dev/null 2>killed.err
		echo $? >killed.status
		resrunctl doctor --json >doctor.json
	END
}

need_disk() {
	[[ -b /dev/loop0 ]] || ((EUID)) || modprobe loop
	[[ -b /dev/loop0 ]] || skip 'no loop device'
}

# "memory=sampled cpu=affinity" -> one word for each limit, in their order; what is not named is held by nothing.
expected_by() { # WORD...: all, NAME=BY, no-NAME
	local -A by=()
	local limit word
	for word; do
		case $word in
		all) for limit in "${LIMITS[@]}"; do by[$limit]=cgroup; done ;;
		no-*) by[${word#no-}]=none ;;
		*=*) by[${word%%=*}]=${word#*=} ;;
		esac
	done
	# Weights on disks are another matter: see the test of it.
	[[ $* == *io_weight=* ]] || by[io_weight]=none
	for limit in "${LIMITS[@]}"; do
		echo "${by[$limit]:-none}"
	done
}

# Holds what ./look found against what is expected, and prints the row.
found() { # TITLE PLACEMENT WORD...
	local expected
	expected=$(expected_by "${@:3}" | paste -sd ' ')
	assert_equal "$(report .placement)" "$2"
	assert_equal "$(limits_of report '.limits | map_values(.enforced)')" "$expected"
	# Who asks beforehand is told the same.
	assert_equal "$(limits_of doctor.json .limits)" "$expected"
	assert_equal "$(jq -r .placement doctor.json)" "$2"
	grep -q "^placement: $2" dry-run || fail "$(<dry-run)"
	jq -c . doctor.json >>"$BATS_FILE_TMPDIR/doctors"
	assert_memory_held "${expected%% *}"
	assert_files_of "$expected"
	[[ $2 != process ]] || assert_equal "$(<job)" cgroup=
	echo "# environment|$1|$2|${expected// /|}" >&3
}

limits_of() { # FILE PATH
	jq -r --args "$2"' as $by | $ARGS.positional | map($by[.]) | join(" ")' "${LIMITS[@]}" <"$1"
}

# 60 MB were not had under a cap of 20 MB, and the kernel itself says so where it was the kernel that held it.
assert_memory_held() { # BY
	assert_equal "$(<killed.status)" 137
	assert_equal "$(report '.exit | [.reason, .signal] | @json' killed)" '["oom",9]'
	case $1 in
	cgroup) assert_equal "$(report '.usage | [.oom_kills >= 1, .memory_peak_bytes <= 20971520] | @json' killed)" '[true,true]' ;;
	sampled) assert_equal "$(report '.usage | [.oom_kills, .memory_peak_bytes > 20971520] | @json' killed)" '[null,true]' ;;
	*) fail "memory held by '$1'" ;;
	esac
}

# The files of the job's own cgroup, read by the job itself.
assert_files_of() { # EXPECTED
	local by
	read -ra by <<<"$1"
	assert_file_is memory.max "${by[0]}" 104857600
	assert_file_is cpu.max "${by[3]}" '100000 100000'
	assert_file_is pids.max "${by[5]}" 100
	assert_file_is io.max "${by[7]}" '7:0 rbps=1048576 wbps=max riops=max wiops=max'
}

assert_file_is() { # FILE BY VALUE
	if [[ $2 == cgroup ]]; then
		assert_equal "$(grep "^$1=" job)" "$1=$3"
	else
		run grep "^$1=" job
		assert_output ''
	fi
}

# What the doctor says of a topic: "level: words", and the remedy in a line of its own.
doctor_says() { # TOPIC
	jq -r --arg topic "$1" '.findings[] | select(.topic == $topic) | "\(.level): \(.words)", (.remedy // empty)' doctor.json
}

# The command that the doctor would have us run for that topic.
remedy_for() { # TOPIC
	jq -r --arg topic "$1" '[.findings[] | select(.topic == $topic) | .remedy // empty][0] // empty' doctor.json
}

# The last test of a file: python takes long enough to start in the guest to be started once.
assert_doctors_valid() {
	[[ -s $BATS_FILE_TMPDIR/doctors ]] || resrunctl doctor --json | jq -c . >"$BATS_FILE_TMPDIR/doctors"
	run -0 "$SOURCE/tests/validate" doctor --lines <"$BATS_FILE_TMPDIR/doctors"
}
