/* SPDX-License-Identifier: MIT */
/*
 * baton FILE: the job of a crowd (baton.h). Notes in FILE the moment at which it begins, first of
 * all, and the moment at which it ends, last of all.
 */
#include "tests/helpers/baton.h"

int main(int argc, char **argv)
{
	uint64_t begin_ns = baton_now_ns();
	struct baton *baton = argc > 1 ? baton_map(argv[1], 0) : NULL;
	uint32_t i, allowed;
	struct timespec hold;

	if (!baton)
		return 125;
	i = atomic_fetch_add(&baton->begun, 1) % BATON_RUNS_MAX;
	baton->runs[i].begin_ns = begin_ns;
	baton_wake(&baton->begun);
	while ((allowed = atomic_load(&baton->allowed)) <= i)
		baton_wait(&baton->allowed, allowed, -1);
	hold = (struct timespec){ 0, (long)baton->hold_us * 1000 };
	(void)nanosleep(&hold, NULL);
	baton->runs[i].end_ns = baton_now_ns();
	_exit(0);
}
