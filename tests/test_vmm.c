/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * A VMM on the library and the software platform: every operation on a TD's
 * memory, checked by what its guest finds there, by the auditor, and by the
 * record of who has each page.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vmm.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define KIB	 1024ull
#define MIB	 0x100000ull
#define LOW	 0x10000000ull /* slot 0: image and private memory */
#define HIGH	 0x80000000ull /* slot 1: begins shared */
#define SHARED	 (1ull << 47)
#define RUN(vcpu, ...)                                                         \
	run(vcpu, (const struct tdxc_sim_guest_op[]){__VA_ARGS__},             \
	    COUNT(((const struct tdxc_sim_guest_op[]){__VA_ARGS__})))

static struct tdxc_sim_host host;
static struct tdxc_sim_vmm *vm;
static struct tdxc_sim_vmm_counts counts;

static struct tdxc_sim_vmm_config usual(void)
{
	return (struct tdxc_sim_vmm_config){
		.nr_vcpus = 2,
		.slots = {{LOW, 64 * MIB, false}, {HIGH, 16 * MIB, true}},
	};
}

static void host_up(const struct tdxc_sim_host_config *config)
{
	ck_assert_int_eq(tdxc_sim_host_up(&host, config), TDXC_OK);
	tdxc_sim_host_thread_begin(&host);
}

static void boot(const struct tdxc_sim_vmm_config *config)
{
	int err;

	vm = tdxc_sim_vmm_create(&host, config, &err);
	ck_assert_msg(vm != NULL, "err %d", err);
	ck_assert_int_eq(tdxc_sim_vmm_add_image(vm, LOW, 64 * KIB, 7, true),
			 TDXC_OK);
	ck_assert_int_eq(tdxc_sim_vmm_finalize(vm), TDXC_OK);
}

static void check_host(void)
{
	char text[200];

	ck_assert_msg(tdxc_sim_host_check(&host, text, sizeof(text)) == 0, "%s",
		      text);
}

static void compare(void)
{
	char text[200];

	ck_assert_msg(tdxc_sim_vmm_compare(vm, text, sizeof(text)) == 0, "%s",
		      text);
	check_host();
}

static void up(void)
{
	const struct tdxc_sim_host_config config = {.seed = 1};
	const struct tdxc_sim_vmm_config c = usual();

	host_up(&config);
	boot(&c);
}

/* What became of pages that nobody expected to be lost. */
static void print_lost(void)
{
	for (uint32_t i = 0; i < host.quarantine.room; i++) {
		const struct tdxc_sept_lost *lost = &host.quarantine.lost[i];

		if (lost->state == 0)
			break;
		printf("lost %llx, use %d, gfn %llx: %s answered %llx\n",
		       (unsigned long long)lost->pa, (int)lost->use,
		       (unsigned long long)lost->gfn.n,
		       tdxc_leaf_name(lost->diag.rax),
		       (unsigned long long)lost->diag.status);
	}
}

static void halt(int result)
{
	int err = tdxc_sim_vmm_destroy(vm, &counts);

	if (err != result)
		print_lost();
	ck_assert_int_eq(err, result);
	vm = NULL;
	check_host();
	if (result == TDXC_OK) {
		ck_assert_uint_eq(
			tdxc_sim_host_count(&host, TDXC_SIM_PAGE_QUARANTINED),
			0);
		ck_assert_uint_eq(
			tdxc_sim_host_count(&host, TDXC_SIM_PAGE_LENT), 0);
	}
}

static void power_off(void)
{
	tdxc_sim_host_thread_end(&host);
	tdxc_sim_host_down(&host);
}

static void down(void)
{
	compare();
	halt(TDXC_OK);
	power_off();
}

static void run(uint32_t vcpu, const struct tdxc_sim_guest_op *script, size_t n)
{
	struct tdxc_sim_vmm_result r = tdxc_sim_vmm_run(vm, vcpu, script, n);

	ck_assert_msg(r.result == TDXC_SIM_GUEST_DONE,
		      "result %d, where %llx, status %llx, err %d, why %s",
		      r.result, (unsigned long long)r.where,
		      (unsigned long long)r.status, r.err,
		      vm->why ? vm->why : "-");
}

START_TEST(a_td_boots_from_its_image_and_touches_memory)
{
	RUN(0, {TDXC_SIM_GUEST_VERIFY, LOW, 64 * KIB, 7},
	    {TDXC_SIM_GUEST_WRITE, LOW + 2 * MIB, 3 * MIB, 1},
	    {TDXC_SIM_GUEST_VERIFY, LOW + 2 * MIB, 3 * MIB, 1},
	    {TDXC_SIM_GUEST_WRITE, HIGH | SHARED, MIB, 2},
	    {TDXC_SIM_GUEST_VERIFY, HIGH | SHARED, MIB, 2});
	tdxc_sim_vmm_read_counts(vm, &counts);
	ck_assert_uint_eq(counts.bytes_verified, 64 * KIB + 4 * MIB);
}
END_TEST

/* --- faults ----------------------------------------------------------------
 */

static uint64_t calls_of(uint64_t leaf)
{
	return tdxc_sim_port_calls(&host.port, leaf);
}

