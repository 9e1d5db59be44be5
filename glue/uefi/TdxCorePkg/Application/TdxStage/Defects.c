/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * Tables stand at an address of their own and map themselves read-only, as
 * firmware's may; the host and the TDX module follow a script.
 */
#include "Defects.h"

#include <tdxcore/err.h>
#include <tdxcore/status.h>
#include <tdxcore/version.h>

#define PAGE	    TDXC_PAGE_SIZE
#define SIZE_OF_2M  TDXC_SIZE_2M
#define SIZE_OF_1G  TDXC_SIZE_1G
#define GIB_512	    0x8000000000ull
#define TIB_256	    0x1000000000000ull
#define NR_POOL	    6u
#define FLAGS	    0x63ull /* present, writable, accessed, dirty */
#define NX	    (1ull << 63)
#define MAX_CALLS   700u
#define BUSY	    0x8000020000000001ull
#define ALREADY_2M  0x00000B0A00000001ull
#define MISMATCH_2M 0xC0000B0B00000001ull
#define INVALID_RCX 0xC000010000000001ull

#define STRING(x)   #x
#define EXPECT(condition)                                                      \
	do {                                                                   \
		if (!(condition))                                              \
			return STRING(condition);                              \
	} while (0)

/* ---- a host and a module ---- */

struct script {
	uint64_t chunk;	    /* MapGPA does so much at once; 0: all */
	uint64_t refuse_at; /* and refuses here; 0: nowhere */
	uint64_t accept_2m; /* what the module says to 2 MiB; 0: done */
	uint32_t busy;	    /* ACCEPTs that find it busy first */
	/* seen */
	uint64_t shared_bit;
	uint64_t first; /* GPA of the range that is watched */
	uint64_t bytes; /* ...accepted of it, in order, without a hole */
	bool out_of_order;
	bool changed; /* an attempt had other operands than the first */
	uint32_t accepts[3];
	uint32_t maps;
	uint64_t busy_rcx;
};

static uint64_t map_gpa(struct script *s, struct tdxc_tdcall_regs *regs)
{
	uint64_t gpa = regs->r12 & ~s->shared_bit;
	uint64_t bytes = regs->r13;

	s->maps++;
	regs->r10 = TDXC_MAP_GPA_SUCCESS;
	if (s->chunk != 0 && bytes > s->chunk) {
		regs->r10 = TDXC_MAP_GPA_RETRY;
		bytes = s->chunk;
	}
	if (s->refuse_at != 0 && gpa + bytes > s->refuse_at) {
		regs->r10 = TDXC_MAP_GPA_INUSE;
		bytes = s->refuse_at - gpa;
	}
	regs->r11 = regs->r12 + bytes;
	return 0;
}

/* A module that keeps the caller's registers as long as it can, and as few of
 * them as it may. */
static uint64_t accept(struct script *s, struct tdxc_tdcall_regs *regs)
{
	uint64_t level = regs->rcx & 7;
	uint64_t gpa = regs->rcx & ~0xFFFull;

	if (s->busy_rcx != 0 && regs->rcx != s->busy_rcx)
		s->changed = true;
	s->busy_rcx = 0;
	if (s->busy != 0) {
		s->busy--;
		s->busy_rcx = regs->rcx;
		memset(regs, 0xA5, sizeof(*regs));
		return BUSY;
	}
	if (level > 1)
		return INVALID_RCX;
	if (level == 1 && s->accept_2m == MISMATCH_2M)
		return MISMATCH_2M;
	if (gpa != s->first + s->bytes)
		s->out_of_order = true;
	s->accepts[level]++;
	s->bytes += level == 1 ? SIZE_OF_2M : PAGE;
	return level == 1 ? s->accept_2m : 0;
}

