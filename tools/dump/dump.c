/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * A memory dump: opening it, and reading physical addresses.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "dump.h"

int dump_fail(struct dump *d, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(d->error, sizeof d->error, format, args);
	va_end(args);
	return -1;
}

/* ---- what RAM there is ---- */

static int make_ram(struct dump *d)
{
	size_t i;

	d->ram = calloc(d->nr_segments + 1, sizeof *d->ram);
	if (!d->ram)
		return dump_fail(d, "out of memory");
	for (i = 0; i < d->nr_segments; i++) {
		const struct dump_segment *s = &d->segments[i];
		struct tdxc_range r = {s->pa, s->pa + s->size};

		/* A part of a page is joined to its rest, if that is there. */
		d->ram[d->nr_ram++] = r;
	}
	tdxc_range_sort(d->ram, d->nr_ram);
	d->nr_ram = tdxc_range_join(d->ram, d->nr_ram);
	for (i = 0; i < d->nr_ram; i++)
		d->ram[i] = tdxc_range_trim(d->ram[i], TDXC_PAGE_SIZE);
	d->nr_ram = tdxc_range_join(d->ram, d->nr_ram);
	if (d->nr_ram == 0)
		return dump_fail(d, "no page of memory is in it");
	return 0;
}

static int parse_raw(struct dump *d)
{
	d->segments = calloc(1, sizeof *d->segments);
	if (!d->segments)
		return dump_fail(d, "out of memory");
	d->segments[0].size = d->size;
	d->nr_segments = 1;
	return 0;
}

static int parse(struct dump *d)
{
	int failed;

	if (d->size == 0)
		return dump_fail(d, "the file is empty");
	d->is_elf = dump_is_elf(d);
	failed = d->is_elf ? dump_parse_elf(d) : parse_raw(d);
	return failed ? failed : make_ram(d);
}

int dump_parse(struct dump *d, const void *data, size_t size)
{
	memset(d, 0, sizeof *d);
	d->data = data;
	d->size = size;
	return parse(d);
}

/* ---- the file ---- */

static int map_file(struct dump *d, int fd)
{
	struct stat st;
	void *data;

	if (fstat(fd, &st))
		return dump_fail(d, "%s", strerror(errno));
	if (!S_ISREG(st.st_mode))
		return dump_fail(d, "not a regular file");
	if (st.st_size == 0)
		return dump_fail(d, "the file is empty");
	data = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (data == MAP_FAILED)
		return dump_fail(d, "%s", strerror(errno));
	d->data = data;
	d->size = (size_t)st.st_size;
	d->mapped = true;
	return 0;
}

int dump_open(struct dump *d, const char *path)
{
	int failed;
	int fd;

	memset(d, 0, sizeof *d);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return dump_fail(d, "%s", strerror(errno));
	failed = map_file(d, fd);
	close(fd);
	return failed ? failed : parse(d);
}

void dump_close(struct dump *d)
{
	if (d->mapped)
		munmap((void *)(size_t)d->data, d->size);
	free(d->segments);
	free(d->ram);
	memset(d, 0, sizeof *d);
}

/* ---- reading ---- */

/* Bytes from an address up to the end of the segment that has it; cores hold
 * some memory twice. */
static uint64_t find(const struct dump *d, uint64_t pa, const uint8_t **at)
{
	size_t i;

	for (i = 0; i < d->nr_segments; i++) {
		const struct dump_segment *s = &d->segments[i];

		if (pa < s->pa || pa - s->pa >= s->size)
			continue;
		*at = d->data + s->offset + (pa - s->pa);
		return s->size - (pa - s->pa);
	}
	return 0;
}

bool dump_read(const struct dump *d, uint64_t pa, void *to, size_t size)
{
	uint8_t *out = to;

	while (size != 0) {
		const uint8_t *at;
		uint64_t n = find(d, pa, &at);

		if (n == 0)
			return false;
		if (n > size)
			n = size;
		memcpy(out, at, (size_t)n);
		out += n;
		pa += n;
		size -= (size_t)n;
	}
	return true;
}

uint64_t *dump_table(struct dump *d, uint64_t pa, uint32_t level)
{
	uint64_t *table = d->table[level];
	size_t i, j;

	if (!dump_read(d, pa, table, sizeof d->table[0]))
		return NULL;
	/* The file is little-endian, whatever this machine is. */
	for (i = 0; i < 512; i++) {
		const uint8_t *bytes = (const uint8_t *)(table + i);
		uint64_t entry = 0;

		for (j = 8; j-- > 0;)
			entry = entry << 8 | bytes[j];
		table[i] = entry;
	}
	return table;
}
