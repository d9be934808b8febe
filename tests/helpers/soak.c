/* SPDX-License-Identifier: MIT */
/*
 * soak [OPTION]... DIR RESRUN [RESRUN'S OPTION]...: a crowd of launchers, some of which are
 * killed, fights for a few slots; see soak.h for how it is known what happened. DIR/state is the
 * state directory; the arena and what the launchers say go to DIR. Run by tests/fault/soak.
 *
 * The first ones find their jobs held by a gate, until most of the crowd stands in the queue; the
 * rest comes while it drains. A tenth is killed: a third of that while waiting, a third at any
 * moment with a slot (also between the turn and the job, and after the job), and a third from
 * within, by the job. Then it asks:
 *   slots     never were more jobs alive at once than there are slots
 *   order     the turn went by priority, and within one by ticket
 *   arrival   whoever was started after another was seen in the queue has a higher number
 *   wake-ups  no slot was free for long while somebody waited, and the whole came to its end
 *   the rest  whoever was not killed ran its job once and ended well; no process is left
 */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "tests/helpers/soak.h"
#include "tests/helpers/soak_verdict.h"
#include "tests/helpers/soak_watch.h"

#define TICK_NS (10 * MS)
#define JOB_MIN_US 1000
#define JOB_MAX_US 30000
#define PAUSE_MAX_US 10000 /* between two that come while the queue drains */
#define WORDS_MAX 64

/* One who is to be killed, when launchers started and ended have come to so many. */
struct victim {
	unsigned at;
	uint8_t state; /* enum ticket_state: what it shall be doing */
};

static struct {
	unsigned launchers, slots, percent, gather;
	uint64_t seed, stall_ns, limit_ns;
	const char *dir;
	char **command;
} opt = { 1000, 4, 10, 60, 1, 1000 * MS, 600000 * MS, NULL, NULL };

static struct launcher launchers[SOAK_LAUNCHERS_MAX];
static struct victim victims[SOAK_LAUNCHERS_MAX];
static unsigned n_started, n_ended, n_victims, n_killed[2];
static struct watch watch = { .ledger_fd = -1, .arena_fd = -1 };
static struct view *const seen = &watch.view;
static char arena_path[PATH_MAX], ledger_file[PATH_MAX], job_path[PATH_MAX];
static bool gate_is_open;
static uint64_t begun_ns, next_start_ns;

static const char *const priorities[] = { "low", "normal", "high", "critical" };

/* splitmix64: the same seed makes the same crowd. */
static uint64_t draw(uint64_t below)
{
	uint64_t z = opt.seed += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return (z ^ z >> 31) % below;
}

_Noreturn static void die(const char *what)
{
	perror(what);
	exit(125);
}

/* ---- the crowd ---- */

/* The length of the i-th launcher's job, and when in it the job kills its launcher. */
static bool job_words(unsigned i, char us[static 32], char kill_us[static 32])
{
	uint64_t length = JOB_MIN_US + draw(JOB_MAX_US - JOB_MIN_US);

	(void)snprintf(us, 32, i < opt.slots ? "gate" : "%llu", (unsigned long long)length);
	(void)snprintf(kill_us, 32, "%llu", (unsigned long long)draw(length));
	return i >= opt.slots && draw(300) < opt.percent;
}

static void start(unsigned i)
{
	char index[32], us[32], kill_us[32], *words[WORDS_MAX];
	struct launcher *launcher = &launchers[i];
	posix_spawnattr_t attributes;
	sigset_t none;
	size_t n = 0;

	launcher->priority = (unsigned)draw(4);
	launcher->above = seen->newest;
	launcher->suicide = job_words(i, us, kill_us);
	(void)snprintf(index, sizeof(index), "%u", i);
	for (char **word = opt.command; *word && n < WORDS_MAX - 12; word++)
		words[n++] = *word;
	words[n++] = (char[]){ "--priority" };
	words[n++] = strdup(priorities[launcher->priority]);
	words[n++] = (char[]){ "--" };
	words[n++] = job_path;
	words[n++] = arena_path;
	words[n++] = ledger_file;
	words[n++] = index;
	words[n++] = us;
	words[n++] = launcher->suicide ? kill_us : NULL;
	words[n] = NULL;
	(void)posix_spawnattr_init(&attributes);
	(void)posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
	(void)sigemptyset(&none);
	(void)posix_spawnattr_setsigmask(&attributes, &none);
	errno = posix_spawnp(&launcher->pid, words[0], NULL, &attributes, words, environ);
	if (errno != 0)
		die(words[0]);
	(void)posix_spawnattr_destroy(&attributes);
	n_started++;
}

static struct launcher *launcher_of(pid_t pid)
{
	for (unsigned i = 0; i < n_started; i++)
		if (launchers[i].pid == pid && !launchers[i].ended)
			return &launchers[i];
	return NULL;
}