static uint64_t tdcall(void *ctx, uint64_t rax, struct tdxc_tdcall_regs *regs)
{
	struct script *s = ctx;

	switch (rax) {
	case TDXC_TDG_VP_VMCALL:
		return map_gpa(s, regs);
	case TDXC_TDG_MEM_PAGE_ACCEPT:
		return accept(s, regs);
	default:
		s->changed = s->changed || rax != TDXC_TDG_MEM_PAGE_RELEASE;
		return TDXC_STATUS_OPERAND_INVALID;
	}
}

static int zero(void *ctx, uint64_t gpa, uint64_t bytes)
{
	(void)ctx;
	(void)gpa;
	(void)bytes;
	return TDXC_OK;
}

static const struct tdxc_convert_ops convert_ops = {TDXC_ABI, tdcall, zero};

/* ---- tables ---- */

struct world {
	const struct tdxc_defect_rig *rig;
	struct script script;
	uint64_t pa; /* of the first table, the root */
	uint32_t levels;
	uint32_t nr; /* tables in use */
	uint64_t mask;
	uint64_t pool[NR_POOL];
};

static uint64_t *table_at(const struct world *w, uint64_t pa)
{
	return w->rig->memory + (pa - w->pa) / 8;
}

/* Below the root; the tables that lead there are made. */
static uint64_t *slot_of(struct world *w, uint64_t va, uint32_t level)
{
	uint64_t pa = w->pa;
	uint32_t at = w->levels;

	for (;; at--) {
		uint64_t *slot =
			table_at(w, pa) + (va >> (12 + 9 * (at - 1)) & 511);

		if (at == level)
			return slot;
		if (*slot == 0)
			*slot = (w->pa + PAGE * w->nr++) | FLAGS;
		pa = *slot & TDXC_PTE_PA_MASK;
	}
}

static uint64_t leaf_flags(uint32_t level)
{
	return FLAGS | NX | (level > TDXC_LEVEL_4K ? TDXC_PTE_PS : 0);
}

static uint64_t *map(struct world *w, uint64_t pa, uint32_t level)
{
	uint64_t *slot = slot_of(w, pa, level);

	*slot = pa | leaf_flags(level);
	return slot;
}

/* An entry as it is now, without changing anything. */
static uint64_t look(const struct world *w, uint64_t va, uint32_t level)
{
	uint64_t pa = w->pa;
	uint32_t at = w->levels;

	for (;; at--) {
		uint64_t entry =
			table_at(w, pa)[va >> (12 + 9 * (at - 1)) & 511];

		if (at == level || (entry & TDXC_PTE_PRESENT) == 0)
			return entry;
		pa = entry & TDXC_PTE_PA_MASK;
	}
}

static uint64_t open_tables(const struct world *w)
{
	return w->rig->ops->open(w->rig->ctx);
}

static void close_tables(const struct world *w, uint64_t said)
{
	w->rig->ops->close(w->rig->ctx, said);
}

/* Tables at `pa` with leaves of one size from `first` on, nr_leaves of them;
 * they and the pool map themselves read-only. */
static const char *build(struct world *w, const struct tdxc_defect_rig *rig,
			 uint32_t levels, uint64_t pa, uint64_t first,
			 uint32_t level, uint32_t nr_leaves)
{
	uint64_t size = tdxc_level_frames(level) << 12;
	struct tdxc_guest_config config = {0};
	uint64_t said;
	int err;

	memset(w, 0, sizeof(*w));
	w->rig = rig;
	w->pa = pa;
	w->levels = levels;
	w->nr = 1;
	config.gpaw = levels == 5 ? 52 : 48;
	w->mask = 1ull << (config.gpaw - 1);
	w->script.shared_bit = w->mask;
	w->script.first = first;
	said = open_tables(w);
	memset(rig->memory, 0, TDXC_DEFECT_PAGES * PAGE);
	for (uint32_t i = 0; i < nr_leaves; i++)
		(void)map(w, first + i * size, level);
	for (uint32_t i = 0; i < TDXC_DEFECT_PAGES; i++)
		*map(w, pa + i * PAGE, TDXC_LEVEL_4K) &= ~TDXC_TABLES_RW;
	for (uint32_t i = 0; i < NR_POOL; i++) {
		w->pool[i] = pa + (TDXC_DEFECT_PAGES - 1 - i) * PAGE;
		*slot_of(w, w->pool[i], TDXC_LEVEL_4K) |= TDXC_TABLES_RW;
	}
	close_tables(w, said);
	config.ops = &convert_ops;
	config.ctx = &w->script;
	config.tables.root = pa;
	config.tables.virt = (uint64_t)(size_t)rig->memory - pa;
	config.tables.levels = levels;
	config.tables.shared_bit = config.gpaw - 1;
	config.tables.pa_bits = config.gpaw;
	config.tables.ops = rig->ops;
	config.tables.ctx = rig->ctx;
	config.tables.pool = w->pool;
	config.tables.nr_pool = NR_POOL;
	err = tdxc_guest_init(rig->guest, &config);
	EXPECT(err == TDXC_OK);
	EXPECT(w->nr + NR_POOL <= TDXC_DEFECT_PAGES);
	return NULL;
}

