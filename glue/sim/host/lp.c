/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * Processors, and the threads that stand on them: one at a time. A thread that
 * runs a vCPU stays on its processor as long as nobody else needs one; whoever
 * does kicks the guest off.
 */
#include <sched.h>
#include <stdlib.h>

#include "host_impl.h"

static _Thread_local struct {
	struct tdxc_sim_host *host;
	uint32_t lp;
	bool standing;
} here;

static int init_lp(struct tdxc_sim_host_lp *lp)
{
	tdxc_pamt_cache_init(&lp->pamt, lp->pamt_pages,
			     TDXC_SIM_HOST_PAMT_ROOM);
	return pthread_mutex_init(&lp->mutex, NULL) == 0 &&
			       pthread_mutex_init(&lp->guest_mutex, NULL) == 0
		       ? TDXC_OK
		       : TDXC_E_NOMEM;
}

int tdxc_sim_host_lps_up(struct tdxc_sim_host *host)
{
	uint32_t n = host->description.nr_lps;
	int err = TDXC_OK;

	host->lps = calloc(n, sizeof(*host->lps));
	if (!host->lps)
		return TDXC_E_NOMEM;
	for (uint32_t i = 0; err == TDXC_OK && i < n; i++)
		err = init_lp(&host->lps[i]);
	return err;
}

void tdxc_sim_host_lps_down(struct tdxc_sim_host *host)
{
	for (uint32_t i = 0; host->lps && i < host->description.nr_lps; i++) {
		tdxc_sim_host_forget_retired(host, &host->lps[i]);
		(void)pthread_mutex_destroy(&host->lps[i].mutex);
		(void)pthread_mutex_destroy(&host->lps[i].guest_mutex);
	}
	free(host->lps);
	host->lps = NULL;
}

struct tdxc_sim_host_lp *tdxc_sim_host_this_lp(struct tdxc_sim_host *host)
{
	if (!here.standing || here.host != host)
		tdxc_sim_host_stop("a thread stands on no processor", 0);
	return &host->lps[here.lp];
}

static void stand_on(struct tdxc_sim_host *host, uint32_t lp)
{
	if (tdxc_load_acquire(&host->lps[lp].offline) != 0)
		tdxc_sim_host_stop("a thread stands on a processor that is "
				   "offline",
				   lp);
	here.host = host;
	here.lp = lp;
	here.standing = true;
	tdxc_sim_port_enter(lp);
}

static void kick_off(struct tdxc_sim_host_lp *lp)
{
	(void)pthread_mutex_lock(&lp->guest_mutex);
	if (lp->guest)
		tdxc_sim_guest_kick(lp->guest);
	(void)pthread_mutex_unlock(&lp->guest_mutex);
}

static bool try_lp(struct tdxc_sim_host *host, uint32_t lp)
{
	if (tdxc_load_acquire(&host->lps[lp].offline) != 0 ||
	    pthread_mutex_trylock(&host->lps[lp].mutex) != 0)
		return false;
	stand_on(host, lp);
	return true;
}

static bool try_any(struct tdxc_sim_host *host, uint32_t first)
{
	uint32_t n = host->description.nr_lps;

	for (uint32_t i = 0; i < n; i++) {
		if (try_lp(host, (first + i) % n))
			return true;
	}
	return false;
}

uint32_t tdxc_sim_host_take_lp(struct tdxc_sim_host *host)
{
	uint32_t first = here.host == host ? here.lp : 0;

	if (here.standing)
		tdxc_sim_host_stop("a thread stands on a processor already",
				   here.lp);
	if (try_any(host, first))
		return here.lp;
	(void)__atomic_add_fetch(&host->wanted, 1, __ATOMIC_RELEASE);
	while (!try_any(host, first)) {
		first = (first + 1) % host->description.nr_lps;
		kick_off(&host->lps[first]);
		(void)sched_yield();
	}
	(void)__atomic_sub_fetch(&host->wanted, 1, __ATOMIC_RELEASE);
	return here.lp;
}

void tdxc_sim_host_take_this_lp(struct tdxc_sim_host *host, uint32_t lp)
{
	struct tdxc_sim_host_lp *at = &host->lps[lp];

	if (here.standing)
		tdxc_sim_host_stop("a thread stands on a processor already",
				   here.lp);
	if (tdxc_load_acquire(&at->offline) != 0)
		tdxc_sim_host_stop("a thread wants a processor that is offline",
				   lp);
	if (try_lp(host, lp))
		return;
	(void)__atomic_add_fetch(&at->wanted, 1, __ATOMIC_RELEASE);
	do {
		kick_off(at);
		(void)sched_yield();
	} while (!try_lp(host, lp));
	(void)__atomic_sub_fetch(&at->wanted, 1, __ATOMIC_RELEASE);
}

