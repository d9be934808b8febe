/* SPDX-License-Identifier: MIT */
#include "base/sweep_plan.h"

#include <stddef.h>
#include <string.h>

#include "base/clock.h"

/* Files touched within this of each other have no order worth another walk. */
#define RESOLUTION_NS RR_NS_PER_MS

static void restart(struct sweep_plan *plan, uint64_t from_ns, uint64_t span_ns, uint64_t older)
{
	memset(plan, 0, sizeof(*plan));
	plan->from_ns = from_ns;
	plan->width_ns = span_ns / SWEEP_PLAN_BUCKETS + 1;
	plan->older_bytes = older;
}

void sweep_plan_start(struct sweep_plan *plan, uint64_t after_ns, uint64_t until_ns)
{
	restart(plan, after_ns, until_ns > after_ns ? until_ns - after_ns : 0, 0);
}

void sweep_plan_add(struct sweep_plan *plan, uint64_t touched_ns, uint64_t bytes)
{
	uint64_t bucket;

	if (touched_ns <= plan->from_ns)
		return;
	bucket = (touched_ns - plan->from_ns - 1) / plan->width_ns;
	if (bucket >= SWEEP_PLAN_BUCKETS)
		return;
	plan->bytes[bucket] += bytes;
	plan->files[bucket]++;
}

bool sweep_plan_cut(struct sweep_plan *plan, uint64_t excess, struct sweep_window *ret)
{
	uint64_t sum = plan->older_bytes, edge_ns;
	size_t i = 0;

	while (i < SWEEP_PLAN_BUCKETS && sum + plan->bytes[i] < excess)
		sum += plan->bytes[i++];
	edge_ns = plan->from_ns + i * plan->width_ns;
	if (i < SWEEP_PLAN_BUCKETS && plan->files[i] > 1 && plan->width_ns > RESOLUTION_NS) {
		restart(plan, edge_ns, plan->width_ns, sum);
		return false;
	}
	ret->edge_ns = edge_ns;
	ret->until_ns = i < SWEEP_PLAN_BUCKETS ? edge_ns + plan->width_ns : edge_ns;
	ret->budget_bytes = i < SWEEP_PLAN_BUCKETS ? excess - sum : 0;
	return true;
}