static struct tdxc_range range_of(uint64_t start, uint64_t bytes)
{
	struct tdxc_range r = {start, start + bytes};

	return r;
}

/* ---- the defects ---- */

/* ACCEPT began where the last RETRY had gone on. */
static const char *retry_prefix(const struct tdxc_defect_rig *rig)
{
	struct tdxc_conversion r;
	struct world w;
	const char *why =
		build(&w, rig, 4, GIB_512 / 2, SIZE_OF_2M, TDXC_LEVEL_4K, 64);

	if (why)
		return why;
	EXPECT(tdxc_guest_share(rig->guest, range_of(SIZE_OF_2M, 64 * PAGE),
				&r) == TDXC_OK);
	w.script.chunk = 13 * PAGE;
	EXPECT(tdxc_guest_unshare(rig->guest, range_of(SIZE_OF_2M, 64 * PAGE),
				  &r) == TDXC_OK);
	EXPECT(r.retries == 4);
	EXPECT(w.script.bytes == 64 * PAGE && !w.script.out_of_order);
	return NULL;
}

static const char *nonleaf(const struct tdxc_defect_rig *rig, uint32_t levels)
{
	const uint64_t at = 5 * SIZE_OF_1G;
	const uint64_t page = at + 3 * SIZE_OF_2M + 7 * PAGE;
	struct tdxc_conversion r;
	struct world w;
	const char *why =
		build(&w, rig, levels, GIB_512 / 2, at, TDXC_LEVEL_1G, 1);

	if (why)
		return why;
	EXPECT(tdxc_guest_share(rig->guest, range_of(at, SIZE_OF_1G), &r) ==
	       TDXC_OK);
	EXPECT(look(&w, at, 3) == (at | leaf_flags(3) | w.mask));
	EXPECT(tdxc_guest_unshare(rig->guest, range_of(page, PAGE), &r) ==
	       TDXC_OK);
	for (uint32_t level = 2; level <= levels; level++)
		EXPECT((look(&w, page, level) & (w.mask | TDXC_PTE_PS)) == 0);
	EXPECT(look(&w, page, 1) == (page | leaf_flags(1)));
	EXPECT(look(&w, page + PAGE, 1) ==
	       ((page + PAGE) | leaf_flags(1) | w.mask));
	EXPECT(look(&w, at, 2) == (at | leaf_flags(2) | w.mask));
	EXPECT(rig->guest->tables.splits == 2);
	return NULL;
}

static const char *nonleaf_4(const struct tdxc_defect_rig *rig)
{
	return nonleaf(rig, 4);
}

static const char *nonleaf_5(const struct tdxc_defect_rig *rig)
{
	return nonleaf(rig, 5);
}

/* New tables were made read-only at an address that is right below 512 GiB
 * only. */
