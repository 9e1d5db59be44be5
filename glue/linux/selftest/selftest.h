/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause-Patent) */
/*
 * Tests that run inside the kernel: reading the file `selftest` in debugfs runs
 * all of them and prints TAP.
 *
 * A file of tests has one array, ended by an entry without a name, declared
 * below and listed in selftest.c.
 */
#ifndef TDXC_SELFTEST_H
#define TDXC_SELFTEST_H

#include <linux/kernel.h>
#include <linux/types.h>

struct dentry;

#define TDXC_SELFTEST_WHY 160

/* What a test answers. */
enum tdxc_selftest_result {
	TDXC_SELFTEST_OK,
	TDXC_SELFTEST_FAILED,
	TDXC_SELFTEST_SKIPPED, /* `why` says what this machine lacks */
};

struct tdxc_selftest {
	const char *name; /* what it proves */
	/* In process context, may sleep; one test at a time. `why`: room for
	 * TDXC_SELFTEST_WHY bytes, empty at first. */
	enum tdxc_selftest_result (*fn)(char *why);
};

/* Leave the test as failed, saying where. For functions with a `why`. */
#define TDXC_EXPECT(condition)                                                 \
	do {                                                                   \
		if (!(condition)) {                                            \
			scnprintf(why, TDXC_SELFTEST_WHY, "%s:%d: %s",         \
				  kbasename(__FILE__), __LINE__, #condition);  \
			return TDXC_SELFTEST_FAILED;                           \
		}                                                              \
	} while (0)

/* The same for numbers, with both. */
#define TDXC_EXPECT_EQ(got, want)                                              \
	do {                                                                   \
		u64 got_ = (u64)(got), want_ = (u64)(want);                    \
		if (got_ != want_) {                                           \
			scnprintf(why, TDXC_SELFTEST_WHY,                      \
				  "%s:%d: %s is 0x%llx, not 0x%llx",           \
				  kbasename(__FILE__), __LINE__, #got, got_,   \
				  want_);                                      \
			return TDXC_SELFTEST_FAILED;                           \
		}                                                              \
	} while (0)

/* Leave the test: this machine cannot show it. */
#define TDXC_SKIP_UNLESS(condition, text)                                      \
	do {                                                                   \
		if (!(condition)) {                                            \
			strscpy(why, text, TDXC_SELFTEST_WHY);                 \
			return TDXC_SELFTEST_SKIPPED;                          \
		}                                                              \
	} while (0)

/* The file in `root`. */
void tdxc_selftest_debugfs(struct dentry *root);

/* Arrays of tests. */
extern const struct tdxc_selftest tdxc_selftest_core[];
extern const struct tdxc_selftest tdxc_selftest_primitives[];
extern const struct tdxc_selftest tdxc_selftest_memory[];
extern const struct tdxc_selftest tdxc_selftest_machine[];
extern const struct tdxc_selftest tdxc_selftest_mmu[];
extern const struct tdxc_selftest tdxc_selftest_guest[];
extern const struct tdxc_selftest tdxc_selftest_trace[];
extern const struct tdxc_selftest tdxc_selftest_sim[];
extern const struct tdxc_selftest tdxc_selftest_unshare[];
extern const struct tdxc_selftest tdxc_selftest_bringup[];

#endif
