/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* From one TDX module to the next: the P-SEAMLDR, hand-off data, and the TDs
 * that live through it. */
#include <check.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "audit.h"
#include "guest.h"
#include "image.h"
#include "sim/sim_fixture.h"

#define COUNT(a)    (sizeof(a) / sizeof((a)[0]))
#define PAGE	    4096ull
#define SEAMLDR	    (1ull << 63)
#define INFO	    (SEAMLDR | 0)
#define INSTALL	    (SEAMLDR | 1)
#define ABSENT	    TDXC_STATUS_VMFAILINVALID
#define BAD_PARAM   TDXC_SIM_SEAMLDR_BAD_PARAM
#define BAD_CALL    TDXC_SIM_SEAMLDR_BAD_CALL
#define BAD_SIGN    TDXC_SIM_SEAMLDR_BAD_SIGNATURE
#define NO_UPDATES  TDXC_SIM_SEAMLDR_NO_UPDATES
#define BAD_RCX	    0xC000010000000001ull
#define SYS_BUSY    0x8000020200000000ull
#define SHUT_DOWN   0xC000050600000000ull
#define WRONG_STATE 0xC000050800000000ull
#define BAD_HANDOFF 0xC000050900000000ull
#define SENSITIVE   0x8000051200000000ull
#define BAD_MRTD    0xC000062200000000ull
#define NOT_FREE    0xC000082000000000ull
#define AVOID	    (1ull << 16)

/* Shared memory for what the P-SEAMLDR reads and writes. */
#define SOURCE	  0x01000000ull
#define OUT	  0x0E000000ull
#define PARAMS	  0x0F000000ull
#define SIGNATURE 0x10000000ull
#define MODULE	  0x10001000ull
#define SEAMRR	  0x90000000ull
#define LPS	  4u

static struct sim_fixture f;

static const struct tdxc_sim_identity old_module = {1, 5, 6, 800, 3, 1, 0};
static const struct tdxc_sim_identity new_module = {1, 5, 8, 900, 5, 2, 0};

static void up_as(enum tdxc_sim_profile profile, bool lines)
{
	const struct sim_shape shape = {
		.nr_lps = LPS,
		.nr_packages = 2,
		.nr_tdmrs = 1,
		.gib = 1,
		.profile = profile,
		.lines = lines,
		.identity = old_module,
	};

	ck_assert_uint_eq(sim_up(&f, &shape), 0);
}

static void up(void)
{
	up_as(TDXC_SIM_PROFILE_NEWER, false);
}

static void down(void)
{
	sim_down(&f);
}

static void put(uint64_t pa, const void *data, size_t bytes)
{
	ck_assert_int_eq(tdxc_sim_machine_store(&f.machine, 0, pa, data, bytes),
			 0);
}

static void put64(uint64_t pa, uint64_t value)
{
	ck_assert(tdxc_sim_machine_write64(&f.machine, pa, value));
}

static void put32(uint64_t pa, uint32_t value)
{
	put(pa, &value, sizeof(value));
}

/* A module in memory, and the parameters to install it with. */
static void place(const struct tdxc_sim_identity *identity, uint32_t nr_pages)
{
	char *image = malloc(tdxc_sim_image_bytes(nr_pages));
	static const char zero[PAGE];

	ck_assert_ptr_nonnull(image);
	tdxc_sim_image_build(image, nr_pages, identity);
	put(SIGNATURE, image + PAGE, (nr_pages + 1) * PAGE);
	free(image);
	put(PARAMS, zero, sizeof(zero));
	put32(PARAMS + 4, 1);
	put64(PARAMS + 8, SIGNATURE);
	put64(PARAMS + 120, nr_pages);
	for (uint32_t i = 0; i < nr_pages; i++)
		put64(PARAMS + 128 + 8ull * i, MODULE + i * PAGE);
}

static uint64_t call(uint32_t lp, uint64_t leaf, uint64_t rcx)
{
	return SIM_CALL(&f, lp, leaf, rcx);
}

static uint64_t install_all(void)
{
	uint64_t status = 0;

	for (uint32_t lp = 0; status == 0 && lp < LPS; lp++)
		status = call(lp, INSTALL, PARAMS);
	return status;
}

static uint64_t init_all(void)
{
	uint64_t status = call(0, 33, 0);

	for (uint32_t lp = 0; status == 0 && lp < LPS; lp++)
		status = call(lp, 35, 0);
	return status;
}