static const char *above_512g(const struct tdxc_defect_rig *rig)
{
	const uint64_t tables = 3 * GIB_512 + 6 * SIZE_OF_1G;
	const uint64_t at = 5 * GIB_512 + SIZE_OF_1G;
	struct tdxc_conversion r;
	struct world w;
	const char *why = build(&w, rig, 4, tables, at, TDXC_LEVEL_2M, 2);

	if (why)
		return why;
	for (uint32_t i = 0; i < TDXC_DEFECT_PAGES; i++) {
		uint64_t entry = look(&w, tables + i * PAGE, 1);

		EXPECT((entry & TDXC_PTE_PA_MASK) == tables + i * PAGE);
		EXPECT((entry & TDXC_TABLES_RW) == 0);
	}
	EXPECT(tdxc_guest_share(rig->guest, range_of(at + PAGE, SIZE_OF_2M),
				&r) == TDXC_OK);
	EXPECT(look(&w, at, 1) == (at | leaf_flags(1)));
	EXPECT((look(&w, at + PAGE, 1) & w.mask) != 0);
	EXPECT((look(&w, at + SIZE_OF_2M, 1) & w.mask) != 0);
	EXPECT((look(&w, at + SIZE_OF_2M + PAGE, 1) & w.mask) == 0);
	return NULL;
}

/* Only the first entry of a five-level root was followed. */
static const char *pml5(const struct tdxc_defect_rig *rig)
{
	const uint64_t at = 5 * TIB_256 + GIB_512;
	struct tdxc_conversion r;
	struct world w;
	const char *why = build(&w, rig, 5, 2 * TIB_256, at, TDXC_LEVEL_2M, 3);

	if (why)
		return why;
	EXPECT(tdxc_guest_share(rig->guest, range_of(at, 3 * SIZE_OF_2M), &r) ==
	       TDXC_OK);
	for (uint64_t i = 0; i < 3; i++)
		EXPECT((look(&w, at + i * SIZE_OF_2M, 2) & w.mask) != 0);
	w.script.first = at;
	EXPECT(tdxc_guest_set_ram(rig->guest,
				  (struct tdxc_range[]){{at, at + SIZE_OF_1G}},
				  1) == TDXC_OK);
	EXPECT(tdxc_guest_finish(rig->guest) == TDXC_OK);
	EXPECT(rig->guest->engine.result.converted == 3 * 512);
	for (uint64_t i = 0; i < 3; i++)
		EXPECT((look(&w, at + i * SIZE_OF_2M, 2) & w.mask) == 0);
	return NULL;
}

/* An error left the function before the flush. */
static const char *flush_on_error(const struct tdxc_defect_rig *rig)
{
	const uint64_t at = SIZE_OF_1G;
	struct tdxc_conversion r;
	uint64_t before;
	struct world w;
	const char *why = build(&w, rig, 4, GIB_512 / 2, at, TDXC_LEVEL_2M, 4);

	if (why)
		return why;
	w.script.refuse_at = at + SIZE_OF_2M;
	before = tdxc_load_once(rig->flushes);
	EXPECT(tdxc_guest_share(rig->guest, range_of(at, 2 * SIZE_OF_2M), &r) ==
		       TDXC_E_BUSY ||
	       r.failure.reason == TDXC_CONVERT_REFUSED);
	EXPECT(r.done == SIZE_OF_2M);
	EXPECT((look(&w, at, 2) & w.mask) != 0);
	EXPECT((look(&w, at + SIZE_OF_2M, 2) & w.mask) == 0);
	EXPECT(tdxc_load_once(rig->flushes) == before + 2);
	return NULL;
}

/* The same where the tables run out between two splits. */
static const char *flush_without_tables(const struct tdxc_defect_rig *rig)
{
	const uint64_t at = SIZE_OF_1G;
	struct tdxc_conversion r;
	uint64_t before;
	struct world w;
	const char *why = build(&w, rig, 5, GIB_512 / 2, at, TDXC_LEVEL_1G, 1);

	if (why)
		return why;
	rig->guest->tables.nr_pool = 1;
	before = tdxc_load_once(rig->flushes);
	EXPECT(tdxc_guest_share(rig->guest, range_of(at + PAGE, PAGE), &r) ==
	       TDXC_E_NOSPC);
	EXPECT(rig->guest->tables.splits == 1);
	EXPECT(tdxc_load_once(rig->flushes) == before + 1);
	for (uint64_t i = 0; i < 512; i++)
		EXPECT(look(&w, at + i * SIZE_OF_2M, 2) ==
		       ((at + i * SIZE_OF_2M) | leaf_flags(2)));
	EXPECT(w.script.maps == 0);
	return NULL;
}

