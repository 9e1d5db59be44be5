/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * Hotplug events judged: an event and a state have one reason, and a reason has
 * one answer and one severity, which are data. So no two verdicts can
 * contradict each other, and all there are can be listed.
 */
#include <tdxcore/err.h>
#include <tdxcore/hotplug.h>
#include <tdxcore/version.h>

#define FLAGS                                                                  \
	(TDXC_HOTPLUG_NO_USE_TDX | TDXC_HOTPLUG_TRACK |                        \
	 TDXC_HOTPLUG_KEEP_FIRST_MIB)

#define FIRST_MIB_END 0x100000ull

#define ON(event)     (1u << TDXC_HOTPLUG_##event)
#define ADDS	      (ON(ACPI_ADD) | ON(DRIVER_ADD))
#define CHANGES	      (ADDS | ON(ACPI_REMOVE))
#define BLOCKS	      (ON(MEMORY_ONLINE) | ON(MEMORY_OFFLINE))
#define PHYSICAL      (ON(CPU_ADD) | ON(CPU_REMOVE))
#define LOGICAL	      (ON(CPU_ONLINE) | ON(CPU_OFFLINE))

static const struct tdxc_hotplug_rule rules[TDXC_HOTPLUG_REASONS] = {
#define RULE(reason, answer, severity, events)                                 \
	[TDXC_HOTPLUG_##reason] = {TDXC_HOTPLUG_##answer,                      \
				   TDXC_HOTPLUG_##severity, events}
	RULE(NO_TDX, ALLOW, ORDINARY, CHANGES | BLOCKS),
	RULE(USE_TDX_OFF, ALLOW, ORDINARY, CHANGES | BLOCKS),
	RULE(REMOVED_UNKNOWN, ALLOW, ORDINARY, ON(ACPI_REMOVE)),
	RULE(ADDED_UNKNOWN, REFUSE, ORDINARY, ADDS),
	RULE(REMOVED_CMR, WARN, FIRMWARE_BUG, ON(ACPI_REMOVE)),
	RULE(ADDED_CMR, REFUSE, POSSIBLE_ATTACK, ADDS),
	RULE(REMOVED_OTHER, ALLOW, ORDINARY, ON(ACPI_REMOVE)),
	RULE(ADDED_POLICY, REFUSE, ORDINARY, ADDS),
	RULE(ADDED_TRACKED, ALLOW, ORDINARY, ADDS),
	RULE(NOT_UP, ALLOW, ORDINARY, ON(MEMORY_ONLINE)),
	RULE(TDX_MEMORY, ALLOW, ORDINARY, ON(MEMORY_ONLINE)),
	RULE(NOT_TDX_MEMORY, REFUSE, ORDINARY, ON(MEMORY_ONLINE)),
	RULE(NOT_TDX_TRACKED, ALLOW, ORDINARY, ON(MEMORY_ONLINE)),
	RULE(FIRST_MIB, REFUSE, ORDINARY, ON(MEMORY_ONLINE)),
	RULE(FIRST_MIB_KEPT, ALLOW, ORDINARY, ON(MEMORY_ONLINE)),
	RULE(GOES_OFFLINE, ALLOW, ORDINARY, ON(MEMORY_OFFLINE)),
	RULE(SEAMRR_OFF, ALLOW, ORDINARY, PHYSICAL),
	RULE(SEAMRR_ON, REFUSE, ORDINARY, PHYSICAL),
	RULE(LOGICAL_CPU, ALLOW, ORDINARY, LOGICAL),
#undef RULE
};

int tdxc_hotplug_rule_of(enum tdxc_hotplug_reason reason,
			 struct tdxc_hotplug_rule *rule)
{
	if ((uint32_t)reason >= TDXC_HOTPLUG_REASONS)
		return TDXC_E_INVAL;
	*rule = rules[reason];
	return TDXC_OK;
}

/* Where the parts concerned go; and the first part of the event that is not TDX
 * memory, with the entry behind it, so that it is searched for once. */
struct parts {
	struct tdxc_range *out;
	size_t room;
	size_t nr;
	bool more;
	struct tdxc_range gap;
	size_t behind;
};

/* False when there is no room, and no reason to look for more. */
static bool parts_add(struct parts *p, struct tdxc_range part)
{
	if (p->nr == p->room) {
		p->more = true;
		return false;
	}
	p->out[p->nr++] = part;
	return true;
}

static void parts_in(struct parts *p, const struct tdxc_range *list, size_t n,
		     struct tdxc_range range)
{
	size_t i = tdxc_range_find(list, n, range.start);

	for (; i < n && list[i].start < range.end; i++) {
		if (!parts_add(p, tdxc_range_intersect(list[i], range)))
			return;
	}
}

/* What of `range`, from its start on, no entry covers; `i` is the first entry
 * that may. Empty: there is nothing. */
static struct tdxc_range next_gap(const struct tdxc_range *list, size_t n,
				  size_t *i, struct tdxc_range range)
{
	while (*i < n && list[*i].start <= range.start &&
	       range.start < range.end) {
		if (range.start < list[*i].end)
			range.start = list[*i].end;
		(*i)++;
	}
	if (*i < n && list[*i].start < range.end)
		range.end = list[*i].start;
	return range;
}

static void parts_outside(struct parts *p, const struct tdxc_range *list,
			  size_t n, struct tdxc_range range)
{
	struct tdxc_range gap = p->gap;
	size_t i = p->behind;

	while (!tdxc_range_is_empty(gap) && parts_add(p, gap)) {
		range.start = gap.end;
		gap = next_gap(list, n, &i, range);
	}
}

static bool meets(const struct tdxc_range *list, size_t n,
		  struct tdxc_range range)
{
	size_t i = tdxc_range_find(list, n, range.start);

	return i < n && list[i].start < range.end;
}

static bool has(const struct tdxc_hotplug_state *s, uint32_t flag)
{
	return (s->flags & flag) != 0;
}

/* The administrator's choice counts until the module is up. */
static bool chose_hotplug(const struct tdxc_hotplug_state *s)
{
	return has(s, TDXC_HOTPLUG_NO_USE_TDX) && s->tdx != TDXC_HOTPLUG_TDX_UP;
}

static enum tdxc_hotplug_reason removal(const struct tdxc_hotplug_state *s,
					struct tdxc_range range)
{
	if (s->nr_cmrs == 0)
		return TDXC_HOTPLUG_REMOVED_UNKNOWN;
	return meets(s->cmrs, s->nr_cmrs, range) ? TDXC_HOTPLUG_REMOVED_CMR
						 : TDXC_HOTPLUG_REMOVED_OTHER;
}

static enum tdxc_hotplug_reason addition(const struct tdxc_hotplug_state *s,
					 struct tdxc_range range)
{
	if (s->nr_cmrs == 0)
		return TDXC_HOTPLUG_ADDED_UNKNOWN;
	if (meets(s->cmrs, s->nr_cmrs, range))
		return TDXC_HOTPLUG_ADDED_CMR;
	return has(s, TDXC_HOTPLUG_TRACK) ? TDXC_HOTPLUG_ADDED_TRACKED
					  : TDXC_HOTPLUG_ADDED_POLICY;
}

/* Whether all that is not TDX memory lies in the first MiB. That is in no CMR,
 * so the block that holds it is never all TDX memory, though it was there at
 * boot. */
static bool lacks_first_mib_only(const struct tdxc_hotplug_state *s,
				 struct tdxc_range range)
{
	if (range.start >= FIRST_MIB_END)
		return false;
	range.start = FIRST_MIB_END;
	return tdxc_range_is_empty(range) ||
	       tdxc_range_list_covers(s->memory, s->nr_memory, range);
}

static enum tdxc_hotplug_reason online(const struct tdxc_hotplug_state *s,
				       struct tdxc_range range, struct parts *p)
{
	if (s->tdx != TDXC_HOTPLUG_TDX_UP)
		return TDXC_HOTPLUG_NOT_UP;
	p->behind = tdxc_range_find(s->memory, s->nr_memory, range.start);
	p->gap = next_gap(s->memory, s->nr_memory, &p->behind, range);
	if (tdxc_range_is_empty(p->gap))
		return TDXC_HOTPLUG_TDX_MEMORY;
	if (has(s, TDXC_HOTPLUG_TRACK))
		return TDXC_HOTPLUG_NOT_TDX_TRACKED;
	if (!lacks_first_mib_only(s, range))
		return TDXC_HOTPLUG_NOT_TDX_MEMORY;
	return has(s, TDXC_HOTPLUG_KEEP_FIRST_MIB) ? TDXC_HOTPLUG_FIRST_MIB_KEPT
						   : TDXC_HOTPLUG_FIRST_MIB;
}

static enum tdxc_hotplug_reason
memory_reason(const struct tdxc_hotplug_state *s, enum tdxc_hotplug_event event,
	      struct tdxc_range range, struct parts *p)
{
	if (s->tdx == TDXC_HOTPLUG_TDX_OFF)
		return TDXC_HOTPLUG_NO_TDX;
	if (chose_hotplug(s))
		return TDXC_HOTPLUG_USE_TDX_OFF;
	switch (event) {
	case TDXC_HOTPLUG_ACPI_REMOVE:
		return removal(s, range);
	case TDXC_HOTPLUG_MEMORY_ONLINE:
		return online(s, range, p);
	case TDXC_HOTPLUG_MEMORY_OFFLINE:
		return TDXC_HOTPLUG_GOES_OFFLINE;
	default:
		return addition(s, range);
	}
}

static enum tdxc_hotplug_reason cpu_reason(const struct tdxc_hotplug_state *s,
					   enum tdxc_hotplug_event event)
{
	if ((1u << event & LOGICAL) != 0)
		return TDXC_HOTPLUG_LOGICAL_CPU;
	return s->seamrr_enabled ? TDXC_HOTPLUG_SEAMRR_ON
				 : TDXC_HOTPLUG_SEAMRR_OFF;
}

/* The parts of the range that the reason is about. */
static void concerned(const struct tdxc_hotplug_state *s,
		      enum tdxc_hotplug_reason reason, struct tdxc_range range,
		      struct parts *p)
{
	switch (reason) {
	case TDXC_HOTPLUG_REMOVED_CMR:
	case TDXC_HOTPLUG_ADDED_CMR:
		parts_in(p, s->cmrs, s->nr_cmrs, range);
		break;
	case TDXC_HOTPLUG_NOT_TDX_MEMORY:
	case TDXC_HOTPLUG_NOT_TDX_TRACKED:
	case TDXC_HOTPLUG_FIRST_MIB:
	case TDXC_HOTPLUG_FIRST_MIB_KEPT:
		parts_outside(p, s->memory, s->nr_memory, range);
		break;
	case TDXC_HOTPLUG_ADDED_UNKNOWN:
	case TDXC_HOTPLUG_ADDED_POLICY:
	case TDXC_HOTPLUG_ADDED_TRACKED:
		(void)parts_add(p, range);
		break;
	default:
		break;
	}
}

static bool is_valid(const struct tdxc_hotplug_state *s)
{
	return s->abi == TDXC_ABI && (s->flags & ~(uint32_t)FLAGS) == 0 &&
	       s->tdx <= TDXC_HOTPLUG_TDX_UP;
}

int tdxc_hotplug_judge(const struct tdxc_hotplug_state *state,
		       enum tdxc_hotplug_event event,
		       const struct tdxc_range *range, struct tdxc_range *out,
		       size_t room, struct tdxc_hotplug_verdict *verdict)
{
	struct parts parts = {out, room, 0, false, {0, 0}, 0};
	enum tdxc_hotplug_reason reason;

	if (!is_valid(state) || (uint32_t)event >= TDXC_HOTPLUG_EVENTS)
		return TDXC_E_INVAL;
	if ((1u << event & (PHYSICAL | LOGICAL)) != 0) {
		reason = cpu_reason(state, event);
	} else {
		if (range == NULL || tdxc_range_is_empty(*range))
			return TDXC_E_INVAL;
		reason = memory_reason(state, event, *range, &parts);
		concerned(state, reason, *range, &parts);
	}
	verdict->answer = rules[reason].answer;
	verdict->reason = reason;
	verdict->severity = rules[reason].severity;
	verdict->nr = parts.nr;
	verdict->more = parts.more;
	return TDXC_OK;
}

int tdxc_hotplug_may_bring_up(const struct tdxc_hotplug_state *state)
{
	if (!is_valid(state))
		return TDXC_E_INVAL;
	if (state->tdx == TDXC_HOTPLUG_TDX_OFF)
		return TDXC_E_NODEV;
	if (state->tdx == TDXC_HOTPLUG_TDX_UP)
		return TDXC_E_EXIST;
	return chose_hotplug(state) ? TDXC_E_OPNOTSUPP : TDXC_OK;
}
