/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * What a scan of a dump found, from the command to the printers.
 */
#ifndef TDXCORE_TOOLS_SCAN_CMD_H
#define TDXCORE_TOOLS_SCAN_CMD_H

#include <tdxcore/unshare.h>

#include "cli.h"
#include "dump/dump.h"

/* Malformed entries that are printed; all are counted. */
#define SCAN_MAX_BAD 16u

struct scan_runs {
	struct tdxc_scan_run *run; /* Owned. */
	size_t nr;
	size_t room;
};

struct scan_report {
	const char *path;
	const struct dump *dump;
	struct tdxc_scan_config config;
	struct scan_runs mapped; /* Where it was asked for. */
	struct scan_runs shared;
	uint64_t leaves[TDXC_LEVEL_1G];	       /* present or shared */
	uint64_t shared_leaves[TDXC_LEVEL_1G]; /* of those */
	uint64_t tables;
	uint64_t nr_bad;
	struct tdxc_scan_leaf bad[SCAN_MAX_BAD];
	struct tdxc_unshare_result unshare; /* What it would do. */
	bool list_mapped;
};

uint64_t scan_bytes(const uint64_t *leaves);
void scan_print_text(FILE *f, const struct scan_report *r);
int scan_print_json(FILE *f, const struct scan_report *r);

#endif
