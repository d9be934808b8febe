/* SPDX-License-Identifier: MIT */
/*
 * The history: one line of JSON a run, appended for ever. A line is CRC, tab, object, newline,
 * written by one write() under a lock; a torn tail is cut off by the next writer, and passed over
 * by every reader. history_log.h tells of its files.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>

#include "base/err.h"

#define HISTORY_LINE_MAX (1 << 20)

/* Appends the object to STATE/history. 0 or -errno with words. */
rr_checked int history_append(const char *state_dir, const json_t *record, struct rr_err *err);

/* The same, unless the history has a record of that job already. What comes with the ledger locked
 * may not wait: -EBUSY when others keep the history locked for longer than a moment. */
rr_checked int history_append_once(const char *state_dir, const json_t *record, const char *job_id,
				   struct rr_err *err);

/* Calls visit for every sound record, oldest first; a non-zero answer ends it and is returned.
 * *ret_torn: lines that were not sound. A missing history is an empty one. -errno with words. */
rr_checked int history_each(const char *state_dir, int (*visit)(json_t *record, void *arg),
			    void *arg, size_t *ret_torn, struct rr_err *err);

/* The same for those records only in which that text occurs as a whole JSON string: the others are
 * not even parsed, which makes a search in a long history a hundred times as fast. */
rr_checked int history_each_with(const char *state_dir, const char *text,
				 int (*visit)(json_t *record, void *arg), void *arg,
				 size_t *ret_torn, struct rr_err *err);

/* Whether the last line is torn, which the next writer would cut off; `mend` cuts it off now.
 * *ret_torn is what was found. A missing history is whole. 0 or -errno with words. */
rr_checked int history_check_tail(const char *state_dir, bool mend, bool *ret_torn,
				  struct rr_err *err);

/* Whether the checksum of a line that has lost its newline fits. */
bool history_line_is_sound(const char *line);

/* The object of a line that has lost its newline, or NULL when the line is not sound. */
json_t *history_line_object(const char *line);
