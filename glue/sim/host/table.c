/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * Memory for page tables, and when it can go: a table that was linked is freed
 * after all read-side sections that could see it. Freed tables are overwritten,
 * so that who looks at one all the same sees nonsense.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <urcu.h>

#include "host_impl.h"

#define PAGE   4096ull
#define POISON 0x5A

/* ThreadSanitizer does not see what orders the users of RCU: all that was done
 * in read-side sections comes before what their end is waited for. */
#if defined(__SANITIZE_THREAD__)
#define WATCHED 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define WATCHED 1
#endif
#endif

#ifdef WATCHED
#include <sanitizer/tsan_interface.h>
static uint64_t sections;
#define SECTION_ENDS()	 __tsan_release(&sections)
#define SECTIONS_ENDED() __tsan_acquire(&sections)
#else
#define SECTION_ENDS()	 ((void)0)
#define SECTIONS_ENDED() ((void)0)
#endif

/* Above all memory there is: no TDMR has it. */
static uint64_t tables_at(const struct tdxc_sim_host *host)
{
	return 1ull << (host->platform.pa_bits - 1);
}

int tdxc_sim_host_tables_up(struct tdxc_sim_host *host)
{
	const uint32_t n = TDXC_SIM_HOST_TABLES;
	void *memory = mmap(NULL, n * PAGE, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (memory == MAP_FAILED)
		return TDXC_E_NOMEM;
	host->tables = memory;
	host->tables_pa = tables_at(host);
	host->externals = calloc(n, sizeof(*host->externals));
	host->free_tables = malloc(n * sizeof(*host->free_tables));
	if (!host->externals || !host->free_tables ||
	    pthread_mutex_init(&host->tables_mutex, NULL) != 0)
		return TDXC_E_NOMEM;
	for (uint32_t i = 0; i < n; i++)
		host->free_tables[i] = n - 1 - i;
	host->nr_free_tables = n;
	return TDXC_OK;
}

void tdxc_sim_host_tables_down(struct tdxc_sim_host *host)
{
	if (host->tables)
		(void)munmap(host->tables, TDXC_SIM_HOST_TABLES * PAGE);
	free(host->externals);
	free(host->free_tables);
}

uint64_t tdxc_sim_host_virt(const struct tdxc_sim_host *host)
{
	return (uint64_t)(size_t)host->tables - host->tables_pa;
}

static uint32_t index_of(const struct tdxc_sim_host *host, uint64_t pa)
{
	uint64_t i = (pa - host->tables_pa) / PAGE;

	if (pa < host->tables_pa || i >= TDXC_SIM_HOST_TABLES || pa % PAGE != 0)
		tdxc_sim_host_stop("no table", pa);
	return (uint32_t)i;
}

static int take_table(struct tdxc_sim_host *host, uint64_t *pa)
{
	bool found;

	(void)pthread_mutex_lock(&host->tables_mutex);
	found = host->nr_free_tables != 0;
	if (found)
		*pa = host->tables_pa +
		      host->free_tables[--host->nr_free_tables] * PAGE;
	(void)pthread_mutex_unlock(&host->tables_mutex);
	return found ? TDXC_OK : TDXC_E_NOMEM;
}

void tdxc_sim_host_give_table(struct tdxc_sim_host *host, uint64_t pa)
{
	uint32_t i = index_of(host, pa);

	memset(host->tables + i * PAGE, POISON, PAGE);
	(void)pthread_mutex_lock(&host->tables_mutex);
	host->externals[i] = 0;
	host->free_tables[host->nr_free_tables++] = i;
	(void)pthread_mutex_unlock(&host->tables_mutex);
}

int tdxc_sim_host_table_alloc(struct tdxc_sim_host *host, uint16_t owner,
			      struct tdxc_mmu_table *table)
{
	int err = take_table(host, &table->pa);

	table->external = 0;
	if (err != TDXC_OK || owner == 0)
		return err;
	err = tdxc_sim_host_alloc(host, 1, TDXC_SIM_USE_TABLE, owner,
				  &table->external);
	if (err != TDXC_OK) {
		tdxc_sim_host_give_table(host, table->pa);
		return err;
	}
	__atomic_store_n(&host->externals[index_of(host, table->pa)],
			 table->external, __ATOMIC_RELAXED);
	return TDXC_OK;
}

void tdxc_sim_host_table_free(struct tdxc_sim_host *host,
			      const struct tdxc_mmu_table *table)
{
	if (table->external != 0)
		tdxc_sim_host_free(host, 1, table->external);
	tdxc_sim_host_give_table(host, table->pa);
}

uint64_t tdxc_sim_host_table_external(struct tdxc_sim_host *host, uint64_t pa)
{
	return __atomic_load_n(&host->externals[index_of(host, pa)],
			       __ATOMIC_RELAXED);
}

/* --- epochs -------------------------------------------------------------- */

void tdxc_sim_host_thread_begin(struct tdxc_sim_host *host)
{
	(void)host;
	rcu_register_thread();
}

void tdxc_sim_host_thread_end(struct tdxc_sim_host *host)
{
	(void)host;
	rcu_unregister_thread();
}

void tdxc_sim_host_read_lock(struct tdxc_sim_host *host)
{
	(void)host;
	rcu_read_lock();
}

void tdxc_sim_host_read_unlock(struct tdxc_sim_host *host)
{
	(void)host;
	SECTION_ENDS();
	rcu_read_unlock();
}

void tdxc_sim_host_table_retire(struct tdxc_sim_host *host,
				const struct tdxc_mmu_table *table)
{
	struct tdxc_sim_host_lp *lp = tdxc_sim_host_this_lp(host);

	if (table->external != 0)
		tdxc_sim_host_stop("a table is retired before its page of the "
				   "Secure EPT",
				   table->external);
	if (lp->nr_retired == sizeof(lp->retired) / sizeof(lp->retired[0]))
		tdxc_sim_host_stop("too many tables are retired at once",
				   lp->nr_retired);
	lp->retired[lp->nr_retired++] = table->pa;
}

void tdxc_sim_host_forget_retired(struct tdxc_sim_host *host,
				  struct tdxc_sim_host_lp *lp)
{
	for (uint32_t i = 0; i < lp->nr_retired; i++)
		tdxc_sim_host_give_table(host, lp->retired[i]);
	lp->nr_retired = 0;
}

void tdxc_sim_host_reap(struct tdxc_sim_host *host, uint32_t at_least)
{
	struct tdxc_sim_host_lp *lp = tdxc_sim_host_this_lp(host);

	if (lp->nr_retired == 0 || lp->nr_retired < at_least)
		return;
	synchronize_rcu();
	SECTIONS_ENDED();
	tdxc_sim_host_forget_retired(host, lp);
}