/* All that a host does; the status of SYS.UPDATE. */
static uint64_t update(const struct tdxc_sim_identity *identity,
		       uint64_t shutdown)
{
	place(identity, 3);
	ck_assert_uint_eq(call(0, 52, shutdown), 0);
	ck_assert_uint_eq(install_all(), 0);
	ck_assert_uint_eq(init_all(), 0);
	return call(0, 53, 0);
}

static uint64_t field(uint64_t id)
{
	struct tdxc_sim_regs out;

	ck_assert_uint_eq(sim_call(&f, 0, (const uint64_t[5]){34, 0, id}, &out),
			  0);
	return out.gpr[TDXC_SIM_R8];
}

static void audit(void)
{
	struct tdxc_sim_violation wrong;

	ck_assert_msg(tdxc_sim_audit(&f.machine, &wrong) == 0, "%s",
		      wrong.text);
}

/* --- the P-SEAMLDR ------------------------------------------------------- */

START_TEST(info_tells_of_the_p_seamldr_and_what_is_left)
{
	struct {
		uint32_t version, attributes, vendor, build_date;
		uint16_t build, minor, major, update;
		uint32_t acm_x2apic_id, remaining;
		uint8_t seam_info[128];
		uint8_t seam_ready, seam_debug, p_seam_ready, reserved[93];
	} info;

	ck_assert_uint_eq(sizeof(info), 256);
	ck_assert_uint_eq(call(2, INFO, OUT + 256), 0);
	ck_assert_int_eq(tdxc_sim_machine_load(&f.machine, 0, OUT + 256, &info,
					       sizeof(info)),
			 0);
	ck_assert_uint_eq(info.version, 0);
	ck_assert_uint_eq(info.vendor, 0x8086);
	ck_assert_uint_eq(info.major, 1);
	ck_assert_uint_eq(info.remaining, TDXC_SIM_SEAMLDR_UPDATES);
	ck_assert_uint_eq(info.seam_ready, 1);
	ck_assert_uint_eq(info.p_seam_ready, 1);
	ck_assert_uint_eq(update(&new_module, 3), 0);
	ck_assert_uint_eq(call(2, INFO, OUT), 0);
	ck_assert_uint_eq(tdxc_sim_machine_read64(&f.machine, OUT + 24) >> 32,
			  TDXC_SIM_SEAMLDR_UPDATES - 1);
}
END_TEST

START_TEST(info_wants_an_aligned_shared_buffer)
{
	const uint64_t key = tdxc_sim_machine_keyed(&f.machine, OUT, 32);

	ck_assert_uint_eq(call(0, INFO, OUT + 128), BAD_PARAM);
	ck_assert_uint_eq(call(0, INFO, SEAMRR), BAD_PARAM);
	ck_assert_uint_eq(call(0, INFO, key), BAD_PARAM);
	ck_assert_uint_eq(call(0, INFO, 1ull << 52), BAD_PARAM);
	ck_assert_uint_eq(call(0, SEAMLDR | 2, OUT), BAD_CALL);
	ck_assert_uint_eq(call(0, INFO | 1 << 16, OUT), BAD_CALL);
}
END_TEST

/* One word of the parameters, or of the image, changed. */
static const struct broken {
	uint64_t at;
	uint64_t value;
	uint64_t status;
} broken[] = {
	{PARAMS, 1ull << 32 | 1, BAD_PARAM}, /* version */
	{PARAMS, 2ull << 32, BAD_PARAM},     /* scenario */
	{PARAMS + 8, 0, BAD_PARAM},	     /* no signature */
	{PARAMS + 8, SIGNATURE + 8, BAD_PARAM},
	{PARAMS + 8, SEAMRR, BAD_PARAM},
	{PARAMS + 16, 1, BAD_PARAM}, /* reserved */
	{PARAMS + 112, 1ull << 63, BAD_PARAM},
	{PARAMS + 120, 0, BAD_PARAM}, /* pages */
	{PARAMS + 120, 497, BAD_PARAM},
	{PARAMS + 120, 1ull << 32 | 3, BAD_PARAM},
	{PARAMS + 120, 2, BAD_SIGN},
	{PARAMS + 128, MODULE + 1, BAD_PARAM},
	{PARAMS + 144, 1ull << 52, BAD_PARAM},
	{PARAMS + 144, 32ull << 46 | MODULE, BAD_PARAM}, /* private KeyID */
	{PARAMS + 136, MODULE + 2 * PAGE, BAD_SIGN},	 /* wrong order */
	{SIGNATURE, 1, BAD_SIGN},
	{SIGNATURE + 8, 2, BAD_SIGN},
	{MODULE, 1, BAD_SIGN},
	{MODULE + 3 * PAGE - 8, 1, BAD_SIGN},
};

