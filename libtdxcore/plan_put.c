/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * Put a PAMT region somewhere, take it back, and walk the places worth trying.
 *
 * The price of a place is a concave function of the position between two
 * neighbours, so the best one is always at an edge: of a piece of RAM, of
 * another region, or of a TDMR inside the piece. Nothing else is tried.
 */
#include "plan_work.h"

void tdxc_plan_hards_reset_(struct tdxc_plan_work *w)
{
	memcpy(w->hards, w->holes, w->nr_holes * sizeof(w->holes[0]));
	w->nr_hards = w->nr_holes;
}

size_t tdxc_plan_hard_insert_(struct tdxc_plan_work *w, struct tdxc_range r)
{
	struct tdxc_plan_hard h = {r.start, r.end, 0, 0};
	size_t at = tdxc_plan_first_hard_(w, r.start);

	h.below = tdxc_plan_kept_below_(w, r.start);
	h.inside = tdxc_plan_kept_below_(w, r.end) - h.below;
	memmove(&w->hards[at + 1], &w->hards[at],
		(w->nr_hards - at) * sizeof(w->hards[0]));
	w->hards[at] = h;
	w->nr_hards++;
	return at;
}

void tdxc_plan_hard_remove_(struct tdxc_plan_work *w, size_t i)
{
	w->nr_hards--;
	memmove(&w->hards[i], &w->hards[i + 1],
		(w->nr_hards - i) * sizeof(w->hards[0]));
}

static void split_piece(struct tdxc_plan_work *w, uint32_t i, uint64_t at)
{
	memmove(&w->pieces[i + 1], &w->pieces[i],
		(w->nr_pieces - i) * sizeof(w->pieces[0]));
	w->nr_pieces++;
	w->pieces[i + 1].start = at;
}

void tdxc_plan_put_(struct tdxc_plan_work *w, uint32_t piece,
		    struct tdxc_range at, struct tdxc_plan_undo *undo)
{
	struct tdxc_range *p = &w->pieces[piece];

	undo->index = piece;
	undo->piece = *p;
	undo->split = at.start != p->start && at.end != p->end;
	undo->hard = (uint32_t)tdxc_plan_hard_insert_(w, at);
	if (undo->split) {
		split_piece(w, piece, at.end);
		p->end = at.start;
	} else if (at.start == p->start) {
		p->start = at.end;
	} else {
		p->end = at.start;
	}
}

void tdxc_plan_take_back_(struct tdxc_plan_work *w,
			  const struct tdxc_plan_undo *undo)
{
	uint32_t i = undo->index;

	tdxc_plan_hard_remove_(w, undo->hard);
	if (undo->split) {
		w->nr_pieces--;
		memmove(&w->pieces[i], &w->pieces[i + 1],
			(w->nr_pieces - i) * sizeof(w->pieces[0]));
	}
	w->pieces[i] = undo->piece;
}

uint32_t tdxc_plan_first_span_(const struct tdxc_plan_work *w, uint64_t addr)
{
	return (uint32_t)tdxc_range_find(w->now.spans, w->now.nr_spans, addr);
}

static void enter_piece(const struct tdxc_plan_work *w,
			struct tdxc_plan_spot *spot, uint32_t left)
{
	spot->left = left;
	spot->step = 0;
	if (left != 0)
		spot->span =
			tdxc_plan_first_span_(w, w->pieces[left - 1].start);
}

void tdxc_plan_spot_init_(const struct tdxc_plan_work *w,
			  struct tdxc_plan_spot *spot)
{
	enter_piece(w, spot, w->nr_pieces);
}

/* Steps 0 and 1 are the upper and lower edge of the piece; then come, for each
 * span that begins or ends inside it, below and above its start, below and
 * above its end. False when the span is past the piece. */
static bool spot_position(const struct tdxc_plan_work *w, uint64_t bytes,
			  const struct tdxc_plan_spot *spot, uint64_t *start)
{
	const struct tdxc_range *piece = &w->pieces[spot->left - 1];
	uint32_t span = spot->span + (spot->step - 2) / 4;
	uint64_t border;

	if (spot->step <= 1) {
		*start = spot->step == 0 ? piece->end - bytes : piece->start;
		return true;
	}
	if (span >= w->now.nr_spans || w->now.spans[span].start >= piece->end)
		return false;
	border = (spot->step - 2) / 2 % 2 ? w->now.spans[span].end
					  : w->now.spans[span].start;
	if (spot->step % 2 != 0)
		*start = border;
	else
		*start = border > bytes ? border - bytes : 0;
	return true;
}

bool tdxc_plan_spot_next_(const struct tdxc_plan_work *w, uint64_t bytes,
			  struct tdxc_plan_spot *spot, struct tdxc_range *at)
{
	while (spot->left != 0) {
		const struct tdxc_range *piece = &w->pieces[spot->left - 1];
		uint64_t size = tdxc_range_size(*piece);

		if (size < bytes || (size == bytes && spot->step > 0) ||
		    !spot_position(w, bytes, spot, &at->start)) {
			enter_piece(w, spot, spot->left - 1);
			continue;
		}
		spot->step++;
		at->end = at->start + bytes;
		if (spot->step <= 2 ||
		    (at->start > piece->start && at->end < piece->end))
			return true;
	}
	return false;
}
