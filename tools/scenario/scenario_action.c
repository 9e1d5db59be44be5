/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/* What guests do, and what the host does to them. */
#include "scenario_parse.h"

enum option {
	OPTION_RANGE = 1,
	OPTION_LARGE_RANGE = 2, /* in 2 MiB */
	OPTION_STRIDE = 4,
	OPTION_PAGES = 8,
	OPTION_SLOT = 16, /* whose range it is */
};

struct action {
	char name[16];
	unsigned options; /* all take `times` and `may-fail` */
};

static const struct action guest_actions[] = {
	[SCENARIO_TOUCH] = {"touch", OPTION_RANGE | OPTION_STRIDE},
	[SCENARIO_WRITE] = {"write", OPTION_RANGE | OPTION_STRIDE},
	[SCENARIO_VERIFY] = {"verify", OPTION_RANGE},
	[SCENARIO_ACCEPT] = {"accept", OPTION_RANGE | OPTION_PAGES},
	[SCENARIO_SHARE] = {"share", OPTION_RANGE},
	[SCENARIO_UNSHARE] = {"unshare", OPTION_RANGE},
	[SCENARIO_STORM] = {"storm", OPTION_RANGE},
};

static const struct action host_actions[] = {
	[SCENARIO_POPULATE] = {"populate", OPTION_RANGE},
	[SCENARIO_BALLOON] = {"balloon", OPTION_RANGE},
	[SCENARIO_DELETE_SLOT] = {"delete-slot", OPTION_SLOT},
	[SCENARIO_PROMOTE] = {"promote", OPTION_LARGE_RANGE},
	[SCENARIO_DEMOTE] = {"demote", OPTION_LARGE_RANGE},
	[SCENARIO_RELOCATE] = {"relocate", OPTION_RANGE},
	[SCENARIO_REMOVE_TABLES] = {"remove-tables", OPTION_LARGE_RANGE},
	[SCENARIO_ZAP_SHARED] = {"zap-shared", OPTION_RANGE},
	[SCENARIO_MIGRATE] = {"migrate", 0},
};

#define NR_GUEST (sizeof guest_actions / sizeof guest_actions[0])
#define NR_HOST	 (sizeof host_actions / sizeof host_actions[0])

const char *scenario_host_name(enum scenario_host what)
{
	return host_actions[what].name;
}

static const struct action *find_action(const struct scenario_reader *r,
					const struct action *actions, size_t nr)
{
	size_t i;

	for (i = 0; i < nr; i++) {
		if (scenario_word_is(r, actions[i].name))
			return &actions[i];
	}
	return NULL;
}

static int take_pages(struct scenario_reader *r, uint64_t *page)
{
	(void)scenario_next_word(r);
	*page = scenario_word_is(r, "2M") ? SCENARIO_LARGE : SCENARIO_PAGE;
	if (*page == SCENARIO_LARGE || scenario_word_is(r, "4K"))
		return MAP_OK;
	return scenario_unexpected(r, "4K or 2M for pages");
}

static int action_option(struct scenario_builder *b, unsigned options,
			 struct scenario_statement *st)
{
	struct scenario_reader *r = b->r;

	if (scenario_word_is(r, "times"))
		return scenario_number(r, "times", 1, SCENARIO_MAX_TIMES,
				       &st->times);
	if (options & OPTION_STRIDE && scenario_word_is(r, "stride"))
		return scenario_size(r, "stride", SCENARIO_PAGE, SCENARIO_PAGE,
				     SCENARIO_MAX_TD, &st->stride);
	if (options & OPTION_PAGES && scenario_word_is(r, "pages"))
		return take_pages(r, &st->page);
	if (scenario_word_is(r, "may-fail")) {
		st->may_fail = true;
		return MAP_OK;
	}
	if (options & OPTION_STRIDE)
		return scenario_unexpected(r,
					   "stride SIZE, times N or may-fail");
	if (options & OPTION_PAGES)
		return scenario_unexpected(r,
					   "pages 4K|2M, times N or may-fail");
	return scenario_unexpected(r, "times N or may-fail");
}

static int action_slot(struct scenario_builder *b,
		       struct scenario_statement *st)
{
	const struct scenario_td *td = &b->s->tds[st->td];
	uint64_t value = 0;
	int err = scenario_number(b->r, "the slot", 0, td->slots - 1, &value);

	st->slot = (uint32_t)value;
	st->range = scenario_slot(td, st->slot);
	return err;
}

static int action_range(struct scenario_builder *b, unsigned options,
			struct scenario_statement *st)
{
	uint64_t align =
		options & OPTION_LARGE_RANGE ? SCENARIO_LARGE : SCENARIO_PAGE;

	if (options & OPTION_SLOT)
		return action_slot(b, st);
	if ((options & (OPTION_RANGE | OPTION_LARGE_RANGE)) == 0)
		return MAP_OK;
	(void)scenario_next_word(b->r);
	return scenario_range(b->r, align, b->s->tds[st->td].memory,
			      &st->range);
}

/* From the range to the end of the line. */
static int finish_action(struct scenario_builder *b,
			 const struct action *action,
			 struct scenario_statement *st)
{
	int err = action_range(b, action->options, st);

	st->stride = SCENARIO_PAGE;
	while (err == MAP_OK && scenario_next_word(b->r))
		err = action_option(b, action->options, st);
	if (err == MAP_OK && st->page == SCENARIO_LARGE &&
	    (st->range.start | st->range.end) % SCENARIO_LARGE != 0)
		err = scenario_refuse(b->r, "pages 2M need a range in "
					    "multiples of 2M");
	return err == MAP_OK ? scenario_add(b, st) : err;
}

int scenario_parse_guest(struct scenario_builder *b)
{
	struct scenario_statement st = scenario_begin(b, SCENARIO_GUEST);
	const struct action *action;
	size_t at;
	int err = scenario_take_td(b, &at);

	if (err != MAP_OK)
		return err;
	st.td = b->live[at];
	(void)scenario_next_word(b->r);
	action = find_action(b->r, guest_actions, NR_GUEST);
	if (!action)
		return scenario_unexpected(b->r,
					   "touch, write, verify, accept, "
					   "share, unshare or storm");
	st.what.guest = (enum scenario_guest)(action - guest_actions);
	return finish_action(b, action, &st);
}

int scenario_parse_host(struct scenario_builder *b)
{
	struct scenario_statement st = scenario_begin(b, SCENARIO_HOST);
	const struct action *action;
	size_t at;
	int err = scenario_take_td(b, &at);

	if (err != MAP_OK)
		return err;
	st.td = b->live[at];
	(void)scenario_next_word(b->r);
	action = find_action(b->r, host_actions, NR_HOST);
	if (!action)
		return scenario_unexpected(b->r,
					   "populate, balloon, delete-slot, "
					   "promote, demote, relocate, "
					   "remove-tables, zap-shared or "
					   "migrate");
	st.what.host = (enum scenario_host)(action - host_actions);
	return finish_action(b, action, &st);
}
