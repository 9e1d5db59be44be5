/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * Exhaustive search for the best layout of a small machine.
 *
 * One partition at a time: RAM fragments are cut at the borders of its TDMRs
 * into *cells*, and a walk over the cells from low to high addresses tries, in
 * every cell, every multiset of the PAMT regions not placed yet, at its left
 * end, at its right end, or over its right border, with the rest of the cell
 * in use or given up. Walks that agree on what lies ahead (regions left, bytes
 * of a region that protrude into the next cell, areas used so far in this TDMR,
 * whether the last area can still grow) are one: the cheaper survives.
 *
 * In a TDMR only three things matter (linux-host-tdx.md 5.8): H must be
 * reserved (a hole that is not convertible, or a PAMT), M is RAM in use, X may
 * be either. The areas needed are the groups of H with no M in between.
 */
#include "oracle.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define GIB	    (1ull << 30)
#define PAGE	    4096ull
#define LOW_END	    (1ull << 20)
#define MAX_CELLS   (ORACLE_MAX_FRAGS + ORACLE_MAX_GIBS + 1)
#define MAX_REGIONS (ORACLE_MAX_GIBS * TDXC_PAMT_LEVELS)
#define MAX_PARTS   4096
#define NOBODY	    (-1)
#define NONE	    UINT32_MAX

/* A way to cut the GiBs: owner of each, and what it costs at least. */
struct part {
	int8_t owner[ORACLE_MAX_GIBS];
	uint32_t nr_tdmrs;
	uint64_t pamt;
	uint64_t floor; /* uncovered RAM that PAMTs cannot fill */
};

/* A run of RAM with one owner. */
struct cell {
	uint64_t start;
	uint64_t end;
	int owner;
	unsigned frag;
	bool first;	/* of its TDMR */
	bool last;	/* of its TDMR */
	bool hole;	/* what lies before it in its TDMR must be reserved */
	bool tail_hole; /* and what lies behind it, if last */
	uint32_t ahead; /* cells of the TDMR from this one on */
};

/* A state of the walk, at the start of a cell. */
struct node {
	uint64_t over; /* bytes of a PAMT that protrude into this cell */
	uint64_t lost;
	uint32_t left; /* multiset of regions still to place */
	uint32_t groups;
	bool open; /* no RAM in use since the last H */
	uint8_t cell;
	/* how it came here */
	uint32_t parent;
	uint8_t from;	/* cell */
	uint32_t stack; /* multiset placed from the left, or: */
	bool to_right;	/* ... ending at the cell's end */
	uint32_t chain; /* multiset that ends at the start of this cell */
};

struct layer {
	uint32_t *nodes; /* indices */
	size_t nr;
	size_t room;
	uint32_t *hash;
	size_t buckets; /* power of two */
};

struct oracle {
	const struct tdxc_plan_config *config;
	struct oracle_answer *answer;
	/* the machine */
	struct tdxc_range frags[ORACLE_MAX_FRAGS];
	unsigned nr_frags;
	uint64_t base; /* first GiB */
	unsigned gibs;
	uint64_t total;
	/* the partition */
	const struct part *part;
	struct cell cells[MAX_CELLS];
	unsigned nr_cells;
	uint64_t uncovered_ahead[MAX_CELLS + 1];
	uint64_t room_ahead[MAX_CELLS + 1];
	/* its regions, as multisets: mixed radix numbers */
	uint64_t size[MAX_REGIONS];
	uint32_t count[MAX_REGIONS];
	uint32_t weight[MAX_REGIONS];
	unsigned nr_sizes;
	uint32_t nr_sets;
	uint64_t *set_bytes;
	uint64_t *set_largest;
	size_t set_room;
	/* the walk */
	uint64_t cap; /* more loss than this is of no interest */
	struct node *nodes;
	size_t nr_nodes;
	size_t node_room;
	struct layer layers[MAX_CELLS + 1];
};

