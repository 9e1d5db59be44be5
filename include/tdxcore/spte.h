/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/**
 * @file
 * @brief Page-table entries of the VMM: EPT format, mirror entries, the frozen
 *        value, MMIO entries.
 *
 * A *direct* table is an EPT that hardware walks. A *mirror* table has the same
 * format and is never given to hardware: it is the VMM's copy of the private
 * tree that only the TDX module may write.
 *
 * | bits  | meaning                                              | who      |
 * |-------|------------------------------------------------------|----------|
 * | 2:0   | read, write, execute                                 | hardware |
 * | 5:3   | memory type, 6 = write-back                          | hardware |
 * | 6     | ignore the guest's PAT                               | hardware |
 * | 7     | leaf above level 1                                   | hardware |
 * | 8, 9  | accessed, dirty                                      | hardware |
 * | 10    | points to a table                                    | software |
 * | 11    | present                                              | software |
 * | 51:12 | page frame                                           | hardware |
 * | 57    | the host maps the page writable                      | software |
 * | 58    | the MMU allows writes (write-protected: only W is 0) | software |
 * | 63    | suppress \#VE                                        | hardware |
 *
 * An entry without bit 11 maps nothing: it is empty, frozen, or MMIO. An
 * all-zero word is *not* empty: in a TD's tables it decodes as MMIO, because
 * bit 63 is clear. Table memory must be filled with #TDXC_SPTE_EMPTY_BITS.
 *
 * Bit 10 is set in no other entry, also not in a frozen or an MMIO one. Entries
 * that point to a table differ in their address alone: hardware sets no bit
 * there that is not set from the beginning.
 *
 * @source{kvm-mirror-mmu.md 2, 12.3 I-ENC; unshare-kexec-guest.md}
 */
#ifndef TDXCORE_SPTE_H
#define TDXCORE_SPTE_H

#include <tdxc_env.h>

