#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# The model of the ledger's protocol: it holds, it can fail, and it speaks of the same steps as the code.
#
# runs: outside

source "$BATS_TEST_DIRNAME/common.bash"

setup() {
	resrun_setup
	# The helper of that name is another spin.
	PATH=${PATH//$HELPERS:/}
	MODEL=$SOURCE/tests/model/ledger.pml
}

# The names of the model's steps. GONE and DRAIN are none: a launcher's end, and a mutant's.
model_steps() {
	awk '/^mtype = \{ \/\* events/ { exit } /^mtype = \{/ { inside = 1 } inside { print } /\};/ { inside = 0 }' "$MODEL" |
		grep -oE '\b[A-Z_]{3,}\b' | grep -vxE 'GONE|DRAIN' | sort
}

# The names in comments of the form "model: STEP, STEP".
code_steps() {
	grep -hoE 'model: [A-Z_]+(, [A-Z_]+)*' "$SOURCE"/{policy,runner}/*.c | grep -oE '[A-Z_]{3,}' | sort -u
}

# All hold in these scenarios, and all were asked.
assert_holds() { # SCENARIO...
	run -0 "$SOURCE/scripts/model" "$@"
	echo "$output"
	(($(grep -c '^scenario .* ok$' <<<"$output") == $#))
	(($(grep -c '^property .* ok ' <<<"$output") == 8))
}

@test "in every order of the steps, with a kill between any two, the properties hold" {
	need spin gcc
	assert_holds one-slot two-slots rate lanes
}

@test "so they do with priorities, jobs that wait for others, and jobs that pass others" {
	need spin gcc
	assert_holds priorities dependencies passing
}

@test "a mistake in the protocol is found: one for each property" {
	need spin gcc
	run -0 "$SOURCE/scripts/model" NO_WAKE NO_WATCH FREE_EARLY TOKEN_AFTER NO_REFUND NEWEST_FIRST KEEPS_TOKEN STARTS_AGAIN NO_GATE JOB_NOT_NOTED LOCK_OUTLIVES
	echo "$output"
	(($(grep -c '^mutant .* found: ' <<<"$output") == 11))
}

@test "a scenario in which a property is broken fails, and says which" {
	need spin gcc
	mkdir -p tree/tests tree/scripts
	cp "$SOURCE/scripts/model" tree/scripts
	cp -R "$SOURCE/tests/model" tree/tests
	sed -i 's/^#ifndef N$/#define MUTANT_NO_WATCH\n&/' tree/tests/model/ledger.pml
	run -1 tree/scripts/model --trace one-slot
	assert_line --regexp '^scenario one-slot .* BROKEN: wake_up_lost$'
	assert_line --regexp '^property wake_up_lost +BROKEN in one-slot:'
	assert_line --regexp '^ +launcher 0: TAKE_SLOT$'
}

@test "the model's steps and those that the code names are the same" {
	local steps
	mapfile -t steps < <(model_steps)
	((${#steps[@]} > 25))
	assert_equal "$(code_steps)" "$(model_steps)"
}

@test "a step of the model is used in it" {
	local step
	while read -r step; do
		grep -qE "\b(STEP|LOCK_STEP|PART)\($step\)" "$MODEL" || fail "no STEP($step)"
	done < <(model_steps)
}
