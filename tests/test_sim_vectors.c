/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * The software TDX module against every vector of tdx-module-abi.md 10 and 11:
 * C1 to C62 through the whole SYS.CONFIG leaf, then the lists of steps in
 * sim/vectors_*.h, each from a machine just powered on.
 */
#include "check_vectors.h"

#include <check.h>
#include <stdlib.h>

#include "sim/p1.h"

#define TREE_LOCK (TDCX + offsetof(struct tdxc_sim_tdcs, tree_lock))

#include "sim/vectors_life.h"
#include "sim/vectors_pamt.h"
#include "sim/vectors_sept.h"
#include "sim/vectors_sys.h"

/* --- steps ---------------------------------------------------------------- */

static const uint32_t step_regs[8] = {
	TDXC_SIM_RAX, TDXC_SIM_RCX, TDXC_SIM_RDX, TDXC_SIM_R8,
	TDXC_SIM_R9,  TDXC_SIM_R10, TDXC_SIM_R11, TDXC_SIM_R12,
};

static void compare(const struct vector_case *v, size_t step,
		    const struct tdxc_sim_regs *got)
{
	const struct vector_step *s = &v->steps[step];

	for (uint32_t i = 0; i < s->nr_want; i++)
		ck_assert_msg(
			got->gpr[step_regs[i]] == s->want[i],
			"%s (%s) step %zu register %u: got %llx want %llx",
			v->id, v->what, step, (unsigned)step_regs[i],
			(unsigned long long)got->gpr[step_regs[i]],
			(unsigned long long)s->want[i]);
}

static enum tdxc_sim_outcome perform(const struct vector_step *s,
				     struct tdxc_sim_regs *regs)
{
	memset(regs, 0, sizeof(*regs));
	for (unsigned i = 0; i < 8; i++)
		regs->gpr[step_regs[i]] = s->in[i];
	if (s->op == TDCALL || s->op == TDEXIT)
		return tdxc_sim_tdcall(&machine.module, s->lp, regs);
	if (s->op != EXIT)
		return tdxc_sim_seamcall(&machine.module, s->lp, regs);
	tdxc_sim_interrupt_exit(&machine.module, s->lp, regs);
	return TDXC_SIM_EXITED;
}

static void run_request(const struct vector_case *v, size_t step)
{
	static const enum tdxc_sim_outcome outcomes[] = {
		[CALL] = TDXC_SIM_RETURNED, [ENTER] = TDXC_SIM_ENTERED,
		[EXIT] = TDXC_SIM_EXITED,   [TDCALL] = TDXC_SIM_RETURNED,
		[TDEXIT] = TDXC_SIM_EXITED,
	};
	const struct vector_step *s = &v->steps[step];
	struct tdxc_sim_regs regs;

	for (uint32_t i = 0; i < s->times; i++) {
		ck_assert_msg(perform(s, &regs) == outcomes[s->op],
			      "%s step %zu: went elsewhere", v->id, step);
		compare(v, step, &regs);
	}
}

static void accept_pages(uint64_t gpa, uint32_t n)
{
	struct tdxc_sim_regs regs = {{0, TDVPR}};

	ck_assert_int_eq(tdxc_sim_seamcall(&machine.module, 1, &regs),
			 TDXC_SIM_ENTERED);
	for (uint32_t i = 0; i < n; i++) {
		struct tdxc_sim_regs guest = {{6, gpa + i * 0x1000ull}};

		ck_assert_int_eq(tdxc_sim_tdcall(&machine.module, 1, &guest),
				 TDXC_SIM_RETURNED);
		ck_assert_uint_eq(guest.gpr[TDXC_SIM_RAX], 0);
	}
	tdxc_sim_interrupt_exit(&machine.module, 1, &regs);
}

static void run_step(const struct vector_case *v, size_t step)
{
	const struct vector_step *s = &v->steps[step];
	uint64_t old = tdxc_sim_machine_read64(&machine, s->in[0]);

	switch (s->op) {
	case WRITE:
		write64(s->in[0], s->in[1]);
		break;
	case SET:
		write64(s->in[0], old | s->in[1]);
		break;
	case CLEAR:
		write64(s->in[0], old & ~s->in[1]);
		break;
	case IS:
		ck_assert_msg(old == s->in[1], "%s step %zu: %llx is %llx",
			      v->id, step, (unsigned long long)s->in[0],
			      (unsigned long long)old);
		break;
	case AUG:
		for (uint64_t i = 0; i < s->in[2]; i++)
			must(6, s->in[0] + i * 0x1000, TDR,
			     s->in[1] + i * 0x1000);
		break;
	case ACCEPT:
		accept_pages(s->in[0], (uint32_t)s->in[1]);
		break;
	default:
		run_request(v, step);
		break;
	}
}

