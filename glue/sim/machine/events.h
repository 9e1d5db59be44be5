/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * What went wrong on the machine itself, in order of arrival. Nothing stops
 * when an event is reported: the caller decides what it means.
 */
#ifndef TDXC_SIM_EVENTS_H
#define TDXC_SIM_EVENTS_H

#include <stdbool.h>
#include <stdint.h>

enum tdxc_sim_event_kind {
	/* A private KeyID met a line last written under another one. */
	TDXC_SIM_EVENT_WRONG_KEY,
	/* A poisoned line was consumed, through any KeyID. */
	TDXC_SIM_EVENT_POISON,
	/* The computer that simulates is short of memory, or the module asked
	 * for an address that is none: it works on a scrap page since. */
	TDXC_SIM_EVENT_NO_PAGE,
};

struct tdxc_sim_event {
	enum tdxc_sim_event_kind kind;
	uint64_t pa;	/* of the line, without KeyID */
	uint32_t keyid; /* that accessed it */
	uint32_t last;	/* that wrote it last */
	uint32_t lp;	/* that accessed it */
	bool by_module; /* in a call: seen by whole pages */
};

struct tdxc_sim_events;

struct tdxc_sim_events *tdxc_sim_events_create(void);
void tdxc_sim_events_destroy(struct tdxc_sim_events *events);
/* The newest are dropped while the queue, of 1024, is full. */
void tdxc_sim_events_put(struct tdxc_sim_events *events,
			 const struct tdxc_sim_event *event);
/* The oldest; false: there is none. */
bool tdxc_sim_events_get(struct tdxc_sim_events *events,
			 struct tdxc_sim_event *event);
void tdxc_sim_events_clear(struct tdxc_sim_events *events);

#endif
