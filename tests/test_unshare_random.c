/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * Random page tables beside a naive oracle: 4 and 5 levels, both polarities,
 * mixed sizes, holes, tables that are shared, outside RAM, or their own
 * ancestors, reserved bits. The oracle recurses and looks at one entry after
 * the other; what it says the scan must meet, in the same order, and what the
 * engine converts must be what it converts, each page once, with the same
 * tables left behind.
 *
 * TDXC_SEED repeats a run; TDXC_TEST_SCALE=percent: how many random tables.
 */
#include <tdxcore/err.h>
#include <tdxcore/unshare.h>
#include <tdxcore/version.h>

#include "unshare/guest.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof(array)[0])
#define ROUNDS	     100000u
#define FEWEST	     50u
#define TABLES	     10u
#define MAX_ENTRIES  6u
#define EVENTS	     65536u
#define MAX_ORDER    3u
#define PAGES_2M     64u /* memory of small and middle leaves */

/* Check's own macros write a line of log each time. */
#define MUST(condition)                                                        \
	do {                                                                   \
		if (!(condition))                                              \
			ck_abort_msg("%s", #condition);                        \
	} while (0)

static uint64_t state;

static uint64_t random_below(uint64_t n)
{
	state = state * 6364136223846793005ull + 1442695040888963407ull;
	return (state >> 33) % n;
}

static bool one_in(uint64_t n)
{
	return random_below(n) == 0;
}

static uint64_t from_env(const char *name, uint64_t otherwise)
{
	const char *text = getenv(name);

	return text ? strtoull(text, NULL, 0) : otherwise;
}

/* ---- random tables ---- */

static struct guest guest;
static struct tdxc_range ram[3];
static struct tdxc_scan_config config;
static bool malformed;

static uint64_t random_leaf(uint32_t level)
{
	uint64_t pa;
	uint64_t entry;

	if (level == 3)
		pa = random_below(8) << 30;
	else if (level == 2)
		pa = random_below(PAGES_2M) << 21;
	else
		pa = random_below(PAGES_2M * 512) << 12;
	entry = guest_leaf(&guest, pa, level, one_in(2));
	if (one_in(8))
		entry |= level > 1 ? TDXC_PTE_LARGE_PAT : TDXC_PTE_PS;
	if (one_in(8))
		entry ^= TDXC_PTE_PRESENT;
	if (one_in(4))
		entry ^= random_below(1 << 11) << 52;
	if (malformed && one_in(16))
		entry ^= 1ull << (12 + random_below(40));
	return entry;
}

static uint64_t random_pointer(uint32_t level)
{
	uint32_t n = 1 + (uint32_t)random_below(TABLES - 1);
	uint64_t entry;

	/* Tables of a level are a third of all; others make loops. */
	if (!malformed)
		n = 1 + (5 - level) * 2 + (uint32_t)random_below(2);
	entry = guest_table_entry(&guest, guest_table_pa(n));
	if (malformed && one_in(8))
		entry ^= 1ull << (12 + random_below(40));
	if (malformed && one_in(16))
		entry ^= 1ull << guest.shared_bit;
	if (malformed && one_in(16))
		entry |= TDXC_PTE_PS;
	return entry;
}

static uint64_t random_entry(uint32_t level)
{
	if (malformed && one_in(40))
		return random_below(1ull << 31) << 32 |
		       random_below(1ull << 31);
	if (level > 3 || (level > 1 && one_in(2)))
		return random_pointer(level);
	return random_leaf(level);
}

/* A few neighbours with addresses that go on, sometimes. */
static void random_entries(uint64_t *table, uint32_t level)
{
	uint32_t at = (uint32_t)random_below(512);
	uint64_t entry = random_entry(level);
	uint64_t step = 1ull << (12 + 9 * (level - 1));
	uint32_t n = level > 3 || one_in(2) ? 1 : 1 + (uint32_t)random_below(9);

	if (level > 1 && (entry & TDXC_PTE_PS) == 0)
		n = 1;
	for (; n > 0 && at < 512; n--, at++, entry += step)
		table[at] = entry;
}

static void random_tables(void)
{
	uint32_t levels = 4 + (uint32_t)random_below(2);
	uint32_t n, i;

	guest.levels = levels;
	guest.shared_bit = one_in(2) ? 51 : 47;
	guest.polarity = 1 + (uint32_t)random_below(2);
	guest.pa_bits = 46 + (uint32_t)random_below(7);
	malformed = one_in(2);
	guest.nr_tables = TABLES;
	guest_clear(&guest);
	for (n = 0; n < TABLES; n++) {
		/* In good tables the number says the level. */
		uint32_t level = n == 0 ? levels : 4 - (n - 1) / 2;

		if (n > 0 && level > 4)
			level = 1;
		if (n >= 9 || level == 0)
			level = 1;
		if (malformed && n > 0)
			level = 1 + (uint32_t)random_below(4);
		for (i = (uint32_t)random_below(MAX_ENTRIES); i > 0; i--)
			random_entries(guest_table(&guest, n), level);
		if (n == 0)
			random_entries(guest_table(&guest, 0), level);
	}
}

static void random_config(void)
{
	uint64_t bits = 12 + 9 * guest.levels;

	config = guest_scan(&guest);
	if (malformed || one_in(2)) {
		ram[0].start = 0;
		ram[0].end = random_below(9) << 30;
		ram[1].start = GUEST_TABLES_PA;
		ram[1].end = guest_table_pa(TABLES - (one_in(4) ? 1 : 0));
		config.ram = ram + (ram[0].end == 0);
		config.nr_ram = 2 - (ram[0].end == 0);
	}
	if (one_in(2))
		return;
	/* Around an entry of the root, or of a table below. */
	config.start = random_below(1ull << 31) << (bits - 31) & ~0xFFFull;
	if (config.start >> (bits - 1))
		config.start |= ~0ull << bits;
	if (one_in(2))
		config.end = config.start + (1 + random_below(1 << 22)) * 4096;
	if (config.end != 0 &&
	    (config.end <= config.start ||
	     ((config.end - 1) ^ config.start) >> (bits - 1)))
		config.end = 0;
}

/* ---- the oracle ---- */

struct met {
	uint64_t va, pa;
	uint32_t level, bad;
	bool shared;
};

static struct met met[EVENTS];
static size_t nr_met;

/* What it does with a leaf. */
typedef void visit(uint64_t *slot, const struct met *m);

struct walk {
	uint64_t *memory;
	uint64_t first, last; /* frames */
	uint64_t path[6];
	visit *leaf, *bad;
	bool all;
};

static bool oracle_in_ram(uint64_t pa, uint64_t size)
{
	size_t i;

	for (; config.nr_ram && size; size -= 4096, pa += 4096) {
		for (i = 0; i < config.nr_ram; i++)
			if (pa >= config.ram[i].start && pa < config.ram[i].end)
				break;
		if (i == config.nr_ram)
			return false;
		/* RAM ends at a whole GiB, but where the tables are. */
		if (size > 4096 && size % TDXC_SIZE_1G == 0 &&
		    config.ram[i].end % TDXC_SIZE_1G == 0) {
			size -= TDXC_SIZE_1G - 4096;
			pa += TDXC_SIZE_1G - 4096;
		}
	}
	return true;
}

static bool oracle_shared(uint64_t entry)
{
	bool set = entry >> guest.shared_bit & 1;

	if (entry == 0)
		return false;
	return guest.polarity == TDXC_SHARED_IS_SET ? set : !set;
}

/* Bits an address may have. */
static bool oracle_address_ok(uint64_t pa)
{
	uint32_t bit;

	for (bit = 12; bit < 52; bit++) {
		if (!(pa >> bit & 1) || bit == guest.shared_bit)
			continue;
		if (bit >= guest.pa_bits)
			return false;
		if (guest.polarity == TDXC_SHARED_IS_SET &&
		    bit > guest.shared_bit)
			return false;
	}
	return true;
}

static uint64_t oracle_pa(uint64_t entry)
{
	return entry & 0x000FFFFFFFFFF000ull & ~(1ull << guest.shared_bit);
}

static uint32_t oracle_leaf(uint64_t entry, uint32_t level, struct met *m)
{
	uint64_t size = 1ull << (12 + 9 * (level - 1));
	uint64_t pa = oracle_pa(entry);

	if (level > 1)
		pa &= ~0x1000ull;
	if (pa % size != 0 || !oracle_address_ok(pa))
		return TDXC_SCAN_RESERVED;
	if (m->shared && !oracle_in_ram(pa, size))
		return TDXC_SCAN_OUTSIDE;
	m->pa = pa;
	return TDXC_SCAN_GOOD;
}

static uint32_t oracle_table(const struct walk *w, uint64_t entry,
			     uint32_t level)
{
	uint64_t pa = oracle_pa(entry);
	uint32_t up;

	if (level > 3 && (entry & TDXC_PTE_PS))
		return TDXC_SCAN_TOO_LARGE;
	if (oracle_shared(entry))
		return TDXC_SCAN_TABLE_SHARED;
	if (!oracle_address_ok(pa))
		return TDXC_SCAN_RESERVED;
	if (!oracle_in_ram(pa, 4096))
		return TDXC_SCAN_OUTSIDE;
	for (up = level; up <= guest.levels; up++)
		if (w->path[up] == pa)
			return TDXC_SCAN_LOOP;
	/* No memory is there, RAM or not: the op says so. */
	if (pa < GUEST_TABLES_PA || pa >= guest_table_pa(TABLES))
		return TDXC_SCAN_NO_TABLE;
	return TDXC_SCAN_GOOD;
}

/* Depth at most 5. */
static void oracle_walk(struct walk *w, uint64_t pa, uint64_t frame,
			uint32_t level)
{
	uint64_t *table = w->memory + (pa - GUEST_TABLES_PA) / 8;
	uint64_t frames = 1ull << (9 * (level - 1));
	uint64_t bits = 12 + 9 * guest.levels;
	uint32_t i;

	w->path[level] = pa;
	for (i = 0; i < 512; i++, frame += frames) {
		uint64_t entry = table[i];
		struct met m = {0};

		if (entry == 0 || frame + frames <= w->first || frame > w->last)
			continue;
		m.va = frame << 12;
		if (m.va >> (bits - 1))
			m.va |= ~0ull << bits;
		m.level = level;
		m.shared = oracle_shared(entry);
		if (level == 1 || (level <= 3 && (entry & TDXC_PTE_PS))) {
			if (!m.shared && !(w->all && (entry & 1)))
				continue;
			m.bad = oracle_leaf(entry, level, &m);
		} else if (!(entry & 1)) {
			continue;
		} else {
			m.bad = oracle_table(w, entry, level);
			if (m.bad == TDXC_SCAN_GOOD) {
				oracle_walk(w, oracle_pa(entry), frame,
					    level - 1);
				continue;
			}
		}
		(m.bad ? w->bad : w->leaf)(&table[i], &m);
	}
}

static void oracle(uint64_t *memory, uint64_t from, uint64_t to, visit *leaf,
		   visit *bad, bool all)
{
	uint64_t mask = (1ull << (12 + 9 * guest.levels)) - 1;
	struct walk w = {0};

	w.memory = memory;
	w.first = (from & mask) >> 12;
	w.last = ((to - 1) & mask) >> 12;
	w.leaf = leaf;
	w.bad = bad;
	w.all = all;
	if (!oracle_in_ram(GUEST_ROOT_PA, 4096))
		return;
	oracle_walk(&w, GUEST_ROOT_PA, 0, guest.levels);
}

/* ---- the scan beside it ---- */

static void note(uint64_t *slot, const struct met *m)
{
	(void)slot;
	MUST(nr_met < EVENTS);
	met[nr_met++] = *m;
}

static uint64_t *read_table(void *ctx, uint64_t pa, uint32_t level)
{
	(void)ctx;
	(void)level;
	if (pa < GUEST_TABLES_PA || pa >= guest_table_pa(TABLES))
		return NULL;
	return guest_table(&guest, (uint32_t)((pa - GUEST_TABLES_PA) / 4096));
}

static const struct tdxc_scan_ops scan_ops = {TDXC_ABI, read_table};

static void compare_leaf(size_t i, const struct tdxc_scan_leaf *l, int event)
{
	MUST(i < nr_met);
	MUST(l->va == met[i].va);
	MUST(l->level == met[i].level);
	MUST(l->bad == met[i].bad);
	MUST(event == (met[i].bad ? TDXC_SCAN_BAD : TDXC_SCAN_LEAF));
	if (!met[i].bad) {
		MUST(l->pa == met[i].pa);
		MUST(l->shared == met[i].shared);
	}
}

static void compare_scan(uint32_t what)
{
	struct tdxc_scan scan;
	struct tdxc_scan_leaf leaf;
	size_t i = 0;
	int event;

	config.what = what;
	nr_met = 0;
	oracle(guest.memory, config.start, config.end, note, note,
	       what == TDXC_SCAN_MAPPED);
	MUST(tdxc_scan_begin(&scan, &config) == TDXC_OK);
	for (;; i++) {
		event = (int)tdxc_scan_next_leaf(&scan, &leaf);
		if (event == TDXC_SCAN_END)
			break;
		compare_leaf(i, &leaf, event);
		if (one_in(16))
			tdxc_scan_restart(&scan);
	}
	MUST(i == nr_met);
}

/* Runs hold the same leaves, and no two that could be one. */
static void compare_runs(void)
{
	struct tdxc_scan scan;
	struct tdxc_scan_run run, last = {0};
	size_t i = 0;
	int event;

	MUST(tdxc_scan_begin(&scan, &config) == TDXC_OK);
	while ((event = (int)tdxc_scan_next_run(&scan, &run)) !=
	       TDXC_SCAN_END) {
		uint64_t leaves[3] = {0};
		uint64_t done = 0;

		if (event == TDXC_SCAN_BAD) {
			compare_leaf(i++, &run.bad_entry, event);
			memset(&last, 0, sizeof last);
			continue;
		}
		MUST(last.pa.end == 0 || last.shared != run.shared ||
		     last.pa.end != run.pa.start ||
		     last.va + tdxc_range_size(last.pa) != run.va);
		for (; done < tdxc_range_size(run.pa); i++) {
			MUST(i < nr_met);
			MUST(met[i].va == run.va + done);
			MUST(met[i].pa == run.pa.start + done);
			MUST(met[i].shared == run.shared);
			leaves[met[i].level - 1]++;
			done += 1ull << (12 + 9 * (met[i].level - 1));
		}
		MUST(memcmp(leaves, run.leaves, sizeof leaves) == 0);
		last = run;
	}
	MUST(i == nr_met);
}

/* ---- the engine beside it ---- */

static struct tdxc_unshare_exclusion exclusions[4];
static size_t first_exclusion; /* of those in use */
static struct tdxc_unshare engine;
static struct tdxc_range converted[EVENTS], wanted[EVENTS];
static size_t nr_converted, nr_wanted;
static uint64_t *copy;
static uint32_t pass;
static uint64_t late_start, late_end;
static uint64_t kept_pages, bad_entries;
static uint32_t edit;
static uint64_t splits;
static uint32_t failing; /* conversions that fail or stop: 1 in so many */

static void random_exclusions(void)
{
	uint64_t at = 0;
	size_t i;

	for (i = 0; i < COUNT(exclusions); i++) {
		struct tdxc_unshare_exclusion *x = &exclusions[i];

		memset(x, 0, sizeof *x);
		at += random_below(PAGES_2M * 128);
		x->pa.start = at << 12;
		at += 1 + random_below(one_in(2) ? 2 : PAGES_2M * 64);
		x->pa.end = at << 12;
		x->order = (uint32_t)random_below(MAX_ORDER + 1);
	}
}

static uint32_t oracle_order(uint64_t pa, uint64_t size)
{
	uint32_t most = 0;
	size_t i;

	for (i = first_exclusion; i < COUNT(exclusions); i++) {
		const struct tdxc_unshare_exclusion *x = &exclusions[i];

		if (x->pa.start >= pa + size || x->pa.end <= pa)
			continue;
		if (x->order == 0)
			return UINT32_MAX;
		most = x->order > most ? x->order : most;
	}
	return most;
}

static void oracle_take(uint64_t *slot, const struct met *m)
{
	uint64_t size = 1ull << (12 + 9 * (m->level - 1));
	uint32_t order = oracle_order(m->pa, size);

	if (pass == 0 && order == UINT32_MAX) {
		kept_pages += size / 4096;
	} else if (pass == 0 && order != 0) {
		if (late_start == 0 && late_end == 0)
			late_start = m->va;
		late_end = m->va + size;
		if (late_end == 0)
			late_end = 1;
	}
	if (order != pass)
		return;
	*slot = edit == TDXC_UNSHARE_CLEAR ? 0
					   : *slot ^ 1ull << guest.shared_bit;
	MUST(nr_wanted < EVENTS);
	wanted[nr_wanted].start = m->pa;
	wanted[nr_wanted++].end = m->pa + size;
}

static void oracle_bad(uint64_t *slot, const struct met *m)
{
	(void)slot;
	(void)m;
	bad_entries += pass == 0;
}

static void oracle_unshare(void)
{
	nr_wanted = 0;
	kept_pages = 0;
	bad_entries = 0;
	late_start = 0;
	late_end = 0;
	pass = 0;
	oracle(copy, config.start, config.end, oracle_take, oracle_bad, false);
	if (late_end == 1)
		late_end = 0;
	else if (late_end == 0)
		return;
	for (pass = 1; pass <= MAX_ORDER; pass++)
		oracle(copy, late_start, late_end, oracle_take, oracle_bad,
		       false);
}

static uint64_t failed_pages;

static int convert(void *ctx, struct tdxc_range pa,
		   struct tdxc_unshare_done *done)
{
	(void)ctx;
	MUST(nr_converted < EVENTS);
	if (failing && one_in(failing)) {
		done->bytes = random_below(tdxc_range_size(pa) / 4096) * 4096;
		pa.end = pa.start + done->bytes;
		if (done->bytes)
			converted[nr_converted++] = pa;
		return one_in(2) ? TDXC_E_CANCELED : TDXC_E_IO;
	}
	converted[nr_converted++] = pa;
	return TDXC_OK;
}

static void flush(void *ctx)
{
	(void)ctx;
}

static int before(void *ctx, uint32_t order)
{
	(void)ctx;
	(void)order;
	return one_in(8) ? TDXC_E_BUSY : TDXC_OK;
}

static const struct tdxc_unshare_ops unshare_ops = {TDXC_ABI, convert, flush,
						    before};

static uint64_t sum(const struct tdxc_range *r, size_t n)
{
	uint64_t bytes = 0;
	size_t i;

	for (i = 0; i < n; i++)
		bytes += r[i].end - r[i].start;
	return bytes;
}

/* The same pages, each of them converted or failed once. */
static void compare_pages(void)
{
	uint64_t bytes;
	uint32_t i;

	for (i = 0; i < engine.nr_left; i++) {
		const struct tdxc_unshare_left *l = &engine.config.left[i];

		if (l->stage != TDXC_UNSHARE_CONVERT)
			continue;
		converted[nr_converted++] = l->pa;
	}
	bytes = sum(converted, nr_converted);
	tdxc_range_sort(converted, nr_converted);
	nr_converted = tdxc_range_join(converted, nr_converted);
	MUST(sum(converted, nr_converted) == bytes);
	tdxc_range_sort(wanted, nr_wanted);
	nr_wanted = tdxc_range_join(wanted, nr_wanted);
	MUST(nr_converted == nr_wanted);
	if (nr_wanted != 0)
		MUST(memcmp(converted, wanted, nr_wanted * sizeof *wanted) ==
		     0);
}

static void compare_engine(void)
{
	static struct tdxc_range batch[8], seen_ranges[EVENTS];
	static struct tdxc_unshare_left left[EVENTS];
	struct tdxc_tracker seen;
	struct tdxc_unshare_config c = {0};
	int err;

	random_exclusions();
	first_exclusion = random_below(5);
	edit = 1 + (uint32_t)random_below(2);
	failing = one_in(2) ? 0 : 1 + (uint32_t)random_below(6);
	memcpy(copy, guest.memory, TABLES * 4096);
	oracle_unshare();
	tdxc_tracker_init(&seen, seen_ranges, EVENTS);
	c.abi = TDXC_ABI;
	c.edit = edit;
	c.flush = 1 + (uint32_t)random_below(2);
	c.large = TDXC_LARGE_KEEP;
	c.scan = config;
	c.scan.what = TDXC_SCAN_SHARED;
	c.ops = &unshare_ops;
	c.exclusions = exclusions + first_exclusion;
	c.nr_exclusions = COUNT(exclusions) - first_exclusion;
	c.batch = batch;
	c.batch_room = 1 + (uint32_t)random_below(COUNT(batch));
	c.left = left;
	c.left_room = EVENTS;
	c.seen = &seen;
	c.max_chunk = one_in(2) ? 0 : (1 + random_below(1024)) << 12;
	if (c.max_chunk != 0 && c.max_chunk < TDXC_SIZE_2M)
		c.max_chunk += TDXC_SIZE_1G; /* few calls for 1 GiB */
	nr_converted = 0;
	MUST(tdxc_unshare_init(&engine, &c) == TDXC_OK);
	do
		err = tdxc_unshare_run(&engine);
	while (err == TDXC_E_CANCELED || err == TDXC_E_BUSY);
	MUST(engine.finished);
	MUST(engine.result.left[TDXC_UNSHARE_KEPT] == kept_pages);
	MUST(engine.result.left[TDXC_UNSHARE_WALK] == bad_entries);
	MUST(engine.result.lost == 0);
	failed_pages = engine.result.left[TDXC_UNSHARE_CONVERT];
	MUST(err == (failed_pages || bad_entries ? TDXC_E_IO : TDXC_OK));
	compare_pages();
	MUST(sum(wanted, nr_wanted) / 4096 ==
	     engine.result.converted + failed_pages);
	MUST(engine.result.found ==
	     engine.result.converted + failed_pages + kept_pages);
	MUST(memcmp(copy, guest.memory, TABLES * 4096) == 0);
}

/* ---- large leaves that are split ---- */

static bool is_never(uint64_t pa)
{
	size_t i;

	for (i = 0; i < COUNT(exclusions); i++)
		if (exclusions[i].order == 0 && exclusions[i].pa.start <= pa &&
		    pa < exclusions[i].pa.end)
			return true;
	return false;
}

/* Every shared page but those that are never converted. */
static void want_pages(void)
{
	struct tdxc_range shared[EVENTS / 16];
	size_t n = 0;
	size_t i;

	for (i = 0; i < nr_met; i++) {
		if (met[i].bad)
			continue;
		MUST(n < COUNT(shared));
		shared[n].start = met[i].pa;
		shared[n++].end =
			met[i].pa + (1ull << (12 + 9 * (met[i].level - 1)));
	}
	tdxc_range_sort(shared, n);
	n = tdxc_range_join(shared, n);
	nr_wanted = 0;
	kept_pages = 0;
	for (i = 0; i < n; i++) {
		uint64_t pa = shared[i].start;

		for (; pa < shared[i].end; pa += 4096) {
			if (is_never(pa)) {
				kept_pages++;
				continue;
			}
			MUST(nr_wanted < EVENTS);
			wanted[nr_wanted].start = pa;
			wanted[nr_wanted].end = pa + 4096;
			nr_wanted++;
			if (nr_wanted > 1 && wanted[nr_wanted - 2].end == pa) {
				nr_wanted--;
				wanted[nr_wanted - 1].end = pa + 4096;
			}
		}
	}
}

static void compare_split(void)
{
	static struct tdxc_range batch[8], seen_ranges[EVENTS];
	uint64_t spare[GUEST_TABLES - TABLES];
	struct tdxc_tracker seen;
	struct tdxc_unshare_config c = {0};
	uint32_t i;
	int err;

	for (i = 0; i < COUNT(spare); i++)
		spare[i] = guest_table_pa(TABLES + i);
	config.ops = NULL;
	config.nr_ram = 0;
	config.what = TDXC_SCAN_SHARED;
	random_exclusions();
	nr_met = 0;
	oracle(guest.memory, config.start, config.end, note, note, false);
	want_pages();
	bad_entries = 0;
	failing = 0;
	tdxc_tracker_init(&seen, seen_ranges, EVENTS);
	c.abi = TDXC_ABI;
	c.edit = 1 + (uint32_t)random_below(2);
	c.flush = TDXC_FLUSH_EARLY;
	c.large = TDXC_LARGE_SPLIT;
	c.scan = config;
	c.ops = &unshare_ops;
	c.exclusions = exclusions;
	c.nr_exclusions = COUNT(exclusions);
	c.batch = batch;
	c.batch_room = COUNT(batch);
	c.seen = &seen;
	c.tables = spare;
	c.nr_tables = COUNT(spare);
	nr_converted = 0;
	MUST(tdxc_unshare_init(&engine, &c) == TDXC_OK);
	do
		err = tdxc_unshare_run(&engine);
	while (err == TDXC_E_BUSY);
	MUST(err == TDXC_OK);
	splits += engine.result.splits;
	/* Leaves that are not present are not split. */
	if (engine.result.unsplit != 0)
		return;
	compare_pages();
	MUST(engine.result.converted == sum(wanted, nr_wanted) / 4096);
	MUST(engine.result.left[TDXC_UNSHARE_KEPT] >= kept_pages);
}

START_TEST(s004_1_random_tables_are_unshared_as_the_oracle_does)
{
	uint64_t rounds =
		ROUNDS * from_env("TDXC_TEST_SCALE", 100) / 100 + FEWEST;
	uint64_t round, seed;
	uint64_t leaves = 0, bads = 0;

	seed = from_env("TDXC_SEED", 1);
	printf("TDXC_SEED=%llu\n", (unsigned long long)seed);
	guest_new(&guest, 4, 51, TDXC_SHARED_IS_SET);
	copy = malloc(TABLES * 4096);
	MUST(copy != NULL);
	for (round = 0; round < rounds; round++) {
		state = seed + round;
		(void)random_below(1);
		random_tables();
		random_config();
		/* Good tables are reached by an offset, too. */
		if (malformed || one_in(2))
			config.ops = &scan_ops;
		compare_scan(TDXC_SCAN_SHARED);
		compare_scan(TDXC_SCAN_MAPPED);
		compare_runs();
		if (!malformed && one_in(12))
			compare_split();
		else
			compare_engine();
		leaves += engine.result.leaves;
		bads += bad_entries;
	}
	printf("%llu tables, %llu leaves unshared, %llu malformed entries\n",
	       (unsigned long long)rounds, (unsigned long long)leaves,
	       (unsigned long long)bads);
	MUST(leaves > rounds / 4);
	MUST(bads > rounds / 4);
	MUST(rounds < 1000 || splits > rounds / 300);
	free(copy);
	guest_free(&guest);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("unshare_random");
	TCase *t = tcase_create("random");
	SRunner *runner;
	int failed;

	tcase_add_test(t, s004_1_random_tables_are_unshared_as_the_oracle_does);
	suite_add_tcase(suite, t);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
