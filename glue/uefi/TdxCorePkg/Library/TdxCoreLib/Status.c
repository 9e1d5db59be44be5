/** @file
  The core's errors in UEFI's words. The one switch: each of them is here.

  SPDX-License-Identifier: BSD-2-Clause-Patent
**/
#include <Uefi.h>
#include <Library/TdxCoreLib.h>

RETURN_STATUS
TdxCoreStatus (
  IN int  Error
  )
{
  switch (Error) {
    case TDXC_OK:
      return RETURN_SUCCESS;
    case TDXC_E_NOENT:
      return RETURN_NOT_FOUND;
    case TDXC_E_IO:
      return RETURN_DEVICE_ERROR;
    case TDXC_E_AGAIN:
    case TDXC_E_BUSY:
      return RETURN_NOT_READY;
    case TDXC_E_NOMEM:
      return RETURN_OUT_OF_RESOURCES;
    case TDXC_E_ACCES:
      return RETURN_ACCESS_DENIED;
    case TDXC_E_EXIST:
      return RETURN_ALREADY_STARTED;
    case TDXC_E_NODEV:
    case TDXC_E_OPNOTSUPP:
      return RETURN_UNSUPPORTED;
    case TDXC_E_INVAL:
    case TDXC_E_RANGE:
      return RETURN_INVALID_PARAMETER;
    case TDXC_E_NOSPC:
      return RETURN_BUFFER_TOO_SMALL;
    default:
      return RETURN_ABORTED;
  }
}
