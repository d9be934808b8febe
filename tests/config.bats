#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# Configuration: layers, words on what is wrong and where, names of the environment, profiles (DESIGN 3.3).
# The machine's own /etc/resrun is only looked at in a test that may make one: as root, in a mount namespace.
#
# runs: outside outside-user
# shellcheck disable=SC2154  # stderr: set by run

source "$BATS_TEST_DIRNAME/common.bash"

setup() {
	resrun_setup
	unset RESRUN_CPU_THRESHOLD RESRUN_MEMORY_THRESHOLD RESRUN_DISK_THRESHOLD RESRUN_MAX_WAIT
	[[ ! -e /etc/resrun ]] || skip 'this machine has its own /etc/resrun'
}

# For what is really run: whether there is room is of no interest.
ready() { # COMMAND [ARG]...
	RESRUN_CPU_THRESHOLD=100 RESRUN_MEMORY_THRESHOLD=100 RESRUN_DISK_THRESHOLD=100 "$@"
}

# The value and the origin of a key, as --dry-run tells: "85 (default)".
effective() { # KEY [ARG-OF-RESRUN]...
	resrun -n "${@:2}" -- true | sed -nE "s/^  $1 +([^ ](.*[^ ])?) +\((.*)\)$/\1 (\3)/p"
}

drop_in() { # NAME, LINES ON STDIN
	mkdir -p "$XDG_CONFIG_HOME/resrun/resrun.d"
	(umask 077 && cat >"$XDG_CONFIG_HOME/resrun/resrun.d/$1")
}

@test "every layer is over the one before it, and --dry-run names it" {
	local config=$XDG_CONFIG_HOME/resrun
	assert_equal "$(effective memory_threshold)" '85 (default)'
	write_config <<<$'[default]\nmemory_threshold = 71\n[profile p]\ncpu_threshold = 61'
	assert_equal "$(effective memory_threshold)" "71 ($config/resrun.ini:2)"
	assert_equal "$(effective memory_threshold -p p)" "71 ($config/resrun.ini:2)"
	drop_in 10-a.ini <<<$'[default]\nmemory_threshold = 72'
	drop_in 20-b.ini <<<$'\n# words\n[default]\nmemory_threshold = 73'
	drop_in 30-ignored.conf <<<$'[default]\nmemory_threshold = 1'
	assert_equal "$(effective memory_threshold)" "73 ($config/resrun.d/20-b.ini:4)"
	# A profile is over [default] wherever that stands.
	drop_in 15-c.ini <<<$'[profile p]\nmemory_threshold = 74'
	assert_equal "$(effective memory_threshold -p p)" "74 ($config/resrun.d/15-c.ini:2)"
	export RESRUN_MEMORY_THRESHOLD=75
	assert_equal "$(effective memory_threshold -p p)" '75 (RESRUN_MEMORY_THRESHOLD)'
	assert_equal "$(effective memory_threshold -p p --memory-threshold 76)" '76 (--memory-threshold)'
	assert_equal "$(effective cpu_threshold -p p)" "61 ($config/resrun.ini:4)"
}

@test "/etc/resrun is below the user's" {
	((!EUID)) || skip 'only root can make one'
	unshare --mount true 2>/dev/null || skip 'no mount namespace to be had'
	mkdir -p upper/resrun/resrun.d "$XDG_CONFIG_HOME/resrun"
	printf '[default]\nmemory_threshold = 41\ndisk_threshold = 42\ncpu_threshold = 43\n' >upper/resrun/resrun.ini
	printf '[default]\ndisk_threshold = 44\ncpu_threshold = 45\n' >upper/resrun/resrun.d/a.ini
	write_config <<<$'[default]\ncpu_threshold = 46'
	cat >inside <<-'END'
		mount -t tmpfs tmpfs /etc && cp -r upper/resrun /etc/ && resrun -n -- true
	END
	run -0 unshare --mount sh inside
	assert_output --regexp 'memory_threshold +41 +\(/etc/resrun/resrun.ini:2\)'
	assert_output --regexp 'disk_threshold +44 +\(/etc/resrun/resrun.d/a.ini:2\)'
	assert_output --regexp "cpu_threshold +46 +\($XDG_CONFIG_HOME/resrun/resrun.ini:2\)"
}

