/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * Files for the parsers. A file is read whole: maps are small, and a parser
 * that sees all of it can tell the format. /proc and pipes do not know their
 * size, so it is found by reading.
 */
#include "parse.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define A_FILE "a file that can be read"
#define LINES  "the lines of a memory map or list"

struct file_text {
	char *text;
	size_t len;
};

static int refuse_file(const char *path, struct map_error *error, size_t line,
		       const char *why, const char *expected)
{
	struct map_reader r;

	map_reader_init(&r, "", 0, path, error);
	r.number = line;
	return map_refuse(&r, "%s; expected %s", why, expected);
}

static int no_memory(const char *path, struct map_error *error)
{
	struct map_reader r;

	map_reader_init(&r, "", 0, path, error);
	return map_refuse_memory(&r);
}

static int read_stream(FILE *f, const char *path, struct file_text *t,
		       struct map_error *error)
{
	size_t room = 0;
	size_t got;
	char *grown;

	do {
		if (t->len == room) {
			room = room ? room * 2 : 65536;
			grown = realloc(t->text, room);
			if (!grown)
				return no_memory(path, error);
			t->text = grown;
		}
		errno = 0;
		got = fread(t->text + t->len, 1, room - t->len, f);
		t->len += got;
		if (t->len > MAP_MAX_BYTES)
			return refuse_file(path, error, 0, "larger than 64 MiB",
					   LINES);
	} while (got > 0);
	if (ferror(f))
		return refuse_file(path, error, 0, strerror(errno), A_FILE);
	if (t->len == 0)
		return refuse_file(path, error, 1, "the file is empty", LINES);
	return MAP_OK;
}

static int read_path(const char *path, const char **name, struct file_text *t,
		     struct map_error *error)
{
	FILE *f = stdin;
	int err;

	t->text = NULL;
	t->len = 0;
	*name = path;
	if (strcmp(path, "-") == 0)
		*name = "<stdin>";
	else
		f = fopen(path, "re");
	if (!f && errno == ENOMEM)
		return no_memory(path, error);
	if (!f)
		return refuse_file(path, error, 0, strerror(errno), A_FILE);
	err = read_stream(f, *name, t, error);
	if (f != stdin)
		(void)fclose(f);
	if (err != MAP_OK) {
		free(t->text);
		t->text = NULL;
	}
	return err;
}

int map_read(const char *path, struct map *map, struct map_error *error)
{
	struct file_text t;
	const char *name;
	int err = read_path(path, &name, &t, error);

	if (err == MAP_OK)
		err = map_parse(t.text, t.len, name, map, error);
	else
		memset(map, 0, sizeof *map);
	free(t.text);
	return err;
}

int map_read_numa(const char *path, struct map_list *nodes,
		  struct map_error *error)
{
	struct file_text t;
	const char *name;
	int err = read_path(path, &name, &t, error);

	if (err == MAP_OK)
		err = map_parse_numa(t.text, t.len, name, nodes, error);
	else
		memset(nodes, 0, sizeof *nodes);
	free(t.text);
	return err;
}

int map_read_cmrs(const char *path, struct map_list *cmrs,
		  struct map_error *error)
{
	struct file_text t;
	const char *name;
	int err = read_path(path, &name, &t, error);

	if (err == MAP_OK)
		err = map_parse_cmrs(t.text, t.len, name, cmrs, error);
	else
		memset(cmrs, 0, sizeof *cmrs);
	free(t.text);
	return err;
}
