/* SPDX-License-Identifier: MIT */
/* What the processes below us use, looked at again and again. They are children of this test, each
 * of which does what it is told by a byte in its pipe, and answers when that is done. */
#include "fixtures.h"

#include <dirent.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <sys/prctl.h>

#include "base/clock.h"
#include "cgroup/tree.h"
#include "cgroup/tree_meter.h"

#define CHILDREN_MAX 40
#define SHARED_BYTES                                                                               \
	((size_t)64 << 20) /* far more than all else that a sanitizer has them share               \
			    */
#define MIB (1U << 20)
#define NEVER UINT64_MAX

static struct child {
	pid_t pid;
	int tell, hear;
} children[CHILDREN_MAX];
static size_t n_children;
static char *shared; /* private memory that was there before they were forked */
static struct tree_meter meter;
static struct usage usage;
static uint64_t now_ns = 100 * RR_NS_PER_S;

/* ---- children ---- */

static void *stay_in_thread(void *arg)
{
	const int *answer = arg;

	if (fork() == 0) {
		(void)!write(*answer, "c", 1);
		(void)pause();
	}
	(void)pause();
	return NULL;
}

static void grow(size_t bytes)
{
	char *more = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (more == MAP_FAILED)
		_exit(1);
	memset(more, 1, bytes);
}

/* n: nothing; w: writes what it shares; g: takes a megabyte; t: has a thread that forks; f: forks.
 */
static _Noreturn void obey(int orders, int answer)
{
	pthread_t thread;
	char order;

	while (read(orders, &order, 1) == 1) {
		if (order == 'w')
			memset(shared, 2, SHARED_BYTES);
		if (order == 'g')
			grow(MIB);
		if (order == 't' &&
		    pthread_create(&thread, NULL, stay_in_thread, &(int){ answer }) == 0)
			(void)pause();
		if (order == 'f' && fork() == 0) {
			(void)!write(answer, "c", 1);
			(void)pause();
		}
		if (order != 'f')
			(void)!write(answer, "d", 1);
	}
	_exit(0);
}

static void tell(size_t which, char order)
{
	char answer;

	assert_int_equal(write(children[which].tell, &order, 1), 1);
	assert_int_equal(read(children[which].hear, &answer, 1), 1);
}

static void start(size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct child *child = &children[n_children++];
		int orders[2], answer[2];

		assert_int_equal(pipe2(orders, O_CLOEXEC), 0);
		assert_int_equal(pipe2(answer, O_CLOEXEC), 0);
		child->pid = fork();
		assert_true(child->pid >= 0);
		if (child->pid == 0) {
			(void)close(orders[1]);
			(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
			obey(orders[0], answer[1]);
		}
		(void)close(orders[0]);
		(void)close(answer[1]);
		child->tell = orders[1];
		child->hear = answer[0];
		/* Once round its loop and once more, it has been everywhere: there are no more
		 * faults. */
		tell(n_children - 1, 'n');
		tell(n_children - 1, 'n');
	}
}

/* We are their subreaper: whatever is left below us is killed until nothing is. */
static void end_all(void)
{
	for (size_t i = 0; i < n_children; i++) {
		(void)close(children[i].tell);
		(void)close(children[i].hear);
		(void)kill(children[i].pid, SIGKILL);
	}
	n_children = 0;
	while (waitpid(-1, NULL, WNOHANG) >= 0) {
		pid_t pids[TREE_MAX];
		size_t n = tree_find(getpid(), pids, TREE_MAX);

		for (size_t i = 0; i < n; i++)
			(void)kill(pids[i], SIGKILL);
	}
}

/* ---- looking ---- */

static int begin(void **state)
{
	(void)state;
	usage_clear(&usage);
	tree_meter_open(&meter);
	shared = mmap(NULL, SHARED_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
		      0);
	if (shared == MAP_FAILED)
		return -1;
	(void)madvise(shared, SHARED_BYTES, MADV_NOHUGEPAGE);
	memset(shared, 1, SHARED_BYTES);
	return 0;
}

static int finish(void **state)
{
	(void)state;
	tree_meter_close(&meter);
	end_all();
	return munmap(shared, SHARED_BYTES);
}

/* A second after the look before. True when it asked what is shared. */
static bool look(bool exact, uint64_t cap_bytes)
{
	struct tree_want want = { .exact = exact, .cap_bytes = cap_bytes };

	now_ns += RR_NS_PER_S;
	want.now_ns = now_ns;
	tree_meter_read(&meter, &want, &usage);
	return meter.asked_ns == now_ns;
}

static int open_files(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int n = 0;

	assert_non_null(dir);
	while (readdir(dir))
		n++;
	(void)closedir(dir);
	return n;
}

/* ---- the tests ---- */

static void nothing_is_there(void **state)
{
	(void)state;
	(void)look(false, NEVER);
	assert_int_equal(usage.pids, 0);
	assert_int_equal(usage.memory_bytes, 0);
	assert_int_equal(usage.memory_peak_bytes, USAGE_UNKNOWN);
	assert_int_equal(usage.memory_working_peak_bytes, USAGE_UNKNOWN);
	assert_int_equal(usage.pids_peak, USAGE_UNKNOWN);
}

