/* SPDX-License-Identifier: MIT */
/* Files of lines: the history's reader and its next writer, and a file of seccomp rules. */
#include "tests/fuzz/fuzz.h"

#include <linux/audit.h>

#include "policy/history.h"
#include "policy/report.h"
#include "policy/seccomp_file.h"

static int note(json_t *record, void *arg)
{
	(void)json_object_get(record, "job_id");
	++*(size_t *)arg;
	return 0;
}

static void read_history(const uint8_t *data, size_t size)
{
	size_t sound = 0, after = 0, torn;
	json_t *record = json_object();
	struct rr_err err;

	fuzz_write("history", data, size);
	rr_ignore(history_each(fuzz_place(), note, &sound, &torn, &err));
	rr_ignore(history_each_with(fuzz_place(), "x", note, &after, &torn, &err));
	(void)json_object_set_new(record, "text", report_string("x"));
	if (history_append(fuzz_place(), record, &err) < 0)
		abort();
	after = 0;
	rr_ignore(history_each(fuzz_place(), note, &after, &torn, &err));
	/* Whatever was there: what is sound stays, and one is added. */
	if (after != sound + 1)
		abort();
	json_decref(record);
}

static void read_rules(const uint8_t *data, size_t size)
{
	const struct seccomp_machine *machine = seccomp_machine_find(AUDIT_ARCH_X86_64);
	struct seccomp_policy policy = { 0 };
	char *text = fuzz_text(data, size);
	struct rr_err err;

	rr_ignore(seccomp_file_parse("fuzz", text, machine, &policy, &err));
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return 0;
	if (data[0] & 1)
		read_history(data + 1, size - 1);
	else
		read_rules(data + 1, size - 1);
	return 0;
}
