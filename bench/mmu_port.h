/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * What the benchmarks of the MMU share: a TD whose port does nothing, with
 * table memory in one piece that is not given back.
 */
#ifndef BENCH_MMU_PORT_H
#define BENCH_MMU_PORT_H

#include <tdxcore/err.h>
#include <tdxcore/mirror.h>
#include <tdxcore/version.h>

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TABLE_PA (1ull << 40)
#define LEVELS	 4

/* What the compiler may not know the value of. */
#define OPAQUE(x) __asm__ volatile("" : "+r"(x))

struct mmu_port {
	char *memory;
	uint64_t bytes;
	uint64_t next; /* free from here on; atomic */
};

static inline void must(bool good, const char *what)
{
	if (good)
		return;
	fprintf(stderr, "bench: %s\n", what);
	exit(EXIT_FAILURE);
}

static inline struct tdxc_gfn frame(uint64_t n)
{
	struct tdxc_gfn gfn = {n};

	return gfn;
}

static int port_table_alloc(void *ctx, bool mirror,
			    struct tdxc_mmu_table *table)
{
	struct mmu_port *port = ctx;
	uint64_t at = __atomic_fetch_add(&port->next, 4096, __ATOMIC_RELAXED);

	must(at < port->bytes, "too few tables");
	table->pa = TABLE_PA + at;
	table->external = mirror ? TABLE_PA + at : 0;
	return TDXC_OK;
}

static void port_table_free(void *ctx, const struct tdxc_mmu_table *table)
{
	(void)ctx;
	(void)table;
}

static uint64_t port_table_external(void *ctx, uint64_t pa)
{
	(void)ctx;
	return pa;
}

static bool port_lock_held(void *ctx, enum tdxc_lock lock)
{
	(void)ctx;
	(void)lock;
	return true;
}

static bool port_is_stale(void *ctx, const struct tdxc_fault *fault,
			  struct tdxc_gfn gfn, uint32_t level)
{
	(void)ctx;
	(void)fault;
	(void)gfn;
	(void)level;
	return false;
}

static int port_external_set(void *ctx,
			     const struct tdxc_external_change *change)
{
	(void)ctx;
	(void)change;
	return TDXC_OK;
}

static void port_external_remove(void *ctx, struct tdxc_external_entry *leaves,
				 size_t n, enum tdxc_lock lock)
{
	size_t i;

	(void)ctx;
	(void)lock;
	for (i = 0; i < n; i++)
		leaves[i].status = TDXC_OK;
}

static int port_external_reclaim(void *ctx, struct tdxc_gfn gfn, uint32_t level,
				 uint64_t external)
{
	(void)ctx;
	(void)gfn;
	(void)level;
	(void)external;
	return TDXC_OK;
}

static const struct tdxc_mmu_ops port_ops = {
	TDXC_ABI,
	port_table_alloc,
	port_table_free,
	port_table_free,
	port_table_external,
	port_lock_held,
	port_is_stale,
	port_external_set,
	port_external_remove,
	port_external_reclaim,
};

/* An MMU that has nothing but an empty root. */
static inline struct tdxc_root *
port_mmu(struct mmu_port *port, struct tdxc_mmu *mmu, enum tdxc_roots kind)
{
	struct tdxc_mmu_config config = {0};
	struct tdxc_root *root;

	port->next = 0;
	config.abi = TDXC_ABI;
	config.levels = LEVELS;
	config.ops = &port_ops;
	config.ctx = port;
	config.virt = (uint64_t)(size_t)port->memory - TABLE_PA;
	config.td = true;
	config.end = tdxc_alias_bit(LEVELS);
	must(tdxc_mmu_init(mmu, &config) == TDXC_OK, "no MMU");
	must(tdxc_root_get(mmu, kind, &root) == TDXC_OK, "no root");
	return root;
}

/* A write to a 4 KiB page of either half. */
static inline struct tdxc_fault port_fault(bool is_private)
{
	struct tdxc_fault fault = {0};

	fault.level = TDXC_LEVEL_4K;
	fault.memory_type = 6;
	fault.is_private = is_private;
	fault.write = true;
	fault.host_writable = true;
	return fault;
}

#endif
