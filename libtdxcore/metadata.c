/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * Global metadata: one table of what is wanted, two ways to read it.
 *
 * A field's identity is its class and code. The module ignores the element
 * size of an id it is given and reports its own, and published sizes differ, so
 * sizes are never compared; a value that does not fit is refused instead.
 */
#include <tdxcore/err.h>
#include <tdxcore/metadata.h>
#include <tdxcore/status.h>

enum field_need {
	FIELD_REQUIRED,
	FIELD_OPTIONAL,
};

struct field {
	uint64_t id;
	uint16_t offset; /* In struct tdxc_sysinfo. */
	uint8_t bytes;
	uint8_t need;
};

#define FIELD(id, member, need)                                                \
	{                                                                      \
		id##ull, (uint16_t)offsetof(struct tdxc_sysinfo, member),      \
			(uint8_t)sizeof(((struct tdxc_sysinfo *)0)->member),   \
			FIELD_##need                                           \
	}

/* tdx-module-abi.md 3.9. Required is what a TD cannot be built without; CMRs
 * are not, because older modules report them by SYS.INFO only. */
static const struct field fields[TDXC_FIELDS] = {
	[TDXC_FIELD_MINOR_VERSION] =
		FIELD(0x0800000100000003, minor_version, OPTIONAL),
	[TDXC_FIELD_MAJOR_VERSION] =
		FIELD(0x0800000100000004, major_version, OPTIONAL),
	[TDXC_FIELD_UPDATE_VERSION] =
		FIELD(0x0800000100000005, update_version, OPTIONAL),
	[TDXC_FIELD_INTERNAL_VERSION] =
		FIELD(0x0800000100000006, internal_version, OPTIONAL),
	[TDXC_FIELD_BUILD_NUM] = FIELD(0x8800000100000002, build_num, OPTIONAL),
	[TDXC_FIELD_BUILD_DATE] =
		FIELD(0x8800000200000001, build_date, OPTIONAL),
	[TDXC_FIELD_FEATURES0] = FIELD(0x0A00000300000008, features0, OPTIONAL),
	[TDXC_FIELD_NUM_PKGS] = FIELD(0x0000000200000000, num_pkgs, OPTIONAL),
	[TDXC_FIELD_MAX_TDMRS] = FIELD(0x9100000100000008, max_tdmrs, REQUIRED),
	[TDXC_FIELD_MAX_RESERVED] =
		FIELD(0x9100000100000009, max_reserved, REQUIRED),
	[TDXC_FIELD_PAMT_4K_ENTRY_SIZE] =
		FIELD(0x9100000100000010, pamt_4k_entry_size, REQUIRED),
	[TDXC_FIELD_PAMT_2M_ENTRY_SIZE] =
		FIELD(0x9100000100000011, pamt_2m_entry_size, REQUIRED),
	[TDXC_FIELD_PAMT_1G_ENTRY_SIZE] =
		FIELD(0x9100000100000012, pamt_1g_entry_size, REQUIRED),
	[TDXC_FIELD_PAMT_BITMAP_BITS] =
		FIELD(0x9100000000000013, pamt_bitmap_bits, OPTIONAL),
	[TDXC_FIELD_TDR_SIZE] = FIELD(0x9800000100000000, tdr_size, REQUIRED),
	[TDXC_FIELD_TDCS_SIZE] = FIELD(0x9800000100000100, tdcs_size, REQUIRED),
	[TDXC_FIELD_TDVPS_SIZE] =
		FIELD(0x9800000100000200, tdvps_size, REQUIRED),
	[TDXC_FIELD_ATTRIBUTES_FIXED0] =
		FIELD(0x1900000300000000, attributes_fixed0, REQUIRED),
	[TDXC_FIELD_ATTRIBUTES_FIXED1] =
		FIELD(0x1900000300000001, attributes_fixed1, REQUIRED),
	[TDXC_FIELD_XFAM_FIXED0] =
		FIELD(0x1900000300000002, xfam_fixed0, REQUIRED),
	[TDXC_FIELD_XFAM_FIXED1] =
		FIELD(0x1900000300000003, xfam_fixed1, REQUIRED),
	[TDXC_FIELD_NUM_CPUID_CONFIG] =
		FIELD(0x9900000100000004, num_cpuid_config, REQUIRED),
	[TDXC_FIELD_MAX_VCPUS_PER_TD] =
		FIELD(0x9900000100000008, max_vcpus_per_td, OPTIONAL),
	[TDXC_FIELD_MODULE_HV] = FIELD(0x8900000100000000, module_hv, OPTIONAL),
	[TDXC_FIELD_MIN_UPDATE_HV] =
		FIELD(0x8900000100000001, min_update_hv, OPTIONAL),
	[TDXC_FIELD_NO_DOWNGRADE] =
		FIELD(0x8900000000000002, no_downgrade, OPTIONAL),
	[TDXC_FIELD_NUM_CMRS] = FIELD(0x9000000100000000, num_cmrs, OPTIONAL),
};

