/* SPDX-License-Identifier: MIT */
/* Each gate in the order in which a start passes them, with its number against its threshold. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/parse.h"
#include "control/show.h"
#include "control/why.h"

static struct why_gate *add_gate(struct why_answer *answer, const char *name, bool open)
{
	struct why_gate *gate = &answer->gates[answer->n++];

	*gate = (struct why_gate){ .name = name, .open = open, .value = -1, .threshold = -1 };
	return gate;
}

/* What would open the gate sooner. */
rr_printf(2, 3) static void say_sooner(struct why_gate *gate, const char *fmt, ...)
{
	va_list args;

	if (gate->open)
		return;
	va_start(args, fmt);
	(void)vsnprintf(gate->sooner, sizeof(gate->sooner), fmt, args);
	va_end(args);
}

const char *why_since_words(uint64_t ns, char buf[static RR_FORMAT_SIZE])
{
	return rr_format_time(ns / RR_NS_PER_S * RR_NS_PER_S, buf);
}

/* "a1b2 (pid 77, 'ffmpeg', for 3m)" of those that run in the profile, as far as there is room. */
static void holders_words(const struct status *status, const char *profile, char *buf, size_t size)
{
	size_t used = 0;

	*buf = '\0';
	for (size_t i = 0; i < status->n_jobs && used < size; i++) {
		const struct status_job *job = &status->jobs[i];
		char age[RR_FORMAT_SIZE];

		if (status_is_waiting(job) || job->state == JOB_LOST ||
		    (profile && strcmp(job->profile, profile) != 0))
			continue;
		used += (size_t)snprintf(buf + used, size - used, "%s%s (pid %d, '%.40s', for %s)",
					 used ? ", " : "", job->ticket.id, job->ticket.pid,
					 job->detail.command, why_since_words(job->age_ns, age));
	}
}

/* Who is there longest of those that run in the profile, or in any (NULL). */
static const struct status_job *oldest(const struct status *status, const char *profile)
{
	const struct status_job *found = NULL;

	for (size_t i = 0; i < status->n_jobs; i++) {
		const struct status_job *job = &status->jobs[i];

		if (!status_is_waiting(job) && job->state != JOB_LOST &&
		    (!profile || strcmp(job->profile, profile) == 0) &&
		    (!found || job->age_ns > found->age_ns))
			found = job;
	}
	return found;
}

/* When the slot of that job is likely to be free. */
static void slot_words(const struct status_job *job, char *buf, size_t size)
{
	const struct estimate *estimate = &job->estimate;
	char whole[RR_FORMAT_SIZE], left[RR_FORMAT_SIZE];

	*buf = '\0';
	if (estimate->by == ESTIMATE_PROGRESS)
		(void)snprintf(buf, size, " (in %s, if it goes on as it did)",
			       estimate_time(estimate->left_ns, left));
	else if (estimate->by == ESTIMATE_HISTORY && estimate->longer > 0)
		(void)snprintf(buf, size, " (likely in %s: such runs take %s)",
			       estimate_time(estimate->left_ns, left),
			       rr_format_time(estimate->usual_ns, whole));
	else if (estimate->by == ESTIMATE_HISTORY)
		(void)snprintf(buf, size, " (overdue: such runs take %s)",
			       rr_format_time(estimate->usual_ns, whole));
}

static void ask_queue(const struct status_job *job, struct why_answer *answer)
{
	bool behind = job->answer == QUEUE_BEHIND;
	struct why_gate *gate = add_gate(answer, "order", !behind);

	gate->value = (double)job->position;
	if (behind)
		(void)snprintf(gate->words, sizeof(gate->words),
			       "number %zu of those that wait in profile '%s' (priority %s)",
			       job->position, job->profile, job_priority_name(job));
	else
		(void)snprintf(gate->words, sizeof(gate->words), "first in profile '%s'",
			       job->profile);
	say_sooner(gate,
		   "a --priority above %s, or the end of the %zu before it (resrunctl cancel)",
		   job_priority_name(job), job->position > 0 ? job->position - 1 : 0);
}

