/* SPDX-License-Identifier: MIT */
#include "runner/status_file.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "runner/tell.h"

#define DIRECTORY "status" /* below the runtime directory */

static void find_path(const struct plan *plan, char path[static PATH_MAX])
{
	(void)snprintf(path, PATH_MAX, "%.4000s/" DIRECTORY "/%s", plan->paths.runtime,
		       plan->job_id);
}

/* It is nearly always there. */
static int make_directory(const struct plan *plan)
{
	char path[PATH_MAX];

	(void)snprintf(path, sizeof(path), "%.4000s/" DIRECTORY, plan->paths.runtime);
	if (mkdir(path, 0700) == 0 || errno == EEXIST)
		return 0;
	return errno == ENOENT ? rr_mkdir_all(path, 0700) : -errno;
}

void status_file_offer(const struct plan *plan)
{
	char path[PATH_MAX];
	int r = make_directory(plan);

	if (r < 0) {
		tell_more("no RESRUN_STATUS for the job: '%s': %s", plan->paths.runtime,
			  strerror(-r));
		/* That of a job around us is not ours. */
		(void)unsetenv("RESRUN_STATUS");
		return;
	}
	find_path(plan, path);
	(void)setenv("RESRUN_STATUS", path, 1);
}

void status_file_remove(const struct plan *plan)
{
	char path[PATH_MAX];

	find_path(plan, path);
	(void)unlink(path);
}
