/* SPDX-License-Identifier: MIT */
/* Many at one ledger: its lock, racers, and a kill at any moment. */
#include "ledger_world.h"

#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>

#define CRASHES 200
#define RACERS 8

/* ---- the lock ---- */

/* A child that holds the ledger's flock; it says so on the pipe. */
static pid_t start_holder(bool until_someone_waits)
{
	char path[PATH_MAX], inode[32], byte;
	struct stat st;
	int ready[2];
	pid_t pid;

	assert_int_equal(stat(fixture_path(path, dir, "ledger"), &st), 0);
	(void)snprintf(inode, sizeof(inode), ":%llu ", (unsigned long long)st.st_ino);
	assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
	pid = fork();
	if (pid == 0) {
		int fd = open(path, O_RDONLY | O_CLOEXEC);
		bool waited = !until_someone_waits;

		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (fd < 0 || flock(fd, LOCK_EX) < 0 || write(ready[1], "r", 1) != 1)
			_exit(1);
		if (!until_someone_waits)
			for (;;)
				(void)pause();
		while (!waited) {
			char line[256];
			FILE *locks = fopen("/proc/locks", "re");

			while (locks && fgets(line, sizeof(line), locks))
				waited |= strstr(line, "->") && strstr(line, inode);
			if (!locks)
				break;
			(void)fclose(locks);
			(void)sched_yield();
		}
		_exit(0);
	}
	(void)close(ready[1]);
	assert_int_equal(read(ready[0], &byte, 1), 1);
	(void)close(ready[0]);
	return pid;
}

static void a_held_lock_names_its_holder(void **state)
{
	static const uint64_t waits[] = { 0, 1, 50 * RR_NS_PER_MS };
	struct ledger *ledger = NULL;
	char words[64];
	pid_t pid;

	(void)state;
	fill();
	pid = start_holder(false);
	must(ledger_open(dir, false, &ledger, &err));
	(void)snprintf(words, sizeof(words), "by process %d ", (int)pid);
	for (size_t i = 0; i < COUNT(waits); i++) {
		assert_int_equal(ledger_lock(ledger, waits[i], &err), LEDGER_HELD);
		assert_non_null(strstr(err.text, words));
		assert_non_null(strstr(err.text, dir));
	}
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	/* The kernel dropped it with its holder. */
	must(ledger_lock(ledger, 0, &err));
	ledger_close(ledger);
}

static volatile sig_atomic_t alarms;

static void on_alarm(int signo)
{
	(void)signo;
	alarms++;
}

static void a_wait_ends_with_the_lock_and_leaves_no_trace(void **state)
{
	struct sigaction mine = { .sa_handler = on_alarm }, now;
	struct ledger *ledger = NULL;
	sigset_t set, mask;
	pid_t pid;

	(void)state;
	fill();
	(void)sigaction(SIGALRM, &mine, NULL);
	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGALRM);
	(void)sigprocmask(SIG_BLOCK, &set, NULL);
	pid = start_holder(true);
	must(ledger_open(dir, false, &ledger, &err));
	must(ledger_lock(ledger, WAIT, &err));
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	(void)sigaction(SIGALRM, NULL, &now);
	assert_true(now.sa_handler == on_alarm);
	(void)sigprocmask(SIG_SETMASK, NULL, &mask);
	assert_int_equal(sigismember(&mask, SIGALRM), 1);
	(void)sigprocmask(SIG_UNBLOCK, &set, NULL);
	assert_int_equal(alarms, 0);
	(void)signal(SIGALRM, SIG_DFL);
	ledger_close(ledger);
}

/* ---- many at once ---- */

struct race {
	int go[2], out[2];
};

/* Children answer by exit status: cmocka is not theirs. */
static int race_child(const struct race *race, uint64_t limit)
{
	struct ledger *ledger = NULL;
	struct rr_err mine;
	char byte;

	(void)close(race->go[1]);
	if (read(race->go[0], &byte, 1) != 0)
		return 1;
	if (ledger_open(dir, false, &ledger, &mine) != 0)
		return 2;
	for (int i = 0; i < 40; i++) {
		struct ledger_ticket ticket = { .state = TICKET_WAITING };
		struct ledger_detail detail = { 0 };
		uint64_t count, free_at, number;
		uint16_t lane;
		size_t index, n;

		if (ledger_lock(ledger, WAIT, &mine) != 0 ||
		    ledger_lane(ledger, "race", 10 * S, WALL, &lane, &mine) != 0)
			return 3;
		ticket.lane = lane;
		if (ledger_add(ledger, &ticket, &detail, &index, &mine) != 0)
			return 4;
		number = ledger_tickets(ledger, &n)[index].number;
		ledger_rate(ledger, lane, limit, WAIT, 10 * S, WALL, &count, &free_at);
		if (count < limit &&
		    ledger_take_token(ledger, lane, number, WAIT, 10 * S, WALL, &mine) != 0)
			return 5;
		if (ledger_remove(ledger, index, false, &mine) != 0)
			return 6;
		ledger_unlock(ledger);
		if (write(race->out[1], &number, sizeof(number)) != sizeof(number))
			return 7;
	}
	ledger_close(ledger);
	return 0;
}

