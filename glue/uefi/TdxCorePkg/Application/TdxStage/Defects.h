/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * What other firmware was found to do wrong, and what else a conversion has to
 * get right, on page tables made for it. Runs in firmware and in user space.
 */
#ifndef TDXC_UEFI_DEFECTS_H
#define TDXC_UEFI_DEFECTS_H

#include "../../Driver/TdxUnshareDxe/Convert.h"

#define TDXC_DEFECT_PAGES 48u

/* What the tests run on. */
struct tdxc_defect_rig {
	/* TDXC_DEFECT_PAGES pages, aligned; outside open() and close() they
	 * may be unwritable. */
	uint64_t *memory;
	const struct tdxc_tables_ops *ops;
	void *ctx;
	/* Atomic: raised by ops->flush(). */
	uint64_t *flushes;
	struct tdxc_guest *guest;
};

uint32_t tdxc_defect_count(void);
const char *tdxc_defect_name(uint32_t test);
/* NULL: passed; else what was not so. */
const char *tdxc_defect_run(const struct tdxc_defect_rig *rig, uint32_t test);

#endif
