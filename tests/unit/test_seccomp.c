/* SPDX-License-Identifier: MIT */
/*
 * The filters as tables: (processor, call, arguments) -> action, run through an interpreter of the
 * kernel's filter language; rows made from the rules themselves and rows written by hand. Then
 * live: a child loads the filter and tries. Then the policy files.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <seccomp.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
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
#define HIGH (UINT64_C(0xdeadbeef) << 32)
#define X32 0x40000000u
#define RANDOM_ROUNDS 300000
#define OTHER_UID 65533 /* no user's, and not nobody's either */

static const char *const words[] = { "baseline", "strict", "log" };
enum { BASELINE, STRICT, LOG, POLICIES };
static const uint32_t tokens[] = { SCMP_ARCH_X86_64, SCMP_ARCH_AARCH64 };
enum { X86_64, AARCH64, MACHINES };

static struct seccomp_policy policies[POLICIES];
static struct seccomp_program *programs[POLICIES][MACHINES];

/* ---- the kernel's side: classic BPF, as far as filters use it ---- */

static uint32_t load(const struct seccomp_data *data, uint32_t offset)
{
	uint32_t value;

	if (offset % 4 || offset + 4 > sizeof(*data))
		fail_msg("load at %u", offset);
	memcpy(&value, (const char *)data + offset, sizeof(value));
	return value;
}

static bool compare(uint16_t test, uint32_t a, uint32_t k)
{
	switch (test) {
	case BPF_JEQ:
		return a == k;
	case BPF_JGT:
		return a > k;
	case BPF_JGE:
		return a >= k;
	case BPF_JSET:
		return a & k;
	default:
		fail_msg("jump %#x", test);
		return false;
	}
}

/* Only what the kernel's own emulator knows as well: what it does not, it runs at every call. */
static uint32_t interpret(const struct sock_fprog *bpf, const struct seccomp_data *data)
{
	uint32_t a = 0;

	for (size_t at = 0; at < bpf->len; at++) {
		const struct sock_filter *in = &bpf->filter[at];

		if (in->code == (BPF_LD | BPF_W | BPF_ABS))
			a = load(data, in->k);
		else if (in->code == (BPF_ALU | BPF_AND | BPF_K))
			a &= in->k;
		else if (in->code == (BPF_JMP | BPF_JA))
			at += in->k;
		else if (BPF_CLASS(in->code) == BPF_JMP && BPF_SRC(in->code) == BPF_K)
			at += compare(BPF_OP(in->code), a, in->k) ? in->jt : in->jf;
		else if (in->code == (BPF_RET | BPF_K))
			return in->k;
		else
			fail_msg("instruction %zu has code %#x", at, in->code);
	}
	fail_msg("ran off the end");
	return 0;
}

static const char *action_name(uint32_t action, char buf[32])
{
	static const enum seccomp_verdict verdicts[] = { SECCOMP_ALLOW, SECCOMP_DENY,
							 SECCOMP_ENOSYS, SECCOMP_LOG,
							 SECCOMP_KILL };
	static const char *const names[] = { "allow", "EPERM", "ENOSYS", "log", "kill" };

	for (size_t i = 0; i < COUNT(verdicts); i++)
		if (seccomp_action(verdicts[i]) == action)
			return names[i];
	(void)snprintf(buf, 32, "%#x", action);
	return buf;
}

static void check(int policy, int machine, const struct seccomp_data *data,
		  enum seccomp_verdict expected, const char *what)
{
	uint32_t action = interpret(&programs[policy][machine]->bpf, data);
	char got[32], wanted[32];

	if (action != seccomp_action(expected))
		fail_msg("%s on %s, %s: arch %#x nr %d args %#llx %#llx %#llx: %s, expected %s",
			 words[policy], machine == X86_64 ? "x86_64" : "aarch64", what, data->arch,
			 data->nr, (unsigned long long)data->args[0],
			 (unsigned long long)data->args[1], (unsigned long long)data->args[2],
			 action_name(action, got), action_name(seccomp_action(expected), wanted));
}

/* ---- what the rules say, worked out the slow way ---- */

static bool holds(const struct seccomp_test *test, const struct seccomp_data *data)
{
	uint32_t low = (uint32_t)data->args[test->arg];

	switch (test->match) {
	case SECCOMP_IS:
		return (low & test->mask) == test->value;
	case SECCOMP_HAS_ANY_BIT:
		return low & test->value;
	case SECCOMP_IN_SET:
		return low < 64 && (test->value >> low & 1);
	default:
		return true;
	}
}

static enum seccomp_verdict expected_verdict(const struct seccomp_policy *policy, int machine,
					     const struct seccomp_data *data)
{
	const struct seccomp_machine *m = seccomp_machine_find(tokens[machine]);
	uint32_t nr = (uint32_t)data->nr;

	if (data->arch != m->token)
		return policy->foreign;
	for (size_t i = 0; i < SECCOMP_GAPS_MAX && m->gaps[i].last; i++)
		if (nr >= m->gaps[i].first && nr <= m->gaps[i].last)
			return policy->unknown;
	for (size_t i = 0; i < policy->count; i++) {
		const struct seccomp_rule *rule = &policy->rules[i];
		int number;

		if (seccomp_number(m, rule->name, &number) == 0 && number == data->nr &&
		    holds(&rule->tests[0], data) && holds(&rule->tests[1], data))
			return rule->verdict;
	}
	return SECCOMP_ALLOW;
}

/* Arguments for which the rule holds by alternative n of its first test; false: there is none. */
static bool fill(const struct seccomp_rule *rule, unsigned n, uint64_t garbage, uint64_t *args)
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

/* -1: not there. */
static int number_on(int machine, const char *name)
{
	int number;

	if (seccomp_number(seccomp_machine_find(tokens[machine]), name, &number) != 0)
		return -1;
	return number;
}

static int make_programs(void **state)
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

static int free_programs(void **state)
{
	(void)state;
	for (int p = 0; p < POLICIES; p++)
		for (int m = 0; m < MACHINES; m++)
			seccomp_free(programs[p][m]);
	return 0;
}

/* ---- the table itself ---- */

