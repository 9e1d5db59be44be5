/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* TDs are built from an image, and taken down. */
#include "play_impl.h"

#include <stdlib.h>
#include <string.h>

/* --- up --------------------------------------------------------------------
 */

static void describe(const struct scenario_td *def,
		     struct tdxc_sim_vmm_config *config)
{
	uint32_t i;

	memset(config, 0, sizeof *config);
	config->nr_vcpus = def->vcpus;
	config->small_pages = !def->large;
	for (i = 0; i < def->slots; i++) {
		struct tdxc_range range = scenario_slot(def, i);

		config->slots[i].gpa = range.start;
		config->slots[i].bytes = tdxc_range_size(range);
	}
}

static bool make_memory(struct play_td *td, const struct scenario_td *def)
{
	memset(td, 0, sizeof *td);
	td->def = def;
	td->nr_pages = def->memory / SCENARIO_PAGE;
	td->stamps = calloc(td->nr_pages, sizeof td->stamps[0]);
	td->is_shared = calloc(td->nr_pages, sizeof td->is_shared[0]);
	(void)pthread_mutex_init(&td->tracker_mutex, NULL);
	return td->stamps && td->is_shared;
}

static void free_memory(struct play_td *td)
{
	free(td->stamps);
	free(td->is_shared);
	free(td->tracker.ranges);
	(void)pthread_mutex_destroy(&td->tracker_mutex);
	memset(td, 0, sizeof *td);
}

static int add_image(struct play *p, struct play_td *td)
{
	uint32_t stamp = play_stamp(p);
	size_t i;
	int err = tdxc_sim_vmm_add_image(td->vm, 0, td->def->image,
					 play_value(p, stamp), true);

	for (i = 0; i < td->def->image / SCENARIO_PAGE && err == TDXC_OK; i++)
		td->stamps[i] = stamp;
	return err;
}

/* The call that was refused, where there is one. */
static void explain(struct play *p, const struct play_td *td, size_t line,
		    const char *what, int err)
{
	const struct tdxc_seamcall_diag *diag = &td->vm->diag;
	const char *leaf = tdxc_leaf_name(diag->rax);
	struct tdxc_status_info info;

	if (diag->status == 0) {
		play_wrong(p, line, "TD %s: %s: %s", td->def->name, what,
			   tdxc_err_name(err));
		return;
	}
	(void)tdxc_status_lookup(diag->status, &info);
	play_wrong(p, line, "TD %s: %s: %s: SEAMCALL %s: 0x%016llx %s",
		   td->def->name, what, tdxc_err_name(err), leaf ? leaf : "?",
		   (unsigned long long)diag->status, info.name);
}

static void build(struct play *p, struct play_td *td, size_t line)
{
	struct tdxc_sim_vmm_config config;
	int err = TDXC_OK;

	describe(td->def, &config);
	td->vm = tdxc_sim_vmm_create(&p->host, &config, &err);
	if (!td->vm) {
		play_wrong(p, line, "TD %s: not created: %s", td->def->name,
			   tdxc_err_name(err));
		free_memory(td);
		return;
	}
	td->alias = td->vm->alias;
	p->out->tds++;
	err = add_image(p, td);
	if (err == TDXC_OK)
		err = tdxc_sim_vmm_finalize(td->vm);
	if (err != TDXC_OK)
		explain(p, td, line, "not built", err);
}

void play_td_build(struct play *p, const struct scenario_statement *st)
{
	struct play_td *td = &p->tds[st->td];

	if (!make_memory(td, &p->s->tds[st->td])) {
		free_memory(td);
		play_no_memory(p);
		return;
	}
	tdxc_sim_host_thread_begin(&p->host);
	build(p, td, st->line);
	tdxc_sim_host_thread_end(&p->host);
}

/* --- down ------------------------------------------------------------------
 */

/* The failure behind it, if the library knows one. */
static void explain_death(struct play *p, const struct play_td *td, size_t line)
{
	const struct tdxc_seamcall_diag *diag = &td->vm->sept.diag;
	const char *leaf = tdxc_leaf_name(diag->rax);
	struct tdxc_status_info info;

	if (tdxc_load_acquire(&td->vm->sept.diagnosed) == 0) {
		play_wrong(p, line, "TD %s is dead: %s", td->def->name,
			   td->vm->why ? td->vm->why : "nobody knows why");
		return;
	}
	(void)tdxc_status_lookup(diag->status, &info);
	play_wrong(p, line, "TD %s is dead: SEAMCALL %s: 0x%016llx %s",
		   td->def->name, leaf ? leaf : "?",
		   (unsigned long long)diag->status, info.name);
}

bool play_td_lives(const struct play_td *td)
{
	return td->vm && tdxc_load_acquire(&td->vm->dead) == 0;
}

void play_td_look(struct play *p, struct play_td *td,
		  const struct scenario_statement *first, size_t nr)
{
	size_t i;

	if (play_td_lives(td) || td->may_be_dead)
		return;
	for (i = 0; i < nr; i++) {
		if (&p->tds[first[i].td] == td && first[i].may_fail)
			td->may_be_dead = true;
	}
	if (!td->may_be_dead)
		explain_death(p, td, first[0].line);
}

static void compare(struct play *p, struct play_td *td, size_t line)
{
	char text[160];

	if (tdxc_sim_vmm_compare(td->vm, text, sizeof text) != 0)
		play_audit_wrong(p, line, td->def->name, text);
}

/* The VM is gone afterwards. */
static void destroy(struct play *p, struct play_td *td, size_t line)
{
	struct tdxc_sim_vmm_counts counts;
	uint16_t owner = td->vm->owner;
	uint64_t kept;
	int err;

	p->out->broadcasts +=
		tdxc_load_acquire(&td->vm->sept.counts.broadcasts);
	err = tdxc_sim_vmm_destroy(td->vm, &counts);
	p->out->bytes_verified += counts.bytes_verified;
	if (err != TDXC_OK && !td->may_be_dead)
		play_wrong(p, line, "TD %s: not taken down well: %s",
			   td->def->name, tdxc_err_name(err));
	kept = tdxc_sim_host_kept(&p->host, owner);
	if (kept != 0)
		play_wrong(p, line, "TD %s: %llu pages were not freed",
			   td->def->name, (unsigned long long)kept);
}

void play_td_abandon(struct play *p, struct play_td *td)
{
	struct tdxc_sim_vmm_counts counts;

	p->out->broadcasts +=
		tdxc_load_acquire(&td->vm->sept.counts.broadcasts);
	tdxc_sim_vmm_abandon(td->vm, &counts);
	p->out->bytes_verified += counts.bytes_verified;
	free_memory(td);
}

void play_td_end(struct play *p, size_t at, size_t line)
{
	struct play_td *td = &p->tds[at];
	struct tdxc_range all = {0, td->def->memory};
	bool lives = td->vm->finalized && play_td_lives(td);

	if (lives && play_goes_on(p))
		play_verify_all(p, at, all, line);
	tdxc_sim_host_thread_begin(&p->host);
	if (lives && play_goes_on(p))
		compare(p, td, line);
	destroy(p, td, line);
	play_count_quarantined(p);
	tdxc_sim_host_thread_end(&p->host);
	free_memory(td);
}
