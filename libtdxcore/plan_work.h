/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * What the files of the planner share. Nothing here is installed.
 *
 * The planner looks at memory through two sorted lists:
 *
 *   frag  RAM that could be TDX memory: convertible, at or above 1 MiB
 *   hard  what must be reserved where a TDMR covers it: holes between CMRs,
 *         and PAMT regions once they are placed
 *
 * Inside one TDMR the number of reserved areas is the number of groups of
 * hards that have no RAM in use between them. The bytes of RAM between two
 * neighbouring groups are a *gap*: giving a gap up joins the two groups. So
 * the cheapest way to obey the limit is to keep the largest gaps, which is
 * exact within one TDMR, and the price of any position of any PAMT can be
 * computed from its two neighbours.
 */
#ifndef TDXCORE_PLAN_WORK_H
#define TDXCORE_PLAN_WORK_H

#include <tdxcore/err.h>
#include <tdxcore/plan.h>
#include <tdxcore/version.h>

/* Up to this many GiB from the first to the last, every partition into TDMRs
 * is tried: 3^7 of them. */
#define TDXC_PLAN_SMALL_GIBS 7u
/* Blocks the dynamic program looks at; more are coarsened first. */
#define TDXC_PLAN_MAX_BLOCKS 256u
/* Largest gaps between blocks that coarsening keeps as possible borders. */
#define TDXC_PLAN_COARSE_GAPS 100u
/* With more pieces of RAM than this the first good place is taken. */
#define TDXC_PLAN_MANY_PIECES 1024u
/* Deepest search over places, in PAMT regions. */
#define TDXC_PLAN_MAX_DEPTH 64u
/* Nodes told apart when the node of a TDMR is chosen. */
#define TDXC_PLAN_MAX_NODES 64u

/* A piece of RAM that could be TDX memory. */
struct tdxc_plan_frag {
	uint64_t start;
	uint64_t end;
	uint64_t below; /* kept bytes below start */
	bool keep;	/* false: left out by TDXC_PLAN_ECONOMY */
};

/* What must be reserved. */
struct tdxc_plan_hard {
	uint64_t start;
	uint64_t end;
	uint64_t below;	 /* kept bytes below start, those under PAMTs too */
	uint64_t inside; /* kept bytes from start to end */
};

/* A run of whole GiBs that no sensible border divides. */
struct tdxc_plan_block {
	uint64_t start;
	uint64_t end;
	uint64_t ram; /* kept bytes */
	size_t hole;  /* first hard that ends above start */
};

/* One PAMT region. */
struct tdxc_plan_item {
	uint64_t bytes;
	uint32_t span; /* TDMR it serves */
	uint8_t level; /* enum tdxc_pamt_level */
	struct tdxc_range at;
};

/* The objective, most important first. */
struct tdxc_plan_score {
	uint64_t lost;
	uint64_t pamt_bytes;
	uint32_t tdmrs;
	uint32_t areas;
	uint32_t far;	 /* PAMT regions on another node than the TDMR's */
	uint64_t memory; /* RAM in use; not compared */
};

/* Keeps the `cap` largest values pushed; `rest` is the sum of the others. */
struct tdxc_plan_top {
	uint64_t *heap;
	size_t cap;
	size_t nr;
	uint64_t rest;
};

/* State of the dynamic program: the best for the first j blocks. */
struct tdxc_plan_cell {
	uint64_t lost;
	uint64_t pamt_bytes;
	uint32_t areas;
	uint32_t from; /* first block of the last TDMR; or TDXC_PLAN_SKIP */
};

#define TDXC_PLAN_SKIP UINT32_MAX

/* How to take a placed region out again. */
struct tdxc_plan_undo {
	struct tdxc_range piece;
	uint32_t index; /* into pieces */
	uint32_t hard;	/* into hards */
	bool split;
};

/* Walks the places worth trying for a region of one size, from the highest
 * piece of RAM down. */
struct tdxc_plan_spot {
	uint32_t left; /* pieces below and including the current one */
	uint32_t step;
	uint32_t span; /* first span that can have a border in the piece */
};

/* One level of the depth-first search over places. */
struct tdxc_plan_frame {
	struct tdxc_plan_spot spot;
	struct tdxc_plan_undo undo;
	uint32_t placed_left; /* spot of the region now placed: for symmetry */
	uint32_t placed_step;
	uint64_t useful_after; /* bytes that deeper levels can still save */
	bool placed;
};

/* TDMRs and where their PAMT regions lie. */
struct tdxc_plan_layout {
	struct tdxc_range *spans;
	struct tdxc_plan_item *items;
	uint32_t nr_spans;
	uint32_t nr_items;
	struct tdxc_plan_score score;
};

/* What a span costs with the PAMTs placed so far. */
struct tdxc_plan_span_state {
	uint64_t memory; /* RAM in use */
	uint32_t groups; /* areas it would like to have */
};

struct tdxc_plan_node_bytes {
	uint32_t node;
	uint64_t bytes;
};

