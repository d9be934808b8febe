/* SPDX-License-Identifier: MIT */
/* The record of a job whose launcher was killed: written by whoever frees its ticket. */
#pragma once

#include "base/err.h"
#include "policy/ledger.h"

/* With the ledger locked. 0 when the history has a record of the job, this one or the launcher's
 * own; -EBUSY when that is to be tried again; else -errno: it cannot be had. */
rr_checked int lost_record(const struct ledger *ledger, const struct ledger_ticket *ticket,
			   const struct ledger_detail *detail, const char *state_dir);
