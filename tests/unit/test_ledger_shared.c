/* SPDX-License-Identifier: MIT */
/* One ledger for all users: what they see of each other, and what they cannot do to each other. */
#include "fixture_dir.h"

#include <stdbool.h>
#include <sys/file.h>
#include <sys/prctl.h>

#include "policy/ledger_file.h"

#define WAIT (10 * RR_NS_PER_S)
#define WALL (1000 * UINT64_C(86400) * RR_NS_PER_S)
#define HOUR (3600 * RR_NS_PER_S)
#define ANNA 65531
#define BERT 65532

static struct rr_err err;

static void must(int r)
{
	if (r != 0)
		fail_msg("%d %s", r, err.text);
}

static int make_shared_dir(void **state)
{
	(void)make_dir(state);
	return geteuid() == 0 && ledger_make_shared(dir, &err) < 0 ? -1 : 0;
}

static void need_root(void)
{
	if (geteuid() != 0)
		fixture_skip("root", "only root can be several users");
}

/* A user at work: commands go in, answers come out, one byte each. */
struct user {
	pid_t pid;
	int in, out;
};

static int add(struct ledger *ledger, uint8_t state, bool token, struct rr_err *mine)
{
	struct ledger_ticket ticket = { .state = state, .pid = getpid(), .lane_max = 9 };
	struct ledger_detail detail = { .name = "theirs" };
	size_t index, n;
	int r = ledger_lane(ledger, "p", 5 * RR_NS_PER_S, WALL, &ticket.lane, mine);

	if (r == 0)
		r = ledger_add(ledger, &ticket, &detail, &index, mine);
	if (r == 0 && token)
		r = ledger_take_token(ledger, ticket.lane, ledger_tickets(ledger, &n)[index].number,
				      HOUR, 5 * RR_NS_PER_S, WALL, mine);
	return r;
}

static void act(struct ledger *ledger, char command)
{
	struct rr_err mine;
	size_t n;

	if (ledger_lock(ledger, WAIT, &mine) != 0)
		_exit(3);
	if (command == 'w' && add(ledger, TICKET_WAITING, false, &mine) != 0)
		_exit(4);
	if (command == 'r' && add(ledger, TICKET_RUNNING, true, &mine) != 0)
		_exit(5);
	/* Frees all that it sees. */
	(void)ledger_tickets(ledger, &n);
	for (size_t i = 0; command == 'f' && i < n; i++)
		if (ledger_remove(ledger, i, true, &mine) != 0)
			_exit(6);
	/* 'h': holds the lock for ever. */
	if (command != 'h')
		ledger_unlock(ledger);
}

static _Noreturn void be_user(uid_t uid, int in, int out)
{
	struct ledger *ledger = NULL;
	struct rr_err mine;
	char command;

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (setresuid(uid, uid, uid) < 0 || ledger_open(dir, true, &ledger, &mine) != 0)
		_exit(2);
	while (read(in, &command, 1) == 1 && command != 'q') {
		act(ledger, command);
		if (write(out, &command, 1) != 1)
			_exit(7);
	}
	ledger_close(ledger);
	_exit(0);
}

static struct user start(uid_t uid)
{
	struct user user;
	int in[2], out[2];

	assert_int_equal(pipe2(in, O_CLOEXEC), 0);
	assert_int_equal(pipe2(out, O_CLOEXEC), 0);
	user.pid = fork();
	assert_true(user.pid >= 0);
	if (user.pid == 0) {
		(void)close(in[1]);
		(void)close(out[0]);
		be_user(uid, in[0], out[1]);
	}
	(void)close(in[0]);
	(void)close(out[1]);
	user.in = in[1];
	user.out = out[0];
	return user;
}

static void tell(const struct user *user, char command)
{
	char answer = '?';

	assert_int_equal(write(user->in, &command, 1), 1);
	assert_int_equal(read(user->out, &answer, 1), 1);
	assert_int_equal(answer, command);
}

