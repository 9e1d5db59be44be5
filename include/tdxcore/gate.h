/* SPDX-License-Identifier: BSD-2-Clause-Patent */
/**
 * @file
 * @brief The conversion gate: no guest memory changes between private and
 *        shared once the gate is closed.
 *
 * A kernel that hands its memory over makes everything private first
 * (convert.h). Nobody may convert meanwhile, so every conversion stands between
 * tdxc_gate_begin() and tdxc_gate_end(), and the hand-over closes the gate:
 *
 * | who                | calls                                              |
 * |--------------------|----------------------------------------------------|
 * | each conversion    | begin; page tables, MapGPA, ACCEPT; end            |
 * | kexec, shutdown    | close: waits for those in flight, with a limit     |
 * | crash              | close_now: waits for none, says how many there are |
 * | a hand-over failed | open                                               |
 *
 * Closed mark and count are one word, so that no order of two accesses matters:
 * a conversion is counted by the same exchange that finds the gate open, and
 * who closes learns the count by the exchange that closes it. All exchanges are
 * fully ordered: who is told that none is in flight sees all that they did.
 *
 * A conversion inside a conversion is allowed, and counted twice. When the gate
 * is closed between the two, the inner one is refused, and the outer one has to
 * end all the same.
 *
 * None of the functions blocks but tdxc_gate_close(), which calls an op between
 * its looks. An exchange is repeated when another CPU began or ended a
 * conversion at that moment; a begin gives up after TDXC_GATE_ROUNDS of these,
 * an end and a close cannot be refused, and every round that they lose is a
 * conversion that another CPU began or ended.
 *
 * @source{seeds.md S004-2 to S004-4; unshare-kexec-guest.md 2.6, 2.7, 8.1}
 */
#ifndef TDXCORE_GATE_H
#define TDXCORE_GATE_H

#include <tdxc_env.h>

