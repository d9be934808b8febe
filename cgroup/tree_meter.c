/* SPDX-License-Identifier: MIT */
#include "cgroup/tree_meter.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/processes.h"
#include "cgroup/tree.h"

#define STAT_TEXT 1024
#define CHILDREN_TEXT 1024 /* what does not fit is read another way */
#define ASK_AGAIN_NS (10 * RR_NS_PER_S)

/* ---- files of a process ---- */

static int open_file(pid_t pid, const char *name)
{
	char path[64];

	(void)snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
	return open(path, O_RDONLY | O_CLOEXEC);
}

static int open_children(pid_t pid)
{
	char path[64];

	(void)snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int)pid, (int)pid);
	return open(path, O_RDONLY | O_CLOEXEC);
}

static void drop(struct tree_kept *kept)
{
	kept->pid = 0;
	kept->sched[0] = '\0';
	rr_fd_close(&kept->stat_fd);
	rr_fd_close(&kept->children_fd);
	rr_fd_close(&kept->sched_fd);
}

/* Where its files are kept; a free place that it then has; or `spare`, when there is none. */
static struct tree_kept *place_of(struct tree_meter *meter, pid_t pid, struct tree_kept *spare)
{
	struct tree_kept *place = spare;

	for (size_t i = 0; i < TREE_KEPT; i++) {
		if (meter->kept[i].pid == pid)
			return &meter->kept[i];
		if (meter->kept[i].pid == 0 && place == spare)
			place = &meter->kept[i];
	}
	place->pid = pid;
	return place;
}

/* Whether it has not run since `last` was read: then all that stat would say is as it was. The text
 * has how often it was given a CPU; of one thread only, and where the kernel does not count, zeros.
 */
static bool has_rested(struct tree_kept *kept)
{
	char text[TREE_SCHED_TEXT];
	bool rested;

	/* Of one that is looked at for the first time, or whose files are not kept, it is not worth
	 * it. */
	if (kept->stat_fd < 0)
		return false;
	if (kept->sched_fd < 0)
		kept->sched_fd = open_file(kept->pid, "schedstat");
	if (kept->sched_fd < 0 || rr_pread_text(kept->sched_fd, text, sizeof(text)) <= 0 ||
	    *text == '0') {
		kept->sched[0] = '\0';
		return false;
	}
	rested = strcmp(text, kept->sched) == 0 && kept->last.threads == 1 &&
		 kept->last.state != 'R';
	if (!rested)
		memcpy(kept->sched, text, strlen(text) + 1);
	return rested;
}

/* What was kept of a process that is gone answers ESRCH, also when another has its number now. */
static bool read_stat(struct tree_kept *kept, struct process *ret)
{
	char text[STAT_TEXT];

	for (int attempt = 0; attempt < 2; attempt++) {
		/* Asked before stat is read: what runs in between shows the next time. */
		if (has_rested(kept)) {
			*ret = kept->last;
			return true;
		}
		if (kept->stat_fd < 0)
			kept->stat_fd = open_file(kept->pid, "stat");
		if (kept->stat_fd < 0)
			return false;
		if (rr_pread_text(kept->stat_fd, text, sizeof(text)) > 0) {
			bool parsed = process_parse(text, &kept->last);

			if (!parsed)
				kept->sched[0] = '\0';
			*ret = kept->last;
			return parsed;
		}
		rr_fd_close(&kept->stat_fd);
		rr_fd_close(&kept->children_fd);
		rr_fd_close(&kept->sched_fd);
		kept->sched[0] = '\0';
	}
	return false;
}

/* The children of a process of one thread. */
static size_t add_children(int *fd, pid_t pid, pid_t *pids, size_t n)
{
	char text[CHILDREN_TEXT];
	ssize_t length = -1;

	if (*fd < 0)
		*fd = open_children(pid);
	if (*fd >= 0)
		length = rr_pread_text(*fd, text, sizeof(text));
	if (length < 0 || length + 1 == (ssize_t)sizeof(text))
		return tree_add_children(pid, pids, n, TREE_MAX);
	return tree_add_numbers(text, pids, n, TREE_MAX);
}

/* ---- a look ---- */

static uint64_t page_bytes(void)
{
	return (uint64_t)sysconf(_SC_PAGESIZE);
}

static void add(const struct process *process, struct tree_sum *sum)
{
	sum->pids += ((uint64_t)process->pid << 32) + process->start_ticks;
	sum->faults += process->faults;
	sum->resident_bytes += process->resident_pages * page_bytes();
}