/* The block of registers was used again with what the call had left in it. */
static const char *argument_block(const struct tdxc_defect_rig *rig)
{
	struct tdxc_conversion r;
	struct world w;
	const char *why =
		build(&w, rig, 4, GIB_512 / 2, SIZE_OF_2M, TDXC_LEVEL_4K, 8);

	if (why)
		return why;
	w.script.busy = 5;
	EXPECT(tdxc_guest_accept(rig->guest, range_of(SIZE_OF_2M, 8 * PAGE),
				 &r) == TDXC_OK);
	EXPECT(r.busy == 5);
	EXPECT(!w.script.changed && !w.script.out_of_order);
	EXPECT(w.script.accepts[0] == 8);
	return NULL;
}

/* The answer's low half says at which size, and was not expected there. */
static const char *already_2m(const struct tdxc_defect_rig *rig)
{
	struct tdxc_conversion r;
	struct world w;
	const char *why =
		build(&w, rig, 4, GIB_512 / 2, SIZE_OF_1G, TDXC_LEVEL_2M, 2);

	if (why)
		return why;
	w.script.accept_2m = ALREADY_2M;
	EXPECT(tdxc_guest_accept(rig->guest, range_of(SIZE_OF_1G, SIZE_OF_2M),
				 &r) == TDXC_E_EXIST);
	EXPECT(r.failure.reason == TDXC_CONVERT_ALREADY);
	EXPECT(r.failure.diag.status == ALREADY_2M);
	w.script.bytes = 0;
	EXPECT(tdxc_convert_accept(&rig->guest->last, SIZE_OF_1G,
				   2 * SIZE_OF_2M, &r) == TDXC_OK);
	EXPECT(r.already == 2 * SIZE_OF_2M);
	EXPECT(w.script.accepts[0] == 0);
	return NULL;
}

/* Large leaves were passed by, or always split. */
static const char *large_leaves(const struct tdxc_defect_rig *rig)
{
	const uint64_t at = 8 * SIZE_OF_1G;
	struct tdxc_conversion r;
	struct world w;
	const char *why = build(&w, rig, 4, GIB_512 / 2, at, TDXC_LEVEL_1G, 2);
	uint64_t said;

	if (why)
		return why;
	said = open_tables(&w);
	(void)map(&w, at + 2 * SIZE_OF_1G, TDXC_LEVEL_2M);
	close_tables(&w, said);
	EXPECT(tdxc_guest_share(rig->guest,
				range_of(at, 2 * SIZE_OF_1G + SIZE_OF_2M),
				&r) == TDXC_OK);
	for (uint64_t i = 0; i < 2; i++)
		EXPECT(look(&w, at + i * SIZE_OF_1G, 3) ==
		       ((at + i * SIZE_OF_1G) | leaf_flags(3) | w.mask));
	EXPECT(look(&w, at + 2 * SIZE_OF_1G, 2) ==
	       ((at + 2 * SIZE_OF_1G) | leaf_flags(2) | w.mask));
	EXPECT(rig->guest->tables.splits == 0);
	EXPECT(rig->guest->tables.edits - NR_POOL == 3);
	return NULL;
}

/* Exactly 2 MiB went page by page. */
static const char *exactly_2m(const struct tdxc_defect_rig *rig)
{
	struct tdxc_conversion r;
	struct world w;
	const char *why =
		build(&w, rig, 4, GIB_512 / 2, SIZE_OF_1G, TDXC_LEVEL_2M, 1);

	if (why)
		return why;
	EXPECT(tdxc_guest_accept(rig->guest, range_of(SIZE_OF_1G, SIZE_OF_2M),
				 &r) == TDXC_OK);
	EXPECT(w.script.accepts[1] == 1 && w.script.accepts[0] == 0);
	return NULL;
}