START_TEST(a_large_aligned_piece_is_mapped_by_one_aug)
{
	uint64_t augs = calls_of(TDXC_MEM_PAGE_AUG);

	RUN(0, {TDXC_SIM_GUEST_WRITE, LOW + 2 * MIB, 2 * MIB, 3});
	ck_assert_uint_eq(calls_of(TDXC_MEM_PAGE_AUG) - augs, 1);
	ck_assert_uint_eq(tdxc_sim_vmm_level(vm, LOW + 3 * MIB, true), 2);
}
END_TEST

START_TEST(part_of_a_large_pending_page_can_be_accepted_after_a_demotion)
{
	ck_assert_int_eq(
		tdxc_sim_vmm_populate(vm, LOW + 2 * MIB, 2 * MIB, true),
		TDXC_OK);
	ck_assert_uint_eq(tdxc_sim_vmm_level(vm, LOW + 2 * MIB, true), 2);
	RUN(1, {TDXC_SIM_GUEST_ACCEPT_4K, LOW + 2 * MIB, 16 * KIB, 0},
	    {TDXC_SIM_GUEST_WRITE, LOW + 2 * MIB, MIB, 3},
	    {TDXC_SIM_GUEST_VERIFY, LOW + 2 * MIB, MIB, 3});
	ck_assert_uint_eq(tdxc_sim_vmm_level(vm, LOW + 2 * MIB, true), 1);
	ck_assert_uint_eq(calls_of(TDXC_MEM_PAGE_DEMOTE), 1);
}
END_TEST

START_TEST(what_the_guest_accepts_at_4k_is_mapped_at_4k)
{
	RUN(0, {TDXC_SIM_GUEST_ACCEPT_4K, LOW + 2 * MIB, 8 * KIB, 0});
	ck_assert_uint_eq(tdxc_sim_vmm_level(vm, LOW + 2 * MIB, true), 1);
	ck_assert_uint_eq(calls_of(TDXC_MEM_PAGE_DEMOTE), 0);
	RUN(0, {TDXC_SIM_GUEST_ACCEPT_2M, LOW + 4 * MIB, 2 * MIB, 0});
	ck_assert_uint_eq(tdxc_sim_vmm_level(vm, LOW + 4 * MIB, true), 2);
}
END_TEST

/* H8: entering again on every retry looks to the module like an attack. */
START_TEST(h8_a_fault_is_retried_in_place_and_entered_after_once)
{
	struct tdxc_sim_fault_rule rules[] = {
		{.leaf = TDXC_MEM_PAGE_AUG,
		 .per_million = 900000,
		 .value = 0x8000020000000000},
		{.leaf = TDXC_MEM_SEPT_ADD,
		 .per_million = 900000,
		 .value = 0x8000020000000000},
	};
	uint64_t enters;

	/* What is known of each slot's tables after this. */
	RUN(0, {TDXC_SIM_GUEST_WRITE, HIGH | SHARED, 8, 1});
	tdxc_sim_vmm_read_counts(vm, &counts);
	enters = calls_of(TDXC_VP_ENTER);
	tdxc_sim_host_faults(&host, rules, COUNT(rules), 5);
	RUN(0, {TDXC_SIM_GUEST_ACCEPT_4K, LOW + 6 * MIB, 64 * KIB, 0},
	    {TDXC_SIM_GUEST_ACCEPT_4K, LOW + 8 * MIB, 64 * KIB, 0});
	tdxc_sim_host_no_faults(&host);
	ck_assert_uint_gt(rules[0].hits, 32);
	/* 32 pages, and one entry that ends the script */
	ck_assert_uint_eq(calls_of(TDXC_VP_ENTER) - enters, 33);
}
END_TEST

START_TEST(an_access_to_the_other_half_converts_the_page)
{
	RUN(0, {TDXC_SIM_GUEST_WRITE, (LOW + 2 * MIB) | SHARED, 8 * KIB, 4},
	    {TDXC_SIM_GUEST_VERIFY, (LOW + 2 * MIB) | SHARED, 8 * KIB, 4},
	    {TDXC_SIM_GUEST_WRITE, HIGH, 8 * KIB, 5},
	    {TDXC_SIM_GUEST_VERIFY, HIGH, 8 * KIB, 5});
	tdxc_sim_vmm_read_counts(vm, &counts);
	ck_assert_uint_eq(counts.implicit, 4);
	ck_assert_uint_eq(counts.converted, 4);
}
END_TEST

/* --- conversions -----------------------------------------------------------
 */

START_TEST(what_the_guest_shares_the_host_reads_and_the_rest_survives)
{
	uint64_t at = LOW + 8 * MIB;
	uint64_t where;

	RUN(0, {TDXC_SIM_GUEST_WRITE, at, 2 * MIB, 6},
	    {TDXC_SIM_GUEST_SHARE, at + 64 * KIB, 64 * KIB, 0},
	    {TDXC_SIM_GUEST_WRITE, (at + 64 * KIB) | SHARED, 64 * KIB, 8},
	    {TDXC_SIM_GUEST_VERIFY, at, 64 * KIB, 6},
	    {TDXC_SIM_GUEST_VERIFY, at + 128 * KIB, 2 * MIB - 128 * KIB, 6});
	ck_assert_int_eq(tdxc_sim_vmm_host_verify(vm, at + 64 * KIB, 64 * KIB,
						  8, &where),
			 TDXC_OK);
	ck_assert_int_eq(
		tdxc_sim_vmm_host_write(vm, at + 64 * KIB, 64 * KIB, 9),
		TDXC_OK);
	RUN(1, {TDXC_SIM_GUEST_VERIFY, (at + 64 * KIB) | SHARED, 64 * KIB, 9},
	    {TDXC_SIM_GUEST_UNSHARE, at + 64 * KIB, 64 * KIB, 0},
	    {TDXC_SIM_GUEST_ACCEPT_4K, at + 64 * KIB, 64 * KIB, 0},
	    {TDXC_SIM_GUEST_WRITE, at + 64 * KIB, 64 * KIB, 6},
	    {TDXC_SIM_GUEST_VERIFY, at, 2 * MIB, 6});
}
END_TEST

