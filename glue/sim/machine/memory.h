/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * Simulated physical memory: up to 64 TiB, of which only what was written
 * takes room. Contents only; who may see what is the line model's business.
 */
#ifndef TDXC_SIM_MEMORY_H
#define TDXC_SIM_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct tdxc_sim_memory;

/* `bytes` of physical address space from 0; NULL: no memory. */
struct tdxc_sim_memory *tdxc_sim_memory_create(uint64_t bytes);
void tdxc_sim_memory_destroy(struct tdxc_sim_memory *mem);
/* The 4 KiB page at pa (below the size), made when it does not exist yet: the
 * same pointer ever after. NULL: beyond the end, or no memory. Thread-safe. */
void *tdxc_sim_memory_page(struct tdxc_sim_memory *mem, uint64_t pa);
/* The same page when it was touched already, to read; NULL: it holds zeros and
 * takes no room. Thread-safe. */
const void *tdxc_sim_memory_peek(const struct tdxc_sim_memory *mem,
				 uint64_t pa);
/* Size of the physical address space. */
uint64_t tdxc_sim_memory_size(const struct tdxc_sim_memory *mem);
/* Zero whole pages; what was never touched stays untouched. */
void tdxc_sim_memory_zero(struct tdxc_sim_memory *mem, uint64_t pa,
			  uint64_t bytes);
/* All contents gone, as after power off. */
void tdxc_sim_memory_reset(struct tdxc_sim_memory *mem);
/* Bytes that take room now. */
uint64_t tdxc_sim_memory_committed(const struct tdxc_sim_memory *mem);

#endif