#ifdef __cplusplus
extern "C" {
#endif

/** A raw entry: a type of its own, so that it is not taken for an address. */
struct tdxc_spte {
	uint64_t bits; /**< As it stands in the table. */
};

/** A guest frame number without the shared (alias) bit. */
struct tdxc_gfn {
	uint64_t n; /**< Guest physical address divided by 4 KiB. */
};

/** Page-table levels: 1 = 4 KiB, 2 = 2 MiB, 3 = 1 GiB. */
#define TDXC_LEVEL_4K	     1u
#define TDXC_LEVEL_2M	     2u	  /**< 2 MiB. */
#define TDXC_LEVEL_1G	     3u	  /**< 1 GiB. */
#define TDXC_MIN_LEVELS	     4u	  /**< Of a root. */
#define TDXC_MAX_LEVELS	     5u	  /**< Of a root. */
#define TDXC_ENTRIES	     512u /**< Entries of a table. */

#define TDXC_SPTE_R	     (1ull << 0)  /**< Read. */
#define TDXC_SPTE_W	     (1ull << 1)  /**< Write. */
#define TDXC_SPTE_X	     (1ull << 2)  /**< Execute. */
#define TDXC_SPTE_RWX	     7ull	  /**< All three. */
#define TDXC_SPTE_WB	     (6ull << 3)  /**< Memory type write-back. */
#define TDXC_SPTE_TYPE_SHIFT 3		  /**< Memory type: bits 5:3. */
#define TDXC_SPTE_IPAT	     (1ull << 6)  /**< Ignore the guest's PAT. */
#define TDXC_SPTE_HUGE	     (1ull << 7)  /**< Leaf above level 1. */
#define TDXC_SPTE_A	     (1ull << 8)  /**< Accessed. */
#define TDXC_SPTE_D	     (1ull << 9)  /**< Dirty. */
#define TDXC_SPTE_TABLE	     (1ull << 10) /**< Points to a table. */
#define TDXC_SPTE_PRESENT    (1ull << 11) /**< Maps a page or a table. */
#define TDXC_SPTE_PA_MASK    0x000FFFFFFFFFF000ull /**< Bits 51:12. */
#define TDXC_SPTE_HOST_W     (1ull << 57)	   /**< Writable in the host. */
#define TDXC_SPTE_MMU_W	     (1ull << 58) /**< Writable but for tracking. */
#define TDXC_SPTE_SVE	     (1ull << 63) /**< Suppress \#VE. */

/** What entries that point to a table have in common: all but the address. */
#define TDXC_SPTE_TABLE_BITS                                                   \
	(TDXC_SPTE_SVE | TDXC_SPTE_PRESENT | TDXC_SPTE_TABLE | TDXC_SPTE_A |   \
	 TDXC_SPTE_RWX)

/** An empty slot. */
#define TDXC_SPTE_EMPTY_BITS TDXC_SPTE_SVE
/** A slot whose owner is changing it: bits 3, 4 and 7 besides 63. It is no
 *  encodable entry, has no address, no permission and no A/D bit. */
#define TDXC_SPTE_FROZEN_BITS (TDXC_SPTE_SVE | 0x98ull)

TDXC_STATIC_ASSERT((TDXC_SPTE_FROZEN_BITS &
		    (TDXC_SPTE_PRESENT | TDXC_SPTE_RWX | TDXC_SPTE_A |
		     TDXC_SPTE_D | TDXC_SPTE_PA_MASK | TDXC_SPTE_TABLE)) == 0,
		   "a frozen entry maps nothing");

/**
 * @brief An empty entry.
 * @return #TDXC_SPTE_EMPTY_BITS.
 */
static inline struct tdxc_spte tdxc_spte_empty(void)
{
	struct tdxc_spte s = {TDXC_SPTE_EMPTY_BITS};

	return s;
}

/**
 * @brief The frozen entry.
 * @return #TDXC_SPTE_FROZEN_BITS.
 */
static inline struct tdxc_spte tdxc_spte_frozen(void)
{
	struct tdxc_spte s = {TDXC_SPTE_FROZEN_BITS};

	return s;
}

/**
 * @brief Whether an entry maps a page or a table.
 * @param s Entry.
 * @return Bit 11.
 */
static inline bool tdxc_spte_is_present(struct tdxc_spte s)
{
	return (s.bits & TDXC_SPTE_PRESENT) != 0;
}

/**
 * @brief Whether an entry is frozen.
 * @param s Entry.
 * @return Exact equality with the frozen value.
 */
static inline bool tdxc_spte_is_frozen(struct tdxc_spte s)
{
	return s.bits == TDXC_SPTE_FROZEN_BITS;
}

/**
 * @brief Whether an entry points to a table.
 * @param s Entry.
 * @return true for a present entry that is no leaf.
 */
static inline bool tdxc_spte_is_table(struct tdxc_spte s)
{
	return (s.bits & TDXC_SPTE_TABLE) != 0;
}

/**
 * @brief Whether an entry maps a page.
 * @param s Entry.
 * @return true for a present entry that points to no table.
 */
static inline bool tdxc_spte_is_leaf(struct tdxc_spte s)
{
	return (s.bits & (TDXC_SPTE_PRESENT | TDXC_SPTE_TABLE)) ==
	       TDXC_SPTE_PRESENT;
}

/**
 * @brief Address in an entry.
 * @param s Present entry.
 * @return Host physical address of the page or table. @units{bytes}
 */
static inline uint64_t tdxc_spte_pa(struct tdxc_spte s)
{
	return s.bits & TDXC_SPTE_PA_MASK;
}

/**
 * @brief Entry that points to a table.
 * @param pa Host physical address. @units{bytes, 4 KiB aligned}
 * @return Present, accessed, RWX.
 */
static inline struct tdxc_spte tdxc_spte_table(uint64_t pa)
{
	struct tdxc_spte s = {pa | TDXC_SPTE_TABLE_BITS};

	return s;
}

/**
 * @brief Entry of a mirror that maps a private page: always RWX, write-back.
 * @param pa    Host physical address. @units{bytes, aligned to the level}
 * @param level 1 to 3.
 * @return The entry.
 * @source{seeds.md S002-5}
 */
static inline struct tdxc_spte tdxc_spte_private(uint64_t pa, uint32_t level)
{
	struct tdxc_spte s = {pa | TDXC_SPTE_RWX | TDXC_SPTE_WB |
			      TDXC_SPTE_PRESENT | TDXC_SPTE_HOST_W |
			      TDXC_SPTE_MMU_W | TDXC_SPTE_SVE};

	if (level > TDXC_LEVEL_4K)
		s.bits |= TDXC_SPTE_HUGE;
	return s;
}

/**
 * @brief Bit of a frame number where the index of a level begins.
 * @param level 1 to 5.
 * @return 0 to 36.
 */
static inline uint32_t tdxc_level_shift(uint32_t level)
{
	return 9 * (level - 1);
}

/**
 * @brief Page frames that an entry of a level spans.
 * @param level 1 to 5.
 * @return Their number. @units{4 KiB}
 */
static inline uint64_t tdxc_level_frames(uint32_t level)
{
	return 1ull << tdxc_level_shift(level);
}

/**
 * @brief The level as the TDX module counts: 0 = 4 KiB.
 * @param level 1 to 5.
 * @return 0 to 4. @source{tdx-module-abi.md 1.3}
 */
static inline uint32_t tdxc_level_of_module(uint32_t level)
{
	return level - 1;
}

/** What a leaf of a direct root allows. */
struct tdxc_spte_request {
	uint64_t pa;	      /**< @units{bytes, aligned to the level} */
	uint32_t level;	      /**< 1 to 3. */
	bool read;	      /**< Always true for usable memory. */
	bool exec;	      /**< Executable. */
	bool host_writable;   /**< Writable in the host. */
	bool write_protected; /**< For dirty logging: W stays clear. */
	bool accessed;	      /**< Set A, as a demand fault does. */
	bool dirty;	      /**< Set D: the fault was a write. */
	uint8_t memory_type;  /**< EPT memory type. @units{0..7} */
	bool ignore_pat;      /**< VMs without TDX only. */
};

/**
 * @brief Entry of a direct root that maps a page.
 * @param request What it allows.
 * @return The entry: W only where the host has it and nothing protects it.
 */
static inline struct tdxc_spte
tdxc_spte_direct(const struct tdxc_spte_request *request)
{
	struct tdxc_spte s = {request->pa | TDXC_SPTE_PRESENT | TDXC_SPTE_SVE};

	s.bits |= (request->memory_type & 7ull) << TDXC_SPTE_TYPE_SHIFT;
	if (request->read)
		s.bits |= TDXC_SPTE_R;
	if (request->exec)
		s.bits |= TDXC_SPTE_X;
	if (request->ignore_pat)
		s.bits |= TDXC_SPTE_IPAT;
	if (request->level > TDXC_LEVEL_4K)
		s.bits |= TDXC_SPTE_HUGE;
	if (request->accessed)
		s.bits |= TDXC_SPTE_A;
	s.bits |= request->dirty * TDXC_SPTE_D;
	if (request->host_writable && !request->write_protected)
		s.bits |= TDXC_SPTE_HOST_W | TDXC_SPTE_MMU_W | TDXC_SPTE_W;
	else if (request->host_writable)
		s.bits |= TDXC_SPTE_HOST_W | TDXC_SPTE_MMU_W;
	return s;
}

/** How MMIO entries of a VM look. @source{kvm-mirror-mmu.md 2.2} */
struct tdxc_mmio {
	uint64_t mask;	/**< Bits that tell; never bit 11. */
	uint64_t value; /**< What they are in an MMIO entry. */
};

/**
 * @brief MMIO entries of a VM.
 * @param td true: the guest is a TD and gets \#VE (RWX = 0, bit 63 clear);
 *           false: misconfiguration exits (W and X without R).
 * @return Mask and value.
 */
static inline struct tdxc_mmio tdxc_mmio_of(bool td)
{
	struct tdxc_mmio mmio = {TDXC_SPTE_RWX | TDXC_SPTE_SVE,
				 td ? 0 : TDXC_SPTE_W | TDXC_SPTE_X};

	return mmio;
}

/** MMIO generations that an entry can tell apart: 2^19. */
#define TDXC_MMIO_GENERATIONS (1ull << 19)

/**
 * @brief An MMIO entry.
 * @param mmio       Format.
 * @param generation Of the memory slots. @units{below TDXC_MMIO_GENERATIONS;
 *                   higher bits are dropped}
 * @return The entry: generation bits 6:0 at 9:3, bits 18:7 at 62:51, so that
 *         neither bit 10 nor bit 11 is ever set.
 */
struct tdxc_spte tdxc_spte_mmio(const struct tdxc_mmio *mmio,
				uint64_t generation);

/**
 * @brief Whether an entry is MMIO.
 * @param mmio Format.
 * @param s    Entry.
 * @return true also for an all-zero word in a TD.
 */
static inline bool tdxc_spte_is_mmio(const struct tdxc_mmio *mmio,
				     struct tdxc_spte s)
{
	return (s.bits & mmio->mask) == mmio->value && !tdxc_spte_is_present(s);
}

/**
 * @brief Generation of an MMIO entry.
 * @param s MMIO entry.
 * @return What was given to tdxc_spte_mmio().
 */
uint64_t tdxc_spte_mmio_generation(struct tdxc_spte s);

/**
 * @brief Fill a table with empty entries: never with zeros.
 * @param[out] table 512 entries. @shape{8-byte aligned}
 */
void tdxc_table_fill(uint64_t *table);

#ifdef __cplusplus
}
#endif

#endif
