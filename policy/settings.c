/* SPDX-License-Identifier: MIT */
#include "policy/settings.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/parse.h"

const struct setting_spec setting_specs[SETTINGS_N] = {
#define SETTING(id, sect, knd, ky, def, opt, name, arg, env, hlp)                                  \
	[SET_##id] = { .section = SECTION_##sect,                                                  \
		       .kind = KIND_##knd,                                                         \
		       .key = ky,                                                                  \
		       .fallback = def,                                                            \
		       .short_option = opt,                                                        \
		       .long_option = name,                                                        \
		       .argument = arg,                                                            \
		       .environment = env,                                                         \
		       .help = hlp },
#include "policy/settings.def"
#undef SETTING
};

static void list_free(char **list)
{
	for (char **at = list; at && *at; at++)
		free(*at);
	free(list);
}

static void value_clear(struct setting *value)
{
	free(value->text);
	free(value->origin);
	list_free(value->list);
	*value = (struct setting){ 0 };
}

static size_t list_length(char *const *list)
{
	size_t n = 0;

	while (list && list[n])
		n++;
	return n;
}

static int list_append(char ***list, const char *text, size_t length, struct rr_err *err)
{
	size_t n = list_length(*list);
	char **bigger;

	if (n >= SETTINGS_LIST_MAX)
		return rr_err_set(err, E2BIG, "more than %d entries", SETTINGS_LIST_MAX);
	bigger = realloc(*list, (n + 2) * sizeof(*bigger));
	if (!bigger)
		return rr_err_sys(err, ENOMEM, "list");
	*list = bigger;
	bigger[n] = strndup(text, length);
	bigger[n + 1] = NULL;
	return bigger[n] ? 0 : rr_err_sys(err, ENOMEM, "list");
}

static int list_split(char ***list, const char *text, const char *separators, struct rr_err *err)
{
	int r = 0;

	for (text += strspn(text, separators); *text && r == 0; text += strspn(text, separators)) {
		size_t length = strcspn(text, separators);

		r = list_append(list, text, length, err);
		text += length;
	}
	return r;
}

/* The index of text among "a|b|c", or -1. */
static int choice_index(const char *words, const char *text)
{
	size_t length = strlen(text);
	int index = 0;

	for (const char *at = words; at; index++) {
		size_t word = strcspn(at, "|");

		if (word == length && strncasecmp(at, text, length) == 0)
			return index;
		at = at[word] ? at + word + 1 : NULL;
	}
	return -1;
}

static int bad(struct rr_err *err, const char *text, const char *wanted)
{
	return rr_err_set(err, EINVAL, "'%s' is not %s", text, wanted);
}

static int parse_size(struct setting *value, const char *text, struct rr_err *err)
{
	size_t length = strlen(text);

	if (strcasecmp(text, "auto") == 0) {
		value->size = SIZE_AUTO;
		return 0;
	}
	if (length > 0 && text[length - 1] == '%') {
		value->size = SIZE_PERCENT_OF_RAM;
		return rr_parse_percent(text, &value->number) == 0
			       ? 0
			       : bad(err, text, "a percentage of RAM from 0% to 100%");
	}
	value->size = SIZE_BYTES;
	return rr_parse_bytes(text, &value->integer) == 0
		       ? 0
		       : bad(err, text, "a size such as 512M, 4G, 50% or auto");
}

static int parse_count(struct setting *value, const char *text, struct rr_err *err)
{
	double decimal;

	/* The owner's older tools write counts as 2.0. */
	if (rr_parse_decimal(text, &decimal) < 0 || decimal != (double)(uint64_t)decimal)
		return bad(err, text, "a whole number");
	if (decimal > SETTINGS_COUNT_MAX)
		return rr_err_set(err, ERANGE, "'%s' is above the largest count, %d", text,
				  SETTINGS_COUNT_MAX);
	value->integer = (uint64_t)decimal;
	return 0;
}

static int parse_choice(struct setting *value, const char *words, const char *text,
			struct rr_err *err)
{
	int index = choice_index(words, text);

	if (index < 0)
		return rr_err_set(err, EINVAL, "'%s' is not one of %s", text, words);
	value->integer = (uint64_t)index;
	return 0;
}