static void ask_slot(const struct status *status, const struct status_job *job,
		     struct why_answer *answer)
{
	bool total = job->answer == QUEUE_TOTAL;
	const struct status_job *first = oldest(status, total ? NULL : job->profile);
	char holders[WHY_WORDS_SIZE / 2], likely[120] = "";
	size_t running = 0;
	struct why_gate *gate;

	for (size_t i = 0; i < status->n_jobs; i++)
		running += !status_is_waiting(&status->jobs[i]) &&
			   status->jobs[i].state != JOB_LOST &&
			   strcmp(status->jobs[i].profile, job->profile) == 0;
	gate = add_gate(answer, "slot",
			job->answer != QUEUE_TOTAL && running < job->ticket.lane_max);
	gate->value = (double)running;
	gate->threshold = job->ticket.lane_max;
	holders_words(status, job->answer == QUEUE_TOTAL ? NULL : job->profile, holders,
		      sizeof(holders));
	if (job->answer == QUEUE_TOTAL)
		(void)snprintf(gate->words, sizeof(gate->words),
			       "all profiles together run %u at once: %s", job->ticket.total_max,
			       holders);
	else
		(void)snprintf(gate->words, sizeof(gate->words), "%zu of %u taken%s%s", running,
			       job->ticket.lane_max, *holders ? ": " : "", holders);
	if (first)
		slot_words(first, likely, sizeof(likely));
	say_sooner(gate, "the end of %s%s, or %s above %u",
		   first ? first->ticket.id : "one of them", likely,
		   total ? "[resrun] max_concurrent" : "max_concurrent (-j)",
		   total ? job->ticket.total_max : job->ticket.lane_max);
}

/* The window of the profile; nothing was counted there when it is not known. */
static struct status_lane lane_of(const struct settings *settings, const struct status *status,
				  const char *profile)
{
	struct status_lane lane = { .limit = SHOW_UNKNOWN };

	for (size_t i = 0; i < status->n_lanes; i++)
		if (strcmp(status->lanes[i].profile, profile) == 0)
			lane = status->lanes[i];
	if (lane.limit == SHOW_UNKNOWN && settings_has(settings, SET_RATE_LIMIT)) {
		lane.limit = settings_integer(settings, SET_RATE_LIMIT);
		lane.window_ns = settings_integer(settings, SET_RATE_WINDOW);
	}
	return lane;
}

static void ask_rate(const struct settings *settings, const struct status *status,
		     const struct status_job *job, struct why_answer *answer)
{
	struct status_lane lane = lane_of(settings, status, job->profile);
	char window[RR_FORMAT_SIZE], left[RR_FORMAT_SIZE];
	struct why_gate *gate = add_gate(answer, "rate", job->ticket.blocked != BLOCKED_RATE);

	if (lane.limit == SHOW_UNKNOWN) {
		(void)snprintf(gate->words, sizeof(gate->words), "%s",
			       gate->open ? "no limit is configured"
					  : "full, by a limit of its own command line");
		say_sooner(gate, "a larger rate (-r)");
		return;
	}
	gate->open = lane.starts < lane.limit;
	gate->value = (double)lane.starts;
	gate->threshold = (double)lane.limit;
	(void)snprintf(gate->words, sizeof(gate->words), "%llu of %llu starts in %s%s%s",
		       (unsigned long long)lane.starts, (unsigned long long)lane.limit,
		       rr_format_time(lane.window_ns, window),
		       gate->open ? "" : ": the next is free in ",
		       gate->open ? "" : why_since_words(lane.free_in_ns, left));
	say_sooner(gate, "a rate_limit above %llu, or a rate_window below %s (-r)",
		   (unsigned long long)lane.limit, window);
}

