/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/*
 * Guest KeyIDs: two bits each, 32 to a word, so that one exchange of the word
 * decides every race about a KeyID, also one between freeing and quarantining
 * it. The lower bit says taken, the upper one for good. Bits behind the last
 * KeyID have only the upper one set, and so are neither free nor in use.
 */
#include <tdxcore/err.h>
#include <tdxcore/platform.h>

#define PER_WORD 32u
#define TAKEN	 0x5555555555555555ull

enum keyid_state {
	KEYID_FREE = 0,
	KEYID_IN_USE = 1,
	KEYID_NONE = 2,
	KEYID_QUARANTINED = 3,
};

size_t tdxc_keyids_words(const struct tdxc_platform *platform)
{
	if (!platform->usable)
		return 0;
	return (platform->nr_guest_keyids + PER_WORD - 1) / PER_WORD;
}

int tdxc_keyids_init(struct tdxc_keyids *keyids,
		     const struct tdxc_platform *platform, uint64_t *words,
		     size_t nr_words)
{
	size_t needed = tdxc_keyids_words(platform);
	uint32_t rest = platform->nr_guest_keyids % PER_WORD;

	if (needed == 0)
		return TDXC_E_NODEV;
	if (nr_words < needed)
		return TDXC_E_NOSPC;
	memset(words, 0, needed * sizeof(*words));
	if (rest != 0)
		words[needed - 1] = (TAKEN << 1) << 2 * rest;
	keyids->words = words;
	keyids->nr_words = needed;
	keyids->first = platform->first_guest_keyid;
	keyids->nr = platform->nr_guest_keyids;
	return TDXC_OK;
}

/* Slots of a word in a state, as their lower bits. */
static uint64_t slots_in(uint64_t word, enum keyid_state state)
{
	uint64_t lower = (state & 1) != 0 ? word : ~word;
	uint64_t upper = (state & 2) != 0 ? word >> 1 : ~word >> 1;

	return lower & upper & TAKEN;
}

/* Of the lowest slot; there is one. */
static uint32_t lowest_slot(uint64_t slots)
{
	uint32_t slot = 0;

	for (; (slots & 1) == 0; slots >>= 2)
		slot++;
	return slot;
}

int tdxc_keyids_alloc(struct tdxc_keyids *keyids, uint32_t *keyid)
{
	uint32_t lost = 0;
	uint64_t old;
	uint64_t found;
	size_t i;

	for (i = 0; i < keyids->nr_words; i++) {
		old = tdxc_load_once(&keyids->words[i]);
		found = slots_in(old, KEYID_FREE);
		while (found != 0) {
			found &= 0 - found;
			if (tdxc_try_cmpxchg(&keyids->words[i], &old,
					     old | found)) {
				*keyid = keyids->first +
					 (uint32_t)i * PER_WORD +
					 lowest_slot(found);
				return TDXC_OK;
			}
			if (++lost >= TDXC_KEYID_ATTEMPTS)
				return TDXC_E_AGAIN;
			found = slots_in(old, KEYID_FREE);
		}
	}
	return TDXC_E_NOSPC;
}

/* From in use to another state. */
static int keyid_leave(struct tdxc_keyids *keyids, uint32_t keyid,
		       enum keyid_state state)
{
	uint32_t at = keyid - keyids->first;
	uint32_t shift = at % PER_WORD * 2;
	uint32_t lost;
	uint64_t *word;
	uint64_t old;

	/* A KeyID below the first one has wrapped around. */
	if (at >= keyids->nr)
		return TDXC_E_INVAL;
	word = &keyids->words[at / PER_WORD];
	old = tdxc_load_once(word);
	for (lost = 0; lost < TDXC_KEYID_ATTEMPTS; lost++) {
		if ((old >> shift & 3) != KEYID_IN_USE)
			return TDXC_E_INVAL;
		if (tdxc_try_cmpxchg(word, &old,
				     (old & ~(3ull << shift)) |
					     (uint64_t)state << shift))
			return TDXC_OK;
	}
	return TDXC_E_AGAIN;
}

int tdxc_keyids_free(struct tdxc_keyids *keyids, uint32_t keyid)
{
	return keyid_leave(keyids, keyid, KEYID_FREE);
}

int tdxc_keyids_quarantine(struct tdxc_keyids *keyids, uint32_t keyid)
{
	return keyid_leave(keyids, keyid, KEYID_QUARANTINED);
}

static uint32_t keyids_count(const struct tdxc_keyids *keyids,
			     enum keyid_state state)
{
	uint32_t count = 0;
	uint64_t slots;
	size_t i;

	for (i = 0; i < keyids->nr_words; i++) {
		slots = slots_in(tdxc_load_once(&keyids->words[i]), state);
		for (; slots != 0; slots &= slots - 1)
			count++;
	}
	return count;
}

uint32_t tdxc_keyids_in_use(const struct tdxc_keyids *keyids)
{
	return keyids_count(keyids, KEYID_IN_USE);
}

uint32_t tdxc_keyids_quarantined(const struct tdxc_keyids *keyids)
{
	return keyids_count(keyids, KEYID_QUARANTINED);
}
