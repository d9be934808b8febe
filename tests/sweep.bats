#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# resrunctl sweep, and when a job's end sweeps. What a sweep may remove is the unit tests' (test_sweep*.c).
#
# runs: outside outside-user
# shellcheck disable=SC2154  # stderr, stderr_lines: set by run

source "$BATS_TEST_DIRNAME/common.bash"

setup() {
	resrun_setup
	mkdir -m 700 scratch other
}

teardown() {
	end_background
}

ctl() {
	run --separate-stderr resrunctl "$@"
}

names_in() { # DIR
	(cd "$1" && find . -mindepth 1 | LC_ALL=C sort | tr '\n' ' ')
}

# A sweep counts the change time too, which nobody can set back: so time passes.
grow_old() {
	nap 1.2
}

@test "sweep --dry-run lists what would go and how much, and removes nothing" {
	write_config <<<"[default]
sweep_dirs = $PWD/scratch
sweep_age = 1s
sweep_keep = *.keep"
	mkdir scratch/dir
	head -c 5000 /dev/zero | tee scratch/dir/old >scratch/odd$'\n\033'name
	touch scratch/an.keep
	grow_old
	# What is of a time to come is young, however long the sweep is in coming.
	touch -d '1 hour' scratch/young
	ctl sweep --dry-run
	assert_success
	assert_line --regexp "^ +8K  20[0-9-]+ [0-9:]+  $PWD/scratch/dir/old$"
	assert_line --partial "$PWD/scratch/odd\\x0a\\x1bname"
	assert_line "$PWD/scratch: would remove 2 files and 1 directory, 20K; 0 left"
	refute_output --partial keep
	refute_output --partial young
	ctl sweep -n --json
	assert_equal "$(jq -c '[.schema, .dry_run, (.directories[0] | .files, .kept, .young, .complete, (.entries | length))]' <<<"$output")" \
		'[1,true,2,1,1,true,3]'
	assert_equal "$(jq -r '.directories[0].entries[] | select(.path == "dir/old") | .bytes' <<<"$output")" 8192
	assert_equal "$(find scratch -type f -printf x | wc -c)" 4
}

@test "sweep goes through the directories of all profiles, by the rules that spare most" {
	write_config <<<"[default]
sweep_dirs = $PWD/scratch
sweep_age = 1s
[profile long]
sweep_age = 1h
[profile other]
sweep_dirs = $PWD/other
sweep_keep = kept"
	touch scratch/old other/{old,kept}
	grow_old
	ctl sweep
	assert_success
	# [profile long] inherits the directory, and keeps what is younger than an hour.
	assert_equal "$(names_in scratch)$(names_in other)" './old ./kept '
	ctl sweep -p default
	assert_equal "$(names_in scratch)$(names_in other)" './kept '
	touch scratch/old other/old
	grow_old
	ctl sweep --age 1s --json "$PWD/other"
	assert_success
	assert_equal "$(jq -c '[.directories[] | [.dir, .files]]' <<<"$output")" "[[\"$PWD/other\",1]]"
	assert_equal "$(names_in scratch)$(names_in other)" './old ./kept '
}

@test "sweep brings a directory down to sweep_max_size, oldest first, and spares what is fresh" {
	local n
	write_config <<<"[default]
sweep_dirs = $PWD/scratch
sweep_age = inf
sweep_max_size = 400K
sweep_fresh = 1s"
	for n in 1 2 3 4 5 6; do
		head -c 100K /dev/zero >scratch/$n
		nap 0.05
	done
	# All of them are fresh, however long that took.
	RESRUN_SWEEP_FRESH=1h ctl sweep
	assert_success
	assert_equal "$(names_in scratch)" './1 ./2 ./3 ./4 ./5 ./6 '
	grow_old
	ctl sweep -n --max-size 500K
	assert_line --partial 'would remove 1 file '
	ctl sweep
	assert_equal "$(names_in scratch)" './3 ./4 ./5 ./6 '
	ctl sweep --json
	assert_equal "$(jq -c '.directories[0] | [.files, .left_bytes <= 409600]' <<<"$output")" '[0,true]'
}

@test "sweep: what must not be swept is told, the rest is swept, exit 1" {
	write_config <<<"[default]
sweep_dirs = /etc:$PWD/scratch:$PWD/missing
sweep_age = 1s"
	touch scratch/old
	grow_old
	ctl sweep
	assert_equal "$status" 1
	assert_equal "${#stderr_lines[@]}" 2
	assert_equal "${stderr_lines[0]%:*}" "resrunctl: will not sweep '/etc'"
	[[ ! -e scratch/old ]]
	ctl sweep --json
	assert_equal "$status" 1
	assert_equal "$(jq -r '.directories | map(.error != null) | @json' <<<"$output")" '[true,false,true]'
}

@test "sweep as root: only what a file of root's configuration names" {
	touch scratch/old
	grow_old
	RESRUN_SWEEP_DIRS=$PWD/scratch ctl sweep --age 1s
	if ((EUID)); then
		[[ ! -e scratch/old ]]
		touch other/old
		grow_old
		ctl sweep --age 1s "$PWD/other"
		[[ ! -e other/old ]]
		return
	fi
	assert_equal "$status" 1
	[[ -e scratch/old && $stderr == *'only what a root-owned config names'* ]]
	ctl sweep --age 1s "$PWD/scratch"
	assert_equal "$status" 1
	write_config <<<"[default]
sweep_dirs = $PWD/other"
	ctl sweep --age 1s "$PWD/scratch"
	assert_equal "$status" 1
	[[ -e scratch/old ]]
}

