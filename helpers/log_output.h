/*
 * log_output.h: the file of a log, as the commands of the log daemon protocol
 * tell. A file that cannot be written loses lines, counts them and says so on
 * stderr now and then. Thread: one.
 */
#ifndef SQUIRE_LOG_OUTPUT_H
#define SQUIRE_LOG_OUTPUT_H

#include <stddef.h>
#include <stdint.h>

typedef struct LogOutput LogOutput;

/* Open (create, append) the file. One that ends within a line gets the end of
 * that line first. Returns owned, or NULL with errno. */
LogOutput *logOutputOpen(const char *path);

/*
 * Do one command, without its LF: L text, F flush, R rotate, O reopen, T
 * truncate, r N (how many old files rotate keeps), b 0|1 (off|on: whether
 * lines may wait for F). One that is not known is told. May block for writes.
 */
void logOutputCommand(LogOutput *output, const char *command, size_t len);

/* The commands that came together are done: write what may not wait. */
void logOutputSettle(LogOutput *output);

/* Count lines that were lost before they came here. */
void logOutputAddLost(LogOutput *output, uint64_t lines, const char *why);

/* Commands that are done: what they say is in the file, or lost. */
uint64_t logOutputDone(const LogOutput *output);

/* Lines lost so far. */
uint64_t logOutputLost(const LogOutput *output);

/* Write what waits and close. Clears *output; NULL inside is accepted. */
void logOutputClose(LogOutput **output);

#endif