/* ---- and what else has to be right ---- */

static const char *mismatch(const struct tdxc_defect_rig *rig)
{
	struct tdxc_conversion r;
	struct world w;
	const char *why =
		build(&w, rig, 4, GIB_512 / 2, SIZE_OF_1G, TDXC_LEVEL_2M, 1);

	if (why)
		return why;
	EXPECT(tdxc_guest_share(rig->guest, range_of(SIZE_OF_1G, SIZE_OF_2M),
				&r) == TDXC_OK);
	w.script.accept_2m = MISMATCH_2M;
	EXPECT(tdxc_guest_unshare(rig->guest, range_of(SIZE_OF_1G, SIZE_OF_2M),
				  &r) == TDXC_OK);
	EXPECT(r.fallbacks == 1 && r.pages[0] == 512);
	EXPECT(w.script.bytes == SIZE_OF_2M && !w.script.out_of_order);
	EXPECT(look(&w, SIZE_OF_1G, 2) == (SIZE_OF_1G | leaf_flags(2)));
	return NULL;
}

static const char *split_pat(const struct tdxc_defect_rig *rig)
{
	const uint64_t at = SIZE_OF_1G;
	struct tdxc_conversion r;
	struct world w;
	const char *why = build(&w, rig, 4, GIB_512 / 2, at, TDXC_LEVEL_1G, 1);
	uint64_t said;

	if (why)
		return why;
	said = open_tables(&w);
	*map(&w, at, TDXC_LEVEL_1G) |= TDXC_PTE_LARGE_PAT;
	close_tables(&w, said);
	EXPECT(tdxc_guest_share(rig->guest, range_of(at + PAGE, PAGE), &r) ==
	       TDXC_OK);
	EXPECT(look(&w, at, 1) == (at | leaf_flags(1) | TDXC_PTE_PS));
	EXPECT(look(&w, at + SIZE_OF_2M, 2) ==
	       ((at + SIZE_OF_2M) | leaf_flags(2) | TDXC_PTE_LARGE_PAT));
	return NULL;
}

static const char *unmapped(const struct tdxc_defect_rig *rig)
{
	const uint64_t at = SIZE_OF_1G;
	struct tdxc_conversion r;
	struct world w;
	const char *why = build(&w, rig, 5, GIB_512 / 2, at, TDXC_LEVEL_2M, 2);
	uint64_t said;

	if (why)
		return why;
	said = open_tables(&w);
	*slot_of(&w, at + 4 * SIZE_OF_2M, 2) =
		(at + 5 * SIZE_OF_2M) | leaf_flags(2);
	*slot_of(&w, at + 6 * SIZE_OF_2M, 2) = (w.pa + PAGE) | FLAGS | w.mask;
	close_tables(&w, said);
	EXPECT(tdxc_guest_share(rig->guest, range_of(at, 3 * SIZE_OF_2M), &r) ==
	       TDXC_E_NOENT);
	EXPECT(tdxc_guest_share(rig->guest, range_of(at + 4 * SIZE_OF_2M, PAGE),
				&r) == TDXC_E_INVAL);
	EXPECT(tdxc_guest_share(rig->guest, range_of(at + 6 * SIZE_OF_2M, PAGE),
				&r) == TDXC_E_IO);
	EXPECT(tdxc_guest_share(rig->guest, range_of(at, 0), &r) ==
	       TDXC_E_INVAL);
	EXPECT(look(&w, at, 2) == (at | leaf_flags(2)));
	EXPECT(w.script.maps == 0);
	return NULL;
}

