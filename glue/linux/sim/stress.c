// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause-Patent)
/*
 * Random operations on TDs, again and again: vCPUs that use all of their memory
 * while threads take it away, change its pages' sizes and places, and remove
 * tables; then the TD goes, the auditor looks, and the next one comes. Which
 * operations, the seed says; when, the scheduler.
 */
#include <linux/jiffies.h>
#include <linux/kthread.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/string.h>

#include "../record.h"
#include "sim.h"

#define REGION	   512ull
#define REGIONS	   2ull
#define NR_VCPUS   4u
#define NR_THREADS 4u
#define ROUND_MS   500u
#define BRIEF_MS   20u /* where no time is given */
#define KINDS	   2u  /* of machines: static, and Dynamic PAMT */

struct worker {
	struct tdxc_ksim_vm *vm;
	struct task_struct *task;
	u64 random;
	u64 operations;
	int err;
};

/* splitmix64 */
static u64 next(u64 *state)
{
	u64 z = *state += 0x9E3779B97F4A7C15ull;

	z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ull;
	z = (z ^ (z >> 27)) * 0x94D049BB133111EBull;
	return z ^ (z >> 31);
}

/* What another one's operation may be in the way of. */
static int forgive(int err)
{
	switch (err) {
	case TDXC_E_NOENT:
	case TDXC_E_AGAIN:
	case TDXC_E_BUSY:
	case TDXC_E_OPNOTSUPP:
	case TDXC_E_EXIST:
		return TDXC_OK;
	default:
		return err;
	}
}

static int operate(struct worker *w)
{
	struct tdxc_ksim_vm *vm = w->vm;
	u64 gfn = next(&w->random) % vm->frames;
	u64 end = min(gfn + 1 + next(&w->random) % 200, vm->frames);
	u64 removed;

	switch (next(&w->random) % 8) {
	case 0:
	case 1:
		return tdxc_ksim_vm_zap(vm, gfn, end);
	case 2:
		return tdxc_ksim_vm_zap(vm, round_down(gfn, REGION),
					round_down(gfn, REGION) + REGION);
	case 3:
		return tdxc_ksim_vm_promote(vm, gfn);
	case 4:
		return tdxc_ksim_vm_demote(vm, gfn);
	case 5:
		return tdxc_ksim_vm_relocate(vm, gfn);
	case 6:
		return tdxc_ksim_vm_remove_tables(vm, &removed);
	default:
		return tdxc_ksim_vm_populate(vm, gfn, end);
	}
}

static int work(void *arg)
{
	struct worker *w = arg;

	if (!tdxc_ksim_begin(w->vm->host))
		w->err = TDXC_E_NOMEM;
	while (!kthread_should_stop()) {
		if (w->err == TDXC_OK) {
			w->err = forgive(operate(w));
			w->operations++;
			cond_resched();
		} else {
			schedule_timeout_interruptible(1);
		}
	}
	if (tdxc_ksim_actor(w->vm->host))
		tdxc_ksim_end(w->vm->host, &w->vm->mmu);
	return 0;
}

static int start(struct tdxc_ksim_vm *vm, struct worker *workers, u64 *random)
{
	u32 i;

	for (i = 0; i < NR_VCPUS; i++) {
		int err = tdxc_ksim_vcpu_start(vm, i, TDXC_KSIM_TOUCH, 0,
					       vm->frames * PAGE_SIZE, U64_MAX);

		if (err != TDXC_OK)
			return err;
	}
	for (i = 0; i < NR_THREADS; i++) {
		workers[i].vm = vm;
		workers[i].random = next(random);
		workers[i].task =
			kthread_run(work, &workers[i], "tdxsim/stress%u", i);
		if (IS_ERR(workers[i].task)) {
			workers[i].task = NULL;
			return TDXC_E_NOMEM;
		}
	}
	return TDXC_OK;
}

