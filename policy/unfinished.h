/* SPDX-License-Identifier: MIT */
/*
 * What a launcher has promised to do after its job, on disk for as long as that is not done: when
 * it is killed, the next start or an audit keeps the promise. A file STATE/unfinished/ID for each
 * job that has hooks to come, complete before the job runs, locked by its launcher, removed when
 * all is done; and beside it ID.report, how the job ended, once it has.
 *
 * Killed before the file is whole: the job has not run, nothing was promised. Before ID.report: the
 * job is lost. After it: its end is known. Before the files are gone: the hooks run once more, as
 * nobody can tell how far they came.
 */
#pragma once

#include <jansson.h>
#include <limits.h>
#include <stdbool.h>

#include "base/err.h"

#define UNFINISHED_FOLDER "%.3800s/unfinished" /* STATE */
#define UNFINISHED_ASIDE ".aside"

struct unfinished {
	int fd; /* locked; -1: nothing is promised */
	char path[PATH_MAX];
	char report[PATH_MAX]; /* where ID.report is, or will be */
};

/* Promises. 0 or -errno with words; then nothing is left. */
rr_checked int unfinished_begin(const char *state_dir, const char *job_id, const json_t *promise,
				struct unfinished *ret, struct rr_err *err);

/* Writes ID.report, whole or not at all. 0 or -errno with words. */
rr_checked int unfinished_report(const struct unfinished *unfinished, const json_t *report,
				 struct rr_err *err);

/* It is done. */
void unfinished_end(struct unfinished *unfinished);

/* The report of that job, as far as its launcher came to write it before it was killed: what is on
 * disk when hooks were not done. The caller's; NULL: there is none. */
json_t *unfinished_known(const char *state_dir, const char *job_id);

/* One whose launcher is dead. Both objects are borrowed. */
struct unfinished_job {
	const char *job_id;
	const json_t *promise; /* NULL: it cannot be read, or is of a newer resrun */
	const json_t *report; /* NULL: it was killed before the job's end */
	const struct unfinished *files;
};

/* Calls visit for each promise of a dead launcher, which nobody else can have meanwhile; when the
 * answer is true, it has been kept, and its files go: those of one that cannot be read are set
 * aside as ID.aside and ID.report.aside, as another version may know what they say. The number of
 * them, or -errno with words. */
rr_checked int unfinished_each(const char *state_dir,
			       bool (*visit)(const struct unfinished_job *job, void *arg),
			       void *arg, struct rr_err *err);
