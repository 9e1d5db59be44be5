/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * Messages, words, and output that appears whole or not at all.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"

static void complain(const char *kind, const char *format, va_list args)
{
	fprintf(stderr, "tdxcore: %s", kind);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
}

void cli_error(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	complain("", format, args);
	va_end(args);
}

void cli_note(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	complain("note: ", format, args);
	va_end(args);
}

size_t cli_word(const char *arg, size_t n, const char *(*word_at)(size_t i))
{
	size_t i;

	for (i = 0; i < n && strcmp(word_at(i), arg) != 0; i++)
		;
	return i;
}

int cli_out_open(struct cli_out *out)
{
	out->text = NULL;
	out->size = 0;
	out->stream = open_memstream(&out->text, &out->size);
	if (out->stream)
		return CLI_OK;
	cli_error("out of memory");
	return CLI_INTERNAL;
}

int cli_out_close(struct cli_out *out)
{
	int failed = ferror(out->stream);

	/* Closing flushes, and that may fail where every write succeeded.
	 * Glibc then gives the text up, and may still report success. */
	if (fclose(out->stream) || !out->text)
		failed = 1;
	out->stream = NULL;
	if (!failed)
		return CLI_OK;
	cli_error("out of memory");
	return CLI_INTERNAL;
}

int cli_out_print(const struct cli_out *out)
{
	if (fwrite(out->text, 1, out->size, stdout) == out->size &&
	    !fflush(stdout))
		return CLI_OK;
	cli_error("standard output: %s", strerror(errno));
	return CLI_INTERNAL;
}

int cli_out_save(const struct cli_out *out, const char *path)
{
	FILE *file = fopen(path, "w");
	bool failed;
	int error;

	if (!file) {
		cli_error("%s: %s", path, strerror(errno));
		return CLI_INTERNAL;
	}
	failed = fwrite(out->text, 1, out->size, file) != out->size;
	error = errno;
	if (fclose(file) && !failed) {
		failed = true;
		error = errno;
	}
	if (!failed)
		return CLI_OK;
	cli_error("%s: %s", path, strerror(error));
	return CLI_INTERNAL;
}

void cli_out_free(struct cli_out *out)
{
	if (out->stream)
		fclose(out->stream);
	free(out->text);
	memset(out, 0, sizeof *out);
}
