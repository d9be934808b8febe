/* SPDX-License-Identifier: MIT */
#include "runner/retry.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/parse.h"
#include "policy/retry_on.h"
#include "runner/events.h"
#include "runner/tell.h"

#define DOUBLINGS_MAX 20 /* then the wait stays as it is */

bool retry_wanted(const struct plan *plan, const struct status *status,
		  const struct outcome *outcome)
{
	return status->from_job && !status->interrupted && (status->code != 0 || status->signal) &&
	       plan->attempt <= settings_integer(&plan->settings, SET_RETRIES) &&
	       retry_on_matches(settings_list(&plan->settings, SET_RETRY_ON), outcome->reason,
				outcome->code, outcome->signal);
}

void retry_with_more(struct plan *plan, const struct outcome *outcome)
{
	const struct limit *memory = &plan->limits.v[LIMIT_MEMORY];
	char before[RR_FORMAT_SIZE], after[RR_FORMAT_SIZE];
	uint64_t bytes = memory->amount;

	/* A limit above it, which the job did not set, is not ours to raise. */
	if (outcome->reason != EXIT_OOM || !memory->asked || outcome->usage.own_ooms == 0)
		return;
	plan_raise_memory(plan);
	if (memory->amount > bytes)
		tell("the next try may use %s of memory instead of %s",
		     rr_format_bytes(memory->amount, after), rr_format_bytes(bytes, before));
	else
		tell("there is no more than the %s of memory that it had already",
		     rr_format_bytes(bytes, before));
}

/* +-25 %: so that jobs which failed together do not come back together. */
static uint64_t jitter(uint64_t wait_ns)
{
	uint32_t random = UINT32_MAX / 2;

	if (getrandom(&random, sizeof(random), GRND_NONBLOCK) != sizeof(random))
		random = (uint32_t)rr_now_wall_ns();
	return wait_ns - wait_ns / 4 + (uint64_t)((double)wait_ns / 2 * random / UINT32_MAX);
}

uint64_t retry_at(const struct plan *plan)
{
	unsigned doublings = plan->attempt - 1 < DOUBLINGS_MAX ? plan->attempt - 1 : DOUBLINGS_MAX;
	uint64_t wait_ns = jitter(settings_integer(&plan->settings, SET_BACKOFF) << doublings);
	char text[RR_FORMAT_SIZE];
	json_t *fields = json_object();

	tell("try %u failed; trying again in %s", plan->attempt, rr_format_time(wait_ns, text));
	(void)json_object_set_new(fields, "attempt", json_integer(plan->attempt));
	(void)json_object_set_new(fields, "backoff_s", json_real((double)wait_ns / RR_NS_PER_S));
	events_put("warning", "job_retrying", fields);
	return rr_time_add(rr_now_boot_ns(), wait_ns);
}

int held_output_open(const struct plan *plan, struct held_output *ret, struct rr_err *err)
{
	char path[] = "/tmp/resrun-output.XXXXXX";

	ret->fd = -1;
	if (!settings_has(&plan->settings, SET_CHRONIC))
		return 0;
	/* On disk, so that much output costs no memory; nameless, so that nothing is left. */
	ret->fd = mkostemp(path, O_CLOEXEC | O_APPEND);
	if (ret->fd >= 0)
		(void)unlink(path);
	else
		ret->fd = memfd_create("resrun-output", MFD_CLOEXEC);
	return ret->fd < 0 ? rr_err_sys(err, errno, "hold back the output (--chronic)") : 0;
}

void held_output_show(struct held_output *held, bool wanted)
{
	char block[65536];
	ssize_t n;

	if (held->fd < 0)
		return;
	if (wanted && lseek(held->fd, 0, SEEK_SET) == 0)
		while ((n = read(held->fd, block, sizeof(block))) > 0)
			if (rr_write_all(STDOUT_FILENO, block, (size_t)n) < 0)
				break;
	rr_fd_close(&held->fd);
}
