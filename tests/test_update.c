/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * Runtime update on the software TDX platform, driven as a kernel would: what
 * tdxc_update_next() advises, on the processor it names. Then everything that
 * may go wrong, at each SEAMCALL.
 */
#include <tdxcore/err.h>
#include <tdxcore/status.h>
#include <tdxcore/update.h>
#include <tdxcore/version.h>

#include <check.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "audit.h"
#include "bringup.h"
#include "guest.h"
#include "image.h"
#include "sim/sim_fixture.h"

#define COUNT(a)    (sizeof(a) / sizeof((a)[0]))
#define LPS	    4u
#define PAGE	    4096ull
#define GIB	    0x40000000ull
#define MIB	    0x100000ull
#define GPA	    0x40000000ull
#define KEYID	    33u /* the module has 32 */
#define IMAGE_PAGES 5u

/* Shared memory, below what TDMRs cover. */
#define PARAMS_PA	0x40000ull
#define INFO_PA		0x41000ull
#define SIGSTRUCT_PA	0x42000ull
#define PAGES_PA	0x60000ull /* downwards, with gaps */

#define SYS_BUSY	0x8000020200000000ull
#define NO_ENTROPY	0x8000020300000000ull
#define SYS_SHUTDOWN	0xC000050600000000ull
#define SENSITIVE	0x8000051200000000ull
#define REFUSED		0xC000050900000000ull /* SYS_INVALID_HANDOFF */
#define SEAMLDR_REFUSED TDXC_SIM_SEAMLDR_BAD_SIGNATURE
#define ABSENT		TDXC_STATUS_VMFAILINVALID

static const struct tdxc_sim_identity old_module = {1, 5, 6, 800, 3, 1, 0};
static const struct tdxc_sim_identity new_module = {1, 5, 8, 900, 5, 2, 0};

static struct sim_fixture f;
static struct sim_td td;
static struct tdxc_sim_port port;
static struct tdxc_sim_port_entry journal[8192];
static struct tdxc_sim_bringup b;
static struct tdxc_plan_ram ram;
static struct tdxc_module *m;
static struct tdxc_update u;
static struct tdxc_update_config config;
static uint64_t installed[LPS];
static uint64_t builds;
static struct tdxc_seamcall_diag diag;
static struct tdxc_metadata_fault fault;

/* --- answers of the test instead of the module's ---------------------------
 */

/* Calls from number `at` on, `most` of them, get `status`. */
static struct {
	uint64_t calls;
	uint64_t at;
	uint64_t most;
	uint64_t status;
	uint64_t rax; /* of the first of them */
} inject;

static uint64_t injected_call(void *ctx, uint64_t rax,
			      struct tdxc_seamcall_regs *regs,
			      enum tdxc_seamcall_shape shape)
{
	uint64_t n = __atomic_add_fetch(&inject.calls, 1, __ATOMIC_RELAXED);

	if (inject.at == 0 || n < inject.at || n - inject.at >= inject.most)
		return tdxc_sim_port_seamcall_ops.call(ctx, rax, regs, shape);
	if (n == inject.at)
		inject.rax = rax;
	tdxc_sim_port_note(ctx, TDXC_SIM_PORT_CALL, rax, regs->rcx);
	return inject.status;
}

static const struct tdxc_seamcall_ops injected_ops = {TDXC_ABI, injected_call};

static void inject_clear(void)
{
	memset(&inject, 0, sizeof(inject));
}

static void inject_at(uint64_t at, uint64_t most, uint64_t status)
{
	inject_clear();
	inject.at = at;
	inject.most = most;
	inject.status = status;
}

/* --- the machine
 * -------------------------------------------------------------- */

struct options {
	struct tdxc_sim_identity identity;
	bool lines;
	bool static_pamt;
	uint64_t features0_off;
};

static const struct options usual = {{1, 5, 6, 800, 3, 1, 0}, false, false, 0};

/* Where there is no PAMT. */
static void find_free_memory(void)
{
	uint64_t low = f.base + GIB / 4;
	uint32_t i, level;

	f.next = f.base;
	f.end = f.base + GIB;
	for (i = 0; i < m->nr_tdmrs; i++) {
		for (level = 0; level < TDXC_PAMT_LEVELS; level++) {
			struct tdxc_range r = m->tdmrs[i].pamt[level];

			if (r.end > f.next && r.start < low)
				f.next = r.end;
			else if (r.start >= low && r.start < f.end)
				f.end = r.start;
		}
	}
	f.next = (f.next + 2 * MIB - 1) & ~(2 * MIB - 1);
	ck_assert_uint_lt(f.next + 64 * MIB, f.end);
}

static void bring_up(const struct options *o)
{
	struct tdxc_sim_bringup_config c = {
		.port = &port,
		.ram = &ram,
		.nr_ram = 1,
		.module_flags = o->static_pamt ? TDXC_MODULE_STATIC_PAMT : 0,
	};

	memset(&port, 0, sizeof(port));
	port.machine = &f.machine;
	port.journal = journal;
	port.journal_room = COUNT(journal);
	inject_clear();
	ram.range.start = f.base;
	ram.range.end = f.base + GIB;
	tdxc_sim_port_enter(0);
	ck_assert_int_eq(tdxc_sim_bringup_init(&b, &c), TDXC_OK);
	m = &b.module;
	m->config.port.ops = &injected_ops;
	ck_assert_int_eq(tdxc_sim_bringup_run(&b), TDXC_OK);
	f.shape.dynamic_pamt = m->limits.pamt_bitmap_bits != 0;
	find_free_memory();
	inject_clear();
	port.nr_journal = 0;
}

/* A machine with the partial-write erratum, brought up by the library. */
static void up(const struct options *o)
{
	const struct sim_shape shape = {
		.nr_lps = LPS,
		.nr_packages = 2,
		.nr_tdmrs = 1,
		.gib = 1,
		.profile = TDXC_SIM_PROFILE_NEWER,
		.lines = o->lines,
		.identity = o->identity,
		.features0_off = o->features0_off,
	};

	ck_assert_uint_eq(sim_up(&f, &shape), 0);
	ck_assert_int_eq(
		tdxc_sim_machine_reset(&f.machine, &f.machine.platform), 0);
	bring_up(o);
	ck_assert(m->config.partial_write_erratum);
}

static void up_usual(void)
{
	up(&usual);
}

static void down(void)
{
	tdxc_sim_bringup_fini(&b);
	sim_down(&f);
}

static void audit(void)
{
	struct tdxc_sim_violation wrong;

	ck_assert_msg(tdxc_sim_audit(&f.machine, &wrong) == 0, "%s",
		      wrong.text);
}

/* --- an image, in pages that are nowhere near each other
 * ---------------------- */

static void store(uint64_t pa, const void *bytes, size_t n)
{
	ck_assert_int_eq(tdxc_sim_machine_store(&f.machine, 0, pa, bytes, n),
			 0);
}

