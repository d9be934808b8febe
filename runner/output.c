/* SPDX-License-Identifier: MIT */
#include "runner/output.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/parse.h"

static int duplicate(const char *target, int number, int *ret_fd, struct rr_err *err)
{
	int fd = fcntl(number, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);

	if (fd < 0)
		return rr_err_sys(err, errno, "'%s'", target);
	*ret_fd = fd;
	return 0;
}

int output_open(const char *target, int flags, int *ret_fd, struct rr_err *err)
{
	uint64_t number;
	int fd;

	if (strcmp(target, "-") == 0)
		return duplicate(target, STDERR_FILENO, ret_fd, err);
	if (strncmp(target, "fd:", 3) == 0) {
		if (rr_parse_u64(target + 3, &number) < 0 || number > INT16_MAX)
			return rr_err_set(err, EINVAL, "'%s' is not a descriptor: fd:3", target);
		return duplicate(target, (int)number, ret_fd, err);
	}
	fd = open(target, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOCTTY | flags, 0644);
	if (fd < 0)
		return rr_err_sys(err, errno, "'%s'", target);
	*ret_fd = fd;
	return 0;
}

bool output_is_stream(const char *target)
{
	return strcmp(target, "-") == 0 || strncmp(target, "fd:", 3) == 0 ||
	       strncmp(target, "/dev/", 5) == 0;
}
