/* SPDX-License-Identifier: MIT */
#include "policy/estimate.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/progress.h"

void estimate_make(double progress_percent, uint64_t ran_ns, const struct learn_run *runs, size_t n,
		   struct estimate *ret)
{
	uint64_t left_ns = progress_left(progress_percent, ran_ns);
	struct learn_left left;

	*ret = (struct estimate){ .by = ESTIMATE_NONE };
	if (left_ns != UINT64_MAX)
		*ret = (struct estimate){ .by = ESTIMATE_PROGRESS, .left_ns = left_ns };
	else if (learn_left(runs, n, ran_ns, &left))
		*ret = (struct estimate){ ESTIMATE_HISTORY, left.likely_ns, left.late_ns,
					  left.usual_ns, left.longer };
}

const char *estimate_by_name(enum estimate_by by)
{
	static const char *const names[] = { NULL, "progress", "history" };

	return names[by];
}

const char *estimate_time(uint64_t ns, char buf[static RR_FORMAT_SIZE])
{
	uint64_t whole_ns = ns < RR_NS_PER_S ? RR_NS_PER_S : ns - ns % RR_NS_PER_S;

	return rr_format_time(whole_ns, buf);
}

const char *estimate_left(const struct estimate *estimate, char buf[static RR_FORMAT_SIZE])
{
	if (estimate->by == ESTIMATE_NONE)
		return NULL;
	if (estimate->by == ESTIMATE_HISTORY && estimate->longer == 0)
		(void)snprintf(buf, RR_FORMAT_SIZE, "overdue");
	else
		(void)estimate_time(estimate->left_ns, buf);
	return buf;
}
