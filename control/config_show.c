/* SPDX-License-Identifier: MIT */
/* `resrunctl config show`: every key, also those that are not set. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/fd.h"
#include "control/arguments.h"
#include "control/config.h"
#include "control/context.h"
#include "control/show.h"
#include "policy/report.h"

static bool is_list(const struct setting_spec *spec)
{
	return spec->kind == KIND_WORDS || spec->kind == KIND_PATHS || spec->kind == KIND_COMMANDS;
}

/* A list in one line, as one would write it. The caller frees; NULL when there is no entry. */
static char *list_text(const struct setting_spec *spec, char *const *list)
{
	const char *between = spec->kind == KIND_PATHS	 ? ":"
			      : spec->kind == KIND_WORDS ? " "
							 : "; ";
	char *text = NULL;
	size_t size;
	FILE *out = *list ? open_memstream(&text, &size) : NULL;

	for (char *const *at = list; out && *at; at++)
		(void)fprintf(out, "%s%s", at == list ? "" : between, *at);
	if (out && fclose(out) == 0)
		return text;
	free(text);
	return NULL;
}

/* ---- the tables ---- */

static void add_row(struct libscols_table *table, enum setting_id id,
		    const struct settings *settings)
{
	const struct setting_spec *spec = &setting_specs[id];
	const struct setting *value = &settings->v[id];
	rr_autofree char *joined = list_text(spec, settings_list(settings, id));

	show_row(table, (const char *const[]){ spec->key, is_list(spec) ? joined : value->text,
					       value->set ? value->origin : "not set" });
}

static void print_table(const struct settings *settings, bool machine, const char *title)
{
	static const struct show_column columns[] = {
		{ "KEY", SHOW_LEFT },
		{ "VALUE", SHOW_LEFT },
		{ "FROM", SHOW_LEFT },
		{ NULL, SHOW_LEFT },
	};
	show_auto_table struct libscols_table *table = show_table(columns);

	/* Of where a value comes from the end is what matters: the line. */
	show_whole_lines(table);
	for (int i = 0; i < SETTINGS_N; i++)
		if (setting_specs[i].key &&
		    (setting_specs[i].section == SECTION_MACHINE) == machine)
			add_row(table, i, settings);
	show_print(table, title);
}

static void print_tables(const struct context *context)
{
	char title[CONFIG_PROFILE_NAME_MAX + 32];

	(void)snprintf(title, sizeof(title), "Profile '%s'", context->profile);
	print_table(&context->settings, false, title);
	(void)putchar('\n');
	print_table(&context->settings, true, "The machine, [resrun]");
}

/* ---- JSON: its names, schema 1; they only grow ---- */

static json_t *list_json(char *const *list)
{
	json_t *all = json_array();

	for (; *list; list++)
		(void)json_array_append_new(all, report_string(*list));
	return all;
}

/* In base units. null: not set, or no number (auto, 50%, inf), which "text" then says. */
static json_t *value_json(const struct setting_spec *spec, const struct setting *value)
{
	switch (spec->kind) {
	case KIND_BOOL:
	case KIND_FLAG:
		return json_boolean(value->integer);
	case KIND_PERCENT:
	case KIND_DECIMAL:
		return json_real(value->number);
	case KIND_COUNT:
		return json_integer((json_int_t)value->integer);
	case KIND_TIME:
		return value->integer == RR_TIME_INF
			       ? json_null()
			       : json_real((double)value->integer / RR_NS_PER_S);
	case KIND_SIZE:
		return value->size == SIZE_BYTES ? json_integer((json_int_t)value->integer)
						 : json_null();
	case KIND_CHOICE:
	case KIND_STRING:
		return report_string(value->text);
	case KIND_WORDS:
	case KIND_PATHS:
	case KIND_COMMANDS:
		return list_json(value->list ? value->list : (char *[]){ NULL });
	case KIND_RATE:
		break;
	}
	return json_null();
}

static json_t *setting_json(const struct settings *settings, enum setting_id id)
{
	const struct setting *value = &settings->v[id];
	json_t *one = json_object();

	show_put(one, "value",
		 settings_has(settings, id) ? value_json(&setting_specs[id], value) : json_null());
	show_put_text(one, "text", value->set ? value->text : NULL);
	show_put_text(one, "origin", value->set ? value->origin : NULL);
	return one;
}

static json_t *to_json(const struct context *context)
{
	json_t *all = json_object(), *settings = json_object(), *machine = json_object();
	json_t *files = json_array();

	for (size_t i = 0; i < context->config.n_files; i++)
		(void)json_array_append_new(files, report_string(context->config.files[i]));
	for (int i = 0; i < SETTINGS_N; i++)
		if (setting_specs[i].key)
			show_put(setting_specs[i].section == SECTION_MACHINE ? machine : settings,
				 setting_specs[i].key, setting_json(&context->settings, i));
	show_put_count(all, "schema", SHOW_SCHEMA);
	show_put_text(all, "profile", context->profile);
	show_put(all, "files", files);
	show_put_text(all, "state_dir", context->paths.state);
	show_put_text(all, "runtime_dir", context->paths.runtime);
	show_put(all, "settings", settings);
	show_put(all, "machine", machine);
	return all;
}

int config_verb_show(int argc, char **argv, struct rr_err *err)
{
	context_auto struct context context = { 0 };
	const char *profile = NULL;
	bool json = false;
	const struct argument table[] = {
		{ .name = "profile",
		  .letter = 'p',
		  .value = "NAME",
		  .help = "of [profile NAME] instead of [default]",
		  .text = &profile },
		{ .name = "json", .help = "print one JSON object", .flag = &json },
		{ .name = NULL },
	};
	struct operands none;
	int r = arguments_parse(argc, argv, "config show [--profile NAME] [--json]", table, &none,
				err);

	if (r == 0)
		r = arguments_at_most(&none, 0, err);
	if (r == 0)
		r = context_load(profile, &context, err);
	if (r != 0)
		return r < 0 ? r : 0;
	if (json)
		return show_json(to_json(&context), err);
	print_tables(&context);
	return 0;
}
