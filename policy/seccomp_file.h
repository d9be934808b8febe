/* SPDX-License-Identifier: MIT */
/*
 * Policy files, the FILE of --seccomp. A line at a time; blanks separate, # begins a comment:
 *
 *	base baseline          or strict, or none; once, before every rule. Without it: baseline
 *	allow NAME...          lifts what the base says of these calls
 *	deny NAME...           fails with EPERM: not permitted
 *	enosys NAME...         fails with ENOSYS: as on a kernel that does not have the call
 *	log NAME...            allowed, with a line in the kernel log
 *	kill NAME...           ends the process with SIGSYS
 *
 * NAME is a system call; a rule replaces all that the base has on it and holds for any arguments. A
 * call of another processor is accepted and means nothing. Two rules on one call are an error, as
 * are refusals of execve, exit_group and rt_sigreturn. Whatever the base: calls of another
 *processor kill, and numbers that resrun does not know are ENOSYS.
 */
#pragma once

#include <stddef.h>

#include "base/err.h"
#include "policy/seccomp_rules.h"

#define SECCOMP_FILE_MAX 65536

/*
 * Reads the text into *policy. `file` stands in front of every complaint. The text is cut up in
 * place, and the policy borrows its names: it must outlive it. 0, -EINVAL or -E2BIG.
 */
rr_checked int seccomp_file_parse(const char *file, char *text,
				  const struct seccomp_machine *machine,
				  struct seccomp_policy *policy, struct rr_err *err);

/* Reads the file, which only root or this user can have written. *ret_text is freed by the caller,
 * after the last use of the policy. 0 or -errno. */
rr_checked int seccomp_file_read(const char *path, const struct seccomp_machine *machine,
				 struct seccomp_policy *policy, char **ret_text,
				 struct rr_err *err);
