/* SPDX-License-Identifier: MIT */
#include "runner/recover.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "policy/config.h"
#include "policy/ledger.h"
#include "policy/paths.h"
#include "policy/queue.h"
#include "runner/aftercare.h"
#include "runner/missed.h"
#include "runner/reap.h"
#include "runner/tell.h"
#include "runner/ticket.h"
#include "runner/wake.h"

#define AGAIN_NS (20 * RR_NS_PER_MS)
#define DYING_NS (10 * RR_NS_PER_S) /* so long what was killed may take to go */

/* One look, under the lock. *ret_again when something of a dead launcher's job is dying. */
static int look_once(struct ledger *ledger, const struct paths *paths, int wake_fd, bool *ret_again,
		     struct rr_err *err)
{
	int r = ledger_lock(ledger, TICKET_LOCK_NS, err);
	size_t n;

	if (r != 0)
		return r > 0 ? -EBUSY : r;
	if (*ledger_mended(ledger))
		tell("%s: mended", ledger_mended(ledger));
	*ret_again = reap_dead(ledger, QUEUE_NONE, paths->state) == REAP_SOON;
	/* Dead waiters that nobody stands behind; the others are found by who does. */
	(void)ledger_tickets(ledger, &n);
	for (size_t i = 0; i < n; i++)
		if (ledger_tickets(ledger, &n)[i].state == TICKET_WAITING)
			(void)reap_waiter(ledger, i);
	wake_all_heads(ledger, wake_fd);
	ledger_unlock(ledger);
	return 0;
}

int recover_slots(const struct paths *paths, struct rr_err *err)
{
	uint64_t deadline_ns = rr_now_boot_ns() + DYING_NS;
	auto_ledger struct ledger *ledger = NULL;
	char name[LEDGER_WAKE_SIZE];
	rr_autofd int wake_fd = -1;
	bool again = true;
	int r = ledger_open(paths->ledger, paths->shared, &ledger, err);

	if (r == 0)
		r = wake_open(&wake_fd, name, err);
	while (r == 0 && again) {
		struct timespec rest = rr_timespec(AGAIN_NS);

		r = look_once(ledger, paths, wake_fd, &again, err);
		if (r == 0 && again && rr_now_boot_ns() > deadline_ns)
			return rr_err_set(err, EBUSY,
					  "what a killed launcher's job has left does not end; see "
					  "resrunctl status");
		if (again)
			(void)ppoll(NULL, 0, &rest, NULL);
	}
	return r;
}

/* *ret: its ticket; TICKET_FREE: it has none. */
static int find_ticket(const struct paths *paths, const char *job_id, struct ledger_ticket *ret,
		       struct rr_err *err)
{
	auto_ledger struct ledger *ledger = NULL;
	const struct ledger_ticket *tickets;
	int r = ledger_open_to_read(paths->ledger, paths->shared, &ledger, err);
	size_t n;

	if (r == 0)
		r = ledger_lock(ledger, TICKET_LOCK_NS, err);
	if (r != 0)
		return r > 0 ? -EBUSY : r;
	*ret = (struct ledger_ticket){ .state = TICKET_FREE };
	tickets = ledger_tickets(ledger, &n);
	for (size_t i = 0; i < n; i++)
		if (tickets[i].state != TICKET_FREE && strcmp(tickets[i].id, job_id) == 0)
			*ret = tickets[i];
	ledger_unlock(ledger);
	return 0;
}

bool recover_is_over(const struct paths *paths, const char *job_id)
{
	uint64_t deadline_ns = rr_now_boot_ns() + DYING_NS;
	struct ledger_ticket ticket = { .state = TICKET_FREE };
	struct rr_err err;

	for (;;) {
		struct timespec rest = rr_timespec(AGAIN_NS);
		int r = recover_slots(paths, &err);

		if (r == 0)
			r = find_ticket(paths, job_id, &ticket, &err);
		if (r < 0) {
			tell_error("%s", err.text);
			return false;
		}
		if (ticket.state == TICKET_FREE)
			return true;
		/* One that is kept may go on for long. */
		if (ticket.kept || rr_now_boot_ns() > deadline_ns)
			return false;
		(void)ppoll(NULL, 0, &rest, NULL);
	}
}

/* By a process of its own, which goes to where the hooks are placed: our own job is to be placed
 * from where we stand. With us it goes, and somebody else comes to the hooks. */
static void run_missed_apart(const struct paths *paths, const struct signals *signals)
{
	pid_t us = getpid(), pid = fork();

	if (pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
		if (getppid() == us)
			missed_run(paths, signals);
		_exit(0);
	}
	if (pid < 0)
		tell_error("the hooks that were missed stay so: %s", strerror(errno));
	while (pid > 0 && waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
}

void recover_missed(const struct paths *paths, const struct signals *signals)
{
	struct rr_err err;

	if (!missed_any(paths->state))
		return;
	if (recover_slots(paths, &err) < 0) {
		tell_error("%s", err.text);
		return;
	}
	care_hooks_directory();
	run_missed_apart(paths, signals);
}

int recover_alone(const struct request *request, struct rr_err *err)
{
	struct settings settings = { 0 };
	struct config config = { 0 };
	struct signals signals;
	struct paths paths;
	const char *profile;
	int r = config_load(settings_text(&request->settings, SET_CONFIG), &config, err);

	if (r == 0)
		r = config_resolve(&config, &request->settings, NULL, &settings, &profile, err);
	if (r == 0)
		r = paths_find(&settings, &paths, err);
	if (r == 0) {
		tell_setup(&settings);
		r = recover_slots(&paths, err);
		if (r == 0)
			r = signals_take(&signals, err);
		care_hooks_directory();
		if (r == 0)
			missed_run(&paths, &signals);
	}
	settings_free(&settings);
	config_free(&config);
	return r;
}