static int stop(struct tdxc_ksim_vm *vm, struct worker *workers, int err,
		char *why, size_t bytes)
{
	u32 i;

	for (i = 0; i < NR_THREADS; i++) {
		if (workers[i].task)
			kthread_stop(workers[i].task);
		if (workers[i].err != TDXC_OK && err == TDXC_OK) {
			err = workers[i].err;
			scnprintf(why, bytes, "an operation answered %d", err);
		}
	}
	for (i = 0; i < NR_VCPUS; i++)
		tdxc_ksim_vcpu_stop(vm, i);
	for (i = 0; i < NR_VCPUS; i++) {
		const struct tdxc_ksim_vcpu *v = &vm->vcpus[i];
		int vcpu = tdxc_ksim_vcpu_join(vm, i);

		if (err == TDXC_OK && (vcpu || v->wrong || v->refused)) {
			err = vcpu ? vcpu : TDXC_E_IO;
			scnprintf(why, bytes,
				  "vCPU %u: %d, wrong at 0x%llx, refused %llu",
				  i, vcpu, v->wrong, v->refused);
		}
	}
	return err;
}

static int one_td(struct tdxc_ksim_host *host, u64 *random,
		  unsigned int milliseconds, char *why, size_t bytes)
{
	const struct tdxc_ksim_vm_config c = {
		.nr_vcpus = NR_VCPUS,
		.frames = REGIONS * REGION,
		.small_pages = next(random) % 3 == 0,
		.promote_to_zap = next(random) % 2 == 0,
	};
	struct worker workers[NR_THREADS] = {{0}};
	struct tdxc_sim_violation wrong;
	struct tdxc_ksim_vm *vm;
	int err;

	vm = tdxc_ksim_vm_create(host, &c, &err);
	if (!vm)
		return err;
	err = tdxc_ksim_vm_finalize(vm);
	if (err == TDXC_OK)
		err = start(vm, workers, random);
	if (err == TDXC_OK)
		schedule_timeout_uninterruptible(
			msecs_to_jiffies(milliseconds));
	err = stop(vm, workers, err, why, bytes);
	if (tdxc_ksim_audit(&host->machine, &wrong) && err == TDXC_OK) {
		strscpy(why, wrong.text, bytes);
		err = TDXC_E_IO;
	}
	if (tdxc_ksim_vm_destroy(vm) != TDXC_OK && err == TDXC_OK) {
		strscpy(why, "the TD did not go", bytes);
		err = TDXC_E_IO;
	}
	return err;
}

static int with_host(bool dynamic_pamt, u64 *random, unsigned int milliseconds,
		     char *why, size_t bytes)
{
	const struct tdxc_ksim_machine_config config = {
		.gib = 1, .dynamic_pamt = dynamic_pamt};
	struct tdxc_ksim_host *host;
	u64 left;
	int err;

	host = tdxc_ksim_host_create(&config, &err);
	if (!host)
		return err;
	err = tdxc_ksim_host_up(host);
	if (err == TDXC_OK && !tdxc_ksim_begin(host))
		err = TDXC_E_NOMEM;
	if (err == TDXC_OK) {
		err = one_td(host, random, milliseconds, why, bytes);
		if (err == TDXC_OK)
			err = one_td(host, random, milliseconds, why, bytes);
		tdxc_ksim_end(host, NULL);
	}
	left = tdxc_ksim_host_destroy(host);
	if (left != 0 && err == TDXC_OK) {
		scnprintf(why, bytes, "%llu pages are left", left);
		err = TDXC_E_IO;
	}
	return err;
}

int tdxc_ksim_stress(unsigned int seconds, u64 seed, char *why, size_t bytes)
{
	unsigned int milliseconds = seconds != 0 ? ROUND_MS : BRIEF_MS;
	unsigned long end = jiffies + seconds * HZ;
	/* the format of recordings does not know Dynamic PAMT */
	u64 kinds = tdxc_record_is_on() ? 1 : KINDS;
	u64 random = seed;
	u64 rounds = 0;
	int err;

	strscpy(why, "", bytes);
	do {
		err = with_host(rounds % kinds != 0, &random, milliseconds, why,
				bytes);
		rounds++;
	} while (err == TDXC_OK &&
		 (rounds < kinds || time_before(jiffies, end)));
	if (err == TDXC_OK)
		scnprintf(why, bytes, "%llu machines\n", rounds);
	else if (why[0] == '\0')
		scnprintf(why, bytes, "error %d", err);
	return err;
}
