#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# What surrounds the job: hooks, private TMPDIR, sweep, further tries, held-back output, detaching; and what is told of it:
# report, events, history (DESIGN 3.1, 3.4, 3.5).
#
# runs: outside outside-user
# shellcheck disable=SC2154  # stderr, stderr_lines: set by run
# shellcheck disable=SC2016  # what hook and job expand

source "$BATS_TEST_DIRNAME/common.bash"

setup() {
	resrun_setup
}

teardown() {
	end_background
}

# ---- hooks --------------------------------------------------------------------------------------------------------------

@test "hooks run in order: before, job, on_failure, after; each key as often as it stands there" {
	write_config <<-'END'
		[default]
		hook_before = echo before-1 >>order
		hook_before = echo before-2 >>order
		hook_after = echo after-1 >>order
		hook_after = echo after-2 >>order
		hook_on_failure = echo on_failure >>order
	END
	run -0 resrun -- sh -c 'echo job >>order'
	assert_equal "$(tr '\n' ' ' <order)" 'before-1 before-2 job after-1 after-2 '
	rm order
	run -3 resrun --report report -- sh -c 'echo job >>order; exit 3'
	assert_equal "$(tr '\n' ' ' <order)" 'before-1 before-2 job on_failure after-1 after-2 '
	assert_equal "$(report '[.hooks[] | "\(.event) \(.status) \(.wall_s >= 0)"] | join(",")')" \
		'before 0 true,before 0 true,on_failure 0 true,after 0 true,after 0 true'
}

@test "hooks know the job and how it ended" {
	local probe='env | grep ^RESRUN_ | sort >hook'
	run -3 resrun -m 300M --name mine --report report --cleanup "$probe" -- sh -c 'exit 3'
	local id
	id=$(report .job_id)
	grep -qx "RESRUN_JOB_ID=$id" hook
	grep -qx RESRUN_NAME=mine hook
	grep -qx RESRUN_PROFILE=default hook
	grep -qx RESRUN_HOOK=after hook
	grep -qx RESRUN_EXIT_REASON=exited hook
	grep -qx RESRUN_EXIT_CODE=3 hook
	grep -qx RESRUN_MEMORY_BYTES=314572800 hook
	run ! grep -q RESRUN_EXIT_SIGNAL hook
	run -143 resrun --cleanup "$probe" -- sh -c 'kill -TERM $$'
	grep -qx RESRUN_EXIT_REASON=signaled hook
	grep -qx RESRUN_EXIT_SIGNAL=15 hook
	run ! grep -q RESRUN_EXIT_CODE hook
	run -124 resrun -t 0.2 --cleanup "$probe" -- sleep 60
	grep -qx RESRUN_EXIT_REASON=timeout hook
	run -0 resrun --before "$probe" -- true
	grep -qx RESRUN_HOOK=before hook
	run ! grep -q RESRUN_EXIT_ hook
}

@test "a further try knows nothing of how the one before it ended" {
	run -0 resrun --retries 1 --backoff 10ms --before 'env | grep ^RESRUN_EXIT_ >>before || true' --cleanup 'env | grep ^RESRUN_EXIT_ | sort | tr "\n" " " >>after; echo >>after' -- \
		sh -c 'env | grep ^RESRUN_EXIT_ >>job; [ -e second ] || { touch second; kill -KILL $$; }'
	assert_equal "$(cat before job)" ''
	assert_equal "$(<after)" $'RESRUN_EXIT_REASON=signaled RESRUN_EXIT_SIGNAL=9 \nRESRUN_EXIT_CODE=0 RESRUN_EXIT_REASON=exited '
}

@test "what hooks write goes to stderr, and their stdin is empty" {
	run -0 --separate-stderr resrun --before 'echo from-before; cat' --cleanup 'echo from-after; echo err >&2' -- cat <<<input
	assert_output input
	assert_equal "$stderr" $'from-before\nfrom-after\nerr'
}

@test "a hook that fails after the job is told and changes nothing" {
	run -5 --separate-stderr resrun --cleanup 'exit 9' --cleanup 'kill -KILL $$' --report report -- sh -c 'exit 5'
	assert_equal "${stderr_lines[0]}" "resrun: hook_after 'exit 9' failed with status 9"
	assert_equal "$(report '.hooks | map(.status) | @json')" '[9,137]'
	assert_equal "$(report .exit.code)" 5
	run -0 --separate-stderr resrun --cleanup /no/such/hook -- true
	assert_equal "${stderr_lines[-1]}" "resrun: hook_after '/no/such/hook' failed with status 127"
}

@test "a hook that fails before the job: 125, nothing is run, the slot is free" {
	run -125 --separate-stderr resrun --temp --before 'exit 3' --before 'touch second' --report report -- touch started
	[[ $stderr == *'resrun: hook_before failed with status 3: nothing was run' ]] || fail "$stderr"
	[[ ! -e started ]]
	assert_equal "$(report '[.exit.reason, .exit.code] | @json')" '["not-started",125]'
	assert_equal "$(report '.hooks[0] | [.event, .status] | @json')" '["before",3]'
	run -0 resrun -w 0 -- true
}

@test "a hook that takes too long is killed, with what it left in the background" {
	export RESRUN_HOOK_TIMEOUT=1.5s
	run -6 --separate-stderr resrun --cleanup 'trap "" TERM; sleep 1000 & echo $! >child; sleep 1000; sleep 1000' --report report -- sh -c 'exit 6'
	[[ $stderr == *'took too long, status 124' ]]
	assert_equal "$(report '.hooks[0].status')" 124
	# On a very busy machine it did not come to that.
	[[ ! -s child ]] || eventually 5 is_gone "$(<child)"
	run -125 resrun --before 'sleep 1000' -- touch started
	[[ ! -e started ]]
}