/* ---- the machine ---------------------------------------------------- */

static bool convertible(const struct tdxc_plan_config *config, uint64_t start,
			uint64_t end)
{
	uint64_t at = start;
	size_t i;

	if (start < end && start < LOW_END)
		return false;
	for (i = 0; i < config->nr_cmrs && at < end; i++)
		if (config->cmrs[i].start <= at && at < config->cmrs[i].end)
			at = config->cmrs[i].end;
	return at >= end;
}

static bool oracle_frag(struct oracle *o, uint64_t start, uint64_t end)
{
	if (start < LOW_END)
		start = LOW_END;
	if (start >= end)
		return true;
	o->total += end - start;
	if (o->nr_frags && o->frags[o->nr_frags - 1].end == start) {
		o->frags[o->nr_frags - 1].end = end;
		return true;
	}
	if (o->nr_frags == ORACLE_MAX_FRAGS)
		return false;
	o->frags[o->nr_frags].start = start;
	o->frags[o->nr_frags++].end = end;
	return true;
}

static bool oracle_machine(struct oracle *o)
{
	const struct tdxc_plan_config *c = o->config;
	size_t i;
	size_t k;

	for (i = 0; i < c->nr_ram; i++) {
		uint64_t start = (c->ram[i].range.start + PAGE - 1) & -PAGE;
		uint64_t end = c->ram[i].range.end & -PAGE;

		for (k = 0; k < c->nr_cmrs; k++) {
			uint64_t s = c->cmrs[k].start;
			uint64_t e = c->cmrs[k].end;

			if (!oracle_frag(o, s > start ? s : start,
					 e < end ? e : end))
				return false;
		}
	}
	if (!o->nr_frags)
		return true;
	o->base = o->frags[0].start / GIB * GIB;
	if (o->frags[o->nr_frags - 1].end - o->base > ORACLE_MAX_GIBS * GIB)
		return false;
	o->gibs =
		(unsigned)((o->frags[o->nr_frags - 1].end - o->base + GIB - 1) /
			   GIB);
	return true;
}

/* ---- partitions ----------------------------------------------------- */

static uint64_t region_bytes(const struct tdxc_limits *l, unsigned level,
			     uint64_t gibs)
{
	static const uint64_t per_gib[] = {262144, 512, 1};
	uint64_t entries = gibs * per_gib[level];
	uint64_t bytes = entries * l->pamt_entry_size[level];

	if (level == TDXC_PAMT_4K && l->pamt_bitmap_bits)
		bytes = (entries * l->pamt_bitmap_bits + 7) / 8;
	return (bytes + PAGE - 1) & -PAGE;
}

static unsigned part_gibs(const struct oracle *o, const struct part *p,
			  int owner)
{
	unsigned n = 0;
	unsigned i;

	for (i = 0; i < o->gibs; i++)
		n += p->owner[i] == owner;
	return n;
}

static uint64_t part_uncovered(const struct oracle *o, const struct part *p)
{
	uint64_t sum = 0;
	unsigned i;
	unsigned k;

	for (i = 0; i < o->gibs; i++) {
		uint64_t lo = o->base + i * GIB;
		uint64_t hi = lo + GIB;

		for (k = 0; p->owner[i] == NOBODY && k < o->nr_frags; k++) {
			uint64_t s = o->frags[k].start;
			uint64_t e = o->frags[k].end;

			s = s > lo ? s : lo;
			e = e < hi ? e : hi;
			sum += s < e ? e - s : 0;
		}
	}
	return sum;
}

static void part_price(const struct oracle *o, struct part *p)
{
	uint64_t uncovered = part_uncovered(o, p);
	unsigned level;
	uint32_t t;

	p->pamt = 0;
	for (t = 0; t < p->nr_tdmrs; t++)
		for (level = 0; level < TDXC_PAMT_LEVELS; level++)
			p->pamt += region_bytes(&o->config->limits, level,
						part_gibs(o, p, (int)t));
	p->floor = uncovered > p->pamt ? uncovered - p->pamt : 0;
}