static void place_image(const struct tdxc_sim_identity *identity)
{
	static struct tdxc_seamldr_params params;
	const uint64_t sigstruct = SIGSTRUCT_PA;
	struct tdxc_update_pages pages = {&sigstruct, 1, IMAGE_PAGES,
					  params.module_pa};
	size_t bytes = tdxc_sim_image_bytes(IMAGE_PAGES);
	char *file = malloc(bytes);
	struct tdxc_update_image image;
	struct tdxc_update_image_fault bad;
	uint32_t i, which;

	ck_assert_ptr_nonnull(file);
	tdxc_sim_image_build(file, IMAGE_PAGES, identity);
	ck_assert_int_eq(tdxc_update_image_check(file, bytes, &image, &bad),
			 TDXC_OK);
	ck_assert_uint_eq(image.module_pages, IMAGE_PAGES);
	store(sigstruct, file + image.sigstruct_offset, PAGE);
	for (i = 0; i < image.module_pages; i++) {
		params.module_pa[i] = PAGES_PA - i * 3 * PAGE;
		store(params.module_pa[i],
		      file + image.module_offset + i * PAGE, PAGE);
	}
	free(file);
	ck_assert_int_eq(tdxc_update_params_fill(&params, TDXC_SEAMLDR_UPDATE,
						 &pages, &which),
			 TDXC_OK);
	store(PARAMS_PA, &params, sizeof(params));
}

static void configure(const struct tdxc_sim_identity *to, uint16_t version)
{
	place_image(to);
	memset(&config, 0, sizeof(config));
	memset(installed, 0xA5, sizeof(installed));
	config.abi = TDXC_ABI;
	config.module = m;
	config.params_pa = PARAMS_PA;
	config.installed = installed;
	config.handoff_version = version;
}

/* --- a kernel
 * ------------------------------------------------------------------ */

static int begin(void)
{
	memset(&u, 0xA5, sizeof(u));
	memset(&diag, 0xA5, sizeof(diag));
	builds = 77;
	return tdxc_update_begin(&u, &config, &builds, &diag);
}

static int step(const struct tdxc_update_todo *todo)
{
	int err = TDXC_E_INVAL;

	tdxc_sim_port_enter(todo->cpu);
	if (todo->phase == TDXC_UPDATE_INSTALL)
		err = tdxc_update_install(&u, todo->cpu, &diag);
	else if (todo->phase == TDXC_UPDATE_CPUS)
		err = tdxc_update_cpu_init(&u, todo->cpu, &diag);
	else if (todo->phase == TDXC_UPDATE_RUN ||
		 todo->phase == TDXC_UPDATE_READ)
		err = tdxc_update_finish(&u, &fault, &diag);
	tdxc_sim_port_enter(0);
	return err;
}

/* Until done, or something goes wrong. */
static int drive(void)
{
	struct tdxc_update_todo todo;
	int err = TDXC_OK;

	while (err == TDXC_OK) {
		err = tdxc_update_next(&u, &todo);
		if (todo.phase == TDXC_UPDATE_DONE ||
		    todo.phase == TDXC_UPDATE_FAILED)
			break;
		if (err == TDXC_OK)
			err = step(&todo);
	}
	return err;
}

/* Up to a phase. */
static void drive_to(enum tdxc_update_phase phase)
{
	struct tdxc_update_todo todo;

	ck_assert_int_eq(begin(), TDXC_OK);
	while (tdxc_update_get_phase(&u) != phase) {
		ck_assert_int_eq(tdxc_update_next(&u, &todo), TDXC_OK);
		if (phase == TDXC_UPDATE_READ && todo.phase == TDXC_UPDATE_RUN)
			inject_at(inject.calls + 2, 1, REFUSED);
		(void)step(&todo);
	}
	inject_clear();
}

static uint64_t calls(uint64_t rax)
{
	return tdxc_sim_port_calls(&port, rax);
}

static bool version_is_claimed(void)
{
	return tdxc_sysinfo_has(&m->info, TDXC_FIELD_MAJOR_VERSION) ||
	       tdxc_sysinfo_has(&m->info, TDXC_FIELD_MINOR_VERSION) ||
	       tdxc_sysinfo_has(&m->info, TDXC_FIELD_UPDATE_VERSION) ||
	       m->info.major_version != 0 || m->info.build_num != 0;
}

/* The old module runs, as if nobody had tried. */
static void expect_untouched(void)
{
	ck_assert_int_eq(tdxc_update_get_phase(&u), TDXC_UPDATE_NONE);
	ck_assert_int_eq(tdxc_module_step(m), TDXC_MODULE_READY);
	ck_assert_uint_eq(f.machine.module.state, TDXC_SIM_READY);
	ck_assert_uint_eq(tdxc_module_cpus_missing(m, NULL, 0), 0);
	ck_assert_uint_eq(m->info.update_version, 6);
	ck_assert_int_eq(tdxc_module_build_begin(m), TDXC_OK);
	ck_assert_int_eq(tdxc_module_build_end(m), TDXC_OK);
}

static void expect_refused_without_a_call(int err)
{
	ck_assert_int_eq(begin(), err);
	ck_assert_uint_eq(diag.calls, 0);
	ck_assert_uint_eq(inject.calls, 0);
	expect_untouched();
}

/* --- TDs
 * ------------------------------------------------------------------------ */

static const struct tdxc_sim_guest_op writes[] = {
	{TDXC_SIM_GUEST_WRITE, GPA, 0x8000, 7},
	{TDXC_SIM_GUEST_EXIT, 0, 0, 0},
};

static const struct tdxc_sim_guest_op verifies[] = {
	{TDXC_SIM_GUEST_VERIFY, GPA, 0x8000, 7},
	{TDXC_SIM_GUEST_WRITE, GPA + 0x8000, 0x4000, 8},
	{TDXC_SIM_GUEST_VERIFY, GPA + 0x8000, 0x4000, 8},
	{TDXC_SIM_GUEST_EXIT, 0, 0, 0},
};

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

static void build_td(void)
{
	ck_assert_int_eq(tdxc_module_build_begin(m), TDXC_OK);
	ck_assert_uint_eq(sim_td_build(&f, &td, KEYID, 1), 0);
	ck_assert_uint_eq(sim_td_finalize(&f, &td), 0);
	ck_assert_int_eq(tdxc_module_build_end(m), TDXC_OK);
}

/* --- what goes well
 * --------------------------------------------------------------- */

static const struct options survivals[] = {
	{{1, 5, 6, 800, 3, 1, 0}, false, false, 0},
	{{1, 5, 6, 800, 3, 1, 0}, false, true, 0},
	{{1, 5, 6, 800, 3, 1, 0}, true, false, 0},
};

