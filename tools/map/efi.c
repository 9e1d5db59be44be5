/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * EFI memory maps, one descriptor per line:
 *
 *     mem00 START END TYPE                                  end excluded
 *     efi: mem00: [Conventional Memory|...] range=[0xA-0xB] (1MB)
 *     efi: mem00: type=7, attr=0xf, range=[0xA-0xB) (1MB)
 *
 * The second and third are what Linux logs with efi=debug, now and before 2015;
 * the closing bracket tells whether the end is included. TYPE is a number
 * (`type=7`) or a name, as Linux, UEFI or the UEFI shell spell it.
 *
 * Which types are RAM is known in ../layout, to firmware too.
 */
#include "parse.h"

#include <string.h>

#define EXPECTED                                                               \
	"\"memNN START END TYPE\" (hex, end excluded) or "                     \
	"\"memNN: ... range=[0xSTART-0xEND]\""
#define EFI_NR_TYPES	   16u
#define EFI_NR_SPELLINGS   4
#define EFI_SPELLING_BYTES 30

/* By type number; compared without blanks and case, "Efi" in front or not. */
static const char
	efi_names[EFI_NR_TYPES][EFI_NR_SPELLINGS][EFI_SPELLING_BYTES] = {
		{"Reserved", "ReservedMemoryType"},
		{"LoaderCode"},
		{"LoaderData"},
		{"BootCode", "BootServicesCode", "BS_Code"},
		{"BootData", "BootServicesData", "BS_Data"},
		{"RuntimeCode", "RuntimeServicesCode", "RT_Code"},
		{"RuntimeData", "RuntimeServicesData", "RT_Data"},
		{"ConventionalMemory", "Conventional", "Available"},
		{"UnusableMemory", "Unusable"},
		{"ACPIReclaimMemory", "ACPIReclaim", "ACPI_Recl"},
		{"ACPIMemoryNVS", "ACPIMemNVS", "ACPI_NVS"},
		{"MemoryMappedI/O", "MemoryMappedIO", "MMIO"},
		{"MMIOPortSpace", "MMIOPort", "MemoryMappedIOPortSpace",
		 "MMIO_Port"},
		{"PALCode"},
		{"PersistentMemory", "Persistent"},
		{"UnacceptedMemoryType", "UnacceptedMemory", "Unaccepted"},
};

/* What a line says about its range. */
struct efi_desc {
	struct map_cursor name; /* Type as the line spells it. */
	uint64_t type;
	bool specific_purpose;
};

bool map_efi_line(struct map_cursor *c)
{
	struct map_cursor at;
	uint64_t index;
	bool log;

	at = *c;
	log = map_skip_past(&at, "efi: mem");
	if (!log) {
		map_skip_blanks(&at);
		if (!map_skip_word(&at, "mem"))
			return false;
	}
	if (map_scan_decimal(&at, &index) != MAP_SCAN_OK)
		return false;
	if (!map_skip_word(&at, ":") && log)
		return false;
	*c = at;
	return true;
}

/* Copy without blanks; false when it does not fit. */
static bool efi_squeeze(struct map_cursor c, char *out, size_t bytes)
{
	size_t n = 0;

	for (; c.at < c.end; c.at++) {
		if (*c.at == ' ' || *c.at == '\t')
			continue;
		if (n + 1 >= bytes)
			return false;
		out[n++] = *c.at;
	}
	out[n] = '\0';
	return true;
}

static bool efi_type_by_name(struct map_cursor name, uint64_t *type)
{
	char squeezed[EFI_SPELLING_BYTES + 4];
	struct map_cursor c;
	size_t k;

	if (!efi_squeeze(name, squeezed, sizeof squeezed))
		return false;
	c.at = squeezed;
	c.end = squeezed + strlen(squeezed);
	if (!map_skip_word(&c, "Efi"))
		(void)map_skip_word(&c, "EFI");
	for (*type = 0; *type < EFI_NR_TYPES; (*type)++)
		for (k = 0; k < EFI_NR_SPELLINGS; k++)
			if (c.at < c.end &&
			    map_text_is(&c, efi_names[*type][k]))
				return true;
	return false;
}

static bool efi_type_by_number(struct map_cursor c, uint64_t *type)
{
	return map_skip_word(&c, "type=") &&
	       map_scan_decimal(&c, type) == MAP_SCAN_OK && map_at_end(&c);
}

