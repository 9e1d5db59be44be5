/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * tdxcore host trace: the module's tracepoints, switched on for a while.
 *
 * They go to a trace of our own, an instance of tracefs, so that nobody else's
 * is disturbed; it is taken away again, also after a signal. One that a killed
 * run left behind is taken over.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "host_cmd.h"

#define DEFAULT_SECONDS 10u
#define DEFAULT_LINES	1000u
#define LINE_BYTES	4096
#define INSTANCE	"/instances/tdxcore"
#define ENABLE		"/events/tdxcore/enable"
#define NS		1000000000ll
/* poll() of a trace may wait until a buffer is half full: look by ourselves. */
#define LOOK_NS (NS / 5)

struct trace {
	const struct host_options *o;
	const char *folder;    /* Of tracefs, without the root. */
	char *instance;	       /* Owned; with the root. */
	bool is_ours;	       /* We hold it. */
	int lock;	       /* Our hold on the instance. */
	int pipe;	       /* Where events come from. */
	sigset_t waiting;      /* Signals as they are while we wait. */
	struct timespec until; /* Not later than this. */
	unsigned int most;
	unsigned int events;
	uint64_t lost;	   /* Events that the kernel dropped. */
	json_t *list;	   /* With --json. */
	const char *ended; /* Why no more are read; NULL: go on. */
	char line[LINE_BYTES];
	size_t used; /* Of it, by a line whose end is to come. */
};

static volatile sig_atomic_t interrupted;

static void on_signal(int number)
{
	(void)number;
	interrupted = 1;
}

/* From here on they arrive while we wait for events, and at no other time. A
 * reader that goes away is an error of writing, not the end of us. */
static void hold_signals(struct trace *t)
{
	static const int ends[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};
	struct sigaction action = {.sa_handler = on_signal};
	sigset_t held;
	size_t i;

	sigemptyset(&held);
	for (i = 0; i < sizeof ends / sizeof ends[0]; i++) {
		sigaddset(&held, ends[i]);
		sigaction(ends[i], &action, NULL);
	}
	sigprocmask(SIG_BLOCK, &held, &t->waiting);
	for (i = 0; i < sizeof ends / sizeof ends[0]; i++)
		sigdelset(&t->waiting, ends[i]);
	signal(SIGPIPE, SIG_IGN);
}

/* --- on and off ----------------------------------------------------------- */

static int write_file(const char *folder, const char *name, const char *value)
{
	char *path;
	int error = 0;
	int fd;

	if (asprintf(&path, "%s%s", folder, name) < 0)
		return ENOMEM;
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, value, strlen(value)) < 0)
		error = errno;
	if (fd >= 0)
		close(fd);
	free(path);
	return error;
}

static bool is_there(const struct host_options *o, const char *folder,
		     const char *name, int *error)
{
	char *path;
	bool found;

	if (asprintf(&path, "%s%s%s", o->root, folder, name) < 0) {
		*error = ENOMEM;
		return false;
	}
	found = !access(path, F_OK);
	*error = errno;
	free(path);
	return found;
}

/* Where tracefs is: mounted by itself, or below debugfs. */
static int find_tracefs(struct trace *t)
{
	static const char *const folders[] = {"/sys/kernel/tracing",
					      "/sys/kernel/debug/tracing"};
	int first = 0;
	int error;
	size_t i;

	for (i = 0; i < 2; i++) {
		t->folder = folders[i];
		if (is_there(t->o, folders[i], "/events", &error))
			break;
		first = i ? first : error;
	}
	if (i == 2)
		return host_refuse(t->o, folders[0], first);
	if (is_there(t->o, t->folder, "/events/tdxcore", &error))
		return CLI_OK;
	if (error == ENOENT) {
		cli_error("%s%s/events/tdxcore: %s", t->o->root, t->folder,
			  strerror(error));
		cli_note("the kernel module tdxcore that is loaded was built "
			 "for a kernel without tracepoints");
		return CLI_INPUT;
	}
	return host_refuse(t->o, t->folder, error);
}

static int refuse_instance(const struct trace *t, const char *file, int error)
{
	char *path;
	int result;

	if (error == ENOMEM)
		return host_no_memory();
	if (error == EWOULDBLOCK) {
		cli_error("%s: another `tdxcore host trace' is running",
			  t->instance);
		return CLI_NO;
	}
	if (asprintf(&path, "%s" INSTANCE "%s", t->folder, file) < 0)
		return host_no_memory();
	result = host_refuse(t->o, path, error);
	free(path);
	return result;
}

