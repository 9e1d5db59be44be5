/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * Conversions against a host and a module that answer from bytes. Whatever they
 * say: no call outside the range, a bounded number of calls, the same result
 * twice, success exactly if all is done, and a gap that fits.
 *
 * Bytes 0 to 7: direction, policies, unit and limits, first page, how much (in
 * pages of 4 KiB or 2 MiB). Then for each TDCALL a byte that chooses the
 * answer, and what that needs.
 */
#include <tdxcore/convert.h>
#include <tdxcore/err.h>
#include <tdxcore/range.h>
#include <tdxcore/status.h>
#include <tdxcore/version.h>

#include <stdlib.h>
#include <string.h>

#define BASE	  0x40000000ull
#define MAX_PAGES 1024u
#define SHARED	  (1ull << 47)
#define REQUIRE(condition)                                                     \
	do {                                                                   \
		if (!(condition))                                              \
			abort();                                               \
	} while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct guest {
	const uint8_t *data;
	size_t size;
	uint64_t gpa;
	uint64_t bytes;
	bool to_shared;
	uint64_t map_calls;
	uint64_t page_calls;
	uint64_t zeroed;
};

static uint64_t take(struct guest *g, size_t bytes)
{
	uint64_t value = 0;

	if (bytes > g->size)
		bytes = g->size;
	memcpy(&value, g->data, bytes);
	g->data += bytes;
	g->size -= bytes;
	return value;
}

static void require_inside(const struct guest *g, uint64_t gpa, uint64_t bytes)
{
	REQUIRE(gpa >= g->gpa && bytes != 0 && gpa % TDXC_PAGE_SIZE == 0);
	REQUIRE(bytes <= g->bytes && gpa - g->gpa <= g->bytes - bytes);
}

/* The status of a TDCALL: mostly success, or an answer that matters. */
static uint64_t take_status(struct guest *g)
{
	static const uint64_t known[] = {
		0xC0000B0B00000000, 0xC0000B0B00000001, 0x00000B0A00000000,
		0x00000B0A00000001, 0x8000020000000001, 0xC000010000000001,
		0xC000010000000000, TDXC_STATUS_UD,	TDXC_STATUS_GP,
	};
	uint64_t n = take(g, 1);

	if (n < 128)
		return 0;
	if (n < 128 + sizeof(known) / sizeof(known[0]))
		return known[n - 128];
	return n < 240 ? 0 : take(g, 8);
}

static uint64_t map_gpa(struct guest *g, struct tdxc_tdcall_regs *regs)
{
	uint64_t status = take_status(g);
	uint64_t n = take(g, 1);

	REQUIRE(regs->rcx == TDXC_VMCALL_R10_TO_R13 && regs->r10 == 0);
	REQUIRE(regs->r11 == TDXC_VMCALL_MAP_GPA);
	REQUIRE(((regs->r12 & SHARED) != 0) == g->to_shared);
	require_inside(g, regs->r12 & ~SHARED, regs->r13);
	g->map_calls++;
	if (n < 64) {
		regs->r10 = 0;
	} else if (n < 192) {
		regs->r10 = TDXC_MAP_GPA_RETRY;
		regs->r11 = regs->r12 + n % 16 * TDXC_PAGE_SIZE;
	} else {
		regs->r10 = n < 224 ? TDXC_MAP_GPA_RETRY : take(g, 8);
		regs->r11 = n % 2 ? take(g, 8)
				  : (g->gpa | (regs->r12 & SHARED)) +
					    take(g, 2) * TDXC_PAGE_SIZE;
	}
	return status;
}

static uint64_t tdcall(void *ctx, uint64_t rax, struct tdxc_tdcall_regs *regs)
{
	struct guest *g = ctx;
	uint64_t level;

	if (rax == TDXC_TDG_VP_VMCALL)
		return map_gpa(g, regs);
	REQUIRE(rax == TDXC_TDG_MEM_PAGE_ACCEPT ||
		(rax == TDXC_TDG_MEM_PAGE_RELEASE && g->to_shared));
	level = regs->rcx & 7;
	REQUIRE(level <= 2);
	require_inside(g, regs->rcx - level, TDXC_PAGE_SIZE << (9 * level));
	g->page_calls++;
	memset(regs, 0xA5, sizeof(*regs));
	return take_status(g);
}

static int zero(void *ctx, uint64_t gpa, uint64_t bytes)
{
	struct guest *g = ctx;

	require_inside(g, gpa, bytes);
	g->zeroed += bytes;
	return take(g, 1) == 255 ? TDXC_E_IO : TDXC_OK;
}

static const struct tdxc_convert_ops ops = {TDXC_ABI, tdcall, zero};

static void require_consistent(const struct guest *g,
			       const struct tdxc_converter *c,
			       const struct tdxc_conversion *r, int err)
{
	uint64_t attempts = c->config.attempts;

	REQUIRE(r->failure.err == err &&
		(err == TDXC_OK) == (r->done == g->bytes));
	REQUIRE(r->done <= g->bytes && r->mapped <= g->bytes);
	REQUIRE(r->released <= g->bytes && r->already <= 2 * g->bytes);
	REQUIRE(r->gap_start <= r->gap_end && r->gap_end <= g->bytes);
	REQUIRE(r->gap_start == r->gap_end || r->gap_start >= r->done);
	REQUIRE(err == TDXC_OK || r->failure.reason != TDXC_CONVERT_FINE);
	REQUIRE(r->map_calls <= c->config.map_calls + g->bytes / TDXC_SIZE_2M);
	REQUIRE(g->map_calls <= r->map_calls * attempts);
	/* each page, at each size, released and accepted */
	REQUIRE(g->page_calls <=
		2 * 3 * attempts * (g->bytes / TDXC_PAGE_SIZE));
	REQUIRE(c->config.accepted == TDXC_ACCEPTED_ZERO || g->zeroed == 0);
}

static int convert(const uint8_t *data, size_t size, struct tdxc_conversion *r)
{
	struct guest g = {.data = data, .size = size};
	struct tdxc_convert_config config = {
		.abi = TDXC_ABI, .gpaw = 48, .ops = &ops, .ctx = &g};
	struct tdxc_converter c;
	uint64_t bits = take(&g, 1);
	int err;

	g.to_shared = bits & 1;
	config.accepted = (enum tdxc_accepted)((bits >> 1) % 3);
	config.release = (enum tdxc_release)((bits >> 3) % 3);
	config.attempts = 1 + (uint32_t)take(&g, 1) % 8;
	config.futile = (uint32_t)take(&g, 1) % 8;
	config.map_calls = 1 + (uint32_t)take(&g, 1);
	g.gpa = BASE + take(&g, 2) % MAX_PAGES * TDXC_PAGE_SIZE;
	g.bytes = (1 + take(&g, 2) % MAX_PAGES) *
		  ((bits >> 5) % 2 ? TDXC_SIZE_2M : TDXC_PAGE_SIZE);
	REQUIRE(tdxc_convert_init(&c, &config) == TDXC_OK);
	err = g.to_shared ? tdxc_convert_share(&c, g.gpa, g.bytes, r)
			  : tdxc_convert_unshare(&c, g.gpa, g.bytes, r);
	require_consistent(&g, &c, r, err);
	return err;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct tdxc_conversion r, second;

	REQUIRE(convert(data, size, &r) == convert(data, size, &second));
	REQUIRE(memcmp(&r, &second, sizeof(r)) == 0);
	return 0;
}