START_TEST(converting_all_of_a_large_page_takes_no_demotion)
{
	uint64_t at = LOW + 8 * MIB;

	RUN(0, {TDXC_SIM_GUEST_WRITE, at, 4 * MIB, 6},
	    {TDXC_SIM_GUEST_SHARE, at, 4 * MIB, 0},
	    {TDXC_SIM_GUEST_WRITE, at | SHARED, 4 * MIB, 7},
	    {TDXC_SIM_GUEST_VERIFY, at | SHARED, 4 * MIB, 7});
	ck_assert_uint_eq(calls_of(TDXC_MEM_PAGE_DEMOTE), 0);
	ck_assert_uint_eq(tdxc_sim_vmm_level(vm, at, false), 2);
	ck_assert_uint_eq(tdxc_sim_vmm_level(vm, at, true), 0);
}
END_TEST

START_TEST(a_conversion_out_of_all_slots_is_refused)
{
	static const struct tdxc_sim_guest_op script[] = {
		{TDXC_SIM_GUEST_SHARE, 0x7000000000, 4 * KIB, 0}};
	struct tdxc_sim_vmm_result r =
		tdxc_sim_vmm_run(vm, 0, script, COUNT(script));

	ck_assert_int_eq(r.result, TDXC_SIM_GUEST_REFUSED);
	ck_assert_uint_eq(r.status, 0x8000000000000000);
	ck_assert_int_eq(
		tdxc_sim_vmm_convert(vm, LOW + 60 * MIB, 8 * MIB, false),
		TDXC_E_NOENT);
	ck_assert_int_eq(tdxc_sim_vmm_convert(vm, LOW + 1, 4 * KIB, false),
			 TDXC_E_INVAL);
}
END_TEST

/* --- the host takes ------------------------------------------------------- */

START_TEST(ballooned_memory_comes_back_empty_and_the_rest_survives)
{
	uint64_t at = LOW + 16 * MIB;

	RUN(0, {TDXC_SIM_GUEST_WRITE, at, 4 * MIB, 2});
	ck_assert_int_eq(tdxc_sim_vmm_balloon(vm, at + MIB, 2 * MIB), TDXC_OK);
	ck_assert_uint_eq(tdxc_sim_vmm_level(vm, at + MIB, true), 0);
	compare();
	RUN(1, {TDXC_SIM_GUEST_VERIFY, at, MIB, 2},
	    {TDXC_SIM_GUEST_VERIFY, at + 3 * MIB, MIB, 2},
	    {TDXC_SIM_GUEST_WRITE, at + MIB, 2 * MIB, 2},
	    {TDXC_SIM_GUEST_VERIFY, at, 4 * MIB, 2});
}
END_TEST

START_TEST(pages_change_size_and_place_under_their_contents)
{
	uint64_t at = LOW + 16 * MIB;
	uint64_t removed;

	RUN(0, {TDXC_SIM_GUEST_WRITE, at, 4 * MIB, 2});
	ck_assert_int_eq(tdxc_sim_vmm_demote(vm, at + 8 * KIB), TDXC_OK);
	ck_assert_uint_eq(tdxc_sim_vmm_level(vm, at, true), 1);
	RUN(1, {TDXC_SIM_GUEST_VERIFY, at, 4 * MIB, 2});
	ck_assert_int_eq(tdxc_sim_vmm_promote(vm, at + MIB), TDXC_OK);
	ck_assert_uint_eq(tdxc_sim_vmm_level(vm, at, true), 2);
	RUN(0, {TDXC_SIM_GUEST_VERIFY, at, 4 * MIB, 2});
	ck_assert_int_eq(tdxc_sim_vmm_relocate(vm, at), TDXC_E_NOENT);
	ck_assert_int_eq(tdxc_sim_vmm_demote(vm, at), TDXC_OK);
	for (uint64_t i = 0; i < 32; i += 3)
		ck_assert_int_eq(tdxc_sim_vmm_relocate(vm, at + i * 4 * KIB),
				 TDXC_OK);
	compare();
	ck_assert_int_eq(tdxc_sim_vmm_promote(vm, at), TDXC_E_NOENT);
	RUN(1, {TDXC_SIM_GUEST_VERIFY, at, 4 * MIB, 2});
	ck_assert_int_eq(tdxc_sim_vmm_balloon(vm, at, 4 * MIB), TDXC_OK);
	ck_assert_int_eq(
		tdxc_sim_vmm_remove_tables(vm, LOW, 64 * MIB, &removed),
		TDXC_OK);
	ck_assert_uint_eq(removed, 1);
}
END_TEST

