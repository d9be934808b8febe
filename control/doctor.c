/* SPDX-License-Identifier: MIT */
#include "control/doctor.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "control/arguments.h"
#include "control/show.h"
#include "control/verbs.h"

static const char *const level_names[] = { "ok", "note", "problem" };

struct finding *doctor_find(struct doctor *doctor, enum finding_level level, const char *topic,
			    const char *fmt, ...)
{
	/* One too many replaces the last: the table is sized for all questions. */
	size_t at = doctor->n < FINDINGS_MAX ? doctor->n++ : FINDINGS_MAX - 1;
	struct finding *finding = &doctor->findings[at];
	va_list args;

	finding->level = level;
	finding->remedy[0] = '\0';
	(void)snprintf(finding->topic, sizeof(finding->topic), "%s", topic);
	va_start(args, fmt);
	(void)vsnprintf(finding->words, sizeof(finding->words), fmt, args);
	va_end(args);
	return finding;
}

void doctor_remedy(struct finding *finding, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	if (finding->level != FINDING_OK)
		(void)vsnprintf(finding->remedy, sizeof(finding->remedy), fmt, args);
	va_end(args);
}

static size_t count(const struct doctor *doctor, enum finding_level level)
{
	size_t n = 0;

	for (size_t i = 0; i < doctor->n; i++)
		n += doctor->findings[i].level == level;
	return n;
}

/* ---- showing ---- */

static void print_text(const struct doctor *doctor)
{
	for (size_t i = 0; i < doctor->n; i++) {
		const struct finding *finding = &doctor->findings[i];

		(void)printf("%-8s %s: %s\n", level_names[finding->level], finding->topic,
			     finding->words);
		if (finding->remedy[0])
			(void)printf("%-8s to change that: %s\n", "", finding->remedy);
	}
	(void)printf("\n%zu problem%s, %zu note%s\n", count(doctor, FINDING_PROBLEM),
		     count(doctor, FINDING_PROBLEM) == 1 ? "" : "s", count(doctor, FINDING_NOTE),
		     count(doctor, FINDING_NOTE) == 1 ? "" : "s");
}

/* The names of `resrunctl doctor --json`, schema 1. They only grow. */
static json_t *to_json(const struct doctor *doctor)
{
	json_t *all = json_object(), *list = json_array(), *limits = json_object();

	for (size_t i = 0; i < doctor->n; i++) {
		const struct finding *finding = &doctor->findings[i];
		json_t *one = json_object();

		show_put_text(one, "topic", finding->topic);
		show_put_text(one, "level", level_names[finding->level]);
		show_put_text(one, "words", finding->words);
		show_put_text(one, "remedy", finding->remedy[0] ? finding->remedy : NULL);
		(void)json_array_append_new(list, one);
	}
	for (int i = 0; i < LIMIT_N; i++) {
		struct limit probe = { .asked = true, .cpus = 1 };

		show_put_text(
			limits, limit_name(i),
			limit_by_name(placement_would_enforce(&doctor->placement, i, &probe)));
	}
	show_put_count(all, "schema", SHOW_SCHEMA);
	show_put_count(all, "problems", count(doctor, FINDING_PROBLEM));
	show_put_count(all, "notes", count(doctor, FINDING_NOTE));
	show_put_text(all, "placement", backend_name(doctor->placement.backend));
	show_put(all, "limits", limits);
	show_put(all, "findings", list);
	return all;
}

/* ---- the verb ---- */

static void ask_everything(struct doctor *doctor)
{
	doctor_config(doctor);
	doctor_cgroup(doctor);
	doctor_limits(doctor);
	doctor_systemd(doctor);
	doctor_kernel(doctor);
	doctor_places(doctor);
	doctor_ledger(doctor);
}

static int examine(struct doctor *doctor, bool json, struct rr_err *err)
{
	int r = 0;

	ask_everything(doctor);
	if (json)
		r = show_json(to_json(doctor), err);
	else
		print_text(doctor);
	return r < 0 ? r : count(doctor, FINDING_PROBLEM) > 0;
}

int verb_doctor(int argc, char **argv, struct rr_err *err)
{
	bool json = false, fix = false;
	const struct argument table[] = {
		{ .name = "json", .help = "print one JSON object", .flag = &json },
		{ .name = "fix",
		  .help = "make the directories that resrun keeps its files in; nothing else",
		  .flag = &fix },
		{ .name = NULL },
	};
	struct operands none;
	struct doctor *doctor;
	int r = arguments_parse(argc, argv, "doctor [--json] [--fix]", table, &none, err);

	if (r == 0)
		r = arguments_at_most(&none, 0, err);
	if (r != 0)
		return r < 0 ? r : 0;
	doctor = calloc(1, sizeof(*doctor));
	if (!doctor)
		return rr_err_sys(err, ENOMEM, "doctor");
	doctor->fix = fix;
	r = examine(doctor, json, err);
	context_free(&doctor->context);
	free(doctor);
	return r;
}
