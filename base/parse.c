/* SPDX-License-Identifier: MIT */
#include "base/parse.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"

/* Above this a double no longer tells neighbouring integers apart. */
#define EXACT_DOUBLE 9007199254740992.0

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

int rr_parse_u64(const char *text, uint64_t *ret)
{
	uint64_t value = 0;

	if (!is_digit(*text))
		return -EINVAL;
	for (; is_digit(*text); text++) {
		uint64_t digit = (uint64_t)(*text - '0');

		if (value > (UINT64_MAX - digit) / 10)
			return -ERANGE;
		value = value * 10 + digit;
	}
	if (*text)
		return -EINVAL;
	*ret = value;
	return 0;
}

/* Reads "12" or "12.5" at *at and moves past it. */
static int take_decimal(const char **at, double *ret)
{
	const char *text = *at;
	double value = 0, scale = 0.1;

	if (!is_digit(*text))
		return -EINVAL;
	for (; is_digit(*text); text++) {
		value = value * 10 + (*text - '0');
		if (value >= EXACT_DOUBLE)
			return -ERANGE;
	}
	if (*text == '.') {
		if (!is_digit(*++text))
			return -EINVAL;
		for (; is_digit(*text); text++, scale /= 10)
			value += (*text - '0') * scale;
	}
	*at = text;
	*ret = value;
	return 0;
}

int rr_parse_decimal(const char *text, double *ret)
{
	double value;
	int r = take_decimal(&text, &value);

	if (r < 0)
		return r;
	if (*text)
		return -EINVAL;
	*ret = value;
	return 0;
}

int rr_parse_percent(const char *text, double *ret)
{
	double value;
	int r = take_decimal(&text, &value);

	if (r < 0)
		return r;
	if (*text == '%')
		text++;
	if (*text)
		return -EINVAL;
	if (value > 100)
		return -ERANGE;
	*ret = value;
	return 0;
}

static int size_shift(char unit)
{
	switch (unit | 0x20) {
	case 'k':
		return 10;
	case 'm':
		return 20;
	case 'g':
		return 30;
	case 't':
		return 40;
	case 'p':
		return 50;
	default:
		return 0;
	}
}

int rr_parse_bytes(const char *text, uint64_t *ret_bytes)
{
	double value;
	int shift, r = take_decimal(&text, &value);

	if (r < 0)
		return r;
	shift = size_shift(*text);
	if (shift > 0)
		text++;
	if (shift > 0 && strcasecmp(text, "ib") == 0)
		text += 2;
	else if (strcasecmp(text, "b") == 0)
		text += 1;
	if (*text)
		return -EINVAL;
	value *= (double)(UINT64_C(1) << shift);
	if (value >= (double)INT64_MAX)
		return -ERANGE;
	/* Above half of that range there is no fraction to round. */
	*ret_bytes = (uint64_t)(value < EXACT_DOUBLE / 2 ? value + 0.5 : value);
	return 0;
}

static const struct time_unit {
	const char *name;
	uint64_t ns;
} time_units[] = {
	{ "ms", RR_NS_PER_MS },	      { "s", RR_NS_PER_S },	     { "sec", RR_NS_PER_S },
	{ "m", 60 * RR_NS_PER_S },    { "min", 60 * RR_NS_PER_S },   { "h", 3600 * RR_NS_PER_S },
	{ "d", 86400 * RR_NS_PER_S }, { "w", 604800 * RR_NS_PER_S },
};

/* Reads a unit at *at; no unit at the end of the text is seconds. 0 when there is none such. */
static uint64_t take_time_unit(const char **at)
{
	size_t length = 0;

	while (((*at)[length] | 0x20) >= 'a' && ((*at)[length] | 0x20) <= 'z')
		length++;
	if (length == 0)
		return **at ? 0 : RR_NS_PER_S;
	for (size_t i = 0; i < sizeof(time_units) / sizeof(time_units[0]); i++) {
		const char *name = time_units[i].name;

		if (strlen(name) == length && strncasecmp(name, *at, length) == 0) {
			*at += length;
			return time_units[i].ns;
		}
	}
	return 0;
}

static bool start_has_unit(const char *text)
{
	return text[strspn(text, "0123456789.")] != '\0';
}