static void test_actions_are_the_kernels(void **state)
{
	(void)state;
	assert_int_equal(seccomp_action(SECCOMP_ALLOW), 0x7fff0000);
	assert_int_equal(seccomp_action(SECCOMP_DENY), 0x00050000 | EPERM);
	assert_int_equal(seccomp_action(SECCOMP_ENOSYS), 0x00050000 | ENOSYS);
	assert_int_equal(seccomp_action(SECCOMP_LOG), 0x7ffc0000);
	assert_int_equal(seccomp_action(SECCOMP_KILL), 0x80000000);
}

static void test_every_row_is_sound(void **state)
{
	size_t count;
	const struct seccomp_rule *table = seccomp_table(&count);

	(void)state;
	for (size_t i = 0; i < count; i++) {
		const struct seccomp_rule *rule = &table[i];

		if (number_on(X86_64, rule->name) < 0 && number_on(AARCH64, rule->name) < 0)
			fail_msg("no machine has a call '%s'", rule->name);
		if (seccomp_is_newer(rule->name) && rule->tests[0].match != SECCOMP_ANY)
			fail_msg("'%s': newer calls cannot test arguments", rule->name);
		assert_true(rule->tests[1].match == SECCOMP_ANY ||
			    rule->tests[1].match == SECCOMP_IS);
		assert_true(rule->verdict == SECCOMP_DENY || rule->verdict == SECCOMP_ENOSYS);
		for (size_t t = 0; t < SECCOMP_TESTS_MAX; t++)
			assert_true(rule->tests[t].arg < ARGS);
	}
}

/* Where the library has learned a number in the meantime, it must be ours. */
static void test_newer_numbers_agree_with_libseccomp(void **state)
{
	(void)state;
	for (int nr = 424; nr < 600; nr++) {
		for (int m = 0; m < MACHINES; m++) {
			rr_autofree char *name = seccomp_syscall_resolve_num_arch(tokens[m], nr);

			if (name)
				assert_int_equal(number_on(m, name), nr);
		}
	}
}

/* Written by hand, so that a row that gets lost from the table is missed. */
static const struct required {
	enum seccomp_verdict verdict;
	int policy;
	const char *names;
} required[] = {
	{ SECCOMP_DENY, BASELINE,
	  "init_module finit_module delete_module create_module kexec_load kexec_file_load reboot "
	  "swapon swapoff mount umount2 pivot_root process_vm_readv process_vm_writev pidfd_getfd "
	  "add_key request_key keyctl bpf perf_event_open userfaultfd syslog vhangup settimeofday "
	  "clock_settime clock_adjtime adjtimex acct quotactl quotactl_fd sethostname "
	  "setdomainname iopl ioperm uselib nfsservctl _sysctl" },
	{ SECCOMP_ENOSYS, BASELINE,
	  "open_tree open_tree_attr move_mount fsopen fsconfig fsmount fspick mount_setattr" },
	{ SECCOMP_ENOSYS, STRICT, "clone3 open_tree open_tree_attr fsopen" },
	{ SECCOMP_DENY, STRICT,
	  "setns chroot io_uring_setup io_uring_enter io_uring_register open_by_handle_at kcmp "
	  "modify_ldt mount reboot bpf" },
	{ SECCOMP_ALLOW, BASELINE,
	  "read write open openat openat2 close_range mmap mprotect brk rseq execve execveat fork "
	  "vfork clone clone3 exit_group wait4 waitid kill pidfd_open pidfd_send_signal futex "
	  "futex_wait futex_wake futex_waitv io_uring_setup io_uring_enter io_uring_register "
	  "chroot unshare setns prctl seccomp landlock_create_ruleset personality "
	  "sched_setaffinity setpriority mbind set_mempolicy get_mempolicy move_pages "
	  "memfd_create memfd_secret membarrier statx statmount listmount cachestat fchmodat2 "
	  "mseal setxattrat map_shadow_stack clock_gettime timer_create inotify_init1 "
	  "fanotify_init mknod mknodat socket modify_ldt kcmp open_by_handle_at setuid setresuid "
	  "capset setsid setpgid ioctl ptrace name_to_handle_at" },
	{ SECCOMP_ALLOW, STRICT,
	  "read write openat mmap fork vfork clone unshare futex execve seccomp prctl ioctl ptrace "
	  "mseal cachestat sched_setaffinity set_mempolicy setresuid" },
	{ SECCOMP_LOG, LOG, "mount open_tree open_tree_attr bpf keyctl reboot" },
	{ SECCOMP_ALLOW, LOG, "read clone3 setns io_uring_setup" },
};

static void check_required(const struct required *row, const char *name)
{
	if (number_on(X86_64, name) < 0 && number_on(AARCH64, name) < 0)
		fail_msg("no machine has a call '%s'", name);
	for (int m = 0; m < MACHINES; m++) {
		struct seccomp_data data = { .arch = tokens[m] };

		data.nr = number_on(m, name);
		if (data.nr >= 0)
			check(row->policy, m, &data, row->verdict, name);
	}
}

static void test_required_calls(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(required); i++) {
		char names[1024];
		char *rest = NULL;

		(void)snprintf(names, sizeof(names), "%s", required[i].names);
		for (char *name = strtok_r(names, " ", &rest); name;
		     name = strtok_r(NULL, " ", &rest))
			check_required(&required[i], name);
	}
}

/* ---- rows written by hand ---- */