enum array_name {
	ARRAY_CPUID_LEAF,
	ARRAY_CPUID_VALUE,
	ARRAY_CMR_BASE,
	ARRAY_CMR_SIZE,
	ARRAYS
};

/* Arrays of 8-byte elements; element k has id base + k. */
struct array {
	uint64_t base;
	uint16_t offset; /* In struct tdxc_sysinfo. */
	uint16_t stride;
	uint32_t room; /* Elements. */
};

static const struct array arrays[ARRAYS] = {
	[ARRAY_CPUID_LEAF] = {0x9900000300000400ull,
			      offsetof(struct tdxc_sysinfo, cpuid_leaf), 8,
			      TDXC_MAX_CPUID_CONFIG},
	[ARRAY_CPUID_VALUE] = {0x9900000300000500ull,
			       offsetof(struct tdxc_sysinfo, cpuid_value), 8,
			       2 * TDXC_MAX_CPUID_CONFIG},
	[ARRAY_CMR_BASE] = {0x9000000300000080ull,
			    offsetof(struct tdxc_sysinfo, cmrs[0].base),
			    sizeof(struct tdxc_cmr), TDXC_MAX_CMRS},
	[ARRAY_CMR_SIZE] = {0x9000000300000100ull,
			    offsetof(struct tdxc_sysinfo, cmrs[0].size),
			    sizeof(struct tdxc_cmr), TDXC_MAX_CMRS},
};

#define ID_CLASS_AND_CODE	  0x3F00000000FFFFFFull
#define ID_NONE			  0xFFFFFFFFFFFFFFFFull

#define STATUS_FIELD_ID_INCORRECT 0xC0000C0000000000ull
#define STATUS_FIELD_NOT_READABLE 0xC0000C0200000000ull
#define STATUS_LIST_OVERFLOW	  0xC0000C0400000000ull

uint64_t tdxc_field_id(enum tdxc_field field)
{
	return (uint32_t)field < TDXC_FIELDS ? fields[field].id : 0;
}

static int field_refused(int err, uint64_t id, uint64_t value,
			 struct tdxc_metadata_fault *fault)
{
	fault->field = id;
	fault->value = value;
	return err;
}

static int field_store(struct tdxc_sysinfo *info, enum tdxc_field i,
		       uint64_t value, struct tdxc_metadata_fault *fault)
{
	const struct field *f = &fields[i];

	if (f->bytes < 8 && value >> (8 * f->bytes) != 0)
		return field_refused(TDXC_E_RANGE, f->id, value, fault);
	if (i == TDXC_FIELD_NUM_CPUID_CONFIG && value > TDXC_MAX_CPUID_CONFIG)
		return field_refused(TDXC_E_NOSPC, f->id, value, fault);
	if (i == TDXC_FIELD_NUM_CMRS && value > TDXC_MAX_CMRS)
		return field_refused(TDXC_E_NOSPC, f->id, value, fault);
	/* Little endian, as everything a TDX module runs on. */
	memcpy((uint8_t *)info + f->offset, &value, f->bytes);
	info->present |= 1ull << i;
	return TDXC_OK;
}

static void element_store(struct tdxc_sysinfo *info, const struct array *a,
			  uint32_t k, uint64_t value)
{
	memcpy((uint8_t *)info + a->offset + (size_t)k * a->stride, &value,
	       sizeof(value));
}

/* How many elements the counts say there are; never more than room. */
static uint32_t array_count(const struct tdxc_sysinfo *info, enum array_name i)
{
	switch (i) {
	case ARRAY_CPUID_LEAF:
		return info->num_cpuid_config;
	case ARRAY_CPUID_VALUE:
		return 2u * info->num_cpuid_config;
	default:
		return info->num_cmrs;
	}
}

