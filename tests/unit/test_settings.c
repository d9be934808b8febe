/* SPDX-License-Identifier: MIT */
/* The table of settings, values of every kind, lists and their layers, ranges. */
#include "fixtures.h"

#include <ctype.h>

#include "base/clock.h"
#include "policy/settings.h"

#define S RR_NS_PER_S
#define G (UINT64_C(1) << 30)

/* ---- the table ---- */

static void keys_are_unique_in_their_section(void **state)
{
	(void)state;
	for (int i = 0; i < SETTINGS_N; i++) {
		const struct setting_spec *spec = &setting_specs[i];

		if (spec->key)
			assert_int_equal(settings_find_key(spec->section, spec->key), i);
		/* What has no key can only be given on the command line, so it needs an option. */
		assert_true(spec->key || spec->long_option);
		assert_true(spec->section != SECTION_COMMAND || !spec->key);
		for (const char *c = spec->key; c && *c; c++)
			assert_true(islower((unsigned char)*c) || *c == '_');
	}
	assert_int_equal(settings_find_key(SECTION_PROFILE, "no_such_key"), SETTINGS_N);
	assert_int_equal(settings_find_key(SECTION_PROFILE, "scope"), SETTINGS_N);
	assert_int_equal(settings_find_key(SECTION_PROFILE, ""), SETTINGS_N);
	assert_int_equal(settings_find_key(SECTION_COMMAND, "memory"), SETTINGS_N);
	assert_int_equal(settings_find_key(SECTION_PROFILE, "max_concurrent"), SET_MAX_CONCURRENT);
	assert_int_equal(settings_find_key(SECTION_MACHINE, "max_concurrent"),
			 SET_TOTAL_CONCURRENT);
}

static void options_are_unique(void **state)
{
	(void)state;
	for (int i = 0; i < SETTINGS_N; i++) {
		const struct setting_spec *one = &setting_specs[i];

		assert_true(!one->short_option || isalnum((unsigned char)one->short_option));
		assert_true(!one->short_option || one->long_option);
		for (const char *c = one->long_option; c && *c; c++)
			assert_true(islower((unsigned char)*c) || *c == '-');
		for (int j = 0; j < i; j++) {
			const struct setting_spec *other = &setting_specs[j];

			if (one->short_option && one->short_option == other->short_option)
				fail_msg("-%c twice", one->short_option);
			if (one->long_option && other->long_option &&
			    strcmp(one->long_option, other->long_option) == 0)
				fail_msg("--%s twice", one->long_option);
		}
	}
}

static void environment_names_are_unique(void **state)
{
	const char *names[3 * SETTINGS_N];
	char bufs[SETTINGS_N][SETTINGS_ENV_SIZE];
	size_t n = 0;

	(void)state;
	for (int i = 0; i < SETTINGS_N; i++) {
		const char *name = settings_env_name((enum setting_id)i, bufs[i]);

		assert_true((name == NULL) == (setting_specs[i].key == NULL));
		if (name) {
			assert_int_equal(strncmp(name, "RESRUN_", 7), 0);
			names[n++] = name;
		}
		if (setting_specs[i].environment && name != setting_specs[i].environment)
			names[n++] = setting_specs[i].environment;
	}
	for (size_t i = 0; i < n; i++)
		for (size_t j = 0; j < i; j++)
			if (strcmp(names[i], names[j]) == 0)
				fail_msg("%s twice", names[i]);
}

static void environment_names(void **state)
{
	static const struct {
		enum setting_id id;
		const char *expected;
	} rows[] = {
		{ SET_MEMORY, "RESRUN_MEMORY" },
		{ SET_MAX_CONCURRENT, "RESRUN_MAX_CONCURRENT" },
		{ SET_TOTAL_CONCURRENT, "RESRUN_TOTAL_CONCURRENT" },
		{ SET_STATE_DIR, "RESRUN_STATE_DIR" },
		{ SET_RUNTIME_DIR, "RESRUN_RUNTIME_DIR" },
		{ SET_SCOPE, "RESRUN_SCOPE" },
	};
	char buf[SETTINGS_ENV_SIZE];

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		assert_string_equal(settings_env_name(rows[i].id, buf), rows[i].expected);
	assert_null(settings_env_name(SET_RATE, buf));
	assert_null(settings_env_name(SET_PROFILE, buf));
}

