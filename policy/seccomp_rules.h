/* SPDX-License-Identifier: MIT */
/*
 * The one table of what each policy refuses, the processors it is known for, and policies as data:
 * a list of rules to be edited by a policy file and compiled by policy/seccomp_build.c. Pure.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define SECCOMP_RULES_MAX 448
#define SECCOMP_TESTS_MAX 2
#define SECCOMP_GAPS_MAX 3

/* A rule of one level is part of that policy and of every stricter one. */
enum seccomp_level { SECCOMP_NONE, SECCOMP_BASELINE, SECCOMP_STRICT };

enum seccomp_verdict {
	SECCOMP_ALLOW,
	SECCOMP_DENY, /* EPERM: the call exists, this job may not */
	SECCOMP_ENOSYS, /* as an older kernel would say: the caller falls back */
	SECCOMP_LOG, /* allowed, and recorded in the kernel log */
	SECCOMP_KILL, /* the whole process dies of SIGSYS */
};

enum seccomp_match {
	SECCOMP_ANY, /* no test */
	SECCOMP_IS, /* (argument & mask) == value */
	SECCOMP_HAS_ANY_BIT, /* (argument & value) != 0, low 32 bits */
	SECCOMP_IN_SET, /* the low 32 bits are n < 64, and bit n of value is set */
};

/* An argument is looked at 32 bits wide, as the kernel does with an int: what stands above must not
 * hide the value. */
struct seccomp_test {
	uint8_t arg;
	uint8_t match;
	uint32_t mask;
	uint64_t value;
};

/* Holds when all its tests hold. Only the first may be other than SECCOMP_IS. */
struct seccomp_rule {
	const char *name;
	const char *group;
	enum seccomp_level level;
	enum seccomp_verdict verdict;
	unsigned line; /* in the policy file; 0: from the table */
	struct seccomp_test tests[SECCOMP_TESTS_MAX];
};

/* Names are borrowed: from the table or from the text of a policy file. */
struct seccomp_policy {
	enum seccomp_verdict foreign; /* calls in the way of another processor: int 0x80 */
	enum seccomp_verdict unknown; /* numbers that nobody had given out when this was written */
	size_t count;
	struct seccomp_rule rules[SECCOMP_RULES_MAX];
};

/* Call numbers first..last, none of them known. */
struct seccomp_gap {
	uint32_t first;
	uint32_t last;
};

struct seccomp_machine {
	uint32_t token; /* AUDIT_ARCH_*, the same as SCMP_ARCH_* */
	const char *name;
	struct seccomp_gap gaps[SECCOMP_GAPS_MAX]; /* ends at one whose last is 0, or at the end */
};

/* NULL when there is no table for that processor. */
const struct seccomp_machine *seccomp_machine_find(uint32_t token);

const struct seccomp_rule *seccomp_table(size_t *ret_count);

#define SECCOMP_ELSEWHERE 1 /* the call exists, but not on this processor */
#define SECCOMP_NO_SUCH_CALL 2
/* The number of the call `name` there: 0, or one of the two above. */
rr_checked int seccomp_number(const struct seccomp_machine *machine, const char *name,
			      int *ret_number);

/* True for the calls that libseccomp may be too old to know by number. */
bool seccomp_is_newer(const char *name);

/* Makes *policy the rules of the table up to `level`. */
void seccomp_policy_init(struct seccomp_policy *policy, enum seccomp_level level);

/* Turns every refusal into a record in the log. */
void seccomp_policy_log_only(struct seccomp_policy *policy);

#define SECCOMP_RULED_BEFORE 1 /* by the file itself, in line *ret_line */
#define SECCOMP_FULL 2
/* Replaces every rule on the call `name` by one verdict for any arguments: 0, or one of the two. */
rr_checked int seccomp_policy_set(struct seccomp_policy *policy, const char *name,
				  enum seccomp_verdict verdict, unsigned line, unsigned *ret_line);