static int read_element(const struct tdxc_seamcall_port *port, uint64_t id,
			uint64_t *value, struct tdxc_seamcall_diag *diag)
{
	struct tdxc_seamcall_limits limits = tdxc_seamcall_limits_usual();
	struct tdxc_seamcall_regs regs = {0, id, 0, 0, 0, 0};
	uint64_t code;
	int err;

	err = tdxc_seamcall(port, TDXC_SYS_RD, &regs, TDXC_SEAMCALL_RET,
			    &limits, diag);
	code = tdxc_status_code(diag->status);
	if (code == STATUS_FIELD_ID_INCORRECT ||
	    code == STATUS_FIELD_NOT_READABLE)
		return TDXC_E_NOENT;
	*value = regs.r8;
	return err;
}

static int read_array(const struct tdxc_seamcall_port *port, enum array_name i,
		      struct tdxc_sysinfo *info,
		      struct tdxc_metadata_fault *fault,
		      struct tdxc_seamcall_diag *diag)
{
	const struct array *a = &arrays[i];
	uint32_t n = array_count(info, i);
	uint64_t value = 0;
	uint32_t k;
	int err;

	for (k = 0; k < n; k++) {
		err = read_element(port, a->base + k, &value, diag);
		if (err != TDXC_OK)
			return field_refused(err, a->base + k, 0, fault);
		element_store(info, a, k, value);
	}
	return TDXC_OK;
}

static int read_scalars(const struct tdxc_seamcall_port *port,
			struct tdxc_sysinfo *info,
			struct tdxc_metadata_fault *fault,
			struct tdxc_seamcall_diag *diag)
{
	uint64_t value = 0;
	uint32_t i;
	int err;

	for (i = 0; i < TDXC_FIELDS; i++) {
		err = read_element(port, fields[i].id, &value, diag);
		if (err == TDXC_E_NOENT && fields[i].need == FIELD_OPTIONAL)
			continue;
		if (err != TDXC_OK)
			return field_refused(err, fields[i].id, 0, fault);
		err = field_store(info, (enum tdxc_field)i, value, fault);
		if (err != TDXC_OK)
			return err;
	}
	return TDXC_OK;
}

static int read_arrays(const struct tdxc_seamcall_port *port,
		       struct tdxc_sysinfo *info,
		       struct tdxc_metadata_fault *fault,
		       struct tdxc_seamcall_diag *diag)
{
	int err = TDXC_OK;
	uint32_t i;

	for (i = 0; i < ARRAYS && err == TDXC_OK; i++)
		err = read_array(port, (enum array_name)i, info, fault, diag);
	return err;
}

int tdxc_metadata_read(const struct tdxc_seamcall_port *port,
		       struct tdxc_sysinfo *info,
		       struct tdxc_metadata_fault *fault,
		       struct tdxc_seamcall_diag *diag)
{
	int err;

	memset(info, 0, sizeof(*info));
	memset(fault, 0, sizeof(*fault));
	err = read_scalars(port, info, fault, diag);
	if (err == TDXC_OK)
		err = read_arrays(port, info, fault, diag);
	if (err != TDXC_OK)
		memset(info, 0, sizeof(*info));
	return err;
}

/* --- the list of SYS.RDALL (tdx-module-abi.md 3.9) ----------------------- */

#define LIST_BYTES 4096u
#define LIST_PAGES 16u

static uint64_t list_word(const uint8_t *list, uint32_t offset)
{
	uint64_t word;

	memcpy(&word, list + offset, sizeof(word));
	return word;
}

struct list_reader {
	struct tdxc_sysinfo *info;
	struct tdxc_metadata_fault *fault;
	uint32_t seen[ARRAYS]; /* Elements listed. */
};

static bool list_array_element(struct list_reader *r, uint64_t id,
			       uint64_t value)
{
	uint32_t i;

	for (i = 0; i < ARRAYS; i++) {
		uint64_t k = (id & ID_CLASS_AND_CODE) -
			     (arrays[i].base & ID_CLASS_AND_CODE);

		if (k >= arrays[i].room)
			continue;
		element_store(r->info, &arrays[i], (uint32_t)k, value);
		r->seen[i]++;
		return true;
	}
	return false;
}

static int list_element(struct list_reader *r, uint64_t id, uint64_t value)
{
	uint32_t i;

	if (list_array_element(r, id, value))
		return TDXC_OK;
	for (i = 0; i < TDXC_FIELDS; i++) {
		if (((fields[i].id ^ id) & ID_CLASS_AND_CODE) == 0)
			return field_store(r->info, (enum tdxc_field)i, value,
					   r->fault);
	}
	return TDXC_OK;
}

/* A header, and the elements that follow it: last_element + 1 in each of
 * last_field + 1 fields, their codes ascending by one. */
