/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * Module images from bytes: raw headers, and good ones with bytes written over.
 * Whatever comes in: only the header is read, and it is accepted just when each
 * of its fields is right; a refusal names a place inside the header, or the
 * size. What is accepted fits SEAMLDR_PARAMS.
 *
 * Byte 0: mode; bytes 1 to 8: size of the image, or what to add to the right
 * one; then the header, or edits of 2 bytes where and 1 byte what.
 */
#include <tdxcore/err.h>
#include <tdxcore/update.h>

#include <stdlib.h>
#include <string.h>

#define PAGE 4096u
#define REQUIRE(condition)                                                     \
	do {                                                                   \
		if (!(condition))                                              \
			abort();                                               \
	} while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct input {
	const uint8_t *data;
	size_t size;
};

static uint64_t take(struct input *in, size_t bytes)
{
	uint64_t value = 0;

	if (bytes > in->size)
		bytes = in->size;
	memcpy(&value, in->data, bytes);
	in->data += bytes;
	in->size -= bytes;
	return value;
}

static uint32_t word(const uint8_t *header, size_t at)
{
	uint32_t value;

	memcpy(&value, header + at, sizeof(value));
	return value;
}

static void make_header(uint8_t *header, struct input *in, bool raw)
{
	memset(header, 0, PAGE);
	if (raw) {
		memcpy(header, in->data, in->size < PAGE ? in->size : PAGE);
		return;
	}
	memcpy(header, "\x00\x02\x00\x00TDX-BLOB\x01\x00\x00\x00\x09", 17);
	while (in->size >= 3) {
		size_t at = take(in, 2) % PAGE;

		header[at] = (uint8_t)take(in, 1);
	}
}

/* Written a second time, in another way. */
static bool is_good(const uint8_t *header, uint64_t size)
{
	uint64_t pages = word(header, 16);
	size_t i;

	if (size % PAGE != 0 || size / PAGE != pages + 2 || pages < 1 ||
	    pages > 496 || word(header, 12) != 1)
		return false;
	for (i = 20; i < PAGE; i++) {
		if (header[i] != 0)
			return false;
	}
	return header[0] == 0 && header[1] == 2 &&
	       memcmp(header + 4, "TDX-BLOB", 8) == 0;
}

static void require_params(const struct tdxc_update_image *image)
{
	static struct tdxc_seamldr_params params;
	const uint64_t sigstruct = 0x1000;
	struct tdxc_update_pages pages = {&sigstruct, image->sigstruct_pages,
					  image->module_pages,
					  params.module_pa};
	uint32_t bad;
	uint32_t i;

	for (i = 0; i < TDXC_UPDATE_MODULE_PAGES; i++)
		params.module_pa[i] = (i + 2) * (uint64_t)PAGE;
	REQUIRE(tdxc_update_params_fill(&params, TDXC_SEAMLDR_UPDATE, &pages,
					&bad) == TDXC_OK);
	REQUIRE(params.nr_module_pages == image->module_pages);
}

static void require_answer(const uint8_t *header, uint64_t size)
{
	struct tdxc_update_image image;
	struct tdxc_update_image_fault fault;
	int err = tdxc_update_image_check(header, size, &image, &fault);

	REQUIRE(tdxc_update_image_fault_text(fault.kind)[0] != '\0');
	if (size >= PAGE && is_good(header, size)) {
		REQUIRE(err == TDXC_OK && fault.kind == TDXC_IMAGE_OK);
		REQUIRE(image.module_offset + image.module_pages * 4096ull ==
			size);
		require_params(&image);
		return;
	}
	REQUIRE(err == TDXC_E_INVAL && image.module_pages == 0);
	REQUIRE(fault.kind > TDXC_IMAGE_OK && fault.kind < TDXC_IMAGE_FAULTS);
	REQUIRE(fault.kind == TDXC_IMAGE_LENGTH || fault.offset < PAGE);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = {data, size};
	uint8_t mode = (uint8_t)take(&in, 1);
	uint64_t bytes = take(&in, 8);
	/* Not a byte more than may be read, at any alignment. */
	uint8_t *block = malloc(PAGE + mode / 4 % 8);
	uint8_t *header = block + mode / 4 % 8;

	REQUIRE(block != NULL);
	make_header(header, &in, mode & 1);
	if ((mode & 2) != 0)
		bytes = (word(header, 16) + 2ull) * PAGE + (bytes & 0xFF);
	require_answer(header, bytes);
	free(block);
	return 0;
}
