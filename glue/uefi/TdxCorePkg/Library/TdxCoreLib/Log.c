/** @file
  What the core has to say, on the debug output.

  SPDX-License-Identifier: BSD-2-Clause-Patent
**/
#include <Uefi.h>
#include <Library/DebugLib.h>
#include <Library/TdxCoreLib.h>

VOID
TdxCoreLogSeamcall (
  IN CONST struct tdxc_seamcall_diag  *Diag
  )
{
  CONST CHAR8  *Name = tdxc_leaf_name (Diag->rax);

  DEBUG ((
    Diag->status == 0 ? DEBUG_INFO : DEBUG_ERROR,
    "SEAMCALL %a (%lx): %lx after %lu calls\n",
    Name == NULL ? "?" : Name,
    Diag->rax,
    Diag->status,
    Diag->calls
    ));
}