static int parse_bool(struct setting *value, const char *text, struct rr_err *err)
{
	bool yes;

	if (rr_parse_bool(text, &yes) < 0)
		return bad(err, text, "yes or no");
	value->integer = yes;
	return 0;
}

static int parse_value(const struct setting_spec *spec, struct setting *value, const char *text,
		       struct rr_err *err)
{
	switch (spec->kind) {
	case KIND_FLAG:
	case KIND_BOOL:
		return parse_bool(value, text, err);
	case KIND_PERCENT:
		return rr_parse_percent(text, &value->number) == 0
			       ? 0
			       : bad(err, text, "a percentage from 0 to 100");
	case KIND_DECIMAL:
		return rr_parse_decimal(text, &value->number) == 0
			       ? 0
			       : bad(err, text, "a number such as 2 or 1.5");
	case KIND_COUNT:
		return parse_count(value, text, err);
	case KIND_TIME:
		return rr_parse_time(text, &value->integer) == 0
			       ? 0
			       : bad(err, text, "a time such as 90s, 5m, 1h30m or inf");
	case KIND_SIZE:
		return parse_size(value, text, err);
	case KIND_CHOICE:
		return parse_choice(value, spec->argument, text, err);
	case KIND_STRING:
		return *text ? 0 : rr_err_set(err, EINVAL, "the value is empty");
	case KIND_WORDS:
		return list_split(&value->list, text, " \t,", err);
	case KIND_PATHS:
		return list_split(&value->list, text, ":", err);
	case KIND_COMMANDS:
		return *text ? list_append(&value->list, text, strlen(text), err) : 0;
	case KIND_RATE:
		break;
	}
	return rr_err_set(err, EINVAL, "'%s' cannot be set so", spec->key ? spec->key : "?");
}

/* The layer an origin belongs to: a file without its line, or the whole word. */
static size_t layer_length(const char *origin)
{
	const char *colon = strrchr(origin, ':');

	return colon && isdigit((unsigned char)colon[1]) ? (size_t)(colon - origin)
							 : strlen(origin);
}

static bool is_list(enum setting_kind kind)
{
	return kind == KIND_WORDS || kind == KIND_PATHS || kind == KIND_COMMANDS;
}

static bool same_layer(const struct setting *value, const char *origin)
{
	size_t length = layer_length(origin);

	return value->set && layer_length(value->origin) == length &&
	       strncmp(value->origin, origin, length) == 0;
}

static bool means_none(const struct setting_spec *spec, const char *text)
{
	return !spec->fallback && spec->kind != KIND_FLAG &&
	       (strcasecmp(text, "none") == 0 || strcasecmp(text, "off") == 0);
}

static int set_rate(struct settings *settings, const char *text, const char *origin,
		    struct rr_err *err)
{
	uint64_t count, window_ns;
	const char *slash = strchr(text, '/');
	char number[RR_FORMAT_SIZE];
	int r;

	if (strcasecmp(text, "none") == 0 || strcasecmp(text, "off") == 0)
		return settings_set(settings, SET_RATE_LIMIT, text, origin, err);
	if (rr_parse_rate(text, &count, &window_ns) < 0)
		return bad(err, text, "a rate such as 3/1h");
	(void)snprintf(number, sizeof(number), "%.*s", (int)(slash - text), text);
	r = settings_set(settings, SET_RATE_LIMIT, number, origin, err);
	return r < 0 ? r : settings_set(settings, SET_RATE_WINDOW, slash + 1, origin, err);
}

static int replace_value(struct setting *slot, struct setting *fresh, const char *text,
			 const char *origin, struct rr_err *err)
{
	fresh->set = true;
	fresh->text = strdup(text);
	fresh->origin = strdup(origin);
	if (!fresh->text || !fresh->origin) {
		value_clear(fresh);
		return rr_err_sys(err, ENOMEM, "setting");
	}
	value_clear(slot);
	*slot = *fresh;
	return 0;
}

