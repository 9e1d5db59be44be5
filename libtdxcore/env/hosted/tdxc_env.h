/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * Need: uint8_t..uint64_t, size_t, bool, true, false, NULL;
 *       memcpy, memset, memmove, memcmp (declared; compilers emit calls to
 *       them whatever the source says);
 *       TDXC_MUST_CHECK, TDXC_STATIC_ASSERT(condition, text).
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

void *memcpy(void *restrict dst, const void *restrict src, size_t n);
void *memmove(void *dst, const void *src, size_t n);
void *memset(void *dst, int byte, size_t n);
int memcmp(const void *a, const void *b, size_t n);

#define TDXC_MUST_CHECK __attribute__((warn_unused_result))
#define TDXC_STATIC_ASSERT(condition, text) _Static_assert(condition, text)

#endif
