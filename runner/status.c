/* SPDX-License-Identifier: MIT */
#include "runner/status.h"

#include <stdio.h>
#include <stdlib.h>

#include "runner/signals.h"
#include "runner/tell.h"

struct status status_own(int code)
{
	return (struct status){ .code = code };
}

struct status status_signal(int signo)
{
	return (struct status){ .signal = signo, .interrupted = true };
}

struct status status_of(const struct outcome *outcome)
{
	struct status status = { .from_job = true,
				 .code = outcome->code,
				 .signal = outcome->signal,
				 .interrupted = outcome->reason == EXIT_CANCELED };

	if (outcome->reason == EXIT_TIMEOUT)
		status = (struct status){ .from_job = true, .code = STATUS_TIMEOUT };
	/* Without a cgroup the kill may have met the first process after it had caught it. */
	if (outcome->reason == EXIT_OOM)
		status = (struct status){ .from_job = true, .signal = SIGKILL };
	return status;
}

_Noreturn void status_exit(const struct status *status)
{
	tell_live(NULL);
	if (fflush(stdout) != 0 && status->code == 0 && !status->from_job) {
		tell_error("cannot write to stdout");
		exit(STATUS_FAILED);
	}
	if (status->signal)
		signals_die_of(status->signal);
	exit(status->code);
}
