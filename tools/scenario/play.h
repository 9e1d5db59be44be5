/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * A scenario played on the software TDX platform: machine and module, TDs with
 * vCPUs on threads, a host that works beside them, and at the end of each TD
 * every byte that its guest wrote held against what was written.
 *
 *   play.c        from the first statement to the last
 *   play_td.c     TDs are built, and taken down
 *   play_guest.c  what vCPUs do, one thread each
 *   play_host.c   what the host does
 *   play_machine.c memory and processors that come and go
 *   play_unshare.c a guest's kernel ends: all its memory becomes private
 *   play_private.c what came of that
 *   play_tables.c the page tables it has
 *   play_end.c    the host's kernel ends: kexec, crash
 *   play_count.c  counters, expectations, the audit
 */
#ifndef TDXCORE_TOOLS_SCENARIO_PLAY_H
#define TDXCORE_TOOLS_SCENARIO_PLAY_H

#include <stdio.h>

#include "host.h"
#include "scenario.h"

#define PLAY_TEXT_BYTES 320

/* What to play, on what. */
struct play_request {
	const struct scenario *scenario;
	uint64_t seed;
	/* machine.map: what it says. */
	const struct tdxc_plan_ram *ram;
	size_t nr_ram;
	const struct tdxc_range *cmrs;
	size_t nr_cmrs;
	FILE *log; /* a line per statement, for people; NULL: none */
	/* After each statement, when nothing is under way; NULL: nobody. */
	void (*watch)(void *ctx, struct tdxc_sim_host *host, size_t line);
	void *ctx;
};

enum play_result {
	PLAY_RIGHT,
	PLAY_WRONG,	 /* see outcome.why */
	PLAY_NO_MACHINE, /* nothing was played; see outcome.why */
	PLAY_NO_MEMORY,	 /* of the computer that simulates */
};

struct play_outcome {
	enum play_result result;
	char why[PLAY_TEXT_BYTES]; /* the first thing wrong; "": nothing */
	size_t line;		   /* of the statement; 0: of none */
	uint64_t tds;
	uint64_t bytes_verified;
	uint64_t seamcalls[TDXC_SIM_PORT_LEAVES];
	uint64_t broadcasts;
	uint64_t retries;
	uint64_t quarantined;	     /* pages of 4 KiB, the most at a time */
	uint64_t quarantined_still;  /* at the end */
	char audit[PLAY_TEXT_BYTES]; /* "ok", or what is wrong */
	double seconds;
};

void scenario_play(const struct play_request *request,
		   struct play_outcome *outcome);

#endif
