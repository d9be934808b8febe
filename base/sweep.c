/* SPDX-License-Identifier: MIT */
/*
 * Invariants:
 *
 * 1. Nothing is removed but by one name in one open directory of the tree (see dirwalk.c), so no
 *    swap of directories or links can make it something outside.
 * 2. A file goes only after all of this was found true of the pinned inode, in this order: it is
 *    the owner's; no keep glob; old; no BSD or POSIX lock on it; not seen in use in /proc; and
 *    the kernel grants a write lease, which means that nobody at all has it open (sweep_take.c).
 * 3. The name is moved aside first, to one that nobody else uses, and removed only if what was
 *    moved is that same inode: a newer file that a rename put there meanwhile is put back.
 * 4. A directory goes by rmdir alone, when it was old before we came, so never with anything in it.
 *
 * A kill at any point leaves each file either in place or gone, or, between the two halves of 3,
 * one old file under a hidden name in its own directory, which a later run removes when it is old.
 */
#include "base/sweep.h"

#include <errno.h>
#include <fnmatch.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/dirwalk.h"
#include "base/fd.h"
#include "base/inuse.h"
#include "base/sweep_plan.h"
#include "base/sweep_root.h"
#include "base/sweep_take.h"

/* What is open is looked up again so often, or, if that takes long, after so many times as long. */
#define RESCAN_NS (5 * RR_NS_PER_S)
#define RESCAN_SHARE 20
#define FIRST_LOOK_NS (5 * RR_NS_PER_S) /* at what is open, however short the time */
/* Files found locked or open let a size sweep fall short: the next younger ones are tried. */
#define MAX_ROUNDS 8

struct sweep {
	const char *path;
	const struct sweep_rules *rules;
	struct sweep_result *result;
	struct rr_err *err;
	struct sweep_take take;
	struct inuse inuse;
	struct dirwalk walk;
	struct sweep_window window;
	struct sweep_plan *plan; /* set while a walk only plans */
	uint64_t now_ns, deadline_ns, rescan_ns;
	uid_t owner;
	bool first, stopped;
};

/* ---- deciding ---- */

static bool is_kept(const struct sweep *sweep, const struct dirwalk_entry *entry)
{
	for (const char *const *glob = sweep->rules->keep; glob && *glob; glob++) {
		/* Anything but "no" keeps: fnmatch may also fail. Nobody means a longer path. */
		if (fnmatch(*glob, entry->name, 0) != FNM_NOMATCH)
			return true;
		if (entry->name - entry->path < PATH_MAX &&
		    fnmatch(*glob, entry->path, FNM_PATHNAME) != FNM_NOMATCH)
			return true;
	}
	return false;
}

/* A time in the future counts as now: a clock once set wrong must not make a thing eternal. */
static uint64_t touched_ns(const struct sweep *sweep, const struct inode *st)
{
	return st->newest_ns < sweep->now_ns ? st->newest_ns : sweep->now_ns;
}

static bool is_old(const struct sweep *sweep, const struct inode *st)
{
	uint64_t touched = touched_ns(sweep, st);

	if (touched <= sweep->window.after_ns || touched > sweep->window.until_ns)
		return false;
	return touched <= sweep->window.edge_ns || sweep->window.budget_bytes > 0;
}

static enum sweep_verdict judge_file(const struct sweep *sweep, const struct dirwalk_entry *entry)
{
	if (entry->st.uid != sweep->owner)
		return SWEEP_FOREIGN;
	if (entry->st.mode & S_ISVTX || is_kept(sweep, entry))
		return SWEEP_KEPT;
	return is_old(sweep, &entry->st) ? SWEEP_REMOVED : SWEEP_YOUNG;
}

/* ---- accounting ---- */

/* Remembers the words of the first error; the others are only counted. */
static void note_error(struct sweep *sweep, int error)
{
	char shown[DIRWALK_SHOWN_SIZE];

	if (sweep->result->count[SWEEP_ERROR] == 0)
		rr_ignore(rr_err_sys(sweep->err, error, "sweep '%.300s': '%s'", sweep->path,
				     dirwalk_shown(&sweep->walk, shown)));
}

