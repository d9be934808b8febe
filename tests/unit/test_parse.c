/* SPDX-License-Identifier: MIT */
/* Text to numbers and back, over the whole range, the edges, and garbage. */
#include "fixtures.h"

#include "base/clock.h"
#include "base/parse.h"

#define S RR_NS_PER_S
#define MS RR_NS_PER_MS
#define K UINT64_C(1024)
#define M (K * K)
#define G (K * M)
#define T (K * G)
#define P (K * T)
#define SENTINEL UINT64_C(424242)

/* A row of a parser with one whole number as its output. */
struct row {
	const char *text;
	int code;
	uint64_t expected;
};

static void check(const struct row *rows, size_t n, int (*parse)(const char *, uint64_t *))
{
	for (size_t i = 0; i < n; i++) {
		uint64_t value = SENTINEL;
		int r = parse(rows[i].text, &value);

		if (r != rows[i].code || value != (r == 0 ? rows[i].expected : SENTINEL))
			fail_msg("'%s': %d, %llu instead of %d, %llu", rows[i].text, r,
				 (unsigned long long)value, rows[i].code,
				 (unsigned long long)rows[i].expected);
	}
}

static void u64(void **state)
{
	static const struct row rows[] = {
		{ "0", 0, 0 },
		{ "1", 0, 1 },
		{ "007", 0, 7 },
		{ "18446744073709551615", 0, UINT64_MAX },
		{ "0000000000000000000000000000000000000000009", 0, 9 },
		{ "18446744073709551616", -ERANGE, 0 },
		{ "18446744073709551620", -ERANGE, 0 },
		{ "99999999999999999999", -ERANGE, 0 },
		{ "1000000000000000000000000000000000000000000", -ERANGE, 0 },
		{ "", -EINVAL, 0 },
		{ " 1", -EINVAL, 0 },
		{ "1 ", -EINVAL, 0 },
		{ "1\n", -EINVAL, 0 },
		{ "+1", -EINVAL, 0 },
		{ "-1", -EINVAL, 0 },
		{ "0x10", -EINVAL, 0 },
		{ "1.0", -EINVAL, 0 },
		{ "1e3", -EINVAL, 0 },
		{ "max", -EINVAL, 0 },
		{ "\xd9\xa1", -EINVAL, 0 },
	};

	(void)state;
	check(rows, COUNT(rows), rr_parse_u64);
}

static void bytes(void **state)
{
	static const struct row rows[] = {
		{ "0", 0, 0 },
		{ "100", 0, 100 },
		{ "100B", 0, 100 },
		{ "100b", 0, 100 },
		{ "1K", 0, K },
		{ "1k", 0, K },
		{ "1KB", 0, K },
		{ "1KiB", 0, K },
		{ "1kib", 0, K },
		{ "512M", 0, 512 * M },
		{ "4G", 0, 4 * G },
		{ "1.5g", 0, G + G / 2 },
		{ "0.5K", 0, 512 },
		{ "2T", 0, 2 * T },
		{ "1P", 0, P },
		{ "8191P", 0, 8191 * P },
		{ "8191.5P", 0, 8191 * P + P / 2 },
		{ "4503599627370495", 0, UINT64_C(4503599627370495) },
		{ "9007199254740993", -ERANGE, 0 },
		{ "8192P", -ERANGE, 0 },
		{ "8388608T", -ERANGE, 0 },
		{ "9007199254740994", -ERANGE, 0 },
		{ "18446744073709551616", -ERANGE, 0 },
		{ "99999999999999999999999999999999999999999G", -ERANGE, 0 },
		{ "", -EINVAL, 0 },
		{ "G", -EINVAL, 0 },
		{ "1 G", -EINVAL, 0 },
		{ "1E", -EINVAL, 0 },
		{ "1GG", -EINVAL, 0 },
		{ "1Gi", -EINVAL, 0 },
		{ "1GiBB", -EINVAL, 0 },
		{ "1iB", -EINVAL, 0 },
		{ "1.G", -EINVAL, 0 },
		{ ".5G", -EINVAL, 0 },
		{ "1.5.5G", -EINVAL, 0 },
		{ "1,5G", -EINVAL, 0 },
		{ "-1G", -EINVAL, 0 },
		{ "+1G", -EINVAL, 0 },
		{ "1e9", -EINVAL, 0 },
		{ "0x10", -EINVAL, 0 },
		{ "nan", -EINVAL, 0 },
		{ "inf", -EINVAL, 0 },
		{ "50%", -EINVAL, 0 },
		{ "1G\n", -EINVAL, 0 },
		{ "1\x8b", -EINVAL, 0 },
	};

	(void)state;
	check(rows, COUNT(rows), rr_parse_bytes);
}

