#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# resrunctl stats: the numbers of each key by a history whose numbers are known, what was learned, and the trend.
#
# runs: outside outside-user
# shellcheck disable=SC2154  # stderr: set by run

source "$BATS_TEST_DIRNAME/common.bash"

setup() {
	resrun_setup
}

teardown() {
	end_background
}

# A history with a record for each line of stdin: KEY REASON CODE MB CPU_S WALL_S. The first ended a day before the second.
past() {
	mkdir -p "$STATE"
	python3 -c '
import json, sys, time
def crc32c(data):
    crc = 0xffffffff
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82f63b78 if crc & 1 else 0)
    return crc ^ 0xffffffff
lines = [line.split() for line in sys.stdin]
for i, (key, reason, code, mb, cpu, wall) in enumerate(lines):
    end = time.strftime("%Y-%m-%dT%H:%M:%S.000000Z", time.gmtime(time.time() - 86400 * (len(lines) - i)))
    record = json.dumps({"job_id": f"j{i}", "key": key, "ended_at": end, "exit": {"reason": reason, "code": int(code)},
        "usage": {"memory_working_peak_bytes": int(mb) << 20, "cpu_s": float(cpu), "wall_s": float(wall)}})
    print(f"{crc32c(record.encode()):08x}\t{record}")' >"$STATE/history"
}

@test "stats without a history, and of a key that is not there" {
	run -0 resrunctl stats
	assert_output 'Keys: none'
	run -0 resrunctl stats --json
	holds '. == {"schema": 1, "keys": []}'
	run -125 resrunctl stats nobody
	assert_output --partial "no run of the key 'nobody' is in the history"
	run -125 resrunctl stats a b
	run -125 resrunctl stats --since yesterday
}

@test "stats: runs, successes and quantiles of each key" {
	local i
	for i in {1..100}; do
		echo "a exited 0 $i $((2 * i)) $i"
	done >lines
	cat >>lines <<-'END'
		b exited 0 500 1 2
		b exited 3 900 9 9
		b oom 0 900 9 9
		b not-admitted 75 0 0 0
	END
	past <lines
	run -0 resrunctl stats --json
	holds '.schema == 1 and (.keys | map(.key)) == ["a", "b"]'
	holds '.keys[0] | .runs == 100 and .success_percent == 100 and .killed == 0'
	holds '.keys[0].memory_working_peak_bytes | map_values(. / 1048576) | .median == 51 and .p90 == 90 and .p95 == 95 and .max == 100'
	holds '.keys[0].cpus | .median == 2 and .max == 2'
	holds '.keys[0].wall_s.median == 51 and .keys[0].cpu_s.max == 200'
	# What failed says how often, not how much.
	holds '.keys[1] | .runs == 3 and .succeeded == 1 and .killed == 1 and .not_started == 1 and .success_percent == 33.33'
	holds '.keys[1].wall_s.max == 2'
	run -0 resrunctl stats --json --since 49h b
	holds '.keys | length == 1 and (.[0] | .runs == 1 and .not_started == 1 and .memory_working_peak_bytes == null)'
	run -0 resrunctl stats
	assert_line --regexp '^a +100 100.0% +51M +95M +51s +1m35s +2.00 +- growing '
	run -0 resrunctl stats b
	assert_line --index 0 'b: 3 runs, 1 exited 0 (33.3%), 1 killed for memory, 1 never started'
	assert_line --regexp '^memory needed +500M +500M +500M +500M'
	assert_line 'memory is unknown: 1 of the 8 successes that it takes'
}

@test "stats: whether a key grows" {
	local i
	for i in {1..30}; do
		echo "grows exited 0 $((100 + 10 * i)) 1 1"
		echo "shrinks exited 0 $((1000 - 10 * i)) 1 1"
		echo "stays exited 0 $((100 + i * 7 % 10)) 1 1"
	done >lines
	past <lines
	run -0 resrunctl stats --json
	holds '.keys | map({(.key): .trend.direction}) | add == {"grows": "growing", "shrinks": "shrinking", "stays": "steady"}'
	run -0 resrunctl stats grows
	assert_line 'memory is growing: from 160M to 360M over the last 30 successes'
}

@test "stats: what was learned, and how" {
	local i
	truncate -s 1M input
	for i in 1 2; do
		take_until_seen 150 --key mine -- input
	done
	run -0 resrunctl stats mine --json
	holds '.keys[0].learned | .ground == "largest" and .runs == 2 and .input_bytes == 1048576 and .memory_bytes > 160e6'
	run -0 resrunctl stats mine
	assert_line --regexp '^learned: the next needs 1[678][0-9]M of memory, for an input of 1M: the largest of its last 2 runs took 15'
}
