/*
 * helper_serve.h: the loop of a helper program in C.
 *
 * Reads request lines on stdin, calls the handler, writes and flushes the
 * reply on stdout. Channel-IDs are recognised and echoed, over-long lines are
 * answered once with BH and skipped to their end. Thread: one.
 */
#ifndef SQUIRE_HELPER_SERVE_H
#define SQUIRE_HELPER_SERVE_H

#include "helper_proto.h"

typedef struct HelperServe HelperServe;

/*
 * Answer one request: call exactly one of the helperServeReply functions
 * before returning (none: BH is sent). line is NUL-terminated, without ID
 * and line end; it may be changed.
 */
typedef void HelperServeCb(HelperServe *serve, char *line, size_t len,
                           void *data);

/* Serve until EOF on stdin. Returns an exit status for main: 0 at EOF, 1 on
 * an I/O error. Blocks. */
int helperServe(HelperServeCb *handler, void *data);

/* Reply with a result word only, or with text after it (text may be NULL). */
void helperServeReply(HelperServe *serve, HelperResult result,
                      const char *text);

/* Add key="value", quoted as needed, to the reply that helperServeReply will
 * send; call before it. */
void helperServeAdd(HelperServe *serve, const char *key, const char *value);

/* Split the next blank-separated field off *cursor, URL-decoded in place.
 * NULL at the end. */
char *helperServeField(char **cursor);

#endif