static void racers_never_pass_the_limit_nor_share_a_number(void **state)
{
	static bool seen[RACERS * 40 + 1];
	const uint64_t limit = 37;
	struct ledger *ledger;
	pid_t pids[RACERS];
	struct race race;
	uint64_t number;
	size_t numbers = 0, n;
	char path[PATH_MAX];
	int status;

	(void)state;
	assert_int_equal(pipe2(race.go, O_CLOEXEC), 0);
	assert_int_equal(pipe2(race.out, O_CLOEXEC), 0);
	for (int i = 0; i < RACERS; i++) {
		pids[i] = fork();
		if (pids[i] == 0)
			_exit(race_child(&race, limit));
	}
	(void)close(race.go[0]);
	(void)close(race.go[1]); /* they all make the file at once */
	(void)close(race.out[1]);
	while (read(race.out[0], &number, sizeof(number)) == sizeof(number)) {
		assert_in_range(number, 1, RACERS * 40);
		assert_false(seen[number]);
		seen[number] = true;
		numbers++;
	}
	(void)close(race.out[0]);
	for (int i = 0; i < RACERS; i++) {
		assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
		assert_int_equal(status, 0);
	}
	assert_int_equal(numbers, RACERS * 40);
	ledger = open_locked();
	assert_int_equal(count_at(ledger, 0, 999, WAIT, 10 * S, WALL), limit);
	assert_int_equal(used_tickets(ledger), 0);
	(void)ledger_tickets(ledger, &n);
	assert_int_equal(n, 0);
	ledger_close(ledger);
	/* It is all there is: no temporary file stayed. */
	assert_int_equal(unlink(fixture_path(path, dir, "ledger")), 0);
	assert_int_equal(unlink(fixture_path(path, dir, "leases")), 0);
	assert_int_equal(rmdir(dir), 0);
}

/* ---- a kill at any moment ---- */

static void churn_step(struct ledger *ledger, uint64_t *seed, uint16_t lane, struct rr_err *mine)
{
	struct ledger_ticket ticket = { .state = TICKET_WAITING, .lane = lane };
	struct ledger_detail detail = { .name = "churn", .command = "a command" };
	size_t n, index;
	struct ledger_ticket *tickets = ledger_tickets(ledger, &n);
	size_t victim = n ? fixture_below(seed, n) : 0;

	if (n > 0 && tickets[victim].state != TICKET_FREE && fixture_below(seed, 2)) {
		if (ledger_remove(ledger, victim, fixture_below(seed, 2), mine) != 0)
			_exit(4);
	} else if (n < 40) {
		if (ledger_add(ledger, &ticket, &detail, &index, mine) != 0)
			_exit(5);
		tickets = ledger_tickets(ledger, &n);
		tickets[index].state = TICKET_RUNNING;
		if (ledger_save(ledger, index, mine) != 0 ||
		    ledger_take_token(ledger, lane, tickets[index].number, 50,
				      tickets[index].number, WALL, mine) != 0)
			_exit(6);
	}
}

/* Changes the ledger for ever, and says so byte by byte. */
static void churn(int out, uint64_t seed)
{
	struct ledger *ledger = NULL;
	struct rr_err mine;
	uint16_t lane;

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (ledger_open(dir, false, &ledger, &mine) != 0)
		_exit(2);
	for (;;) {
		if (ledger_lock(ledger, WAIT, &mine) != 0 ||
		    ledger_lane(ledger, fixture_below(&seed, 2) ? "a" : "b", 0, WALL, &lane,
				&mine) != 0)
			_exit(3);
		churn_step(ledger, &seed, lane, &mine);
		ledger_unlock(ledger);
		if (write(out, "x", 1) != 1)
			_exit(7);
	}
}

/* Lets it run for some steps and a little more, then kills it. */
static void kill_in_mid_churn(uint64_t *seed)
{
	uint64_t steps = fixture_below(seed, 12), child_seed = fixture_random(seed) | 1;
	int out[2], status;
	char byte;
	pid_t pid;

	assert_int_equal(pipe2(out, O_CLOEXEC), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		(void)close(out[0]);
		churn(out[1], child_seed);
	}
	(void)close(out[1]);
	for (uint64_t i = 0; i < steps; i++)
		assert_int_equal(read(out[0], &byte, 1), 1);
	/* Somewhere inside of the next step. */
	for (volatile uint64_t spin = fixture_below(seed, 60000); spin > 0; spin--)
		;
	(void)kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	(void)close(out[0]);
}

static void a_kill_leaves_it_sound(void **state)
{
	uint64_t seed = 11, last_next = 0;

	(void)state;
	for (int crash = 0; crash < CRASHES; crash++) {
		struct ledger *ledger;
		size_t n;
		const struct ledger_ticket *tickets;

		kill_in_mid_churn(&seed);
		ledger = open_locked();
		tickets = ledger_tickets(ledger, &n);
		/* Those of the churn, and one "after" for each crash of this ten. */
		assert_true(n <= 50);
		assert_true(ledger->header.next_number >= last_next);
		last_next = ledger->header.next_number;
		for (size_t i = 0; i < n; i++) {
			assert_true(tickets[i].number < last_next);
			for (size_t j = 0; j < i; j++)
				assert_true(tickets[i].state == TICKET_FREE ||
					    tickets[i].number != tickets[j].number);
		}
		for (uint16_t lane = 0; lane < 2; lane++)
			assert_true(count_at(ledger, lane, 999, 50, last_next, WALL) <= 50);
		/* And it goes on being used. */
		(void)add(ledger, 0, "after");
		relock(ledger);
		for (size_t i = crash % 10 ? n : 0; i < n; i++)
			if (ledger_tickets(ledger, &n)[i].state != TICKET_FREE)
				must(ledger_remove(ledger, i, false, &err));
		ledger_close(ledger);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		LEDGER_TEST(a_held_lock_names_its_holder),
		LEDGER_TEST(a_wait_ends_with_the_lock_and_leaves_no_trace),
		LEDGER_TEST(racers_never_pass_the_limit_nor_share_a_number),
		LEDGER_TEST(a_kill_leaves_it_sound),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
