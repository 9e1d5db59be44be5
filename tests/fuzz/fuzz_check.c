/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * SYS.CONFIG's input from bytes: raw memory of any alignment, and good layouts
 * with words written over, which get further. No verdict is judged, only that
 * there is one: no fault, a known status, details that point into the layout,
 * the same answer twice, and the whole layout fails where its first bad TDMR
 * does.
 *
 * Byte 0: mode; 1: TDMRs; 2: reserved areas; 3: CMRs; 4: KeyID and width bits;
 * 5: entry sizes and bitmap bits; then CMRs as pairs of 2-byte MiB numbers,
 * then the structures or the edits.
 */
#include <tdxcore/check.h>
#include <tdxcore/err.h>
#include <tdxcore/status.h>
#include <tdxcore/version.h>

#include <stdlib.h>
#include <string.h>

#define MAX_CMRS  16
#define MAX_TDMRS 8
#define FIXED	  6
#define GIB	  0x40000000ull
#define MIB	  0x100000ull
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

static void make_platform(struct tdxc_check_platform *p, struct input *in,
			  struct tdxc_cmr *cmrs)
{
	uint8_t areas = (uint8_t)take(in, 1);
	uint8_t nr_cmrs = (uint8_t)take(in, 1);
	uint8_t bits = (uint8_t)take(in, 1);
	uint8_t sizes = (uint8_t)take(in, 1);
	size_t i;

	memset(p, 0, sizeof *p);
	p->abi = TDXC_ABI;
	p->limits = tdxc_limits_observed();
	p->limits.max_reserved = 1 + areas % 20;
	p->limits.pa_bits = 63 - bits % 16;
	p->keyid_start_bit = p->limits.pa_bits - bits / 16;
	p->limits.pamt_bitmap_bits = sizes % 8;
	for (i = 0; i < TDXC_PAMT_LEVELS; i++)
		p->limits.pamt_entry_size[i] = 8 + sizes / 8;
	p->shared_keyids = 31;
	p->private_keyids = 32;
	p->seamrr.start = 0x90000000;
	p->seamrr.end = 0x98000000;
	p->cmrs = cmrs;
	p->nr_cmrs = nr_cmrs % (MAX_CMRS + 1);
	for (i = 0; i < p->nr_cmrs; i++) {
		cmrs[i].base = take(in, 2) * MIB;
		cmrs[i].size = take(in, 2) * MIB;
	}
}

/* A layout that is good when the first 64 GiB are convertible. */
static void write_good(unsigned char *info, uint32_t i)
{
	uint64_t pamt = 32 * GIB + i * 64 * MIB;
	const uint64_t words[] = {(4 + i) * GIB, GIB, pamt,	      MIB,
				  pamt + MIB,	 MIB, pamt + 2 * MIB, 32 * MIB};

	memcpy(info, words, sizeof words);
}

/* One word: somewhere, something small, a page number, or anything. */
static void write_edit(struct input *in, unsigned char *infos, size_t bytes)
{
	size_t at = (size_t)take(in, 2) % (bytes / 8) * 8;
	uint8_t how = (uint8_t)take(in, 1);
	uint64_t word;

	memcpy(&word, infos + at, 8);
	switch (how % 5) {
	case 0:
		word = take(in, 8);
		break;
	case 1:
		word = take(in, 3) * TDXC_PAGE_SIZE;
		break;
	case 2:
		word = take(in, 1) * GIB;
		break;
	case 3:
		word += take(in, 1) * TDXC_PAGE_SIZE;
		break;
	default:
		word = 4 * GIB + take(in, 2) * MIB;
		break;
	}
	memcpy(infos + at, &word, 8);
}

static void fill(struct input *in, unsigned char *infos, size_t stride,
		 uint32_t n, bool raw)
{
	uint32_t i;

	memset(infos, 0, n * stride);
	if (raw) {
		memcpy(infos, in->data,
		       in->size < n * stride ? in->size : n * stride);
		return;
	}
	for (i = 0; i < n; i++)
		write_good(infos + i * stride, i);
	while (in->size > 3)
		write_edit(in, infos, n * stride);
}

static void require_known(uint64_t status, uint32_t i)
{
	struct tdxc_status_info info;

	REQUIRE(tdxc_status_lookup(status, &info) == TDXC_OK);
	if (status != TDXC_STATUS_SUCCESS) {
		REQUIRE(info.detail == TDXC_DETAIL_TDMR);
		REQUIRE((status & 0xFF) <= i);
		REQUIRE((status >> 16 & 0xFFFF) <= i);
	}
}

static void check_addresses(const struct tdxc_check_platform *p,
			    struct input *in)
{
	struct tdxc_status_info info;
	uint64_t rcx = take(in, 8);
	uint64_t rdx = take(in, 1);
	uint64_t r8 = take(in, 3);
	uint64_t status = tdxc_check_operands(p, rcx, rdx, r8);

	REQUIRE(tdxc_status_lookup(status, &info) == TDXC_OK);
	REQUIRE((status & 0xFFFFFFFF) != 0 || status == 0);
	/* An entry's address obeys the rules of the array's address. */
	if (status == 0)
		REQUIRE(tdxc_check_info_address(p, rcx) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = {data, size};
	struct tdxc_cmr cmrs[MAX_CMRS];
	struct tdxc_check_platform p;
	unsigned char *block, *infos;
	uint64_t status = 0;
	size_t stride;
	uint8_t mode;
	uint32_t n, i;

	if (size < FIXED)
		return 0;
	mode = (uint8_t)take(&in, 1);
	n = 1 + (uint32_t)take(&in, 1) % MAX_TDMRS;
	make_platform(&p, &in, cmrs);
	check_addresses(&p, &in);
	/* No byte more than the module may read, at any alignment. */
	stride = 64 + 16 * (size_t)p.limits.max_reserved;
	block = malloc(n * stride + mode / 2 % 8);
	REQUIRE(block != NULL);
	infos = block + mode / 2 % 8;
	fill(&in, infos, stride, n, mode & 1);
	for (i = 0; i < n && status == 0; i++) {
		status = tdxc_check_tdmr(&p, infos, stride, i);
		require_known(status, i);
		REQUIRE(tdxc_check_tdmr(&p, infos, stride, i) == status);
	}
	REQUIRE(tdxc_check_layout(&p, infos, stride, n) == status);
	/* Out of its documented order there is no right answer, but one. */
	(void)tdxc_check_tdmr(&p, infos, stride, n - 1);
	free(block);
	return 0;
}