static void times(void **state)
{
	static const struct row rows[] = {
		{ "0", 0, 0 },
		{ "0s", 0, 0 },
		{ "90", 0, 90 * S },
		{ "90s", 0, 90 * S },
		{ "90sec", 0, 90 * S },
		{ "90S", 0, 90 * S },
		{ "3600.0", 0, 3600 * S },
		{ "0.5", 0, S / 2 },
		{ "250ms", 0, 250 * MS },
		{ "0.5ms", 0, MS / 2 },
		{ "5m", 0, 300 * S },
		{ "5min", 0, 300 * S },
		{ "1h30m", 0, 5400 * S },
		{ "1H30M", 0, 5400 * S },
		{ "1.5h", 0, 5400 * S },
		{ "2d", 0, 172800 * S },
		{ "1w", 0, 604800 * S },
		{ "1w2d3h4m5s6ms", 0, 788645 * S + 6 * MS },
		{ "inf", 0, RR_TIME_INF },
		{ "INF", 0, RR_TIME_INF },
		{ "infinity", 0, RR_TIME_INF },
		{ "4611686018", 0, UINT64_C(4611686018) * S },
		{ "4611686019", -ERANGE, 0 },
		{ "53376d", -ERANGE, 0 },
		{ "9007199254740994s", -ERANGE, 0 },
		{ "4000000000s4000000000s", -ERANGE, 0 },
		{ "", -EINVAL, 0 },
		{ "1h30", -EINVAL, 0 },
		{ "1h30.5", -EINVAL, 0 },
		{ "1m0", -EINVAL, 0 },
		{ "s", -EINVAL, 0 },
		{ "1y", -EINVAL, 0 },
		{ "1 s", -EINVAL, 0 },
		{ "1s ", -EINVAL, 0 },
		{ " 1s", -EINVAL, 0 },
		{ "1h 30m", -EINVAL, 0 },
		{ "1h-30m", -EINVAL, 0 },
		{ "-1", -EINVAL, 0 },
		{ "+1", -EINVAL, 0 },
		{ "1e3", -EINVAL, 0 },
		{ "1.s", -EINVAL, 0 },
		{ ".5s", -EINVAL, 0 },
		{ "1:30", -EINVAL, 0 },
		{ "1us", -EINVAL, 0 },
		{ "infinite", -EINVAL, 0 },
		{ "1inf", -EINVAL, 0 },
		{ "nan", -EINVAL, 0 },
		{ "never", -EINVAL, 0 },
	};

	(void)state;
	check(rows, COUNT(rows), rr_parse_time);
}

/* What can be written with three digits is read to the nanosecond. */
static void milliseconds_are_exact(void **state)
{
	(void)state;
	for (uint64_t ms = 0; ms < 100000; ms++) {
		char text[RR_FORMAT_SIZE];
		uint64_t ns;

		(void)snprintf(text, sizeof(text), "%u.%03us", (unsigned)(ms / 1000),
			       (unsigned)(ms % 1000));
		assert_int_equal(rr_parse_time(text, &ns), 0);
		assert_int_equal(ns, ms * MS);
	}
}

/* A row of a parser with a fraction as its output. */
struct decimal_row {
	const char *text;
	int code;
	double expected;
};

static void check_decimals(const struct decimal_row *rows, size_t n,
			   int (*parse)(const char *, double *))
{
	for (size_t i = 0; i < n; i++) {
		double value = -7;
		int r = parse(rows[i].text, &value);
		double off = value - (r == 0 ? rows[i].expected : -7);

		if (r != rows[i].code || off > 1e-12 || off < -1e-12)
			fail_msg("'%s': %d, %.17g", rows[i].text, r, value);
	}
}

static void decimals(void **state)
{
	static const struct decimal_row rows[] = {
		{ "0", 0, 0 },
		{ "0.0", 0, 0 },
		{ "2", 0, 2 },
		{ "1.5", 0, 1.5 },
		{ "0.01", 0, 0.01 },
		{ "0.125", 0, 0.125 },
		{ "10.0000000000000000000000000000000000000000000000001", 0, 10 },
		{ "9007199254740991", 0, 9007199254740991.0 },
		{ "9007199254740993", -ERANGE, 0 },
		{ "9007199254740994", -ERANGE, 0 },
		{ "99999999999999999999999999999999", -ERANGE, 0 },
		{ "", -EINVAL, 0 },
		{ ".", -EINVAL, 0 },
		{ "1.", -EINVAL, 0 },
		{ ".5", -EINVAL, 0 },
		{ "1.5.", -EINVAL, 0 },
		{ "1..5", -EINVAL, 0 },
		{ "1,5", -EINVAL, 0 },
		{ "-1", -EINVAL, 0 },
		{ "+1", -EINVAL, 0 },
		{ " 1", -EINVAL, 0 },
		{ "1 ", -EINVAL, 0 },
		{ "1e1", -EINVAL, 0 },
		{ "0x1", -EINVAL, 0 },
		{ "nan", -EINVAL, 0 },
		{ "inf", -EINVAL, 0 },
	};

	(void)state;
	check_decimals(rows, COUNT(rows), rr_parse_decimal);
}