/* What is left is not mapped, and listed; the rest is private. */
static const char *finish_failed(const struct tdxc_defect_rig *rig)
{
	const uint64_t at = SIZE_OF_1G;
	const struct tdxc_range ram = {at, at + SIZE_OF_1G};
	struct tdxc_range pa = {0, 0};
	struct tdxc_conversion r;
	size_t entries = 0;
	bool complete;
	struct world w;
	const char *why = build(&w, rig, 4, GIB_512 / 2, at, TDXC_LEVEL_2M, 4);

	if (why)
		return why;
	EXPECT(tdxc_guest_set_ram(rig->guest, &ram, 1) == TDXC_OK);
	EXPECT(tdxc_guest_share(rig->guest, range_of(at, 4 * SIZE_OF_2M), &r) ==
	       TDXC_OK);
	EXPECT(tdxc_guest_exclude(rig->guest,
				  range_of(at + SIZE_OF_2M, 2 * PAGE),
				  0) == TDXC_OK);
	w.script.refuse_at = at + 3 * SIZE_OF_2M;
	EXPECT(tdxc_guest_finish(rig->guest) == TDXC_E_IO);
	EXPECT(tdxc_guest_share(rig->guest, range_of(at, PAGE), &r) ==
	       TDXC_E_CANCELED);
	EXPECT(look(&w, at, 2) == (at | leaf_flags(2)));
	EXPECT((look(&w, at + SIZE_OF_2M + PAGE, 1) & w.mask) != 0);
	EXPECT((look(&w, at + SIZE_OF_2M + 2 * PAGE, 1) & w.mask) == 0);
	EXPECT((look(&w, at + 2 * SIZE_OF_2M, 2) & TDXC_PTE_PRESENT) != 0);
	EXPECT((look(&w, at + 3 * SIZE_OF_2M, 2) & TDXC_PTE_PRESENT) == 0);
	EXPECT(rig->guest->difference == 0 && rig->guest->in_flight == 0);
	EXPECT(tdxc_left_check(rig->guest->words, rig->guest->nr_words,
			       &entries, &complete) == TDXC_OK);
	EXPECT(entries == 2 && complete);
	EXPECT(tdxc_left_get(rig->guest->words, 0, &pa) == TDXC_LEFT_KEPT);
	EXPECT(pa.start == at + SIZE_OF_2M && tdxc_range_size(pa) == 2 * PAGE);
	EXPECT(tdxc_left_get(rig->guest->words, 1, &pa) == TDXC_LEFT_SHARED);
	EXPECT(pa.start == at + 3 * SIZE_OF_2M);
	EXPECT(tdxc_range_size(pa) == SIZE_OF_2M);
	return NULL;
}

static const struct {
	const char *name;
	const char *(*run)(const struct tdxc_defect_rig *rig);
} tests[] = {
	{"defect: ACCEPT reaches what came before a retry", retry_prefix},
	{"defect: no shared bit in what points to a table", nonleaf_4},
	{"defect: no shared bit in what points to a table, 5 levels",
	 nonleaf_5},
	{"defect: tables and pages above 512 GiB", above_512g},
	{"defect: every entry of a five-level root is followed", pml5},
	{"defect: the TLB is flushed after a refusal", flush_on_error},
	{"defect: the TLB is flushed when tables run out",
	 flush_without_tables},
	{"defect: no attempt starts from another one's registers",
	 argument_block},
	{"defect: 2M accepted already is counted or an error", already_2m},
	{"defect: large leaves are changed, and not split", large_leaves},
	{"defect: exactly 2M is accepted as 2M", exactly_2m},
	{"tables: ACCEPT falls back to 4K", mismatch},
	{"tables: a split keeps PAT, NX and the rest", split_pat},
	{"tables: holes, aliases and malformed entries are refused", unmapped},
	{"finish: what failed is not mapped, and listed", finish_failed},
};

uint32_t tdxc_defect_count(void)
{
	return sizeof(tests) / sizeof(tests[0]);
}

const char *tdxc_defect_name(uint32_t test)
{
	return tests[test].name;
}

const char *tdxc_defect_run(const struct tdxc_defect_rig *rig, uint32_t test)
{
	return tests[test].run(rig);
}
