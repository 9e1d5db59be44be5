/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * The numbers the archive was built with, so that a caller compiled against an
 * older header can find out before it hands over a structure.
 */
#include <tdxcore/version.h>

TDXC_STATIC_ASSERT(TDXC_VERSION_MINOR < 256 && TDXC_VERSION_PATCH < 256,
		   "each has 8 bits in tdxc_version()");

uint32_t tdxc_version(void)
{
	return TDXC_VERSION_MAJOR * 65536u + TDXC_VERSION_MINOR * 256u +
	       TDXC_VERSION_PATCH;
}

uint32_t tdxc_abi(void)
{
	return TDXC_ABI;
}
