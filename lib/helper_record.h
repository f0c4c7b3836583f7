/*
 * helper_record.h: record files: what helpers were asked and what they
 * answered, as plain text for people and programs (doc/record-format.md).
 * A recorded exchange and an expected one look the same. Thread: any.
 */
#ifndef SQUIRE_HELPER_RECORD_H
#define SQUIRE_HELPER_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "buf.h"

#ifdef __cplusplus
extern "C" {
#endif

#define HELPER_RECORD_FILE_MAX (64u << 20) /* octets of a file */

typedef enum HelperExpect {
    HELPER_EXPECT_LINE,    /* this line */
    HELPER_EXPECT_GLOB,    /* a line that fits: * octets, ? one, \c is c */
    HELPER_EXPECT_SILENCE, /* no answer */
    HELPER_EXPECT_EXIT,    /* the process exits with number */
    HELPER_EXPECT_SIGNAL,  /* it is killed by signal number */
    HELPER_EXPECT_COUNT
} HelperExpect;

typedef struct HelperRecordAnswer {
    HelperExpect expect;
    const char *text; /* NUL-terminated, without line end; "" if no line */
    size_t len;
    int number;
    unsigned line; /* in the file */
} HelperRecordAnswer;

typedef struct HelperRecordExchange {
    const char *request; /* as text above; NULL: its input ends */
    size_t requestLen;
    const HelperRecordAnswer *answers;
    size_t answerCount;
    unsigned line;     /* in the file */
    int64_t wallUs;    /* of the answer, since 1970; 0: not known */
    int64_t queueUs;   /* -1: not known */
    int64_t serviceUs; /* likewise */
    unsigned number;   /* of the process in its pool; 0: not known, or
                          the pool answered */
    pid_t pid;         /* 0: not known */
} HelperRecordExchange;

typedef struct HelperRecord {
    const char *const *argv; /* NULL-terminated; NULL: not said */
    unsigned concurrency;    /* 0: the helper gets no channel-IDs */
    char endMark;            /* as in HelperConfig; LF: texts hold none */
    const HelperRecordExchange *exchanges;
    size_t count;
} HelperRecord;

/*
 * Parse a record file of len octets; name is for the error text. Borrows all
 * until return. Returns owned; NULL with errno EBADMSG and the reason, as
 * name:line: what is wrong, in why (size >= 1).
 */
HelperRecord *helperRecordParse(const char *name, const char *text, size_t len,
                                char *why, size_t whySize);

/* Read and parse a file; blocks. NULL with errno and the reason in why: EFBIG
 * longer than HELPER_RECORD_FILE_MAX, or what open and read gave. */
HelperRecord *helperRecordRead(const char *path, char *why, size_t whySize);

/* Free it. Clears *record; NULL inside is accepted. */
void helperRecordDestroy(HelperRecord **record);

/* True when a line, without its end, is what was expected; false for
 * expectations of something else than a line. */
bool helperRecordMatches(const HelperRecordAnswer *answer, const char *line,
                         size_t len);

/* Append the first lines of a file, which say all of record but its
 * exchanges. 0; or, with nothing appended, -ENOBUFS, or -EINVAL: there is LF
 * in a word of argv. */
int helperRecordFormatHead(const HelperRecord *record, Buf *out);

/* Append one exchange, whose texts have neither the record's endMark nor NUL
 * and need not end with NUL. 0, or -ENOBUFS with nothing appended. */
int helperRecordFormatExchange(const HelperRecordExchange *exchange, Buf *out);

#ifdef __cplusplus
}
#endif

#endif
