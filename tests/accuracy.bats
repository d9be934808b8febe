#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# A sample of scripts/accuracy, which docs/accuracy.md has the whole of: the report says what the kernel says of the same run.
#
# runs: plain

source "$BATS_TEST_DIRNAME/common.bash"

setup() {
	resrun_setup
}

@test "memory and CPU time of the report are the kernel's, within 2 %" {
	run -0 --separate-stderr "$SOURCE/scripts/accuracy" --measure big children daemon
	printf '%s\n' "$output" | "$SOURCE/scripts/accuracy" --judge 2
	[[ $output != *'|-|'* ]] || fail "$output"
}

@test "the judge finds fault with figures that are further off" {
	run -1 "$SOURCE/scripts/accuracy" --judge 2 <<<'big|direct|1.03|1.00|1.00|200000000|200000000|1'
	run -1 "$SOURCE/scripts/accuracy" --judge 2 <<<'big|direct|1.00|1.00|1.00|195000000|200000000|1'
	run -1 "$SOURCE/scripts/accuracy" --judge 2 </dev/null
	run -0 "$SOURCE/scripts/accuracy" --judge 2 <<<'big|direct|1.01|1.00|1.00|199000000|200000000|1'
}
