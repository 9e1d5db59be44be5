/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * Includes one header and nothing before it, twice: a header that leans on what
 * its user happened to include, or has no guard, does not compile here.
 */
#include TDXC_TEST_HEADER
#include TDXC_TEST_HEADER

int main(void)
{
	return 0;
}
