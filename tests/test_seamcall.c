/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * The SEAMCALL convention on a port that answers by a script: what reaches the
 * instruction, what comes back, and what is repeated how often.
 */
#include <tdxcore/err.h>
#include <tdxcore/seamcall.h>
#include <tdxcore/status.h>
#include <tdxcore/version.h>

#include <check.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(array)	 (sizeof(array) / sizeof(array)[0])
#define MAX_STEPS	 10

#define NO_ENTROPY	 0x8000020300000000ull
#define KEY_GENERATION	 0x8000080000000000ull
#define OPERAND_BUSY	 0x8000020000000000ull
#define EPOCH_BUSY	 0x8000020100000000ull
#define SYS_BUSY	 0x8000020200000000ull
#define HOST_PRIORITY	 0x8000020400000000ull
#define RESUMABLE	 0x8000000300000000ull
#define RESTARTABLE	 0x8000000400000000ull
#define INTERRUPTED_BUSY 0x8000020600000000ull
#define INTERRUPTED_PAMT 0x8000030700000000ull
#define OPERAND_INVALID	 0xC000010000000000ull
#define KEY_CONFIGURED	 0x0000081500000000ull

/* A port: step i answers call i, the last one all later calls. */
struct script {
	uint64_t status[MAX_STEPS];
	size_t nr_steps;
	/* Writes registers where the contract forbids it: always. */
	bool misbehaves;
	uint64_t calls;
	uint64_t rax;
	enum tdxc_seamcall_shape shape;
	struct tdxc_seamcall_regs seen[MAX_STEPS]; /* operands of call i */
};

static const struct tdxc_seamcall_regs operands = {11, 12, 13, 14, 15, 16};
static const struct tdxc_seamcall_regs results = {91, 92, 93, 94, 95, 96};

