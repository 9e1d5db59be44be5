/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * Module images.
 *
 * What the P-SEAMLDR would refuse is refused here: it is asked only after the
 * old module has shut down, when a refusal costs all TDs.
 */
#include <tdxcore/update.h>

#include <tdxcore/err.h>

#define FORMAT_VERSION	 0x0200u
#define OFFSET_CHECKSUM	 2u
#define OFFSET_MAGIC	 4u
#define OFFSET_SIGSTRUCT 12u
#define OFFSET_MODULE	 16u
#define OFFSET_RESERVED	 20u
#define MAGIC		 0x424F4C422D584454ull /* "TDX-BLOB" */

#define IMAGE_TEXTS(X)                                                         \
	X(TDXC_IMAGE_OK, "nothing to report")                                  \
	X(TDXC_IMAGE_SHORT, "shorter than its header")                         \
	X(TDXC_IMAGE_VERSION, "unknown format version")                        \
	X(TDXC_IMAGE_MAGIC, "not an image of a TDX module")                    \
	X(TDXC_IMAGE_SIGSTRUCT_PAGES, "not exactly one signature page")        \
	X(TDXC_IMAGE_MODULE_PAGES, "no module pages, or more than 496")        \
	X(TDXC_IMAGE_RESERVED, "a reserved byte of the header is not 0")       \
	X(TDXC_IMAGE_LENGTH, "size is not that of its header and pages")

/* Texts by offset, not by pointer: see err.c. */
struct image_pool {
#define X(kind, text) char kind[sizeof(text)];
	IMAGE_TEXTS(X)
#undef X
};

static const struct image_pool image_pool = {
#define X(kind, text) text,
	IMAGE_TEXTS(X)
#undef X
};

static const uint16_t image_offset[TDXC_IMAGE_FAULTS] = {
#define X(kind, text) [kind] = (uint16_t)offsetof(struct image_pool, kind),
	IMAGE_TEXTS(X)
#undef X
};

const char *tdxc_update_image_fault_text(enum tdxc_update_image_fault_kind kind)
{
	if ((uint32_t)kind >= TDXC_IMAGE_FAULTS)
		return "unknown reason";
	return (const char *)&image_pool + image_offset[kind];
}

/* Little endian, as everything a TDX module runs on. */
static uint64_t header_field(const uint8_t *header, uint32_t offset,
			     uint32_t bytes)
{
	uint64_t value = 0;

	memcpy(&value, header + offset, bytes);
	return value;
}

static bool image_refuse(struct tdxc_update_image_fault *fault,
			 enum tdxc_update_image_fault_kind kind,
			 uint32_t offset, uint64_t value)
{
	fault->kind = kind;
	fault->offset = offset;
	fault->value = value;
	return false;
}

static bool reserved_ok(const uint8_t *header,
			struct tdxc_update_image_fault *fault)
{
	uint32_t i;

	for (i = OFFSET_RESERVED; i < TDXC_UPDATE_HEADER_BYTES; i++) {
		if (header[i] != 0)
			return image_refuse(fault, TDXC_IMAGE_RESERVED, i,
					    header[i]);
	}
	return true;
}

static bool header_ok(const uint8_t *header,
		      struct tdxc_update_image_fault *fault)
{
	uint64_t version = header_field(header, 0, 2);
	uint64_t magic = header_field(header, OFFSET_MAGIC, 8);
	uint64_t sigstruct = header_field(header, OFFSET_SIGSTRUCT, 4);
	uint64_t module = header_field(header, OFFSET_MODULE, 4);

	if (version != FORMAT_VERSION)
		return image_refuse(fault, TDXC_IMAGE_VERSION, 0, version);
	if (magic != MAGIC)
		return image_refuse(fault, TDXC_IMAGE_MAGIC, OFFSET_MAGIC,
				    magic);
	/* SEAMLDR_PARAMS has room for one and no way to say that there is
	 * none. */
	if (sigstruct != TDXC_UPDATE_SIGSTRUCT_PAGES)
		return image_refuse(fault, TDXC_IMAGE_SIGSTRUCT_PAGES,
				    OFFSET_SIGSTRUCT, sigstruct);
	if (module == 0 || module > TDXC_UPDATE_MODULE_PAGES)
		return image_refuse(fault, TDXC_IMAGE_MODULE_PAGES,
				    OFFSET_MODULE, module);
	return reserved_ok(header, fault);
}

/* From a header whose counts are within bounds, so that no sum wraps. */
static void image_fill(const uint8_t *header, struct tdxc_update_image *image)
{
	image->checksum = (uint16_t)header_field(header, OFFSET_CHECKSUM, 2);
	image->sigstruct_pages =
		(uint32_t)header_field(header, OFFSET_SIGSTRUCT, 4);
	image->module_pages = (uint32_t)header_field(header, OFFSET_MODULE, 4);
	image->sigstruct_offset = TDXC_UPDATE_HEADER_BYTES;
	image->module_offset = image->sigstruct_offset +
			       image->sigstruct_pages * TDXC_PAGE_SIZE;
}

int tdxc_update_image_check(const void *header, uint64_t size,
			    struct tdxc_update_image *image,
			    struct tdxc_update_image_fault *fault)
{
	struct tdxc_update_image found;
	uint64_t wanted;

	memset(image, 0, sizeof(*image));
	memset(fault, 0, sizeof(*fault));
	if (size < TDXC_UPDATE_HEADER_BYTES) {
		(void)image_refuse(fault, TDXC_IMAGE_SHORT, 0, size);
		return TDXC_E_INVAL;
	}
	if (!header_ok(header, fault))
		return TDXC_E_INVAL;
	image_fill(header, &found);
	wanted = found.module_offset + found.module_pages * TDXC_PAGE_SIZE;
	if (size != wanted) {
		(void)image_refuse(fault, TDXC_IMAGE_LENGTH, (uint32_t)wanted,
				   size);
		return TDXC_E_INVAL;
	}
	*image = found;
	return TDXC_OK;
}
