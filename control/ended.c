/* SPDX-License-Identifier: MIT */
#include "control/ended.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/fd.h"
#include "control/index.h"
#include "policy/ledger.h"

struct search {
	struct index *index;
	char id[LEDGER_ID_SIZE]; /* of what was found last */
	json_t *record;
	bool damaged;
	struct rr_err *err;
	const char *wanted;
};

static int take(const struct index_run *run, void *arg)
{
	struct search *search = arg;
	rr_autofree char *text = index_text(search->index, run);

	if (search->record && run->job_id && strcmp(run->job_id, search->id) != 0)
		return rr_err_set(search->err, EINVAL,
				  "'%s' could be %s or %s: give more of the id", search->wanted,
				  search->id, run->job_id);
	(void)snprintf(search->id, sizeof(search->id), "%s", run->job_id ? run->job_id : "");
	json_decref(search->record);
	search->record = text ? json_loads(text, 0, NULL) : NULL;
	search->damaged = !search->record;
	return 0;
}

static int find(struct search *search, bool prefix, struct rr_err *err)
{
	const struct index_filter ways[] = {
		{ .job_id = search->wanted, .limit = 1 },
		{ .name = search->wanted, .limit = 1 },
		{ .job_prefix = search->wanted },
	};
	int r = 0;

	for (size_t i = 0; r == 0 && !search->record && i < (prefix ? 3 : 2); i++)
		r = index_each(search->index, &ways[i], take, search, err);
	if (r == 0 && search->damaged)
		r = rr_err_set(err, EIO,
			       "the record of job %s has changed since it was indexed: resrunctl "
			       "history --rebuild reads the history anew",
			       search->id);
	return r;
}

int ended_find(const char *state_dir, const char *wanted, bool prefix, json_t **ret,
	       struct rr_err *err)
{
	index_auto struct index *index = NULL;
	struct search search = { .wanted = wanted, .err = err };
	int r = index_open(state_dir, false, &index, err);

	search.index = index;
	if (r == 0)
		r = find(&search, prefix, err);
	if (r < 0) {
		json_decref(search.record);
		return r;
	}
	*ret = search.record;
	return 0;
}
