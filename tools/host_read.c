/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * tdxcore host: files of sysfs, debugfs and the kernel's log, and what to do
 * where they cannot be read.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "host_cmd.h"

/* One read() of /dev/kmsg gives one record, which must fit. */
#define RECORD_BYTES (16u << 10)
#define MOST_BYTES   (64u << 20)
#define DEBUG_ROOT   "/sys/kernel/debug"
#define TRACE_ROOT   "/sys/kernel/tracing"

int host_no_memory(void)
{
	cli_error("out of memory");
	return CLI_INTERNAL;
}

char *host_path(const struct host_options *o, const char *path)
{
	char *full;

	return asprintf(&full, "%s%s", o->root, path) < 0 ? NULL : full;
}

/* --- texts ---------------------------------------------------------------- */

static int grow(char **text, size_t *room)
{
	char *more;

	*room = *room ? *room * 2 : 2 * RECORD_BYTES;
	more = *room <= MOST_BYTES ? realloc(*text, *room) : NULL;
	if (!more)
		return *room <= MOST_BYTES ? ENOMEM : EFBIG;
	*text = more;
	return 0;
}

/* /dev/kmsg ends with EAGAIN, and says EPIPE where it ran ahead of us. */
static int read_all(int fd, struct host_text *t)
{
	size_t size = 0;
	size_t room = 0;
	ssize_t n = 1;

	while (n != 0) {
		if (room - size <= RECORD_BYTES) {
			int error = grow(&t->text, &room);

			if (error)
				return error;
		}
		n = read(fd, t->text + size, room - size - 1);
		if (n > 0)
			size += (size_t)n;
		else if (n < 0 && errno == EPIPE)
			t->lost = true;
		else if (n < 0 && errno == EAGAIN)
			n = 0;
		else if (n < 0 && errno != EINTR)
			return errno;
	}
	t->text[size] = '\0';
	/* A text has none; what has some is shown to be damaged, not cut. */
	for (room = strlen(t->text); room < size; room++) {
		if (t->text[room] == '\0')
			t->text[room] = '?';
	}
	t->next = t->text;
	return 0;
}

int host_read(const struct host_options *o, const char *path,
	      struct host_text *t)
{
	bool is_input = !strcmp(path, "-");
	int error;
	int fd;

	memset(t, 0, sizeof *t);
	t->path = is_input ? strdup(path) : host_path(o, path);
	if (!t->path)
		return ENOMEM;
	fd = is_input ? dup(STDIN_FILENO)
		      : open(t->path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return errno;
	error = read_all(fd, t);
	close(fd);
	return error;
}

char *host_line(struct host_text *t)
{
	char *line = t->next;

	if (!line || !*line)
		return NULL;
	t->next = line + strcspn(line, "\n");
	if (*t->next)
		*t->next++ = '\0';
	t->line++;
	return line;
}

void host_text_free(struct host_text *t)
{
	free(t->path);
	free(t->text);
	memset(t, 0, sizeof *t);
}

int host_expected(const struct host_text *t, const char *what)
{
	cli_error("%s:%zu: %s was expected", t->path, t->line, what);
	return CLI_INPUT;
}

size_t host_words(char *line, char **words, size_t room)
{
	char *save = NULL;
	char *word = strtok_r(line, " \t", &save);
	size_t n = 0;

	for (; word && n < room; word = strtok_r(NULL, " \t", &save))
		words[n++] = word;
	return n;
}

bool host_number(const char *word, uint64_t *value)
{
	bool is_hex = word[0] == '0' && word[1] == 'x';
	const char *digits = is_hex ? word + 2 : word;
	size_t length = strlen(digits);
	char *end;

	if (!length || strspn(digits, is_hex ? "0123456789abcdefABCDEF"
					     : "0123456789") != length)
		return false;
	errno = 0;
	*value = strtoull(digits, &end, is_hex ? 16 : 10);
	return !errno;
}

/* --- single values -------------------------------------------------------- */

int host_read_value(const struct host_options *o, const char *path,
		    char **value)
{
	struct host_text t;
	int error = host_read(o, path, &t);
	int result = CLI_OK;
	char *line;

	*value = NULL;
	if (error) {
		result = host_refuse(o, path, error);
	} else {
		line = host_line(&t);
		*value = strdup(line ? line : "");
		if (!*value)
			result = host_no_memory();
	}
	host_text_free(&t);
	return result;
}

int host_read_number(const struct host_options *o, const char *path,
		     uint64_t *value)
{
	char *text;
	int result = host_read_value(o, path, &text);

	if (!result && !host_number(text, value)) {
		cli_error("%s%s:1: a number was expected", o->root, path);
		result = CLI_INPUT;
	}
	free(text);
	return result;
}

/* --- what is missing ------------------------------------------------------ */

/* Whether a folder below the root holds nothing: 0, or an errno value, with
 * ENOTEMPTY for one that holds something. */
static int look_into(const struct host_options *o, const char *path)
{
	char *full = host_path(o, path);
	DIR *folder = full ? opendir(full) : NULL;
	int found = folder || !full ? 0 : errno;
	struct dirent *entry;

	free(full);
	if (!folder)
		return found;
	while (!found && (entry = readdir(folder))) {
		if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, ".."))
			found = ENOTEMPTY;
	}
	closedir(folder);
	return found;
}

