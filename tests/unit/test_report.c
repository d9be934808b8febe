/* SPDX-License-Identifier: MIT */
/* The report: its names and their order, what is null when, and text of any bytes. */
#include "fixtures.h"

#include <stdbool.h>

#include "base/clock.h"
#include "policy/report.h"

#define S RR_NS_PER_S

/* The names at each level, in the order in which they are written. They only grow: append here. */
static const char *const top[] = {
	"schema",     "job_id",
	"name",	      "profile",
	"key",	      "command",
	"cwd",	      "user",
	"host",	      "submitted_at",
	"started_at", "ended_at",
	"waited_s",   "waited_for",
	"attempt",    "first_job_id",
	"placement",  "limits",
	"exit",	      "usage",
	"pressed",    "leftover_processes",
	"hooks",      "sweep",
};
static const char *const exit_names[] = { "reason",    "code",	  "oom_limit",
					  "timeout_s", "message", "signal" };
static const char *const usage_names[] = {
	"wall_s",
	"cpu_s",
	"cpu_user_s",
	"cpu_system_s",
	"memory_peak_bytes",
	"memory_working_peak_bytes",
	"io_read_bytes",
	"io_write_bytes",
	"pids_peak",
	"oom_kills",
	"throttled_s",
	"frozen_s",
	"pressed_s",
	"temp_peak_bytes", /* only of a job with a private directory */
};
static const char *const sweep_names[] = { "files", "bytes" };
static const char *const limit_names[] = { "requested", "enforced" };
static const char *const hook_names[] = { "event", "status", "wall_s" };

static void assert_names(const json_t *object, const char *const *names, size_t n)
{
	size_t at = 0;
	void *iter = json_object_iter((json_t *)(uintptr_t)object);

	for (; iter; iter = json_object_iter_next((json_t *)(uintptr_t)object, iter), at++) {
		assert_true(at < n);
		assert_string_equal(json_object_iter_key(iter), names[at]);
	}
	assert_int_equal(at, n);
}

static json_t *get(const json_t *object, const char *name)
{
	json_t *value = json_object_get(object, name);

	if (!value)
		fail_msg("no '%s'", name);
	return value;
}

/* The value as compact text. */
static void assert_json(const json_t *object, const char *name, const char *expected)
{
	char *text = json_dumps(get(object, name),
				JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION(9));

	if (strcmp(text, expected) != 0)
		fail_msg("%s: %s, not %s", name, text, expected);
	free(text);
}

static void names_and_their_order(void **state)
{
	struct report report;
	json_t *json;

	(void)state;
	report_clear(&report);
	report.limits[0] = (struct report_limit){ "memory", 1, NULL, "cgroup" };
	report.n_limits = 1;
	report.hooks[0] = (struct report_hook){ "before", 0, 0 };
	report.n_hooks = 1;
	report.usage.temp_peak_bytes = 1;
	json = report_to_json(&report);
	assert_names(json, top, COUNT(top));
	assert_names(get(json, "exit"), exit_names, COUNT(exit_names));
	assert_names(get(json, "usage"), usage_names, COUNT(usage_names));
	assert_names(get(json, "sweep"), sweep_names, COUNT(sweep_names));
	assert_names(get(get(json, "limits"), "memory"), limit_names, COUNT(limit_names));
	assert_names(json_array_get(get(json, "hooks"), 0), hook_names, COUNT(hook_names));
	json_decref(json);
}

