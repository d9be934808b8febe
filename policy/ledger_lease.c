/* SPDX-License-Identifier: MIT */
/*
 * Who is alive. A launcher holds, from entering to its end, a lock on one byte of the file
 * `leases`: the kernel drops it with the process, however that dies, and tells of it across users,
 * /proc options and pid namespaces. An open-file lock (F_OFD_SETLK), so that closing some other
 * descriptor does not drop it; the job does not inherit it, as the descriptor is close-on-exec.
 *
 * A file of its own: where flock is made of such locks (NFS), they must not get in its way.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/procfs.h"
#include "policy/ledger_file.h"

static int check_leases(const struct ledger *ledger, struct rr_err *err)
{
	struct stat st;

	if (fstat(ledger->leases_fd, &st) < 0)
		return rr_err_sys(err, errno, "the leases beside '%s'", ledger->path);
	if (!S_ISREG(st.st_mode) || (st.st_uid != 0 && st.st_uid != geteuid()))
		return rr_err_set(err, EPERM,
				  "the file 'leases' beside the ledger '%s' is not a regular file "
				  "of yours: move it away",
				  ledger->path);
	return 0;
}

int ledger_open_leases(int folder, struct ledger *ledger, struct rr_err *err)
{
	int flags = O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY;

	if (ledger->writable)
		flags |= O_RDWR | O_CREAT;
	ledger->leases_fd =
		openat(folder, ledger->leases_name, flags, ledger->shared ? 0644 : 0600);
	if (ledger->leases_fd >= 0)
		return check_leases(ledger, err);
	if (!ledger->writable)
		return 0;
	return rr_err_sys(err, errno, "open the file 'leases' beside the ledger '%s'",
			  ledger->path);
}

/* l_pid must be 0 for these locks. */
static struct flock lease(size_t index, short type)
{
	bool all = index == LEDGER_ANY_LEASE;

	return (struct flock){ .l_type = type,
			       .l_whence = SEEK_SET,
			       .l_start = all ? 0 : (off_t)index,
			       .l_len = all ? 0 : 1 };
}

int ledger_take_lease(const struct ledger *ledger, size_t index)
{
	struct flock lock = lease(index, F_WRLCK);

	if (fcntl(ledger->leases_fd, F_OFD_SETLK, &lock) == 0)
		return 1;
	return errno == EAGAIN || errno == EACCES ? -EAGAIN : 0;
}

void ledger_drop_lease(const struct ledger *ledger, size_t index)
{
	struct flock lock = lease(index, F_UNLCK);

	rr_ignore(fcntl(ledger->leases_fd, F_OFD_SETLK, &lock)); /* of others it drops nothing */
}

int ledger_find_lease(const struct ledger *ledger, size_t index)
{
	const struct ledger_other *other = NULL;
	size_t place = index;
	struct flock lock;

	if (index != LEDGER_ANY_LEASE)
		other = ledger_other_of(ledger, index, &place);
	lock = lease(place, F_WRLCK);
	if (fcntl(other ? other->leases_fd : ledger->leases_fd, F_OFD_GETLK, &lock) < 0)
		return -errno;
	return lock.l_type != F_UNLCK;
}

/* By its pid: good only in the same pid namespace, and where /proc shows it (hidepid). In doubt it
 * is alive. */
static bool is_alive_by_pid(const struct ledger_ticket *ticket)
{
	return ticket->pid_namespace != rr_namespace("pid") ||
	       !rr_proc_is_gone(ticket->pid, ticket->start_ticks);
}

bool ledger_is_alive(const struct ledger *ledger, size_t index)
{
	const struct ledger_ticket *ticket = &ledger->tickets[index];
	int held = ticket->leased ? ledger_find_lease(ledger, index) : -ENOLCK;

	return held < 0 ? is_alive_by_pid(ticket) : held > 0;
}
