/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * ELF cores: memory is in PT_LOAD segments at their physical addresses, CPU
 * registers and the kernel's own remarks in notes.
 */
#include <stdlib.h>
#include <string.h>

#include "dump.h"

#define EHDR_BYTES   64u
#define PHDR_BYTES   56u
#define SHDR_BYTES   64u
#define ET_CORE	     4u
#define EM_X86_64    62u
#define PT_LOAD	     1u
#define PT_NOTE	     4u
#define MANY_PHDRS   0xFFFFu /* the number is in section 0 */
#define MAX_SEGMENTS 65536u

/* The note of QEMU: a structure of 32-bit version and size, 18 registers, ten
 * segments of 24 bytes, CR0 to CR4. */
#define QEMU_CR3 (8u + 18 * 8 + 10 * 24 + 3 * 8)
#define QEMU_CR4 (QEMU_CR3 + 8)
#define CR4_LA57 (1ull << 12)

/* Where Linux maps its image. */
#define KERNEL_MAP 0xFFFFFFFF80000000ull

static uint64_t number(const uint8_t *at, unsigned bytes)
{
	uint64_t value = 0;

	while (bytes-- > 0)
		value = value << 8 | at[bytes];
	return value;
}

/* Whether [offset, offset + size) lies in the file. */
static bool inside(const struct dump *d, uint64_t offset, uint64_t size)
{
	return offset <= d->size && size <= d->size - offset;
}

bool dump_is_elf(const struct dump *d)
{
	return d->size >= 4 && memcmp(d->data, "\177ELF", 4) == 0;
}

/* ---- notes ---- */

static void use_qemu(struct dump *d, const uint8_t *desc, uint64_t size)
{
	/* Of the first CPU. */
	if (d->root_source == DUMP_ROOT_QEMU || size < QEMU_CR4 + 8)
		return;
	d->root = number(desc + QEMU_CR3, 8) & TDXC_PTE_PA_MASK;
	d->levels = number(desc + QEMU_CR4, 8) & CR4_LA57 ? 5 : 4;
	d->root_source = DUMP_ROOT_QEMU;
}

/* The number behind "KEY=" at the beginning of a line. */
static bool look_up(const char *text, size_t size, const char *key, int base,
		    uint64_t *value)
{
	size_t length = strlen(key);
	size_t at = 0;

	while (at + length < size) {
		const char *end = memchr(text + at, '\n', size - at);
		size_t line = end ? (size_t)(end - text) - at : size - at;
		char digits[32];

		if (line > length && memcmp(text + at, key, length) == 0 &&
		    line - length < sizeof digits) {
			memcpy(digits, text + at + length, line - length);
			digits[line - length] = '\0';
			*value = strtoull(digits, NULL, base);
			return true;
		}
		at += line + 1;
	}
	return false;
}

static void use_vmcoreinfo(struct dump *d, const uint8_t *desc, uint64_t size)
{
	const char *text = (const char *)desc;
	uint64_t table, base, five = 0;

	if (d->root_source != DUMP_ROOT_NONE)
		return;
	if (!look_up(text, (size_t)size, "SYMBOL(init_top_pgt)=", 16, &table) &&
	    !look_up(text, (size_t)size, "SYMBOL(swapper_pg_dir)=", 16, &table))
		return;
	if (!look_up(text, (size_t)size, "NUMBER(phys_base)=", 10, &base))
		return;
	(void)look_up(text, (size_t)size, "NUMBER(pgtable_l5_enabled)=", 10,
		      &five);
	d->root = (table - KERNEL_MAP + base) & TDXC_PTE_PA_MASK;
	d->levels = five ? 5 : 4;
	d->root_source = DUMP_ROOT_VMCOREINFO;
}

static bool is_named(const uint8_t *name, uint64_t size, const char *want)
{
	size_t length = strlen(want);

	/* With or without the final zero. */
	return (size == length || (size == length + 1 && name[length] == 0)) &&
	       memcmp(name, want, length) == 0;
}

