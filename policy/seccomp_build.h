/* SPDX-License-Identifier: MIT */
/*
 * From a policy to the instructions that the kernel runs. libseccomp makes those of the rules; in
 * front of them stand ours, for what it cannot say: calls of another processor, numbers that nobody
 * had given out yet, and calls younger than the library. Reads and loads nothing.
 */
#pragma once

#include <linux/filter.h>

#include "base/err.h"
#include "policy/seccomp_rules.h"

#define SECCOMP_WORDS_MAX 256

struct seccomp_program {
	char words[SECCOMP_WORDS_MAX];
	struct sock_fprog bpf; /* its filter is the field below */
	struct sock_filter instructions[];
};

/* SECCOMP_RET_* with its data, for a verdict. */
uint32_t seccomp_action(enum seccomp_verdict verdict);

/* Compiles for `machine`, which need not be this one. The program is freed by free(). 0 or -errno.
 */
rr_checked int seccomp_build(const struct seccomp_policy *policy,
			     const struct seccomp_machine *machine, struct seccomp_program **ret,
			     struct rr_err *err);