START_TEST(a_mixed_range_is_not_promoted_and_stays_as_it_is)
{
	uint64_t at = LOW + 16 * MIB;

	RUN(0, {TDXC_SIM_GUEST_ACCEPT_4K, at, 64 * KIB, 0},
	    {TDXC_SIM_GUEST_WRITE, at, 64 * KIB, 2});
	ck_assert_int_eq(tdxc_sim_vmm_promote(vm, at), TDXC_E_NOENT);
	/* mapped, and half of it never accepted */
	ck_assert_int_eq(tdxc_sim_vmm_populate(vm, at + 64 * KIB,
					       2 * MIB - 64 * KIB, true),
			 TDXC_OK);
	ck_assert_int_eq(tdxc_sim_vmm_promote(vm, at), TDXC_E_OPNOTSUPP);
	RUN(0, {TDXC_SIM_GUEST_VERIFY, at, 64 * KIB, 2},
	    {TDXC_SIM_GUEST_WRITE, at, 2 * MIB, 2});
	ck_assert_int_eq(tdxc_sim_vmm_promote(vm, at), TDXC_OK);
	RUN(0, {TDXC_SIM_GUEST_VERIFY, at, 2 * MIB, 2});
}
END_TEST

START_TEST(shared_memory_can_be_unmapped_under_a_running_guest)
{
	static const struct tdxc_sim_guest_op script[] = {
		{TDXC_SIM_GUEST_WRITE, HIGH | SHARED, MIB, 2},
		{TDXC_SIM_GUEST_VERIFY, HIGH | SHARED, MIB, 2},
		{TDXC_SIM_GUEST_LOOP, 0, 0, 0}};
	uint64_t where;

	ck_assert_int_eq(tdxc_sim_vmm_start(vm, 0, script, COUNT(script)),
			 TDXC_OK);
	ck_assert_int_eq(tdxc_sim_vmm_start(vm, 0, script, COUNT(script)),
			 TDXC_E_BUSY);
	for (int i = 0; i < 20; i++) {
		ck_assert_int_eq(tdxc_sim_vmm_unmap_shared(vm, HIGH, 2 * MIB),
				 TDXC_OK);
		ck_assert_int_eq(tdxc_sim_vmm_unmap_all_shared(vm), TDXC_OK);
	}
	do {
		tdxc_sim_vmm_read_counts(vm, &counts);
	} while (counts.shared_faults == 0);
	tdxc_sim_vmm_stop(vm, 0);
	ck_assert_int_eq(tdxc_sim_vmm_join(vm, 0).result, TDXC_SIM_GUEST_DONE);
	RUN(0, {TDXC_SIM_GUEST_WRITE, HIGH | SHARED, MIB, 2});
	ck_assert_int_eq(tdxc_sim_vmm_host_verify(vm, HIGH, MIB, 2, &where),
			 TDXC_OK);
}
END_TEST

/* H9, H10: who faults in a slot that goes holds nothing that its deletion waits
 * for. */
START_TEST(h9_a_slot_can_be_deleted_and_restored_under_a_faulting_guest)
{
	static const struct tdxc_sim_guest_op script[] = {
		{TDXC_SIM_GUEST_WRITE, LOW + 4 * MIB, 4 * MIB, 2},
		{TDXC_SIM_GUEST_READ, HIGH | SHARED, MIB, 2},
		{TDXC_SIM_GUEST_LOOP, 0, 0, 0}};

	for (uint32_t i = 0; i < 2; i++)
		ck_assert_int_eq(
			tdxc_sim_vmm_start(vm, i, script, COUNT(script)),
			TDXC_OK);
	for (int i = 0; i < 10; i++) {
		uint32_t slot = (uint32_t)i % 2;

		ck_assert_int_eq(tdxc_sim_vmm_delete_slot(vm, slot), TDXC_OK);
		ck_assert_int_eq(tdxc_sim_vmm_delete_slot(vm, slot),
				 TDXC_E_NOENT);
		ck_assert_int_eq(tdxc_sim_vmm_restore_slot(vm, slot), TDXC_OK);
	}
	ck_assert_int_eq(tdxc_sim_vmm_restore_slot(vm, 0), TDXC_E_EXIST);
	for (uint32_t i = 0; i < 2; i++)
		tdxc_sim_vmm_stop(vm, i);
	for (uint32_t i = 0; i < 2; i++)
		ck_assert_int_eq(tdxc_sim_vmm_join(vm, i).result,
				 TDXC_SIM_GUEST_DONE);
}
END_TEST

START_TEST(a_vcpu_goes_on_on_another_processor)
{
	static const struct tdxc_sim_guest_op script[] = {
		{TDXC_SIM_GUEST_WRITE, LOW + 4 * MIB, 64 * KIB, 2},
		{TDXC_SIM_GUEST_VERIFY, LOW + 4 * MIB, 64 * KIB, 2},
		{TDXC_SIM_GUEST_LOOP, 0, 0, 0}};
	uint64_t flushes = calls_of(TDXC_VP_FLUSH);

	ck_assert_int_eq(tdxc_sim_vmm_start(vm, 1, script, COUNT(script)),
			 TDXC_OK);
	for (uint32_t lp = 0; lp < host.description.nr_lps; lp++) {
		ck_assert_int_eq(tdxc_sim_vmm_migrate(vm, 1, lp), TDXC_OK);
		while (tdxc_load_acquire(&vm->td_vcpus[1].cpu) != lp + 1)
			;
	}
	tdxc_sim_vmm_stop(vm, 1);
	ck_assert_int_eq(tdxc_sim_vmm_join(vm, 1).result, TDXC_SIM_GUEST_DONE);
	ck_assert_uint_ge(calls_of(TDXC_VP_FLUSH) - flushes,
			  host.description.nr_lps - 1);
	ck_assert_int_eq(tdxc_sim_vmm_migrate(vm, 1, 1000), TDXC_E_INVAL);
}
END_TEST

