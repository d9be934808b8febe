/* SPDX-License-Identifier: MIT */
/* policy/retry_on: a table of words, ends and verdicts; and the next memory limit. */
#include "policy/retry_on.h"

#include <signal.h>

#include "policy/settings.h"
#include "tests/unit/fixtures.h"

#define MIB (UINT64_C(1) << 20)

/* As the settings would have split the text; NULL: not set. */
static char *const *split(struct settings *settings, const char *text)
{
	struct rr_err err;

	settings_free(settings);
	if (text)
		assert_int_equal(settings_set(settings, SET_RETRY_ON, text, "x", &err), 0);
	return settings_list(settings, SET_RETRY_ON);
}

static bool again_after(const char *text, enum exit_reason reason, int code, int signal)
{
	struct settings settings = { 0 };
	bool again = retry_on_matches(split(&settings, text), reason, code, signal);

	settings_free(&settings);
	return again;
}

static void test_check(void **state)
{
	static const char good[] = "1 255,10-20 7-7 KILL sigterm SIGUSR1 signal OOM timeout "
				   "stalled failure";
	static const char *const bad[] = { "0",	   "256", "20-10",  "1-256",  "-3",
					   "3-",   "SIG", "KILLED", "exited", "canceled",
					   "lost", "x",	  "1--2",   "+1",     "not-started" };
	struct settings settings = { 0 };
	struct rr_err err = { "" };

	(void)state;
	assert_int_equal(retry_on_check(split(&settings, good), &err), 0);
	assert_int_equal(retry_on_check(split(&settings, NULL), &err), 0);
	for (size_t i = 0; i < COUNT(bad); i++) {
		char words[64], quoted[64];

		(void)snprintf(words, sizeof(words), "oom,%s", bad[i]);
		(void)snprintf(quoted, sizeof(quoted), "'%s'", bad[i]);
		if (retry_on_check(split(&settings, words), &err) == 0)
			fail_msg("'%s' is taken", bad[i]);
		assert_non_null(strstr(err.text, quoted));
	}
	settings_free(&settings);
}

static void test_matches(void **state)
{
	static const struct {
		const char *word; /* NULL: none */
		enum exit_reason reason;
		int code, signal;
		bool again;
	} table[] = {
		{ NULL, EXIT_EXITED, 0, 0, false },
		{ NULL, EXIT_EXITED, 1, 0, true },
		{ NULL, EXIT_EXITED, 125, 0, true },
		{ NULL, EXIT_EXITED, 126, 0, false },
		{ NULL, EXIT_EXITED, 127, 0, false },
		{ NULL, EXIT_EXITED, 128, 0, true },
		{ NULL, EXIT_SIGNALED, -1, SIGSEGV, true },
		{ NULL, EXIT_OOM, -1, SIGKILL, true },
		{ NULL, EXIT_TIMEOUT, -1, SIGTERM, true },
		{ NULL, EXIT_TIMEOUT, 0, 0, true },
		{ NULL, EXIT_STALLED, -1, SIGKILL, true },
		{ NULL, EXIT_CANCELED, -1, SIGTERM, false },
		{ NULL, EXIT_LOST, -1, 0, false },
		{ NULL, EXIT_NOT_ADMITTED, 75, 0, false },
		{ NULL, EXIT_NOT_STARTED, 125, 0, false },
		{ "failure", EXIT_EXITED, 1, 0, true },
		{ "failure", EXIT_EXITED, 127, 0, false },
		{ "failure", EXIT_CANCELED, -1, SIGTERM, false },
		{ "3", EXIT_EXITED, 3, 0, true },
		{ "3", EXIT_EXITED, 4, 0, false },
		{ "3", EXIT_TIMEOUT, 3, 0, false },
		{ "10-20", EXIT_EXITED, 9, 0, false },
		{ "10-20", EXIT_EXITED, 10, 0, true },
		{ "10-20", EXIT_EXITED, 20, 0, true },
		{ "10-20", EXIT_EXITED, 21, 0, false },
		/* Asked for by number, even these. */
		{ "127", EXIT_EXITED, 127, 0, true },
		{ "SEGV", EXIT_SIGNALED, -1, SIGSEGV, true },
		{ "SIGSEGV", EXIT_SIGNALED, -1, SIGBUS, false },
		{ "signal", EXIT_SIGNALED, -1, SIGBUS, true },
		{ "signal", EXIT_EXITED, 1, 0, false },
		/* How it died for memory or time is not its own doing. */
		{ "KILL", EXIT_OOM, -1, SIGKILL, false },
		{ "signal", EXIT_TIMEOUT, -1, SIGTERM, false },
		{ "oom", EXIT_OOM, -1, SIGKILL, true },
		{ "oom", EXIT_SIGNALED, -1, SIGKILL, false },
		{ "timeout", EXIT_TIMEOUT, 1, 0, true },
		{ "stalled", EXIT_STALLED, -1, SIGKILL, true },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(table); i++)
		if (again_after(table[i].word, table[i].reason, table[i].code, table[i].signal) !=
		    table[i].again)
			fail_msg("row %zu: %s after %s %d/%d", i,
				 table[i].word ? table[i].word : "(default)",
				 exit_reason_name(table[i].reason), table[i].code, table[i].signal);
	assert_true(again_after("3 oom", EXIT_OOM, -1, SIGKILL));
	assert_true(again_after("3 oom", EXIT_EXITED, 3, 0));
	assert_false(again_after("3 oom", EXIT_EXITED, 1, 0));
}

static void test_memory(void **state)
{
	static const struct {
		uint64_t bytes, total, next;
	} table[] = {
		{ 10 * MIB, 0, 110 * MIB },
		{ 500 * MIB, 0, 600 * MIB },
		{ 1000 * MIB, 0, 1200 * MIB },
		{ 1000 * MIB, 1100 * MIB, 1100 * MIB },
		{ 1000 * MIB, 1000 * MIB, 1000 * MIB },
		{ 2000 * MIB, 1000 * MIB, 2000 * MIB },
		{ 10 * MIB + 1, 0, 110 * MIB + 4096 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(table); i++)
		assert_int_equal(retry_memory(table[i].bytes, table[i].total), table[i].next);
	/* At least both steps, whatever it was. */
	for (uint64_t bytes = 1; bytes < UINT64_MAX / 4; bytes = bytes * 2 + 1) {
		uint64_t next = retry_memory(bytes, 0);

		assert_true(next >= bytes + 100 * MIB);
		assert_true(next >= bytes + bytes / 5);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_check),
		cmocka_unit_test(test_matches),
		cmocka_unit_test(test_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
