/* SPDX-License-Identifier: MIT */
/* Why a job ended: one sentence from its record, with the evidence. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/parse.h"
#include "control/ended.h"
#include "control/show.h"
#include "control/why.h"
#include "policy/pressure.h"

#define ENDING_WORDS_SIZE (WHY_WORDS_SIZE + RR_ERR_TEXT_MAX) /* a message is shown whole */
#define THROTTLED_SHARE 0.25 /* of its time held back by its CPU limit: worth a word */

static double number_of(const json_t *record, const char *part, const char *name)
{
	const json_t *value = json_object_get(json_object_get(record, part), name);

	return json_is_number(value) ? json_number_value(value) : -1;
}

/* What it waited for, as "slot, memory". */
static void waited_words(const json_t *record, char *buf, size_t size)
{
	const json_t *reasons = json_object_get(record, "waited_for"), *reason;
	size_t used = 0, i;

	*buf = '\0';
	json_array_foreach(reasons, i, reason) if (used < size) used += (size_t)snprintf(
		buf + used, size - used, "%s%s", used ? ", " : "", json_string_value(reason));
}

/* ---- the sentence ---- */

/* What a sentence is made of; a number that is not known is negative. */
struct ending {
	const json_t *record;
	double code, signal, wall_s, cpu_s, throttled_s, kills, peak, needed, limit, high;
	double temp_peak, temp_max, timeout_s;
};

static double limit_of(const json_t *record, const char *name)
{
	const json_t *limit = json_object_get(json_object_get(record, "limits"), name);
	const json_t *requested = json_object_get(limit, "requested");

	return json_is_number(requested) ? json_number_value(requested) : -1;
}

static void read_ending(const json_t *record, struct ending *ret)
{
	*ret = (struct ending){
		.record = record,
		.code = number_of(record, "exit", "code"),
		.signal = number_of(record, "exit", "signal"),
		.wall_s = number_of(record, "usage", "wall_s"),
		.cpu_s = number_of(record, "usage", "cpu_s"),
		.throttled_s = number_of(record, "usage", "throttled_s"),
		.kills = number_of(record, "usage", "oom_kills"),
		.peak = number_of(record, "usage", "memory_peak_bytes"),
		.needed = number_of(record, "usage", "memory_working_peak_bytes"),
		.limit = limit_of(record, "memory"),
		.high = limit_of(record, "memory_high"),
		.temp_peak = number_of(record, "usage", "temp_peak_bytes"),
		.temp_max = limit_of(record, "temp"),
		.timeout_s = number_of(record, "exit", "timeout_s"),
	};
}

static const char *bytes_words(double bytes, char buf[static RR_FORMAT_SIZE])
{
	if (bytes < 0)
		(void)snprintf(buf, RR_FORMAT_SIZE, "an unknown amount");
	else
		(void)rr_format_bytes((uint64_t)bytes, buf);
	return buf;
}

/* As the report names them (oom_limit). */
static const char *whose_words(const char *whose)
{
	if (whose && strcmp(whose, "above") == 0)
		return "the limit of a cgroup above it";
	if (whose && strcmp(whose, "below") == 0)
		return "the limit of a cgroup that it made itself";
	if (whose && strcmp(whose, "host") == 0)
		return "the kernel, as the host had no more";
	return "a limit that is not its own";
}

static void say_oom(const struct ending *ending, char *buf, size_t size)
{
	const char *whose = json_string_value(
		json_object_get(json_object_get(ending->record, "exit"), "oom_limit"));
	char peak[RR_FORMAT_SIZE], limit[RR_FORMAT_SIZE], kills[64] = "";

	(void)bytes_words(ending->needed > 0 ? ending->needed : ending->peak, peak);
	if (ending->kills > 0)
		(void)snprintf(kills, sizeof(kills), ", and the kernel counts %.0f kill%s",
			       ending->kills, ending->kills > 1 ? "s" : "");
	/* Records of before the word was kept: a limit of its own is the likely one. */
	if (ending->limit >= 0 && (!whose || strcmp(whose, "own") == 0))
		(void)snprintf(
			buf, size,
			"it was killed for memory after %.1f s: it had taken %s of its limit "
			"of %s%s; a larger -m, or -m auto with --retries, gives it more",
			ending->wall_s, peak, bytes_words(ending->limit, limit), kills);
	else
		(void)snprintf(buf, size,
			       "it was killed for memory after %.1f s, by %s: it had taken %s at "
			       "its peak%s",
			       ending->wall_s, whose_words(whose), peak, kills);
}

