/* SPDX-License-Identifier: MIT */
/* A tree brought down to a size, oldest first. */
#include "tests/helpers/sweep_world.h"

#include "base/sweep_plan.h"

/* ---- down to a size ---- */

#define PIECE 65536

static void put_piece(struct world *world, const char *name, uint64_t ago_ns)
{
	int fd = openat(world->fd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);

	assert_true(fd >= 0);
	assert_int_equal(fallocate(fd, 0, 0, PIECE), 0);
	assert_int_equal(close(fd), 0);
	touch(world, name, ago_ns);
}

static void test_a_plan_finds_the_point(void **state)
{
	static struct sweep_plan plan;
	struct sweep_window window = { 0 };
	const uint64_t width = 10 * RR_NS_PER_S, from = 1000 * RR_NS_PER_S;
	uint64_t until = from + SWEEP_PLAN_BUCKETS * (width - 1);

	(void)state;
	sweep_plan_start(&plan, from, until);
	assert_int_equal(plan.width_ns, width);
	sweep_plan_add(&plan, from, 1000); /* not after it */
	sweep_plan_add(&plan, from + 1, 5);
	sweep_plan_add(&plan, from + width, 6);
	sweep_plan_add(&plan, from + width + 1, 7);
	sweep_plan_add(&plan, from + 3 * width, 8);
	sweep_plan_add(&plan, UINT64_MAX, 1000); /* beyond it */
	assert_int_equal(plan.bytes[0], 11);
	assert_int_equal(plan.bytes[1], 7);
	assert_int_equal(plan.bytes[2], 8);
	/* One file in the bucket: exact enough. */
	assert_true(sweep_plan_cut(&plan, 12, &window));
	assert_int_equal(window.edge_ns, from + width);
	assert_int_equal(window.until_ns, from + 2 * width);
	assert_int_equal(window.budget_bytes, 1);
	assert_true(sweep_plan_cut(&plan, 18, &window));
	assert_int_equal(window.until_ns, from + 2 * width);
	assert_int_equal(window.budget_bytes, 7);
	/* Not as many bytes: all of it. */
	assert_true(sweep_plan_cut(&plan, 27, &window));
	assert_int_equal(window.edge_ns, from + SWEEP_PLAN_BUCKETS * width);
	assert_int_equal(window.until_ns, window.edge_ns);
	/* Two files in the bucket: another walk. */
	assert_false(sweep_plan_cut(&plan, 6, &window));
	assert_int_equal(plan.from_ns, from);
	assert_int_equal(plan.older_bytes, 0);
	sweep_plan_add(&plan, from + 1, 5);
	sweep_plan_add(&plan, from + width, 6);
	assert_true(sweep_plan_cut(&plan, 6, &window));
	assert_in_range(window.until_ns, from + width, from + width + RR_NS_PER_MS);
	assert_int_equal(window.budget_bytes, 1);
}

static void test_the_oldest_go_until_it_fits(void **state)
{
	struct world *world = *state;
	char name[16];

	world->rules.age_ns = RR_TIME_INF;
	for (int i = 1; i <= 40; i++) {
		/* In an order that no directory has. */
		(void)snprintf(name, sizeof(name), "%d", i * 17 % 41);
		put_piece(world, name, (uint64_t)(i * 17 % 41) * RR_NS_PER_S);
	}
	world->rules.max_bytes = 10 * PIECE + 100;
	sweep(world);
	assert_int_equal(world->result.files, 30);
	assert_int_equal(world->result.left, 10);
	assert_true(world->result.left_bytes <= world->rules.max_bytes);
	assert_true(world->result.complete);
	for (int i = 1; i <= 40; i++) {
		(void)snprintf(name, sizeof(name), "%d", i);
		assert_int_equal(exists(world, name), i <= 10);
	}
	assert_count(world, SWEEP_YOUNG, 10);
	assert_count(world, SWEEP_REMOVED, 30);
}

static void test_what_fits_stays(void **state)
{
	struct world *world = *state;

	world->rules.age_ns = RR_TIME_INF;
	put_piece(world, "a", HOUR);
	put_piece(world, "b", 2 * HOUR);
	world->rules.max_bytes = 2 * PIECE;
	sweep(world);
	assert_int_equal(world->result.left, 2);
	world->rules.max_bytes = 2 * PIECE - 1;
	sweep(world);
	assert_true(exists(world, "a"));
	assert_false(exists(world, "b"));
}

static void test_files_of_one_age_go_no_further_than_needed(void **state)
{
	struct world *world = *state;
	char name[16];

	world->rules.age_ns = RR_TIME_INF;
	for (int i = 0; i < 20; i++) {
		(void)snprintf(name, sizeof(name), "%d", i);
		put_piece(world, name, HOUR);
	}
	world->rules.max_bytes = 15 * PIECE;
	sweep(world);
	assert_int_equal(world->result.files, 5);
}

static void test_when_the_oldest_resist_the_next_go(void **state)
{
	struct world *world = *state;
	const char *keep[] = { "kept", NULL };
	int fd;

	world->rules.age_ns = RR_TIME_INF;
	world->rules.keep = keep;
	put_piece(world, "kept", 10 * HOUR);
	put_piece(world, "open", 9 * HOUR);
	put_piece(world, "old", 8 * HOUR);
	put_piece(world, "young", 7 * HOUR);
	fd = open_in(world, "open", O_RDONLY);
	world->rules.max_bytes = 3 * PIECE;
	sweep(world);
	assert_true(exists(world, "kept") && exists(world, "open") && exists(world, "young"));
	assert_false(exists(world, "old"));
	assert_count(world, SWEEP_OPEN, 1);
	assert_count(world, SWEEP_KEPT, 1);
	assert_count(world, SWEEP_YOUNG, 1);
	assert_int_equal(close(fd), 0);
}

static void test_size_never_takes_what_is_fresh(void **state)
{
	struct world *world = *state;

	world->rules.age_ns = RR_TIME_INF;
	put_piece(world, "fresh", HOUR);
	put_piece(world, "stale", 3 * HOUR);
	world->rules.max_bytes = 1;
	world->rules.fresh_ns = 2 * HOUR;
	sweep(world);
	assert_true(exists(world, "fresh"));
	assert_false(exists(world, "stale"));
}

static void test_age_and_size_together(void **state)
{
	struct world *world = *state;

	put_piece(world, "young", 1 * HOUR);
	put_piece(world, "younger", HOUR / 2);
	put_piece(world, "old", 30 * HOUR);
	put_piece(world, "older", 40 * HOUR);
	world->rules.max_bytes = PIECE;
	world->rules.dry_run = true;
	sweep(world);
	assert_int_equal(world->result.files, 3);
	world->rules.dry_run = false;
	sweep(world);
	assert_int_equal(world->result.files, 3);
	assert_true(exists(world, "younger"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_plan_finds_the_point),
		world_test(test_the_oldest_go_until_it_fits),
		world_test(test_what_fits_stays),
		world_test(test_files_of_one_age_go_no_further_than_needed),
		world_test(test_when_the_oldest_resist_the_next_go),
		world_test(test_size_never_takes_what_is_fresh),
		world_test(test_age_and_size_together),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
