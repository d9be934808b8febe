/* SPDX-License-Identifier: MIT */
#include "control/status.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/parse.h"
#include "control/arguments.h"
#include "control/show.h"
#include "control/verbs.h"
#include "policy/pressure.h"

#define GIB 1073741824.0

/* ---- what follows from what was read ---- */

bool status_is_waiting(const struct status_job *job)
{
	return job->ticket.state == TICKET_WAITING;
}

size_t status_active(const struct status *status)
{
	size_t n = 0;

	for (size_t i = 0; i < status->n_jobs; i++)
		n += status->jobs[i].state == JOB_RUNNING ||
		     status->jobs[i].state == JOB_STARTING || status->jobs[i].state == JOB_PAUSED;
	return n;
}

bool status_rate_ok(const struct status *status)
{
	for (size_t i = 0; i < status->n_lanes; i++)
		if (status->lanes[i].limit != SHOW_UNKNOWN &&
		    status->lanes[i].starts >= status->lanes[i].limit)
			return false;
	return true;
}

const char *job_state_name(enum job_state state)
{
	static const char *const names[] = { "waiting", "starting", "running", "paused", "lost" };

	return names[state];
}

const char *job_pressed_name(const struct status_job *job)
{
	const struct ledger_ticket *ticket = &job->ticket;

	/* From a file that a newer resrun may have written. */
	if (ticket->state != TICKET_RUNNING || ticket->pressed == PRESSURE_NONE ||
	    ticket->pressed >= PRESSURE_STEPS_N)
		return NULL;
	return pressure_step_name((enum pressure_step)ticket->pressed);
}

const char *job_state_words(const struct status_job *job, char *buf, size_t size)
{
	const char *pressed = job_pressed_name(job);

	(void)snprintf(buf, size, pressed ? "%s (%s)" : "%s", job_state_name(job->state), pressed);
	return buf;
}

const char *priority_name(unsigned priority)
{
	static const char *const names[PRIORITIES_N] = { "low", "normal", "high", "critical" };

	return names[priority];
}

const char *job_priority_name(const struct status_job *job)
{
	return priority_name(job->ticket.priority);
}

const char *status_waits_for(const struct status_job *job)
{
	if (job->state != JOB_WAITING)
		return NULL;
	if (job->answer != QUEUE_TURN)
		return "slot";
	/* It is the first of its lane: what stopped it at its last look. */
	if (job->ticket.blocked == BLOCKED_RATE)
		return "rate";
	return job->ticket.blocked == BLOCKED_RESOURCES ? "resources" : NULL;
}

/* ---- the two lines that other tools of the owner print too: their form is fixed ---- */

static void print_monitor(const struct status *status)
{
	const struct headroom_reading *reading = &status->reading;
	const double *use = status->use.value;

	(void)printf("[Resource Monitor] CPU: ");
	(void)(use[HEADROOM_CPU] < 0 ? printf("unknown") : printf("%.1f%%", use[HEADROOM_CPU]));
	if (reading->room.memory_known)
		(void)printf(", Memory: %.1f%% (%.1fGB used, %.1fGB available)",
			     use[HEADROOM_MEMORY],
			     (double)(reading->room.memory_total_bytes -
				      reading->room.memory_available_bytes) /
				     GIB,
			     (double)reading->room.memory_available_bytes / GIB);
	else
		(void)printf(", Memory: unknown");
	if (reading->room.n_disks > 0)
		(void)printf(", Disk: %.1f%% (%.1fGB free)\n", use[HEADROOM_DISK],
			     (double)reading->room.disks[status->use.worst_disk].free_bytes / GIB);
	else
		(void)printf(", Disk: unknown\n");
}

static void print_manager(const struct status *status)
{
	(void)printf("[Resource Manager] Active operations: %zu, Rate limit OK: %s, "
		     "Resources available: %s\n",
		     status_active(status), status_rate_ok(status) ? "True" : "False",
		     status->verdict.room ? "True" : "False");
}

/* Below the two lines: over what the CPU share was measured. */
static void print_basis(const struct status *status)
{
	char over[RR_FORMAT_SIZE];

	if (status->use.value[HEADROOM_CPU] < 0)
		return;
	if (status->cpu_over_ns)
		(void)printf("CPU use is that of the last %s.\n",
			     rr_format_time(status->cpu_over_ns, over));
	else
		(void)puts("CPU use is that of this moment: threads that want a CPU, per CPU.");
}

/* ---- tables ---- */

