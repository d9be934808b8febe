/* SPDX-License-Identifier: MIT */
#include "policy/seccomp_build.h"

#include <errno.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/fd.h"

/* Holds whatever any policy can ask for: nothing below has to check. */
#define PROLOGUE_MAX (4 + 3 * SECCOMP_GAPS_MAX + 2 * SECCOMP_RULES_MAX)

#define LOW32 UINT64_C(0xffffffff)

/* A failed add leaves a libseccomp filter in no defined state: the slot throws it away whole. */
#define auto_filter __attribute__((cleanup(release_filter)))

static void release_filter(scmp_filter_ctx *slot)
{
	seccomp_release(*slot);
}

uint32_t seccomp_action(enum seccomp_verdict verdict)
{
	switch (verdict) {
	case SECCOMP_ALLOW:
		return SECCOMP_RET_ALLOW;
	case SECCOMP_DENY:
		return SECCOMP_RET_ERRNO | EPERM;
	case SECCOMP_ENOSYS:
		return SECCOMP_RET_ERRNO | ENOSYS;
	case SECCOMP_LOG:
		return SECCOMP_RET_LOG;
	case SECCOMP_KILL:
		break;
	}
	return SECCOMP_RET_KILL_PROCESS;
}

/* Only masked equality: libseccomp compares 64 bits and merges other comparisons wrongly
 * (GHSA-4q85-33p6-j5g6). */
static struct scmp_arg_cmp masked(unsigned arg, uint64_t mask, uint64_t value)
{
	return (struct scmp_arg_cmp){
		.arg = arg, .op = SCMP_CMP_MASKED_EQ, .datum_a = mask, .datum_b = value
	};
}

/* What bit `n` of a test's value stands for: a flag, or a member of a set. */
static struct scmp_arg_cmp one_of(const struct seccomp_test *test, unsigned n)
{
	if (test->match == SECCOMP_IN_SET)
		return masked(test->arg, LOW32, n);
	return masked(test->arg, UINT64_C(1) << n, UINT64_C(1) << n);
}

/* Adds the rule; as many libseccomp rules as its first test has alternatives. */
static int add_rule(scmp_filter_ctx filter, const struct seccomp_rule *rule)
{
	/* libseccomp takes this machine's number, or its stand-in, for any machine's filter. */
	int call = seccomp_syscall_resolve_name(rule->name);
	const struct seccomp_test *first = &rule->tests[0];
	struct scmp_arg_cmp tests[SECCOMP_TESTS_MAX];
	unsigned count = 0;
	int r = 0;

	for (size_t i = 0; i < SECCOMP_TESTS_MAX; i++)
		if (rule->tests[i].match == SECCOMP_IS)
			tests[count++] = masked(rule->tests[i].arg, rule->tests[i].mask,
						rule->tests[i].value);
	if (first->match == SECCOMP_ANY || first->match == SECCOMP_IS)
		return seccomp_rule_add_array(filter, seccomp_action(rule->verdict), call, count,
					      tests);
	for (unsigned n = 0; n < 64 && r == 0; n++) {
		if (!(first->value >> n & 1))
			continue;
		tests[count] = one_of(first, n);
		r = seccomp_rule_add_array(filter, seccomp_action(rule->verdict), call, count + 1,
					   tests);
	}
	return r;
}

/* True for a rule that libseccomp is to compile for this machine. */
static bool is_for_libseccomp(const struct seccomp_rule *rule,
			      const struct seccomp_machine *machine)
{
	int number;

	return rule->verdict != SECCOMP_ALLOW && !seccomp_is_newer(rule->name) &&
	       seccomp_number(machine, rule->name, &number) == 0;
}

static int add_rules(scmp_filter_ctx filter, const struct seccomp_policy *policy,
		     const struct seccomp_machine *machine, struct rr_err *err)
{
	for (size_t i = 0; i < policy->count; i++) {
		int r;

		if (!is_for_libseccomp(&policy->rules[i], machine))
			continue;
		r = add_rule(filter, &policy->rules[i]);
		if (r < 0)
			return rr_err_sys(err, -r, "libseccomp refuses the rule for '%s'",
					  policy->rules[i].name);
	}
	return 0;
}

/* Aims the filter at that machine alone. */
static int set_machine(scmp_filter_ctx filter, const struct seccomp_policy *policy,
		       const struct seccomp_machine *machine)
{
	int r = seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, seccomp_action(policy->foreign));

	if (r == 0 && machine->token != seccomp_arch_native()) {
		r = seccomp_arch_remove(filter, SCMP_ARCH_NATIVE);
		if (r == 0)
			r = seccomp_arch_add(filter, machine->token);
	}
	return r;
}

