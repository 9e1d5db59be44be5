/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * Need: uint8_t..uint64_t, size_t, bool, true, false, NULL;
 *       memcpy, memset, memmove, memcmp (declared; compilers emit calls to
 *       them whatever the source says);
 *       TDXC_MUST_CHECK, TDXC_STATIC_ASSERT(condition, text),
 *       TDXC_UNLIKELY(condition);
 *       six atomics on uint64_t, ordering in the name (see below).
 *
 * This is the environment header of C11 user space. Each platform brings its
 * own under the same name, found by include path: it is the only thing a port
 * has to supply at compile time.
 */
#ifndef TDXC_ENV_H
#define TDXC_ENV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TDXC_MUST_CHECK		 __attribute__((warn_unused_result))
#define TDXC_UNLIKELY(condition) __builtin_expect(!!(condition), 0)

/* C++ has its own rules for declaring libc's functions again. */
#ifdef __cplusplus
#include <string.h>
#define TDXC_STATIC_ASSERT(condition, text) static_assert(condition, text)
#else
void *memcpy(void *dst, const void *src, size_t n);
void *memmove(void *dst, const void *src, size_t n);
void *memset(void *dst, int byte, size_t n);
int memcmp(const void *a, const void *b, size_t n);
#define TDXC_STATIC_ASSERT(condition, text) _Static_assert(condition, text)
#endif

/* One copy-atomic read. */
static inline uint64_t tdxc_load_once(const uint64_t *p)
{
	return __atomic_load_n(p, __ATOMIC_RELAXED);
}

/* A read that comes before all later accesses. */
static inline uint64_t tdxc_load_acquire(const uint64_t *p)
{
	return __atomic_load_n(p, __ATOMIC_ACQUIRE);
}

/* A write that comes after all earlier accesses. */
static inline void tdxc_store_release(uint64_t *p, uint64_t value)
{
	__atomic_store_n(p, value, __ATOMIC_RELEASE);
}

/* What C calls sequentially consistent lets later plain reads pass an exchange
 * on processors that build it of two instructions; on x86 nothing passes. */
static inline void tdxc_fully_ordered_(void)
{
#if !defined(__x86_64__) && !defined(__i386__)
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
#endif
}

/* Replace *old by `value`, fully ordered; on failure *old is what stands
 * there. */
static inline bool tdxc_try_cmpxchg(uint64_t *p, uint64_t *old, uint64_t value)
{
	bool done = __atomic_compare_exchange_n(
		p, old, value, false, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED);

	tdxc_fully_ordered_();
	return done;
}

/* Replace whatever stands there, fully ordered; returns it. */
static inline uint64_t tdxc_xchg(uint64_t *p, uint64_t value)
{
	uint64_t old = __atomic_exchange_n(p, value, __ATOMIC_SEQ_CST);

	tdxc_fully_ordered_();
	return old;
}

/* A hint in a spin loop. */
static inline void tdxc_relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
	__builtin_ia32_pause();
#endif
}

#endif
