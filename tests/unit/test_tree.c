/* SPDX-License-Identifier: MIT */
/* The processes below one: children, grandchildren, daemons caught by a subreaper; found and
 * signalled. Every process of a tree tells its pid through a pipe, so nothing waits for time.
 */
#include "fixtures.h"

#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/prctl.h>

#include "cgroup/tree.h"

#define PROCESSES_MAX 64

/* The root of a tree is a child of ours, which is a subreaper and lives until it is told to end. */
struct tree {
	pid_t root;
	int pids_out; /* each process of the tree writes its pid here */
	int end_in;
	pid_t pids[PROCESSES_MAX];
	size_t n;
};

typedef void grow(int out);

static int end_out; /* in a tree: reads nothing until the test says so, or is gone */

static _Noreturn void stay(int out)
{
	pid_t me = getpid();
	char byte;

	if (write(out, &me, sizeof(me)) != sizeof(me))
		_exit(1);
	(void)!read(end_out, &byte, 1);
	_exit(0);
}

static void grow_nothing(int out)
{
	(void)out;
}

static void grow_children(int out)
{
	for (int i = 0; i < 5; i++)
		if (fork() == 0)
			stay(out);
}

/* A chain: each the child of the one before. */
static void grow_chain(int out)
{
	for (int i = 0; i < 6; i++) {
		if (fork() == 0)
			continue;
		if (i == 0)
			return; /* the root itself */
		stay(out);
	}
	stay(out);
}

/* Daemons: the process in between ends, and the root inherits. */
static void grow_daemons(int out)
{
	for (int i = 0; i < 3; i++) {
		pid_t middle = fork();

		if (middle == 0) {
			(void)setsid();
			if (fork() == 0)
				stay(out);
			_exit(0);
		}
		(void)waitpid(middle, NULL, 0);
	}
}

static void *fork_in_thread(void *arg)
{
	const int *out = arg;

	if (fork() == 0)
		stay(*out);
	(void)pause(); /* its child is its own as long as it lives */
	return NULL;
}

/* A child belongs to the thread that forked it. */
static void grow_from_a_thread(int out)
{
	static int kept;
	pthread_t thread;

	kept = out;
	if (pthread_create(&thread, NULL, fork_in_thread, &kept) != 0)
		_exit(1);
}

static struct tree start(grow *how, size_t expected)
{
	struct tree tree = { .n = 0 };
	int pids[2], end[2];

	assert_int_equal(pipe2(pids, O_CLOEXEC), 0);
	assert_int_equal(pipe2(end, O_CLOEXEC), 0);
	tree.root = fork();
	assert_true(tree.root >= 0);
	if (tree.root == 0) {
		char byte;

		(void)prctl(PR_SET_CHILD_SUBREAPER, 1);
		(void)close(end[1]);
		end_out = end[0];
		how(pids[1]);
		/* Grown: no process in between is left that could end while it is looked at. */
		(void)!write(pids[1], &(pid_t){ getpid() }, sizeof(pid_t));
		(void)!read(end[0], &byte, 1);
		_exit(0);
	}
	(void)close(pids[1]);
	(void)close(end[0]);
	tree.pids_out = pids[0];
	tree.end_in = end[1];
	for (bool grown = false; !grown || tree.n < expected;) {
		pid_t pid;

		assert_int_equal(read(pids[0], &pid, sizeof(pid)), sizeof(pid));
		if (pid == tree.root)
			grown = true;
		else
			tree.pids[tree.n++] = pid;
	}
	return tree;
}

/* Ends what is left: those of the tree by their pids, each of them a process of this test. */
static void end(struct tree *tree)
{
	pid_t left[PROCESSES_MAX];
	size_t n = tree_find(tree->root, left, PROCESSES_MAX);

	for (size_t i = 0; i < n; i++)
		(void)kill(left[i], SIGKILL);
	(void)kill(tree->root, SIGKILL);
	assert_int_equal(waitpid(tree->root, NULL, 0), tree->root);
	(void)close(tree->pids_out);
	(void)close(tree->end_in);
}