static const struct row {
	const char *call; /* NULL: nr */
	uint32_t nr;
	uint32_t arch; /* 0: the machine's own */
	uint64_t args[3];
	enum seccomp_verdict in[POLICIES]; /* baseline, strict, log */
} rows[] = {
#define CALL(c, a0, a1, a2, ...)                                                                   \
	{                                                                                          \
		c, 0, 0, { a0, a1, a2 },                                                           \
		{                                                                                  \
			__VA_ARGS__                                                                \
		}                                                                                  \
	}
#define NUMBER(n, ar, ...)                                                                         \
	{                                                                                          \
		NULL, n, ar, { 0 },                                                                \
		{                                                                                  \
			__VA_ARGS__                                                                \
		}                                                                                  \
	}
#define OPEN SECCOMP_ALLOW, SECCOMP_ALLOW, SECCOMP_ALLOW
#define SHUT SECCOMP_DENY, SECCOMP_DENY, SECCOMP_LOG
#define STRICT_ONLY SECCOMP_ALLOW, SECCOMP_DENY, SECCOMP_ALLOW
#define NOT_THERE SECCOMP_ENOSYS, SECCOMP_ENOSYS, SECCOMP_LOG
#define DEADLY SECCOMP_KILL, SECCOMP_KILL, SECCOMP_LOG
	CALL("ioctl", 0, TIOCSTI, 0, SHUT),
	CALL("ioctl", 0, TIOCSTI | UINT64_C(1) << 32, 0, SHUT),
	CALL("ioctl", 0, TIOCSTI | HIGH, 0, SHUT),
	CALL("ioctl", 1, TIOCLINUX, 0, SHUT),
	CALL("ioctl", 1, TIOCLINUX | UINT64_C(1) << 63, 0, SHUT),
	CALL("ioctl", 0, TIOCSTI + 1, 0, OPEN),
	CALL("ioctl", TIOCSTI, TCGETS, TIOCSTI, OPEN),
	CALL("ioctl", 0, TIOCGWINSZ, 0, OPEN),
	CALL("ptrace", PTRACE_TRACEME, 0, 0, OPEN),
	CALL("ptrace", PTRACE_PEEKDATA, 1, 0, OPEN),
	CALL("ptrace", PTRACE_SETOPTIONS, 1, 0, OPEN),
	CALL("ptrace", PTRACE_CONT, PTRACE_ATTACH, 0, OPEN),
	CALL("ptrace", PTRACE_ATTACH | 0x100, 1, 0, OPEN),
	CALL("ptrace", PTRACE_ATTACH, 1, 0, SHUT),
	CALL("ptrace", PTRACE_SEIZE, 1, 0, SHUT),
	CALL("ptrace", PTRACE_SEIZE | UINT64_C(1) << 32, 1, 0, SHUT),
	CALL("clone", SIGCHLD, 0, 0, OPEN),
	CALL("clone", CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD, 0, 0, OPEN),
	CALL("clone", CLONE_VM | CLONE_VFORK | SIGCHLD, 0, 0, OPEN),
	CALL("clone", CLONE_NEWUSER | SIGCHLD, 0, 0, STRICT_ONLY),
	CALL("clone", CLONE_NEWUSER | HIGH, 0, 0, STRICT_ONLY),
	CALL("clone", CLONE_NEWNS, 0, 0, STRICT_ONLY),
	CALL("clone", CLONE_NEWCGROUP, 0, 0, STRICT_ONLY),
	CALL("clone", CLONE_NEWUTS, 0, 0, STRICT_ONLY),
	CALL("clone", CLONE_NEWIPC, 0, 0, STRICT_ONLY),
	CALL("clone", CLONE_NEWPID, 0, 0, STRICT_ONLY),
	CALL("clone", CLONE_NEWNET, 0, 0, STRICT_ONLY),
	CALL("clone", SIGCHLD, CLONE_NEWUSER, CLONE_NEWNS, OPEN),
	/* There the low byte is the signal at exit, not a namespace. */
	CALL("clone", CLONE_NEWTIME, 0, 0, OPEN),
	CALL("unshare", CLONE_NEWTIME, 0, 0, STRICT_ONLY),
	CALL("unshare", CLONE_NEWUSER | CLONE_NEWNS, 0, 0, STRICT_ONLY),
	CALL("unshare", CLONE_FS | CLONE_FILES, 0, 0, OPEN),
	CALL("socket", AF_UNIX, SOCK_STREAM, 0, OPEN),
	CALL("socket", AF_UNIX, SOCK_RAW, 0, OPEN),
	CALL("socket", AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, OPEN),
	CALL("socket", AF_INET6, SOCK_DGRAM, 0, OPEN),
	CALL("socket", AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, 0, OPEN),
	CALL("socket", AF_INET, SOCK_RAW, 1, STRICT_ONLY),
	CALL("socket", AF_INET | HIGH, SOCK_RAW | HIGH | SOCK_CLOEXEC, 1, STRICT_ONLY),
	CALL("socket", AF_INET6, SOCK_RAW | SOCK_NONBLOCK, 58, STRICT_ONLY),
	CALL("socket", AF_INET, 10, 3, STRICT_ONLY),
	CALL("socket", AF_INET, 10 | SOCK_CLOEXEC, 3, STRICT_ONLY),
	CALL("socket", AF_PACKET, SOCK_DGRAM, 0, STRICT_ONLY),
	CALL("socket", AF_PACKET | HIGH, SOCK_RAW, 0, STRICT_ONLY),
	CALL("socket", AF_VSOCK, SOCK_STREAM, 0, STRICT_ONLY),
	CALL("socket", AF_ALG, SOCK_SEQPACKET, 0, STRICT_ONLY),
	CALL("socket", AF_KEY, SOCK_RAW, 0, STRICT_ONLY),
	CALL("socket", AF_BLUETOOTH, SOCK_RAW, 0, STRICT_ONLY),
	CALL("socket", 63, SOCK_RAW, 0, STRICT_ONLY),
	/* No families at all: the kernel says so itself. */
	CALL("socket", AF_UNSPEC, SOCK_RAW, 0, OPEN),
	CALL("socket", AF_INET | 0x100, SOCK_RAW, 0, OPEN),
	CALL("socket", AF_INET | 0x100, 10, 0, OPEN),
	CALL("socket", AF_INET6 | 0x100, SOCK_RAW, 0, OPEN),
	CALL("mknodat", 0, 0, S_IFCHR | 0600, STRICT_ONLY),
	CALL("mknodat", 0, 0, S_IFBLK | 0600, STRICT_ONLY),
	CALL("mknodat", 0, 0, S_IFIFO | 0600, OPEN),
	CALL("mknodat", 0, 0, S_IFSOCK | 0600, OPEN),
	CALL("mknodat", 0, 0, S_IFREG | 0600, OPEN),
	CALL("mknod", 0, S_IFCHR | 0600, 0, STRICT_ONLY),
	CALL("mknod", 0, S_IFBLK | 0600 | HIGH, 0, STRICT_ONLY),
	CALL("mknod", 0, S_IFIFO | 0600, 0, OPEN),
	NUMBER(467, 0, NOT_THERE), /* open_tree_attr */
	NUMBER(9999, 0, NOT_THERE),
	NUMBER(X32, 0, NOT_THERE),
	NUMBER(X32 | 165, 0, NOT_THERE),
	NUMBER(X32 | 514, 0, NOT_THERE),
	NUMBER(INT32_MAX, 0, NOT_THERE),
	NUMBER(0x80000000u, 0, NOT_THERE),
	NUMBER(UINT32_MAX - 1, 0, NOT_THERE),
	NUMBER(UINT32_MAX, 0, OPEN),
	NUMBER(20, SCMP_ARCH_X86, DEADLY),
	NUMBER(21, SCMP_ARCH_X86, DEADLY),
	NUMBER(UINT32_MAX, SCMP_ARCH_X86, DEADLY),
	NUMBER(20, SCMP_ARCH_ARM, DEADLY),
	NUMBER(0, 0xffffffffu, DEADLY),
};

