/* SPDX-License-Identifier: MIT */
#include "control/job.h"

#include <errno.h>
#include <string.h>

static bool is_meant(const struct status_job *job, const char *wanted)
{
	return strncmp(job->ticket.id, wanted, strlen(wanted)) == 0 ||
	       strcmp(job->detail.name, wanted) == 0;
}

int job_find(const struct status *status, const char *wanted, const struct status_job **ret,
	     struct rr_err *err)
{
	*ret = NULL;
	for (size_t i = 0; i < status->n_jobs; i++) {
		const struct status_job *job = &status->jobs[i];

		if (job->state == JOB_LOST || !is_meant(job, wanted))
			continue;
		/* A whole id is never the beginning of another. */
		if (strcmp(job->ticket.id, wanted) == 0) {
			*ret = job;
			return 0;
		}
		if (*ret)
			return rr_err_set(err, EINVAL,
					  "'%s' could be %s or %s: give more of the id", wanted,
					  (*ret)->ticket.id, job->ticket.id);
		*ret = job;
	}
	return 0;
}
