/* SPDX-License-Identifier: MIT */
/*
 * What a job's own limits are while, as the host is short of something, others stand in their
 * place. Its launcher knows them; and the leaf itself has them noted, as extended attributes, so
 * that whoever finds it without a launcher can put them back.
 */
#pragma once

#include "cgroup/backend.h"

/* Before another value is set. One that cannot be noted is lost with the launcher. */
void own_limit_note(const struct placement *placement, enum limit_id id, const struct limit *own);
/* It holds again. */
void own_limit_forget(const struct placement *placement, enum limit_id id);

/* Of a leaf whose launcher is dead: it stands still no more, and its own limits hold again. */
void own_limits_put_back(const char *leaf_path);
