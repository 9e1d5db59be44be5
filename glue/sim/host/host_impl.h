/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* Between the files of the host. */
#ifndef TDXC_SIM_HOST_IMPL_H
#define TDXC_SIM_HOST_IMPL_H

#include "host.h"
#include "platform.h"

int tdxc_sim_host_pages_up(struct tdxc_sim_host *host);
void tdxc_sim_host_pages_down(struct tdxc_sim_host *host);
int tdxc_sim_host_tables_up(struct tdxc_sim_host *host);
void tdxc_sim_host_tables_down(struct tdxc_sim_host *host);
int tdxc_sim_host_lps_up(struct tdxc_sim_host *host);
void tdxc_sim_host_lps_down(struct tdxc_sim_host *host);

/* tdxc_sim_port::guest */
void tdxc_sim_host_let_in(void *ctx, struct tdxc_sim_machine *machine,
			  uint32_t lp, struct tdxc_sim_regs *regs);
/* No table waits for its end any more. */
void tdxc_sim_host_forget_retired(struct tdxc_sim_host *host,
				  struct tdxc_sim_host_lp *lp);
void tdxc_sim_host_give_table(struct tdxc_sim_host *host, uint64_t pa);
struct tdxc_sim_host_lp *tdxc_sim_host_this_lp(struct tdxc_sim_host *host);
/* 0: no block has it. */
struct tdxc_sim_block *tdxc_sim_host_block(struct tdxc_sim_host *host,
					   uint64_t pa);

#endif
