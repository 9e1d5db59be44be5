/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * Which format a text is in. The first that fits wins:
 *
 *     {                      ahead of everything else   JSON
 *     BIOS-e820:             anywhere in any line       boot log
 *     mem12, efi: mem12:     at the start of a line     EFI memory map
 *     START-END :            at the start of a line     /proc/iomem
 *     anything else                                     plain
 *
 * A boot log may hold EFI lines as well; the e820 map is what Linux goes by.
 * Comments (#) do not count. A text in no format at all ends up as plain, whose
 * message says what a line should look like.
 */
#include "parse.h"

static bool detect_json(struct map_cursor c)
{
	for (map_skip_blanks(&c); map_skip_word(&c, "\n");)
		map_skip_blanks(&c);
	return map_skip_word(&c, "{");
}

static bool detect_iomem(struct map_cursor c)
{
	uint64_t value;

	map_skip_blanks(&c);
	if (map_scan_hex(&c, &value) == MAP_SCAN_NONE ||
	    !map_skip_word(&c, "-"))
		return false;
	if (map_scan_hex(&c, &value) == MAP_SCAN_NONE)
		return false;
	map_skip_blanks(&c);
	return map_skip_word(&c, ":");
}

enum map_format map_detect(const char *text, size_t len)
{
	struct map_reader r;
	struct map_cursor c;
	bool efi = false;
	bool iomem = false;

	map_reader_init(&r, text, len, NULL, NULL);
	if (detect_json(r.rest))
		return MAP_JSON;
	while (map_reader_next_used(&r)) {
		c = r.line;
		if (map_skip_past(&c, "BIOS-e820:"))
			return MAP_BOOTLOG;
		efi = efi || map_efi_line(&c);
		iomem = iomem || detect_iomem(r.line);
	}
	if (efi)
		return MAP_EFI;
	return iomem ? MAP_IOMEM : MAP_PLAIN;
}

const char *map_format_name(enum map_format format)
{
	static const char *const names[] = {
		"Linux boot log", "plain memory map", "/proc/iomem",
		"EFI memory map", "layout in JSON",
	};

	return (size_t)format < MAP_NR_FORMATS ? names[format] : "?";
}