static bool is_below(const char *path, const char *folder)
{
	return !strncmp(path, folder, strlen(folder));
}

/* A file is not there; perhaps its file system is not. */
static const char *missing(const struct host_options *o, const char *path)
{
	bool is_debug = is_below(path, DEBUG_ROOT);
	int found;

	if (!is_debug && !is_below(path, TRACE_ROOT))
		return "is this the kernel that the module was loaded into?";
	found = look_into(o, is_debug ? DEBUG_ROOT : TRACE_ROOT);
	if (!found)
		return is_debug ? "debugfs is not mounted: mount -t debugfs "
				  "debugfs /sys/kernel/debug"
				: "tracefs is not mounted: mount -t tracefs "
				  "tracefs /sys/kernel/tracing";
	if (found == ENOENT)
		return is_debug ? "this kernel has no debugfs: "
				  "CONFIG_DEBUG_FS is off"
				: "this kernel has no tracefs: "
				  "CONFIG_FTRACE is off";
	if (found == EACCES)
		return "only root may read it: run this command as root";
	return "the module that is loaded does not have it";
}

const char *host_remedy(const struct host_options *o, const char *path,
			int error)
{
	switch (error) {
	case ENOENT:
	case ENOTDIR:
		return missing(o, path);
	case EACCES:
		return "only root may read it: run this command as root";
	case EPERM:
		return "the kernel denies it: not root, or locked down "
		       "(/sys/kernel/security/lockdown)";
	default:
		return "`tdxcore host log' may say more";
	}
}

int host_refuse(const struct host_options *o, const char *path, int error)
{
	if (error == ENOMEM)
		return host_no_memory();
	cli_error("%s%s: %s", o->root, path, strerror(error));
	cli_note("%s", host_remedy(o, path, error));
	return CLI_INPUT;
}

int host_need_module(const struct host_options *o)
{
	char *sysfs = host_path(o, "/sys/kernel");
	char *folder = host_path(o, HOST_SYSFS);
	int result = CLI_OK;

	if (!sysfs || !folder) {
		result = host_no_memory();
	} else if (access(sysfs, F_OK)) {
		cli_error("%s: %s", sysfs, strerror(errno));
		cli_note("sysfs is not mounted: mount -t sysfs sysfs /sys");
		result = CLI_INPUT;
	} else if (access(folder, F_OK)) {
		cli_error("the kernel module tdxcore is not loaded");
		cli_note("load it with `modprobe tdxcore' where DKMS has built "
			 "it, or with `insmod glue/linux/tdxcore.ko'; "
			 "docs/glue-linux.md says how to build it. If that was "
			 "refused, `tdxcore host log' may say why");
		result = CLI_INPUT;
	}
	free(folder);
	free(sysfs);
	return result;
}

/* --- printing ------------------------------------------------------------- */

json_t *host_hex(uint64_t value)
{
	return json_sprintf("0x%" PRIx64, value);
}

int host_put(json_t *object, const char *name, json_t *value)
{
	return json_object_set_new(object, name, value) ? host_no_memory()
							: CLI_OK;
}

json_t *host_append(json_t *list, json_t *value)
{
	if (!list) {
		json_decref(value);
		return NULL;
	}
	if (!json_array_append_new(list, value))
		return list;
	json_decref(list);
	return NULL;
}

int host_print_json(FILE *f, json_t *root)
{
	bool done = root && !json_dumpf(root, f, JSON_INDENT(2)) &&
		    fputc('\n', f) != EOF;

	json_decref(root);
	return done ? CLI_OK : host_no_memory();
}