static void what_is_not_known_is_null(void **state)
{
	static const char *const nulls[] = { "job_id",	 "name",	 "profile",
					     "key",	 "cwd",		 "user",
					     "host",	 "submitted_at", "started_at",
					     "ended_at", "placement",	 "leftover_processes" };
	struct report report;
	json_t *json;

	(void)state;
	report_clear(&report);
	json = report_to_json(&report);
	for (size_t i = 0; i < COUNT(nulls); i++)
		assert_json(json, nulls[i], "null");
	assert_names(get(json, "usage"), usage_names, COUNT(usage_names) - 1);
	for (size_t i = 0; i < COUNT(usage_names) - 1; i++)
		assert_json(get(json, "usage"), usage_names[i], "null");
	assert_json(json, "schema", "1");
	assert_json(json, "command", "[]");
	assert_json(json, "waited_s", "0.0");
	assert_json(json, "waited_for", "[]");
	assert_json(json, "attempt", "1");
	assert_json(json, "limits", "{}");
	assert_json(json, "hooks", "[]");
	assert_json(json, "exit",
		    "{\"reason\":\"exited\",\"code\":null,\"oom_limit\":null,"
		    "\"timeout_s\":null,\"message\":null,\"signal\":null}");
	assert_json(json, "sweep", "{\"files\":0,\"bytes\":0}");
	json_decref(json);
}

static void a_full_report(void **state)
{
	char arg0[] = "make", arg1[] = "-j \"4\"";
	char *command[] = { arg0, arg1, NULL };
	struct report report;
	json_t *json;

	(void)state;
	report_clear(&report);
	report.job_id = "abc";
	report.name = "build";
	report.profile = "p";
	report.key = "k";
	report.command = command;
	report.cwd = "/w";
	report.user = "u";
	report.host = "h";
	report.submitted_wall_ns = UINT64_C(1769860800) * S;
	report.started_wall_ns = UINT64_C(1769860801) * S + 5000000;
	report.ended_wall_ns = UINT64_C(1769860802) * S;
	report.waited_ns = 1500000000;
	report.waited_for = WAITED_SLOT | WAITED_PRESSURE | WAITED_DEPENDENCY;
	report.attempt = 3;
	report.placement = "systemd";
	report.limits[0] = (struct report_limit){ "memory", 4294967296.0, NULL, "cgroup" };
	report.limits[1] = (struct report_limit){ "cpu", 1.5, NULL, "affinity" };
	report.limits[2] = (struct report_limit){ "io_max", 0, "/ rbps=5", "none" };
	report.n_limits = 3;
	report.reason = EXIT_SIGNALED;
	report.code = 137;
	report.signal = 9;
	report.timeout_ns = 1500000000;
	report.usage = (struct report_usage){ .wall_ns = 2 * S,
					      .cpu_us = 1500000,
					      .cpu_user_us = 1,
					      .memory_peak_bytes = 7,
					      .pids_peak = 3,
					      .io_read_bytes = REPORT_UNKNOWN };
	report.leftover_processes = 2;
	report.hooks[0] = (struct report_hook){ "before", 0, 250000000 };
	report.hooks[1] = (struct report_hook){ "after", 137, S };
	report.n_hooks = 2;
	report.sweep_files = 5;
	report.sweep_bytes = 6;
	json = report_to_json(&report);
	assert_json(json, "job_id", "\"abc\"");
	assert_json(json, "command", "[\"make\",\"-j \\\"4\\\"\"]");
	assert_json(json, "submitted_at", "\"2026-01-31T12:00:00.000Z\"");
	assert_json(json, "started_at", "\"2026-01-31T12:00:01.005Z\"");
	assert_json(json, "waited_s", "1.5");
	assert_json(json, "waited_for", "[\"slot\",\"pressure\",\"dependency\"]");
	assert_json(json, "attempt", "3");
	assert_json(json, "placement", "\"systemd\"");
	assert_json(json, "limits",
		    "{\"memory\":{\"requested\":4294967296,\"enforced\":\"cgroup\"},"
		    "\"cpu\":{\"requested\":1.5,\"enforced\":\"affinity\"},"
		    "\"io_max\":{\"requested\":\"/ rbps=5\",\"enforced\":\"none\"}}");
	assert_json(json, "exit",
		    "{\"reason\":\"signaled\",\"code\":137,\"oom_limit\":null,"
		    "\"timeout_s\":1.5,\"message\":null,\"signal\":9}");
	assert_json(get(json, "usage"), "wall_s", "2.0");
	assert_json(get(json, "usage"), "cpu_s", "1.5");
	assert_json(get(json, "usage"), "memory_peak_bytes", "7");
	assert_json(get(json, "usage"), "io_read_bytes", "null");
	assert_json(json, "leftover_processes", "2");
	assert_json(json, "hooks",
		    "[{\"event\":\"before\",\"status\":0,\"wall_s\":0.25},"
		    "{\"event\":\"after\",\"status\":137,\"wall_s\":1.0}]");
	assert_json(json, "sweep", "{\"files\":5,\"bytes\":6}");
	json_decref(json);
}