int settings_set(struct settings *settings, enum setting_id id, const char *text,
		 const char *origin, struct rr_err *err)
{
	const struct setting_spec *spec = &setting_specs[id];
	struct setting *slot = &settings->v[id];
	struct setting fresh = { 0 };
	int r;

	if (strlen(text) > SETTINGS_TEXT_MAX)
		return rr_err_set(err, E2BIG, "the value is longer than %d characters",
				  SETTINGS_TEXT_MAX);
	if (spec->kind == KIND_RATE)
		return set_rate(settings, text, origin, err);
	if (means_none(spec, text)) {
		fresh.none = true;
		return replace_value(slot, &fresh, text, origin, err);
	}
	if (is_list(spec->kind) && same_layer(slot, origin)) {
		fresh.list = slot->list;
		slot->list = NULL;
	}
	r = parse_value(spec, &fresh, text, err);
	if (r == 0)
		return replace_value(slot, &fresh, text, origin, err);
	/* The list that was to grow is lost with the error, and its setting with it. */
	list_free(fresh.list);
	if (is_list(spec->kind))
		value_clear(slot);
	return r;
}

static int copy_value(struct setting *to, const struct setting *from, struct rr_err *err)
{
	struct setting copy = *from;
	size_t n = list_length(from->list);
	int r = 0;

	copy.list = NULL;
	copy.text = NULL;
	copy.origin = NULL;
	for (size_t i = 0; i < n && r == 0; i++)
		r = list_append(&copy.list, from->list[i], strlen(from->list[i]), err);
	if (r == 0)
		return replace_value(to, &copy, from->text, from->origin, err);
	list_free(copy.list);
	return r;
}

int settings_overlay(struct settings *settings, const struct settings *over, struct rr_err *err)
{
	for (size_t i = 0; i < SETTINGS_N; i++) {
		int r = over->v[i].set ? copy_value(&settings->v[i], &over->v[i], err) : 0;

		if (r < 0)
			return r;
	}
	return 0;
}

int settings_defaults(struct settings *ret, struct rr_err *err)
{
	for (size_t i = 0; i < SETTINGS_N; i++) {
		const char *text = setting_specs[i].fallback;
		int r = text ? settings_set(ret, i, text, "default", err) : 0;

		if (r < 0)
			return r;
	}
	return 0;
}

void settings_free(struct settings *settings)
{
	for (size_t i = 0; i < SETTINGS_N; i++)
		value_clear(&settings->v[i]);
}

enum setting_id settings_find_key(enum setting_section section, const char *key)
{
	for (size_t i = 0; i < SETTINGS_N; i++)
		if (setting_specs[i].section == section && setting_specs[i].key &&
		    strcmp(setting_specs[i].key, key) == 0)
			return (enum setting_id)i;
	return SETTINGS_N;
}

const char *settings_env_name(enum setting_id id, char buf[static SETTINGS_ENV_SIZE])
{
	const struct setting_spec *spec = &setting_specs[id];
	size_t at;

	if (!spec->key)
		return NULL;
	/* [resrun] and [default] share a key: the machine's has a name of its own in the table. */
	if (spec->section == SECTION_MACHINE && spec->environment)
		return spec->environment;
	at = (size_t)snprintf(buf, SETTINGS_ENV_SIZE, "RESRUN_%s", spec->key);
	for (char *c = buf; c < buf + at; c++)
		*c = (char)toupper((unsigned char)*c);
	return buf;
}

static int check_range(const struct settings *settings, enum setting_id id, uint64_t low,
		       uint64_t high, struct rr_err *err)
{
	const struct setting *value = &settings->v[id];

	if (!settings_has(settings, id) || (value->integer >= low && value->integer <= high))
		return 0;
	return rr_err_set(err, ERANGE, "%s: %s: %s is not between %llu and %llu", value->origin,
			  setting_specs[id].key, value->text, (unsigned long long)low,
			  (unsigned long long)high);
}

static int check_size(const struct settings *settings, enum setting_id id, struct rr_err *err)
{
	const struct setting *value = &settings->v[id];

	if (!settings_has(settings, id) || value->size == SIZE_AUTO ||
	    (value->size == SIZE_BYTES && value->integer >= SETTINGS_MEMORY_MIN) ||
	    (value->size == SIZE_PERCENT_OF_RAM && value->number > 0))
		return 0;
	return rr_err_set(err, ERANGE, "%s: %s: '%s' is less than %d bytes; did a unit get lost?",
			  value->origin, setting_specs[id].key, value->text, SETTINGS_MEMORY_MIN);
}