@test "what a hook leaves in the background does not outlive it" {
	run -0 resrun --cleanup 'sleep 60 >/dev/null 2>&1 & echo $! >child' -- true
	eventually 5 is_gone "$(<child)"
}

@test "a hook that writes much does not stop anything" {
	run -0 resrun --cleanup 'head -c 3M /dev/zero' -- true 2>/dev/null
}

@test "of what a hook writes, no more than 1 MiB is passed on, and that is told" {
	printf '#!/bin/sh\nhead -c 3M /dev/zero | tr "\\0" @\n' >writer
	chmod 755 writer
	run -0 bash -c 'resrun --cleanup ./writer -- true 2>err'
	assert_equal "$(tr -cd @ <err | wc -c)" 1048576
	grep -q "wrote 3145728 bytes, of which the first 1048576 were passed on" err
	# One that never stops ends with its time.
	RESRUN_HOOK_TIMEOUT=0.5s run -0 bash -c "resrun --cleanup yes --report report -- true 2>/dev/null"
	assert_equal "$(report '.hooks[0].status')" 124
}

@test "hook_on_cancel runs instead of hook_on_failure after a job that was canceled" {
	write_config <<-'END'
		[default]
		hook_on_cancel = echo on_cancel "$RESRUN_EXIT_REASON" >>order
		hook_on_failure = echo on_failure >>order
		hook_after = echo after >>order
	END
	background resrun -- sh -c 'echo >holding; exec sleep 60'
	eventually 10 test -e holding
	kill -TERM "$LAST_PID"
	await "$LAST_PID"
	assert_equal "$status" 143
	assert_equal "$(tr '\n' ' ' <order)" 'on_cancel canceled after '
	rm order
	run -3 resrun -- sh -c 'exit 3'
	assert_equal "$(tr '\n' ' ' <order)" 'on_failure after '
}

@test "hooks have the whole report, as a file and as variables" {
	run -3 resrun --name mine --cleanup 'cp "$RESRUN_REPORT" copy; stat -c %a "$RESRUN_REPORT" >mode; env | grep ^RESRUN_ | sort >hook' -- sh -c 'exit 3'
	assert_equal "$(jq -c '[.schema, .name, .exit.reason, .exit.code, .attempt, .hooks]' copy)" '[1,"mine","exited",3,1,[]]'
	assert_equal "$(<mode)" 600
	grep -qx RESRUN_ATTEMPT=1 hook
	grep -qx "RESRUN_PLACEMENT=$(jq -r .placement copy)" hook
	grep -qx "RESRUN_USAGE_PIDS_PEAK=$(jq -r .usage.pids_peak copy)" hook || [[ $(jq .usage.pids_peak copy) == null ]]
	grep -qE '^RESRUN_USAGE_WALL_S=[0-9.]+$' hook
	# Nothing of it is left.
	assert_equal "$(ls -A "$STATE/unfinished")" ''
	assert_equal "$(history '.[0].hooks | length')" 1
}

@test "hooks.d/EVENT/: executable files beside the configuration, by name, after the keys" {
	local folder=$XDG_CONFIG_HOME/resrun/hooks.d
	write_config <<<$'[default]\nhook_after = echo key >>order'
	mkdir -p "$folder"/{before,after,on_failure}
	printf '#!/bin/sh\necho "${0##*/}" "$RESRUN_HOOK" >>order\n' >"$folder/after/20-b"
	chmod 755 "$folder/after/20-b"
	cp -p "$folder/after/20-b" "$folder/after/10 it's"
	cp -p "$folder/after/20-b" "$folder/after/30-c~"
	cp -p "$folder/after/20-b" "$folder/after/.hidden"
	cp "$folder/after/20-b" "$folder/after/not-executable"
	chmod 644 "$folder/after/not-executable"
	cp -p "$folder/after/20-b" "$folder/before/first"
	cp -p "$folder/after/20-b" "$folder/on_failure/alarm"
	run -0 resrun -- true
	assert_equal "$(tr '\n' ';' <order)" "first before;key;10 it's after;20-b after;"
	rm order
	run -1 resrun -- false
	assert_equal "$(tr '\n' ';' <order)" "first before;alarm on_failure;key;10 it's after;20-b after;"
	# Beside the file that --config names, and then only there.
	mkdir -p other/hooks.d/after
	cp -p "$folder/after/20-b" other/hooks.d/after/other
	(umask 077 && : >other/resrun.ini)
	rm order
	run -0 resrun --config other/resrun.ini -- true
	assert_equal "$(tr '\n' ';' <order)" 'other after;'
}

@test "hooks.d: what others could have written is refused by name, and nothing is run" {
	local folder=$XDG_CONFIG_HOME/resrun/hooks.d/after
	mkdir -p "$folder"
	printf '#!/bin/sh\ntouch ran\n' >"$folder/hook"
	chmod 775 "$folder/hook"
	run -125 --separate-stderr resrun -- touch started
	[[ $stderr == "resrun: '$folder/hook': refused, because others could have written it"* ]] || fail "$stderr"
	chmod 755 "$folder/hook"
	chmod 777 "$folder"
	run -125 --separate-stderr resrun -- touch started
	[[ $stderr == "resrun: '$folder': refused"* && ! -e started && ! -e ran ]] || fail "$stderr"
	chmod 755 "$folder"
	run -0 resrun -- true
	[[ -e ran ]]
}

