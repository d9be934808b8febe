/* SPDX-License-Identifier: MIT */
/*
 * A launcher that came to its hooks has left a report of how the job ended. Else what the ticket
 * tells is all that is known: the command as one text, no key, no usage, and no end, as nobody saw
 * it.
 */
#include "runner/lost.h"

#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "policy/history.h"
#include "policy/report.h"
#include "policy/unfinished.h"

/* BOOTTIME of this boot as wall time; 0 stays "not known". */
static uint64_t as_wall(uint64_t boot_ns)
{
	uint64_t age_ns = rr_now_boot_ns() - boot_ns;

	return boot_ns ? rr_now_wall_ns() - age_ns : 0;
}

static json_t *lost_json(const struct ledger *ledger, const struct ledger_ticket *ticket,
			 const struct ledger_detail *detail)
{
	const struct passwd *user = getpwuid(ticket->uid);
	char command[LEDGER_COMMAND_SIZE + 1], name[LEDGER_NAME_SIZE + 1], host[64] = "?";
	char *words[] = { command, NULL };
	struct report report;

	(void)snprintf(command, sizeof(command), "%.*s", LEDGER_COMMAND_SIZE, detail->command);
	(void)snprintf(name, sizeof(name), "%.*s", LEDGER_NAME_SIZE, detail->name);
	if (gethostname(host, sizeof(host) - 1) < 0)
		(void)snprintf(host, sizeof(host), "?");
	report_clear(&report);
	report.job_id = ticket->id;
	report.name = *name ? name : NULL;
	report.profile = ledger_lane_name(ledger, ticket->lane);
	report.first_job_id = ledger_first_id(ticket, detail);
	report.attempt = ledger_attempt(detail);
	report.command = words;
	report.user = user ? user->pw_name : NULL;
	report.host = host;
	report.submitted_wall_ns = as_wall(ticket->entered_ns);
	report.started_wall_ns = as_wall(ticket->started_ns);
	report.waited_ns = ticket->started_ns - ticket->entered_ns;
	report.reason = EXIT_LOST;
	return report_to_json(&report);
}

int lost_record(const struct ledger *ledger, const struct ledger_ticket *ticket,
		const struct ledger_detail *detail, const char *state_dir)
{
	json_t *known = unfinished_known(state_dir, ticket->id);
	json_t *json = known ? known : lost_json(ledger, ticket, detail);
	struct rr_err ignored;
	int r = json ? history_append_once(state_dir, json, ticket->id, &ignored) : -ENOMEM;

	json_decref(json);
	return r;
}
