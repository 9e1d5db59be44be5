/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * The environment header of UEFI firmware; the hosted one says what is needed.
 *
 * Firmware has no C library, and inside EDK2 Base.h may or may not stand before
 * this: so everything comes from what the compiler predefines, which is right
 * for every data model (in firmware long has 32 bits). Except 64 bits: those
 * are what UINT64 is, so that a pointer to one is a pointer to the other. The
 * four functions are what gcc and clang call on their own.
 */
#ifndef TDXC_ENV_H
#define TDXC_ENV_H

typedef __UINT8_TYPE__ uint8_t;
typedef __UINT16_TYPE__ uint16_t;
typedef __UINT32_TYPE__ uint32_t;
typedef unsigned long long uint64_t;
typedef __INT8_TYPE__ int8_t;
typedef __INT16_TYPE__ int16_t;
typedef __INT32_TYPE__ int32_t;
typedef long long int64_t;
typedef __UINTPTR_TYPE__ uintptr_t;
typedef __SIZE_TYPE__ size_t;

#ifndef NULL
#define NULL ((void *)0)
#endif
#ifndef offsetof
#define offsetof(type, member) __builtin_offsetof(type, member)
#endif
#ifndef bool
#define bool _Bool
#define true 1
#define false 0
#endif

#ifndef UINT32_MAX
#define UINT32_MAX __UINT32_MAX__
#endif
#ifndef UINT64_MAX
#define UINT64_MAX __UINT64_MAX__
#endif
#ifndef SIZE_MAX
#define SIZE_MAX __SIZE_MAX__
#endif

void *memcpy(void *dst, const void *src, size_t n);
void *memmove(void *dst, const void *src, size_t n);
void *memset(void *dst, int byte, size_t n);
int memcmp(const void *a, const void *b, size_t n);

#define TDXC_MUST_CHECK			    __attribute__((warn_unused_result))
#define TDXC_STATIC_ASSERT(condition, text) _Static_assert(condition, text)
#define TDXC_UNLIKELY(condition)	    __builtin_expect(!!(condition), 0)

/*
 * The compiler's builtins and not BaseLib's functions: those would bring Base.h
 * into every file of the core, and eight aligned bytes need no library call.
 */
static inline uint64_t tdxc_load_once(const uint64_t *p)
{
	return __atomic_load_n(p, __ATOMIC_RELAXED);
}

static inline uint64_t tdxc_load_acquire(const uint64_t *p)
{
	return __atomic_load_n(p, __ATOMIC_ACQUIRE);
}

static inline void tdxc_store_release(uint64_t *p, uint64_t value)
{
	__atomic_store_n(p, value, __ATOMIC_RELEASE);
}

static inline bool tdxc_try_cmpxchg(uint64_t *p, uint64_t *old, uint64_t value)
{
	return __atomic_compare_exchange_n(p, old, value, false,
					   __ATOMIC_SEQ_CST, __ATOMIC_RELAXED);
}

static inline uint64_t tdxc_xchg(uint64_t *p, uint64_t value)
{
	return __atomic_exchange_n(p, value, __ATOMIC_SEQ_CST);
}

static inline void tdxc_relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
	__builtin_ia32_pause();
#endif
}

#endif