/* Digits of `code`: 0 uncovered, 1 a TDMR starts, 2 it continues. */
static bool part_decode(const struct oracle *o, struct part *p, uint32_t code)
{
	int owner = NOBODY;
	unsigned i;

	p->nr_tdmrs = 0;
	for (i = 0; i < o->gibs; i++, code /= 3) {
		if (code % 3 == 0)
			owner = NOBODY;
		else if (code % 3 == 1)
			owner = (int)p->nr_tdmrs++;
		else if (owner == NOBODY)
			return false;
		p->owner[i] = (int8_t)owner;
	}
	if (!p->nr_tdmrs || p->nr_tdmrs > o->config->limits.max_tdmrs)
		return false;
	part_price(o, p);
	return p->pamt < o->total;
}

static int part_compare(const void *a, const void *b)
{
	const struct part *x = a;
	const struct part *y = b;

	if (x->floor != y->floor)
		return x->floor < y->floor ? -1 : 1;
	if (x->pamt != y->pamt)
		return x->pamt < y->pamt ? -1 : 1;
	return (x->nr_tdmrs > y->nr_tdmrs) - (x->nr_tdmrs < y->nr_tdmrs);
}

static size_t oracle_partitions(const struct oracle *o, struct part *parts)
{
	uint32_t codes = 1;
	uint32_t code;
	size_t n = 0;
	unsigned i;

	for (i = 0; i < o->gibs; i++)
		codes *= 3;
	for (code = 0; code < codes; code++)
		if (part_decode(o, &parts[n], code))
			n++;
	qsort(parts, n, sizeof(*parts), part_compare);
	return n;
}

/* ---- cells ---------------------------------------------------------- */

static int owner_at(const struct oracle *o, uint64_t at)
{
	return o->part->owner[(at - o->base) / GIB];
}

static void oracle_cut(struct oracle *o)
{
	unsigned k;

	o->nr_cells = 0;
	for (k = 0; k < o->nr_frags; k++) {
		uint64_t at = o->frags[k].start;

		while (at < o->frags[k].end) {
			struct cell *c = &o->cells[o->nr_cells++];
			uint64_t next = at / GIB * GIB + GIB;

			memset(c, 0, sizeof(*c));
			c->start = at;
			c->owner = owner_at(o, at);
			c->frag = k;
			while (next < o->frags[k].end &&
			       owner_at(o, next) == c->owner)
				next += GIB;
			c->end =
				next < o->frags[k].end ? next : o->frags[k].end;
			at = c->end;
		}
	}
}

static struct tdxc_range tdmr_range(const struct oracle *o, int owner)
{
	struct tdxc_range r = {0, 0};
	unsigned i;

	for (i = 0; i < o->gibs; i++) {
		if (o->part->owner[i] != owner)
			continue;
		if (r.end == 0)
			r.start = o->base + i * GIB;
		r.end = o->base + (i + 1) * GIB;
	}
	return r;
}

/* Which cells begin and end a TDMR, and what lies between them. */
static void oracle_link(struct oracle *o)
{
	unsigned i;

	for (i = 0; i < o->nr_cells; i++) {
		struct cell *c = &o->cells[i];
		const struct cell *before = i ? c - 1 : NULL;
		const struct cell *after = i + 1 < o->nr_cells ? c + 1 : NULL;
		struct tdxc_range t;

		if (c->owner == NOBODY)
			continue;
		t = tdmr_range(o, c->owner);
		c->first = !before || before->owner != c->owner;
		c->last = !after || after->owner != c->owner;
		c->hole = !convertible(
			o->config, c->first ? t.start : before->end, c->start);
		c->tail_hole =
			c->last && !convertible(o->config, c->end, t.end);
	}
	for (i = o->nr_cells; i-- > 0;)
		o->cells[i].ahead =
			o->cells[i].last || o->cells[i].owner == NOBODY
				? 1
				: o->cells[i + 1].ahead + 1;
}

