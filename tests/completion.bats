#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# The completions of resrunctl: what it offers by itself, and what a real shell makes of that. (Those of resrun are made
# from its table of options: docs.bats.)
#
# runs: outside outside-user
# shellcheck disable=SC2154  # stderr, lines: set by run

source "$BATS_TEST_DIRNAME/common.bash"

setup() {
	resrun_setup
	COMPLETION=$SOURCE/completion
	export LANG=C.UTF-8 LC_ALL=C.UTF-8
}

teardown() {
	[[ ! -v TERMINAL ]] || "${TERMINAL[@]}" kill-server 2>/dev/null || true
	end_background
}

# The words, in one line.
offered() { # WORD...
	resrunctl complete -- "$@" | cut -f 1 | paste -sd ' '
}

# ---- what is offered ----------------------------------------------------------------------------------------------------

@test "every verb is offered, and every option that its --help tells of" {
	local verbs options verb
	mapfile -t verbs < <(resrunctl --help | sed -nE 's/^  ([a-z]+) .*/\1/p')
	((${#verbs[@]} > 15))
	assert_equal "$(offered '')" "${verbs[*]}"
	assert_equal "$(offered config '')" 'show check init'
	verbs=("${verbs[@]/#config/config show}" 'config check' 'config init')
	for verb in "${verbs[@]}"; do
		# shellcheck disable=SC2086  # config show
		mapfile -t options < <(resrunctl $verb --help | sed -nE 's/^ +(-[a-zA-Z0-9], )?(--[a-z][a-z-]*).*/\2/p')
		# shellcheck disable=SC2086
		assert_equal "$verb: $(offered $verb --)" "$verb: ${options[*]}"
	done
}

@test "values of options, files, and nothing where nothing is known" {
	printf '[profile encode]\n[profile night]\n' | write_config
	assert_equal "$(offered history --format '')" 'json csv table'
	assert_equal "$(offered history --format=c)" '--format=csv'
	assert_equal "$(offered -- history --format c)" csv
	assert_equal "$(offered config show -p '')" 'default encode night'
	assert_equal "$(offered history --profile=n)" '--profile=night'
	assert_equal "$(offered config init --preset '')" 'low mid high auto'
	assert_equal "$(offered set some-job memory)" 'memory= memory_high='
	assert_equal "$(offered history -n 3 --ke)" --key
	assert_equal "$(offered history -n '')$(offered idle --for 1h '')$(offered bogus '')$(offered status '')" ''
	assert_equal "$(offered -- --ver)" --version
	assert_equal "$(resrunctl complete -- metrics --textfile '')" $'\tfiles'
	assert_equal "$(resrunctl complete -- replay '')" $'\tfiles'
	assert_equal "$(resrunctl complete -- sweep here '')" $'\tdirs'
	assert_equal "$(resrunctl complete -- metrics '')" ''
	assert_equal "$(resrunctl complete -- why --json -- ff)" $'\tcommand'
	run -0 resrunctl complete
	assert_output ''
}

# No id has a capital letter.
@test "jobs are offered by name and id, with their state; keys of the past" {
	hold_slot --name Film --key some:key
	background resrun --name Behind -w inf -- true
	eventually 20 queued 1 1
	local id
	id=$(resrunctl status --json | jq -r '.running[0].job_id')
	assert_equal "$(offered pause F)" Film
	assert_equal "$(offered pause "${id:0:9}")" "$id"
	assert_equal "$(offered cancel Film B)" Behind
	run -0 resrunctl complete -- why ''
	assert_line --regexp $'^Film\trunning: sh -c'
	assert_line --regexp $'^Behind\twaiting: true$'
	let_go
	await "$holder"
	eventually 20 queued 0 0
	assert_equal "$(offered wait '')" ''
	assert_equal "$(offered stats '')" 'default:true some:key'
}

@test "in broken configuration nothing is said, and nothing is made for it" {
	echo 'nonsense' | write_config
	run -0 resrunctl complete -- cancel ''
	assert_output ''
	[[ ! -e $STATE ]]
}

# ---- real shells, on a real terminal ------------------------------------------------------------------------------------

start_shell() { # COMMAND
	need tmux
	TERMINAL=(tmux -S "$BATS_TEST_TMPDIR/tmux" -f /dev/null)
	SHELL=/bin/bash TERM=xterm "${TERMINAL[@]}" new-session -d -x 100 -y 30 "$1" 3>&- 4>&-
	eventually 20 shows 'ready$'
}

shows() { # TEXT: some line holds it
	"${TERMINAL[@]}" capture-pane -pN | grep -qF -- "$1"
}

# What is typed, with a tab behind it, becomes the line.
becomes() { # TYPED LINE
	"${TERMINAL[@]}" send-keys -l -- "$1"
	"${TERMINAL[@]}" send-keys Tab
	eventually 20 shows "ready\$ $2" || fail "$("${TERMINAL[@]}" capture-pane -p)"
	"${TERMINAL[@]}" send-keys C-u
}

complete_in_shell() {
	printf '[profile encode]\n' | write_config
	hold_slot --name 'A film:1'
	: >some-trace.csv
	becomes 'resrunctl hist' 'resrunctl history '
	becomes 'resrunctl config che' 'resrunctl config check '
	becomes 'resrunctl history --form' 'resrunctl history --format'
	becomes 'resrunctl history --format=c' 'resrunctl history --format=csv '
	becomes 'resrunctl config show --profile en' 'resrunctl config show --profile encode '
	becomes 'resrunctl pause A' 'resrunctl pause A\ film:1'
	becomes 'resrunctl set job memory_h' 'resrunctl set job memory_high='
	becomes 'resrunctl replay some-t' 'resrunctl replay some-trace.csv'
	becomes 'resrunctl metrics --textfile=some-t' 'resrunctl metrics --textfile=some-trace.csv'
	becomes 'resrunctl why -- resrunc' 'resrunctl why -- resrunctl '
	let_go
	await "$holder"
}

@test "bash, on a terminal" {
	start_shell "PS1='ready$ ' exec bash --norc --noprofile -i"
	"${TERMINAL[@]}" send-keys -l "source '$COMPLETION/resrunctl.bash'; complete -p resrunctl"
	"${TERMINAL[@]}" send-keys Enter
	eventually 20 shows 'complete -F _resrunctl resrunctl'
	complete_in_shell
}

@test "bash: no name of a job's is a command, or more than one word" {
	source "$COMPLETION/resrunctl.bash"
	hold_slot --name 'X$(touch here)'
	COMP_WORDS=(resrunctl why X) COMP_CWORD=2 COMP_LINE='resrunctl why X' COMP_POINT=15
	_resrunctl
	assert_equal "${#COMPREPLY[@]} ${COMPREPLY[0]}" '1 X\$\(touch\ here\)'
	[[ ! -e here ]]
	let_go
	await "$holder"
}

@test "zsh, on a terminal" {
	need zsh
	# No configuration of the machine's, nor of the user's.
	start_shell "PS1='ready$ ' HOME='$BATS_TEST_TMPDIR' exec zsh -f -i"
	"${TERMINAL[@]}" send-keys -l "fpath=('$COMPLETION' \$fpath); autoload -Uz compinit; compinit -u -D; bindkey -e; echo set=\$_comps[resrunctl]"
	"${TERMINAL[@]}" send-keys Enter
	eventually 20 shows 'set=_resrunctl'
	complete_in_shell
}

@test "fish, as it would complete" {
	need fish
	export HOME=$BATS_TEST_TMPDIR
	printf '[profile encode]\n' | write_config
	hold_slot --name 'A film:1'
	: >some-trace.csv
	cat >ask.fish <<-'END'
		source $argv[1]
		for line in (cat lines)
			echo $line: (complete -C $line | string split -f 1 \t)
		end
	END
	cat >lines <<-'END'
		resrunctl hist
		resrunctl config che
		resrunctl history --format=c
		resrunctl config show --profile en
		resrunctl pause A
		resrunctl set job memory_h
		resrunctl replay some-t
		resrunctl metrics --textfile=some-t
		resrunctl why -- resrunctl hist
	END
	run -0 fish --no-config ask.fish "$COMPLETION/resrunctl.fish"
	assert_output - <<-'END'
		resrunctl hist: history
		resrunctl config che: check
		resrunctl history --format=c: --format=csv
		resrunctl config show --profile en: encode
		resrunctl pause A: A film:1
		resrunctl set job memory_h: memory_high=
		resrunctl replay some-t: some-trace.csv
		resrunctl metrics --textfile=some-t: --textfile=some-trace.csv
		resrunctl why -- resrunctl hist: history
	END
	let_go
	await "$holder"
}
