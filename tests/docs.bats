#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# The manual pages and the completions: nothing that the programs know is missing, and nothing is stale.
#
# runs: outside
# shellcheck disable=SC2154  # stderr, stderr_lines: set by run

source "$BATS_TEST_DIRNAME/common.bash"

setup() {
	resrun_setup
	MAN=$SOURCE/man
	COMPLETION=$SOURCE/completion
}

# The page as one reads it, without overstriking.
page() { # NAME
	need mandoc
	mandoc -T ascii "$MAN/$1" | sed $'s/.\b//g'
}

# The long options that begin a line of a help.
options_of() { # COMMAND [ARG]...
	"$@" | sed -nE 's/^ +(-[a-zA-Z0-9], )?--([a-z][a-z-]*).*/\2/p'
}

# Those of LINES that no line of FILE matches when put into the extended regular expression RE for OPTION.
missing() { # RE FILE LINE...
	local line
	for line in "${@:3}"; do
		grep -qE -- "${1//OPTION/$line}" "$2" || echo "$line"
	done
}

# ---- gen-docs -----------------------------------------------------------------------------------------------------------

@test "what scripts/gen-docs writes is committed as it would write it now" {
	need gcc
	run -0 "$SOURCE/scripts/gen-docs" --check
	assert_output ''
}

@test "gen-docs --check tells what is stale and writes nothing; gen-docs mends it" {
	need gcc
	mkdir tree
	cp -R "$SOURCE"/{base,completion,man,policy,scripts} tree
	sed -i 's/wait this long for everything/bide this long for everything/' tree/policy/settings.def
	cp -R tree before
	run -1 tree/scripts/gen-docs --check
	assert_line 'gen-docs: man/resrun.1 is stale: run scripts/gen-docs'
	assert_line 'gen-docs: man/resrun.ini.5 is stale: run scripts/gen-docs'
	assert_line 'gen-docs: completion/_resrun is stale: run scripts/gen-docs'
	assert_line 'gen-docs: completion/resrun.fish is stale: run scripts/gen-docs'
	refute_line --partial 'completion/resrun.bash is stale'
	run -0 diff -r before tree
	run -0 tree/scripts/gen-docs
	run -0 grep -c 'Bide this long' tree/man/resrun.1
	run -0 tree/scripts/gen-docs --check
	# Only what was generated is other than before.
	diff before/man/resrun.1 tree/man/resrun.1 >changes || true
	assert_equal "$(grep -c '^[<>]' changes)" 2
}

# ---- completeness -------------------------------------------------------------------------------------------------------

