/* SPDX-License-Identifier: MIT */
#include "runner/after.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "policy/history.h"
#include "policy/ledger.h"

#define LOCK_WAIT_NS (10 * RR_NS_PER_S)

/* The newest end of a job, by id or name; of one that was tried again, that of its last try. */
struct ending {
	const char *job;
	bool found, succeeded;
	char first_id[LEDGER_ID_SIZE]; /* of its first try, where the job is that id; else "" */
};

static bool is_text(const json_t *record, const char *name, const char *text)
{
	const char *value = json_string_value(json_object_get(record, name));

	return value && strcmp(value, text) == 0;
}

static int note_ending(json_t *record, void *arg)
{
	struct ending *ending = arg;
	const json_t *exit = json_object_get(record, "exit");
	const char *first_id = json_string_value(json_object_get(record, "first_job_id"));
	bool by_id = is_text(record, "job_id", ending->job);

	if (!by_id && !is_text(record, "name", ending->job) &&
	    !is_text(record, "first_job_id", ending->job))
		return 0;
	ending->found = true;
	ending->succeeded = is_text(exit, "reason", "exited") &&
			    json_integer_value(json_object_get(exit, "code")) == 0;
	if (by_id && first_id)
		(void)snprintf(ending->first_id, sizeof(ending->first_id), "%s", first_id);
	return 0;
}

/* True while a job of that id or name waits or runs; our own ticket is not meant. *ret: its ticket.
 */
static bool is_active(struct ledger *ledger, const struct plan *plan, const char *job,
		      struct ledger_ticket *ret)
{
	size_t n;
	const struct ledger_ticket *tickets = ledger_tickets(ledger, &n);

	for (size_t i = 0; i < n; i++) {
		struct ledger_detail detail;

		if (tickets[i].state == TICKET_FREE || strcmp(tickets[i].id, plan->job_id) == 0)
			continue;
		ledger_read_detail(ledger, i, &detail);
		*ret = tickets[i];
		if ((strcmp(tickets[i].id, job) == 0 || strcmp(detail.name, job) == 0 ||
		     strcmp(ledger_first_id(&tickets[i], &detail), job) == 0) &&
		    ledger_is_alive(ledger, i))
			return true;
	}
	return false;
}

static int look_active(const struct plan *plan, const char *job, bool *ret,
		       struct ledger_ticket *ret_ticket, struct rr_err *err)
{
	auto_ledger struct ledger *ledger = NULL;
	int r = ledger_open_to_read(plan->paths.ledger, plan->paths.shared, &ledger, err);

	if (r == 0)
		r = ledger_lock(ledger, LOCK_WAIT_NS, err);
	if (r != 0)
		return r > 0 ? -EBUSY : r;
	*ret = is_active(ledger, plan, job, ret_ticket);
	ledger_unlock(ledger);
	return 0;
}

/* AFTER_WAIT, 0 with what the history has, or -errno. */
static int look_for(struct after *after, const struct plan *plan, struct ending *ret,
		    struct rr_err *err)
{
	bool active;
	size_t torn;
	int r = look_active(plan, ret->job, &active, &after->on, err);

	if (r == 0 && active)
		return AFTER_WAIT;
	return r < 0 ? r
		     : history_each_with(plan->paths.state, ret->job, note_ending, ret, &torn, err);
}

/* One job. `must_succeed`: --after; else --after-any. */
static int look_one(struct after *after, const struct plan *plan, const char *job,
		    bool must_succeed, struct rr_err *err)
{
	struct ending ending = { .job = job }, whole = { .job = ending.first_id };
	int r = look_for(after, plan, &ending, err);

	/* The id of a further try: its job may go on, or have ended later. */
	if (r == 0 && *ending.first_id && strcmp(ending.first_id, job) != 0) {
		r = look_for(after, plan, &whole, err);
		ending.succeeded = whole.succeeded;
	}
	if (r != 0)
		return r;
	if (!ending.found)
		return rr_err_set(
			err, ENOENT,
			"--%s: there is no job '%s', neither active nor in the history",
			setting_specs[must_succeed ? SET_AFTER : SET_AFTER_ANY].long_option, job);
	if (must_succeed && !ending.succeeded) {
		(void)rr_err_set(err, ECANCELED, "--after: job '%s' did not succeed", job);
		return AFTER_FAILED;
	}
	return 0;
}

int after_look(struct after *after, const struct plan *plan, char *words, size_t size,
	       struct rr_err *err)
{
	static const enum setting_id lists[] = { SET_AFTER, SET_AFTER_ANY };

	if (after->done)
		return 0;
	for (size_t i = 0; i < 2; i++) {
		char *const *job = settings_list(&plan->settings, lists[i]);

		for (; *job; job++) {
			int r = look_one(after, plan, *job, lists[i] == SET_AFTER, err);

			if (r == AFTER_WAIT)
				(void)snprintf(words, size, "job '%s' to end", *job);
			if (r != 0)
				return r;
		}
	}
	after->done = true;
	return 0;
}
