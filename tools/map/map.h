/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/**
 * @file
 * @brief Memory maps of real machines, read from text.
 *
 * Five formats, told apart by content (tools/map/detect.c says how), plus the
 * lists that go with a map: NUMA nodes and CMRs. The parsers work on a buffer
 * and touch no file, so they can be fuzzed and embedded; map_read*() add the
 * file. Nothing is printed: a refusal is described in struct map_error.
 *
 * Every range is half-open here, whatever the text uses. Addresses are below
 * 2^52. Lists come out sorted and free of overlap.
 */
#ifndef TDXCORE_TOOLS_MAP_H
#define TDXCORE_TOOLS_MAP_H

#include <tdxcore/plan.h>

#include "../layout/layout.h"

/** Addresses of a map are below 2^this. */
#define MAP_PA_BITS LAYOUT_PA_BITS
/** Room for the name of a type; longer ones are cut. @units{bytes, with NUL} */
#define MAP_TYPE_BYTES 40
/** Largest file that is read. @units{bytes} */
#define MAP_MAX_BYTES ((size_t)64 << 20)
/** Largest NUMA node number. */
#define MAP_MAX_NODE 65535

/** What every function here that can fail returns. */
enum map_result {
	MAP_OK = 0,
	MAP_E_INPUT = -1, /**< The text or file is bad; map_error says why. */
	MAP_E_NOMEM = -2, /**< No memory; map_error says so too. */
};

/** Why something was refused. */
struct map_error {
	const char *name; /**< File, as the caller named it; not owned. */
	size_t line;	  /**< 1 for the first; 0: no particular line. */
	char text[240];	  /**< What is wrong and what was expected. */
};

/** Formats of a memory map. */
enum map_format {
	MAP_BOOTLOG, /**< Linux boot log: `BIOS-e820: [mem 0xA-0xB] usable`. */
	MAP_PLAIN,   /**< `START END TYPE...`, hex, inclusive end. */
	MAP_IOMEM,   /**< /proc/iomem; only lines without indentation count. */
	MAP_EFI,     /**< EFI memory map: `memNN ...` lines. */
	MAP_JSON,    /**< What `tdxcore plan --json` prints. */
	MAP_NR_FORMATS
};

/** One range of a list: of a map, a NUMA list or a CMR list. */
struct map_entry {
	struct tdxc_range range;   /**< Never empty. @units{bytes} */
	bool ram;		   /**< What the map calls usable RAM. */
	bool has_node;		   /**< @ref node was given. */
	uint32_t node;		   /**< NUMA node; 0 where unknown. */
	size_t line;		   /**< Where it was found; 0: nowhere. */
	char type[MAP_TYPE_BYTES]; /**< As the map calls it; "" in lists. */
};

/** A growing list. Zero-initialise; free with map_list_free(). */
struct map_list {
	struct map_entry *entries; /**< Owned. */
	size_t nr;		   /**< Entries in use. */
	size_t room;		   /**< Entries allocated. */
};

/** A machine's memory. Zero-initialise; free with map_free(). */
struct map {
	enum map_format format; /**< What the text turned out to be. */
	struct map_list memory; /**< All ranges of all types, ascending. */
	struct map_list cmrs;	/**< CMRs the text itself carries (JSON). */
};

/* --- reading ------------------------------------------------------------- */

/**
 * @brief Tell the format of a text.
 * @param text Text. @shape{len bytes, any content}
 * @param len  Its length. @units{bytes}
 * @return The format; MAP_PLAIN where nothing else fits.
 */
enum map_format map_detect(const char *text, size_t len);

/**
 * @brief Read a memory map from a buffer.
 *
 * @param[in]  text  Text. @shape{len bytes, any content, no NUL needed}
 * @param[in]  len   Its length. @units{bytes}
 * @param[in]  name  Name for messages; kept in @p error.
 * @param[out] map   Result; empty on failure.
 * @param[out] error Filled on failure.
 * @return #map_result
 */
int map_parse(const char *text, size_t len, const char *name, struct map *map,
	      struct map_error *error);

/** @brief map_parse() with the format known: no detection. */
int map_parse_as(enum map_format format, const char *text, size_t len,
		 const char *name, struct map *map, struct map_error *error);

/**
 * @brief Read a NUMA list: `NODE START END`, decimal and hex, inclusive end.
 * @return #map_result; overlapping ranges of two nodes are refused, of one node
 *         joined.
 */