START_TEST(a_bad_module_is_refused_and_the_one_that_is_shut_down_stays)
{
	const struct broken *b = &broken[_i];
	uint64_t good;

	place(&new_module, 3);
	good = tdxc_sim_machine_read64(&f.machine, b->at);
	put64(b->at, b->value);
	ck_assert_uint_eq(call(0, 52, 3), 0);
	ck_assert_uint_eq(call(0, INSTALL, PARAMS), b->status);
	ck_assert_uint_eq(call(0, 34, UINT64_MAX), SHUT_DOWN);
	put64(b->at, good);
	ck_assert_uint_eq(call(0, INSTALL, PARAMS), 0);
	put64(b->at, b->value);
	ck_assert_uint_ne(call(1, INSTALL, PARAMS), 0);
	put64(b->at, good);
	for (uint32_t lp = 1; lp < LPS; lp++)
		ck_assert_uint_eq(call(lp, INSTALL, PARAMS), 0);
	ck_assert_uint_eq(init_all(), 0);
	ck_assert_uint_eq(call(0, 53, 0), 0);
}
END_TEST

START_TEST(the_parameters_are_an_aligned_shared_page)
{
	place(&new_module, 1);
	ck_assert_uint_eq(call(0, 52, 3), 0);
	ck_assert_uint_eq(call(0, INSTALL, PARAMS + 256), BAD_PARAM);
	ck_assert_uint_eq(call(0, INSTALL, SEAMRR), BAD_PARAM);
}
END_TEST

START_TEST(modules_of_one_and_of_496_pages_install)
{
	place(&new_module, 1);
	ck_assert_uint_eq(call(0, 52, 3), 0);
	ck_assert_uint_eq(install_all(), 0);
	ck_assert_uint_eq(init_all(), 0);
	ck_assert_uint_eq(call(0, 53, 0), 0);
	place(&new_module, TDXC_SIM_IMAGE_MAX_PAGES);
	ck_assert_uint_eq(call(0, 52, 5), 0);
	ck_assert_uint_eq(install_all(), 0);
}
END_TEST

START_TEST(install_waits_for_shutdown_and_for_every_processor_once)
{
	place(&new_module, 3);
	ck_assert_uint_eq(call(0, INSTALL, PARAMS), BAD_CALL);
	ck_assert_uint_eq(call(1, 52, 3), 0);
	ck_assert_uint_eq(call(0, 44, 0), 0);
	for (uint32_t lp = 0; lp < LPS; lp++) {
		ck_assert_uint_eq(call(lp, INSTALL, PARAMS), 0);
		if (lp == LPS - 1)
			break;
		ck_assert_uint_eq(call(lp, INSTALL, PARAMS), BAD_CALL);
		ck_assert_uint_eq(call(lp, 34, UINT64_MAX), ABSENT);
		ck_assert_uint_eq(call(lp, 33, 0), ABSENT);
		ck_assert_uint_eq(call(LPS - 1, 44, 0), ABSENT);
	}
	ck_assert_uint_eq(call(0, INSTALL, PARAMS), BAD_CALL);
	ck_assert_uint_eq(f.machine.module.state, TDXC_SIM_SYSINIT_PENDING);
}
END_TEST

START_TEST(a_call_while_another_is_in_the_p_seamldr_fails_as_an_instruction)
{
	struct tdxc_sim_regs regs = {{INSTALL, PARAMS, 2, 3}};

	place(&new_module, 3);
	ck_assert_uint_eq(call(0, 52, 3), 0);
	f.machine.module.seamldr.lock = 1;
	(void)tdxc_sim_machine_seamcall(&f.machine, 1, &regs);
	ck_assert_uint_eq(regs.gpr[TDXC_SIM_RAX], ABSENT);
	ck_assert_uint_eq(regs.gpr[TDXC_SIM_RCX], PARAMS);
	ck_assert_uint_eq(call(0, INFO, OUT), ABSENT);
	f.machine.module.seamldr.lock = 0;
	ck_assert_uint_eq(install_all(), 0);
}
END_TEST

struct installer {
	pthread_t thread;
	uint32_t lp;
	uint64_t status;
};

static void *keep_installing(void *arg)
{
	struct installer *me = arg;

	do {
		struct tdxc_sim_regs regs = {{INSTALL, PARAMS}};

		(void)tdxc_sim_machine_seamcall(&f.machine, me->lp, &regs);
		me->status = regs.gpr[TDXC_SIM_RAX];
	} while (me->status == ABSENT && sched_yield() == 0);
	return NULL;
}

