/* SPDX-License-Identifier: MIT */
#include "cgroup/own_limits.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/xattr.h>

#include "base/fd.h"
#include "base/parse.h"

/* Those that on_pressure changes. */
static const enum limit_id changed[] = { LIMIT_CPUS, LIMIT_CPU_WEIGHT, LIMIT_IO_WEIGHT };

#define CHANGED_N (sizeof(changed) / sizeof(changed[0]))
#define NAME_SIZE 64
#define NONE "none"

/* Of the only kind that an ordinary user may set on what is his. */
static const char *name_of(enum limit_id id, char buf[static NAME_SIZE])
{
	(void)snprintf(buf, NAME_SIZE, "user.resrun.own.%s", limit_name(id));
	return buf;
}

void own_limit_note(const struct placement *placement, enum limit_id id, const struct limit *own)
{
	char name[NAME_SIZE], text[RR_FORMAT_SIZE] = NONE;

	if (own->asked && id == LIMIT_CPUS)
		(void)snprintf(text, sizeof(text), "%.3f", own->cpus);
	else if (own->asked)
		(void)snprintf(text, sizeof(text), "%llu", (unsigned long long)own->amount);
	(void)fsetxattr(placement->leaf.fd, name_of(id, name), text, strlen(text), 0);
}

void own_limit_forget(const struct placement *placement, enum limit_id id)
{
	char name[NAME_SIZE];

	(void)fremovexattr(placement->leaf.fd, name_of(id, name));
}

/* False when there is none, or what is there is none of ours. */
static bool read_note(const struct placement *placement, enum limit_id id, struct limit *ret)
{
	char name[NAME_SIZE], text[RR_FORMAT_SIZE];
	struct limit own = { .asked = true };
	ssize_t n = fgetxattr(placement->leaf.fd, name_of(id, name), text, sizeof(text) - 1);
	int r;

	if (n <= 0)
		return false;
	text[n] = '\0';
	if (strcmp(text, NONE) == 0) {
		*ret = (struct limit){ .asked = false };
		return true;
	}
	r = id == LIMIT_CPUS ? rr_parse_decimal(text, &own.cpus) : rr_parse_u64(text, &own.amount);
	*ret = own;
	return r == 0;
}

void own_limits_put_back(const char *leaf_path)
{
	struct placement placement;
	struct rr_err ignored;

	if (!placement_find(leaf_path, &placement))
		return;
	for (size_t i = 0; i < CHANGED_N; i++) {
		struct limit own;

		if (!read_note(&placement, changed[i], &own))
			continue;
		if (placement_change(&placement, changed[i], &own, &ignored) == 0)
			own_limit_forget(&placement, changed[i]);
	}
	rr_ignore(rr_write_at(placement.leaf.fd, "cgroup.freeze", "0")); /* a kernel before 5.2 */
	leaf_close(&placement.leaf);
}
