/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause-Patent) */
/*
 * What the files of the kernel module offer one another. docs/glue-linux.md
 * lists each function with the one primitive it stands for.
 */
#ifndef TDXC_LINUX_H
#define TDXC_LINUX_H

#include <linux/types.h>

#include <tdxcore/tdxcore.h>

struct dentry;

/* --- params.c ------------------------------------------------------------- */

bool tdxc_linux_param_use_tdx(void);
bool tdxc_linux_param_dynamic_pamt(void);
bool tdxc_linux_param_bench(void);

/* --- seamcall.c ----------------------------------------------------------- */

/* The instructions, once: RAX or a synthetic status. A register that the
 * instruction did not change is not changed. */
u64 tdxc_linux_seamcall_asm(u64 rax, struct tdxc_seamcall_regs *regs);
u64 tdxc_linux_seamcall_full_asm(u64 rax, struct tdxc_seamcall_full *regs);
u64 tdxc_linux_tdcall_asm(u64 rax, struct tdxc_tdcall_regs *regs);

/* SEAMCALL on the CPU this runs on, for the core. */
struct tdxc_seamcall_port tdxc_linux_seamcall_port(void);
extern const struct tdxc_convert_ops tdxc_linux_convert_ops;

/* Calls since the module was loaded, all CPUs. */
#define TDXC_LINUX_LEAVES 128u /* counted apart; greater ones in [127] */
struct tdxc_linux_calls {
	u64 leaf[TDXC_LINUX_LEAVES];
	u64 seamldr;
	u64 failed; /* no answer, but CF = 1 or a trap */
	u64 tdcalls;
};
void tdxc_linux_calls_sum(struct tdxc_linux_calls *sum);

/* --- cpu.c ---------------------------------------------------------------- */

/* The registers of this CPU, and what is known of this host. */
void tdxc_linux_platform_regs(struct tdxc_platform_regs *regs);
/* As judged when the module was loaded. */
const struct tdxc_platform *tdxc_linux_platform(void);
int tdxc_linux_cpu_init(void);
void tdxc_linux_cpu_exit(void);

/* --- vmx.c ---------------------------------------------------------------- */

/* On the CPU this runs on. -EOPNOTSUPP: no VMX, or a kernel that lets no module
 * have it; -EBUSY: somebody else's; -EIO: VMXON failed. */
int tdxc_linux_vmx_on(void);
void tdxc_linux_vmx_off(void);
/* On every CPU, also those that come online later; all or none. */
int tdxc_linux_vmx_get(void);
void tdxc_linux_vmx_put(void);
const char *tdxc_linux_vmx_text(int err);

/* --- cache.c -------------------------------------------------------------- */

/* This CPU's marks, for coherence.h. */
struct tdxc_coherence_cpu *tdxc_linux_coherence_this(void);
const struct tdxc_coherence_cpu *tdxc_linux_coherence_of(int cpu);
const struct tdxc_coherence *tdxc_linux_coherence(void);
void tdxc_linux_wbinvd(void);
void tdxc_linux_wbnoinvd(void);
/* WBINVD on every CPU that is online; waits for all. */
void tdxc_linux_wbinvd_all(void);
void tdxc_linux_clflush(void *at, size_t bytes);
/* Zeros by MOVDIR64B, then a fence. `at` and `bytes` are multiples of 64. */
void tdxc_linux_rewrite(void *at, size_t bytes);
bool tdxc_linux_has_movdir64b(void);
/* TLB of this CPU, global entries too. */
void tdxc_linux_flush_tlb(void);
int tdxc_linux_cache_init(void);
void tdxc_linux_cache_exit(void);

/* --- memory.c ------------------------------------------------------------- */

/* System RAM by node, ascending; more than `room` is counted, not stored. */
size_t tdxc_linux_ram(struct tdxc_plan_ram *ram, size_t room);
/* All of it, in an array to be kvfree()d; NULL: no memory. */
struct tdxc_plan_ram *tdxc_linux_ram_get(size_t *nr);
/* A page: TDXC_OK or TDXC_E_NOMEM. */
int tdxc_linux_page_alloc(u64 *pa);
void tdxc_linux_page_free(u64 pa);
/* Memory in one piece, 4 KiB aligned; the range is what is to be freed. */
int tdxc_linux_contig_alloc(u64 bytes, int node, struct tdxc_range *range);
void tdxc_linux_contig_free(struct tdxc_range range);

/* --- walk.c --------------------------------------------------------------- */

/* A scan of all the page tables of this CPU; narrow it by start, end, what. The
 * caller may sleep until the end of it, and stays in the same process. */
int tdxc_linux_walk_begin(struct tdxc_scan_config *config);
void tdxc_linux_walk_end(struct tdxc_scan_config *config);

/* --- guest.c -------------------------------------------------------------- */

extern const struct tdxc_gate_ops tdxc_linux_gate_ops; /* may sleep */
extern const struct tdxc_gate_ops tdxc_linux_gate_ops_atomic;
/* ctx: a struct tdxc_unshare_tdx */
extern const struct tdxc_unshare_ops tdxc_linux_unshare_ops;

/* --- sysfs.c: /sys/kernel/tdxcore ----------------------------------------- */

int tdxc_linux_sysfs_init(void);
void tdxc_linux_sysfs_exit(void);

/* --- debug.c: /sys/kernel/debug/tdxcore ----------------------------------- */

int tdxc_linux_debug_init(void);
void tdxc_linux_debug_exit(void);
/* The folder, for whoever has a file of his own; an ERR_PTR is good enough
 * for every debugfs function. */
struct dentry *tdxc_linux_debug_root(void);

#endif