static void oracle_cells(struct oracle *o)
{
	unsigned i;

	oracle_cut(o);
	oracle_link(o);
	o->uncovered_ahead[o->nr_cells] = 0;
	o->room_ahead[o->nr_cells] = 0;
	for (i = o->nr_cells; i-- > 0;) {
		uint64_t bytes = o->cells[i].end - o->cells[i].start;

		o->room_ahead[i] = o->room_ahead[i + 1] + bytes;
		o->uncovered_ahead[i] =
			o->uncovered_ahead[i + 1] +
			(o->cells[i].owner == NOBODY ? bytes : 0);
	}
}

/* ---- multisets of regions ------------------------------------------- */

static void regions_add(struct oracle *o, uint64_t bytes)
{
	unsigned i;

	for (i = 0; i < o->nr_sizes; i++)
		if (o->size[i] == bytes)
			break;
	if (i == o->nr_sizes) {
		o->size[i] = bytes;
		o->count[i] = 0;
		o->nr_sizes++;
	}
	o->count[i]++;
}

static void oracle_regions(struct oracle *o)
{
	unsigned level;
	uint32_t set;
	uint32_t t;
	unsigned i;

	o->nr_sizes = 0;
	for (t = 0; t < o->part->nr_tdmrs; t++)
		for (level = 0; level < TDXC_PAMT_LEVELS; level++)
			regions_add(
				o, region_bytes(&o->config->limits, level,
						part_gibs(o, o->part, (int)t)));
	o->nr_sets = 1;
	for (i = 0; i < o->nr_sizes; i++) {
		o->weight[i] = o->nr_sets;
		o->nr_sets *= o->count[i] + 1;
	}
	if (o->set_room < o->nr_sets) {
		o->set_room = o->nr_sets;
		o->set_bytes = realloc(o->set_bytes, o->set_room * 8);
		o->set_largest = realloc(o->set_largest, o->set_room * 8);
		if (!o->set_bytes || !o->set_largest)
			abort();
	}
	for (set = 0; set < o->nr_sets; set++) {
		o->set_bytes[set] = 0;
		o->set_largest[set] = 0;
		for (i = 0; i < o->nr_sizes; i++) {
			uint32_t n = set / o->weight[i] % (o->count[i] + 1);

			o->set_bytes[set] += n * o->size[i];
			if (n && o->size[i] > o->set_largest[set])
				o->set_largest[set] = o->size[i];
		}
	}
}

static bool set_within(const struct oracle *o, uint32_t part, uint32_t whole)
{
	unsigned i;

	for (i = 0; i < o->nr_sizes; i++) {
		uint32_t radix = o->count[i] + 1;

		if (part / o->weight[i] % radix > whole / o->weight[i] % radix)
			return false;
	}
	return true;
}

/* ---- the walk: what areas a TDMR needs ------------------------------- */

static void walk_h(struct node *n)
{
	n->groups += !n->open;
	n->open = true;
}

static void walk_m(struct node *n)
{
	n->open = false;
}

static void walk_enter(struct node *n, const struct cell *c)
{
	if (c->first || c->owner == NOBODY) {
		n->groups = 0;
		n->open = false;
	}
	if (c->hole)
		walk_h(n);
}

static void walk_leave(struct node *n, const struct cell *c)
{
	if (c->tail_hole)
		walk_h(n);
}

/* ---- the walk: states ----------------------------------------------- */

static void layer_reset(struct layer *l)
{
	l->nr = 0;
	if (!l->hash) {
		l->buckets = 1024;
		l->hash = malloc(l->buckets * sizeof(*l->hash));
		if (!l->hash)
			abort();
	}
	memset(l->hash, 0xff, l->buckets * sizeof(*l->hash));
}

