/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* A scenario's file, read whole. */
#include "scenario_parse.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int read_stream(FILE *f, struct scenario_reader *r, char *text,
		       size_t *len)
{
	errno = 0;
	*len = fread(text, 1, SCENARIO_MAX_BYTES + 1, f);
	if (ferror(f))
		return scenario_refuse(r,
				       "%s; expected a file that can be read",
				       strerror(errno));
	if (*len > SCENARIO_MAX_BYTES)
		return scenario_refuse(
			r, "larger than 1 MiB; expected a scenario");
	r->line = 1;
	if (*len == 0)
		return scenario_refuse(
			r, "the file is empty; expected a scenario");
	return MAP_OK;
}

static int open_and_read(const char *path, struct scenario_reader *r,
			 char *text, size_t *len)
{
	FILE *f = stdin;
	int err;

	if (strcmp(path, "-") != 0)
		f = fopen(path, "re");
	if (!f)
		return scenario_refuse(r,
				       "%s; expected a file that can be read",
				       strerror(errno));
	err = read_stream(f, r, text, len);
	if (f != stdin)
		(void)fclose(f);
	return err;
}

int scenario_read(const char *path, struct scenario *s, struct map_error *error)
{
	const char *name = strcmp(path, "-") == 0 ? "<stdin>" : path;
	char *text = malloc(SCENARIO_MAX_BYTES + 1);
	struct scenario_reader r;
	size_t len = 0;
	int err;

	memset(s, 0, sizeof *s);
	scenario_reader_init(&r, "", 0, name, error);
	err = text ? open_and_read(path, &r, text, &len)
		   : scenario_no_memory(&r);
	if (err == MAP_OK)
		err = scenario_parse(text, len, name, s, error);
	free(text);
	return err;
}
