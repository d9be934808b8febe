/* SPDX-License-Identifier: MIT */
/*
 * systemd-system and systemd-user: the manager gives us a transient scope with Delegate=yes. A
 * scope cannot be empty, so we ourselves move into it; there we step aside into rr-sup and make the
 * job's leaf beside it, as in any delegated subtree. When we end, the scope is empty and systemd
 * drops it.
 *
 * libsystemd is loaded here and nowhere else: linking it would cost every start half a millisecond.
 * The manager's private socket is tried before the bus: it needs no dbus-daemon and is a hop
 * nearer.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <systemd/sd-bus.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "cgroup/backend.h"

#define WEIGHT_MOST 10000
#define SCOPE_WAIT_NS (10 * RR_NS_PER_S)

#define MANAGER "org.freedesktop.systemd1"
#define MANAGER_PATH "/org/freedesktop/systemd1"
#define MANAGER_INTERFACE "org.freedesktop.systemd1.Manager"

/* The functions of libsystemd that are used, each by its own name. */
#define SD_BUS_FUNCTIONS(X)                                                                        \
	X(sd_bus_new)                                                                              \
	X(sd_bus_set_address)                                                                      \
	X(sd_bus_set_bus_client)                                                                   \
	X(sd_bus_start)                                                                            \
	X(sd_bus_add_match)                                                                        \
	X(sd_bus_process)                                                                          \
	X(sd_bus_wait)                                                                             \
	X(sd_bus_call)                                                                             \
	X(sd_bus_call_method)                                                                      \
	X(sd_bus_flush_close_unref)                                                                \
	X(sd_bus_message_new_method_call)                                                          \
	X(sd_bus_message_append)                                                                   \
	X(sd_bus_message_open_container)                                                           \
	X(sd_bus_message_close_container)                                                          \
	X(sd_bus_message_read)                                                                     \
	X(sd_bus_message_unref)                                                                    \
	X(sd_bus_error_free)

static struct {
	void *library;
#define MEMBER(name) typeof(&name) name;
	SD_BUS_FUNCTIONS(MEMBER)
#undef MEMBER
} sd;

