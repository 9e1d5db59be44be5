/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * Random conversions of the UEFI driver beside a host and a TDX module that
 * know of each page what it is. Leaves of three sizes, four levels and five;
 * the host does parts, and refuses; ACCEPT is busy, wants smaller pages, and
 * fails. After each call a walk that has nothing of the core's finds no page
 * mapped as what it is not, and after the end none shared but the exclusions
 * and what is listed.
 *
 * TDXC_SEED repeats a run; TDXC_TEST_SCALE=percent: how many rounds.
 */
#include <tdxcore/err.h>
#include <tdxcore/range.h>
#include <tdxcore/status.h>
#include <tdxcore/version.h>

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "Defects.h"
#include "Walk.h"

#define ROUNDS	 400u
#define FEWEST	 3u
#define CALLS	 30u
#define TABLES	 160u
#define NR_POOL	 140u
#define BYTES	 (TABLES * TDXC_PAGE_SIZE)
#define TABLE_PA 0x4000000000ull
#define PAGE	 TDXC_PAGE_SIZE
#define GIB	 TDXC_SIZE_1G
#define FLAGS	 0x63ull
#define REGIONS	 3u
#define BUSY	 0x8000020000000001ull
#define ALREADY	 0x00000B0A00000000ull
#define MISMATCH 0xC0000B0B00000000ull
#define WRONG	 0xC0000B0D00000001ull