/* Which of the resources a start needs; what it reserves counts as used. */
static void host_words(const struct status *status, int i, struct why_gate *gate)
{
	const struct headroom_verdict *verdict = &status->verdict;
	char wanted[RR_FORMAT_SIZE];
	size_t used = (size_t)snprintf(gate->words, sizeof(gate->words), "%.1f%% of %.1f%%",
				       verdict->value[i], verdict->threshold[i]);

	if (i == HEADROOM_DISK)
		(void)snprintf(gate->words + used, sizeof(gate->words) - used, " on '%s'",
			       status->reading.room.disks[verdict->worst_disk].path);
	if (i == HEADROOM_MEMORY && status->wanted_bytes > 0)
		(void)snprintf(gate->words + used, sizeof(gate->words) - used,
			       ", with the %s that it reserves",
			       rr_format_bytes(status->wanted_bytes, wanted));
}

/* It said at its last look that it lacks room, which by the thresholds that are known here it does
 * not: the host has recovered since, or it has others, of a command line that cannot be read. */
static bool said_otherwise(const struct status *status, const struct status_job *job)
{
	bool closed = false;

	for (int i = 0; i < HEADROOM_N; i++)
		closed |= status->verdict.level[i] == HEADROOM_CRITICAL;
	return job->ticket.blocked == BLOCKED_RESOURCES && !closed;
}

static void ask_host(const struct status *status, const struct status_job *job, bool own,
		     struct why_answer *answer)
{
	const struct headroom_verdict *verdict = &status->verdict;
	bool unseen = said_otherwise(status, job);

	for (int i = 0; i < HEADROOM_N; i++) {
		bool asked = verdict->threshold[i] >= 0 && verdict->threshold[i] < 100;
		struct why_gate *gate =
			add_gate(answer, headroom_name(i), verdict->level[i] != HEADROOM_CRITICAL);

		gate->value = verdict->value[i];
		gate->threshold = asked ? verdict->threshold[i] : -1;
		if (!asked)
			(void)snprintf(gate->words, sizeof(gate->words), "not asked for");
		else if (verdict->value[i] < 0)
			(void)snprintf(gate->words, sizeof(gate->words), "not known here");
		else
			host_words(status, i, gate);
		say_sooner(gate,
			   "less than %.1f%% in use, or a larger %s_threshold (--%s-threshold)",
			   verdict->threshold[i], headroom_name(i), headroom_name(i));
	}
	if (unseen) {
		struct why_gate *gate = add_gate(answer, "room", false);

		(void)snprintf(gate->words, sizeof(gate->words),
			       "at its last look there was too little on the host; %sthere is "
			       "enough now",
			       own ? "" : "by the thresholds that are known here ");
		say_sooner(gate, own ? "nothing: its next look is soon"
				     : "larger thresholds of its own command line or environment");
	}
}

static void ask_dependency(const struct status_job *job, struct why_answer *answer)
{
	struct why_gate *gate =
		add_gate(answer, "dependency", job->ticket.blocked != BLOCKED_DEPENDENCY);
	const char *between = ledger_attempt(&job->detail) > 1
				      ? "the wait between its tries is not over, or "
				      : "";

	(void)snprintf(gate->words, sizeof(gate->words), "%s%s", gate->open ? "" : between,
		       gate->open ? "none" : "a job that it is to come after has not ended");
	say_sooner(gate, *between ? "a shorter backoff" : "the end of that job");
}

void why_ask(const struct context *context, const struct status_job *job, struct status *status,
	     bool own, struct why_answer *ret)
{
	*ret = (struct why_answer){ .n = 0 };
	status_judge(&context->settings, status);
	estimate_all(context, status);
	ask_queue(job, ret);
	ask_slot(status, job, ret);
	ask_rate(&context->settings, status, job, ret);
	ask_host(status, job, own, ret);
	ask_dependency(job, ret);
}
