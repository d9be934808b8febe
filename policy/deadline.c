/* SPDX-License-Identifier: MIT */
#include "policy/deadline.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/parse.h"

/* "6:30" or "06:30". */
static bool parse_clock(const char *text, int *ret_hour, int *ret_minute)
{
	const char *colon = strchr(text, ':');
	char hour[3] = "";
	uint64_t h, m;

	if (!colon || colon - text > 2 || strlen(colon + 1) != 2)
		return false;
	memcpy(hour, text, (size_t)(colon - text));
	if (rr_parse_u64(hour, &h) < 0 || rr_parse_u64(colon + 1, &m) < 0 || h > 23 || m > 59)
		return false;
	*ret_hour = (int)h;
	*ret_minute = (int)m;
	return true;
}

/* The next time that the clock shows that. */
static bool next_time_of_day(int hour, int minute, uint64_t now_wall_ns, uint64_t *ret_wall_ns)
{
	time_t now = (time_t)(now_wall_ns / RR_NS_PER_S), at = 0;
	struct tm today, tm;

	if (!localtime_r(&now, &today))
		return false;
	for (int days = 0; days < 2 && at <= now; days++) {
		tm = today;
		tm.tm_mday += days;
		tm.tm_hour = hour;
		tm.tm_min = minute;
		tm.tm_sec = 0;
		tm.tm_isdst = -1;
		at = mktime(&tm);
	}
	*ret_wall_ns = (uint64_t)at * RR_NS_PER_S;
	return at > now;
}

int deadline_parse(const char *text, uint64_t now_wall_ns, uint64_t *ret_wall_ns,
		   struct rr_err *err)
{
	uint64_t length_ns;
	int hour, minute;

	if (rr_parse_time(text, &length_ns) == 0 && length_ns != RR_TIME_INF) {
		*ret_wall_ns = rr_time_add(now_wall_ns, length_ns);
		return 0;
	}
	if (parse_clock(text, &hour, &minute) &&
	    next_time_of_day(hour, minute, now_wall_ns, ret_wall_ns))
		return 0;
	if (rr_parse_wall(text, ret_wall_ns) == 0)
		return 0;
	return rr_err_set(err, EINVAL,
			  "'%s' is neither a length of time such as 2h, nor a time of day such as "
			  "06:30, nor a moment such as 2026-01-31T06:30:00Z",
			  text);
}

void deadline_learn(struct deadline *deadline, const struct learn_run *runs, size_t n)
{
	struct learn_left left = { 0 };

	deadline->need_ns = 0;
	deadline->runs = 0;
	/* Of one that has not begun, all is left. */
	if (!learn_left(runs, n, 0, &left) || left.longer < DEADLINE_RUNS_MIN)
		return;
	deadline->need_ns = left.late_ns;
	deadline->runs = left.longer;
}

enum deadline_state deadline_judge(const struct deadline *deadline, uint64_t now_ns,
				   uint64_t earliest_ns)
{
	uint64_t start_ns = earliest_ns > now_ns ? earliest_ns : now_ns;

	if (!deadline->set)
		return DEADLINE_OPEN;
	if (now_ns >= deadline->at_ns)
		return DEADLINE_PAST;
	if (deadline->need_ns > 0 && rr_time_add(start_ns, deadline->need_ns) > deadline->at_ns)
		return DEADLINE_HOPELESS;
	return DEADLINE_OPEN;
}

uint64_t deadline_last_start(const struct deadline *deadline)
{
	if (!deadline->set)
		return RR_TIME_INF;
	/* One moment more, by which it is too late. */
	return deadline->at_ns > deadline->need_ns
		       ? deadline->at_ns - deadline->need_ns + (deadline->need_ns > 0)
		       : 0;
}

const char *deadline_words(const struct deadline *deadline, uint64_t now_ns, uint64_t earliest_ns,
			   char *buf, size_t size)
{
	char left[RR_FORMAT_SIZE], need[RR_FORMAT_SIZE], wait[RR_FORMAT_SIZE];
	uint64_t left_ns = deadline->at_ns > now_ns ? deadline->at_ns - now_ns : 0;
	int n;

	if (left_ns == 0) {
		(void)snprintf(buf, size, "the deadline has passed");
		return buf;
	}
	n = snprintf(buf, size, "the deadline is in %s", rr_format_time(left_ns, left));
	if (deadline->need_ns > 0)
		n += snprintf(buf + n, size - (size_t)n, ", 9 of 10 of %zu such runs took up to %s",
			      deadline->runs, rr_format_time(deadline->need_ns, need));
	else
		n += snprintf(buf + n, size - (size_t)n,
			      ", and how long it takes is not known (fewer than %d such runs)",
			      DEADLINE_RUNS_MIN);
	if (earliest_ns > now_ns)
		(void)snprintf(buf + n, size - (size_t)n, ", and it has to wait %s first",
			       rr_format_time(earliest_ns - now_ns, wait));
	return buf;
}
