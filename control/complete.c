/* SPDX-License-Identifier: MIT */
/*
 * `resrunctl complete -- WORD...`: what the completions of the shells (completion/) offer for the
 * last of the words that follow `resrunctl`. Only they call it, so no help tells of it.
 * Each line is a word, a tab, and what the word means. A line that begins with the tab says what
 * the shell itself is to offer besides: "files", "dirs", or "command", for what follows a "--".
 * All of it comes from what also parses the words: the tables of verbs and options, and for all
 * else the usage line of the verb.
 */
#include "control/complete.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "control/arguments.h"
#include "control/verbs.h"

#define TOKENS_MAX 8

struct line {
	int n; /* words, the one to complete with them */
	char **v;
	int first; /* behind the verb */
	const char *current;
};

/* Other words that an offered one follows in its own word: "--key=". */
struct offer {
	const struct line *line;
	char lead[64];
};

/* ---- one word ---- */

/* No name of a job's may do anything to the terminal, or be taken for two lines. */
static bool is_printable(const char *text)
{
	for (; *text; text++)
		if (iscntrl((unsigned char)*text))
			return false;
	return true;
}

static void offer_word(const char *word, const char *meaning, void *data)
{
	const struct offer *offer = data;
	const char *current = offer->line->current;
	size_t lead = strlen(offer->lead), length = strlen(current);

	if (length < lead || strncmp(word, current + lead, length - lead) != 0 ||
	    !is_printable(word) || !*word)
		return;
	(void)printf("%s%s\t%s\n", offer->lead, word, is_printable(meaning) ? meaning : "");
}

/* "files" or "dirs" for the names of such places. */
static const char *files_of(const char *kind)
{
	if (strncmp(kind, "FILE", strlen("FILE")) == 0 || strcmp(kind, "PATH") == 0)
		return "files";
	return strcmp(kind, "DIR") == 0 ? "dirs" : NULL;
}

/* "json|csv", "[PID|JOB]...": a literal word begins with a small letter. */
static void offer_kinds(const char *kinds, struct offer *offer)
{
	char text[128], *rest = text, *kind;

	(void)snprintf(text, sizeof(text), "%s", kinds);
	if (strstr(text, "..."))
		*strstr(text, "...") = '\0';
	while ((kind = strsep(&rest, "|[]"))) {
		if (islower((unsigned char)*kind) && !strchr(kind, ':'))
			offer_word(kind, "", offer);
		else if (files_of(kind))
			(void)printf("\t%s\n", files_of(kind));
		else
			complete_words(kind, offer_word, offer);
	}
}

/* ---- options ---- */

static void offer_value(const struct argument *option, struct offer *offer)
{
	/* A NAME can be of anything; this one is of a profile. */
	offer_kinds(strcmp(option->name, "profile") == 0 ? "PROFILE" : option->value, offer);
}

static const struct argument *find_option(const struct argument *table, const char *name,
					  size_t length)
{
	for (; table->name; table++)
		if (strlen(table->name) == length && strncmp(table->name, name, length) == 0)
			return table;
	return NULL;
}

/* The option that takes the word after this one, or NULL. */
static const struct argument *asks_for_more(const struct argument *table, const char *word)
{
	const struct argument *option = NULL;

	if (strncmp(word, "--", 2) == 0) {
		option = find_option(table, word + 2, strlen(word + 2));
		return option && option->value ? option : NULL;
	}
	for (word++; *word; word++)
		for (option = table; option->name; option++)
			if (option->letter == *word && option->value)
				return word[1] ? NULL : option;
	return NULL;
}

static void offer_options(const struct argument *table, struct offer *offer)
{
	const char *current = offer->line->current, *equals = strchr(current, '=');
	const struct argument *option;

	if (equals && strncmp(current, "--", 2) == 0) {
		option = find_option(table, current + 2, (size_t)(equals - current - 2));
		(void)snprintf(offer->lead, sizeof(offer->lead), "%.*s",
			       (int)(equals - current + 1), current);
		if (option && option->value)
			offer_value(option, offer);
		return;
	}
	for (; table->name; table++) {
		char word[64];

		(void)snprintf(word, sizeof(word), "--%s", table->name);
		offer_word(word, table->help, offer);
	}
	offer_word("--help", "print this and exit", offer);
}

/* ---- what is no option ---- */

/* As no verb has. */
static bool has_capital(const char *word)
{
	while (*word && !isupper((unsigned char)*word))
		word++;
	return *word;
}

/* "set JOB... KEY=VALUE...": for the first such word JOB, for all others both; "why JOB, or why --
 * COMMAND...": for the first JOB. */
static void offer_operand(const char *usage, int n_before, struct offer *offer)
{
	char text[128], *rest = text, *token;
	int n = 0;

	(void)snprintf(text, sizeof(text), "%s", usage);
	while ((token = strsep(&rest, " ,")) && strcmp(token, "--") != 0) {
		bool value = strncmp(token, "--", 2) == 0 ||
			     (strncmp(token, "[--", 3) == 0 && !strchr(token, ']'));

		/* "[--textfile PATH]": of the option. "[OPTION]..." is no word of its own. */
		if (value && rest && *rest != '[')
			(void)strsep(&rest, " ,");
		if (value || strcmp(token, "[OPTION]...") == 0 || !has_capital(token))
			continue;
		if (n == n_before || (n < n_before && strstr(token, "...")))
			offer_kinds(token, offer);
		n++;
	}
}

/* The verb's own call of arguments_parse ends here. */
static void hear(const char *usage, const struct argument *table, void *data)
{
	const struct line *line = data;
	struct offer offer = { .line = line };
	const struct argument *option = NULL;
	int operands = 0;

	for (int i = line->first; i < line->n - 1; i++) {
		if (option) {
			option = NULL;
		} else if (strcmp(line->v[i], "--") == 0) {
			if (usage && strstr(usage, " -- "))
				(void)puts("\tcommand");
			return;
		} else if (line->v[i][0] == '-' && line->v[i][1]) {
			option = asks_for_more(table, line->v[i]);
		} else {
			operands++;
		}
	}
	if (option)
		offer_value(option, &offer);
	else if (*line->current == '-')
		offer_options(table, &offer);
	else if (usage)
		offer_operand(usage, operands, &offer);
}

/* ---- verbs ---- */

static int complete(const struct verb *verbs, struct line *line, struct rr_err *err)
{
	static const struct argument front[] = {
		{ .name = "version", .help = "print the version and exit" }, { .name = NULL }
	};
	struct offer offer = { .line = line };
	const struct verb *verb = verbs;

	while (line->first < line->n - 1 && line->v[line->first][0] == '-')
		line->first++;
	if (line->first == line->n - 1) {
		if (*line->current == '-')
			offer_options(front + (verbs != all_verbs), &offer);
		for (; verb->name; verb++)
			if (verb->help)
				offer_word(verb->name, verb->help, &offer);
		return 0;
	}
	while (verb->name && strcmp(verb->name, line->v[line->first]) != 0)
		verb++;
	if (!verb->name || !verb->help)
		return 0;
	line->first++;
	if (verb->run == verb_config)
		return complete(config_verbs, line, err);
	arguments_divert(hear, line);
	return verb->run(1, &line->v[line->first - 1], err);
}

int verb_complete(int argc, char **argv, struct rr_err *err)
{
	struct line line = { .n = argc, .v = argv, .first = 1 };

	if (argc > 1 && strcmp(argv[1], "--") == 0)
		line.first = 2;
	if (line.first == argc)
		return 0;
	line.current = argv[argc - 1];
	return complete(all_verbs, &line, err);
}