static int load_library(struct rr_err *err)
{
	void *library;

	if (sd.library)
		return 0;
	library = dlopen("libsystemd.so.0", RTLD_NOW | RTLD_LOCAL);
	if (!library)
		return rr_err_set(err, ENOENT, "libsystemd cannot be loaded: %s", dlerror());
#define LOAD(name)                                                                                 \
	*(void **)&sd.name = dlsym(library, #name);                                                \
	if (!sd.name) {                                                                            \
		(void)dlclose(library);                                                            \
		return rr_err_set(err, ENOENT, "libsystemd has no " #name);                        \
	}
	SD_BUS_FUNCTIONS(LOAD)
#undef LOAD
	sd.library = library;
	return 0;
}

/* It and what it needs are a megabyte that nobody looks at while the job runs. */
static void unload_library(void)
{
	if (sd.library)
		(void)dlclose(sd.library);
	sd.library = NULL;
}

/* A connection, the scope that is being made on it, and how that ended. */
struct call {
	sd_bus *bus;
	char unit[96];
	char result[32]; /* of JobRemoved; "" while it has not come */
};

static void call_done(struct call *call)
{
	if (call->bus)
		call->bus = sd.sd_bus_flush_close_unref(call->bus);
}

/* JobRemoved(u id, o job, s unit, s result). The name of the unit is ours alone, so that it tells
 * as much as the job's would, and earlier. */
static int on_job_removed(sd_bus_message *message, void *user, sd_bus_error *error)
{
	const char *job, *unit, *result;
	struct call *call = user;
	uint32_t id;

	(void)error;
	if (sd.sd_bus_message_read(message, "uoss", &id, &job, &unit, &result) < 0)
		return 0;
	if (strcmp(unit, call->unit) == 0)
		(void)snprintf(call->result, sizeof(call->result), "%s", result);
	return 0;
}

/* Only a socket of the user whose manager it is (root: the system's): the path is in a directory
 * that others made. */
static bool is_own_socket(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0 && S_ISSOCK(st.st_mode) && st.st_uid == geteuid();
}

static void socket_paths(bool user, char paths[2][96])
{
	if (user) {
		(void)snprintf(paths[0], 96, "/run/user/%u/systemd/private", geteuid());
		(void)snprintf(paths[1], 96, "/run/user/%u/bus", geteuid());
	} else {
		(void)snprintf(paths[0], 96, "/run/systemd/private");
		(void)snprintf(paths[1], 96, "/run/dbus/system_bus_socket");
	}
}

static int connect_to(const char *path, bool is_bus, sd_bus **ret)
{
	sd_bus *bus = NULL;
	char address[128];
	int r = sd.sd_bus_new(&bus);

	if (r < 0)
		return r;
	(void)snprintf(address, sizeof(address), "unix:path=%s", path);
	r = sd.sd_bus_set_address(bus, address);
	if (r >= 0)
		r = sd.sd_bus_set_bus_client(bus, is_bus);
	if (r >= 0)
		r = sd.sd_bus_start(bus);
	if (r < 0) {
		(void)sd.sd_bus_flush_close_unref(bus);
		return r;
	}
	*ret = bus;
	return 0;
}

static int connect_manager(bool user, struct call *call, struct rr_err *err)
{
	char paths[2][96];
	int r = -ENOENT;

	socket_paths(user, paths);
	for (int i = 0; i < 2; i++) {
		r = access(paths[i], W_OK) < 0 ? -errno : connect_to(paths[i], i == 1, &call->bus);
		if (r < 0)
			continue;
		if (i == 1)
			(void)sd.sd_bus_call_method(call->bus, MANAGER, MANAGER_PATH,
						    MANAGER_INTERFACE, "Subscribe", NULL, NULL,
						    NULL);
		return 0;
	}
	return rr_err_sys(err, -r, "connect to the %s manager of systemd (%s)",
			  user ? "user" : "system", paths[0]);
}

/* What we would write by hand, the manager would put back at its next reload: the group is its. */
static int append_weight(sd_bus_message *message, const char *name, uint64_t weight)
{
	/* Of one that is none, systemd would refuse the whole scope, and the kernel tells why. */
	if (weight == 0 || weight > WEIGHT_MOST)
		return 0;
	return sd.sd_bus_message_append(message, "(sv)", name, "t", weight);
}

static int append_properties(sd_bus_message *message, const struct place_request *request)
{
	uint32_t pid = (uint32_t)getpid();
	int r;

	r = sd.sd_bus_message_open_container(message, 'a', "(sv)");
	if (r >= 0)
		r = sd.sd_bus_message_append(message, "(sv)", "Description", "s",
					     request->description);
	if (r >= 0)
		r = sd.sd_bus_message_append(message, "(sv)", "PIDs", "au", 1, pid);
	if (r >= 0)
		r = sd.sd_bus_message_append(message, "(sv)", "DelegateControllers", "as", 4, "cpu",
					     "memory", "pids", "io");
	if (r >= 0)
		r = sd.sd_bus_message_append(message, "(sv)", "CollectMode", "s",
					     "inactive-or-failed");
	if (r >= 0)
		r = append_weight(message, "CPUWeight", request->cpu_weight);
	if (r >= 0)
		r = append_weight(message, "IOWeight", request->io_weight);
	/* Only what was asked of us is to hold. */
	if (r >= 0)
		r = sd.sd_bus_message_append(message, "(sv)", "TasksMax", "t", UINT64_MAX);
	return r >= 0 ? sd.sd_bus_message_close_container(message) : r;
}

static int start_unit(struct call *call, const struct place_request *request, struct rr_err *err)
{
	sd_bus_message *message = NULL, *reply = NULL;
	sd_bus_error error = SD_BUS_ERROR_NULL;
	int r = sd.sd_bus_message_new_method_call(call->bus, &message, MANAGER, MANAGER_PATH,
						  MANAGER_INTERFACE, "StartTransientUnit");

	if (r >= 0)
		r = sd.sd_bus_message_append(message, "ss", call->unit, "fail");
	if (r >= 0)
		r = append_properties(message, request);
	if (r >= 0)
		r = sd.sd_bus_message_append(message, "a(sa(sv))", 0);
	if (r >= 0)
		r = sd.sd_bus_call(call->bus, message, SCOPE_WAIT_NS / RR_NS_PER_US, &error,
				   &reply);
	if (r < 0)
		(void)rr_err_set(err, -r, "systemd refused the scope %s: %s", call->unit,
				 error.message ? error.message : strerror(-r));
	(void)sd.sd_bus_message_unref(message);
	(void)sd.sd_bus_message_unref(reply);
	sd.sd_bus_error_free(&error);
	return r < 0 ? r : 0;
}

static int wait_for_job(struct call *call, struct rr_err *err)
{
	uint64_t deadline_ns = rr_now_boot_ns() + SCOPE_WAIT_NS;

	while (!call->result[0]) {
		uint64_t now_ns = rr_now_boot_ns();
		int r = sd.sd_bus_process(call->bus, NULL);

		if (r == 0 && now_ns < deadline_ns)
			r = sd.sd_bus_wait(call->bus, (deadline_ns - now_ns) / RR_NS_PER_US);
		if (r < 0 && r != -EINTR)
			return rr_err_sys(err, -r, "wait for the scope %s", call->unit);
		if (now_ns >= deadline_ns)
			return rr_err_set(err, ETIMEDOUT,
					  "systemd did not make the scope %s within %d s",
					  call->unit, (int)(SCOPE_WAIT_NS / RR_NS_PER_S));
	}
	if (strcmp(call->result, "done") != 0)
		return rr_err_set(err, EIO, "systemd did not make the scope %s: %s", call->unit,
				  call->result);
	return 0;
}

static int make_scope(bool user, const struct place_request *request, struct rr_err *err)
{
	__attribute__((cleanup(call_done))) struct call call = { 0 };
	int r = load_library(err);

	if (r == 0)
		r = connect_manager(user, &call, err);
	if (r < 0)
		return r;
	(void)snprintf(call.unit, sizeof(call.unit), "resrun-%s.scope", request->job_id);
	/* Before the call, so that the answer cannot be missed. */
	r = sd.sd_bus_add_match(call.bus, NULL,
				"type='signal',path='" MANAGER_PATH
				"',interface='" MANAGER_INTERFACE "',member='JobRemoved'",
				on_job_removed, &call);
	if (r < 0)
		return rr_err_sys(err, -r, "listen to systemd");
	r = start_unit(&call, request, err);
	return r < 0 ? r : wait_for_job(&call, err);
}

/* Where we are now, which must be the new scope: its directory. */
static int find_scope(const struct cg_hierarchy *hierarchy, const char *job_id, char *scope,
		      size_t size, struct rr_err *err)
{
	char name[96];
	int r = cg_of_process(hierarchy, 0, scope, size);

	if (r < 0)
		return rr_err_sys(err, -r, "read /proc/self/cgroup");
	(void)snprintf(name, sizeof(name), "/resrun-%s.scope", job_id);
	if (strlen(scope) < strlen(name) || strcmp(scope + strlen(scope) - strlen(name), name) != 0)
		return rr_err_set(err, EIO, "systemd made the scope but left us in '%s'", scope);
	return 0;
}

static int step_aside(const char *scope, struct rr_err *err)
{
	char path[CG_PATH_MAX + 32];
	char self[16];
	int r;

	(void)snprintf(path, sizeof(path), "%s/" CG_SUPERVISOR, scope);
	if (mkdir(path, 0755) < 0)
		return rr_err_sys(err, errno, "make cgroup '%s'", path);
	(void)snprintf(path, sizeof(path), "%s/" CG_SUPERVISOR "/cgroup.procs", scope);
	(void)snprintf(self, sizeof(self), "%d", (int)getpid());
	r = rr_write_at(AT_FDCWD, path, self);
	return r < 0 ? rr_err_sys(err, -r, "move into '%s'", path) : 0;
}

static int place(bool user, const struct cg_hierarchy *hierarchy,
		 const struct place_request *request, unsigned controllers, struct cg_leaf *ret,
		 struct rr_err *err)
{
	char scope[CG_PATH_MAX];
	int r = make_scope(user, request, err);

	unload_library();
	if (r == 0)
		r = find_scope(hierarchy, request->job_id, scope, sizeof(scope), err);
	if (r == 0)
		r = step_aside(scope, err);
	return r < 0 ? r : leaf_make(scope, request->job_id, controllers, ret, err);
}

static const char *no_manager(const struct cg_hierarchy *hierarchy)
{
	const char *no = backend_no_hierarchy(hierarchy);

	if (!no && !hierarchy->has_systemd)
		no = "systemd is not running";
	return no;
}

/* What is looked at last, as it costs most: whether there is a manager to ask, and how to ask. */
static const char *no_connection(bool user, struct rr_err *err)
{
	char paths[2][96];

	socket_paths(user, paths);
	if (!is_own_socket(paths[0]) && !is_own_socket(paths[1]))
		return user ? "this user has no running systemd manager (loginctl enable-linger "
			      "makes one)"
			    : "neither systemd's socket nor the system bus can be seen from here";
	return load_library(err) < 0 ? err->text : NULL;
}

static bool fits_system(const struct cg_hierarchy *hierarchy, char *why, size_t size)
{
	const char *no = no_manager(hierarchy);
	struct rr_err err;

	if (!no && geteuid() != 0)
		no = "only for root";
	if (!no)
		no = no_connection(false, &err);
	(void)snprintf(why, size, "%s", no ? no : "");
	return !no;
}

static bool fits_user(const struct cg_hierarchy *hierarchy, char *why, size_t size)
{
	const char *no = no_manager(hierarchy);
	struct rr_err err;

	if (!no && geteuid() == 0)
		no = "root uses the system manager";
	if (!no)
		no = no_connection(true, &err);
	(void)snprintf(why, size, "%s", no ? no : "");
	return !no;
}

static int place_system(const struct cg_hierarchy *hierarchy, const struct place_request *request,
			unsigned controllers, struct cg_leaf *ret, struct rr_err *err)
{
	return place(false, hierarchy, request, controllers, ret, err);
}

static int place_user(const struct cg_hierarchy *hierarchy, const struct place_request *request,
		      unsigned controllers, struct cg_leaf *ret, struct rr_err *err)
{
	return place(true, hierarchy, request, controllers, ret, err);
}

static void above_system(const struct cg_hierarchy *hierarchy, char *ret, size_t size)
{
	(void)snprintf(ret, size, "%s", hierarchy->mount);
}

static void above_user(const struct cg_hierarchy *hierarchy, char *ret, size_t size)
{
	(void)snprintf(ret, size, "%s/user.slice/user-%u.slice/user@%u.service", hierarchy->mount,
		       getuid(), getuid());
}

const struct backend backend_systemd_system = {
	.name = "systemd-system", .fits = fits_system, .place = place_system, .above = above_system
};
const struct backend backend_systemd_user = {
	.name = "systemd-user", .fits = fits_user, .place = place_user, .above = above_user
};
