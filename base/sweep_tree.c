/* SPDX-License-Identifier: MIT */
/* Whole trees of our own: removing one, measuring one. Why no swap can lead out: dirwalk.c. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/dirwalk.h"
#include "base/fd.h"
#include "base/sweep.h"

/* One tree that is being removed. */
struct removal {
	struct dirwalk walk;
	uint64_t deadline_ns;
	uint64_t removed; /* in this walk */
	struct rr_err *err;
	bool failed; /* err holds why something stays */
	bool late;
};

static uint64_t deadline(uint64_t time_limit_ns)
{
	return rr_time_add(rr_now_boot_ns(), time_limit_ns ? time_limit_ns : RR_TIME_INF);
}

static void note(struct removal *removal, int error)
{
	char shown[DIRWALK_SHOWN_SIZE];

	if (!removal->failed)
		rr_ignore(rr_err_set(
			removal->err, error, "'%s' stays: %s", dirwalk_shown(&removal->walk, shown),
			error == EBUSY ? "something is mounted there" : strerror(error)));
	removal->failed = true;
}

static int enter(struct removal *removal)
{
	int r = dirwalk_enter(&removal->walk);

	if (r == DIRWALK_TOO_DEEP)
		note(removal, ENAMETOOLONG);
	else if (r > 0)
		note(removal, removal->walk.entry.error);
	return r < 0 ? r : 0;
}

static int remove_entry(struct removal *removal, int event)
{
	const struct dirwalk_entry *entry = &removal->walk.entry;
	int flags = event == DIRWALK_LEAVING ? AT_REMOVEDIR : 0;

	if (event == DIRWALK_ENTRY && S_ISDIR(entry->st.mode))
		return enter(removal);
	if (event == DIRWALK_MOUNT)
		note(removal, EBUSY);
	else if (event == DIRWALK_FAILED || event == DIRWALK_LOST)
		note(removal, entry->error);
	else if (unlinkat(entry->dirfd, entry->name, flags) == 0)
		removal->removed++;
	else if (errno != ENOENT)
		note(removal, errno);
	return 0;
}

/* Removes what one walk finds. 0 or -errno. */
static int remove_below(struct removal *removal, int fd)
{
	int event, r = dirwalk_start(&removal->walk, fd, DIRWALK_FORCE);

	if (r < 0)
		return r;
	removal->removed = 0;
	removal->failed = false;
	do {
		event = dirwalk_next(&removal->walk);
		removal->late = rr_now_boot_ns() > removal->deadline_ns;
		if (event > 0 && !removal->late)
			r = remove_entry(removal, event);
	} while (event > 0 && r >= 0 && !removal->late);
	dirwalk_done(&removal->walk);
	return event < 0 ? event : r;
}

/* Opens the directory to be removed, which must be one of this user, and no mount. 0, 1 when it is
 * gone already, or -errno. */
static int open_private(int dirfd, const char *name, int *ret_fd, struct rr_err *err)
{
	rr_autofd int pin = openat(dirfd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	struct inode st, above = { 0 };
	int r;

	if (pin < 0)
		return errno == ENOENT ? 1 : rr_err_sys(err, errno, "remove '%s'", name);
	r = inode_look(pin, &st);
	if (r == 0)
		r = inode_look(dirfd, &above);
	if (r < 0)
		return rr_err_sys(err, -r, "remove '%s'", name);
	if (!S_ISDIR(st.mode))
		return rr_err_set(err, ENOTDIR, "will not remove '%s': it is not a directory",
				  name);
	if (st.uid != geteuid())
		return rr_err_set(err, EPERM, "will not remove '%s': it belongs to uid %u", name,
				  (unsigned)st.uid);
	if (st.mount != above.mount || st.dev != above.dev)
		return rr_err_set(err, EBUSY, "will not remove '%s': something is mounted there",
				  name);
	inode_give_access(pin, st.mode);
	*ret_fd = inode_open_dir(pin, ".");
	if (*ret_fd < 0)
		return rr_err_sys(err, errno, "remove '%s'", name);
	return 0;
}

/* rmdir, of the directory that fd is open on and nothing else. 0 or the errno. */
static int remove_empty(int dirfd, const char *name, int fd)
{
	struct inode there, here;

	if (inode_look(fd, &here) < 0 ||
	    (inode_look_at(dirfd, name, &there) == 0 && !inode_is_same(&there, &here)))
		return ESTALE;
	return unlinkat(dirfd, name, AT_REMOVEDIR) < 0 && errno != ENOENT ? errno : 0;
}

int sweep_remove_tree(int dirfd, const char *name, uint64_t time_limit_ns, struct rr_err *err)
{
	struct removal removal = { .deadline_ns = deadline(time_limit_ns), .err = err };
	rr_autofd int fd = -1;
	int r, error;

	if (!*name || strchr(name, '/') || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return rr_err_set(err, EINVAL, "will not remove '%s': not a name in a directory",
				  name);
	r = open_private(dirfd, name, &fd, err);
	if (r != 0)
		return r < 0 ? r : 0;
	do {
		r = remove_below(&removal, fd);
		if (r < 0)
			return rr_err_sys(err, -r, "remove '%s'", name);
		error = remove_empty(dirfd, name, fd);
		if (error == 0)
			return 0;
		/* Someone still writes to it: after him, while there is time. */
	} while (error == ENOTEMPTY && removal.removed > 0 && !removal.late);
	if (removal.late)
		rr_ignore(rr_err_set(err, ETIMEDOUT, "the time is up"));
	else if (!removal.failed)
		rr_ignore(rr_err_set(err, error, "%s", strerror(error)));
	rr_err_prefix(err, "remove '%s'", name);
	return SWEEP_LEFT;
}

int sweep_measure(int dirfd, const char *name, uint64_t time_limit_ns, uint64_t *ret_bytes,
		  struct rr_err *err)
{
	rr_autofd int fd = openat(dirfd, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	uint64_t deadline_ns = deadline(time_limit_ns), bytes = 0;
	dirwalk_auto struct dirwalk walk = { .pin = -1 };
	int r = fd < 0 ? -errno : dirwalk_start(&walk, fd, 0);
	bool late = false;

	if (r == 0)
		bytes = walk.root.bytes;
	while (r >= 0 && !late) {
		r = dirwalk_next(&walk);
		if (r == DIRWALK_END)
			break;
		if (r == DIRWALK_ENTRY) {
			bytes += inode_share(&walk.entry.st);
			if (S_ISDIR(walk.entry.st.mode))
				r = dirwalk_enter(&walk);
		}
		late = rr_now_boot_ns() > deadline_ns;
	}
	if (r < 0)
		return rr_err_sys(err, -r, "measure '%s'", name);
	*ret_bytes = bytes;
	return late ? SWEEP_LEFT : 0;
}
