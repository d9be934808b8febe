/* SPDX-License-Identifier: MIT */
#include "control/job.h"

#include <errno.h>
#include <string.h>

enum meant { MEANT_NOT, MEANT_BY_PREFIX, MEANT_BY_NAME, MEANT_BY_ID };

static enum meant is_meant(const struct status_job *job, const char *wanted)
{
	if (strcmp(job->ticket.id, wanted) == 0)
		return MEANT_BY_ID;
	if (strcmp(job->detail.name, wanted) == 0)
		return MEANT_BY_NAME;
	return strncmp(job->ticket.id, wanted, strlen(wanted)) == 0 ? MEANT_BY_PREFIX : MEANT_NOT;
}

bool job_is_named(const struct status_job *job, const char *wanted)
{
	return is_meant(job, wanted) >= MEANT_BY_NAME;
}

int job_find(const struct status *status, const char *wanted, const struct status_job **ret,
	     struct rr_err *err)
{
	const struct status_job *found = NULL, *other = NULL;
	enum meant best = MEANT_NOT;

	*ret = NULL;
	for (size_t i = 0; i < status->n_jobs; i++) {
		const struct status_job *job = &status->jobs[i];
		enum meant meant = job->state == JOB_LOST ? MEANT_NOT : is_meant(job, wanted);

		if (meant == MEANT_NOT || meant < best)
			continue;
		other = meant == best ? found : NULL;
		found = job;
		best = meant;
	}
	if (other)
		return rr_err_set(err, EINVAL, "'%s' could be %s or %s: give more of the id",
				  wanted, other->ticket.id, found->ticket.id);
	*ret = found;
	return 0;
}