static void run_vector(const struct vector_case *v,
		       enum tdxc_sim_profile profile)
{
	power_on(profile, 2);
	start(v->start);
	for (size_t i = 0; i < COUNT(v->steps) && v->steps[i].op != END; i++)
		run_step(v, i);
	tdxc_sim_machine_fini(&machine);
}

START_TEST(S)
{
	run_vector(&sys_vectors[_i], TDXC_SIM_PROFILE_1_5_01);
}
END_TEST

START_TEST(E)
{
	run_vector(&sept_vectors[_i], TDXC_SIM_PROFILE_1_5_01);
}
END_TEST

START_TEST(K)
{
	run_vector(&life_vectors[_i], TDXC_SIM_PROFILE_1_5_01);
}
END_TEST

START_TEST(D)
{
	run_vector(&pamt_vectors[_i], TDXC_SIM_PROFILE_NEWER);
}
END_TEST

/* --- C: layouts ----------------------------------------------------------- */

/* The core's check and the whole leaf say the same; and the state after it is
 * that of a layout accepted or not. */
static void run_layout(const char *id, const struct edit *edits, size_t n,
		       unsigned nr_tdmrs, size_t nr_cmrs, uint64_t want)
{
	struct tdxc_check_platform p = p1();
	uint64_t infos[2 * WORDS];
	uint64_t got;

	p.nr_cmrs = (uint32_t)nr_cmrs;
	ck_assert_uint_eq(check_two(&p, edits, n, nr_tdmrs), want);
	power_on(TDXC_SIM_PROFILE_1_5_01, nr_cmrs);
	start(LPS);
	t0_t1(infos);
	for (size_t i = 0; i < n; i++)
		infos[edits[i].tdmr * WORDS + edits[i].word] = edits[i].value;
	write_infos(infos);
	got = call(0, 45, LIST, nr_tdmrs, GLOBAL);
	ck_assert_msg(got == want, "%s: got %016llx want %016llx", id,
		      (unsigned long long)got, (unsigned long long)want);
	ck_assert_uint_eq(call(0, 31, 0, 0, 0),
			  want == 0 ? 0 : 0xC000050700000000);
	tdxc_sim_machine_fini(&machine);
}

/* An edit that writes 0 to the base of TDMR 0 ends the list, unless first. */
static size_t nr_edits(const struct edit *edits)
{
	static const struct edit none;
	size_t n = 1;

	while (n < COUNT(vectors[0].edits) &&
	       memcmp(&edits[n], &none, sizeof(none)) != 0)
		n++;
	return n;
}

START_TEST(C)
{
	const struct vector *v = &vectors[_i];

	run_layout(v->id, v->edits, nr_edits(v->edits), v->nr_tdmrs, 2,
		   v->status);
}
END_TEST

START_TEST(C28)
{
	struct edit edits[32];

	for (unsigned k = 0; k < 16; k++) {
		edits[2 * k] = (struct edit){0, AREAS + 2 * k, 0x2000 * k};
		edits[2 * k + 1] = (struct edit){0, AREAS + 2 * k + 1, 0x1000};
	}
	run_layout("C28", edits, 32, 1, 2, 0);
}
END_TEST

START_TEST(C54)
{
	const struct edit edit = {0, K_BASE, 0x4FFE00000};

	run_layout("C54", &edit, 1, 1, 3, 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("sim_vectors");
	TCase *tc = tcase_create("vectors");
	SRunner *runner;
	int failed;

	tcase_add_loop_test(tc, C, 0, (int)COUNT(vectors));
	tcase_add_test(tc, C28);
	tcase_add_test(tc, C54);
	tcase_add_loop_test(tc, S, 0, (int)COUNT(sys_vectors));
	tcase_add_loop_test(tc, E, 0, (int)COUNT(sept_vectors));
	tcase_add_loop_test(tc, K, 0, (int)COUNT(life_vectors));
	tcase_add_loop_test(tc, D, 0, (int)COUNT(pamt_vectors));
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? 0 : 1;
}
