/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* One thread per logical processor; every wait has an end. */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "machine.h"

struct lp_thread {
	struct tdxc_sim_machine *machine;
	uint32_t lp;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	tdxc_sim_work work; /* NULL: idle */
	void *arg;
	bool stop;
};

struct tdxc_sim_lps {
	uint32_t count;
	struct lp_thread threads[TDXC_SIM_MAX_LPS];
};

static void *live(void *arg)
{
	struct lp_thread *t = arg;

	(void)pthread_mutex_lock(&t->lock);
	while (!t->stop) {
		tdxc_sim_work work = t->work;

		if (!work) {
			(void)pthread_cond_wait(&t->changed, &t->lock);
			continue;
		}
		(void)pthread_mutex_unlock(&t->lock);
		work(t->machine, t->lp, t->arg);
		(void)pthread_mutex_lock(&t->lock);
		t->work = NULL;
		(void)pthread_cond_broadcast(&t->changed);
	}
	(void)pthread_mutex_unlock(&t->lock);
	return NULL;
}

static bool start(struct lp_thread *t)
{
	pthread_condattr_t attr;

	(void)pthread_condattr_init(&attr);
	(void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	(void)pthread_cond_init(&t->changed, &attr);
	(void)pthread_condattr_destroy(&attr);
	(void)pthread_mutex_init(&t->lock, NULL);
	if (pthread_create(&t->thread, NULL, live, t) == 0)
		return true;
	(void)pthread_cond_destroy(&t->changed);
	(void)pthread_mutex_destroy(&t->lock);
	return false;
}

/* Their work is done. */
static void stop_all(struct tdxc_sim_lps *lps)
{
	for (uint32_t i = 0; i < lps->count; i++) {
		struct lp_thread *t = &lps->threads[i];

		(void)pthread_mutex_lock(&t->lock);
		t->stop = true;
		(void)pthread_cond_broadcast(&t->changed);
		(void)pthread_mutex_unlock(&t->lock);
		(void)pthread_join(t->thread, NULL);
		(void)pthread_cond_destroy(&t->changed);
		(void)pthread_mutex_destroy(&t->lock);
	}
	free(lps);
}

int tdxc_sim_machine_start_lps(struct tdxc_sim_machine *machine)
{
	struct tdxc_sim_lps *lps;

	if (machine->lps)
		return TDXC_E_EXIST;
	lps = calloc(1, sizeof(*lps));
	if (!lps)
		return TDXC_E_NOMEM;
	for (uint32_t i = 0; i < machine->platform.nr_lps; i++) {
		lps->threads[i].machine = machine;
		lps->threads[i].lp = i;
		if (!start(&lps->threads[i])) {
			stop_all(lps);
			return TDXC_E_NOMEM;
		}
		lps->count++;
	}
	machine->lps = lps;
	return TDXC_OK;
}

static int find(const struct tdxc_sim_machine *machine, uint32_t lp,
		struct lp_thread **t)
{
	if (!machine->lps)
		return TDXC_E_NODEV;
	if (lp >= machine->lps->count)
		return TDXC_E_INVAL;
	*t = &machine->lps->threads[lp];
	return TDXC_OK;
}

int tdxc_sim_machine_post(struct tdxc_sim_machine *machine, uint32_t lp,
			  tdxc_sim_work work, void *arg)
{
	struct lp_thread *t;
	int err = find(machine, lp, &t);

	if (err != TDXC_OK)
		return err;
	if (!work)
		return TDXC_E_INVAL;
	(void)pthread_mutex_lock(&t->lock);
	if (t->work) {
		err = TDXC_E_BUSY;
	} else {
		t->work = work;
		t->arg = arg;
		(void)pthread_cond_broadcast(&t->changed);
	}
	(void)pthread_mutex_unlock(&t->lock);
	return err;
}

static struct timespec deadline(uint32_t milliseconds)
{
	struct timespec at;

	(void)clock_gettime(CLOCK_MONOTONIC, &at);
	at.tv_sec += (time_t)(milliseconds / 1000);
	at.tv_nsec += (long)(milliseconds % 1000) * 1000000;
	if (at.tv_nsec >= 1000000000) {
		at.tv_nsec -= 1000000000;
		at.tv_sec++;
	}
	return at;
}

static int wait_until(struct lp_thread *t, const struct timespec *at)
{
	int err = 0;

	(void)pthread_mutex_lock(&t->lock);
	while (t->work && err != ETIMEDOUT)
		err = pthread_cond_timedwait(&t->changed, &t->lock, at);
	err = t->work ? TDXC_E_AGAIN : TDXC_OK;
	(void)pthread_mutex_unlock(&t->lock);
	return err;
}

int tdxc_sim_machine_wait(struct tdxc_sim_machine *machine, uint32_t lp,
			  uint32_t milliseconds)
{
	const struct timespec at = deadline(milliseconds);
	struct lp_thread *t;
	int err = find(machine, lp, &t);

	return err == TDXC_OK ? wait_until(t, &at) : err;
}

int tdxc_sim_machine_run_on(struct tdxc_sim_machine *machine, uint32_t lp,
			    tdxc_sim_work work, void *arg,
			    uint32_t milliseconds)
{
	int err = tdxc_sim_machine_post(machine, lp, work, arg);

	return err == TDXC_OK ? tdxc_sim_machine_wait(machine, lp, milliseconds)
			      : err;
}

int tdxc_sim_machine_stop_lps(struct tdxc_sim_machine *machine,
			      uint32_t milliseconds)
{
	const struct timespec at = deadline(milliseconds);
	struct tdxc_sim_lps *lps = machine->lps;

	if (!lps)
		return TDXC_E_NODEV;
	for (uint32_t i = 0; i < lps->count; i++) {
		if (wait_until(&lps->threads[i], &at) != TDXC_OK)
			return TDXC_E_AGAIN;
	}
	machine->lps = NULL;
	stop_all(lps);
	return TDXC_OK;
}