static void report(struct sweep *sweep, enum sweep_verdict verdict, int error)
{
	const struct dirwalk_entry *entry = &sweep->walk.entry;
	struct sweep_seen seen = {
		.path = entry->path,
		.bytes = entry->st.bytes,
		.touched_wall_ns = entry->st.newest_ns,
		.verdict = verdict,
		.error = error,
		.is_dir = S_ISDIR(entry->st.mode),
	};

	if (verdict == SWEEP_ERROR)
		note_error(sweep, error);
	sweep->result->count[verdict]++;
	if (sweep->rules->seen && !sweep->rules->seen(sweep->rules->arg, &seen))
		sweep->stopped = true;
}

/* a - b, but not below 0: what others do meanwhile makes sums inexact. */
static uint64_t less(uint64_t a, uint64_t b)
{
	return a > b ? a - b : 0;
}

static void count_removed(struct sweep *sweep)
{
	struct sweep_result *result = sweep->result;
	const struct inode *st = &sweep->walk.entry.st;
	uint64_t share = inode_share(st);

	if (S_ISDIR(st->mode))
		result->dirs++;
	else
		result->files++;
	if (S_ISDIR(st->mode) || st->links <= 1)
		result->bytes += st->bytes;
	result->left_bytes = less(result->left_bytes, share);
	if (touched_ns(sweep, st) > sweep->window.edge_ns)
		sweep->window.budget_bytes = less(sweep->window.budget_bytes, share);
	dirwalk_parent(&sweep->walk)->taken++;
}

/* Later passes go over what the first one has reported: only what they tried is news. */
static bool is_news(const struct sweep *sweep, int verdict)
{
	if (sweep->first || verdict == SWEEP_REMOVED)
		return true;
	return !S_ISDIR(sweep->walk.entry.st.mode) &&
	       (verdict == SWEEP_LOCKED || verdict == SWEEP_OPEN || verdict == SWEEP_ERROR);
}

/* The end of an entry: it is gone, or it stays, and with it the directories above. */
static void settle(struct sweep *sweep, int verdict, int error)
{
	struct sweep_result *result = sweep->result;

	if (verdict == SWEEP_REMOVED)
		count_removed(sweep);
	if (verdict == SWEEP_REMOVED || verdict == SWEEP_GONE)
		result->left = less(result->left, 1);
	else
		dirwalk_parent(&sweep->walk)->left++;
	if (verdict == SWEEP_GONE || !is_news(sweep, verdict))
		return;
	if (!sweep->first)
		result->count[SWEEP_YOUNG] = less(result->count[SWEEP_YOUNG], 1);
	report(sweep, (enum sweep_verdict)verdict, error);
}

/* ---- going through the tree ---- */

static void visit_file(struct sweep *sweep)
{
	const struct dirwalk_entry *entry = &sweep->walk.entry;
	int verdict = judge_file(sweep, entry), error = 0;

	if (sweep->plan) {
		if (verdict == SWEEP_REMOVED)
			sweep_plan_add(sweep->plan, touched_ns(sweep, &entry->st),
				       inode_share(&entry->st));
		return;
	}
	if (verdict == SWEEP_REMOVED)
		verdict = sweep_take_file(&sweep->take, &sweep->inuse, entry, &error);
	settle(sweep, verdict, error);
}

static int visit_dir(struct sweep *sweep)
{
	const struct dirwalk_entry *entry = &sweep->walk.entry;
	int verdict, r, error = 0;

	if (entry->st.uid != sweep->owner) {
		verdict = SWEEP_FOREIGN;
	} else if (is_kept(sweep, entry)) {
		verdict = SWEEP_KEPT;
	} else {
		r = dirwalk_enter(&sweep->walk);
		if (r <= 0)
			return r;
		verdict = r == DIRWALK_LOCKED ? SWEEP_LOCKED : SWEEP_ERROR;
		error = r == DIRWALK_TOO_DEEP ? ENAMETOOLONG : entry->error;
		if (error == ENOENT)
			verdict = SWEEP_GONE;
	}
	if (!sweep->plan)
		settle(sweep, verdict, error);
	return 0;
}

/* It is in use when others touched it while we were in it; when we did so ourselves by taking
 * things out, its age from before has to do. */