static void reasons_and_waits(void **state)
{
	static const struct {
		enum exit_reason reason;
		const char *name;
	} reasons[] = {
		{ EXIT_EXITED, "exited" },
		{ EXIT_SIGNALED, "signaled" },
		{ EXIT_TIMEOUT, "timeout" },
		{ EXIT_OOM, "oom" },
		{ EXIT_CANCELED, "canceled" },
		{ EXIT_STALLED, "stalled" },
		{ EXIT_NOT_ADMITTED, "not-admitted" },
		{ EXIT_NOT_STARTED, "not-started" },
		{ EXIT_LOST, "lost" },
	};
	static const struct {
		unsigned bit;
		const char *name;
	} waits[] = {
		{ WAITED_SLOT, "slot" },
		{ WAITED_RATE, "rate" },
		{ WAITED_CPU, "cpu" },
		{ WAITED_MEMORY, "memory" },
		{ WAITED_DISK, "disk" },
		{ WAITED_PRESSURE, "pressure" },
		{ WAITED_DEPENDENCY, "dependency" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(reasons); i++)
		assert_string_equal(exit_reason_name(reasons[i].reason), reasons[i].name);
	assert_int_equal(COUNT(waits), WAITED_N);
	for (unsigned i = 0; i < WAITED_N; i++) {
		assert_int_equal(waits[i].bit, 1U << i);
		assert_string_equal(waited_for_name(i), waits[i].name);
	}
}

static void exit_code_zero_is_not_null(void **state)
{
	struct report report;
	json_t *json;

	(void)state;
	report_clear(&report);
	report.code = 0;
	json = report_to_json(&report);
	assert_json(json, "exit",
		    "{\"reason\":\"exited\",\"code\":0,\"oom_limit\":null,"
		    "\"timeout_s\":null,\"message\":null,\"signal\":null}");
	json_decref(json);
}

#define BAD "\xef\xbf\xbd"

static void text_of_any_bytes(void **state)
{
	static const struct {
		const char *text, *expected;
	} rows[] = {
		{ "", "" },
		{ "plain", "plain" },
		{ "quote\" back\\ tab\t", "quote\" back\\ tab\t" },
		{ "caf\xc3\xa9", "caf\xc3\xa9" },
		{ "\xe2\x82\xac \xf0\x9f\x8e\x89", "\xe2\x82\xac \xf0\x9f\x8e\x89" },
		{ "caf\xe9", "caf" BAD },
		{ "\xff\xfe", BAD BAD },
		{ "a\x80z", "a" BAD "z" },
		/* Cut short, at the end and in the middle. */
		{ "a\xc3", "a" BAD },
		{ "a\xe2\x82", "a" BAD BAD },
		{ "\xe2\x82z", BAD BAD "z" },
		{ "\xf0\x9f\x8e", BAD BAD BAD },
		{ "\xf0\x9f\x8ez\xc3\xa9", BAD BAD BAD "z\xc3\xa9" },
		/* Overlong, surrogates, past the end of Unicode: only their own bytes are lost. */
		{ "caf\xc3\xa9 \xed\xa0\x80.txt", "caf\xc3\xa9 " BAD BAD BAD ".txt" },
		{ "a\xc0\x80z", "a" BAD BAD "z" },
		{ "a\xe0\x80\x80z", "a" BAD BAD BAD "z" },
		{ "a\xf0\x80\x80\x80z", "a" BAD BAD BAD BAD "z" },
		{ "a\xf4\x90\x80\x80z", "a" BAD BAD BAD BAD "z" },
		{ "a\xf5\x80\x80\x80z", "a" BAD BAD BAD BAD "z" },
		{ "\xe0\xa0\x80\xed\x9f\xbf\xf4\x8f\xbf\xbf",
		  "\xe0\xa0\x80\xed\x9f\xbf\xf4\x8f\xbf\xbf" },
		{ "\x7f\x01", "\x7f\x01" },
	};

	(void)state;
	assert_true(json_is_null(report_string(NULL)));
	for (size_t i = 0; i < COUNT(rows); i++) {
		json_t *string = report_string(rows[i].text);

		assert_true(json_is_string(string));
		if (strcmp(json_string_value(string), rows[i].expected) != 0)
			fail_msg("row %zu: '%s'", i, json_string_value(string));
		json_decref(string);
	}
}

/* Whatever the bytes of an argument are: a string comes out, its ASCII untouched and in order. */
static void random_bytes_become_a_report(void **state)
{
	uint64_t seed = 12;

	(void)state;
	for (int round = 0; round < 20000; round++) {
		static const unsigned char odd[] = {
			0xc2, 0xc3, 0xe0, 0xe2, 0xed, 0xf0, 0xf4, 0x80,
			0x8f, 0x9f, 0xa0, 0xbf, 0xff, 'a',  'z',  0xef
		};
		char arg[24], ascii_in[24] = "", ascii_out[24] = "";
		char *command[] = { arg, NULL };
		size_t length = fixture_below(&seed, sizeof(arg)), n = 0;
		struct report report;
		const char *out;
		json_t *json;

		for (size_t i = 0; i < length; i++) {
			arg[i] = (char)odd[fixture_below(&seed, sizeof(odd))];
			if (!((unsigned char)arg[i] & 0x80))
				ascii_in[n++] = arg[i];
		}
		arg[length] = '\0';
		report_clear(&report);
		report.command = command;
		json = report_to_json(&report);
		out = json_string_value(json_array_get(get(json, "command"), 0));
		assert_non_null(out);
		n = 0;
		for (; *out; out++)
			if (!((unsigned char)*out & 0x80))
				ascii_out[n++] = *out;
		assert_string_equal(ascii_in, ascii_out);
		json_decref(json);
	}
}

static void the_most_that_fits(void **state)
{
	static const char *const names[REPORT_LIMITS_MAX] = { "memory",	   "memory_high", "swap",
							      "cpu",	   "cpu_weight",  "pids",
							      "io_weight", "io_max",	  "temp" };
	struct report report;
	json_t *json;

	(void)state;
	report_clear(&report);
	for (size_t i = 0; i < REPORT_LIMITS_MAX; i++)
		report.limits[i] = (struct report_limit){ names[i], 1, NULL, "cgroup" };
	report.n_limits = REPORT_LIMITS_MAX;
	for (size_t i = 0; i < REPORT_HOOKS_MAX; i++)
		report.hooks[i] = (struct report_hook){ "after", (int)i, S };
	report.n_hooks = REPORT_HOOKS_MAX;
	json = report_to_json(&report);
	assert_names(get(json, "limits"), names, REPORT_LIMITS_MAX);
	assert_int_equal(json_array_size(get(json, "hooks")), REPORT_HOOKS_MAX);
	json_decref(json);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_and_their_order),
		cmocka_unit_test(what_is_not_known_is_null),
		cmocka_unit_test(a_full_report),
		cmocka_unit_test(reasons_and_waits),
		cmocka_unit_test(exit_code_zero_is_not_null),
		cmocka_unit_test(text_of_any_bytes),
		cmocka_unit_test(random_bytes_become_a_report),
		cmocka_unit_test(the_most_that_fits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