@test "every option of resrun --help is in resrun.1 and in all completions" {
	local options
	mapfile -t options < <(options_of resrun --help)
	((${#options[@]} > 40))
	page resrun.1 >text
	assert_equal "$(missing '^ +(-., )?--OPTION( |$)' text "${options[@]}")" ''
	assert_equal "$(missing "^(_resrun_options=')?--OPTION'?\$" "$COMPLETION/resrun.bash" "${options[@]}")" ''
	assert_equal "$(missing '--OPTION(=?\[|[=,}])' "$COMPLETION/_resrun" "${options[@]}")" ''
	assert_equal "$(missing ' -l OPTION ' "$COMPLETION/resrun.fish" "${options[@]}")" ''
}

@test "every key of resrun.ini is in resrun.ini.5, with its environment name" {
	local keys names
	mapfile -t keys < <(sed -nE 's/^(# )?([a-z_]+) =.*/\2/p' "$SOURCE/resrun.ini" | sort -u)
	((${#keys[@]} > 35))
	page resrun.ini.5 >text
	assert_equal "$(missing '^ +OPTION = ' text "${keys[@]}")" ''
	mapfile -t names < <(printf 'RESRUN_%s\n' "${keys[@]^^}" RESOURCE_RATE_LIMIT TOTAL_CONCURRENT)
	names=("${names[@]/#RESRUN_RESOURCE_/RESOURCE_}")
	assert_equal "$(missing '(^| )OPTION[.,]' text "${names[@]}")" ''
}

@test "every key that resrunctl config init writes is in resrun.ini.5" {
	local keys
	mapfile -t keys < <(resrunctl config init - | sed -nE 's/^(# *)?([a-z_]+) =.*/\2/p' | sort -u)
	((${#keys[@]} > 35))
	page resrun.ini.5 >text
	assert_equal "$(missing '^ +OPTION = ' text "${keys[@]}")" ''
}

@test "every verb of resrunctl is in resrunctl.1, with every option of it" {
	local verbs options verb
	page resrunctl.1 >text
	mapfile -t verbs < <(resrunctl --help | sed -nE 's/^  ([a-z]+) .*/\1/p')
	((${#verbs[@]} > 3))
	verbs=("${verbs[@]/#config/config show}" 'config check' 'config init')
	for verb in "${verbs[@]}"; do
		echo "$verb"
		grep -qE "^ +resrunctl $verb( |\$)" text
		# shellcheck disable=SC2086  # config show
		mapfile -t options < <(options_of resrunctl $verb --help)
		assert_equal "$(missing '(^|[ [])--OPTION([] .]|$)' text "${options[@]}")" ''
	done
}

@test "every exit status that resrun --help tells of is in EXIT STATUS" {
	local statuses
	mapfile -t statuses < <(resrun --help | sed -n '/^Exit status/,$p' | grep -oE '[0-9]+')
	((${#statuses[@]} == 5))
	page resrun.1 | sed -n '/^EXIT STATUS/,/^SECCOMP/p' >text
	assert_equal "$(missing '^ +OPTION ' text "${statuses[@]}")" ''
}

@test "every field of a report is in resrun.1" {
	local fields
	page resrun.1 | sed -n '/^REPORT/,/^EVENTS/p' >text
	resrun -m 1G --report report -- true
	mapfile -t fields < <(jq -r '(keys[]), (.exit, .usage, .sweep | keys[]), (.limits[] | keys[])' report | sort -u)
	((${#fields[@]} > 40))
	assert_equal "$(missing '(^|[ .])OPTION([ ,.:]|$)' text "${fields[@]}")" ''
}

@test "every event and its fields are in resrun.1" {
	local words
	page resrun.1 | sed -n '/^EVENTS/,/^EXAMPLES/p' >text
	resrun --log log --retries 1 --backoff 10ms --cleanup true --sweep /nonexistent -m 1G --pids 99 -- sh -c 'sleep 1.2; false' || true
	run -75 resrun --log log -w 50ms --memory-threshold 0.001 -- true
	mapfile -t words < <(jq -r '.message, (select(.message != "job_finished") | keys[])' log | sort -u)
	((${#words[@]} > 25))
	assert_equal "$(missing '(^|[ (])OPTION([ ,.;:]|$)' text "${words[@]}")" ''
}

@test "every variable that a job or a hook gets is in resrun.1" {
	local names
	page resrun.1 >text
	resrun --temp -m 1G --name x --cleanup 'env >hook' -- env >job
	# RESRUN_USAGE_... are the names of the report, which another test looks for.
	mapfile -t names < <(sed -nE 's/^(RESRUN_[A-Z_]+)=.*/\1/p' job hook | grep -vE '_(THRESHOLD|DIR|WAIT|BUILD)$|_TEST_|_USAGE_' | sort -u)
	((${#names[@]} > 10))
	assert_equal "$(missing '(^|[ ,])OPTION(,|$)' text "${names[@]}")" ''
}

# ---- form ---------------------------------------------------------------------------------------------------------------

@test "mandoc has nothing to say against the pages" {
	need mandoc
	local page
	for page in resrun.1 resrunctl.1 resrun.ini.5; do
		# Which other pages are installed here is not their fault.
		run mandoc -T lint "$MAN/$page"
		assert_equal "$(grep -vE 'referenced manual not found|mandoc\.db' <<<"$output")" ''
	done
}

@test "the pages that each other names are there" {
	local name section
	while read -r name section; do
		[[ $name != resrun* || -f $MAN/$name.$section ]] || fail "no $name($section)"
	done < <(sed -n 's/^\.Xr \([^ ]*\) \([0-9]\).*/\1 \2/p' "$MAN"/*)
}

@test "the sections that everybody looks for are there" {
	local page
	for page in resrun.1 resrunctl.1; do
		grep -qx '\.Sh EXIT STATUS' "$MAN/$page"
	done
	for page in resrun.1 resrunctl.1 resrun.ini.5; do
		grep -qx '\.Sh EXAMPLES' "$MAN/$page"
	done
	for page in OPTIONS ENVIRONMENT FILES SECCOMP PLACEMENTS 'REPORT FIELDS' EVENTS; do
		grep -qx "\\.Sh $page" "$MAN/resrun.1"
	done
}

@test "the options in the examples are options" {
	local line words
	while read -r line; do
		# Up to the last --, all that resrun itself gets.
		read -ra words <<<"${line% -- *}"
		XDG_CONFIG_HOME=$BATS_TEST_TMPDIR run -0 resrun --config "$SOURCE/resrun.ini" -n "${words[@]:1}" -- true
	done < <(page resrun.1 | sed -n '/^EXAMPLES/,$p' | grep -oE 'resrun -.* -- ' | sed 's/ & .*//')
}

@test "the example of resrun.ini.5 is a good configuration" {
	(umask 077 && page resrun.ini.5 | sed -n '/^EXAMPLES/,/^SEE/p' | sed -nE 's/^ +(\[.*|[a-z_]+ = .*)/\1/p' >example.ini)
	run -0 resrunctl config check example.ini
	assert_output 'ok: example.ini'
}

# ---- bash's completion, used --------------------------------------------------------------------------------------------

# What bash would offer for the last word, in one line.
complete_words() { # WORD...
	COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMPREPLY=()
	_resrun
	echo "${COMPREPLY[*]}"
}

@test "bash completes options, their words, profiles and files" {
	source "$COMPLETION/resrun.bash"
	printf '[profile encode]\n[profile night]\n' | write_config
	touch policy-file
	assert_equal "$(complete_words resrun --on-b)" --on-busy
	assert_equal "$(complete_words resrun --on-busy '')" 'fail skip run'
	assert_equal "$(complete_words resrun --on-busy = s)" skip
	assert_equal "$(complete_words resrun --on-busy =)" 'fail skip run'
	assert_equal "$(complete_words resrun -m 4G --strict --priority h)" high
	assert_equal "$(complete_words resrun -p ni)" night
	assert_equal "$(complete_words resrun --seccomp po)" policy-file
	assert_equal "$(complete_words resrun --seccomp b)" baseline
	assert_equal "$(complete_words resrun -w '')" ''
}

@test "bash completes the command, and leaves its arguments to it" {
	source "$COMPLETION/resrun.bash"
	_command_offset() { COMPREPLY=("from $1"); }
	assert_equal "$(complete_words resrun ff)" 'from 1'
	assert_equal "$(complete_words resrun -m 4G -c 2 ff)" 'from 5'
	assert_equal "$(complete_words resrun -m 4G -q -- ff -)" 'from 5'
	assert_equal "$(complete_words resrun --memory = 4G ff --on)" 'from 4'
	assert_equal "$(complete_words resrun -j2 ff --on)" 'from 2'
}

@test "the table of places has the rows that the tests of the places make" {
	run -0 "$SOURCE/scripts/gen-environments" --check
}

@test "the shells that are here read their completions" {
	local name
	for name in resrun resrunctl; do
		bash -n "$COMPLETION/$name.bash"
		! command -v zsh || zsh -n "$COMPLETION/_$name"
		! command -v fish || fish -n "$COMPLETION/$name.fish"
	done
}