START_TEST(a_td_lives_on_and_finds_its_memory)
{
	struct tdxc_limits limits;

	up(&survivals[_i]);
	limits = m->limits;
	build_td();
	run_guest(1, writes, COUNT(writes));
	configure(&new_module, 3);
	config.flags = TDXC_UPDATE_AVOID_SENSITIVE;
	ck_assert_int_eq(begin(), TDXC_OK);
	ck_assert_int_eq(tdxc_module_step(m), TDXC_MODULE_UPDATE);
	ck_assert(!version_is_claimed());
	ck_assert_int_eq(tdxc_module_build_begin(m), TDXC_E_BUSY);
	ck_assert_int_eq(drive(), TDXC_OK);
	ck_assert_int_eq(tdxc_update_get_phase(&u), TDXC_UPDATE_DONE);
	ck_assert_int_eq(tdxc_module_step(m), TDXC_MODULE_READY);
	ck_assert_uint_eq(m->info.update_version, 8);
	ck_assert_uint_eq(m->info.build_num, 900);
	ck_assert_uint_eq(m->info.module_hv, 5);
	ck_assert_mem_eq(&m->limits, &limits, sizeof(limits));
	ck_assert_uint_eq(m->config.cpus[LPS - 1].keyed, 1);
	audit();
	run_guest(1, verifies, COUNT(verifies));
	ck_assert_uint_eq(sim_td_destroy(&f, &td), 0);
	build_td();
	audit();
	down();
}
END_TEST

/* 1 SHUTDOWN, 4 INSTALL, 1 SYS.INIT, 4 LP.INIT, 1 UPDATE, 127 SYS.RD. */
START_TEST(an_update_takes_so_many_seamcalls_and_no_configuration)
{
	uint64_t before[3];

	before[0] = calls(TDXC_SYS_CONFIG);
	before[1] = calls(TDXC_SYS_KEY_CONFIG);
	before[2] = calls(TDXC_SYS_TDMR_INIT);
	inject_clear();
	configure(&new_module, 3);
	ck_assert_int_eq(begin(), TDXC_OK);
	ck_assert_int_eq(drive(), TDXC_OK);
	ck_assert_uint_eq(inject.calls,
			  1 + LPS + 1 + LPS + 1 + TDXC_FIELDS + 3 * 12 + 64);
	ck_assert_uint_eq(calls(TDXC_SYS_SHUTDOWN), 1);
	ck_assert_uint_eq(calls(TDXC_SEAMLDR_INSTALL), LPS);
	ck_assert_uint_eq(calls(TDXC_SYS_UPDATE), 1);
	ck_assert_uint_eq(calls(TDXC_SYS_CONFIG), before[0]);
	ck_assert_uint_eq(calls(TDXC_SYS_KEY_CONFIG), before[1]);
	ck_assert_uint_eq(calls(TDXC_SYS_TDMR_INIT), before[2]);
}
END_TEST

static void update_to(const struct tdxc_sim_identity *to, uint16_t version)
{
	configure(to, version);
	ck_assert_int_eq(begin(), TDXC_OK);
	ck_assert_int_eq(drive(), TDXC_OK);
	ck_assert_uint_eq(m->info.update_version, to->update);
}

/* linux-host-tdx.md 12, item 10. */
START_TEST(back_to_an_older_module_by_a_version_the_caller_chooses)
{
	build_td();
	run_guest(1, writes, COUNT(writes));
	update_to(&new_module, 3);
	/* Its newest one, 5, is not what the old module reads. */
	update_to(&old_module, 3);
	run_guest(1, verifies, COUNT(verifies));
	update_to(&new_module, 2);
	update_to(&new_module, 5);
	audit();
}
END_TEST

START_TEST(the_newest_version_is_not_for_an_older_module)
{
	struct tdxc_sim_identity at = new_module;

	update_to(&at, 3);
	configure(&old_module, 5);
	ck_assert_int_eq(begin(), TDXC_OK);
	ck_assert_int_eq(drive(), TDXC_E_IO);
	ck_assert_int_eq(u.failed_phase, TDXC_UPDATE_RUN);
	ck_assert_uint_eq(u.failed_status, 0xC000050900000000);
	ck_assert_int_eq(tdxc_module_step(m), TDXC_MODULE_UNDO);
}
END_TEST

START_TEST(a_module_that_was_updated_can_be_taken_down)
{
	update_to(&new_module, 3);
	ck_assert_int_eq(tdxc_module_undo(m, &diag), TDXC_OK);
	ck_assert_int_eq(tdxc_module_step(m), TDXC_MODULE_CPUS);
	ck_assert_uint_eq(b.ops.nr_lent, 0);
	ck_assert_int_eq(tdxc_sim_bringup_run(&b), TDXC_OK);
	ck_assert_uint_eq(m->info.update_version, 8);
	update_to(&old_module, 3);
}
END_TEST

/* --- what is refused before anything happens
 * --------------------------------------- */

struct handoff {
	uint16_t module_hv;
	uint16_t min_update_hv;
	uint16_t no_downgrade;
};

static const struct handoff handoffs[] = {
	{3, 1, 0},	     {3, 1, 1}, {0, 0, 0}, {2, 2, 0},
	{0xFFFF, 0xFFFE, 0}, {4, 0, 1}, {1, 3, 0}, /* makes no sense: none */
};

/* The module is asked only what it grants. */
START_TEST(a_hand_off_version_is_refused_here_if_the_module_would)
{
	const struct handoff *h = &handoffs[_i];
	uint32_t version;

	for (version = 0; version < 8; version++) {
		struct options o = usual;
		uint16_t v =
			(uint16_t)(version < 6 ? version : 0xFFF8 + version);
		bool granted;

		o.identity.module_hv = h->module_hv;
		o.identity.min_update_hv = h->min_update_hv;
		o.identity.no_downgrade = h->no_downgrade;
		up(&o);
		configure(&new_module, v);
		granted = SIM_CALL(&f, 0, TDXC_SYS_SHUTDOWN, v) == 0;
		f.machine.module.state = TDXC_SIM_READY;
		if (granted)
			ck_assert_int_eq(begin(), TDXC_OK);
		else
			expect_refused_without_a_call(TDXC_E_RANGE);
		down();
	}
}
END_TEST

START_TEST(what_a_module_does_not_say_it_does_not_write)
{
	configure(&new_module, 2);
	m->info.present &= ~(1ull << TDXC_FIELD_MIN_UPDATE_HV);
	expect_refused_without_a_call(TDXC_E_RANGE);
	config.handoff_version = 3;
	m->info.present &= ~(1ull << TDXC_FIELD_MODULE_HV);
	expect_refused_without_a_call(TDXC_E_RANGE);
	m->info.present |= 1ull << TDXC_FIELD_MODULE_HV;
	ck_assert_int_eq(begin(), TDXC_OK);
}
END_TEST

/* linux-host-tdx.md 13, idea 50. */
START_TEST(idea_50_no_update_on_a_machine_that_loses_its_vmcs)
{
	configure(&new_module, 3);
	config.loses_vmcs = true;
	expect_refused_without_a_call(TDXC_E_OPNOTSUPP);
}
END_TEST

START_TEST(a_module_that_cannot_be_updated_is_left_alone)
{
	struct options o = usual;

	o.features0_off = 1ull << TDXC_FEATURE_TD_PRESERVING;
	up(&o);
	configure(&new_module, 3);
	expect_refused_without_a_call(TDXC_E_OPNOTSUPP);
	down();
}
END_TEST

