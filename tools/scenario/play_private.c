/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * What came of a guest's kernel that made all its memory private: in the host's
 * attributes, the mirror, the EPT of shared memory, the guest's page tables and
 * the pages themselves.
 */
#include <string.h>

#include "play_unshare.h"

/* What was shared is; the host never had what is in flight. */
static bool is_zero(const struct play_kernel *k, uint64_t gpa)
{
	static const uint8_t zeros[SCENARIO_PAGE];
	const void *page = tdxc_sim_vmm_private_page(k->td->vm, gpa);
	uint64_t i;

	for (i = 0; i < k->st->unshare.in_flight; i++) {
		if (k->in_flight[i] == gpa)
			return true;
	}
	return page && memcmp(page, zeros, sizeof zeros) == 0;
}

/* Attributes, mirror, the EPT of shared memory, and contents. */
static const char *what_is_wrong(struct play_kernel *k, uint64_t gpa, bool was)
{
	struct tdxc_sim_vmm *vm = k->td->vm;
	bool kept = was && play_is_in(gpa, k->st->unshare.keep);

	if (tdxc_sim_vmm_is_shared(vm, gpa) != kept)
		return kept ? "the host took what is kept"
			    : "the host has it as shared still";
	if (!was || kept)
		return NULL;
	if (tdxc_sim_vmm_level(vm, gpa, false) != 0)
		return "it is mapped as shared still";
	if (tdxc_sim_vmm_level(vm, gpa, true) == 0)
		return "it is not mapped as private";
	return is_zero(k, gpa) ? NULL : "its old contents are there";
}

static void look_at_pages(struct play_kernel *k)
{
	const char *what;
	size_t i;

	for (i = 0; i < k->td->nr_pages; i++) {
		what = what_is_wrong(k, i * SCENARIO_PAGE,
				     k->td->is_shared[i] != 0);
		if (!what)
			continue;
		play_kernel_wrong(k, what, i * SCENARIO_PAGE);
		return;
	}
}

uint64_t play_kernel_shared(const struct play_kernel *k,
			    struct tdxc_range range)
{
	uint64_t n = 0;
	size_t i;

	for (i = range.start / SCENARIO_PAGE; i < range.end / SCENARIO_PAGE;
	     i++)
		n += k->td->is_shared[i];
	return n;
}

/* Every shared page was found once, and converted or kept. */
static void look_at_counts(struct play_kernel *k)
{
	const struct tdxc_unshare_result *r = &k->engine.result;
	uint64_t kept = play_kernel_shared(k, k->st->unshare.keep);

	if (tdxc_unshare_difference(r->found, (int64_t)k->shared) != 0)
		play_kernel_wrong(k, "pages found", r->found);
	else if (r->converted != k->shared - kept)
		play_kernel_wrong(k, "pages converted", r->converted);
	else if (r->left[TDXC_UNSHARE_KEPT] != kept)
		play_kernel_wrong(k, "pages kept", r->left[TDXC_UNSHARE_KEPT]);
	else if (r->lost != 0)
		play_kernel_wrong(k, "failures that nobody listed", r->lost);
	else if (k->flushes != r->flushes)
		play_kernel_wrong(k, "flushes of the TLB", k->flushes);
}

/* What is left shared in the tables: only what is kept. */
static void look_at_tables(struct play_kernel *k)
{
	struct tdxc_scan_config config = play_kernel_scan(k);
	struct tdxc_scan_run run;
	struct tdxc_scan scan;
	uint64_t pages = 0;

	if (!play_kernel_fine(k, "no scan", tdxc_scan_begin(&scan, &config)))
		return;
	while (tdxc_scan_next_run(&scan, &run) == TDXC_SCAN_LEAF) {
		if (!tdxc_range_contains(k->st->unshare.keep, run.pa))
			play_kernel_wrong(k, "a shared entry is left",
					  run.pa.start);
		pages += tdxc_range_size(run.pa) / SCENARIO_PAGE;
	}
	if (pages != play_kernel_shared(k, k->st->unshare.keep))
		play_kernel_wrong(k, "shared entries that are left", pages);
}

/* What the next kernel is told. */
static void look_at_list(struct play_kernel *k)
{
	size_t entries = 0;
	size_t needed;
	uint64_t pages = 0;
	bool complete = false;
	struct tdxc_range pa;
	size_t i;

	if (!play_kernel_fine(k, "no list for the next kernel",
			      tdxc_unshare_pack(&k->engine, k->words,
						PLAY_LEFT_WORDS, &needed)) ||
	    !play_kernel_fine(
		    k, "no list for the next kernel",
		    tdxc_left_check(k->words, needed, &entries, &complete)))
		return;
	for (i = 0; i < entries; i++) {
		if (tdxc_left_get(k->words, i, &pa) != TDXC_LEFT_KEPT)
			play_kernel_wrong(k, "the list has it as not kept",
					  pa.start);
		pages += tdxc_range_size(pa) / SCENARIO_PAGE;
	}
	if (!complete || pages != play_kernel_shared(k, k->st->unshare.keep))
		play_kernel_wrong(k, "pages in the list for the next kernel",
				  pages);
}

/* A host may convert when a fault comes for the other half; here MapGPA came
 * before each of them. */
uint64_t play_kernel_implicit(const struct play_kernel *k)
{
	struct tdxc_sim_vmm_counts counts;

	tdxc_sim_vmm_read_counts(k->td->vm, &counts);
	return counts.implicit;
}

void play_kernel_look(struct play_kernel *k)
{
	if (play_kernel_implicit(k) != k->implicit)
		play_kernel_wrong(k, "pages that the host was not asked for",
				  play_kernel_implicit(k) - k->implicit);
	if (tdxc_gate_begin(&k->td->gate) != TDXC_E_CANCELED ||
	    tdxc_load_acquire(&k->td->conversions) != k->began)
		play_kernel_wrong(
			k, "a conversion began behind the closed gate", 0);
	look_at_counts(k);
	look_at_pages(k);
	look_at_list(k);
	if (!k->st->unshare.tracked)
		look_at_tables(k);
}

/* Another kernel has the guest: it converts as it likes. */
void play_kernel_next(struct play_kernel *k)
{
	struct play_td *td = k->td;
	uint64_t gpa;
	size_t i;

	memset(&td->gate, 0, sizeof td->gate);
	for (i = 0; i < td->nr_pages; i++) {
		struct tdxc_range page;

		gpa = i * SCENARIO_PAGE;
		if (!td->is_shared[i] || play_is_in(gpa, k->st->unshare.keep))
			continue;
		page.start = gpa;
		page.end = gpa + SCENARIO_PAGE;
		td->stamps[i] = 0;
		if (!play_set_shared(td, page, false))
			play_no_memory(k->p);
	}
}
