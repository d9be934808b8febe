/* SPDX-License-Identifier: MIT */
/* The messages between resrunctl and a launcher, and what a request may change. */
#include "fixtures.h"

#include "base/fd.h"
#include "base/message.h"
#include "policy/steer.h"

static void a_request_comes_back_as_it_was(void **state)
{
	struct steer_request sent = { .verb = STEER_SET, .id = "abc123", .until_ns = UINT64_MAX };
	struct steer_request got;
	char text[STEER_MESSAGE_MAX];
	struct rr_err err;

	(void)state;
	assert_int_equal(steer_add(&sent, "memory=2G", &err), 0);
	assert_int_equal(steer_add(&sent, "io_max=/a b=c rbps=1M", &err), 0);
	assert_true(steer_parse(text, steer_format(&sent, text), &got));
	assert_int_equal(got.verb, STEER_SET);
	assert_string_equal(got.id, "abc123");
	assert_true(got.until_ns == UINT64_MAX);
	assert_string_equal(got.changes, "memory=2G\nio_max=/a b=c rbps=1M\n");
	for (int verb = 0; verb < STEER_VERBS_N; verb++) {
		sent = (struct steer_request){ .verb = verb, .id = "a" };
		assert_true(steer_parse(text, steer_format(&sent, text), &got));
		assert_int_equal(got.verb, verb);
	}
}

static void what_is_no_request_is_told_apart(void **state)
{
	static const char *const none[] = {
		"",
		"\n",
		"x",
		"resrun-steer-1",
		"resrun-steer-1\n",
		"resrun-steer-1\nid\n",
		"resrun-steer-1\nid\n5\n",
		"resrun-steer-1\nid\n5\ncancel",
		"resrun-steer-1\nid\n5\nexplode\n",
		"resrun-steer-1\nid\nsoon\ncancel\n",
		"resrun-steer-1\nid\n-5\ncancel\n",
		"resrun-steer-1\n\n5\ncancel\n",
		"resrun-steer-2\nid\n5\ncancel\n",
		"resrun-steer-1\nan-id-that-is-too-long\n5\ncancel\n",
	};
	char text[STEER_MESSAGE_MAX + 1];
	struct steer_request got;

	(void)state;
	for (size_t i = 0; i < COUNT(none); i++)
		if (steer_parse(none[i], strlen(none[i]), &got))
			fail_msg("taken for a request: %s", none[i]);
	assert_false(steer_parse("resrun-steer-1\nid\n5\ncan\0cel\n", 30, &got));
	memset(text, 'x', sizeof(text));
	assert_false(steer_parse(text, sizeof(text), &got));
	memcpy(text, "resrun-steer-1\nid\n5\nset\n", 24);
	assert_false(steer_parse(text, STEER_MESSAGE_MAX, &got));
}

static void an_answer_comes_back_as_it_was(void **state)
{
	struct steer_answer sent = { .done = true }, got;
	char text[STEER_WORDS + 8];

	(void)state;
	memset(sent.words, 'w', sizeof(sent.words) - 1);
	assert_true(steer_parse_answer(text, steer_format_answer(&sent, text), &got));
	assert_true(got.done);
	assert_string_equal(got.words, sent.words);
	sent = (struct steer_answer){ .done = false, .words = "no\nreason" };
	assert_true(steer_parse_answer(text, steer_format_answer(&sent, text), &got));
	assert_false(got.done);
	assert_string_equal(got.words, "no\nreason");
	assert_false(steer_parse_answer("done", 4, &got));
	assert_false(steer_parse_answer("maybe\n", 6, &got));
	assert_false(steer_parse_answer(text, 0, &got));
}