START_TEST(only_a_module_that_knows_the_flag_is_asked_to_avoid)
{
	struct options o = usual;

	o.features0_off = 1ull << TDXC_FEATURE_UPDATE_COMPAT;
	up(&o);
	configure(&new_module, 3);
	config.flags = TDXC_UPDATE_AVOID_SENSITIVE;
	expect_refused_without_a_call(TDXC_E_OPNOTSUPP);
	config.flags = 0;
	ck_assert_int_eq(begin(), TDXC_OK);
	ck_assert_int_eq(drive(), TDXC_OK);
	down();
}
END_TEST

START_TEST(the_last_update_is_not_tried_again)
{
	const void *block = tdxc_sim_memory_page(f.machine.memory, INFO_PA);
	struct tdxc_seamldr_info info;
	const struct tdxc_seamcall_port p = tdxc_sim_port_seamcall(&port);

	f.machine.module.seamldr.remaining = 1;
	ck_assert_int_eq(
		tdxc_update_read_info(&p, false, block, INFO_PA, &info, &diag),
		TDXC_OK);
	ck_assert_uint_eq(info.remaining_updates, 1);
	ck_assert_uint_eq(info.p_seam_ready, 1);
	configure(&new_module, 3);
	config.seamldr = &info;
	info.remaining_updates = 0;
	expect_refused_without_a_call(TDXC_E_NOSPC);
	info.remaining_updates = 1;
	ck_assert_int_eq(begin(), TDXC_OK);
	ck_assert_int_eq(drive(), TDXC_OK);
}
END_TEST

/* linux-host-tdx.md 12, item 9: the interlock. */
START_TEST(no_update_while_a_td_is_being_built)
{
	configure(&new_module, 3);
	ck_assert_int_eq(tdxc_module_build_begin(m), TDXC_OK);
	ck_assert_int_eq(tdxc_module_build_begin(m), TDXC_OK);
	ck_assert_int_eq(begin(), TDXC_E_BUSY);
	ck_assert_uint_eq(builds, 2);
	ck_assert_uint_eq(inject.calls, 0);
	ck_assert_int_eq(tdxc_module_build_end(m), TDXC_OK);
	expect_refused_without_a_call(TDXC_E_BUSY);
	ck_assert_uint_eq(builds, 1);
	ck_assert_int_eq(tdxc_module_build_end(m), TDXC_OK);
	ck_assert_int_eq(begin(), TDXC_OK);
	ck_assert_uint_eq(builds, 0);
	ck_assert_int_eq(tdxc_module_build_begin(m), TDXC_E_BUSY);
	ck_assert_int_eq(drive(), TDXC_OK);
	build_td();
}
END_TEST

/* A TD that nobody told the library of. */
START_TEST(the_module_refuses_too_while_a_td_is_being_built)
{
	configure(&new_module, 3);
	ck_assert_uint_eq(sim_td_build(&f, &td, KEYID, 1), 0);
	config.flags = TDXC_UPDATE_AVOID_SENSITIVE;
	ck_assert_int_eq(begin(), TDXC_E_BUSY);
	ck_assert_uint_eq(builds, 0);
	ck_assert_uint_eq(diag.calls, 1);
	ck_assert_uint_eq(diag.status, SENSITIVE);
	expect_untouched();
	ck_assert_uint_eq(sim_td_finalize(&f, &td), 0);
	ck_assert_int_eq(begin(), TDXC_OK);
}
END_TEST

/* linux-host-tdx.md 13, idea 49. */
START_TEST(idea_49_offline_cpus_are_refused_or_named_and_lose_their_mark)
{
	struct tdxc_update_todo todo;

	configure(&new_module, 3);
	m->config.cpus[2].online = 0;
	expect_refused_without_a_call(TDXC_E_NODEV);
	config.flags = TDXC_UPDATE_OFFLINE_CPUS;
	ck_assert_int_eq(begin(), TDXC_OK);
	ck_assert_uint_eq(tdxc_module_cpus_missing(m, NULL, 0), LPS);
	ck_assert_uint_eq(m->config.cpus[2].initialized, 0);
	ck_assert_int_eq(drive(), TDXC_E_NODEV);
	ck_assert_int_eq(tdxc_update_next(&u, &todo), TDXC_E_NODEV);
	ck_assert_int_eq(todo.phase, TDXC_UPDATE_INSTALL);
	ck_assert_uint_eq(todo.cpu, 2);
	ck_assert_uint_eq(todo.missing, 1);
	ck_assert_int_eq(tdxc_module_cpu_may_join(m, 2), TDXC_OK);
	m->config.cpus[2].online = 1;
	ck_assert_int_eq(tdxc_update_next(&u, &todo), TDXC_OK);
	ck_assert_uint_eq(todo.cpu, 2);
	ck_assert_int_eq(drive(), TDXC_OK);
	ck_assert_int_eq(tdxc_update_get_phase(&u), TDXC_UPDATE_DONE);
}
END_TEST

START_TEST(a_cpu_that_leaves_in_between_is_named)
{
	struct tdxc_update_todo todo;

	configure(&new_module, 3);
	drive_to(TDXC_UPDATE_CPUS);
	m->config.cpus[0].online = 0;
	m->config.cpus[3].online = 0;
	ck_assert_int_eq(tdxc_update_next(&u, &todo), TDXC_OK);
	ck_assert_uint_eq(todo.cpu, 1);
	ck_assert_uint_eq(todo.missing, LPS);
	ck_assert_int_eq(drive(), TDXC_E_NODEV);
	ck_assert_int_eq(tdxc_update_next(&u, &todo), TDXC_E_NODEV);
	ck_assert_int_eq(todo.phase, TDXC_UPDATE_CPUS);
	ck_assert_uint_eq(todo.cpu, 0);
	ck_assert_uint_eq(todo.missing, 2);
	m->config.cpus[0].online = 1;
	m->config.cpus[3].online = 1;
	ck_assert_int_eq(drive(), TDXC_OK);
}
END_TEST

START_TEST(the_end_of_an_update_is_any_online_cpus)
{
	struct tdxc_update_todo todo;
	uint32_t i;

	configure(&new_module, 3);
	drive_to(TDXC_UPDATE_RUN);
	for (i = 0; i < LPS; i++) {
		ck_assert_int_eq(tdxc_update_next(&u, &todo), TDXC_OK);
		ck_assert_uint_eq(todo.cpu, i);
		m->config.cpus[i].online = 0;
	}
	ck_assert_int_eq(tdxc_update_next(&u, &todo), TDXC_E_NODEV);
	ck_assert_uint_eq(todo.cpu, 0);
	m->config.cpus[2].online = 1;
	ck_assert_int_eq(drive(), TDXC_OK);
}
END_TEST

