/** @file
  Test results as TAP on the serial port, before and after ExitBootServices.

  A program that tests something begins with TapBegin (), runs tables of tests,
  and ends with TapEnd (). Results go to the first serial port, byte by byte and
  without the firmware's help, so that no screen control gets among them; where
  there is no such port, to the console.

  A test is a function that returns NULL, or what was wrong. TAP_CHECK () returns
  from it.

  SPDX-License-Identifier: BSD-2-Clause-Patent
**/
#ifndef TDX_TAP_LIB_H_
#define TDX_TAP_LIB_H_

#define TAP_TEXT_(Text)  #Text
#define TAP_TEXT(Text)   TAP_TEXT_ (Text)

/// In a test: end it here unless this is so.
#define TAP_CHECK(Condition) \
  do { \
    if (!(Condition)) { \
      return __FILE__ ":" TAP_TEXT (__LINE__) ": not: " #Condition; \
    } \
  } while (FALSE)

/// A test's answer where it has nothing to test: the rest is the reason.
#define TAP_SKIP  "SKIP "

typedef CONST CHAR8 *(*TAP_FUNCTION)(
  VOID
  );

typedef struct {
  CONST CHAR8     *Name;
  TAP_FUNCTION    Run;
} TAP_TEST;

/**
  Begin a program's results.

  @param[in] Program  Its name, which stands before each of its tests' names.
**/
VOID
TapBegin (
  IN CONST CHAR8  *Program
  );

/**
  Run tests and print their results.

  @param[in] Tests  The tests.
  @param[in] Count  So many.
**/
VOID
TapRun (
  IN CONST TAP_TEST  *Tests,
  IN UINTN           Count
  );

/**
  Print one result.

  @param[in] Name     The test's.
  @param[in] Problem  NULL: passed; a text that begins with TAP_SKIP: skipped.
**/
VOID
TapResult (
  IN CONST CHAR8  *Name,
  IN CONST CHAR8  *Problem OPTIONAL
  );

/**
  Print a line that is no result.

  @param[in] Text  Without an end of line.
**/
VOID
TapNote (
  IN CONST CHAR8  *Text
  );

/**
  Print the plan and end the program's results.

  @return  How many tests failed.
**/
UINTN
TapEnd (
  VOID
  );

/**
  From now on there is no console: ExitBootServices () was called.
**/
VOID
TapLeaveConsole (
  VOID
  );

#endif
