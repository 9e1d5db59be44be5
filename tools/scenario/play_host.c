/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * What the host does to a TD, and whether that had its effect. Beside a running
 * guest an effect may be gone before anyone looks; alone it must be there.
 */
#include "play_impl.h"

#include <sched.h>

/* Levels that are looked at after an operation on a range, at most. */
#define LOOKS 4096u
/* Yields before a vCPU that was asked to move is asked again. */
#define PATIENCE 200u

struct act {
	struct play *p;
	struct play_td *td;
	const struct scenario_statement *st;
	bool alone;
	uint64_t done; /* pages, or what the operation counts */
};

typedef int (*page_operation)(struct tdxc_sim_vmm *vm, uint64_t gpa);

/* --- effects ---------------------------------------------------------------
 */

static void failed(struct act *a, uint64_t where, const char *why)
{
	play_wrong(a->p, a->st->line, "TD %s: %s at 0x%llx: %s",
		   a->td->def->name, scenario_host_name(a->st->what.host),
		   (unsigned long long)where, why);
}

/* A statement's result. A TD that died of it is looked at later. */
static bool judge(struct act *a, uint64_t where, int err)
{
	if (err == TDXC_OK)
		return true;
	if (play_td_lives(a->td) && !a->st->may_fail)
		failed(a, where, tdxc_err_name(err));
	return false;
}

/* Whether half of the range is mapped, or not, all over. */
static void look(struct act *a, struct tdxc_range range, bool is_private,
		 bool mapped)
{
	uint64_t pages = tdxc_range_size(range) / SCENARIO_PAGE;
	uint64_t step = (pages / LOOKS + 1) * SCENARIO_PAGE;
	uint64_t at;

	if (!a->alone)
		return;
	for (at = range.start; at < range.end; at += step) {
		if ((tdxc_sim_vmm_level(a->td->vm, at, is_private) != 0) ==
		    mapped)
			continue;
		failed(a, at,
		       mapped ? "nothing is mapped there afterwards"
			      : "something is mapped there afterwards");
		return;
	}
}

static void need_some(struct act *a)
{
	if (a->alone && a->done == 0 && play_td_lives(a->td) &&
	    !a->st->may_fail)
		failed(a, a->st->range.start, "there was nothing to do it to");
}

static bool is_busy(int err)
{
	return err == TDXC_E_BUSY || err == TDXC_E_AGAIN;
}

/* --- whole ranges ----------------------------------------------------------
 */

static int populate_run(struct act *a, uint64_t at, uint64_t bytes,
			bool is_private)
{
	int err = TDXC_E_BUSY;
	uint32_t i;

	for (i = 0; i < PLAY_ATTEMPTS && is_busy(err); i++)
		err = tdxc_sim_vmm_populate(a->td->vm, at, bytes, is_private);
	return err;
}

static void do_populate(struct act *a)
{
	struct tdxc_range r = a->st->range;
	bool is_private;

	for (; r.start < a->st->range.end; r.start = r.end) {
		r.end = play_alike(a->td, r.start, a->st->range.end, false);
		is_private = !a->td->is_shared[r.start / SCENARIO_PAGE];
		if (!judge(a, r.start,
			   populate_run(a, r.start, tdxc_range_size(r),
					is_private)))
			return;
		look(a, r, is_private, true);
	}
}

static int balloon_run(struct act *a, struct tdxc_range r)
{
	int err = TDXC_E_BUSY;
	uint32_t i;

	for (i = 0; i < PLAY_ATTEMPTS && is_busy(err); i++)
		err = tdxc_sim_vmm_balloon(a->td->vm, r.start,
					   tdxc_range_size(r));
	return err;
}

static void do_balloon(struct act *a)
{
	struct tdxc_range r = a->st->range;
	int err;

	for (; r.start < a->st->range.end; r.start = r.end) {
		r.end = play_alike(a->td, r.start, a->st->range.end, false);
		if (a->td->is_shared[r.start / SCENARIO_PAGE])
			continue;
		err = balloon_run(a, r);
		play_forget(a->td, r, false);
		if (!judge(a, r.start, err))
			return;
		look(a, r, true, false);
		a->done++;
	}
	need_some(a);
}

static int delete_slot(struct act *a)
{
	int err = TDXC_E_BUSY;
	uint32_t i;

	for (i = 0; i < PLAY_ATTEMPTS && is_busy(err); i++)
		err = tdxc_sim_vmm_delete_slot(a->td->vm, a->st->slot);
	return err;
}

static void do_delete_slot(struct act *a)
{
	struct tdxc_range r = a->st->range;
	int err = delete_slot(a);

	play_forget(a->td, r, true);
	if (!play_set_shared(a->td, r, false))
		play_no_memory(a->p);
	if (!judge(a, r.start, err))
		return;
	look(a, r, true, false);
	look(a, r, false, false);
	(void)judge(a, r.start,
		    tdxc_sim_vmm_restore_slot(a->td->vm, a->st->slot));
}