# A launcher that is killed while its job runs, or, with `in-hook`, while that one hook runs.
killed_with_hooks() { # [in-hook]
	write_config <<-END
		[default]
		hook_after = [ -e again ] || [ "$1" != in-hook ] || { touch again; echo >holding; sleep 60; }
		hook_after = cp "\$RESRUN_REPORT" seen; echo "after \$RESRUN_JOB_ID \$RESRUN_NAME \$RESRUN_EXIT_REASON \$PWD" >>order
		hook_on_failure = echo "on_failure \$RESRUN_EXIT_REASON" >>order
		hook_on_cancel = echo on_cancel >>order
	END
	mkdir -p sub
	(umask 077 && : >empty.ini)
	(cd sub && exec resrun --name dead -- sh -c '[ "$1" = in-hook ] || { echo >holding; sleep 60; }; exit 3' sh "$1") >/dev/null 2>&1 3>&- 4>&- &
	LAST_PID=$!
	started+=("$LAST_PID")
	eventually 20 test -e sub/holding
	kill_with_keeper "$LAST_PID"
}

@test "hooks that a killed launcher missed are run by the next start, once, where the job was" {
	killed_with_hooks job
	[[ ! -e sub/order ]]
	run -0 --separate-stderr resrun --config empty.ini -- true
	[[ $stderr == 'resrun: job '*': running the hooks that its killed launcher missed' ]] || fail "$stderr"
	assert_equal "$(cut -d ' ' -f 1,3- sub/order | sed 's/ [^ ]* dead/ dead/' | tr '\n' ';')" "on_failure;after dead lost $PWD/sub;"
	assert_equal "$(jq -c '[.name, .exit.reason, .exit.code]' sub/seen)" '["dead","lost",null]'
	assert_equal "$(ls -A "$STATE/unfinished")" ''
	rm -r sub/order
	run -0 --separate-stderr resrun --config empty.ini -- true
	assert_equal "$stderr" ''
	[[ ! -e sub/order ]]
}

@test "hooks that a launcher was killed in are run again, with how the job really ended" {
	killed_with_hooks in-hook
	assert_equal "$(<sub/order)" 'on_failure exited'
	run -0 --separate-stderr resrun --recover
	assert_equal "$(sed -n 2p sub/order)" 'on_failure exited'
	[[ $(sed -n 3p sub/order) == *' dead exited '* ]]
	assert_equal "$(jq -c '[.exit.reason, .exit.code]' sub/seen)" '["exited",3]'
	# That is what the history tells, too, once, with all that was measured.
	assert_equal "$(history '[.[] | select(.name == "dead") | [.exit.reason, .exit.code, .usage.wall_s != null, .key != null]]')" \
		'[["exited",3,true,true]]'
	run -3 resrunctl wait dead
	run -0 resrun --recover
	assert_equal "$(history 'map(select(.name == "dead")) | length')" 1
}

@test "hooks that a launcher was killed in, whose report is not that job's: it is lost" {
	killed_with_hooks in-hook
	local report
	report=$(echo "$STATE"/unfinished/*.report)
	jq -c '.job_id = "0000000000"' "$report" >other && cp other "$report"
	run -0 resrun --recover
	assert_equal "$(history '[.[] | select(.name == "dead") | .exit.reason]')" '["lost"]'
}

@test "hooks after a job that could not be started: those before it have run, and what they made is undone" {
	local command want
	: >file
	write_config <<-'END'
		[default]
		hook_on_failure = echo "on_failure $RESRUN_EXIT_REASON $RESRUN_EXIT_CODE" >>order
		hook_on_cancel = echo on_cancel >>order
		hook_after = echo "after $RESRUN_EXIT_REASON $(jq -r .exit.code "$RESRUN_REPORT")" >>order
	END
	for command in no-such-command ./file; do
		want=$([[ $command == ./file ]] && echo 126 || echo 127)
		rm -f order
		run "-$want" --separate-stderr resrun --report report --before 'echo before >>order' -- "$command"
		assert_equal "$(tr '\n' ';' <order)" "before;on_failure not-started $want;after not-started $want;"
		assert_equal "$(report '[.exit.reason, (.hooks | map(.event, .status))] | @json')" \
			'["not-started",["before",0,"on_failure",0,"after",0]]'
		[[ ${stderr_lines[0]} == "resrun: cannot run '$command': "* ]] || fail "$stderr"
	done
	# Nothing is undone that was not done.
	rm order
	run -125 resrun --before 'echo before >>order; false' -- true
	run -75 resrun -w 0 --memory-threshold 0.01 --before 'echo before >>order' -- true
	assert_equal "$(<order)" before
	assert_equal "$(ls -A "$STATE/unfinished")" ''
}

@test "hooks that were missed: audit finds them, and --fix runs them" {
	killed_with_hooks job
	run -1 resrunctl audit --json
	assert_equal "$(jq -r '.findings[] | select(.object | startswith("/") | not) | "\(.topic) \(.state)"' <<<"$output" | sort | tr '\n' ';')" 'hook found;slot found;'
	[[ ! -e sub/order ]]
	run --separate-stderr resrunctl audit --fix --json
	assert_equal "$(jq -r '.findings[] | select(.topic == "hook") | .state' <<<"$output")" mended
	assert_equal "$(wc -l <sub/order)" 2
	run -0 resrun -- true
	assert_equal "$(wc -l <sub/order)" 2
}

cut_short() { # FILE
	truncate -s 20 "$1"
}

renumber() { # FILE
	sed -i 's/"schema":1/"schema":9/' "$1"
}

@test "hooks that were missed and cannot be read: told of, set aside, and not run" {
	local promise damage
	for damage in cut_short renumber; do
		killed_with_hooks job
		promise=$(find "$STATE/unfinished" -type f ! -name '*.*')
		"$damage" "$promise"
		run -1 resrunctl audit
		assert_output --regexp "found +hook: ${promise##*/}: .*damaged or of another version"
		run --separate-stderr resrunctl audit --fix --json
		assert_equal "$(jq -r '.findings[] | select(.topic == "hook") | .state' <<<"$output")" mended
		[[ $stderr == *"is set aside as '${promise##*/}.aside', and they are not run" ]] || fail "$stderr"
		[[ ! -e sub/order && ! -e $promise && -s $promise.aside ]]
		run resrunctl audit --json
		assert_equal "$(jq -r --arg it "$promise.aside" '.findings[] | select(.object == $it) | .state' <<<"$output")" note
		run -0 --separate-stderr resrun --config empty.ini -- true
		assert_equal "$stderr" ''
		rm -r "$STATE" sub
	done
}