int map_parse_numa(const char *text, size_t len, const char *name,
		   struct map_list *nodes, struct map_error *error);

/**
 * @brief Read a CMR list: `BASE SIZE` in hex, or the lines
 *        `CMR: [0xA, 0xB)` of a boot log, where all other lines are ignored.
 *        More than TDXC_MAX_CMRS are refused.
 * @return #map_result; order and overlap are map_cmrs_listed()'s business.
 */
int map_parse_cmrs(const char *text, size_t len, const char *name,
		   struct map_list *cmrs, struct map_error *error);

/** @brief map_parse() on a file, or standard input when @p path is "-". */
int map_read(const char *path, struct map *map, struct map_error *error);
/** @brief map_parse_numa() on a file, or standard input. */
int map_read_numa(const char *path, struct map_list *nodes,
		  struct map_error *error);
/** @brief map_parse_cmrs() on a file, or standard input. */
int map_read_cmrs(const char *path, struct map_list *cmrs,
		  struct map_error *error);

/** @brief Read `START-END:NODE` (hex, inclusive end; decimal) into a list. */
int map_option_node(const char *arg, struct map_list *nodes,
		    struct map_error *error);
/** @brief Read `BASE:SIZE` (hex) into a list. */
int map_option_cmr(const char *arg, struct map_list *cmrs,
		   struct map_error *error);

/* --- using --------------------------------------------------------------- */

/**
 * @brief Sort a NUMA list put together from several sources and refuse
 *        overlaps between different nodes.
 * @return #map_result
 */
int map_check_nodes(struct map_list *nodes, const char *name,
		    struct map_error *error);

/**
 * @brief Give RAM its nodes: RAM entries are split at node borders.
 *
 * A page belongs to the node that holds its first byte. RAM in no range of
 * @p nodes gets node 0.
 *
 * @param[in,out] map       Map; unchanged on failure.
 * @param[in]     nodes     Checked list.
 * @param[out]    uncovered RAM above 1 MiB that no range covers. @units{bytes}
 * @param[out]    error     Filled on failure.
 * @return #map_result
 */
int map_apply_nodes(struct map *map, const struct map_list *nodes,
		    uint64_t *uncovered, struct map_error *error);

/**
 * @brief The map's RAM: whole 4 KiB pages, ascending; touching ranges of one
 *        node are joined.
 *
 * Touching RAM entries are joined before they are trimmed to pages, as Linux
 * does: a page that two of them share is RAM.
 *
 * @param[in]  map Map.
 * @param[out] ram Owned by the caller, free(); NULL when empty.
 * @param[out] nr  Entries of @p ram.
 * @return #map_result (MAP_OK or MAP_E_NOMEM)
 */
int map_ram(const struct map *map, struct tdxc_plan_ram **ram, size_t *nr);

/**
 * @brief `--cmr ram`: convertible memory is the RAM above 1 MiB, no more.
 * @param[in]  map  Map.
 * @param[out] cmrs Joined, ascending. Owned by the caller, free(); NULL on
 *                  failure.
 * @param[out] nr   Entries of @p cmrs.
 * @return #map_result (MAP_OK or MAP_E_NOMEM)
 */
int map_cmrs_ram(const struct map *map, struct tdxc_range **cmrs, size_t *nr);

/**
 * @brief `--cmr span`: entries of any type between two RAM ranges are
 *        convertible too, where the map describes every byte between them.
 *
 * Never across 4 GiB; each range starts and ends with RAM above 1 MiB.
 * Parameters and result as map_cmrs_ram().
 */
int map_cmrs_span(const struct map *map, struct tdxc_range **cmrs, size_t *nr);

/**
 * @brief A list of CMRs as the module would report it, through
 *        tdxc_cmr_read(): order, overlap and alignment are checked.
 *
 * @param[in]  list  CMRs in the order given.
 * @param[in]  name  Name for messages.
 * @param[out] cmrs  Joined, ascending. Owned by the caller, free().
 * @param[out] nr    Entries of @p cmrs.
 * @param[out] error Filled on failure.
 * @return #map_result
 */
int map_cmrs_listed(const struct map_list *list, const char *name,
		    struct tdxc_range **cmrs, size_t *nr,
		    struct map_error *error);

/** @brief Free a map's lists; the map is empty afterwards. */
void map_free(struct map *map);
/** @brief Free a list; it is empty afterwards. */
void map_list_free(struct map_list *list);
/** @brief Name of a format, for messages. */
const char *map_format_name(enum map_format format);

#endif
