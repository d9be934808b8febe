/* SPDX-License-Identifier: MIT */
#include "control/dashboard.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/fd.h"
#include "control/show.h"

#define RETRY_SHARE 10 /* of the time at most this part is spent on one that does not answer */
#define RETRY_MOST_NS (60 * RR_NS_PER_S)
#define SECONDS_MAX 1e9

int dashboard_open(const char *url, struct dashboard *ret, struct rr_err *err)
{
	int r;

	*ret = (struct dashboard){ .silent = false };
	r = http_parse_url(url, &ret->url, err);
	if (r < 0) {
		rr_err_prefix(err, "--url");
		return r;
	}
	if (strlen(ret->url.path) <= 1)
		(void)snprintf(ret->url.path, sizeof(ret->url.path), DASHBOARD_PATH);
	return 0;
}

/* ---- its JSON ---- */

static uint64_t get_count(const json_t *object, const char *name)
{
	const json_t *value = json_object_get(object, name);

	return json_is_integer(value) && json_integer_value(value) >= 0
		       ? (uint64_t)json_integer_value(value)
		       : WATCH_UNKNOWN;
}

static double get_percent(const json_t *object, const char *name)
{
	const json_t *value = json_object_get(object, name);

	return json_is_number(value) && json_number_value(value) >= 0 ? json_number_value(value)
								      : -1;
}

/* Others wrote it, and it is shown on terminals. */
static void get_text(const json_t *object, const char *name, char *buf, size_t size)
{
	const char *text = json_string_value(json_object_get(object, name));

	(void)snprintf(buf, size, "%s", text ? text : "");
	for (; *buf; buf++)
		if ((unsigned char)*buf < ' ' || *buf == '\177')
			*buf = '?';
}

static enum watch_from get_from(const json_t *object, const char *name)
{
	const char *text = json_string_value(json_object_get(object, name));

	if (!text)
		return FROM_NOTHING;
	return strcmp(text, "job") == 0 ? FROM_JOB : FROM_PROCESSES;
}

static uint64_t or_zero(uint64_t count)
{
	return count == WATCH_UNKNOWN ? 0 : count;
}

static void parse_target(const json_t *one, struct watch *ret)
{
	double age_s = get_percent(one, "age_s");
	uint64_t pid = or_zero(get_count(one, "pid"));
	char state[16];

	*ret = (struct watch){ .main_pid = pid <= INT32_MAX ? (pid_t)pid : 0 };
	get_text(one, "state", state, sizeof(state));
	ret->ended = strcmp(state, "ended") == 0;
	ret->stopped = strcmp(state, "stopped") == 0;
	ret->age_ns = age_s > 0 && age_s < SECONDS_MAX ? (uint64_t)(age_s * RR_NS_PER_S) : 0;
	get_text(one, "name", ret->name, sizeof(ret->name));
	get_text(one, "job_id", ret->job_id, sizeof(ret->job_id));
	ret->n_processes = or_zero(get_count(one, "processes"));
	ret->threads = or_zero(get_count(one, "threads"));
	ret->cpu_percent = get_percent(one, "cpu_percent");
	ret->memory_bytes = get_count(one, "memory_bytes");
	ret->memory_peak_bytes = get_count(one, "memory_peak_bytes");
	ret->pressure_percent = -1;
	get_text(one, "stage", ret->stage, sizeof(ret->stage));
	ret->stage_from = get_from(one, "stage_from");
	ret->progress_percent = get_percent(one, "progress_percent");
	ret->progress_from = get_from(one, "progress_from");
	get_text(one, "input_path", ret->input, sizeof(ret->input));
	get_text(one, "temp_path", ret->temp, sizeof(ret->temp));
	ret->temp_bytes = get_count(one, "temp_bytes");
	ret->temp_complete = json_is_true(json_object_get(one, "temp_complete"));
}

static void parse_host(const json_t *host, struct status *ret)
{
	uint64_t available = get_count(host, "memory_available_bytes");

	ret->use.value[HEADROOM_CPU] = get_percent(host, "cpu_percent");
	ret->use.value[HEADROOM_MEMORY] = get_percent(host, "memory_percent");
	ret->reading.room.memory_known = available != WATCH_UNKNOWN;
	ret->reading.room.memory_available_bytes = available;
}

int dashboard_parse(const char *body, struct targets *ret, struct status *host, struct rr_err *err)
{
	json_error_t where;
	json_t *answer = json_loads(body, 0, &where);
	const json_t *list = json_object_get(answer, "targets");
	struct targets found = { NULL, 0 };
	struct watch watch;
	int r = 0;

	if (!answer)
		return rr_err_set(err, EBADMSG, "its answer is not JSON: %s", where.text);
	if (json_integer_value(json_object_get(answer, "schema")) != SHOW_SCHEMA ||
	    !json_is_array(list))
		r = rr_err_set(err, EBADMSG, "its answer is not of schema %d", SHOW_SCHEMA);
	for (size_t i = 0; r == 0 && i < json_array_size(list) && i < TARGETS_MAX; i++) {
		parse_target(json_array_get(list, i), &watch);
		r = targets_append(&found, &watch, err);
	}
	if (r == 0) {
		parse_host(json_object_get(json_array_get(list, 0), "host"), host);
		targets_free(ret);
		*ret = found;
	} else {
		targets_free(&found);
	}
	json_decref(answer);
	return r;
}

/* ---- asking ---- */

static int ask(const struct dashboard *dashboard, uint64_t timeout_ns, struct targets *ret,
	       struct status *host, struct rr_err *err)
{
	rr_autofree char *text = NULL;
	char *body = NULL;
	int r = http_get(&dashboard->url, timeout_ns, &text, &body, err);

	return r < 0 ? r : dashboard_parse(body, ret, host, err);
}

bool dashboard_look(struct dashboard *dashboard, uint64_t timeout_ns, struct targets *ret,
		    struct status *host)
{
	uint64_t begun_ns = rr_now_boot_ns(), rest_ns;
	bool was_silent = dashboard->silent;
	struct rr_err err;

	if (was_silent && begun_ns < dashboard->retry_ns)
		return false;
	dashboard->silent = ask(dashboard, timeout_ns, ret, host, &err) < 0;
	if (dashboard->silent && !was_silent)
		show_note("the dashboard does not answer: %s; reading processes instead", err.text);
	if (!dashboard->silent && was_silent)
		show_note("the dashboard answers again");
	rest_ns = (rr_now_boot_ns() - begun_ns) * RETRY_SHARE;
	dashboard->retry_ns =
		rr_now_boot_ns() + (rest_ns < RETRY_MOST_NS ? rest_ns : RETRY_MOST_NS);
	return !dashboard->silent;
}
