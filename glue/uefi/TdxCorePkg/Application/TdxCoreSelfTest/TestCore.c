/** @file
  The core, on values: what the compiler of a firmware could have spoilt.

  SPDX-License-Identifier: BSD-2-Clause-Patent
**/
#include "SelfTest.h"

#include <Library/BaseLib.h>
#include <Library/BaseMemoryLib.h>
#include <Library/MemoryAllocationLib.h>
#include <tdxcore/tdxcore.h>

#define GIB  0x40000000ULL

STATIC
CONST CHAR8 *
TestTypes (
  VOID
  )
{
  TAP_CHECK (sizeof (uint64_t) == 8 && sizeof (uint32_t) == 4 && sizeof (uint16_t) == 2);
  TAP_CHECK (sizeof (size_t) == sizeof (UINTN) && sizeof (uintptr_t) == sizeof (UINTN));
  TAP_CHECK (sizeof (bool) == 1 && sizeof (void *) == 8);
  return NULL;
}

STATIC
CONST CHAR8 *
TestVersion (
  VOID
  )
{
  TAP_CHECK (tdxc_version () == (TDXC_VERSION_MAJOR << 16 | TDXC_VERSION_MINOR << 8 | TDXC_VERSION_PATCH));
  TAP_CHECK (tdxc_abi () == TDXC_ABI);
  return NULL;
}

STATIC
CONST CHAR8 *
TestAtomics (
  VOID
  )
{
  UINT64    Word = 0x0000000180000000ULL;
  uint64_t  Old  = 0x0000000080000000ULL;

  TAP_CHECK (!tdxc_try_cmpxchg (&Word, &Old, 7));
  TAP_CHECK (Old == 0x0000000180000000ULL && Word == Old);
  TAP_CHECK (tdxc_try_cmpxchg (&Word, &Old, MAX_UINT64));
  TAP_CHECK (tdxc_xchg (&Word, 1) == MAX_UINT64);
  TAP_CHECK (tdxc_load_acquire (&Word) == 1);
  return NULL;
}

STATIC
CONST CHAR8 *
TestNames (
  VOID
  )
{
  TAP_CHECK (AsciiStrCmp (tdxc_err_name (TDXC_E_NOSPC), "TDXC_E_NOSPC") == 0);
  TAP_CHECK (AsciiStrCmp (tdxc_err_name (1), "TDXC_E_?") == 0);
  TAP_CHECK (AsciiStrCmp (tdxc_leaf_name (TDXC_SYS_INIT), "SYS.INIT") == 0);
  TAP_CHECK (AsciiStrCmp (tdxc_leaf_name (TDXC_SEAMLDR_INSTALL), "SEAMLDR.INSTALL") == 0);
  TAP_CHECK (tdxc_leaf_name (0xFFFF) == NULL);
  TAP_CHECK (AsciiStrCmp (tdxc_td_step_name (TDXC_TD_CREATE), "MNG.CREATE") == 0);
  return NULL;
}

STATIC
CONST CHAR8 *
TestStatus (
  VOID
  )
{
  struct tdxc_status_info  Info;
  UINTN                    Index;

  TAP_CHECK (tdxc_status_class (TDXC_STATUS_UD) == 0xFF);
  TAP_CHECK (tdxc_seamcall_err (TDXC_STATUS_UD) == TDXC_E_ACCES);
  TAP_CHECK (tdxc_seamcall_err (TDXC_STATUS_GP) == TDXC_E_OPNOTSUPP);
  TAP_CHECK (tdxc_seamcall_err (TDXC_STATUS_VMFAILINVALID) == TDXC_E_NODEV);
  for (Index = 0; Index < tdxc_status_count (); Index++) {
    UINT64  Status = tdxc_status_at (Index, &Info);

    TAP_CHECK (tdxc_status_lookup (Status, &Info) == TDXC_OK);
  }

  TAP_CHECK (Index > 50);
  return NULL;
}

STATIC
CONST CHAR8 *
TestRanges (
  VOID
  )
{
  struct tdxc_range  List[3] = {
    { 0x100000, 0x200000       },
    { 0x200000, 3 * GIB        },
    { 5 * GIB,  0xFFFFFFFFF000 }
  };

  TAP_CHECK (tdxc_range_join (List, 3) == 2);
  TAP_CHECK (List[0].end == 3 * GIB && List[1].start == 5 * GIB);
  TAP_CHECK (tdxc_range_find (List, 2, 0x800000000000ULL) == 1);
  return NULL;
}

STATIC
CONST CHAR8 *
TestTracker (
  VOID
  )
{
  struct tdxc_range    Room[2];
  struct tdxc_range    All    = { 6 * GIB, 7 * GIB };
  struct tdxc_range    Middle = { 6 * GIB + SIZE_2MB, 6 * GIB + 2 * SIZE_2MB };
  struct tdxc_tracker  Tracker;

  tdxc_tracker_init (&Tracker, Room, ARRAY_SIZE (Room));
  TAP_CHECK (tdxc_tracker_add (&Tracker, All) == TDXC_OK);
  TAP_CHECK (tdxc_tracker_remove (&Tracker, Middle) == TDXC_OK);
  TAP_CHECK (tdxc_tracker_missing (&Tracker, All).start == Middle.start);
  TAP_CHECK (tdxc_tracker_missing (&Tracker, All).end == Middle.end);
  Middle.start += SIZE_1GB / 2;
  Middle.end   += SIZE_1GB / 2;
  TAP_CHECK (tdxc_tracker_remove (&Tracker, Middle) == TDXC_E_NOSPC);
  return NULL;
}

