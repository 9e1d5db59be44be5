/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * tdxcore plan: what its parts share. Other commands that work on a planned
 * machine take its options and its reading of them.
 *
 *   plan_options.c  the command line
 *   plan_machine.c  reads the inputs
 *   plan_cmd.c      plans, checks the result
 *   plan_text.c, plan_json.c, plan_svg.c
 *                   three ways to print a struct plan_report
 */
#ifndef TDXCORE_TOOLS_PLAN_CMD_H
#define TDXCORE_TOOLS_PLAN_CMD_H

#include <tdxcore/plan.h>

#include "cli.h"
#include "layout/layout.h"
#include "map/map.h"

/* Where the convertible memory comes from. */
enum plan_cmr_source {
	PLAN_CMRS_UNSAID, /* A JSON map's own, else as --cmr ram. */
	PLAN_CMRS_RAM,	  /* --cmr ram */
	PLAN_CMRS_SPAN,	  /* --cmr span */
	PLAN_CMRS_OPTION, /* --cmr BASE:SIZE */
	PLAN_CMRS_FILE,	  /* --cmr-file */
	PLAN_CMRS_MAP,	  /* The JSON map's own. Never an option. */
};

/* What the command line says. */
struct plan_options {
	const char *map; /* File, or "-". */
	enum plan_cmr_source cmr_source;
	const char *cmr_file;
	struct map_list cmrs;  /* As listed: options or file. */
	const char *numa_file; /* NULL: --node, or nothing. */
	struct map_list nodes;
	struct tdxc_limits limits;
	uint32_t flags;	 /* enum tdxc_plan_flags */
	const char *svg; /* NULL: none. */
	bool json;
	int result; /* CLI_OK, else what a bad file or range calls for. */
};

/* The options as a child of a command's argp; its input: struct plan_options
 * after plan_options_init(). An argument is the map, unless the parent takes
 * it. */
extern const struct argp plan_options_argp;
void plan_options_init(struct plan_options *o);
/* Once all is parsed. 0, or an exit code with a message printed. */
int plan_options_finish(struct plan_options *o);
void plan_options_free(struct plan_options *o);
/* A decimal number from 1 to `most`; all else is wrong usage. */
uint32_t plan_number(const struct argp_state *state, const char *option,
		     const char *text, size_t len, uint32_t most);
/* Print a map error as FILE:LINE: TEXT; returns the exit code for it. */
int plan_refuse(int result, const struct map_error *error);
/* Say so; returns CLI_INTERNAL. */
int plan_no_memory(void);

/* A planned machine. */
struct plan_report {
	const struct plan_options *options;
	struct map map;
	enum plan_cmr_source cmr_source;
	struct tdxc_range *cmrs; /* Owned; joined, ascending. */
	size_t nr_cmrs;
	struct tdxc_plan_ram *ram; /* Owned; whole pages, ascending. */
	size_t nr_ram;
	struct tdxc_plan_config config;
	struct tdxc_plan plan; /* Only lists and totals where infeasible. */
	void *scratch;	       /* Owned; what plan points into. */
	void *infos;	       /* Owned; TDMR_INFO array. */
	const char *reason;    /* Why there is no layout; "" where there is. */
	struct tdxc_plan_excluded *given_up; /* Owned; where infeasible. */
};

/* Fill map, RAM and CMRs from the options. 0, or an exit code with a message
 * printed. */
int plan_read_machine(struct plan_report *r, struct plan_options *o);
/* Fits any state, a zeroed one included. */
void plan_report_free(struct plan_report *r);

static inline bool plan_feasible(const struct plan_report *r)
{
	return !r->reason[0];
}

/* What firmware has of it too. */
struct layout_plan plan_layout(const struct plan_report *r);
/* TDMR_INFO number i, as the module reads it. */
const struct tdxc_tdmr_info *plan_info(const struct plan_report *r, size_t i);
/* Reserved areas of it in use. */
size_t plan_nr_reserved(const struct plan_report *r, size_t i);
/* RAM of all kinds. */
uint64_t plan_ram_bytes(const struct plan_report *r);

void plan_print_json(FILE *f, const struct plan_report *r);
void plan_print_text(FILE *f, const struct plan_report *r);
/* 0, or CLI_INTERNAL with a message. Feasible layouts only. */
int plan_print_svg(FILE *f, const struct plan_report *r);
/* The same, to the file of --svg. */
int plan_save_svg(const struct plan_report *r);

/* --- words for people (plan_text.c) -------------------------------------- */

/* Map, RAM and CMRs: what was read. */
void plan_print_machine(FILE *f, const struct plan_report *r);

/* Room for plan_size(). */
#define PLAN_SIZE_TEXT 24
/* "63.9 GiB": three digits that matter, or exact where that is as short. */
const char *plan_size(char text[PLAN_SIZE_TEXT], uint64_t bytes);
/* Nodes that have RAM in this range. */
size_t plan_count_nodes(const struct plan_report *r, struct tdxc_range in);
/* Room for plan_nodes(). */
#define PLAN_NODES_TEXT 32
/* "node 3", or "15 nodes", that TDMR number i has RAM of. */
const char *plan_nodes(char text[PLAN_NODES_TEXT], const struct plan_report *r,
		       size_t i);
/* Where the CMRs come from: "the RAM (--cmr ram)". */
const char *plan_cmr_source_text(const struct plan_report *r);

#endif