static const char *whole_seconds(uint64_t ns, char buf[static RR_FORMAT_SIZE])
{
	return rr_format_time(ns / RR_NS_PER_S * RR_NS_PER_S, buf);
}

static const char *reserved_words(const struct ledger_ticket *ticket, char *buf, size_t size)
{
	char bytes[RR_FORMAT_SIZE], cpus[RR_FORMAT_SIZE];

	(void)rr_format_bytes(ticket->memory_bytes, bytes);
	(void)snprintf(cpus, sizeof(cpus), "%g CPU", ticket->cpu_milli / 1000.0);
	(void)snprintf(buf, size, "%s%s%s", ticket->memory_bytes ? bytes : "",
		       ticket->memory_bytes && ticket->cpu_milli ? ", " : "",
		       ticket->cpu_milli ? cpus : "");
	return buf;
}

static void print_running(const struct status *status)
{
	static const struct show_column columns[] = {
		{ "ID", SHOW_LEFT },	 { "NAME", SHOW_CUT },	{ "PROFILE", SHOW_CUT },
		{ "PID", SHOW_RIGHT },	 { "USER", SHOW_LEFT }, { "STATE", SHOW_LEFT },
		{ "AGE", SHOW_RIGHT },	 { "LEFT", SHOW_LEFT }, { "RESERVED", SHOW_LEFT },
		{ "COMMAND", SHOW_CUT }, { NULL, SHOW_LEFT },
	};
	show_auto_table struct libscols_table *table = show_table(columns);

	for (size_t i = 0; i < status->n_jobs; i++) {
		const struct status_job *job = &status->jobs[i];
		char pid[RR_FORMAT_SIZE], age[RR_FORMAT_SIZE], reserved[2 * RR_FORMAT_SIZE];
		char left[2 * RR_FORMAT_SIZE], state[2 * RR_FORMAT_SIZE];

		if (status_is_waiting(job))
			continue;
		(void)snprintf(pid, sizeof(pid), "%d", job->ticket.pid);
		show_row(table, (const char *const[]){
					job->ticket.id, job->detail.name, job->profile, pid,
					job->user, job_state_words(job, state, sizeof(state)),
					whole_seconds(job->age_ns, age),
					estimate_words(&job->estimate, left, sizeof(left)),
					reserved_words(&job->ticket, reserved, sizeof(reserved)),
					job->detail.command });
	}
	(void)putchar('\n');
	show_print(table, "Running");
}

static const char *why_words(const struct status_job *job)
{
	const char *what = status_waits_for(job);

	if (job->state == JOB_LOST)
		return "lost: its launcher is dead";
	if (job->ticket.blocked == BLOCKED_DEPENDENCY)
		return ledger_attempt(&job->detail) > 1 ? "its next try" : "another job";
	if (!what)
		return "unknown";
	switch (job->answer) {
	case QUEUE_BEHIND:
		return "behind others of its profile";
	case QUEUE_SLOT:
		return "its profile's slots are taken";
	case QUEUE_TOTAL:
		return "the slots of all profiles are taken";
	case QUEUE_TURN:
		break;
	}
	return job->ticket.blocked == BLOCKED_RATE ? "rate" : "room on the host";
}

static void print_waiting(const struct status *status)
{
	static const struct show_column columns[] = {
		{ "POSITION", SHOW_RIGHT }, { "ID", SHOW_LEFT },       { "NAME", SHOW_CUT },
		{ "PROFILE", SHOW_CUT },    { "PRIORITY", SHOW_LEFT }, { "WAITED", SHOW_RIGHT },
		{ "WAITS FOR", SHOW_CUT },  { NULL, SHOW_LEFT },
	};
	show_auto_table struct libscols_table *table = show_table(columns);

	for (size_t i = 0; i < status->n_jobs; i++) {
		const struct status_job *job = &status->jobs[i];
		char position[RR_FORMAT_SIZE] = "", waited[RR_FORMAT_SIZE];

		if (!status_is_waiting(job))
			continue;
		if (job->position)
			(void)snprintf(position, sizeof(position), "%zu", job->position);
		show_row(table, (const char *const[]){ position, job->ticket.id, job->detail.name,
						       job->profile, job_priority_name(job),
						       whole_seconds(job->age_ns, waited),
						       why_words(job) });
	}
	(void)putchar('\n');
	show_print(table, "Waiting");
}

