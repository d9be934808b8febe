/* SPDX-License-Identifier: MIT */
/* The filters live: a child loads one and tries; kernels that lack what a filter needs; what is
 * said of it. */
#include "seccomp_world.h"

#include <linux/seccomp.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>

#define X32 0x40000000u
#define OTHER_UID 65533 /* no user's, and not nobody's either */

/* ---- live ---- */

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

int main(void)
{
	const struct CMUnitTest tests[] = {
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
	};

	return cmocka_run_group_tests(tests, make_programs, free_programs);
}
