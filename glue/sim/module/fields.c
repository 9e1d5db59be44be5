/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * Metadata ids (section 3.9): an element is named by code (23:0) and class
 * (61:56); size code, context and bits 50, 51 and 63 of what the caller gives
 * are ignored, all others must be 0.
 */
#include "module.h"

#define ID_KEY	    0x3F00000000FFFFFFull
#define ID_RESERVED 0x4083FFFCFF000000ull
#define ID_CONTEXT  (7ull << 52)

/* All ones; what context it names does not matter. */
bool tdxc_sim_field_is_null(uint64_t id)
{
	return (id | ID_CONTEXT) == NO_ID;
}

bool tdxc_sim_field_find(const struct tdxc_sim_field *table, size_t nr,
			 uint64_t id, size_t *field, uint32_t *element)
{
	size_t i;

	if ((id & ID_RESERVED) != 0)
		return false;
	for (i = 0; i < nr; i++) {
		uint64_t first = table[i].id & ID_KEY;

		if ((id & ID_KEY) < first ||
		    (id & ID_KEY) >= first + table[i].count)
			continue;
		*field = i;
		*element = (uint32_t)((id & ID_KEY) - first);
		return true;
	}
	return false;
}

/* Within a field the answer keeps what the caller's id says beside code and
 * class (recorded: size code and bit 50 come back), with the right context. */
uint64_t tdxc_sim_field_next(const struct tdxc_sim_field *table, size_t nr,
			     size_t field, uint32_t element, uint64_t id)
{
	if (element + 1 < table[field].count)
		return ((id & ~ID_CONTEXT) | (table[field].id & ID_CONTEXT)) +
		       1;
	return field + 1 < nr ? table[field + 1].id : NO_ID;
}