int rr_parse_time(const char *text, uint64_t *ret_ns)
{
	const char *start = text;
	double total = 0;

	if (strcasecmp(text, "inf") == 0 || strcasecmp(text, "infinity") == 0) {
		*ret_ns = RR_TIME_INF;
		return 0;
	}
	do {
		double value;
		uint64_t unit;
		int r = take_decimal(&text, &value);

		if (r < 0)
			return r;
		/* "1h30" could mean either: a number after a unit must have one too. */
		if (!*text && start_has_unit(start))
			return -EINVAL;
		unit = take_time_unit(&text);
		if (unit == 0)
			return -EINVAL;
		total += value * (double)unit;
	} while (*text);
	/* Half of the range, so that adding two times never wraps. */
	if (total >= (double)(INT64_MAX / 2))
		return -ERANGE;
	*ret_ns = (uint64_t)(total + 0.5);
	return 0;
}

int rr_parse_rate(const char *text, uint64_t *ret_count, uint64_t *ret_window_ns)
{
	const char *slash = strchr(text, '/');
	char number[RR_FORMAT_SIZE];
	uint64_t count, window_ns;
	int r;

	if (!slash || (size_t)(slash - text) >= sizeof(number))
		return -EINVAL;
	memcpy(number, text, (size_t)(slash - text));
	number[slash - text] = '\0';
	r = rr_parse_u64(number, &count);
	if (r == 0)
		r = rr_parse_time(slash + 1, &window_ns);
	if (r < 0)
		return r;
	*ret_count = count;
	*ret_window_ns = window_ns;
	return 0;
}

int rr_parse_bool(const char *text, bool *ret)
{
	static const char *const yes[] = { "yes", "true", "on", "1" };
	static const char *const no[] = { "no", "false", "off", "0" };

	for (size_t i = 0; i < sizeof(yes) / sizeof(yes[0]); i++) {
		bool is_yes = strcasecmp(text, yes[i]) == 0;

		if (is_yes || strcasecmp(text, no[i]) == 0) {
			*ret = is_yes;
			return 0;
		}
	}
	return -EINVAL;
}

const char *rr_base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

const char *rr_format_bytes(uint64_t bytes, char buf[static RR_FORMAT_SIZE])
{
	static const char units[] = "KMGTP";
	double value = (double)bytes;
	int unit = -1;

	while (value >= 1024 && unit < 4) {
		value /= 1024;
		unit++;
	}
	if (unit < 0)
		(void)snprintf(buf, RR_FORMAT_SIZE, "%llu", (unsigned long long)bytes);
	else if (value >= 100 || value - (double)(uint64_t)value < 0.05)
		(void)snprintf(buf, RR_FORMAT_SIZE, "%.0f%c", value, units[unit]);
	else
		(void)snprintf(buf, RR_FORMAT_SIZE, "%.1f%c", value, units[unit]);
	return buf;
}

/* "5m" or "5m12s", "1h" or "1h30m". */
static void format_pair(char *buf, uint64_t large, char large_unit, uint64_t small, char small_unit)
{
	int n = snprintf(buf, RR_FORMAT_SIZE, "%llu%c", (unsigned long long)large, large_unit);

	if (small > 0)
		(void)snprintf(buf + n, RR_FORMAT_SIZE - (size_t)n, "%llu%c",
			       (unsigned long long)small, small_unit);
}

const char *rr_format_time(uint64_t ns, char buf[static RR_FORMAT_SIZE])
{
	uint64_t s = ns / RR_NS_PER_S;

	if (ns == RR_TIME_INF)
		(void)snprintf(buf, RR_FORMAT_SIZE, "inf");
	else if (ns > 0 && ns < RR_NS_PER_S / 10)
		(void)snprintf(buf, RR_FORMAT_SIZE, "%.0fms", (double)ns / RR_NS_PER_MS);
	else if (s < 10 && ns % RR_NS_PER_S >= RR_NS_PER_S / 10)
		(void)snprintf(buf, RR_FORMAT_SIZE, "%.1fs", (double)ns / RR_NS_PER_S);
	else if (s < 60)
		(void)snprintf(buf, RR_FORMAT_SIZE, "%llus", (unsigned long long)s);
	else if (s < 3600)
		format_pair(buf, s / 60, 'm', s % 60, 's');
	else
		format_pair(buf, s / 3600, 'h', s % 3600 / 60, 'm');
	return buf;
}