/* Reaps whoever ended: launchers, and jobs that they left to us. False when there are none. */
static bool reap(void)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		struct launcher *launcher = launcher_of(pid);

		if (!launcher)
			continue;
		launcher->ended = true;
		launcher->status = status;
		n_ended++;
	}
	return pid == 0;
}

/* Kills somebody who does that now. */
static bool kill_one(uint8_t state)
{
	size_t from = seen->n ? draw(seen->n) : 0;

	for (size_t k = 0; k < seen->n; k++) {
		const struct ledger_ticket *ticket = &seen->tickets[(from + k) % seen->n];
		struct launcher *launcher =
			ticket->state == state ? launcher_of(ticket->pid) : NULL;

		if (!launcher || launcher->killed || kill(launcher->pid, SIGKILL) < 0)
			continue;
		launcher->killed = true;
		n_killed[state - TICKET_WAITING]++;
		return true;
	}
	return false;
}

static int by_moment(const void *a, const void *b)
{
	return (int)((const struct victim *)a)->at - (int)((const struct victim *)b)->at;
}

/* Those with a slot only when the gate is open, lest it holds nobody. */
static void choose_victims(void)
{
	unsigned each = opt.launchers * opt.percent / 300;
	unsigned gathered = opt.launchers * opt.gather / 100;

	for (unsigned i = 0; i < 2 * each; i++) {
		bool waits = i < each;
		unsigned from = waits ? opt.slots : gathered;

		victims[n_victims++] = (struct victim){
			.at = from + (unsigned)draw(opt.launchers * 9 / 5 - from),
			.state = waits ? TICKET_WAITING : TICKET_RUNNING,
		};
	}
	qsort(victims, n_victims, sizeof(victims[0]), by_moment);
}

static void kill_whose_time_has_come(void)
{
	static unsigned next;

	while (next < n_victims && n_started + n_ended >= victims[next].at) {
		uint8_t state = victims[next].state;

		/* Nobody there to do so: at the next look, if it is not too late then. */
		if ((state == TICKET_RUNNING && !gate_is_open) || !kill_one(state))
			return;
		next++;
		look_at_ledger(&watch);
	}
}

/* ---- the soak ---- */

/* Opens the gate when all who are to gather are seen in the queue. */
static void tend_gate(void)
{
	if (gate_is_open || n_started < opt.launchers * opt.gather / 100 ||
	    seen->waiting + seen->running < n_started - n_ended)
		return;
	(void)soak_lock(watch.arena_fd, F_OFD_SETLK, SOAK_GATE_AT, F_UNLCK);
	gate_is_open = true;
}

/* First those that the gate holds, and when they have all the slots, the others. */
static bool may_start_one(void)
{
	static bool slots_are_held;

	if (n_started == opt.launchers || now_ns() < next_start_ns)
		return false;
	if (n_started >= opt.slots && !slots_are_held)
		slots_are_held = places_held(&watch) == opt.slots;
	if (n_started >= opt.slots && !slots_are_held)
		return false;
	return gate_is_open || n_started < opt.launchers * opt.gather / 100;
}

static void rest(void)
{
	struct timespec tick = { 0, (long)TICK_NS };
	sigset_t child;

	(void)sigemptyset(&child);
	(void)sigaddset(&child, SIGCHLD);
	(void)sigtimedwait(&child, NULL, &tick);
}

/* False when it had to be broken off. */
static bool run_crowd(void)
{
	uint64_t looked_ns = 0;

	while (n_ended < opt.launchers) {
		if (may_start_one()) {
			start(n_started);
			if (gate_is_open)
				next_start_ns = now_ns() + draw(PAUSE_MAX_US) * 1000;
		} else {
			rest();
		}
		(void)reap();
		if (now_ns() - looked_ns < TICK_NS)
			continue;
		looked_ns = now_ns();
		look_at_ledger(&watch);
		kill_whose_time_has_come();
		tend_gate();
		if (!is_moving(&watch)) {
			tell_stall(&watch);
			return false;
		}
		if (now_ns() - begun_ns > opt.limit_ns) {
			complain("not at its end after %llu s: %u of %u launchers have ended",
				 (unsigned long long)(opt.limit_ns / (1000 * MS)), n_ended,
				 opt.launchers);
			return false;
		}
	}
	return true;
}

/* Everyone who is still there goes: after a failure, and whoever outlives the last launcher. */
static void end_all(void)
{
	for (unsigned i = 0; i < n_started; i++)
		if (!launchers[i].ended)
			(void)kill(launchers[i].pid, SIGKILL);
	for (uint64_t until = now_ns() + 10000 * MS; reap() && now_ns() < until;)
		rest();
}

/* Orphans come to us: when the last launcher has ended, there must soon be none. */
static void check_processes(void)
{
	uint64_t until = now_ns() + 10000 * MS;

	while (reap()) {
		rest();
		if (now_ns() > until) {
			complain("processes are left 10 s after the last launcher");
			return;
		}
	}
}

