/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * A set of page ranges in the caller's memory.
 */
#include <tdxcore/err.h>
#include <tdxcore/tracker.h>

static bool tracker_refuses(struct tdxc_range r)
{
	return r.start > r.end ||
	       ((r.start | r.end) & (TDXC_PAGE_SIZE - 1)) != 0;
}

/* Entries [first, last) become as many as @nr entries of @with. */
static void tracker_replace(struct tdxc_tracker *t, size_t first, size_t last,
			    const struct tdxc_range *with, size_t nr)
{
	size_t i;

	for (i = first; i < last; i++)
		t->bytes -= tdxc_range_size(t->ranges[i]);
	if (last < t->nr)
		memmove(t->ranges + first + nr, t->ranges + last,
			(t->nr - last) * sizeof(*t->ranges));
	t->nr = t->nr - (last - first) + nr;
	for (i = 0; i < nr; i++) {
		t->ranges[first + i] = with[i];
		t->bytes += tdxc_range_size(with[i]);
	}
}

void tdxc_tracker_init(struct tdxc_tracker *t, struct tdxc_range *ranges,
		       size_t room)
{
	t->ranges = ranges;
	t->nr = 0;
	t->room = room;
	t->bytes = 0;
}

int tdxc_tracker_move(struct tdxc_tracker *t, struct tdxc_range *ranges,
		      size_t room, struct tdxc_range **old)
{
	if (room < t->nr)
		return TDXC_E_NOSPC;
	if (t->nr != 0)
		memcpy(ranges, t->ranges, t->nr * sizeof(*ranges));
	*old = t->ranges;
	t->ranges = ranges;
	t->room = room;
	return TDXC_OK;
}

int tdxc_tracker_add(struct tdxc_tracker *t, struct tdxc_range r)
{
	size_t first;
	size_t last;

	if (tracker_refuses(r))
		return TDXC_E_INVAL;
	if (tdxc_range_is_empty(r))
		return TDXC_OK;
	/* The one that ends where this starts is joined as well. */
	first = tdxc_range_find(t->ranges, t->nr, r.start ? r.start - 1 : 0);
	for (last = first; last < t->nr && t->ranges[last].start <= r.end;)
		last++;
	if (first == last && t->nr == t->room)
		return TDXC_E_NOSPC;
	if (first < last) {
		if (t->ranges[first].start < r.start)
			r.start = t->ranges[first].start;
		if (t->ranges[last - 1].end > r.end)
			r.end = t->ranges[last - 1].end;
	}
	tracker_replace(t, first, last, &r, 1);
	return TDXC_OK;
}

int tdxc_tracker_remove(struct tdxc_tracker *t, struct tdxc_range r)
{
	struct tdxc_range rest[2];
	size_t nr = 0;
	size_t first;
	size_t last;

	if (tracker_refuses(r))
		return TDXC_E_INVAL;
	if (tdxc_range_is_empty(r))
		return TDXC_OK;
	first = tdxc_range_find(t->ranges, t->nr, r.start);
	for (last = first; last < t->nr && t->ranges[last].start < r.end;)
		last++;
	if (first == last)
		return TDXC_OK;
	if (t->ranges[first].start < r.start) {
		rest[nr].start = t->ranges[first].start;
		rest[nr++].end = r.start;
	}
	if (t->ranges[last - 1].end > r.end) {
		rest[nr].start = r.end;
		rest[nr++].end = t->ranges[last - 1].end;
	}
	if (nr > last - first && t->nr == t->room)
		return TDXC_E_NOSPC;
	tracker_replace(t, first, last, rest, nr);
	return TDXC_OK;
}

struct tdxc_range tdxc_tracker_missing(const struct tdxc_tracker *t,
				       struct tdxc_range r)
{
	size_t i = tdxc_range_find(t->ranges, t->nr, r.start);

	if (i < t->nr && t->ranges[i].start <= r.start)
		r.start = t->ranges[i++].end;
	if (r.start >= r.end) {
		r.start = r.end;
		return r;
	}
	if (i < t->nr && t->ranges[i].start < r.end)
		r.end = t->ranges[i].start;
	return r;
}