static void check_row(const struct row *row, int policy, int machine)
{
	struct seccomp_data data = { .arch = row->arch ? row->arch : tokens[machine] };

	data.nr = row->call ? number_on(machine, row->call) : (int)row->nr;
	if (row->call && data.nr < 0)
		return;
	memcpy(data.args, row->args, sizeof(row->args));
	check(policy, machine, &data, row->in[policy], row->call ? row->call : "number");
}

static void test_rows_written_by_hand(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		for (int p = 0; p < POLICIES; p++)
			for (int m = 0; m < MACHINES; m++)
				check_row(&rows[i], p, m);
}

/* The first and last number of each stretch that Linux 7.0 has given out. */
static void test_ends_of_the_known_numbers(void **state)
{
	static const struct {
		int machine;
		int first, last;
	} known[] = {
		{ X86_64, 0, 336 },    { X86_64, 424, 471 },  { AARCH64, 0, 243 },
		{ AARCH64, 260, 294 }, { AARCH64, 424, 471 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(known); i++) {
		int m = known[i].machine;
		struct seccomp_data data = { .arch = tokens[m] };

		data.nr = known[i].first;
		check(BASELINE, m, &data, SECCOMP_ALLOW, "first known");
		/* 294 is kexec_file_load: known, and refused as such. */
		data.nr = known[i].last;
		check(BASELINE, m, &data, data.nr == 294 ? SECCOMP_DENY : SECCOMP_ALLOW,
		      "last known");
		data.nr = known[i].last + 1;
		check(BASELINE, m, &data, SECCOMP_ENOSYS, "above");
		data.nr = known[i].first - 1;
		check(BASELINE, m, &data, data.nr < 0 ? SECCOMP_ALLOW : SECCOMP_ENOSYS, "below");
	}
}

/* ---- rows made from the rules ---- */

static void check_rule(const struct seccomp_rule *rule, int policy, int machine)
{
	static const uint64_t garbage[] = { 0, UINT64_C(1) << 32, HIGH };
	int nr = number_on(machine, rule->name);

	for (unsigned n = 0; nr >= 0 && n < 64; n++) {
		for (size_t g = 0; g < COUNT(garbage); g++) {
			struct seccomp_data data = { .nr = nr, .arch = tokens[machine] };

			if (fill(rule, n, garbage[g], (uint64_t *)data.args))
				check(policy, machine, &data, rule->verdict, rule->name);
		}
	}
}

static void test_every_rule_holds(void **state)
{
	(void)state;
	for (int p = 0; p < POLICIES; p++)
		for (int m = 0; m < MACHINES; m++)
			for (size_t i = 0; i < policies[p].count; i++)
				check_rule(&policies[p].rules[i], p, m);
}

/* Nothing but the rules: every number, with arguments that no test looks for. */
static void test_every_number(void **state)
{
	(void)state;
	for (int p = 0; p < POLICIES; p++) {
		for (int m = 0; m < MACHINES; m++) {
			struct seccomp_data data = { .arch = tokens[m] };

			for (data.nr = 0; data.nr < 1024; data.nr++)
				check(p, m, &data, expected_verdict(&policies[p], m, &data),
				      "every number");
		}
	}
}

static uint64_t next_random(void)
{
	static uint64_t seed = 88172645463325252u;

	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed;
}

/* Near the rules: the arguments of one of them, with some bits turned. */
static void randomize(const struct seccomp_policy *policy, int machine, struct seccomp_data *data)
{
	const struct seccomp_rule *rule = &policy->rules[next_random() % policy->count];

	*data = (struct seccomp_data){ .nr = number_on(machine, rule->name),
				       .arch = tokens[machine] };
	if (next_random() % 16 == 0)
		data->nr = (int)(next_random() % 500);
	for (size_t i = 0; i < ARGS; i++)
		data->args[i] = next_random() & (next_random() % 2 ? 0x3f : UINT64_MAX);
	(void)fill(rule, (unsigned)(next_random() % 64), next_random() % 2 ? HIGH : 0,
		   (uint64_t *)data->args);
	for (int turns = (int)(next_random() % 4); turns > 0; turns--)
		data->args[next_random() % 3] ^= UINT64_C(1) << next_random() % 64;
}

static void test_random_arguments(void **state)
{
	(void)state;
	for (int round = 0; round < RANDOM_ROUNDS; round++) {
		int p = (int)(next_random() % POLICIES), m = (int)(next_random() % MACHINES);
		struct seccomp_data data;

		randomize(&policies[p], m, &data);
		check(p, m, &data, expected_verdict(&policies[p], m, &data), "random");
	}
}

/* ---- live ---- */

/* Exit status of a child that runs `probe`; 256 + signal when it was killed. */
static int in_child(int (*probe)(const void *), const void *context)
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
static void skip_for_want_of(const char *what, const char *why)
{
	const char *must = getenv("RESRUN_MUST");

	if (must && strstr(must, what))
		fail_msg("%s", why);
	print_message("%s\n", why);
	skip();
}

static void need_seccomp(void)
{
	seccomp_auto struct seccomp_program *program = NULL;
	struct rr_err err;

	if (seccomp_prepare("baseline", &program, &err) < 0)
		skip_for_want_of("seccomp", err.text);
}

struct live {
	const struct seccomp_program *program;
	const struct seccomp_rule *rule;
	long nr;
	long args[ARGS];
};

static int errno_of(long nr, const long *args)
{
	errno = 0;
	return syscall(nr, args[0], args[1], args[2], args[3], args[4], args[5]) < 0 ? errno : 0;
}

/* -1 in what the rule leaves open: should the filter fail, the kernel refuses it in other words. */
static int probe_rule(const void *context)
{
	const struct live *live = context;
	uint32_t expected = seccomp_action(live->rule->verdict) & SECCOMP_RET_DATA;

	if (seccomp_install(live->program) < 0)
		return 100;
	for (unsigned n = 0; n < 64; n++) {
		uint64_t filled[ARGS];
		long args[ARGS];

		memset(filled, 0xff, sizeof(filled));
		if (!fill(live->rule, n, 0, filled))
			continue;
		memcpy(args, filled, sizeof(args));
		if (errno_of(live->nr, args) != (int)expected)
			return 101;
	}
	return 0;
}

static void check_live_policy(const char *word, const struct seccomp_policy *policy)
{
	const struct seccomp_machine *here = seccomp_machine_find(seccomp_arch_native());
	seccomp_auto struct seccomp_program *program = NULL;
	struct rr_err err;

	assert_int_equal(seccomp_prepare(word, &program, &err), 0);
	for (size_t i = 0; i < policy->count; i++) {
		struct live live = { .program = program, .rule = &policy->rules[i] };
		int number, r;

		if (seccomp_number(here, live.rule->name, &number) != 0)
			continue;
		live.nr = number;
		r = in_child(probe_rule, &live);
		if (r != 0)
			fail_msg("%s: '%s' is not refused as its rule says (%d)", word,
				 live.rule->name, r);
	}
}

static void test_live_every_rule(void **state)
{
	(void)state;
	need_seccomp();
	check_live_policy("baseline", &policies[BASELINE]);
	check_live_policy("strict", &policies[STRICT]);
}

static int probe_errno(const void *context)
{
	const struct live *live = context;

	if (seccomp_install(live->program) < 0)
		return 200;
	return errno_of(live->nr, live->args);
}

static int live_errno(const char *word, long nr, long arg0, long arg1)
{
	seccomp_auto struct seccomp_program *program = NULL;
	struct live live = { .nr = nr, .args = { arg0, arg1 } };
	struct rr_err err;

	assert_int_equal(seccomp_prepare(word, &program, &err), 0);
	live.program = program;
	return in_child(probe_errno, &live);
}

/* Reads nothing, from itself: succeeds wherever it may be called at all. */
static int probe_read_itself(const void *context)
{
	const long args[ARGS] = { getpid() };

	if (seccomp_install(context) < 0)
		return 200;
	return errno_of(SYS_process_vm_readv, args);
}

static int live_read_itself(const char *word)
{
	seccomp_auto struct seccomp_program *program = NULL;
	struct rr_err err;

	assert_int_equal(seccomp_prepare(word, &program, &err), 0);
	return in_child(probe_read_itself, program);
}

static void test_live_by_hand(void **state)
{
	(void)state;
	need_seccomp();
	assert_int_equal(live_errno("baseline", SYS_ioctl, -1, TIOCSTI), EPERM);
	assert_int_equal(live_errno("baseline", SYS_ioctl, -1, TIOCSTI | INT64_C(1) << 32), EPERM);
	assert_int_equal(live_errno("baseline", SYS_ioctl, -1, TIOCLINUX), EPERM);
	assert_int_equal(live_errno("baseline", SYS_ioctl, -1, TCGETS), EBADF);
	assert_int_equal(live_errno("baseline", 9999, 0, 0), ENOSYS);
	assert_int_equal(live_errno("strict", SYS_clone3, -1, -1), ENOSYS);
	assert_int_not_equal(live_errno("baseline", SYS_clone3, -1, -1), ENOSYS);
	assert_int_equal(live_errno("baseline", SYS_ptrace, PTRACE_TRACEME, 0), 0);
	assert_int_equal(live_errno("strict", SYS_unshare, CLONE_FS, 0), 0);
	assert_int_equal(live_read_itself("baseline"), EPERM);
}

/* Recorded, not refused. */
static void test_live_log_and_off_refuse_nothing(void **state)
{
	(void)state;
	need_seccomp();
	assert_int_equal(live_read_itself("log"), 0);
	assert_int_equal(live_read_itself("off"), 0);
}

static void *return_argument(void *argument)
{
	return argument;
}

static int probe_thread_and_fork(const void *context)
{
	pthread_t thread;
	pid_t pid;

	if (seccomp_install(context) < 0)
		return 100;
	if (pthread_create(&thread, NULL, return_argument, NULL) != 0 ||
	    pthread_join(thread, NULL) != 0)
		return 101;
	pid = fork();
	if (pid == 0)
		_exit(0);
	return pid > 0 && waitpid(pid, NULL, 0) == pid ? 0 : 102;
}

static void test_live_threads_start_without_clone3(void **state)
{
	seccomp_auto struct seccomp_program *program = NULL;
	struct rr_err err;

	(void)state;
	need_seccomp();
	assert_int_equal(seccomp_prepare("strict", &program, &err), 0);
	assert_int_equal(in_child(probe_thread_and_fork, program), 0);
}

static int probe_no_new_privs(const void *context)
{
	bool had_them = prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 0;

	if (seccomp_sets_no_new_privs(context) != had_them || seccomp_install(context) < 0)
		return 101;
	if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1)
		return 102;
	return seccomp_sets_no_new_privs(context) ? 103 : 0;
}

