/* SPDX-License-Identifier: MIT */
#include "runner/plan.h"

#include <errno.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/parse.h"
#include "cgroup/host.h"
#include "policy/learn_file.h"
#include "policy/retry_on.h"
#include "policy/threads.h"

#define HIGH_TO_MAX 1.5 /* memory.max over memory.high, where only high is asked for */

/* 50 random bits: a million jobs share an id with a chance of one in two thousand. */
static void make_id(char id[PLAN_ID_LENGTH + 1])
{
	static const char digits[] = "0123456789abcdefghjkmnpqrstvwxyz";
	uint8_t random[PLAN_ID_LENGTH] = { 0 };

	if (getrandom(random, sizeof(random), GRND_NONBLOCK) != (ssize_t)sizeof(random)) {
		uint64_t seed = rr_now_wall_ns() ^ (uint64_t)getpid() << 40;

		memcpy(random, &seed, sizeof(seed));
	}
	for (int i = 0; i < PLAN_ID_LENGTH; i++)
		id[i] = digits[random[i] % 32];
	id[PLAN_ID_LENGTH] = '\0';
}

/* MemTotal, or the tightest cap above us: what "50%" is of. */
static uint64_t memory_total(void)
{
	struct cg_hierarchy hierarchy;
	struct host_sample sample;

	cg_find(&hierarchy);
	host_sample(&(struct host_roots){ "/proc",
					  hierarchy.mode == CG_UNIFIED ? hierarchy.mount : NULL,
					  hierarchy.own, true },
		    &sample);
	return sample.room.memory_known ? sample.room.memory_total_bytes : 0;
}

static void plan_size(const struct plan *plan, enum setting_id id, struct limit *limit)
{
	const struct setting *value = &plan->settings.v[id];

	/* auto without anything learned is no limit: the first run is the lesson. */
	if (!settings_has(&plan->settings, id) || value->size == SIZE_AUTO)
		return;
	limit->asked = true;
	limit->amount = value->size == SIZE_BYTES
				? value->integer
				: (uint64_t)(value->number / 100 * (double)memory_total());
}

static void plan_count(const struct plan *plan, enum setting_id id, struct limit *limit)
{
	limit->asked = settings_has(&plan->settings, id);
	limit->amount = settings_integer(&plan->settings, id);
}

static void plan_limits(struct plan *plan)
{
	struct limit *v = plan->limits.v;

	plan_size(plan, SET_MEMORY, &v[LIMIT_MEMORY]);
	plan_size(plan, SET_MEMORY_HIGH, &v[LIMIT_MEMORY_HIGH]);
	plan_size(plan, SET_SWAP, &v[LIMIT_SWAP]);
	plan_count(plan, SET_CPU_WEIGHT, &v[LIMIT_CPU_WEIGHT]);
	plan_count(plan, SET_PIDS, &v[LIMIT_PIDS]);
	plan_count(plan, SET_IO_WEIGHT, &v[LIMIT_IO_WEIGHT]);
	v[LIMIT_CPUS].asked = settings_has(&plan->settings, SET_CPUS);
	v[LIMIT_CPUS].cpus = settings_number(&plan->settings, SET_CPUS);
	v[LIMIT_IO_MAX].asked = settings_has(&plan->settings, SET_IO_MAX);
	if (v[LIMIT_IO_MAX].asked)
		(void)snprintf(v[LIMIT_IO_MAX].spec, sizeof(v[LIMIT_IO_MAX].spec), "%s",
			       settings_text(&plan->settings, SET_IO_MAX));
	/* memory.high alone never kills: above it a job can stall for ever. */
	if (v[LIMIT_MEMORY_HIGH].asked && !v[LIMIT_MEMORY].asked) {
		v[LIMIT_MEMORY].asked = true;
		v[LIMIT_MEMORY].amount =
			(uint64_t)(HIGH_TO_MAX * (double)v[LIMIT_MEMORY_HIGH].amount);
	}
}

void plan_limits_of(const struct settings *settings, struct limit_set *ret)
{
	struct plan view = { .settings = *settings }; /* borrows what it points to */

	plan_limits(&view);
	*ret = view.limits;
}

