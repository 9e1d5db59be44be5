/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * Changing bits of leaf entries in the page tables that are in use.
 *
 * Memory is mapped where it is (virtual address = physical address), tables
 * may be mapped read-only, and there are four levels or five. A leaf that lies
 * in the range only in part is split with tables from a pool, so that nothing
 * is ever allocated. What points to a table never gets the shared bit: the
 * processor would read the table itself from shared memory.
 */
#ifndef TDXC_UEFI_TABLES_H
#define TDXC_UEFI_TABLES_H

#include <tdxcore/scan.h>

#define TDXC_TABLES_RW (1ull << 1) /* entry: writable */

struct tdxc_tables_ops {
	/* From open() to close() entries may be written though their tables
	 * are mapped read-only, and nothing else runs on this processor. Not
	 * nested. */
	uint64_t (*open)(void *ctx);
	void (*close)(void *ctx, uint64_t what_open_said);
	/* The TLB of this processor, global entries included. */
	void (*flush)(void *ctx);
};

struct tdxc_tables {
	uint64_t root;	     /* CR3 without its control bits */
	uint64_t virt;	     /* virtual minus physical address of tables */
	uint32_t levels;     /* 4 or 5 */
	uint32_t shared_bit; /* of an entry; set: shared */
	uint32_t pa_bits;
	const struct tdxc_tables_ops *ops;
	void *ctx;
	const uint64_t *pool; /* physical addresses of spare tables */
	uint32_t nr_pool;
	uint32_t used; /* of pool, from its start */
	/* counted */
	uint64_t edits;
	uint64_t splits;
	uint64_t flushes;
	bool stale; /* entries have changed since the last flush */
};

/*
 * In every leaf of the range: clear some bits, then set some. The TLB is
 * flushed before this returns whenever an entry changed, also on failure.
 *
 * TDXC_OK
 * TDXC_E_INVAL  empty, unaligned, beyond the addresses there are, or memory
 *		 that is mapped at another address; nothing changed
 * TDXC_E_NOENT  a part of it is not mapped; nothing changed
 * TDXC_E_IO     malformed tables; nothing changed
 * TDXC_E_NOSPC  the pool is used up; no leaf has other bits than before
 * TDXC_E_AGAIN  somebody else keeps changing an entry; those before it are done
 */
int tdxc_tables_edit(struct tdxc_tables *t, struct tdxc_range range,
		     uint64_t clear, uint64_t set);

/* Whether the root table is mapped read-only. */
bool tdxc_tables_read_only(const struct tdxc_tables *t);

/* For the core's walks of these tables. */
struct tdxc_scan_config tdxc_tables_scan(const struct tdxc_tables *t,
					 enum tdxc_scan_what what);

#endif
