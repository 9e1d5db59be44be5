/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause-Patent) */
/*
 * The environment header of the Linux kernel; the hosted one says what is
 * needed. linux/types.h has the uintN_t names and bool, linux/limits.h the
 * largest values under the kernel's own names.
 */
#ifndef TDXC_ENV_H
#define TDXC_ENV_H

#include <linux/atomic.h>
#include <linux/build_bug.h>
#include <linux/compiler.h>
#include <linux/limits.h>
#include <linux/processor.h>
#include <linux/stddef.h>
#include <linux/string.h>
#include <linux/types.h>

#ifndef UINT32_MAX
#define UINT32_MAX U32_MAX
#endif
#ifndef UINT64_MAX
#define UINT64_MAX U64_MAX
#endif

#define TDXC_MUST_CHECK			    __must_check
#define TDXC_STATIC_ASSERT(condition, text) static_assert(condition, text)
#define TDXC_UNLIKELY(condition)	    unlikely(condition)

/* Functions, not macros: an argument of another width does not compile. */
static inline uint64_t tdxc_load_once(const uint64_t *p)
{
	return READ_ONCE(*p);
}

static inline uint64_t tdxc_load_acquire(const uint64_t *p)
{
	return smp_load_acquire(p);
}

static inline void tdxc_store_release(uint64_t *p, uint64_t value)
{
	smp_store_release(p, value);
}

static inline bool tdxc_try_cmpxchg(uint64_t *p, uint64_t *old, uint64_t value)
{
	return try_cmpxchg(p, old, value);
}

static inline uint64_t tdxc_xchg(uint64_t *p, uint64_t value)
{
	return xchg(p, value);
}

static inline void tdxc_relax(void)
{
	cpu_relax();
}

#endif