static size_t node_hash(const struct node *n)
{
	uint64_t h = n->left * 0x9e3779b97f4a7c15ull;

	h = (h ^ n->groups) * 0xbf58476d1ce4e5b9ull;
	h = (h ^ (n->over >> 12) ^ ((uint64_t)n->open << 60)) *
	    0x94d049bb133111ebull;
	return (size_t)(h ^ (h >> 29));
}

static bool node_same(const struct node *a, const struct node *b)
{
	return a->left == b->left && a->over == b->over &&
	       a->groups == b->groups && a->open == b->open;
}

static void layer_grow(struct oracle *o, struct layer *l)
{
	size_t i;

	l->buckets *= 2;
	free(l->hash);
	l->hash = malloc(l->buckets * sizeof(*l->hash));
	if (!l->hash)
		abort();
	memset(l->hash, 0xff, l->buckets * sizeof(*l->hash));
	for (i = 0; i < l->nr; i++) {
		size_t at = node_hash(&o->nodes[l->nodes[i]]);

		while (l->hash[at & (l->buckets - 1)] != NONE)
			at++;
		l->hash[at & (l->buckets - 1)] = l->nodes[i];
	}
}

static uint32_t node_new(struct oracle *o, const struct node *n)
{
	if (o->nr_nodes == o->node_room) {
		o->node_room = o->node_room ? o->node_room * 2 : 4096;
		o->nodes = realloc(o->nodes, o->node_room * sizeof(*o->nodes));
		if (!o->nodes)
			abort();
	}
	o->nodes[o->nr_nodes] = *n;
	return (uint32_t)o->nr_nodes++;
}

static void layer_append(struct oracle *o, struct layer *l, size_t bucket,
			 const struct node *n)
{
	if (l->nr == l->room) {
		l->room = l->room ? l->room * 2 : 256;
		l->nodes = realloc(l->nodes, l->room * sizeof(*l->nodes));
		if (!l->nodes)
			abort();
	}
	l->nodes[l->nr] = node_new(o, n);
	l->hash[bucket] = l->nodes[l->nr++];
	if (l->nr * 2 > l->buckets)
		layer_grow(o, l);
}

/* A state may be too bad to be kept; and only the cheapest of its kind is. */
static bool node_hopeless(const struct oracle *o, unsigned cell,
			  const struct node *n)
{
	uint64_t bytes = o->set_bytes[n->left];
	uint64_t fill = bytes + n->over;
	uint64_t bare = o->uncovered_ahead[cell];

	if (fill > o->room_ahead[cell])
		return true;
	return n->lost + (bare > fill ? bare - fill : 0) > o->cap;
}

/* Areas that cannot run out any more need not be told apart. */
static void node_normalise(const struct oracle *o, unsigned cell,
			   struct node *n)
{
	uint32_t max = o->config->limits.max_reserved;
	uint32_t need;

	if (cell == o->nr_cells || o->cells[cell].first ||
	    o->cells[cell].owner == NOBODY) {
		n->groups = 0;
		n->open = false;
		return;
	}
	need = 2 * o->cells[cell].ahead + 1;
	if (n->groups + need <= max)
		n->groups = max - need;
}

static void oracle_reach(struct oracle *o, unsigned cell, struct node *n)
{
	struct layer *l = &o->layers[cell];
	size_t at;

	n->cell = (uint8_t)cell;
	node_normalise(o, cell, n);
	if (node_hopeless(o, cell, n))
		return;
	for (at = node_hash(n);; at++) {
		uint32_t i = l->hash[at & (l->buckets - 1)];

		if (i == NONE)
			break;
		if (node_same(&o->nodes[i], n)) {
			if (n->lost < o->nodes[i].lost)
				o->nodes[i] = *n;
			return;
		}
	}
	layer_append(o, l, at & (l->buckets - 1), n);
}

/* ---- the walk: what can be done in a cell ---------------------------- */