static void samples_add_up_and_peaks_stay(void **state)
{
	uint64_t peak, working_peak;

	(void)state;
	start(5);
	assert_true(look(false, NEVER));
	assert_int_equal(usage.pids, 5);
	assert_int_equal(usage.pids_peak, 5);
	assert_true(usage.memory_bytes > 0 && usage.memory_bytes < UINT64_C(1) << 40);
	assert_true(usage.memory_working_bytes <= usage.memory_bytes);
	assert_int_equal(usage.memory_peak_bytes, usage.memory_bytes);
	assert_int_equal(usage.cpu_us, USAGE_UNKNOWN);
	peak = usage.memory_peak_bytes;
	working_peak = usage.memory_working_peak_bytes;
	end_all();
	(void)look(false, NEVER);
	assert_int_equal(usage.pids, 0);
	assert_int_equal(usage.memory_bytes, 0);
	assert_int_equal(usage.pids_peak, 5);
	assert_int_equal(usage.memory_peak_bytes, peak);
	assert_int_equal(usage.memory_working_peak_bytes, working_peak);
}

static void what_stands_still_is_asked_once(void **state)
{
	(void)state;
	start(2);
	assert_true(look(true, NEVER));
	for (int i = 0; i < 30; i++)
		assert_false(look(true, 1));
}

static void what_grows_is_asked(void **state)
{
	uint64_t before;

	(void)state;
	start(1);
	assert_true(look(false, NEVER));
	before = usage.memory_peak_bytes;
	tell(0, 'g');
	assert_true(look(false, NEVER));
	assert_true(usage.memory_peak_bytes >= before + MIB);
	assert_true(usage.memory_bytes >= before + MIB);
}

/* Nothing is mapped anew when what was shared is written: only faults tell. */
static void what_is_no_more_shared_is_asked(void **state)
{
	(void)state;
	start(2);
	assert_true(look(false, NEVER));
	assert_true(usage.memory_working_peak_bytes < SHARED_BYTES);
	usage.memory_peak_bytes = usage.memory_working_peak_bytes = 2 * SHARED_BYTES - 1;
	tell(0, 'w');
	tell(1, 'w');
	assert_true(look(false, NEVER));
	assert_true(usage.memory_working_peak_bytes >= 2 * SHARED_BYTES);
}

/* Below the peak, what has changed is only estimated, and asked after a while. */
static void below_the_peak_it_is_asked_after_a_while(void **state)
{
	uint64_t before;
	int looks = 1;

	(void)state;
	start(1);
	assert_true(look(false, NEVER));
	usage.memory_peak_bytes = usage.memory_working_peak_bytes = UINT64_C(1) << 40;
	before = usage.memory_bytes;
	tell(0, 'g');
	while (!look(false, NEVER)) {
		assert_true(usage.memory_bytes >= before + MIB);
		looks++;
	}
	assert_int_equal(looks, 10);
	tell(0, 'g');
	assert_true(look(true, NEVER));
	tell(0, 'g');
	assert_false(look(false, NEVER));
	/* A cap is not missed by what an estimate is off. */
	assert_true(look(false, usage.memory_bytes + MIB));
}

static void all_that_comes_and_goes_is_counted(void **state)
{
	int before = open_files();

	(void)state;
	start(1);
	(void)look(false, NEVER);
	assert_int_equal(usage.pids, 1);
	tell(0, 'f');
	(void)look(false, NEVER);
	assert_int_equal(usage.pids, 2);
	start(2 * TREE_KEPT - 2);
	(void)look(false, NEVER);
	assert_int_equal(usage.pids, 2 * TREE_KEPT);
	/* Of as many as are kept, and of ourselves. */
	assert_true(open_files() <= before + 2 * (int)n_children + 3 * TREE_KEPT + 1);
	end_all();
	(void)look(false, NEVER);
	assert_int_equal(usage.pids, 0);
	assert_int_equal(open_files(), before + 1);
	start(1);
	(void)look(false, NEVER);
	assert_int_equal(usage.pids, 1);
	assert_int_equal(usage.pids_peak, 2 * TREE_KEPT);
	tree_meter_close(&meter);
	end_all();
	assert_int_equal(open_files(), before);
}

static void children_of_threads_are_found(void **state)
{
	(void)state;
	start(1);
	(void)look(false, NEVER);
	tell(0, 't');
	(void)look(false, NEVER);
	assert_int_equal(usage.pids, 2);
}

#define test(function) cmocka_unit_test_setup_teardown(function, begin, finish)

int main(void)
{
	const struct CMUnitTest tests[] = {
		test(nothing_is_there),
		test(samples_add_up_and_peaks_stay),
		test(what_stands_still_is_asked_once),
		test(what_grows_is_asked),
		test(what_is_no_more_shared_is_asked),
		test(below_the_peak_it_is_asked_after_a_while),
		test(all_that_comes_and_goes_is_counted),
		test(children_of_threads_are_found),
	};

	(void)alarm(120); /* against a wait for what never comes */
	(void)prctl(PR_SET_CHILD_SUBREAPER, 1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
