/* SPDX-License-Identifier: MIT */
/* Sizes, times and the other words of a command line; what is formatted must be read back. */
#include "tests/fuzz/fuzz.h"

#include "base/clock.h"
#include "base/parse.h"
#include "policy/settings.h"

static void back_and_forth(const char *text)
{
	char buf[RR_FORMAT_SIZE], wall[RR_RFC3339_SIZE];
	uint64_t value, again;

	if (rr_parse_bytes(text, &value) == 0 &&
	    rr_parse_bytes(rr_format_bytes(value, buf), &again) < 0)
		abort();
	if (rr_parse_time(text, &value) == 0 &&
	    rr_parse_time(rr_format_time(value, buf), &again) < 0)
		abort();
	if (rr_parse_wall(text, &value) == 0 &&
	    (rr_parse_wall(rr_format_wall(value, wall), &again) < 0 ||
	     again / RR_NS_PER_S != value / RR_NS_PER_S))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = fuzz_text(data, size);
	struct settings settings = { 0 };
	struct rr_err err;
	uint64_t count, window;
	double number;
	bool flag;

	back_and_forth(text);
	rr_ignore(rr_parse_u64(text, &count));
	rr_ignore(rr_parse_decimal(text, &number));
	if (rr_parse_percent(text, &number) == 0 && (number < 0 || number > 100))
		abort();
	rr_ignore(rr_parse_rate(text, &count, &window));
	rr_ignore(rr_parse_bool(text, &flag));
	for (int id = 0; id < SETTINGS_N; id++)
		rr_ignore(settings_set(&settings, id, text, "fuzz", &err));
	rr_ignore(settings_check(&settings, &err));
	settings_free(&settings);
	free(text);
	return 0;
}
