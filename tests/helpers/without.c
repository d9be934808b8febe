/* SPDX-License-Identifier: MIT */
/*
 * without ERROR CALL[,CALL]... COMMAND [ARG]...: runs COMMAND, and all that it starts, on a kernel
 * that answers those system calls with ERROR (ENOSYS, as one that is too old, or EPERM, as under
 * somebody's filter).
 * Exit status 125: wrong usage, or no filter to be had.
 */
#include <errno.h>
#include <seccomp.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int usage(void)
{
	(void)fputs("usage: without ENOSYS|EPERM CALL[,CALL]... COMMAND [ARG]...\n", stderr);
	return 125;
}

int main(int argc, char **argv)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
	uint32_t answer;
	char *call;

	if (argc < 4 || !filter)
		return usage();
	if (strcmp(argv[1], "ENOSYS") == 0)
		answer = SCMP_ACT_ERRNO(ENOSYS);
	else if (strcmp(argv[1], "EPERM") == 0)
		answer = SCMP_ACT_ERRNO(EPERM);
	else
		return usage();
	for (char *rest = argv[2]; (call = strsep(&rest, ","));) {
		int number = seccomp_syscall_resolve_name(call);

		if (number == __NR_SCMP_ERROR || seccomp_rule_add(filter, answer, number, 0) < 0) {
			(void)fprintf(stderr, "without: no system call '%s' here\n", call);
			return 125;
		}
	}
	/* Set-uid programs keep working where root has no need of no_new_privs. */
	if (geteuid() == 0)
		(void)seccomp_attr_set(filter, SCMP_FLTATR_CTL_NNP, 0);
	if (seccomp_load(filter) < 0) {
		perror("without: seccomp_load");
		return 125;
	}
	seccomp_release(filter);
	(void)execvp(argv[3], argv + 3);
	perror(argv[3]);
	return 127;
}
