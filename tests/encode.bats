#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# The main job on real input: an x264 encode under the shipped [profile encode], with caps, and a report that is complete.
#
# runs: outside outside-user plain systemd-user
# shellcheck disable=SC2154  # stderr: set by run

source "$BATS_TEST_DIRNAME/common.bash"

setup() {
	need ffmpeg
	[[ -x /usr/bin/time ]] || skip 'no /usr/bin/time'
	in_guest || ffmpeg -hide_banner -encoders 2>/dev/null | grep -q libx264 || skip 'ffmpeg without libx264'
	resrun_setup
	# As shipped; read by its own name, as only root or the user may have written it.
	(umask 077 && cp "$SOURCE/resrun.ini" resrun.ini)
	length=$(pick 20 6)
	size=$(pick 1280x720 320x240)
}

encode() { # OPTION...
	resrun --config resrun.ini -p encode "$@" --report report -- /usr/bin/time -q -o time -f '%U %S %e' \
		ffmpeg -nostdin -loglevel error -f lavfi -i "testsrc2=duration=$length:size=$size:rate=25" \
		-c:v libx264 -preset "$(pick veryfast ultrafast)" -y out.mp4
}

# CPU seconds of /usr/bin/time itself: those of a job, less those that it counts.
cost_of_time() {
	resrun --report cost -- /usr/bin/time -q -o nothing -f '%U %S' true
	read -r user system <nothing
	jq ".usage.cpu_s - $user - $system" cost
}

# What could not be measured.
unknown() {
	report '.usage | to_entries | map(select(.value == null) | .key) | join(" ")'
}

@test "an encode under -p encode, -m and -c: complete, and its CPU seconds are those of /usr/bin/time" {
	run -0 --separate-stderr encode -m 1G -c 1.5
	[[ -s out.mp4 ]]
	run -0 ffprobe -v error -select_streams v -show_entries stream=codec_name,nb_frames -of csv=p=0 out.mp4
	assert_output "h264,$((length * 25))"
	assert_equal "$(report '[.profile, .key, .exit.reason, .exit.code, .attempt, .leftover_processes] | @json')" \
		'["encode","encode:time","exited",0,1,0]'
	assert_equal "$(report '.hooks | map("\(.event) \(.status)") | join(",")')" 'after 0,after 0'
	assert_equal "$(report '[.submitted_at, .started_at, .ended_at] | . == sort and all(. != null)')" true
	if in_guest; then
		assert_equal "$(unknown)" ''
		assert_equal "$(report '.limits | map_values(.enforced) | @json')" '{"memory":"cgroup","cpu":"cgroup"}'
	else
		assert_equal "$(unknown)" 'oom_kills throttled_s frozen_s'
		assert_equal "$(report '.limits | map_values(.enforced) | @json')" '{"memory":"sampled","cpu":"none"}'
	fi
	assert_equal "$(report '.usage | [.memory_peak_bytes > 10000000, .memory_working_peak_bytes > 5000000, .pids_peak >= 2] | all')" true
	# Within 2 %, and 10 ms for two roundings. What /usr/bin/time itself takes, it does not count: in the guest that is much.
	local user system elapsed own
	read -r user system elapsed <time
	own=$(pick 0 "$(cost_of_time)")
	echo "time: $user $system $elapsed, itself $own; report: $(report '.usage | @json')" >&2
	assert_equal "$(report "(.usage.cpu_s - $user - $system - $own) | fabs | . <= 0.01 + 0.02 * ($user + $system)")" true
	assert_equal "$(report ".usage.wall_s >= $elapsed - 0.02")" true
}

@test "of the shipped profile: one at a time, two starts an hour, a private TMPDIR, baseline" {
	mkdir root
	export TMPDIR=$PWD/root
	run -0 --separate-stderr resrun --config resrun.ini -p encode -- sh -c 'grep Seccomp: /proc/self/status; echo "$TMPDIR"'
	assert_output --regexp $'^Seccomp:\t2\n'"$PWD/root/resrun-[0-9a-z]{10}\$"
	assert_equal "$(ls -A root)" ''
	assert_equal "$stderr" ''
	run -0 resrun --config resrun.ini -p encode -w 0 -- true
	run -75 --separate-stderr resrun --config resrun.ini -p encode -w 0 -- true
	[[ $stderr == *'waited for the rate (2 starts per 1h)'* ]]
}