@test "hooks are not missed while their launcher lives, whoever looks" {
	hold_slot --cleanup 'echo after >>order'
	run -0 resrun -j 5 -- true
	run -0 resrun --recover
	[[ ! -e order ]]
	let_go
	assert_equal "$(<order)" after
	run -0 resrun -- true
	assert_equal "$(<order)" after
}

@test "RESRUN_HOOKS leads to the shipped hooks, which work" {
	[[ -d $SOURCE/scripts/hooks ]] || skip 'installed elsewhere'
	touch -d '3 days ago' ffmpeg2pass-0.log x264_2pass.log keep.mkv
	touch ffmpeg2pass-1.log
	run -0 --separate-stderr resrun --cleanup '"$RESRUN_HOOKS"/clear-encoder-temp' --cleanup '"$RESRUN_HOOKS"/drop-cache' --report report -- true
	assert_equal "$stderr" ''
	assert_equal "$(report '.hooks | map(.status) | @json')" '[0,0]'
	[[ ! -e ffmpeg2pass-0.log && ! -e x264_2pass.log && -e keep.mkv && -e ffmpeg2pass-1.log ]]
}

@test "a stderr that nobody reads does not keep a hook beyond its time" {
	local unread
	mkfifo unread
	exec {unread}<>unread
	dd if=/dev/zero of=unread bs=4096 oflag=nonblock 2>/dev/null || true
	RESRUN_HOOK_TIMEOUT=500ms run -0 timeout 50 bash -c 'exec resrun -q --report report --cleanup "while :; do echo words; done" -- true 2>unread'
	exec {unread}<&-
	assert_equal "$(report '.hooks | map(.status) | @json')" '[124]'
}

# ---- private TMPDIR -------------------------------------------------------------------------------------------------------

@test "--temp: a directory of one's own, and nothing of it is left" {
	mkdir -m 700 outside root
	touch outside/precious
	export TMPDIR=$PWD/root
	run -0 resrun --temp --before 'echo "$TMPDIR" >hook' --report report -- sh -c '
		stat -c "%a %u" "$TMPDIR"; echo "$TMPDIR"; echo "$RESRUN_TMPDIR"
		mkdir -p "$TMPDIR/a/b/c" && ln -s ../../outside "$TMPDIR/a/link" && ln -s / "$TMPDIR/root" && ln "$PWD/outside/precious" "$TMPDIR/hard"
		mkdir "$TMPDIR/$(printf "new\nline\377")" && mkfifo "$TMPDIR/fifo" && chmod 000 "$TMPDIR/a/b"'
	assert_equal "${lines[0]}" "700 $EUID"
	assert_equal "${lines[1]}" "$PWD/root/resrun-$(report .job_id)"
	assert_equal "${lines[2]}" "${lines[1]}"
	assert_equal "$(<hook)" "${lines[1]}"
	assert_equal "$(ls -A root)" ''
	[[ -e outside/precious ]]
}

@test "--temp: removed however the job ends, and one for each try" {
	mkdir root
	export TMPDIR=$PWD/root
	run -3 resrun --temp -- sh -c 'touch "$TMPDIR/x"; exit 3'
	run -124 resrun --temp -t 0.2 -- sh -c 'touch "$TMPDIR/x"; sleep 60'
	run -137 resrun --temp -- sh -c 'kill -KILL $$'
	run -127 resrun --temp -- no-such-command
	run -125 resrun --temp --before false -- true
	assert_equal "$(ls -A root)" ''
	run -1 resrun --temp --retries 1 --backoff 10ms -- sh -c 'ls -A "$TMPDIR"; touch "$TMPDIR/x"; echo "$TMPDIR" >>temps; exit 1'
	refute_output --partial x$'\n'
	assert_equal "$(xargs -n 1 dirname <temps | sort -u)" "$PWD/root"
	assert_equal "$(sort -u temps | wc -l)" 2
	assert_equal "$(ls -A root)" ''
}

@test "--temp: how much it held is in the report" {
	export TMPDIR=$PWD
	run -0 resrun --temp --report report -- sh -c 'mkdir "$TMPDIR/a" && head -c 3M /dev/urandom >"$TMPDIR/a/x"'
	assert_equal "$(report '.usage.temp_peak_bytes | . >= 3145728 and . < 4000000')" true
	assert_equal "$(report '.limits | has("temp")')" false
	run -0 resrun --report report -- true
	assert_equal "$(report '.usage | has("temp_peak_bytes")')" false
}

@test "temp_max: a job whose private directory holds more is ended, once, and it is said why" {
	mkdir root
	export TMPDIR=$PWD/root RESRUN_TEMP_MAX=1M
	run -143 --separate-stderr resrun --temp --name greedy --retries 3 --backoff 10ms --report report --log log --cleanup 'ls "$TMPDIR" >left' -- \
		sh -c 'head -c 3M /dev/urandom >big; mv big "$TMPDIR/x"; exec sleep 60'
	[[ ${stderr_lines[0]} =~ ^resrun:\ sh\ was\ ended:\ its\ private\ directory\ held\ 3[0-9.]*M,\ more\ than\ temp_max=1M$ ]] || fail "$stderr"
	assert_equal "$(report '[.exit.reason, .limits.temp.requested, .limits.temp.enforced, .usage.temp_peak_bytes >= 3145728] | @json')" \
		'["canceled",1048576,"sampled",true]'
	assert_equal "$(jq -r 'select(.message == "temp_exceeded") | .temp_max' log)" 1048576
	assert_equal "$(history length)" 1
	assert_equal "$(<left)" x
	assert_equal "$(ls -A root)" ''
	run -0 resrunctl why greedy
	assert_output --regexp 'it was ended after [0-9.]+ s for its private directory, which held 3[0-9.]*M: more than its temp_max of 1M$'
	# One that stays below is left alone; without a private directory there is nothing to hold.
	run -0 resrun --temp -- sh -c 'head -c 100K /dev/urandom >"$TMPDIR/x"'
	run -0 resrun --report report -- true
	assert_equal "$(report '.limits | has("temp")')" false
	RESRUN_TEMP_MAX=50% run -125 resrun --temp -- true
	assert_output "resrun: RESRUN_TEMP_MAX: temp_max: '50%' is not a size such as 20G"
}

