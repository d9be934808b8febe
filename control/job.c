/* SPDX-License-Identifier: MIT */
#include "control/job.h"

#include <errno.h>
#include <string.h>

#include "control/ended.h"

enum meant { MEANT_NOT, MEANT_BY_PREFIX, MEANT_BY_FIRST, MEANT_BY_NAME, MEANT_BY_ID };

static enum meant is_meant(const struct status_job *job, const char *wanted)
{
	const char *first_id = ledger_first_id(&job->ticket, &job->detail);
	size_t length = strlen(wanted);

	if (strcmp(job->ticket.id, wanted) == 0)
		return MEANT_BY_ID;
	if (strcmp(job->detail.name, wanted) == 0)
		return MEANT_BY_NAME;
	/* By an earlier try, whose job it is. */
	if (strcmp(first_id, wanted) == 0)
		return MEANT_BY_FIRST;
	return strncmp(job->ticket.id, wanted, length) == 0 ||
			       strncmp(first_id, wanted, length) == 0
		       ? MEANT_BY_PREFIX
		       : MEANT_NOT;
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

int job_find_by_try(const struct context *context, const struct status *status, const char *wanted,
		    const struct status_job **ret, struct rr_err *err)
{
	json_t *record = NULL;
	const char *first_id;
	int r = job_find(status, wanted, ret, err);

	if (r < 0 || *ret)
		return r;
	r = ended_find(context->paths.state, wanted, true, &record, err);
	first_id = r == 0 ? ended_first_id(record) : NULL;
	if (first_id)
		r = job_find(status, first_id, ret, err);
	json_decref(record);
	return r;
}