START_TEST(processors_that_install_at_once_all_get_their_turn)
{
	struct installer all[LPS] = {{.lp = 0}};

	place(&new_module, 496);
	ck_assert_uint_eq(call(0, 52, 3), 0);
	for (uint32_t lp = 0; lp < LPS; lp++) {
		all[lp].lp = lp;
		ck_assert_int_eq(pthread_create(&all[lp].thread, NULL,
						keep_installing, &all[lp]),
				 0);
	}
	for (uint32_t lp = 0; lp < LPS; lp++) {
		ck_assert_int_eq(pthread_join(all[lp].thread, NULL), 0);
		ck_assert_uint_eq(all[lp].status, 0);
	}
	ck_assert_uint_eq(init_all(), 0);
	ck_assert_uint_eq(call(0, 53, 0), 0);
}
END_TEST

START_TEST(no_update_is_left_after_the_last_one)
{
	f.machine.module.seamldr.remaining = 1;
	ck_assert_uint_eq(update(&new_module, 3), 0);
	place(&new_module, 1);
	ck_assert_uint_eq(call(0, 52, 5), 0);
	ck_assert_uint_eq(call(0, INSTALL, PARAMS), NO_UPDATES);
}
END_TEST

START_TEST(loading_a_module_forgets_tds_and_hand_off_data)
{
	struct sim_td td;

	ck_assert_uint_eq(sim_td_build(&f, &td, 32, 1), 0);
	place(&new_module, 3);
	put32(PARAMS + 4, 0);
	ck_assert_uint_eq(call(0, INSTALL, PARAMS), BAD_CALL);
	ck_assert_uint_eq(call(0, 52, 3), 0);
	ck_assert_uint_eq(call(0, INSTALL, PARAMS), 0);
	put32(PARAMS + 4, 1);
	ck_assert_uint_eq(call(1, INSTALL, PARAMS), BAD_CALL);
	put32(PARAMS + 4, 0);
	for (uint32_t lp = 1; lp < LPS; lp++)
		ck_assert_uint_eq(call(lp, INSTALL, PARAMS), 0);
	ck_assert_uint_eq(init_all(), 0);
	ck_assert_uint_eq(call(0, 53, 0), BAD_HANDOFF);
	ck_assert_uint_eq(f.machine.module.builds, 0);
}
END_TEST

START_TEST(a_machine_without_a_module_gets_one)
{
	f.machine.module.seamldr.unloaded = 1;
	place(&new_module, 3);
	ck_assert_uint_eq(call(0, 33, 0), ABSENT);
	ck_assert_uint_eq(call(0, INSTALL, PARAMS), BAD_CALL);
	put32(PARAMS + 4, 0);
	ck_assert_uint_eq(install_all(), 0);
	ck_assert_uint_eq(init_all(), 0);
}
END_TEST

/* --- hand-off versions --------------------------------------------------- */

static const struct handoff {
	uint16_t hv, min, no_downgrade;
	uint64_t rcx;
	uint64_t status;
} handoffs[] = {
	{3, 1, 0, 0, BAD_RCX},
	{3, 1, 0, 1, 0},
	{3, 1, 0, 2, 0},
	{3, 1, 0, 3, 0},
	{3, 1, 0, 4, BAD_RCX},
	{3, 1, 1, 2, BAD_RCX},
	{3, 1, 1, 3, 0},
	{3, 1, 1, 4, BAD_RCX},
	{3, 1, 0, AVOID | 1, 0},
	{3, 1, 0, AVOID | 4, BAD_RCX},
	{3, 1, 0, 3 | 1 << 17, BAD_RCX},
	{3, 1, 0, 3ull | 1ull << 63, BAD_RCX},
	{0, 0, 0, 0, 0},
	{0, 0, 1, 0, 0},
	{0, 0, 0, 1, BAD_RCX},
	{0xFFFF, 0, 0, 0xFFFF, 0},
};

START_TEST(shutdown_writes_the_versions_it_can)
{
	const struct handoff *h = &handoffs[_i];

	f.machine.module.identity.module_hv = h->hv;
	f.machine.module.identity.min_update_hv = h->min;
	f.machine.module.identity.no_downgrade = h->no_downgrade;
	ck_assert_uint_eq(field(0x8900000100000000ull), h->hv);
	ck_assert_uint_eq(field(0x8900000100000001ull), h->min);
	ck_assert_uint_eq(field(0x8900000000000002ull), h->no_downgrade);
	ck_assert_uint_eq(call(0, 52, h->rcx), h->status);
	ck_assert_uint_eq(f.machine.module.handoff.valid, h->status == 0);
	ck_assert_uint_eq(call(0, 24, f.base), h->status == 0 ? SHUT_DOWN : 0);
}
END_TEST

