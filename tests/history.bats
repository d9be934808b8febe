#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# resrunctl history: what is found by which filter and shown in which form, and the index that finds it: brought up to
# date, made anew, damaged, impossible.
#
# runs: outside outside-user
# shellcheck disable=SC2154  # stderr, stderr_lines: set by run

source "$BATS_TEST_DIRNAME/common.bash"

setup() {
	resrun_setup
}

teardown() {
	end_background
}

# The names that a search finds, in order.
names() { # OPTION...
	resrunctl history --json "$@" | jq -r '[.records[].name] | join(" ")'
}

three_runs() {
	resrun --name a -- true
	resrun --name b --key thing -- false || true
	resrun --name c -- true
}

@test "filters: until, profile, limit, and all of them together" {
	write_config <<-'END'
		[profile other]
		max_concurrent = 2
	END
	three_runs
	resrun --name d -p other -- true
	local end
	end=$(history '.[1].ended_at')
	assert_equal "$(names --until "$end")" 'a b'
	assert_equal "$(names --since "$end")" 'b c d'
	assert_equal "$(names --profile other)" 'd'
	assert_equal "$(names --limit 2)" 'c d'
	assert_equal "$(names --profile default --limit 2)" 'b c'
	assert_equal "$(names --until 1h)" ''
	assert_equal "$(names --key thing --name b --failed --since 1h -n 5)" 'b'
	assert_equal "$(names --key thing --name a)" ''
	run -125 resrunctl history --until yesterday
	assert_output --partial "--until: 'yesterday' is neither"
}

@test "formats: csv has a line a record, quoted where it must be; a wrong one is refused" {
	resrun --name 'x,"y"' -- true
	run resrun --name z -- sh -c 'kill -TERM $$'
	run -0 resrunctl history --format csv
	assert_line --index 0 'ended_at,job_id,name,key,profile,placement,reason,code,signal,wall_s,cpu_s,waited_s,memory_working_peak_bytes,memory_peak_bytes'
	run -0 python3 -c 'import csv, sys
rows = list(csv.DictReader(open(sys.argv[1])))
print([(row["name"], row["reason"], row["code"], row["signal"], row["key"]) for row in rows])
assert all(float(row["wall_s"]) >= 0 for row in rows)' <(resrunctl history --format csv)
	assert_output "[('x,\"y\"', 'exited', '0', '', 'default:true'), ('z', 'signaled', '', '15', 'default:sh')]"
	run -0 resrunctl history --format json
	assert_equal "$(jq '.records | length' <<<"$output")" 2
	run -0 resrunctl history --format table
	assert_line --index 0 'Runs:'
	run -125 resrunctl history --format xml
	assert_output --partial "--format: 'xml' is not json, csv or table"
}

