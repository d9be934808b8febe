/* SPDX-License-Identifier: MIT */
/* Time: sums that saturate, RFC 3339 both ways, the boot id. */
#include "fixtures.h"

#include "base/clock.h"

#define S RR_NS_PER_S
#define MS RR_NS_PER_MS

static void sums_saturate(void **state)
{
	static const struct {
		uint64_t a, b, expected;
	} rows[] = {
		{ 0, 0, 0 },
		{ 1, 2, 3 },
		{ RR_TIME_INF, 0, RR_TIME_INF },
		{ 0, RR_TIME_INF, RR_TIME_INF },
		{ RR_TIME_INF, 1, RR_TIME_INF },
		{ 1, RR_TIME_INF, RR_TIME_INF },
		{ RR_TIME_INF, RR_TIME_INF, RR_TIME_INF },
		{ RR_TIME_INF - 1, 1, RR_TIME_INF },
		{ RR_TIME_INF - 2, 1, RR_TIME_INF - 1 },
		{ RR_TIME_INF / 2 + 1, RR_TIME_INF / 2 + 1, RR_TIME_INF },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		assert_int_equal(rr_time_add(rows[i].a, rows[i].b), rows[i].expected);
}

static void formats(void **state)
{
	static const struct {
		uint64_t wall_ns;
		const char *expected;
	} rows[] = {
		{ 0, "1970-01-01T00:00:00.000Z" },
		{ MS - 1, "1970-01-01T00:00:00.000Z" },
		{ MS, "1970-01-01T00:00:00.001Z" },
		{ 999999999, "1970-01-01T00:00:00.999Z" },
		{ UINT64_C(951782400) * S, "2000-02-29T00:00:00.000Z" },
		{ UINT64_C(1769860800) * S + 123 * MS, "2026-01-31T12:00:00.123Z" },
		{ UINT64_C(2147483648) * S, "2038-01-19T03:14:08.000Z" },
		{ UINT64_C(4294967296) * S, "2106-02-07T06:28:16.000Z" },
		{ UINT64_MAX, "2554-07-21T23:34:33.709Z" },
	};
	char text[RR_RFC3339_SIZE];

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		assert_string_equal(rr_format_wall(rows[i].wall_ns, text), rows[i].expected);
}

static void parses(void **state)
{
	static const struct {
		const char *text;
		int code;
		uint64_t expected;
	} rows[] = {
		{ "1970-01-01T00:00:00.000Z", 0, 0 },
		{ "1970-01-01T00:00:00Z", 0, 0 },
		{ "1970-01-01T00:00:01.5Z", 0, 1500 * MS },
		{ "1970-01-01T00:00:01.05Z", 0, 1050 * MS },
		{ "1970-01-01T00:00:01.123456789Z", 0, 1123 * MS },
		{ "2026-01-31T12:00:00.123Z", 0, UINT64_C(1769860800) * S + 123 * MS },
		{ "2554-07-21T23:34:32.000Z", 0, UINT64_C(18446744072) * S },
		{ "9999-12-31T23:59:59Z", -EINVAL, 0 },
		{ "2555-01-01T00:00:00Z", -EINVAL, 0 },
		{ "", -EINVAL, 0 },
		{ "2026", -EINVAL, 0 },
		{ "2026-01-31", -EINVAL, 0 },
		{ "2026-01-31T12:00:00", -EINVAL, 0 },
		{ "2026-01-31T12:00:00.123", -EINVAL, 0 },
		{ "2026-01-31T12:00:00.123Zx", -EINVAL, 0 },
		{ "2026-01-31T12:00:00+01:00", -EINVAL, 0 },
		{ "2026-01-31 12:00:00Z", -EINVAL, 0 },
		{ "2026-13-01T00:00:00Z", -EINVAL, 0 },
		{ "2026-00-01T00:00:00Z", -EINVAL, 0 },
		{ "2026-01-32T00:00:00Z", -EINVAL, 0 },
		{ "2026-01-31T24:00:00Z", -EINVAL, 0 },
		{ "2026-01-31T12:60:00Z", -EINVAL, 0 },
		{ "1969-12-31T23:59:59Z", -EINVAL, 0 },
		{ "x026-01-31T12:00:00Z", -EINVAL, 0 },
		{ "2026-01-31T12:00:00.-5Z", -EINVAL, 0 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		uint64_t wall_ns = 77;
		int r = rr_parse_wall(rows[i].text, &wall_ns);

		if (r != rows[i].code || wall_ns != (r == 0 ? rows[i].expected : 77))
			fail_msg("'%s': %d, %llu", rows[i].text, r, (unsigned long long)wall_ns);
	}
}

static void whatever_is_formatted_is_read_back(void **state)
{
	char text[RR_RFC3339_SIZE];
	uint64_t seed = 2, back;

	(void)state;
	for (int i = 0; i < 20000; i++) {
		uint64_t wall_ns = fixture_random(&seed) >> fixture_below(&seed, 40);

		assert_int_equal(rr_parse_wall(rr_format_wall(wall_ns, text), &back), 0);
		assert_int_equal(back, wall_ns / MS * MS);
	}
}

static void does_not_depend_on_the_time_zone(void **state)
{
	static const char *const zones[] = { "UTC", "America/St_Johns", "XXX-14", "XXX+12:30" };
	char text[RR_RFC3339_SIZE];
	uint64_t back;

	(void)state;
	for (size_t i = 0; i < COUNT(zones); i++) {
		assert_int_equal(setenv("TZ", zones[i], 1), 0);
		tzset();
		assert_string_equal(rr_format_wall(UINT64_C(1769860800) * S, text),
				    "2026-01-31T12:00:00.000Z");
		assert_int_equal(rr_parse_wall(text, &back), 0);
		assert_int_equal(back, UINT64_C(1769860800) * S);
	}
}

static void timespecs(void **state)
{
	static const struct {
		uint64_t ns;
		time_t s;
		long rest;
	} rows[] = { { 0, 0, 0 },
		     { 1, 0, 1 },
		     { 999999999, 0, 999999999 },
		     { S, 1, 0 },
		     { RR_TIME_INF, 18446744073, 709551615 } };

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct timespec ts = rr_timespec(rows[i].ns);

		assert_true(ts.tv_sec == rows[i].s && ts.tv_nsec == rows[i].rest);
	}
}

static void boot_id_is_the_kernels(void **state)
{
	uint8_t id[RR_BOOT_ID_SIZE], again[RR_BOOT_ID_SIZE];
	char text[64] = "", expected[64] = "";
	FILE *file = fopen("/proc/sys/kernel/random/boot_id", "re");

	(void)state;
	if (!file)
		fixture_skip("proc", "no /proc/sys/kernel/random/boot_id");
	assert_non_null(fgets(expected, sizeof(expected), file));
	(void)fclose(file);
	expected[strcspn(expected, "\n")] = '\0';
	assert_int_equal(rr_boot_id(id), 0);
	for (size_t i = 0; i < sizeof(id); i++)
		(void)snprintf(text + strlen(text), 8, "%s%02x",
			       i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "", id[i]);
	assert_string_equal(text, expected);
	assert_int_equal(rr_boot_id(again), 0);
	assert_memory_equal(id, again, sizeof(id));
}

static void the_clocks_run_forward(void **state)
{
	uint64_t boot = rr_now_boot_ns();

	(void)state;
	for (int i = 0; i < 10000; i++) {
		uint64_t now = rr_now_boot_ns();

		assert_true(now >= boot);
		boot = now;
	}
	/* Later than this line was written. */
	assert_true(rr_now_wall_ns() > UINT64_C(1700000000) * S);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sums_saturate),
		cmocka_unit_test(formats),
		cmocka_unit_test(parses),
		cmocka_unit_test(whatever_is_formatted_is_read_back),
		cmocka_unit_test(does_not_depend_on_the_time_zone),
		cmocka_unit_test(timespecs),
		cmocka_unit_test(boot_id_is_the_kernels),
		cmocka_unit_test(the_clocks_run_forward),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