START_TEST(a_configuration_that_makes_no_sense_is_refused)
{
	struct tdxc_update_config good;

	configure(&new_module, 3);
	good = config;
	config.abi = TDXC_ABI + 1;
	expect_refused_without_a_call(TDXC_E_INVAL);
	config = good;
	config.flags = 1u << 31;
	expect_refused_without_a_call(TDXC_E_INVAL);
	config = good;
	config.module = NULL;
	expect_refused_without_a_call(TDXC_E_INVAL);
	config = good;
	config.installed = NULL;
	expect_refused_without_a_call(TDXC_E_INVAL);
	config = good;
	config.params_pa = 0;
	expect_refused_without_a_call(TDXC_E_INVAL);
	config.params_pa = PARAMS_PA + 256;
	expect_refused_without_a_call(TDXC_E_INVAL);
}
END_TEST

START_TEST(only_a_ready_module_is_updated)
{
	enum tdxc_module_disabled how;

	configure(&new_module, 3);
	ck_assert_int_eq(tdxc_module_disable(m, &how, &diag), TDXC_OK);
	ck_assert_int_eq(how, TDXC_DISABLE_DONE);
	ck_assert_int_eq(begin(), TDXC_E_INVAL);
	ck_assert_int_eq(tdxc_module_undo(m, &diag), TDXC_OK);
	ck_assert_int_eq(begin(), TDXC_E_INVAL);
	ck_assert_uint_eq(calls(TDXC_SYS_SHUTDOWN), 0);
}
END_TEST

/* --- order
 * -------------------------------------------------------------------------- */

/* Every step in every phase but its own. */
START_TEST(a_step_out_of_order_is_refused_without_a_call)
{
	enum tdxc_update_phase phase = (enum tdxc_update_phase)_i;
	int err = phase == TDXC_UPDATE_FAILED ? TDXC_E_CANCELED : TDXC_E_INVAL;
	uint64_t before;

	configure(&new_module, 3);
	if (phase == TDXC_UPDATE_NONE) {
		memset(&u, 0, sizeof(u));
	} else if (phase == TDXC_UPDATE_FAILED) {
		drive_to(TDXC_UPDATE_CPUS);
		ck_assert_int_eq(tdxc_update_give_up(&u), TDXC_OK);
	} else {
		drive_to(phase);
	}
	before = inject.calls;
	if (phase != TDXC_UPDATE_INSTALL)
		ck_assert_int_eq(tdxc_update_install(&u, 0, &diag), err);
	if (phase != TDXC_UPDATE_CPUS)
		ck_assert_int_eq(tdxc_update_cpu_init(&u, 0, &diag), err);
	if (phase != TDXC_UPDATE_RUN && phase != TDXC_UPDATE_READ)
		ck_assert_int_eq(tdxc_update_finish(&u, &fault, &diag), err);
	if (phase == TDXC_UPDATE_NONE || phase >= TDXC_UPDATE_DONE)
		ck_assert_int_eq(tdxc_update_give_up(&u), TDXC_E_INVAL);
	ck_assert_uint_eq(inject.calls, before);
	ck_assert_uint_eq(diag.calls, 0);
	ck_assert_int_eq(tdxc_update_get_phase(&u), phase);
}
END_TEST

START_TEST(a_cpu_that_is_none_or_done_makes_no_call)
{
	configure(&new_module, 3);
	ck_assert_int_eq(begin(), TDXC_OK);
	inject_clear();
	ck_assert_int_eq(tdxc_update_install(&u, LPS, &diag), TDXC_E_INVAL);
	ck_assert_int_eq(tdxc_update_install(&u, 0, &diag), TDXC_OK);
	ck_assert_int_eq(tdxc_update_install(&u, 0, &diag), TDXC_OK);
	ck_assert_uint_eq(diag.calls, 0);
	ck_assert_uint_eq(inject.calls, 1);
	while (tdxc_update_get_phase(&u) == TDXC_UPDATE_INSTALL) {
		struct tdxc_update_todo todo;

		ck_assert_int_eq(tdxc_update_next(&u, &todo), TDXC_OK);
		ck_assert_int_eq(step(&todo), TDXC_OK);
	}
	inject_clear();
	ck_assert_int_eq(tdxc_update_cpu_init(&u, LPS, &diag), TDXC_E_INVAL);
	ck_assert_int_eq(tdxc_update_cpu_init(&u, 0, &diag), TDXC_OK);
	ck_assert_int_eq(tdxc_update_cpu_init(&u, 0, &diag), TDXC_OK);
	ck_assert_uint_eq(inject.calls, 2);
	ck_assert_int_eq(drive(), TDXC_OK);
}
END_TEST

START_TEST(phases_have_names_of_their_own)
{
	unsigned k, other;

	for (k = 0; k < TDXC_UPDATE_PHASES; k++) {
		const char *name =
			tdxc_update_phase_name((enum tdxc_update_phase)k);

		ck_assert_str_ne(name, "unknown phase");
		for (other = 0; other < k; other++)
			ck_assert_str_ne(
				name, tdxc_update_phase_name(
					      (enum tdxc_update_phase)other));
	}
	ck_assert_str_eq(tdxc_update_phase_name(TDXC_UPDATE_PHASES),
			 "unknown phase");
}
END_TEST

/* --- what goes wrong
 * ------------------------------------------------------------------ */

#define LAST_LOSING (1 + LPS + 1 + LPS + 1) /* SYS.UPDATE */
#define ALL_CALLS   (LAST_LOSING + TDXC_FIELDS + 3 * 12 + 64)

static enum tdxc_update_phase phase_of(uint64_t n)
{
	if (n <= 1)
		return TDXC_UPDATE_NONE;
	if (n <= 1 + LPS)
		return TDXC_UPDATE_INSTALL;
	if (n < LAST_LOSING)
		return TDXC_UPDATE_CPUS;
	return n == LAST_LOSING ? TDXC_UPDATE_RUN : TDXC_UPDATE_READ;
}

static uint64_t lent_bytes(void)
{
	uint64_t bytes = 0;
	uint32_t i, level;

	for (i = 0; i < m->nr_tdmrs; i++) {
		for (level = 0; level < TDXC_PAMT_LEVELS; level++)
			bytes += tdxc_range_size(m->tdmrs[i].pamt[level]);
	}
	return bytes;
}

/* Where in the journal an act of this kind stands last, or first. */
static size_t where(enum tdxc_sim_port_act act, bool last)
{
	size_t n = tdxc_sim_port_journalled(&port);
	size_t found = n;
	size_t i;

	for (i = 0; i < n; i++) {
		if (journal[i].act == act && (last || found == n))
			found = i;
	}
	ck_assert_uint_lt(found, n);
	return found;
}

/* Last SEAMCALL, flush, rewrite, free: nothing is kept and nothing lost. */
static void expect_undo_gives_back(void)
{
	uint64_t bytes = lent_bytes();

	inject_clear();
	ck_assert_uint_ne(b.ops.nr_lent, 0);
	b.ops.rewritten_bytes = 0;
	port.nr_journal = 0;
	ck_assert_int_eq(tdxc_module_undo(m, &diag), TDXC_OK);
	ck_assert(tdxc_module_step(m) == TDXC_MODULE_DEAD ||
		  tdxc_module_step(m) == TDXC_MODULE_CPUS);
	ck_assert_uint_eq(b.ops.nr_lent, 0);
	ck_assert_uint_eq(b.ops.bad_frees, 0);
	ck_assert_uint_eq(b.ops.rewritten_bytes, bytes);
	ck_assert_uint_lt(where(TDXC_SIM_PORT_CALL, true),
			  where(TDXC_SIM_PORT_FLUSH, false));
	ck_assert_uint_lt(where(TDXC_SIM_PORT_FLUSH, true),
			  where(TDXC_SIM_PORT_REWRITE, false));
	ck_assert_uint_lt(where(TDXC_SIM_PORT_REWRITE, true),
			  where(TDXC_SIM_PORT_PAMT_FREE, false));
}

