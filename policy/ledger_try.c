/* SPDX-License-Identifier: MIT */
/* Tries of one job, as tickets tell of them. */
#include "policy/ledger.h"

/* A launcher of before there was such a thing has the end of a long command there: then no zeros
 * stand behind what would be an id, or nothing but zeros does. */
static bool is_further_try(const struct ledger_detail *detail)
{
	return detail->attempt > 1 && detail->first_id[0] &&
	       !detail->first_id[LEDGER_FIRST_SIZE - 2] && !detail->first_id[LEDGER_FIRST_SIZE - 1];
}

const char *ledger_first_id(const struct ledger_ticket *ticket, const struct ledger_detail *detail)
{
	return is_further_try(detail) ? detail->first_id : ticket->id;
}

unsigned ledger_attempt(const struct ledger_detail *detail)
{
	return is_further_try(detail) ? detail->attempt : 1;
}
