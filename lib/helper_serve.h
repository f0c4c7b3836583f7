/*
 * helper_serve.h: the loop of a helper program in C.
 *
 * Reads request lines on stdin, calls the handler, writes the reply on
 * stdout. A channel-ID (digits and a blank at the start of a line) is taken
 * off and put before the reply. Whether lines have one is told by the caller,
 * or by libsquire's pools in SQUIRE_CONCURRENCY, else seen by each line, where
 * a request that begins with a number of its own may be taken wrongly.
 * A line longer than HELPER_SERVE_LINE_MAX or
 * with a NUL is answered BH, once, without asking the handler. Replies to
 * lines that came together leave together. Thread: one.
 */
#ifndef SQUIRE_HELPER_SERVE_H
#define SQUIRE_HELPER_SERVE_H

#include "helper_proto.h"

#ifdef __cplusplus
extern "C" {
#endif

#define HELPER_SERVE_LINE_MAX 65535 /* request octets, ID and LF included */

typedef struct HelperServe HelperServe;

typedef enum HelperIds {
    HELPER_IDS_DETECT, /* SQUIRE_CONCURRENCY: 0 is off, a number above it on;
                          without it, a line that begins with one has an ID */
    HELPER_IDS_OFF,    /* no line has an ID */
    HELPER_IDS_ON      /* each has one; a line without is answered BH */
} HelperIds;

/*
 * Answer one request: call helperServeReply once before returning (not at
 * all: BH is sent). line is NUL-terminated, without ID and line end; borrowed
 * until return, may be changed.
 */
typedef void HelperServeCb(HelperServe *serve, char *line, size_t len,
                           void *data);

/*
 * Serve until EOF on stdin. Blocks. Ignores SIGPIPE. Returns an exit status
 * for main: 0 at EOF or when the reader of stdout has gone, 1 on another I/O
 * error. A last line without LF was cut short: it is not answered.
 */
int helperServe(HelperServeCb *handler, void *data);

/* helperServe, and what is known of channel-IDs. */
int helperServeWith(HelperIds ids, HelperServeCb *handler, void *data);

/*
 * Answer the request: the result word, the pairs of helperServeAdd, and text
 * (NULL: none). HELPER_UNKNOWN sends text alone, as the legacy forms need.
 * Text with LF, or a reply that is too long, becomes BH. Aborts on a second
 * reply to one request and on the pool's own results.
 */
void helperServeReply(HelperServe *serve, HelperResult result,
                      const char *text);

/*
 * Add key="value", quoted, to the reply to come; copies both. A pair that
 * cannot be sent (control octets, a bad key, over 32 KiB in all) makes that
 * reply BH.
 */
void helperServeAdd(HelperServe *serve, const char *key, const char *value);

/*
 * For requests that may themselves begin with a number, and do not look as
 * if it were a channel-ID: the line as it came, nothing of it taken as one,
 * unless it is known that lines have IDs. Call it before the line is changed;
 * the reply then goes without ID. Borrowed as the line is.
 */
char *helperServeWholeLine(HelperServe *serve);

/*
 * Split the next blank-separated word off *cursor, as it is: URLs and tokens.
 * Borrowed from the line. NULL at the end.
 */
char *helperServeWord(char **cursor);

/* helperServeWord with %XX decoded, as names and passwords need. */
char *helperServeField(char **cursor);

#ifdef __cplusplus
}
#endif

#endif
