/* SPDX-License-Identifier: MIT */
/*
 * What the job's private directory holds, as seen now and then: a tree is gone through for that, so
 * a look is short and the next one the later the longer it took. What it had no time for is not
 * counted.
 */
#include "runner/watcher.h"

#include "base/clock.h"
#include "base/parse.h"
#include "base/sweep.h"
#include "runner/aftercare.h"
#include "runner/events.h"

#define LOOK_NS (20 * RR_NS_PER_MS)
#define LAST_LOOK_NS (200 * RR_NS_PER_MS)
#define PAUSE_NS RR_NS_PER_S
#define SHARE 50 /* a look may take one part in so many of the time */

static bool measure(const struct watcher *watcher, uint64_t limit_ns, uint64_t *ret_bytes)
{
	const struct care *care = watcher->order->care;
	struct outcome *outcome = watcher->outcome;
	struct rr_err ignored;

	/* A job may well have taken it away. */
	if (sweep_measure(care->temp_root, care->temp_name, limit_ns, ret_bytes, &ignored) < 0)
		return false;
	if (outcome->temp_peak_bytes == REPORT_UNKNOWN || *ret_bytes > outcome->temp_peak_bytes)
		outcome->temp_peak_bytes = *ret_bytes;
	return true;
}

static void put_event(uint64_t bytes, uint64_t max_bytes)
{
	json_t *fields = json_object();

	(void)json_object_set_new(fields, "temp_bytes", json_integer((json_int_t)bytes));
	(void)json_object_set_new(fields, "temp_max", json_integer((json_int_t)max_bytes));
	events_put("warning", "temp_exceeded", fields);
}

static void hold_to_max(struct watcher *watcher, uint64_t bytes)
{
	const struct settings *settings = &watcher->order->plan->settings;
	uint64_t max_bytes = settings_integer(settings, SET_TEMP_MAX);

	if (!settings_has(settings, SET_TEMP_MAX) || bytes <= max_bytes || watcher->asked_to_end)
		return;
	put_event(bytes, max_bytes);
	watcher->outcome->over_temp = true;
	watcher->canceled = true;
	ending_ask(watcher);
}

void temp_look(struct watcher *watcher)
{
	uint64_t begun_ns = rr_now_boot_ns(), took_ns, bytes;

	if (watcher->order->care->temp_root < 0 || begun_ns < watcher->temp_next_ns)
		return;
	if (measure(watcher, LOOK_NS, &bytes))
		hold_to_max(watcher, bytes);
	took_ns = rr_now_boot_ns() - begun_ns;
	watcher->temp_next_ns =
		begun_ns + (took_ns * SHARE > PAUSE_NS ? took_ns * SHARE : PAUSE_NS);
}

void temp_look_last(struct watcher *watcher)
{
	uint64_t bytes;

	if (watcher->order->care->temp_root >= 0)
		(void)measure(watcher, LAST_LOOK_NS, &bytes);
}
