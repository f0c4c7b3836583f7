/* format_priv.h: what the files of formats share. */
#ifndef SQUIRE_FORMAT_PRIV_H
#define SQUIRE_FORMAT_PRIV_H

#include "format.h"

#include "address.h"
#include "buf.h"

typedef enum FormatQuote {
    FORMAT_QUOTE_DEFAULT, /* URL where the code says so, else RAW */
    FORMAT_QUOTE_URL,     /* # */
    FORMAT_QUOTE_STRING,  /* " */
    FORMAT_QUOTE_BLOB,    /* [ */
    FORMAT_QUOTE_SHELL,   /* / */
    FORMAT_QUOTE_RAW,     /* ' */
    FORMAT_QUOTE_LOG,     /* what would break a log's line or word */
    FORMAT_QUOTE_COUNT
} FormatQuote;

typedef struct FormatCode FormatCode;

typedef struct FormatToken {
    const FormatCode *code; /* NULL: text as it is */
    char *text;             /* that, or the argument in braces, or NULL */
    char *member;           /* {Field:member}: that member of a list */
    char separator;         /* of the list */
    FormatQuote quote;
    bool isLog; /* no octet is an error */
    bool isLeft;
    bool isZero;
    unsigned width;
    unsigned max; /* octets of the value; 0: no limit */
} FormatToken;

/* A value being found: slice points into the input, or at text or joined. */
typedef struct FormatValue {
    HttpSlice slice;
    char text[ADDRESS_TEXT_MAX];
    Buf joined; /* initialised by the caller */
} FormatValue;

#define FORMAT_CODE_FREE 1u    /* any octet may be in it: escaped */
#define FORMAT_CODE_ESCAPED 2u /* it is so already */
#define FORMAT_CODE_ARG 4u     /* needs {ARGUMENT} */
#define FORMAT_CODE_BRACE 8u   /* ... right behind the name */
#define FORMAT_CODE_WHOLE 16u  /* {ARGUMENT} is no name of a field */
#define FORMAT_CODE_ALL 32u    /* logs may go without: all of them */
#define FORMAT_CODE_TAIL 64u   /* the letters behind it are the argument */

struct FormatCode {
    const char *name;
    void (*get)(const FormatInput *input, const FormatToken *token,
                FormatValue *value); /* NULL: always absent */
    unsigned flags;
    const char *help; /* NULL: another name of one */
};

/* The rows that are about logs. */
extern const FormatCode formatLogCodes[];
extern const size_t formatLogCodeCount;

/* The code that text begins with, the longest; NULL when there is none. */
const FormatCode *formatCodeLookup(const char *text);

/*
 * Append value to out[*used .. size) in that style. 0; -EMSGSIZE; -EINVAL
 * for an octet that it cannot carry. *used is unchanged on error.
 */
int formatQuote(FormatQuote quote, HttpSlice value, char *out, size_t size,
                size_t *used);

#endif
