/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause-Patent) */
/*
 * record=1: every SEAMCALL and its answer, as a `tdxtrace 1` file in debugfs.
 *
 * While it records, SEAMCALLs are made one at a time: the order of the file is
 * the order of the calls. VP.ENTER is on the file as it begins, and the exit
 * when it is over.
 */
#ifndef TDXC_LINUX_RECORD_H
#define TDXC_LINUX_RECORD_H

#include <linux/types.h>

#include <tdxcore/cmr.h>

/* Registers of a line, in its order. */
enum tdxc_record_reg {
	TDXC_RECORD_RAX,
	TDXC_RECORD_RCX,
	TDXC_RECORD_RDX,
	TDXC_RECORD_R8,
	TDXC_RECORD_R9,
	TDXC_RECORD_R10,
	TDXC_RECORD_R11,
	TDXC_RECORD_R12,
	TDXC_RECORD_R13,
	TDXC_RECORD_REGS
};

struct tdxc_record_regs {
	u64 r[TDXC_RECORD_REGS];
};

/* A machine, as the platform directives have it. */
struct tdxc_record_platform {
	u64 nr_lps;
	u64 nr_packages;
	u64 keyid_bits;
	u64 shared_keyids;
	u64 private_keyids;
	u64 pa_width;
	u64 seamrr_start;
	u64 seamrr_bytes;
	u64 fms;
	u64 cache_blocks;
	u64 nr_cmrs;
	struct tdxc_cmr cmrs[TDXC_MAX_CMRS];
};

/* The 4 KiB page at a physical address, to read; NULL: there is none. */
typedef const void *(*tdxc_record_page)(void *ctx, u64 pa);

/* Whether anything is recorded; asked before each of the others. */
bool tdxc_record_is_on(void);

/* A machine just powered on: a new case. */
void tdxc_record_machine(const struct tdxc_record_platform *platform);

/* Around a SEAMCALL or a TDCALL, and what it leaves on the file. Interrupts are
 * off in between, but for VP.ENTER: begin, entered(), end; then begin, left(),
 * end. */
unsigned long tdxc_record_begin(void);
void tdxc_record_end(unsigned long flags);

/* Memory that the call is going to read. */
void tdxc_record_operands(const struct tdxc_record_regs *in,
			  tdxc_record_page page, void *ctx);
void tdxc_record_call(u32 lp, const struct tdxc_record_regs *in,
		      const struct tdxc_record_regs *out);
void tdxc_record_entered(u32 lp, const struct tdxc_record_regs *in);
/* By an external interrupt, or for a reason that the format has no word for. */
void tdxc_record_left(u32 lp, const struct tdxc_record_regs *out);
void tdxc_record_tdcall(u32 lp, const struct tdxc_record_regs *in,
			const struct tdxc_record_regs *out, bool left);

/* The file `trace`. */
int tdxc_record_init(void);
void tdxc_record_exit(void);

#endif