START_TEST(the_new_module_says_its_own_version)
{
	ck_assert_uint_eq(field(0x0800000100000005ull), 6);
	ck_assert_uint_eq(update(&new_module, 2), 0);
	ck_assert_uint_eq(field(0x0800000100000004ull), 1);
	ck_assert_uint_eq(field(0x0800000100000003ull), 5);
	ck_assert_uint_eq(field(0x0800000100000005ull), 8);
	ck_assert_uint_eq(field(0x8800000100000002ull), 900);
	ck_assert_uint_eq(field(0x8900000100000000ull), 5);
	ck_assert_uint_eq(call(0, 53, 0), WRONG_STATE);
}
END_TEST

START_TEST(a_module_without_an_identity_of_its_own_is_1_5_0)
{
	const struct sim_shape shape = {
		.nr_lps = 1, .nr_packages = 1, .nr_tdmrs = 1, .gib = 1};

	sim_down(&f);
	ck_assert_uint_eq(sim_up(&f, &shape), 0);
	ck_assert_uint_eq(field(0x0800000100000004ull), 1);
	ck_assert_uint_eq(field(0x0800000100000003ull), 5);
	ck_assert_uint_eq(field(0x0800000100000005ull), 0);
	ck_assert_uint_eq(field(0x8800000100000002ull), 744);
}
END_TEST

START_TEST(back_to_an_older_module_by_a_version_that_both_know)
{
	ck_assert_uint_eq(update(&new_module, 3), 0);
	ck_assert_uint_eq(update(&old_module, 3), 0);
	ck_assert_uint_eq(field(0x0800000100000005ull), 6);
}
END_TEST

START_TEST(hand_off_data_of_a_foreign_version_are_not_taken)
{
	static const uint64_t nobody[5] = {45, 0x100000, 1, 63};

	ck_assert_uint_eq(update(&new_module, 1), BAD_HANDOFF);
	ck_assert_uint_eq(call(0, 53, 0), BAD_HANDOFF);
	ck_assert_uint_eq(call(0, 24, f.base), 0xC000050500000000ull);
	/* starting from nothing is what is left */
	ck_assert_uint_eq(sim_call(&f, 0, nobody, NULL), 0);
	ck_assert(!f.machine.module.handoff.valid);
}
END_TEST

START_TEST(sys_update_wants_all_processors_and_hand_off_data)
{
	place(&new_module, 3);
	ck_assert_uint_eq(call(0, 53, 0), WRONG_STATE);
	ck_assert_uint_eq(call(0, 52, 3), 0);
	ck_assert_uint_eq(call(0, 53, 0), SHUT_DOWN);
	ck_assert_uint_eq(install_all(), 0);
	ck_assert_uint_eq(call(0, 53, 0), WRONG_STATE);
	ck_assert_uint_eq(call(0, 33, 0), 0);
	for (uint32_t lp = 0; lp < LPS; lp++) {
		ck_assert_uint_eq(call(0, 53, 0), WRONG_STATE);
		ck_assert_uint_eq(call(lp, 35, 0), 0);
	}
	f.machine.module.lock = 1;
	ck_assert_uint_eq(call(0, 53, 0), SYS_BUSY);
	f.machine.module.lock = 0;
	ck_assert_uint_eq(call(0, 53, 0), 0);
	ck_assert_uint_eq(f.machine.module.state, TDXC_SIM_READY);
}
END_TEST

START_TEST(a_module_that_was_never_shut_down_has_nothing_to_hand_off)
{
	ck_assert_uint_eq(call(0, 69, 0), 0);
	ck_assert_uint_eq(init_all(), 0);
	ck_assert_uint_eq(call(0, 53, 0), BAD_HANDOFF);
}
END_TEST

START_TEST(disable_after_an_update_leaves_nothing)
{
	ck_assert_uint_eq(update(&new_module, 3), 0);
	ck_assert_uint_eq(call(0, 69, 0), 0);
	ck_assert_uint_eq(init_all(), 0);
	ck_assert_uint_eq(call(0, 53, 0), BAD_HANDOFF);
}
END_TEST

