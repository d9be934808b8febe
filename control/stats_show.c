/* SPDX-License-Identifier: MIT */
#include <stdio.h>

#include "base/clock.h"
#include "base/parse.h"
#include "control/show.h"
#include "control/stats.h"

#define WORDS_SIZE 200
#define MILLI 1000.0
#define DAY_S 86400

enum unit { BYTES, MICROSECONDS, THOUSANDTHS };

static const char *in_words(uint64_t value, enum unit unit, char buf[static RR_FORMAT_SIZE])
{
	switch (unit) {
	case BYTES:
		return rr_format_bytes(value, buf);
	case MICROSECONDS:
		return rr_format_time(value * RR_NS_PER_US, buf);
	case THOUSANDTHS:
		(void)snprintf(buf, RR_FORMAT_SIZE, "%.2f", (double)value / MILLI);
		break;
	}
	return buf;
}

static double success_percent(const struct stats_key *key)
{
	return key->runs > 0 ? 100.0 * (double)key->succeeded / (double)key->runs : -1;
}

static const char *trend_words(const struct trend *trend, char *buf, size_t size)
{
	char first[RR_FORMAT_SIZE], last[RR_FORMAT_SIZE];

	if (trend->direction == TREND_UNKNOWN)
		(void)snprintf(buf, size, "unknown: %zu of the %d successes that it takes",
			       trend->runs, TREND_RUNS_MIN);
	else
		(void)snprintf(buf, size, "%s: from %s to %s over the last %zu successes",
			       trend_name(trend->direction), rr_format_bytes(trend->first, first),
			       rr_format_bytes(trend->last, last), trend->runs);
	return buf;
}

/* ---- tables ---- */

static const char *cell(const struct stats_spread *spread, uint64_t value, enum unit unit,
			char buf[static RR_FORMAT_SIZE])
{
	return spread->n > 0 ? in_words(value, unit, buf) : NULL;
}

/* "3h12m"; of long ago, "45d". */
static const char *ago_words(uint64_t wall_ns, char buf[static RR_FORMAT_SIZE])
{
	uint64_t now_ns = rr_now_wall_ns();
	uint64_t ago_s = now_ns > wall_ns ? (now_ns - wall_ns) / RR_NS_PER_S : 0;

	if (ago_s < 2 * DAY_S)
		return rr_format_time(ago_s * RR_NS_PER_S, buf);
	(void)snprintf(buf, RR_FORMAT_SIZE, "%llud", (unsigned long long)(ago_s / DAY_S));
	return buf;
}

static void add_key(struct libscols_table *table, const struct stats_key *key)
{
	char runs[24], success[16], last[RR_FORMAT_SIZE], learned[RR_FORMAT_SIZE];
	char memory[2][RR_FORMAT_SIZE], cpus[RR_FORMAT_SIZE], wall[2][RR_FORMAT_SIZE];

	(void)snprintf(runs, sizeof(runs), "%zu", key->runs);
	(void)snprintf(success, sizeof(success), "%.1f%%", success_percent(key));
	show_row(table,
		 (const char *const[]){
			 key->key, runs, key->runs > 0 ? success : NULL,
			 cell(&key->memory, key->memory.median, BYTES, memory[0]),
			 cell(&key->memory, key->memory.p95, BYTES, memory[1]),
			 cell(&key->wall_us, key->wall_us.median, MICROSECONDS, wall[0]),
			 cell(&key->wall_us, key->wall_us.p95, MICROSECONDS, wall[1]),
			 cell(&key->cpu_milli, key->cpu_milli.median, THOUSANDTHS, cpus),
			 key->need.ground == LEARN_BY_NOTHING
				 ? NULL
				 : rr_format_bytes(key->need.memory_bytes, learned),
			 trend_name(key->trend.direction), ago_words(key->last_wall_ns, last) });
}

void stats_print_table(const struct stats_key *keys, size_t n)
{
	static const struct show_column columns[] = {
		{ "KEY", SHOW_CUT },	  { "RUNS", SHOW_RIGHT },     { "OK", SHOW_RIGHT },
		{ "NEEDED", SHOW_RIGHT }, { "95%", SHOW_RIGHT },      { "WALL", SHOW_RIGHT },
		{ "95%", SHOW_RIGHT },	  { "CPUS", SHOW_RIGHT },     { "LEARNED", SHOW_RIGHT },
		{ "MEMORY", SHOW_LEFT },  { "LAST AGO", SHOW_RIGHT }, { NULL, SHOW_LEFT },
	};
	show_auto_table struct libscols_table *table = show_table(columns);

	for (size_t i = 0; i < n; i++)
		add_key(table, &keys[i]);
	show_print(table, "Keys");
}

static void add_spread(struct libscols_table *table, const char *name,
		       const struct stats_spread *spread, enum unit unit)
{
	char median[RR_FORMAT_SIZE], p90[RR_FORMAT_SIZE], p95[RR_FORMAT_SIZE];
	char largest[RR_FORMAT_SIZE];

	show_row(table, (const char *const[]){ name, cell(spread, spread->median, unit, median),
					       cell(spread, spread->p90, unit, p90),
					       cell(spread, spread->p95, unit, p95),
					       cell(spread, spread->largest, unit, largest) });
}

