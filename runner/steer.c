/* SPDX-License-Identifier: MIT */
#include "runner/steer.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "runner/tell.h"

static void answer(int fd, const struct steer_call *call, const struct steer_answer *what)
{
	char text[STEER_WORDS + 8];
	size_t length = steer_format_answer(what, text);

	/* Who does not wait for it any more has given up. */
	rr_ignore(message_send(fd, call->from.name, text, length));
}

void steer_done(int fd, const struct steer_call *call, const char *fmt, ...)
{
	struct steer_answer what = { .done = true };
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(what.words, sizeof(what.words), fmt, args);
	va_end(args);
	tell_more("%s, by pid %d: %s", steer_verb_name(call->request.verb), call->from.pid,
		  what.words);
	answer(fd, call, &what);
}

void steer_refuse(int fd, const struct steer_call *call, const char *fmt, ...)
{
	struct steer_answer what = { .done = false };
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(what.words, sizeof(what.words), fmt, args);
	va_end(args);
	tell_more("%s, by pid %d, refused: %s", steer_verb_name(call->request.verb), call->from.pid,
		  what.words);
	answer(fd, call, &what);
}

/* Our own user, or root; who sends without a name wants no answer, and gets nothing. */
static bool may_steer(const struct message_sender *from)
{
	return from->known && (from->uid == geteuid() || from->uid == 0);
}

bool steer_next(int fd, const char *id, struct steer_call *ret)
{
	char text[STEER_MESSAGE_MAX];
	ssize_t n;

	while ((n = message_receive(fd, text, sizeof(text), &ret->from)) >= 0) {
		if (!ret->from.name[0] || !steer_parse(text, (size_t)n, &ret->request) ||
		    strcmp(ret->request.id, id) != 0 || rr_now_boot_ns() >= ret->request.until_ns)
			continue;
		if (may_steer(&ret->from))
			return true;
		steer_refuse(fd, ret, "it is another user's job");
	}
	return false;
}
