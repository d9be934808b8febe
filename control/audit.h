/* SPDX-License-Identifier: MIT */
/*
 * What `resrunctl audit` finds: what killed launchers, full disks and other versions have left.
 * Each question looks, says what it found and why it is there, and with --fix mends it.
 *
 *   found   to be mended by --fix
 *   mended  it was
 *   stays   not ours to mend, or it could not be: the words say why and what to do
 *   note    does no harm, and counts as clean
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "control/context.h"
#include "control/status.h"

#define AUDIT_FINDINGS_MAX 512 /* what is beyond that is found when these are mended */

enum audit_state { AUDIT_FOUND, AUDIT_MENDED, AUDIT_STAYS, AUDIT_NOTE };

struct audit_finding {
	const char *topic; /* "slot", "leaf", "temp"..., also in JSON */
	enum audit_state state;
	char object[PATH_MAX]; /* the file or the job */
	char words[640];
};

struct audit {
	struct context context;
	bool fix;
	struct status status; /* the ledger as it is once slots were asked about */
	struct audit_finding *findings; /* owned */
	size_t n;
};

/* Adds a finding, whose state the caller may change through the result. */
rr_printf(5, 6) struct audit_finding *audit_find(struct audit *audit, const char *topic,
						 enum audit_state state, const char *object,
						 const char *fmt, ...);

/* True when that job, which is not in the ledger, was of this state directory: by the slots that
 * were found, or the history. */
bool audit_is_ended(const struct audit *audit, const char *job_id);

/* True for what make_id() makes. */
bool audit_is_job_id(const char *text);

/* The questions, in their order. Slots: also the hooks that their launchers missed. */
void audit_slots(struct audit *audit);
void audit_leaves(struct audit *audit);
void audit_temps(struct audit *audit);
void audit_status(struct audit *audit);
void audit_history(struct audit *audit);
void audit_learned(struct audit *audit);
void audit_halves(struct audit *audit);