@test "never from the working directory; without XDG_CONFIG_HOME from ~/.config" {
	printf '[default]\nmemory_threshold = 12\n' >resrun.ini
	chmod 600 resrun.ini
	mkdir -p resrun home/.config/resrun
	cp resrun.ini resrun/
	assert_equal "$(effective memory_threshold)" '85 (default)'
	cp resrun.ini home/.config/resrun/
	assert_equal "$(XDG_CONFIG_HOME='' HOME=$PWD/home effective memory_threshold)" "12 ($PWD/home/.config/resrun/resrun.ini:2)"
	assert_equal "$(XDG_CONFIG_HOME=. HOME=$PWD/home effective memory_threshold)" "12 ($PWD/home/.config/resrun/resrun.ini:2)"
}

@test "--config FILE is read instead of the standard places" {
	write_config <<<$'[default]\nmemory_threshold = 71\ncpu_threshold = 72'
	printf '[default]\nmemory_threshold = 33\n' >mine.ini
	chmod 600 mine.ini
	assert_equal "$(effective memory_threshold --config mine.ini)" '33 (mine.ini:2)'
	assert_equal "$(effective cpu_threshold --config mine.ini)" '85 (default)'
}

# The configuration on stdin is refused with these words, and nothing is run.
refused() { # LINE WORDS
	write_config
	run -125 --separate-stderr resrun -- touch started
	[[ $stderr == "resrun: $XDG_CONFIG_HOME/resrun/resrun.ini:$1: "*"$2"* ]] || fail "$stderr"
	assert_equal "$output" ''
	[[ ! -e started ]] || fail 'it was run'
}

@test "what is wrong is said with FILE:LINE, and nothing is run" {
	refused 2 "unknown key 'no_such_key' in [default]" <<<$'[default]\nno_such_key = 1'
	refused 3 "cpu_threshold" <<<$'[default]\n\ncpu_threshold = 101'
	refused 3 "cpu_threshold" <<<$'[default]\n# words\ncpu_threshold = many'
	refused 2 "memory" <<<$'[profile p]\nmemory = lots'
	refused 2 "max_wait" <<<$'[default]\nmax_wait = soon'
	refused 2 "on_busy" <<<$'[default]\non_busy = maybe'
	refused 2 "max_concurrent" <<<$'[resrun]\nmax_concurrent = 0'
	refused 2 "unknown key 'cpu_threshold' in [resrun]" <<<$'[resrun]\ncpu_threshold = 5'
	refused 2 "unknown key 'scope' in [default]" <<<$'[default]\nscope = host'
	refused 1 "before any [section]" <<<'cpu_threshold = 5'
	refused 1 "none of [resrun], [default], [profile NAME]" <<<$'[defaults]\ncpu_threshold = 5'
	refused 2 "neither" <<<$'[default]\njust words'
	refused 3 "twice" <<<$'[default]\ncpu_threshold = 5\n[default]\ncpu_threshold = 6'
	refused 1 "profile" <<<$'[profile a/b]\ncpu_threshold = 5'
	refused 2 "longer than" <<<"[default]
io_max = $(printf 'x%.0s' {1..300})"
}

@test "a line just below the limit is taken whole" {
	local long
	long=$(printf 'x%.0s' {1..178})
	write_config <<<"[default]
hook_before = echo $long"
	run -0 --separate-stderr ready resrun -- true
	assert_equal "$stderr" "$long"
}

@test "a file that others could have written is refused by name" {
	write_config <<<$'[default]\ncpu_threshold = 50'
	chmod 664 "$XDG_CONFIG_HOME/resrun/resrun.ini"
	run -125 --separate-stderr resrun -- touch started
	[[ $stderr == "resrun: '$XDG_CONFIG_HOME/resrun/resrun.ini': refused, because others could have written it"* ]]
	chmod 646 "$XDG_CONFIG_HOME/resrun/resrun.ini"
	run -125 resrun -- touch started
	chmod 644 "$XDG_CONFIG_HOME/resrun/resrun.ini"
	run -0 ready resrun -- true
	if ((!EUID)); then
		chown 12345 "$XDG_CONFIG_HOME/resrun/resrun.ini"
		run -125 --separate-stderr resrun -- touch started
		[[ $stderr == *'owner uid 12345'* ]]
	fi
	[[ ! -e started ]]
}