static bool is_dir_old(const struct sweep *sweep, const struct dirwalk_level *level)
{
	const struct dirwalk_entry *entry = &sweep->walk.entry;
	struct inode now;

	if (!is_old(sweep, &entry->st))
		return false;
	return level->taken > 0 || (inode_look(entry->fd, &now) == 0 && is_old(sweep, &now));
}

static void leave_dir(struct sweep *sweep)
{
	const struct dirwalk_level *level = &sweep->walk.levels[sweep->walk.depth - 1];
	int verdict = SWEEP_YOUNG, error = 0;

	if (sweep->plan)
		return;
	if (level->left == 0 && is_dir_old(sweep, level))
		verdict = sweep_take_dir(&sweep->take, &sweep->inuse, &sweep->walk.entry, &error);
	settle(sweep, verdict, error);
}

static int handle(struct sweep *sweep, int event)
{
	const struct dirwalk_entry *entry = &sweep->walk.entry;

	if (sweep->first && entry->name && event != DIRWALK_LEAVING) {
		sweep->result->left++;
		sweep->result->left_bytes += inode_share(&entry->st);
	}
	if (event == DIRWALK_ENTRY && S_ISDIR(entry->st.mode))
		return visit_dir(sweep);
	if (event == DIRWALK_ENTRY)
		visit_file(sweep);
	else if (event == DIRWALK_LEAVING)
		leave_dir(sweep);
	else if (!sweep->plan)
		settle(sweep, event == DIRWALK_MOUNT ? SWEEP_MOUNT : SWEEP_ERROR, entry->error);
	return 0;
}

/* Looks again at what is open, when the last look is old. 0 or -errno. */
static int rescan(struct sweep *sweep)
{
	uint64_t start_ns = rr_now_boot_ns(), pause_ns;
	int r;

	if (start_ns < sweep->rescan_ns)
		return 0;
	r = inuse_scan(&sweep->inuse, sweep->path, sweep->deadline_ns);
	if (r == INUSE_BLIND)
		sweep->result->blind = true;
	pause_ns = (rr_now_boot_ns() - start_ns) * RESCAN_SHARE;
	sweep->rescan_ns = rr_now_boot_ns() + (pause_ns > RESCAN_NS ? pause_ns : RESCAN_NS);
	return r < 0 ? r : 0;
}

/* One walk over the tree with the window that is set. 0 or -errno. */
static int pass(struct sweep *sweep, int rootfd)
{
	int event = 0, r = dirwalk_start(&sweep->walk, rootfd, DIRWALK_LOCK);

	while (event >= 0 && r >= 0) {
		event = dirwalk_next(&sweep->walk);
		if (event == DIRWALK_END)
			break;
		if (rr_now_boot_ns() > sweep->deadline_ns)
			sweep->stopped = true;
		if (sweep->stopped)
			break;
		if (event > 0)
			r = handle(sweep, event);
		if (r >= 0)
			r = rescan(sweep);
	}
	dirwalk_done(&sweep->walk);
	if (event < 0 || r < 0)
		return rr_err_sys(sweep->err, event < 0 ? -event : -r, "sweep '%s'", sweep->path);
	return 0;
}

/* ---- down to a size ---- */

static uint64_t excess(const struct sweep *sweep)
{
	uint64_t limit = sweep->rules->max_bytes;

	return limit > 0 ? less(sweep->result->left_bytes, limit) : 0;
}

/* Walks, without touching anything, until it is known what the oldest files are that make up the
 * excess, and sets the window to them. What an earlier window held has resisted: it counts no more.
 */
static int plan_window(struct sweep *sweep, int rootfd)
{
	uint64_t until_ns = less(sweep->now_ns, sweep->rules->fresh_ns);
	rr_autofree struct sweep_plan *plan = malloc(sizeof(*plan));
	struct sweep_window window = { .after_ns = sweep->window.until_ns };
	int r;

	if (window.after_ns >= until_ns)
		return 0;
	if (!plan)
		return rr_err_sys(sweep->err, ENOMEM, "sweep '%s'", sweep->path);
	sweep_plan_start(plan, window.after_ns, until_ns);
	sweep->window = (struct sweep_window){ window.after_ns, until_ns, until_ns, 0 };
	do {
		sweep->plan = plan;
		r = pass(sweep, rootfd);
		sweep->plan = NULL;
		if (r < 0 || sweep->stopped)
			return r;
	} while (!sweep_plan_cut(plan, excess(sweep), &window));
	sweep->window = window;
	if (window.until_ns > until_ns)
		sweep->window.until_ns = until_ns;
	return 0;
}