START_TEST(features_announce_update_and_its_safety_unless_taken_away)
{
	struct sim_shape shape = {
		.nr_lps = 1,
		.nr_packages = 1,
		.nr_tdmrs = 1,
		.gib = 1,
		.profile = TDXC_SIM_PROFILE_NEWER,
		.features0_off = 1 << 1,
	};
	uint64_t features = field(0x0A00000300000008ull);

	ck_assert_uint_eq(features >> 1 & 1, 1);
	ck_assert_uint_eq(features >> 47 & 1, 1);
	sim_down(&f);
	ck_assert_uint_eq(sim_up(&f, &shape), 0);
	ck_assert_uint_eq(field(0x0A00000300000008ull), features & ~2ull);
	sim_down(&f);
	shape.profile = TDXC_SIM_PROFILE_1_5_01;
	shape.features0_off = 0;
	ck_assert_uint_eq(sim_up(&f, &shape), 0);
	ck_assert_uint_eq(field(0x0A00000300000008ull), 0xF0EBF);
}
END_TEST

/* --- TDs ----------------------------------------------------------------- */

static const struct tdxc_sim_guest_op writes[] = {
	{TDXC_SIM_GUEST_WRITE, 0x40000000, 0x10000, 7},
	{TDXC_SIM_GUEST_EXIT, 0, 0, 0},
};

static const struct tdxc_sim_guest_op verifies[] = {
	{TDXC_SIM_GUEST_VERIFY, 0x40000000, 0x10000, 7},
	{TDXC_SIM_GUEST_WRITE, 0x40010000, 0x4000, 8},
	{TDXC_SIM_GUEST_EXIT, 0, 0, 0},
};

static struct sim_td td;

static bool on_violation(void *ctx, struct tdxc_sim_guest *g, uint64_t gpa,
			 uint64_t qualification, uint64_t extended)
{
	uint64_t pa;

	(void)ctx;
	(void)g;
	(void)qualification;
	(void)extended;
	return sim_td_aug(&f, &td, gpa & ~(PAGE - 1), 0, &pa) == 0;
}

static bool on_vmcall(void *ctx, struct tdxc_sim_guest *g,
		      struct tdxc_sim_regs *regs)
{
	(void)ctx;
	(void)g;
	(void)regs;
	return false;
}

static void run_guest(uint32_t lp, const struct tdxc_sim_guest_op *script,
		      size_t n)
{
	static struct tdxc_sim_guest g;

	memset(&g, 0, sizeof(g));
	g.machine = &f.machine;
	g.lp = lp;
	g.tdvpr = td.tdvpr[0];
	g.shared_bit = 1ull << 47;
	g.script = script;
	g.nr_ops = n;
	g.host.violation = on_violation;
	g.host.vmcall = on_vmcall;
	g.accept = true;
	ck_assert_int_eq(tdxc_sim_guest_init(&g), TDXC_OK);
	ck_assert_int_eq(tdxc_sim_guest_run(&g), TDXC_SIM_GUEST_DONE);
}

START_TEST(a_td_lives_on_and_finds_its_memory)
{
	struct tdxc_sim_event event;

	sim_down(&f);
	up_as(TDXC_SIM_PROFILE_NEWER, _i == 1);
	ck_assert_uint_eq(sim_td_build(&f, &td, 32, 1), 0);
	ck_assert_uint_eq(sim_td_finalize(&f, &td), 0);
	run_guest(1, writes, COUNT(writes));
	ck_assert_uint_eq(update(&new_module, AVOID | 3), 0);
	audit();
	run_guest(1, verifies, COUNT(verifies));
	ck_assert_uint_eq(call(1, 18, td.tdvpr[0]), 0);
	run_guest(3, verifies, COUNT(verifies));
	ck_assert_uint_eq(SIM_CALL(&f, 0, 9, sim_page(&f, PAGE), 32), NOT_FREE);
	ck_assert_uint_eq(sim_td_destroy(&f, &td), 0);
	ck_assert_uint_eq(sim_td_build(&f, &td, 32, 1), 0);
	audit();
	ck_assert(!tdxc_sim_machine_event(&f.machine, &event));
}
END_TEST

START_TEST(keys_between_flush_and_reuse_go_on_where_they_were)
{
	ck_assert_uint_eq(sim_td_build(&f, &td, 33, 0), 0);
	ck_assert_uint_eq(call(0, 19, td.tdr), 0);
	ck_assert_uint_eq(call(0, 40, 0), 0);
	ck_assert_uint_eq(update(&new_module, 3), 0);
	ck_assert_uint_eq(call(0, 20, td.tdr), 0x8000081700000000ull);
	ck_assert_uint_eq(call(LPS - 1, 40, 0), 0);
	ck_assert_uint_eq(call(0, 20, td.tdr), 0);
	audit();
}
END_TEST