/* Whom the kernel lets load nothing without it. */
static int probe_no_new_privs_as_a_user(const void *context)
{
	/* In a user namespace there may be no other user to become. */
	if (geteuid() == 0 && setresuid(OTHER_UID, OTHER_UID, OTHER_UID) < 0)
		return 0;
	return probe_no_new_privs(context);
}

/* Root could do without, and is to have it all the same. */
static void test_live_no_new_privs(void **state)
{
	seccomp_auto struct seccomp_program *program = NULL;
	struct rr_err err;

	(void)state;
	need_seccomp();
	assert_int_equal(seccomp_prepare("baseline", &program, &err), 0);
	assert_int_equal(in_child(probe_no_new_privs, program), 0);
	assert_int_equal(in_child(probe_no_new_privs_as_a_user, program), 0);
}

#if defined(__x86_64__)
static int probe_int80(const void *context)
{
	long result = 20; /* getpid, there */

	if (context && seccomp_install(context) < 0)
		return 100;
	__asm__ volatile("int $0x80" : "+a"(result) : : "memory");
	return 0;
}

static void test_live_other_entries(void **state)
{
	seccomp_auto struct seccomp_program *program = NULL;
	struct rr_err err;

	(void)state;
	need_seccomp();
	assert_int_equal(seccomp_prepare("baseline", &program, &err), 0);
	assert_int_equal(live_errno("baseline", X32 | SYS_getpid, 0, 0), ENOSYS);
	assert_int_equal(live_errno("baseline", X32 | SYS_mount, 0, 0), ENOSYS);
	/* A kernel without 32-bit entry answers SIGSEGV before any filter is asked. */
	if (in_child(probe_int80, NULL) == 0)
		assert_int_equal(in_child(probe_int80, program), 256 + SIGSYS);
}
#else
static void test_live_other_entries(void **state)
{
	(void)state;
	skip();
}
#endif

