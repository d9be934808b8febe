/* SPDX-License-Identifier: MIT */
/*
 * `resrunctl top`: what it knows (top_model.c), what it draws of that (top_draw.c), what the
 * keys do (top_keys.c), and the screen (top.c).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "control/canvas.h"
#include "control/context.h"
#include "control/status.h"
#include "control/watch.h"
#include "policy/steer.h"

#define TOP_HISTORY 64 /* values of a sparkline */

struct trail {
	double percent[TOP_HISTORY]; /* the newest is the last */
	size_t n;
};

enum top_prompt {
	PROMPT_NONE,
	PROMPT_INPUT, /* KEY=VALUE is being typed */
	PROMPT_CONFIRM, /* the next key is yes or no */
};

/* A job that runs. */
struct top_job {
	struct watch watch;
	struct trail cpu; /* of the CPUs that the host has */
	uint64_t temp_ns; /* BOOTTIME: when its temporary directory was looked at */
	bool seen; /* in the last look at the ledger */
};

struct top {
	struct context context;
	struct scene scene;
	struct status status; /* jobs as they are shown: running ones first, then waiters in turn */
	struct top_job *jobs; /* owned */
	size_t n_jobs;
	struct trail cpu, memory; /* of the host */
	char chosen[LEDGER_ID_SIZE]; /* the job that keys act upon; "": none */
	size_t scrolled; /* rows above the first that is shown */
	uint64_t interval_ns;
	char message[256]; /* the last line */

	/* A change that is being asked for. */
	enum top_prompt prompt;
	enum steer_verb verb;
	char asked_for[LEDGER_ID_SIZE];
	char input[128]; /* of STEER_SET: KEY=VALUE */
};

/* Reads the configuration. 0 or -errno with words; top_free is due in either case. */
rr_checked int top_open(struct top *ret, struct rr_err *err);
void top_free(struct top *top);
#define top_auto __attribute__((cleanup(top_free)))

/* Looks at host, ledger and jobs. 0 or -errno with words. */
rr_checked int top_look(struct top *top, struct rr_err *err);

/* What is known of a running job; NULL: nothing. */
const struct top_job *top_find(const struct top *top, const char *job_id);

/* Chooses the job so many rows further on (or back). */
void top_choose(struct top *top, long rows);

/* Draws all of it; scrolls so that the chosen job can be seen. */
void top_draw(struct top *top, struct canvas *canvas);

/* Does what a key of curses means. False when that is to end. */
bool top_take_key(struct top *top, int key);
/* The message is then which keys there are. */
void top_say_keys(struct top *top);
