/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/**
 * @file
 * @brief Walking a page table: one lookup, or an ordered walk over a range.
 *
 * A walk never writes. Tables are reached through a constant offset between
 * host physical and virtual addresses, never through a call per entry.
 *
 * Guest frame numbers carry no alias bit. The bit is added here and nowhere
 * else, where an index is computed: 0 for a mirror, bit 35 (4 levels) or 39
 * (5 levels) of the frame number for the direct root of a TD.
 *
 * Context: tables may be unlinked while a walk runs. The caller is inside a
 * read-side section (RCU or alike) for as long as it uses an iterator or an
 * entry pointer, or holds the lock exclusively.
 *
 * @source{kvm-mirror-mmu.md 1.4, 3; seeds.md S002-4, S002-11}
 */
#ifndef TDXCORE_ITER_H
#define TDXCORE_ITER_H

#include <tdxcore/spte.h>

#ifdef __cplusplus
extern "C" {
#endif

/** A tree to walk. */
struct tdxc_tree {
	uint64_t pa; /**< Host physical address of the root table. */
	/** Virtual minus physical address of any table.
	 *  @units{bytes, multiple of 4 KiB} */
	uint64_t virt;
	uint64_t alias; /**< Frame number bits OR-ed into every index. */
	/** Frame numbers are below this: at most @ref alias, and at most
	 *  2^(9 * levels). */
	uint64_t end;
	uint32_t levels;    /**< 4 or 5. */
	uint32_t reserved_; /**< 0. */
};

/**
 * @brief Frame number bit of the shared half.
 * @param levels 4: bit 47 of the address, or 5: bit 51.
 * @return Bit 35 or 39. @source{kvm-mirror-mmu.md 1.4}
 */
static inline uint64_t tdxc_alias_bit(uint32_t levels)
{
	return levels == 5 ? 1ull << 39 : 1ull << 35;
}

/**
 * @brief A tree without its bounds: both halves, every entry there is.
 * @param tree Tree.
 * @return The same tables without alias bit; frame numbers of it are addresses
 *         that hardware walks. @source{kvm-mirror-mmu.md 3.2 fact 6}
 */
static inline struct tdxc_tree tdxc_tree_whole(const struct tdxc_tree *tree)
{
	struct tdxc_tree whole = *tree;

	whole.alias = 0;
	whole.end = 1ull << (9 * tree->levels);
	return whole;
}

/** What a lookup found: passed in registers. */
struct tdxc_found {
	uint64_t level; /**< Of the entry; 0: the frame is out of bounds. */
	struct tdxc_spte spte; /**< The last entry read. */
};

/**
 * @brief Where a table is mapped.
 * @param tree Tree.
 * @param pa   Host physical address. @units{bytes, 4 KiB aligned}
 * @return Its entries.
 */
static inline uint64_t *tdxc_table_at(const struct tdxc_tree *tree, uint64_t pa)
{
	return (uint64_t *)(size_t)(pa + tree->virt);
}

/**
 * @brief Index of a frame in a table.
 * @param gfn   Frame, with alias bit where there is one.
 * @param level Level of the table, 1 to 5.
 * @return 0 to 511.
 */
static inline uint32_t tdxc_table_index(uint64_t gfn, uint32_t level)
{
	return (uint32_t)(gfn >> tdxc_level_shift(level)) & (TDXC_ENTRIES - 1);
}

/** @cond private */
static inline struct tdxc_found tdxc_found_(uint64_t bits, uint64_t level)
{
	struct tdxc_found found = {level, {bits}};

	return found;
}

/* An entry of the table that is mapped there. */
static inline uint64_t tdxc_entry_(uint64_t table, uint64_t index)
{
	const uint64_t *entries = (const uint64_t *)(size_t)table;

	return tdxc_load_acquire(&entries[index]);
}

/* Whether an entry less TDXC_SPTE_TABLE_BITS is the address of a table: no
 * other entry has those lower twelve bits. */
static inline bool tdxc_is_child_(uint64_t table)
{
	return (table & 0xFFF) == 0;
}
/** @endcond */

/**
 * @brief Look a frame up, inline.
 *
 * Stops at the first entry that points to no table: a leaf of any size, an
 * empty slot, MMIO, or a frozen one (tdxc_spte_is_frozen()). Its state stays in
 * registers, so that independent lookups overlap.
 *
 * @param tree Tree.
 * @param gfn  Frame, without alias bit.
 * @return Entry and level; level 0 and an empty entry beyond tree->end.
 * @locks{none; inside a read-side section}
 */
static inline struct tdxc_found tdxc_lookup_inline(const struct tdxc_tree *tree,
						   struct tdxc_gfn gfn)
{
	uint64_t below; /* from an entry to the table it points to */
	uint64_t table;
	uint64_t bits;
	uint64_t n;

	if (TDXC_UNLIKELY(gfn.n >= tree->end))
		return tdxc_found_(TDXC_SPTE_EMPTY_BITS, 0);
	n = gfn.n | tree->alias;
	below = tree->virt - TDXC_SPTE_TABLE_BITS;
	/* The index of a root needs no mask: see tdxc_tree::end. */
	if (tree->levels == 5) {
		bits = tdxc_entry_(tree->pa + tree->virt, n >> 36);
		table = bits + below;
		if (TDXC_UNLIKELY(!tdxc_is_child_(table)))
			return tdxc_found_(bits, 5);
		bits = tdxc_entry_(table, (n >> 27) & 511);
	} else {
		bits = tdxc_entry_(tree->pa + tree->virt, n >> 27);
	}
	table = bits + below;
	if (TDXC_UNLIKELY(!tdxc_is_child_(table)))
		return tdxc_found_(bits, 4);
	bits = tdxc_entry_(table, (n >> 18) & 511);
	table = bits + below;
	if (TDXC_UNLIKELY(!tdxc_is_child_(table)))
		return tdxc_found_(bits, 3);
	bits = tdxc_entry_(table, (n >> 9) & 511);
	table = bits + below;
	if (TDXC_UNLIKELY(!tdxc_is_child_(table)))
		return tdxc_found_(bits, 2);
	return tdxc_found_(tdxc_entry_(table, n & 511), 1);
}

/**
 * @brief Look a frame up.
 * @param tree Tree.
 * @param gfn  Frame, without alias bit.
 * @return As tdxc_lookup_inline().
 * @locks{none; inside a read-side section}
 * @complexity{a load per level}
 */
struct tdxc_found tdxc_lookup(const struct tdxc_tree *tree,
			      struct tdxc_gfn gfn);

/** An ordered walk, parents before children. */
struct tdxc_iter {
	const struct tdxc_tree *tree;	     /**< What is walked. */
	uint64_t *path[TDXC_MAX_LEVELS + 1]; /**< Table by level. */
	uint64_t *slot;			     /**< The current entry. */
	struct tdxc_spte spte; /**< Snapshot of it, taken on arrival. */
	uint64_t gfn;	       /**< First frame it covers, without alias. */
	uint64_t next;	       /**< Frame the walk is heading for. */
	uint64_t restarted;    /**< The same, when it last left the root. */
	uint64_t end;	       /**< Frames are below this. */
	uint32_t level;	       /**< Level of the entry. */
	uint32_t min_level;    /**< Never descends below. */
	bool valid;	       /**< false: the walk is over. */
};

/**
 * @brief Begin a walk over frames [start, end).
 *
 * @param[out] it        Iterator; it->valid tells whether there is an entry.
 * @param[in]  tree      Tree. Kept by reference.
 * @param[in]  start     First frame, without alias bit.
 * @param[in]  end       One past the last; clipped to tree->end.
 * @param[in]  min_level Lowest level to visit. @units{1..tree->levels}
 * @retval TDXC_OK      Begun, or nothing to walk (it->valid false).
 * @retval TDXC_E_INVAL @p start carries the alias bit, a level is wrong, or the
 *                      tree has frames that its indices cannot tell apart;
 *                      it->valid is false.
 * @return #tdxc_err
 */
TDXC_MUST_CHECK int tdxc_iter_begin(struct tdxc_iter *it,
				    const struct tdxc_tree *tree,
				    struct tdxc_gfn start, struct tdxc_gfn end,
				    uint32_t min_level);

/**
 * @brief Go on: down into the table of the current entry, else to the next one.
 *
 * The entry is read again before going down, so that a table that was unlinked
 * or frozen since the snapshot is not entered.
 *
 * @param[in,out] it Valid iterator; it->valid is false when the walk is over.
 */
void tdxc_iter_next(struct tdxc_iter *it);

/**
 * @brief Go on beside or above the current entry, not into its table.
 * @param[in,out] it Valid iterator.
 */
void tdxc_iter_skip(struct tdxc_iter *it);

/**
 * @brief Read the current entry again.
 * @param[in,out] it Valid iterator.
 */
void tdxc_iter_reread(struct tdxc_iter *it);

/**
 * @brief Walk from the root again to the frame the walk is heading for.
 *
 * After the lock or the read-side section was left in between: no pointer of
 * before may be used. The entries above that frame are met once more.
 *
 * @param[in,out] it Valid iterator.
 */
void tdxc_iter_restart(struct tdxc_iter *it);

/**
 * @brief Whether a walk has left an entry behind since it began or was
 *        restarted: one that yields without this makes no progress.
 * @param it Valid iterator.
 * @return it->next has moved. @source{kvm-mirror-mmu.md 3.3}
 */
static inline bool tdxc_iter_may_yield(const struct tdxc_iter *it)
{
	return it->next != it->restarted;
}

#ifdef __cplusplus
}
#endif

#endif
