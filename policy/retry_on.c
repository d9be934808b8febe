/* SPDX-License-Identifier: MIT */
#include "policy/retry_on.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/parse.h"

#define STEP_BYTES (UINT64_C(100) << 20) /* less would often not be enough either */
#define STEP_SHARE 5 /* a fifth more */
#define PAGE_BYTES UINT64_C(4096)
#define CODE_MAX 255
#define CODE_NOT_EXECUTABLE 126
#define CODE_NOT_FOUND 127

enum word_kind { WORD_BAD, WORD_CODES, WORD_SIGNAL, WORD_REASON };

/* One word, understood. */
struct word {
	enum word_kind kind;
	int low, high; /* codes; of a signal, low is its number, 0 for any */
	enum exit_reason reason;
	bool any; /* failure */
};

static int signal_number(const char *name)
{
	if (strncasecmp(name, "SIG", 3) == 0)
		name += 3;
	for (int signo = 1; signo < NSIG; signo++) {
		const char *known = sigabbrev_np(signo);

		if (known && strcasecmp(known, name) == 0)
			return signo;
	}
	return 0;
}

/* "3" or "10-20". */
static bool parse_codes(const char *text, struct word *ret)
{
	const char *dash = strchr(text, '-');
	char first[RR_FORMAT_SIZE];
	uint64_t low, high;

	(void)snprintf(first, sizeof(first), "%.*s",
		       (int)(dash ? (size_t)(dash - text) : strlen(text)), text);
	if (rr_parse_u64(first, &low) < 0 || rr_parse_u64(dash ? dash + 1 : first, &high) < 0 ||
	    low == 0 || low > high || high > CODE_MAX)
		return false;
	*ret = (struct word){ .kind = WORD_CODES, .low = (int)low, .high = (int)high };
	return true;
}

static struct word parse_word(const char *text)
{
	static const enum exit_reason reasons[] = { EXIT_OOM, EXIT_TIMEOUT, EXIT_STALLED };
	struct word word = { .kind = WORD_BAD };

	if (strcasecmp(text, "failure") == 0)
		return (struct word){ .kind = WORD_REASON, .any = true };
	if (strcasecmp(text, "signal") == 0)
		return (struct word){ .kind = WORD_SIGNAL };
	for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
		if (strcasecmp(text, exit_reason_name(reasons[i])) == 0)
			return (struct word){ .kind = WORD_REASON, .reason = reasons[i] };
	if (parse_codes(text, &word))
		return word;
	word.low = signal_number(text);
	word.kind = word.low ? WORD_SIGNAL : WORD_BAD;
	return word;
}

int retry_on_check(char *const *words, struct rr_err *err)
{
	for (; *words; words++)
		if (parse_word(*words).kind == WORD_BAD)
			return rr_err_set(err, EINVAL,
					  "'%s' is not an exit code from 1 to 255, a range of "
					  "them, a signal, or one of signal, oom, timeout, "
					  "stalled, failure",
					  *words);
	return 0;
}

/* An end that trying again could better at all. */
static bool is_failure(enum exit_reason reason, int code)
{
	switch (reason) {
	case EXIT_EXITED:
		return code != 0 && code != CODE_NOT_EXECUTABLE && code != CODE_NOT_FOUND;
	case EXIT_SIGNALED:
	case EXIT_TIMEOUT:
	case EXIT_OOM:
	case EXIT_STALLED:
		return true;
	default:
		return false;
	}
}

static bool word_matches(const struct word *word, enum exit_reason reason, int code, int signal)
{
	switch (word->kind) {
	case WORD_CODES:
		return reason == EXIT_EXITED && code >= word->low && code <= word->high;
	case WORD_SIGNAL:
		return reason == EXIT_SIGNALED && (word->low == 0 || word->low == signal);
	case WORD_REASON:
		return word->any ? is_failure(reason, code) : reason == word->reason;
	case WORD_BAD:
		break;
	}
	return false;
}

bool retry_on_matches(char *const *words, enum exit_reason reason, int code, int signal)
{
	if (!*words)
		return is_failure(reason, code);
	for (; *words; words++) {
		struct word word = parse_word(*words);

		if (word_matches(&word, reason, code, signal))
			return true;
	}
	return false;
}

uint64_t retry_memory(uint64_t bytes, uint64_t total_bytes)
{
	uint64_t step = bytes / STEP_SHARE > STEP_BYTES ? bytes / STEP_SHARE : STEP_BYTES;
	uint64_t more = bytes < UINT64_MAX - step - PAGE_BYTES ? bytes + step : bytes;

	more = (more + PAGE_BYTES - 1) / PAGE_BYTES * PAGE_BYTES;
	if (total_bytes == 0 || more <= total_bytes)
		return more;
	return bytes > total_bytes ? bytes : total_bytes;
}
