/* SPDX-License-Identifier: MIT */
/* For tests of the system-call filters: every policy built for every processor, and a child to try
 * things in. */
#pragma once

#include <errno.h>
#include <seccomp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fd.h"
#include "policy/seccomp.h"
#include "policy/seccomp_build.h"
#include "policy/seccomp_file.h"
#include "policy/seccomp_rules.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

#define ARGS 6

static const char *const words[] = { "baseline", "strict", "log" };
enum { BASELINE, STRICT, LOG, POLICIES };
static const uint32_t tokens[] = { SCMP_ARCH_X86_64, SCMP_ARCH_AARCH64 };
enum { X86_64, AARCH64, MACHINES };

static struct seccomp_policy policies[POLICIES];
static struct seccomp_program *programs[POLICIES][MACHINES];

/* -1: not there. */
static inline int number_on(int machine, const char *name)
{
	int number;

	if (seccomp_number(seccomp_machine_find(tokens[machine]), name, &number) != 0)
		return -1;
	return number;
}

static inline int make_programs(void **state)
{
	struct rr_err err;

	(void)state;
	seccomp_policy_init(&policies[BASELINE], SECCOMP_BASELINE);
	seccomp_policy_init(&policies[STRICT], SECCOMP_STRICT);
	seccomp_policy_init(&policies[LOG], SECCOMP_BASELINE);
	seccomp_policy_log_only(&policies[LOG]);
	for (int p = 0; p < POLICIES; p++)
		for (int m = 0; m < MACHINES; m++)
			if (seccomp_build(&policies[p], seccomp_machine_find(tokens[m]),
					  &programs[p][m], &err) < 0)
				return -1;
	return 0;
}

static inline int free_programs(void **state)
{
	(void)state;
	for (int p = 0; p < POLICIES; p++)
		for (int m = 0; m < MACHINES; m++)
			seccomp_free(programs[p][m]);
	return 0;
}

/* Arguments for which the rule holds by alternative n of its first test; false: there is none. */
static inline bool fill(const struct seccomp_rule *rule, unsigned n, uint64_t garbage,
			uint64_t *args)
{
	const struct seccomp_test *first = &rule->tests[0];
	bool is_plain = first->match == SECCOMP_ANY || first->match == SECCOMP_IS;

	if (is_plain ? n > 0 : !(first->value >> n & 1))
		return false;
	for (size_t i = 0; i < SECCOMP_TESTS_MAX; i++)
		if (rule->tests[i].match == SECCOMP_IS)
			args[rule->tests[i].arg] =
				rule->tests[i].value | (garbage & ~(uint64_t)rule->tests[i].mask);
	if (first->match == SECCOMP_HAS_ANY_BIT)
		args[first->arg] = UINT64_C(1) << n | garbage;
	if (first->match == SECCOMP_IN_SET)
		args[first->arg] = n | garbage;
	return true;
}

/* Exit status of a child that runs `probe`; 256 + signal when it was killed. */
static inline int in_child(int (*probe)(const void *), const void *context)
{
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		/* Some probes reach for the terminal if a rule fails: there is to be none. */
		(void)setsid();
		_exit(probe(context));
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFSIGNALED(status) ? 256 + WTERMSIG(status) : WEXITSTATUS(status);
}

/* RESRUN_MUST names what this machine has to offer: a test that lacks it then fails. */
static inline void skip_for_want_of(const char *what, const char *why)
{
	const char *must = getenv("RESRUN_MUST");

	if (must && strstr(must, what))
		fail_msg("%s", why);
	print_message("%s\n", why);
	skip();
}

static inline void need_seccomp(void)
{
	seccomp_auto struct seccomp_program *program = NULL;
	struct rr_err err;

	if (seccomp_prepare("baseline", &program, &err) < 0)
		skip_for_want_of("seccomp", err.text);
}
