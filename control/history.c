/* SPDX-License-Identifier: MIT */
/* `resrunctl history`: which records are wanted, found by the index. */
#include "policy/history.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/parse.h"
#include "control/arguments.h"
#include "control/context.h"
#include "control/history_show.h"
#include "control/plot.h"
#include "control/show.h"
#include "control/times.h"
#include "control/verbs.h"

#define LAST_MAX 100000000 /* -n: more than any history has */

/* The command line. */
struct request {
	struct index_filter filter;
	enum history_format format;
	bool rebuild, plot;
};

/* What was given, as text; NULL was not. */
struct words {
	const char *since, *until, *last, *limit, *format;
	bool json;
};

static int parse_count(const char *option, const char *text, uint64_t *ret, struct rr_err *err)
{
	uint64_t n;

	if (rr_parse_u64(text, &n) < 0 || n == 0 || n > LAST_MAX)
		return rr_err_set(err, EINVAL,
				  "%s: '%s' is not a number from 1 on; see resrunctl --help",
				  option, text);
	*ret = n;
	return 0;
}

static int parse_format(const char *text, enum history_format *ret, struct rr_err *err)
{
	static const char *const names[] = {
		[HISTORY_TABLE] = "table",
		[HISTORY_CSV] = "csv",
		[HISTORY_JSON] = "json",
	};

	for (int i = 0; i <= HISTORY_JSON; i++)
		if (strcmp(text, names[i]) == 0) {
			*ret = (enum history_format)i;
			return 0;
		}
	return rr_err_set(err, EINVAL,
			  "--format: '%s' is not json, csv or table; see resrunctl --help", text);
}

static int parse_words(const struct words *words, struct request *request, struct rr_err *err)
{
	struct index_filter *filter = &request->filter;
	int r = 0;

	if (words->since)
		r = times_parse("--since", words->since, &filter->since_wall_ns, err);
	if (r == 0 && words->until)
		r = times_parse("--until", words->until, &filter->until_wall_ns, err);
	if (r == 0 && words->last)
		r = parse_count("--last", words->last, &filter->limit, err);
	if (r == 0 && words->limit)
		r = parse_count("--limit", words->limit, &filter->limit, err);
	if (words->json)
		request->format = HISTORY_JSON;
	if (r == 0 && words->format)
		r = parse_format(words->format, &request->format, err);
	return r;
}

/* 0, ARGUMENTS_HELP, or -errno with words. */
static int parse(int argc, char **argv, struct request *request, struct rr_err *err)
{
	struct words words = { 0 };
	struct index_filter *filter = &request->filter;
	const struct argument table[] = {
		{ .name = "json", .help = "the same as --format json", .flag = &words.json },
		{ .name = "format",
		  .value = "json|csv|table",
		  .help = "default: table",
		  .text = &words.format },
		{ .name = "since",
		  .value = "TIME",
		  .help = "ended since then: 2h (ago), 2026-01-31, 2026-01-31T12:00:00Z",
		  .text = &words.since },
		{ .name = "until",
		  .value = "TIME",
		  .help = "ended until then",
		  .text = &words.until },
		{ .name = "failed", .help = "only what did not exit 0", .flag = &filter->failed },
		{ .name = "key", .value = "KEY", .help = "of this key", .text = &filter->key },
		{ .name = "name", .value = "NAME", .help = "of this name", .text = &filter->name },
		{ .name = "profile",
		  .value = "NAME",
		  .help = "of this profile",
		  .text = &filter->profile },
		{ .name = "last",
		  .letter = 'n',
		  .value = "N",
		  .help = "only the last N of them",
		  .text = &words.last },
		{ .name = "limit", .value = "N", .help = "the same", .text = &words.limit },
		{ .name = "plot",
		  .help = "write a picture (SVG) of the runs of KEY, or of the last one's key",
		  .flag = &request->plot },
		{ .name = "rebuild",
		  .help = "make the index anew first",
		  .flag = &request->rebuild },
		{ .name = NULL },
	};
	struct operands keys;
	int r = arguments_parse(argc, argv,
				"history [OPTION]..., or history --plot [OPTION]... [KEY]", table,
				&keys, err);

	if (r == 0)
		r = arguments_at_most(&keys, request->plot && !filter->key ? 1 : 0, err);
	if (r == 0 && request->plot && (words.json || words.format))
		r = rr_err_set(err, EINVAL,
			       "--plot is a form of its own: not with --json or --format; see "
			       "resrunctl --help");
	if (r == 0 && keys.n > 0)
		filter->key = keys.v[0];
	return r == 0 ? parse_words(&words, request, err) : r;
}

/* Damage found in reading has been counted; that found in showing the index does not know of. */
static void tell_damage(const struct context *context, size_t torn, size_t damaged)
{
	if (torn > 0)
		show_note("%zu damaged line%s in the history '%s/history' passed over", torn,
			  torn == 1 ? "" : "s", context->paths.state);
	if (damaged > 0)
		show_note("%zu record%s of the history '%s/history' changed since they were "
			  "indexed: resrunctl history --rebuild reads it anew",
			  damaged, damaged == 1 ? "" : "s", context->paths.state);
}

int verb_history(int argc, char **argv, struct rr_err *err)
{
	context_auto struct context context = { 0 };
	index_auto struct index *index = NULL;
	struct request request = { .format = HISTORY_TABLE };
	struct history_output *output;
	size_t damaged;
	int r = parse(argc, argv, &request, err);

	if (r != 0)
		return r < 0 ? r : 0;
	r = context_load(NULL, &context, err);
	if (r == 0)
		r = index_open(context.paths.state, request.rebuild, &index, err);
	if (r == 0 && request.plot)
		return plot_history(index, context.paths.state, request.filter, err);
	if (r < 0)
		return r;
	output = history_output_begin(request.format, index);
	if (!output)
		return rr_err_set(err, ENOMEM, "not enough memory for the history");
	r = index_each(index, &request.filter, history_output_run, output, err);
	damaged = history_output_end(output);
	tell_damage(&context, index_torn(index), damaged);
	return r;
}