@test "sweep: two never overlap" {
	need flock
	write_config <<<"[default]
sweep_dirs = $PWD/scratch
sweep_age = 1s"
	touch scratch/old
	grow_old
	run -0 resrun -- true # makes the state directory, and has the lock's file
	touch scratch/old
	grow_old
	run --separate-stderr flock "$STATE/upkeep" resrunctl sweep
	assert_equal "$status" 75
	assert_equal "$stderr" "resrunctl: another sweep or audit is at work (it holds '$STATE/upkeep')"
	run -0 --separate-stderr flock "$STATE/upkeep" resrun -v -- true
	[[ $stderr == *'resrun: sweep: another sweep or audit is at work'* ]]
	[[ -e scratch/old ]]
	ctl sweep
	assert_success
	[[ ! -e scratch/old ]]
}

@test "a job's end sweeps only what was not swept within sweep_interval" {
	write_config <<<"[default]
sweep_dirs = $PWD/scratch
sweep_age = 1s
[profile other]
sweep_dirs = $PWD/other"
	touch scratch/old other/old
	grow_old
	run -0 resrun -- true
	[[ ! -e scratch/old && -e other/old ]]
	# Each directory has its own time.
	run -0 resrun -p other -- true
	[[ ! -e other/old ]]
	touch scratch/old
	grow_old
	run -0 --separate-stderr resrun -v -- true
	[[ -e scratch/old && $stderr == *"'$PWD/scratch' was swept within the last sweep_interval"* ]]
	RESRUN_SWEEP_INTERVAL=1s run -0 resrun -- true
	[[ ! -e scratch/old ]]
	touch scratch/old
	grow_old
	# A timer's sweep counts as well; a dry run does not. What cannot be read is as if it had never been.
	echo garbage >"$STATE/upkeep"
	ctl sweep --dry-run
	RESRUN_SWEEP_INTERVAL=1h run -0 resrun -- true
	[[ ! -e scratch/old ]]
}

@test "sweep --progress tells how far it is, in JSON lines on stderr" {
	write_config <<<"[default]
sweep_dirs = $PWD/scratch:$PWD/other
sweep_age = 1h"
	touch scratch/{1,2,3}
	ctl sweep --json --progress
	assert_success
	assert_equal "$(jq -c '[.schema, (.directories | length)]' <<<"$output")" '[1,2]'
	assert_equal "$(jq -sc 'map(select(.done)) | map([.schema, .dir, .seen, .removed, .bytes])' <<<"$stderr")" \
		"[[1,\"$PWD/scratch\",3,0,0],[1,\"$PWD/other\",0,0,0]]"
	# One is told as soon as there is something to tell.
	assert_equal "$(jq -sc 'map(select(.done | not)) | first | [.dir, .seen]' <<<"$stderr")" "[\"$PWD/scratch\",1]"
	ctl sweep --json
	assert_equal "$stderr" ''
}

@test "sweep: misuse, and nothing to sweep" {
	ctl sweep
	assert_success
	assert_output 'no directory is to be swept: sweep_dirs is not set'
	ctl sweep --age 0
	assert_equal "$status" 125
	assert_equal "$stderr" "resrunctl: --age: '0' is not a time such as 12h or 7d; see resrunctl --help"
	ctl sweep --max-size big
	assert_equal "$status" 125
	ctl sweep -p nobody
	assert_equal "$status" 125
	RESRUN_SWEEP_MAX_SIZE=50% ctl sweep
	assert_equal "$status" 125
	assert_equal "$stderr" "resrunctl: RESRUN_SWEEP_MAX_SIZE: sweep_max_size: '50%' is not a size such as 20G"
}

@test "make install brings a timer, a service and a cron line that call what is installed" {
	[[ -e $SOURCE/Makefile ]] || skip 'installed elsewhere'
	need make
	local unit root=$PWD/root
	# What is built is installed: a copy of the tree may have no objects, and be read-only.
	make -s -C "$SOURCE" -o all O="$BUILD" PREFIX=/usr SYSCONF=/etc DESTDIR="$root" install
	run -0 find "$root" -name 'resrun-upkeep*' -printf '%P %m\n'
	assert_equal "$(sort <<<"$output" | tr '\n' ';')" \
		'usr/lib/systemd/system/resrun-upkeep.service 644;usr/lib/systemd/system/resrun-upkeep.timer 644;usr/lib/systemd/user/resrun-upkeep.service 644;usr/lib/systemd/user/resrun-upkeep.timer 644;usr/share/doc/resrun/resrun-upkeep.cron 644;'
	assert_equal "$(grep -rho '/usr[^ ]*resrunctl [a-z -]*' "$root"/usr/lib/systemd/system/resrun-upkeep* "$root"/usr/share/doc/resrun/*.cron | sed 's/ *$//' | sort -u | tr '\n' ';')" \
		'/usr/bin/resrunctl audit --fix;/usr/bin/resrunctl sweep;'
	run ! grep -r @BINDIR@ "$root"
	if command -v systemd-analyze >/dev/null; then
		for unit in service timer; do
			sed "s|/usr/bin/resrunctl|$BUILD/resrunctl|" "$root/usr/lib/systemd/system/resrun-upkeep.$unit" >"resrun-upkeep.$unit"
		done
		run -0 systemd-analyze verify --man=no "$PWD/resrun-upkeep.service" "$PWD/resrun-upkeep.timer"
		refute_output --partial resrun-upkeep
	fi
	# The line does what it says: quiet, and well also while another one is at work.
	run -0 resrun -- true
	sed -n 's|^17 [* ]*root ||p' "$root/usr/share/doc/resrun/resrun-upkeep.cron" | sed "s|/usr/bin/|$BUILD/|g" >line
	run -0 sh ./line
	assert_output ''
	need flock
	run -0 flock "$STATE/upkeep" sh ./line
}