static void print_lanes(const struct status *status)
{
	static const struct show_column columns[] = {
		{ "PROFILE", SHOW_LEFT }, { "STARTS", SHOW_RIGHT },    { "LIMIT", SHOW_RIGHT },
		{ "WINDOW", SHOW_RIGHT }, { "NEXT FREE", SHOW_RIGHT }, { NULL, SHOW_LEFT },
	};
	show_auto_table struct libscols_table *table = show_table(columns);

	for (size_t i = 0; i < status->n_lanes; i++) {
		const struct status_lane *lane = &status->lanes[i];
		char starts[RR_FORMAT_SIZE], limit[RR_FORMAT_SIZE] = "", window[RR_FORMAT_SIZE];
		char wait[RR_FORMAT_SIZE], next[RR_FORMAT_SIZE + 8];

		(void)snprintf(starts, sizeof(starts), "%llu", (unsigned long long)lane->starts);
		if (lane->limit != SHOW_UNKNOWN)
			(void)snprintf(limit, sizeof(limit), "%llu",
				       (unsigned long long)lane->limit);
		if (lane->free_in_ns > 0)
			(void)snprintf(next, sizeof(next), "in %s",
				       whole_seconds(lane->free_in_ns, wait));
		else
			(void)snprintf(next, sizeof(next), "%s", *limit ? "now" : "");
		show_row(table,
			 (const char *const[]){ lane->profile, starts, limit,
						rr_format_time(lane->window_ns, window), next });
	}
	(void)putchar('\n');
	show_print(table, "Rate windows");
}

/* "3m12s"; only seen now: "now"; well, as always: nothing. */
static const char *for_words(const struct status *status, int i, char buf[static RR_FORMAT_SIZE])
{
	uint64_t since_ns = status_since(status, i), now_ns = rr_now_wall_ns();

	*buf = '\0';
	if (since_ns)
		return whole_seconds(now_ns > since_ns ? now_ns - since_ns : 0, buf);
	return status->use.level[i] == HEADROOM_OK ? buf : "now";
}

static void print_levels(const struct status *status)
{
	static const struct show_column columns[] = {
		{ "RESOURCE", SHOW_LEFT },   { "LEVEL", SHOW_LEFT }, { "USE", SHOW_RIGHT },
		{ "THRESHOLD", SHOW_RIGHT }, { "FOR", SHOW_RIGHT },  { NULL, SHOW_LEFT },
	};
	show_auto_table struct libscols_table *table = show_table(columns);

	for (int i = 0; i < HEADROOM_N; i++) {
		char use[RR_FORMAT_SIZE], threshold[RR_FORMAT_SIZE], since[RR_FORMAT_SIZE];

		if (!status_is_judged(status, i))
			continue;
		(void)snprintf(use, sizeof(use), "%.1f%%", status->use.value[i]);
		(void)snprintf(threshold, sizeof(threshold), "%.1f%%", status->use.threshold[i]);
		show_row(table, (const char *const[]){
					headroom_name(i), headroom_level_name(status->use.level[i]),
					use, threshold, for_words(status, i, since) });
	}
	(void)putchar('\n');
	show_print(table, "Thresholds");
}

/* Waiters in the order in which they would start; the rest by age. */
static int compare_jobs(const void *a, const void *b)
{
	const struct status_job *x = a, *y = b;

	if (x->position != y->position)
		return x->position < y->position ? -1 : 1;
	return x->ticket.number < y->ticket.number ? -1 : x->ticket.number > y->ticket.number;
}

int verb_status(int argc, char **argv, struct rr_err *err)
{
	context_auto struct context context = { 0 };
	status_auto struct status status = { 0 };
	bool json = false;
	const struct argument table[] = {
		{ .name = "json", .help = "print one JSON object", .flag = &json },
		{ .name = NULL },
	};
	struct operands none;
	int r = arguments_parse(argc, argv, "status [--json]", table, &none, err);

	if (r == 0)
		r = arguments_at_most(&none, 0, err);
	if (r == 0)
		r = context_load(NULL, &context, err);
	if (r == 0)
		r = status_read_ledger(&context, &status, err);
	if (r != 0)
		return r < 0 ? r : 0;
	estimate_all(&context, &status);
	status_read_host(&context, &status);
	status_judge(&context.settings, &status);
	if (status.n_jobs > 1)
		qsort(status.jobs, status.n_jobs, sizeof(*status.jobs), compare_jobs);
	if (json)
		return show_json(status_to_json(&status), err);
	print_monitor(&status);
	print_manager(&status);
	print_basis(&status);
	print_levels(&status);
	print_running(&status);
	print_waiting(&status);
	print_lanes(&status);
	return 0;
}
