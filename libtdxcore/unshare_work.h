/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * What the files of the unshare engine share.
 */
#ifndef TDXCORE_UNSHARE_WORK_H
#define TDXCORE_UNSHARE_WORK_H

#include <tdxcore/unshare.h>

/* Order of memory that is never converted, where 0 stands for no exclusion. */
#define UNSHARE_NEVER UINT32_MAX

/*
 * Edit leaves of this pass and put their memory into the batch, until it is
 * full or u->walked. Fails where tables_left is used up, with nothing lost.
 */
int tdxc_unshare_fill_(struct tdxc_unshare *u);

/* Convert what is left of the batch; fails when the op says stop. */
int tdxc_unshare_batch_(struct tdxc_unshare *u);

/* Append to the list, or count what has no room. */
void tdxc_unshare_leave_(struct tdxc_unshare *u,
			 const struct tdxc_unshare_left *left);

#endif
