/* SPDX-License-Identifier: BSD-2-Clause-Patent */
#include "cost.h"

#include <string.h>

#include "vmm.h"

#define PAGE  4096ull
#define MIB   0x100000ull
#define GIB   0x40000000ull
#define GPA   0x40000000ull
#define LARGE (2 * MIB)
#define BATCH TDXC_MMU_BATCH

static struct tdxc_sim_host host;
static struct tdxc_sim_vmm *vm;

struct state {
	uint64_t calls;
	uint64_t write_backs;
	uint64_t broadcasts;
};

static struct state state_now(void)
{
	struct state s = {0, 0, 0};

	s.calls = tdxc_sim_port_all_calls(&host.port) -
		  tdxc_sim_port_calls(&host.port, TDXC_PHYMEM_PAMT_ADD) -
		  tdxc_sim_port_calls(&host.port, TDXC_PHYMEM_PAMT_REMOVE);
	s.write_backs =
		tdxc_sim_port_calls(&host.port, TDXC_PHYMEM_PAGE_WBINVD);
	if (vm)
		s.broadcasts = vm->sept.counts.broadcasts;
	return s;
}

/* --- operations to count -------------------------------------------------- */

static bool touch(uint64_t gpa, uint64_t bytes)
{
	const struct tdxc_sim_guest_op script[] = {
		{TDXC_SIM_GUEST_READ, gpa, bytes, 0}};

	return tdxc_sim_vmm_run(vm, 0, script, 1).result == TDXC_SIM_GUEST_DONE;
}

static bool map(uint64_t bytes)
{
	return tdxc_sim_vmm_populate(vm, GPA, bytes, true) == TDXC_OK;
}

static bool map_pages(uint64_t n)
{
	return map(n * PAGE);
}

static bool map_large(uint64_t n)
{
	return map(n * LARGE);
}

/* Tables that a first page brings along are not what is counted. */
static bool map_neighbour(uint64_t n)
{
	return tdxc_sim_vmm_populate(vm, GPA + n * LARGE, PAGE, true) ==
	       TDXC_OK;
}

static bool map_and_split(uint64_t n)
{
	return map_large(n) && tdxc_sim_vmm_demote(vm, GPA) == TDXC_OK;
}

static bool remove_pages(uint64_t n)
{
	return tdxc_sim_vmm_balloon(vm, GPA, n * PAGE) == TDXC_OK;
}

static bool remove_large(uint64_t n)
{
	return tdxc_sim_vmm_balloon(vm, GPA, n * LARGE) == TDXC_OK;
}

static bool convert_large(uint64_t n)
{
	return tdxc_sim_vmm_convert(vm, GPA, n * LARGE, false) == TDXC_OK;
}

static bool look_up(uint64_t n)
{
	for (uint64_t i = 0; i < n; i++) {
		if (tdxc_sim_vmm_level(vm, GPA + i % 512 * PAGE, true) == 0)
			return false;
	}
	return true;
}

static bool fault_again(uint64_t n)
{
	return map_pages(n);
}

static bool demote(uint64_t n)
{
	(void)n;
	return tdxc_sim_vmm_demote(vm, GPA) == TDXC_OK;
}

static bool promote(uint64_t n)
{
	(void)n;
	return tdxc_sim_vmm_promote(vm, GPA) == TDXC_OK;
}

static bool relocate(uint64_t n)
{
	for (uint64_t i = 0; i < n; i++) {
		if (tdxc_sim_vmm_relocate(vm, GPA + i * PAGE) != TDXC_OK)
			return false;
	}
	return true;
}

static bool remove_table(uint64_t n)
{
	uint64_t removed;

	return tdxc_sim_vmm_remove_tables(vm, GPA, n * LARGE, &removed) ==
		       TDXC_OK &&
	       removed == n;
}

static bool empty_tables(uint64_t n)
{
	return map_pages(n * 512) && remove_pages(n * 512) &&
	       touch(GPA - LARGE, 8);
}

