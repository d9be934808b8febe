/* SPDX-License-Identifier: MIT */
/* For how long nothing has run or waited, wherever the clock on the wall went. */
#include "fixtures.h"

#include <stdbool.h>

#include "base/clock.h"
#include "policy/idle.h"

#define S ((int64_t)RR_NS_PER_S)
#define WALL (UINT64_C(1700000000) * RR_NS_PER_S) /* when the clock that runs said 0 */

static void since_when(void **state)
{
	static const struct {
		const char *what;
		bool has_before, before_active;
		int64_t looked_s, before_since_s;
		const char *before_id;
		int64_t now_s; /* on the clock that runs */
		int64_t set_s; /* by how much the other one was set */
		int64_t ended_s; /* as that one said */
		const char *id;
		bool active;
		int64_t since_s;
	} rows[] = {
		{ "the first look", false, false, 0, 0, "", 100, 0, 40, "a", false, 40 },
		{ "before the boot", false, false, 0, 0, "", 100, 0, -900, "a", false, -900 },
		{ "an end that is to come", false, false, 0, 0, "", 100, -1000, 40, "a", false,
		  100 },
		{ "the same one", true, false, 90, 40, "a", 100, 0, 40, "a", false, 40 },
		{ "the same one, clock set back", true, false, 90, 40, "a", 100, -5000, 40, "a",
		  false, 40 },
		{ "the same one, clock set forward", true, false, 90, 40, "a", 100, 5000, 40, "a",
		  false, 40 },
		{ "another one", true, false, 90, 40, "a", 100, 0, 95, "b", false, 95 },
		{ "another one, clock set forward", true, false, 90, 40, "a", 100, 5000, 95, "b",
		  false, 90 },
		{ "another one, clock set back", true, false, 90, 40, "a", 100, -5000, 95, "b",
		  false, 100 },
		{ "somebody is there", false, false, 0, 0, "", 100, 0, 40, "a", true, 100 },
		{ "somebody was there, and left no record", true, true, 90, 90, "a", 100, 0, 40,
		  "a", false, 90 },
		{ "somebody was there, and ended", true, true, 90, 90, "a", 100, 0, 97, "b", false,
		  97 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct idle_look look, before = { .looked_ns = (uint64_t)(rows[i].looked_s * S),
						  .since_ns = rows[i].before_since_s * S,
						  .active = rows[i].before_active };
		struct idle_seen seen = {
			.now_boot_ns = (uint64_t)(rows[i].now_s * S),
			.now_wall_ns =
				(uint64_t)((int64_t)WALL + (rows[i].now_s + rows[i].set_s) * S),
			.last_wall_ns = (uint64_t)((int64_t)WALL + rows[i].ended_s * S),
			.last_id = rows[i].id,
			.active = rows[i].active,
		};

		memcpy(before.last_id, rows[i].before_id, strlen(rows[i].before_id) + 1);
		idle_judge(rows[i].has_before ? &before : NULL, &seen, &look);
		if (look.since_ns != rows[i].since_s * S || look.active != rows[i].active ||
		    strcmp(look.last_id, rows[i].id) != 0)
			fail_msg("%s: since %lld", rows[i].what, (long long)(look.since_ns / S));
		assert_int_equal(idle_for_ns(&look), (rows[i].now_s - rows[i].since_s) * S);
	}
}

static void nothing_ever_was(void **state)
{
	struct idle_seen seen = { .now_boot_ns = 100, .now_wall_ns = WALL, .last_id = "" };
	struct idle_look look, next;

	(void)state;
	idle_judge(NULL, &seen, &look);
	assert_true(idle_for_ns(&look) == UINT64_MAX);
	idle_judge(&look, &seen, &next);
	assert_true(idle_for_ns(&next) == UINT64_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(since_when),
					    cmocka_unit_test(nothing_ever_was) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
