// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause-Patent)
/* The core as it was compiled and linked here. */
#include <linux/slab.h>
#include <linux/string.h>

#include <tdxcore/tdxcore.h>

#include "selftest.h"

static enum tdxc_selftest_result objects_of_one_age(char *why)
{
	TDXC_EXPECT_EQ(tdxc_abi(), TDXC_ABI);
	return TDXC_SELFTEST_OK;
}

static enum tdxc_selftest_result names_for_statuses(char *why)
{
	TDXC_EXPECT(!strcmp(tdxc_leaf_name(TDXC_SYS_INIT), "SYS.INIT"));
	TDXC_EXPECT_EQ(tdxc_seamcall_err(TDXC_STATUS_UD), TDXC_E_ACCES);
	TDXC_EXPECT_EQ(tdxc_seamcall_err(TDXC_STATUS_GP), TDXC_E_OPNOTSUPP);
	return TDXC_SELFTEST_OK;
}

static enum tdxc_selftest_result atomics_of_the_kernel(char *why)
{
	uint64_t word = 5, old = 4;

	TDXC_EXPECT(!tdxc_try_cmpxchg(&word, &old, 6));
	TDXC_EXPECT_EQ(old, 5);
	TDXC_EXPECT(tdxc_try_cmpxchg(&word, &old, 6));
	TDXC_EXPECT_EQ(tdxc_xchg(&word, 7), 6);
	TDXC_EXPECT_EQ(tdxc_load_acquire(&word), 7);
	return TDXC_SELFTEST_OK;
}

const struct tdxc_selftest tdxc_selftest_core[] = {
	{"core: all objects are of one age", objects_of_one_age},
	{"core: statuses and leaves have names", names_for_statuses},
	{"core: the kernel's atomics do what their names say",
	 atomics_of_the_kernel},
	{},
};