/* Makes seccomp(2) fail with errnum, as an old kernel or a container does; or only its calls with
 * these flags, when there are any. */
static int hide_seccomp(int errnum, uint32_t flags)
{
	uint32_t refuse = SECCOMP_RET_ERRNO | (uint32_t)errnum;
	struct sock_filter hiding[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_seccomp, 1, 0),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[1])),
		BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, flags, 1, 0),
		BPF_STMT(BPF_RET | BPF_K, flags ? SECCOMP_RET_ALLOW : refuse),
		BPF_STMT(BPF_RET | BPF_K, refuse),
	};
	struct sock_fprog bpf = { COUNT(hiding), hiding };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -errno;
	return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &bpf) < 0 ? -errno : 0;
}

static int probe_without_seccomp(const void *context)
{
	const int *errnum = context;
	struct seccomp_program *program = NULL;
	struct rr_err err;

	if (hide_seccomp(*errnum, 0) < 0)
		return 100;
	if (seccomp_prepare("baseline", &program, &err) != -*errnum || program)
		return 101;
	if (!strstr(err.text, "--seccomp=off") || !strstr(err.text, strerror(*errnum)))
		return 102;
	return seccomp_prepare("off", &program, &err) == 0 && !program ? 0 : 103;
}

static int probe_refused_install(const void *context)
{
	return hide_seccomp(EACCES, 0) == 0 && seccomp_install(context) == -EACCES ? 0 : 101;
}

static void test_live_kernel_without_seccomp(void **state)
{
	static const int errnums[] = { ENOSYS, EPERM, EINVAL };
	seccomp_auto struct seccomp_program *program = NULL;
	struct rr_err err;

	(void)state;
	need_seccomp();
	for (size_t i = 0; i < COUNT(errnums); i++)
		assert_int_equal(in_child(probe_without_seccomp, &errnums[i]), 0);
	assert_int_equal(seccomp_prepare("baseline", &program, &err), 0);
	assert_int_equal(in_child(probe_refused_install, program), 0);
}

static int probe_kernel_without_flag(const void *context)
{
	if (hide_seccomp(EINVAL, SECCOMP_FILTER_FLAG_SPEC_ALLOW) < 0)
		return 100;
	if (seccomp_install(context) < 0)
		return 101;
	return syscall(SYS_ioctl, -1, TIOCSTI, NULL) < 0 && errno == EPERM ? 0 : 102;
}

static void test_live_kernel_without_flag(void **state)
{
	seccomp_auto struct seccomp_program *program = NULL;
	struct rr_err err;

	(void)state;
	need_seccomp();
	assert_int_equal(seccomp_prepare("baseline", &program, &err), 0);
	assert_int_equal(in_child(probe_kernel_without_flag, program), 0);
}

/* ---- the interface ---- */

static void test_off_is_nothing(void **state)
{
	struct seccomp_program unused, *program = &unused;
	int before = prctl(PR_GET_SECCOMP, 0, 0, 0, 0);
	struct rr_err err;

	(void)state;
	assert_int_equal(seccomp_prepare("off", &program, &err), 0);
	assert_null(program);
	assert_int_equal(seccomp_install(NULL), 0);
	assert_false(seccomp_sets_no_new_privs(NULL));
	assert_string_equal(seccomp_words(NULL), "off");
	assert_int_equal(prctl(PR_GET_SECCOMP, 0, 0, 0, 0), before);
}

static void test_words_name_the_groups_once(void **state)
{
	seccomp_auto struct seccomp_program *program = NULL;
	struct rr_err err;
	const char *found;

	(void)state;
	need_seccomp();
	assert_int_equal(seccomp_prepare("strict", &program, &err), 0);
	found = strstr(seccomp_words(program), "mount");
	assert_non_null(found);
	assert_null(strstr(found + 1, "mount"));
	assert_int_equal(strncmp(seccomp_words(program), "strict: ", 8), 0);
	assert_non_null(strstr(seccomp_words(program), "internals)"));
}

/* ---- policy files ---- */