static bool contains(const pid_t *pids, size_t n, pid_t pid)
{
	for (size_t i = 0; i < n; i++)
		if (pids[i] == pid)
			return true;
	return false;
}

static const struct {
	const char *name;
	grow *how;
	size_t n;
} shapes[] = {
	{ "nothing", grow_nothing, 0 },
	{ "children", grow_children, 5 },
	{ "a chain", grow_chain, 6 },
	{ "daemons", grow_daemons, 3 },
	{ "a thread's child", grow_from_a_thread, 1 },
};

static void every_shape_is_found(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(shapes); i++) {
		struct tree tree = start(shapes[i].how, shapes[i].n);
		pid_t found[PROCESSES_MAX];
		size_t n = tree_find(tree.root, found, PROCESSES_MAX);

		if (n != shapes[i].n)
			fail_msg("%s: %zu found", shapes[i].name, n);
		for (size_t p = 0; p < tree.n; p++)
			assert_true(contains(found, n, tree.pids[p]));
		assert_false(contains(found, n, tree.root));
		/* And from ourselves, root and all. */
		n = tree_find(getpid(), found, PROCESSES_MAX);
		assert_int_equal(n, shapes[i].n + 1);
		assert_true(contains(found, n, tree.root));
		end(&tree);
	}
}

static void no_more_than_there_is_room_for(void **state)
{
	struct tree tree = start(grow_children, 5);
	pid_t found[8];

	(void)state;
	for (size_t max = 0; max <= 8; max++) {
		for (size_t i = 0; i < COUNT(found); i++)
			found[i] = -7;
		assert_int_equal(tree_find(tree.root, found, max), max < 5 ? max : 5);
		for (size_t i = max; i < COUNT(found); i++)
			assert_int_equal(found[i], -7);
	}
	end(&tree);
}

static void there_is_no_such_root(void **state)
{
	static const pid_t roots[] = { 0, -1, INT_MAX };
	pid_t found[8];

	(void)state;
	for (size_t i = 0; i < COUNT(roots); i++) {
		assert_int_equal(tree_find(roots[i], found, COUNT(found)), 0);
		tree_signal(roots[i], SIGKILL);
	}
}

/* True when the process is gone, or only its entry is left. */
static bool is_dead(pid_t pid)
{
	char path[64], text[512] = "";
	const char *at;
	FILE *file;

	(void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	file = fopen(path, "re");
	if (!file)
		return true;
	if (!fgets(text, sizeof(text), file))
		text[0] = '\0';
	(void)fclose(file);
	at = strrchr(text, ')');
	return !at || at[2] == 'Z' || at[2] == 'X';
}

static void a_kill_reaches_every_one_but_the_root(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(shapes); i++) {
		struct tree tree = start(shapes[i].how, shapes[i].n);
		pid_t none;

		tree_signal(tree.root, SIGKILL);
		for (size_t p = 0; p < tree.n; p++)
			while (!is_dead(tree.pids[p]))
				;
		assert_int_equal(waitpid(tree.root, &(int){ 0 }, WNOHANG), 0);
		(void)!write(tree.end_in, "e", 1);
		assert_int_equal(waitpid(tree.root, &(int){ 0 }, 0), tree.root);
		assert_int_equal(read(tree.pids_out, &none, sizeof(none)), 0);
		(void)close(tree.pids_out);
		(void)close(tree.end_in);
	}
}

static void a_signal_of_nothing_harms_no_one(void **state)
{
	struct tree tree = start(grow_chain, 6);
	pid_t found[PROCESSES_MAX];

	(void)state;
	tree_signal(tree.root, 0);
	tree_signal(tree.root, SIGCONT);
	assert_int_equal(tree_find(tree.root, found, PROCESSES_MAX), 6);
	end(&tree);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_shape_is_found),
		cmocka_unit_test(no_more_than_there_is_room_for),
		cmocka_unit_test(there_is_no_such_root),
		cmocka_unit_test(a_kill_reaches_every_one_but_the_root),
		cmocka_unit_test(a_signal_of_nothing_harms_no_one),
	};

	(void)alarm(120); /* against a wait for what never comes */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
