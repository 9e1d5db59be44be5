/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause-Patent) */
/* The TDX module of this machine, from SYS.INIT to the end of the kernel. */
#ifndef TDXC_LINUX_BRINGUP_H
#define TDXC_LINUX_BRINGUP_H

#include <linux/mutex.h>
#include <linux/types.h>
#include <linux/workqueue.h>

#include <tdxcore/tdxcore.h>

/* What is brought up, and by which instruction. */
struct tdxc_linux_bringup_config {
	const struct tdxc_platform *platform; /* kept by reference */
	struct tdxc_seamcall_port port;
	bool vmx; /* the instruction needs VMX operation */
	/* A CPU without LP.INIT that is offline is waited for: what is begun
	 * goes on as it comes. */
	bool waits;
};

/* One bring-up. Members are read under `lock`. */
struct tdxc_linux_bringup {
	struct mutex lock;
	struct tdxc_linux_bringup_config config;
	struct tdxc_module module;
	struct tdxc_module_cpu *cpus;
	/* Logical number of each entry of `cpus`, and the other way round. */
	u32 *cpu_of;
	u32 *index_of;
	u32 nr_cpus;
	void *infos;
	u64 *pointers;
	struct tdxc_plan_ram *ram;
	size_t nr_ram;
	struct tdxc_plan_config request;
	struct tdxc_plan plan; /* valid from CONFIG on */
	void *scratch;
	/* TDX memory, for hotplug: RAM of the plan, joined. */
	struct tdxc_range *memory;
	size_t nr_memory;
	struct tdxc_keyids keyids;
	u64 *keyid_words;
	struct tdxc_sept_quarantine quarantine;
	int hotplug_state;
	bool started;
	bool waiting; /* for a CPU */
	struct work_struct resume;
	/* of the step that failed, or the last one */
	int err;
	enum tdxc_module_step step;
	struct tdxc_seamcall_diag diag;
	struct tdxc_metadata_fault metadata_fault;
	struct tdxc_plan_fault plan_fault;
};

/* The machine's own. */
struct tdxc_linux_bringup *tdxc_linux_bringup(void);
/* What the module's ops do here; ctx unused. */
extern const struct tdxc_module_ops tdxc_linux_module_ops;

/* Until READY, or an error with everything taken back, or `waiting`; under
 * `lock`, and of all bring-ups one at a time: CPUs that come and go belong to
 * it. */
int tdxc_linux_bringup_start(struct tdxc_linux_bringup *b,
			     const struct tdxc_linux_bringup_config *config);
/* All of it back; what the module still believes in stays lent. */
int tdxc_linux_bringup_stop(struct tdxc_linux_bringup *b);

int tdxc_linux_bringup_init(void);
void tdxc_linux_bringup_exit(void);

#endif
