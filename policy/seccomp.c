/* SPDX-License-Identifier: MIT */
#include "policy/seccomp.h"

#include <errno.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fd.h"
#include "policy/seccomp_build.h"
#include "policy/seccomp_file.h"
#include "policy/seccomp_rules.h"

void seccomp_free(struct seccomp_program *program)
{
	free(program);
}

void seccomp_done(struct seccomp_program **slot)
{
	int saved = errno;

	seccomp_free(*slot);
	errno = saved;
}

/* Rules for the word, or from the file of that name; *ret_text is what they borrow from. */
static int choose_policy(const char *word, const struct seccomp_machine *machine,
			 struct seccomp_policy *policy, char **ret_text, struct rr_err *err)
{
	if (strcmp(word, "baseline") == 0) {
		seccomp_policy_init(policy, SECCOMP_BASELINE);
	} else if (strcmp(word, "strict") == 0) {
		seccomp_policy_init(policy, SECCOMP_STRICT);
	} else if (strcmp(word, "log") == 0) {
		seccomp_policy_init(policy, SECCOMP_BASELINE);
		seccomp_policy_log_only(policy);
	} else {
		return seccomp_file_read(word, machine, policy, ret_text, err);
	}
	return 0;
}

static bool policy_uses(const struct seccomp_policy *policy, enum seccomp_verdict verdict)
{
	if (policy->foreign == verdict || policy->unknown == verdict)
		return true;
	for (size_t i = 0; i < policy->count; i++)
		if (policy->rules[i].verdict == verdict)
			return true;
	return false;
}

/* Better here, with words and before anything is taken, than in the child. */
static int ask_kernel(const struct seccomp_policy *policy, struct rr_err *err)
{
	static const struct {
		enum seccomp_verdict verdict;
		const char *name;
	} actions[] = { { SECCOMP_DENY, "errno" },
			{ SECCOMP_LOG, "log" },
			{ SECCOMP_KILL, "kill_process" } };

	for (size_t i = 0; i < sizeof(actions) / sizeof(actions[0]); i++) {
		uint32_t action = seccomp_action(actions[i].verdict) & SECCOMP_RET_ACTION_FULL;

		if (!policy_uses(policy, actions[i].verdict))
			continue;
		if (syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0UL, &action) < 0)
			return rr_err_sys(err, errno,
					  "no system-call filter with the action '%s' to be had "
					  "here (an old kernel, or a container forbids it): use "
					  "--seccomp=off",
					  actions[i].name);
	}
	return 0;
}

/* "baseline: 60 rules (modules boot ...)": the groups are neighbours in the list. */
static void write_words(struct seccomp_program *program, const char *word,
			const struct seccomp_policy *policy)
{
	const char *group = "";
	size_t used;

	(void)snprintf(program->words, sizeof(program->words), "%s: %zu rules (", word,
		       policy->count);
	for (size_t i = 0; i < policy->count; i++) {
		if (strcmp(policy->rules[i].group, group) == 0)
			continue;
		used = strlen(program->words);
		(void)snprintf(program->words + used, sizeof(program->words) - used, "%s%s",
			       *group ? " " : "", policy->rules[i].group);
		group = policy->rules[i].group;
	}
	used = strlen(program->words);
	(void)snprintf(program->words + used, sizeof(program->words) - used, ")");
}

static int prepare(const char *word, struct seccomp_policy *policy, struct seccomp_program **ret,
		   struct rr_err *err)
{
	const struct seccomp_machine *machine = seccomp_machine_find(seccomp_arch_native());
	seccomp_auto struct seccomp_program *program = NULL;
	rr_autofree char *text = NULL;
	int r;

	if (!machine)
		return rr_err_set(err, ENOTSUP,
				  "seccomp policies are made for x86_64 and aarch64, not for this "
				  "processor: use --seccomp=off");
	r = choose_policy(word, machine, policy, &text, err);
	if (r == 0)
		r = ask_kernel(policy, err);
	if (r == 0)
		r = seccomp_build(policy, machine, &program, err);
	if (r < 0)
		return r;
	write_words(program, word, policy);
	*ret = rr_ptr_take(&program);
	return 0;
}

int seccomp_prepare(const char *policy, struct seccomp_program **ret, struct rr_err *err)
{
	rr_autofree struct seccomp_policy *rules = NULL;

	if (strcmp(policy, "off") == 0) {
		*ret = NULL;
		return 0;
	}
	rules = malloc(sizeof(*rules));
	if (!rules)
		return rr_err_sys(err, ENOMEM, "seccomp policy '%s'", policy);
	return prepare(policy, rules, ret, err);
}

/*
 * SPEC_ALLOW: up to Linux 5.15 a filter otherwise costs the job a guard against speculative reads,
 * several per cent of its speed, that matters only where hostile code shares a process with
 * secrets.
 */
int seccomp_install(const struct seccomp_program *program)
{
	if (!program)
		return 0;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1UL, 0UL, 0UL, 0UL) < 0)
		return -errno;
	if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_SPEC_ALLOW,
		    &program->bpf) == 0)
		return 0;
	/* Before Linux 4.17 the flag is not known; any other refusal is the same without it. */
	if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0UL, &program->bpf) < 0)
		return -errno;
	return 0;
}

bool seccomp_sets_no_new_privs(const struct seccomp_program *program)
{
	return program && prctl(PR_GET_NO_NEW_PRIVS, 0UL, 0UL, 0UL, 0UL) == 0;
}

const char *seccomp_words(const struct seccomp_program *program)
{
	return program ? program->words : "off";
}
