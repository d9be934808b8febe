/* SPDX-License-Identifier: MIT */
/*
 * What resrunctl asks of a job's launcher, and what that answers: the two messages, and which
 * settings a job can be given anew. Pure: text in, values or words out.
 *
 * The protocol, as invariants:
 *
 *  1. A job has one writer, its launcher. resrunctl changes neither its cgroup nor its ticket: it
 *     asks, by one message to the socket whose name is in the ticket (runner/wake.h), and waits for
 *     one answer to a socket of its own.
 *  2. The kernel says who asks and who answers. A launcher hears only its own user and root; an
 *     answer counts only from the user whose ticket it is.
 *  3. A request names the job by the whole id of its first try and says until when it counts
 *     (BOOTTIME). One that
 *     comes to a launcher later, or that has another job by now, changes nothing: nobody acts on
 *     what the asker has given up.
 *  4. Every request that is heard in time is answered, once, when it is done or when it is sure
 *     that it is not: all of it was done, or nothing.
 *  5. A message shorter than a request is a wake-up and means: look again. A wake-up that meets a
 *     full queue is not lost, as the full queue wakes just as well.
 *  6. A launcher that is gone answers nothing: the asker sees its end, and its own time run out.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "policy/ledger.h"
#include "policy/settings.h"

#define STEER_SIZE 2048 /* of a request */
#define STEER_WORDS 480 /* of an answer */
#define STEER_MESSAGE_MAX (STEER_SIZE + 128)

enum steer_verb { STEER_CANCEL, STEER_PAUSE, STEER_RESUME, STEER_SET, STEER_VERBS_N };

struct steer_request {
	enum steer_verb verb;
	char id[LEDGER_ID_SIZE]; /* of its first try */
	uint64_t until_ns;
	char changes[STEER_SIZE]; /* "KEY=VALUE" lines, each with its newline */
};

struct steer_answer {
	bool done; /* else: refused */
	char words[STEER_WORDS]; /* what was done, or why not */
};

/* "cancel", "pause", "resume", "set". */
const char *steer_verb_name(enum steer_verb verb);

/* The i-th of the settings that can change while a job waits or runs; SETTINGS_N: there are no
 * more. */
enum setting_id steer_changeable(size_t i);

/* Adds a change to a request. 0, or -errno with words. */
rr_checked int steer_add(struct steer_request *request, const char *change, struct rr_err *err);

/* The values of the changes, as `settings` that hold nothing else; settings_free is due in either
 * case. 0, or -errno with words: an unknown key, one that cannot change while a job runs, a value
 * that is none. */
rr_checked int steer_settings(const struct steer_request *request, struct settings *ret,
			      struct rr_err *err);

/* The message of a request, written into buf. Its length. */
size_t steer_format(const struct steer_request *request, char buf[static STEER_MESSAGE_MAX]);

/* False when it is none: a wake-up, or nonsense. */
bool steer_parse(const char *text, size_t length, struct steer_request *ret);

size_t steer_format_answer(const struct steer_answer *answer, char buf[static STEER_WORDS + 8]);
bool steer_parse_answer(const char *text, size_t length, struct steer_answer *ret);