/* --- cases -----------------------------------------------------------------
 */

/* Of pages: how many, and the limits. */
static uint64_t batches(uint64_t n)
{
	return (n + BATCH - 1) / BATCH;
}

static uint64_t removal(uint64_t n)
{
	return 3 * n + 2 * batches(n);
}

/* One BLOCK and one REMOVE each, and the TRACK. */
static uint64_t large_removal(uint64_t n)
{
	return 2 * n + batches(n);
}

static uint64_t six_each(uint64_t n)
{
	return 6 * n;
}

static uint64_t two_each(uint64_t n)
{
	return 2 * n;
}

static uint64_t one_each(uint64_t n)
{
	return n;
}

static uint64_t three_each(uint64_t n)
{
	return 3 * n;
}

static uint64_t four_each(uint64_t n)
{
	return 4 * n;
}

static uint64_t none(uint64_t n)
{
	(void)n;
	return 0;
}

struct kase {
	const char *name;
	uint64_t n;
	bool small_pages;
	uint32_t promote_to_zap;
	bool (*prepare)(uint64_t n);
	bool (*work)(uint64_t n);
	uint64_t (*limit)(uint64_t n);
	bool less_write_backs;
	uint64_t (*broadcasts)(uint64_t n);
	uint64_t linux_pages; /* each: 4 calls, a broadcast to be removed, or
				 one call to be mapped */
	bool linux_maps;
};

static const struct kase cases[] = {
	{"remove_4k", 1, true, 1, map_pages, remove_pages, removal, false,
	 batches, 1, false},
	{"remove_4k", 8, true, 1, map_pages, remove_pages, removal, false,
	 batches, 8, false},
	{"remove_4k", 64, true, 1, map_pages, remove_pages, removal, false,
	 batches, 64, false},
	{"remove_4k", 511, true, 0, map_pages, remove_pages, removal, false,
	 batches, 511, false},
	{"remove_4k", 512, true, 1, map_pages, remove_pages, removal, false,
	 batches, 512, false},
	{"remove_4k", 4000, true, 1, map_pages, remove_pages, removal, false,
	 batches, 4000, false},
	{"remove_uniform_2m", 1, false, 0, map_and_split, remove_large,
	 six_each, true, two_each, 512, false},
	{"remove_uniform_2m_by_choice", 1, false, 2, map_and_split,
	 remove_large, six_each, true, two_each, 512, false},
	{"remove_2m", 1, false, 0, map_large, remove_large, large_removal, true,
	 batches, 512, false},
	{"remove_2m", 32, false, 0, map_large, remove_large, large_removal,
	 true, batches, 32ull * 512, false},
	{"convert_2m", 4, false, 0, map_large, convert_large, large_removal,
	 true, batches, 4ull * 512, false},
	{"map_2m", 1, false, 0, map_neighbour, map_large, one_each, false, none,
	 512, true},
	{"map_2m", 16, false, 0, map_neighbour, map_large, one_each, false,
	 none, 16ull * 512, true},
	{"look_up", 4096, false, 0, map_pages, look_up, none, false, none, 0,
	 false},
	{"fault_again", 512, true, 0, map_pages, fault_again, none, false, none,
	 0, false},
	{"demote_2m", 1, false, 0, map_large, demote, three_each, false,
	 one_each, 0, false},
	{"promote_2m", 1, false, 0, map_and_split, promote, four_each, false,
	 one_each, 0, false},
	{"relocate_4k", 8, true, 0, map_pages, relocate, four_each, false,
	 one_each, 0, false},
	{"remove_table", 4, true, 1, empty_tables, remove_table, removal, false,
	 batches, 0, false},
};
#define CASES (sizeof(cases) / sizeof(cases[0]))

/* A teardown of 4 GiB: mapped large, and page by page. */
#define TEARDOWNS 2u

