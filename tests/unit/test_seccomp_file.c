/* SPDX-License-Identifier: MIT */
/* Policy files: what they may say, what is refused, and whose file is trusted. */
#include "seccomp_bpf.h"
#include "seccomp_world.h"

#include <fcntl.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>

#define X32 0x40000000u
#define OTHER_UID 65533 /* no user's, and not nobody's either */

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
		cmocka_unit_test(test_files_accepted),
		cmocka_unit_test(test_files_cannot_open_other_entries),
		cmocka_unit_test(test_files_refused),
		cmocka_unit_test(test_a_file_of_all_names_is_too_much),
		cmocka_unit_test(test_files_on_disk),
		cmocka_unit_test(test_a_strangers_file_is_refused),
	};

	return cmocka_run_group_tests(tests, make_programs, free_programs);
}