static bool same(const struct tdxc_seamcall_regs *a,
		 const struct tdxc_seamcall_regs *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

static bool is_failed_instruction(uint64_t status)
{
	return status == TDXC_STATUS_UD || status == TDXC_STATUS_GP ||
	       status == TDXC_STATUS_VMFAILINVALID;
}

static uint64_t scripted_call(void *ctx, uint64_t rax,
			      struct tdxc_seamcall_regs *regs,
			      enum tdxc_seamcall_shape shape)
{
	struct script *s = ctx;
	uint64_t i = s->calls++;
	uint64_t status = s->status[i < s->nr_steps ? i : s->nr_steps - 1];

	s->rax = rax;
	s->shape = shape;
	if (i < MAX_STEPS)
		s->seen[i] = *regs;
	if (s->misbehaves ||
	    (shape != TDXC_SEAMCALL_IN && !is_failed_instruction(status)))
		*regs = results;
	return status;
}

static const struct tdxc_seamcall_ops scripted_ops = {
	.abi = TDXC_ABI,
	.call = scripted_call,
};

/* A call, and everything it left. */
struct outcome {
	int err;
	struct tdxc_seamcall_regs regs;
	struct tdxc_seamcall_diag diag;
};

static struct outcome make_call(struct script *s, uint64_t rax,
				enum tdxc_seamcall_shape shape,
				const struct tdxc_seamcall_limits *limits)
{
	const struct tdxc_seamcall_port port = {&scripted_ops, s};
	const struct tdxc_seamcall_limits usual = tdxc_seamcall_limits_usual();
	struct outcome o = {.regs = operands};

	memset(&o.diag, 0xA5, sizeof(o.diag));
	o.err = tdxc_seamcall(&port, rax, &o.regs, shape,
			      limits ? limits : &usual, &o.diag);
	return o;
}

/* One status for ever, by the usual limits. */
static struct outcome answered(struct script *s, uint64_t status)
{
	*s = (struct script){.status = {status}, .nr_steps = 1};
	return make_call(s, TDXC_SYS_INIT, TDXC_SEAMCALL_RET, NULL);
}

/* ---- shapes ---- */

START_TEST(a_call_with_results_passes_six_registers_both_ways)
{
	struct script s = {.nr_steps = 1};
	struct outcome o;

	o = make_call(&s, TDXC_LEAF_V(TDXC_VP_INIT, 1), TDXC_SEAMCALL_RET,
		      NULL);
	ck_assert_int_eq(o.err, TDXC_OK);
	ck_assert_uint_eq(s.calls, 1);
	ck_assert_uint_eq(s.rax, 0x10016);
	ck_assert_int_eq(s.shape, TDXC_SEAMCALL_RET);
	ck_assert(same(&s.seen[0], &operands));
	ck_assert(same(&o.regs, &results));
}
END_TEST

START_TEST(a_call_without_results_leaves_the_operands_as_they_were)
{
	struct script s = {.nr_steps = 1, .misbehaves = _i == 1};
	struct outcome o;

	o = make_call(&s, TDXC_SEAMLDR_INSTALL, TDXC_SEAMCALL_IN, NULL);
	ck_assert_int_eq(o.err, TDXC_OK);
	ck_assert_uint_eq(s.rax, 1ull << 63 | 1);
	ck_assert_int_eq(s.shape, TDXC_SEAMCALL_IN);
	ck_assert(same(&s.seen[0], &operands));
	ck_assert(same(&o.regs, &operands));
}
END_TEST

/* An op of this shape finds the other registers behind the six. */
static uint64_t full_call(void *ctx, uint64_t rax,
			  struct tdxc_seamcall_regs *regs,
			  enum tdxc_seamcall_shape shape)
{
	struct tdxc_seamcall_full *full = (void *)regs;
	uint64_t *sum = ctx;

	(void)rax;
	ck_assert_int_eq(shape, TDXC_SEAMCALL_FULL);
	*sum = full->common.rcx + full->common.rdx + full->common.r8 +
	       full->common.r9 + full->common.r10 + full->common.r11 +
	       full->rbx + full->rsi + full->rdi + full->r12 + full->r13 +
	       full->r14 + full->r15;
	full->r15 = 77;
	return TDXC_STATUS_SUCCESS;
}

START_TEST(the_full_shape_is_the_six_registers_and_seven_more)
{
	static const struct tdxc_seamcall_ops ops = {TDXC_ABI, full_call};
	struct tdxc_seamcall_full full = {
		{1, 2, 4, 8, 16, 32}, 64, 128, 256, 512, 1024, 2048, 4096};
	uint64_t sum = 0;

	ck_assert_uint_eq(sizeof(full), 13 * sizeof(uint64_t));
	ck_assert_uint_eq(
		ops.call(&sum, TDXC_VP_ENTER, &full.common, TDXC_SEAMCALL_FULL),
		0);
	ck_assert_uint_eq(sum, 0x1FFF);
	ck_assert_uint_eq(full.r15, 77);
}
END_TEST

/* Two answers "not now" that spoil every register, then the result. */
struct full_script {
	uint64_t last; /* the third answer */
	uint32_t calls;
	uint32_t wrong; /* attempts that did not start from the operands */
};

static const struct tdxc_seamcall_full full_operands = {
	{1, 2, 4, 8, 16, 32}, 64, 128, 256, 512, 1024, 2048, 4096};
static const struct tdxc_seamcall_full full_results = {
	{51, 52, 53, 54, 55, 56}, 57, 58, 59, 60, 61, 62, 63};

static uint64_t full_script_call(void *ctx, uint64_t rax,
				 struct tdxc_seamcall_regs *regs,
				 enum tdxc_seamcall_shape shape)
{
	struct full_script *s = ctx;

	(void)rax;
	ck_assert_int_eq(shape, TDXC_SEAMCALL_FULL);
	if (memcmp((void *)regs, &full_operands, sizeof(full_operands)) != 0)
		s->wrong++;
	memcpy((void *)regs, &full_results, sizeof(full_results));
	return ++s->calls < 3 ? INTERRUPTED_BUSY : s->last;
}

static int call_full(struct full_script *s, struct tdxc_seamcall_full *full,
		     struct tdxc_seamcall_diag *diag)
{
	static const struct tdxc_seamcall_ops ops = {TDXC_ABI,
						     full_script_call};
	const struct tdxc_seamcall_limits limits = tdxc_seamcall_limits_usual();
	const struct tdxc_seamcall_port port = {&ops, s};

	*full = full_operands;
	return tdxc_seamcall(&port, TDXC_MEM_PAGE_DEMOTE, &full->common,
			     TDXC_SEAMCALL_FULL, &limits, diag);
}

START_TEST(the_full_shape_is_repeated_from_all_thirteen_operands)
{
	struct full_script s = {.last = 0};
	struct tdxc_seamcall_full full;
	struct tdxc_seamcall_diag diag;

	ck_assert_int_eq(call_full(&s, &full, &diag), TDXC_OK);
	ck_assert_uint_eq(s.calls, 3);
	ck_assert_uint_eq(s.wrong, 0);
	ck_assert_int_eq(memcmp(&full, &full_results, sizeof(full)), 0);
	ck_assert_uint_eq(diag.again[TDXC_AGAIN_BUSY], 2);
}
END_TEST

START_TEST(the_diagnostic_of_the_full_shape_has_the_common_six)
{
	struct full_script s = {.last = OPERAND_INVALID};
	struct tdxc_seamcall_full full;
	struct tdxc_seamcall_diag diag;

	ck_assert_int_eq(call_full(&s, &full, &diag), TDXC_E_IO);
	ck_assert(same(&diag.in, &full_operands.common));
	ck_assert(same(&diag.out, &full_results.common));
	ck_assert_int_eq(memcmp(&full, &full_results, sizeof(full)), 0);
}
END_TEST

START_TEST(an_instruction_that_failed_leaves_all_thirteen_as_they_were)
{
	struct full_script s = {.last = TDXC_STATUS_UD};
	struct tdxc_seamcall_full full;
	struct tdxc_seamcall_diag diag;

	ck_assert_int_eq(call_full(&s, &full, &diag), TDXC_E_ACCES);
	ck_assert(same(&diag.out, &full_operands.common));
	ck_assert_int_eq(memcmp(&full, &full_operands, sizeof(full)), 0);
}
END_TEST

START_TEST(vp_enter_is_never_repeated_and_so_refused_here)
{
	struct script s = {.nr_steps = 1};
	struct outcome o;

	o = make_call(&s, TDXC_VP_ENTER, TDXC_SEAMCALL_FULL, NULL);
	ck_assert_int_eq(o.err, TDXC_E_INVAL);
	ck_assert_uint_eq(s.calls, 0);
	ck_assert(same(&o.regs, &operands));
	ck_assert_uint_eq(o.diag.calls, 0);
	ck_assert_uint_eq(o.diag.status, 0);
}
END_TEST

START_TEST(ops_of_another_abi_are_refused_without_a_call)
{
	const struct tdxc_seamcall_limits limits = tdxc_seamcall_limits_usual();
	const struct tdxc_seamcall_ops ops = {TDXC_ABI + 1, scripted_call};
	struct script s = {.nr_steps = 1};
	const struct tdxc_seamcall_port port = {&ops, &s};
	struct tdxc_seamcall_regs regs = operands;
	struct tdxc_seamcall_diag diag;

	ck_assert_int_eq(tdxc_seamcall(&port, TDXC_SYS_RD, &regs,
				       TDXC_SEAMCALL_RET, &limits, &diag),
			 TDXC_E_INVAL);
	ck_assert_uint_eq(s.calls, 0);
	ck_assert_uint_eq(diag.rax, TDXC_SYS_RD);
	ck_assert_uint_eq(diag.calls, 0);
	ck_assert(same(&regs, &operands));
}
END_TEST

/* ---- an instruction that failed ---- */

static const struct {
	uint64_t status;
	int err;
} failures[] = {
	{TDXC_STATUS_GP, TDXC_E_OPNOTSUPP},
	{TDXC_STATUS_UD, TDXC_E_ACCES},
	{TDXC_STATUS_VMFAILINVALID, TDXC_E_NODEV},
};

#define PORTS 2 /* one that keeps the contract, one that does not */

/* linux-host-tdx.md 13, idea 19. */
START_TEST(idea_19_a_failed_instruction_leaves_the_registers_untouched)
{
	struct script s = {
		.status = {failures[_i / PORTS].status},
		.nr_steps = 1,
		.misbehaves = _i % PORTS == 1,
	};
	struct outcome o;

	o = make_call(&s, TDXC_SYS_RD, TDXC_SEAMCALL_RET, NULL);
	ck_assert_int_eq(o.err, failures[_i / PORTS].err);
	ck_assert_uint_eq(s.calls, 1);
	ck_assert(same(&o.regs, &operands));
	ck_assert(same(&o.diag.in, &operands));
	ck_assert(same(&o.diag.out, &operands));
}
END_TEST

/* What an earlier attempt wrote, or was resumed with, is gone too. */
START_TEST(idea_19_holds_for_the_last_of_several_attempts)
{
	struct script s = {
		.status = {RESUMABLE, failures[_i].status},
		.nr_steps = 2,
	};
	struct outcome o;

	o = make_call(&s, TDXC_PHYMEM_CACHE_WB, TDXC_SEAMCALL_RET, NULL);
	ck_assert_int_eq(o.err, failures[_i].err);
	ck_assert_uint_eq(s.calls, 2);
	ck_assert(same(&o.regs, &operands));
	ck_assert_uint_eq(o.diag.in.rcx, 1);
	ck_assert(same(&o.diag.out, &o.diag.in));
}
END_TEST

/* seeds.md S001-1: three ways to fail, each told from the others and from any
 * answer, the same bits with another class included. */
static const struct {
	uint64_t status;
	int err;
} errors[] = {
	{0, TDXC_OK},
	{TDXC_STATUS_GP, TDXC_E_OPNOTSUPP},
	{TDXC_STATUS_UD, TDXC_E_ACCES},
	{TDXC_STATUS_VMFAILINVALID, TDXC_E_NODEV},
	{0x800000000000000D, TDXC_E_IO},
	{0x8000010000000006, TDXC_E_IO},
	{0xC0000500FFFF0000, TDXC_E_IO}, /* SYS_INIT_NOT_PENDING */
	{OPERAND_INVALID | 6, TDXC_E_IO},
	{OPERAND_INVALID | 13, TDXC_E_IO},
	{0x8000FF0000000001, TDXC_E_IO}, /* software's, but none known */
	{0x4000000100000000, TDXC_E_IO}, /* a dead vCPU */
	{KEY_CONFIGURED, TDXC_OK},
	{EPOCH_BUSY, TDXC_E_IO},
	{NO_ENTROPY | 6, TDXC_E_BUSY},
	{SYS_BUSY | 13, TDXC_E_BUSY},
	{RESTARTABLE, TDXC_E_BUSY},
};

START_TEST(s001_1_traps_and_cf_are_told_from_answers_and_each_other)
{
	ck_assert_int_eq(tdxc_seamcall_err(errors[_i].status), errors[_i].err);
}
END_TEST

/* ---- answers ---- */

START_TEST(an_error_of_the_module_comes_back_with_its_registers)
{
	struct script s;
	struct outcome o = answered(&s, OPERAND_INVALID | 1);

	ck_assert_int_eq(o.err, TDXC_E_IO);
	ck_assert_uint_eq(s.calls, 1);
	ck_assert(same(&o.regs, &results));
	ck_assert_uint_eq(o.diag.rax, TDXC_SYS_INIT);
	ck_assert_uint_eq(o.diag.status, OPERAND_INVALID | 1);
	ck_assert_uint_eq(o.diag.calls, 1);
	ck_assert(same(&o.diag.in, &operands));
	ck_assert(same(&o.diag.out, &results));
	for (size_t kind = 0; kind < TDXC_AGAIN_KINDS; kind++)
		ck_assert_uint_eq(o.diag.again[kind], 0);
}
END_TEST

START_TEST(an_error_without_results_is_told_by_its_operands_alone)
{
	struct script s = {.status = {OPERAND_INVALID},
			   .nr_steps = 1,
			   .misbehaves = _i == 1};
	struct outcome o;

	o = make_call(&s, TDXC_SYS_INIT, TDXC_SEAMCALL_IN, NULL);
	ck_assert_int_eq(o.err, TDXC_E_IO);
	ck_assert(same(&o.regs, &operands));
	ck_assert(same(&o.diag.in, &operands));
	ck_assert(same(&o.diag.out, &operands));
}
END_TEST

/* linux-host-tdx.md appendix A: bit 63 clear is no error, and what it says is
 * not lost. */
START_TEST(information_is_no_error_and_stays_readable)
{
	static const uint64_t statuses[] = {
		0x0000030100000000, /* PAGE_ALREADY_FREE */
		KEY_CONFIGURED,
		0x0000082100000000, /* NO_HKID_READY_TO_WBCACHE */
		0x00000A0300000000, /* TDMR_ALREADY_INITIALIZED */
	};
	struct script s;
	struct outcome o;

	for (size_t i = 0; i < COUNT(statuses); i++) {
		o = answered(&s, statuses[i] | 5);
		ck_assert_int_eq(o.err, TDXC_OK);
		ck_assert_uint_eq(s.calls, 1);
		ck_assert_uint_eq(o.diag.status, statuses[i] | 5);
		ck_assert(same(&o.diag.in, &operands));
		ck_assert(same(&o.diag.out, &results));
		ck_assert(same(&o.regs, &results));
	}
}
END_TEST

/* ---- repetition ---- */

static const struct {
	uint64_t status;
	enum tdxc_again kind;
	uint32_t attempts;
} repeated[] = {
	{NO_ENTROPY, TDXC_AGAIN_ENTROPY, 10},
	{KEY_GENERATION, TDXC_AGAIN_ENTROPY, 10},
	{OPERAND_BUSY, TDXC_AGAIN_BUSY, 1000},
	{SYS_BUSY, TDXC_AGAIN_BUSY, 1000},
	{HOST_PRIORITY, TDXC_AGAIN_BUSY, 1000},
	{INTERRUPTED_BUSY, TDXC_AGAIN_BUSY, 1000},
	{INTERRUPTED_PAMT, TDXC_AGAIN_RESUME, 10000},
	{RESUMABLE, TDXC_AGAIN_RESUME, 10000},
	{RESTARTABLE, TDXC_AGAIN_RESUME, 10000},
};

/* linux-host-tdx.md 13, idea 20. */
START_TEST(idea_20_no_entropy_ten_times_is_ten_attempts_then_busy)
{
	struct script s;
	struct outcome o = answered(&s, NO_ENTROPY);

	ck_assert_int_eq(o.err, TDXC_E_BUSY);
	ck_assert_uint_eq(s.calls, 10);
	ck_assert_uint_eq(o.diag.calls, 10);
	ck_assert_uint_eq(o.diag.again[TDXC_AGAIN_ENTROPY], 10);
	ck_assert_uint_eq(o.diag.status, NO_ENTROPY);
}
END_TEST

START_TEST(idea_20_entropy_at_the_tenth_attempt_is_success)
{
	struct script s = {.nr_steps = 10};
	struct outcome o;

	for (size_t i = 0; i < 9; i++)
		s.status[i] = NO_ENTROPY;
	o = make_call(&s, TDXC_SYS_LP_INIT, TDXC_SEAMCALL_RET, NULL);
	ck_assert_int_eq(o.err, TDXC_OK);
	ck_assert_uint_eq(s.calls, 10);
	ck_assert_uint_eq(o.diag.status, 0);
	ck_assert_uint_eq(o.diag.calls, 10);
	ck_assert_uint_eq(o.diag.again[TDXC_AGAIN_ENTROPY], 9);
	ck_assert(same(&o.regs, &results));
}
END_TEST

/* linux-host-tdx.md 13, idea 21: details name the busy thing, and differ. */
START_TEST(idea_21_statuses_are_matched_without_their_details)
{
	static const uint64_t details[] = {0, 1, 0x80, 0xFFFFFFFF};
	struct script s;
	struct outcome o;

	for (size_t i = 0; i < COUNT(details); i++) {
		o = answered(&s, repeated[_i].status | details[i]);
		ck_assert_int_eq(tdxc_again(repeated[_i].status | details[i]),
				 repeated[_i].kind);
		ck_assert_int_eq(o.err, TDXC_E_BUSY);
		ck_assert_uint_eq(s.calls, repeated[_i].attempts);
		ck_assert_uint_eq(o.diag.again[repeated[_i].kind],
				  repeated[_i].attempts);
		ck_assert_uint_eq(o.diag.status,
				  repeated[_i].status | details[i]);
	}
}
END_TEST

START_TEST(previous_tlb_epoch_busy_and_other_answers_are_not_repeated)
{
	static const uint64_t statuses[] = {
		EPOCH_BUSY,
		EPOCH_BUSY | 0xA9,
		OPERAND_INVALID,
		KEY_CONFIGURED,
		0x8000082400000000, /* FLUSHVP_NOT_DONE */
		0x8000081700000000, /* WBCACHE_NOT_COMPLETE */
		NO_ENTROPY ^ 1ull << 62,
		OPERAND_BUSY ^ 1ull << 60,
		RESUMABLE ^ 1ull << 63,
		TDXC_STATUS_GP,
	};
	struct script s;

	for (size_t i = 0; i < COUNT(statuses); i++) {
		ck_assert_int_eq(tdxc_again(statuses[i]), TDXC_AGAIN_NO);
		(void)answered(&s, statuses[i]);
		ck_assert_uint_eq(s.calls, 1);
	}
	ck_assert_int_eq(tdxc_again(0), TDXC_AGAIN_NO);
}
END_TEST

START_TEST(a_limit_of_none_or_one_means_one_attempt)
{
	struct script s = {.status = {repeated[_i].status}, .nr_steps = 1};
	const struct tdxc_seamcall_limits none = {{0}};
	const struct tdxc_seamcall_limits one = {{1, 1, 1, 1}};
	struct outcome o;

	o = make_call(&s, TDXC_SYS_INIT, TDXC_SEAMCALL_RET, &none);
	ck_assert_int_eq(o.err, TDXC_E_BUSY);
	ck_assert_uint_eq(s.calls, 1);
	o = make_call(&s, TDXC_SYS_INIT, TDXC_SEAMCALL_RET, &one);
	ck_assert_int_eq(o.err, TDXC_E_BUSY);
	ck_assert_uint_eq(s.calls, 2);
	ck_assert_uint_eq(o.diag.calls, 1);
}
END_TEST

/* Two of each before the third of any kind ends it. */
START_TEST(each_kind_has_attempts_of_its_own)
{
	const struct tdxc_seamcall_limits limits = {{0, 3, 3, 3}};
	struct script s = {
		.status = {NO_ENTROPY, SYS_BUSY, RESTARTABLE, KEY_GENERATION,
			   OPERAND_BUSY | 2, RESUMABLE, HOST_PRIORITY},
		.nr_steps = 7,
	};
	struct outcome o;

	o = make_call(&s, TDXC_SYS_INIT, TDXC_SEAMCALL_RET, &limits);
	ck_assert_int_eq(o.err, TDXC_E_BUSY);
	ck_assert_uint_eq(s.calls, 7);
	ck_assert_uint_eq(o.diag.calls, 7);
	ck_assert_uint_eq(o.diag.again[TDXC_AGAIN_NO], 0);
	ck_assert_uint_eq(o.diag.again[TDXC_AGAIN_ENTROPY], 2);
	ck_assert_uint_eq(o.diag.again[TDXC_AGAIN_BUSY], 3);
	ck_assert_uint_eq(o.diag.again[TDXC_AGAIN_RESUME], 2);
	ck_assert_uint_eq(o.diag.status, HOST_PRIORITY);
}
END_TEST

START_TEST(every_repetition_starts_from_the_operands_as_given)
{
	struct script s = {
		.status = {repeated[_i].status, repeated[_i].status, 0},
		.nr_steps = 3,
	};
	struct outcome o;

	o = make_call(&s, TDXC_SYS_RD, TDXC_SEAMCALL_RET, NULL);
	ck_assert_int_eq(o.err, TDXC_OK);
	ck_assert_uint_eq(s.calls, 3);
	for (size_t i = 0; i < 3; i++)
		ck_assert(same(&s.seen[i], &operands));
	ck_assert(same(&o.regs, &results));
}
END_TEST

/* tdx-module-abi.md 9.3: 1 resumes, 0 would begin anew. A busy answer in
 * between does not undo what was done. */
START_TEST(cache_wb_is_resumed_with_rcx_1)
{
	static const uint64_t rcx[] = {0, 1, 1, 1};
	struct script s = {
		.status = {RESUMABLE, RESUMABLE | 7, OPERAND_BUSY, 0},
		.nr_steps = 4,
	};
	const struct tdxc_seamcall_port port = {&scripted_ops, &s};
	const struct tdxc_seamcall_limits limits = tdxc_seamcall_limits_usual();
	struct tdxc_seamcall_regs regs = {0};
	struct tdxc_seamcall_diag diag;

	ck_assert_int_eq(tdxc_seamcall(&port,
				       TDXC_LEAF_V(TDXC_PHYMEM_CACHE_WB, 1),
				       &regs, TDXC_SEAMCALL_IN, &limits, &diag),
			 TDXC_OK);
	ck_assert_uint_eq(s.calls, COUNT(rcx));
	for (size_t i = 0; i < COUNT(rcx); i++)
		ck_assert_uint_eq(s.seen[i].rcx, rcx[i]);
	ck_assert_uint_eq(regs.rcx, 0);
}
END_TEST

static const struct {
	uint64_t rax;
	uint64_t status;
	uint64_t rcx; /* of the second attempt */
} resumptions[] = {
	{TDXC_PHYMEM_CACHE_WB, RESUMABLE, 1},
	{TDXC_PHYMEM_CACHE_WB, RESTARTABLE, 11},
	{TDXC_PHYMEM_CACHE_WB, OPERAND_BUSY, 11},
	{TDXC_MEM_SEPT_ADD, RESUMABLE, 11},
	{TDXC_SYS_DISABLE, RESUMABLE, 11},
	{TDXC_SEAMLDR | TDXC_PHYMEM_CACHE_WB, RESUMABLE, 11},
};

START_TEST(nothing_else_is_resumed_so)
{
	struct script s = {.status = {resumptions[_i].status, 0},
			   .nr_steps = 2};
	struct outcome o;

	o = make_call(&s, resumptions[_i].rax, TDXC_SEAMCALL_IN, NULL);
	ck_assert_int_eq(o.err, TDXC_OK);
	ck_assert_uint_eq(s.seen[0].rcx, 11);
	ck_assert_uint_eq(s.seen[1].rcx, resumptions[_i].rcx);
	ck_assert(same(&o.regs, &operands));
}
END_TEST

START_TEST(the_diagnostic_tells_the_last_attempt)
{
	struct script s = {
		.status = {RESUMABLE, NO_ENTROPY, OPERAND_INVALID | 1},
		.nr_steps = 3,
	};
	struct outcome o;

	o = make_call(&s, TDXC_PHYMEM_CACHE_WB, TDXC_SEAMCALL_RET, NULL);
	ck_assert_int_eq(o.err, TDXC_E_IO);
	ck_assert_uint_eq(o.diag.rax, TDXC_PHYMEM_CACHE_WB);
	ck_assert_uint_eq(o.diag.status, OPERAND_INVALID | 1);
	ck_assert_uint_eq(o.diag.calls, 3);
	ck_assert_uint_eq(o.diag.again[TDXC_AGAIN_RESUME], 1);
	ck_assert_uint_eq(o.diag.again[TDXC_AGAIN_ENTROPY], 1);
	ck_assert_uint_eq(o.diag.again[TDXC_AGAIN_BUSY], 0);
	ck_assert_uint_eq(o.diag.in.rcx, 1);
	ck_assert_uint_eq(o.diag.in.r11, 16);
	ck_assert(same(&o.diag.out, &results));
}
END_TEST

/* ---- names ---- */

START_TEST(every_leaf_has_a_name_of_its_own)
{
	const char *names[64];
	const char *name;
	size_t nr = 0;
	size_t i;

	for (uint64_t rax = 0; rax < 0x20000; rax++) {
		/* Both callees: 16 bits of leaf each. */
		name = tdxc_leaf_name((rax & 0x10000) << 47 | (rax & 0xFFFF));
		if (name == NULL)
			continue;
		ck_assert_uint_lt(nr, COUNT(names));
		for (i = 0; i < nr; i++)
			ck_assert_str_ne(names[i], name);
		names[nr++] = name;
	}
	ck_assert_uint_eq(nr, 49);
}
END_TEST

START_TEST(a_name_belongs_to_its_number_in_every_version)
{
	static const struct {
		uint64_t rax;
		const char *name;
	} rows[] = {
		{0, "VP.ENTER"},
		{TDXC_LEAF_V(0, 3), "VP.ENTER"},
		{6, "MEM.PAGE.AUG"},
		{8, "MNG.KEY.CONFIG"},
		{TDXC_LEAF_V(22, 1), "VP.INIT"},
		{28, "PHYMEM.PAGE.RECLAIM"},
		{33, "SYS.INIT"},
		{34, "SYS.RD"},
		{35, "SYS.LP.INIT"},
		{36, "SYS.TDMR.INIT"},
		{40, "PHYMEM.CACHE.WB"},
		{45, "SYS.CONFIG"},
		{52, "SYS.SHUTDOWN"},
		{59, "PHYMEM.PAMT.REMOVE"},
		{1ull << 63, "SEAMLDR.INFO"},
		{1ull << 63 | 1, "SEAMLDR.INSTALL"},
	};

	for (size_t i = 0; i < COUNT(rows); i++)
		ck_assert_str_eq(tdxc_leaf_name(rows[i].rax), rows[i].name);
}
END_TEST

START_TEST(a_number_without_a_name_has_none)
{
	static const uint64_t unknown[] = {12,
					   42,
					   70,
					   0xFFFF,
					   0x2100,
					   TDXC_SEAMLDR | 2,
					   TDXC_SEAMLDR | 33};

	for (size_t i = 0; i < COUNT(unknown); i++)
		ck_assert_ptr_null(tdxc_leaf_name(unknown[i]));
}
END_TEST

static TCase *shapes_case(void)
{
	TCase *tc = tcase_create("shapes");

	tcase_add_test(tc, a_call_with_results_passes_six_registers_both_ways);
	tcase_add_loop_test(
		tc, a_call_without_results_leaves_the_operands_as_they_were, 0,
		PORTS);
	tcase_add_test(tc, the_full_shape_is_the_six_registers_and_seven_more);
	tcase_add_test(tc,
		       the_full_shape_is_repeated_from_all_thirteen_operands);
	tcase_add_test(tc, the_diagnostic_of_the_full_shape_has_the_common_six);
	tcase_add_test(
		tc,
		an_instruction_that_failed_leaves_all_thirteen_as_they_were);
	tcase_add_test(tc, vp_enter_is_never_repeated_and_so_refused_here);
	tcase_add_test(tc, ops_of_another_abi_are_refused_without_a_call);
	return tc;
}

static TCase *answers_case(void)
{
	TCase *tc = tcase_create("answers");

	tcase_add_loop_test(
		tc, idea_19_a_failed_instruction_leaves_the_registers_untouched,
		0, COUNT(failures) * PORTS);
	tcase_add_loop_test(tc, idea_19_holds_for_the_last_of_several_attempts,
			    0, COUNT(failures));
	tcase_add_loop_test(
		tc, s001_1_traps_and_cf_are_told_from_answers_and_each_other, 0,
		COUNT(errors));
	tcase_add_test(tc,
		       an_error_of_the_module_comes_back_with_its_registers);
	tcase_add_loop_test(
		tc, an_error_without_results_is_told_by_its_operands_alone, 0,
		PORTS);
	tcase_add_test(tc, information_is_no_error_and_stays_readable);
	return tc;
}

static TCase *repetition_case(void)
{
	TCase *tc = tcase_create("repetition");

	tcase_add_test(tc,
		       idea_20_no_entropy_ten_times_is_ten_attempts_then_busy);
	tcase_add_test(tc, idea_20_entropy_at_the_tenth_attempt_is_success);
	tcase_add_loop_test(tc,
			    idea_21_statuses_are_matched_without_their_details,
			    0, COUNT(repeated));
	tcase_add_test(
		tc, previous_tlb_epoch_busy_and_other_answers_are_not_repeated);
	tcase_add_loop_test(tc, a_limit_of_none_or_one_means_one_attempt, 0,
			    COUNT(repeated));
	tcase_add_test(tc, each_kind_has_attempts_of_its_own);
	tcase_add_loop_test(tc,
			    every_repetition_starts_from_the_operands_as_given,
			    0, COUNT(repeated));
	tcase_add_test(tc, cache_wb_is_resumed_with_rcx_1);
	tcase_add_loop_test(tc, nothing_else_is_resumed_so, 0,
			    COUNT(resumptions));
	tcase_add_test(tc, the_diagnostic_tells_the_last_attempt);
	return tc;
}

static TCase *names_case(void)
{
	TCase *tc = tcase_create("names");

	tcase_add_test(tc, every_leaf_has_a_name_of_its_own);
	tcase_add_test(tc, a_name_belongs_to_its_number_in_every_version);
	tcase_add_test(tc, a_number_without_a_name_has_none);
	return tc;
}

int main(void)
{
	Suite *suite = suite_create("seamcall");
	SRunner *runner;
	int failed;

	suite_add_tcase(suite, shapes_case());
	suite_add_tcase(suite, answers_case());
	suite_add_tcase(suite, repetition_case());
	suite_add_tcase(suite, names_case());
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
