/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * CMR lists from bytes. Whatever comes in: no fault, the same answer twice, and
 * an accepted list is sorted, joined, below the width and covers exactly the
 * used entries.
 *
 * Byte 0: physical width; byte 1: how to read the rest, as pairs of 8-byte
 * values or as pairs of 2-byte page numbers, which are in order more often.
 */
#include <tdxcore/cmr.h>
#include <tdxcore/err.h>

#include <stdlib.h>
#include <string.h>

#define MAX 64
#define REQUIRE(condition)                                                     \
	do {                                                                   \
		if (!(condition))                                              \
			abort();                                               \
	} while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t raw_list(struct tdxc_cmr *raw, const uint8_t *data, size_t size,
		       bool pages)
{
	size_t each = pages ? 2 : 8;
	uint64_t unit = pages ? TDXC_PAGE_SIZE : 1;
	size_t n = 0;

	for (; n < MAX && size >= 2 * each; n++) {
		memset(&raw[n], 0, sizeof raw[n]);
		memcpy(&raw[n].base, data, each);
		memcpy(&raw[n].size, data + each, each);
		raw[n].base *= unit;
		raw[n].size *= unit;
		data += 2 * each;
		size -= 2 * each;
	}
	return n;
}

static void require_good(const struct tdxc_cmr *raw, size_t n, uint32_t pa_bits,
			 const struct tdxc_range *out, size_t nr)
{
	uint64_t used = 0;
	uint64_t kept = 0;
	struct tdxc_range r;
	size_t i;

	REQUIRE(nr >= 1 && nr <= n);
	REQUIRE(tdxc_range_first_unsorted(out, nr) == nr);
	for (i = 0; i < nr; i++) {
		REQUIRE(i == 0 || out[i - 1].end < out[i].start);
		kept += tdxc_range_size(out[i]);
	}
	REQUIRE((out[nr - 1].end - 1) >> pa_bits == 0);
	for (i = 0; i < n; i++) {
		r.start = raw[i].base;
		r.end = raw[i].base + raw[i].size;
		REQUIRE(tdxc_range_list_covers(out, nr, r));
		used += raw[i].size;
	}
	REQUIRE(used == kept);
}

static void try_list(const struct tdxc_cmr *raw, size_t n, uint32_t pa_bits,
		     struct tdxc_range *out, struct tdxc_range *again)
{
	struct tdxc_cmr_fault fault, second;
	size_t nr, nr_again;
	int err = tdxc_cmr_read(raw, n, pa_bits, out, &nr, &fault);

	REQUIRE(tdxc_cmr_read(raw, n, pa_bits, again, &nr_again, &second) ==
		err);
	REQUIRE(nr == nr_again && memcmp(out, again, nr * sizeof *out) == 0);
	REQUIRE(fault.kind == second.kind && fault.index == second.index);
	REQUIRE(tdxc_cmr_fault_text(fault.kind)[0] != '\0');
	REQUIRE(n == 0 || fault.index < n);
	if (err == TDXC_OK) {
		REQUIRE(fault.kind == TDXC_CMR_FAULT_NONE ||
			fault.kind >= TDXC_CMR_WARN_SIZE_0_BASE);
		require_good(raw, n, pa_bits, out, nr);
	} else {
		REQUIRE(err == TDXC_E_INVAL && nr == 0);
		REQUIRE(fault.kind > TDXC_CMR_FAULT_NONE &&
			fault.kind < TDXC_CMR_WARN_SIZE_0_BASE);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct tdxc_cmr raw[MAX];
	struct tdxc_range *out;
	struct tdxc_cmr *exact;
	size_t n;

	if (size < 2)
		return 0;
	n = raw_list(raw, data + 2, size - 2, data[1] & 1);
	/* Not a byte of room beyond what the contract asks for. */
	exact = malloc(n * sizeof *exact + (n == 0));
	out = malloc(2 * n * sizeof *out + (n == 0));
	REQUIRE(exact != NULL && out != NULL);
	memcpy(exact, raw, n * sizeof *exact);
	try_list(exact, n, 32 + data[0] % 32, out + n, out);
	free(exact);
	free(out);
	return 0;
}