static const struct accepted {
	const char *text;
	const char *call;
	uint64_t arg0, arg1;
	enum seccomp_verdict verdict;
} accepted[] = {
	{ "", "mount", 0, 0, SECCOMP_DENY },
	{ "\n\n# nothing\n   \t# at all", "mount", 0, 0, SECCOMP_DENY },
	{ "base baseline", "mount", 0, 0, SECCOMP_DENY },
	{ "base baseline", "setns", 0, 0, SECCOMP_ALLOW },
	{ "base strict", "setns", 0, 0, SECCOMP_DENY },
	{ "base none", "mount", 0, 0, SECCOMP_ALLOW },
	{ "base none", "read", 0, 0, SECCOMP_ALLOW },
	{ "base none\ndeny mount", "mount", 0, 0, SECCOMP_DENY },
	{ "base none\ndeny mount", "umount2", 0, 0, SECCOMP_ALLOW },
	{ "allow mount", "mount", 0, 0, SECCOMP_ALLOW },
	{ "allow mount", "umount2", 0, 0, SECCOMP_DENY },
	{ "allow ptrace", "ptrace", PTRACE_ATTACH, 0, SECCOMP_ALLOW },
	{ "allow ptrace", "ioctl", 0, TIOCSTI, SECCOMP_DENY },
	{ "deny ioctl", "ioctl", 0, TCGETS, SECCOMP_DENY },
	{ "deny ioctl", "ioctl", 0, TIOCSTI, SECCOMP_DENY },
	{ "kill ioctl", "ioctl", 0, TIOCSTI, SECCOMP_KILL },
	{ "enosys openat2", "openat2", 0, 0, SECCOMP_ENOSYS },
	{ "log mount", "mount", 0, 0, SECCOMP_LOG },
	{ "kill mount", "mount", 0, 0, SECCOMP_KILL },
	{ "log execve", "execve", 0, 0, SECCOMP_LOG },
	{ "base strict\nallow clone3 clone", "clone3", 0, 0, SECCOMP_ALLOW },
	{ "base strict\nallow clone3 clone", "clone", CLONE_NEWUSER, 0, SECCOMP_ALLOW },
	{ "base strict\nallow socket", "socket", AF_PACKET, SOCK_RAW, SECCOMP_ALLOW },
	{ "deny mseal", "mseal", 0, 0, SECCOMP_DENY },
	{ "kill rseq_slice_yield", "rseq_slice_yield", 0, 0, SECCOMP_KILL },
	{ "allow open_tree_attr", "open_tree_attr", 0, 0, SECCOMP_ALLOW },
	{ "deny\tpersonality  sched_setaffinity # both", "personality", 0, 0, SECCOMP_DENY },
	{ "deny\tpersonality  sched_setaffinity # both", "sched_setaffinity", 0, 0, SECCOMP_DENY },
	{ "deny personality\r\nallow bpf\r\n", "personality", 0, 0, SECCOMP_DENY },
	{ "deny personality# close", "personality", 0, 0, SECCOMP_DENY },
	{ "  deny personality\n", "personality", 0, 0, SECCOMP_DENY },
	/* 32-bit only: a file can be the same everywhere. */
	{ "deny vm86 stime umount\nallow vm86old", "mount", 0, 0, SECCOMP_DENY },
};

static int parse(const char *text, struct seccomp_policy *policy, char **ret_copy,
		 struct rr_err *err)
{
	*ret_copy = strdup(text);
	assert_non_null(*ret_copy);
	return seccomp_file_parse("p.conf", *ret_copy, seccomp_machine_find(tokens[X86_64]), policy,
				  err);
}

static void test_files_accepted(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(accepted); i++) {
		const struct accepted *row = &accepted[i];
		struct seccomp_data data = { .arch = tokens[X86_64],
					     .args = { row->arg0, row->arg1 } };
		rr_autofree struct seccomp_program *program = NULL;
		rr_autofree char *copy = NULL;
		struct seccomp_policy policy;
		struct rr_err err;
		char got[32];

		if (parse(row->text, &policy, &copy, &err) != 0 ||
		    seccomp_build(&policy, seccomp_machine_find(tokens[X86_64]), &program, &err))
			fail_msg("'%s': %s", row->text, err.text);
		data.nr = number_on(X86_64, row->call);
		if (interpret(&program->bpf, &data) != seccomp_action(row->verdict))
			fail_msg("'%s': %s: %s", row->text, row->call,
				 action_name(interpret(&program->bpf, &data), got));
	}
}

/* Whatever a file says, the other entries stay shut. */
static void test_files_cannot_open_other_entries(void **state)
{
	const struct seccomp_machine *machine = seccomp_machine_find(tokens[X86_64]);
	struct seccomp_data foreign = { .arch = SCMP_ARCH_X86, .nr = 20 };
	struct seccomp_data x32 = { .arch = tokens[X86_64], .nr = X32 | 39 };
	rr_autofree struct seccomp_program *program = NULL;
	rr_autofree char *copy = NULL;
	struct seccomp_policy policy;
	struct rr_err err;

	(void)state;
	assert_int_equal(parse("base none\nallow getpid\n", &policy, &copy, &err), 0);
	assert_int_equal(seccomp_build(&policy, machine, &program, &err), 0);
	assert_int_equal(interpret(&program->bpf, &foreign), seccomp_action(SECCOMP_KILL));
	assert_int_equal(interpret(&program->bpf, &x32), seccomp_action(SECCOMP_ENOSYS));
}

static const struct refused {
	const char *text;
	const char *words;
} refused[] = {
	{ "dney mount",
	  "p.conf:1: unknown word 'dney': use base, allow, deny, enosys, log or kill" },
	{ "dney", "p.conf:1: unknown word 'dney': use base, allow, deny, enosys, log or kill" },
	{ "DENY mount",
	  "p.conf:1: unknown word 'DENY': use base, allow, deny, enosys, log or kill" },
	{ "\n\ndeny", "p.conf:3: 'deny' names no system call: add one, or remove the line" },
	{ "allow # mount", "p.conf:1: 'allow' names no system call: add one, or remove the line" },
	{ "deny mont", "p.conf:1: unknown system call 'mont': see syscalls(2) for the names" },
	{ "deny mount mont",
	  "p.conf:1: unknown system call 'mont': see syscalls(2) for the names" },
	{ "deny 165", "p.conf:1: unknown system call '165': see syscalls(2) for the names" },
	{ "deny mount,bpf",
	  "p.conf:1: unknown system call 'mount,bpf': see syscalls(2) for the names" },
	{ "# a\ndeny execve",
	  "p.conf:2: 'execve' cannot be refused, no command runs without it: remove it" },
	{ "kill exit_group",
	  "p.conf:1: 'exit_group' cannot be refused, no command runs without it: remove it" },
	{ "enosys rt_sigreturn",
	  "p.conf:1: 'rt_sigreturn' cannot be refused, no command runs without it: remove it" },
	{ "deny mount\nallow bpf mount",
	  "p.conf:2: 'mount' already has a rule in line 1: keep one" },
	{ "deny bpf bpf", "p.conf:1: 'bpf' already has a rule in line 1: keep one" },
	{ "base", "p.conf:1: 'base' takes one word: baseline, strict or none" },
	{ "base strict none", "p.conf:1: 'base' takes one word: baseline, strict or none" },
	{ "base log", "p.conf:1: unknown base 'log': use baseline, strict or none" },
	{ "base none\nbase none",
	  "p.conf:2: 'base' comes once, before every rule: move it to the top" },
	{ "deny mount\nbase strict",
	  "p.conf:2: 'base' comes once, before every rule: move it to the top" },
};