@test "a table is the same line by line, whether or not there is something in it that must be measured" {
	fixed_run() { # ID KEY
		jq -nc --arg id "$1" --arg key "$2" '{schema: 1, job_id: $id, key: $key, profile: "default",
			ended_at: "2024-03-10T10:00:00Z", exit: {reason: "exited", code: 0}, usage: {wall_s: 1.5, cpu_s: 12}}' |
			"$SOURCE/tests/past" history "$STATE"
	}
	fixed_run 0000000001 default:ffmpeg
	fixed_run 0000000002 default:sh
	run -0 resrunctl history
	local plain=("${lines[@]}") i
	# No wider than what is there, but of more bytes; and what a terminal must not be sent.
	fixed_run 0000000003 'ü'
	fixed_run 0000000004 $'\e[1m'
	run -0 env LC_ALL=C.UTF-8 resrunctl history
	assert_equal "${#lines[@]}" $((${#plain[@]} + 2))
	for i in "${!plain[@]}"; do
		assert_equal "${lines[i]}" "${plain[i]}"
	done
	assert_line --regexp '0000000003 ü +exited 0'
	assert_line --partial '\x1b[1m'
	refute_line --partial $'\e'
}

@test "the index grows with the history, and only by what is new" {
	three_runs
	assert_equal "$(names)" 'a b c'
	# What is indexed is not read again: damaged in place, the first record is still in the table.
	printf x | dd of="$STATE/history" bs=1 seek=3 conv=notrunc status=none
	run -0 resrunctl history
	assert_line --regexp ' a +exited 0'
	[[ -f $STATE/history.index && $(stat -c %a "$STATE/history.index") == 600 ]]
	resrun --name d -- true
	assert_equal "$(names)" 'b c d'
	assert_equal "$(names -n 1)" 'd'
}

@test "the parts that were set aside are searched as well, in order; those removed are forgotten" {
	write_config <<-'END'
		[resrun]
		history_size = 1
	END
	three_runs
	[[ -f $STATE/history.3 && ! -e $STATE/history ]]
	assert_equal "$(names)" 'a b c'
	resrun --name d -- true
	assert_equal "$(names)" 'a b c d'
	assert_equal "$(names --failed)" 'b'
	rm "$STATE/history.1"
	assert_equal "$(names)" 'b c d'
	run -0 resrunctl history
	refute_line --regexp ' a +exited 0'
	assert_equal "$(names --name a)" ''
	resrun --name e -- true
	assert_equal "$(names)" 'b c d e'
}

@test "the index gets smaller again when parts of the history are gone" {
	need python3
	local large
	mkdir -p "$STATE"
	for n in {1..2000}; do
		echo "{\"schema\": 1, \"job_id\": \"$n\", \"key\": \"a key that is long enough to count for something: $n\", \"ended_at\": \"2024-03-05T10:00:00.000Z\"}"
	done | "$SOURCE/tests/past" history "$STATE"
	mv "$STATE/history" "$STATE/history.1"
	run -0 resrun -- true
	run -0 resrunctl history --json
	holds '.records | length > 1'
	large=$(stat -c %s "$STATE/history.index")
	rm "$STATE/history.1"
	run -0 resrunctl history --json
	holds '.records | length == 1'
	(($(stat -c %s "$STATE/history.index") < large / 3))
}

@test "what is set aside after it was indexed is not indexed twice" {
	three_runs
	assert_equal "$(names)" 'a b c'
	RESRUN_HISTORY_SIZE=1 resrun --name d -- true
	[[ -f $STATE/history.1 && ! -e $STATE/history ]]
	assert_equal "$(names)" 'a b c d'
	resrun --name e -- true
	assert_equal "$(names)" 'a b c d e'
}

@test "an index that fits nothing is made anew without a word" {
	three_runs
	assert_equal "$(names)" 'a b c'
	local damage
	for damage in 'echo no database at all, for long enough that it could be a header of one, and then some more >' \
		'truncate -s 100' 'rm -f' 'dd if=/dev/zero bs=4096 count=2 seek=1 conv=notrunc status=none of='; do
		eval "$damage$([[ $damage == *= ]] || echo ' ')$STATE/history.index"
		run --separate-stderr names
		assert_output 'a b c'
		[[ -z $stderr ]] || fail "after $damage: $stderr"
	done
	# Another history, and a shorter one.
	cp "$STATE/history" copy && mv copy "$STATE/history"
	assert_equal "$(names)" 'a b c'
	head -n 1 "$STATE/history" >copy
	cat copy >"$STATE/history"
	assert_equal "$(names)" 'a'
}

@test "--rebuild begins from nothing, and mends what changed under the index" {
	three_runs
	assert_equal "$(names)" 'a b c'
	python3 - "$STATE/history" <<-'END'
		import sys
		lines = open(sys.argv[1]).readlines()
		with open(sys.argv[1], "r+") as file:
		    file.writelines([lines[2], lines[0], lines[1]])
	END
	run --separate-stderr names
	run --separate-stderr names --rebuild
	assert_output 'c a b'
	[[ -z $stderr ]]
	printf x | dd of="$STATE/history" bs=1 seek=3 conv=notrunc status=none
	run --separate-stderr names
	assert_output 'a b'
	[[ $stderr == *"1 record of the history '$STATE/history' changed since they were indexed: resrunctl history --rebuild"* ]]
}

@test "where no index can be written, it is made in memory" {
	three_runs
	mkdir "$STATE/history.index"
	run --separate-stderr names --failed
	assert_output b
	[[ -z $stderr && -d $STATE/history.index ]] || fail "$stderr"
	rmdir "$STATE/history.index"
	# Nor is a link followed.
	: >elsewhere
	ln -s "$PWD/elsewhere" "$STATE/history.index"
	assert_equal "$(names)" 'a b c'
	[[ ! -s elsewhere ]]
}

@test "a torn tail is passed over, then cut off by the next run, and everything is found" {
	three_runs
	printf '12345678\t{"half' >>"$STATE/history"
	run --separate-stderr names
	assert_output 'a b c'
	[[ $stderr == *'1 damaged line in the history'* ]]
	resrun --name d -- true
	run --separate-stderr names
	assert_output 'a b c d'
	[[ -z $stderr ]] || fail "$stderr"
}

@test "many at once: runs end and searches index, and each run is found once" {
	local i
	for i in {1..20}; do
		background resrun -j 99 --name "n$i" -- true
		((i % 4)) || background resrunctl history --json
	done
	local pid
	for pid in "${started[@]}"; do
		await "$pid"
		assert_equal "$status" 0
	done
	assert_equal "$(names | tr ' ' '\n' | sort | uniq -c | awk '$1 == 1' | wc -l)" 20
}

@test "on a terminal, reading a long history shows a bar, and takes it away" {
	three_runs
	local line
	line=$(head -n 1 "$STATE/history")
	yes "$line" | head -n 12000 >>"$STATE/history"
	python3 - <<-'END' >screen
		import os, pty
		pty.spawn(["resrunctl", "history", "-n", "1"])
	END
	grep -q 'reading the history \[####.*50%' screen
	grep -q $'\r\e\\[KRuns:\|\r\e\\[K.*Runs' <(tr -d '\n' <screen)
	assert_equal "$(names -n 3)" 'a a a'
	# Off a terminal nothing is drawn.
	run --separate-stderr resrunctl history --rebuild -n 1
	[[ -z $stderr ]] || fail "$stderr"
}

# ---- --plot -------------------------------------------------------------------------------------------------------------

# What the picture says in words, a line each, if it is sound and asks for nothing from elsewhere.
words_of_picture() { # FILE
	python3 - "$1" <<-'END'
		import re, sys, xml.etree.ElementTree
		text = open(sys.argv[1], encoding="utf-8").read()
		assert not re.search("href|url\\(|@import|font-face|<script|<image", text), "from elsewhere"
		for one in xml.etree.ElementTree.fromstring(text).iter():
		    if one.text and one.text.strip():
		        print(one.text.strip())
		    assert not any(value in ("nan", "inf", "-nan") for value in one.attrib.values()), one.attrib
	END
}

@test "--plot: a picture of a key, with a title, axes and their units" {
	resrun --key 'a<b>&"c' -m 1G -c 1 -- true
	resrun --key 'a<b>&"c' -m 1G -c 1 -- false || true
	resrun --key other -- true
	run --separate-stderr resrunctl history --plot 'a<b>&"c'
	assert_success
	[[ -z $stderr ]]
	printf '%s' "$output" >picture.svg
	run -0 words_of_picture picture.svg
	assert_line --index 0 'Runs of a<b>&"c'
	assert_line --regexp '^memory needed \((KiB|MiB|GiB)\)$'
	assert_line 'CPUs in use (mean)'
	assert_line --regexp '^duration \((ms|s|min)\)$'
	assert_line 'run, oldest first (2 of them)'
	# The cap of both runs, which is the same: one line.
	grep -qE 'stroke-dasharray="2 3" d="M[0-9.]+ [0-9.]+H[0-9.]+L[0-9.]+ [0-9.]+H[0-9.]+"' picture.svg
}

@test "--plot: without a key that of the last run; filters hold; what never ran is no mark" {
	resrun --key a -- true
	resrun --key b -- true
	resrun --key b -- /nowhere/at/all || true
	resrunctl history --plot >picture.svg
	run -0 words_of_picture picture.svg
	assert_line --index 0 'Runs of b'
	assert_line 'run, oldest first (1 of them)'
	resrunctl history --plot --key a -n 9 >picture.svg
	run -0 words_of_picture picture.svg
	assert_line --index 0 'Runs of a'
	run -125 resrunctl history --plot nobody
	assert_output --partial "no such run of the key 'nobody' is in the history"
	run -125 resrunctl history --plot --failed
	assert_output --partial "no such run of the key 'b'"
	run -125 resrunctl history --plot --json
	run -125 resrunctl history --plot a b
	run -125 resrunctl history a
}

@test "--plot of nothing is an error" {
	run -125 resrunctl history --plot
	assert_output --partial 'no such run is in the history: nothing to draw'
}