static void end(struct user *user, bool kill_it)
{
	int status;

	if (kill_it)
		(void)kill(user->pid, SIGKILL);
	else
		assert_int_equal(write(user->in, "q", 1), 1);
	(void)close(user->in);
	assert_int_equal(waitpid(user->pid, &status, 0), user->pid);
	assert_true(kill_it || status == 0);
	(void)close(user->out);
}

static struct ledger *open_locked(void)
{
	struct ledger *ledger = NULL;

	must(ledger_open(dir, true, &ledger, &err));
	must(ledger_lock(ledger, WAIT, &err));
	return ledger;
}

static void relock(struct ledger *ledger)
{
	ledger_unlock(ledger);
	must(ledger_lock(ledger, WAIT, &err));
}

static size_t count(struct ledger *ledger, int state, uid_t uid)
{
	size_t n, found = 0;
	const struct ledger_ticket *tickets = ledger_tickets(ledger, &n);

	for (size_t i = 0; i < n; i++)
		found += tickets[i].state == state && tickets[i].uid == uid &&
			 ledger_is_alive(ledger, i);
	return found;
}

static void all_see_all(void **state)
{
	struct user anna, bert;
	struct ledger *ledger;
	struct ledger_detail detail;
	uint64_t starts, free_at;
	uint16_t lane;
	size_t n;

	(void)state;
	need_root();
	anna = start(ANNA);
	bert = start(BERT);
	tell(&anna, 'r');
	tell(&bert, 'r');
	tell(&bert, 'w');
	ledger = open_locked();
	assert_int_equal(count(ledger, TICKET_RUNNING, ANNA), 1);
	assert_int_equal(count(ledger, TICKET_RUNNING, BERT), 1);
	assert_int_equal(count(ledger, TICKET_WAITING, BERT), 1);
	/* Numbers are one order over all. */
	(void)ledger_tickets(ledger, &n);
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < i; k++)
			assert_true(ledger->tickets[i].number != ledger->tickets[k].number);
	ledger_read_detail(ledger, n - 1, &detail);
	assert_string_equal(detail.name, "theirs");
	must(ledger_lane(ledger, "p", 6 * RR_NS_PER_S, WALL, &lane, &err));
	ledger_rate(ledger, lane, 9, HOUR, 6 * RR_NS_PER_S, WALL, &starts, &free_at);
	assert_int_equal(starts, 2);
	/* With tickets of our own before them, and after. */
	must(add(ledger, TICKET_WAITING, false, &err));
	assert_int_equal(count(ledger, TICKET_RUNNING, ANNA), 1);
	relock(ledger);
	assert_int_equal(count(ledger, TICKET_RUNNING, BERT), 1);
	ledger_unlock(ledger);
	end(&anna, true);
	must(ledger_lock(ledger, WAIT, &err));
	/* Dead: not counted, although nobody but she can free it. Her start counts on. */
	assert_int_equal(count(ledger, TICKET_RUNNING, ANNA), 0);
	ledger_rate(ledger, lane, 9, HOUR, 6 * RR_NS_PER_S, WALL, &starts, &free_at);
	assert_int_equal(starts, 2);
	ledger_close(ledger);
	end(&bert, false);
}