static const struct {
	const char *change;
	const char *words; /* NULL: it is taken */
} changes[] = {
	{ "memory=2G", NULL },
	{ "memory=50%", NULL },
	{ "memory_high=1G", NULL },
	{ "memory-high=1G", NULL },
	{ "memory=none", NULL },
	{ "swap=0", NULL },
	{ "cpus=1.5", NULL },
	{ "cpu_weight=10000", NULL },
	{ "pids=7", NULL },
	{ "io_weight=1", NULL },
	{ "io_max=/data rbps=50M", NULL },
	{ "timeout=1h30m", NULL },
	{ "priority=critical", NULL },
	{ "memory", "'memory' is not of the form KEY=VALUE" },
	{ "=2G", "is nothing that can be set" },
	{ "retries=2", "there are memory, memory_high, swap, cpus" },
	{ "memory=auto", "'auto' is for a job that has not begun" },
	{ "memory=5", "did a unit get lost?" },
	{ "memory=much", "memory: " },
	{ "cpus=0.001", "less than 0.01" },
	{ "cpu_weight=10001", "not between 1 and 10000" },
	{ "pids=0", "not between 1 and" },
	{ "priority=urgent", "priority: " },
	{ "timeout=yesterday", "timeout: " },
};

static void what_may_be_set_and_to_what(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(changes); i++) {
		struct steer_request request = { .verb = STEER_SET };
		struct settings settings;
		struct rr_err err = { "" };
		int r = steer_add(&request, changes[i].change, &err);

		if (r == 0)
			r = steer_settings(&request, &settings, &err);
		if ((r == 0) != !changes[i].words ||
		    (changes[i].words && !strstr(err.text, changes[i].words)))
			fail_msg("%s: %d %s", changes[i].change, r, err.text);
		settings_free(&settings);
	}
}

static void changes_are_checked_together_and_bounded(void **state)
{
	struct steer_request request = { .verb = STEER_SET };
	struct settings settings;
	struct rr_err err;
	int n = 0;

	(void)state;
	assert_int_equal(steer_add(&request, "memory=1G", &err), 0);
	assert_int_equal(steer_add(&request, "memory_high=2G", &err), 0);
	assert_int_equal(steer_settings(&request, &settings, &err), -EINVAL);
	assert_non_null(strstr(err.text, "is above memory"));
	settings_free(&settings);
	assert_int_equal(steer_add(&request, "memory=1G\nid", &err), -EINVAL);
	while (steer_add(&request, "memory_high=500M", &err) == 0)
		n++;
	assert_in_range(n, 50, STEER_SIZE / 10);
	assert_int_equal(steer_settings(&request, &settings, &err), 0);
	assert_true(settings_integer(&settings, SET_MEMORY_HIGH) == 500U << 20);
	settings_free(&settings);
}

static void a_message_says_whose_it_is(void **state)
{
	char mine[MESSAGE_NAME_SIZE], other[MESSAGE_NAME_SIZE], text[8];
	rr_autofd int a = -1, b = -1;
	struct message_sender from;

	(void)state;
	assert_int_equal(message_open(&a, mine), 0);
	assert_int_equal(message_open(&b, other), 0);
	assert_int_equal(message_receive(b, text, sizeof(text), &from), -EAGAIN);
	assert_int_equal(message_send(a, other, "hello there", 11), 0);
	assert_int_equal(message_receive(b, text, sizeof(text), &from), sizeof(text));
	assert_memory_equal(text, "hello th", sizeof(text));
	assert_memory_equal(from.name, mine, sizeof(mine));
	assert_true(from.known);
	assert_int_equal(from.pid, getpid());
	assert_int_equal(from.uid, getuid());
	rr_fd_close(&b);
	assert_int_equal(message_send(a, other, "", 1), -ECONNREFUSED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_request_comes_back_as_it_was),
		cmocka_unit_test(what_is_no_request_is_told_apart),
		cmocka_unit_test(an_answer_comes_back_as_it_was),
		cmocka_unit_test(what_may_be_set_and_to_what),
		cmocka_unit_test(changes_are_checked_together_and_bounded),
		cmocka_unit_test(a_message_says_whose_it_is),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
