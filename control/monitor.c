/* SPDX-License-Identifier: MIT */
/*
 * `resrunctl monitor`: follows processes, jobs of resrun's or not, until they have ended. It looks
 * rarely enough to cost nearly nothing (policy/pace.h).
 */
#include "control/monitor.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/parse.h"
#include "control/arguments.h"
#include "control/dashboard.h"
#include "control/verbs.h"
#include "policy/pace.h"

#define INTERVAL_NS (5 * RR_NS_PER_S)
#define MOST_NS (60 * RR_NS_PER_S)
#define QUICK_NS (2 * RR_NS_PER_S)
#define QUICK_FOR_NS (30 * RR_NS_PER_S)
#define HEAVY_NS (30 * RR_NS_PER_S)
#define HEAVY_MOST_NS (300 * RR_NS_PER_S)
#define DEBUG_NS RR_NS_PER_S
#define FIRST_NS (300 * RR_NS_PER_MS)
#define TEMP_NS (10 * RR_NS_PER_S) /* how often temporary directories are looked through */
#define ANSWER_NS (5 * RR_NS_PER_S) /* a dashboard has so long to answer */
#define HEAVY_ANSWER_NS (30 * RR_NS_PER_S)

struct request {
	bool quick, heavy, debug, json, csv;
	bool fallback;
	const char *interval, *duration, *match, *temp, *levels, *url;
	struct operands words;
};

struct monitor {
	const struct request *request;
	struct context context;
	struct scene scene;
	struct targets targets; /* found here */
	struct targets remote; /* what the dashboard tells of */
	struct dashboard dashboard;
	struct status host, remote_host;
	struct pace pace;
	struct monitor_show show;
	uint64_t until_ns, temp_ns; /* BOOTTIME */
	uint64_t cost_ns; /* of the last look at processes */
	bool looked; /* at processes, at least once */
};

/* ---- what is asked for ---- */

static int parse_times(const struct request *request, struct monitor *monitor, struct rr_err *err)
{
	uint64_t for_ns = request->quick ? QUICK_FOR_NS : RR_TIME_INF;
	struct pace *pace = &monitor->pace;

	*pace = (struct pace){ .base_ns = INTERVAL_NS, .most_ns = MOST_NS };
	if (request->quick)
		pace->base_ns = QUICK_NS;
	if (request->heavy)
		*pace = (struct pace){ HEAVY_NS, HEAVY_MOST_NS, false, true };
	if (request->debug)
		*pace = (struct pace){ DEBUG_NS, DEBUG_NS, true, false };
	if (request->interval && (rr_parse_time(request->interval, &pace->base_ns) < 0 ||
				  pace->base_ns < RR_NS_PER_S / 10 || pace->base_ns == RR_TIME_INF))
		return rr_err_set(
			err, EINVAL,
			"--interval: '%s' is no time of at least 100ms; see resrunctl --help",
			request->interval);
	if (request->duration && rr_parse_time(request->duration, &for_ns) < 0)
		return rr_err_set(
			err, EINVAL,
			"--duration: '%s' is not a time such as 90s; see resrunctl --help",
			request->duration);
	monitor->until_ns = rr_time_add(rr_now_boot_ns(), for_ns);
	return 0;
}

static int parse_levels(const char *from, const char *text, uint64_t levels[static MONITOR_LEVELS],
			struct rr_err *err)
{
	char word[RR_FORMAT_SIZE];
	const char *at = text;

	for (int i = 0; i < MONITOR_LEVELS; i++) {
		size_t length = strcspn(at, ",");

		(void)snprintf(word, sizeof(word), "%.*s", (int)length, at);
		if (rr_parse_bytes(word, &levels[i]) < 0 || (i > 0 && levels[i] <= levels[i - 1]) ||
		    (at[length] == ',') != (i + 1 < MONITOR_LEVELS))
			return rr_err_set(err, EINVAL,
					  "%s: '%s' is not three rising sizes such as 500M,1G,2G; "
					  "see resrunctl --help",
					  from, text);
		at += length + (at[length] == ',');
	}
	return 0;
}

static int find_levels(const struct request *request, struct monitor *monitor, struct rr_err *err)
{
	const struct setting *set = &monitor->context.settings.v[SET_MONITOR_LEVELS];
	uint64_t *levels = monitor->show.level_bytes;

	if (request->levels)
		return parse_levels("--levels", request->levels, levels, err);
	return parse_levels(set->origin ? set->origin : "monitor_levels",
			    set->text ? set->text : "", levels, err);
}

static int check(const struct request *request, struct rr_err *err)
{
	if (request->quick + request->heavy + request->debug > 1)
		return rr_err_set(err, EINVAL,
				  "--quick, --heavy and --debug exclude each other; see "
				  "resrunctl --help");
	if (request->json && request->csv)
		return rr_err_set(err, EINVAL,
				  "--json and --csv exclude each other; see resrunctl --help");
	if (request->words.n == 0 && !request->match && !request->url && !request->fallback)
		return rr_err_set(err, EINVAL,
				  "whom to monitor is not said: PID, JOB or --match NAME; see "
				  "resrunctl --help");
	if (request->temp && strlen(request->temp) >= PATH_MAX)
		return rr_err_set(err, ENAMETOOLONG, "--temp");
	return 0;
}

