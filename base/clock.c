/* SPDX-License-Identifier: MIT */
#include "base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/fd.h"

static uint64_t now_ns(clockid_t clock)
{
	struct timespec now;

	/* Cannot fail: both clocks exist on every kernel that has cgroup v2. */
	(void)clock_gettime(clock, &now);
	return rr_timespec_ns(&now);
}

uint64_t rr_now_boot_ns(void)
{
	return now_ns(CLOCK_BOOTTIME);
}

uint64_t rr_now_wall_ns(void)
{
	return now_ns(CLOCK_REALTIME);
}

uint64_t rr_time_add(uint64_t a_ns, uint64_t b_ns)
{
	return a_ns > RR_TIME_INF - b_ns ? RR_TIME_INF : a_ns + b_ns;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return -1;
}

int rr_boot_id(uint8_t ret_id[static RR_BOOT_ID_SIZE])
{
	uint8_t id[RR_BOOT_ID_SIZE] = { 0 };
	char text[64];
	size_t digits = 0;
	ssize_t n = rr_read_at(AT_FDCWD, "/proc/sys/kernel/random/boot_id", text, sizeof(text));

	if (n < 0)
		return (int)n;
	for (const char *at = text; *at && digits < 2 * sizeof(id); at++) {
		int digit = hex_digit(*at);

		if (digit < 0)
			continue;
		id[digits / 2] = (uint8_t)(id[digits / 2] << 4 | digit);
		digits++;
	}
	if (digits != 2 * sizeof(id))
		return -EINVAL;
	memcpy(ret_id, id, sizeof(id));
	return 0;
}

const char *rr_format_wall(uint64_t wall_ns, char buf[static RR_RFC3339_SIZE])
{
	time_t seconds = (time_t)(wall_ns / RR_NS_PER_S);
	struct tm tm;
	char text[RR_RFC3339_SIZE];

	if (!gmtime_r(&seconds, &tm) || !strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm))
		(void)snprintf(text, sizeof(text), "0000-00-00T00:00:00");
	(void)snprintf(buf, RR_RFC3339_SIZE, "%.19s.%03uZ", text,
		       (unsigned)(wall_ns % RR_NS_PER_S / RR_NS_PER_MS));
	return buf;
}

int rr_parse_wall(const char *text, uint64_t *ret_wall_ns)
{
	struct tm tm = { 0 };
	const char *rest = strptime(text, "%Y-%m-%dT%H:%M:%S", &tm);
	uint64_t milliseconds = 0, scale = 100;
	time_t seconds;

	if (!rest)
		return -EINVAL;
	if (*rest == '.') {
		for (rest++; *rest >= '0' && *rest <= '9'; rest++, scale /= 10)
			milliseconds += (uint64_t)(*rest - '0') * scale;
	}
	if (strcmp(rest, "Z") != 0)
		return -EINVAL;
	seconds = timegm(&tm);
	if (seconds < 0 || (uint64_t)seconds > UINT64_MAX / RR_NS_PER_S - 1)
		return -EINVAL;
	*ret_wall_ns = (uint64_t)seconds * RR_NS_PER_S + milliseconds * RR_NS_PER_MS;
	return 0;
}

struct timespec rr_timespec(uint64_t ns)
{
	return (struct timespec){ .tv_sec = (time_t)(ns / RR_NS_PER_S),
				  .tv_nsec = (long)(ns % RR_NS_PER_S) };
}

uint64_t rr_timespec_ns(const struct timespec *time)
{
	return (uint64_t)time->tv_sec * RR_NS_PER_S + (uint64_t)time->tv_nsec;
}