static void judge(void)
{
	static struct turn turns[SOAK_LAUNCHERS_MAX];
	unsigned most = atomic_load(&watch.arena->most), suicides = 0, starts = 0, ends = 0, wrong;
	size_t n = collect_turns(launchers, opt.launchers, watch.arena, watch.seen_ns, turns);
	uint64_t overtaken;

	for (unsigned i = 0; i < opt.launchers; i++) {
		suicides += !launchers[i].killed && WIFSIGNALED(launchers[i].status);
		starts += atomic_load(&watch.arena->entries[i].starts);
		ends += atomic_load(&watch.arena->entries[i].ends);
	}
	if (most > opt.slots)
		complain("%u jobs were alive at once, with %u slots", most, opt.slots);
	check_fates(launchers, opt.launchers, watch.arena);
	check_arrival(turns, n, launchers);
	wrong = check_order(turns, n);
	overtaken = check_begins(turns, n, opt.slots);
	(void)printf("killed: %u waiting, %u with a slot, %u by their job\n", n_killed[0],
		     n_killed[1], suicides);
	(void)printf("jobs: %u began, %u came to their end, at most %u at once of %u\n", starts,
		     ends, most, opt.slots);
	(void)printf("order: %zu turns, %u out of order; at most %llu jobs began before one whose "
		     "turn was earlier\n",
		     n, wrong, (unsigned long long)overtaken);
	(void)printf("longest: no job began though a slot was free for %llu ms, a dead one's slot "
		     "was kept "
		     "for %llu ms; all slots were taken at %u %% of the looks\n",
		     (unsigned long long)(watch.no_start.longest_ns / MS),
		     (unsigned long long)(watch.slot_dead.longest_ns / MS),
		     watch.looks ? 100 * watch.full_looks / watch.looks : 0);
}

/* ---- options ---- */

static unsigned number(const char *text, unsigned most)
{
	char *end;
	unsigned long value = strtoul(text, &end, 10);

	if (*end || !*text || value > most) {
		(void)fprintf(stderr, "soak: not a number up to %u: '%s'\n", most, text);
		exit(125);
	}
	return (unsigned)value;
}

static void parse(int argc, char **argv)
{
	static const struct option known[] = {
		{ "launchers", required_argument, NULL, 'n' },
		{ "slots", required_argument, NULL, 'j' },
		{ "seed", required_argument, NULL, 's' },
		{ "kill", required_argument, NULL, 'k' },
		{ "stall", required_argument, NULL, 'w' },
		{ "limit", required_argument, NULL, 'l' },
		{ NULL, 0, NULL, 0 },
	};
	int c;

	while ((c = getopt_long(argc, argv, "+", known, NULL)) >= 0)
		switch (c) {
		case 'n':
			opt.launchers = number(optarg, SOAK_LAUNCHERS_MAX);
			break;
		case 'j':
			opt.slots = number(optarg, SOAK_PLACES_MAX / 2);
			break;
		case 's':
			opt.seed = number(optarg, UINT32_MAX);
			break;
		case 'k':
			opt.percent = number(optarg, 100);
			break;
		case 'w':
			opt.stall_ns = number(optarg, 600000) * MS;
			break;
		case 'l':
			opt.limit_ns = number(optarg, 86400) * 1000 * MS;
			break;
		default:
			exit(125);
		}
	if (argc < optind + 2 || opt.slots < 1 || opt.launchers < 4 * opt.slots)
		exit(125);
	opt.dir = argv[optind];
	opt.command = argv + optind + 1;
}

/* Next to ourselves. */
static void find_job(void)
{
	ssize_t n = readlink("/proc/self/exe", job_path, sizeof(job_path) - sizeof("-job"));

	if (n < 0)
		die("/proc/self/exe");
	memcpy(job_path + n, "-job", sizeof("-job"));
}

static void make_arena(void)
{
	(void)snprintf(arena_path, sizeof(arena_path), "%.4000s/arena", opt.dir);
	(void)snprintf(ledger_file, sizeof(ledger_file), "%.4000s/state/ledger", opt.dir);
	watch.arena_fd = open(arena_path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (watch.arena_fd < 0 || ftruncate(watch.arena_fd, sizeof(*watch.arena)) < 0)
		die(arena_path);
	watch.arena = soak_map(watch.arena_fd);
	if (!watch.arena || !soak_lock(watch.arena_fd, F_OFD_SETLK, SOAK_GATE_AT, F_WRLCK))
		die(arena_path);
	watch.arena->soak_pid = getpid();
	watch.ledger_path = ledger_file;
	watch.slots = opt.slots;
	watch.stall_ns = opt.stall_ns;
}

int main(int argc, char **argv)
{
	sigset_t child;

	parse(argc, argv);
	find_job();
	make_arena();
	(void)sigemptyset(&child);
	(void)sigaddset(&child, SIGCHLD);
	(void)sigprocmask(SIG_BLOCK, &child, NULL);
	(void)prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
	choose_victims();
	begun_ns = now_ns();
	if (run_crowd()) {
		check_processes();
		judge();
	}
	end_all();
	return soak_failures ? 1 : 0;
}
