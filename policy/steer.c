/* SPDX-License-Identifier: MIT */
#include "policy/steer.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/fd.h"
#include "base/parse.h"

#define MARK "resrun-steer-1" /* nothing else that could come to a launcher's socket begins so */
#define ORIGIN "resrunctl set"

static const char *const verb_names[STEER_VERBS_N] = { "cancel", "pause", "resume", "set" };

/* What can change while a job runs. */
static const enum setting_id changeable[] = {
	SET_MEMORY, SET_MEMORY_HIGH, SET_SWAP,	 SET_CPUS,    SET_CPU_WEIGHT,
	SET_PIDS,   SET_IO_WEIGHT,   SET_IO_MAX, SET_TIMEOUT, SET_PRIORITY,
};

const char *steer_verb_name(enum steer_verb verb)
{
	return verb_names[verb];
}

/* ---- changes ---- */

enum setting_id steer_changeable(size_t i)
{
	return i < sizeof(changeable) / sizeof(changeable[0]) ? changeable[i] : SETTINGS_N;
}

int steer_add(struct steer_request *request, const char *change, struct rr_err *err)
{
	size_t used = strlen(request->changes);

	if (strchr(change, '\n'))
		return rr_err_set(err, EINVAL, "a value has no line breaks");
	if (used + strlen(change) + 2 > sizeof(request->changes))
		return rr_err_set(err, E2BIG, "the changes are longer than %d bytes", STEER_SIZE);
	(void)snprintf(request->changes + used, sizeof(request->changes) - used, "%s\n", change);
	return 0;
}

/* The setting of that key, written with - or _. */
static enum setting_id find_changeable(const char *key)
{
	char name[64];

	(void)snprintf(name, sizeof(name), "%s", key);
	for (char *c = name; *c; c++)
		if (*c == '-')
			*c = '_';
	for (size_t i = 0; i < sizeof(changeable) / sizeof(changeable[0]); i++)
		if (strcmp(setting_specs[changeable[i]].key, name) == 0)
			return changeable[i];
	return SETTINGS_N;
}

static int refuse_key(const char *key, struct rr_err *err)
{
	char keys[200] = "";

	for (size_t i = 0; i < sizeof(changeable) / sizeof(changeable[0]); i++) {
		size_t used = strlen(keys);

		(void)snprintf(keys + used, sizeof(keys) - used, "%s%s", used ? ", " : "",
			       setting_specs[changeable[i]].key);
	}
	return rr_err_set(err, EINVAL, "'%.40s' is nothing that can be set for a job; there are %s",
			  key, keys);
}

/* `change` is cut at its '='. */
static int take_change(char *change, struct settings *settings, struct rr_err *err)
{
	char *value = strchr(change, '=');
	enum setting_id id;
	struct rr_err why;

	if (!value)
		return rr_err_set(err, EINVAL, "'%.80s' is not of the form KEY=VALUE", change);
	*value++ = '\0';
	id = find_changeable(change);
	if (id == SETTINGS_N)
		return refuse_key(change, err);
	if (settings_set(settings, id, value, ORIGIN, &why) < 0)
		return rr_err_set(err, EINVAL, "%s: %s", change, why.text);
	if (settings_has(settings, id) && settings->v[id].size == SIZE_AUTO)
		return rr_err_set(err, EINVAL,
				  "%s: 'auto' is for a job that has not begun: give a size",
				  change);
	return 0;
}

/* The ranges of the values, and what no single one shows. */
static int check(const struct settings *changes, struct rr_err *err)
{
	struct settings all = { 0 };
	int r = settings_defaults(&all, err);

	if (r == 0 && settings_overlay(&all, changes, err) < 0)
		r = -ENOMEM;
	if (r == 0)
		r = settings_check(&all, err);
	settings_free(&all);
	return r;
}

int steer_settings(const struct steer_request *request, struct settings *ret, struct rr_err *err)
{
	char changes[STEER_SIZE], *rest = changes, *change;
	int r = 0;

	*ret = (struct settings){ 0 };
	memcpy(changes, request->changes, sizeof(changes));
	while (r == 0 && (change = strsep(&rest, "\n")))
		if (*change)
			r = take_change(change, ret, err);
	return r == 0 ? check(ret, err) : r;
}

/* ---- the request ---- */

size_t steer_format(const struct steer_request *request, char buf[static STEER_MESSAGE_MAX])
{
	return (size_t)snprintf(buf, STEER_MESSAGE_MAX, MARK "\n%s\n%llu\n%s\n%s", request->id,
				(unsigned long long)request->until_ns, verb_names[request->verb],
				request->changes);
}

/* The next line of *rest, or NULL when there is no whole one. */
static char *next_line(char **rest)
{
	return strchr(*rest, '\n') ? strsep(rest, "\n") : NULL;
}

static bool parse_verb(const char *name, enum steer_verb *ret)
{
	for (int i = 0; i < STEER_VERBS_N; i++)
		if (strcmp(verb_names[i], name) == 0) {
			*ret = i;
			return true;
		}
	return false;
}

bool steer_parse(const char *text, size_t length, struct steer_request *ret)
{
	char copy[STEER_MESSAGE_MAX + 1], *rest = copy;
	const char *mark, *id, *until, *verb;

	if (length > STEER_MESSAGE_MAX || memchr(text, '\0', length))
		return false;
	memcpy(copy, text, length);
	copy[length] = '\0';
	memset(ret, 0, sizeof(*ret));
	mark = next_line(&rest);
	id = mark ? next_line(&rest) : NULL;
	until = id ? next_line(&rest) : NULL;
	verb = until ? next_line(&rest) : NULL;
	if (!verb || strcmp(mark, MARK) != 0 || !*id || strlen(id) >= sizeof(ret->id) ||
	    rr_parse_u64(until, &ret->until_ns) < 0 || !parse_verb(verb, &ret->verb) ||
	    strlen(rest) >= sizeof(ret->changes))
		return false;
	(void)snprintf(ret->id, sizeof(ret->id), "%s", id);
	(void)snprintf(ret->changes, sizeof(ret->changes), "%s", rest);
	return true;
}

/* ---- the answer ---- */

size_t steer_format_answer(const struct steer_answer *answer, char buf[static STEER_WORDS + 8])
{
	return (size_t)snprintf(buf, STEER_WORDS + 8, "%s\n%s", answer->done ? "done" : "no",
				answer->words);
}

bool steer_parse_answer(const char *text, size_t length, struct steer_answer *ret)
{
	char copy[STEER_WORDS + 8], *rest = copy;
	const char *verdict;

	if (length >= sizeof(copy) || memchr(text, '\0', length))
		return false;
	memcpy(copy, text, length);
	copy[length] = '\0';
	verdict = next_line(&rest);
	if (!verdict || (strcmp(verdict, "done") != 0 && strcmp(verdict, "no") != 0) ||
	    strlen(rest) >= sizeof(ret->words))
		return false;
	ret->done = strcmp(verdict, "done") == 0;
	(void)snprintf(ret->words, sizeof(ret->words), "%s", rest);
	return true;
}