#ifdef __cplusplus
extern "C" {
#endif

/** No conversion begins any more. */
#define TDXC_GATE_CLOSED (1ull << 63)
/** The hand-over went on while conversions were in flight. */
#define TDXC_GATE_RACED (1ull << 62)
/** Conversions in flight, and the most that are counted. */
#define TDXC_GATE_COUNT 0xFFFFFFFFull

/** Lost exchanges after which a begin gives up. */
#define TDXC_GATE_ROUNDS 1000u
/** How long tdxc_gate_close() waits as a rule. @units{nanoseconds}
 *  @source{seeds.md S004-3} */
#define TDXC_GATE_LIMIT_NS 30000000000ull
/** How often it looks as a rule: 30 seconds with a pause of 1 microsecond, the
 *  limit where the clock stands still. */
#define TDXC_GATE_LOOKS 30000000ull

/** The gate. Zeroed: open, nothing in flight. */
struct tdxc_gate {
	uint64_t word; /**< Atomic: the bits above. */
};

/** How waiting works on this platform. All members mandatory. */
struct tdxc_gate_ops {
	uint32_t abi; /**< TDXC_ABI. */
	/**
	 * @brief A monotonic clock. One that stands still or runs backward
	 *        costs time, see #TDXC_GATE_LOOKS, and does no other harm.
	 * @param[in] ctx The port's.
	 * @return Nanoseconds since any point in time; it may wrap.
	 */
	uint64_t (*now_ns)(void *ctx);
	/**
	 * @brief Let about a microsecond pass. May sleep where the caller may.
	 * @param[in] ctx The port's.
	 */
	void (*pause)(void *ctx);
};

/** A wait: the platform's part, and when it is over. */
struct tdxc_gate_wait {
	const struct tdxc_gate_ops *ops; /**< Never NULL. */
	void *ctx;			 /**< Given to every op. */
	uint64_t limit_ns; /**< 0: one look. @units{nanoseconds} */
	uint64_t looks;	   /**< Whatever the clock says. 0: one. */
};

/** How a wait ended. */
enum tdxc_gate_end_of_wait {
	TDXC_GATE_DRAINED,	/**< None in flight. */
	TDXC_GATE_TIMED_OUT,	/**< limit_ns have passed. */
	TDXC_GATE_LOOKED_ENOUGH /**< looks are used up. */
};

/** What tdxc_gate_close() saw. */
struct tdxc_gate_report {
	enum tdxc_gate_end_of_wait end; /**< Why it waits no longer. */
	uint64_t at_close;		/**< In flight as it was closed. */
	uint64_t in_flight;		/**< In flight at the last look. */
	uint64_t looks;			/**< The exchange included. */
	uint64_t waited_ns; /**< As far as the clock went forward. */
};

/** A gate at one moment. */
struct tdxc_gate_state {
	bool closed;	    /**< No conversion begins. */
	bool raced;	    /**< See #TDXC_GATE_RACED. */
	uint64_t in_flight; /**< Conversions that have not ended. */
};

/**
 * @brief A wait by the usual limits.
 * @param ops Platform. @param ctx Its context.
 * @return 30 seconds, and as many looks.
 */
static inline struct tdxc_gate_wait
tdxc_gate_wait_usual(const struct tdxc_gate_ops *ops, void *ctx)
{
	struct tdxc_gate_wait wait = {ops, ctx, TDXC_GATE_LIMIT_NS,
				      TDXC_GATE_LOOKS};

	return wait;
}

/**
 * @brief Begin a conversion.
 *
 * What it reads afterwards is not older than the last opening of the gate.
 *
 * @param[in,out] gate The gate.
 * @retval TDXC_OK         Counted; tdxc_gate_end() is due.
 * @retval TDXC_E_CANCELED The gate is closed; not counted.
 * @retval TDXC_E_NOSPC    TDXC_GATE_COUNT are in flight; not counted.
 * @retval TDXC_E_AGAIN    TDXC_GATE_ROUNDS exchanges were lost; not counted.
 * @return #tdxc_err
 * @locks{any context} @complexity{O(1)}
 */
TDXC_MUST_CHECK int tdxc_gate_begin(struct tdxc_gate *gate);

/**
 * @brief End a conversion, whatever came of it, on any CPU.
 *
 * Who finds the count without it sees everything that was done before.
 *
 * @param[in,out] gate The gate.
 * @retval TDXC_OK      One less in flight.
 * @retval TDXC_E_INVAL None is in flight: an end without a begin. Unchanged.
 * @return #tdxc_err
 * @locks{any context}
 */
int tdxc_gate_end(struct tdxc_gate *gate);

/**
 * @brief Close the gate and wait until no conversion is in flight.
 *
 * Closing it again waits again. Not for a context that has interrupted a
 * conversion: that one cannot end.
 *
 * @param[in,out] gate   The gate.
 * @param[in]     wait   How, and how long.
 * @param[out]    report What was seen. Never NULL.
 * @retval TDXC_OK      Closed, and none is in flight.
 * @retval TDXC_E_BUSY  Closed, and report->in_flight did not end within the
 *                      limits: close it again, or go on by
 *                      tdxc_gate_close_now().
 * @retval TDXC_E_INVAL The ops are of another ABI. Not closed.
 * @return #tdxc_err
 * @locks{any context in which wait->ops->pause may be called}
 * @complexity{at most wait->looks looks} @source{seeds.md S004-2, S004-3}
 */
TDXC_MUST_CHECK int tdxc_gate_close(struct tdxc_gate *gate,
				    const struct tdxc_gate_wait *wait,
				    struct tdxc_gate_report *report);

/**
 * @brief Close the gate and go on, as a crash must.
 *
 * With conversions in flight this is a race, and remembered: the gate will not
 * open again.
 *
 * @param[in,out] gate The gate.
 * @return Conversions in flight; 0: none, and none will be.
 * @locks{any context, also NMI} @source{seeds.md S004-4}
 */
uint64_t tdxc_gate_close_now(struct tdxc_gate *gate);

/**
 * @brief Open the gate again, after a hand-over that did not take place.
 *
 * @param[in,out] gate The gate.
 * @retval TDXC_OK      Open.
 * @retval TDXC_E_BUSY  Conversions are in flight. Unchanged.
 * @retval TDXC_E_INVAL It is not closed, or it was closed by
 *                      tdxc_gate_close_now() with conversions in flight, so
 *                      that what memory is shared is not known. Unchanged.
 * @return #tdxc_err
 * @locks{who closed it}
 */
TDXC_MUST_CHECK int tdxc_gate_open(struct tdxc_gate *gate);

/**
 * @brief Look at a gate.
 * @param[in] gate The gate.
 * @return What it was at that moment.
 * @locks{any context}
 */
struct tdxc_gate_state tdxc_gate_look(const struct tdxc_gate *gate);

#ifdef __cplusplus
}
#endif

#endif