static int list_sequence(const uint8_t *list, uint32_t end, uint32_t *offset,
			 struct list_reader *r)
{
	uint64_t id = list_word(list, *offset);
	uint32_t n = ((uint32_t)(id >> 34 & 0xF) + 1) *
		     ((uint32_t)(id >> 38 & 0x1FF) + 1);
	uint32_t k;
	int err;

	*offset += 8;
	if (n > (end - *offset) / 8)
		return field_refused(TDXC_E_INVAL, id, n, r->fault);
	for (k = 0; k < n; k++) {
		err = list_element(r, id + k, list_word(list, *offset));
		if (err != TDXC_OK)
			return err;
		*offset += 8;
	}
	return TDXC_OK;
}

/* Sequences must fill the list exactly, and there is no list without any. */
static int list_read(const uint8_t *list, struct list_reader *r)
{
	uint64_t header = list_word(list, 0);
	uint32_t end = (uint32_t)(header & 0xFFFF);
	uint32_t sequences = (uint32_t)(header >> 16 & 0xFFFF);
	uint32_t offset = 8;
	int err;

	if (end < 8 || end > LIST_BYTES || sequences == 0)
		return field_refused(TDXC_E_INVAL, header, end, r->fault);
	for (; sequences > 0; sequences--) {
		if (end - offset < 8)
			return field_refused(TDXC_E_INVAL, header, sequences,
					     r->fault);
		err = list_sequence(list, end, &offset, r);
		if (err != TDXC_OK)
			return err;
	}
	return offset == end
		       ? TDXC_OK
		       : field_refused(TDXC_E_INVAL, header, offset, r->fault);
}

/* A list holds whole arrays, whatever the counts say: what is beyond a count is
 * no element, and what is short of it is missing. */
static int list_arrays(const struct list_reader *r)
{
	uint32_t i;
	uint32_t k;

	for (i = 0; i < ARRAYS; i++) {
		uint32_t n = array_count(r->info, (enum array_name)i);

		if (r->seen[i] < n)
			return field_refused(TDXC_E_NOENT,
					     arrays[i].base + r->seen[i], 0,
					     r->fault);
		for (k = n; k < arrays[i].room; k++)
			element_store(r->info, &arrays[i], k, 0);
	}
	return TDXC_OK;
}

static int list_complete(const struct list_reader *r)
{
	uint32_t i;

	for (i = 0; i < TDXC_FIELDS; i++) {
		if (fields[i].need == FIELD_REQUIRED &&
		    !tdxc_sysinfo_has(r->info, (enum tdxc_field)i))
			return field_refused(TDXC_E_NOENT, fields[i].id, 0,
					     r->fault);
	}
	return TDXC_OK;
}

static int read_lists(const struct tdxc_seamcall_port *port,
		      const uint8_t *page, uint64_t page_pa,
		      struct list_reader *r, struct tdxc_seamcall_diag *diag)
{
	struct tdxc_seamcall_limits limits = tdxc_seamcall_limits_usual();
	struct tdxc_seamcall_regs regs = {0, page_pa, ID_NONE, 0, 0, 0};
	uint32_t pages;
	bool more;
	int err;

	for (pages = 0; pages < LIST_PAGES; pages++) {
		err = tdxc_seamcall(port, TDXC_SYS_RDALL, &regs,
				    TDXC_SEAMCALL_RET, &limits, diag);
		more = tdxc_status_code(diag->status) == STATUS_LIST_OVERFLOW;
		if (err != TDXC_OK && !more)
			return err;
		err = list_read(page, r);
		if (err != TDXC_OK || !more)
			return err;
		regs.rdx = page_pa;
	}
	return field_refused(TDXC_E_INVAL, regs.r8, pages, r->fault);
}

int tdxc_metadata_read_all(const struct tdxc_seamcall_port *port,
			   const void *page, uint64_t page_pa,
			   struct tdxc_sysinfo *info,
			   struct tdxc_metadata_fault *fault,
			   struct tdxc_seamcall_diag *diag)
{
	struct list_reader r = {info, fault, {0}};
	int err;

	memset(info, 0, sizeof(*info));
	memset(fault, 0, sizeof(*fault));
	err = read_lists(port, page, page_pa, &r, diag);
	if (err == TDXC_OK)
		err = list_complete(&r);
	if (err == TDXC_OK)
		err = list_arrays(&r);
	if (err != TDXC_OK)
		memset(info, 0, sizeof(*info));
	return err;
}
