/* SPDX-License-Identifier: MIT */
/*
 * What --seccomp asks for, from the word to the loaded filter. The program is made in the launcher,
 * where there is room for words and allocation; the child only hands it to the kernel.
 *
 * This confines a job that goes wrong or was tricked; it is not a prison for hostile code. What
 * each policy refuses is the table in policy/seccomp_rules.c, the file format is in
 * policy/seccomp_file.h.
 */
#pragma once

#include <stdbool.h>

#include "base/err.h"

/* A finished filter, owned by whoever prepared it. */
struct seccomp_program;

/* A slot of type struct seccomp_program *, NULL or released when its scope ends. */
#define seccomp_auto __attribute__((cleanup(seccomp_done)))

void seccomp_done(struct seccomp_program **slot);
void seccomp_free(struct seccomp_program *program);

/*
 * Makes the program for `policy`: "off", "baseline", "strict", "log", or the path of a policy file;
 * asks the kernel whether it can enforce it, loads nothing. "off" gives NULL. 0 or -errno and
 * words.
 */
rr_checked int seccomp_prepare(const char *policy, struct seccomp_program **ret,
			       struct rr_err *err);

/*
 * Sets no_new_privs and loads the program into the calling thread: in the child, the last thing
 * before exec. Async-signal-safe, allocates nothing. NULL is "off" and does nothing. 0 or -errno.
 * (The name seccomp_load belongs to libseccomp.)
 */
rr_checked int seccomp_install(const struct seccomp_program *program);

/* True when installing will take sudo, su and other setuid programs from a job that has them now.
 */
bool seccomp_sets_no_new_privs(const struct seccomp_program *program);

/* "baseline: 60 rules (modules boot ...)", for --dry-run and -v; "off" for NULL. */
const char *seccomp_words(const struct seccomp_program *program);