/* --- machines --------------------------------------------------------------
 */

/* A bit of everything; the same on every machine. */
static void exercise(void)
{
	uint64_t at = LOW + 2 * MIB;
	uint64_t removed;

	RUN(0, {TDXC_SIM_GUEST_VERIFY, LOW, 64 * KIB, 7},
	    {TDXC_SIM_GUEST_WRITE, at, 2 * MIB, 1},
	    {TDXC_SIM_GUEST_SHARE, at, 8 * KIB, 0},
	    {TDXC_SIM_GUEST_WRITE, at | vm->alias, 8 * KIB, 2},
	    {TDXC_SIM_GUEST_VERIFY, at | vm->alias, 8 * KIB, 2},
	    {TDXC_SIM_GUEST_VERIFY, at + 8 * KIB, 2 * MIB - 8 * KIB, 1});
	ck_assert_int_eq(tdxc_sim_vmm_relocate(vm, at + 12 * KIB), TDXC_OK);
	RUN(1, {TDXC_SIM_GUEST_UNSHARE, at, 8 * KIB, 0},
	    {TDXC_SIM_GUEST_WRITE, at, 8 * KIB, 1},
	    {TDXC_SIM_GUEST_VERIFY, at, 2 * MIB, 1});
	compare();
	ck_assert_int_eq(tdxc_sim_vmm_balloon(vm, at, 2 * MIB), TDXC_OK);
	ck_assert_int_eq(
		tdxc_sim_vmm_remove_tables(vm, LOW, 64 * MIB, &removed),
		TDXC_OK);
	RUN(0, {TDXC_SIM_GUEST_WRITE, at, 64 * KIB, 9},
	    {TDXC_SIM_GUEST_VERIFY, at, 64 * KIB, 9});
	compare();
}

static const struct tdxc_sim_host_config machines[] = {
	{.static_pamt = true, .seed = 2},
	{.lines = true, .seed = 3},
	{.lines = true, .erratum = true, .seed = 4},
	{.nr_lps = 3, .nr_packages = 1, .gib = 1, .seed = 5},
	{.seed = 6}, /* five levels */
	{.seed = 7}, /* small pages */
};

START_TEST(the_same_happens_on_every_machine)
{
	struct tdxc_sim_vmm_config c = usual();

	host_up(&machines[_i]);
	c.levels = _i == 4 ? 5 : 4;
	c.small_pages = _i == 5;
	boot(&c);
	exercise();
	halt(TDXC_OK);
	power_off();
}
END_TEST

START_TEST(what_makes_no_sense_is_refused)
{
	const struct tdxc_sim_host_config config = {.seed = 1};
	struct tdxc_sim_vmm_config c = usual();
	int err;

	host_up(&config);
	c.nr_vcpus = 0;
	ck_assert_ptr_null(tdxc_sim_vmm_create(&host, &c, &err));
	ck_assert_int_eq(err, TDXC_E_INVAL);
	c = usual();
	c.slots[0].gpa = 4096;
	ck_assert_ptr_null(tdxc_sim_vmm_create(&host, &c, &err));
	ck_assert_int_eq(err, TDXC_E_INVAL);
	/* H13: no slot reaches the alias bit */
	c = usual();
	c.slots[0].gpa = SHARED - 2 * MIB;
	ck_assert_ptr_null(tdxc_sim_vmm_create(&host, &c, &err));
	ck_assert_int_eq(err, TDXC_E_INVAL);
	check_host();
	power_off();
}
END_TEST

START_TEST(a_teardown_costs_no_call_more_than_it_must)
{
	const struct tdxc_sim_host_config config = {.seed = 1};
	struct tdxc_sim_vmm_config c = usual();

	host_up(&config);
	c.small_pages = _i == 1;
	boot(&c);
	RUN(0, {TDXC_SIM_GUEST_WRITE, LOW + 2 * MIB, 8 * MIB, 1},
	    {TDXC_SIM_GUEST_SHARE, LOW + 4 * MIB, 16 * KIB, 0});
	halt(TDXC_OK);
	ck_assert_uint_eq(counts.teardown_calls, counts.teardown_least);
	power_off();
}
END_TEST

/* --- calls that fail -------------------------------------------------------
 */

#define BUSY	    0x8000020000000000ull
#define FATAL	    0xC000010000000000ull /* OPERAND_INVALID */
#define TD_FATAL    0xE000000000000000ull
#define EPOCH_BUSY  0x8000020100000000ull
#define INTERRUPTED 0x8000000300000000ull

static struct tdxc_sim_fault_rule rule;

static void fail_with(uint64_t leaf, uint64_t status, uint64_t most)
{
	rule = (struct tdxc_sim_fault_rule){.leaf = (uint32_t)leaf,
					    .per_million = 1000000,
					    .most = most,
					    .value = status};
	tdxc_sim_host_faults(&host, &rule, 1, 3);
}

