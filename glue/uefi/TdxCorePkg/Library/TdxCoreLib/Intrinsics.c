/** @file
  The four functions of C that compilers call on their own.

  EDK2 has no library of them that every X64 platform links, and where one is
  linked a second definition must not be an error: these are weak. Loops are
  instructions or volatile, or the compiler makes of each a call of the function
  it is in; "used", or link-time optimisation drops them before it knows who calls.

  SPDX-License-Identifier: BSD-2-Clause-Patent
**/
#include <tdxc_env.h>

#define INTRINSIC  __attribute__ ((weak, used))

INTRINSIC
void *
memcpy (
  void        *Destination,
  const void  *Source,
  size_t      Length
  )
{
  void  *To;

  To = Destination;
  __asm__ volatile ("rep movsb" : "+D" (To), "+S" (Source), "+c" (Length) : : "memory");
  return Destination;
}

INTRINSIC
void *
memmove (
  void        *Destination,
  const void  *Source,
  size_t      Length
  )
{
  volatile uint8_t        *To;
  const volatile uint8_t  *From;

  if ((uintptr_t)Destination - (uintptr_t)Source >= Length) {
    return memcpy (Destination, Source, Length);
  }

  //
  // The start of the destination lies in the source. Not with the direction
  // flag set: an interrupt's handler need not expect it.
  //
  To   = Destination;
  From = Source;
  while (Length > 0) {
    Length--;
    To[Length] = From[Length];
  }

  return Destination;
}

INTRINSIC
void *
memset (
  void    *Destination,
  int     Byte,
  size_t  Length
  )
{
  void  *To;

  To = Destination;
  __asm__ volatile ("rep stosb" : "+D" (To), "+c" (Length) : "a" (Byte) : "memory");
  return Destination;
}

INTRINSIC
int
memcmp (
  const void  *First,
  const void  *Second,
  size_t      Length
  )
{
  const volatile uint8_t  *Left;
  const volatile uint8_t  *Right;
  size_t                  Index;

  Left  = First;
  Right = Second;
  for (Index = 0; Index < Length; Index++) {
    if (Left[Index] != Right[Index]) {
      return Left[Index] - Right[Index];
    }
  }

  return 0;
}
