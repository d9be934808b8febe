/* SPDX-License-Identifier: MIT */
/* A whole tree is made nice, and no more so than the kernel allows set back. Real processes. */
#include "fixtures.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cgroup/niceness.h"

static void weights_have_a_nice_value(void **state)
{
	(void)state;
	assert_int_equal(niceness_of_weight(10000), 0);
	assert_int_equal(niceness_of_weight(100), 0);
	assert_int_equal(niceness_of_weight(99), 10);
	assert_int_equal(niceness_of_weight(10), 10);
	assert_int_equal(niceness_of_weight(9), NICENESS_MOST);
	assert_int_equal(niceness_of_weight(1), NICENESS_MOST);
}

/* A child of ours that has one itself, whose pid it tells. */
static pid_t start_two(pid_t *ret_lower)
{
	int ends[2];
	pid_t upper;

	assert_int_equal(pipe(ends), 0);
	upper = fork();
	assert_true(upper >= 0);
	if (upper == 0) {
		pid_t lower = fork();

		/* Neither outlives us. */
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (lower != 0)
			(void)!write(ends[1], &lower, sizeof(lower));
		for (;;)
			(void)pause();
	}
	assert_int_equal(read(ends[0], ret_lower, sizeof(*ret_lower)), sizeof(*ret_lower));
	(void)close(ends[0]);
	(void)close(ends[1]);
	assert_true(*ret_lower > 0);
	return upper;
}

static void a_tree_is_made_nice_and_set_back(void **state)
{
	int own = getpriority(PRIO_PROCESS, 0);
	pid_t lower, upper = start_two(&lower);
	bool raised, again, back;
	int nice[4];

	(void)state;
	raised = niceness_raise_tree(getpid());
	nice[0] = getpriority(PRIO_PROCESS, (id_t)upper);
	nice[1] = getpriority(PRIO_PROCESS, (id_t)lower);
	again = niceness_raise_tree(getpid());
	back = niceness_set_back_tree(getpid(), own);
	nice[2] = getpriority(PRIO_PROCESS, (id_t)upper);
	nice[3] = getpriority(PRIO_PROCESS, (id_t)lower);
	(void)kill(lower, SIGKILL);
	(void)kill(upper, SIGKILL);
	(void)waitpid(upper, NULL, 0);
	assert_true(raised == (own != NICENESS_MOST));
	assert_false(again);
	assert_int_equal(nice[0], NICENESS_MOST);
	assert_int_equal(nice[1], NICENESS_MOST);
	/* Whether that may be is the kernel's to say. */
	assert_int_equal(nice[2], back ? own : NICENESS_MOST);
	assert_int_equal(nice[3], nice[2]);
	/* We ourselves stay as we are. */
	assert_int_equal(getpriority(PRIO_PROCESS, 0), own);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(weights_have_a_nice_value),
		cmocka_unit_test(a_tree_is_made_nice_and_set_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