/* 0, or an errno value. */
static int take_instance(struct trace *t)
{
	if (asprintf(&t->instance, "%s%s" INSTANCE, t->o->root, t->folder) <
	    0) {
		t->instance = NULL;
		return ENOMEM;
	}
	if (mkdir(t->instance, 0700) && errno != EEXIST)
		return errno;
	t->lock = open(t->instance, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (t->lock < 0)
		return errno;
	/* A kernel without locks of files is one for tests: nobody else. */
	if (flock(t->lock, LOCK_EX | LOCK_NB) && errno != ENOSYS)
		return errno;
	t->is_ours = true;
	return 0;
}

static int open_pipe(struct trace *t)
{
	char *path;
	int error = 0;

	if (asprintf(&path, "%s/trace_pipe", t->instance) < 0)
		return ENOMEM;
	t->pipe = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (t->pipe < 0)
		error = errno;
	free(path);
	return error;
}

static void say_started(const struct trace *t)
{
	cli_note("tracing for %u s, %u events at most",
		 t->o->seconds ? t->o->seconds : DEFAULT_SECONDS, t->most);
}

static int switch_on(struct trace *t)
{
	int error = open_pipe(t);

	if (error)
		return refuse_instance(t, "/trace_pipe", error);
	error = write_file(t->instance, ENABLE, "1");
	if (error)
		return refuse_instance(t, ENABLE, error);
	say_started(t);
	return CLI_OK;
}

/* As it was before us. A folder that stays is said, and nothing else to us. */
static void restore(struct trace *t)
{
	if (t->is_ours) {
		(void)write_file(t->instance, ENABLE, "0");
		if (t->pipe >= 0)
			close(t->pipe);
		if (rmdir(t->instance))
			cli_note("%s stays: %s", t->instance, strerror(errno));
	}
	if (t->lock >= 0)
		close(t->lock);
	free(t->instance);
}

/* --- events --------------------------------------------------------------- */

/* "CPU:3 [LOST 12 EVENTS]" */
static void count_lost(struct trace *t, const char *line)
{
	const char *lost = strstr(line, "[LOST ");

	if (lost)
		t->lost += strtoull(lost + strlen("[LOST "), NULL, 10);
}

/* 0, or CLI_INTERNAL with a message. */
static int take_line(struct trace *t, char *line)
{
	struct host_event e;

	if (!host_event_parse(line, &e)) {
		count_lost(t, line);
		return CLI_OK;
	}
	if (++t->events >= t->most)
		t->ended = "lines";
	if (t->list) {
		t->list = host_append(t->list, host_event_json(&e));
		return t->list ? CLI_OK : host_no_memory();
	}
	host_event_print(stdout, &e);
	if (!fflush(stdout))
		return CLI_OK;
	cli_error("standard output: %s", strerror(errno));
	return CLI_INTERNAL;
}

/* Whole lines out of what has arrived; the rest waits for its end. A line that
 * is longer than any of ours is not one. */
static int take_lines(struct trace *t)
{
	char *begin = t->line;
	int result = CLI_OK;
	char *end;

	t->line[t->used] = '\0';
	while (!result && !t->ended && (end = strchr(begin, '\n'))) {
		*end = '\0';
		result = take_line(t, begin);
		begin = end + 1;
	}
	t->used -= (size_t)(begin - t->line);
	memmove(t->line, begin, t->used);
	if (t->used == LINE_BYTES - 1)
		t->used = 0;
	return result;
}

/* Until we look again, or t->until; zero when that has passed. */
static struct timespec time_left(const struct trace *t)
{
	struct timespec now;
	int64_t ns;

	clock_gettime(CLOCK_MONOTONIC, &now);
	ns = (int64_t)(t->until.tv_sec - now.tv_sec) * NS +
	     (t->until.tv_nsec - now.tv_nsec);
	if (ns < 0)
		ns = 0;
	if (ns > LOOK_NS)
		ns = LOOK_NS;
	return (struct timespec){ns / NS, ns % NS};
}

/* Wait for events; what ends the trace is noted. 0, or an exit code. */
static int wait_for_events(struct trace *t)
{
	struct pollfd pipe = {.fd = t->pipe, .events = POLLIN};
	struct timespec left = time_left(t);
	ssize_t n;

	if (!left.tv_sec && !left.tv_nsec)
		t->ended = "seconds";
	else if (ppoll(&pipe, 1, &left, &t->waiting) < 0 && errno != EINTR)
		return host_refuse(t->o, t->folder, errno);
	if (interrupted)
		t->ended = "interrupt";
	if (t->ended)
		return CLI_OK;
	n = read(t->pipe, t->line + t->used, LINE_BYTES - 1 - t->used);
	if (n > 0) {
		t->used += (size_t)n;
		return take_lines(t);
	}
	if (n < 0 && errno != EAGAIN && errno != EINTR)
		return host_refuse(t->o, t->folder, errno);
	if (!n && (pipe.revents & POLLHUP))
		t->ended = "pipe";
	return CLI_OK;
}

/* -------------------------------------------------------------------------- */

static int print_end(const struct trace *t)
{
	struct cli_out out = {0};
	int result;

	if (!t->list) {
		cli_note("%u events, %" PRIu64 " lost", t->events, t->lost);
		return CLI_OK;
	}
	result = cli_out_open(&out);
	if (!result)
		result = host_print_json(
			out.stream,
			json_pack("{s:O, s:I, s:s}", "events", t->list, "lost",
				  (json_int_t)t->lost, "ended", t->ended));
	if (!result)
		result = cli_out_close(&out);
	if (!result)
		result = cli_out_print(&out);
	cli_out_free(&out);
	return result;
}

static int run(struct trace *t)
{
	int result = host_need_module(t->o);
	int error;

	if (!result)
		result = find_tracefs(t);
	if (result)
		return result;
	hold_signals(t);
	error = take_instance(t);
	if (error)
		return refuse_instance(t, "", error);
	result = switch_on(t);
	clock_gettime(CLOCK_MONOTONIC, &t->until);
	t->until.tv_sec += t->o->seconds ? t->o->seconds : DEFAULT_SECONDS;
	while (!result && !t->ended)
		result = wait_for_events(t);
	return result;
}

int host_trace(const struct host_options *o)
{
	struct trace *t = calloc(1, sizeof *t);
	int result;

	if (!t)
		return host_no_memory();
	t->o = o;
	t->lock = -1;
	t->pipe = -1;
	t->most = o->lines ? o->lines : DEFAULT_LINES;
	t->list = o->json ? json_array() : NULL;
	result = o->json && !t->list ? host_no_memory() : run(t);
	restore(t);
	if (!result)
		result = print_end(t);
	json_decref(t->list);
	free(t);
	return result;
}