static uint64_t quarantined(void)
{
	return tdxc_sim_host_count(&host, TDXC_SIM_PAGE_QUARANTINED);
}

/* H6: busy as long as the guarded retry is not made; then it goes. */
START_TEST(h6_a_removal_gets_through_a_module_that_is_busy)
{
	static const uint64_t leaves[] = {TDXC_MEM_RANGE_BLOCK, TDXC_MEM_TRACK,
					  TDXC_MEM_PAGE_REMOVE};
	uint64_t at = LOW + 16 * MIB;

	RUN(0, {TDXC_SIM_GUEST_WRITE, at, 64 * KIB, 2});
	fail_with(leaves[_i], BUSY, TDXC_ATTEMPTS_BUSY);
	ck_assert_int_eq(tdxc_sim_vmm_balloon(vm, at, 64 * KIB), TDXC_OK);
	tdxc_sim_host_no_faults(&host);
	ck_assert_uint_eq(rule.hits, TDXC_ATTEMPTS_BUSY);
	ck_assert_uint_eq(vm->sept.counts.guarded, 1);
	ck_assert_uint_eq(quarantined(), 0);
}
END_TEST

/* H7: a vCPU that cannot get in is outside for whoever waits for that. */
START_TEST(h7_a_vcpu_that_finds_the_module_busy_does_not_hold_a_removal_up)
{
	static const struct tdxc_sim_guest_op script[] = {
		{TDXC_SIM_GUEST_WRITE, LOW + 4 * MIB, 64 * KIB, 2},
		{TDXC_SIM_GUEST_LOOP, 0, 0, 0}};
	uint64_t at = LOW + 16 * MIB;

	RUN(1, {TDXC_SIM_GUEST_WRITE, at, 64 * KIB, 2});
	fail_with(TDXC_VP_ENTER, BUSY, 0);
	rule.per_million = 950000;
	ck_assert_int_eq(tdxc_sim_vmm_start(vm, 0, script, COUNT(script)),
			 TDXC_OK);
	ck_assert_int_eq(tdxc_sim_vmm_balloon(vm, at, 64 * KIB), TDXC_OK);
	tdxc_sim_vmm_stop(vm, 0);
	ck_assert_int_eq(tdxc_sim_vmm_join(vm, 0).result, TDXC_SIM_GUEST_DONE);
	tdxc_sim_host_no_faults(&host);
}
END_TEST

/* H20: a page of 2 MiB must not appear over frames that are being converted. */
START_TEST(h20_half_of_a_large_page_is_converted_under_faults_on_the_other_half)
{
	static const struct tdxc_sim_guest_op script[] = {
		{TDXC_SIM_GUEST_WRITE, LOW + 17 * MIB, 64 * KIB, 2},
		{TDXC_SIM_GUEST_VERIFY, LOW + 17 * MIB, 64 * KIB, 2},
		{TDXC_SIM_GUEST_LOOP, 0, 0, 0}};
	uint64_t at = LOW + 16 * MIB;

	ck_assert_int_eq(tdxc_sim_vmm_start(vm, 0, script, COUNT(script)),
			 TDXC_OK);
	for (uint64_t i = 0; i < 30; i++) {
		uint64_t part = at + i % 3 * 128 * KIB;

		ck_assert_int_eq(
			tdxc_sim_vmm_convert(vm, part, 256 * KIB, i % 2 == 1),
			TDXC_OK);
		ck_assert_uint_ne(
			tdxc_sim_vmm_level(vm, at, true) == 2 && i % 2 == 0, 1);
	}
	tdxc_sim_vmm_stop(vm, 0);
	ck_assert_int_eq(tdxc_sim_vmm_join(vm, 0).result, TDXC_SIM_GUEST_DONE);
}
END_TEST

/* H21: TDs come and go beside one that runs. */
START_TEST(h21_a_td_runs_on_while_others_are_built_and_taken_down)
{
	static const struct tdxc_sim_guest_op script[] = {
		{TDXC_SIM_GUEST_WRITE, LOW + 4 * MIB, 64 * KIB, 2},
		{TDXC_SIM_GUEST_VERIFY, LOW + 4 * MIB, 64 * KIB, 2},
		{TDXC_SIM_GUEST_LOOP, 0, 0, 0}};
	struct tdxc_sim_vmm_config c = usual();
	int err;

	c.nr_vcpus = 8;
	ck_assert_int_eq(tdxc_sim_vmm_start(vm, 0, script, COUNT(script)),
			 TDXC_OK);
	for (int i = 0; i < 5; i++) {
		struct tdxc_sim_vmm *other =
			tdxc_sim_vmm_create(&host, &c, &err);

		ck_assert_msg(other != NULL, "err %d", err);
		ck_assert_int_eq(tdxc_sim_vmm_destroy(other, NULL), TDXC_OK);
	}
	tdxc_sim_vmm_stop(vm, 0);
	ck_assert_int_eq(tdxc_sim_vmm_join(vm, 0).result, TDXC_SIM_GUEST_DONE);
}
END_TEST

