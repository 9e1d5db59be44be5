/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * Module images as a user uploads them (linux-host-tdx.md 10.2), for the
 * software platform's P-SEAMLDR: a header of 4096 bytes, one page of signature,
 * the module's pages.
 */
#ifndef TDXC_SIM_IMAGE_H
#define TDXC_SIM_IMAGE_H

#include "tdx_module.h"

#define TDXC_SIM_IMAGE_PAGE	 4096u
#define TDXC_SIM_IMAGE_MAX_PAGES 496u

/* Bytes of an image with so many module pages. */
size_t tdxc_sim_image_bytes(uint32_t nr_pages);
/* Write one, valid and signed; nr_pages at least 1. */
void tdxc_sim_image_build(void *image, uint32_t nr_pages,
			  const struct tdxc_sim_identity *identity);

#endif