static void say_timeout(const struct ending *ending, char *buf, size_t size)
{
	char limit[RR_FORMAT_SIZE] = "";
	int n;

	/* Records of before it was kept. */
	if (ending->timeout_s > 0)
		(void)rr_format_time((uint64_t)(ending->timeout_s * RR_NS_PER_S), limit);
	n = snprintf(buf, size, "it ran for %.1f s, longer than its --timeout%s%s, and was ended",
		     ending->wall_s, *limit ? " of " : "", limit);
	if (ending->cpu_s >= 0 && ending->wall_s > 0 && (size_t)n < size)
		(void)snprintf(buf + n, size - (size_t)n,
			       "; it had used %.1f s of CPU time: it was %s", ending->cpu_s,
			       ending->cpu_s > ending->wall_s / 2 ? "busy"
								  : "waiting for something");
}

static void say_stalled(const struct ending *ending, char *buf, size_t size)
{
	char high[RR_FORMAT_SIZE], peak[RR_FORMAT_SIZE];

	(void)snprintf(buf, size,
		       "it was ended after %.1f s because it stood still: it had taken %s, and was "
		       "held at its memory_high of %s",
		       ending->wall_s, bytes_words(ending->needed, peak),
		       bytes_words(ending->high, high));
}

/* True when that is what it was canceled for: nothing goes beyond it and is let go on. */
static bool is_over_temp(const struct ending *ending)
{
	return ending->temp_max >= 0 && ending->temp_peak > ending->temp_max;
}

/* The last step of on_pressure. */
static bool is_pressed_to_death(const struct ending *ending)
{
	const char *pressed = json_string_value(json_object_get(ending->record, "pressed"));

	return pressed && strcmp(pressed, pressure_step_name(PRESSURE_KILL)) == 0;
}

static void say_canceled(const struct ending *ending, char *buf, size_t size)
{
	char held[RR_FORMAT_SIZE], max[RR_FORMAT_SIZE];

	if (is_pressed_to_death(ending))
		(void)snprintf(buf, size,
			       "it was ended after %.1f s as the host was short of room, and its "
			       "on_pressure says kill",
			       ending->wall_s);
	else if (is_over_temp(ending))
		(void)snprintf(buf, size,
			       "it was ended after %.1f s for its private directory, which held "
			       "%s: more than its temp_max of %s",
			       ending->wall_s, bytes_words(ending->temp_peak, held),
			       bytes_words(ending->temp_max, max));
	else if (ending->wall_s >= 0)
		(void)snprintf(buf, size, "it was canceled after it had run for %.1f s",
			       ending->wall_s);
	else
		(void)snprintf(buf, size, "it was canceled before it started");
}

static void say_lost(const struct ending *ending, char *buf, size_t size)
{
	(void)ending;
	(void)snprintf(buf, size, "its launcher was killed, and nobody saw how it ended");
}

/* What resrun said of one that never started; NULL: nothing, or it is a record of before that was
 * kept. */
static const char *message_of(const struct ending *ending)
{
	return json_string_value(
		json_object_get(json_object_get(ending->record, "exit"), "message"));
}

static void add_message(const struct ending *ending, char *buf, size_t size)
{
	const char *message = message_of(ending);
	size_t used = strlen(buf);

	if (message && used < size)
		(void)snprintf(buf + used, size - used, "; resrun said: %s", message);
}