STATIC
CONST CHAR8 *
TestCmrs (
  VOID
  )
{
  struct tdxc_cmr        Raw[2] = {
    { 0x100000, 0x80000000 - 0x100000 },
    { 4 * GIB,  1024 * GIB            }
  };
  struct tdxc_range      Cmrs[2];
  struct tdxc_cmr_fault  Fault;
  size_t                 Count;

  TAP_CHECK (tdxc_cmr_read (Raw, 2, 46, Cmrs, &Count, &Fault) == TDXC_OK);
  TAP_CHECK (Count == 2 && Cmrs[1].end == 1028 * GIB);
  TAP_CHECK (tdxc_cmr_read (Raw, 2, 36, Cmrs, &Count, &Fault) != TDXC_OK);
  return NULL;
}

STATIC
CONST CHAR8 *
MakePlan (
  IN CONST struct tdxc_plan_config  *Config,
  IN VOID                           *Scratch,
  IN UINTN                          Bytes
  )
{
  struct tdxc_plan        Plan;
  struct tdxc_plan_fault  Fault;

  TAP_CHECK (tdxc_plan_make (&Plan, Config, Scratch, Bytes, &Fault) == TDXC_OK);
  TAP_CHECK (Plan.nr_tdmrs == 2 && Plan.lost_bytes == 0);
  TAP_CHECK (Plan.tdmrs[0].range.start == 0);
  TAP_CHECK (Plan.tdmrs[Plan.nr_tdmrs - 1].range.end == 260 * GIB);
  //
  // 1/256 of 258 GiB, and as much as the larger pages cost.
  //
  TAP_CHECK (Plan.pamt_bytes == 258 * (4ULL << 20) + 258 * (8ULL << 10) + 8192);
  return NULL;
}

STATIC
CONST CHAR8 *
TestPlan (
  VOID
  )
{
  STATIC CONST struct tdxc_range     Cmrs[] = {
    { 0x100000, 2 * GIB   },
    { 4 * GIB,  260 * GIB }
  };
  STATIC CONST struct tdxc_plan_ram  Ram[] = {
    { .range = { 0x100000, 2 * GIB   }
    },
    { .range = { 4 * GIB,  260 * GIB }
    }
  };

  struct tdxc_plan_config  Config;
  size_t                   Bytes;
  VOID                     *Scratch;
  CONST CHAR8              *Problem;

  ZeroMem (&Config, sizeof (Config));
  Config.abi     = TDXC_ABI;
  Config.limits  = tdxc_limits_observed ();
  Config.cmrs    = Cmrs;
  Config.nr_cmrs = ARRAY_SIZE (Cmrs);
  Config.ram     = Ram;
  Config.nr_ram  = ARRAY_SIZE (Ram);
  TAP_CHECK (tdxc_plan_scratch_bytes (&Config, &Bytes) == TDXC_OK);
  Scratch = AllocatePages (EFI_SIZE_TO_PAGES (Bytes));
  TAP_CHECK (Scratch != NULL);
  Problem = MakePlan (&Config, Scratch, Bytes);
  FreePages (Scratch, EFI_SIZE_TO_PAGES (Bytes));
  return Problem;
}

STATIC
CONST CHAR8 *
TestGate (
  VOID
  )
{
  struct tdxc_gate  Gate = { 0 };

  TAP_CHECK (tdxc_gate_begin (&Gate) == TDXC_OK);
  TAP_CHECK (tdxc_gate_begin (&Gate) == TDXC_OK);
  TAP_CHECK (tdxc_gate_close_now (&Gate) == 2);
  TAP_CHECK (tdxc_gate_begin (&Gate) != TDXC_OK);
  TAP_CHECK (tdxc_gate_end (&Gate) == TDXC_OK && tdxc_gate_end (&Gate) == TDXC_OK);
  TAP_CHECK (tdxc_gate_end (&Gate) != TDXC_OK);
  return NULL;
}

STATIC
CONST CHAR8 *
TestCoherence (
  VOID
  )
{
  struct tdxc_coherence_cpu  Cpu = { 0 };

  tdxc_coherence_begin (&Cpu, TDXC_COHERENCE_BY_TD);
  tdxc_coherence_flush_begin (&Cpu);
  TAP_CHECK (tdxc_coherence_flush_end (&Cpu) == TDXC_COHERENCE_BY_TD);
  tdxc_coherence_end (&Cpu);
  tdxc_coherence_flush_begin (&Cpu);
  TAP_CHECK (tdxc_coherence_flush_end (&Cpu) == 0);
  return NULL;
}

STATIC CONST TAP_TEST  mTests[] = {
  { "core: types have their sizes where long has 32 bits",              TestTypes     },
  { "core: header and library are of one version",                      TestVersion   },
  { "core: words of 64 bits are exchanged as a whole",                  TestAtomics   },
  { "core: names of errors, leaves and steps",                          TestNames     },
  { "core: every completion status is found again",                     TestStatus    },
  { "core: ranges above 4 GiB are joined and found",                    TestRanges    },
  { "core: the tracker splits a range, or says that it has no room",    TestTracker   },
  { "core: CMRs above 4 GiB are read, those beyond the width are not",  TestCmrs      },
  { "core: 258 GiB are planned, nothing is lost",                       TestPlan      },
  { "core: a crash closes the gate at once, and counts who is inside",  TestGate      },
  { "core: no flush within an act clears its mark",                     TestCoherence },
};

CONST TEST_TABLE  gCoreTests = { mTests, ARRAY_SIZE (mTests) };
