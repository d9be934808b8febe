/* SPDX-License-Identifier: MIT */
/*
 * May this directory be swept at all? All refusals are here, before anything is opened for more
 * than looking.
 */
#pragma once

#include <limits.h>

#include "base/err.h"
#include "base/inode.h"

struct sweep_rules;

struct sweep_root {
	int fd; /* open for reading */
	struct inode st; /* what was checked; its owner is the user to act as */
	char path[PATH_MAX]; /* without empty components */
};

/* Opens the directory if sweep_check_root() has nothing against it; on failure ret->fd is -1 or
 * as it was. 0 or -errno. */
rr_checked int sweep_root_open(const char *path, const struct sweep_rules *rules,
			       struct sweep_root *ret, struct rr_err *err);

void sweep_root_done(struct sweep_root *root);
#define sweep_root_auto __attribute__((cleanup(sweep_root_done)))