static void the_table_is_whole(void **state)
{
	(void)state;
	for (int i = 0; i < SETTINGS_N; i++) {
		const struct setting_spec *spec = &setting_specs[i];

		assert_non_null(spec->help);
		assert_true(*spec->help);
		if (spec->kind == KIND_CHOICE)
			assert_non_null(strchr(spec->argument, '|'));
		if (spec->kind == KIND_FLAG || spec->kind == KIND_BOOL)
			assert_null(spec->argument);
		else
			assert_non_null(spec->argument);
	}
}

static void defaults_parse_and_pass(void **state)
{
	struct settings settings = { 0 };
	struct rr_err err = { "" };

	(void)state;
	assert_int_equal(settings_defaults(&settings, &err), 0);
	if (settings_check(&settings, &err) != 0)
		fail_msg("%s", err.text);
	for (int i = 0; i < SETTINGS_N; i++) {
		assert_int_equal(settings.v[i].set, setting_specs[i].fallback != NULL);
		if (!settings.v[i].set)
			continue;
		assert_false(settings.v[i].none);
		assert_string_equal(settings.v[i].origin, "default");
		assert_string_equal(settings.v[i].text, setting_specs[i].fallback);
	}
	assert_int_equal(settings_integer(&settings, SET_MAX_WAIT), 300 * S);
	assert_int_equal(settings_integer(&settings, SET_PRIORITY), PRIORITY_NORMAL);
	assert_int_equal(settings_integer(&settings, SET_ON_BUSY), ON_BUSY_FAIL);
	assert_int_equal(settings_integer(&settings, SET_SWEEP_AGE), 86400 * S);
	assert_false(settings_has(&settings, SET_MEMORY));
	assert_null(*settings_list(&settings, SET_HOOK_BEFORE));
	settings_free(&settings);
}

/* ---- values ---- */

enum output { NUMBER, INTEGER, TEXT };