/* Check's own macros write a line of log each time. */
#define MUST(condition)                                                        \
	do {                                                                   \
		if (!(condition))                                              \
			ck_abort_msg("%s", #condition);                        \
	} while (0)

enum what {
	PRIVATE,
	SHARED,
	PENDING, /* private, not accepted */
};

struct region {
	uint64_t start;
	uint64_t pages;
	uint32_t level;
	uint8_t *is; /* enum what, of each page */
	uint8_t *excluded;
};

static struct region regions[REGIONS] = {
	{1 * GIB, 0x40000, TDXC_LEVEL_1G, NULL, NULL},
	{4 * GIB, 16 * 512, TDXC_LEVEL_2M, NULL, NULL},
	{6 * GIB, 512, TDXC_LEVEL_4K, NULL, NULL},
};

static struct {
	uint64_t state; /* of the random numbers */
	uint64_t *memory;
	uint32_t nr_tables;
	uint32_t levels;
	uint64_t mask;
	uint64_t pool[NR_POOL];
	struct tdxc_guest guest;
	uint64_t trouble;  /* one in so many answers is bad; 0: none */
	uint64_t stubborn; /* a page that the host never gives back; 0: none */
	bool open;
} w;

static uint64_t random_below(uint64_t n)
{
	w.state = w.state * 6364136223846793005ull + 1442695040888963407ull;
	return (w.state >> 33) % n;
}

static bool trouble(void)
{
	return w.trouble != 0 && random_below(w.trouble) == 0;
}

static uint64_t from_env(const char *name, uint64_t otherwise)
{
	const char *text = getenv(name);

	return text ? strtoull(text, NULL, 0) : otherwise;
}

/* ---- the host and the module ---- */

static struct region *region_of(uint64_t gpa)
{
	for (uint32_t i = 0; i < REGIONS; i++) {
		if (gpa >= regions[i].start &&
		    gpa < regions[i].start + regions[i].pages * PAGE)
			return &regions[i];
	}
	ck_abort_msg("memory that is nobody's");
	return NULL;
}

static uint8_t *page_of(uint64_t gpa)
{
	struct region *r = region_of(gpa);

	return &r->is[(gpa - r->start) / PAGE];
}

static void map_gpa(struct tdxc_tdcall_regs *regs)
{
	bool to_shared = (regs->r12 & w.mask) != 0;
	uint64_t gpa = regs->r12 & ~w.mask;
	uint64_t end = gpa + regs->r13;

	regs->r10 = TDXC_MAP_GPA_SUCCESS;
	if (random_below(4) == 0 && regs->r13 > PAGE) {
		end = gpa + PAGE * (1 + random_below(regs->r13 / PAGE - 1));
		regs->r10 = TDXC_MAP_GPA_RETRY;
	}
	if (trouble()) {
		end = gpa + PAGE * random_below((end - gpa) / PAGE);
		regs->r10 = TDXC_MAP_GPA_INUSE;
	}
	if (!to_shared && w.stubborn >= gpa && w.stubborn < end) {
		end = w.stubborn;
		regs->r10 = TDXC_MAP_GPA_INUSE;
	}
	regs->r11 = regs->r12 + (end - gpa);
	for (; gpa < end; gpa += PAGE) {
		uint8_t *is = page_of(gpa);

		/* what is private already stays what it is */
		if (to_shared)
			*is = SHARED;
		else if (*is == SHARED)
			*is = PENDING;
	}
}

static uint64_t accept(struct tdxc_tdcall_regs *regs)
{
	uint64_t gpa = regs->rcx & ~0xFFFull;
	uint64_t level = regs->rcx & 7;
	uint64_t pages = 1ull << (9 * level);
	uint8_t *is;

	if (random_below(16) == 0) {
		memset(regs, 0xA5, sizeof(*regs));
		return BUSY;
	}
	if (level == 2)
		return TDXC_STATUS_OPERAND_INVALID | 1;
	if (level == 1 && random_below(3) == 0)
		return MISMATCH | level;
	if (w.trouble != 0 && random_below(w.trouble * 64) == 0)
		return WRONG;
	is = page_of(gpa);
	for (uint64_t i = 0; i < pages; i++) {
		MUST(is[i] != SHARED);
		if (is[i] == PRIVATE)
			return pages == 1 ? ALREADY : MISMATCH | level;
	}
	memset(is, PRIVATE, pages);
	return 0;
}

static uint64_t tdcall(void *ctx, uint64_t rax, struct tdxc_tdcall_regs *regs)
{
	(void)ctx;
	if (rax == TDXC_TDG_MEM_PAGE_ACCEPT)
		return accept(regs);
	if (rax != TDXC_TDG_VP_VMCALL)
		return TDXC_STATUS_OPERAND_INVALID;
	map_gpa(regs);
	return 0;
}

static int zero(void *ctx, uint64_t gpa, uint64_t bytes)
{
	(void)ctx;
	(void)gpa;
	(void)bytes;
	return TDXC_OK;
}

static const struct tdxc_convert_ops convert_ops = {TDXC_ABI, tdcall, zero};

/* ---- tables, unwritable but where the driver opens them ---- */

static uint64_t open_tables(void *ctx)
{
	(void)ctx;
	MUST(!w.open);
	w.open = true;
	MUST(mprotect(w.memory, BYTES, PROT_READ | PROT_WRITE) == 0);
	return 1;
}

static void close_tables(void *ctx, uint64_t said)
{
	(void)ctx;
	MUST(w.open && said == 1);
	w.open = false;
	MUST(mprotect(w.memory, BYTES, PROT_READ) == 0);
}

static void flush(void *ctx)
{
	(void)ctx;
}

static const struct tdxc_tables_ops ops = {open_tables, close_tables, flush};

static void map(uint64_t pa, uint32_t level)
{
	uint64_t table = TABLE_PA;
	uint32_t at = w.levels;

	for (;; at--) {
		uint64_t *slot = w.memory + (table - TABLE_PA) / 8 +
				 (pa >> (12 + 9 * (at - 1)) & 511);

		if (at == level) {
			*slot = pa | FLAGS |
				(level > TDXC_LEVEL_4K ? TDXC_PTE_PS : 0);
			return;
		}
		if (*slot == 0)
			*slot = (TABLE_PA + PAGE * w.nr_tables++) | FLAGS;
		table = *slot & TDXC_PTE_PA_MASK;
	}
}

static void build(void)
{
	struct tdxc_guest_config config = {0};
	uint64_t said = open_tables(NULL);

	memset(w.memory, 0, BYTES);
	w.nr_tables = 1;
	for (uint32_t i = 0; i < REGIONS; i++) {
		uint64_t frames = tdxc_level_frames(regions[i].level);

		memset(regions[i].is, PRIVATE, regions[i].pages);
		memset(regions[i].excluded, 0, regions[i].pages);
		for (uint64_t k = 0; k < regions[i].pages; k += frames)
			map(regions[i].start + k * PAGE, regions[i].level);
	}
	map(TABLE_PA, TDXC_LEVEL_2M);
	close_tables(NULL, said);
	MUST(w.nr_tables + NR_POOL <= TABLES);
	for (uint32_t i = 0; i < NR_POOL; i++)
		w.pool[i] = TABLE_PA + (TABLES - 1 - i) * PAGE;
	config.ops = &convert_ops;
	config.gpaw = w.levels == 5 ? 52 : 48;
	w.mask = 1ull << (config.gpaw - 1);
	config.tables.root = TABLE_PA;
	config.tables.virt = (uint64_t)(size_t)w.memory - TABLE_PA;
	config.tables.levels = w.levels;
	config.tables.shared_bit = config.gpaw - 1;
	config.tables.pa_bits = config.gpaw - 1;
	config.tables.ops = &ops;
	config.tables.pool = w.pool;
	config.tables.nr_pool = NR_POOL;
	MUST(tdxc_guest_init(&w.guest, &config) == TDXC_OK);
}

/* ---- the oracle ---- */

static uint64_t entry_of(uint64_t va)
{
	const struct stage_walk walk = {TABLE_PA, w.levels, w.mask,
					(uint64_t)(size_t)w.memory - TABLE_PA};
	uint32_t level;
	uint64_t entry = stage_walk_entry(&walk, va, &level);

	MUST(level != 0);
	return entry;
}

static void compare(struct tdxc_range r)
{
	for (uint64_t va = r.start; va < r.end; va += PAGE) {
		uint64_t entry = entry_of(va);

		if ((entry & TDXC_PTE_PRESENT) != 0)
			MUST(*page_of(va) ==
			     ((entry & w.mask) ? SHARED : PRIVATE));
	}
}

static bool listed(uint64_t va)
{
	for (uint32_t i = 0; i < w.guest.engine.nr_left; i++) {
		const struct tdxc_unshare_left *left = &w.guest.left[i];

		if (va >= left->pa.start && va < left->pa.end)
			return true;
	}
	return false;
}

/* Without trouble nothing is left. */
static void compare_end(const struct region *r, bool clean)
{
	for (uint64_t i = 0; i < r->pages; i++) {
		uint64_t va = r->start + i * PAGE;
		uint64_t entry = entry_of(va);
		bool present = (entry & TDXC_PTE_PRESENT) != 0;

		if (present && (entry & w.mask) != 0) {
			MUST(r->is[i] == SHARED && r->excluded[i]);
			MUST(listed(va) || w.guest.engine.result.lost != 0);
		} else if (present) {
			MUST(r->is[i] == PRIVATE);
		} else {
			MUST(!clean && r->is[i] != PRIVATE);
			MUST(listed(va));
		}
	}
}

/* ---- a round ---- */

static struct tdxc_range any_range(void)
{
	const struct region *r = &regions[random_below(REGIONS)];
	uint64_t start = random_below(r->pages);
	uint64_t most = random_below(8) == 0 ? r->pages : 700;
	struct tdxc_range range;

	if (random_below(3) == 0)
		start &= ~511ull;
	most = most > r->pages - start ? r->pages - start : most;
	most = 1 + random_below(most);
	if (random_below(3) == 0 && most > 512)
		most &= ~511ull;
	range.start = r->start + start * PAGE;
	range.end = range.start + most * PAGE;
	return range;
}

static void convert_some(void)
{
	struct tdxc_range r = any_range();
	struct tdxc_conversion c;
	int err;

	if (random_below(3) != 0 || w.guest.shared.nr == 0) {
		err = tdxc_guest_share(&w.guest, r, &c);
	} else {
		r = w.guest.shared.ranges[random_below(w.guest.shared.nr)];
		if (random_below(2) == 0 && tdxc_range_size(r) > PAGE)
			r.start +=
				PAGE * random_below(tdxc_range_size(r) / PAGE);
		err = tdxc_guest_unshare(&w.guest, r, &c);
	}
	MUST(err <= 0);
	MUST(err != TDXC_OK || c.done == tdxc_range_size(r));
	MUST(!tdxc_gate_look(&w.guest.gate).in_flight);
	compare(r);
}

static void exclude_some(void)
{
	struct tdxc_range r = any_range();
	uint32_t order = (uint32_t)random_below(3);

	if (r.end > r.start + 8 * PAGE)
		r.end = r.start + 8 * PAGE;
	if (tdxc_guest_exclude(&w.guest, r, order) != TDXC_OK || order != 0)
		return;
	for (uint64_t va = r.start; va < r.end; va += PAGE) {
		struct region *in = region_of(va);

		in->excluded[(va - in->start) / PAGE] = 1;
	}
}

static void one_round(void)
{
	struct tdxc_range ram[REGIONS];
	int err;

	w.levels = 4 + (uint32_t)random_below(2);
	w.trouble = 0;
	w.stubborn = 0;
	build();
	w.trouble = random_below(2) ? 10 : 0;
	for (uint32_t i = 0; i < REGIONS; i++) {
		ram[i].start = regions[i].start;
		ram[i].end = ram[i].start + regions[i].pages * PAGE;
	}
	MUST(tdxc_guest_set_ram(&w.guest, ram, REGIONS) == TDXC_OK);
	for (uint32_t i = 0; i < CALLS; i++)
		convert_some();
	for (uint32_t i = 0; i < 6; i++)
		exclude_some();
	if (random_below(3) == 0)
		w.stubborn = any_range().start;
	err = tdxc_guest_finish(&w.guest);
	MUST(err == TDXC_OK || err == TDXC_E_IO);
	MUST(err == TDXC_OK || w.trouble != 0 || w.stubborn != 0);
	MUST(w.guest.difference == 0);
	for (uint32_t i = 0; i < REGIONS; i++)
		compare_end(&regions[i], err == TDXC_OK);
}

START_TEST(no_page_is_mapped_as_what_it_is_not)
{
	uint64_t rounds =
		ROUNDS * from_env("TDXC_TEST_SCALE", 100) / 100 + FEWEST;
	uint64_t seed = from_env("TDXC_SEED", 1);

	printf("TDXC_SEED=%llu\n", (unsigned long long)seed);
	(void)fflush(stdout);
	w.memory = aligned_alloc(PAGE, BYTES);
	MUST(w.memory != NULL);
	for (uint32_t i = 0; i < REGIONS; i++) {
		regions[i].is = malloc(regions[i].pages);
		regions[i].excluded = malloc(regions[i].pages);
		MUST(regions[i].is != NULL && regions[i].excluded != NULL);
	}
	for (uint64_t i = 0; i < rounds; i++) {
		w.state = seed + i;
		one_round();
	}
	for (uint32_t i = 0; i < REGIONS; i++) {
		free(regions[i].is);
		free(regions[i].excluded);
	}
	(void)open_tables(NULL);
	free(w.memory);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("uefi_random");
	TCase *tcase = tcase_create("conversions");
	SRunner *runner;
	int failed;

	tcase_set_timeout(tcase, 600);
	tcase_add_test(tcase, no_page_is_mapped_as_what_it_is_not);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