static void percents(void **state)
{
	static const struct decimal_row rows[] = {
		{ "0", 0, 0 },		 { "85", 0, 85 },
		{ "85%", 0, 85 },	 { "85.0", 0, 85 },
		{ "85.5%", 0, 85.5 },	 { "100", 0, 100 },
		{ "100.0%", 0, 100 },	 { "100.1", -ERANGE, 0 },
		{ "101%", -ERANGE, 0 },	 { "99999999999999999999%", -ERANGE, 0 },
		{ "", -EINVAL, 0 },	 { "%", -EINVAL, 0 },
		{ "85%%", -EINVAL, 0 },	 { "85 %", -EINVAL, 0 },
		{ "-1", -EINVAL, 0 },	 { "85x", -EINVAL, 0 },
		{ "8.5e1", -EINVAL, 0 },
	};

	(void)state;
	check_decimals(rows, COUNT(rows), rr_parse_percent);
}

static void rates(void **state)
{
	static const struct {
		const char *text;
		int code;
		uint64_t count, window_ns;
	} rows[] = {
		{ "3/60s", 0, 3, 60 * S },
		{ "3/60", 0, 3, 60 * S },
		{ "0/1s", 0, 0, S },
		{ "1/1h30m", 0, 1, 5400 * S },
		{ "18446744073709551615/1s", 0, UINT64_MAX, S },
		{ "3/inf", 0, 3, RR_TIME_INF },
		{ "18446744073709551616/1s", -ERANGE, 0, 0 },
		{ "3/4611686019", -ERANGE, 0, 0 },
		{ "", -EINVAL, 0, 0 },
		{ "3", -EINVAL, 0, 0 },
		{ "/", -EINVAL, 0, 0 },
		{ "3/", -EINVAL, 0, 0 },
		{ "/60s", -EINVAL, 0, 0 },
		{ "3/60s/2", -EINVAL, 0, 0 },
		{ "3.0/60s", -EINVAL, 0, 0 },
		{ "3 / 60s", -EINVAL, 0, 0 },
		{ "-3/60s", -EINVAL, 0, 0 },
		{ "00000000000000000000000000000000000003/1s", -EINVAL, 0, 0 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		uint64_t count = SENTINEL, window_ns = SENTINEL;
		int r = rr_parse_rate(rows[i].text, &count, &window_ns);

		if (r != rows[i].code || count != (r == 0 ? rows[i].count : SENTINEL) ||
		    window_ns != (r == 0 ? rows[i].window_ns : SENTINEL))
			fail_msg("'%s': %d, %llu/%llu", rows[i].text, r, (unsigned long long)count,
				 (unsigned long long)window_ns);
	}
}

static void bools(void **state)
{
	static const struct {
		const char *text;
		int code;
		bool expected;
	} rows[] = {
		{ "yes", 0, true },	{ "true", 0, true },	 { "on", 0, true },
		{ "1", 0, true },	{ "YES", 0, true },	 { "True", 0, true },
		{ "no", 0, false },	{ "false", 0, false },	 { "off", 0, false },
		{ "0", 0, false },	{ "OFF", 0, false },	 { "", -EINVAL, 0 },
		{ "y", -EINVAL, 0 },	{ "n", -EINVAL, 0 },	 { "2", -EINVAL, 0 },
		{ "01", -EINVAL, 0 },	{ " yes", -EINVAL, 0 },	 { "yes ", -EINVAL, 0 },
		{ "yess", -EINVAL, 0 }, { "maybe", -EINVAL, 0 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		for (int before = 0; before < 2; before++) {
			bool value = before;
			int r = rr_parse_bool(rows[i].text, &value);

			if (r != rows[i].code || value != (r == 0 ? rows[i].expected : before))
				fail_msg("'%s': %d, %d", rows[i].text, r, value);
		}
}

static void formats_bytes(void **state)
{
	static const struct {
		uint64_t bytes;
		const char *expected;
	} rows[] = {
		{ 0, "0" },
		{ 1023, "1023" },
		{ K, "1K" },
		{ K + K / 2, "1.5K" },
		{ 312 * M, "312M" },
		{ 312 * M + M / 2, "312M" },
		{ 2 * G, "2G" },
		{ G + G / 2, "1.5G" },
		{ 10 * T, "10T" },
		{ 3 * P, "3P" },
		{ 8191 * P, "8191P" },
	};
	char text[RR_FORMAT_SIZE];

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		assert_string_equal(rr_format_bytes(rows[i].bytes, text), rows[i].expected);
}

static void formats_time(void **state)
{
	static const struct {
		uint64_t ns;
		const char *expected;
	} rows[] = {
		{ 0, "0s" },	       { MS, "1ms" },
		{ 99 * MS, "99ms" },   { 400 * MS, "0.4s" },
		{ S, "1s" },	       { 1500 * MS, "1.5s" },
		{ 12 * S, "12s" },     { 59 * S, "59s" },
		{ 60 * S, "1m" },      { 72 * S, "1m12s" },
		{ 300 * S, "5m" },     { 3599 * S, "59m59s" },
		{ 3600 * S, "1h" },    { 5400 * S, "1h30m" },
		{ 172800 * S, "48h" }, { RR_TIME_INF, "inf" },
	};
	char text[RR_FORMAT_SIZE];

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		assert_string_equal(rr_format_time(rows[i].ns, text), rows[i].expected);
}

/* Formatted is rounded: what comes back may be a tenth off, or `least`, and no more. */
static void assert_near(uint64_t back, uint64_t value, uint64_t least, const char *text)
{
	uint64_t off = back > value ? back - value : value - back;

	if (off > value / 10 && off > least)
		fail_msg("%llu became '%s', which is %llu", (unsigned long long)value, text,
			 (unsigned long long)back);
}

static void sizes_come_back(void **state)
{
	char text[RR_FORMAT_SIZE];
	uint64_t seed = 3, back;

	(void)state;
	for (int i = 0; i < 200000; i++) {
		/* Below 8 EiB, which is where sizes end. */
		uint64_t value = fixture_random(&seed) >> (2 + fixture_below(&seed, 62));

		assert_int_equal(rr_parse_bytes(rr_format_bytes(value, text), &back), 0);
		assert_near(back, value, 0, text);
	}
}

static void times_come_back(void **state)
{
	char text[RR_FORMAT_SIZE];
	uint64_t seed = 4, back;

	(void)state;
	for (int i = 0; i < 200000; i++) {
		uint64_t value =
			10 * MS + (fixture_random(&seed) >> (2 + fixture_below(&seed, 38)));

		if (value >= INT64_MAX / 2)
			continue;
		assert_int_equal(rr_parse_time(rr_format_time(value, text), &back), 0);
		assert_near(back, value, 50 * MS, text);
	}
}

static void whole_sizes_come_back_exactly(void **state)
{
	static const uint64_t units[] = { 1, K, M, G, T, P };
	char text[RR_FORMAT_SIZE];

	(void)state;
	for (size_t u = 0; u < COUNT(units); u++)
		for (uint64_t n = 0; n < 1024; n++) {
			uint64_t back;

			(void)rr_format_bytes(n * units[u], text);
			assert_int_equal(rr_parse_bytes(text, &back), 0);
			assert_int_equal(back, n * units[u]);
		}
}

/* No text of random bytes may do more than be refused or be read as a number. */
static void garbage_is_survived(void **state)
{
	static const char alphabet[] = "0123456789.%/ksmhdwKMGTPiBinf -+e\n\x80\xff";
	uint64_t seed = 5;

	(void)state;
	for (int i = 0; i < 300000; i++) {
		char text[24];
		size_t length = fixture_below(&seed, sizeof(text));
		uint64_t number, window;
		double decimal;
		bool yes;

		for (size_t at = 0; at < length; at++)
			text[at] = alphabet[fixture_below(&seed, sizeof(alphabet) - 1)];
		text[length] = '\0';
		rr_ignore(rr_parse_u64(text, &number));
		if (rr_parse_decimal(text, &decimal) == 0)
			assert_true(decimal >= 0);
		if (rr_parse_percent(text, &decimal) == 0)
			assert_true(decimal >= 0 && decimal <= 100);
		if (rr_parse_bytes(text, &number) == 0)
			assert_true(number <= INT64_MAX);
		if (rr_parse_time(text, &number) == 0)
			assert_true(number == RR_TIME_INF || number <= INT64_MAX / 2);
		rr_ignore(rr_parse_rate(text, &number, &window));
		rr_ignore(rr_parse_bool(text, &yes));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(u64),
		cmocka_unit_test(bytes),
		cmocka_unit_test(times),
		cmocka_unit_test(milliseconds_are_exact),
		cmocka_unit_test(decimals),
		cmocka_unit_test(percents),
		cmocka_unit_test(rates),
		cmocka_unit_test(bools),
		cmocka_unit_test(formats_bytes),
		cmocka_unit_test(formats_time),
		cmocka_unit_test(sizes_come_back),
		cmocka_unit_test(times_come_back),
		cmocka_unit_test(whole_sizes_come_back_exactly),
		cmocka_unit_test(garbage_is_survived),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