START_TEST(dynamic_pamt_pairs_stay_in_place)
{
	const struct sim_shape shape = {
		.nr_lps = LPS,
		.nr_packages = 2,
		.nr_tdmrs = 1,
		.gib = 1,
		.profile = TDXC_SIM_PROFILE_NEWER,
		.dynamic_pamt = true,
		.identity = old_module,
	};

	sim_down(&f);
	ck_assert_uint_eq(sim_up(&f, &shape), 0);
	ck_assert_uint_eq(sim_td_build(&f, &td, 32, 1), 0);
	ck_assert_uint_eq(sim_td_finalize(&f, &td), 0);
	ck_assert_uint_eq(update(&new_module, 3), 0);
	ck_assert_uint_eq(SIM_CALL(&f, 0, 58, f.base | 1, f.base + (8 << 20),
				   f.base + (8 << 20) + PAGE),
			  0xC000030400000001ull);
	ck_assert_uint_eq(sim_td_destroy(&f, &td), 0);
	audit();
}
END_TEST

/* --- TDs that are being built -------------------------------------------- */

START_TEST(an_update_that_asks_is_refused_while_a_td_is_being_built)
{
	const uint64_t tdr = sim_page(&f, PAGE);
	struct sim_td other;

	ck_assert_uint_eq(SIM_CALL(&f, 0, 9, tdr, 34), 0);
	ck_assert_uint_eq(call(0, 52, AVOID | 3), SENSITIVE);
	ck_assert_uint_eq(call(0, 19, tdr), 0);
	ck_assert_uint_eq(sim_td_build(&f, &td, 32, 1), 0);
	ck_assert_uint_eq(sim_td_build(&f, &other, 33, 1), 0);
	ck_assert_uint_eq(call(0, 52, AVOID | 3), SENSITIVE);
	ck_assert_uint_eq(f.machine.module.state, TDXC_SIM_READY);
	ck_assert_uint_eq(sim_td_finalize(&f, &td), 0);
	ck_assert_uint_eq(call(0, 52, AVOID | 3), SENSITIVE);
	ck_assert_uint_eq(sim_td_destroy(&f, &other), 0);
	ck_assert_uint_eq(call(0, 52, AVOID | 3), 0);
}
END_TEST

START_TEST(a_td_of_another_modules_building_cannot_be_completed)
{
	put64(SOURCE, 1);
	ck_assert_uint_eq(sim_td_build(&f, &td, 32, 1), 0);
	ck_assert_uint_eq(sim_td_add(&f, &td, 0, SOURCE), 0);
	ck_assert_uint_eq(update(&new_module, 3), 0);
	audit();
	ck_assert_uint_eq(sim_td_add(&f, &td, PAGE, SOURCE), BAD_MRTD);
	ck_assert_uint_eq(SIM_CALL(&f, 0, 16, 0, td.tdr), BAD_MRTD);
	ck_assert_uint_eq(call(0, 17, td.tdr), BAD_MRTD);
	ck_assert_uint_eq(call(0, 52, AVOID | 5), SENSITIVE);
	ck_assert_uint_eq(sim_td_destroy(&f, &td), 0);
	ck_assert_uint_eq(sim_td_build(&f, &td, 32, 1), 0);
	ck_assert_uint_eq(sim_td_add(&f, &td, 0, SOURCE), 0);
	ck_assert_uint_eq(sim_td_finalize(&f, &td), 0);
	ck_assert_uint_eq(call(0, 52, AVOID | 5), 0);
}
END_TEST

START_TEST(a_td_that_was_not_initialised_yet_is_built_by_the_new_module)
{
	const uint64_t tdr = sim_page(&f, PAGE);

	ck_assert_uint_eq(SIM_CALL(&f, 0, 9, tdr, 34), 0);
	ck_assert_uint_eq(update(&new_module, 3), 0);
	ck_assert_uint_eq(call(0, 8, tdr), 0);
	ck_assert_uint_eq(call(LPS - 1, 8, tdr), 0);
	for (int i = 0; i < 6; i++)
		ck_assert_uint_eq(SIM_CALL(&f, 0, 1, sim_page(&f, PAGE), tdr),
				  0);
	/* TD_PARAMS of another TD will do */
	ck_assert_uint_eq(sim_td_build(&f, &td, 32, 1), 0);
	ck_assert_uint_eq(SIM_CALL(&f, 0, 21, tdr, 0x200000), 0);
	td.tdr = tdr;
	ck_assert_uint_eq(sim_td_add(&f, &td, 0, SOURCE), 0);
}
END_TEST