/* What one step tries. */
struct step {
	struct node next; /* state, as far as the step got */
	unsigned cell;
	uint64_t bytes; /* of the cell */
	uint64_t used;	/* from its left end, by what protrudes and `stack` */
};

static bool step_fits(const struct oracle *o, const struct node *n)
{
	return n->groups <= o->config->limits.max_reserved;
}

static void step_done(struct oracle *o, struct step *s, unsigned to)
{
	walk_leave(&s->next, &o->cells[s->cell]);
	if (step_fits(o, &s->next))
		oracle_reach(o, to, &s->next);
}

/* PAMT up to the right border of the cell, and perhaps beyond. */
static void step_full(struct oracle *o, struct step s)
{
	bool ends = s.cell + 1 == o->nr_cells ||
		    o->cells[s.cell + 1].frag != o->cells[s.cell].frag;

	if (s.used > s.bytes && ends)
		return;
	walk_h(&s.next);
	s.next.over = s.used - s.bytes;
	step_done(o, &s, s.cell + 1);
}

/* PAMT at the left end (or none), the rest in use or given up. */
static void step_left(struct oracle *o, struct step s, bool in_use)
{
	if (s.used)
		walk_h(&s.next);
	s.next.over = 0;
	if (in_use)
		walk_m(&s.next);
	else
		s.next.lost += s.bytes - s.used;
	step_done(o, &s, s.cell + 1);
}

/* RAM in use, then PAMT up to the right end. */
static void step_right(struct oracle *o, struct step s)
{
	walk_m(&s.next);
	walk_h(&s.next);
	s.next.over = 0;
	s.next.to_right = true;
	step_done(o, &s, s.cell + 1);
}

/*
 * A chain that ends at the start of cell `to` (or of the fragment's end),
 * fills all cells before that down to this one, and protrudes `into` bytes
 * into this one from the right.
 */
static void step_chain(struct oracle *o, struct step s, unsigned to,
		       uint64_t into, bool in_use)
{
	unsigned i;

	if (s.used)
		walk_h(&s.next);
	if (in_use)
		walk_m(&s.next);
	else
		s.next.lost += s.bytes - s.used - into;
	walk_h(&s.next);
	walk_leave(&s.next, &o->cells[s.cell]);
	if (!step_fits(o, &s.next))
		return;
	for (i = s.cell + 1; i < to; i++) {
		walk_enter(&s.next, &o->cells[i]);
		walk_h(&s.next);
		walk_leave(&s.next, &o->cells[i]);
		if (!step_fits(o, &s.next))
			return;
	}
	s.next.over = 0;
	oracle_reach(o, to, &s.next);
}

static void step_chains(struct oracle *o, const struct step *s)
{
	const struct cell *c = &o->cells[s->cell];
	uint32_t left = s->next.left;
	unsigned to;
	uint32_t set;

	for (to = s->cell + 2;
	     to <= o->nr_cells && o->cells[to - 1].frag == c->frag; to++) {
		uint64_t beyond = o->cells[to - 1].end - c->end;

		for (set = 1; set <= left; set++) {
			uint64_t bytes = o->set_bytes[set];
			struct step t = *s;

			if (bytes <= beyond ||
			    bytes - beyond > s->bytes - s->used ||
			    !set_within(o, set, left))
				continue;
			t.next.left = left - set;
			t.next.chain = set;
			step_chain(o, t, to, bytes - beyond, false);
			if (c->owner != NOBODY &&
			    bytes - beyond < s->bytes - s->used)
				step_chain(o, t, to, bytes - beyond, true);
		}
	}
}

/* Everything that can follow once `stack` is chosen. */
static void step_try(struct oracle *o, const struct step *s, uint64_t over)
{
	bool covered = o->cells[s->cell].owner != NOBODY;

	if (s->used >= s->bytes) {
		/* regions wholly beyond the border are the next cell's turn */
		if (!s->next.stack ||
		    o->set_largest[s->next.stack] > s->used - s->bytes)
			step_full(o, *s);
		return;
	}
	step_left(o, *s, false);
	if (covered)
		step_left(o, *s, true);
	if (covered && !over && s->next.stack)
		step_right(o, *s);
	if (over || !s->next.stack)
		step_chains(o, s);
}

