/* SPDX-License-Identifier: MIT */
/* The exit status of resrun: the one table of them, and how a process ends with one. */
#pragma once

#include <stdbool.h>

#include "runner/supervise.h"

enum {
	STATUS_BUSY = 75,
	STATUS_TIMEOUT = 124,
	STATUS_FAILED = 125,
	STATUS_NOT_EXECUTABLE = 126,
	STATUS_NOT_FOUND = 127,
};

struct status {
	int code;
	int signal; /* not 0: we die of it too */
	bool from_job; /* the job's own, or caused by it; else ours, and nothing was run */
	bool interrupted; /* asked to stop: no further try */
};

struct status status_own(int code);
struct status status_signal(int signo);
struct status status_of(const struct outcome *outcome);
_Noreturn void status_exit(const struct status *status);
