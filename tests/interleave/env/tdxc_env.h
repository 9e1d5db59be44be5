/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * The environment of tests/interleave: before each atomic access another thread
 * may go on, and after it the invariants are checked. See ../world.h.
 */
#ifndef TDXC_ENV_H
#define TDXC_ENV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define TDXC_MUST_CHECK			    __attribute__((warn_unused_result))
#define TDXC_STATIC_ASSERT(condition, text) _Static_assert(condition, text)
#define TDXC_UNLIKELY(condition)	    __builtin_expect(!!(condition), 0)

uint64_t world_load(const uint64_t *p, bool acquire);
void world_store(uint64_t *p, uint64_t value);
bool world_cmpxchg(uint64_t *p, uint64_t *old, uint64_t value);
uint64_t world_xchg(uint64_t *p, uint64_t value);
void world_relax(void);

static inline uint64_t tdxc_load_once(const uint64_t *p)
{
	return world_load(p, false);
}

static inline uint64_t tdxc_load_acquire(const uint64_t *p)
{
	return world_load(p, true);
}

static inline void tdxc_store_release(uint64_t *p, uint64_t value)
{
	world_store(p, value);
}

static inline bool tdxc_try_cmpxchg(uint64_t *p, uint64_t *old, uint64_t value)
{
	return world_cmpxchg(p, old, value);
}

static inline uint64_t tdxc_xchg(uint64_t *p, uint64_t value)
{
	return world_xchg(p, value);
}

static inline void tdxc_relax(void)
{
	world_relax();
}

#endif
