/** @file
  Bring-up and a TD's life on the software TDX module, whose logical processors
  are this firmware's.

  SPDX-License-Identifier: BSD-2-Clause-Patent
**/
#include "SelfTest.h"
#include "Sha384.h"
#include "Vm.h"

#include <Library/BaseMemoryLib.h>
#include <Library/MemoryAllocationLib.h>

//
// The tests of this file are one life: each goes on where the last one ended,
// and does not begin if that failed.
//
STATIC HOST     *mHost;
STATIC VM       *mVm;
STATIC BOOLEAN  mGoes;
STATIC UINTN    mCallsBefore;

#define GOES_ON()  TAP_CHECK (mGoes); mGoes = FALSE
#define WENT_ON()  mGoes = TRUE; return NULL

STATIC
CONST CHAR8 *
TestSha384 (
  VOID
  )
{
  STATIC CONST UINT8  Abc[8] = { 0xCB, 0x00, 0x75, 0x3F, 0x45, 0xA3, 0x5E, 0x8B };

  UINT8  State[SHA384_STATE];
  UINT8  Hash[SHA384_HASH];

  Sha384 (NULL, TDXC_SIM_SHA384_INIT, State, NULL, 0, NULL);
  Sha384 (NULL, TDXC_SIM_SHA384_UPDATE, State, "abc", 3, NULL);
  Sha384 (NULL, TDXC_SIM_SHA384_FINAL, State, NULL, 0, Hash);
  TAP_CHECK (CompareMem (Hash, Abc, sizeof (Abc)) == 0);
  return NULL;
}

STATIC
CONST CHAR8 *
TestPowerOn (
  VOID
  )
{
  mHost = AllocatePages (EFI_SIZE_TO_PAGES (sizeof (HOST)));
  mVm   = AllocatePages (EFI_SIZE_TO_PAGES (sizeof (VM)));
  TAP_CHECK (mHost != NULL && mVm != NULL);
  TAP_CHECK (HostBegin (mHost) == TDXC_OK);
  TAP_CHECK (mHost->Machine.nr_lps == TdxCoreProcessors ());
  TAP_CHECK (tdxc_module_step (&mHost->Module) == TDXC_MODULE_CPUS);
  WENT_ON ();
}

STATIC
CONST CHAR8 *
TestLpInit (
  VOID
  )
{
  UINTN  Lp;

  GOES_ON ();
  while (tdxc_module_step (&mHost->Module) == TDXC_MODULE_CPUS) {
    struct tdxc_module_todo  Todo;

    TAP_CHECK (tdxc_module_next (&mHost->Module, &Todo) == TDXC_OK);
    if (Todo.step != TDXC_MODULE_CPUS) {
      break;
    }

    TAP_CHECK (HostStep (mHost) == TDXC_OK);
  }

  for (Lp = 0; Lp < mHost->Machine.nr_lps; Lp++) {
    TAP_CHECK (mHost->Cpus[Lp].initialized == 1);
    TAP_CHECK (mHost->Calls[Lp] >= 1);
  }

  WENT_ON ();
}

STATIC
CONST CHAR8 *
TestBringUp (
  VOID
  )
{
  GOES_ON ();
  TAP_CHECK (HostUp (mHost) == TDXC_OK);
  TAP_CHECK (tdxc_module_step (&mHost->Module) == TDXC_MODULE_READY);
  TAP_CHECK (mHost->Module.nr_tdmrs >= 1);
  WENT_ON ();
}

STATIC
CONST CHAR8 *
TestFlushed (
  VOID
  )
{
  TAP_CHECK (mGoes);
  TAP_CHECK (mHost->Flushes == 1);
  return NULL;
}

STATIC
CONST CHAR8 *
TestTdmrs (
  VOID
  )
{
  UINT32  Index;

  TAP_CHECK (mGoes);
  for (Index = 0; Index < mHost->Module.nr_tdmrs; Index++) {
    TAP_CHECK (mHost->Module.tdmrs[Index].next == mHost->Module.tdmrs[Index].range.end);
  }

  TAP_CHECK (mHost->Pamts == mHost->Module.nr_tdmrs);
  return NULL;
}

STATIC
CONST CHAR8 *
TestAudit (
  VOID
  )
{
  TAP_CHECK (mGoes);
  return HostAudit (mHost);
}

STATIC
CONST CHAR8 *
TestBuild (
  VOID
  )
{
  GOES_ON ();
  TAP_CHECK (VmBuild (mVm, mHost) == TDXC_OK);
  TAP_CHECK (mVm->TdVcpu.state == TDXC_VCPU_READY);
  TAP_CHECK (mVm->Td.keyid > mHost->Platform.global_keyid);
  WENT_ON ();
}

STATIC
CONST CHAR8 *
TestLoad (
  VOID
  )
{
  GOES_ON ();
  TAP_CHECK (VmLoad (mVm) == TDXC_OK);
  TAP_CHECK (mVm->Td.step == TDXC_TD_RUN);
  WENT_ON ();
}