static void nobody_harms_another(void **state)
{
	struct user anna, bert;
	struct ledger *ledger;
	char path[PATH_MAX], name[64];
	struct stat st;

	(void)state;
	need_root();
	anna = start(ANNA);
	bert = start(BERT);
	tell(&anna, 'r');
	tell(&bert, 'f');
	ledger = open_locked();
	assert_int_equal(count(ledger, TICKET_RUNNING, ANNA), 1);
	ledger_close(ledger);
	/* Files of one's own, which others may only read, and names that can only be removed by
	 * their owners. */
	(void)snprintf(name, sizeof(name), "ledger-%d", ANNA);
	assert_int_equal(stat(fixture_path(path, dir, name), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0644);
	assert_int_equal(st.st_uid, ANNA);
	assert_int_equal(stat(dir, &st), 0);
	assert_int_equal(st.st_mode & 07777, 01777);
	end(&anna, false);
	end(&bert, false);
}

static void write_as(uid_t uid, const char *name, const char *text, mode_t mode)
{
	char path[PATH_MAX];

	fixture_write(dir, name, text);
	(void)fixture_path(path, dir, name);
	assert_int_equal(chmod(path, mode), 0);
	assert_int_equal(chown(path, uid, (gid_t)-1), 0);
}

static void what_others_put_there_is_not_believed(void **state)
{
	struct user anna;
	struct ledger *ledger;
	char path[PATH_MAX], name[64];

	(void)state;
	need_root();
	/* Bert has taken all the names that Anna would have used first. */
	for (int i = 0; i < 3; i++) {
		(void)snprintf(name, sizeof(name), i == 0 ? "ledger-%d" : "ledger-%d.%d", ANNA, i);
		write_as(BERT, name, "nonsense", 0644);
	}
	(void)snprintf(name, sizeof(name), "leases-%d.3", ANNA);
	write_as(BERT, name, "", 0666);
	assert_int_equal(mkfifo(fixture_path(path, dir, "ledger-fifo"), 0644), 0);
	assert_int_equal(symlink("/etc/passwd", fixture_path(path, dir, "ledger-link")), 0);
	anna = start(ANNA);
	tell(&anna, 'r');
	ledger = open_locked();
	assert_int_equal(count(ledger, TICKET_RUNNING, ANNA), 1);
	assert_int_equal(count(ledger, TICKET_RUNNING, BERT), 0);
	ledger_unlock(ledger);
	/* A file that others could have written is nobody's word. */
	(void)snprintf(name, sizeof(name), "ledger-%d.4", ANNA);
	assert_int_equal(chmod(fixture_path(path, dir, name), 0666), 0);
	must(ledger_lock(ledger, WAIT, &err));
	assert_int_equal(count(ledger, TICKET_RUNNING, ANNA), 0);
	ledger_close(ledger);
	end(&anna, true);
}

static void a_held_lock_is_waited_for_no_longer_than_asked(void **state)
{
	struct user bert;
	struct ledger *ledger = NULL;
	char pid[32];

	(void)state;
	need_root();
	bert = start(BERT);
	tell(&bert, 'h');
	must(ledger_open(dir, true, &ledger, &err));
	assert_int_equal(ledger_lock(ledger, 100 * RR_NS_PER_MS, &err), LEDGER_HELD);
	(void)snprintf(pid, sizeof(pid), "process %d", bert.pid);
	assert_non_null(strstr(err.text, pid));
	end(&bert, true);
	must(ledger_lock(ledger, WAIT, &err));
	ledger_close(ledger);
}

static void bad_permissions_are_refused(void **state)
{
	struct ledger *ledger = NULL;
	char path[PATH_MAX];

	(void)state;
	need_root();
	assert_int_equal(chmod(dir, 0777), 0);
	assert_int_equal(ledger_open(dir, true, &ledger, &err), -EPERM);
	assert_non_null(strstr(err.text, "doctor --fix"));
	assert_int_equal(chmod(dir, 01777), 0);
	assert_int_equal(chmod(fixture_path(path, dir, "lock"), 0666), 0);
	assert_int_equal(ledger_open(dir, true, &ledger, &err), -EPERM);
	assert_int_equal(chmod(path, 0644), 0);
	assert_int_equal(chown(path, BERT, (gid_t)-1), 0);
	assert_int_equal(ledger_open(dir, true, &ledger, &err), -EPERM);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(ledger_open(dir, true, &ledger, &err), -EPERM);
	must(ledger_make_shared(dir, &err));
	must(ledger_open(dir, true, &ledger, &err));
	ledger_close(ledger);
	assert_int_equal(chown(dir, BERT, (gid_t)-1), 0);
	assert_int_equal(ledger_open(dir, true, &ledger, &err), -EPERM);
}

#define SHARED_TEST(test) cmocka_unit_test_setup_teardown(test, make_shared_dir, remove_dir)

int main(void)
{
	const struct CMUnitTest tests[] = {
		SHARED_TEST(all_see_all),
		SHARED_TEST(nobody_harms_another),
		SHARED_TEST(what_others_put_there_is_not_believed),
		SHARED_TEST(a_held_lock_is_waited_for_no_longer_than_asked),
		SHARED_TEST(bad_permissions_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
