/* SPDX-License-Identifier: MIT */
/*
 * What a waiter itself has asked for. The ledger does not hold it: the command line and the
 * environment of its launcher do, and the kernel shows them to its user and to root.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/procfs.h"
#include "control/show.h"
#include "control/why.h"
#include "policy/deadline.h"
#include "policy/learn_file.h"
#include "policy/settings_getopt.h"

#define WORDS_MAX 256 /* of a launcher's command line, before its command */
#define TEXT_MAX_BYTES (2 << 20)

/* ---- the launcher ---- */

/* The file's text: words that each end with a NUL. Its length, or 0: it cannot be read. */
static size_t read_words(const struct ledger_ticket *ticket, const char *name, char **ret_text)
{
	char path[64];
	size_t length = 0;

	(void)snprintf(path, sizeof(path), "/proc/%d/%s", ticket->pid, name);
	rr_autofd int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || rr_read_whole(fd, TEXT_MAX_BYTES, ret_text, &length) < 0)
		return 0;
	/* What was read is its own only if it is there still. */
	return rr_proc_is(ticket->pid, ticket->start_ticks) ? length : 0;
}

static int parse_options(int argc, char **argv, struct settings *ret, struct rr_err *err)
{
	struct settings_getopt tables;
	int option, r = 0;

	settings_getopt(&tables);
	opterr = 0;
	optind = 0; /* glibc: start anew */
	while (r == 0 &&
	       (option = getopt_long(argc, argv, tables.shorts, tables.longs, NULL)) != -1) {
		enum setting_id id = (enum setting_id)settings_getopt_find(option);

		if (id != SETTINGS_N)
			r = settings_set(ret, id, optarg ? optarg : "yes", "its command line", err);
	}
	return r;
}

static bool read_command_line(const struct ledger_ticket *ticket, struct settings *ret)
{
	rr_autofree char *text = NULL;
	char *argv[WORDS_MAX + 1];
	size_t length = read_words(ticket, "cmdline", &text);
	struct rr_err err;
	int argc = 0;

	for (size_t at = 0; at < length && argc < WORDS_MAX; at += strlen(text + at) + 1)
		argv[argc++] = text + at;
	argv[argc] = NULL;
	return argc > 0 && parse_options(argc, argv, ret, &err) == 0;
}

static const char *find_variable(const char *text, size_t length, const char *name)
{
	size_t n = strlen(name);

	for (size_t at = 0; at < length; at += strlen(text + at) + 1)
		if (strncmp(text + at, name, n) == 0 && text[at + n] == '=')
			return text + at + n + 1;
	return NULL;
}

static void take_variable(const char *text, size_t length, const char *name)
{
	const char *value = name ? find_variable(text, length, name) : NULL;

	if (value)
		(void)setenv(name, value, 1);
	else if (name)
		(void)unsetenv(name);
}

/* From here on this process answers for that job alone: the layer of the environment is that of
 * its launcher. */
static bool take_environment(const struct ledger_ticket *ticket)
{
	rr_autofree char *text = NULL;
	size_t length = read_words(ticket, "environ", &text);

	for (int i = 0; length > 0 && i < SETTINGS_N; i++) {
		char buf[SETTINGS_ENV_SIZE];

		take_variable(text, length, settings_env_name(i, buf));
		take_variable(text, length, setting_specs[i].environment);
	}
	return length > 0;
}

/* ---- the settings ---- */

/* A file that the launcher names is where it stood. */
static int load_config(const struct ledger_ticket *ticket, const struct settings *command_line,
		       struct config *ret, struct rr_err *err)
{
	const char *file = settings_text(command_line, SET_CONFIG);
	char path[PATH_MAX];

	if (file && *file != '/') {
		(void)snprintf(path, sizeof(path), "/proc/%d/cwd/%.4000s", ticket->pid, file);
		file = path;
	}
	return config_load(file, ret, err);
}

static int resolve(const struct status_job *job, struct settings *command_line, struct context *ret,
		   struct rr_err *err)
{
	int r = load_config(&job->ticket, command_line, &ret->config, err);

	if (r == 0)
		r = settings_set(command_line, SET_PROFILE, job->profile, "the ledger", err);
	return r < 0 ? r
		     : config_resolve(&ret->config, command_line, NULL, &ret->settings,
				      &ret->profile, err);
}

int why_own_context(const struct status_job *job, struct context *ret, bool *ret_own,
		    struct rr_err *err)
{
	struct settings command_line = { 0 };
	struct context own = { 0 };
	struct rr_err ignored;
	int r = context_load(strcmp(job->profile, "default") == 0 ? NULL : job->profile, ret, err);

	*ret_own = r == 0 && job->ticket.pid_namespace == rr_namespace("pid") &&
		   read_command_line(&job->ticket, &command_line) &&
		   take_environment(&job->ticket) &&
		   resolve(job, &command_line, &own, &ignored) == 0;
	settings_free(&command_line);
	if (!*ret_own) {
		context_free(&own);
		return r;
	}
	/* Where the ledger and the history are, is what who asks has found. */
	own.paths = ret->paths;
	context_free(ret);
	*ret = own;
	return 0;
}

/* ---- the deadline ---- */

/* When the rate allows a start at the earliest; 0: as far as it goes, now. */
static uint64_t rate_allows_at(const struct status *status, const char *profile, uint64_t now_ns)
{
	for (size_t i = 0; i < status->n_lanes; i++) {
		const struct status_lane *lane = &status->lanes[i];

		if (strcmp(lane->profile, profile) == 0 && lane->limit != SHOW_UNKNOWN &&
		    lane->starts >= lane->limit)
			return rr_time_add(now_ns, lane->free_in_ns);
	}
	return 0;
}

void why_ask_deadline(const struct context *context, const struct status *status, const char *key,
		      uint64_t asked_wall_ns, struct why_answer *answer)
{
	uint64_t now_ns = rr_now_wall_ns(), earliest_ns; /* any clock will do */
	struct deadline deadline = { .set = true };
	struct learn_run runs[LEARN_RUNS_MAX];
	struct why_gate *gate;
	struct rr_err err;
	size_t n;

	if (!settings_has(&context->settings, SET_DEADLINE) ||
	    deadline_parse(settings_text(&context->settings, SET_DEADLINE),
			   asked_wall_ns ? asked_wall_ns : now_ns, &deadline.at_ns, &err) < 0)
		return;
	if (learn_read(context->paths.state, key, runs, &n, &err) == 0)
		deadline_learn(&deadline, runs, n);
	earliest_ns = rate_allows_at(status, context->profile, now_ns);
	gate = &answer->gates[answer->n++];
	*gate = (struct why_gate){ .name = WHY_DEADLINE, .value = -1, .threshold = -1 };
	gate->open = deadline_judge(&deadline, now_ns, earliest_ns) == DEADLINE_OPEN;
	(void)deadline_words(&deadline, now_ns, earliest_ns, gate->words, sizeof(gate->words));
	if (!gate->open)
		(void)snprintf(gate->sooner, sizeof(gate->sooner), "a later deadline (--deadline)");
}