STATIC
CONST CHAR8 *
TestRun (
  VOID
  )
{
  UINTN  Violations;

  GOES_ON ();
  mCallsBefore = mHost->Calls[mVm->Processor];
  TAP_CHECK (VmRun (mVm, &Violations) == TDXC_OK);
  TAP_CHECK (Violations == VM_SMALL - VM_IMAGE + 1);
  TAP_CHECK (mVm->Wrong == 0);
  WENT_ON ();
}

STATIC
CONST CHAR8 *
TestAccepted (
  VOID
  )
{
  TAP_CHECK (mGoes);
  TAP_CHECK (mVm->Accepts == VM_SMALL - VM_IMAGE);
  TAP_CHECK (mVm->Accepts2M == 1);
  return NULL;
}

STATIC
CONST CHAR8 *
TestWhere (
  VOID
  )
{
  TAP_CHECK (mGoes);
  TAP_CHECK (mHost->Calls[mVm->Processor] >= mCallsBefore + 2);
  TAP_CHECK (mVm->TdVcpu.cpu == mVm->Processor + 1);
  return NULL;
}

STATIC
CONST CHAR8 *
TestAgain (
  VOID
  )
{
  UINTN  Violations;

  GOES_ON ();
  TAP_CHECK (VmRun (mVm, &Violations) == TDXC_OK);
  TAP_CHECK (Violations == 0 && mVm->Wrong == 0);
  WENT_ON ();
}

STATIC
CONST CHAR8 *
TestTakeAway (
  VOID
  )
{
  UINTN  Accepts = mVm->Accepts;
  UINTN  Violations;

  GOES_ON ();
  TAP_CHECK (VmTakeAway (mVm, VM_IMAGE + 1) == TDXC_OK);
  TAP_CHECK (VmRun (mVm, &Violations) == TDXC_OK);
  TAP_CHECK (Violations == 1 && mVm->Wrong == 0);
  TAP_CHECK (mVm->Accepts == Accepts + 1);
  TAP_CHECK (mVm->Sept.counts.tracks >= 1);
  WENT_ON ();
}

STATIC
CONST CHAR8 *
TestDestroy (
  VOID
  )
{
  GOES_ON ();
  TAP_CHECK (VmDestroy (mVm) == TDXC_OK);
  TAP_CHECK (mVm->Td.step == TDXC_TD_GONE);
  TAP_CHECK (mVm->NrTables == 0);
  TAP_CHECK (!tdxc_mmu_is_poisoned (&mVm->Mmu));
  WENT_ON ();
}

STATIC
CONST CHAR8 *
TestPagesBack (
  VOID
  )
{
  TAP_CHECK (mGoes);
  TAP_CHECK (mHost->NrOut == 0);
  TAP_CHECK (mHost->Quarantine.count == 0);
  return NULL;
}

STATIC
CONST CHAR8 *
TestDown (
  VOID
  )
{
  GOES_ON ();
  TAP_CHECK (HostDown (mHost) == 0);
  HostEnd (mHost);
  FreePages (mHost, EFI_SIZE_TO_PAGES (sizeof (HOST)));
  FreePages (mVm, EFI_SIZE_TO_PAGES (sizeof (VM)));
  return NULL;
}

STATIC CONST TAP_TEST  mTests[] = {
  { "sim: SHA-384 of \"abc\"",                                           TestSha384    },
  { "sim: every processor of the firmware is one of the module's",       TestPowerOn   },
  { "bring-up: LP.INIT is called on each processor itself",              TestLpInit    },
  { "bring-up: goes on to READY",                                        TestBringUp   },
  { "bring-up: caches of all processors were flushed once",              TestFlushed   },
  { "bring-up: each TDMR is initialised and has its PAMT",               TestTdmrs     },
  { "bring-up: the module's state is consistent",                        TestAudit     },
  { "TD: created, keys configured, its vCPU initialised",                TestBuild     },
  { "TD: its image is added, measured and finalised",                    TestLoad      },
  { "TD: runs, and finds its image and zeros in memory it accepted",     TestRun       },
  { "TD: accepts small pages and one of 2 MiB",                          TestAccepted  },
  { "TD: its vCPU runs on the last processor",                           TestWhere     },
  { "TD: the module's state is consistent while it can run",             TestAudit     },
  { "TD: enters again, and finds everything where it was",               TestAgain     },
  { "TD: a page taken away is tracked, faults, and is accepted again",   TestTakeAway  },
  { "TD: the module's state is consistent after that",                   TestAudit     },
  { "TD: is taken down, and its tables with it",                         TestDestroy   },
  { "TD: every page it had is back, none is quarantined",                TestPagesBack },
  { "TD: the module's state is consistent without it",                   TestAudit     },
  { "bring-up: undone, nothing is left",                                 TestDown      },
};

CONST TEST_TABLE  gHostTests = { mTests, ARRAY_SIZE (mTests) };