@test "--temp where none can be made: 125, and nothing is run" {
	run -125 --separate-stderr env TMPDIR=/no/such/directory resrun --temp -- touch started
	[[ $stderr == *'/no/such/directory'* && ! -e started ]]
	mkdir here
	run -125 --separate-stderr env RESRUN_TEMP_ROOT=here resrun --temp -- touch started
	[[ $stderr == "resrun: temp_root 'here': the path is relative; "* && ! -e started ]] || fail "$stderr"
}

# ---- sweep ----------------------------------------------------------------------------------------------------------------

# root sweeps only what a file of its own names, so that is where the directory stands.
sweeping() { # DIR [LINE]
	write_config <<<"[default]
sweep_dirs = $1
${2:-}"
}

@test "sweep: old files go, young ones stay, and both are told" {
	mkdir -m 700 -p scratch/deep
	head -c 10000 /dev/zero >scratch/old
	cp scratch/old scratch/deep/old
	touch scratch/.old scratch/young
	ln -s /etc/passwd scratch/link
	sweeping "$PWD/scratch" 'sweep_keep = .ol*'
	# Setting a file's times back does not make it old: the sweep looks at the change time too. So time passes.
	touch -d '3 days ago' scratch/young
	nap 2.2
	# What is of a time to come is young, however long the sweep is in coming.
	run -0 --separate-stderr resrun --sweep-age 2s --report report --log log -- touch -d '1 hour' scratch/young scratch/new
	assert_equal "$stderr" ''
	assert_equal "$(cd scratch && find . -type f | sort | tr '\n' ' ')" './.old ./new ./young '
	[[ -s /etc/passwd ]]
	assert_equal "$(report '.sweep | [.files >= 2, .bytes >= 20000] | @json')" '[true,true]'
	assert_equal "$(jq -r 'select(.message == "sweep_finished") | "\(.dir) \(.complete)"' log)" "$PWD/scratch true"
}

@test "sweep: --sweep on the command line works for a user, and is refused to root" {
	mkdir -m 700 scratch
	touch scratch/old
	nap 0.3
	run -0 --separate-stderr resrun --sweep "$PWD/scratch" --sweep-age 200ms -- true
	if ((EUID)); then
		[[ ! -e scratch/old ]]
	else
		[[ -e scratch/old && $stderr == 'resrun: sweep: '* ]]
	fi
}

