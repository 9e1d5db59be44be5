/* SPDX-License-Identifier: BSD-2-Clause-Patent */
#include "events.h"

#include <pthread.h>
#include <stdlib.h>

#define ROOM 1024u

struct tdxc_sim_events {
	pthread_mutex_t lock;
	uint32_t first;
	uint32_t count;
	struct tdxc_sim_event ring[ROOM];
};

struct tdxc_sim_events *tdxc_sim_events_create(void)
{
	struct tdxc_sim_events *events = calloc(1, sizeof(*events));

	if (events)
		(void)pthread_mutex_init(&events->lock, NULL);
	return events;
}

void tdxc_sim_events_destroy(struct tdxc_sim_events *events)
{
	if (!events)
		return;
	(void)pthread_mutex_destroy(&events->lock);
	free(events);
}

void tdxc_sim_events_put(struct tdxc_sim_events *events,
			 const struct tdxc_sim_event *event)
{
	(void)pthread_mutex_lock(&events->lock);
	if (events->count < ROOM)
		events->ring[(events->first + events->count++) % ROOM] = *event;
	(void)pthread_mutex_unlock(&events->lock);
}

bool tdxc_sim_events_get(struct tdxc_sim_events *events,
			 struct tdxc_sim_event *event)
{
	bool any;

	(void)pthread_mutex_lock(&events->lock);
	any = events->count != 0;
	if (any) {
		*event = events->ring[events->first];
		events->first = (events->first + 1) % ROOM;
		events->count--;
	}
	(void)pthread_mutex_unlock(&events->lock);
	return any;
}

void tdxc_sim_events_clear(struct tdxc_sim_events *events)
{
	(void)pthread_mutex_lock(&events->lock);
	events->count = 0;
	(void)pthread_mutex_unlock(&events->lock);
}