static bool wants_color(void)
{
	const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");

	return isatty(STDOUT_FILENO) && !(no_color && *no_color) && term &&
	       strcmp(term, "dumb") != 0;
}

static int prepare(const struct request *request, struct monitor *monitor, struct rr_err *err)
{
	int r = check(request, err);

	monitor->request = request;
	if (r == 0)
		r = parse_times(request, monitor, err);
	if (r == 0 && request->url)
		r = dashboard_open(request->url, &monitor->dashboard, err);
	if (r == 0)
		r = context_load(NULL, &monitor->context, err);
	if (r == 0)
		r = find_levels(request, monitor, err);
	monitor->show.form = request->json  ? MONITOR_JSON
			     : request->csv ? MONITOR_CSV
					    : MONITOR_TEXT;
	monitor->show.color = wants_color();
	return r;
}

/* ---- looking ---- */

/* Those that were named must be there at the first look; what matches may come and go. */
static int find_targets(struct monitor *monitor, bool first, struct rr_err *err)
{
	const struct request *request = monitor->request;
	int r = 0;

	for (int i = 0; first && r == 0 && i < request->words.n; i++)
		r = targets_add(&monitor->targets, &monitor->scene, &monitor->context,
				request->words.v[i], err);
	if (first && r == 0 && request->words.n == 0 && !request->match)
		r = targets_add_jobs(&monitor->targets, &monitor->context, err);
	if (r == 0 && request->match)
		r = targets_add_matches(&monitor->targets, &monitor->scene, request->match, err);
	if (r == 0 && first && monitor->targets.n == 0 && request->match)
		return rr_err_set(err, ESRCH, "no process fits --match '%s'", request->match);
	return r;
}

static void look_at_host(struct monitor *monitor, bool first)
{
	if (first)
		status_read_host(&monitor->context, &monitor->host);
	else
		status_follow_host(&monitor->context, &monitor->host);
	status_judge(&monitor->context.settings, &monitor->host);
}

static int look_at_processes(struct monitor *monitor, struct rr_err *err)
{
	uint64_t begun_ns = rr_now_boot_ns();
	bool first = !monitor->looked;
	int r = scene_next(&monitor->scene, err);

	if (r == 0)
		r = find_targets(monitor, first, err);
	if (r < 0)
		return r;
	monitor->looked = true;
	look_at_host(monitor, first);
	for (size_t i = 0; i < monitor->targets.n; i++) {
		struct watch *watch = &monitor->targets.v[i];

		if (monitor->request->temp)
			(void)snprintf(watch->temp_asked, sizeof(watch->temp_asked), "%s",
				       monitor->request->temp);
		watch_look(watch, &monitor->scene);
	}
	monitor->cost_ns = rr_now_boot_ns() - begun_ns;
	return 0;
}

/* Less often than at processes, and by what it costs. */
static void look_at_temp(struct monitor *monitor)
{
	uint64_t begun_ns = rr_now_boot_ns(), rest_ns;

	if (begun_ns < monitor->temp_ns)
		return;
	for (size_t i = 0; i < monitor->targets.n; i++)
		watch_look_at_temp(&monitor->targets.v[i]);
	rest_ns = (rr_now_boot_ns() - begun_ns) * PACE_COST_SHARE;
	monitor->temp_ns = begun_ns + (rest_ns > TEMP_NS ? rest_ns : TEMP_NS);
}

/* ---- the dashboard, where there is one ---- */

/* A machine that is busy answers late, and is no less there for that. */
static uint64_t patience_ns(const struct monitor *monitor)
{
	bool busy = monitor->request->heavy ||
		    monitor->remote_host.use.value[HEADROOM_CPU] >= PACE_BUSY_PERCENT ||
		    monitor->host.use.value[HEADROOM_CPU] >= PACE_BUSY_PERCENT;

	return busy ? HEAVY_ANSWER_NS : ANSWER_NS;
}

static bool ask_dashboard(struct monitor *monitor)
{
	const struct request *request = monitor->request;

	if (!request->url || request->fallback ||
	    !dashboard_look(&monitor->dashboard, patience_ns(monitor), &monitor->remote,
			    &monitor->remote_host))
		return false;
	targets_keep(&monitor->remote, request->words.n, request->words.v, request->match);
	return true;
}

/* What can be seen, from where it can. Behind a dashboard that may come back, not to find what is
 * asked for is no end. */
static int look(struct monitor *monitor, struct rr_err *err)
{
	int r;

	monitor->show.source = ask_dashboard(monitor) ? SOURCE_DASHBOARD : SOURCE_PROCESSES;
	if (monitor->show.source == SOURCE_DASHBOARD)
		return 0;
	r = look_at_processes(monitor, err);
	if (r == 0 || !monitor->dashboard.silent)
		return r;
	/* Looked for anew at the next look. */
	targets_free(&monitor->targets);
	return 0;
}

