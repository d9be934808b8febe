/* SPDX-License-Identifier: MIT */
/*
 * The index of the history: an SQLite file beside it, with what is searched for and shown of each
 * record and where its line stands. It holds nothing that the history does not, is brought up to
 * date whenever it is opened, and can be thrown away at any time.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define INDEX_NONE (-1) /* a number that the record does not have */

struct index;

/* One record. Texts are borrowed until the next one; NULL: null. */
struct index_run {
	uint64_t part;
	int64_t offset, length; /* of its line in the part */
	uint64_t ended_wall_ns; /* when it was over; of a job that never ran, when it came */
	bool failed;
	const char *job_id, *name, *key, *profile, *reason, *placement;
	int64_t code, signal;
	double wall_s, cpu_s, waited_s;
	int64_t needed_bytes, peak_bytes;
};

struct index_filter {
	uint64_t since_wall_ns, until_wall_ns; /* until 0: none */
	bool failed;
	const char *key, *name, *profile, *job_id;
	const char *job_prefix; /* the beginning of an id */
	const char *first_id; /* all tries of the job whose first had that id */
	uint64_t limit; /* only the last so many; 0: all */
	bool by_key; /* ordered by key, then by age */
};

/* Opens the index and adds what is new in the history, with a bar on a terminal when that takes
 * long; rebuild: begins from nothing. Where no file can be written the index is made in memory. 0,
 * or -errno with words. */
rr_checked int index_open(const char *state_dir, bool rebuild, struct index **ret,
			  struct rr_err *err);
void index_close(struct index **slot);
#define index_auto __attribute__((cleanup(index_close)))

/* Lines of the history that were not sound. */
size_t index_torn(struct index *index);
/* Records that are known. */
size_t index_size(struct index *index);

/* All runs of one profile that ended in one way: those of the history, and those of parts that were
 * removed for their age while the index was kept. Texts as above. */
struct index_total {
	const char *profile, *reason;
	bool failed;
	uint64_t runs;
	double wall_s, cpu_s, waited_s;
	uint64_t last_wall_ns; /* when the last of them was over */
};

/* Calls visit for each, ordered by profile and reason. It costs the same however long the history
 * is. As index_each. */
rr_checked int index_each_total(struct index *index,
				int (*visit)(const struct index_total *total, void *arg), void *arg,
				struct rr_err *err);

/* Calls visit for each key that a record has, in their order. 0, or -errno with words. */
rr_checked int index_each_key(struct index *index, void (*visit)(const char *key, void *arg),
			      void *arg, struct rr_err *err);

/* Calls visit for the records, oldest first. A non-zero answer ends it and is returned. 0, or
 * -errno with words. */
rr_checked int index_each(struct index *index, const struct index_filter *filter,
			  int (*visit)(const struct index_run *run, void *arg), void *arg,
			  struct rr_err *err);

/* The record as it was written, which the caller frees; NULL when its line is no longer sound. */
char *index_text(struct index *index, const struct index_run *run);