@test "what is no file of text is refused: a directory, a FIFO, a NUL, a device, a file that may not be read" {
	mkdir directory
	mkfifo -m 600 fifo
	printf '[default]\n\0cpu_threshold = 5\n' >nul
	chmod 600 nul
	local name
	for name in directory fifo nul /dev/zero missing; do
		run -125 --separate-stderr timeout 20 resrun --config "$name" -- touch started
		[[ $stderr == "resrun: '$name': "* ]] || fail "$name: $stderr"
	done
	if ((EUID)); then
		write_config <<<'[default]'
		chmod 000 "$XDG_CONFIG_HOME/resrun/resrun.ini"
		run -125 --separate-stderr resrun -- touch started
		[[ $stderr == *'Permission denied'* ]]
	fi
	[[ ! -e started ]]
}

@test "profiles: -p, match, the first one that fits, and what is said of an unknown one" {
	write_config <<-'END'
		[profile first]
		match = tru? nothing
		cpu_threshold = 31
		[profile second]
		match = *e
		cpu_threshold = 32
		[profile third]
		cpu_threshold = 33
	END
	assert_equal "$(effective cpu_threshold)" "31 ($XDG_CONFIG_HOME/resrun/resrun.ini:3)"
	assert_equal "$(effective cpu_threshold -p third)" "33 ($XDG_CONFIG_HOME/resrun/resrun.ini:8)"
	assert_equal "$(effective cpu_threshold -p default)" '85 (default)'
	run -0 resrun -n /no/such/place/false
	assert_line 'profile: second'
	run -125 --separate-stderr resrun -p fourth -- touch started
	assert_equal "$stderr" "resrun: there is no profile 'fourth' (known: first, second, third)"
	[[ ! -e started ]]
	rm -r "$XDG_CONFIG_HOME"
	run -125 --separate-stderr resrun -p fourth -- touch started
	[[ $stderr == "resrun: there is no profile 'fourth', and no configuration file was found"* ]]
}

@test "RESRUN_ names for every key, the owner's RESOURCE_ names, and the first over the second" {
	assert_equal "$(RESOURCE_CPU_THRESHOLD=70.0 effective cpu_threshold)" '70.0 (RESOURCE_CPU_THRESHOLD)'
	assert_equal "$(RESOURCE_MEMORY_THRESHOLD=71.5 effective memory_threshold)" '71.5 (RESOURCE_MEMORY_THRESHOLD)'
	assert_equal "$(RESOURCE_DISK_THRESHOLD=72 effective disk_threshold)" '72 (RESOURCE_DISK_THRESHOLD)'
	assert_equal "$(RESOURCE_MAX_CONCURRENT=3 effective max_concurrent)" '3 (RESOURCE_MAX_CONCURRENT)'
	assert_equal "$(RESOURCE_RATE_LIMIT=2 effective rate_limit)" '2 (RESOURCE_RATE_LIMIT)'
	assert_equal "$(RESOURCE_RATE_WINDOW=3600.0 effective rate_window)" '3600.0 (RESOURCE_RATE_WINDOW)'
	assert_equal "$(RESOURCE_CPU_THRESHOLD=70 RESRUN_CPU_THRESHOLD=60 effective cpu_threshold)" '60 (RESRUN_CPU_THRESHOLD)'
	assert_equal "$(RESRUN_KILL_AFTER=3s effective kill_after)" '3s (RESRUN_KILL_AFTER)'
	# Empty is not set.
	assert_equal "$(RESRUN_KILL_AFTER='' effective kill_after)" '10s (default)'
	# And they work: one start in 1000 seconds.
	export RESOURCE_RATE_LIMIT=1 RESOURCE_RATE_WINDOW=1000.0
	run -0 ready resrun -w 0 -- true
	run -75 ready resrun -w 0 -- true
}

