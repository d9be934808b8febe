/* SPDX-License-Identifier: MIT */
#include "control/times.h"

#include <errno.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/parse.h"

int times_parse(const char *option, const char *text, uint64_t *ret_wall_ns, struct rr_err *err)
{
	uint64_t ago_ns, now_ns = rr_now_wall_ns();
	char midnight[RR_RFC3339_SIZE];

	if (rr_parse_time(text, &ago_ns) == 0) {
		*ret_wall_ns = now_ns > ago_ns ? now_ns - ago_ns : 0;
		return 0;
	}
	(void)snprintf(midnight, sizeof(midnight), "%.15sT00:00:00Z", text);
	if (rr_parse_wall(text, ret_wall_ns) == 0 || rr_parse_wall(midnight, ret_wall_ns) == 0)
		return 0;
	return rr_err_set(err, EINVAL,
			  "%s: '%s' is neither a length of time such as 2h or 7d, nor a moment "
			  "such as 2026-01-31 or 2026-01-31T12:00:00Z; see resrunctl --help",
			  option, text);
}