/* What the configuration says, else the cap: more the job cannot take. */
static void plan_reserve(struct plan *plan)
{
	struct limit reserve = { 0 };

	plan_size(plan, SET_RESERVE, &reserve);
	plan->reserve_first = reserve.asked;
	plan->reserve_bytes = reserve.asked ? reserve.amount : plan->limits.v[LIMIT_MEMORY].amount;
}

static void plan_threads(struct plan *plan)
{
	const struct limit *cap = &plan->limits.v[LIMIT_CPUS];
	struct cg_hierarchy hierarchy;
	double cpus;

	cg_find(&hierarchy);
	cpus = host_cpus(hierarchy.mode == CG_UNIFIED ? hierarchy.mount : NULL, hierarchy.own);
	if (cap->asked && cap->cpus < cpus)
		cpus = cap->cpus;
	plan->threads = threads_of_cpus(cpus);
}

/* Of all tries together. */
static int plan_deadline(struct plan *plan, struct rr_err *err)
{
	uint64_t now_wall_ns = rr_now_wall_ns(), now_ns = rr_now_boot_ns(), at_wall_ns;
	int r;

	if (!settings_has(&plan->settings, SET_DEADLINE))
		return 0;
	r = deadline_parse(settings_text(&plan->settings, SET_DEADLINE), now_wall_ns, &at_wall_ns,
			   err);
	if (r < 0)
		return r;
	plan->deadline.set = true;
	plan->deadline.at_ns =
		at_wall_ns > now_wall_ns ? rr_time_add(now_ns, at_wall_ns - now_wall_ns) : now_ns;
	return 0;
}

/* One ARG with every {threads} replaced. */
static char *fill_in(const char *arg, unsigned threads)
{
	static const char mark[] = "{threads}";
	char *filled = NULL;
	size_t size;
	FILE *out;

	if (!strstr(arg, mark))
		return strdup(arg);
	out = open_memstream(&filled, &size);
	if (!out)
		return NULL;
	for (const char *at; (at = strstr(arg, mark)); arg = at + strlen(mark))
		(void)fprintf(out, "%.*s%u", (int)(at - arg), arg, threads);
	(void)fputs(arg, out);
	return fclose(out) == 0 ? filled : NULL;
}

static int plan_command(struct plan *plan, char *const *argv, struct rr_err *err)
{
	size_t n = 0;

	while (argv[n])
		n++;
	plan->command = calloc(n + 1, sizeof(*plan->command));
	for (size_t i = 0; plan->command && i < n; i++) {
		plan->command[i] = fill_in(argv[i], plan->threads);
		if (!plan->command[i])
			return rr_err_sys(err, ENOMEM, "the command");
	}
	return plan->command ? 0 : rr_err_sys(err, ENOMEM, "the command");
}

static void plan_identity(struct plan *plan)
{
	const struct passwd *user = getpwuid(getuid());

	if (!getcwd(plan->cwd, sizeof(plan->cwd)))
		(void)snprintf(plan->cwd, sizeof(plan->cwd), "?");
	if (user)
		(void)snprintf(plan->user, sizeof(plan->user), "%s", user->pw_name);
	else
		(void)snprintf(plan->user, sizeof(plan->user), "%u", getuid());
	if (gethostname(plan->host, sizeof(plan->host) - 1) < 0)
		(void)snprintf(plan->host, sizeof(plan->host), "?");
	if (settings_has(&plan->settings, SET_KEY))
		(void)snprintf(plan->key, sizeof(plan->key), "%s",
			       settings_text(&plan->settings, SET_KEY));
	else
		learn_usual_key(plan->profile, plan->command[0], plan->key, sizeof(plan->key));
}

int plan_make(const struct request *request, struct plan *ret, struct rr_err *err)
{
	static const enum placement_want wants[] = { [ISOLATION_AUTO] = PLACE_ANY,
						     [ISOLATION_CGROUP] = PLACE_CGROUP,
						     [ISOLATION_PROCESS] = PLACE_PROCESS };
	int r = config_load(settings_text(&request->settings, SET_CONFIG), &ret->config, err);

	if (r == 0)
		r = config_resolve(&ret->config, &request->settings, request->command[0],
				   &ret->settings, &ret->profile, err);
	if (r == 0)
		r = paths_find(&ret->settings, &ret->paths, err);
	if (r == 0)
		r = hook_lists_make(&ret->settings, &ret->hooks, err);
	if (r == 0)
		r = plan_deadline(ret, err);
	if (r < 0)
		return r;
	plan_next_attempt(ret);
	ret->want = wants[settings_integer(&ret->settings, SET_ISOLATION)];
	plan_limits(ret);
	plan_reserve(ret);
	plan_threads(ret);
	r = plan_command(ret, request->command, err);
	if (r == 0)
		plan_identity(ret);
	return r;
}