static void oracle_expand(struct oracle *o, unsigned cell, uint32_t index)
{
	const struct cell *c = &o->cells[cell];
	struct node n = o->nodes[index];
	uint64_t over = n.over;
	uint32_t left = n.left;
	struct step s = {.cell = cell, .bytes = c->end - c->start};
	uint32_t set;

	o->answer->nodes++;
	if (n.lost > o->cap)
		return;
	walk_enter(&n, c);
	if (!step_fits(o, &n))
		return;
	n.parent = index;
	n.from = (uint8_t)cell;
	n.to_right = false;
	n.chain = 0;
	for (set = 0; set <= left; set++) {
		if (!set_within(o, set, left))
			continue;
		s.next = n;
		s.next.left = left - set;
		s.next.stack = set;
		s.used = over + o->set_bytes[set];
		step_try(o, &s, over);
	}
}

/* ---- from states back to addresses ----------------------------------- */

struct placed {
	uint64_t at[MAX_REGIONS];
	uint64_t bytes[MAX_REGIONS];
	unsigned nr;
};

static void placed_set(const struct oracle *o, struct placed *p, uint32_t set,
		       uint64_t at)
{
	unsigned i;
	uint32_t n;

	for (i = 0; i < o->nr_sizes; i++)
		for (n = set / o->weight[i] % (o->count[i] + 1); n; n--) {
			p->at[p->nr] = at;
			p->bytes[p->nr++] = o->size[i];
			at += o->size[i];
		}
}

static void oracle_trace(const struct oracle *o, uint32_t index,
			 struct placed *p)
{
	p->nr = 0;
	while (o->nodes[index].parent != NONE) {
		const struct node *n = &o->nodes[index];
		const struct node *parent = &o->nodes[n->parent];
		const struct cell *c = &o->cells[n->from];
		uint64_t at = c->start + parent->over;

		if (n->to_right)
			at = c->end - o->set_bytes[n->stack];
		placed_set(o, p, n->stack, at);
		if (n->chain)
			placed_set(o, p, n->chain,
				   o->cells[n->cell - 1].end -
					   o->set_bytes[n->chain]);
		index = n->parent;
	}
}

static uint64_t placed_take(struct placed *p, uint64_t bytes)
{
	unsigned i;

	for (i = 0; i < p->nr; i++)
		if (p->bytes[i] == bytes) {
			uint64_t at = p->at[i];

			p->nr--;
			p->at[i] = p->at[p->nr];
			p->bytes[i] = p->bytes[p->nr];
			return at;
		}
	abort();
}

static void oracle_record(struct oracle *o, uint32_t index)
{
	struct oracle_answer *a = o->answer;
	struct placed p;
	unsigned level;
	uint32_t t;

	a->verdict = ORACLE_SOLVED;
	a->lost_bytes = o->nodes[index].lost;
	a->pamt_bytes = o->part->pamt;
	a->nr_tdmrs = o->part->nr_tdmrs;
	oracle_trace(o, index, &p);
	for (t = 0; t < a->nr_tdmrs; t++) {
		struct oracle_tdmr *d = &a->tdmrs[t];

		d->range = tdmr_range(o, (int)t);
		for (level = 0; level < TDXC_PAMT_LEVELS; level++) {
			uint64_t bytes = region_bytes(
				&o->config->limits, level,
				(d->range.end - d->range.start) / GIB);

			d->pamt[level].start = placed_take(&p, bytes);
			d->pamt[level].end = d->pamt[level].start + bytes;
		}
	}
}

/* ---- all of it ------------------------------------------------------ */

