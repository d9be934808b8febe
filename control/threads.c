/* SPDX-License-Identifier: MIT */
/* `resrunctl threads`: the number of workers that fits now, for make -j and the like. */
#include "policy/threads.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/parse.h"
#include "control/arguments.h"
#include "control/show.h"
#include "control/status.h"
#include "control/verbs.h"

static int parse_wish(const char *memory_per, const char *max, struct threads_wish *ret,
		      struct rr_err *err)
{
	*ret = (struct threads_wish){ .max = THREADS_UNBOUND };
	if (memory_per &&
	    (rr_parse_bytes(memory_per, &ret->memory_per_bytes) < 0 || !ret->memory_per_bytes))
		return rr_err_set(err, EINVAL,
				  "--memory-per: '%s' is not a size such as 512M or 2G",
				  memory_per);
	if (max && (rr_parse_u64(max, &ret->max) < 0 || ret->max == 0))
		return rr_err_set(err, EINVAL, "--max: '%s' is not a number from 1 on", max);
	return 0;
}

/* Whoever asks from inside a job asks for that job: its share was settled when it was let in, and
 * what it and those beside it were promised is not to be taken off again. */
static bool is_inside_job(const struct status *status)
{
	const char *id = getenv("RESRUN_JOB_ID");

	for (size_t i = 0; id && i < status->n_jobs; i++)
		if (!status_is_waiting(&status->jobs[i]) &&
		    strcmp(status->jobs[i].ticket.id, id) == 0)
			return true;
	return false;
}

static json_t *cpu_json(const struct status *status, const struct headroom_reserved *reserved,
			const struct threads_fit *fit)
{
	const struct headroom_reading *reading = &status->reading;
	json_t *json = json_object();

	show_put(json, "cpus", json_real(reading->room.cpus));
	show_put_percent(json, "busy_percent", reading->cpu_known ? reading->cpu_percent : -1);
	show_put_seconds(json, "over_s", status->cpu_over_ns ? status->cpu_over_ns : SHOW_UNKNOWN);
	show_put(json, "reserved_cpus", json_real(reserved->cpus));
	show_put_count(json, "threads", fit->by_cpu);
	return json;
}

static json_t *memory_json(const struct status *status, const struct headroom_reserved *reserved,
			   const struct threads_wish *wish, const struct threads_fit *fit)
{
	json_t *json = json_object();

	show_put_count(json, "per_bytes",
		       wish->memory_per_bytes ? wish->memory_per_bytes : SHOW_UNKNOWN);
	show_put_count(json, "available_bytes",
		       status->reading.room.memory_known ? fit->available_bytes : SHOW_UNKNOWN);
	show_put_count(json, "reserved_bytes", reserved->memory_bytes);
	show_put_count(json, "threads", fit->by_memory);
	return json;
}

static json_t *to_json(const struct status *status, const struct headroom_reserved *reserved,
		       const struct threads_wish *wish, const struct threads_fit *fit)
{
	json_t *json = json_object();

	show_put_count(json, "schema", SHOW_SCHEMA);
	show_put_count(json, "threads", fit->threads);
	show_put_text(json, "bound_by", threads_bound_name(fit->bound));
	show_put(json, "cpu", cpu_json(status, reserved, fit));
	show_put(json, "memory", memory_json(status, reserved, wish, fit));
	show_put_count(json, "max", wish->max);
	return json;
}

int verb_threads(int argc, char **argv, struct rr_err *err)
{
	context_auto struct context context = { 0 };
	status_auto struct status status = { 0 };
	struct headroom_reserved reserved = { 0 };
	const char *memory_per = NULL, *max = NULL;
	bool json = false;
	const struct argument table[] = {
		{ .name = "memory-per",
		  .value = "SIZE",
		  .help = "no more than find SIZE of memory each",
		  .text = &memory_per },
		{ .name = "max", .value = "N", .help = "no more than N", .text = &max },
		{ .name = "json",
		  .help = "print one JSON object, with the ground of each bound",
		  .flag = &json },
		{ .name = NULL },
	};
	struct operands none;
	struct threads_wish wish;
	struct threads_fit fit;
	int r = arguments_parse(argc, argv, "threads [OPTION]...", table, &none, err);

	if (r == 0)
		r = arguments_at_most(&none, 0, err);
	if (r == 0)
		r = parse_wish(memory_per, max, &wish, err);
	if (r == 0)
		r = context_load(NULL, &context, err);
	if (r == 0)
		r = status_read_ledger(&context, &status, err);
	if (r != 0)
		return r < 0 ? r : 0;
	status_read_host(&context, &status);
	if (!is_inside_job(&status))
		reserved = status_reserved(&status);
	threads_fit(&status.reading, &reserved, &wish, &fit);
	if (json)
		return show_json(to_json(&status, &reserved, &wish, &fit), err);
	(void)printf("%llu\n", (unsigned long long)fit.threads);
	return 0;
}
