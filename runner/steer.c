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

__attribute__((format(printf, 4, 0))) static void
answer_with(int fd, const struct steer_call *call, bool done, const char *fmt, va_list args)
{
	struct steer_answer what = { .done = done };

	(void)vsnprintf(what.words, sizeof(what.words), fmt, args);
	tell_more("%s, by pid %d%s: %s", steer_verb_name(call->request.verb), call->from.pid,
		  done ? "" : ", refused", what.words);
	answer(fd, call, &what);
}

void steer_done(int fd, const struct steer_call *call, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	answer_with(fd, call, true, fmt, args);
	va_end(args);
}

void steer_refuse(int fd, const struct steer_call *call, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	answer_with(fd, call, false, fmt, args);
	va_end(args);
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