static void values_of_every_kind(void **state)
{
	static const struct {
		enum setting_id id;
		const char *text;
		int code;
		enum output output;
		uint64_t integer;
		double number;
	} rows[] = {
		{ SET_CPU_THRESHOLD, "85.0", 0, NUMBER, 0, 85 },
		{ SET_CPU_THRESHOLD, "70%", 0, NUMBER, 0, 70 },
		{ SET_CPU_THRESHOLD, "0", 0, NUMBER, 0, 0 },
		{ SET_CPU_THRESHOLD, "100", 0, NUMBER, 0, 100 },
		{ SET_CPU_THRESHOLD, "100.5", -EINVAL, NUMBER, 0, 0 },
		{ SET_CPU_THRESHOLD, "-1", -EINVAL, NUMBER, 0, 0 },
		{ SET_CPU_THRESHOLD, "", -EINVAL, NUMBER, 0, 0 },
		{ SET_CPUS, "1.5", 0, NUMBER, 0, 1.5 },
		{ SET_CPUS, "two", -EINVAL, NUMBER, 0, 0 },
		{ SET_MAX_CONCURRENT, "3", 0, INTEGER, 3, 0 },
		{ SET_MAX_CONCURRENT, "2.0", 0, INTEGER, 2, 0 },
		{ SET_MAX_CONCURRENT, "4194304", 0, INTEGER, SETTINGS_COUNT_MAX, 0 },
		{ SET_MAX_CONCURRENT, "4194305", -ERANGE, INTEGER, 0, 0 },
		{ SET_MAX_CONCURRENT, "2.5", -EINVAL, INTEGER, 0, 0 },
		{ SET_MAX_CONCURRENT, "-1", -EINVAL, INTEGER, 0, 0 },
		{ SET_MAX_CONCURRENT, "99999999999999999999", -EINVAL, INTEGER, 0, 0 },
		{ SET_TIMEOUT, "90s", 0, INTEGER, 90 * S, 0 },
		{ SET_TIMEOUT, "3600.0", 0, INTEGER, 3600 * S, 0 },
		{ SET_TIMEOUT, "inf", 0, INTEGER, RR_TIME_INF, 0 },
		{ SET_TIMEOUT, "soon", -EINVAL, INTEGER, 0, 0 },
		{ SET_MEMORY, "4G", 0, INTEGER, 4 * G, 0 },
		{ SET_MEMORY, "50%", 0, NUMBER, 0, 50 },
		{ SET_MEMORY, "150%", -EINVAL, NUMBER, 0, 0 },
		{ SET_MEMORY, "4X", -EINVAL, NUMBER, 0, 0 },
		{ SET_MEMORY, "", -EINVAL, NUMBER, 0, 0 },
		{ SET_MEMORY, "%", -EINVAL, NUMBER, 0, 0 },
		{ SET_ON_BUSY, "skip", 0, INTEGER, ON_BUSY_SKIP, 0 },
		{ SET_ON_BUSY, "RUN", 0, INTEGER, ON_BUSY_RUN, 0 },
		{ SET_ON_BUSY, "fail|skip", -EINVAL, INTEGER, 0, 0 },
		{ SET_ON_BUSY, "ski", -EINVAL, INTEGER, 0, 0 },
		{ SET_ON_BUSY, "", -EINVAL, INTEGER, 0, 0 },
		{ SET_PRIORITY, "low", 0, INTEGER, PRIORITY_LOW, 0 },
		{ SET_PRIORITY, "critical", 0, INTEGER, PRIORITY_CRITICAL, 0 },
		{ SET_ISOLATION, "process", 0, INTEGER, ISOLATION_PROCESS, 0 },
		{ SET_COLOR, "never", 0, INTEGER, COLOR_NEVER, 0 },
		{ SET_SCOPE, "host", 0, INTEGER, SCOPE_HOST, 0 },
		{ SET_DURABILITY, "async", 0, INTEGER, DURABILITY_ASYNC, 0 },
		{ SET_STRICT, "yes", 0, INTEGER, 1, 0 },
		{ SET_STRICT, "off", 0, INTEGER, 0, 0 },
		{ SET_STRICT, "perhaps", -EINVAL, INTEGER, 0, 0 },
		{ SET_DRY_RUN, "yes", 0, INTEGER, 1, 0 },
		{ SET_SECCOMP, "off", 0, TEXT, 0, 0 },
		{ SET_SECCOMP, "/etc/x", 0, TEXT, 0, 0 },
		{ SET_SECCOMP, "", -EINVAL, TEXT, 0, 0 },
		{ SET_IO_MAX, "/data rbps=50M", 0, TEXT, 0, 0 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct settings settings = { 0 };
		const struct setting *value = &settings.v[rows[i].id];
		struct rr_err err = { "" };
		int r = settings_set(&settings, rows[i].id, rows[i].text, "--x", &err);

		if (r != rows[i].code || value->set != (r == 0) || value->none ||
		    (rows[i].output == INTEGER && value->integer != rows[i].integer) ||
		    value->number > rows[i].number || value->number < rows[i].number)
			fail_msg("row %zu '%s': %d, integer %llu, number %g", i, rows[i].text, r,
				 (unsigned long long)value->integer, value->number);
		assert_true((r < 0) == (*err.text != '\0'));
		if (r == 0)
			assert_string_equal(value->text, rows[i].text);
		/* The words name the value, and what would be right. */
		if (r < 0 && *rows[i].text)
			assert_non_null(strstr(err.text, rows[i].text));
		settings_free(&settings);
	}
}

static void kinds_of_size(void **state)
{
	static const struct {
		const char *text;
		enum size_kind expected;
	} rows[] = { { "4G", SIZE_BYTES },
		     { "0", SIZE_BYTES },
		     { "50%", SIZE_PERCENT_OF_RAM },
		     { "auto", SIZE_AUTO },
		     { "AUTO", SIZE_AUTO } };

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct settings settings = { 0 };
		struct rr_err err;

		assert_int_equal(settings_set(&settings, SET_MEMORY, rows[i].text, "x", &err), 0);
		assert_int_equal(settings.v[SET_MEMORY].size, rows[i].expected);
		settings_free(&settings);
	}
}

