/*
 * check.h: assertions for our own mistakes, and checked object magic.
 *
 * Never used for input from a helper, the network, a configuration file or
 * the kernel. A failed check writes one line to stderr and, where debug.h
 * is used, to the log, and calls abort().
 * Thread: any.
 */
#ifndef SQUIRE_CHECK_H
#define SQUIRE_CHECK_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Report a failed check with its place and abort. Never returns. */
void checkFail(const char *file, int line, const char *func, const char *what)
    __attribute__((noreturn, cold));

typedef void CheckReportCb(const char *line);

/* Also tell report of a failed check before abort(); NULL: nobody. */
void checkSetReport(CheckReportCb *report);

/* Abort with a named stop when cond is false. Never compiled out. */
#define CHECK(cond)                                                            \
    ((cond) ? (void)0 : checkFail(__FILE__, __LINE__, __func__, #cond))

/*
 * Every heap object starts with `uint32_t magic`. CHECK_OBJ proves that ptr
 * is a living object of the expected kind; CHECK_OBJ_CLEAR marks it dead.
 * Each magic value is used by one type only (test/style checks it).
 */
#define CHECK_OBJ(ptr, magicValue)                                             \
    CHECK((ptr) != NULL && (ptr)->magic == (magicValue))
#define CHECK_OBJ_CLEAR(ptr) ((void)((ptr)->magic = 0xdeadbeefu))

#ifdef __cplusplus
}
#endif

#endif