@test "a bad value in the environment is named, and nothing is run" {
	run -125 --separate-stderr env RESRUN_MAX_WAIT=soon resrun -- touch started
	[[ $stderr == 'resrun: environment: RESRUN_MAX_WAIT: '* ]]
	run -125 --separate-stderr env RESOURCE_CPU_THRESHOLD=high resrun -- touch started
	[[ $stderr == 'resrun: environment: RESOURCE_CPU_THRESHOLD: '* ]]
	[[ ! -e started ]]
}

@test "RESRUN_STATE_DIR moves the files, and must be absolute" {
	run -0 ready env RESRUN_STATE_DIR="$PWD/elsewhere" resrun -- true
	[[ -f elsewhere/ledger && -f elsewhere/history ]]
	assert_equal "$(stat -c %a elsewhere elsewhere/ledger elsewhere/history | tr '\n' ' ')" '700 600 600 '
	run -125 --separate-stderr env RESRUN_STATE_DIR=relative resrun -- touch started
	[[ $stderr == *"'relative' is not absolute"* && ! -e started ]]
	[[ ! -e $STATE ]]
}

@test "the shipped resrun.ini is the defaults, and says all of them" {
	# Read by its own name; only root or the owner may have written it.
	(umask 077 && cp "$SOURCE/resrun.ini" shipped.ini)
	resrun -n --config shipped.ini -- true >with
	resrun -n -- true >without
	local strip=(sed -nE 's/^  ([a-z_]+) +([^ ](.*[^ ])?) +\(.*\)$/\1=\2/p')
	diff <("${strip[@]}" <with) <("${strip[@]}" <without)
	# Every key of the table stands in it, commented out or not.
	local key
	for key in $(sed -nE 's/^SETTING\([A-Z_]+, (PROFILE|MACHINE), [A-Z]+, "([a-z_]+)".*/\2/p' "$SOURCE/policy/settings.def"); do
		grep -qE "^(# )?$key =" shipped.ini || fail "resrun.ini does not tell of $key"
	done
	run -0 resrun -n --config shipped.ini -p encode -- true
	assert_output --regexp 'max_concurrent +1 '
	assert_output --regexp 'rate_limit +2 '
	assert_output --regexp 'rate_window +1h '
	assert_output --regexp 'private_temp +yes '
	assert_output --regexp 'seccomp +baseline '
	assert_output --partial drop-cache
}

# `config init` without FILE writes where this user's configuration is, which for root is /etc: FILE is always given here.
@test "presets are written, are sound, and say what DESIGN says" {
	local preset key found window
	declare -A expected=([low]='70 75 85 1 1 7200' [mid]='80 80 90 1 2 3600' [high]='85 85 90 2 3 3600')
	for preset in low mid high; do
		run -0 resrunctl config init --preset "$preset" "$PWD/$preset.ini"
		run -0 resrun -n --config "$preset.ini" -- true
		found=''
		for key in cpu_threshold memory_threshold disk_threshold max_concurrent rate_limit; do
			found+="$(sed -nE "s/^  $key +([^ ]+) .*/\1/p" <<<"$output") "
		done
		assert_equal "$found" "${expected[$preset]% *} "
		# The window may be written as 2h as well as 7200.
		window=${expected[$preset]##* }
		assert_output --regexp "rate_window +(${window}s?|$((window / 3600))h) "
	done
	run -0 resrunctl config init --preset auto "$PWD/auto.ini"
	run -0 resrun -n --config auto.ini -- true
}

@test "sizes and times of every form" {
	local text
	for text in 512M 4G 1.5g 50% 1048576 2GiB; do
		run -0 resrun -n -m "$text" -- true
	done
	for text in 90 90s 5m 1h30m 250ms 2d 3600.0; do
		run -0 resrun -n -t "$text" -- true
	done
	run -0 resrun -n -m 2GiB -- true
	assert_output --regexp 'memory +2G +enforced by'
}