void plan_next_attempt(struct plan *plan)
{
	make_id(plan->job_id);
	plan->submitted_wall_ns = rr_now_wall_ns();
	if (plan->attempt++ == 0)
		memcpy(plan->first_id, plan->job_id, sizeof(plan->first_id));
}

void plan_raise_memory(struct plan *plan)
{
	struct limit *max = &plan->limits.v[LIMIT_MEMORY];
	struct limit *high = &plan->limits.v[LIMIT_MEMORY_HIGH];
	uint64_t total = memory_total();

	max->amount = retry_memory(max->amount, total);
	if (high->asked)
		high->amount = retry_memory(high->amount, max->amount);
	if (!plan->reserve_first)
		plan->reserve_bytes = max->amount;
}

void plan_free(struct plan *plan)
{
	for (char **at = plan->command; at && *at; at++)
		free(*at);
	free(plan->command);
	hook_lists_free(&plan->hooks);
	settings_free(&plan->settings);
	config_free(&plan->config);
}

static void print_settings(const struct plan *plan, FILE *out)
{
	(void)fprintf(out, "settings:\n");
	for (int i = 0; i < SETTINGS_N; i++) {
		const struct setting *value = &plan->settings.v[i];
		const char *key = setting_specs[i].key;

		if (!value->set || !key)
			continue;
		(void)fprintf(out, "  %-19s %-24s (%s)\n",
			      i == SET_TOTAL_CONCURRENT ? "[resrun] max_con..." : key,
			      value->list ? "" : value->text, value->origin);
		for (char *const *at = settings_list(&plan->settings, i); *at; at++)
			(void)fprintf(out, "  %-19s   %s\n", "", *at);
	}
}

static void print_limit(const struct placement *placement, enum limit_id id,
			const struct limit *limit, FILE *out)
{
	char text[RR_FORMAT_SIZE];

	if (id == LIMIT_CPUS)
		(void)snprintf(text, sizeof(text), "%g", limit->cpus);
	else if (id <= LIMIT_SWAP)
		(void)rr_format_bytes(limit->amount, text);
	else
		(void)snprintf(text, sizeof(text), "%llu", (unsigned long long)limit->amount);
	(void)fprintf(out, "  %-11s %-10s enforced by %s\n", limit_name(id),
		      id == LIMIT_IO_MAX ? limit->spec : text,
		      limit_by_name(placement_would_enforce(placement, id, limit)));
}

static void print_placement(const struct plan *plan, FILE *out)
{
	struct placement placement;

	placement_probe(plan->want, &placement);
	(void)fprintf(out, "placement: %s\n", backend_name(placement.backend));
	for (int i = 0; i < BACKENDS_N; i++)
		if (placement.reasons[i][0])
			(void)fprintf(out, "  not %s: %s\n", backend_name(i), placement.reasons[i]);
	(void)fprintf(out, "limits:%s\n", limit_controllers(&plan->limits) ? "" : " none");
	for (int i = 0; i < LIMIT_N; i++)
		if (plan->limits.v[i].asked)
			print_limit(&placement, i, &plan->limits.v[i], out);
}

void plan_print(const struct plan *plan, FILE *out)
{
	(void)fprintf(out, "command:");
	for (char *const *at = plan->command; *at; at++)
		(void)fprintf(out, " %s", *at);
	(void)fprintf(out, "\nprofile: %s\nkey: %s\nstate: %s\n", plan->profile, plan->key,
		      plan->paths.state);
	for (size_t i = 0; i < plan->config.n_files; i++)
		(void)fprintf(out, "configuration: %s\n", plan->config.files[i]);
	print_settings(plan, out);
	print_placement(plan, out);
}