static int run_passes(struct sweep *sweep, int rootfd)
{
	int r = pass(sweep, rootfd);

	sweep->first = false;
	for (int round = 0; r == 0 && !sweep->stopped && round < MAX_ROUNDS; round++) {
		uint64_t tried_ns = sweep->window.until_ns;

		if (excess(sweep) == 0)
			break;
		r = plan_window(sweep, rootfd);
		if (r < 0 || sweep->stopped || sweep->window.until_ns <= tried_ns)
			break;
		r = pass(sweep, rootfd);
	}
	sweep->result->complete = !sweep->stopped;
	return r;
}

/* ---- beginning and end ---- */

int sweep_check_root(const char *path, const struct sweep_rules *rules, struct rr_err *err)
{
	sweep_root_auto struct sweep_root root = { .fd = -1 };

	return sweep_root_open(path, rules, &root, err);
}

/* Root in a user's directory does only what that user could do: a trick played on us there gains
 * nothing. The effective ids stay, so nobody may signal us. */
static bool act_as(uid_t uid, gid_t gid)
{
	(void)setfsgid(gid);
	(void)setfsuid(uid);
	return (uid_t)setfsuid((uid_t)-1) == uid && (gid_t)setfsgid((gid_t)-1) == gid;
}

static int run_as_owner(struct sweep *sweep, const struct sweep_root *root)
{
	int r = 0;

	if (root->st.uid == geteuid())
		return run_passes(sweep, root->fd);
	if (!act_as(root->st.uid, root->st.gid))
		r = rr_err_set(sweep->err, EPERM, "cannot sweep '%s' as its owner, uid %u",
			       root->path, (unsigned)root->st.uid);
	if (r == 0)
		r = run_passes(sweep, root->fd);
	(void)act_as(geteuid(), getegid());
	return r;
}

static uint64_t time_limit(const struct sweep_rules *rules)
{
	return rules->time_limit_ns ? rules->time_limit_ns : RR_TIME_INF;
}

static void start(struct sweep *sweep, const struct sweep_root *root)
{
	const struct sweep_rules *rules = sweep->rules;
	uint64_t limit_ns = time_limit(rules);

	sweep->path = root->path;
	sweep->owner = root->st.uid;
	sweep->now_ns = rules->now_wall_ns ? rules->now_wall_ns : rr_now_wall_ns();
	/* Of the first look; see sweep_run. */
	sweep->deadline_ns =
		rr_time_add(rr_now_boot_ns(), limit_ns > FIRST_LOOK_NS ? limit_ns : FIRST_LOOK_NS);
	sweep->window.until_ns = less(sweep->now_ns, rules->age_ns);
	sweep->window.edge_ns = sweep->window.until_ns;
	sweep_take_start(&sweep->take, root->fd, rules->dry_run);
}

static void sweep_done(struct sweep *sweep)
{
	inuse_done(&sweep->inuse);
}

int sweep_run(const char *path, const struct sweep_rules *rules, struct sweep_result *ret,
	      struct rr_err *err)
{
	sweep_root_auto struct sweep_root root = { .fd = -1 };
	struct sweep_result result = { 0 };
	__attribute__((cleanup(sweep_done))) struct sweep sweep = {
		.rules = rules, .result = &result, .err = err, .first = true
	};
	int r = sweep_root_open(path, rules, &root, err);

	if (r < 0)
		return r;
	if (!inode_lock_dir(root.fd))
		return SWEEP_BUSY;
	start(&sweep, &root);
	/* With all of root's sight, before it is given up. */
	r = rescan(&sweep);
	if (r < 0)
		return rr_err_sys(err, -r, "look for open files");
	/* The limit counts from here: where that look alone takes longer, every sweep would end
	 * before its first file. One that was not finished is no ground to go on upon. */
	if (rr_now_boot_ns() <= sweep.deadline_ns)
		sweep.deadline_ns = rr_time_add(rr_now_boot_ns(), time_limit(rules));
	r = run_as_owner(&sweep, &root);
	if (r < 0)
		return r;
	*ret = result;
	return SWEEP_DONE;
}