/* linux-host-tdx.md 13, idea 48. */
static void expect_over(enum tdxc_update_phase phase, uint64_t status)
{
	struct tdxc_update_todo todo;
	uint64_t before = inject.calls;

	ck_assert_int_eq(tdxc_update_get_phase(&u), TDXC_UPDATE_FAILED);
	ck_assert_int_eq(u.failed_phase, phase);
	ck_assert_uint_eq(u.failed_status, status);
	ck_assert_int_eq(tdxc_module_step(m), TDXC_MODULE_UNDO);
	ck_assert(!version_is_claimed());
	ck_assert_int_eq(tdxc_update_next(&u, &todo), TDXC_OK);
	ck_assert_int_eq(todo.phase, TDXC_UPDATE_FAILED);
	ck_assert_int_eq(tdxc_update_install(&u, 0, &diag), TDXC_E_CANCELED);
	ck_assert_int_eq(tdxc_update_cpu_init(&u, 1, &diag), TDXC_E_CANCELED);
	ck_assert_int_eq(tdxc_update_finish(&u, &fault, &diag),
			 TDXC_E_CANCELED);
	ck_assert_uint_eq(inject.calls, before);
	expect_undo_gives_back();
	ck_assert_int_eq(begin(), TDXC_E_INVAL);
}

static void expect_repeatable(void)
{
	struct tdxc_update_todo todo;

	ck_assert_int_eq(tdxc_update_get_phase(&u), TDXC_UPDATE_READ);
	ck_assert_int_eq(tdxc_module_step(m), TDXC_MODULE_UPDATE);
	ck_assert(!version_is_claimed());
	ck_assert_int_eq(tdxc_module_build_begin(m), TDXC_E_BUSY);
	run_guest(1, verifies, COUNT(verifies));
	inject_clear();
	ck_assert_int_eq(tdxc_update_next(&u, &todo), TDXC_OK);
	ck_assert_int_eq(todo.phase, TDXC_UPDATE_READ);
	ck_assert_int_eq(drive(), TDXC_OK);
	ck_assert_uint_eq(calls(TDXC_SYS_UPDATE), 1);
	ck_assert_uint_eq(m->info.update_version, 8);
	ck_assert_uint_eq(sim_td_destroy(&f, &td), 0);
	build_td();
}

/* A call that succeeds is refused: at each SEAMCALL of an update there is. */
START_TEST(whichever_seamcall_fails_the_state_has_a_name)
{
	uint64_t n = (uint64_t)_i + 1;
	enum tdxc_update_phase phase = phase_of(n);
	uint64_t status =
		phase == TDXC_UPDATE_INSTALL ? SEAMLDR_REFUSED : REFUSED;
	int err;

	build_td();
	run_guest(1, writes, COUNT(writes));
	configure(&new_module, 3);
	inject_at(n, 1, status);
	err = begin();
	if (err == TDXC_OK)
		err = drive();
	ck_assert_int_eq(err, TDXC_E_IO);
	ck_assert_uint_eq(diag.status, status);
	ck_assert_uint_eq(diag.rax, inject.rax);
	if (phase == TDXC_UPDATE_NONE) {
		expect_untouched();
		run_guest(1, verifies, COUNT(verifies));
	} else if (phase == TDXC_UPDATE_READ) {
		ck_assert_uint_eq(inject.rax, TDXC_SYS_RD);
		ck_assert_uint_eq(fault.field, diag.in.rdx);
		expect_repeatable();
	} else {
		expect_over(phase, status);
	}
}
END_TEST

static void no_module(uint64_t n)
{
	enum tdxc_update_phase phase = phase_of(n);
	int err;

	configure(&new_module, 3);
	inject_at(n, UINT64_MAX, ABSENT);
	err = begin();
	if (err == TDXC_OK)
		err = drive();
	if (phase == TDXC_UPDATE_INSTALL) {
		ck_assert_int_eq(err, TDXC_E_BUSY);
		ck_assert_uint_eq(diag.calls, TDXC_UPDATE_ATTEMPTS);
		inject_clear();
		ck_assert_int_eq(drive(), TDXC_OK);
		return;
	}
	ck_assert_int_eq(err, TDXC_E_NODEV);
	inject_clear();
	if (phase == TDXC_UPDATE_NONE)
		expect_untouched();
	else if (phase == TDXC_UPDATE_READ)
		ck_assert_int_eq(drive(), TDXC_OK);
	else
		expect_over(phase, ABSENT);
}

START_TEST(no_module_is_an_end_and_a_busy_p_seamldr_is_none)
{
	no_module((uint64_t)_i + 1);
}
END_TEST

/* As often as the bounded retries allow, less one. */
START_TEST(a_busy_answer_anywhere_is_repeated)
{
	uint64_t n = (uint64_t)_i + 1;
	bool seamldr = phase_of(n) == TDXC_UPDATE_INSTALL;

	configure(&new_module, 3);
	inject_at(n,
		  seamldr ? TDXC_UPDATE_ATTEMPTS - 1 : TDXC_ATTEMPTS_BUSY - 1,
		  seamldr ? ABSENT : SYS_BUSY);
	ck_assert_int_eq(begin(), TDXC_OK);
	ck_assert_int_eq(drive(), TDXC_OK);
	ck_assert_int_eq(tdxc_update_get_phase(&u), TDXC_UPDATE_DONE);
	ck_assert_uint_eq(m->info.update_version, 8);
}
END_TEST

struct patience {
	uint64_t status;
	uint64_t attempts;
};

static const struct patience patience[] = {
	{SYS_BUSY, TDXC_ATTEMPTS_BUSY},
	{NO_ENTROPY, TDXC_ATTEMPTS_ENTROPY},
};

/* SYS.INIT too, whose other failures are remembered. */
START_TEST(a_module_that_stays_busy_loses_nothing)
{
	uint64_t n = (uint64_t)_i % ALL_CALLS + 1;
	const struct patience *p = &patience[(size_t)_i / ALL_CALLS];
	uint64_t attempts = p->attempts;
	uint64_t status = p->status;
	enum tdxc_update_phase at;
	int err;

	if (phase_of(n) == TDXC_UPDATE_INSTALL) {
		attempts = TDXC_UPDATE_ATTEMPTS;
		status = ABSENT;
	}
	configure(&new_module, 3);
	inject_at(n, attempts, status);
	err = begin();
	if (err == TDXC_OK)
		err = drive();
	ck_assert_int_eq(err, TDXC_E_BUSY);
	ck_assert_uint_eq(diag.calls, attempts);
	at = tdxc_update_get_phase(&u);
	ck_assert_int_eq(at, phase_of(n));
	if (at == TDXC_UPDATE_NONE) {
		expect_untouched();
		ck_assert_int_eq(begin(), TDXC_OK);
	}
	ck_assert_int_eq(drive(), TDXC_OK);
	ck_assert_int_eq(tdxc_update_get_phase(&u), TDXC_UPDATE_DONE);
	ck_assert_uint_eq(calls(TDXC_SYS_UPDATE), 1);
}
END_TEST