START_TEST(too_little_memory_fails_an_operation_and_nothing_else)
{
	uint64_t at = LOW + 16 * MIB;

	for (uint64_t n = 1; n < 40; n++) {
		int err;

		host.fail_pages = n;
		err = tdxc_sim_vmm_populate(vm, at, 2 * MIB, true);
		if (err == TDXC_OK)
			err = tdxc_sim_vmm_demote(vm, at);
		ck_assert(err == TDXC_OK || err == TDXC_E_NOMEM);
		host.fail_pages = 0;
		compare();
	}
	RUN(0, {TDXC_SIM_GUEST_WRITE, at, 4 * MIB, 1},
	    {TDXC_SIM_GUEST_VERIFY, at, 4 * MIB, 1});
}
END_TEST

struct failure {
	uint64_t leaf;
	int (*work)(uint64_t gpa);
	uint64_t lost; /* pages of 4K that are never the host's again */
};

static int balloon_it(uint64_t gpa)
{
	return tdxc_sim_vmm_balloon(vm, gpa, 2 * MIB);
}

static int demote_it(uint64_t gpa)
{
	return tdxc_sim_vmm_demote(vm, gpa);
}

static int convert_part(uint64_t gpa)
{
	return tdxc_sim_vmm_convert(vm, gpa, 64 * KIB, false);
}

static int map_next(uint64_t gpa)
{
	return tdxc_sim_vmm_populate(vm, gpa + 2 * MIB, 2 * MIB, true);
}

static const struct failure failures[] = {
	{TDXC_MEM_RANGE_BLOCK, balloon_it, 0},
	{TDXC_MEM_TRACK, balloon_it, 0},
	{TDXC_MEM_PAGE_REMOVE, balloon_it, 0},
	{TDXC_PHYMEM_PAGE_WBINVD, balloon_it, 512},
	/* H14: then it is large in the mirror too, or the VM is dead. */
	{TDXC_MEM_PAGE_DEMOTE, demote_it, 0},
	{TDXC_MEM_PAGE_DEMOTE, convert_part, 0},
	{TDXC_MEM_PAGE_AUG, map_next, 0},
};

/* What nobody can mend stops the VM, is named, and is never handed back. */
START_TEST(a_failure_that_means_anything_kills_the_vm_and_leaks_on_purpose)
{
	const struct tdxc_sim_host_config config = {.seed = 1};
	const struct tdxc_sim_vmm_config c = usual();
	const struct failure *f = &failures[_i];
	uint64_t at = LOW + 16 * MIB;
	struct tdxc_sim_vmm_result r;
	int err;

	host_up(&config);
	boot(&c);
	RUN(0, {TDXC_SIM_GUEST_WRITE, at, 2 * MIB, 2});
	fail_with(f->leaf, FATAL, 1);
	err = f->work(at);
	tdxc_sim_host_no_faults(&host);
	ck_assert_int_eq(err, TDXC_E_IO);
	ck_assert_uint_eq(rule.hits, 1);
	ck_assert_uint_ne(vm->dead, 0);
	ck_assert_ptr_nonnull(vm->why);
	ck_assert_uint_gt(host.quarantine.count, 0);
	/* nothing is lent, no vCPU enters */
	ck_assert_int_eq(
		tdxc_sim_vmm_populate(vm, LOW + 8 * MIB, 4 * KIB, true),
		TDXC_E_IO);
	r = tdxc_sim_vmm_run(vm, 1,
			     (const struct tdxc_sim_guest_op[]){
				     {TDXC_SIM_GUEST_READ, LOW, 8, 0}},
			     1);
	ck_assert_int_eq(r.result, TDXC_SIM_GUEST_STUCK);
	ck_assert_int_eq(r.err, TDXC_E_IO);
	check_host();
	halt(TDXC_E_IO);
	ck_assert_uint_ge(quarantined(), f->lost);
	ck_assert_uint_eq(tdxc_sim_host_count(&host, TDXC_SIM_PAGE_LENT), 0);
	power_off();
}
END_TEST

/* --- each call of a life fails once ----------------------------------------
 */

/* A VM's whole life; errors are followed, not judged. */
static void live(void)
{
	const struct tdxc_sim_vmm_config c = usual();
	uint64_t at = LOW + 2 * MIB;
	const struct tdxc_sim_guest_op script[] = {
		{TDXC_SIM_GUEST_WRITE, at, 16 * KIB, 1},
		{TDXC_SIM_GUEST_SHARE, at, 8 * KIB, 0},
		{TDXC_SIM_GUEST_WRITE, at | SHARED, 4 * KIB, 1},
		{TDXC_SIM_GUEST_VERIFY, at | SHARED, 4 * KIB, 1},
		{TDXC_SIM_GUEST_VERIFY, at + 8 * KIB, 8 * KIB, 1},
	};
	struct tdxc_sim_vmm_result r;
	uint64_t removed;
	int err;

	vm = tdxc_sim_vmm_create(&host, &c, &err);
	if (!vm)
		return;
	if (tdxc_sim_vmm_add_image(vm, LOW, 4 * KIB, 7, true) == TDXC_OK &&
	    tdxc_sim_vmm_finalize(vm) == TDXC_OK) {
		r = tdxc_sim_vmm_run(vm, 0, script, COUNT(script));
		/* no byte of a guest that lives is lost */
		ck_assert_int_ne(r.result, TDXC_SIM_GUEST_WRONG);
		ck_assert_int_ne(r.result, TDXC_SIM_GUEST_STALE);
		(void)tdxc_sim_vmm_relocate(vm, at + 12 * KIB);
		(void)tdxc_sim_vmm_populate(vm, at + 2 * MIB, 2 * MIB, true);
		(void)tdxc_sim_vmm_demote(vm, at + 2 * MIB);
		(void)tdxc_sim_vmm_promote(vm, at + 2 * MIB);
		(void)tdxc_sim_vmm_balloon(vm, at, 4 * MIB);
		(void)tdxc_sim_vmm_remove_tables(vm, LOW, 64 * MIB, &removed);
	}
	(void)tdxc_sim_vmm_destroy(vm, NULL);
	vm = NULL;
}

