/* SPDX-License-Identifier: BSD-2-Clause-Patent */
#include "image.h"

/* The header, as far as it is not reserved. */
struct header {
	uint16_t version;
	uint16_t checksum; /* nobody verifies it */
	char magic[8];
	uint32_t nr_signature_pages;
	uint32_t nr_module_pages;
};

size_t tdxc_sim_image_bytes(uint32_t nr_pages)
{
	return ((size_t)nr_pages + 2) * TDXC_SIM_IMAGE_PAGE;
}

/* Contents that differ from page to page. */
static void fill(char *page, uint32_t index)
{
	for (uint32_t i = 0; i < TDXC_SIM_IMAGE_PAGE; i += 4) {
		uint32_t word = (index * TDXC_SIM_IMAGE_PAGE + i) * 2654435761u;

		memcpy(page + i, &word, sizeof(word));
	}
}

void tdxc_sim_image_build(void *image, uint32_t nr_pages,
			  const struct tdxc_sim_identity *identity)
{
	const struct header header = {
		0x0200, 0,	  {'T', 'D', 'X', '-', 'B', 'L', 'O', 'B'},
		1,	nr_pages,
	};
	const uint64_t magic = TDXC_SIM_IMAGE_MAGIC;
	struct tdxc_sim_signature signature = {TDXC_SIM_SIGNATURE_MAGIC,
					       nr_pages, 0};
	char *module = (char *)image + 2 * (size_t)TDXC_SIM_IMAGE_PAGE;

	memset(image, 0, 2 * (size_t)TDXC_SIM_IMAGE_PAGE);
	for (uint32_t i = 0; i < nr_pages; i++)
		fill(module + (size_t)i * TDXC_SIM_IMAGE_PAGE, i);
	memcpy(module, &magic, sizeof(magic));
	memcpy(module + offsetof(struct tdxc_sim_image, identity), identity,
	       sizeof(*identity));
	for (uint32_t i = 0; i < nr_pages; i++)
		signature.sum = tdxc_sim_image_sum(
			signature.sum,
			module + (size_t)i * TDXC_SIM_IMAGE_PAGE);
	memcpy(image, &header, sizeof(header));
	memcpy((char *)image + TDXC_SIM_IMAGE_PAGE, &signature,
	       sizeof(signature));
}
