/* SPDX-License-Identifier: MIT */
/* For --dry-run: what would be waited for at this moment. Looks only. */
#include <stdio.h>
#include <string.h>

#include "base/parse.h"
#include "policy/queue.h"
#include "runner/admit.h"
#include "runner/gate.h"

static void print_ledger(const struct plan *plan, struct ledger *ledger, FILE *out)
{
	uint64_t now_ns = rr_now_boot_ns(), count, free_at_ns;
	const struct settings *settings = &plan->settings;
	char left[RR_FORMAT_SIZE];
	uint16_t lane = 0;
	size_t n, head;
	const struct ledger_ticket *tickets = ledger_tickets(ledger, &n);

	while (lane < LEDGER_LANES_MAX &&
	       strcmp(ledger_lane_name(ledger, lane), plan->profile) != 0)
		lane++;
	if (lane == LEDGER_LANES_MAX) {
		(void)fprintf(out, "  slot: free; profile '%s' has run nothing yet\n",
			      plan->profile);
		return;
	}
	head = queue_head(tickets, n, lane, now_ns);
	(void)fprintf(out, "  slot: %zu of %llu taken%s\n", queue_running(tickets, n, lane),
		      (unsigned long long)settings_integer(settings, SET_MAX_CONCURRENT),
		      head == QUEUE_NONE ? "" : ", others wait");
	if (!settings_has(settings, SET_RATE_LIMIT))
		return;
	ledger_rate(ledger, lane, settings_integer(settings, SET_RATE_LIMIT),
		    settings_integer(settings, SET_RATE_WINDOW), now_ns, rr_now_wall_ns(), &count,
		    &free_at_ns);
	(void)fprintf(out, "  rate: %llu of %llu starts used; the next is free in %s\n",
		      (unsigned long long)count,
		      (unsigned long long)settings_integer(settings, SET_RATE_LIMIT),
		      rr_format_time(free_at_ns - now_ns, left));
}

static void print_deadline(const struct deadline *deadline, FILE *out)
{
	uint64_t now_ns = rr_now_boot_ns();
	char words[200];

	if (deadline->set)
		(void)fprintf(out, "  deadline: %s: %s\n",
			      deadline_judge(deadline, now_ns, 0) == DEADLINE_OPEN
				      ? "can be met"
				      : "cannot be met",
			      deadline_words(deadline, now_ns, 0, words, sizeof(words)));
}

void admit_print(const struct plan *plan, FILE *out)
{
	auto_ledger struct ledger *ledger = NULL;
	struct gate gate;
	struct rr_err err;
	char words[480];

	(void)fprintf(out, "now:\n");
	print_deadline(&plan->deadline, out);
	if (ledger_open_to_read(plan->paths.ledger, plan->paths.shared, &ledger, &err) == 0 &&
	    ledger_lock(ledger, TICKET_LOCK_NS, &err) == 0) {
		print_ledger(plan, ledger, out);
		ledger_unlock(ledger);
	} else {
		(void)fprintf(out, "  slot: %s\n", err.text);
	}
	gate_open(plan, &gate);
	gate_sample(&gate);
	if (gate_has_room(&gate, NULL, 0))
		(void)fprintf(out, "  headroom: there is room\n");
	else
		(void)fprintf(out, "  headroom: would wait for %s\n",
			      gate_words(&gate, words, sizeof(words)));
}
