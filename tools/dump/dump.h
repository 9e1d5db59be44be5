/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * The memory of an x86-64 machine in a file: an ELF core as QEMU's
 * dump-guest-memory and kdump write it, else a raw image from address 0.
 *
 * Nothing in the file is believed: what lies outside it is an error when it is
 * opened, and after that no read leaves it.
 */
#ifndef TDXCORE_TOOLS_DUMP_H
#define TDXCORE_TOOLS_DUMP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <tdxcore/scan.h>

#define DUMP_ERROR_BYTES 160
#define DUMP_LEVELS	 6

/* A piece of memory. */
struct dump_segment {
	uint64_t pa;
	uint64_t offset; /* in the file */
	uint64_t size;
};

/* How the root of the page tables was learnt. */
enum dump_root {
	DUMP_ROOT_NONE,
	DUMP_ROOT_QEMU,	      /* A note of QEMU's, CPU 0. */
	DUMP_ROOT_VMCOREINFO, /* The kernel's own note. */
	DUMP_ROOT_FOUND,      /* A page that looks like it. */
	DUMP_ROOT_GIVEN,      /* By the caller. */
};

struct dump {
	const uint8_t *data; /* The file. */
	size_t size;
	bool is_elf;
	struct dump_segment *segments; /* Owned. In the file's order. */
	size_t nr_segments;
	struct tdxc_range *ram; /* Owned. Sorted, joined, whole pages. */
	size_t nr_ram;
	enum dump_root root_source;
	uint64_t root;	 /* Address of the root table. */
	uint32_t levels; /* 4 or 5; 0: not said. */
	char error[DUMP_ERROR_BYTES];
	bool mapped; /* data is a mapping */
	uint64_t table[DUMP_LEVELS][512];
};

/* 0, or -1 with d->error; dump_close() fits either. */
int dump_open(struct dump *d, const char *path);
/* The same for bytes in memory, which stay the caller's. */
int dump_parse(struct dump *d, const void *data, size_t size);
void dump_close(struct dump *d);

/* Copy memory; false where some of it is not in the file. */
bool dump_read(const struct dump *d, uint64_t pa, void *to, size_t size);
/* A table, in a buffer of its level; NULL where it is not in the file. */
uint64_t *dump_table(struct dump *d, uint64_t pa, uint32_t level);

/* Look for a page that may be the root of a kernel's tables. */
bool dump_find_root(struct dump *d);
/* The number of levels that makes more of a root. */
uint32_t dump_guess_levels(struct dump *d, uint64_t root);

/* For the files of this folder. */
int dump_fail(struct dump *d, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
int dump_parse_elf(struct dump *d);
bool dump_is_elf(const struct dump *d);

#endif