static void test_files_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(refused); i++) {
		rr_autofree char *copy = NULL;
		struct seccomp_policy policy;
		struct rr_err err = { "" };

		assert_int_equal(parse(refused[i].text, &policy, &copy, &err), -EINVAL);
		assert_string_equal(err.text, refused[i].words);
	}
}

/* All the names that libseccomp has, of whatever processor: more than any policy needs. */
static void test_a_file_of_all_names_is_too_much(void **state)
{
	rr_autofree char *text = calloc(1, SECCOMP_FILE_MAX), *copy = NULL;
	struct seccomp_policy policy;
	struct rr_err err = { "" };
	size_t used = 0;

	(void)state;
	for (int nr = -20000; nr < 500; nr++) {
		rr_autofree char *name = seccomp_syscall_resolve_num_arch(tokens[X86_64], nr);

		if (name)
			used += (size_t)snprintf(text + used, SECCOMP_FILE_MAX - used, "log %s\n",
						 name);
	}
	assert_int_equal(parse(text, &policy, &copy, &err), -E2BIG);
	assert_non_null(strstr(err.text, "is one rule too many, at most 448: remove some"));
}

/* What prepare says of a file with this text; of a FIFO when text is NULL; of none without mode. */
static int prepare_file(const char *text, size_t length, mode_t mode, struct rr_err *err)
{
	char directory[] = "/tmp/test_seccomp.XXXXXX", path[64];
	seccomp_auto struct seccomp_program *program = NULL;
	int r;

	assert_non_null(mkdtemp(directory));
	(void)snprintf(path, sizeof(path), "%s/policy", directory);
	if (text) {
		rr_autofd int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

		assert_true(fd >= 0);
		assert_int_equal(rr_write_all(fd, text, length), 0);
		assert_int_equal(fchmod(fd, mode), 0);
	} else if (mode) {
		assert_int_equal(mkfifo(path, mode), 0);
	}
	r = seccomp_prepare(path, &program, err);
	(void)unlink(path);
	assert_int_equal(rmdir(directory), 0);
	return r;
}

static void test_files_on_disk(void **state)
{
	rr_autofree char *large = calloc(1, SECCOMP_FILE_MAX + 1);
	struct rr_err err;

	(void)state;
	need_seccomp();
	memset(large, '\n', SECCOMP_FILE_MAX + 1);
	assert_int_equal(prepare_file("deny mount\n", 11, 0600, &err), 0);
	assert_int_equal(prepare_file("deny mont\n", 10, 0600, &err), -EINVAL);
	assert_non_null(strstr(err.text, "/policy:1: unknown system call 'mont'"));
	assert_int_equal(prepare_file("deny mount\n", 11, 0620, &err), -EPERM);
	assert_non_null(strstr(err.text, "chmod go-w"));
	assert_int_equal(prepare_file("deny mount\n", 11, 0602, &err), -EPERM);
	assert_int_equal(prepare_file("deny\0mount\n", 11, 0600, &err), -EINVAL);
	assert_non_null(strstr(err.text, "NUL"));
	assert_int_equal(prepare_file(large, SECCOMP_FILE_MAX, 0600, &err), 0);
	assert_int_equal(prepare_file(large, SECCOMP_FILE_MAX + 1, 0600, &err), -EFBIG);
	assert_non_null(strstr(err.text, "at most 65536 bytes"));
	assert_int_equal(prepare_file(NULL, 0, 0600, &err), -EINVAL);
	assert_non_null(strstr(err.text, "not a regular file"));
	assert_int_equal(prepare_file(NULL, 0, 0, &err), -ENOENT);
	assert_non_null(strstr(err.text, "is not off, baseline, strict or log"));
}

static void test_a_strangers_file_is_refused(void **state)
{
	char path[] = "/tmp/test_seccomp.XXXXXX";
	rr_autofd int fd = mkostemp(path, O_CLOEXEC);
	struct seccomp_program *program = NULL;
	struct rr_err err;
	int r;

	(void)state;
	assert_true(fd >= 0);
	if (fchown(fd, OTHER_UID, (gid_t)-1) < 0) {
		(void)unlink(path);
		skip_for_want_of("root", "only root can give a file away");
	}
	r = seccomp_prepare(path, &program, &err);
	(void)unlink(path);
	assert_int_equal(r, -EPERM);
	assert_non_null(strstr(err.text, "written by others"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_actions_are_the_kernels),
		cmocka_unit_test(test_every_row_is_sound),
		cmocka_unit_test(test_newer_numbers_agree_with_libseccomp),
		cmocka_unit_test(test_required_calls),
		cmocka_unit_test(test_rows_written_by_hand),
		cmocka_unit_test(test_ends_of_the_known_numbers),
		cmocka_unit_test(test_every_rule_holds),
		cmocka_unit_test(test_every_number),
		cmocka_unit_test(test_random_arguments),
		cmocka_unit_test(test_live_every_rule),
		cmocka_unit_test(test_live_by_hand),
		cmocka_unit_test(test_live_log_and_off_refuse_nothing),
		cmocka_unit_test(test_live_threads_start_without_clone3),
		cmocka_unit_test(test_live_no_new_privs),
		cmocka_unit_test(test_live_other_entries),
		cmocka_unit_test(test_live_kernel_without_seccomp),
		cmocka_unit_test(test_live_kernel_without_flag),
		cmocka_unit_test(test_off_is_nothing),
		cmocka_unit_test(test_words_name_the_groups_once),
		cmocka_unit_test(test_files_accepted),
		cmocka_unit_test(test_files_cannot_open_other_entries),
		cmocka_unit_test(test_files_refused),
		cmocka_unit_test(test_a_file_of_all_names_is_too_much),
		cmocka_unit_test(test_files_on_disk),
		cmocka_unit_test(test_a_strangers_file_is_refused),
	};

	return cmocka_run_group_tests_name("seccomp", tests, make_programs, free_programs);
}