static int export(scmp_filter_ctx filter, char **ret, size_t *ret_size)
{
	rr_autofd int fd = memfd_create("resrun-seccomp", MFD_CLOEXEC);
	int r;

	if (fd < 0)
		return -errno;
	r = seccomp_export_bpf(filter, fd);
	if (r < 0)
		return r;
	if (lseek(fd, 0, SEEK_SET) < 0)
		return -errno;
	return rr_read_whole(fd, BPF_MAXINSNS * sizeof(struct sock_filter), ret, ret_size);
}

/* The part of libseccomp: *ret is an array of instructions, freed by the caller. */
static int compile_rules(const struct seccomp_policy *policy, const struct seccomp_machine *machine,
			 char **ret, size_t *ret_size, struct rr_err *err)
{
	auto_filter scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
	int r;

	if (!filter)
		return rr_err_set(err, ENOMEM, "libseccomp cannot start a filter");
	r = set_machine(filter, policy, machine);
	if (r < 0)
		return rr_err_sys(err, -r, "libseccomp has no filter for %s", machine->name);
	r = add_rules(filter, policy, machine, err);
	if (r < 0)
		return r;
	r = export(filter, ret, ret_size);
	if (r < 0)
		return rr_err_sys(err, -r, "libseccomp cannot export the filter");
	return 0;
}

struct prologue {
	size_t count;
	struct sock_filter instructions[PROLOGUE_MAX];
};

static void emit(struct prologue *out, struct sock_filter instruction)
{
	out->instructions[out->count++] = instruction;
}

static void emit_load(struct prologue *out, uint32_t offset)
{
	emit(out, (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offset));
}

static void emit_return(struct prologue *out, enum seccomp_verdict verdict)
{
	emit(out, (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, seccomp_action(verdict)));
}

static void emit_jump(struct prologue *out, uint16_t test, uint32_t k, uint8_t if_true,
		      uint8_t if_false)
{
	emit(out, (struct sock_filter)BPF_JUMP((uint16_t)(BPF_JMP | test | BPF_K), k, if_true,
					       if_false));
}

/* Rules on calls that libseccomp may not know: they never test arguments. */
static void emit_newer(struct prologue *out, const struct seccomp_policy *policy,
		       const struct seccomp_machine *machine)
{
	for (size_t i = 0; i < policy->count; i++) {
		const struct seccomp_rule *rule = &policy->rules[i];
		int number;

		if (!seccomp_is_newer(rule->name) ||
		    seccomp_number(machine, rule->name, &number) != 0)
			continue;
		emit_jump(out, BPF_JEQ, (uint32_t)number, 0, 1);
		emit_return(out, rule->verdict);
	}
}

/* Falls through to what follows it for every call that it has no answer to. */
static void write_prologue(struct prologue *out, const struct seccomp_policy *policy,
			   const struct seccomp_machine *machine)
{
	emit_load(out, offsetof(struct seccomp_data, arch));
	emit_jump(out, BPF_JEQ, machine->token, 1, 0);
	emit_return(out, policy->foreign);
	emit_load(out, offsetof(struct seccomp_data, nr));
	for (size_t i = 0; i < SECCOMP_GAPS_MAX && machine->gaps[i].last; i++) {
		emit_jump(out, BPF_JGT, machine->gaps[i].last, 2, 0);
		emit_jump(out, BPF_JGE, machine->gaps[i].first, 0, 1);
		emit_return(out, policy->unknown);
	}
	emit_newer(out, policy, machine);
}

int seccomp_build(const struct seccomp_policy *policy, const struct seccomp_machine *machine,
		  struct seccomp_program **ret, struct rr_err *err)
{
	rr_autofree struct seccomp_program *program = NULL;
	rr_autofree char *rules = NULL;
	struct prologue prologue = { .count = 0 };
	size_t rules_size, count;
	int r = compile_rules(policy, machine, &rules, &rules_size, err);

	if (r < 0)
		return r;
	write_prologue(&prologue, policy, machine);
	count = prologue.count + rules_size / sizeof(struct sock_filter);
	if (count > BPF_MAXINSNS)
		return rr_err_set(err, E2BIG, "a filter of %zu instructions; the kernel takes %d",
				  count, BPF_MAXINSNS);
	program = calloc(1, sizeof(*program) + count * sizeof(struct sock_filter));
	if (!program)
		return rr_err_sys(err, ENOMEM, "a filter of %zu instructions", count);
	memcpy(program->instructions, prologue.instructions,
	       prologue.count * sizeof(struct sock_filter));
	memcpy(program->instructions + prologue.count, rules, rules_size);
	program->bpf.len = (unsigned short)count;
	program->bpf.filter = program->instructions;
	*ret = rr_ptr_take(&program);
	return 0;
}