static uint64_t calls_of_a_life(void)
{
	const struct tdxc_sim_host_config config = {.gib = 1, .seed = 1};
	uint64_t calls;

	host_up(&config);
	calls = tdxc_sim_port_all_calls(&host.port);
	live();
	calls = tdxc_sim_port_all_calls(&host.port) - calls;
	power_off();
	return calls;
}

/* Of calls that are made to fail; 1 when the scale is large enough. */
#define STRIDE 144u

static uint64_t stride(void)
{
	const char *scale = getenv("TDXC_TEST_SCALE");
	uint64_t n = scale ? strtoull(scale, NULL, 0) : 1;

	return n == 0 || n > STRIDE ? 1 : STRIDE / n;
}

START_TEST(whichever_call_fails_every_page_is_accounted_for)
{
	static const uint64_t statuses[] = {FATAL, TD_FATAL, BUSY, EPOCH_BUSY,
					    INTERRUPTED};
	const struct tdxc_sim_host_config config = {
		.gib = 1, .seed = 1, .limits = {{1, 2, 2, 2}}};
	uint64_t calls = calls_of_a_life();
	uint64_t first = 1 + (uint64_t)_i * stride() / COUNT(statuses);

	ck_assert_uint_gt(calls, 100);
	host_up(&config);
	for (uint64_t n = first; n <= calls; n += stride()) {
		rule = (struct tdxc_sim_fault_rule){
			.leaf = TDXC_SIM_FAULT_ANY_LEAF,
			.nth = n,
			.value = statuses[_i]};
		tdxc_sim_host_faults(&host, &rule, 1, 3);
		live();
		tdxc_sim_host_no_faults(&host);
		check_host();
		ck_assert_uint_eq(
			tdxc_sim_host_count(&host, TDXC_SIM_PAGE_LENT), 0);
	}
	power_off();
}
END_TEST

static Suite *make_suite(void)
{
	Suite *s = suite_create("vmm");
	TCase *tc = tcase_create("usual");

	tcase_add_checked_fixture(tc, up, down);
	tcase_add_test(tc, a_td_boots_from_its_image_and_touches_memory);
	tcase_add_test(tc, a_large_aligned_piece_is_mapped_by_one_aug);
	tcase_add_test(
		tc,
		part_of_a_large_pending_page_can_be_accepted_after_a_demotion);
	tcase_add_test(tc, what_the_guest_accepts_at_4k_is_mapped_at_4k);
	tcase_add_test(tc,
		       h8_a_fault_is_retried_in_place_and_entered_after_once);
	tcase_add_test(tc, an_access_to_the_other_half_converts_the_page);
	tcase_add_test(
		tc, what_the_guest_shares_the_host_reads_and_the_rest_survives);
	tcase_add_test(tc, converting_all_of_a_large_page_takes_no_demotion);
	tcase_add_test(tc, a_conversion_out_of_all_slots_is_refused);
	tcase_add_test(tc,
		       ballooned_memory_comes_back_empty_and_the_rest_survives);
	tcase_add_test(tc, pages_change_size_and_place_under_their_contents);
	tcase_add_test(tc, a_mixed_range_is_not_promoted_and_stays_as_it_is);
	tcase_add_test(tc, shared_memory_can_be_unmapped_under_a_running_guest);
	tcase_add_test(
		tc,
		h9_a_slot_can_be_deleted_and_restored_under_a_faulting_guest);
	tcase_add_test(tc, a_vcpu_goes_on_on_another_processor);
	tcase_add_loop_test(tc, h6_a_removal_gets_through_a_module_that_is_busy,
			    0, 3);
	tcase_add_test(
		tc,
		h7_a_vcpu_that_finds_the_module_busy_does_not_hold_a_removal_up);
	tcase_add_test(
		tc,
		h20_half_of_a_large_page_is_converted_under_faults_on_the_other_half);
	tcase_add_test(tc,
		       h21_a_td_runs_on_while_others_are_built_and_taken_down);
	tcase_add_test(tc,
		       too_little_memory_fails_an_operation_and_nothing_else);
	suite_add_tcase(s, tc);
	tc = tcase_create("machines");
	tcase_add_loop_test(tc, the_same_happens_on_every_machine, 0,
			    (int)COUNT(machines));
	tcase_add_test(tc, what_makes_no_sense_is_refused);
	tcase_add_loop_test(tc, a_teardown_costs_no_call_more_than_it_must, 0,
			    2);
	tcase_add_loop_test(
		tc,
		a_failure_that_means_anything_kills_the_vm_and_leaks_on_purpose,
		0, (int)COUNT(failures));
	tcase_add_loop_test(
		tc, whichever_call_fails_every_page_is_accounted_for, 0, 5);
	suite_add_tcase(s, tc);
	return s;
}

int main(void)
{
	SRunner *runner = srunner_create(make_suite());
	int failed;

	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
