/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * What a completion status means, and what a person can do about it.
 *
 * One table, ascending by code, searched by halving. Texts live in a pool and
 * the table holds offsets (err.c tells why), so several hundred strings cost no
 * relocation. Nothing is decided from the table alone: an unknown code still
 * has its upper bits, and those say enough to go on with.
 */
#include <tdxcore/err.h>
#include <tdxcore/status.h>

/* tdx-module-abi.md 2.1 */
#define STATUS_BIT_ERROR	   (1ull << 63)
#define STATUS_BIT_NON_RECOVERABLE (1ull << 62)
#define STATUS_BIT_FATAL	   (1ull << 61)

/* One text of each kind for every STATUS(); an ALIAS() has none of its own. */
struct status_pool {
#define ALIAS(code, name, remedy, detail)
#define STATUS(code, name, remedy, detail, meaning, hint)                      \
	char name_##name[sizeof #name];                                        \
	char meaning_##name[sizeof(meaning)];                                  \
	char hint_##name[sizeof(hint)];
#include "status_below_c0.h"
#include "status_from_c0.h"
#undef STATUS
#undef ALIAS
};

static const struct status_pool status_pool = {
#define ALIAS(code, name, remedy, detail)
#define STATUS(code, name, remedy, detail, meaning, hint) #name, meaning, hint,
#include "status_below_c0.h"
#include "status_from_c0.h"
#undef STATUS
#undef ALIAS
};

TDXC_STATIC_ASSERT(sizeof(struct status_pool) <= 65536, "offsets are 16 bits");

struct status_entry {
	uint64_t code;
	uint16_t name; /* Offsets into status_pool. */
	uint16_t meaning;
	uint16_t hint;
	uint8_t remedy;
	uint8_t detail;
};