/* First word of the MRTD of a TD of two pages, with an update between. */
static uint64_t measure(uint32_t keyid, bool between)
{
	struct tdxc_sim_regs out;

	put64(SOURCE, 1);
	ck_assert_uint_eq(sim_td_build(&f, &td, keyid, 1), 0);
	ck_assert_uint_eq(sim_td_add(&f, &td, 0, SOURCE), 0);
	if (between)
		ck_assert_uint_eq(update(&new_module, 3), 0);
	ck_assert_uint_eq(sim_td_add(&f, &td, PAGE, SOURCE), 0);
	ck_assert_uint_eq(sim_td_finalize(&f, &td), 0);
	ck_assert_uint_eq(
		sim_call(&f, 0,
			 (const uint64_t[5]){11, td.tdr, 0x1310000300000000ull},
			 &out),
		0);
	return out.gpr[TDXC_SIM_R8];
}

START_TEST(an_older_module_measures_a_td_wrongly_and_says_nothing)
{
	uint64_t right;

	sim_down(&f);
	up_as(TDXC_SIM_PROFILE_1_5_01, false);
	ck_assert_uint_eq(call(0, 52, AVOID | 3), BAD_RCX);
	right = measure(32, false);
	ck_assert_uint_eq(measure(33, false), right);
	ck_assert_uint_ne(measure(34, true), right);
}
END_TEST

static Suite *sim_update_suite(void)
{
	Suite *s = suite_create("sim_update");
	TCase *ldr = tcase_create("p-seamldr");
	TCase *hv = tcase_create("hand-off");
	TCase *tds = tcase_create("tds");

	suite_add_tcase(s, ldr);
	suite_add_tcase(s, hv);
	suite_add_tcase(s, tds);
	tcase_add_checked_fixture(ldr, up, down);
	tcase_add_checked_fixture(hv, up, down);
	tcase_add_checked_fixture(tds, up, down);
	tcase_add_test(ldr, info_tells_of_the_p_seamldr_and_what_is_left);
	tcase_add_test(ldr, info_wants_an_aligned_shared_buffer);
	tcase_add_loop_test(
		ldr,
		a_bad_module_is_refused_and_the_one_that_is_shut_down_stays, 0,
		COUNT(broken));
	tcase_add_test(ldr, the_parameters_are_an_aligned_shared_page);
	tcase_add_test(ldr, modules_of_one_and_of_496_pages_install);
	tcase_add_test(ldr,
		       install_waits_for_shutdown_and_for_every_processor_once);
	tcase_add_test(
		ldr,
		a_call_while_another_is_in_the_p_seamldr_fails_as_an_instruction);
	tcase_add_test(ldr, processors_that_install_at_once_all_get_their_turn);
	tcase_add_test(ldr, no_update_is_left_after_the_last_one);
	tcase_add_test(ldr, loading_a_module_forgets_tds_and_hand_off_data);
	tcase_add_test(ldr, a_machine_without_a_module_gets_one);
	tcase_add_loop_test(hv, shutdown_writes_the_versions_it_can, 0,
			    COUNT(handoffs));
	tcase_add_test(hv, the_new_module_says_its_own_version);
	tcase_add_test(hv, a_module_without_an_identity_of_its_own_is_1_5_0);
	tcase_add_test(hv, back_to_an_older_module_by_a_version_that_both_know);
	tcase_add_test(hv, hand_off_data_of_a_foreign_version_are_not_taken);
	tcase_add_test(hv, sys_update_wants_all_processors_and_hand_off_data);
	tcase_add_test(
		hv, a_module_that_was_never_shut_down_has_nothing_to_hand_off);
	tcase_add_test(hv, disable_after_an_update_leaves_nothing);
	tcase_add_test(
		hv, features_announce_update_and_its_safety_unless_taken_away);
	tcase_add_loop_test(tds, a_td_lives_on_and_finds_its_memory, 0, 2);
	tcase_add_test(tds, keys_between_flush_and_reuse_go_on_where_they_were);
	tcase_add_test(tds, dynamic_pamt_pairs_stay_in_place);
	tcase_add_test(
		tds, an_update_that_asks_is_refused_while_a_td_is_being_built);
	tcase_add_test(tds,
		       a_td_of_another_modules_building_cannot_be_completed);
	tcase_add_test(
		tds,
		a_td_that_was_not_initialised_yet_is_built_by_the_new_module);
	tcase_add_test(tds,
		       an_older_module_measures_a_td_wrongly_and_says_nothing);
	return s;
}

int main(void)
{
	SRunner *runner = srunner_create(sim_update_suite());
	int failed;

	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