static int read_notes(struct dump *d, uint64_t offset, uint64_t size)
{
	const uint8_t *at = d->data + offset;
	uint64_t left = size;

	while (left >= 12) {
		uint64_t name = number(at, 4);
		uint64_t desc = number(at + 4, 4);
		uint64_t name_room = (name + 3) & ~3ull;
		uint64_t desc_room = (desc + 3) & ~3ull;

		if (name == 0 && desc == 0)
			break; /* padding */
		if (name_room > left - 12 || desc > left - 12 - name_room)
			return dump_fail(d,
					 "a note at 0x%llx reaches beyond its "
					 "segment",
					 (unsigned long long)(at - d->data));
		if (is_named(at + 12, name, "QEMU"))
			use_qemu(d, at + 12 + name_room, desc);
		else if (is_named(at + 12, name, "VMCOREINFO"))
			use_vmcoreinfo(d, at + 12 + name_room, desc);
		if (desc_room > left - 12 - name_room)
			break;
		at += 12 + name_room + desc_room;
		left -= 12 + name_room + desc_room;
	}
	return 0;
}

/* ---- segments ---- */

static int add_segment(struct dump *d, uint64_t pa, uint64_t offset,
		       uint64_t size)
{
	struct dump_segment *s = &d->segments[d->nr_segments];

	if (pa >> 52 != 0 || size > (1ull << 52) - pa)
		return dump_fail(d, "a segment at 0x%llx is beyond 2^52",
				 (unsigned long long)pa);
	s->pa = pa;
	s->offset = offset;
	s->size = size;
	d->nr_segments++;
	return 0;
}

static int read_phdr(struct dump *d, const uint8_t *ph)
{
	uint64_t type = number(ph, 4);
	uint64_t offset = number(ph + 8, 8);
	uint64_t pa = number(ph + 24, 8);
	uint64_t size = number(ph + 32, 8);

	if ((type != PT_LOAD && type != PT_NOTE) || size == 0)
		return 0;
	if (!inside(d, offset, size))
		return dump_fail(d,
				 "a segment of 0x%llx bytes at 0x%llx is not "
				 "in the file: was it cut off?",
				 (unsigned long long)size,
				 (unsigned long long)offset);
	return type == PT_LOAD ? add_segment(d, pa, offset, size)
			       : read_notes(d, offset, size);
}

static int count_phdrs(struct dump *d, uint64_t *n)
{
	uint64_t sections = number(d->data + 40, 8);

	*n = number(d->data + 56, 2);
	if (*n != MANY_PHDRS)
		return 0;
	if (sections == 0 || !inside(d, sections, SHDR_BYTES))
		return dump_fail(d, "no section says how many segments it has");
	*n = number(d->data + sections + 44, 4);
	return 0;
}

int dump_parse_elf(struct dump *d)
{
	uint64_t table, n, i;

	if (d->size < EHDR_BYTES || d->data[4] != 2 || d->data[5] != 1 ||
	    number(d->data + 16, 2) != ET_CORE ||
	    number(d->data + 18, 2) != EM_X86_64)
		return dump_fail(d, "an ELF core of an x86-64 machine was "
				    "expected");
	if (count_phdrs(d, &n))
		return -1;
	table = number(d->data + 32, 8);
	if (n == 0 || n > MAX_SEGMENTS ||
	    number(d->data + 54, 2) != PHDR_BYTES ||
	    !inside(d, table, n * PHDR_BYTES))
		return dump_fail(d,
				 "its table of %llu segments is not in the "
				 "file",
				 (unsigned long long)n);
	d->segments = calloc((size_t)n, sizeof *d->segments);
	if (!d->segments)
		return dump_fail(d, "out of memory");
	for (i = 0; i < n; i++) {
		if (read_phdr(d, d->data + table + i * PHDR_BYTES))
			return -1;
	}
	return 0;
}