/* All that is below us: their numbers, and what they add up to. */
static size_t walk(struct tree_meter *meter, pid_t *pids, struct tree_sum *ret)
{
	size_t n = add_children(&meter->own_fd, getpid(), pids, 0);
	struct tree_sum sum = { 0 };

	for (size_t i = 0; i < n; i++) {
		struct tree_kept spare = { .stat_fd = -1, .children_fd = -1, .sched_fd = -1 };
		struct tree_kept *kept = place_of(meter, pids[i], &spare);
		struct process process = { .threads = 0 };

		kept->seen = true;
		if (read_stat(kept, &process))
			add(&process, &sum);
		n = process.threads == 1 ? add_children(&kept->children_fd, pids[i], pids, n)
					 : tree_add_children(pids[i], pids, n, TREE_MAX);
		drop(&spare);
	}
	for (size_t i = 0; i < TREE_KEPT; i++) {
		if (!meter->kept[i].seen)
			drop(&meter->kept[i]);
		meter->kept[i].seen = false;
	}
	sum.n = n;
	*ret = sum;
	return n;
}

/* ---- what memory is shared ---- */

static void ask(struct tree_meter *meter, const pid_t *pids, const struct tree_sum *sum,
		uint64_t now_ns)
{
	uint64_t total = 0, working = 0;

	for (size_t i = 0; i < sum->n; i++)
		tree_add_memory(pids[i], &total, &working);
	meter->total_bytes = total;
	meter->working_bytes = working;
	meter->then = *sum;
	meter->asked_ns = now_ns;
	meter->asked = true;
}

/* What was shared of what the same processes have may be so no more: a page for each fault, and
 * one alone shares with none of them. */
static uint64_t most(const struct tree_meter *meter, const struct tree_sum *sum,
		     uint64_t then_bytes)
{
	uint64_t bytes = then_bytes;

	if (sum->pids != meter->then.pids)
		return sum->resident_bytes;
	if (sum->resident_bytes > meter->then.resident_bytes)
		bytes += sum->resident_bytes - meter->then.resident_bytes;
	if (sum->n > 1)
		bytes += (sum->faults - meter->then.faults) * page_bytes();
	return bytes < sum->resident_bytes ? bytes : sum->resident_bytes;
}

static bool is_above(uint64_t bytes, uint64_t peak)
{
	return peak == USAGE_UNKNOWN || bytes > peak;
}

static bool must_ask(const struct tree_meter *meter, const struct tree_sum *sum,
		     const struct tree_want *want, const struct usage *usage)
{
	if (!meter->asked)
		return true;
	if (sum->pids == meter->then.pids && sum->faults == meter->then.faults &&
	    sum->resident_bytes == meter->then.resident_bytes)
		return false;
	/* The kernel's own count of what is resident may lag a little. */
	return want->exact || want->now_ns - meter->asked_ns >= ASK_AGAIN_NS ||
	       sum->resident_bytes > want->cap_bytes - want->cap_bytes / 8 ||
	       is_above(most(meter, sum, meter->total_bytes), usage->memory_peak_bytes) ||
	       is_above(most(meter, sum, meter->working_bytes), usage->memory_working_peak_bytes);
}

/* Moved by as much as what is resident has changed. */
static uint64_t moved(uint64_t bytes, const struct tree_sum *then, const struct tree_sum *now)
{
	if (now->resident_bytes >= then->resident_bytes)
		return bytes + (now->resident_bytes - then->resident_bytes);
	return bytes > then->resident_bytes - now->resident_bytes
		       ? bytes - (then->resident_bytes - now->resident_bytes)
		       : 0;
}

void tree_meter_open(struct tree_meter *ret)
{
	*ret = (struct tree_meter){ .own_fd = -1 };
	for (size_t i = 0; i < TREE_KEPT; i++)
		ret->kept[i].stat_fd = ret->kept[i].children_fd = ret->kept[i].sched_fd = -1;
}

void tree_meter_close(struct tree_meter *meter)
{
	rr_fd_close(&meter->own_fd);
	for (size_t i = 0; i < TREE_KEPT; i++)
		drop(&meter->kept[i]);
}

void tree_meter_read(struct tree_meter *meter, const struct tree_want *want, struct usage *usage)
{
	pid_t pids[TREE_MAX];
	struct tree_sum sum;
	size_t n = walk(meter, pids, &sum);
	bool asked = must_ask(meter, &sum, want, usage);

	if (asked)
		ask(meter, pids, &sum, want->now_ns);
	usage->memory_bytes = moved(meter->total_bytes, &meter->then, &sum);
	usage->memory_working_bytes = moved(meter->working_bytes, &meter->then, &sum);
	usage->pids = n;
	if (n == 0)
		return;
	usage_raise(&usage->pids_peak, n);
	if (!asked)
		return;
	usage_raise(&usage->memory_peak_bytes, meter->total_bytes);
	/* Nothing: it had ended, or had not begun, when it was looked at. */
	if (meter->working_bytes > 0)
		usage_raise(&usage->memory_working_peak_bytes, meter->working_bytes);
}
