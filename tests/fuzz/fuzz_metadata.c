/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * Metadata lists of SYS.RDALL from bytes: raw pages, and good lists with words
 * written over, which get further. Whatever comes in: no access outside the
 * page, the same answer twice, nothing claimed with an error, and with success
 * all that is required, no count above its array, nothing beyond a count.
 *
 * Byte 0: mode; byte 1: pages - 1; then for each page its bytes (raw), or edits
 * of 2 bytes where and 8 bytes what.
 */
#include <tdxcore/err.h>
#include <tdxcore/metadata.h>
#include <tdxcore/status.h>
#include <tdxcore/version.h>

#include <stdlib.h>
#include <string.h>

#define PAGE	      4096u
#define MAX_PAGES     20u
#define EDITS	      8u
#define LIST_OVERFLOW 0xC0000C0400000000ull
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

struct module {
	uint8_t *page; /* 4 KiB and not a byte more */
	struct input in;
	bool raw;
	uint32_t pages;
	uint32_t calls;
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

static size_t add_sequence(uint8_t *page, size_t at, uint64_t id, uint64_t n,
			   uint64_t value)
{
	uint64_t header = id | (n - 1) << 38;
	uint64_t k;

	memcpy(page + at, &header, sizeof(header));
	for (k = 0; k < n; k++)
		memcpy(page + at + 8 + 8 * k, &value, sizeof(value));
	return at + 8 + 8 * n;
}

static void write_good(uint8_t *page)
{
	size_t at = 8;
	uint64_t header;
	uint32_t i;

	for (i = 0; i < TDXC_FIELDS; i++)
		at = add_sequence(page, at, tdxc_field_id((enum tdxc_field)i),
				  1, 7);
	at = add_sequence(page, at, 0x9900000300000400, 8, 1);
	at = add_sequence(page, at, 0x9900000300000500, 16, 2);
	at = add_sequence(page, at, 0x9000000300000080, 8, 3);
	at = add_sequence(page, at, 0x9000000300000100, 8, 4);
	header = at | (TDXC_FIELDS + 4ull) << 16;
	memcpy(page, &header, sizeof(header));
}

static void write_edited(struct module *m)
{
	uint32_t edits;

	write_good(m->page);
	for (edits = 0; edits < EDITS && m->in.size >= 10; edits++) {
		size_t at = take(&m->in, 2) % (PAGE / 8) * 8;
		uint64_t word = take(&m->in, 8);

		memcpy(m->page + at, &word, sizeof(word));
	}
}

static void write_raw(struct module *m)
{
	size_t bytes = m->in.size < PAGE ? m->in.size : PAGE;

	memset(m->page, 0, PAGE);
	memcpy(m->page, m->in.data, bytes);
	m->in.data += bytes;
	m->in.size -= bytes;
}

static uint64_t call(void *ctx, uint64_t rax, struct tdxc_seamcall_regs *regs,
		     enum tdxc_seamcall_shape shape)
{
	struct module *m = ctx;

	REQUIRE(rax == TDXC_SYS_RDALL && shape == TDXC_SEAMCALL_RET);
	REQUIRE(regs->rdx == 0x1000);
	m->calls++;
	if (m->raw)
		write_raw(m);
	else
		write_edited(m);
	regs->r8 = m->calls;
	return m->calls < m->pages ? LIST_OVERFLOW : TDXC_STATUS_SUCCESS;
}

static bool is_zero(const void *bytes, size_t n)
{
	const uint8_t *p = bytes;
	uint8_t all = 0;

	while (n-- > 0)
		all |= *p++;
	return all == 0;
}

static void require_good(const struct tdxc_sysinfo *info)
{
	uint32_t n = info->num_cpuid_config;
	uint32_t cmrs = info->num_cmrs;

	REQUIRE(tdxc_sysinfo_has(info, TDXC_FIELD_TDR_SIZE));
	REQUIRE(tdxc_sysinfo_has(info, TDXC_FIELD_NUM_CPUID_CONFIG));
	REQUIRE(info->present >> TDXC_FIELDS == 0);
	REQUIRE(n <= TDXC_MAX_CPUID_CONFIG && cmrs <= TDXC_MAX_CMRS);
	REQUIRE(is_zero(&info->cpuid_leaf[n], (TDXC_MAX_CPUID_CONFIG - n) * 8));
	REQUIRE(is_zero(&info->cpuid_value[n],
			(TDXC_MAX_CPUID_CONFIG - n) * 16));
	REQUIRE(is_zero(&info->cmrs[cmrs], (TDXC_MAX_CMRS - cmrs) * 16));
}

static int read_once(const uint8_t *data, size_t size,
		     struct tdxc_sysinfo *info,
		     struct tdxc_metadata_fault *fault)
{
	const struct tdxc_seamcall_ops ops = {TDXC_ABI, call};
	struct module m = {NULL, {data, size}, false, 0, 0};
	const struct tdxc_seamcall_port port = {&ops, &m};
	struct tdxc_seamcall_diag diag;
	int err;

	m.raw = take(&m.in, 1) & 1;
	m.pages = 1 + (uint32_t)take(&m.in, 1) % MAX_PAGES;
	m.page = calloc(1, PAGE);
	REQUIRE(m.page != NULL);
	err = tdxc_metadata_read_all(&port, m.page, 0x1000, info, fault, &diag);
	REQUIRE(m.calls <= 16 && m.calls <= m.pages);
	free(m.page);
	return err;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct tdxc_sysinfo info, second;
	struct tdxc_metadata_fault fault, again;
	int err = read_once(data, size, &info, &fault);

	memset(&second, 0xA5, sizeof(second));
	REQUIRE(read_once(data, size, &second, &again) == err);
	REQUIRE(memcmp(&info, &second, sizeof(info)) == 0);
	REQUIRE(fault.field == again.field && fault.value == again.value);
	if (err == TDXC_OK) {
		require_good(&info);
		return 0;
	}
	REQUIRE(err == TDXC_E_INVAL || err == TDXC_E_NOENT ||
		err == TDXC_E_RANGE || err == TDXC_E_NOSPC);
	REQUIRE(is_zero(&info, sizeof(info)));
	return 0;
}