static void none_and_off(void **state)
{
	static const struct {
		enum setting_id id;
		const char *text;
		int code;
		bool none;
	} rows[] = {
		{ SET_MEMORY, "none", 0, true },
		{ SET_MEMORY, "OFF", 0, true },
		{ SET_TIMEOUT, "off", 0, true },
		{ SET_PRESSURE_THRESHOLD, "none", 0, true },
		{ SET_RATE_LIMIT, "none", 0, true },
		{ SET_CPUS, "none", 0, true },
		{ SET_STATE_DIR, "none", 0, true },
		/* What has a default cannot be unset. */
		{ SET_MAX_WAIT, "none", -EINVAL, false },
		{ SET_CPU_THRESHOLD, "off", -EINVAL, false },
		{ SET_STRICT, "off", 0, false },
		{ SET_SECCOMP, "off", 0, false },
		{ SET_PRIORITY, "none", -EINVAL, false },
		{ SET_QUIET, "none", -EINVAL, false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct settings settings = { 0 };
		struct rr_err err;

		assert_int_equal(settings_set(&settings, rows[i].id, rows[i].text, "x", &err),
				 rows[i].code);
		assert_int_equal(settings.v[rows[i].id].none, rows[i].none);
		assert_int_equal(settings_has(&settings, rows[i].id),
				 rows[i].code == 0 && !rows[i].none);
		settings_free(&settings);
	}
}

static void none_stands_over_a_lower_layer(void **state)
{
	struct settings low = { 0 }, high = { 0 };
	struct rr_err err;

	(void)state;
	assert_int_equal(settings_set(&low, SET_MEMORY, "4G", "/etc/r.ini:3", &err), 0);
	assert_int_equal(settings_set(&low, SET_TIMEOUT, "1h", "/etc/r.ini:4", &err), 0);
	assert_int_equal(settings_set(&high, SET_MEMORY, "none", "--memory", &err), 0);
	assert_int_equal(settings_overlay(&low, &high, &err), 0);
	assert_false(settings_has(&low, SET_MEMORY));
	assert_true(low.v[SET_MEMORY].set);
	assert_string_equal(low.v[SET_MEMORY].origin, "--memory");
	assert_true(settings_has(&low, SET_TIMEOUT));
	assert_int_equal(settings_set(&high, SET_MEMORY, "1G", "--memory", &err), 0);
	assert_int_equal(settings_overlay(&low, &high, &err), 0);
	assert_true(settings_has(&low, SET_MEMORY));
	assert_int_equal(settings_integer(&low, SET_MEMORY), G);
	settings_free(&low);
	settings_free(&high);
}

static void a_bad_value_leaves_the_old_one(void **state)
{
	struct settings settings = { 0 };
	struct rr_err err;

	(void)state;
	assert_int_equal(settings_set(&settings, SET_MEMORY, "4G", "a", &err), 0);
	assert_int_equal(settings_set(&settings, SET_MEMORY, "4Q", "b", &err), -EINVAL);
	assert_int_equal(settings_integer(&settings, SET_MEMORY), 4 * G);
	assert_string_equal(settings.v[SET_MEMORY].origin, "a");
	settings_free(&settings);
}

static void rates(void **state)
{
	static const struct {
		const char *text;
		int code;
		uint64_t limit, window_ns;
	} rows[] = {
		{ "3/60s", 0, 3, 60 * S }, { "1024/1h", 0, 1024, 3600 * S },
		{ "3", -EINVAL, 0, 0 },	   { "3/", -EINVAL, 0, 0 },
		{ "x/1h", -EINVAL, 0, 0 }, { "99999999/1h", -ERANGE, 0, 0 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct settings settings = { 0 };
		struct rr_err err;

		assert_int_equal(settings_set(&settings, SET_RATE, rows[i].text, "--rate", &err),
				 rows[i].code);
		assert_int_equal(settings_integer(&settings, SET_RATE_LIMIT), rows[i].limit);
		assert_int_equal(settings_integer(&settings, SET_RATE_WINDOW), rows[i].window_ns);
		assert_false(settings.v[SET_RATE].set);
		if (rows[i].code == 0)
			assert_string_equal(settings.v[SET_RATE_LIMIT].origin, "--rate");
		settings_free(&settings);
	}
}

static void a_rate_can_be_taken_back(void **state)
{
	struct settings settings = { 0 };
	struct rr_err err;

	(void)state;
	assert_int_equal(settings_set(&settings, SET_RATE, "3/60s", "x", &err), 0);
	assert_int_equal(settings_set(&settings, SET_RATE, "none", "--rate", &err), 0);
	assert_false(settings_has(&settings, SET_RATE_LIMIT));
	settings_free(&settings);
}

/* ---- lists ---- */

static void assert_list(const struct settings *settings, enum setting_id id, const char *expected)
{
	char joined[1024] = "";

	for (char *const *at = settings_list(settings, id); *at; at++)
		(void)snprintf(joined + strlen(joined), sizeof(joined) - strlen(joined), "[%s]",
			       *at);
	assert_string_equal(joined, expected);
}

static void lists_split(void **state)
{
	static const struct {
		enum setting_id id;
		const char *text, *expected;
	} rows[] = {
		{ SET_MATCH, "a", "[a]" },
		{ SET_MATCH, "a b,c", "[a][b][c]" },
		{ SET_MATCH, "  a ,, b\t", "[a][b]" },
		{ SET_MATCH, "ff*:x", "[ff*:x]" },
		{ SET_MATCH, "", "" },
		{ SET_MATCH, " , ", "" },
		{ SET_DISK_PATHS, "/a:/b c:/d", "[/a][/b c][/d]" },
		{ SET_DISK_PATHS, "::/a::", "[/a]" },
		{ SET_HOOK_BEFORE, "echo a, b: c", "[echo a, b: c]" },
		{ SET_HOOK_BEFORE, "", "" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct settings settings = { 0 };
		struct rr_err err;

		assert_int_equal(settings_set(&settings, rows[i].id, rows[i].text, "x", &err), 0);
		assert_list(&settings, rows[i].id, rows[i].expected);
		settings_free(&settings);
	}
}

static void lists_grow_in_a_layer_and_are_replaced_by_the_next(void **state)
{
	static const struct {
		const char *origin, *text, *expected;
	} steps[] = {
		{ "/etc/r.ini:3", "one", "[one]" },
		{ "/etc/r.ini:4", "two", "[one][two]" },
		{ "/etc/r.ini:400", "three", "[one][two][three]" },
		{ "/etc/r.d/a.ini:1", "four", "[four]" },
		{ "/etc/r.d/a.ini:2", "five", "[four][five]" },
		{ "/etc/r.d/a.inix:2", "six", "[six]" },
		{ "RESRUN_HOOK_BEFORE", "seven", "[seven]" },
		{ "--before", "eight", "[eight]" },
		{ "--before", "nine", "[eight][nine]" },
		{ "/odd:name/x:1", "ten", "[ten]" },
		{ "/odd:name/x:2", "eleven", "[ten][eleven]" },
	};
	struct settings settings = { 0 };
	struct rr_err err;

	(void)state;
	for (size_t i = 0; i < COUNT(steps); i++) {
		assert_int_equal(settings_set(&settings, SET_HOOK_BEFORE, steps[i].text,
					      steps[i].origin, &err),
				 0);
		assert_list(&settings, SET_HOOK_BEFORE, steps[i].expected);
		assert_string_equal(settings.v[SET_HOOK_BEFORE].origin, steps[i].origin);
	}
	settings_free(&settings);
}

static void lists_are_copied_whole(void **state)
{
	struct settings low = { 0 }, high = { 0 };
	struct rr_err err;

	(void)state;
	assert_int_equal(settings_set(&low, SET_MATCH, "old older", "f:1", &err), 0);
	assert_int_equal(settings_set(&high, SET_MATCH, "a b c", "g:1", &err), 0);
	assert_int_equal(settings_overlay(&low, &high, &err), 0);
	settings_free(&high);
	assert_list(&low, SET_MATCH, "[a][b][c]");
	assert_string_equal(low.v[SET_MATCH].origin, "g:1");
	settings_free(&low);
}

static void lists_and_texts_have_an_end(void **state)
{
	static char text[SETTINGS_TEXT_MAX + 2];
	struct settings settings = { 0 };
	struct rr_err err;

	(void)state;
	for (int i = 0; i < SETTINGS_LIST_MAX; i++)
		assert_int_equal(settings_set(&settings, SET_HOOK_AFTER, "x", "--cleanup", &err),
				 0);
	assert_int_equal(settings_set(&settings, SET_HOOK_AFTER, "x", "--cleanup", &err), -E2BIG);
	assert_non_null(strstr(err.text, "64"));
	settings_free(&settings);
	memset(text, 'x', SETTINGS_TEXT_MAX);
	assert_int_equal(settings_set(&settings, SET_NAME, text, "--name", &err), 0);
	assert_int_equal(strlen(settings_text(&settings, SET_NAME)), SETTINGS_TEXT_MAX);
	text[SETTINGS_TEXT_MAX] = 'x';
	assert_int_equal(settings_set(&settings, SET_NAME, text, "--name", &err), -E2BIG);
	settings_free(&settings);
}

/* ---- ranges ---- */

static void ranges(void **state)
{
	static const struct {
		enum setting_id id;
		const char *text;
		int code;
	} rows[] = {
		{ SET_MAX_CONCURRENT, "0", -ERANGE },
		{ SET_MAX_CONCURRENT, "1", 0 },
		{ SET_TOTAL_CONCURRENT, "0", -ERANGE },
		{ SET_TOTAL_CONCURRENT, "1", 0 },
		{ SET_TOTAL_CONCURRENT, "none", 0 },
		{ SET_RATE_LIMIT, "0", -ERANGE },
		{ SET_RATE_LIMIT, "1", 0 },
		{ SET_RATE_LIMIT, "1024", 0 },
		{ SET_RATE_LIMIT, "1025", -ERANGE },
		{ SET_RATE_LIMIT, "none", 0 },
		{ SET_RATE_WINDOW, "0", -ERANGE },
		{ SET_RATE_WINDOW, "inf", -ERANGE },
		{ SET_RATE_WINDOW, "1ms", 0 },
		{ SET_CPU_WEIGHT, "0", -ERANGE },
		{ SET_CPU_WEIGHT, "1", 0 },
		{ SET_CPU_WEIGHT, "10000", 0 },
		{ SET_CPU_WEIGHT, "10001", -ERANGE },
		{ SET_IO_WEIGHT, "0", -ERANGE },
		{ SET_IO_WEIGHT, "10000", 0 },
		{ SET_IO_WEIGHT, "10001", -ERANGE },
		{ SET_PIDS, "0", -ERANGE },
		{ SET_PIDS, "1", 0 },
		{ SET_PIDS, "4194304", 0 },
		{ SET_RETRIES, "0", 0 },
		{ SET_RETRIES, "1000", 0 },
		{ SET_RETRIES, "1001", -ERANGE },
		{ SET_CPUS, "0", -ERANGE },
		{ SET_CPUS, "0.009", -ERANGE },
		{ SET_CPUS, "0.01", 0 },
		{ SET_CPUS, "64", 0 },
		{ SET_MEMORY, "4", -ERANGE },
		{ SET_MEMORY, "65535", -ERANGE },
		{ SET_MEMORY, "65536", 0 },
		{ SET_MEMORY, "auto", 0 },
		{ SET_MEMORY, "0%", -ERANGE },
		{ SET_MEMORY_HIGH, "0%", -ERANGE },
		{ SET_MEMORY, "50%", 0 },
		{ SET_MEMORY, "none", 0 },
		{ SET_MEMORY_HIGH, "4", -ERANGE },
		{ SET_MEMORY_HIGH, "1M", 0 },
		{ SET_SWAP, "0", 0 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct settings settings = { 0 };
		struct rr_err err = { "" };
		int r;

		assert_int_equal(settings_defaults(&settings, &err), 0);
		assert_int_equal(
			settings_set(&settings, rows[i].id, rows[i].text, "/x.ini:7", &err), 0);
		r = settings_check(&settings, &err);
		if (r != rows[i].code)
			fail_msg("%s = %s: %d %s", setting_specs[rows[i].id].key, rows[i].text, r,
				 err.text);
		/* Where it stood, which key, which value. */
		if (r < 0) {
			assert_non_null(strstr(err.text, "/x.ini:7"));
			assert_non_null(strstr(err.text, setting_specs[rows[i].id].key));
			assert_non_null(strstr(err.text, rows[i].text));
		}
		settings_free(&settings);
	}
}

static void memory_high_is_not_above_memory(void **state)
{
	static const struct {
		const char *memory, *high;
		int code;
	} rows[] = {
		{ "4G", "3G", 0 },   { "4G", "4G", 0 },	  { "4G", "5G", -EINVAL },
		{ "none", "5G", 0 }, { "4G", "none", 0 }, { "auto", "5G", 0 },
		{ "4G", "100%", 0 }, { "50%", "5G", 0 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct settings settings = { 0 };
		struct rr_err err = { "" };

		assert_int_equal(settings_defaults(&settings, &err), 0);
		assert_int_equal(settings_set(&settings, SET_MEMORY, rows[i].memory, "a:1", &err),
				 0);
		assert_int_equal(
			settings_set(&settings, SET_MEMORY_HIGH, rows[i].high, "b:2", &err), 0);
		assert_int_equal(settings_check(&settings, &err), rows[i].code);
		if (rows[i].code < 0) {
			assert_non_null(strstr(err.text, "a:1"));
			assert_non_null(strstr(err.text, "b:2"));
		}
		settings_free(&settings);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keys_are_unique_in_their_section),
		cmocka_unit_test(options_are_unique),
		cmocka_unit_test(environment_names_are_unique),
		cmocka_unit_test(environment_names),
		cmocka_unit_test(the_table_is_whole),
		cmocka_unit_test(defaults_parse_and_pass),
		cmocka_unit_test(values_of_every_kind),
		cmocka_unit_test(kinds_of_size),
		cmocka_unit_test(none_and_off),
		cmocka_unit_test(none_stands_over_a_lower_layer),
		cmocka_unit_test(a_bad_value_leaves_the_old_one),
		cmocka_unit_test(rates),
		cmocka_unit_test(a_rate_can_be_taken_back),
		cmocka_unit_test(lists_split),
		cmocka_unit_test(lists_grow_in_a_layer_and_are_replaced_by_the_next),
		cmocka_unit_test(lists_are_copied_whole),
		cmocka_unit_test(lists_and_texts_have_an_end),
		cmocka_unit_test(ranges),
		cmocka_unit_test(memory_high_is_not_above_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