struct tdxc_plan_work {
	const struct tdxc_plan_config *config;
	struct tdxc_plan_frag *frags;
	size_t nr_frags;
	uint64_t kept; /* bytes of all frags with keep */
	struct tdxc_plan_hard *hards;
	size_t nr_hards;
	struct tdxc_plan_hard *holes; /* the hards before any PAMT */
	size_t nr_holes;
	struct tdxc_range *pieces; /* RAM not under a PAMT; may be empty */
	uint32_t nr_pieces;
	struct tdxc_plan_block *blocks;
	size_t nr_blocks;
	size_t max_blocks;
	uint32_t max_spans;
	struct tdxc_plan_cell *cells;
	size_t dp_blocks; /* bounds of cells: */
	uint32_t dp_spans;
	uint64_t *heap;
	struct tdxc_plan_layout now;
	struct tdxc_plan_layout best;
	struct tdxc_plan_frame *frames;
	struct tdxc_plan_span_state *states;
	struct tdxc_plan_tdmr *tdmrs;
	struct tdxc_plan_memory *memory;
	struct tdxc_plan_excluded *excluded;
	struct tdxc_range *areas; /* reserved areas of all TDMRs */
	size_t nr_areas;
	struct tdxc_plan_node_bytes *nodes;
	uint64_t lost_no_pamt; /* least loss if PAMTs lay elsewhere */
	uint64_t budget;       /* steps the search may still take */
	bool small;	       /* blocks are single GiBs, gaps included */
	bool coarse;	       /* blocks were coarsened: no bound from them */
};

/* plan_input.c */
bool tdxc_plan_counts_ok_(const struct tdxc_plan_config *config);
int tdxc_plan_validate_(const struct tdxc_plan_config *config,
			struct tdxc_plan_fault *fault);
size_t tdxc_plan_carve_(const struct tdxc_plan_config *config,
			struct tdxc_plan_work *w);
void tdxc_plan_read_memory_(struct tdxc_plan_work *w);
void tdxc_plan_build_blocks_(struct tdxc_plan_work *w, uint64_t max_gibs);

/* plan_cost.c */
size_t tdxc_plan_first_frag_(const struct tdxc_plan_work *w, uint64_t addr);
uint64_t tdxc_plan_kept_below_(const struct tdxc_plan_work *w, uint64_t addr);
uint64_t tdxc_plan_kept_in_(const struct tdxc_plan_work *w,
			    struct tdxc_range r);
uint64_t tdxc_plan_span_pamt_(const struct tdxc_plan_work *w,
			      struct tdxc_range span);
void tdxc_plan_top_init_(struct tdxc_plan_top *top, uint64_t *heap, size_t cap);
void tdxc_plan_top_push_(struct tdxc_plan_top *top, uint64_t value);
size_t tdxc_plan_first_hard_(const struct tdxc_plan_work *w, uint64_t addr);
uint64_t tdxc_plan_hard_gap_(const struct tdxc_plan_hard *a,
			     const struct tdxc_plan_hard *b);
struct tdxc_plan_span_state
tdxc_plan_span_state_(const struct tdxc_plan_work *w, struct tdxc_range span);
void tdxc_plan_evaluate_(const struct tdxc_plan_work *w,
			 struct tdxc_plan_score *score);
int tdxc_plan_score_compare_(const struct tdxc_plan_score *a,
			     const struct tdxc_plan_score *b);

/* plan_span.c */
bool tdxc_plan_spans_simple_(struct tdxc_plan_work *w, uint64_t max_gibs);
void tdxc_plan_spans_richest_(struct tdxc_plan_work *w, uint64_t max_gibs);
void tdxc_plan_spans_optimal_(struct tdxc_plan_work *w, uint64_t max_gibs);
uint64_t tdxc_plan_lost_floor_(struct tdxc_plan_work *w);

/* plan_put.c */
void tdxc_plan_put_(struct tdxc_plan_work *w, uint32_t piece,
		    struct tdxc_range at, struct tdxc_plan_undo *undo);
void tdxc_plan_take_back_(struct tdxc_plan_work *w,
			  const struct tdxc_plan_undo *undo);
void tdxc_plan_hards_reset_(struct tdxc_plan_work *w);
size_t tdxc_plan_hard_insert_(struct tdxc_plan_work *w, struct tdxc_range r);
void tdxc_plan_hard_remove_(struct tdxc_plan_work *w, size_t i);
uint32_t tdxc_plan_first_span_(const struct tdxc_plan_work *w, uint64_t addr);
void tdxc_plan_spot_init_(const struct tdxc_plan_work *w,
			  struct tdxc_plan_spot *spot);
bool tdxc_plan_spot_next_(const struct tdxc_plan_work *w, uint64_t bytes,
			  struct tdxc_plan_spot *spot, struct tdxc_range *at);

/* plan_place.c */
void tdxc_plan_items_reset_(struct tdxc_plan_work *w);
bool tdxc_plan_place_greedy_(struct tdxc_plan_work *w, bool optional);
uint32_t tdxc_plan_node_at_(const struct tdxc_plan_config *config,
			    uint64_t addr);
uint32_t tdxc_plan_span_node_(struct tdxc_plan_work *w, struct tdxc_range span);

/* plan_search.c */
void tdxc_plan_remember_(struct tdxc_plan_work *w);
bool tdxc_plan_search_places_(struct tdxc_plan_work *w);
bool tdxc_plan_search_spans_(struct tdxc_plan_work *w);

/* plan_seal.c */
void tdxc_plan_lay_areas_(struct tdxc_plan_work *w, struct tdxc_plan *plan);

#endif