@test "sweep: what must not be swept is refused by name, and the job's status stays" {
	local dir
	mkdir -m 700 real
	touch real/old
	ln -s real linked
	for dir in / /etc . .. relative "$PWD/linked"; do
		sweeping "$dir"
		run -4 --separate-stderr resrun --sweep-age 10000h -- sh -c 'exit 4'
		[[ $stderr == "resrun: sweep: will not sweep '$dir': "* && ${#stderr_lines[@]} == 1 ]] || fail "$dir: $stderr"
	done
	sweeping "$PWD/no/such/directory"
	run -4 --separate-stderr resrun --sweep-age 10000h -- sh -c 'exit 4'
	[[ $stderr == 'resrun: sweep: '* ]]
	[[ -e real/old ]]
}

# ---- further tries ----------------------------------------------------------------------------------------------------------

@test "--retries: tried again until it works, each try on record" {
	run -0 --separate-stderr resrun --name flaky --retries 5 --backoff 10ms --report report --log log -- \
		sh -c 'echo >>tries; [ "$(wc -l <tries)" -ge 3 ]'
	assert_equal "$(wc -l <tries)" 3
	assert_equal "$(history 'map([.attempt, .exit.code])')" '[[1,1],[2,1],[3,0]]'
	assert_equal "$(history 'map(.job_id) | unique | length')" 3
	assert_equal "$(report '[.attempt, .exit.code] | @json')" '[3,0]'
	assert_equal "${#stderr_lines[@]}" 2
	[[ ${stderr_lines[0]} == 'resrun: try 1 failed; trying again in '* ]]
	assert_equal "$(jq -r 'select(.message == "job_retrying") | .attempt' log | tr '\n' ' ')" '1 2 '
}

@test "--retries: the last try's status; a signal and a timeout count as failures" {
	run -7 resrun --retries 2 --backoff 10ms -- sh -c 'echo >>tries; exit 7'
	assert_equal "$(wc -l <tries)" 3
	run -137 resrun --retries 1 --backoff 10ms -- sh -c 'kill -KILL $$'
	run -124 resrun --retries 1 --backoff 10ms -t 0.1 -- sleep 60
	assert_equal "$(history 'map(.exit.reason) | group_by(.) | map("\(.[0]) \(length)")')" '["exited 3","signaled 2","timeout 2"]'
}

@test "--retries: not after what cannot be run, nor when it was told to stop" {
	run -127 resrun --retries 3 --backoff 10ms -- no-such-command
	run -126 resrun --retries 3 --backoff 10ms -- /
	run -125 resrun --retries 3 --backoff 10ms --before false -- true
	assert_equal "$(history length)" 3
	background resrun --retries 3 --backoff 10ms -- sleep 60
	eventually 10 pgrep -P "$LAST_PID" sleep
	kill -TERM "$LAST_PID"
	await "$LAST_PID"
	assert_equal "$status" 143
	assert_equal "$(history length)" 4
}

@test "--retry-on: only after the ends that it names" {
	run -3 resrun --retries 2 --backoff 10ms --retry-on 4,KILL -- sh -c 'echo >>tries; exit 3'
	assert_equal "$(wc -l <tries)" 1
	run -4 resrun --retries 2 --backoff 10ms --retry-on 4,KILL -- sh -c 'echo >>tries; exit 4'
	assert_equal "$(wc -l <tries)" 4
	run -137 resrun --retries 1 --backoff 10ms --retry-on 4,KILL -- sh -c 'echo >>tries; kill -KILL $$'
	assert_equal "$(wc -l <tries)" 6
	# Noted before the job: in so short a time that may not come to it.
	run -124 resrun --retries 1 --backoff 10ms --retry-on 4,KILL -t 0.1 --before 'echo >>tries' -- sleep 60
	assert_equal "$(wc -l <tries)" 7
	run -124 resrun --retries 1 --backoff 10ms --retry-on timeout -t 0.1 --before 'echo >>tries' -- sleep 60
	assert_equal "$(wc -l <tries)" 9
	run -127 resrun --retries 2 --backoff 10ms -- sh -c 'echo >>tries; exit 127'
	assert_equal "$(wc -l <tries)" 10
	run -125 --separate-stderr resrun --retry-on 300 -- touch started
	[[ $stderr == "resrun: --retry-on: retry_on: '300' is not an exit code"* && ! -e started ]] || fail "$stderr"
	write_config <<<$'[default]\nretries = 1\nbackoff = 10ms\nretry_on = 3 sometimes'
	run -125 --separate-stderr resrun -- touch started
	[[ $stderr == *"resrun.ini:4: retry_on: 'sometimes' is not an exit code"* && ! -e started ]] || fail "$stderr"
}

@test "--retries: after it was killed for its own limit, the next try may use more memory, and is told so" {
	run -0 --separate-stderr resrun -m 100M --retries 3 --backoff 10ms --retry-on oom --report report --cleanup 'echo "$RESRUN_MEMORY_BYTES" >>bytes' -- \
		sh -c 'if [ -e tried ]; then alloc 150; else : >tried; alloc 150 1000; fi'
	assert_equal "$(<bytes)" $'104857600\n209715200'
	assert_equal "$(report '[.attempt, .limits.memory.requested] | @json')" '[2,209715200]'
	assert_equal "$(history 'map(.exit.reason)')" '["oom","exited"]'
	[[ $stderr == *'resrun: the next try may use 200M of memory instead of 100M'* ]]
	# A signal of the same number is no want of memory.
	run -137 resrun -m 100M --retries 1 --backoff 10ms --report report -- sh -c 'kill -KILL $$'
	assert_equal "$(report .limits.memory.requested)" 104857600
}

@test "--retries: between two tries no slot is held, and TERM ends the wait" {
	resrun --retries 1 --backoff 30s -- false 2>err &
	started+=("$!")
	eventually 10 grep -q 'trying again' err
	run -0 resrun -w 0 -- true
	kill -TERM "${started[0]}"
	await "${started[0]}"
	assert_equal "$status" 143
}

@test "--retries: a further try that is not let in, or cannot start, leaves the job's own status" {
	local how
	for how in fail skip; do
		export RESRUN_STATE_DIR=$PWD/$how STATE=$PWD/$how
		run -3 --separate-stderr resrun --retries 2 --backoff 10ms -r 1/1h -w 0 --on-busy "$how" -- sh -c 'exit 3'
		assert_equal "${stderr_lines[-1]}" 'resrun: try 2 was not run: the status is that of try 1'
		assert_equal "$(history 'map([.attempt, .exit.reason])')" '[[1,"exited"],[2,"not-admitted"]]'
		# Nothing has been run here: how that ends is for --on-busy to say.
		run resrun --retries 2 -r 1/1h -w 0 --on-busy "$how" -- touch ran
		assert_equal "$status" "$([[ $how == skip ]] && echo 0 || echo 75)"
		[[ ! -e ran ]]
	done
	export RESRUN_STATE_DIR=$PWD/before STATE=$PWD/before
	run -137 resrun --retries 2 --backoff 10ms --before '! test -e tried' -- sh -c '>tried; kill -KILL $$'
	assert_equal "$(history 'map([.attempt, .exit.reason])')" '[[1,"signaled"],[2,"not-started"]]'
}

# ---- held-back output -------------------------------------------------------------------------------------------------------

@test "--chronic: nothing of a job that succeeds, everything of one that fails, in order" {
	run -0 --separate-stderr resrun --chronic -- sh -c 'echo out; echo err >&2'
	assert_equal "$output$stderr" ''
	run -3 resrun --chronic -- sh -c 'echo one; echo two >&2; echo three; exit 3'
	assert_output $'one\ntwo\nthree'
	resrun --name held --chronic -t 1h -- sh -c 'echo before; echo >ready; sleep 1000' >held 2>&1 3>&- 4>&- &
	started+=("$!")
	eventually 20 test -e ready
	resrunctl set held timeout=1ms
	await "${started[-1]}"
	assert_equal "$status" 124
	grep -qx before held
	run -1 bash -c 'resrun --chronic -- sh -c "head -c 5M /dev/zero; exit 1" | wc -c; exit "${PIPESTATUS[0]}"'
	assert_output 5242880
	run -0 resrun --chronic --retries 1 --backoff 10ms -- sh -c 'echo >>tries; [ "$(wc -l <tries)" = 2 ]'
	refute_output --partial tries
}

# ---- detaching --------------------------------------------------------------------------------------------------------------

@test "--detach: the id at once, the output in the log, a session of its own" {
	local id
	mkfifo gate
	id=$(resrun -d --name later -- sh -c 'read -r word <gate; echo out "$word"; echo err >&2; cat; ps -o sid= -p $$ | tr -d " "; exit 3')
	[[ $id =~ ^[0-9a-z]{10}$ ]]
	eventually 10 queued 0 1
	echo go >gate
	eventually 10 grep -q '^err$' "$STATE/logs/$id.log"
	eventually 10 test -s "$STATE/history"
	assert_equal "$(history '[.[0].job_id, .[0].name, .[0].exit.code]')" "[\"$id\",\"later\",3]"
	assert_equal "$(sed -n 1,2p "$STATE/logs/$id.log")" $'out go\nerr'
	[[ $(sed -n 3p "$STATE/logs/$id.log") != "$(ps -o sid= -p $$ | tr -d ' ')" ]]
	assert_equal "$(stat -c %a "$STATE/logs" "$STATE/logs/$id.log" | tr '\n' ' ')" '700 600 '
}

@test "--detach: what resrun has to say is in the log as well" {
	local id
	id=$(resrun -d -- no-such-command)
	eventually 10 test -s "$STATE/history"
	assert_equal "$(<"$STATE/logs/$id.log")" "resrun: cannot run 'no-such-command': No such file or directory"
	assert_equal "$(history '.[0].exit.code')" 127
	run -125 resrun -d --no-such-option -- true
	run -125 resrun -d -p no-such-profile -- true
}

# ---- what is told -------------------------------------------------------------------------------------------------------------

@test "--report: to a file as a whole, to stderr, to a descriptor" {
	umask 022
	run -0 --separate-stderr resrun --report report -- echo out
	assert_output out
	assert_equal "$stderr" ''
	jq -e .schema report >/dev/null
	run -0 --separate-stderr resrun --report - -- echo out
	assert_output out
	assert_equal "$(jq -r .exit.reason <<<"$stderr")" exited
	resrun --report fd:7 -- sh -c 'echo the-job-too >&7' 7>seven
	assert_equal "$(sed 1d seven | jq -r .exit.reason)" exited
	# What stood there before is replaced, not appended to.
	run -0 resrun --report report -- true
	assert_equal "$(jq -s length report)" 1
	run -0 resrun --report /dev/null -- true
	[[ -c /dev/null ]]
	# The same object as in the history.
	assert_equal "$(jq -Sc . report)" "$(history_records | tail -n 2 | head -n 1 | jq -Sc .)"
}

@test "GITHUB_STEP_SUMMARY gets a table row for each run, and fails no job" {
	export GITHUB_STEP_SUMMARY=$PWD/summary
	run -0 --separate-stderr resrun --name build -- true
	assert_equal "$stderr" ''
	run -3 resrun -- sh -c 'exit 3'
	run -137 resrun -- sh -c 'kill -KILL $$'
	printf '#!/bin/sh\n' >'odd|`name'
	chmod 755 'odd|`name'
	run -0 resrun -- './odd|`name'
	assert_equal "$(grep -c '^| job | command | end |' summary)" 4
	assert_equal "$(grep -cE '^\| `build` \| `true` \| exited 0 \| [0-9.]+m?s \| .* \| (process|direct|delegated|systemd-[a-z]+) \|$' summary)" 1
	grep -q '| `sh` | exited 3 |' summary
	grep -q '| `sh` | signaled, signal 9 |' summary
	grep -qF '| `./odd??name` | exited 0 |' summary
	# Rows have as many cells as the head.
	assert_equal "$(grep '^|' summary | tr -cd '|\n' | sort -u)" '|||||||||'
	run -3 --separate-stderr env GITHUB_STEP_SUMMARY=/no/such/file resrun -- sh -c 'exit 3'
	assert_equal "$stderr" "resrun: GITHUB_STEP_SUMMARY '/no/such/file': No such file or directory"
}

@test "a crontab's line works without PATH, HOME, a terminal, or open descriptors" {
	local home
	run -0 --separate-stderr env -i RESRUN_STATE_DIR="$STATE" RESRUN_CPU_THRESHOLD=100 RESRUN_MEMORY_THRESHOLD=100 RESRUN_DISK_THRESHOLD=100 \
		"$BUILD/resrun" --temp --chronic --report report --cleanup 'echo hook >hook' -- sh -c 'echo held; echo "$TMPDIR" >temp'
	assert_equal "$output$stderr" ''
	assert_equal "$(<temp)" "/tmp/resrun-$(report .job_id)"
	[[ -e hook ]]
	run -3 --separate-stderr env -i RESRUN_STATE_DIR="$STATE" RESRUN_CPU_THRESHOLD=100 RESRUN_MEMORY_THRESHOLD=100 RESRUN_DISK_THRESHOLD=100 \
		setsid -w "$BUILD/resrun" --chronic -- sh -c 'echo held; exit 3' <&- 2>&-
	assert_output held
	# Where the state goes without HOME is the account's own home, or root's.
	home=$(getent passwd "$EUID" | cut -d : -f 6)
	run -0 env -i "$BUILD/resrun" --dry-run -- true
	assert_line --regexp "^state: ($home/.local/state/resrun|/var/lib/resrun)$"
}

# Once each of those that come again and again; without what the host's state brings.
event_names() { # FILE
	jq -r '.message | select(. != "alert")' "$1" | uniq | tr '\n' ' '
}

@test "--log: one object a line, the same five fields first, in the order of events" {
	run -0 resrun --log log --cleanup true -- sh -c 'until grep -q process_resources log; do sleep 0.1; done'
	assert_equal "$(event_names log)" 'resources_initial job_started process_resources hook_finished resources_final job_finished '
	assert_equal "$(jq -r 'keys_unsorted[:5] | join(" ")' log | sort -u)" 'time level message job_id host'
	assert_equal "$(jq -r .job_id log | sort -u | wc -l)" 1
	assert_equal "$(jq -r 'select(.message | startswith("resources_")) | [.cpu_percent, .memory_percent, .memory_available_mb, .disk_percent, .disk_free_gb]
		| map(type == "number" and . >= 0) | all' log | sort -u)" true
	assert_equal "$(jq -r 'select(.message == "process_resources") 
		| (.cpu_percent | type == "number" or . == null), ([.pid, .memory_mb, .num_threads] | map(type == "number") | all)' log | sort -u)" true
	assert_equal "$(jq -r 'select(.message == "job_finished") | .exit.reason' log)" exited
	# Appended to, not replaced.
	run -0 resrun --log log -- true
	assert_equal "$(jq -r .job_id log | sort -u | wc -l)" 2
}

@test "--log: a wait is an event; a stream that cannot be written fails no job" {
	hold_slot
	background resrun --log log -- true
	eventually 10 queued 1 1
	let_go
	await "$LAST_PID"
	eventually 10 grep -q job_finished log
	# One that takes long to end is looked at.
	sed -i /process_resources/d log
	assert_equal "$(event_names log)" 'job_waiting resources_initial job_started resources_final job_finished '
	run -0 --separate-stderr resrun --log /dev/full -- true
	assert_equal "${#stderr_lines[@]}" 1
	run -0 --separate-stderr resrun --report /dev/full -- true
	assert_equal "${#stderr_lines[@]}" 1
	run -0 --separate-stderr resrun --log - -- true
	jq -e .message <<<"$stderr" >/dev/null
}

@test "--log: a file that would be larger than logs_max_size becomes FILE.1, under the hands of who writes it, and no line is lost" {
	local size n long
	export RESRUN_MAX_CONCURRENT=9
	# So that what the holder writes every second, however long it takes, is little beside the others' reports.
	printf -v long '%4000s' x
	hold_slot --log log
	run -0 resrun --log log -- true "$long"
	size=$(stat -c %s log)
	export RESRUN_LOGS_MAX_SIZE=$((size * 4))
	# Less than twice that in all, so that it is set aside once.
	for n in 1 2 3 4; do
		background resrun --log log -- true "$long"
	done
	for n in "${started[@]:1}"; do
		await "$n"
	done
	[[ -e log.1 ]]
	# Of the one that was running already: it finds the new file.
	let_go
	jq -e . log log.1 >/dev/null
	assert_equal "$(tail -n 1 log | jq -r .message)" job_finished
	for n in resources_initial job_started resources_final job_finished; do
		assert_equal "$(cat log.1 log | jq -r .message | grep -cx "$n")" 6
	done
	for n in log log.1; do
		(($(stat -c %s "$n") <= RESRUN_LOGS_MAX_SIZE))
	done
	# Another hand may set it aside as well; a stream is left alone.
	mv log elsewhere
	run -0 resrun --log log -- true
	assert_equal "$(jq -r .message log | grep -cx job_finished)" 1
	RESRUN_LOGS_MAX_SIZE=1 run -0 --separate-stderr resrun --log - -- true
	assert_equal "$(jq -r .message <<<"$stderr" | grep -cx job_finished)" 1
}

# Prints "sound" or "torn" for every line of a history, by a CRC of our own.
check_history() { # FILE
	python3 - "$1" <<-'END'
		import json, sys
		table = []
		for n in range(256):
		    for _ in range(8):
		        n = n >> 1 ^ (0x82f63b78 if n & 1 else 0)
		    table.append(n)
		for line in open(sys.argv[1], "rb").read().split(b"\n")[:-1]:
		    crc = 0xffffffff
		    text = line[9:]
		    for byte in text:
		        crc = table[(crc ^ byte) & 255] ^ crc >> 8
		    try:
		        print("sound" if line[:9] == b"%08x\t" % (crc ^ 0xffffffff) and json.loads(text)["schema"] == 1 else "torn")
		    except ValueError:
		        print("torn")
	END
}

@test "the history: one sound line for every run, also of many at once; a torn end is cut off" {
	need python3
	local n
	for n in {1..20}; do
		background resrun -j 20 -- sh -c 'exit 2'
	done
	for n in "${started[@]}"; do
		await "$n"
	done
	assert_equal "$(check_history "$STATE/history" | sort | uniq -c | tr -s ' ')" ' 20 sound'
	assert_equal "$(history 'map(.job_id) | unique | length')" 20
	head -c -20 "$STATE/history" >torn
	cp torn "$STATE/history"
	run -0 resrun -- true
	assert_equal "$(check_history "$STATE/history" | sort | uniq -c | tr -s ' ')" ' 20 sound'
	assert_equal "$(history '.[-1].command')" '["true"]'
	assert_equal "$(resrunctl history --json | jq -r '[.. | .job_id? | strings] | length')" 20
}

@test "a history that cannot be written is told and fails no job" {
	mkdir -p "$STATE/history"
	chmod 700 "$STATE"
	run -3 --separate-stderr resrun -- sh -c 'exit 3'
	assert_equal "${#stderr_lines[@]}" 1
	assert_only_own_lines "$stderr"
	[[ $stderr == *history* ]]
}

@test "no room for the ledger: 125 with the reason, and nothing is run" {
	touch file
	run -125 --separate-stderr env RESRUN_STATE_DIR="$PWD/file/below" resrun -- touch started
	assert_only_own_lines "$stderr"
	[[ ! -e started ]]
	run -125 --separate-stderr bash -c 'ulimit -f 10; exec resrun -- touch started'
	assert_only_own_lines "$stderr"
	[[ ! -e started ]]
	rm -f "$STATE/ledger"
	run -0 resrun -w 0 -- true
}
