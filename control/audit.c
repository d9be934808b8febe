/* SPDX-License-Identifier: MIT */
/* `resrunctl audit`: what was left behind, why, and, with --fix, that it is no more. */
#include "control/audit.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/arguments.h"
#include "control/show.h"
#include "control/verbs.h"
#include "policy/history.h"
#include "policy/upkeep.h"

#define STATUS_FOUND 1
#define STATUS_BUSY 75 /* as with resrun: come again later */
#define ID_LENGTH 10

static const char *const state_names[] = {
	[AUDIT_FOUND] = "found",
	[AUDIT_MENDED] = "mended",
	[AUDIT_STAYS] = "stays",
	[AUDIT_NOTE] = "note",
};

struct audit_finding *audit_find(struct audit *audit, const char *topic, enum audit_state state,
				 const char *object, const char *fmt, ...)
{
	/* Beyond the last one: written over, so that callers need not ask. */
	struct audit_finding *finding = &audit->findings[audit->n];
	va_list args;

	*finding = (struct audit_finding){ .topic = topic, .state = state };
	(void)snprintf(finding->object, sizeof(finding->object), "%s", object);
	va_start(args, fmt);
	(void)vsnprintf(finding->words, sizeof(finding->words), fmt, args);
	va_end(args);
	if (audit->n < AUDIT_FINDINGS_MAX)
		audit->n++;
	return finding;
}

static int note_known(json_t *record, void *arg)
{
	const char *const *job_id = arg;
	const char *id = json_string_value(json_object_get(record, "job_id"));

	return id && strcmp(id, *job_id) == 0;
}

bool audit_is_ended(const struct audit *audit, const char *job_id)
{
	struct rr_err ignored;
	size_t torn;

	for (size_t i = 0; i < audit->n; i++)
		if (strcmp(audit->findings[i].topic, "slot") == 0 &&
		    strcmp(audit->findings[i].object, job_id) == 0)
			return audit->findings[i].state == AUDIT_MENDED || !audit->fix;
	return history_each_with(audit->context.paths.state, job_id, note_known, &job_id, &torn,
				 &ignored) == 1;
}

bool audit_is_job_id(const char *text)
{
	return strlen(text) == ID_LENGTH &&
	       strspn(text, "0123456789abcdefghjkmnpqrstvwxyz") == ID_LENGTH;
}

static size_t count(const struct audit *audit, enum audit_state state)
{
	size_t n = 0;

	for (size_t i = 0; i < audit->n; i++)
		n += audit->findings[i].state == state;
	return n;
}

/* ---- showing ---- */

static void print_text(const struct audit *audit)
{
	size_t left = count(audit, AUDIT_FOUND) + count(audit, AUDIT_STAYS);

	for (size_t i = 0; i < audit->n; i++) {
		const struct audit_finding *finding = &audit->findings[i];

		(void)printf("%-7s %s: ", state_names[finding->state], finding->topic);
		show_safely(finding->object);
		(void)printf(": ");
		show_safely(finding->words);
		(void)putchar('\n');
	}
	if (audit->n == 0)
		(void)puts("clean");
	else
		(void)printf("%zu mended, %zu left%s\n", count(audit, AUDIT_MENDED), left,
			     count(audit, AUDIT_FOUND) > 0 ? "; resrunctl audit --fix mends" : "");
}

/* The names of `resrunctl audit --json`, schema 1. They only grow. */
static json_t *to_json(const struct audit *audit)
{
	json_t *all = json_object(), *list = json_array();

	for (size_t i = 0; i < audit->n; i++) {
		const struct audit_finding *finding = &audit->findings[i];
		json_t *one = json_object();

		show_put_text(one, "topic", finding->topic);
		show_put_text(one, "state", state_names[finding->state]);
		show_put_text(one, "object", finding->object);
		show_put_text(one, "words", finding->words);
		(void)json_array_append_new(list, one);
	}
	show_put_count(all, "schema", SHOW_SCHEMA);
	show_put_count(all, "found", count(audit, AUDIT_FOUND));
	show_put_count(all, "mended", count(audit, AUDIT_MENDED));
	show_put_count(all, "stays", count(audit, AUDIT_STAYS));
	show_put(all, "findings", list);
	return all;
}

/* ---- the verb ---- */

/* Slots come first: when they are mended, no dead launcher's job goes on. */
static int examine(struct audit *audit, bool json, struct rr_err *err)
{
	int r = 0;

	audit_slots(audit);
	audit_leaves(audit);
	audit_temps(audit);
	audit_status(audit);
	audit_history(audit);
	audit_learned(audit);
	audit_halves(audit);
	if (json)
		r = show_json(to_json(audit), err);
	else
		print_text(audit);
	if (r < 0)
		return r;
	return count(audit, AUDIT_FOUND) + count(audit, AUDIT_STAYS) > 0 ? STATUS_FOUND : 0;
}

static int examine_alone(struct audit *audit, bool json, struct rr_err *err)
{
	upkeep_auto struct upkeep upkeep = { .fd = -1 };
	int r = context_load(NULL, &audit->context, err);

	if (r == 0)
		r = upkeep_begin(audit->context.paths.state, &upkeep, err);
	if (r == UPKEEP_HELD) {
		show_note("%s", err->text);
		return STATUS_BUSY;
	}
	audit->findings = calloc(AUDIT_FINDINGS_MAX + 1, sizeof(*audit->findings));
	if (r == 0 && !audit->findings)
		r = rr_err_sys(err, ENOMEM, "audit");
	if (r == 0)
		r = examine(audit, json, err);
	free(audit->findings);
	status_free(&audit->status);
	context_free(&audit->context);
	return r;
}

int verb_audit(int argc, char **argv, struct rr_err *err)
{
	static struct audit audit;
	bool json = false;
	const struct argument table[] = {
		{ .name = "json", .help = "print one JSON object", .flag = &json },
		{ .name = "fix", .help = "mend what is found", .flag = &audit.fix },
		{ .name = NULL },
	};
	struct operands none;
	int r = arguments_parse(argc, argv, "audit [--json] [--fix]", table, &none, err);

	if (r == 0)
		r = arguments_at_most(&none, 0, err);
	if (r != 0)
		return r < 0 ? r : 0;
	return examine_alone(&audit, json, err);
}