static const struct status_entry status_table[] = {
#define ALIAS(code, name, remedy, detail) STATUS(code, name, remedy, detail, , )
#define STATUS(code, name, remedy, detail, meaning, hint)                      \
	{code##ull,                                                            \
	 (uint16_t)offsetof(struct status_pool, name_##name),                  \
	 (uint16_t)offsetof(struct status_pool, meaning_##name),               \
	 (uint16_t)offsetof(struct status_pool, hint_##name),                  \
	 TDXC_REMEDY_##remedy,                                                 \
	 TDXC_DETAIL_##detail},
#include "status_below_c0.h"
#include "status_from_c0.h"
#undef STATUS
#undef ALIAS
};

#define STATUS_COUNT (sizeof status_table / sizeof status_table[0])

static const char *status_text(uint16_t offset)
{
	return (const char *)&status_pool + offset;
}

/* What is compared: software codes differ in their details only. */
static uint64_t status_key(uint64_t status)
{
	return tdxc_status_is_synthetic(status) ? status
						: tdxc_status_code(status);
}

enum tdxc_status_kind tdxc_status_kind(uint64_t status)
{
	if (status == TDXC_STATUS_SUCCESS)
		return TDXC_STATUS_KIND_SUCCESS;
	/* A dead TD or vCPU may come with bit 63 clear (0x4000000100000000). */
	if ((status & (STATUS_BIT_ERROR | STATUS_BIT_NON_RECOVERABLE)) != 0)
		return TDXC_STATUS_KIND_ERROR;
	return TDXC_STATUS_KIND_INFO;
}

static void status_fill(const struct status_entry *entry, uint64_t status,
			struct tdxc_status_info *info)
{
	info->name = status_text(entry->name);
	info->meaning = status_text(entry->meaning);
	info->hint = status_text(entry->hint);
	info->kind = tdxc_status_kind(status);
	info->remedy = (enum tdxc_status_remedy)entry->remedy;
	info->detail = (enum tdxc_status_detail)entry->detail;
}

/* tdx-module-abi.md 2.1: what the upper bits say about any code. */
static void status_fill_unknown(uint64_t status, struct tdxc_status_info *info)
{
	info->name = "UNKNOWN";
	info->hint = "look it up in the manual of the module's version";
	info->kind = tdxc_status_kind(status);
	info->detail = TDXC_DETAIL_NUMBER;
	if (tdxc_status_is_synthetic(status)) {
		info->meaning = "the SEAMCALL instruction itself failed";
		info->remedy = TDXC_REMEDY_NEVER;
		info->detail = TDXC_DETAIL_VECTOR;
	} else if (info->kind != TDXC_STATUS_KIND_ERROR) {
		info->meaning = "not an error, by its upper bits";
		info->remedy = TDXC_REMEDY_NONE;
	} else if ((status & STATUS_BIT_FATAL) != 0 ||
		   (status & STATUS_BIT_ERROR) == 0) {
		info->meaning = "fatal, by its upper bits";
		info->remedy = TDXC_REMEDY_DEAD;
	} else if ((status & STATUS_BIT_NON_RECOVERABLE) != 0) {
		info->meaning = "a refusal that will not pass, by its bits";
		info->remedy = TDXC_REMEDY_NEVER;
	} else {
		info->meaning = "a refusal that may pass, by its upper bits";
		info->remedy = TDXC_REMEDY_RETRY;
	}
}

int tdxc_status_lookup(uint64_t status, struct tdxc_status_info *info)
{
	uint64_t key = status_key(status);
	size_t low = 0;
	size_t high = STATUS_COUNT;
	size_t mid;

	while (low < high) {
		mid = low + (high - low) / 2;
		if (status_table[mid].code < key)
			low = mid + 1;
		else
			high = mid;
	}
	if (low < STATUS_COUNT && status_table[low].code == key) {
		status_fill(&status_table[low], status, info);
		return TDXC_OK;
	}
	status_fill_unknown(status, info);
	return TDXC_E_NOENT;
}

size_t tdxc_status_count(void)
{
	return STATUS_COUNT;
}

uint64_t tdxc_status_at(size_t i, struct tdxc_status_info *info)
{
	if (i >= STATUS_COUNT)
		return 0;
	status_fill(&status_table[i], status_table[i].code, info);
	return status_table[i].code;
}

/* tdx-module-abi.md 2.2, ascending; the number is decimal as there. */
#define OPERAND_LIST(X)                                                        \
	X(0, RAX)                                                              \
	X(1, RCX)                                                              \
	X(2, RDX)                                                              \
	X(3, RBX)                                                              \
	X(5, RBP)                                                              \
	X(6, RSI)                                                              \
	X(7, RDI)                                                              \
	X(8, R8)                                                               \
	X(9, R9)                                                               \
	X(10, R10)                                                             \
	X(11, R11)                                                             \
	X(12, R12)                                                             \
	X(13, R13)                                                             \
	X(14, R14)                                                             \
	X(15, R15)                                                             \
	X(64, ATTRIBUTES)                                                      \
	X(65, XFAM)                                                            \
	X(66, EXEC_CONTROLS)                                                   \
	X(67, EPTP_CONTROLS)                                                   \
	X(68, MAX_VCPUS)                                                       \
	X(69, CPUID_CONFIG)                                                    \
	X(70, TSC_FREQUENCY)                                                   \
	X(71, NUM_L2_VMS)                                                      \
	X(72, IA32_ARCH_CAPABILITIES_CONFIG)                                   \
	X(95, PAGE)                                                            \
	X(96, TDMR_INFO_PA)                                                    \
	X(97, GPA_LIST_ENTRY)                                                  \
	X(98, MIG_BUFF_LIST_ENTRY)                                             \
	X(99, NEW_PAGE_LIST_ENTRY)                                             \
	X(128, TDR)                                                            \
	X(129, TDCX)                                                           \
	X(130, TDVPR)                                                          \
	X(132, REG_PAGE)                                                       \
	X(144, TDCS)                                                           \
	X(145, TDVPS)                                                          \
	X(146, SEPT_TREE)                                                      \
	X(147, SEPT_ENTRY)                                                     \
	X(168, RTMR)                                                           \
	X(169, TD_EPOCH)                                                       \
	X(170, L2_VAPIC_GPA)                                                   \
	X(171, MIGSC)                                                          \
	X(172, OP_STATE)                                                       \
	X(173, MIG)                                                            \
	X(174, SERVTD_BINDINGS)                                                \
	X(176, METADATA_FIELD)                                                 \
	X(177, NUM_VCPUS)                                                      \
	X(178, CPUID_FIXED0_BITMAP)                                            \
	X(184, SYS)                                                            \
	X(185, TDMR)                                                           \
	X(186, KOT)                                                            \
	X(187, KET)                                                            \
	X(188, WBCACHE)

struct operand_pool {
#define X(id, name) char name[sizeof #name];
	OPERAND_LIST(X)
#undef X
};

static const struct operand_pool operand_pool = {
#define X(id, name) #name,
	OPERAND_LIST(X)
#undef X
};

struct operand_entry {
	uint16_t id;
	uint16_t name; /* Offset into operand_pool. */
};

static const struct operand_entry operand_table[] = {
#define X(id, name) {id, (uint16_t)offsetof(struct operand_pool, name)},
	OPERAND_LIST(X)
#undef X
};

const char *tdxc_operand_name(uint32_t id)
{
	size_t i;

	for (i = 0; i < sizeof operand_table / sizeof operand_table[0]; i++) {
		if (operand_table[i].id == id)
			return (const char *)&operand_pool +
			       operand_table[i].name;
	}
	return NULL;
}