START_TEST(a_module_with_a_call_inside_does_not_shut_down)
{
	configure(&new_module, 3);
	f.machine.module.inside = 1;
	ck_assert_int_eq(begin(), TDXC_E_BUSY);
	ck_assert_uint_eq(builds, 0);
	ck_assert_uint_eq(diag.calls, TDXC_ATTEMPTS_BUSY);
	f.machine.module.inside = 0;
	expect_untouched();
}
END_TEST

START_TEST(giving_up_is_a_failure_of_the_phase)
{
	enum tdxc_update_phase phase = (enum tdxc_update_phase)_i;

	configure(&new_module, 3);
	drive_to(phase);
	ck_assert_int_eq(tdxc_update_give_up(&u), TDXC_OK);
	ck_assert_int_eq(tdxc_update_give_up(&u), TDXC_E_INVAL);
	expect_over(phase, 0);
}
END_TEST

START_TEST(nobody_gives_up_while_a_cpu_installs)
{
	configure(&new_module, 3);
	ck_assert_int_eq(begin(), TDXC_OK);
	inject_clear();
	u.claim = 1;
	ck_assert_int_eq(tdxc_update_give_up(&u), TDXC_E_BUSY);
	ck_assert_int_eq(tdxc_update_install(&u, 0, &diag), TDXC_E_AGAIN);
	ck_assert_uint_eq(inject.calls, 0);
	u.claim = 0;
	ck_assert_int_eq(drive(), TDXC_OK);
}
END_TEST

/* The end of a kernel's life may come at any time. */
START_TEST(a_kernel_may_end_in_the_middle)
{
	enum tdxc_update_phase phase = (enum tdxc_update_phase)_i;
	enum tdxc_module_disabled how;

	configure(&new_module, 3);
	drive_to(phase);
	ck_assert_int_eq(tdxc_module_undo(m, &diag), TDXC_E_INVAL);
	ck_assert_int_eq(tdxc_module_disable(m, &how, &diag), TDXC_OK);
	ck_assert_int_ne(how, TDXC_DISABLE_NOT_TRIED);
	ck_assert_int_eq(tdxc_update_give_up(&u), TDXC_OK);
	ck_assert_int_eq(tdxc_module_undo(m, &diag), TDXC_OK);
	ck_assert_uint_eq(b.ops.nr_lent, 0);
	ck_assert_uint_eq(b.ops.bad_frees, 0);
}
END_TEST

START_TEST(what_undo_could_not_do_is_repeated)
{
	configure(&new_module, 3);
	drive_to(TDXC_UPDATE_CPUS);
	ck_assert_int_eq(tdxc_update_give_up(&u), TDXC_OK);
	b.ops.fail_at[0] = b.ops.op_calls + 1; /* flush */
	b.ops.fail_at[1] = b.ops.op_calls + 3; /* second rewrite */
	ck_assert_int_ne(tdxc_module_undo(m, &diag), TDXC_OK);
	ck_assert_int_eq(tdxc_module_step(m), TDXC_MODULE_UNDO);
	ck_assert_int_ne(tdxc_module_undo(m, &diag), TDXC_OK);
	ck_assert_uint_ne(b.ops.nr_lent, 0);
	expect_undo_gives_back();
}
END_TEST

/* SYS.DISABLE brought the new module back to its start. */
START_TEST(after_a_failed_update_tdx_can_come_back)
{
	configure(&new_module, 3);
	drive_to(TDXC_UPDATE_READ);
	ck_assert_int_eq(tdxc_update_give_up(&u), TDXC_OK);
	ck_assert_int_eq(tdxc_module_undo(m, &diag), TDXC_OK);
	ck_assert_int_eq(tdxc_module_step(m), TDXC_MODULE_CPUS);
	ck_assert_int_eq(tdxc_sim_bringup_run(&b), TDXC_OK);
	find_free_memory();
	build_td();
	update_to(&old_module, 3);
}
END_TEST

START_TEST(a_module_that_clobbers_rbp_gets_no_td_to_run)
{
	configure(&new_module, 3);
	drive_to(TDXC_UPDATE_RUN);
	f.machine.module.platform.features0_off |= 1ull
						   << TDXC_FEATURE_NO_RBP_MOD;
	ck_assert_int_eq(tdxc_update_finish(&u, &fault, &diag),
			 TDXC_E_OPNOTSUPP);
	ck_assert_uint_eq(fault.field, tdxc_field_id(TDXC_FIELD_FEATURES0));
	ck_assert_int_eq(tdxc_update_get_phase(&u), TDXC_UPDATE_READ);
	ck_assert_int_eq(tdxc_module_step(m), TDXC_MODULE_UPDATE);
	ck_assert(!version_is_claimed());
	m->config.flags |= TDXC_MODULE_ALLOW_RBP_MOD;
	ck_assert_int_eq(tdxc_update_finish(&u, &fault, &diag), TDXC_OK);
	ck_assert_int_eq(tdxc_module_step(m), TDXC_MODULE_READY);
}
END_TEST

/* --- all processors at once
 * -------------------------------------------------------------- */

struct worker {
	pthread_t thread;
	uint32_t lp;
	int err;
	uint64_t again;
};

/* As in a stopped machine: each phase on each processor, until all are through,
 * or any fails. */
static void *work(void *arg)
{
	struct worker *w = arg;
	struct tdxc_seamcall_diag mine;

	tdxc_sim_port_enter(w->lp);
	do {
		w->err = tdxc_update_install(&u, w->lp, &mine);
		w->again += w->err == TDXC_E_AGAIN;
		sched_yield();
	} while (w->err == TDXC_E_AGAIN || w->err == TDXC_E_BUSY);
	while (tdxc_update_get_phase(&u) == TDXC_UPDATE_INSTALL)
		sched_yield();
	while (tdxc_update_get_phase(&u) == TDXC_UPDATE_CPUS) {
		w->err = tdxc_update_cpu_init(&u, w->lp, &mine);
		if (w->err != TDXC_OK && w->err != TDXC_E_AGAIN &&
		    w->err != TDXC_E_BUSY)
			break;
		sched_yield();
	}
	return NULL;
}

static void work_on_all(struct worker *workers)
{
	uint32_t lp;

	for (lp = 0; lp < LPS; lp++) {
		workers[lp].lp = lp;
		ck_assert_int_eq(pthread_create(&workers[lp].thread, NULL, work,
						&workers[lp]),
				 0);
	}
	for (lp = 0; lp < LPS; lp++)
		ck_assert_int_eq(pthread_join(workers[lp].thread, NULL), 0);
}

