/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * A VMM on the library and the software platform: every operation on a TD's
 * memory, checked by what its guest finds there, by the auditor, and by the
 * record of who has each page.
 */
#include <check.h>
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

static void halt(int result)
{
	ck_assert_int_eq(tdxc_sim_vmm_destroy(vm, &counts), result);
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

static Suite *make_suite(void)
{
	Suite *s = suite_create("vmm");
	TCase *tc = tcase_create("usual");

	tcase_add_checked_fixture(tc, up, down);
	tcase_add_test(tc, a_td_boots_from_its_image_and_touches_memory);
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
