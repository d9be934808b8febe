/* SPDX-License-Identifier: MIT */
/* What resrunctl monitor and top read of others: a job's own words, /proc, a dashboard's answer. */
#include "tests/fuzz/fuzz.h"

#include "base/http.h"
#include "base/input.h"
#include "base/processes.h"
#include "base/progress.h"

static void must_be_shown(const char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text < ' ' || *text == '\177')
			abort();
}

static void read_answer(const uint8_t *data, size_t size)
{
	/* Bytes, not a string: what follows them must not be read. */
	char *answer = malloc(size + 1), *body;
	struct rr_err err;

	memcpy(answer, data, size);
	answer[size] = '\0';
	if (http_parse_answer(answer, size, &body, &err) == 0 &&
	    (body < answer || body + strlen(body) > answer + size))
		abort();
	free(answer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = fuzz_text(data, size);
	struct progress progress;
	struct process process;
	struct http_url url;
	struct rr_err err;
	uint64_t position;
	bool read_only;

	progress_parse(text, &progress);
	must_be_shown(progress.stage);
	if (!(progress.percent == PROGRESS_UNKNOWN ||
	      (progress.percent >= 0 && progress.percent <= 100)))
		abort();
	if (process_parse(text, &process))
		must_be_shown(process.name);
	(void)input_parse(text, &position, &read_only);
	if (http_parse_url(text, &url, &err) == 0)
		must_be_shown(url.path);
	read_answer(data, size);
	free(text);
	return 0;
}
