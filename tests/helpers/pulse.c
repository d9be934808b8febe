/* SPDX-License-Identifier: MIT */
/*
 * A small periodic task on each CPU that it may use: so much work, every so often.
 *
 *   pulse TIMES TURNS PERIOD_US
 *   pulse --calibrate US
 *
 * Prints for each time, in microseconds, how long after it was due it was done. What is late does
 * not put off what comes next: that is due when it always was. --calibrate prints how many turns of
 * its loop take so long when nothing is in the way. (Not every kernel accounts CPU time finely
 * enough to work by that.)
 */
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define NS_PER_S INT64_C(1000000000)
#define NS_PER_US INT64_C(1000)
#define LEAD_NS (50 * NS_PER_US * 1000) /* for all to have been started */
#define PROBES 200
#define PROBE_TURNS 100000 /* some 0.1 ms */

struct order {
	int64_t begin_ns, period_ns;
	uint64_t turns;
	size_t times;
};

static int64_t now_ns(void)
{
	struct timespec at;

	(void)clock_gettime(CLOCK_MONOTONIC, &at);
	return at.tv_sec * NS_PER_S + at.tv_nsec;
}

static void work(uint64_t turns)
{
	for (volatile uint64_t i = 0; i < turns; i++)
		;
}

/* The best of many is the one that nothing was in the way of. */
static uint64_t calibrate(int64_t us)
{
	int64_t best_ns = INT64_MAX;

	for (int i = 0; i < PROBES; i++) {
		int64_t begun_ns = now_ns(), took_ns;

		work(PROBE_TURNS);
		took_ns = now_ns() - begun_ns;
		if (took_ns < best_ns)
			best_ns = took_ns;
	}
	return (uint64_t)((double)(us * NS_PER_US) / (double)best_ns * PROBE_TURNS);
}

static void beat(const struct order *order, int cpu, uint32_t *late_us)
{
	cpu_set_t only;

	CPU_ZERO(&only);
	CPU_SET(cpu, &only);
	(void)sched_setaffinity(0, sizeof(only), &only);
	for (size_t i = 0; i < order->times; i++) {
		int64_t due_ns = order->begin_ns + (int64_t)i * order->period_ns;
		struct timespec due = { due_ns / NS_PER_S, due_ns % NS_PER_S };

		(void)clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &due, NULL);
		work(order->turns);
		late_us[i] = (uint32_t)((now_ns() - due_ns) / NS_PER_US);
	}
}

/* All CPUs at once; how many there were. */
static size_t beat_all(const struct order *order, uint32_t *late_us)
{
	cpu_set_t all;
	size_t n = 0;

	(void)sched_getaffinity(0, sizeof(all), &all);
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		if (!CPU_ISSET(cpu, &all))
			continue;
		if (fork() == 0) {
			beat(order, cpu, late_us + n * order->times);
			_exit(0);
		}
		n++;
	}
	while (wait(NULL) > 0)
		;
	return n;
}

int main(int argc, char **argv)
{
	struct order order = { .begin_ns = now_ns() + LEAD_NS };
	uint32_t *late_us;
	size_t n;

	if (argc == 3 && strcmp(argv[1], "--calibrate") == 0) {
		(void)printf("%llu\n", (unsigned long long)calibrate(atoi(argv[2])));
		return 0;
	}
	if (argc != 4 || atoi(argv[1]) < 1 || atoi(argv[3]) < 1) {
		(void)fprintf(stderr, "usage: pulse TIMES TURNS PERIOD_US | --calibrate US\n");
		return 2;
	}
	order.times = (size_t)atoi(argv[1]);
	order.turns = strtoull(argv[2], NULL, 10);
	order.period_ns = atoi(argv[3]) * NS_PER_US;
	late_us = mmap(NULL, (order.times + 1) * sizeof(*late_us) * CPU_SETSIZE,
		       PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (late_us == MAP_FAILED) {
		perror("pulse");
		return 1;
	}
	n = beat_all(&order, late_us);
	for (size_t i = 0; i < n * order.times; i++)
		(void)printf("%u\n", late_us[i]);
	return 0;
}
