#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause-Patent
"""Break the conversion gate in every known way; each must be noticed.

    gate_mutations.py TREE FOLDER CC...    TREE: the sources; FOLDER: scratch

As mutations.py: textual replacements in a copy of the source, the scenarios
whose names begin so, and the properties (gate_scenarios.c) of which one must
fail.
"""
import mutant

FLAGS = ["-std=c11", "-O1", "-D_POSIX_C_SOURCE=200809L",
         "-Itests/interleave/env", "-Iinclude", "-Ilibtdxcore"]
SOURCES = ("tests/interleave/explore.c", "tests/interleave/gate_scenarios.c",
           "libtdxcore/convert.c", "libtdxcore/convert_map.c",
           "libtdxcore/convert_page.c", "libtdxcore/seamcall.c",
           "libtdxcore/status.c", "libtdxcore/err.c")

BEGIN = """\
		if (tdxc_try_cmpxchg(&gate->word, &old, old + 1))
			return TDXC_OK;
"""
REFUSE = """\
		if ((old & TDXC_GATE_CLOSED) != 0)
			return TDXC_E_CANCELED;
"""
END = "	} while (!tdxc_try_cmpxchg(&gate->word, &old, old - 1));\n"
CLOSE = "	} while (!tdxc_try_cmpxchg(&gate->word, &old, now));\n"
COUNTED = "	return now & TDXC_GATE_COUNT;\n"
OPEN = "	if (tdxc_try_cmpxchg(&gate->word, &old, 0))\n"

# What is broken, [(its text, the text instead)], scenarios, properties.
MUTATIONS = (
    ("the gate is closed by a plain store",
     [(CLOSE, "	} while (false);\n"
              "	tdxc_store_release(&gate->word, now);\n")],
     "two converters", ("G-CLEAN", "G-LATE", "G-COUNT")),
    ("the gate is closed over what others count meanwhile",
     [(CLOSE, "	} while (false);\n"
              "	(void)tdxc_xchg(&gate->word, now);\n")],
     "two converters", ("G-CLEAN", "G-LATE", "G-COUNT")),
    ("the count is read before the closed mark",
     [("	uint64_t now;\n",
       "	uint64_t early = old & TDXC_GATE_COUNT;\n	uint64_t now;\n"),
      (COUNTED, "	return early;\n")],
     "a converter and a crash", ("G-CLEAN", "G-LATE", "G-RACED")),
    ("a conversion begins by a plain store",
     [(BEGIN, "		tdxc_store_release(&gate->word, old + 1);\n"
              "		return TDXC_OK;\n")],
     "a converter and a", ("G-CLEAN", "G-LATE", "G-COUNT", "G-OPEN")),
    ("a conversion looks for the mark only once",
     [(REFUSE, "		if (round == 0 && (old & TDXC_GATE_CLOSED) != 0)\n"
               "			return TDXC_E_CANCELED;\n")],
     "a converter and a", ("G-CLEAN", "G-LATE")),
    ("a refused conversion is counted",
     [(REFUSE, ""),
      (BEGIN, "		if (tdxc_try_cmpxchg(&gate->word, &old, old + 1))\n"
              "			return old >> 63 ? TDXC_E_CANCELED"
              " : TDXC_OK;\n")],
     "a converter and a crash", ("G-COUNT",)),
    ("a conversion ends by a plain store",
     [(END, "	} while (false);\n"
            "	tdxc_store_release(&gate->word, old - 1);\n")],
     "two converters", ("G-COUNT", "G-OPEN", "G-RACED", "G-CLEAN")),
    ("a close does not wait",
     [("	if (report->at_close != 0)\n",
       "	if (report->at_close > TDXC_GATE_COUNT)\n")],
     "a converter and a close", ("G-WAIT", "G-CLEAN", "G-LATE")),
    ("a wait ends when one conversion has ended",
     [("	return report->in_flight == 0;\n",
       "	return report->in_flight < report->at_close;\n")],
     "two converters and a close", ("G-WAIT", "G-CLEAN", "G-LATE")),
    ("a race is not remembered",
     [("			now |= more;\n",
       "			now |= more & TDXC_GATE_CLOSED;\n")],
     "a converter and a crash", ("G-RACED",)),
    ("a gate with conversions in flight opens",
     [(OPEN, "	old = tdxc_load_once(&gate->word);\n"
             "	if (old >> 62 == 2 && tdxc_try_cmpxchg(&gate->word, &old,"
             " old & TDXC_GATE_COUNT))\n")],
     "a close that timed out, and", ("G-OPEN",)),
    ("a gate opens over what stands there",
     [(OPEN, "	if ((tdxc_load_once(&gate->word) << 2) == 0 &&\n"
             "	    (tdxc_xchg(&gate->word, 0), true))\n")],
     "a crash and an opening", ("G-RACED", "G-OPEN", "G-COUNT")),
)

mutant.main(FLAGS, SOURCES,
            [(name, "libtdxcore/gate.c", *rest) for name, *rest in MUTATIONS])