/* The attribute is a column of its own in brackets, a bit of a number else. */
static bool efi_is_specific_purpose(struct map_cursor c)
{
	struct map_cursor number = c;
	uint64_t attributes;

	if (map_skip_past(&number, "attr="))
		return map_scan_hex(&number, &attributes) == MAP_SCAN_OK &&
		       (attributes & LAYOUT_EFI_SP) != 0;
	return map_skip_past(&c, "|SP|");
}

/* Type and attributes: `[NAME |..]`, `NAME (attr=..)`, `type=7, attr=..`. */
static bool efi_read_type(struct map_cursor c, struct efi_desc *d)
{
	map_skip_blanks(&c);
	(void)map_skip_word(&c, "[");
	d->specific_purpose = efi_is_specific_purpose(c);
	d->name.at = c.at;
	while (c.at < c.end && !memchr("|(,]", *c.at, 4))
		c.at++;
	d->name.end = c.at;
	while (d->name.end > d->name.at && d->name.end[-1] == ' ')
		d->name.end--;
	return efi_type_by_name(d->name, &d->type) ||
	       efi_type_by_number(d->name, &d->type);
}

static int efi_add(struct map_reader *r, struct map *map,
		   const struct tdxc_range *range, bool inclusive,
		   struct map_cursor type)
{
	struct efi_desc d;
	bool ram;
	int err;

	if (!efi_read_type(type, &d))
		return map_refuse_line(r, "an EFI memory type, as a number "
					  "(\"type=7\") or a name "
					  "(\"Conventional Memory\")");
	err = inclusive ? map_add_inclusive(r, &map->memory, range->start,
					    range->end)
			: map_add_exclusive(r, &map->memory, range->start,
					    range->end);
	if (err != MAP_OK)
		return err;
	ram = layout_efi_is_ram(d.type, d.specific_purpose ? LAYOUT_EFI_SP : 0);
	map_set_type(&map->memory, &d.name, ram);
	return MAP_OK;
}

/* Two numbers, with a dash between them or blanks; MAP_SCAN_NONE if not so. */
static enum map_scan efi_scan_range(struct map_cursor *c, bool dash,
				    struct tdxc_range *range)
{
	enum map_scan first;
	enum map_scan second;

	map_skip_blanks(c);
	first = map_scan_hex(c, &range->start);
	if (first == MAP_SCAN_NONE || (dash && !map_skip_word(c, "-")))
		return MAP_SCAN_NONE;
	map_skip_blanks(c);
	second = map_scan_hex(c, &range->end);
	return first == MAP_SCAN_OK || second == MAP_SCAN_NONE ? second : first;
}

/* A line of a log: the type stands ahead of the range. */
static int efi_log_line(struct map_reader *r, struct map *map,
			struct map_cursor c)
{
	struct map_cursor type = c;
	struct tdxc_range range;
	enum map_scan scan;
	bool inclusive;

	(void)map_skip_past(&c, "range=[");
	type.end = c.at - strlen("range=[");
	scan = efi_scan_range(&c, true, &range);
	inclusive = map_skip_word(&c, "]");
	if (scan == MAP_SCAN_NONE || (!inclusive && !map_skip_word(&c, ")")))
		return map_refuse_line(r, EXPECTED);
	if (scan == MAP_SCAN_BIG)
		return map_refuse_line(r, EXPECTED " of 64 bits at most");
	return efi_add(r, map, &range, inclusive, type);
}

/* START END TYPE. */
static int efi_bare_line(struct map_reader *r, struct map *map,
			 struct map_cursor c)
{
	struct tdxc_range range;
	enum map_scan scan;

	scan = efi_scan_range(&c, false, &range);
	map_skip_blanks(&c);
	if (scan == MAP_SCAN_NONE || map_at_end(&c))
		return map_refuse_line(r, EXPECTED);
	if (scan == MAP_SCAN_BIG)
		return map_refuse_line(r, EXPECTED " of 64 bits at most");
	return efi_add(r, map, &range, false, c);
}

/* In a log other lines are ignored; a file of bare lines has nothing else. */
int map_parse_efi(struct map_reader *r, struct map *map)
{
	bool log = map_text_has(r->rest.at, (size_t)(r->rest.end - r->rest.at),
				"range=[");
	struct map_cursor c;
	struct map_cursor range;
	int err = MAP_OK;

	while (err == MAP_OK && map_reader_next_used(r)) {
		c = r->line;
		if (!map_efi_line(&c)) {
			err = log ? MAP_OK : map_refuse_line(r, EXPECTED);
			continue;
		}
		range = c;
		err = map_skip_past(&range, "range=[")
			      ? efi_log_line(r, map, c)
			      : efi_bare_line(r, map, c);
	}
	return err;
}