static int check_history_size(const struct settings *settings, struct rr_err *err)
{
	const struct setting *value = &settings->v[SET_HISTORY_SIZE];

	if (!settings_has(settings, SET_HISTORY_SIZE) ||
	    (value->size == SIZE_BYTES && value->integer > 0))
		return 0;
	return rr_err_set(err, ERANGE, "%s: history_size: '%s' is not a size such as 64M",
			  value->origin, value->text);
}

static int check_high_below_max(const struct settings *settings, struct rr_err *err)
{
	const struct setting *max = &settings->v[SET_MEMORY];
	const struct setting *high = &settings->v[SET_MEMORY_HIGH];

	if (!settings_has(settings, SET_MEMORY) || !settings_has(settings, SET_MEMORY_HIGH) ||
	    max->size != SIZE_BYTES || high->size != SIZE_BYTES || high->integer <= max->integer)
		return 0;
	return rr_err_set(err, EINVAL, "%s: memory_high (%s) is above memory (%s, from %s)",
			  high->origin, high->text, max->text, max->origin);
}

static int check_cpus(const struct settings *settings, struct rr_err *err)
{
	if (!settings_has(settings, SET_CPUS) ||
	    settings_number(settings, SET_CPUS) >= SETTINGS_CPUS_MIN)
		return 0;
	return rr_err_set(err, ERANGE, "%s: cpus: '%s' is less than %g (the kernel's least)",
			  settings->v[SET_CPUS].origin, settings_text(settings, SET_CPUS),
			  SETTINGS_CPUS_MIN);
}

/* A part of RAM says nothing of a disk. */
static int check_disk_size(const struct settings *settings, enum setting_id id, struct rr_err *err)
{
	const struct setting *value = &settings->v[id];

	if (!settings_has(settings, id) || (value->size == SIZE_BYTES && value->integer > 0))
		return 0;
	return rr_err_set(err, EINVAL, "%s: %s: '%s' is not a size such as 20G", value->origin,
			  setting_specs[id].key, value->text);
}

int settings_check(const struct settings *settings, struct rr_err *err)
{
	static const struct {
		enum setting_id id;
		uint64_t low, high;
	} ranges[] = {
		{ SET_MAX_CONCURRENT, 1, SETTINGS_COUNT_MAX },
		{ SET_TOTAL_CONCURRENT, 1, SETTINGS_COUNT_MAX },
		{ SET_RATE_LIMIT, 1, SETTINGS_RATE_MAX },
		{ SET_CPU_WEIGHT, 1, 10000 },
		{ SET_IO_WEIGHT, 1, 10000 },
		{ SET_PIDS, 1, SETTINGS_COUNT_MAX },
		{ SET_RETRIES, 0, 1000 },
	};
	int r = 0;

	for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]) && r == 0; i++)
		r = check_range(settings, ranges[i].id, ranges[i].low, ranges[i].high, err);
	if (r == 0 && settings_integer(settings, SET_RATE_WINDOW) - 1 >= RR_TIME_INF - 1)
		r = rr_err_set(err, ERANGE, "%s: rate_window: '%s' is no length of time",
			       settings->v[SET_RATE_WINDOW].origin,
			       settings_text(settings, SET_RATE_WINDOW));
	if (r == 0)
		r = check_cpus(settings, err);
	if (r == 0)
		r = check_disk_size(settings, SET_SWEEP_MAX_SIZE, err);
	if (r == 0)
		r = check_disk_size(settings, SET_LOGS_MAX_SIZE, err);
	if (r == 0)
		r = check_disk_size(settings, SET_TEMP_MAX, err);
	if (r == 0)
		r = check_size(settings, SET_MEMORY, err);
	if (r == 0)
		r = check_size(settings, SET_MEMORY_HIGH, err);
	if (r == 0)
		r = check_history_size(settings, err);
	return r < 0 ? r : check_high_below_max(settings, err);
}