void stats_print_one(const struct stats_key *key)
{
	static const struct show_column columns[] = {
		{ "", SHOW_LEFT },     { "MEDIAN", SHOW_RIGHT },  { "90%", SHOW_RIGHT },
		{ "95%", SHOW_RIGHT }, { "LARGEST", SHOW_RIGHT }, { NULL, SHOW_LEFT },
	};
	show_auto_table struct libscols_table *table = show_table(columns);
	char need[RR_FORMAT_SIZE], input[RR_FORMAT_SIZE], words[WORDS_SIZE];

	(void)printf("%s: %zu run%s, %zu exited 0", key->key, key->runs, key->runs == 1 ? "" : "s",
		     key->succeeded);
	if (key->runs > 0)
		(void)printf(" (%.1f%%)", success_percent(key));
	(void)printf(", %zu killed for memory, %zu never started\n", key->killed, key->not_started);
	add_spread(table, "memory needed", &key->memory, BYTES);
	add_spread(table, "CPU time", &key->cpu_us, MICROSECONDS);
	add_spread(table, "duration", &key->wall_us, MICROSECONDS);
	add_spread(table, "CPUs", &key->cpu_milli, THOUSANDTHS);
	show_print(table, "Of those that exited 0");
	(void)learn_words(&key->need, words, sizeof(words));
	if (key->need.ground == LEARN_BY_NOTHING)
		(void)printf("learned: nothing: %s\n", words);
	else
		(void)printf("learned: the next needs %s of memory, for an input of %s: %s\n",
			     rr_format_bytes(key->need.memory_bytes, need),
			     rr_format_bytes(key->input_bytes, input), words);
	(void)printf("memory is %s\n", trend_words(&key->trend, words, sizeof(words)));
}

/* ---- JSON ---- */

/* factor: from what is kept to the base unit; 0: bytes, which are whole. */
static json_t *spread_json(const struct stats_spread *spread, double factor)
{
	const struct {
		const char *name;
		uint64_t value;
	} parts[] = { { "median", spread->median },
		      { "p90", spread->p90 },
		      { "p95", spread->p95 },
		      { "max", spread->largest } };
	json_t *all;

	if (spread->n == 0)
		return json_null();
	all = json_object();
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		if (factor == 0)
			show_put_count(all, parts[i].name, parts[i].value);
		else
			show_put(all, parts[i].name, json_real((double)parts[i].value * factor));
	return all;
}

static json_t *learned_json(const struct stats_key *key)
{
	bool known = key->need.ground != LEARN_BY_NOTHING;
	json_t *all = json_object();
	char words[WORDS_SIZE];

	show_put_count(all, "memory_bytes", known ? key->need.memory_bytes : SHOW_UNKNOWN);
	show_put_text(all, "ground", learn_ground_name(key->need.ground));
	show_put_text(all, "words", learn_words(&key->need, words, sizeof(words)));
	show_put_count(all, "runs", key->need.runs);
	show_put_count(all, "killed", key->need.killed);
	show_put_count(all, "input_bytes", key->input_bytes);
	show_put(all, "correlation", json_real(key->need.correlation));
	show_put(all, "bytes_per_input_byte",
		 key->need.ground == LEARN_BY_INPUT ? json_real(key->need.bytes_per_input_byte)
						    : json_null());
	return all;
}

static json_t *trend_json(const struct trend *trend)
{
	bool known = trend->direction != TREND_UNKNOWN;
	json_t *all = json_object();

	show_put_text(all, "direction", trend_name(trend->direction));
	show_put_count(all, "runs", trend->runs);
	show_put_count(all, "first_bytes", known ? trend->first : SHOW_UNKNOWN);
	show_put_count(all, "last_bytes", known ? trend->last : SHOW_UNKNOWN);
	return all;
}

static json_t *key_json(const struct stats_key *key)
{
	json_t *all = json_object();
	char last[RR_RFC3339_SIZE];

	show_put_text(all, "key", key->key);
	show_put_count(all, "runs", key->runs);
	show_put_count(all, "succeeded", key->succeeded);
	show_put_count(all, "killed", key->killed);
	show_put_count(all, "not_started", key->not_started);
	show_put_percent(all, "success_percent", success_percent(key));
	show_put_text(all, "last_ended_at",
		      key->last_wall_ns ? rr_format_wall(key->last_wall_ns, last) : NULL);
	show_put(all, "memory_working_peak_bytes", spread_json(&key->memory, 0));
	show_put(all, "cpu_s", spread_json(&key->cpu_us, 1e-6));
	show_put(all, "wall_s", spread_json(&key->wall_us, 1e-6));
	show_put(all, "cpus", spread_json(&key->cpu_milli, 1e-3));
	show_put(all, "learned", learned_json(key));
	show_put(all, "trend", trend_json(&key->trend));
	return all;
}

json_t *stats_to_json(const struct stats_key *keys, size_t n)
{
	json_t *all = json_object(), *list = json_array();

	for (size_t i = 0; i < n; i++)
		(void)json_array_append_new(list, key_json(&keys[i]));
	show_put_count(all, "schema", SHOW_SCHEMA);
	show_put(all, "keys", list);
	return all;
}