static void oracle_search(struct oracle *o)
{
	struct node start = {.left = o->nr_sets - 1, .parent = NONE};
	uint32_t best = NONE;
	unsigned cell;
	size_t i;

	o->nr_nodes = 0;
	for (cell = 0; cell <= o->nr_cells; cell++)
		layer_reset(&o->layers[cell]);
	oracle_reach(o, 0, &start);
	for (cell = 0; cell < o->nr_cells; cell++)
		for (i = 0; i < o->layers[cell].nr; i++)
			oracle_expand(o, cell, o->layers[cell].nodes[i]);
	for (i = 0; i < o->layers[o->nr_cells].nr; i++) {
		uint32_t n = o->layers[o->nr_cells].nodes[i];

		if (o->nodes[n].left || o->nodes[n].over)
			continue;
		if (best == NONE || o->nodes[n].lost < o->nodes[best].lost)
			best = n;
	}
	o->answer->partitions++;
	if (best != NONE)
		oracle_record(o, best);
}

/* Set the most loss that would still be an improvement; false if none is. */
static bool oracle_cap(struct oracle *o)
{
	const struct oracle_answer *a = o->answer;
	bool cheaper;

	o->cap = o->total - o->part->pamt - 1; /* some RAM must be in use */
	if (a->verdict == ORACLE_SOLVED) {
		cheaper = o->part->pamt < a->pamt_bytes ||
			  (o->part->pamt == a->pamt_bytes &&
			   o->part->nr_tdmrs < a->nr_tdmrs);
		if (!cheaper && !a->lost_bytes)
			return false;
		if (o->cap > a->lost_bytes - !cheaper)
			o->cap = a->lost_bytes - !cheaper;
	}
	return o->part->floor <= o->cap;
}

static void oracle_release(struct oracle *o)
{
	unsigned i;

	for (i = 0; i <= MAX_CELLS; i++) {
		free(o->layers[i].nodes);
		free(o->layers[i].hash);
	}
	free(o->nodes);
	free(o->set_bytes);
	free(o->set_largest);
	free(o);
}

void oracle_solve(const struct tdxc_plan_config *config,
		  struct oracle_answer *answer)
{
	struct oracle *o = calloc(1, sizeof(*o));
	struct part *parts = calloc(MAX_PARTS, sizeof(*parts));
	size_t n;
	size_t i;

	if (!o || !parts)
		abort();
	memset(answer, 0, sizeof(*answer));
	answer->verdict = ORACLE_INFEASIBLE;
	o->config = config;
	o->answer = answer;
	if (!oracle_machine(o))
		answer->verdict = ORACLE_TOO_BIG;
	n = answer->verdict == ORACLE_TOO_BIG ? 0 : oracle_partitions(o, parts);
	for (i = 0; i < n; i++) {
		o->part = &parts[i];
		if (!oracle_cap(o))
			continue;
		oracle_cells(o);
		oracle_regions(o);
		oracle_search(o);
	}
	free(parts);
	oracle_release(o);
}

void oracle_print(FILE *f, const struct oracle_answer *a)
{
	static const char *const verdict[] = {"solved", "infeasible",
					      "too big"};
	unsigned level;
	uint32_t t;

	fprintf(f, "oracle: %s lost=%" PRIu64 " pamt=%" PRIu64 " tdmrs=%u\n",
		verdict[a->verdict], a->lost_bytes, a->pamt_bytes, a->nr_tdmrs);
	for (t = 0; t < a->nr_tdmrs; t++) {
		const struct oracle_tdmr *d = &a->tdmrs[t];

		fprintf(f, "  tdmr %u [%" PRIx64 ",%" PRIx64 ")", t,
			d->range.start, d->range.end);
		for (level = 0; level < TDXC_PAMT_LEVELS; level++)
			fprintf(f, " pamt%u [%" PRIx64 ",%" PRIx64 ")", level,
				d->pamt[level].start, d->pamt[level].end);
		fprintf(f, "\n");
	}
}
