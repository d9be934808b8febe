/* SPDX-License-Identifier: MIT */
#include "policy/half.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/parse.h"

static void link_path(const char *state_dir, const char *job_id, char ret[static PATH_MAX])
{
	(void)snprintf(ret, PATH_MAX, HALVES_FOLDER "/%.64s", state_dir, job_id);
}

/* Where the temporary file will be, from wherever one looks. */
static int find_temporary(const char *target, char *ret, size_t size)
{
	char folder[PATH_MAX], whole[PATH_MAX], name[NAME_MAX + 1];
	const char *slash = strrchr(target, '/');
	int r = rr_replace_name(rr_base_name(target), name);

	(void)snprintf(folder, sizeof(folder), "%.*s", slash ? (int)(slash - target + 1) : 2,
		       slash ? target : "./");
	if (r == 0 && !realpath(folder, whole))
		r = -errno;
	if (r == 0 && snprintf(ret, size, "%s/%s", whole, name) >= (int)size)
		r = -ENAMETOOLONG;
	return r;
}

void half_begin(const char *state_dir, const char *job_id, const char *target)
{
	char temporary[PATH_MAX], link[PATH_MAX], folder[PATH_MAX];

	if (find_temporary(target, temporary, sizeof(temporary)) < 0)
		return;
	link_path(state_dir, job_id, link);
	(void)unlink(link);
	if (symlink(temporary, link) == 0 || errno != ENOENT)
		return;
	(void)snprintf(folder, sizeof(folder), HALVES_FOLDER, state_dir);
	if (rr_mkdir_all(folder, 0700) == 0)
		rr_ignore(symlink(temporary, link)); /* the report is more than the note */
}

void half_end(const char *state_dir, const char *job_id)
{
	char link[PATH_MAX];

	link_path(state_dir, job_id, link);
	(void)unlink(link);
}
