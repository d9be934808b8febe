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
	bool prefix; /* wanted may be the beginning of an id */
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

static int find(struct search *search, struct rr_err *err)
{
	const struct index_filter ways[] = {
		{ .job_id = search->wanted, .limit = 1 },
		{ .name = search->wanted, .limit = 1 },
		{ .job_prefix = search->wanted },
	};
	int r = 0;

	for (size_t i = 0; r == 0 && !search->record && i < (search->prefix ? 3 : 2); i++)
		r = index_each(search->index, &ways[i], take, search, err);
	return r;
}

/* A further try that was not let in, or could not be started, says nothing of how the job ended. */
static bool says_nothing(const struct index_run *run)
{
	return run->reason && (strcmp(run->reason, "not-admitted") == 0 ||
			       strcmp(run->reason, "not-started") == 0);
}

static int take_last(const struct index_run *run, void *arg)
{
	struct search *search = arg;

	if (search->record && says_nothing(run))
		return 0;
	json_decref(search->record);
	search->record = NULL;
	return take(run, search);
}

static int find_last(struct search *search, struct rr_err *err)
{
	return index_each(search->index, &(struct index_filter){ .first_id = search->wanted },
			  take_last, search, err);
}

const char *ended_first_id(const json_t *record)
{
	const char *first_id = json_string_value(json_object_get(record, "first_job_id"));

	/* Of before it was noted. */
	return first_id ? first_id : json_string_value(json_object_get(record, "job_id"));
}

/* ---- opening the index for it ---- */

static int search_index(const char *state_dir, struct search *search,
			int (*find_in)(struct search *search, struct rr_err *err), json_t **ret,
			struct rr_err *err)
{
	index_auto struct index *index = NULL;
	int r = index_open(state_dir, false, &index, err);

	search->index = index;
	search->err = err;
	if (r == 0)
		r = find_in(search, err);
	if (r == 0 && search->damaged)
		r = rr_err_set(err, EIO,
			       "the record of job %s has changed since it was indexed: resrunctl "
			       "history --rebuild reads the history anew",
			       search->id);
	if (r < 0) {
		json_decref(search->record);
		return r;
	}
	*ret = search->record;
	return 0;
}

int ended_find(const char *state_dir, const char *wanted, bool prefix, json_t **ret,
	       struct rr_err *err)
{
	struct search search = { .wanted = wanted, .prefix = prefix };

	return search_index(state_dir, &search, find, ret, err);
}

int ended_find_last(const char *state_dir, const char *first_id, json_t **ret, struct rr_err *err)
{
	struct search search = { .wanted = first_id };

	return search_index(state_dir, &search, find_last, ret, err);
}
