/* SPDX-License-Identifier: MIT */
/*
 * What `resrunctl doctor` finds: one finding per question, each with a word, and, where it could be
 * better, the exact command that would make it so.
 *
 *   ok       as good as it gets
 *   note     resrun works, but could do more here
 *   problem  resrun will not run, or cannot keep what the configuration asks for
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "cgroup/backend.h"
#include "control/context.h"

#define FINDINGS_MAX 96

enum finding_level { FINDING_OK, FINDING_NOTE, FINDING_PROBLEM };

struct finding {
	enum finding_level level;
	char topic[32]; /* also the name in JSON */
	char words[1280];
	char remedy[512]; /* "": there is none, or none is needed */
};

struct doctor {
	struct context context;
	bool loaded; /* the configuration could be read; else the defaults hold */
	bool fix;
	struct placement placement; /* as a job without special wishes would be placed */
	struct finding findings[FINDINGS_MAX];
	size_t n;
};

/* Adds a finding, whose remedy the caller may set through the result. */
rr_printf(4, 5) struct finding *doctor_find(struct doctor *doctor, enum finding_level level,
					    const char *topic, const char *fmt, ...);
/* Sets the remedy; a level of OK needs none and keeps none. */
rr_printf(2, 3) void doctor_remedy(struct finding *finding, const char *fmt, ...);

/* The questions, in their order. */
void doctor_config(struct doctor *doctor);
void doctor_cgroup(struct doctor *doctor);
void doctor_limits(struct doctor *doctor);
void doctor_systemd(struct doctor *doctor);
void doctor_kernel(struct doctor *doctor);
void doctor_places(struct doctor *doctor);
void doctor_ledger(struct doctor *doctor);