START_TEST(all_cpus_at_once_make_each_call_once)
{
	struct worker workers[LPS] = {{.lp = 0}};
	uint64_t init = calls(TDXC_SYS_INIT);
	uint64_t lp_init = calls(TDXC_SYS_LP_INIT);

	configure(&new_module, 3);
	ck_assert_int_eq(begin(), TDXC_OK);
	work_on_all(workers);
	ck_assert_int_eq(tdxc_update_get_phase(&u), TDXC_UPDATE_RUN);
	ck_assert_uint_eq(calls(TDXC_SEAMLDR_INSTALL), LPS);
	ck_assert_uint_ge(calls(TDXC_SYS_INIT), init + 1);
	ck_assert_uint_ge(calls(TDXC_SYS_LP_INIT), lp_init + LPS);
	ck_assert_int_eq(drive(), TDXC_OK);
	ck_assert_uint_eq(m->info.update_version, 8);
}
END_TEST

START_TEST(one_cpu_that_fails_stops_all)
{
	struct worker workers[LPS] = {{.lp = 0}};
	uint64_t n = (uint64_t)_i + 2;
	uint64_t status =
		phase_of(n) == TDXC_UPDATE_INSTALL ? SEAMLDR_REFUSED : REFUSED;

	configure(&new_module, 3);
	ck_assert_int_eq(begin(), TDXC_OK);
	inject_at(n - 1, 1, status);
	work_on_all(workers);
	ck_assert_int_eq(tdxc_update_get_phase(&u), TDXC_UPDATE_FAILED);
	ck_assert_int_eq(u.failed_phase, phase_of(n));
	ck_assert_uint_eq(u.failed_status, status);
	ck_assert_int_eq(workers[u.failed_cpu].err, TDXC_E_IO);
	ck_assert_int_eq(tdxc_module_step(m), TDXC_MODULE_UNDO);
	expect_undo_gives_back();
}
END_TEST

/* ---------------------------------------------------------------------------------------
 */

static TCase *own_case(const char *name)
{
	TCase *tc = tcase_create(name);

	tcase_set_timeout(tc, 600);
	return tc;
}

static TCase *usual_case(const char *name)
{
	TCase *tc = own_case(name);

	tcase_add_checked_fixture(tc, up_usual, down);
	return tc;
}

/* Those that set their machine up themselves. */
static TCase *machines_case(void)
{
	TCase *tc = own_case("machines");

	tcase_add_loop_test(tc, a_td_lives_on_and_finds_its_memory, 0,
			    COUNT(survivals));
	tcase_add_loop_test(
		tc, a_hand_off_version_is_refused_here_if_the_module_would, 0,
		COUNT(handoffs));
	tcase_add_test(tc, a_module_that_cannot_be_updated_is_left_alone);
	tcase_add_test(tc, only_a_module_that_knows_the_flag_is_asked_to_avoid);
	return tc;
}

static TCase *well_case(void)
{
	TCase *tc = usual_case("what goes well");

	tcase_add_test(tc,
		       an_update_takes_so_many_seamcalls_and_no_configuration);
	tcase_add_test(tc,
		       back_to_an_older_module_by_a_version_the_caller_chooses);
	tcase_add_test(tc, the_newest_version_is_not_for_an_older_module);
	tcase_add_test(tc, a_module_that_was_updated_can_be_taken_down);
	return tc;
}

static TCase *refused_case(void)
{
	TCase *tc = usual_case("refused");

	tcase_add_test(tc, what_a_module_does_not_say_it_does_not_write);
	tcase_add_test(tc, idea_50_no_update_on_a_machine_that_loses_its_vmcs);
	tcase_add_test(tc, the_last_update_is_not_tried_again);
	tcase_add_test(tc, no_update_while_a_td_is_being_built);
	tcase_add_test(tc, the_module_refuses_too_while_a_td_is_being_built);
	tcase_add_test(
		tc,
		idea_49_offline_cpus_are_refused_or_named_and_lose_their_mark);
	tcase_add_test(tc, a_cpu_that_leaves_in_between_is_named);
	tcase_add_test(tc, the_end_of_an_update_is_any_online_cpus);
	tcase_add_test(tc, a_configuration_that_makes_no_sense_is_refused);
	tcase_add_test(tc, only_a_ready_module_is_updated);
	return tc;
}

static TCase *order_case(void)
{
	TCase *tc = usual_case("order");

	tcase_add_loop_test(tc, a_step_out_of_order_is_refused_without_a_call,
			    TDXC_UPDATE_NONE, TDXC_UPDATE_PHASES);
	tcase_add_test(tc, a_cpu_that_is_none_or_done_makes_no_call);
	tcase_add_test(tc, phases_have_names_of_their_own);
	return tc;
}

static TCase *wrong_case(void)
{
	TCase *tc = usual_case("what goes wrong");

	tcase_add_loop_test(tc, whichever_seamcall_fails_the_state_has_a_name,
			    0, ALL_CALLS);
	tcase_add_loop_test(tc,
			    no_module_is_an_end_and_a_busy_p_seamldr_is_none, 0,
			    LAST_LOSING + 2);
	tcase_add_loop_test(tc, a_busy_answer_anywhere_is_repeated, 0,
			    LAST_LOSING + 2);
	tcase_add_loop_test(tc, a_module_that_stays_busy_loses_nothing, 0,
			    (int)(COUNT(patience) * ALL_CALLS));
	tcase_add_test(tc, a_module_with_a_call_inside_does_not_shut_down);
	tcase_add_loop_test(tc, giving_up_is_a_failure_of_the_phase,
			    TDXC_UPDATE_INSTALL, TDXC_UPDATE_DONE);
	tcase_add_test(tc, nobody_gives_up_while_a_cpu_installs);
	tcase_add_loop_test(tc, a_kernel_may_end_in_the_middle,
			    TDXC_UPDATE_INSTALL, TDXC_UPDATE_DONE);
	tcase_add_test(tc, what_undo_could_not_do_is_repeated);
	tcase_add_test(tc, after_a_failed_update_tdx_can_come_back);
	tcase_add_test(tc, a_module_that_clobbers_rbp_gets_no_td_to_run);
	return tc;
}

static TCase *race_case(void)
{
	TCase *tc = usual_case("at once");

	tcase_add_loop_test(tc, all_cpus_at_once_make_each_call_once, 0, 10);
	tcase_add_loop_test(tc, one_cpu_that_fails_stops_all, 0,
			    LAST_LOSING - 2);
	return tc;
}

int main(void)
{
	Suite *suite = suite_create("update");
	SRunner *runner;
	int failed;

	suite_add_tcase(suite, machines_case());
	suite_add_tcase(suite, well_case());
	suite_add_tcase(suite, refused_case());
	suite_add_tcase(suite, order_case());
	suite_add_tcase(suite, wrong_case());
	suite_add_tcase(suite, race_case());
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