static void say_not_admitted(const struct ending *ending, char *buf, size_t size)
{
	const json_t *waited = json_object_get(ending->record, "waited_s");
	char reasons[160];

	waited_words(ending->record, reasons, sizeof(reasons));
	/* It may not have waited for anything. */
	if (!*reasons && message_of(ending))
		(void)snprintf(buf, size, "it never started");
	else
		(void)snprintf(buf, size, "it never started: it waited for %s, in vain for %.1f s",
			       *reasons ? reasons : "its turn", json_number_value(waited));
	add_message(ending, buf, size);
}

static void say_not_started(const struct ending *ending, char *buf, size_t size)
{
	const char *what = ending->code == 127	 ? ": there is no such command"
			   : ending->code == 126 ? ": the command cannot be executed"
						 : "";

	(void)snprintf(buf, size, "it never started: exit %.0f of resrun itself%s", ending->code,
		       what);
	add_message(ending, buf, size);
}

static void say_signaled(const struct ending *ending, char *buf, size_t size)
{
	const char *name = ending->signal > 0 ? sigabbrev_np((int)ending->signal) : NULL;

	(void)snprintf(buf, size,
		       "it ended by signal %.0f (SIG%s) after %.1f s, which resrun did "
		       "not send of its own accord",
		       ending->signal, name ? name : "?", ending->wall_s);
}

static void say_exited(const struct ending *ending, char *buf, size_t size)
{
	int n = snprintf(buf, size, "it exited with status %.0f after %.1f s", ending->code,
			 ending->wall_s);

	if (ending->kills > 0 && n > 0 && (size_t)n < size)
		n += snprintf(buf + n, size - (size_t)n,
			      ", when %.0f of its processes had been killed for memory",
			      ending->kills);
	if (ending->throttled_s > ending->wall_s * THROTTLED_SHARE && n > 0 && (size_t)n < size)
		(void)snprintf(buf + n, size - (size_t)n, "; its CPU limit held it back for %.1f s",
			       ending->throttled_s);
}

static const struct {
	const char *reason;
	void (*say)(const struct ending *ending, char *buf, size_t size);
} endings[] = {
	{ "exited", say_exited },
	{ "signaled", say_signaled },
	{ "oom", say_oom },
	{ "timeout", say_timeout },
	{ "stalled", say_stalled },
	{ "canceled", say_canceled },
	{ "lost", say_lost },
	{ "not-admitted", say_not_admitted },
	{ "not-started", say_not_started },
};

/* Why it ended, in one sentence with the evidence. */
static void ending_words(const json_t *record, char *buf, size_t size)
{
	const char *reason =
		json_string_value(json_object_get(json_object_get(record, "exit"), "reason"));
	struct ending ending;

	read_ending(record, &ending);
	for (size_t i = 0; reason && i < sizeof(endings) / sizeof(endings[0]); i++)
		if (strcmp(endings[i].reason, reason) == 0) {
			endings[i].say(&ending, buf, size);
			return;
		}
	(void)snprintf(buf, size, "its record does not say how it ended%s%s",
		       reason ? ", other than: " : "", reason ? reason : "");
}

static int show_ending(const json_t *record, bool json, struct rr_err *err)
{
	const char *id = json_string_value(json_object_get(record, "job_id"));
	char words[ENDING_WORDS_SIZE], line[ENDING_WORDS_SIZE + WHY_WORDS_SIZE];
	json_t *all;

	ending_words(record, words, sizeof(words));
	if (!json) {
		(void)snprintf(line, sizeof(line), "job %s has ended: %s", id ? id : "?", words);
		show_wrapped(0, line);
		return 0;
	}
	all = json_object();
	show_put_count(all, "schema", SHOW_SCHEMA);
	show_put_text(all, "job_id", id);
	show_put_text(all, "state", "ended");
	show_put_text(all, "words", words);
	show_put(all, "gates", json_array());
	return show_json(all, err);
}

int why_show_ended(const struct context *context, const char *wanted, bool prefix, bool json,
		   bool *ret_found, struct rr_err *err)
{
	json_t *record = NULL;
	int r = ended_find(context->paths.state, wanted, prefix, &record, err);

	*ret_found = r == 0 && record;
	if (*ret_found)
		r = show_ending(record, json, err);
	json_decref(record);
	return r;
}
