/* SPDX-License-Identifier: MIT */
/*
 * For how long nothing has run or waited. The history tells when the last job was over, by the
 * clock on the wall, which may be set; so what one look has found is remembered for the next, by
 * the clock that runs since the boot. Pure.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define IDLE_ID_SIZE 16
#define IDLE_ALWAYS INT64_MIN /* as a time: before all times */

/* One look. Times on the clock of this boot; what was before the boot is negative. */
struct idle_look {
	uint64_t looked_ns;
	int64_t since_ns; /* since when nothing had run or waited */
	char last_id[IDLE_ID_SIZE]; /* the job that was over last; "": none ever was */
	bool active; /* somebody ran or waited */
};

/* What is seen now. */
struct idle_seen {
	uint64_t now_boot_ns, now_wall_ns;
	uint64_t last_wall_ns; /* when the last job was over */
	const char *last_id;
	bool active;
};

/* `before`: the look before, of this boot; NULL: there is none. */
void idle_judge(const struct idle_look *before, const struct idle_seen *seen,
		struct idle_look *ret);

/* How long that is by now; UINT64_MAX: nothing ever was. */
uint64_t idle_for_ns(const struct idle_look *look);