static bool from_dashboard(const struct monitor *monitor)
{
	return monitor->show.source == SOURCE_DASHBOARD;
}

/* ---- the loop ---- */

static uint64_t next_interval(const struct monitor *monitor)
{
	const struct status *host =
		from_dashboard(monitor) ? &monitor->remote_host : &monitor->host;
	const struct rr_pressure *cpu = &host->host.room.pressure[0];

	return pace_next_ns(&monitor->pace, from_dashboard(monitor) ? 0 : monitor->cost_ns,
			    host->use.value[HEADROOM_CPU], cpu->known ? cpu->some_avg10 : -1);
}

/* True when there is nothing left to follow. */
static bool is_over(struct monitor *monitor)
{
	if (from_dashboard(monitor)) {
		targets_drop_ended(&monitor->remote);
		return monitor->remote.n == 0;
	}
	targets_drop_ended(&monitor->targets);
	return monitor->targets.n == 0 && !monitor->dashboard.silent;
}

static int show_all(struct monitor *monitor, struct rr_err *err)
{
	const struct targets *shown =
		from_dashboard(monitor) ? &monitor->remote : &monitor->targets;
	const struct status *host =
		from_dashboard(monitor) ? &monitor->remote_host : &monitor->host;
	int r = 0;

	for (size_t i = 0; r == 0 && i < shown->n; i++)
		r = monitor_show_target(&monitor->show, &shown->v[i], host, err);
	return r;
}

static void sleep_until(uint64_t until_ns)
{
	uint64_t now_ns = rr_now_boot_ns();
	struct timespec rest = rr_timespec(until_ns > now_ns ? until_ns - now_ns : 0);

	(void)nanosleep(&rest, NULL); /* cut short by a signal, the look is early */
}

static int follow(struct monitor *monitor, struct rr_err *err)
{
	/* CPU use is a difference: the first look is not shown. */
	int r = look(monitor, err);
	uint64_t begun_ns;

	sleep_until(rr_now_boot_ns() + FIRST_NS);
	while (r == 0) {
		begun_ns = rr_now_boot_ns();
		r = look(monitor, err);
		if (r < 0)
			break;
		monitor->show.interval_ns = next_interval(monitor);
		if (!from_dashboard(monitor))
			look_at_temp(monitor);
		r = show_all(monitor, err);
		if (is_over(monitor) || begun_ns >= monitor->until_ns)
			break;
		begun_ns += monitor->show.interval_ns;
		sleep_until(begun_ns < monitor->until_ns ? begun_ns : monitor->until_ns);
	}
	return r;
}

int verb_monitor(int argc, char **argv, struct rr_err *err)
{
	struct monitor monitor = { 0 };
	struct request request = { 0 };
	const struct argument table[] = {
		{ .name = "match",
		  .value = "NAME[,NAME]",
		  .help = "processes of that name, with globs",
		  .text = &request.match },
		{ .name = "interval",
		  .letter = 'i',
		  .value = "TIME",
		  .help = "look that often (5s; less often under load)",
		  .text = &request.interval },
		{ .name = "duration",
		  .value = "TIME",
		  .help = "end after TIME (default: when they do)",
		  .text = &request.duration },
		{ .name = "quick", .help = "every 2s for 30s", .flag = &request.quick },
		{ .name = "heavy",
		  .help = "every 30s, and up to every 5m under load",
		  .flag = &request.heavy },
		{ .name = "debug",
		  .help = "every second, whatever the load",
		  .flag = &request.debug },
		{ .name = "temp",
		  .value = "DIR",
		  .help = "the temporary directory to measure (default: their TMPDIR)",
		  .text = &request.temp },
		{ .name = "levels",
		  .value = "SIZE,SIZE,SIZE",
		  .help = "where memory is elevated, high, critical (monitor_levels)",
		  .text = &request.levels },
		{ .name = "url",
		  .value = "http://HOST[:PORT]",
		  .help = "read that dashboard; processes while it does not answer",
		  .text = &request.url },
		{ .name = "fallback",
		  .help = "read processes, also where there is a --url",
		  .flag = &request.fallback },
		{ .name = "json", .help = "print JSON lines", .flag = &request.json },
		{ .name = "csv", .help = "print CSV", .flag = &request.csv },
		{ .name = NULL },
	};
	int r = arguments_parse(argc, argv, "monitor [OPTION]... [PID|JOB]...", table,
				&request.words, err);

	if (r != 0)
		return r < 0 ? r : 0;
	r = prepare(&request, &monitor, err);
	if (r == 0)
		r = follow(&monitor, err);
	targets_free(&monitor.targets);
	targets_free(&monitor.remote);
	scene_free(&monitor.scene);
	status_free(&monitor.host);
	context_free(&monitor.context);
	return r;
}