void tdxc_sim_host_drop_lp(struct tdxc_sim_host *host)
{
	struct tdxc_sim_host_lp *lp = tdxc_sim_host_this_lp(host);

	here.standing = false;
	(void)pthread_mutex_unlock(&lp->mutex);
}

void tdxc_sim_host_yield_lp(struct tdxc_sim_host *host)
{
	struct tdxc_sim_host_lp *lp = tdxc_sim_host_this_lp(host);
	uint32_t index = here.lp;

	if (tdxc_load_acquire(&lp->wanted) == 0 &&
	    tdxc_load_acquire(&host->wanted) == 0)
		return;
	tdxc_sim_host_drop_lp(host);
	do {
		(void)sched_yield();
	} while (tdxc_load_acquire(&lp->wanted) != 0);
	tdxc_sim_host_take_this_lp(host, index);
}

void tdxc_sim_host_set_guest(struct tdxc_sim_host *host,
			     struct tdxc_sim_guest *guest)
{
	struct tdxc_sim_host_lp *lp = tdxc_sim_host_this_lp(host);

	lp->entering = guest;
	(void)pthread_mutex_lock(&lp->guest_mutex);
	lp->guest = guest;
	(void)pthread_mutex_unlock(&lp->guest_mutex);
}

void tdxc_sim_host_let_in(void *ctx, struct tdxc_sim_machine *machine,
			  uint32_t lp, struct tdxc_sim_regs *regs)
{
	struct tdxc_sim_host *host = ctx;
	struct tdxc_sim_guest *guest =
		host->lps ? host->lps[lp].entering : NULL;

	if (guest)
		tdxc_sim_guest_inside(guest, regs);
	else
		tdxc_sim_machine_interrupt_exit(machine, lp, regs);
}

/* --- processors that come and go ------------------------------------------ */

/* Its pages and tables are of use to nobody while it is away. */
void tdxc_sim_host_lp_offline(struct tdxc_sim_host *host, uint32_t lp)
{
	tdxc_sim_host_take_this_lp(host, lp);
	tdxc_sim_host_pamt_drain(host, 0);
	tdxc_sim_host_reap(host, 1);
	tdxc_store_release(&host->lps[lp].offline, 1);
	host->bringup.cpus[lp].online = 0;
	tdxc_sim_host_drop_lp(host);
}

void tdxc_sim_host_lp_online(struct tdxc_sim_host *host, uint32_t lp)
{
	host->bringup.cpus[lp].online = 1;
	tdxc_store_release(&host->lps[lp].offline, 0);
}

/* --- Dynamic PAMT pages -------------------------------------------------- */

struct tdxc_pamt_cache *tdxc_sim_host_pamt_cache(struct tdxc_sim_host *host)
{
	return &tdxc_sim_host_this_lp(host)->pamt;
}

static int add_page(struct tdxc_sim_host *host, struct tdxc_pamt_cache *cache)
{
	struct tdxc_pamt_page page = {0, false};
	int err = tdxc_sim_host_alloc(host, 1, TDXC_SIM_USE_PAMT, 0, &page.pa);

	if (err != TDXC_OK)
		return err;
	/* PAMT.ADD comes without an op to do it. */
	if (tdxc_sim_host_must_flush(host))
		(void)tdxc_sim_machine_clflush(&host->machine, here.lp, page.pa,
					       TDXC_PAGE_SIZE);
	return tdxc_pamt_cache_add(cache, page);
}

int tdxc_sim_host_pamt_topup(struct tdxc_sim_host *host)
{
	struct tdxc_pamt_cache *cache = tdxc_sim_host_pamt_cache(host);
	int err = TDXC_OK;

	if (host->pamt.dynamic == 0)
		return TDXC_OK;
	while (err == TDXC_OK && cache->count < TDXC_SIM_HOST_PAMT_LOW)
		err = add_page(host, cache);
	return err;
}

void tdxc_sim_host_pamt_drain(struct tdxc_sim_host *host, uint32_t keep)
{
	struct tdxc_pamt_cache *cache = tdxc_sim_host_pamt_cache(host);
	struct tdxc_pamt_page page;

	while (cache->count > keep && tdxc_pamt_cache_take(cache, &page))
		tdxc_sim_host_free(host, 1, page.pa);
}
