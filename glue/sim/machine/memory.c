/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * A directory of 1 GiB regions, each a table of 2 MiB chunks, each made on its
 * first touch from lazily zeroed anonymous memory. A chunk has a bit per page
 * that says the page was handed out: zeroing passes over the others.
 */
#include "memory.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define PAGE_SHIFT   12
#define CHUNK_SHIFT  21
#define REGION_SHIFT 30
#define PAGES	     512u
#define CHUNKS	     512u
#define CHUNK_BYTES  ((size_t)1 << CHUNK_SHIFT)

struct chunk {
	char *bytes;
	uint64_t used[PAGES / 64];
};

struct region {
	struct chunk *chunks[CHUNKS];
};

struct tdxc_sim_memory {
	uint64_t size;
	uint64_t nr_regions;
	struct region **regions;
};

struct tdxc_sim_memory *tdxc_sim_memory_create(uint64_t bytes)
{
	struct tdxc_sim_memory *mem = calloc(1, sizeof(*mem));

	if (!mem)
		return NULL;
	mem->size = bytes;
	mem->nr_regions =
		(bytes + ((uint64_t)1 << REGION_SHIFT) - 1) >> REGION_SHIFT;
	mem->regions = calloc(mem->nr_regions, sizeof(mem->regions[0]));
	if (!mem->regions) {
		free(mem);
		return NULL;
	}
	return mem;
}

static void free_chunk(struct chunk *chunk)
{
	if (!chunk)
		return;
	if (chunk->bytes)
		(void)munmap(chunk->bytes, CHUNK_BYTES);
	free(chunk);
}

void tdxc_sim_memory_reset(struct tdxc_sim_memory *mem)
{
	for (uint64_t r = 0; r < mem->nr_regions; r++) {
		if (!mem->regions[r])
			continue;
		for (size_t i = 0; i < CHUNKS; i++)
			free_chunk(mem->regions[r]->chunks[i]);
		free(mem->regions[r]);
		mem->regions[r] = NULL;
	}
}

void tdxc_sim_memory_destroy(struct tdxc_sim_memory *mem)
{
	if (!mem)
		return;
	tdxc_sim_memory_reset(mem);
	free(mem->regions);
	free(mem);
}

static struct region *region_at(const struct tdxc_sim_memory *mem, uint64_t pa)
{
	return __atomic_load_n(&mem->regions[pa >> REGION_SHIFT],
			       __ATOMIC_ACQUIRE);
}

static struct region *make_region(struct tdxc_sim_memory *mem, uint64_t pa)
{
	struct region *none = NULL;
	struct region *fresh = calloc(1, sizeof(*fresh));

	if (fresh && !__atomic_compare_exchange_n(
			     &mem->regions[pa >> REGION_SHIFT], &none, fresh,
			     false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)) {
		free(fresh);
		return none;
	}
	return fresh;
}

static struct chunk *chunk_at(const struct region *region, uint64_t pa)
{
	return __atomic_load_n(&region->chunks[pa >> CHUNK_SHIFT & 511],
			       __ATOMIC_ACQUIRE);
}

static struct chunk *new_chunk(void)
{
	struct chunk *chunk = calloc(1, sizeof(*chunk));
	void *bytes;

	if (!chunk)
		return NULL;
	bytes = mmap(NULL, CHUNK_BYTES, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (bytes == MAP_FAILED) {
		free(chunk);
		return NULL;
	}
	chunk->bytes = bytes;
	return chunk;
}

static struct chunk *make_chunk(struct region *region, uint64_t pa)
{
	struct chunk *none = NULL;
	struct chunk *fresh = new_chunk();

	if (fresh &&
	    !__atomic_compare_exchange_n(
		    &region->chunks[pa >> CHUNK_SHIFT & 511], &none, fresh,
		    false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)) {
		free_chunk(fresh);
		return none;
	}
	return fresh;
}

static void mark_used(struct chunk *chunk, uint64_t pa)
{
	uint64_t page = pa >> PAGE_SHIFT & 511;
	uint64_t *word = &chunk->used[page / 64];
	uint64_t bit = (uint64_t)1 << (page % 64);

	if ((__atomic_load_n(word, __ATOMIC_RELAXED) & bit) == 0)
		(void)__atomic_fetch_or(word, bit, __ATOMIC_RELAXED);
}

void *tdxc_sim_memory_page(struct tdxc_sim_memory *mem, uint64_t pa)
{
	struct region *region;
	struct chunk *chunk;

	if (pa >= mem->size)
		return NULL;
	region = region_at(mem, pa);
	if (!region)
		region = make_region(mem, pa);
	if (!region)
		return NULL;
	chunk = chunk_at(region, pa);
	if (!chunk)
		chunk = make_chunk(region, pa);
	if (!chunk)
		return NULL;
	mark_used(chunk, pa);
	return chunk->bytes + (pa & (CHUNK_BYTES - 1) & ~(uint64_t)4095);
}

static bool is_used(const struct chunk *chunk, uint64_t pa)
{
	uint64_t page = pa >> PAGE_SHIFT & 511;

	return __atomic_load_n(&chunk->used[page / 64], __ATOMIC_RELAXED) >>
		       (page % 64) &
	       1;
}

const void *tdxc_sim_memory_peek(const struct tdxc_sim_memory *mem, uint64_t pa)
{
	const struct region *region =
		pa < mem->size ? region_at(mem, pa) : NULL;
	const struct chunk *chunk = region ? chunk_at(region, pa) : NULL;

	if (!chunk || !is_used(chunk, pa))
		return NULL;
	return chunk->bytes + (pa & (CHUNK_BYTES - 1) & ~(uint64_t)4095);
}

uint64_t tdxc_sim_memory_size(const struct tdxc_sim_memory *mem)
{
	return mem->size;
}

void tdxc_sim_memory_zero(struct tdxc_sim_memory *mem, uint64_t pa,
			  uint64_t bytes)
{
	uint64_t end = pa + bytes < mem->size ? pa + bytes : mem->size;

	while (pa < end) {
		struct region *region = region_at(mem, pa);
		struct chunk *chunk = region ? chunk_at(region, pa) : NULL;

		if (!region)
			pa = ((pa >> REGION_SHIFT) + 1) << REGION_SHIFT;
		else if (!chunk)
			pa = ((pa >> CHUNK_SHIFT) + 1) << CHUNK_SHIFT;
		else {
			if (is_used(chunk, pa))
				memset(chunk->bytes + (pa & (CHUNK_BYTES - 1)),
				       0, 4096);
			pa += 4096;
		}
	}
}

uint64_t tdxc_sim_memory_committed(const struct tdxc_sim_memory *mem)
{
	uint64_t pages = 0;

	for (uint64_t r = 0; r < mem->nr_regions; r++) {
		for (size_t i = 0; mem->regions[r] && i < CHUNKS; i++) {
			const struct chunk *chunk = mem->regions[r]->chunks[i];

			for (size_t k = 0; chunk && k < PAGES / 64; k++)
				pages += (uint64_t)__builtin_popcountll(
					chunk->used[k]);
		}
	}
	return pages << PAGE_SHIFT;
}