static void do_zap_shared(struct act *a)
{
	struct tdxc_range all = a->st->range;
	struct tdxc_range r = all;
	int err = TDXC_OK;

	if (tdxc_range_size(all) == a->td->def->memory) {
		err = tdxc_sim_vmm_unmap_all_shared(a->td->vm);
		r.start = r.end;
	}
	for (; r.start < all.end && err == TDXC_OK; r.start = r.end) {
		r.end = play_slot_end(a->td, r.start, all.end);
		err = tdxc_sim_vmm_unmap_shared(a->td->vm, r.start,
						tdxc_range_size(r));
	}
	if (judge(a, r.start, err))
		look(a, all, false, false);
}

static void do_remove_tables(struct act *a)
{
	struct tdxc_range all = a->st->range;
	struct tdxc_range r = all;
	uint64_t removed;
	int err;

	for (; r.start < all.end; r.start = r.end) {
		r.end = play_slot_end(a->td, r.start, all.end);
		removed = 0;
		err = tdxc_sim_vmm_remove_tables(a->td->vm, r.start,
						 tdxc_range_size(r), &removed);
		a->done += removed;
		if (!is_busy(err) && !judge(a, r.start, err))
			return;
	}
	need_some(a);
}

/* --- page by page ----------------------------------------------------------
 */

/* A page that is not as the operation needs it is passed over: only a dead TD,
 * or none done at all, is wrong. */
static void do_relocate(struct act *a)
{
	uint64_t at = a->st->range.start;

	for (; at < a->st->range.end && play_goes_on(a->p);
	     at += SCENARIO_PAGE) {
		a->done += tdxc_sim_vmm_relocate(a->td->vm, at) == TDXC_OK;
		if (!play_td_lives(a->td))
			return;
	}
	need_some(a);
}

/* Promote, or demote: what counts is the size afterwards. */
static void do_resize(struct act *a, page_operation operation)
{
	uint64_t at = a->st->range.start;
	uint32_t level;

	for (; at < a->st->range.end && play_goes_on(a->p);
	     at += SCENARIO_LARGE) {
		level = tdxc_sim_vmm_level(a->td->vm, at, true);
		a->done += level != 0 && operation(a->td->vm, at) == TDXC_OK &&
			   tdxc_sim_vmm_level(a->td->vm, at, true) != level;
		if (!play_td_lives(a->td))
			return;
	}
	need_some(a);
}

/* --- vCPUs -----------------------------------------------------------------
 */

void play_migrate(struct play *p, const struct scenario_statement *st,
		  uint64_t *random)
{
	const struct play_td *td = &p->tds[st->td];
	uint32_t cpus = p->s->machine.cpus;
	uint32_t to;
	uint32_t i;

	for (i = 0; i < td->def->vcpus; i++) {
		to = (uint32_t)(play_random(random) % cpus);
		while (p->host.bringup.cpus[to].online == 0)
			to = (to + 1) % cpus;
		(void)tdxc_sim_vmm_migrate(td->vm, i, to);
	}
}

uint32_t play_moved(const struct play_td *td)
{
	uint32_t nr = 0;
	uint32_t i;

	for (i = 0; i < td->def->vcpus; i++)
		nr += tdxc_load_acquire(&td->vm->vcpus[i].move_to) == 0;
	return nr;
}

/* As often as asked, but no longer than guests run. */
static void do_migrate(struct act *a)
{
	uint64_t random = a->p->request->seed ^ a->st->line << 20;
	uint32_t waited;
	uint64_t i;

	for (i = 1; i < a->st->times; i++) {
		for (waited = 0;
		     waited < PATIENCE && play_moved(a->td) < a->td->def->vcpus;
		     waited++)
			(void)sched_yield();
		if (play_moved(a->td) > 0)
			tdxc_store_release(&a->td->moved, 1);
		if (tdxc_load_acquire(&a->p->guests) == 0)
			return;
		play_migrate(a->p, a->st, &random);
	}
}

/* --- a statement -----------------------------------------------------------
 */

static void act(struct act *a)
{
	switch (a->st->what.host) {
	case SCENARIO_POPULATE:
		do_populate(a);
		break;
	case SCENARIO_BALLOON:
		do_balloon(a);
		break;
	case SCENARIO_DELETE_SLOT:
		do_delete_slot(a);
		break;
	case SCENARIO_PROMOTE:
		do_resize(a, tdxc_sim_vmm_promote);
		break;
	case SCENARIO_DEMOTE:
		do_resize(a, tdxc_sim_vmm_demote);
		break;
	case SCENARIO_RELOCATE:
		do_relocate(a);
		break;
	case SCENARIO_REMOVE_TABLES:
		do_remove_tables(a);
		break;
	case SCENARIO_ZAP_SHARED:
		do_zap_shared(a);
		break;
	case SCENARIO_MIGRATE:
		do_migrate(a);
		break;
	}
}

void play_host(struct play *p, const struct scenario_statement *st, bool alone)
{
	struct act a = {
		.p = p,
		.td = &p->tds[st->td],
		.st = st,
		.alone = alone,
	};
	uint64_t times = st->what.host == SCENARIO_MIGRATE ? 1 : st->times;
	uint64_t i;

	for (i = 0; i < times && play_goes_on(p) && play_td_lives(a.td); i++)
		act(&a);
}
