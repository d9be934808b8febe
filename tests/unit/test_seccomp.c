/* SPDX-License-Identifier: MIT */
/*
 * The filters as tables: (processor, call, arguments) -> action, run through an interpreter of the
 * kernel's filter language; rows made from the rules themselves and rows written by hand.
 */
#include "seccomp_bpf.h"
#include "seccomp_world.h"

#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>

#define HIGH (UINT64_C(0xdeadbeef) << 32)
#define X32 0x40000000u
#define RANDOM_ROUNDS 300000

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
	};

	return cmocka_run_group_tests(tests, make_programs, free_programs);
}
