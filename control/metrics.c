/* SPDX-License-Identifier: MIT */
/* `resrunctl metrics`: collects, and puts the text where it is wanted. */
#include "control/metrics.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "control/arguments.h"
#include "control/context.h"
#include "control/index.h"
#include "control/show.h"
#include "control/verbs.h"
#include "policy/report.h"

#define TEXTFILE_MODE 0644 /* the collector is another user */

static void metrics_free(struct metrics *metrics)
{
	free(metrics->profiles);
	free(metrics->totals);
	status_free(&metrics->status);
}
#define metrics_auto __attribute__((cleanup(metrics_free)))

/* ---- profiles ---- */

static int add_profile(struct metrics *metrics, const char *name, struct rr_err *err)
{
	char(*bigger)[METRICS_NAME_SIZE];

	for (size_t i = 0; i < metrics->n_profiles; i++)
		if (strcmp(metrics->profiles[i], name) == 0)
			return 0;
	bigger = reallocarray(metrics->profiles, metrics->n_profiles + 1, sizeof(*bigger));
	if (!bigger)
		return rr_err_sys(err, ENOMEM, "the profiles");
	(void)snprintf(bigger[metrics->n_profiles++], sizeof(*bigger), "%s", name);
	metrics->profiles = bigger;
	return 0;
}

/* Also those without a job: a series that comes and goes cannot be watched. */
static int find_profiles(const struct config *config, struct metrics *metrics, struct rr_err *err)
{
	int r = add_profile(metrics, "default", err);

	for (size_t i = 0; r == 0 && i < config->n_profiles; i++)
		r = add_profile(metrics, config->profiles[i].name, err);
	for (size_t i = 0; r == 0 && i < metrics->status.n_jobs; i++)
		r = add_profile(metrics, metrics->status.jobs[i].profile, err);
	return r;
}

/* ---- the past ---- */

/* One of the words that there are: whatever a record says, there are no others. */
static const char *known_reason(const char *text)
{
	for (int i = 0; i <= EXIT_LOST; i++)
		if (strcmp(exit_reason_name(i), text) == 0)
			return exit_reason_name(i);
	return "unknown";
}

static struct metrics_total *total_of(struct metrics *metrics, const struct index_total *total)
{
	const char *reason = known_reason(total->reason);
	struct metrics_total *bigger;

	for (size_t i = 0; i < metrics->n_totals; i++)
		if (metrics->totals[i].reason == reason &&
		    strcmp(metrics->totals[i].profile, total->profile) == 0)
			return &metrics->totals[i];
	bigger = reallocarray(metrics->totals, metrics->n_totals + 1, sizeof(*bigger));
	if (!bigger)
		return NULL;
	metrics->totals = bigger;
	bigger += metrics->n_totals++;
	*bigger = (struct metrics_total){ .reason = reason };
	(void)snprintf(bigger->profile, sizeof(bigger->profile), "%s", total->profile);
	return bigger;
}

static void raise_to(uint64_t *time_ns, uint64_t other_ns)
{
	if (other_ns > *time_ns)
		*time_ns = other_ns;
}

static int take_total(const struct index_total *total, void *arg)
{
	struct metrics_total *sum = total_of(arg, total);

	if (!sum)
		return -ENOMEM;
	sum->runs += total->runs;
	sum->failed += total->failed ? total->runs : 0;
	sum->wall_s += total->wall_s;
	sum->cpu_s += total->cpu_s;
	sum->waited_s += total->waited_s;
	raise_to(&sum->last_wall_ns, total->last_wall_ns);
	if (!total->failed)
		raise_to(&sum->last_success_wall_ns, total->last_wall_ns);
	return 0;
}

static int read_past(const struct context *context, struct metrics *metrics, struct rr_err *err)
{
	index_auto struct index *index = NULL;
	int r = index_open(context->paths.state, false, &index, err);

	if (r < 0)
		return r;
	metrics->torn = index_torn(index);
	(void)rr_err_set(err, ENOMEM, "not enough memory for the totals");
	return index_each_total(index, take_total, metrics, err);
}

/* ---- all of it ---- */

static int collect(const struct context *context, struct metrics *metrics, struct rr_err *err)
{
	int r = status_read_ledger(context, &metrics->status, err);

	if (r == 0)
		r = find_profiles(&context->config, metrics, err);
	if (r == 0)
		r = read_past(context, metrics, err);
	if (r < 0)
		return r;
	status_read_host(context, &metrics->status);
	status_judge(&context->settings, &metrics->status);
	return 0;
}

/* Whoever reads the file meanwhile has the old text or the new one, never a part. */
static int write_textfile(const char *path, const char *text, size_t length, struct rr_err *err)
{
	int r;

	(void)umask(0777 & ~TEXTFILE_MODE);
	r = rr_replace_at(AT_FDCWD, path, text, length, TEXTFILE_MODE);
	return r < 0 ? rr_err_sys(err, -r, "write '%s'", path) : 0;
}

static int put(const struct metrics *metrics, const char *textfile, struct rr_err *err)
{
	rr_autofree char *text = NULL;
	size_t length = 0;
	FILE *out;

	if (!textfile) {
		metrics_write(metrics, stdout);
		return 0;
	}
	out = open_memstream(&text, &length);
	if (!out)
		return rr_err_sys(err, ENOMEM, "the metrics");
	metrics_write(metrics, out);
	if (fclose(out) != 0)
		return rr_err_sys(err, ENOMEM, "the metrics");
	return write_textfile(textfile, text, length, err);
}

int verb_metrics(int argc, char **argv, struct rr_err *err)
{
	context_auto struct context context = { 0 };
	metrics_auto struct metrics metrics = { .profiles = NULL };
	const char *textfile = NULL;
	const struct argument table[] = {
		{ .name = "textfile",
		  .value = "PATH",
		  .help = "replace PATH at once instead, for node_exporter's textfile collector",
		  .text = &textfile },
		{ .name = NULL },
	};
	struct operands none;
	int r = arguments_parse(argc, argv, "metrics [--textfile PATH]", table, &none, err);

	if (r == 0)
		r = arguments_at_most(&none, 0, err);
	if (r == 0)
		r = context_load(NULL, &context, err);
	if (r == 0)
		r = collect(&context, &metrics, err);
	if (r != 0)
		return r < 0 ? r : 0;
	return put(&metrics, textfile, err);
}