uint32_t vmm_cost_count(bool quick)
{
	return (uint32_t)CASES + (quick ? 1 : TEARDOWNS);
}

/* --- measuring -------------------------------------------------------------
 */

static bool up(uint32_t gib, bool static_pamt, uint64_t bytes, bool small_pages,
	       uint32_t promote_to_zap)
{
	const struct tdxc_sim_host_config h = {
		.gib = gib, .static_pamt = static_pamt, .seed = 1};
	const struct tdxc_sim_vmm_config c = {
		.nr_vcpus = 2,
		.slots = {{GPA - LARGE, bytes + LARGE, false}},
		.small_pages = small_pages,
		.promote_to_zap = promote_to_zap,
	};
	int err;

	if (tdxc_sim_host_up(&host, &h) != TDXC_OK)
		return false;
	tdxc_sim_host_thread_begin(&host);
	vm = tdxc_sim_vmm_create(&host, &c, &err);
	return vm && tdxc_sim_vmm_finalize(vm) == TDXC_OK;
}

static bool down(struct tdxc_sim_vmm_counts *counts)
{
	char text[200];
	bool good = vm && tdxc_sim_vmm_destroy(vm, counts) == TDXC_OK &&
		    tdxc_sim_host_check(&host, text, sizeof(text)) == 0;

	vm = NULL;
	tdxc_sim_host_thread_end(&host);
	tdxc_sim_host_down(&host);
	return good;
}

static void take(struct vmm_cost *cost, const struct state *before)
{
	struct state after = state_now();

	cost->calls = after.calls - before->calls;
	cost->write_backs = after.write_backs - before->write_backs;
	cost->broadcasts = after.broadcasts - before->broadcasts;
}

static bool measure(const struct kase *k, bool static_pamt,
		    struct vmm_cost *cost)
{
	struct tdxc_sim_vmm_counts counts;
	struct state before;
	bool good = up(1, static_pamt, 256 * MIB, k->small_pages,
		       k->promote_to_zap) &&
		    k->prepare(k->n);

	cost->name = k->name;
	cost->n = k->n;
	cost->limit = k->limit(k->n);
	cost->broadcast_limit = k->broadcasts(k->n);
	cost->less_write_backs = k->less_write_backs;
	cost->page_by_page_calls = k->linux_pages * (k->linux_maps ? 1 : 4);
	cost->page_by_page_broadcasts = k->linux_maps ? 0 : k->linux_pages;
	before = state_now();
	good = good && k->work(k->n);
	take(cost, &before);
	return down(&counts) && good;
}

static bool measure_teardown(bool small_pages, bool static_pamt,
			     struct vmm_cost *cost)
{
	struct tdxc_sim_vmm_counts counts;
	bool good = up(5, static_pamt, 4 * GIB, small_pages, 0) && map(4 * GIB);

	memset(&counts, 0, sizeof(counts));
	good = down(&counts) && good;
	cost->name = small_pages ? "teardown_4g_4k" : "teardown_4g_2m";
	cost->n = small_pages ? 4 * GIB / PAGE : 4 * GIB / LARGE;
	cost->calls = counts.teardown_calls;
	cost->limit = counts.teardown_least + counts.teardown_least / 100;
	return good;
}

bool vmm_cost_measure(uint32_t i, bool static_pamt, struct vmm_cost *cost)
{
	memset(cost, 0, sizeof(*cost));
	return i < CASES ? measure(&cases[i], static_pamt, cost)
			 : measure_teardown(i > CASES, static_pamt, cost);
}

uint64_t vmm_cost_judged(const struct vmm_cost *cost)
{
	return cost->less_write_backs ? cost->calls - cost->write_backs
				      : cost->calls;
}

bool vmm_cost_is_good(const struct vmm_cost *cost)
{
	return vmm_cost_judged(cost) <= cost->limit &&
	       cost->broadcasts <= cost->broadcast_limit;
}
